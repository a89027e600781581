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

static void table(const json_t *doc, int width, bool color, whet_strbuf *out)
{
    json_t *cells = whet_report_brief(doc);
    size_t n = json_array_size(cells);
    const char **texts = whet_calloc(n > 0 ? n : 1, sizeof *texts);
    for (size_t i = 0; texts != NULL && i < n; i++) texts[i] = json_string_value(json_array_get(cells, i));
    if (texts != NULL && n > 0)
        whet_render_table(out, width, color, WHET_REPORT_BRIEF, whet_report_brief_titles, whet_report_brief_align, (int)n / WHET_REPORT_BRIEF, texts);
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
    whet_strbuf_printf(out, "\n%zu rows", json_array_size(json_object_get(doc, "rows")));
    if (json_integer_value(json_object_get(doc, "excluded")) > 0) whet_strbuf_printf(out, " (%d excluded)", (int)json_integer_value(json_object_get(doc, "excluded")));
    whet_strbuf_printf(out, ", about %.1f minutes and %s of disk still to do; folder %s\n", json_number_value(json_object_get(estimate, "seconds")) / 60,
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
    snprintf(line, sizeof line, "%d steps done, %d taken from before; the test split was read %d time%s, by the final evaluation alone",
             (int)json_integer_value(json_object_get(doc, "steps_done")), (int)json_integer_value(json_object_get(doc, "steps_reused")), reads,
             reads == 1 ? "" : "s");
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
