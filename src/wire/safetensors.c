/* SPDX-License-Identifier: Apache-2.0 */
/* Reader of safetensors files. Every offset of the header is checked against the mapping before an entry is made. */
#include "wire/safetensors.h"

#include "base/io.h"
#include "base/mem.h"
#include "wire/json.h"

enum { MAX_HEADER = 100 * 1000 * 1000 };
#define SLACK ((size_t)60 << 20)

struct whet_safetensors {
    whet_map *map;
    json_t *header; /* keeps names and metadata alive */
    json_t *meta;   /* borrowed from header, or NULL */
    const uint8_t *data;
    size_t size;
    char *name;
    int n;
    whet_safetensors_entry *entries;
};

size_t whet_safetensors_dtype_size(const char *dtype)
{
    static const struct { const char *name; size_t size; } known[] = {
        {"F32", 4}, {"F64", 8}, {"F16", 2}, {"BF16", 2}, {"I64", 8}, {"I32", 4}, {"I16", 2}, {"I8", 1},
        {"U64", 8}, {"U32", 4}, {"U16", 2}, {"U8", 1}, {"BOOL", 1}, {"F8_E4M3", 1}, {"F8_E5M2", 1}};
    for (size_t i = 0; i < WHET_COUNT(known); i++)
        if (strcmp(dtype, known[i].name) == 0) return known[i].size;
    return 0;
}

static whet_status at(const whet_safetensors *s, const char *tensor, whet_status status)
{
    whet_error_at_file(s->name);
    if (tensor) whet_error_at_node(tensor);
    else whet_error_at_offset(0);
    return status;
}

static whet_status parse_dims(const json_t *shape, whet_safetensors_entry *e)
{
    e->rank = (int)json_array_size(shape);
    if (!json_is_array(shape) || json_array_size(shape) > WHET_SAFETENSORS_MAX_RANK)
        return WHET_FAIL(WHET_EFORMAT, "safetensors: shape must be a list of at most 8 numbers");
    for (int i = 0; i < e->rank; i++) {
        const json_t *d = json_array_get(shape, (size_t)i);
        if (!json_is_integer(d) || json_integer_value(d) < 0)
            return WHET_FAIL(WHET_EFORMAT, "safetensors: dimension %d is no whole number", i);
        e->dims[i] = json_integer_value(d);
    }
    return WHET_OK;
}

static whet_status parse_entry(const json_t *v, const uint8_t *data, size_t size, whet_safetensors_entry *e)
{
    const json_t *range = json_object_get(v, "data_offsets");
    e->dtype = json_string_value(json_object_get(v, "dtype"));
    if (!e->dtype || json_object_size(v) != 3 || json_array_size(range) != 2)
        return WHET_FAIL(WHET_EFORMAT, "safetensors: an entry needs exactly dtype, shape and data_offsets");
    size_t bytes = whet_safetensors_dtype_size(e->dtype);
    if (bytes == 0) return WHET_FAIL(WHET_EUNSUPPORTED, "safetensors: type '%s' is not handled", e->dtype);
    WHET_TRY(parse_dims(json_object_get(v, "shape"), e));
    for (int i = 0; i < e->rank; i++)
        if (!whet_mul_size(bytes, (size_t)e->dims[i], &bytes)) return WHET_FAIL(WHET_EFORMAT, "safetensors: shape overflows");
    const json_t *b = json_array_get(range, 0), *f = json_array_get(range, 1);
    json_int_t begin = json_is_integer(b) ? json_integer_value(b) : -1, end = json_is_integer(f) ? json_integer_value(f) : -1;
    if (begin < 0 || end < begin || (uint64_t)end > size)
        return WHET_FAIL(WHET_EFORMAT, "safetensors: data offsets %lld..%lld are outside the %zu bytes of data",
                         (long long)begin, (long long)end, size);
    if ((size_t)(end - begin) != bytes)
        return WHET_FAIL(WHET_EFORMAT, "safetensors: %lld bytes of data, the shape needs %zu", (long long)(end - begin), bytes);
    e->data = data + begin;
    e->bytes = bytes;
    return WHET_OK;
}

static int by_place(const void *pa, const void *pb)
{
    const whet_safetensors_entry *a = pa, *b = pb;
    if (a->data != b->data) return a->data < b->data ? -1 : 1;
    if (a->bytes != b->bytes) return a->bytes < b->bytes ? -1 : 1; /* empty ones first */
    return strcmp(a->name, b->name);
}

static whet_status parse_meta(whet_safetensors *s, json_t *meta)
{
    const char *key = NULL;
    json_t *v = NULL;
    if (!json_is_object(meta)) return at(s, NULL, WHET_FAIL(WHET_EFORMAT, "safetensors: __metadata__ is not an object"));
    json_object_foreach(meta, key, v)
        if (!json_is_string(v))
            return at(s, NULL, WHET_FAIL(WHET_EFORMAT, "safetensors: metadata '%s' is not a string", key));
    s->meta = meta;
    return WHET_OK;
}

static whet_status parse_entries(whet_safetensors *s, size_t header)
{
    const uint8_t *data = s->data + 8 + header, *p = data;
    size_t size = s->size - 8 - header;
    const char *key = NULL;
    json_t *v = NULL;
    s->entries = whet_calloc(json_object_size(s->header) + 1, sizeof(*s->entries));
    if (!s->entries) return WHET_ENOMEM;
    json_object_foreach(s->header, key, v) {
        if (strcmp(key, "__metadata__") == 0) {
            WHET_TRY(parse_meta(s, v));
            continue;
        }
        s->entries[s->n].name = key;
        whet_status status = parse_entry(v, data, size, &s->entries[s->n]);
        if (status != WHET_OK) return at(s, key, status);
        s->n++;
    }
    qsort(s->entries, (size_t)s->n, sizeof(*s->entries), by_place);
    for (int i = 0; i < s->n; i++) {
        if (s->entries[i].data != p)
            return at(s, s->entries[i].name, WHET_FAIL(WHET_EFORMAT, "safetensors: hole or overlap before this tensor"));
        p += s->entries[i].bytes;
    }
    if (p != data + size) {
        WHET_FAIL(WHET_EFORMAT, "safetensors: %zu bytes behind the last tensor", (size_t)(data + size - p));
        whet_error_at_file(s->name);
        whet_error_at_offset(p - s->data);
        return WHET_EFORMAT;
    }
    return WHET_OK;
}

/* An upper bound of the memory that the JSON takes as a tree: containers, members and items of jansson, and the texts. */
static size_t tree_bytes(const uint8_t *text, size_t n)
{
    static const uint16_t cost[256] = {['{'] = 400, ['['] = 150, [','] = 100, [':'] = 100};
    size_t sum = 2 * n;
    for (size_t i = 0; i < n; i++) sum += cost[text[i]];
    return sum;
}

static whet_status parse(whet_safetensors *s)
{
    uint64_t header = 0;
    if (s->size < 10) return at(s, NULL, WHET_FAIL(WHET_EFORMAT, "safetensors: file of %zu bytes is cut off", s->size));
    for (int i = 0; i < 8; i++) header |= (uint64_t)s->data[i] << (8 * i);
    if (header > MAX_HEADER || header > s->size - 8)
        return at(s, NULL, WHET_FAIL(WHET_EFORMAT, "safetensors: header of %llu bytes passes the end; not this kind of file, "
                                     "or cut off", (unsigned long long)header));
    if (s->data[8] != '{') return at(s, NULL, WHET_FAIL(WHET_EFORMAT, "safetensors: header does not start with '{'"));
    if (tree_bytes(s->data + 8, (size_t)header) / 4 > s->size + SLACK / 4)
        return at(s, NULL, WHET_FAIL(WHET_EFORMAT, "safetensors: the header would take more memory than a file of %zu bytes may: a bomb", s->size));
    WHET_TRY(whet_json_parse(&s->header, (const char *)s->data + 8, (size_t)header, s->name));
    if (!json_is_object(s->header)) return at(s, NULL, WHET_FAIL(WHET_EFORMAT, "safetensors: header is not an object"));
    return parse_entries(s, (size_t)header);
}

static whet_status make(whet_safetensors **out, whet_map *map, const void *data, size_t size, const char *name)
{
    whet_safetensors *s = whet_calloc(1, sizeof(*s));
    whet_status status = WHET_ENOMEM;
    *out = NULL;
    if (!s) {
        whet_map_close(map);
        return WHET_ENOMEM;
    }
    s->map = map;
    s->data = data;
    s->size = size;
    s->name = whet_strdup(name ? name : "");
    if (s->name) status = parse(s);
    if (status != WHET_OK) {
        whet_safetensors_close(s);
        return status;
    }
    *out = s;
    return WHET_OK;
}

whet_status whet_safetensors_open(whet_safetensors **out, const char *path)
{
    whet_map *map = NULL;
    *out = NULL;
    WHET_TRY(whet_map_open(&map, path));
    return make(out, map, whet_map_data(map), whet_map_size(map), path);
}

whet_status whet_safetensors_open_mem(whet_safetensors **out, const void *data, size_t size, const char *name)
{
    return make(out, NULL, data, size, name);
}

void whet_safetensors_close(whet_safetensors *s)
{
    if (!s) return;
    json_decref(s->header);
    whet_map_close(s->map);
    whet_free(s->name);
    whet_free(s->entries);
    whet_free(s);
}

int whet_safetensors_count(const whet_safetensors *s) { return s->n; }

const whet_safetensors_entry *whet_safetensors_at(const whet_safetensors *s, int i) { return &s->entries[i]; }

const whet_safetensors_entry *whet_safetensors_find(const whet_safetensors *s, const char *name)
{
    for (int i = 0; i < s->n; i++)
        if (strcmp(s->entries[i].name, name) == 0) return &s->entries[i];
    return NULL;
}

int whet_safetensors_meta_count(const whet_safetensors *s) { return (int)json_object_size(s->meta); }

void whet_safetensors_meta_at(const whet_safetensors *s, int i, const char **key, const char **value)
{
    void *it = json_object_iter(s->meta);
    for (int k = 0; k < i && it; k++) it = json_object_iter_next(s->meta, it);
    *key = it ? json_object_iter_key(it) : NULL;
    *value = it ? json_string_value(json_object_iter_value(it)) : NULL;
}

const char *whet_safetensors_meta(const whet_safetensors *s, const char *key)
{
    return json_string_value(json_object_get(s->meta, key));
}
