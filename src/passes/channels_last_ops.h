/* SPDX-License-Identifier: Apache-2.0 */
/* What each operator asks of the layout of its operands, and the rewrites in front of the pass: see channels_last.h. */
#ifndef WHET_PASSES_CHANNELS_LAST_OPS_H
#define WHET_PASSES_CHANNELS_LAST_OPS_H

#include "ir/graph.h"

typedef enum whet_cl_kind {
    WHET_CL_PLAIN, /* operands and results as the graph says */
    WHET_CL_IMAGE, /* image operands (bits of `in`) and results channels-last */
    WHET_CL_FREE,  /* either, all of rank 4 alike */
    WHET_CL_MOVE,  /* Transpose, whet.Reorder: takes and gives anything */
    WHET_CL_VIEW   /* Reshape and its kin: plain, or anything where both layouts are the same bytes */
} whet_cl_kind;

typedef struct whet_cl_ask {
    whet_cl_kind kind;
    uint32_t in;          /* operands that lie in the layout of the node; the others are plain */
    int cost_yes, cost_no; /* FREE: transpositions that a writer would need around the node channels-last / plain */
} whet_cl_ask;

whet_cl_ask whet_cl_ask_of(const whet_graph *g, const whet_node *n);
/* One channel or one pixel: both layouts are the same bytes. */
bool whet_cl_same_bytes(const whet_dims *d);

/* Image to tokens and back as plain reshapes behind a Transpose of the image. */
whet_status whet_cl_turn_tokens(whet_graph *g);
/* [N,C,H,W] -> [N,C*H*W] -> products with constant weights alone. */
bool whet_cl_can_turn_flatten(whet_graph *g, whet_nid id);
/* Such a node by way of [N,H,W,C], the weights permuted; nothing reads the node any more. */
whet_status whet_cl_turn_flatten(whet_graph *g, whet_nid id);

#endif
