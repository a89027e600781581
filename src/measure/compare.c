/* SPDX-License-Identifier: Apache-2.0 */
/* Which row of the new result belongs to which of the base, what became better or worse, and what fails a gate. */
#include "measure/compare.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "store/stored_median.h"
#include "wire/json.h"

enum { MAX_KEYS = 16, MAX_PAIRS = 4096 };
static const char default_by[] = "model,runtime,precision,batch,threads";
static const char *const known_keys[] = {"model",  "runtime", "precision",     "batch",    "threads", "runtime_version",
                                         "format", "tuned",   "best_settings", "scenario", "streams", "mode", "sha256"};

typedef struct key_list { int n; char text[256]; const char *item[MAX_KEYS]; } key_list;

typedef struct comparison {
    const whet_compare_spec *spec;
    key_list by;
    json_t *base, *now;   /* rows, owned */
    whet_pair *pairs;
    int n_pairs;
    bool *base_taken, *now_taken;
    json_t *rows, *failures, *open;
    int counts[WHET_FIGURES][4];
    bool seen[WHET_FIGURES];
} comparison;

void whet_compare_spec_init(whet_compare_spec *s)
{
    memset(s, 0, sizeof *s);
    whet_gates_init(&s->gates);
}

/* --- what rows must have in common */
static bool is_known(const char *key)
{
    for (size_t i = 0; i < WHET_COUNT(known_keys); i++)
        if (strcmp(key, known_keys[i]) == 0) return true;
    return strncmp(key, "settings.", 9) == 0 || strncmp(key, "axes.", 5) == 0;
}

static whet_status parse_keys(key_list *k, const char *text)
{
    char *save = NULL;
    if (strlen(text) >= sizeof k->text) return WHET_FAIL(WHET_EINVAL, "the list of keys is too long");
    snprintf(k->text, sizeof k->text, "%s", text);
    for (char *p = strtok_r(k->text, ",", &save); p != NULL; p = strtok_r(NULL, ",", &save)) {
        if (!is_known(p)) return WHET_FAIL(WHET_EINVAL, "rows have no key '%s'; they are model, runtime, precision, batch, threads, ... , settings.NAME, axes.NAME", p);
        for (int i = 0; i < k->n; i++)
            if (strcmp(k->item[i], p) == 0) return WHET_FAIL(WHET_EINVAL, "the key '%s' stands twice in the list, name it once", p);
        if (k->n == MAX_KEYS) return WHET_FAIL(WHET_EINVAL, "at most %d keys are possible", MAX_KEYS);
        k->item[k->n++] = p;
    }
    return k->n > 0 ? WHET_OK : WHET_FAIL(WHET_EINVAL, "name the keys that rows must have in common, such as model,runtime");
}

/* "settings.optimisation" is a member of a member; axes have dots of their own in their names. */
static const json_t *value_at(const json_t *row, const char *key)
{
    const char *dot = strchr(key, '.');
    char first[16];
    if (dot == NULL || (size_t)(dot - key) >= sizeof first) return json_object_get(row, key);
    snprintf(first, sizeof first, "%.*s", (int)(dot - key), key);
    return json_object_get(json_object_get(row, first), dot + 1);
}

static bool equal_values(const json_t *a, const json_t *b)
{
    const bool no_a = a == NULL || json_is_null(a), no_b = b == NULL || json_is_null(b);
    return no_a || no_b ? no_a == no_b : json_equal(a, b);
}

static bool same_by(const key_list *by, const json_t *a, const json_t *b)
{
    for (int i = 0; i < by->n; i++)
        if (!equal_values(value_at(a, by->item[i]), value_at(b, by->item[i]))) return false;
    return true;
}

static bool same_member(const json_t *a, const json_t *b, const char *key)
{
    const json_t *x = json_object_get(a, key), *y = json_object_get(b, key), *v = NULL;
    const char *k = NULL;
    if (x == NULL || y == NULL) return true; /* one side's version did not write it */
    if (!json_is_object(x) || !json_is_object(y)) return json_equal(x, y);
    json_object_foreach((json_t *)x, k, v)
    {
        const json_t *w = json_object_get(y, k);
        if (w != NULL && !json_equal(v, w)) return false;
    }
    return true;
}

/* The same sort of row. */
static bool same_sort(const json_t *a, const json_t *b)
{
    return same_member(a, b, "best_settings") && same_member(a, b, "scenario");
}

/* All else that was asked for. What a search for the best settings found is not asked for. */
static bool same_settings(const json_t *a, const json_t *b)
{
    const bool searched = json_is_true(json_object_get(a, "best_settings")) && json_is_true(json_object_get(b, "best_settings"));
    return same_sort(a, b) && same_member(a, b, "axes") && same_member(a, b, "tuned") && (searched || same_member(a, b, "settings"));
}

static int partners(const comparison *c, const key_list *by, size_t row, bool of_now, size_t *last)
{
    const json_t *mine = json_array_get(of_now ? c->now : c->base, row), *others = of_now ? c->base : c->now;
    int n = 0;
    for (size_t i = 0; i < json_array_size(others); i++) {
        const json_t *other = json_array_get(others, i);
        if ((of_now ? c->base_taken : c->now_taken)[i] || !same_by(by, mine, other) || !same_sort(mine, other)) continue;
        *last = i;
        n++;
    }
    return n;
}

static void take(comparison *c, size_t base, size_t now)
{
    c->pairs[c->n_pairs++] = (whet_pair){.base = json_array_get(c->base, base), .now = json_array_get(c->now, now)};
    c->base_taken[base] = c->now_taken[now] = true;
}

/* Rows that have no rival on either side. */
static void match_lone(comparison *c, const key_list *by)
{
    for (size_t i = 0; i < json_array_size(c->now) && c->n_pairs < MAX_PAIRS; i++) {
        size_t other = 0, back = 0;
        if (!c->now_taken[i] && partners(c, by, i, true, &other) == 1 && partners(c, by, other, false, &back) == 1) take(c, other, i);
    }
}

/* First what is alike in everything, then what has no rival; last what ran in another arithmetic now (a version that has better
 * kernels, or one that says more precisely what ran), which the row then notes. */
static void match(comparison *c)
{
    static const key_list but_precision = {.n = 4, .item = {"model", "runtime", "batch", "threads"}};
    const size_t n_now = json_array_size(c->now), n_base = json_array_size(c->base);
    for (size_t i = 0; i < n_now && c->n_pairs < MAX_PAIRS; i++)
        for (size_t k = 0; k < n_base && !c->now_taken[i]; k++) {
            const json_t *now = json_array_get(c->now, i), *base = json_array_get(c->base, k);
            if (!c->base_taken[k] && same_by(&c->by, now, base) && same_settings(now, base)) take(c, k, i);
        }
    match_lone(c, &c->by);
    if (c->spec->by == NULL) match_lone(c, &but_precision);
}

/* --- words */
static bool is_ok(const json_t *row)
{
    return strcmp(whet_json_str(row, "status"), "ok") == 0;
}

/* On one side; what became another between the sides is a note of the row. */
static bool varies_in(const json_t *rows, const char *key)
{
    for (size_t i = 1; i < json_array_size(rows); i++)
        if (!equal_values(value_at(json_array_get(rows, 0), key), value_at(json_array_get(rows, i), key))) return true;
    return false;
}

static bool varies(const comparison *c, const char *key)
{
    return varies_in(c->now, key) || varies_in(c->base, key);
}

/* "a.onnx on native, batch 8": what tells the row from the others. */
static char *label(const comparison *c, const json_t *row)
{
    const double batch = whet_json_real(row, "batch"), threads = whet_json_real(row, "threads");
    const char *level = whet_json_str(json_object_get(row, "settings"), "optimisation"), *precision = whet_json_str(row, "precision");
    char more[200] = "";
    size_t n = 0;
    if (batch > 1 || varies(c, "batch")) n += (size_t)snprintf(more + n, sizeof more - n, ", batch %.0f", batch);
    if (n < sizeof more && varies(c, "threads")) n += (size_t)snprintf(more + n, sizeof more - n, ", %.0f thread%s", threads, threads == 1 ? "" : "s");
    if (n < sizeof more && varies(c, "precision") && strlen(precision) < 32) n += (size_t)snprintf(more + n, sizeof more - n, ", %s", precision);
    const bool best = json_is_true(json_object_get(row, "best_settings"));
    if (n < sizeof more && best) n += (size_t)snprintf(more + n, sizeof more - n, ", best settings");
    if (n < sizeof more && !best && varies(c, "settings.optimisation") && strlen(level) < 32) snprintf(more + n, sizeof more - n, ", optimisation %s", level);
    return whet_format("%s on %s%s", whet_json_str(row, "model"), whet_json_str(row, "runtime"), more);
}

static void add_notes(const whet_pair *p, json_t *notes)
{
    static const struct { const char *key, *text; } facts[] = {{"runtime_version", "the runtime is another version"}, {"threads", "another number of threads"},
                                                              {"batch", "another batch"}, {"precision", "it ran in another arithmetic"}, {"tuned", "one is tuned"}};
    for (size_t i = 0; i < WHET_COUNT(facts); i++) {
        const json_t *a = json_object_get(p->base, facts[i].key), *b = json_object_get(p->now, facts[i].key);
        if (a == NULL || b == NULL || json_equal(a, b)) continue;
        char *x = whet_json_text(a, 0), *y = whet_json_text(b, 0);
        if (x != NULL && y != NULL) whet_json_add_text(notes, "%s: %s, now %s", facts[i].text, x, y);
        whet_free(x);
        whet_free(y);
    }
    if (p->why != NULL && strcmp(p->why, whet_other_rate) == 0)
        whet_json_add_text(notes, "%s: %g a second, now %g, so their speeds are not compared", p->why, whet_json_real(json_object_get(p->base, "load"), "rate"),
                           whet_json_real(json_object_get(p->now, "load"), "rate"));
    const char *a = whet_json_str(p->base, "sha256"), *b = whet_json_str(p->now, "sha256");
    if (a[0] != '\0' && b[0] != '\0' && strcmp(a, b) != 0) whet_json_add_text(notes, "the model file is another one (SHA-256 %.12s, now %.12s)", a, b);
    const char *was = whet_json_str(p->base, "verdict"), *is = whet_json_str(p->now, "verdict");
    if (strcmp(was, "UNSTABLE") == 0 || strcmp(was, "INVALID") == 0) whet_json_add_text(notes, "the base's figure is %s", was);
    if (strcmp(is, "UNSTABLE") == 0 || strcmp(is, "INVALID") == 0) whet_json_add_text(notes, "the new figure is %s", is);
}

static whet_status add_disagreement(const json_t *row, const char *side, json_t *notes)
{
    char text[200];
    whet_stored_median m;
    WHET_TRY(whet_stored_median_of(row, &m));
    if (m.differs)
        whet_json_add_text(notes, "row '%s' (%s on %s) of the %s: %s; the ratio is that of the samples", whet_json_str(row, "id"), whet_json_str(row, "model"),
                           whet_json_str(row, "runtime"), side, whet_stored_median_text(&m, text, sizeof text));
    return WHET_OK;
}

static void describe(char *text, size_t size, const char *what, const char *by, whet_figure f, const json_t *o)
{
    const double ratio = whet_json_real(o, "ratio"), low = whet_json_real(o, "low"), high = whet_json_real(o, "high");
    const char *verdict = whet_json_str(o, "verdict");
    if (f == WHET_FIGURE_SPEED)
        snprintf(text, size, "%s%s takes %.3fx the time of the base (%.3f to %.3f): %s", by, what, ratio, low, high, verdict);
    else if (f == WHET_FIGURE_ACCURACY)
        snprintf(text, size, "%s: %s %+.2f points (%+.2f to %+.2f; %s): %s", what, whet_json_str(o, "metric"), 100 * whet_json_real(o, "difference"), 100 * low,
                 100 * high, whet_json_str(o, "how"), verdict);
    else
        snprintf(text, size, "%s: %s %.3fx that of the base (%.3g, now %.3g MB): %s", what, whet_figure_name(f), ratio, whet_json_real(o, "base") / 1e6,
                 whet_json_real(o, "now") / 1e6, verdict);
}

/* --- one pair */
static whet_verdict verdict_of(const json_t *o)
{
    for (int v = WHET_BETTER; v < WHET_CANNOT_TELL; v++)
        if (strcmp(whet_json_str(o, "verdict"), whet_verdict_name((whet_verdict)v)) == 0) return (whet_verdict)v;
    return WHET_CANNOT_TELL;
}

static void judge(comparison *c, const whet_pair *p, const char *what, whet_figure f, json_t *figure)
{
    const whet_gate *g = &c->spec->gates.g[f];
    const whet_verdict v = verdict_of(figure);
    char text[600], band[40];
    c->seen[f] = true;
    c->counts[f][v]++;
    describe(text, sizeof text, what, p->by.by, f, figure);
    json_object_set_new(figure, "text", json_string(text));
    json_object_set_new(figure, "band", json_real(g->band));
    json_object_set_new(figure, "band_text", json_string(whet_gate_text(g, band, sizeof band)));
    if (!g->on) return;
    if (v == WHET_WORSE) json_array_append_new(c->failures, json_string(text));
    if (v == WHET_CANNOT_TELL) json_array_append_new(c->spec->gates.strict ? c->failures : c->open, json_string(text));
}

static bool any_gate(const comparison *c)
{
    for (int f = 0; f < WHET_FIGURES; f++)
        if (c->spec->gates.g[f].on) return true;
    return false;
}

static whet_status add_row(comparison *c, const whet_pair *p)
{
    char *what = label(c, p->now), key[40];
    if (what == NULL) return WHET_ENOMEM;
    json_t *notes = json_array(), *o = json_pack("{ss, sO?, sO?, sO?, sO?}", "label", what, "base_id", json_object_get(p->base, "id"), "now_id",
                                                 json_object_get(p->now, "id"), "base_status", json_object_get(p->base, "status"), "now_status",
                                                 json_object_get(p->now, "status"));
    static const char *const identity[] = {"model", "runtime", "precision", "batch", "threads"};
    for (size_t i = 0; i < WHET_COUNT(identity); i++) json_object_set(o, identity[i], json_object_get(p->now, identity[i]));
    const bool both = is_ok(p->base) && is_ok(p->now);
    if (is_ok(p->base) && !is_ok(p->now)) {
        whet_json_add_text(notes, "was ok, is now '%s'", whet_json_str(p->now, "status"));
        if (any_gate(c)) whet_json_add_text(c->failures, "%s was ok, is now '%s'", what, whet_json_str(p->now, "status"));
    }
    if (!is_ok(p->base) && !is_ok(p->now)) whet_json_add_text(notes, "failed on both sides: %s", whet_json_str(p->now, "status"));
    if (!is_ok(p->base) && is_ok(p->now)) whet_json_add_text(notes, "is ok now, was '%s'", whet_json_str(p->base, "status"));
    for (int f = 0; f < WHET_FIGURES; f++) {
        const char *na = both ? NULL : "a side did not run";
        json_t *figure = both ? whet_pair_figure(p, (whet_figure)f, &c->spec->gates.g[f], &na) : json_null();
        if (json_is_object(figure)) judge(c, p, what, (whet_figure)f, figure);
        json_object_set_new(o, whet_figure_name((whet_figure)f), figure);
        snprintf(key, sizeof key, "%s_na", whet_figure_name((whet_figure)f));
        if (na != NULL) json_object_set_new(o, key, json_string(na));
    }
    add_notes(p, notes);
    whet_status status = add_disagreement(p->base, "base", notes);
    if (status == WHET_OK) status = add_disagreement(p->now, "new result", notes);
    json_object_set_new(o, "notes", notes);
    json_array_append_new(c->rows, o);
    whet_free(what);
    return status;
}

static whet_status judge_pairs(comparison *c)
{
    whet_ratio *r = whet_calloc((size_t)c->n_pairs + 1, sizeof *r);
    whet_status status = r != NULL ? WHET_OK : WHET_ENOMEM;
    int n = 0;
    for (int i = 0; i < c->n_pairs && status == WHET_OK; i++) {
        if (!is_ok(c->pairs[i].base) || !is_ok(c->pairs[i].now)) continue;
        status = whet_pair_speed(&c->pairs[i], c->spec->seed);
        if (c->pairs[i].has_ratio) r[n++] = c->pairs[i].ratio;
    }
    if (status == WHET_OK) whet_ratio_judge_band(r, n, c->spec->gates.g[WHET_FIGURE_SPEED].band);
    for (int i = 0, k = 0; i < c->n_pairs && status == WHET_OK; i++) {
        if (c->pairs[i].has_ratio) c->pairs[i].ratio = r[k++];
        if (c->pairs[i].by.unknown) c->pairs[i].ratio.verdict = WHET_CANNOT_TELL;
        status = add_row(c, &c->pairs[i]);
    }
    whet_free(r);
    return status;
}

/* --- the whole */
/* A row that failed before it ran has no arithmetic of its own: it is the row of the one that was asked for (older documents name
 * the file's). */
static whet_status as_asked(json_t **rows, const json_t *list)
{
    *rows = json_array();
    for (size_t i = 0; *rows != NULL && i < json_array_size(list); i++) {
        json_t *row = json_array_get(list, i), *copy = NULL;
        const char *asked = whet_json_str(json_object_get(row, "settings"), "precision");
        const bool ran = is_ok(row) || json_is_object(json_object_get(row, "arithmetic"));
        if (!ran && asked[0] != '\0' && strcmp(asked, "default") != 0) {
            copy = json_copy(row);
            json_object_set_new(copy, "precision", json_string(asked));
        }
        json_array_append(*rows, copy != NULL ? copy : row);
        json_decref(copy);
    }
    return *rows != NULL && json_array_size(*rows) == json_array_size(list) ? WHET_OK : WHET_FAIL(WHET_ENOMEM, "out of memory for the rows of a comparison");
}

/* An evaluation is one row; a bench and a study have theirs. */
static whet_status rows_of(json_t **rows, const json_t *doc, const char *name)
{
    json_t *list = json_object_get(doc, "rows");
    *rows = NULL;
    if (strcmp(whet_json_str(doc, "kind"), "eval") == 0) {
        const json_t *top1 = json_object_get(doc, "top1");
        const char *path = whet_json_str(doc, "model"), *base = strrchr(path, '/');
        *rows = json_pack("[{ss, ss, ss, sO?, sO?, s{ss, sO?, sO?, sO?, sO?, sO?, sO?}, sO}]", "id", "r0", "model", base != NULL ? base + 1 : path, "status",
                          "ok", "runtime", json_object_get(doc, "runtime"), "sha256", json_object_get(doc, "model_sha256"), "accuracy", "metric", "top-1",
                          "value", json_object_get(top1, "value"), "low", json_object_get(top1, "low"), "high", json_object_get(top1, "high"), "count",
                          json_object_get(doc, "n"), "data", json_object_get(doc, "data"), "split", json_object_get(doc, "split"), "eval", doc);
        return *rows != NULL ? WHET_OK : WHET_FAIL(WHET_EFORMAT, "'%s' is an evaluation without figures", name);
    }
    if (!json_is_array(list)) return WHET_FAIL(WHET_EFORMAT, "'%s' has no rows: bench, study and eval results can be compared", name);
    return as_asked(rows, list);
}

static json_t *side_json(const json_t *doc, const char *name)
{
    const json_t *context = json_object_get(doc, "context"), *machine = json_object_get(context, "machine");
    json_t *o = json_pack("{ss, ss}", "name", name, "kind", whet_json_str(doc, "kind"));
    static const char *const keys[] = {"study", "started", "mode", "command"};
    for (size_t i = 0; i < WHET_COUNT(keys); i++)
        if (json_object_get(doc, keys[i]) != NULL) json_object_set(o, keys[i], json_object_get(doc, keys[i]));
    json_object_set_new(o, "program", json_string(whet_json_str(context, "program")));
    json_object_set_new(o, "host", json_string(whet_json_str(machine, "host")));
    json_object_set_new(o, "cpu", json_string(whet_json_str(machine, "cpu")));
    return o;
}

static json_t *session_notes(const comparison *c, const json_t *a, const json_t *b)
{
    json_t *notes = json_array();
    const char *x = whet_json_str(a, "cpu"), *y = whet_json_str(b, "cpu");
    if (strcmp(x, y) != 0) whet_json_add_text(notes, "measured on other machines: %s, now %s", x, y);
    else if (strcmp(whet_json_str(a, "host"), whet_json_str(b, "host")) != 0)
        whet_json_add_text(notes, "measured on other hosts: %s, now %s", whet_json_str(a, "host"), whet_json_str(b, "host"));
    if (strcmp(whet_json_str(a, "mode"), whet_json_str(b, "mode")) != 0)
        whet_json_add_text(notes, "measured in other modes: %s, now %s", whet_json_str(a, "mode"), whet_json_str(b, "mode"));
    if (c->seen[WHET_FIGURE_SPEED])
        whet_json_add_text(notes, "the two were not measured in turns: what the machine did differently between them counts as a difference of speed");
    return notes;
}

/* Rows without a partner: those that were measured, or those that failed, with their reason. */
static json_t *lonely(const comparison *c, const json_t *rows, const bool *taken, bool failed)
{
    json_t *list = json_array();
    for (size_t i = 0; i < json_array_size(rows); i++) {
        const json_t *row = json_array_get(rows, i);
        char *what = taken[i] || is_ok(row) == failed ? NULL : label(c, row);
        if (what != NULL && failed) whet_json_add_text(list, "%s: %s", what, whet_json_str(row, "status"));
        else if (what != NULL) json_array_append_new(list, json_string(what));
        whet_free(what);
    }
    return list;
}

/* A gate that the user named and that nothing can be judged by must not pass in silence. */
static void judge_silence(comparison *c)
{
    for (int f = 0; f < WHET_FIGURES; f++)
        if (c->spec->gates.g[f].on && c->spec->gates.g[f].asked && !c->seen[f])
            whet_json_add_text(c->failures, "%s: no row has it on both sides, so the gate cannot be judged", whet_figure_name((whet_figure)f));
}

static json_t *counts_json(const comparison *c)
{
    json_t *o = json_object();
    for (int f = 0; f < WHET_FIGURES; f++) {
        json_t *of = json_object();
        for (int v = WHET_BETTER; v <= WHET_CANNOT_TELL; v++) json_object_set_new(of, whet_verdict_name((whet_verdict)v), json_integer(c->counts[f][v]));
        json_object_set_new(o, whet_figure_name((whet_figure)f), of);
    }
    return o;
}

static char *summary(const comparison *c)
{
    char text[600] = "";
    size_t n = 0;
    for (int f = 0; f < WHET_FIGURES; f++) {
        if (!c->seen[f] || n >= sizeof text) continue;
        n += (size_t)snprintf(text + n, sizeof text - n, "%s%s:", n > 0 ? "; " : "", whet_figure_name((whet_figure)f));
        const char *sep = " ";
        for (int v = WHET_BETTER; v <= WHET_CANNOT_TELL; v++) {
            if (c->counts[f][v] == 0 || n >= sizeof text) continue;
            n += (size_t)snprintf(text + n, sizeof text - n, "%s%d %s", sep, c->counts[f][v], whet_verdict_name((whet_verdict)v));
            sep = ", ";
        }
    }
    return whet_strdup(n > 0 ? text : "no figure is there on both sides");
}

static json_t *bands_json(const comparison *c)
{
    json_t *o = json_object();
    char band[40];
    for (int f = 0; f < WHET_FIGURES; f++)
        json_object_set_new(o, whet_figure_name((whet_figure)f),
                            json_pack("{sb, ss}", "gate", c->spec->gates.g[f].on, "band", whet_gate_text(&c->spec->gates.g[f], band, sizeof band)));
    return o;
}

static whet_status document(comparison *c, json_t **out)
{
    json_t *a = side_json(c->spec->base, c->spec->base_name), *b = side_json(c->spec->now, c->spec->now_name), *by = json_array();
    char *text = summary(c);
    for (int i = 0; i < c->by.n; i++) json_array_append_new(by, json_string(c->by.item[i]));
    if (text == NULL) json_decref(by);
    else
        *out = json_pack("{sO, sO, so, so, sO, so, so, so, so, so, s{sb, sO, sO}, so, ss}", "base", a, "now", b, "by", by, "bands", bands_json(c), "rows", c->rows,
                         "only_base", lonely(c, c->base, c->base_taken, false), "only_now", lonely(c, c->now, c->now_taken, false), "failed_base",
                         lonely(c, c->base, c->base_taken, true), "failed_now", lonely(c, c->now, c->now_taken, true), "counts", counts_json(c), "gate", "failed", json_array_size(c->failures) > 0, "failures", c->failures, "open", c->open, "notes", session_notes(c, a, b), "summary", text);
    json_decref(a);
    json_decref(b);
    whet_free(text);
    return *out != NULL ? WHET_OK : WHET_FAIL(WHET_ENOMEM, "out of memory for a comparison");
}

static whet_status no_pairs(const comparison *c)
{
    return WHET_FAIL(WHET_EINVAL, "'%s' holds no row of the same %s as '%s': say what rows must share with --by, such as --by runtime,batch",
                     c->spec->base_name, c->spec->by != NULL ? c->spec->by : "model, runtime, precision, batch and threads", c->spec->now_name);
}

whet_status whet_compare_documents(json_t **out, bool *failed, const whet_compare_spec *spec)
{
    comparison c = {.spec = spec};
    whet_status status = WHET_OK;
    *out = NULL;
    *failed = false;
    c.rows = json_array();
    c.failures = json_array();
    c.open = json_array();
    WHET_GOTO(parse_keys(&c.by, spec->by != NULL ? spec->by : default_by));
    WHET_GOTO(rows_of(&c.base, spec->base, spec->base_name));
    WHET_GOTO(rows_of(&c.now, spec->now, spec->now_name));
    c.pairs = whet_calloc(WHET_MIN(json_array_size(c.now), (size_t)MAX_PAIRS) + 1, sizeof *c.pairs);
    c.base_taken = whet_calloc(json_array_size(c.base) + 1, sizeof(bool));
    c.now_taken = whet_calloc(json_array_size(c.now) + 1, sizeof(bool));
    if (c.pairs == NULL || c.base_taken == NULL || c.now_taken == NULL) WHET_GOTO(WHET_ENOMEM);
    match(&c);
    if (c.n_pairs == 0) WHET_GOTO(no_pairs(&c));
    WHET_GOTO(judge_pairs(&c));
    judge_silence(&c);
    WHET_GOTO(document(&c, out));
    *failed = json_array_size(c.failures) > 0;
done:
    json_decref(c.base);
    json_decref(c.now);
    json_decref(c.rows);
    json_decref(c.failures);
    json_decref(c.open);
    whet_free(c.pairs);
    whet_free(c.base_taken);
    whet_free(c.now_taken);
    return status;
}
