/* SPDX-License-Identifier: Apache-2.0 */
/* HDF5 -> stream: a walk over groups by name, every dataset and attribute converted to little-endian. Links that are not hard,
 * datasets whose bytes lie in other files and more data than the limit are refused; types that no tensor has go as '?'. */
#include "whet_h5.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "wire/hdf5_stream.h"

enum { MAX_DEPTH = 64, MAX_OBJECTS = 1 << 19, MAX_NAME = 4096, SLAB = 8 << 20 };

typedef struct walk {
    whet_hdf5_sink sink;
    uint64_t left;   /* bytes of data that may still come */
    uint64_t objects;
    uint8_t *buffer; /* of the stream, flushed when full */
    size_t used;
} walk;

/* --- the stream */
static whet_status write_all(const uint8_t *p, size_t n)
{
    while (n > 0) {
        const ssize_t k = write(1, p, n);
        if (k < 0 && errno == EINTR) continue;
        if (k <= 0) return WHET_FAIL(WHET_EIO, "the HDF5 worker cannot write: %s", strerror(errno));
        p += k;
        n -= (size_t)k;
    }
    return WHET_OK;
}

static whet_status flush(walk *w)
{
    const size_t n = w->used;
    w->used = 0;
    return write_all(w->buffer, n);
}

static whet_status append(void *arg, const void *data, size_t n)
{
    walk *w = arg;
    if (n > SLAB - w->used) WHET_TRY(flush(w));
    if (n > SLAB) return write_all(data, n);
    memcpy(w->buffer + w->used, data, n);
    w->used += n;
    return WHET_OK;
}

/* --- types and sizes */
/* What the stream calls a type; '?' where it has no word for it. */
static void describe(hid_t type, whet_hdf5_item *it)
{
    const H5T_class_t class = H5Tget_class(type);
    const size_t size = H5Tget_size(type);
    size_t sign = 0, position = 0, bits = 0, mantissa = 0, mantissa_bits = 0;
    it->type = '?';
    it->size = 0;
    if (class == H5T_STRING) it->type = 's';
    else if (class == H5T_INTEGER && (size == 1 || size == 2 || size == 4 || size == 8)) it->type = H5Tget_sign(type) == H5T_SGN_NONE ? 'u' : 'i';
    else if (class == H5T_ENUM && size == 1) it->type = 'b';
    else if (class == H5T_OPAQUE && size == 2) it->type = 'g';
    else if (class == H5T_FLOAT && H5Tget_fields(type, &sign, &position, &bits, &mantissa, &mantissa_bits) >= 0) {
        if (size == 4 || size == 8 || (size == 2 && bits == 5)) it->type = 'f';
    }
    if (it->type != '?' && it->type != 's') it->size = (uint8_t)size;
}

/* Rank, dims and bytes; a rank that is too high makes the type '?'. */
static whet_status measure(walk *w, hid_t space, whet_hdf5_item *it)
{
    hsize_t dims[H5S_MAX_RANK];
    const int rank = H5Sget_simple_extent_type(space) == H5S_NULL ? -1 : H5Sget_simple_extent_ndims(space);
    if (rank < 0 || rank > WHET_HDF5_MAX_RANK) {
        it->type = '?';
        it->size = 0;
        return WHET_OK;
    }
    if (H5Sget_simple_extent_dims(space, dims, NULL) < 0) return h5_fail(WHET_EFORMAT, "a shape cannot be read");
    it->rank = rank;
    uint64_t n = 1;
    for (int i = 0; i < rank; i++) {
        it->dims[i] = dims[i];
        if (__builtin_mul_overflow(n, it->dims[i], &n)) return WHET_FAIL(WHET_EFORMAT, "the sizes of '%s' overflow", it->path);
    }
    if (it->type == '?') {
        it->rank = 0;
        return WHET_OK;
    }
    if (__builtin_mul_overflow(n, it->type == 's' ? sizeof(char *) : it->size, &it->bytes) || it->bytes > w->left)
        return WHET_FAIL(WHET_EFORMAT, "'%s' holds %llu elements: the file unpacks to over 4 times its size and 64 MB", it->path, (unsigned long long)n);
    w->left -= it->bytes;
    return WHET_OK;
}

/* --- attributes */
static uint64_t element_count(const whet_hdf5_item *it)
{
    uint64_t n = 1;
    for (int i = 0; i < it->rank; i++) n *= it->dims[i];
    return n;
}

static whet_status put_texts(walk *w, whet_hdf5_item *it, char **texts, uint64_t n)
{
    it->bytes = 0;
    it->data = NULL;
    for (uint64_t i = 0; i < n; i++) it->bytes += (texts[i] != NULL ? strlen(texts[i]) : 0) + 5;
    if (it->bytes > w->left) return WHET_FAIL(WHET_EFORMAT, "the attribute '%s' of '%s' is too long", it->name, it->path);
    w->left -= it->bytes;
    WHET_TRY(whet_hdf5_put(&w->sink, it));
    for (uint64_t i = 0; i < n; i++) {
        const char *text = texts[i] != NULL ? texts[i] : "";
        const size_t length = strlen(text);
        const uint8_t head[4] = {(uint8_t)length, (uint8_t)(length >> 8), (uint8_t)(length >> 16), (uint8_t)(length >> 24)};
        WHET_TRY(whet_hdf5_put_bytes(&w->sink, head, sizeof head));
        WHET_TRY(whet_hdf5_put_bytes(&w->sink, text, length + 1));
    }
    return WHET_OK;
}

/* Strings of one length: cut out one by one. */
static whet_status read_fixed_texts(walk *w, hid_t attribute, hid_t type, whet_hdf5_item *it, uint64_t n)
{
    const size_t size = H5Tget_size(type);
    char **texts = calloc(n + 1, sizeof *texts), *all = NULL;
    uint64_t bytes = 0;
    whet_status status = WHET_OK;
    if (__builtin_mul_overflow(n, size + 1, &bytes) || bytes > w->left)
        status = WHET_FAIL(WHET_EFORMAT, "the attribute '%s' of '%s' is too long", it->name, it->path);
    else if (texts == NULL || (all = calloc(2 * n + 1, size + 1)) == NULL)
        status = WHET_FAIL(WHET_ENOMEM, "no memory for the attribute '%s'", it->name);
    else if (n > 0 && H5Aread(attribute, type, all) < 0)
        status = h5_fail(WHET_EFORMAT, "an attribute cannot be read");
    char *own = all != NULL ? all + n * size : NULL;
    for (uint64_t i = 0; status == WHET_OK && i < n; i++) {
        texts[i] = own + i * (size + 1);
        memcpy(texts[i], all + i * size, size);
    }
    if (status == WHET_OK) status = put_texts(w, it, texts, n);
    free(all);
    free(texts);
    return status;
}

static whet_status read_texts(walk *w, hid_t attribute, hid_t type, hid_t space, whet_hdf5_item *it)
{
    const uint64_t n = element_count(it);
    if (H5Tis_variable_str(type) <= 0) return read_fixed_texts(w, attribute, type, it, n);
    char **texts = calloc(n + 1, sizeof *texts);
    whet_status status = WHET_OK;
    if (texts == NULL) return WHET_FAIL(WHET_ENOMEM, "no memory for the attribute '%s'", it->name);
    if (n > 0 && H5Aread(attribute, type, texts) < 0) status = h5_fail(WHET_EFORMAT, "an attribute cannot be read");
    if (status == WHET_OK) {
        status = put_texts(w, it, texts, n);
        if (n > 0) H5Dvlen_reclaim(type, space, H5P_DEFAULT, texts);
    }
    free(texts);
    return status;
}

static whet_status read_numbers(walk *w, hid_t attribute, hid_t type, whet_hdf5_item *it)
{
    const hid_t memory = it->type == 'b' || it->type == 'g' ? H5Tcopy(type) : h5_type(it->type, it->size);
    uint8_t *data = calloc(1, it->bytes + 1);
    whet_status status = WHET_OK;
    if (data == NULL || memory < 0) status = WHET_FAIL(WHET_ENOMEM, "no memory for the attribute '%s'", it->name);
    else if (it->bytes > 0 && H5Aread(attribute, memory, data) < 0) status = h5_fail(WHET_EFORMAT, "an attribute cannot be read");
    it->data = data;
    if (status == WHET_OK) status = whet_hdf5_put(&w->sink, it);
    free(data);
    if (memory >= 0) H5Tclose(memory);
    return status;
}

typedef struct visit { walk *w; const char *path; whet_status status; } visit;

static whet_status read_attribute(walk *w, hid_t object, const char *path, const char *name)
{
    whet_hdf5_item it = {.kind = WHET_HDF5_ATTRIBUTE, .path = path, .name = name};
    const hid_t attribute = H5Aopen(object, name, H5P_DEFAULT);
    const hid_t type = attribute >= 0 ? H5Aget_type(attribute) : -1, space = attribute >= 0 ? H5Aget_space(attribute) : -1;
    whet_status status = WHET_OK;
    if (++w->objects > MAX_OBJECTS) status = WHET_FAIL(WHET_EFORMAT, "over %d objects", MAX_OBJECTS);
    else if (type < 0 || space < 0) status = h5_fail(WHET_EFORMAT, "an attribute cannot be read");
    else {
        describe(type, &it);
        status = measure(w, space, &it);
    }
    if (status == WHET_OK) {
        if (it.type == 's') status = read_texts(w, attribute, type, space, &it);
        else if (it.type == '?') status = whet_hdf5_put(&w->sink, &it);
        else status = read_numbers(w, attribute, type, &it);
    }
    if (type >= 0) H5Tclose(type);
    if (space >= 0) H5Sclose(space);
    if (attribute >= 0) H5Aclose(attribute);
    return status;
}

static herr_t visit_attribute(hid_t object, const char *name, const H5A_info_t *info, void *arg)
{
    visit *v = arg;
    (void)info;
    if (name[0] != '\0') v->status = read_attribute(v->w, object, v->path, name);
    return v->status == WHET_OK ? 0 : 1;
}

static whet_status read_attributes(walk *w, hid_t object, const char *path)
{
    visit v = {.w = w, .path = path, .status = WHET_OK};
    hsize_t at = 0;
    const herr_t end = H5Aiterate2(object, H5_INDEX_NAME, H5_ITER_INC, &at, visit_attribute, &v);
    if (v.status != WHET_OK) return v.status;
    return end < 0 ? h5_fail(WHET_EFORMAT, "the attributes of an object cannot be read") : WHET_OK;
}

/* --- datasets */
static whet_status refuse_outside(hid_t dataset, const char *path)
{
    const hid_t plist = H5Dget_create_plist(dataset);
    const int outside = plist >= 0 ? H5Pget_external_count(plist) : -1;
    const H5D_layout_t layout = plist >= 0 ? H5Pget_layout(plist) : H5D_LAYOUT_ERROR;
    if (plist >= 0) H5Pclose(plist);
    if (outside < 0 || layout == H5D_LAYOUT_ERROR) return h5_fail(WHET_EFORMAT, "a dataset cannot be read");
    if (outside > 0 || layout == H5D_VIRTUAL)
        return WHET_FAIL(WHET_EUNSUPPORTED, "'%s' has its bytes in another file, which is not opened: store them in this one", path);
    return WHET_OK;
}

/* Rows in slabs, so that a large dataset is in memory once, in the stream. */
static whet_status copy_rows(walk *w, hid_t dataset, hid_t space, hid_t memory, const whet_hdf5_item *it)
{
    hsize_t start[WHET_HDF5_MAX_RANK] = {0}, count[WHET_HDF5_MAX_RANK];
    for (int i = 0; i < it->rank; i++) count[i] = it->dims[i];
    const hsize_t rows = it->rank > 0 ? it->dims[0] : 1, row = it->bytes / rows, each = row >= SLAB ? 1 : SLAB / row;
    uint8_t *data = calloc(1, (each < rows ? each : rows) * row);
    whet_status status = data != NULL ? WHET_OK : WHET_FAIL(WHET_ENOMEM, "no memory for '%s'", it->path);
    for (hsize_t done = 0; status == WHET_OK && done < rows; done += each) {
        const hsize_t n = rows - done < each ? rows - done : each;
        hid_t slab = H5S_ALL;
        start[0] = done;
        count[0] = n;
        if (it->rank > 0) {
            slab = H5Screate_simple(it->rank, count, NULL);
            if (slab < 0 || H5Sselect_hyperslab(space, H5S_SELECT_SET, start, NULL, count, NULL) < 0) status = h5_fail(WHET_EFORMAT, "a dataset cannot be read");
        }
        if (status == WHET_OK && H5Dread(dataset, memory, slab, it->rank > 0 ? space : H5S_ALL, H5P_DEFAULT, data) < 0) status = h5_fail(WHET_EFORMAT, "a dataset cannot be read");
        if (status == WHET_OK) status = whet_hdf5_put_bytes(&w->sink, data, n * row);
        if (it->rank > 0 && slab >= 0) H5Sclose(slab);
    }
    free(data);
    return status;
}

static whet_status copy_dataset(walk *w, hid_t dataset, hid_t type, hid_t space, whet_hdf5_item *it)
{
    describe(type, it);
    if (it->type == 's') { /* no tensor */
        it->type = '?';
        it->size = 0;
    }
    WHET_TRY(measure(w, space, it));
    WHET_TRY(whet_hdf5_put(&w->sink, it));
    if (it->bytes == 0) return WHET_OK;
    const hid_t memory = it->type == 'b' || it->type == 'g' ? H5Tcopy(type) : h5_type(it->type, it->size);
    if (memory < 0) return h5_fail(WHET_EFORMAT, "a type cannot be read");
    const whet_status status = copy_rows(w, dataset, space, memory, it);
    H5Tclose(memory);
    return status;
}

static whet_status read_dataset(walk *w, hid_t dataset, const char *path)
{
    whet_hdf5_item it = {.kind = WHET_HDF5_DATASET, .path = path, .name = ""};
    WHET_TRY(refuse_outside(dataset, path));
    const hid_t type = H5Dget_type(dataset), space = H5Dget_space(dataset);
    const whet_status status = type >= 0 && space >= 0 ? copy_dataset(w, dataset, type, space, &it) : h5_fail(WHET_EFORMAT, "a dataset cannot be read");
    if (type >= 0) H5Tclose(type);
    if (space >= 0) H5Sclose(space);
    return status;
}

/* --- groups */
static whet_status read_object(walk *w, hid_t object, const char *path, int depth);

static whet_status read_child(walk *w, hid_t group, const char *path, hsize_t i, int depth)
{
    char name[MAX_NAME], child[2 * MAX_NAME];
    H5L_info_t link;
    const ssize_t n = H5Lget_name_by_idx(group, ".", H5_INDEX_NAME, H5_ITER_INC, i, name, sizeof name, H5P_DEFAULT);
    if (n < 0) return h5_fail(WHET_EFORMAT, "a name cannot be read");
    const int length = n < MAX_NAME ? snprintf(child, sizeof child, "%s%s%s", path, path[0] != '\0' ? "/" : "", name) : -1;
    if (n == 0 || length < 0 || length >= (int)sizeof child || strchr(name, '/') != NULL) return WHET_FAIL(WHET_EFORMAT, "a bad name in the group '%s'", path);
    if (H5Lget_info(group, name, &link, H5P_DEFAULT) < 0) return h5_fail(WHET_EFORMAT, "a link cannot be read");
    if (link.type != H5L_TYPE_HARD)
        return WHET_FAIL(WHET_EUNSUPPORTED, "'%s' is a link%s, which is not followed: store the data itself", child, link.type == H5L_TYPE_EXTERNAL ? " to another file" : "");
    if (++w->objects > MAX_OBJECTS) return WHET_FAIL(WHET_EFORMAT, "over %d objects", MAX_OBJECTS);
    const hid_t object = H5Oopen(group, name, H5P_DEFAULT);
    if (object < 0) return h5_fail(WHET_EFORMAT, "an object cannot be read");
    const whet_status status = read_object(w, object, child, depth + 1);
    H5Oclose(object);
    return status;
}

static whet_status read_group(walk *w, hid_t group, const char *path, int depth)
{
    H5G_info_t info;
    const whet_hdf5_item it = {.kind = WHET_HDF5_GROUP, .path = path, .name = ""};
    if (depth > MAX_DEPTH) return WHET_FAIL(WHET_EFORMAT, "groups are nested over %d deep", MAX_DEPTH);
    if (H5Gget_info(group, &info) < 0) return h5_fail(WHET_EFORMAT, "a group cannot be read");
    WHET_TRY(whet_hdf5_put(&w->sink, &it));
    WHET_TRY(read_attributes(w, group, path));
    for (hsize_t i = 0; i < info.nlinks; i++) WHET_TRY(read_child(w, group, path, i, depth));
    return WHET_OK;
}

static whet_status read_object(walk *w, hid_t object, const char *path, int depth)
{
    const H5I_type_t kind = H5Iget_type(object);
    if (kind == H5I_GROUP) return read_group(w, object, path, depth);
    if (kind != H5I_DATASET) return WHET_OK; /* a named type: nothing that we need */
    WHET_TRY(read_dataset(w, object, path));
    return read_attributes(w, object, path);
}

whet_status h5_read(uint64_t limit)
{
    walk w = {.left = limit};
    w.sink = (whet_hdf5_sink){.write = append, .arg = &w};
    w.buffer = malloc(SLAB);
    if (w.buffer == NULL) return WHET_FAIL(WHET_ENOMEM, "no memory");
    const hid_t access = h5_access(), file = access >= 0 ? H5Fopen("in", H5F_ACC_RDONLY, access) : -1;
    if (file < 0) return h5_fail(WHET_EFORMAT, "this is no sound HDF5 file");
    const hid_t root = H5Gopen2(file, "/", H5P_DEFAULT);
    if (root < 0) return h5_fail(WHET_EFORMAT, "the root group cannot be read");
    WHET_TRY(read_group(&w, root, "", 0));
    WHET_TRY(whet_hdf5_put_end(&w.sink));
    return flush(&w);
}
