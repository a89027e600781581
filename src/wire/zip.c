/* SPDX-License-Identifier: Apache-2.0 */
/* ZIP archives through libzip. It reads from a source of ours over the mapped bytes, which notes where the last read began: so
 * stored entries become views without a second parser of the directory that might understand it otherwise.
 * Limits as in zip.h. Source of the format: PKWARE APPNOTE.TXT 6.3.10. */
#include "wire/zip.h"

#ifndef WHET_MINIMAL
#include <zip.h>
#include <zlib.h>

#include "base/io.h"
#include "base/mem.h"
#include "wire/pb.h"

enum { MOST_RATIO = 1032 }; /* of deflate: 258 bytes by two bits */
#define SLACK ((uint64_t)64 << 20)

typedef struct window {
    const uint8_t *data;
    uint64_t size, at, last; /* last: where the latest read began */
    zip_error_t error;
} window;

struct whet_zip {
    whet_map *map;
    zip_t *zip;
    window w;
    char *name, *top;
    int n;
    whet_zip_entry *entries;
    zip_uint64_t *index; /* libzip's number of entry i */
    int *sorted;         /* by name */
};

static whet_status at_file(const whet_zip *z, whet_status status)
{
    if (status != WHET_OK) whet_error_at_file(z->name);
    return status;
}

static zip_int64_t source(void *arg, void *data, zip_uint64_t len, zip_source_cmd_t cmd)
{
    window *w = arg;
    zip_uint64_t n = 0;
    switch (cmd) {
    case ZIP_SOURCE_OPEN: w->at = 0; return 0;
    case ZIP_SOURCE_CLOSE:
    case ZIP_SOURCE_FREE: return 0;
    case ZIP_SOURCE_READ:
        n = WHET_MIN(len, w->size - w->at);
        w->last = w->at;
        if (n) memcpy(data, w->data + w->at, n);
        w->at += n;
        return (zip_int64_t)n;
    case ZIP_SOURCE_SEEK: {
        const zip_int64_t to = zip_source_seek_compute_offset(w->at, w->size, data, len, &w->error);
        if (to < 0) return -1;
        w->at = (uint64_t)to;
        return 0;
    }
    case ZIP_SOURCE_TELL: return (zip_int64_t)w->at;
    case ZIP_SOURCE_STAT: {
        zip_stat_t *st = data;
        if (len < sizeof(*st)) return -1;
        zip_stat_init(st);
        st->valid = ZIP_STAT_SIZE;
        st->size = w->size;
        return (zip_int64_t)sizeof(*st);
    }
    case ZIP_SOURCE_ERROR: return zip_error_to_data(&w->error, data, len);
    case ZIP_SOURCE_SUPPORTS:
        return zip_source_make_command_bitmap(ZIP_SOURCE_OPEN, ZIP_SOURCE_READ, ZIP_SOURCE_CLOSE, ZIP_SOURCE_STAT, ZIP_SOURCE_ERROR,
                                              ZIP_SOURCE_FREE, ZIP_SOURCE_SEEK, ZIP_SOURCE_TELL, ZIP_SOURCE_SUPPORTS, -1);
    default: zip_error_set(&w->error, ZIP_ER_OPNOTSUPP, 0); return -1;
    }
}

static whet_status zip_fault(const whet_zip *z, zip_error_t *e, const char *what)
{
    const whet_status status = zip_error_code_zip(e) == ZIP_ER_MEMORY ? WHET_ENOMEM : WHET_EFORMAT;
    WHET_FAIL(status, "zip: %s: %s", what, zip_error_strerror(e));
    return at_file(z, status);
}

static whet_status open_directory(whet_zip *z)
{
    zip_error_t e;
    whet_status status = WHET_OK;
    if (z->w.size < 22) return at_file(z, WHET_FAIL(WHET_EFORMAT, "zip: %llu bytes are no archive", (unsigned long long)z->w.size));
    zip_error_init(&e);
    zip_source_t *src = zip_source_function_create(source, &z->w, &e);
    if (src) z->zip = zip_open_from_source(src, ZIP_RDONLY, &e);
    if (!z->zip) {
        status = zip_fault(z, &e, "the archive cannot be opened, it may be cut off");
        zip_source_free(src);
    }
    zip_error_fini(&e);
    return status;
}

static whet_status check_name(const char *name)
{
    const char *p = name;
    if (!*name) return WHET_FAIL(WHET_EFORMAT, "zip: an entry without a name");
    if (!whet_utf8_valid(name, strlen(name))) return WHET_FAIL(WHET_EFORMAT, "zip: the name of an entry is not UTF-8");
    if (!whet_path_is_inside(name) || strchr(name, '\\') || (name[1] == ':' && name[0] != '.'))
        return WHET_FAIL(WHET_EFORMAT, "zip: the entry '%.200s' leads out of the archive: path traversal", name);
    while (*p && (unsigned char)*p >= ' ' && *p != 127) p++;
    return *p ? WHET_FAIL(WHET_EFORMAT, "zip: the name of an entry has a control character") : WHET_OK;
}

static whet_status check_packing(const whet_zip_entry *e, const zip_stat_t *st)
{
    if (st->encryption_method != ZIP_EM_NONE) return WHET_FAIL(WHET_EUNSUPPORTED, "zip: the entry '%.200s' is encrypted", e->name);
    if (st->comp_method != ZIP_CM_STORE && st->comp_method != ZIP_CM_DEFLATE)
        return WHET_FAIL(WHET_EUNSUPPORTED, "zip: the entry '%.200s' is packed by method %u; stored and deflated ones are read", e->name,
                         (unsigned)st->comp_method);
    if (e->stored && e->size != e->packed)
        return WHET_FAIL(WHET_EFORMAT, "zip: the stored entry '%.200s' has two sizes, %llu and %llu", e->name,
                         (unsigned long long)e->size, (unsigned long long)e->packed);
    if (e->size / MOST_RATIO > e->packed)
        return WHET_FAIL(WHET_EFORMAT, "zip: the entry '%.200s' of %llu bytes would unpack to %llu: a bomb, or damaged", e->name,
                         (unsigned long long)e->packed, (unsigned long long)e->size);
    return WHET_OK;
}

static whet_status add_entry(whet_zip *z, zip_uint64_t i, uint64_t *unpacked)
{
    const zip_uint64_t need = ZIP_STAT_NAME | ZIP_STAT_SIZE | ZIP_STAT_COMP_SIZE | ZIP_STAT_COMP_METHOD;
    zip_stat_t st;
    whet_zip_entry *e = &z->entries[z->n];
    if (zip_stat_index(z->zip, i, ZIP_FL_ENC_RAW, &st) != 0 || (st.valid & need) != need)
        return WHET_FAIL(WHET_EFORMAT, "zip: entry %llu of the directory cannot be read", (unsigned long long)i);
    WHET_TRY(check_name(st.name));
    if (st.name[strlen(st.name) - 1] == '/' && st.size == 0) return WHET_OK; /* a folder */
    *e = (whet_zip_entry){.name = st.name, .size = st.size, .packed = st.comp_size, .crc = st.valid & ZIP_STAT_CRC ? st.crc : 0,
                          .stored = st.comp_method == ZIP_CM_STORE};
    WHET_TRY(check_packing(e, &st));
    if (!e->stored && __builtin_add_overflow(*unpacked, e->size, unpacked)) *unpacked = UINT64_MAX;
    z->index[z->n++] = i;
    return WHET_OK;
}

static int by_name(const void *pa, const void *pb, void *arg)
{
    const whet_zip_entry *e = arg;
    return strcmp(e[*(const int *)pa].name, e[*(const int *)pb].name);
}

static whet_status sort_names(whet_zip *z)
{
    for (int i = 0; i < z->n; i++) z->sorted[i] = i;
    qsort_r(z->sorted, (size_t)z->n, sizeof(*z->sorted), by_name, z->entries);
    for (int i = 1; i < z->n; i++)
        if (strcmp(z->entries[z->sorted[i - 1]].name, z->entries[z->sorted[i]].name) == 0)
            return WHET_FAIL(WHET_EFORMAT, "zip: the entry '%.200s' stands twice", z->entries[z->sorted[i]].name);
    return WHET_OK;
}

static whet_status find_top(whet_zip *z)
{
    const char *slash = z->n ? strchr(z->entries[0].name, '/') : NULL;
    const size_t n = slash ? (size_t)(slash - z->entries[0].name) : 0;
    for (int i = 1; i < z->n && n; i++)
        if (strncmp(z->entries[i].name, z->entries[0].name, n + 1) != 0) return WHET_OK;
    if (n) z->top = whet_strndup(z->entries[0].name, n);
    return n && !z->top ? WHET_ENOMEM : WHET_OK;
}

static whet_status read_directory(whet_zip *z)
{
    const zip_int64_t n = zip_get_num_entries(z->zip, 0);
    const uint64_t limit = 4 * z->w.size + SLACK;
    uint64_t unpacked = 0;
    if (n > WHET_ZIP_MAX_ENTRIES)
        return WHET_FAIL(WHET_EFORMAT, "zip: %lld entries, at most %d are read", (long long)n, WHET_ZIP_MAX_ENTRIES);
    z->entries = whet_calloc((size_t)n + 1, sizeof(*z->entries));
    z->index = whet_calloc((size_t)n + 1, sizeof(*z->index));
    z->sorted = whet_calloc((size_t)n + 1, sizeof(*z->sorted));
    if (!z->entries || !z->index || !z->sorted) return WHET_ENOMEM;
    for (zip_int64_t i = 0; i < n; i++) WHET_TRY(add_entry(z, (zip_uint64_t)i, &unpacked));
    if (unpacked > limit)
        return WHET_FAIL(WHET_EFORMAT, "zip: the entries would unpack to %llu bytes, allowed for this file are %llu: a bomb",
                         (unsigned long long)unpacked, (unsigned long long)limit);
    WHET_TRY(sort_names(z));
    return find_top(z);
}

static whet_status make(whet_zip **out, whet_map *map, const void *data, size_t size, const char *name)
{
    whet_zip *z = whet_calloc(1, sizeof(*z));
    whet_status status = WHET_ENOMEM;
    *out = NULL;
    if (!z) {
        whet_map_close(map);
        return WHET_ENOMEM;
    }
    z->map = map;
    z->w.data = data;
    z->w.size = size;
    zip_error_init(&z->w.error);
    z->name = whet_strdup(name ? name : "");
    if (z->name) status = open_directory(z);
    if (status == WHET_OK) status = at_file(z, read_directory(z));
    if (status != WHET_OK) {
        whet_zip_close(z);
        return status;
    }
    *out = z;
    return WHET_OK;
}

whet_status whet_zip_open(whet_zip **out, const char *path)
{
    whet_map *map = NULL;
    *out = NULL;
    WHET_TRY(whet_map_open(&map, path));
    return make(out, map, whet_map_data(map), whet_map_size(map), path);
}

whet_status whet_zip_open_mem(whet_zip **out, const void *data, size_t size, const char *name)
{
    return make(out, NULL, data, size, name);
}

void whet_zip_close(whet_zip *z)
{
    if (!z) return;
    if (z->zip) zip_discard(z->zip);
    zip_error_fini(&z->w.error);
    whet_map_close(z->map);
    whet_free(z->name);
    whet_free(z->top);
    whet_free(z->entries);
    whet_free(z->index);
    whet_free(z->sorted);
    whet_free(z);
}

int whet_zip_count(const whet_zip *z) { return z->n; }

const whet_zip_entry *whet_zip_at(const whet_zip *z, int i) { return &z->entries[i]; }

/* Compares an entry's name with folder + "/" + name. */
static int compare(const char *entry, const char *folder, const char *name)
{
    if (folder && *folder) {
        const size_t n = strlen(folder);
        const int c = strncmp(entry, folder, n);
        if (c != 0) return c;
        if (entry[n] != '/') return (unsigned char)entry[n] < '/' ? -1 : 1;
        entry += n + 1;
    }
    return strcmp(entry, name);
}

int whet_zip_find_in(const whet_zip *z, const char *folder, const char *name)
{
    for (int low = 0, high = z->n; low < high;) {
        const int middle = low + (high - low) / 2, c = compare(z->entries[z->sorted[middle]].name, folder, name);
        if (c == 0) return z->sorted[middle];
        if (c < 0) low = middle + 1;
        else high = middle;
    }
    return -1;
}

int whet_zip_find(const whet_zip *z, const char *name) { return whet_zip_find_in(z, NULL, name); }

const char *whet_zip_top(const whet_zip *z) { return z->top; }

/* --- entries */

static whet_status damaged(const whet_zip *z, int i, const char *what)
{
    WHET_FAIL(WHET_EFORMAT, "zip: the entry '%.200s' %s", z->entries[i].name, what);
    return at_file(z, WHET_EFORMAT);
}

static whet_status check_crc(const whet_zip *z, int i, const uint8_t *data, size_t size)
{
    const uint32_t want = z->entries[i].crc;
    if (want == 0 || crc32_z(0, data, size) == want) return WHET_OK;
    return damaged(z, i, "has another checksum than the directory says: the file is damaged");
}

static whet_status unpack(whet_zip *z, int i, zip_file_t *f, uint8_t first, whet_zip_bytes *out)
{
    const size_t size = (size_t)z->entries[i].size;
    uint8_t *data = whet_alloc(size), extra = 0;
    zip_int64_t n = 0;
    if (!data) return WHET_ENOMEM;
    data[0] = first;
    if (size > 1) n = zip_fread(f, data + 1, size - 1);
    if (n < 0 || (size_t)n != size - 1 || zip_fread(f, &extra, 1) != 0) {
        whet_free(data);
        return damaged(z, i, "cannot be unpacked to the size that the directory says");
    }
    out->data = data;
    return check_crc(z, i, data, size);
}

whet_status whet_zip_read(whet_zip *z, int i, whet_zip_bytes *out)
{
    const whet_zip_entry *e = &z->entries[i];
    whet_status status = WHET_OK;
    uint8_t first = 0;
    *out = (whet_zip_bytes){.data = (const uint8_t *)"", .view = true};
    if (e->size == 0) return WHET_OK;
    zip_file_t *f = zip_fopen_index(z->zip, z->index[i], 0);
    if (!f) {
        status = zip_fault(z, zip_get_error(z->zip), e->name);
        goto done;
    }
    if (zip_fread(f, &first, 1) != 1) {
        status = damaged(z, i, "has no data");
        goto done;
    }
    *out = (whet_zip_bytes){.size = (size_t)e->size, .offset = (int64_t)z->w.last, .view = e->stored};
    if (!e->stored) {
        status = unpack(z, i, f, first, out);
        goto done;
    }
    if (e->size > z->w.size - z->w.last) {
        status = damaged(z, i, "passes the end of the file");
        goto done;
    }
    out->data = z->w.data + z->w.last;
    status = check_crc(z, i, out->data, out->size);
done:
    if (f) zip_fclose(f);
    if (status != WHET_OK) whet_zip_bytes_free(out);
    return status;
}

void whet_zip_bytes_free(whet_zip_bytes *b)
{
    if (!b->view) whet_free((void *)(uintptr_t)b->data);
    *b = (whet_zip_bytes){.view = true};
}

bool whet_zip_detect(const uint8_t *head, size_t n) { return n >= 4 && memcmp(head, "PK\3\4", 4) == 0; }
#endif
