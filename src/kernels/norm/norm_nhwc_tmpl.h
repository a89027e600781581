/* SPDX-License-Identifier: Apache-2.0 */
/* Body of the batch normalisation kernels, included once per ISA: a block of LANES channels goes down the rows with its
 * coefficients and sums in registers. The includer defines V LANES LOAD STORE SET1 FMA ADD SUB MUL, MASK MASK_OF MLOAD
 * MSTORE, GATE(y, g) = g where y > 0 else 0, RELU(y) = y or 0 where y < 0; D (double vector) DLOAD DSTORE DADD DFMA of
 * DLANES = LANES / 2, LOW HIGH of V as D; SUFFIX. */
#include "base/compat.h"
#include "kernels/norm/norm_nhwc.h"

#define CAT_(a, b) a##b
#define CAT(a, b) CAT_(a, b)
#define GET(p) (full ? LOAD(p) : MLOAD(m, p))
#define PUT(p, v) (full ? STORE(p, v) : MSTORE(p, m, v))

/* Sums of one block; the tail of the channels goes through a buffer. */
typedef struct sums { D lo, hi, lo2, hi2; } sums;

ALWAYS_INLINE void read_sums(sums *s, const double *sum, const double *sum2, int live)
{
    double t[2 * LANES] = {0};
    for (int j = 0; j < live; j++) {
        t[j] = sum[j];
        if (sum2) t[LANES + j] = sum2[j];
    }
    *s = (sums){DLOAD(t), DLOAD(t + DLANES), DLOAD(t + LANES), DLOAD(t + LANES + DLANES)};
}

ALWAYS_INLINE void write_sums(const sums *s, double *sum, double *sum2, int live)
{
    double t[2 * LANES];
    DSTORE(t, s->lo);
    DSTORE(t + DLANES, s->hi);
    DSTORE(t + LANES, s->lo2);
    DSTORE(t + LANES + DLANES, s->hi2);
    for (int j = 0; j < live; j++) {
        sum[j] = t[j];
        if (sum2) sum2[j] = t[LANES + j];
    }
}

ALWAYS_INLINE void stats(const whet_bn_args *a, int64_t j, int live, const bool full)
{
    const MASK m = MASK_OF(live);
    sums s;
    read_sums(&s, a->sum + j, a->sum2 ? a->sum2 + j : NULL, live);
    for (int64_t r = 0; r < a->rows; r++) {
        const V x = GET(a->x + r * a->c + j);
        const D lo = LOW(x), hi = HIGH(x);
        s.lo = DADD(s.lo, lo);
        s.hi = DADD(s.hi, hi);
        s.lo2 = DFMA(lo, lo, s.lo2);
        s.hi2 = DFMA(hi, hi, s.hi2);
    }
    write_sums(&s, a->sum + j, a->sum2 ? a->sum2 + j : NULL, live);
    (void)m;
}

ALWAYS_INLINE void apply(const whet_bn_args *a, int64_t j, int live, const bool full)
{
    const MASK m = MASK_OF(live);
    const V ka = GET(a->a + j), kb = GET(a->b + j);
    for (int64_t r = 0; r < a->rows; r++) {
        const int64_t i = r * a->c + j;
        V y = FMA(GET(a->x + i), ka, kb);
        if (a->residual) y = ADD(y, GET(a->residual + i));
        if (a->relu) y = RELU(y);
        PUT(a->y + i, y);
    }
    (void)m;
}

ALWAYS_INLINE void back_stats(const whet_bn_args *a, int64_t j, int live, const bool full)
{
    const MASK m = MASK_OF(live);
    const V mean = GET(a->mean + j), invstd = GET(a->invstd + j), ka = GET(a->a + j), kb = GET(a->b + j);
    sums s;
    read_sums(&s, a->sum + j, a->sum2 + j, live);
    for (int64_t r = 0; r < a->rows; r++) {
        const int64_t i = r * a->c + j;
        const V x = GET(a->x + i);
        V g = GET(a->dy + i);
        if (a->relu) g = GATE(a->mask_y ? GET(a->mask_y + i) : FMA(x, ka, kb), g);
        const V gx = MUL(g, MUL(SUB(x, mean), invstd));
        s.lo = DADD(s.lo, LOW(g));
        s.hi = DADD(s.hi, HIGH(g));
        s.lo2 = DADD(s.lo2, LOW(gx));
        s.hi2 = DADD(s.hi2, HIGH(gx));
    }
    write_sums(&s, a->sum + j, a->sum2 + j, live);
    (void)m;
}

ALWAYS_INLINE void back_apply(const whet_bn_args *a, int64_t j, int live, const bool full)
{
    const MASK m = MASK_OF(live);
    const V mean = GET(a->mean + j), ka = GET(a->a + j), kb = GET(a->b + j), p = GET(a->p + j), q = GET(a->q + j);
    for (int64_t r = 0; r < a->rows; r++) {
        const int64_t i = r * a->c + j;
        const V x = GET(a->x + i);
        V g = GET(a->dy + i);
        if (a->relu) g = GATE(a->mask_y ? GET(a->mask_y + i) : FMA(x, ka, kb), g);
        if (a->dres) PUT(a->dres + i, g);
        PUT(a->dx + i, FMA(g, ka, FMA(SUB(x, mean), p, q)));
    }
    (void)m;
}

#define BLOCKS(name)                                                                                                \
    void CAT(whet_bn_##name##_, SUFFIX)(const whet_bn_args *a)                                                      \
    {                                                                                                               \
        int64_t j = 0;                                                                                              \
        for (; j + LANES <= a->c; j += LANES) name(a, j, LANES, true);                                              \
        if (j < a->c) name(a, j, (int)(a->c - j), false);                                                           \
    }
BLOCKS(stats)
BLOCKS(apply)
BLOCKS(back_stats)
BLOCKS(back_apply)
