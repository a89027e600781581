/* SPDX-License-Identifier: Apache-2.0 */
/* Body of the YAML reader for WHET_MINIMAL, where libyaml is missing: JSON text gives the same tree, without marks inside
 * (jansson keeps none). */
#ifdef WHET_MINIMAL
#include <stdio.h>

#include "wire/json.h"
#include "wire/yaml_tree.h"

static whet_status value(whet_yaml *y, const json_t *v, int depth, whet_yaml_node **out)
{
    const char *key = NULL;
    json_t *item = NULL;
    whet_yaml_kind kind = json_is_object(v) ? WHET_YAML_MAP : json_is_array(v) ? WHET_YAML_LIST : WHET_YAML_SCALAR;
    whet_yaml_node *n = whet_yaml_new(y, kind, 1, 1), *sub = NULL;
    if (!n) return WHET_ENOMEM;
    if (depth >= WHET_YAML_MAX_DEPTH) return whet_yaml_at(y, 0, 0, WHET_EUNSUPPORTED, "nesting is deeper than 32");
    *out = n;
    if (kind == WHET_YAML_SCALAR) {
        char *text = json_is_string(v) ? whet_strdup(json_string_value(v)) : whet_json_text(v, 0);
        n->quoted = json_is_string(v);
        n->text = text ? whet_arena_strdup(y->arena, text) : NULL;
        whet_free(text);
        return n->text ? WHET_OK : WHET_ENOMEM;
    }
    for (size_t i = 0; kind == WHET_YAML_LIST && i < json_array_size(v); i++) {
        WHET_TRY(value(y, json_array_get(v, i), depth + 1, &sub));
        WHET_TRY(whet_yaml_append(y, n, NULL, 0, 0, sub));
    }
    if (kind == WHET_YAML_LIST) return WHET_OK;
    json_object_foreach((json_t *)v, key, item) {
        char *copy = whet_arena_strdup(y->arena, key);
        if (!copy) return WHET_ENOMEM;
        WHET_TRY(value(y, item, depth + 1, &sub));
        WHET_TRY(whet_yaml_append(y, n, copy, 1, 1, sub));
    }
    return WHET_OK;
}

whet_status whet_yaml_build(whet_yaml *y, const char *text, size_t size)
{
    json_t *v = NULL;
    whet_status status = whet_json_parse(&v, text, size, y->file);
    if (status == WHET_EFORMAT) {
        const whet_error *e = whet_error_last();
        int line = (int)e->line;
        char why[256] = "";
        snprintf(why, sizeof(why), "this build reads studies as JSON only, and this is not JSON: %.150s", e->text);
        return whet_yaml_at(y, line, 0, WHET_EFORMAT, why);
    }
    if (status == WHET_OK) status = value(y, v, 0, &y->root);
    json_decref(v);
    return status;
}
#else
typedef int yaml_json_is_not_built;
#endif
