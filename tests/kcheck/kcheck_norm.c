/* SPDX-License-Identifier: Apache-2.0 */
/* Batch normalisation kernels of each ISA against the reference: the same bits, as the order of every sum is the same. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/cpu.h"
#include "kcheck.h"
#include "kernels/norm/batch_norm.h"

typedef struct bn_row {
    const char *name;
    uint32_t isa;
    void (*sums_rows)(int64_t, int64_t, const float *, const float *, double *, double *);
    void (*apply_rows)(int64_t, int64_t, const float *, const float *, const float *, const float *, const float *, const whet_bn_act *, bool, float *);
    void (*grad_sums_rows)(int64_t, int64_t, const float *, const float *, const float *, const float *, const float *,
                           const float *, const whet_bn_act *, float *, double *, double *);
    void (*grad_apply_rows)(int64_t, int64_t, const float *, const float *, const float *, const float *, const float *, const whet_bn_act *,
                            const float *, const float *, float *);
} bn_row;
#define ROW(isa, s)                                                                                                 \
    {#s, isa, whet_bn_sums_rows_##s, whet_bn_apply_rows_##s, whet_bn_grad_sums_rows_##s, whet_bn_grad_apply_rows_##s}
static const bn_row rows[] = {
#if defined(__x86_64__)
    ROW(WHET_ISA_AVX512, f32_avx512),
    ROW(WHET_ISA_AVX2, f32_avx2),
#endif
    ROW(0, f32_ref),
};
enum { N_ROWS = sizeof rows / sizeof rows[0], MOST = 70 };

static const char *name(int row) { return rows[row].name; }
static uint32_t isa(int row) { return rows[row].isa; }

static bool same_sums(const double *got, const double *want, int n)
{
    for (int i = 0; i < n; i++) {
        if (memcmp(&got[i], &want[i], sizeof *got) == 0 || (got[i] != got[i] && want[i] != want[i])) continue;
        printf("sum %d is %.17g, not %.17g\n", i, got[i], want[i]);
        return false;
    }
    return true;
}

/* The references run the same polynomial: here it stands against libm. */
static bool near_silu(const float *y, const float *x, float *const *vec, const float *res, int n, int ch)
{
    for (int i = 0; i < n * ch; i++) {
        const float z = (x[i] - vec[0][i % ch]) * vec[1][i % ch] + vec[2][i % ch] + (res != NULL ? res[i] : 0);
        const double want = (double)z / (1 + exp(-(double)z));
        if (fabs((double)y[i] - want) <= 1e-6 * fabs(want) + 1e-35) continue;
        printf("SiLU of %.9g is %.9g, not %.9g\n", (double)z, (double)y[i], want);
        return false;
    }
    return true;
}

static bool check(kc_case *c, int row)
{
    const bool low = kc_chance(c, 2), wild = kc_chance(c, 4), res = kc_chance(c, 2), use_y = kc_chance(c, 2), stream = kc_chance(c, 2);
    const int kind = kc_int(c, 0, 3);
    const int n = kc_int(c, 1, 300), ch = kc_int(c, 1, MOST);
    static const whet_bn_act acts[] = {{WHET_BN_CLIP, 0, INFINITY}, {WHET_BN_CLIP, -0.5, 0.75}, {WHET_BN_SILU, 0, 0}};
    const whet_bn_act *act = kind < 3 ? &acts[kind] : NULL;
    const bool y_known = use_y && kind != 2; /* the mask of SiLU cannot come from y */
    const size_t all = (size_t)n * (size_t)ch;
    const bn_row *k = &rows[row], *ref = &rows[N_ROWS - 1];
    float *vec[5], *in[4], *got = kc_floats(c, all, low), *want = kc_floats(c, all, low);
    double s1[2 * MOST], s2[2 * MOST];
    snprintf(c->text, sizeof c->text, "rows %d channels %d residual %d y %d act %d wild %d low %d", n, ch, res, use_y, kind, wild, low);
    for (int i = 0; i < 5; i++) kc_fill(c, vec[i] = kc_floats(c, (size_t)ch, low), (size_t)ch, false);
    for (int i = 0; i < 4; i++) kc_fill(c, in[i] = kc_floats(c, all, low), all, wild);
    for (int i = 0; i < 2 * ch; i++) s1[i] = s2[i] = i;
    k->sums_rows(n, ch, in[0], vec[0], s1, s1 + ch);
    ref->sums_rows(n, ch, in[0], vec[0], s2, s2 + ch);
    if (!same_sums(s1, s2, 2 * ch)) return false;
    k->apply_rows(n, ch, in[0], vec[0], vec[1], vec[2], res ? in[1] : NULL, act, stream, got);
    ref->apply_rows(n, ch, in[0], vec[0], vec[1], vec[2], res ? in[1] : NULL, act, false, want);
    if (!kc_same(c, got, want, all) || (kind == 2 && !wild && !near_silu(got, in[0], vec, res ? in[1] : NULL, n, ch))) return false;
    k->grad_sums_rows(n, ch, in[2], in[0], y_known ? in[3] : NULL, vec[0], vec[1], vec[2], act, res ? got : NULL, s1, s1 + ch);
    ref->grad_sums_rows(n, ch, in[2], in[0], y_known ? in[3] : NULL, vec[0], vec[1], vec[2], act, res ? want : NULL, s2, s2 + ch);
    if (!same_sums(s1, s2, 2 * ch) || !kc_same(c, got, want, all)) return false;
    k->grad_apply_rows(n, ch, in[2], in[0], vec[0], vec[1], vec[2], act, vec[3], vec[4], got);
    ref->grad_apply_rows(n, ch, in[2], in[0], vec[0], vec[1], vec[2], act, vec[3], vec[4], want);
    return kc_same(c, got, want, all);
}

const kc_family kc_norm = {"norm", N_ROWS, name, isa, check, 300};
