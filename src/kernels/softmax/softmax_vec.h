/* SPDX-License-Identifier: Apache-2.0 */
/* Vector kernels of softmax.h for f32.
 *
 * rows: `rows` runs of n contiguous elements. lanes: `inner` runs side by side, element j of run i at [j * inner + i].
 * Sums run in f32, in each lane of a vector, then across (16 * 4096 elements lose less than 2^-14 of them: 2^-12 n / 65536
 * bounds the relative error of a result for longer runs). diff_src may be diff_dst, dst may be src. */
#ifndef WHET_KERNELS_SOFTMAX_VEC_H
#define WHET_KERNELS_SOFTMAX_VEC_H

#include <stdbool.h>
#include <stdint.h>

typedef struct whet_softmax_vec {
    void (*rows)(int64_t rows, int64_t n, bool log, const float *src, float *dst);
    void (*rows_grad)(int64_t rows, int64_t n, bool log, const float *diff_dst, const float *dst, float *diff_src);
    /* Runs first .. last-1 of the `inner` ones. */
    void (*lanes)(int64_t n, int64_t inner, int64_t first, int64_t last, bool log, const float *src, float *dst);
    void (*lanes_grad)(int64_t n, int64_t inner, int64_t first, int64_t last, bool log, const float *diff_dst, const float *dst,
                       float *diff_src);
    /* diff[c] = factor * (e^log_probs[c] - (c == label ? hit : 0) - rest), one run. */
    void (*cross_entropy_grad)(int64_t n, const float *log_probs, int64_t label, float hit, float rest, float factor, float *diff);
    /* The same for runs first .. last-1 of the `inner` ones side by side: labels[i] is run i's; one of `ignore` gives zeros. */
    void (*lanes_cross_entropy_grad)(int64_t n, int64_t inner, int64_t first, int64_t last, const float *log_probs,
                                     const int64_t *labels, int64_t ignore, float hit, float rest, float factor, float *diff);
} whet_softmax_vec;

const whet_softmax_vec *whet_softmax_vec_for(uint32_t isa); /* NULL: none */

#if defined(__x86_64__)
extern const whet_softmax_vec whet_softmax_f32_avx2, whet_softmax_f32_avx512;
#endif

#endif
