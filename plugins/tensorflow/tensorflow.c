/* SPDX-License-Identifier: Apache-2.0 */
/* TensorFlow as a backend, by its C interface: SavedModel folders and frozen graphs.
 *
 * A SavedModel says in its serving signature what goes in and comes out; in a frozen graph that is its placeholders and the
 * nodes that nothing takes. Inputs are tensors of the runtime that keep their place; every run makes new outputs. Each model
 * has thread pools of its own. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "tf_plugin.h"

/* --- settings: a table of key and function */
static int set_threads(whet_backend_model *m, const char *v) { return plugin_count("threads", v, &m->threads); }

/* A session takes any number of callers. */
static int set_streams(whet_backend_model *m, const char *v)
{
    int n = 0;
    (void)m;
    return plugin_count("streams", v, &n);
}

static int set_optimisation(whet_backend_model *m, const char *v) { return plugin_level(v, &m->optimisation); }

/* Elsewhere the rewriting to bf16 silently does nothing. */
static bool cpu_has_bf16(void)
{
    char line[8192];
    bool has = false;
    FILE *f = fopen("/proc/cpuinfo", "r");
    while (f != NULL && !has && fgets(line, sizeof line, f) != NULL) has = strstr(line, " avx512_bf16") != NULL || strstr(line, " amx_bf16") != NULL;
    if (f != NULL) fclose(f);
    return has;
}

static int set_precision(whet_backend_model *m, const char *v)
{
    m->bf16 = strcmp(v, "bf16") == 0;
    if (m->bf16 && !cpu_has_bf16()) return plugin_fail(WHET_EUNSUPPORTED, "TensorFlow computes in bf16 only on a CPU with AVX512_BF16 or AMX");
    if (m->bf16 || strcmp(v, "default") == 0 || strcmp(v, "f32") == 0) return 0; /* the file's own types */
    return plugin_fail(WHET_EUNSUPPORTED, "precision '%s' cannot be asked of TensorFlow's CPU device, only default, f32 and bf16", v);
}

static int set_denormals(whet_backend_model *m, const char *v)
{
    bool keep = false;
    (void)m;
    const int status = plugin_choice("denormals", v, "keep", "zero", &keep);
    return status != 0 || !keep ? status : plugin_fail(WHET_EUNSUPPORTED, "TensorFlow's threads always flush denormals to zero, they cannot be kept");
}

static int set_arena(whet_backend_model *m, const char *v)
{
    bool on = false;
    (void)m;
    const int status = plugin_choice("arena", v, "on", "off", &on);
    return status != 0 || on ? status : plugin_fail(WHET_EUNSUPPORTED, "how TensorFlow keeps memory cannot be set");
}

static const plugin_setting settings[] = {
    {"threads", set_threads},     {"streams", set_streams}, {"optimisation", set_optimisation},    {"precision", set_precision},
    {"denormals", set_denormals}, {"arena", set_arena},     {"executed_graph", plugin_any_model}, {"profile", plugin_any_model}};

/* ConfigProto: one operator at a time, `threads` compute it; no GPU; pools of the session's own. */
static int configure(whet_backend_model *m)
{
    enum { DEVICE_COUNT = 1, INTRA = 2, INTER = 5, OWN_POOLS = 9, GRAPH = 10, OPTIMISER = 3, LEVEL = 3, REWRITE = 10, NO_REWRITE = 19, TO_BF16 = 31 };
    tf_bytes config = {.n = 0}, graph = {.n = 0}, part = {.n = 0};
    if (m->bf16 && m->optimisation < 2) return plugin_fail(WHET_EUNSUPPORTED, "TensorFlow rewrites a graph to bf16 only with optimisation 'all'");
    tf_put_bytes(&part, 1, "GPU", 3);
    tf_put_int(&part, 2, 0);
    tf_put_bytes(&config, DEVICE_COUNT, part.data, part.n);
    if (m->threads > 0) tf_put_int(&config, INTRA, m->threads);
    tf_put_int(&config, INTER, 1);
    tf_put_int(&config, OWN_POOLS, 1);
    part.n = 0;
    tf_put_int(&part, LEVEL, m->optimisation == 0 ? -1 : 0); /* none; common subexpressions and constants */
    tf_put_bytes(&graph, OPTIMISER, part.data, part.n);
    part.n = 0;
    if (m->optimisation < 2) tf_put_int(&part, NO_REWRITE, 1); /* fusing, layouts and the rest */
    if (m->bf16) tf_put_int(&part, TO_BF16, 1);
    tf_put_bytes(&graph, REWRITE, part.data, part.n);
    tf_put_bytes(&config, GRAPH, graph.data, graph.n);
    tf_rt.SetConfig(m->options, config.data, config.n, m->status);
    return tf_check(m->status, WHET_ERUNTIME, "settings");
}

static int caps(char **json)
{
    plugin_text t = {0};
    plugin_put(&t, "{\"formats\":[\"saved_model\",\"tensorflow\"],\"dtypes\":[\"f32\",\"f64\",\"f16\",\"bf16\",\"s64\",\"s32\",\"s16\",\"s8\",\"u64\","
                 "\"u32\",\"u16\",\"u8\",\"bool\"],\"settings\":{\"threads\":\"integer >= 1\",\"streams\":\"integer >= 1\",\"optimisation\":[\"off\","
                 "\"basic\",\"all\"],\"precision\":[\"default\",\"f32\"%s],\"denormals\":[\"zero\"],\"arena\":[\"on\"]},\"queries\":[\"executed_graph\",\"profile\",\"threads\"]}", cpu_has_bf16() ? ",\"bf16\"" : "");
    return plugin_give(&t, json);
}

/* --- models */
/* The library's element types as ONNX's codes; 0: none that can be mapped. */
static int onnx_type(int type)
{
    static const unsigned char codes[] = {0, 1, 11, 6, 2, 5, 3, 0, 0, 7, 9, 0, 0, 0, 16, 0, 0, 4, 0, 10, 0, 0, 12, 13};
    return type >= 0 && type < (int)sizeof codes ? codes[type] : 0;
}

static int add_slot(whet_backend_model *m, int output, const char *name, tf_output at)
{
    if (m->ends.n[output] == TF_MAX_IO) return plugin_fail(WHET_EUNSUPPORTED, "the model has over %d %s", TF_MAX_IO, output ? "outputs" : "inputs");
    plugin_slot *s = &m->ends.io[output][m->ends.n[output]];
    snprintf(s->name, sizeof s->name, "%s", name);
    m->at[output][m->ends.n[output]] = at;
    s->type = tf_rt.OperationOutputType(at);
    s->dtype = onnx_type(s->type);
    if (s->dtype == 0) return plugin_fail(WHET_EUNSUPPORTED, "'%s' has an element type that is not handled (code %d)", name, s->type);
    s->rank = tf_rt.GraphGetTensorNumDims(m->graph, at, m->status);
    if (s->rank > WHET_BACKEND_MAX_RANK) return plugin_fail(WHET_EUNSUPPORTED, "'%s' has %d dimensions, at most 8 are possible", name, s->rank);
    if (s->rank < 0 && !output) return plugin_fail(WHET_EUNSUPPORTED, "input '%s' has no fixed number of dimensions", name);
    if (s->rank > 0) tf_rt.GraphGetTensorShape(m->graph, at, s->file, s->rank, m->status);
    memcpy(s->dims, s->file, sizeof s->dims);
    m->ends.n[output]++;
    return tf_check(m->status, WHET_ERUNTIME, name);
}

/* "serving_default_x:0" */
static int find_tensor(whet_backend_model *m, const tf_end *e, tf_output *at)
{
    char op[256];
    const char *colon = strrchr(e->tensor, ':');
    snprintf(op, sizeof op, "%.*s", colon != NULL ? (int)(colon - e->tensor) : (int)strlen(e->tensor), e->tensor);
    at->op = tf_rt.GraphOperationByName(m->graph, op);
    at->index = colon != NULL ? atoi(colon + 1) : 0;
    if (at->op == NULL || at->index < 0 || at->index >= tf_rt.OperationNumOutputs(at->op))
        return plugin_fail(WHET_EFORMAT, "'%s' of the signature is no tensor of the graph ('%s')", e->name, e->tensor);
    return 0;
}

static int slots_of_signature(whet_backend_model *m, const tf_buffer *meta)
{
    tf_output at;
    int status = 0;
    tf_signature *s = calloc(1, sizeof *s);
    if (s == NULL) return plugin_no_memory();
    if (!tf_read_signature((tf_span){meta->data, meta->length}, s)) status = plugin_fail(WHET_EUNSUPPORTED, "the SavedModel has no signature: export it for serving");
    for (int output = 0; output < 2; output++)
        for (int i = 0; i < s->n[output] && status == 0; i++) {
            status = find_tensor(m, &s->end[output][i], &at);
            if (status == 0) status = add_slot(m, output, s->end[output][i].name, at);
        }
    free(s);
    return status;
}

static bool gives_nothing(const char *type)
{
    static const char *const none[] = {"NoOp", "Const", "Placeholder", "PlaceholderWithDefault", "Assert", "SaveV2", "MergeV2Checkpoints", "VarHandleOp"};
    for (size_t i = 0; i < sizeof none / sizeof none[0]; i++)
        if (strcmp(type, none[i]) == 0) return true;
    return false;
}

static bool used(tf_operation *op)
{
    int consumers = tf_rt.OperationNumControlOutputs(op);
    for (int k = 0; k < tf_rt.OperationNumOutputs(op); k++) consumers += tf_rt.OperationOutputNumConsumers((tf_output){op, k});
    return consumers > 0;
}

static int slots_of_graph(whet_backend_model *m)
{
    size_t position = 0;
    int status = 0;
    for (tf_operation *op = NULL; status == 0 && (op = tf_rt.GraphNextOperation(m->graph, &position)) != NULL;) {
        const char *type = tf_rt.OperationOpType(op);
        if (strcmp(type, "Placeholder") == 0 && used(op)) status = add_slot(m, 0, tf_rt.OperationName(op), (tf_output){op, 0});
        if (!gives_nothing(type) && !used(op) && tf_rt.OperationNumOutputs(op) > 0)
            status = add_slot(m, 1, tf_rt.OperationName(op), (tf_output){op, 0});
    }
    if (status == 0 && m->ends.n[1] == 0) status = plugin_fail(WHET_EFORMAT, "the graph has no output: no node that nothing else takes");
    return status;
}

static int read_saved_model(whet_backend_model *m, const char *path)
{
    static const char *const tags[] = {"serve"};
    tf_buffer *meta = tf_rt.NewBuffer();
    if (meta == NULL) return plugin_no_memory();
    m->session = tf_rt.LoadSessionFromSavedModel(m->options, NULL, path, tags, 1, m->graph, meta, m->status);
    int status = tf_check(m->status, WHET_EFORMAT, path);
    if (status == 0) status = slots_of_signature(m, meta);
    tf_rt.DeleteBuffer(meta);
    return status;
}

static int read_frozen(whet_backend_model *m, const char *path)
{
    size_t size = 0;
    unsigned char *data = plugin_file_read(path, &size);
    if (data == NULL) return plugin_fail(WHET_EIO, "'%s' cannot be read: %s", path, strerror(errno));
    if (size == 0) {
        free(data);
        return plugin_fail(WHET_EFORMAT, "'%s' is empty", path);
    }
    const tf_buffer bytes = {data, size, NULL};
    tf_import_options *o = tf_rt.NewImportGraphDefOptions();
    tf_rt.GraphImportGraphDef(m->graph, &bytes, o, m->status);
    tf_rt.DeleteImportGraphDefOptions(o);
    free(data);
    int status = tf_check(m->status, WHET_EFORMAT, path);
    if (status != 0 && (strlen(path) < 3 || strcmp(path + strlen(path) - 3, ".pb") != 0))
        return plugin_fail(WHET_EUNSUPPORTED, "TensorFlow reads SavedModel folders and frozen graphs (.pb), '%s' is neither", path);
    if (status == 0) status = slots_of_graph(m);
    if (status != 0) return status;
    m->session = tf_rt.NewSession(m->graph, m->options, m->status);
    return tf_check(m->status, WHET_ERUNTIME, "session");
}

static void close_model(whet_backend_model *m)
{
    if (m == NULL) return;
    if (m->session != NULL) tf_rt.CloseSession(m->session, m->status);
    if (m->session != NULL) tf_rt.DeleteSession(m->session, m->status);
    if (m->options != NULL) tf_rt.DeleteSessionOptions(m->options);
    if (m->graph != NULL) tf_rt.DeleteGraph(m->graph);
    if (m->status != NULL) tf_rt.DeleteStatus(m->status);
    plugin_ends_free(&m->ends);
    free(m);
}

static int build(whet_backend_model *m, const char *path, const whet_backend_setting *s, int n)
{
    struct stat st;
    m->optimisation = 2;
    m->status = tf_rt.NewStatus();
    m->options = tf_rt.NewSessionOptions();
    m->graph = tf_rt.NewGraph();
    for (int output = 0; output < 2; output++) m->ends.io[output] = calloc(TF_MAX_IO, sizeof *m->ends.io[output]);
    if (m->status == NULL || m->options == NULL || m->graph == NULL || m->ends.io[0] == NULL || m->ends.io[1] == NULL) return plugin_no_memory();
    int status = plugin_apply(m, settings, PLUGIN_COUNT(settings), s, n);
    if (status == 0) status = configure(m);
    if (status != 0) return status;
    if (stat(path, &st) != 0) return plugin_fail(errno == ENOENT ? WHET_ENOTFOUND : WHET_EIO, "'%s' cannot be read: %s", path, strerror(errno));
    return S_ISDIR(st.st_mode) ? read_saved_model(m, path) : read_frozen(m, path);
}

/* --- streams */
static void stream_free(whet_backend_stream *s)
{
    if (s == NULL) return;
    for (int output = 0; output < 2; output++)
        for (int i = 0; i < s->m->ends.n[output]; i++)
            if (s->value[output][i] != NULL) tf_rt.DeleteTensor(s->value[output][i]);
    if (s->status != NULL) tf_rt.DeleteStatus(s->status);
    if (s->m->last == s) s->m->last = NULL;
    free(s);
}

static int begin(whet_backend_stream *s, whet_backend_model *m)
{
    s->m = m;
    s->status = tf_rt.NewStatus();
    if (s->status == NULL) return plugin_no_memory();
    for (int i = 0; i < m->ends.n[0]; i++) {
        const plugin_slot *in = &m->ends.io[0][i];
        size_t bytes = plugin_element_size(in->dtype);
        const int status = plugin_is_fixed(in);
        if (status != 0) return status;
        for (int d = 0; d < in->rank; d++) {
            if (in->dims[d] > 0 && bytes > SIZE_MAX / (size_t)in->dims[d]) return plugin_fail(WHET_ENOMEM, "input '%s' is too large", in->name);
            bytes *= (size_t)in->dims[d];
        }
        s->value[0][i] = tf_rt.AllocateTensor(in->type, in->dims, in->rank, bytes);
        if (s->value[0][i] == NULL) return plugin_fail(WHET_ENOMEM, "no memory for input '%s'", in->name);
    }
    m->last = s;
    return 0;
}

/* The caller decides what runs next and computes too: inter_op_thread_pool (field 3 of RunOptions) is -1. */
static int run(whet_backend_stream *s)
{
    static const unsigned char in_caller[] = {3 << 3, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1};
    const tf_buffer options = {in_caller, sizeof in_caller, NULL};
    whet_backend_model *m = s->m;
    for (int i = 0; i < m->ends.n[1]; i++) {
        if (s->value[1][i] != NULL) tf_rt.DeleteTensor(s->value[1][i]);
        s->value[1][i] = NULL;
    }
    tf_rt.SessionRun(m->session, &options, m->at[0], s->value[0], m->ends.n[0], m->at[1], s->value[1], m->ends.n[1], NULL, 0, NULL, s->status);
    return tf_check(s->status, WHET_ERUNTIME, "run");
}

static int io_map(whet_backend_stream *s, int output, int i, void **data, size_t *bytes, whet_backend_io *info)
{
    const plugin_slot *at = plugin_end(&s->m->ends, output, i);
    if (at == NULL) return WHET_ENOTFOUND;
    const tf_tensor *t = s->value[output != 0][i];
    if (t == NULL) return plugin_fail(WHET_EINVAL, "output '%s' does not exist before the first run", at->name);
    plugin_fill(info, at);
    info->dtype = onnx_type(tf_rt.TensorType(t));
    info->rank = tf_rt.NumDims(t);
    if (info->dtype == 0 || info->rank > WHET_BACKEND_MAX_RANK) return plugin_fail(WHET_EUNSUPPORTED, "'%s' has a type or rank that cannot be mapped", at->name);
    for (int d = 0; d < info->rank; d++) info->dims[d] = tf_rt.Dim(t, d);
    *data = tf_rt.TensorData(t);
    *bytes = tf_rt.TensorByteSize(t);
    return 0;
}

const plugin_parts plugin_self = {
    .table = {PLUGIN_MEMBERS, .name = "tensorflow", .title = "TensorFlow", .built_for = "2.21.*", .caps = caps, .close = close_model,
              .io_info = plugin_io_info, .set_shape = plugin_set_shape, .stream_free = stream_free, .io_map = io_map, .run = run, .query = tf_query},
    .model_size = sizeof(whet_backend_model), .stream_size = sizeof(whet_backend_stream),
    .load = tf_load, .build = build, .begin = begin,
};
