/* SPDX-License-Identifier: Apache-2.0 */
/* The part of TensorFlow's C ABI that the plug-in calls, declared here from its public facts. Calls that can fail take a
 * status object, whose code is 0 if all is well.
 *
 * F(name without TF_, result, (arguments)) */
#ifndef WHET_PLUGINS_TENSORFLOW_ABI_H
#define WHET_PLUGINS_TENSORFLOW_ABI_H

#include <stddef.h>
#include <stdint.h>

typedef struct tf_status tf_status;
typedef struct tf_options tf_options;
typedef struct tf_import_options tf_import_options;
typedef struct tf_graph tf_graph;
typedef struct tf_session tf_session;
typedef struct tf_operation tf_operation;
typedef struct tf_tensor tf_tensor;

typedef struct tf_buffer {
    const void *data;
    size_t length;
    void (*release)(void *data, size_t length);
} tf_buffer;
typedef struct tf_output { tf_operation *op; int index; } tf_output;

#define TF_FUNCTIONS                                                                                                  \
    F(Version, const char *, (void))                                                                                  \
    F(NewStatus, tf_status *, (void))                                                                                 \
    F(DeleteStatus, void, (tf_status *))                                                                              \
    F(GetCode, int, (const tf_status *))                                                                              \
    F(Message, const char *, (const tf_status *))                                                                     \
    F(NewSessionOptions, tf_options *, (void))                                                                        \
    F(DeleteSessionOptions, void, (tf_options *))                                                                     \
    F(SetConfig, void, (tf_options *, const void *proto, size_t n, tf_status *))                                      \
    F(NewGraph, tf_graph *, (void))                                                                                   \
    F(DeleteGraph, void, (tf_graph *))                                                                                \
    F(NewBuffer, tf_buffer *, (void))                                                                                 \
    F(DeleteBuffer, void, (tf_buffer *))                                                                              \
    F(NewImportGraphDefOptions, tf_import_options *, (void))                                                          \
    F(DeleteImportGraphDefOptions, void, (tf_import_options *))                                                       \
    F(GraphImportGraphDef, void, (tf_graph *, const tf_buffer *, const tf_import_options *, tf_status *))             \
    F(NewSession, tf_session *, (tf_graph *, const tf_options *, tf_status *))                                        \
    F(LoadSessionFromSavedModel, tf_session *,                                                                        \
      (const tf_options *, const tf_buffer *run_options, const char *dir, const char *const *tags, int n_tags, tf_graph *, \
       tf_buffer *meta_graph, tf_status *))                                                                           \
    F(CloseSession, void, (tf_session *, tf_status *))                                                                \
    F(DeleteSession, void, (tf_session *, tf_status *))                                                               \
    F(SessionRun, void,                                                                                               \
      (tf_session *, const tf_buffer *run_options, const tf_output *inputs, tf_tensor *const *input_values, int n_inputs, \
       const tf_output *outputs, tf_tensor **output_values, int n_outputs, const tf_operation *const *targets, int n_targets, \
       tf_buffer *run_metadata, tf_status *))                                                                         \
    F(GraphOperationByName, tf_operation *, (tf_graph *, const char *))                                               \
    F(GraphNextOperation, tf_operation *, (tf_graph *, size_t *position))                                             \
    F(GraphGetTensorNumDims, int, (tf_graph *, tf_output, tf_status *))                                               \
    F(GraphGetTensorShape, void, (tf_graph *, tf_output, int64_t *dims, int rank, tf_status *))                       \
    F(OperationName, const char *, (tf_operation *))                                                                  \
    F(OperationOpType, const char *, (tf_operation *))                                                                \
    F(OperationNumOutputs, int, (tf_operation *))                                                                     \
    F(OperationNumControlOutputs, int, (tf_operation *))                                                              \
    F(OperationOutputNumConsumers, int, (tf_output))                                                                  \
    F(OperationOutputType, int, (tf_output))                                                                          \
    F(AllocateTensor, tf_tensor *, (int type, const int64_t *dims, int rank, size_t bytes))                           \
    F(DeleteTensor, void, (tf_tensor *))                                                                              \
    F(TensorType, int, (const tf_tensor *))                                                                           \
    F(NumDims, int, (const tf_tensor *))                                                                              \
    F(Dim, int64_t, (const tf_tensor *, int))                                                                         \
    F(TensorByteSize, size_t, (const tf_tensor *))                                                                    \
    F(TensorData, void *, (const tf_tensor *))

typedef struct tf_api {
#define F(name, result, arguments) result(*name) arguments;
    TF_FUNCTIONS
#undef F
} tf_api;

#endif
