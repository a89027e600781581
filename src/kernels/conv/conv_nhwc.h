/* SPDX-License-Identifier: Apache-2.0 */
/* NHWC f32 convolution and its two gradients over the matrix kernels of gemm.h. One image, or some of its rows, per
 * call; the caller cuts the work and owns the scratch.
 *
 * A direction (y or x) is a list of taps: output position t reads input index t * step + off[k] for each tap k, and is
 * stored at index first + t * stride. The forward pass has step = stride of the convolution, off = k * dilation - pad.
 * The data gradient splits into stride_h * stride_w phases, each a stride-1 correlation over diff_dst with the taps that
 * meet that phase; so both are the same routine. */
#ifndef WHET_KERNELS_CONV_NHWC_H
#define WHET_KERNELS_CONV_NHWC_H

#include <stdbool.h>

#include "kernels/gemm/gemm.h"

enum { WHET_CONV_MAX_TAPS = 16 }; /* a direction */

typedef struct whet_conv2d_geom {
    int64_t n, h, w, ic, oh, ow, oc; /* of the forward convolution */
    int kh, kw, sh, sw, dh, dw, pt, pl, groups;
} whet_conv2d_geom;

typedef struct whet_conv_axis {
    int64_t in;               /* input size */
    int64_t count;            /* output positions */
    int64_t first, stride;    /* where they are stored */
    int step, n;              /* n taps */
    int64_t off[WHET_CONV_MAX_TAPS];
    int tap[WHET_CONV_MAX_TAPS]; /* which row or column of the kernel */
    int64_t lo, hi;           /* input indices touched: [lo, hi) over all positions */
} whet_conv_axis;

void whet_conv_axis_forward(whet_conv_axis *a, int64_t in, int64_t out, int k, int stride, int dilation, int pad);
/* Phase 0 <= phase < stride of the data gradient; n may be 0: those positions have gradient zero. */
void whet_conv_axis_backward(whet_conv_axis *a, int64_t in, int64_t out, int k, int stride, int dilation, int pad, int phase);

typedef struct whet_conv_pass {
    const whet_gemm_kernel *kernel;
    whet_conv_axis y, x;
    int64_t ic, oc, groups;     /* channels read and written, all groups together */
    int64_t dst_w;              /* width of dst in positions */
    bool pad;                   /* rows must be copied with their padding */
    int n_runs, run_len;
    ptrdiff_t row;              /* floats between rows that the kernel reads */
    ptrdiff_t runs[WHET_CONV_MAX_TAPS * WHET_CONV_MAX_TAPS];
} whet_conv_pass;

void whet_conv_pass_init(whet_conv_pass *p, const whet_gemm_kernel *kernel, const whet_conv_axis *y,
                         const whet_conv_axis *x, int64_t ic, int64_t oc, int64_t groups, int64_t dst_w);
/* Floats of scratch for `rows` positions of y. */
size_t whet_conv_scratch(const whet_conv_pass *p, int64_t rows);
/* Packed weights of all groups: floats, and the packing of blocks [b0, b1) of whet_conv_blocks(). OIHW source.
 * backward: channels swapped, as the data gradient needs. */
size_t whet_conv_weights_size(const whet_conv_pass *p);
int64_t whet_conv_blocks(const whet_conv_pass *p);
void whet_conv_pack(const whet_conv_pass *p, float *dst, const float *weights, const whet_conv2d_geom *g, bool backward,
                    int64_t b0, int64_t b1);

typedef struct whet_conv_image {
    const float *src, *weights, *bias, *add; /* image, packed; bias may be NULL; add has dst's layout or is NULL */
    float *dst, *scratch;
    float lo, hi;
} whet_conv_image;
/* Positions [y0, y1) of one image, output channels [c0, c1) of each group (multiples of 16, or the end). */
void whet_conv_run(const whet_conv_pass *p, const whet_conv_image *im, int64_t y0, int64_t y1, int64_t c0, int64_t c1);

/* Weight gradient: adds the part of g->n images, output channels [c0, c1) of each group, to acc[group][kh][kw][ic/g][oc/g]. */
size_t whet_conv_wgrad_scratch(const whet_conv2d_geom *g);
void whet_conv_wgrad(const whet_gemm_kernel *kernel, const whet_conv2d_geom *g, const float *src, const float *diff_dst,
                     float *acc, float *scratch, int64_t c0, int64_t c1);
/* dst (OIHW) = sum of `parts` partial sums, in order, for forward-kernel rows [r0, r1) of groups*kh*kw*(ic/g). */
void whet_conv_wgrad_sum(const whet_conv2d_geom *g, float *dst, const float *acc, int parts, int64_t r0, int64_t r1);

#endif
