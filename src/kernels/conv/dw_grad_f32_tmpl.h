/* SPDX-License-Identifier: Apache-2.0 */
/* Weight gradient of a depthwise convolution, included behind dw_f32_tmpl.h once per ISA. The sums of some kernel rows x all
 * kernel columns of a channel block stay in registers while all positions go by; every position costs one load of diff_dst and a
 * multiply-add with a memory operand per tap. Output rows whose window leaves the image at the top or bottom are done with the
 * kernel rows they have. The includer defines GRAD_SUMS: the most registers that may hold sums. */

typedef struct dw_sums {
    int64_t y0, y1, c; /* rows of diff_dst, channel block */
    int ky;            /* first kernel row */
    int64_t x0, x1;    /* positions whose taps are all inside */
} dw_sums;

ALWAYS_INLINE void position(const whet_dw_grad_args *a, V *acc, const float *s, const float *d, int64_t ix, const MASK m, const bool full,
                            const bool edge, const int nk, const int kw)
{
    const V g = GET(d);
    const int64_t step = (int64_t)a->dw * a->c, row = (int64_t)a->dh * a->w * a->c;
    UNROLL for (int i = 0; i < nk; i++) {
        const float *p = s;
        UNROLL for (int j = 0; j < kw; j++) {
            if (!edge || (uint64_t)(ix + (int64_t)j * a->dw) < (uint64_t)a->w) acc[i * kw + j] = FMA(g, GET(p), acc[i * kw + j]);
            p += step;
            OPAQUE(p);
        }
        s += row;
        OPAQUE(s);
    }
    (void)m;
}

ALWAYS_INLINE void sums(const whet_dw_grad_args *a, const dw_sums *t, const MASK m, const bool full, const int nk, const int kw)
{
    V acc[GRAD_SUMS];
    float *out = a->acc + (int64_t)t->ky * kw * a->c + t->c;
    const int64_t step = a->sw * a->c;
    UNROLL for (int i = 0; i < nk * kw; i++) acc[i] = GET(out + i * a->c);
    for (int64_t y = t->y0; y < t->y1; y++) {
        const float *d = a->diff_dst + y * a->ow * a->c + t->c;
        const int64_t iy = y * a->sh - a->pt + (int64_t)t->ky * a->dh;
        const float *s = a->src + (iy * a->w - a->pl) * a->c + t->c;
        int64_t x = 0;
        for (; x < t->x0; x++, s += step, d += a->c) position(a, acc, s, d, x * a->sw - a->pl, m, full, true, nk, kw);
        for (; x < t->x1; x++, s += step, d += a->c) position(a, acc, s, d, x * a->sw - a->pl, m, full, false, nk, kw);
        for (; x < a->ow; x++, s += step, d += a->c) position(a, acc, s, d, x * a->sw - a->pl, m, full, true, nk, kw);
    }
    UNROLL for (int i = 0; i < nk * kw; i++) PUT(out + i * a->c, acc[i]);
    (void)m;
}

/* X(kernel columns, kernel rows together) */
#if GRAD_SUMS >= 28
#define SUMS(X) X(3, 1) X(3, 2) X(3, 3) X(5, 1) X(5, 2) X(5, 3) X(5, 4) X(5, 5) X(7, 1) X(7, 2) X(7, 3) X(7, 4)
#else
#define SUMS(X) X(3, 1) X(3, 2) X(3, 3) X(5, 1) X(5, 2) X(7, 1)
#endif
#define SUM(kw_, nk_)                                                                                                \
    static void sums_##kw_##_##nk_(const whet_dw_grad_args *a, const dw_sums *t, int live)                          \
    {                                                                                                                \
        if (live == LANES) sums(a, t, MASK_OF(LANES), true, nk_, kw_);                                               \
        else sums(a, t, MASK_OF(live), false, nk_, kw_);                                                             \
    }
SUMS(SUM)
#undef SUM

typedef void (*sums_fn)(const whet_dw_grad_args *a, const dw_sums *t, int live);
static const struct { int kw, nk; sums_fn fn; } sums_table[] = {
#define SUM(kw_, nk_) {kw_, nk_, sums_##kw_##_##nk_},
    SUMS(SUM)
#undef SUM
};

/* Any window: one kernel row, taps one after the other. */
static void loose_sums(const whet_dw_grad_args *a, const dw_sums *t, int live)
{
    const MASK m = MASK_OF(live);
    const bool full = false;
    for (int kx = 0; kx < a->kw; kx++) {
        float *out = a->acc + ((int64_t)t->ky * a->kw + kx) * a->c + t->c;
        V acc = GET(out);
        for (int64_t y = t->y0; y < t->y1; y++) {
            const float *s = a->src + (y * a->sh - a->pt + (int64_t)t->ky * a->dh) * a->w * a->c + t->c;
            const float *d = a->diff_dst + y * a->ow * a->c + t->c;
            for (int64_t x = 0; x < a->ow; x++) {
                const int64_t ix = x * a->sw - a->pl + (int64_t)kx * a->dw;
                if (ix >= 0 && ix < a->w) acc = FMA(GET(d + x * a->c), GET(s + ix * a->c), acc);
            }
        }
        PUT(out, acc);
    }
    (void)full;
}

/* The largest number of kernel rows <= most that has a function; 1 and loose_sums if there is none. */
static int rows_together(int kw, int most, sums_fn *fn)
{
    int best = 0;
    *fn = loose_sums;
    for (size_t i = 0; i < sizeof sums_table / sizeof sums_table[0]; i++) {
        if (sums_table[i].kw != kw || sums_table[i].nk > most || sums_table[i].nk <= best) continue;
        best = sums_table[i].nk;
        *fn = sums_table[i].fn;
    }
    return best ? best : 1;
}

void CAT(whet_dw_grad_f32_, SUFFIX)(const whet_dw_grad_args *a, int64_t y0, int64_t y1, int64_t c0, int64_t c1)
{
    dw_sums t = {0};
    int lo = 0, hi = 0;
    while (t.x0 < a->ow && t.x0 * a->sw - a->pl < 0) t.x0++;
    for (t.x1 = a->ow; t.x1 > t.x0 && (t.x1 - 1) * a->sw - a->pl + (int64_t)(a->kw - 1) * a->dw >= a->w; t.x1--) continue;
    for (t.c = c0; t.c < c1; t.c += LANES) {
        for (t.y0 = y0; t.y0 < y1; t.y0 = t.y1) {
            taps(t.y0 * a->sh - a->pt, a->kh, a->dh, a->h, &lo, &hi);
            for (t.y1 = t.y0 + 1; t.y1 < y1; t.y1++) { /* rows with the same kernel rows inside go together */
                int l = 0, h = 0;
                taps(t.y1 * a->sh - a->pt, a->kh, a->dh, a->h, &l, &h);
                if (l != lo || h != hi) break;
            }
            for (t.ky = lo; t.ky < hi;) {
                sums_fn fn = NULL;
                const int n = rows_together(a->kw, hi - t.ky, &fn);
                fn(a, &t, (int)(c1 - t.c < LANES ? c1 - t.c : LANES));
                t.ky += n;
            }
        }
    }
}
