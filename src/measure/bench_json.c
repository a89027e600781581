/* SPDX-License-Identifier: Apache-2.0 */
/* From what was measured to the document of docs/result-format.md: figures, verdicts and their reasons. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "measure/bench_private.h"
#include "measure/machine.h"
#include "wire/json.h"

static const char *const mode_names[] = {"default", "quick", "publish"};

whet_status whet_bench_blocks_of(const whet_bench_block *b, int n, whet_block **out)
{
    *out = whet_calloc((size_t)WHET_MAX(n, 1), sizeof **out);
    if (*out == NULL) return WHET_ENOMEM;
    for (int i = 0; i < n; i++) (*out)[i] = (whet_block){b[i].round, b[i].block, b[i].n, b[i].ms};
    return WHET_OK;
}

whet_status whet_bench_row_stability(const whet_bench_row *r, uint64_t seed, whet_stability *s)
{
    whet_block *blocks = NULL;
    double *own = NULL;
    WHET_TRY(whet_bench_judged_blocks(r, &blocks, &own));
    const whet_status status = whet_stability_of(blocks, r->n_blocks, seed, s);
    whet_free(blocks);
    whet_free(own);
    return status;
}

static void set_real(json_t *o, const char *key, double x)
{
    json_object_set_new(o, key, isfinite(x) ? json_real(x) : json_null());
}

/* --- latency */
typedef struct latencies { const double *sorted; size_t n; int64_t undone, planned; } latencies; /* undone: the slowest, which are not there */

static void put_percentile(json_t *o, const latencies *l, double p, const char *name)
{
    char key[32];
    whet_interval w = {0, 0, 0};
    const bool known = l->undone == 0 && whet_percentile_interval(l->sorted, l->n, p, 0.99, &w);
    static const char *const ends[] = {"", "_low", "_high"};
    const double values[] = {w.value, w.low, w.high};
    for (int i = 0; i < 3; i++) {
        snprintf(key, sizeof key, "%s%s", name, ends[i]);
        json_object_set_new(o, key, known ? json_real(values[i]) : json_null());
    }
    if (known) return;
    char text[96];
    if (l->undone > 0) snprintf(text, sizeof text, "n/a (%lld of %lld arrivals were not begun)", (long long)l->undone, (long long)l->planned);
    else snprintf(text, sizeof text, "n/a (n=%zu, %zu are needed)", l->n, whet_percentile_need(p));
    snprintf(key, sizeof key, "%s_na", name);
    json_object_set_new(o, key, json_string(text));
}

/* Percentiles that were asked for beside the usual ones: 75 is "p75", 99.99 "p99_99". */
static void put_more(const whet_bench_spec *s, const latencies *l, json_t *o)
{
    for (int i = 0; i < s->n_percentiles; i++) {
        char name[32];
        snprintf(name, sizeof name, "p%g", s->percentiles[i]);
        for (char *p = name; *p != '\0'; p++)
            if (*p == '.') *p = '_';
        if (json_object_get(o, name) == NULL) put_percentile(o, l, s->percentiles[i] / 100, name);
    }
}

static whet_status latency(const whet_bench_spec *spec, const whet_bench_block *blocks, int n_blocks, const char *region, json_t **out)
{
    const uint64_t seed = spec->seed;
    whet_stability s;
    whet_block *b = NULL;
    size_t n = 0;
    double total = 0;
    whet_status status = whet_bench_blocks_of(blocks, n_blocks, &b);
    for (int i = 0; i < n_blocks; i++) n += blocks[i].n;
    double *x = whet_calloc(WHET_MAX(n, 1), sizeof *x);
    if (status == WHET_OK && x == NULL) status = WHET_ENOMEM;
    if (status == WHET_OK) status = whet_stability_of(b, n_blocks, seed, &s);
    whet_free(b);
    if (status != WHET_OK) {
        whet_free(x);
        return status;
    }
    n = 0;
    for (int i = 0; i < n_blocks; i++)
        for (size_t k = 0; k < blocks[i].n; k++) {
            x[n++] = blocks[i].ms[k];
            total += blocks[i].ms[k] * blocks[i].runs_per_sample;
        }
    whet_sort_doubles(x, n);
    const whet_summary m = whet_summarise(x, n);
    *out = json_pack("{ss, sI, sf, sf, sf, sf, sf, sf, sf, sf, sf, sf}", "region", region, "n", (json_int_t)n, "p50", m.median, "p50_low",
                     s.median.low, "p50_high", s.median.high, "min", m.min, "mean", m.mean, "stdev", m.stdev, "cv", m.cv, "mad", m.mad, "iqr",
                     m.iqr, "max", m.max);
    static const struct { double p; const char *name; } ps[] = {{0.9, "p90"}, {0.95, "p95"}, {0.99, "p99"}, {0.999, "p99_9"}};
    latencies l = {.sorted = x, .n = n};
    l.undone = whet_bench_undone(blocks, n_blocks, &l.planned);
    for (size_t i = 0; i < WHET_COUNT(ps); i++) put_percentile(*out, &l, ps[i].p, ps[i].name);
    put_more(spec, &l, *out);
    json_object_set_new(*out, "outliers_mild", json_integer((json_int_t)m.mild));
    json_object_set_new(*out, "outliers_severe", json_integer((json_int_t)m.severe));
    json_object_set_new(*out, "outliers_mad", json_integer((json_int_t)m.far));
    json_object_set_new(*out, "seconds", json_real(total / 1e3));
    whet_free(x);
    return *out != NULL ? WHET_OK : WHET_ENOMEM;
}

/* --- verdict */
static void judge_threads(const whet_bench_row *r, json_t *o, json_t *notes)
{
    double wall = 0, cpu = 0;
    int busy = 0;
    for (int i = 0; i < r->n_blocks; i++) {
        wall += r->blocks[i].wall_ns;
        cpu += r->blocks[i].cpu_ns;
        busy = WHET_MAX(busy, r->blocks[i].busy);
    }
    const double share = wall > 0 ? cpu / wall : 0;
    const bool ok = busy <= r->threads && share <= r->threads + 0.1;
    json_object_set_new(o, "thread_check", json_pack("{sb, si, sf, si}", "ok", ok, "busy", busy, "cpu_per_wall", share, "allowed", r->threads));
    if (!ok) whet_json_add_text(notes, "%d threads were busy and CPU time / wall time was %.2f; %d threads were allowed", busy, share, r->threads);
}

/* Against the best of the whole bench, which a block that ran early did not know yet. */
static bool is_slow(const whet_bench *b, const whet_bench_block *k)
{
    return k->slow || k->probe < 0.9 * b->best_probe;
}

static void judge_probe(const whet_bench *b, const whet_bench_row *r, json_t *o, json_t *notes)
{
    int repeated = 0, slow = 0;
    for (int i = 0; i < r->n_blocks; i++) {
        repeated += r->blocks[i].repeats;
        slow += is_slow(b, &r->blocks[i]);
    }
    json_object_set_new(o, "probe", json_pack("{sf, si, si}", "best", b->best_probe, "repeated", repeated, "flagged", slow));
    if (slow > 0) whet_json_add_text(notes, "%d of %d blocks ran while the CPU was below 90 %% of its best speed", slow, r->n_blocks);
}

double whet_bench_half_width(const json_t *latency)
{
    const double p50 = whet_json_real(latency, "p50");
    return p50 > 0 ? fmax(whet_json_real(latency, "p50_high") - p50, p50 - whet_json_real(latency, "p50_low")) / p50 : 0;
}

bool whet_bench_spread_text(char *text, size_t size, double cv, bool ok)
{
    if (ok && cv > 0.25) /* such a figure beside an `ok` puzzles */
        snprintf(text, size, "single inferences vary much (coefficient of variation %.0f %%), as when other programs interrupt them; the "
                 "median is steady", cv * 100);
    else
        snprintf(text, size, "coefficient of variation %.1f %%", cv * 100);
    return cv > 0.025;
}

static whet_status judge(const whet_bench *b, const whet_bench_row *r, json_t *o)
{
    whet_stability s;
    json_t *reasons = json_array(), *lat = json_object_get(o, "latency");
    const double n = json_number_value(json_object_get(lat, "n")), seconds = json_number_value(json_object_get(lat, "seconds"));
    WHET_TRY(whet_bench_row_stability(r, b->spec->seed, &s));
    int64_t planned = 0;
    const int64_t undone = r->scenario == WHET_SCENARIO_SERVER ? whet_bench_undone(r->blocks, r->n_blocks, &planned) : 0;
    const bool few = n < b->min_runs || seconds < 0.98 * b->min_seconds, invalid = few || undone > 0;
    if (undone > 0)
        whet_json_add_text(reasons, "it cannot keep up with %g arrivals a second: %lld of %lld were not begun in three times the planned time", b->spec->rate,
                           (long long)undone, (long long)planned);
    if (few) whet_json_add_text(reasons, "%.0f runs in %.2f s; %d runs and %.1f s are needed", n, seconds, b->min_runs, b->min_seconds);
    if (s.wide && whet_bench_by_rate(r))
        whet_json_add_text(reasons, "the interval of the median time per picture of a block is ±%.1f %%, over 3 %%", s.half_width * 100);
    else if (s.wide)
        whet_json_add_text(reasons, "the interval of the median is ±%.1f %%, over 3 %%", whet_bench_half_width(lat) * 100);
    if (s.drifting)
        whet_json_add_text(reasons, "of the last three windows the slowest took %.*f times as long as the fastest, over 1.1", s.window_spread < 9 ? 2 : 0, 1 + s.window_spread);
    /* these warn; the verdict is about the figure's own spread (R7) */
    if (r->still_falling) whet_json_add_text(r->notes, "the runs were still becoming faster after the warm-up");
    judge_threads(r, o, r->notes);
    json_object_set_new(o, "verdict", json_string(invalid ? "INVALID" : json_array_size(reasons) > 0 ? "UNSTABLE" : "ok"));
    json_object_set_new(o, "verdict_reasons", reasons);
    const double cv = json_number_value(json_object_get(lat, "cv")), iqr = json_number_value(json_object_get(lat, "iqr"));
    char spread[200];
    if (whet_bench_spread_text(spread, sizeof spread, cv, !invalid && json_array_size(reasons) == 0)) whet_json_add_text(r->notes, "%s", spread);
    if (iqr > 0.1 * s.median.value) whet_json_add_text(r->notes, "interquartile range %.0f %% of the median", iqr / s.median.value * 100);
    judge_probe(b, r, o, r->notes);
    return WHET_OK;
}

/* --- rows */
static json_t *sample_list(const whet_bench *b, const whet_bench_row *r)
{
    json_t *list = json_array();
    for (int i = 0; i < r->n_blocks; i++) {
        const whet_bench_block *k = &r->blocks[i];
        json_t *ns = json_array();
        for (size_t j = 0; j < k->n; j++) json_array_append_new(ns, json_integer((json_int_t)llround(k->ms[j] * 1e6)));
        json_t *o = json_pack("{si, si, sf, sb, si, so}", "round", k->round, "block", k->block, "probe", b->best_probe > 0 ? k->probe / b->best_probe : 0, "slow", is_slow(b, k),
                              "runs_per_sample", k->runs_per_sample, "ns", ns);
        if (whet_bench_by_rate(r)) json_object_update_new(o, json_pack("{sI, sf}", "samples", (json_int_t)k->samples, "wall_ns", k->busy_ns));
        json_array_append_new(list, o);
    }
    return list;
}

static void put_parity(const whet_bench_row *r, json_t *o)
{
    char accept[128];
    const whet_bench_reference *f = r->reference;
    json_t *outputs = json_array();
    bool ok = true;
    if (r->parity == NULL) {
        json_decref(outputs);
        json_object_set_new(o, "parity", json_null());
        json_object_set_new(o, "parity_na", json_string(f != NULL && !f->ready ? f->why : "the model did not run"));
        return;
    }
    for (int i = 0; i < r->n_outputs; i++) {
        ok &= r->parity[i].ok;
        json_array_append_new(outputs, whet_parity_json(&r->parity[i], f->names[i]));
    }
    json_object_set_new(o, "parity", json_pack("{sb, ss, ss, si, si, si, so}", "ok", ok, "reference", f->name, "accept",
                                               whet_accept_text(&r->accept, accept, sizeof accept), "samples", f->n_samples, "inputs",
                                               f->n_different, "rechecked", r->rechecked, "outputs", outputs));
}

static double median_ms(const double *x, int n)
{
    double sorted[64];
    if (n <= 0) return NAN;
    memcpy(sorted, x, (size_t)n * sizeof *x);
    whet_sort_doubles(sorted, (size_t)n);
    return whet_percentile(sorted, (size_t)n, 0.5);
}

static void put_phases(const whet_bench_row *r, json_t *o)
{
    set_real(o, "read_ms", r->facts->read_ms);
    set_real(o, "load_ms", median_ms(r->build_ms, r->n_loads));
    set_real(o, "first_ms", median_ms(r->first_ms, r->n_loads));
    set_real(o, "warmup_ms", median_ms(r->warm_ms, r->n_loads));
    set_real(o, "warmup_runs", median_ms(r->warm_runs, r->n_loads));
    set_real(o, "load_cold_ms", r->t.build_cold >= 0 ? r->t.build_cold : NAN);
    set_real(o, "first_cold_ms", r->t.first_cold >= 0 ? r->t.first_cold : NAN);
    set_real(o, "cold_resident_share", r->t.first_cold >= 0 ? r->cold_resident : NAN);
}

static json_t *count_or_null(int64_t n)
{
    return n >= 0 ? json_integer(n) : json_null();
}

/* R25. What a runtime does not tell is the file's own arithmetic, unless a lower one was asked for; where nothing ran, it is the row
 * of what was asked. */
static const char *precision_of(const whet_bench_row *r, const char *in_file)
{
    const char *asked = r->settings.precision;
    const bool ran = strcmp(r->status, "ok") == 0 || strcmp(r->status, "parity failed") == 0;
    if (r->arithmetic[0] != '\0') return r->arithmetic;
    if (asked == NULL || strcmp(asked, "default") == 0) return in_file;
    const bool lower = strcmp(asked, "f32") != 0 && strcmp(in_file, "int8") != 0;
    return ran && !lower && r->facts->precision[0] != '\0' ? in_file : asked;
}

static void put_identity(const whet_bench *b, const whet_bench_row *r, int number, json_t *o)
{
    char id[16];
    const whet_facts *f = r->facts;
    snprintf(id, sizeof id, "r%d", number);
    json_object_set_new(o, "id", json_string(id));
    json_object_set_new(o, "model", json_string(r->cell->label != NULL ? r->cell->label : f->name));
    json_object_set_new(o, "path", json_string(f->path));
    json_object_set_new(o, "sha256", json_string(f->sha256));
    json_object_set_new(o, "format", json_string(f->format));
    json_object_set_new(o, "runtime", json_string(r->cell->runtime));
    const char *title = r->title[0] != '\0' ? r->title : r->cell->runtime; /* a row that was refused before it ran is named as its siblings */
    for (int i = 0; i < b->n_rows && r->title[0] == '\0'; i++)
        if (b->rows[i].title[0] != '\0' && strcmp(b->rows[i].cell->runtime, r->cell->runtime) == 0) title = b->rows[i].title;
    json_object_set_new(o, "runtime_title", json_string(title));
    json_object_set_new(o, "runtime_version", json_string(r->version));
    if (r->external) json_object_set_new(o, "external", json_true());
    if (r->external) set_real(o, "round_trip_ms", r->round_trip_ms);
    const char *in_file = f->precision[0] != '\0' ? f->precision : "as in the file";
    json_object_set_new(o, "precision", json_string(precision_of(r, in_file)));
    json_object_set_new(o, "precision_in_file", json_string(in_file));
    json_object_set_new(o, "arithmetic", r->shares != NULL ? json_incref(r->shares) : json_null());
    json_object_set_new(o, "batch", json_integer(r->batch));
    json_object_set_new(o, "threads", json_integer(r->threads));
    json_object_set_new(o, "mode", json_string(mode_names[b->spec->mode]));
    json_object_set_new(o, "tuned", json_boolean(r->tuning != NULL));
    if (r->tuning != NULL) json_object_set(o, "tuning", r->tuning);
    json_object_set_new(o, "best_settings", json_boolean(r->cell->best));
    if (r->best_search != NULL) json_object_set(o, "best_search", r->best_search);
    json_object_set_new(o, "settings", whet_settings_json(&r->settings));
    char status[480];
    snprintf(status, sizeof status, "%s%s%s", r->status, r->why[0] != '\0' && strcmp(r->status, "parity failed") != 0 ? ": " : "",
             strcmp(r->status, "parity failed") != 0 ? r->why : "");
    json_object_set_new(o, "status", json_string(status));
    json_object_set_new(o, "reason", json_string(r->why));
    json_object_set_new(o, "size_bytes", json_integer(f->size));
    json_object_set_new(o, "gzip_bytes", json_integer(f->gzip_size));
    json_object_set(o, "files", f->files);
    json_object_set_new(o, "params", count_or_null(f->params));
    json_object_set_new(o, "macs", count_or_null(f->macs));
}

static whet_status make_row(const whet_bench *b, const whet_bench_row *r, int number, json_t **out)
{
    json_t *o = json_object(), *lat = NULL, *e2e = NULL;
    whet_status status = WHET_OK;
    const bool shown = r->n_blocks > 0 && !r->dead;
    put_identity(b, r, number, o);
    json_object_set_new(o, "accuracy", r->cell->accuracy != NULL ? json_deep_copy(r->cell->accuracy) : json_null());
    if (r->cell->accuracy == NULL) json_object_set_new(o, "accuracy_na", json_string("not measured by bench"));
    put_parity(r, o);
    put_phases(r, o);
    if (shown) WHET_GOTO(latency(b->spec, r->blocks, r->n_blocks, "infer", &lat));
    if (shown && r->n_e2e > 0) WHET_GOTO(latency(b->spec, r->e2e, r->n_e2e, "e2e", &e2e));
    /* one stream: the rate follows from the median, so that a stolen CPU distorts it no more than the latency */
    const double p50 = json_number_value(json_object_get(lat, "p50"));
    set_real(o, "img_per_s", p50 > 0 ? 1e3 * r->batch / p50 : NAN);
    json_object_set_new(o, "img_per_s_from", json_string("batch / median latency, one stream"));
    json_object_set_new(o, "latency", lat != NULL ? json_incref(lat) : json_null());
    json_object_set_new(o, "e2e", e2e != NULL ? json_incref(e2e) : json_null());
    if (e2e == NULL) json_object_set_new(o, "e2e_na", json_string(r->e2e_why[0] != '\0' ? r->e2e_why : r->batch > 1 ? "batch over 1" : "no pictures given"));
    json_object_set_new(o, "memory", r->memory != NULL ? json_incref(r->memory) : json_null());
    WHET_GOTO(whet_bench_put_scenario(b, r, o));
    whet_bench_put_energy(b, r, o);
    whet_bench_put_plain(b, r, o);
    if (r->sustain != NULL) json_object_set(o, "sustain", r->sustain);
    json_object_set_new(o, "verdict", json_string(""));
    json_object_set_new(o, "verdict_reasons", json_array());
    if (shown) WHET_GOTO(judge(b, r, o));
    json_object_set_new(o, "notes", json_incref(r->notes));
    json_object_set_new(o, "outputs", whet_bench_outputs_json(r));
    json_object_set_new(o, "replay", whet_bench_replay_json(b, r));
    json_object_set_new(o, "samples", sample_list(b, r));
    *out = o;
    o = NULL;
done:
    json_decref(o);
    json_decref(lat);
    json_decref(e2e);
    return status;
}

/* --- the whole */
/* A lone row under arrivals is told by what its scenario is about, not by a median. */
static void tell_arrivals(const json_t *row, const char *title, char *text, size_t size)
{
    const json_t *load = json_object_get(row, "load"), *lat = json_object_get(row, "latency");
    const char *model = whet_json_str(row, "model");
    const double rate = whet_json_real(load, "rate"), figure = whet_json_real(load, "figure_value");
    if (json_object_get(load, "late_share") != NULL && strcmp(whet_json_str(row, "scenario"), "paced") == 0)
        snprintf(text, size, "%.100s on %.60s: %.3g %% of the frames late at %g a second (%.0f of %.0f took over %.4g ms)", model, title, 100 * figure, rate,
                 whet_json_real(load, "late"), whet_json_real(load, "planned"), whet_json_real(load, "deadline_ms"));
    else if (json_is_number(json_object_get(load, "figure_value")))
        snprintf(text, size, "%.100s on %.60s: p99 %.4g ms (%.4g to %.4g) at %g arrivals a second", model, title, figure, whet_json_real(lat, "p99_low"),
                 whet_json_real(lat, "p99_high"), rate);
    else
        snprintf(text, size, "%.100s on %.60s: p99 %.100s at %g arrivals a second", model, title, whet_json_str(load, "figure_na"), rate);
}

static json_t *summary(const whet_bench *b, const json_t *rows, const json_t *list)
{
    char text[512];
    if (json_array_size(list) > 0) return json_incref(json_object_get(json_array_get(list, 0), "text"));
    for (int i = 0; i < b->n_rows; i++) {
        const whet_bench_row *r = &b->rows[i];
        whet_stability s;
        if (r->dead || r->n_blocks == 0 || whet_bench_row_stability(r, b->spec->seed, &s) != WHET_OK) continue;
        if (whet_scenario_open(r->scenario))
            tell_arrivals(json_array_get(rows, (size_t)i), r->title, text, sizeof text);
        else if (whet_bench_by_rate(r))
            snprintf(text, sizeof text, "%s on %s: %.4g pictures per second in all its time (in the median block %.4g, 95 %% interval %.4g to %.4g)", r->facts->name,
                     r->title, whet_bench_rate(b, r), 1e3 * r->batch / s.median.value, 1e3 * r->batch / s.median.high, 1e3 * r->batch / s.median.low);
        else
            snprintf(text, sizeof text, "%s on %s: %.3g ms (%.3g to %.3g)", r->facts->name, r->title, s.median.value, s.median.low, s.median.high);
        return json_string(text);
    }
    snprintf(text, sizeof text, "nothing was measured: %s: %.*s", b->rows[0].status, (int)strcspn(b->rows[0].why, ";"), b->rows[0].why);
    return json_string(text);
}

static json_t *settings(const whet_bench *b)
{
    const whet_bench_spec *s = b->spec;
    int cpus[WHET_MAX_CPUS];
    json_t *list = json_array();
    const int n = whet_machine_pick_cpus(b->rows[0].threads, cpus, WHET_MAX_CPUS);
    for (int i = 0; i < n; i++) json_array_append_new(list, json_integer(cpus[i]));
    json_t *o = json_pack("{si, si, so, si, si, si, si, sf, si, sf, sI, ss, ss, sb}", "batch", b->rows[0].batch, "threads", b->rows[0].threads, "cpus", list,
                          "rounds", b->round, "base_rounds", b->rounds, "max_rounds", b->max_rounds, "min_runs", b->min_runs, "min_seconds",
                          b->min_seconds, "warmup_runs", s->warmup_runs > 0 ? s->warmup_runs : 10, "warmup_seconds",
                          s->warmup_seconds < 0 ? 0.5 : s->warmup_seconds, "seed", (json_int_t)s->seed, "denormals",
                          whet_setting_get(&b->rows[0].settings, whet_setting_at(2)), "accept",
                          s->accept != NULL ? s->accept : "by precision", "together", b->together);
    json_object_set_new(o, "blocks", json_integer(b->blocks));
    json_object_set_new(o, "scenario", json_string(whet_scenario_name(s->scenario)));
    if (s->rate > 0) json_object_set_new(o, "rate", json_real(s->rate));
    if (s->sustain_seconds > 0) json_object_set_new(o, "sustain_seconds", json_real(s->sustain_seconds));
    if (s->power_cmd != NULL) json_object_set_new(o, "power_cmd", json_string(s->power_cmd));
    return o;
}

static json_t *inputs(const whet_bench *b)
{
    const whet_samples *s = b->n_samples > 0 ? &b->samples[0] : NULL;
    char *contract = NULL;
    if (s == NULL) return json_null();
    json_t *o = json_pack("{ss, si, ss}", "source", s->source, "count", s->count, "sha256", s->sha256);
    if (s->contract.given && whet_contract_to_json(&s->contract, &contract) == WHET_OK)
        json_object_set_new(o, "contract", json_loads(contract, 0, NULL));
    else
        json_object_set_new(o, "contract", json_null());
    whet_free(contract);
    return o;
}

whet_status whet_bench_document(whet_bench *b, json_t **out)
{
    json_t *doc = json_object(), *rows = json_array(), *pairs = json_array();
    whet_status status = WHET_OK;
    whet_machine_finish(b->machine, b->warnings);
    json_object_set_new(doc, "command", json_string(b->spec->command != NULL ? b->spec->command : ""));
    json_object_set_new(doc, "started", json_string(b->started));
    json_object_set_new(doc, "seconds", json_real(b->seconds_before + (double)(whet_now_ns() - b->started_ns) / 1e9));
    json_object_set_new(doc, "mode", json_string(mode_names[b->spec->mode]));
    json_object_set_new(doc, "settings", settings(b));
    json_object_set_new(doc, "inputs", inputs(b));
    json_object_set_new(doc, "plain_definitions", whet_bench_plain_definitions());
    json_object_set_new(doc, "context", json_pack("{ss, sO, sO}", "program", "whet " WHET_VERSION, "machine", b->machine, "warnings",
                                                  b->warnings));
    for (int i = 0; i < b->n_rows; i++) {
        json_t *row = NULL;
        WHET_GOTO(make_row(b, &b->rows[i], i, &row));
        json_array_append_new(rows, row);
    }
    WHET_GOTO(whet_bench_comparisons(b, pairs));
    json_object_set(doc, "rows", rows);
    json_object_set(doc, "comparisons", pairs);
    json_object_set_new(doc, "summary", summary(b, rows, pairs));
    *out = json_incref(doc);
done:
    json_decref(doc);
    json_decref(rows);
    json_decref(pairs);
    return status;
}
