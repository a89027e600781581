/* SPDX-License-Identifier: Apache-2.0 */
/* Depthwise convolution (one filter a channel) over NHWC f32. Weights are [kh][kw][c]. Each output is one chain of fused
 * multiply-adds over the taps, row by row, starting from the bias; rows of the kernel outside the image are left out, columns
 * outside read zeros. The data gradient is the same over diff_dst with flipped weights, one call per phase of the stride.
 * The weight gradient is one chain per tap and channel over the positions, row by row; taps outside are left out. */
#ifndef WHET_KERNELS_DW_H
#define WHET_KERNELS_DW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct whet_dw_args {
    const float *src;      /* image h x w x c */
    const float *weights;
    const float *bias;     /* c or NULL */
    const float *add;      /* like dst, added before the clip, or NULL; may be dst */
    float *dst;            /* position (y, x) at dst + y * dst_row + x * dst_step */
    ptrdiff_t dst_row, dst_step;
    int64_t h, w, c, ow;
    int kh, kw, sh, sw, dh, dw, pt, pl; /* position t reads t * s - p + k * d */
    float lo, hi;          /* clip; NaN stays NaN */
    bool silu;             /* x * sigmoid(x) behind the clip: the bits of whet_act_for of the same ISA */
} whet_dw_args;
/* Rows [y0, y1) of the output, channels [c0, c1). */
typedef void (*whet_dw_fn)(const whet_dw_args *a, int64_t y0, int64_t y1, int64_t c0, int64_t c1);

typedef struct whet_dw_grad_args {
    const float *src;      /* image h x w x c */
    const float *diff_dst; /* oh x ow x c */
    float *acc;            /* [kh][kw][c], added to */
    int64_t h, w, c, ow;
    int kh, kw, sh, sw, dh, dw, pt, pl;
} whet_dw_grad_args;
/* Rows [y0, y1) of diff_dst, channels [c0, c1). */
typedef void (*whet_dw_grad_fn)(const whet_dw_grad_args *a, int64_t y0, int64_t y1, int64_t c0, int64_t c1);

/* K(isa bits, symbol, tile, types, tier) */
#define K(isa, symbol, tile, types, tier)                                                                             \
    void whet_dw_f32_##symbol(const whet_dw_args *a, int64_t y0, int64_t y1, int64_t c0, int64_t c1);                \
    void whet_dw_grad_f32_##symbol(const whet_dw_grad_args *a, int64_t y0, int64_t y1, int64_t c0, int64_t c1);
#include "kernels/conv/dw.def"
#undef K

typedef struct whet_dw_kernel {
    uint32_t isa;
    const char *name, *tile, *types;
    int tier;
    whet_dw_fn rows;
    whet_dw_grad_fn grad;
} whet_dw_kernel;
const whet_dw_kernel *whet_dw_kernel_at(int i); /* best first */
const whet_dw_kernel *whet_dw_kernel_for(uint32_t isa);

#endif
