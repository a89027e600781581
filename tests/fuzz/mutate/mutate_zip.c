/* SPDX-License-Identifier: Apache-2.0 */
/* ZIP archives: an entry's bytes are changed by the walker for what it holds, an entry is removed, doubled or renamed, and the
 * archive is written anew with sums that fit; or a number of its own headers is changed as it stands. */
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "mutate.h"

enum { MAX_ENTRIES = 2000 };

typedef struct entry {
    const uint8_t *name, *data;
    size_t name_n, data_n, size; /* size: unpacked */
    uint32_t crc, method;
} entry;

/* The directory's entries; 0 where it is damaged. */
static size_t directory(const bytes *b, entry *e, size_t *at)
{
    size_t end = b->n, n = 0;
    if (b->n < 22) return 0;
    for (end = b->n - 22; end > 0 && load_le(b->p + end, 4) != 0x06054b50; end--)
        ;
    *at = (size_t)load_le(b->p + end + 16, 4);
    const size_t count = (size_t)load_le(b->p + end + 10, 2);
    for (size_t i = *at; n < count && n < MAX_ENTRIES && i + 46 <= b->n && load_le(b->p + i, 4) == 0x02014b50;) {
        const uint8_t *h = b->p + i;
        const size_t local = (size_t)load_le(h + 42, 4), name_n = (size_t)load_le(h + 28, 2), data_n = (size_t)load_le(h + 20, 4);
        if (local + 30 > b->n || i + 46 + name_n > b->n) return 0;
        const size_t data = local + 30 + (size_t)load_le(b->p + local + 26, 2) + (size_t)load_le(b->p + local + 28, 2);
        if (data > b->n || data_n > b->n - data) return 0;
        e[n++] = (entry){h + 46, b->p + data, name_n, data_n, (size_t)load_le(h + 24, 4), (uint32_t)load_le(h + 16, 4), (uint32_t)load_le(h + 10, 2)};
        i += 46 + name_n + (size_t)load_le(h + 30, 2) + (size_t)load_le(h + 32, 2);
    }
    return n;
}

static void put(bytes *b, size_t n, uint64_t x)
{
    uint8_t raw[8];
    store_le(raw, n, x);
    bytes_add(b, raw, n);
}

static void shared_header(bytes *b, const entry *e)
{
    put(b, 2, 20);
    put(b, 2, 0);
    put(b, 2, e->method);
    put(b, 4, 0x00210000);
    put(b, 4, e->crc);
    put(b, 4, e->data_n);
    put(b, 4, e->size);
    put(b, 2, e->name_n);
    put(b, 2, 0);
}

static bytes archive(const entry *e, size_t n)
{
    bytes out = {0}, list = {0};
    for (size_t i = 0; i < n; i++) {
        const size_t at = out.n;
        put(&out, 4, 0x04034b50);
        shared_header(&out, &e[i]);
        bytes_add(&out, e[i].name, e[i].name_n);
        bytes_add(&out, e[i].data, e[i].data_n);
        put(&list, 4, 0x02014b50);
        put(&list, 2, 20);
        shared_header(&list, &e[i]);
        put(&list, 2, 0);
        put(&list, 4, 0);
        put(&list, 4, 0);
        put(&list, 4, at);
        bytes_add(&list, e[i].name, e[i].name_n);
    }
    const size_t at = out.n;
    bytes_add(&out, list.p, list.n);
    put(&out, 4, 0x06054b50);
    put(&out, 4, 0);
    put(&out, 2, n);
    put(&out, 2, n);
    put(&out, 4, list.n);
    put(&out, 4, at);
    put(&out, 2, 0);
    free(list.p);
    return out;
}

static bool is_text(const entry *e)
{
    return e->name_n > 3 && (memcmp(e->name + e->name_n - 3, ".py", 3) == 0 || memcmp(e->name + e->name_n - 3, "son", 3) == 0);
}

bool mutate_zip(bytes *b, whet_rng *r)
{
    entry *e = malloc((MAX_ENTRIES + 1) * sizeof *e);
    uint8_t text[300];
    bytes inner = {0};
    size_t at = 0;
    if (!e) abort();
    size_t n = directory(b, e, &at);
    if (n == 0 || chance(r, 8)) { /* a number of the headers */
        free(e);
        if (n > 0 && at + 46 < b->n) {
            const size_t where = at + pick(r, (uint32_t)(b->n - at - 8)), width = chance(r, 2) ? 2 : 4;
            store_le(b->p + where, width, odd_number(r, load_le(b->p + where, width), b->n));
            return true;
        }
        return mutate_bytes(b, r);
    }
    size_t i = pick(r, (uint32_t)n);
    for (int t = 0; t < 30 && !is_text(&e[i]) && !(e[i].data_n > 1 && e[i].data[0] == 0x80); t++) i = pick(r, (uint32_t)n); /* weights seldom */
    switch (pick(r, 10)) {
    case 0: memmove(e + i, e + i + 1, (--n - i) * sizeof *e); break;
    case 1: e[n++] = e[i]; break;
    case 2:
        e[i].name_n = odd_text(r, text, sizeof text);
        e[i].name = text;
        break;
    case 3: e[i].data = e[pick(r, (uint32_t)n)].data, e[i].data_n = e[i].data_n < 16 ? e[i].data_n : 16, e[i].size = e[i].data_n, e[i].method = 0; break;
    default:
        bytes_add(&inner, e[i].data, e[i].data_n);
        if (e[i].method != 0) mutate_bytes(&inner, r);
        else if (is_text(&e[i])) mutate_text(&inner, r);
        else mutate_any(&inner, r);
        e[i].data = inner.p;
        e[i].data_n = inner.n;
        if (e[i].method == 0) {
            e[i].size = inner.n;
            e[i].crc = (uint32_t)crc32(0, inner.p, (uInt)inner.n);
        }
    }
    bytes out = archive(e, n);
    free(inner.p);
    free(e);
    free(b->p);
    *b = out;
    return true;
}
