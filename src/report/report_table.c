// SPDX-License-Identifier: Apache-2.0
// The rows as CSV (raw numbers, for programs) and as Markdown (for documents).
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/printable.h"
#include "base/strbuf.h"
#include "report/report.h"
#include "report/report_columns.h"
#include "report/report_html.h"
#include "wire/json.h"

static const struct { const char *title, *path; } csv[] = {
    {"model", "model"}, {"runtime", "runtime"}, {"runtime_version", "runtime_version"}, {"precision", "precision"},
    {"batch", "batch"}, {"threads", "threads"}, {"optimisation", "settings.optimisation"}, {"seed", "axes.seed"},
    {"status", "status"}, {"size_bytes", "size_bytes"}, {"gzip_bytes", "gzip_bytes"}, {"params", "params"}, {"macs", "macs"},
    {"metric", "accuracy.metric"}, {"accuracy", "accuracy.value"}, {"accuracy_low", "accuracy.low"},
    {"accuracy_high", "accuracy.high"}, {"accuracy_count", "accuracy.count"}, {"accuracy_delta", "accuracy.delta"},
    {"parity_ok", "parity.ok"}, {"parity_reference", "parity.reference"}, {"read_ms", "read_ms"}, {"load_ms", "load_ms"},
    {"first_ms", "first_ms"}, {"n", "latency.n"}, {"min_ms", "latency.min"}, {"p50_ms", "latency.p50"},
    {"p50_low_ms", "latency.p50_low"}, {"p50_high_ms", "latency.p50_high"}, {"mean_ms", "latency.mean"},
    {"stdev_ms", "latency.stdev"}, {"mad_ms", "latency.mad"}, {"cv", "latency.cv"}, {"p90_ms", "latency.p90"},
    {"p95_ms", "latency.p95"}, {"p99_ms", "latency.p99"}, {"max_ms", "latency.max"}, {"e2e_p50_ms", "e2e.p50"},
    {"img_per_s", "img_per_s"}, {"peak_bytes", "memory.peak_bytes"}, {"delta_bytes", "memory.delta_bytes"},
    {"j_per_img", "j_per_img"}, {"verdict", "verdict"}, {"sha256", "sha256"},
    {"p90_low_ms", "latency.p90_low"}, {"p90_high_ms", "latency.p90_high"}, {"p95_low_ms", "latency.p95_low"}, {"p95_high_ms", "latency.p95_high"},
    {"p99_low_ms", "latency.p99_low"}, {"p99_high_ms", "latency.p99_high"}, {"streams", "settings.streams"}, {"scenario", "scenario"},
    {"precision_asked", "settings.precision"}, {"base_bytes", "memory.base_bytes"}, {"run", "run"}, {"host", "host"},
    {"j_per_img_net", "j_per_img_net"}, {"img_per_s_per_w", "img_per_s_per_w"}, {"late_share", "load.late_share"}, {"worst_late_ms", "load.worst_late_ms"},
    {"sustain_kept", "sustain.kept"}, {"plain_mean_ms", "plain.mean_ms"}, {"plain_min_ms", "plain.min_ms"}, {"plain_ms_per_img", "plain.ms_per_img"},
    {"speed_up", "plain.speed_up"}, {"size_reduction", "plain.size_reduction"},
};

// Tabs, line ends and what a terminal would obey are written out: a name must not make cells, lines or colours.
static void csv_text(whet_strbuf *b, const char *given)
{
    // A cell that a spreadsheet would run as a formula is made text by a quote mark in front.
    const bool formula = strchr("=+-@\t\r", given[0]) != NULL && given[0] != '\0', plain = whet_is_printable(given, 0);
    char *copy = plain ? NULL : whet_printable_copy(given, 0);
    const char *s = copy != NULL ? copy : given;
    b->failed = b->failed || (copy == NULL && !plain);
    if (!formula && strpbrk(s, "\",") == NULL) {
        whet_strbuf_puts(b, s);
    } else {
        whet_strbuf_puts(b, formula ? "\"'" : "\"");
        for (; *s != '\0'; s++) whet_strbuf_printf(b, *s == '"' ? "\"%c" : "%c", *s);
        whet_strbuf_puts(b, "\"");
    }
    whet_free(copy);
}

whet_status whet_report_csv(const json_t *doc, char **text)
{
    const json_t *rows = json_object_get(doc, "rows"), *row = NULL;
    size_t i = 0;
    whet_strbuf b;
    whet_strbuf_init(&b);
    for (size_t c = 0; c < WHET_COUNT(csv); c++) whet_strbuf_printf(&b, "%s%s", c > 0 ? "," : "", csv[c].title);
    whet_strbuf_puts(&b, "\r\n");
    json_array_foreach(rows, i, row)
    {
        for (size_t c = 0; c < WHET_COUNT(csv); c++) {
            const json_t *v = report_get(row, csv[c].path);
            if (strcmp(csv[c].path, "j_per_img_net") == 0 && !(report_num(row, "j_per_img_net") > 0)) v = NULL; // the noise of two windows
            if (c > 0) whet_strbuf_puts(&b, ",");
            if (json_is_string(v)) csv_text(&b, json_string_value(v));
            if (json_is_number(v) || json_is_boolean(v)) {
                char *number = whet_json_text(v, 0);
                whet_strbuf_puts(&b, number != NULL ? number : "");
                whet_free(number);
            }
        }
        whet_strbuf_puts(&b, "\r\n");
    }
    *text = whet_strbuf_take(&b);
    return *text != NULL ? WHET_OK : WHET_ENOMEM;
}

// What a terminal or an editor would obey is written out; other text is not copied.
static const char *visible(whet_strbuf *b, const char *s, char **copy)
{
    *copy = whet_is_printable(s, WHET_KEEP_LINES) ? NULL : whet_printable_copy(s, WHET_KEEP_LINES);
    b->failed = b->failed || (*copy == NULL && !whet_is_printable(s, WHET_KEEP_LINES));
    return *copy != NULL ? *copy : s;
}

// Markdown's own characters and HTML are made harmless; a newline would end the table's line.
static void md_text(whet_strbuf *b, const char *text)
{
    char *copy = NULL;
    for (const char *s = visible(b, text, &copy); *s != '\0'; s++) {
        if (*s == '<') {
            whet_strbuf_puts(b, "&lt;");
        } else if (*s == '&') {
            whet_strbuf_puts(b, "&amp;");
        } else if (*s == '\n' || *s == '\t') {
            whet_strbuf_puts(b, " ");
        } else {
            if (strchr("|\\`*[]", *s) != NULL) whet_strbuf_puts(b, "\\");
            whet_strbuf_add(b, s, 1);
        }
    }
    whet_free(copy);
}

static void md_answers(whet_strbuf *b, const json_t *doc)
{
    json_t *answers = whet_report_answer(doc, NULL), *a = NULL;
    size_t i = 0;
    if (report_str(doc, "goal")[0] == '\0') { // with a goal the summary has said it
        json_array_foreach(answers, i, a)
        {
            whet_strbuf_puts(b, "\n");
            if (json_array_size(answers) > 1) {
                whet_strbuf_puts(b, "**");
                md_text(b, report_str(a, "machine"));
                whet_strbuf_puts(b, "**: ");
            }
            const char *said = report_str(a, "text");
            if (said[0] == 'n' && said[1] == 'o') whet_strbuf_puts(b, "N"); // "no goal ..." begins a paragraph
            md_text(b, said[0] == 'n' && said[1] == 'o' ? said + 1 : said);
            whet_strbuf_puts(b, ".\n");
        }
    }
    json_decref(answers);
}

static void md_notes(whet_strbuf *b, const json_t *doc)
{
    json_t *notes = report_column_notes(doc, json_is_true(report_get(report_run_at(doc, 0), "settings.plain"))), *note = NULL;
    size_t i = 0;
    if (json_array_size(notes) > 0) whet_strbuf_puts(b, "\n");
    json_array_foreach(notes, i, note)
    {
        whet_strbuf_puts(b, "- *");
        md_text(b, report_str(note, "name"));
        whet_strbuf_puts(b, "*: ");
        md_text(b, report_str(note, "text"));
        whet_strbuf_puts(b, "\n");
    }
    json_decref(notes);
}

static void md_warnings(whet_strbuf *b, const json_t *doc)
{
    json_t *list = whet_report_warnings(doc), *w = NULL;
    size_t i = 0;
    if (json_array_size(list) > 0) whet_strbuf_puts(b, "\n**Warnings**\n\n");
    json_array_foreach(list, i, w)
    {
        char *rows = json_array_size(json_object_get(w, "rows")) + json_array_size(json_object_get(w, "runs")) > 0 ? whet_report_warning_rows(doc, w) : NULL;
        whet_strbuf_puts(b, "- ");
        md_text(b, report_str(w, "text"));
        if (rows != NULL) {
            whet_strbuf_puts(b, " (");
            md_text(b, rows);
            whet_strbuf_puts(b, ")");
        }
        whet_strbuf_puts(b, "\n");
        whet_free(rows);
    }
    json_decref(list);
}

// The machine, the versions and the command of each run, a line each.
static void md_versions(whet_strbuf *b, const json_t *doc)
{
    const json_t *rows = json_object_get(doc, "rows"), *row = NULL;
    json_t *seen = json_object();
    size_t i = 0;
    whet_strbuf_puts(b, "\n**Machine and versions**\n\n");
    json_array_foreach(rows, i, row)
    {
        char text[300];
        const char *title = report_str(row, "runtime_title"), *version = report_str(row, "runtime_version");
        snprintf(text, sizeof text, "%.120s %.120s%s", title[0] != '\0' ? title : report_str(row, "runtime"), version, strncmp(report_str(row, "runtime"), "native", 6) == 0 ? " (whet's own engine)" : "");
        if (version[0] == '\0' || json_object_get(seen, text) != NULL) continue;
        json_object_set_new(seen, text, json_true());
        whet_strbuf_puts(b, "- ");
        md_text(b, text);
        whet_strbuf_puts(b, "\n");
    }
    for (i = 0; i < report_run_count(doc); i++) {
        const json_t *run = report_run_at(doc, i);
        static const char *const paths[] = {"label", "context.machine.host", "context.machine.cpu", "context.machine.isa", "context.program", "started"};
        whet_strbuf_puts(b, "-");
        for (size_t k = 0; k < WHET_COUNT(paths); k++) {
            if (report_str(run, paths[k])[0] == '\0') continue;
            whet_strbuf_puts(b, " ");
            md_text(b, report_str(run, paths[k]));
            whet_strbuf_puts(b, ",");
        }
        whet_strbuf_puts(b, " command `");
        char *copy = NULL;
        for (const char *c = visible(b, report_str(run, "command"), &copy); *c != '\0'; c++) whet_strbuf_add(b, *c == '`' || *c == '\n' ? "'" : c, 1);
        whet_free(copy);
        whet_strbuf_puts(b, "`\n");
    }
    json_decref(seen);
}

static bool in_document(const report_column *c, const json_t *doc)
{
    return report_column_shown(c, doc) && (!report_column_plain(c) || json_is_true(report_get(report_run_at(doc, 0), "settings.plain")));
}

static whet_status markdown_of(const json_t *doc, char **text)
{
    const json_t *rows = json_object_get(doc, "rows"), *row = NULL;
    const char *title = report_str(doc, "title");
    char buf[400];
    size_t i = 0;
    whet_strbuf b;
    char *summary = whet_report_summary(doc);
    whet_strbuf_init(&b);
    whet_strbuf_puts(&b, "# ");
    md_text(&b, title[0] != '\0' ? title : "Measured with whet");
    whet_strbuf_puts(&b, "\n\n");
    md_text(&b, summary != NULL ? summary : "");
    whet_free(summary);
    whet_strbuf_puts(&b, ".\n");
    md_answers(&b, doc);
    whet_strbuf_puts(&b, "\n|");
    const report_column *shown[64];
    int n = 0;
    for (int c = 0; c < report_column_count() && n < (int)WHET_COUNT(shown); c++)
        if (in_document(report_column_at(c), doc)) shown[n++] = report_column_at(c);
    for (int c = 0; c < n; c++) whet_strbuf_printf(&b, " %s |", shown[c]->title);
    whet_strbuf_puts(&b, "\n|");
    for (int c = 0; c < n; c++) whet_strbuf_puts(&b, shown[c]->format == 't' || shown[c]->format == 'p' ? " --- |" : " ---: |");
    whet_strbuf_puts(&b, "\n");
    json_array_foreach(rows, i, row)
    {
        whet_strbuf_puts(&b, "|");
        for (int c = 0; c < n; c++) {
            whet_strbuf_puts(&b, " ");
            report_cell(shown[c], row, buf, sizeof buf, NULL);
            if (strcmp(shown[c]->id, "status") == 0) buf[strcspn(buf, ":")] = '\0'; // the reason stands among the warnings
            md_text(&b, buf);
            whet_strbuf_puts(&b, " |");
        }
        whet_strbuf_puts(&b, "\n");
    }
    md_notes(&b, doc);
    md_warnings(&b, doc);
    md_versions(&b, doc);
    *text = whet_strbuf_take(&b);
    return *text != NULL ? WHET_OK : WHET_ENOMEM;
}

whet_status whet_report_markdown(const json_t *doc, char **text)
{
    json_t *p = report_prepared(doc);
    const whet_status status = markdown_of(p, text);
    json_decref(p);
    return status;
}
