/* SPDX-License-Identifier: Apache-2.0 */
/* Elementwise operators, activations, reductions: they stay in the form that their operands have. */
#include "formats/tflite/tflite_reader.h"

#include <math.h>

static whet_status operands(tfl_reader *r, const tfl_node *n, int count, whet_vid *v, whet_layout *form)
{
    int rank = 0;
    *form = tfl_form(r, n, 0, count - 1);
    for (int i = 0; i < count; i++) {
        int one = 0;
        WHET_TRY(tfl_rank(r, n, i, &one));
        rank = WHET_MAX(rank, one);
    }
    for (int i = 0; i < count; i++) WHET_TRY(tfl_get_operand(r, n, i, rank, *form, &v[i]));
    return WHET_OK;
}

TFL_READ(binary)
{
    const int options = n->row->options;
    const bool fused = options == TFL_OPT_ADD || options == TFL_OPT_SUB || options == TFL_OPT_MUL || options == TFL_OPT_DIV;
    whet_vid v[2];
    whet_layout form;
    WHET_TRY(tfl_arity(r, n, 2, 2, 1));
    WHET_TRY(operands(r, n, 2, v, &form));
    return tfl_last(r, n, 0, fused ? tfl_s8(n, TFL_BINARY_ACTIVATION) : TFL_ACT_NONE, form, n->row->ir, 2, v, WHET_NO_ATTRS);
}

TFL_READ(variadic)
{
    whet_vid v[TFL_MAX_ARITY];
    whet_layout form;
    WHET_TRY(tfl_arity(r, n, 1, TFL_MAX_ARITY, 1));
    WHET_TRY(operands(r, n, n->n_in, v, &form));
    return tfl_last(r, n, 0, TFL_ACT_NONE, form, n->row->ir, n->n_in, v, WHET_NO_ATTRS);
}

TFL_READ(not_equal)
{
    whet_vid v[2], y = WHET_NO_VALUE;
    whet_layout form;
    WHET_TRY(tfl_arity(r, n, 2, 2, 1));
    WHET_TRY(operands(r, n, 2, v, &form));
    WHET_TRY(tfl_emit(r, n, "Equal", 2, v, WHET_NO_ATTRS, &y));
    return tfl_last(r, n, 0, TFL_ACT_NONE, form, "Not", 1, &y, WHET_NO_ATTRS);
}

TFL_READ(squared_difference)
{
    whet_vid v[2], y = WHET_NO_VALUE;
    whet_layout form;
    WHET_TRY(tfl_arity(r, n, 2, 2, 1));
    WHET_TRY(operands(r, n, 2, v, &form));
    WHET_TRY(tfl_emit(r, n, "Sub", 2, v, WHET_NO_ATTRS, &y));
    return tfl_last(r, n, 0, TFL_ACT_NONE, form, "Mul", WHET_IN(y, y), WHET_NO_ATTRS);
}

/* floor(a / b); for integers (a - a mod b) / b, the remainder having the sign of b. */
TFL_READ(floor_div)
{
    whet_vid v[2], y = WHET_NO_VALUE;
    whet_layout form;
    WHET_TRY(tfl_arity(r, n, 2, 2, 1));
    WHET_TRY(operands(r, n, 2, v, &form));
    if (whet_dtype_is_float(r->g->values[v[0]].dtype)) {
        WHET_TRY(tfl_emit(r, n, "Div", 2, v, WHET_NO_ATTRS, &y));
        return tfl_last(r, n, 0, TFL_ACT_NONE, form, "Floor", 1, &y, WHET_NO_ATTRS);
    }
    WHET_TRY(tfl_emit(r, n, "Mod", 2, v, WHET_NO_ATTRS, &y));
    WHET_TRY(tfl_emit(r, n, "Sub", WHET_IN(v[0], y), WHET_NO_ATTRS, &y));
    return tfl_last(r, n, 0, TFL_ACT_NONE, form, "Div", WHET_IN(y, v[1]), WHET_NO_ATTRS);
}

TFL_READ(floor_mod)
{
    whet_vid v[2], y = WHET_NO_VALUE;
    whet_layout form;
    WHET_TRY(tfl_arity(r, n, 2, 2, 1));
    WHET_TRY(operands(r, n, 2, v, &form));
    if (!whet_dtype_is_float(r->g->values[v[0]].dtype)) return tfl_last(r, n, 0, TFL_ACT_NONE, form, "Mod", 2, v, WHET_NO_ATTRS);
    WHET_TRY(tfl_emit(r, n, "Div", 2, v, WHET_NO_ATTRS, &y));
    WHET_TRY(tfl_emit(r, n, "Floor", 1, &y, WHET_NO_ATTRS, &y));
    WHET_TRY(tfl_emit(r, n, "Mul", WHET_IN(y, v[1]), WHET_NO_ATTRS, &y));
    return tfl_last(r, n, 0, TFL_ACT_NONE, form, "Sub", WHET_IN(v[0], y), WHET_NO_ATTRS);
}

/* SELECT, unlike SELECT_V2, takes one condition for each entry of the first axis too. */
TFL_READ(select)
{
    whet_vid v[3];
    whet_layout form;
    int condition = 0, rank = 0;
    WHET_TRY(tfl_arity(r, n, 3, 3, 1));
    WHET_TRY(tfl_rank(r, n, 0, &condition));
    WHET_TRY(tfl_rank(r, n, 1, &rank));
    if (n->row->code == TFL_SELECT && condition == 1 && rank > 1)
        return tfl_fail(r, n, WHET_EUNSUPPORTED, "a condition for each entry of the first axis is not handled");
    WHET_TRY(operands(r, n, 3, v, &form));
    return tfl_last(r, n, 0, TFL_ACT_NONE, form, "Where", 3, v, WHET_NO_ATTRS);
}

static whet_status one_operand(tfl_reader *r, const tfl_node *n, whet_vid *x, whet_layout *form)
{
    WHET_TRY(tfl_arity(r, n, 1, 1, 1));
    *form = tfl_form(r, n, 0, 0);
    return tfl_get(r, n, 0, *form, x);
}

TFL_READ(unary)
{
    whet_vid x = WHET_NO_VALUE;
    whet_layout form;
    WHET_TRY(one_operand(r, n, &x, &form));
    return tfl_last(r, n, 0, TFL_ACT_NONE, form, n->row->ir, 1, &x, WHET_NO_ATTRS);
}

TFL_READ(rsqrt)
{
    whet_vid x = WHET_NO_VALUE;
    whet_layout form;
    WHET_TRY(one_operand(r, n, &x, &form));
    WHET_TRY(tfl_emit(r, n, "Sqrt", 1, &x, WHET_NO_ATTRS, &x));
    return tfl_last(r, n, 0, TFL_ACT_NONE, form, "Reciprocal", 1, &x, WHET_NO_ATTRS);
}

TFL_READ(square)
{
    whet_vid x = WHET_NO_VALUE;
    whet_layout form;
    WHET_TRY(one_operand(r, n, &x, &form));
    return tfl_last(r, n, 0, TFL_ACT_NONE, form, "Mul", WHET_IN(x, x), WHET_NO_ATTRS);
}

TFL_READ(clip)
{
    whet_vid x = WHET_NO_VALUE, limits[2];
    whet_layout form;
    const int code = n->row->code;
    WHET_TRY(one_operand(r, n, &x, &form));
    const whet_dtype t = r->g->values[x].dtype;
    WHET_TRY(whet_graph_const_like(r->g, t, code == TFL_RELU_N1_TO_1 ? -1 : 0, &limits[0]));
    WHET_TRY(whet_graph_const_like(r->g, t, code == TFL_RELU6 ? 6 : 1, &limits[1]));
    return tfl_last(r, n, 0, TFL_ACT_NONE, form, "Clip", WHET_IN(x, limits[0], limits[1]), WHET_NO_ATTRS);
}

TFL_READ(leaky_relu)
{
    whet_vid x = WHET_NO_VALUE;
    whet_layout form;
    WHET_TRY(one_operand(r, n, &x, &form));
    return tfl_last(r, n, 0, TFL_ACT_NONE, form, "LeakyRelu", 1, &x,
                    WHET_ATTRS(whet_attr_float("alpha", whet_fb_float(&n->opt, TFL_LEAKY_RELU_ALPHA, 0))));
}

TFL_READ(prelu)
{
    whet_vid v[2];
    whet_layout form;
    WHET_TRY(tfl_arity(r, n, 2, 2, 1));
    WHET_TRY(operands(r, n, 2, v, &form));
    return tfl_last(r, n, 0, TFL_ACT_NONE, form, "PRelu", 2, v, WHET_NO_ATTRS);
}

TFL_READ(gelu)
{
    whet_vid x = WHET_NO_VALUE;
    whet_layout form;
    WHET_TRY(one_operand(r, n, &x, &form));
    return tfl_last(r, n, 0, TFL_ACT_NONE, form, "Gelu", 1, &x,
                    WHET_ATTRS(whet_attr_string("approximate", whet_fb_bool(&n->opt, TFL_GELU_APPROXIMATE) ? "tanh" : "none")));
}

TFL_READ(softmax)
{
    const float beta = n->row->code == TFL_SOFTMAX ? whet_fb_float(&n->opt, TFL_SOFTMAX_BETA, 0) : 1;
    whet_vid x = WHET_NO_VALUE, factor = WHET_NO_VALUE;
    whet_layout form;
    int rank = 0;
    WHET_TRY(one_operand(r, n, &x, &form));
    WHET_TRY(tfl_rank(r, n, 0, &rank));
    if (beta != 1) {
        WHET_TRY(tfl_float_value(r, beta, &factor));
        WHET_TRY(tfl_emit(r, n, "Mul", WHET_IN(x, factor), WHET_NO_ATTRS, &x));
    }
    return tfl_last(r, n, 0, TFL_ACT_NONE, form, n->row->ir, 1, &x,
                    WHET_ATTRS(whet_attr_int("axis", whet_nhwc_axis(rank - 1, rank, form))));
}

/* Integers as they stand: a cast knows nothing of scales. */
TFL_READ(cast)
{
    whet_vid x = WHET_NO_VALUE;
    WHET_TRY(tfl_arity(r, n, 1, 1, 1));
    const tfl_tensor *t = tfl_out(r, n, 0), *in = tfl_in(r, n, 0);
    const whet_layout form = in->raw.first >= 0 ? WHET_NCHW : WHET_NHWC;
    if (t->dtype == WHET_DTYPE_NONE) return tfl_fail(r, n, WHET_EUNSUPPORTED, "a cast to %s is not handled", tfl_type_name(t->type));
    WHET_TRY(tfl_get_raw(r, n, 0, form, &x));
    WHET_TRY(tfl_emit(r, n, "Cast", 1, &x, WHET_ATTRS(whet_attr_int("to", whet_dtype_to_onnx(t->dtype))), &x));
    return tfl_give(r, n, 0, x, form);
}

/* --- reductions */
/* The form in which axes can be reduced, and the axes in it. */
static whet_status reduce_axes(tfl_reader *r, const tfl_node *n, bool keep, whet_layout *form, int *count, int64_t *axes)
{
    int rank = 0, axis = 0;
    uint32_t removed = 0;
    WHET_TRY(tfl_rank(r, n, 0, &rank));
    WHET_TRY(tfl_ints(r, n, 1, "the list of axes", TFL_MAX_INTS, axes, count));
    for (int i = 0; i < *count; i++) {
        WHET_TRY(tfl_axis(r, n, axes[i], rank, &axis));
        removed |= 1u << axis;
    }
    *form = tfl_form(r, n, 0, 0);
    if (!keep && !whet_nhwc_order_kept(rank, removed)) *form = WHET_NHWC;
    *count = 0;
    for (int i = 0; i < rank; i++) /* each once */
        if (removed >> i & 1) axes[(*count)++] = whet_nhwc_axis(i, rank, *form);
    return WHET_OK;
}

TFL_READ(reduce)
{
    const bool keep = whet_fb_bool(&n->opt, TFL_REDUCER_KEEP_DIMS);
    whet_vid x = WHET_NO_VALUE, list = WHET_NO_VALUE;
    int64_t axes[TFL_MAX_INTS];
    whet_layout form;
    int count = 0, rank = 0;
    WHET_TRY(tfl_arity(r, n, 2, 2, 1));
    WHET_TRY(tfl_rank(r, n, 0, &rank));
    WHET_TRY(reduce_axes(r, n, keep, &form, &count, axes));
    WHET_TRY(tfl_get(r, n, 0, form, &x));
    WHET_TRY(tfl_ints_value(r, count, axes, &list));
    if (!keep && rank - count != 4 && form == WHET_NCHW) form = WHET_NHWC; /* of the result, which has fewer dimensions */
    return tfl_last(r, n, 0, TFL_ACT_NONE, form, n->row->ir, WHET_IN(x, list),
                    WHET_ATTRS(whet_attr_int("keepdims", keep), whet_attr_int("noop_with_empty_axes", 1)));
}

TFL_READ(arg)
{
    whet_vid x = WHET_NO_VALUE;
    int64_t axes[TFL_MAX_INTS];
    whet_layout form;
    int count = 0;
    WHET_TRY(tfl_arity(r, n, 2, 2, 1));
    WHET_TRY(reduce_axes(r, n, false, &form, &count, axes));
    if (count != 1) return tfl_fail(r, n, WHET_EFORMAT, "%d axes, one is needed", count);
    WHET_TRY(tfl_get(r, n, 0, form, &x));
    WHET_TRY(tfl_emit(r, n, n->row->ir, 1, &x, WHET_ATTRS(whet_attr_int("axis", axes[0]), whet_attr_int("keepdims", 0)), &x));
    return tfl_give(r, n, 0, x, WHET_NHWC);
}

TFL_READ(cumsum)
{
    whet_vid x = WHET_NO_VALUE, axis = WHET_NO_VALUE;
    int64_t list[1];
    int count = 0;
    WHET_TRY(tfl_arity(r, n, 2, 2, 1));
    WHET_TRY(tfl_ints(r, n, 1, "the axis", 1, list, &count));
    if (count != 1) return tfl_fail(r, n, WHET_EFORMAT, "the axis is missing");
    WHET_TRY(tfl_get(r, n, 0, WHET_NHWC, &x));
    WHET_TRY(whet_graph_const_like(r->g, WHET_S64, (double)list[0], &axis));
    return tfl_last(r, n, 0, TFL_ACT_NONE, WHET_NHWC, "CumSum", WHET_IN(x, axis),
                    WHET_ATTRS(whet_attr_int("exclusive", whet_fb_bool(&n->opt, TFL_CUMSUM_EXCLUSIVE)),
                               whet_attr_int("reverse", whet_fb_bool(&n->opt, TFL_CUMSUM_REVERSE))));
}

TFL_READ(topk)
{
    whet_vid x = WHET_NO_VALUE, k = WHET_NO_VALUE, y[2];
    WHET_TRY(tfl_arity(r, n, 2, 2, 2));
    WHET_TRY(tfl_get(r, n, 0, WHET_NHWC, &x));
    WHET_TRY(tfl_s64(r, n, 1, &k));
    WHET_TRY(tfl_reshape(r, n, k, 1, (const int64_t[]){1}, &k));
    WHET_TRY(whet_graph_node(r->g, "TopK", n->label, WHET_IN(x, k), WHET_NO_ATTRS, 2, NULL, y));
    WHET_TRY(tfl_give(r, n, 0, y[0], WHET_NHWC));
    return tfl_give(r, n, 1, y[1], WHET_NHWC);
}

/* --- quantisation: the tensors' own parameters say it all */
TFL_READ(quantize)
{
    whet_vid x = WHET_NO_VALUE;
    whet_layout form;
    WHET_TRY(one_operand(r, n, &x, &form));
    return tfl_give(r, n, 0, x, form);
}

TFL_READ(dequantize)
{
    whet_vid x = WHET_NO_VALUE;
    whet_layout form;
    WHET_TRY(tfl_arity(r, n, 1, 1, 1));
    tfl_tensor *t = tfl_in(r, n, 0), *y = tfl_out(r, n, 0);
    if (t->constant && !y->defined && !y->constant) { /* weights stored in fewer bits: the constant itself under another name */
        y->constant = true;
        y->data = t->data;
        y->bytes = t->bytes;
        y->stored = t->stored;
        y->scale = t->scale;
        y->zero = t->zero;
        y->axis = t->axis;
        y->dims = t->dims;
        return WHET_OK;
    }
    WHET_TRY(one_operand(r, n, &x, &form));
    return tfl_give(r, n, 0, x, form);
}

/* x rounded to the grid of `bits` over [min, max], moved so that 0 lies on it. */
TFL_READ(fake_quant)
{
    const int64_t bits = tfl_s32(n, TFL_FAKE_QUANT_BITS, 0), low = whet_fb_bool(&n->opt, TFL_FAKE_QUANT_NARROW);
    const float min = whet_fb_float(&n->opt, TFL_FAKE_QUANT_MIN, 0), max = whet_fb_float(&n->opt, TFL_FAKE_QUANT_MAX, 0);
    whet_vid x = WHET_NO_VALUE, scale_v = WHET_NO_VALUE, zero_v = WHET_NO_VALUE, limits[2];
    whet_layout form;
    WHET_TRY(one_operand(r, n, &x, &form));
    if (bits < 2 || bits > 16) return tfl_fail(r, n, WHET_EUNSUPPORTED, "%lld bits are not handled, 2 to 16 are", (long long)bits);
    if (!(min <= 0 && max >= 0 && max > min)) return tfl_fail(r, n, WHET_EFORMAT, "the range %g to %g is none", (double)min, (double)max);
    const int64_t high = ((int64_t)1 << bits) - 1;
    const float scale = (max - min) / (float)(high - low);
    const float zero = fminf(fmaxf(roundf((float)low - min / scale), (float)low), (float)high);
    WHET_TRY(tfl_float_value(r, ((float)low - zero) * scale, &limits[0]));
    WHET_TRY(tfl_float_value(r, ((float)high - zero) * scale, &limits[1]));
    WHET_TRY(tfl_float_value(r, scale, &scale_v));
    WHET_TRY(whet_graph_const_like(r->g, bits > 8 ? WHET_U16 : WHET_U8, (double)zero, &zero_v));
    WHET_TRY(tfl_emit(r, n, "Clip", WHET_IN(x, limits[0], limits[1]), WHET_NO_ATTRS, &x));
    WHET_TRY(tfl_emit(r, n, "QuantizeLinear", WHET_IN(x, scale_v, zero_v), WHET_NO_ATTRS, &x));
    return tfl_last(r, n, 0, TFL_ACT_NONE, form, "DequantizeLinear", WHET_IN(x, scale_v, zero_v), WHET_NO_ATTRS);
}
