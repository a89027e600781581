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
typedef struct whet_rms_prop {
    double lr, alpha, epsilon, momentum, weight_decay;
    bool epsilon_inside;
} whet_rms_prop;

/* m and m_out are NULL where momentum is 0. */
void whet_sgd_f32_ref(const whet_sgd *o, int64_t n, const float *w, const float *g, const float *m, float *w_out, float *m_out);
void whet_sgd_f64_ref(const whet_sgd *o, int64_t n, const double *w, const double *g, const double *m, double *w_out, double *m_out);
void whet_adam_f32_ref(const whet_adam *o, int64_t n, const float *w, const float *g, const float *m, const float *v,
                       float *w_out, float *m_out, float *v_out);
void whet_adam_f64_ref(const whet_adam *o, int64_t n, const double *w, const double *g, const double *m, const double *v,
                       double *w_out, double *m_out, double *v_out);
/* b: buffer of the momentum, NULL where it is 0; a: mean gradient, NULL unless centered. */
void whet_rms_prop_f32_ref(const whet_rms_prop *o, int64_t n, const float *w, const float *g, const float *s, const float *b, const float *a,
                           float *w_out, float *s_out, float *b_out, float *a_out);
void whet_rms_prop_f64_ref(const whet_rms_prop *o, int64_t n, const double *w, const double *g, const double *s, const double *b,
                           const double *a, double *w_out, double *s_out, double *b_out, double *a_out);
/* e_out = e + share * (w - e) */
void whet_ema_f32_ref(double share, int64_t n, const float *e, const float *w, float *e_out);
void whet_ema_f64_ref(double share, int64_t n, const double *e, const double *w, double *e_out);
/* a_out = (a is NULL ? 0 : a) + share * g */
void whet_accumulate_f32_ref(double share, int64_t n, const float *a, const float *g, float *a_out);
void whet_accumulate_f64_ref(double share, int64_t n, const double *a, const double *g, double *a_out);
/* Sum of squares: eight running sums in double, added pairwise at the end. */
double whet_sum_squares_f32_ref(int64_t n, const float *x);
double whet_sum_squares_f64_ref(int64_t n, const double *x);

#endif
