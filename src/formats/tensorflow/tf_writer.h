/* SPDX-License-Identifier: Apache-2.0 */
/* Private to the TensorFlow writer: nodes as they are put into the file. The first failure sticks in `status`; what follows does
 * nothing and gives NULL, so that one check at the end of a node is enough. A reference is "node" or "node:1". */
#ifndef WHET_FORMATS_TF_WRITER_H
#define WHET_FORMATS_TF_WRITER_H

#include "formats/nhwc_export.h"
#include "formats/onnx/onnx_names.h"
#include "formats/tensorflow/tensorflow.h"
#include "formats/tensorflow/tf_tensor.h"

enum { TF_PUT_ATTRS = 10 };

typedef struct tf_kept { whet_tensor t; struct tf_kept *next; } tf_kept;

typedef struct tf_writer {
    const whet_graph *g;
    whet_arena *arena;
    whet_status status;
    onnx_names names;      /* of nodes in the file */
    const char **ref;      /* per value, NULL until it is there */
    tf_node *nodes;
    size_t n_nodes, cap_nodes;
    tf_kept *kept;         /* bytes that constants in the file point to */
    const whet_node *node; /* being written */
    const char *base;      /* of fresh names: that of its first output */
    bool base_used;
    const char *tf_op;     /* of the row of tf_ops.def */
} tf_writer;

typedef void (*tf_write_fn)(tf_writer *w, const whet_node *n);

void tf_refuse(tf_writer *w, whet_status status, const char *fmt, ...) WHET_PRINTF(3, 4);

void *tf_take(tf_writer *w, size_t count, size_t size); /* of the arena; NULL with the status set */
const tf_shape *tf_shape_of(tf_writer *w, const whet_dims *d);

/* --- attributes */
tf_attr tf_attr_new(tf_writer *w, const char *key, tf_value **v); /* to be filled in */
tf_attr tf_a_type(tf_writer *w, const char *key, whet_dtype t);
tf_attr tf_a_int(tf_writer *w, const char *key, int64_t x);
tf_attr tf_a_bool(tf_writer *w, const char *key, bool x);
tf_attr tf_a_float(tf_writer *w, const char *key, float x);
tf_attr tf_a_text(tf_writer *w, const char *key, const char *s);
tf_attr tf_a_ints(tf_writer *w, const char *key, int n, const int64_t *x);
tf_attr tf_a_shape(tf_writer *w, const char *key, const whet_dims *d);
tf_attr tf_a_tensor(tf_writer *w, const char *key, const whet_tensor *t);

/* --- nodes. put: a fresh name; last: the name of the node's first output, which it becomes. */
#define TF_IN(...) (int)(sizeof((const char *[]){__VA_ARGS__}) / sizeof(char *)), (const char *const[]){__VA_ARGS__}
#define TF_ATTRS(...) (int)(sizeof((tf_attr[]){__VA_ARGS__}) / sizeof(tf_attr)), (const tf_attr[]){__VA_ARGS__}
#define TF_NO_ATTRS 0, NULL
const char *tf_put(tf_writer *w, const char *op, int n_in, const char *const *in, int n_attr, const tf_attr *attr);
const char *tf_last(tf_writer *w, const char *op, int n_in, const char *const *in, int n_attr, const tf_attr *attr);
/* op(inputs) with the one attribute T. */
const char *tf_op1(tf_writer *w, const char *op, whet_dtype t, int n_in, const char *const *in);
const char *tf_last1(tf_writer *w, const char *op, whet_dtype t, int n_in, const char *const *in);
/* Output 0 is that tensor under its name. */
void tf_result(tf_writer *w, const char *ref);

const char *tf_in_ref(tf_writer *w, int i);              /* input i of the node; NULL if absent */
const char *tf_value_ref(tf_writer *w, whet_vid v);
const char *tf_const_tensor(tf_writer *w, const char *name, whet_tensor *t); /* takes t; name NULL: a fresh one */
const char *tf_const_ints(tf_writer *w, int n, const int64_t *x);  /* int32, 1-D */
const char *tf_const_int(tf_writer *w, int64_t x);                 /* int32, scalar */
const char *tf_const_scalar(tf_writer *w, whet_dtype t, double x);
const char *tf_const_floats(tf_writer *w, int rank, const int64_t *dims, const float *x);
const char *tf_reshape_to(tf_writer *w, const char *x, whet_dtype t, const whet_dims *d, bool last);

whet_dtype tf_type_of(const tf_writer *w, int i);        /* of input i */
whet_dims tf_file_dims(const tf_writer *w, whet_vid v);
int tf_file_axis(const tf_writer *w, whet_vid v, int64_t axis);
bool tf_const_s64(const tf_writer *w, int i, int64_t *out, int cap, int *n); /* integers of a constant input */
bool tf_has(const whet_node *n, int i);

#define T(name, ir, read, write, outputs) void tf_write_##write(tf_writer *w, const whet_node *n);
void tf_write_none(tf_writer *w, const whet_node *n);
#include "formats/tensorflow/tf_ops.def"
#undef T

#endif
