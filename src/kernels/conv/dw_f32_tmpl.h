/* SPDX-License-Identifier: Apache-2.0 */
/* Body of the depthwise kernels, included once per ISA. A tile of PIXELS neighbouring positions x LANES channels stays in
 * registers while the taps go by; with REUSE the inputs of one kernel row are loaded once and serve all its taps (Zhang, Lo,
 * Lu, "High performance depthwise and pointwise convolutions on mobile devices", AAAI 2020). Channels go outside and rows
 * inside, in bands, so that what the next row needs is near. A tile that touches the image's edge reads
 * zeros there; the last tile of a row is moved back to be whole and stores only what is new. Shapes without a constant copy
 * of the tile go through loops over the taps.
 * The includer defines V LANES LOAD STORE SET1 FMA ADD MIN MAX, MASK MASK_OF MLOAD MSTORE, REUSE, SUFFIX. */
#include <stdbool.h>

#include "base/compat.h"
#include "kernels/conv/dw.h"
#include "kernels/vec_math.h"

#define CAT_(a, b) a##b
#define CAT(a, b) CAT_(a, b)
#define GET(p) (full ? LOAD(p) : MLOAD(m, p))
#define PUT(p, v) (full ? STORE(p, v) : MSTORE(p, m, v))
enum { PIXELS = 7, MOST_INPUTS = 21 };

/* Taps lo <= k < hi that are inside an axis of size `in` at position `at` of its first tap. */
static void taps(int64_t at, int k, int dilation, int64_t in, int *lo, int *hi)
{
    *lo = 0;
    *hi = k;
    while (*lo < k && at + (int64_t)*lo * dilation < 0) ++*lo;
    while (*hi > *lo && at + (int64_t)(*hi - 1) * dilation >= in) --*hi;
}

typedef struct dw_tile {
    int64_t y, x, c;
    int ky0, ky1;   /* rows of the kernel inside the image */
    int from, to;   /* positions of the tile to store */
} dw_tile;

#define INSIDE(i) (!edge || (uint64_t)(ix + (i)) < (uint64_t)a->w)
#define INPUT(i) (INSIDE(i) ? GET(s + (int64_t)(i) * a->c) : SET1(0.0f))

ALWAYS_INLINE void tile(const whet_dw_args *a, const dw_tile *t, const MASK m, const bool full, const bool edge, const int kw,
                        const int sw, const int dw)
{
    const V lo = SET1(a->lo), hi = SET1(a->hi);
    const int64_t ix = t->x * sw - a->pl;
    const float *s = a->src + ((t->y * a->sh - a->pt + (int64_t)t->ky0 * a->dh) * a->w + ix) * a->c + t->c;
    const float *w = a->weights + (int64_t)t->ky0 * kw * a->c + t->c;
    V acc[PIXELS];
    {
        const V bias = a->bias ? GET(a->bias + t->c) : SET1(0.0f);
        UNROLL for (int i = 0; i < PIXELS; i++) acc[i] = bias;
    }
    for (int ky = t->ky0; ky < t->ky1; ky++) {
#if REUSE
        V in[MOST_INPUTS];
        const float *p = s;
        UNROLL for (int i = 0; i < (PIXELS - 1) * sw + (kw - 1) * dw + 1; i++) {
            in[i] = INSIDE(i) ? GET(p) : SET1(0.0f);
            p += a->c;
            OPAQUE(p);
        }
#endif
        UNROLL for (int kx = 0; kx < kw; kx++) {
            const V k = GET(w + kx * a->c);
#if REUSE
            UNROLL for (int i = 0; i < PIXELS; i++) acc[i] = FMA(in[i * sw + kx * dw], k, acc[i]);
#else
            UNROLL for (int i = 0; i < PIXELS; i++) acc[i] = FMA(INPUT(i * sw + kx * dw), k, acc[i]);
#endif
        }
        s += (int64_t)a->dh * a->w * a->c;
        w += (int64_t)kw * a->c;
    }
    UNROLL for (int i = 0; i < PIXELS; i++) {
        const int64_t at = t->y * a->dst_row + (t->x + i) * a->dst_step + t->c;
        if (edge && (i < t->from || i >= t->to)) continue;
        if (a->add) acc[i] = ADD(acc[i], GET(a->add + at));
        PUT(a->dst + at, a->silu ? vm_silu(MIN(hi, MAX(lo, acc[i])), SET1(1.0f)) : MIN(hi, MAX(lo, acc[i])));
    }
    (void)m;
}

ALWAYS_INLINE void sweep(const whet_dw_args *a, int64_t y0, int64_t y1, int64_t c0, int64_t c1, const MASK m, const bool full, const int kw,
                         const int sw, const int dw)
{
    dw_tile t = {.c = c0};
    for (t.y = y0; t.y < y1; t.y++) {
        taps(t.y * a->sh - a->pt, a->kh, a->dh, a->h, &t.ky0, &t.ky1);
        for (int64_t x = 0; x < a->ow; x += PIXELS) {
            t.x = x + PIXELS <= a->ow ? x : a->ow >= PIXELS ? a->ow - PIXELS : 0;
            t.from = (int)(x - t.x);
            t.to = (int)(a->ow - t.x < PIXELS ? a->ow - t.x : PIXELS);
            const int64_t first = t.x * sw - a->pl, last = first + (PIXELS - 1) * (int64_t)sw + (int64_t)(kw - 1) * dw;
            if (full && t.to - t.from == PIXELS && first >= 0 && last < a->w)
                for (t.c = c0; t.c < c1; t.c += LANES) tile(a, &t, m, full, false, kw, sw, dw);
            else
                for (t.c = c0; t.c < c1; t.c += LANES) tile(a, &t, m, full, true, kw, sw, dw);
        }
    }
}

/* Channels in bands: all of them, or four cache lines, so that lines come in runs and the rows of a band stay near. */
ALWAYS_INLINE void all_channels(const whet_dw_args *a, int64_t y0, int64_t y1, int64_t c0, int64_t c1, const int kw, const int sw,
                                const int dw)
{
    const int64_t end = c0 + (c1 - c0) / LANES * LANES, band = end - c0 <= 9 * 16 ? 9 * 16 : 4 * 16;
    for (int64_t c = c0; c < end; c += band) sweep(a, y0, y1, c, c + band < end ? c + band : end, MASK_OF(LANES), true, kw, sw, dw);
    if (end < c1) sweep(a, y0, y1, end, c1, MASK_OF((int)(c1 - end)), false, kw, sw, dw);
}

/* Any window: PIXELS positions at a time where no tap leaves the image, else one. */
ALWAYS_INLINE void loose_tile(const whet_dw_args *a, const dw_tile *t, const MASK m, const bool full, const bool edge, const int n)
{
    const V bias = a->bias ? GET(a->bias + t->c) : SET1(0.0f), lo = SET1(a->lo), hi = SET1(a->hi);
    V acc[PIXELS];
    UNROLL for (int i = 0; i < n; i++) acc[i] = bias;
    for (int ky = t->ky0; ky < t->ky1; ky++) {
        const float *w = a->weights + (int64_t)ky * a->kw * a->c + t->c;
        const int64_t iy = t->y * a->sh - a->pt + (int64_t)ky * a->dh;
        for (int kx = 0; kx < a->kw; kx++) {
            const V k = GET(w + kx * a->c);
            const int64_t ix = t->x * a->sw - a->pl + (int64_t)kx * a->dw;
            const float *s = a->src + (iy * a->w + ix) * a->c + t->c;
            UNROLL for (int i = 0; i < n; i++) acc[i] = FMA(INSIDE(i * a->sw) ? GET(s + i * a->sw * a->c) : SET1(0.0f), k, acc[i]);
        }
    }
    UNROLL for (int i = 0; i < n; i++) {
        const int64_t at = t->y * a->dst_row + (t->x + i) * a->dst_step + t->c;
        if (a->add) acc[i] = ADD(acc[i], GET(a->add + at));
        PUT(a->dst + at, a->silu ? vm_silu(MIN(hi, MAX(lo, acc[i])), SET1(1.0f)) : MIN(hi, MAX(lo, acc[i])));
    }
    (void)m;
}

static void loose(const whet_dw_args *a, int64_t y0, int64_t y1, int64_t c0, int64_t c1)
{
    dw_tile t = {0};
    for (t.c = c0; t.c < c1; t.c += LANES) {
        const bool whole = t.c + LANES <= c1;
        const MASK m = MASK_OF((int)(whole ? LANES : c1 - t.c));
        for (t.y = y0; t.y < y1; t.y++) {
            taps(t.y * a->sh - a->pt, a->kh, a->dh, a->h, &t.ky0, &t.ky1);
            for (t.x = 0; t.x < a->ow;) {
                const int64_t first = t.x * a->sw - a->pl, reach = (int64_t)(a->kw - 1) * a->dw;
                if (whole && first >= 0 && t.x + PIXELS <= a->ow && first + (PIXELS - 1) * (int64_t)a->sw + reach < a->w) {
                    loose_tile(a, &t, m, true, false, PIXELS);
                    t.x += PIXELS;
                } else {
                    loose_tile(a, &t, m, false, true, 1);
                    t.x++;
                }
            }
        }
    }
}

#define WINDOWS(X) X(1, 1, 1) X(2, 1, 1) X(3, 1, 1) X(3, 2, 1) X(3, 1, 2) X(5, 1, 1) X(5, 2, 1) X(7, 1, 1) X(7, 2, 1)
#define WINDOW(kw_, sw_, dw_)                                                                                        \
    static void window_##kw_##sw_##dw_(const whet_dw_args *a, int64_t y0, int64_t y1, int64_t c0, int64_t c1)       \
    { all_channels(a, y0, y1, c0, c1, kw_, sw_, dw_); }
WINDOWS(WINDOW)
#undef WINDOW

static const struct { int kw, sw, dw; whet_dw_fn fn; } windows[] = {
#define WINDOW(kw_, sw_, dw_) {kw_, sw_, dw_, window_##kw_##sw_##dw_},
    WINDOWS(WINDOW)
#undef WINDOW
};

void CAT(whet_dw_f32_, SUFFIX)(const whet_dw_args *a, int64_t y0, int64_t y1, int64_t c0, int64_t c1)
{
    for (size_t i = 0; i < sizeof windows / sizeof windows[0]; i++) {
        if (windows[i].kw == a->kw && windows[i].sw == a->sw && windows[i].dw == (a->kw == 1 ? 1 : a->dw)) {
            windows[i].fn(a, y0, y1, c0, c1);
            return;
        }
    }
    loose(a, y0, y1, c0, c1);
}
#undef INPUT
#undef INSIDE
