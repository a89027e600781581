/* SPDX-License-Identifier: Apache-2.0 */
/* Inner state of a graph, for the graph_*.c files alone. */
#ifndef WHET_IR_GRAPH_PRIVATE_H
#define WHET_IR_GRAPH_PRIVATE_H

#include "ir/op.h"

/* Open addressing from name to id; slots hold id + 1. */
typedef struct name_table {
    int32_t *slots;
    uint32_t size, used; /* size is a power of two */
} name_table;

struct whet_graph_private {
    whet_arena *arena; /* names, attribute payloads, input and output lists */
    size_t cap_values, cap_nodes, cap_inputs, cap_outputs, cap_commits, cap_meta, cap_symbols;
    name_table value_names, node_names;
    uint32_t serial; /* of made-up names */
    int32_t *use_start; /* n_values + 1 offsets into use_nodes; NULL: not built */
    whet_nid *use_nodes;
    bool out_of_memory; /* a function that cannot say so failed: all that can do say it from then on */
};

#define WHET_GRAPH_TRY_MEMORY(g)                                                                                    \
    do {                                                                                                            \
        if ((g)->priv->out_of_memory) return WHET_FAIL(WHET_ENOMEM, "out of memory for graph '%s'", (g)->name);     \
    } while (0)

void whet_graph_touch_(whet_graph *g); /* forget the use lists */
whet_status whet_graph_index_(whet_graph *g); /* rebuild both name tables */
void whet_graph_renamed_(whet_graph *g, whet_vid v, const char *name); /* one value's name, which is free, in its table too */
/* A unique name in the graph's arena, from `wanted` or else `stem` and a number; NULL with ENOMEM. */
const char *whet_graph_unique_(whet_graph *g, bool node, const char *wanted, const char *stem);
whet_status whet_graph_add_value_(whet_graph *g, const char *name, const char *stem, whet_value_kind kind, whet_vid *out);
whet_status whet_graph_add_node_(whet_graph *g, const whet_op *op, const char *name, int n_in, const whet_vid *in, int n_attr,
                                 const whet_attr *attrs, whet_nid *out);
/* Runs the operator's inference for one node. */
whet_status whet_graph_infer_node_(whet_graph *g, whet_nid n);
/* Contents of a small integer constant as `known`. */
whet_status whet_graph_know_const_(whet_graph *g, whet_value *v);
void whet_attr_dispose_(whet_attr *a);

#endif
