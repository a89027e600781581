/* SPDX-License-Identifier: Apache-2.0 */
/* Statistics of measurements: pure functions of numbers, no clocks and no allocation that the caller sees.
 *
 * Percentiles are nearest rank: the smallest sample with at least p * n samples at or below it. */
#ifndef WHET_STATS_STATS_H
#define WHET_STATS_STATS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

typedef struct whet_interval { double value, low, high; } whet_interval;

void whet_sort_doubles(double *x, size_t n);
/* Of sorted x; 0 < p <= 1, n > 0. */
double whet_percentile(const double *sorted, size_t n, double p);
/* Samples needed before percentile p is worth printing: the least n with P(Binomial(n, 1-p) <= 1) <= 0.01, which is the
 * early-stopping rule of MLPerf's LoadGen with c = 0.99 and d = 0 (64, 130, 662, 6636 for p90, p95, p99, p99.9). */
size_t whet_percentile_need(double p);
/* With its order-statistic interval at `confidence`; false (out untouched) if n < whet_percentile_need(p). */
bool whet_percentile_interval(const double *sorted, size_t n, double p, double confidence, whet_interval *out);

typedef struct whet_summary {
    size_t n;
    double min, max, median, mean, stdev, cv, mad, iqr;
    size_t mild, severe; /* beyond 1.5 and 3 IQR (Tukey); mild includes severe */
    size_t far;          /* |x - median| / MAD > 14.8 */
} whet_summary;
/* x is sorted; n > 0. Outliers are counted, never dropped. */
whet_summary whet_summarise(const double *sorted, size_t n);

/* Wilson's interval of a share (Wilson 1927) at `confidence`. */
whet_interval whet_wilson(int64_t hits, int64_t n, double confidence);
/* Quantile of the standard normal distribution, 0 < p < 1 (Acklam's rational approximation, |error| < 1.2e-9). */
double whet_normal_quantile(double p);

/* --- measurements in blocks: round = process */
typedef struct whet_block { int round, block; size_t n; const double *x; } whet_block;

/* Median with a bootstrap interval that resamples rounds, then blocks within each, never single samples (they are
 * correlated). Deterministic for a seed. EINVAL without samples. */
whet_status whet_boot_median(const whet_block *b, int n, double confidence, uint64_t seed, whet_interval *out);

typedef enum whet_verdict { WHET_BETTER, WHET_WORSE, WHET_SAME, WHET_CANNOT_TELL } whet_verdict;
const char *whet_verdict_name(whet_verdict v); /* "better", "worse", "same", "cannot tell" */

typedef struct whet_ratio {
    double ratio, low, high; /* median(a) / median(b), 95 % */
    double p;                /* two-sided, of "the ratio is 1" */
    double p_holm;           /* set by whet_ratio_judge */
    whet_verdict verdict;    /* of a against b, less being better; set by whet_ratio_judge */
} whet_ratio;
/* Ratio of medians. Blocks that have the same (round, block) on both sides were measured in turns and are resampled
 * together, so that what disturbed both cancels; without such pairs the sides are resampled apart. */
whet_status whet_boot_ratio(const whet_block *a, int n_a, const whet_block *b, int n_b, uint64_t seed, whet_ratio *out);
/* The same of another percentile: 0.99 for that by which a server is judged. */
whet_status whet_boot_ratio_at(const whet_block *a, int n_a, const whet_block *b, int n_b, double p, uint64_t seed, whet_ratio *out);
/* Verdicts of one table: same = whole interval inside +-2 %; better or worse need the interval beside 1 and p <= 0.05 after
 * Holm's correction (Holm 1979). */
void whet_ratio_judge(whet_ratio *r, int n);
/* The same with another width of "same": 0.05 for +-5 %. */
void whet_ratio_judge_band(whet_ratio *r, int n, double band);
/* A bound on a ratio (a at most `bound` times b) is met when the unfavourable end of the interval meets it. */
bool whet_bound_met(const whet_ratio *r, double bound);

typedef struct whet_stability {
    whet_interval median;
    double half_width;    /* wider half of the interval, as a share of the median */
    double window_spread; /* (max - min) / min of the last three windows' medians; 0 with fewer */
    bool wide;            /* half_width > 0.03 */
    bool drifting;        /* window_spread > 0.10 */
} whet_stability;
whet_status whet_stability_of(const whet_block *b, int n, uint64_t seed, whet_stability *out);

/* Warm-up goes on while this holds: the last window's median is over 3 % below the one before. */
bool whet_windows_fall(const double *medians, int n);

/* --- bootstrap over single items (images), for figures that are no mean: fn(arg, index[0..n)) -> figure */
typedef double (*whet_boot_fn)(void *arg, const uint32_t *index, int n);
whet_status whet_boot_items(int n, whet_boot_fn fn, void *arg, double confidence, uint64_t seed, int replicates, whet_interval *out);

#endif
