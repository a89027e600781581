/* SPDX-License-Identifier: Apache-2.0 */
/* Body of the depthwise kernels, included once per ISA: a tile of PIXELS positions x LANES channels stays in registers while
 * the taps go by; each tap's weights are loaded once a tile. The includer defines V LANES LOAD STORE SET1 FMA ADD MIN MAX,
 * MASK MASK_OF MLOAD MSTORE, SUFFIX. */
#include <stdbool.h>

#include "base/compat.h"
#include "kernels/conv/dw.h"

#define CAT_(a, b) a##b
#define CAT(a, b) CAT_(a, b)
#define GET(p) (full ? LOAD(p) : MLOAD(m, p))
#define PUT(p, v) (full ? STORE(p, v) : MSTORE(p, m, v))
enum { PIXELS = 7 };

/* Taps lo <= k < hi that are inside an axis of size `in` at position `at` of its first tap. */
static void taps(int64_t at, int k, int dilation, int64_t in, int *lo, int *hi)
{
    *lo = 0;
    *hi = k;
    while (*lo < k && at + (int64_t)*lo * dilation < 0) ++*lo;
    while (*hi > *lo && at + (int64_t)(*hi - 1) * dilation >= in) --*hi;
}

ALWAYS_INLINE void tile(const whet_dw_args *a, int64_t x, int64_t c, const MASK m, const bool full, const int n, int ky0, int ky1,
                        int kx0, int kx1)
{
    const V bias = a->bias ? GET(a->bias + c) : SET1(0.0f), lo = SET1(a->lo), hi = SET1(a->hi);
    const int64_t step = a->sw * a->c;
    V acc[PIXELS];
    UNROLL for (int i = 0; i < n; i++) acc[i] = bias;
    for (int ky = ky0; ky < ky1; ky++) {
        const int64_t iy = a->y * a->sh - a->pt + (int64_t)ky * a->dh;
        const float *s = a->src + (iy * a->w + x * a->sw - a->pl + (int64_t)kx0 * a->dw) * a->c + c;
        const float *w = a->weights + ((int64_t)ky * a->kw + kx0) * a->c + c;
        for (int kx = kx0; kx < kx1; kx++) {
            const V k = GET(w);
            UNROLL for (int i = 0; i < n; i++) acc[i] = FMA(GET(s + i * step), k, acc[i]);
            s += a->dw * a->c;
            w += a->c;
        }
    }
    UNROLL for (int i = 0; i < n; i++) {
        const int64_t at = (x + i) * a->c + c;
        if (a->add) acc[i] = ADD(acc[i], GET(a->add + at));
        PUT(a->dst + at, MIN(hi, MAX(lo, acc[i])));
    }
    (void)m;
}

ALWAYS_INLINE void block(const whet_dw_args *a, int64_t c, int live, const bool full)
{
    const MASK m = MASK_OF(live);
    int ky0 = 0, ky1 = 0, kx0 = 0, kx1 = 0;
    taps(a->y * a->sh - a->pt, a->kh, a->dh, a->h, &ky0, &ky1);
    for (int64_t x = 0; x < a->ow;) {
        int last0 = 0, last1 = 0;
        taps(x * a->sw - a->pl, a->kw, a->dw, a->w, &kx0, &kx1);
        if (x + PIXELS <= a->ow) taps((x + PIXELS - 1) * a->sw - a->pl, a->kw, a->dw, a->w, &last0, &last1);
        if (kx0 == 0 && kx1 == a->kw && last1 == a->kw) {
            tile(a, x, c, m, full, PIXELS, ky0, ky1, kx0, kx1);
            x += PIXELS;
        } else {
            tile(a, x, c, m, full, 1, ky0, ky1, kx0, kx1);
            x++;
        }
    }
    (void)m;
}

void CAT(whet_dw_f32_, SUFFIX)(const whet_dw_args *a)
{
    int64_t c = 0;
    for (; c + LANES <= a->c; c += LANES) block(a, c, LANES, true);
    if (c < a->c) block(a, c, (int)(a->c - c), false);
}
