/* SPDX-License-Identifier: Apache-2.0 */
/* The two forms that torch.save writes. Zip: <top>/data.pkl and a stored entry <top>/data/<key> for each storage. Older: five
 * pickles (magic number, version, facts of the machine, the object, the keys of its storages), then each storage as its number
 * of elements and its bytes. Source: torch/serialization.py, _legacy_load and _load. */
#include <stdio.h>

#include "base/io.h"
#include "base/mem.h"
#include "formats/mapped.h"
#include "formats/pytorch/state_dict.h"
#include "formats/pytorch/state_dict_private.h"
#include "wire/json.h"
#include "wire/zip.h"

enum { LEGACY_VERSION = 1001, MOST_METADATA = 4 << 20 };
#define SLACK ((size_t)60 << 20)

static const uint8_t magic[10] = {0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19}; /* 0x1950a86a20f9469cfc6c */

/* One file: its storages become buffers when they are first asked for. */
typedef struct reader {
    const char *name;
    const uint8_t *data; /* of the whole file */
    size_t size;
    whet_map *map;      /* NULL: from memory, nothing may stay a view */
    whet_zip *zip;      /* NULL: the older form */
    const char *top;
    whet_mapped *file;  /* keeps map or zip; NULL: from memory */
    whet_buffer **buffers; /* zip: by entry; older form: by `legacy` */
    whet_zip_bytes *bytes; /* zip: by entry, what is not in a buffer */
    bool *loaded;
    size_t n_buffers;
    struct legacy { torch_storage s; const uint8_t *data; size_t bytes; } *legacy; /* sorted by key */
    size_t n_legacy;
    size_t left; /* memory that may still be taken, 4 times the file in all */
} reader;

static void close_zip(void *zip) { whet_zip_close(zip); }
static void free_bytes(void *bytes) { whet_free(bytes); }

static void reader_dispose(reader *r)
{
    for (size_t i = 0; i < r->n_buffers; i++) {
        if (r->buffers) whet_buffer_unref(r->buffers[i]);
        if (r->bytes) whet_zip_bytes_free(&r->bytes[i]);
    }
    whet_free(r->buffers);
    whet_free(r->bytes);
    whet_free(r->loaded);
    whet_free(r->legacy);
    if (r->file) whet_mapped_unref(r->file);
    else if (r->zip) whet_zip_close(r->zip);
    else whet_map_close(r->map);
}

static void release_file(void *file) { whet_mapped_unref(file); }

/* The bytes of a storage in the mapped file as a buffer that keeps the file. */
static whet_status wrap_view(reader *r, const uint8_t *data, size_t bytes, whet_buffer **out)
{
    *out = NULL;
    if (!r->file || bytes == 0) return WHET_OK;
    WHET_TRY(whet_buffer_wrap(out, (void *)(uintptr_t)data, bytes, release_file, r->file));
    whet_mapped_ref(r->file);
    whet_buffer_set_mapped(*out);
    return WHET_OK;
}

static whet_status read_pickle(reader *r, whet_pickle **out, const uint8_t *data, size_t size, int64_t base, size_t *used)
{
    const whet_pickle_options opt = {torch_globals, torch_globals_count, STATE_DICT_ALLOWS, base, r->left};
    WHET_TRY(whet_pickle_read(out, data, size, r->name, &opt, used));
    r->left -= whet_pickle_memory(*out);
    return WHET_OK;
}

/* --- zip form */

/* What must be unpacked takes memory. */
static whet_status read_entry(reader *r, int i, whet_zip_bytes *out)
{
    const whet_zip_entry *e = whet_zip_at(r->zip, i);
    if (!e->stored && e->size > r->left)
        return WHET_FAIL(WHET_EFORMAT, "'%.100s' would unpack to %llu bytes, more than a file of this size may take: a bomb", e->name,
                         (unsigned long long)e->size);
    if (!e->stored) r->left -= (size_t)e->size;
    return whet_zip_read(r->zip, i, out);
}

static whet_status zip_load(reader *r, int i)
{
    whet_zip_bytes b;
    WHET_TRY(read_entry(r, i, &b));
    if (b.view) {
        WHET_TRY(wrap_view(r, b.data, b.size, &r->buffers[i]));
        r->bytes[i] = b;
        if (r->file) whet_map_forget(b.data, b.size); /* the checksum has read it */
    } else {
        const whet_status status = whet_buffer_wrap(&r->buffers[i], (void *)(uintptr_t)b.data, b.size, free_bytes, (void *)(uintptr_t)b.data);
        if (status != WHET_OK) whet_zip_bytes_free(&b);
        WHET_TRY(status);
        r->bytes[i] = b;
        r->bytes[i].view = true; /* the buffer owns them now */
    }
    r->loaded[i] = true;
    return WHET_OK;
}

static whet_status zip_find(void *arg, const torch_storage *s, whet_buffer **buffer, const uint8_t **data, size_t *bytes)
{
    reader *r = arg;
    char name[300];
    const int n = snprintf(name, sizeof(name), "data/%s", s->key);
    const int i = n < (int)sizeof(name) ? whet_zip_find_in(r->zip, r->top, name) : -1;
    if (i < 0) return WHET_FAIL(WHET_EFORMAT, "storage '%.100s' is not in the archive", s->key);
    if (!r->loaded[i]) WHET_TRY(zip_load(r, i));
    *buffer = r->buffers[i];
    *data = r->bytes[i].data;
    *bytes = r->bytes[i].size;
    return WHET_OK;
}

static whet_status check_byte_order(reader *r)
{
    const int i = whet_zip_find_in(r->zip, r->top, "byteorder");
    whet_zip_bytes b;
    if (i < 0) return WHET_OK;
    WHET_TRY(read_entry(r, i, &b));
    const bool little = b.size >= 6 && memcmp(b.data, "little", 6) == 0;
    whet_zip_bytes_free(&b);
    return little ? WHET_OK : WHET_FAIL(WHET_EUNSUPPORTED, "the file has big-endian numbers; save it again on a little-endian machine");
}

static whet_status read_metadata(reader *r, whet_weights *w)
{
    const int i = whet_zip_find_in(r->zip, r->top, STATE_DICT_META);
    whet_zip_bytes b;
    json_t *o = NULL, *v = NULL;
    const char *key = NULL;
    if (i < 0) return WHET_OK;
    WHET_TRY(read_entry(r, i, &b));
    whet_status status = b.size > MOST_METADATA ? WHET_FAIL(WHET_EFORMAT, "the metadata has %zu bytes, the limit is %d", b.size, MOST_METADATA)
                                                : whet_json_parse(&o, (const char *)b.data, b.size, r->name);
    json_object_foreach(o, key, v)
        if (status == WHET_OK && json_is_string(v)) status = whet_weights_set_meta(w, key, json_string_value(v));
    json_decref(o);
    whet_zip_bytes_free(&b);
    return status;
}

static whet_status read_zip(reader *r, whet_weights *w)
{
    whet_zip_bytes b = {.view = true};
    whet_pickle *p = NULL;
    whet_status status = WHET_OK;
    const size_t n = (size_t)whet_zip_count(r->zip);
    r->top = whet_zip_top(r->zip);
    const int pkl = whet_zip_find_in(r->zip, r->top, "data.pkl");
    if (pkl < 0) return WHET_FAIL(WHET_EFORMAT, "no data.pkl is in the archive: it is no PyTorch file");
    r->buffers = whet_calloc(n + 1, sizeof(*r->buffers));
    r->bytes = whet_calloc(n + 1, sizeof(*r->bytes));
    r->loaded = whet_calloc(n + 1, sizeof(*r->loaded));
    if (!r->buffers || !r->bytes || !r->loaded) return WHET_ENOMEM;
    for (r->n_buffers = 0; r->n_buffers < n; r->n_buffers++) r->bytes[r->n_buffers].view = true;
    WHET_TRY(check_byte_order(r));
    WHET_GOTO(read_entry(r, pkl, &b));
    WHET_GOTO(read_pickle(r, &p, b.data, b.size, b.view ? b.offset : 0, NULL));
    torch_source src = {zip_find, r, &r->left};
    WHET_GOTO(state_dict_walk(w, &src, whet_pickle_root(p)));
    status = read_metadata(r, w);
done:
    whet_pickle_free(p);
    whet_zip_bytes_free(&b);
    return status;
}

/* --- older form */

static int by_key(const void *pa, const void *pb)
{
    const struct legacy *a = pa, *b = pb;
    return strcmp(a->s.key, b->s.key);
}

static struct legacy *legacy_find_key(const reader *r, const char *key)
{
    const struct legacy wanted = {.s.key = key};
    return r->n_legacy ? bsearch(&wanted, r->legacy, r->n_legacy, sizeof(wanted), by_key) : NULL;
}

static whet_status legacy_find(void *arg, const torch_storage *s, whet_buffer **buffer, const uint8_t **data, size_t *bytes)
{
    reader *r = arg;
    struct legacy *l = legacy_find_key(r, s->key);
    if (!l || !l->data) return WHET_FAIL(WHET_EFORMAT, "storage '%.100s' is not in the file", s->key);
    const size_t i = (size_t)(l - r->legacy);
    if (!r->loaded[i]) WHET_TRY(wrap_view(r, l->data, l->bytes, &r->buffers[i]));
    r->loaded[i] = true;
    *buffer = r->buffers[i];
    *data = l->data;
    *bytes = l->bytes;
    return WHET_OK;
}

/* What the object's pickle says of its storages, each key once. */
static whet_status list_storages(reader *r, const whet_pickle *p)
{
    const size_t n = whet_pickle_persistent_count(p);
    size_t kept = 0;
    r->legacy = whet_calloc(n + 1, sizeof(*r->legacy));
    r->buffers = whet_calloc(n + 1, sizeof(*r->buffers));
    r->loaded = whet_calloc(n + 1, sizeof(*r->loaded));
    if (!r->legacy || !r->buffers || !r->loaded) return WHET_ENOMEM;
    for (size_t i = 0; i < n; i++) WHET_TRY(torch_storage_parse(&r->legacy[i].s, whet_pickle_persistent_at(p, i)));
    qsort(r->legacy, n, sizeof(*r->legacy), by_key);
    for (size_t i = 0; i < n; i++) {
        const torch_storage *s = &r->legacy[i].s, *last = kept ? &r->legacy[kept - 1].s : NULL;
        if (!last || strcmp(last->key, s->key) != 0) r->legacy[kept++] = r->legacy[i];
        else if (last->element != s->element || last->numel != s->numel)
            return WHET_FAIL(WHET_EFORMAT, "storage '%.100s' is described in two ways", s->key);
    }
    r->n_legacy = r->n_buffers = kept;
    return WHET_OK;
}

/* Storage after storage, in the order of the keys. */
static whet_status place_storages(reader *r, const whet_pickle_value *keys, size_t at)
{
    if (keys->kind != WHET_PICKLE_LIST) return WHET_FAIL(WHET_EFORMAT, "the list of storages is none");
    for (size_t i = 0; i < keys->n; i++) {
        const whet_pickle_value *key = keys->items[i];
        struct legacy *l = key->kind == WHET_PICKLE_TEXT ? legacy_find_key(r, key->text) : NULL;
        uint64_t numel = 0;
        if (!l) return WHET_FAIL(WHET_EFORMAT, "entry %zu of the list of storages belongs to no tensor", i);
        if (l->data) return WHET_FAIL(WHET_EFORMAT, "storage '%.100s' stands twice", l->s.key);
        if (r->size - at < 8) return WHET_FAIL(WHET_EFORMAT, "cut off before storage '%.100s'", l->s.key);
        for (int k = 0; k < 8; k++) numel |= (uint64_t)r->data[at + (size_t)k] << (8 * k);
        at += 8;
        if (numel != (uint64_t)l->s.numel)
            return WHET_FAIL(WHET_EFORMAT, "storage '%.100s' has %llu elements, its tensors say %lld", l->s.key, (unsigned long long)numel,
                             (long long)l->s.numel);
        if (numel * l->s.element > r->size - at)
            return WHET_FAIL(WHET_EFORMAT, "cut off: storage '%.100s' needs %llu bytes, %zu are there", l->s.key,
                             (unsigned long long)(numel * l->s.element), r->size - at);
        l->data = r->data + at;
        l->bytes = (size_t)(numel * l->s.element);
        at += l->bytes;
    }
    return WHET_OK;
}

/* The next of the five pickles. */
static whet_status next_pickle(reader *r, whet_pickle **out, size_t *at)
{
    size_t used = 0;
    const whet_status status = read_pickle(r, out, r->data + *at, r->size - *at, (int64_t)*at, &used);
    *at += used;
    return status;
}

static whet_status check_head(reader *r, size_t *at)
{
    whet_pickle *p = NULL;
    WHET_TRY(next_pickle(r, &p, at));
    const whet_pickle_value *v = whet_pickle_root(p);
    const bool good = v->kind == WHET_PICKLE_LONG && v->n == sizeof(magic) && memcmp(v->text, magic, sizeof(magic)) == 0;
    whet_pickle_free(p);
    if (!good) return WHET_FAIL(WHET_EUNSUPPORTED, "this is a Python pickle, but none that torch.save wrote");
    WHET_TRY(next_pickle(r, &p, at));
    v = whet_pickle_root(p);
    const bool version = v->kind == WHET_PICKLE_INT && v->i == LEGACY_VERSION;
    whet_pickle_free(p);
    if (!version) return WHET_FAIL(WHET_EUNSUPPORTED, "the file is of another version than %d of PyTorch's older form", LEGACY_VERSION);
    WHET_TRY(next_pickle(r, &p, at));
    v = whet_pickle_get(whet_pickle_root(p), "little_endian");
    const bool little = !v || (v->kind == WHET_PICKLE_BOOL && v->i);
    whet_pickle_free(p);
    return little ? WHET_OK : WHET_FAIL(WHET_EUNSUPPORTED, "the file has big-endian numbers; save it again on a little-endian machine");
}

static whet_status read_legacy(reader *r, whet_weights *w)
{
    whet_pickle *object = NULL, *keys = NULL;
    whet_status status = WHET_OK;
    size_t at = 0;
    WHET_TRY(check_head(r, &at));
    WHET_GOTO(next_pickle(r, &object, &at));
    WHET_GOTO(next_pickle(r, &keys, &at));
    WHET_GOTO(list_storages(r, object));
    WHET_GOTO(place_storages(r, whet_pickle_root(keys), at));
    torch_source src = {legacy_find, r, &r->left};
    status = state_dict_walk(w, &src, whet_pickle_root(object));
done:
    whet_pickle_free(object);
    whet_pickle_free(keys);
    return status;
}

/* --- both */

static whet_status open_forms(reader *r, const char *path)
{
    if (path) {
        WHET_TRY(whet_map_open(&r->map, path));
        r->data = whet_map_data(r->map);
        r->size = whet_map_size(r->map);
    }
    const bool zip = whet_zip_detect(r->data, r->size);
    r->left = r->size > SIZE_MAX / 8 ? SIZE_MAX : 4 * r->size + SLACK;
    if (!path) return zip ? whet_zip_open_mem(&r->zip, r->data, r->size, r->name) : WHET_OK;
    if (!zip) {
        whet_map *map = r->map;
        r->map = NULL; /* handed over */
        return whet_mapped_file(&r->file, map);
    }
    whet_map_close(r->map); /* the archive has its own */
    r->map = NULL;
    r->data = NULL;
    WHET_TRY(whet_zip_open(&r->zip, path));
    const whet_status status = whet_mapped_create(&r->file, close_zip, r->zip);
    if (status != WHET_OK) r->zip = NULL;
    return status;
}

static whet_status read_all(whet_weights **out, reader *r, const char *path)
{
    whet_weights *w = NULL;
    whet_status status = WHET_OK;
    *out = NULL;
    WHET_GOTO(open_forms(r, path));
    WHET_GOTO(whet_weights_create(&w));
    WHET_GOTO(r->zip ? read_zip(r, w) : read_legacy(r, w));
    *out = w;
    w = NULL;
done:
    if (status != WHET_OK) whet_error_at_file(r->name);
    whet_weights_free(w);
    reader_dispose(r);
    return status;
}

whet_status whet_state_dict_read_weights(whet_weights **out, const char *path)
{
    reader r = {.name = path};
    return read_all(out, &r, path);
}

whet_status whet_state_dict_read_mem(whet_weights **out, const void *data, size_t size, const char *name)
{
    reader r = {.name = name, .data = data, .size = size};
    return read_all(out, &r, NULL);
}

bool whet_state_dict_detect(const uint8_t *head, size_t n, size_t file_size, const char *path)
{
    whet_zip *z = NULL;
    (void)file_size;
    if (n > 2 && head[0] == 0x80 && head[1] <= 5) return true;
    if (!whet_zip_detect(head, n)) return false;
    if (whet_zip_open(&z, path) != WHET_OK) { /* whoever reads it says why */
        const char *ext = whet_path_ext(path);
        return strcmp(ext, ".pt") == 0 || strcmp(ext, ".pth") == 0 || strcmp(ext, ".th") == 0;
    }
    const char *top = whet_zip_top(z);
    const bool mine = whet_zip_find_in(z, top, "data.pkl") >= 0 && whet_zip_find_in(z, top, "constants.pkl") < 0;
    whet_zip_close(z);
    return mine;
}
