/* SPDX-License-Identifier: Apache-2.0 */
/* The HDF5 worker's flat stream, both ways. Compiled into the library and into the worker; knows nothing of libhdf5. */
#include "wire/hdf5_stream.h"

#include <stdbool.h>
#include <string.h>

#include "base/mem.h"

static const char magic[8] = {'w', 'h', 'e', 't', 'H', '5', 1, '\n'};
enum { HEAD = 24, MAX_TEXT = 1 << 16 };

whet_status whet_hdf5_elements(const whet_hdf5_item *it, uint64_t *n)
{
    *n = 1;
    for (int i = 0; i < it->rank; i++)
        if (__builtin_mul_overflow(*n, it->dims[i], n)) return WHET_FAIL(WHET_EFORMAT, "the sizes of '%s' overflow", it->path);
    return WHET_OK;
}

static size_t alignment(uint8_t kind)
{
    return kind == WHET_HDF5_DATASET ? 64 : 8;
}

/* --- writing */
static whet_status emit(whet_hdf5_sink *s, const void *data, size_t n)
{
    if (n == 0) return WHET_OK;
    s->at += n;
    return s->write(s->arg, data, n);
}

static whet_status pad(whet_hdf5_sink *s, size_t align)
{
    static const char zeros[64];
    return emit(s, zeros, (size_t)(WHET_ALIGN_UP(s->at, (uint64_t)align) - s->at));
}

static void put_u32(uint8_t *p, uint32_t x)
{
    for (int i = 0; i < 4; i++) p[i] = (uint8_t)(x >> (8 * i));
}

static void put_u64(uint8_t *p, uint64_t x)
{
    for (int i = 0; i < 8; i++) p[i] = (uint8_t)(x >> (8 * i));
}

whet_status whet_hdf5_put(whet_hdf5_sink *s, const whet_hdf5_item *it)
{
    uint8_t head[HEAD + 8 * WHET_HDF5_MAX_RANK] = {it->kind, (uint8_t)it->type, it->size, (uint8_t)it->rank};
    const size_t path = strlen(it->path), name = strlen(it->name);
    if (path >= MAX_TEXT || name >= MAX_TEXT) return WHET_FAIL(WHET_EUNSUPPORTED, "a name of over %d bytes", MAX_TEXT);
    if (s->at == 0) WHET_TRY(emit(s, magic, sizeof magic));
    WHET_TRY(pad(s, 8));
    put_u32(head + 4, (uint32_t)path);
    put_u32(head + 8, (uint32_t)name);
    put_u64(head + 16, it->bytes);
    for (int i = 0; i < it->rank; i++) put_u64(head + HEAD + 8 * i, it->dims[i]);
    WHET_TRY(emit(s, head, (size_t)(HEAD + 8 * it->rank)));
    WHET_TRY(emit(s, it->path, path + 1));
    WHET_TRY(emit(s, it->name, name + 1));
    if (it->kind != WHET_HDF5_END) WHET_TRY(pad(s, alignment(it->kind)));
    s->records++;
    return it->data != NULL ? emit(s, it->data, it->bytes) : WHET_OK;
}

whet_status whet_hdf5_put_bytes(whet_hdf5_sink *s, const void *data, size_t n)
{
    return emit(s, data, n);
}

whet_status whet_hdf5_put_end(whet_hdf5_sink *s)
{
    const whet_hdf5_item end = {.kind = WHET_HDF5_END, .path = "", .name = "", .bytes = s->records};
    WHET_TRY(whet_hdf5_put(s, &end));
    return pad(s, 8);
}

/* --- reading */
static uint32_t get_u32(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static uint64_t get_u64(const uint8_t *p)
{
    return (uint64_t)get_u32(p) | (uint64_t)get_u32(p + 4) << 32;
}

static whet_status damaged(size_t at, const char *what)
{
    WHET_FAIL(WHET_EFORMAT, "the HDF5 worker's stream is damaged: %s", what);
    whet_error_at_offset((int64_t)at);
    return WHET_EFORMAT;
}

static bool strings_fit(const whet_hdf5_item *it, uint64_t n)
{
    const uint8_t *p = it->data;
    uint64_t left = it->bytes;
    for (uint64_t i = 0; i < n; i++) {
        if (left < 5) return false;
        const uint32_t length = get_u32(p);
        if (length > left - 5 || p[4 + length] != 0 || memchr(p + 4, 0, length) != NULL) return false;
        p += (size_t)length + 5;
        left -= (uint64_t)length + 5;
    }
    return left == 0;
}

/* Whether type, size, dims and the number of bytes go together. */
static bool sizes_fit(const whet_hdf5_item *it)
{
    static const struct { char type; const char *sizes; } types[] = {{'f', "\2\4\10"}, {'g', "\2"}, {'i', "\1\2\4\10"}, {'u', "\1\2\4\10"}, {'b', "\1"}};
    uint64_t n = 0, bytes = 0;
    if (it->kind == WHET_HDF5_GROUP) return it->type == 0 && it->size == 0 && it->rank == 0 && it->bytes == 0;
    if (it->type == '?') return it->bytes == 0;
    if (whet_hdf5_elements(it, &n) != WHET_OK) return false;
    if (it->type == 's') return it->size == 0 && strings_fit(it, n);
    for (size_t i = 0; i < WHET_COUNT(types); i++)
        if (types[i].type == it->type)
            return it->size != 0 && strchr(types[i].sizes, it->size) != NULL && !__builtin_mul_overflow(n, it->size, &bytes) && bytes == it->bytes;
    return false;
}

static bool text_fits(const uint8_t *p, size_t n)
{
    return p[n] == 0 && memchr(p, 0, n) == NULL;
}

whet_status whet_hdf5_next(const uint8_t *data, size_t size, size_t *at, whet_hdf5_item *out)
{
    memset(out, 0, sizeof *out);
    if (*at == 0) {
        if (size < sizeof magic || memcmp(data, magic, sizeof magic) != 0) return damaged(0, "it begins with something else");
        *at = sizeof magic;
    }
    const size_t start = WHET_ALIGN_UP(*at, 8);
    if (start > size || size - start < HEAD) return damaged(*at, "it ends before its end");
    const uint8_t *p = data + start;
    const uint32_t path = get_u32(p + 4), name = get_u32(p + 8);
    out->kind = p[0];
    out->type = (char)p[1];
    out->size = p[2];
    out->rank = p[3];
    out->bytes = get_u64(p + 16);
    if (out->rank > WHET_HDF5_MAX_RANK || path >= MAX_TEXT || name >= MAX_TEXT) return damaged(start, "a length over its limit");
    const size_t texts = start + HEAD + 8 * (size_t)out->rank, behind = texts + path + name + 2;
    if (behind > size) return damaged(start, "it ends inside a name");
    for (int i = 0; i < out->rank; i++) out->dims[i] = get_u64(p + HEAD + 8 * i);
    if (!text_fits(data + texts, path) || !text_fits(data + texts + path + 1, name)) return damaged(texts, "a name that does not end where it should");
    out->path = (const char *)data + texts;
    out->name = out->path + path + 1;
    if (out->kind == WHET_HDF5_END) {
        *at = WHET_ALIGN_UP(behind, 8);
        return WHET_OK;
    }
    if (out->kind < WHET_HDF5_GROUP || out->kind > WHET_HDF5_ATTRIBUTE) return damaged(start, "a record of no known kind");
    const size_t from = WHET_ALIGN_UP(behind, alignment(out->kind));
    if (from > size || out->bytes > size - from) return damaged(start, "it ends inside the bytes of a record");
    out->data = data + from;
    if (!sizes_fit(out)) return damaged(start, "sizes that contradict each other");
    *at = from + (size_t)out->bytes;
    return WHET_OK;
}

whet_status whet_hdf5_check_end(const whet_hdf5_item *end, uint64_t records, size_t at, size_t size)
{
    if (end->bytes != records) return damaged(at, "records are missing");
    return at == size ? WHET_OK : damaged(at, "bytes behind its end");
}
