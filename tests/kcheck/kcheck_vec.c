/* SPDX-License-Identifier: Apache-2.0 */
/* Vector rows of two tensors, softmax, layer normalisation, transposition and reductions against plain C: bit by bit where
 * every element is its own, within a bound given by the lengths where sums are added in another order. */
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/cpu.h"
#include "kcheck.h"
#include "kernels/binary/binary.h"
#include "kernels/binary/binary_vec.h"
#include "kernels/move/transpose.h"
#include "kernels/norm/group_norm.h"
#include "kernels/norm/layer_norm_vec.h"
#include "kernels/optim/optim.h"
#include "kernels/reduce/reduce_vec.h"
#include "kernels/softmax/softmax.h"
#include "kernels/softmax/softmax_vec.h"
#include "kernels/unary/halves.h"
#include "kernels/unary/quantize.h"

static const struct { const char *name; uint32_t isa; } levels[] = {{"avx512", WHET_ISA_AVX512}, {"avx2", WHET_ISA_AVX2}};
enum { N_ROWS = 2 };
static const char *name(int row) { return levels[row].name; }
static uint32_t isa(int row) { return levels[row].isa; }

static float *filled(kc_case *c, int64_t n, bool low, bool wild)
{
    float *p = kc_floats(c, (size_t)n, low);
    kc_fill(c, p, (size_t)n, wild);
    return p;
}

/* |got - want| <= relative * |want| + absolute; NaN only for NaN. */
static bool close_to(const char *what, const float *got, const float *want, int64_t n, double relative, double absolute)
{
    for (int64_t i = 0; i < n; i++) {
        const double a = (double)got[i], b = (double)want[i];
        if (isnan(b) ? isnan(a) : a == b || fabs(a - b) <= relative * fabs(b) + absolute) continue;
        printf("%s %lld of %lld is %.9g, not %.9g\n", what, (long long)i, (long long)n, a, b);
        return false;
    }
    return true;
}

/* --- two tensors */

static bool check_binary(kc_case *c, int row)
{
    static const char *const ops[] = {"Add", "Sub", "Mul", "Div", "Max", "Min", "PRelu"};
    const char *op = ops[kc_int(c, 0, 6)];
    const bool low = kc_chance(c, 2), wild = kc_chance(c, 2), in_place = kc_chance(c, 3);
    const int64_t rows = kc_int(c, 1, 6), n = kc_int(c, 1, 70), sa = in_place || kc_chance(c, 2), sb = kc_chance(c, 2);
    const int64_t wa = sa ? n : 1, wb = sb ? n : 1;                                 /* elements of an operand's row */
    const int64_t ra = in_place ? n + 3 : kc_chance(c, 3) ? 0 : wa + kc_int(c, 0, 5), rb = kc_chance(c, 3) ? 0 : wb, rd = n + 3;
    float *a = filled(c, ra * (rows - 1) + wa, low, wild), *b = filled(c, rb * (rows - 1) + wb, low, wild);
    float *got = in_place ? a : filled(c, rd * (rows - 1) + n, low, false), *want = kc_floats(c, (size_t)(rd * (rows - 1) + n), low);
    snprintf(c->text, sizeof c->text, "%s rows %d n %d steps %d %d row steps %d %d in place %d low %d", op, (int)rows, (int)n, (int)sa,
             (int)sb, (int)ra, (int)rb, in_place, low);
    memcpy(want, got, (size_t)(rd * (rows - 1) + n) * sizeof *want);
    for (int64_t r = 0; r < rows; r++)
        whet_binary_find(op, "f32")(n, (in_place ? want : a) + r * ra, sa, b + r * rb, sb, want + r * rd);
    const whet_binary_rows w = {rows, n, a, b, ra, sa, rb, sb, got, rd};
    whet_binary_vec_find(levels[row].isa, op)(&w);
    return kc_same(c, got, want, (size_t)(rd * (rows - 1) + n));
}
const kc_family kc_binary = {"binary", N_ROWS, name, isa, check_binary, 600};

/* --- softmax */

static void scale(float *p, int64_t n, float by)
{
    for (int64_t i = 0; i < n; i++) p[i] *= by;
}

static bool check_softmax(kc_case *c, int row)
{
    const whet_softmax_vec *k = whet_softmax_vec_for(levels[row].isa);
    const bool low = kc_chance(c, 2), log_ = kc_chance(c, 2), wild = kc_chance(c, 6);
    const int64_t n = kc_int(c, 1, kc_chance(c, 5) ? 1000 : 70), m = kc_int(c, 1, 40), first = kc_int(c, 0, (int)m - 1);
    const int64_t last = kc_int(c, (int)first + 1, (int)m), label = kc_int(c, 0, (int)n - 1);
    float *x = filled(c, n * m, low, wild), *d = filled(c, n * m, low, false), *got = kc_floats(c, (size_t)(n * m), low);
    float *want = kc_floats(c, (size_t)(n * m), low);
    const double bound = 1e-6 + 1e-8 * (double)n;
    snprintf(c->text, sizeof c->text, "n %d runs %d (%d to %d) log %d wild %d low %d", (int)n, (int)m, (int)first, (int)last, log_, wild, low);
    if (!wild) scale(x, n * m, (float)kc_int(c, 1, 40));
    /* Logarithms have the size of the inputs; of huge ones the reference loses ln 2 where two are largest, the kernel does not. */
    const double off = !log_ ? 1e-30 : wild ? 4 : bound * 41;
    k->rows(m, n, log_, x, got);
    for (int64_t i = 0; i < m; i++) whet_softmax_f32_ref(n, 1, log_, x + i * n, want + i * n);
    if (!close_to("softmax", got, want, n * m, bound + 1e-6, off)) return false;
    if (wild) return true;
    memcpy(x, want, (size_t)(n * m) * sizeof *x);
    k->rows_grad(m, n, log_, d, x, got);
    for (int64_t i = 0; i < m; i++) whet_softmax_grad_f32_ref(n, 1, log_, d + i * n, x + i * n, want + i * n);
    if (!close_to("gradient", got, want, n * m, 1e-5, bound * sqrt((double)n) * 4)) return false;
    memset(got, 0, (size_t)(n * m) * sizeof *got); /* runs side by side */
    memset(want, 0, (size_t)(n * m) * sizeof *want);
    kc_fill(c, x, (size_t)(n * m), false);
    k->lanes(n, m, first, last, log_, x, got);
    for (int64_t i = first; i < last; i++) whet_softmax_f32_ref(n, m, log_, x + i, want + i);
    if (!close_to("lanes", got, want, n * m, bound + 1e-6, log_ ? bound * 10 : 1e-30)) return false;
    memcpy(x, want, (size_t)(n * m) * sizeof *x);
    k->lanes_grad(n, m, first, last, log_, d, x, got);
    for (int64_t i = first; i < last; i++) whet_softmax_grad_f32_ref(n, m, log_, d + i, x + i, want + i);
    if (!close_to("lanes gradient", got, want, n * m, 1e-5, bound * sqrt((double)n) * 4)) return false;
    k->rows(1, n, true, d, x);
    k->cross_entropy_grad(n, x, label, 0.9f, 0.1f / (float)n, 0.25f, got);
    whet_cross_entropy_grad_f32_ref(n, 1, x, label, (double)0.1f, 0.25, want);
    return close_to("cross entropy gradient", got, want, n, 1e-6, 1e-7);
}
const kc_family kc_softmax = {"softmax", N_ROWS, name, isa, check_softmax, 300};

/* --- layer normalisation */

static bool check_layer(kc_case *c, int row)
{
    const whet_layer_norm_vec *k = whet_layer_norm_vec_for(levels[row].isa);
    const bool low = kc_chance(c, 2), center = !kc_chance(c, 3), bias = kc_chance(c, 2);
    const int64_t n = kc_int(c, 1, kc_chance(c, 8) ? 9000 : 200), rows = n > 200 ? 2 : kc_int(c, 1, 12);
    const whet_norm_run r = {n, 1, 1e-5, center};
    float *x = filled(c, n * rows, low, false), *s = filled(c, n, low, false), *b = filled(c, n, low, false), *d = filled(c, n * rows, low, false);
    float *got = kc_floats(c, (size_t)(n * rows), low), *want = kc_floats(c, (size_t)(n * rows), low);
    float *stat = kc_floats(c, (size_t)rows * 2, low), *sums = kc_floats(c, (size_t)n * 2, low), *sums_want = kc_floats(c, (size_t)n * 2, low);
    static double total[18000];
    snprintf(c->text, sizeof c->text, "rows %d n %d center %d bias %d low %d", (int)rows, (int)n, center, bias, low);
    for (int64_t i = 0; i < n * rows; i++) x[i] += 0.5f;
    k->rows(rows, n, center, 1e-5, x, s, bias ? b : NULL, got, stat, stat + rows);
    for (int64_t i = 0; i < rows; i++) {
        double mean, invstd;
        whet_norm_run_f32_ref(&r, x + i * n, s, bias ? b : NULL, want + i * n, &mean, &invstd);
        if (fabs((double)stat[i] - mean) > 1e-6 || fabs((double)stat[rows + i] - invstd) > 2e-5 * invstd) {
            printf("statistics %g %g, not %g %g\n", (double)stat[i], (double)stat[rows + i], mean, invstd);
            return false;
        }
    }
    const double small = n < 4 ? 1e-3 : 4e-5; /* of two or three values the variance may be nothing but rounding */
    if (!close_to("result", got, want, n * rows, small, small)) return false;
    memset(total, 0, sizeof total);
    memset(sums, 0, (size_t)n * 2 * sizeof *sums);
    k->rows_grad(rows, n, center, 1e-5, d, x, s, got, sums, sums + n);
    for (int64_t i = 0; i < rows; i++) {
        whet_norm_run_grad_f32_ref(&r, d + i * n, x + i * n, s, want + i * n);
        whet_norm_run_grad_scale_f32_ref(&r, d + i * n, x + i * n, total, total + n);
    }
    for (int64_t i = 0; i < 2 * n; i++) sums_want[i] = (float)total[i];
    if (!close_to("scale and bias gradients", sums, sums_want, 2 * n, small, small * (double)rows)) return false;
    return n < 4 || close_to("gradient", got, want, n * rows, 1e-3, n < 16 ? 1e-2 : 2e-4);
}
/* Statistics of a run and one plane of it, as group normalisation takes them. */
static bool check_planes(kc_case *c, int row)
{
    const whet_layer_norm_vec *k = whet_layer_norm_vec_for(levels[row].isa);
    const bool low = kc_chance(c, 2);
    const int64_t n = kc_int(c, 1, kc_chance(c, 8) ? 9000 : 200);
    float *x = filled(c, n, low, false), *d = filled(c, n, low, false), *got = kc_floats(c, (size_t)n, low), *want = kc_floats(c, (size_t)n, low);
    double sum = 1, dot = 2, sum_want = 1, dot_want = 2, mean = 0, var = 0;
    float m, s;
    snprintf(c->text, sizeof c->text, "plane n %d low %d", (int)n, low);
    for (int64_t i = 0; i < n; i++) mean += (double)x[i] / (double)n;
    for (int64_t i = 0; i < n; i++) var += ((double)x[i] - mean) * ((double)x[i] - mean) / (double)n;
    k->stats(n, 1e-3, x, &m, &s);
    if (fabs((double)m - mean) > 1e-6 || fabs((double)s * sqrt(var + 1e-3) - 1) > 1e-5) {
        printf("statistics %g %g, not %g %g\n", (double)m, (double)s, mean, 1 / sqrt(var + 1e-3));
        return false;
    }
    k->plane(n, x, 0.25f, 1.5f, -0.5f, got);
    for (int64_t i = 0; i < n; i++) want[i] = fmaf(x[i] - 0.25f, 1.5f, -0.5f);
    if (!kc_same(c, got, want, (size_t)n)) return false;
    k->plane_grad(n, d, x, 0.25f, 1.5f, 0.75f, -0.5f, got);
    for (int64_t i = 0; i < n; i++) want[i] = fmaf(1.5f, d[i], fmaf(0.75f, x[i] - 0.25f, -0.5f));
    if (!kc_same(c, got, want, (size_t)n)) return false;
    k->plane_sums(n, d, x, 0.25f, &sum, &dot);
    for (int64_t i = 0; i < n; i++) sum_want += (double)d[i], dot_want += (double)d[i] * ((double)x[i] - 0.25);
    if (fabs(sum - sum_want) <= 1e-7 * (double)n + 1e-6 && fabs(dot - dot_want) <= 1e-7 * (double)n + 1e-6) return true;
    printf("sums %g %g, not %g %g\n", sum, dot, sum_want, dot_want);
    return false;
}
const kc_family kc_planes = {"planes", N_ROWS, name, isa, check_planes, 200};
const kc_family kc_layer = {"layer", N_ROWS, name, isa, check_layer, 300};

/* --- transposition */

static bool check_transpose(kc_case *c, int row)
{
    const bool low = kc_chance(c, 2);
    const int64_t rows = kc_chance(c, 6) ? 3 : kc_int(c, 1, 70), columns = kc_int(c, 1, 70), ss = columns + kc_int(c, 0, 5), ds = rows + (kc_chance(c, 2) ? 0 : 5);
    const size_t n_dst = (size_t)(ds * (columns - 1) + rows);
    float *src = filled(c, ss * (rows - 1) + columns, low, true), *got = filled(c, (int64_t)n_dst, low, false);
    float *want = kc_floats(c, n_dst, low);
    snprintf(c->text, sizeof c->text, "rows %d columns %d steps %d %d low %d", (int)rows, (int)columns, (int)ss, (int)ds, low);
    memcpy(want, got, n_dst * sizeof *want);
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < columns; j++) want[j * ds + i] = src[i * ss + j];
    whet_transpose_vec(levels[row].isa)(rows, columns, src, ss, got, ds);
    return kc_same(c, got, want, n_dst);
}
const kc_family kc_transpose = {"transpose", N_ROWS, name, isa, check_transpose, 400};

/* --- reductions */

static double joined(enum whet_reduce_kind kind, double a, double x)
{
    if (kind == WHET_REDUCE_MAX) return a != a || a > x ? a : x;
    if (kind == WHET_REDUCE_MIN) return a != a || a < x ? a : x;
    return a + (kind == WHET_REDUCE_ABS ? fabs(x) : kind == WHET_REDUCE_SQUARES ? x * x : x);
}

static bool check_reduce(kc_case *c, int row)
{
    const enum whet_reduce_kind kind = (enum whet_reduce_kind)kc_int(c, 0, WHET_REDUCE_KINDS - 1);
    const whet_reduce_vec *k = whet_reduce_vec_for(levels[row].isa, kind);
    const bool low = kc_chance(c, 2), extreme = kind == WHET_REDUCE_MAX || kind == WHET_REDUCE_MIN, columns = kc_chance(c, 2);
    const bool wild = extreme && kc_chance(c, 2);
    const int64_t n = kc_int(c, 1, columns ? 150 : 2500), width = columns ? kc_int(c, 1, 60) : 1, step = width + (columns ? kc_int(c, 0, 4) : 0);
    float *x = filled(c, step * (n - 1) + width, low, wild), out[60], ref[60];
    double got[60], want[60], size = 0;
    snprintf(c->text, sizeof c->text, "kind %d n %d width %d step %d wild %d low %d", kind, (int)n, (int)width, (int)step, wild, low);
    for (int64_t j = 0; j < width; j++) {
        got[j] = want[j] = -0.25;
        for (int64_t i = 0; i < n; i++) want[j] = joined(kind, want[j], (double)x[i * step + j]);
    }
    if (columns) k->columns(n, width, x, step, got);
    else k->row(n, x, got);
    for (int64_t j = 0; j < width; j++) out[j] = (float)got[j], ref[j] = (float)want[j];
    size = extreme ? 0 : (double)n * 1e-7;
    return close_to("result", out, ref, width, extreme ? 0 : 1e-6, size);
}
const kc_family kc_reduce = {"reduce", N_ROWS, name, isa, check_reduce, 500};

/* --- f32 and bf16: the same bits as in plain C */

static bool check_halves(kc_case *c, int row)
{
    const whet_halves *k = whet_halves_for(levels[row].isa);
    const bool low = kc_chance(c, 2), odd = kc_chance(c, 2);
    const int64_t n = kc_int(c, 1, 150);
    float *x = filled(c, n, low, true), *back = kc_floats(c, (size_t)n, low), *want = kc_floats(c, (size_t)n, low);
    uint16_t *half = (uint16_t *)(void *)kc_floats(c, (size_t)(n + 1) / 2, low), expected[150];
    if (!low && n % 2) half++; /* up to the guarded page */
    snprintf(c->text, sizeof c->text, "n %d low %d odd %d", (int)n, low, odd);
    for (int64_t i = 0; odd && i < n; i++) { /* any bits: ties, NaN, subnormal numbers */
        const uint32_t u = whet_rng_below(&c->rng, 1u << 16) << 16 | (kc_chance(c, 3) ? 0x8000u : whet_rng_below(&c->rng, 1u << 16));
        memcpy(&x[i], &u, sizeof u);
    }
    k->to_bf16(n, x, half);
    whet_halves_ref.to_bf16(n, x, expected);
    for (int64_t i = 0; i < n; i++) {
        if (half[i] == expected[i]) continue;
        printf("element %d of %g is %04x, not %04x\n", (int)i, (double)x[i], half[i], expected[i]);
        return false;
    }
    k->from_bf16(n, half, back);
    whet_halves_ref.from_bf16(n, expected, want);
    return memcmp(back, want, (size_t)n * sizeof *back) == 0;
}
const kc_family kc_halves = {"halves", N_ROWS, name, isa, check_halves, 400};

/* --- f32 and integers of 8 and 16 bits: the same bits as in plain C */

static bool check_quantize(kc_case *c, int row)
{
    static const int32_t lowest[] = {-128, 0, -32768, 0}, steps[] = {256, 256, 65536, 65536};
    const whet_quantize *k = whet_quantize_for(levels[row].isa), *ref = &whet_quantize_ref;
    const int t = kc_int(c, 0, WHET_Q_COUNT - 1);
    const bool low = kc_chance(c, 2), plain = kc_chance(c, 4), wide = t >= WHET_Q_S16;
    const int64_t n = kc_int(c, 1, 200);
    const int32_t zero = kc_chance(c, 3) ? 0 : lowest[t] + (int32_t)whet_rng_below(&c->rng, (uint32_t)steps[t]);
    const float odd[] = {0.0f, -0.25f, 1e-40f, INFINITY, NAN, 1e30f, 1e-25f, FLT_MAX}, mantissa = 1 + (float)whet_rng_below(&c->rng, 1u << 23) * 0x1p-23f;
    const float scale = kc_chance(c, 8) ? odd[kc_int(c, 0, 7)] : ldexpf(plain ? 1 : mantissa, kc_int(c, -20, 10));
    float *x = filled(c, n, low, true), *back = kc_floats(c, (size_t)n, low), *want = kc_floats(c, (size_t)n, low);
    const int64_t room = wide ? (n + 1) / 2 : (n + 3) / 4;
    char *q = (char *)kc_floats(c, (size_t)room, low);
    uint16_t expected[200];
    const size_t bytes = (size_t)n * (wide ? 2 : 1);
    if (!low) q += (size_t)room * 4 - bytes; /* up to the guarded page */
    snprintf(c->text, sizeof c->text, "type %d n %d low %d scale %.9g zero %d", t, (int)n, low, (double)scale, (int)zero);
    for (int64_t i = 0; i < n; i++) { /* half way between integers, and the floats beside it */
        const float tie = ((float)(int32_t)whet_rng_below(&c->rng, (uint32_t)steps[t] + 8) + (float)(lowest[t] - 4) - (float)zero + 0.5f) * scale;
        if (kc_chance(c, 2)) x[i] = kc_chance(c, 2) ? tie : nextafterf(tie, kc_chance(c, 2) ? INFINITY : -INFINITY);
    }
    k->to[t](n, x, q, scale, zero);
    ref->to[t](n, x, expected, scale, zero);
    for (int64_t i = 0; i < n; i++) {
        const size_t at = (size_t)i * (wide ? 2 : 1);
        if (memcmp(q + at, (const char *)expected + at, wide ? 2 : 1) == 0) continue;
        printf("element %d, %.9g, is not as in plain C\n", (int)i, (double)x[i]);
        return false;
    }
    k->from[t](n, q, back, scale, zero);
    ref->from[t](n, expected, want, scale, zero);
    if (!kc_same(c, back, want, (size_t)n)) return false;
    for (int64_t i = 0; i < n; i++)
        if (kc_chance(c, 4)) x[i] = ldexpf(x[i], kc_int(c, 0, 80));
    int32_t *whole = (int32_t *)(void *)kc_floats(c, (size_t)n, low), cut[200];
    k->cut_s32(n, x, whole);
    ref->cut_s32(n, x, cut);
    k->from_s32(n, whole, back);
    ref->from_s32(n, cut, want);
    return memcmp(whole, cut, (size_t)n * sizeof *cut) == 0 && kc_same(c, back, want, (size_t)n);
}
const kc_family kc_quantize = {"quantize", N_ROWS, name, isa, check_quantize, 3000};

/* --- optimiser steps: the same bits as in plain C, in place and not */

static bool check_optim(kc_case *c, int row)
{
    const whet_optim_f32 *k = whet_optim_f32_for(levels[row].isa), *ref = whet_optim_f32_for(0);
    const bool low = kc_chance(c, 2), in_place = kc_chance(c, 2), first = kc_chance(c, 2), second = kc_chance(c, 2);
    const int64_t n = kc_int(c, 1, 150);
    const double decay = kc_chance(c, 2) ? 0.01 : 0;
    const whet_sgd sgd = {0.1, 0.9, kc_chance(c, 2) ? 0.5 : 0, decay, kc_chance(c, 2)};
    const whet_adam adam = {0.01, 0.9, 0.999, 1e-8, decay, 0.1, 0.001, kc_chance(c, 2)};
    const whet_rms_prop rms = {0.01, 0.99, 1e-8, 0.9, decay, kc_chance(c, 2)};
    float *in[5], *got[5], *want[5];
    snprintf(c->text, sizeof c->text, "n %d in place %d first %d second %d low %d", (int)n, in_place, first, second, low);
    for (int rule = 0; rule < 5; rule++) {
        const int mark = c->n_blocks;
        for (int i = 0; i < 5; i++) {
            in[i] = filled(c, n, low, false);
            if (i > 2) for (int64_t j = 0; j < n; j++) in[i][j] = fabsf(in[i][j]);
            want[i] = filled(c, n, low, false);
            got[i] = in_place ? in[i] : kc_floats(c, (size_t)n, low);
            if (!in_place) memcpy(got[i], want[i], (size_t)n * sizeof(float));
            else if (i == 1) memcpy(want[i], in[i], (size_t)n * sizeof(float)); /* gradients stay */
        }
        float *w = in[0], *g = in[1], *m = in[2], *v = in[3], *a = in[4];
        if (in_place && rule == 0 && first) memcpy(want[2], m, (size_t)n * sizeof *m); /* what a rule leaves alone */
        if (in_place && rule != 1 && rule != 2) memcpy(want[3], v, (size_t)n * sizeof *v);
        if (in_place && (rule != 2 || first)) memcpy(want[4], a, (size_t)n * sizeof *a);
        if (in_place && ((rule == 2 && second) || rule > 2)) memcpy(want[2], m, (size_t)n * sizeof *m);
        for (int pass = 0; pass < 2; pass++) {
            const whet_optim_f32 *f = pass == 0 ? ref : k;
            float **o = pass == 0 ? want : got;
            if (rule == 0) f->sgd(&sgd, n, w, g, first ? NULL : m, o[0], first ? NULL : o[2]);
            if (rule == 1) f->adam(&adam, n, w, g, m, v, o[0], o[2], o[3]);
            if (rule == 2) f->rms_prop(&rms, n, w, g, v, second ? NULL : m, first ? NULL : a, o[0], o[3], second ? NULL : o[2], first ? NULL : o[4]);
            if (rule == 3) f->ema(0.125, n, w, g, o[0]);
            if (rule == 4) f->accumulate(0.25, n, first ? NULL : w, g, o[0]);
        }
        for (int i = 0; i < 5; i++)
            if (!kc_same(c, got[i], want[i], (size_t)n)) return false;
        kc_release(c, mark);
    }
    float *x = filled(c, n, low, false);
    return k->sum_squares(n, x) == ref->sum_squares(n, x);
}
const kc_family kc_optim = {"optim", N_ROWS, name, isa, check_optim, 200};
