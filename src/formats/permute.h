/* SPDX-License-Identifier: Apache-2.0 */
/* Axes of a tensor in another order. */
#ifndef WHET_FORMATS_PERMUTE_H
#define WHET_FORMATS_PERMUTE_H

#include "tensor/tensor.h"

/* dst (to be disposed of) = src with axes permuted: axis i of dst is axis perm[i] of src. EUNSUPPORTED for packed types. */
whet_status whet_tensor_permute(const whet_tensor *src, const int64_t *perm, whet_tensor *dst);

#endif
