/* SPDX-License-Identifier: Apache-2.0 */
/* Direct convolution in plain C, one body for both float types (conv_ref_tmpl.h). The taps that fall on padding are cut
 * off by computing the valid range of each kernel axis once a position, so the inner loops carry no bound checks. */
#include "kernels/conv/conv.h"

/* Taps lo <= k < hi of an axis whose window starts at `at` lie inside [0, in). */
static void tap_range(int64_t at, int64_t k, int64_t dil, int64_t in, int64_t *lo, int64_t *hi)
{
    *lo = at < 0 ? (-at + dil - 1) / dil : 0;
    *hi = at >= in ? 0 : (in - 1 - at) / dil + 1;
    if (*hi > k) *hi = k;
}

/* Output position that reads input `at` (padding added) through tap k, or -1. */
static int64_t source_of(int64_t at, int64_t k, int64_t dil, int64_t stride, int64_t out)
{
    const int64_t p = at - k * dil;
    if (p < 0 || p % stride != 0 || p / stride >= out) return -1;
    return p / stride;
}

#define T float
#define FN(x) whet_##x##_f32_ref
#include "kernels/conv/conv_ref_tmpl.h"
#undef T
#undef FN
#define T double
#define FN(x) whet_##x##_f64_ref
#include "kernels/conv/conv_ref_tmpl.h"
