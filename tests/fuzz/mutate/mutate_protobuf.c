/* SPDX-License-Identifier: Apache-2.0 */
/* Protocol buffers: fields are removed, doubled, exchanged, get odd numbers or texts, and the lengths of all messages around
 * them are made to fit again (mostly). A blob counts as a message where it parses as one. */
#include <stdlib.h>
#include <string.h>

#include "mutate.h"

enum { MAX_FIELDS = 4096, MAX_DEPTH = 12 };

typedef struct field {
    size_t begin, value, end; /* tag, payload, behind it */
    int wire, depth, parent;  /* parent: index or -1 */
} field;

typedef struct walk {
    const uint8_t *p;
    field *f;
    int n;
} walk;

static bool varint(const uint8_t *p, size_t *at, size_t end, uint64_t *x)
{
    *x = 0;
    for (int shift = 0; *at < end && shift < 64; shift += 7) {
        const uint8_t byte = p[(*at)++];
        *x |= (uint64_t)(byte & 127) << shift;
        if (byte < 128) return true;
    }
    return false;
}

/* Fields of a message; false (and nothing kept) if it is none. */
static bool scan(walk *w, size_t at, size_t end, int depth, int parent)
{
    const int begin = w->n;
    while (at < end) {
        field f = {.begin = at, .depth = depth, .parent = parent};
        uint64_t tag = 0, x = 0;
        bool good = varint(w->p, &at, end, &tag) && tag >> 3 != 0 && tag >> 3 < 4096;
        f.wire = (int)(tag & 7);
        f.value = at;
        if (good && f.wire == 0) good = varint(w->p, &at, end, &x);
        else if (good && f.wire == 1) at += 8;
        else if (good && f.wire == 5) at += 4;
        else if (good && f.wire == 2) {
            good = varint(w->p, &at, end, &x) && x <= end - at;
            f.value = at;
            at += good ? (size_t)x : 0;
        } else good = false;
        if (!good || at > end) {
            w->n = begin;
            return false;
        }
        f.end = at;
        if (w->n == MAX_FIELDS) return true;
        const int me = w->n++;
        w->f[me] = f;
        if (f.wire == 2 && f.end - f.value > 1 && f.end - f.value < 100000 && depth < MAX_DEPTH) scan(w, f.value, f.end, depth + 1, me);
    }
    return true;
}

static size_t put_varint(uint8_t *out, uint64_t x)
{
    size_t n = 0;
    for (; x > 127; x >>= 7) out[n++] = (uint8_t)(x | 128);
    out[n++] = (uint8_t)x;
    return n;
}

/* Replaces [at, at + cut) inside field `parent` and writes the lengths around it anew, from the inside out. */
static void replace(bytes *b, const walk *w, int parent, size_t at, size_t cut, const uint8_t *p, size_t n)
{
    uint8_t length[10], old[10];
    bytes_splice(b, at, cut, p, n);
    ptrdiff_t moved = (ptrdiff_t)n - (ptrdiff_t)cut;
    for (int i = parent; i >= 0; i = w->f[i].parent) {
        const size_t size = w->f[i].end - w->f[i].value, was = put_varint(old, size), is = put_varint(length, (uint64_t)((ptrdiff_t)size + moved));
        bytes_splice(b, w->f[i].value - was, was, length, is);
        moved += (ptrdiff_t)is - (ptrdiff_t)was;
    }
}

bool mutate_protobuf(bytes *b, whet_rng *r)
{
    walk w = {.p = b->p, .f = malloc(MAX_FIELDS * sizeof(field))};
    uint8_t text[300];
    if (!w.f) abort();
    if (!scan(&w, 0, b->n, 0, -1) || w.n == 0) {
        free(w.f);
        return mutate_bytes(b, r);
    }
    const int i = (int)pick(r, (uint32_t)w.n), k = (int)pick(r, (uint32_t)w.n);
    const field f = w.f[i], g = w.f[k];
    bytes copy = {0};
    bytes_add(&copy, b->p, b->n);
    switch (pick(r, 7)) {
    case 0: replace(b, &w, f.parent, f.begin, f.end - f.begin, NULL, 0); break;
    case 1: replace(b, &w, f.parent, f.begin, 0, copy.p + f.begin, f.end - f.begin); break;
    case 2: replace(b, &w, f.parent, f.begin, f.end - f.begin, copy.p + g.begin, g.end - g.begin); break;
    case 3: replace(b, &w, f.parent, f.begin, 0, copy.p + g.begin, g.end - g.begin); break;
    case 4: /* the payload alone */
        if (f.wire == 2 && g.wire == 2) replace(b, &w, i, f.value, f.end - f.value, copy.p + g.value, g.end - g.value);
        else b->p[f.begin] = (uint8_t)(b->p[f.begin] ^ (1 + pick(r, 127)));
        break;
    default:
        if (f.wire == 0) {
            size_t at = f.value;
            uint64_t was = 0;
            varint(copy.p, &at, f.end, &was);
            replace(b, &w, f.parent, f.value, f.end - f.value, text, put_varint(text, odd_number(r, was, b->n)));
        } else if (f.wire == 2) {
            if (chance(r, 3)) bytes_splice(b, f.value - 1, 1, text, put_varint(text, odd_number(r, f.end - f.value, b->n))); /* does not fit */
            else replace(b, &w, i, f.value, f.end - f.value, text, odd_text(r, text, sizeof text));
        } else {
            const size_t n = f.wire == 1 ? 8 : 4;
            store_le(b->p + f.value, n, chance(r, 3) ? 0x7ff0000000000000u >> (n == 4 ? 32 : 0) : odd_number(r, load_le(copy.p + f.value, n), b->n));
        }
    }
    free(copy.p);
    free(w.f);
    return true;
}
