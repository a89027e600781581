// SPDX-License-Identifier: Apache-2.0
// Every warning of a document in one list: what failed, what is not to be quoted, what the rows remark, what the machine did,
// what could not be measured. The same text of several rows is one entry that names them.
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "report/report.h"
#include "report/report_columns.h"
#include "report/report_html.h"
#include "store/stored_median.h"

enum { MAX_NAMES = 8, MAX_OPEN = 24 };

static void add(json_t *list, const char *kind, const char *text, size_t row)
{
    json_t *w = NULL;
    size_t i = 0;
    if (text == NULL || text[0] == '\0') return;
    json_array_foreach(list, i, w)
    {
        if (strcmp(report_str(w, "kind"), kind) != 0 || strcmp(report_str(w, "text"), text) != 0) continue;
        if (row != SIZE_MAX) json_array_append_new(json_object_get(w, "rows"), json_integer((json_int_t)row));
        return;
    }
    w = json_pack("{s:s, s:s, s:[]}", "kind", kind, "text", text, "rows");
    if (row != SIZE_MAX) json_array_append_new(json_object_get(w, "rows"), json_integer((json_int_t)row));
    json_array_append_new(list, w);
}

static void add_texts(json_t *list, const char *kind, const json_t *texts, const char *before, size_t row)
{
    const json_t *t = NULL;
    size_t i = 0;
    char *text = NULL;
    json_array_foreach(texts, i, t)
    {
        if (!json_is_string(t)) continue;
        text = whet_format("%s%s", before, json_string_value(t));
        add(list, kind, text, row);
        whet_free(text);
    }
}

static void missing_figures(json_t *list, const json_t *row, size_t i)
{
    static const struct { const char *path, *na, *name; } figures[] = {
        {"accuracy", "accuracy_na", "accuracy"}, {"latency.p90", "latency.p90_na", "p90"}, {"latency.p95", "latency.p95_na", "p95"},
        {"latency.p99", "latency.p99_na", "p99"}, {"memory", "memory_na", "memory"}, {"j_per_img", "j_per_img_na", "energy"}, {"e2e", "e2e_na", "end to end"}};
    char text[600];
    for (size_t k = 0; k < WHET_COUNT(figures); k++) {
        const char *why = report_str(row, figures[k].na);
        if (report_get(row, figures[k].path) != NULL || why[0] == '\0') continue;
        snprintf(text, sizeof text, "%s n/a: %s", figures[k].name, strncmp(why, "n/a: ", 5) == 0 ? why + 5 : why);
        add(list, "missing", text, i);
    }
}

// A file can be edited: the figure that is shown must follow from the samples that are kept.
static void edited_figure(json_t *list, const json_t *row, size_t i)
{
    whet_stored_median m;
    char text[200];
    if (whet_stored_median_of(row, &m) == WHET_OK && m.differs) add(list, "figure", whet_stored_median_text(&m, text, sizeof text), i);
}

static bool run_says(const json_t *run, const char *text)
{
    static const char *const paths[] = {"context.warnings", "warnings"};
    const json_t *t = NULL;
    size_t i = 0;
    for (size_t k = 0; k < WHET_COUNT(paths); k++)
        json_array_foreach(report_get(run, paths[k]), i, t)
        {
            if (json_is_string(t) && strcmp(json_string_value(t), text) == 0) return true;
        }
    return false;
}

// Of several runs each warning names those that it comes from ("runs").
static void name_run(json_t *list, const json_t *run, size_t before)
{
    json_t *w = NULL;
    size_t i = 0;
    json_array_foreach(list, i, w)
    {
        const char *kind = report_str(w, "kind");
        const bool of_runs = strcmp(kind, "machine") == 0 || strcmp(kind, "run") == 0 || strcmp(kind, "data") == 0;
        if (!of_runs || (i < before && !run_says(run, report_str(w, "text")))) continue;
        if (json_object_get(w, "runs") == NULL) json_object_set_new(w, "runs", json_array());
        json_array_append(json_object_get(w, "runs"), json_object_get(run, "label"));
    }
}

json_t *whet_report_warnings(const json_t *doc)
{
    const json_t *rows = json_object_get(doc, "rows"), *row = NULL;
    json_t *list = json_array();
    char *text = NULL, name[200];
    size_t i = 0;
    json_array_foreach(rows, i, row)
    {
        if (!report_row_ok(row)) add(list, "failed", report_str(row, "status"), i);
    }
    json_array_foreach(rows, i, row) edited_figure(list, row, i);
    json_array_foreach(rows, i, row)
    {
        const char *verdict = report_str(row, "verdict");
        snprintf(name, sizeof name, "%s%s", verdict, verdict[0] != '\0' ? ": " : "");
        add_texts(list, "verdict", json_object_get(row, "verdict_reasons"), name, i);
    }
    for (i = 0; i < report_run_count(doc); i++) {
        const json_t *run = report_run_at(doc, i);
        const size_t before = json_array_size(list);
        add_texts(list, "machine", report_get(run, "context.warnings"), "", SIZE_MAX);
        add_texts(list, "run", json_object_get(run, "warnings"), "", SIZE_MAX);
        if (report_num(run, "data.broken") > 0) {
            text = whet_format("%.0f pictures could not be decoded and were left out, first %s", report_num(run, "data.broken"), report_str(run, "data.broken_first"));
            add(list, "data", text, SIZE_MAX);
            whet_free(text);
        }
        if (report_str(run, "label")[0] != '\0') name_run(list, run, before);
    }
    json_array_foreach(rows, i, row) add_texts(list, "remark", json_object_get(row, "notes"), "", i);
    json_array_foreach(rows, i, row)
    {
        if (report_row_ok(row)) missing_figures(list, row, i);
    }
    return list;
}

// "native, batch 8; ONNX Runtime and 3 more"
char *report_warning_rows(const json_t *doc, const json_t *warning)
{
    const json_t *numbers = json_object_get(warning, "rows"), *rows = json_object_get(doc, "rows");
    const size_t n = json_array_size(numbers), shown = n > MAX_NAMES + 1 ? MAX_NAMES : n;
    char name[300];
    const json_t *runs = json_object_get(warning, "runs"), *label = NULL;
    whet_strbuf b;
    size_t k = 0;
    whet_strbuf_init(&b);
    if (runs != NULL && json_array_size(runs) == report_run_count(doc)) {
        whet_strbuf_puts(&b, "every run");
        return whet_strbuf_take(&b);
    }
    json_array_foreach(runs, k, label) whet_strbuf_printf(&b, "%s%s", k > 0 ? ", " : "run ", json_string_value(label));
    if (n > 1 && n == json_array_size(rows)) {
        whet_strbuf_puts(&b, "every row");
        return whet_strbuf_take(&b);
    }
    for (size_t i = 0; i < shown; i++) {
        report_row_name(doc, json_array_get(rows, (size_t)json_integer_value(json_array_get(numbers, i))), true, name, sizeof name);
        whet_strbuf_printf(&b, "%s%s", i > 0 ? "; " : "", name);
    }
    if (shown < n) whet_strbuf_printf(&b, " and %zu more", n - shown);
    return whet_strbuf_take(&b);
}

void report_warning_list(whet_strbuf *b, const json_t *doc, const json_t *warnings)
{
    static const struct { const char *kind, *chip, *word; } kinds[] = {
        {"failed", "bad", "failed"}, {"figure", "bad", "figure"}, {"verdict", "warn", "timing"}, {"machine", "warn", "machine"}, {"run", "warn", "run"},
        {"data", "warn", "data"}, {"remark", "info", "remark"}, {"missing", "info", "not measured"}};
    const json_t *w = NULL;
    size_t i = 0;
    if (json_array_size(warnings) == 0) {
        whet_strbuf_puts(b, "<p>None.</p>\n");
        return;
    }
    whet_strbuf_puts(b, "<ul class='warnings'>\n");
    json_array_foreach(warnings, i, w)
    {
        if (i == MAX_OPEN) whet_strbuf_printf(b, "</ul>\n<details><summary>%zu more</summary>\n<ul class='warnings'>\n", json_array_size(warnings) - MAX_OPEN);
        for (size_t k = 0; k < WHET_COUNT(kinds); k++)
            if (strcmp(kinds[k].kind, report_str(w, "kind")) == 0) whet_strbuf_printf(b, "<li><span class='chip %s'>%s</span><span>", kinds[k].chip, kinds[k].word);
        report_esc(b, report_str(w, "text"));
        if (json_array_size(json_object_get(w, "rows")) + json_array_size(json_object_get(w, "runs")) > 0) {
            char *rows = report_warning_rows(doc, w);
            whet_strbuf_puts(b, " <small>");
            report_esc(b, rows != NULL ? rows : "");
            whet_strbuf_puts(b, "</small>");
            whet_free(rows);
        }
        whet_strbuf_puts(b, "</span></li>\n");
    }
    whet_strbuf_puts(b, json_array_size(warnings) > MAX_OPEN ? "</ul></details>\n" : "</ul>\n");
}
