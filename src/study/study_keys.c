// SPDX-License-Identifier: Apache-2.0
// The table of keys and what can be asked of it: finding, nearest names, checking and converting values.
#include "study/study_keys.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/printable.h"
#include "base/spelling.h"
#include "base/strbuf.h"
#include "wire/json.h"

static const study_key keys[] = {
#define S(name, shorthand, help)
#define K(path, kind, fallback, choices, low, high, axis, help) {path, STUDY_##kind, fallback, choices, low, high, axis, help},
#include "study/study_keys.def"
};
static const study_section sections[] = {
#define S(name, shorthand, help) {name, shorthand, help},
#define K(path, kind, fallback, choices, low, high, axis, help)
#include "study/study_keys.def"
};

int study_key_count(void)
{
    return (int)WHET_COUNT(keys);
}

const study_key *study_key_at(int i)
{
    return &keys[i];
}

int study_section_count(void)
{
    return (int)WHET_COUNT(sections);
}

const study_section *study_section_at(int i)
{
    return &sections[i];
}

const study_section *study_section_find(const char *name)
{
    for (size_t i = 0; i < WHET_COUNT(sections); i++)
        if (sections[i].name[0] != '\0' && strcmp(sections[i].name, name) == 0) return &sections[i];
    return NULL;
}

const study_key *study_key_find(const char *path)
{
    size_t n = strlen(path);
    for (size_t i = 0; i < WHET_COUNT(keys); i++) {
        if (strcmp(keys[i].path, path) == 0) return &keys[i];
        // "models", "runtimes", "seeds": the plural of an axis at the top level
        if (keys[i].axis && strchr(path, '.') == NULL && n > 1 && path[n - 1] == 's' && strlen(keys[i].path) == n - 1 &&
            strncmp(keys[i].path, path, n - 1) == 0)
            return &keys[i];
    }
    return NULL;
}

const char *study_section_of(const study_key *k, char *buf, size_t size)
{
    const char *dot = strchr(k->path, '.');
    snprintf(buf, size, "%.*s", dot != NULL ? (int)(dot - k->path) : 0, k->path);
    return buf;
}

const char *study_key_nearest(const char *section, const char *word)
{
    whet_spelling s = {.word = word};
    size_t n = strlen(section);
    for (size_t i = 0; i < WHET_COUNT(keys); i++) {
        const char *dot = strchr(keys[i].path, '.');
        if (n == 0 && dot == NULL) whet_spelling_offer(&s, keys[i].path);
        if (n > 0 && strncmp(keys[i].path, section, n) == 0 && keys[i].path[n] == '.') whet_spelling_offer(&s, keys[i].path + n + 1);
    }
    if (n > 0) return s.nearest;
    for (size_t i = 1; i < WHET_COUNT(sections); i++) whet_spelling_offer(&s, sections[i].name);
    whet_spelling_offer(&s, "quick");
    whet_spelling_offer(&s, "exclude");
    return s.nearest;
}

const char *study_kind_text(const study_key *k, char *buf, size_t size)
{
    static const char *const names[] = {"text", "", "true or false", "whole number", "number", "list of texts", "list of numbers"};
    if (k->kind == STUDY_CHOICE) {
        size_t n = 0;
        for (const char *c = k->choices; *c != '\0' && n + 4 < size; c++)
            n += (size_t)snprintf(buf + n, size - n, *c == '|' ? ", " : "%c", *c);
        return buf;
    }
    snprintf(buf, size, "%s", names[k->kind]);
    if ((k->kind == STUDY_INT || k->kind == STUDY_REAL) && k->high < 1e15)
        snprintf(buf, size, "%s, %.15g to %.15g", names[k->kind], k->low, k->high);
    return buf;
}

static bool is_choice(const char *choices, const char *word)
{
    size_t n = strlen(word);
    for (const char *p = choices; *p != '\0';) {
        size_t len = strcspn(p, "|");
        if (len == n && strncmp(p, word, n) == 0) return true;
        p += len + (p[len] == '|');
    }
    return false;
}

json_t *study_default(const study_key *k)
{
    json_t *v = json_loads(k->fallback, JSON_DECODE_ANY, NULL);
    if (k->kind != STUDY_REAL || !json_is_integer(v)) return v;
    json_t *real = json_real(json_number_value(v)); // so that equal settings have equal text, whoever gave them
    json_decref(v);
    return real;
}

// --- values from nodes

static whet_status wrong(const study_key *k, const whet_yaml *y, const whet_yaml_node *n)
{
    char kind[300];
    study_kind_text(k, kind, sizeof kind);
    if (n->kind == WHET_YAML_SCALAR)
        return whet_yaml_fail(y, n, WHET_EINVAL, "'%s' is not a value for '%s': wanted %s", n->text, k->path, kind);
    return whet_yaml_fail(y, n, WHET_EINVAL, "%s stands where '%s' wants %s", n->kind == WHET_YAML_LIST ? "a list" : "a map",
                          k->path, kind);
}

static whet_status scalar(json_t **out, const study_key *k, const whet_yaml *y, const whet_yaml_node *n)
{
    bool flag = false, fits = false;
    int64_t whole = 0;
    double real = 0;
    *out = NULL;
    if (n->kind != WHET_YAML_SCALAR) return wrong(k, y, n);
    switch (k->kind) {
    case STUDY_BOOL:
        fits = whet_yaml_bool(n, &flag);
        *out = json_boolean(flag);
        break;
    case STUDY_INT:
        fits = whet_yaml_int(n, &whole) && (double)whole >= k->low && (double)whole <= k->high;
        *out = json_integer(whole);
        break;
    case STUDY_REAL:
    case STUDY_REALS:
        fits = whet_yaml_real(n, &real) && (k->kind == STUDY_REALS || (real >= k->low && real <= k->high));
        *out = json_real(real);
        break;
    case STUDY_CHOICE:
        fits = is_choice(k->choices, n->text);
        *out = json_string(n->text);
        break;
    default:
        fits = n->text[0] != '\0' && whet_is_utf8(n->text);
        *out = json_string(n->text);
    }
    if (fits) return *out != NULL ? WHET_OK : WHET_FAIL(WHET_ENOMEM, "out of memory while reading a study");
    json_decref(*out);
    *out = NULL;
    return wrong(k, y, n);
}

whet_status study_value(json_t **out, const study_key *k, const whet_yaml *y, const whet_yaml_node *n, bool lists)
{
    bool is_list = k->kind == STUDY_TEXTS || k->kind == STUDY_REALS;
    *out = NULL;
    if (n->kind == WHET_YAML_SCALAR && whet_yaml_is_null(n)) {
        *out = study_default(k);
        return *out != NULL ? WHET_OK : WHET_FAIL(WHET_ENOMEM, "out of memory while reading a study");
    }
    if (!is_list && n->kind == WHET_YAML_LIST && strcmp(k->path, "model") == 0) {
        for (int i = 0; i < n->n; i++)
            if (n->items[i]->kind == WHET_YAML_MAP)
                return whet_yaml_fail(y, n->items[i], WHET_EUNSUPPORTED,
                                      "a network given layer by layer cannot be built by this version: name a model of the zoo or a file");
    }
    if (n->kind != WHET_YAML_LIST) {
        if (is_list) return wrong(k, y, n);
        return scalar(out, k, y, n);
    }
    if (!is_list && !(lists && k->axis))
        return whet_yaml_fail(y, n, WHET_EINVAL, "'%s' cannot be a list: it is the same for the whole study", k->path);
    if (!is_list && n->n == 0) return whet_yaml_fail(y, n, WHET_EINVAL, "'%s' is an empty list: the study would have no rows", k->path);
    json_t *list = json_array();
    whet_status status = WHET_OK;
    for (int i = 0; i < n->n && status == WHET_OK; i++) {
        json_t *v = NULL;
        status = scalar(&v, k, y, n->items[i]);
        for (size_t j = 0; status == WHET_OK && !is_list && j < json_array_size(list); j++)
            if (study_equal(v, json_array_get(list, j)))
                status = whet_yaml_fail(y, n->items[i], WHET_EINVAL, "'%s' stands twice in the list of '%s'", n->items[i]->text, k->path);
        if (status == WHET_OK && json_array_append(list, v) != 0) status = WHET_FAIL(WHET_ENOMEM, "out of memory while reading a study");
        json_decref(v);
    }
    if (status == WHET_OK) {
        *out = list;
    } else {
        json_decref(list);
    }
    return status;
}

bool study_equal(const json_t *a, const json_t *b)
{
    if (json_is_number(a) && json_is_number(b)) return json_number_value(a) == json_number_value(b);
    return json_equal(a, b) != 0;
}
