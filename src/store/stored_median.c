/* SPDX-License-Identifier: Apache-2.0 */
/* The median again, as bench takes it: over all samples of all blocks. A sample of several runs (runs_per_sample) is stored as
 * the time of one, and counts once. */
#include "store/stored_median.h"

#include <math.h>
#include <stdio.h>

#include "base/mem.h"
#include "stats/stats.h"

static const double most_off = 0.01, rounding_ms = 0.5e-6; /* samples are stored in whole ns */

static size_t count(const json_t *samples)
{
    size_t n = 0;
    for (size_t i = 0; i < json_array_size(samples); i++) n += json_array_size(json_object_get(json_array_get(samples, i), "ns"));
    return n;
}

static size_t gather(const json_t *samples, double *ms)
{
    size_t n = 0, k = 0;
    const json_t *one = NULL;
    for (size_t i = 0; i < json_array_size(samples); i++)
        json_array_foreach(json_object_get(json_array_get(samples, i), "ns"), k, one)
        {
            if (json_is_number(one) && isfinite(json_number_value(one))) ms[n++] = json_number_value(one) / 1e6;
        }
    return n;
}

whet_status whet_stored_median_of(const json_t *row, whet_stored_median *out)
{
    const json_t *samples = json_object_get(row, "samples"), *p50 = json_object_get(json_object_get(row, "latency"), "p50");
    size_t n = count(samples);
    *out = (whet_stored_median){0};
    if (n == 0 || !json_is_number(p50)) return WHET_OK;
    double *ms = whet_calloc(n, sizeof *ms);
    if (ms == NULL) return WHET_ENOMEM;
    n = gather(samples, ms);
    if (n > 0) {
        whet_sort_doubles(ms, n);
        out->stored = json_number_value(p50);
        out->found = whet_summarise(ms, n).median;
        out->differs = !(fabs(out->stored - out->found) <= most_off * out->found + rounding_ms);
    }
    whet_free(ms);
    return WHET_OK;
}

const char *whet_stored_median_text(const whet_stored_median *m, char *text, size_t size)
{
    snprintf(text, size, "the stored figure and its samples disagree: the median is given as %.4g ms, the samples have %.4g ms", m->stored, m->found);
    return text;
}
