// SPDX-License-Identifier: Apache-2.0
// The part of the page that answers first: the goal with the row that meets it, or the Pareto front. One card a machine.
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "report/goal.h"
#include "report/report.h"
#include "report/report_columns.h"
#include "report/report_html.h"

enum { MAX_FRONT = 16, MAX_GOAL_ROWS = 10 };

static void row_link(whet_strbuf *b, const json_t *doc, size_t number)
{
    char name[300];
    const json_t *row = json_array_get(json_object_get(doc, "rows"), number);
    report_row_name(doc, row, true, name, sizeof name);
    whet_strbuf_printf(b, "<a href='#row-%zu'>", number);
    report_esc(b, name);
    whet_strbuf_puts(b, "</a>");
    if (strncmp(report_str(row, "runtime"), "native", 6) == 0) whet_strbuf_puts(b, " <small>whet's own engine</small>");
    if (report_row_flag(row)[0] != '\0') whet_strbuf_puts(b, " ");
    if (report_row_flag(row)[0] != '\0') report_chip(b, report_row_flag(row));
}

static const char *state_mark(const char *state)
{
    static const struct { const char *state, *html; } marks[] = {
        {"met", "<span class='chip good'>✓ met</span>"}, {"unsure", "<span class='chip warn'>? unsure</span>"}, {"missed", "<span class='chip bad'>✗ missed</span>"}};
    for (size_t i = 0; i < WHET_COUNT(marks); i++)
        if (strcmp(marks[i].state, state) == 0) return marks[i].html;
    return "<span class='chip info'>not measured</span>";
}

static const json_t *judged(const json_t *answer, json_int_t number)
{
    const json_t *rows = json_object_get(answer, "rows"), *r = NULL;
    size_t i = 0;
    json_array_foreach(rows, i, r)
    {
        if (json_integer_value(json_object_get(r, "row")) == number) return r;
    }
    return NULL;
}

static void goal_row(whet_strbuf *b, const json_t *doc, const json_t *answer, const whet_goal *g, json_int_t number, const char *role)
{
    const json_t *r = judged(answer, number);
    size_t limit = 0;
    if (r == NULL) return;
    whet_strbuf_printf(b, "<tr><td>%s</td><th scope='row'>", role);
    row_link(b, doc, (size_t)number);
    whet_strbuf_puts(b, "</th>");
    for (int k = 0; k < g->n; k++) {
        const json_t *value = json_array_get(json_object_get(r, "values"), (size_t)k);
        whet_strbuf_puts(b, "<td>");
        report_esc(b, json_is_string(value) ? json_string_value(value) : "");
        if (g->term[k].kind == WHET_GOAL_LIMIT) {
            whet_strbuf_puts(b, " ");
            whet_strbuf_puts(b, state_mark(json_string_value(json_array_get(json_object_get(r, "states"), limit))));
            limit++;
        }
        whet_strbuf_puts(b, "</td>");
    }
    whet_strbuf_puts(b, "</tr>\n");
}

static void goal_table(whet_strbuf *b, const json_t *doc, const json_t *answer, const whet_goal *g)
{
    const json_t *best = json_object_get(answer, "best"), *second = json_object_get(answer, "runner_up"), *tied = json_object_get(answer, "tied"), *x = NULL;
    const json_t *limits = json_object_get(answer, "limits"), *rows = json_object_get(answer, "rows");
    size_t i = 0;
    int shown = 0;
    whet_strbuf_puts(b, "<div class='scroll' role='region' aria-label='Table of the goal' tabindex='0'><table class='goal'><thead><tr><th></th><th scope='col'>row</th>");
    for (int k = 0; k < g->n; k++) {
        whet_strbuf_puts(b, "<th scope='col'>");
        report_esc(b, g->term[k].text);
        whet_strbuf_puts(b, "</th>");
    }
    whet_strbuf_puts(b, "</tr></thead><tbody>\n");
    if (json_is_integer(best)) {
        goal_row(b, doc, answer, g, json_integer_value(best), "<b>meets it</b>");
        json_array_foreach(tied, i, x) goal_row(b, doc, answer, g, json_integer_value(x), "not told apart");
        bool listed = false;
        json_array_foreach(tied, i, x) listed = listed || json_equal(x, second);
        if (json_is_integer(second) && !listed) goal_row(b, doc, answer, g, json_integer_value(second), "runner-up");
    } else {
        bool any = false;
        json_array_foreach(rows, i, x)
        {
            if (!json_is_true(json_object_get(x, "all")) || shown >= MAX_GOAL_ROWS) continue;
            goal_row(b, doc, answer, g, json_integer_value(json_object_get(x, "row")), "keeps all");
            any = true;
            shown++;
        }
        json_array_foreach(limits, i, x) // the nearest to each limit that nothing meets, else to every limit
        {
            char role[160];
            const json_t *nearest = json_object_get(x, "nearest");
            if (any || !json_is_integer(nearest)) continue;
            snprintf(role, sizeof role, "nearest to limit %zu", i + 1);
            goal_row(b, doc, answer, g, json_integer_value(nearest), role);
        }
    }
    whet_strbuf_puts(b, "</tbody></table></div>\n");
}

static void front_cell(whet_strbuf *b, const report_figure *f, const json_t *doc, const json_t *row)
{
    whet_interval v = {0, 0, 0};
    char text[60], low[60], high[60];
    if (!report_figure_value(f, doc, row, &v)) {
        whet_strbuf_puts(b, "<td class='num none'>–</td>");
        return;
    }
    whet_strbuf_printf(b, "<td class='num' data-v='%.17g'>%s", v.value, report_figure_text(f, v.value, text, sizeof text));
    if (v.high > v.low) {
        report_figure_text(f, v.low, low, sizeof low);
        report_figure_text(f, v.high, high, sizeof high);
        const char *unit[2] = {strchr(low, ' '), strchr(high, ' ')};
        if (unit[0] != NULL && unit[1] != NULL && strcmp(unit[0], unit[1]) == 0) low[unit[0] - low] = '\0'; // said once
        whet_strbuf_printf(b, "<br><small>%s to %s</small>", low, high);
    }
    whet_strbuf_puts(b, "</td>");
}

static void front_table(whet_strbuf *b, const json_t *doc, const json_t *answer)
{
    static const char *const figures[] = {"accuracy", "p50", "size"}, *const titles[] = {"accuracy", "median latency", "size"};
    const json_t *front = json_object_get(answer, "pareto"), *rows = json_object_get(doc, "rows"), *x = NULL;
    size_t i = 0;
    bool has[WHET_COUNT(figures)] = {false};
    if (json_array_size(front) == 0) return;
    json_array_foreach(front, i, x)
    {
        whet_interval v = {0, 0, 0};
        for (size_t k = 0; k < WHET_COUNT(figures); k++)
            has[k] = has[k] || report_figure_value(report_figure_find(figures[k]), doc, json_array_get(rows, (size_t)json_integer_value(x)), &v);
    }
    whet_strbuf_puts(b, "<div class='scroll' role='region' aria-label='Table of the Pareto front' tabindex='0'><table class='front'><thead><tr><th scope='col' class='num'>no.</th>"
                        "<th scope='col'>row</th>");
    for (size_t k = 0; k < WHET_COUNT(figures); k++)
        if (has[k]) whet_strbuf_printf(b, "<th scope='col' class='num'>%s</th>", titles[k]);
    whet_strbuf_puts(b, "</tr></thead><tbody>\n");
    json_array_foreach(front, i, x)
    {
        const json_t *row = json_array_get(rows, (size_t)json_integer_value(x));
        if (i >= MAX_FRONT) break;
        whet_strbuf_printf(b, "<tr><td class='num'>%zu</td><th scope='row'>", i + 1);
        row_link(b, doc, (size_t)json_integer_value(x));
        whet_strbuf_puts(b, "</th>");
        for (size_t k = 0; k < WHET_COUNT(figures); k++)
            if (has[k]) front_cell(b, report_figure_find(figures[k]), doc, row);
        whet_strbuf_puts(b, "</tr>\n");
    }
    whet_strbuf_puts(b, "</tbody></table></div>\n");
    if (json_array_size(front) > MAX_FRONT) whet_strbuf_printf(b, "<p class='note'>and %zu more; they carry a ◆ in the table of results</p>\n", json_array_size(front) - MAX_FRONT);
}

void report_choice(whet_strbuf *b, const json_t *doc, const json_t *answers, const whet_goal *goal, const json_t *charts)
{
    const json_t *a = NULL;
    char prefix[40];
    size_t i = 0;
    json_array_foreach(answers, i, a)
    {
        if (json_array_size(answers) > 1) {
            whet_strbuf_puts(b, "<h3>");
            report_esc(b, report_str(a, "machine")[0] != '\0' ? report_str(a, "machine") : "a machine that is not named");
            whet_strbuf_puts(b, "</h3>\n");
        }
        const char *said = report_str(a, "text");
        const bool above = goal != NULL && json_array_size(answers) == 1; // the page's first sentence has said it
        whet_strbuf_puts(b, above ? "<p class='answer'>The limits and the rows, one by one" : "<p class='answer'>");
        if (above) {
            whet_strbuf_puts(b, ":");
        } else if (said[0] != '\0') {
            whet_strbuf_printf(b, "%c", said[0] >= 'a' && said[0] <= 'z' && strncmp(said, "native", 6) != 0 ? said[0] - 'a' + 'A' : said[0]);
            report_esc(b, said + 1);
            whet_strbuf_puts(b, ".");
        }
        whet_strbuf_puts(b, "</p>\n");
        if (goal != NULL && json_array_size(json_object_get(a, "rows")) > 0) {
            whet_strbuf_puts(b, "<h3 class='label'>The goal</h3>\n");
            goal_table(b, doc, a, goal);
        }
        snprintf(prefix, sizeof prefix, "choice-%zu", i);
        whet_strbuf_puts(b, "<div class='pair'>\n<div>");
        if (goal != NULL) whet_strbuf_puts(b, "<h3 class='label'>Without the goal: rows that no other is surely better than</h3>\n");
        front_table(b, doc, a);
        whet_strbuf_puts(b, "</div>\n");
        report_figures(b, charts, prefix);
        whet_strbuf_puts(b, "</div>\n");
    }
}
