/* SPDX-License-Identifier: Apache-2.0 */
/* Private to the OpenVINO writer: layers under construction. A node's writer begins a layer, adds attributes and inputs, and
 * ends it with its outputs; layers get their ids in the order of their ends. The first failure sticks. */
#ifndef WHET_FORMATS_OPENVINO_WRITER_H
#define WHET_FORMATS_OPENVINO_WRITER_H

#include "base/mem.h"
#include "formats/onnx/onnx_names.h"
#include "formats/openvino/openvino.h"
#include "ir/op.h"
#include "wire/xml.h"

enum { OV_LAYER_ATTRS = 20, OV_LAYER_PORTS = 4096, OV_ATTR_TEXT = 512 };

/* Output `port` (0, 1, ...) of a layer; layer -1: none. */
typedef struct ov_ref { int layer, port; } ov_ref;

typedef struct ov_output { whet_dtype dtype; whet_dims dims; const char *name; } ov_output; /* name NULL: no tensor name */

typedef struct ov_written { int n_in, n_out; ov_output *out; } ov_written;

typedef struct ov_blob { uint64_t hash; size_t offset, size; const void *data; } ov_blob;

typedef struct ov_writer {
    const whet_graph *g;
    whet_arena *arena;
    whet_status status;
    bool half;                /* constants in half precision */
    const whet_node *node;    /* being written; NULL between nodes */
    whet_xml_writer layers, edges;
    ov_written *done;         /* heap */
    size_t n_done, cap_done;
    ov_ref *refs;             /* per value of the graph */
    int32_t *uses;            /* per value: how many inputs and outputs name it */
    int32_t *dq_uses;         /* per value: how many of these are DequantizeLinear */
    onnx_names names;         /* of layers */
    ov_blob *blobs;           /* heap; content of the .bin in order */
    size_t n_blobs, cap_blobs, bin_size;
    int32_t *table;           /* heap; hash -> blob + 1 */
    size_t table_cap;
    /* the layer under construction */
    const char *type, *name;
    int opset, n_attr, n_in;
    bool decompression;       /* a Convert that only widens weights */
    struct { const char *key, *value; } attr[OV_LAYER_ATTRS];
    ov_ref *in;               /* room for OV_LAYER_PORTS */
} ov_writer;

typedef void (*ov_write_fn)(ov_writer *w, const whet_node *n);

void ov_refuse(ov_writer *w, const char *fmt, ...) WHET_PRINTF(2, 3); /* EUNSUPPORTED, naming the node */

/* --- a layer */
void ov_begin(ov_writer *w, const char *type, int opset, const char *name); /* name NULL: made from the node's */
void ov_attr(ov_writer *w, const char *key, const char *value);
void ov_attr_int(ov_writer *w, const char *key, int64_t x);
void ov_attr_bool(ov_writer *w, const char *key, bool x);
void ov_attr_number(ov_writer *w, const char *key, double x);
void ov_attr_list(ov_writer *w, const char *key, int n, const int64_t *x);
void ov_input(ov_writer *w, ov_ref r);
ov_ref ov_end(ov_writer *w, int n_out, const ov_output *out);
ov_ref ov_end1(ov_writer *w, whet_dtype t, const whet_dims *d, const char *name); /* one output */
/* As the node's output o, with its name. */
void ov_end_as(ov_writer *w, const whet_node *n);
/* The value goes by this reference from now on; its name is not written. */
void ov_is(ov_writer *w, whet_vid v, ov_ref r);

/* --- where things are */
ov_ref ov_value(ov_writer *w, whet_vid v); /* writes the constant on first use */
ov_ref ov_node_in(ov_writer *w, const whet_node *n, int i);
bool ov_node_has(const whet_node *n, int i);
const ov_output *ov_shape_of(const ov_writer *w, ov_ref r);
const whet_value *ov_v(const ov_writer *w, const whet_node *n, int i); /* value behind input i */
const whet_tensor *ov_tensor(const ov_writer *w, const whet_node *n, int i); /* constant or variable behind input i, or NULL */

/* A value that is written only when it is asked for: dequantised weights. */
void ov_write_late(ov_writer *w, whet_vid v);

/* --- constants of the writer's own */
ov_ref ov_put_const(ov_writer *w, const char *name, const char *tensor_name, const whet_tensor *t); /* bytes must stay */
/* Constants kept in half precision, with the Convert that widens them. */
ov_ref ov_put_widened(ov_writer *w, const char *name, const char *tensor_name, const whet_tensor *half);
/* The constant in half precision behind the value, which is f32; NULL if it is none. */
const whet_tensor *ov_half_of(const ov_writer *w, whet_vid v);
ov_ref ov_put_scalar(ov_writer *w, whet_dtype t, double x);
ov_ref ov_put_ints(ov_writer *w, int n, const int64_t *x);   /* [n] */
ov_ref ov_put_int(ov_writer *w, int64_t x);                  /* scalar */
/* Memory of the writer's arena for a tensor. */
whet_status ov_new_tensor(ov_writer *w, whet_tensor *t, whet_dtype dtype, const whet_shape *s);

/* --- small layers */
ov_ref ov_unary(ov_writer *w, const char *type, int opset, ov_ref x);
ov_ref ov_binary(ov_writer *w, const char *type, ov_ref a, ov_ref b);
ov_ref ov_convert(ov_writer *w, ov_ref x, whet_dtype t);
ov_ref ov_reshaped(ov_writer *w, ov_ref x, int n, const int64_t *shape);
void ov_binary_as(ov_writer *w, const char *type, ov_ref a, ov_ref b, const whet_node *n); /* gives the node's output */
void ov_unary_as(ov_writer *w, const char *type, int opset, ov_ref x, const whet_node *n);


/* x under the node's name: a Reshape that changes nothing. */
void ov_reshape_as(ov_writer *w, ov_ref x, const whet_node *n);
/* The activation that a fused node ends in; x itself where there is none. */
ov_ref ov_activated(ov_writer *w, const whet_node *n, ov_ref x);
/* Floats behind a value: a constant, or a dequantised one computed; NULL if it is neither. */
const whet_tensor *ov_floats(ov_writer *w, whet_vid v);
/* A convolution's weights; groups > 0: as [groups, out / groups, ...]. */
ov_ref ov_filter(ov_writer *w, whet_vid v, int64_t groups);

#endif
