/* SPDX-License-Identifier: Apache-2.0 */
/* Private to the Keras reader. A configuration is a tree of models; each model has layers by name, each layer may be called
 * several times. A layer's reader gets a call: its tensors, its configuration, its weights; it builds nodes. */
#ifndef WHET_FORMATS_KERAS_READER_H
#define WHET_FORMATS_KERAS_READER_H

#include <jansson.h>

#include "formats/keras/keras.h"
#include "formats/nhwc_import.h"
#include "wire/hdf5.h"

enum { KERAS_MAX_DEPTH = 16, KERAS_MAX_LAYERS = 1 << 12, KERAS_MAX_CALLS = 1 << 13, KERAS_MAX_PARAMS = 12, KERAS_MAX_TENSORS = 256 };

typedef struct keras_reader {
    whet_graph *g;
    const whet_hdf5 *h5;
    bool archive;   /* weights lie as in model.weights.h5, not by layer_names */
    bool keras3;    /* what Keras 2 means by some names is something else */
    bool variables; /* parameters become variables */
    size_t n_calls; /* so far, against models that call models that call models */
} keras_reader;

struct keras_call;
typedef struct keras_def {
    const char *kind, *name, *ir;
    whet_status (*read)(struct keras_call *c);
} keras_def;

typedef struct keras_tensors { size_t n; whet_nhwc t[1]; } keras_tensors; /* of one call; n of them */

struct keras_model;
typedef struct keras_layer {
    const char *name, *class_name;
    const json_t *config, *nodes; /* nodes: the calls, of functional models */
    const keras_def *def;         /* NULL: an input or a model */
    struct keras_model *model;    /* a model used as a layer */
    bool is_input;
    char *scope; /* "outer/conv2d": what its nodes and parameters are called */
    char *store; /* "layers/conv2d" in model.weights.h5 */
    const whet_hdf5_item **weights; /* of the older form, in order */
    size_t n_weights;
    whet_vid params[KERAS_MAX_PARAMS]; /* made for the first call */
    size_t n_calls, cap_calls, done_nodes;
    keras_tensors **calls;
} keras_layer;

typedef struct keras_model {
    const char *name, *class_name;
    const json_t *config, *layers_json; /* the list of layers */
    size_t n;
    keras_layer *layers;
    json_t *index; /* name -> number */
    bool sequential;
} keras_model;

/* An argument of a call: a tensor, or anything else as JSON. */
typedef struct keras_arg { bool is_tensor; whet_nhwc *t; const json_t *json; } keras_arg;

typedef struct keras_call {
    keras_reader *r;
    keras_layer *l;
    const keras_model *owner;
    size_t n_args, n_in;
    keras_arg *args;         /* flattened, in order */
    whet_nhwc **in;          /* the tensors among them, then those of the keywords that are inputs */
    const json_t *kwargs;    /* may be NULL */
    whet_nhwc out;
} keras_call;

#define K(kind, name, ir, read, write, versions) whet_status keras_read_##read(keras_call *c);
#include "formats/keras/keras_ops.def"
#undef K
const keras_def *keras_def_find(const char *kind, const char *name); /* NULL if there is none */
const char *keras_def_nearest(const char *name);                     /* a layer of a similar name, or NULL */

/* Fails naming the layer and its class. */
whet_status keras_fail(const keras_call *c, whet_status status, const char *fmt, ...) WHET_PRINTF(3, 4);

/* --- configuration. Wrapped tuples and arrays are seen through. Wrong types are EFORMAT naming layer and key. */
const json_t *keras_unwrap(const json_t *v);
const json_t *keras_config(const keras_call *c, const char *key); /* unwrapped; NULL if absent or null */
whet_status keras_int(const keras_call *c, const char *key, int64_t otherwise, int64_t *out);
whet_status keras_real(const keras_call *c, const char *key, double otherwise, double *out);
bool keras_true(const keras_call *c, const char *key, bool otherwise);
const char *keras_text(const keras_call *c, const char *key, const char *otherwise);
/* One number for all or a list of n. */
whet_status keras_ints(const keras_call *c, const char *key, int n, int64_t otherwise, int64_t *out);
/* EUNSUPPORTED unless the key is absent, null, false, or that text. */
whet_status keras_refuse_unless(const keras_call *c, const char *key, const char *value);
bool keras_channels_first(const keras_call *c);
/* A number, or a list of numbers of any depth, as f32; rank and dims from the nesting. Dispose. */
whet_status keras_array(const keras_call *c, const json_t *v, whet_tensor *out);

/* --- parameters. Number i of the layer; `sub` is the part of a composed layer in model.weights.h5 ("" else) and `at` its number
 * there; dims as in the file, -1 for any. Floats as f32, own bytes. */
typedef struct keras_weight { int i; const char *sub; int at; const char *role; int rank; int64_t dims[WHET_MAX_RANK]; } keras_weight;
whet_status keras_load(const keras_call *c, const keras_weight *w, whet_tensor *out);
/* The value of that parameter, permuted by perm (NULL: as it is) and then of that shape (NULL: as it is). */
whet_status keras_param(const keras_call *c, const keras_weight *w, const int64_t *perm, const whet_shape *shape, whet_vid *out);
whet_status keras_constant(const keras_call *c, const char *role, whet_tensor *t, whet_vid *out); /* disposes of t */
/* A dataset with its own bytes. */
whet_status keras_tensor_of_item(const whet_hdf5_item *it, whet_tensor *out);
/* Connects each layer of a model with its weights. */
whet_status keras_find_weights(keras_reader *r, keras_model *m);

/* --- nodes, named after the layer */
whet_status keras_emit(const keras_call *c, const char *op, int n_in, const whet_vid *in, int n_attr, const whet_attr *attrs, whet_vid *out);
whet_status keras_elementwise(const keras_call *c, const char *op, int n, whet_nhwc *const *in, int n_attr, const whet_attr *attrs, whet_nhwc *out);
/* The activation of a configuration (a name, or a wrapped one; NULL and "linear": none) on *t, in place. */
whet_status keras_activate(const keras_call *c, const json_t *activation, whet_nhwc *t);
whet_status keras_apply_named(const keras_call *c, const char *name, whet_nhwc *t);
/* The value for a layer with a data_format: channels first whatever the file says; and the result as the file has it. */
whet_status keras_image(const keras_call *c, whet_nhwc *t, whet_vid *out);
whet_nhwc keras_of_image(const keras_call *c, whet_vid v);
/* Sizes as in the file; ESHAPE naming the layer unless of that rank (0: any known). */
whet_status keras_dims(const keras_call *c, whet_nhwc *t, int rank, whet_dims *out);

/* --- the walk (keras_model.c) */
whet_status keras_model_parse(keras_reader *r, const json_t *v, const char *scope, const char *store, int depth, keras_model **out);
void keras_model_free(keras_model *m); /* accepts NULL */
/* The whole model: its inputs and outputs become the graph's. */
whet_status keras_model_build(keras_reader *r, keras_model *m);

/* What a configuration and its weights say, as a graph. h5 may be NULL (tests): then there are no weights. */
whet_status keras_graph_of(whet_graph **out, const json_t *config, const whet_hdf5 *h5, bool archive, const char *version, const whet_format_options *o);

#endif
