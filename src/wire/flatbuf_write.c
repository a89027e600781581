/* SPDX-License-Identifier: Apache-2.0 */
/* The flatbuffers binary format ("FlatBuffers internals", flatbuffers.dev): offsets point towards the end, every scalar lies at
 * a multiple of its size, tables begin with the distance to a vtable of field offsets, equal vtables are shared. Bytes are
 * put in front of what is there, so positions are counted from the end; the whole is padded to the largest alignment asked
 * for, which makes those positions hold from the beginning too. */
#include "wire/flatbuf_write.h"

#include "base/mem.h"

enum { MAX_FIELDS = 64, GROW_MIN = 4096 };

struct whet_fbw {
    uint8_t *mem;
    size_t cap, used, max_align;
    whet_status status;
    size_t table_start;
    int n_fields;
    uint32_t fields[MAX_FIELDS];
    whet_fbw_ref *vtables;
    size_t n_vtables, cap_vtables;
};

whet_status whet_fbw_create(whet_fbw **out, size_t expected_size)
{
    whet_fbw *b = whet_calloc(1, sizeof(*b));
    *out = NULL;
    if (!b) return WHET_ENOMEM;
    b->max_align = 4;
    b->cap = WHET_MIN(expected_size + GROW_MIN, (size_t)INT32_MAX);
    b->mem = whet_alloc(b->cap);
    if (!b->mem) {
        whet_free(b);
        return WHET_ENOMEM;
    }
    *out = b;
    return WHET_OK;
}

void whet_fbw_free(whet_fbw *b)
{
    if (!b) return;
    whet_free(b->mem);
    whet_free(b->vtables);
    whet_free(b);
}

/* n fresh bytes in front; NULL after a failure. */
static uint8_t *push(whet_fbw *b, size_t n)
{
    size_t need = 0;
    if (b->status != WHET_OK) return NULL;
    if (!whet_add_size(b->used, n, &need) || need > INT32_MAX - 64) {
        b->status = WHET_FAIL(WHET_EUNSUPPORTED, "a flatbuffer cannot hold 2 GiB or more");
        return NULL;
    }
    if (need > b->cap) {
        const size_t cap = WHET_MAX(need, WHET_MIN(b->cap * 2, (size_t)INT32_MAX));
        uint8_t *mem = whet_alloc(cap);
        if (!mem) {
            b->status = WHET_ENOMEM;
            return NULL;
        }
        memcpy(mem + cap - b->used, b->mem + b->cap - b->used, b->used);
        whet_free(b->mem);
        b->mem = mem;
        b->cap = cap;
    }
    b->used = need;
    return b->mem + b->cap - need;
}

/* Zeros, so that what begins after `size` more bytes lies at a multiple of `align`. */
static void pad(whet_fbw *b, size_t size, size_t align)
{
    const size_t gap = (align - (b->used + size) % align) % align;
    uint8_t *p = push(b, gap);
    b->max_align = WHET_MAX(b->max_align, align);
    if (p) memset(p, 0, gap);
}

static void put(whet_fbw *b, const void *x, size_t size)
{
    pad(b, size, size);
    uint8_t *p = push(b, size);
    if (p) memcpy(p, x, size);
}

static void put_u32(whet_fbw *b, uint32_t x) { put(b, &x, sizeof(x)); }

/* A reference as it lies in memory: the distance from its own place to the thing. */
static void put_ref(whet_fbw *b, whet_fbw_ref r)
{
    pad(b, 4, 4);
    put_u32(b, r ? (uint32_t)b->used + 4 - r : 0);
}

whet_fbw_ref whet_fbw_string(whet_fbw *b, const char *s)
{
    const size_t n = strlen(s);
    pad(b, n + 1, 4);
    uint8_t *p = push(b, n + 1);
    if (p) memcpy(p, s, n + 1);
    put_u32(b, (uint32_t)n);
    return (whet_fbw_ref)b->used;
}

whet_fbw_ref whet_fbw_vector(whet_fbw *b, const void *data, size_t element, size_t n, size_t align)
{
    size_t bytes = 0;
    if (!whet_mul_size(element, n, &bytes)) bytes = SIZE_MAX / 2;
    pad(b, bytes, 4);
    pad(b, bytes, WHET_MAX(align, element));
    uint8_t *p = push(b, bytes);
    if (p && bytes) memcpy(p, data, bytes);
    put_u32(b, (uint32_t)n);
    return (whet_fbw_ref)b->used;
}

whet_fbw_ref whet_fbw_vector_refs(whet_fbw *b, const whet_fbw_ref *refs, size_t n)
{
    pad(b, n * 4, 4);
    for (size_t i = n; i > 0; i--) put_ref(b, refs[i - 1]);
    put_u32(b, (uint32_t)n);
    return (whet_fbw_ref)b->used;
}

void whet_fbw_table(whet_fbw *b)
{
    b->table_start = b->used;
    b->n_fields = 0;
    memset(b->fields, 0, sizeof(b->fields));
}

static void field(whet_fbw *b, int i)
{
    if (i < 0 || i >= MAX_FIELDS) return;
    b->fields[i] = (uint32_t)b->used;
    b->n_fields = WHET_MAX(b->n_fields, i + 1);
}

static void add(whet_fbw *b, int i, const void *x, size_t size)
{
    put(b, x, size);
    field(b, i);
}

void whet_fbw_add_bool(whet_fbw *b, int i, bool x, bool otherwise)
{
    const uint8_t byte = x;
    if (x != otherwise) add(b, i, &byte, 1);
}

void whet_fbw_add_s8(whet_fbw *b, int i, int x, int otherwise)
{
    const int8_t byte = (int8_t)x;
    if (x != otherwise) add(b, i, &byte, 1);
}

void whet_fbw_add_u8(whet_fbw *b, int i, unsigned x, unsigned otherwise)
{
    const uint8_t byte = (uint8_t)x;
    if (x != otherwise) add(b, i, &byte, 1);
}

void whet_fbw_add_s32(whet_fbw *b, int i, int32_t x, int32_t otherwise)
{
    if (x != otherwise) add(b, i, &x, 4);
}

void whet_fbw_add_u32(whet_fbw *b, int i, uint32_t x, uint32_t otherwise)
{
    if (x != otherwise) add(b, i, &x, 4);
}

void whet_fbw_add_f32(whet_fbw *b, int i, float x, float otherwise)
{
    if (memcmp(&x, &otherwise, sizeof(x)) != 0) add(b, i, &x, 4);
}

void whet_fbw_add_ref(whet_fbw *b, int i, whet_fbw_ref r)
{
    if (!r) return;
    put_ref(b, r);
    field(b, i);
}

/* The vtable of the fields just added, or an equal one from before. */
static whet_fbw_ref find_vtable(whet_fbw *b, const uint16_t *vt, size_t bytes)
{
    for (size_t i = 0; i < b->n_vtables; i++) {
        const uint8_t *have = b->mem + b->cap - b->vtables[i];
        if (memcmp(have, vt, sizeof(*vt)) == 0 && memcmp(have, vt, bytes) == 0) return b->vtables[i];
    }
    return 0;
}

whet_fbw_ref whet_fbw_end(whet_fbw *b)
{
    uint16_t vt[MAX_FIELDS + 2];
    put_u32(b, 0); /* the way to the vtable, set below */
    if (b->status != WHET_OK) return 1;
    const whet_fbw_ref table = (whet_fbw_ref)b->used;
    const size_t bytes = ((size_t)b->n_fields + 2) * 2;
    vt[0] = (uint16_t)bytes;
    vt[1] = (uint16_t)(table - b->table_start);
    for (int i = 0; i < b->n_fields; i++) vt[i + 2] = (uint16_t)(b->fields[i] ? table - b->fields[i] : 0);
    whet_fbw_ref v = find_vtable(b, vt, bytes);
    if (!v) {
        pad(b, bytes, 2);
        uint8_t *p = push(b, bytes);
        if (!p || !WHET_GROW(&b->vtables, b->n_vtables, &b->cap_vtables)) {
            if (b->status == WHET_OK) b->status = WHET_ENOMEM;
            return 1;
        }
        memcpy(p, vt, bytes);
        v = b->vtables[b->n_vtables++] = (whet_fbw_ref)b->used;
    }
    const int32_t way = (int32_t)v - (int32_t)table;
    memcpy(b->mem + b->cap - table, &way, sizeof(way));
    return table;
}

whet_status whet_fbw_finish(whet_fbw *b, whet_fbw_ref root, const char *identifier, uint8_t **data, size_t *size)
{
    *data = NULL;
    *size = 0;
    pad(b, 8, b->max_align);
    uint8_t *p = push(b, 4);
    if (p) memcpy(p, identifier, 4);
    put_ref(b, root);
    if (b->status != WHET_OK) return b->status;
    *data = whet_alloc(b->used);
    if (!*data) return WHET_ENOMEM;
    memcpy(*data, b->mem + b->cap - b->used, b->used);
    *size = b->used;
    return WHET_OK;
}
