/* SPDX-License-Identifier: Apache-2.0 */
/* Batch normalisation and its gradient over rows x c dense f32 (NHWC: a row is a pixel, c its channels), and column sums
 * with them. Sums run in double, row after row, one accumulator per channel; they add to what is there, so that a caller
 * can cut the rows and join the parts in order.
 *
 *   forward   y = act(x * a[c] + b[c] + residual)                                   a = scale * invstd, b = bias - mean * a
 *   backward  g = dy, or 0 where act(...) was 0 (known from y, or from x without a residual)
 *             sums: sum g, sum g * (x - mean) * invstd;   dx = g * a + (x - mean) * p + q,   diff_residual = g */
#ifndef WHET_KERNELS_NORM_NHWC_H
#define WHET_KERNELS_NORM_NHWC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct whet_bn_args {
    int64_t rows, c;
    const float *x, *residual; /* residual may be NULL */
    float *y;
    const float *a, *b;        /* c each */
    bool relu;
    /* backward */
    const float *dy;
    const float *mask_y;       /* relu: y of the forward pass, or NULL to use x * a + b */
    const float *mean, *invstd, *p, *q;
    float *dx, *dres;          /* dres may be NULL; dx or dres may be dy */
    double *sum, *sum2;        /* c each */
} whet_bn_args;
typedef void (*whet_bn_fn)(const whet_bn_args *a);

/* K(isa bits, symbol, tile, types, tier) */
#define K(isa, symbol, tile, types, tier)                                                                           \
    void whet_bn_stats_##symbol(const whet_bn_args *a);      /* sum += x, sum2 += x * x; sum2 may be NULL */        \
    void whet_bn_apply_##symbol(const whet_bn_args *a);                                                             \
    void whet_bn_back_stats_##symbol(const whet_bn_args *a);                                                        \
    void whet_bn_back_apply_##symbol(const whet_bn_args *a);
#include "kernels/norm/norm_nhwc.def"
#undef K

typedef struct whet_bn_kernel {
    uint32_t isa;
    const char *name;
    int tier;
    whet_bn_fn stats, apply, back_stats, back_apply;
} whet_bn_kernel;
int whet_bn_kernel_count(void);
const whet_bn_kernel *whet_bn_kernel_at(int i); /* best first */
const whet_bn_kernel *whet_bn_kernel_for(uint32_t isa);

#endif
