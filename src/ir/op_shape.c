/* SPDX-License-Identifier: Apache-2.0 */
/* Operators that rename bytes (Reshape and its kin), make shapes into numbers, or make tensors from shapes. */
#include <math.h>
#include <string.h>

#include "ir/ops.h"

#define MAX_CONTENT 64

const whet_attr_def attrs_reshape[] = {ATTR_INT("allowzero", 0), ATTR_END};
const whet_attr_def attrs_flatten[] = {ATTR_INT("axis", 1), ATTR_END};
const whet_attr_def attrs_shape[] = {ATTR_INT("start", 0), ATTR_INT_OPT("end"), ATTR_END};
const whet_attr_def attrs_constant[] = {ATTR_TENSOR("value"), ATTR_INT_OPT("value_int"), ATTR_FLOAT("value_float", 0.0f),
    ATTR_INTS("value_ints"), {.name = "value_floats", .type = WHET_ATTR_FLOATS}, ATTR_END};
const whet_attr_def attrs_constant_of_shape[] = {ATTR_TENSOR("value"), ATTR_END};
const whet_attr_def attrs_eye_like[] = {ATTR_INT_OPT("dtype"), ATTR_INT("k", 0), ATTR_END};

/* Contents pass through renaming unless the rank becomes 2 or more. */
static whet_status pass_content(whet_infer *c)
{
    whet_dim x[MAX_CONTENT];
    whet_dtype t = whet_infer_dtype(c, 0);
    int n = t == WHET_S64 || t == WHET_S32 ? infer_content(c, 0, x, MAX_CONTENT) : -1;
    return whet_infer_set_known(c, 0, n, x);
}

whet_status infer_identity(whet_infer *c)
{
    WHET_TRY(whet_infer_set(c, 0, whet_infer_dtype(c, 0), whet_infer_dims(c, 0)));
    return pass_content(c);
}

/* The one open dimension of a target, from the input's number of elements: dimensions that stand on both sides cancel. */
static whet_dim open_dim(const whet_dims *from, const whet_dims *to, int open)
{
    bool used[WHET_MAX_RANK] = {false};
    whet_dims rest = {.rank = 0};
    int64_t known = 1;
    for (int i = 0; i < to->rank; i++) {
        int hit = -1;
        if (i == open) continue;
        if (to->dims[i] == 0) return WHET_DIM_UNKNOWN;
        for (int k = 0; k < from->rank && to->dims[i] < WHET_DIM_UNKNOWN; k++)
            if (!used[k] && from->dims[k] == to->dims[i]) hit = k;
        if (hit >= 0) used[hit] = true;
        else if (to->dims[i] < 0 || !whet_mul_i64(known, to->dims[i], &known)) return WHET_DIM_UNKNOWN;
    }
    int64_t have = 1;
    for (int k = 0; k < from->rank; k++) {
        if (used[k]) continue;
        if (from->dims[k] < 0) rest.dims[rest.rank++] = from->dims[k];
        else if (!whet_mul_i64(have, from->dims[k], &have)) return WHET_DIM_UNKNOWN;
    }
    if (rest.rank == 0) return have % known == 0 ? have / known : WHET_DIM_UNKNOWN;
    if (rest.rank == 1 && have == known) return rest.dims[0];
    return WHET_DIM_UNKNOWN;
}

static whet_status reshape_to(whet_infer *c, whet_dims *to, int open)
{
    const whet_dims *from = whet_infer_dims(c, 0);
    char a[160], b[160];
    whet_shape sf, st;
    if (open >= 0 && from->rank >= 0) to->dims[open] = open_dim(from, to, open);
    if (whet_dims_concrete(from, &sf)) {
        bool fits = open < 0 || to->dims[open] >= 0;
        for (int i = 0; i < to->rank; i++) fits = fits || (i != open && to->dims[i] < 0);
        if (whet_dims_concrete(to, &st)) fits = whet_shape_numel(&sf) == whet_shape_numel(&st);
        if (!fits)
            return whet_infer_fail(c, WHET_ESHAPE, "shape %s cannot become %s", whet_dims_text(c->g, from, a, sizeof a),
                                   whet_dims_text(c->g, to, b, sizeof b));
    }
    WHET_TRY(whet_infer_set(c, 0, whet_infer_dtype(c, 0), to));
    return pass_content(c);
}

whet_status infer_reshape(whet_infer *c)
{
    const whet_dims *d = whet_infer_dims(c, 0), *sd = whet_infer_dims(c, 1);
    bool allowzero = whet_node_int(c->n, "allowzero", 0) != 0;
    int64_t literal[WHET_MAX_RANK];
    whet_dim known[WHET_MAX_RANK];
    whet_dims to = {.rank = -1};
    int open = -1, n = 0;
    WHET_TRY(whet_infer_need_dtype(c, 1, "s64"));
    WHET_TRY(infer_ints(c, 1, literal, WHET_MAX_RANK, &n));
    if (n < 0) {
        n = infer_content(c, 1, known, WHET_MAX_RANK);
        for (int i = 0; i < n; i++) literal[i] = known[i]; /* one open size is found like a -1 */
        int unknown = 0;
        for (int i = 0; i < n; i++) unknown += literal[i] == WHET_DIM_UNKNOWN;
        if (unknown > 1) {
            to.rank = n;
            memcpy(to.dims, known, sizeof *known * (size_t)n);
            return whet_infer_set(c, 0, whet_infer_dtype(c, 0), &to);
        }
    }
    if (n < 0) {
        if (sd->rank == 1 && sd->dims[0] >= 0 && sd->dims[0] <= WHET_MAX_RANK) {
            to.rank = (int)sd->dims[0];
            for (int i = 0; i < to.rank; i++) to.dims[i] = WHET_DIM_UNKNOWN;
        }
        return whet_infer_set(c, 0, whet_infer_dtype(c, 0), &to);
    }
    to.rank = n;
    for (int i = 0; i < n; i++) {
        to.dims[i] = literal[i];
        if (literal[i] == 0 && !allowzero) to.dims[i] = d->rank < 0 ? WHET_DIM_UNKNOWN : i < d->rank ? d->dims[i] : 0;
        if (literal[i] == 0 && !allowzero && d->rank >= 0 && i >= d->rank)
            return whet_infer_fail(c, WHET_ESHAPE, "dimension %d is to be copied, but the input has rank %d", i, d->rank);
        if (literal[i] != -1) continue;
        if (open >= 0) return whet_infer_fail(c, WHET_EINVAL, "more than one dimension is -1");
        open = i;
    }
    return reshape_to(c, &to, open);
}

whet_status infer_flatten(whet_infer *c)
{
    const whet_dims *d = whet_infer_dims(c, 0);
    whet_dims to = {.rank = 2, .dims = {WHET_DIM_UNKNOWN, WHET_DIM_UNKNOWN}};
    int axis = 0;
    if (d->rank >= 0) {
        WHET_TRY(infer_axis(c, whet_node_int(c->n, "axis", 1), d->rank, true, &axis));
        to.dims[0] = infer_product(d, 0, axis);
        to.dims[1] = infer_product(d, axis, d->rank);
    }
    return whet_infer_set(c, 0, whet_infer_dtype(c, 0), &to);
}

whet_status infer_squeeze(whet_infer *c)
{
    const whet_dims *d = whet_infer_dims(c, 0);
    int64_t axes[WHET_MAX_RANK];
    bool marked[WHET_MAX_RANK] = {false};
    whet_dims to = {.rank = -1};
    int n = 0, axis = 0;
    WHET_TRY(infer_ints(c, 1, axes, WHET_MAX_RANK, &n));
    bool open = whet_infer_has(c, 1) && n < 0;
    for (int i = 0; i < d->rank && !whet_infer_has(c, 1); i++) {
        open = open || d->dims[i] == WHET_DIM_UNKNOWN;
        marked[i] = d->dims[i] == 1;
    }
    if (d->rank < 0 || open) return whet_infer_set(c, 0, whet_infer_dtype(c, 0), &to);
    for (int i = 0; i < n; i++) {
        WHET_TRY(infer_axis(c, axes[i], d->rank, false, &axis));
        if (d->dims[axis] > 1 || d->dims[axis] == 0)
            return whet_infer_fail(c, WHET_ESHAPE, "axis %d has size %lld, not 1", axis, (long long)d->dims[axis]);
        marked[axis] = true;
    }
    to.rank = 0;
    for (int i = 0; i < d->rank; i++)
        if (!marked[i]) to.dims[to.rank++] = d->dims[i];
    WHET_TRY(whet_infer_set(c, 0, whet_infer_dtype(c, 0), &to));
    return pass_content(c);
}

whet_status infer_unsqueeze(whet_infer *c)
{
    const whet_dims *d = whet_infer_dims(c, 0);
    int64_t axes[WHET_MAX_RANK];
    bool marked[WHET_MAX_RANK] = {false};
    whet_dims to = {.rank = -1};
    int n = 0, axis = 0, k = 0;
    WHET_TRY(infer_ints(c, 1, axes, WHET_MAX_RANK, &n));
    if (d->rank < 0 || n < 0) return whet_infer_set(c, 0, whet_infer_dtype(c, 0), &to);
    to.rank = d->rank + n;
    if (to.rank > WHET_MAX_RANK) return whet_infer_set(c, 0, whet_infer_dtype(c, 0), &to);
    for (int i = 0; i < n; i++) {
        WHET_TRY(infer_axis(c, axes[i], to.rank, false, &axis));
        if (marked[axis]) return whet_infer_fail(c, WHET_EINVAL, "axis %d stands twice", axis);
        marked[axis] = true;
    }
    for (int i = 0; i < to.rank; i++) to.dims[i] = marked[i] ? 1 : d->dims[k++];
    WHET_TRY(whet_infer_set(c, 0, whet_infer_dtype(c, 0), &to));
    return to.rank <= 1 ? pass_content(c) : WHET_OK;
}

whet_status infer_shape(whet_infer *c)
{
    const whet_dims *d = whet_infer_dims(c, 0);
    whet_dims to = {.rank = 1, .dims = {WHET_DIM_UNKNOWN}};
    if (d->rank < 0) return whet_infer_set(c, 0, WHET_S64, &to);
    int64_t r = d->rank, start = whet_node_int(c->n, "start", 0);
    int64_t end = whet_node_attr(c->n, "end") != NULL ? whet_node_int(c->n, "end", r) : r;
    start = start < 0 ? WHET_MAX(start + r, 0) : WHET_MIN(start, r);
    end = end < 0 ? WHET_MAX(end + r, 0) : WHET_MIN(end, r);
    to.dims[0] = end > start ? end - start : 0;
    WHET_TRY(whet_infer_set(c, 0, WHET_S64, &to));
    return whet_infer_set_known(c, 0, (int)to.dims[0], d->dims + start);
}

whet_status infer_size(whet_infer *c)
{
    const whet_dims *d = whet_infer_dims(c, 0);
    whet_dims scalar = {.rank = 0};
    whet_dim n = d->rank < 0 ? WHET_DIM_UNKNOWN : infer_product(d, 0, d->rank);
    WHET_TRY(whet_infer_set(c, 0, WHET_S64, &scalar));
    return whet_infer_set_known(c, 0, 1, &n);
}

whet_status infer_constant(whet_infer *c)
{
    static const struct { const char *name; whet_dtype t; int rank; } forms[] = {
        {"value_int", WHET_S64, 0}, {"value_float", WHET_F32, 0}, {"value_ints", WHET_S64, 1}, {"value_floats", WHET_F32, 1}};
    const whet_attr *a = whet_node_attr(c->n, "value");
    if (a != NULL) {
        whet_dims d = whet_dims_of(&a->t.shape);
        return whet_infer_set(c, 0, a->t.dtype, &d);
    }
    for (size_t i = 0; i < WHET_COUNT(forms); i++) {
        a = whet_node_attr(c->n, forms[i].name);
        if (a == NULL) continue;
        whet_dims d = {.rank = forms[i].rank, .dims = {a->n}};
        return whet_infer_set(c, 0, forms[i].t, &d);
    }
    return whet_infer_fail(c, WHET_EUNSUPPORTED, "no value of a supported type (strings and sparse tensors are not)");
}

whet_status infer_constant_of_shape(whet_infer *c)
{
    const whet_attr *a = whet_node_attr(c->n, "value");
    const whet_dims *sd = whet_infer_dims(c, 0);
    whet_dtype t = a != NULL ? a->t.dtype : WHET_F32;
    whet_dims to = {.rank = -1};
    whet_dim known[WHET_MAX_RANK], fill[WHET_MAX_RANK];
    WHET_TRY(whet_infer_need_dtype(c, 0, "s64"));
    int n = infer_content(c, 0, known, WHET_MAX_RANK);
    if (n >= 0) {
        to.rank = n;
        memcpy(to.dims, known, sizeof *known * (size_t)n);
    } else if (sd->rank == 1 && sd->dims[0] >= 0 && sd->dims[0] <= WHET_MAX_RANK) {
        to.rank = (int)sd->dims[0];
        for (int i = 0; i < to.rank; i++) to.dims[i] = WHET_DIM_UNKNOWN;
    }
    WHET_TRY(whet_infer_set(c, 0, t, &to));
    if (t != WHET_S64 || to.rank != 1 || to.dims[0] < 0 || to.dims[0] > WHET_MAX_RANK) return WHET_OK;
    int64_t x = whet_tensor_get_s64(&a->t, 0);
    for (int i = 0; i < to.dims[0]; i++) fill[i] = x < 0 ? WHET_DIM_UNKNOWN : x;
    return whet_infer_set_known(c, 0, (int)to.dims[0], fill);
}

whet_status infer_range(whet_infer *c)
{
    whet_dims to = {.rank = 1, .dims = {WHET_DIM_UNKNOWN}};
    whet_dtype t = whet_infer_dtype(c, 0);
    const whet_tensor *x[3];
    bool all = true;
    WHET_TRY(whet_infer_need_dtype(c, 0, "f32 f64 s64 s32 s16"));
    for (int i = 0; i < 3; i++) {
        x[i] = whet_infer_const(c, i);
        all = all && x[i] != NULL && whet_tensor_numel(x[i]) == 1;
        if (whet_infer_dtype(c, i) != t) return whet_infer_fail(c, WHET_ESHAPE, "start, limit and delta have different types");
    }
    if (all) {
        double start = whet_tensor_get_f64(x[0], 0), limit = whet_tensor_get_f64(x[1], 0), delta = whet_tensor_get_f64(x[2], 0);
        if (delta == 0.0) return whet_infer_fail(c, WHET_EINVAL, "delta is 0");
        double n = ceil((limit - start) / delta);
        to.dims[0] = n > 0 ? (whet_dim)n : 0;
    } else { /* 0 .. n of a known size */
        whet_dim start[1], limit[1], delta[1];
        bool ok = infer_content(c, 0, start, 1) == 1 && infer_content(c, 1, limit, 1) == 1 && infer_content(c, 2, delta, 1) == 1;
        if (ok && start[0] == 0 && delta[0] == 1) to.dims[0] = limit[0];
        else if (ok && start[0] >= 0 && limit[0] >= 0 && delta[0] > 0)
            to.dims[0] = limit[0] > start[0] ? (limit[0] - start[0] + delta[0] - 1) / delta[0] : 0;
    }
    return whet_infer_set(c, 0, t, &to);
}

whet_status infer_eye_like(whet_infer *c)
{
    const whet_attr *a = whet_node_attr(c->n, "dtype");
    whet_dtype t = a != NULL ? whet_dtype_from_onnx((int)a->i) : whet_infer_dtype(c, 0);
    const whet_dims *d = whet_infer_dims(c, 0);
    if (t == WHET_DTYPE_NONE) return whet_infer_fail(c, WHET_EUNSUPPORTED, "type %s is not supported", whet_onnx_dtype_name((int)a->i));
    if (d->rank >= 0 && d->rank != 2) return whet_infer_fail(c, WHET_ESHAPE, "the input has rank %d, not 2", d->rank);
    return whet_infer_set(c, 0, t, d);
}

/* --- gradients */

whet_status grad_identity(whet_grad *c)
{
    c->dx[0] = c->dy[0];
    return WHET_OK;
}

/* Reshape, Flatten, Squeeze, Unsqueeze: the same bytes under the input's shape. */
whet_status grad_reshape(whet_grad *c)
{
    whet_vid shape = WHET_NO_VALUE;
    if (!c->need[0]) return WHET_OK;
    WHET_TRY(grad_shape_of(c, c->n->in[0], true, &shape));
    return grad_op2(c, "Reshape", c->dy[0], shape, &c->dx[0]);
}
