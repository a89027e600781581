/* SPDX-License-Identifier: Apache-2.0 */
/* Named tensors. */
#include "formats/weights.h"

#include <string.h>

whet_status whet_weights_create(whet_weights **out)
{
    *out = whet_calloc(1, sizeof(**out));
    return *out ? WHET_OK : WHET_ENOMEM;
}

void whet_weights_free(whet_weights *w)
{
    if (!w) return;
    for (size_t i = 0; i < w->n; i++) {
        whet_free(w->names[i]);
        whet_tensor_dispose(&w->tensors[i]);
    }
    for (size_t i = 0; i < 2 * w->n_meta; i++) whet_free(w->meta[i]);
    whet_free(w->names);
    whet_free(w->tensors);
    whet_free(w->meta);
    whet_free(w->slots);
    whet_free(w);
}

/* The slot of a name: number + 1, or 0 where it would go. FNV-1a, open addressing, at most half full. */
static uint32_t *slot_of(const whet_weights *w, const char *name)
{
    uint64_t h = 0xcbf29ce484222325u;
    for (const char *s = name; *s; s++) h = (h ^ (unsigned char)*s) * 0x100000001b3u;
    for (size_t i = (size_t)(h ^ h >> 32);; i++) {
        uint32_t *slot = &w->slots[i & (w->n_slots - 1)];
        if (*slot == 0 || strcmp(w->names[*slot - 1], name) == 0) return slot;
    }
}

/* Room for one more in all three arrays. */
static whet_status grow(whet_weights *w)
{
    const size_t capacity = w->capacity ? 2 * w->capacity : 64;
    if (w->n < w->capacity) return WHET_OK;
    if (capacity > UINT32_MAX / 4) return WHET_FAIL(WHET_ENOMEM, "more tensors than are held here");
    char **names = whet_realloc(w->names, capacity, sizeof(*names));
    if (names) w->names = names;
    whet_tensor *tensors = names ? whet_realloc(w->tensors, capacity, sizeof(*tensors)) : NULL;
    if (tensors) w->tensors = tensors;
    uint32_t *slots = tensors ? whet_calloc(2 * capacity, sizeof(*slots)) : NULL;
    if (!slots) return WHET_ENOMEM;
    whet_free(w->slots);
    w->slots = slots;
    w->n_slots = 2 * capacity;
    w->capacity = capacity;
    for (size_t i = 0; i < w->n; i++) *slot_of(w, w->names[i]) = (uint32_t)i + 1;
    return WHET_OK;
}

whet_status whet_weights_add(whet_weights *w, const char *name, const whet_tensor *t)
{
    WHET_TRY(grow(w));
    uint32_t *slot = slot_of(w, name);
    if (*slot) return WHET_FAIL(WHET_EFORMAT, "the name '%.200s' stands twice", name);
    w->names[w->n] = whet_strdup(name);
    if (!w->names[w->n]) return WHET_ENOMEM;
    whet_tensor_init(&w->tensors[w->n]);
    whet_tensor_ref(&w->tensors[w->n], t);
    *slot = (uint32_t)++w->n;
    return WHET_OK;
}

int whet_weights_index(const whet_weights *w, const char *name)
{
    return w->n_slots ? (int)*slot_of(w, name) - 1 : -1;
}

const whet_tensor *whet_weights_find(const whet_weights *w, const char *name)
{
    const int i = whet_weights_index(w, name);
    return i >= 0 ? &w->tensors[i] : NULL;
}

static char **meta_value(const whet_weights *w, const char *key)
{
    for (size_t i = 0; i < w->n_meta; i++)
        if (strcmp(w->meta[2 * i], key) == 0) return &w->meta[2 * i + 1];
    return NULL;
}

const char *whet_weights_meta(const whet_weights *w, const char *key)
{
    char **v = meta_value(w, key);
    return v ? *v : NULL;
}

whet_status whet_weights_set_meta(whet_weights *w, const char *key, const char *value)
{
    char **old = meta_value(w, key), *k = old ? NULL : whet_strdup(key), *v = whet_strdup(value);
    if (!v || (!old && !k)) goto fail;
    if (old) {
        whet_free(*old);
        *old = v;
        return WHET_OK;
    }
    if (2 * w->n_meta + 2 > w->meta_capacity) {
        const size_t capacity = w->meta_capacity ? 2 * w->meta_capacity : 16;
        char **meta = whet_realloc(w->meta, capacity, sizeof(*meta));
        if (!meta) goto fail;
        w->meta = meta;
        w->meta_capacity = capacity;
    }
    w->meta[2 * w->n_meta] = k;
    w->meta[2 * w->n_meta++ + 1] = v;
    return WHET_OK;
fail:
    whet_free(k);
    whet_free(v);
    return WHET_ENOMEM;
}

/* What a checkpoint holds: the variables, or in a graph without any the constants that look like parameters: of several numbers,
 * or named as a part of a layer. Exporters name the constants of their arithmetic "/layer/Constant_3". */
static bool is_parameter(const whet_value *v, bool variables)
{
    const bool part = strchr(v->name, '.') && v->name[0] != '/';
    if (variables) return v->kind == WHET_VALUE_VARIABLE;
    return v->kind == WHET_VALUE_CONST && (part || (whet_tensor_numel(&v->data) > 1 && v->dtype != WHET_S64));
}

whet_status whet_weights_of_graph(whet_weights **out, const whet_graph *g)
{
    whet_weights *w = NULL;
    whet_status status = WHET_OK;
    bool variables = false;
    *out = NULL;
    WHET_TRY(whet_weights_create(&w));
    for (int i = 0; i < g->n_values; i++) variables = variables || g->values[i].kind == WHET_VALUE_VARIABLE;
    for (int i = 0; i < g->n_values; i++)
        if (is_parameter(&g->values[i], variables)) WHET_GOTO(whet_weights_add(w, g->values[i].name, &g->values[i].data));
    for (int i = 0; i < g->n_meta; i++)
        if (strncmp(g->meta[i].key, "onnx.", 5) != 0) WHET_GOTO(whet_weights_set_meta(w, g->meta[i].key, g->meta[i].value));
    *out = w;
    w = NULL;
done:
    whet_weights_free(w);
    return status;
}
