/* SPDX-License-Identifier: Apache-2.0 */
/* Attributes of the file's modules, by name: there may be thousands in one, and the code asks for each. */
#include <string.h>

#include "base/mem.h"
#include "formats/torchscript/ts_eval.h"

enum { FEW = 8 }; /* are looked through */

static int slot_of(const ts_object *o, const char *name)
{
    uint32_t h = 2166136261u; /* FNV-1a */
    for (const char *p = name; *p; p++) h = (h ^ (unsigned char)*p) * 16777619u;
    int i = (int)(h & (uint32_t)(o->cap - 1));
    while (o->index[i] && strcmp(o->names[o->index[i] - 1], name) != 0) i = (i + 1) & (o->cap - 1);
    return i;
}

/* Of attributes with one name the first is found. */
static void make_index(ts_eval *e, ts_object *o)
{
    int cap = 16;
    while (cap < 2 * o->n) cap *= 2;
    o->index = whet_arena_alloc(e->keep, (size_t)cap * sizeof(*o->index));
    o->cap = cap;
    for (int i = 0; i < o->n && o->index; i++) {
        const int at = slot_of(o, o->names[i]);
        if (!o->index[at]) o->index[at] = i + 1;
    }
}

int ts_object_find(ts_eval *e, ts_object *o, const char *name)
{
    if (o->n > FEW && !o->index) make_index(e, o);
    if (o->index) return o->index[slot_of(o, name)] - 1;
    for (int i = 0; i < o->n; i++)
        if (strcmp(o->names[i], name) == 0) return i;
    return -1;
}

static void note(ts_eval *e, ts_object *o, const char *field, int what)
{
    const ts_field *f = ts_field_find(o->def, field);
    if (!f || !f->value || f->value->kind != TS_LIST) return;
    for (const ts_expr *x = f->value->items; x; x = x->next) {
        const int i = x->kind == TS_STRING ? ts_object_find(e, o, x->s) : -1;
        if (i >= 0) o->listed[i] |= (uint8_t)what;
    }
}

int ts_object_listed(ts_eval *e, ts_object *o, int i)
{
    if (!o->listed) {
        o->listed = whet_arena_alloc(e->keep, (size_t)o->n + 1);
        if (!o->listed) return 0;
        note(e, o, "__parameters__", TS_LISTED_PARAMETER);
        note(e, o, "__buffers__", TS_LISTED_BUFFER);
    }
    return o->listed[i];
}
