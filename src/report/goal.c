// SPDX-License-Identifier: Apache-2.0
// Reading a goal: its terms, figures, comparisons and units. Everything is looked up in tables; what is not there is an
// error that names the nearest word. Bounds are kept in the unit that result documents store.
#include "report/goal.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "base/printable.h"
#include "base/spelling.h"

static const report_figure figures[] = {
    {{"accuracy drop", "drop"}, "accuracy.delta", "accuracy.delta_low", "accuracy.delta_high", "points", false, "accuracy_na"},
    {{"relative accuracy drop"}, "accuracy.delta", "accuracy.delta_low", "accuracy.delta_high", "percent", false, "accuracy_na"},
    {{"accuracy", "top-1", "quality"}, "accuracy.value", "accuracy.low", "accuracy.high", "share", true, "accuracy_na"},
    {{"p50", "latency", "median", "median latency"}, "latency.p50", "latency.p50_low", "latency.p50_high", "time", false, NULL},
    {{"p90"}, "latency.p90", "latency.p90_low", "latency.p90_high", "time", false, NULL},
    {{"p95"}, "latency.p95", "latency.p95_low", "latency.p95_high", "time", false, NULL},
    {{"p99"}, "latency.p99", "latency.p99_low", "latency.p99_high", "time", false, NULL},
    {{"p99.9"}, "latency.p99_9", "latency.p99_9_low", "latency.p99_9_high", "time", false, NULL},
    {{"mean"}, "latency.mean", "", "", "time", false, NULL},
    {{"max", "worst"}, "latency.max", "", "", "time", false, NULL},
    {{"e2e", "e2e p50", "end to end"}, "e2e.p50", "e2e.p50_low", "e2e.p50_high", "time", false, "e2e_na"},
    {{"load"}, "load_ms", "", "", "time", false, NULL},
    {{"first"}, "first_ms", "", "", "time", false, NULL},
    {{"throughput", "rate", "img/s", "fps"}, "img_per_s", "", "", "rate", true, NULL},
    {{"energy", "j/img"}, "j_per_img", "", "", "joule", false, NULL},
    {{"size"}, "size_bytes", NULL, NULL, "bytes", false, NULL},
    {{"gzip size", "gzip"}, "gzip_bytes", NULL, NULL, "bytes", false, NULL},
    {{"memory", "model memory", "delta"}, "memory.delta_bytes", "", "", "bytes", false, "memory_na"}, // R19: less the empty worker
    {{"peak memory", "peak"}, "memory.peak_bytes", "", "", "bytes", false, "memory_na"},
    {{"parameters", "params"}, "params", NULL, NULL, "count", false, NULL},
    {{"macs"}, "macs", NULL, NULL, "count", false, NULL},
};

// What a number may carry behind it, and the factor to the stored unit; the first of a kind is written out. "" stands last.
static const struct { const char *units, *word; double factor; } unit_table[] = {
    {"time", "ms", 1}, {"time", "s", 1000}, {"time", "us", 1e-3}, {"time", "µs", 1e-3}, {"time", "ns", 1e-6},
    {"bytes", "MB", 1e6}, {"bytes", "kB", 1e3}, {"bytes", "GB", 1e9}, {"bytes", "B", 1}, {"bytes", "KiB", 1024}, {"bytes", "MiB", 1048576},
    {"bytes", "GiB", 1073741824}, {"bytes", "bytes", 1},
    {"points", "pt", 0.01}, {"points", "pts", 0.01}, {"points", "points", 0.01}, {"points", "pp", 0.01},
    {"percent", "%", 0.01}, {"share", "%", 0.01}, {"share", "", 1},
    {"joule", "J", 1}, {"joule", "mJ", 1e-3}, {"joule", "J/img", 1}, {"joule", "mJ/img", 1e-3},
    {"rate", "/s", 1}, {"rate", "img/s", 1}, {"rate", "fps", 1}, {"rate", "", 1},
    {"count", "", 1}, {"count", "k", 1e3}, {"count", "M", 1e6}, {"count", "G", 1e9},
};

const report_figure *report_figure_find(const char *name)
{
    for (size_t i = 0; i < WHET_COUNT(figures); i++)
        for (size_t k = 0; k < WHET_COUNT(figures[i].names) && figures[i].names[k] != NULL; k++)
            if (strcasecmp(figures[i].names[k], name) == 0) return &figures[i];
    return NULL;
}

void whet_goal_words(char *buf, size_t size)
{
    size_t n = 0;
    buf[0] = '\0';
    for (size_t i = 0; i < WHET_COUNT(figures) && n < size; i++)
        if (strcmp(figures[i].units, "percent") != 0) n += (size_t)snprintf(buf + n, size - n, "%s%s", n > 0 ? ", " : "", figures[i].names[0]);
}

// Blanks at both ends go, runs of them become one.
static void tidy(char *s)
{
    size_t n = 0;
    for (const char *p = s; *p != '\0'; p++) {
        const bool blank = isspace((unsigned char)*p);
        if (!blank) s[n++] = *p;
        if (blank && n > 0 && s[n - 1] != ' ') s[n++] = ' ';
    }
    while (n > 0 && s[n - 1] == ' ') n--;
    s[n] = '\0';
}

static whet_status unknown_figure(const char *name)
{
    char words[400], shown[80];
    whet_spelling s = {.word = name};
    for (size_t i = 0; i < WHET_COUNT(figures); i++)
        for (size_t k = 0; k < WHET_COUNT(figures[i].names) && figures[i].names[k] != NULL; k++) whet_spelling_offer(&s, figures[i].names[k]);
    whet_printable(shown, sizeof shown, name, 0);
    if (s.nearest != NULL) return WHET_FAIL(WHET_EINVAL, "goal: unknown figure '%s', did you mean '%s'?", shown, s.nearest);
    whet_goal_words(words, sizeof words);
    return WHET_FAIL(WHET_EINVAL, "goal: unknown figure '%s', there are: %s", shown, words);
}

static whet_status find_unit(const whet_goal_term *t, const char *word, double *factor)
{
    char known[120] = "";
    size_t n = 0;
    for (size_t i = 0; i < WHET_COUNT(unit_table); i++) {
        if (strcmp(unit_table[i].units, t->figure->units) != 0) continue;
        const bool bytes = strcmp(t->figure->units, "bytes") == 0; // where no two units differ by case alone
        if ((bytes ? strcasecmp : strcmp)(unit_table[i].word, word) == 0) {
            *factor = unit_table[i].factor;
            return WHET_OK;
        }
        if (n < sizeof known && unit_table[i].word[0] != '\0') n += (size_t)snprintf(known + n, sizeof known - n, "%s%s", n > 0 ? ", " : "", unit_table[i].word);
    }
    char shown[40];
    whet_printable(shown, sizeof shown, word, 0);
    if (word[0] == '\0') return WHET_FAIL(WHET_EINVAL, "goal: the bound of '%s' needs a unit: %s", t->figure->names[0], known);
    return WHET_FAIL(WHET_EINVAL, "goal: '%s' is no unit of '%s', use %s", shown, t->figure->names[0], known[0] != '\0' ? known : "the bare number");
}

static whet_status limit(whet_goal_term *t, char *left, const char *op, char *right)
{
    const bool at_most = op[0] == '<';
    char *end = NULL;
    double factor = 1;
    t->kind = WHET_GOAL_LIMIT;
    t->strict = op[1] != '=';
    t->figure = report_figure_find(left);
    if (t->figure == NULL) return unknown_figure(left);
    const double x = strtod(right, &end);
    if (end == right || !isfinite(x)) {
        char shown[80];
        whet_printable(shown, sizeof shown, right, 0);
        return WHET_FAIL(WHET_EINVAL, "goal: '%s' is no number in the limit of '%s'", shown, t->figure->names[0]);
    }
    while (*end == ' ') end++;
    // a drop in per cent is a share of the original's accuracy, in points a plain difference
    if (strcmp(t->figure->names[0], "accuracy drop") == 0 && strcmp(end, "%") == 0) t->figure = report_figure_find("relative accuracy drop");
    WHET_TRY(find_unit(t, end, &factor));
    if (at_most == t->figure->more)
        return WHET_FAIL(WHET_EINVAL, "goal: %s of '%s' is better, write '%s %s %s'", at_most ? "more" : "less", t->figure->names[0], t->figure->names[0],
                         at_most ? ">=" : "<=", right);
    t->bound = x * factor;
    if (strcmp(t->figure->units, "share") == 0 && t->bound > 1)
        return WHET_FAIL(WHET_EINVAL, "goal: '%s' is a share of 1, write '%s >= %.4g %%'", t->figure->names[0], t->figure->names[0], x);
    return WHET_OK;
}

static whet_status objective(whet_goal_term *t, bool most, const char *name)
{
    t->kind = WHET_GOAL_OBJECTIVE;
    t->figure = report_figure_find(name);
    if (t->figure == NULL) return unknown_figure(name);
    if (most != t->figure->more)
        return WHET_FAIL(WHET_EINVAL, "goal: %s of '%s' is better, write '%s %s'", most ? "less" : "more", t->figure->names[0], most ? "minimise" : "maximise",
                         t->figure->names[0]);
    return WHET_OK;
}

static whet_status term(whet_goal_term *t, char *text)
{
    static const struct { const char *word; bool most; } verbs[] = {
        {"minimise ", false}, {"minimize ", false}, {"min ", false}, {"maximise ", true}, {"maximize ", true}};
    tidy(text);
    snprintf(t->text, sizeof t->text, "%s", text);
    if (strlen(text) >= sizeof t->text) return WHET_FAIL(WHET_EINVAL, "goal: the term '%.60s...' is too long", t->text);
    for (size_t i = 0; i < WHET_COUNT(verbs); i++)
        if (strncasecmp(text, verbs[i].word, strlen(verbs[i].word)) == 0) return objective(t, verbs[i].most, text + strlen(verbs[i].word));
    char *op = text + strcspn(text, "<>=");
    if (*op == '\0') {
        char shown[100];
        whet_printable(shown, sizeof shown, text, 0);
        return WHET_FAIL(WHET_EINVAL, "goal: '%s' is neither a limit such as 'p95 <= 30 ms' nor 'minimise FIGURE'", shown);
    }
    char sign[3] = {op[0], op[1] == '=' ? '=' : '\0', '\0'};
    if (sign[0] == '=') return WHET_FAIL(WHET_EINVAL, "goal: '=' is no limit, use <= or >=");
    char *right = op + strlen(sign);
    *op = '\0';
    tidy(text);
    tidy(right);
    return limit(t, text, sign, right);
}

// "≤" and "≥" as people write them.
static void plain_signs(char *s)
{
    for (char *p = s; (p = strstr(p, "≤")) != NULL; p += 2) {
        memcpy(p, "<=", 2);
        memmove(p + 2, p + 3, strlen(p + 3) + 1);
    }
    for (char *p = s; (p = strstr(p, "≥")) != NULL; p += 2) {
        memcpy(p, ">=", 2);
        memmove(p + 2, p + 3, strlen(p + 3) + 1);
    }
}

whet_status whet_goal_parse(whet_goal *g, const char *text)
{
    memset(g, 0, sizeof *g);
    if (strlen(text) > 2000) return WHET_FAIL(WHET_EINVAL, "goal: the text is longer than 2000 characters");
    char *copy = whet_strdup(text);
    if (copy == NULL) return WHET_ENOMEM;
    whet_status status = WHET_OK;
    plain_signs(copy);
    for (char *next = copy, *one = strsep(&next, ",;\n"); one != NULL && status == WHET_OK; one = strsep(&next, ",;\n")) {
        if (one[strspn(one, " \t\r")] == '\0') continue;
        if (g->n == WHET_GOAL_MAX) {
            status = WHET_FAIL(WHET_EINVAL, "goal: more than %d terms", WHET_GOAL_MAX);
        } else {
            status = term(&g->term[g->n], one);
            g->n += status == WHET_OK;
        }
    }
    if (status == WHET_OK && g->n == 0) status = WHET_FAIL(WHET_EINVAL, "goal: it names nothing, write for instance 'p95 <= 30 ms, minimise size'");
    whet_free(copy);
    return status;
}
