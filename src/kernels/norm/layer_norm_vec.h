/* SPDX-License-Identifier: Apache-2.0 */
/* Vector kernels of layer and RMS normalisation for rows of n contiguous f32 values:
 *
 *   y = (x - mean) * invstd * scale + bias;   center false: mean is 0 and the variance is the mean square
 *
 * Sums run in f32 over blocks of 4096 elements and in double over the blocks; the variance is that around the mean. */
#ifndef WHET_KERNELS_LAYER_NORM_VEC_H
#define WHET_KERNELS_LAYER_NORM_VEC_H

#include <stdbool.h>
#include <stdint.h>

typedef struct whet_layer_norm_vec {
    /* bias, mean and invstd (one value a row) may be NULL; y may be x. */
    void (*rows)(int64_t rows, int64_t n, bool center, double epsilon, const float *x, const float *scale, const float *bias,
                 float *y, float *mean, float *invstd);
    /* diff_scale[i] += dy * xhat, diff_bias[i] += dy, both in f32: call for some tens of rows. dx may be dy or x. */
    void (*rows_grad)(int64_t rows, int64_t n, bool center, double epsilon, const float *dy, const float *x, const float *scale,
                      float *dx, float *diff_scale, float *diff_bias);
    /* For group and instance normalisation: mean and invstd of n values; then, for the positions of one channel,
     * y = (x - mean) * a + b;  *sum += dy, *dot += dy * (x - mean);  dx = a * dy + p * (x - mean) + q. */
    void (*stats)(int64_t n, double epsilon, const float *x, float *mean, float *invstd);
    void (*plane)(int64_t n, const float *x, float mean, float a, float b, float *y);
    void (*plane_sums)(int64_t n, const float *dy, const float *x, float mean, double *sum, double *dot);
    void (*plane_grad)(int64_t n, const float *dy, const float *x, float mean, float a, float p, float q, float *dx);
} whet_layer_norm_vec;

const whet_layer_norm_vec *whet_layer_norm_vec_for(uint32_t isa); /* NULL: none */

#if defined(__x86_64__)
extern const whet_layer_norm_vec whet_layer_norm_f32_avx2, whet_layer_norm_f32_avx512;
#endif

#endif
