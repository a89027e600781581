/* SPDX-License-Identifier: Apache-2.0 */
/* Reference kernels of the reductions: one body per function and type, made by macros. Rows keep four partial sums
 * (elements i mod 4), added in a fixed order, which shortens the dependency chain without making results vary. */
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("O3")
#endif
#include <math.h>

#include "kernels/elem.h"
#include "kernels/reduce/reduce.h"

/* name, suffix, storage, accumulator member and type, load, start value, step in (a, x), join of partial results
 * (a, b), result from (a, count), store */
#define REDUCE(name, s, T, m, A, LD, start, step, join, result, ST)                                                 \
    static void name##_init_##s(int64_t n, whet_acc *acc)                                                           \
    {                                                                                                               \
        for (int64_t i = 0; i < n; i++) acc[i].m = (start);                                                         \
    }                                                                                                               \
    static void name##_row_##s(int64_t n, const void *src, int64_t stride, whet_acc *acc, double shift)             \
    {                                                                                                               \
        const T *p = src;                                                                                           \
        A part[4] = {acc[0].m, (start), (start), (start)};                                                          \
        int64_t i = 0;                                                                                              \
        (void)shift;                                                                                                \
        for (; i + 4 <= n; i += 4)                                                                                  \
            for (int k = 0; k < 4; k++) {                                                                           \
                const A x = (A)LD(p[(i + k) * stride]), a = part[k];                                                \
                part[k] = (step);                                                                                   \
            }                                                                                                       \
        for (; i < n; i++) {                                                                                        \
            const A x = (A)LD(p[i * stride]), a = part[0];                                                          \
            part[0] = (step);                                                                                       \
        }                                                                                                           \
        for (int k = 1; k < 4; k++) {                                                                               \
            const A a = part[0], b = part[k];                                                                       \
            part[0] = (join);                                                                                       \
        }                                                                                                           \
        acc[0].m = part[0];                                                                                         \
    }                                                                                                               \
    static void name##_column_##s(int64_t n, const void *src, int64_t stride, int width, whet_acc *acc)             \
    {                                                                                                               \
        const double shift = 0;                                                                                     \
        (void)shift;                                                                                                \
        for (int64_t i = 0; i < n; i++) {                                                                           \
            const T *p = (const T *)src + i * stride;                                                               \
            ELEM_INDEPENDENT                                                                                        \
            for (int j = 0; j < width; j++) {                                                                       \
                const A x = (A)LD(p[j]), a = acc[j].m;                                                              \
                acc[j].m = (step);                                                                                  \
            }                                                                                                       \
        }                                                                                                           \
    }                                                                                                               \
    static void name##_finish_##s(int64_t n, const whet_acc *acc, void *dst, int64_t count)                         \
    {                                                                                                               \
        (void)count;                                                                                                \
        for (int64_t i = 0; i < n; i++) {                                                                           \
            const A a = acc[i].m;                                                                                   \
            ((T *)dst)[i] = (T)ST(result);                                                                          \
        }                                                                                                           \
    }

#define SAME(x) (x)
#define TO_FLOAT(x) ((float)(x))
#define F32_OF_F16(x) whet_f16_to_f32(x)
#define F16_OF_F64(x) whet_f32_to_f16((float)(x))
#define F32_OF_BF16(x) whet_bf16_to_f32(x)
#define BF16_OF_F64(x) whet_f32_to_bf16((float)(x))

#define FLOATING(s, T, LD, ST)                                                                                      \
    REDUCE(Sum, s, T, f, double, LD, 0, a + x, a + b, a, ST)                                                        \
    REDUCE(Mean, s, T, f, double, LD, 0, a + x, a + b, a / (double)count, ST)                                       \
    REDUCE(Max, s, T, f, double, LD, -INFINITY, x > a || x != x ? x : a, b > a || b != b ? b : a, a, ST)            \
    REDUCE(Min, s, T, f, double, LD, INFINITY, x < a || x != x ? x : a, b < a || b != b ? b : a, a, ST)             \
    REDUCE(Prod, s, T, f, double, LD, 1, a *x, a *b, a, ST)                                                         \
    REDUCE(L1, s, T, f, double, LD, 0, a + fabs(x), a + b, a, ST)                                                   \
    REDUCE(L2, s, T, f, double, LD, 0, a + x * x, a + b, sqrt(a), ST)                                               \
    REDUCE(SumSquare, s, T, f, double, LD, 0, a + x * x, a + b, a, ST)                                              \
    REDUCE(LogSum, s, T, f, double, LD, 0, a + x, a + b, log(a), ST)                                                \
    REDUCE(SumExp, s, T, f, double, LD, 0, a + exp(x - shift), a + b, a, ST)
FLOATING(f64, double, SAME, SAME)
FLOATING(f32, float, SAME, TO_FLOAT)
FLOATING(f16, uint16_t, F32_OF_F16, F16_OF_F64)
FLOATING(bf16, uint16_t, F32_OF_BF16, BF16_OF_F64)

#define WHOLE(s, T, m, A, LOW, HIGH, MAGNITUDE)                                                                     \
    REDUCE(Sum, s, T, m, A, SAME, 0, (A)((uint64_t)a + (uint64_t)x), (A)((uint64_t)a + (uint64_t)b), a, SAME)       \
    REDUCE(Mean, s, T, m, A, SAME, 0, (A)((uint64_t)a + (uint64_t)x), (A)((uint64_t)a + (uint64_t)b),               \
           count == 0 ? 0 : a / (A)count, SAME)                                                                     \
    REDUCE(Max, s, T, m, A, SAME, LOW, x > a ? x : a, b > a ? b : a, a, SAME)                                       \
    REDUCE(Min, s, T, m, A, SAME, HIGH, x < a ? x : a, b < a ? b : a, a, SAME)                                      \
    REDUCE(Prod, s, T, m, A, SAME, 1, (A)((uint64_t)a * (uint64_t)x), (A)((uint64_t)a * (uint64_t)b), a, SAME)      \
    REDUCE(L1, s, T, m, A, SAME, 0, (A)((uint64_t)a + MAGNITUDE(x)), (A)((uint64_t)a + (uint64_t)b), a, SAME)       \
    REDUCE(SumSquare, s, T, m, A, SAME, 0, (A)((uint64_t)a + (uint64_t)x * (uint64_t)x), (A)((uint64_t)a + (uint64_t)b), a, SAME)
#define MAGNITUDE_S(x) ((x) < 0 ? 0 - (uint64_t)(x) : (uint64_t)(x))
#define MAGNITUDE_U(x) (x)
#define E(suffix, T, C) WHOLE(suffix, T, s, C, INT64_MIN, INT64_MAX, MAGNITUDE_S)
ELEM_SIGNED(E)
#undef E
#define E(suffix, T, C) WHOLE(suffix, T, u, C, 0, UINT64_MAX, MAGNITUDE_U)
ELEM_UNSIGNED(E)
REDUCE(Max, bool, uint8_t, u, uint64_t, SAME, 0, x > a ? x : a, b > a ? b : a, a, SAME)
REDUCE(Min, bool, uint8_t, u, uint64_t, SAME, 1, x < a ? x : a, b < a ? b : a, a, SAME)
#undef E

#define R(name, s) {#name, #s, name##_init_##s, name##_row_##s, name##_column_##s, name##_finish_##s},
#define COMMON(s, T, C) R(Sum, s) R(Mean, s) R(Max, s) R(Min, s) R(Prod, s) R(L1, s) R(SumSquare, s)
#define FLOAT_ONLY(s, T, C) R(L2, s) R(LogSum, s) R(SumExp, s)
static const whet_reduce_ref table[] = {ELEM_FLOATS(COMMON) ELEM_SIGNED(COMMON) ELEM_UNSIGNED(COMMON) ELEM_FLOATS(FLOAT_ONLY)
                                            R(Max, bool) R(Min, bool)};

const whet_reduce_ref *whet_reduce_find(const char *op, const char *type)
{
    if (strncmp(op, "Reduce", 6) == 0) op += 6;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
        if (strcmp(table[i].op, op) == 0 && strcmp(table[i].type, type) == 0) return &table[i];
    return NULL;
}
