/* SPDX-License-Identifier: Apache-2.0 */
/* Tables of TensorFlow's messages; fields that are not here are skipped on reading. */
#include "formats/tensorflow/tf_proto.h"

#define MESSAGE(title, type, stem) static const whet_pb_message stem##_message = {title, sizeof(type), stem##_fields}

static const whet_pb_field dim_fields[] = {WHET_PB_ONE(1, INT, tf_dim, size), WHET_PB_END};
MESSAGE("TensorShape.Dim", tf_dim, dim);

static const whet_pb_field shape_fields[] = {
    WHET_PB_SUBS(2, tf_shape, dim, dim_message), WHET_PB_ONE(3, INT, tf_shape, unknown_rank), WHET_PB_END};
MESSAGE("TensorShape", tf_shape, shape);

static const whet_pb_field tensor_fields[] = {
    WHET_PB_ONE(1, INT, tf_tensor, dtype),
    WHET_PB_SUB(2, tf_tensor, shape, shape_message),
    WHET_PB_ONE(4, BYTES, tf_tensor, content),
    WHET_PB_MANY(5, FLOAT, tf_tensor, float_val),
    WHET_PB_MANY(6, DOUBLE, tf_tensor, double_val),
    WHET_PB_MANY(7, INT, tf_tensor, int_val),
    WHET_PB_MANY(8, BYTES, tf_tensor, string_val),
    WHET_PB_MANY(10, INT, tf_tensor, int64_val),
    WHET_PB_MANY(11, INT, tf_tensor, bool_val),
    WHET_PB_MANY(13, INT, tf_tensor, half_val),
    WHET_PB_MANY(16, INT, tf_tensor, uint32_val),
    WHET_PB_MANY(17, INT, tf_tensor, uint64_val),
    WHET_PB_END};
MESSAGE("Tensor", tf_tensor, tensor);

static const whet_pb_field func_fields[] = {WHET_PB_ONE(1, STRING, tf_func, name), WHET_PB_END};
MESSAGE("NameAttrList", tf_func, func);

static const whet_pb_field list_fields[] = {
    WHET_PB_MANY(2, BYTES, tf_list, s),
    WHET_PB_MANY(3, INT, tf_list, i),
    WHET_PB_MANY(4, FLOAT, tf_list, f),
    WHET_PB_MANY(5, INT, tf_list, b),
    WHET_PB_MANY(6, INT, tf_list, type),
    WHET_PB_SUBS(7, tf_list, shape, shape_message),
    WHET_PB_END};
MESSAGE("AttrValue.List", tf_list, list);

static const whet_pb_field value_fields[] = { /* the order gives the TF_HAS_ bits */
    WHET_PB_SUB(1, tf_value, list, list_message),
    WHET_PB_ONE(2, BYTES, tf_value, s),
    WHET_PB_ONE(3, INT, tf_value, i),
    WHET_PB_ONE(4, FLOAT, tf_value, f),
    WHET_PB_ONE(5, INT, tf_value, b),
    WHET_PB_ONE(6, INT, tf_value, type),
    WHET_PB_SUB(7, tf_value, shape, shape_message),
    WHET_PB_SUB(8, tf_value, tensor, tensor_message),
    WHET_PB_ONE(9, STRING, tf_value, placeholder),
    WHET_PB_SUB(10, tf_value, func, func_message),
    WHET_PB_END};
MESSAGE("AttrValue", tf_value, value);

static const whet_pb_field attr_fields[] = {
    WHET_PB_ONE(1, STRING, tf_attr, key), WHET_PB_SUB(2, tf_attr, value, value_message), WHET_PB_END};
MESSAGE("AttrEntry", tf_attr, attr);

static const whet_pb_field node_fields[] = {
    WHET_PB_ONE(1, STRING, tf_node, name),
    WHET_PB_ONE(2, STRING, tf_node, op),
    WHET_PB_MANY(3, STRING, tf_node, input),
    WHET_PB_SUBS(5, tf_node, attr, attr_message),
    WHET_PB_END};
MESSAGE("NodeDef", tf_node, node);

static const whet_pb_field arg_fields[] = {
    WHET_PB_ONE(1, STRING, tf_arg, name),
    WHET_PB_ONE(3, INT, tf_arg, type),
    WHET_PB_ONE(4, STRING, tf_arg, type_attr),
    WHET_PB_ONE(5, STRING, tf_arg, number_attr),
    WHET_PB_ONE(6, STRING, tf_arg, list_attr),
    WHET_PB_END};
MESSAGE("OpDef.Arg", tf_arg, arg);

static const whet_pb_field op_def_fields[] = {
    WHET_PB_ONE(1, STRING, tf_op_def, name),
    WHET_PB_SUBS(2, tf_op_def, input, arg_message),
    WHET_PB_SUBS(3, tf_op_def, output, arg_message),
    WHET_PB_END};
MESSAGE("OpDef", tf_op_def, op_def);

static const whet_pb_field pair_fields[] = {
    WHET_PB_ONE(1, STRING, tf_pair, key), WHET_PB_ONE(2, STRING, tf_pair, value), WHET_PB_END};
MESSAGE("FunctionDef.Ret", tf_pair, pair);

static const whet_pb_field function_fields[] = {
    WHET_PB_SUB(1, tf_function, signature, op_def_message),
    WHET_PB_SUBS(3, tf_function, node, node_message),
    WHET_PB_SUBS(4, tf_function, ret, pair_message),
    WHET_PB_END};
MESSAGE("FunctionDef", tf_function, function);

static const whet_pb_field library_fields[] = {WHET_PB_SUBS(1, tf_library, function, function_message), WHET_PB_END};
MESSAGE("FunctionDefLibrary", tf_library, library);

static const whet_pb_field versions_fields[] = {
    WHET_PB_ONE(1, INT, tf_versions, producer), WHET_PB_ONE(2, INT, tf_versions, min_consumer), WHET_PB_END};
MESSAGE("VersionDef", tf_versions, versions);

static const whet_pb_field graph_fields[] = {
    WHET_PB_SUBS(1, tf_graph, node, node_message),
    WHET_PB_SUB(2, tf_graph, library, library_message),
    WHET_PB_SUB(4, tf_graph, versions, versions_message),
    WHET_PB_END};
const whet_pb_message tf_graph_message = {"GraphDef", sizeof(tf_graph), graph_fields};

static const whet_pb_field info_fields[] = {
    WHET_PB_ONE(1, STRING, tf_info, name),
    WHET_PB_ONE(2, INT, tf_info, dtype),
    WHET_PB_SUB(3, tf_info, shape, shape_message),
    WHET_PB_ONE(4, BYTES, tf_info, sparse),
    WHET_PB_ONE(5, BYTES, tf_info, composite),
    WHET_PB_END};
MESSAGE("TensorInfo", tf_info, info);

static const whet_pb_field info_entry_fields[] = {
    WHET_PB_ONE(1, STRING, tf_info_entry, key), WHET_PB_SUB(2, tf_info_entry, value, info_message), WHET_PB_END};
MESSAGE("TensorInfoEntry", tf_info_entry, info_entry);

static const whet_pb_field sig_fields[] = {
    WHET_PB_SUBS(1, tf_sig, inputs, info_entry_message),
    WHET_PB_SUBS(2, tf_sig, outputs, info_entry_message),
    WHET_PB_ONE(3, STRING, tf_sig, method),
    WHET_PB_END};
MESSAGE("SignatureDef", tf_sig, sig);

static const whet_pb_field sig_entry_fields[] = {
    WHET_PB_ONE(1, STRING, tf_sig_entry, key), WHET_PB_SUB(2, tf_sig_entry, value, sig_message), WHET_PB_END};
MESSAGE("SignatureEntry", tf_sig_entry, sig_entry);

static const whet_pb_field meta_info_fields[] = {
    WHET_PB_MANY(4, STRING, tf_meta_info, tags), WHET_PB_ONE(5, STRING, tf_meta_info, version), WHET_PB_END};
MESSAGE("MetaInfoDef", tf_meta_info, meta_info);

static const whet_pb_field saver_fields[] = {
    WHET_PB_ONE(1, STRING, tf_saver, filename),
    WHET_PB_ONE(2, STRING, tf_saver, save),
    WHET_PB_ONE(3, STRING, tf_saver, restore),
    WHET_PB_ONE(7, INT, tf_saver, version),
    WHET_PB_END};
MESSAGE("SaverDef", tf_saver, saver);

static const whet_pb_field asset_fields[] = {WHET_PB_ONE(2, STRING, tf_asset, filename), WHET_PB_END};
MESSAGE("AssetFileDef", tf_asset, asset);

static const whet_pb_field object_variable_fields[] = {WHET_PB_ONE(6, STRING, tf_object_variable, name), WHET_PB_END};
MESSAGE("SavedVariable", tf_object_variable, object_variable);
static const whet_pb_field object_fields[] = {WHET_PB_SUB(7, tf_object, variable, object_variable_message), WHET_PB_END};
MESSAGE("SavedObject", tf_object, object);
static const whet_pb_field objects_fields[] = {WHET_PB_SUBS(1, tf_objects, node, object_message), WHET_PB_END};
MESSAGE("SavedObjectGraph", tf_objects, objects);

static const whet_pb_field meta_graph_fields[] = {
    WHET_PB_SUB(1, tf_meta_graph, info, meta_info_message),
    WHET_PB_SUB(2, tf_meta_graph, graph, tf_graph_message),
    WHET_PB_SUB(3, tf_meta_graph, saver, saver_message),
    WHET_PB_SUBS(5, tf_meta_graph, signature, sig_entry_message),
    WHET_PB_SUBS(6, tf_meta_graph, asset, asset_message),
    WHET_PB_SUB(7, tf_meta_graph, objects, objects_message),
    WHET_PB_END};
MESSAGE("MetaGraphDef", tf_meta_graph, meta_graph);

static const whet_pb_field saved_model_fields[] = {
    WHET_PB_ONE(1, INT, tf_saved_model, version), WHET_PB_SUBS(2, tf_saved_model, meta_graph, meta_graph_message), WHET_PB_END};
const whet_pb_message tf_saved_model_message = {"SavedModel", sizeof(tf_saved_model), saved_model_fields};

static const whet_pb_field track_attr_fields[] = {
    WHET_PB_ONE(1, STRING, tf_track_attr, name), WHET_PB_ONE(2, STRING, tf_track_attr, full_name),
    WHET_PB_ONE(3, STRING, tf_track_attr, key), WHET_PB_END};
MESSAGE("SerializedTensor", tf_track_attr, track_attr);
static const whet_pb_field track_fields[] = {WHET_PB_SUBS(2, tf_track, attribute, track_attr_message), WHET_PB_END};
MESSAGE("TrackableObject", tf_track, track);
static const whet_pb_field tracks_fields[] = {WHET_PB_SUBS(1, tf_tracks, node, track_message), WHET_PB_END};
const whet_pb_message tf_tracks_message = {"TrackableObjectGraph", sizeof(tf_tracks), tracks_fields};
