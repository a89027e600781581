// SPDX-License-Identifier: Apache-2.0
// The bench of a comparison set, its parity gate included: cells that are timed in turns are one step, whose key holds the
// machine as well; the rows of its document become the study's.
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cpu.h"
#include "base/io.h"
#include "base/mem.h"
#include "base/threads.h"
#include "measure/bench.h"
#include "study/study_keys.h"
#include "study/study_measure.h"
#include "wire/json.h"

enum { PARITY_INPUTS = 64 };

static json_t *machine(void)
{
    char cpu[200] = "";
    whet_cpu_model(cpu, sizeof cpu);
    return json_pack("{s:s, s:i, s:s}", "cpu", cpu, "cpus", whet_cpu_count(), "isa", whet_isa_name(whet_isa()));
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

// Only where they are not the default: the keys of what was measured before stay as they are.
static void put_limits(const study_cell *c, json_t *job)
{
    const double seconds = whet_study_number(c->set, "bench.time_limit");
    if (seconds != 300) json_object_set_new(job, "time_limit", json_real(seconds));
    if (json_is_number(json_object_get(c->set, "bench.memory_limit"))) json_object_set(job, "memory_limit", json_object_get(c->set, "bench.memory_limit"));
}

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
        json_object_set(row, "version", json_object_get(study_runtime(r, set[i]), "version"));
        json_object_set_new(row, "optimisation", json_string(whet_study_text(set[i]->set, "optimisation")));
        study_put_unusual(row, set[i]->set, cell_keys, WHET_COUNT(cell_keys));
        put_converted(row, set[i]);
        json_array_append_new(rows, row);
    }
    const json_t *original = json_object_get(c->model, "original_label");
    json_t *job = json_pack("{s:O, s:O, s:o, s:i, s:i, s:s?, s:O, s:O, s:O, s:I, s:s, s:o, s:s}", "label",
                            original != NULL ? original : json_object_get(c->model, "label"), "sha256", original_hash(c), "rows", rows, "batch", (int)whet_study_number(c->set, "batch"),
                            "threads", study_threads(c), "accept", whet_study_text(c->set, "verify.accept"), "min_runs",
                            json_object_get(c->set, "bench.iterations"), "min_seconds", json_object_get(c->set, "bench.min_time"),
                            "warmup_seconds", json_object_get(c->set, "bench.warmup"), "seed", (json_int_t)whet_study_number(c->set, "seed"),
                            "mode", r->o.mode, "machine", machine(), "program", WHET_VERSION);
    if (job == NULL) return NULL;
    put_limits(c, job);
    study_put_unusual(job, c->set, scenario_keys, WHET_COUNT(scenario_keys));
    json_object_set_new(job, "inputs", has_pictures(c) ? study_split_hash(c, input_split(c)) : json_null());
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

static whet_bench_cell bench_cell(const study_run *r, const json_t *row, const json_t *job)
{
    return (whet_bench_cell){.model = study_path_by_hash(r, of_row(row, job, "sha256")),
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

// The split that the training had.
static void open_as_trained(whet_dataset_options *data, const json_t *opening)
{
    whet_dataset_options_init(data);
    data->val = json_string_value(json_object_get(opening, "val"));
    data->seed = (uint64_t)json_integer_value(json_object_get(opening, "seed"));
    data->own_model = json_is_true(json_object_get(opening, "own_model"));
}

// What the job alone says; the spec borrows from it.
static void take_job(whet_bench_spec *s, const json_t *job)
{
    s->mode = bench_mode(json_string_value(json_object_get(job, "mode")));
    s->data = json_string_value(json_object_get(job, "data"));
    s->split = (whet_split)json_integer_value(json_object_get(job, "split"));
    s->parity_inputs = PARITY_INPUTS;
    s->accept = json_string_value(json_object_get(job, "accept"));
    s->seed = (uint64_t)json_integer_value(json_object_get(job, "seed"));
    s->min_runs = (int)json_integer_value(json_object_get(job, "min_runs"));
    s->min_seconds = json_number_value(json_object_get(job, "min_seconds"));
    s->warmup_seconds = json_number_value(json_object_get(job, "warmup_seconds"));
    s->time_limit = json_number_value(json_object_get(job, "time_limit"));
    s->memory_limit = (uint64_t)(json_number_value(json_object_get(job, "memory_limit")) * 1e6);
}

static whet_status run_bench(study_run *r, const char *key, const json_t *job, json_t **outputs)
{
    const json_t *rows = json_object_get(job, "rows"), *row = NULL, *contract = json_object_get(job, "contract");
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
    json_array_foreach(rows, i, row) cells[i] = bench_cell(r, row, job);
    open_as_trained(&data, json_object_get(job, "opening"));
    whet_bench_spec_init(&spec);
    take_job(&spec, job);
    WHET_GOTO(take_scenario(&spec, job, percentiles));
    spec.n_cells = (int)json_array_size(rows);
    spec.cells = cells;
    spec.opening = &data;
    spec.contract = contract_path;
    spec.keep = keep;
    spec.command = r->o.command;
    spec.progress = study_progress;
    spec.progress_arg = r;
    status = whet_bench_run(&doc, &spec);
    if (status == WHET_OK) *outputs = json_pack("{s:[], s:O}", "files", "bench", doc);
done:
    if (keep != NULL) rmdir(keep); // what was kept is used up; nothing happens while something lies there
    json_decref(doc);
    whet_free(contract_path);
    whet_free(keep);
    whet_free(cells);
    return status;
}
const study_step_kind study_bench_step = {"bench", 4, run_bench};

// The id in the study of the row that has this id in the bench; NULL: none of the set.
static json_t *study_id(study_cell *const *set, int n, const json_t *rows, const json_t *id)
{
    for (int k = 0; k < n; k++)
        if (json_equal(json_object_get(json_array_get(rows, (size_t)k), "id"), id)) return json_object_get(set[k]->row, "id");
    return NULL;
}

static void take_comparisons(study_run *r, study_cell *const *set, int n, const json_t *bench)
{
    static const char *const ends[] = {"a", "b"};
    const json_t *rows = json_object_get(bench, "rows"), *list = json_object_get(bench, "comparisons"), *c = NULL;
    size_t i = 0;
    json_array_foreach(list, i, c)
    {
        json_t *copy = json_deep_copy(c);
        bool known = true;
        for (size_t e = 0; e < WHET_COUNT(ends); e++) {
            json_t *id = study_id(set, n, rows, json_object_get(c, ends[e]));
            if (id != NULL) json_object_set(copy, ends[e], id);
            known = known && id != NULL;
        }
        if (known) json_array_append(r->comparisons, copy);
        json_decref(copy);
    }
}

// Settings and inputs of the first bench stand for all; each warning is kept once.
static void take_head(study_run *r, const json_t *bench)
{
    if (r->bench_head == NULL) r->bench_head = json_pack("{s:O?, s:O?, s:O?}", "settings", json_object_get(bench, "settings"), "inputs",
                                                         json_object_get(bench, "inputs"), "context", json_object_get(bench, "context"));
    const json_t *warnings = json_object_get(json_object_get(bench, "context"), "warnings"), *w = NULL, *have = NULL;
    json_t *all = json_object_get(json_object_get(r->bench_head, "context"), "warnings");
    size_t i = 0, k = 0;
    json_array_foreach(warnings, i, w)
    {
        bool there = false;
        json_array_foreach(all, k, have) there = there || json_equal(have, w);
        if (!there && json_is_array(all)) json_array_append(all, (json_t *)w);
    }
}

// The bench's rows become the study's, under the study's ids; comparisons follow them.
static void take_rows(study_run *r, study_cell *const *set, int n, const json_t *bench)
{
    const json_t *rows = json_object_get(bench, "rows");
    const char *key = NULL;
    json_t *v = NULL;
    for (int k = 0; k < n; k++) {
        const json_t *row = json_array_get(rows, (size_t)k);
        json_object_foreach((json_t *)row, key, v)
        {
            if (strcmp(key, "id") != 0) json_object_set(set[k]->row, key, v);
        }
        const char *status = json_string_value(json_object_get(row, "status"));
        set[k]->failed = status == NULL || strcmp(status, "ok") != 0;
    }
    take_comparisons(r, set, n, bench);
    take_head(r, bench);
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
