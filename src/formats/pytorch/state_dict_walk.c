/* SPDX-License-Identifier: Apache-2.0 */
/* From the values of a checkpoint's pickle to named tensors: which of its dicts is the state dict, and the names of nested
 * ones. A pickle may hold the same list many times, or inside of itself: levels and entries are counted. */
#include <stdio.h>

#include "base/mem.h"
#include "formats/pytorch/state_dict_private.h"

enum { MOST_LEVELS = 16, MOST_ENTRIES = 1000000, MOST_NAME = 1000 };

typedef struct walker {
    whet_weights *w;
    torch_source *src;
    long entries;
    char name[MOST_NAME + 1];
} walker;

static bool has_tensor(const whet_pickle_value *dict)
{
    for (size_t i = 0; i < dict->n; i++)
        if (torch_is_tensor(dict->items[2 * i + 1])) return true;
    return false;
}

/* Below the keys under which training scripts keep the state dict. */
static const whet_pickle_value *find_state_dict(const whet_pickle_value *v)
{
    static const char *const keys[] = {"state_dict", "model_state_dict", "model_state", "model", "net", "network", "module", "weights", "params"};
    for (int level = 0; level < 4 && v->kind == WHET_PICKLE_DICT && !has_tensor(v); level++) {
        const whet_pickle_value *inner = NULL;
        for (size_t i = 0; i < WHET_COUNT(keys) && !inner; i++) {
            inner = whet_pickle_get(v, keys[i]);
            if (inner && inner->kind != WHET_PICKLE_DICT) inner = NULL;
        }
        if (!inner) break;
        v = inner;
    }
    return v;
}

static whet_status visit(walker *k, const whet_pickle_value *v, size_t length, int level);

/* The name grows by a dot and the key. */
static whet_status name_key(walker *k, const whet_pickle_value *key, size_t index, size_t length, size_t *longer)
{
    char number[32];
    const char *text = number;
    if (!key) snprintf(number, sizeof(number), "%zu", index);
    else if (key->kind == WHET_PICKLE_INT) snprintf(number, sizeof(number), "%lld", (long long)key->i);
    else if (key->kind == WHET_PICKLE_TEXT) text = key->text;
    else return WHET_FAIL(WHET_EUNSUPPORTED, "below '%.200s' a key is a %s, not a text", k->name, whet_pickle_text(key, number, sizeof(number)));
    const int n = snprintf(k->name + length, sizeof(k->name) - length, "%s%s", length ? "." : "", text);
    if (n < 0 || (size_t)n >= sizeof(k->name) - length) return WHET_FAIL(WHET_EFORMAT, "a name of more than %d bytes", MOST_NAME);
    *longer = length + (size_t)n;
    return WHET_OK;
}

static whet_status visit_items(walker *k, const whet_pickle_value *v, size_t length, int level)
{
    const bool dict = v->kind == WHET_PICKLE_DICT;
    if (level >= MOST_LEVELS) return WHET_FAIL(WHET_EFORMAT, "containers are nested deeper than %d levels at '%.200s'", MOST_LEVELS, k->name);
    for (size_t i = 0; i < v->n; i++) {
        const whet_pickle_value *item = v->items[dict ? 2 * i + 1 : i];
        const bool holds = torch_is_tensor(item) || item->kind == WHET_PICKLE_DICT || item->kind == WHET_PICKLE_LIST || item->kind == WHET_PICKLE_TUPLE;
        size_t longer = 0;
        if (++k->entries > MOST_ENTRIES) return WHET_FAIL(WHET_EFORMAT, "more than %d entries: a bomb", MOST_ENTRIES);
        if (!holds) continue;
        k->name[length] = '\0';
        WHET_TRY(name_key(k, dict ? v->items[2 * i] : NULL, i, length, &longer));
        WHET_TRY(visit(k, item, longer, level + 1));
    }
    return WHET_OK;
}

static whet_status visit(walker *k, const whet_pickle_value *v, size_t length, int level)
{
    whet_tensor t;
    if (!torch_is_tensor(v)) return visit_items(k, v, length, level);
    whet_status status = torch_tensor_build(k->src, v, k->name, &t);
    if (status == WHET_OK) status = whet_weights_add(k->w, length ? k->name : "tensor", &t);
    if (status != WHET_OK) whet_error_at_offset(v->offset);
    whet_tensor_dispose(&t);
    return status;
}

whet_status state_dict_walk(whet_weights *w, torch_source *src, const whet_pickle_value *root)
{
    walker k = {.w = w, .src = src};
    const whet_pickle_value *v = find_state_dict(root);
    const bool holds = torch_is_tensor(v) || v->kind == WHET_PICKLE_DICT || v->kind == WHET_PICKLE_LIST || v->kind == WHET_PICKLE_TUPLE;
    char what[160];
    if (!holds) return WHET_FAIL(WHET_EUNSUPPORTED, "the file holds a %s, not a state dict", whet_pickle_text(v, what, sizeof(what)));
    WHET_TRY(visit(&k, v, 0, 0));
    return w->n ? WHET_OK : WHET_FAIL(WHET_EUNSUPPORTED, "no tensor is in this file");
}
