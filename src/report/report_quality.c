// SPDX-License-Identifier: Apache-2.0
// What the evaluation of a row tells beyond one number: the confusion matrix and the scores of each class. Rows that decide
// alike (the same network on several runtimes) share one picture that names them.
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "report/report_columns.h"
#include "report/report_html.h"

enum { MAX_SHOWN = 12, MAX_NUMBERS = 20, LEVELS = 9, MAX_LISTED = 10 };

typedef struct group { const json_t *eval; size_t first; int rows; } group;

static double cell(const json_t *matrix, size_t i, size_t k)
{
    return json_number_value(json_array_get(json_array_get(matrix, i), k));
}

static double row_sum(const json_t *matrix, size_t i, size_t n)
{
    double sum = 0;
    for (size_t k = 0; k < n; k++) sum += cell(matrix, i, k);
    return sum;
}

static void class_name(whet_strbuf *b, const json_t *eval, size_t i)
{
    const char *name = report_str(json_array_get(json_object_get(eval, "per_class"), i), "class");
    if (name[0] != '\0') {
        report_esc(b, name);
    } else {
        whet_strbuf_printf(b, "%zu", i);
    }
}

static void small_matrix(whet_strbuf *b, const json_t *eval, const json_t *matrix, size_t n)
{
    whet_strbuf_puts(b, "<div class='scroll' role='region' aria-label='Confusion matrix' tabindex='0'><table class='confusion'><thead><tr><th scope='col'>is \\ said</th>");
    for (size_t k = 0; k < n; k++) {
        whet_strbuf_puts(b, "<th scope='col'>");
        class_name(b, eval, k);
        whet_strbuf_puts(b, "</th>");
    }
    whet_strbuf_puts(b, "</tr></thead><tbody>\n");
    for (size_t i = 0; i < n; i++) {
        const double sum = row_sum(matrix, i, n);
        whet_strbuf_puts(b, "<tr><th scope='row'>");
        class_name(b, eval, i);
        whet_strbuf_puts(b, "</th>");
        for (size_t k = 0; k < n; k++) {
            const double x = cell(matrix, i, k), share = sum > 0 ? x / sum : 0;
            if (x == 0) {
                whet_strbuf_puts(b, "<td>·</td>");
            } else { // the root makes rare confusions visible
                whet_strbuf_printf(b, "<td class='%s%s' style='--v:%.0f%%'>%.0f</td>", i == k ? "hit" : "miss", share > 0.55 ? " full" : "", 100 * sqrt(share), x);
            }
        }
        whet_strbuf_puts(b, "</tr>\n");
    }
    whet_strbuf_puts(b, "</tbody></table></div>\n");
}

// Many classes: a picture, one path a shade, so that a hundred classes stay light.
static void large_matrix(whet_strbuf *b, const json_t *matrix, size_t n)
{
    whet_strbuf_printf(b, "<svg class='matrix' viewBox='0 0 %zu %zu' shape-rendering='crispEdges' role='img' aria-label='Confusion matrix of %zu classes'>", n, n, n);
    for (int level = 1; level <= LEVELS; level++) {
        bool open = false;
        for (size_t i = 0; i < n; i++) {
            const double sum = row_sum(matrix, i, n);
            for (size_t k = 0; k < n; k++) {
                const double x = cell(matrix, i, k);
                const int own = x > 0 && sum > 0 ? (int)fmin(LEVELS, 1 + floor(LEVELS * sqrt(x / sum))) : 0;
                if (own != level) continue;
                if (!open) whet_strbuf_printf(b, "<path fill-opacity='%.2f' d='", (double)level / LEVELS);
                open = true;
                whet_strbuf_printf(b, "M%zu %zuh1v1h-1z", k, i);
            }
        }
        if (open) whet_strbuf_puts(b, "'/>");
    }
    whet_strbuf_puts(b, "</svg>\n<p class='note'>down: what it is; across: what was said; the darker, the larger the share of the row</p>\n");
}

typedef struct mistake { size_t is, said; double count, share; } mistake;

static void worst_mistakes(whet_strbuf *b, const json_t *eval, const json_t *matrix, size_t n)
{
    mistake top[MAX_LISTED] = {{0, 0, 0, 0}};
    for (size_t i = 0; i < n; i++) {
        const double sum = row_sum(matrix, i, n);
        for (size_t k = 0; k < n; k++) {
            mistake m = {i, k, cell(matrix, i, k), 0};
            if (i == k || !(m.count > 0)) continue;
            m.share = m.count / sum;
            for (int j = 0; j < MAX_LISTED; j++) {
                if (m.count <= top[j].count) continue;
                const mistake next = top[j];
                top[j] = m;
                m = next;
            }
        }
    }
    if (!(top[0].count > 0)) return;
    whet_strbuf_puts(b, "<p class='note'>Most often mistaken: ");
    for (int j = 0; j < (n > MAX_NUMBERS ? MAX_LISTED : 3) && top[j].count > 0; j++) {
        whet_strbuf_puts(b, j > 0 ? ", " : "");
        class_name(b, eval, top[j].is);
        whet_strbuf_puts(b, " for ");
        class_name(b, eval, top[j].said);
        whet_strbuf_printf(b, " (%.0f, %.1f %%)", top[j].count, 100 * top[j].share);
    }
    whet_strbuf_puts(b, "</p>\n");
}

static void class_table(whet_strbuf *b, const json_t *eval)
{
    static const struct { const char *key, *title; bool share; } columns[] = {
        {"precision", "precision %", true}, {"recall", "recall %", true}, {"f1", "F1 %", true}, {"iou", "IoU %", true}, {"support", "pictures", false}};
    const json_t *list = json_object_get(eval, "per_class"), *c = NULL;
    char digits[40];
    bool has[WHET_COUNT(columns)] = {false};
    size_t i = 0;
    json_array_foreach(list, i, c)
    {
        for (size_t k = 0; k < WHET_COUNT(columns); k++) has[k] = has[k] || isfinite(report_num(c, columns[k].key));
    }
    whet_strbuf_puts(b, "<div class='scroll' role='region' aria-label='Scores of each class' tabindex='0'><table class='sortable classes'><thead><tr><th scope='col'>class</th>");
    for (size_t k = 0; k < WHET_COUNT(columns); k++)
        if (has[k]) whet_strbuf_printf(b, "<th scope='col' class='num'>%s</th>", columns[k].title);
    whet_strbuf_puts(b, "</tr></thead><tbody>\n");
    json_array_foreach(list, i, c)
    {
        whet_strbuf_puts(b, "<tr><th scope='row'>");
        class_name(b, eval, i);
        whet_strbuf_puts(b, "</th>");
        for (size_t k = 0; k < WHET_COUNT(columns); k++) {
            const double v = report_num(c, columns[k].key);
            if (!has[k]) continue;
            if (!isfinite(v)) {
                whet_strbuf_puts(b, "<td class='num none'>–</td>");
            } else if (columns[k].share) {
                whet_strbuf_printf(b, "<td class='num meter' data-v='%.17g' style='--v:%.1f%%'>%.2f</td>", v, 100 * v, 100 * v);
            } else {
                whet_strbuf_printf(b, "<td class='num' data-v='%.17g'>%s</td>", v, report_count(digits, sizeof digits, v));
            }
        }
        whet_strbuf_puts(b, "</tr>\n");
    }
    whet_strbuf_puts(b, "</tbody></table></div>\n");
}

static void means(whet_strbuf *b, const json_t *eval)
{
    static const struct { const char *path, *name; } figures[] = {
        {"top1.value", "top-1"}, {"top5.value", "top-5"}, {"pixel_accuracy.value", "pixel accuracy"}, {"miou.value", "mIoU"}, {"macro_f1.value", "macro F1"}, {"weighted.f1", "weighted F1"}};
    char low[80], high[80];
    bool first = true;
    whet_strbuf_puts(b, "<p class='lead'>");
    for (size_t k = 0; k < WHET_COUNT(figures); k++) {
        const double v = report_num(eval, figures[k].path);
        if (!isfinite(v)) continue;
        whet_strbuf_printf(b, "%s%s %.2f %%", first ? "" : ", ", figures[k].name, 100 * v);
        first = false;
        snprintf(low, sizeof low, "%.*s.low", (int)strcspn(figures[k].path, "."), figures[k].path);
        snprintf(high, sizeof high, "%.*s.high", (int)strcspn(figures[k].path, "."), figures[k].path);
        if (isfinite(report_num(eval, low)) && isfinite(report_num(eval, high))) whet_strbuf_printf(b, " (%.2f to %.2f)", 100 * report_num(eval, low), 100 * report_num(eval, high));
    }
    whet_strbuf_puts(b, "</p>\n");
}

static void add_group(whet_strbuf *b, const json_t *doc, const group *g, const group *all)
{
    const json_t *rows = json_object_get(doc, "rows"), *row = NULL, *matrix = json_object_get(g->eval, "confusion");
    const size_t n = json_array_size(matrix);
    char name[300];
    size_t i = 0;
    int named = 0;
    whet_strbuf_puts(b, "<details class='card'");
    whet_strbuf_puts(b, g == all ? " open><summary>" : "><summary>");
    json_array_foreach(rows, i, row)
    {
        const json_t *e = json_object_get(row, "eval");
        if (e == NULL || !(e == g->eval || json_equal(e, g->eval))) continue;
        report_row_name(doc, row, true, name, sizeof name);
        if (named < 3) {
            whet_strbuf_puts(b, named > 0 ? "; " : "");
            report_esc(b, name);
        }
        named++;
    }
    if (named > 3) whet_strbuf_printf(b, " and %d more that decide alike", named - 3);
    whet_strbuf_puts(b, "</summary>\n");
    means(b, g->eval);
    if (n > 1) {
        if (n <= MAX_NUMBERS) {
            small_matrix(b, g->eval, matrix, n);
        } else {
            large_matrix(b, matrix, n);
        }
        worst_mistakes(b, g->eval, matrix, n);
    }
    if (json_array_size(json_object_get(g->eval, "per_class")) > 0) class_table(b, g->eval);
    whet_strbuf_puts(b, "</details>\n");
}

bool report_has_quality(const json_t *doc)
{
    const json_t *rows = json_object_get(doc, "rows"), *row = NULL;
    size_t i = 0;
    json_array_foreach(rows, i, row)
    {
        if (json_array_size(report_get(row, "eval.per_class")) > 0 || json_array_size(report_get(row, "eval.confusion")) > 1) return true;
    }
    return false;
}

void report_quality(whet_strbuf *b, const json_t *doc)
{
    const json_t *rows = json_object_get(doc, "rows"), *row = NULL;
    group *groups = whet_calloc(json_array_size(rows) + 1, sizeof *groups);
    size_t i = 0, n = 0;
    if (groups == NULL) return;
    json_array_foreach(rows, i, row)
    {
        const json_t *eval = json_object_get(row, "eval");
        size_t k = 0;
        if (!json_is_object(eval) || (json_array_size(json_object_get(eval, "per_class")) == 0 && json_array_size(json_object_get(eval, "confusion")) < 2)) continue;
        while (k < n && !json_equal(groups[k].eval, eval)) k++;
        if (k == n) groups[n++] = (group){eval, i, 0};
        groups[k].rows++;
    }
    for (i = 0; i < n && i < MAX_SHOWN; i++) add_group(b, doc, &groups[i], groups);
    if (n > MAX_SHOWN) whet_strbuf_printf(b, "<p class='note'>%zu more evaluations are in the stored document.</p>\n", n - MAX_SHOWN);
    whet_free(groups);
}
