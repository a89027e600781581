/* SPDX-License-Identifier: Apache-2.0 */
/* The part of ONNX Runtime's C ABI that the plug-in calls, declared here from its public facts: the library exports
 * OrtGetApiBase; that gives a struct of two functions; GetApi(version) gives a table of function pointers in which members
 * are only ever appended, so that the position of each is fixed for good. Every call but the releases returns NULL or a
 * status object that the caller releases.
 *
 * F(position, name, result, (arguments)) */
#ifndef WHET_PLUGINS_ORT_ABI_H
#define WHET_PLUGINS_ORT_ABI_H

#include <stddef.h>
#include <stdint.h>

enum { ORT_API_VERSION_WANTED = 16, ORT_MEMBERS = 150 };

typedef struct ort_status ort_status;
typedef struct ort_env ort_env;
typedef struct ort_options ort_options;
typedef struct ort_session ort_session;
typedef struct ort_run_options ort_run_options;
typedef struct ort_value ort_value;
typedef struct ort_allocator ort_allocator;
typedef struct ort_memory_info ort_memory_info;
typedef struct ort_type_info ort_type_info;
typedef struct ort_tensor_info ort_tensor_info;
typedef struct ort_binding ort_binding;

enum { ORT_LOG_FATAL = 4 };
enum { ORT_OPT_OFF = 0, ORT_OPT_BASIC = 1, ORT_OPT_ALL = 99 };
enum { ORT_SEQUENTIAL = 0 };
enum { ORT_ALLOCATOR_ARENA = 1, ORT_MEMORY_DEFAULT = 0 };
enum { ORT_TYPE_TENSOR = 1 };

#define ORT_FUNCTIONS                                                                                                 \
    F(1, GetErrorCode, int, (const ort_status *))                                                                     \
    F(2, GetErrorMessage, const char *, (const ort_status *))                                                         \
    F(3, CreateEnv, ort_status *, (int log_level, const char *id, ort_env **))                                        \
    F(7, CreateSession, ort_status *, (const ort_env *, const char *path, const ort_options *, ort_session **))       \
    F(8, CreateSessionFromArray, ort_status *, (const ort_env *, const void *, size_t, const ort_options *, ort_session **)) \
    F(10, CreateSessionOptions, ort_status *, (ort_options **))                                                       \
    F(11, SetOptimizedModelFilePath, ort_status *, (ort_options *, const char *path))                                 \
    F(13, SetSessionExecutionMode, ort_status *, (ort_options *, int mode))                                           \
    F(14, EnableProfiling, ort_status *, (ort_options *, const char *prefix))                                         \
    F(16, EnableMemPattern, ort_status *, (ort_options *))                                                            \
    F(18, EnableCpuMemArena, ort_status *, (ort_options *))                                                           \
    F(19, DisableCpuMemArena, ort_status *, (ort_options *))                                                          \
    F(22, SetSessionLogSeverityLevel, ort_status *, (ort_options *, int level))                                       \
    F(23, SetSessionGraphOptimizationLevel, ort_status *, (ort_options *, int level))                                 \
    F(24, SetIntraOpNumThreads, ort_status *, (ort_options *, int n))                                                 \
    F(25, SetInterOpNumThreads, ort_status *, (ort_options *, int n))                                                 \
    F(30, SessionGetInputCount, ort_status *, (const ort_session *, size_t *))                                        \
    F(31, SessionGetOutputCount, ort_status *, (const ort_session *, size_t *))                                       \
    F(33, SessionGetInputTypeInfo, ort_status *, (const ort_session *, size_t, ort_type_info **))                     \
    F(34, SessionGetOutputTypeInfo, ort_status *, (const ort_session *, size_t, ort_type_info **))                    \
    F(36, SessionGetInputName, ort_status *, (const ort_session *, size_t, ort_allocator *, char **))                 \
    F(37, SessionGetOutputName, ort_status *, (const ort_session *, size_t, ort_allocator *, char **))                \
    F(48, CreateTensorAsOrtValue, ort_status *,                                                                       \
      (ort_allocator *, const int64_t *dims, size_t rank, int dtype, ort_value **))                                   \
    F(51, GetTensorMutableData, ort_status *, (ort_value *, void **))                                                 \
    F(55, CastTypeInfoToTensorInfo, ort_status *, (const ort_type_info *, const ort_tensor_info **))                  \
    F(56, GetOnnxTypeFromTypeInfo, ort_status *, (const ort_type_info *, int *))                                      \
    F(60, GetTensorElementType, ort_status *, (const ort_tensor_info *, int *))                                       \
    F(61, GetDimensionsCount, ort_status *, (const ort_tensor_info *, size_t *))                                      \
    F(62, GetDimensions, ort_status *, (const ort_tensor_info *, int64_t *, size_t))                                  \
    F(65, GetTensorTypeAndShape, ort_status *, (const ort_value *, ort_tensor_info **))                               \
    F(69, CreateCpuMemoryInfo, ort_status *, (int allocator, int memory, ort_memory_info **))                         \
    F(76, AllocatorFree, ort_status *, (ort_allocator *, void *))                                                     \
    F(78, GetAllocatorWithDefaultOptions, ort_status *, (ort_allocator **))                                           \
    F(92, ReleaseEnv, void, (ort_env *))                                                                              \
    F(93, ReleaseStatus, void, (ort_status *))                                                                        \
    F(94, ReleaseMemoryInfo, void, (ort_memory_info *))                                                               \
    F(95, ReleaseSession, void, (ort_session *))                                                                      \
    F(96, ReleaseValue, void, (ort_value *))                                                                          \
    F(98, ReleaseTypeInfo, void, (ort_type_info *))                                                                   \
    F(99, ReleaseTensorTypeAndShapeInfo, void, (ort_tensor_info *))                                                   \
    F(100, ReleaseSessionOptions, void, (ort_options *))                                                              \
    F(110, SessionEndProfiling, ort_status *, (ort_session *, ort_allocator *, char **path))                          \
    F(130, AddSessionConfigEntry, ort_status *, (ort_options *, const char *key, const char *value))                  \
    F(133, RunWithBinding, ort_status *, (ort_session *, const ort_run_options *, const ort_binding *))               \
    F(134, CreateIoBinding, ort_status *, (ort_session *, ort_binding **))                                            \
    F(135, ReleaseIoBinding, void, (ort_binding *))                                                                   \
    F(136, BindInput, ort_status *, (ort_binding *, const char *name, const ort_value *))                             \
    F(137, BindOutput, ort_status *, (ort_binding *, const char *name, const ort_value *))                            \
    F(138, BindOutputToDevice, ort_status *, (ort_binding *, const char *name, const ort_memory_info *))              \
    F(140, GetBoundOutputValues, ort_status *, (const ort_binding *, ort_allocator *, ort_value ***, size_t *))

#define F(position, name, result, arguments) typedef result(*ort_##name##_fn) arguments;
ORT_FUNCTIONS
#undef F
enum {
#define F(position, name, result, arguments) ORT_POSITION_##name = position,
    ORT_FUNCTIONS
#undef F
};

typedef void (*ort_any_fn)(void);
typedef struct ort_api { ort_any_fn member[ORT_MEMBERS]; } ort_api;
typedef struct ort_api_base {
    const ort_api *(*GetApi)(uint32_t version);
    const char *(*GetVersionString)(void);
} ort_api_base;
typedef const ort_api_base *(*ort_get_api_base_fn)(void);

/* ORT(api, CreateEnv)(...) */
#define ORT(api, name) ((ort_##name##_fn)(api)->member[ORT_POSITION_##name])

#endif
