/* SPDX-License-Identifier: Apache-2.0 */
/* gemm.def: rows and outer products must be bit-equal to the reference, whatever tile they choose. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/cpu.h"
#include "kcheck.h"
#include "kernels/gemm/gemm.h"

static const char *name(int row) { return whet_gemm_kernel_at(row)->name; }
static uint32_t isa(int row) { return whet_gemm_kernel_at(row)->isa; }
static const whet_gemm_kernel *ref(void) { return whet_gemm_kernel_at(whet_gemm_kernel_count() - 1); }

static bool check_rows(kc_case *c, int row)
{
    const bool wild = kc_chance(c, 3), low = kc_chance(c, 2), has_bias = kc_chance(c, 2), has_add = kc_chance(c, 2);
    const int m = kc_int(c, 1, 40), n = kc_int(c, 1, 70), n_runs = kc_int(c, 1, 3), run_len = kc_int(c, 1, 40);
    const int step = kc_int(c, 1, 50), dst_step = n + kc_int(c, 0, 5), k = n_runs * run_len;
    ptrdiff_t runs[3] = {0};
    size_t reach = 0;
    for (int i = 0; i < n_runs; i++) {
        runs[i] = kc_int(c, 0, 60);
        if ((size_t)runs[i] > reach) reach = (size_t)runs[i];
    }
    ptrdiff_t least = runs[0];
    for (int i = 1; i < n_runs; i++) least = runs[i] < least ? runs[i] : least;
    for (int i = 0; i < n_runs; i++) runs[i] -= least;
    reach = reach - (size_t)least + (size_t)(m - 1) * (size_t)step + (size_t)run_len;
    const size_t out = (size_t)(m - 1) * (size_t)dst_step + (size_t)n;
    snprintf(c->text, sizeof c->text, "m %d n %d runs %d x %d step %d dst_step %d bias %d add %d wild %d low %d", m, n, n_runs,
             run_len, step, dst_step, has_bias, has_add, wild, low);
    float *src = kc_floats(c, reach, low), *w = kc_floats(c, whet_pack_size(n, k), low), *raw = kc_floats(c, (size_t)(n * k), low);
    float *bias = kc_floats(c, (size_t)n, low), *add = kc_floats(c, out, low);
    float *got = kc_floats(c, out, low), *want = kc_floats(c, out, low);
    kc_fill(c, src, reach, wild);
    kc_fill(c, raw, (size_t)(n * k), wild);
    kc_fill(c, bias, (size_t)n, wild);
    kc_fill(c, add, out, wild);
    kc_fill(c, got, out, false);
    memcpy(want, got, out * sizeof *want);
    whet_pack_weights(w, raw, n, k, n_runs, NULL, run_len, run_len, 1, 0, (n + 15) / 16);
    whet_rows_args a = {.src = src, .src_step = step, .runs = runs, .n_runs = n_runs, .run_len = run_len, .weights = w,
                        .bias = has_bias ? bias : NULL, .add = has_add ? add : NULL, .add_step = dst_step, .dst = got,
                        .dst_step = dst_step, .m = m, .n = n, .lo = -INFINITY, .hi = INFINITY, .more = kc_chance(c, 4)};
    if (kc_chance(c, 2)) a.lo = 0.0f;
    if (kc_chance(c, 3)) a.hi = 0.5f;
    whet_gemm_kernel_at(row)->rows(&a);
    a.dst = want;
    ref()->rows(&a);
    return kc_same(c, got, want, out);
}

static bool check_outer(kc_case *c, int row)
{
    const bool wild = kc_chance(c, 4), low = kc_chance(c, 2);
    const int m = kc_int(c, 1, 60), n = kc_int(c, 1, 70), rows = kc_int(c, 1, 4), pixels = kc_int(c, 1, 20);
    const int a_step = kc_int(c, 1, 70), b_step = n + kc_int(c, 0, 9), acc_step = n + kc_int(c, 0, 9);
    const int a_row = kc_int(c, 0, 100), b_row = kc_int(c, 0, 100);
    const int images = kc_int(c, 1, 3), a_image = kc_int(c, 0, 90), b_image = kc_int(c, 0, 90);
    const size_t na = (size_t)((images - 1) * a_image + (rows - 1) * a_row + (pixels - 1) * a_step + m);
    const size_t nb = (size_t)((images - 1) * b_image + (rows - 1) * b_row + (pixels - 1) * b_step + n), nc = (size_t)((m - 1) * acc_step + n);
    snprintf(c->text, sizeof c->text, "m %d n %d rows %d pixels %d steps %d %d %d rows %d %d wild %d low %d", m, n, rows, pixels,
             a_step, b_step, acc_step, a_row, b_row, wild, low);
    float *pa = kc_floats(c, na, low), *pb = kc_floats(c, nb, low), *got = kc_floats(c, nc, low), *want = kc_floats(c, nc, low);
    kc_fill(c, pa, na, wild);
    kc_fill(c, pb, nb, wild);
    kc_fill(c, got, nc, wild);
    memcpy(want, got, nc * sizeof *want);
    whet_outer_args a = {.a = pa, .b = pb, .a_row = a_row, .a_step = a_step, .b_row = b_row, .b_step = b_step, .n_rows = rows, .n_pixels = pixels,
                         .m = m, .n = n, .acc = got, .acc_step = acc_step, .n_images = images, .a_image = a_image, .b_image = b_image};
    whet_gemm_kernel_at(row)->outer(&a);
    a.acc = want;
    ref()->outer(&a);
    return kc_same(c, got, want, nc);
}

enum { ROWS = 0 /* all of the table */
#define K(isa, symbol, tile, types, tier) + 1
#include "kernels/gemm/gemm.def"
#undef K
};
const kc_family kc_rows = {"rows", ROWS, name, isa, check_rows, 400};
const kc_family kc_outer = {"outer", ROWS, name, isa, check_outer, 400};
