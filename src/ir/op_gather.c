/* SPDX-License-Identifier: Apache-2.0 */
/* Indexed reading and writing: Gather, Scatter and their kin. Indices may be negative (counted from the end); an index
 * out of range is a data error at run time. */
#include <string.h>

#include "ir/ops.h"

#define MAX_CONTENT 64

const whet_attr_def attrs_gather[] = {ATTR_INT("axis", 0), ATTR_END};
const whet_attr_def attrs_gather_nd[] = {ATTR_INT("batch_dims", 0), ATTR_END};
const whet_attr_def attrs_scatter_elements[] = {ATTR_INT("axis", 0), ATTR_STRING("reduction", "none"), ATTR_END};
const whet_attr_def attrs_scatter_nd[] = {ATTR_STRING("reduction", "none"), ATTR_END};
const whet_attr_def attrs_one_hot[] = {ATTR_INT("axis", -1), ATTR_END};

static whet_status gather_content(whet_infer *c)
{
    whet_dim x[MAX_CONTENT], y[MAX_CONTENT];
    const whet_tensor *at = whet_infer_const(c, 1);
    whet_dtype t = whet_infer_dtype(c, 0);
    int n = t == WHET_S64 || t == WHET_S32 ? infer_content(c, 0, x, MAX_CONTENT) : -1;
    if (n < 0 || at == NULL || at->shape.rank > 1 || whet_tensor_numel(at) > MAX_CONTENT) return WHET_OK;
    int count = (int)whet_tensor_numel(at);
    for (int i = 0; i < count; i++) {
        int64_t k = whet_tensor_get_s64(at, i);
        if (k < 0) k += n;
        if (k < 0 || k >= n) return whet_infer_fail(c, WHET_ESHAPE, "index %lld is out of range 0..%d", (long long)k, n - 1);
        y[i] = x[k];
    }
    return whet_infer_set_known(c, 0, count, y);
}

whet_status infer_gather(whet_infer *c)
{
    const whet_dims *d = whet_infer_dims(c, 0), *at = whet_infer_dims(c, 1);
    whet_dims to = {.rank = -1};
    int axis = 0;
    WHET_TRY(whet_infer_need_dtype(c, 1, "s64 s32"));
    if (d->rank >= 0) WHET_TRY(infer_axis(c, whet_node_int(c->n, "axis", 0), d->rank, false, &axis));
    if (d->rank < 0 || at->rank < 0) return whet_infer_set(c, 0, whet_infer_dtype(c, 0), &to);
    to.rank = d->rank - 1 + at->rank;
    if (to.rank > WHET_MAX_RANK) return whet_infer_set(c, 0, whet_infer_dtype(c, 0), &to);
    int k = 0;
    for (int i = 0; i < axis; i++) to.dims[k++] = d->dims[i];
    for (int i = 0; i < at->rank; i++) to.dims[k++] = at->dims[i];
    for (int i = axis + 1; i < d->rank; i++) to.dims[k++] = d->dims[i];
    WHET_TRY(whet_infer_set(c, 0, whet_infer_dtype(c, 0), &to));
    return d->rank == 1 ? gather_content(c) : WHET_OK;
}

whet_status infer_gather_grad(whet_infer *c)
{
    WHET_TRY(whet_infer_need_dtype(c, 0, "f32 f64"));
    return whet_infer_set(c, 0, whet_infer_dtype(c, 0), whet_infer_dims(c, 2));
}

whet_status infer_gather_elements(whet_infer *c)
{
    const whet_dims *d = whet_infer_dims(c, 0), *at = whet_infer_dims(c, 1);
    int axis = 0;
    WHET_TRY(whet_infer_need_dtype(c, 1, "s64 s32"));
    if (d->rank >= 0) WHET_TRY(infer_axis(c, whet_node_int(c->n, "axis", 0), d->rank, false, &axis));
    if (d->rank >= 0 && at->rank >= 0 && d->rank != at->rank)
        return whet_infer_fail(c, WHET_ESHAPE, "data has rank %d, indices have rank %d", d->rank, at->rank);
    for (int i = 0; i < at->rank && d->rank >= 0; i++)
        if (i != axis && at->dims[i] >= 0 && d->dims[i] >= 0 && at->dims[i] > d->dims[i])
            return whet_infer_fail(c, WHET_ESHAPE, "indices are longer than the data on axis %d", i);
    return whet_infer_set(c, 0, whet_infer_dtype(c, 0), at);
}

whet_status infer_gather_nd(whet_infer *c)
{
    const whet_dims *d = whet_infer_dims(c, 0), *at = whet_infer_dims(c, 1);
    int64_t b = whet_node_int(c->n, "batch_dims", 0);
    whet_dims to = {.rank = -1};
    WHET_TRY(whet_infer_need_dtype(c, 1, "s64"));
    if (d->rank < 0 || at->rank < 1 || at->dims[at->rank - 1] < 0) return whet_infer_set(c, 0, whet_infer_dtype(c, 0), &to);
    int64_t n = at->dims[at->rank - 1];
    if (b < 0 || b >= at->rank || n < 1 || b + n > d->rank)
        return whet_infer_fail(c, WHET_ESHAPE, "indices of length %lld behind %lld batch dimensions do not fit rank %d", (long long)n, (long long)b, d->rank);
    to.rank = at->rank - 1 + d->rank - (int)(b + n);
    if (to.rank > WHET_MAX_RANK) return whet_infer_set(c, 0, whet_infer_dtype(c, 0), &to);
    int k = 0;
    for (int i = 0; i < at->rank - 1; i++) to.dims[k++] = at->dims[i];
    for (int i = (int)(b + n); i < d->rank; i++) to.dims[k++] = d->dims[i];
    return whet_infer_set(c, 0, whet_infer_dtype(c, 0), &to);
}

static whet_status scatter(whet_infer *c)
{
    static const char *const reductions[] = {"none", "add", "mul", "max", "min"};
    const char *r = whet_node_string(c->n, "reduction", "none");
    bool known = false;
    for (size_t i = 0; i < WHET_COUNT(reductions); i++) known = known || strcmp(r, reductions[i]) == 0;
    if (!known) return whet_infer_fail(c, WHET_EINVAL, "reduction '%s' is unknown, use none, add, mul, max or min", r);
    WHET_TRY(whet_infer_need_dtype(c, 1, "s64 s32"));
    if (whet_infer_dtype(c, 2) != whet_infer_dtype(c, 0)) return whet_infer_fail(c, WHET_ESHAPE, "updates have another type than the data");
    return whet_infer_set(c, 0, whet_infer_dtype(c, 0), whet_infer_dims(c, 0));
}

whet_status infer_scatter_elements(whet_infer *c)
{
    const whet_dims *d = whet_infer_dims(c, 0), *at = whet_infer_dims(c, 1), *u = whet_infer_dims(c, 2);
    whet_dims both;
    int axis = 0;
    if (d->rank >= 0) WHET_TRY(infer_axis(c, whet_node_int(c->n, "axis", 0), d->rank, false, &axis));
    if (!infer_same_dims(at, u, &both) || (d->rank >= 0 && at->rank >= 0 && d->rank != at->rank))
        return whet_infer_fail(c, WHET_ESHAPE, "indices, updates and data do not fit together");
    for (int i = 0; i < at->rank && d->rank >= 0; i++)
        if (i != axis && at->dims[i] >= 0 && d->dims[i] >= 0 && at->dims[i] > d->dims[i])
            return whet_infer_fail(c, WHET_ESHAPE, "indices are longer than the data on axis %d", i);
    return scatter(c);
}

whet_status infer_scatter_nd(whet_infer *c)
{
    const whet_dims *d = whet_infer_dims(c, 0), *at = whet_infer_dims(c, 1), *u = whet_infer_dims(c, 2);
    whet_dims want = {.rank = -1}, both;
    if (d->rank >= 0 && at->rank >= 1 && at->dims[at->rank - 1] >= 0) {
        int64_t n = at->dims[at->rank - 1];
        int64_t rank = at->rank - 1 + d->rank - n;
        if (n > d->rank || rank > WHET_MAX_RANK) return whet_infer_fail(c, WHET_ESHAPE, "indices of length %lld do not fit rank %d", (long long)n, d->rank);
        want.rank = 0;
        for (int i = 0; i < at->rank - 1; i++) want.dims[want.rank++] = at->dims[i];
        for (int i = (int)n; i < d->rank; i++) want.dims[want.rank++] = d->dims[i];
    }
    if (!infer_same_dims(&want, u, &both)) return whet_infer_fail(c, WHET_ESHAPE, "updates do not have the shape that data and indices ask for");
    return scatter(c);
}

whet_status infer_one_hot(whet_infer *c)
{
    const whet_dims *at = whet_infer_dims(c, 0);
    const whet_tensor *depth = whet_infer_const(c, 1);
    whet_dims to = {.rank = -1};
    int axis = 0, k = 0;
    if (at->rank < 0) return whet_infer_set(c, 0, whet_infer_dtype(c, 2), &to);
    WHET_TRY(infer_axis(c, whet_node_int(c->n, "axis", -1), at->rank + 1, false, &axis));
    to.rank = at->rank + 1;
    if (to.rank > WHET_MAX_RANK) return whet_infer_set(c, 0, whet_infer_dtype(c, 2), &to);
    whet_dim n = depth != NULL && whet_tensor_numel(depth) == 1 ? whet_tensor_get_s64(depth, 0) : WHET_DIM_UNKNOWN;
    if (depth != NULL && n < 0) return whet_infer_fail(c, WHET_EINVAL, "depth is negative");
    for (int i = 0; i < to.rank; i++) to.dims[i] = i == axis ? n : at->dims[k++];
    return whet_infer_set(c, 0, whet_infer_dtype(c, 2), &to);
}

whet_status grad_gather(whet_grad *c)
{
    whet_attr axis = whet_attr_int("axis", whet_node_int(c->n, "axis", 0));
    if (!c->need[0]) return WHET_OK;
    return whet_graph_op1(c->g, "whet.GatherGrad", WHET_IN(c->dy[0], c->n->in[1], c->n->in[0]), 1, &axis, &c->dx[0]);
}

/* Writes of several elements to one place add up. */
whet_status grad_gather_elements(whet_grad *c)
{
    const whet_attr attrs[2] = {whet_attr_int("axis", whet_node_int(c->n, "axis", 0)), whet_attr_string("reduction", "add")};
    const whet_vid at = c->n->in[1];
    whet_vid zeros = WHET_NO_VALUE;
    if (!c->need[0]) return WHET_OK;
    WHET_TRY(grad_zeros_like(c, c->n->in[0], &zeros));
    return whet_graph_op1(c->g, "ScatterElements", WHET_IN(zeros, at, c->dy[0]), 2, attrs, &c->dx[0]);
}

whet_status grad_gather_nd(whet_grad *c)
{
    const whet_attr add = whet_attr_string("reduction", "add");
    const whet_vid at = c->n->in[1];
    whet_vid zeros = WHET_NO_VALUE;
    if (!c->need[0]) return WHET_OK;
    if (whet_node_int(c->n, "batch_dims", 0) != 0) return WHET_FAIL(WHET_EUNSUPPORTED, "gradient of GatherND needs batch_dims 0");
    WHET_TRY(grad_zeros_like(c, c->n->in[0], &zeros));
    return whet_graph_op1(c->g, "ScatterND", WHET_IN(zeros, at, c->dy[0]), 1, &add, &c->dx[0]);
}

/* What was overwritten has no gradient; an update's is that of the place it went to. Of several updates of one place the
 * last counts, and which that is the operator leaves open: each gets the gradient. */
static whet_status scatter_grad(whet_grad *c, const char *scatter, const char *gather, int n_attr, const whet_attr *attr)
{
    const char *how = whet_node_string(c->n, "reduction", "none");
    const bool add = strcmp(how, "add") == 0;
    const whet_vid at = c->n->in[1], updates = c->n->in[2];
    whet_vid zeros = WHET_NO_VALUE;
    if (!add && strcmp(how, "none") != 0) return WHET_FAIL(WHET_EUNSUPPORTED, "gradient of %s with reduction %s", scatter, how);
    if (c->need[2]) WHET_TRY(whet_graph_op1(c->g, gather, WHET_IN(c->dy[0], at), n_attr, attr, &c->dx[2]));
    if (c->need[0] && add) c->dx[0] = c->dy[0];
    if (!c->need[0] || add) return WHET_OK;
    WHET_TRY(grad_zeros_like(c, updates, &zeros));
    return whet_graph_op1(c->g, scatter, WHET_IN(c->dy[0], at, zeros), n_attr, attr, &c->dx[0]);
}

whet_status grad_scatter_elements(whet_grad *c)
{
    const whet_attr axis = whet_attr_int("axis", whet_node_int(c->n, "axis", 0));
    return scatter_grad(c, "ScatterElements", "GatherElements", 1, &axis);
}

whet_status grad_scatter_nd(whet_grad *c) { return scatter_grad(c, "ScatterND", "GatherND", 0, NULL); }
