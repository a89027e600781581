// SPDX-License-Identifier: Apache-2.0
// Every warning of a document in one list: what failed, what is not to be quoted, what the rows remark, what the machine did,
// what could not be measured. Texts that differ in their numbers alone are one entry with the rows and the range of the numbers;
// nothing is lost: "texts" has each, in the order of "rows" (or of "runs").
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "report/report.h"
#include "report/report_columns.h"
#include "report/report_html.h"
#include "store/stored_median.h"

enum { MAX_NAMES = 8, MAX_OPEN = 24 };
static const char SLOT = '\1'; // where a number stood in a key

// The length of a number that stands for itself at p, 0 if there is none: not a digit of "p99", "f32", "x/255" or "1.31.1".
static size_t number_at(const char *text, const char *p)
{
    const char before = p > text ? p[-1] : ' ', sign = p > text + 1 ? p[-2] : ' ';
    if (!isdigit((unsigned char)*p) || isalnum((unsigned char)before) || strchr("_./@:#'", before) != NULL || (before == '-' && sign != '+')) return 0;
    size_t n = strspn(p, "0123456789");
    if (p[n] == '.' && isdigit((unsigned char)p[n + 1])) n += 1 + strspn(p + n + 1, "0123456789");
    const bool goes_on = isalnum((unsigned char)p[n]) || strchr("_/@'", p[n] != '\0' ? p[n] : ' ') != NULL || (p[n] == '.' && isdigit((unsigned char)p[n + 1])) ||
                         (p[n] == '-' && isalnum((unsigned char)p[n + 1]));
    return goes_on ? 0 : n;
}

// What two warnings share that differ in their numbers alone. Why a row failed is never read so: names stand in it.
static char *key_of(const char *kind, const char *text)
{
    const bool whole = strcmp(kind, "failed") == 0 || strcmp(kind, "figure") == 0;
    whet_strbuf b;
    whet_strbuf_init(&b);
    whet_strbuf_printf(&b, "%s\n", kind);
    for (const char *p = text; *p != '\0';) {
        const size_t n = whole ? 0 : number_at(text, p);
        whet_strbuf_add(&b, n > 0 ? &SLOT : p, 1);
        p += n > 0 ? n : 1;
    }
    return whet_strbuf_take(&b);
}

// The number of the given slot in a text, "" if there are not so many.
static const char *slot(const char *text, int number, size_t *n)
{
    for (const char *p = text; *p != '\0'; p += *n > 0 ? *n : 1) {
        *n = number_at(text, p);
        if (*n > 0 && number-- == 0) return p;
    }
    *n = 0;
    return "";
}

static void add(json_t *list, const char *kind, const char *text, size_t row, const char *run)
{
    json_t *w = NULL;
    size_t i = 0;
    if (text == NULL || text[0] == '\0') return;
    char *key = key_of(kind, text);
    json_array_foreach(list, i, w)
    {
        if (key != NULL && strcmp(report_str(w, "key"), key) == 0) break;
    }
    if (i == json_array_size(list)) {
        w = json_pack("{s:s, s:s, s:[], s:[], s:s}", "kind", kind, "text", text, "rows", "texts", "key", key != NULL ? key : "");
        json_array_append_new(list, w);
    }
    if (row != SIZE_MAX) json_array_append_new(json_object_get(w, "rows"), json_integer((json_int_t)row));
    json_array_append_new(json_object_get(w, "texts"), json_string(text));
    if (run[0] != '\0') {
        if (json_object_get(w, "runs") == NULL) json_object_set_new(w, "runs", json_array());
        json_array_append_new(json_object_get(w, "runs"), json_string(run));
    }
    whet_free(key);
}

// "coefficient of variation 53.7 to 506.0 %": the least and the largest of each number that differs; "own" has each text's numbers.
static void sum_up(json_t *w)
{
    json_t *texts = json_object_get(w, "texts"), *own = json_array(), *t = NULL;
    const char *first = report_str(w, "text");
    size_t i = 0, n = 0;
    whet_strbuf all, one;
    bool differ = false;
    whet_strbuf_init(&all);
    json_array_foreach(texts, i, t) differ = differ || strcmp(json_string_value(t), first) != 0;
    for (i = 0; i < json_array_size(texts) && differ; i++) json_array_append_new(own, json_string(""));
    int number = 0;
    for (const char *p = first; *p != '\0' && differ;) {
        const size_t here = number_at(first, p);
        if (here == 0) {
            whet_strbuf_add(&all, p++, 1);
            continue;
        }
        const char *least = p, *most = p;
        json_array_foreach(texts, i, t)
        {
            const char *x = slot(json_string_value(t), number, &n);
            if (n > 0 && strtod(x, NULL) < strtod(least, NULL)) least = x;
            if (n > 0 && strtod(x, NULL) > strtod(most, NULL)) most = x;
        }
        whet_strbuf_add(&all, least, number_at(least, least));
        if (strtod(most, NULL) > strtod(least, NULL)) {
            whet_strbuf_puts(&all, " to ");
            whet_strbuf_add(&all, most, number_at(most, most));
            json_array_foreach(texts, i, t)
            {
                const char *x = slot(json_string_value(t), number, &n), *so_far = json_string_value(json_array_get(own, i));
                whet_strbuf_init(&one);
                whet_strbuf_printf(&one, "%s%s%.*s", so_far, so_far[0] != '\0' ? ", " : "", (int)n, x);
                char *text = whet_strbuf_take(&one);
                json_array_set_new(own, i, json_string(text != NULL ? text : ""));
                whet_free(text);
            }
        }
        p += here;
        number++;
    }
    char *text = whet_strbuf_take(&all);
    if (differ && text != NULL) {
        json_object_set_new(w, "text", json_string(text));
        json_object_set(w, "own", own);
    } else {
        json_object_del(w, "texts"); // each is the text
    }
    json_object_del(w, "key");
    whet_free(text);
    json_decref(own);
}

static void add_texts(json_t *list, const char *kind, const json_t *texts, const char *before, size_t row, const char *run)
{
    const json_t *t = NULL;
    size_t i = 0;
    char *text = NULL;
    json_array_foreach(texts, i, t)
    {
        if (!json_is_string(t)) continue;
        text = whet_format("%s%s", before, json_string_value(t));
        add(list, kind, text, row, run);
        whet_free(text);
    }
}

static void missing_figures(json_t *list, const json_t *row, size_t i)
{
    static const struct { const char *path, *na, *name; } figures[] = {
        {"accuracy", "accuracy_na", "accuracy"}, {"latency.p90", "latency.p90_na", "p90"}, {"latency.p95", "latency.p95_na", "p95"},
        {"latency.p99", "latency.p99_na", "p99"}, {"memory", "memory_na", "memory"}, {"j_per_img", "j_per_img_na", "energy"}, {"e2e", "e2e_na", "end to end"}};
    char text[600], bare[500];
    for (size_t k = 0; k < WHET_COUNT(figures); k++) {
        const char *why = report_str(row, figures[k].na);
        if (report_get(row, figures[k].path) != NULL || why[0] == '\0') continue;
        snprintf(text, sizeof text, "%s n/a: %s", figures[k].name, report_bare_reason(why, bare, sizeof bare));
        add(list, "missing", text, i, "");
    }
}

// A file can be edited: the figure that is shown must follow from the samples that are kept.
static void edited_figure(json_t *list, const json_t *row, size_t i)
{
    whet_stored_median m;
    char text[200];
    if (whet_stored_median_of(row, &m) == WHET_OK && m.differs) add(list, "figure", whet_stored_median_text(&m, text, sizeof text), i, "");
}

json_t *whet_report_warnings(const json_t *doc)
{
    const json_t *rows = json_object_get(doc, "rows"), *row = NULL;
    json_t *list = json_array();
    char *text = NULL, name[200];
    size_t i = 0;
    json_array_foreach(rows, i, row)
    {
        if (!report_row_ok(row)) add(list, "failed", report_str(row, "status"), i, "");
    }
    json_array_foreach(rows, i, row) edited_figure(list, row, i);
    json_array_foreach(rows, i, row)
    {
        const char *verdict = report_str(row, "verdict");
        snprintf(name, sizeof name, "%s%s", verdict, verdict[0] != '\0' ? ": " : "");
        add_texts(list, "verdict", json_object_get(row, "verdict_reasons"), name, i, "");
    }
    for (i = 0; i < report_run_count(doc); i++) {
        const json_t *run = report_run_at(doc, i);
        const char *label = report_str(run, "label"); // of several runs each warning names those that it comes from
        add_texts(list, "machine", report_get(run, "context.warnings"), "", SIZE_MAX, label);
        add_texts(list, "run", json_object_get(run, "warnings"), "", SIZE_MAX, label);
        if (report_num(run, "data.broken") > 0) {
            text = whet_format("%.0f pictures could not be decoded and were left out, first %s", report_num(run, "data.broken"), report_str(run, "data.broken_first"));
            add(list, "data", text, SIZE_MAX, label);
            whet_free(text);
        }
    }
    json_array_foreach(rows, i, row) add_texts(list, "remark", json_object_get(row, "notes"), "", i, "");
    json_array_foreach(rows, i, row)
    {
        if (report_row_ok(row)) missing_figures(list, row, i);
    }
    for (i = 0; i < json_array_size(list); i++) sum_up(json_array_get(list, i));
    return list;
}

static void put_own(whet_strbuf *b, const json_t *warning, size_t i)
{
    const char *own = json_string_value(json_array_get(json_object_get(warning, "own"), i));
    if (own != NULL && own[0] != '\0') whet_strbuf_printf(b, " (%s)", own);
}

static bool all_ran(const json_t *rows, const json_t *numbers)
{
    const json_t *x = NULL;
    size_t i = 0;
    json_array_foreach(numbers, i, x)
    {
        if (!report_row_ok(json_array_get(rows, (size_t)json_integer_value(x)))) return false;
    }
    return true;
}

// "2 rows: native, batch 8; ONNX Runtime", each with the numbers that are its own where they differ
char *whet_report_warning_rows(const json_t *doc, const json_t *warning)
{
    const json_t *numbers = json_object_get(warning, "rows"), *rows = json_object_get(doc, "rows");
    const size_t n = json_array_size(numbers), shown = n > MAX_NAMES + 1 ? MAX_NAMES : n;
    char name[300];
    const bool differ = json_array_size(json_object_get(warning, "own")) > 0;
    const json_t *runs = json_object_get(warning, "runs"), *label = NULL;
    whet_strbuf b;
    size_t k = 0;
    whet_strbuf_init(&b);
    if (runs != NULL && json_array_size(runs) == report_run_count(doc) && !differ) {
        whet_strbuf_puts(&b, "every run");
        return whet_strbuf_take(&b);
    }
    json_array_foreach(runs, k, label)
    {
        whet_strbuf_printf(&b, "%s%s", k > 0 ? ", " : "run ", json_string_value(label));
        put_own(&b, warning, k);
    }
    const json_t *row = NULL;
    size_t ran = 0;
    json_array_foreach(rows, k, row) ran += report_row_ok(row);
    if (n > 1 && (n == json_array_size(rows) || (n == ran && all_ran(rows, numbers))) && (!differ || n > shown)) {
        whet_strbuf_printf(&b, n == json_array_size(rows) ? "every row, %zu" : "every row that ran, %zu", n);
        return whet_strbuf_take(&b);
    }
    if (n > 1) whet_strbuf_printf(&b, "%zu rows: ", n);
    for (size_t i = 0; i < shown; i++) {
        report_row_name(doc, json_array_get(rows, (size_t)json_integer_value(json_array_get(numbers, i))), true, name, sizeof name);
        whet_strbuf_printf(&b, "%s%s", i > 0 ? "; " : "", name);
        put_own(&b, warning, i);
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
            char *rows = whet_report_warning_rows(doc, w);
            whet_strbuf_puts(b, " <small>");
            report_esc(b, rows != NULL ? rows : "");
            whet_strbuf_puts(b, "</small>");
            whet_free(rows);
        }
        whet_strbuf_puts(b, "</span></li>\n");
    }
    whet_strbuf_puts(b, json_array_size(warnings) > MAX_OPEN ? "</ul></details>\n" : "</ul>\n");
}
