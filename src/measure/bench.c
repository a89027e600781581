/* SPDX-License-Identifier: Apache-2.0 */
/* The course of a bench. First each row by itself: file, memory, parity. Then rounds: in each, fresh processes of all rows are
 * loaded and stopped, and blocks are timed in an order that is shuffled anew each time, so that drift and neighbours hit all
 * rows alike. Rounds are added, up to three times as many, while a row's absolute figure is not steady. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cancel.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/rng.h"
#include "base/threads.h"
#include "measure/bench_private.h"
#include "measure/machine.h"
#include "measure/strays.h"

typedef struct mode { int rounds, blocks, runs; double seconds; } mode;
static const mode modes[] = {[WHET_BENCH_DEFAULT] = {5, 5, 100, 5}, [WHET_BENCH_QUICK] = {3, 4, 20, 1}, [WHET_BENCH_PUBLISH] = {10, 6, 662, 60}};

void whet_bench_spec_init(whet_bench_spec *s)
{
    memset(s, 0, sizeof *s);
    s->split = WHET_SPLIT_VAL;
    s->warmup_seconds = -1;
}

void whet_bench_tell(const whet_bench *b, const char *what, const char *name, double done, double total, const char *unit)
{
    char stage[200];
    if (b->spec->progress == NULL) return;
    snprintf(stage, sizeof stage, "%s%s%s", what, name[0] != '\0' ? " " : "", name);
    b->spec->progress(b->spec->progress_arg, stage, done, total, unit, NULL);
}

/* --- setting up */
/* A query of `multi` is one sample for each stream, so that it has as many as threads unless told. */
static int streams_of(const whet_bench_spec *s, const whet_bench_cell *c, int threads)
{
    if (c->streams > 0) return c->streams;
    return s->scenario == WHET_SCENARIO_MULTI ? threads : 1;
}

static whet_status init_rows(whet_bench *b)
{
    const whet_bench_spec *s = b->spec;
    const size_t n = (size_t)s->n_cells;
    if (s->n_cells < 1) return WHET_FAIL(WHET_EINVAL, "nothing to measure: give a model");
    b->rows = whet_calloc(n, sizeof *b->rows);
    b->facts = whet_calloc(n, sizeof *b->facts);
    b->samples = whet_calloc(2 * n, sizeof *b->samples); /* a file's own beside the set's */
    b->references = whet_calloc(n, sizeof *b->references);
    b->warnings = json_array();
    b->machine = whet_machine_record();
    if (b->rows == NULL || b->facts == NULL || b->samples == NULL || b->references == NULL || b->warnings == NULL) return WHET_ENOMEM;
    for (size_t i = 0; i < n; i++) {
        whet_bench_row *r = &b->rows[i];
        whet_samples_init(&b->samples[2 * i]);
        whet_samples_init(&b->samples[2 * i + 1]);
        r->cell = &s->cells[i];
        r->threads = r->cell->threads > 0 ? r->cell->threads : whet_cpu_count();
        r->batch = r->cell->batch > 0 ? r->cell->batch : 1;
        r->scenario = s->scenario;
        r->settings = (whet_settings){.threads = r->threads, .streams = streams_of(s, r->cell, r->threads), .optimisation = r->cell->optimisation,
                                      .precision = r->cell->precision, .denormals = r->cell->denormals, .arena = r->cell->arena};
        r->notes = json_array();
        b->n_rows++;
        r->t = (whet_bench_timing){-1, -1, -1, -1, -1};
        for (size_t j = 0; j < i && r->facts == NULL; j++)
            if (strcmp(b->rows[j].cell->model, r->cell->model) == 0) r->facts = b->rows[j].facts;
        if (r->facts == NULL) {
            WHET_TRY(whet_facts_read_deflated(&b->facts[i], r->cell->model));
            r->facts = &b->facts[i];
        }
    }
    return WHET_OK;
}

/* Waiting for a worker notices it too, but only where it waits long. */
static whet_status asked_to_stop(void)
{
    return whet_cancelled() ? WHET_FAIL(WHET_ECANCELLED, "interrupted") : WHET_OK;
}

static whet_status prepare(whet_bench *b)
{
    const json_int_t all = (json_int_t)sysconf(_SC_PHYS_PAGES) * sysconf(_SC_PAGE_SIZE);
    json_int_t need = 0;
    for (int i = 0; i < b->n_rows; i++) {
        whet_bench_tell(b, "prepare", b->rows[i].facts->name, i, b->n_rows, "rows");
        WHET_TRY(asked_to_stop());
        WHET_TRY(whet_bench_prepare_row(b, &b->rows[i]));
    }
    WHET_TRY(whet_bench_agree(b));
    for (int i = 0; i < b->n_rows; i++) need += json_integer_value(json_object_get(b->rows[i].memory, "peak_bytes"));
    b->together = all <= 0 || (double)need <= 0.6 * (double)all;
    for (int i = 0; i < b->n_rows && !b->together; i++)
        whet_bench_note(&b->rows[i], "the set would take over 60 %% of the memory: one process per block");
    return WHET_OK;
}

/* --- rounds */
static int alive(const whet_bench *b)
{
    int n = 0;
    for (int i = 0; i < b->n_rows; i++) n += !b->rows[i].dead;
    return n;
}

static void shuffled(const whet_bench *b, int block, uint32_t *order)
{
    for (int i = 0; i < b->n_rows; i++) order[i] = (uint32_t)i;
    whet_rng_shuffle(b->spec->seed, 1000 + (uint64_t)(b->round * 64 + block), order, (uint32_t)b->n_rows);
}

static whet_status run_blocks(whet_bench *b, uint32_t *order, int planned)
{
    for (int k = 0; k < b->blocks; k++) {
        shuffled(b, k + 1, order);
        whet_bench_tell(b, "measure", b->n_rows == 1 ? b->rows[0].facts->name : "", b->round * b->blocks + k, planned * b->blocks, "blocks");
        for (int i = 0; i < b->n_rows; i++) {
            whet_bench_row *r = &b->rows[order[i]];
            if (r->dead) continue;
            WHET_TRY(asked_to_stop());
            if (!b->together) WHET_TRY(whet_bench_open_row(b, r));
            if (!r->dead) WHET_TRY(whet_bench_time_block(b, r, k));
            if (!b->together && !r->dead && b->round == b->rounds - 1 && k == b->blocks - 1) WHET_TRY(whet_bench_energy_row(b, r));
            if (!b->together) whet_bench_close_row(r);
        }
    }
    return WHET_OK;
}

static whet_status run_round(whet_bench *b, int planned)
{
    whet_status status = WHET_OK;
    uint32_t *order = whet_calloc((size_t)b->n_rows, sizeof *order);
    if (order == NULL) return WHET_ENOMEM;
    shuffled(b, 0, order);
    for (int i = 0; i < b->n_rows && b->together && status == WHET_OK; i++)
        if (!b->rows[order[i]].dead) status = whet_bench_open_row(b, &b->rows[order[i]]);
    if (status == WHET_OK) status = run_blocks(b, order, planned);
    for (int i = 0; i < b->n_rows && b->together && status == WHET_OK && b->round < b->rounds; i++)
        if (!b->rows[order[i]].dead) status = whet_bench_time_e2e(b, &b->rows[order[i]]);
    for (int i = 0; i < b->n_rows && b->together && status == WHET_OK && b->round == b->rounds - 1; i++)
        if (!b->rows[order[i]].dead) status = whet_bench_energy_row(b, &b->rows[order[i]]);
    for (int i = 0; i < b->n_rows; i++) whet_bench_close_row(&b->rows[i]);
    whet_free(order);
    return status;
}

/* Rows that are not steady; the first is told in why. */
static whet_status count_unstable(const whet_bench *b, int *n, char *why, size_t size)
{
    *n = 0;
    for (int i = 0; i < b->n_rows; i++) {
        whet_stability s;
        const whet_bench_row *r = &b->rows[i];
        if (r->dead || r->n_blocks == 0) continue;
        WHET_TRY(whet_bench_row_stability(r, b->spec->seed, &s));
        if ((s.wide || s.drifting) && (*n)++ == 0) whet_bench_extended_text(why, size, b->round, r->cell->label != NULL ? r->cell->label : r->facts->name, r->title, &s);
    }
    return WHET_OK;
}

void whet_bench_extended_text(char *text, size_t size, int rounds, const char *model, const char *runtime, const whet_stability *s)
{
    if (s->wide)
        snprintf(text, size, "after %d the median of %.100s on %.60s was not steady: its interval was ±%.1f %%, over 3 %%", rounds, model, runtime, s->half_width * 100);
    else
        snprintf(text, size, "after %d the median of %.100s on %.60s was not steady: that of the last three windows differed by %.1f %%, over 10 %%", rounds, model, runtime,
                 s->window_spread * 100);
}

/* True if a round more is wanted behind the planned ones. */
static whet_status want_more(whet_bench *b, bool *more)
{
    char why[400];
    int n = 0;
    WHET_TRY(count_unstable(b, &n, why, sizeof why));
    *more = n > 0;
    if (n > 0 && b->extended[0] == '\0') snprintf(b->extended, sizeof b->extended, n > 2 ? "%s; %d rows more" : n > 1 ? "%s; %d row more" : "%s", why, n - 1);
    return WHET_OK;
}

static whet_status run_rounds(whet_bench *b)
{
    for (b->round = b->first_round; b->round < b->max_rounds && alive(b) > 0; b->round++) {
        bool more = b->round < b->rounds;
        if (!more) WHET_TRY(want_more(b, &more));
        if (!more) break;
        WHET_TRY(run_round(b, b->round < b->rounds ? b->rounds : b->max_rounds));
        if (whet_bench_keep_due(b) && whet_bench_keep_save(b, b->round + 1) != WHET_OK)
            whet_log(WHET_LOG_WARN, "an interruption would lose this measurement: %s", whet_error_message());
    }
    return WHET_OK;
}

/* The rounds so far are kept; the error tells so. */
static whet_status interrupted(whet_bench *b)
{
    if (b->keep == NULL || b->round < 1) return WHET_FAIL(WHET_ECANCELLED, "interrupted");
    if (whet_bench_keep_save(b, b->round) != WHET_OK) {
        char *why = whet_strdup(whet_error_message());
        const whet_status status = WHET_FAIL(WHET_ECANCELLED, "interrupted; the rounds so far are lost: %s", why != NULL ? why : "");
        whet_free(why);
        return status;
    }
    return WHET_FAIL(WHET_ECANCELLED, "interrupted after %d round%s: they are kept for a day in %s, the same command goes on from there", b->round,
                     b->round == 1 ? "" : "s", b->keep);
}

static void dispose_blocks(whet_bench_block *blocks, int n)
{
    for (int i = 0; i < n; i++) whet_free(blocks[i].ms);
    whet_free(blocks);
}

static void dispose(whet_bench *b)
{
    for (int i = 0; i < b->n_rows; i++) {
        whet_bench_row *r = &b->rows[i];
        whet_bench_close_row(r);
        dispose_blocks(r->blocks, r->n_blocks);
        dispose_blocks(r->e2e, r->n_e2e);
        whet_free(r->parity);
        json_decref(r->memory);
        json_decref(r->tuning);
        json_decref(r->best_search);
        json_decref(r->energy);
        json_decref(r->sustain);
        json_decref(r->shares);
        json_decref(r->notes);
        json_decref(r->outputs_kept);
    }
    for (int i = 0; b->facts != NULL && i < b->spec->n_cells; i++) whet_facts_dispose(&b->facts[i]);
    for (int i = 0; b->samples != NULL && i < 2 * b->spec->n_cells; i++) whet_samples_dispose(&b->samples[i]);
    for (int i = 0; i < b->n_references; i++) whet_bench_reference_dispose(&b->references[i]);
    whet_free(b->rows);
    whet_free(b->facts);
    whet_free(b->samples);
    whet_free(b->references);
    json_decref(b->warnings);
    json_decref(b->machine);
    whet_free(b->keep);
    whet_meter_close(b->meter);
}

/* Several streams with one caller would leave all but one of them idle. */
static void choose_scenario(whet_bench_spec *s)
{
    for (int i = 0; i < s->n_cells; i++)
        if (s->cells[i].streams > 1 && s->scenario == WHET_SCENARIO_SINGLE) s->scenario = WHET_SCENARIO_OFFLINE;
}

whet_status whet_bench_run(json_t **out, const whet_bench_spec *given)
{
    const mode *m = &modes[given->mode];
    whet_bench_spec own = *given, *spec = &own;
    whet_bench b = {.spec = spec, .rounds = m->rounds, .max_rounds = m->rounds * 3, .blocks = m->blocks, .started_ns = whet_now_ns()};
    whet_status status = WHET_OK;
    *out = NULL;
    b.min_runs = spec->min_runs > 0 ? spec->min_runs : m->runs;
    b.min_seconds = spec->min_seconds > 0 ? spec->min_seconds : m->seconds;
    choose_scenario(spec);
    whet_utc_now(b.started);
    whet_strays_end_orphans();
    WHET_GOTO(init_rows(&b));
    if (spec->scenario != WHET_SCENARIO_SINGLE) b.blocks = whet_scenario_open(spec->scenario) ? 1 : 2; /* arrivals need a stretch of time */
    if (whet_scenario_open(spec->scenario) && !(spec->rate > 0)) WHET_GOTO(WHET_FAIL(WHET_EINVAL, "the scenario %s needs a rate of arrivals", whet_scenario_name(spec->scenario)));
    WHET_GOTO(prepare(&b));
    if (alive(&b) > 0) WHET_GOTO(whet_bench_energy_start(&b));
    WHET_GOTO(whet_bench_keep_load(&b));
    status = run_rounds(&b);
    if (status == WHET_OK) status = whet_bench_sustain(&b);
    if (status == WHET_ECANCELLED) status = interrupted(&b);
    if (status == WHET_OK) status = whet_bench_document(&b, out);
    if (status == WHET_OK && b.round > b.rounds) json_object_set_new(json_object_get(*out, "settings"), "rounds_why", json_string(b.extended));
    if (status == WHET_OK) whet_bench_keep_drop(&b);
done:
    dispose(&b);
    return status;
}
