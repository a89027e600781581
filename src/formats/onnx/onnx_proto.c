/* SPDX-License-Identifier: Apache-2.0 */
/* Layout tables of onnx_proto.h. The order of the lines is the order in which the writer puts the fields. */
#include "formats/onnx/onnx_proto.h"

static const whet_pb_field pair_fields[] = {
    WHET_PB_ONE(1, STRING, onnx_pair, key), WHET_PB_ONE(2, STRING, onnx_pair, value), WHET_PB_END};
static const whet_pb_message pair_message = {"StringStringEntry", sizeof(onnx_pair), pair_fields};

static const whet_pb_field opset_fields[] = {
    WHET_PB_ONE(1, STRING, onnx_opset, domain), WHET_PB_ONE(2, INT, onnx_opset, version), WHET_PB_END};
static const whet_pb_message opset_message = {"OperatorSetId", sizeof(onnx_opset), opset_fields};

static const whet_pb_field tensor_fields[] = {
    WHET_PB_MANY(1, INT, onnx_tensor, dims),
    WHET_PB_ONE(2, INT, onnx_tensor, data_type),
    WHET_PB_MANY(4, FLOAT, onnx_tensor, float_data),
    WHET_PB_MANY(5, INT, onnx_tensor, int32_data),
    WHET_PB_MANY(6, BYTES, onnx_tensor, string_data),
    WHET_PB_MANY(7, INT, onnx_tensor, int64_data),
    WHET_PB_ONE(8, STRING, onnx_tensor, name),
    WHET_PB_ONE(9, BYTES, onnx_tensor, raw_data),
    WHET_PB_MANY(10, DOUBLE, onnx_tensor, double_data),
    WHET_PB_MANY(11, INT, onnx_tensor, uint64_data),
    WHET_PB_SUBS(13, onnx_tensor, external_data, pair_message),
    WHET_PB_ONE(14, INT, onnx_tensor, data_location),
    WHET_PB_END};
const whet_pb_message onnx_tensor_message = {"Tensor", sizeof(onnx_tensor), tensor_fields};

static const whet_pb_field attr_fields[] = {
    WHET_PB_ONE(1, STRING, onnx_attr, name),
    WHET_PB_ONE(2, FLOAT, onnx_attr, f),
    WHET_PB_ONE(3, INT, onnx_attr, i),
    WHET_PB_ONE(4, BYTES, onnx_attr, s),
    WHET_PB_SUB(5, onnx_attr, t, onnx_tensor_message),
    WHET_PB_ONE(6, BYTES, onnx_attr, g),
    WHET_PB_MANY(7, FLOAT, onnx_attr, floats),
    WHET_PB_MANY(8, INT, onnx_attr, ints),
    WHET_PB_MANY(9, BYTES, onnx_attr, strings),
    WHET_PB_ONE(20, INT, onnx_attr, type),
    WHET_PB_ONE(21, STRING, onnx_attr, ref_attr_name),
    WHET_PB_END};
static const whet_pb_message attr_message = {"Attribute", sizeof(onnx_attr), attr_fields};

static const whet_pb_field node_fields[] = {
    WHET_PB_MANY(1, STRING, onnx_node, input),
    WHET_PB_MANY(2, STRING, onnx_node, output),
    WHET_PB_ONE(3, STRING, onnx_node, name),
    WHET_PB_ONE(4, STRING, onnx_node, op_type),
    WHET_PB_SUBS(5, onnx_node, attribute, attr_message),
    WHET_PB_ONE(7, STRING, onnx_node, domain),
    WHET_PB_ONE(8, STRING, onnx_node, overload),
    WHET_PB_END};
static const whet_pb_message node_message = {"Node", sizeof(onnx_node), node_fields};

static const whet_pb_field dim_fields[] = {
    WHET_PB_ONE(1, INT, onnx_dim, value), WHET_PB_ONE(2, STRING, onnx_dim, param), WHET_PB_END};
static const whet_pb_message dim_message = {"Dimension", sizeof(onnx_dim), dim_fields};

static const whet_pb_field shape_fields[] = {WHET_PB_SUBS(1, onnx_shape, dim, dim_message), WHET_PB_END};
static const whet_pb_message shape_message = {"TensorShape", sizeof(onnx_shape), shape_fields};

static const whet_pb_field tensor_type_fields[] = {
    WHET_PB_ONE(1, INT, onnx_tensor_type, elem_type), WHET_PB_SUB(2, onnx_tensor_type, shape, shape_message), WHET_PB_END};
static const whet_pb_message tensor_type_message = {"TensorType", sizeof(onnx_tensor_type), tensor_type_fields};

static const whet_pb_field type_fields[] = {
    WHET_PB_SUB(1, onnx_type, tensor, tensor_type_message),
    WHET_PB_ONE(4, BYTES, onnx_type, sequence),
    WHET_PB_ONE(5, BYTES, onnx_type, map),
    WHET_PB_ONE(8, BYTES, onnx_type, sparse),
    WHET_PB_ONE(9, BYTES, onnx_type, optional),
    WHET_PB_END};
static const whet_pb_message type_message = {"Type", sizeof(onnx_type), type_fields};

static const whet_pb_field value_fields[] = {
    WHET_PB_ONE(1, STRING, onnx_value, name), WHET_PB_SUB(2, onnx_value, type, type_message), WHET_PB_END};
static const whet_pb_message value_message = {"ValueInfo", sizeof(onnx_value), value_fields};

static const whet_pb_field graph_fields[] = {
    WHET_PB_SUBS(1, onnx_graph, node, node_message),
    WHET_PB_ONE(2, STRING, onnx_graph, name),
    WHET_PB_SUBS(5, onnx_graph, initializer, onnx_tensor_message),
    WHET_PB_ONE(10, STRING, onnx_graph, doc_string),
    WHET_PB_SUBS(11, onnx_graph, input, value_message),
    WHET_PB_SUBS(12, onnx_graph, output, value_message),
    WHET_PB_SUBS(13, onnx_graph, value_info, value_message),
    WHET_PB_MANY(15, BYTES, onnx_graph, sparse_initializer),
    WHET_PB_END};
static const whet_pb_message graph_message = {"Graph", sizeof(onnx_graph), graph_fields};

static const whet_pb_field function_fields[] = {
    WHET_PB_ONE(1, STRING, onnx_function, name),
    WHET_PB_MANY(4, STRING, onnx_function, input),
    WHET_PB_MANY(5, STRING, onnx_function, output),
    WHET_PB_MANY(6, STRING, onnx_function, attribute),
    WHET_PB_SUBS(7, onnx_function, node, node_message),
    WHET_PB_SUBS(9, onnx_function, opset_import, opset_message),
    WHET_PB_ONE(10, STRING, onnx_function, domain),
    WHET_PB_SUBS(11, onnx_function, attribute_proto, attr_message),
    WHET_PB_ONE(13, STRING, onnx_function, overload),
    WHET_PB_END};
static const whet_pb_message function_message = {"Function", sizeof(onnx_function), function_fields};

static const whet_pb_field model_fields[] = {
    WHET_PB_ONE(1, INT, onnx_model, ir_version),
    WHET_PB_ONE(2, STRING, onnx_model, producer_name),
    WHET_PB_ONE(3, STRING, onnx_model, producer_version),
    WHET_PB_ONE(4, STRING, onnx_model, domain),
    WHET_PB_ONE(5, INT, onnx_model, model_version),
    WHET_PB_ONE(6, STRING, onnx_model, doc_string),
    WHET_PB_SUB(7, onnx_model, graph, graph_message),
    WHET_PB_SUBS(8, onnx_model, opset_import, opset_message),
    WHET_PB_SUBS(14, onnx_model, metadata_props, pair_message),
    WHET_PB_MANY(20, BYTES, onnx_model, training_info),
    WHET_PB_SUBS(25, onnx_model, functions, function_message),
    WHET_PB_END};
const whet_pb_message onnx_model_message = {"Model", sizeof(onnx_model), model_fields};
