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

#define CALL(name) litert_api()->name

/* --- what the plug-in is */
static int version(char *out, size_t cap)
{
    litert_api();
    if (litert_version()[0] == '\0') return litert_fail(WHET_EUNAVAILABLE, "%s", litert_why());
    snprintf(out, cap, "%s", litert_version());
    return 0;
}

static int available(char *reason, size_t cap)
{
    if (litert_api() != NULL) return 0;
    snprintf(reason, cap, "%s", litert_why());
    return WHET_EUNAVAILABLE;
}

static int caps(char **json)
{
    *json = litert_copy("{\"formats\":[\"tflite\"],\"dtypes\":[\"f32\",\"f64\",\"f16\",\"s64\",\"s32\",\"s16\",\"s8\",\"u64\",\"u32\",\"u16\","
                        "\"u8\",\"bool\"],\"settings\":{\"threads\":\"integer >= 1\",\"streams\":\"integer >= 1\","
                        "\"optimisation\":[\"off\",\"basic\",\"all\"],\"precision\":[\"default\",\"f32\",\"f16\"],\"denormals\":[\"zero\"],"
                        "\"arena\":[\"on\"]},\"queries\":[\"executed_graph\",\"profile\",\"precision\",\"threads\"]}");
    return *json != NULL ? 0 : WHET_ENOMEM;
}

/* --- settings: a table of key and function */
static int positive(const char *key, const char *v, int *out)
{
    char *end = NULL;
    const long n = strtol(v, &end, 10);
    if (*v == '\0' || *end != '\0' || n < 1 || n > 1024)
        return litert_fail(WHET_EINVAL, "'%s' is '%s', must be an integer from 1 to 1024", key, v);
    *out = (int)n;
    return 0;
}

static int set_threads(whet_backend_model *m, const char *v) { return positive("threads", v, &m->threads); }
static int set_streams(whet_backend_model *m, const char *v) { return positive("streams", v, &m->streams); }

static int set_optimisation(whet_backend_model *m, const char *v)
{
    static const struct { const char *name; lrt_kernels kernels; } levels[] = {
        {"all", LRT_DELEGATE}, {"basic", LRT_BUILTIN}, {"off", LRT_REFERENCE}};
    for (size_t i = 0; i < sizeof levels / sizeof levels[0]; i++) {
        if (strcmp(levels[i].name, v) != 0) continue;
        m->kernels = levels[i].kernels;
        return 0;
    }
    return litert_fail(WHET_EINVAL, "'optimisation' is '%s', must be off, basic or all", v);
}

static int set_precision(whet_backend_model *m, const char *v)
{
    m->half = strcmp(v, "f16") == 0;
    if (m->half || strcmp(v, "f32") == 0 || strcmp(v, "default") == 0) return 0;
    return litert_fail(WHET_EUNSUPPORTED, "precision '%s' cannot be asked of LiteRT on a CPU: it has default, f32 and f16, or convert the file", v);
}

static int set_denormals(whet_backend_model *m, const char *v)
{
    (void)m;
    if (strcmp(v, "zero") == 0) return 0;
    if (strcmp(v, "keep") != 0) return litert_fail(WHET_EINVAL, "'denormals' is '%s', must be keep or zero", v);
    return litert_fail(WHET_EUNSUPPORTED, "LiteRT's XNNPACK flushes denormals in any case: 'denormals' must be zero");
}

static int set_arena(whet_backend_model *m, const char *v)
{
    (void)m;
    if (strcmp(v, "on") == 0) return 0;
    if (strcmp(v, "off") != 0) return litert_fail(WHET_EINVAL, "'arena' is '%s', must be on or off", v);
    return litert_fail(WHET_EUNSUPPORTED, "LiteRT always plans one arena: 'arena' must be on");
}

static const struct { const char *key; int (*set)(whet_backend_model *, const char *); } settings_table[] = {
    {"threads", set_threads},     {"streams", set_streams},     {"optimisation", set_optimisation},
    {"precision", set_precision}, {"denormals", set_denormals}, {"arena", set_arena}};

static int apply(whet_backend_model *m, const whet_backend_setting *s, int n)
{
    for (int i = 0; i < n; i++) {
        size_t k = 0, count = sizeof settings_table / sizeof settings_table[0];
        while (k < count && strcmp(settings_table[k].key, s[i].key) != 0) k++;
        if (k == count) return litert_fail(WHET_EUNSUPPORTED, "LiteRT has no setting '%s'", s[i].key);
        const int status = settings_table[k].set(m, s[i].value);
        if (status != 0) return status;
    }
    if (m->half && m->kernels != LRT_DELEGATE)
        return litert_fail(WHET_EUNSUPPORTED, "precision 'f16' is a matter of LiteRT's XNNPACK: 'optimisation' must be all");
    if (m->threads < m->streams)
        return litert_fail(WHET_EINVAL, "%d streams need as many threads, there are %d", m->streams, m->threads);
    return 0;
}

/* --- models */
/* LiteRT's element types as ONNX's; 0: none that can be mapped. */
static int onnx_type(int element)
{
    static const unsigned char codes[] = {0, 1, 6, 2, 7, 0, 9, 5, 0, 3, 10, 11, 0, 13, 0, 0, 12, 4, 0, 16};
    return element > 0 && element < (int)sizeof codes ? codes[element] : 0;
}

size_t litert_element_size(int element)
{
    static const unsigned char sizes[] = {0, 4, 1, 1, 2, 2, 4, 8, 0, 1, 2, 8, 4, 8, 0, 0, 2};
    return sizes[onnx_type(element)];
}

static int read_slot(lrt_tensor *t, lrt_slot *s)
{
    const char *name = NULL;
    int kind = 0;
    lrt_type type;
    lrt_per_tensor q = {0, 0};
    int status = litert_check(CALL(GetTensorName)(t, &name), "tensor name", "");
    if (status != 0) return status;
    if (strlen(name) >= sizeof s->name) return litert_fail(WHET_EUNSUPPORTED, "a tensor name has over 255 bytes");
    snprintf(s->name, sizeof s->name, "%s", name);
    status = litert_check(CALL(GetTensorTypeId)(t, &kind), s->name, "");
    if (status != 0) return status;
    if (kind != LRT_RANKED) return litert_fail(WHET_EUNSUPPORTED, "'%s' has no rank", s->name);
    memset(&type, 0, sizeof type);
    status = litert_check(CALL(GetRankedTensorType)(t, &type), s->name, "");
    if (status != 0) return status;
    s->element = type.element;
    s->dtype = onnx_type(type.element);
    if (s->dtype == 0) return litert_fail(WHET_EUNSUPPORTED, "'%s' has an element type that cannot be mapped (code %d)", s->name, type.element);
    if (type.layout.rank > LRT_MAX_RANK) return litert_fail(WHET_EUNSUPPORTED, "'%s' has %u dimensions, at most 8 are possible", s->name, type.layout.rank);
    s->rank = (int)type.layout.rank;
    for (int d = 0; d < s->rank; d++) s->dims[d] = type.layout.dims[d] >= 0 ? type.layout.dims[d] : -1;
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
        if (n[o] > LRT_MAX_IO) return litert_fail(WHET_EUNSUPPORTED, "the model has %zu inputs or outputs, at most %d are possible", n[o], LRT_MAX_IO);
        m->io[o] = calloc(n[o] + 1, sizeof *m->io[o]);
        if (m->io[o] == NULL) return litert_fail(WHET_ENOMEM, "out of memory");
        m->n[o] = (int)n[o];
        for (size_t i = 0; i < n[o] && status == 0; i++) {
            status = litert_check(o ? CALL(GetSubgraphOutput)(m->graph, i, &t) : CALL(GetSubgraphInput)(m->graph, i, &t), "a tensor", "");
            if (status == 0) status = read_slot(t, &m->io[o][i]);
        }
    }
    return status;
}

static void close_model(whet_backend_model *m)
{
    if (m == NULL) return;
    if (m->file != NULL) CALL(DestroyModel)(m->file);
    if (m->env != NULL) CALL(DestroyEnvironment)(m->env);
    free(m->io[0]);
    free(m->io[1]);
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
    if (status == 0 && n == 0) status = litert_fail(WHET_EFORMAT, "the file has no graph");
    if (status == 0) status = litert_check(CALL(GetModelSignature)(m->file, 0, &signature), "signature", "");
    if (status == 0) status = litert_check(CALL(GetSignatureSubgraph)(signature, &m->graph), "signature", "");
    return status == 0 ? read_slots(m) : status;
}

static int open_model(whet_backend_model **out, const char *path, const whet_backend_setting *s, int n)
{
    *out = NULL;
    if (litert_api() == NULL) return litert_fail(WHET_EUNAVAILABLE, "%s", litert_why());
    whet_backend_model *m = calloc(1, sizeof *m);
    if (m == NULL) return litert_fail(WHET_ENOMEM, "out of memory");
    m->threads = m->streams = 1;
    int status = apply(m, s, n);
    if (status == 0) status = make_environment(m);
    if (status == 0) status = read_file(m, path);
    if (status != 0)
        close_model(m);
    else
        *out = m;
    return status;
}

static void fill_info(const lrt_slot *s, whet_backend_io *info)
{
    memset(info, 0, sizeof *info);
    info->name = s->name;
    info->dtype = s->dtype;
    info->rank = s->rank;
    memcpy(info->dims, s->dims, sizeof info->dims);
    info->scale = s->scale;
    info->zero_point = s->zero_point;
    info->layout = "";
}

static int io_info(whet_backend_model *m, int output, int i, whet_backend_io *info)
{
    output = output != 0;
    if (i < 0 || i >= m->n[output]) return WHET_ENOTFOUND;
    fill_info(&m->io[output][i], info);
    return 0;
}

static int set_shape(whet_backend_model *m, int i, int rank, const int64_t *dims)
{
    if (i < 0 || i >= m->n[0]) return litert_fail(WHET_ENOTFOUND, "there is no input %d", i);
    lrt_slot *s = &m->io[0][i];
    bool fits = rank == s->rank;
    for (int d = 0; fits && d < rank; d++) fits = dims[d] >= 0 && dims[d] <= INT32_MAX && (s->dims[d] < 0 || s->dims[d] == dims[d]);
    if (!fits) return litert_fail(WHET_ESHAPE, "input '%s' of the model does not take this shape", s->name);
    for (int d = 0; d < rank; d++) {
        s->resized |= s->dims[d] < 0;
        s->dims[d] = dims[d];
    }
    return 0;
}

/* --- streams */
void litert_stream_free(whet_backend_stream *s)
{
    if (s == NULL) return;
    for (int o = 0; o < 2; o++)
        for (int i = 0; i < s->m->n[o]; i++)
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
    if (payload == NULL) return litert_fail(WHET_ENOMEM, "out of memory");
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
    for (int i = 0; i < m->n[0] && status == 0; i++) {
        const lrt_slot *in = &m->io[0][i];
        for (int d = 0; d < in->rank; d++) {
            if (in->dims[d] < 0) return litert_fail(WHET_ESHAPE, "dimension %d of input '%s' is free: set its shape first", d, in->name);
            dims[d] = (int)in->dims[d];
        }
        any |= in->resized;
        if (in->resized) status = litert_check(CALL(CompiledModelResizeInputTensor)(s->compiled, 0, (size_t)i, dims, (size_t)in->rank), in->name, "");
    }
    memset(layouts, 0, sizeof layouts);
    if (status == 0) status = litert_check(CALL(GetCompiledModelOutputTensorLayouts)(s->compiled, 0, (size_t)m->n[1], layouts, any), "shapes of the outputs", "");
    for (int i = 0; i < m->n[1] && status == 0; i++) {
        lrt_slot *out = &s->io[1][i];
        out->rank = (int)layouts[i].rank;
        if (layouts[i].rank > LRT_MAX_RANK) return litert_fail(WHET_EUNSUPPORTED, "output '%s' has over 8 dimensions", out->name);
        for (int d = 0; d < out->rank; d++) {
            out->dims[d] = layouts[i].dims[d];
            if (out->dims[d] < 0) return litert_fail(WHET_EUNSUPPORTED, "the shape of output '%s' is known only after a run", out->name);
        }
    }
    return status;
}

static int make_buffer(whet_backend_stream *s, int o, int i)
{
    lrt_slot *slot = &s->io[o][i];
    lrt_requirements *need = NULL;
    lrt_type type;
    size_t size = 0, bytes = litert_element_size(slot->element);
    int kind = 0;
    memset(&type, 0, sizeof type);
    type.element = slot->element;
    type.layout.rank = (unsigned)slot->rank & 0x7f;
    for (int d = 0; d < slot->rank; d++) {
        type.layout.dims[d] = (int32_t)slot->dims[d];
        if (__builtin_mul_overflow(bytes, (size_t)slot->dims[d], &bytes)) return litert_fail(WHET_ESHAPE, "'%s' is too large", slot->name);
    }
    int status = litert_check(o ? CALL(GetCompiledModelOutputBufferRequirements)(s->compiled, 0, (size_t)i, &need)
                                : CALL(GetCompiledModelInputBufferRequirements)(s->compiled, 0, (size_t)i, &need), slot->name, "");
    if (status == 0) status = litert_check(CALL(CreateManagedTensorBufferFromRequirements)(s->m->env, &type, need, &s->buffer[o][i]), slot->name, "");
    if (status == 0) status = litert_check(CALL(GetTensorBufferType)(s->buffer[o][i], &kind), slot->name, "");
    if (status == 0) status = litert_check(CALL(GetTensorBufferSize)(s->buffer[o][i], &size), slot->name, "");
    if (status != 0) return status;
    if (kind != LRT_HOST_MEMORY || size < bytes)
        return litert_fail(WHET_EUNSUPPORTED, "'%s' lies in memory of kind %d with %zu bytes, %zu are needed in that of the CPU", slot->name, kind, size, bytes);
    /* Host memory stays where it is; a run takes the lock itself, so that it must not be held. */
    status = litert_check(CALL(LockTensorBuffer)(s->buffer[o][i], &s->data[o][i], LRT_LOCK_READ_WRITE), slot->name, "");
    if (status == 0) status = litert_check(CALL(UnlockTensorBuffer)(s->buffer[o][i]), slot->name, "");
    if (status == 0) memset(s->data[o][i], 0, bytes);
    s->bytes[o][i] = bytes;
    return status;
}

static int build(whet_backend_stream *s, const char *extra)
{
    whet_backend_model *m = s->m;
    int status = make_options(m, extra, &s->options);
    if (status != 0) return status;
    const int code = CALL(CreateCompiledModel)(m->env, m->file, s->options, &s->compiled);
    if (code != 0) return explain(s, code);
    for (int o = 0; o < 2; o++) memcpy(s->io[o], m->io[o], (size_t)m->n[o] * sizeof *m->io[o]);
    status = resize(s);
    for (int o = 0; o < 2; o++)
        for (int i = 0; i < m->n[o] && status == 0; i++) status = make_buffer(s, o, i);
    return status;
}

int litert_stream_create(whet_backend_model *m, const char *extra, whet_backend_stream **out)
{
    *out = NULL;
    whet_backend_stream *s = calloc(1, sizeof *s);
    if (s == NULL) return litert_fail(WHET_ENOMEM, "out of memory");
    s->m = m;
    const int status = build(s, extra);
    if (status != 0)
        litert_stream_free(s);
    else
        *out = s;
    return status;
}

static int stream_create(whet_backend_model *m, whet_backend_stream **out) { return litert_stream_create(m, NULL, out); }

int litert_run(whet_backend_stream *s)
{
    const int code = CALL(RunCompiledModel)(s->compiled, 0, (size_t)s->m->n[0], s->buffer[0], (size_t)s->m->n[1], s->buffer[1]);
    return code == 0 ? 0 : litert_check(code, "running the model", "");
}

static int io_map(whet_backend_stream *s, int output, int i, void **data, size_t *bytes, whet_backend_io *info)
{
    output = output != 0;
    if (i < 0 || i >= s->m->n[output]) return litert_fail(WHET_ENOTFOUND, "there is no %s %d", output ? "output" : "input", i);
    *data = s->data[output][i];
    *bytes = s->bytes[output][i];
    if (info != NULL) fill_info(&s->io[output][i], info);
    return 0;
}

static int io_unmap(whet_backend_stream *s, int output, int i)
{
    (void)s;
    (void)output;
    (void)i;
    return 0; /* host memory is always reachable */
}

static const whet_backend table = {
    .abi = WHET_BACKEND_ABI,
    .size = sizeof(whet_backend),
    .name = "litert",
    .title = "LiteRT",
    .built_for = litert_built_for,
    .version = version,
    .available = available,
    .caps = caps,
    .open = open_model,
    .close = close_model,
    .io_info = io_info,
    .set_shape = set_shape,
    .stream_create = stream_create,
    .stream_free = litert_stream_free,
    .io_map = io_map,
    .io_unmap = io_unmap,
    .run = litert_run,
    .query = litert_query,
};

__attribute__((visibility("default"))) const whet_backend *whet_backend_entry(const whet_backend_host *h);
const whet_backend *whet_backend_entry(const whet_backend_host *h)
{
    if (h->size < sizeof(whet_backend_host)) return NULL;
    litert_set_host(h);
    return &table;
}
