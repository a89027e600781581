/* SPDX-License-Identifier: Apache-2.0 */
/* Vector kernels of unary.h and act.h, included once per ISA with SUFFIX: loops around the functions of unary_vec.def. The
 * tail runs through the same instructions behind a mask. */
#include <string.h>

#include "kernels/unary/unary_vec.h"
#include "kernels/vec_math.h"

#define CAT_(a, b) a##_##b
#define CAT(a, b) CAT_(a, b)
#define EXPORT(name) CAT(name, SUFFIX)

#define U(name, from_y, f, df)                                                                                      \
    static void name(int64_t n, const void *src, void *dst, const float *par)                                       \
    {                                                                                                               \
        const vf p0 = vf_set(par[0]), p1 = vf_set(par[1]), zero = vf_set(0.0f), one = vf_set(1.0f);                 \
        (void)p0, (void)p1, (void)zero, (void)one;                                                                  \
        VEC_EACH(n, {                                                                                                   \
            const vf x = vf_get(full, t, (const float *)src + i);                                                   \
            vf_put(full, t, (float *)dst + i, f);                                                                   \
        });                                                                                                         \
    }                                                                                                               \
    static void name##_grad(int64_t n, const void *diff_dst, const void *v, void *diff_src, const float *par)       \
    {                                                                                                               \
        const vf p0 = vf_set(par[0]), p1 = vf_set(par[1]), zero = vf_set(0.0f), one = vf_set(1.0f);                 \
        (void)p0, (void)p1, (void)zero, (void)one;                                                                  \
        VEC_EACH(n, {                                                                                                   \
            const vf x = vf_get(full, t, (const float *)v + i), y = x, g = vf_get(full, t, (const float *)diff_dst + i); \
            (void)y;                                                                                                \
            vf_put(full, t, (float *)diff_src + i, g * (df));                                                       \
        });                                                                                                         \
    }
#include "kernels/unary/unary_vec.def"
#undef U

#define U(name, from_y, f, df) {#name, "f32", name, name##_grad, from_y},
const whet_unary_ref EXPORT(whet_unary_f32)[] = {
#include "kernels/unary/unary_vec.def"
    {NULL, NULL, NULL, NULL, false}};
#undef U

void EXPORT(whet_clip_f32)(int64_t n, const void *src, void *dst, const void *lo, const void *hi)
{
    const vf a = vf_set(lo != NULL ? *(const float *)lo : -INFINITY), b = vf_set(hi != NULL ? *(const float *)hi : INFINITY);
    VEC_EACH(n, { vf_put(full, t, (float *)dst + i, vf_min(b, vf_max(a, vf_get(full, t, (const float *)src + i)))); });
}

void EXPORT(whet_clip_grad_f32)(int64_t n, const void *diff_dst, const void *x, void *diff_src, const void *lo, const void *hi)
{
    const vf a = vf_set(lo != NULL ? *(const float *)lo : -INFINITY), b = vf_set(hi != NULL ? *(const float *)hi : INFINITY);
    VEC_EACH(n, {
        const vf v = vf_get(full, t, (const float *)x + i), g = vf_get(full, t, (const float *)diff_dst + i);
        vf_put(full, t, (float *)diff_src + i, vf_sel(vm_and(vf_lt(a, v), vf_lt(v, b)), g, vf_set(0.0f)));
    });
}

#define ACT(name, f)                                                                                                \
    static void name(float *dst, const float *src, size_t n, float lo, float hi)                                    \
    {                                                                                                               \
        const vf p0 = vf_set(lo), p1 = vf_set(hi);                                                                  \
        (void)p0, (void)p1;                                                                                         \
        VEC_EACH((int64_t)n, {                                                                                          \
            const vf x = vf_get(full, t, src + i);                                                                  \
            vf_put(full, t, dst + i, f);                                                                            \
        });                                                                                                         \
    }
ACT(act_clip, vf_min(p1, vf_max(p0, x)))
ACT(act_sigmoid, vm_sigmoid(x))
ACT(act_silu, vm_silu(x, vf_set(1.0f)))
ACT(act_hard_sigmoid, vm_hard_sigmoid(x, p0, p1))
ACT(act_hard_swish, vm_hard_swish(x))
ACT(act_gelu, vm_gelu(x))
ACT(act_gelu_tanh, vm_gelu_tanh(x))
ACT(act_tanh, vm_tanh(x))

static void act_none(float *dst, const float *src, size_t n, float lo, float hi)
{
    (void)lo, (void)hi;
    if (dst != src && n > 0) memcpy(dst, src, n * sizeof *dst);
}

const whet_act_fn EXPORT(whet_act_f32)[WHET_ACT_COUNT] = {
    [WHET_ACT_NONE] = act_none,           [WHET_ACT_CLIP] = act_clip,       [WHET_ACT_SIGMOID] = act_sigmoid,
    [WHET_ACT_SILU] = act_silu,           [WHET_ACT_HARDSIGMOID] = act_hard_sigmoid, [WHET_ACT_HARDSWISH] = act_hard_swish,
    [WHET_ACT_GELU] = act_gelu,           [WHET_ACT_GELU_TANH] = act_gelu_tanh, [WHET_ACT_TANH] = act_tanh};
