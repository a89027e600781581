/* SPDX-License-Identifier: Apache-2.0 */
/* Convolution, data gradient and weight gradient over the matrix kernels against plain loops in double. Small integers
 * are used half of the time: then every sum is exact and the result must be equal. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kcheck.h"
#include "kernels/conv/conv_nhwc.h"

static const char *name(int row) { return whet_gemm_kernel_at(row)->name; }
static uint32_t isa(int row) { return whet_gemm_kernel_at(row)->isa; }

static whet_conv2d_geom geometry(kc_case *c)
{
    whet_conv2d_geom g = {.n = 1, .groups = kc_chance(c, 4) ? kc_int(c, 1, 3) : 1};
    int pb = 0, pr = 0;
    do {
        g.ic = g.groups * kc_int(c, 1, 20);
        g.oc = g.groups * kc_int(c, 1, 40);
        g.kh = kc_int(c, 1, 5);
        g.kw = kc_int(c, 1, 5);
        g.sh = kc_int(c, 1, 3);
        g.sw = kc_int(c, 1, 3);
        g.dh = kc_chance(c, 3) ? 2 : 1;
        g.dw = kc_chance(c, 3) ? 2 : 1;
        g.pt = kc_int(c, 0, 3);
        g.pl = kc_int(c, 0, 3);
        pb = kc_int(c, 0, 3);
        pr = kc_int(c, 0, 3);
        g.h = kc_int(c, 1, 12);
        g.w = kc_int(c, 1, 12);
        g.oh = (g.h + g.pt + pb - (g.kh - 1) * g.dh - 1) / g.sh + 1;
        g.ow = (g.w + g.pl + pr - (g.kw - 1) * g.dw - 1) / g.sw + 1;
    } while (g.h + g.pt + pb < (g.kh - 1) * g.dh + 1 || g.w + g.pl + pr < (g.kw - 1) * g.dw + 1);
    snprintf(c->text, sizeof c->text, "h %d w %d ic %d oc %d k %dx%d s %dx%d d %dx%d pt %d pl %d pb %d pr %d groups %d", (int)g.h,
             (int)g.w, (int)g.ic, (int)g.oc, g.kh, g.kw, g.sh, g.sw, g.dh, g.dw, g.pt, g.pl, pb, pr, g.groups);
    return g;
}

static void numbers(kc_case *c, float *p, size_t n, bool whole)
{
    kc_fill(c, p, n, false);
    for (size_t i = 0; whole && i < n; i++) p[i] = (float)(int)(p[i] * 8.0f);
}

/* Calls visit for every multiply-add of the forward convolution: indices into src, weights (OIHW) and dst. */
typedef void (*visit_fn)(void *arg, size_t s, size_t w, size_t d);
static void each(const whet_conv2d_geom *g, visit_fn visit, void *arg)
{
    const int64_t icg = g->ic / g->groups, ocg = g->oc / g->groups;
    for (int64_t oy = 0; oy < g->oh; oy++)
    for (int64_t ox = 0; ox < g->ow; ox++)
    for (int64_t o = 0; o < g->oc; o++)
    for (int ky = 0; ky < g->kh; ky++)
    for (int kx = 0; kx < g->kw; kx++) {
        const int64_t y = oy * g->sh + (int64_t)ky * g->dh - g->pt, x = ox * g->sw + (int64_t)kx * g->dw - g->pl;
        if (y < 0 || y >= g->h || x < 0 || x >= g->w) continue;
        for (int64_t i = 0; i < icg; i++)
            visit(arg, (size_t)((y * g->w + x) * g->ic + o / ocg * icg + i),
                  (size_t)(((o * icg + i) * g->kh + ky) * g->kw + kx), (size_t)((oy * g->ow + ox) * g->oc + o));
    }
}

typedef struct sums { const float *s, *w, *d; double *out, *mag; int which; } sums;
static void visit(void *arg, size_t s, size_t w, size_t d)
{
    sums *t = arg;
    const double x = t->which == 0 ? (double)t->s[s] * t->w[w] : t->which == 1 ? (double)t->d[d] * t->w[w] : (double)t->d[d] * t->s[s];
    const size_t at = t->which == 0 ? d : t->which == 1 ? s : w;
    t->out[at] += x;
    t->mag[at] += fabs(x);
}

/* The result of plain loops and a bound: (number of terms + 4) * 2^-24 * sum |a b|, or exact for small integers. */
static bool judge(kc_case *c, const whet_conv2d_geom *g, sums *t, const float *got, size_t n, bool whole)
{
    bool ok = false;
    const double terms = t->which == 2 ? (double)(g->oh * g->ow) : (double)(g->kh * g->kw) * (double)(g->ic + g->oc);
    t->out = calloc(n + 1, sizeof(double));
    t->mag = calloc(n + 1, sizeof(double));
    if (t->out && t->mag) {
        each(g, visit, t);
        for (size_t i = 0; i < n; i++) t->mag[i] = whole ? 0.0 : t->mag[i] * (terms + 4.0) * 0x1p-24;
        ok = kc_near(c, got, t->out, t->mag, n);
    }
    free(t->out);
    free(t->mag);
    return ok;
}

static void run_pass(kc_case *c, const whet_conv_pass *p, const whet_conv2d_geom *g, bool backward, const float *src,
                     const float *w, float *dst, bool low)
{
    const int64_t cut = kc_chance(c, 2) ? p->y.count : kc_int(c, 1, 4), oc_g = p->oc / p->groups;
    float *packed = kc_floats(c, whet_conv_weights_size(p), low);
    whet_conv_pack(p, packed, w, g, backward, 0, whet_conv_blocks(p));
    for (int64_t y = 0; y < p->y.count; y += cut) {
        const int64_t y1 = y + cut < p->y.count ? y + cut : p->y.count;
        const int mark = c->n_blocks;
        whet_conv_image im = {src, packed, NULL, NULL, dst, kc_floats(c, whet_conv_scratch(p, y1 - y), low), -INFINITY, INFINITY};
        const int64_t half = oc_g > 16 && kc_chance(c, 2) ? 16 : oc_g;
        whet_conv_run(p, &im, y, y1, 0, half);
        if (half < oc_g) whet_conv_run(p, &im, y, y1, half, oc_g);
        kc_release(c, mark);
    }
}

static bool check_conv(kc_case *c, int row)
{
    const bool whole = kc_chance(c, 2), low = kc_chance(c, 2);
    const whet_conv2d_geom g = geometry(c);
    const whet_gemm_kernel *k = whet_gemm_kernel_at(row);
    const size_t ns = (size_t)(g.h * g.w * g.ic), nd = (size_t)(g.oh * g.ow * g.oc), nw = (size_t)(g.oc * (g.ic / g.groups) * g.kh * g.kw);
    float *s = kc_floats(c, ns, low), *w = kc_floats(c, nw, low), *d = kc_floats(c, nd, low), *ds = kc_floats(c, ns, low);
    whet_conv_axis y, x;
    whet_conv_pass p;
    numbers(c, s, ns, whole);
    numbers(c, w, nw, whole);
    numbers(c, d, nd, true);
    whet_conv_axis_forward(&y, g.h, g.oh, g.kh, g.sh, g.dh, g.pt);
    whet_conv_axis_forward(&x, g.w, g.ow, g.kw, g.sw, g.dw, g.pl);
    whet_conv_pass_init(&p, k, &y, &x, g.ic, g.oc, g.groups, g.ow);
    run_pass(c, &p, &g, false, s, w, d, low);
    sums t = {s, w, d, NULL, NULL, 0};
    if (!judge(c, &g, &t, d, nd, whole)) return false;
    numbers(c, d, nd, whole);
    kc_fill(c, ds, ns, true);
    for (int py = 0; py < g.sh; py++) {
        for (int px = 0; px < g.sw; px++) {
            const int mark = c->n_blocks;
            whet_conv_axis_backward(&y, g.h, g.oh, g.kh, g.sh, g.dh, g.pt, py);
            whet_conv_axis_backward(&x, g.w, g.ow, g.kw, g.sw, g.dw, g.pl, px);
            whet_conv_pass_init(&p, k, &y, &x, g.oc, g.ic, g.groups, g.w);
            run_pass(c, &p, &g, true, d, w, ds, low);
            kc_release(c, mark);
        }
    }
    t = (sums){s, w, d, NULL, NULL, 1};
    return judge(c, &g, &t, ds, ns, whole);
}

/* Several images in one call give the bits of one after the other. */
static bool check_images(kc_case *c, int row, const whet_conv2d_geom *one, bool low)
{
    whet_conv2d_geom g = *one;
    g.n = kc_int(c, 2, 4);
    const size_t s1 = (size_t)(g.h * g.w * g.ic), d1 = (size_t)(g.oh * g.ow * g.oc), nw = (size_t)(g.oc * (g.ic / g.groups) * g.kh * g.kw);
    float *s = kc_floats(c, s1 * (size_t)g.n, low), *d = kc_floats(c, d1 * (size_t)g.n, low), *got = kc_floats(c, nw, low), *want = kc_floats(c, nw, low);
    float *scratch = kc_floats(c, whet_conv_wgrad_scratch(&g), low);
    numbers(c, s, s1 * (size_t)g.n, false);
    numbers(c, d, d1 * (size_t)g.n, false);
    memset(got, 0, nw * sizeof *got);
    memset(want, 0, nw * sizeof *want);
    whet_conv_wgrad(whet_gemm_kernel_at(row), &g, s, d, got, scratch, 0, g.oc / g.groups);
    for (int64_t i = 0; i < g.n; i++)
        whet_conv_wgrad(whet_gemm_kernel_at(row), one, s + (size_t)i * s1, d + (size_t)i * d1, want, scratch, 0, g.oc / g.groups);
    return kc_same(c, got, want, nw);
}

static bool check_wgrad(kc_case *c, int row)
{
    const bool whole = kc_chance(c, 2), low = kc_chance(c, 2);
    const whet_conv2d_geom g = geometry(c);
    const size_t ns = (size_t)(g.h * g.w * g.ic), nd = (size_t)(g.oh * g.ow * g.oc), nw = (size_t)(g.oc * (g.ic / g.groups) * g.kh * g.kw);
    float *s = kc_floats(c, ns, low), *d = kc_floats(c, nd, low), *acc = kc_floats(c, nw, low), *dw = kc_floats(c, nw, low);
    const int64_t oc_g = g.oc / g.groups, half = oc_g > 16 ? 16 : oc_g, r = (int64_t)nw / oc_g;
    numbers(c, s, ns, whole);
    numbers(c, d, nd, whole);
    memset(acc, 0, nw * sizeof *acc);
    float *scratch = kc_floats(c, whet_conv_wgrad_scratch(&g), low);
    whet_conv_wgrad(whet_gemm_kernel_at(row), &g, s, d, acc, scratch, 0, half);
    if (half < oc_g) whet_conv_wgrad(whet_gemm_kernel_at(row), &g, s, d, acc, scratch, half, oc_g);
    whet_conv_wgrad_sum(&g, dw, acc, 1, 0, r / 2);
    whet_conv_wgrad_sum(&g, dw, acc, 1, r / 2, r);
    sums t = {s, NULL, d, NULL, NULL, 2};
    return judge(c, &g, &t, dw, nw, whole) && check_images(c, row, &g, low);
}

enum { ROWS = 0 /* all of the table */
#define K(isa, symbol, tile, types, tier) + 1
#include "kernels/gemm/gemm.def"
#undef K
};
const kc_family kc_conv = {"conv", ROWS, name, isa, check_conv, 250};
const kc_family kc_wgrad = {"wgrad", ROWS, name, isa, check_wgrad, 250};
