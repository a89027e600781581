// SPDX-License-Identifier: Apache-2.0
// Moving runs between stores: exports are JSON, imports all or nothing.
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/mem.h"
#include "store/document.h"
#include "store/store_private.h"
#include "wire/json.h"

static whet_status export_one(whet_store *s, json_t *runs, int64_t id)
{
    json_t *doc = NULL, *meta = NULL, *o = NULL;
    WHET_TRY(whet_store_get_run(s, &doc, id, &meta));
    o = json_object();
    json_object_set(o, "time", json_object_get(meta, "time"));
    json_object_set(o, "study", json_object_get(meta, "study"));
    json_object_set(o, "tags", json_object_get(meta, "tags"));
    json_object_set_new(o, "document", doc);
    json_decref(meta);
    return json_array_append_new(runs, o) == 0 ? WHET_OK : WHET_FAIL(WHET_ENOMEM, "out of memory while exporting results");
}

whet_status whet_store_export(whet_store *s, json_t **out, const int64_t *ids, int n)
{
    whet_status status = WHET_OK;
    json_t *list = NULL, *runs = json_array();
    *out = NULL;
    if (ids != NULL) {
        for (int i = 0; i < n; i++) WHET_GOTO(export_one(s, runs, ids[i]));
    } else {
        WHET_GOTO(whet_store_list(s, &list, NULL));
        for (size_t i = json_array_size(list); i-- > 0;)
            WHET_GOTO(export_one(s, runs, json_integer_value(json_object_get(json_array_get(list, i), "id"))));
    }
    *out = json_object();
    json_object_set_new(*out, "whet_export", json_integer(1));
    json_object_set(*out, "runs", runs);
done:
    json_decref(list);
    json_decref(runs);
    return status;
}

// One run with its document's own text, which is JSON as it was stored.
static whet_status write_one(whet_store *s, whet_writer *w, int64_t id, bool first)
{
    sqlite3_stmt *st = NULL;
    json_t *doc = NULL, *meta = NULL, *o = NULL;
    char *head = NULL;
    bool row = false;
    whet_status status = whet_store_get_run(s, &doc, id, &meta);
    json_decref(doc); // read once, so that what is damaged is not passed on
    if (status != WHET_OK) return status;
    o = json_object();
    static const char *const keys[] = {"time", "study", "tags"};
    for (size_t i = 0; i < WHET_COUNT(keys); i++) json_object_set(o, keys[i], json_object_get(meta, keys[i]));
    head = whet_json_text(o, 0);
    if (head == NULL) WHET_GOTO(WHET_ENOMEM);
    head[strlen(head) - 1] = ','; // the object goes on
    WHET_GOTO(whet_store_query(s, &st, "SELECT document FROM documents WHERE run=?", "i", id));
    WHET_GOTO(whet_store_step_row(s, st, &row));
    const char *text = row ? (const char *)sqlite3_column_text(st, 0) : NULL;
    if (text == NULL) WHET_GOTO(WHET_FAIL(WHET_EFORMAT, "stored run %" PRId64 " has no document", id));
    if (!first) WHET_GOTO(whet_writer_write(w, ",\n", 2));
    WHET_GOTO(whet_writer_write(w, head, strlen(head)));
    WHET_GOTO(whet_writer_write(w, "\"document\":", 11));
    WHET_GOTO(whet_writer_write(w, text, strlen(text)));
    WHET_GOTO(whet_writer_write(w, "}", 1));
    if (whet_writer_offset(w) + 4 > WHET_JSON_MAX_BYTES)
        WHET_GOTO(WHET_FAIL(WHET_ENOMEM, "the export would pass 256 MiB, which no import takes: name fewer runs, or copy '%s' itself", s->path));
done:
    sqlite3_finalize(st);
    json_decref(o);
    json_decref(meta);
    whet_free(head);
    return status;
}

whet_status whet_store_export_file(whet_store *s, const char *path, const int64_t *ids, int n, int *count)
{
    static const char head[] = "{\"whet_export\":1,\"runs\":[\n";
    whet_status status = WHET_OK;
    json_t *list = NULL;
    whet_writer *w = NULL;
    struct stat here, there;
    *count = 0;
    if (stat(s->path, &here) == 0 && stat(path, &there) == 0 && here.st_dev == there.st_dev && here.st_ino == there.st_ino) {
        whet_fail(WHET_EINVAL, "this is the results store itself, name another file");
        whet_error_at_file(path);
        return WHET_EINVAL;
    }
    if (ids == NULL) WHET_GOTO(whet_store_list(s, &list, NULL));
    WHET_GOTO(whet_writer_open(&w, path));
    WHET_GOTO(whet_writer_write(w, head, sizeof head - 1));
    const int all = ids != NULL ? n : (int)json_array_size(list);
    for (; *count < all; ++*count) {
        const int64_t id = ids != NULL ? ids[*count] : json_integer_value(json_object_get(json_array_get(list, (size_t)(all - 1 - *count)), "id"));
        WHET_GOTO(write_one(s, w, id, *count == 0));
    }
    WHET_GOTO(whet_writer_write(w, "\n]}\n", 4));
    status = whet_writer_commit(w);
    w = NULL;
done:
    whet_writer_abort(w);
    json_decref(list);
    return status;
}

// Runs of a newer program may mean something else by the same fields: refused whole, and named.
static whet_status import_one(whet_store *s, const json_t *run, int *added, int *skipped)
{
    const json_t *doc = json_object_get(run, "document"), *tags = json_object_get(run, "tags"), *tag = NULL;
    const char *time = json_string_value(json_object_get(run, "time"));
    char name[40];
    size_t i = 0;
    int64_t id = 0;
    bool is_new = false;
    snprintf(name, sizeof name, "run %d of the file", *added + *skipped + 1);
    if (!json_is_object(doc) || time == NULL || strlen(time) != 20)
        return WHET_FAIL(WHET_EFORMAT, "%s has no \"document\" or no \"time\"", name);
    WHET_TRY(whet_document_check(doc, name));
    WHET_TRY(whet_store_put_at(s, doc, json_string_value(json_object_get(run, "study")), time, &id, &is_new));
    json_array_foreach(tags, i, tag)
    {
        if (json_is_string(tag)) WHET_TRY(whet_store_tag(s, id, json_string_value(tag), false));
    }
    if (is_new) {
        ++*added;
    } else {
        ++*skipped;
    }
    return WHET_OK;
}

// A single result as the commands write it, in the form of an export.
static json_t *wrap_document(const json_t *doc)
{
    const char *time = json_string_value(json_object_get(doc, "started")), *study = json_string_value(json_object_get(doc, "study"));
    char now[21];
    // what a command adds once the run is stored: without it the document is the stored one again
    static const char *const later[] = {"run_id", "kept_in", "files", "baseline", "baseline_compare"};
    json_t *copy = json_copy((json_t *)doc);
    for (size_t i = 0; i < WHET_COUNT(later); i++) json_object_del(copy, later[i]);
    whet_utc_now(now);
    return json_pack("{s:i, s:[{s:s, s:s?, s:[], s:o}]}", "whet_export", 1, "runs", "time", time != NULL && strlen(time) == 20 ? time : now, "study", study,
                     "tags", "document", copy);
}

whet_status whet_store_import(whet_store *s, const json_t *doc, int *added, int *skipped)
{
    const json_t *runs = NULL, *run = NULL, *version = json_object_get(doc, "whet_export");
    json_t *wrapped = NULL;
    size_t i = 0;
    whet_status status = WHET_OK;
    *added = *skipped = 0;
    if (json_is_integer(version) && json_integer_value(version) > 1)
        return WHET_FAIL(WHET_EUNSUPPORTED, "the export has version %" JSON_INTEGER_FORMAT ", this program knows 1: use a newer whet", json_integer_value(version));
    if (version == NULL && json_is_string(json_object_get(doc, "kind"))) {
        wrapped = wrap_document(doc);
        if (wrapped == NULL) return WHET_FAIL(WHET_ENOMEM, "out of memory while importing results");
    }
    runs = json_object_get(wrapped != NULL ? wrapped : doc, "runs");
    if (!json_is_array(runs) || (wrapped == NULL && json_integer_value(version) != 1))
        return WHET_FAIL(WHET_EFORMAT, "not an export of results: made by 'whet results export' or with --json?");
    status = whet_store_begin(s);
    if (status != WHET_OK) goto done;
    json_array_foreach(runs, i, run)
    {
        status = import_one(s, run, added, skipped);
        if (status != WHET_OK) break;
    }
    status = whet_store_end(s, status);
    if (status != WHET_OK) *added = *skipped = 0;
done:
    json_decref(wrapped);
    return status;
}
