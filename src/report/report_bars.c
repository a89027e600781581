// SPDX-License-Identifier: Apache-2.0
// The page's charts as lists of HTML: text stays text (it wraps, is read aloud, is found and printed), bars and points are
// placed in per cent, so that one markup serves a phone and a sheet of paper. Only outlines and curves are SVG.
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "report/report_axis.h"
#include "report/report_columns.h"
#include "report/report_html.h"

// 0.30000000000000004 -> "0.3"
static const char *tick_text(char *buf, size_t size, double x)
{
    char digits[40];
    if (fabs(x) >= 10000) return report_count(buf, size, x);
    snprintf(digits, sizeof digits, "%.6g", fabs(x) < 1e-12 ? 0 : x);
    snprintf(buf, size, "%s", digits);
    return buf;
}

// Every second one of many ticks is left out where the page is narrow.
static const char *thin(const report_axis *a, int k)
{
    return a->n > 4 && k % 2 == 1 ? " thin" : "";
}

static void add_axis(whet_strbuf *b, const report_axis *a)
{
    char text[40];
    whet_strbuf_puts(b, "<div class='axis' aria-hidden='true'><span class='n'></span><span class='t'>");
    for (int k = 0; k < a->n; k++)
        whet_strbuf_printf(b, "<span class='x%s' style='left:%.2f%%'>%s</span>", thin(a, k), 100 * report_axis_at(a, a->tick[k]), tick_text(text, sizeof text, a->tick[k]));
    whet_strbuf_puts(b, "</span><span class='v'></span></div>");
}

static void add_legend(whet_strbuf *b, const json_t *series)
{
    const json_t *s = NULL;
    size_t i = 0;
    if (json_array_size(series) < 2) return;
    whet_strbuf_puts(b, "<p class='legend'>");
    json_array_foreach(series, i, s)
    {
        whet_strbuf_printf(b, "<span><i class='key p%zu'></i>", i);
        report_esc(b, report_str(s, "name"));
        whet_strbuf_puts(b, "</span>");
    }
    whet_strbuf_puts(b, "</p>");
}

static void open_item(whet_strbuf *b, const json_t *chart, size_t i)
{
    const json_t *row = json_array_get(json_object_get(chart, "rows"), i), *label = json_array_get(json_object_get(chart, "labels"), i);
    if (json_is_integer(row)) {
        whet_strbuf_printf(b, "<li data-row='%lld'>", (long long)json_integer_value(row));
    } else {
        whet_strbuf_puts(b, "<li>");
    }
    whet_strbuf_puts(b, "<span class='n'>");
    report_esc(b, json_is_string(label) ? json_string_value(label) : "");
    whet_strbuf_puts(b, "</span><span class='t'>");
}

static void whisker(whet_strbuf *b, const report_axis *a, double low, double high)
{
    if (!isfinite(low) || !isfinite(high)) return;
    const double from = 100 * report_axis_at(a, low), to = 100 * report_axis_at(a, high);
    whet_strbuf_printf(b, "<b class='w%s%s' style='left:%.2f%%;width:%.2f%%'></b>", low < a->low ? " below" : "", high > a->high ? " beyond" : "", from, fmax(to - from, 0.2));
}

// Some interval of the chart goes on where the axis ends.
static bool cuts(const json_t *chart, const report_axis *a)
{
    const json_t *list = json_object_get(chart, "series"), *s = NULL;
    size_t i = 0;
    bool cut = false;
    json_array_foreach(list, i, s)
    {
        for (size_t k = 0; k < json_array_size(json_object_get(s, "values")); k++) cut = cut || report_series_at(s, "low", k) < a->low || report_series_at(s, "high", k) > a->high;
    }
    return cut;
}

// As the charts' values are written: shares in per cent with two decimals, the others by their size.
static const char *value_text(const json_t *chart, double x, char *buf, size_t size)
{
    if (strcmp(report_str(chart, "unit"), "%") == 0) {
        snprintf(buf, size, "%.2f", x);
        return buf;
    }
    return report_digits(buf, size, x);
}

static void bars(whet_strbuf *b, const json_t *chart, bool interval)
{
    const json_t *series = json_object_get(chart, "series");
    const size_t n = json_array_size(json_object_get(chart, "labels")), m = json_array_size(series);
    const report_axis a = report_axis_of_chart(chart, !interval, json_is_true(json_object_get(chart, "may_log")));
    const double line = report_num(chart, "zero_line");
    char text[40];
    add_legend(b, series);
    whet_strbuf_puts(b, "<ol class='bars'>\n");
    for (size_t i = 0; i < n; i++) {
        open_item(b, chart, i);
        if (isfinite(line)) whet_strbuf_printf(b, "<b class='zero' style='left:%.2f%%'></b>", 100 * report_axis_at(&a, line));
        for (size_t k = 0; k < m; k++) {
            const json_t *s = json_array_get(series, k);
            const double v = report_series_at(s, "values", i), low = report_series_at(s, "low", i), high = report_series_at(s, "high", i);
            if (!isfinite(v)) continue;
            if (interval) {
                whisker(b, &a, low, high);
                whet_strbuf_printf(b, "<i class='dot c%d' style='left:%.2f%%'></i>", report_chart_colour(chart, i), 100 * report_axis_at(&a, v));
            } else {
                whet_strbuf_printf(b, "<i class='bar c%d p%zu' style='width:%.2f%%'>", report_chart_colour(chart, i), k, fmax(100 * report_axis_at(&a, v), 0.3));
                whet_strbuf_puts(b, "</i>");
                whisker(b, &a, low, high);
            }
        }
        whet_strbuf_puts(b, "</span><span class='v'>");
        for (size_t k = 0; k < m; k++) {
            const double v = report_series_at(json_array_get(series, k), "values", i);
            whet_strbuf_printf(b, "%s%s", k > 0 ? " · " : "", isfinite(v) ? value_text(chart, v, text, sizeof text) : "–");
        }
        whet_strbuf_puts(b, "</span></li>\n");
    }
    whet_strbuf_puts(b, "</ol>");
    if (interval) add_axis(b, &a);
    if (a.log) whet_strbuf_puts(b, "<p class='note'>logarithmic</p>");
    if (cuts(chart, &a)) whet_strbuf_puts(b, "<p class='note'>an interval without an end goes on beyond the chart</p>");
}

static void outline(whet_strbuf *b, const report_axis *a, const json_t *o, double from, double to, int colour)
{
    const json_t *bins = json_object_get(o, "bins");
    const size_t n = json_array_size(bins);
    const double left = 100 * report_axis_at(a, from), right = 100 * report_axis_at(a, to);
    if (n == 0) { // no raw samples: the range alone
        whet_strbuf_printf(b, "<i class='range c%d' style='left:%.2f%%;width:%.2f%%'></i>", colour, left, fmax(right - left, 0.4));
        return;
    }
    // bins are equal in time; on a logarithmic axis their places are not
    whet_strbuf_printf(b, "<svg viewBox='0 0 100 24' preserveAspectRatio='none' aria-hidden='true'><path class='o%d' d='M%.1f 24", colour, left);
    for (size_t k = 0; k < n; k++) {
        const double x = 100 * report_axis_at(a, from + (to - from) * ((double)k + 0.5) / (double)n);
        whet_strbuf_printf(b, "L%.1f %.0f", x, 24 - 0.22 * (double)json_integer_value(json_array_get(bins, k)));
    }
    whet_strbuf_printf(b, "L%.1f 24z'/></svg>", right);
}

static void ridges(whet_strbuf *b, const json_t *chart)
{
    const json_t *s = json_array_get(json_object_get(chart, "series"), 0), *outlines = json_object_get(chart, "outlines");
    const size_t n = json_array_size(json_object_get(chart, "labels"));
    const report_axis a = report_axis_of_chart(chart, false, true);
    char text[40];
    whet_strbuf_printf(b, "<ol class='bars ridges'%s>\n", a.log ? " data-log='1'" : "");
    for (size_t i = 0; i < n; i++) {
        const json_t *o = json_array_get(outlines, i), *ticks = json_object_get(o, "ticks");
        const double p50 = report_series_at(s, "values", i);
        open_item(b, chart, i);
        outline(b, &a, o, report_series_at(s, "low", i), report_series_at(s, "high", i), report_chart_colour(chart, i));
        for (size_t k = 0; k < json_array_size(ticks); k++)
            whet_strbuf_printf(b, "<b class='tick' style='left:%.2f%%'></b>", 100 * report_axis_at(&a, json_number_value(json_array_get(ticks, k))));
        if (isfinite(p50)) whet_strbuf_printf(b, "<b class='median' style='left:%.2f%%'></b>", 100 * report_axis_at(&a, p50));
        whet_strbuf_printf(b, "</span><span class='v'>%s</span></li>\n", isfinite(p50) ? report_digits(text, sizeof text, p50) : "–");
    }
    whet_strbuf_puts(b, "</ol>");
    add_axis(b, &a);
}

// --- points

static void runtimes_legend(whet_strbuf *b, const json_t *points)
{
    const json_t *p = NULL;
    bool seen[8] = {false};
    size_t i = 0;
    whet_strbuf_puts(b, "<p class='legend'>");
    json_array_foreach(points, i, p)
    {
        const int c = (int)(report_num(p, "colour")) % 8;
        if (c < 0 || seen[c]) continue;
        seen[c] = true;
        whet_strbuf_printf(b, "<span><i class='point m%d c%d'></i>", c, c);
        char name[200];
        snprintf(name, sizeof name, "%.*s", (int)strcspn(report_str(p, "name"), ","), report_str(p, "name"));
        report_esc(b, name);
        whet_strbuf_puts(b, "</span>");
    }
    whet_strbuf_puts(b, "</p>");
}

static void scatter(whet_strbuf *b, const json_t *chart)
{
    const json_t *points = json_object_get(chart, "points"), *p = NULL;
    static const char *const keys[2] = {"x", "y"}, *const lows[2] = {"x_low", "y_low"}, *const highs[2] = {"x_high", "y_high"};
    report_axis axis[2];
    report_numbers numbers = {.n = 0};
    char text[2][40];
    size_t i = 0;
    report_axes_of_scatter(chart, axis);
    runtimes_legend(b, points);
    whet_strbuf_puts(b, "<p class='y-title'>");
    report_esc(b, report_str(chart, "y_unit"));
    whet_strbuf_puts(b, "</p><div class='scatter' role='img' aria-label='");
    report_esc(b, report_str(chart, "title"));
    whet_strbuf_puts(b, ", the numbers stand in the tables'>");
    for (int k = 0; k < axis[1].n; k++)
        whet_strbuf_printf(b, "<span class='y' style='bottom:%.2f%%'>%s</span>", 100 * report_axis_at(&axis[1], axis[1].tick[k]), tick_text(text[0], sizeof text[0], axis[1].tick[k]));
    for (int k = 0; k < axis[0].n; k++)
        whet_strbuf_printf(b, "<span class='x%s' style='left:%.2f%%'>%s</span>", thin(&axis[0], k), 100 * report_axis_at(&axis[0], axis[0].tick[k]), tick_text(text[0], sizeof text[0], axis[0].tick[k]));
    json_array_foreach(points, i, p)
    {
        double at[2], from[2], to[2];
        for (int k = 0; k < 2; k++) {
            at[k] = 100 * report_axis_at(&axis[k], report_num(p, keys[k]));
            from[k] = isfinite(report_num(p, lows[k])) ? 100 * report_axis_at(&axis[k], report_num(p, lows[k])) : at[k];
            to[k] = isfinite(report_num(p, highs[k])) ? 100 * report_axis_at(&axis[k], report_num(p, highs[k])) : at[k];
        }
        if (to[0] > from[0]) whet_strbuf_printf(b, "<i class='reach' data-row='%.0f' style='left:%.2f%%;width:%.2f%%;bottom:%.2f%%'></i>", report_num(p, "row"), from[0], to[0] - from[0], at[1]);
        if (to[1] > from[1]) whet_strbuf_printf(b, "<i class='reach up' data-row='%.0f' style='left:%.2f%%;height:%.2f%%;bottom:%.2f%%'></i>", report_num(p, "row"), at[0], to[1] - from[1], from[1]);
    }
    json_array_foreach(points, i, p)
    {
        const int c = (int)(report_num(p, "colour")) % 8, place = (int)report_num(p, "front");
        whet_strbuf_printf(b, "<i class='point m%d c%d%s' data-row='%.0f' style='left:%.2f%%;bottom:%.2f%%' title='", c, c, place > 0 ? " front" : "", report_num(p, "row"),
                           100 * report_axis_at(&axis[0], report_num(p, "x")), 100 * report_axis_at(&axis[1], report_num(p, "y")));
        report_esc(b, report_str(p, "name"));
        whet_strbuf_printf(b, ": %s ms, %s", report_digits(text[0], sizeof text[0], report_num(p, "x")), report_digits(text[1], sizeof text[1], report_num(p, "y")));
        whet_strbuf_puts(b, json_is_true(json_object_get(chart, "less")) ? " MB'>" : " %'>");
        if (place > 0) whet_strbuf_printf(b, "<b class='k%d'>%d</b>", report_corner(&numbers, report_axis_at(&axis[0], report_num(p, "x")), report_axis_at(&axis[1], report_num(p, "y"))), place);
        whet_strbuf_puts(b, "</i>");
    }
    whet_strbuf_puts(b, "</div><p class='x-title'>");
    report_esc(b, report_str(chart, "unit"));
    whet_strbuf_puts(b, axis[0].log ? " (logarithmic)</p>" : "</p>");
}

void report_chart_html(whet_strbuf *b, const json_t *chart)
{
    const char *kind = report_str(chart, "kind");
    if (strcmp(kind, "line") == 0) {
        report_chart_svg(b, chart, true);
    } else if (strcmp(kind, "ridge") == 0) {
        ridges(b, chart);
    } else if (strcmp(kind, "scatter") == 0) {
        scatter(b, chart);
    } else {
        bars(b, chart, strcmp(kind, "interval") == 0);
    }
}
