/* SPDX-License-Identifier: Apache-2.0 */
/* A row at the runtime's own best settings, beside the one at equal settings. One setting after the other is tried in short runs
 * of fresh processes, the arithmetic left alone; another value is taken only if it is over 2 % faster. The search is a phase of its own: the
 * row is measured afterwards like every other. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "measure/bench_private.h"
#include "measure/machine.h"

enum { MOST_THREADS = 16 };
static const double warm_seconds = 0.1, run_seconds = 0.25, gain = 0.98;

static whet_status median_of(whet_bench *b, whet_bench_row *r, double *ms)
{
    json_t *reply = NULL;
    whet_bench_block k;
    whet_status status = WHET_OK;
    memset(&k, 0, sizeof k);
    WHET_GOTO(whet_bench_start(b, r));
    WHET_GOTO(whet_bench_load(b, r, NULL));
    WHET_GOTO(whet_worker_call(r->worker, whet_samples_feed(r->samples), whet_bench_limit(b), NULL));
    WHET_GOTO(whet_worker_call(r->worker, json_pack("{ss, si, sI}", "do", "warm", "runs", 3, "ns", (json_int_t)(warm_seconds * 1e9)), whet_bench_limit(b), NULL));
    WHET_GOTO(whet_worker_call(r->worker, json_pack("{ss, si, sI, si, si, si}", "do", "block", "runs", 5, "ns", (json_int_t)(run_seconds * 1e9), "warm", 0,
                                                    "start", 0, "group", 1), whet_bench_limit(b), &reply));
    WHET_GOTO(whet_bench_take_times(r->worker, reply, &k));
    whet_sort_doubles(k.ms, k.n);
    *ms = whet_percentile(k.ms, k.n, 0.5);
done:
    whet_free(k.ms);
    json_decref(reply);
    whet_bench_close_row(r);
    return status;
}

/* Tries what stands in r->settings; refusals and crashes are no candidates. */
static whet_status try_one(whet_bench *b, whet_bench_row *r, double *best, whet_settings *chosen)
{
    double ms = INFINITY;
    r->threads = r->settings.threads;
    const whet_status status = median_of(b, r, &ms);
    if (status == WHET_ECANCELLED) return status;
    json_t *o = json_pack("{so}", "settings", whet_settings_json(&r->settings));
    if (status == WHET_OK)
        json_object_set_new(o, "p50", json_real(ms));
    else
        json_object_set_new(o, "refused", json_string(whet_error_message()));
    json_array_append_new(r->best_search, o);
    if (ms < *best * (isinf(*best) ? 1 : gain)) {
        *best = ms;
        *chosen = r->settings;
    }
    return WHET_OK;
}

whet_status whet_bench_choose_best(whet_bench *b, whet_bench_row *r)
{
    int cpus[WHET_MAX_CPUS];
    const int most = whet_machine_pick_cpus(MOST_THREADS, cpus, WHET_MAX_CPUS);
    double best = INFINITY;
    whet_settings chosen = r->settings;
    if (!r->cell->best) return WHET_OK;
    r->best_search = json_array();
    WHET_TRY(try_one(b, r, &best, &chosen));
    for (int n = 1; n <= most; n = n < most && n * 2 > most ? most : n * 2) {
        if (n == r->cell->threads || n == chosen.threads) continue;
        r->settings = chosen;
        r->settings.threads = n;
        WHET_TRY(try_one(b, r, &best, &chosen));
    }
    static const struct { int row; const char *word; } others[] = {{0, "basic"}, {3, "off"}};
    for (size_t i = 0; i < WHET_COUNT(others); i++) {
        const whet_setting_row *row = whet_setting_at(others[i].row);
        r->settings = chosen;
        if (strcmp(whet_setting_get(&r->settings, row), others[i].word) == 0) continue;
        memcpy((char *)&r->settings + row->offset, &others[i].word, sizeof others[i].word);
        WHET_TRY(try_one(b, r, &best, &chosen));
    }
    r->settings = chosen;
    r->threads = chosen.threads;
    return WHET_OK;
}
