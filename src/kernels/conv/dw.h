/* SPDX-License-Identifier: Apache-2.0 */
/* Depthwise convolution (one filter a channel) over NHWC f32, one output row a call. Weights are [kh][kw][c]. Each output is
 * one chain of fused multiply-adds over the taps inside the image, row by row, starting from the bias. */
#ifndef WHET_KERNELS_DW_H
#define WHET_KERNELS_DW_H

#include <stddef.h>
#include <stdint.h>

typedef struct whet_dw_args {
    const float *src;      /* image h x w x c */
    const float *weights;
    const float *bias;     /* c or NULL */
    const float *add;      /* like dst, added before the clip, or NULL; may be dst */
    float *dst;            /* row of ow x c */
    int64_t h, w, c, ow, y; /* y: which output row */
    int kh, kw, sh, sw, dh, dw, pt, pl;
    float lo, hi;          /* clip; NaN stays NaN */
} whet_dw_args;
typedef void (*whet_dw_fn)(const whet_dw_args *a);

/* K(isa bits, symbol, tile, types, tier) */
#define K(isa, symbol, tile, types, tier) void whet_dw_f32_##symbol(const whet_dw_args *a);
#include "kernels/conv/dw.def"
#undef K

typedef struct whet_dw_kernel {
    uint32_t isa;
    const char *name, *tile, *types;
    int tier;
    whet_dw_fn row;
} whet_dw_kernel;
const whet_dw_kernel *whet_dw_kernel_at(int i); /* best first */
const whet_dw_kernel *whet_dw_kernel_for(uint32_t isa);

#endif
