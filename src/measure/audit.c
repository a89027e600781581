/* SPDX-License-Identifier: Apache-2.0 */
/* Replaying. Rows that were measured under one set of conditions are measured again in one bench, in turns as before. Outputs are
 * equal if their bits are, or else, as on another machine, if the stored numbers agree within the row's own parity bound. */
#include "measure/audit.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/external.h"
#include "base/hash.h"
#include "base/io.h"
#include "base/mem.h"
#include "measure/bench.h"
#include "measure/compare.h"
#include "measure/parity.h"
#include "store/stored_median.h"
#include "wire/json.h"

enum { MAX_ROWS = 512, MAX_KEPT = 128 };
static const double most_change = 0.10;

typedef struct audit {
    const whet_audit_spec *spec;
    const json_t *rows;
    int n;
    const json_t *row[MAX_ROWS]; /* those that were ok */
    json_t *entry[MAX_ROWS];     /* what is said of them; owned until put into the document */
    bool waiting[MAX_ROWS];
} audit;

static void say(json_t *entry, const char *status, const char *reason)
{
    json_object_set_new(entry, "status", json_string(status));
    json_object_set_new(entry, "reason", json_string(reason));
}

/* --- what is replayed */
static whet_status choose(audit *a)
{
    const json_t *row = NULL;
    size_t i = 0;
    json_array_foreach(a->rows, i, row)
    {
        const bool wanted = a->spec->row == NULL ? strcmp(whet_json_str(row, "status"), "ok") == 0 : strcmp(whet_json_str(row, "id"), a->spec->row) == 0;
        if (!wanted || a->n == MAX_ROWS) continue;
        char *label = whet_format("%s on %s", whet_json_str(row, "model"), whet_json_str(row, "runtime"));
        if (label == NULL) return WHET_ENOMEM;
        a->row[a->n] = row;
        a->waiting[a->n] = true;
        a->entry[a->n++] = json_pack("{sO?, ss, sO?, sO?, ss, ss, s[]}", "id", json_object_get(row, "id"), "label", label, "model",
                                     json_object_get(row, "model"), "runtime", json_object_get(row, "runtime"), "status", "not replayed", "reason", "",
                                     "notes");
        whet_free(label);
    }
    if (a->n > 0) return WHET_OK;
    if (a->spec->row == NULL) return WHET_FAIL(WHET_EINVAL, "the result has no row that was measured");
    char ids[200] = "";
    size_t used = 0;
    json_array_foreach(a->rows, i, row)
    {
        if (used + 40 < sizeof ids) used += (size_t)snprintf(ids + used, sizeof ids - used, "%s%.24s", i > 0 ? ", " : "", whet_json_str(row, "id"));
    }
    return WHET_FAIL(WHET_EINVAL, "the result has no row '%s', it has %s", a->spec->row, ids[0] != '\0' ? ids : "none");
}

static void refuse(audit *a, int i, const char *why)
{
    say(a->entry[i], "not replayed", why);
    a->waiting[i] = false;
}

/* What a file must not bring about, and figures that do not follow from what it keeps. */
static whet_status check_row(audit *a, int i)
{
    char why[400];
    whet_stored_median m;
    WHET_TRY(whet_stored_median_of(a->row[i], &m));
    if (m.differs) refuse(a, i, whet_stored_median_text(&m, why, sizeof why));
    else if (!a->spec->allow_exec && whet_backend_is_external(whet_json_str(a->row[i], "runtime")))
        refuse(a, i, "its runtime is a command of the file: measure it with whet bench, or give --allow-exec");
    else if (!whet_audit_within(a->row[i], why, sizeof why)) refuse(a, i, why);
    return WHET_OK;
}

/* Told before the minutes of measuring: a file that is gone or is another one. */
static void check_file(audit *a, int i)
{
    const json_t *replay = json_object_get(a->row[i], "replay");
    const char *path = whet_json_str(replay, "path");
    char hex[65], why[400];
    if (!json_is_object(json_object_get(a->row[i], "latency"))) {
        refuse(a, i, "it was not timed");
    } else if (!json_is_object(replay)) {
        refuse(a, i, "the result was written by a version that did not keep what a replay needs");
    } else if (!whet_file_exists(path) && !whet_dir_exists(path)) {
        snprintf(why, sizeof why, "the model is gone: %s", path);
        refuse(a, i, why);
    } else if (whet_file_exists(path) && whet_sha256_file(path, hex) == WHET_OK && strcmp(hex, whet_json_str(a->row[i], "sha256")) != 0) {
        snprintf(why, sizeof why, "the model is another file now (SHA-256 %.12s, was %.12s): %s", hex, whet_json_str(a->row[i], "sha256"), path);
        refuse(a, i, why);
    }
}

/* The conditions of a row without what is the row's own. */
static json_t *conditions(const json_t *row)
{
    json_t *o = json_copy(json_object_get(row, "replay"));
    json_object_del(o, "path");
    json_object_del(o, "original");
    json_object_del(o, "inputs_sha256");
    return o;
}

static const char *text_or_null(const json_t *o, const char *key)
{
    return json_string_value(json_object_get(o, key));
}

static whet_status fill_spec(const audit *a, const json_t *c, whet_bench_spec *s, whet_dataset_options *opening)
{
    static const char *const modes[] = {"default", "quick", "publish"};
    const json_t *open = json_object_get(c, "opening"), *sizes = json_object_get(c, "sizes");
    whet_bench_spec_init(s);
    for (int m = 0; m < 3; m++)
        if (strcmp(whet_json_str(c, "mode"), modes[m]) == 0) s->mode = (whet_bench_mode)m;
    s->data = text_or_null(c, "data");
    WHET_TRY(whet_split_parse(whet_json_str(c, "split"), &s->split));
    s->contract = text_or_null(c, "contract");
    s->accept = text_or_null(c, "accept");
    s->seed = (uint64_t)json_integer_value(json_object_get(c, "seed"));
    s->min_runs = (int)json_integer_value(json_object_get(c, "min_runs"));
    s->min_seconds = whet_json_real(c, "min_seconds");
    s->warmup_runs = (int)json_integer_value(json_object_get(c, "warmup_runs"));
    s->warmup_seconds = whet_json_real(c, "warmup_seconds");
    s->parity_inputs = (int)json_integer_value(json_object_get(c, "parity_inputs"));
    s->force = json_is_true(json_object_get(c, "force"));
    if (json_is_string(json_object_get(c, "scenario"))) WHET_TRY(whet_scenario_parse(&s->scenario, whet_json_str(c, "scenario")));
    s->rate = whet_json_real(c, "rate");
    s->deadline_ms = whet_json_real(c, "deadline_ms");
    s->time_limit = whet_json_real(c, "time_limit");
    s->memory_limit = (uint64_t)json_integer_value(json_object_get(c, "memory_limit"));
    s->tune = json_is_true(json_object_get(c, "tune"));
    for (int i = 0; i < 2; i++) s->sizes[i] = (int)json_integer_value(json_array_get(sizes, (size_t)i));
    if (json_is_object(open)) {
        whet_dataset_options_init(opening);
        opening->val = text_or_null(open, "val");
        opening->seed = (uint64_t)json_integer_value(json_object_get(open, "seed"));
        opening->own_model = json_is_true(json_object_get(open, "own_model"));
        s->opening = opening;
    }
    s->program = a->spec->program;
    s->command = "whet results audit";
    s->progress = a->spec->progress;
    s->progress_arg = a->spec->progress_arg;
    return WHET_OK;
}

/* A row at its runtime's best settings is replayed at those, without another search. */
static whet_bench_cell cell_of(const json_t *row)
{
    const json_t *replay = json_object_get(row, "replay"), *settings = json_object_get(row, "settings");
    return (whet_bench_cell){.model = text_or_null(replay, "path"), .label = text_or_null(row, "model"), .runtime = text_or_null(row, "runtime"),
                             .batch = (int)json_integer_value(json_object_get(row, "batch")),
                             .threads = (int)json_integer_value(json_object_get(row, "threads")),
                             .optimisation = text_or_null(settings, "optimisation"), .precision = text_or_null(settings, "precision"),
                             .denormals = text_or_null(settings, "denormals"), .arena = text_or_null(settings, "arena"),
                             .streams = text_or_null(settings, "streams") != NULL ? atoi(text_or_null(settings, "streams")) : 0, .original = text_or_null(replay, "original")};
}

/* --- judging */
typedef union kept { double real[MAX_KEPT]; int64_t whole[MAX_KEPT]; } kept;

/* Numbers of the first sample as a tensor, so that parity judges them; integers stay such, for the bounds of theirs. */
static int kept_tensor(const json_t *o, kept *x, whet_tensor *t)
{
    const json_t *values = json_object_get(o, "values");
    const int n = (int)WHET_MIN(json_array_size(values), (size_t)MAX_KEPT);
    const bool whole = whet_dtype_is_int(whet_dtype_parse(whet_json_str(o, "type")));
    whet_tensor_init(t);
    for (int i = 0; i < n; i++) {
        const json_t *v = json_array_get(values, (size_t)i);
        const double one = json_is_number(v) ? json_number_value(v) : NAN;
        if (whole) x->whole[i] = (int64_t)one;
        else x->real[i] = one;
    }
    t->dtype = whole ? WHET_S64 : WHET_F64;
    t->shape = WHET_SHAPE(n);
    t->data = x;
    return n;
}

static bool agree(const json_t *was, const json_t *now, const char *accept, double *worst)
{
    kept x, y;
    whet_accept bound;
    const json_t *a = json_object_get(was, "first"), *b = json_object_get(now, "first");
    const size_t n = json_array_size(a);
    *worst = 0;
    if (n == 0 || n != json_array_size(b) || whet_accept_parse(&bound, accept) != WHET_OK) {
        whet_error_clear();
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        const json_t *p = json_array_get(a, i), *q = json_array_get(b, i);
        whet_tensor t, u;
        whet_parity parity;
        if (!json_equal(json_object_get(p, "dims"), json_object_get(q, "dims"))) return false;
        if (kept_tensor(p, &x, &t) != kept_tensor(q, &y, &u)) return false;
        whet_parity_init(&parity);
        whet_parity_add(&parity, &bound, &t, &u);
        *worst = fmax(*worst, parity.max);
        if (!parity.ok) return false;
    }
    return true;
}

static bool judge_outputs(const json_t *row, const json_t *fresh, json_t *entry)
{
    const json_t *was = json_object_get(row, "outputs"), *now = json_object_get(fresh, "outputs"), *parity = json_object_get(row, "parity");
    const char *accept = whet_json_str(json_is_object(parity) ? parity : json_object_get(fresh, "parity"), "accept");
    char how[200];
    double worst = 0;
    const bool bits = json_is_object(was) && json_is_object(now) && strcmp(whet_json_str(was, "sha256"), whet_json_str(now, "sha256")) == 0 &&
                      json_equal(json_object_get(was, "samples"), json_object_get(now, "samples"));
    bool equal = bits;
    if (bits) snprintf(how, sizeof how, "bit-equal for %.0f samples", whet_json_real(was, "samples"));
    else if (agree(was, now, accept[0] != '\0' ? accept : "max=1e-4", &worst)) {
        equal = true;
        snprintf(how, sizeof how, "not bit-equal; the stored numbers agree within %s (max %.2g)", accept[0] != '\0' ? accept : "max=1e-4", worst);
    } else {
        snprintf(how, sizeof how, "the stored numbers differ by %.2g of the largest, over %s", worst, accept[0] != '\0' ? accept : "max=1e-4");
    }
    json_object_set_new(entry, "outputs", json_pack("{sb, sb, ss}", "equal", equal, "bits", bits, "how", how));
    return equal;
}

const char *whet_audit_speed_status(const whet_ratio *r)
{
    if (fabs(r->ratio - 1) <= most_change) return "confirmed";
    return r->low > 1 + most_change || r->high < 1 - most_change ? "speed differs" : "cannot tell";
}

static whet_status judge_speed(const json_t *row, const json_t *fresh, json_t *entry)
{
    char why[300];
    whet_pair p = {.base = row, .now = fresh};
    WHET_TRY(whet_pair_speed(&p, 0));
    if (!p.has_ratio) {
        json_object_set_new(entry, "speed", json_null());
        say(entry, "cannot tell", p.why);
        return WHET_OK;
    }
    const whet_ratio *r = &p.ratio;
    const char *status = p.by.unknown ? "cannot tell" : whet_audit_speed_status(r);
    const bool within = fabs(r->ratio - 1) <= most_change;
    json_object_set_new(entry, "speed", json_pack("{ss, so?, so?, sf, sf, sf, sb}", "figure", p.by.figure, "was", whet_pair_time(&p, row), "now",
                                                  whet_pair_time(&p, fresh), "ratio", r->ratio, "low", r->low, "high", r->high, "within", within));
    snprintf(why, sizeof why, "%sit takes %.2fx the time (%.2f to %.2f)%s", p.by.by, r->ratio, r->low, r->high, within ? "" : ", over 10 % off");
    say(entry, status, strcmp(status, "confirmed") != 0 ? why : "");
    if (strcmp(status, "confirmed") == 0 && (r->low < 1 - most_change || r->high > 1 + most_change))
        whet_json_add_text(json_object_get(entry, "notes"), "the interval of the ratio (%.2f to %.2f) is wider than the 10 %%", r->low, r->high);
    return WHET_OK;
}

static whet_status judge(const json_t *row, const json_t *fresh, json_t *entry)
{
    json_t *notes = json_object_get(entry, "notes");
    if (strcmp(whet_json_str(fresh, "status"), "ok") != 0) {
        say(entry, "not replayed", whet_json_str(fresh, "status"));
        return WHET_OK;
    }
    if (strcmp(whet_json_str(row, "sha256"), whet_json_str(fresh, "sha256")) != 0) {
        say(entry, "not replayed", "the model is another file now");
        return WHET_OK;
    }
    if (strcmp(whet_json_str(row, "runtime_version"), whet_json_str(fresh, "runtime_version")) != 0)
        whet_json_add_text(notes, "the runtime is another version: %s, was %s", whet_json_str(fresh, "runtime_version"), whet_json_str(row, "runtime_version"));
    const char *was = whet_json_str(json_object_get(row, "replay"), "inputs_sha256"), *now = whet_json_str(json_object_get(fresh, "replay"), "inputs_sha256");
    if (strcmp(was, now) != 0) {
        say(entry, "not replayed", "the inputs are others now: the data set or its preprocessing has changed");
        return WHET_OK;
    }
    const bool equal = judge_outputs(row, fresh, entry);
    WHET_TRY(judge_speed(row, fresh, entry));
    if (!equal) say(entry, "outputs differ", whet_json_str(json_object_get(entry, "outputs"), "how"));
    return WHET_OK;
}

/* --- one bench for all rows of the same conditions as row `first` */
static whet_status replay(audit *a, int first)
{
    whet_bench_spec s;
    whet_dataset_options opening;
    json_t *mine = conditions(a->row[first]), *doc = NULL;
    whet_bench_cell *cells = whet_calloc((size_t)a->n, sizeof *cells);
    int *of = whet_calloc((size_t)a->n, sizeof *of), n = 0;
    whet_status status = mine != NULL && cells != NULL && of != NULL ? WHET_OK : WHET_ENOMEM;
    for (int i = first; i < a->n && status == WHET_OK; i++) {
        json_t *other = a->waiting[i] ? conditions(a->row[i]) : NULL;
        if (other != NULL && json_equal(mine, other)) {
            cells[n] = cell_of(a->row[i]);
            of[n++] = i;
            a->waiting[i] = false;
        }
        json_decref(other);
    }
    if (status == WHET_OK) status = fill_spec(a, mine, &s, &opening);
    if (status == WHET_OK) {
        s.cells = cells;
        s.n_cells = n;
        status = whet_bench_run(&doc, &s);
    }
    for (int i = 0; i < n && status == WHET_OK; i++)
        status = judge(a->row[of[i]], json_array_get(json_object_get(doc, "rows"), (size_t)i), a->entry[of[i]]);
    if (status != WHET_OK && status != WHET_ECANCELLED && status != WHET_ENOMEM) { /* a data set that is gone, say: those rows' misfortune */
        for (int i = 0; i < n; i++) say(a->entry[of[i]], "not replayed", whet_error_message());
        status = WHET_OK;
    }
    json_decref(mine);
    json_decref(doc);
    whet_free(cells);
    whet_free(of);
    return status;
}

whet_status whet_audit_run(json_t **out, bool *ok, const whet_audit_spec *spec)
{
    audit *a = whet_calloc(1, sizeof *a);
    json_t *list = json_array();
    int confirmed = 0;
    char text[200];
    whet_status status = WHET_OK;
    *out = NULL;
    *ok = false;
    if (a == NULL) WHET_GOTO(WHET_ENOMEM);
    a->spec = spec;
    a->rows = json_object_get(spec->doc, "rows");
    if (!json_is_array(a->rows)) WHET_GOTO(WHET_FAIL(WHET_EFORMAT, "the result has no rows: a bench or a study can be audited"));
    WHET_GOTO(choose(a));
    for (int i = 0; i < a->n; i++) {
        WHET_GOTO(check_row(a, i));
        if (a->waiting[i]) check_file(a, i);
    }
    for (int i = 0; i < a->n; i++)
        if (a->waiting[i]) WHET_GOTO(replay(a, i));
    for (int i = 0; i < a->n; i++) {
        confirmed += strcmp(whet_json_str(a->entry[i], "status"), "confirmed") == 0;
        json_array_append(list, a->entry[i]);
    }
    *ok = confirmed == a->n;
    snprintf(text, sizeof text, "%d of %d row%s confirmed: outputs equal and speed within 10 %%", confirmed, a->n, a->n == 1 ? "" : "s");
    *out = json_pack("{sO, si, sb, ss}", "rows", list, "confirmed", confirmed, "ok", *ok, "summary", text);
done:
    for (int i = 0; a != NULL && i < a->n; i++) json_decref(a->entry[i]);
    whet_free(a);
    json_decref(list);
    return status;
}
