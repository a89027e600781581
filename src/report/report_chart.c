// SPDX-License-Identifier: Apache-2.0
// What is drawn: each chart is data made here once; the page's script draws it with Chart.js, report_svg.c draws the
// same numbers as inline SVG for readers without script.
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "report/report_columns.h"
#include "report/report_html.h"

enum { BINS = 48, MAX_CURVE = 400 };

static json_t *number(double x)
{
    return isfinite(x) ? json_real(x) : json_null();
}

static json_t *chart_create(const char *id, const char *title, const char *kind, const char *unit, const char *note)
{
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:[], s:[]}", "id", id, "title", title, "kind", kind, "unit", unit, "note", note,
                     "labels", "series");
}

static json_t *add_series(json_t *chart, const char *name)
{
    json_t *s = json_pack("{s:s, s:[], s:[], s:[]}", "name", name, "values", "low", "high");
    json_array_append_new(json_object_get(chart, "series"), s);
    return s;
}

static void add_value(json_t *series, double v, double low, double high)
{
    json_array_append_new(json_object_get(series, "values"), number(v));
    json_array_append_new(json_object_get(series, "low"), number(low));
    json_array_append_new(json_object_get(series, "high"), number(high));
}

typedef struct row_series { const char *name, *path, *low, *high; double scale; } row_series;

// A bar (or interval) chart over the rows that have a value of the first series; dropped if there is none.
static void add_row_chart(json_t *charts, const json_t *doc, json_t *chart, const row_series *defs, int n)
{
    const json_t *rows = json_object_get(doc, "rows"), *row = NULL;
    json_t *series[4];
    char name[300];
    size_t i = 0;
    for (int k = 0; k < n; k++) series[k] = add_series(chart, defs[k].name);
    json_array_foreach(rows, i, row)
    {
        if (!isfinite(report_num(row, defs[0].path))) continue;
        report_row_name(doc, row, true, name, sizeof name);
        json_array_append_new(json_object_get(chart, "labels"), json_string(name));
        for (int k = 0; k < n; k++)
            add_value(series[k], report_num(row, defs[k].path) * defs[k].scale,
                      defs[k].low != NULL ? report_num(row, defs[k].low) * defs[k].scale : (double)NAN,
                      defs[k].high != NULL ? report_num(row, defs[k].high) * defs[k].scale : (double)NAN);
    }
    if (json_array_size(json_object_get(chart, "labels")) > 0) {
        json_array_append_new(charts, chart);
    } else {
        json_decref(chart);
    }
}

// --- distribution of the latencies: one histogram a row, common bins from the least to just beyond the 99th percentiles

static void sample_range(const json_t *doc, double *from, double *to)
{
    const json_t *rows = json_object_get(doc, "rows"), *row = NULL;
    size_t i = 0;
    *from = (double)INFINITY;
    *to = 0;
    json_array_foreach(rows, i, row)
    {
        double low = report_num(row, "latency.min"), p50 = report_num(row, "latency.p50");
        double high = report_num(row, "latency.p99");
        if (!isfinite(high)) high = report_num(row, "latency.p90") * 1.1;
        if (!isfinite(high)) high = report_num(row, "latency.max");
        if (!isfinite(low) || !isfinite(high) || json_array_size(json_object_get(row, "samples")) == 0) continue;
        *from = fmin(*from, low);
        *to = fmax(*to, fmin(high, p50 * 4)); // a long tail must not squeeze the rest into one bin
    }
}

static int count_samples(const json_t *row, double from, double to, double bins[BINS])
{
    const json_t *samples = json_object_get(row, "samples"), *s = NULL, *x = NULL;
    size_t i = 0, j = 0;
    int n = 0;
    json_array_foreach(samples, i, s)
    {
        double runs = report_num(s, "runs_per_sample");
        const json_t *list = json_object_get(s, "ns");
        if (!isfinite(runs) || runs < 1) runs = 1;
        json_array_foreach(list, j, x)
        {
            double ms = json_number_value(x) / 1e6;
            int bin = (int)((ms - from) / (to - from) * BINS);
            n++;
            if (ms >= from && bin >= 0 && bin < BINS) bins[bin]++;
        }
    }
    return n;
}

static void add_distribution(json_t *charts, const json_t *doc)
{
    const json_t *rows = json_object_get(doc, "rows"), *row = NULL;
    double from = 0, to = 0;
    char name[300];
    size_t i = 0;
    sample_range(doc, &from, &to);
    if (!(to > from)) return;
    json_t *chart = chart_create("speed-spread", "How latency spreads", "line", "ms", "share of the inferences in each of 48 bins; the slowest one per cent lies outside");
    json_object_set_new(chart, "y_unit", json_string("%"));
    json_object_set_new(chart, "fill", json_true());
    json_array_foreach(rows, i, row)
    {
        double bins[BINS] = {0};
        int n = count_samples(row, from, to, bins);
        if (n == 0) continue;
        report_row_name(doc, row, true, name, sizeof name);
        json_t *values = json_object_get(add_series(chart, name), "values");
        for (int k = 0; k < BINS; k++)
            json_array_append_new(values, json_pack("{s:f, s:f}", "x", from + (k + 0.5) * (to - from) / BINS, "y", 100 * bins[k] / n));
    }
    if (json_array_size(json_object_get(chart, "series")) > 0) {
        json_array_append_new(charts, chart);
    } else {
        json_decref(chart);
    }
}

// --- comparisons as a forest plot

static void add_ratios(json_t *charts, const json_t *doc)
{
    const json_t *list = json_object_get(doc, "comparisons"), *c = NULL, *rows = json_object_get(doc, "rows"), *row = NULL;
    json_t *chart = chart_create("speed-ratio", "How many times as fast", "interval", "x", "95 % intervals from runs measured in turns; an interval that contains 1 decides nothing");
    json_t *series = add_series(chart, "speed-up");
    char label[700], name[2][300];
    size_t i = 0, j = 0;
    json_object_set_new(chart, "zero_line", json_real(1));
    json_array_foreach(list, i, c)
    {
        if (!isfinite(report_num(c, "speedup"))) continue;
        name[0][0] = name[1][0] = '\0';
        json_array_foreach(rows, j, row)
        {
            if (strcmp(report_str(row, "id"), report_str(c, "a")) == 0) report_row_name(doc, row, true, name[0], sizeof name[0]);
            if (strcmp(report_str(row, "id"), report_str(c, "b")) == 0) report_row_name(doc, row, true, name[1], sizeof name[1]);
        }
        snprintf(label, sizeof label, "%s against %s", name[0], name[1]);
        json_array_append_new(json_object_get(chart, "labels"), json_string(label));
        add_value(series, report_num(c, "speedup"), report_num(c, "speedup_low"), report_num(c, "speedup_high"));
    }
    if (json_array_size(json_object_get(chart, "labels")) > 0) {
        json_array_append_new(charts, chart);
    } else {
        json_decref(chart);
    }
}

// --- curves of the trainings: one chart for the loss, one for the accuracy

static void add_curve(json_t *chart, const json_t *training, const char *what, const char *key, double scale, bool many)
{
    const json_t *curve = json_object_get(training, "curve"), *point = NULL;
    size_t i = 0, n = json_array_size(curve), step = n / MAX_CURVE + 1;
    char name[300];
    json_t *values = json_array();
    json_array_foreach(curve, i, point)
    {
        double x = report_num(point, "epoch"), y = report_num(point, key);
        if (isfinite(x) && isfinite(y) && (i % step == 0 || i + 1 == n)) json_array_append_new(values, json_pack("{s:f, s:f}", "x", x, "y", y * scale));
    }
    if (json_array_size(values) > 0) {
        snprintf(name, sizeof name, many ? "%s, %s" : "%s", what, report_str(training, "label"));
        json_object_set(add_series(chart, name), "values", values);
    }
    json_decref(values);
}

static void add_curves(json_t *charts, const json_t *doc)
{
    static const struct { const char *id, *title, *unit, *keys[2], *names[2]; double scale; } defs[] = {
        {"train-loss", "Loss while training", "", {"train_loss", "val_loss"}, {"train", "validation"}, 1},
        {"train-accuracy", "Accuracy while training", "%", {"train_accuracy", "val_accuracy"}, {"train", "validation"}, 100},
    };
    const json_t *list = json_object_get(doc, "trainings"), *t = NULL;
    size_t i = 0;
    for (size_t k = 0; k < WHET_COUNT(defs); k++) {
        json_t *chart = chart_create(defs[k].id, defs[k].title, "line", "epoch", "");
        json_object_set_new(chart, "y_unit", json_string(defs[k].unit));
        json_array_foreach(list, i, t)
        {
            for (int s = 0; s < 2; s++) add_curve(chart, t, defs[k].names[s], defs[k].keys[s], defs[k].scale, json_array_size(list) > 1);
        }
        if (json_array_size(json_object_get(chart, "series")) > 0) {
            json_array_append_new(charts, chart);
        } else {
            json_decref(chart);
        }
    }
}

json_t *report_charts(const json_t *doc)
{
    json_t *charts = json_array();
    const row_series p50 = {"median", "latency.p50", "latency.p50_low", "latency.p50_high", 1};
    const row_series accuracy = {"accuracy", "accuracy.value", "accuracy.low", "accuracy.high", 100};
    const row_series start[] = {{"load", "load_ms", NULL, NULL, 1}, {"first inference", "first_ms", NULL, NULL, 1}};
    const row_series size = {"size", "size_bytes", NULL, NULL, 1e-6};
    const row_series memory[] = {{"process peak", "memory.peak_bytes", NULL, NULL, 1e-6}, {"added by the model", "memory.delta_bytes", NULL, NULL, 1e-6}};
    const row_series rate = {"throughput", "img_per_s", NULL, NULL, 1};
    add_row_chart(charts, doc, chart_create("speed-median", "Median latency", "bar", "ms", "whiskers: 95 % interval of the median"), &p50, 1);
    add_ratios(charts, doc);
    add_distribution(charts, doc);
    add_row_chart(charts, doc, chart_create("quality-accuracy", "Accuracy", "interval", "%", "95 % interval on the test split"), &accuracy, 1);
    add_row_chart(charts, doc, chart_create("cost-rate", "Throughput", "bar", "img/s", "one stream"), &rate, 1);
    add_row_chart(charts, doc, chart_create("cost-start", "From file to first answer", "bar", "ms", ""), start, 2);
    add_row_chart(charts, doc, chart_create("cost-memory", "Peak memory", "bar", "MB", "in a run apart from the timed ones"), memory, 2);
    add_row_chart(charts, doc, chart_create("cost-size", "Size on disk", "bar", "MB", "every file the model needs"), &size, 1);
    add_curves(charts, doc);
    return charts;
}

void report_figures(whet_strbuf *b, const json_t *charts, const char *prefix)
{
    size_t i = 0;
    const json_t *c = NULL;
    bool open = false;
    json_array_foreach(charts, i, c)
    {
        const char *id = report_str(c, "id");
        if (strncmp(id, prefix, strlen(prefix)) != 0) continue;
        if (!open) whet_strbuf_puts(b, "<div class='figures'>\n");
        open = true;
        whet_strbuf_printf(b, "<figure data-chart='%s' class='k-%s'><figcaption>", id, report_str(c, "kind"));
        report_esc(b, report_str(c, "title"));
        const char *unit = report_str(c, "y_unit")[0] != '\0' ? report_str(c, "y_unit") : report_str(c, "unit");
        if (unit[0] != '\0' && strcmp(unit, "epoch") != 0) whet_strbuf_printf(b, " <span>%s</span>", unit);
        whet_strbuf_puts(b, "</figcaption><div class='plot'>");
        report_chart_svg(b, c);
        whet_strbuf_puts(b, "</div>");
        if (report_str(c, "note")[0] != '\0') {
            whet_strbuf_puts(b, "<p class='note'>");
            report_esc(b, report_str(c, "note"));
            whet_strbuf_puts(b, "</p>");
        }
        whet_strbuf_puts(b, "</figure>\n");
    }
    if (open) whet_strbuf_puts(b, "</div>\n");
}
