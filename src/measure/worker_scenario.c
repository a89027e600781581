/* SPDX-License-Identifier: Apache-2.0 */
/* Scenarios inside the worker: one stream of the runtime for each driver thread. What is timed includes copying the sample into
 * the runtime's own tensor, as it would be in a program that serves. */
#include <string.h>

#include "base/clock.h"
#include "base/cpu.h"
#include "base/mem.h"
#include "measure/scenario.h"
#include "measure/worker.h"

typedef struct lanes {
    whet_worker_state *w;
    int64_t start;
    int n_samples;
    int64_t last[WHET_SCENARIO_MAX_STREAMS]; /* sample of each stream's present outputs; -1: none */
} lanes;

whet_status whet_worker_add_streams(whet_worker_state *w, int n)
{
    if (n < 1 || n > WHET_SCENARIO_MAX_STREAMS) return WHET_FAIL(WHET_EINVAL, "%d streams; allowed is 1 to %d", n, WHET_SCENARIO_MAX_STREAMS);
    w->lanes = whet_calloc((size_t)n, sizeof *w->lanes);
    if (w->lanes == NULL) return WHET_ENOMEM;
    w->n_lanes = n;
    w->lanes[0].s = w->s;
    for (int l = 0; l < n; l++) {
        whet_worker_lane *lane = &w->lanes[l];
        if (l > 0) WHET_TRY(whet_backend_status(w->t, w->t->stream_create(w->m, &lane->s), "another stream of the model"));
        for (int i = 0; i < w->n_in; i++) {
            whet_backend_io io;
            memset(&io, 0, sizeof io);
            WHET_TRY(whet_backend_status(w->t, w->t->io_map(lane->s, 0, i, &lane->in[i], &lane->in_bytes[i], &io), "mapping an input"));
        }
    }
    return WHET_OK;
}

void whet_worker_free_streams(whet_worker_state *w)
{
    for (int l = 1; l < w->n_lanes; l++)
        if (w->lanes[l].s != NULL) w->t->stream_free(w->lanes[l].s);
    whet_free(w->lanes);
    w->lanes = NULL;
    w->n_lanes = 0;
}

static whet_status run_one(void *arg, int stream, int64_t q)
{
    lanes *j = arg;
    const whet_worker_lane *lane = &j->w->lanes[stream];
    const int64_t sample = (j->start + q) % j->n_samples;
    const uint8_t *src = j->w->samples + (size_t)sample * j->w->sample_bytes;
    for (int k = 0; k < j->w->n_in; k++) {
        memcpy(lane->in[k], src, lane->in_bytes[k]);
        src += lane->in_bytes[k];
    }
    const int code = j->w->t->run(lane->s);
    j->last[stream] = sample;
    return code == WHET_OK ? WHET_OK : whet_backend_status(j->w->t, code, "running the model");
}

static void enter(void *arg, int stream)
{
    const lanes *j = arg;
    if (stream > 0 && !j->w->keep_denormals) whet_cpu_flush_denormals();
}

/* The outputs that each stream has at the end, for the launcher to check. */
static whet_status put_checks(lanes *j, json_t *reply)
{
    json_t *list = json_array();
    json_object_set_new(reply, "checks", list);
    for (int l = 0; l < j->w->n_lanes; l++) {
        if (j->last[l] < 0) continue;
        json_t *o = json_pack("{sI}", "sample", (json_int_t)j->last[l]);
        json_array_append_new(list, o);
        WHET_TRY(whet_worker_put_stream_outputs(j->w, j->w->lanes[l].s, o));
    }
    return WHET_OK;
}

static whet_status warm(lanes *j, json_int_t runs)
{
    for (int l = 0; l < j->w->n_lanes; l++)
        for (json_int_t k = 0; k < runs; k++) WHET_TRY(run_one(j, l, k));
    return WHET_OK;
}

whet_status whet_worker_scenario(whet_worker_state *w, const json_t *q, json_t *reply)
{
    whet_scenario_plan p = {.streams = w->n_lanes, .runs = json_integer_value(json_object_get(q, "runs")),
                            .ns = (uint64_t)json_integer_value(json_object_get(q, "ns")), .rate = json_number_value(json_object_get(q, "rate")),
                            .seed = (uint64_t)json_integer_value(json_object_get(q, "seed")), .part = (uint64_t)json_integer_value(json_object_get(q, "part")),
                            .limit_ns = (uint64_t)json_integer_value(json_object_get(q, "limit_ns"))};
    lanes j = {.w = w, .start = json_integer_value(json_object_get(q, "start")), .n_samples = (int)json_integer_value(json_object_get(q, "samples"))};
    const char *kind = json_string_value(json_object_get(q, "kind"));
    whet_scenario_result r = {0};
    uint64_t offset = 0;
    whet_worker_cpu *cpu = NULL;
    whet_status status = WHET_OK;
    if (kind == NULL) return WHET_FAIL(WHET_EINVAL, "the request names no scenario");
    WHET_TRY(whet_scenario_parse(&p.kind, kind));
    if (j.start < 0 || j.n_samples < 1 || j.n_samples > w->n_samples) return WHET_FAIL(WHET_EINVAL, "%d samples are not there", j.n_samples);
    for (int l = 0; l < WHET_SCENARIO_MAX_STREAMS; l++) j.last[l] = -1;
    WHET_GOTO(warm(&j, json_integer_value(json_object_get(q, "warm"))));
    WHET_GOTO(whet_worker_cpu_start(&cpu));
    WHET_GOTO(whet_scenario_run(&p, &whet_scenario_real_clock, run_one, enter, &j, &r));
    whet_worker_cpu_stop(cpu, reply);
    WHET_GOTO(whet_worker_put_result(w, r.latency, (size_t)r.n * sizeof *r.latency, &offset));
    json_object_set_new(reply, "count", json_integer(r.n));
    json_object_set_new(reply, "offset", json_integer((json_int_t)offset));
    json_object_set_new(reply, "planned", json_integer(r.planned));
    json_object_set_new(reply, "samples", json_integer(r.samples));
    json_object_set_new(reply, "busy_ns", json_integer((json_int_t)r.wall_ns));
    WHET_GOTO(put_checks(&j, reply));
done:
    whet_worker_cpu_free(cpu);
    whet_scenario_result_dispose(&r);
    return status;
}
