/* SPDX-License-Identifier: Apache-2.0 */
/* The text of a bench. Columns of percentiles and of energy are there when they were asked for or measured; what tells a row from
 * the others (batch, threads, settings) stands behind the runtime. */
#include "api/bench_text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/compare_text.h"
#include "base/mem.h"
#include "measure/bench.h"
#include "wire/json.h"

enum { MOST = 24, CELL = 96 };
typedef struct table { int n; char title[MOST][24], align[MOST + 1]; int n_rows; char (*cell)[CELL]; } table; /* cell[column * n_rows + row] */

/* --- cells */
static char *add_column(table *t, const char *title, char align)
{
    const int c = t->n;
    if (c == MOST) return NULL;
    snprintf(t->title[c], sizeof t->title[c], "%s", title);
    t->align[c] = align;
    t->align[c + 1] = '\0';
    t->n++;
    return t->cell[c * t->n_rows];
}

static void figure(char *out, const json_t *o, const char *key, double scale, const char *format)
{
    const json_t *v = json_object_get(o, key);
    if (json_is_number(v))
        snprintf(out, CELL, format, json_number_value(v) * scale);
    else
        snprintf(out, CELL, "-");
}

static const char *digits(double x)
{
    return x >= 100 ? "%.0f" : x >= 10 ? "%.1f" : x >= 1 ? "%.2f" : x >= 0.01 ? "%.3f" : "%.2e";
}

static void scaled(char *out, const json_t *o, const char *key)
{
    figure(out, o, key, 1, digits(whet_json_real(o, key)));
}

static const json_t *row_of(const json_t *rows, int i)
{
    return json_array_get(rows, (size_t)i);
}

static void column(table *t, const json_t *rows, const char *title, const char *group, const char *key, double scale, const char *format)
{
    char *cell = add_column(t, title, 'r');
    for (int i = 0; cell != NULL && i < t->n_rows; i++) {
        const json_t *row = row_of(rows, i), *o = group != NULL ? json_object_get(row, group) : row;
        if (format != NULL)
            figure(cell + i * CELL, o, key, scale, format);
        else
            scaled(cell + i * CELL, o, key);
    }
}

static bool any_has(const json_t *rows, const char *key)
{
    for (size_t i = 0; i < json_array_size(rows); i++)
        if (json_is_number(json_object_get(json_array_get(rows, i), key))) return true;
    return false;
}

static bool differ(const json_t *rows, const char *group, const char *key)
{
    const json_t *first = NULL;
    for (size_t i = 0; i < json_array_size(rows); i++) {
        const json_t *row = json_array_get(rows, i), *v = json_object_get(group != NULL ? json_object_get(row, group) : row, key);
        if (json_is_true(json_object_get(row, "best_settings"))) continue;
        if (first != NULL && !json_equal(first, v)) return true;
        first = v;
    }
    return false;
}

static const struct { const char *key, *before; } varied[] = {{"threads", "threads "}, {"streams", "streams "}, {"optimisation", ""},
                                                              {"precision", ""}, {"denormals", "denormals "}, {"arena", "arena "}};

/* "ort", "ort off", "ort batch 8 threads 2", "ort best": what tells the row from the others. */
static const char *name_of(const json_t *rows, const json_t *row, char *out)
{
    const bool best = json_is_true(json_object_get(row, "best_settings"));
    size_t n = (size_t)snprintf(out, CELL, "%s%s", whet_json_str(row, json_is_true(json_object_get(row, "external")) ? "runtime_title" : "runtime"), best ? " best" : "");
    if (differ(rows, NULL, "batch") && n < CELL) n += (size_t)snprintf(out + n, CELL - n, " batch %.0f", whet_json_real(row, "batch"));
    for (size_t k = 0; k < WHET_COUNT(varied) && !best; k++)
        if (differ(rows, "settings", varied[k].key) && n < CELL)
            n += (size_t)snprintf(out + n, CELL - n, " %s%s", varied[k].before, whet_json_str(json_object_get(row, "settings"), varied[k].key));
    return out;
}

static bool any_varied(const json_t *rows)
{
    bool any = differ(rows, NULL, "batch");
    for (size_t k = 0; k < WHET_COUNT(varied); k++) any = any || differ(rows, "settings", varied[k].key);
    return any;
}

static void name_runtimes(table *t, const json_t *rows)
{
    char *cell = add_column(t, "runtime", 'l');
    for (int i = 0; cell != NULL && i < t->n_rows; i++) (void)name_of(rows, row_of(rows, i), cell + i * CELL);
}

static void medians(table *t, const json_t *rows)
{
    char *cell = add_column(t, "p50 ms", 'r');
    for (int i = 0; cell != NULL && i < t->n_rows; i++) {
        const json_t *lat = json_object_get(row_of(rows, i), "latency");
        const double p50 = whet_json_real(lat, "p50");
        scaled(cell + i * CELL, lat, "p50");
        if (!(p50 > 0)) continue;
        const size_t n = strlen(cell + i * CELL);
        snprintf(cell + i * CELL + n, CELL - n, " ±%.1f%%", whet_bench_half_width(lat) * 100);
    }
}

/* The next of "50,90,99.9" as title "p99.9" and key "p99_9"; NULL at the end. The median is left out, it has its own column. */
static const char *next_percentile(const char *p, char title[32], char key[32])
{
    for (;;) {
        const int n = (int)strcspn(p, ",");
        if (n == 0) return NULL;
        snprintf(title, 32, "p%.*s", WHET_MIN(n, 8), p);
        snprintf(key, 32, "p%g", atof(p));
        for (char *c = key; *c != '\0'; c++)
            if (*c == '.') *c = '_';
        p += n + (p[n] == ',');
        if (strcmp(key, "p50") != 0) return p;
    }
}

static const char *percentile_list(const json_t *doc)
{
    const char *list = whet_json_str(json_object_get(doc, "settings"), "percentiles");
    return list[0] != '\0' ? list : "50,90";
}

static void percentiles(table *t, const json_t *rows, const char *list)
{
    char title[32], key[32];
    for (const char *p = list; (p = next_percentile(p, title, key)) != NULL;) column(t, rows, title, "latency", key, 1, NULL);
}

static void models_and_verdicts(table *t, const json_t *rows, bool verdict)
{
    char *cell = add_column(t, verdict ? "verdict" : "model", 'l');
    for (int i = 0; cell != NULL && i < t->n_rows; i++) {
        const json_t *row = row_of(rows, i);
        const bool ok = strcmp(whet_json_str(row, "status"), "ok") == 0;
        snprintf(cell + i * CELL, CELL, "%s", whet_json_str(row, !verdict ? "model" : ok ? "verdict" : "status"));
    }
}

static void print(const table *t, int width, bool color, whet_strbuf *out)
{
    const char *titles[MOST], **cells = whet_calloc((size_t)(t->n * t->n_rows) + 1, sizeof *cells);
    for (int c = 0; c < t->n; c++) titles[c] = t->title[c];
    for (int i = 0; cells != NULL && i < t->n_rows; i++)
        for (int c = 0; c < t->n; c++) cells[i * t->n + c] = t->cell[c * t->n_rows + i];
    if (cells != NULL) whet_render_table(out, width, color, t->n, titles, t->align, t->n_rows, cells);
    whet_free(cells);
}

static void main_table(const json_t *doc, int width, bool color, whet_strbuf *out)
{
    const json_t *rows = json_object_get(doc, "rows");
    table t = {.n_rows = (int)json_array_size(rows)};
    t.cell = whet_calloc((size_t)t.n_rows * MOST + 1, sizeof *t.cell);
    if (t.cell == NULL) return;
    if (differ(rows, NULL, "model") || !any_varied(rows)) models_and_verdicts(&t, rows, false); /* else the settings need its place */
    name_runtimes(&t, rows);
    column(&t, rows, "size MB", NULL, "size_bytes", 1e-6, "%.2f");
    column(&t, rows, "load ms", NULL, "load_ms", 1, NULL);
    medians(&t, rows);
    percentiles(&t, rows, percentile_list(doc));
    column(&t, rows, "img/s", NULL, "img_per_s", 1, "%.0f");
    column(&t, rows, "Δ MB", "memory", "delta_bytes", 1e-6, "%.1f");
    if (any_has(rows, "j_per_img")) {
        column(&t, rows, "J/img", NULL, "j_per_img", 1, NULL);
        column(&t, rows, "img/s/W", NULL, "img_per_s_per_w", 1, NULL);
    }
    models_and_verdicts(&t, rows, true);
    print(&t, width, color, out);
    whet_free(t.cell);
}

/* --- the plain numbers of older studies */
static void plain_table(const json_t *doc, int width, bool color, whet_strbuf *out)
{
    static const struct { const char *title, *key; } columns[] = {{"mean ms", "mean_ms"}, {"min ms", "min_ms"}, {"ms/img", "ms_per_img"}, {"img/s", "img_per_s"},
                                                                  {"speed-up", "speed_up"}, {"size red.", "size_reduction"}};
    const json_t *rows = json_object_get(doc, "rows"), *text = NULL;
    const char *key = NULL;
    table t = {.n_rows = (int)json_array_size(rows)};
    t.cell = whet_calloc((size_t)t.n_rows * MOST + 1, sizeof *t.cell);
    if (t.cell == NULL) return;
    whet_strbuf_puts(out, "\n");
    models_and_verdicts(&t, rows, false);
    name_runtimes(&t, rows);
    column(&t, rows, "n", "plain", "repeats", 1, "%.0f");
    for (size_t c = 0; c < WHET_COUNT(columns); c++) column(&t, rows, columns[c].title, "plain", columns[c].key, 1, NULL);
    print(&t, width, color, out);
    json_object_foreach(json_object_get(doc, "plain_definitions"), key, text) whet_render_wrapped(out, width, 2, "%s: %s", key, json_string_value(text));
    whet_free(t.cell);
}

/* --- scenario, load over time, energy */
/* Rates of whole blocks have an interval, which is of the median block. */
static void put_rate(whet_strbuf *out, const json_t *row)
{
    static const char *const keys[] = {"img_per_s", "img_per_s_median", "img_per_s_low", "img_per_s_high"}, *const before[] = {"", " images/s (in the median block ", ", ", " to "};
    const bool known = json_is_number(json_object_get(row, "img_per_s_low"));
    for (size_t i = 0; i < (known ? WHET_COUNT(keys) : 1); i++) {
        const double x = whet_json_real(row, keys[i]);
        whet_strbuf_puts(out, before[i]);
        whet_strbuf_printf(out, x >= 1000 ? "%.0f" : "%.4g", x);
    }
    whet_strbuf_puts(out, known ? ")" : " images/s");
}

/* The percentile by which the scenario is judged, or why it is not known. */
static void put_figure(whet_strbuf *out, const json_t *row)
{
    const char *key = whet_json_str(json_object_get(row, "load"), "figure");
    const json_t *latency = json_object_get(row, "latency"), *v = json_object_get(latency, key);
    char name[32];
    if (key[0] != 'p') return;
    if (json_is_number(v)) {
        snprintf(name, sizeof name, "%s_low", key);
        const double low = whet_json_real(latency, name);
        snprintf(name, sizeof name, "%s_high", key);
        whet_strbuf_printf(out, ", %s %.4g ms (%.4g to %.4g)", key, json_number_value(v), low, whet_json_real(latency, name));
    } else {
        snprintf(name, sizeof name, "%s_na", key);
        whet_strbuf_printf(out, ", %s %s", key, whet_json_str(latency, name));
    }
}

static void put_late(whet_strbuf *out, const json_t *load)
{
    const double late = whet_json_real(load, "late"), worst = whet_json_real(load, "worst_late_ms"), undone = whet_json_real(load, "undone");
    if (json_object_get(load, "late_share") == NULL) return;
    whet_strbuf_printf(out, ", %.3g %% late (%.0f of %.0f took over %.4g ms)", whet_json_real(load, "late_share") * 100, late, whet_json_real(load, "planned"),
                       whet_json_real(load, "deadline_ms"));
    if (worst > 0) whet_strbuf_printf(out, ", the worst by %.4g ms", worst);
    if (undone > 0) whet_strbuf_printf(out, ", %.0f of them not begun in three times the planned time", undone);
}

static void scenario_lines(const json_t *doc, int width, whet_strbuf *out)
{
    const json_t *rows = json_object_get(doc, "rows"), *head = json_array_get(rows, 0), *first = json_object_get(head, "load");
    char name[CELL];
    if (!json_is_true(json_object_get(first, "loaded"))) return;
    whet_render_wrapped(out, width, 2, "scenario %s: %s; the latency is that of the loaded machine", whet_json_str(head, "scenario"), whet_json_str(first, "definition"));
    for (size_t i = 0; i < json_array_size(rows); i++) {
        const json_t *o = json_array_get(rows, i), *s = json_object_get(o, "load");
        whet_strbuf line;
        if (json_object_get(s, "queries") == NULL) continue;
        whet_strbuf_init(&line);
        whet_strbuf_printf(&line, "%s on %s: %.0f queries in %.1f s, ", whet_json_str(o, "model"), name_of(rows, o, name), whet_json_real(s, "queries"),
                           whet_json_real(s, "seconds"));
        put_rate(&line, o);
        if (json_is_number(json_object_get(s, "rate"))) whet_strbuf_printf(&line, " of %.6g offered", whet_json_real(s, "rate") * whet_json_real(o, "batch"));
        put_figure(&line, o);
        put_late(&line, s);
        if (line.data != NULL) whet_render_wrapped(out, width, 2, "%s", line.data);
        whet_strbuf_dispose(&line);
    }
}

static void sustain_lines(const json_t *rows, int width, whet_strbuf *out)
{
    char name[CELL], text[240];
    for (size_t i = 0; i < json_array_size(rows); i++) {
        const json_t *o = json_array_get(rows, i), *s = json_object_get(o, "sustain");
        if (s == NULL) continue;
        size_t n = (size_t)snprintf(text, sizeof text, "after %.0f s under load %.1f %% of the first speed is left", whet_json_real(s, "seconds"), whet_json_real(s, "kept") * 100);
        if (n < sizeof text && json_is_number(json_object_get(s, "mhz_change"))) n += (size_t)snprintf(text + n, sizeof text - n, ", clock %.0f %%", whet_json_real(s, "mhz_change") * 100);
        if (n < sizeof text && json_is_number(json_object_get(s, "hottest_celsius"))) n += (size_t)snprintf(text + n, sizeof text - n, ", at most %.0f °C", whet_json_real(s, "hottest_celsius"));
        if (n < sizeof text && json_is_number(json_object_get(s, "throttles"))) snprintf(text + n, sizeof text - n, ", throttled %.0f times", whet_json_real(s, "throttles"));
        whet_render_wrapped(out, width, 2, "%s on %s: %s", whet_json_str(o, "model"), name_of(rows, o, name), text);
    }
}

static void energy_lines(const json_t *rows, int width, whet_strbuf *out)
{
    const bool any = any_has(rows, "j_per_img");
    char name[CELL], net[200];
    for (size_t i = 0; i < json_array_size(rows); i++) {
        const json_t *o = json_array_get(rows, i), *e = json_object_get(o, "energy");
        const char *why = whet_json_str(o, "j_per_img_na");
        if (!json_is_object(e)) {
            if (any && *why != '\0') whet_render_wrapped(out, width, 2, "energy of %s on %s: %s", whet_json_str(o, "model"), name_of(rows, o, name), why);
            continue;
        }
        if (json_is_number(json_object_get(o, "j_per_img_net"))) snprintf(net, sizeof net, "%.3g J/img net", whet_json_real(o, "j_per_img_net"));
        else snprintf(net, sizeof net, "net %.150s", *whet_json_str(o, "j_per_img_net_na") != '\0' ? whet_json_str(o, "j_per_img_net_na") : "n/a: no idle power");
        whet_render_wrapped(out, width, 2, "energy of %s on %s: %.3g W gross, %.3g W idle, %.3g J/img gross, %s, %.4g img/s/W (%s%s)",
                            whet_json_str(o, "model"), name_of(rows, o, name), whet_json_real(e, "watts"), whet_json_real(e, "idle_watts"),
                            whet_json_real(e, "j_per_img"), net, whet_json_real(e, "img_per_s_per_w"), whet_json_str(e, "source"),
                            json_is_true(json_object_get(e, "estimate")) ? ", an estimate" : "");
    }
    const char *why = whet_json_str(json_array_get(rows, 0), "j_per_img_na");
    if (why[0] != '\0' && !any) /* all that was looked for stands in the document */
        whet_render_wrapped(out, width, 2, "energy: %.*s", (int)strcspn(why, ";"), why);
}

/* The settings in which the best row is another than the first of its runtime: "best of ort: arena off". */
static void best_lines(const json_t *rows, int width, whet_strbuf *out)
{
    for (size_t i = 0; i < json_array_size(rows); i++) {
        const json_t *o = json_array_get(rows, i), *equal = NULL, *v = NULL;
        const char *key = NULL;
        whet_strbuf line;
        if (!json_is_true(json_object_get(o, "best_settings")) || strcmp(whet_json_str(o, "status"), "ok") != 0) continue;
        for (size_t k = 0; k < json_array_size(rows) && equal == NULL; k++) {
            const json_t *other = json_array_get(rows, k);
            const bool same = strcmp(whet_json_str(other, "runtime"), whet_json_str(o, "runtime")) == 0 && json_equal(json_object_get(other, "model"), json_object_get(o, "model"));
            if (same && !json_is_true(json_object_get(other, "best_settings"))) equal = other;
        }
        whet_strbuf_init(&line);
        if (whet_json_real(o, "threads") != whet_json_real(equal, "threads")) whet_strbuf_printf(&line, "threads %.0f", whet_json_real(o, "threads"));
        json_object_foreach(json_object_get(o, "settings"), key, v)
        {
            if (strcmp(key, "threads") == 0 || json_equal(v, json_object_get(json_object_get(equal, "settings"), key))) continue;
            whet_strbuf_printf(&line, "%s%s %s", line.len > 0 ? ", " : "", key, json_string_value(v));
        }
        whet_render_wrapped(out, width, 2, "best of %s on %s: %s", whet_json_str(o, "runtime"), whet_json_str(o, "model"),
                            line.len > 0 ? line.data : "the equal settings, no other was over 2 % faster");
        whet_strbuf_dispose(&line);
    }
}

static void render_reasons(const json_t *rows, int width, whet_strbuf *out)
{
    char name[CELL];
    for (size_t i = 0; i < json_array_size(rows); i++) {
        const json_t *o = json_array_get(rows, i), *reasons = json_object_get(o, "verdict_reasons");
        (void)name_of(rows, o, name);
        if (strcmp(whet_json_str(o, "status"), "ok") != 0) whet_render_wrapped(out, width, 2, "%s on %s: %s", whet_json_str(o, "model"), name, whet_json_str(o, "reason"));
        for (size_t k = 0; k < json_array_size(reasons); k++)
            whet_render_wrapped(out, width, 2, "%s on %s: %s: %s", whet_json_str(o, "model"), name, whet_json_str(o, "verdict"),
                               json_string_value(json_array_get(reasons, k)));
    }
}

/* The interval of each percentile, which the table has no room for, or why it is a dash. */
static void percentile_lines(const json_t *doc, int width, whet_strbuf *out)
{
    const json_t *rows = json_object_get(doc, "rows");
    char name[CELL], title[32], key[32], more[40];
    for (size_t i = 0; i < json_array_size(rows); i++) {
        const json_t *o = json_array_get(rows, i), *latency = json_object_get(o, "latency");
        whet_strbuf line;
        whet_strbuf_init(&line);
        for (const char *p = percentile_list(doc); (p = next_percentile(p, title, key)) != NULL;) {
            snprintf(more, sizeof more, "%s_na", key);
            const char *why = whet_json_str(latency, more);
            if (*why != '\0') whet_strbuf_printf(&line, "%s%s %s", line.len > 0 ? ", " : "", title, why);
            if (!json_is_number(json_object_get(latency, key))) continue;
            snprintf(more, sizeof more, "%s_low", key);
            const double low = whet_json_real(latency, more);
            snprintf(more, sizeof more, "%s_high", key);
            whet_strbuf_printf(&line, "%s%s %.3g ms (%.3g to %.3g)", line.len > 0 ? ", " : "", title, whet_json_real(latency, key), low, whet_json_real(latency, more));
        }
        if (line.len > 0) whet_render_wrapped(out, width, 2, "%s on %s: %s", whet_json_str(o, "model"), name_of(rows, o, name), line.data);
        whet_strbuf_dispose(&line);
    }
}

/* The other timed region, where pictures were given: the table is of `infer`. */
static void e2e_lines(const json_t *rows, int width, whet_strbuf *out)
{
    char name[CELL];
    for (size_t i = 0; i < json_array_size(rows); i++) {
        const json_t *o = json_array_get(rows, i), *e = json_object_get(o, "e2e");
        if (!json_is_object(e)) continue;
        whet_render_wrapped(out, width, 2, "%s on %s: e2e (decode, preprocess, infer, postprocess) %.3g ms (%.3g to %.3g)", whet_json_str(o, "model"), name_of(rows, o, name),
                            whet_json_real(e, "p50"), whet_json_real(e, "p50_low"), whet_json_real(e, "p50_high"));
    }
}

/* All warnings of a row in one paragraph. */
static void render_notes(const json_t *rows, int width, whet_strbuf *out)
{
    char name[CELL];
    for (size_t i = 0; i < json_array_size(rows); i++) {
        const json_t *o = json_array_get(rows, i), *notes = json_object_get(o, "notes");
        whet_strbuf line;
        whet_strbuf_init(&line);
        for (size_t k = 0; k < json_array_size(notes); k++) whet_strbuf_printf(&line, "%s%s", k > 0 ? "; " : "", json_string_value(json_array_get(notes, k)));
        if (line.len > 0) whet_render_wrapped(out, width, 2, "%s on %s: note: %s", whet_json_str(o, "model"), name_of(rows, o, name), line.data);
        whet_strbuf_dispose(&line);
    }
}

static void render_list(const json_t *list, const char *key, const char *prefix, int width, whet_strbuf *out)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *v = json_array_get(list, i);
        whet_render_wrapped(out, width, 2, "%s%s", prefix, key != NULL ? whet_json_str(v, key) : json_string_value(v));
    }
}

/* What the rows' outputs were held against, each once. */
static void render_references(const json_t *rows, int width, whet_strbuf *out)
{
    whet_strbuf names;
    whet_strbuf_init(&names);
    for (size_t i = 0; i < json_array_size(rows); i++) {
        const char *name = whet_json_str(json_object_get(json_array_get(rows, i), "parity"), "reference");
        bool new = *name != '\0';
        for (size_t k = 0; k < i && new; k++) new = strcmp(whet_json_str(json_object_get(json_array_get(rows, k), "parity"), "reference"), name) != 0;
        if (new) whet_strbuf_printf(&names, "%s%s", names.len > 0 ? "; " : "", name);
    }
    if (names.len > 0) whet_render_wrapped(out, width, 2, "parity: max difference against %s", names.data);
    whet_strbuf_dispose(&names);
}

/* "1", "1 and 2", "1, 2 and 4": each value of the rows once, in their order. Whether it is one alone. */
static bool list_numbers(char *out, size_t size, const json_t *rows, const char *key)
{
    enum { VALUES = 12 };
    double v[VALUES];
    int n = 0;
    size_t used = 0;
    out[0] = '\0';
    for (size_t i = 0; i < json_array_size(rows) && n < VALUES; i++) {
        const double x = whet_json_real(json_array_get(rows, i), key);
        bool again = false;
        for (int k = 0; k < n; k++) again |= v[k] == x;
        if (!again) v[n++] = x;
    }
    for (int k = 0; k < n && used < size; k++)
        used += (size_t)snprintf(out + used, size - used, "%s%.0f", k == 0 ? "" : k + 1 == n ? " and " : ", ", v[k]);
    return n == 1;
}

void whet_bench_render(const json_t *doc, int width, bool color, whet_strbuf *out)
{
    const json_t *rows = json_object_get(doc, "rows"), *first = json_array_get(rows, 0);
    main_table(doc, width, color, out);
    const char *source = whet_json_str(json_object_get(doc, "inputs"), "source");
    whet_strbuf_puts(out, "\n");
    char batches[CELL], threads[CELL];
    const bool one = list_numbers(batches, sizeof batches, rows, "batch"), alone = list_numbers(threads, sizeof threads, rows, "threads");
    whet_render_wrapped(out, width, 2, "batch%s %s, %s thread%s, %s mode%s%s", one ? "" : "es", batches, threads, alone && whet_json_real(first, "threads") == 1 ? "" : "s",
                        whet_json_str(doc, "mode"), *source != '\0' ? "; inputs: " : "", source);
    const json_t *set = json_object_get(doc, "settings");
    const char *why = whet_json_str(set, "rounds_why");
    if (*why != '\0') whet_render_wrapped(out, width, 2, "rounds: %.0f planned, %.0f run: %s", whet_json_real(set, "base_rounds"), whet_json_real(set, "rounds"), why);
    render_references(rows, width, out);
    scenario_lines(doc, width, out);
    percentile_lines(doc, width, out);
    e2e_lines(rows, width, out);
    best_lines(rows, width, out);
    render_reasons(rows, width, out);
    render_notes(rows, width, out);
    sustain_lines(rows, width, out);
    energy_lines(rows, width, out);
    render_list(json_object_get(json_object_get(doc, "context"), "warnings"), NULL, "machine: ", width, out);
    whet_strbuf_puts(out, "\n");
    render_list(json_object_get(doc, "comparisons"), "text", "", width, out);
    if (json_array_size(json_object_get(doc, "comparisons")) == 0) whet_render_wrapped(out, width, 2, "%s", whet_json_str(doc, "summary"));
    if (json_is_true(json_object_get(json_object_get(doc, "settings"), "plain"))) plain_table(doc, width, color, out);
    if (json_is_string(json_object_get(doc, "not_stored"))) whet_strbuf_printf(out, "%s\n", whet_json_str(doc, "not_stored"));
    if (json_is_integer(json_object_get(doc, "run_id"))) whet_strbuf_printf(out, "stored as run %.0f\n", whet_json_real(doc, "run_id"));
    if (json_is_object(json_object_get(doc, "baseline_compare"))) {
        whet_strbuf_puts(out, "\n");
        whet_render_compare(json_object_get(doc, "baseline_compare"), width, color, out);
    }
}
