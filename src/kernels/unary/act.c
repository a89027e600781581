/* SPDX-License-Identifier: Apache-2.0 */
/* Choice of the vector kernels of one tensor, and the activations in plain C: the definition that the others are compared
 * with. Infinities give the limit, as in vec_math.h. */
#include <math.h>
#include <string.h>

#include "base/cpu.h"
#include "kernels/unary/unary_vec.h"

#define ACT(name, f)                                                                                                \
    static void name(float *dst, const float *src, size_t n, float lo, float hi)                                    \
    {                                                                                                               \
        (void)lo, (void)hi;                                                                                         \
        for (size_t i = 0; i < n; i++) {                                                                            \
            const float x = src[i];                                                                                 \
            dst[i] = (f);                                                                                           \
        }                                                                                                           \
    }
static float clip(float x, float lo, float hi)
{
    x = x < lo ? lo : x;
    return x > hi ? hi : x;
}
static float limited(float x) { return x < -1e30f ? -1e30f : x; }
ACT(none, x)
ACT(clipped, clip(x, lo, hi))
ACT(sigmoid, 1.0f / (1.0f + expf(-x)))
ACT(silu, x < -100.0f ? 0.0f : x / (1.0f + expf(-x)))
ACT(hard_sigmoid, clip(lo *x + hi, 0.0f, 1.0f))
ACT(hard_swish, (x < -3.0f ? -3.0f : x) * clip(x / 6.0f + 0.5f, 0.0f, 1.0f))
ACT(gelu, 0.5f * limited(x) * (1.0f + erff(x * 0.70710678f)))
ACT(gelu_tanh, x < -30.0f ? 0.0f : 0.5f * x * (1.0f + tanhf(0.79788456f * (x + 0.044715f * x * x * x))))
ACT(tanh_, tanhf(x))

static const whet_act_fn plain[WHET_ACT_COUNT] = {
    [WHET_ACT_NONE] = none,           [WHET_ACT_CLIP] = clipped,       [WHET_ACT_SIGMOID] = sigmoid,
    [WHET_ACT_SILU] = silu,           [WHET_ACT_HARDSIGMOID] = hard_sigmoid, [WHET_ACT_HARDSWISH] = hard_swish,
    [WHET_ACT_GELU] = gelu,           [WHET_ACT_GELU_TANH] = gelu_tanh, [WHET_ACT_TANH] = tanh_};

whet_act_fn whet_act_for(uint32_t isa, enum whet_act kind)
{
#if defined(__x86_64__)
    if (isa & WHET_ISA_AVX512) return whet_act_f32_avx512[kind];
    if (isa & WHET_ISA_AVX2) return whet_act_f32_avx2[kind];
#endif
    (void)isa;
    return plain[kind];
}

const whet_unary_ref *whet_unary_vec_find(uint32_t isa, const char *op)
{
    const whet_unary_ref *row = NULL;
#if defined(__x86_64__)
    if (isa & WHET_ISA_AVX512) row = whet_unary_f32_avx512;
    else if (isa & WHET_ISA_AVX2) row = whet_unary_f32_avx2;
#endif
    (void)isa;
    for (; row != NULL && row->op != NULL; row++)
        if (strcmp(row->op, op) == 0) return row;
    return NULL;
}

whet_clip_fn whet_clip_vec(uint32_t isa)
{
#if defined(__x86_64__)
    if (isa & WHET_ISA_AVX512) return whet_clip_f32_avx512;
    if (isa & WHET_ISA_AVX2) return whet_clip_f32_avx2;
#endif
    (void)isa;
    return NULL;
}

whet_clip_grad_fn whet_clip_grad_vec(uint32_t isa)
{
#if defined(__x86_64__)
    if (isa & WHET_ISA_AVX512) return whet_clip_grad_f32_avx512;
    if (isa & WHET_ISA_AVX2) return whet_clip_grad_f32_avx2;
#endif
    (void)isa;
    return NULL;
}
