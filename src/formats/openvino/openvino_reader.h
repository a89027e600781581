/* SPDX-License-Identifier: Apache-2.0 */
/* Private to the OpenVINO reader: the file as layers, and what a layer's reader sees while it makes nodes. */
#ifndef WHET_FORMATS_OPENVINO_READER_H
#define WHET_FORMATS_OPENVINO_READER_H

#include "base/io.h"
#include "base/mem.h"
#include "formats/mapped.h"
#include "formats/openvino/openvino.h"
#include "ir/op.h"

enum { OV_MAX_LAYERS = 1 << 20, OV_MAX_PORTS = 1024, OV_MAX_DATA = 32 };

typedef struct ov_pair { const char *key, *value; } ov_pair;

/* What a port carries: a value, or a constant that nobody has asked for yet. */
typedef struct ov_port {
    int64_t id;
    const char *precision, *names; /* outputs; NULL where absent */
    int n_dims;
    int64_t *dims;                 /* outputs: as declared, -1 = dynamic */
    int32_t from_layer, from_port; /* inputs: indices; from_layer -1 = not connected */
    int32_t users;                 /* outputs: how many inputs read it */
    whet_vid v;
    bool is_const;
    whet_tensor t;                 /* is_const */
    whet_dtype wide;               /* is_const: kept in half precision, computed with as this; NONE: as it is */
    const char *const_name;
} ov_port;

typedef struct ov_layer {
    int64_t id, line;
    const char *name, *type, *version, *output_names;
    int opset;                     /* of "opsetN"; 0: another set */
    int n_in, n_out, n_data, cap_in, cap_out;
    ov_port *in, *out;
    ov_pair *data;
    bool has_body;                 /* layers inside: If, Loop, TensorIterator */
} ov_layer;

typedef struct ov_edge { int64_t from_layer, from_port, to_layer, to_port; int32_t line; } ov_edge;

typedef struct ov_file {
    whet_arena *arena;
    const char *name;              /* of the net */
    int version;
    ov_layer *layers;              /* heap */
    ov_edge *edges;                /* heap */
    size_t n_layers, cap_layers, n_edges, cap_edges;
    int32_t *order;                /* heap: layers so that sources come first */
    ov_pair *meta;                 /* heap; rt_info of the model: path, value */
    size_t n_meta, cap_meta;
} ov_file;

/* Layers, edges and metadata; edges resolved, order found. dispose also after a failure. */
whet_status ov_file_read(ov_file *f, const void *xml, size_t size, const char *file);
void ov_file_dispose(ov_file *f);

typedef struct ov_reader {
    whet_graph *g;
    ov_file f;
    const uint8_t *bin;
    size_t bin_size;
    whet_mapped *pin;              /* of the .bin; NULL: bytes are copied */
    size_t made;                   /* bytes of constants that were copied or computed; see ov_budget */
} ov_reader;

/* A layer under conversion. The first failure sticks: what follows does nothing and gives no value. */
typedef struct ov_work {
    ov_reader *r;
    whet_graph *g;
    ov_layer *l;
    const struct ov_row *row;
    uint32_t used;                 /* bit per attribute that was read */
    whet_vid first_new;            /* values from here on are this layer's */
    whet_status status;
} ov_work;

typedef void (*ov_read_fn)(ov_work *w);

/* --- attributes; each marks what it read */
const char *ov_text(ov_work *w, const char *key, const char *otherwise);
int64_t ov_int(ov_work *w, const char *key, int64_t otherwise);
double ov_number(ov_work *w, const char *key, double otherwise);
bool ov_bool(ov_work *w, const char *key, bool otherwise);
/* "1, 2": how many there are, 0 if absent; at most cap. */
int ov_list(ov_work *w, const char *key, int64_t *out, int cap);
/* The attribute must be absent or one of these words (separated by spaces). */
void ov_must_be(ov_work *w, const char *key, const char *words);
whet_dtype ov_type(ov_work *w, const char *key, whet_dtype otherwise);

/* --- inputs */
bool ov_has(const ov_work *w, int i);
whet_vid ov_in(ov_work *w, int i); /* makes the constant; WHET_NO_VALUE if not connected or failed */
int ov_rank(const ov_work *w, int i);      /* -1 unknown */
whet_dim ov_dim(const ov_work *w, int i, int axis);
whet_dtype ov_dtype(const ov_work *w, int i);
const whet_tensor *ov_const(const ov_work *w, int i); /* NULL if it is not constant */
/* Contents of a small integer input, constant or followed; false if not known. A size that is a symbol does not count. */
bool ov_ints(const ov_work *w, int i, int *n, int64_t *x, int cap);
/* As ov_ints, failing with "... must be constant". Gives how many. */
int ov_need_ints(ov_work *w, int i, const char *what, int64_t *x, int cap);
int64_t ov_need_int(ov_work *w, int i, const char *what);
double ov_need_number(ov_work *w, int i, const char *what);
ov_port *ov_source(const ov_work *w, int i, ov_layer **layer); /* NULL if not connected */

/* --- nodes */
whet_vid ov_node(ov_work *w, const char *op, int n_in, const whet_vid *in, int n_attr, const whet_attr *attr);
void ov_nodes(ov_work *w, const char *op, int n_in, const whet_vid *in, int n_attr, const whet_attr *attr, int n_out, whet_vid *out);
#define OV_IN(...) (int)(sizeof((whet_vid[]){__VA_ARGS__}) / sizeof(whet_vid)), (const whet_vid[]){__VA_ARGS__}
whet_vid ov_op(ov_work *w, const char *op, int n_in, const whet_vid *in); /* no attributes */
whet_vid ov_make_ints(ov_work *w, int n, const int64_t *x);
whet_vid ov_make_scalar(ov_work *w, whet_dtype t, double x);
whet_vid ov_make_const(ov_work *w, const char *name, const whet_tensor *t);
/* With a Cast behind it that has the name, where wide is not NONE. */
whet_vid ov_make_wide(ov_work *w, const char *name, const whet_tensor *t, whet_dtype wide);
whet_vid ov_reshape(ov_work *w, whet_vid x, int n, const int64_t *shape);
whet_vid ov_transpose(ov_work *w, whet_vid x, int n, const int64_t *perm);
whet_vid ov_cast(ov_work *w, whet_vid x, whet_dtype t);
int ov_rank_of(const ov_work *w, whet_vid v);
whet_dtype ov_dtype_of(const ov_work *w, whet_vid v);
/* A negative axis counts from the end; fails if it is none. */
int ov_axis(ov_work *w, int64_t axis, int rank);

/* --- outputs */
void ov_out(ov_work *w, int o, whet_vid v);
void ov_out_const(ov_work *w, int o, const whet_tensor *t, const char *name); /* takes the tensor's reference */
void ov_out_wide(ov_work *w, int o, const whet_tensor *t, whet_dtype wide, const char *name);
/* The constant behind input i under other dimensions (same elements), which keeps its name; false if it is not constant. */
bool ov_reshaped_const(const ov_work *w, int i, const whet_shape *shape, whet_tensor *out, const char **name);
whet_dtype ov_wide(const ov_work *w, int i); /* of the constant behind input i */
/* A constant input in half precision becomes one in f32. */
void ov_settle(ov_work *w, int i);

void ov_fail(ov_work *w, whet_status status, const char *fmt, ...) WHET_PRINTF(3, 4);

/* Counts `bytes` of new constants; EFORMAT where they outgrow the file. */
whet_status ov_budget(ov_reader *r, size_t bytes);
whet_status ov_read_const(ov_reader *r, ov_layer *l);
const char *ov_first_name(ov_work *w, const char *names); /* of an escaped, comma-separated list; NULL if none */
/* The layer computes with small integer constants: done, its output is constant. */
bool ov_fold(ov_work *w);
/* Outputs whose contents inference knows count as constants for what reads them. */
void ov_keep_known(ov_work *w);
/* What was written apart comes together again: additions into convolutions, scale and bias into normalisations. */
/* A new constant under `name`; `old` (or WHET_NO_VALUE) steps aside if it has that name. */
whet_vid ov_const_instead(whet_graph *g, whet_vid old, const char *name, const whet_tensor *t, whet_status *status);
whet_status ov_gather_bias(whet_graph *g);
bool ov_weights_read(ov_work *w); /* a Multiply that dequantises integer weights was read as such */

#endif
