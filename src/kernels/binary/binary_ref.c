/* SPDX-License-Identifier: Apache-2.0 */
/* Reference kernels of the elementwise functions of two tensors. Each has loops for both contiguous, one side a single
 * element, and any strides, so that the common cases vectorise. */
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("O3")
#endif
#include <math.h>

#include "kernels/binary/binary.h"
#include "kernels/elem.h"

/* One function: name, suffix, storage and compute type, result type, load, store, expression in x and y. */
#define LOOP(...)                                                                                                   \
    ELEM_INDEPENDENT                                                                                                \
    for (int64_t i = 0; i < n; i++) __VA_ARGS__
#define KERNEL(name, s, T, C, R, LD, ST, expr)                                                                      \
    static void name##_##s(int64_t n, const void *a, int64_t sa, const void *b, int64_t sb, void *dst)              \
    {                                                                                                               \
        const T *p = a, *q = b;                                                                                     \
        R *d = dst;                                                                                                 \
        if (sa == 1 && sb == 1) {                                                                                   \
            LOOP({ const C x = LD(p[i]), y = LD(q[i]); d[i] = ST(expr); })                                          \
        } else if (sa == 1 && sb == 0) {                                                                            \
            const C y = LD(q[0]);                                                                                   \
            LOOP({ const C x = LD(p[i]); d[i] = ST(expr); })                                                        \
        } else if (sa == 0 && sb == 1) {                                                                            \
            const C x = LD(p[0]);                                                                                   \
            LOOP({ const C y = LD(q[i]); d[i] = ST(expr); })                                                        \
        } else {                                                                                                    \
            for (int64_t i = 0; i < n; i++) { const C x = LD(p[i * sa]), y = LD(q[i * sb]); d[i] = ST(expr); }      \
        }                                                                                                           \
    }

#define SAME(x) (x)
#define TO_BOOL(x) ((x) ? 1 : 0)
#define F32_OF_F16(x) whet_f16_to_f32(x)
#define F16_OF_F32(x) whet_f32_to_f16(x)
#define F32_OF_BF16(x) whet_bf16_to_f32(x)
#define BF16_OF_F32(x) whet_f32_to_bf16(x)

/* Max and Min pass NaN on, from either side. */
#define ARITHMETIC(s, T, C, LD, ST, M)                                                                              \
    KERNEL(Add, s, T, C, T, LD, ST, x + y)                                                                          \
    KERNEL(Sub, s, T, C, T, LD, ST, x - y)                                                                          \
    KERNEL(Mul, s, T, C, T, LD, ST, x *y)                                                                           \
    KERNEL(Div, s, T, C, T, LD, ST, x / y)                                                                          \
    KERNEL(Pow, s, T, C, T, LD, ST, y == 2 ? x * x : M(pow)(x, y))                                                  \
    KERNEL(PRelu, s, T, C, T, LD, ST, x < 0 ? x * y : x)                                                            \
    KERNEL(Max, s, T, C, T, LD, ST, x > y || x != x ? x : y)                                                        \
    KERNEL(Min, s, T, C, T, LD, ST, x < y || x != x ? x : y)                                                        \
    KERNEL(Fmod, s, T, C, T, LD, ST, M(fmod)(x, y))                                                                 \
    KERNEL(Mod, s, T, C, T, LD, ST, x - y * M(floor)(x / y))
#define COMPARE(s, T, C, LD)                                                                                        \
    KERNEL(Equal, s, T, C, uint8_t, LD, TO_BOOL, x == y)                                                            \
    KERNEL(Less, s, T, C, uint8_t, LD, TO_BOOL, x < y)                                                              \
    KERNEL(LessOrEqual, s, T, C, uint8_t, LD, TO_BOOL, x <= y)                                                      \
    KERNEL(Greater, s, T, C, uint8_t, LD, TO_BOOL, x > y)                                                           \
    KERNEL(GreaterOrEqual, s, T, C, uint8_t, LD, TO_BOOL, x >= y)

#define M(fn) fn
ARITHMETIC(f64, double, double, SAME, SAME, M)
#undef M
#define M(fn) fn##f
ARITHMETIC(f32, float, float, SAME, SAME, M)
ARITHMETIC(f16, uint16_t, float, F32_OF_F16, F16_OF_F32, M)
ARITHMETIC(bf16, uint16_t, float, F32_OF_BF16, BF16_OF_F32, M)
COMPARE(f64, double, double, SAME)
COMPARE(f32, float, float, SAME)
COMPARE(f16, uint16_t, float, F32_OF_F16)
COMPARE(bf16, uint16_t, float, F32_OF_BF16)
COMPARE(bool, uint8_t, int, SAME)
KERNEL(And, bool, uint8_t, int, uint8_t, SAME, TO_BOOL, x && y)
KERNEL(Or, bool, uint8_t, int, uint8_t, SAME, TO_BOOL, x || y)
KERNEL(Xor, bool, uint8_t, int, uint8_t, SAME, TO_BOOL, (x != 0) != (y != 0))

/* Integers: wrap-around through u64; the quotient is cut towards zero, the remainder of Mod has the divisor's sign. */
static inline int64_t divide_s(int64_t x, int64_t y) { return y == 0 ? 0 : y == -1 ? (int64_t)(0 - (uint64_t)x) : x / y; }
static inline uint64_t divide_u(uint64_t x, uint64_t y) { return y == 0 ? 0 : x / y; }
static inline int64_t fmod_s(int64_t x, int64_t y) { return y == 0 || y == -1 ? 0 : x % y; }
static inline uint64_t fmod_u(uint64_t x, uint64_t y) { return y == 0 ? 0 : x % y; }
static inline int64_t mod_s(int64_t x, int64_t y)
{
    int64_t r = fmod_s(x, y);
    return r != 0 && (r < 0) != (y < 0) ? r + y : r;
}
static inline uint64_t power_u(uint64_t x, uint64_t y)
{
    uint64_t r = 1;
    for (; y != 0; y >>= 1, x *= x)
        if (y & 1) r *= x;
    return r;
}
static inline int64_t power_s(int64_t x, int64_t y)
{
    if (y < 0) return x == 1 ? 1 : x == -1 ? (y % 2 == 0 ? 1 : -1) : 0;
    return (int64_t)power_u((uint64_t)x, (uint64_t)y);
}
#define mod_u fmod_u

#define WHOLE(s, T, C, k)                                                                                           \
    KERNEL(Add, s, T, C, T, SAME, (T), (uint64_t)x + (uint64_t)y)                                                   \
    KERNEL(Sub, s, T, C, T, SAME, (T), (uint64_t)x - (uint64_t)y)                                                   \
    KERNEL(Mul, s, T, C, T, SAME, (T), (uint64_t)x *(uint64_t)y)                                                    \
    KERNEL(Div, s, T, C, T, SAME, (T), divide_##k(x, y))                                                            \
    KERNEL(Pow, s, T, C, T, SAME, (T), power_##k(x, y))                                                             \
    KERNEL(Mod, s, T, C, T, SAME, (T), mod_##k(x, y))                                                               \
    KERNEL(Fmod, s, T, C, T, SAME, (T), fmod_##k(x, y))                                                             \
    KERNEL(Max, s, T, C, T, SAME, (T), x > y ? x : y)                                                               \
    KERNEL(Min, s, T, C, T, SAME, (T), x < y ? x : y)                                                               \
    KERNEL(BitwiseAnd, s, T, C, T, SAME, (T), x &y)                                                                 \
    KERNEL(BitwiseOr, s, T, C, T, SAME, (T), x | y)                                                                 \
    KERNEL(BitwiseXor, s, T, C, T, SAME, (T), x ^ y)                                                                \
    KERNEL(ShiftLeft, s, T, C, T, SAME, (T), (uint64_t)y > 63 ? 0 : (uint64_t)x << (uint64_t)y)                     \
    KERNEL(ShiftRight, s, T, C, T, SAME, (T), (uint64_t)y > 63 ? 0 : x >> y)                                        \
    COMPARE(s, T, C, SAME)
#define E(suffix, T, C) WHOLE(suffix, T, C, s)
ELEM_SIGNED(E)
#undef E
#define E(suffix, T, C) WHOLE(suffix, T, C, u)
ELEM_UNSIGNED(E)
#undef E

typedef struct row { const char *op, *type; whet_binary_fn fn; } row;
#define R(name, s) {#name, #s, name##_##s},
#define COMPARISONS(s, T, C) R(Equal, s) R(Less, s) R(LessOrEqual, s) R(Greater, s) R(GreaterOrEqual, s)
#define COMMON(s, T, C)                                                                                             \
    R(Add, s) R(Sub, s) R(Mul, s) R(Div, s) R(Pow, s) R(Max, s) R(Min, s) R(Mod, s) R(Fmod, s) COMPARISONS(s, T, C)
#define FLOAT_ONLY(s, T, C) R(PRelu, s)
#define INT_ONLY(s, T, C) R(BitwiseAnd, s) R(BitwiseOr, s) R(BitwiseXor, s) R(ShiftLeft, s) R(ShiftRight, s)
static const row table[] = {ELEM_FLOATS(COMMON) ELEM_SIGNED(COMMON) ELEM_UNSIGNED(COMMON) ELEM_FLOATS(FLOAT_ONLY)
                                ELEM_SIGNED(INT_ONLY) ELEM_UNSIGNED(INT_ONLY) COMPARISONS(bool, , ) R(And, bool)
                                    R(Or, bool) R(Xor, bool)};

whet_binary_fn whet_binary_find(const char *op, const char *type)
{
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
        if (strcmp(table[i].op, op) == 0 && strcmp(table[i].type, type) == 0) return table[i].fn;
    return NULL;
}

#define SELECT(T)                                                                                                   \
    static void where_##T(int64_t n, const uint8_t *cond, int64_t sc, const void *a, int64_t sa, const void *b,     \
                          int64_t sb, void *dst)                                                                    \
    {                                                                                                               \
        const T *p = a, *q = b;                                                                                     \
        T *d = dst;                                                                                                 \
        if (sc == 1 && sa == 1 && sb == 1) {                                                                        \
            LOOP({ const T x = p[i], y = q[i]; d[i] = cond[i] ? x : y; })                                           \
        } else {                                                                                                    \
            for (int64_t i = 0; i < n; i++) d[i] = cond[i * sc] ? p[i * sa] : q[i * sb];                            \
        }                                                                                                           \
    }
SELECT(uint8_t)
SELECT(uint16_t)
SELECT(uint32_t)
SELECT(uint64_t)

whet_where_fn whet_where_find(int element_size)
{
    static const whet_where_fn by_size[] = {[1] = where_uint8_t, [2] = where_uint16_t, [4] = where_uint32_t, [8] = where_uint64_t};
    return element_size >= 1 && element_size <= 8 ? by_size[element_size] : NULL;
}
