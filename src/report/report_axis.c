// SPDX-License-Identifier: Apache-2.0
// What every form of a chart reads from it; scales and ticks: steps of 1, 2 or 5 times a power of ten, four to eight of them.
#include "report/report_axis.h"

#include <math.h>
#include <string.h>

#include "report/report_columns.h"

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

// What is drawn on an axis: the values, and all of it with the ends of the intervals.
typedef struct range { double low, high, least, most; } range;
static const range nothing = {(double)INFINITY, -(double)INFINITY, (double)INFINITY, -(double)INFINITY};

static void widen(range *r, double value, double low, double high)
{
    if (!isfinite(value)) return;
    r->least = fmin(r->least, value);
    r->most = fmax(r->most, value);
    r->low = fmin(fmin(r->low, value), low); // fmin leaves NaN out
    r->high = fmax(fmax(r->high, value), high);
}

static void keep_legible(range *r)
{
    if (r->least > 0) r->low = fmax(r->low, r->least / 3);
    if (r->most > 0) r->high = fmin(r->high, r->most * 3);
}

double report_series_at(const json_t *series, const char *key, size_t i)
{
    const json_t *v = json_array_get(json_object_get(series, key), i);
    return json_is_number(v) ? json_number_value(v) : (double)NAN;
}

int report_chart_colour(const json_t *chart, size_t i)
{
    const json_t *c = json_array_get(json_object_get(chart, "colours"), i);
    return json_is_integer(c) ? (int)(json_integer_value(c) % 8) : 0;
}

report_axis report_axis_of_chart(const json_t *chart, bool from_zero, bool may_log)
{
    const json_t *list = json_object_get(chart, "series"), *s = NULL;
    range r = nothing;
    size_t i = 0;
    json_array_foreach(list, i, s)
    {
        for (size_t k = 0; k < json_array_size(json_object_get(s, "values")); k++) widen(&r, report_series_at(s, "values", k), report_series_at(s, "low", k), report_series_at(s, "high", k));
    }
    if (strcmp(report_str(chart, "kind"), "ridge") != 0) keep_legible(&r);
    const double line = report_num(chart, "zero_line");
    widen(&r, line, line, line);
    return report_axis_make(r.low, r.high, from_zero, may_log);
}

void report_axes_of_scatter(const json_t *chart, report_axis axes[2])
{
    const json_t *points = json_object_get(chart, "points"), *p = NULL;
    const bool less = json_is_true(json_object_get(chart, "less"));
    range x = nothing, y = nothing;
    size_t i = 0;
    json_array_foreach(points, i, p)
    {
        widen(&x, report_num(p, "x"), report_num(p, "x_low"), report_num(p, "x_high"));
        widen(&y, report_num(p, "y"), report_num(p, "y_low"), report_num(p, "y_high"));
    }
    keep_legible(&x);
    if (!less && !(y.high > y.low)) { // one accuracy: a point of per cent around it
        y.low -= 1;
        y.high = fmin(y.high + 1, 100);
    }
    axes[0] = report_axis_make(x.low, x.high, false, true);
    axes[1] = report_axis_make(y.low, y.high, false, less);
}

int report_corner(report_numbers *seen, double x, double y)
{
    int near = 0;
    for (int i = 0; i < seen->n; i++) near += fabs(seen->at[i][0] - x) < 0.06 && fabs(seen->at[i][1] - y) < 0.08;
    if (seen->n < REPORT_MAX_NUMBERS) {
        seen->at[seen->n][0] = x;
        seen->at[seen->n++][1] = y;
    }
    return near % 4;
}

double report_axis_at(const report_axis *a, double x)
{
    const double share = a->log ? log(fmax(x, a->low) / a->low) / log(a->high / a->low) : (x - a->low) / (a->high - a->low);
    return isfinite(share) ? fmin(fmax(share, 0), 1) : 0;
}
