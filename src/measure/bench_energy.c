/* SPDX-License-Identifier: Apache-2.0 */
/* Energy of a row: first, while nothing runs, the idle power; then, in the process that was timed and right behind its blocks, a
 * window of seconds in which the same runs are repeated. Gross is all that was drawn, net is without what idling would have. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "measure/bench_private.h"
#include "wire/json.h"

static const double LEAST_NET = 0.01; /* share of the gross energy */

whet_status whet_bench_energy_start(whet_bench *b)
{
    const whet_bench_spec *s = b->spec;
    const whet_meter_options opt = {.root = s->meter_root, .power_cmd = s->power_cmd, .nvml = s->meter_nvml};
    WHET_TRY(whet_meter_open(&b->meter, &opt));
    if (!whet_meter_any(b->meter)) return WHET_OK;
    whet_meter_begin(b->meter);
    whet_sleep_ns((uint64_t)(whet_bench_energy_seconds(b) * 1e9));
    whet_meter_end(b->meter, &b->idle);
    return WHET_OK;
}

double whet_bench_energy_seconds(const whet_bench *b)
{
    return b->spec->meter_seconds > 0 ? b->spec->meter_seconds : whet_meter_least_seconds(b->meter);
}

static json_t *real_or_null(double x)
{
    return isfinite(x) ? json_real(x) : json_null();
}

static json_t *sources(const whet_bench *b, const whet_meter_window *w)
{
    json_t *list = json_array();
    for (int i = 0; i < whet_meter_count(b->meter); i++)
        json_array_append_new(list, json_pack("{ss, sb, so, so, so}", "name", whet_meter_name(b->meter, i), "counts", whet_meter_counts(b->meter, i), "joules",
                                              real_or_null(w->joules[i]), "watts", real_or_null(w->joules[i] / w->seconds), "idle_watts",
                                              real_or_null(b->idle.joules[i] / b->idle.seconds)));
    return list;
}

static json_t *document(const whet_bench *b, const whet_bench_row *r, const whet_meter_window *w, double images, double p50)
{
    char text[200];
    const double joules = whet_meter_sum(b->meter, w), watts = joules / w->seconds, idle = whet_meter_sum(b->meter, &b->idle) / b->idle.seconds;
    (void)r;
    json_t *o = json_pack("{ss, sb, sf, sf, sf, sf, so, sf, so, sf, sf, so}", "source", whet_meter_text(b->meter, text, sizeof text), "estimate",
                          whet_meter_estimate(b->meter), "window_seconds", w->seconds, "images", images, "joules", joules, "watts", watts, "idle_watts",
                          real_or_null(idle), "j_per_img", joules / images, "j_per_img_net", real_or_null((joules - idle * w->seconds) / images),
                          "img_per_s_per_w", images / joules, "p50", p50, "sources", sources(b, w));
    if (o != NULL) json_object_set_new(o, "img_per_s", json_real(images / w->seconds));
    if (o != NULL) json_object_set_new(o, "definition", json_string("of the window: joules / pictures finished in its wall time; img_per_s and img_per_s_per_w likewise"));
    return o;
}

static double median(const whet_bench_block *k)
{
    whet_sort_doubles(k->ms, k->n);
    return whet_percentile(k->ms, k->n, 0.5);
}

/* In the last round that every row has; the row's process is loaded, warm and stopped. */
whet_status whet_bench_energy_row(whet_bench *b, whet_bench_row *r)
{
    whet_bench_block block;
    whet_meter_window w;
    if (b->meter == NULL || !whet_meter_any(b->meter) || r->energy != NULL) return WHET_OK;
    const double seconds = whet_bench_energy_seconds(b);
    memset(&block, 0, sizeof block);
    whet_meter_begin(b->meter);
    const whet_status status = whet_bench_window(b, r, seconds, &block);
    whet_meter_end(b->meter, &w);
    const double images = (double)(block.samples > 0 ? block.samples : (int64_t)block.n * WHET_MAX(block.runs_per_sample, 1)) * r->batch;
    if (status == WHET_OK && isfinite(whet_meter_sum(b->meter, &w)) && whet_meter_sum(b->meter, &w) > 0 && images > 0)
        r->energy = document(b, r, &w, images, median(&block));
    else if (status == WHET_OK)
        snprintf(r->energy_why, sizeof r->energy_why, "n/a: the source gave no energy within %.1f s", w.seconds);
    whet_free(block.ms);
    if (status == WHET_OK || status == WHET_ECANCELLED) return status;
    snprintf(r->energy_why, sizeof r->energy_why, "n/a: %.200s", whet_error_message());
    return WHET_OK;
}

/* A net energy that the meter cannot tell from idling is no figure: the difference of two windows may even be negative. */
static void judge_net(const whet_bench_row *r, json_t *row)
{
    const double net = whet_json_real(r->energy, "j_per_img_net"), gross = whet_json_real(r->energy, "j_per_img");
    char why[160];
    if (!json_is_number(json_object_get(r->energy, "j_per_img_net")) || net > LEAST_NET * gross) return;
    snprintf(why, sizeof why, "n/a: not above idle (%.4g W under load, %.4g W idle)", whet_json_real(r->energy, "watts"), whet_json_real(r->energy, "idle_watts"));
    json_object_set_new(row, "j_per_img_net", json_null());
    json_object_set_new(row, "j_per_img_net_na", json_string(why));
}

void whet_bench_put_energy(const whet_bench *b, const whet_bench_row *r, json_t *row)
{
    static const char *const keys[] = {"j_per_img", "j_per_img_net", "img_per_s_per_w"};
    char why[480];
    for (size_t i = 0; i < WHET_COUNT(keys); i++) {
        json_t *v = json_object_get(r->energy, keys[i]);
        json_object_set_new(row, keys[i], v != NULL ? json_incref(v) : json_null());
    }
    json_object_set_new(row, "energy", r->energy != NULL ? json_incref(r->energy) : json_null());
    if (r->energy != NULL) {
        judge_net(r, row);
        return;
    }
    snprintf(why, sizeof why, "n/a: %s", b->meter != NULL && !whet_meter_any(b->meter) ? whet_meter_why(b->meter) : "the row was not measured");
    json_object_set_new(row, "j_per_img_na", json_string(r->energy_why[0] != '\0' ? r->energy_why : why));
}
