/* SPDX-License-Identifier: Apache-2.0 */
/* The worker process: reads requests, drives one backend, answers. Everything that a vendor's library can break, it breaks
 * here. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backend/external.h"
#include "base/clock.h"
#include "base/cpu.h"
#include "base/mem.h"
#include "measure/link.h"
#include "measure/process_tree.h"
#include "measure/runtime_reads.h"
#include "measure/worker.h"
#include "tensor/tensor.h"

enum { MAX_SETTINGS = 16 };
static const size_t page = 4096;

/* --- memory */
/* KiB behind a key of a file of /proc, -1 if it is not there. */
static long long kib_of(const char *pid, const char *file, const char *key)
{
    char path[64], line[256];
    long long kib = -1;
    snprintf(path, sizeof path, "/proc/%s/%s", pid, file);
    FILE *f = fopen(path, "r");
    while (f != NULL && fgets(line, sizeof line, f) != NULL)
        if (strncmp(line, key, strlen(key)) == 0) sscanf(line + strlen(key), "%lld", &kib);
    if (f != NULL) fclose(f);
    return kib;
}

int whet_worker_helpers(pid_t *pids, int cap)
{
    int programs[WHET_WORKER_MAX_PROGRAMS], n = whet_descendants(getpid(), pids, cap);
    const int m = whet_backend_external_processes(programs, WHET_WORKER_MAX_PROGRAMS);
    for (int i = 0; i < m && n < cap; i++) { /* where /proc is not ours */
        bool known = false;
        for (int k = 0; k < n && !known; k++) known = pids[k] == programs[i];
        if (!known) pids[n++] = programs[i];
    }
    return n;
}

/* Programs behind `exec:`, and whatever else the runtime has started, count as part of this process. */
void whet_worker_put_memory(json_t *reply, const char *prefix)
{
    static const struct { const char *file, *key, *name; } rows[] = {{"status", "VmHWM:", "hwm"}, {"status", "VmRSS:", "rss"}, {"smaps_rollup", "Pss:", "pss"}};
    pid_t pids[WHET_WORKER_MAX_PROGRAMS];
    const int n = whet_worker_helpers(pids, WHET_WORKER_MAX_PROGRAMS);
    for (size_t i = 0; i < WHET_COUNT(rows); i++) {
        char name[64], pid[16];
        long long kib = kib_of("self", rows[i].file, rows[i].key);
        for (int k = 0; k < n; k++) {
            snprintf(pid, sizeof pid, "%d", (int)pids[k]);
            const long long more = kib_of(pid, rows[i].file, rows[i].key);
            if (kib >= 0 && more > 0) kib += more;
        }
        snprintf(name, sizeof name, "%s%s", prefix, rows[i].name);
        json_object_set_new(reply, name, kib >= 0 ? json_integer((json_int_t)kib * 1024) : json_null());
    }
}

/* The peak so far (of starting, of loading the library) is forgotten: what is subtracted later is what is held now. */
static void restart_peak(void)
{
    FILE *f = fopen("/proc/self/clear_refs", "w");
    if (f == NULL) return; /* then the peak so far stands */
    fputs("5", f);
    fclose(f);
}

/* --- results */
whet_status whet_worker_put_result(whet_worker_state *w, const void *data, size_t n, uint64_t *offset)
{
    struct stat st;
    const off_t size = (off_t)(w->results_used + n + page);
    *offset = w->results_used;
    if (fstat(WHET_WORKER_RESULTS, &st) != 0 || (st.st_size < size && ftruncate(WHET_WORKER_RESULTS, size) != 0)) /* it only grows: the launcher reads it */
        return WHET_FAIL(WHET_ENOMEM, "the result memory cannot grow to %zu bytes", w->results_used + n);
    for (size_t done = 0; done < n;) {
        const ssize_t k = pwrite(WHET_WORKER_RESULTS, (const char *)data + done, n - done, (off_t)(w->results_used + done));
        if (k < 0 && errno == EINTR) continue;
        if (k <= 0) return WHET_FAIL(WHET_ENOMEM, "the result memory cannot be written: %s", strerror(errno));
        done += (size_t)k;
    }
    w->results_used = WHET_ALIGN_UP(w->results_used + n, 64);
    return WHET_OK;
}

static json_t *describe(const whet_backend_io *io)
{
    json_t *dims = json_array();
    for (int d = 0; d < io->rank; d++) json_array_append_new(dims, json_integer(io->dims[d]));
    json_t *o = json_pack("{ss, si, so}", "name", io->name, "dtype", io->dtype, "dims", dims);
    if (io->scale > 0) json_object_set_new(o, "scale", json_real(io->scale));
    if (io->scale > 0) json_object_set_new(o, "zero_point", json_integer(io->zero_point));
    return o;
}

whet_status whet_worker_put_stream_outputs(whet_worker_state *w, whet_backend_stream *s, json_t *reply)
{
    json_t *list = json_array();
    json_object_set_new(reply, "outputs", list);
    for (int i = 0; i < w->n_out; i++) {
        void *data = NULL;
        size_t bytes = 0;
        uint64_t offset = 0;
        whet_backend_io io;
        memset(&io, 0, sizeof io);
        WHET_TRY(whet_backend_status(w->t, w->t->io_map(s, 1, i, &data, &bytes, &io), "reading an output"));
        const whet_status status = whet_worker_put_result(w, data, bytes, &offset);
        json_t *o = describe(&io);
        w->t->io_unmap(s, 1, i);
        WHET_TRY(status);
        json_object_set_new(o, "offset", json_integer((json_int_t)offset));
        json_object_set_new(o, "bytes", json_integer((json_int_t)bytes));
        json_array_append_new(list, o);
    }
    return WHET_OK;
}

whet_status whet_worker_put_outputs(whet_worker_state *w, json_t *reply)
{
    return whet_worker_put_stream_outputs(w, w->s, reply);
}

void whet_worker_put_sample(whet_worker_state *w, int i)
{
    const uint8_t *src = w->samples + (size_t)i * w->sample_bytes;
    for (int k = 0; k < w->n_in; k++) {
        memcpy(w->in[k], src, w->in_bytes[k]);
        src += w->in_bytes[k];
    }
}

/* The same without touching the mapping, whose pages would count as memory of the model. */
static whet_status copy_sample(whet_worker_state *w, int i)
{
    off_t at = (off_t)((size_t)i * w->sample_bytes);
    for (int k = 0; k < w->n_in; k++)
        for (size_t done = 0; done < w->in_bytes[k];) {
            const ssize_t n = pread(WHET_WORKER_INPUTS, (char *)w->in[k] + done, w->in_bytes[k] - done, at);
            if (n < 0 && errno == EINTR) continue;
            if (n <= 0) return WHET_FAIL(WHET_EIO, "sample %d cannot be read: %s", i, n < 0 ? strerror(errno) : "it is cut off");
            done += (size_t)n;
            at += n;
        }
    return WHET_OK;
}

whet_status whet_worker_run_once(whet_worker_state *w)
{
    const int code = w->t->run(w->s);
    return code == WHET_OK ? WHET_OK : whet_backend_status(w->t, code, "running the model");
}

/* --- requests */
static whet_status do_hello(whet_worker_state *w, const json_t *q, json_t *reply)
{
    (void)w;
    (void)q;
    json_object_set_new(reply, "whet", json_string(WHET_VERSION));
    json_object_set_new(reply, "pid", json_integer(getpid()));
    return WHET_OK;
}

static whet_status choose(whet_worker_state *w, const json_t *q)
{
    const char *name = json_string_value(json_object_get(q, "runtime"));
    if (name == NULL) return WHET_FAIL(WHET_EINVAL, "the request names no runtime");
    if (w->backends == NULL) WHET_TRY(whet_backends_create(&w->backends));
    return whet_backends_find(w->backends, name, &w->t);
}

/* Loads the vendor's library, checks its version against what the plug-in was written for. */
static whet_status usable(whet_worker_state *w, const char *asked, char *version, size_t cap)
{
    char reason[512] = "";
    WHET_TRY(whet_backend_status(w->t, w->t->version(version, cap), "asking for the version"));
    if (w->t->available(reason, sizeof reason) != WHET_OK) return WHET_FAIL(WHET_EUNAVAILABLE, "%s", reason);
    if (!whet_backend_version_ok(w->t->built_for, version))
        return WHET_FAIL(WHET_EUNAVAILABLE, "%s %s is installed, the plug-in was written for %s", w->t->title, version, w->t->built_for);
    return whet_backend_is_version(w->t, asked, version);
}

static whet_status do_probe(whet_worker_state *w, const json_t *q, json_t *reply)
{
    char version[64] = "";
    char *caps = NULL;
    WHET_TRY(choose(w, q));
    const whet_status status = usable(w, json_string_value(json_object_get(q, "runtime")), version, sizeof version);
    if (status == WHET_ENOMEM) return status;
    json_object_set_new(reply, "title", json_string(w->t->title));
    json_object_set_new(reply, "built_for", json_string(w->t->built_for));
    json_object_set_new(reply, "version", version[0] != '\0' ? json_string(version) : json_null());
    json_object_set_new(reply, "available", json_boolean(status == WHET_OK));
    json_object_set_new(reply, "reason", json_string(status == WHET_OK ? "" : whet_error_last()->text));
    if (w->t->caps(&caps) == WHET_OK && caps != NULL) json_object_set_new(reply, "caps", json_loads(caps, 0, NULL));
    whet_free(caps);
    return WHET_OK;
}

static void unload(whet_worker_state *w)
{
    whet_worker_free_streams(w);
    if (w->s != NULL) w->t->stream_free(w->s);
    if (w->m != NULL) w->t->close(w->m);
    w->s = NULL;
    w->m = NULL;
    w->n_in = w->n_out = 0;
}

static int read_settings(const json_t *q, whet_backend_setting *s)
{
    const char *key = NULL;
    json_t *v = NULL;
    int n = 0;
    json_object_foreach(json_object_get(q, "settings"), key, v)
        if (n < MAX_SETTINGS && json_is_string(v)) s[n++] = (whet_backend_setting){key, json_string_value(v)};
    return n;
}

/* Free dimensions: the first is the batch, the others come from "sizes" (height, width); "shapes" says all. A fixed first
 * dimension other than the batch asked for is refused. */
static whet_status choose_shape(const json_t *q, int i, whet_backend_io *io)
{
    const json_t *given = json_array_get(json_object_get(q, "shapes"), (size_t)i), *sizes = json_object_get(q, "sizes");
    const json_int_t batch = json_integer_value(json_object_get(q, "batch"));
    if (json_is_array(given)) {
        if (json_array_size(given) > WHET_BACKEND_MAX_RANK) return WHET_FAIL(WHET_ESHAPE, "a shape has over 8 dimensions");
        io->rank = (int)json_array_size(given);
        for (int d = 0; d < io->rank; d++) io->dims[d] = json_integer_value(json_array_get(given, (size_t)d));
        return WHET_OK;
    }
    if (io->rank < 0)
        return WHET_FAIL(WHET_ESHAPE, "the file does not tell the shape of input '%s': give --input FILE.npy, or fix it by `whet convert --cut-input %s:SHAPE`",
                         io->name, io->name);
    if (io->rank > 0 && batch > 0 && io->dims[0] < 0) io->dims[0] = batch;
    if (io->rank > 0 && batch > 1 && io->dims[0] != batch && i == 0 && !json_is_true(json_object_get(q, "any_batch")))
        return WHET_FAIL(WHET_EUNSUPPORTED, "the file's batch is fixed at %lld, %lld was asked for", (long long)io->dims[0], (long long)batch);
    for (int d = 1, k = 0; d < io->rank; d++) {
        if (io->dims[d] >= 0) continue;
        const json_int_t size = json_integer_value(json_array_get(sizes, (size_t)k++));
        if (size <= 0) return WHET_FAIL(WHET_ESHAPE, "dimension %d of input '%s' is free: give --size HxW or a contract", d, io->name);
        io->dims[d] = size;
    }
    return WHET_OK;
}

static whet_status tap_tensors(whet_worker_state *w, const json_t *q)
{
    const json_t *list = json_object_get(q, "taps");
    const size_t n = json_array_size(list);
    if (n == 0) return WHET_OK;
    if (w->t->size <= offsetof(whet_backend, tap) || w->t->tap == NULL)
        return WHET_FAIL(WHET_EUNSUPPORTED, "%s does not let one read inner tensors, native and ort do: name them by --runtime and --reference", w->t->title);
    const char **names = whet_calloc(n, sizeof *names);
    if (names == NULL) return WHET_ENOMEM;
    for (size_t i = 0; i < n; i++) names[i] = json_string_value(json_array_get(list, i));
    const whet_status status = whet_backend_status(w->t, w->t->tap(w->m, names, (int)n), "exposing inner tensors");
    whet_free(names);
    return status;
}

static whet_status fix_shapes(whet_worker_state *w, const json_t *q)
{
    whet_backend_io io;
    for (w->n_in = 0; w->n_in < WHET_WORKER_MAX_IO && w->t->io_info(w->m, 0, w->n_in, &io) == WHET_OK; w->n_in++) {
        WHET_TRY(choose_shape(q, w->n_in, &io));
        if (w->t->set_shape == NULL) continue;
        WHET_TRY(whet_backend_status(w->t, w->t->set_shape(w->m, w->n_in, io.rank, io.dims), "setting a shape"));
    }
    for (w->n_out = 0; w->n_out < WHET_WORKER_MAX_OUTPUTS && w->t->io_info(w->m, 1, w->n_out, &io) == WHET_OK;) w->n_out++;
    if (w->n_in == WHET_WORKER_MAX_IO || w->n_out == WHET_WORKER_MAX_OUTPUTS)
        return WHET_FAIL(WHET_EUNSUPPORTED, "the model has %d or more inputs or outputs", WHET_WORKER_MAX_IO);
    if (json_is_array(json_object_get(q, "shapes")) && (int)json_array_size(json_object_get(q, "shapes")) != w->n_in)
        return WHET_FAIL(WHET_EINVAL, "the model has %d inputs, %zu were given", w->n_in, json_array_size(json_object_get(q, "shapes")));
    return WHET_OK;
}

static whet_status map_inputs(whet_worker_state *w, json_t *reply)
{
    json_t *list = json_array();
    json_object_set_new(reply, "inputs", list);
    for (int i = 0; i < w->n_in; i++) {
        whet_backend_io io;
        memset(&io, 0, sizeof io);
        WHET_TRY(whet_backend_status(w->t, w->t->io_map(w->s, 0, i, &w->in[i], &w->in_bytes[i], &io), "mapping an input"));
        json_t *o = describe(&io);
        json_object_set_new(o, "bytes", json_integer((json_int_t)w->in_bytes[i]));
        json_array_append_new(list, o);
    }
    return WHET_OK;
}

static json_t *list_outputs(whet_worker_state *w)
{
    json_t *list = json_array();
    whet_backend_io io;
    for (int i = 0; i < w->n_out; i++)
        if (w->t->io_info(w->m, 1, i, &io) == WHET_OK) json_array_append_new(list, describe(&io));
    return list;
}

static const char *setting_of(const whet_backend_setting *s, int n, const char *key)
{
    for (int i = 0; i < n; i++)
        if (strcmp(s[i].key, key) == 0) return s[i].value;
    return "";
}

static whet_status reads_file(whet_worker_state *w, const char *runtime, const char *path)
{
    char *caps = NULL;
    json_t *told = w->t->caps(&caps) == WHET_OK && caps != NULL ? json_loads(caps, 0, NULL) : NULL;
    const whet_status status = whet_runtime_reads(told, runtime, path);
    json_decref(told);
    whet_free(caps);
    return status;
}

static whet_status do_load(whet_worker_state *w, const json_t *q, json_t *reply)
{
    whet_backend_setting settings[MAX_SETTINGS];
    char version[64] = "";
    const char *path = json_string_value(json_object_get(q, "path"));
    if (path == NULL) return WHET_FAIL(WHET_EINVAL, "the request names no file");
    unload(w);
    WHET_TRY(choose(w, q));
    WHET_TRY(usable(w, json_string_value(json_object_get(q, "runtime")), version, sizeof version));
    json_object_set_new(reply, "version", json_string(version));
    json_object_set_new(reply, "title", json_string(w->t->title));
    WHET_TRY(reads_file(w, json_string_value(json_object_get(q, "runtime")), path));
    const int n = read_settings(q, settings);
    const int streams = atoi(setting_of(settings, n, "streams"));
    w->keep_denormals = strcmp(setting_of(settings, n, "denormals"), "keep") == 0;
    if (!w->keep_denormals) whet_cpu_flush_denormals();
    restart_peak();
    whet_worker_put_memory(reply, "base_");
    const uint64_t t0 = whet_now_ns();
    WHET_TRY(whet_backend_status(w->t, w->t->open(&w->m, path, settings, n), "opening the model"));
    WHET_TRY(tap_tensors(w, q));
    WHET_TRY(fix_shapes(w, q));
    WHET_TRY(whet_backend_status(w->t, w->t->stream_create(w->m, &w->s), "building the model"));
    WHET_TRY(whet_worker_add_streams(w, WHET_MAX(streams, 1)));
    json_object_set_new(reply, "build_ns", json_integer((json_int_t)(whet_now_ns() - t0)));
    whet_worker_put_memory(reply, "");
    WHET_TRY(map_inputs(w, reply));
    json_object_set_new(reply, "outputs", list_outputs(w));
    if (whet_backend_is_external(w->t->name)) json_object_set_new(reply, "round_trip_ns", json_real(whet_backend_external_round_trip()));
    return WHET_OK;
}

static whet_status loaded(const whet_worker_state *w)
{
    return w->s != NULL ? WHET_OK : WHET_FAIL(WHET_EINVAL, "no model is loaded");
}

static whet_status do_feed(whet_worker_state *w, const json_t *q, json_t *reply)
{
    struct stat st;
    const json_t *bytes = json_object_get(q, "bytes");
    size_t total = 0;
    (void)reply;
    WHET_TRY(loaded(w));
    if ((int)json_array_size(bytes) != w->n_in) return WHET_FAIL(WHET_EINVAL, "samples have %zu inputs, the model %d", json_array_size(bytes), w->n_in);
    for (int i = 0; i < w->n_in; i++) {
        const json_int_t b = json_integer_value(json_array_get(bytes, (size_t)i));
        if (b != (json_int_t)w->in_bytes[i])
            return WHET_FAIL(WHET_ESHAPE, "input %d takes %zu bytes, the samples hold %lld", i, w->in_bytes[i], (long long)b);
        total += w->in_bytes[i];
    }
    w->sample_bytes = total;
    w->n_samples = (int)json_integer_value(json_object_get(q, "count"));
    if (w->samples == NULL) {
        if (fstat(WHET_WORKER_INPUTS, &st) != 0 || st.st_size <= 0) return WHET_FAIL(WHET_EINVAL, "there is no shared memory with samples");
        w->samples_size = (size_t)st.st_size;
        void *p = mmap(NULL, w->samples_size, PROT_READ, MAP_SHARED, WHET_WORKER_INPUTS, 0);
        if (p == MAP_FAILED) return WHET_FAIL(WHET_ENOMEM, "the samples cannot be mapped: %s", strerror(errno));
        w->samples = p;
    }
    if (w->n_samples < 1 || total * (size_t)w->n_samples > w->samples_size)
        return WHET_FAIL(WHET_EINVAL, "%d samples of %zu bytes do not lie in the shared memory", w->n_samples, total);
    return WHET_OK;
}

static whet_status do_run(whet_worker_state *w, const json_t *q, json_t *reply)
{
    const int i = (int)json_integer_value(json_object_get(q, "sample"));
    WHET_TRY(loaded(w));
    if (i < 0 || i >= w->n_samples) return WHET_FAIL(WHET_EINVAL, "there is no sample %d", i);
    WHET_TRY(copy_sample(w, i));
    const uint64_t t0 = whet_now_ns();
    WHET_TRY(whet_worker_run_once(w));
    json_object_set_new(reply, "ns", json_integer((json_int_t)(whet_now_ns() - t0)));
    return whet_worker_put_outputs(w, reply);
}

static whet_status do_memory(whet_worker_state *w, const json_t *q, json_t *reply)
{
    (void)w;
    (void)q;
    whet_worker_put_memory(reply, "");
    return WHET_OK;
}

static whet_status do_query(whet_worker_state *w, const json_t *q, json_t *reply)
{
    char *text = NULL;
    const char *key = json_string_value(json_object_get(q, "key"));
    WHET_TRY(loaded(w));
    if (key == NULL || w->t->size <= offsetof(whet_backend, query) || w->t->query == NULL)
        return WHET_FAIL(WHET_EUNSUPPORTED, "%s answers no questions", w->t->title);
    WHET_TRY(whet_backend_status(w->t, w->t->query(w->m, key, &text), "a question"));
    json_t *v = text != NULL ? json_loads(text, 0, NULL) : NULL;
    whet_free(text);
    json_object_set_new(reply, "json", v != NULL ? v : json_null());
    return WHET_OK;
}

static whet_status do_warm(whet_worker_state *w, const json_t *q, json_t *reply)
{
    WHET_TRY(loaded(w));
    return whet_worker_warm(w, q, reply);
}

static whet_status do_block(whet_worker_state *w, const json_t *q, json_t *reply)
{
    WHET_TRY(loaded(w));
    return whet_worker_block(w, q, reply);
}

static whet_status do_scenario(whet_worker_state *w, const json_t *q, json_t *reply)
{
    WHET_TRY(loaded(w));
    return whet_worker_scenario(w, q, reply);
}

static whet_status do_e2e(whet_worker_state *w, const json_t *q, json_t *reply)
{
    WHET_TRY(loaded(w));
    return whet_worker_e2e(w, q, reply);
}

static const struct { const char *name; whet_status (*fn)(whet_worker_state *, const json_t *, json_t *); } requests[] = {
    {"hello", do_hello}, {"probe", do_probe}, {"load", do_load},   {"feed", do_feed},   {"run", do_run},
    {"warm", do_warm},   {"block", do_block}, {"memory", do_memory}, {"query", do_query}, {"e2e", do_e2e},
    {"scenario", do_scenario}};

static whet_status serve(whet_worker_state *w, const json_t *q, json_t *reply)
{
    const char *name = json_string_value(json_object_get(q, "do"));
    for (size_t i = 0; name != NULL && i < WHET_COUNT(requests); i++)
        if (strcmp(requests[i].name, name) == 0) return requests[i].fn(w, q, reply);
    return WHET_FAIL(WHET_EINVAL, "the worker does not know the request '%s'", name != NULL ? name : "");
}

int whet_worker_main(void)
{
    whet_worker_state *w = whet_calloc(1, sizeof *w);
    json_t *q = NULL;
    int code = 0;
    if (w == NULL) return 3;
    while (code == 0 && whet_link_receive(WHET_WORKER_LINK, 0, &q) == WHET_OK) {
        json_t *reply = json_object();
        w->results_used = 0;
        const whet_status status = serve(w, q, reply);
        if (status != WHET_OK) {
            json_object_clear(reply);
            json_object_set_new(reply, "status", json_integer(status));
            json_object_set_new(reply, "error", json_string(whet_error_message()));
        }
        if (whet_link_send(WHET_WORKER_LINK, reply) != WHET_OK) code = 3;
        json_decref(reply);
        json_decref(q);
    }
    unload(w);
    whet_backends_free(w->backends);
    whet_free(w);
    return code;
}
