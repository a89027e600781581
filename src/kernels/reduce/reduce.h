/* SPDX-License-Identifier: Apache-2.0 */
/* Reductions. Results are accumulated in f64 for floats and in 64-bit integers (wrapping) for integers, in index order,
 * so the same call always gives the same bits. */
#ifndef WHET_KERNELS_REDUCE_H
#define WHET_KERNELS_REDUCE_H

#include <stdint.h>

/* Accumulators: one 8-byte slot (double, int64_t or uint64_t) per result. */
typedef union whet_acc { double f; int64_t s; uint64_t u; } whet_acc;

#define WHET_REDUCE_WIDTH 64 /* most results a column call takes */

typedef struct whet_reduce_ref {
    const char *op, *type; /* "ReduceSum", "f32" */
    void (*init)(int64_t n, whet_acc *acc);
    /* acc takes in n elements, `stride` elements apart. shift: subtracted before the exponential (SumExp), else unused. */
    void (*row)(int64_t n, const void *src, int64_t stride, whet_acc *acc, double shift);
    /* acc[j] takes in src[i * stride + j] for i < n; width <= WHET_REDUCE_WIDTH contiguous results. */
    void (*column)(int64_t n, const void *src, int64_t stride, int width, whet_acc *acc);
    /* dst[j] from acc[j]; count elements went into each. */
    void (*finish)(int64_t n, const whet_acc *acc, void *dst, int64_t count);
} whet_reduce_ref;

/* ReduceSum Mean Max Min Prod L1 L2 SumSquare LogSum, and "SumExp" (the second half of ReduceLogSumExp). NULL: none. */
const whet_reduce_ref *whet_reduce_find(const char *op, const char *type);

/* Along the middle axis of [outer, n, inner]: index of the largest (smallest) element; the last of equal ones if `last`.
 * One outer slice; dst has `inner` elements. */
typedef void (*whet_arg_fn)(int64_t n, int64_t inner, const void *src, int64_t *dst, int smallest, int last);
/* Running sums along the middle axis of one outer slice. */
typedef void (*whet_cumsum_fn)(int64_t n, int64_t inner, const void *src, void *dst, int exclusive, int reverse);
/* Sorts order[0..n) (indices, filled by the call) of the elements src[i * stride], best first, ties by lower index. */
typedef void (*whet_sort_fn)(int64_t n, const void *src, int64_t stride, int64_t *order, int64_t *scratch, int smallest);
whet_arg_fn whet_arg_find(const char *type);
whet_cumsum_fn whet_cumsum_find(const char *type);
whet_sort_fn whet_sort_find(const char *type);

#endif
