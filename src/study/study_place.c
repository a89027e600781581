// SPDX-License-Identifier: Apache-2.0
// Where a file that a step makes goes. A study's folder may be anybody's ("-o ."), so a file is replaced only if a step of this
// very folder made it and nobody changed it since, and never one that a row measures.
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/io.h"
#include "base/mem.h"
#include "study/study_run.h"

static bool same_file(const char *path, const struct stat *st)
{
    struct stat other;
    return path != NULL && stat(path, &other) == 0 && other.st_dev == st->st_dev && other.st_ino == st->st_ino;
}

// By device and inode: a link, or another way to write the path, is the same model.
static bool is_measured(const study_run *r, const char *path)
{
    struct stat st;
    if (stat(path, &st) != 0) return false;
    for (int i = 0; i < r->n_cells; i++) {
        const study_cell *c = &r->c[i];
        const char *given = whet_study_text(c->set, "model");
        if (given != NULL && study_is_file(given) && same_file(given, &st)) return true;
        if (same_file(json_string_value(json_object_get(c->model, "original")), &st)) return true;
    }
    return false;
}

static bool names(const json_t *outputs, const char *rel)
{
    const json_t *files = json_object_get(outputs, "files"), *f = NULL;
    const char *model = json_string_value(json_object_get(outputs, "model"));
    size_t i = 0;
    if (model != NULL && strcmp(model, rel) == 0) return true;
    json_array_foreach(files, i, f)
    {
        const char *path = json_string_value(json_object_get(f, "path"));
        if (path != NULL && strcmp(path, rel) == 0) return true;
    }
    return false;
}

// A step of this folder left it so. A file that was changed since is somebody's work.
static bool was_made_here(const study_run *r, const char *rel)
{
    const char *const kinds[] = {study_convert_step.name, study_export_step.name};
    bool made = false;
    for (size_t k = 0; k < WHET_COUNT(kinds) && !made; k++) {
        json_t *all = NULL, *outputs = NULL;
        size_t i = 0;
        if (whet_store_step_outputs(r->store, kinds[k], &all) != WHET_OK) whet_error_clear(); // then nothing is known to be ours
        json_array_foreach(all, i, outputs) made = made || (names(outputs, rel) && study_files_intact(r, outputs));
        json_decref(all);
    }
    return made;
}

// The file itself is looked at, not what a link points to.
static bool is_there(const char *path)
{
    struct stat st;
    return lstat(path, &st) == 0;
}

// An IR's weights lie in a second file.
static bool is_free(const study_run *r, const char *rel)
{
    char *path = study_path(r, rel), *bin = NULL;
    struct stat st;
    bool free_to_write = path != NULL;
    if (path != NULL && strcmp(whet_path_ext(path), ".xml") == 0) bin = whet_format("%.*s.bin", (int)(strlen(path) - 4), path);
    if (path != NULL && (is_there(path) || (bin != NULL && is_there(bin))))
        free_to_write = !is_measured(r, path) && was_made_here(r, rel) && !(lstat(path, &st) == 0 && S_ISLNK(st.st_mode));
    whet_free(path);
    whet_free(bin);
    return free_to_write;
}

char *study_place(const study_run *r, const json_t *job, const char *key, const char *name)
{
    char *rel = whet_format("models/%s", name);
    const json_t *other = rel != NULL ? json_object_get(r->places, rel) : NULL;
    if (rel != NULL && (other == NULL || json_equal(other, job)) && is_free(r, rel)) return rel;
    // Its own folder, named by what it is made of: what lies there is this very file, of a run that was killed.
    for (int digits = 8; rel != NULL && digits <= 64; digits *= 2) {
        whet_free(rel);
        rel = whet_format("models/%.*s/%s", digits, key, name);
        char *path = rel != NULL ? study_path(r, rel) : NULL;
        const bool taken = path != NULL && is_measured(r, path);
        whet_free(path);
        if (!taken) return rel;
    }
    if (rel != NULL) (void)WHET_FAIL(WHET_EIO, "'%s' and the folders beside it are models of this study: name another folder with -o", rel);
    whet_free(rel);
    return NULL;
}
