/* SPDX-License-Identifier: Apache-2.0 */
/* dw.def: every row bit-equal to the reference. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/cpu.h"
#include "kcheck.h"
#include "kernels/conv/dw.h"

static const char *name(int row) { return whet_dw_kernel_at(row)->name; }
static uint32_t isa(int row) { return whet_dw_kernel_at(row)->isa; }

static bool check(kc_case *c, int row)
{
    const bool wild = kc_chance(c, 3), low = kc_chance(c, 2), bias = kc_chance(c, 2), add = kc_chance(c, 2);
    whet_dw_args a = {.kh = kc_int(c, 1, 5), .kw = kc_int(c, 1, 5), .sh = kc_int(c, 1, 2), .sw = kc_int(c, 1, 3), .dh = kc_int(c, 1, 2),
                      .dw = kc_int(c, 1, 2), .pt = kc_int(c, 0, 2), .pl = kc_int(c, 0, 2), .c = kc_int(c, 1, 40), .lo = -INFINITY,
                      .hi = INFINITY};
    a.h = kc_int(c, 1, 8) + (a.kh - 1) * a.dh;
    a.w = kc_int(c, 1, 30) + (a.kw - 1) * a.dw;
    const int64_t oh = (a.h + 2 * a.pt - (a.kh - 1) * a.dh - 1) / a.sh + 1;
    a.ow = (a.w + 2 * a.pl - (a.kw - 1) * a.dw - 1) / a.sw + 1;
    const size_t ns = (size_t)(a.h * a.w * a.c), nw = (size_t)(a.kh * a.kw * a.c), nd = (size_t)(a.ow * a.c);
    snprintf(c->text, sizeof c->text, "h %d w %d c %d k %dx%d s %dx%d d %dx%d p %d %d bias %d add %d wild %d low %d", (int)a.h, (int)a.w,
             (int)a.c, a.kh, a.kw, a.sh, a.sw, a.dh, a.dw, a.pt, a.pl, bias, add, wild, low);
    float *src = kc_floats(c, ns, low), *w = kc_floats(c, nw, low), *b = kc_floats(c, (size_t)a.c, low);
    float *more = kc_floats(c, nd, low), *got = kc_floats(c, nd, low), *want = kc_floats(c, nd, low);
    kc_fill(c, src, ns, wild);
    kc_fill(c, w, nw, wild);
    kc_fill(c, b, (size_t)a.c, wild);
    kc_fill(c, more, nd, wild);
    a.src = src;
    a.weights = w;
    a.bias = bias ? b : NULL;
    a.add = add ? more : NULL;
    if (kc_chance(c, 2)) a.lo = 0.0f;
    if (kc_chance(c, 2)) a.hi = 0.6f;
    for (a.y = 0; a.y < oh; a.y++) {
        a.dst = got;
        whet_dw_kernel_at(row)->row(&a);
        a.dst = want;
        whet_dw_f32_ref(&a);
        if (!kc_same(c, got, want, nd)) return false;
    }
    return true;
}

#if defined(__x86_64__)
enum { ROWS = 3 };
#else
enum { ROWS = 1 };
#endif
const kc_family kc_dw = {"dw", ROWS, name, isa, check, 200};
