/* SPDX-License-Identifier: Apache-2.0 */
/* Normalisation of a contiguous run of `n` elements (layer, RMS, instance and group normalisation are this with other runs
 * and other ways to find the scale), its gradient, and local response normalisation. Sums run in double.
 *
 *   y = (x - mean) * invstd * scale + bias;   element i takes scale[i / every], bias[i / every]
 *   center false: mean is 0 and the variance is the mean square (RMS normalisation). */
#ifndef WHET_KERNELS_GROUP_NORM_H
#define WHET_KERNELS_GROUP_NORM_H

#include <stdbool.h>
#include <stdint.h>

typedef struct whet_norm_run { int64_t n, every; double epsilon; bool center; } whet_norm_run;
typedef struct whet_lrn { int64_t channels, positions, size; double alpha, beta, bias; } whet_lrn;

#define WHET_GROUP_NORM_PROTOTYPES(T, suffix)                                                                       \
    void whet_norm_run_##suffix(const whet_norm_run *r, const T *x, const T *scale, const T *bias, T *y, double *mean, double *invstd); \
    void whet_norm_run_grad_##suffix(const whet_norm_run *r, const T *dy, const T *x, const T *scale, T *dx);       \
    /* Adds this run's share: diff_scale[i / every] += dy * xhat, diff_bias[i / every] += dy. */ \
    void whet_norm_run_grad_scale_##suffix(const whet_norm_run *r, const T *dy, const T *x, double *diff_scale, double *diff_bias); \
    /* One image, channels of contiguous positions. */                                                              \
    void whet_lrn_image_##suffix(const whet_lrn *l, const T *x, T *y);                                              \
    void whet_lrn_grad_image_##suffix(const whet_lrn *l, const T *dy, const T *x, T *dx);
WHET_GROUP_NORM_PROTOTYPES(float, f32_ref)
WHET_GROUP_NORM_PROTOTYPES(double, f64_ref)

#endif
