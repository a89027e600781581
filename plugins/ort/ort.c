/* SPDX-License-Identifier: Apache-2.0 */
/* ONNX Runtime as a backend. The library is opened by name when it is first needed, its version compared with what the
 * plug-in was written for, and everything goes through the C ABI declared in ort_abi.h.
 *
 * A stream owns one tensor per input, made by the runtime's own allocator, and an I/O binding. The first run lets the
 * runtime make the outputs; from then on the same tensors are bound again, so that a run allocates nothing for them. */
#include <dirent.h>
#include <dlfcn.h>
#include <fnmatch.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ort_abi.h"
#include "ort_onnx.h"
#include "whet/status.h"
#include "whet/sys/backend.h"

enum { MAX_IO = 1024, MAX_TEXT = 512 };
static const char built_for[] = "1.30.* 1.31.*";

static const whet_backend_host *host; /* set once, when the plug-in is entered */
static struct { /* loaded at most once in a process */
    void *library;
    const ort_api *api;
    char version[64];
    char why[MAX_TEXT]; /* not empty: loading failed, for this reason */
} rt;

typedef struct slot { char name[256]; int dtype, rank; int64_t dims[WHET_BACKEND_MAX_RANK]; } slot;

struct whet_backend_model {
    ort_env *env;
    ort_options *options;
    ort_session *session;
    char *path;       /* of the file */
    char *graph_path; /* of the optimised model while the session is made; NULL unless asked for at open */
    uint8_t *saved;   /* its bytes: a process that is killed leaves no file behind */
    size_t saved_size;
    char *profile;    /* what the session's trace came to, as JSON; NULL: not asked for yet */
    bool profiling;   /* the session writes a trace */
    int threads, streams; /* threads of all streams together */
    int n[2];         /* inputs, outputs */
    slot *io[2];
};

struct whet_backend_stream {
    whet_backend_model *m;
    ort_binding *binding;
    ort_value *value[2][MAX_IO];
    bool bound; /* outputs are bound to value[1] */
};

static int fail(int status, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static int fail(int status, const char *fmt, ...)
{
    char text[MAX_TEXT * 2];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    host->set_error(status, text);
    return status;
}

/* Turns the runtime's status into ours; `what` was being done. Its code 7 is an unreadable protobuf, 3 a missing file, 9 and
 * 10 models it cannot run. */
static int check(ort_status *s, const char *what)
{
    static const int codes[] = {0, WHET_ERUNTIME, WHET_EINVAL, WHET_ENOTFOUND, WHET_EFORMAT, WHET_ERUNTIME, WHET_ERUNTIME,
                                WHET_EFORMAT, WHET_ERUNTIME, WHET_EUNSUPPORTED, WHET_EFORMAT, WHET_ERUNTIME};
    if (s == NULL) return 0;
    const int code = ORT(rt.api, GetErrorCode)(s);
    const int status = code > 0 && code < (int)(sizeof codes / sizeof codes[0]) ? codes[code] : WHET_ERUNTIME;
    fail(status, "ONNX Runtime: %s: %.700s", what, ORT(rt.api, GetErrorMessage)(s));
    ORT(rt.api, ReleaseStatus)(s);
    return status;
}
#define TRY(call, what)                                                                                               \
    do {                                                                                                              \
        int try_ = check((call), (what));                                                                             \
        if (try_ != 0) return try_;                                                                                   \
    } while (0)

/* --- the library */
static bool is_library(const char *name)
{
    return strncmp(name, "libonnxruntime.so.", 18) == 0;
}

/* The library's path: WHET_ORT_LIBRARY, else below the folder where `whet runtimes install ort` put it. */
static bool find_library(char *out, size_t cap)
{
    const char *given = getenv("WHET_ORT_LIBRARY"), *dir = host->runtime_dir("ort");
    bool found = false;
    if (given != NULL && given[0] != '\0') return snprintf(out, cap, "%s", given) < (int)cap;
    DIR *d = dir != NULL ? opendir(dir) : NULL;
    for (struct dirent *e = d != NULL ? readdir(d) : NULL; e != NULL; e = readdir(d))
        if (is_library(e->d_name)) found = snprintf(out, cap, "%s/%s", dir, e->d_name) < (int)cap;
    if (d != NULL) closedir(d);
    return found;
}

/* One of the blank-separated patterns fits. */
static bool is_built_for(const char *version)
{
    char one[32];
    for (const char *p = built_for; *p != '\0'; p += strcspn(p, " "), p += *p == ' ') {
        snprintf(one, sizeof one, "%.*s", (int)strcspn(p, " "), p);
        if (fnmatch(one, version, 0) == 0) return true;
    }
    return false;
}

static void load(void)
{
    char path[4096];
    if (rt.api != NULL || rt.why[0] != '\0') return;
    if (!find_library(path, sizeof path)) {
        snprintf(rt.why, sizeof rt.why, "ONNX Runtime is not installed: run `whet runtimes install ort`");
        return;
    }
    setenv("ORT_DISABLE_TELEMETRY", "1", 0); /* the wheels report each session to their maker: threads and traffic beside what is timed */
    rt.library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (rt.library == NULL) {
        snprintf(rt.why, sizeof rt.why, "'%.200s' cannot be loaded: %.200s", path, dlerror());
        return;
    }
    ort_get_api_base_fn entry = NULL;
    *(void **)&entry = dlsym(rt.library, "OrtGetApiBase");
    const ort_api_base *base = entry != NULL ? entry() : NULL;
    if (base == NULL) {
        snprintf(rt.why, sizeof rt.why, "'%.300s' exports no OrtGetApiBase: it is not ONNX Runtime", path);
        return;
    }
    snprintf(rt.version, sizeof rt.version, "%s", base->GetVersionString());
    if (!is_built_for(rt.version)) {
        snprintf(rt.why, sizeof rt.why, "version %s is installed, this plug-in was written for %s: run `whet runtimes install ort`",
                 rt.version, built_for);
        return;
    }
    rt.api = base->GetApi(ORT_API_VERSION_WANTED);
    if (rt.api == NULL)
        snprintf(rt.why, sizeof rt.why, "version %s has no C interface of version %d", rt.version, ORT_API_VERSION_WANTED);
}

static int version(char *out, size_t cap)
{
    load();
    if (rt.version[0] == '\0') return fail(WHET_EUNAVAILABLE, "%s", rt.why);
    snprintf(out, cap, "%s", rt.version);
    return 0;
}

static int available(char *reason, size_t cap)
{
    load();
    if (rt.api != NULL) return 0;
    snprintf(reason, cap, "%s", rt.why);
    return WHET_EUNAVAILABLE;
}

static char *copy(const char *text)
{
    char *p = host->alloc(strlen(text) + 1);
    if (p != NULL) strcpy(p, text);
    return p;
}

static int caps(char **json)
{
    *json = copy("{\"formats\":[\"onnx\"],\"dtypes\":[\"f32\",\"f64\",\"f16\",\"s64\",\"s32\",\"s16\",\"s8\",\"u64\",\"u32\",\"u16\","
                 "\"u8\",\"bool\"],\"settings\":{\"threads\":\"integer >= 1\",\"optimisation\":[\"off\",\"basic\",\"all\"],"
                 "\"precision\":[\"default\",\"f32\"],\"streams\":\"integer >= 1\",\"denormals\":[\"keep\",\"zero\"],\"arena\":[\"on\",\"off\"],"
                 "\"executed_graph\":[\"on\",\"off\"],\"profile\":[\"on\",\"off\"]}}");
    return *json != NULL ? 0 : WHET_ENOMEM;
}

/* --- settings: a table of key and function */
static int set_threads(whet_backend_model *m, const char *v)
{
    m->threads = atoi(v);
    if (m->threads < 1) return fail(WHET_EINVAL, "'threads' is '%s', must be an integer from 1", v);
    return 0;
}

static int set_streams(whet_backend_model *m, const char *v)
{
    m->streams = atoi(v);
    return m->streams >= 1 ? 0 : fail(WHET_EINVAL, "'streams' is '%s', must be an integer from 1", v);
}

/* A session's pool has one thread less than it is asked for, because the caller computes too. With several callers at once the
 * pool is smaller, so that callers and pool together are `threads`. */
static int apply_threads(whet_backend_model *m)
{
    if (m->threads < 1) return 0;
    const int n = m->threads - m->streams + 1;
    TRY(ORT(rt.api, SetIntraOpNumThreads)(m->options, n > 1 ? n : 1), "threads");
    return 0;
}

static int set_optimisation(whet_backend_model *m, const char *v)
{
    static const struct { const char *name; int level; } levels[] = {{"off", ORT_OPT_OFF}, {"basic", ORT_OPT_BASIC}, {"all", ORT_OPT_ALL}};
    for (size_t i = 0; i < sizeof levels / sizeof levels[0]; i++) {
        if (strcmp(levels[i].name, v) != 0) continue;
        TRY(ORT(rt.api, SetSessionGraphOptimizationLevel)(m->options, levels[i].level), "optimisation");
        return 0;
    }
    return fail(WHET_EINVAL, "'optimisation' is '%s', must be off, basic or all", v);
}

static int set_precision(whet_backend_model *m, const char *v)
{
    (void)m;
    if (strcmp(v, "f32") == 0 || strcmp(v, "default") == 0) return 0; /* the CPU provider runs the file's own types */
    return fail(WHET_EUNSUPPORTED, "precision '%s' cannot be asked of ONNX Runtime's CPU provider: convert the file instead", v);
}

static int set_denormals(whet_backend_model *m, const char *v)
{
    const bool zero = strcmp(v, "zero") == 0;
    if (!zero && strcmp(v, "keep") != 0) return fail(WHET_EINVAL, "'denormals' is '%s', must be keep or zero", v);
    TRY(ORT(rt.api, AddSessionConfigEntry)(m->options, "session.set_denormal_as_zero", zero ? "1" : "0"), "denormals");
    return 0;
}

static int set_arena(whet_backend_model *m, const char *v)
{
    const bool on = strcmp(v, "on") == 0;
    if (!on && strcmp(v, "off") != 0) return fail(WHET_EINVAL, "'arena' is '%s', must be on or off", v);
    TRY(on ? ORT(rt.api, EnableCpuMemArena)(m->options) : ORT(rt.api, DisableCpuMemArena)(m->options), "arena");
    return 0;
}

static int set_executed_graph(whet_backend_model *m, const char *v)
{
    char path[] = "/tmp/whet-ort-XXXXXX";
    if (strcmp(v, "on") != 0) return 0;
    const int fd = mkstemp(path);
    if (fd < 0) return fail(WHET_EIO, "no temporary file for the executed graph can be made in /tmp");
    close(fd);
    m->graph_path = strdup(path);
    if (m->graph_path == NULL) return fail(WHET_ENOMEM, "out of memory");
    TRY(ORT(rt.api, SetOptimizedModelFilePath)(m->options, path), "executed graph");
    return 0;
}

static int set_profile(whet_backend_model *m, const char *v)
{
    char prefix[64];
    if (strcmp(v, "on") != 0) return 0;
    snprintf(prefix, sizeof prefix, "/tmp/whet-ort-%ld", (long)getpid());
    TRY(ORT(rt.api, EnableProfiling)(m->options, prefix), "profile");
    m->profiling = true;
    return 0;
}

static const struct { const char *key; int (*set)(whet_backend_model *, const char *); } settings_table[] = {
    {"threads", set_threads},     {"streams", set_streams},           {"optimisation", set_optimisation}, {"precision", set_precision},
    {"denormals", set_denormals}, {"arena", set_arena},               {"executed_graph", set_executed_graph},
    {"profile", set_profile}};

static int apply(whet_backend_model *m, const whet_backend_setting *s, int n)
{
    for (int i = 0; i < n; i++) {
        size_t k = 0, count = sizeof settings_table / sizeof settings_table[0];
        while (k < count && strcmp(settings_table[k].key, s[i].key) != 0) k++;
        if (k == count) return fail(WHET_EUNSUPPORTED, "ONNX Runtime has no setting '%s'", s[i].key);
        const int status = settings_table[k].set(m, s[i].value);
        if (status != 0) return status;
    }
    return 0;
}

/* --- models */
static int read_tensor_info(const ort_tensor_info *t, slot *s)
{
    size_t rank = 0;
    TRY(ORT(rt.api, GetTensorElementType)(t, &s->dtype), "element type");
    TRY(ORT(rt.api, GetDimensionsCount)(t, &rank), "rank");
    if (rank > WHET_BACKEND_MAX_RANK) return fail(WHET_EUNSUPPORTED, "'%s' has %zu dimensions, at most 8 are possible", s->name, rank);
    s->rank = (int)rank;
    TRY(ORT(rt.api, GetDimensions)(t, s->dims, rank), "dimensions");
    return 0;
}

static int read_slot(whet_backend_model *m, int output, size_t i, slot *s)
{
    ort_allocator *a = NULL;
    ort_type_info *type = NULL;
    const ort_tensor_info *t = NULL;
    char *name = NULL;
    int kind = 0, status = 0;
    TRY(ORT(rt.api, GetAllocatorWithDefaultOptions)(&a), "allocator");
    TRY(output ? ORT(rt.api, SessionGetOutputName)(m->session, i, a, &name) : ORT(rt.api, SessionGetInputName)(m->session, i, a, &name),
        "tensor name");
    snprintf(s->name, sizeof s->name, "%s", name);
    if (strlen(name) >= sizeof s->name) status = fail(WHET_EUNSUPPORTED, "a tensor name has over 255 bytes");
    ort_status *freed = ORT(rt.api, AllocatorFree)(a, name);
    if (freed != NULL) ORT(rt.api, ReleaseStatus)(freed);
    if (status != 0) return status;
    TRY(output ? ORT(rt.api, SessionGetOutputTypeInfo)(m->session, i, &type) : ORT(rt.api, SessionGetInputTypeInfo)(m->session, i, &type),
        "tensor type");
    status = check(ORT(rt.api, GetOnnxTypeFromTypeInfo)(type, &kind), "tensor type");
    if (status == 0 && kind != ORT_TYPE_TENSOR) status = fail(WHET_EUNSUPPORTED, "'%s' is no dense tensor", s->name);
    if (status == 0) status = check(ORT(rt.api, CastTypeInfoToTensorInfo)(type, &t), "tensor type");
    if (status == 0) status = read_tensor_info(t, s);
    ORT(rt.api, ReleaseTypeInfo)(type);
    return status;
}

static int read_all_slots(whet_backend_model *m)
{
    size_t n[2] = {0, 0};
    TRY(ORT(rt.api, SessionGetInputCount)(m->session, &n[0]), "inputs");
    TRY(ORT(rt.api, SessionGetOutputCount)(m->session, &n[1]), "outputs");
    for (int o = 0; o < 2; o++) {
        if (n[o] > MAX_IO) return fail(WHET_EUNSUPPORTED, "the model has %zu inputs or outputs, at most %d are possible", n[o], MAX_IO);
        m->io[o] = calloc(n[o] + 1, sizeof *m->io[o]);
        if (m->io[o] == NULL) return fail(WHET_ENOMEM, "out of memory");
        m->n[o] = (int)n[o];
        for (int i = 0; i < m->n[o]; i++) {
            const int status = read_slot(m, o, (size_t)i, &m->io[o][i]);
            if (status != 0) return status;
        }
    }
    return 0;
}

/* Ends the session's trace: its text, heap, NULL if there is none. The file is removed. */
static char *end_trace(whet_backend_model *m)
{
    ort_allocator *a = NULL;
    char *path = NULL, *text = NULL;
    size_t n = 0;
    if (!m->profiling || m->session == NULL) return NULL;
    m->profiling = false;
    if (check(ORT(rt.api, GetAllocatorWithDefaultOptions)(&a), "allocator") != 0) return NULL;
    if (check(ORT(rt.api, SessionEndProfiling)(m->session, a, &path), "profile") != 0) return NULL;
    text = (char *)ort_file_read(path, &n);
    unlink(path);
    ort_status *freed = ORT(rt.api, AllocatorFree)(a, path);
    if (freed != NULL) ORT(rt.api, ReleaseStatus)(freed);
    return text;
}

static void close_model(whet_backend_model *m)
{
    if (m == NULL) return;
    free(end_trace(m));
    free(m->profile);
    free(m->path);
    if (m->session != NULL) ORT(rt.api, ReleaseSession)(m->session);
    if (m->options != NULL) ORT(rt.api, ReleaseSessionOptions)(m->options);
    if (m->env != NULL) ORT(rt.api, ReleaseEnv)(m->env);
    if (m->graph_path != NULL) unlink(m->graph_path);
    free(m->graph_path);
    free(m->saved);
    free(m->io[0]);
    free(m->io[1]);
    free(m);
}

static int build(whet_backend_model *m, const char *path, const whet_backend_setting *s, int n)
{
    TRY(ORT(rt.api, CreateEnv)(ORT_LOG_FATAL, "whet", &m->env), "environment");
    TRY(ORT(rt.api, CreateSessionOptions)(&m->options), "options");
    TRY(ORT(rt.api, SetSessionLogSeverityLevel)(m->options, ORT_LOG_FATAL), "options");
    TRY(ORT(rt.api, SetSessionExecutionMode)(m->options, ORT_SEQUENTIAL), "options");
    TRY(ORT(rt.api, SetInterOpNumThreads)(m->options, 1), "options");
    m->streams = 1;
    int status = apply(m, s, n);
    if (status == 0) status = apply_threads(m);
    if (status != 0) return status;
    TRY(ORT(rt.api, CreateSession)(m->env, path, m->options, &m->session), path);
    if (m->graph_path != NULL) {
        m->saved = ort_file_read(m->graph_path, &m->saved_size);
        unlink(m->graph_path);
    }
    return read_all_slots(m);
}

static int open_model(whet_backend_model **out, const char *path, const whet_backend_setting *s, int n)
{
    *out = NULL;
    load();
    if (rt.api == NULL) return fail(WHET_EUNAVAILABLE, "%s", rt.why);
    whet_backend_model *m = calloc(1, sizeof *m);
    if (m == NULL) return fail(WHET_ENOMEM, "out of memory");
    m->path = strdup(path);
    const int status = m->path != NULL ? build(m, path, s, n) : fail(WHET_ENOMEM, "out of memory");
    if (status != 0)
        close_model(m);
    else
        *out = m;
    return status;
}

static void fill_info(const slot *s, whet_backend_io *info)
{
    memset(info, 0, sizeof *info);
    info->name = s->name;
    info->dtype = s->dtype;
    info->rank = s->rank;
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
    if (i < 0 || i >= m->n[0]) return fail(WHET_ENOTFOUND, "there is no input %d", i);
    slot *s = &m->io[0][i];
    bool fits = rank == s->rank;
    for (int d = 0; fits && d < rank; d++) fits = dims[d] >= 0 && (s->dims[d] < 0 || s->dims[d] == dims[d]);
    if (!fits) return fail(WHET_ESHAPE, "input '%s' of the model does not take this shape", s->name);
    memcpy(s->dims, dims, (size_t)rank * sizeof dims[0]);
    return 0;
}

/* The session is made again, of the file's bytes with more outputs; external data is looked for where the file lies. */
static int tap(whet_backend_model *m, const char *const *names, int n)
{
    size_t size = 0, length = 0;
    const char *missing = NULL, *slash = strrchr(m->path, '/');
    char folder[4096];
    snprintf(folder, sizeof folder, "%.*s", slash != NULL ? (int)(slash - m->path + 1) : 2, slash != NULL ? m->path : "./");
    uint8_t *file = ort_file_read(m->path, &size);
    if (file == NULL) return fail(WHET_EIO, "'%s' cannot be read again", m->path);
    uint8_t *model = ort_onnx_with_outputs(file, size, names, n, &length, &missing);
    free(file);
    if (missing != NULL) return fail(WHET_ENOTFOUND, "the model has no tensor '%s'", missing);
    if (model == NULL) return fail(WHET_ENOMEM, "out of memory");
    free(end_trace(m));
    ORT(rt.api, ReleaseSession)(m->session);
    m->session = NULL;
    for (int o = 0; o < 2; o++) {
        free(m->io[o]);
        m->io[o] = NULL;
        m->n[o] = 0;
    }
    int status = check(ORT(rt.api, AddSessionConfigEntry)(m->options, "session.model_external_initializers_file_folder_path", folder), "tap");
    if (status == 0) status = check(ORT(rt.api, CreateSessionFromArray)(m->env, model, length, m->options, &m->session), "tap");
    free(model);
    return status == 0 ? read_all_slots(m) : status;
}

/* --- streams */
static void stream_free(whet_backend_stream *s)
{
    if (s == NULL) return;
    if (s->binding != NULL) ORT(rt.api, ReleaseIoBinding)(s->binding);
    for (int o = 0; o < 2; o++)
        for (int i = 0; i < s->m->n[o]; i++)
            if (s->value[o][i] != NULL) ORT(rt.api, ReleaseValue)(s->value[o][i]);
    free(s);
}

static int bind_all(whet_backend_stream *s)
{
    ort_allocator *a = NULL;
    ort_memory_info *cpu = NULL;
    int status = 0;
    TRY(ORT(rt.api, CreateIoBinding)(s->m->session, &s->binding), "binding");
    TRY(ORT(rt.api, GetAllocatorWithDefaultOptions)(&a), "allocator");
    for (int i = 0; i < s->m->n[0]; i++) {
        const slot *in = &s->m->io[0][i];
        for (int d = 0; d < in->rank; d++)
            if (in->dims[d] < 0) return fail(WHET_ESHAPE, "dimension %d of input '%s' is free: set its shape first", d, in->name);
        TRY(ORT(rt.api, CreateTensorAsOrtValue)(a, in->dims, (size_t)in->rank, in->dtype, &s->value[0][i]), in->name);
        TRY(ORT(rt.api, BindInput)(s->binding, in->name, s->value[0][i]), in->name);
    }
    TRY(ORT(rt.api, CreateCpuMemoryInfo)(ORT_ALLOCATOR_ARENA, ORT_MEMORY_DEFAULT, &cpu), "memory");
    for (int i = 0; i < s->m->n[1] && status == 0; i++)
        status = check(ORT(rt.api, BindOutputToDevice)(s->binding, s->m->io[1][i].name, cpu), s->m->io[1][i].name);
    ORT(rt.api, ReleaseMemoryInfo)(cpu);
    return status;
}

static int stream_create(whet_backend_model *m, whet_backend_stream **out)
{
    *out = NULL;
    whet_backend_stream *s = calloc(1, sizeof *s);
    if (s == NULL) return fail(WHET_ENOMEM, "out of memory");
    s->m = m;
    const int status = bind_all(s);
    if (status != 0)
        stream_free(s);
    else
        *out = s;
    return status;
}

/* Keeps the outputs of the first run and binds them for all later ones. */
static int keep_outputs(whet_backend_stream *s)
{
    ort_allocator *a = NULL;
    ort_value **values = NULL;
    size_t n = 0;
    TRY(ORT(rt.api, GetAllocatorWithDefaultOptions)(&a), "allocator");
    TRY(ORT(rt.api, GetBoundOutputValues)(s->binding, a, &values, &n), "outputs");
    for (size_t i = 0; i < n && i < (size_t)s->m->n[1]; i++) s->value[1][i] = values[i];
    ort_status *freed = ORT(rt.api, AllocatorFree)(a, values);
    if (freed != NULL) ORT(rt.api, ReleaseStatus)(freed);
    for (int i = 0; i < s->m->n[1]; i++) TRY(ORT(rt.api, BindOutput)(s->binding, s->m->io[1][i].name, s->value[1][i]), "outputs");
    s->bound = true;
    return 0;
}

static int run(whet_backend_stream *s)
{
    TRY(ORT(rt.api, RunWithBinding)(s->m->session, NULL, s->binding), "run");
    return s->bound ? 0 : keep_outputs(s);
}

/* Bytes of an element by ONNX's type code; 0: none that can be mapped. */
static size_t element_size(int dtype)
{
    static const unsigned char sizes[] = {0, 4, 1, 1, 2, 2, 4, 8, 0, 1, 2, 8, 4, 8, 8, 16, 2, 1, 1, 1, 1};
    return dtype > 0 && dtype < (int)sizeof sizes ? sizes[dtype] : 0;
}

static int io_map(whet_backend_stream *s, int output, int i, void **data, size_t *bytes, whet_backend_io *info)
{
    ort_tensor_info *t = NULL;
    slot now;
    output = output != 0;
    if (i < 0 || i >= s->m->n[output]) return fail(WHET_ENOTFOUND, "there is no %s %d", output ? "output" : "input", i);
    ort_value *v = s->value[output][i];
    if (v == NULL) return fail(WHET_EINVAL, "output '%s' does not exist before the first run", s->m->io[1][i].name);
    now = s->m->io[output][i];
    TRY(ORT(rt.api, GetTensorTypeAndShape)(v, &t), "shape");
    int status = read_tensor_info(t, &now);
    ORT(rt.api, ReleaseTensorTypeAndShapeInfo)(t);
    if (status != 0) return status;
    size_t size = element_size(now.dtype);
    if (size == 0) return fail(WHET_EUNSUPPORTED, "'%s' has an element type that cannot be mapped (code %d)", now.name, now.dtype);
    for (int d = 0; d < now.rank; d++) size *= (size_t)now.dims[d];
    TRY(ORT(rt.api, GetTensorMutableData)(v, data), "data");
    *bytes = size;
    fill_info(&now, info);
    info->name = s->m->io[output][i].name;
    return 0;
}

static int io_unmap(whet_backend_stream *s, int output, int i)
{
    (void)s;
    (void)output;
    (void)i;
    return 0; /* memory of the CPU is always reachable */
}

/* --- questions: a table of key and function; each gives a heap text, or NULL with an error set */
static char *tell_threads(whet_backend_model *m)
{
    char text[64];
    snprintf(text, sizeof text, "{\"intra_op\":%d,\"inter_op\":1}", m->threads);
    return strdup(text);
}

static char *tell_tensors(whet_backend_model *m)
{
    size_t n = 0;
    uint8_t *file = ort_file_read(m->path, &n);
    char *text = file != NULL ? ort_onnx_tensors(file, n) : NULL;
    free(file);
    return text;
}

static char *tell_graph(whet_backend_model *m)
{
    size_t n = 0;
    uint8_t *original = m->saved != NULL ? ort_file_read(m->path, &n) : NULL;
    char *text = original != NULL ? ort_onnx_nodes(m->saved, m->saved_size, original, n) : NULL;
    free(original);
    return text;
}

static char *tell_profile(whet_backend_model *m)
{
    char *trace = end_trace(m); /* once: no further run is traced */
    if (trace != NULL && m->profile == NULL) m->profile = ort_profile_nodes(trace);
    free(trace);
    return m->profile != NULL ? strdup(m->profile) : NULL;
}

static const struct { const char *key; char *(*tell)(whet_backend_model *); } questions[] = {
    {"threads", tell_threads}, {"tensors", tell_tensors}, {"executed_graph", tell_graph}, {"profile", tell_profile}};

static int query(whet_backend_model *m, const char *key, char **json)
{
    for (size_t i = 0; i < sizeof questions / sizeof questions[0]; i++) {
        if (strcmp(questions[i].key, key) != 0) continue;
        char *text = questions[i].tell(m);
        *json = text != NULL ? copy(text) : NULL;
        free(text);
        if (*json != NULL) return 0;
    }
    return fail(WHET_EUNSUPPORTED, "ONNX Runtime does not tell '%s'", key);
}

static const whet_backend table = {
    .abi = WHET_BACKEND_ABI,
    .size = sizeof(whet_backend),
    .name = "ort",
    .title = "ONNX Runtime",
    .built_for = built_for,
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
    .query = query,
    .tap = tap,
};

const whet_backend *whet_backend_entry(const whet_backend_host *h);
const whet_backend *whet_backend_entry(const whet_backend_host *h)
{
    if (h->size < sizeof(whet_backend_host)) return NULL;
    host = h;
    return &table;
}
