// SPDX-License-Identifier: Apache-2.0
// What is drawn: each chart is data made here once. report_bars.c makes the page's charts of it, report_svg.c and
// report_plot.c the picture files; curves are drawn by Chart.js where the page has it.
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "report/goal.h"
#include "report/report_columns.h"
#include "report/report_html.h"

enum { BINS = 32, MAX_CURVE = 400, MAX_LAYERS = 24 };

static json_t *number(double x)
{
    return isfinite(x) ? json_real(x) : json_null();
}

static json_t *chart_create(const char *id, const char *title, const char *kind, const char *unit, const char *note)
{
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:[], s:[]}", "id", id, "title", title, "kind", kind, "unit", unit, "note", note,
                     "labels", "series");
}

// A label that stands for a row: its number (the page hides what the table's filter hides) and its runtime's colour.
static void add_row_label(json_t *chart, const json_t *doc, const json_t *row, size_t number)
{
    char name[300];
    if (json_object_get(chart, "rows") == NULL) {
        json_object_set_new(chart, "rows", json_array());
        json_object_set_new(chart, "colours", json_array());
    }
    report_row_name(doc, row, true, name, sizeof name);
    json_array_append_new(json_object_get(chart, "labels"), json_string(name));
    json_array_append_new(json_object_get(chart, "rows"), json_integer((json_int_t)number));
    json_array_append_new(json_object_get(chart, "colours"), json_integer(report_runtime_index(doc, row)));
}

static void keep_if_filled(json_t *charts, json_t *chart, const char *list)
{
    if (json_array_size(json_object_get(chart, list)) > 0) {
        json_array_append_new(charts, chart);
    } else {
        json_decref(chart);
    }
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
    size_t i = 0;
    for (int k = 0; k < n; k++) series[k] = add_series(chart, defs[k].name);
    json_array_foreach(rows, i, row)
    {
        if (!isfinite(report_num(row, defs[0].path))) continue;
        add_row_label(chart, doc, row, i);
        for (int k = 0; k < n; k++)
            add_value(series[k], report_num(row, defs[k].path) * defs[k].scale,
                      defs[k].low != NULL ? report_num(row, defs[k].low) * defs[k].scale : (double)NAN,
                      defs[k].high != NULL ? report_num(row, defs[k].high) * defs[k].scale : (double)NAN);
    }
    keep_if_filled(charts, chart, "labels");
}

// --- distribution of the latencies: one outline a row, from its least to its 99th percentile (the slowest where there is none)

static double last_drawn(const json_t *row)
{
    const double p50 = report_num(row, "latency.p50");
    double high = report_num(row, "latency.p99");
    if (!isfinite(high)) high = report_num(row, "latency.p95");
    if (!isfinite(high)) high = report_num(row, "latency.max");
    return fmin(high, p50 * 6); // a long tail must not squeeze the rest into one bin
}

static int count_samples(const json_t *row, double from, double to, double bins[BINS])
{
    const json_t *samples = json_object_get(row, "samples"), *s = NULL, *x = NULL;
    size_t i = 0, j = 0;
    int n = 0;
    json_array_foreach(samples, i, s)
    {
        const json_t *list = json_object_get(s, "ns");
        json_array_foreach(list, j, x)
        {
            double ms = json_number_value(x) / 1e6;
            const double place = (ms - from) / (to - from) * BINS;
            n++;
            if (place >= 0 && place < BINS) bins[(int)place]++;
        }
    }
    return n;
}

static json_t *outline(const json_t *row, double from, double to)
{
    double bins[BINS] = {0}, most = 0;
    json_t *list = json_array();
    if (count_samples(row, from, to, bins) == 0) return list;
    for (int k = 0; k < BINS; k++) most = fmax(most, bins[k]);
    for (int k = 0; k < BINS && most > 0; k++) json_array_append_new(list, json_integer((json_int_t)lrint(100 * bins[k] / most)));
    return list;
}

static void add_distribution(json_t *charts, const json_t *doc)
{
    const json_t *rows = json_object_get(doc, "rows"), *row = NULL;
    static const char *const marks[] = {"p90", "p95", "p99"};
    size_t i = 0;
    json_t *chart = chart_create("speed-spread", "How latency spreads", "ridge", "ms",
                                 "outline: how often each latency was seen, up to the 99th percentile; line: median; ticks: p90, p95, p99 where there are samples enough");
    json_t *series = add_series(chart, "median");
    json_object_set_new(chart, "outlines", json_array());
    json_array_foreach(rows, i, row)
    {
        const double from = report_num(row, "latency.min"), to = last_drawn(row);
        if (!isfinite(from) || !(to > from)) continue;
        add_row_label(chart, doc, row, i);
        add_value(series, report_num(row, "latency.p50"), from, to);
        json_t *ticks = json_array();
        for (size_t k = 0; k < WHET_COUNT(marks); k++) {
            char path[40];
            snprintf(path, sizeof path, "latency.%s", marks[k]);
            if (report_num(row, path) <= to) json_array_append_new(ticks, number(report_num(row, path)));
        }
        json_array_append_new(json_object_get(chart, "outlines"), json_pack("{s:o, s:o}", "bins", outline(row, from, to), "ticks", ticks));
    }
    keep_if_filled(charts, chart, "labels");
}

// --- accuracy against latency (size where no accuracy was measured), with the front

static bool on_list(const json_t *list, size_t number, size_t *place)
{
    for (*place = 0; *place < json_array_size(list); ++*place)
        if (json_integer_value(json_array_get(list, *place)) == (json_int_t)number) return true;
    return false;
}

static void put_reach(json_t *point, const char *key, double x)
{
    if (point != NULL && isfinite(x)) json_object_set_new(point, key, json_real(x));
}

static void add_scatter(json_t *charts, const json_t *doc, const json_t *answer, size_t machine, bool many)
{
    const json_t *rows = json_object_get(doc, "rows"), *row = NULL, *front = json_object_get(answer, "pareto");
    char id[40], name[300], title[400];
    size_t i = 0, place = 0;
    bool accuracy = false;
    int in = 0;
    json_array_foreach(rows, i, row) accuracy = accuracy || (isfinite(report_num(row, "accuracy.value")) && isfinite(report_num(row, "latency.p50")));
    snprintf(id, sizeof id, "choice-%zu", machine);
    snprintf(title, sizeof title, "%s against latency%s%s", accuracy ? "Accuracy" : "Size", many ? ", " : "", many ? report_str(answer, "machine") : "");
    json_t *chart = chart_create(id, title, "scatter", "median latency, ms", "numbered: rows that no other is surely better than; the further left, the faster; lines: 95 % intervals");
    json_object_set_new(chart, "y_unit", json_string(accuracy ? "accuracy, %" : "size, MB"));
    json_object_set_new(chart, "less", json_boolean(!accuracy));
    json_object_set_new(chart, "points", json_array());
    json_array_foreach(rows, i, row)
    {
        const double x = report_num(row, "latency.p50"), y = accuracy ? 100 * report_num(row, "accuracy.value") : report_num(row, "size_bytes") / 1e6;
        report_row_machine(doc, row, name, sizeof name);
        if (!isfinite(x) || !isfinite(y) || !report_row_ok(row) || strcmp(name, report_str(answer, "machine")) != 0) continue;
        report_row_name(doc, row, true, name, sizeof name);
        in++;
        json_array_append_new(json_object_get(chart, "points"),
                              json_pack("{s:s, s:I, s:i, s:f, s:f, s:f, s:i}", "name", name, "row", (json_int_t)i, "colour", report_runtime_index(doc, row), "x", x, "y", y,
                                        "size", fmax(report_num(row, "size_bytes"), 0), "front", on_list(front, i, &place) ? (int)place + 1 : 0));
        json_t *point = json_array_get(json_object_get(chart, "points"), json_array_size(json_object_get(chart, "points")) - 1);
        put_reach(point, "x_low", report_num(row, "latency.p50_low"));
        put_reach(point, "x_high", report_num(row, "latency.p50_high"));
        if (accuracy) put_reach(point, "y_low", 100 * report_num(row, "accuracy.low"));
        if (accuracy) put_reach(point, "y_high", 100 * report_num(row, "accuracy.high"));
    }
    if (in < 2) json_object_set_new(chart, "points", json_array()); // one point shows nothing
    keep_if_filled(charts, chart, "points");
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
    json_object_set_new(chart, "may_log", json_true()); // twice and half as fast are as far from 1
    json_t *by_id = json_object();
    json_array_foreach(rows, i, row)
    {
        if (report_str(row, "id")[0] != '\0') json_object_set(by_id, report_str(row, "id"), (json_t *)row);
    }
    json_array_foreach(list, i, c)
    {
        if (!isfinite(report_num(c, "speedup"))) continue;
        name[0][0] = name[1][0] = '\0';
        for (j = 0; j < 2; j++) {
            row = json_object_get(by_id, report_str(c, j == 0 ? "a" : "b"));
            if (row != NULL) report_row_name(doc, row, true, name[j], sizeof name[j]);
        }
        const char *rest[2] = {strchr(name[0], ','), strchr(name[1], ',')};
        if (rest[0] != NULL && rest[1] != NULL && strcmp(rest[0], rest[1]) == 0) { // what both are is said once
            snprintf(label, sizeof label, "%.*s against %s", (int)(rest[0] - name[0]), name[0], name[1]);
        } else {
            snprintf(label, sizeof label, "%s against %s", name[0], name[1]);
        }
        json_array_append_new(json_object_get(chart, "labels"), json_string(label));
        add_value(series, report_num(c, "speedup"), report_num(c, "speedup_low"), report_num(c, "speedup_high"));
    }
    json_decref(by_id);
    keep_if_filled(charts, chart, "labels");
}

// --- time by layer, where a row carries a profile of its runtime or a document that explains it was selected

typedef struct layer { const json_t *node; double ms; } layer;

static int slower(const void *a, const void *b)
{
    const layer *x = a, *y = b;
    return (x->ms < y->ms) - (x->ms > y->ms);
}

static void add_layers(json_t *charts, const char *title, const json_t *nodes, int number_of)
{
    const size_t n = json_array_size(nodes);
    layer *list = whet_calloc(n + 1, sizeof *list);
    const json_t *node = NULL;
    size_t i = 0, used = 0;
    char id[40], label[300], note[120], text[2][40];
    double total = 0, shown = 0;
    if (list == NULL) return;
    json_array_foreach(nodes, i, node)
    {
        const double ms = report_num(node, "ms");
        if (!isfinite(ms)) continue;
        list[used++] = (layer){node, ms};
        total += ms;
    }
    qsort(list, used, sizeof *list, slower);
    snprintf(id, sizeof id, "layers-%d", number_of);
    bool roof = false; // the least that the machine's arithmetic and memory allow, where the document knows it
    for (i = 0; i < used; i++) roof = roof || isfinite(report_num(list[i].node, "compute_ms"));
    json_t *chart = chart_create(id, title, "bar", "ms", "");
    json_t *series = add_series(chart, "time"), *least = roof ? add_series(chart, "least possible (roofline)") : NULL;
    for (i = 0; i < used && i < MAX_LAYERS; i++) {
        const char *type = report_str(list[i].node, "type"), *precision = report_str(list[i].node, "precision");
        const char *name = report_str(list[i].node, "label")[0] != '\0' ? report_str(list[i].node, "label") : report_str(list[i].node, "name");
        snprintf(label, sizeof label, "%.180s (%.40s%s%.20s)", name, type, precision[0] != '\0' ? ", " : "", precision);
        json_array_append_new(json_object_get(chart, "labels"), json_string(label));
        add_value(series, list[i].ms, (double)NAN, (double)NAN);
        if (roof) add_value(least, fmax(report_num(list[i].node, "compute_ms"), report_num(list[i].node, "memory_ms")), (double)NAN, (double)NAN);
        shown += list[i].ms;
    }
    snprintf(note, sizeof note, "the slowest %zu of %zu layers: %s of %s ms", i, used, report_digits(text[0], sizeof text[0], shown), report_digits(text[1], sizeof text[1], total));
    json_object_set_new(chart, "note", json_string(note));
    whet_free(list);
    keep_if_filled(charts, chart, "labels");
}

static const json_t *nodes_of(const json_t *o)
{
    static const char *const paths[] = {"profile.nodes", "profile", "layers", "nodes"};
    for (size_t i = 0; i < WHET_COUNT(paths); i++)
        if (json_is_array(report_get(o, paths[i]))) return report_get(o, paths[i]);
    return NULL;
}

static void add_profiles(json_t *charts, const json_t *doc)
{
    const json_t *rows = json_object_get(doc, "rows"), *row = NULL, *explained = json_object_get(doc, "explained");
    char name[300], title[400];
    size_t i = 0;
    int count = 0;
    json_array_foreach(rows, i, row)
    {
        if (nodes_of(json_object_get(row, "profile")) == NULL && !json_is_array(json_object_get(row, "profile"))) continue;
        report_row_name(doc, row, true, name, sizeof name);
        snprintf(title, sizeof title, "Time by layer: %s", name);
        add_layers(charts, title, nodes_of(row), count++);
    }
    json_array_foreach(explained, i, row)
    {
        const json_t *models = json_object_get(row, "models"), *m = NULL;
        size_t k = 0;
        if (!json_is_array(models)) models = NULL;
        for (k = 0; k < (models != NULL ? json_array_size(models) : 1); k++) {
            m = models != NULL ? json_array_get(models, k) : row;
            const char *runtime = report_str(m, "title")[0] != '\0' ? report_str(m, "title") : report_str(m, "runtime");
            if (nodes_of(m) == NULL) continue;
            snprintf(title, sizeof title, "Time by layer: %.150s%s%.150s", runtime, runtime[0] != '\0' ? ", " : "", report_str(m, "model"));
            add_layers(charts, title, nodes_of(m), count++);
        }
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
        json_object_set_new(chart, "pairs", json_true()); // two series share a colour
        json_array_foreach(list, i, t)
        {
            for (int s = 0; s < 2; s++) add_curve(chart, t, defs[k].names[s], defs[k].keys[s], defs[k].scale, json_array_size(list) > 1);
        }
        keep_if_filled(charts, chart, "series");
    }
}

// --- speed, clock and heat under a long load

static void add_sustained(json_t *charts, const json_t *doc)
{
    static const struct { const char *id, *title, *unit, *key; } defs[] = {
        {"sustain-rate", "Speed under a long load", "img/s", "img_per_s"}, {"sustain-clock", "Clock under a long load", "MHz", "mhz"},
        {"sustain-heat", "Temperature under a long load", "°C", "celsius"}, {"sustain-power", "Power under a long load", "W", "watts"}};
    const json_t *rows = json_object_get(doc, "rows"), *row = NULL, *point = NULL;
    char name[300];
    size_t i = 0, n = 0;
    for (size_t k = 0; k < WHET_COUNT(defs); k++) {
        json_t *chart = chart_create(defs[k].id, defs[k].title, "line", "s", "");
        json_object_set_new(chart, "y_unit", json_string(defs[k].unit));
        json_array_foreach(rows, i, row)
        {
            const json_t *series = report_get(row, "sustain.series");
            const size_t step = json_array_size(series) / MAX_CURVE + 1;
            json_t *values = json_array();
            json_array_foreach(series, n, point)
            {
                const double x = report_num(point, "t"), y = report_num(point, defs[k].key);
                if (isfinite(x) && isfinite(y) && n % step == 0) json_array_append_new(values, json_pack("{s:f, s:f}", "x", x, "y", y));
            }
            report_row_name(doc, row, true, name, sizeof name);
            if (json_array_size(values) > 0) json_object_set(add_series(chart, name), "values", values);
            json_decref(values);
        }
        keep_if_filled(charts, chart, "series");
    }
}

json_t *report_charts(const json_t *doc, const json_t *answers)
{
    json_t *charts = json_array();
    const json_t *answer = NULL;
    size_t i = 0;
    const row_series p50 = {"median", "latency.p50", "latency.p50_low", "latency.p50_high", 1};
    const row_series accuracy = {"accuracy", "accuracy.value", "accuracy.low", "accuracy.high", 100};
    const row_series start[] = {{"load", "load_ms", NULL, NULL, 1}, {"first inference", "first_ms", NULL, NULL, 1}};
    const row_series size = {"size", "size_bytes", NULL, NULL, 1e-6};
    const row_series memory[] = {{"process peak", "memory.peak_bytes", NULL, NULL, 1e-6}, {"less the empty worker", "memory.delta_bytes", NULL, NULL, 1e-6}};
    const row_series rate = {"throughput", "img_per_s", NULL, NULL, 1};
    const row_series energy = {"energy", "j_per_img", NULL, NULL, 1};
    json_array_foreach(answers, i, answer) add_scatter(charts, doc, answer, i, json_array_size(answers) > 1);
    add_row_chart(charts, doc, chart_create("quality-accuracy", "Accuracy", "interval", "%", "95 % interval on the test split"), &accuracy, 1);
    add_row_chart(charts, doc, chart_create("speed-median", "Median latency", "bar", "ms", "whiskers: 95 % interval of the median"), &p50, 1);
    add_distribution(charts, doc);
    add_ratios(charts, doc);
    add_row_chart(charts, doc, chart_create("cost-rate", "Throughput", "bar", "img/s", "made of the median or of the wall time, as stands beneath the table of results"), &rate, 1);
    add_row_chart(charts, doc, chart_create("cost-start", "From file to first answer", "bar", "ms", ""), start, 2);
    add_row_chart(charts, doc, chart_create("cost-memory", "Peak memory", "bar", "MB", "in a run apart from the timed ones"), memory, 2);
    add_row_chart(charts, doc, chart_create("cost-size", "Size on disk", "bar", "MB", "every file the model needs"), &size, 1);
    add_row_chart(charts, doc, chart_create("cost-energy", "Energy per picture", "bar", "J", "gross, by the wall time of a window of its own"), &energy, 1);
    add_sustained(charts, doc);
    add_profiles(charts, doc);
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
        const char *id = report_str(c, "id"), *kind = report_str(c, "kind");
        if (strncmp(id, prefix, strlen(prefix)) != 0) continue;
        if (!open) whet_strbuf_puts(b, "<div class='figures'>\n");
        open = true;
        whet_strbuf_printf(b, "<figure data-chart='%s' class='k-%s'><figcaption>", id, kind);
        report_esc(b, report_str(c, "title"));
        const char *unit = strcmp(kind, "line") == 0 ? report_str(c, "y_unit") : strcmp(kind, "scatter") == 0 ? "" : report_str(c, "unit");
        if (unit[0] != '\0') whet_strbuf_printf(b, " <span>%s</span>", unit);
        whet_strbuf_puts(b, "</figcaption><div class='plot'>");
        report_chart_html(b, c);
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
