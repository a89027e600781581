/* SPDX-License-Identifier: Apache-2.0 */
/* Body of include/whet/bench.h: options become a spec. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/api_size.h"
#include "api/bench_cells.h"
#include "api/bench_text.h"
#include "api/keep.h"
#include "api/result.h"
#include "base/mem.h"
#include "base/numbers.h"
#include "measure/baseline.h"
#include "measure/bench.h"
#include "store/document.h"
#include "wire/json.h"
#include "whet/bench.h"

enum { MAX_PERCENTILES = 16, PUBLISH_RUNS = 662, PUBLISH_SECONDS = 60 };

void whet_bench_options_init(whet_bench_options *o) { *o = (whet_bench_options){.size = sizeof *o}; }

/* "50,90,99.9" */
static whet_status read_percentiles(const char *text, double *out, int *n)
{
    for (const char *p = text; p != NULL && *p != '\0';) {
        char *end = NULL;
        const double x = strtod(p, &end);
        if (end == p || (*end != ',' && *end != '\0') || !(x > 0 && x < 100)) return WHET_FAIL(WHET_EINVAL, "percentiles '%s' must be numbers between 0 and 100, as 50,90,99", text);
        for (int i = 0; i < *n; i++)
            if (out[i] == x) return WHET_FAIL(WHET_EINVAL, "percentiles '%s' name %g twice, name it once", text, x);
        if (*n == MAX_PERCENTILES) return WHET_FAIL(WHET_EINVAL, "at most %d percentiles are possible", MAX_PERCENTILES);
        out[(*n)++] = x;
        p = *end == ',' ? end + 1 : end;
    }
    return WHET_OK;
}

static whet_status read_scenario(whet_bench_spec *s, const whet_bench_options *o)
{
    if (o->scenario != NULL) WHET_TRY(whet_scenario_parse(&s->scenario, o->scenario));
    if (o->rate < 0 || o->deadline < 0 || o->sustain < 0 || o->sustain > 86400) return WHET_FAIL(WHET_EINVAL, "rate, deadline or sustain is out of range");
    if (o->rate > 0 && s->scenario == WHET_SCENARIO_SINGLE) s->scenario = WHET_SCENARIO_PACED;
    if (o->rate > 0 && !whet_scenario_open(s->scenario))
        return WHET_FAIL(WHET_EINVAL, "the scenario %s has no arrivals: leave the rate out", whet_scenario_name(s->scenario));
    if (!(o->rate > 0) && whet_scenario_open(s->scenario))
        return WHET_FAIL(WHET_EINVAL, "the scenario %s needs a rate of arrivals a second: --rate", whet_scenario_name(s->scenario));
    if (o->deadline > 0 && !whet_scenario_open(s->scenario)) return WHET_FAIL(WHET_EINVAL, "a deadline needs arrivals: --rate, or --scenario server --rate");
    s->rate = o->rate;
    s->deadline_ms = o->deadline;
    s->sustain_seconds = o->sustain;
    s->power_cmd = o->power_cmd;
    return WHET_OK;
}

static whet_status fill_spec(whet_bench_spec *s, const whet_bench_options *o)
{
    whet_bench_spec_init(s);
    if (o->quick && o->publish) return WHET_FAIL(WHET_EINVAL, "quick and publish exclude each other");
    if (o->publish && ((o->iterations > 0 && o->iterations < PUBLISH_RUNS) || (o->min_time > 0 && o->min_time < PUBLISH_SECONDS)))
        return WHET_FAIL(WHET_EINVAL, "publish means at least %d runs and %d s a row", PUBLISH_RUNS, PUBLISH_SECONDS);
    s->mode = o->quick ? WHET_BENCH_QUICK : o->publish ? WHET_BENCH_PUBLISH : WHET_BENCH_DEFAULT;
    for (int i = 0; o->split != NULL && i < WHET_SPLIT_COUNT; i++)
        if (strcmp(o->split, whet_split_name((whet_split)i)) == 0) s->split = (whet_split)i;
    if (o->split != NULL && strcmp(o->split, whet_split_name(s->split)) != 0)
        return WHET_FAIL(WHET_EINVAL, "'%s' is no split; they are train, val, test", o->split);
    WHET_TRY(whet_api_size(o->picture_size, s->sizes));
    if (o->iterations < 0 || o->iterations > 1000000 || o->min_time < 0 || o->min_time > 3600 || o->warmup < 0 || o->warmup > 100000)
        return WHET_FAIL(WHET_EINVAL, "iterations, time or warm-up is out of range");
    WHET_TRY(read_scenario(s, o));
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
    WHET_NUMBERS_WITH_POINT;
    whet_bench_options o;
    whet_bench_spec s;
    whet_bench_cells cells = {0};
    double percentiles[MAX_PERCENTILES];
    json_t *doc = NULL, *old = NULL;
    whet_gates gates;
    bool worse = false;
    whet_status status = WHET_OK;
    *out = NULL;
    whet_bench_options_init(&o);
    if (opt != NULL) o = *opt;
    if (n_models < 1 || models == NULL) return WHET_FAIL(WHET_EINVAL, "nothing to measure: give a model");
    WHET_GOTO(fill_spec(&s, &o));
    WHET_GOTO(read_percentiles(o.percentiles, percentiles, &s.n_percentiles));
    WHET_GOTO(whet_bench_cells_make(&cells, n_models, models, &o));
    s.percentiles = percentiles;
    s.cells = cells.v;
    s.n_cells = cells.n;
    WHET_GOTO(whet_read_baseline(&old, &gates, o.baseline, o.gate, o.store)); /* told before the minutes of measuring, not after them */
    WHET_GOTO(whet_bench_run(&doc, &s));
    json_object_set_new(json_object_get(doc, "settings"), "plain", json_boolean(o.plain));
    json_object_set_new(json_object_get(doc, "settings"), "percentiles", json_string(o.percentiles != NULL ? o.percentiles : "50,90"));
    json_object_set_new(doc, "schema_version", json_integer(WHET_RESULT_SCHEMA));
    json_object_set_new(doc, "kind", json_string("bench"));
    if (o.stored) whet_keep_run(doc, NULL, o.store);
    if (old != NULL) WHET_GOTO(whet_bench_compare_stored(doc, &worse, old, o.baseline, &gates, o.seed));
    const int gate = gate_of(doc) || worse;
    status = whet_result_make(out, "bench", json_incref(doc), gate, whet_bench_render);
done:
    json_decref(doc);
    json_decref(old);
    whet_bench_cells_dispose(&cells);
    return status;
}
