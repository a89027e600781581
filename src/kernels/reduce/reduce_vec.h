/* SPDX-License-Identifier: Apache-2.0 */
/* Vector kernels of reductions of f32: rows of n contiguous elements to one value each, or n rows to one row. Accumulators
 * are doubles, added to (or replaced by a larger or smaller value) so that parts can be joined; the f32 sums in between
 * cover at most 1024 elements (row) or 64 rows (columns). */
#ifndef WHET_KERNELS_REDUCE_VEC_H
#define WHET_KERNELS_REDUCE_VEC_H

#include <stdint.h>

enum whet_reduce_kind { WHET_REDUCE_SUM, WHET_REDUCE_SQUARES, WHET_REDUCE_ABS, WHET_REDUCE_MAX, WHET_REDUCE_MIN, WHET_REDUCE_KINDS };

typedef struct whet_reduce_vec {
    /* *acc takes in n elements */
    void (*row)(int64_t n, const float *src, double *acc);
    /* acc[j] takes in src[i * stride + j], i < n, j < width */
    void (*columns)(int64_t n, int64_t width, const float *src, int64_t stride, double *acc);
} whet_reduce_vec;

const whet_reduce_vec *whet_reduce_vec_for(uint32_t isa, enum whet_reduce_kind kind); /* NULL: none */

#if defined(__x86_64__)
extern const whet_reduce_vec whet_reduce_f32_avx2[WHET_REDUCE_KINDS], whet_reduce_f32_avx512[WHET_REDUCE_KINDS];
#endif

#endif
