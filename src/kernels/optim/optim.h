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

#define WHET_OPTIM_PROTOTYPES(T, suffix)                                                                            \
    /* m and m_out are NULL where momentum is 0. */                                                                 \
    void whet_sgd_##suffix(const whet_sgd *o, int64_t n, const T *w, const T *g, const T *m, T *w_out, T *m_out);   \
    void whet_adam_##suffix(const whet_adam *o, int64_t n, const T *w, const T *g, const T *m, const T *v, T *w_out, T *m_out, \
                            T *v_out);                                                                              \
    /* b: buffer of the momentum, NULL where it is 0; a: mean gradient, NULL unless centered. */                    \
    void whet_rms_prop_##suffix(const whet_rms_prop *o, int64_t n, const T *w, const T *g, const T *s, const T *b, const T *a, \
                                T *w_out, T *s_out, T *b_out, T *a_out);                                            \
    /* e_out = e + share * (w - e) */                                                                               \
    void whet_ema_##suffix(double share, int64_t n, const T *e, const T *w, T *e_out);                              \
    /* a_out = (a is NULL ? 0 : a) + share * g */                                                                   \
    void whet_accumulate_##suffix(double share, int64_t n, const T *a, const T *g, T *a_out);                       \
    /* Sum of squares: eight running sums in double, added pairwise at the end. */                                  \
    double whet_sum_squares_##suffix(int64_t n, const T *x);
WHET_OPTIM_PROTOTYPES(float, f32_ref)
WHET_OPTIM_PROTOTYPES(double, f64_ref)
#if defined(__x86_64__)
WHET_OPTIM_PROTOTYPES(float, f32_avx2)
WHET_OPTIM_PROTOTYPES(float, f32_avx512)
#endif

/* All f32 functions for these ISA bits (0: plain C). The bits do not depend on the choice. */
typedef struct whet_optim_f32 {
    void (*sgd)(const whet_sgd *, int64_t, const float *, const float *, const float *, float *, float *);
    void (*adam)(const whet_adam *, int64_t, const float *, const float *, const float *, const float *, float *, float *, float *);
    void (*rms_prop)(const whet_rms_prop *, int64_t, const float *, const float *, const float *, const float *, const float *, float *,
                     float *, float *, float *);
    void (*ema)(double, int64_t, const float *, const float *, float *);
    void (*accumulate)(double, int64_t, const float *, const float *, float *);
    double (*sum_squares)(int64_t, const float *);
} whet_optim_f32;
const whet_optim_f32 *whet_optim_f32_for(uint32_t isa);

#endif
