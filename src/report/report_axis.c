// SPDX-License-Identifier: Apache-2.0
// Scales and ticks: steps of 1, 2 or 5 times a power of ten, four to eight of them.
#include "report/report_axis.h"

#include <math.h>

static void linear_ticks(report_axis *a)
{
    const double span = a->high - a->low, raw = span / 4.2, unit = pow(10, floor(log10(raw)));
    const double m = raw / unit, step = (m < 1.5 ? 1 : m < 3.5 ? 2 : m < 7.5 ? 5 : 10) * unit;
    for (double k = ceil(a->low / step - 1e-9); k * step <= a->high + 1e-9 * span && a->n < REPORT_MAX_TICKS; k++) a->tick[a->n++] = k * step + 0.0; // no "-0"
}

static void log_ticks(report_axis *a)
{
    static const double all[] = {1, 2, 5}, decades[] = {1};
    const bool few = log10(a->high / a->low) < 2.2;
    const double *m = few ? all : decades;
    const int n = few ? 3 : 1;
    for (double e = floor(log10(a->low)); e <= log10(a->high); e++)
        for (int k = 0; k < n && a->n < REPORT_MAX_TICKS; k++) {
            const double x = m[k] * pow(10, e);
            if (x >= a->low * 0.999 && x <= a->high * 1.001) a->tick[a->n++] = x;
        }
}

report_axis report_axis_make(double low, double high, bool from_zero, bool may_log)
{
    report_axis a = {.low = low, .high = high};
    if (!isfinite(low) || !isfinite(high)) a = (report_axis){.low = 0, .high = 1};
    if (a.high < a.low) a.high = a.low;
    if (may_log && a.low > 0 && a.high > 12 * a.low && a.high < 1e12 * a.low) {
        a.log = true;
        a.low *= 0.85;
        a.high *= 1.15;
        log_ticks(&a);
        return a;
    }
    const double alone = a.high > a.low || from_zero ? 0 : fabs(a.high) / 2; // one value: room around it, not ticks that differ in the fourth digit
    const double pad = alone > 0 ? alone : fmax((a.high - a.low) * 0.06, fmax(fabs(a.high) * 1e-3, 1e-9));
    a.low = from_zero ? fmin(0, a.low) : a.low - pad;
    a.high += pad;
    linear_ticks(&a);
    return a;
}

double report_axis_at(const report_axis *a, double x)
{
    const double share = a->log ? log(fmax(x, a->low) / a->low) / log(a->high / a->low) : (x - a->low) / (a->high - a->low);
    return isfinite(share) ? fmin(fmax(share, 0), 1) : 0;
}
