/* SPDX-License-Identifier: Apache-2.0 */
/* Small ONNX models made in memory, well-formed or not, for the reader's tests. */
#ifndef WHET_TESTS_ONNX_MAKER_H
#define WHET_TESTS_ONNX_MAKER_H

#include <stdio.h>

#include "formats/onnx/onnx.h"
#include "formats/onnx/onnx_proto.h"

enum { MAKER_NODES = 8, MAKER_TENSORS = 8, MAKER_VALUES = 4, MAKER_ATTRS = 6 };

typedef struct maker {
    onnx_model model;
    onnx_graph graph;
    onnx_opset opset[2];
    onnx_node nodes[MAKER_NODES];
    const char *in[MAKER_NODES][8], *out[MAKER_NODES][8];
    char names[MAKER_NODES][2][64];
    onnx_attr attrs[MAKER_NODES][MAKER_ATTRS];
    onnx_tensor tensors[MAKER_TENSORS];
    onnx_value inputs[MAKER_VALUES], outputs[MAKER_VALUES];
    onnx_type types[2 * MAKER_VALUES];
    onnx_tensor_type tensor_types[2 * MAKER_VALUES];
    onnx_shape shapes[2 * MAKER_VALUES];
    onnx_dim dims[2 * MAKER_VALUES][8];
    onnx_pair meta[4];
    size_t n_types;
} maker;

static inline void maker_init(maker *m, int opset)
{
    memset(m, 0, sizeof(*m));
    m->model.ir_version = 8;
    m->model.graph = &m->graph;
    m->model.opset_import.n = 1;
    m->model.opset_import.v = m->opset;
    m->opset[0].version = opset;
    m->graph.name = "g";
    m->graph.node.v = m->nodes;
    m->graph.initializer.v = m->tensors;
    m->graph.input.v = m->inputs;
    m->graph.output.v = m->outputs;
    m->model.metadata_props.v = m->meta;
}

/* dims ends with -9; -1 = the symbol "N". */
static inline void maker_value(maker *m, onnx_value *v, const char *name, int type, const int64_t *dims)
{
    size_t k = m->n_types++;
    v->name = name;
    v->type = &m->types[k];
    m->types[k].tensor = &m->tensor_types[k];
    m->tensor_types[k].elem_type = type;
    m->tensor_types[k].shape = &m->shapes[k];
    m->shapes[k].dim.v = m->dims[k];
    for (size_t i = 0; dims[i] != -9; i++) {
        m->shapes[k].dim.n++;
        if (dims[i] < 0) m->dims[k][i].param = "N";
        else m->dims[k][i].value = dims[i];
        if (dims[i] >= 0) m->dims[k][i].head.has = ONNX_DIM_HAS_VALUE;
    }
}
#define MAKER_DIMS(...) (const int64_t[]){__VA_ARGS__, -9}
static inline void maker_input(maker *m, const char *name, int type, const int64_t *dims)
{
    maker_value(m, &m->inputs[m->graph.input.n++], name, type, dims);
}
static inline void maker_output(maker *m, const char *name, int type, const int64_t *dims)
{
    maker_value(m, &m->outputs[m->graph.output.n++], name, type, dims);
}

/* ins and outs: names parted by blanks; "-" = absent. */
static inline onnx_node *maker_node(maker *m, const char *op, const char *name, const char *ins, const char *outs)
{
    size_t k = m->graph.node.n++;
    onnx_node *n = &m->nodes[k];
    size_t n_in = 0, n_out = 0;
    snprintf(m->names[k][0], sizeof(m->names[k][0]), "%s", ins);
    snprintf(m->names[k][1], sizeof(m->names[k][1]), "%s", outs);
    for (char *p = strtok(m->names[k][0], " "); p; p = strtok(NULL, " ")) m->in[k][n_in++] = strcmp(p, "-") ? p : "";
    for (char *p = strtok(m->names[k][1], " "); p; p = strtok(NULL, " ")) m->out[k][n_out++] = strcmp(p, "-") ? p : "";
    n->op_type = op;
    n->name = name;
    n->input = (whet_pb_strings){n_in, m->in[k]};
    n->output = (whet_pb_strings){n_out, m->out[k]};
    n->attribute.v = m->attrs[k];
    return n;
}
#define NODE(m, op, name, ins, outs) maker_node((m), (op), (name), (ins), (outs))

static inline onnx_attr *maker_attr(onnx_node *n, const char *name, int type)
{
    onnx_attr *a = (onnx_attr *)(uintptr_t)&n->attribute.v[n->attribute.n++];
    a->name = name;
    a->type = type;
    return a;
}
static inline void maker_int(onnx_node *n, const char *name, int64_t x) { maker_attr(n, name, ONNX_ATTR_INT)->i = x; }
static inline void maker_float(onnx_node *n, const char *name, float x) { maker_attr(n, name, ONNX_ATTR_FLOAT)->f = x; }
static inline void maker_ints(onnx_node *n, const char *name, size_t count, const int64_t *x)
{
    maker_attr(n, name, ONNX_ATTR_INTS)->ints = (whet_pb_ints){count, x};
}
#define INTS(...) sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t), (const int64_t[]){__VA_ARGS__}

static inline onnx_tensor *maker_floats(maker *m, const char *name, size_t n, const float *x, size_t rank, const int64_t *dims)
{
    onnx_tensor *t = &m->tensors[m->graph.initializer.n++];
    t->name = name;
    t->data_type = 1;
    t->dims = (whet_pb_ints){rank, dims};
    t->float_data = (whet_pb_floats){n, x};
    return t;
}

static inline whet_status maker_read(const maker *m, const char *dir, const whet_onnx_read_options *opt, whet_graph **g)
{
    uint8_t *bytes = NULL;
    size_t n = 0;
    whet_status status = whet_pb_encode_mem(&onnx_model_message, &m->model, &bytes, &n);
    *g = NULL;
    if (status == WHET_OK) status = whet_onnx_read_mem(g, bytes, n, "m.onnx", dir, opt);
    whet_free(bytes);
    return status;
}

#endif
