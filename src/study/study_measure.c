// SPDX-License-Identifier: Apache-2.0
// The measured steps: which runtimes are there, the bench of a comparison set (its parity gate included), the final
// evaluation, and the search for a contract. Their keys hold the machine as well.
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "backend/backend.h"
#include "base/cancel.h"
#include "base/cpu.h"
#include "base/hash.h"
#include "base/io.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/threads.h"
#include "eval/find.h"
#include "eval/scores.h"
#include "measure/bench.h"
#include "measure/launch.h"
#include "measure/model_predictor.h"
#include "study/study_keys.h"
#include "study/study_run.h"
#include "wire/json.h"

enum { PARITY_INPUTS = 64 };

static json_t *machine(void)
{
    char cpu[200] = "";
    whet_cpu_model(cpu, sizeof cpu);
    return json_pack("{s:s, s:i, s:s}", "cpu", cpu, "cpus", whet_cpu_count(), "isa", whet_isa_name(whet_isa()));
}

// --- runtimes

// Asked in a process of its own: probing loads the vendor's library.
static json_t *probe(const char *runtime)
{
    whet_worker_options opt;
    whet_worker *w = NULL;
    json_t *reply = NULL;
    whet_worker_options_init(&opt);
    whet_status status = whet_worker_start(&w, &opt);
    if (status == WHET_OK) status = whet_worker_call(w, json_pack("{s:s, s:s}", "do", "probe", "runtime", runtime), 60, &reply);
    whet_worker_free(w);
    if (status == WHET_OK) return reply;
    json_decref(reply);
    return json_pack("{s:b, s:s}", "available", 0, "reason", whet_error_message());
}

// What the plan of a model alone has found out already: a large library takes seconds to load.
static json_t *asked_before(const study_run *r, const char *name)
{
    json_t *o = NULL;
    size_t i = 0;
    json_array_foreach(r->s->probed, i, o)
    {
        if (strcmp(whet_json_str(o, "name"), name) == 0) return json_incref(o);
    }
    return NULL;
}

whet_status study_find_runtimes(study_run *r)
{
    for (int i = 0; i < r->n_cells; i++) {
        const char *name = whet_study_text(r->c[i].set, "runtime");
        if (json_object_get(r->runtimes, name) != NULL) continue;
        json_t *known = asked_before(r, name);
        json_object_set_new(r->runtimes, name, known != NULL ? known : probe(name));
        if (whet_cancelled()) return WHET_FAIL(WHET_ECANCELLED, "interrupted while asking for runtimes");
    }
    return WHET_OK;
}

static const json_t *runtime_of(const study_run *r, const study_cell *c)
{
    return json_object_get(r->runtimes, whet_study_text(c->set, "runtime"));
}

static int threads_of(const study_cell *c)
{
    int n = (int)whet_study_number(c->set, "threads");
    return n > 0 ? n : whet_cpu_count();
}

// --- bench

static json_t *split_of(const study_cell *c, whet_split split)
{
    char sha256[65];
    if (c->data == NULL || c->data->set == NULL || whet_dataset_count(c->data->set, split) == 0) return json_null();
    if (whet_dataset_hash(c->data->set, split, sha256) != WHET_OK) return json_null();
    return json_string(sha256);
}

// Pictures for timing and parity come from val, or from train where there is none; never from test while another is there.
static whet_split input_split(const study_cell *c)
{
    if (whet_dataset_count(c->data->set, WHET_SPLIT_VAL) > 0) return WHET_SPLIT_VAL;
    return whet_dataset_count(c->data->set, WHET_SPLIT_TRAIN) > 0 ? WHET_SPLIT_TRAIN : WHET_SPLIT_TEST;
}

static bool has_pictures(const study_cell *c)
{
    return c->data != NULL && c->data->set != NULL && json_object_get(c->model, "contract") != NULL;
}

// json_equal, for which two missing values (no contract, say) are equal too.
static bool same(const json_t *a, const json_t *b)
{
    return (a == NULL && b == NULL) || json_equal(a, b);
}

// Of the file whose outputs are the reference.
static const json_t *original_hash(const study_cell *c)
{
    const json_t *original = json_object_get(c->model, "original_sha256");
    return original != NULL ? original : json_object_get(c->model, "sha256");
}

// How pictures become the original's input; what was made of it may say so in other words (for integers without a scale).
static json_t *meant_contract(const study_cell *c)
{
    json_t *original = json_object_get(c->model, "original_contract");
    return original != NULL ? original : json_object_get(c->model, "contract");
}

// Rows that are timed in turns: one model, in whatever format takes the same tensors, at the same batch, threads and inputs.
static bool same_set(const study_cell *a, const study_cell *b)
{
    static const char *const keys[] = {"batch", "threads", "seed", "verify.accept", "precision"};
    for (size_t i = 0; i < WHET_COUNT(keys); i++)
        if (!same(json_object_get(a->set, keys[i]), json_object_get(b->set, keys[i]))) return false;
    // The contract of a file that is still to be made is not known, but follows from the others.
    const bool planned = json_object_get(a->model, "planned") != NULL || json_object_get(b->model, "planned") != NULL;
    return a->data == b->data && same(original_hash(a), original_hash(b)) && same(json_object_get(a->model, "nhwc"), json_object_get(b->model, "nhwc")) &&
           (planned || same(meant_contract(a), meant_contract(b)));
}

/* Only where they are not the default: the keys of what was measured before stay as they are. */
static void put_limits(const study_cell *c, json_t *job)
{
    const double seconds = whet_study_number(c->set, "bench.time_limit");
    if (seconds != 300) json_object_set_new(job, "time_limit", json_real(seconds));
    if (json_is_number(json_object_get(c->set, "bench.memory_limit"))) json_object_set(job, "memory_limit", json_object_get(c->set, "bench.memory_limit"));
}
// Settings and scenario that are not the usual ones; left out where they are, so that the key of a step stays what it was.
static void put_unusual(json_t *o, const json_t *set, const char *const *keys, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const json_t *v = json_object_get(set, keys[i]);
        json_t *usual = study_default(study_key_find(keys[i]));
        if (v != NULL && !study_equal(v, usual)) json_object_set(o, keys[i], (json_t *)v);
        json_decref(usual);
    }
}
static const char *const numeric_keys[] = {"precision", "denormals"}; // these change the outputs, so that an evaluation has them too
static const char *const cell_keys[] = {"precision", "streams", "denormals", "arena"};
static const char *const scenario_keys[] = {"bench.scenario", "bench.rate", "bench.deadline", "bench.sustain", "bench.percentiles", "bench.power_cmd"};

// Which file the row runs, where it is not the model itself.
static void put_converted(json_t *row, const study_cell *c)
{
    static const char *const keys[] = {"sha256", "label", "original_sha256"};
    if (json_object_get(c->model, "original_sha256") == NULL) return;
    for (size_t i = 0; i < WHET_COUNT(keys); i++) json_object_set(row, keys[i], json_object_get(c->model, keys[i]));
}

static json_t *bench_job(study_run *r, study_cell *const *set, int n)
{
    const study_cell *c = set[0];
    json_t *rows = json_array(), *contract = meant_contract(c);
    for (int i = 0; i < n; i++) {
        json_t *row = json_object();
        json_object_set_new(row, "runtime", json_string(whet_study_text(set[i]->set, "runtime")));
        json_object_set(row, "version", json_object_get(runtime_of(r, set[i]), "version"));
        json_object_set_new(row, "optimisation", json_string(whet_study_text(set[i]->set, "optimisation")));
        put_unusual(row, set[i]->set, cell_keys, WHET_COUNT(cell_keys));
        put_converted(row, set[i]);
        json_array_append_new(rows, row);
    }
    const json_t *original = json_object_get(c->model, "original_label");
    json_t *job = json_pack("{s:O, s:O, s:o, s:i, s:i, s:s?, s:O, s:O, s:O, s:I, s:s, s:o, s:s}", "label",
                            original != NULL ? original : json_object_get(c->model, "label"), "sha256", original_hash(c), "rows", rows, "batch", (int)whet_study_number(c->set, "batch"),
                            "threads", threads_of(c), "accept", whet_study_text(c->set, "verify.accept"), "min_runs",
                            json_object_get(c->set, "bench.iterations"), "min_seconds", json_object_get(c->set, "bench.min_time"),
                            "warmup_seconds", json_object_get(c->set, "bench.warmup"), "seed", (json_int_t)whet_study_number(c->set, "seed"),
                            "mode", r->o.mode, "machine", machine(), "program", WHET_VERSION);
    if (job == NULL) return NULL;
    put_limits(c, job);
    put_unusual(job, c->set, scenario_keys, WHET_COUNT(scenario_keys));
    json_object_set_new(job, "inputs", has_pictures(c) ? split_of(c, input_split(c)) : json_null());
    if (has_pictures(c)) {
        json_object_set_new(job, "data", json_string(study_data_name(c->data)));
        json_object_set_new(job, "split", json_integer(input_split(c)));
        json_object_set_new(job, "opening", json_pack("{s:s*, s:I, s:b}", "val", c->data->val, "seed", (json_int_t)c->data->seed, "own_model",
                                                      c->data->own_model));
        json_object_set(job, "contract", contract);
    }
    return job;
}

// Where the row has its own, or else the set's.
static const json_t *of_row(const json_t *row, const json_t *job, const char *key)
{
    const json_t *v = json_object_get(row, key);
    return v != NULL ? v : json_object_get(job, key);
}

// A contract as a file, for calls that take one by name.
static whet_status contract_file(const study_run *r, const json_t *contract, const char *key, char **out)
{
    char *dir = study_path(r, "contracts"), *name = whet_format("%.12s.json", key);
    whet_status status = dir != NULL && name != NULL ? whet_mkdirs(dir) : WHET_ENOMEM;
    *out = NULL;
    if (status == WHET_OK) *out = whet_path_join(dir, name);
    if (status == WHET_OK && *out == NULL) status = WHET_ENOMEM;
    if (status == WHET_OK) status = whet_json_write(*out, contract);
    if (status != WHET_OK) {
        whet_free(*out);
        *out = NULL;
    }
    whet_free(dir);
    whet_free(name);
    return status;
}

static whet_bench_mode bench_mode(const char *mode)
{
    return strcmp(mode, "quick") == 0 ? WHET_BENCH_QUICK : strcmp(mode, "publish") == 0 ? WHET_BENCH_PUBLISH : WHET_BENCH_DEFAULT;
}

enum { MAX_PERCENTILES = 32 };

// --rate without a scenario are frames at equal distances, as on the command line.
static whet_status take_scenario(whet_bench_spec *s, const json_t *job, double *percentiles)
{
    const char *name = json_string_value(json_object_get(job, "bench.scenario"));
    const json_t *list = json_object_get(job, "bench.percentiles");
    if (name != NULL) WHET_TRY(whet_scenario_parse(&s->scenario, name));
    s->rate = json_number_value(json_object_get(job, "bench.rate"));
    if (s->rate > 0 && s->scenario == WHET_SCENARIO_SINGLE) s->scenario = WHET_SCENARIO_PACED;
    s->deadline_ms = json_number_value(json_object_get(job, "bench.deadline"));
    s->sustain_seconds = json_number_value(json_object_get(job, "bench.sustain"));
    s->power_cmd = json_string_value(json_object_get(job, "bench.power_cmd"));
    for (size_t i = 0; i < json_array_size(list) && i < MAX_PERCENTILES; i++) {
        const double p = json_number_value(json_array_get(list, i));
        if (p > 0 && p < 100) percentiles[s->n_percentiles++] = p;
    }
    s->percentiles = percentiles;
    return WHET_OK;
}

static whet_status run_bench(study_run *r, const char *key, const json_t *job, json_t **outputs)
{
    const json_t *rows = json_object_get(job, "rows"), *row = NULL, *contract = json_object_get(job, "contract");
    const json_t *opening = json_object_get(job, "opening");
    whet_dataset_options data;
    whet_bench_cell *cells = whet_calloc(json_array_size(rows), sizeof *cells);
    whet_bench_spec spec;
    double percentiles[MAX_PERCENTILES];
    char *contract_path = NULL, *keep = study_path(r, "interrupted");
    json_t *doc = NULL;
    size_t i = 0;
    whet_status status = cells != NULL && keep != NULL ? WHET_OK : WHET_ENOMEM;
    if (status == WHET_OK && contract != NULL) status = contract_file(r, contract, key, &contract_path);
    if (status != WHET_OK) goto done;
    json_array_foreach(rows, i, row)
    {
        cells[i] = (whet_bench_cell){.model = study_path_by_hash(r, of_row(row, job, "sha256")),
                                     .label = json_string_value(of_row(row, job, "label")),
                                     .original = study_path_by_hash(r, json_object_get(row, "original_sha256")),
                                     .runtime = json_string_value(json_object_get(row, "runtime")),
                                     .batch = (int)json_integer_value(json_object_get(job, "batch")),
                                     .threads = (int)json_integer_value(json_object_get(job, "threads")),
                                     .optimisation = json_string_value(json_object_get(row, "optimisation")),
                                     .precision = json_string_value(json_object_get(row, "precision")),
                                     .denormals = json_string_value(json_object_get(row, "denormals")),
                                     .arena = json_string_value(json_object_get(row, "arena")),
                                     .streams = (int)json_integer_value(json_object_get(row, "streams"))};
    }
    whet_bench_spec_init(&spec);
    spec.n_cells = (int)json_array_size(rows);
    spec.cells = cells;
    spec.mode = bench_mode(json_string_value(json_object_get(job, "mode")));
    spec.data = json_string_value(json_object_get(job, "data"));
    spec.split = (whet_split)json_integer_value(json_object_get(job, "split"));
    whet_dataset_options_init(&data); // the split that the training had
    data.val = json_string_value(json_object_get(opening, "val"));
    data.seed = (uint64_t)json_integer_value(json_object_get(opening, "seed"));
    data.own_model = json_is_true(json_object_get(opening, "own_model"));
    spec.opening = &data;
    spec.parity_inputs = PARITY_INPUTS;
    spec.contract = contract_path;
    spec.accept = json_string_value(json_object_get(job, "accept"));
    spec.seed = (uint64_t)json_integer_value(json_object_get(job, "seed"));
    spec.min_runs = (int)json_integer_value(json_object_get(job, "min_runs"));
    spec.min_seconds = json_number_value(json_object_get(job, "min_seconds"));
    spec.warmup_seconds = json_number_value(json_object_get(job, "warmup_seconds"));
    spec.keep = keep;
    spec.time_limit = json_number_value(json_object_get(job, "time_limit"));
    spec.memory_limit = (uint64_t)(json_number_value(json_object_get(job, "memory_limit")) * 1e6);
    WHET_GOTO(take_scenario(&spec, job, percentiles));
    spec.command = r->o.command;
    spec.progress = study_progress;
    spec.progress_arg = r;
    status = whet_bench_run(&doc, &spec);
    if (status == WHET_OK) *outputs = json_pack("{s:[], s:O}", "files", "bench", doc);
done:
    json_decref(doc);
    whet_free(contract_path);
    whet_free(keep);
    whet_free(cells);
    return status;
}
const study_step_kind study_bench_step = {"bench", 4, run_bench};

// The bench's rows become the study's, under the study's ids; comparisons follow them.
static void take_rows(study_run *r, study_cell *const *set, int n, const json_t *bench)
{
    const json_t *rows = json_object_get(bench, "rows"), *list = json_object_get(bench, "comparisons"), *c = NULL;
    const char *key = NULL;
    json_t *v = NULL;
    size_t i = 0;
    for (int k = 0; k < n; k++) {
        const json_t *row = json_array_get(rows, (size_t)k);
        json_object_foreach((json_t *)row, key, v)
        {
            if (strcmp(key, "id") != 0) json_object_set(set[k]->row, key, v);
        }
        const char *status = json_string_value(json_object_get(row, "status"));
        set[k]->failed = status == NULL || strcmp(status, "ok") != 0;
    }
    json_array_foreach(list, i, c)
    {
        json_t *copy = json_deep_copy(c);
        static const char *const ends[] = {"a", "b"};
        bool known = true;
        for (int e = 0; e < 2; e++) {
            const json_t *id = json_object_get(c, ends[e]);
            bool hit = false;
            for (int k = 0; k < n && !hit; k++) {
                if (!json_equal(json_object_get(json_array_get(rows, (size_t)k), "id"), id)) continue;
                json_object_set(copy, ends[e], json_object_get(set[k]->row, "id"));
                hit = true;
            }
            known = known && hit;
        }
        if (known) json_array_append(r->comparisons, copy);
        json_decref(copy);
    }
    if (r->bench_head == NULL) r->bench_head = json_pack("{s:O?, s:O?, s:O?}", "settings", json_object_get(bench, "settings"), "inputs",
                                                         json_object_get(bench, "inputs"), "context", json_object_get(bench, "context"));
    const json_t *warnings = json_object_get(json_object_get(bench, "context"), "warnings"), *w = NULL, *have = NULL;
    size_t k = 0, m = 0;
    json_t *all = json_object_get(json_object_get(r->bench_head, "context"), "warnings");
    json_array_foreach(warnings, k, w)
    {
        bool there = false;
        json_array_foreach(all, m, have) there = there || json_equal(have, w);
        if (!there && json_is_array(all)) json_array_append(all, (json_t *)w);
    }
}

static double measured_seconds(const study_run *r, const study_cell *c)
{
    double seconds = json_number_value(json_object_get(c->set, "bench.min_time"));
    if (seconds <= 0) seconds = strcmp(r->o.mode, "quick") == 0 ? 1 : strcmp(r->o.mode, "publish") == 0 ? 60 : 5;
    return seconds;
}

static double bench_seconds(const study_run *r, const study_cell *c)
{
    return (measured_seconds(r, c) + json_number_value(json_object_get(c->set, "bench.sustain"))) * 1.6 + 8; // warm-up, loading, the memory run and the parity gate
}

static whet_status bench_set(study_run *r, study_cell *const *set, int n)
{
    const study_cell *c = set[0];
    json_t *job = bench_job(r, set, n), *outputs = NULL;
    char label[300];
    snprintf(label, sizeof label, "%s, %d row%s", whet_json_str(job, "label"), n, n == 1 ? "" : "s");
    whet_status status = study_step(r, &study_bench_step, label, job, n * bench_seconds(r, c), 1e5 * n, &outputs);
    if (status == WHET_OK && outputs != NULL) take_rows(r, set, n, json_object_get(outputs, "bench"));
    if (status != WHET_OK && status != WHET_ECANCELLED) {
        for (int i = 0; i < n; i++) study_row_fail(set[i], "runtime failed", whet_error_message());
        status = WHET_OK;
    }
    if (status == WHET_OK && outputs == NULL) {
        r->more_seconds += 2 * 1.6 * n * measured_seconds(r, c); // a median that is not steady has up to three times the rounds
        for (int i = 0; i < n; i++) set[i]->unknown = true;
    }
    json_decref(job);
    json_decref(outputs);
    return status;
}

whet_status study_bench(study_run *r)
{
    whet_status status = WHET_OK;
    study_cell **set = whet_calloc((size_t)r->n_cells, sizeof(study_cell *));
    bool *taken = whet_calloc((size_t)r->n_cells, sizeof *taken);
    if (set == NULL || taken == NULL) status = WHET_ENOMEM;
    for (int i = 0; i < r->n_cells && status == WHET_OK; i++) {
        int n = 0;
        if (taken[i] || r->c[i].failed || !whet_study_flag(r->c[i].set, "bench.enabled")) continue;
        for (int k = i; k < r->n_cells; k++) {
            if (taken[k] || r->c[k].failed || !same_set(&r->c[i], &r->c[k])) continue;
            taken[k] = true;
            set[n++] = &r->c[k];
        }
        status = bench_set(r, set, n);
    }
    whet_free(set);
    whet_free(taken);
    return status;
}

// --- models as predictors, for eval and find

typedef struct opened {
    whet_runner *model;
    whet_contract contract;
} opened;

static void opened_dispose(opened *o)
{
    whet_runner_close(o->model);
    whet_contract_dispose(&o->contract);
}

static whet_status open_model(opened *o, const char *path, const json_t *job)
{
    whet_runner_options opt;
    char *text = NULL;
    const json_t *contract = json_object_get(job, "contract");
    memset(o, 0, sizeof *o);
    whet_contract_init(&o->contract);
    if (contract != NULL) {
        text = whet_json_text(contract, 0);
        whet_status status = text != NULL ? whet_contract_from_json(&o->contract, text) : WHET_ENOMEM;
        whet_free(text);
        WHET_TRY(status);
    }
    whet_runner_options_init(&opt);
    opt.apart = true; // never two vendors' runtimes in one process, and a crash is a row with a reason
    opt.runtime = json_string_value(json_object_get(job, "runtime"));
    opt.threads = (int)json_integer_value(json_object_get(job, "threads"));
    opt.optimisation = json_string_value(json_object_get(job, "optimisation"));
    opt.precision = json_string_value(json_object_get(job, "precision"));
    opt.denormals = json_string_value(json_object_get(job, "denormals"));
    opt.batch = (int)json_integer_value(json_object_get(job, "batch"));
    opt.contract = contract != NULL ? &o->contract : NULL;
    return whet_runner_open(&o->model, NULL, path, &opt);
}

static study_data *data_of(study_run *r, const json_t *job)
{
    return study_find_data(r, json_string_value(json_object_get(job, "data")), json_string_value(json_object_get(job, "val")),
                           (uint64_t)json_integer_value(json_object_get(job, "seed")),
                           json_is_true(json_object_get(job, "own_model")));
}

// --- eval

static whet_status run_eval(study_run *r, const char *key, const json_t *job, json_t **outputs)
{
    opened o;
    study_data *d = data_of(r, job);
    whet_scores *scores = NULL;
    whet_evaluate_options opt;
    json_t *doc = NULL;
    (void)key;
    whet_status status = open_model(&o, study_path_by_hash(r, json_object_get(job, "sha256")), job);
    if (status != WHET_OK) goto done;
    whet_evaluate_options_init(&opt);
    opt.contract = &o.contract;
    opt.split = WHET_SPLIT_TEST;
    opt.limit = (int)json_integer_value(json_object_get(job, "limit"));
    opt.seed = d->seed;
    opt.progress = study_progress;
    opt.progress_arg = r;
    WHET_GOTO(whet_evaluate(&scores, d->set, whet_runner_predictor(o.model), &opt));
    WHET_GOTO(whet_scores_json(scores, d->set, &doc));
    json_object_set(doc, "split_sha256", json_object_get(job, "test_sha256"));
    *outputs = json_pack("{s:[], s:O}", "files", "eval", doc);
done:
    json_decref(doc);
    whet_scores_free(scores);
    opened_dispose(&o);
    return status;
}
const study_step_kind study_eval_step = {"eval", 1, run_eval};

static void take_accuracy(study_run *r, study_cell *c, const json_t *eval)
{
    const json_t *top1 = json_object_get(eval, "top1");
    json_t *a = json_pack("{s:s, s:O?, s:O?, s:O?, s:O?, s:s, s:O?, s:n, s:i}", "metric", "top-1", "value", json_object_get(top1, "value"), "low",
                          json_object_get(top1, "low"), "high", json_object_get(top1, "high"), "count", json_object_get(eval, "n"), "split",
                          "test", "data", json_object_get(c->data->info, "name"), "delta", "seeds", 1);
    json_object_set_new(c->row, "accuracy", a);
    json_object_del(c->row, "accuracy_na");
    json_object_set(c->row, "eval", (json_t *)eval);
    r->test_reads++;
}

// Without labels: how often the row decides as the original does, on the pictures of the parity gate.
static void take_agreement(study_cell *c)
{
    const json_t *parity = json_object_get(c->row, "parity"), *share = json_object_get(json_array_get(json_object_get(parity, "outputs"), 0), "top1");
    if (c->data == NULL || c->data->set == NULL || whet_dataset_classes(c->data->set) > 0 || !json_is_number(share)) return;
    json_object_set_new(c->row, "agreement", json_pack("{s:s, s:O, s:O?, s:O?}", "metric", "top-1 as the original", "value", share, "count",
                                                       json_object_get(parity, "inputs"), "reference", json_object_get(parity, "reference")));
}

static const char *no_accuracy(const study_cell *c)
{
    if (c->data == NULL) return "no data";
    if (c->data->set == NULL) return "the data is still to be fetched";
    if (whet_dataset_classes(c->data->set) == 0) return "no labelled data";
    if (whet_dataset_count(c->data->set, WHET_SPLIT_TEST) == 0) return "the set has no test split";
    if (!whet_study_flag(c->set, "eval.enabled")) return "switched off in the study";
    return NULL;
}

whet_status study_eval(study_run *r, study_cell *c)
{
    const char *why = no_accuracy(c);
    char label[400];
    json_t *job = NULL, *outputs = NULL;
    if (why != NULL) {
        json_object_set_new(c->row, "accuracy", json_null());
        json_object_set_new(c->row, "accuracy_na", json_string(why));
        take_agreement(c);
        return WHET_OK;
    }
    if (c->failed) return WHET_OK;
    snprintf(label, sizeof label, "%s on %s", json_string_value(json_object_get(c->model, "label")), whet_study_text(c->set, "runtime"));
    job = json_pack("{s:O, s:s, s:O?, s:s, s:i, s:O?, s:s, s:s*, s:b, s:I, s:o, s:i, s:i, s:s}", "sha256", json_object_get(c->model, "sha256"), "runtime",
                    whet_study_text(c->set, "runtime"), "version", json_object_get(runtime_of(r, c), "version"), "optimisation",
                    whet_study_text(c->set, "optimisation"), "threads", threads_of(c), "contract", json_object_get(c->model, "contract"),
                    "data", c->data->spec, "val", c->data->val, "own_model", c->data->own_model, "seed", (json_int_t)c->data->seed, "test_sha256",
                    split_of(c, WHET_SPLIT_TEST), "limit", (int)whet_study_number(c->set, "data.limit"), "batch",
                    (int)whet_study_number(c->set, "eval.batch"), "program", WHET_VERSION);
    if (job != NULL) put_unusual(job, c->set, numeric_keys, WHET_COUNT(numeric_keys));
    double n = whet_dataset_count(c->data->set, WHET_SPLIT_TEST);
    whet_status status = study_step(r, &study_eval_step, label, job, n / 3000 + 0.5, 0, &outputs);
    if (status == WHET_OK && outputs != NULL) take_accuracy(r, c, json_object_get(outputs, "eval"));
    if (status != WHET_OK && status != WHET_ECANCELLED) {
        study_row_fail(c, whet_error_last()->status == WHET_EUNSUPPORTED ? "unsupported" : "runtime failed", whet_error_message());
        status = WHET_OK;
    }
    json_decref(job);
    json_decref(outputs);
    return status;
}

// --- contract find

static whet_status run_find(study_run *r, const char *key, const json_t *job, json_t **outputs)
{
    opened o;
    study_data *d = data_of(r, job);
    whet_findings *f = whet_calloc(1, sizeof *f);
    whet_find_options opt;
    json_t *contract = NULL, *candidates = json_array();
    char *text = NULL, told[300];
    (void)key;
    whet_status status = open_model(&o, json_string_value(json_object_get(job, "path")), job);
    if (status == WHET_OK && f == NULL) status = WHET_ENOMEM;
    if (status != WHET_OK) goto done;
    whet_find_options_init(&opt);
    opt.progress = study_progress;
    opt.progress_arg = r;
    opt.seed = d->seed;
    WHET_GOTO(whet_contract_find(f, d->set, whet_runner_predictor(o.model), &opt));
    if (f->n_candidates < 1 || f->chance) {
        status = WHET_FAIL(WHET_EINVAL, "no usual preprocessing contract makes the model better than guessing on these pictures: say it with --contract");
        goto done;
    }
    for (int i = 0; i < f->n_candidates; i++)
        json_array_append_new(candidates, json_pack("{s:s, s:s, s:f, s:f, s:b}", "name", f->c[i].name, "formula", f->c[i].formula, "accuracy",
                                                    f->c[i].accuracy.value, "loss", f->c[i].loss, "tie", f->c[i].tie));
    WHET_GOTO(whet_contract_to_json(&f->c[0].contract, &text));
    WHET_GOTO(whet_json_parse(&contract, text, strlen(text), "contract"));
    snprintf(told, sizeof told, "%s, %.2f %% of %d pictures right", f->c[0].formula, 100 * f->c[0].accuracy.value, f->n_pictures);
    if (f->n_candidates > 1) {
        size_t n = strlen(told);
        snprintf(told + n, sizeof told - n, " (%s would lose %.2f)", f->c[1].formula, 100 * f->c[1].loss);
    }
    *outputs = json_pack("{s:[], s:O, s:s, s:O}", "files", "contract", contract, "text", told, "candidates", candidates);
done:
    if (f != NULL) whet_findings_dispose(f);
    whet_free(f);
    whet_free(text);
    json_decref(contract);
    json_decref(candidates);
    opened_dispose(&o);
    return status;
}
const study_step_kind study_find_step = {"contract find", 1, run_find};
