// SPDX-License-Identifier: Apache-2.0
// Finished steps of studies, found by their key.
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "store/store_private.h"
#include "wire/json.h"

whet_status whet_store_get_step(whet_store *s, const char *key, whet_store_step *step, bool *found)
{
    whet_status status = WHET_OK;
    sqlite3_stmt *st = NULL;
    *found = false;
    memset(step, 0, sizeof *step);
    WHET_TRY(whet_store_query(s, &st, "SELECT status, time, seconds, outputs FROM steps WHERE key=?", "t", key));
    WHET_GOTO(whet_store_step_row(s, st, found));
    if (*found) {
        const char *text = (const char *)sqlite3_column_text(st, 3);
        snprintf(step->status, sizeof step->status, "%s", (const char *)sqlite3_column_text(st, 0));
        snprintf(step->time, sizeof step->time, "%s", (const char *)sqlite3_column_text(st, 1));
        step->seconds = sqlite3_column_double(st, 2);
        WHET_GOTO(whet_json_parse(&step->outputs, text != NULL ? text : "", text != NULL ? strlen(text) : 0, s->path));
    }
done:
    sqlite3_finalize(st);
    if (status != WHET_OK) *found = false;
    return status;
}

whet_status whet_store_put_step(whet_store *s, const char *key, const char *name, const char *step_status, double seconds,
                                const json_t *outputs)
{
    char now[21];
    char *text = whet_json_text(outputs, 0);
    if (text == NULL) return WHET_ENOMEM;
    whet_utc_now(now);
    whet_status status = whet_store_exec(s,
                                         "INSERT OR REPLACE INTO steps(key, name, status, time, seconds, outputs)"
                                         " VALUES(?,?,?,?,?,?)",
                                         "ttttdt", key, name, step_status, now, seconds, text);
    whet_free(text);
    return status;
}

whet_status whet_store_step_outputs(whet_store *s, const char *name, json_t **out)
{
    sqlite3_stmt *st = NULL;
    bool row = false;
    whet_status status = WHET_OK;
    *out = json_array();
    if (*out == NULL) return WHET_FAIL(WHET_ENOMEM, "out of memory for a list of steps");
    WHET_GOTO(whet_store_query(s, &st, "SELECT outputs FROM steps WHERE name=? AND status='ok' ORDER BY key", "t", name));
    for (;;) {
        json_t *one = NULL;
        WHET_GOTO(whet_store_step_row(s, st, &row));
        if (!row) break;
        const char *text = (const char *)sqlite3_column_text(st, 0);
        WHET_GOTO(whet_json_parse(&one, text != NULL ? text : "", text != NULL ? strlen(text) : 0, s->path));
        json_array_append_new(*out, one);
    }
done:
    sqlite3_finalize(st);
    if (status != WHET_OK) {
        json_decref(*out);
        *out = NULL;
    }
    return status;
}

whet_status whet_store_count_steps(whet_store *s, const char *name, int64_t *n)
{
    sqlite3_stmt *st = NULL;
    bool row = false;
    *n = 0;
    WHET_TRY(whet_store_query(s, &st, "SELECT count(*) FROM steps WHERE name=? AND status='ok'", "t", name));
    const whet_status status = whet_store_step_row(s, st, &row);
    if (row) *n = sqlite3_column_int64(st, 0);
    sqlite3_finalize(st);
    return status;
}
