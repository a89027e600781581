/* SPDX-License-Identifier: Apache-2.0 */
/* What may be said about a measurement: stable or not, and which of two is faster. */
#include <math.h>

#include "base/mem.h"
#include "stats/stats.h"

static const char *const names[] = {"better", "worse", "same", "cannot tell"};

const char *whet_verdict_name(whet_verdict v)
{
    return names[v];
}

/* Step-down: the k-th smallest of n is multiplied by n - k, and never falls below the one before. */
static void holm(whet_ratio *r, int n)
{
    double last = 0;
    for (int i = 0; i < n; i++) r[i].p_holm = -1;
    for (int k = 0; k < n; k++) {
        int best = -1;
        for (int i = 0; i < n; i++)
            if (r[i].p_holm < 0 && (best < 0 || r[i].p < r[best].p)) best = i;
        double p = fmin(1.0, r[best].p * (n - k));
        last = r[best].p_holm = fmax(p, last);
    }
}

void whet_ratio_judge(whet_ratio *r, int n)
{
    whet_ratio_judge_band(r, n, 0.02);
}

void whet_ratio_judge_band(whet_ratio *r, int n, double band)
{
    holm(r, n);
    for (int i = 0; i < n; i++) {
        r[i].verdict = WHET_CANNOT_TELL;
        if (r[i].low >= 1 - band && r[i].high <= 1 + band)
            r[i].verdict = WHET_SAME;
        else if (r[i].high < 1 && r[i].p_holm <= 0.05)
            r[i].verdict = WHET_BETTER;
        else if (r[i].low > 1 && r[i].p_holm <= 0.05)
            r[i].verdict = WHET_WORSE;
    }
}

bool whet_bound_met(const whet_ratio *r, double bound)
{
    return r->high <= bound;
}

static double block_median(const whet_block *b, double *scratch)
{
    memcpy(scratch, b->x, b->n * sizeof(double));
    whet_sort_doubles(scratch, b->n);
    return whet_percentile(scratch, b->n, 0.5);
}

whet_status whet_stability_of(const whet_block *b, int n, uint64_t seed, whet_stability *out)
{
    size_t most = 1;
    double low = INFINITY, high = 0;
    memset(out, 0, sizeof *out);
    WHET_TRY(whet_boot_median(b, n, 0.95, seed, &out->median));
    for (int i = 0; i < n; i++) most = WHET_MAX(most, b[i].n);
    double *scratch = whet_calloc(most, sizeof *scratch);
    if (scratch == NULL) return WHET_ENOMEM;
    int windows = 0;
    for (int i = n - 1; i >= 0 && windows < 3; i--) {
        if (b[i].n == 0) continue;
        double m = block_median(&b[i], scratch);
        low = fmin(low, m);
        high = fmax(high, m);
        windows++;
    }
    whet_free(scratch);
    const double m = out->median.value;
    out->half_width = m > 0 ? fmax(out->median.high - m, m - out->median.low) / m : 0;
    out->window_spread = windows == 3 && low > 0 ? (high - low) / low : 0;
    out->wide = out->half_width > 0.03;
    out->drifting = out->window_spread > 0.10;
    return WHET_OK;
}
