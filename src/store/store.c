// SPDX-License-Identifier: Apache-2.0
// Opening, migrating and talking to the database.
//
// Rollback journal with synchronous=FULL: one file, survives a killed program and a power cut, works on network
// folders where WAL does not. The schema's version stands in user_version; a migration is one entry of a table and
// runs in a transaction of its own, so a crash, a full disk or an error in the middle leaves the old version.
#include "store/store.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/io.h"
#include "base/log.h"
#include "base/mem.h"
#include "store/store_private.h"

// migrations[v] brings a file from version v to v + 1: the statements, then `fill` (may be NULL). Only ever appended.
static const struct migration {
    const char *sql;
    whet_status (*fill)(whet_store *s);
} migrations[] = {
    {"CREATE TABLE runs(id INTEGER PRIMARY KEY AUTOINCREMENT, sha256 TEXT NOT NULL UNIQUE, time TEXT NOT NULL,"
    " kind TEXT NOT NULL, study TEXT, summary TEXT, document TEXT NOT NULL);"
    "CREATE INDEX runs_study ON runs(study, id);"
    "CREATE TABLE tags(run INTEGER NOT NULL REFERENCES runs(id) ON DELETE CASCADE, tag TEXT NOT NULL,"
    " PRIMARY KEY(run, tag)) WITHOUT ROWID;"
    "CREATE TABLE rows(run INTEGER NOT NULL REFERENCES runs(id) ON DELETE CASCADE, n INTEGER NOT NULL, model TEXT,"
    " runtime TEXT, precision TEXT, status TEXT, verdict TEXT, accuracy REAL, p50_ms REAL, img_s REAL, size_bytes INTEGER,"
    " PRIMARY KEY(run, n)) WITHOUT ROWID;"
    "CREATE TABLE steps(key TEXT PRIMARY KEY, name TEXT NOT NULL, status TEXT NOT NULL, time TEXT NOT NULL,"
    " seconds REAL NOT NULL, outputs TEXT NOT NULL) WITHOUT ROWID;", NULL},
    // Documents (raw samples: up to megabytes) leave the table that is listed; rows get what comparing and searching ask
    // for. Foreign keys are off meanwhile, so dropping the old table takes nothing along.
    {"CREATE TABLE documents(run INTEGER PRIMARY KEY REFERENCES runs(id) ON DELETE CASCADE, document TEXT NOT NULL);"
     "INSERT INTO documents SELECT id, document FROM runs;"
     "CREATE TABLE runs_2(id INTEGER PRIMARY KEY AUTOINCREMENT, sha256 TEXT NOT NULL UNIQUE, time TEXT NOT NULL,"
     " kind TEXT NOT NULL, study TEXT, summary TEXT, host TEXT, n_rows INTEGER NOT NULL, n_ok INTEGER NOT NULL);"
     "INSERT INTO runs_2 SELECT id, sha256, time, kind, study, summary, NULL, (SELECT count(*) FROM rows w WHERE w.run=r.id),"
     " (SELECT count(*) FROM rows w WHERE w.run=r.id AND w.status='ok') FROM runs r;"
     "DELETE FROM sqlite_sequence WHERE name='runs_2';" // numbers of removed runs are not given again
     "INSERT INTO sqlite_sequence(name, seq) SELECT 'runs_2', seq FROM sqlite_sequence WHERE name='runs';"
     "DROP TABLE runs;"
     "ALTER TABLE runs_2 RENAME TO runs;"
     "CREATE INDEX runs_study ON runs(study, id);"
     "CREATE INDEX runs_kind ON runs(kind, id);"
     "CREATE INDEX tags_tag ON tags(tag, run);"
     "ALTER TABLE rows ADD COLUMN runtime_version TEXT;"
     "ALTER TABLE rows ADD COLUMN batch INTEGER;"
     "ALTER TABLE rows ADD COLUMN threads INTEGER;"
     "ALTER TABLE rows ADD COLUMN memory_bytes INTEGER;"
     "ALTER TABLE rows ADD COLUMN model_sha256 TEXT;"
     "CREATE INDEX rows_model ON rows(model, run);",
     whet_store_fill_rows},
};
_Static_assert(WHET_COUNT(migrations) == WHET_STORE_VERSION, "one migration a version");

// How long another program's lock is waited for.
static double wait_seconds(void)
{
    const char *text = getenv("WHET_STORE_WAIT");
    char *end = NULL;
    const double seconds = text != NULL ? strtod(text, &end) : 10;
    return text == NULL || (end != text && seconds >= 0 && seconds <= 3600) ? seconds : 10;
}

// A quota or a limit on file sizes comes as a failed write, not as SQLITE_FULL.
static bool is_write(const whet_store *s, int code)
{
    static const int codes[] = {SQLITE_IOERR_WRITE, SQLITE_IOERR_FSYNC, SQLITE_IOERR_DIR_FSYNC, SQLITE_IOERR_TRUNCATE, SQLITE_IOERR_CLOSE};
    const int extended = s->db != NULL ? sqlite3_extended_errcode(s->db) : code;
    for (size_t i = 0; i < WHET_COUNT(codes); i++)
        if (extended == codes[i]) return true;
    return false;
}

whet_status whet_store_fail(whet_store *s, int code, const char *what)
{
    const char *text = s->db != NULL ? sqlite3_errmsg(s->db) : sqlite3_errstr(code);
    whet_status status = WHET_EIO;
    switch (code & 0xff) {
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        status = WHET_FAIL(WHET_EFORMAT, "results store is damaged (%s while %s): move it away or put a copy back", text, what);
        break;
    case SQLITE_FULL:
        status = WHET_FAIL(WHET_EIO, "disk full while %s: nothing was changed", what);
        break;
    case SQLITE_IOERR:
        status = is_write(s, code) ? WHET_FAIL(WHET_EIO, "writing failed (disk full, over the quota or the limit on file sizes): nothing was changed")
                                   : WHET_FAIL(WHET_EIO, "results store failed: %s while %s", text, what);
        break;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        status = WHET_FAIL(WHET_EIO, "results store is locked by another program for over %.3g s while %s: nothing was changed, try again",
                           wait_seconds(), what);
        break;
    case SQLITE_NOMEM:
        status = WHET_FAIL(WHET_ENOMEM, "out of memory while %s", what);
        break;
    case SQLITE_READONLY:
    case SQLITE_CANTOPEN:
    case SQLITE_PERM:
        status = WHET_FAIL(WHET_EIO, "results store cannot be opened or written (%s while %s): check its rights", text, what);
        break;
    default:
        status = WHET_FAIL(WHET_EIO, "results store failed: %s while %s", text, what);
    }
    whet_error_at_file(s->path);
    return status;
}

static whet_status query_v(whet_store *s, sqlite3_stmt **out, const char *sql, const char *types, va_list args)
{
    int code = sqlite3_prepare_v2(s->db, sql, -1, out, NULL);
    for (int i = 0; code == SQLITE_OK && types[i] != '\0'; i++) {
        if (types[i] == 't') {
            code = sqlite3_bind_text(*out, i + 1, va_arg(args, const char *), -1, SQLITE_TRANSIENT);
        } else if (types[i] == 'i') {
            code = sqlite3_bind_int64(*out, i + 1, va_arg(args, int64_t));
        } else {
            code = sqlite3_bind_double(*out, i + 1, va_arg(args, double));
        }
    }
    if (code == SQLITE_OK) return WHET_OK;
    whet_status status = whet_store_fail(s, code, "preparing a query");
    sqlite3_finalize(*out);
    *out = NULL;
    return status;
}

whet_status whet_store_query(whet_store *s, sqlite3_stmt **out, const char *sql, const char *types, ...)
{
    va_list args;
    *out = NULL;
    va_start(args, types);
    whet_status status = query_v(s, out, sql, types, args);
    va_end(args);
    return status;
}

whet_status whet_store_step_row(whet_store *s, sqlite3_stmt *st, bool *row)
{
    int code = sqlite3_step(st);
    *row = code == SQLITE_ROW;
    return code == SQLITE_ROW || code == SQLITE_DONE ? WHET_OK
                                                     : whet_store_fail(s, code, sqlite3_stmt_readonly(st) ? "reading" : "writing");
}

whet_status whet_store_exec(whet_store *s, const char *sql, const char *types, ...)
{
    va_list args;
    sqlite3_stmt *st = NULL;
    bool row = true;
    va_start(args, types);
    whet_status status = query_v(s, &st, sql, types, args);
    va_end(args);
    while (status == WHET_OK && row) status = whet_store_step_row(s, st, &row);
    sqlite3_finalize(st);
    return status;
}

whet_status whet_store_begin(whet_store *s)
{
    return whet_store_exec(s, "BEGIN IMMEDIATE", "");
}

whet_status whet_store_end(whet_store *s, whet_status status)
{
    if (status == WHET_OK) status = whet_store_exec(s, "COMMIT", "");
    // The error that ended the transaction is the one to report, so the rollback's own is not asked for.
    if (status != WHET_OK && !sqlite3_get_autocommit(s->db)) sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL);
    return status;
}

static whet_status read_version(whet_store *s, int *version)
{
    sqlite3_stmt *st = NULL;
    bool row = false;
    WHET_TRY(whet_store_query(s, &st, "PRAGMA user_version", ""));
    whet_status status = whet_store_step_row(s, st, &row);
    *version = row ? sqlite3_column_int(st, 0) : 0;
    sqlite3_finalize(st);
    return status;
}

static whet_status migrate_once(whet_store *s)
{
    int version = 0, code = SQLITE_OK;
    char pragma[40];
    WHET_TRY(whet_store_begin(s));
    whet_status status = read_version(s, &version); // again: another program may have been faster
    if (status == WHET_OK && version < WHET_STORE_VERSION) {
        snprintf(pragma, sizeof pragma, "PRAGMA user_version=%d", version + 1);
        code = sqlite3_exec(s->db, migrations[version].sql, NULL, NULL, NULL);
        if (code == SQLITE_OK && migrations[version].fill != NULL) status = migrations[version].fill(s);
        if (code == SQLITE_OK && status == WHET_OK) code = sqlite3_exec(s->db, pragma, NULL, NULL, NULL);
        if (code != SQLITE_OK) status = whet_store_fail(s, code, version == 0 ? "making the tables" : "bringing it to this program's version");
    }
    return whet_store_end(s, status);
}

// A reader finds an old file: it is opened for writing once.
static whet_status migrate_apart(const char *path)
{
    whet_store *writable = NULL;
    WHET_TRY(whet_store_open(&writable, path, false));
    whet_store_close(writable);
    return WHET_OK;
}

static whet_status migrate(whet_store *s, bool read_only)
{
    int version = 0;
    WHET_TRY(read_version(s, &version));
    if (version > WHET_STORE_VERSION || version < 0) {
        whet_fail(WHET_EUNSUPPORTED, "results store has version %d, this program knows up to %d: use a newer whet", version,
                  WHET_STORE_VERSION);
        whet_error_at_file(s->path);
        return WHET_EUNSUPPORTED;
    }
    if (version < WHET_STORE_VERSION && read_only) return migrate_apart(s->path);
    if (version > 0 && version < WHET_STORE_VERSION)
        whet_log(WHET_LOG_INFO, "results store '%s' is brought from version %d to %d", s->path, version, WHET_STORE_VERSION);
    for (; version < WHET_STORE_VERSION; version++) WHET_TRY(migrate_once(s));
    return WHET_OK;
}

char *whet_store_default_path(void)
{
    const char *given = getenv("WHET_STORE");
    if (given != NULL && given[0] != '\0') return whet_strdup(given);
    char *dir = whet_data_dir();
    char *path = dir != NULL ? whet_path_join(dir, "results.sqlite") : NULL;
    whet_free(dir);
    return path;
}

static whet_status make_folder(const char *path)
{
    const char *base = whet_path_base(path);
    if (base == path) return WHET_OK;
    char *dir = whet_strndup(path, (size_t)(base - path));
    if (dir == NULL) return WHET_ENOMEM;
    whet_status status = whet_mkdirs(dir);
    whet_free(dir);
    return status;
}

whet_status whet_store_open(whet_store **out, const char *path, bool read_only)
{
    whet_status status = WHET_OK;
    int code = SQLITE_OK;
    whet_store *s = NULL;
    *out = NULL;
    s = whet_calloc(1, sizeof *s);
    if (s == NULL) return WHET_ENOMEM;
    s->path = path != NULL ? whet_strdup(path) : whet_store_default_path();
    if (s->path == NULL) {
        status = WHET_ENOMEM;
        goto done;
    }
    if (whet_dir_exists(s->path)) {
        status = WHET_FAIL(WHET_EINVAL, "this is a folder, the store is a file in it: give its path, such as %s/results.sqlite", s->path);
        whet_error_at_file(s->path);
        goto done;
    }
    if (read_only && !whet_file_exists(s->path)) {
        status = WHET_FAIL(WHET_ENOTFOUND, "no results are stored yet: 'whet study' and 'whet bench' store theirs here");
        whet_error_at_file(s->path);
        goto done;
    }
    if (!read_only) WHET_GOTO(make_folder(s->path));
    // a reader too must be able to undo what a killed program left half done; a file without rights is opened as it may be
    code = sqlite3_open_v2(s->path, &s->db, SQLITE_OPEN_READWRITE | (read_only ? 0 : SQLITE_OPEN_CREATE), NULL);
    if (code == SQLITE_OK) code = sqlite3_busy_timeout(s->db, (int)(wait_seconds() * 1000));
    if (code == SQLITE_OK)
        code = sqlite3_exec(s->db, "PRAGMA foreign_keys=OFF; PRAGMA synchronous=FULL; PRAGMA trusted_schema=OFF", NULL, NULL, NULL);
    if (code != SQLITE_OK) {
        status = whet_store_fail(s, code, "opening it");
        goto done;
    }
    WHET_GOTO(migrate(s, read_only));
    code = sqlite3_exec(s->db, read_only ? "PRAGMA query_only=ON" : "PRAGMA foreign_keys=ON", NULL, NULL, NULL);
    if (code != SQLITE_OK) status = whet_store_fail(s, code, "opening it");
done:
    if (status == WHET_OK) {
        *out = s;
    } else {
        whet_store_close(s);
    }
    return status;
}

void whet_store_close(whet_store *s)
{
    if (s == NULL) return;
    sqlite3_close(s->db);
    whet_free(s->path);
    whet_free(s);
}

const char *whet_store_path(const whet_store *s)
{
    return s->path;
}

whet_status whet_store_check(whet_store *s)
{
    sqlite3_stmt *st = NULL;
    bool row = false;
    WHET_TRY(whet_store_query(s, &st, "PRAGMA integrity_check(1)", ""));
    whet_status status = whet_store_step_row(s, st, &row);
    const char *text = row ? (const char *)sqlite3_column_text(st, 0) : "no answer";
    if (status == WHET_OK && (text == NULL || strcmp(text, "ok") != 0)) {
        status = WHET_FAIL(WHET_EFORMAT, "results store is damaged (%s): move it away or put a copy back", text != NULL ? text : "?");
        whet_error_at_file(s->path);
    }
    sqlite3_finalize(st);
    return status;
}
