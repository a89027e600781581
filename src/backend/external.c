/* SPDX-License-Identifier: Apache-2.0 */
/* Any program as a runtime. `version` starts the program and asks what it is; `open` uses that same process, so that a slow
 * start is paid once. Each stream has a process of its own, because a program answers one request at a time. */
#include "backend/external.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/external_link.h"
#include "base/clock.h"
#include "base/mem.h"
#include "tensor/tensor.h"
#include "wire/json.h"

enum { PROTOCOL = 1, MAX_IO = 64, MAX_COMMAND = 4096, START_SECONDS = 120, OPEN_SECONDS = 300, RUN_SECONDS = 120, PINGS = 7 };
static const char prefix[] = "exec:";
static const size_t align = 64, most_memory = (size_t)4 << 30;

typedef struct slot {
    char name[256];
    whet_dtype dtype;
    int rank;
    int64_t dims[WHET_BACKEND_MAX_RANK];
    double scale;
    int32_t zero_point;
    size_t offset, bytes; /* in the shared memory */
} slot;

struct whet_backend_model {
    char *path;
    json_t *settings;
    whet_external *first; /* has opened the file; the first stream takes it */
    whet_external *asked; /* borrowed: of the last stream, for query */
    int n[2];
    slot *io[2];
};

struct whet_backend_stream {
    whet_backend_model *m;
    whet_external *e;
    uint8_t *memory;
    int n[2];
    slot *io[2];
};

/* What the process knows of its external command; guarded by `lock`, because models may be opened by several threads. */
static struct {
    pthread_mutex_t lock;
    char name[MAX_COMMAND + sizeof prefix], title[96], version[64];
    json_t *hello;
    whet_external *spare; /* started, has said hello */
    double round_trip;
    whet_backend table;
} ext = {.lock = PTHREAD_MUTEX_INITIALIZER};

bool whet_backend_is_external(const char *name) { return strncmp(name, prefix, sizeof prefix - 1) == 0; }

int whet_backend_external_processes(int *pids, int cap) { return whet_external_processes(pids, cap); }

double whet_backend_external_round_trip(void) { return ext.round_trip; }

/* Limits; WHET_EXEC_SECONDS is one for all. */
static double seconds(double usual)
{
    const char *given = getenv("WHET_EXEC_SECONDS");
    const double s = given != NULL ? atof(given) : 0;
    return s > 0 ? s : usual;
}

/* --- the program */
static whet_status check_hello(const json_t *hello)
{
    const json_t *protocol = json_object_get(hello, "protocol");
    if (!json_is_integer(protocol) || json_integer_value(protocol) != PROTOCOL)
        return WHET_FAIL(WHET_EUNAVAILABLE, "the external program does not speak protocol %d: see docs/exec-runtime.md", PROTOCOL);
    if (whet_json_str(hello, "name")[0] == '\0' || whet_json_str(hello, "version")[0] == '\0')
        return WHET_FAIL(WHET_EUNAVAILABLE, "the external program tells no name or no version: see docs/exec-runtime.md");
    return WHET_OK;
}

static whet_status start(whet_external **out, json_t **hello)
{
    whet_external *e = NULL;
    json_t *reply = NULL;
    whet_status status = WHET_OK;
    *out = NULL;
    WHET_GOTO(whet_external_start(&e, ext.name + sizeof prefix - 1));
    WHET_GOTO(whet_external_call(e, "hello", json_pack("{si}", "protocol", PROTOCOL), seconds(START_SECONDS), &reply));
    WHET_GOTO(check_hello(reply));
    *out = e;
    e = NULL;
    *hello = json_incref(reply);
done:
    json_decref(reply);
    whet_external_end(e);
    return status;
}

/* With the lock held: what the program is, from its first hello. */
static whet_status know(void)
{
    if (ext.hello != NULL) return WHET_OK;
    WHET_TRY(start(&ext.spare, &ext.hello));
    snprintf(ext.title, sizeof ext.title, "%s (external)", whet_json_str(ext.hello, "name"));
    snprintf(ext.version, sizeof ext.version, "%s", whet_json_str(ext.hello, "version"));
    return WHET_OK;
}

/* A process that has said hello and has nothing open. */
static whet_status take_process(whet_external **out)
{
    json_t *hello = NULL;
    pthread_mutex_lock(&ext.lock);
    whet_status status = know();
    *out = status == WHET_OK ? ext.spare : NULL;
    ext.spare = NULL;
    if (status == WHET_OK && *out == NULL) status = start(out, &hello);
    pthread_mutex_unlock(&ext.lock);
    json_decref(hello);
    return status;
}

static int version(char *out, size_t cap)
{
    pthread_mutex_lock(&ext.lock);
    const whet_status status = know();
    if (status == WHET_OK) snprintf(out, cap, "%s", ext.version);
    pthread_mutex_unlock(&ext.lock);
    return status;
}

static int available(char *reason, size_t cap)
{
    char v[64];
    if (version(v, sizeof v) == WHET_OK) return WHET_OK;
    snprintf(reason, cap, "%s", whet_error_last()->text);
    return WHET_EUNAVAILABLE;
}

static void copy_list(json_t *to, const char *key, json_t *usual)
{
    json_t *v = json_object_get(ext.hello, key);
    if (v != NULL) json_object_set(to, key, v);
    else json_object_set(to, key, usual);
    json_decref(usual);
}

static int caps(char **json)
{
    json_t *o = json_object();
    char v[64];
    *json = NULL;
    whet_status status = version(v, sizeof v);
    if (status == WHET_OK) {
        copy_list(o, "formats", json_array());
        copy_list(o, "dtypes", json_array());
        copy_list(o, "settings", json_object());
        copy_list(o, "queries", json_array());
        json_object_set_new(o, "external", json_true());
        *json = whet_json_text(o, 0);
        if (*json == NULL) status = WHET_ENOMEM;
    }
    json_decref(o);
    return status;
}

/* --- settings: what the program lists is held against its list; what it does not list must be as usual */
static bool listed(const json_t *allowed, const char *value)
{
    const json_t *v = NULL;
    size_t i = 0;
    json_array_foreach(allowed, i, v)
        if (json_is_string(v) && strcmp(json_string_value(v), value) == 0) return true;
    return !json_is_array(allowed); /* "integer >= 1" and the like are the program's to judge */
}

static whet_status check_setting(const whet_backend_setting *s)
{
    static const struct { const char *key, *value; } usual[] = {
        {"optimisation", "all"}, {"precision", "default"}, {"denormals", "zero"}, {"arena", "on"}};
    const json_t *allowed = json_object_get(json_object_get(ext.hello, "settings"), s->key);
    if (allowed != NULL && listed(allowed, s->value)) return WHET_OK;
    if (allowed != NULL) return WHET_FAIL(WHET_EUNSUPPORTED, "the external program does not take %s=%s", s->key, s->value);
    if (strcmp(s->key, "threads") == 0) return WHET_OK; /* in OMP_NUM_THREADS too, and checked by the CPU time that it takes */
    for (size_t i = 0; i < WHET_COUNT(usual); i++)
        if (strcmp(usual[i].key, s->key) == 0 && strcmp(usual[i].value, s->value) == 0) return WHET_OK;
    return WHET_FAIL(WHET_EUNSUPPORTED, "the external program does not say that it honours %s=%s", s->key, s->value);
}

static whet_status positive(const whet_backend_setting *s, int *out)
{
    char *end = NULL;
    const long v = strtol(s->value, &end, 10);
    if (end == s->value || *end != '\0' || v < 1 || v > 1024)
        return WHET_FAIL(WHET_EINVAL, "'%s' is '%s', must be an integer from 1 to 1024", s->key, s->value);
    *out = (int)v;
    return WHET_OK;
}

/* Streams are programs of their own, which share the threads; the program itself knows nothing of them. */
static whet_status take_settings(whet_backend_model *m, const whet_backend_setting *s, int n)
{
    int threads = 1, streams = 1;
    char text[16];
    m->settings = json_object();
    for (int i = 0; i < n; i++) {
        if (strcmp(s[i].key, "streams") == 0) {
            WHET_TRY(positive(&s[i], &streams));
            continue;
        }
        if (strcmp(s[i].key, "threads") == 0) WHET_TRY(positive(&s[i], &threads));
        WHET_TRY(check_setting(&s[i]));
        json_object_set_new(m->settings, s[i].key, json_string(s[i].value));
    }
    if (threads < streams) return WHET_FAIL(WHET_EINVAL, "%d streams need as many threads, there are %d", streams, threads);
    snprintf(text, sizeof text, "%d", threads / streams);
    json_object_set_new(m->settings, "threads", json_string(text));
    return WHET_OK;
}

/* --- inputs and outputs */
static whet_status read_dims(const json_t *o, slot *s, bool may_be_free)
{
    const json_t *dims = json_object_get(o, "dims"), *d = NULL;
    size_t i = 0;
    if (!json_is_array(dims) || json_array_size(dims) > WHET_BACKEND_MAX_RANK)
        return WHET_FAIL(WHET_ESHAPE, "external program: '%s' has no list of at most 8 dimensions", s->name);
    s->rank = (int)json_array_size(dims);
    json_array_foreach(dims, i, d) {
        s->dims[i] = json_is_integer(d) ? json_integer_value(d) : -2;
        if (s->dims[i] < (may_be_free ? -1 : 0) || s->dims[i] > INT32_MAX)
            return WHET_FAIL(WHET_ESHAPE, "external program: dimension %zu of '%s' is %s", i, s->name,
                             json_is_integer(d) ? (may_be_free ? "out of range" : "free or out of range") : "no integer");
    }
    return WHET_OK;
}

static whet_status read_slot(const json_t *o, int output, size_t i, bool may_be_free, slot *s)
{
    const char *name = whet_json_str(o, "name"), *type = whet_json_str(o, "dtype");
    if (strlen(name) >= sizeof s->name) return WHET_FAIL(WHET_EFORMAT, "external program: a tensor name has over 255 bytes");
    if (name[0] != '\0')
        snprintf(s->name, sizeof s->name, "%s", name);
    else
        snprintf(s->name, sizeof s->name, "%s%zu", output ? "output" : "input", i);
    s->dtype = whet_dtype_parse(type);
    if (s->dtype == WHET_DTYPE_NONE || whet_dtype_size(s->dtype) == 0)
        return WHET_FAIL(WHET_EUNSUPPORTED, "external program: '%s' has the element type '%s'; f32, u8, s8, s64 and the like are known", s->name, type);
    s->scale = whet_json_real(o, "scale");
    s->zero_point = (int32_t)json_integer_value(json_object_get(o, "zero_point"));
    return read_dims(o, s, may_be_free);
}

/* The list "inputs" or "outputs" of a reply. */
static whet_status read_slots(const json_t *reply, int output, bool may_be_free, int *n, slot **out)
{
    const char *key = output ? "outputs" : "inputs";
    const json_t *list = json_object_get(reply, key);
    if (!json_is_array(list) || json_array_size(list) > MAX_IO)
        return WHET_FAIL(WHET_EFORMAT, "external program: the reply has no list '%s' of at most %d tensors", key, MAX_IO);
    *n = (int)json_array_size(list);
    *out = whet_calloc((size_t)*n + 1, sizeof **out);
    if (*out == NULL) return WHET_ENOMEM;
    for (int i = 0; i < *n; i++) WHET_TRY(read_slot(json_array_get(list, (size_t)i), output, (size_t)i, may_be_free, &(*out)[i]));
    return WHET_OK;
}

/* --- models */
static whet_status open_in(whet_external *e, const whet_backend_model *m, json_t **reply)
{
    return whet_external_call(e, "open", json_pack("{ss, sO}", "path", m->path, "settings", m->settings), seconds(OPEN_SECONDS), reply);
}

static void close_model(whet_backend_model *m)
{
    if (m == NULL) return;
    whet_external_end(m->first);
    json_decref(m->settings);
    whet_free(m->path);
    whet_free(m->io[0]);
    whet_free(m->io[1]);
    whet_free(m);
}

static int open_model(whet_backend_model **out, const char *path, const whet_backend_setting *s, int n)
{
    json_t *reply = NULL;
    char *full = NULL;
    whet_status status = WHET_OK;
    *out = NULL;
    whet_backend_model *m = whet_calloc(1, sizeof *m);
    if (m == NULL) return WHET_ENOMEM;
    WHET_GOTO(take_process(&m->first));
    WHET_GOTO(take_settings(m, s, n));
    full = realpath(path, NULL); /* the program may work in another folder */
    m->path = whet_strdup(full != NULL ? full : path);
    if (m->path == NULL) WHET_GOTO(WHET_ENOMEM);
    WHET_GOTO(open_in(m->first, m, &reply));
    for (int o = 0; o < 2; o++) WHET_GOTO(read_slots(reply, o, true, &m->n[o], &m->io[o]));
    *out = m;
    m = NULL;
done:
    json_decref(reply);
    free(full);
    close_model(m);
    return status;
}

static void fill_info(const slot *s, whet_backend_io *info)
{
    memset(info, 0, sizeof *info);
    info->name = s->name;
    info->dtype = whet_dtype_to_onnx(s->dtype);
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
    return WHET_OK;
}

static int set_shape(whet_backend_model *m, int i, int rank, const int64_t *dims)
{
    if (i < 0 || i >= m->n[0]) return WHET_FAIL(WHET_ENOTFOUND, "there is no input %d", i);
    slot *s = &m->io[0][i];
    bool fits = rank == s->rank;
    for (int d = 0; fits && d < rank; d++) fits = dims[d] >= 0 && dims[d] <= INT32_MAX && (s->dims[d] < 0 || s->dims[d] == dims[d]);
    if (!fits) return WHET_FAIL(WHET_ESHAPE, "input '%s' of the model does not take this shape", s->name);
    memcpy(s->dims, dims, (size_t)rank * sizeof dims[0]);
    return WHET_OK;
}

/* --- streams */
static void stream_free(whet_backend_stream *s)
{
    if (s == NULL) return;
    if (s->m->asked == s->e) s->m->asked = NULL;
    whet_external_end(s->e);
    whet_free(s->io[0]);
    whet_free(s->io[1]);
    whet_free(s);
}

static json_t *shapes_of(const whet_backend_model *m)
{
    json_t *list = json_array();
    for (int i = 0; i < m->n[0]; i++) {
        json_t *dims = json_array();
        for (int d = 0; d < m->io[0][i].rank; d++) json_array_append_new(dims, json_integer(m->io[0][i].dims[d]));
        json_array_append_new(list, dims);
    }
    return list;
}

/* Inputs with the shapes that were set, outputs as the program says: none of them free. */
static whet_status prepare(whet_backend_stream *s)
{
    whet_backend_model *m = s->m;
    json_t *reply = NULL;
    whet_status status = WHET_OK;
    for (int i = 0; i < m->n[0]; i++)
        for (int d = 0; d < m->io[0][i].rank; d++)
            if (m->io[0][i].dims[d] < 0)
                return WHET_FAIL(WHET_ESHAPE, "dimension %d of input '%s' is free: set its shape first", d, m->io[0][i].name);
    WHET_GOTO(whet_external_call(s->e, "prepare", json_pack("{so}", "inputs", shapes_of(m)), seconds(OPEN_SECONDS), &reply));
    WHET_GOTO(read_slots(reply, 1, false, &s->n[1], &s->io[1]));
    s->n[0] = m->n[0];
    s->io[0] = whet_calloc((size_t)m->n[0] + 1, sizeof *s->io[0]);
    if (s->io[0] == NULL) WHET_GOTO(WHET_ENOMEM);
    memcpy(s->io[0], m->io[0], (size_t)m->n[0] * sizeof *m->io[0]);
    if (s->n[1] != m->n[1])
        status = WHET_FAIL(WHET_EFORMAT, "external program: 'open' told %d outputs, 'prepare' %d", m->n[1], s->n[1]);
done:
    json_decref(reply);
    return status;
}

/* All tensors one behind the other. */
static whet_status lay_out(whet_backend_stream *s, size_t *total)
{
    *total = 0;
    for (int o = 0; o < 2; o++)
        for (int i = 0; i < s->n[o]; i++) {
            slot *t = &s->io[o][i];
            whet_shape shape = {.rank = t->rank};
            for (int d = 0; d < t->rank; d++) shape.dims[d] = t->dims[d];
            WHET_TRY(whet_shape_bytes(&shape, t->dtype, &t->bytes));
            if (t->bytes > most_memory || *total > most_memory - t->bytes)
                return WHET_FAIL(WHET_ESHAPE, "external program: its tensors take over 4 GiB ('%s' alone has %zu bytes)", t->name, t->bytes);
            t->offset = *total;
            *total = WHET_ALIGN_UP(*total + t->bytes, align);
        }
    return WHET_OK;
}

static json_t *places_of(const whet_backend_stream *s, int o)
{
    json_t *list = json_array();
    for (int i = 0; i < s->n[o]; i++)
        json_array_append_new(list, json_pack("{sI, sI}", "offset", (json_int_t)s->io[o][i].offset, "bytes", (json_int_t)s->io[o][i].bytes));
    return list;
}

static whet_status share(whet_backend_stream *s)
{
    size_t total = 0;
    void *memory = NULL;
    WHET_TRY(lay_out(s, &total));
    WHET_TRY(whet_external_memory(s->e, total, &memory));
    s->memory = memory;
    return whet_external_call(s->e, "map", json_pack("{si, sI, so, so}", "fd", WHET_EXTERNAL_MEMORY_FD, "size", (json_int_t)WHET_MAX(total, (size_t)1),
                                                     "inputs", places_of(s, 0), "outputs", places_of(s, 1)), seconds(OPEN_SECONDS), NULL);
}

/* The least of a few messages there and back. */
static whet_status ping(whet_backend_stream *s)
{
    double best = 0;
    for (int i = 0; i < PINGS; i++) {
        const uint64_t t0 = whet_now_ns();
        WHET_TRY(whet_external_call(s->e, "ping", json_object(), seconds(START_SECONDS), NULL));
        const double took = (double)(whet_now_ns() - t0);
        if (i == 0 || took < best) best = took;
    }
    pthread_mutex_lock(&ext.lock);
    ext.round_trip = best;
    pthread_mutex_unlock(&ext.lock);
    return WHET_OK;
}

static int stream_create(whet_backend_model *m, whet_backend_stream **out)
{
    whet_status status = WHET_OK;
    *out = NULL;
    whet_backend_stream *s = whet_calloc(1, sizeof *s);
    if (s == NULL) return WHET_ENOMEM;
    s->m = m;
    s->e = m->first;
    m->first = NULL;
    if (s->e == NULL) {
        WHET_GOTO(take_process(&s->e));
        WHET_GOTO(open_in(s->e, m, NULL));
    }
    WHET_GOTO(prepare(s));
    WHET_GOTO(share(s));
    WHET_GOTO(ping(s));
    m->asked = s->e;
    *out = s;
    s = NULL;
done:
    stream_free(s);
    return status;
}

static int io_map(whet_backend_stream *s, int output, int i, void **data, size_t *bytes, whet_backend_io *info)
{
    output = output != 0;
    if (i < 0 || i >= s->n[output]) return WHET_FAIL(WHET_ENOTFOUND, "there is no %s %d", output ? "output" : "input", i);
    *data = s->memory + s->io[output][i].offset;
    *bytes = s->io[output][i].bytes;
    if (info != NULL) fill_info(&s->io[output][i], info);
    return WHET_OK;
}

static int io_unmap(whet_backend_stream *s, int output, int i)
{
    (void)s;
    (void)output;
    (void)i;
    return WHET_OK;
}

static int run(whet_backend_stream *s)
{
    return whet_external_call(s->e, "run", json_object(), seconds(RUN_SECONDS), NULL);
}

static int query(whet_backend_model *m, const char *key, char **json)
{
    const json_t *keys = json_object_get(ext.hello, "queries");
    whet_external *e = m->asked != NULL ? m->asked : m->first;
    json_t *reply = NULL;
    *json = NULL;
    if (!json_is_array(keys) || !listed(keys, key)) return WHET_FAIL(WHET_EUNSUPPORTED, "the external program does not tell '%s'", key);
    if (e == NULL) return WHET_FAIL(WHET_EUNSUPPORTED, "no external program is prepared that could tell '%s'", key);
    whet_status status = whet_external_call(e, "query", json_pack("{ss}", "key", key), seconds(RUN_SECONDS), &reply);
    if (status == WHET_OK && json_object_get(reply, "json") == NULL)
        status = WHET_FAIL(WHET_EFORMAT, "external program: the reply to 'query' has no member 'json'");
    if (status == WHET_OK && (*json = whet_json_text(json_object_get(reply, "json"), 0)) == NULL) status = WHET_ENOMEM;
    json_decref(reply);
    return status;
}

static const whet_backend methods = {
    .abi = WHET_BACKEND_ABI,
    .size = sizeof(whet_backend),
    .name = ext.name,
    .title = ext.title,
    .built_for = "",
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
};

whet_status whet_backend_external(const char *name, const whet_backend **out)
{
    whet_external *idle = NULL;
    *out = NULL;
    if (name[sizeof prefix - 1] == '\0') return WHET_FAIL(WHET_EINVAL, "'exec:' names no command: write exec:'python3 program.py'");
    if (strlen(name) >= sizeof ext.name) return WHET_FAIL(WHET_EINVAL, "the command of 'exec:' has over %d bytes", MAX_COMMAND);
    pthread_mutex_lock(&ext.lock);
    if (strcmp(ext.name, name) != 0) {
        idle = ext.spare;
        ext.spare = NULL;
        json_decref(ext.hello);
        ext.hello = NULL;
        ext.round_trip = 0;
        snprintf(ext.name, sizeof ext.name, "%s", name);
        snprintf(ext.title, sizeof ext.title, "%s", name);
    }
    pthread_mutex_unlock(&ext.lock);
    whet_external_end(idle);
    *out = &methods;
    return WHET_OK;
}
