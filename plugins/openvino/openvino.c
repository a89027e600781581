/* SPDX-License-Identifier: Apache-2.0 */
/* OpenVINO as a backend: IR, ONNX, TFLite and TensorFlow's files on its CPU device.
 *
 * A file is read when it is opened and compiled when its first stream is made, because shapes are fixed in between; what was
 * read is given back then, and read again should the shapes change. A stream is an inference request, whose own tensors are
 * mapped: nothing is copied in the timed region. Threads, streams and precision are always set explicitly: left alone, the
 * library computes f32 files in bf16 where the CPU can. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ov_plugin.h"

static int caps(char **json)
{
    char text[800];
    const bool known = ov_rt.core != NULL; /* of another CPU all may be had */
    snprintf(text, sizeof text,
             "{\"by_name\":true,\"formats\":[\"openvino\",\"onnx\",\"tflite\",\"saved_model\",\"tensorflow\"],\"dtypes\":[\"f32\",\"f64\",\"f16\",\"bf16\",\"s64\",\"s32\",\"s16\",\"s8\",\"u64\","
             "\"u32\",\"u16\",\"u8\",\"bool\"],\"settings\":{\"threads\":\"integer >= 1\",\"streams\":\"integer >= 1\",\"optimisation\":[\"all\"],"
             "\"precision\":[\"default\",\"f32\"%s%s],\"denormals\":[\"keep\",\"zero\"],\"arena\":[\"on\"]},"
             "\"queries\":[\"executed_graph\",\"profile\",\"precision\",\"threads\"]}",
             !known || ov_can("BF16") ? ",\"bf16\"" : "", !known || ov_can("FP16") ? ",\"f16\"" : "");
    return plugin_tell(json, text);
}

/* --- settings: a table of key and function */
static int set_threads(whet_backend_model *m, const char *v) { return plugin_count("threads", v, &m->threads); }
static int set_streams(whet_backend_model *m, const char *v) { return plugin_count("streams", v, &m->streams); }

static int set_optimisation(whet_backend_model *m, const char *v)
{
    int level = 0;
    (void)m;
    const int status = plugin_level(v, &level);
    if (status != 0 || level == 2) return status;
    return plugin_fail(WHET_EUNSUPPORTED, "OpenVINO's graph optimisation cannot be set to '%s': it has no such switch, only 'all' is possible", v);
}

static int set_precision(whet_backend_model *m, const char *v)
{
    static const struct { const char *name, *hint, *needs; } rows[] = {
        {"default", "f32", "FP32"}, {"f32", "f32", "FP32"}, {"bf16", "bf16", "BF16"}, {"f16", "f16", "FP16"}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (strcmp(v, rows[i].name) != 0) continue;
        if (!ov_can(rows[i].needs)) return plugin_fail(WHET_EUNSUPPORTED, "OpenVINO does not compute in %s on this CPU (it has: %s)", v, ov_rt.capabilities);
        m->precision = rows[i].hint;
        return 0;
    }
    return plugin_fail(WHET_EUNSUPPORTED, "precision '%s' cannot be asked of OpenVINO, only default, f32, bf16 and f16: int8 comes with the file", v);
}

static int set_denormals(whet_backend_model *m, const char *v)
{
    bool keep = false;
    const int status = plugin_choice("denormals", v, "keep", "zero", &keep);
    m->denormals = keep ? "NO" : "YES";
    return status;
}

static int set_arena(whet_backend_model *m, const char *v)
{
    bool on = false;
    (void)m;
    const int status = plugin_choice("arena", v, "on", "off", &on);
    return status != 0 || on ? status : plugin_fail(WHET_EUNSUPPORTED, "OpenVINO's planned memory cannot be switched off");
}

static const plugin_setting settings[] = {
    {"threads", set_threads},     {"streams", set_streams}, {"optimisation", set_optimisation},    {"precision", set_precision},
    {"denormals", set_denormals}, {"arena", set_arena},     {"executed_graph", plugin_any_model}, {"profile", plugin_any_model}};

/* --- models */
/* The library's element types as ONNX's codes; 0: none that can be mapped. */
static int onnx_type(int type)
{
    static const unsigned char codes[] = {0, 9, 16, 10, 1, 11, 0, 3, 5, 6, 7, 0, 0, 0, 0, 0, 2, 4, 12, 13};
    return type >= 0 && type < (int)sizeof codes ? codes[type] : 0;
}

static int read_shape(const ov_port *port, plugin_slot *s)
{
    ov_partial_shape shape;
    int status = ov_check(ov_rt.api.port_get_partial_shape(port, &shape), WHET_ERUNTIME, s->name);
    if (status != 0) return status;
    const bool known = shape.rank.min == shape.rank.max;
    if (known && shape.rank.max > WHET_BACKEND_MAX_RANK)
        status = plugin_fail(WHET_EUNSUPPORTED, "'%s' has %lld dimensions, at most 8 are possible", s->name, (long long)shape.rank.max);
    s->rank = known && status == 0 ? (int)shape.rank.max : -1;
    for (int d = 0; d < s->rank; d++) s->dims[d] = s->file[d] = shape.dims[d].min == shape.dims[d].max ? shape.dims[d].min : -1;
    ov_rt.api.partial_shape_free(&shape);
    return status;
}

static int read_slot(const ov_port *port, int output, int i, plugin_slot *s)
{
    char *name = NULL;
    int type = 0;
    if (ov_rt.api.port_get_any_name(port, &name) != 0) name = NULL; /* IR files may leave tensors unnamed */
    if (name != NULL)
        snprintf(s->name, sizeof s->name, "%s", name);
    else
        snprintf(s->name, sizeof s->name, "%s%d", output ? "output" : "input", i);
    if (name != NULL) ov_rt.api.free(name);
    const int status = ov_check(ov_rt.api.port_get_element_type(port, &type), WHET_ERUNTIME, s->name);
    if (status != 0) return status;
    s->dtype = onnx_type(type);
    if (s->dtype == 0) return plugin_fail(WHET_EUNSUPPORTED, "'%s' has an element type that is not handled (code %d)", s->name, type);
    return read_shape(port, s);
}

static int read_slots(whet_backend_model *m, int output)
{
    size_t n = 0;
    int status = ov_check(output ? ov_rt.api.model_outputs_size(m->graph, &n) : ov_rt.api.model_inputs_size(m->graph, &n), WHET_ERUNTIME, m->path);
    if (status != 0) return status;
    status = plugin_ends_alloc(&m->ends, output, n, OV_MAX_IO);
    for (size_t i = 0; i < n && status == 0; i++) {
        ov_port *port = NULL;
        status = ov_check(output ? ov_rt.api.model_const_output_by_index(m->graph, i, &port) : ov_rt.api.model_const_input_by_index(m->graph, i, &port),
                          WHET_ERUNTIME, m->path);
        if (status == 0) status = read_slot(port, output, (int)i, &m->ends.io[output][i]);
        if (port != NULL) ov_rt.api.output_const_port_free(port);
        if (status == 0 && !output && m->ends.io[0][i].rank < 0)
            status = plugin_fail(WHET_EUNSUPPORTED, "input '%s' has no fixed number of dimensions", m->ends.io[0][i].name);
    }
    return status;
}

/* The library finds a reader by the file's ending and content. */
static bool is_read(const char *path)
{
    static const char *const endings[] = {".xml", ".onnx", ".tflite", ".pb"};
    struct stat st;
    if (stat(path, &st) == 0 && S_ISDIR(st.st_mode)) return true;
    for (size_t i = 0; i < sizeof endings / sizeof endings[0]; i++) {
        const size_t n = strlen(path), k = strlen(endings[i]);
        if (n > k && strcmp(path + n - k, endings[i]) == 0) return true;
    }
    return false;
}

static int read_graph(whet_backend_model *m)
{
    if (m->graph != NULL) return 0;
    if (!is_read(m->path))
        return plugin_fail(WHET_EUNSUPPORTED, "OpenVINO reads .xml, .onnx, .tflite and .pb files and SavedModel folders, '%s' is none of them", m->path);
    return ov_check(ov_rt.api.core_read_model(ov_rt.core, m->path, NULL, &m->graph), WHET_EFORMAT, "the file cannot be read");
}

static void close_model(whet_backend_model *m)
{
    if (m == NULL) return;
    if (m->compiled != NULL) ov_rt.api.compiled_model_free(m->compiled);
    if (m->graph != NULL) ov_rt.api.model_free(m->graph);
    plugin_ends_free(&m->ends);
    free(m->path);
    free(m);
}

static int build(whet_backend_model *m, const char *path, const whet_backend_setting *s, int n)
{
    m->path = strdup(path);
    m->precision = "f32";
    m->streams = 1;
    if (m->path == NULL) return plugin_no_memory();
    int status = plugin_apply(m, settings, PLUGIN_COUNT(settings), s, n);
    if (status != 0) return status;
    if (access(path, R_OK) != 0) return plugin_fail(errno == ENOENT ? WHET_ENOTFOUND : WHET_EIO, "'%s' cannot be read: %s", path, strerror(errno));
    status = read_graph(m);
    for (int output = 0; output < 2 && status == 0; output++) status = read_slots(m, output);
    return status;
}

/* Streams that are open keep the model as it was compiled. */
static int set_shape(whet_backend_model *m, int i, int rank, const int64_t *dims)
{
    int64_t before[WHET_BACKEND_MAX_RANK] = {0};
    if (i >= 0 && i < m->ends.n[0]) memcpy(before, m->ends.io[0][i].dims, sizeof before);
    const int status = plugin_set_shape(m, i, rank, dims);
    if (status != 0 || memcmp(before, m->ends.io[0][i].dims, sizeof before) == 0) return status;
    if (m->compiled != NULL) ov_rt.api.compiled_model_free(m->compiled);
    m->compiled = NULL;
    return 0;
}

/* --- compiling */
static int reshape(whet_backend_model *m)
{
    size_t index[OV_MAX_IO], n = 0;
    ov_partial_shape shape[OV_MAX_IO];
    int status = 0;
    for (int i = 0; i < m->ends.n[0] && status == 0; i++) {
        const plugin_slot *s = &m->ends.io[0][i];
        status = plugin_is_fixed(s);
        if (status != 0 || memcmp(s->dims, s->file, sizeof s->dims) == 0) continue;
        status = ov_check(ov_rt.api.partial_shape_create_static(s->rank, s->dims, &shape[n]), WHET_ERUNTIME, s->name);
        index[n] = (size_t)i;
        n += status == 0;
    }
    if (status == 0 && n > 0) status = ov_check(ov_rt.api.model_reshape_by_port_indexes(m->graph, index, shape, n), WHET_ESHAPE, "this shape");
    while (n > 0) ov_rt.api.partial_shape_free(&shape[--n]);
    return status;
}

static int compile_graph(const whet_backend_model *m, bool counting, ov_compiled **out)
{
    char threads[16], streams[16];
    ov_property p[8];
    size_t n = 0;
    snprintf(threads, sizeof threads, "%d", m->threads);
    snprintf(streams, sizeof streams, "%d", m->streams);
    p[n++] = (ov_property){"PERFORMANCE_HINT", m->streams > 1 ? "THROUGHPUT" : "LATENCY"};
    p[n++] = (ov_property){"NUM_STREAMS", streams};
    p[n++] = (ov_property){"INFERENCE_PRECISION_HINT", m->precision};
    p[n++] = (ov_property){"PERF_COUNT", counting ? "YES" : "NO"};
    if (counting) p[n++] = (ov_property){"CACHE_ENCRYPTION_CALLBACKS", &ov_listen};
    if (m->threads > 0) p[n++] = (ov_property){"INFERENCE_NUM_THREADS", threads};
    if (m->denormals != NULL) p[n++] = (ov_property){"CPU_DENORMALS_OPTIMIZATION", m->denormals};
    return ov_check(ov_rt.api.core_compile_model_props(ov_rt.core, m->graph, "CPU", n, p, out), WHET_ERUNTIME, "the model cannot be compiled");
}

int ov_compile(whet_backend_model *m, bool counting, ov_compiled **out)
{
    *out = NULL;
    int status = read_graph(m);
    if (status == 0) status = reshape(m);
    if (status == 0) status = compile_graph(m, counting, out);
    if (m->graph != NULL) ov_rt.api.model_free(m->graph); /* its weights would be counted as the compiled model's */
    m->graph = NULL;
    return status;
}

/* The shapes of the outputs are known once the inputs' are. */
static int read_outputs(whet_backend_model *m)
{
    int status = 0;
    for (int i = 0; i < m->ends.n[1] && status == 0; i++) {
        ov_port *port = NULL;
        status = ov_check(ov_rt.api.compiled_model_output_by_index(m->compiled, (size_t)i, &port), WHET_ERUNTIME, m->ends.io[1][i].name);
        if (status == 0) status = read_shape(port, &m->ends.io[1][i]);
        if (port != NULL) ov_rt.api.output_const_port_free(port);
    }
    return status;
}

/* --- streams */
static void stream_free(whet_backend_stream *s)
{
    if (s == NULL) return;
    for (int i = 0; i < s->m->ends.n[0]; i++)
        if (s->in[i] != NULL) ov_rt.api.tensor_free(s->in[i]);
    if (s->request != NULL) ov_rt.api.infer_request_free(s->request);
    if (s->m->last == s) s->m->last = NULL;
    free(s);
}

static int begin(whet_backend_stream *s, whet_backend_model *m)
{
    int status = 0;
    s->m = m;
    if (m->compiled == NULL) {
        status = ov_compile(m, false, &m->compiled);
        if (status == 0) status = read_outputs(m);
    }
    if (status == 0) status = ov_check(ov_rt.api.compiled_model_create_infer_request(m->compiled, &s->request), WHET_ERUNTIME, "a stream");
    for (int i = 0; i < m->ends.n[0] && status == 0; i++)
        status = ov_check(ov_rt.api.infer_request_get_input_tensor_by_index(s->request, (size_t)i, &s->in[i]), WHET_ERUNTIME, m->ends.io[0][i].name);
    if (status == 0) m->last = s;
    return status;
}

static int run(whet_backend_stream *s)
{
    return ov_check(ov_rt.api.infer_request_infer(s->request), WHET_ERUNTIME, "run");
}

static int describe(const ov_tensor *t, const plugin_slot *slot, void **data, size_t *bytes, whet_backend_io *info)
{
    ov_shape shape = {0, NULL};
    int status = ov_check(ov_rt.api.tensor_get_shape(t, &shape), WHET_ERUNTIME, slot->name);
    if (status != 0) return status;
    plugin_fill(info, slot);
    info->rank = (int)shape.rank;
    if (shape.rank > WHET_BACKEND_MAX_RANK) status = plugin_fail(WHET_EUNSUPPORTED, "'%s' has over 8 dimensions", slot->name);
    for (int d = 0; d < info->rank && status == 0; d++) info->dims[d] = shape.dims[d];
    ov_rt.api.shape_free(&shape);
    if (status == 0) status = ov_check(ov_rt.api.tensor_get_byte_size(t, bytes), WHET_ERUNTIME, slot->name);
    return status != 0 ? status : ov_check(ov_rt.api.tensor_data(t, data), WHET_ERUNTIME, slot->name);
}

/* The memory is the request's: the handle of an output can be given back at once. */
static int io_map(whet_backend_stream *s, int output, int i, void **data, size_t *bytes, whet_backend_io *info)
{
    ov_tensor *t = NULL;
    const plugin_slot *slot = plugin_end(&s->m->ends, output, i);
    if (slot == NULL) return WHET_ENOTFOUND;
    if (!output) return describe(s->in[i], slot, data, bytes, info);
    int status = ov_check(ov_rt.api.infer_request_get_output_tensor_by_index(s->request, (size_t)i, &t), WHET_ERUNTIME, slot->name);
    if (status == 0) status = describe(t, slot, data, bytes, info);
    if (t != NULL) ov_rt.api.tensor_free(t);
    return status;
}

const plugin_parts plugin_self = {
    .table = {PLUGIN_MEMBERS, .name = "openvino", .title = "OpenVINO", .built_for = "2026.4.*", .caps = caps, .close = close_model,
              .io_info = plugin_io_info, .set_shape = set_shape, .stream_free = stream_free, .io_map = io_map, .run = run, .query = ov_query},
    .model_size = sizeof(whet_backend_model), .stream_size = sizeof(whet_backend_stream),
    .load = ov_load, .build = build, .begin = begin,
};
