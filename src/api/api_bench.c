/* SPDX-License-Identifier: Apache-2.0 */
/* Body of include/whet/bench.h: lists of models, runtimes, batches and threads become rows; the table for people. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/compare_text.h"
#include "api/keep.h"
#include "api/result.h"
#include "base/mem.h"
#include "measure/baseline.h"
#include "measure/bench.h"
#include "measure/runtimes.h"
#include "store/document.h"
#include "wire/json.h"
#include "whet/bench.h"

enum { MAX_VALUES = 32, MAX_CELLS = 512 };

void whet_bench_options_init(whet_bench_options *o) { *o = (whet_bench_options){.size = sizeof *o}; }

/* --- rendering */
enum { COLUMNS = 9 };
typedef struct row_text { char cell[COLUMNS][96]; } row_text;

static void figure(char *out, const json_t *o, const char *key, double scale, const char *format)
{
    const json_t *v = json_object_get(o, key);
    if (json_is_number(v))
        snprintf(out, 96, format, json_number_value(v) * scale);
    else
        snprintf(out, 96, "-");
}

static void milliseconds(char *out, const json_t *o, const char *key)
{
    const double x = whet_json_real(o, key);
    figure(out, o, key, 1, x >= 100 ? "%.0f" : x >= 10 ? "%.1f" : x >= 1 ? "%.2f" : "%.3f");
}

static void fill_row(row_text *t, const json_t *o)
{
    const json_t *lat = json_object_get(o, "latency"), *memory = json_object_get(o, "memory");
    const double p50 = whet_json_real(lat, "p50");
    snprintf(t->cell[0], 96, "%s", whet_json_str(o, "model"));
    snprintf(t->cell[1], 96, "%s", whet_json_str(o, json_is_true(json_object_get(o, "external")) ? "runtime_title" : "runtime"));
    figure(t->cell[2], o, "size_bytes", 1e-6, "%.2f");
    milliseconds(t->cell[3], o, "load_ms");
    milliseconds(t->cell[4], lat, "p50");
    if (p50 > 0) {
        const double half = (whet_json_real(lat, "p50_high") - whet_json_real(lat, "p50_low")) / 2 / p50 * 100;
        snprintf(t->cell[4] + strlen(t->cell[4]), 32, " ±%.1f%%", half);
    }
    milliseconds(t->cell[5], lat, "p90");
    figure(t->cell[6], o, "img_per_s", 1, "%.0f");
    figure(t->cell[7], memory, "delta_bytes", 1e-6, "%.1f");
    snprintf(t->cell[8], 96, "%s", strcmp(whet_json_str(o, "status"), "ok") == 0 ? whet_json_str(o, "verdict") : whet_json_str(o, "status"));
}

static void render_reasons(const json_t *rows, whet_strbuf *out)
{
    for (size_t i = 0; i < json_array_size(rows); i++) {
        const json_t *o = json_array_get(rows, i), *reasons = json_object_get(o, "verdict_reasons");
        if (strcmp(whet_json_str(o, "status"), "ok") != 0) whet_strbuf_printf(out, "%s on %s: %s\n", whet_json_str(o, "model"), whet_json_str(o, "runtime"), whet_json_str(o, "reason"));
        for (size_t k = 0; k < json_array_size(reasons); k++)
            whet_strbuf_printf(out, "%s on %s: %s: %s\n", whet_json_str(o, "model"), whet_json_str(o, "runtime"), whet_json_str(o, "verdict"),
                               json_string_value(json_array_get(reasons, k)));
    }
}

static void render_list(const json_t *list, const char *key, const char *prefix, whet_strbuf *out)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *v = json_array_get(list, i);
        whet_strbuf_printf(out, "%s%s\n", prefix, key != NULL ? whet_json_str(v, key) : json_string_value(v));
    }
}

static void render(const json_t *doc, int width, bool color, whet_strbuf *out)
{
    static const char *const titles[] = {"model", "runtime", "size MB", "load ms", "p50 ms", "p90 ms", "img/s", "Δ MB", "verdict"};
    const json_t *rows = json_object_get(doc, "rows"), *first = json_array_get(rows, 0);
    const size_t n = json_array_size(rows);
    row_text *t = whet_calloc(n + 1, sizeof *t);
    const char **cells = whet_calloc(n * COLUMNS + 1, sizeof *cells);
    for (size_t i = 0; t != NULL && cells != NULL && i < n; i++) {
        fill_row(&t[i], json_array_get(rows, i));
        for (int c = 0; c < COLUMNS; c++) cells[i * COLUMNS + (size_t)c] = t[i].cell[c];
    }
    if (t != NULL && cells != NULL) whet_render_table(out, width, color, COLUMNS, titles, "llrrrrrrl", (int)n, cells);
    whet_strbuf_printf(out, "\nbatch %.0f, %.0f thread%s, %s mode; inputs: %s\n", whet_json_real(first, "batch"), whet_json_real(first, "threads"),
                       whet_json_real(first, "threads") == 1 ? "" : "s", whet_json_str(doc, "mode"),
                       whet_json_str(json_object_get(doc, "inputs"), "source"));
    whet_strbuf_printf(out, "parity: max difference against %s\n", whet_json_str(json_object_get(first, "parity"), "reference"));
    render_reasons(rows, out);
    render_list(json_object_get(json_object_get(doc, "context"), "warnings"), NULL, "machine: ", out);
    whet_strbuf_puts(out, "\n");
    render_list(json_object_get(doc, "comparisons"), "text", "", out);
    if (json_array_size(json_object_get(doc, "comparisons")) == 0) whet_strbuf_printf(out, "%s\n", whet_json_str(doc, "summary"));
    if (json_is_integer(json_object_get(doc, "run_id")))
        whet_strbuf_printf(out, "stored as run %.0f\n", whet_json_real(doc, "run_id"));
    if (json_is_object(json_object_get(doc, "baseline_compare"))) {
        whet_strbuf_puts(out, "\n");
        whet_render_compare(json_object_get(doc, "baseline_compare"), width, color, out);
    }
    whet_free(cells);
    whet_free(t);
}

/* --- lists */
typedef struct list { int n; char *text; const char *item[MAX_VALUES]; } list;

static whet_status split_list(list *l, const char *text, const char *what)
{
    char *save = NULL;
    l->n = 0;
    l->text = whet_strdup(text);
    if (l->text == NULL) return WHET_ENOMEM;
    for (char *p = strtok_r(l->text, ",", &save); p != NULL; p = strtok_r(NULL, ",", &save)) {
        if (l->n == MAX_VALUES) return WHET_FAIL(WHET_EINVAL, "%s: at most %d values are possible", what, MAX_VALUES);
        l->item[l->n++] = p;
    }
    return l->n > 0 ? WHET_OK : WHET_FAIL(WHET_EINVAL, "%s: the list is empty", what);
}

static whet_status number(const char *text, const char *what, int most, int *out)
{
    char *end = NULL;
    const long n = strtol(text, &end, 10);
    if (end == text || *end != '\0' || n < 1 || n > most) return WHET_FAIL(WHET_EINVAL, "%s '%s' is not a number from 1 to %d", what, text, most);
    *out = (int)n;
    return WHET_OK;
}

/* All runtimes that have a plug-in, native first: those that cannot be used become rows that say why. */
static whet_status all_runtimes(list *l, const char *program)
{
    json_t *found = NULL;
    whet_strbuf names;
    WHET_TRY(whet_runtimes_probe(&found, program));
    whet_strbuf_init(&names);
    for (size_t i = 0; i < json_array_size(found); i++)
        whet_strbuf_printf(&names, "%s%s", i > 0 ? "," : "", whet_json_str(json_array_get(found, i), "name"));
    json_decref(found);
    char *text = whet_strbuf_take(&names);
    const whet_status status = text != NULL ? split_list(l, text, "runtimes") : WHET_ENOMEM;
    whet_free(text);
    return status;
}

static whet_status fill_cells(whet_bench_cell *cells, int *n, int n_models, const char *const *models, const list *runtimes, const list *batches,
                              const list *threads, const char *optimisation)
{
    for (int m = 0; m < n_models; m++)
        for (int r = 0; r < runtimes->n; r++)
            for (int b = 0; b < WHET_MAX(batches->n, 1); b++)
                for (int t = 0; t < WHET_MAX(threads->n, 1); t++) {
                    if (*n == MAX_CELLS) return WHET_FAIL(WHET_EINVAL, "over %d rows: give fewer models, runtimes, batches or threads", MAX_CELLS);
                    whet_bench_cell *c = &cells[(*n)++];
                    *c = (whet_bench_cell){.model = models[m], .runtime = runtimes->item[r], .optimisation = optimisation};
                    if (batches->n > 0) WHET_TRY(number(batches->item[b], "batch", 65536, &c->batch));
                    if (threads->n > 0) WHET_TRY(number(threads->item[t], "threads", 1024, &c->threads));
                }
    return WHET_OK;
}

static whet_status fill_spec(whet_bench_spec *s, const whet_bench_options *o)
{
    static const char *const levels[] = {"off", "basic", "all"};
    bool known = o->optimisation == NULL;
    char rest = 0;
    whet_bench_spec_init(s);
    if (o->quick && o->publish) return WHET_FAIL(WHET_EINVAL, "quick and publish exclude each other");
    for (int i = 0; i < 3 && !known; i++) known = strcmp(o->optimisation, levels[i]) == 0;
    if (!known) return WHET_FAIL(WHET_EINVAL, "optimisation '%s' must be off, basic or all", o->optimisation);
    s->mode = o->quick ? WHET_BENCH_QUICK : o->publish ? WHET_BENCH_PUBLISH : WHET_BENCH_DEFAULT;
    for (int i = 0; o->split != NULL && i < WHET_SPLIT_COUNT; i++)
        if (strcmp(o->split, whet_split_name((whet_split)i)) == 0) s->split = (whet_split)i;
    if (o->split != NULL && strcmp(o->split, whet_split_name(s->split)) != 0)
        return WHET_FAIL(WHET_EINVAL, "'%s' is no split; they are train, val, test", o->split);
    if (o->picture_size != NULL && (sscanf(o->picture_size, "%dx%d%c", &s->sizes[0], &s->sizes[1], &rest) != 2 || s->sizes[0] < 1 || s->sizes[1] < 1))
        return WHET_FAIL(WHET_EINVAL, "size '%s' is not of the form HxW", o->picture_size);
    if (o->iterations < 0 || o->iterations > 1000000 || o->min_time < 0 || o->min_time > 3600 || o->warmup < 0 || o->warmup > 100000)
        return WHET_FAIL(WHET_EINVAL, "iterations, time or warm-up is out of range");
    s->data = o->data;
    s->contract = o->contract;
    s->accept = o->accept;
    s->seed = o->seed;
    s->min_runs = (int)o->iterations;
    s->min_seconds = o->min_time;
    s->warmup_runs = (int)o->warmup;
    s->force = o->force != 0;
    s->tune = o->tune != 0;
    if (o->time_limit < 0 || o->time_limit > 86400 || o->memory_limit < 0 || o->memory_limit > 1e9)
        return WHET_FAIL(WHET_EINVAL, "the time or memory limit is out of range");
    s->keep = o->keep;
    s->time_limit = o->time_limit;
    s->memory_limit = (uint64_t)(o->memory_limit * 1e6);
    s->program = o->program;
    s->command = o->command;
    s->progress = o->progress;
    s->progress_arg = o->progress_arg;
    return WHET_OK;
}

/* 1 if a row failed its parity gate or broke down, or if nothing ran. A runtime that is not
 * there, or cannot do the model, is a row with a reason and no failure. */
static int gate_of(const json_t *doc)
{
    const json_t *rows = json_object_get(doc, "rows");
    bool any = false;
    for (size_t i = 0; i < json_array_size(rows); i++) {
        const char *status = whet_json_str(json_array_get(rows, i), "status");
        if (strcmp(status, "parity failed") == 0 || strncmp(status, "runtime failed", 14) == 0) return 1;
        any |= strcmp(status, "ok") == 0;
    }
    return !any;
}

whet_status whet_bench(whet_result **out, int n_models, const char *const *models, const whet_bench_options *opt)
{
    whet_bench_options o;
    whet_bench_spec s;
    list runtimes = {0}, batches = {0}, threads = {0};
    json_t *doc = NULL, *old = NULL;
    whet_gates gates;
    bool worse = false;
    int n = 0;
    whet_status status = WHET_OK;
    *out = NULL;
    whet_bench_options_init(&o);
    if (opt != NULL) o = *opt;
    if (n_models < 1 || models == NULL) return WHET_FAIL(WHET_EINVAL, "nothing to measure: give a model");
    whet_bench_cell *cells = whet_calloc(MAX_CELLS, sizeof *cells);
    if (cells == NULL) return WHET_ENOMEM;
    WHET_GOTO(fill_spec(&s, &o));
    WHET_GOTO(o.runtimes != NULL ? split_list(&runtimes, o.runtimes, "runtimes") : all_runtimes(&runtimes, o.program));
    if (o.batch != NULL) WHET_GOTO(split_list(&batches, o.batch, "batch"));
    if (o.threads != NULL) WHET_GOTO(split_list(&threads, o.threads, "threads"));
    WHET_GOTO(fill_cells(cells, &n, n_models, models, &runtimes, &batches, &threads, o.optimisation));
    s.cells = cells;
    s.n_cells = n;
    WHET_GOTO(whet_read_baseline(&old, &gates, o.baseline, o.gate, o.store)); /* told before the minutes of measuring, not after them */
    WHET_GOTO(whet_bench_run(&doc, &s));
    json_object_set_new(doc, "schema_version", json_integer(WHET_RESULT_SCHEMA));
    json_object_set_new(doc, "kind", json_string("bench"));
    if (o.stored) whet_keep_run(doc, NULL, o.store);
    if (old != NULL) WHET_GOTO(whet_bench_compare_stored(doc, &worse, old, o.baseline, &gates, o.seed));
    const int gate = gate_of(doc) || worse;
    status = whet_result_make(out, "bench", json_incref(doc), gate, render);
done:
    json_decref(doc);
    json_decref(old);
    whet_free(runtimes.text);
    whet_free(batches.text);
    whet_free(threads.text);
    whet_free(cells);
    return status;
}
