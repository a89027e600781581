/* SPDX-License-Identifier: Apache-2.0 */
/* ONNX Runtime as a backend; everything goes through the C ABI declared in ort_abi.h.
 *
 * A stream owns one tensor per input, made by the runtime's own allocator, and an I/O binding. The first run lets the
 * runtime make the outputs; from then on the same tensors are bound again, so that a run allocates nothing for them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ort_onnx.h"
#include "ort_plugin.h"

struct whet_backend_stream {
    whet_backend_model *m;
    ort_binding *binding;
    ort_value *value[2][ORT_MAX_IO];
    bool bound; /* outputs are bound to value[1] */
};

static int caps(char **json)
{
    return plugin_tell(json, "{\"formats\":[\"onnx\"],\"dtypes\":[\"f32\",\"f64\",\"f16\",\"s64\",\"s32\",\"s16\",\"s8\",\"u64\",\"u32\",\"u16\","
                             "\"u8\",\"bool\"],\"settings\":{\"threads\":\"integer >= 1\",\"optimisation\":[\"off\",\"basic\",\"all\"],"
                             "\"precision\":[\"default\",\"f32\"],\"streams\":\"integer >= 1\",\"denormals\":[\"keep\",\"zero\"],\"arena\":[\"on\",\"off\"],"
                             "\"executed_graph\":[\"on\",\"off\"],\"profile\":[\"on\",\"off\"]}}");
}

/* --- models */
static int read_tensor_info(const ort_tensor_info *t, plugin_slot *s)
{
    size_t rank = 0;
    TRY(ORT_CALL(GetTensorElementType)(t, &s->dtype), "element type");
    TRY(ORT_CALL(GetDimensionsCount)(t, &rank), "rank");
    if (rank > WHET_BACKEND_MAX_RANK) return plugin_fail(WHET_EUNSUPPORTED, "'%s' has %zu dimensions, at most 8 are possible", s->name, rank);
    s->rank = (int)rank;
    TRY(ORT_CALL(GetDimensions)(t, s->dims, rank), "dimensions");
    memcpy(s->file, s->dims, sizeof s->file);
    return 0;
}

static int read_slot(whet_backend_model *m, int output, size_t i, plugin_slot *s)
{
    ort_allocator *a = NULL;
    ort_type_info *type = NULL;
    const ort_tensor_info *t = NULL;
    char *name = NULL;
    int kind = 0, status = 0;
    TRY(ORT_CALL(GetAllocatorWithDefaultOptions)(&a), "allocator");
    TRY(output ? ORT_CALL(SessionGetOutputName)(m->session, i, a, &name) : ORT_CALL(SessionGetInputName)(m->session, i, a, &name),
        "tensor name");
    status = plugin_name(s, name);
    ort_free(a, name);
    if (status != 0) return status;
    TRY(output ? ORT_CALL(SessionGetOutputTypeInfo)(m->session, i, &type) : ORT_CALL(SessionGetInputTypeInfo)(m->session, i, &type),
        "tensor type");
    status = ort_check(ORT_CALL(GetOnnxTypeFromTypeInfo)(type, &kind), "tensor type");
    if (status == 0 && kind != ORT_TYPE_TENSOR) status = plugin_fail(WHET_EUNSUPPORTED, "'%s' is no dense tensor", s->name);
    if (status == 0) status = ort_check(ORT_CALL(CastTypeInfoToTensorInfo)(type, &t), "tensor type");
    if (status == 0) status = read_tensor_info(t, s);
    ORT_CALL(ReleaseTypeInfo)(type);
    return status;
}

static int read_all_slots(whet_backend_model *m)
{
    size_t n[2] = {0, 0};
    TRY(ORT_CALL(SessionGetInputCount)(m->session, &n[0]), "inputs");
    TRY(ORT_CALL(SessionGetOutputCount)(m->session, &n[1]), "outputs");
    for (int o = 0; o < 2; o++) {
        int status = plugin_ends_alloc(&m->ends, o, n[o], ORT_MAX_IO);
        for (int i = 0; i < m->ends.n[o] && status == 0; i++) status = read_slot(m, o, (size_t)i, &m->ends.io[o][i]);
        if (status != 0) return status;
    }
    return 0;
}

static void close_model(whet_backend_model *m)
{
    if (m == NULL) return;
    free(ort_end_trace(m));
    free(m->profile);
    free(m->path);
    if (m->session != NULL) ORT_CALL(ReleaseSession)(m->session);
    if (m->options != NULL) ORT_CALL(ReleaseSessionOptions)(m->options);
    if (m->env != NULL) ORT_CALL(ReleaseEnv)(m->env);
    if (m->graph_path != NULL) unlink(m->graph_path);
    free(m->graph_path);
    free(m->saved);
    plugin_ends_free(&m->ends);
    free(m);
}

static int build(whet_backend_model *m, const char *path, const whet_backend_setting *s, int n)
{
    TRY(ORT_CALL(CreateEnv)(ORT_LOG_FATAL, "whet", &m->env), "environment");
    TRY(ORT_CALL(CreateSessionOptions)(&m->options), "options");
    TRY(ORT_CALL(SetSessionLogSeverityLevel)(m->options, ORT_LOG_FATAL), "options");
    TRY(ORT_CALL(SetSessionExecutionMode)(m->options, ORT_SEQUENTIAL), "options");
    TRY(ORT_CALL(SetInterOpNumThreads)(m->options, 1), "options");
    const int status = ort_configure(m, s, n);
    if (status != 0) return status;
    m->path = strdup(path);
    if (m->path == NULL) return plugin_no_memory();
    TRY(ORT_CALL(CreateSession)(m->env, path, m->options, &m->session), path);
    if (m->graph_path != NULL) {
        m->saved = plugin_file_read(m->graph_path, &m->saved_size);
        unlink(m->graph_path);
    }
    return read_all_slots(m);
}

/* The session is made again, of the file's bytes with more outputs; external data is looked for where the file lies. */
static int tap(whet_backend_model *m, const char *const *names, int n)
{
    size_t size = 0, length = 0;
    const char *missing = NULL, *slash = strrchr(m->path, '/');
    char folder[4096];
    snprintf(folder, sizeof folder, "%.*s", slash != NULL ? (int)(slash - m->path + 1) : 2, slash != NULL ? m->path : "./");
    uint8_t *file = plugin_file_read(m->path, &size);
    if (file == NULL) return plugin_fail(WHET_EIO, "'%s' cannot be read again", m->path);
    uint8_t *model = ort_onnx_with_outputs(file, size, names, n, &length, &missing);
    free(file);
    if (missing != NULL) return plugin_fail(WHET_ENOTFOUND, "the model has no tensor '%s'", missing);
    if (model == NULL) return plugin_no_memory();
    free(ort_end_trace(m));
    ORT_CALL(ReleaseSession)(m->session);
    m->session = NULL;
    plugin_ends_free(&m->ends);
    int status = ort_check(ORT_CALL(AddSessionConfigEntry)(m->options, "session.model_external_initializers_file_folder_path", folder), "tap");
    if (status == 0) status = ort_check(ORT_CALL(CreateSessionFromArray)(m->env, model, length, m->options, &m->session), "tap");
    free(model);
    return status == 0 ? read_all_slots(m) : status;
}

/* --- streams */
static void stream_free(whet_backend_stream *s)
{
    if (s == NULL) return;
    if (s->binding != NULL) ORT_CALL(ReleaseIoBinding)(s->binding);
    for (int o = 0; o < 2; o++)
        for (int i = 0; i < s->m->ends.n[o]; i++)
            if (s->value[o][i] != NULL) ORT_CALL(ReleaseValue)(s->value[o][i]);
    free(s);
}

static int begin(whet_backend_stream *s, whet_backend_model *m)
{
    ort_allocator *a = NULL;
    ort_memory_info *cpu = NULL;
    int status = 0;
    s->m = m;
    TRY(ORT_CALL(CreateIoBinding)(m->session, &s->binding), "binding");
    TRY(ORT_CALL(GetAllocatorWithDefaultOptions)(&a), "allocator");
    for (int i = 0; i < m->ends.n[0]; i++) {
        const plugin_slot *in = &m->ends.io[0][i];
        status = plugin_is_fixed(in);
        if (status != 0) return status;
        TRY(ORT_CALL(CreateTensorAsOrtValue)(a, in->dims, (size_t)in->rank, in->dtype, &s->value[0][i]), in->name);
        TRY(ORT_CALL(BindInput)(s->binding, in->name, s->value[0][i]), in->name);
    }
    TRY(ORT_CALL(CreateCpuMemoryInfo)(ORT_ALLOCATOR_ARENA, ORT_MEMORY_DEFAULT, &cpu), "memory");
    for (int i = 0; i < m->ends.n[1] && status == 0; i++)
        status = ort_check(ORT_CALL(BindOutputToDevice)(s->binding, m->ends.io[1][i].name, cpu), m->ends.io[1][i].name);
    ORT_CALL(ReleaseMemoryInfo)(cpu);
    return status;
}

/* Keeps the outputs of the first run and binds them for all later ones. */
static int keep_outputs(whet_backend_stream *s)
{
    ort_allocator *a = NULL;
    ort_value **values = NULL;
    size_t n = 0;
    TRY(ORT_CALL(GetAllocatorWithDefaultOptions)(&a), "allocator");
    TRY(ORT_CALL(GetBoundOutputValues)(s->binding, a, &values, &n), "outputs");
    for (size_t i = 0; i < n && i < (size_t)s->m->ends.n[1]; i++) s->value[1][i] = values[i];
    ort_free(a, values);
    for (int i = 0; i < s->m->ends.n[1]; i++) TRY(ORT_CALL(BindOutput)(s->binding, s->m->ends.io[1][i].name, s->value[1][i]), "outputs");
    s->bound = true;
    return 0;
}

static int run(whet_backend_stream *s)
{
    TRY(ORT_CALL(RunWithBinding)(s->m->session, NULL, s->binding), "run");
    return s->bound ? 0 : keep_outputs(s);
}

static int io_map(whet_backend_stream *s, int output, int i, void **data, size_t *bytes, whet_backend_io *info)
{
    ort_tensor_info *t = NULL;
    plugin_slot now;
    output = output != 0;
    const plugin_slot *known = plugin_end(&s->m->ends, output, i);
    if (known == NULL) return WHET_ENOTFOUND;
    ort_value *v = s->value[output][i];
    if (v == NULL) return plugin_fail(WHET_EINVAL, "output '%s' does not exist before the first run", known->name);
    now = *known;
    TRY(ORT_CALL(GetTensorTypeAndShape)(v, &t), "shape");
    int status = read_tensor_info(t, &now);
    ORT_CALL(ReleaseTensorTypeAndShapeInfo)(t);
    if (status != 0) return status;
    size_t size = plugin_element_size(now.dtype);
    if (size == 0) return plugin_fail(WHET_EUNSUPPORTED, "'%s' has an element type that cannot be mapped (code %d)", now.name, now.dtype);
    for (int d = 0; d < now.rank; d++) size *= (size_t)now.dims[d];
    TRY(ORT_CALL(GetTensorMutableData)(v, data), "data");
    *bytes = size;
    plugin_fill(info, &now);
    info->name = known->name;
    return 0;
}

const plugin_parts plugin_self = {
    .table = {PLUGIN_MEMBERS, .name = "ort", .title = "ONNX Runtime", .built_for = "1.30.* 1.31.*", .caps = caps, .close = close_model,
              .io_info = plugin_io_info, .set_shape = plugin_set_shape, .stream_free = stream_free, .io_map = io_map, .run = run,
              .query = ort_query, .tap = tap},
    .model_size = sizeof(whet_backend_model), .stream_size = sizeof(whet_backend_stream),
    .load = ort_load, .build = build, .begin = begin,
};
