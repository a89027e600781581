/* SPDX-License-Identifier: Apache-2.0 */
/* Minutes of measuring are not lost to a store that another program holds: the file beside it, then the working folder, then
 * the temporary folder is tried. */
#include "api/keep.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "base/log.h"
#include "base/mem.h"
#include "store/document.h"
#include "store/store.h"
#include "wire/json.h"

/* "bench-20261121T093000Z-1234.json" */
static char *file_name(const json_t *doc)
{
    char time[24] = "";
    size_t n = 0;
    for (const char *p = whet_json_str(doc, "started"); *p != '\0' && n + 1 < sizeof time; p++)
        if (*p != '-' && *p != ':') time[n++] = *p;
    return whet_format("%s-%s-%ld.json", whet_json_str(doc, "kind"), time, (long)getpid());
}

static char *beside(const char *store_path)
{
    char *path = store_path != NULL ? whet_strdup(store_path) : whet_store_default_path();
    char *dir = NULL;
    if (path != NULL) dir = whet_format("%.*sunstored", (int)(whet_path_base(path) - path), path);
    whet_free(path);
    return dir;
}

static char *absolute(const char *path)
{
    char *real = realpath(path, NULL), *copy = whet_strdup(real != NULL ? real : path);
    free(real);
    return copy;
}

static whet_status write_beside(const json_t *doc, const char *store_path, char **out)
{
    char *name = file_name(doc), *dirs[] = {beside(store_path), whet_strdup("."), whet_strdup(getenv("TMPDIR") != NULL ? getenv("TMPDIR") : "/tmp")};
    whet_status status = name != NULL ? WHET_EIO : WHET_ENOMEM;
    *out = NULL;
    for (size_t i = 0; i < WHET_COUNT(dirs); i++) {
        if (name != NULL && dirs[i] != NULL && status != WHET_OK) {
            char *path = whet_path_join(dirs[i], name);
            status = path != NULL ? whet_mkdirs(dirs[i]) : WHET_ENOMEM;
            if (status == WHET_OK) status = whet_json_write(path, doc);
            if (status == WHET_OK) *out = absolute(path);
            whet_free(path);
        }
        whet_free(dirs[i]);
    }
    whet_free(name);
    return status;
}

void whet_keep_run(json_t *doc, const char *study, const char *store_path)
{
    whet_store *s = NULL;
    char *path = NULL, *why = NULL;
    int64_t id = 0;
    if (!whet_document_measured(doc)) {
        whet_document_refuse(doc);
        return;
    }
    whet_status status = whet_store_open(&s, store_path, false);
    if (status == WHET_OK) {
        json_object_set_new(doc, "stored_in", json_string(whet_store_path(s)));
        status = whet_store_put_run(s, doc, study, &id);
    }
    whet_store_close(s);
    if (status == WHET_OK) {
        json_object_set_new(doc, "run_id", json_integer(id));
        return;
    }
    json_object_del(doc, "stored_in");
    why = whet_strdup(whet_error_message());
    status = write_beside(doc, store_path, &path);
    if (status == WHET_OK && path != NULL) {
        json_object_set_new(doc, "kept_in", json_string(path));
        whet_log(WHET_LOG_WARN, "the run was not stored: %s; it lies in '%s', and `whet results import %s` takes it in", why != NULL ? why : "?", path, path);
    } else {
        whet_log(WHET_LOG_WARN, "the run was not stored: %s; no file could be written either (%s): what is printed here is all there is of it",
                 why != NULL ? why : "?", whet_error_message());
    }
    whet_error_clear();
    whet_free(path);
    whet_free(why);
}

whet_status whet_read_baseline(json_t **old, whet_gates *gates, const char *baseline, const char *gate, const char *store_path)
{
    *old = NULL;
    whet_gates_init(gates);
    if (gate != NULL && baseline == NULL) return WHET_FAIL(WHET_EINVAL, "--gate judges against a --baseline: name one");
    if (gate != NULL) WHET_TRY(whet_gates_parse(gates, gate));
    if (baseline == NULL) return WHET_OK;
    WHET_TRY(whet_document_load(old, NULL, baseline, store_path));
    if (json_is_array(json_object_get(*old, "rows"))) return WHET_OK;
    json_decref(*old);
    *old = NULL;
    return WHET_FAIL(WHET_EFORMAT, "'%s' is no stored result of a bench or a study: it has no rows", baseline);
}
