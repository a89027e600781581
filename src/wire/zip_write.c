/* SPDX-License-Identifier: Apache-2.0 */
/* Writer of ZIP archives of stored entries. The local header is padded by an extra field, "FB" as PyTorch's writer has it, so
 * that data lies on multiples of 64. Source: PKWARE APPNOTE.TXT 6.3.10, sections 4.3 to 4.5. */
#include "wire/zip_write.h"

#include <zlib.h>

#include "base/io.h"
#include "base/mem.h"
#include "wire/pb.h"

enum { ALIGN = 64, MOST_NAME = 1000, DATE = 0x21 /* 1980-01-01 */, UTF8 = 0x800, PADDING = 0x4246, ZIP64 = 1 };

typedef struct written { char *name; uint64_t size, offset; uint32_t crc; } written;

struct whet_zip_writer {
    whet_writer *file;
    written *entries;
    size_t n, cap;
    whet_status status;
};

typedef struct bytes { uint8_t b[MOST_NAME + 256]; size_t n; } bytes;

static void add(bytes *o, unsigned width, uint64_t x)
{
    for (unsigned i = 0; i < width; i++) o->b[o->n++] = (uint8_t)(x >> (8 * i));
}

static void add_text(bytes *o, const char *text)
{
    memcpy(o->b + o->n, text, strlen(text));
    o->n += strlen(text);
}

/* Version, flags, method, time, date, CRC and both sizes: what both headers share. */
static void add_common(bytes *o, const written *e, bool wide)
{
    add(o, 2, wide ? 45 : 20);
    add(o, 2, UTF8);
    add(o, 2, 0);
    add(o, 2, 0);
    add(o, 2, DATE);
    add(o, 4, e->crc);
    add(o, 4, wide ? UINT32_MAX : e->size);
    add(o, 4, wide ? UINT32_MAX : e->size);
    add(o, 2, strlen(e->name));
}

static whet_status local_header(whet_zip_writer *w, const written *e)
{
    const bool wide = e->size >= UINT32_MAX;
    const size_t fixed = 30 + strlen(e->name) + (wide ? 20 : 0) + 4;
    const size_t padding = (size_t)(ALIGN - (e->offset + fixed) % ALIGN) % ALIGN;
    bytes o = {.n = 0};
    add(&o, 4, 0x04034b50);
    add_common(&o, e, wide);
    add(&o, 2, (wide ? 20 : 0) + 4 + padding);
    add_text(&o, e->name);
    if (wide) {
        add(&o, 2, ZIP64);
        add(&o, 2, 16);
        add(&o, 8, e->size);
        add(&o, 8, e->size);
    }
    add(&o, 2, PADDING);
    add(&o, 2, padding);
    memset(o.b + o.n, 'Z', padding);
    return whet_writer_write(w->file, o.b, o.n + padding);
}

static whet_status directory_entry(whet_zip_writer *w, const written *e)
{
    const bool wide = e->size >= UINT32_MAX, far = e->offset >= UINT32_MAX;
    const unsigned extra = (wide ? 16 : 0) + (far ? 8 : 0);
    bytes o = {.n = 0};
    add(&o, 4, 0x02014b50);
    add(&o, 2, wide || far ? 45 : 20); /* made by */
    add_common(&o, e, wide);
    add(&o, 2, extra ? extra + 4 : 0);
    add(&o, 2, 0); /* comment */
    add(&o, 2, 0); /* disk */
    add(&o, 2, 0);
    add(&o, 4, 0); /* attributes */
    add(&o, 4, far ? UINT32_MAX : e->offset);
    add_text(&o, e->name);
    if (extra) {
        add(&o, 2, ZIP64);
        add(&o, 2, extra);
        if (wide) {
            add(&o, 8, e->size);
            add(&o, 8, e->size);
        }
        if (far) add(&o, 8, e->offset);
    }
    return whet_writer_write(w->file, o.b, o.n);
}

static whet_status directory_end(whet_zip_writer *w, uint64_t begin)
{
    const uint64_t end = whet_writer_offset(w->file), size = end - begin;
    bytes o = {.n = 0};
    if (w->n >= UINT16_MAX || begin >= UINT32_MAX || size >= UINT32_MAX) {
        add(&o, 4, 0x06064b50);
        add(&o, 8, 44);
        add(&o, 2, 45);
        add(&o, 2, 45);
        add(&o, 4, 0);
        add(&o, 4, 0);
        add(&o, 8, w->n);
        add(&o, 8, w->n);
        add(&o, 8, size);
        add(&o, 8, begin);
        add(&o, 4, 0x07064b50);
        add(&o, 4, 0);
        add(&o, 8, end);
        add(&o, 4, 1);
    }
    add(&o, 4, 0x06054b50);
    add(&o, 2, 0);
    add(&o, 2, 0);
    add(&o, 2, WHET_MIN(w->n, UINT16_MAX));
    add(&o, 2, WHET_MIN(w->n, UINT16_MAX));
    add(&o, 4, WHET_MIN(size, UINT32_MAX));
    add(&o, 4, WHET_MIN(begin, UINT32_MAX));
    add(&o, 2, 0);
    return whet_writer_write(w->file, o.b, o.n);
}

whet_status whet_zip_writer_open(whet_zip_writer **out, const char *path)
{
    whet_zip_writer *w = whet_calloc(1, sizeof(*w));
    *out = NULL;
    if (!w) return WHET_ENOMEM;
    const whet_status status = whet_writer_open(&w->file, path);
    if (status != WHET_OK) whet_free(w);
    else *out = w;
    return status;
}

static whet_status add_entry(whet_zip_writer *w, const char *name, const void *data, size_t size)
{
    if (strlen(name) > MOST_NAME || !whet_path_is_inside(name) || strchr(name, '\\') || !whet_utf8_valid(name, strlen(name)))
        return WHET_FAIL(WHET_EINVAL, "'%.200s' is no name for an entry of an archive: relative, without '..', at most %d bytes", name, MOST_NAME);
    if (!WHET_GROW(&w->entries, w->n, &w->cap)) return WHET_ENOMEM;
    written *e = &w->entries[w->n];
    *e = (written){whet_strdup(name), size, whet_writer_offset(w->file), (uint32_t)crc32_z(0, data, size)};
    if (!e->name) return WHET_ENOMEM;
    w->n++;
    WHET_TRY(local_header(w, e));
    return size ? whet_writer_write(w->file, data, size) : WHET_OK;
}

whet_status whet_zip_writer_add(whet_zip_writer *w, const char *name, const void *data, size_t size)
{
    if (w->status == WHET_OK) w->status = add_entry(w, name, data, size);
    return w->status;
}

static void writer_free(whet_zip_writer *w)
{
    for (size_t i = 0; i < w->n; i++) whet_free(w->entries[i].name);
    whet_free(w->entries);
    whet_free(w);
}

void whet_zip_writer_abort(whet_zip_writer *w)
{
    if (!w) return;
    whet_writer_abort(w->file);
    writer_free(w);
}

whet_status whet_zip_writer_commit(whet_zip_writer *w)
{
    const uint64_t begin = whet_writer_offset(w->file);
    whet_status status = w->status;
    for (size_t i = 0; i < w->n && status == WHET_OK; i++) status = directory_entry(w, &w->entries[i]);
    if (status == WHET_OK) status = directory_end(w, begin);
    if (status != WHET_OK) {
        whet_zip_writer_abort(w);
        return status;
    }
    status = whet_writer_commit(w->file);
    writer_free(w);
    return status;
}
