/* SPDX-License-Identifier: Apache-2.0 */
/* Optimiser steps over n contiguous weights. Outputs may be the arrays that they replace. The formulas stand in
 * ir/op_optim.c. */
#ifndef WHET_KERNELS_OPTIM_H
#define WHET_KERNELS_OPTIM_H

#include <stdbool.h>
#include <stdint.h>

typedef struct whet_sgd { double lr, momentum, dampening, weight_decay; bool nesterov; } whet_sgd;
typedef struct whet_adam {
    double lr, beta1, beta2, epsilon, weight_decay;
    double correct1, correct2; /* 1 - beta1^t, 1 - beta2^t */
    bool decoupled;
} whet_adam;

/* m and m_out are NULL where momentum is 0. */
void whet_sgd_f32_ref(const whet_sgd *o, int64_t n, const float *w, const float *g, const float *m, float *w_out, float *m_out);
void whet_sgd_f64_ref(const whet_sgd *o, int64_t n, const double *w, const double *g, const double *m, double *w_out, double *m_out);
void whet_adam_f32_ref(const whet_adam *o, int64_t n, const float *w, const float *g, const float *m, const float *v,
                       float *w_out, float *m_out, float *v_out);
void whet_adam_f64_ref(const whet_adam *o, int64_t n, const double *w, const double *g, const double *m, const double *v,
                       double *w_out, double *m_out, double *v_out);

#endif
