/* SPDX-License-Identifier: Apache-2.0 */
/* Bodies of batch_norm.h for element type T, names through FN(). Widths are constants in the inlined copies, so that
 * the compiler makes vectors of the inner loops; the order of every sum is the same in all of them. */

#ifndef WHET_BATCH_NORM_TMPL_ONCE
#define WHET_BATCH_NORM_TMPL_ONCE
#include <math.h>
#include <stdbool.h>
#pragma GCC diagnostic ignored "-Wpsabi" /* wide vectors pass between inlined functions only */
#ifndef LANES
#define LANES 16 /* of the widest vector; 8 where the compiler would take a vector of 16 apart, element by element */
#endif
#define WIDE(name) WIDE_(name, LANES)
#define WIDE_(name, lanes) WIDE__(name, lanes)
#define WIDE__(name, lanes) FN(name##_##lanes)
#define BLOCK 128
#define STRIP 4
#define SPAN 1024
#define WHET_BN_NONE (-1)
#define INLINE static inline __attribute__((always_inline))
/* `call` with the width that fits: LANES channels, 8, or one. */
#define BY_WIDTH(left, at, name, ...)                                                                               \
    if ((left) >= LANES) {                                                                                          \
        WIDE(name)(__VA_ARGS__);                                                                                    \
        at += LANES;                                                                                                \
    } else if ((left) >= 8) {                                                                                       \
        FN(name##_8)(__VA_ARGS__);                                                                                  \
        at += 8;                                                                                                    \
    } else {                                                                                                        \
        FN(name##_1)(__VA_ARGS__);                                                                                  \
        at += 1;                                                                                                    \
    }
/* Memory is read in its order: STRIP rows at a time and, inside, all channels of them. o: the element where a block begins. */
#define FOR_STRIPS(from, to, c0, c1, name, ...)                                                                     \
    for (int64_t r = (from); r < (to); r += STRIP) {                                                                \
        const int64_t nr = (to) - r < STRIP ? (to) - r : STRIP;                                                     \
        for (int64_t c = (c0); c < (c1);) {                                                                         \
            const int64_t o = r * channels + c;                                                                     \
            BY_WIDTH((c1) - c, c, name, nr, channels, __VA_ARGS__)                                                  \
        }                                                                                                           \
    }
/* Sums of SPAN channels over BLOCK rows stand in s and m before they are added in double. */
#define FOR_SUMS(name, ...)                                                                                         \
    for (int64_t c0 = 0; c0 < channels; c0 += SPAN) {                                                               \
        const int64_t c1 = channels - c0 < SPAN ? channels : c0 + SPAN;                                             \
        for (int64_t r0 = 0; r0 < rows; r0 += BLOCK) {                                                              \
            const int64_t r1 = rows - r0 < BLOCK ? rows : r0 + BLOCK;                                               \
            T s[SPAN], m[SPAN];                                                                                     \
            for (int64_t c = c0; c < c1; c++) s[c - c0] = m[c - c0] = 0;                                            \
            FOR_STRIPS(r0, r1, c0, c1, name, __VA_ARGS__)                                                           \
            for (int64_t c = c0; c < c1; c++) sum[c] += (double)s[c - c0];                                          \
            for (int64_t c = c0; c < c1; c++) more[c] += (double)m[c - c0];                                         \
        }                                                                                                           \
    }
/* A plane is rows of LANES positions that share one channel's values; what is left is one row. j: place in the row. */
#define FOR_PLANE_BLOCKS(before, after, name, ...)                                                                  \
    for (int64_t o = 0; o + LANES <= n;) {                                                                          \
        const int64_t left = (n - o) / LANES, nr = left < BLOCK ? left : BLOCK, j = 0;                              \
        before                                                                                                      \
        WIDE(name)(nr, LANES, __VA_ARGS__);                                                                         \
        after                                                                                                       \
        o += nr * LANES + j;                                                                                        \
    }                                                                                                               \
    {                                                                                                               \
        before                                                                                                      \
        for (int64_t j = 0, from = n - n % LANES; from + j < n;) {                                                  \
            const int64_t o = from + j;                                                                             \
            BY_WIDTH(n - o, j, name, 1, LANES, __VA_ARGS__)                                                         \
        }                                                                                                           \
        after                                                                                                       \
    }
#define PLANE_SUMS T s[LANES] = {0}, m[LANES] = {0};
#define ADD_PLANE_SUMS                                                                                              \
    for (int j1 = 0; j1 < LANES; j1++) lanes[j1] += (double)s[j1];                                                  \
    for (int j1 = 0; j1 < LANES; j1++) lanes[LANES + j1] += (double)m[j1];
#define AT(p, o) ((p) != 0 ? (p) + (o) : 0)
/* The loop for each activation, with its kind a constant. */
#define BY_ACT(loop)                                                                                                \
    if (act == 0) {                                                                                                 \
        enum { kind = WHET_BN_NONE };                                                                               \
        loop                                                                                                        \
    } else if (act->kind == WHET_BN_CLIP) {                                                                         \
        enum { kind = WHET_BN_CLIP };                                                                               \
        loop                                                                                                        \
    } else {                                                                                                        \
        enum { kind = WHET_BN_SILU };                                                                               \
        loop                                                                                                        \
    }
#endif

#ifndef STREAM_END
#define STREAM_END
#endif

#if LANES == 16
#define W 16
#include "kernels/norm/batch_norm_block_tmpl.h"
#endif
#define W 8
#include "kernels/norm/batch_norm_block_tmpl.h"
#define W 1
#include "kernels/norm/batch_norm_block_tmpl.h"

void FN(sums_rows)(int64_t rows, int64_t channels, const T *x, const T *shift, double *sum, double *more)
{
    FOR_SUMS(sums, x + o, shift + c, s + (c - c0), m + (c - c0))
}

void FN(apply_rows)(int64_t rows, int64_t channels, const T *x, const T *mean, const T *a, const T *b, const T *residual,
                    const whet_bn_act *act, bool stream, T *y)
{
    if (residual != 0) {
        BY_ACT(FOR_STRIPS(0, rows, 0, channels, apply, x + o, mean + c, a + c, b + c, residual + o, kind, act, false, y + o))
    } else if (stream && channels % LANES == 0 && (uintptr_t)y % (LANES * sizeof(T)) == 0) {
        BY_ACT(FOR_STRIPS(0, rows, 0, channels, apply, x + o, mean + c, a + c, b + c, 0, kind, act, true, y + o))
        STREAM_END
    } else {
        BY_ACT(FOR_STRIPS(0, rows, 0, channels, apply, x + o, mean + c, a + c, b + c, 0, kind, act, false, y + o))
    }
}

void FN(grad_sums_rows)(int64_t rows, int64_t channels, const T *dy, const T *x, const T *y, const T *mean, const T *a,
                        const T *b, const whet_bn_act *act, T *g, double *sum, double *more)
{
    if (y == 0 && g == 0) {
        BY_ACT(FOR_SUMS(grad_sums, dy + o, x + o, 0, mean + c, a + c, b + c, kind, act, 0, s + (c - c0), m + (c - c0)))
    } else {
        BY_ACT(FOR_SUMS(grad_sums, dy + o, x + o, AT(y, o), mean + c, a + c, b + c, kind, act, AT(g, o), s + (c - c0), m + (c - c0)))
    }
}

void FN(grad_apply_rows)(int64_t rows, int64_t channels, const T *dy, const T *x, const T *mean, const T *a, const T *b,
                         const whet_bn_act *act, const T *p, const T *q, T *dx)
{
    BY_ACT(FOR_STRIPS(0, rows, 0, channels, grad_apply, dy + o, x + o, mean + c, a + c, b + c, kind, act, p + c, q + c, dx + o))
}

/* The lanes of a plane are added up in order at the end. */
typedef struct FN(splat) { T v[LANES]; } FN(splat);

INLINE FN(splat) FN(spread)(const T *x)
{
    FN(splat) s;
    for (int j = 0; j < LANES; j++) s.v[j] = x != 0 ? *x : 0;
    return s;
}

INLINE void FN(gather)(const double *lanes, double *out)
{
    double total = 0;
    for (int j = 0; j < LANES; j++) total += lanes[j];
    *out += total;
}

void FN(sums_plane)(int64_t n, const T *x, const T *shift, double *sum, double *more)
{
    const FN(splat) sh = FN(spread)(shift);
    double lanes[2 * LANES] = {0};
    FOR_PLANE_BLOCKS(PLANE_SUMS, ADD_PLANE_SUMS, sums, x + o, sh.v, s + j, m + j)
    FN(gather)(lanes, sum);
    FN(gather)(lanes + LANES, more);
}

void FN(apply_plane)(int64_t n, const T *x, const T *mean, const T *a, const T *b, const T *residual, const whet_bn_act *act, T *y)
{
    const FN(splat) me = FN(spread)(mean), sa = FN(spread)(a), sb = FN(spread)(b);
    BY_ACT(FOR_PLANE_BLOCKS(, , apply, x + o, me.v, sa.v, sb.v, AT(residual, o), kind, act, false, y + o))
}

void FN(grad_sums_plane)(int64_t n, const T *dy, const T *x, const T *y, const T *mean, const T *a, const T *b,
                         const whet_bn_act *act, T *g, double *sum, double *more)
{
    const FN(splat) me = FN(spread)(mean), sa = FN(spread)(a), sb = FN(spread)(b);
    double lanes[2 * LANES] = {0};
    BY_ACT(FOR_PLANE_BLOCKS(PLANE_SUMS, ADD_PLANE_SUMS, grad_sums, dy + o, x + o, AT(y, o), me.v, sa.v, sb.v, kind, act, AT(g, o), s + j, m + j))
    FN(gather)(lanes, sum);
    FN(gather)(lanes + LANES, more);
}

void FN(grad_apply_plane)(int64_t n, const T *dy, const T *x, const T *mean, const T *a, const T *b, const whet_bn_act *act,
                          const T *p, const T *q, T *dx)
{
    const FN(splat) me = FN(spread)(mean), sa = FN(spread)(a), sb = FN(spread)(b), sp = FN(spread)(p), sq = FN(spread)(q);
    BY_ACT(FOR_PLANE_BLOCKS(, , grad_apply, dy + o, x + o, me.v, sa.v, sb.v, kind, act, sp.v, sq.v, dx + o))
}

#undef MASK_OF_T
#undef STREAM
#undef STREAM_END
#undef T
#undef FN
