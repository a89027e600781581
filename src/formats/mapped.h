/* SPDX-License-Identifier: Apache-2.0 */
/* Tensors that are views of a mapped file: the file stays open while one of them lives. */
#ifndef WHET_FORMATS_MAPPED_H
#define WHET_FORMATS_MAPPED_H

#include "base/io.h"
#include "tensor/tensor.h"

typedef struct whet_mapped whet_mapped;
/* Takes the handle over (also on failure) and closes it with the last reference. */
whet_status whet_mapped_create(whet_mapped **out, void (*close)(void *handle), void *handle);
whet_status whet_mapped_file(whet_mapped **out, whet_map *map); /* the same for a map */
void whet_mapped_ref(whet_mapped *m);
void whet_mapped_unref(whet_mapped *m); /* accepts NULL */

/* True if a tensor of these bytes may stay where it is: large, and aligned or read through copies (WHET_TENSOR_VIEW). */
bool whet_mapped_fits(whet_dtype dtype, const void *data, size_t bytes);
/* Buffer and data of out (its dtype and shape are the caller's): a view that holds a reference. */
whet_status whet_mapped_view(whet_mapped *m, const void *data, size_t bytes, whet_tensor *out);
/* A dense tensor whose elements lie at data: a view where that may be and m is given, else a copy. *copied (may be NULL) is the
 * number of bytes that were copied. The caller has checked that data has them. */
whet_status whet_mapped_tensor(whet_mapped *m, whet_dtype dtype, const whet_shape *shape, const void *data, whet_tensor *out, size_t *copied);

#endif
