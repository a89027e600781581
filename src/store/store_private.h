/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by the files of this folder. */
#ifndef WHET_STORE_PRIVATE_H
#define WHET_STORE_PRIVATE_H

#include <sqlite3.h>

#include "store/store.h"

struct whet_store {
    sqlite3 *db;
    char *path;
};

/* Turns SQLite's last error into ours: damage, full disk, lock, newer file; `what` is what was being done. */
whet_status whet_store_fail(whet_store *s, int code, const char *what);
/* Prepares a statement and binds by letters: t = const char * (NULL allowed), i = int64_t, d = double. */
whet_status whet_store_query(whet_store *s, sqlite3_stmt **out, const char *sql, const char *types, ...);
/* *row true while there are rows. */
whet_status whet_store_step_row(whet_store *s, sqlite3_stmt *st, bool *row);
/* Prepares, binds, runs to the end. */
whet_status whet_store_exec(whet_store *s, const char *sql, const char *types, ...);
/* Version 2: rows and counts of every stored document anew. Inside a transaction. */
whet_status whet_store_fill_rows(whet_store *s);
/* Inside a transaction. *id is set; *is_new false if the document is there already. */
whet_status whet_store_put_at(whet_store *s, const json_t *doc, const char *study, const char *time, int64_t *id, bool *is_new);
whet_status whet_store_begin(whet_store *s);
/* Commits if status is OK, else rolls back; returns the first error. */
whet_status whet_store_end(whet_store *s, whet_status status);

#endif
