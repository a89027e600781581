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

static int version(char *out, size_t cap)
{
    tf_load();
    if (tf_rt.version[0] == '\0') return tf_fail(WHET_EUNAVAILABLE, "%s", tf_rt.why);
    snprintf(out, cap, "%s", tf_rt.version);
    return 0;
}

static int available(char *reason, size_t cap)
{
    tf_load();
    if (tf_rt.usable) return 0;
    snprintf(reason, cap, "%s", tf_rt.why);
    return WHET_EUNAVAILABLE;
}

/* --- settings: a table of key and function */
static int number(const char *key, const char *v, int *out)
{
    char *end = NULL;
    const long n = strtol(v, &end, 10);
    if (end == v || *end != '\0' || n < 1 || n > 4096) return tf_fail(WHET_EINVAL, "'%s' is '%s', must be an integer from 1", key, v);
    *out = (int)n;
    return 0;
}

static int set_threads(whet_backend_model *m, const char *v) { return number("threads", v, &m->threads); }

/* A session takes any number of callers. */
static int set_streams(whet_backend_model *m, const char *v)
{
    int n = 0;
    (void)m;
    return number("streams", v, &n);
}

static int set_optimisation(whet_backend_model *m, const char *v)
{
    static const char *const names[] = {"off", "basic", "all"};
    for (int i = 0; i < 3; i++)
        if (strcmp(v, names[i]) == 0) {
            m->optimisation = i;
            return 0;
        }
    return tf_fail(WHET_EINVAL, "'optimisation' is '%s', must be off, basic or all", v);
}

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
    if (m->bf16 && !cpu_has_bf16()) return tf_fail(WHET_EUNSUPPORTED, "TensorFlow computes in bf16 only on a CPU with AVX512_BF16 or AMX");
    if (m->bf16 || strcmp(v, "default") == 0 || strcmp(v, "f32") == 0) return 0; /* the file's own types */
    return tf_fail(WHET_EUNSUPPORTED, "precision '%s' cannot be asked of TensorFlow's CPU device, only default, f32 and bf16", v);
}

static int set_denormals(whet_backend_model *m, const char *v)
{
    (void)m;
    if (strcmp(v, "zero") == 0) return 0;
    if (strcmp(v, "keep") != 0) return tf_fail(WHET_EINVAL, "'denormals' is '%s', must be keep or zero", v);
    return tf_fail(WHET_EUNSUPPORTED, "TensorFlow's threads always flush denormals to zero, they cannot be kept");
}

static int set_arena(whet_backend_model *m, const char *v)
{
    (void)m;
    if (strcmp(v, "on") == 0) return 0;
    if (strcmp(v, "off") != 0) return tf_fail(WHET_EINVAL, "'arena' is '%s', must be on or off", v);
    return tf_fail(WHET_EUNSUPPORTED, "how TensorFlow keeps memory cannot be set");
}

/* Both can be asked of any model. */
static int set_nothing(whet_backend_model *m, const char *v)
{
    (void)m;
    if (strcmp(v, "on") == 0 || strcmp(v, "off") == 0) return 0;
    return tf_fail(WHET_EINVAL, "the setting is '%s', must be on or off", v);
}

static const struct { const char *key; int (*set)(whet_backend_model *, const char *); } settings_table[] = {
    {"threads", set_threads},     {"streams", set_streams},     {"optimisation", set_optimisation},
    {"precision", set_precision}, {"denormals", set_denormals}, {"arena", set_arena},
    {"executed_graph", set_nothing}, {"profile", set_nothing}};

static int apply(whet_backend_model *m, const whet_backend_setting *s, int n)
{
    for (int i = 0; i < n; i++) {
        size_t k = 0, count = sizeof settings_table / sizeof settings_table[0];
        while (k < count && strcmp(settings_table[k].key, s[i].key) != 0) k++;
        if (k == count) return tf_fail(WHET_EUNSUPPORTED, "TensorFlow has no setting '%s'", s[i].key);
        const int status = settings_table[k].set(m, s[i].value);
        if (status != 0) return status;
    }
    return 0;
}

/* ConfigProto: one operator at a time, `threads` compute it; no GPU; pools of the session's own. */
static int configure(whet_backend_model *m)
{
    enum { DEVICE_COUNT = 1, INTRA = 2, INTER = 5, OWN_POOLS = 9, GRAPH = 10, OPTIMISER = 3, LEVEL = 3, REWRITE = 10, NO_REWRITE = 19, TO_BF16 = 31 };
    tf_bytes config = {.n = 0}, graph = {.n = 0}, part = {.n = 0};
    if (m->bf16 && m->optimisation < 2) return tf_fail(WHET_EUNSUPPORTED, "TensorFlow rewrites a graph to bf16 only with optimisation 'all'");
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
    tf_rt.api.SetConfig(m->options, config.data, config.n, m->status);
    return tf_check(m->status, WHET_ERUNTIME, "settings");
}

static int caps(char **json)
{
    tf_text t = {NULL, 0, 0, false};
    tf_put(&t, "{\"formats\":[\"saved_model\",\"tensorflow\"],\"dtypes\":[\"f32\",\"f64\",\"f16\",\"bf16\",\"s64\",\"s32\",\"s16\",\"s8\",\"u64\","
                 "\"u32\",\"u16\",\"u8\",\"bool\"],\"settings\":{\"threads\":\"integer >= 1\",\"streams\":\"integer >= 1\",\"optimisation\":[\"off\","
                 "\"basic\",\"all\"],\"precision\":[\"default\",\"f32\"%s],\"denormals\":[\"zero\"],\"arena\":[\"on\"]},\"queries\":[\"executed_graph\",\"profile\",\"threads\"]}", cpu_has_bf16() ? ",\"bf16\"" : "");
    return tf_give(&t, json);
}

/* --- models */
/* The library's element types as ONNX's codes; 0: none that can be mapped. */
static int onnx_type(int type)
{
    static const unsigned char codes[] = {0, 1, 11, 6, 2, 5, 3, 0, 0, 7, 9, 0, 0, 0, 16, 0, 0, 4, 0, 10, 0, 0, 12, 13};
    return type >= 0 && type < (int)sizeof codes ? codes[type] : 0;
}

static size_t element_size(int dtype)
{
    static const unsigned char sizes[] = {0, 4, 1, 1, 2, 2, 4, 8, 0, 1, 2, 8, 4, 8, 0, 0, 2};
    return sizes[dtype];
}

static int add_slot(whet_backend_model *m, int output, const char *name, tf_output at)
{
    if (m->n[output] == TF_MAX_IO) return tf_fail(WHET_EUNSUPPORTED, "the model has over %d %s", TF_MAX_IO, output ? "outputs" : "inputs");
    tf_slot *s = &m->io[output][m->n[output]];
    snprintf(s->name, sizeof s->name, "%s", name);
    s->at = at;
    s->type = tf_rt.api.OperationOutputType(at);
    s->dtype = onnx_type(s->type);
    if (s->dtype == 0) return tf_fail(WHET_EUNSUPPORTED, "'%s' has an element type that is not handled (code %d)", name, s->type);
    s->rank = tf_rt.api.GraphGetTensorNumDims(m->graph, at, m->status);
    if (s->rank > WHET_BACKEND_MAX_RANK) return tf_fail(WHET_EUNSUPPORTED, "'%s' has %d dimensions, at most 8 are possible", name, s->rank);
    if (s->rank < 0 && !output) return tf_fail(WHET_EUNSUPPORTED, "input '%s' has no fixed number of dimensions", name);
    if (s->rank > 0) tf_rt.api.GraphGetTensorShape(m->graph, at, s->file, s->rank, m->status);
    memcpy(s->dims, s->file, sizeof s->dims);
    m->n[output]++;
    return tf_check(m->status, WHET_ERUNTIME, name);
}

/* "serving_default_x:0" */
static int find_tensor(whet_backend_model *m, const tf_end *e, tf_output *at)
{
    char op[256];
    const char *colon = strrchr(e->tensor, ':');
    snprintf(op, sizeof op, "%.*s", colon != NULL ? (int)(colon - e->tensor) : (int)strlen(e->tensor), e->tensor);
    at->op = tf_rt.api.GraphOperationByName(m->graph, op);
    at->index = colon != NULL ? atoi(colon + 1) : 0;
    if (at->op == NULL || at->index < 0 || at->index >= tf_rt.api.OperationNumOutputs(at->op))
        return tf_fail(WHET_EFORMAT, "'%s' of the signature is no tensor of the graph ('%s')", e->name, e->tensor);
    return 0;
}

static int slots_of_signature(whet_backend_model *m, const tf_buffer *meta)
{
    tf_output at;
    int status = 0;
    tf_signature *s = calloc(1, sizeof *s);
    if (s == NULL) return tf_fail(WHET_ENOMEM, "out of memory");
    if (!tf_read_signature((tf_span){meta->data, meta->length}, s)) status = tf_fail(WHET_EUNSUPPORTED, "the SavedModel has no signature: export it for serving");
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
    int consumers = tf_rt.api.OperationNumControlOutputs(op);
    for (int k = 0; k < tf_rt.api.OperationNumOutputs(op); k++) consumers += tf_rt.api.OperationOutputNumConsumers((tf_output){op, k});
    return consumers > 0;
}

static int slots_of_graph(whet_backend_model *m)
{
    size_t position = 0;
    int status = 0;
    for (tf_operation *op = NULL; status == 0 && (op = tf_rt.api.GraphNextOperation(m->graph, &position)) != NULL;) {
        const char *type = tf_rt.api.OperationOpType(op);
        if (strcmp(type, "Placeholder") == 0 && used(op)) status = add_slot(m, 0, tf_rt.api.OperationName(op), (tf_output){op, 0});
        if (!gives_nothing(type) && !used(op) && tf_rt.api.OperationNumOutputs(op) > 0)
            status = add_slot(m, 1, tf_rt.api.OperationName(op), (tf_output){op, 0});
    }
    if (status == 0 && m->n[1] == 0) status = tf_fail(WHET_EFORMAT, "the graph has no output: no node that nothing else takes");
    return status;
}

static int read_saved_model(whet_backend_model *m, const char *path)
{
    static const char *const tags[] = {"serve"};
    tf_buffer *meta = tf_rt.api.NewBuffer();
    if (meta == NULL) return tf_fail(WHET_ENOMEM, "out of memory");
    m->session = tf_rt.api.LoadSessionFromSavedModel(m->options, NULL, path, tags, 1, m->graph, meta, m->status);
    int status = tf_check(m->status, WHET_EFORMAT, path);
    if (status == 0) status = slots_of_signature(m, meta);
    tf_rt.api.DeleteBuffer(meta);
    return status;
}

static int read_file(const char *path, void **data, size_t *size)
{
    FILE *f = fopen(path, "rb");
    long n = -1;
    *data = NULL;
    if (f == NULL) return tf_fail(errno == ENOENT ? WHET_ENOTFOUND : WHET_EIO, "'%s' cannot be read: %s", path, strerror(errno));
    if (fseek(f, 0, SEEK_END) == 0) n = ftell(f);
    if (n > 0) *data = malloc((size_t)n);
    rewind(f);
    *size = *data != NULL ? fread(*data, 1, (size_t)n, f) : 0;
    fclose(f);
    if (n > 0 && *size == (size_t)n) return 0;
    free(*data);
    *data = NULL;
    return n == 0 ? tf_fail(WHET_EFORMAT, "'%s' is empty", path) : tf_fail(WHET_EIO, "'%s' cannot be read", path);
}

static int read_frozen(whet_backend_model *m, const char *path)
{
    void *data = NULL;
    size_t size = 0;
    int status = read_file(path, &data, &size);
    if (status != 0) return status;
    const tf_buffer bytes = {data, size, NULL};
    tf_import_options *o = tf_rt.api.NewImportGraphDefOptions();
    tf_rt.api.GraphImportGraphDef(m->graph, &bytes, o, m->status);
    tf_rt.api.DeleteImportGraphDefOptions(o);
    free(data);
    status = tf_check(m->status, WHET_EFORMAT, path);
    if (status != 0 && (strlen(path) < 3 || strcmp(path + strlen(path) - 3, ".pb") != 0))
        return tf_fail(WHET_EUNSUPPORTED, "TensorFlow reads SavedModel folders and frozen graphs (.pb), '%s' is neither", path);
    if (status == 0) status = slots_of_graph(m);
    if (status != 0) return status;
    m->session = tf_rt.api.NewSession(m->graph, m->options, m->status);
    return tf_check(m->status, WHET_ERUNTIME, "session");
}

static void close_model(whet_backend_model *m)
{
    if (m == NULL) return;
    if (m->session != NULL) tf_rt.api.CloseSession(m->session, m->status);
    if (m->session != NULL) tf_rt.api.DeleteSession(m->session, m->status);
    if (m->options != NULL) tf_rt.api.DeleteSessionOptions(m->options);
    if (m->graph != NULL) tf_rt.api.DeleteGraph(m->graph);
    if (m->status != NULL) tf_rt.api.DeleteStatus(m->status);
    free(m->io[0]);
    free(m->io[1]);
    free(m);
}

static int build(whet_backend_model *m, const char *path, const whet_backend_setting *s, int n)
{
    struct stat st;
    m->optimisation = 2;
    m->status = tf_rt.api.NewStatus();
    m->options = tf_rt.api.NewSessionOptions();
    m->graph = tf_rt.api.NewGraph();
    for (int output = 0; output < 2; output++) m->io[output] = calloc(TF_MAX_IO, sizeof *m->io[output]);
    if (m->status == NULL || m->options == NULL || m->graph == NULL || m->io[0] == NULL || m->io[1] == NULL) return tf_fail(WHET_ENOMEM, "out of memory");
    int status = apply(m, s, n);
    if (status == 0) status = configure(m);
    if (status != 0) return status;
    if (stat(path, &st) != 0) return tf_fail(errno == ENOENT ? WHET_ENOTFOUND : WHET_EIO, "'%s' cannot be read: %s", path, strerror(errno));
    return S_ISDIR(st.st_mode) ? read_saved_model(m, path) : read_frozen(m, path);
}

static int open_model(whet_backend_model **out, const char *path, const whet_backend_setting *s, int n)
{
    *out = NULL;
    tf_load();
    if (!tf_rt.usable) return tf_fail(WHET_EUNAVAILABLE, "%s", tf_rt.why);
    whet_backend_model *m = calloc(1, sizeof *m);
    if (m == NULL) return tf_fail(WHET_ENOMEM, "out of memory");
    const int status = build(m, path, s, n);
    if (status != 0)
        close_model(m);
    else
        *out = m;
    return status;
}

static void fill_info(const tf_slot *s, whet_backend_io *info)
{
    memset(info, 0, sizeof *info);
    info->name = s->name;
    info->dtype = s->dtype;
    info->rank = s->rank > 0 ? s->rank : 0;
    memcpy(info->dims, s->dims, sizeof info->dims);
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
    if (i < 0 || i >= m->n[0]) return tf_fail(WHET_ENOTFOUND, "there is no input %d", i);
    tf_slot *s = &m->io[0][i];
    bool fits = rank == s->rank;
    for (int d = 0; fits && d < rank; d++) fits = dims[d] >= 0 && (s->file[d] < 0 || s->file[d] == dims[d]);
    if (!fits) return tf_fail(WHET_ESHAPE, "input '%s' of the model does not take this shape", s->name);
    memcpy(s->dims, dims, (size_t)rank * sizeof dims[0]);
    return 0;
}

/* --- streams */
static void stream_free(whet_backend_stream *s)
{
    if (s == NULL) return;
    for (int output = 0; output < 2; output++)
        for (int i = 0; i < s->m->n[output]; i++)
            if (s->value[output][i] != NULL) tf_rt.api.DeleteTensor(s->value[output][i]);
    if (s->status != NULL) tf_rt.api.DeleteStatus(s->status);
    if (s->m->last == s) s->m->last = NULL;
    free(s);
}

static int begin(whet_backend_stream *s)
{
    whet_backend_model *m = s->m;
    s->status = tf_rt.api.NewStatus();
    if (s->status == NULL) return tf_fail(WHET_ENOMEM, "out of memory");
    for (int output = 0; output < 2; output++)
        for (int i = 0; i < m->n[output]; i++) s->at[output][i] = m->io[output][i].at;
    for (int i = 0; i < m->n[0]; i++) {
        const tf_slot *in = &m->io[0][i];
        size_t bytes = element_size(in->dtype);
        for (int d = 0; d < in->rank; d++) {
            if (in->dims[d] < 0) return tf_fail(WHET_ESHAPE, "dimension %d of input '%s' is free: set its shape first", d, in->name);
            if (in->dims[d] > 0 && bytes > SIZE_MAX / (size_t)in->dims[d]) return tf_fail(WHET_ENOMEM, "input '%s' is too large", in->name);
            bytes *= (size_t)in->dims[d];
        }
        s->value[0][i] = tf_rt.api.AllocateTensor(in->type, in->dims, in->rank, bytes);
        if (s->value[0][i] == NULL) return tf_fail(WHET_ENOMEM, "no memory for input '%s'", in->name);
    }
    return 0;
}

static int stream_create(whet_backend_model *m, whet_backend_stream **out)
{
    *out = NULL;
    whet_backend_stream *s = calloc(1, sizeof *s);
    if (s == NULL) return tf_fail(WHET_ENOMEM, "out of memory");
    s->m = m;
    const int status = begin(s);
    if (status != 0)
        stream_free(s);
    else
        *out = m->last = s;
    return status;
}

/* The caller decides what runs next and computes too: inter_op_thread_pool (field 3 of RunOptions) is -1. */
static int run(whet_backend_stream *s)
{
    static const unsigned char in_caller[] = {3 << 3, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1};
    const tf_buffer options = {in_caller, sizeof in_caller, NULL};
    whet_backend_model *m = s->m;
    for (int i = 0; i < m->n[1]; i++) {
        if (s->value[1][i] != NULL) tf_rt.api.DeleteTensor(s->value[1][i]);
        s->value[1][i] = NULL;
    }
    tf_rt.api.SessionRun(m->session, &options, s->at[0], s->value[0], m->n[0], s->at[1], s->value[1], m->n[1], NULL, 0, NULL, s->status);
    return tf_check(s->status, WHET_ERUNTIME, "run");
}

static int io_map(whet_backend_stream *s, int output, int i, void **data, size_t *bytes, whet_backend_io *info)
{
    output = output != 0;
    if (i < 0 || i >= s->m->n[output]) return tf_fail(WHET_ENOTFOUND, "there is no %s %d", output ? "output" : "input", i);
    const tf_slot *at = &s->m->io[output][i];
    const tf_tensor *t = s->value[output][i];
    if (t == NULL) return tf_fail(WHET_EINVAL, "output '%s' does not exist before the first run", at->name);
    fill_info(at, info);
    info->dtype = onnx_type(tf_rt.api.TensorType(t));
    info->rank = tf_rt.api.NumDims(t);
    if (info->dtype == 0 || info->rank > WHET_BACKEND_MAX_RANK) return tf_fail(WHET_EUNSUPPORTED, "'%s' has a type or rank that cannot be mapped", at->name);
    for (int d = 0; d < info->rank; d++) info->dims[d] = tf_rt.api.Dim(t, d);
    *data = tf_rt.api.TensorData(t);
    *bytes = tf_rt.api.TensorByteSize(t);
    return 0;
}

static int io_unmap(whet_backend_stream *s, int output, int i)
{
    (void)s;
    (void)output;
    (void)i;
    return 0; /* memory of the CPU is always reachable */
}

static const whet_backend table = {
    .abi = WHET_BACKEND_ABI,
    .size = sizeof(whet_backend),
    .name = "tensorflow",
    .title = "TensorFlow",
    .built_for = tf_built_for,
    .version = version,
    .available = available,
    .caps = caps,
    .open = open_model,
    .close = close_model,
    .io_info = io_info,
    .set_shape = set_shape,
    .stream_create = stream_create,
    .stream_free = stream_free,
    .io_map = io_map,
    .io_unmap = io_unmap,
    .run = run,
    .query = tf_query,
};

__attribute__((visibility("default"))) const whet_backend *whet_backend_entry(const whet_backend_host *h);
const whet_backend *whet_backend_entry(const whet_backend_host *h)
{
    if (h->size < sizeof(whet_backend_host)) return NULL;
    tf_host = h;
    return &table;
}
