/* SPDX-License-Identifier: Apache-2.0 */
/* Operators that work element by element, reductions and products. Definitions: tensorflow/core/ops/math_ops.cc. */
#include <stdio.h>

#include "formats/tensorflow/tf_reader.h"

/* op(inputs) in the form that they have, as result 0 under the node's name. */
static whet_status elementwise(tf_reader *r, tf_work *w, const char *op, int n, whet_nhwc *const *in, int n_attr, const whet_attr *attr)
{
    w->out[0] = tf_val_new(r, TF_VAL_TENSOR);
    return w->out[0] ? whet_nhwc_elementwise(r->g, op, w->name, n, in, n_attr, attr, w->name, &w->out[0]->v) : WHET_ENOMEM;
}

/* The same for a step on the way. */
static whet_status inner(tf_reader *r, const char *op, int n, whet_nhwc *const *in, whet_nhwc *out)
{
    return whet_nhwc_elementwise(r->g, op, NULL, n, in, 0, NULL, NULL, out);
}

#define BOTH(a, b) 2, (whet_nhwc *const[]){(a), (b)}

static whet_status scalar_of(tf_reader *r, whet_dtype t, double x, whet_nhwc *out)
{
    *out = WHET_NHWC_NONE;
    return tf_scalar(r, t, x, &out->last);
}

static whet_status inputs(tf_reader *r, tf_work *w, int n, whet_nhwc **in)
{
    for (int i = 0; i < n; i++) WHET_TRY(tf_nhwc(r, w, i, &in[i]));
    return WHET_OK;
}

whet_status tf_read_unary(tf_reader *r, tf_work *w)
{
    whet_nhwc *x[1];
    WHET_TRY(inputs(r, w, 1, x));
    return elementwise(r, w, w->line->ir, 1, x, 0, NULL);
}

whet_status tf_read_binary(tf_reader *r, tf_work *w)
{
    whet_nhwc *x[2];
    WHET_TRY(inputs(r, w, 2, x));
    return elementwise(r, w, w->line->ir, 2, x, 0, NULL);
}

whet_status tf_read_variadic(tf_reader *r, tf_work *w)
{
    whet_nhwc *x[64];
    if (w->n_in < 1 || w->n_in > (int)WHET_COUNT(x)) return tf_fail(w, WHET_EUNSUPPORTED, "%d inputs, 1 to 64 are handled", w->n_in);
    WHET_TRY(inputs(r, w, w->n_in, x));
    return elementwise(r, w, w->line->ir, w->n_in, x, 0, NULL);
}

whet_status tf_read_relu6(tf_reader *r, tf_work *w)
{
    whet_nhwc *x[3], low, high;
    WHET_TRY(inputs(r, w, 1, x));
    const whet_dtype t = whet_nhwc_dtype(r->g, x[0]);
    WHET_TRY(scalar_of(r, t, 0, &low));
    WHET_TRY(scalar_of(r, t, 6, &high));
    x[1] = &low;
    x[2] = &high;
    return elementwise(r, w, "Clip", 3, x, 0, NULL);
}

whet_status tf_read_clip(tf_reader *r, tf_work *w)
{
    whet_nhwc *x[3], low;
    WHET_TRY(inputs(r, w, 3, x));
    if (whet_nhwc_dims(r->g, x[1]).rank == 0 && whet_nhwc_dims(r->g, x[2]).rank == 0) return elementwise(r, w, "Clip", 3, x, 0, NULL);
    WHET_TRY(inner(r, "Max", BOTH(x[0], x[1]), &low));
    return elementwise(r, w, "Min", BOTH(&low, x[2]), 0, NULL);
}

whet_status tf_read_rsqrt(tf_reader *r, tf_work *w)
{
    whet_nhwc *x[1], root;
    WHET_TRY(inputs(r, w, 1, x));
    WHET_TRY(inner(r, "Sqrt", 1, x, &root));
    x[0] = &root;
    return elementwise(r, w, "Reciprocal", 1, x, 0, NULL);
}

whet_status tf_read_square(tf_reader *r, tf_work *w)
{
    whet_nhwc *x[2];
    WHET_TRY(inputs(r, w, 1, x));
    return elementwise(r, w, "Mul", BOTH(x[0], x[0]), 0, NULL);
}

whet_status tf_read_squared_difference(tf_reader *r, tf_work *w)
{
    whet_nhwc *x[2], d;
    WHET_TRY(inputs(r, w, 2, x));
    WHET_TRY(inner(r, "Sub", 2, x, &d));
    return elementwise(r, w, "Mul", BOTH(&d, &d), 0, NULL);
}

whet_status tf_read_log1p(tf_reader *r, tf_work *w)
{
    whet_nhwc *x[1], one, sum;
    WHET_TRY(inputs(r, w, 1, x));
    WHET_TRY(scalar_of(r, whet_nhwc_dtype(r->g, x[0]), 1, &one));
    WHET_TRY(inner(r, "Add", BOTH(x[0], &one), &sum));
    x[0] = &sum;
    return elementwise(r, w, "Log", 1, x, 0, NULL);
}

whet_status tf_read_expm1(tf_reader *r, tf_work *w)
{
    whet_nhwc *x[1], one, e;
    WHET_TRY(inputs(r, w, 1, x));
    WHET_TRY(scalar_of(r, whet_nhwc_dtype(r->g, x[0]), 1, &one));
    WHET_TRY(inner(r, "Exp", 1, x, &e));
    return elementwise(r, w, "Sub", BOTH(&e, &one), 0, NULL);
}

static whet_status with_alpha(tf_reader *r, tf_work *w, float otherwise)
{
    whet_nhwc *x[1];
    const whet_attr a = whet_attr_float("alpha", tf_attr_float(w, "alpha", otherwise));
    WHET_TRY(inputs(r, w, 1, x));
    return elementwise(r, w, w->line->ir, 1, x, 1, &a);
}

whet_status tf_read_leaky_relu(tf_reader *r, tf_work *w) { return with_alpha(r, w, 0.2f); }
whet_status tf_read_elu(tf_reader *r, tf_work *w) { return with_alpha(r, w, 1.0f); }

/* x / y, and 0 where y is 0. */
whet_status tf_read_div_no_nan(tf_reader *r, tf_work *w)
{
    whet_nhwc *x[2], zero, is_zero, q;
    WHET_TRY(inputs(r, w, 2, x));
    WHET_TRY(scalar_of(r, whet_nhwc_dtype(r->g, x[0]), 0, &zero));
    WHET_TRY(inner(r, "Equal", BOTH(x[1], &zero), &is_zero));
    WHET_TRY(inner(r, "Div", 2, x, &q));
    return elementwise(r, w, "Where", 3, (whet_nhwc *const[]){&is_zero, &zero, &q}, 0, NULL);
}

whet_status tf_read_floor_div(tf_reader *r, tf_work *w)
{
    whet_nhwc *x[2], q, rest;
    WHET_TRY(inputs(r, w, 2, x));
    if (whet_dtype_is_float(whet_nhwc_dtype(r->g, x[0]))) {
        WHET_TRY(inner(r, "Div", 2, x, &q));
        x[0] = &q;
        return elementwise(r, w, "Floor", 1, x, 0, NULL);
    }
    WHET_TRY(inner(r, "Mod", 2, x, &rest)); /* has the sign of the divisor */
    WHET_TRY(inner(r, "Sub", BOTH(x[0], &rest), &q));
    return elementwise(r, w, "Div", BOTH(&q, x[1]), 0, NULL);
}

whet_status tf_read_mod(tf_reader *r, tf_work *w)
{
    whet_nhwc *x[2], q, floor, back;
    WHET_TRY(inputs(r, w, 2, x));
    const bool is_float = whet_dtype_is_float(whet_nhwc_dtype(r->g, x[0]));
    const whet_attr fmod = whet_attr_int("fmod", strcmp(w->op, "Mod") == 0);
    if (!is_float || fmod.i) return elementwise(r, w, "Mod", 2, x, 1, &fmod);
    WHET_TRY(inner(r, "Div", 2, x, &q));
    WHET_TRY(inner(r, "Floor", 1, (whet_nhwc *const[]){&q}, &floor));
    WHET_TRY(inner(r, "Mul", BOTH(&floor, x[1]), &back));
    return elementwise(r, w, "Sub", BOTH(x[0], &back), 0, NULL);
}

whet_status tf_read_not_equal(tf_reader *r, tf_work *w)
{
    whet_nhwc *x[2], same;
    WHET_TRY(inputs(r, w, 2, x));
    WHET_TRY(inner(r, "Equal", 2, x, &same));
    x[0] = &same;
    return elementwise(r, w, "Not", 1, x, 0, NULL);
}

whet_status tf_read_select(tf_reader *r, tf_work *w)
{
    whet_nhwc *x[3];
    WHET_TRY(inputs(r, w, 3, x));
    const int rank = whet_nhwc_dims(r->g, x[0]).rank;
    if (strcmp(w->op, "Select") == 0 && rank == 1 && whet_nhwc_dims(r->g, x[1]).rank != 1)
        return tf_fail(w, WHET_EUNSUPPORTED, "a condition of one value a row is not handled; SelectV2 is");
    return elementwise(r, w, "Where", 3, x, 0, NULL);
}

whet_status tf_read_cast(tf_reader *r, tf_work *w)
{
    whet_nhwc *x[1];
    const int64_t to = tf_attr_type(w, "DstT", 0);
    const whet_dtype t = tf_dtype(to);
    if (t == WHET_DTYPE_NONE) return tf_fail(w, WHET_EUNSUPPORTED, "type %s is not handled", tf_dtype_name(to));
    const whet_attr a = whet_attr_int("to", whet_dtype_to_onnx(t));
    WHET_TRY(inputs(r, w, 1, x));
    return elementwise(r, w, "Cast", 1, x, 1, &a);
}

/* --- products */

whet_status tf_read_matmul(tf_reader *r, tf_work *w)
{
    whet_vid x = WHET_NO_VALUE, y = WHET_NO_VALUE;
    const bool ta = tf_attr_bool(w, "transpose_a", false), tb = tf_attr_bool(w, "transpose_b", false);
    WHET_TRY(tf_need(w, 2));
    WHET_TRY(tf_in(r, w, 0, WHET_NHWC, &x));
    WHET_TRY(tf_weight(r, w, 1, NULL, true, &y));
    const int rx = r->g->values[x].dims.rank, ry = r->g->values[y].dims.rank;
    if ((rx >= 0 && rx != 2) || (ry >= 0 && ry != 2)) return tf_fail(w, WHET_EFORMAT, "operands have %d and %d dimensions, 2 are needed", rx, ry);
    if (!ta && !tb) return tf_emit(r, w, "MatMul", WHET_IN(x, y), WHET_NO_ATTRS, WHET_NHWC);
    return tf_emit(r, w, "Gemm", WHET_IN(x, y), WHET_ATTRS(whet_attr_int("transA", ta), whet_attr_int("transB", tb)), WHET_NHWC);
}

static whet_status swap_last(tf_reader *r, tf_work *w, whet_vid *v)
{
    int64_t perm[WHET_MAX_RANK];
    const whet_vid x = *v;
    const int rank = r->g->values[x].dims.rank;
    if (rank < 2) return tf_fail(w, WHET_EUNSUPPORTED, "the number of dimensions is not known");
    for (int i = 0; i < rank; i++) perm[i] = i < rank - 2 ? i : 2 * rank - 3 - i;
    return tf_make(r, w, "Transpose", WHET_IN(x), WHET_ATTRS(whet_attr_ints("perm", rank, perm)), v);
}

whet_status tf_read_batch_matmul(tf_reader *r, tf_work *w)
{
    whet_vid x = WHET_NO_VALUE, y = WHET_NO_VALUE;
    WHET_TRY(tf_need(w, 2));
    WHET_TRY(tf_in(r, w, 0, WHET_NHWC, &x));
    WHET_TRY(tf_weight(r, w, 1, NULL, true, &y));
    if (tf_attr_bool(w, "adj_x", false)) WHET_TRY(swap_last(r, w, &x));
    if (tf_attr_bool(w, "adj_y", false)) WHET_TRY(swap_last(r, w, &y));
    return tf_emit(r, w, "MatMul", WHET_IN(x, y), WHET_NO_ATTRS, WHET_NHWC);
}

/* --- along axes */

whet_status tf_read_softmax(tf_reader *r, tf_work *w)
{
    whet_nhwc *x[1];
    whet_vid v = WHET_NO_VALUE;
    WHET_TRY(inputs(r, w, 1, x));
    const int rank = whet_nhwc_dims(r->g, x[0]).rank;
    const whet_layout form = whet_nhwc_form(r->g, 1, (const whet_nhwc *const *)x);
    WHET_TRY(whet_nhwc_get(r->g, x[0], form, &v));
    const whet_attr axis = whet_attr_int("axis", rank > 0 ? whet_nhwc_axis(rank - 1, rank, form) : -1);
    return tf_emit(r, w, w->line->ir, WHET_IN(v), 1, &axis, form);
}

static whet_status axes_of(tf_reader *r, tf_work *w, int i, int rank, int64_t *axes, int *n, uint32_t *bits)
{
    *bits = 0;
    WHET_TRY(tf_ints(r, w, i, axes, WHET_MAX_RANK, n));
    if (rank < 0) return tf_fail(w, WHET_EUNSUPPORTED, "the number of dimensions is not known");
    for (int k = 0; k < *n; k++) {
        if (axes[k] < -rank || axes[k] >= rank) return tf_fail(w, WHET_EFORMAT, "axis %lld is none of %d", (long long)axes[k], rank);
        if (axes[k] < 0) axes[k] += rank;
        *bits |= 1u << axes[k];
    }
    return WHET_OK;
}

whet_status tf_read_reduce(tf_reader *r, tf_work *w)
{
    whet_nhwc *x[1];
    int64_t axes[WHET_MAX_RANK];
    uint32_t bits = 0;
    int n = 0;
    whet_vid v = WHET_NO_VALUE, list = WHET_NO_VALUE;
    const bool keep = tf_attr_bool(w, "keep_dims", false);
    WHET_TRY(tf_need(w, 2));
    WHET_TRY(inputs(r, w, 1, x));
    const int rank = whet_nhwc_dims(r->g, x[0]).rank;
    WHET_TRY(axes_of(r, w, 1, rank, axes, &n, &bits));
    whet_layout form = whet_nhwc_form(r->g, 1, (const whet_nhwc *const *)x);
    if (!keep && !whet_nhwc_order_kept(rank, bits)) form = WHET_NHWC;
    n = 0;
    for (int i = 0; i < rank; i++)
        if (bits >> i & 1) axes[n++] = whet_nhwc_axis(i, rank, form);
    WHET_TRY(whet_nhwc_get(r->g, x[0], form, &v));
    WHET_TRY(whet_graph_const_s64(r->g, NULL, n, axes, &list));
    return tf_emit(r, w, w->line->ir, WHET_IN(v, list),
                   WHET_ATTRS(whet_attr_int("keepdims", keep), whet_attr_int("noop_with_empty_axes", 1)), form);
}

whet_status tf_read_arg_extremum(tf_reader *r, tf_work *w)
{
    whet_nhwc *x[1];
    int64_t axes[WHET_MAX_RANK] = {0};
    uint32_t bits = 1;
    int n = 1;
    whet_vid v = WHET_NO_VALUE, at = WHET_NO_VALUE;
    const int64_t code = tf_attr_type(w, "output_type", TF_INT64);
    const whet_dtype t = tf_dtype(code);
    WHET_TRY(inputs(r, w, 1, x));
    const int rank = whet_nhwc_dims(r->g, x[0]).rank;
    if (w->n_in > 1) WHET_TRY(axes_of(r, w, 1, rank, axes, &n, &bits));
    if (n != 1 || t == WHET_DTYPE_NONE) return tf_fail(w, WHET_EFORMAT, "needs one axis and a type of its result");
    const whet_layout form = whet_nhwc_order_kept(rank, bits) ? whet_nhwc_form(r->g, 1, (const whet_nhwc *const *)x) : WHET_NHWC;
    const whet_attr a[2] = {whet_attr_int("axis", whet_nhwc_axis((int)axes[0], rank, form)), whet_attr_int("keepdims", 0)};
    WHET_TRY(whet_nhwc_get(r->g, x[0], form, &v));
    if (t == WHET_S64) return tf_emit(r, w, w->line->ir, WHET_IN(v), 2, a, WHET_NHWC);
    WHET_TRY(tf_make(r, w, w->line->ir, WHET_IN(v), 2, a, &at));
    return tf_emit(r, w, "Cast", WHET_IN(at), WHET_ATTRS(whet_attr_int("to", whet_dtype_to_onnx(t))), WHET_NHWC);
}

whet_status tf_read_top_k(tf_reader *r, tf_work *w)
{
    whet_vid x = WHET_NO_VALUE, k = WHET_NO_VALUE, y[2], small = WHET_NO_VALUE;
    const int64_t one = 1;
    int64_t count = 0;
    int n = 0;
    char second[512];
    WHET_TRY(tf_need(w, 2));
    WHET_TRY(tf_ints(r, w, 1, &count, 1, &n));
    WHET_TRY(tf_in(r, w, 0, WHET_NHWC, &x));
    WHET_TRY(whet_graph_const_s64(r->g, NULL, (int)one, &count, &k));
    snprintf(second, sizeof(second), "%.500s:1", w->name);
    const char *const names[2] = {w->name, NULL};
    WHET_TRY(whet_graph_node(r->g, "TopK", w->name, WHET_IN(x, k),
                             WHET_ATTRS(whet_attr_int("axis", -1), whet_attr_int("sorted", tf_attr_bool(w, "sorted", true))), 2, names, y));
    const whet_attr to = whet_attr_int("to", whet_dtype_to_onnx(WHET_S32));
    const char *const cast_name[1] = {second};
    WHET_TRY(whet_graph_node(r->g, "Cast", NULL, WHET_IN(y[1]), 1, &to, 1, cast_name, &small));
    WHET_TRY(tf_outputs(r, w, 2));
    WHET_TRY(tf_set(r, w, 0, y[0], WHET_NHWC));
    return tf_set(r, w, 1, small, WHET_NHWC);
}
