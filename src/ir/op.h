/* SPDX-License-Identifier: Apache-2.0 */
/* Operator registry. An operator is a line in ops.def and a set of functions in op_<family>.c. */
#ifndef WHET_IR_OP_H
#define WHET_IR_OP_H

#include "ir/graph.h"

typedef struct whet_attr_def {
    const char *name; /* NULL ends the table */
    whet_attr_type type;
    bool required;
    int64_t i;        /* default of INT */
    float f;          /* default of FLOAT */
    const char *s;    /* default of STRING */
} whet_attr_def;

/* --- inference: called whenever a node is made or the graph is inferred again. It must check arity beyond ops.def,
 * attribute values, input dtypes and shapes (as far as known), and set every output's dtype and dims. */
typedef struct whet_infer {
    whet_graph *g;
    whet_nid node;
    const whet_node *n;
} whet_infer;

typedef whet_status (*whet_infer_fn)(whet_infer *c);
bool whet_infer_has(const whet_infer *c, int i);              /* input i given */
whet_dtype whet_infer_dtype(const whet_infer *c, int i);      /* NONE if absent */
const whet_dims *whet_infer_dims(const whet_infer *c, int i); /* rank -1 if unknown or absent */
/* Constant input's tensor (constants, not variables), or NULL. */
const whet_tensor *whet_infer_const(const whet_infer *c, int i);
/* Known integer contents of input i (constants too), or n = -1. */
int whet_infer_known(const whet_infer *c, int i, const whet_dim **out);
bool whet_infer_wants(const whet_infer *c, int o); /* output o is used (present) */
/* Sets output o; absent optional outputs are ignored. EUNSUPPORTED if the rank is over WHET_MAX_RANK. */
whet_status whet_infer_set(whet_infer *c, int o, whet_dtype t, const whet_dims *d);
whet_status whet_infer_set_known(whet_infer *c, int o, int n, const whet_dim *x);
/* Fails with the node's name and operator in front. */
whet_status whet_infer_fail(const whet_infer *c, whet_status s, const char *fmt, ...) WHET_PRINTF(3, 4);
/* EUNSUPPORTED "Conv: type s8 is not supported" unless t is in the string of dtype names, e.g. "f32 f64". */
whet_status whet_infer_need_dtype(const whet_infer *c, int i, const char *allowed);
/* NumPy broadcasting of a and b into *out; ESHAPE if they do not fit. */
whet_status whet_infer_broadcast(const whet_infer *c, const whet_dims *a, const whet_dims *b, whet_dims *out);
/* Output size of a sliding window, honouring auto_pad; d may be unknown. See the operators' definitions. */

/* --- gradient: given dL/dy for each output, builds nodes that compute dL/dx for the inputs that want it. */
typedef struct whet_grad {
    whet_graph *g;
    const whet_node *n;   /* the forward node; copy what you need before adding nodes: the array may move */
    const whet_vid *dy;   /* per output; WHET_NO_VALUE where the loss does not depend on it */
    const bool *need;     /* per input */
    whet_vid *dx;         /* per input: fill those needed; WHET_NO_VALUE = no gradient flows */
} whet_grad;
typedef whet_status (*whet_grad_fn)(whet_grad *c);

enum {
    WHET_OP_ELEMENTWISE = 1 << 0, /* same-index (after broadcasting): layout does not matter when shapes are equal */
    WHET_OP_NHWC = 1 << 1,        /* has kernels for NHWC physical layout */
    WHET_OP_RANDOM = 1 << 2,      /* keyed by (seed, step, node, element) */
    WHET_OP_VIEW = 1 << 3,        /* output has the input's bytes unchanged: Reshape, Flatten, Squeeze, Identity */
    WHET_OP_NO_GRAD = 1 << 4,     /* gradient is zero by definition: Shape, comparison, Round */
    WHET_OP_NO_FOLD = 1 << 5      /* never folded into a constant */
};

typedef struct whet_op {
    const char *domain; /* "" = ONNX, "whet" */
    const char *name;
    int since;          /* opset of the newest definition (the one the graph means) */
    int min_in, max_in, min_out, max_out; /* max 255 = variadic */
    uint32_t flags;
    const whet_attr_def *attrs;
    whet_infer_fn infer;
    whet_grad_fn grad;  /* NULL: not differentiable here */
} whet_op;

/* "Conv", "whet.ConvGradData"; NULL if unknown. */
const whet_op *whet_op_find(const char *op_name);
const whet_op *whet_op_find_in(const char *domain, const char *name);
int whet_op_count(void);
const whet_op *whet_op_at(int i);
/* "Conv" or "whet.Reorder" into buf. */
const char *whet_op_text(const whet_op *op, char *buf, size_t size);

#endif
