/* SPDX-License-Identifier: Apache-2.0 */
/* What a row leaves behind for an audit (R24): a hash of its outputs for the first samples, some of their numbers for where bits
 * differ (another machine), and everything that it takes to measure the row again. */
#include <limits.h>
#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "measure/bench_private.h"
#include "wire/json.h"

enum { MAX_VALUES = 128, MAX_OUTPUTS = 8 };

static json_t *values_of(const whet_tensor *t, int most)
{
    const int64_t n = whet_tensor_numel(t), stride = WHET_MAX((n + most - 1) / most, 1);
    json_t *dims = json_array(), *values = json_array();
    for (int d = 0; d < t->shape.rank; d++) json_array_append_new(dims, json_integer(t->shape.dims[d]));
    for (int64_t i = 0; i < n; i += stride) {
        const double x = whet_tensor_get_f64(t, i);
        json_array_append_new(values, isfinite(x) ? json_real(x) : json_null());
    }
    return json_pack("{ss, so, sI, so}", "type", whet_dtype_name(t->dtype), "dims", dims, "stride", (json_int_t)stride, "values", values);
}

static void add(whet_bench_row *r, const json_t *list, int i, int n, const whet_tensor *t, int sample)
{
    whet_sha256_add(&r->outputs_hash, whet_dtype_name(t->dtype), strlen(whet_dtype_name(t->dtype)));
    whet_sha256_add(&r->outputs_hash, t->shape.dims, (size_t)t->shape.rank * sizeof t->shape.dims[0]);
    whet_sha256_add(&r->outputs_hash, t->data, whet_tensor_bytes(t));
    if (sample != 0 || i >= MAX_OUTPUTS) return;
    json_t *o = values_of(t, MAX_VALUES / WHET_MIN(n, (int)MAX_OUTPUTS));
    json_object_set(o, "name", json_object_get(json_array_get(list, (size_t)i), "name"));
    json_array_append_new(r->outputs_kept, o);
}

void whet_bench_keep_outputs(whet_bench_row *r, const json_t *reply, int sample)
{
    const json_t *list = json_object_get(reply, "outputs");
    const int n = (int)json_array_size(list);
    if (sample != r->n_outputs_kept || sample >= WHET_BENCH_KEPT_SAMPLES) return;
    if (sample == 0) {
        whet_sha256_init(&r->outputs_hash);
        json_decref(r->outputs_kept);
        r->outputs_kept = json_array();
    }
    for (int i = 0; i < n; i++) {
        whet_tensor t;
        if (whet_outputs_of(r->worker, reply, i, &t) != WHET_OK) return; /* parity tells of it */
        add(r, list, i, n, &t, sample);
    }
    r->n_outputs_kept++;
}

json_t *whet_bench_outputs_json(const whet_bench_row *r)
{
    char hex[65];
    whet_sha256 h = r->outputs_hash;
    if (r->n_outputs_kept == 0) return json_null();
    whet_sha256_hex(&h, hex);
    return json_pack("{si, ss, sO}", "samples", r->n_outputs_kept, "sha256", hex, "first", r->outputs_kept);
}

/* A path that means the same from another folder; other texts stay as they are. */
static json_t *absolute(const char *text)
{
    if (text == NULL) return json_null();
    char *path = realpath(text, NULL);
    json_t *v = json_string(path != NULL ? path : text);
    free(path);
    return v;
}

json_t *whet_bench_replay_json(const whet_bench *b, const whet_bench_row *r)
{
    static const char *const modes[] = {"default", "quick", "publish"};
    const whet_bench_spec *s = b->spec;
    json_t *o = json_pack("{so, so, ss, so, ss?, sI, si, sf, si, sf, ss, si, sb, sb}", "path", absolute(r->cell->model), "data", absolute(s->data), "split",
                          whet_split_name(s->split), "contract", absolute(s->contract), "accept", s->accept, "seed", (json_int_t)s->seed, "min_runs",
                          b->min_runs, "min_seconds", b->min_seconds, "warmup_runs", s->warmup_runs, "warmup_seconds", s->warmup_seconds, "mode",
                          modes[s->mode], "parity_inputs", s->parity_inputs, "force", s->force, "tune", s->tune);
    json_object_set_new(o, "scenario", json_string(whet_scenario_name(s->scenario)));
    if (s->rate > 0) json_object_set_new(o, "rate", json_real(s->rate));
    if (s->deadline_ms > 0) json_object_set_new(o, "deadline_ms", json_real(s->deadline_ms));
    if (s->time_limit > 0) json_object_set_new(o, "time_limit", json_real(s->time_limit));
    if (s->memory_limit > 0) json_object_set_new(o, "memory_limit", json_integer((json_int_t)s->memory_limit));
    if (r->cell->original != NULL) json_object_set_new(o, "original", absolute(r->cell->original));
    if (s->sizes[0] > 0) json_object_set_new(o, "sizes", json_pack("[i, i]", s->sizes[0], s->sizes[1]));
    if (s->opening != NULL)
        json_object_set_new(o, "opening", json_pack("{ss*, sI, sb}", "val", s->opening->val, "seed", (json_int_t)s->opening->seed, "own_model",
                                                    s->opening->own_model));
    if (r->samples != NULL) json_object_set_new(o, "inputs_sha256", json_string(r->samples->sha256));
    return o;
}
