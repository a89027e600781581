/* SPDX-License-Identifier: Apache-2.0 */
/* TensorProto -> tensor: the packed and the raw form, and data in files beside the model. Sizes are compared with the bytes
 * that are there before anything is allocated. Source: onnx.proto (TensorProto), ExternalData.md. */
#include <stdlib.h>
#include <sys/stat.h>

#include "formats/onnx/onnx_reader.h"

void onnx_files_close(onnx_reader *r)
{
    for (onnx_file *f = r->files; f; f = f->next) whet_mapped_unref(f->pin);
    r->files = NULL;
}

static const char *name_of(const onnx_tensor *t) { return t->name && *t->name ? t->name : "(unnamed tensor)"; }

static whet_status fail(const onnx_tensor *t, whet_status status)
{
    whet_error_at_node(name_of(t));
    if (status == WHET_EFORMAT) whet_error_at_offset(t->head.offset);
    return status;
}

/* No component may be a symbolic link: a model must not reach out of its folder. */
static whet_status check_links(const char *dir, const char *rel)
{
    char *path = whet_path_join(dir, rel);
    struct stat st;
    whet_status status = path ? WHET_OK : WHET_ENOMEM;
    for (char *p = path ? path + strlen(path) - strlen(rel) : NULL; p && status == WHET_OK; p++) {
        char c = *p;
        if (c != '/' && c != '\0') continue;
        *p = '\0';
        if (lstat(path, &st) != 0) status = WHET_FAIL(WHET_ENOTFOUND, "external data file '%s' is missing", rel);
        else if (S_ISLNK(st.st_mode)) status = WHET_FAIL(WHET_EFORMAT, "external data '%s' is a symbolic link; copy the file", rel);
        *p = c;
        if (c == '\0') break;
    }
    whet_free(path);
    return status;
}

static whet_status open_file(onnx_reader *r, const char *location, onnx_file **out)
{
    for (onnx_file *f = r->files; f; f = f->next)
        if (strcmp(f->location, location) == 0) {
            *out = f;
            return WHET_OK;
        }
    if (!r->dir) return WHET_FAIL(WHET_EUNSUPPORTED, "external data '%s' cannot be read from memory", location);
    if (!whet_path_is_inside(location))
        return WHET_FAIL(WHET_EFORMAT, "external data '%s' is not inside the model's folder", location);
    WHET_TRY(check_links(r->dir, location));
    onnx_file *f = whet_arena_alloc(r->arena, sizeof(*f));
    char *path = whet_path_join(r->dir, location);
    whet_status status = f && path ? whet_map_open(&f->map, path) : WHET_ENOMEM;
    whet_free(path);
    WHET_TRY(status);
    WHET_TRY(whet_mapped_file(&f->pin, f->map));
    f->location = location;
    f->next = r->files;
    r->files = f;
    *out = f;
    return WHET_OK;
}

static bool parse_size(const char *text, uint64_t *out)
{
    char *end = NULL;
    if (!text || *text < '0' || *text > '9') return false;
    *out = strtoull(text, &end, 10);
    return *end == '\0';
}

static whet_status external(onnx_reader *r, const onnx_tensor *t, size_t bytes, const uint8_t **data, whet_mapped **pin)
{
    const char *location = NULL, *offset_text = NULL, *length_text = NULL;
    uint64_t offset = 0, length = 0;
    onnx_file *f = NULL;
    for (size_t i = 0; i < t->external_data.n; i++) {
        const onnx_pair *p = &t->external_data.v[i];
        if (!p->key || !p->value) continue;
        if (strcmp(p->key, "location") == 0) location = p->value;
        if (strcmp(p->key, "offset") == 0) offset_text = p->value;
        if (strcmp(p->key, "length") == 0) length_text = p->value;
    }
    if (!location) return WHET_FAIL(WHET_EFORMAT, "external data without a location");
    if (offset_text && !parse_size(offset_text, &offset))
        return WHET_FAIL(WHET_EFORMAT, "external data offset '%.40s' is no number", offset_text);
    if (length_text && !parse_size(length_text, &length))
        return WHET_FAIL(WHET_EFORMAT, "external data length '%.40s' is no number", length_text);
    WHET_TRY(open_file(r, location, &f));
    size_t size = whet_map_size(f->map);
    if (length_text && length != bytes)
        return WHET_FAIL(WHET_EFORMAT, "external data '%s' has length %llu; the tensor's shape needs %zu bytes", location,
                         (unsigned long long)length, bytes);
    if (offset > size || bytes > size - offset)
        return WHET_FAIL(WHET_EFORMAT, "external data '%s' has %zu bytes; the tensor needs %zu at offset %llu", location, size,
                         bytes, (unsigned long long)offset);
    *data = whet_map_data(f->map) + offset;
    *pin = f->pin;
    return WHET_OK;
}

static whet_status shape_of(const onnx_tensor *t, whet_shape *s)
{
    memset(s, 0, sizeof(*s));
    if (t->dims.n > WHET_MAX_RANK)
        return WHET_FAIL(WHET_EUNSUPPORTED, "tensor has %zu dimensions, at most %d are handled", t->dims.n, WHET_MAX_RANK);
    s->rank = (int)t->dims.n;
    for (int i = 0; i < s->rank; i++) {
        if (t->dims.v[i] < 0) return WHET_FAIL(WHET_EFORMAT, "dimension %d is negative", i);
        s->dims[i] = t->dims.v[i];
    }
    return WHET_OK;
}

/* Number of typed elements that the file gives for the tensor's type; the raw form counts bytes. */
static size_t typed_count(const onnx_tensor *t, whet_dtype type)
{
    switch (type) {
    case WHET_F32: return t->float_data.n;
    case WHET_F64: return t->double_data.n;
    case WHET_S64: return t->int64_data.n;
    case WHET_U64:
    case WHET_U32: return t->uint64_data.n;
    default: return t->int32_data.n;
    }
}

static void copy_typed(const onnx_tensor *t, whet_tensor *out, size_t n)
{
    size_t size = whet_dtype_size(out->dtype);
    uint8_t *dst = out->data;
    const int64_t *src = out->dtype == WHET_S64 ? t->int64_data.v :
                         out->dtype == WHET_U64 || out->dtype == WHET_U32 ? t->uint64_data.v : t->int32_data.v;
    if (out->dtype == WHET_F32) memcpy(dst, t->float_data.v, n * sizeof(float));
    else if (out->dtype == WHET_F64) memcpy(dst, t->double_data.v, n * sizeof(double));
    else
        for (size_t i = 0; i < n; i++) memcpy(dst + i * (size ? size : 1), &src[i], size ? size : 1); /* low bytes */
}

static void tidy_bools(whet_tensor *t)
{
    uint8_t *p = t->data;
    for (size_t i = 0, n = whet_tensor_bytes(t); t->dtype == WHET_BOOL && i < n; i++) p[i] = p[i] != 0;
}

static whet_status load(onnx_reader *r, const onnx_tensor *t, whet_tensor *out)
{
    const uint8_t *raw = t->raw_data.data;
    whet_mapped *pin = NULL;
    whet_shape shape;
    size_t bytes = 0, have = t->raw_data.size;
    whet_dtype type = whet_dtype_from_onnx((int)t->data_type);
    if (type == WHET_DTYPE_NONE || t->data_type < 0 || t->data_type > 1000)
        return WHET_FAIL(WHET_EUNSUPPORTED, "tensor type %s is not handled", whet_onnx_dtype_name((int)t->data_type));
    WHET_TRY(shape_of(t, &shape));
    WHET_TRY(whet_shape_bytes(&shape, type, &bytes));
    if (t->data_location == ONNX_LOCATION_EXTERNAL) {
        WHET_TRY(external(r, t, bytes, &raw, &pin));
        have = bytes;
    }
    if (!raw) {
        size_t n = typed_count(t, type), need = whet_dtype_size(type) ? bytes / whet_dtype_size(type) : bytes;
        if (n != need) return WHET_FAIL(WHET_EFORMAT, "tensor has %zu elements of data, its shape needs %zu", n, need);
    } else if (have != bytes) {
        return WHET_FAIL(WHET_EFORMAT, "tensor has %zu bytes of data, its shape needs %zu", have, bytes);
    }
    out->dtype = type;
    out->shape = shape;
    if (pin && (uintptr_t)raw % 64 == 0 && bytes > 4096 && type != WHET_BOOL) return whet_mapped_view(pin, raw, bytes, out);
    if (raw && !pin) pin = r->pin; /* null when the model is read from memory */
    if (raw && pin && bytes > WHET_TENSOR_VIEW && type == WHET_F32 && !r->opt.parameters_as_variables) return whet_mapped_view(pin, raw, bytes, out);
    WHET_TRY(whet_tensor_alloc(out, type, &shape));
    if (raw && bytes) memcpy(out->data, raw, bytes);
    else if (bytes) copy_typed(t, out, whet_dtype_size(type) ? bytes / whet_dtype_size(type) : bytes);
    tidy_bools(out);
    return WHET_OK;
}

whet_status onnx_tensor_load(onnx_reader *r, const onnx_tensor *t, whet_tensor *out)
{
    whet_tensor_init(out);
    whet_status status = load(r, t, out);
    if (status == WHET_OK) return WHET_OK;
    whet_tensor_dispose(out);
    return fail(t, status);
}

whet_status whet_onnx_read_tensor(whet_tensor *out, const char *path, char **name_out)
{
    onnx_reader r = {.file = path};
    onnx_tensor t;
    whet_map *map = NULL;
    whet_status status = WHET_OK;
    whet_tensor_init(out);
    if (name_out) *name_out = NULL;
    memset(&t, 0, sizeof(t));
    WHET_TRY(whet_map_open(&map, path));
    r.arena = whet_arena_create();
    if (!r.arena) status = WHET_ENOMEM;
    if (status != WHET_OK) goto done;
    WHET_GOTO(whet_pb_decode(&onnx_tensor_message, whet_map_data(map), whet_map_size(map), path, r.arena, &t));
    WHET_GOTO(onnx_tensor_load(&r, &t, out));
    if (name_out && !(*name_out = whet_strdup(t.name ? t.name : ""))) status = WHET_ENOMEM;
done:
    if (status != WHET_OK) {
        whet_error_at_file(path);
        whet_tensor_dispose(out);
    }
    whet_arena_free(r.arena);
    whet_map_close(map);
    return status;
}
