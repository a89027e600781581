/* SPDX-License-Identifier: Apache-2.0 */
/* Encoder of protocol buffers: sizes are computed from the tables, then the fields stream out in table order. Repeated
 * numbers are packed. Equal structs give equal bytes. */
#include "wire/pb.h"

enum { WIRE_VARINT = 0, WIRE_64 = 1, WIRE_BYTES = 2, WIRE_32 = 5 };

static size_t varint_size(uint64_t v)
{
    size_t n = 1;
    for (; v >= 0x80; v >>= 7) n++;
    return n;
}

static size_t tag_size(const whet_pb_field *f) { return varint_size((uint64_t)f->number << 3); }

static size_t blob_size(const whet_pb_field *f, size_t n) { return tag_size(f) + varint_size(n) + n; }

static whet_pb_ints list_of(const whet_pb_field *f, const uint8_t *msg)
{
    whet_pb_ints l = {0, NULL};
    memcpy(&l, msg + f->offset, sizeof(l)); /* all lists have the layout {n, v} */
    return l;
}

static uint64_t int_at(const void *p)
{
    uint64_t v = 0;
    memcpy(&v, p, sizeof(v));
    return v;
}

static size_t packed_size(const whet_pb_field *f, whet_pb_ints l)
{
    size_t n = 0;
    if (f->kind == WHET_PB_FLOAT) return l.n * sizeof(float);
    if (f->kind == WHET_PB_DOUBLE) return l.n * sizeof(double);
    for (size_t i = 0; i < l.n; i++) n += varint_size((uint64_t)l.v[i]);
    return n;
}

/* View of element i of a string, bytes or message field, or of the single one. False: absent. */
static bool blob_at(const whet_pb_field *f, const uint8_t *p, const void **data, size_t *size)
{
    if (f->kind == WHET_PB_STRING) {
        const char *s = NULL;
        memcpy(&s, p, sizeof(s));
        *data = s;
        *size = s ? strlen(s) : 0;
    } else if (f->kind == WHET_PB_BYTES) {
        whet_pb_bytes b;
        memcpy(&b, p, sizeof(b));
        *data = b.data;
        *size = b.size;
    } else {
        const void *sub = NULL;
        if (f->repeated) sub = p;
        else memcpy(&sub, p, sizeof(sub));
        *data = sub;
        *size = sub ? whet_pb_size(f->message, sub) : 0;
    }
    return *data != NULL;
}

static size_t stride_of(const whet_pb_field *f)
{
    return f->kind == WHET_PB_MESSAGE ? f->message->size : f->kind == WHET_PB_STRING ? sizeof(char *) : sizeof(whet_pb_bytes);
}

/* True if the single number is to be written. */
static bool number_at(const whet_pb_field *f, const uint8_t *msg, bool marked, uint64_t *bits)
{
    uint32_t small = 0;
    if (f->kind == WHET_PB_FLOAT) {
        memcpy(&small, msg + f->offset, sizeof(small));
        *bits = small;
    } else {
        *bits = int_at(msg + f->offset);
    }
    return *bits != 0 || marked;
}

static bool marked(const uint8_t *msg, int i)
{
    whet_pb_head head;
    memcpy(&head, msg, sizeof(head));
    return head.has >> i & 1;
}

static size_t field_size(const whet_pb_field *f, const uint8_t *msg, bool is_marked)
{
    const void *data = NULL;
    size_t n = 0, total = 0;
    uint64_t bits = 0;
    if (f->kind <= WHET_PB_DOUBLE) {
        if (f->repeated) return list_of(f, msg).n ? blob_size(f, packed_size(f, list_of(f, msg))) : 0;
        if (!number_at(f, msg, is_marked, &bits)) return 0;
        return tag_size(f) + (f->kind == WHET_PB_INT ? varint_size(bits) : f->kind == WHET_PB_FLOAT ? 4 : 8);
    }
    if (!f->repeated) return blob_at(f, msg + f->offset, &data, &n) ? blob_size(f, n) : 0;
    whet_pb_ints l = list_of(f, msg);
    for (size_t i = 0; i < l.n; i++) {
        blob_at(f, (const uint8_t *)l.v + i * stride_of(f), &data, &n);
        total += blob_size(f, n);
    }
    return total;
}

size_t whet_pb_size(const whet_pb_message *m, const void *msg)
{
    size_t total = 0;
    for (int i = 0; m->fields[i].number; i++) total += field_size(&m->fields[i], msg, marked(msg, i));
    return total;
}

typedef struct writer { whet_pb_sink sink; void *arg; } writer;

static whet_status put_varint(const writer *w, uint64_t v)
{
    uint8_t b[10];
    size_t n = 0;
    for (; v >= 0x80; v >>= 7) b[n++] = (uint8_t)(v | 0x80);
    b[n++] = (uint8_t)v;
    return w->sink(w->arg, b, n);
}

static whet_status put_tag(const writer *w, const whet_pb_field *f, int wire)
{
    return put_varint(w, (uint64_t)f->number << 3 | (unsigned)wire);
}

static whet_status put_blob(const writer *w, const whet_pb_field *f, const uint8_t *p)
{
    const void *data = NULL;
    size_t n = 0;
    if (!blob_at(f, p, &data, &n) && !f->repeated) return WHET_OK;
    WHET_TRY(put_tag(w, f, WIRE_BYTES));
    WHET_TRY(put_varint(w, n));
    if (f->kind == WHET_PB_MESSAGE) return whet_pb_encode(f->message, data, w->sink, w->arg);
    return n > 0 ? w->sink(w->arg, data, n) : WHET_OK;
}

static whet_status put_packed(const writer *w, const whet_pb_field *f, whet_pb_ints l)
{
    size_t bytes = packed_size(f, l);
    if (l.n == 0) return WHET_OK;
    WHET_TRY(put_tag(w, f, WIRE_BYTES));
    WHET_TRY(put_varint(w, bytes));
    if (f->kind != WHET_PB_INT) return w->sink(w->arg, l.v, bytes);
    for (size_t i = 0; i < l.n; i++) WHET_TRY(put_varint(w, (uint64_t)l.v[i]));
    return WHET_OK;
}

static whet_status put_number(const writer *w, const whet_pb_field *f, const uint8_t *msg, bool is_marked)
{
    uint64_t bits = 0;
    if (!number_at(f, msg, is_marked, &bits)) return WHET_OK;
    WHET_TRY(put_tag(w, f, f->kind == WHET_PB_INT ? WIRE_VARINT : f->kind == WHET_PB_FLOAT ? WIRE_32 : WIRE_64));
    if (f->kind == WHET_PB_INT) return put_varint(w, bits);
    return w->sink(w->arg, &bits, f->kind == WHET_PB_FLOAT ? 4 : 8); /* hosts are little-endian */
}

whet_status whet_pb_encode(const whet_pb_message *m, const void *msg, whet_pb_sink sink, void *arg)
{
    writer w = {sink, arg};
    for (int i = 0; m->fields[i].number; i++) {
        const whet_pb_field *f = &m->fields[i];
        if (f->kind <= WHET_PB_DOUBLE) {
            if (f->repeated) WHET_TRY(put_packed(&w, f, list_of(f, msg)));
            else WHET_TRY(put_number(&w, f, msg, marked(msg, i)));
        } else if (f->repeated) {
            whet_pb_ints l = list_of(f, msg);
            for (size_t k = 0; k < l.n; k++) WHET_TRY(put_blob(&w, f, (const uint8_t *)l.v + k * stride_of(f)));
        } else {
            WHET_TRY(put_blob(&w, f, (const uint8_t *)msg + f->offset));
        }
    }
    return WHET_OK;
}

typedef struct memory { uint8_t *data; size_t n, cap; } memory;

static whet_status to_memory(void *arg, const void *data, size_t n)
{
    memory *m = arg;
    if (n > m->cap - m->n) return WHET_FAIL(WHET_EINVAL, "message changed while it was written");
    memcpy(m->data + m->n, data, n);
    m->n += n;
    return WHET_OK;
}

whet_status whet_pb_encode_mem(const whet_pb_message *m, const void *msg, uint8_t **data, size_t *size)
{
    memory mem = {NULL, 0, whet_pb_size(m, msg)};
    *data = NULL;
    *size = 0;
    mem.data = whet_alloc(mem.cap);
    if (!mem.data) return WHET_ENOMEM;
    whet_status status = whet_pb_encode(m, msg, to_memory, &mem);
    if (status != WHET_OK) {
        whet_free(mem.data);
        return status;
    }
    *data = mem.data;
    *size = mem.n;
    return WHET_OK;
}
