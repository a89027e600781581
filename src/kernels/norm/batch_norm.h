/* SPDX-License-Identifier: Apache-2.0 */
/* The passes of batch normalisation over memory, forward and backward, with an optional residual and activation:
 *
 *   z = (x - mean) * a + b + residual,  y = act(z)                         a = scale / sqrt(var + epsilon), b = bias
 *   g = dy * act'(z),  dx = a * g + p * (x - mean) + q                     with per-channel p and q
 *
 * act is nothing (NULL), a clip (ReLU: 0 to infinity; act' is 1 strictly inside, else 0) or SiLU (z / (1 + exp(-z))). In the
 * gradient z is computed again from x, so that neither it nor y must be kept.
 *
 * Two forms: `rows` for channels innermost, x[rows][channels]; `plane` for one channel's contiguous positions, with
 * pointers to that channel's own values in place of the per-channel arrays. Sums run in T over blocks of 128 positions and
 * in double over the blocks, on x - shift, so that neither length nor a large mean costs digits. Sums are added to what
 * sum[] and more[] hold. stream: y goes past the caches (it is far larger than they are). Arrays may be the same where a result replaces an argument position by position. */
#ifndef WHET_KERNELS_BATCH_NORM_H
#define WHET_KERNELS_BATCH_NORM_H

#include <stdbool.h>
#include <stdint.h>

enum { WHET_BN_CLIP, WHET_BN_SILU };
typedef struct whet_bn_act { int kind; double lo, hi; } whet_bn_act;

#define WHET_BATCH_NORM_PROTOTYPES(T, suffix)                                                                       \
    /* sum += x - shift, more += (x - shift)^2 */                                                                   \
    void whet_bn_sums_rows_##suffix(int64_t rows, int64_t channels, const T *x, const T *shift, double *sum, double *more); \
    void whet_bn_sums_plane_##suffix(int64_t n, const T *x, const T *shift, double *sum, double *more);             \
    void whet_bn_apply_rows_##suffix(int64_t rows, int64_t channels, const T *x, const T *mean, const T *a, const T *b, \
                                     const T *residual, const whet_bn_act *act, bool stream, T *y);                 \
    void whet_bn_apply_plane_##suffix(int64_t n, const T *x, const T *mean, const T *a, const T *b, const T *residual, \
                                      const whet_bn_act *act, T *y);                                                             \
    /* sum += g, more += g * (x - mean). With a residual the clip's mask comes from y (else NULL), as z is not known   \
     * from x alone. g (may be NULL): g is stored there. */                                                         \
    void whet_bn_grad_sums_rows_##suffix(int64_t rows, int64_t channels, const T *dy, const T *x, const T *y, const T *mean, \
                                         const T *a, const T *b, const whet_bn_act *act, T *g, double *sum, double *more);       \
    void whet_bn_grad_sums_plane_##suffix(int64_t n, const T *dy, const T *x, const T *y, const T *mean, const T *a,  \
                                          const T *b, const whet_bn_act *act, T *g, double *sum, double *more);                  \
    /* act here: from x (pass NULL for a dy that is g already). */                   \
    void whet_bn_grad_apply_rows_##suffix(int64_t rows, int64_t channels, const T *dy, const T *x, const T *mean, const T *a, \
                                          const T *b, const whet_bn_act *act, const T *p, const T *q, T *dx);                    \
    void whet_bn_grad_apply_plane_##suffix(int64_t n, const T *dy, const T *x, const T *mean, const T *a, const T *b, \
                                           const whet_bn_act *act, const T *p, const T *q, T *dx);
WHET_BATCH_NORM_PROTOTYPES(float, f32_ref)
WHET_BATCH_NORM_PROTOTYPES(double, f64_ref)
#if defined(__x86_64__)
WHET_BATCH_NORM_PROTOTYPES(float, f32_avx2)
WHET_BATCH_NORM_PROTOTYPES(float, f32_avx512)
#endif

#endif
