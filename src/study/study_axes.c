// SPDX-License-Identifier: Apache-2.0
// Axes: every list of a key that is no list by nature multiplies the rows; exclusions take cells out again.
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "study/study_keys.h"

static const json_t *axis_list(const whet_study *s, const study_key *k)
{
    const json_t *v = json_object_get(s->set, k->path);
    bool is_list = k->kind == STUDY_TEXTS || k->kind == STUDY_REALS;
    return json_is_array(v) && !is_list ? v : NULL;
}

json_t *whet_study_axes(const whet_study *s)
{
    json_t *out = json_array();
    for (int i = 0; i < study_key_count(); i++) {
        const json_t *list = axis_list(s, study_key_at(i));
        if (list != NULL && json_array_size(list) > 1) json_array_append_new(out, json_string(study_key_at(i)->path));
    }
    return out;
}

// True if every key of the exclusion holds in the cell; a list means any of its values.
static bool matches(const json_t *exclusion, const json_t *cell)
{
    const char *path = NULL;
    const json_t *want = NULL, *item = NULL;
    json_t *value = NULL;
    size_t i = 0;
    json_object_foreach((json_t *)exclusion, path, value)
    {
        const json_t *have = json_object_get(cell, path);
        bool hit = false;
        want = value;
        if (json_is_array(want) && !json_is_array(have)) {
            json_array_foreach(want, i, item) hit = hit || study_equal(item, have);
        } else {
            hit = study_equal(want, have);
        }
        if (!hit) return false;
    }
    return true;
}

static bool is_excluded(const whet_study *s, const json_t *cell)
{
    size_t i = 0;
    const json_t *e = NULL;
    json_array_foreach(s->exclude, i, e)
    {
        if (matches(e, cell)) return true;
    }
    return false;
}

whet_status whet_study_cells(const whet_study *s, json_t **cells, int *excluded)
{
    size_t n = 1;
    whet_status status = WHET_OK;
    *cells = NULL;
    *excluded = 0;
    for (int i = 0; i < study_key_count(); i++) {
        const json_t *list = axis_list(s, study_key_at(i));
        if (list != NULL && (!whet_mul_size(n, json_array_size(list), &n) || n > WHET_STUDY_MAX_CELLS)) {
            whet_fail(WHET_EINVAL, "the lists span more than %d rows: shorten '%s' or cut the study in two", WHET_STUDY_MAX_CELLS,
                      study_key_at(i)->path);
            whet_error_at_file(s->file);
            return WHET_EINVAL;
        }
    }
    json_t *out = json_array();
    for (size_t c = 0; c < n && status == WHET_OK; c++) {
        json_t *cell = json_copy(s->set);
        size_t rest = c;
        for (int i = study_key_count() - 1; i >= 0 && cell != NULL; i--) { // the last axis runs fastest
            const json_t *list = axis_list(s, study_key_at(i));
            if (list == NULL) continue;
            json_object_set(cell, study_key_at(i)->path, json_array_get(list, rest % json_array_size(list)));
            rest /= json_array_size(list);
        }
        if (cell == NULL || out == NULL) {
            status = WHET_FAIL(WHET_ENOMEM, "out of memory while laying out a study");
        } else if (is_excluded(s, cell)) {
            ++*excluded;
        } else {
            json_array_append(out, cell);
        }
        json_decref(cell);
    }
    if (status == WHET_OK && json_array_size(out) == 0) {
        status = WHET_FAIL(WHET_EINVAL, "every row is excluded: nothing is left to run");
        whet_error_at_file(s->file);
    }
    if (status == WHET_OK) {
        *cells = out;
    } else {
        json_decref(out);
    }
    return status;
}
