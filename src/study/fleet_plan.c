/* SPDX-License-Identifier: Apache-2.0 */
/* What a study needs on another machine: settings that name files or folders of this one are packed, once, under the hash of their
 * contents. The settings travel as JSON, which the smallest build reads. */
#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/hash.h"
#include "base/io.h"
#include "base/mem.h"
#include "data/dataset.h"
#include "measure/facts.h"
#include "study/fleet.h"
#include "study/study_keys.h"
#include "wire/json.h"

enum { MAX_DEPTH = 32 };

/* --- hashes */

static int not_dots(const struct dirent *e) { return strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0; }
static int by_name(const struct dirent **a, const struct dirent **b) { return strcmp((*a)->d_name, (*b)->d_name); }

static whet_status add_tree(whet_sha256 *h, const char *path, const char *name, int depth)
{
    struct stat st;
    struct dirent **list = NULL;
    char hex[65];
    whet_status status = WHET_OK;
    if (stat(path, &st) != 0) return WHET_FAIL(WHET_ENOTFOUND, "'%s' cannot be read", path);
    whet_sha256_add(h, name, strlen(name) + 1);
    if (!S_ISDIR(st.st_mode)) {
        WHET_TRY(whet_sha256_file(path, hex));
        whet_sha256_add(h, hex, 65);
        return WHET_OK;
    }
    if (depth > MAX_DEPTH) return WHET_FAIL(WHET_EINVAL, "'%s' lies too deep in folders", path);
    const int n = scandir(path, &list, not_dots, by_name);
    for (int i = 0; i < n; i++) {
        char *inner = status == WHET_OK ? whet_path_join(path, list[i]->d_name) : NULL;
        if (status == WHET_OK) status = inner != NULL ? add_tree(h, inner, list[i]->d_name, depth + 1) : WHET_ENOMEM;
        whet_free(inner);
        free(list[i]); /* scandir's own */
    }
    free(list);
    whet_sha256_add(h, "/", 2);
    return n >= 0 ? status : WHET_FAIL(WHET_EIO, "the folder '%s' cannot be read", path);
}

whet_status fleet_hash(const char *path, char out[65])
{
    whet_sha256 h;
    whet_sha256_init(&h);
    WHET_TRY(add_tree(&h, path, whet_path_base(path), 0));
    whet_sha256_hex(&h, out);
    return WHET_OK;
}

/* --- files */

static char *folder_of(const char *path)
{
    const char *base = whet_path_base(path);
    return base == path ? whet_strdup(".") : base == path + 1 ? whet_strdup("/") : whet_strndup(path, (size_t)(base - path) - 1);
}

/* A model may be several files: .xml and .bin, external data. */
static json_t *names_of(const char *path, bool model)
{
    whet_facts f;
    json_t *names = NULL;
    if (!model || whet_dir_exists(path) || whet_facts_read(&f, path) != WHET_OK) return json_pack("[s]", whet_path_base(path));
    if (json_array_size(f.files) > 0) names = json_incref(f.files);
    whet_facts_dispose(&f);
    return names != NULL ? names : json_pack("[s]", whet_path_base(path));
}

static whet_status hash_names(const char *dir, const json_t *names, char out[65])
{
    whet_sha256 all;
    const json_t *name = NULL;
    size_t i = 0;
    whet_sha256_init(&all);
    json_array_foreach(names, i, name)
    {
        char hex[65];
        char *path = whet_path_join(dir, json_string_value(name));
        const whet_status status = path != NULL ? fleet_hash(path, hex) : WHET_ENOMEM;
        whet_free(path);
        WHET_TRY(status);
        whet_sha256_add(&all, hex, 65);
    }
    whet_sha256_hex(&all, out);
    return WHET_OK;
}

static void dispose_file(fleet_file *f)
{
    whet_free(f->from);
    whet_free(f->rel);
    whet_free(f->inside);
    json_decref(f->names);
}

/* The number of `path` among the plan's files, added if it is new. */
static whet_status add_file(fleet_plan *p, const char *path, bool model, size_t *number)
{
    char hex[65];
    for (*number = 0; *number < p->n; ++*number)
        if (strcmp(p->files[*number].from, path) == 0) return WHET_OK;
    if (!WHET_GROW(&p->files, p->n, &p->cap)) return WHET_ENOMEM;
    fleet_file f = {.from = whet_strdup(path), .names = names_of(path, model), .inside = whet_strdup(whet_path_base(path))};
    char *dir = folder_of(path);
    whet_status status = f.from != NULL && f.names != NULL && f.inside != NULL && dir != NULL ? hash_names(dir, f.names, hex) : WHET_ENOMEM;
    if (status == WHET_OK) f.rel = whet_format("files/%.24s", hex);
    if (status == WHET_OK && f.rel == NULL) status = WHET_ENOMEM;
    whet_free(dir);
    if (status != WHET_OK) {
        dispose_file(&f);
        return status;
    }
    p->files[p->n++] = f;
    return WHET_OK;
}

/* --- settings */

static char *place_here(const char *key, const char *value)
{
    char *path = strcmp(key, "data.name") == 0 ? whet_dataset_folder(value) : NULL; /* a set known by name, where it lies here */
    size_t n = strlen(value);
    while (n > 1 && value[n - 1] == '/') n--;
    if (path == NULL && (whet_file_exists(value) || whet_dir_exists(value))) path = whet_strndup(value, n);
    return path;
}

static whet_status settle(fleet_plan *p, const char *key, const json_t *value, json_t **out)
{
    static const char *const never[] = {"name", "title", "out", "goal", "runtime", "precision", "format", "weights"};
    size_t number = 0;
    *out = NULL;
    if (json_is_array(value)) {
        const json_t *v = NULL;
        size_t i = 0;
        json_t *list = json_array();
        json_array_foreach(value, i, v)
        {
            json_t *one = NULL;
            const whet_status status = settle(p, key, v, &one);
            if (status != WHET_OK) json_decref(list);
            WHET_TRY(status);
            json_array_append_new(list, one);
        }
        *out = list;
        return WHET_OK;
    }
    for (size_t i = 0; i < WHET_COUNT(never); i++)
        if (strcmp(key, never[i]) == 0) *out = json_deep_copy(value);
    char *path = *out == NULL && json_is_string(value) ? place_here(key, json_string_value(value)) : NULL;
    if (path == NULL) {
        if (*out == NULL) *out = json_deep_copy(value);
        return *out != NULL ? WHET_OK : WHET_ENOMEM;
    }
    const whet_status status = add_file(p, path, strcmp(key, "model") == 0, &number);
    whet_free(path);
    WHET_TRY(status);
    *out = json_sprintf("fleet:%zu", number);
    return *out != NULL ? WHET_OK : WHET_ENOMEM;
}

/* "train.lr" -> {"train": {"lr": ...}} */
static void put_nested(json_t *root, const char *path, json_t *value)
{
    const char *dot = strchr(path, '.');
    if (dot == NULL) {
        json_object_set_new(root, path, value);
        return;
    }
    char section[80];
    snprintf(section, sizeof section, "%.*s", (int)WHET_MIN((size_t)(dot - path), sizeof section - 1), path);
    if (json_object_get(root, section) == NULL) json_object_set_new(root, section, json_object());
    put_nested(json_object_get(root, section), dot + 1, value);
}

whet_status fleet_plan_make(fleet_plan *p, const whet_study *s)
{
    const char *key = NULL;
    json_t *value = NULL;
    size_t i = 0;
    *p = (fleet_plan){.settings = json_object()};
    whet_status status = p->settings != NULL ? WHET_OK : WHET_ENOMEM;
    json_object_foreach(s->set, key, value)
    {
        json_t *own = study_key_find(key) != NULL ? study_default(study_key_find(key)) : NULL, *made = NULL;
        const bool plain = own != NULL && study_equal(own, value);
        json_decref(own);
        if (plain || json_is_null(value) || strcmp(key, "out") == 0 || status != WHET_OK) continue; /* an older program there knows fewer keys */
        status = settle(p, key, value, &made);
        if (status == WHET_OK) put_nested(p->settings, key, made);
    }
    json_array_foreach(s->exclude, i, value)
    {
        json_t *one = json_object(), *v = NULL;
        json_object_foreach(value, key, v)
        {
            json_t *made = NULL;
            if (status == WHET_OK) status = settle(p, key, v, &made);
            if (status == WHET_OK) put_nested(one, key, made);
        }
        if (json_object_get(p->settings, "exclude") == NULL) json_object_set_new(p->settings, "exclude", json_array());
        json_array_append_new(json_object_get(p->settings, "exclude"), one);
    }
    if (status != WHET_OK) fleet_plan_dispose(p);
    return status;
}

void fleet_plan_dispose(fleet_plan *p)
{
    for (size_t i = 0; i < p->n; i++) dispose_file(&p->files[i]);
    whet_free(p->files);
    json_decref(p->settings);
    *p = (fleet_plan){0};
}

static void place(const fleet_plan *p, json_t *v, const char *base)
{
    const char *key = NULL;
    json_t *item = NULL;
    size_t i = 0, number = 0;
    if (json_is_string(v) && sscanf(json_string_value(v), "fleet:%zu", &number) == 1 && number < p->n) {
        char *path = whet_format("%s/%s/%s", base, p->files[number].rel, p->files[number].inside);
        if (path != NULL) json_string_set(v, path);
        whet_free(path);
    }
    json_array_foreach(v, i, item) place(p, item, base);
    json_object_foreach(v, key, item) place(p, item, base);
}

char *fleet_plan_text(const fleet_plan *p, const char *base)
{
    json_t *copy = json_deep_copy(p->settings);
    if (copy == NULL) return NULL;
    place(p, copy, base);
    char *text = whet_json_text(copy, 1);
    json_decref(copy);
    return text;
}
