/* SPDX-License-Identifier: Apache-2.0 */
/* Decoder of protocol buffers. Each message is walked twice: once to count the repeated fields and check all lengths, once
 * to fill arrays of exactly that size. Memory is charged to a budget that grows with the input, so that a small file
 * cannot ask for much. */
#include "wire/pb.h"

enum { WIRE_VARINT = 0, WIRE_64 = 1, WIRE_BYTES = 2, WIRE_32 = 5, MAX_FIELDS = 48 };

typedef struct reader {
    const uint8_t *base;
    whet_arena *arena;
    size_t budget;
    const char *file;
} reader;

typedef struct item { /* one field as it stands in the input */
    const uint8_t *at;
    uint32_t number;
    int wire;
    uint64_t value;      /* varint, fixed */
    const uint8_t *data; /* length-delimited */
    size_t size;
} item;

static whet_status damaged(const reader *r, const uint8_t *at, const char *what, const char *message)
{
    whet_fail(WHET_EFORMAT, "%s in a %s message; the file is damaged or not of this kind", what, message);
    whet_error_at_file(r->file);
    whet_error_at_offset((int64_t)(at - r->base));
    return WHET_EFORMAT;
}

static void *take(reader *r, size_t count, size_t size)
{
    size_t bytes = 0;
    if (!whet_mul_size(count, size, &bytes) || bytes > r->budget) {
        WHET_FAIL(WHET_ENOMEM, "decoded form passes the memory limit; the file repeats too many fields");
        whet_error_at_file(r->file);
        return NULL;
    }
    r->budget -= bytes;
    return whet_arena_alloc(r->arena, bytes > 0 ? bytes : 1);
}

/* Returns the byte behind the varint, or NULL. */
static const uint8_t *varint(const uint8_t *p, const uint8_t *end, uint64_t *out)
{
    uint64_t v = 0;
    for (int shift = 0; shift < 70; shift += 7) {
        if (p == end) return NULL;
        uint8_t b = *p++;
        if (shift == 63 && b > 1) return NULL;
        v |= (uint64_t)(b & 0x7f) << shift;
        if (!(b & 0x80)) {
            *out = v;
            return p;
        }
    }
    return NULL;
}

static uint64_t little(const uint8_t *p, int n)
{
    uint64_t v = 0;
    for (int i = 0; i < n; i++) v |= (uint64_t)p[i] << (8 * i);
    return v;
}

/* Reads one field at *pp and moves behind it. */
static whet_status next(const reader *r, const char *message, const uint8_t **pp, const uint8_t *end, item *it)
{
    const uint8_t *p = *pp;
    uint64_t tag = 0, size = 0;
    memset(it, 0, sizeof(*it));
    it->at = p;
    p = varint(p, end, &tag);
    if (!p) return damaged(r, it->at, "bad field tag", message);
    if (tag >> 3 == 0 || tag >> 3 > 0x1fffffff) return damaged(r, it->at, "bad field number", message);
    it->number = (uint32_t)(tag >> 3);
    it->wire = (int)(tag & 7);
    switch (it->wire) {
    case WIRE_VARINT:
        p = varint(p, end, &it->value);
        if (!p) return damaged(r, it->at, "truncated integer", message);
        break;
    case WIRE_64:
    case WIRE_32: {
        int n = it->wire == WIRE_64 ? 8 : 4;
        if (end - p < n) return damaged(r, it->at, "truncated number", message);
        it->value = little(p, n);
        p += n;
        break;
    }
    case WIRE_BYTES:
        p = varint(p, end, &size);
        if (!p) return damaged(r, it->at, "truncated length", message);
        if (size > (uint64_t)(end - p)) return damaged(r, it->at, "length passes the end", message);
        it->data = p;
        it->size = (size_t)size;
        p += size;
        break;
    default:
        return damaged(r, it->at, "group or unknown wire type", message);
    }
    *pp = p;
    return WHET_OK;
}

static int find(const whet_pb_message *m, uint32_t number)
{
    for (int i = 0; m->fields[i].number; i++)
        if (m->fields[i].number == number) return i;
    return -1;
}

static int wire_of(whet_pb_kind k)
{
    static const int wires[] = {WIRE_VARINT, WIRE_32, WIRE_64, WIRE_BYTES, WIRE_BYTES, WIRE_BYTES};
    return wires[k];
}

static size_t element_size(const whet_pb_field *f)
{
    static const size_t sizes[] = {sizeof(int64_t), sizeof(float), sizeof(double), sizeof(char *), sizeof(whet_pb_bytes)};
    return f->kind == WHET_PB_MESSAGE ? f->message->size : sizes[f->kind];
}

static bool is_packed(const whet_pb_field *f, const item *it)
{
    return f->repeated && f->kind <= WHET_PB_DOUBLE && it->wire == WIRE_BYTES;
}

static whet_status count_packed(const reader *r, const whet_pb_field *f, const item *it, const char *message, size_t *n)
{
    if (f->kind != WHET_PB_INT) {
        size_t size = element_size(f);
        if (it->size % size) return damaged(r, it->at, "length of packed numbers is no multiple of their size", message);
        *n += it->size / size;
        return WHET_OK;
    }
    for (size_t i = 0; i < it->size; i++) *n += !(it->data[i] & 0x80); /* last bytes of varints */
    if (it->size && it->data[it->size - 1] & 0x80) return damaged(r, it->at, "truncated packed integer", message);
    return WHET_OK;
}

static whet_status fill_packed(const reader *r, const whet_pb_field *f, const item *it, const char *message, uint8_t *dst)
{
    const uint8_t *p = it->data, *end = it->data + it->size;
    if (f->kind != WHET_PB_INT) {
        memcpy(dst, p, it->size); /* hosts are little-endian */
        return WHET_OK;
    }
    for (; p < end; dst += sizeof(int64_t)) {
        uint64_t v = 0;
        const uint8_t *q = varint(p, end, &v);
        if (!q) return damaged(r, p, "bad packed integer", message);
        memcpy(dst, &v, sizeof(v));
        p = q;
    }
    return WHET_OK;
}

static whet_status decode(reader *r, const whet_pb_message *m, const uint8_t *p, const uint8_t *end, int depth, uint8_t *out);

static whet_status fill_one(reader *r, const whet_pb_message *m, const whet_pb_field *f, const item *it, int depth, uint8_t *dst)
{
    switch (f->kind) {
    case WHET_PB_INT:
    case WHET_PB_DOUBLE:
        memcpy(dst, &it->value, 8);
        return WHET_OK;
    case WHET_PB_FLOAT: {
        uint32_t bits = (uint32_t)it->value;
        memcpy(dst, &bits, 4);
        return WHET_OK;
    }
    case WHET_PB_STRING: {
        if (!whet_utf8_valid(it->data, it->size)) return damaged(r, it->at, "text is not UTF-8", m->name);
        char *s = take(r, it->size + 1, 1);
        if (!s) return WHET_ENOMEM;
        memcpy(s, it->data, it->size);
        memcpy(dst, &s, sizeof(s));
        return WHET_OK;
    }
    case WHET_PB_BYTES: {
        whet_pb_bytes b = {it->data, it->size};
        memcpy(dst, &b, sizeof(b));
        return WHET_OK;
    }
    case WHET_PB_MESSAGE:
        if (depth + 1 >= WHET_PB_MAX_DEPTH) return damaged(r, it->at, "messages are nested too deeply", m->name);
        return decode(r, f->message, it->data, it->data + it->size, depth + 1, dst);
    }
    return WHET_OK;
}

/* First walk: counts and wire types. */
static whet_status survey(const reader *r, const whet_pb_message *m, const uint8_t *p, const uint8_t *end, size_t *counts)
{
    while (p < end) {
        item it;
        WHET_TRY(next(r, m->name, &p, end, &it));
        int i = find(m, it.number);
        if (i < 0) continue;
        const whet_pb_field *f = &m->fields[i];
        if (is_packed(f, &it)) {
            WHET_TRY(count_packed(r, f, &it, m->name, &counts[i]));
        } else if (it.wire != wire_of(f->kind)) {
            return damaged(r, it.at, "field has the wrong wire type", m->name);
        } else {
            counts[i]++;
        }
    }
    return WHET_OK;
}

static whet_status make_lists(reader *r, const whet_pb_message *m, const size_t *counts, uint8_t *out, uint8_t **lists)
{
    for (int i = 0; m->fields[i].number; i++) {
        const whet_pb_field *f = &m->fields[i];
        if (!f->repeated || counts[i] == 0) continue;
        lists[i] = take(r, counts[i], element_size(f));
        if (!lists[i]) return WHET_ENOMEM;
        whet_pb_bytes_list list = {counts[i], (const void *)lists[i]}; /* all lists have the layout {n, v} */
        memcpy(out + f->offset, &list, sizeof(list));
    }
    return WHET_OK;
}

static whet_status decode(reader *r, const whet_pb_message *m, const uint8_t *p, const uint8_t *end, int depth, uint8_t *out)
{
    size_t counts[MAX_FIELDS] = {0}, filled[MAX_FIELDS] = {0};
    uint8_t *lists[MAX_FIELDS] = {NULL};
    whet_pb_head head = {p - r->base, 0};
    WHET_TRY(survey(r, m, p, end, counts));
    WHET_TRY(make_lists(r, m, counts, out, lists));
    while (p < end) {
        item it;
        WHET_TRY(next(r, m->name, &p, end, &it));
        int i = find(m, it.number);
        if (i < 0) continue;
        const whet_pb_field *f = &m->fields[i];
        size_t n = 0;
        uint8_t *dst = !f->repeated ? out + f->offset : lists[i] ? lists[i] + filled[i] * element_size(f) : NULL; /* empty */
        head.has |= (uint64_t)1 << i;
        if (is_packed(f, &it)) {
            WHET_TRY(count_packed(r, f, &it, m->name, &n));
            if (n > 0) WHET_TRY(fill_packed(r, f, &it, m->name, dst));
            filled[i] += n;
            continue;
        }
        if (f->kind == WHET_PB_MESSAGE && !f->repeated) { /* a second occurrence replaces the first */
            uint8_t *sub = take(r, 1, f->message->size);
            if (!sub) return WHET_ENOMEM;
            memcpy(dst, &sub, sizeof(sub));
            dst = sub;
        }
        WHET_TRY(fill_one(r, m, f, &it, depth, dst));
        filled[i]++;
    }
    memcpy(out, &head, sizeof(head));
    return WHET_OK;
}

whet_status whet_pb_decode(const whet_pb_message *m, const void *data, size_t size, const char *file, whet_arena *arena,
                           void *out)
{
    /* 12 times the input covers honest files (most bytes are views); the rest is for many small messages. */
    reader r = {data, arena, ((size_t)64 << 20), file ? file : ""};
    size_t more = 0;
    if (!whet_mul_size(size, 12, &more) || !whet_add_size(r.budget, more, &r.budget))
        return WHET_FAIL(WHET_ENOMEM, "input of %zu bytes is too large", size);
    return decode(&r, m, data, (const uint8_t *)data + size, 0, out);
}

bool whet_utf8_valid(const void *s, size_t n)
{
    if (n == 0) return true; /* s may be NULL */
    const uint8_t *p = s, *end = p + n;
    while (p < end) {
        uint8_t c = *p++;
        if (c == 0) return false;
        if (c < 0x80) continue;
        int extra = c >= 0xf0 ? 3 : c >= 0xe0 ? 2 : 1;
        if (c < 0xc2 || c > 0xf4 || end - p < extra) return false;
        uint8_t low = c == 0xe0 ? 0xa0 : c == 0xf0 ? 0x90 : 0x80, high = c == 0xed ? 0x9f : c == 0xf4 ? 0x8f : 0xbf;
        if (*p < low || *p > high) return false;
        for (int i = 1; i < extra; i++)
            if ((p[i] & 0xc0) != 0x80) return false;
        p += extra;
    }
    return true;
}
