/* SPDX-License-Identifier: Apache-2.0 */
/* Blocks of a scenario, and what they come to: the rate over the wall time with its interval, lateness, the figure by which
 * LoadGen judges. Rates are compared by the wall time per sample of whole blocks, never by the latency of one query. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "measure/bench_private.h"
#include "wire/json.h"

enum { PARTS = 64 };

bool whet_bench_by_rate(const whet_bench_row *r)
{
    return r->scenario == WHET_SCENARIO_MULTI || r->scenario == WHET_SCENARIO_OFFLINE;
}

/* --- a block */
static json_t *request(const whet_bench *b, const whet_bench_row *r, int block, int64_t runs, double seconds)
{
    const whet_bench_spec *s = b->spec;
    const int known = r->reference != NULL && r->reference->ready ? r->reference->n_samples : r->samples->count;
    const int warm = r->t.first_cold > 100 ? 1 : 3;
    json_t *q = json_pack("{ss, ss, sI, sI, sf, sI, si, sI, si, si, si}", "do", "scenario", "kind", whet_scenario_name(r->scenario), "runs",
                          (json_int_t)runs, "ns", (json_int_t)(seconds * 1e9), "rate", s->rate, "seed", (json_int_t)s->seed, "part",
                          b->round * PARTS + block, "limit_ns", whet_scenario_open(r->scenario) ? (json_int_t)(seconds * 3e9 + 1e9) : (json_int_t)0, "warm",
                          warm, "start", (b->round * b->blocks + block) % WHET_MAX(known, 1), "samples", known);
    return q;
}

whet_status whet_bench_scenario_window(whet_bench *b, whet_bench_row *r, int block, int64_t runs, double seconds, whet_bench_block *out)
{
    json_t *reply = NULL;
    const double planned = seconds + (b->spec->rate > 0 ? (double)runs / b->spec->rate : 0);
    memset(out, 0, sizeof *out);
    out->round = b->round;
    out->block = block;
    out->runs_per_sample = 1;
    whet_worker_continue(r->worker);
    whet_status status = whet_worker_call(r->worker, request(b, r, block, runs, WHET_MAX(seconds, whet_scenario_open(r->scenario) ? planned : 0)),
                                          whet_bench_limit(b) + 4 * planned + 5 * (double)runs * WHET_MAX(r->t.first_cold, 0) / 1e3, &reply);
    if (status == WHET_OK) status = whet_bench_take_times(r->worker, reply, out);
    if (status == WHET_OK) {
        const json_t *checks = json_object_get(reply, "checks");
        out->probe = json_number_value(json_object_get(reply, "probe"));
        out->samples = json_integer_value(json_object_get(reply, "samples"));
        out->planned = json_integer_value(json_object_get(reply, "planned"));
        out->busy_ns = json_number_value(json_object_get(reply, "busy_ns"));
        whet_bench_take_threads(reply, out);
        for (size_t i = 0; i < json_array_size(checks); i++) {
            const json_t *c = json_array_get(checks, i);
            whet_bench_check_outputs(r, c, (int)json_integer_value(json_object_get(c, "sample")));
            r->rechecked++;
        }
        whet_worker_pause(r->worker);
    }
    json_decref(reply);
    return status;
}

whet_status whet_bench_scenario_try(whet_bench *b, whet_bench_row *r, int block, whet_bench_block *out)
{
    const int cells = b->rounds * b->blocks;
    return whet_bench_scenario_window(b, r, block, (b->min_runs + cells - 1) / cells, b->min_seconds / cells, out);
}

int64_t whet_bench_undone(const whet_bench_block *b, int n, int64_t *planned)
{
    int64_t undone = 0;
    *planned = 0;
    for (int i = 0; i < n; i++) {
        *planned += b[i].planned;
        undone += WHET_MAX(b[i].planned - (int64_t)b[i].n, 0);
    }
    return undone;
}

/* --- what is judged and compared: latencies, or wall time per sample of each block */
whet_status whet_bench_judged_blocks(const whet_bench_row *r, whet_block **out, double **own)
{
    *own = NULL;
    WHET_TRY(whet_bench_blocks_of(r->blocks, r->n_blocks, out));
    if (!whet_bench_by_rate(r)) return WHET_OK;
    double *x = *own = whet_calloc((size_t)r->n_blocks + 1, sizeof *x);
    if (x == NULL) {
        whet_free(*out);
        *out = NULL;
        return WHET_ENOMEM;
    }
    for (int i = 0; i < r->n_blocks; i++) {
        const double samples = (double)WHET_MAX(r->blocks[i].samples, 1);
        x[i] = r->blocks[i].busy_ns / 1e6 / samples;
        (*out)[i].n = 1;
        (*out)[i].x = &x[i];
    }
    return WHET_OK;
}

/* --- the document */
/* A frame takes up its period, the last one too, however early its answer is: else ten frames in nine periods were more than came. */
double whet_bench_span_ns(const whet_bench *b, const whet_bench_row *r, const whet_bench_block *k)
{
    const bool paced = r->scenario == WHET_SCENARIO_PACED && b->spec->rate > 0;
    return paced ? fmax(k->busy_ns, (double)WHET_MAX(k->planned, k->samples) / b->spec->rate * 1e9) : k->busy_ns;
}

static double rate_of(const whet_bench *b, const whet_bench_row *r, double *wall_seconds, int64_t *samples, int64_t *queries, int64_t *planned)
{
    double ns = 0;
    *samples = *queries = *planned = 0;
    for (int i = 0; i < r->n_blocks; i++) {
        ns += whet_bench_span_ns(b, r, &r->blocks[i]);
        *samples += r->blocks[i].samples;
        *queries += (int64_t)r->blocks[i].n;
        *planned += r->blocks[i].planned;
    }
    *wall_seconds = ns / 1e9;
    return ns > 0 ? (double)*samples * r->batch / *wall_seconds : (double)NAN;
}

double whet_bench_rate(const whet_bench *b, const whet_bench_row *r)
{
    double seconds = 0;
    int64_t n[3];
    return rate_of(b, r, &seconds, &n[0], &n[1], &n[2]);
}

static whet_status put_rate(const whet_bench_row *r, uint64_t seed, double rate, json_t *o)
{
    whet_block *blocks = NULL;
    double *own = NULL;
    whet_interval m = {0};
    json_object_set_new(o, "img_per_s", json_real(rate));
    if (!whet_bench_by_rate(r)) return WHET_OK;
    WHET_TRY(whet_bench_judged_blocks(r, &blocks, &own));
    const whet_status status = whet_boot_median(blocks, r->n_blocks, 0.95, seed, &m);
    if (status == WHET_OK && m.low > 0) {
        json_object_set_new(o, "img_per_s_median", json_real(1e3 * r->batch / m.value)); /* of the blocks; the interval is of this */
        json_object_set_new(o, "img_per_s_low", json_real(1e3 * r->batch / m.high));
        json_object_set_new(o, "img_per_s_high", json_real(1e3 * r->batch / m.low));
    }
    whet_free(blocks);
    whet_free(own);
    return status;
}

/* Late: not done `deadline` after the arrival; what the limit of time left undone is late too. */
static void put_lateness(const whet_bench_row *r, double deadline_ms, int64_t planned, json_t *o)
{
    double worst = 0;
    int64_t late = 0, n = 0;
    for (int i = 0; i < r->n_blocks; i++)
        for (size_t k = 0; k < r->blocks[i].n; k++) {
            const double over = r->blocks[i].ms[k] - deadline_ms;
            late += over > 0;
            n++;
            worst = fmax(worst, over);
        }
    json_object_set_new(o, "deadline_ms", json_real(deadline_ms));
    json_object_set_new(o, "late", json_integer(late + planned - n));
    json_object_set_new(o, "late_share", json_real(planned > 0 ? (double)(late + planned - n) / (double)planned : 0));
    json_object_set_new(o, "worst_late_ms", json_real(worst));
    json_object_set_new(o, "undone", json_integer(planned - n));
}

static const char *figure_of(whet_scenario s)
{
    static const char *const figures[] = {"p90", "p99", "img_per_s", "p99", "late_share"};
    return figures[s];
}

/* The scenario's own figure beside its name, or why there is none. */
static void put_figure(const json_t *row, json_t *o)
{
    const char *name = whet_json_str(o, "figure");
    const json_t *places[] = {json_object_get(row, "latency"), row, o};
    char na[40];
    snprintf(na, sizeof na, "%s_na", name);
    for (size_t i = 0; i < WHET_COUNT(places); i++)
        if (json_is_number(json_object_get(places[i], name))) {
            json_object_set(o, "figure_value", json_object_get(places[i], name));
            return;
        }
    json_object_set_new(o, "figure_value", json_null());
    if (*whet_json_str(places[0], na) != '\0') json_object_set(o, "figure_na", json_object_get(places[0], na));
}

whet_status whet_bench_put_scenario(const whet_bench *b, const whet_bench_row *r, json_t *row)
{
    const whet_bench_spec *s = b->spec;
    double seconds = 0;
    int64_t samples = 0, queries = 0, planned = 0;
    char from[120];
    json_t *o = json_pack("{ss, si, sb, ss}", "definition", whet_scenario_text(r->scenario), "streams", r->settings.streams, "loaded",
                          r->scenario != WHET_SCENARIO_SINGLE, "figure", figure_of(r->scenario));
    json_object_set_new(row, "scenario", json_string(whet_scenario_name(r->scenario)));
    json_object_set_new(row, "load", o);
    if (r->scenario == WHET_SCENARIO_SINGLE || r->n_blocks == 0 || r->dead) return WHET_OK;
    const double rate = rate_of(b, r, &seconds, &samples, &queries, &planned);
    json_t *latency = json_object_get(row, "latency");
    json_object_set_new(latency, "loaded", json_true());
    json_object_set_new(latency, "seconds", json_real(seconds));
    json_object_set_new(o, "queries", json_integer(queries));
    json_object_set_new(o, "planned", json_integer(planned));
    json_object_set_new(o, "samples", json_integer(samples));
    json_object_set_new(o, "seconds", json_real(seconds));
    if (whet_scenario_open(r->scenario)) {
        json_object_set_new(o, "rate", json_real(s->rate));
        json_object_set_new(o, "seed", json_integer((json_int_t)s->seed));
        json_object_set_new(o, "arrivals", json_string(r->scenario == WHET_SCENARIO_SERVER ? "Poisson" : "equal distances"));
        const double deadline = s->deadline_ms > 0 ? s->deadline_ms : r->scenario == WHET_SCENARIO_PACED ? 1e3 / s->rate : 0;
        if (deadline > 0) put_lateness(r, deadline, planned, o);
        if (planned > queries && r->scenario == WHET_SCENARIO_PACED) /* late all of them; of a server it is the verdict */
            whet_json_add_text(r->notes, "it cannot keep up with %g arrivals a second: %lld of %lld were not begun in three times the planned time", s->rate,
                                               (long long)(planned - queries), (long long)planned);
        snprintf(from, sizeof from, "delivered: samples / wall time%s, limited by %g arrivals a second",
                 r->scenario == WHET_SCENARIO_PACED ? " to the end of the last frame's period" : "", s->rate);
    } else {
        snprintf(from, sizeof from, "samples / wall time, %d stream%s", r->settings.streams, r->settings.streams == 1 ? "" : "s");
    }
    json_object_set_new(row, "img_per_s_from", json_string(from));
    WHET_TRY(put_rate(r, s->seed, rate, row));
    put_figure(row, o);
    return WHET_OK;
}
