/* SPDX-License-Identifier: Apache-2.0 */
/* The graph: values in SSA form, nodes, variables and commits.
 *
 * Semantics are ONNX's (newest operator definitions, see ops.def); the domain "whet" holds gradients, optimiser steps,
 * fused and reorder operators. Values are logically NCHW always; the physical layout is a tag set by one pass.
 *
 *   input     fed at every run                      whet_graph_input
 *   constant  bytes that never change               whet_graph_const
 *   variable  state outside the arena: parameters,  whet_graph_variable
 *             moments, running statistics, counters
 *   result    an output of a node                   whet_graph_node
 *
 * A run computes all nodes, then the commits (value -> variable) take effect together: a reader of the variable in the
 * same run sees the old bytes.
 *
 * Ids are indices into g->values and g->nodes: a value's is valid until whet_graph_prune, a node's also only until whet_graph_sort
 * or _order. Removed nodes stay as holes (op == NULL) until then. Node order is insertion order until sorted. Not thread-safe. */
#ifndef WHET_IR_GRAPH_H
#define WHET_IR_GRAPH_H

#include <stdbool.h>
#include <stdint.h>

#include "base/mem.h"
#include "tensor/tensor.h"

typedef int32_t whet_vid; /* value id; WHET_NO_VALUE = absent optional input or output */
typedef int32_t whet_nid; /* node id */
#define WHET_NO_VALUE ((whet_vid)-1)
#define WHET_NO_NODE ((whet_nid)-1)

/* A dimension: >= 0 known; WHET_DIM_UNKNOWN; or a symbol whet_graph_symbol() < WHET_DIM_UNKNOWN, equal symbols being
 * equal sizes. */
typedef int64_t whet_dim;
#define WHET_DIM_UNKNOWN ((whet_dim)-1)

/* Shape as the graph knows it: rank -1 = unknown. */
typedef struct whet_dims {
    int rank;
    whet_dim dims[WHET_MAX_RANK];
} whet_dims;

typedef enum whet_layout { WHET_NCHW = 0, WHET_NHWC = 1 } whet_layout; /* NHWC only on rank 4 values */

typedef enum whet_value_kind {
    WHET_VALUE_RESULT, /* produced by a node */
    WHET_VALUE_INPUT,
    WHET_VALUE_CONST,
    WHET_VALUE_VARIABLE
} whet_value_kind;

typedef struct whet_value {
    const char *name; /* unique and non-empty; owned by the graph */
    whet_value_kind kind;
    whet_dtype dtype; /* NONE until inferred */
    whet_dims dims;
    whet_layout layout;
    whet_tensor data;    /* constants: the bytes; variables: the initial bytes */
    bool trainable;      /* variables: an optimiser may change it */
    whet_nid producer;   /* results: the node, else WHET_NO_NODE */
    int producer_output; /* which of its outputs */
    /* Integer contents known while shapes are inferred (Shape, its arithmetic, small integer constants), in whet_dim
     * form; n_known = -1 when not known. Owned by the graph. */
    int n_known;
    const whet_dim *known;
} whet_value;

typedef enum whet_attr_type {
    WHET_ATTR_NONE = 0,
    WHET_ATTR_INT,
    WHET_ATTR_FLOAT,
    WHET_ATTR_STRING,
    WHET_ATTR_TENSOR,
    WHET_ATTR_INTS,
    WHET_ATTR_FLOATS,
    WHET_ATTR_STRINGS
} whet_attr_type;

typedef struct whet_attr {
    const char *name;
    whet_attr_type type;
    int64_t i;
    float f;
    const char *s;     /* STRING, NUL-terminated */
    whet_tensor t;     /* TENSOR */
    int n;             /* INTS, FLOATS, STRINGS */
    const int64_t *ints;
    const float *floats;
    const char *const *strings;
} whet_attr;

struct whet_op; /* ir/op.h */

typedef struct whet_node {
    const struct whet_op *op; /* NULL: removed */
    const char *name;         /* unique and non-empty */
    int n_in, n_out;
    whet_vid *in, *out; /* WHET_NO_VALUE for absent optional ones */
    int n_attr;
    whet_attr *attr; /* owned by the graph */
} whet_node;

typedef struct whet_commit { whet_vid src, variable; } whet_commit;
typedef struct whet_meta { const char *key, *value; } whet_meta; /* free-form: contract, class names, licence */

typedef struct whet_graph {
    const char *name;
    int n_values, n_nodes, n_inputs, n_outputs, n_commits, n_meta, n_symbols;
    whet_value *values;
    whet_node *nodes;
    whet_vid *inputs;  /* in order */
    whet_vid *outputs; /* in order; any kind of value; the same value may stand twice */
    whet_commit *commits;
    whet_meta *meta;
    const char **symbols;
    struct whet_graph_private *priv; /* arena, name tables, capacities */
} whet_graph;

whet_status whet_graph_create(whet_graph **out, const char *name); /* empty; name is copied */
void whet_graph_free(whet_graph *g); /* accepts NULL */
/* Deep copy of the structure; tensor bytes are shared by reference. Ids are kept. */
whet_status whet_graph_clone(whet_graph **out, const whet_graph *g);

/* --- building. Names: NULL or "" makes a fresh one; a taken name gets a suffix (".1", ".2", ...), except where
 * said. All return ids through *out, WHET_NO_VALUE on failure. */
/* The same name gives the same symbol. UNKNOWN on ENOMEM, which the next value, sort, inference or check tells. */
whet_dim whet_graph_symbol(whet_graph *g, const char *name);
const char *whet_graph_symbol_name(const whet_graph *g, whet_dim d); /* "N"; "?" for UNKNOWN */
whet_status whet_graph_input(whet_graph *g, const char *name, whet_dtype t, const whet_dims *dims, whet_vid *out);
/* Takes a reference to the tensor's buffer (the tensor must own one). */
whet_status whet_graph_const(whet_graph *g, const char *name, const whet_tensor *data, whet_vid *out);
whet_status whet_graph_variable(whet_graph *g, const char *name, const whet_tensor *data, bool trainable, whet_vid *out);
/* Small constants. */
whet_status whet_graph_const_f32(whet_graph *g, const char *name, float x, whet_vid *out);            /* scalar */
whet_status whet_graph_const_like(whet_graph *g, whet_dtype t, double x, whet_vid *out);              /* scalar of dtype t */
whet_status whet_graph_const_s64(whet_graph *g, const char *name, int n, const int64_t *x, whet_vid *out); /* 1-D */
/* Adds a node with n_out fresh result values (names out_names[i], or made from the node's) and infers their dtype and
 * shape. op_name "Conv" is ONNX's, "whet.ConvGradData" whet's. attrs are copied, may be NULL. Errors: EUNSUPPORTED for an
 * unknown operator, ESHAPE / EINVAL from inference, naming the node. */
whet_status whet_graph_node(whet_graph *g, const char *op_name, const char *name, int n_in, const whet_vid *in,
                            int n_attr, const whet_attr *attrs, int n_out, const char *const *out_names, whet_vid *out);
/* The common case: any inputs, one output, no attributes or a few. */
#define WHET_IN(...) (int)(sizeof((whet_vid[]){__VA_ARGS__}) / sizeof(whet_vid)), (const whet_vid[]){__VA_ARGS__}
#define WHET_ATTRS(...) (int)(sizeof((whet_attr[]){__VA_ARGS__}) / sizeof(whet_attr)), (const whet_attr[]){__VA_ARGS__}
#define WHET_NO_ATTRS 0, NULL
whet_status whet_graph_op1(whet_graph *g, const char *op_name, int n_in, const whet_vid *in, int n_attr,
                           const whet_attr *attrs, whet_vid *out);
whet_attr whet_attr_int(const char *name, int64_t x);
whet_attr whet_attr_float(const char *name, float x);
whet_attr whet_attr_string(const char *name, const char *s);
whet_attr whet_attr_ints(const char *name, int n, const int64_t *x);
whet_attr whet_attr_tensor(const char *name, const whet_tensor *t);

whet_status whet_graph_output(whet_graph *g, whet_vid v); /* one more output */
whet_status whet_graph_commit(whet_graph *g, whet_vid src, whet_vid variable); /* after a run the variable is src */
whet_status whet_graph_set_meta(whet_graph *g, const char *key, const char *value); /* replaces; value NULL removes */
const char *whet_graph_get_meta(const whet_graph *g, const char *key);              /* NULL if absent */

/* --- looking */
whet_vid whet_graph_find(const whet_graph *g, const char *value_name); /* WHET_NO_VALUE if absent */
whet_nid whet_graph_find_node(const whet_graph *g, const char *name);
const whet_attr *whet_node_attr(const whet_node *n, const char *name); /* NULL if absent */
/* With the operator's default when absent (see the op's attribute table), or `otherwise` if it has none. */
int64_t whet_node_int(const whet_node *n, const char *name, int64_t otherwise);
float whet_node_float(const whet_node *n, const char *name, float otherwise);
const char *whet_node_string(const whet_node *n, const char *name, const char *otherwise);
/* Copies at most cap ints; returns how many the attribute has, 0 if absent. */
int whet_node_ints(const whet_node *n, const char *name, int64_t *out, int cap);
bool whet_node_is(const whet_node *n, const char *op_name); /* "Conv", "whet.Fused..."; false for removed nodes */
/* Users of a value, built on demand and valid until the graph changes: node ids, each once per use. None on ENOMEM, which
 * the next value, sort, inference or check of this graph tells. */
typedef struct whet_uses { int n; const whet_nid *nodes; } whet_uses;
whet_uses whet_graph_uses(whet_graph *g, whet_vid v);
bool whet_graph_is_output(const whet_graph *g, whet_vid v);
/* Constant tensor behind a value, or NULL: constants only, not variables. */
const whet_tensor *whet_graph_const_data(const whet_graph *g, whet_vid v);
/* Concrete shape; false if any dimension is unknown or symbolic. */
bool whet_dims_concrete(const whet_dims *d, whet_shape *out);
whet_dims whet_dims_of(const whet_shape *s);
/* "Nx3x32x32", "?" parts, "scalar", "unknown rank". */
const char *whet_dims_text(const whet_graph *g, const whet_dims *d, char *buf, size_t size);

/* --- changing */
void whet_graph_replace_uses(whet_graph *g, whet_vid from, whet_vid to); /* in nodes, outputs and commits' sources */
void whet_graph_set_input(whet_graph *g, whet_nid n, int i, whet_vid v);
/* Another name for a value; EINVAL if it is empty or another value has it. */
whet_status whet_graph_rename(whet_graph *g, whet_vid v, const char *name);
void whet_graph_remove_node(whet_graph *g, whet_nid n);  /* its outputs must be unused */
whet_status whet_graph_sort(whet_graph *g);     /* stable topological order; EFORMAT on a cycle; node ids change */
/* Nodes by rising rank[id], ties as they stood, then as far as needed into topological order; node ids change. */
whet_status whet_graph_order(whet_graph *g, const int *rank);
whet_status whet_graph_prune(whet_graph *g);    /* sorts; drops nodes and values that no output or commit needs; compacts */
/* Re-runs inference over all nodes in order, from the inputs' dims. */
whet_status whet_graph_infer(whet_graph *g);
/* Fixes symbols: gives input i a concrete shape and infers again; ESHAPE naming input or node if that cannot be. */
whet_status whet_graph_bind_shapes(whet_graph *g, int n, const whet_shape *shapes);

/* --- checking and printing */
whet_status whet_graph_verify(const whet_graph *g); /* SSA, types, arity, attribute names and types, uniqueness, order */
whet_status whet_graph_dump(const whet_graph *g, char **text); /* stable text, one node a line; caller frees */

#endif
