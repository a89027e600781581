// SPDX-License-Identifier: Apache-2.0
// What is made from the table of keys besides the parser: the JSON schema, the table of docs/study.md, the commented
// file of `study init`, and the file that a study without YAML leaves behind.
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/strbuf.h"
#include "study/study_keys.h"
#include "wire/json.h"

static const char *leaf_name(const study_key *k)
{
    const char *dot = strchr(k->path, '.');
    return dot != NULL ? dot + 1 : k->path;
}

// --- schema

static json_t *value_schema(const study_key *k)
{
    static const char *const types[] = {"string", "string", "boolean", "integer", "number", "array", "array"};
    json_t *o = json_object();
    json_object_set_new(o, "type", json_string(types[k->kind]));
    if (k->kind == STUDY_TEXTS) json_object_set_new(o, "items", json_pack("{s:s}", "type", "string"));
    if (k->kind == STUDY_REALS) json_object_set_new(o, "items", json_pack("{s:s}", "type", "number"));
    if (k->kind == STUDY_INT) {
        json_object_set_new(o, "minimum", json_integer((json_int_t)k->low));
        json_object_set_new(o, "maximum", json_integer((json_int_t)k->high));
    }
    if (k->kind == STUDY_REAL) {
        json_object_set_new(o, "minimum", json_real(k->low));
        json_object_set_new(o, "maximum", json_real(k->high));
    }
    if (k->kind == STUDY_CHOICE) {
        json_t *list = json_array();
        for (const char *p = k->choices; *p != '\0';) {
            size_t n = strcspn(p, "|");
            json_array_append_new(list, json_stringn(p, n));
            p += n + (p[n] == '|');
        }
        json_object_set_new(o, "enum", list);
    }
    return o;
}

static json_t *key_schema(const study_key *k)
{
    json_t *o = json_object(), *forms = json_array();
    json_array_append_new(forms, value_schema(k));
    if (k->axis) {
        json_t *list = json_object();
        json_object_set_new(list, "type", json_string("array"));
        json_object_set_new(list, "items", value_schema(k));
        json_object_set_new(list, "minItems", json_integer(1));
        json_object_set_new(list, "uniqueItems", json_true());
        json_array_append_new(forms, list);
    }
    json_array_append_new(forms, json_pack("{s:s}", "type", "null"));
    if (k->help[0] != '\0') json_object_set_new(o, "description", json_string(k->help));
    json_object_set_new(o, "default", study_default(k));
    json_object_set_new(o, "anyOf", forms);
    return o;
}

static json_t *closed_object(json_t *properties)
{
    json_t *o = json_object();
    json_object_set_new(o, "type", json_string("object"));
    json_object_set_new(o, "additionalProperties", json_false());
    json_object_set_new(o, "properties", properties);
    return o;
}

static json_t *section_schema(const study_section *s)
{
    char buf[100];
    json_t *props = json_object(), *shorthand = NULL;
    for (int i = 0; i < study_key_count(); i++) {
        const study_key *k = study_key_at(i);
        if (strcmp(study_section_of(k, buf, sizeof buf), s->name) != 0) continue;
        json_object_set_new(props, leaf_name(k), key_schema(k));
        if (strcmp(leaf_name(k), s->shorthand) == 0) shorthand = key_schema(k);
    }
    json_t *o = json_object(), *forms = json_array();
    json_object_set_new(o, "description", json_string(s->help));
    json_array_append_new(forms, closed_object(props));
    if (shorthand != NULL) json_array_append_new(forms, shorthand);
    json_array_append_new(forms, json_pack("{s:s}", "type", "null"));
    json_object_set_new(o, "anyOf", forms);
    return o;
}

static json_t *study_properties(void)
{
    char buf[100], plural[100];
    json_t *props = json_object();
    for (int i = 0; i < study_key_count(); i++) {
        const study_key *k = study_key_at(i);
        if (study_section_of(k, buf, sizeof buf)[0] != '\0') continue;
        json_object_set_new(props, k->path, key_schema(k));
        snprintf(plural, sizeof plural, "%ss", k->path);
        if (k->axis) json_object_set_new(props, plural, key_schema(k));
    }
    for (int i = 0; i < study_section_count(); i++)
        if (study_section_at(i)->name[0] != '\0') json_object_set_new(props, study_section_at(i)->name, section_schema(study_section_at(i)));
    return props;
}

whet_status whet_study_schema(json_t **out)
{
    json_t *o = json_object(), *part = closed_object(study_properties()), *props = study_properties();
    json_object_set_new(o, "$schema", json_string("https://json-schema.org/draft/2020-12/schema"));
    json_object_set_new(o, "title", json_string("whet study"));
    json_object_set_new(o, "type", json_string("object"));
    json_object_set_new(o, "additionalProperties", json_false());
    json_object_set_new(props, "quick", json_pack("{s:s, s:s}", "description", "values that --quick puts in place of the others",
                                                  "$ref", "#/$defs/settings"));
    json_object_set_new(props, "exclude", json_pack("{s:s, s:s, s:{s:s}}", "type", "array", "description",
                                                    "combinations to leave out; all keys of an entry must hold", "items", "$ref",
                                                    "#/$defs/settings"));
    json_object_set_new(o, "properties", props);
    json_object_set_new(o, "$defs", json_pack("{s:o}", "settings", part));
    *out = o;
    return o != NULL ? WHET_OK : WHET_FAIL(WHET_ENOMEM, "out of memory while writing the schema");
}

// --- manual

static void cell_text(whet_strbuf *b, const char *text)
{
    for (; *text != '\0'; text++) whet_strbuf_printf(b, *text == '|' ? "\\%c" : "%c", *text);
}

whet_status whet_study_manual(char **markdown)
{
    whet_strbuf b;
    char buf[300];
    whet_strbuf_init(&b);
    for (int i = 0; i < study_section_count(); i++) {
        const study_section *s = study_section_at(i);
        if (s->name[0] != '\0') {
            whet_strbuf_printf(&b, "### `%s`: %s\n", s->name, s->help);
        } else {
            whet_strbuf_printf(&b, "### Top level: %s\n", s->help);
        }
        if (s->shorthand[0] != '\0') whet_strbuf_printf(&b, "`%s: VALUE` is short for `%s: {%s: VALUE}`.\n", s->name, s->name, s->shorthand);
        whet_strbuf_puts(&b, "\n| key | value | default | list = axis | meaning |\n| --- | --- | --- | --- | --- |\n");
        for (int j = 0; j < study_key_count(); j++) {
            const study_key *k = study_key_at(j);
            if (strcmp(study_section_of(k, buf, sizeof buf), s->name) != 0) continue;
            whet_strbuf_printf(&b, "| `%s` | %s | ", k->path, study_kind_text(k, buf, sizeof buf));
            if (strcmp(k->fallback, "null") != 0) whet_strbuf_printf(&b, "`%s`", k->fallback);
            whet_strbuf_printf(&b, " | %s | ", k->axis ? "yes" : "");
            cell_text(&b, k->help);
            whet_strbuf_puts(&b, " |\n");
        }
        whet_strbuf_puts(&b, "\n");
    }
    *markdown = whet_strbuf_take(&b);
    return *markdown != NULL ? WHET_OK : WHET_ENOMEM;
}

// --- files

#ifdef WHET_MINIMAL
// Where only JSON is read, the files are JSON too (which is YAML, but has no comments).
static void put(json_t *doc, const study_key *k, json_t *v)
{
    char section[100];
    json_t *o = doc;
    if (study_section_of(k, section, sizeof section)[0] != '\0') {
        if (json_object_get(doc, section) == NULL) json_object_set_new(doc, section, json_object());
        o = json_object_get(doc, section);
    }
    json_object_set_new(o, leaf_name(k), v);
}

static whet_status finish(json_t *doc, char **text)
{
    char *body = doc != NULL ? whet_json_text(doc, 2) : NULL;
    *text = body != NULL ? whet_format("%s\n", body) : NULL;
    whet_free(body);
    json_decref(doc);
    return *text != NULL ? WHET_OK : WHET_FAIL(WHET_ENOMEM, "out of memory while writing a study");
}

whet_status whet_study_write(const whet_study *s, char **text)
{
    json_t *doc = json_object();
    for (int i = 0; i < study_key_count(); i++) {
        const study_key *k = study_key_at(i);
        json_t *v = json_object_get(s->set, k->path), *fallback = study_default(k);
        const bool same = json_object_get(s->lines, k->path) == NULL && study_equal(v, fallback);
        json_decref(fallback);
        if (!same && !json_is_null(v)) put(doc, k, json_incref(v));
    }
    if (json_object_size(s->quick) > 0) json_object_set(doc, "quick", s->quick);
    if (json_array_size(s->exclude) > 0) json_object_set(doc, "exclude", s->exclude);
    return finish(doc, text);
}

whet_status whet_study_template(char **text, const char *model)
{
    json_t *doc = json_object();
    for (int i = 0; i < study_key_count(); i++) {
        const study_key *k = study_key_at(i);
        json_t *v = study_default(k);
        if (strcmp(k->path, "model") == 0 || strcmp(k->path, "data.name") == 0) {
            json_decref(v);
            v = json_string(k->path[0] == 'd' ? "mnist" : model != NULL ? model : "lenet");
        }
        if (json_is_null(v)) {
            json_decref(v);
        } else {
            put(doc, k, v);
        }
    }
    return finish(doc, text);
}
#else
// A text as YAML: plain where that reads back as the same text, else JSON's quotes, which YAML shares.
static void yaml_value(whet_strbuf *b, const json_t *v)
{
    const char *s = json_string_value(v);
    static const char safe[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./=-+";
    bool word = s != NULL && s[0] != '\0' && strspn(s, safe) == strlen(s) && strchr("0123456789.-+=", s[0]) == NULL;
    static const char *const taken[] = {"true", "false", "null", "True", "False", "Null", "TRUE", "FALSE", "NULL", "yes", "no", "on", "off"};
    for (size_t i = 0; word && i < WHET_COUNT(taken); i++) word = strcmp(s, taken[i]) != 0;
    if (word) {
        whet_strbuf_puts(b, s);
        return;
    }
    if (json_is_array(v)) {
        size_t i = 0;
        const json_t *item = NULL;
        whet_strbuf_puts(b, "[");
        json_array_foreach(v, i, item)
        {
            if (i > 0) whet_strbuf_puts(b, ", ");
            yaml_value(b, item);
        }
        whet_strbuf_puts(b, "]");
        return;
    }
    char *text = whet_json_text(v, 0);
    whet_strbuf_puts(b, text != NULL ? text : "null");
    b->failed = b->failed || text == NULL;
    whet_free(text);
}

whet_status whet_study_write(const whet_study *s, char **yaml)
{
    whet_strbuf b;
    char buf[100], open[100] = "";
    whet_strbuf_init(&b);
    for (int i = 0; i < study_key_count(); i++) {
        const study_key *k = study_key_at(i);
        const json_t *v = json_object_get(s->set, k->path);
        json_t *fallback = study_default(k);
        bool same = json_object_get(s->lines, k->path) == NULL && study_equal(v, fallback);
        json_decref(fallback);
        if (same || json_is_null(v)) continue;
        if (strcmp(study_section_of(k, buf, sizeof buf), open) != 0) {
            snprintf(open, sizeof open, "%s", buf);
            if (open[0] != '\0') whet_strbuf_printf(&b, "%s:\n", open);
        }
        whet_strbuf_printf(&b, "%s%s: ", open[0] != '\0' ? "  " : "", leaf_name(k));
        yaml_value(&b, v);
        whet_strbuf_puts(&b, "\n");
    }
    const char *lists[] = {"quick", "exclude"};
    for (int i = 0; i < 2; i++) {
        const json_t *v = i == 0 ? s->quick : s->exclude;
        char *text = NULL;
        if (i == 0 ? json_object_size(v) == 0 : json_array_size(v) == 0) continue;
        text = whet_json_text(v, 0); // JSON is YAML
        whet_strbuf_printf(&b, "%s: %s\n", lists[i], text != NULL ? text : "");
        b.failed = b.failed || text == NULL;
        whet_free(text);
    }
    *yaml = whet_strbuf_take(&b);
    return *yaml != NULL ? WHET_OK : WHET_ENOMEM;
}

whet_status whet_study_template(char **yaml, const char *model)
{
    whet_strbuf b;
    char buf[300];
    whet_strbuf_init(&b);
    whet_strbuf_printf(&b,
                       "# A study for whet: run it with `whet study FILE`; `--dry-run` shows what it would do, `--quick` is its small form.\n"
                       "# Lines with a # are the defaults. A list makes one row for each value: `batch: [1, 8]`.\n\n"
                       "model: %s\n",
                       model != NULL ? model : "lenet");
    for (int i = 0; i < study_section_count(); i++) {
        const study_section *s = study_section_at(i);
        const char *indent = s->name[0] != '\0' ? "  " : "";
        whet_strbuf_printf(&b, "\n# --- %s\n", s->help);
        if (s->name[0] != '\0') whet_strbuf_printf(&b, "%s:\n", s->name);
        if (strcmp(s->name, "data") == 0) whet_strbuf_puts(&b, "  name: mnist\n");
        for (int j = 0; j < study_key_count(); j++) {
            const study_key *k = study_key_at(j);
            if (strcmp(study_section_of(k, buf, sizeof buf), s->name) != 0 || strcmp(k->path, "model") == 0) continue;
            if (k->help[0] != '\0') whet_strbuf_printf(&b, "%s# %s (%s)\n", indent, k->help, study_kind_text(k, buf, sizeof buf));
            if (strcmp(k->path, "data.name") == 0) continue;
            json_t *v = study_default(k);
            whet_strbuf_printf(&b, "%s#%s: ", indent, leaf_name(k));
            if (!json_is_null(v)) yaml_value(&b, v);
            whet_strbuf_puts(&b, "\n");
            json_decref(v);
        }
    }
    whet_strbuf_puts(&b,
                     "\n# Combinations to leave out; all keys of an entry must hold.\n#exclude:\n#  - {runtime: ort, batch: 8}\n"
                     "\n# Values that --quick puts in place of those above.\n#quick:\n#  train: {epochs: 1}\n");
    *yaml = whet_strbuf_take(&b);
    return *yaml != NULL ? WHET_OK : WHET_ENOMEM;
}
#endif
