/* SPDX-License-Identifier: Apache-2.0 */
/* Names, choices and defaults of the settings: one table for the command line, the studies, the workers and the documents. */
#include "measure/settings.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"

static const whet_setting_row rows[] = {
    {"optimisation", offsetof(whet_settings, optimisation), "all", "off|basic|all"},
    {"precision", offsetof(whet_settings, precision), "default", "default|f32|bf16|f16"},
    {"denormals", offsetof(whet_settings, denormals), "zero", "zero|keep"},
    {"arena", offsetof(whet_settings, arena), "on", "on|off"},
};

const whet_setting_row *whet_setting_at(int i)
{
    return i >= 0 && i < (int)WHET_COUNT(rows) ? &rows[i] : NULL;
}

const char *whet_setting_get(const whet_settings *s, const whet_setting_row *row)
{
    const char *v = NULL;
    memcpy(&v, (const char *)s + row->offset, sizeof v);
    return v != NULL ? v : row->fallback;
}

whet_status whet_setting_check(const whet_setting_row *row, const char *word)
{
    const size_t n = strlen(word);
    for (const char *p = row->words; p != NULL; p = strchr(p, '|') != NULL ? strchr(p, '|') + 1 : NULL)
        if (n > 0 && strncmp(p, word, n) == 0 && (p[n] == '|' || p[n] == '\0')) return WHET_OK;
    char text[96];
    snprintf(text, sizeof text, "%s", row->words);
    for (char *p = text; *p != '\0'; p++)
        if (*p == '|') *p = ' ';
    return WHET_FAIL(WHET_EINVAL, "%s '%s' must be one of: %s", row->name, word, text);
}

bool whet_setting_taken(const json_t *caps, const char *key, const char *value)
{
    const json_t *v = json_object_get(json_object_get(caps, "settings"), key), *x = NULL;
    size_t i = 0;
    if (!json_is_array(v)) return v != NULL;
    json_array_foreach(v, i, x) {
        if (json_is_string(x) && strcmp(json_string_value(x), value) == 0) return true;
    }
    return false;
}

bool whet_settings_equal(const whet_settings *a, const whet_settings *b)
{
    bool same = WHET_MAX(a->streams, 1) == WHET_MAX(b->streams, 1) && a->threads == b->threads;
    for (size_t i = 0; i < WHET_COUNT(rows); i++) same = same && strcmp(whet_setting_get(a, &rows[i]), whet_setting_get(b, &rows[i])) == 0;
    return same;
}

static void put_number(json_t *o, const char *key, int n)
{
    char text[16];
    snprintf(text, sizeof text, "%d", n);
    json_object_set_new(o, key, json_string(text));
}

json_t *whet_settings_json(const whet_settings *s)
{
    json_t *o = json_object();
    if (s->threads > 0) put_number(o, "threads", s->threads);
    put_number(o, "streams", WHET_MAX(s->streams, 1));
    for (size_t i = 0; i < WHET_COUNT(rows); i++) json_object_set_new(o, rows[i].name, json_string(whet_setting_get(s, &rows[i])));
    return o;
}

json_t *whet_load_request(const char *runtime, const char *path, const whet_settings *s, int batch, const int *sizes)
{
    json_t *keys = whet_settings_json(s);
    if (s->streams <= 1) json_object_del(keys, "streams");
    if (strcmp(whet_setting_get(s, &rows[1]), rows[1].fallback) == 0) json_object_del(keys, rows[1].name);
    json_t *q = json_pack("{ss, ss, ss, si, so}", "do", "load", "runtime", runtime, "path", path, "batch", batch, "settings", keys);
    if (q != NULL && sizes != NULL && sizes[0] > 0) json_object_set_new(q, "sizes", json_pack("[i, i]", sizes[0], sizes[1]));
    return q;
}
