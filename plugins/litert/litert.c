/* SPDX-License-Identifier: Apache-2.0 */
/* LiteRT as a backend, through the C functions of libLiteRt.so that litert_abi.h declares.
 *
 * open reads the file and what it says of its inputs and outputs. A stream is a compiled model of its own with its own
 * tensors in host memory: it is compiled when the stream is made, because shapes are known only then. A run hands the same
 * buffers over each time, so that nothing is copied at the border. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "litert_private.h"

#define CALL(name) litert_api.name

static int caps(char **json)
{
    return plugin_tell(json, "{\"formats\":[\"tflite\"],\"dtypes\":[\"f32\",\"f64\",\"f16\",\"s64\",\"s32\",\"s16\",\"s8\",\"u64\",\"u32\",\"u16\","
                             "\"u8\",\"bool\"],\"settings\":{\"threads\":\"integer >= 1\",\"streams\":\"integer >= 1\","
                             "\"optimisation\":[\"off\",\"basic\",\"all\"],\"precision\":[\"default\",\"f32\",\"f16\"],\"denormals\":[\"zero\"],"
                             "\"arena\":[\"on\"]},\"queries\":[\"executed_graph\",\"profile\",\"precision\",\"threads\"]}");
}

/* --- settings: a table of key and function */
static int set_threads(whet_backend_model *m, const char *v) { return plugin_count("threads", v, &m->threads); }
static int set_streams(whet_backend_model *m, const char *v) { return plugin_count("streams", v, &m->streams); }

static int set_optimisation(whet_backend_model *m, const char *v)
{
    static const lrt_kernels kernels[] = {LRT_REFERENCE, LRT_BUILTIN, LRT_DELEGATE};
    int level = 0;
    const int status = plugin_level(v, &level);
    m->kernels = kernels[level];
    return status;
}

static int set_precision(whet_backend_model *m, const char *v)
{
    m->half = strcmp(v, "f16") == 0;
    if (m->half || strcmp(v, "f32") == 0 || strcmp(v, "default") == 0) return 0;
    return plugin_fail(WHET_EUNSUPPORTED, "precision '%s' cannot be asked of LiteRT on a CPU: it has default, f32 and f16, or convert the file", v);
}

static int set_denormals(whet_backend_model *m, const char *v)
{
    bool keep = false;
    (void)m;
    const int status = plugin_choice("denormals", v, "keep", "zero", &keep);
    return status != 0 || !keep ? status : plugin_fail(WHET_EUNSUPPORTED, "LiteRT's XNNPACK flushes denormals in any case: 'denormals' must be zero");
}

static int set_arena(whet_backend_model *m, const char *v)
{
    bool on = false;
    (void)m;
    const int status = plugin_choice("arena", v, "on", "off", &on);
    return status != 0 || on ? status : plugin_fail(WHET_EUNSUPPORTED, "LiteRT always plans one arena: 'arena' must be on");
}

static int apply(whet_backend_model *m, const whet_backend_setting *s, int n)
{
    static const plugin_setting table[] = {
        {"threads", set_threads},     {"streams", set_streams},     {"optimisation", set_optimisation},
        {"precision", set_precision}, {"denormals", set_denormals}, {"arena", set_arena}};
    const int status = plugin_apply(m, table, PLUGIN_COUNT(table), s, n);
    if (status != 0) return status;
    if (m->half && m->kernels != LRT_DELEGATE)
        return plugin_fail(WHET_EUNSUPPORTED, "precision 'f16' is a matter of LiteRT's XNNPACK: 'optimisation' must be all");
    if (m->threads < m->streams)
        return plugin_fail(WHET_EINVAL, "%d streams need as many threads, there are %d", m->streams, m->threads);
    return 0;
}

/* --- models */
int litert_onnx_type(int element)
{
    static const unsigned char codes[] = {0, 1, 6, 2, 7, 0, 9, 5, 0, 3, 10, 11, 0, 13, 0, 0, 12, 4, 0, 16};
    return element > 0 && element < (int)sizeof codes ? codes[element] : 0;
}

static int read_slot(lrt_tensor *t, plugin_slot *s)
{
    const char *name = NULL;
    int kind = 0;
    lrt_type type;
    lrt_per_tensor q = {0, 0};
    int status = litert_check(CALL(GetTensorName)(t, &name), "tensor name", "");
    if (status != 0) return status;
    status = plugin_name(s, name);
    if (status == 0) status = litert_check(CALL(GetTensorTypeId)(t, &kind), s->name, "");
    if (status != 0) return status;
    if (kind != LRT_RANKED) return plugin_fail(WHET_EUNSUPPORTED, "'%s' has no rank", s->name);
    memset(&type, 0, sizeof type);
    status = litert_check(CALL(GetRankedTensorType)(t, &type), s->name, "");
    if (status != 0) return status;
    s->type = type.element;
    s->dtype = litert_onnx_type(type.element);
    if (s->dtype == 0) return plugin_fail(WHET_EUNSUPPORTED, "'%s' has an element type that cannot be mapped (code %d)", s->name, type.element);
    if (type.layout.rank > LRT_MAX_RANK) return plugin_fail(WHET_EUNSUPPORTED, "'%s' has %u dimensions, at most 8 are possible", s->name, type.layout.rank);
    s->rank = (int)type.layout.rank;
    for (int d = 0; d < s->rank; d++) s->dims[d] = s->file[d] = type.layout.dims[d] >= 0 ? type.layout.dims[d] : -1;
    if (CALL(GetQuantizationTypeId)(t, &kind) != 0 || kind != LRT_PER_TENSOR) return 0;
    if (CALL(GetPerTensorQuantization)(t, &q) == 0) {
        s->scale = q.scale;
        s->zero_point = (int32_t)q.zero_point;
    }
    return 0;
}

static int read_slots(whet_backend_model *m)
{
    size_t n[2] = {0, 0};
    lrt_tensor *t = NULL;
    int status = litert_check(CALL(GetNumSubgraphInputs)(m->graph, &n[0]), "inputs", "");
    if (status == 0) status = litert_check(CALL(GetNumSubgraphOutputs)(m->graph, &n[1]), "outputs", "");
    for (int o = 0; o < 2 && status == 0; o++) {
        status = plugin_ends_alloc(&m->ends, o, n[o], LRT_MAX_IO);
        for (size_t i = 0; i < n[o] && status == 0; i++) {
            status = litert_check(o ? CALL(GetSubgraphOutput)(m->graph, i, &t) : CALL(GetSubgraphInput)(m->graph, i, &t), "a tensor", "");
            if (status == 0) status = read_slot(t, &m->ends.io[o][i]);
        }
    }
    return status;
}

static void close_model(whet_backend_model *m)
{
    if (m == NULL) return;
    if (m->file != NULL) CALL(DestroyModel)(m->file);
    if (m->env != NULL) CALL(DestroyEnvironment)(m->env);
    plugin_ends_free(&m->ends);
    free(m);
}

/* Only errors are written to stderr, and only the CPU is registered: looking for a GPU takes time and memory. */
static int make_environment(whet_backend_model *m)
{
    const lrt_env_option options[] = {{LRT_ENV_ACCELERATORS, {LRT_ANY_INT, LRT_ACCELERATOR_CPU}},
                                      {LRT_ENV_LOG_SEVERITY, {LRT_ANY_INT, LRT_LOG_ERROR}}};
    return litert_check(CALL(CreateEnvironment)(2, options, &m->env), "environment", "");
}

static int read_file(whet_backend_model *m, const char *path)
{
    lrt_signature *signature = NULL;
    size_t n = 0;
    char said[300];
    const long from = litert_listen();
    int code = CALL(CreateModelFromFile)(m->env, path, &m->file);
    litert_heard(from, said, sizeof said);
    int status = litert_check(code, path, said);
    if (status == 0) status = litert_check(CALL(GetNumModelSignatures)(m->file, &n), "signatures", "");
    if (status == 0 && n == 0) status = plugin_fail(WHET_EFORMAT, "the file has no graph");
    if (status == 0) status = litert_check(CALL(GetModelSignature)(m->file, 0, &signature), "signature", "");
    if (status == 0) status = litert_check(CALL(GetSignatureSubgraph)(signature, &m->graph), "signature", "");
    return status == 0 ? read_slots(m) : status;
}

static int build(whet_backend_model *m, const char *path, const whet_backend_setting *s, int n)
{
    m->threads = m->streams = 1;
    int status = apply(m, s, n);
    if (status == 0) status = make_environment(m);
    return status == 0 ? read_file(m, path) : status;
}

static int set_shape(whet_backend_model *m, int i, int rank, const int64_t *dims)
{
    for (int d = 0; d < rank; d++)
        if (dims[d] > INT32_MAX) return plugin_fail(WHET_ESHAPE, "dimension %d of input %d is over 2147483647", d, i);
    return plugin_set_shape(m, i, rank, dims);
}

/* --- streams */
static void stream_free(whet_backend_stream *s)
{
    if (s == NULL) return;
    for (int o = 0; o < 2; o++)
        for (int i = 0; i < s->m->ends.n[o]; i++)
            if (s->buffer[o][i] != NULL) CALL(DestroyTensorBuffer)(s->buffer[o][i]);
    if (s->compiled != NULL) CALL(DestroyCompiledModel)(s->compiled);
    if (s->options != NULL) CALL(DestroyOptions)(s->options);
    free(s);
}

/* Options of a part of the runtime are text under a name; LiteRT frees the text. */
static int add_text(lrt_options *to, const char *name, const char *text)
{
    lrt_opaque *opaque = NULL;
    char *payload = strdup(text);
    if (payload == NULL) return plugin_no_memory();
    int code = CALL(CreateOpaqueOptions)(name, payload, free, &opaque);
    if (code != 0) {
        free(payload);
        return litert_check(code, "options", "");
    }
    code = CALL(AddOpaqueOptions)(to, opaque);
    if (code != 0) CALL(DestroyOpaqueOptions)(opaque);
    return litert_check(code, "options", "");
}

static int make_options(const whet_backend_model *m, const char *extra, lrt_options **out)
{
    static const char *const modes[] = {"delegate", "builtin", "reference"};
    char text[160];
    int status = litert_check(CALL(CreateOptions)(out), "options", "");
    if (status == 0) status = litert_check(CALL(SetOptionsHardwareAccelerators)(*out, LRT_ACCELERATOR_CPU), "options", "");
    snprintf(text, sizeof text, "kernel_mode = \"%s\"\nnum_threads = %d\n", modes[m->kernels], m->threads / m->streams);
    if (m->half) snprintf(text + strlen(text), sizeof text - strlen(text), "flags = %d\n", LRT_XNNPACK_F16);
    if (status == 0) status = add_text(*out, "xnnpack", text);
    if (status == 0 && extra != NULL) status = add_text(*out, "runtime_options_string", extra);
    return status;
}

/* A failure is repeated with an error reporter, because only that names the operator. */
static int explain(whet_backend_stream *s, int code)
{
    char said[300];
    lrt_options *talking = NULL;
    lrt_compiled *again = NULL;
    const long from = litert_listen();
    if (make_options(s->m, "error_reporter_mode = 1\n", &talking) == 0) code = CALL(CreateCompiledModel)(s->m->env, s->m->file, talking, &again);
    litert_heard(from, said, sizeof said);
    if (again != NULL) CALL(DestroyCompiledModel)(again);
    if (talking != NULL) CALL(DestroyOptions)(talking);
    return litert_check(code != 0 ? code : 3, "building the model", said);
}

static int resize(whet_backend_stream *s)
{
    lrt_layout layouts[LRT_MAX_IO];
    whet_backend_model *m = s->m;
    bool any = false;
    int status = 0, dims[LRT_MAX_RANK];
    for (int i = 0; i < m->ends.n[0] && status == 0; i++) {
        const plugin_slot *in = &m->ends.io[0][i];
        const bool resized = memcmp(in->dims, in->file, sizeof in->dims) != 0;
        status = plugin_is_fixed(in);
        for (int d = 0; d < in->rank; d++) dims[d] = (int)in->dims[d];
        any |= resized;
        if (status == 0 && resized) status = litert_check(CALL(CompiledModelResizeInputTensor)(s->compiled, 0, (size_t)i, dims, (size_t)in->rank), in->name, "");
    }
    memset(layouts, 0, sizeof layouts);
    if (status == 0) status = litert_check(CALL(GetCompiledModelOutputTensorLayouts)(s->compiled, 0, (size_t)m->ends.n[1], layouts, any), "shapes of the outputs", "");
    for (int i = 0; i < m->ends.n[1] && status == 0; i++) {
        plugin_slot *out = &s->io[1][i];
        out->rank = (int)layouts[i].rank;
        if (layouts[i].rank > LRT_MAX_RANK) return plugin_fail(WHET_EUNSUPPORTED, "output '%s' has over 8 dimensions", out->name);
        for (int d = 0; d < out->rank; d++) {
            out->dims[d] = layouts[i].dims[d];
            if (out->dims[d] < 0) return plugin_fail(WHET_EUNSUPPORTED, "the shape of output '%s' is known only after a run", out->name);
        }
    }
    return status;
}

static int make_buffer(whet_backend_stream *s, int o, int i)
{
    plugin_slot *slot = &s->io[o][i];
    lrt_requirements *need = NULL;
    lrt_type type;
    size_t size = 0, bytes = plugin_element_size(slot->dtype);
    int kind = 0;
    memset(&type, 0, sizeof type);
    type.element = slot->type;
    type.layout.rank = (unsigned)slot->rank & 0x7f;
    for (int d = 0; d < slot->rank; d++) {
        type.layout.dims[d] = (int32_t)slot->dims[d];
        if (__builtin_mul_overflow(bytes, (size_t)slot->dims[d], &bytes)) return plugin_fail(WHET_ESHAPE, "'%s' is too large", slot->name);
    }
    int status = litert_check(o ? CALL(GetCompiledModelOutputBufferRequirements)(s->compiled, 0, (size_t)i, &need)
                                : CALL(GetCompiledModelInputBufferRequirements)(s->compiled, 0, (size_t)i, &need), slot->name, "");
    if (status == 0) status = litert_check(CALL(CreateManagedTensorBufferFromRequirements)(s->m->env, &type, need, &s->buffer[o][i]), slot->name, "");
    if (status == 0) status = litert_check(CALL(GetTensorBufferType)(s->buffer[o][i], &kind), slot->name, "");
    if (status == 0) status = litert_check(CALL(GetTensorBufferSize)(s->buffer[o][i], &size), slot->name, "");
    if (status != 0) return status;
    if (kind != LRT_HOST_MEMORY || size < bytes)
        return plugin_fail(WHET_EUNSUPPORTED, "'%s' lies in memory of kind %d with %zu bytes, %zu are needed in that of the CPU", slot->name, kind, size, bytes);
    /* Host memory stays where it is; a run takes the lock itself, so that it must not be held. */
    status = litert_check(CALL(LockTensorBuffer)(s->buffer[o][i], &s->data[o][i], LRT_LOCK_READ_WRITE), slot->name, "");
    if (status == 0) status = litert_check(CALL(UnlockTensorBuffer)(s->buffer[o][i]), slot->name, "");
    if (status == 0) memset(s->data[o][i], 0, bytes);
    s->bytes[o][i] = bytes;
    return status;
}

static int begin(whet_backend_stream *s, whet_backend_model *m)
{
    s->m = m;
    int status = make_options(m, m->profiling ? "enable_profiling = true\n" : NULL, &s->options);
    if (status != 0) return status;
    const int code = CALL(CreateCompiledModel)(m->env, m->file, s->options, &s->compiled);
    if (code != 0) return explain(s, code);
    for (int o = 0; o < 2; o++) memcpy(s->io[o], m->ends.io[o], (size_t)m->ends.n[o] * sizeof *m->ends.io[o]);
    status = resize(s);
    for (int o = 0; o < 2; o++)
        for (int i = 0; i < m->ends.n[o] && status == 0; i++) status = make_buffer(s, o, i);
    return status;
}

int litert_run(whet_backend_stream *s)
{
    const int code = CALL(RunCompiledModel)(s->compiled, 0, (size_t)s->m->ends.n[0], s->buffer[0], (size_t)s->m->ends.n[1], s->buffer[1]);
    return code == 0 ? 0 : litert_check(code, "running the model", "");
}

static int io_map(whet_backend_stream *s, int output, int i, void **data, size_t *bytes, whet_backend_io *info)
{
    output = output != 0;
    if (plugin_end(&s->m->ends, output, i) == NULL) return WHET_ENOTFOUND;
    *data = s->data[output][i];
    *bytes = s->bytes[output][i];
    if (info != NULL) plugin_fill(info, &s->io[output][i]);
    return 0;
}

const plugin_parts plugin_self = {
    .table = {PLUGIN_MEMBERS, .name = "litert", .title = "LiteRT", .built_for = "2.3.0", .caps = caps, .close = close_model,
              .io_info = plugin_io_info, .set_shape = set_shape, .stream_free = stream_free, .io_map = io_map, .run = litert_run,
              .query = litert_query},
    .model_size = sizeof(whet_backend_model), .stream_size = sizeof(whet_backend_stream),
    .load = litert_load, .build = build, .begin = begin,
};
