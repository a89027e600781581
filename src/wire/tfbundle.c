/* SPDX-License-Identifier: Apache-2.0 */
/* Tensor bundles: the table's footer and blocks, names put together from shared prefixes, entries checked against the data
 * files. Sources: LevelDB's doc/table_format.md, tensorflow/core/protobuf/tensor_bundle.proto. */
#include "wire/tfbundle.h"

#include <stdio.h>
#include <string.h>

#include "base/hash.h"
#include "base/io.h"
#include "base/mem.h"
#include "wire/pb.h"

enum {
    FOOTER = 48, TRAILER = 5, MAX_ENTRIES = 1 << 20, MAX_SHARDS = 4096, MAX_NAME = 8192,
    NAMES_PER_BYTE = 16, NAMES_FLOOR = 1 << 20 /* expanded names: at most 16 times the index and 1 MB */
};
static const uint64_t table_magic = 0xdb4775248b80fb57u;

typedef struct shard { whet_map *map; const uint8_t *data; size_t size; } shard;

struct whet_tfbundle {
    whet_arena *arena;
    whet_map *map;
    const uint8_t *index;
    size_t index_size, names; /* names: bytes of expanded names so far */
    const char *file;         /* of the index, for errors; in the arena */
    const char *prefix;       /* NULL: the one data file is given */
    shard *shards;
    int n_shards;
    whet_tfbundle_entry *entries;
    size_t n, cap;
};

/* --- messages */

typedef struct dim { whet_pb_head head; int64_t size; } dim;
static const whet_pb_field dim_fields[] = {WHET_PB_ONE(1, INT, dim, size), WHET_PB_END};
static const whet_pb_message dim_message = {"TensorShape.Dim", sizeof(dim), dim_fields};

typedef struct shape { whet_pb_head head; WHET_PB_LIST(dim) dim; int64_t unknown_rank; } shape;
static const whet_pb_field shape_fields[] = {
    WHET_PB_SUBS(2, shape, dim, dim_message), WHET_PB_ONE(3, INT, shape, unknown_rank), WHET_PB_END};
static const whet_pb_message shape_message = {"TensorShape", sizeof(shape), shape_fields};

typedef struct header { whet_pb_head head; int64_t num_shards, endianness; } header;
static const whet_pb_field header_fields[] = {
    WHET_PB_ONE(1, INT, header, num_shards), WHET_PB_ONE(2, INT, header, endianness), WHET_PB_END};
static const whet_pb_message header_message = {"BundleHeader", sizeof(header), header_fields};

typedef struct entry {
    whet_pb_head head;
    int64_t dtype, shard, offset, size;
    const shape *shape;
    float crc; /* fixed32: only its bits are used */
    whet_pb_bytes_list slices;
} entry;
static const whet_pb_field entry_fields[] = {
    WHET_PB_ONE(1, INT, entry, dtype), WHET_PB_SUB(2, entry, shape, shape_message), WHET_PB_ONE(3, INT, entry, shard),
    WHET_PB_ONE(4, INT, entry, offset), WHET_PB_ONE(5, INT, entry, size), WHET_PB_ONE(6, FLOAT, entry, crc),
    WHET_PB_MANY(7, BYTES, entry, slices), WHET_PB_END};
static const whet_pb_message entry_message = {"BundleEntry", sizeof(entry), entry_fields};

size_t whet_tf_type_size(int dtype)
{
    static const uint8_t sizes[] = {0, 4, 8, 4, 1, 2, 1, 0, 8, 8, 1, 1, 1, 4, 2, 2, 2, 2, 16, 2, 0, 0, 4, 8};
    return dtype > 0 && dtype < (int)sizeof(sizes) ? sizes[dtype] : 0;
}

/* --- the table */

static whet_status damaged(const whet_tfbundle *b, const uint8_t *at, const char *what)
{
    whet_fail(WHET_EFORMAT, "%s; the checkpoint's index is damaged or no tensor bundle", what);
    whet_error_at_file(b->file);
    if (at) whet_error_at_offset((int64_t)(at - b->index));
    return WHET_EFORMAT;
}

static uint32_t little32(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static uint32_t masked(uint32_t crc) { return (crc >> 15 | crc << 17) + 0xa282ead8u; }

static const uint8_t *varint(const uint8_t *p, const uint8_t *end, uint64_t *out)
{
    uint64_t v = 0;
    for (int shift = 0; shift < 63; shift += 7) {
        if (p == end) return NULL;
        v |= (uint64_t)(*p & 0x7f) << shift;
        if (!(*p++ & 0x80)) {
            *out = v;
            return p;
        }
    }
    return NULL;
}

typedef struct block { const uint8_t *p, *end; } block;

/* The block of a handle (offset and size as varints at p). */
static whet_status open_block(const whet_tfbundle *b, const uint8_t *p, const uint8_t *end, block *out)
{
    uint64_t offset = 0, size = 0;
    const uint8_t *at = p, *q = varint(p, end, &offset);
    q = q ? varint(q, end, &size) : NULL;
    if (!q) return damaged(b, at, "a block handle is cut off");
    const uint64_t room = b->index_size - FOOTER;
    if (offset > room || size > room - offset || room - offset - size < TRAILER)
        return damaged(b, at, "a block lies outside the file");
    p = b->index + offset;
    if (p[size] != 0) {
        whet_fail(p[size] == 1 ? WHET_EUNSUPPORTED : WHET_EFORMAT,
                  p[size] == 1 ? "the checkpoint's index is compressed with snappy, which is not handled; save it again with "
                                 "TensorFlow's own defaults" : "unknown compression of a block in the checkpoint's index");
        whet_error_at_file(b->file);
        whet_error_at_offset((int64_t)(offset + size));
        return whet_error_last()->status;
    }
    if (masked(whet_crc32c(0, p, (size_t)size + 1)) != little32(p + size + 1))
        return damaged(b, p, "a block does not have its checksum");
    if (size < 4) return damaged(b, p, "a block is too short");
    uint64_t restarts = little32(p + size - 4);
    if (restarts > (size - 4) / 4) return damaged(b, p, "a block's restart points do not fit into it");
    *out = (block){p, p + size - 4 - 4 * restarts};
    return WHET_OK;
}

/* Next key and value. `key` holds the one before and must have room for MAX_NAME. False: the end. */
static whet_status next_entry(const whet_tfbundle *b, block *k, char *key, size_t *key_size, block *value, bool *more)
{
    uint64_t shared = 0, own = 0, size = 0;
    const uint8_t *at = k->p, *p = at;
    *more = p < k->end;
    if (!*more) return WHET_OK;
    p = varint(p, k->end, &shared);
    p = p ? varint(p, k->end, &own) : NULL;
    p = p ? varint(p, k->end, &size) : NULL;
    if (!p) return damaged(b, at, "an entry is cut off");
    if (own > (uint64_t)(k->end - p) || size > (uint64_t)(k->end - p) - own) return damaged(b, at, "an entry passes its block");
    if (shared > *key_size) return damaged(b, at, "a name shares more than the one before it has");
    if (shared + own >= MAX_NAME) return damaged(b, at, "a name is longer than 8192 bytes");
    memcpy(key + shared, p, (size_t)own);
    *key_size = (size_t)(shared + own);
    key[*key_size] = '\0';
    *value = (block){p + own, p + own + size};
    k->p = value->end;
    return WHET_OK;
}

static whet_status open_shards(whet_tfbundle *b, const block *value)
{
    header h;
    memset(&h, 0, sizeof(h));
    WHET_TRY(whet_pb_decode(&header_message, value->p, (size_t)(value->end - value->p), b->file, b->arena, &h));
    if (h.endianness != 0) {
        whet_fail(WHET_EUNSUPPORTED, "the checkpoint is big-endian, which is not handled");
        whet_error_at_file(b->file);
        return WHET_EUNSUPPORTED;
    }
    if (h.num_shards < 1 || h.num_shards > MAX_SHARDS) return damaged(b, value->p, "the number of data files is out of range");
    if (!b->prefix) return h.num_shards == 1 ? WHET_OK : damaged(b, value->p, "there is not one data file");
    b->shards = whet_calloc((size_t)h.num_shards, sizeof(*b->shards));
    if (!b->shards) return WHET_ENOMEM;
    b->n_shards = (int)h.num_shards;
    for (int i = 0; i < b->n_shards; i++) {
        char *path = whet_format("%s.data-%05d-of-%05d", b->prefix, i, b->n_shards);
        whet_status status = path ? whet_map_open(&b->shards[i].map, path) : WHET_ENOMEM;
        whet_free(path);
        WHET_TRY(status);
        b->shards[i].data = whet_map_data(b->shards[i].map);
        b->shards[i].size = whet_map_size(b->shards[i].map);
    }
    return WHET_OK;
}

static whet_status fill_shape(const whet_tfbundle *b, const entry *m, const uint8_t *at, whet_tfbundle_entry *e)
{
    size_t count = 1;
    if (m->shape && m->shape->dim.n > WHET_TFBUNDLE_MAX_RANK) return damaged(b, at, "a tensor has more than 8 dimensions");
    if (m->shape && m->shape->unknown_rank) return damaged(b, at, "a tensor has no shape");
    e->rank = m->shape ? (int)m->shape->dim.n : 0;
    for (int i = 0; i < e->rank; i++) {
        e->dims[i] = m->shape->dim.v[i].size;
        if (e->dims[i] < 0) return damaged(b, at, "a tensor has a negative dimension");
        if (!whet_mul_size(count, (size_t)e->dims[i], &count)) return damaged(b, at, "a tensor's shape is too large");
    }
    size_t size = whet_tf_type_size(e->dtype);
    if (!e->sliced && size && (!whet_mul_size(count, size, &count) || count != e->bytes))
        return damaged(b, at, "a tensor's size is not that of its shape");
    return WHET_OK;
}

static whet_status add_entry(whet_tfbundle *b, const char *key, size_t key_size, const block *value)
{
    entry m;
    whet_tfbundle_entry e = {.name = NULL};
    memset(&m, 0, sizeof(m));
    if (b->n >= MAX_ENTRIES) return damaged(b, value->p, "there are more than a million entries");
    if (!whet_utf8_valid(key, key_size)) return damaged(b, value->p, "a name is not UTF-8");
    if (b->n && strcmp(b->entries[b->n - 1].name, key) >= 0) return damaged(b, value->p, "the names are not in order");
    b->names += key_size + 1;
    if (b->names > NAMES_FLOOR + NAMES_PER_BYTE * b->index_size) {
        whet_fail(WHET_ENOMEM, "the names in the checkpoint's index expand to more than 16 times the file");
        whet_error_at_file(b->file);
        return WHET_ENOMEM;
    }
    WHET_TRY(whet_pb_decode(&entry_message, value->p, (size_t)(value->end - value->p), b->file, b->arena, &m));
    e.name = whet_arena_strndup(b->arena, key, key_size);
    if (!e.name || !WHET_GROW(&b->entries, b->n, &b->cap)) return WHET_ENOMEM;
    e.dtype = (int)WHET_MAX(WHET_MIN(m.dtype, 1000), 0);
    e.sliced = m.slices.n > 0;
    memcpy(&e.crc, &m.crc, sizeof(e.crc));
    if (m.size < 0 || m.offset < 0 || m.shard < 0 || m.shard >= b->n_shards) return damaged(b, value->p, "a tensor lies in no data file");
    const shard *s = &b->shards[m.shard];
    if (!e.sliced && ((uint64_t)m.offset > s->size || (uint64_t)m.size > s->size - (uint64_t)m.offset))
        return damaged(b, value->p, "a tensor lies outside its data file");
    e.bytes = (size_t)m.size;
    e.data = e.sliced ? NULL : s->data + m.offset;
    WHET_TRY(fill_shape(b, &m, value->p, &e));
    b->entries[b->n++] = e;
    return WHET_OK;
}

static whet_status read_block(whet_tfbundle *b, block data, char *key, bool *first)
{
    size_t key_size = 0;
    block value;
    bool more = true;
    for (;;) {
        WHET_TRY(next_entry(b, &data, key, &key_size, &value, &more));
        if (!more) return WHET_OK;
        if (*first && key_size) return damaged(b, value.p, "there is no header");
        if (*first) WHET_TRY(open_shards(b, &value));
        else if (!key_size) return damaged(b, value.p, "there are two headers");
        else WHET_TRY(add_entry(b, key, key_size, &value));
        *first = false;
    }
}

static whet_status read_table(whet_tfbundle *b)
{
    char index_key[MAX_NAME + 1], key[MAX_NAME + 1];
    size_t index_key_size = 0;
    uint64_t skip = 0, magic = 0;
    bool more = true, first = true;
    block index, value, data;
    if (b->index_size < FOOTER) return damaged(b, NULL, "the file is shorter than its footer");
    const uint8_t *footer = b->index + b->index_size - FOOTER, *p = footer;
    for (int i = 0; i < 8; i++) magic |= (uint64_t)footer[FOOTER - 8 + i] << (8 * i);
    if (magic != table_magic) return damaged(b, footer + FOOTER - 8, "the footer has not the number of a table");
    p = varint(p, footer + FOOTER - 8, &skip); /* the metaindex holds nothing here */
    p = p ? varint(p, footer + FOOTER - 8, &skip) : NULL;
    if (!p) return damaged(b, footer, "the footer is cut off");
    WHET_TRY(open_block(b, p, footer + FOOTER - 8, &index));
    for (;;) {
        WHET_TRY(next_entry(b, &index, index_key, &index_key_size, &value, &more));
        if (!more) break;
        WHET_TRY(open_block(b, value.p, value.end, &data));
        WHET_TRY(read_block(b, data, key, &first));
    }
    return first ? damaged(b, NULL, "there is no header") : WHET_OK;
}

static whet_status start(whet_tfbundle **out, const char *name)
{
    *out = whet_calloc(1, sizeof(**out));
    if (!*out) return WHET_ENOMEM;
    (*out)->arena = whet_arena_create();
    (*out)->file = (*out)->arena ? whet_arena_strdup((*out)->arena, name) : NULL;
    return (*out)->file ? WHET_OK : WHET_ENOMEM;
}

static whet_status finish(whet_tfbundle **out, whet_status status)
{
    if (status == WHET_OK) return WHET_OK;
    whet_tfbundle_close(*out);
    *out = NULL;
    return status;
}

whet_status whet_tfbundle_open(whet_tfbundle **out, const char *prefix)
{
    char *path = whet_format("%s.index", prefix);
    *out = NULL;
    if (!path) return WHET_ENOMEM;
    whet_status status = start(out, path);
    if (status == WHET_OK) status = whet_map_open(&(*out)->map, path);
    whet_free(path);
    if (status != WHET_OK) return finish(out, status);
    whet_tfbundle *b = *out;
    b->index = whet_map_data(b->map);
    b->index_size = whet_map_size(b->map);
    b->prefix = whet_arena_strdup(b->arena, prefix);
    return finish(out, b->prefix ? read_table(b) : WHET_ENOMEM);
}

whet_status whet_tfbundle_open_mem(whet_tfbundle **out, const void *index, size_t index_size, const void *data, size_t size,
                                   const char *name)
{
    *out = NULL;
    whet_status status = start(out, name);
    if (status != WHET_OK) return finish(out, status);
    whet_tfbundle *b = *out;
    b->index = index;
    b->index_size = index_size;
    b->shards = whet_calloc(1, sizeof(*b->shards));
    if (!b->shards) return finish(out, WHET_ENOMEM);
    b->n_shards = 1;
    b->shards[0] = (shard){NULL, data, size};
    return finish(out, read_table(b));
}

void whet_tfbundle_close(whet_tfbundle *b)
{
    if (!b) return;
    for (int i = 0; b->shards && i < b->n_shards; i++) whet_map_close(b->shards[i].map);
    whet_map_close(b->map);
    whet_arena_free(b->arena);
    whet_free(b->shards);
    whet_free(b->entries);
    whet_free(b);
}

int whet_tfbundle_count(const whet_tfbundle *b) { return (int)b->n; }

const whet_tfbundle_entry *whet_tfbundle_at(const whet_tfbundle *b, int i)
{
    return i >= 0 && (size_t)i < b->n ? &b->entries[i] : NULL;
}

const whet_tfbundle_entry *whet_tfbundle_find(const whet_tfbundle *b, const char *name)
{
    size_t low = 0, high = b->n;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        int c = strcmp(b->entries[mid].name, name);
        if (c == 0) return &b->entries[mid];
        if (c < 0) low = mid + 1;
        else high = mid;
    }
    return NULL;
}

whet_status whet_tfbundle_check(const whet_tfbundle *b, const whet_tfbundle_entry *e)
{
    if (e->dtype != WHET_TF_STRING && e->data && masked(whet_crc32c(0, e->data, e->bytes)) != e->crc) {
        whet_fail(WHET_EFORMAT, "tensor '%s' does not have its checksum; the checkpoint's data file is damaged", e->name);
        whet_error_at_file(b->file);
        whet_error_at_node(e->name);
        return WHET_EFORMAT;
    }
    return WHET_OK;
}

/* Lengths as varints, their CRC, the bytes one after the other. */
whet_status whet_tfbundle_string(const whet_tfbundle *b, const whet_tfbundle_entry *e, int64_t i, const uint8_t **s, size_t *n)
{
    const uint8_t *p = e->data, *end = e->data + e->bytes;
    uint64_t before = 0, size = 0, length = 0;
    int64_t count = 1;
    for (int d = 0; d < e->rank; d++)
        if (!whet_mul_i64(count, e->dims[d], &count)) count = INT64_MAX;
    bool fine = e->dtype == WHET_TF_STRING && e->data && i >= 0 && i < count && count <= (int64_t)e->bytes;
    for (int64_t k = 0; fine && k < count; k++) {
        p = varint(p, end, &length);
        fine = p && length <= e->bytes;
        if (fine && k < i) before += length;
        if (fine && k == i) size = length;
        fine = fine && before <= e->bytes;
    }
    if (fine) fine = end - p >= 4 && before <= (uint64_t)(end - p) - 4 && size <= (uint64_t)(end - p) - 4 - before;
    if (!fine) {
        whet_fail(WHET_EFORMAT, "the text of '%s' is cut off; the checkpoint's data file is damaged", e->name);
        whet_error_at_file(b->file);
        return WHET_EFORMAT;
    }
    *s = p + 4 + before;
    *n = (size_t)size;
    return WHET_OK;
}
