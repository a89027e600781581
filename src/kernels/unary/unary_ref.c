/* SPDX-License-Identifier: Apache-2.0 */
/* Reference kernels of the elementwise functions of one tensor: the loops of unary_loops.h for each float type, and
 * the few functions that integers have. The definition that every faster kernel is compared with. */
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("O3")
#endif
#include <math.h>

#include "kernels/elem.h"
#include "kernels/unary/unary.h"

#define LD(x) (x)
#define ST(x) (x)
#define T double
#define C double
#define S f64
#define M(fn) fn
#include "kernels/unary/unary_tmpl.h"
#include "kernels/unary/unary_loops.h"
#undef T
#undef C
#undef S
#undef M

#define M(fn) fn##f
#define C float
#define T float
#define S f32
#include "kernels/unary/unary_tmpl.h"
#include "kernels/unary/unary_loops.h"
#undef T
#undef S
#undef LD
#undef ST

#define T uint16_t
#define S f16
#define LD(x) whet_f16_to_f32(x)
#define ST(x) whet_f32_to_f16(x)
#include "kernels/unary/unary_loops.h"
#undef S
#undef LD
#undef ST
#define S bf16
#define LD(x) whet_bf16_to_f32(x)
#define ST(x) whet_f32_to_bf16(x)
#include "kernels/unary/unary_loops.h"

#define E(s, t, c)                                                                                                  \
    static void Abs_##s(int64_t n, const void *src, void *dst, const float *par)                                    \
    {                                                                                                               \
        (void)par;                                                                                                  \
        for (int64_t i = 0; i < n; i++) {                                                                           \
            const t x = ((const t *)src)[i];                                                                        \
            ((t *)dst)[i] = x < 0 ? (t)(0 - (uint64_t)x) : x;                                                       \
        }                                                                                                           \
    }                                                                                                               \
    static void Neg_##s(int64_t n, const void *src, void *dst, const float *par)                                    \
    {                                                                                                               \
        (void)par;                                                                                                  \
        for (int64_t i = 0; i < n; i++) ((t *)dst)[i] = (t)(0 - (uint64_t)((const t *)src)[i]);                     \
    }                                                                                                               \
    static void Relu_##s(int64_t n, const void *src, void *dst, const float *par)                                   \
    {                                                                                                               \
        (void)par;                                                                                                  \
        for (int64_t i = 0; i < n; i++) {                                                                           \
            const t x = ((const t *)src)[i];                                                                        \
            ((t *)dst)[i] = x < 0 ? 0 : x;                                                                          \
        }                                                                                                           \
    }
ELEM_SIGNED(E)
#undef E

#define E(s, t, c)                                                                                                  \
    static void same_##s(int64_t n, const void *src, void *dst, const float *par)                                   \
    {                                                                                                               \
        (void)par;                                                                                                  \
        if (dst != src) memcpy(dst, src, (size_t)n * sizeof(t));                                                    \
    }
ELEM_UNSIGNED(E)
#undef E

#define E(s, t, c)                                                                                                  \
    static void Sign_##s(int64_t n, const void *src, void *dst, const float *par)                                   \
    {                                                                                                               \
        (void)par;                                                                                                  \
        for (int64_t i = 0; i < n; i++) {                                                                           \
            const c x = ((const t *)src)[i];                                                                        \
            ((t *)dst)[i] = (t)(x > 0 ? 1 : x == 0 ? 0 : -1);                                                       \
        }                                                                                                           \
    }                                                                                                               \
    static void flip_##s(int64_t n, const void *src, void *dst, const float *par)                                   \
    {                                                                                                               \
        (void)par;                                                                                                  \
        for (int64_t i = 0; i < n; i++) ((t *)dst)[i] = (t)~((const t *)src)[i];                                    \
    }                                                                                                               \
    static void clip_##s(int64_t n, const void *src, void *dst, const void *lo, const void *hi)                     \
    {                                                                                                               \
        for (int64_t i = 0; i < n; i++) {                                                                           \
            t x = ((const t *)src)[i];                                                                              \
            if (lo != NULL && x < *(const t *)lo) x = *(const t *)lo;                                               \
            if (hi != NULL && x > *(const t *)hi) x = *(const t *)hi;                                               \
            ((t *)dst)[i] = x;                                                                                      \
        }                                                                                                           \
    }
ELEM_SIGNED(E)
ELEM_UNSIGNED(E)
#undef E

static void not_bool(int64_t n, const void *src, void *dst, const float *par)
{
    (void)par;
    for (int64_t i = 0; i < n; i++) ((uint8_t *)dst)[i] = ((const uint8_t *)src)[i] == 0;
}

#define ROW(name, from_y, s) {#name, #s, name##_##s, name##_grad_##s, from_y},
#define U(name, from_y, f, df) ROW(name, from_y, f64) ROW(name, from_y, f32) ROW(name, from_y, f16) ROW(name, from_y, bf16)
#define TESTS(s, t, c) {"IsNaN", #s, isnan_##s, NULL, false}, {"IsInf", #s, isinf_##s, NULL, false},
#define SIGNED(s, t, c) {"Abs", #s, Abs_##s, NULL, false}, {"Neg", #s, Neg_##s, NULL, false}, {"Relu", #s, Relu_##s, NULL, false},
#define UNSIGNED(s, t, c) {"Abs", #s, same_##s, NULL, false},
#define INTS(s, t, c) {"Sign", #s, Sign_##s, NULL, false}, {"BitwiseNot", #s, flip_##s, NULL, false},
static const whet_unary_ref table[] = {
#include "kernels/unary/unary.def"
    ELEM_FLOATS(TESTS) ELEM_SIGNED(SIGNED) ELEM_UNSIGNED(UNSIGNED) ELEM_SIGNED(INTS) ELEM_UNSIGNED(INTS)
    {"Not", "bool", not_bool, NULL, false},
};

const whet_unary_ref *whet_unary_find(const char *op, const char *type)
{
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
        if (strcmp(table[i].op, op) == 0 && strcmp(table[i].type, type) == 0) return &table[i];
    return NULL;
}

whet_clip_fn whet_clip_find(const char *type)
{
#define E(s, t, c) {#s, clip_##s},
    static const struct { const char *type; whet_clip_fn fn; } rows[] = {ELEM_FLOATS(E) ELEM_SIGNED(E) ELEM_UNSIGNED(E)};
#undef E
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (strcmp(rows[i].type, type) == 0) return rows[i].fn;
    return NULL;
}

whet_clip_grad_fn whet_clip_grad_find(const char *type)
{
#define E(s, t, c) {#s, clip_grad_##s},
    static const struct { const char *type; whet_clip_grad_fn fn; } rows[] = {ELEM_FLOATS(E)};
#undef E
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (strcmp(rows[i].type, type) == 0) return rows[i].fn;
    return NULL;
}
