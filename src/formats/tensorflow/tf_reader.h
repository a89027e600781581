/* SPDX-License-Identifier: Apache-2.0 */
/* Private to the TensorFlow reader: its state, tensors on their way into the graph, scopes (the graph, or a function's body that
 * is being inlined), a node under conversion, and what the tf_read_* functions of tf_ops.def use. */
#ifndef WHET_FORMATS_TF_READER_H
#define WHET_FORMATS_TF_READER_H

#include "base/strbuf.h"
#include "formats/nhwc_import.h"
#include "formats/onnx/onnx_names.h"
#include "formats/tensorflow/tensorflow.h"
#include "formats/tensorflow/tf_tensor.h"
#include "wire/tfbundle.h"

enum { TF_MAX_NODES = 1 << 20, TF_MAX_DEPTH = 16, TF_MAX_INPUTS = 4096, TF_MAX_OUTPUTS = 4096, TF_TRACE = 32 };

typedef enum tf_kind {
    TF_VAL_TENSOR,   /* v, or a constant that is not in the graph yet */
    TF_VAL_RESOURCE, /* a variable */
    TF_VAL_BLOCKS,   /* between SpaceToBatchND and BatchToSpaceND */
    TF_VAL_OTHER     /* text and what else no operator here takes */
} tf_kind;

struct tf_node;
/* A tensor of the file; shared by everything that only passes it on. */
typedef struct tf_val {
    tf_kind kind;
    whet_nhwc v;
    bool lazy;            /* v is not made yet: `data` under `name` */
    whet_tensor data;
    const char *name;
    whet_vid weight;      /* lazy: made with axes in the order weight_perm */
    int64_t weight_perm[4];
    /* BLOCKS: v is what went into SpaceToBatchND; conv the convolution since then, or NULL */
    int64_t block[2], pads[4]; /* top, left, bottom, right */
    const struct tf_node *conv;
    struct tf_val *filter;
    struct tf_val *contents; /* RESOURCE */
    struct tf_val *next;  /* of all, to be disposed of */
} tf_val;

typedef struct tf_results { int n; tf_val **v; } tf_results;

typedef struct tf_scope {
    const tf_nodes *nodes;
    const tf_function *function; /* NULL: the graph */
    onnx_names names, args;      /* node name -> index; argument -> index into arg[] */
    tf_val **arg;
    tf_results *done;            /* per node */
    const char *prefix;          /* of names: "" but for a function that is inlined again */
    int depth;
} tf_scope;

typedef struct tf_reader {
    whet_graph *g;
    const char *file;
    whet_format_options opt;
    whet_arena *arena;
    const tf_graph *graph;
    const tf_meta_graph *meta;  /* NULL: a frozen graph */
    whet_mapped *pin;                /* of the graph's file; NULL: its bytes are somebody else's */
    whet_tfbundle *bundle;      /* NULL: there are no variables */
    whet_mapped *bundle_pin;
    onnx_names keys;            /* node of a variable -> index into key[] */
    const char **key;
    size_t n_keys, cap_keys;
    tf_budget budget;
    size_t n_converted, max_converted, n_again;
    onnx_names inlined;         /* functions */
    tf_val *vals;
} tf_reader;

struct tf_op;
typedef struct tf_work {
    tf_scope *s;
    const tf_node *node;
    const struct tf_op *line;
    const char *op, *name;      /* name: of the node's first value too */
    int n_in, n_out;
    tf_val **in;                /* data inputs */
    tf_val **out;
} tf_work;

typedef whet_status (*tf_read_fn)(tf_reader *r, tf_work *w);
typedef struct tf_op {
    const char *name, *ir;      /* ir: the operator of the graph that does most of it, "" if several do */
    tf_read_fn read;            /* NULL: only written */
    const char *outputs;        /* names of the output arguments, where there are several: "y batch_mean ..." */
} tf_op;
const tf_op *tf_op_find(const char *name);   /* NULL if not handled */
const char *tf_op_near(const char *name);    /* nearest handled spelling, or NULL */
const char *tf_op_advice(const char *name);  /* what could be done about an operator that is not handled; never NULL */

/* --- errors with the node's name */
whet_status tf_fail(const tf_work *w, whet_status status, const char *fmt, ...) WHET_PRINTF(3, 4);

/* --- attributes */
const tf_value *tf_attr_of(const tf_work *w, const char *key); /* NULL if absent */
int64_t tf_attr_int(const tf_work *w, const char *key, int64_t otherwise);
bool tf_attr_bool(const tf_work *w, const char *key, bool otherwise);
float tf_attr_float(const tf_work *w, const char *key, float otherwise);
int64_t tf_attr_type(const tf_work *w, const char *key, int64_t otherwise);
bool tf_attr_is(const tf_work *w, const char *key, const char *text); /* a text attribute with that content */
int tf_attr_ints(const tf_work *w, const char *key, int64_t *out, int cap); /* how many there are; 0 if absent */

/* --- tensors */
tf_val *tf_val_new(tf_reader *r, tf_kind kind); /* NULL with ENOMEM set */
/* Input i must be a tensor, in that form. */
whet_status tf_in(tf_reader *r, tf_work *w, int i, whet_layout form, whet_vid *v);
whet_status tf_need(const tf_work *w, int n);                       /* at least n inputs */
whet_status tf_nhwc(tf_reader *r, tf_work *w, int i, whet_nhwc **t); /* the pair, made if it was lazy */
whet_status tf_materialise(tf_reader *r, tf_val *v);
/* Result 0 is the constant input under another shape: the reshaping of constants costs no node. */
whet_status tf_reshaped(tf_reader *r, tf_work *w, const tf_val *v, int rank, const int64_t *dims);
/* Contents of input i if they are constant, else NULL. */
const whet_tensor *tf_const(tf_reader *r, tf_work *w, int i);
/* Integers of input i (at most cap); EUNSUPPORTED if they are not known. */
whet_status tf_ints(tf_reader *r, tf_work *w, int i, int64_t *out, int cap, int *n);
/* The same, symbols and unknown ones included (whet_dim); n = -1 if nothing is known. */
whet_status tf_dims_in(tf_reader *r, tf_work *w, int i, whet_dim *out, int cap, int *n);
/* Input i as a 1-D or 0-D s64 value. */
whet_status tf_in_s64(tf_reader *r, tf_work *w, int i, whet_vid *v);
/* A parameter (weights, statistics) with its axes permuted (perm NULL: as they are): a variable where the options say so. */
whet_status tf_weight(tf_reader *r, tf_work *w, int i, const int64_t *perm, bool trainable, whet_vid *v);
whet_dims tf_shape_in(tf_reader *r, tf_work *w, int i); /* as in the file; rank -1 if unknown */
whet_dtype tf_type_in(tf_reader *r, tf_work *w, int i);

/* --- results */
whet_status tf_outputs(tf_reader *r, tf_work *w, int n);            /* room for n; done before for one */
whet_status tf_set(tf_reader *r, tf_work *w, int k, whet_vid v, whet_layout form);
whet_status tf_alias(tf_work *w, int k, tf_val *v);
/* Last node of a conversion: carries the name. Sets result 0. */
whet_status tf_emit(tf_reader *r, tf_work *w, const char *op, int n_in, const whet_vid *in, int n_attr, const whet_attr *attr,
                    whet_layout form);
/* An inner node. */
whet_status tf_make(tf_reader *r, const tf_work *w, const char *op, int n_in, const whet_vid *in, int n_attr, const whet_attr *attr,
                    whet_vid *out);
whet_status tf_scalar(tf_reader *r, whet_dtype t, double x, whet_vid *out);

/* --- scopes (tf_scope.c) */
whet_status tf_scope_open(tf_reader *r, tf_scope *s, const tf_nodes *nodes);
void tf_scope_close(tf_reader *r, tf_scope *s);
/* Converts what `refs` ("node:0", "node:out:0", "argument") need and gives their tensors. */
whet_status tf_scope_run(tf_reader *r, tf_scope *s, size_t n, const char *const *refs, tf_val **out);
/* Splits a reference: node index or -1 and argument index or -1; `output` behind it. False: names nothing here. */
bool tf_scope_find(const tf_reader *r, const tf_scope *s, const char *ref, int *node, int *arg, int *output);
whet_status tf_nodes_index(const tf_nodes *nodes, onnx_names *names);
const tf_function *tf_function_find(const tf_reader *r, const char *name);
const tf_value *tf_node_attr(const tf_node *n, const char *key);

/* --- batch normalisation written out (tf_read_norm.c): the sum at its end takes these instead of its own inputs. 0: it is none. */
enum { TF_NORM_INPUTS = 5 };
size_t tf_norm_inputs(const tf_reader *r, const tf_scope *s, const tf_node *n, const char *refs[TF_NORM_INPUTS]);

/* --- variables (tf_variables.c) */
whet_status tf_variables_map(tf_reader *r);
/* The contents of the variable that a node of the graph stands for, as a constant. */
whet_status tf_variable_load(tf_reader *r, tf_work *w, tf_val **out);
void tf_bundle_close(void *bundle);

/* --- the end (tf_tidy.c): biases into convolutions and products, scales of one axis */
whet_status tf_tidy(whet_graph *g);

#define R(name) whet_status tf_read_##name(tf_reader *r, tf_work *w);
#include "formats/tensorflow/tf_readers.def"
#undef R

#endif
