// SPDX-License-Identifier: Apache-2.0
// What the rows answer: with a goal the row that meets it, the runner-up, or the limit that nothing meets; without one the
// Pareto front of accuracy x latency x size and no recommendation. Rows of different machines are never set against each
// other: each machine gets an answer of its own. A tie is never decided for whet's own engine.
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "report/goal.h"
#include "report/report.h"
#include "report/report_columns.h"
#include "store/stored_median.h"

enum { AXES = 3, TEXT_ROWS = 4 };
static const char *const axis_names[AXES] = {"accuracy", "p50", "size"};
static const char *const axis_titles[AXES] = {"accuracy", "latency", "size"};

typedef struct candidates {
    const json_t *doc, *rows;
    const char *machine; // of all of them
    size_t *row;         // numbers in rows
    int n;
} candidates;

static const json_t *row_at(const candidates *c, int i)
{
    return json_array_get(c->rows, c->row[i]);
}

static bool is_native(const json_t *row)
{
    return strncmp(report_str(row, "runtime"), "native", 6) == 0;
}

// A row may be chosen if it ran, computes the same function and was measured as long as the rules ask.
static bool eligible(const json_t *row)
{
    return report_row_ok(row) && !json_is_false(report_get(row, "parity.ok")) && strcmp(report_str(row, "verdict"), "INVALID") != 0;
}

// Named with what keeps its figures from being quoted: "ONNX Runtime, int8 (UNSTABLE)".
static void name_of(const candidates *c, size_t number, char *buf, size_t size)
{
    const json_t *row = json_array_get(c->rows, number);
    const char *flag = report_row_flag(row);
    report_row_name_marked(c->doc, row, buf, size);
    const size_t n = strlen(buf);
    if (flag[0] != '\0' && n < size) snprintf(buf + n, size - n, " (%s)", flag);
}

// Of a row that is chosen also why.
static void say_flag(const candidates *c, size_t number, whet_strbuf *b)
{
    const json_t *row = json_array_get(c->rows, number);
    const char *flag = report_row_flag(row), *why = json_string_value(json_array_get(json_object_get(row, "verdict_reasons"), 0));
    whet_stored_median m;
    if (flag[0] != '\0') whet_strbuf_printf(b, " (%s%s%s)", flag, why != NULL ? ": " : "", why != NULL ? why : "");
    if (whet_stored_median_of(row, &m) == WHET_OK && m.differs) whet_strbuf_puts(b, " (its stored figure and its samples disagree)");
    whet_error_clear();
}

// --- Pareto

static double axis_value(const candidates *c, const json_t *row, const report_figure *f)
{
    whet_interval v = {0, 0, 0};
    if (!report_figure_value(f, c->doc, row, &v)) return (double)NAN;
    return f->more ? -v.value : v.value; // less is better
}

// a dominates b: nowhere worse, and somewhere surely better. Differences that noise explains dominate nothing.
static bool dominates(const candidates *c, int a, int b, const double *values, const report_figure *const *f, int n)
{
    const double *x = &values[a * AXES], *y = &values[b * AXES];
    for (int k = 0; k < n; k++)
        if (x[k] > y[k]) return false;
    for (int k = 0; k < n; k++)
        if (x[k] < y[k] && report_figure_compare(f[k], c->doc, row_at(c, a), row_at(c, b)) > 0) return true;
    return false;
}

// Fills `front` in the order of latency (of the first axis that there is); native behind what it cannot be told from.
static int pareto(const candidates *c, json_t *front, json_t *over)
{
    const report_figure *f[AXES];
    const char *titles[AXES];
    int n = 0, found = 0, sort_by = 0;
    for (int k = 0; k < AXES; k++) {
        int have = 0;
        f[n] = report_figure_find(axis_names[k]);
        titles[n] = axis_titles[k];
        for (int i = 0; i < c->n; i++) have += isfinite(axis_value(c, row_at(c, i), f[n]));
        if (have > 0 && k == 1) sort_by = n;
        n += have > 0;
    }
    double *values = whet_calloc((size_t)c->n * AXES + 1, sizeof *values);
    int *on = whet_calloc((size_t)c->n + 1, sizeof *on);
    if (values == NULL || on == NULL || n == 0) goto done;
    for (int k = 0; k < n; k++) json_array_append_new(over, json_string(titles[k]));
    for (int i = 0; i < c->n; i++)
        for (int k = 0; k < n; k++) values[i * AXES + k] = axis_value(c, row_at(c, i), f[k]);
    for (int i = 0; i < c->n; i++) {
        bool free = true;
        for (int k = 0; k < n; k++) free = free && isfinite(values[i * AXES + k]); // a row without one of the figures is not judged
        for (int j = 0; j < c->n && free; j++) free = j == i || !dominates(c, j, i, values, f, n);
        if (free) on[found++] = i;
    }
    for (int i = 1; i < found; i++) { // insertion sort: the front is short
        const int x = on[i];
        int k = i;
        for (; k > 0; k--) {
            const int told = report_figure_compare(f[sort_by], c->doc, row_at(c, on[k - 1]), row_at(c, x));
            const bool tie_for_other = told == 0 && is_native(row_at(c, on[k - 1])) && !is_native(row_at(c, x));
            const bool less = values[x * AXES + sort_by] < values[on[k - 1] * AXES + sort_by];
            const bool native_behind = told == 0 && is_native(row_at(c, x)) && !is_native(row_at(c, on[k - 1]));
            if (!tie_for_other && (!less || native_behind)) break;
            on[k] = on[k - 1];
        }
        on[k] = x;
    }
    for (int i = 0; i < found; i++) json_array_append_new(front, json_integer((json_int_t)c->row[on[i]]));
done:
    whet_free(values);
    whet_free(on);
    return found;
}

// --- limits

static void count_limit(const candidates *c, const whet_goal_term *t, json_t *limits)
{
    int count[4] = {0, 0, 0, 0};
    size_t nearest = 0;
    double best = (double)NAN;
    char text[60] = "";
    for (int i = 0; i < c->n; i++) {
        const double v = axis_value(c, row_at(c, i), t->figure);
        count[report_goal_judge(t, c->doc, row_at(c, i))]++;
        if (isfinite(v) && !(best <= v)) {
            best = v;
            nearest = c->row[i];
        }
    }
    if (isfinite(best)) report_figure_text(t->figure, t->figure->more ? -best : best, text, sizeof text);
    json_array_append_new(limits, json_pack("{s:s, s:i, s:i, s:i, s:i, s:o, s:s}", "text", t->text, "met", count[0], "unsure", count[1], "missed", count[2],
                                            "unknown", count[3], "nearest", isfinite(best) ? json_integer((json_int_t)nearest) : json_null(), "nearest_text", text));
}

static bool judge_row(const candidates *c, const whet_goal *g, int i, json_t *list)
{
    json_t *states = json_array(), *values = json_array();
    bool all = true;
    char text[60];
    for (int k = 0; k < g->n; k++) {
        whet_interval v = {0, 0, 0};
        const bool has = report_figure_value(g->term[k].figure, c->doc, row_at(c, i), &v);
        json_array_append_new(values, json_string(has ? report_figure_text(g->term[k].figure, v.value, text, sizeof text) : "n/a"));
        if (g->term[k].kind != WHET_GOAL_LIMIT) continue;
        const whet_goal_state s = report_goal_judge(&g->term[k], c->doc, row_at(c, i));
        all = all && s == WHET_GOAL_MET;
        json_array_append_new(states, json_string(whet_goal_state_name(s)));
    }
    json_array_append_new(list, json_pack("{s:I, s:o, s:o, s:b}", "row", (json_int_t)c->row[i], "states", states, "values", values, "all", all));
    return all;
}

// --- choosing among the rows that keep every limit

// Narrows `in` to those that nothing is surely better than, by one objective after the other.
static int narrow(const candidates *c, const whet_goal *g, int *in, int n)
{
    for (int k = 0; k < g->n; k++) {
        const report_figure *f = g->term[k].figure;
        int best = -1, kept = 0;
        if (g->term[k].kind != WHET_GOAL_OBJECTIVE) continue;
        for (int i = 0; i < n; i++) {
            const double v = axis_value(c, row_at(c, in[i]), f);
            if (isfinite(v) && (best < 0 || v < axis_value(c, row_at(c, best), f))) best = in[i];
        }
        if (best < 0) continue;
        for (int i = 0; i < n; i++)
            if (isfinite(axis_value(c, row_at(c, in[i]), f)) && report_figure_compare(f, c->doc, row_at(c, best), row_at(c, in[i])) <= 0) in[kept++] = in[i];
        n = kept;
    }
    return n;
}

// Of rows that cannot be told apart the one with the least first objective, native only where there is no other.
static int pick(const candidates *c, const whet_goal *g, const int *in, int n)
{
    int best = -1;
    for (int i = 0; i < n; i++) {
        if (best < 0) {
            best = in[i];
            continue;
        }
        const bool native[2] = {is_native(row_at(c, best)), is_native(row_at(c, in[i]))};
        bool less = false;
        for (int k = 0; k < g->n && native[0] == native[1]; k++) {
            if (g->term[k].kind != WHET_GOAL_OBJECTIVE) continue;
            less = axis_value(c, row_at(c, in[i]), g->term[k].figure) < axis_value(c, row_at(c, best), g->term[k].figure);
            break;
        }
        if ((native[0] && !native[1]) || less) best = in[i];
    }
    return best;
}

// True if some row that keeps the limits has the figure of every objective.
static const whet_goal_term *unmeasured(const candidates *c, const whet_goal *g, const int *in, int n)
{
    for (int k = 0; k < g->n; k++) {
        bool some = false;
        if (g->term[k].kind != WHET_GOAL_OBJECTIVE) continue;
        for (int i = 0; i < n; i++) some = some || isfinite(axis_value(c, row_at(c, in[i]), g->term[k].figure));
        if (!some) return &g->term[k];
    }
    return NULL;
}

// --- sentences

static void name_rows(const candidates *c, const json_t *list, whet_strbuf *b)
{
    const size_t n = json_array_size(list), shown = n > TEXT_ROWS + 1 ? TEXT_ROWS : n;
    char name[300];
    for (size_t i = 0; i < shown; i++) {
        name_of(c, (size_t)json_integer_value(json_array_get(list, i)), name, sizeof name);
        whet_strbuf_printf(b, "%s%s", i == 0 ? "" : n == shown && i + 1 == shown ? " and " : "; ", name);
    }
    if (shown < n) whet_strbuf_printf(b, " and %zu more", n - shown);
}

// "p95 21.3 ms (limit 30 ms), energy 0.012 J"
static void row_values(const candidates *c, const whet_goal *g, size_t number, whet_strbuf *b)
{
    char text[60];
    bool any = false;
    for (int k = 0; k < g->n; k++) {
        whet_interval v = {0, 0, 0};
        bool said = !report_figure_value(g->term[k].figure, c->doc, json_array_get(c->rows, number), &v);
        for (int j = 0; j < k; j++) said = said || g->term[j].figure == g->term[k].figure; // a limit that is the objective, too
        if (said) continue;
        whet_strbuf_printf(b, "%s%s %s", any ? ", " : "", g->term[k].figure->names[0], report_figure_text(g->term[k].figure, v.value, text, sizeof text));
        any = true;
    }
}

static void say_met(const candidates *c, const whet_goal *g, const json_t *a, whet_strbuf *b)
{
    const size_t best = (size_t)json_integer_value(json_object_get(a, "best"));
    const json_t *second = json_object_get(a, "runner_up"), *tied = json_object_get(a, "tied");
    char name[300];
    report_row_name_marked(c->doc, json_array_get(c->rows, best), name, sizeof name);
    whet_strbuf_printf(b, "%s meets the goal: ", name);
    row_values(c, g, best, b);
    say_flag(c, best, b);
    if (json_array_size(tied) > 0) {
        whet_strbuf_puts(b, "; it cannot be told from ");
        name_rows(c, tied, b);
    }
    bool again = false; // the first of those that cannot be told from it: they have been named
    for (size_t i = 0; i < json_array_size(tied); i++) again = again || json_equal(json_array_get(tied, i), second);
    if (again) return;
    if (json_is_integer(second)) {
        report_row_name_marked(c->doc, json_array_get(c->rows, (size_t)json_integer_value(second)), name, sizeof name);
        whet_strbuf_printf(b, "; runner-up: %s with ", name);
        row_values(c, g, (size_t)json_integer_value(second), b);
        say_flag(c, (size_t)json_integer_value(second), b);
    } else {
        whet_strbuf_puts(b, "; no other row meets it");
    }
}

static void say_limit(const candidates *c, const whet_goal *g, const json_t *l, whet_strbuf *b)
{
    const json_t *nearest = json_object_get(l, "nearest");
    const int unsure = (int)json_integer_value(json_object_get(l, "unsure"));
    char name[300];
    (void)g;
    whet_strbuf_printf(b, "no row meets '%s'", report_str(l, "text"));
    if (!json_is_integer(nearest)) {
        const whet_goal_term *t = NULL;
        for (int k = 0; k < g->n; k++)
            if (strcmp(g->term[k].text, report_str(l, "text")) == 0) t = &g->term[k];
        const char *why = t != NULL ? report_figure_why(t->figure, json_array_get(c->rows, c->row[0])) : "";
        whet_strbuf_printf(b, ": it was not measured%s%s", why[0] != '\0' ? ", " : "", why);
        return;
    }
    name_of(c, (size_t)json_integer_value(nearest), name, sizeof name);
    whet_strbuf_printf(b, ": the nearest is %s with %s", name, report_str(l, "nearest_text"));
    if (unsure > 0) whet_strbuf_printf(b, " (%d row%s may, but the interval reaches beyond the limit)", unsure, unsure > 1 ? "s" : "");
}

// No row keeps all limits. Names those that nothing keeps; else the one limit that stands in the way of most.
static void say_missed(const candidates *c, const whet_goal *g, const json_t *a, whet_strbuf *b)
{
    const json_t *limits = json_object_get(a, "limits"), *l = NULL, *rows = json_object_get(a, "rows"), *r = NULL;
    size_t i = 0, k = 0;
    bool some = false;
    json_array_foreach(limits, i, l)
    {
        if (json_integer_value(json_object_get(l, "met")) > 0) continue;
        if (some) whet_strbuf_puts(b, "; ");
        some = true;
        say_limit(c, g, l, b);
    }
    if (some) return;
    whet_strbuf_puts(b, "each limit is met by some row, all together by none");
    for (i = 0; i < json_array_size(limits); i++) {
        int others = 0;
        size_t first = 0;
        json_array_foreach(rows, k, r)
        {
            const json_t *states = json_object_get(r, "states");
            bool rest = true;
            for (size_t s = 0; s < json_array_size(states); s++) rest = rest && (s == i || strcmp(json_string_value(json_array_get(states, s)), "met") == 0);
            if (rest && others++ == 0) first = (size_t)json_integer_value(json_object_get(r, "row"));
        }
        if (others == 0) continue;
        char name[300];
        name_of(c, first, name, sizeof name);
        whet_strbuf_printf(b, "; without '%s' %d would, such as %s", report_str(json_array_get(limits, i), "text"), others, name);
    }
}

static void say_pareto(const candidates *c, const json_t *a, whet_strbuf *b)
{
    const json_t *front = json_object_get(a, "pareto"), *over = json_object_get(a, "pareto_over");
    const size_t n = json_array_size(front);
    if (n == 0) {
        whet_strbuf_puts(b, "no row has figures to choose by");
        return;
    }
    whet_strbuf_puts(b, n == 1 ? "no goal is stated; no row is surely better in " : "no goal is stated, so none is recommended; no row is surely better in ");
    for (size_t i = 0; i < json_array_size(over); i++)
        whet_strbuf_printf(b, "%s%s", i == 0 ? "" : i + 1 == json_array_size(over) ? " and " : ", ", json_string_value(json_array_get(over, i)));
    whet_strbuf_printf(b, "%s than %s", json_array_size(over) > 1 ? " together" : "", n > 1 ? "these: " : "");
    name_rows(c, front, b);
}

// --- one machine

static void choose(const candidates *c, const whet_goal *g, json_t *a, int *in, int n, whet_strbuf *b)
{
    const whet_goal_term *gap = unmeasured(c, g, in, n);
    json_t *meeting = json_array(), *tied = json_object_get(a, "tied");
    int objectives = 0, *all = whet_calloc((size_t)n + 1, sizeof *all);
    for (int k = 0; k < g->n; k++) objectives += g->term[k].kind == WHET_GOAL_OBJECTIVE;
    for (int i = 0; i < n; i++) json_array_append_new(meeting, json_integer((json_int_t)c->row[in[i]]));
    if (all != NULL && n > 1 && (objectives == 0 || gap != NULL)) {
        whet_strbuf_printf(b, "%d rows keep every limit: ", n);
        name_rows(c, meeting, b);
        if (gap == NULL) {
            whet_strbuf_puts(b, "; the goal names nothing to minimise or maximise, so none is preferred");
        } else {
            const char *why = report_figure_why(gap->figure, row_at(c, in[0]));
            whet_strbuf_printf(b, "; they cannot be ranked by %s, which was not measured%s%s", gap->figure->names[0], why[0] != '\0' ? ": " : "", why);
        }
    } else if (all != NULL) {
        memcpy(all, in, sizeof *in * (size_t)n);
        int left = narrow(c, g, in, n), best = pick(c, g, in, left), second = -1, others = 0;
        json_object_set_new(a, "best", json_integer((json_int_t)c->row[best]));
        for (int i = 0; i < left; i++)
            if (in[i] != best) json_array_append_new(tied, json_integer((json_int_t)c->row[in[i]]));
        for (int i = 0; i < n; i++)
            if (all[i] != best) all[others++] = all[i];
        if (others > 0) second = pick(c, g, all, narrow(c, g, all, others));
        if (second >= 0) json_object_set_new(a, "runner_up", json_integer((json_int_t)c->row[second]));
        say_met(c, g, a, b);
    }
    json_decref(meeting);
    whet_free(all);
}

static json_t *answer_machine(const candidates *c, const whet_goal *g, const char *goal_text)
{
    json_t *a = json_pack("{s:s, s:o, s:i, s:[], s:[], s:[], s:[], s:n, s:[], s:n}", "machine", c->machine, "goal", goal_text != NULL ? json_string(goal_text) : json_null(),
                          "judged", c->n, "pareto", "pareto_over", "limits", "rows", "best", "tied", "runner_up");
    int *in = whet_calloc((size_t)c->n + 1, sizeof *in), n = 0;
    whet_strbuf b;
    whet_strbuf_init(&b);
    if (a == NULL || in == NULL) goto done;
    pareto(c, json_object_get(a, "pareto"), json_object_get(a, "pareto_over"));
    for (int k = 0; g != NULL && k < g->n; k++)
        if (g->term[k].kind == WHET_GOAL_LIMIT) count_limit(c, &g->term[k], json_object_get(a, "limits"));
    for (int i = 0; g != NULL && i < c->n; i++)
        if (judge_row(c, g, i, json_object_get(a, "rows"))) in[n++] = i;
    if (c->n == 0) {
        whet_strbuf_puts(&b, "no row can be chosen: none ran, passed parity and was measured");
    } else if (g == NULL) {
        say_pareto(c, a, &b);
    } else if (n == 0) {
        say_missed(c, g, a, &b);
    } else {
        choose(c, g, a, in, n, &b);
    }
done:
    whet_free(in);
    char *text = whet_strbuf_take(&b);
    if (a != NULL) json_object_set_new(a, "text", json_string(text != NULL ? text : ""));
    whet_free(text);
    return a;
}

bool report_goal_of(const json_t *doc, whet_goal *g)
{
    const char *text = report_str(doc, "goal");
    if (text[0] == '\0') return false;
    if (whet_goal_parse(g, text) == WHET_OK) return true;
    whet_error_clear(); // a document from elsewhere: shown without a goal
    return false;
}

static json_t *answers_of(const json_t *doc, const whet_goal *goal)
{
    const json_t *rows = json_object_get(doc, "rows"), *row = NULL;
    json_t *answers = json_array(), *machines = json_array();
    whet_goal own;
    char name[300], *text = NULL;
    size_t i = 0, m = 0;
    candidates c = {.doc = doc, .rows = rows, .row = whet_calloc(json_array_size(rows) + 1, sizeof *c.row)};
    if (goal == NULL && report_goal_of(doc, &own)) goal = &own;
    whet_strbuf b;
    whet_strbuf_init(&b);
    for (int k = 0; goal != NULL && k < goal->n; k++) whet_strbuf_printf(&b, "%s%s", k > 0 ? ", " : "", goal->term[k].text);
    text = whet_strbuf_take(&b);
    json_array_foreach(rows, i, row)
    {
        bool known = false;
        report_row_machine(doc, row, name, sizeof name);
        for (m = 0; m < json_array_size(machines); m++) known = known || strcmp(json_string_value(json_array_get(machines, m)), name) == 0;
        if (!known) json_array_append_new(machines, json_string(name));
    }
    for (m = 0; m < json_array_size(machines) && c.row != NULL; m++) {
        c.machine = json_string_value(json_array_get(machines, m));
        c.n = 0;
        json_array_foreach(rows, i, row)
        {
            report_row_machine(doc, row, name, sizeof name);
            if (strcmp(name, c.machine) == 0 && eligible(row)) c.row[c.n++] = i;
        }
        json_array_append_new(answers, answer_machine(&c, goal, goal != NULL ? text : NULL));
    }
    whet_free(text);
    whet_free(c.row);
    json_decref(machines);
    return answers;
}

json_t *whet_report_answer(const json_t *doc, const whet_goal *goal)
{
    json_t *p = report_prepared(doc), *answers = answers_of(p, goal);
    json_decref(p);
    return answers;
}
