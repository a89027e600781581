/* SPDX-License-Identifier: Apache-2.0 */
/* The part of LiteRT's C ABI that the plug-in calls, as it is in libLiteRt.so 2.3.0. The wheel has no headers and the ABI is
 * not promised from one version to the next, so that the plug-in calls nothing before it has recognised the library
 * (litert_library.c). Handles are pointers; every call but the destroying ones returns a status, 0 = done.
 *
 * F(name, result, (arguments)) is the exported function LiteRt<name>. */
#ifndef WHET_PLUGINS_LITERT_ABI_H
#define WHET_PLUGINS_LITERT_ABI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct lrt_env lrt_env;
typedef struct lrt_model lrt_model;
typedef struct lrt_signature lrt_signature;
typedef struct lrt_subgraph lrt_subgraph;
typedef struct lrt_tensor lrt_tensor;
typedef struct lrt_op lrt_op;
typedef struct lrt_weights lrt_weights;
typedef struct lrt_options lrt_options;
typedef struct lrt_opaque lrt_opaque;
typedef struct lrt_compiled lrt_compiled;
typedef struct lrt_requirements lrt_requirements;
typedef struct lrt_buffer lrt_buffer;
typedef struct lrt_profiler lrt_profiler;

enum { LRT_MAX_RANK = 8 };
enum { LRT_ACCELERATOR_CPU = 1 };
enum { LRT_HOST_MEMORY = 1 };
enum { LRT_LOCK_READ_WRITE = 2 };
enum { LRT_RANKED = 0 };
enum { LRT_PER_TENSOR = 1 };
enum { LRT_ENV_ACCELERATORS = 24, LRT_ENV_LOG_SEVERITY = 25, LRT_ANY_INT = 2, LRT_LOG_ERROR = 3 };
enum { LRT_XNNPACK_F16 = 1 | 2 | 4 }; /* s8, u8, and all f32 arithmetic in 16-bit floats */
enum { LRT_EVENT_DEFAULT = 1, LRT_EVENT_OPERATOR = 1 << 1, LRT_EVENT_IN_DELEGATE = 1 << 3 };

typedef struct lrt_layout {
    unsigned rank : 7, has_strides : 1;
    int32_t dims[LRT_MAX_RANK]; /* -1: free */
    uint32_t strides[LRT_MAX_RANK];
} lrt_layout;
typedef struct lrt_type { int element; lrt_layout layout; } lrt_type;
typedef struct lrt_per_tensor { float scale; int64_t zero_point; } lrt_per_tensor;
typedef struct lrt_env_option { int tag; struct { int type; int64_t value; } any; } lrt_env_option;
typedef struct lrt_event {
    const char *tag;
    int type;
    uint64_t start_us, elapsed_us;
    size_t memory[6];
    uint64_t node, subgraph;
    int source;
} lrt_event;
_Static_assert(sizeof(lrt_layout) == 68 && sizeof(lrt_type) == 72, "layout of LiteRT's tensor type");
_Static_assert(sizeof(lrt_env_option) == 24 && sizeof(lrt_event) == 104, "layout of LiteRT's option and event");

#define LRT_FUNCTIONS                                                                                                 \
    F(CreateEnvironment, int, (int n, const lrt_env_option *, lrt_env **))                                            \
    F(DestroyEnvironment, void, (lrt_env *))                                                                          \
    F(CreateModelFromFile, int, (lrt_env *, const char *path, lrt_model **))                                          \
    F(DestroyModel, void, (lrt_model *))                                                                              \
    F(GetNumModelSignatures, int, (lrt_model *, size_t *))                                                            \
    F(GetModelSignature, int, (lrt_model *, size_t, lrt_signature **))                                                \
    F(GetSignatureSubgraph, int, (lrt_signature *, lrt_subgraph **))                                                  \
    F(GetNumSubgraphInputs, int, (lrt_subgraph *, size_t *))                                                          \
    F(GetNumSubgraphOutputs, int, (lrt_subgraph *, size_t *))                                                         \
    F(GetSubgraphInput, int, (lrt_subgraph *, size_t, lrt_tensor **))                                                 \
    F(GetSubgraphOutput, int, (lrt_subgraph *, size_t, lrt_tensor **))                                                \
    F(GetNumSubgraphOps, int, (lrt_subgraph *, size_t *))                                                             \
    F(GetSubgraphOp, int, (lrt_subgraph *, size_t, lrt_op **))                                                        \
    F(GetOpCode, int, (lrt_op *, int *))                                                                              \
    F(GetTensorWeights, int, (lrt_tensor *, lrt_weights **))                                                          \
    F(GetWeightsBytes, int, (lrt_weights *, const void **, size_t *))                                                 \
    F(GetNumOpInputs, int, (lrt_op *, size_t *))                                                                      \
    F(GetNumOpOutputs, int, (lrt_op *, size_t *))                                                                     \
    F(GetOpInput, int, (lrt_op *, size_t, lrt_tensor **))                                                             \
    F(GetOpOutput, int, (lrt_op *, size_t, lrt_tensor **))                                                            \
    F(GetTensorName, int, (lrt_tensor *, const char **))                                                              \
    F(GetTensorTypeId, int, (lrt_tensor *, int *))                                                                    \
    F(GetRankedTensorType, int, (lrt_tensor *, lrt_type *))                                                           \
    F(GetQuantizationTypeId, int, (lrt_tensor *, int *))                                                              \
    F(GetPerTensorQuantization, int, (lrt_tensor *, lrt_per_tensor *))                                                \
    F(CreateOptions, int, (lrt_options **))                                                                           \
    F(DestroyOptions, void, (lrt_options *))                                                                          \
    F(SetOptionsHardwareAccelerators, int, (lrt_options *, int set))                                                  \
    F(CreateOpaqueOptions, int, (const char *id, void *payload, void (*release)(void *), lrt_opaque **))              \
    F(DestroyOpaqueOptions, void, (lrt_opaque *))                                                                     \
    F(AddOpaqueOptions, int, (lrt_options *, lrt_opaque *)) /* takes it over */                                       \
    F(CreateCompiledModel, int, (lrt_env *, lrt_model *, lrt_options *, lrt_compiled **))                             \
    F(DestroyCompiledModel, void, (lrt_compiled *))                                                                   \
    F(CompiledModelResizeInputTensor, int, (lrt_compiled *, size_t signature, size_t i, const int *dims, size_t rank)) \
    F(GetCompiledModelOutputTensorLayouts, int,                                                                       \
      (lrt_compiled *, size_t signature, size_t n, lrt_layout *, bool update))                                        \
    F(GetCompiledModelInputBufferRequirements, int, (lrt_compiled *, size_t signature, size_t i, lrt_requirements **)) \
    F(GetCompiledModelOutputBufferRequirements, int, (lrt_compiled *, size_t signature, size_t i, lrt_requirements **)) \
    F(CreateManagedTensorBufferFromRequirements, int, (lrt_env *, const lrt_type *, lrt_requirements *, lrt_buffer **)) \
    F(DestroyTensorBuffer, void, (lrt_buffer *))                                                                      \
    F(GetTensorBufferType, int, (lrt_buffer *, int *))                                                                \
    F(GetTensorBufferSize, int, (lrt_buffer *, size_t *))                                                             \
    F(LockTensorBuffer, int, (lrt_buffer *, void **, int mode))                                                       \
    F(UnlockTensorBuffer, int, (lrt_buffer *))                                                                        \
    F(RunCompiledModel, int,                                                                                          \
      (lrt_compiled *, size_t signature, size_t n_in, lrt_buffer **, size_t n_out, lrt_buffer **))                    \
    F(CompiledModelGetProfiler, int, (lrt_compiled *, lrt_profiler **)) /* stays the model's */                       \
    F(StartProfiler, int, (lrt_profiler *))                                                                           \
    F(StopProfiler, int, (lrt_profiler *))                                                                            \
    F(ResetProfiler, int, (lrt_profiler *))                                                                           \
    F(GetNumProfilerEvents, int, (lrt_profiler *, int *))                                                             \
    F(GetProfilerEvents, int, (lrt_profiler *, int n, lrt_event *))

#define F(name, result, arguments) result(*name) arguments;
typedef struct lrt_api { LRT_FUNCTIONS } lrt_api;
#undef F

#endif
