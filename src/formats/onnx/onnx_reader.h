/* SPDX-License-Identifier: Apache-2.0 */
/* Private to the ONNX reader: its state, and a node while it is brought from the file's definition to the newest one. */
#ifndef WHET_FORMATS_ONNX_READER_H
#define WHET_FORMATS_ONNX_READER_H

#include "base/io.h"
#include "formats/mapped.h"
#include "formats/onnx/onnx.h"
#include "formats/onnx/onnx_names.h"
#include "formats/onnx/onnx_proto.h"

enum {
    ONNX_MIN_OPSET = 7, ONNX_MAX_OPSET = 28, ONNX_MIN_IR = 3, ONNX_MAX_IR = 13,
    ONNX_MAX_NODES = 1 << 20, ONNX_MAX_ARITY = 4096, ONNX_MAX_ATTRS = 64, ONNX_MAX_INLINE = 8
};

/* A mapped file that buffers may point into; counted, because they outlive the reader. */
typedef struct onnx_file {
    const char *location; /* as in the tensor; in the reader's arena */
    whet_map *map;
    whet_mapped *pin;
    struct onnx_file *next;
} onnx_file;

/* Names that nodes see: the graph's, or those of a function body that is being inlined. */
typedef struct onnx_scope {
    onnx_names values;          /* name -> whet_vid */
    const char *prefix;         /* of node and value names, "" for the graph */
    int opset;
    const onnx_attrs *actuals;  /* attributes of the call, for ref_attr_name */
    const onnx_function *function;
    int depth;
} onnx_scope;

typedef struct onnx_reader {
    whet_graph *g;
    const char *file, *dir;     /* dir NULL: no external data */
    whet_onnx_read_options opt;
    whet_arena *arena;
    const onnx_model *model;
    onnx_names parameters;      /* initialisers that become variables: 1 trainable, 0 statistics */
    onnx_file *files;
    whet_mapped *pin;       /* of the model's own file; NULL: its bytes are somebody else's */
    whet_vid *wide;             /* per value: the same in f32, where it has 16 bits; heap */
    size_t n_wide, cap_wide;
    whet_nid *named;            /* Identity nodes that only give an expanded node's result its name; heap */
    size_t n_named, cap_named;
} onnx_reader;

/* The node under conversion. Arrays have room for a few more than the file gives. */
typedef struct onnx_work {
    const onnx_node *proto;
    const char *op, *name;      /* name: for errors, never empty */
    int opset;
    int n_in, n_out, n_attr;
    whet_vid *in, *out;
    const char **out_names;     /* "" = not wanted */
    whet_attr *attr;
    bool done;                  /* an upgrade has emitted the node itself and filled out[] */
    whet_vid first_made;        /* values from here on are the node's own */
    whet_dtype half;            /* computed in f32 in the place of this type; NONE: as it is */
    const char **half_names;    /* then the outputs' names */
} onnx_work;

typedef whet_status (*onnx_upgrade_fn)(onnx_reader *r, onnx_work *w);
typedef struct onnx_op_line {
    const char *name;
    int first; /* opset that introduced it */
    onnx_upgrade_fn upgrade;
} onnx_op_line;
const onnx_op_line *onnx_op_find(const char *name); /* NULL if no ONNX version has it */
const char *onnx_op_near(const char *name);         /* nearest spelling among the handled operators, or NULL */
whet_status onnx_op_check_attrs(const struct whet_op *op, const onnx_work *w);

/* Sets the error with the node's name; returns status. */
whet_status onnx_fail(const onnx_work *w, whet_status status, const char *fmt, ...) WHET_PRINTF(3, 4);
whet_attr *onnx_work_attr(onnx_work *w, const char *name); /* NULL if absent */
void onnx_work_drop(onnx_work *w, const char *name);
void onnx_work_set(onnx_work *w, whet_attr a); /* strings and arrays must live in the reader's arena */
int64_t onnx_work_int(onnx_work *w, const char *name, int64_t otherwise);

whet_status onnx_tensor_load(onnx_reader *r, const onnx_tensor *t, whet_tensor *out); /* a view of the file where it can be one */
void onnx_files_close(onnx_reader *r); /* of external data; tensors that are views keep theirs */
/* All nodes of a graph or a function body, in topological order. */
whet_status onnx_nodes_convert(onnx_reader *r, onnx_scope *s, const onnx_nodes *nodes);
whet_status onnx_attrs_convert(onnx_reader *r, const onnx_scope *s, const onnx_attrs *attrs, onnx_work *w);
/* order[i] = index of the i-th node to build. */
whet_status onnx_nodes_order(onnx_reader *r, const onnx_nodes *nodes, int32_t *order);
/* Nodes on 16-bit floats are computed in f32, as ONNX Runtime's CPU does it: `before` puts f32 in the inputs' places, `after` has
 * the outputs in 16 bits under their names. EFORMAT if inputs of different types meet. */
whet_status onnx_half_before(onnx_reader *r, onnx_work *w);
whet_status onnx_half_after(onnx_reader *r, onnx_work *w);
const char *onnx_node_label(onnx_reader *r, const onnx_node *n);

#endif
