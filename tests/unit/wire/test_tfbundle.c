/* SPDX-License-Identifier: Apache-2.0 */
/* The checkpoint's table: one made here, entry by entry, then made wrong in every way that has a message of its own, cut at every
 * offset and with every byte changed. */
#include "wire/tfbundle.h"

#include "base/hash.h"
#include "support.h"

typedef struct bytes { uint8_t d[4096]; size_t n; } bytes;

static void put(bytes *b, const void *p, size_t n)
{
    assert_true(b->n + n <= sizeof(b->d));
    memcpy(b->d + b->n, p, n);
    b->n += n;
}
static void put_varint(bytes *b, uint64_t v)
{
    uint8_t c = 0;
    for (; v > 127; v >>= 7) put(b, (c = (uint8_t)(v | 128), &c), 1);
    put(b, (c = (uint8_t)v, &c), 1);
}
static void put32(bytes *b, uint32_t v)
{
    for (int i = 0; i < 4; i++) put(b, (uint8_t[]){(uint8_t)(v >> 8 * i)}, 1);
}
static uint32_t mask(uint32_t crc) { return (crc >> 15 | crc << 17) + 0xa282ead8u; }

static void entry(bytes *b, uint64_t shared, const char *own, size_t own_size, const bytes *value)
{
    put_varint(b, shared);
    put_varint(b, own_size);
    put_varint(b, value->n);
    put(b, own, own_size);
    put(b, value->d, value->n);
}

/* Block with its restart points, type and checksum; its handle into *handle. */
static void close_block(bytes *file, bytes *block, uint8_t type, bytes *handle)
{
    put32(block, 0);
    put32(block, 1);
    handle->n = 0;
    put_varint(handle, file->n);
    put_varint(handle, block->n);
    put(block, &type, 1);
    put32(block, mask(whet_crc32c(0, block->d, block->n)));
    put(file, block->d, block->n);
}

static const float data[6] = {1, 2, 3, 4, 5, 6};

typedef struct plan {
    const char *names[3];       /* whole names; NULL ends them */
    uint64_t shared[3];
    int64_t dtype, dims[2], shard, offset, size;
    int64_t shards, endian;
    uint8_t type;               /* of the data block */
    uint64_t index_offset;      /* added to the data block's offset in the index */
} plan;

static plan good(void)
{
    return (plan){.names = {"a/kernel", "a/moving", NULL}, .shared = {0, 2}, .dtype = 1, .dims = {2, 3}, .size = 24, .shards = 1};
}

static void make(const plan *p, bytes *file)
{
    bytes block = {.n = 0}, value = {.n = 0}, handle = {.n = 0}, index = {.n = 0}, meta = {.n = 0}, footer = {.n = 0};
    file->n = 0;
    put_varint(&value, 1 << 3);
    put_varint(&value, (uint64_t)p->shards);
    put_varint(&value, 2 << 3);
    put_varint(&value, (uint64_t)p->endian);
    entry(&block, 0, "", 0, &value);
    for (int i = 0; i < 3 && p->names[i]; i++) {
        bytes shape = {.n = 0};
        value.n = 0;
        for (int k = 0; k < 2; k++) {
            bytes dim = {.n = 0};
            put_varint(&dim, 1 << 3);
            put_varint(&dim, (uint64_t)p->dims[k]);
            put_varint(&shape, 2 << 3 | 2);
            put_varint(&shape, dim.n);
            put(&shape, dim.d, dim.n);
        }
        put_varint(&value, 1 << 3);
        put_varint(&value, (uint64_t)p->dtype);
        put_varint(&value, 2 << 3 | 2);
        put_varint(&value, shape.n);
        put(&value, shape.d, shape.n);
        put_varint(&value, 3 << 3);
        put_varint(&value, (uint64_t)p->shard);
        put_varint(&value, 4 << 3);
        put_varint(&value, (uint64_t)p->offset);
        put_varint(&value, 5 << 3);
        put_varint(&value, (uint64_t)p->size);
        put_varint(&value, 6 << 3 | 5);
        put32(&value, mask(whet_crc32c(0, data, sizeof(data))));
        entry(&block, p->shared[i], p->names[i] + WHET_MIN(p->shared[i], strlen(p->names[i])), strlen(p->names[i]) - WHET_MIN(p->shared[i], strlen(p->names[i])), &value);
    }
    close_block(file, &block, p->type, &handle);
    if (p->index_offset) {
        handle.n = 0;
        put_varint(&handle, p->index_offset);
        put_varint(&handle, block.n - 5);
    }
    entry(&index, 0, "b", 1, &handle);
    bytes index_handle = {.n = 0}, meta_handle = {.n = 0};
    close_block(file, &meta, 0, &meta_handle);
    close_block(file, &index, 0, &index_handle);
    put(&footer, meta_handle.d, meta_handle.n);
    put(&footer, index_handle.d, index_handle.n);
    while (footer.n < 40) put(&footer, "", 1);
    put32(&footer, 0x8b80fb57u);
    put32(&footer, 0xdb477524u);
    put(file, footer.d, footer.n);
}

static void refused(const plan *p, whet_status want, const char *text)
{
    static bytes file;
    whet_tfbundle *b = NULL;
    make(p, &file);
    assert_status(whet_tfbundle_open_mem(&b, file.d, file.n, data, sizeof(data), "v.index"), want);
    assert_null(b);
    assert_contains(whet_error_last()->text, text);
    assert_string_equal(whet_error_last()->file, "v.index");
}

static void reads(void **state)
{
    (void)state;
    static bytes file;
    whet_tfbundle *b = NULL;
    const plan p = good();
    make(&p, &file);
    assert_ok(whet_tfbundle_open_mem(&b, file.d, file.n, data, sizeof(data), "v.index"));
    assert_int_equal(whet_tfbundle_count(b), 2);
    assert_string_equal(whet_tfbundle_at(b, 0)->name, "a/kernel");
    const whet_tfbundle_entry *e = whet_tfbundle_find(b, "a/moving");
    assert_non_null(e);
    assert_int_equal(e->rank, 2);
    assert_int_equal(e->dims[1], 3);
    assert_int_equal(e->bytes, 24);
    assert_memory_equal(e->data, data, sizeof(data));
    assert_ok(whet_tfbundle_check(b, e));
    assert_null(whet_tfbundle_find(b, "a/none"));
    assert_null(whet_tfbundle_at(b, 2));
    whet_tfbundle_close(b);
    float other[6] = {1, 2, 3, 4, 5, 7};
    assert_ok(whet_tfbundle_open_mem(&b, file.d, file.n, other, sizeof(other), "v.index"));
    assert_status(whet_tfbundle_check(b, whet_tfbundle_at(b, 0)), WHET_EFORMAT);
    assert_contains(whet_error_last()->text, "tensor 'a/kernel' does not have its checksum");
    whet_tfbundle_close(b);
}

static void refuses(void **state)
{
    (void)state;
    plan p = good();
    p.type = 1;
    refused(&p, WHET_EUNSUPPORTED, "compressed with snappy");
    p.type = 7;
    refused(&p, WHET_EFORMAT, "unknown compression");
    p = good();
    p.shared[1] = 9;
    refused(&p, WHET_EFORMAT, "a name shares more than the one before it has");
    p = good();
    p.names[1] = "a/kernel";
    refused(&p, WHET_EFORMAT, "the names are not in order");
    p = good();
    p.index_offset = 1 << 20;
    refused(&p, WHET_EFORMAT, "a block lies outside the file");
    p = good();
    p.offset = 4;
    refused(&p, WHET_EFORMAT, "a tensor lies outside its data file");
    p.offset = -8;
    refused(&p, WHET_EFORMAT, "a tensor lies in no data file");
    p = good();
    p.shard = 1;
    refused(&p, WHET_EFORMAT, "a tensor lies in no data file");
    p = good();
    p.dims[0] = 1;
    refused(&p, WHET_EFORMAT, "a tensor's size is not that of its shape");
    p.dims[0] = p.dims[1] = (int64_t)1 << 62;
    refused(&p, WHET_EFORMAT, "a tensor's shape is too large");
    p.dims[0] = -2;
    refused(&p, WHET_EFORMAT, "a tensor has a negative dimension");
    p = good();
    p.shards = 0;
    refused(&p, WHET_EFORMAT, "the number of data files is out of range");
    p = good();
    p.endian = 1;
    refused(&p, WHET_EUNSUPPORTED, "the checkpoint is big-endian");
    whet_tfbundle *b = NULL;
    assert_status(whet_tfbundle_open_mem(&b, "short", 5, data, sizeof(data), "v.index"), WHET_EFORMAT);
    assert_contains(whet_error_last()->text, "the file is shorter than its footer");
    assert_status(whet_tfbundle_open(&b, "/nowhere/variables"), WHET_ENOTFOUND);
}

/* A little that would become much: a long name that a thousand entries share. */
static void multiplies(void **state)
{
    (void)state;
    enum { NAME = 8000, ENTRIES = 4000 };
    uint8_t *block = whet_alloc(NAME + 64 + ENTRIES * 16), *file = whet_alloc(NAME + 4096 + ENTRIES * 16);
    size_t n = 0;
    bytes e = {.n = 0}, handle = {.n = 0}, index = {.n = 0}, tail = {.n = 0};
    put(&e, "\0\0\2\x08\1", 5); /* the header, then a name of 8000 bytes with an empty entry */
    put_varint(&e, 0);
    put_varint(&e, NAME);
    put_varint(&e, 0);
    memcpy(block, e.d, e.n);
    n = e.n;
    memset(block + n, 'a', NAME);
    n += NAME;
    for (int i = 0; i < ENTRIES; i++) {
        e.n = 0;
        put_varint(&e, NAME - 2);
        put_varint(&e, 2);
        put_varint(&e, 0);
        put(&e, (char[]){(char)('b' + i / 120), (char)(1 + i % 120)}, 2);
        memcpy(block + n, e.d, e.n);
        n += e.n;
    }
    memset(block + n, 0, 8);
    block[n + 4] = 1;
    n += 8;
    put_varint(&handle, 0);
    put_varint(&handle, n);
    block[n++] = 0;
    const uint32_t crc = mask(whet_crc32c(0, block, n));
    for (int i = 0; i < 4; i++) block[n++] = (uint8_t)(crc >> 8 * i);
    memcpy(file, block, n);
    entry(&index, 0, "z", 1, &handle);
    bytes rest = {.n = 0}, index_handle = {.n = 0};
    close_block(&rest, &index, 0, &index_handle);
    put(&tail, "\0\0", 2);
    put_varint(&tail, n);
    put_varint(&tail, rest.n - 5);
    while (tail.n < 40) put(&tail, "", 1);
    put32(&tail, 0x8b80fb57u);
    put32(&tail, 0xdb477524u);
    memcpy(file + n, rest.d, rest.n);
    memcpy(file + n + rest.n, tail.d, tail.n);
    whet_tfbundle *b = NULL;
    assert_status(whet_tfbundle_open_mem(&b, file, n + rest.n + tail.n, data, sizeof(data), "v.index"), WHET_ENOMEM);
    assert_contains(whet_error_last()->text, "the names in the checkpoint's index expand to more than 16 times the file");
    whet_free(block);
    whet_free(file);
}

static void damage(void **state)
{
    (void)state;
    static bytes file;
    const plan p = good();
    make(&p, &file);
    for (size_t n = 0; n < file.n; n++) {
        whet_tfbundle *b = NULL;
        uint8_t *cut = whet_alloc(n + 1);
        memcpy(cut, file.d, n);
        assert_status(whet_tfbundle_open_mem(&b, cut, n, data, sizeof(data), "v.index"), WHET_EFORMAT);
        whet_free(cut);
    }
    for (size_t n = 0; n < 8 * file.n; n++) {
        whet_tfbundle *b = NULL;
        file.d[n / 8] ^= (uint8_t)(1 << n % 8);
        if (whet_tfbundle_open_mem(&b, file.d, file.n, data, sizeof(data), "v.index") != WHET_OK) assert_null(b);
        whet_tfbundle_close(b);
        file.d[n / 8] ^= (uint8_t)(1 << n % 8);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(reads), cmocka_unit_test(refuses), cmocka_unit_test(multiplies), cmocka_unit_test(damage)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
