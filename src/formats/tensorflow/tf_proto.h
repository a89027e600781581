/* SPDX-License-Identifier: Apache-2.0 */
/* Layouts of TensorFlow's messages (tensorflow/core/framework/{graph,node_def,attr_value,tensor,tensor_shape,function,op_def}
 * .proto, tensorflow/core/protobuf/{saved_model,meta_graph,saved_object_graph,trackable_object_graph}.proto): the fields that
 * are used here, for the tables of wire/pb.h. */
#ifndef WHET_FORMATS_TF_PROTO_H
#define WHET_FORMATS_TF_PROTO_H

#include "wire/pb.h"

/* DataType; a reference type (of TF1 variables) is 100 more. */
enum {
    TF_FLOAT = 1, TF_DOUBLE, TF_INT32, TF_UINT8, TF_INT16, TF_INT8, TF_STRING, TF_COMPLEX64, TF_INT64, TF_BOOL, TF_QINT8, TF_QUINT8,
    TF_QINT32, TF_BFLOAT16, TF_QINT16, TF_QUINT16, TF_UINT16, TF_COMPLEX128, TF_HALF, TF_RESOURCE, TF_VARIANT, TF_UINT32, TF_UINT64,
    TF_REF = 100
};

typedef struct tf_dim { whet_pb_head head; int64_t size; } tf_dim;
typedef struct tf_shape { whet_pb_head head; WHET_PB_LIST(tf_dim) dim; int64_t unknown_rank; } tf_shape;

typedef struct tf_tensor {
    whet_pb_head head;
    int64_t dtype;
    const tf_shape *shape;
    whet_pb_bytes content;
    whet_pb_floats float_val;
    whet_pb_doubles double_val;
    whet_pb_ints int_val, int64_val, bool_val, half_val, uint32_val, uint64_val;
    whet_pb_bytes_list string_val;
} tf_tensor;

typedef struct tf_func { whet_pb_head head; const char *name; } tf_func;

typedef struct tf_list {
    whet_pb_head head;
    whet_pb_bytes_list s;
    whet_pb_ints i, b, type;
    whet_pb_floats f;
    WHET_PB_LIST(tf_shape) shape;
} tf_list;

enum { /* bits of head.has of tf_value */
    TF_HAS_LIST = 1, TF_HAS_S = 2, TF_HAS_I = 4, TF_HAS_F = 8, TF_HAS_B = 16, TF_HAS_TYPE = 32, TF_HAS_SHAPE = 64, TF_HAS_TENSOR = 128,
    TF_HAS_PLACEHOLDER = 256, TF_HAS_FUNC = 512
};
typedef struct tf_value {
    whet_pb_head head;
    const tf_list *list;
    whet_pb_bytes s;
    int64_t i, b, type;
    float f;
    const tf_shape *shape;
    const tf_tensor *tensor;
    const char *placeholder;
    const tf_func *func;
} tf_value;
typedef struct tf_attr { whet_pb_head head; const char *key; const tf_value *value; } tf_attr;

typedef struct tf_node {
    whet_pb_head head;
    const char *name, *op;
    whet_pb_strings input;
    WHET_PB_LIST(tf_attr) attr;
} tf_node;
typedef WHET_PB_LIST(tf_node) tf_nodes;

typedef struct tf_arg { whet_pb_head head; const char *name; int64_t type; const char *type_attr, *number_attr, *list_attr; } tf_arg;
typedef struct tf_op_def {
    whet_pb_head head;
    const char *name;
    WHET_PB_LIST(tf_arg) input;
    WHET_PB_LIST(tf_arg) output;
} tf_op_def;
typedef struct tf_pair { whet_pb_head head; const char *key, *value; } tf_pair;
typedef struct tf_function {
    whet_pb_head head;
    const tf_op_def *signature;
    tf_nodes node;
    WHET_PB_LIST(tf_pair) ret;
} tf_function;
typedef struct tf_library { whet_pb_head head; WHET_PB_LIST(tf_function) function; } tf_library;
typedef struct tf_versions { whet_pb_head head; int64_t producer, min_consumer; } tf_versions;
typedef struct tf_graph { whet_pb_head head; tf_nodes node; const tf_library *library; const tf_versions *versions; } tf_graph;

typedef struct tf_info {
    whet_pb_head head;
    const char *name;
    int64_t dtype;
    const tf_shape *shape;
    whet_pb_bytes sparse, composite;
} tf_info;
typedef struct tf_info_entry { whet_pb_head head; const char *key; const tf_info *value; } tf_info_entry;
typedef WHET_PB_LIST(tf_info_entry) tf_infos;
typedef struct tf_sig { whet_pb_head head; tf_infos inputs, outputs; const char *method; } tf_sig;
typedef struct tf_sig_entry { whet_pb_head head; const char *key; const tf_sig *value; } tf_sig_entry;
typedef struct tf_meta_info { whet_pb_head head; whet_pb_strings tags; const char *version; } tf_meta_info;
typedef struct tf_saver { whet_pb_head head; const char *filename, *save, *restore; int64_t version; } tf_saver;
typedef struct tf_asset { whet_pb_head head; const char *filename; } tf_asset;

typedef struct tf_object_variable { whet_pb_head head; const char *name; } tf_object_variable;
typedef struct tf_object { whet_pb_head head; const tf_object_variable *variable; } tf_object;
typedef struct tf_objects { whet_pb_head head; WHET_PB_LIST(tf_object) node; } tf_objects;

typedef struct tf_meta_graph {
    whet_pb_head head;
    const tf_meta_info *info;
    const tf_graph *graph;
    const tf_saver *saver;
    WHET_PB_LIST(tf_sig_entry) signature;
    WHET_PB_LIST(tf_asset) asset;
    const tf_objects *objects;
} tf_meta_graph;
typedef struct tf_saved_model { whet_pb_head head; int64_t version; WHET_PB_LIST(tf_meta_graph) meta_graph; } tf_saved_model;

/* The object graph inside a checkpoint. */
typedef struct tf_track_attr { whet_pb_head head; const char *name, *full_name, *key; } tf_track_attr;
typedef struct tf_track { whet_pb_head head; WHET_PB_LIST(tf_track_attr) attribute; } tf_track;
typedef struct tf_tracks { whet_pb_head head; WHET_PB_LIST(tf_track) node; } tf_tracks;

extern const whet_pb_message tf_graph_message, tf_saved_model_message, tf_tracks_message;

#endif
