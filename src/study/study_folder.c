// SPDX-License-Identifier: Apache-2.0
// The study's folder: what was run in it and the record of finished steps. It may hold files of the user ("-o ."): a study.yaml
// that is being read stays as it is, and what no study made is not replaced.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/hash.h"
#include "base/io.h"
#include "base/log.h"
#include "base/mem.h"
#include "study/study_run.h"

static const char YAML[] = "study.yaml"; // file, and its key among the steps
static const char SOURCE[] = "source";   // there: the file that the folder's study was read from

static bool is_there(const study_run *r, const char *name)
{
    char *path = study_path(r, name);
    struct stat st;
    const bool there = path != NULL && lstat(path, &st) == 0;
    whet_free(path);
    return there;
}

// The study's source lies in its own folder.
static bool is_source(const study_run *r, const char *path)
{
    struct stat a, b;
    return r->s->file != NULL && stat(r->s->file, &a) == 0 && stat(path, &b) == 0 && a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

// Of a model alone the file is the model.
static bool is_alone(const whet_study *s)
{
    const char *model = whet_study_text(s->set, "model");
    return model != NULL && strcmp(model, s->file) == 0;
}

// The study that ran in that folder was of another model.
static bool ran_another(const char *out, const char *model)
{
    char *file = whet_path_join(out, YAML);
    whet_study *old = NULL;
    struct stat a, b;
    bool other = false;
    if (file != NULL && whet_file_exists(file)) {
        if (whet_study_read(&old, file) != WHET_OK) whet_error_clear();
        const char *before = old != NULL ? whet_study_text(old->set, "model") : NULL;
        const bool same = before != NULL && (strcmp(before, model) == 0 || (stat(before, &a) == 0 && stat(model, &b) == 0 && a.st_dev == b.st_dev && a.st_ino == b.st_ino));
        other = old != NULL && !same;
    }
    whet_study_free(old);
    whet_free(file);
    return other;
}

// The study or model that this folder was made for, if that is still there and is not `file`; heap string.
static char *other_owner(whet_store *store, const char *file)
{
    whet_store_step last = {.outputs = NULL};
    bool known = false;
    struct stat a, b;
    if (whet_store_get_step(store, YAML, &last, &known) != WHET_OK) whet_error_clear();
    const char *source = known ? json_string_value(json_object_get(last.outputs, SOURCE)) : NULL;
    const bool other = source != NULL && stat(source, &a) == 0 && !(stat(file, &b) == 0 && a.st_dev == b.st_dev && a.st_ino == b.st_ino);
    char *owner = other ? whet_strdup(source) : NULL;
    json_decref(last.outputs);
    return owner;
}

static bool is_of_another(const char *out, const char *file)
{
    char *path = whet_path_join(out, "study.sqlite"), *owner = NULL;
    whet_store *store = NULL;
    if (path != NULL && whet_file_exists(path)) {
        if (whet_store_open(&store, path, true) != WHET_OK) whet_error_clear(); // opening the folder says it
        else owner = other_owner(store, file);
    }
    const bool other = owner != NULL;
    whet_store_close(store);
    whet_free(owner);
    whet_free(path);
    return other;
}

static char *usual_folder(const whet_study *s, const char *name)
{
    char *out = whet_format("runs/%s", name), hex[65];
    whet_sha256 h;
    if (out == NULL || !is_alone(s)) return out;
    const bool model = ran_another(out, s->file);
    if (!model && !is_of_another(out, s->file)) return out;
    char *path = realpath(s->file, NULL); // its place, so that a second run goes on there
    const char *text = path != NULL ? path : s->file;
    whet_sha256_init(&h);
    whet_sha256_add(&h, text, strlen(text));
    whet_sha256_hex(&h, hex);
    free(path);
    whet_log(WHET_LOG_INFO, "'%s' holds %s: this one goes to '%s-%.8s'", out, model ? "the study of another model" : "another study", out, hex);
    whet_free(out);
    return whet_format("runs/%s-%.8s", name, hex);
}

char *study_out_folder(const whet_study *s, const char *name)
{
    const char *given = whet_study_text(s->set, "out");
    char *out = given != NULL ? whet_strdup(given) : usual_folder(s, name);
    size_t n = out != NULL ? strlen(out) : 0;
    while (n > 1 && out[n - 1] == '/') out[--n] = '\0';
    return out;
}

static whet_status refuse(const study_run *r, const char *name, const char *why)
{
    return WHET_FAIL(WHET_EINVAL, "'%s/%s' %s and would be replaced: name another folder with -o", r->out, name, why);
}

// A folder with a store is a study's; in another one, what has the names of our files is somebody's.
static whet_status check_strangers(const study_run *r)
{
    static const struct { const char *name, *flag; } made[] = {{"result.json", NULL}, {"report.html", "report.html"}, {"report.csv", "report.csv"},
                                                               {"report.md", "report.markdown"}, {"latex", "report.latex"}, {"charts", "report.charts"}};
    for (size_t i = 0; i < WHET_COUNT(made); i++)
        if ((made[i].flag == NULL || whet_study_flag(r->s->set, made[i].flag)) && is_there(r, made[i].name)) return refuse(r, made[i].name, "is not of a study");
    return WHET_OK;
}

static bool has_text(const char *file, const char *yaml)
{
    uint8_t *data = NULL;
    size_t size = 0;
    if (whet_file_read(&data, &size, file, strlen(yaml)) != WHET_OK) whet_error_clear();
    const bool same = data != NULL && size == strlen(yaml) && memcmp(data, yaml, size) == 0;
    whet_free(data);
    return same;
}

// As this folder's last run left it. Stores of before have no record of it.
static bool is_as_left(whet_store *store, const study_run *r, bool *known)
{
    whet_store_step last = {.outputs = NULL};
    if (whet_store_get_step(store, YAML, &last, known) != WHET_OK) whet_error_clear();
    const bool same = *known && json_is_object(last.outputs) && study_files_intact(r, last.outputs);
    json_decref(last.outputs);
    return same;
}

// Two studies of one name would take turns in the usual folder. One that was named by the user is the user's choice.
static whet_status check_owner(whet_store *store, const study_run *r)
{
    char *owner = whet_study_text(r->s->set, "out") == NULL ? other_owner(store, r->s->file) : NULL;
    const whet_status status = owner == NULL ? WHET_OK
        : WHET_FAIL(WHET_EINVAL, "'%s' is the folder of another study of this name, '%s': name another folder with -o, or give this one a name with --set name=NAME", r->out, owner);
    whet_free(owner);
    return status;
}

static whet_status check_folder(const study_run *r, const char *store_path, const char *file, const char *yaml)
{
    whet_store *store = NULL;
    bool known = false;
    const bool ours = !is_there(r, YAML) || is_source(r, file) || has_text(file, yaml);
    if (!whet_file_exists(store_path)) return ours ? check_strangers(r) : refuse(r, YAML, "is not of a study that ran there");
    if (ours) return WHET_OK;
    WHET_TRY(whet_store_open(&store, store_path, true));
    const bool same = is_as_left(store, r, &known);
    whet_status status = same || !known ? WHET_OK : refuse(r, YAML, "was written or changed by hand");
    if (status == WHET_OK) status = check_owner(store, r);
    whet_store_close(store);
    return status;
}

static whet_status remember_yaml(study_run *r, const char *file, bool ours)
{
    json_t *one = NULL, *outputs = NULL;
    char *owner = whet_study_text(r->s->set, "out") == NULL || is_source(r, file) ? other_owner(r->store, r->s->file) : NULL; // a copy of its study goes on there
    char *source = owner == NULL ? realpath(r->s->file, NULL) : NULL;
    whet_status status = WHET_OK;
    if (ours) WHET_GOTO(study_file(r, file, &one));
    outputs = ours ? json_pack("{s:[O]}", "files", one) : json_pack("{s:[{s:s, s:s}]}", "files", "path", YAML, "sha256", ""); // no file has that hash
    if (outputs != NULL && (owner != NULL || source != NULL)) json_object_set_new(outputs, SOURCE, json_string(owner != NULL ? owner : source));
    status = outputs != NULL ? whet_store_put_step(r->store, YAML, "study", "ok", 0, outputs) : WHET_FAIL(WHET_EINVAL, "folder name '%s' is not UTF-8", r->out);
done:
    free(source); // realpath's own
    whet_free(owner);
    json_decref(one);
    json_decref(outputs);
    return status;
}

// The file that was read stays; if it is the user's, the record says so to later runs of another study.
static whet_status leave_yaml(study_run *r, const char *file, const char *yaml)
{
    bool known = false;
    if (is_source(r, file)) return is_as_left(r->store, r, &known) ? WHET_OK : remember_yaml(r, file, false);
    WHET_TRY(whet_file_write(file, yaml, strlen(yaml)));
    return remember_yaml(r, file, true);
}

whet_status study_open_folder(study_run *r)
{
    char *path = study_path(r, "study.sqlite"), *file = study_path(r, YAML), *yaml = NULL;
    whet_status status = path != NULL && file != NULL ? whet_study_write(r->s, &yaml) : WHET_ENOMEM;
    if (status == WHET_OK && r->o.dry_run) {
        status = check_folder(r, path, file, yaml);
        if (status == WHET_OK && whet_file_exists(path)) status = whet_store_open(&r->store, path, true);
        goto done;
    }
    if (status == WHET_OK) status = whet_mkdirs(r->out);
    if (status == WHET_OK) status = whet_dir_hold(&r->folder, r->out);
    if (status == WHET_OK) status = check_folder(r, path, file, yaml);
    if (status == WHET_OK) status = whet_store_open(&r->store, path, false);
    if (status == WHET_OK) status = leave_yaml(r, file, yaml);
done:
    whet_free(path);
    whet_free(file);
    whet_free(yaml);
    return status;
}
