// SPDX-License-Identifier: Apache-2.0
// Runs: storing a document with its rows flattened for listing, finding, tagging, removing.
#include <inttypes.h>
#include <math.h>
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
    {{"runtime_version"}, 't'},   {{"batch"}, 'i'},          {{"threads"}, 'i'},   {{"memory", "delta_bytes"}, 'i'}, {{"sha256"}, 't'},
};
static const char insert_row[] =
    "INSERT INTO rows(run, n, model, runtime, precision, status, verdict, accuracy, p50_ms, img_s, size_bytes,"
    " runtime_version, batch, threads, memory_bytes, model_sha256) VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)";

// What a file says may be any number; one that no column of whole numbers holds is none.
static bool is_whole(const json_t *v)
{
    return json_is_integer(v) || (json_is_real(v) && fabs(json_real_value(v)) < 9e18);
}

static int bind_flat(sqlite3_stmt *st, int at, const struct flat *f, const json_t *row)
{
    const json_t *v = row;
    for (int i = 0; i < 3 && f->path[i] != NULL; i++) v = json_object_get(v, f->path[i]);
    if (f->type == 't' && json_is_string(v)) return sqlite3_bind_text(st, at, json_string_value(v), -1, SQLITE_TRANSIENT);
    if (f->type == 'i' && is_whole(v)) return sqlite3_bind_int64(st, at, (int64_t)json_number_value(v));
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

static void count_rows(const json_t *doc, int64_t *n_rows, int64_t *n_ok)
{
    const json_t *rows = json_object_get(doc, "rows"), *row = NULL;
    size_t i = 0;
    *n_rows = (int64_t)json_array_size(rows);
    *n_ok = 0;
    json_array_foreach(rows, i, row) *n_ok += strcmp(whet_json_str(row, "status"), "ok") == 0;
}

// NULL for a document that says nothing of a machine.
static const char *host_of(const json_t *doc)
{
    return json_string_value(json_object_get(json_object_get(json_object_get(doc, "context"), "machine"), "host"));
}

static whet_status fill_one(whet_store *s, int64_t id)
{
    sqlite3_stmt *st = NULL;
    json_t *doc = NULL;
    bool row = false;
    int64_t n_rows = 0, n_ok = 0;
    whet_status status = WHET_OK;
    WHET_GOTO(whet_store_query(s, &st, "SELECT document FROM documents WHERE run=?", "i", id));
    WHET_GOTO(whet_store_step_row(s, st, &row));
    const char *text = row ? (const char *)sqlite3_column_text(st, 0) : NULL;
    status = whet_json_parse(&doc, text != NULL ? text : "", text != NULL ? strlen(text) : 0, s->path);
    if (status == WHET_EFORMAT) { // what cannot be read keeps the rows that it has
        status = WHET_OK;
        goto done;
    }
    if (status != WHET_OK) goto done;
    count_rows(doc, &n_rows, &n_ok);
    WHET_GOTO(whet_store_exec(s, "DELETE FROM rows WHERE run=?", "i", id));
    WHET_GOTO(put_rows(s, id, doc));
    WHET_GOTO(whet_store_exec(s, "UPDATE runs SET host=?, n_rows=?, n_ok=? WHERE id=?", "tiii", host_of(doc), n_rows, n_ok, id));
done:
    sqlite3_finalize(st);
    json_decref(doc);
    return status;
}

whet_status whet_store_fill_rows(whet_store *s)
{
    sqlite3_stmt *st = NULL;
    bool row = false;
    int64_t id = 0;
    whet_status status = WHET_OK;
    for (;;) { // one at a time: a statement that is still being read sees its own changes
        WHET_TRY(whet_store_query(s, &st, "SELECT id FROM runs WHERE id>? ORDER BY id LIMIT 1", "i", id));
        status = whet_store_step_row(s, st, &row);
        if (row) id = sqlite3_column_int64(st, 0);
        sqlite3_finalize(st);
        if (status != WHET_OK || !row) return status;
        WHET_TRY(fill_one(s, id));
    }
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

whet_status whet_store_put_at(whet_store *s, const json_t *doc, const char *study, const char *time, int64_t *id, bool *is_new)
{
    char sha256[65];
    const char *kind = json_string_value(json_object_get(doc, "kind"));
    const char *summary = json_string_value(json_object_get(doc, "summary"));
    int64_t n_rows = 0, n_ok = 0;
    *is_new = false;
    if (kind == NULL) return WHET_FAIL(WHET_EFORMAT, "result document has no \"kind\" and cannot be stored");
    WHET_TRY(identity(doc, sha256));
    WHET_TRY(find_identity(s, sha256, id));
    if (*id != 0) return WHET_OK;
    char *text = whet_json_text(doc, 0);
    if (text == NULL) return WHET_ENOMEM;
    count_rows(doc, &n_rows, &n_ok);
    whet_status status = whet_store_exec(s,
                                         "INSERT INTO runs(sha256, time, kind, study, summary, host, n_rows, n_ok)"
                                         " VALUES(?,?,?,?,?,?,?,?)",
                                         "ttttttii", sha256, time, kind, study, summary, host_of(doc), n_rows, n_ok);
    if (status == WHET_OK) {
        *id = sqlite3_last_insert_rowid(s->db);
        *is_new = true;
        status = whet_store_exec(s, "INSERT INTO documents(run, document) VALUES(?,?)", "it", *id, text);
    }
    whet_free(text);
    WHET_TRY(status);
    return put_rows(s, *id, doc);
}

whet_status whet_store_put_run(whet_store *s, const json_t *doc, const char *study, int64_t *id)
{
    char now[21];
    bool is_new = false;
    int64_t got = 0;
    whet_utc_now(now);
    WHET_TRY(whet_store_begin(s));
    whet_status status = whet_store_end(s, whet_store_put_at(s, doc, study, now, &got, &is_new));
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
    "SELECT r.id, r.time, r.kind, r.study, r.summary, r.n_rows, r.n_ok,"
    " (SELECT group_concat(tag, char(10)) FROM (SELECT tag FROM tags t WHERE t.run=r.id ORDER BY tag)), r.host";

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
    set_text(o, "host", st, 8);
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
             " (?3 IS NULL OR r.id IN (SELECT t.run FROM tags t WHERE t.tag=?3)) AND"
             " (?4 IS NULL OR r.id IN (SELECT w.run FROM rows w WHERE w.model=?4)) ORDER BY r.id DESC LIMIT ?5 OFFSET ?6",
             meta_columns);
    WHET_GOTO(whet_store_query(s, &st, sql, "ttttii", f->kind, f->study, f->tag, f->model, (int64_t)(f->limit > 0 ? f->limit : -1),
                               (int64_t)f->skip));
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

whet_status whet_store_count(whet_store *s, int64_t *runs)
{
    sqlite3_stmt *st = NULL;
    bool row = false;
    *runs = 0;
    WHET_TRY(whet_store_query(s, &st, "SELECT count(*) FROM runs", ""));
    whet_status status = whet_store_step_row(s, st, &row);
    if (row) *runs = sqlite3_column_int64(st, 0);
    sqlite3_finalize(st);
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
    snprintf(sql, sizeof sql, "%s, d.document FROM runs r JOIN documents d ON d.run=r.id WHERE r.id=?", meta_columns);
    WHET_GOTO(whet_store_query(s, &st, sql, "i", id));
    WHET_GOTO(whet_store_step_row(s, st, &row));
    if (!row) {
        status = no_run(s, id);
        goto done;
    }
    const char *text = (const char *)sqlite3_column_text(st, 9);
    WHET_GOTO(whet_json_parse(out, text != NULL ? text : "", text != NULL ? strlen(text) : 0, s->path));
    if (meta != NULL) *meta = meta_object(st);
done:
    sqlite3_finalize(st);
    return status;
}

// "latest", "latest:STUDY", either with "~N" behind it.
static whet_status find_latest(whet_store *s, const char *name, int64_t *id)
{
    whet_store_filter f = {.limit = 1};
    json_t *list = NULL;
    char study[256] = "";
    const char *back = strrchr(name, '~');
    char *end = NULL;
    if (back != NULL && back[1] != '\0' && strspn(back + 1, "0123456789") == strlen(back + 1)) {
        f.skip = (int)WHET_MIN(strtoll(back + 1, &end, 10), 1000000000);
    } else if (name[6] == '~') {
        return WHET_FAIL(WHET_ENOTFOUND, "'%s' wants a number, as latest~1 for the run before the newest", name);
    } else {
        back = name + strlen(name);
    }
    if (name[6] == ':') {
        snprintf(study, sizeof study, "%.*s", (int)WHET_MIN(back - name - 7, (long)sizeof study - 1), name + 7);
        f.study = study;
    }
    WHET_TRY(whet_store_list(s, &list, &f));
    *id = json_integer_value(json_object_get(json_array_get(list, 0), "id"));
    json_decref(list);
    if (*id != 0) return WHET_OK;
    whet_status status = f.study != NULL ? WHET_FAIL(WHET_ENOTFOUND, "no run of a study '%s' is stored%s", f.study, f.skip > 0 ? " so far back" : "")
                         : f.skip > 0    ? WHET_FAIL(WHET_ENOTFOUND, "there are no %d runs before the newest", f.skip)
                                         : WHET_FAIL(WHET_ENOTFOUND, "the store is empty");
    whet_error_at_file(s->path);
    return status;
}

static bool is_latest(const char *name)
{
    return strncmp(name, "latest", 6) == 0 && (name[6] == '\0' || name[6] == ':' || name[6] == '~');
}

whet_status whet_store_find_run(whet_store *s, const char *name, int64_t *id)
{
    whet_store_filter f = {.limit = 1, .tag = name};
    json_t *list = NULL;
    *id = 0;
    if (is_latest(name)) return find_latest(s, name, id);
    if (name[0] != '\0' && strlen(name) < 19 && strspn(name, "0123456789") == strlen(name)) {
        *id = strtoll(name, NULL, 10);
        return WHET_OK;
    }
    WHET_TRY(whet_store_list(s, &list, &f));
    *id = json_integer_value(json_object_get(json_array_get(list, 0), "id"));
    json_decref(list);
    if (*id != 0) return WHET_OK;
    whet_fail(WHET_ENOTFOUND, "no stored run is called '%s': say a number of 'whet results list', latest, latest:STUDY, latest~1 or a tag", name);
    whet_error_at_file(s->path);
    return WHET_ENOTFOUND;
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
    if (is_latest(tag) || strspn(tag, "0123456789") == strlen(tag))
        return WHET_FAIL(WHET_EINVAL, "'%s' cannot be a tag: numbers and latest name runs themselves", tag);
    WHET_TRY(exists(s, id));
    if (remove) return whet_store_exec(s, "DELETE FROM tags WHERE run=? AND tag=?", "it", id, tag);
    return whet_store_exec(s, "INSERT OR IGNORE INTO tags(run, tag) VALUES(?,?)", "it", id, tag);
}

whet_status whet_store_remove(whet_store *s, int64_t id)
{
    WHET_TRY(exists(s, id));
    return whet_store_exec(s, "DELETE FROM runs WHERE id=?", "i", id);
}
