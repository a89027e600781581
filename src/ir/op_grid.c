/* SPDX-License-Identifier: Apache-2.0 */
/* GridSample (ONNX operator specification, opset 22): reads an image, or a volume, at positions given as coordinates. No
 * gradient. */
#include <string.h>

#include "ir/ops.h"

const whet_attr_def attrs_grid_sample[] = {ATTR_INT("align_corners", 0), ATTR_STRING("mode", "linear"),
                                           ATTR_STRING("padding_mode", "zeros"), ATTR_END};

static whet_status one_of(whet_infer *c, const char *attr, const char *otherwise, const char *const *words)
{
    const char *s = whet_node_string(c->n, attr, otherwise);
    for (; *words != NULL; words++)
        if (strcmp(s, *words) == 0) return WHET_OK;
    return whet_infer_fail(c, WHET_EINVAL, "%s '%s' is unknown", attr, s);
}

whet_status infer_grid_sample(whet_infer *c)
{
    static const char *const modes[] = {"linear", "nearest", "cubic", NULL}, *const paddings[] = {"zeros", "border", "reflection", NULL};
    const whet_dims *x = whet_infer_dims(c, 0), *grid = whet_infer_dims(c, 1);
    whet_dims y = {.rank = x->rank};
    WHET_TRY(whet_infer_need_dtype(c, 0, "f32 f64"));
    WHET_TRY(whet_infer_need_dtype(c, 1, "f32 f64"));
    WHET_TRY(one_of(c, "mode", "linear", modes));
    WHET_TRY(one_of(c, "padding_mode", "zeros", paddings));
    if (x->rank < 0 || grid->rank < 0) return whet_infer_set(c, 0, whet_infer_dtype(c, 0), &y);
    if (x->rank < 3 || x->rank > 5 || grid->rank != x->rank)
        return whet_infer_fail(c, WHET_ESHAPE, "input of rank %d and grid of rank %d", x->rank, grid->rank);
    if (grid->dims[grid->rank - 1] >= 0 && grid->dims[grid->rank - 1] != x->rank - 2)
        return whet_infer_fail(c, WHET_ESHAPE, "the grid has %lld coordinates, not %d", (long long)grid->dims[grid->rank - 1], x->rank - 2);
    if (strcmp(whet_node_string(c->n, "mode", "linear"), "cubic") == 0 && x->rank != 4)
        return whet_infer_fail(c, WHET_EUNSUPPORTED, "mode cubic is for images");
    if (!infer_same_dim(x->dims[0], grid->dims[0], &y.dims[0])) return whet_infer_fail(c, WHET_ESHAPE, "batches differ");
    y.dims[1] = x->dims[1];
    for (int i = 2; i < x->rank; i++) y.dims[i] = grid->dims[i - 1];
    return whet_infer_set(c, 0, whet_infer_dtype(c, 0), &y);
}
