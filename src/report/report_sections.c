// SPDX-License-Identifier: Apache-2.0
// The sections that carry figures: tiles, the table of results, comparisons, parity.
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "report/report.h"
#include "report/report_columns.h"
#include "report/report_html.h"

enum { MANY = 24 }; // longer lists are folded

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

// The row of least latency; of rows that cannot be told from it another than native, if there is one.
static const json_t *fastest_row(const json_t *doc, int *alike)
{
    const json_t *rows = json_object_get(doc, "rows"), *row = NULL, *best = extreme_row(doc, "latency.p50", true), *other = NULL;
    const report_figure *f = report_figure_find("p50");
    size_t i = 0;
    *alike = 0;
    if (best == NULL) return NULL;
    json_array_foreach(rows, i, row)
    {
        if (row == best || !isfinite(report_num(row, "latency.p50")) || report_figure_compare(f, doc, best, row) > 0) continue;
        ++*alike;
        if (strncmp(report_str(row, "runtime"), "native", 6) != 0 && (other == NULL || report_num(row, "latency.p50") < report_num(other, "latency.p50"))) other = row;
    }
    return other != NULL && strncmp(report_str(best, "runtime"), "native", 6) == 0 ? other : best;
}

// Ran and computes the same, but its timing is UNSTABLE or INVALID.
static bool unsteady(const json_t *row)
{
    const char *verdict = report_str(row, "verdict");
    return report_row_ok(row) && verdict[0] != '\0' && strcmp(verdict, "ok") != 0;
}

void report_tiles(whet_strbuf *b, const json_t *doc, const json_t *warnings)
{
    const json_t *rows = json_object_get(doc, "rows"), *row = NULL, *best = NULL;
    size_t i = 0;
    int ok = 0, shaky = 0, equal = 0, judged = 0, alike = 0;
    char value[80], more[400], name[300], digits[2][40];
    json_array_foreach(rows, i, row)
    {
        ok += report_row_ok(row);
        shaky += unsteady(row);
        judged += report_get(row, "parity.ok") != NULL;
        equal += json_is_true(report_get(row, "parity.ok")) && report_get(row, "accuracy.contradicts") == NULL;
    }
    whet_strbuf_puts(b, "<ul class='tiles'>\n");
    best = extreme_row(doc, "accuracy.value", false);
    if (best != NULL) {
        snprintf(value, sizeof value, "%.2f %%", 100 * report_num(best, "accuracy.value"));
        snprintf(more, sizeof more, "95 %% interval %.2f to %.2f", 100 * report_num(best, "accuracy.low"), 100 * report_num(best, "accuracy.high"));
        tile(b, json_array_size(rows) > 1 ? "highest accuracy" : "accuracy", value, more);
    }
    best = fastest_row(doc, &alike);
    if (best != NULL) {
        report_row_name_marked(doc, best, name, sizeof name);
        snprintf(value, sizeof value, "%s ms", report_digits(digits[0], sizeof digits[0], report_num(best, "latency.p50")));
        snprintf(more, sizeof more, "median, %.300s", name);
        if (alike > 0) snprintf(more, sizeof more, "median, %.300s; %d more cannot be told from it", name, alike);
        const size_t end = strlen(more);
        if (report_row_flag(best)[0] != '\0') snprintf(more + end, sizeof more - end, "; %s", report_row_flag(best));
        tile(b, "lowest latency", value, more);
    }
    best = extreme_row(doc, "img_per_s", false);
    if (best != NULL) {
        report_row_name_marked(doc, best, name, sizeof name);
        snprintf(value, sizeof value, "%s /s", report_digits(digits[0], sizeof digits[0], report_num(best, "img_per_s")));
        snprintf(more, sizeof more, "%s%s%s", name, report_row_flag(best)[0] != '\0' ? "; " : "", report_row_flag(best));
        tile(b, "most pictures", value, more);
    }
    best = extreme_row(doc, "size_bytes", true);
    if (best != NULL) {
        bool params = isfinite(report_num(best, "params"));
        bool macs = isfinite(report_num(best, "macs"));
        snprintf(more, sizeof more, "%s%s", params ? report_large(digits[1], sizeof digits[1], report_num(best, "params")) : report_str(best, "format"), params ? " parameters" : "");
        size_t n = strlen(more);
        if (macs) snprintf(more + n, sizeof more - n, ", %s MACs", report_large(digits[0], sizeof digits[0], report_num(best, "macs")));
        tile(b, json_array_size(rows) > 1 ? "smallest" : "size", report_bytes(value, sizeof value, report_num(best, "size_bytes")), more);
    }
    if (judged > 0) {
        snprintf(value, sizeof value, "%d of %d", equal, judged);
        tile(b, "proven equal", value, "to the reference, before timing");
    }
    snprintf(value, sizeof value, "%d of %zu", ok, json_array_size(rows));
    snprintf(more, sizeof more, "%s", ok == (int)json_array_size(rows) ? "nothing is missing" : "the reasons stand below");
    if (shaky > 0) snprintf(more + strlen(more), sizeof more - strlen(more), "; the timing of %d not steady", shaky);
    tile(b, "rows ok", value, more);
    snprintf(value, sizeof value, "%zu", json_array_size(warnings));
    tile(b, "warnings", value, json_array_size(warnings) > 0 ? "all of them stand below" : "none");
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

static void put_chip(whet_strbuf *b, const char *colour, const char *text)
{
    whet_strbuf_printf(b, "<span class='chip %s'>", colour);
    report_esc(b, text);
    whet_strbuf_puts(b, "</span>");
}

void report_chip(whet_strbuf *b, const char *word)
{
    char head[60];
    snprintf(head, sizeof head, "%.*s", (int)strcspn(word, ":"), word);
    put_chip(b, chip_class(word), head);
}

// No green word alone where the timing is not to be quoted: the verdict stands columns away.
static void status_chip(whet_strbuf *b, const json_t *row, const char *text)
{
    char both[60];
    snprintf(both, sizeof both, "ok, %s", report_str(row, "verdict"));
    if (unsteady(row)) put_chip(b, "warn", both);
    else report_chip(b, text);
}

static bool is_number_column(const report_column *c)
{
    return c->format != 't' && c->format != 'p';
}

// Columns that the page offers for picking one value.
static bool is_picked(const report_column *c)
{
    static const char *const ids[] = {"run", "host", "model", "runtime", "precision", "batch", "threads", "streams", "scenario", "asked", "optimisation", "status", "verdict"};
    for (size_t i = 0; i < WHET_COUNT(ids); i++)
        if (strcmp(ids[i], c->id) == 0) return true;
    return false;
}

// A long file name may be broken behind a slash or underscore.
static void esc_breakable(whet_strbuf *b, const char *text)
{
    while (*text != '\0') {
        const size_t whole = strcspn(text, "/_"), n = whole + (text[whole] != '\0');
        char *piece = whet_strndup(text, n);
        if (piece != NULL) report_esc(b, piece);
        b->failed = b->failed || piece == NULL;
        whet_free(piece);
        text += n;
        if (text[-1] == '/' || text[-1] == '_') whet_strbuf_puts(b, "<wbr>");
    }
}

static void cell_text(whet_strbuf *b, const report_column *c, const json_t *row, const char *text, bool front)
{
    if (strcmp(c->id, "status") == 0) {
        status_chip(b, row, text);
    } else if (strcmp(c->id, "verdict") == 0 && text[0] != '\0') {
        report_chip(b, text);
    } else if (strcmp(c->id, "runtime") == 0) {
        report_esc(b, text);
        whet_strbuf_puts(b, "<br><small>");
        report_esc(b, report_str(row, "runtime_version"));
        whet_strbuf_puts(b, strncmp(report_str(row, "runtime"), "native", 6) == 0 ? ", whet's own engine</small>" : "</small>");
    } else if (strcmp(c->id, "model") == 0) {
        esc_breakable(b, text);
    } else {
        report_esc(b, text[0] != '\0' ? text : "–");
    }
    if (strcmp(c->id, "model") == 0) { // beside the model, which stays in sight where a phone scrolls the others
        whet_strbuf_puts(b, "<small class='who'>");
        report_esc(b, report_str(row, "runtime_title")[0] != '\0' ? report_str(row, "runtime_title") : report_str(row, "runtime"));
        whet_strbuf_puts(b, report_str(row, "precision")[0] != '\0' ? ", " : "");
        report_esc(b, report_str(row, "precision"));
        whet_strbuf_puts(b, "</small>");
    }
    if (front) whet_strbuf_puts(b, " <span class='diamond' title='no other row is surely better'>◆</span>");
}

static void result_cell(whet_strbuf *b, const report_column *c, const json_t *row, size_t i, bool first, bool front)
{
    char text[400];
    const char *why = NULL, *tag = first ? "th" : "td";
    const json_t *v = report_get(row, c->path);
    report_cell(c, row, text, sizeof text, &why);
    whet_strbuf_printf(b, "<%s%s class='%s%s' data-row='%zu' data-col='%s'", tag, first ? " scope='row'" : "", is_number_column(c) ? "num" : "text",
                       text[0] == '\0' ? " none" : "", i, c->id);
    if (json_is_number(v)) whet_strbuf_printf(b, " data-v='%.17g'", json_number_value(v));
    if (is_picked(c)) { // of a status the word, without its reason
        whet_strbuf_puts(b, " data-t='");
        if (strcmp(c->id, "status") == 0) text[strcspn(text, ":")] = '\0';
        report_esc(b, text);
        whet_strbuf_puts(b, "'");
    }
    if (why != NULL || (strcmp(c->id, "status") == 0 && !report_row_ok(row))) {
        whet_strbuf_puts(b, " title='");
        report_esc(b, why != NULL ? why : report_str(row, "status"));
        whet_strbuf_puts(b, "'");
    }
    whet_strbuf_puts(b, ">");
    cell_text(b, c, row, text, front);
    whet_strbuf_printf(b, "</%s>", tag);
}

// What is the same in every row and stands in the tiles need not widen the table.
static bool in_page(const report_column *c, const json_t *doc)
{
    report_column strict = *c;
    strict.core = false;
    if (strcmp(c->id, "accuracy") == 0) return report_column_shown(&strict, doc); // of a bench: no column of dashes
    strict.varies = strcmp(c->id, "params") == 0 || strcmp(c->id, "macs") == 0;
    return report_column_shown(strict.varies ? &strict : c, doc);
}

static bool on_front(const json_t *answers, size_t number)
{
    const json_t *a = NULL, *x = NULL;
    size_t i = 0, k = 0;
    json_array_foreach(answers, i, a)
    {
        json_array_foreach(json_object_get(a, "pareto"), k, x)
        {
            if (json_integer_value(x) == (json_int_t)number) return true;
        }
    }
    return false;
}

void report_results(whet_strbuf *b, const json_t *doc, const json_t *answers)
{
    const json_t *rows = json_object_get(doc, "rows"), *row = NULL;
    const report_column *shown[64];
    size_t i = 0;
    int n = 0;
    // what a row is and what it reached first; what explains it behind
    static const char *const late[] = {"parity", "load", "first", "cv", "params", "macs"};
    for (int pass = 0; pass < 3; pass++) {
        for (int c = 0; c < report_column_count() && n < (int)WHET_COUNT(shown); c++) {
            const report_column *col = report_column_at(c);
            int place = strcmp(col->id, "model") == 0 ? 0 : 1;
            for (size_t k = 0; k < WHET_COUNT(late); k++)
                if (strcmp(col->id, late[k]) == 0 || report_column_plain(col)) place = 2;
            if (place == pass && in_page(col, doc)) shown[n++] = col;
        }
    }
    whet_strbuf_puts(b, "<div class='tools' id='tools' role='search' aria-label='Rows to show'></div>\n"
                        "<div class='scroll' role='region' aria-label='Table of results' tabindex='0'>");
    whet_strbuf_printf(b, "<table id='rows' class='sortable' style='--columns:%d'>\n<thead><tr>", n); // paper has letters to fit
    for (int c = 0; c < n; c++) {
        whet_strbuf_printf(b, "<th scope='col' class='%s'", is_number_column(shown[c]) ? "num" : "text");
        if (is_picked(shown[c])) whet_strbuf_printf(b, " data-pick='%s'", shown[c]->id);
        whet_strbuf_puts(b, " title='");
        report_esc(b, shown[c]->help);
        whet_strbuf_printf(b, "'>%s</th>", shown[c]->title);
    }
    whet_strbuf_puts(b, "</tr></thead>\n<tbody>\n");
    json_array_foreach(rows, i, row)
    {
        const bool front = on_front(answers, i);
        whet_strbuf_printf(b, "<tr id='row-%zu' data-row='%zu'>", i, i);
        for (int c = 0; c < n; c++) result_cell(b, shown[c], row, i, c == 0, front && c == 0);
        whet_strbuf_puts(b, "</tr>\n");
    }
    whet_strbuf_puts(b, "</tbody></table></div>\n");
    json_t *notes = report_column_notes(doc, true), *note = NULL;
    if (json_array_size(notes) > 0) whet_strbuf_puts(b, "<dl class='defs' id='columns'>\n");
    json_array_foreach(notes, i, note) report_fact(b, report_str(note, "name"), report_str(note, "text"));
    if (json_array_size(notes) > 0) whet_strbuf_puts(b, "</dl>\n");
    json_decref(notes);
}

// --- sentences of the documents that explain rows

static void sentences(whet_strbuf *b, const json_t *o, const char *head)
{
    const json_t *list = json_object_get(o, "sentences"), *text = NULL;
    size_t i = 0;
    if (json_array_size(list) == 0) return;
    if (head[0] != '\0') {
        whet_strbuf_puts(b, "<h3>");
        report_esc(b, head);
        whet_strbuf_puts(b, "</h3>\n");
    }
    whet_strbuf_puts(b, "<ul class='remarks'>\n");
    json_array_foreach(list, i, text)
    {
        whet_strbuf_puts(b, "<li>");
        report_esc(b, json_is_string(text) ? json_string_value(text) : "");
        whet_strbuf_puts(b, "</li>\n");
    }
    whet_strbuf_puts(b, "</ul>\n");
}

void report_explained(whet_strbuf *b, const json_t *doc)
{
    const json_t *list = json_object_get(doc, "explained"), *e = NULL, *m = NULL;
    size_t i = 0, k = 0;
    char head[400];
    json_array_foreach(list, i, e)
    {
        json_array_foreach(json_object_get(e, "models"), k, m)
        {
            const char *runtime = report_str(m, "title")[0] != '\0' ? report_str(m, "title") : report_str(m, "runtime");
            snprintf(head, sizeof head, "%.150s, %.150s", runtime, report_str(m, "model"));
            sentences(b, m, head);
        }
        sentences(b, e, json_array_size(json_object_get(e, "models")) > 1 ? "The one against the other" : "");
    }
}

// --- comparisons

void report_comparisons(whet_strbuf *b, const json_t *doc)
{
    const json_t *list = json_object_get(doc, "comparisons"), *c = NULL;
    size_t i = 0;
    if (json_array_size(list) == 0) return;
    whet_strbuf_puts(b, "<p class='lead'>The rows took turns in short blocks, so the ratio holds even where the machine was too restless for "
                        "absolute figures.</p>\n");
    const bool many = json_array_size(list) > MANY;
    if (many) whet_strbuf_printf(b, "<details><summary>All %zu comparisons in words</summary>\n", json_array_size(list));
    whet_strbuf_puts(b, "<ul class='remarks'>\n");
    json_array_foreach(list, i, c)
    {
        whet_strbuf_puts(b, "<li>");
        report_chip(b, report_str(c, "verdict"));
        whet_strbuf_puts(b, " ");
        report_esc(b, report_str(c, "text"));
        whet_strbuf_puts(b, "</li>\n");
    }
    whet_strbuf_puts(b, many ? "</ul></details>\n" : "</ul>\n");
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
    report_chip(b, json_is_true(report_get(o != NULL ? o : p, "ok")) ? "ok" : "failed");
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
    const bool many = json_array_size(rows) > MANY;
    size_t i = 0, k = 0;
    bool open = false;
    json_array_foreach(rows, i, row)
    {
        const json_t *outputs = report_get(row, "parity.outputs");
        if (report_get(row, "parity") == NULL) continue;
        if (!open && many) whet_strbuf_printf(b, "<details><summary>Parity of all %zu rows</summary>\n", json_array_size(rows));
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
        if (many) whet_strbuf_puts(b, "</details>\n");
    } else {
        whet_strbuf_puts(b, "<p>No row was compared.</p>\n");
    }
}
