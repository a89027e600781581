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
    whet_free(w);
}

whet_status whet_weights_add(whet_weights *w, const char *name, const whet_tensor *t)
{
    if (whet_weights_find(w, name)) return WHET_FAIL(WHET_EFORMAT, "the name '%s' stands twice", name);
    if (w->n == w->capacity) { /* two arrays of one capacity */
        size_t capacity = w->capacity ? 2 * w->capacity : 64;
        char **names = whet_realloc(w->names, capacity, sizeof(*names));
        if (names) w->names = names;
        whet_tensor *tensors = names ? whet_realloc(w->tensors, capacity, sizeof(*tensors)) : NULL;
        if (!tensors) return WHET_ENOMEM;
        w->tensors = tensors;
        w->capacity = capacity;
    }
    w->names[w->n] = whet_strdup(name);
    if (!w->names[w->n]) return WHET_ENOMEM;
    whet_tensor_init(&w->tensors[w->n]);
    whet_tensor_ref(&w->tensors[w->n], t);
    w->n++;
    return WHET_OK;
}

const whet_tensor *whet_weights_find(const whet_weights *w, const char *name)
{
    for (size_t i = 0; i < w->n; i++)
        if (strcmp(w->names[i], name) == 0) return &w->tensors[i];
    return NULL;
}

whet_status whet_weights_of_graph(whet_weights **out, const whet_graph *g)
{
    whet_weights *w = NULL;
    *out = NULL;
    WHET_TRY(whet_weights_create(&w));
    for (int i = 0; i < g->n_values; i++) {
        const whet_value *v = &g->values[i];
        if (v->kind != WHET_VALUE_VARIABLE && v->kind != WHET_VALUE_CONST) continue;
        whet_status status = whet_weights_add(w, v->name, &v->data);
        if (status != WHET_OK) {
            whet_weights_free(w);
            return status;
        }
    }
    *out = w;
    return WHET_OK;
}
