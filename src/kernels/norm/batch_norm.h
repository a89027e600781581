/* SPDX-License-Identifier: Apache-2.0 */
/* The passes of batch normalisation over memory, forward and backward, with an optional residual and ReLU:
 *
 *   z = (x - mean) * a + b + residual,  y = relu ? max(z, 0) : z          a = scale / sqrt(var + epsilon), b = bias
 *   g = dy where y > 0 (or everywhere),  dx = a * g + p * (x - mean) + q   with per-channel p and q
 *
 * Two forms: `rows` for channels innermost, x[rows][channels]; `plane` for one channel's contiguous positions, with
 * pointers to that channel's own values in place of the per-channel arrays. Sums run in T over blocks of 128 positions and
 * in double over the blocks, on x - shift, so that neither length nor a large mean costs digits. Sums are added to what
 * sum[] and more[] hold. Arrays may be the same where a result replaces an argument position by position. */
#ifndef WHET_KERNELS_BATCH_NORM_H
#define WHET_KERNELS_BATCH_NORM_H

#include <stdbool.h>
#include <stdint.h>

#define WHET_BATCH_NORM_PROTOTYPES(T, suffix)                                                                       \
    /* sum += x - shift, more += (x - shift)^2 */                                                                   \
    void whet_bn_sums_rows_##suffix(int64_t rows, int64_t channels, const T *x, const T *shift, double *sum, double *more); \
    void whet_bn_sums_plane_##suffix(int64_t n, const T *x, const T *shift, double *sum, double *more);             \
    void whet_bn_apply_rows_##suffix(int64_t rows, int64_t channels, const T *x, const T *mean, const T *a, const T *b, \
                                     const T *residual, bool relu, T *y);                                           \
    void whet_bn_apply_plane_##suffix(int64_t n, const T *x, const T *mean, const T *a, const T *b, const T *residual, \
                                      bool relu, T *y);                                                             \
    /* sum += g, more += g * (x - mean). relu: the mask is y > 0, or recomputed from x when y is NULL. g (may be NULL): \
     * the masked gradient is stored there. */                                                                      \
    void whet_bn_grad_sums_rows_##suffix(int64_t rows, int64_t channels, const T *dy, const T *x, const T *y, const T *mean, \
                                         const T *a, const T *b, bool relu, T *g, double *sum, double *more);       \
    void whet_bn_grad_sums_plane_##suffix(int64_t n, const T *dy, const T *x, const T *y, const T *mean, const T *a,  \
                                          const T *b, bool relu, T *g, double *sum, double *more);                  \
    /* relu here: mask recomputed from x (pass relu = false for a dy that is masked already). */                    \
    void whet_bn_grad_apply_rows_##suffix(int64_t rows, int64_t channels, const T *dy, const T *x, const T *mean, const T *a, \
                                          const T *b, bool relu, const T *p, const T *q, T *dx);                    \
    void whet_bn_grad_apply_plane_##suffix(int64_t n, const T *dy, const T *x, const T *mean, const T *a, const T *b, \
                                           bool relu, const T *p, const T *q, T *dx);
WHET_BATCH_NORM_PROTOTYPES(float, f32_ref)
WHET_BATCH_NORM_PROTOTYPES(double, f64_ref)
#if defined(__x86_64__)
WHET_BATCH_NORM_PROTOTYPES(float, f32_avx2)
WHET_BATCH_NORM_PROTOTYPES(float, f32_avx512)
#endif

#endif
