/* SPDX-License-Identifier: Apache-2.0 */
/* The part of OpenVINO's C ABI that the plug-in calls, declared here from its public facts. Functions return 0 or a negative
 * code; the text of the last error is had with get_last_err_msg and, like every string, released with ov_free. The numbers of
 * the element types have changed between releases, so the plug-in asks for the version before anything else.
 *
 * F(name without ov_, result, (arguments)) */
#ifndef WHET_PLUGINS_OPENVINO_ABI_H
#define WHET_PLUGINS_OPENVINO_ABI_H

#include <stddef.h>
#include <stdint.h>

typedef struct ov_core ov_core;
typedef struct ov_model ov_model;
typedef struct ov_compiled ov_compiled;
typedef struct ov_request ov_request;
typedef struct ov_port ov_port;
typedef struct ov_tensor ov_tensor;

typedef struct ov_version { const char *build, *description; } ov_version;
typedef struct ov_dimension { int64_t min, max; } ov_dimension;
typedef struct ov_partial_shape { ov_dimension rank, *dims; } ov_partial_shape;
typedef struct ov_shape { int64_t rank, *dims; } ov_shape;
typedef struct ov_property { const char *key; const void *value; } ov_property;
/* Called with out NULL to ask for the size, then to fill. */
typedef void (*ov_code_fn)(const char *in, size_t n, char *out, size_t *n_out);
typedef struct ov_callbacks { ov_code_fn encrypt, decrypt; } ov_callbacks; /* value of CACHE_ENCRYPTION_CALLBACKS */
typedef struct ov_layer_time {
    int status; /* 0 not run, 1 optimised away, 2 executed */
    int64_t real_us, cpu_us;
    const char *name, *exec, *type;
} ov_layer_time;
typedef struct ov_layer_times { ov_layer_time *item; size_t size; } ov_layer_times;

enum { OV_NOT_IMPLEMENTED = -2, OV_EXECUTED = 2 };

#define OV_FUNCTIONS                                                                                                  \
    F(get_openvino_version, int, (ov_version *))                                                                      \
    F(version_free, void, (ov_version *))                                                                             \
    F(get_last_err_msg, const char *, (void))                                                                         \
    F(free, void, (const char *))                                                                                     \
    F(core_create, int, (ov_core **))                                                                                 \
    F(core_get_property, int, (const ov_core *, const char *device, const char *key, char **value))                   \
    F(core_read_model, int, (const ov_core *, const char *path, const char *weights, ov_model **))                    \
    F(core_compile_model_props, int,                                                                                  \
      (const ov_core *, const ov_model *, const char *device, size_t n, const ov_property *, ov_compiled **))         \
    F(model_inputs_size, int, (const ov_model *, size_t *))                                                           \
    F(model_outputs_size, int, (const ov_model *, size_t *))                                                          \
    F(model_const_input_by_index, int, (const ov_model *, size_t, ov_port **))                                        \
    F(model_const_output_by_index, int, (const ov_model *, size_t, ov_port **))                                       \
    F(model_reshape_by_port_indexes, int, (const ov_model *, const size_t *index, const ov_partial_shape *, size_t n)) \
    F(model_free, void, (ov_model *))                                                                                 \
    F(compiled_model_output_by_index, int, (const ov_compiled *, size_t, ov_port **))                                 \
    F(compiled_model_get_property, int, (const ov_compiled *, const char *key, char **value))                         \
    F(compiled_model_create_infer_request, int, (const ov_compiled *, ov_request **))                                 \
    F(compiled_model_export_model, int, (const ov_compiled *, const char *path))                                      \
    F(compiled_model_free, void, (ov_compiled *))                                                                     \
    F(port_get_any_name, int, (const ov_port *, char **))                                                             \
    F(port_get_partial_shape, int, (const ov_port *, ov_partial_shape *))                                             \
    F(port_get_element_type, int, (const ov_port *, int *))                                                           \
    F(output_const_port_free, void, (ov_port *))                                                                      \
    F(partial_shape_create_static, int, (int64_t rank, const int64_t *dims, ov_partial_shape *))                      \
    F(partial_shape_free, void, (ov_partial_shape *))                                                                 \
    F(infer_request_get_input_tensor_by_index, int, (const ov_request *, size_t, ov_tensor **))                       \
    F(infer_request_get_output_tensor_by_index, int, (const ov_request *, size_t, ov_tensor **))                      \
    F(infer_request_infer, int, (ov_request *))                                                                       \
    F(infer_request_get_profiling_info, int, (const ov_request *, ov_layer_times *))                                  \
    F(profiling_info_list_free, void, (ov_layer_times *))                                                             \
    F(infer_request_free, void, (ov_request *))                                                                       \
    F(tensor_get_shape, int, (const ov_tensor *, ov_shape *))                                                         \
    F(tensor_get_byte_size, int, (const ov_tensor *, size_t *))                                                       \
    F(tensor_data, int, (const ov_tensor *, void **))                                                                 \
    F(shape_free, int, (ov_shape *))                                                                                  \
    F(tensor_free, void, (ov_tensor *))

typedef struct ov_api {
#define F(name, result, arguments) result(*name) arguments;
    OV_FUNCTIONS
#undef F
} ov_api;

#endif
