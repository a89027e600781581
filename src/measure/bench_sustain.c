/* SPDX-License-Identifier: Apache-2.0 */
/* --sustain: one row after the other under load without a pause, in windows; after each the clock, the temperature and the
 * throttle counters are read. A row's blocks (bench.c) are short and in turns; this is what they cannot show. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "measure/bench_private.h"
#include "measure/machine.h"
#include "measure/machine_now.h"

enum { WINDOWS = 120 };

static json_t *real_or_null(double x)
{
    return isfinite(x) ? json_real(x) : json_null();
}

typedef struct course { double first_rate, last_rate, first_mhz, last_mhz, hottest, throttles; int n; } course;

static double images_of(const whet_bench_row *r, const whet_bench_block *k)
{
    return (double)(k->samples > 0 ? k->samples : (int64_t)k->n * WHET_MAX(k->runs_per_sample, 1)) * r->batch;
}

static whet_status one_window(whet_bench *b, whet_bench_row *r, double seconds, uint64_t t0, course *c, json_t *series)
{
    whet_bench_block k;
    whet_meter_window w = {0};
    whet_machine_state now, was;
    int cpus[WHET_MAX_CPUS];
    const int n = whet_machine_pick_cpus(r->threads, cpus, WHET_MAX_CPUS);
    const bool metered = b->meter != NULL && whet_meter_any(b->meter);
    const uint64_t began = whet_now_ns();
    whet_machine_now(&was, b->spec->meter_root, n, cpus);
    if (metered) whet_meter_begin(b->meter);
    const whet_status status = whet_bench_window(b, r, seconds, &k);
    if (metered) whet_meter_end(b->meter, &w);
    WHET_TRY(status);
    whet_machine_now(&now, b->spec->meter_root, n, cpus);
    whet_sort_doubles(k.ms, k.n);
    const double took = (double)(whet_now_ns() - began) / 1e9, rate = images_of(r, &k) / (k.busy_ns > 0 ? whet_bench_span_ns(b, r, &k) / 1e9 : k.wall_ns / 1e9);
    json_array_append_new(series, json_pack("{sf, sf, sI, sf, sf, so, so, so, so}", "t", (double)(began - t0) / 1e9, "seconds", took, "n", (json_int_t)k.n,
                                            "p50", whet_percentile(k.ms, k.n, 0.5), "img_per_s", rate, "mhz", real_or_null(now.mhz), "celsius",
                                            real_or_null(now.celsius), "throttles", real_or_null(now.throttles - was.throttles), "watts",
                                            metered ? real_or_null(whet_meter_sum(b->meter, &w) / w.seconds) : json_null()));
    if (c->n++ == 0) {
        c->first_rate = rate;
        c->first_mhz = now.mhz;
    }
    c->last_rate = rate;
    c->last_mhz = now.mhz;
    c->hottest = fmax(c->hottest, now.celsius);
    if (isfinite(now.throttles - was.throttles)) c->throttles = (isnan(c->throttles) ? 0 : c->throttles) + now.throttles - was.throttles;
    whet_free(k.ms);
    return WHET_OK;
}

/* Mean rate of a share of the windows, from the front or from the back. */
static double mean_rate(const json_t *series, bool back)
{
    const size_t n = json_array_size(series), some = WHET_MAX(n / 10, 1);
    double sum = 0;
    for (size_t i = 0; i < some && i < n; i++) sum += json_number_value(json_object_get(json_array_get(series, back ? n - 1 - i : i), "img_per_s"));
    return sum / (double)some;
}

static json_t *document(const json_t *series, const course *c, double asked, double window)
{
    const double first = mean_rate(series, false), last = mean_rate(series, true);
    json_t *o = json_pack("{sf, sf, sf, sf, sf, so, so, so, sO}", "seconds", asked, "window_seconds", window, "first_img_per_s", first, "last_img_per_s", last,
                          "kept", first > 0 ? last / first : 0, "mhz_change", real_or_null(c->last_mhz / c->first_mhz), "hottest_celsius",
                          real_or_null(c->hottest), "throttles", real_or_null(c->throttles), "series", series);
    if (!isfinite(c->first_mhz)) json_object_set_new(o, "mhz_na", json_string("this machine shows no clock"));
    if (!isfinite(c->hottest)) json_object_set_new(o, "celsius_na", json_string("this machine shows no temperature, as virtual ones do not"));
    if (!isfinite(c->throttles)) json_object_set_new(o, "throttles_na", json_string("this machine shows no throttle counters"));
    return o;
}

static whet_status sustain_row(whet_bench *b, whet_bench_row *r)
{
    const double asked = b->spec->sustain_seconds, window = WHET_MIN(WHET_MAX(asked / WINDOWS, WHET_MIN(1.0, asked)), 10.0);
    course c = {.hottest = NAN, .throttles = NAN};
    json_t *series = json_array();
    WHET_TRY(whet_bench_open_row(b, r));
    if (r->dead) {
        json_decref(series);
        return WHET_OK;
    }
    const uint64_t t0 = whet_now_ns();
    whet_status status = WHET_OK;
    while (status == WHET_OK && (double)(whet_now_ns() - t0) / 1e9 < asked) {
        whet_bench_tell(b, "sustain", r->facts->name, (double)(whet_now_ns() - t0) / 1e9, asked, "s");
        status = one_window(b, r, window, t0, &c, series);
    }
    whet_bench_close_row(r);
    if (status == WHET_OK) {
        r->sustain = document(series, &c, asked, window);
        const double kept = json_number_value(json_object_get(r->sustain, "kept"));
        if (kept < 0.95) whet_bench_note(r, "after %.0f s under load %.0f %% of the first speed is left", asked, kept * 100);
    }
    json_decref(series);
    return status;
}

whet_status whet_bench_sustain(whet_bench *b)
{
    for (int i = 0; i < b->n_rows && b->spec->sustain_seconds > 0; i++) {
        whet_bench_row *r = &b->rows[i];
        if (r->dead) continue;
        const whet_status status = sustain_row(b, r);
        if (status == WHET_ECANCELLED) return status;
        if (status != WHET_OK) whet_bench_note(r, "the sustained load broke off: %.200s", whet_error_message());
    }
    return WHET_OK;
}
