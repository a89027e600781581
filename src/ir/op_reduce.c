/* SPDX-License-Identifier: Apache-2.0 */
/* Reductions over axes, arg-extrema, cumulative sums, the k largest, and whet.SumTo, which undoes a broadcast. */
#include <string.h>

#include "ir/ops.h"

#define FLOATS "f32 f64 f16 bf16"
#define INTS "s64 s32 s16 s8 u64 u32 u16 u8"

const whet_attr_def attrs_reduce[] = {ATTR_INT("keepdims", 1), ATTR_INT("noop_with_empty_axes", 0), ATTR_END};
const whet_attr_def attrs_arg_extremum[] = {ATTR_INT("axis", 0), ATTR_INT("keepdims", 1), ATTR_INT("select_last_index", 0), ATTR_END};
const whet_attr_def attrs_cum_sum[] = {ATTR_INT("exclusive", 0), ATTR_INT("reverse", 0), ATTR_END};
const whet_attr_def attrs_top_k[] = {ATTR_INT("axis", -1), ATTR_INT("largest", 1), ATTR_INT("sorted", 1), ATTR_END};

/* Dimensions without the marked axes, or with 1 there. */
static whet_dims drop_axes(const whet_dims *d, const bool *marked, bool keep)
{
    whet_dims r = {.rank = 0};
    for (int i = 0; i < d->rank; i++) {
        if (!marked[i]) r.dims[r.rank++] = d->dims[i];
        else if (keep) r.dims[r.rank++] = 1;
    }
    return r;
}

whet_status infer_reduce(whet_infer *c)
{
    const whet_dims *d = whet_infer_dims(c, 0);
    bool keep = whet_node_int(c->n, "keepdims", 1) != 0, marked[WHET_MAX_RANK] = {false};
    int64_t axes[WHET_MAX_RANK];
    int n = 0, axis = 0;
    WHET_TRY(whet_infer_need_dtype(c, 0, FLOATS " " INTS " bool"));
    WHET_TRY(infer_ints(c, 1, axes, WHET_MAX_RANK, &n));
    whet_dims r = {.rank = -1};
    bool absent = !whet_infer_has(c, 1) || n == 0;
    if (d->rank >= 0 && absent) {
        bool noop = whet_node_int(c->n, "noop_with_empty_axes", 0) != 0;
        for (int i = 0; i < d->rank; i++) marked[i] = !noop;
        r = drop_axes(d, marked, keep);
    } else if (d->rank >= 0 && n > 0) {
        for (int i = 0; i < n; i++) {
            WHET_TRY(infer_axis(c, axes[i], d->rank, false, &axis));
            marked[axis] = true;
        }
        r = drop_axes(d, marked, keep);
    } else if (d->rank >= 0 && keep) {
        r.rank = d->rank;
        for (int i = 0; i < r.rank; i++) r.dims[i] = WHET_DIM_UNKNOWN;
    }
    WHET_TRY(whet_infer_set(c, 0, whet_infer_dtype(c, 0), &r));
    const whet_dim *x = NULL; /* the product of a shape is a size */
    int nx = whet_infer_known(c, 0, &x);
    if (nx > 0 && nx <= WHET_MAX_RANK && strcmp(c->n->op->name, "ReduceProd") == 0 && absent) {
        whet_dims all = {.rank = nx};
        memcpy(all.dims, x, sizeof *x * (size_t)nx);
        whet_dim p = infer_product(&all, 0, nx);
        return whet_infer_set_known(c, 0, 1, &p);
    }
    return WHET_OK;
}

whet_status infer_arg_extremum(whet_infer *c)
{
    const whet_dims *d = whet_infer_dims(c, 0);
    bool marked[WHET_MAX_RANK] = {false};
    int axis = 0;
    whet_dims r = {.rank = -1};
    WHET_TRY(whet_infer_need_dtype(c, 0, FLOATS " " INTS));
    if (d->rank >= 0) {
        WHET_TRY(infer_axis(c, whet_node_int(c->n, "axis", 0), d->rank, false, &axis));
        marked[axis] = true;
        r = drop_axes(d, marked, whet_node_int(c->n, "keepdims", 1) != 0);
    }
    return whet_infer_set(c, 0, WHET_S64, &r);
}

whet_status infer_cum_sum(whet_infer *c)
{
    WHET_TRY(whet_infer_need_dtype(c, 0, "f32 f64 s64 s32 u64 u32"));
    WHET_TRY(whet_infer_need_dtype(c, 1, "s64 s32"));
    return whet_infer_set(c, 0, whet_infer_dtype(c, 0), whet_infer_dims(c, 0));
}

whet_status infer_top_k(whet_infer *c)
{
    whet_dims d = *whet_infer_dims(c, 0);
    whet_dim k[1] = {WHET_DIM_UNKNOWN};
    int axis = 0;
    WHET_TRY(whet_infer_need_dtype(c, 0, FLOATS " " INTS));
    WHET_TRY(whet_infer_need_dtype(c, 1, "s64"));
    if (d.rank >= 0) {
        WHET_TRY(infer_axis(c, whet_node_int(c->n, "axis", -1), d.rank, false, &axis));
        if (infer_content(c, 1, k, 1) != 1) k[0] = WHET_DIM_UNKNOWN;
        if (k[0] >= 0 && d.dims[axis] >= 0 && k[0] > d.dims[axis])
            return whet_infer_fail(c, WHET_ESHAPE, "k = %lld is over the axis length %lld", (long long)k[0], (long long)d.dims[axis]);
        d.dims[axis] = k[0];
    }
    WHET_TRY(whet_infer_set(c, 0, whet_infer_dtype(c, 0), &d));
    return whet_infer_set(c, 1, WHET_S64, &d);
}

whet_status infer_sum_to(whet_infer *c)
{
    whet_dims d;
    WHET_TRY(whet_infer_need_dtype(c, 0, "f32 f64"));
    WHET_TRY(whet_infer_broadcast(c, whet_infer_dims(c, 0), whet_infer_dims(c, 1), &d));
    return whet_infer_set(c, 0, whet_infer_dtype(c, 0), whet_infer_dims(c, 1));
}

/* --- gradients */

/* v, which has the reduced shape, broadcast to the shape of the reduced input x. */
static whet_status spread(whet_grad *c, whet_vid v, whet_vid x, whet_vid axes, bool keep, whet_vid *out)
{
    whet_vid shape = WHET_NO_VALUE, ones = WHET_NO_VALUE;
    int64_t one[WHET_MAX_RANK] = {1, 1, 1, 1, 1, 1, 1, 1};
    int rank = c->g->values[x].dims.rank;
    const whet_tensor *a = axes >= 0 ? whet_graph_const_data(c->g, axes) : NULL;
    bool all = axes < 0 || (a != NULL && whet_tensor_numel(a) == 0);
    if (!keep && all && rank >= 0) {
        WHET_TRY(whet_graph_const_s64(c->g, NULL, rank, one, &ones));
        WHET_TRY(grad_op2(c, "Reshape", v, ones, &v));
    } else if (!keep) {
        WHET_TRY(grad_op2(c, "Unsqueeze", v, axes, &v));
    }
    WHET_TRY(grad_shape_of(c, x, false, &shape));
    return grad_op2(c, "Expand", v, shape, out);
}

typedef struct reduced {
    whet_vid x, y, axes, dy; /* dy in the shape of x */
    bool keep, noop;
    whet_dtype t;
} reduced;

static void look(const whet_grad *c, reduced *r)
{
    *r = (reduced){.x = c->n->in[0], .y = c->n->out[0], .axes = c->n->n_in > 1 ? c->n->in[1] : WHET_NO_VALUE, .dy = c->dy[0]};
    r->keep = whet_node_int(c->n, "keepdims", 1) != 0;
    r->t = grad_dtype(c, 0);
    const whet_tensor *a = r->axes >= 0 ? whet_graph_const_data(c->g, r->axes) : NULL;
    bool none = r->axes < 0 || (a != NULL && whet_tensor_numel(a) == 0);
    r->noop = none && whet_node_int(c->n, "noop_with_empty_axes", 0) != 0;
}

static whet_status begin(whet_grad *c, reduced *r)
{
    look(c, r);
    return r->noop ? WHET_OK : spread(c, r->dy, r->x, r->axes, r->keep, &r->dy);
}

static whet_status spread_result(whet_grad *c, const reduced *r, whet_vid *out)
{
    *out = r->y;
    return r->noop ? WHET_OK : spread(c, r->y, r->x, r->axes, r->keep, out);
}

whet_status grad_reduce_sum(whet_grad *c)
{
    reduced r;
    if (!c->need[0]) return WHET_OK;
    WHET_TRY(begin(c, &r));
    c->dx[0] = r.dy;
    return WHET_OK;
}

/* 1 / number of elements behind each result: a constant if the sizes are known, else computed. */
static whet_status mean_scale(whet_grad *c, const reduced *r, whet_vid *out)
{
    const whet_dims *x = &c->g->values[r->x].dims;
    whet_attr to = whet_attr_int("to", whet_dtype_to_onnx(r->t));
    const whet_tensor *axes = r->axes >= 0 ? whet_graph_const_data(c->g, r->axes) : NULL;
    int64_t n = axes != NULL ? whet_tensor_numel(axes) : 0;
    whet_dim count = 1;
    bool known = x->rank >= 0 && (axes != NULL || r->axes < 0);
    for (int i = 0; known && i < x->rank; i++) { /* only the reduced sizes matter: a symbolic batch may stay open */
        bool marked = n == 0;
        for (int64_t k = 0; k < n; k++) {
            int64_t axis = whet_tensor_get_s64(axes, k);
            marked = marked || axis == i || axis + x->rank == i;
        }
        known = !marked || x->dims[i] >= 0;
        if (marked && known) count *= x->dims[i];
    }
    if (known && count > 0) return grad_scalar(c, r->t, 1.0 / (double)count, out);
    whet_vid a = WHET_NO_VALUE, b = WHET_NO_VALUE;
    WHET_TRY(grad_op1(c, "Size", r->x, &a));
    WHET_TRY(grad_op1(c, "Size", r->y, &b));
    WHET_TRY(whet_graph_op1(c->g, "Cast", WHET_IN(a), 1, &to, &a));
    WHET_TRY(whet_graph_op1(c->g, "Cast", WHET_IN(b), 1, &to, &b));
    return grad_op2(c, "Div", b, a, out);
}

whet_status grad_reduce_mean(whet_grad *c)
{
    reduced r;
    whet_vid scale = WHET_NO_VALUE;
    if (!c->need[0]) return WHET_OK;
    look(c, &r);
    if (!r.noop) {
        WHET_TRY(mean_scale(c, &r, &scale));
        WHET_TRY(grad_op2(c, "Mul", r.dy, scale, &r.dy)); /* scale the small tensor, then spread it */
        WHET_TRY(spread(c, r.dy, r.x, r.axes, r.keep, &r.dy));
    }
    c->dx[0] = r.dy;
    return WHET_OK;
}

/* Shared evenly between equal elements. */
whet_status grad_reduce_extremum(whet_grad *c)
{
    reduced r;
    whet_vid y = WHET_NO_VALUE, hit = WHET_NO_VALUE, n = WHET_NO_VALUE;
    if (!c->need[0]) return WHET_OK;
    whet_attr keep = whet_attr_int("keepdims", 1);
    WHET_TRY(begin(c, &r));
    if (r.noop) { c->dx[0] = r.dy; return WHET_OK; }
    whet_attr to = whet_attr_int("to", whet_dtype_to_onnx(r.t));
    WHET_TRY(spread_result(c, &r, &y));
    WHET_TRY(grad_op2(c, "Equal", r.x, y, &hit));
    WHET_TRY(whet_graph_op1(c->g, "Cast", WHET_IN(hit), 1, &to, &hit));
    whet_vid in[2] = {hit, r.axes};
    WHET_TRY(whet_graph_op1(c->g, "ReduceSum", r.axes >= 0 ? 2 : 1, in, 1, &keep, &n));
    WHET_TRY(grad_op2(c, "Div", hit, n, &hit));
    return grad_op2(c, "Mul", r.dy, hit, &c->dx[0]);
}

/* dy * op(a, b), the common shape of the rest; a and b already have the shape of x. */
static whet_status times(whet_grad *c, const reduced *r, const char *op, whet_vid a, whet_vid b)
{
    whet_vid t = a;
    if (op != NULL) WHET_TRY(grad_op2(c, op, a, b, &t));
    return grad_op2(c, "Mul", r->dy, t, &c->dx[0]);
}

whet_status grad_reduce_prod(whet_grad *c) /* y / x: undefined where x is 0 */
{
    reduced r;
    whet_vid y = WHET_NO_VALUE;
    if (!c->need[0]) return WHET_OK;
    WHET_TRY(begin(c, &r));
    WHET_TRY(spread_result(c, &r, &y));
    return times(c, &r, "Div", y, r.x);
}

whet_status grad_reduce_l1(whet_grad *c)
{
    reduced r;
    whet_vid s = WHET_NO_VALUE;
    if (!c->need[0]) return WHET_OK;
    WHET_TRY(begin(c, &r));
    WHET_TRY(grad_op1(c, "Sign", r.x, &s));
    return times(c, &r, NULL, s, s);
}

whet_status grad_reduce_l2(whet_grad *c)
{
    reduced r;
    whet_vid y = WHET_NO_VALUE;
    if (!c->need[0]) return WHET_OK;
    WHET_TRY(begin(c, &r));
    WHET_TRY(spread_result(c, &r, &y));
    return times(c, &r, "Div", r.x, y);
}

whet_status grad_reduce_sum_square(whet_grad *c)
{
    reduced r;
    whet_vid two = WHET_NO_VALUE;
    if (!c->need[0]) return WHET_OK;
    WHET_TRY(begin(c, &r));
    WHET_TRY(grad_scalar(c, r.t, 2.0, &two));
    return times(c, &r, "Mul", r.x, two);
}

whet_status grad_reduce_log_sum(whet_grad *c) /* 1 / sum = exp(-y) */
{
    reduced r;
    whet_vid y = WHET_NO_VALUE;
    if (!c->need[0]) return WHET_OK;
    WHET_TRY(begin(c, &r));
    WHET_TRY(spread_result(c, &r, &y));
    WHET_TRY(grad_op1(c, "Neg", y, &y));
    WHET_TRY(grad_op1(c, "Exp", y, &y));
    return times(c, &r, NULL, y, y);
}

whet_status grad_reduce_log_sum_exp(whet_grad *c)
{
    reduced r;
    whet_vid y = WHET_NO_VALUE;
    if (!c->need[0]) return WHET_OK;
    WHET_TRY(begin(c, &r));
    WHET_TRY(spread_result(c, &r, &y));
    WHET_TRY(grad_op2(c, "Sub", r.x, y, &y));
    WHET_TRY(grad_op1(c, "Exp", y, &y));
    return times(c, &r, NULL, y, y);
}

/* Each input counts in the sums from its place on: the same sum from the other end. */
whet_status grad_cum_sum(whet_grad *c)
{
    const whet_attr attrs[2] = {whet_attr_int("exclusive", whet_node_int(c->n, "exclusive", 0)),
                                whet_attr_int("reverse", whet_node_int(c->n, "reverse", 0) == 0)};
    return c->need[0] ? whet_graph_op1(c->g, "CumSum", WHET_IN(c->dy[0], c->n->in[1]), 2, attrs, &c->dx[0]) : WHET_OK;
}

/* The chosen values' gradients go back to their places. */
whet_status grad_top_k(whet_grad *c)
{
    const whet_attr axis = whet_attr_int("axis", whet_node_int(c->n, "axis", -1));
    const whet_vid x = c->n->in[0], k = c->n->in[1];
    const int n_attr = c->n->n_attr;
    const whet_attr *attr = c->n->attr;
    whet_vid zeros = WHET_NO_VALUE, out[2] = {WHET_NO_VALUE, c->n->out[1]};
    if (!c->need[0] || c->dy[0] == WHET_NO_VALUE) return WHET_OK;
    if (out[1] < 0) WHET_TRY(whet_graph_node(c->g, "TopK", NULL, WHET_IN(x, k), n_attr, attr, 2, NULL, out));
    WHET_TRY(grad_zeros_like(c, x, &zeros));
    return whet_graph_op1(c->g, "ScatterElements", WHET_IN(zeros, out[1], c->dy[0]), 1, &axis, &c->dx[0]);
}
