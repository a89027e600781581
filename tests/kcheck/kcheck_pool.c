/* SPDX-License-Identifier: Apache-2.0 */
/* Max pools and their gradient of each ISA, channels innermost, against the reference: the same bits. */
#include <stdio.h>
#include <string.h>

#include "base/cpu.h"
#include "kcheck.h"
#include "kernels/pool/pool.h"

typedef struct pool_row {
    const char *name;
    uint32_t isa;
    void (*max_row)(const whet_pool_geom *, int64_t, int64_t, int64_t, const float *, float *, int64_t *);
    void (*max_grad)(const whet_pool_geom *, int64_t, const float *, const float *, float *);
    void (*channel_sums)(int64_t, int64_t, const float *, float *);
} pool_row;
#define ROW(isa, s) {#s, isa, whet_pool_max_row_##s, whet_pool_max_grad_image_##s, whet_pool_channel_sums_##s}
static const pool_row rows[] = {
#if defined(__x86_64__)
    ROW(WHET_ISA_AVX512, f32_avx512),
    ROW(WHET_ISA_AVX2, f32_avx2),
#endif
    ROW(0, f32_ref),
};
enum { N_ROWS = sizeof rows / sizeof rows[0] };

static const char *name(int row) { return rows[row].name; }
static uint32_t isa(int row) { return rows[row].isa; }

/* Sums in f32, each channel in the order of its positions; the reference sums in double. */
static bool check_sums(kc_case *c, int row)
{
    const int64_t positions = kc_int(c, 1, 60), channels = kc_int(c, 1, 150);
    const bool low = kc_chance(c, 2);
    snprintf(c->text, sizeof c->text, "sums of %d positions, %d channels, low %d", (int)positions, (int)channels, low);
    float *src = kc_floats(c, (size_t)(positions * channels), low), *got = kc_floats(c, (size_t)channels, low);
    float *want = kc_floats(c, (size_t)channels, low);
    kc_fill(c, src, (size_t)(positions * channels), kc_chance(c, 3));
    rows[row].channel_sums(positions, channels, src, got);
    for (int64_t j = 0; j < channels; j++) {
        double exact = 0.0;
        want[j] = 0.0f;
        for (int64_t p = 0; p < positions; p++) want[j] += src[p * channels + j];
        for (int64_t p = 0; p < positions; p++) exact += (double)src[p * channels + j];
        if (rows[row].isa == 0) want[j] = (float)exact;
    }
    return kc_same(c, got, want, (size_t)channels);
}

static bool check_max(kc_case *c, int row)
{
    const bool low = kc_chance(c, 2), wild = kc_chance(c, 3);
    whet_pool_geom g = {.n = 1, .c = kc_int(c, 1, 40)};
    for (int i = 0; i < 3; i++) {
        g.k[i] = i ? kc_int(c, 1, 3) : 1;
        g.dil[i] = i ? kc_int(c, 1, 2) : 1;
        g.stride[i] = kc_int(c, 1, 3);
        g.pad[i] = i && g.k[i] > 1 ? kc_int(c, 0, 1) : 0;
        g.in[i] = i ? kc_int(c, (int)((g.k[i] - 1) * g.dil[i] + 1), 9) : 1;
        g.out[i] = (g.in[i] + 2 * g.pad[i] - (g.k[i] - 1) * g.dil[i] - 1) / g.stride[i] + 1;
        g.pad_end[i] = g.pad[i];
    }
    g.sc = g.dc = 1;
    g.ss[2] = g.ds[2] = g.c;
    g.ss[1] = g.in[2] * g.c, g.ds[1] = g.out[2] * g.c;
    g.sn = g.ss[0] = g.in[1] * g.ss[1], g.dn = g.ds[0] = g.out[1] * g.ds[1];
    g.is[2] = 1, g.is[1] = g.in[2], g.is[0] = g.in[1] * g.in[2];
    const size_t ns = (size_t)g.sn, nd = (size_t)g.dn;
    snprintf(c->text, sizeof c->text, "in %dx%d c %d k %dx%d wild %d low %d", (int)g.in[1], (int)g.in[2], (int)g.c, (int)g.k[1],
             (int)g.k[2], wild, low);
    float *src = kc_floats(c, ns, low), *got = kc_floats(c, nd, low), *want = kc_floats(c, nd, low);
    float *back = kc_floats(c, ns, low), *back_want = kc_floats(c, ns, low);
    kc_fill(c, src, ns, wild);
    if (kc_chance(c, 2))
        for (size_t i = 0; i < ns; i++) src[i] = (float)(int)(src[i] * 3.0f); /* ties: the first counts */
    for (int64_t y = 0; y < g.out[1]; y++) {
        rows[row].max_row(&g, 0, 0, y, src, got, NULL);
        rows[N_ROWS - 1].max_row(&g, 0, 0, y, src, want, NULL);
    }
    if (!kc_same(c, got, want, nd)) return false;
    kc_fill(c, got, nd, false);
    rows[row].max_grad(&g, 0, src, got, back);
    rows[N_ROWS - 1].max_grad(&g, 0, src, got, back_want);
    return kc_same(c, back, back_want, ns);
}

static bool check(kc_case *c, int row) { return kc_chance(c, 4) ? check_sums(c, row) : check_max(c, row); }

const kc_family kc_pool = {"pool", N_ROWS, name, isa, check, 300};
