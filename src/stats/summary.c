/* SPDX-License-Identifier: Apache-2.0 */
/* One-sample summary and outlier counts. The median absolute deviation is found without a second array: the deviations of
 * sorted samples are two sorted runs, to the left and to the right of the median, which are merged up to their middle. */
#include <math.h>

#include "stats/stats.h"

static double deviation_median(const double *x, size_t n, double median)
{
    size_t right = 0;
    while (right < n && x[right] < median) right++;
    size_t left = right, want = (n + 1) / 2;
    double d = 0;
    for (size_t k = 0; k < want; k++) {
        bool take_left = left > 0 && (right >= n || median - x[left - 1] <= x[right] - median);
        d = take_left ? median - x[--left] : x[right++] - median;
    }
    return d;
}

static void count_outliers(whet_summary *s, const double *x, double q1, double q3)
{
    for (size_t i = 0; i < s->n; i++) {
        double beyond = x[i] < q1 ? q1 - x[i] : x[i] > q3 ? x[i] - q3 : 0;
        s->mild += beyond > 1.5 * s->iqr && beyond > 0;
        s->severe += beyond > 3 * s->iqr && beyond > 0;
        s->far += s->mad > 0 && fabs(x[i] - s->median) / s->mad > 14.8;
    }
}

whet_summary whet_summarise(const double *x, size_t n)
{
    whet_summary s = {.n = n, .min = x[0], .max = x[n - 1]};
    double sum = 0, squares = 0;
    for (size_t i = 0; i < n; i++) sum += x[i];
    s.mean = sum / (double)n;
    for (size_t i = 0; i < n; i++) squares += (x[i] - s.mean) * (x[i] - s.mean);
    s.stdev = n > 1 ? sqrt(squares / (double)(n - 1)) : 0;
    s.cv = s.mean > 0 ? s.stdev / s.mean : 0;
    s.median = whet_percentile(x, n, 0.5);
    s.mad = deviation_median(x, n, s.median);
    const double q1 = whet_percentile(x, n, 0.25), q3 = whet_percentile(x, n, 0.75);
    s.iqr = q3 - q1;
    count_outliers(&s, x, q1, q3);
    return s;
}

bool whet_windows_fall(const double *m, int n)
{
    return n >= 2 && m[n - 1] < 0.97 * m[n - 2];
}
