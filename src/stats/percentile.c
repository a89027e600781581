/* SPDX-License-Identifier: Apache-2.0 */
/* Percentiles with their order-statistic intervals, and Wilson's interval.
 *
 * For the p-quantile of n samples the count of samples below it is Binomial(n, p), so the samples of rank l and u with
 * P(B < l) and P(B >= u) small enclose it whatever the distribution is. Binomial tails are summed from the end inwards by
 * the ratio of neighbouring terms, starting from one term by lgamma. */
#include <math.h>
#include <stdlib.h>

#include "stats/stats.h"

static int compare(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

void whet_sort_doubles(double *x, size_t n)
{
    qsort(x, n, sizeof *x, compare);
}

static size_t rank_of(size_t n, double p)
{
    double r = ceil(p * (double)n - 1e-9); /* 0.9 * 10 is a hair above 9 */
    if (r < 1) return 1;
    return r > (double)n ? n : (size_t)r;
}

double whet_percentile(const double *sorted, size_t n, double p)
{
    return sorted[rank_of(n, p) - 1];
}

static double log_term(double n, double k, double p)
{
    return lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1) + k * log(p) + (n - k) * log1p(-p);
}

/* P(Binomial(n, p) <= k) for k below the mean: terms fall towards zero. */
static double lower_tail(double n, double p, double k)
{
    double term = 0, sum = 0;
    if (k < 0) return 0;
    term = exp(log_term(n, k, p));
    for (double i = k; i >= 0 && term > 1e-18 * sum; i--) {
        sum += term;
        term *= i * (1 - p) / ((n - i + 1) * p);
    }
    return sum < 1 ? sum : 1;
}

size_t whet_percentile_need(double p)
{
    size_t low = 1, high = 2;
    while (lower_tail((double)high, 1 - p, 1) > 0.01) high *= 2;
    while (low < high) {
        size_t mid = (low + high) / 2;
        if (lower_tail((double)mid, 1 - p, 1) <= 0.01)
            high = mid;
        else
            low = mid + 1;
    }
    return low;
}

/* The largest rank l >= 1 with P(Binomial(n, p) <= l-1) <= tail; 1 if there is none. */
static size_t low_rank(size_t n, double p, double tail)
{
    size_t low = 1, high = (size_t)((double)n * p) + 1;
    while (low < high) {
        size_t mid = (low + high + 1) / 2;
        if (lower_tail((double)n, p, (double)mid - 1) <= tail)
            low = mid;
        else
            high = mid - 1;
    }
    return low;
}

bool whet_percentile_interval(const double *sorted, size_t n, double p, double confidence, whet_interval *out)
{
    const double tail = (1 - confidence) / 2;
    if (n < whet_percentile_need(p)) return false;
    size_t low = low_rank(n, p, tail);
    size_t high = n + 1 - low_rank(n, 1 - p, tail); /* by symmetry: counted from above */
    out->value = whet_percentile(sorted, n, p);
    out->low = sorted[low - 1];
    out->high = sorted[high - 1];
    return true;
}

double whet_normal_quantile(double p)
{
    static const double a[] = {-3.969683028665376e+01, 2.209460984245205e+02,  -2.759285104469687e+02,
                               1.383577518672690e+02,  -3.066479806614716e+01, 2.506628277459239e+00};
    static const double b[] = {-5.447609879822406e+01, 1.615858368580409e+02, -1.556989798598866e+02, 6.680131188771972e+01,
                               -1.328068155288572e+01};
    static const double c[] = {-7.784894002430293e-03, -3.223964580411365e-01, -2.400758277161838e+00,
                               -2.549732539343734e+00, 4.374664141464968e+00,  2.938163982698783e+00};
    static const double d[] = {7.784695709041462e-03, 3.224671290700398e-01, 2.445134137142996e+00, 3.754408661907416e+00};
    if (p > 0.5) return -whet_normal_quantile(1 - p);
    if (p < 0.02425) {
        double q = sqrt(-2 * log(p));
        return (((((c[0] * q + c[1]) * q + c[2]) * q + c[3]) * q + c[4]) * q + c[5]) /
               ((((d[0] * q + d[1]) * q + d[2]) * q + d[3]) * q + 1);
    }
    double q = p - 0.5, r = q * q;
    return (((((a[0] * r + a[1]) * r + a[2]) * r + a[3]) * r + a[4]) * r + a[5]) * q /
           (((((b[0] * r + b[1]) * r + b[2]) * r + b[3]) * r + b[4]) * r + 1);
}

whet_interval whet_wilson(int64_t hits, int64_t n, double confidence)
{
    whet_interval w = {0, 0, 1};
    if (n <= 0) return w;
    const double z = whet_normal_quantile(1 - (1 - confidence) / 2), m = (double)n, share = (double)hits / m;
    const double middle = (share + z * z / (2 * m)) / (1 + z * z / m);
    const double half = z / (1 + z * z / m) * sqrt(share * (1 - share) / m + z * z / (4 * m * m));
    w.value = share;
    w.low = middle - half > 0 ? middle - half : 0;
    w.high = middle + half < 1 ? middle + half : 1;
    return w;
}
