/* SPDX-License-Identifier: Apache-2.0 */
/* dw.def: every row bit-equal to the reference, forward and weight gradient; and their speed. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/cpu.h"
#include "base/mem.h"
#include "kcheck.h"
#include "kernels/conv/dw.h"
#include "kernels/unary/act.h"

static const char *name(int row) { return whet_dw_kernel_at(row)->name; }
static uint32_t isa(int row) { return whet_dw_kernel_at(row)->isa; }

/* Half of the problems are of the sizes that networks have. */
static void window(kc_case *c, whet_dw_args *a)
{
    const bool usual = kc_chance(c, 2);
    a->kh = usual ? kc_int(c, 1, 3) * 2 + 1 : kc_int(c, 1, 5);
    a->kw = usual ? a->kh : kc_int(c, 1, 5);
    a->sh = kc_int(c, 1, 2);
    a->sw = usual ? a->sh : kc_int(c, 1, 3);
    a->dh = kc_int(c, 1, 2);
    a->dw = kc_chance(c, 3) ? 2 : 1;
    a->pt = kc_int(c, 0, a->kh / 2 + 1);
    a->pl = kc_int(c, 0, a->kw / 2 + 1);
    a->c = kc_int(c, 1, 40);
    a->h = kc_int(c, 1, 8) + WHET_MAX((a->kh - 1) * a->dh - 2 * a->pt, 0);
    a->w = kc_int(c, 1, 30) + WHET_MAX((a->kw - 1) * a->dw - 2 * a->pl, 0);
    a->ow = (a->w + 2 * a->pl - (a->kw - 1) * a->dw - 1) / a->sw + 1;
}

static void describe(kc_case *c, const whet_dw_args *a, const char *more)
{
    snprintf(c->text, sizeof c->text, "h %d w %d c %d k %dx%d s %dx%d d %dx%d p %d %d%s", (int)a->h, (int)a->w, (int)a->c, a->kh, a->kw,
             a->sh, a->sw, a->dh, a->dw, a->pt, a->pl, more);
}

static bool check(kc_case *c, int row_)
{
    const bool wild = kc_chance(c, 3), low = kc_chance(c, 2), bias = kc_chance(c, 2), add = kc_chance(c, 2), apart = kc_chance(c, 4);
    const bool inplace = kc_chance(c, 3), silu = kc_chance(c, 3);
    whet_dw_args a = {.lo = -INFINITY, .hi = INFINITY};
    window(c, &a);
    describe(c, &a, "");
    snprintf(c->text + strlen(c->text), 100, " bias %d add %d wild %d low %d apart %d inplace %d silu %d", bias, add, wild, low, apart, inplace, silu);
    const int64_t oh = (a.h + 2 * a.pt - (a.kh - 1) * a.dh - 1) / a.sh + 1;
    a.dst_step = (ptrdiff_t)(apart ? 2 * a.c : a.c);
    a.dst_row = a.dst_step * (ptrdiff_t)a.ow;
    const size_t ns = (size_t)(a.h * a.w * a.c), nw = (size_t)(a.kh * a.kw * a.c);
    const size_t nd = (size_t)(oh * a.dst_row - a.dst_step + a.c);
    float *src = kc_floats(c, ns, low), *w = kc_floats(c, nw, low), *b = kc_floats(c, (size_t)a.c, low);
    float *more = kc_floats(c, nd, low), *got = kc_floats(c, nd, low), *want = kc_floats(c, nd, low);
    kc_fill(c, src, ns, wild);
    kc_fill(c, w, nw, wild);
    kc_fill(c, b, (size_t)a.c, wild);
    kc_fill(c, more, nd, wild);
    memcpy(got, more, nd * sizeof *got);
    memcpy(want, more, nd * sizeof *want);
    a.src = src;
    a.weights = w;
    a.bias = bias ? b : NULL;
    if (kc_chance(c, 2)) a.lo = 0.0f;
    if (kc_chance(c, 2)) a.hi = 0.6f;
    const int64_t cut_y = kc_int(c, 0, (int)oh), cut_c = kc_int(c, 0, (int)a.c);
    a.silu = silu;
    for (int i = 0; i < 4; i++) {
        const int64_t y0 = i & 1 ? cut_y : 0, y1 = i & 1 ? oh : cut_y, c0 = i & 2 ? cut_c : 0, c1 = i & 2 ? a.c : cut_c;
        a.dst = got;
        a.add = add ? inplace ? got : more : NULL;
        whet_dw_kernel_at(row_)->rows(&a, y0, y1, c0, c1);
    }
    a.dst = want;
    a.add = add ? inplace ? want : more : NULL;
    a.silu = false;
    whet_dw_f32_ref(&a, 0, oh, 0, a.c);
    for (int64_t i = 0; silu && i < oh * a.ow; i++) {
        float *row = want + i * a.dst_step;
        whet_act_for(isa(row_), WHET_ACT_SILU)(row, row, (size_t)a.c, 0.0f, 0.0f);
    }
    return kc_same(c, got, want, nd);
}

static bool check_grad(kc_case *c, int row)
{
    const bool wild = kc_chance(c, 3), low = kc_chance(c, 2);
    whet_dw_args f = {0};
    window(c, &f);
    describe(c, &f, wild ? " wild" : "");
    const int64_t oh = (f.h + 2 * f.pt - (f.kh - 1) * f.dh - 1) / f.sh + 1;
    whet_dw_grad_args a = {.h = f.h, .w = f.w, .c = f.c, .ow = f.ow, .kh = f.kh, .kw = f.kw, .sh = f.sh, .sw = f.sw, .dh = f.dh,
                           .dw = f.dw, .pt = f.pt, .pl = f.pl};
    const size_t ns = (size_t)(a.h * a.w * a.c), nw = (size_t)(a.kh * a.kw * a.c), nd = (size_t)(oh * a.ow * a.c);
    float *src = kc_floats(c, ns, low), *diff = kc_floats(c, nd, low), *got = kc_floats(c, nw, low), *want = kc_floats(c, nw, low);
    kc_fill(c, src, ns, wild);
    kc_fill(c, diff, nd, wild);
    kc_fill(c, got, nw, wild);
    memcpy(want, got, nw * sizeof *got);
    a.src = src;
    a.diff_dst = diff;
    const int64_t cut_y = kc_int(c, 0, (int)oh), cut_c = kc_int(c, 0, (int)a.c);
    a.acc = got;
    for (int i = 0; i < 4; i++)
        whet_dw_kernel_at(row)->grad(&a, i & 1 ? cut_y : 0, i & 1 ? oh : cut_y, i & 2 ? cut_c : 0, i & 2 ? a.c : cut_c);
    a.acc = want;
    whet_dw_grad_f32_ref(&a, 0, oh, 0, a.c);
    return kc_same(c, got, want, nw);
}

enum { ROWS = 0 /* all of the table */
#define K(isa, symbol, tile, types, tier) + 1
#include "kernels/conv/dw.def"
#undef K
};
const kc_family kc_dw = {"dw", ROWS, name, isa, check, 300};
const kc_family kc_dw_grad = {"dw_grad", ROWS, name, isa, check_grad, 300};

typedef struct bench_job {
    const whet_dw_kernel *k;
    const whet_conv2d_geom *g;
    float *src, *dst, *w;
} bench_job;

static void run_forward(const bench_job *j, bool flip)
{
    const whet_conv2d_geom *g = j->g;
    whet_dw_args a = {.src = j->src, .weights = j->w, .dst = j->dst, .dst_row = g->ow * g->oc, .dst_step = g->oc, .h = g->h, .w = g->w,
                      .c = g->oc, .ow = g->ow, .kh = g->kh, .kw = g->kw, .sh = g->sh, .sw = g->sw, .dh = g->dh, .dw = g->dw, .pt = g->pt,
                      .pl = g->pl, .lo = 0.0f, .hi = 6.0f};
    if (!flip) {
        j->k->rows(&a, 0, g->oh, 0, g->oc);
        return;
    }
    a.src = j->dst;
    a.h = g->oh;
    a.w = g->ow;
    for (int i = 0; i < g->sh * g->sw; i++) {
        whet_conv_axis y, x;
        whet_conv_axis_backward(&y, g->h, g->oh, g->kh, g->sh, g->dh, g->pt, i / g->sw);
        whet_conv_axis_backward(&x, g->w, g->ow, g->kw, g->sw, g->dw, g->pl, i % g->sw);
        a.dst = j->src + (y.first * g->w + x.first) * g->ic;
        a.dst_row = y.stride * g->w * g->ic;
        a.dst_step = x.stride * g->ic;
        a.ow = x.count;
        a.kh = y.n, a.kw = x.n, a.sh = a.sw = 1;
        a.dh = y.n > 1 ? (int)(y.off[1] - y.off[0]) : 1, a.dw = x.n > 1 ? (int)(x.off[1] - x.off[0]) : 1;
        a.pt = y.n ? -(int)y.off[0] : 0, a.pl = x.n ? -(int)x.off[0] : 0;
        j->k->rows(&a, 0, y.count, 0, g->ic);
    }
}

static void fwd(void *arg) { run_forward(arg, false); }
static void dgrad(void *arg) { run_forward(arg, true); }
static void wgrad(void *arg)
{
    const bench_job *j = arg;
    const whet_conv2d_geom *g = j->g;
    whet_dw_grad_args a = {.src = j->src, .diff_dst = j->dst, .acc = j->w, .h = g->h, .w = g->w, .c = g->oc, .ow = g->ow, .kh = g->kh,
                           .kw = g->kw, .sh = g->sh, .sw = g->sw, .dh = g->dh, .dw = g->dw, .pt = g->pt, .pl = g->pl};
    j->k->grad(&a, 0, g->oh, 0, g->oc);
}

void kc_dw_bench(uint32_t level, const whet_conv2d_geom *g, float *src, float *dst, float *weights, double (*best_of)(void (*)(void *), void *),
                 double ns[3])
{
    bench_job j = {whet_dw_kernel_for(level), g, src, dst, weights};
    ns[0] = best_of(fwd, &j);
    ns[1] = best_of(dgrad, &j);
    ns[2] = best_of(wgrad, &j);
}
