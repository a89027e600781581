// SPDX-License-Identifier: Apache-2.0
// One step: its key, finding it done, doing it, remembering it. A finished step counts only while every file it made is
// still there with its hash; times of files are never asked.
#include <stdio.h>
#include <string.h>

#include "base/cancel.h"
#include "base/clock.h"
#include "base/hash.h"
#include "base/io.h"
#include "base/log.h"
#include "base/mem.h"
#include "study/study_run.h"
#include "wire/json.h"

char *study_path(const study_run *r, const char *rel)
{
    return whet_path_join(r->out, rel);
}

char *study_output_path(const study_run *r, const json_t *outputs, int i)
{
    const char *rel = json_string_value(json_object_get(json_array_get(json_object_get(outputs, "files"), (size_t)i), "path"));
    return study_path(r, rel != NULL ? rel : "");
}

whet_status study_file(const study_run *r, const char *path, json_t **out)
{
    char sha256[65];
    size_t n = strlen(r->out);
    const char *rel = strncmp(path, r->out, n) == 0 && path[n] == '/' ? path + n + 1 : path;
    *out = NULL;
    WHET_TRY(whet_sha256_file(path, sha256));
    *out = json_pack("{s:s, s:s, s:I}", "path", rel, "sha256", sha256, "bytes", (json_int_t)whet_file_size(path));
    return *out != NULL ? WHET_OK : WHET_FAIL(WHET_EINVAL, "file name '%s' is not UTF-8", rel);
}

static whet_status make_key(const study_step_kind *kind, const json_t *job, char key[65])
{
    whet_sha256 h;
    char *text = whet_json_canonical(job), head[80];
    if (text == NULL) return WHET_ENOMEM;
    snprintf(head, sizeof head, "%s %d\n", kind->name, kind->version);
    whet_sha256_init(&h);
    whet_sha256_add(&h, head, strlen(head));
    whet_sha256_add(&h, text, strlen(text));
    whet_sha256_hex(&h, key);
    whet_free(text);
    return WHET_OK;
}

bool study_files_intact(const study_run *r, const json_t *outputs)
{
    const json_t *files = json_object_get(outputs, "files"), *f = NULL;
    size_t i = 0;
    json_array_foreach(files, i, f)
    {
        char sha256[65] = "";
        const char *rel = json_string_value(json_object_get(f, "path")), *want = json_string_value(json_object_get(f, "sha256"));
        char *path = rel != NULL && whet_path_is_inside(rel) ? study_path(r, rel) : NULL;
        bool same = path != NULL && want != NULL && whet_file_exists(path) && whet_sha256_file(path, sha256) == WHET_OK && strcmp(sha256, want) == 0;
        whet_free(path);
        if (!same) return false;
    }
    return true;
}

static void record(study_run *r, const study_step_kind *kind, const char *label, const char *key, const char *state, double seconds,
                   const char *reason)
{
    json_array_append_new(r->steps, json_pack("{s:s, s:s, s:s, s:f, s:s, s:s}", "name", kind->name, "label", label, "state", state,
                                              "seconds", seconds, "key", key, "reason", reason));
}

static whet_status do_step(study_run *r, const study_step_kind *kind, const char *label, const char *key, const json_t *job, json_t **outputs)
{
    uint64_t t0 = whet_now_ns();
    whet_log(WHET_LOG_INFO, "%s %s", kind->name, label);
    whet_status status = whet_cancelled() ? WHET_FAIL(WHET_ECANCELLED, "interrupted before the step '%s %s'", kind->name, label)
                                          : kind->fn(r, key, job, outputs);
    double seconds = (double)(whet_now_ns() - t0) / 1e9;
    if (status == WHET_OK) {
        status = whet_store_put_step(r->store, key, kind->name, "ok", seconds, *outputs);
        r->forgets = status != WHET_OK;
    }
    if (status == WHET_OK) {
        r->done++;
        record(r, kind, label, key, "done", seconds, "");
        return WHET_OK;
    }
    if (status != WHET_ECANCELLED) r->failed++;
    record(r, kind, label, key, status == WHET_ECANCELLED ? "interrupted" : "failed", seconds, whet_error_message());
    json_decref(*outputs);
    *outputs = NULL;
    return status;
}

// Rows share steps: one that this run has met already is neither done nor told twice, nor tried again if it failed.
static const json_t *in_this_run(const study_run *r, const char *key)
{
    const json_t *s = NULL;
    size_t i = 0;
    json_array_foreach(r->steps, i, s)
    {
        const char *k = json_string_value(json_object_get(s, "key"));
        if (k != NULL && strcmp(k, key) == 0) return s;
    }
    return NULL;
}

static whet_status again(const study_run *r, const json_t *step, const char *key, json_t **outputs)
{
    whet_store_step before = {.outputs = NULL};
    const char *state = json_string_value(json_object_get(step, "state"));
    bool found = false;
    if (strcmp(state, "to do") == 0) return WHET_OK;
    if (strcmp(state, "failed") == 0) return WHET_FAIL(WHET_ERUNTIME, "%s", json_string_value(json_object_get(step, "reason")));
    WHET_TRY(whet_store_get_step(r->store, key, &before, &found));
    *outputs = before.outputs;
    return found ? WHET_OK : WHET_FAIL(WHET_EIO, "the step '%s' has vanished from the study's store", key);
}

whet_status study_step(study_run *r, const study_step_kind *kind, const char *label, json_t *job, double seconds, double bytes,
                       json_t **outputs)
{
    whet_store_step before = {.outputs = NULL};
    char key[65];
    bool found = false;
    *outputs = NULL;
    if (job == NULL) return WHET_FAIL(WHET_EINVAL, "a name of the study is not UTF-8, or memory has run out");
    WHET_TRY(make_key(kind, job, key));
    const json_t *earlier = in_this_run(r, key);
    if (earlier != NULL) return again(r, earlier, key, outputs);
    if (r->store != NULL) {
        const whet_status status = whet_store_get_step(r->store, key, &before, &found);
        r->forgets = status != WHET_OK;
        WHET_TRY(status);
    }
    if (found && strcmp(before.status, "ok") == 0 && study_files_intact(r, before.outputs)) {
        r->reused++;
        whet_log(WHET_LOG_INFO, "%s %s: done before (%s), taken as it is", kind->name, label, before.time);
        record(r, kind, label, key, "reused", before.seconds, "");
        *outputs = before.outputs;
        return WHET_OK;
    }
    json_decref(before.outputs);
    if (r->o.dry_run) {
        r->todo_seconds += seconds;
        r->todo_bytes += bytes;
        record(r, kind, label, key, "to do", seconds, "");
        return WHET_OK;
    }
    return do_step(r, kind, label, key, job, outputs);
}
