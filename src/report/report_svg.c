// SPDX-License-Identifier: Apache-2.0
// Charts as inline SVG: what a reader without script, or a page without Chart.js, sees.
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "report/report_columns.h"
#include "report/report_html.h"

enum { WIDTH = 560, LEFT = 150, RIGHT = 70, BAR = 18, GAP = 10, PLOT_HEIGHT = 220 };

typedef struct range { double low, high; } range;

static void widen(range *r, double x)
{
    if (!isfinite(x)) return;
    r->low = fmin(r->low, x);
    r->high = fmax(r->high, x);
}

static double at(const json_t *series, const char *key, size_t i)
{
    const json_t *v = json_array_get(json_object_get(series, key), i);
    return json_is_number(v) ? json_number_value(v) : (double)NAN;
}

static range value_range(const json_t *chart, bool from_zero)
{
    range r = {from_zero ? 0 : (double)INFINITY, from_zero ? 0 : -(double)INFINITY};
    const json_t *list = json_object_get(chart, "series"), *s = NULL;
    size_t i = 0;
    json_array_foreach(list, i, s)
    {
        for (size_t k = 0; k < json_array_size(json_object_get(s, "values")); k++) {
            widen(&r, at(s, "values", k));
            widen(&r, at(s, "low", k));
            widen(&r, at(s, "high", k));
        }
    }
    widen(&r, report_num(chart, "zero_line"));
    if (!from_zero) {
        double pad = fmax((r.high - r.low) * 0.1, 1e-9);
        r.low -= pad;
        r.high += pad;
    }
    if (!(r.high > r.low)) r.high = r.low + 1;
    return r;
}

static double place(range r, double x)
{
    return LEFT + (x - r.low) / (r.high - r.low) * (WIDTH - LEFT - RIGHT);
}

static void label(whet_strbuf *b, const char *text, double y)
{
    char cut[200];
    size_t n = 0, shown = 0;
    for (; text[n] != '\0' && n + 5 < sizeof cut && shown < 24; n++) {
        cut[n] = text[n];
        shown += ((unsigned char)text[n + 1] & 0xc0) != 0x80; // a whole UTF-8 character
    }
    snprintf(cut + n, sizeof cut - n, "%s", text[n] != '\0' ? "…" : "");
    whet_strbuf_printf(b, "<text x='%d' y='%.1f' text-anchor='end'>", LEFT - 8, y);
    report_esc(b, cut);
    whet_strbuf_puts(b, "</text>");
}

static void bars(whet_strbuf *b, const json_t *chart, bool interval)
{
    const json_t *labels = json_object_get(chart, "labels"), *series = json_object_get(chart, "series");
    size_t n = json_array_size(labels), m = json_array_size(series);
    range r = value_range(chart, !interval);
    double height = (double)(n * (m * BAR + GAP) + GAP), line = report_num(chart, "zero_line");
    char text[40];
    whet_strbuf_printf(b, "<svg viewBox='0 0 %d %.0f' role='img' aria-label='", WIDTH, height);
    report_esc(b, report_str(chart, "title"));
    whet_strbuf_puts(b, "'>");
    if (isfinite(line)) whet_strbuf_printf(b, "<line class='axis' x1='%.1f' x2='%.1f' y1='0' y2='%.0f'/>", place(r, line), place(r, line), height);
    for (size_t i = 0; i < n; i++) {
        double y = (double)(i * (m * BAR + GAP) + GAP);
        label(b, json_string_value(json_array_get(labels, i)), y + (double)(m * BAR) / 2 + 4);
        for (size_t k = 0; k < m; k++, y += BAR) {
            const json_t *s = json_array_get(series, k);
            double v = at(s, "values", i), low = at(s, "low", i), high = at(s, "high", i), mid = y + BAR / 2.0;
            if (!isfinite(v)) continue;
            if (!interval) whet_strbuf_printf(b, "<rect class='c%zu' x='%d' y='%.1f' width='%.1f' height='%d' rx='2'/>", (m > 1 ? k : i) % 8, LEFT, y + 1, place(r, v) - LEFT, BAR - 2);
            if (isfinite(low) && isfinite(high))
                whet_strbuf_printf(b, "<path class='whisker' d='M%.1f %.1fH%.1fM%.1f %.1fv8M%.1f %.1fv8'/>", place(r, low), mid, place(r, high), place(r, low), mid - 4, place(r, high), mid - 4);
            if (interval) whet_strbuf_printf(b, "<circle class='c%zu' cx='%.1f' cy='%.1f' r='5'/>", i % 8, place(r, v), mid);
            whet_strbuf_printf(b, "<text x='%.1f' y='%.1f'>%s</text>", place(r, isfinite(high) ? fmax(v, high) : v) + 6, mid + 4, report_digits(text, sizeof text, v));
        }
    }
    whet_strbuf_puts(b, "</svg>");
}

static void lines(whet_strbuf *b, const json_t *chart)
{
    const json_t *series = json_object_get(chart, "series"), *s = NULL, *p = NULL;
    range x = {(double)INFINITY, -(double)INFINITY}, y = {0, -(double)INFINITY};
    size_t i = 0, k = 0;
    char text[40];
    int bottom = PLOT_HEIGHT - 24;
    bool zero = json_is_true(json_object_get(chart, "fill"));
    y.low = zero ? 0 : (double)INFINITY;
    json_array_foreach(series, i, s)
    {
        json_array_foreach(json_object_get(s, "values"), k, p)
        {
            widen(&x, report_num(p, "x"));
            widen(&y, report_num(p, "y"));
        }
    }
    if (!(x.high > x.low)) x.high = x.low + 1;
    if (!(y.high > y.low)) y.high = y.low + 1;
    whet_strbuf_printf(b, "<svg viewBox='0 0 %d %zu' role='img' aria-label='", WIDTH, PLOT_HEIGHT + 20 * json_array_size(series));
    report_esc(b, report_str(chart, "title"));
    whet_strbuf_printf(b, "'><path class='axis' d='M50 8V%dH%d'/>", bottom, WIDTH - 10);
    whet_strbuf_printf(b, "<text x='44' y='%d' text-anchor='end'>%s</text>", bottom, report_digits(text, sizeof text, y.low));
    whet_strbuf_printf(b, "<text x='44' y='16' text-anchor='end'>%s</text>", report_digits(text, sizeof text, y.high));
    whet_strbuf_printf(b, "<text x='50' y='%d'>%s</text>", bottom + 16, report_digits(text, sizeof text, x.low));
    whet_strbuf_printf(b, "<text x='%d' y='%d' text-anchor='end'>%s %s</text>", WIDTH - 10, bottom + 16, report_digits(text, sizeof text, x.high), report_str(chart, "unit"));
    json_array_foreach(series, i, s)
    {
        whet_strbuf_printf(b, "<polyline class='l%zu' points='", i % 8);
        json_array_foreach(json_object_get(s, "values"), k, p)
        {
            whet_strbuf_printf(b, "%.1f,%.1f ", 50 + (report_num(p, "x") - x.low) / (x.high - x.low) * (WIDTH - 60),
                               bottom - (report_num(p, "y") - y.low) / (y.high - y.low) * (bottom - 8));
        }
        whet_strbuf_printf(b, "'/><rect class='c%zu' x='50' y='%zu' width='12' height='12'/><text x='68' y='%zu'>", i % 8, PLOT_HEIGHT + 20 * i, PLOT_HEIGHT + 11 + 20 * i);
        report_esc(b, report_str(s, "name"));
        whet_strbuf_puts(b, "</text>");
    }
    whet_strbuf_puts(b, "</svg>");
}

void report_chart_svg(whet_strbuf *b, const json_t *chart)
{
    const char *kind = report_str(chart, "kind");
    if (strcmp(kind, "line") == 0) {
        lines(b, chart);
    } else {
        bars(b, chart, strcmp(kind, "interval") == 0);
    }
}
