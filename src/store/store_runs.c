// SPDX-License-Identifier: Apache-2.0
// Runs: storing a document with its rows flattened for listing, finding, tagging, removing, moving between stores.
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/mem.h"
#include "store/store_private.h"
#include "wire/json.h"

// What of a row is flattened: where it stands in the row's object (docs/result-format.md), in the order of the columns.
static const struct flat {
    const char *path[3];
    char type; // t i d
} flat[] = {
    {{"model"}, 't'},          {{"runtime"}, 't'},         {{"precision"}, 't'}, {{"status"}, 't'},    {{"verdict"}, 't'},
    {{"accuracy", "value"}, 'd'}, {{"latency", "p50"}, 'd'}, {{"img_per_s"}, 'd'}, {{"size_bytes"}, 'i'},
};
static const char insert_row[] =
    "INSERT INTO rows(run, n, model, runtime, precision, status, verdict, accuracy, p50_ms, img_s, size_bytes)"
    " VALUES(?,?,?,?,?,?,?,?,?,?,?)";

static int bind_flat(sqlite3_stmt *st, int at, const struct flat *f, const json_t *row)
{
    const json_t *v = row;
    for (int i = 0; i < 3 && f->path[i] != NULL; i++) v = json_object_get(v, f->path[i]);
    if (f->type == 't' && json_is_string(v)) return sqlite3_bind_text(st, at, json_string_value(v), -1, SQLITE_TRANSIENT);
    if (f->type == 'i' && json_is_number(v)) return sqlite3_bind_int64(st, at, (int64_t)json_number_value(v));
    if (f->type == 'd' && json_is_number(v)) return sqlite3_bind_double(st, at, json_number_value(v));
    return sqlite3_bind_null(st, at);
}

static whet_status put_rows(whet_store *s, int64_t run, const json_t *doc)
{
    const json_t *rows = json_object_get(doc, "rows"), *row = NULL;
    sqlite3_stmt *st = NULL;
    size_t n = 0;
    bool more = false;
    whet_status status = WHET_OK;
    if (!json_is_array(rows) || json_array_size(rows) == 0) return WHET_OK;
    WHET_TRY(whet_store_query(s, &st, insert_row, ""));
    json_array_foreach(rows, n, row)
    {
        int code = sqlite3_reset(st);
        if (code == SQLITE_OK) code = sqlite3_bind_int64(st, 1, run);
        if (code == SQLITE_OK) code = sqlite3_bind_int64(st, 2, (int64_t)n);
        for (size_t i = 0; i < WHET_COUNT(flat) && code == SQLITE_OK; i++) code = bind_flat(st, (int)i + 3, &flat[i], row);
        if (code != SQLITE_OK) {
            status = whet_store_fail(s, code, "storing rows");
            goto done;
        }
        WHET_GOTO(whet_store_step_row(s, st, &more));
    }
done:
    sqlite3_finalize(st);
    return status;
}

static whet_status identity(const json_t *doc, char out[65])
{
    whet_sha256 h;
    char *text = whet_json_canonical(doc);
    if (text == NULL) return WHET_ENOMEM;
    whet_sha256_init(&h);
    whet_sha256_add(&h, text, strlen(text));
    whet_sha256_hex(&h, out);
    whet_free(text);
    return WHET_OK;
}

static whet_status find_identity(whet_store *s, const char *sha256, int64_t *id)
{
    sqlite3_stmt *st = NULL;
    bool row = false;
    *id = 0;
    WHET_TRY(whet_store_query(s, &st, "SELECT id FROM runs WHERE sha256=?", "t", sha256));
    whet_status status = whet_store_step_row(s, st, &row);
    if (row) *id = sqlite3_column_int64(st, 0);
    sqlite3_finalize(st);
    return status;
}

// Inside a transaction. *id is 0 before and set; *is_new false if the document is there already.
static whet_status put_run(whet_store *s, const json_t *doc, const char *study, const char *time, int64_t *id, bool *is_new)
{
    char sha256[65];
    const char *kind = json_string_value(json_object_get(doc, "kind"));
    const char *summary = json_string_value(json_object_get(doc, "summary"));
    *is_new = false;
    if (kind == NULL) return WHET_FAIL(WHET_EFORMAT, "result document has no \"kind\" and cannot be stored");
    WHET_TRY(identity(doc, sha256));
    WHET_TRY(find_identity(s, sha256, id));
    if (*id != 0) return WHET_OK;
    char *text = whet_json_text(doc, 0);
    if (text == NULL) return WHET_ENOMEM;
    whet_status status = whet_store_exec(
        s, "INSERT INTO runs(sha256, time, kind, study, summary, document) VALUES(?,?,?,?,?,?)", "tttttt", sha256, time, kind,
        study, summary, text);
    whet_free(text);
    WHET_TRY(status);
    *id = sqlite3_last_insert_rowid(s->db);
    *is_new = true;
    return put_rows(s, *id, doc);
}

whet_status whet_store_put_run(whet_store *s, const json_t *doc, const char *study, int64_t *id)
{
    char now[21];
    bool is_new = false;
    int64_t got = 0;
    whet_utc_now(now);
    WHET_TRY(whet_store_begin(s));
    whet_status status = whet_store_end(s, put_run(s, doc, study, now, &got, &is_new));
    if (id != NULL) *id = status == WHET_OK ? got : 0;
    return status;
}

// --- reading

static void set_text(json_t *o, const char *key, sqlite3_stmt *st, int col)
{
    const char *text = (const char *)sqlite3_column_text(st, col);
    json_object_set_new(o, key, text != NULL ? json_string(text) : json_null());
}

static const char meta_columns[] =
    "SELECT r.id, r.time, r.kind, r.study, r.summary,"
    " (SELECT count(*) FROM rows w WHERE w.run=r.id),"
    " (SELECT count(*) FROM rows w WHERE w.run=r.id AND w.status='ok'),"
    " (SELECT group_concat(tag, char(10)) FROM (SELECT tag FROM tags t WHERE t.run=r.id ORDER BY tag))";

static json_t *meta_object(sqlite3_stmt *st)
{
    json_t *o = json_object(), *tags = json_array();
    const char *list = (const char *)sqlite3_column_text(st, 7);
    json_object_set_new(o, "id", json_integer(sqlite3_column_int64(st, 0)));
    set_text(o, "time", st, 1);
    set_text(o, "kind", st, 2);
    set_text(o, "study", st, 3);
    for (const char *p = list; p != NULL && *p != '\0';) {
        size_t n = strcspn(p, "\n");
        json_array_append_new(tags, json_stringn(p, n));
        p += n + (p[n] == '\n');
    }
    json_object_set_new(o, "tags", tags);
    json_object_set_new(o, "n_rows", json_integer(sqlite3_column_int64(st, 5)));
    json_object_set_new(o, "n_ok", json_integer(sqlite3_column_int64(st, 6)));
    set_text(o, "summary", st, 4);
    return o;
}

whet_status whet_store_list(whet_store *s, json_t **out, const whet_store_filter *filter)
{
    static const whet_store_filter none;
    const whet_store_filter *f = filter != NULL ? filter : &none;
    whet_status status = WHET_OK;
    sqlite3_stmt *st = NULL;
    bool row = false;
    json_t *list = json_array();
    char sql[1200];
    *out = NULL;
    snprintf(sql, sizeof sql,
             "%s FROM runs r WHERE (?1 IS NULL OR r.kind=?1) AND (?2 IS NULL OR r.study=?2) AND"
             " (?3 IS NULL OR EXISTS(SELECT 1 FROM tags t WHERE t.run=r.id AND t.tag=?3)) ORDER BY r.id DESC LIMIT ?4",
             meta_columns);
    WHET_GOTO(whet_store_query(s, &st, sql, "ttti", f->kind, f->study, f->tag, (int64_t)(f->limit > 0 ? f->limit : -1)));
    for (;;) {
        WHET_GOTO(whet_store_step_row(s, st, &row));
        if (!row) break;
        json_array_append_new(list, meta_object(st));
    }
done:
    sqlite3_finalize(st);
    if (status == WHET_OK) {
        *out = list;
    } else {
        json_decref(list);
    }
    return status;
}

static whet_status no_run(whet_store *s, int64_t id)
{
    json_t *list = NULL;
    whet_store_filter f = {.limit = 1};
    WHET_TRY(whet_store_list(s, &list, &f));
    int64_t last = json_integer_value(json_object_get(json_array_get(list, 0), "id"));
    json_decref(list);
    whet_status status = last > 0 ? WHET_FAIL(WHET_ENOTFOUND, "no stored run %" PRId64 ": the newest is %" PRId64
                                              ", 'whet results list' shows all", id, last)
                                  : WHET_FAIL(WHET_ENOTFOUND, "no stored run %" PRId64 ": the store is empty", id);
    whet_error_at_file(s->path);
    return status;
}

whet_status whet_store_get_run(whet_store *s, json_t **out, int64_t id, json_t **meta)
{
    whet_status status = WHET_OK;
    sqlite3_stmt *st = NULL;
    bool row = false;
    char sql[1000];
    *out = NULL;
    if (meta != NULL) *meta = NULL;
    snprintf(sql, sizeof sql, "%s, r.document FROM runs r WHERE r.id=?", meta_columns);
    WHET_GOTO(whet_store_query(s, &st, sql, "i", id));
    WHET_GOTO(whet_store_step_row(s, st, &row));
    if (!row) {
        status = no_run(s, id);
        goto done;
    }
    const char *text = (const char *)sqlite3_column_text(st, 8);
    WHET_GOTO(whet_json_parse(out, text != NULL ? text : "", text != NULL ? strlen(text) : 0, s->path));
    if (meta != NULL) *meta = meta_object(st);
done:
    sqlite3_finalize(st);
    return status;
}

whet_status whet_store_find_run(whet_store *s, const char *name, int64_t *id)
{
    whet_store_filter f = {.limit = 1};
    json_t *list = NULL;
    char *end = NULL;
    *id = 0;
    if (strncmp(name, "latest", 6) != 0 || (name[6] != '\0' && name[6] != ':')) {
        *id = strtoll(name, &end, 10);
        if (end == name || *end != '\0' || *id <= 0)
            return WHET_FAIL(WHET_EINVAL, "run '%s' is neither a number nor \"latest\" nor \"latest:STUDY\"", name);
        return WHET_OK;
    }
    if (name[6] == ':') f.study = name + 7;
    WHET_TRY(whet_store_list(s, &list, &f));
    *id = json_integer_value(json_object_get(json_array_get(list, 0), "id"));
    json_decref(list);
    if (*id != 0) return WHET_OK;
    whet_status status = f.study != NULL ? WHET_FAIL(WHET_ENOTFOUND, "no run of a study '%s' is stored", f.study)
                                         : WHET_FAIL(WHET_ENOTFOUND, "the store is empty");
    whet_error_at_file(s->path);
    return status;
}

// --- changing

static whet_status exists(whet_store *s, int64_t id)
{
    sqlite3_stmt *st = NULL;
    bool row = false;
    WHET_TRY(whet_store_query(s, &st, "SELECT 1 FROM runs WHERE id=?", "i", id));
    whet_status status = whet_store_step_row(s, st, &row);
    sqlite3_finalize(st);
    return status == WHET_OK && !row ? no_run(s, id) : status;
}

whet_status whet_store_tag(whet_store *s, int64_t id, const char *tag, bool remove)
{
    if (tag == NULL || tag[0] == '\0' || strlen(tag) > 100 || strpbrk(tag, "\n\r") != NULL)
        return WHET_FAIL(WHET_EINVAL, "a tag is one line of 1 to 100 bytes");
    WHET_TRY(exists(s, id));
    if (remove) return whet_store_exec(s, "DELETE FROM tags WHERE run=? AND tag=?", "it", id, tag);
    return whet_store_exec(s, "INSERT OR IGNORE INTO tags(run, tag) VALUES(?,?)", "it", id, tag);
}

whet_status whet_store_remove(whet_store *s, int64_t id)
{
    WHET_TRY(exists(s, id));
    return whet_store_exec(s, "DELETE FROM runs WHERE id=?", "i", id);
}

// --- export, import

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

static whet_status import_one(whet_store *s, const json_t *run, int *added, int *skipped)
{
    const json_t *doc = json_object_get(run, "document"), *tags = json_object_get(run, "tags"), *tag = NULL;
    const char *time = json_string_value(json_object_get(run, "time"));
    size_t i = 0;
    int64_t id = 0;
    bool is_new = false;
    if (!json_is_object(doc) || time == NULL || strlen(time) != 20)
        return WHET_FAIL(WHET_EFORMAT, "run %d of the export has no \"document\" or no \"time\"", *added + *skipped + 1);
    WHET_TRY(put_run(s, doc, json_string_value(json_object_get(run, "study")), time, &id, &is_new));
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

whet_status whet_store_import(whet_store *s, const json_t *doc, int *added, int *skipped)
{
    const json_t *runs = json_object_get(doc, "runs"), *run = NULL;
    size_t i = 0;
    whet_status status = WHET_OK;
    *added = *skipped = 0;
    if (json_integer_value(json_object_get(doc, "whet_export")) != 1 || !json_is_array(runs))
        return WHET_FAIL(WHET_EFORMAT, "not an export of results: made by 'whet results export'?");
    WHET_TRY(whet_store_begin(s));
    json_array_foreach(runs, i, run)
    {
        status = import_one(s, run, added, skipped);
        if (status != WHET_OK) break;
    }
    status = whet_store_end(s, status);
    if (status != WHET_OK) *added = *skipped = 0;
    return status;
}
