// SPDX-License-Identifier: Apache-2.0
// Charts as SVG: curves in the page for readers without script and on paper, and every chart as a picture file of its own.
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "report/report_axis.h"
#include "report/report_columns.h"
#include "report/report_html.h"

enum { WIDTH = 640, TRACK = 380, RIGHT = 80, BAR = 16, GAP = 10, TOP = 34, PLOT = 240, MAX_ROWS = 60, MAX_LABEL = 90 };

static const char style[] =
    "<style>text{font:12px system-ui,'DejaVu Sans',sans-serif;fill:#1c2126}.head{font-weight:600;font-size:14px}.axis{stroke:#8a929a;fill:none}.grid{stroke:#e3e0d8}"
    ".whisker{stroke:#1c2126;stroke-width:1.5;fill:none}polyline{fill:none;stroke-width:2}.front{stroke:#1c2126;stroke-width:1.5}"
    ".c0{fill:#0072b2}.c1{fill:#d55e00}.c2{fill:#00805f}.c3{fill:#b5578e}.c4{fill:#9a6a00}.c5{fill:#2f8fc4}.c6{fill:#6b6f76}.c7{fill:#1c2126}"
    ".l0{stroke:#0072b2}.l1{stroke:#d55e00}.l2{stroke:#00805f}.l3{stroke:#b5578e}.l4{stroke:#9a6a00}.l5{stroke:#2f8fc4}.l6{stroke:#6b6f76}.l7{stroke:#1c2126}"
    ".p1{fill-opacity:.45}.d1{stroke-dasharray:6 4}</style>";

static void widen(double *low, double *high, double x)
{
    if (!isfinite(x)) return;
    *low = fmin(*low, x);
    *high = fmax(*high, x);
}

// Characters, not bytes.
static size_t length_of(const char *text)
{
    size_t n = 0;
    for (; text != NULL && *text != '\0'; text++) n += ((unsigned char)*text & 0xc0) != 0x80;
    return n;
}

// Where the bars begin: behind the longest label.
static int left_of(const json_t *labels)
{
    size_t most = 8;
    for (size_t i = 0; i < json_array_size(labels); i++) most = WHET_MAX(most, length_of(json_string_value(json_array_get(labels, i))));
    return 24 + (int)(6.9 * (double)WHET_MIN(most, (size_t)MAX_LABEL));
}

static double place(const report_axis *a, int left, double x)
{
    return left + report_axis_at(a, x) * TRACK;
}

static void open_svg(whet_strbuf *b, const json_t *chart, int width, double height, bool in_page)
{
    whet_strbuf_printf(b, "<svg %sviewBox='0 0 %d %.0f' role='img' aria-label='", in_page ? "" : "xmlns='http://www.w3.org/2000/svg' ", width, height);
    report_esc(b, report_str(chart, "title"));
    whet_strbuf_puts(b, "'>");
    if (in_page) return;
    whet_strbuf_printf(b, "%s<rect width='%d' height='%.0f' fill='#fff'/><text class='head' x='10' y='20'>", style, width, height);
    report_esc(b, report_str(chart, "title"));
    if (report_str(chart, "unit")[0] != '\0' && strcmp(report_str(chart, "kind"), "line") != 0 && strcmp(report_str(chart, "kind"), "scatter") != 0) whet_strbuf_printf(b, ", %s", report_str(chart, "unit"));
    whet_strbuf_puts(b, "</text>");
}

static void label(whet_strbuf *b, const char *text, int left, double y)
{
    char cut[4 * MAX_LABEL + 8];
    size_t n = 0, shown = 0;
    for (; text[n] != '\0' && n + 5 < sizeof cut && shown < MAX_LABEL - 1; n++) {
        cut[n] = text[n];
        shown += ((unsigned char)text[n + 1] & 0xc0) != 0x80; // a whole UTF-8 character
    }
    snprintf(cut + n, sizeof cut - n, "%s", text[n] != '\0' ? "…" : "");
    whet_strbuf_printf(b, "<text x='%d' y='%.1f' text-anchor='end'>", left - 8, y);
    report_esc(b, cut);
    whet_strbuf_puts(b, "</text>");
}

static void x_ticks(whet_strbuf *b, const report_axis *a, int left, double top, double bottom)
{
    for (int k = 0; k < a->n; k++)
        whet_strbuf_printf(b, "<path class='grid' d='M%.1f %.0fV%.0f'/><text x='%.1f' y='%.0f' text-anchor='middle'>%.6g</text>", place(a, left, a->tick[k]), top, bottom,
                           place(a, left, a->tick[k]), bottom + 16, a->tick[k]);
}

// Bars, points with whiskers, or outlines: one line a label.
static void rows_chart(whet_strbuf *b, const json_t *chart, const char *kind)
{
    const json_t *labels = json_object_get(chart, "labels"), *series = json_object_get(chart, "series");
    const bool interval = strcmp(kind, "interval") == 0, ridge = strcmp(kind, "ridge") == 0;
    const size_t all = json_array_size(labels), n = WHET_MIN(all, (size_t)MAX_ROWS), m = ridge ? 1 : json_array_size(series), bar = ridge ? 26 : BAR;
    const report_axis a = report_axis_of_chart(chart, !interval && !ridge, ridge || json_is_true(json_object_get(chart, "may_log")));
    const double bottom = TOP + (double)(n * (m * bar + GAP)), line = report_num(chart, "zero_line");
    const int left = left_of(labels), width = left + TRACK + RIGHT;
    char text[40];
    open_svg(b, chart, width, bottom + 26 + (m > 1 ? 20 : 0) + (n < all ? 18 : 0), false);
    x_ticks(b, &a, left, TOP - 4, bottom);
    if (isfinite(line)) whet_strbuf_printf(b, "<path class='axis' d='M%.1f %dV%.0f'/>", place(&a, left, line), TOP - 4, bottom);
    for (size_t i = 0; i < n; i++) {
        double y = TOP + (double)(i * (m * bar + GAP));
        const int c = report_chart_colour(chart, i);
        label(b, json_string_value(json_array_get(labels, i)), left, y + (double)(m * bar) / 2 + 4);
        for (size_t k = 0; k < m; k++, y += (double)bar) {
            const json_t *s = json_array_get(series, k);
            const double v = report_series_at(s, "values", i), low = report_series_at(s, "low", i), high = report_series_at(s, "high", i), mid = y + (double)bar / 2;
            if (!isfinite(v)) continue;
            if (ridge) {
                const json_t *bins = json_object_get(json_array_get(json_object_get(chart, "outlines"), i), "bins");
                const size_t n_bins = json_array_size(bins);
                whet_strbuf_printf(b, "<path class='c%d l%d' fill-opacity='.4' d='M%.1f %.1f", c, c, place(&a, left, low), y + (double)bar);
                for (size_t j = 0; j < n_bins; j++)
                    whet_strbuf_printf(b, "L%.1f %.1f", place(&a, left, low + (high - low) * ((double)j + 0.5) / (double)n_bins),
                                       y + (double)bar * (1 - 0.0095 * (double)json_integer_value(json_array_get(bins, j))));
                whet_strbuf_printf(b, "L%.1f %.1fz'/><path class='whisker' d='M%.1f %.1fV%.1f'/>", place(&a, left, high), y + (double)bar, place(&a, left, v), y, y + (double)bar);
            } else {
                if (!interval) whet_strbuf_printf(b, "<rect class='c%d p%zu' x='%d' y='%.1f' width='%.1f' height='%zu' rx='2'/>", c, k, left, y + 1, place(&a, left, v) - left, bar - 2);
                if (isfinite(low) && isfinite(high))
                    whet_strbuf_printf(b, "<path class='whisker' d='M%.1f %.1fH%.1fM%.1f %.1fv8M%.1f %.1fv8'/>", place(&a, left, low), mid, place(&a, left, high), place(&a, left, low), mid - 4, place(&a, left, high), mid - 4);
                if (interval) whet_strbuf_printf(b, "<circle class='c%d' cx='%.1f' cy='%.1f' r='5'/>", c, place(&a, left, v), mid);
            }
            if (ridge) {
                whet_strbuf_printf(b, "<text x='%d' y='%.1f' text-anchor='end'>%s</text>", width - 10, mid + 4, report_digits(text, sizeof text, v));
            } else {
                whet_strbuf_printf(b, "<text x='%.1f' y='%.1f'>%s</text>", place(&a, left, isfinite(high) ? fmax(v, high) : v) + 6, mid + 4, report_digits(text, sizeof text, v));
            }
        }
    }
    for (size_t k = 0; k < m && m > 1; k++) {
        whet_strbuf_printf(b, "<rect class='c7 p%zu' x='%zu' y='%.0f' width='12' height='12'/><text x='%zu' y='%.0f'>", k, (size_t)left + k * 150, bottom + 24, (size_t)left + 18 + k * 150, bottom + 34);
        report_esc(b, report_str(json_array_get(series, k), "name"));
        whet_strbuf_puts(b, "</text>");
    }
    if (n < all) whet_strbuf_printf(b, "<text x='10' y='%.0f'>the first %zu of %zu rows</text>", bottom + 34 + (m > 1 ? 18 : 0), n, all);
    whet_strbuf_puts(b, "</svg>");
}

static void frame(whet_strbuf *b, const report_axis axis[2], int left, int top, int bottom)
{
    for (int k = 0; k < axis[1].n; k++) {
        const double y = bottom - report_axis_at(&axis[1], axis[1].tick[k]) * (bottom - top);
        whet_strbuf_printf(b, "<path class='grid' d='M%d %.1fH%d'/><text x='%d' y='%.1f' text-anchor='end'>%.6g</text>", left, y, WIDTH - 10, left - 6, y + 4,
                           fabs(axis[1].tick[k]) < 1e-12 ? 0 : axis[1].tick[k]);
    }
    for (int k = 0; k < axis[0].n; k++) {
        const double x = left + report_axis_at(&axis[0], axis[0].tick[k]) * (WIDTH - 10 - left);
        whet_strbuf_printf(b, "<text x='%.1f' y='%d' text-anchor='middle'>%.6g</text>", x, bottom + 16, axis[0].tick[k]);
    }
    whet_strbuf_printf(b, "<path class='axis' d='M%d %dV%dH%d'/>", left, top, bottom, WIDTH - 10);
}

static void lines(whet_strbuf *b, const json_t *chart, bool in_page)
{
    const json_t *series = json_object_get(chart, "series"), *s = NULL, *p = NULL;
    double low[2] = {(double)INFINITY, (double)INFINITY}, high[2] = {-(double)INFINITY, -(double)INFINITY};
    const int left = 56, top = in_page ? 10 : TOP, bottom = top + PLOT;
    const size_t pairs = json_is_true(json_object_get(chart, "pairs")) ? 2 : 1; // training and validation of one run share a colour
    size_t i = 0, k = 0;
    json_array_foreach(series, i, s)
    {
        json_array_foreach(json_object_get(s, "values"), k, p)
        {
            widen(&low[0], &high[0], report_num(p, "x"));
            widen(&low[1], &high[1], report_num(p, "y"));
        }
    }
    report_axis axis[2] = {report_axis_make(low[0], high[0], false, false), report_axis_make(low[1], high[1], false, false)};
    if (strcmp(report_str(chart, "unit"), "epoch") == 0) { // whole ones alone
        int n = 0;
        for (int t = 0; t < axis[0].n; t++)
            if (fabs(axis[0].tick[t] - round(axis[0].tick[t])) < 1e-6) axis[0].tick[n++] = axis[0].tick[t];
        axis[0].n = n;
    }
    open_svg(b, chart, WIDTH, bottom + 44 + 20 * (double)json_array_size(series), in_page);
    frame(b, axis, left, top, bottom);
    whet_strbuf_printf(b, "<text x='%d' y='%d' text-anchor='end'>%s</text>", WIDTH - 10, bottom + 32, report_str(chart, "unit"));
    json_array_foreach(series, i, s)
    {
        const size_t y = (size_t)bottom + 36 + 20 * i;
        whet_strbuf_printf(b, "<polyline class='l%zu d%zu' points='", i / pairs % 8, i % 2);
        json_array_foreach(json_object_get(s, "values"), k, p)
        {
            whet_strbuf_printf(b, "%.1f,%.1f ", left + report_axis_at(&axis[0], report_num(p, "x")) * (WIDTH - 10 - left),
                               bottom - report_axis_at(&axis[1], report_num(p, "y")) * (bottom - top));
        }
        whet_strbuf_printf(b, "'/><path class='l%zu d%zu' stroke-width='2' d='M%d %zuh26'/><text x='%d' y='%zu'>", i / pairs % 8, i % 2, left, y, left + 34, y + 4);
        report_esc(b, report_str(s, "name"));
        whet_strbuf_puts(b, "</text>");
    }
    whet_strbuf_puts(b, "</svg>");
}

// A runtime's point: a shape of its own beside the colour.
static void marker(whet_strbuf *b, int c, double x, double y, double r, bool front)
{
    static const char *const shapes[] = {"", "M-.9-.9h1.8v1.8h-1.8z", "M0-1 1 .9H-1z", "M0-1.15 1.15 0 0 1.15-1.15 0z", "M0 1 1-.9H-1z",
                                         "M-.35-1h.7v.65H1v.7H.35V1h-.7V.35H-1v-.7h.65z", "M-.5-.9h1L1 0 .5.9h-1L-1 0z", "M-1-.6-.6-1 0-.4.6-1 1-.6.4 0 1 .6.6 1 0 .4-.6 1-1 .6-.4 0z"};
    whet_strbuf_printf(b, "<g class='c%d%s' transform='translate(%.1f %.1f) scale(%.1f)'>", c, front ? " front" : "", x, y, r);
    if (c == 0) whet_strbuf_puts(b, "<circle r='1' vector-effect='non-scaling-stroke'/>");
    else whet_strbuf_printf(b, "<path vector-effect='non-scaling-stroke' d='%s'/>", shapes[c]);
}

// Colour, shape and name of each runtime from y down; the number of lines.
static int legend_of(whet_strbuf *b, const json_t *points, int left, int y)
{
    const json_t *p = NULL;
    bool seen[8] = {false};
    size_t i = 0;
    int x = left, lines = 1;
    json_array_foreach(points, i, p)
    {
        const int c = (int)report_num(p, "colour") % 8;
        char runtime[60];
        if (c < 0 || seen[c]) continue;
        seen[c] = true;
        snprintf(runtime, sizeof runtime, "%.*s", (int)WHET_MIN(strcspn(report_str(p, "name"), ","), sizeof runtime - 1), report_str(p, "name"));
        const int wide = 40 + (int)(7 * (double)length_of(runtime));
        if (x > left && x + wide > WIDTH) {
            x = left;
            y += 18;
            lines++;
        }
        marker(b, c, x + 5, y, 5, false);
        whet_strbuf_printf(b, "</g><text x='%d' y='%d'>", x + 16, y + 4);
        report_esc(b, runtime);
        whet_strbuf_puts(b, "</text>");
        x += wide;
    }
    return lines;
}

static void scatter(whet_strbuf *b, const json_t *chart)
{
    const json_t *points = json_object_get(chart, "points"), *p = NULL;
    report_axis axis[2];
    report_numbers numbers = {.n = 0};
    const int left = 70, top = TOP + 16, bottom = top + PLOT + 40;
    int listed = 0;
    size_t i = 0;
    whet_strbuf legend;
    json_array_foreach(points, i, p) listed += report_num(p, "front") > 0;
    report_axes_of_scatter(chart, axis);
    whet_strbuf_init(&legend);
    const int names = bottom + 40 + 18 * legend_of(&legend, points, left, bottom + 40); // where the numbered rows are named
    open_svg(b, chart, WIDTH, names + 8 + 18 * (double)listed, false);
    whet_strbuf_puts(b, legend.data != NULL ? legend.data : "");
    whet_strbuf_dispose(&legend);
    frame(b, axis, left, top, bottom);
    whet_strbuf_printf(b, "<text x='10' y='%d'>%s</text><text x='%d' y='%d' text-anchor='end'>%s</text>", top - 6, report_str(chart, "y_unit"), WIDTH - 10, bottom + 32, report_str(chart, "unit"));
    json_array_foreach(points, i, p)
    {
        const double x = left + report_axis_at(&axis[0], report_num(p, "x")) * (WIDTH - 10 - left), y = bottom - report_axis_at(&axis[1], report_num(p, "y")) * (bottom - top);
        const int number = (int)report_num(p, "front"), c = (int)report_num(p, "colour") % 8;
        if (isfinite(report_num(p, "x_low")) && isfinite(report_num(p, "x_high")))
            whet_strbuf_printf(b, "<path class='whisker' d='M%.1f %.1fH%.1f'/>", left + report_axis_at(&axis[0], report_num(p, "x_low")) * (WIDTH - 10 - left), y,
                               left + report_axis_at(&axis[0], report_num(p, "x_high")) * (WIDTH - 10 - left));
        if (isfinite(report_num(p, "y_low")) && isfinite(report_num(p, "y_high")))
            whet_strbuf_printf(b, "<path class='whisker' d='M%.1f %.1fV%.1f'/>", x, bottom - report_axis_at(&axis[1], report_num(p, "y_low")) * (bottom - top),
                               bottom - report_axis_at(&axis[1], report_num(p, "y_high")) * (bottom - top));
        marker(b, c, x, y, number > 0 ? 7 : 5, number > 0);
        whet_strbuf_puts(b, "<title>");
        report_esc(b, report_str(p, "name"));
        whet_strbuf_puts(b, "</title></g>");
        if (number == 0) continue;
        const int corner = report_corner(&numbers, report_axis_at(&axis[0], report_num(p, "x")), report_axis_at(&axis[1], report_num(p, "y")));
        whet_strbuf_printf(b, "<text x='%.1f' y='%.1f' text-anchor='%s'>%d</text><text x='%d' y='%d'>%d  ", corner % 2 == 0 ? x + 10 : x - 10, corner < 2 ? y - 6 : y + 16,
                           corner % 2 == 0 ? "start" : "end", number, left, names + 18 * number, number);
        report_esc(b, report_str(p, "name"));
        whet_strbuf_puts(b, "</text>");
    }
    whet_strbuf_puts(b, "</svg>");
}

void report_chart_svg(whet_strbuf *b, const json_t *chart, bool in_page)
{
    const char *kind = report_str(chart, "kind");
    if (strcmp(kind, "line") == 0) {
        lines(b, chart, in_page);
    } else if (strcmp(kind, "scatter") == 0) {
        scatter(b, chart);
    } else {
        rows_chart(b, chart, kind);
    }
}
