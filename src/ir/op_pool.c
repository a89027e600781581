/* SPDX-License-Identifier: Apache-2.0 */
/* Pools and their gradients (ONNX operator specifications, opset 22).
 *
 * MaxPoolGrad finds the maxima again from the source: reading it once more costs less memory than 8-byte indices kept
 * through the step. Of equal maxima the first in row-major order of the window counts, in both directions. */
#include <stdio.h>

#include "ir/ops.h"
#include "ir/window.h"

#define POOL_ATTRS                                                                                                  \
    ATTR_STRING("auto_pad", "NOTSET"), ATTR_INT("ceil_mode", 0), ATTR_INTS("dilations"), ATTR_INTS("kernel_shape"), \
        ATTR_INTS("pads"), ATTR_INTS("strides")

const whet_attr_def attrs_max_pool[] = {POOL_ATTRS, ATTR_INT("storage_order", 0), ATTR_END};
const whet_attr_def attrs_average_pool[] = {POOL_ATTRS, ATTR_INT("count_include_pad", 0), ATTR_END};

static whet_status pooled_dims(whet_infer *c, whet_dims *y)
{
    const whet_dims *x = whet_infer_dims(c, 0);
    whet_window w;
    *y = *x;
    if (x->rank < 0) return WHET_OK;
    if (x->rank < 3) return whet_infer_fail(c, WHET_ESHAPE, "input has rank %d, but at least 3 is needed", x->rank);
    const whet_status status = whet_window_read(c->n, x->rank - 2, NULL, &w);
    if (status != WHET_OK) {
        char text[256];
        snprintf(text, sizeof text, "%s", whet_error_last()->text);
        return whet_infer_fail(c, status, "%s", text);
    }
    for (int i = 0; i < w.nd; i++) {
        y->dims[2 + i] = whet_window_out(&w, i, x->dims[2 + i]);
        if (y->dims[2 + i] < 1 && y->dims[2 + i] != WHET_DIM_UNKNOWN)
            return whet_infer_fail(c, WHET_ESHAPE, "spatial axis %d of size %lld is smaller than the window", i,
                                   (long long)x->dims[2 + i]);
        if (w.pad[i] > (w.k[i] - 1) * w.dil[i] || w.pad_end[i] > (w.k[i] - 1) * w.dil[i])
            return whet_infer_fail(c, WHET_EUNSUPPORTED, "padding of axis %d is as large as the window", i);
    }
    return WHET_OK;
}

whet_status infer_max_pool(whet_infer *c)
{
    whet_dims y;
    WHET_TRY(whet_infer_need_dtype(c, 0, "f32 f64 s8 u8"));
    WHET_TRY(pooled_dims(c, &y));
    WHET_TRY(whet_infer_set(c, 0, whet_infer_dtype(c, 0), &y));
    return whet_infer_set(c, 1, WHET_S64, &y);
}

whet_status infer_average_pool(whet_infer *c)
{
    whet_dims y;
    WHET_TRY(whet_infer_need_dtype(c, 0, "f32 f64"));
    WHET_TRY(pooled_dims(c, &y));
    return whet_infer_set(c, 0, whet_infer_dtype(c, 0), &y);
}

whet_status infer_global_pool(whet_infer *c)
{
    whet_dims y = *whet_infer_dims(c, 0);
    WHET_TRY(whet_infer_need_dtype(c, 0, "f32 f64"));
    if (y.rank >= 0 && y.rank < 3) return whet_infer_fail(c, WHET_ESHAPE, "input has rank %d, but at least 3 is needed", y.rank);
    for (int i = 2; i < y.rank; i++) y.dims[i] = 1;
    return whet_infer_set(c, 0, whet_infer_dtype(c, 0), &y);
}

whet_status infer_pool_grad_src(whet_infer *c)
{
    WHET_TRY(whet_infer_need_dtype(c, 0, "f32 f64"));
    return whet_infer_set(c, 0, whet_infer_dtype(c, 0), whet_infer_dims(c, 1));
}

whet_status infer_pool_grad_shape(whet_infer *c)
{
    const whet_dim *known = NULL;
    whet_dims out = {.rank = whet_infer_dims(c, 0)->rank};
    const int n = whet_infer_known(c, 1, &known);
    WHET_TRY(whet_infer_need_dtype(c, 0, "f32 f64"));
    for (int i = 0; i < WHET_MAX_RANK; i++) out.dims[i] = WHET_DIM_UNKNOWN;
    if (n >= 0) out.rank = n;
    if (n > WHET_MAX_RANK) return whet_infer_fail(c, WHET_EUNSUPPORTED, "shape has %d dimensions", n);
    for (int i = 0; i < n; i++) out.dims[i] = known[i];
    return whet_infer_set(c, 0, whet_infer_dtype(c, 0), &out);
}

static whet_status grad_from_src(whet_grad *c, const char *op)
{
    if (!c->need[0] || c->dy[0] == WHET_NO_VALUE) return WHET_OK;
    return whet_graph_op1(c->g, op, WHET_IN(c->dy[0], c->n->in[0]), c->n->n_attr, c->n->attr, &c->dx[0]);
}

static whet_status grad_from_shape(whet_grad *c, const char *op)
{
    const whet_vid x = c->n->in[0];
    const int n_attr = c->n->n_attr;
    const whet_attr *attr = c->n->attr; /* stays where it is: only the array of nodes may move */
    whet_vid shape = WHET_NO_VALUE;
    if (!c->need[0]) return WHET_OK;
    WHET_TRY(grad_shape_of(c, x, false, &shape));
    return whet_graph_op1(c->g, op, WHET_IN(c->dy[0], shape), n_attr, attr, &c->dx[0]);
}

whet_status grad_max_pool(whet_grad *c) { return grad_from_src(c, "whet.MaxPoolGrad"); }
whet_status grad_average_pool(whet_grad *c) { return grad_from_shape(c, "whet.AveragePoolGrad"); }
whet_status grad_global_average_pool(whet_grad *c) { return grad_from_shape(c, "whet.GlobalAveragePoolGrad"); }
whet_status grad_global_max_pool(whet_grad *c) { return grad_from_src(c, "whet.GlobalMaxPoolGrad"); }
