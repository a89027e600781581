/* SPDX-License-Identifier: Apache-2.0 */
/* Row and column mixes of the resize kernels of each ISA against plain C: the same bits. */
#include <stdio.h>

#include "base/cpu.h"
#include "base/mem.h"
#include "kcheck.h"
#include "kernels/resize/resize.h"

static const whet_resize_kernels *const rows[] = {
#if defined(__x86_64__)
    &whet_resize_f32_avx512,
    &whet_resize_f32_avx2,
#endif
    &whet_resize_f32_ref,
};
enum { N_ROWS = sizeof rows / sizeof rows[0], MOST = 9 };

static const char *name(int row) { return rows[row]->name; }
static uint32_t isa(int row) { return rows[row]->isa; }

static bool check_rows(kc_case *c, int row)
{
    const bool low = kc_chance(c, 2), wild = kc_chance(c, 3);
    const int n = kc_chance(c, 8) ? kc_int(c, 2000, 5000) : kc_int(c, 1, 200), n_rows = kc_int(c, 0, MOST);
    const float *from[MOST];
    float w[MOST];
    snprintf(c->text, sizeof c->text, "rows: n %d rows %d wild %d low %d", n, n_rows, wild, low);
    for (int i = 0; i < n_rows; i++) {
        float *p = kc_floats(c, (size_t)n, low);
        kc_fill(c, p, (size_t)n, wild);
        from[i] = p;
        w[i] = kc_chance(c, 4) ? 1.0f : (float)kc_int(c, -100, 100) / 64;
    }
    float *got = kc_floats(c, (size_t)n, low), *want = kc_floats(c, (size_t)n, low);
    rows[row]->mix_rows(n, n_rows, from, w, got);
    whet_resize_f32_ref.mix_rows(n, n_rows, from, w, want);
    return kc_same(c, got, want, (size_t)n);
}

static bool check_columns(kc_case *c, int row)
{
    const bool low = kc_chance(c, 2), wild = kc_chance(c, 3), back = kc_chance(c, 3);
    const int in = kc_int(c, 1, 40), out = kc_int(c, 1, 60), inner = kc_chance(c, 3) ? 1 : kc_int(c, 1, 70);
    const whet_resize_rule rule = {.mode = (whet_resize_mode)kc_int(c, 0, 2), .coords = (whet_resize_coords)kc_int(c, 0, 4),
                                   .cubic_a = -0.75, .antialias = kc_chance(c, 3)};
    const whet_resize_axis axis = {.in = in, .out = out, .scale = (double)out / in};
    whet_resize_taps forward = {0}, turned = {0};
    snprintf(c->text, sizeof c->text, "columns: in %d out %d inner %d mode %d coords %d antialias %d back %d wild %d low %d", in, out,
             inner, (int)rule.mode, (int)rule.coords, rule.antialias, back, wild, low);
    bool good = whet_resize_taps_make(&forward, &rule, &axis) == WHET_OK && whet_resize_taps_transpose(&turned, &forward) == WHET_OK;
    if (good) {
        const whet_resize_taps *t = back ? &turned : &forward;
        const size_t ns = (size_t)(t->in * inner), nd = (size_t)(t->out * inner);
        float *src = kc_floats(c, ns, low), *got = kc_floats(c, nd, low), *want = kc_floats(c, nd, low);
        kc_fill(c, src, ns, wild);
        rows[row]->mix_columns(t, inner, src, got);
        whet_resize_f32_ref.mix_columns(t, inner, src, want);
        good = kc_same(c, got, want, nd);
    }
    whet_resize_taps_free(&forward);
    whet_resize_taps_free(&turned);
    return good;
}

static bool check(kc_case *c, int row) { return kc_chance(c, 2) ? check_rows(c, row) : check_columns(c, row); }

const kc_family kc_resize = {"resize", N_ROWS, name, isa, check, 400};
