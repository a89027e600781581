/* SPDX-License-Identifier: Apache-2.0 */
/* Layers that work element by element: arithmetic, comparison, activations, conversion. Source: the operation pages of
 * OpenVINO's documentation (opset1 to opset16). */
#include "formats/openvino/openvino_readers.h"

void ov_read_unary(ov_work *w)
{
    const whet_vid x = ov_in(w, 0);
    ov_out(w, 0, ov_op(w, w->row->op, OV_IN(x)));
}

/* "none" asks for equal shapes, for which numpy's rule is the same. */
static void broadcasting(ov_work *w) { ov_must_be(w, "auto_broadcast", "numpy none NUMPY NONE"); }

void ov_read_binary(ov_work *w)
{
    broadcasting(w);
    const whet_vid a = ov_in(w, 0), b = ov_in(w, 1);
    ov_out(w, 0, ov_op(w, w->row->op, OV_IN(a, b)));
}

void ov_read_multiply(ov_work *w)
{
    broadcasting(w);
    if (!ov_weights_read(w)) ov_read_binary(w);
}

/* Integers of which sizes are made are never negative; others are divided towards minus infinity, as Python does. */
void ov_read_divide(ov_work *w)
{
    broadcasting(w);
    const bool python = ov_bool(w, "m_pythondiv", true);
    const whet_vid a = ov_in(w, 0), b = ov_in(w, 1);
    if (w->status != WHET_OK) return;
    const bool sizes = w->g->values[a].n_known >= 0 && w->g->values[b].n_known >= 0;
    if (!python || sizes || whet_dtype_is_float(ov_dtype(w, 0))) {
        ov_out(w, 0, ov_op(w, "Div", OV_IN(a, b)));
        return;
    }
    const whet_vid rest = ov_op(w, "Mod", OV_IN(a, b));
    ov_out(w, 0, ov_op(w, "Div", OV_IN(ov_op(w, "Sub", OV_IN(a, rest)), b)));
}

/* Sign of the dividend, as fmod. */
void ov_read_mod(ov_work *w)
{
    const whet_attr fmod = whet_attr_int("fmod", 1);
    broadcasting(w);
    const whet_vid in[2] = {ov_in(w, 0), ov_in(w, 1)};
    ov_out(w, 0, ov_node(w, "Mod", 2, in, 1, &fmod));
}

void ov_read_floor_mod(ov_work *w)
{
    broadcasting(w);
    const whet_vid a = ov_in(w, 0), b = ov_in(w, 1);
    if (!whet_dtype_is_float(ov_dtype(w, 0))) {
        ov_out(w, 0, ov_op(w, "Mod", OV_IN(a, b)));
        return;
    }
    const whet_vid whole = ov_op(w, "Floor", OV_IN(ov_op(w, "Div", OV_IN(a, b))));
    ov_out(w, 0, ov_op(w, "Sub", OV_IN(a, ov_op(w, "Mul", OV_IN(whole, b)))));
}

void ov_read_not_equal(ov_work *w)
{
    broadcasting(w);
    const whet_vid a = ov_in(w, 0), b = ov_in(w, 1);
    ov_out(w, 0, ov_op(w, "Not", OV_IN(ov_op(w, "Equal", OV_IN(a, b)))));
}

void ov_read_squared_difference(ov_work *w)
{
    broadcasting(w);
    const whet_vid a = ov_in(w, 0), b = ov_in(w, 1), d = ov_op(w, "Sub", OV_IN(a, b));
    ov_out(w, 0, ov_op(w, "Mul", OV_IN(d, d)));
}

void ov_read_select(ov_work *w)
{
    broadcasting(w);
    const whet_vid c = ov_in(w, 0), a = ov_in(w, 1), b = ov_in(w, 2);
    ov_out(w, 0, ov_op(w, "Where", OV_IN(c, a, b)));
}

void ov_read_clamp(ov_work *w)
{
    const double low = ov_number(w, "min", -INFINITY), high = ov_number(w, "max", INFINITY);
    const whet_vid x = ov_in(w, 0);
    const whet_dtype t = ov_dtype(w, 0);
    if (!(low <= high)) ov_fail(w, WHET_EFORMAT, "min %g is over max %g", low, high);
    const bool whole = !whet_dtype_is_float(t);
    const whet_vid a = ov_make_scalar(w, t, whole ? ceil(low) : low), b = ov_make_scalar(w, t, whole ? floor(high) : high);
    ov_out(w, 0, ov_op(w, "Clip", OV_IN(x, a, b)));
}

static void with_floats(ov_work *w, int n, const whet_attr *attr)
{
    const whet_vid x = ov_in(w, 0);
    ov_out(w, 0, ov_node(w, w->row->op, 1, &x, n, attr));
}

void ov_read_elu(ov_work *w)
{
    const whet_attr a = whet_attr_float("alpha", (float)ov_number(w, "alpha", 1));
    with_floats(w, 1, &a);
}

void ov_read_selu(ov_work *w)
{
    const whet_attr a[2] = {whet_attr_float("alpha", (float)ov_need_number(w, 1, "alpha")),
                            whet_attr_float("gamma", (float)ov_need_number(w, 2, "lambda"))};
    with_floats(w, 2, a);
}

void ov_read_hard_sigmoid(ov_work *w)
{
    const whet_attr a[2] = {whet_attr_float("alpha", (float)ov_need_number(w, 1, "alpha")),
                            whet_attr_float("beta", (float)ov_need_number(w, 2, "beta"))};
    with_floats(w, 2, a);
}

/* min(max(x + 3, 0), 6) / 6 */
void ov_read_hsigmoid(ov_work *w)
{
    const whet_attr a[2] = {whet_attr_float("alpha", 1.0f / 6), whet_attr_float("beta", 0.5f)};
    with_floats(w, 2, a);
}

void ov_read_gelu(ov_work *w)
{
    const char *mode = w->row->first >= 7 ? ov_text(w, "approximation_mode", "ERF") : "ERF";
    const bool tanh_form = strcasecmp(mode, "tanh") == 0;
    if (!tanh_form && strcasecmp(mode, "erf") != 0) ov_fail(w, WHET_EUNSUPPORTED, "approximation_mode '%.40s' is not handled (ERF, TANH are)", mode);
    const whet_attr a = whet_attr_string("approximate", tanh_form ? "tanh" : "none");
    with_floats(w, 1, &a);
}

void ov_read_swish(ov_work *w)
{
    const whet_vid x = ov_in(w, 0);
    if (!ov_has(w, 1) || ov_const(w, 1)) {
        const whet_attr a = whet_attr_float("alpha", ov_has(w, 1) ? (float)ov_need_number(w, 1, "beta") : 1.0f);
        ov_out(w, 0, ov_node(w, "Swish", 1, &x, 1, &a));
        return;
    }
    const whet_vid scaled = ov_op(w, "Mul", OV_IN(x, ov_in(w, 1)));
    ov_out(w, 0, ov_op(w, "Mul", OV_IN(x, ov_op(w, "Sigmoid", OV_IN(scaled)))));
}

void ov_read_is_inf(ov_work *w)
{
    const whet_attr a[2] = {whet_attr_int("detect_negative", ov_bool(w, "detect_negative", true)),
                            whet_attr_int("detect_positive", ov_bool(w, "detect_positive", true))};
    with_floats(w, 2, a);
}

void ov_read_round(ov_work *w)
{
    const char *mode = ov_text(w, "mode", "half_to_even");
    const whet_vid x = ov_in(w, 0);
    if (strcasecmp(mode, "half_to_even") == 0) {
        ov_out(w, 0, ov_op(w, "Round", OV_IN(x)));
        return;
    }
    if (strcasecmp(mode, "half_away_from_zero") != 0) ov_fail(w, WHET_EUNSUPPORTED, "mode '%.40s' is not handled", mode);
    const whet_vid half = ov_make_scalar(w, ov_dtype(w, 0), 0.5);
    const whet_vid size = ov_op(w, "Floor", OV_IN(ov_op(w, "Add", OV_IN(ov_op(w, "Abs", OV_IN(x)), half))));
    ov_out(w, 0, ov_op(w, "Mul", OV_IN(ov_op(w, "Sign", OV_IN(x)), size)));
}

/* One slope; or one for each channel, which lies along axis 1 here; else as numpy broadcasts. */
void ov_read_prelu(ov_work *w)
{
    const whet_tensor *slope = ov_const(w, 1);
    const whet_vid x = ov_in(w, 0);
    const int rank = ov_rank(w, 0);
    if (slope && whet_tensor_numel(slope) == 1) {
        const whet_attr a = whet_attr_float("alpha", (float)whet_tensor_get_f64(slope, 0));
        ov_out(w, 0, ov_node(w, "LeakyRelu", 1, &x, 1, &a));
        return;
    }
    whet_vid s = WHET_NO_VALUE;
    if (rank > 2 && ov_rank(w, 1) == 1 && ov_dim(w, 1, 0) == ov_dim(w, 0, 1)) {
        whet_shape shape = {.rank = rank - 1};
        whet_tensor t;
        const char *name = NULL;
        ov_settle(w, 1);
        for (int i = 0; i < shape.rank; i++) shape.dims[i] = 1;
        shape.dims[0] = ov_dim(w, 1, 0);
        if (ov_reshaped_const(w, 1, &shape, &t, &name)) {
            s = ov_make_const(w, name, &t);
            whet_tensor_dispose(&t);
        } else {
            int64_t dims[WHET_MAX_RANK] = {-1, 1, 1, 1, 1, 1, 1, 1};
            s = ov_reshape(w, ov_in(w, 1), rank - 1, dims);
        }
    } else {
        s = ov_in(w, 1);
    }
    ov_out(w, 0, ov_op(w, "PRelu", OV_IN(x, s)));
}

void ov_read_softmax(ov_work *w)
{
    const int64_t axis = ov_int(w, "axis", 1);
    const whet_attr a = whet_attr_int("axis", axis);
    if (ov_rank(w, 0) >= 0) ov_axis(w, axis, ov_rank(w, 0));
    with_floats(w, 1, &a);
}

void ov_read_cum_sum(ov_work *w)
{
    const whet_attr a[2] = {whet_attr_int("exclusive", ov_bool(w, "exclusive", false)), whet_attr_int("reverse", ov_bool(w, "reverse", false))};
    const whet_vid in[2] = {ov_in(w, 0), ov_has(w, 1) ? ov_in(w, 1) : ov_make_scalar(w, WHET_S64, 0)};
    ov_out(w, 0, ov_node(w, "CumSum", 2, in, 2, a));
}

/* Weights kept in half precision stay so, with a Cast behind them that has their name; a few numbers are widened at once. */
static bool widened(ov_work *w, whet_dtype to)
{
    enum { FEW = 16 };
    const ov_port *p = ov_source(w, 0, NULL);
    whet_tensor t;
    if (!p || !p->is_const || p->wide || !whet_dtype_is_float(p->t.dtype) || (to != WHET_F32 && to != WHET_F64)) return false;
    const char *name = ov_first_name(w, p->names);
    const bool half = p->t.dtype == WHET_F16 || p->t.dtype == WHET_BF16;
    whet_tensor_init(&t);
    whet_tensor_ref(&t, &p->t);
    if (!half || whet_tensor_numel(&t) < FEW) {
        w->status = ov_budget(w->r, (size_t)whet_tensor_numel(&t) * 8);
        if (w->status == WHET_OK) w->status = whet_tensor_cast(&t, &t, to);
        to = WHET_DTYPE_NONE;
    }
    if (w->status == WHET_OK) ov_out_wide(w, 0, &t, to, name ? name : w->l->name);
    else whet_tensor_dispose(&t);
    return true;
}

void ov_read_convert(ov_work *w)
{
    const whet_dtype to = ov_type(w, "destination_type", WHET_DTYPE_NONE);
    if (w->status == WHET_OK && to == WHET_DTYPE_NONE) ov_fail(w, WHET_EFORMAT, "destination_type is missing");
    if (w->status != WHET_OK || widened(w, to)) return;
    ov_out(w, 0, ov_cast(w, ov_in(w, 0), to));
}

void ov_read_convert_like(ov_work *w)
{
    const whet_vid x = ov_in(w, 0), like = ov_in(w, 1);
    ov_out(w, 0, ov_op(w, "CastLike", OV_IN(x, like)));
}
