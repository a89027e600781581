/* SPDX-License-Identifier: Apache-2.0 */
/* The messages of onnx.proto as C structs (field numbers from the ONNX project's onnx.proto, IR version 13). Members that
 * nobody reads are left out and skipped while decoding. */
#ifndef WHET_FORMATS_ONNX_PROTO_H
#define WHET_FORMATS_ONNX_PROTO_H

#include "wire/pb.h"

typedef struct onnx_pair { whet_pb_head head; const char *key, *value; } onnx_pair;
typedef WHET_PB_LIST(onnx_pair) onnx_pairs;

typedef struct onnx_opset { whet_pb_head head; const char *domain; int64_t version; } onnx_opset;

typedef struct onnx_tensor {
    whet_pb_head head;
    whet_pb_ints dims;
    int64_t data_type;
    whet_pb_floats float_data;
    whet_pb_ints int32_data;
    whet_pb_bytes_list string_data;
    whet_pb_ints int64_data;
    const char *name;
    whet_pb_bytes raw_data;
    whet_pb_doubles double_data;
    whet_pb_ints uint64_data;
    onnx_pairs external_data;
    int64_t data_location;
} onnx_tensor;
enum { ONNX_LOCATION_EXTERNAL = 1 };
typedef WHET_PB_LIST(onnx_tensor) onnx_tensors;

typedef enum onnx_attr_type {
    ONNX_ATTR_UNDEFINED = 0, ONNX_ATTR_FLOAT = 1, ONNX_ATTR_INT = 2, ONNX_ATTR_STRING = 3, ONNX_ATTR_TENSOR = 4,
    ONNX_ATTR_GRAPH = 5, ONNX_ATTR_FLOATS = 6, ONNX_ATTR_INTS = 7, ONNX_ATTR_STRINGS = 8, ONNX_ATTR_TENSORS = 9,
    ONNX_ATTR_GRAPHS = 10, ONNX_ATTR_SPARSE_TENSOR = 11, ONNX_ATTR_SPARSE_TENSORS = 12, ONNX_ATTR_TYPE_PROTO = 13
} onnx_attr_type;

typedef struct onnx_attr {
    whet_pb_head head;
    const char *name;
    float f;
    int64_t i;
    whet_pb_bytes s;
    const onnx_tensor *t;
    whet_pb_bytes g; /* graphs are not decoded */
    whet_pb_floats floats;
    whet_pb_ints ints;
    whet_pb_bytes_list strings;
    int64_t type;
    const char *ref_attr_name;
} onnx_attr;
typedef WHET_PB_LIST(onnx_attr) onnx_attrs;

typedef struct onnx_node {
    whet_pb_head head;
    whet_pb_strings input, output;
    const char *name, *op_type, *domain, *overload;
    onnx_attrs attribute;
} onnx_node;
typedef WHET_PB_LIST(onnx_node) onnx_nodes;

typedef struct onnx_dim { whet_pb_head head; int64_t value; const char *param; } onnx_dim;
enum { ONNX_DIM_HAS_VALUE = 1 << 0 };
typedef struct onnx_shape { whet_pb_head head; WHET_PB_LIST(onnx_dim) dim; } onnx_shape;
typedef struct onnx_tensor_type { whet_pb_head head; int64_t elem_type; const onnx_shape *shape; } onnx_tensor_type;
typedef struct onnx_type {
    whet_pb_head head;
    const onnx_tensor_type *tensor;
    whet_pb_bytes sequence, map, sparse, optional;
} onnx_type;
typedef struct onnx_value { whet_pb_head head; const char *name; const onnx_type *type; } onnx_value;
typedef WHET_PB_LIST(onnx_value) onnx_values;

typedef struct onnx_graph {
    whet_pb_head head;
    onnx_nodes node;
    const char *name;
    onnx_tensors initializer;
    const char *doc_string;
    onnx_values input, output, value_info;
    whet_pb_bytes_list sparse_initializer;
} onnx_graph;

typedef struct onnx_function {
    whet_pb_head head;
    const char *name;
    whet_pb_strings input, output, attribute;
    onnx_nodes node;
    WHET_PB_LIST(onnx_opset) opset_import;
    const char *domain, *overload;
    onnx_attrs attribute_proto;
} onnx_function;

typedef struct onnx_model {
    whet_pb_head head;
    int64_t ir_version;
    const char *producer_name, *producer_version, *domain;
    int64_t model_version;
    const char *doc_string;
    const onnx_graph *graph;
    WHET_PB_LIST(onnx_opset) opset_import;
    onnx_pairs metadata_props;
    whet_pb_bytes_list training_info;
    WHET_PB_LIST(onnx_function) functions;
} onnx_model;

extern const whet_pb_message onnx_model_message, onnx_tensor_message;

#endif
