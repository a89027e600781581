/* SPDX-License-Identifier: Apache-2.0 */
/* Body of whet/results.h: the store opened, one thing done, told. */
#include "whet/results.h"

#include <stdio.h>
#include <string.h>

#include "api/api_rows.h"
#include "api/result.h"
#include "base/io.h"
#include "base/mem.h"
#include "base/numbers.h"
#include "measure/kept.h"
#include "store/document.h"
#include "store/store.h"
#include "wire/json.h"

void whet_results_options_init(whet_results_options *o)
{
    memset(o, 0, sizeof *o);
    o->size = sizeof *o;
}

static void render_list(const json_t *doc, int width, bool color, whet_strbuf *out)
{
    enum { COLUMNS = 7 };
    static const char *const titles[COLUMNS] = {"run", "time", "kind", "study", "rows ok", "tags", "summary"};
    const json_t *runs = json_object_get(doc, "runs"), *tags = NULL, *tag = NULL;
    size_t n = json_array_size(runs), k = 0;
    char(*numbers)[3][24] = whet_calloc(n, sizeof *numbers);
    char(*joined)[64] = whet_calloc(n, sizeof *joined);
    const char **cells = whet_calloc(n * COLUMNS, sizeof *cells);
    for (size_t i = 0; numbers != NULL && joined != NULL && cells != NULL && i < n; i++) {
        const json_t *r = json_array_get(runs, i);
        snprintf(numbers[i][0], sizeof numbers[i][0], "%" JSON_INTEGER_FORMAT, json_integer_value(json_object_get(r, "id")));
        snprintf(numbers[i][1], sizeof numbers[i][1], "%d of %d", (int)json_integer_value(json_object_get(r, "n_ok")),
                 (int)json_integer_value(json_object_get(r, "n_rows")));
        snprintf(numbers[i][2], sizeof numbers[i][2], "%.16s", whet_json_str(r, "time")); /* 2026-11-21T22:43:40Z, to the minute */
        if (strlen(numbers[i][2]) > 10) numbers[i][2][10] = ' ';
        tags = json_object_get(r, "tags");
        json_array_foreach(tags, k, tag)
        {
            size_t used = strlen(joined[i]);
            snprintf(joined[i] + used, sizeof joined[i] - used, "%s%s", k > 0 ? "," : "", json_string_value(tag));
        }
        const char *row[COLUMNS] = {numbers[i][0], numbers[i][2], whet_json_str(r, "kind"), whet_json_str(r, "study"), numbers[i][1], joined[i], whet_json_str(r, "summary")};
        memcpy(&cells[i * COLUMNS], row, sizeof row);
    }
    if (n > 0 && cells != NULL && numbers != NULL && joined != NULL) whet_render_table(out, width, color, COLUMNS, titles, "rLLlLll", (int)n, cells);
    if (n == 0) whet_strbuf_puts(out, "no stored runs\n");
    whet_strbuf_printf(out, "store: %s\n", whet_json_str(doc, "store"));
    whet_free(numbers);
    whet_free(joined);
    whet_free(cells);
}

whet_status whet_results_list(whet_result **out, const whet_results_options *opt)
{
    WHET_NUMBERS_WITH_POINT;
    whet_store *s = NULL;
    json_t *runs = NULL, *doc = NULL;
    whet_store_filter f = {.kind = opt->kind, .study = opt->study, .tag = opt->tag, .limit = opt->limit, .model = opt->model};
    char *fallback = NULL;
    *out = NULL;
    whet_status status = whet_store_open(&s, opt->store, true);
    if (status == WHET_OK) status = whet_store_list(s, &runs, &f);
    if (status == WHET_ENOTFOUND && s == NULL && opt->store == NULL) { /* the user's own: nothing was stored yet */
        whet_error_clear();
        runs = json_array();
        fallback = opt->store != NULL ? whet_strdup(opt->store) : whet_store_default_path();
        status = WHET_OK;
    }
    if (status == WHET_OK) {
        doc = json_object();
        json_object_set_new(doc, "store", json_string(s != NULL ? whet_store_path(s) : fallback != NULL ? fallback : ""));
        json_object_set(doc, "runs", runs);
        status = whet_result_make(out, "results", doc, 0, render_list);
    }
    json_decref(runs);
    whet_store_close(s);
    whet_free(fallback);
    return status;
}

static whet_status find(whet_store **s, const char *run, bool read_only, const whet_results_options *opt, int64_t *id)
{
    *s = NULL;
    WHET_TRY(whet_store_open(s, opt->store, read_only));
    whet_status status = whet_store_find_run(*s, run, id);
    if (status == WHET_OK) return WHET_OK;
    whet_store_close(*s);
    *s = NULL;
    return status;
}

/* The rows, and the ids that the commands on one row want, in the order of the table. */
static void render_shown(const json_t *doc, int width, bool color, whet_strbuf *out)
{
    const json_t *rows = json_object_get(doc, "rows");
    const size_t n = json_array_size(rows);
    whet_strbuf ids;
    whet_render_rows(doc, width, color, out);
    whet_strbuf_init(&ids);
    for (size_t i = 0; i < n; i++) whet_strbuf_printf(&ids, "%s%s", i > 0 ? ", " : "", whet_json_str(json_array_get(rows, i), "id"));
    if (n > 0 && ids.data != NULL) whet_render_wrapped(out, width, 2, "row%s from the top: %s", n == 1 ? "" : "s", ids.data);
    whet_strbuf_dispose(&ids);
}

whet_status whet_results_show(whet_result **out, const char *run, const whet_results_options *opt)
{
    WHET_NUMBERS_WITH_POINT;
    whet_store *s = NULL;
    int64_t id = 0;
    json_t *doc = NULL;
    *out = NULL;
    WHET_TRY(find(&s, run, true, opt, &id));
    whet_status status = whet_store_get_run(s, &doc, id, NULL);
    if (status == WHET_OK) status = whet_document_check(doc, "the stored run");
    char *text = status == WHET_OK ? whet_json_text(doc, 0) : NULL;
    if (status == WHET_OK && text == NULL) status = WHET_ENOMEM;
    if (status == WHET_OK) status = whet_result_from_json(out, text, render_shown);
    whet_free(text);
    json_decref(doc);
    whet_store_close(s);
    return status;
}

static void render_done(const json_t *doc, int width, bool color, whet_strbuf *out)
{
    (void)width;
    (void)color;
    whet_strbuf_printf(out, "%s\n", whet_json_str(doc, "done"));
}

// Steals `text`.
static whet_status done(whet_result **out, whet_store *s, whet_status status, char *text)
{
    if (status == WHET_OK && text == NULL) status = WHET_ENOMEM;
    if (status == WHET_OK)
        status = whet_result_make(out, "results-change", json_pack("{s:s, s:s}", "store", whet_store_path(s), "done", text), 0, render_done);
    whet_free(text);
    whet_store_close(s);
    return status;
}

whet_status whet_results_tag(whet_result **out, const char *run, const char *tag, int remove, const whet_results_options *opt)
{
    WHET_NUMBERS_WITH_POINT;
    whet_store *s = NULL;
    int64_t id = 0;
    *out = NULL;
    WHET_TRY(find(&s, run, false, opt, &id));
    whet_status status = whet_store_tag(s, id, tag, remove != 0);
    return done(out, s, status, status == WHET_OK ? whet_format("run %lld: tag '%s' %s", (long long)id, tag, remove ? "removed" : "set") : NULL);
}

whet_status whet_results_remove(whet_result **out, const char *run, const whet_results_options *opt)
{
    WHET_NUMBERS_WITH_POINT;
    whet_store *s = NULL;
    int64_t id = 0;
    *out = NULL;
    WHET_TRY(find(&s, run, false, opt, &id));
    whet_status status = whet_store_remove(s, id);
    return done(out, s, status, status == WHET_OK ? whet_format("run %lld removed", (long long)id) : NULL);
}

whet_status whet_results_export(whet_result **out, const char *file, const char *const *runs, int n, const whet_results_options *opt)
{
    WHET_NUMBERS_WITH_POINT;
    whet_store *s = NULL;
    int64_t *ids = n > 0 ? whet_calloc((size_t)n, sizeof *ids) : NULL;
    int count = 0;
    *out = NULL;
    whet_status status = n > 0 && ids == NULL ? WHET_ENOMEM : whet_store_open(&s, opt->store, true);
    for (int i = 0; i < n && status == WHET_OK; i++) status = whet_store_find_run(s, runs[i], &ids[i]);
    if (status == WHET_OK) status = whet_store_export_file(s, file, ids, n, &count);
    whet_free(ids);
    return done(out, s, status, status == WHET_OK ? whet_format("%d run%s written to %s", count, count == 1 ? "" : "s", file) : NULL);
}

whet_status whet_results_import(whet_result **out, const char *file, const whet_results_options *opt)
{
    WHET_NUMBERS_WITH_POINT;
    whet_store *s = NULL;
    json_t *doc = NULL;
    int added = 0, skipped = 0;
    *out = NULL;
    WHET_TRY(whet_json_read(&doc, file));
    whet_status status = whet_store_open(&s, opt->store, false);
    if (status == WHET_OK) status = whet_store_import(s, doc, &added, &skipped);
    if (status == WHET_EFORMAT || status == WHET_EUNSUPPORTED) whet_error_at_file(file);
    json_decref(doc);
    return done(out, s, status, status == WHET_OK ? whet_format("%d run%s added, %d %s there already", added, added == 1 ? "" : "s", skipped, skipped == 1 ? "was" : "were") : NULL);
}

whet_status whet_results_check(whet_result **out, const whet_results_options *opt)
{
    WHET_NUMBERS_WITH_POINT;
    whet_store *s = NULL;
    *out = NULL;
    WHET_TRY(whet_store_open(&s, opt->store, true));
    whet_status status = whet_store_check(s);
    return done(out, s, status, status == WHET_OK ? whet_format("%s is sound", whet_store_path(s)) : NULL);
}

/* What interrupted benches left beside the store, in the user's data folder. */
static void put_interrupted(json_t *doc)
{
    char *data = whet_data_dir(), *folder = data != NULL ? whet_path_join(data, "interrupted") : NULL;
    const whet_kept k = folder != NULL ? whet_kept_count(folder) : (whet_kept){0, 0, 0};
    if (k.fresh + k.old > 0)
        json_object_set_new(doc, "interrupted", json_pack("{s:s, s:i, s:i, s:I}", "folder", folder, "files", k.fresh + k.old, "too_old", k.old, "bytes", (json_int_t)k.bytes));
    whet_free(data);
    whet_free(folder);
}

static void render_interrupted(const json_t *k, int width, whet_strbuf *out)
{
    char size[40];
    const double n = whet_json_real(k, "files"), old = whet_json_real(k, "too_old");
    if (k == NULL) return;
    whet_render_wrapped(out, width, 2, "interrupted: %.0f measurement%s, %s; the same command goes on with one within a day%s", n, n == 1 ? "" : "s",
                        whet_render_bytes(size, sizeof size, whet_json_real(k, "bytes")), old > 0 ? "; the next bench removes what is older" : "");
    whet_strbuf_printf(out, "%s\n", whet_json_str(k, "folder"));
}

static void render_where(const json_t *doc, int width, bool color, whet_strbuf *out)
{
    char size[40];
    (void)color;
    whet_strbuf_printf(out, "%s\n", whet_json_str(doc, "store"));
    if (!json_is_true(json_object_get(doc, "exists"))) whet_strbuf_puts(out, "nothing is stored there yet\n");
    else
        whet_strbuf_printf(out, "%.0f run%s, %s, version %.0f\n", whet_json_real(doc, "runs"), json_integer_value(json_object_get(doc, "runs")) == 1 ? "" : "s", whet_render_bytes(size, sizeof size, whet_json_real(doc, "bytes")),
                           whet_json_real(doc, "version"));
    render_interrupted(json_object_get(doc, "interrupted"), width, out);
}

whet_status whet_results_where(whet_result **out, const whet_results_options *opt)
{
    WHET_NUMBERS_WITH_POINT;
    whet_store *s = NULL;
    int64_t runs = 0;
    char *path = opt->store != NULL ? whet_strdup(opt->store) : whet_store_default_path();
    json_t *doc = NULL;
    *out = NULL;
    if (path == NULL) return WHET_ENOMEM;
    const bool exists = whet_file_exists(path);
    whet_status status = exists || whet_dir_exists(path) ? whet_store_open(&s, path, true) : WHET_OK;
    if (status == WHET_OK && exists) status = whet_store_count(s, &runs);
    if (status == WHET_OK) {
        doc = json_pack("{s:s, s:b}", "store", path, "exists", exists);
        if (exists) json_object_update_new(doc, json_pack("{s:i, s:I, s:I}", "version", WHET_STORE_VERSION, "bytes", (json_int_t)whet_file_size(path), "runs", (json_int_t)runs));
        put_interrupted(doc);
        status = whet_result_make(out, "results-where", doc, 0, render_where);
    }
    whet_store_close(s);
    whet_free(path);
    return status;
}
