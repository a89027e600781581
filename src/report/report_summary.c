// SPDX-License-Identifier: Apache-2.0
// The verdict in one sentence: accuracy, parity, speed (from the interleaved comparison, which holds even where the
// machine was too noisy for absolute figures), and what failed.
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/strbuf.h"
#include "report/goal.h"
#include "report/report.h"
#include "report/report_columns.h"

static void accuracy_part(whet_strbuf *b, const json_t *doc, const char *model)
{
    const json_t *rows = json_object_get(doc, "rows"), *row = NULL, *best = NULL;
    size_t i = 0;
    int n = 0;
    double low = 2, high = -1;
    char count[40];
    json_array_foreach(rows, i, row)
    {
        double v = report_num(row, "accuracy.value");
        if (!isfinite(v)) continue;
        n++;
        if (v > high) best = row;
        low = fmin(low, v);
        high = fmax(high, v);
    }
    if (n == 0) return;
    report_count(count, sizeof count, report_num(best, "accuracy.count"));
    if (high - low < 5e-5) {
        double w = fmax(high - report_num(best, "accuracy.low"), report_num(best, "accuracy.high") - high);
        whet_strbuf_printf(b, "%s %.2f ±%.2f %% of the %s %s %s pictures right%s", model, high * 100, report_round_up(w * 100, 2), count,
                           report_str(best, "accuracy.data"), report_str(best, "accuracy.split"), n > 1 && n == (int)json_array_size(rows) ? " on every runtime" : "");
    } else {
        whet_strbuf_printf(b, "%s %.2f to %.2f %% of the %s %s %s pictures right", model, low * 100, high * 100, count,
                           report_str(best, "accuracy.data"), report_str(best, "accuracy.split"));
    }
}

static void parity_part(whet_strbuf *b, const json_t *doc)
{
    const json_t *rows = json_object_get(doc, "rows"), *row = NULL;
    size_t i = 0;
    int passed = 0, failed = 0, odd = 0;
    double inputs = INFINITY; // the fewest of any row
    char count[40], on[80] = "";
    json_array_foreach(rows, i, row)
    {
        const json_t *ok = report_get(row, "parity.ok");
        passed += json_is_true(ok);
        failed += json_is_false(ok);
        odd += report_get(row, "accuracy.contradicts") != NULL;
        const double n = report_num(row, "parity.inputs");
        if (json_is_true(ok)) inputs = isfinite(n) && inputs > 0 ? fmin(inputs, n) : 0; // 0: a row does not say
    }
    if (inputs >= 1 && isfinite(inputs))
        snprintf(on, sizeof on, " on %s %s%s", report_count(count, sizeof count, inputs),
                 strncmp(report_str(doc, "inputs.source"), "seeded", 6) == 0 ? "input" : "picture", inputs > 1 ? "s" : "");
    if (passed + failed == 0) return;
    if (b->len > 0) whet_strbuf_puts(b, "; ");
    if (odd > 0) {
        whet_strbuf_printf(b, "%d of %d rows got other accuracies though their outputs agreed%s: NOT equal, see the warnings", odd, passed + failed, on);
    } else if (failed == 0) {
        whet_strbuf_printf(b, "%s%s", passed > 1 ? "the outputs are proven equal" : "the outputs equal the reference", on);
    } else {
        whet_strbuf_printf(b, "%d of %d rows do not compute the same function", failed, passed + failed);
    }
}

// Of one row what a comparison's ratio is of, in ms: the p99 of a server, the wall time of a picture, else the median.
static double compared_ms(const json_t *row, const char *figure)
{
    if (strcmp(figure, "p99") == 0) return report_num(row, "latency.p99");
    return strcmp(figure, "wall time per sample") == 0 ? 1e3 / report_num(row, "img_per_s") : report_num(row, "latency.p50");
}

static const char *ms_of_what(const char *figure)
{
    if (strcmp(figure, "p99") == 0) return "ms at p99";
    return strcmp(figure, "wall time per sample") == 0 ? "ms a picture" : "ms";
}

static void one_comparison(whet_strbuf *b, const json_t *doc, const json_t *c)
{
    const json_t *rows[2] = {report_row_by_id(doc, report_str(c, "a")), report_row_by_id(doc, report_str(c, "b"))};
    const char *verdict = report_str(c, "verdict"), *figure = report_str(c, "figure"), *unit = ms_of_what(figure);
    char name[2][200], ms[2][40];
    double x = report_num(c, "speedup"), low = report_num(c, "speedup_low"), high = report_num(c, "speedup_high");
    int fast = 0;
    if (rows[0] == NULL || rows[1] == NULL || !isfinite(x)) return;
    for (int i = 0; i < 2; i++) {
        report_row_name(doc, rows[i], true, name[i], sizeof name[i]);
        report_digits(ms[i], sizeof ms[i], compared_ms(rows[i], figure));
    }
    if (b->len > 0) whet_strbuf_puts(b, "; ");
    if (x < 1) { // told from the faster one's side
        double l = low;
        fast = 1;
        x = 1 / x;
        low = 1 / high;
        high = 1 / l;
    }
    if (strcmp(verdict, "better") == 0 || strcmp(verdict, "worse") == 0) {
        whet_strbuf_printf(b, "%s is %.2fx as fast as %s (%.2f to %.2f), %s against %s %s", name[fast], x, name[1 - fast], low, high,
                           ms[fast], ms[1 - fast], unit);
    } else if (strcmp(verdict, "same") == 0) {
        whet_strbuf_printf(b, "%s and %s are equally fast, %s %s", name[0], name[1], ms[0], unit);
    } else {
        whet_strbuf_printf(b, "whether %s or %s is faster cannot be told (ratio %.2f to %.2f)", name[fast], name[1 - fast], low, high);
    }
}

// " (UNSTABLE)" behind a figure that is not to be quoted alone.
static const char *flagged(const json_t *row, char *buf, size_t size)
{
    const char *flag = report_row_flag(row);
    snprintf(buf, size, "%s%s%s", flag[0] != '\0' ? " (" : "", flag, flag[0] != '\0' ? ")" : "");
    return buf;
}

// Rows that cannot be told from the fastest are named with it, native last.
static void least_latency(whet_strbuf *b, const json_t *doc, const json_t *best)
{
    const json_t *rows = json_object_get(doc, "rows"), *row = NULL, *first = best;
    const report_figure *f = report_figure_find("p50");
    char name[300], ms[40], flag[60];
    size_t i = 0;
    int alike = 0;
    json_array_foreach(rows, i, row)
    {
        if (row == best || !isfinite(report_num(row, "latency.p50")) || report_figure_compare(f, doc, best, row) > 0) continue;
        alike++;
        if (strncmp(report_str(first, "runtime"), "native", 6) == 0 && strncmp(report_str(row, "runtime"), "native", 6) != 0) first = row;
    }
    report_row_name(doc, first, true, name, sizeof name);
    whet_strbuf_printf(b, "lowest latency: %s with a median of %s ms%s", name, report_digits(ms, sizeof ms, report_num(first, "latency.p50")), flagged(first, flag, sizeof flag));
    if (alike == 0) return;
    whet_strbuf_puts(b, ", which cannot be told from ");
    if (alike > 1) {
        whet_strbuf_printf(b, "%d other rows", alike);
        return;
    }
    json_array_foreach(rows, i, row)
    {
        if (row == first || !isfinite(report_num(row, "latency.p50")) || report_figure_compare(f, doc, best, row) > 0) continue;
        report_row_name(doc, row, true, name, sizeof name);
        whet_strbuf_puts(b, name);
    }
}

static void speed_part(whet_strbuf *b, const json_t *doc)
{
    const json_t *rows = json_object_get(doc, "rows"), *row = NULL, *best = NULL, *list = json_object_get(doc, "comparisons");
    size_t i = 0;
    char name[200], ms[40], flag[60];
    if (json_array_size(list) == 1) {
        one_comparison(b, doc, json_array_get(list, 0));
        return;
    }
    json_array_foreach(rows, i, row)
    {
        double v = report_num(row, "latency.p50");
        if (isfinite(v) && (best == NULL || v < report_num(best, "latency.p50"))) best = row;
    }
    if (best == NULL) return;
    report_row_name(doc, best, true, name, sizeof name);
    if (b->len > 0) whet_strbuf_puts(b, "; ");
    if (json_array_size(list) > 1) {
        least_latency(b, doc, best);
        return;
    }
    whet_strbuf_printf(b, "latency: %s with a median of %s ms%s", name, report_digits(ms, sizeof ms, report_num(best, "latency.p50")), flagged(best, flag, sizeof flag));
}

static void failed_part(whet_strbuf *b, const json_t *doc)
{
    const json_t *rows = json_object_get(doc, "rows"), *row = NULL, *first = NULL;
    size_t i = 0;
    int bad = 0;
    json_array_foreach(rows, i, row)
    {
        if (report_row_ok(row)) continue;
        bad++;
        if (first == NULL) first = row;
    }
    if (bad == 0) return;
    if (b->len > 0) whet_strbuf_puts(b, "; ");
    const char *title = report_str(first, "runtime_title");
    whet_strbuf_printf(b, "%d of %zu rows failed (%s on %s: %s)", bad, json_array_size(rows), report_str(first, "model"),
                       title[0] != '\0' ? title : report_str(first, "runtime"), report_str(first, "status"));
}

// A stated goal comes first; on several machines each has its answer.
static void goal_part(whet_strbuf *b, const json_t *doc)
{
    whet_goal goal;
    const json_t *a = NULL;
    size_t i = 0;
    if (!report_goal_of(doc, &goal)) return;
    json_t *answers = whet_report_answer(doc, &goal);
    json_array_foreach(answers, i, a)
    {
        if (b->len > 0) whet_strbuf_puts(b, "; ");
        if (json_array_size(answers) > 1) whet_strbuf_printf(b, "on %s ", report_str(a, "machine"));
        whet_strbuf_puts(b, report_str(a, "text"));
    }
    json_decref(answers);
}

static bool several_machines(const json_t *doc)
{
    const json_t *rows = json_object_get(doc, "rows"), *row = NULL;
    char first[300] = "", name[300];
    size_t i = 0;
    json_array_foreach(rows, i, row)
    {
        report_row_machine(doc, row, i == 0 ? first : name, sizeof name);
        if (i > 0 && strcmp(first, name) != 0) return true;
    }
    return false;
}

// A sentence's first letter, unless a name stands there.
static void capital(char *text, const char *name)
{
    if (text == NULL || text[0] < 'a' || text[0] > 'z' || strncmp(text, "native", 6) == 0) return;
    if (name[0] != '\0' && strncmp(text, name, strlen(name)) == 0) return;
    text[0] = (char)(text[0] - 'a' + 'A');
}

static char *summary_of(const json_t *doc)
{
    const json_t *rows = json_object_get(doc, "rows"), *row = NULL;
    const char *model = report_str(json_array_get(rows, 0), "model");
    size_t i = 0;
    bool one = true;
    whet_strbuf b, goal;
    whet_strbuf_init(&b);
    whet_strbuf_init(&goal);
    goal_part(&goal, doc);
    json_array_foreach(rows, i, row) one = one && strcmp(report_str(row, "model"), model) == 0;
    char *gets = whet_format("%s get%s", one ? model : "the models", one ? "s" : "");
    accuracy_part(&b, doc, gets != NULL ? gets : "");
    whet_free(gets);
    parity_part(&b, doc);
    if (!several_machines(doc)) speed_part(&b, doc); // figures of different machines are not set against each other
    failed_part(&b, doc);
    if (b.len == 0) whet_strbuf_puts(&b, json_array_size(rows) == 0 ? "nothing was measured" : "no row has figures");
    capital(b.data, one ? model : "");
    if (goal.len > 0) {
        capital(goal.data, "");
        whet_strbuf_printf(&goal, ". %s", b.data != NULL ? b.data : "");
        whet_strbuf_dispose(&b);
        return whet_strbuf_take(&goal);
    }
    return whet_strbuf_take(&b);
}

char *whet_report_summary(const json_t *doc)
{
    json_t *p = report_prepared(doc);
    char *text = summary_of(p);
    json_decref(p);
    return text;
}
