/* SPDX-License-Identifier: Apache-2.0 */
/* Writer of safetensors files. Tensors of larger elements come first, so that everything is aligned by itself. */
#include "base/io.h"
#include "base/mem.h"
#include "wire/json.h"
#include "wire/safetensors.h"

typedef struct slot { const whet_safetensors_entry *e; size_t element; int order; } slot;

static int by_element(const void *pa, const void *pb)
{
    const slot *a = pa, *b = pb;
    if (a->element != b->element) return a->element > b->element ? -1 : 1;
    return a->order - b->order;
}

static whet_status check(const whet_safetensors_entry *e, size_t *element)
{
    size_t bytes = *element = whet_safetensors_dtype_size(e->dtype);
    if (bytes == 0) return WHET_FAIL(WHET_EINVAL, "safetensors has no type '%s' (tensor '%s')", e->dtype, e->name);
    if (strcmp(e->name, "__metadata__") == 0) return WHET_FAIL(WHET_EINVAL, "a tensor cannot be named '__metadata__'");
    for (int i = 0; i < e->rank; i++)
        if (e->dims[i] < 0 || !whet_mul_size(bytes, (size_t)e->dims[i], &bytes))
            return WHET_FAIL(WHET_EINVAL, "shape of tensor '%s' overflows", e->name);
    if (bytes != e->bytes)
        return WHET_FAIL(WHET_EINVAL, "tensor '%s' has %zu bytes, its shape needs %zu", e->name, e->bytes, bytes);
    return WHET_OK;
}

static whet_status add_entry(json_t *header, const whet_safetensors_entry *e, size_t *offset)
{
    json_t *dims = json_array(), *v = NULL;
    for (int i = 0; i < e->rank; i++) json_array_append_new(dims, json_integer(e->dims[i]));
    if (json_object_get(header, e->name)) {
        json_decref(dims);
        return WHET_FAIL(WHET_EINVAL, "two tensors are named '%s'", e->name);
    }
    v = json_pack("{s:s, s:o, s:[I,I]}", "dtype", e->dtype, "shape", dims, "data_offsets", (json_int_t)*offset,
                  (json_int_t)(*offset + e->bytes));
    *offset += e->bytes;
    if (!v || json_object_set_new(header, e->name, v) != 0) return WHET_FAIL(WHET_ENOMEM, "header of '%s' cannot be made", e->name);
    return WHET_OK;
}

static whet_status make_header(json_t **out, const slot *slots, int n, int n_meta, const whet_safetensors_pair *meta)
{
    json_t *header = json_object(), *m = n_meta ? json_object() : NULL;
    size_t offset = 0;
    whet_status status = header ? WHET_OK : WHET_FAIL(WHET_ENOMEM, "out of memory");
    if (m && json_object_set_new(header, "__metadata__", m) != 0) status = WHET_FAIL(WHET_ENOMEM, "out of memory");
    for (int i = 0; i < n_meta && status == WHET_OK; i++)
        if (json_object_get(m, meta[i].key) || json_object_set_new(m, meta[i].key, json_string(meta[i].value)) != 0)
            status = WHET_FAIL(WHET_EINVAL, "metadata '%s' stands twice or is not UTF-8", meta[i].key);
    for (int i = 0; i < n && status == WHET_OK; i++) status = add_entry(header, slots[i].e, &offset);
    *out = header;
    return status;
}

static whet_status write_all(const char *path, const char *text, const slot *slots, int n)
{
    static const char blanks[65] = "                                                                ";
    size_t length = strlen(text), padded = WHET_ALIGN_UP(length + 8, 64) - 8;
    uint8_t prefix[8];
    whet_writer *w = NULL;
    for (int i = 0; i < 8; i++) prefix[i] = (uint8_t)((uint64_t)padded >> (8 * i));
    WHET_TRY(whet_writer_open(&w, path));
    whet_status status = whet_writer_write(w, prefix, sizeof(prefix));
    if (status == WHET_OK) status = whet_writer_write(w, text, length);
    if (status == WHET_OK) status = whet_writer_write(w, blanks, padded - length);
    for (int i = 0; i < n && status == WHET_OK; i++)
        if (slots[i].e->bytes) status = whet_writer_write(w, slots[i].e->data, slots[i].e->bytes);
    if (status == WHET_OK) return whet_writer_commit(w);
    whet_writer_abort(w);
    return status;
}

whet_status whet_safetensors_write(const char *path, int n, const whet_safetensors_entry *entries, int n_meta,
                                   const whet_safetensors_pair *meta)
{
    slot *slots = whet_calloc((size_t)n + 1, sizeof(*slots));
    json_t *header = NULL;
    char *text = NULL;
    whet_status status = slots ? WHET_OK : WHET_ENOMEM;
    for (int i = 0; i < n && status == WHET_OK; i++) {
        slots[i] = (slot){&entries[i], 0, i};
        status = check(&entries[i], &slots[i].element);
    }
    if (status != WHET_OK) goto done;
    qsort(slots, (size_t)n, sizeof(*slots), by_element);
    WHET_GOTO(make_header(&header, slots, n, n_meta, meta));
    text = whet_json_text(header, 0);
    status = text ? write_all(path, text, slots, n) : WHET_ENOMEM;
done:
    json_decref(header);
    whet_free(text);
    whet_free(slots);
    return status;
}
