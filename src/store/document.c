// SPDX-License-Identifier: Apache-2.0
// A result document by its name. A file goes before a run of the same name: what lies in the folder is what was meant.
#include "store/document.h"

#include <string.h>

#include "base/io.h"
#include "store/store.h"
#include "wire/json.h"

whet_status whet_document_check(const json_t *doc, const char *name)
{
    const json_t *version = json_object_get(doc, "schema_version");
    if (!json_is_object(doc) || !json_is_string(json_object_get(doc, "kind")))
        return WHET_FAIL(WHET_EFORMAT, "%s is no result: it has no \"kind\"", name);
    if (version != NULL && !json_is_integer(version)) return WHET_FAIL(WHET_EFORMAT, "%s has a \"schema_version\" that is no whole number", name);
    if (json_integer_value(version) > WHET_RESULT_SCHEMA)
        return WHET_FAIL(WHET_EUNSUPPORTED, "%s has schema version %" JSON_INTEGER_FORMAT ", this program knows up to %d: use a newer whet", name,
                         json_integer_value(version), WHET_RESULT_SCHEMA);
    return WHET_OK;
}

static whet_status from_file(json_t **doc, const char *path)
{
    json_t *all = NULL;
    WHET_TRY(whet_json_read(&all, path));
    const json_t *runs = json_object_get(all, "runs"), *version = json_object_get(all, "whet_export");
    whet_status status = WHET_OK;
    if (version == NULL) {
        *doc = json_incref(all);
    } else if (json_integer_value(version) > 1) {
        status = WHET_FAIL(WHET_EUNSUPPORTED, "an export of version %" JSON_INTEGER_FORMAT ", this program knows 1: use a newer whet", json_integer_value(version));
    } else if (json_array_size(runs) != 1) {
        status = WHET_FAIL(WHET_EINVAL, "an export of %zu runs where one is wanted: 'whet results import' it and name a run", json_array_size(runs));
    } else {
        *doc = json_incref(json_object_get(json_array_get(runs, 0), "document"));
    }
    if (status == WHET_OK) status = whet_document_check(*doc, "the file");
    if (status != WHET_OK) {
        json_decref(*doc);
        *doc = NULL;
        whet_error_at_file(path);
    }
    json_decref(all);
    return status;
}

bool whet_document_measured(const json_t *doc)
{
    const json_t *row = NULL;
    size_t i = 0;
    json_array_foreach(json_object_get(doc, "rows"), i, row)
    {
        if (strcmp(whet_json_str(row, "status"), "ok") == 0 || json_is_object(json_object_get(row, "latency")) || json_is_object(json_object_get(row, "parity")) ||
            json_is_object(json_object_get(row, "accuracy")))
            return true;
    }
    return false;
}

void whet_document_refuse(json_t *doc)
{
    json_object_set_new(doc, "not_stored", json_string("nothing was measured, nothing is stored"));
}

whet_status whet_document_load(json_t **doc, json_t **meta, const char *source, const char *store_path)
{
    whet_store *s = NULL;
    int64_t id = 0;
    *doc = NULL;
    if (meta != NULL) *meta = NULL;
    if (whet_file_exists(source)) return from_file(doc, source);
    whet_status status = whet_store_open(&s, store_path, true);
    if (status == WHET_ENOTFOUND) {
        whet_fail(WHET_ENOTFOUND, "no such result file, and nothing is stored yet");
        whet_error_at_file(source);
        return WHET_ENOTFOUND;
    }
    if (status == WHET_OK) status = whet_store_find_run(s, source, &id);
    if (status == WHET_ENOTFOUND && id == 0) { // the store's own words, but for a name that looks like a file
        const char *ext = whet_path_ext(source);
        if (ext[0] != '\0' && ext[1] != '\0') {
            whet_fail(WHET_ENOTFOUND, "no such result file, and no stored run or tag of that name");
            whet_error_at_file(source);
        }
    }
    if (status == WHET_OK) status = whet_store_get_run(s, doc, id, meta);
    if (status == WHET_OK) status = whet_document_check(*doc, "the stored run");
    if (status != WHET_OK) {
        json_decref(*doc);
        *doc = NULL;
        if (meta != NULL) {
            json_decref(*meta);
            *meta = NULL;
        }
    }
    whet_store_close(s);
    return status;
}
