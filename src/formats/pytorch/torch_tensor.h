/* SPDX-License-Identifier: Apache-2.0 */
/* Tensors out of what PyTorch's pickles say of them: storages by key, and calls of _rebuild_tensor_v2 and its kin. */
#ifndef WHET_FORMATS_TORCH_TENSOR_H
#define WHET_FORMATS_TORCH_TENSOR_H

#include "tensor/tensor.h"
#include "wire/pickle.h"

/* The names that a state dict may hold; each only as a value, nothing is called. */
extern const whet_pickle_global torch_globals[];
extern const size_t torch_globals_count;

/* ('storage', torch.FloatStorage, '0', 'cpu', 64[, view]) */
typedef struct torch_storage {
    const char *key;
    whet_dtype dtype;  /* NONE: bytes without a type */
    size_t element;    /* bytes */
    int64_t numel;
    const char *view_key; /* of the oldest files: a part of another storage; NULL otherwise */
    int64_t view_offset, view_numel;
} torch_storage;
whet_status torch_storage_parse(torch_storage *out, const whet_pickle_value *persistent);
/* "FloatStorage" for F32, NULL if there is none; "float32". */
const char *torch_storage_name(whet_dtype t);
const char *torch_dtype_name(whet_dtype t);

/* Where the bytes of storages come from. */
typedef struct torch_source {
    /* The bytes of a storage: inside `buffer` (borrowed), or anywhere that outlives the call (buffer NULL: they are copied). */
    whet_status (*find)(void *arg, const torch_storage *s, whet_buffer **buffer, const uint8_t **data, size_t *bytes);
    void *arg;
    size_t *left; /* bytes of memory that may still be taken */
} torch_source;

bool torch_is_tensor(const whet_pickle_value *v);
/* Dense, row-major: a view where the strides say so and the bytes may stay, else a copy. EFORMAT, EUNSUPPORTED naming what is
 * wrong; `name` stands in errors as the node. */
whet_status torch_tensor_build(torch_source *src, const whet_pickle_value *v, const char *name, whet_tensor *out);

#endif
