/* SPDX-License-Identifier: Apache-2.0 */
/* A value as a strided view of another: what Reshape, Transpose, Slice, Split, Squeeze and Unsqueeze between the two amount
 * to. Each axis of the value is a list of factors from slow to fast; a factor is a size and a step in the source's elements.
 * The first axis of the source may have an unknown or symbolic size. */
#ifndef WHET_PASSES_HEADS_H
#define WHET_PASSES_HEADS_H

#include "ir/graph.h"

enum { WHET_VIEW_FACTORS = 16 };
typedef struct whet_view_factor { whet_dim size; int64_t step; } whet_view_factor;
typedef struct whet_view {
    whet_vid source;     /* rank 3, contiguous */
    double scale;        /* the value is the view times this */
    int64_t offset;      /* elements */
    int rank, n;
    int first[WHET_MAX_RANK + 1]; /* axis i has factors first[i] .. first[i + 1] - 1 */
    whet_view_factor factor[WHET_VIEW_FACTORS];
} whet_view;

/* Walks up from v as far as such nodes (and scalings by constants) go; false unless that ends at a value of rank 3 whose
 * last two sizes are known. */
bool whet_view_trace(whet_graph *g, whet_vid v, whet_view *view);
/* Axis i is one run of `size` steps of `step` (any step for size 1; size WHET_DIM_UNKNOWN matches any). */
bool whet_view_axis_is(const whet_view *view, int i, whet_dim size, int64_t step);

#endif
