/* SPDX-License-Identifier: Apache-2.0 */
/* Open addressing with linear probing; the table is at most half full. Hash: FNV-1a, 64 bits. */
#include "formats/onnx/onnx_names.h"

#include "base/mem.h"

void onnx_names_dispose(onnx_names *t)
{
    whet_free(t->slots);
    memset(t, 0, sizeof(*t));
}

static size_t place(const onnx_names *t, const char *name)
{
    uint64_t h = 14695981039346656037u;
    for (const char *p = name; *p; p++) h = (h ^ (uint8_t)*p) * 1099511628211u;
    size_t i = (size_t)(h ^ h >> 32) & (t->cap - 1);
    while (t->slots[i].name && strcmp(t->slots[i].name, name) != 0) i = (i + 1) & (t->cap - 1);
    return i;
}

static whet_status grow(onnx_names *t)
{
    onnx_names bigger = {NULL, t->n, t->cap ? 2 * t->cap : 64};
    bigger.slots = whet_calloc(bigger.cap, sizeof(*bigger.slots));
    if (!bigger.slots) return WHET_ENOMEM;
    for (size_t i = 0; i < t->cap; i++)
        if (t->slots[i].name) bigger.slots[place(&bigger, t->slots[i].name)] = t->slots[i];
    whet_free(t->slots);
    *t = bigger;
    return WHET_OK;
}

whet_status onnx_names_add(onnx_names *t, const char *name, int32_t id, bool *added)
{
    if (2 * t->n >= t->cap) WHET_TRY(grow(t));
    size_t i = place(t, name);
    bool fresh = t->slots[i].name == NULL;
    if (added) *added = fresh;
    if (!fresh) return WHET_OK;
    t->slots[i].name = name;
    t->slots[i].id = id;
    t->n++;
    return WHET_OK;
}

int32_t onnx_names_get(const onnx_names *t, const char *name, int32_t otherwise)
{
    if (t->cap == 0) return otherwise;
    size_t i = place(t, name);
    return t->slots[i].name ? t->slots[i].id : otherwise;
}
