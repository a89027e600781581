// SPDX-License-Identifier: Apache-2.0
// A study file: the tree of nodes walked along the table of keys into flat settings. Unknown keys, wrong kinds and
// values out of range are refused with file, line and the nearest name. JSON is YAML's subset and read the same way.
#include <stdio.h>
#include <string.h>

#include "base/io.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "report/goal.h"
#include "study/study_keys.h"
#include "wire/json.h"

static whet_status no_memory(void)
{
    return WHET_FAIL(WHET_ENOMEM, "out of memory while reading a study");
}

whet_status whet_study_create(whet_study **out, const char *name)
{
    whet_study *s = whet_calloc(1, sizeof *s);
    whet_status status = WHET_OK;
    *out = NULL;
    if (s == NULL) return WHET_ENOMEM;
    s->file = whet_strdup(name);
    s->set = json_object();
    s->lines = json_object();
    s->quick = json_object();
    s->exclude = json_array();
    for (int i = 0; i < study_key_count(); i++)
        if (json_object_set_new(s->set, study_key_at(i)->path, study_default(study_key_at(i))) != 0)
            status = no_memory();
    if (s->file == NULL || s->lines == NULL || s->quick == NULL || s->exclude == NULL) status = no_memory();
    if (status == WHET_OK) {
        *out = s;
    } else {
        whet_study_free(s);
    }
    return status;
}

void whet_study_free(whet_study *s)
{
    if (s == NULL) return;
    json_decref(s->set);
    json_decref(s->lines);
    json_decref(s->quick);
    json_decref(s->exclude);
    json_decref(s->probed);
    whet_free(s->file);
    whet_free(s);
}

typedef struct walk {
    const whet_yaml *y;
    json_t *into, *lines; /* lines may be NULL */
    bool lists;           /* axis lists allowed */
} walk;

static whet_status leaf(const walk *w, const study_key *k, const whet_yaml_node *n, int line)
{
    json_t *v = NULL;
    WHET_TRY(study_value(&v, k, w->y, n, w->lists));
    // "model" and "models" are one key: the second of them is refused like a repeated one.
    if (w->lines != NULL && json_object_get(w->lines, k->path) != NULL) {
        json_decref(v);
        return whet_yaml_fail(w->y, n, WHET_EINVAL, "'%s' is given twice, first in line %d", k->path,
                              (int)json_integer_value(json_object_get(w->lines, k->path)));
    }
    if (json_object_set_new(w->into, k->path, v) != 0) return no_memory();
    if (w->lines != NULL && json_object_set_new(w->lines, k->path, json_integer(line)) != 0) return no_memory();
    return WHET_OK;
}

static whet_status unknown(const walk *w, const char *section, const char *key, int line, int column)
{
    const char *near = study_key_nearest(section, key);
    whet_yaml_node at = {.line = line, .column = column};
    char in[80] = "";
    if (section[0] != '\0') snprintf(in, sizeof in, " in '%s'", section);
    if (near != NULL) return whet_yaml_fail(w->y, &at, WHET_EINVAL, "unknown key '%s'%s: did you mean '%s'?", key, in, near);
    return whet_yaml_fail(w->y, &at, WHET_EINVAL, "unknown key '%s'%s: 'whet study schema' lists the keys", key, in);
}

static whet_status walk_section(const walk *w, const study_section *s, const whet_yaml_node *n, int line)
{
    char path[100];
    if (n->kind == WHET_YAML_SCALAR && whet_yaml_is_null(n)) return WHET_OK;
    if (n->kind != WHET_YAML_MAP) {
        snprintf(path, sizeof path, "%s.%s", s->name, s->shorthand);
        if (s->shorthand[0] != '\0') return leaf(w, study_key_find(path), n, line);
        return whet_yaml_fail(w->y, n, WHET_EINVAL, "'%s' wants keys below it, such as '%s: {...}'", s->name, s->name);
    }
    for (int i = 0; i < n->n; i++) {
        int len = snprintf(path, sizeof path, "%s.%s", s->name, n->keys[i]);
        const study_key *k = len > 0 && (size_t)len < sizeof path ? study_key_find(path) : NULL;
        if (k == NULL) return unknown(w, s->name, n->keys[i], n->key_lines[i], n->key_columns[i]);
        WHET_TRY(leaf(w, k, n->items[i], n->key_lines[i]));
    }
    return WHET_OK;
}

// One entry of a map at the top level (or of `quick`, or of an exclusion).
static whet_status walk_entry(const walk *w, const whet_yaml_node *map, int i)
{
    const char *key = map->keys[i];
    const study_section *s = study_section_find(key);
    const study_key *k = s == NULL ? study_key_find(key) : NULL; // "train.lr" written with its dot is fine too
    if (s != NULL) return walk_section(w, s, map->items[i], map->key_lines[i]);
    if (k == NULL) return unknown(w, "", key, map->key_lines[i], map->key_columns[i]);
    return leaf(w, k, map->items[i], map->key_lines[i]);
}

static whet_status walk_quick(whet_study *s, const whet_yaml *y, const whet_yaml_node *n)
{
    walk w = {y, s->quick, NULL, true};
    if (n->kind == WHET_YAML_SCALAR && whet_yaml_is_null(n)) return WHET_OK;
    if (n->kind != WHET_YAML_MAP) return whet_yaml_fail(y, n, WHET_EINVAL, "'quick' wants keys below it, the sizes of --quick");
    for (int i = 0; i < n->n; i++) WHET_TRY(walk_entry(&w, n, i));
    return WHET_OK;
}

static whet_status walk_exclude(whet_study *s, const whet_yaml *y, const whet_yaml_node *n)
{
    whet_status status = WHET_OK;
    if (n->kind == WHET_YAML_SCALAR && whet_yaml_is_null(n)) return WHET_OK;
    if (n->kind != WHET_YAML_LIST) return whet_yaml_fail(y, n, WHET_EINVAL, "'exclude' wants a list of maps, such as '- {runtime: ort, batch: 32}'");
    for (int i = 0; i < n->n && status == WHET_OK; i++) {
        const whet_yaml_node *entry = n->items[i];
        if (entry->kind != WHET_YAML_MAP || entry->n == 0)
            return whet_yaml_fail(y, entry, WHET_EINVAL, "an exclusion wants keys, such as '{runtime: ort, batch: 32}'");
        walk w = {y, json_object(), NULL, true};
        if (w.into == NULL) return no_memory();
        for (int j = 0; j < entry->n && status == WHET_OK; j++) status = walk_entry(&w, entry, j);
        if (status == WHET_OK && json_array_append(s->exclude, w.into) != 0) status = no_memory();
        json_decref(w.into);
    }
    return status;
}

static whet_status walk_root(whet_study *s, const whet_yaml *y)
{
    const whet_yaml_node *root = whet_yaml_root(y);
    walk w = {y, s->set, s->lines, true};
    if (root->kind != WHET_YAML_MAP) return whet_yaml_fail(y, root, WHET_EINVAL, "a study is a map of keys, such as 'model: lenet'");
    for (int i = 0; i < root->n; i++) {
        if (strcmp(root->keys[i], "quick") == 0) {
            WHET_TRY(walk_quick(s, y, root->items[i]));
        } else if (strcmp(root->keys[i], "exclude") == 0) {
            WHET_TRY(walk_exclude(s, y, root->items[i]));
        } else {
            WHET_TRY(walk_entry(&w, root, i));
        }
    }
    return WHET_OK;
}

whet_status whet_study_parse_mem(whet_study **out, const char *text, size_t size, const char *name)
{
    whet_yaml *y = NULL;
    whet_study *s = NULL;
    whet_status status = WHET_OK;
    *out = NULL;
    WHET_GOTO(whet_yaml_parse(&y, text, size, name));
    WHET_GOTO(whet_study_create(&s, name));
    WHET_GOTO(walk_root(s, y));
    *out = s;
    s = NULL;
done:
    whet_study_free(s);
    whet_yaml_free(y);
    return status;
}

whet_status whet_study_read(whet_study **out, const char *path)
{
    uint8_t *text = NULL;
    size_t size = 0;
    *out = NULL;
    WHET_TRY(whet_file_read(&text, &size, path, 4 << 20));
    whet_status status = whet_study_parse_mem(out, (const char *)text, size, path);
    whet_free(text);
    return status;
}

// The value of --set as a document {v: VALUE}. Where only JSON is read, a bare word is taken as text.
static whet_status parse_value(whet_yaml **y, const char *text)
{
#ifdef WHET_MINIMAL
    char *doc = whet_format("{\"v\": %s}", text);
    whet_status status = doc != NULL ? whet_yaml_parse(y, doc, strlen(doc), "--set") : WHET_ENOMEM;
    whet_free(doc);
    if (status != WHET_EFORMAT && status != WHET_EUNSUPPORTED) return status;
    if (text[0] == '[' || text[0] == '{')
        return WHET_FAIL(WHET_EINVAL, "--set takes only JSON in this build (\"quotes\" around words), not '%s'", text);
    json_t *word = json_string(text);
    char *quoted = word != NULL ? whet_json_text(word, 0) : NULL;
    doc = quoted != NULL ? whet_format("{\"v\": %s}", quoted) : NULL;
    json_decref(word);
    whet_free(quoted);
#else
    char *doc = whet_format("v: %s\n", text);
    whet_status status = WHET_OK;
#endif
    status = doc != NULL ? whet_yaml_parse(y, doc, strlen(doc), "--set") : WHET_ENOMEM;
    whet_free(doc);
    return status;
}

whet_status whet_study_set(whet_study *s, const char *assignment)
{
    const char *eq = strchr(assignment, '=');
    whet_status status = WHET_OK;
    whet_yaml *y = NULL;
    json_t *v = NULL;
    char path[100], section[100];
    if (eq == NULL || eq == assignment || (size_t)(eq - assignment) >= sizeof path)
        return WHET_FAIL(WHET_EINVAL, "--set wants KEY=VALUE, not '%s'", assignment);
    snprintf(path, sizeof path, "%.*s", (int)(eq - assignment), assignment);
    const study_section *sec = study_section_find(path);
    if (sec != NULL && sec->shorthand[0] != '\0') {
        char full[100];
        snprintf(full, sizeof full, "%s.%s", sec->name, sec->shorthand);
        snprintf(path, sizeof path, "%s", full);
    }
    const study_key *k = study_key_find(path);
    if (k == NULL) {
        char *dot = strchr(path, '.');
        snprintf(section, sizeof section, "%.*s", dot != NULL ? (int)(dot - path) : 0, path);
        const char *near = study_key_nearest(section, dot != NULL ? dot + 1 : path);
        if (near == NULL) return WHET_FAIL(WHET_EINVAL, "--set: unknown key '%s': 'whet study schema' lists the keys", path);
        return WHET_FAIL(WHET_EINVAL, "--set: unknown key '%s': did you mean '%s%s%s'?", path, section, section[0] != '\0' ? "." : "", near);
    }
    WHET_GOTO(parse_value(&y, eq + 1));
    const whet_yaml_node *n = whet_yaml_get(whet_yaml_root(y), "v");
    if (n == NULL || whet_yaml_root(y)->n != 1) {
        status = WHET_FAIL(WHET_EINVAL, "--set wants one value for '%s', not '%s'", path, eq + 1);
        goto done;
    }
    WHET_GOTO(study_value(&v, k, y, n, true));
    status = whet_study_put(s, k->path, v);
done:
    whet_yaml_free(y);
    return status;
}

whet_status whet_study_put(whet_study *s, const char *path, json_t *value)
{
    if (json_object_set_new(s->set, path, value) != 0 || json_object_set_new(s->lines, path, json_integer(0)) != 0) return no_memory();
    json_object_del(s->quick, path); // what was said last wins, over the file's own small sizes too
    return WHET_OK;
}

whet_status whet_study_apply_quick(whet_study *s)
{
    const char *path = NULL;
    json_t *v = NULL;
    // What the file says of the measuring time is its full size; --quick has the mode's own unless `quick:` says otherwise.
    static const char *const sizes[] = {"bench.iterations", "bench.min_time"};
    for (size_t i = 0; i < WHET_COUNT(sizes); i++) {
        const json_t *line = json_object_get(s->lines, sizes[i]);
        if (line == NULL || json_integer_value(line) == 0) continue; // not given, or by --set
        if (json_object_set_new(s->set, sizes[i], json_null()) != 0) return no_memory();
    }
    json_object_foreach(s->quick, path, v)
    {
        if (json_object_set(s->set, path, v) != 0) return no_memory();
    }
    return WHET_OK;
}

whet_status whet_study_check(const whet_study *s)
{
    if (json_is_null(json_object_get(s->set, "model"))) {
        whet_fail(WHET_EINVAL, "no model: add 'model: lenet' (to train it) or 'model: FILE.onnx'");
        whet_error_at_file(s->file);
        return WHET_EINVAL;
    }
    const char *goal = json_string_value(json_object_get(s->set, "goal"));
    whet_goal parsed;
    if (goal != NULL && whet_goal_parse(&parsed, goal) != WHET_OK) { // now, not after hours
        const json_int_t line = json_integer_value(json_object_get(s->lines, "goal"));
        whet_error_at_file(s->file);
        if (line > 0) whet_error_at_line(line);
        return WHET_EINVAL;
    }
    return WHET_OK;
}

const char *whet_study_text(const json_t *cell, const char *path)
{
    return json_string_value(json_object_get(cell, path));
}

double whet_study_number(const json_t *cell, const char *path)
{
    return json_number_value(json_object_get(cell, path));
}

bool whet_study_flag(const json_t *cell, const char *path)
{
    return json_is_true(json_object_get(cell, path));
}
