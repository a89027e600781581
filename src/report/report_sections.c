// SPDX-License-Identifier: Apache-2.0
// The sections that carry figures: tiles, the table of results, comparisons, parity.
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "report/report.h"
#include "report/report_columns.h"
#include "report/report_html.h"

static void tile(whet_strbuf *b, const char *name, const char *value, const char *more)
{
    whet_strbuf_puts(b, "<li><span class='name'>");
    report_esc(b, name);
    whet_strbuf_puts(b, "</span><b>");
    report_esc(b, value);
    whet_strbuf_puts(b, "</b><span>");
    report_esc(b, more);
    whet_strbuf_puts(b, "</span></li>\n");
}

static const json_t *extreme_row(const json_t *doc, const char *path, bool least)
{
    const json_t *rows = json_object_get(doc, "rows"), *row = NULL, *best = NULL;
    size_t i = 0;
    json_array_foreach(rows, i, row)
    {
        double v = report_num(row, path);
        if (!isfinite(v)) continue;
        if (best == NULL || (least ? v < report_num(best, path) : v > report_num(best, path))) best = row;
    }
    return best;
}

void report_tiles(whet_strbuf *b, const json_t *doc)
{
    const json_t *rows = json_object_get(doc, "rows"), *row = NULL, *best = NULL;
    size_t i = 0;
    int ok = 0, equal = 0, judged = 0;
    char value[80], more[400], name[300], digits[2][40];
    json_array_foreach(rows, i, row)
    {
        ok += report_row_ok(row);
        judged += report_get(row, "parity.ok") != NULL;
        equal += json_is_true(report_get(row, "parity.ok"));
    }
    whet_strbuf_puts(b, "<ul class='tiles'>\n");
    best = extreme_row(doc, "accuracy.value", false);
    if (best != NULL) {
        snprintf(value, sizeof value, "%.2f %%", 100 * report_num(best, "accuracy.value"));
        snprintf(more, sizeof more, "95 %% interval %.2f to %.2f", 100 * report_num(best, "accuracy.low"), 100 * report_num(best, "accuracy.high"));
        tile(b, "accuracy", value, more);
    }
    best = extreme_row(doc, "latency.p50", true);
    if (best != NULL) {
        report_row_name(doc, best, true, name, sizeof name);
        snprintf(value, sizeof value, "%s ms", report_digits(digits[0], sizeof digits[0], report_num(best, "latency.p50")));
        snprintf(more, sizeof more, "median, %s", name);
        tile(b, "lowest latency", value, more);
    }
    best = extreme_row(doc, "img_per_s", false);
    if (best != NULL) {
        report_row_name(doc, best, true, name, sizeof name);
        snprintf(value, sizeof value, "%s /s", report_digits(digits[0], sizeof digits[0], report_num(best, "img_per_s")));
        tile(b, "most pictures", value, name);
    }
    best = extreme_row(doc, "size_bytes", true);
    if (best != NULL) {
        bool params = isfinite(report_num(best, "params"));
        bool macs = isfinite(report_num(best, "macs"));
        snprintf(more, sizeof more, "%s%s", params ? report_count(digits[1], sizeof digits[1], report_num(best, "params")) : report_str(best, "format"), params ? " parameters" : "");
        size_t n = strlen(more);
        if (macs) snprintf(more + n, sizeof more - n, ", %s MACs", report_count(digits[0], sizeof digits[0], report_num(best, "macs")));
        tile(b, "size", report_bytes(value, sizeof value, report_num(best, "size_bytes")), more);
    }
    if (judged > 0) {
        snprintf(value, sizeof value, "%d of %d", equal, judged);
        tile(b, "proven equal", value, "to the reference, before timing");
    }
    snprintf(value, sizeof value, "%d of %zu", ok, json_array_size(rows));
    tile(b, "rows ok", value, ok == (int)json_array_size(rows) ? "nothing is missing" : "the reasons stand below");
    whet_strbuf_puts(b, "</ul>\n");
}

// --- results

static const char *chip_class(const char *word)
{
    static const struct { const char *start, *chip; } classes[] = {
        {"ok", "good"}, {"better", "good"}, {"same", "good"}, {"UNSTABLE", "warn"}, {"cannot tell", "warn"}, {"skipped", "warn"},
        {"unsupported", "warn"}, {"runtime missing", "warn"}, {"exported, failed", "bad"}, {"worse", "warn"}};
    for (size_t i = 0; i < WHET_COUNT(classes); i++)
        if (strncmp(word, classes[i].start, strlen(classes[i].start)) == 0) return classes[i].chip;
    return "bad";
}

static void chip(whet_strbuf *b, const char *word)
{
    char head[60];
    snprintf(head, sizeof head, "%.*s", (int)strcspn(word, ":"), word);
    whet_strbuf_printf(b, "<span class='chip %s'>", chip_class(word));
    report_esc(b, head);
    whet_strbuf_puts(b, "</span>");
}

static bool is_number_column(const report_column *c)
{
    return c->format != 't' && c->format != 'p';
}

static void result_cell(whet_strbuf *b, const report_column *c, const json_t *row, size_t i)
{
    char text[400], raw[64];
    const char *why = NULL;
    const json_t *v = report_get(row, c->path);
    report_cell(c, row, text, sizeof text, &why);
    const char *tag = strcmp(c->id, "model") == 0 ? "th scope='row'" : "td";
    whet_strbuf_printf(b, "<%s class='%s%s' data-row='%zu' data-col='%s'", tag, is_number_column(c) ? "num" : "text", text[0] == '\0' ? " none" : "", i, c->id);
    if (json_is_number(v)) {
        snprintf(raw, sizeof raw, "%.17g", json_number_value(v));
        whet_strbuf_printf(b, " data-v='%s'", raw);
    }
    if (why != NULL) {
        whet_strbuf_puts(b, " title='");
        report_esc(b, why);
        whet_strbuf_puts(b, "'");
    }
    whet_strbuf_puts(b, ">");
    if (strcmp(c->id, "status") == 0 || (strcmp(c->id, "verdict") == 0 && text[0] != '\0')) {
        chip(b, text);
    } else if (strcmp(c->id, "runtime") == 0) {
        report_esc(b, text);
        whet_strbuf_puts(b, " <small>");
        report_esc(b, report_str(row, "runtime_version"));
        whet_strbuf_puts(b, "</small>");
    } else {
        report_esc(b, text[0] != '\0' ? text : "–");
    }
    whet_strbuf_printf(b, "</%.2s>", tag);
}

static void remark(whet_strbuf *b, const char *name, const char *text, bool *open)
{
    if (text == NULL || text[0] == '\0') return;
    if (!*open) whet_strbuf_puts(b, "<h3>Remarks on the rows</h3>\n<ul class='remarks'>\n");
    *open = true;
    whet_strbuf_puts(b, "<li><b>");
    report_esc(b, name);
    whet_strbuf_puts(b, "</b>: ");
    report_esc(b, text);
    whet_strbuf_puts(b, "</li>\n");
}

static void remarks(whet_strbuf *b, const json_t *doc)
{
    const json_t *rows = json_object_get(doc, "rows"), *row = NULL, *item = NULL;
    static const char *const lists[] = {"verdict_reasons", "notes"};
    char name[300];
    size_t i = 0, k = 0;
    bool open = false;
    json_array_foreach(rows, i, row)
    {
        report_row_name(doc, row, true, name, sizeof name);
        if (!report_row_ok(row)) remark(b, name, report_str(row, "status"), &open);
        for (size_t l = 0; l < WHET_COUNT(lists); l++)
            json_array_foreach(json_object_get(row, lists[l]), k, item) remark(b, name, json_string_value(item), &open);
        if (report_row_ok(row) && report_get(row, "accuracy") == NULL && report_str(row, "accuracy_na")[0] != '\0') {
            char text[500];
            snprintf(text, sizeof text, "accuracy n/a: %s", report_str(row, "accuracy_na"));
            remark(b, name, text, &open);
        }
        if (report_row_ok(row) && report_get(row, "latency.p99") == NULL && report_str(row, "latency.p99_na")[0] != '\0') {
            char text[500];
            snprintf(text, sizeof text, "p99 %s", report_str(row, "latency.p99_na"));
            remark(b, name, text, &open);
        }
    }
    if (open) whet_strbuf_puts(b, "</ul>\n");
}

// What is the same in every row and stands in the tiles need not widen the table.
static bool in_page(const report_column *c, const json_t *doc)
{
    report_column strict = *c;
    strict.core = false;
    strict.varies = strcmp(c->id, "params") == 0 || strcmp(c->id, "macs") == 0;
    return report_column_shown(strict.varies ? &strict : c, doc);
}

void report_results(whet_strbuf *b, const json_t *doc)
{
    const json_t *rows = json_object_get(doc, "rows"), *row = NULL;
    size_t i = 0;
    whet_strbuf_puts(b, "<div class='scroll' role='region' aria-label='Table of results' tabindex='0'><table id='rows'>\n<thead><tr>");
    for (int c = 0; c < report_column_count(); c++) {
        const report_column *col = report_column_at(c);
        if (!in_page(col, doc)) continue;
        whet_strbuf_printf(b, "<th scope='col' class='%s' title='", is_number_column(col) ? "num" : "text");
        report_esc(b, col->help);
        whet_strbuf_printf(b, "'>%s</th>", col->title);
    }
    whet_strbuf_puts(b, "</tr></thead>\n<tbody>\n");
    json_array_foreach(rows, i, row)
    {
        whet_strbuf_puts(b, "<tr>");
        for (int c = 0; c < report_column_count(); c++)
            if (in_page(report_column_at(c), doc)) result_cell(b, report_column_at(c), row, i);
        whet_strbuf_puts(b, "</tr>\n");
    }
    whet_strbuf_puts(b, "</tbody></table></div>\n");
    remarks(b, doc);
}

// --- comparisons

void report_comparisons(whet_strbuf *b, const json_t *doc)
{
    const json_t *list = json_object_get(doc, "comparisons"), *c = NULL;
    size_t i = 0;
    if (json_array_size(list) == 0) return;
    whet_strbuf_puts(b, "<p class='lead'>The rows took turns in short blocks, so the ratio holds even where the machine was too restless for "
                        "absolute figures.</p>\n<ul class='remarks'>\n");
    json_array_foreach(list, i, c)
    {
        whet_strbuf_puts(b, "<li>");
        chip(b, report_str(c, "verdict"));
        whet_strbuf_puts(b, " ");
        report_esc(b, report_str(c, "text"));
        whet_strbuf_puts(b, "</li>\n");
    }
    whet_strbuf_puts(b, "</ul>\n");
}

// --- parity

static void parity_number(whet_strbuf *b, const json_t *o, const char *key, const char *format)
{
    double v = report_num(o, key);
    whet_strbuf_puts(b, "<td class='num'>");
    if (isfinite(v)) {
        whet_strbuf_printf(b, format, v);
    } else {
        whet_strbuf_puts(b, "–");
    }
    whet_strbuf_puts(b, "</td>");
}

static void parity_row(whet_strbuf *b, const json_t *doc, const json_t *row, const json_t *o)
{
    char name[300], samples[80], digits[40];
    const json_t *p = json_object_get(row, "parity");
    report_row_name(doc, row, true, name, sizeof name);
    whet_strbuf_puts(b, "<tr><th scope='row'>");
    report_esc(b, name);
    whet_strbuf_puts(b, "</th><td>");
    chip(b, json_is_true(report_get(o != NULL ? o : p, "ok")) ? "ok" : "failed");
    whet_strbuf_puts(b, "</td><td class='wrap'>");
    report_esc(b, report_str(p, "reference"));
    whet_strbuf_puts(b, "</td><td class='mono'>");
    report_esc(b, report_str(p, "accept"));
    whet_strbuf_puts(b, "</td><td>");
    report_esc(b, o != NULL ? report_str(o, "name") : "–");
    whet_strbuf_puts(b, "</td>");
    parity_number(b, o, "max", "%.2e");
    parity_number(b, o, "cosine", "%.8f");
    parity_number(b, o, "snr_db", "%.1f");
    double top1 = report_num(o, "top1");
    if (isfinite(top1)) {
        whet_strbuf_printf(b, "<td class='num'>%.2f %%</td>", 100 * top1);
    } else {
        whet_strbuf_puts(b, "<td class='num'>–</td>");
    }
    snprintf(samples, sizeof samples, "%s", isfinite(report_num(p, "samples")) ? report_count(digits, sizeof digits, report_num(p, "samples")) : "–");
    whet_strbuf_printf(b, "<td class='num'>%s</td>", samples);
    whet_strbuf_printf(b, "<td class='num'>%s</td><td class='wrap'>", isfinite(report_num(p, "rechecked")) ? report_count(digits, sizeof digits, report_num(p, "rechecked")) : "–");
    report_esc(b, report_str(o, "why"));
    whet_strbuf_puts(b, "</td></tr>\n");
}

void report_parity(whet_strbuf *b, const json_t *doc)
{
    const json_t *rows = json_object_get(doc, "rows"), *row = NULL, *o = NULL;
    size_t i = 0, k = 0;
    bool open = false;
    json_array_foreach(rows, i, row)
    {
        const json_t *outputs = report_get(row, "parity.outputs");
        if (report_get(row, "parity") == NULL) continue;
        if (!open)
            whet_strbuf_puts(b, "<div class='scroll' role='region' aria-label='Table of parity' tabindex='0'><table>\n<thead><tr><th scope='col'>row</th>"
                                "<th scope='col'>result</th><th scope='col'>reference</th><th scope='col'>bound</th><th scope='col'>output</th>"
                                "<th scope='col' class='num'>largest difference</th><th scope='col' class='num'>cosine</th><th scope='col' class='num'>SNR dB</th>"
                                "<th scope='col' class='num'>same top-1</th><th scope='col' class='num'>inputs</th>"
                                "<th scope='col' class='num' title='outputs of the timed run that were compared again'>rechecked</th><th scope='col'></th></tr></thead>\n<tbody>\n");
        open = true;
        if (json_array_size(outputs) == 0) parity_row(b, doc, row, NULL);
        json_array_foreach(outputs, k, o) parity_row(b, doc, row, o);
    }
    if (open) {
        whet_strbuf_puts(b, "</tbody></table></div>\n<p class='note'>The largest difference is given as a share of the reference's largest output.</p>\n");
    } else {
        whet_strbuf_puts(b, "<p>No row was compared.</p>\n");
    }
}
