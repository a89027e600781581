/* SPDX-License-Identifier: Apache-2.0 */
/* Readers of activations and elementwise arithmetic. Definitions: PyTorch's documentation of torch and torch.nn.functional. */
#include <math.h>

#include "formats/torchscript/ts_ops.h"

static whet_status emit1(ts_call *c, const char *op, whet_vid x, int n_attr, const whet_attr *attrs)
{
    whet_vid y = WHET_NO_VALUE;
    WHET_TRY(ts_emit(c, op, WHET_IN(x), n_attr, attrs, &y));
    return ts_result(c, y);
}

static whet_status emit2(ts_call *c, const char *op, whet_vid a, whet_vid b)
{
    whet_vid y = WHET_NO_VALUE;
    WHET_TRY(ts_emit(c, op, WHET_IN(a, b), WHET_NO_ATTRS, &y));
    return ts_result(c, y);
}

whet_status ts_read_unary(ts_call *c)
{
    whet_vid x = WHET_NO_VALUE;
    WHET_TRY(ts_in(c, 0, &x));
    return emit1(c, c->op->ir, x, WHET_NO_ATTRS);
}

whet_status ts_read_rsqrt(ts_call *c)
{
    whet_vid x = WHET_NO_VALUE, y = WHET_NO_VALUE;
    WHET_TRY(ts_in(c, 0, &x));
    WHET_TRY(ts_emit(c, "Sqrt", WHET_IN(x), WHET_NO_ATTRS, &y));
    return emit1(c, "Reciprocal", y, WHET_NO_ATTRS);
}

whet_status ts_read_square(ts_call *c)
{
    whet_vid x = WHET_NO_VALUE;
    WHET_TRY(ts_in(c, 0, &x));
    return emit2(c, "Mul", x, x);
}

/* --- clipping: a bound that is not given is absent */

static whet_status clip(ts_call *c, bool has_lo, double lo, bool has_hi, double hi)
{
    whet_vid in[3] = {WHET_NO_VALUE, WHET_NO_VALUE, WHET_NO_VALUE}, y = WHET_NO_VALUE;
    WHET_TRY(ts_in(c, 0, &in[0]));
    if (has_lo) WHET_TRY(ts_scalar_like(c, in[0], lo, &in[1]));
    if (has_hi) WHET_TRY(ts_scalar_like(c, in[0], hi, &in[2]));
    WHET_TRY(ts_emit(c, "Clip", has_hi ? 3 : 2, in, WHET_NO_ATTRS, &y));
    return ts_result(c, y);
}

whet_status ts_read_clamp(ts_call *c)
{
    double lo = 0, hi = 0;
    WHET_TRY(ts_get_float(c, 1, 0, &lo));
    WHET_TRY(ts_get_float(c, 2, 0, &hi));
    return clip(c, ts_given(c, 1), lo, ts_given(c, 2), hi);
}

whet_status ts_read_clamp_max(ts_call *c)
{
    double hi = 0;
    WHET_TRY(ts_get_float(c, 1, 0, &hi));
    return clip(c, false, 0, true, hi);
}

whet_status ts_read_hardtanh(ts_call *c)
{
    double lo = -1, hi = 1;
    WHET_TRY(ts_get_float(c, 1, -1, &lo));
    WHET_TRY(ts_get_float(c, 2, 1, &hi));
    return clip(c, true, lo, true, hi);
}

whet_status ts_read_relu6(ts_call *c) { return clip(c, true, 0, true, 6); }

/* --- activations with attributes */

static whet_status with_alpha(ts_call *c, const char *op, const char *attr, int i, double otherwise)
{
    whet_vid x = WHET_NO_VALUE;
    double a = 0;
    WHET_TRY(ts_in(c, 0, &x));
    WHET_TRY(ts_get_float(c, i, otherwise, &a));
    const whet_attr at = whet_attr_float(attr, (float)a);
    return emit1(c, op, x, 1, &at);
}

whet_status ts_read_leaky_relu(ts_call *c) { return with_alpha(c, "LeakyRelu", "alpha", 1, 0.01); }
whet_status ts_read_celu(ts_call *c) { return with_alpha(c, "Celu", "alpha", 1, 1); }

whet_status ts_read_elu(ts_call *c)
{
    double scale = 1, input_scale = 1;
    WHET_TRY(ts_get_float(c, 2, 1, &scale));
    WHET_TRY(ts_get_float(c, 3, 1, &input_scale));
    if (scale != 1 || input_scale != 1) return ts_refuse(c, "scale and input_scale are not handled");
    return with_alpha(c, "Elu", "alpha", 1, 1);
}

whet_status ts_read_hard_sigmoid(ts_call *c)
{
    const whet_attr attrs[2] = {whet_attr_float("alpha", 1.0f / 6), whet_attr_float("beta", 0.5f)};
    whet_vid x = WHET_NO_VALUE;
    WHET_TRY(ts_in(c, 0, &x));
    return emit1(c, "HardSigmoid", x, 2, attrs);
}

whet_status ts_read_gelu(ts_call *c)
{
    whet_vid x = WHET_NO_VALUE;
    const char *how = c->arg[1].kind == TSV_TEXT ? c->arg[1].as.s : "none";
    const whet_attr at = whet_attr_string("approximate", how);
    WHET_TRY(ts_in(c, 0, &x));
    return emit1(c, "Gelu", x, 1, &at);
}

/* log(1 + exp(b x)) / b; torch goes over to x above the threshold, where f32 does so by itself. */
whet_status ts_read_softplus(ts_call *c)
{
    whet_vid x = WHET_NO_VALUE, s = WHET_NO_VALUE;
    double beta = 1, threshold = 20;
    WHET_TRY(ts_in(c, 0, &x));
    WHET_TRY(ts_get_float(c, 1, 1, &beta));
    WHET_TRY(ts_get_float(c, 2, 20, &threshold));
    if (threshold < 15 || beta == 0) return ts_refuse(c, "a threshold below 15 is not handled");
    if (beta == 1) return emit1(c, "Softplus", x, WHET_NO_ATTRS);
    WHET_TRY(ts_scalar_like(c, x, beta, &s));
    WHET_TRY(ts_emit(c, "Mul", WHET_IN(x, s), WHET_NO_ATTRS, &x));
    WHET_TRY(ts_emit(c, "Softplus", WHET_IN(x), WHET_NO_ATTRS, &x));
    return emit2(c, "Div", x, s);
}

/* One slope, or one per channel (dimension 1). */
whet_status ts_read_prelu(ts_call *c)
{
    whet_vid x = WHET_NO_VALUE, w = WHET_NO_VALUE, shape = WHET_NO_VALUE;
    int64_t sizes[WHET_MAX_RANK];
    int rank = 0;
    WHET_TRY(ts_in(c, 0, &x));
    WHET_TRY(ts_in(c, 1, &w));
    WHET_TRY(ts_rank(c, x, &rank));
    if (ts_dims(c, w)->rank == 1 && ts_dims(c, w)->dims[0] != 1 && rank > 2) {
        for (int i = 0; i < rank; i++) sizes[i] = i == 1 ? -1 : 1;
        WHET_TRY(ts_ints(c, rank - 1, sizes + 1, &shape));
        WHET_TRY(ts_emit(c, "Reshape", WHET_IN(w, shape), WHET_NO_ATTRS, &w));
    }
    return emit2(c, "PRelu", x, w);
}

whet_status ts_read_softmax(ts_call *c)
{
    whet_vid x = WHET_NO_VALUE;
    int rank = 0, axis = 0;
    int64_t code = 0;
    WHET_TRY(ts_in(c, 0, &x));
    WHET_TRY(ts_rank(c, x, &rank));
    WHET_TRY(ts_get_axis(c, 1, -1, rank, &axis));
    WHET_TRY(ts_get_int(c, 2, 6, &code));
    if (ts_given(c, 2)) WHET_TRY(ts_cast(c, x, ts_dtype_of_code(code), &x));
    const whet_attr at = whet_attr_int("axis", axis);
    return emit1(c, c->op->ir, x, 1, &at);
}

whet_status ts_read_dropout(ts_call *c)
{
    bool train = false;
    double p = 0;
    WHET_TRY(ts_get_float(c, 1, 0, &p));
    WHET_TRY(ts_get_bool(c, 2, false, &train));
    if (train && p != 0) return ts_refuse(c, "the network was saved in training mode; call eval() before it is saved");
    c->out = c->arg[0];
    return WHET_OK;
}

/* --- arithmetic */

whet_status ts_read_binary(ts_call *c)
{
    whet_vid a = WHET_NO_VALUE, b = WHET_NO_VALUE;
    WHET_TRY(ts_pair(c, 0, 1, &a, &b));
    return emit2(c, c->op->ir, a, b);
}

static whet_status with_factor(ts_call *c, whet_vid like, int i, whet_vid *v)
{
    double alpha = 1;
    whet_vid s = WHET_NO_VALUE;
    WHET_TRY(ts_get_float(c, i, 1, &alpha));
    if (alpha == 1) return WHET_OK;
    WHET_TRY(ts_scalar_like(c, like, alpha, &s));
    return ts_emit(c, "Mul", WHET_IN(*v, s), WHET_NO_ATTRS, v);
}

whet_status ts_read_add(ts_call *c)
{
    whet_vid a = WHET_NO_VALUE, b = WHET_NO_VALUE;
    WHET_TRY(ts_pair(c, 0, 1, &a, &b));
    WHET_TRY(with_factor(c, b, 2, &b));
    return emit2(c, c->op->ir, a, b);
}

whet_status ts_read_rsub(ts_call *c)
{
    whet_vid a = WHET_NO_VALUE, b = WHET_NO_VALUE;
    WHET_TRY(ts_pair(c, 0, 1, &a, &b));
    WHET_TRY(with_factor(c, a, 2, &a));
    return emit2(c, "Sub", b, a);
}

whet_status ts_read_div(ts_call *c)
{
    whet_vid a = WHET_NO_VALUE, b = WHET_NO_VALUE;
    WHET_TRY(ts_pair(c, 0, 1, &a, &b));
    bool whole = !whet_dtype_is_float(c->e->g->values[a].dtype);
    if (c->arg[2].kind == TSV_TEXT) {
        whet_vid y = WHET_NO_VALUE;
        bool floors = strcmp(c->arg[2].as.s, "floor") == 0;
        if (!floors || whole) return ts_refuse(c, "rounding_mode '%.20s' is not handled here", c->arg[2].as.s);
        WHET_TRY(ts_emit(c, "Div", WHET_IN(a, b), WHET_NO_ATTRS, &y));
        return emit1(c, "Floor", y, WHET_NO_ATTRS);
    }
    if (whole) {
        WHET_TRY(ts_cast(c, a, WHET_F32, &a));
        WHET_TRY(ts_cast(c, b, WHET_F32, &b));
    }
    return emit2(c, "Div", a, b);
}

whet_status ts_read_pow(ts_call *c)
{
    whet_vid a = WHET_NO_VALUE, b = WHET_NO_VALUE;
    double p = 0;
    WHET_TRY(ts_pair(c, 0, 1, &a, &b));
    if (ts_number(&c->arg[1], &p) && p == 2) return emit2(c, "Mul", a, a);
    if (ts_number(&c->arg[1], &p) && p == 0.5) return emit1(c, "Sqrt", a, WHET_NO_ATTRS);
    return emit2(c, "Pow", a, b);
}

whet_status ts_read_not_equal(ts_call *c)
{
    whet_vid a = WHET_NO_VALUE, b = WHET_NO_VALUE, y = WHET_NO_VALUE;
    WHET_TRY(ts_pair(c, 0, 1, &a, &b));
    WHET_TRY(ts_emit(c, "Equal", WHET_IN(a, b), WHET_NO_ATTRS, &y));
    return emit1(c, "Not", y, WHET_NO_ATTRS);
}

whet_status ts_read_where(ts_call *c)
{
    whet_vid m = WHET_NO_VALUE, a = WHET_NO_VALUE, b = WHET_NO_VALUE, y = WHET_NO_VALUE;
    WHET_TRY(ts_in(c, 0, &m));
    WHET_TRY(ts_pair(c, 1, 2, &a, &b));
    WHET_TRY(ts_emit(c, "Where", WHET_IN(m, a, b), WHET_NO_ATTRS, &y));
    return ts_result(c, y);
}

whet_status ts_read_masked_fill(ts_call *c)
{
    whet_vid m = WHET_NO_VALUE, x = WHET_NO_VALUE, s = WHET_NO_VALUE, y = WHET_NO_VALUE;
    WHET_TRY(ts_in(c, 1, &m));
    WHET_TRY(ts_pair(c, 0, 2, &x, &s));
    WHET_TRY(ts_emit(c, "Where", WHET_IN(m, s, x), WHET_NO_ATTRS, &y));
    return ts_result(c, y);
}

/* --- types and what changes nothing */

whet_status ts_read_same(ts_call *c)
{
    c->out = c->arg[0];
    return c->arg[0].kind == TSV_TENSOR ? WHET_OK : ts_refuse(c, "%s is no tensor", ts_kind_name(c->arg[0].kind));
}

whet_status ts_read_copy(ts_call *c)
{
    whet_vid x = WHET_NO_VALUE;
    WHET_TRY(ts_in(c, 0, &x));
    return ts_result(c, x);
}

static whet_status to_type(ts_call *c, whet_dtype t)
{
    whet_vid x = WHET_NO_VALUE, y = WHET_NO_VALUE;
    WHET_TRY(ts_in(c, 0, &x));
    if (t == WHET_DTYPE_NONE) return ts_refuse(c, "this element type is not handled");
    WHET_TRY(ts_cast(c, x, t, &y));
    if (x == y) return ts_read_same(c);
    return ts_result(c, y);
}

/* to(dtype, ...), to(device, dtype, ...), to(other): the first number that is a type. */
whet_status ts_read_to(ts_call *c)
{
    whet_vid other = WHET_NO_VALUE;
    if (c->arg[1].kind == TSV_TENSOR) {
        WHET_TRY(ts_in(c, 1, &other));
        return to_type(c, c->e->g->values[other].dtype);
    }
    for (int i = 1; i <= 2; i++)
        if (c->arg[i].kind == TSV_INT) return to_type(c, ts_dtype_of_code(c->arg[i].as.i));
    return ts_read_same(c);
}

whet_status ts_read_type_as(ts_call *c)
{
    whet_vid other = WHET_NO_VALUE;
    WHET_TRY(ts_in(c, 1, &other));
    return to_type(c, c->e->g->values[other].dtype);
}

whet_status ts_read_to_float(ts_call *c) { return to_type(c, WHET_F32); }
