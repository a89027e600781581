/* SPDX-License-Identifier: Apache-2.0 */
/* One row: what its file is, its memory and parity in a process of their own, then fresh pinned processes that are loaded,
 * warmed and timed in blocks. */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "backend/external.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "measure/arithmetic.h"
#include "measure/bench_private.h"
#include "measure/machine.h"
#include "wire/json.h"

enum { LIMIT_SECONDS = 300, MEMORY_RUNS = 10, MAX_REPEATS = 3, MAX_LOADS = 64, MAX_GROUP = 10000 };

void whet_bench_note(whet_bench_row *r, const char *fmt, ...)
{
    char text[300];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    for (size_t i = 0; i < json_array_size(r->notes); i++)
        if (strcmp(json_string_value(json_array_get(r->notes, i)), text) == 0) return;
    json_array_append_new(r->notes, json_string(text));
}

void whet_bench_fail_row(whet_bench_row *r, const char *what)
{
    const whet_error *e = whet_error_last();
    if (e->status == WHET_ECANCELLED) { /* the user's doing, not the row's */
        whet_bench_close_row(r);
        return;
    }
    const char *status = e->status == WHET_EUNAVAILABLE ? "runtime missing" : e->status == WHET_EUNSUPPORTED ? "unsupported" : "runtime failed";
    snprintf(r->status, sizeof r->status, "%s", status);
    snprintf(r->why, sizeof r->why, "%s%s%s", what, what[0] != '\0' ? ": " : "", whet_error_message());
    r->dead = true;
    whet_bench_close_row(r);
}

void whet_bench_close_row(whet_bench_row *r)
{
    whet_worker_free(r->worker);
    r->worker = NULL;
}

double whet_bench_limit(const whet_bench *b)
{
    return b->spec->time_limit > 0 ? b->spec->time_limit : LIMIT_SECONDS;
}

/* Of a request that runs many times: five times what it should take, beside the limit for one. */
static double many_limit(const whet_bench *b, const whet_bench_row *r, double runs, double seconds)
{
    return whet_bench_limit(b) + 5 * (seconds + runs * WHET_MAX(r->t.first_cold, 0) / 1e3);
}

whet_status whet_bench_start_worker(const whet_bench *b, const whet_bench_row *r, whet_worker **out)
{
    whet_worker_options opt;
    whet_worker_options_init(&opt);
    opt.program = b->spec->program;
    opt.threads = r->threads;
    opt.cache_dir = r->cache_dir;
    opt.n_cpus = whet_machine_pick_cpus(r->threads, opt.cpus, WHET_MAX_CPUS);
    opt.inputs_fd = r->samples != NULL ? r->samples->memory.fd : -1;
    opt.memory_limit = b->spec->memory_limit;
    return whet_worker_start(out, &opt);
}

whet_status whet_bench_start(const whet_bench *b, whet_bench_row *r)
{
    return whet_bench_start_worker(b, r, &r->worker);
}

/* Free heights and widths: as given, else those of the pictures that another runtime has fixed for this file. */
static void sizes_of(const whet_bench *b, const whet_bench_row *r, int sizes[2])
{
    const whet_shape *s = r->samples != NULL ? &r->samples->in[0].shape : NULL;
    memcpy(sizes, b->spec->sizes, 2 * sizeof sizes[0]);
    if (sizes[0] > 0 || s == NULL || s->rank != 4) return;
    const int h = s->dims[1] == 1 || s->dims[1] == 3 ? 2 : 1;
    sizes[0] = (int)s->dims[h];
    sizes[1] = (int)s->dims[h + 1];
}

whet_status whet_bench_load_with(const whet_bench *b, whet_bench_row *r, const char *tune, json_t **reply)
{
    int sizes[2];
    sizes_of(b, r, sizes);
    json_t *q = whet_load_request(r->cell->runtime, r->cell->model, &r->settings, r->batch, sizes);
    if (q != NULL && tune != NULL) json_object_set_new(json_object_get(q, "settings"), "tune", json_string(tune));
    return whet_worker_call(r->worker, q, whet_bench_limit(b), reply);
}

whet_status whet_bench_load(const whet_bench *b, whet_bench_row *r, json_t **reply)
{
    return whet_bench_load_with(b, r, r->tuning != NULL ? "cached" : NULL, reply);
}

static double ms_of(const json_t *reply, const char *key)
{
    return json_number_value(json_object_get(reply, key)) / 1e6;
}

/* --- preparing */
/* A first load tells the inputs, from which the samples are made. */
static whet_status make_samples(whet_bench *b, whet_bench_row *r, whet_samples *s, const char *contract, const char *path)
{
    json_t *reply = NULL;
    const whet_samples_options opt = {.data = b->spec->data, .split = b->spec->split, .opening = b->spec->opening,
                                      .contract = contract, .own = r->facts->contract, .path = path, .seed = b->spec->seed,
                                      .count = WHET_BENCH_SAMPLES};
    whet_status status = whet_bench_start(b, r);
    if (status == WHET_OK) status = whet_bench_load(b, r, &reply);
    if (status == WHET_OK) {
        snprintf(r->version, sizeof r->version, "%s", json_string_value(json_object_get(reply, "version")));
        status = whet_samples_make(s, json_object_get(reply, "inputs"), &opt);
    }
    json_decref(reply);
    whet_bench_close_row(r);
    if (status != WHET_OK) whet_samples_dispose(s);
    return status;
}

/* True if what the row's file says of pictures may not be what its original says: another contract, or integers, for which a
 * scale in the file counts too. */
static bool says_otherwise(const whet_bench_row *r)
{
    const whet_samples *m = r->meant;
    whet_contract c = {0}, k = m->contract;
    char text[2][300];
    if (r->cell->original == NULL || r->facts->contract == NULL || m->channels == 0) return false;
    if (m->in[0].dtype != WHET_F32) return true;
    whet_contract_init(&c);
    const bool known = whet_contract_from_json(&c, r->facts->contract) == WHET_OK;
    k.nhwc = c.nhwc; /* the shape's */
    const bool other = known && strcmp(whet_contract_text(&c, text[0], sizeof text[0]), whet_contract_text(&k, text[1], sizeof text[1])) != 0;
    whet_contract_dispose(&c);
    return other;
}

/* Rows of the same file share the samples. A converted file is fed what its own contract makes of the same pictures, so that one
 * that lost its contract shows. */
static whet_status find_samples(whet_bench *b, whet_bench_row *r)
{
    const char *path = r->cell->original != NULL ? r->cell->original : r->cell->model;
    for (int i = 0; i < b->n_rows && r->meant == NULL; i++) {
        const whet_bench_row *o = &b->rows[i];
        const char *other = o->cell->original != NULL ? o->cell->original : o->cell->model;
        if (o->meant != NULL && strcmp(other, path) == 0 && o->batch == r->batch) r->meant = o->meant;
    }
    if (r->meant == NULL) {
        WHET_TRY(make_samples(b, r, &b->samples[b->n_samples], b->spec->contract, path));
        r->meant = &b->samples[b->n_samples++];
    }
    r->samples = r->meant;
    if (!says_otherwise(r)) return WHET_OK;
    whet_samples *own = &b->samples[b->n_samples];
    r->samples = NULL;
    const whet_status status = make_samples(b, r, own, NULL, r->cell->model);
    r->samples = r->meant;
    if (status != WHET_OK) return status;
    if (strcmp(own->sha256, r->meant->sha256) == 0) {
        whet_samples_dispose(own);
        return WHET_OK;
    }
    b->n_samples++;
    r->samples = own;
    whet_bench_note(r, "its contract makes other inputs of the pictures than that of the file it was made from");
    return WHET_OK;
}

static json_t *copy_of(const json_t *o, const char *key)
{
    json_t *v = json_object_get(o, key);
    return v != NULL ? json_incref(v) : json_null();
}

static void store_memory(whet_bench_row *r, const json_t *loaded, const json_t *first, const json_t *end)
{
    const json_int_t base = json_integer_value(json_object_get(loaded, "base_hwm")), peak = json_integer_value(json_object_get(end, "hwm"));
    if (peak <= 0) return;
    r->memory = json_pack("{sI, sI, sI, so, so, so}", "peak_bytes", peak, "base_bytes", base, "delta_bytes", peak - base, "after_load_bytes",
                          copy_of(loaded, "rss"), "after_first_bytes", copy_of(first, "rss"), "pss_bytes", copy_of(end, "pss"));
}

static bool all_ok(const whet_bench_row *r)
{
    for (int i = 0; i < r->n_outputs; i++)
        if (!r->parity[i].ok) return false;
    return true;
}

static const char *why_not(const whet_bench_row *r)
{
    for (int i = 0; i < r->n_outputs; i++)
        if (!r->parity[i].ok) return r->parity[i].why;
    return "";
}

static void mark_external(whet_bench_row *r, const json_t *loaded)
{
    r->external = whet_backend_is_external(r->cell->runtime);
    if (!r->external) return;
    r->round_trip_ms = ms_of(loaded, "round_trip_ns");
    whet_bench_note(r, "external program: each run includes a message to it and back, %.3f ms here", r->round_trip_ms);
}

/* A runtime that says that it works on fewer threads than it was given. */
static void ask_threads(const whet_bench *b, whet_bench_row *r)
{
    json_t *reply = NULL;
    if (whet_worker_call(r->worker, json_pack("{ss, ss}", "do", "query", "key", "threads"), whet_bench_limit(b), &reply) != WHET_OK) return;
    const json_t *told = json_object_get(json_object_get(reply, "json"), "intra_op");
    const int each = r->threads / WHET_MAX(r->settings.streams, 1);
    if (json_is_integer(told) && json_integer_value(told) > 0 && json_integer_value(told) < each)
        whet_bench_note(r, "at these settings the runtime works on %d of the %d threads it was given", (int)json_integer_value(told), each);
    json_decref(reply);
}

/* R25. What the runtime cannot tell is as in the file; what breaks here breaks nothing, the process has done its work. */
static void ask_arithmetic(const whet_bench *b, whet_bench_row *r)
{
    json_t *reply = NULL;
    if (whet_worker_call(r->worker, json_pack("{ss, ss}", "do", "query", "key", "executed_graph"), whet_bench_limit(b), &reply) != WHET_OK) return;
    json_decref(r->shares);
    if (!whet_arithmetic_of(json_object_get(json_object_get(reply, "json"), "nodes"), r->arithmetic, sizeof r->arithmetic, &r->shares))
        r->arithmetic[0] = '\0';
    json_decref(reply);
}

/* What the runtime itself tells of its memory: an arena hides what the model needs. Most tell nothing. */
static void ask_memory(const whet_bench *b, whet_bench_row *r)
{
    json_t *reply = NULL;
    if (r->memory == NULL) return;
    if (whet_worker_call(r->worker, json_pack("{ss, ss}", "do", "query", "key", "memory"), whet_bench_limit(b), &reply) == WHET_OK)
        json_object_set(r->memory, "runtime", json_object_get(reply, "json"));
    else
        whet_error_clear();
    json_decref(reply);
}

/* Parity on the reference's samples, peak memory: apart from all timing of the steady state. */
static whet_status memory_and_parity(whet_bench *b, whet_bench_row *r)
{
    json_t *loaded = NULL, *first = NULL, *end = NULL, *reply = NULL;
    whet_status status = WHET_OK;
    WHET_GOTO(whet_bench_start(b, r));
    WHET_GOTO(whet_bench_load(b, r, &loaded));
    snprintf(r->version, sizeof r->version, "%s", json_string_value(json_object_get(loaded, "version")));
    snprintf(r->title, sizeof r->title, "%s", json_string_value(json_object_get(loaded, "title")));
    mark_external(r, loaded);
    WHET_GOTO(whet_worker_call(r->worker, whet_samples_feed(r->samples), whet_bench_limit(b), NULL));
    const int n = r->reference != NULL && r->reference->ready ? r->reference->n_samples : 1;
    for (int i = 0; i < WHET_MAX(n, MEMORY_RUNS); i++) {
        json_decref(reply);
        reply = NULL;
        WHET_GOTO(whet_worker_call(r->worker, json_pack("{ss, si}", "do", "run", "sample", i % r->samples->count), whet_bench_limit(b), &reply));
        if (i < n) whet_bench_check_outputs(r, reply, i);
        whet_bench_keep_outputs(r, reply, i);
        if (i == 0) WHET_GOTO(whet_worker_call(r->worker, json_pack("{ss}", "do", "memory"), whet_bench_limit(b), &first));
    }
    WHET_GOTO(whet_worker_call(r->worker, json_pack("{ss}", "do", "memory"), whet_bench_limit(b), &end));
    store_memory(r, loaded, first, end);
    ask_memory(b, r);
    ask_threads(b, r);
    ask_arithmetic(b, r);
done:
    json_decref(loaded);
    json_decref(first);
    json_decref(end);
    json_decref(reply);
    if (status == WHET_OK) whet_bench_close_row(r);
    return status;
}

/* A phase of its own, in a process of its own; the rows' own processes only read what it kept. */
static whet_status tune(whet_bench *b, whet_bench_row *r)
{
    json_t *reply = NULL;
    whet_status status = WHET_OK;
    if (!b->spec->tune || strcmp(r->cell->runtime, "native") != 0) return WHET_OK;
    WHET_GOTO(whet_bench_start(b, r));
    WHET_GOTO(whet_bench_load_with(b, r, "measure", NULL));
    WHET_GOTO(whet_worker_call(r->worker, json_pack("{ss, ss}", "do", "query", "key", "tuning"), whet_bench_limit(b), &reply));
    r->tuning = json_incref(json_object_get(reply, "json"));
    whet_log(WHET_LOG_INFO, "tuned %s: %lld of %lld products measured in %.1f s, %lld not by the static choice, table %.12s", r->facts->name,
             (long long)json_integer_value(json_object_get(r->tuning, "measured")), (long long)json_integer_value(json_object_get(r->tuning, "products")),
             whet_json_real(r->tuning, "seconds"), (long long)json_integer_value(json_object_get(r->tuning, "changed")), whet_json_str(r->tuning, "hash"));
done:
    json_decref(reply);
    whet_bench_close_row(r);
    return status;
}

/* ECANCELLED ends the bench; anything else, a model that is too large for the memory too, ends the row. */
static bool ends_all(whet_status status)
{
    return status == WHET_ECANCELLED;
}

/* As if it had never been checked. */
static void forget_checks(whet_bench_row *r)
{
    whet_free(r->parity);
    r->parity = NULL;
    r->n_outputs = 0;
    json_decref(r->memory);
    r->memory = NULL;
    r->gate_failed = r->forced = r->dead = false;
    r->status[0] = r->why[0] = '\0';
}

whet_status whet_bench_check_row(whet_bench *b, whet_bench_row *r)
{
    forget_checks(r);
    const whet_status status = memory_and_parity(b, r);
    if (status != WHET_OK) {
        whet_bench_fail_row(r, "");
        return ends_all(status) ? status : WHET_OK;
    }
    snprintf(r->status, sizeof r->status, "ok");
    if (all_ok(r)) return WHET_OK;
    r->gate_failed = true;
    snprintf(r->status, sizeof r->status, "parity failed");
    const char *hint = b->hinted != NULL && b->hinted != r ? "" : whet_samples_hint(r->samples, r->facts->precision); /* once is enough */
    snprintf(r->why, sizeof r->why, "%s%s%s", why_not(r), hint[0] != '\0' ? "; " : "", hint);
    if (hint[0] != '\0') b->hinted = r;
    r->forced = b->spec->force;
    r->dead = !r->forced;
    if (r->forced) whet_bench_note(r, "timed although its outputs differ from the reference (--force)");
    return WHET_OK;
}

/* What the parity bound is chosen by: the file's precision, or the lower one that was asked of the runtime where the file is f32. */
static const char *bound_precision(const whet_bench_row *r)
{
    static const struct { const char *asked, *name; } lower[] = {{"bf16", "bf16"}, {"f16", "fp16"}};
    const char *file = r->facts->precision;
    for (size_t i = 0; i < WHET_COUNT(lower) && r->settings.precision != NULL; i++)
        if (strcmp(lower[i].asked, r->settings.precision) == 0 && (file[0] == '\0' || strcmp(file, "f32") == 0)) return lower[i].name;
    return file;
}

whet_status whet_bench_prepare_row(whet_bench *b, whet_bench_row *r)
{
    whet_status status = WHET_OK;
    if (b->spec->accept != NULL)
        WHET_TRY(whet_accept_parse(&r->accept, b->spec->accept));
    else
        whet_accept_default(&r->accept, bound_precision(r));
    if (r->settings.streams > r->threads)
        status = WHET_FAIL(WHET_EUNSUPPORTED, "%d streams need %d threads or more, %d are given", r->settings.streams, r->settings.streams, r->threads);
    if (status == WHET_OK) status = tune(b, r);
    if (status == WHET_OK) status = find_samples(b, r);
    if (status == WHET_OK) status = whet_bench_choose_best(b, r);
    if (status == WHET_OK) status = whet_bench_cold(b, r);
    if (status == WHET_OK) status = whet_bench_make_reference(b, r);
    if (status == WHET_OK) return whet_bench_check_row(b, r);
    whet_bench_fail_row(r, "");
    return ends_all(status) ? status : WHET_OK;
}

/* --- a fresh process, loaded and warm */
static void choose_group(whet_bench_row *r, const json_t *warm)
{
    const double median = json_number_value(json_object_get(warm, "median_ns")), clock = json_number_value(json_object_get(warm, "clock_ns"));
    if (r->group > 0) return; /* the same in all rounds */
    const double need = median > 0 ? ceil(clock * 1000 / median) : 1; /* looking at the clock costs at most 0.1 % */
    r->group = need < 1 ? 1 : need > MAX_GROUP ? MAX_GROUP : (int)need;
    if (r->group > 1) whet_bench_note(r, "a run is too short for the clock: each sample is the mean of %d runs", r->group);
}

static whet_status open_and_warm(whet_bench *b, whet_bench_row *r)
{
    json_t *loaded = NULL, *first = NULL, *warm = NULL;
    whet_status status = WHET_OK;
    const double seconds = b->spec->warmup_seconds < 0 ? 0.5 : b->spec->warmup_seconds;
    const int runs = b->spec->warmup_runs > 0 ? b->spec->warmup_runs : 10;
    WHET_GOTO(whet_bench_start(b, r));
    WHET_GOTO(whet_bench_load(b, r, &loaded));
    WHET_GOTO(whet_worker_call(r->worker, whet_samples_feed(r->samples), whet_bench_limit(b), NULL));
    WHET_GOTO(whet_worker_call(r->worker, json_pack("{ss, si}", "do", "run", "sample", 0), whet_bench_limit(b), &first));
    WHET_GOTO(whet_worker_call(r->worker, json_pack("{ss, si, sI}", "do", "warm", "runs", runs, "ns", (json_int_t)(seconds * 1e9)),
                               many_limit(b, r, runs, 5 * seconds), &warm));
    if (r->n_loads < MAX_LOADS) {
        r->build_ms[r->n_loads] = ms_of(loaded, "build_ns");
        r->first_ms[r->n_loads] = ms_of(first, "ns");
        r->warm_ms[r->n_loads] = ms_of(warm, "total_ns");
        r->warm_runs[r->n_loads++] = json_number_value(json_object_get(warm, "runs"));
    }
    b->best_probe = fmax(b->best_probe, json_number_value(json_object_get(warm, "probe")));
    r->still_falling |= json_is_true(json_object_get(warm, "falling"));
    choose_group(r, warm);
    whet_worker_pause(r->worker);
done:
    json_decref(loaded);
    json_decref(first);
    json_decref(warm);
    return status;
}

whet_status whet_bench_open_row(whet_bench *b, whet_bench_row *r)
{
    const whet_status status = open_and_warm(b, r);
    if (status == WHET_OK) return WHET_OK;
    whet_bench_fail_row(r, "");
    return ends_all(status) ? status : WHET_OK;
}

/* --- a block */
static whet_status grow(whet_bench_block **items, int n, int *cap)
{
    size_t room = (size_t)*cap;
    if (!WHET_GROW(items, (size_t)n, &room)) return WHET_ENOMEM;
    *cap = (int)room;
    return WHET_OK;
}

whet_status whet_bench_take_times(whet_worker *w, const json_t *reply, whet_bench_block *out)
{
    const json_int_t n = json_integer_value(json_object_get(reply, "count")), offset = json_integer_value(json_object_get(reply, "offset"));
    const uint64_t *ns = whet_worker_results(w, (uint64_t)offset, (uint64_t)n * sizeof *ns);
    if (n < 1 || ns == NULL) return WHET_FAIL(WHET_ERUNTIME, "a block came back without times");
    out->ms = whet_calloc((size_t)n, sizeof *out->ms);
    if (out->ms == NULL) return WHET_ENOMEM;
    out->n = (size_t)n;
    for (json_int_t i = 0; i < n; i++) out->ms[i] = (double)ns[i] / 1e6;
    return WHET_OK;
}

/* R11: threads that used over 1 % of the wall time, and the CPU time of all. */
void whet_bench_take_threads(const json_t *reply, whet_bench_block *out)
{
    const json_t *list = json_object_get(reply, "threads_ns");
    out->wall_ns = json_number_value(json_object_get(reply, "wall_ns"));
    for (size_t i = 0; i < json_array_size(list); i++) {
        const double ns = json_number_value(json_array_get(list, i));
        out->busy += ns > 0.01 * out->wall_ns;
    }
    out->cpu_ns = json_number_value(json_object_get(reply, "cpu_ns"));
}

static whet_status one_try(whet_bench *b, whet_bench_row *r, int block, whet_bench_block *out)
{
    json_t *reply = NULL;
    const int cells = b->rounds * b->blocks, group = WHET_MAX(r->group, 1);
    const int runs = (b->min_runs + cells - 1) / cells;
    const double seconds = b->min_seconds / cells, one = WHET_MAX(r->t.first_cold, 0.01);
    const int warm = (int)WHET_MIN(WHET_MAX(5.0 / one, 1.0), 50.0);
    const int known = r->reference != NULL && r->reference->ready ? r->reference->n_samples : r->samples->count;
    const int start_at = (b->round * b->blocks + block) % WHET_MAX(known, 1);
    whet_worker_continue(r->worker);
    whet_status status = whet_worker_call(r->worker,
                                          json_pack("{ss, si, sI, si, si, si}", "do", "block", "runs", runs * group, "ns", (json_int_t)(seconds * 1e9),
                                                    "warm", warm, "start", start_at, "group", group),
                                          many_limit(b, r, runs * group + warm, seconds), &reply);
    memset(out, 0, sizeof *out);
    out->round = b->round;
    out->block = block;
    out->runs_per_sample = group;
    if (status == WHET_OK) status = whet_bench_take_times(r->worker, reply, out);
    if (status == WHET_OK) {
        out->probe = json_number_value(json_object_get(reply, "probe"));
        whet_bench_take_threads(reply, out);
        whet_bench_check_outputs(r, reply, (int)json_integer_value(json_object_get(reply, "sample")));
        r->rechecked++;
        whet_worker_pause(r->worker);
    }
    json_decref(reply);
    return status;
}

static whet_status time_block(whet_bench *b, whet_bench_row *r, int block)
{
    whet_bench_block out;
    int repeats = 0;
    WHET_TRY(grow(&r->blocks, r->n_blocks, &r->cap_blocks));
    for (;; repeats++) {
        WHET_TRY(r->scenario == WHET_SCENARIO_SINGLE ? one_try(b, r, block, &out) : whet_bench_scenario_try(b, r, block, &out));
        if (out.probe > b->best_probe) b->best_probe = out.probe;
        if (out.probe >= 0.9 * b->best_probe || repeats == MAX_REPEATS) break;
        whet_free(out.ms);
    }
    out.repeats = repeats;
    out.slow = out.probe < 0.9 * b->best_probe;
    r->blocks[r->n_blocks++] = out;
    return WHET_OK;
}

whet_status whet_bench_time_block(whet_bench *b, whet_bench_row *r, int block)
{
    const whet_status status = time_block(b, r, block);
    if (status != WHET_OK) {
        whet_bench_fail_row(r, "while it was timed");
        return ends_all(status) ? status : WHET_OK;
    }
    if (!all_ok(r) && !r->gate_failed) { /* right before, wrong while timed */
        r->gate_failed = true;
        snprintf(r->status, sizeof r->status, "parity failed");
        snprintf(r->why, sizeof r->why, "in the timed run: %s", why_not(r));
        r->dead = !b->spec->force;
    }
    return WHET_OK;
}

whet_status whet_bench_window(whet_bench *b, whet_bench_row *r, double seconds, whet_bench_block *out)
{
    enum { WINDOW = 48 }; /* beyond the blocks of a round: other arrivals */
    json_t *reply = NULL;
    if (r->scenario != WHET_SCENARIO_SINGLE) return whet_bench_scenario_window(b, r, WINDOW, 1, seconds, out);
    memset(out, 0, sizeof *out);
    out->runs_per_sample = WHET_MAX(r->group, 1);
    whet_worker_continue(r->worker);
    whet_status status = whet_worker_call(r->worker, json_pack("{ss, si, sI, si, si, si}", "do", "block", "runs", 1, "ns", (json_int_t)(seconds * 1e9), "warm", 0,
                                                               "start", 0, "group", out->runs_per_sample), whet_bench_limit(b) + seconds, &reply);
    if (status == WHET_OK) status = whet_bench_take_times(r->worker, reply, out);
    if (status == WHET_OK) whet_bench_take_threads(reply, out);
    for (size_t i = 0; i < out->n; i++) out->busy_ns += out->ms[i] * 1e6 * out->runs_per_sample;
    json_decref(reply);
    if (status == WHET_OK) whet_worker_pause(r->worker);
    return status;
}

/* --- e2e: less often, it is there to compare with infer */
whet_status whet_bench_time_e2e(whet_bench *b, whet_bench_row *r)
{
    json_t *reply = NULL;
    char *contract = NULL;
    whet_status status = WHET_OK;
    const int runs = (WHET_MAX(b->min_runs, 20) / 2 + b->rounds - 1) / b->rounds;
    if (!r->samples->pictures || r->batch != 1 || r->e2e_why[0] != '\0') return WHET_OK;
    WHET_TRY(grow(&r->e2e, r->n_e2e, &r->cap_e2e));
    WHET_GOTO(whet_contract_to_json(&r->samples->contract, &contract));
    whet_worker_continue(r->worker);
    json_t *q = json_pack("{ss, ss, si, ss, si, si, si}", "do", "e2e", "data", b->spec->data, "split", (int)b->spec->split, "contract", contract,
                          "channels", r->samples->channels, "height", r->samples->height, "width", r->samples->width);
    if (b->spec->opening != NULL)
        json_object_set_new(q, "opening", json_pack("{ss*, sI, sb}", "val", b->spec->opening->val, "seed", (json_int_t)b->spec->opening->seed,
                                                    "own_model", b->spec->opening->own_model));
    if (r->samples->in[0].dtype != WHET_F32)
        json_object_set_new(q, "border", json_pack("{ss, sf, si}", "type", whet_dtype_name(r->samples->in[0].dtype), "scale", r->samples->border.scale,
                                                   "zero_point", r->samples->border.zero_point));
    json_object_set_new(q, "runs", json_integer(runs));
    json_object_set_new(q, "ns", json_integer((json_int_t)(b->min_seconds * 0.25e9 / b->rounds)));
    json_object_set_new(q, "start", json_integer((json_int_t)b->round * 97));
    WHET_GOTO(whet_worker_call(r->worker, q, many_limit(b, r, runs, b->min_seconds / b->rounds), &reply));
    whet_bench_block *out = &r->e2e[r->n_e2e];
    memset(out, 0, sizeof *out);
    out->round = b->round;
    out->runs_per_sample = 1;
    WHET_GOTO(whet_bench_take_times(r->worker, reply, out));
    r->n_e2e++;
    whet_worker_pause(r->worker);
done:
    whet_free(contract);
    json_decref(reply);
    if (status != WHET_OK && !ends_all(status)) {
        snprintf(r->e2e_why, sizeof r->e2e_why, "%s", whet_error_message());
        status = WHET_OK;
    }
    return status;
}
