/* SPDX-License-Identifier: Apache-2.0 */
/* Reference kernels that walk one axis: arg-extrema, running sums, and sorting of indices (bottom-up merge sort, stable,
 * so equal elements stay in index order). */
#include <math.h>

#include "kernels/elem.h"
#include "kernels/reduce/reduce.h"

#define SAME(x) (x)
#define F32_OF_F16(x) whet_f16_to_f32(x)
#define F32_OF_BF16(x) whet_bf16_to_f32(x)

/* NaN counts as larger than everything, as in NumPy. */
#define AXIS(s, T, C, LD)                                                                                           \
    static inline int better_##s(T x, T y, int smallest)                                                            \
    {                                                                                                               \
        const C a = LD(x), b = LD(y);                                                                               \
        if (a != a || b != b) return smallest ? b != b && a == a : a != a && b == b;                                \
        return smallest ? a < b : a > b;                                                                            \
    }                                                                                                               \
    static void arg_##s(int64_t n, int64_t inner, const void *src, int64_t *dst, int smallest, int last)            \
    {                                                                                                               \
        const T *p = src;                                                                                           \
        for (int64_t j = 0; j < inner; j++) {                                                                       \
            int64_t best = 0;                                                                                       \
            for (int64_t i = 1; i < n; i++) {                                                                       \
                const T x = p[i * inner + j], y = p[best * inner + j];                                              \
                if (better_##s(x, y, smallest) || (last && !better_##s(y, x, smallest))) best = i;                  \
            }                                                                                                       \
            dst[j] = best;                                                                                          \
        }                                                                                                           \
    }                                                                                                               \
    static void sort_##s(int64_t n, const void *src, int64_t stride, int64_t *order, int64_t *scratch, int smallest) \
    {                                                                                                               \
        const T *p = src;                                                                                           \
        int64_t *from = order, *to = scratch;                                                                       \
        for (int64_t i = 0; i < n; i++) order[i] = i;                                                               \
        for (int64_t w = 1; w < n; w *= 2) {                                                                        \
            for (int64_t b = 0; b < n; b += 2 * w) {                                                                \
                const int64_t m = b + w < n ? b + w : n, e = b + 2 * w < n ? b + 2 * w : n;                         \
                int64_t i = b, j = m;                                                                               \
                for (int64_t k = b; k < e; k++) {                                                                   \
                    const int right = i >= m || (j < e && better_##s(p[from[j] * stride], p[from[i] * stride], smallest)); \
                    to[k] = right ? from[j++] : from[i++];                                                          \
                }                                                                                                   \
            }                                                                                                       \
            int64_t *t = from;                                                                                      \
            from = to;                                                                                              \
            to = t;                                                                                                 \
        }                                                                                                           \
        if (from != order && n > 0) memcpy(order, from, (size_t)n * sizeof *order);                                 \
    }
AXIS(f64, double, double, SAME)
AXIS(f32, float, float, SAME)
AXIS(f16, uint16_t, float, F32_OF_F16)
AXIS(bf16, uint16_t, float, F32_OF_BF16)
#define E(s, T, C) AXIS(s, T, C, SAME)
ELEM_SIGNED(E)
ELEM_UNSIGNED(E)
#undef E

#define CUMSUM(s, T, A)                                                                                             \
    static void cumsum_##s(int64_t n, int64_t inner, const void *src, void *dst, int exclusive, int reverse)        \
    {                                                                                                               \
        for (int64_t j = 0; j < inner; j++) {                                                                       \
            A sum = 0;                                                                                              \
            for (int64_t k = 0; k < n; k++) {                                                                       \
                const int64_t at = (reverse ? n - 1 - k : k) * inner + j;                                           \
                const A before = sum;                                                                               \
                sum += (A)((const T *)src)[at];                                                                     \
                ((T *)dst)[at] = (T)(exclusive ? before : sum);                                                     \
            }                                                                                                       \
        }                                                                                                           \
    }
CUMSUM(f64, double, double)
CUMSUM(f32, float, double)
CUMSUM(s64, int64_t, uint64_t)
CUMSUM(s32, int32_t, uint64_t)
CUMSUM(u64, uint64_t, uint64_t)
CUMSUM(u32, uint32_t, uint64_t)

#define FIND(function, type_name, ...)                                                                              \
    type_name function(const char *type)                                                                            \
    {                                                                                                               \
        static const struct { const char *type; type_name fn; } rows[] = {__VA_ARGS__};                                    \
        for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)                                                   \
            if (strcmp(rows[i].type, type) == 0) return rows[i].fn;                                                 \
        return NULL;                                                                                                \
    }
#define E(s, T, C) {#s, arg_##s},
FIND(whet_arg_find, whet_arg_fn, ELEM_FLOATS(E) ELEM_SIGNED(E) ELEM_UNSIGNED(E))
#undef E
#define E(s, T, C) {#s, sort_##s},
FIND(whet_sort_find, whet_sort_fn, ELEM_FLOATS(E) ELEM_SIGNED(E) ELEM_UNSIGNED(E))
#undef E
#define E(s) {#s, cumsum_##s},
FIND(whet_cumsum_find, whet_cumsum_fn, E(f64) E(f32) E(s64) E(s32) E(u64) E(u32))
