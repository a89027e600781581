/* SPDX-License-Identifier: Apache-2.0 */
/* .npy files <-> tensors. */
#ifndef WHET_FORMATS_NPY_TENSOR_H
#define WHET_FORMATS_NPY_TENSOR_H

#include "tensor/tensor.h"

/* *out need not be initialised; it owns its bytes. */
whet_status whet_npy_read_tensor(whet_tensor *out, const char *path);
/* Atomic. EUNSUPPORTED: NumPy has no bf16 and no 4-bit types. */
whet_status whet_npy_write_tensor(const char *path, const whet_tensor *t);

#endif
