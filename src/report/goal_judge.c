// SPDX-License-Identifier: Apache-2.0
// What a row's figures say about a goal, and which of two rows is surely better. "Surely" means: the verdict of their
// interleaved comparison, else intervals that do not overlap, else (figures without an interval that a clock made) more than
// 2 % apart; exact figures such as sizes are compared as they are.
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "report/goal.h"
#include "report/report_columns.h"

static bool is_drop(const report_figure *f)
{
    return strcmp(f->path, "accuracy.delta") == 0;
}

static bool is_f32(const json_t *row)
{
    const char *p = report_str(row, "precision"), *stored = report_str(row, "precision_in_file"); // a file of f16 computes in f32 too
    if (strcmp(stored, "fp16") == 0 || strcmp(stored, "bf16") == 0 || strcmp(stored, "int8") == 0) return false;
    return strcmp(p, "f32") == 0 || strcmp(p, "f32-winograd") == 0;
}

// The accuracy that a drop is taken from: the best f32 row of the same model of the study. NaN if there is none.
static double original_accuracy(const json_t *doc, const json_t *row)
{
    const json_t *rows = json_object_get(doc, "rows"), *r = NULL, *model = report_get(row, "axes.model");
    double best = (double)NAN;
    size_t i = 0;
    json_array_foreach(rows, i, r)
    {
        const json_t *other = report_get(r, "axes.model");
        const bool same = model != NULL || other != NULL ? json_equal(model, other) : true;
        if (!same || !is_f32(r) || strcmp(report_str(r, "run"), report_str(row, "run")) != 0) continue;
        if (strcmp(report_str(r, "accuracy.data"), report_str(row, "accuracy.data")) != 0) continue;
        const double v = report_num(r, "accuracy.value");
        if (isfinite(v) && !(best >= v)) best = v;
    }
    return best;
}

static bool drop_value(const report_figure *f, const json_t *doc, const json_t *row, whet_interval *v)
{
    const double now = report_num(row, "accuracy.value");
    double delta = report_num(row, f->path), low = report_num(row, f->low), high = report_num(row, f->high);
    if (!isfinite(now)) return false;
    if (!isfinite(delta) && is_f32(row)) delta = 0; // it is the original
    if (!isfinite(delta)) delta = now - original_accuracy(doc, row);
    if (!isfinite(delta)) return false;
    if (!isfinite(low) || !isfinite(high)) low = high = delta;
    const double scale = strcmp(f->units, "percent") == 0 ? 1 / (now - delta) : 1; // of the original
    if (!isfinite(scale)) return false;
    *v = (whet_interval){-delta * scale, -high * scale, -low * scale};
    return true;
}

bool report_figure_value(const report_figure *f, const json_t *doc, const json_t *row, whet_interval *v)
{
    if (is_drop(f)) return drop_value(f, doc, row, v);
    const double x = report_num(row, f->path);
    double low = f->low != NULL && f->low[0] != '\0' ? report_num(row, f->low) : x;
    double high = f->high != NULL && f->high[0] != '\0' ? report_num(row, f->high) : x;
    if (!isfinite(x)) return false;
    if (!isfinite(low) || low > x) low = x;
    if (!isfinite(high) || high < x) high = x;
    *v = (whet_interval){x, low, high};
    return true;
}

const char *report_figure_why(const report_figure *f, const json_t *row)
{
    char path[80];
    if (f->na != NULL && report_str(row, f->na)[0] != '\0') return report_str(row, f->na);
    snprintf(path, sizeof path, "%s_na", f->path);
    const char *why = report_str(row, path);
    return strncmp(why, "n/a: ", 5) == 0 ? why + 5 : why;
}

const char *report_figure_text(const report_figure *f, double x, char *buf, size_t size)
{
    char digits[40];
    if (strcmp(f->units, "time") == 0) {
        snprintf(buf, size, "%s ms", report_digits(digits, sizeof digits, x));
    } else if (strcmp(f->units, "bytes") == 0) {
        report_bytes(buf, size, x);
    } else if (strcmp(f->units, "points") == 0) {
        snprintf(buf, size, "%.2f pt", x * 100 + 0.0); // + 0.0: no "-0.00"
    } else if (strcmp(f->units, "percent") == 0 || strcmp(f->units, "share") == 0) {
        snprintf(buf, size, "%.2f %%", x * 100 + 0.0);
    } else if (strcmp(f->units, "joule") == 0) {
        snprintf(buf, size, "%s J", report_digits(digits, sizeof digits, x));
    } else if (strcmp(f->units, "rate") == 0) {
        snprintf(buf, size, "%s /s", report_digits(digits, sizeof digits, x));
    } else {
        report_count(buf, size, x);
    }
    return buf;
}

const char *whet_goal_state_name(whet_goal_state s)
{
    static const char *const names[] = {"met", "unsure", "missed", "unknown"};
    return names[s];
}

static bool inside(const whet_goal_term *t, double x)
{
    if (t->figure->more) return t->strict ? x > t->bound : x >= t->bound;
    return t->strict ? x < t->bound : x <= t->bound;
}

whet_goal_state report_goal_judge(const whet_goal_term *t, const json_t *doc, const json_t *row)
{
    whet_interval v = {0, 0, 0};
    if (!report_figure_value(t->figure, doc, row, &v)) return WHET_GOAL_UNKNOWN;
    if (inside(t, t->figure->more ? v.low : v.high)) return WHET_GOAL_MET;
    return inside(t, v.value) ? WHET_GOAL_UNSURE : WHET_GOAL_MISSED;
}

// The comparison's verdict on two rows' latencies: 1, -1, 0, or 2 if they were not compared.
static int compared(const json_t *doc, const json_t *a, const json_t *b)
{
    const char *ids[2] = {report_str(a, "id"), report_str(b, "id")};
    if (ids[0][0] == '\0' || ids[1][0] == '\0') return 2;
    for (int turn = 0; turn < 2; turn++) {
        const char *verdict = report_compared(doc, ids[turn], ids[1 - turn]);
        const int sign = turn == 0 ? 1 : -1;
        if (verdict[0] != '\0') return strcmp(verdict, "better") == 0 ? sign : strcmp(verdict, "worse") == 0 ? -sign : 0;
    }
    return 2;
}

int report_figure_compare(const report_figure *f, const json_t *doc, const json_t *a, const json_t *b)
{
    whet_interval x = {0, 0, 0}, y = {0, 0, 0};
    if (strcmp(f->path, "latency.p50") == 0) {
        const int told = compared(doc, a, b);
        if (told != 2) return told;
    }
    if (!report_figure_value(f, doc, a, &x) || !report_figure_value(f, doc, b, &y)) return 0;
    const bool measured = f->low != NULL, has_interval = x.high > x.low || y.high > y.low;
    if (measured && !has_interval && !is_drop(f)) { // a clock's or a meter's figure whose spread is not known
        if (fabs(x.value - y.value) <= 0.02 * fmin(fabs(x.value), fabs(y.value))) return 0;
    }
    if (x.high < y.low) return f->more ? -1 : 1;
    if (y.high < x.low) return f->more ? 1 : -1;
    return 0;
}
