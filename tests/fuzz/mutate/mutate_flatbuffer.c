/* SPDX-License-Identifier: Apache-2.0 */
/* Flatbuffers: tables and vectors are found from the root by trying every field as an offset; offsets, vtable entries, vector
 * lengths and scalars get odd values, offsets also those of other objects. */
#include <stdlib.h>
#include <string.h>

#include "mutate.h"

enum { MAX_SITES = 20000 };
typedef enum kind { OFFSET, ENTRY, LENGTH, SCALAR } kind;
typedef struct site { size_t at; kind kind; } site;
typedef struct walk {
    const bytes *b;
    site *s;
    size_t n;
    uint8_t *seen; /* a bit a byte of the file */
} walk;

static void add(walk *w, size_t at, kind k)
{
    if (w->n < MAX_SITES) w->s[w->n++] = (site){at, k};
}

static bool again(walk *w, size_t at)
{
    const bool was = w->seen[at / 8] >> (at % 8) & 1;
    w->seen[at / 8] |= (uint8_t)(1u << (at % 8));
    return was;
}

static bool table(walk *w, size_t at, int depth);

/* What an offset field points at may be a table, a vector (of offsets or of scalars) or a text. */
static void target(walk *w, size_t at, int depth)
{
    if (at + 4 > w->b->n || depth > 12 || table(w, at, depth)) return;
    if (again(w, at)) return;
    const uint64_t n = load_le(w->b->p + at, 4);
    add(w, at, LENGTH);
    if (n > 4000 || at + 4 + 4 * n > w->b->n) return;
    for (uint64_t i = 0; i < n; i++) {
        const size_t slot = at + 4 + 4 * (size_t)i;
        const uint64_t to = slot + load_le(w->b->p + slot, 4);
        add(w, slot, to < w->b->n && to > slot + 3 ? OFFSET : SCALAR);
        if (to + 4 <= w->b->n && to > slot + 3) table(w, (size_t)to, depth + 1);
    }
}

static bool table(walk *w, size_t at, int depth)
{
    const uint8_t *p = w->b->p;
    if (at + 4 > w->b->n || depth > 12) return false;
    const int64_t vt = (int64_t)at - (int32_t)load_le(p + at, 4);
    if (vt < 4 || (size_t)vt + 4 > w->b->n) return false;
    const size_t v = (size_t)vt, size = (size_t)load_le(p + v, 2), inner = (size_t)load_le(p + v + 2, 2);
    if (size < 4 || size % 2 || size > 400 || inner < 4 || v + size > w->b->n || at + inner > w->b->n) return false;
    if (again(w, at)) return true;
    add(w, at, OFFSET);
    add(w, v, ENTRY);
    for (size_t e = 4; e < size; e += 2) {
        const size_t field = (size_t)load_le(p + v + e, 2);
        add(w, v + e, ENTRY);
        if (field == 0 || field + 4 > inner) continue;
        const uint64_t to = at + field + load_le(p + at + field, 4);
        add(w, at + field, to < w->b->n ? OFFSET : SCALAR);
        if (to < w->b->n && to > at + field + 3) target(w, (size_t)to, depth + 1);
    }
    return true;
}

bool mutate_flatbuffer(bytes *b, whet_rng *r)
{
    walk w = {.b = b, .s = malloc(MAX_SITES * sizeof(site)), .seen = calloc(b->n / 8 + 1, 1)};
    if (!w.s || !w.seen) abort();
    add(&w, 0, OFFSET);
    table(&w, (size_t)load_le(b->p, 4), 0);
    const site s = w.s[pick(r, (uint32_t)w.n)], o = w.s[pick(r, (uint32_t)w.n)];
    const size_t width = s.kind == ENTRY ? 2 : s.kind == SCALAR ? (size_t)1 << pick(r, 3) : 4;
    if (s.at + width <= b->n) {
        uint64_t x = odd_number(r, load_le(b->p + s.at, width), b->n);
        if (s.kind == OFFSET && chance(r, 2)) x = (uint64_t)o.at - s.at; /* another object, perhaps one around this */
        store_le(b->p + s.at, width, x);
    }
    free(w.s);
    free(w.seen);
    return true;
}
