/* SPDX-License-Identifier: Apache-2.0 */
/* Winograd convolution and data gradient of every ISA against plain loops in double, within the bound that winograd.h
 * names for this check (worked out by the same transforms over magnitudes), and bit-equal for any blocks. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kcheck.h"
#include "kernels/conv/winograd.h"

static const char *name(int row) { return whet_wino_kernel_at(row)->name; }
static uint32_t isa(int row) { return whet_wino_kernel_at(row)->isa; }

#define R 1.41421356237309504880
static const double B[6][6] = {{1, 0, -2.5, 0, 1, 0}, {0, -R, -2, R / 2, 1, 0}, {0, R, -2, -R / 2, 1, 0}, {0, -R / 2, -0.5, R, 1, 0}, {0, R / 2, -0.5, -R, 1, 0}, {0, 1, 0, -2.5, 0, 1}};
static const double G[6][3] = {{1, 0, 0}, {-2.0 / 3, -R / 3, -1.0 / 3}, {-2.0 / 3, R / 3, -1.0 / 3}, {1.0 / 6, R / 6, 1.0 / 3}, {1.0 / 6, -R / 6, 1.0 / 3}, {0, 0, 1}};
static const double A[4][6] = {{1, 1, 1, 1, 1, 0}, {0, R / 2, -R / 2, R, -R, 0}, {0, 0.5, 0.5, 2, 2, 0}, {0, R / 4, -R / 4, 2 * R, -2 * R, 1}};

typedef struct problem {
    whet_wino p;
    const float *src, *w;
} problem;

static double input_at(const problem *q, int64_t y, int64_t x, int64_t c)
{
    return y < 0 || y >= q->p.h || x < 0 || x >= q->p.w ? 0.0 : (double)q->src[(y * q->p.w + x) * q->p.ic + c];
}

static double weight_at(const problem *q, int64_t o, int64_t c, int k)
{
    return (double)(q->p.backward ? q->w[(c * q->p.oc + o) * 9 + 8 - k] : q->w[(o * q->p.ic + c) * 9 + k]);
}

/* The exact value of an output, and the bound of its error. */
static double exact(const problem *q, int64_t y, int64_t x, int64_t o)
{
    double sum = 0.0;
    for (int64_t c = 0; c < q->p.ic; c++)
        for (int k = 0; k < 9; k++)
            sum += input_at(q, y - q->p.pt + k / 3 * q->p.dh, x - q->p.pl + k % 3 * q->p.dw, c) * weight_at(q, o, c, k);
    return sum;
}

/* The largest magnitude of any output of the tile at (y, x) of phase-image positions, which bounds each of its errors. */
static double bound(const problem *q, int64_t y, int64_t x, int64_t o)
{
    const int64_t dh = q->p.dh, dw = q->p.dw, y0 = y % dh + y / dh / 4 * 4 * dh, x0 = x % dw + x / dw / 4 * 4 * dw;
    double m[6][6] = {{0}}, most = 0.0;
    for (int64_t c = 0; c < q->p.ic; c++) {
        double d[6][6], half[6][6] = {{0}}, u[6][3] = {{0}};
        for (int i = 0; i < 36; i++) d[i / 6][i % 6] = fabs(input_at(q, y0 - q->p.pt + i / 6 * dh, x0 - q->p.pl + i % 6 * dw, c));
        for (int i = 0; i < 6; i++)
            for (int j = 0; j < 6; j++)
                for (int k = 0; k < 6; k++) half[i][j] += fabs(B[i][k]) * d[k][j];
        for (int i = 0; i < 6; i++)
            for (int j = 0; j < 3; j++)
                for (int k = 0; k < 3; k++) u[i][j] += fabs(G[i][k]) * fabs(weight_at(q, o, c, k * 3 + j));
        for (int i = 0; i < 6; i++)
            for (int j = 0; j < 6; j++) {
                double v = 0.0, w = 0.0;
                for (int k = 0; k < 6; k++) v += half[i][k] * fabs(B[j][k]);
                for (int k = 0; k < 3; k++) w += u[i][k] * fabs(G[j][k]);
                m[i][j] += v * w;
            }
    }
    for (int a = 0; a < 4; a++)
        for (int b = 0; b < 4; b++) {
            double s = 0.0;
            for (int i = 0; i < 36; i++) s += fabs(A[a][i / 6]) * m[i / 6][i % 6] * fabs(A[b][i % 6]);
            most = s > most ? s : most;
        }
    return most * (sqrt((double)q->p.ic) + 6.0) / 16.0 * 0x1p-24;
}

static void compute(kc_case *c, const problem *q, whet_wino_run *r, bool low)
{
    const int mark = c->n_blocks;
    float *u = kc_floats(c, whet_wino_weights_size(&q->p), low), *scratch = kc_floats(c, whet_wino_scratch(&q->p), low);
    const int64_t blocks = whet_wino_blocks(&q->p), half = kc_int(c, 0, (int)blocks);
    whet_wino_weights(&q->p, u, q->w, 0, half);
    whet_wino_weights(&q->p, u, q->w, half, blocks);
    r->src = q->src;
    r->weights = u;
    for (int64_t i = whet_wino_chunks(&q->p) - 1; i >= 0; i--) whet_wino_chunk(&q->p, r, scratch, i);
    kc_release(c, mark);
}

static bool check(kc_case *c, int row)
{
    const bool low = kc_chance(c, 2), backward = kc_chance(c, 3), add = kc_chance(c, 2), bias = kc_chance(c, 2);
    whet_conv2d_geom g = {.n = 1, .groups = 1, .kh = 3, .kw = 3, .sh = 1, .sw = 1, .dh = 1, .dw = 1};
    if (kc_chance(c, 3)) g.dh = kc_int(c, 1, 3), g.dw = kc_int(c, 1, 3);
    g.ic = kc_int(c, 1, 40), g.oc = kc_int(c, 1, 70), g.pt = kc_int(c, 0, 2), g.pl = kc_int(c, 0, 2);
    g.h = kc_int(c, 2 * g.dh + 1, 2 * g.dh + 14), g.w = kc_int(c, 2 * g.dw + 1, 2 * g.dw + 14);
    g.oh = g.h + g.pt + kc_int(c, 0, 2) - 2 * g.dh;
    g.ow = g.w + g.pl + kc_int(c, 0, 2) - 2 * g.dw;
    snprintf(c->text, sizeof c->text, "h %d w %d ic %d oc %d d %dx%d p %d %d out %dx%d backward %d add %d bias %d low %d", (int)g.h, (int)g.w,
             (int)g.ic, (int)g.oc, g.dh, g.dw, g.pt, g.pl, (int)g.oh, (int)g.ow, backward, add, bias, low);
    problem q;
    whet_wino_init(&q.p, whet_gemm_kernel_for(whet_wino_kernel_at(row)->isa), whet_wino_kernel_at(row), &g, backward);
    const size_t ns = (size_t)(q.p.h * q.p.w * q.p.ic), nd = (size_t)(q.p.oh * q.p.ow * q.p.oc), nw = (size_t)(9 * g.ic * g.oc);
    float *src = kc_floats(c, ns, low), *w = kc_floats(c, nw, low), *b = kc_floats(c, (size_t)q.p.oc, low);
    float *more = kc_floats(c, nd, low), *got = kc_floats(c, nd, low), *again = kc_floats(c, nd, low);
    kc_fill(c, src, ns, false);
    kc_fill(c, w, nw, false);
    kc_fill(c, b, (size_t)q.p.oc, false);
    kc_fill(c, more, nd, false);
    kc_fill(c, got, nd, true);
    memcpy(again, more, nd * sizeof *more);
    q.src = src;
    q.w = w;
    whet_wino_run s = {.bias = bias ? b : NULL, .add = add ? more : NULL, .dst = got, .lo = kc_chance(c, 2) ? 0.0f : -INFINITY,
                         .hi = kc_chance(c, 3) ? 1.5f : INFINITY};
    compute(c, &q, &s, low);
    for (size_t i = 0; i < nd; i++) {
        const int64_t o = (int64_t)i % q.p.oc, x = (int64_t)i / q.p.oc % q.p.ow, y = (int64_t)i / q.p.oc / q.p.ow;
        if (i % 7 != 0 && i + 40 < nd) continue;
        double want = exact(&q, y, x, o) + (bias ? (double)b[o] : 0.0) + (add ? (double)more[i] : 0.0);
        want = want < (double)s.lo ? (double)s.lo : want > (double)s.hi ? (double)s.hi : want;
        const double limit = bound(&q, y, x, o) + 4.0 * 0x1p-24 * (fabs(want) + 2.0);
        if (!kc_near(c, &got[i], &want, &limit, 1)) return false;
    }
    /* other blocks, and the residual in place: the same bits */
    q.p.block = kc_int(c, 1, (int)q.p.block);
    q.p.most = q.p.most < 32 ? q.p.most : 32;
    q.p.parts = (q.p.oc + 31) / 32;
    if (add) s.add = again;
    s.dst = again;
    compute(c, &q, &s, low);
    return kc_same(c, again, got, nd);
}

#if defined(__x86_64__)
enum { ROWS = 2 };
#else
enum { ROWS = 0 };
#endif
const kc_family kc_winograd = {"winograd", ROWS, name, isa, check, 120};
