/* SPDX-License-Identifier: Apache-2.0 */
/* Private to the Keras writer. A graph after the channels-last pass becomes a list of layers, each called once; a value of the
 * graph is the output of a layer. Configurations have only keys that Keras 2.15 and 3 share. */
#ifndef WHET_FORMATS_KERAS_WRITER_H
#define WHET_FORMATS_KERAS_WRITER_H

#include <jansson.h>

#include "formats/keras/keras.h"
#include "formats/nhwc_export.h"

enum { KERAS_OUT_INPUTS = 64, KERAS_OUT_WEIGHTS = 8 };

typedef struct keras_out_weight {
    const char *role; /* "kernel" */
    whet_tensor t;    /* as in the file */
} keras_out_weight;

typedef struct keras_out_layer {
    char *name;
    const char *class_name;
    json_t *config;
    int n_in, in[KERAS_OUT_INPUTS]; /* layers */
    int n_weights;
    keras_out_weight weights[KERAS_OUT_WEIGHTS];
    int depth, order; /* longest way to an output; when a search from the outputs first met it */
} keras_out_layer;

/* What a value of the graph is in the file. */
typedef struct keras_ref {
    int layer;       /* -1: nothing (yet) */
    whet_dims dims;  /* of the layer's output; the batch first */
    bool rows;       /* the value is these dims but the last as one: [N, T, C] stands for [N*T, C] */
    int batch;       /* where the value itself has the batch: [3, N, T] is the layer's [N, 3, T] with 1 here */
} keras_ref;

typedef struct keras_writer {
    const whet_graph *g;
    keras_out_layer *layers;
    size_t n_layers, cap_layers;
    keras_ref *refs; /* by value */
    bool *done;      /* by node: written together with another */
    json_t *names;   /* in use */
    whet_strbuf *report;
} keras_writer;

#define W(ir, write, layers) whet_status keras_write_##write(keras_writer *w, const whet_node *n);
#include "formats/keras/keras_nodes.def"
#undef W

/* EUNSUPPORTED naming node and operator. */
whet_status keras_refuse(const whet_node *n, const char *fmt, ...) WHET_PRINTF(2, 3);

/* --- what stands before a node */
/* The layer of input i; EUNSUPPORTED where it is a constant, or stands for rows and the node may not see that. */
whet_status keras_in(const keras_writer *w, const whet_node *n, int i, bool rows_too, const keras_ref **out);
/* The same where the value may have its batch anywhere (keras_ref.batch); rows are refused. */
whet_status keras_in_moved(const keras_writer *w, const whet_node *n, int i, const keras_ref **out);
/* An axis of v as the graph says it -> of its layer's output. */
int keras_axis_of(const keras_writer *w, whet_vid v, int64_t axis);
/* The product of dims[from..to), -1 if one is not known. */
int64_t keras_elements(const whet_dim *dims, int from, int to);
/* Input i as a constant in the file's order, f32, through Casts; *out->data NULL if it is absent. EUNSUPPORTED if it is no constant. */
whet_status keras_in_const(const keras_writer *w, const whet_node *n, int i, whet_tensor *out);
bool keras_is_const(const keras_writer *w, whet_vid v);
/* The small integers of input i, that are known: how many, -1 if they are not. */
int keras_in_ints(const keras_writer *w, const whet_node *n, int i, int64_t *out, int cap);
/* The only reader of the node's first output if there is one and the output is no output of the graph; NULL else. */
const whet_node *keras_only_user(const keras_writer *w, const whet_node *n);

/* --- layers. `base` is what the layer is called if nothing else is; configuration without name, trainable, dtype (stolen). */
whet_status keras_layer(keras_writer *w, const char *class_name, const char *base, json_t *config, int n_in, const int *in, int *out);
/* Takes the tensor over. */
whet_status keras_layer_weight(keras_writer *w, int layer, const char *role, whet_tensor *t);
/* The node's output o is that layer's, of these dims. */
void keras_give(keras_writer *w, const whet_node *n, int o, int layer, const whet_dims *dims, bool rows);
/* The same as input i under another name. */
void keras_alias(keras_writer *w, const whet_node *n, const keras_ref *r);
/* One layer from one input to output 0, whose dims are the graph's as in the file (rows: the input's but the last). */
whet_status keras_simple(keras_writer *w, const whet_node *n, const char *class_name, json_t *config);
/* Shared ways: x * scale + offset; a constant per element of the last axis; padding and cutting of [N, a, b, c] or [N, a, c]. */
whet_status keras_rescale(keras_writer *w, const char *base, double scale, double offset, int in, int *out);
whet_status keras_affine(keras_writer *w, const char *base, int axis, int64_t n, const float *scale, const float *offset, int in, int *out);
whet_status keras_edges(keras_writer *w, const char *base, bool cut, const whet_dims *d, const int64_t *before, const int64_t *after, int in, int *out);
/* `length` places of an axis of d from `start` on, in the dims `to`. */
whet_status keras_part(keras_writer *w, const char *base, const whet_dims *d, int axis, int64_t start, int64_t length, const whet_dims *to, int in, int *out);
/* MatMul of two tensors. */
whet_status keras_write_product(keras_writer *w, const whet_node *n);
whet_status keras_reshape_to(keras_writer *w, const char *base, const whet_dims *d, int in, int *out);
/* "conv1" of "conv1.weight" or "conv1/kernel", else the node's name. Static of the thread's caller: copied into buf. */
const char *keras_base_name(const keras_writer *w, const whet_node *n, int weight, char *buf, size_t size);
json_t *keras_pair(int64_t a, int64_t b);

/* All nodes; then the order of layers that Keras itself would give them. */
whet_status keras_layers_of(keras_writer *w);
whet_status keras_sort_layers(keras_writer *w);
void keras_writer_dispose(keras_writer *w);

#endif
