/* SPDX-License-Identifier: Apache-2.0 */
/* Attention of some queries of one head: dst[i] = sum_j p[i][j] v[j], p[i] = softmax over j of (scale * q[i] . k[j] + mask[i][j]).
 *
 * Scores of a block of queries stay in the scratch memory, transposed: [key][32 queries], so that the softmax is the same
 * operations in every lane and keys and values are read where they lie. The sums of a query are chains in the order of the
 * dimension and of the keys, whatever block it is computed in. */
#ifndef WHET_KERNELS_ATTENTION_H
#define WHET_KERNELS_ATTENTION_H

#include <stddef.h>
#include <stdint.h>

enum { WHET_ATTENTION_BLOCK = 32 };

typedef struct whet_attention_args {
    const float *q, *k, *v;           /* at the head's first column of the first row */
    ptrdiff_t q_row, k_row, v_row;    /* floats from row to row */
    const float *mask;                /* NULL: none */
    ptrdiff_t mask_query, mask_key;   /* floats from query to query and from key to key; may be 0 */
    float *dst;
    ptrdiff_t dst_row;
    int n_q;                          /* 1 .. WHET_ATTENTION_BLOCK */
    int64_t n_k;
    int dim, value;                   /* of q and k; of v and dst */
    float scale;
    float *scratch;                   /* whet_attention_scratch() floats, 64-byte aligned */
} whet_attention_args;
typedef void (*whet_attention_fn)(const whet_attention_args *a);

size_t whet_attention_scratch(int64_t n_k, int dim, int value); /* floats that a block needs, for any n_q */

#define K(isa, symbol, tile, types, tier) void whet_attention_f32_##symbol(const whet_attention_args *a);
#include "kernels/attention/attention.def"
#undef K

typedef struct whet_attention_kernel {
    uint32_t isa; /* needed bits */
    const char *name, *tile, *types;
    int tier; /* 1 fast, 0 reference */
    whet_attention_fn block;
} whet_attention_kernel;
const whet_attention_kernel *whet_attention_kernel_at(int i); /* best first */
const whet_attention_kernel *whet_attention_kernel_for(uint32_t isa); /* never NULL */

#endif
