/* SPDX-License-Identifier: Apache-2.0 */
/* Permutes the axes of a tensor: the result in its order, the source by steps. */
#include "formats/permute.h"

#include <string.h>

#include "base/status.h"

whet_status whet_tensor_permute(const whet_tensor *src, const int64_t *perm, whet_tensor *dst)
{
    const int rank = src->shape.rank;
    const size_t size = whet_dtype_size(src->dtype);
    int64_t stride[WHET_MAX_RANK] = {0}, step[WHET_MAX_RANK] = {0}, at[WHET_MAX_RANK] = {0}, run = 1;
    whet_shape shape = src->shape;
    whet_tensor_init(dst);
    if (size == 0) return WHET_FAIL(WHET_EUNSUPPORTED, "a constant of type %s cannot be transposed", whet_dtype_name(src->dtype));
    for (int i = rank - 1; i >= 0; i--) {
        stride[i] = run;
        run *= src->shape.dims[i];
    }
    for (int i = 0; i < rank; i++) {
        shape.dims[i] = src->shape.dims[perm[i]];
        step[i] = stride[perm[i]];
    }
    WHET_TRY(whet_tensor_alloc(dst, src->dtype, &shape));
    const int64_t n = whet_shape_numel(&shape), inner = rank > 0 ? shape.dims[rank - 1] : 1;
    const int64_t hop = rank > 0 ? step[rank - 1] : 0;
    const uint8_t *in = src->data;
    uint8_t *out = dst->data;
    for (int64_t done = 0, from = 0; done < n; done += inner) {
        for (int64_t k = 0; k < inner; k++, out += size) memcpy(out, in + (size_t)(from + k * hop) * size, size);
        for (int i = rank - 2; i >= 0; i--) {
            from += step[i];
            if (++at[i] < shape.dims[i]) break;
            from -= step[i] * shape.dims[i];
            at[i] = 0;
        }
    }
    return WHET_OK;
}
