/* SPDX-License-Identifier: Apache-2.0 */
/* norm_nhwc.def: every row bit-equal to the reference (squares of floats are exact in double, so fused and separate
 * multiply-add agree). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kcheck.h"
#include "kernels/norm/norm_nhwc.h"

static const char *name(int row) { return whet_bn_kernel_at(row)->name; }
static uint32_t isa(int row) { return whet_bn_kernel_at(row)->isa; }

static bool same_sums(const double *got, const double *want, int n)
{
    for (int i = 0; i < n; i++) {
        if (memcmp(&got[i], &want[i], sizeof *got) == 0 || (got[i] != got[i] && want[i] != want[i])) continue;
        printf("sum %d is %.17g, not %.17g\n", i, got[i], want[i]);
        return false;
    }
    return true;
}

static bool check(kc_case *c, int row)
{
    enum { VECTORS = 6 };
    const bool low = kc_chance(c, 2), wild = kc_chance(c, 4), residual = kc_chance(c, 2), mask = kc_chance(c, 2), dres = kc_chance(c, 2);
    const int rows = kc_int(c, 1, 30), n = kc_int(c, 1, 70);
    const size_t all = (size_t)rows * (size_t)n;
    const whet_bn_kernel *k = whet_bn_kernel_at(row), *ref = whet_bn_kernel_at(whet_bn_kernel_count() - 1);
    float *vec[VECTORS], *in[4], *got[2], *want[2];
    double s1[140], s2[140];
    snprintf(c->text, sizeof c->text, "rows %d c %d residual %d mask %d dres %d wild %d low %d", rows, n, residual, mask, dres, wild, low);
    for (int i = 0; i < VECTORS; i++) kc_fill(c, vec[i] = kc_floats(c, (size_t)n, low), (size_t)n, false);
    for (int i = 0; i < 4; i++) kc_fill(c, in[i] = kc_floats(c, all, low), all, wild);
    for (int i = 0; i < 2; i++) kc_fill(c, got[i] = kc_floats(c, all, low), all, false);
    for (int i = 0; i < 2; i++) memcpy(want[i] = kc_floats(c, all, low), got[i], all * sizeof(float));
    for (int i = 0; i < 2 * n; i++) s1[i] = s2[i] = i;
    whet_bn_args a = {.rows = rows, .c = n, .x = in[0], .residual = residual ? in[1] : NULL, .y = got[0], .a = vec[0], .b = vec[1],
                      .relu = kc_chance(c, 2), .dy = in[2], .mask_y = mask ? in[3] : NULL, .mean = vec[2], .invstd = vec[3],
                      .p = vec[4], .q = vec[5], .dx = got[0], .dres = dres ? got[1] : NULL, .sum = s1, .sum2 = s1 + n};
    whet_bn_args b = a;
    b.y = b.dx = want[0];
    b.dres = dres ? want[1] : NULL;
    b.sum = s2;
    b.sum2 = s2 + n;
    if (kc_chance(c, 4)) a.sum2 = b.sum2 = NULL;
    k->stats(&a);
    ref->stats(&b);
    if (!same_sums(s1, s2, 2 * n)) return false;
    k->apply(&a);
    ref->apply(&b);
    if (!kc_same(c, got[0], want[0], all)) return false;
    a.sum2 = s1 + n;
    b.sum2 = s2 + n;
    k->back_stats(&a);
    ref->back_stats(&b);
    if (!same_sums(s1, s2, 2 * n)) return false;
    k->back_apply(&a);
    ref->back_apply(&b);
    return kc_same(c, got[0], want[0], all) && kc_same(c, got[1], want[1], all);
}

#if defined(__x86_64__)
enum { ROWS = 3 };
#else
enum { ROWS = 1 };
#endif
const kc_family kc_norm = {"norm", ROWS, name, isa, check, 300};
