/* SPDX-License-Identifier: Apache-2.0 */
/* The short table of results, within the width of a terminal, with the reasons of what did not go well beneath it. */
#include "api/api_rows.h"

#include <stdio.h>
#include <string.h>

#include "api/wrap.h"
#include "base/mem.h"
#include "base/printable.h"
#include "report/report.h"
#include "wire/json.h"

static void remark(whet_strbuf *out, const json_t *row, const char *text, int width)
{
    char *model = whet_printable_copy(whet_json_str(row, "model"), 0), *runtime = whet_printable_copy(whet_json_str(row, "runtime"), 0);
    char *safe = whet_printable_copy(text, 0), *line = model != NULL && runtime != NULL && safe != NULL ? whet_format("%s on %s: %s", model, runtime, safe) : NULL;
    if (line != NULL) whet_put_wrapped(out, line, strlen(line), width, 4);
    out->failed = out->failed || line == NULL;
    whet_free(safe);
    whet_free(line);
    whet_free(model);
    whet_free(runtime);
}

enum { ACCURACY = 2, PARITY = 3, RATE = 5 }; /* places in whet_report_brief */

static const json_t *agreement_of(const json_t *row)
{
    const json_t *v = json_object_get(json_object_get(row, "agreement"), "value");
    return json_is_number(v) ? v : NULL;
}

/* Without labels the quality is the agreement with the original; a column that nobody fills is left out. */
static void settle_quality(const json_t *rows, json_t *cells, bool *shown, const char **title)
{
    const json_t *row = NULL;
    size_t i = 0;
    bool accuracy = false, agreement = false;
    char text[24];
    json_array_foreach(rows, i, row)
    {
        const char *has = json_string_value(json_array_get(cells, i * WHET_REPORT_BRIEF + ACCURACY));
        accuracy = accuracy || (has != NULL && has[0] != '\0');
        agreement = agreement || agreement_of(row) != NULL;
    }
    *shown = accuracy || agreement;
    if (accuracy || !agreement) return;
    *title = "agree %";
    json_array_foreach(rows, i, row)
    {
        if (agreement_of(row) == NULL) continue;
        snprintf(text, sizeof text, "%.1f", 100 * json_number_value(agreement_of(row)));
        json_array_set_new(cells, i * WHET_REPORT_BRIEF + ACCURACY, json_string(text));
    }
}

/* Columns of the terminal that the table would take. */
static int natural_width(const json_t *cells, size_t n_rows, const bool *shown, const char *const *titles)
{
    int total = -2;
    for (size_t c = 0; c < WHET_REPORT_BRIEF; c++) {
        size_t most = (size_t)whet_text_columns(titles[c], strlen(titles[c]));
        for (size_t r = 0; shown[c] && r < n_rows; r++) {
            const char *p = json_string_value(json_array_get(cells, r * WHET_REPORT_BRIEF + c));
            size_t n = 0;
            for (; p != NULL && *p != '\0'; p++) n += (*p & 0xc0) != 0x80;
            most = WHET_MAX(most, n);
        }
        if (shown[c]) total += (int)most + 2;
    }
    return total;
}

static bool all_equal(const json_t *cells, size_t n_rows)
{
    for (size_t r = 0; r < n_rows; r++) {
        const char *text = json_string_value(json_array_get(cells, r * WHET_REPORT_BRIEF + PARITY));
        if (text == NULL || strcmp(text, "equal") != 0) return false;
    }
    return true;
}

static void table(const json_t *doc, int width, bool color, whet_strbuf *out)
{
    json_t *cells = whet_report_brief(doc);
    const size_t n = json_array_size(cells), n_rows = n / WHET_REPORT_BRIEF;
    const char **texts = whet_calloc(n > 0 ? n : 1, sizeof *texts), *titles[WHET_REPORT_BRIEF] = {NULL}, *all[WHET_REPORT_BRIEF] = {NULL};
    char align[WHET_REPORT_BRIEF + 1] = "";
    bool shown[WHET_REPORT_BRIEF];
    int columns = 0;
    for (size_t c = 0; c < WHET_REPORT_BRIEF; c++) {
        shown[c] = true;
        all[c] = whet_report_brief_titles[c];
    }
    settle_quality(json_object_get(doc, "rows"), cells, &shown[ACCURACY], &all[ACCURACY]);
    /* names need the room more: the rate follows from the latency, and outputs that are all equal are told below */
    shown[RATE] = natural_width(cells, n_rows, shown, all) <= width;
    shown[PARITY] = natural_width(cells, n_rows, shown, all) <= width || !all_equal(cells, n_rows);
    for (size_t c = 0; c < WHET_REPORT_BRIEF; c++) {
        if (!shown[c]) continue;
        titles[columns] = all[c];
        align[columns++] = whet_report_brief_align[c];
    }
    for (size_t r = 0, at = 0; texts != NULL && r < n_rows; r++)
        for (size_t c = 0; c < WHET_REPORT_BRIEF; c++)
            if (shown[c]) texts[at++] = json_string_value(json_array_get(cells, r * WHET_REPORT_BRIEF + c));
    if (texts != NULL && n > 0) whet_render_table(out, width, color, columns, titles, align, (int)n_rows, texts);
    whet_free(texts);
    json_decref(cells);
}

/* "top-1 -0.03 points of the f32 row (-0.1 to +0.04; 2 pictures only here right, 5 only there), acceptable" */
static void remark_loss(whet_strbuf *out, const json_t *row, int width)
{
    const json_t *a = json_object_get(row, "accuracy"), *fixed = json_object_get(a, "fixed"), *broken = json_object_get(a, "broken");
    if (!json_is_number(json_object_get(a, "delta")) || !json_is_integer(fixed) || !json_is_integer(broken)) return;
    char *text = whet_format("%s %+.2f points of the f32 row (%+.2f to %+.2f; %lld pictures only here right, %lld only there): %s", whet_json_str(a, "metric"),
                             100 * whet_json_real(a, "delta"), 100 * whet_json_real(a, "delta_low"), 100 * whet_json_real(a, "delta_high"),
                             (long long)json_integer_value(fixed), (long long)json_integer_value(broken),
                             json_is_true(json_object_get(a, "acceptable")) ? "acceptable, 99 % of it or more" : "under 99 % of it, not acceptable");
    if (text != NULL) remark(out, row, text, width);
    whet_free(text);
}

/* What did not go well, each thing once with the rows it holds for; remarks and what was not measured stand in the report. */
static void remarks(const json_t *doc, int width, whet_strbuf *out)
{
    static const char accuracy[] = "accuracy n/a";
    const json_t *rows = json_object_get(doc, "rows"), *row = NULL, *w = NULL;
    json_t *list = whet_report_warnings(doc);
    size_t i = 0;
    whet_strbuf_puts(out, "\n");
    json_array_foreach(list, i, w)
    {
        const char *kind = whet_json_str(w, "kind"), *text = whet_json_str(w, "text");
        const json_t *numbers = json_object_get(w, "rows");
        if (strcmp(kind, "failed") != 0 && strcmp(kind, "figure") != 0 && strcmp(kind, "verdict") != 0 && strncmp(text, accuracy, sizeof accuracy - 1) != 0) continue;
        if (json_array_size(numbers) == 1) {
            remark(out, json_array_get(rows, (size_t)json_integer_value(json_array_get(numbers, 0))), text, width);
            continue;
        }
        char *where = whet_report_warning_rows(doc, w), *line = where != NULL ? whet_format("%s (%s)", text, where) : NULL;
        char *safe = line != NULL ? whet_printable_copy(line, 0) : NULL;
        if (safe != NULL) whet_put_wrapped(out, safe, strlen(safe), width, 4);
        out->failed = out->failed || safe == NULL;
        whet_free(safe);
        whet_free(line);
        whet_free(where);
    }
    json_decref(list);
    json_array_foreach(rows, i, row) remark_loss(out, row, width);
}

static void plan(const json_t *doc, int width, bool color, whet_strbuf *out)
{
    enum { COLUMNS = 4 };
    static const char *const titles[COLUMNS] = {"step", "of", "state", "seconds"};
    const json_t *steps = json_object_get(doc, "steps"), *estimate = json_object_get(doc, "estimate");
    const json_t *refused = NULL;
    size_t n = json_array_size(steps), i = 0;
    char(*numbers)[24] = whet_calloc(n > 0 ? n : 1, sizeof *numbers);
    const char **cells = whet_calloc(n > 0 ? n * COLUMNS : 1, sizeof *cells);
    for (; numbers != NULL && cells != NULL && i < n; i++) {
        const json_t *s = json_array_get(steps, i);
        snprintf(numbers[i], sizeof numbers[i], "%.1f", json_number_value(json_object_get(s, "seconds")));
        const char *row[COLUMNS] = {whet_json_str(s, "name"), whet_json_str(s, "label"), whet_json_str(s, "state"), numbers[i]};
        memcpy(&cells[i * COLUMNS], row, sizeof row);
    }
    if (n > 0 && numbers != NULL && cells != NULL) whet_render_table(out, width, color, COLUMNS, titles, "lllr", (int)n, cells);
    char bytes[40];
    whet_strbuf_printf(out, "\n%zu row%s", json_array_size(json_object_get(doc, "rows")), json_array_size(json_object_get(doc, "rows")) == 1 ? "" : "s");
    if (json_integer_value(json_object_get(doc, "excluded")) > 0) whet_strbuf_printf(out, " (%d excluded)", (int)json_integer_value(json_object_get(doc, "excluded")));
    const double seconds = json_number_value(json_object_get(estimate, "seconds")), most = json_number_value(json_object_get(estimate, "seconds_max"));
    whet_strbuf_printf(out, ", about %.1f minutes", seconds / 60);
    if (most > seconds) whet_strbuf_printf(out, " (up to %.1f where medians are not steady)", most / 60);
    whet_strbuf_printf(out, " and %s of disk still to do; folder %s\n",
                       whet_render_bytes(bytes, sizeof bytes, json_number_value(json_object_get(estimate, "bytes"))), whet_json_str(doc, "out"));
    json_array_foreach(json_object_get(doc, "rows"), i, refused) /* what will not be run, and why */
        if (whet_json_str(refused, "reason")[0] != '\0') remark(out, refused, whet_json_str(refused, "status"), width);
    whet_free(numbers);
    whet_free(cells);
}

static void study_end(const json_t *doc, int width, whet_strbuf *out)
{
    const json_t *files = json_object_get(doc, "files"), *f = NULL;
    size_t i = 0;
    char line[400];
    int reads = (int)json_integer_value(json_object_get(json_object_get(doc, "data"), "test_reads"));
    const int ever = (int)json_integer_value(json_object_get(json_object_get(doc, "data"), "test_reads_ever"));
    char before[120] = "";
    if (ever > reads) snprintf(before, sizeof before, "; %d times since this study was first run, with other settings too", ever);
    snprintf(line, sizeof line, "%d step%s done, %d taken from before; the test split was read %d time%s, by the final evaluation alone%s",
             (int)json_integer_value(json_object_get(doc, "steps_done")), json_integer_value(json_object_get(doc, "steps_done")) == 1 ? "" : "s", (int)json_integer_value(json_object_get(doc, "steps_reused")), reads,
             reads == 1 ? "" : "s", before);
    whet_put_wrapped(out, line, strlen(line), width, 0);
    json_array_foreach(files, i, f)
    {
        if (strstr(json_string_value(f), ".html") != NULL) whet_strbuf_printf(out, "report: %s\n", json_string_value(f));
    }
}

void whet_render_rows(const json_t *doc, int width, bool color, whet_strbuf *out)
{
    if (json_is_true(json_object_get(doc, "dry_run"))) {
        plan(doc, width, color, out);
        return;
    }
    if (!json_is_array(json_object_get(doc, "rows"))) {
        char *text = whet_json_text(doc, 2);
        whet_strbuf_printf(out, "%s\n", text != NULL ? text : "");
        whet_free(text);
        return;
    }
    table(doc, width, color, out);
    remarks(doc, width, out);
    char *summary = whet_report_summary(doc);
    char *safe = summary != NULL ? whet_printable_copy(summary, 0) : NULL; /* a tab in a name is written out, too */
    if (safe != NULL) whet_put_wrapped(out, safe, strlen(safe), width, 0);
    whet_free(safe);
    whet_free(summary);
    if (strcmp(whet_json_str(doc, "kind"), "study") == 0) study_end(doc, width, out);
}
