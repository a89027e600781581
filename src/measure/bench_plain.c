/* SPDX-License-Identifier: Apache-2.0 */
/* The plain numbers that older studies print. They hide what the other figures show (spread, drift, a noisy machine), so each
 * carries its definition, and nothing is ranked by them. */
#include <math.h>
#include <stdio.h>

#include "base/mem.h"
#include "measure/bench_private.h"

enum { REPEATS = 100 };

static const struct { const char *name, *text; } definitions[] = {
    {"mean_ms", "arithmetic mean of the first 100 timed runs (fewer where there are fewer: see repeats), outliers included, warm-up excluded"},
    {"min_ms", "fastest of the same runs"},
    {"ms_per_img", "mean_ms / batch: the latency of one stream, longer than the time per picture where several streams work at once"},
    {"img_per_s", "1000 x batch / mean_ms: what one stream would come to; the row's throughput is its own img_per_s, by the median or by the wall time as img_per_s_from says"},
    {"speed_up", "mean_ms of the base row / mean_ms of this row; the base is the first row of the table that was timed at the same batch and threads"},
    {"size_reduction", "bytes of the base row's files / bytes of this row's files"},
};

json_t *whet_bench_plain_definitions(void)
{
    json_t *o = json_object();
    for (size_t i = 0; i < WHET_COUNT(definitions); i++) json_object_set_new(o, definitions[i].name, json_string(definitions[i].text));
    return o;
}

/* Of the first runs in order of time; a sample that stands for several short runs counts as its mean. */
static int first_runs(const whet_bench_row *r, double *mean, double *min)
{
    double sum = 0;
    int n = 0;
    *min = INFINITY;
    for (int i = 0; i < r->n_blocks; i++)
        for (size_t k = 0; k < r->blocks[i].n && n < REPEATS; k++, n++) {
            sum += r->blocks[i].ms[k];
            *min = fmin(*min, r->blocks[i].ms[k]);
        }
    *mean = n > 0 ? sum / n : 0;
    return n;
}

static int base_of(const whet_bench *b, const whet_bench_row *r)
{
    for (int i = 0; i < b->n_rows; i++) {
        const whet_bench_row *o = &b->rows[i];
        if (!o->dead && o->n_blocks > 0 && o->batch == r->batch && o->threads == r->threads) return i;
    }
    return -1;
}

void whet_bench_put_plain(const whet_bench *b, const whet_bench_row *r, json_t *row)
{
    double mean = 0, min = 0, base_mean = 0, base_min = 0;
    char id[16];
    const int base = base_of(b, r), n = r->dead ? 0 : first_runs(r, &mean, &min);
    if (n == 0 || base < 0 || !(mean > 0)) {
        json_object_set_new(row, "plain", json_null());
        return;
    }
    const whet_bench_row *o = &b->rows[base];
    (void)first_runs(o, &base_mean, &base_min);
    snprintf(id, sizeof id, "r%d", base);
    json_object_set_new(row, "plain", json_pack("{si, sf, sf, sf, sf, sf, sf, ss}", "repeats", n, "mean_ms", mean, "min_ms", min, "ms_per_img", mean / r->batch,
                                                "img_per_s", 1e3 * r->batch / mean, "speed_up", base_mean / mean, "size_reduction",
                                                r->facts->size > 0 ? (double)o->facts->size / (double)r->facts->size : 1.0, "base", id));
}
