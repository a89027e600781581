/* SPDX-License-Identifier: Apache-2.0 */
/* Mixing of rows and columns, compiled for several ISAs: the loops over elements become vectors. fma is written out, so
 * each ISA rounds alike. */
#include <math.h>

#define PIECE 2048 /* elements of a long mix that stay in L1 between its passes */

static inline void FN(scale_row)(int64_t n, const float *restrict a, float w, float *restrict dst)
{
    if (w == 1.0f) {
        for (int64_t i = 0; i < n; i++) dst[i] = a[i];
    } else {
        for (int64_t i = 0; i < n; i++) dst[i] = w * a[i];
    }
}

static inline void FN(mix_two)(int64_t n, const float *restrict a, const float *restrict b, float wa, float wb, float *restrict dst)
{
    for (int64_t i = 0; i < n; i++) dst[i] = fmaf(wb, b[i], wa * a[i]);
}

static inline void FN(add_two)(int64_t n, const float *restrict a, const float *restrict b, float wa, float wb, float *restrict dst)
{
    for (int64_t i = 0; i < n; i++) dst[i] = fmaf(wb, b[i], fmaf(wa, a[i], dst[i]));
}

static inline void FN(add_one)(int64_t n, const float *restrict a, float wa, float *restrict dst)
{
    for (int64_t i = 0; i < n; i++) dst[i] = fmaf(wa, a[i], dst[i]);
}

static inline void FN(mix)(int64_t n, int n_rows, const float *const *row, int64_t skip, const float *w, float *dst)
{
    int t = 2;
    if (n_rows == 0) {
        for (int64_t i = 0; i < n; i++) dst[i] = 0;
        return;
    }
    if (n_rows == 1) {
        FN(scale_row)(n, row[0] + skip, w[0], dst);
        return;
    }
    FN(mix_two)(n, row[0] + skip, row[1] + skip, w[0], w[1], dst);
    for (; t + 1 < n_rows; t += 2) FN(add_two)(n, row[t] + skip, row[t + 1] + skip, w[t], w[t + 1], dst);
    if (t < n_rows) FN(add_one)(n, row[t] + skip, w[t], dst);
}

static void FN(mix_rows)(int64_t n, int n_rows, const float *const *row, const float *w, float *dst)
{
    const int64_t piece = n_rows <= 2 ? n : PIECE;
    for (int64_t i = 0; i < n; i += piece) FN(mix)(n - i < piece ? n - i : piece, n_rows, row, i, w, dst + i);
}

/* One element a column: the taps are gathered. */
static void FN(mix_points)(const whet_resize_taps *t, const float *src, float *dst)
{
    for (int64_t o = 0; o < t->out; o++) {
        int32_t i = t->start[o];
        const int32_t end = t->start[o + 1];
        float sum = i < end ? t->weight32[i] * src[t->index[i]] : 0.0f;
        for (i++; i < end; i++) sum = fmaf(t->weight32[i], src[t->index[i]], sum);
        dst[o] = sum;
    }
}

static void FN(mix_columns)(const whet_resize_taps *t, int64_t inner, const float *src, float *dst)
{
    if (inner == 1) {
        FN(mix_points)(t, src, dst);
        return;
    }
    for (int64_t o = 0; o < t->out; o++, dst += inner) {
        int32_t i = t->start[o];
        const int32_t end = t->start[o + 1];
        const float *w = t->weight32;
        if (i == end) {
            for (int64_t j = 0; j < inner; j++) dst[j] = 0;
        } else if (i + 1 == end) {
            FN(scale_row)(inner, src + t->index[i] * inner, w[i], dst);
        } else {
            FN(mix_two)(inner, src + t->index[i] * inner, src + t->index[i + 1] * inner, w[i], w[i + 1], dst);
            for (i += 2; i < end; i++) FN(add_one)(inner, src + t->index[i] * inner, w[i], dst);
        }
    }
}

#undef FN
#undef PIECE
