// SPDX-License-Identifier: Apache-2.0
// Rows of different models that have one name: as many folders as tell them apart are put in front.
#include <string.h>

#include "base/io.h"
#include "base/mem.h"
#include "study/study_run.h"

// The path's end with `folders` of its folders; the whole path if it has no more.
static const char *tail_of(const char *path, int folders)
{
    const char *p = whet_path_base(path);
    for (; p > path && folders > 0; folders--) {
        p--; // the slash
        while (p > path && p[-1] != '/') p--;
    }
    return p;
}

static const char *file_of(const study_cell *c)
{
    const char *model = whet_study_text(c->set, "model");
    return model != NULL && study_is_file(model) ? model : NULL;
}

// The hash of the file that was given, not of what was made from it; NULL: it could not be read.
static const json_t *hash_of(const study_cell *c)
{
    const json_t *original = json_object_get(c->model, "original_sha256");
    return original != NULL ? original : json_object_get(c->model, "sha256");
}

static bool collide(const study_cell *a, const study_cell *b)
{
    const char *pa = file_of(a), *pb = file_of(b);
    const json_t *ha = hash_of(a), *hb = hash_of(b);
    if (pa == NULL || pb == NULL || strcmp(pa, pb) == 0 || !json_equal(json_object_get(a->row, "model"), json_object_get(b->row, "model"))) return false;
    return ha == NULL || hb == NULL || !json_equal(ha, hb);
}

static int folders_needed(const study_run *r, int i)
{
    int needed = 0;
    for (int k = 0; k < r->n_cells; k++) {
        if (k == i || !collide(&r->c[i], &r->c[k])) continue;
        const char *a = file_of(&r->c[i]), *b = file_of(&r->c[k]);
        int n = 1;
        while (strcmp(tail_of(a, n), tail_of(b, n)) == 0 && (tail_of(a, n) > a || tail_of(b, n) > b)) n++;
        needed = WHET_MAX(needed, n);
    }
    return needed;
}

static void put_in_front(const study_cell *c, const char *key, int folders)
{
    const char *label = json_string_value(json_object_get(c->row, key)), *tail = tail_of(file_of(c), folders);
    char *text = label != NULL ? whet_format("%.*s%s", (int)(whet_path_base(tail) - tail), tail, label) : NULL;
    if (text != NULL) json_object_set_new(c->row, key, json_string(text));
    whet_free(text);
}

whet_status study_tell_apart(study_run *r)
{
    for (int i = 0; i < r->n_cells; i++) // a copy was measured under the name of its first
        if (!r->c[i].failed && file_of(&r->c[i]) != NULL && r->c[i].model != NULL) json_object_set(r->c[i].row, "model", json_object_get(r->c[i].model, "label"));
    int *needed = whet_calloc((size_t)r->n_cells, sizeof *needed);
    if (needed == NULL) return WHET_ENOMEM;
    for (int i = 0; i < r->n_cells; i++) needed[i] = folders_needed(r, i); // of the names as they are
    for (int i = 0; i < r->n_cells; i++) {
        if (needed[i] == 0) continue;
        put_in_front(&r->c[i], "model", needed[i]);
        put_in_front(&r->c[i], "original", needed[i]);
    }
    whet_free(needed);
    return WHET_OK;
}
