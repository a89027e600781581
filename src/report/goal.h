/* SPDX-License-Identifier: Apache-2.0 */
/* A stated goal, "accuracy drop <= 1pt, p95 <= 30 ms, size <= 10 MB, minimise energy": limits that a row must keep, and what to
 * make least or most of among the rows that do. Shared by reports (--goal) and studies (goal:).
 *
 *     goal  = term { ("," | ";") term }
 *     term  = figure ("<=" | ">=" | "<" | ">") number [unit]  |  ("minimise" | "maximise") figure
 *
 * A limit is met when the unfavourable end of the figure's interval meets it (R28); where only the middle does, it is
 * unsure, and an unsure limit does not count as met. */
#ifndef WHET_REPORT_GOAL_H
#define WHET_REPORT_GOAL_H

#include <jansson.h>
#include <stdbool.h>

#include "base/status.h"
#include "stats/stats.h"

/* A figure of a row that a goal may name. */
typedef struct report_figure {
    const char *names[4];        /* as written; the first is the title */
    const char *path, *low, *high; /* in a row; low and high NULL: exact, or "" for none stored */
    const char *units;           /* "time", "bytes", "points", "share", "percent", "joule", "rate", "count" */
    bool more;                   /* more is better */
    const char *na;              /* where the reason stands if the figure is missing; NULL: <path>_na */
} report_figure;

typedef enum whet_goal_kind { WHET_GOAL_LIMIT, WHET_GOAL_OBJECTIVE } whet_goal_kind;
typedef struct whet_goal_term {
    whet_goal_kind kind;
    const report_figure *figure;
    bool strict;      /* < or > */
    double bound;     /* in the figure's stored unit */
    char text[96];    /* "p95 <= 30 ms" */
} whet_goal_term;

enum { WHET_GOAL_MAX = 16 };
typedef struct whet_goal {
    int n;
    whet_goal_term term[WHET_GOAL_MAX];
} whet_goal;

/* EINVAL says which term is wrong and what was meant. */
whet_status whet_goal_parse(whet_goal *g, const char *text);
/* The words that a goal may use, for documents: "accuracy drop, accuracy, p50, ...". */
void whet_goal_words(char *buf, size_t size);

/* --- figures */
const report_figure *report_figure_find(const char *name); /* "p95"; NULL if there is none */
/* value with low = high = value where there is no interval; false if the row has no such figure. */
bool report_figure_value(const report_figure *f, const json_t *doc, const json_t *row, whet_interval *v);
const char *report_figure_why(const report_figure *f, const json_t *row); /* of a missing figure; "" if unknown */
/* "21.3 ms", "3.4 MB", "0.40 pt" */
const char *report_figure_text(const report_figure *f, double x, char *buf, size_t size);

typedef enum whet_goal_state { WHET_GOAL_MET, WHET_GOAL_UNSURE, WHET_GOAL_MISSED, WHET_GOAL_UNKNOWN } whet_goal_state;
const char *whet_goal_state_name(whet_goal_state s); /* "met", "unsure", "missed", "unknown" */
whet_goal_state report_goal_judge(const whet_goal_term *t, const json_t *doc, const json_t *row);

/* 1: a is surely better than b by the figure, -1: surely worse, 0: they cannot be told apart. Latencies that were measured in
 * turns are judged by their comparison, others by their intervals, exact figures by their values. */
int report_figure_compare(const report_figure *f, const json_t *doc, const json_t *a, const json_t *b);

/* --- the answer. Array with one object a machine of the document:
 * {"machine", "goal" or null, "judged": rows that can be chosen, "pareto": [row numbers], "pareto_over": ["accuracy", ...],
 *  "limits": [{"text", "met", "unsure", "missed", "unknown", "nearest": row or null, "nearest_text"}],
 *  "rows": [{"row", "states": [a state a limit], "values": [text a term], "all": bool}],
 *  "best": row or null, "tied": [rows], "runner_up": row or null, "text": the sentence}
 * Row numbers count from 0 in the document's "rows". `goal` NULL: the document's own, else none. NULL without memory. */
json_t *whet_report_answer(const json_t *doc, const whet_goal *goal);
/* The document's own goal (its text under "goal"); false if it has none or it cannot be read. */
bool report_goal_of(const json_t *doc, whet_goal *g);

#endif
