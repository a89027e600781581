// SPDX-License-Identifier: Apache-2.0
// A selection of result files and stored runs as one document. One run stays as it is; several become a document of kind
// "selection" whose rows carry the label of their run, whose ids are made unique, and which keeps everything else that the
// runs say (machine, settings, data) under "runs".
#include <stdio.h>
#include <string.h>

#include "base/io.h"
#include "base/mem.h"
#include "report/report.h"
#include "report/report_columns.h"
#include "store/document.h"
#include "store/store.h"
#include "wire/json.h"

enum { MAX_RUNS = 1000 };

typedef struct selection {
    json_t *docs;   /* the documents, each with "label" and "source" */
    json_t *layers; /* documents without rows that explain some (kind "explain") */
    whet_store *store;
    const char *store_path;
} selection;

size_t report_run_count(const json_t *doc)
{
    const json_t *runs = json_object_get(doc, "runs");
    return json_is_array(runs) && json_array_size(runs) > 0 ? json_array_size(runs) : 1;
}

const json_t *report_run_at(const json_t *doc, size_t i)
{
    const json_t *run = json_array_get(json_object_get(doc, "runs"), i);
    return run != NULL ? run : doc;
}

const json_t *report_run_named(const json_t *doc, const char *label)
{
    return report_find(json_object_get(doc, "runs"), "label", label);
}

static bool label_taken(const selection *s, const char *label)
{
    const json_t *d = NULL;
    size_t i = 0;
    json_array_foreach(s->docs, i, d)
    {
        if (strcmp(report_str(d, "label"), label) == 0) return true;
    }
    return false;
}

// Takes a document (borrowed) under a label that no other has.
static whet_status take(selection *s, const json_t *doc, const char *label, const char *source)
{
    char unique[160];
    if (json_is_string(json_object_get(doc, "kind"))) WHET_TRY(whet_document_check(doc, source)); // a newer schema
    if (strcmp(report_str(doc, "kind"), "report") == 0) doc = json_object_get(doc, "of"); // what `whet report --json` prints
    if (strcmp(report_str(doc, "kind"), "explain") == 0) {
        json_array_append(s->layers, (json_t *)doc);
        return WHET_OK;
    }
    if (!json_is_array(json_object_get(doc, "rows")))
        return WHET_FAIL(WHET_EFORMAT, "'%s' has no rows to report on: a report is made of a bench or a study", source);
    if (json_array_size(s->docs) >= MAX_RUNS) return WHET_FAIL(WHET_EINVAL, "a report takes at most %d runs", MAX_RUNS);
    snprintf(unique, sizeof unique, "%.120s", label);
    for (int k = 2; label_taken(s, unique) && k < MAX_RUNS + 2; k++) snprintf(unique, sizeof unique, "%.120s (%d)", label, k);
    json_t *copy = json_copy((json_t *)doc);
    if (copy == NULL) return WHET_ENOMEM;
    json_object_set_new(copy, "label", json_string(unique));
    json_object_set_new(copy, "source", json_string(source));
    json_array_append_new(s->docs, copy);
    return WHET_OK;
}

static whet_status take_file(selection *s, const char *path)
{
    json_t *doc = NULL;
    char label[160];
    const char *base = whet_path_base(path);
    whet_status status = whet_json_read(&doc, path);
    snprintf(label, sizeof label, "%.*s", (int)(strlen(base) - strlen(whet_path_ext(base))), base);
    if (status == WHET_OK && json_is_integer(json_object_get(doc, "whet_export"))) {
        const json_t *runs = json_object_get(doc, "runs"), *r = NULL;
        size_t i = 0;
        json_array_foreach(runs, i, r)
        {
            const char *study = report_str(r, "study");
            if (status == WHET_OK) status = take(s, json_object_get(r, "document"), study[0] != '\0' ? study : label, path);
        }
    } else if (status == WHET_OK) {
        status = take(s, doc, label, path);
    }
    json_decref(doc);
    return status;
}

static whet_status take_run(selection *s, int64_t id)
{
    json_t *doc = NULL, *meta = NULL;
    char label[160], source[40];
    whet_status status = whet_store_get_run(s->store, &doc, id, &meta);
    if (status == WHET_OK) {
        const char *study = report_str(meta, "study");
        snprintf(label, sizeof label, "#%lld%s%.100s", (long long)id, study[0] != '\0' ? " " : "", study);
        snprintf(source, sizeof source, "run %lld", (long long)id);
        status = take(s, doc, label, source);
    }
    json_decref(doc);
    json_decref(meta);
    return status;
}

static whet_status take_listed(selection *s, const whet_store_filter *f, const char *source)
{
    json_t *list = NULL, *r = NULL;
    size_t i = 0;
    WHET_TRY(whet_store_list(s->store, &list, f));
    whet_status status = json_array_size(list) > 0 ? WHET_OK : WHET_FAIL(WHET_ENOTFOUND, "no stored run is meant by '%s'", source);
    for (i = json_array_size(list); i > 0 && status == WHET_OK; i--) { // oldest first
        r = json_array_get(list, i - 1);
        status = take_run(s, json_integer_value(json_object_get(r, "id")));
    }
    json_decref(list);
    return status;
}

// "12", "12-15", "latest", "latest:STUDY", "tag:NAME", "study:NAME"
static whet_status take_stored(selection *s, const char *source)
{
    long long from = 0, to = 0;
    int used = 0;
    int64_t id = 0;
    whet_store_filter f = {.limit = 0};
    if (s->store == NULL) WHET_TRY(whet_store_open(&s->store, s->store_path, true));
    if (strncmp(source, "tag:", 4) == 0) {
        f.tag = source + 4;
        return take_listed(s, &f, source);
    }
    if (strncmp(source, "study:", 6) == 0) {
        f.study = source + 6;
        return take_listed(s, &f, source);
    }
    if (sscanf(source, "%18lld-%18lld%n", &from, &to, &used) == 2 && source[used] == '\0' && from > 0) {
        if (to < from || to - from >= MAX_RUNS) return WHET_FAIL(WHET_EINVAL, "'%s' is no range of runs, write '12-15'", source);
        for (; from <= to; from++) WHET_TRY(take_run(s, from));
        return WHET_OK;
    }
    WHET_TRY(whet_store_find_run(s->store, source, &id));
    return take_run(s, id);
}

static bool is_stored_name(const char *source)
{
    return (source[0] != '\0' && strspn(source, "0123456789-") == strlen(source)) || strncmp(source, "latest", 6) == 0 || strncmp(source, "tag:", 4) == 0 ||
           strncmp(source, "study:", 6) == 0;
}

static whet_status take_source(selection *s, const char *source)
{
    if (whet_file_exists(source)) return take_file(s, source);
    if (is_stored_name(source)) return take_stored(s, source);
    whet_fail(WHET_ENOTFOUND, "no such result file, and no number of a stored run");
    whet_error_at_file(source);
    return WHET_ENOTFOUND;
}

// --- several documents as one

static json_t *prefixed(size_t run, const char *id)
{
    char *text = whet_format("%zu/%s", run + 1, id);
    json_t *v = json_string(text != NULL ? text : id);
    whet_free(text);
    return v;
}

static void add_rows(json_t *out, const json_t *doc, size_t run)
{
    const json_t *rows = json_object_get(doc, "rows"), *list = json_object_get(doc, "comparisons"), *trainings = json_object_get(doc, "trainings");
    json_t *r = NULL;
    size_t i = 0;
    json_array_foreach(rows, i, r)
    {
        json_t *row = json_is_object(r) ? json_copy(r) : json_object();
        json_object_set_new(row, "id", prefixed(run, report_str(r, "id")));
        json_object_set(row, "run", json_object_get(doc, "label"));
        json_array_append_new(json_object_get(out, "rows"), row);
    }
    json_array_foreach(list, i, r)
    {
        json_t *c = json_is_object(r) ? json_copy(r) : json_object();
        json_object_set_new(c, "a", prefixed(run, report_str(r, "a")));
        json_object_set_new(c, "b", prefixed(run, report_str(r, "b")));
        json_object_set(c, "run", json_object_get(doc, "label"));
        json_array_append_new(json_object_get(out, "comparisons"), c);
    }
    json_array_foreach(trainings, i, r)
    {
        json_t *t = json_is_object(r) ? json_copy(r) : json_object();
        char *label = whet_format("%s, run %s", report_str(r, "label"), report_str(doc, "label"));
        json_object_set_new(t, "label", json_string(label != NULL ? label : ""));
        whet_free(label);
        json_array_append_new(json_object_get(out, "trainings"), t);
    }
}

// A goal that all runs share is the selection's.
static void common_text(json_t *out, const json_t *docs, const char *key)
{
    const json_t *d = NULL;
    const char *first = report_str(json_array_get(docs, 0), key);
    size_t i = 0;
    bool same = first[0] != '\0';
    json_array_foreach(docs, i, d) same = same && strcmp(report_str(d, key), first) == 0;
    if (same) json_object_set_new(out, key, json_string(first));
}

// "a, b and c", "a, b and 5 more"
static json_t *title_of(const json_t *docs)
{
    const size_t n = json_array_size(docs), shown = n > 3 ? 2 : n;
    whet_strbuf b;
    whet_strbuf_init(&b);
    for (size_t i = 0; i < shown; i++) whet_strbuf_printf(&b, "%s%s", i == 0 ? "" : i + 1 == n ? " and " : ", ", report_str(json_array_get(docs, i), "label"));
    if (shown < n) whet_strbuf_printf(&b, " and %zu more", n - shown);
    char *text = whet_strbuf_take(&b);
    json_t *v = json_string(text != NULL ? text : "");
    whet_free(text);
    return v;
}

json_t *whet_report_merge(const json_t *docs)
{
    static const char *const moved[] = {"rows", "comparisons", "trainings"};
    static const char *const common[] = {"goal", "mode"};
    json_t *out = json_pack("{s:i, s:s, s:o, s:[], s:[], s:[], s:[]}", "schema_version", 1, "kind", "selection", "title",
                            title_of(docs), "runs", "rows", "comparisons", "trainings");
    json_t *d = NULL;
    size_t i = 0;
    if (out == NULL) return NULL;
    json_array_foreach(docs, i, d)
    {
        add_rows(out, d, i);
        json_t *rest = json_copy(d);
        for (size_t k = 0; k < WHET_COUNT(moved); k++) json_object_del(rest, moved[k]);
        json_array_append_new(json_object_get(out, "runs"), rest);
    }
    for (size_t k = 0; k < WHET_COUNT(common); k++) common_text(out, docs, common[k]);
    // what a reader of a single run looks for: the newest run's
    d = json_array_get(docs, json_array_size(docs) - 1);
    static const char *const heads[] = {"context", "started", "command"};
    for (size_t k = 0; k < WHET_COUNT(heads); k++)
        if (json_object_get(d, heads[k]) != NULL) json_object_set(out, heads[k], json_object_get(d, heads[k]));
    return out;
}

// "net.onnx" of two folders: rows must not be taken for each other, so each is called by its folder too.
static void tell_models_apart(json_t *doc)
{
    json_t *rows = json_object_get(doc, "rows"), *row = NULL, *paths = json_object(), *twice = json_object();
    const char *name = NULL;
    size_t i = 0;
    json_array_foreach(rows, i, row)
    {
        const char *model = report_str(row, "model"), *path = report_str(row, "path");
        if (model[0] == '\0' || strcmp(whet_path_base(path), model) != 0) continue;
        if (json_object_get(paths, model) == NULL) json_object_set_new(paths, model, json_string(path));
        if (strcmp(report_str(row, "path"), json_string_value(json_object_get(paths, model))) != 0) json_object_set_new(twice, model, json_true());
    }
    json_array_foreach(rows, i, row)
    {
        const char *model = report_str(row, "model"), *path = report_str(row, "path");
        if (json_object_get(twice, model) == NULL || strcmp(whet_path_base(path), model) != 0) continue;
        name = whet_path_base(path);
        while (name > path && name[-1] == '/') name--;
        while (name > path && name[-1] != '/') name--;
        if (name > path || path[0] != '/') json_object_set_new(row, "model", json_string(name));
    }
    json_decref(paths);
    json_decref(twice);
}

whet_status whet_report_select(json_t **doc, const char *const *sources, int n, const char *store_path)
{
    selection s = {.docs = json_array(), .layers = json_array(), .store_path = store_path};
    whet_status status = WHET_OK;
    *doc = NULL;
    for (int i = 0; i < n && status == WHET_OK; i++) status = take_source(&s, sources[i]);
    if (status == WHET_OK && json_array_size(s.docs) == 0) {
        status = WHET_FAIL(WHET_EFORMAT, "'%s' has no rows to report on: name a bench or a study beside it", n > 0 ? sources[0] : "");
    } else if (status == WHET_OK && json_array_size(s.docs) == 1) {
        *doc = json_incref(json_array_get(s.docs, 0));
        json_object_del(*doc, "label"); // as it was stored
        json_object_del(*doc, "source");
    } else if (status == WHET_OK) {
        *doc = whet_report_merge(s.docs);
    }
    if (*doc != NULL && json_array_size(s.layers) > 0) json_object_set(*doc, "explained", s.layers);
    if (status == WHET_OK && *doc == NULL) status = WHET_ENOMEM;
    if (*doc != NULL) tell_models_apart(*doc);
    whet_store_close(s.store);
    json_decref(s.docs);
    json_decref(s.layers);
    return status;
}
