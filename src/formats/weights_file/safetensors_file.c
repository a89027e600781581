/* SPDX-License-Identifier: Apache-2.0 */
/* safetensors as a format of named tensors; the bytes are wire/safetensors.h's. Large tensors are views of the mapped file. */
#include "base/mem.h"
#include "formats/mapped.h"
#include "formats/weights_file/weights_file.h"
#include "wire/safetensors.h"

bool whet_safetensors_detect(const uint8_t *head, size_t n, size_t file_size, const char *path)
{
    uint64_t length = 0;
    (void)path;
    for (size_t i = 0; i < 8 && i < n; i++) length |= (uint64_t)head[i] << (8 * i);
    return n > 9 && head[8] == '{' && length >= 2 && length <= file_size - 8;
}

static whet_dtype dtype_of(const char *name)
{
    for (int t = 1; t < WHET_DTYPE_COUNT; t++)
        if (strcmp(whet_dtype_safetensors((whet_dtype)t), name) == 0) return (whet_dtype)t;
    return WHET_DTYPE_NONE;
}

static whet_status add_entry(whet_weights *w, whet_mapped *file, const whet_safetensors_entry *e)
{
    const whet_shape shape = whet_shape_of(e->rank, e->dims);
    const whet_dtype dtype = dtype_of(e->dtype);
    whet_tensor t;
    if (dtype == WHET_DTYPE_NONE)
        return WHET_FAIL(WHET_EUNSUPPORTED, "tensor '%.200s' is %s, a type that is not handled; convert it to F16 or F32", e->name, e->dtype);
    whet_tensor_init(&t);
    whet_status status = whet_mapped_tensor(file, dtype, &shape, e->data, &t, NULL);
    if (status == WHET_OK) status = whet_weights_add(w, e->name, &t);
    whet_tensor_dispose(&t);
    return status;
}

static void close_file(void *file) { whet_safetensors_close(file); }

whet_status whet_safetensors_read_weights(whet_weights **out, const char *path)
{
    whet_safetensors *s = NULL;
    whet_mapped *file = NULL;
    whet_weights *w = NULL;
    whet_status status = WHET_OK;
    *out = NULL;
    WHET_TRY(whet_safetensors_open(&s, path));
    WHET_GOTO(whet_mapped_create(&file, close_file, s));
    WHET_GOTO(whet_weights_create(&w));
    for (int i = 0; i < whet_safetensors_count(s); i++) WHET_GOTO(add_entry(w, file, whet_safetensors_at(s, i)));
    for (int i = 0; i < whet_safetensors_meta_count(s); i++) {
        const char *key = NULL, *value = NULL;
        whet_safetensors_meta_at(s, i, &key, &value);
        WHET_GOTO(whet_weights_set_meta(w, key, value));
    }
    *out = w;
    w = NULL;
done:
    if (status != WHET_OK) whet_error_at_file(path);
    whet_weights_free(w);
    whet_mapped_unref(file);
    return status;
}

whet_status whet_safetensors_write_weights(const whet_weights *w, const char *path)
{
    whet_safetensors_entry *entries = whet_calloc(w->n + 1, sizeof(*entries));
    whet_safetensors_pair *meta = whet_calloc(w->n_meta + 1, sizeof(*meta));
    int n_meta = 0;
    whet_status status = entries && meta ? WHET_OK : WHET_ENOMEM;
    for (size_t i = 0; i < w->n && status == WHET_OK; i++) {
        const whet_tensor *t = &w->tensors[i];
        entries[i] = (whet_safetensors_entry){.name = w->names[i], .dtype = whet_dtype_safetensors(t->dtype), .rank = t->shape.rank,
                                              .data = t->data, .bytes = whet_tensor_bytes(t)};
        memcpy(entries[i].dims, t->shape.dims, sizeof(entries[i].dims));
        if (!*entries[i].dtype)
            status = WHET_FAIL(WHET_EUNSUPPORTED, "tensor '%.200s' is %s; safetensors has no such type", w->names[i], whet_dtype_name(t->dtype));
    }
    if (status != WHET_OK) goto done;
    if (!whet_weights_meta(w, "format")) meta[n_meta++] = (whet_safetensors_pair){"format", "pt"}; /* some readers refuse files without */
    for (size_t i = 0; i < w->n_meta; i++) meta[n_meta++] = (whet_safetensors_pair){w->meta[2 * i], w->meta[2 * i + 1]};
    status = whet_safetensors_write(path, (int)w->n, entries, n_meta, meta);
done:
    whet_free(entries);
    whet_free(meta);
    return status;
}
