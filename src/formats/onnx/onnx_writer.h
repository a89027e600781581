/* SPDX-License-Identifier: Apache-2.0 */
/* Private to the ONNX writer: its state, and a node while it is brought from the newest definition to the target opset. */
#ifndef WHET_FORMATS_ONNX_WRITER_H
#define WHET_FORMATS_ONNX_WRITER_H

#include "formats/onnx/onnx.h"
#include "formats/onnx/onnx_proto.h"
#include "ir/op.h"

enum { ONNX_WRITE_MIN_OPSET = 13, ONNX_WRITE_MAX_OPSET = 21, ONNX_OUT_ATTRS = 32 };

typedef struct onnx_writer {
    const whet_graph *g;
    int opset;
    whet_arena *arena;
    onnx_node *nodes;       /* growing; heap */
    size_t n_nodes, cap_nodes;
    onnx_tensor *tensors;   /* initialisers; growing; heap */
    size_t n_tensors, cap_tensors;
    bool *written;          /* per value: its initialiser is there already */
    int n_fresh;            /* names made by the writer */
} onnx_writer;

/* A node of the file under construction. Names are borrowed from the graph or live in the writer's arena. */
typedef struct onnx_out {
    const whet_node *node;  /* where it comes from */
    const char *op, *name;
    int n_in, n_out, n_attr;
    const char **in, **out;
    whet_attr attr[ONNX_OUT_ATTRS];
} onnx_out;

/* Emits o, or several nodes in its place. */
typedef whet_status (*onnx_lower_fn)(onnx_writer *w, onnx_out *o);
onnx_lower_fn onnx_lower_find(const char *domain, const char *op); /* NULL: emit as it is */
/* Attributes that younger opsets added: dropped if they hold the default, else EUNSUPPORTED. */
whet_status onnx_lower_attrs(onnx_writer *w, onnx_out *o);
/* Oldest opset that has the operator; 0: ONNX has it not. */
int onnx_lower_since(const char *op);

whet_status onnx_writer_emit(onnx_writer *w, const onnx_out *o); /* adds a copy; EUNSUPPORTED if the opset lacks it */
whet_status onnx_out_fail(const onnx_writer *w, const onnx_out *o, whet_status s, const char *fmt, ...) WHET_PRINTF(4, 5);
const whet_attr *onnx_out_attr(const onnx_out *o, const char *name); /* NULL if absent */
void onnx_out_drop(onnx_out *o, const char *name);
whet_status onnx_out_set(onnx_out *o, whet_attr a); /* replaces one of its name; arrays are borrowed */
/* A fresh value name near o; NULL with ENOMEM set. */
const char *onnx_writer_fresh(onnx_writer *w, const onnx_out *o, const char *what);
/* A new initialiser with these bytes (copied); its name in *name. */
whet_status onnx_writer_const(onnx_writer *w, const onnx_out *o, const char *what, whet_dtype t, int n, bool scalar,
                              const double *x, const char **name);

#endif
