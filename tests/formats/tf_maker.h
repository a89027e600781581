/* SPDX-License-Identifier: Apache-2.0 */
/* Small graphs in TensorFlow's form for tests, encoded by the reader's own message tables. Everything is static: one at a time. */
#ifndef WHET_TESTS_TF_MAKER_H
#define WHET_TESTS_TF_MAKER_H

#include "support.h"
#include "formats/tensorflow/tf_proto.h"

enum { TFM_NODES = 96, TFM_ATTRS = 8, TFM_FUNCTIONS = 32 };

typedef struct tfm_node {
    const char *inputs[4];
    tf_attr attrs[TFM_ATTRS];
    tf_value values[TFM_ATTRS];
    tf_tensor tensor;
    tf_shape shape;
    tf_dim dims[6];
    tf_list list;
    tf_func func;
} tfm_node;

typedef struct tf_maker {
    tf_node nodes[TFM_NODES];
    tfm_node parts[TFM_NODES];
    size_t n;
    tf_function functions[TFM_FUNCTIONS];
    tf_op_def signatures[TFM_FUNCTIONS];
    tf_arg args[TFM_FUNCTIONS][2];
    tf_pair rets[TFM_FUNCTIONS];
    tf_library library;
    tf_graph graph;
} tf_maker;

static tf_maker tfm;

static inline void tfm_start(void) { memset(&tfm, 0, sizeof(tfm)); }

/* Up to four inputs, NULL ends them. */
static inline tf_node *tfm_add(const char *op, const char *name, const char *a, const char *b, const char *c)
{
    tf_node *n = &tfm.nodes[tfm.n];
    tfm_node *p = &tfm.parts[tfm.n++];
    const char *in[3] = {a, b, c};
    assert_true(tfm.n < TFM_NODES);
    n->op = op;
    n->name = name;
    for (size_t i = 0; i < 3 && in[i]; i++) p->inputs[n->input.n++] = in[i];
    n->input.v = p->inputs;
    n->attr.v = p->attrs;
    return n;
}

static inline tf_value *tfm_attr(tf_node *n, const char *key, uint64_t has)
{
    tfm_node *p = &tfm.parts[n - tfm.nodes];
    tf_value *v = &p->values[n->attr.n];
    p->attrs[n->attr.n++] = (tf_attr){.key = key, .value = v};
    v->head.has = has;
    return v;
}

static inline void tfm_type(tf_node *n, const char *key, int64_t t) { tfm_attr(n, key, TF_HAS_TYPE)->type = t; }
static inline void tfm_text(tf_node *n, const char *key, const char *s)
{
    tfm_attr(n, key, TF_HAS_S)->s = (whet_pb_bytes){(const uint8_t *)s, strlen(s)};
}

static inline const tf_shape *tfm_shape(tf_node *n, int rank, const int64_t *dims)
{
    tfm_node *p = &tfm.parts[n - tfm.nodes];
    for (int i = 0; i < rank; i++) p->dims[i] = (tf_dim){.head = {0, 1}, .size = dims[i]};
    p->shape.dim.n = (size_t)rank;
    p->shape.dim.v = p->dims;
    return &p->shape;
}

static inline tf_node *tfm_input(const char *name, int64_t type, int rank, const int64_t *dims)
{
    tf_node *n = tfm_add("Placeholder", name, NULL, NULL, NULL);
    tfm_type(n, "dtype", type);
    tfm_attr(n, "shape", TF_HAS_SHAPE)->shape = tfm_shape(n, rank, dims);
    return n;
}

static inline tf_tensor *tfm_const(const char *name, int64_t type, int rank, const int64_t *dims)
{
    tf_node *n = tfm_add("Const", name, NULL, NULL, NULL);
    tf_tensor *t = &tfm.parts[n - tfm.nodes].tensor;
    tfm_type(n, "dtype", type);
    tfm_attr(n, "value", TF_HAS_TENSOR)->tensor = t;
    t->dtype = type;
    t->shape = tfm_shape(n, rank, dims);
    return t;
}

static inline tf_tensor *tfm_floats(const char *name, int rank, const int64_t *dims, size_t n, const float *x)
{
    tf_tensor *t = tfm_const(name, TF_FLOAT, rank, dims);
    t->float_val = (whet_pb_floats){n, x};
    return t;
}

static inline void tfm_list(tf_node *n, const char *key, size_t count, const int64_t *x)
{
    static tf_list lists[64];
    static int turn;
    tf_list *l = &lists[turn++ % 64];
    memset(l, 0, sizeof(*l));
    l->i = (whet_pb_ints){count, x};
    tfm_attr(n, key, TF_HAS_LIST)->list = l;
}

static inline tf_node *tfm_call(const char *name, const char *function, const char *in)
{
    tf_node *n = tfm_add("StatefulPartitionedCall", name, in, NULL, NULL);
    tfm_node *p = &tfm.parts[n - tfm.nodes];
    p->func.name = function;
    tfm_attr(n, "f", TF_HAS_FUNC)->func = &p->func;
    return n;
}

/* A function of one argument "x" whose body are the nodes from `first` on, returning `ret`. */
static inline void tfm_function(const char *name, size_t first, const char *ret)
{
    const size_t i = tfm.library.function.n++;
    tf_function *f = &tfm.functions[i];
    tfm.args[i][0] = (tf_arg){.name = "x", .type = TF_FLOAT};
    tfm.args[i][1] = (tf_arg){.name = "y", .type = TF_FLOAT};
    tfm.signatures[i].name = name;
    tfm.signatures[i].input.n = tfm.signatures[i].output.n = 1;
    tfm.signatures[i].input.v = &tfm.args[i][0];
    tfm.signatures[i].output.v = &tfm.args[i][1];
    tfm.rets[i] = (tf_pair){.key = "y", .value = ret};
    f->signature = &tfm.signatures[i];
    f->node.n = tfm.n - first;
    f->node.v = &tfm.nodes[first];
    f->ret.n = 1;
    f->ret.v = &tfm.rets[i];
}

/* The nodes from `first` on are the graph. */
static inline const tf_graph *tfm_graph(size_t first)
{
    tfm.library.function.v = tfm.functions;
    tfm.graph.node.n = tfm.n - first;
    tfm.graph.node.v = &tfm.nodes[first];
    tfm.graph.library = tfm.library.function.n ? &tfm.library : NULL;
    return &tfm.graph;
}

static inline void tfm_bytes(size_t first, uint8_t **data, size_t *size)
{
    assert_ok(whet_pb_encode_mem(&tf_graph_message, tfm_graph(first), data, size));
}

/* As a SavedModel with a signature from input "in" (node `input`) to output "out" (`output`). */
typedef struct tfm_model {
    tf_saved_model m;
    tf_meta_graph g;
    tf_meta_info info;
    tf_sig_entry entry;
    tf_sig sig;
    tf_info_entry in, out;
    tf_info in_info, out_info;
    tf_asset asset;
    const char *tags[1];
} tfm_model;

static inline void tfm_saved(tfm_model *s, size_t first, const char *input, const char *output)
{
    memset(s, 0, sizeof(*s));
    s->tags[0] = "serve";
    s->info.tags = (whet_pb_strings){1, s->tags};
    s->in_info = (tf_info){.name = input, .dtype = TF_FLOAT};
    s->out_info = (tf_info){.name = output, .dtype = TF_FLOAT};
    s->in = (tf_info_entry){.key = "in", .value = &s->in_info};
    s->out = (tf_info_entry){.key = "out", .value = &s->out_info};
    s->sig.inputs.n = s->sig.outputs.n = 1;
    s->sig.inputs.v = &s->in;
    s->sig.outputs.v = &s->out;
    s->entry = (tf_sig_entry){.key = "serving_default", .value = &s->sig};
    s->g.info = &s->info;
    s->g.graph = tfm_graph(first);
    s->g.signature.n = 1;
    s->g.signature.v = &s->entry;
    s->m.version = 1;
    s->m.meta_graph.n = 1;
    s->m.meta_graph.v = &s->g;
}

#endif
