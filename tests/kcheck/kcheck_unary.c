/* SPDX-License-Identifier: Apache-2.0 */
/* Functions of one tensor against the C library in double: values from the whole range of floats, the stated bounds of
 * vec_math.h, special values, tails behind guard pages, in place, and bits that do not depend on an element's place. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/cpu.h"
#include "kcheck.h"
#include "kernels/unary/unary_vec.h"

static const struct { const char *name; uint32_t isa; } rows[] = {{"avx512", WHET_ISA_AVX512}, {"avx2", WHET_ISA_AVX2}};
enum { N_ROWS = 2 };

static double sigmoid(double x) { return 1 / (1 + exp(-x)); }
static double softplus(double x) { return fmax(x, 0) + log1p(exp(-fabs(x))); }
static double gelu_tanh(double x) { return x * sigmoid(2 * 0.79788456080286536 * (x + 0.044715 * x * x * x)); }
static double mish_slope(double x)
{
    const double t = tanh(softplus(x));
    return t + x * (1 - t * t) * sigmoid(x);
}
static double normal(double x) { return 0.3989422804014327 * exp(-0.5 * x * x); }
static double gelu_tanh_slope(double x)
{
    const double s = sigmoid(2 * 0.79788456080286536 * (x + 0.044715 * x * x * x));
    return s + x * s * (1 - s) * 2 * 0.79788456080286536 * (1 + 0.134145 * x * x);
}

/* f(x) and f'(x) (from the result y where the row says so), in double; limits at the infinities where a formula has none. */
static double exact(const char *op, double x, double p0, double p1)
{
    const bool low = x == -INFINITY, high = x == INFINITY;
    if (!strcmp(op, "Abs")) return fabs(x);
    if (!strcmp(op, "Neg")) return -x;
    if (!strcmp(op, "Exp")) return exp(x);
    if (!strcmp(op, "Log")) return log(x);
    if (!strcmp(op, "Sqrt")) return sqrt(x);
    if (!strcmp(op, "Erf")) return erf(x);
    if (!strcmp(op, "Reciprocal")) return 1 / x;
    if (!strcmp(op, "Sigmoid")) return sigmoid(x);
    if (!strcmp(op, "Tanh")) return tanh(x);
    if (!strcmp(op, "Relu")) return x < 0 ? 0 : x;
    if (!strcmp(op, "LeakyRelu")) return x < 0 ? p0 * x : x;
    if (!strcmp(op, "Elu")) return x < 0 ? p0 * expm1(x) : x;
    if (!strcmp(op, "HardSigmoid")) return isnan(x) ? x : fmax(0, fmin(1, p0 * x + p1));
    if (!strcmp(op, "HardSwish")) return low ? 0 : isnan(x) ? x : x * fmax(0, fmin(1, x / 6 + 0.5));
    if (!strcmp(op, "Gelu")) return low ? 0 : 0.5 * x * erfc(-x * 0.70710678118654752);
    if (!strcmp(op, "GeluTanh")) return low ? 0 : high ? x : gelu_tanh(x);
    if (!strcmp(op, "Swish")) return p0 * x == -INFINITY ? 0 : x * sigmoid(p0 * x);
    if (!strcmp(op, "Mish")) return low ? 0 : x * tanh(softplus(x));
    return softplus(x);
}

static double exact_slope(const char *op, double x, double p0, double p1)
{
    const double z = p0 * x + p1, a = isnan(x) ? x : fmax(-400, fmin(400, x)); /* far out the slopes stand still */
    if (!strcmp(op, "Abs")) return x > 0 ? 1 : x < 0 ? -1 : 0;
    if (!strcmp(op, "Neg")) return -1;
    if (!strcmp(op, "Exp")) return x;
    if (!strcmp(op, "Log")) return 1 / x;
    if (!strcmp(op, "Sqrt")) return 0.5 / x;
    if (!strcmp(op, "Erf")) return 1.1283791670955126 * exp(-x * x);
    if (!strcmp(op, "Reciprocal")) return -x * x;
    if (!strcmp(op, "Sigmoid")) return x * (1 - x);
    if (!strcmp(op, "Tanh")) return 1 - x * x;
    if (!strcmp(op, "Relu")) return x > 0 ? 1 : 0;
    if (!strcmp(op, "LeakyRelu")) return x < 0 ? p0 : 1;
    if (!strcmp(op, "Elu")) return x < 0 ? p0 * exp(x) : 1;
    if (!strcmp(op, "HardSigmoid")) return z > 0 && z < 1 ? p0 : 0;
    if (!strcmp(op, "HardSwish")) return x <= -3 ? 0 : x >= 3 ? 1 : x / 3 + 0.5;
    if (!strcmp(op, "Gelu")) return 0.5 * erfc(-x * 0.70710678118654752) + a * normal(a);
    if (!strcmp(op, "GeluTanh")) return fabs(x) > 30 ? (x > 0 ? 1 : 0) : gelu_tanh_slope(a);
    if (!strcmp(op, "Swish")) return p0 * a < -200 ? 0 : sigmoid(p0 * a) + p0 * a * sigmoid(p0 * a) * (1 - sigmoid(p0 * a));
    if (!strcmp(op, "Mish")) return x < -200 ? 0 : x > 30 ? 1 : mish_slope(a);
    return sigmoid(x);
}

/* Units of 2^-23 of the result; times |x| for the functions in which 1 cancels. */
static double units(const char *op)
{
    static const struct { const char *op; double u; } known[] = {
        {"Abs", 0}, {"Neg", 0}, {"Relu", 0}, {"Exp", 1}, {"Log", 1}, {"Elu", 2}, {"Tanh", 2}, {"Sigmoid", 2}, {"Softplus", 3}};
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (!strcmp(known[i].op, op)) return known[i].u;
    return 4;
}

static bool cancels(const char *op) { return !strcmp(op, "Gelu") || !strcmp(op, "GeluTanh") || !strcmp(op, "HardSwish"); }

static float any_float(kc_case *c)
{
    static const float odd[] = {0.0f, -0.0f, INFINITY, -INFINITY, NAN, 3e38f, -3e38f, 1e-40f, -1e-40f, 88.72f, -87.34f, -103.9f, 3.92f};
    const int kind = kc_int(c, 0, 9);
    if (kind == 0) return odd[kc_int(c, 0, 12)];
    if (kind < 4) { /* any bits */
        const uint32_t bits = (uint32_t)kc_int(c, 0, 0xffff) << 16 | (uint32_t)kc_int(c, 0, 0xffff);
        float x;
        memcpy(&x, &bits, sizeof x);
        return x;
    }
    return (float)((whet_rng_uniform(&c->rng) * 2 - 1) * (kind < 7 ? 4.0 : 100.0));
}

static bool near_enough(float got, double want, double bound)
{
    if (isnan(want)) return isnan(got);
    if (fabs(want) > 3.4028234e38) return isinf(got) ? (got > 0) == (want > 0) : fabs(want) < 3.41e38 && fabs((double)got) > 3.39e38;
    return fabs((double)got - want) <= bound + 2.5e-35; /* 2^-115: what is below may be flushed or cut */
}

static bool compare(const char *what, const float *x, const float *got, const double *want, const double *bound, int n)
{
    for (int i = 0; i < n; i++) {
        if (near_enough(got[i], want[i], bound[i])) continue;
        printf("%s(%.9g) is %.9g, not %.9g (bound %.3g), element %d\n", what, (double)x[i], (double)got[i], want[i], bound[i], i);
        return false;
    }
    return true;
}

enum { MOST = 150 };

static bool check_row(kc_case *c, const whet_unary_ref *row, int n, const float *par, bool low)
{
    float *x = kc_floats(c, (size_t)n, low), *g = kc_floats(c, (size_t)n, low), *y = kc_floats(c, (size_t)n, low);
    double want[MOST] = {0}, bound[MOST] = {0};
    for (int i = 0; i < n; i++) {
        const double v = (double)(x[i] = any_float(c)), scale = fabs((double)par[0]) + fabs((double)par[1]) + 1;
        want[i] = exact(row->op, v, (double)par[0], (double)par[1]);
        bound[i] = units(row->op) * 0x1p-23 * (cancels(row->op) ? fmax(fabs(want[i]), fmin(fabs(v), 1e30)) : fabs(want[i]));
        if (!strcmp(row->op, "HardSigmoid") || !strcmp(row->op, "LeakyRelu")) bound[i] += 0x1p-22 * scale;
        if (!strcmp(row->op, "Swish")) bound[i] += 0x1p-23 * fmin(fabs((double)par[0] * v), 1e30) * fabs(want[i]); /* of the argument alpha x */
    }
    row->run(n, x, y, par);
    if (!compare(row->op, x, y, want, bound, n)) return false;
    for (int i = 0; i < n; i++) { /* moderate values: slopes are sums of terms of the size of one */
        x[i] = kc_chance(c, 4) ? any_float(c) : (float)((whet_rng_uniform(&c->rng) * 2 - 1) * 8);
        if (row->from_result && fabsf(x[i]) > 1e15f) x[i] = 2.0f;
        g[i] = (float)(whet_rng_uniform(&c->rng) * 2 - 1);
        want[i] = (double)g[i] * exact_slope(row->op, (double)x[i], (double)par[0], (double)par[1]);
        bound[i] = fabs(want[i]) * 0x1p-20 + 0x1p-20 * (double)fabsf(g[i]);
        if (fabsf(x[i]) < 1.2e-38f && x[i] != 0) want[i] = NAN, g[i] = NAN; /* a denormal may count as zero */
    }
    row->grad(n, g, x, y, par);
    if (!compare("gradient", x, y, want, bound, n)) return false;
    row->run(n, x, y, par); /* in place, and shifted by some places: same bits */
    const int from = kc_int(c, 0, n - 1);
    float *z = kc_floats(c, (size_t)(n - from), low);
    memcpy(z, x + from, (size_t)(n - from) * sizeof *z);
    row->run(n - from, z, z, par);
    return kc_same(c, z, y + from, (size_t)(n - from));
}

static bool check_clip(kc_case *c, uint32_t isa, int n, bool low)
{
    float *x = kc_floats(c, (size_t)n, low), *g = kc_floats(c, (size_t)n, low), *y = kc_floats(c, (size_t)n, low), *w = kc_floats(c, (size_t)n, low);
    const float lo = (float)kc_int(c, -3, 0), hi = (float)kc_int(c, 0, 6);
    const void *a = kc_chance(c, 4) ? NULL : &lo, *b = kc_chance(c, 4) ? NULL : &hi;
    for (int i = 0; i < n; i++) x[i] = any_float(c), g[i] = any_float(c);
    whet_clip_vec(isa)(n, x, y, a, b);
    whet_clip_find("f32")(n, x, w, a, b);
    if (!kc_same(c, y, w, (size_t)n)) return false;
    whet_clip_grad_vec(isa)(n, g, x, y, a, b);
    whet_clip_grad_find("f32")(n, g, x, w, a, b);
    return kc_same(c, y, w, (size_t)n);
}

/* The activations are the functions of the same names. */
static bool check_act(kc_case *c, uint32_t isa, int n, bool low)
{
    static const char *const names[WHET_ACT_COUNT] = {NULL, NULL, "Sigmoid", "Swish", "HardSigmoid", "HardSwish", "Gelu", "GeluTanh", "Tanh"};
    const int kind = kc_int(c, 0, WHET_ACT_COUNT - 1);
    float *x = kc_floats(c, (size_t)n, low), *y = kc_floats(c, (size_t)n, low), *w = kc_floats(c, (size_t)n, low);
    const float par[2] = {kind == WHET_ACT_SILU ? 1.0f : 0.2f, 0.5f};
    double want[MOST] = {0}, bound[MOST] = {0};
    for (int i = 0; i < n; i++) x[i] = any_float(c);
    whet_act_for(isa, (enum whet_act)kind)(y, x, (size_t)n, par[0], par[1]);
    if (names[kind] != NULL) whet_unary_vec_find(isa, names[kind])->run(n, x, w, par);
    else if (kind == WHET_ACT_CLIP) whet_clip_find("f32")(n, x, w, &par[0], &par[1]);
    else memcpy(w, x, (size_t)n * sizeof *w);
    if (!kc_same(c, y, w, (size_t)n)) return false;
    if (names[kind] == NULL) return true;
    whet_act_for(0, (enum whet_act)kind)(y, x, (size_t)n, par[0], par[1]); /* and in plain C */
    for (int i = 0; i < n; i++) {
        want[i] = exact(names[kind], (double)x[i], (double)par[0], (double)par[1]);
        bound[i] = 0x1p-20 * fmax(fabs(want[i]), fmin(fabs((double)x[i]), 1e30)) + 0x1p-22;
    }
    return compare(names[kind], x, y, want, bound, n);
}

static bool check(kc_case *c, int row)
{
    const bool low = kc_chance(c, 2);
    const int n = kc_int(c, 1, MOST);
    const float par[2] = {(float)kc_int(c, 1, 4) * 0.25f, 0.5f};
    const whet_unary_ref *r = NULL;
    const char *ops[] = {"Abs", "Neg", "Exp", "Log", "Sqrt", "Erf", "Reciprocal", "Sigmoid", "Tanh", "Relu", "LeakyRelu", "Elu",
                         "HardSigmoid", "HardSwish", "Gelu", "GeluTanh", "Swish", "Mish", "Softplus"};
    for (size_t i = 0; i < sizeof ops / sizeof ops[0]; i++) {
        const int mark = c->n_blocks;
        snprintf(c->text, sizeof c->text, "%s n %d par %g low %d", ops[i], n, (double)par[0], low);
        r = whet_unary_vec_find(rows[row].isa, ops[i]);
        if (r == NULL) {
            printf("no row\n");
            return false;
        }
        if (!check_row(c, r, n, par, low)) return false;
        kc_release(c, mark);
    }
    snprintf(c->text, sizeof c->text, "clip or activation n %d low %d", n, low);
    return check_clip(c, rows[row].isa, n, low) && check_act(c, rows[row].isa, n, low);
}

static const char *name(int row) { return rows[row].name; }
static uint32_t isa(int row) { return rows[row].isa; }
const kc_family kc_unary = {"unary", N_ROWS, name, isa, check, 400};
