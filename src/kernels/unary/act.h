/* SPDX-License-Identifier: Apache-2.0 */
/* Activations of f32 as they follow a convolution or a product: run over the values just stored, while these are in cache.
 *
 * dst[i] = act(src[i]) for i < n. dst is src or disjoint from it; any alignment; nothing outside the n elements is touched.
 * The bits of a result depend on its own element alone, never on its place or on n. Bounds: vec_math.h. NaN stays NaN. */
#ifndef WHET_KERNELS_ACT_H
#define WHET_KERNELS_ACT_H

#include <stddef.h>
#include <stdint.h>

enum whet_act {
    WHET_ACT_NONE,        /* a copy */
    WHET_ACT_CLIP,        /* lo, hi; Relu is 0, infinity */
    WHET_ACT_SIGMOID,
    WHET_ACT_SILU,        /* x * sigmoid(x) */
    WHET_ACT_HARDSIGMOID, /* clip(lo * x + hi, 0, 1): lo is the slope (1/6), hi the offset (0.5) */
    WHET_ACT_HARDSWISH,   /* x * clip(x / 6 + 0.5, 0, 1) */
    WHET_ACT_GELU,        /* with erf */
    WHET_ACT_GELU_TANH,
    WHET_ACT_TANH,
    WHET_ACT_COUNT
};

typedef void (*whet_act_fn)(float *dst, const float *src, size_t n, float lo, float hi);

/* The best function for these ISA bits (0: plain C); never NULL for a kind below WHET_ACT_COUNT. */
whet_act_fn whet_act_for(uint32_t isa, enum whet_act kind);

#endif
