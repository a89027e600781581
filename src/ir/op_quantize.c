/* SPDX-License-Identifier: Apache-2.0 */
/* QuantizeLinear and DequantizeLinear (ONNX operator specifications, opset 25): scales and zero points for the whole tensor,
 * for each element of an axis, or for blocks along an axis. Integers of 8, 16 and, dequantised, 32 bits. */
#include <string.h>

#include "ir/ops.h"

const whet_attr_def attrs_quantize[] = {ATTR_INT("axis", 1),      ATTR_INT("block_size", 0), ATTR_INT("output_dtype", 0),
                                        ATTR_INT("precision", 0), ATTR_INT("saturate", 1),   ATTR_END};

static bool at_most_one(const whet_dims *d)
{
    return d->rank == 0 || (d->rank == 1 && d->dims[0] == 1);
}

/* The scale's shape against the input's. */
static whet_status check_scale(whet_infer *c, int i)
{
    const whet_dims *x = whet_infer_dims(c, 0), *s = whet_infer_dims(c, i);
    const int64_t block = whet_node_int(c->n, "block_size", 0);
    int axis = 0;
    if (block < 0) return whet_infer_fail(c, WHET_EINVAL, "block_size %lld", (long long)block);
    if (x->rank < 0 || s->rank < 0 || (at_most_one(s) && block == 0)) return WHET_OK;
    WHET_TRY(infer_axis(c, whet_node_int(c->n, "axis", 1), x->rank, false, &axis));
    if (block == 0) {
        if (s->rank != 1 || (s->dims[0] >= 0 && x->dims[axis] >= 0 && s->dims[0] != x->dims[axis]))
            return whet_infer_fail(c, WHET_ESHAPE, "input %d has not one element for each of axis %d", i, axis);
        return WHET_OK;
    }
    if (s->rank != x->rank) return whet_infer_fail(c, WHET_ESHAPE, "input %d of blocks has rank %d, not %d", i, s->rank, x->rank);
    for (int d = 0; d < x->rank; d++) {
        const whet_dim want = d == axis && x->dims[d] >= 0 ? x->dims[d] / block + (x->dims[d] % block != 0) : x->dims[d];
        if (s->dims[d] >= 0 && want >= 0 && s->dims[d] != want) return whet_infer_fail(c, WHET_ESHAPE, "input %d does not fit the blocks", i);
    }
    return WHET_OK;
}

static whet_status check_all(whet_infer *c)
{
    const whet_dims *s = whet_infer_dims(c, 1), *z = whet_infer_dims(c, 2);
    WHET_TRY(check_scale(c, 1));
    if (!whet_infer_has(c, 2)) return WHET_OK;
    WHET_TRY(check_scale(c, 2));
    for (int i = 0; i < s->rank && s->rank == z->rank; i++)
        if (s->dims[i] >= 0 && z->dims[i] >= 0 && s->dims[i] != z->dims[i])
            return whet_infer_fail(c, WHET_ESHAPE, "scale and zero point have different sizes");
    return s->rank < 0 || z->rank < 0 || s->rank == z->rank || (at_most_one(s) && at_most_one(z))
               ? WHET_OK : whet_infer_fail(c, WHET_ESHAPE, "scale and zero point have different ranks");
}

whet_status infer_quantize(whet_infer *c)
{
    const int asked = (int)whet_node_int(c->n, "output_dtype", 0);
    whet_dtype t = asked != 0 ? whet_dtype_from_onnx(asked) : WHET_U8;
    WHET_TRY(whet_infer_need_dtype(c, 0, "f32 f64"));
    WHET_TRY(whet_infer_need_dtype(c, 1, "f32 f64"));
    if (whet_infer_has(c, 2)) {
        WHET_TRY(whet_infer_need_dtype(c, 2, "s8 u8 s16 u16"));
        if (asked != 0 && t != whet_infer_dtype(c, 2)) return whet_infer_fail(c, WHET_EINVAL, "output_dtype is not the zero point's type");
        t = whet_infer_dtype(c, 2);
    }
    if (t != WHET_S8 && t != WHET_U8 && t != WHET_S16 && t != WHET_U16)
        return whet_infer_fail(c, WHET_EUNSUPPORTED, "type %s is not supported for the output", whet_dtype_name(t));
    if (whet_node_int(c->n, "precision", 0) != 0) return whet_infer_fail(c, WHET_EUNSUPPORTED, "precision is not supported");
    WHET_TRY(check_all(c));
    return whet_infer_set(c, 0, t, whet_infer_dims(c, 0));
}

whet_status infer_dequantize(whet_infer *c)
{
    const int asked = (int)whet_node_int(c->n, "output_dtype", 0);
    WHET_TRY(whet_infer_need_dtype(c, 0, "s8 u8 s16 u16 s32"));
    WHET_TRY(whet_infer_need_dtype(c, 1, "f32 f64"));
    if (asked != 0 && whet_dtype_from_onnx(asked) != whet_infer_dtype(c, 1))
        return whet_infer_fail(c, WHET_EUNSUPPORTED, "output_dtype differs from the scale's type");
    if (whet_infer_has(c, 2) && whet_infer_dtype(c, 2) != whet_infer_dtype(c, 0))
        return whet_infer_fail(c, WHET_ESHAPE, "the zero point has another type than the input");
    WHET_TRY(check_all(c));
    return whet_infer_set(c, 0, whet_infer_dtype(c, 1), whet_infer_dims(c, 0));
}
