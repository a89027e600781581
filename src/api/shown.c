/* SPDX-License-Identifier: Apache-2.0 */
/* A copy of a document is made only for those few that need it: most hold nothing but plain text. */
#include "api/shown.h"

#include <stdbool.h>
#include <string.h>

#include "base/mem.h"
#include "base/printable.h"

static bool is_plain(const json_t *v)
{
    const char *key = NULL;
    json_t *one = NULL;
    size_t i = 0;
    if (json_is_string(v)) return whet_is_printable(json_string_value(v), 0);
    json_array_foreach(v, i, one)
        if (!is_plain(one)) return false;
    json_object_foreach((json_t *)v, key, one)
        if (!whet_is_printable(key, 0) || !is_plain(one)) return false;
    return true;
}

static json_t *copy(json_t *v);

static json_t *copy_object(json_t *v)
{
    const char *key = NULL;
    json_t *one = NULL, *out = json_object();
    json_object_foreach(v, key, one)
    {
        char *name = whet_printable_copy(key, 0);
        if (!out || !name || json_object_set_new(out, name, copy(one)) != 0) {
            json_decref(out);
            out = NULL;
        }
        whet_free(name);
        if (!out) return NULL;
    }
    return out;
}

static json_t *copy_array(json_t *v)
{
    json_t *one = NULL, *out = json_array();
    size_t i = 0;
    json_array_foreach(v, i, one)
    {
        if (out && json_array_append_new(out, copy(one)) == 0) continue;
        json_decref(out);
        return NULL;
    }
    return out;
}

static json_t *copy(json_t *v)
{
    if (json_is_object(v)) return copy_object(v);
    if (json_is_array(v)) return copy_array(v);
    if (!json_is_string(v)) return json_incref(v);
    char *text = whet_printable_copy(json_string_value(v), 0);
    json_t *out = text ? json_string(text) : NULL;
    whet_free(text);
    return out;
}

json_t *whet_shown(json_t *doc)
{
    json_t *text = json_object_get(doc, "text"), *out = NULL;
    if (!text && is_plain(doc)) return json_incref(doc);
    out = copy(doc);
    if (out && text) json_object_set(out, "text", text);
    return out;
}
