/* SPDX-License-Identifier: Apache-2.0 */
/* Attributes of modules, by name: a network of thousands of layers may have them all in one module. */
#include <string.h>

#include "base/mem.h"
#include "formats/torchscript/ts_writer.h"

enum { BUCKETS = 1 << 13 };

static size_t bucket_of(const ts_module *m, const char *attr) /* FNV-1a */
{
    uint64_t h = 14695981039346656037u ^ (uint64_t)(uintptr_t)m >> 4;
    for (const char *p = attr; *p; p++) h = (h ^ (uint8_t)*p) * 1099511628211u;
    return (size_t)(h ^ h >> 32) & (BUCKETS - 1);
}

static const ts_name *find(const ts_writer *w, const ts_module *m, const char *attr)
{
    const ts_name *n = w->names ? w->names[bucket_of(m, attr)] : NULL;
    while (n && (n->of != m || strcmp(n->attr, attr) != 0)) n = n->next;
    return n;
}

static bool enter(ts_writer *w, const ts_module *m, const char *attr, ts_module *child)
{
    ts_name *n = whet_arena_alloc(w->arena, sizeof(*n));
    if (!w->names) w->names = whet_arena_alloc(w->arena, BUCKETS * sizeof(*w->names));
    if (!n || !w->names) return false;
    ts_name **head = &w->names[bucket_of(m, attr)];
    *n = (ts_name){m, attr, child, *head};
    *head = n;
    return true;
}

bool ts_attr_taken(const ts_writer *w, const ts_module *m, const char *attr, bool by_module)
{
    const ts_name *n = find(w, m, attr);
    if (n) return !n->child || !by_module;
    return strcmp(attr, "training") == 0 || strcmp(attr, "forward") == 0;
}

ts_module *ts_child(ts_writer *w, ts_module *m, const char *attr, const char *type)
{
    const ts_name *n = find(w, m, attr);
    if (n && n->child) return n->child;
    ts_module *c = whet_arena_alloc(w->arena, sizeof(*c));
    if (!c || !enter(w, m, attr, c)) {
        w->failed = true;
        return m;
    }
    c->attr = attr;
    c->type = type;
    if (m->last_child) m->last_child->next = c;
    else m->children = c;
    return m->last_child = c;
}

ts_slot *ts_add_slot(ts_writer *w, ts_module *m, const char *attr)
{
    ts_slot *s = whet_arena_alloc(w->arena, sizeof(*s));
    if (!s || !enter(w, m, attr, NULL)) {
        w->failed = true;
        return NULL;
    }
    s->attr = attr;
    if (m->last_slot) m->last_slot->next = s;
    else m->slots = s;
    return m->last_slot = s;
}
