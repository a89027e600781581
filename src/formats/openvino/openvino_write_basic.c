/* SPDX-License-Identifier: Apache-2.0 */
/* Nodes that work element by element, written as layers. */
#include <float.h>

#include "formats/openvino/openvino_readers.h"

/* The row's type and opset, input for input. */
static const ov_row *row_of(const whet_node *n)
{
    char op[96];
    return ov_row_for_writing(whet_op_text(n->op, op, sizeof(op)));
}

static void begin(ov_writer *w, const whet_node *n)
{
    const ov_row *row = row_of(n);
    ov_begin(w, row->type, row->first, n->name);
}

void ov_write_unary(ov_writer *w, const whet_node *n)
{
    const ov_ref x = ov_node_in(w, n, 0);
    begin(w, n);
    ov_input(w, x);
    ov_end_as(w, n);
}

void ov_write_binary(ov_writer *w, const whet_node *n)
{
    const ov_ref a = ov_node_in(w, n, 0), b = ov_node_in(w, n, 1);
    begin(w, n);
    ov_attr(w, "auto_broadcast", "numpy");
    if (whet_node_is(n, "Div")) ov_attr_bool(w, "m_pythondiv", false); /* integers are cut towards zero */
    ov_input(w, a);
    ov_input(w, b);
    ov_end_as(w, n);
}

/* Exponents have the base's type here. */
void ov_write_pow(ov_writer *w, const whet_node *n)
{
    const ov_ref a = ov_node_in(w, n, 0), b = ov_convert(w, ov_node_in(w, n, 1), ov_v(w, n, 0)->dtype);
    ov_binary_as(w, "Power", a, b, n);
}

/* Max, Min, Sum of any number. */
void ov_write_variadic(ov_writer *w, const whet_node *n)
{
    const char *type = row_of(n)->type;
    ov_ref x = ov_node_in(w, n, 0);
    if (n->n_in == 1) {
        ov_is(w, n->out[0], x);
        return;
    }
    for (int i = 1; i + 1 < n->n_in; i++) x = ov_binary(w, type, x, ov_node_in(w, n, i));
    ov_binary_as(w, type, x, ov_node_in(w, n, n->n_in - 1), n);
}

void ov_write_mean(ov_writer *w, const whet_node *n)
{
    ov_ref x = ov_node_in(w, n, 0);
    for (int i = 1; i < n->n_in; i++) x = ov_binary(w, "Add", x, ov_node_in(w, n, i));
    ov_binary_as(w, "Divide", x, ov_put_scalar(w, ov_v(w, n, 0)->dtype, n->n_in), n);
}

void ov_write_mod(ov_writer *w, const whet_node *n)
{
    const bool c_style = whet_node_int(n, "fmod", 0) != 0;
    ov_binary_as(w, c_style ? "Mod" : "FloorMod", ov_node_in(w, n, 0), ov_node_in(w, n, 1), n);
}

void ov_write_reciprocal(ov_writer *w, const whet_node *n)
{
    ov_binary_as(w, "Divide", ov_put_scalar(w, ov_v(w, n, 0)->dtype, 1), ov_node_in(w, n, 0), n);
}

void ov_write_where(ov_writer *w, const whet_node *n)
{
    const ov_ref c = ov_node_in(w, n, 0), a = ov_node_in(w, n, 1), b = ov_node_in(w, n, 2);
    ov_begin(w, "Select", 1, n->name);
    ov_attr(w, "auto_broadcast", "numpy");
    ov_input(w, c);
    ov_input(w, a);
    ov_input(w, b);
    ov_end_as(w, n);
}

static double bound(const ov_writer *w, const whet_node *n, int i, double otherwise)
{
    const whet_tensor *t = ov_tensor(w, n, i);
    return t ? whet_tensor_get_f64(t, 0) : otherwise;
}

static void clamp(ov_writer *w, ov_ref x, double low, double high)
{
    ov_attr_number(w, "min", fmax(low, -(double)FLT_MAX));
    ov_attr_number(w, "max", fmin(high, (double)FLT_MAX));
    ov_input(w, x);
}

void ov_write_clip(ov_writer *w, const whet_node *n)
{
    const bool constant = (!ov_node_has(n, 1) || ov_tensor(w, n, 1)) && (!ov_node_has(n, 2) || ov_tensor(w, n, 2));
    ov_ref x = ov_node_in(w, n, 0);
    const double low = bound(w, n, 1, -INFINITY), high = bound(w, n, 2, INFINITY);
    if (constant && low <= high) {
        ov_begin(w, "Clamp", 1, n->name);
        clamp(w, x, low, high);
        ov_end_as(w, n);
        return;
    }
    if (ov_node_has(n, 1) && ov_node_has(n, 2)) x = ov_binary(w, "Maximum", x, ov_node_in(w, n, 1));
    ov_binary_as(w, ov_node_has(n, 2) ? "Minimum" : "Maximum", x, ov_node_in(w, n, ov_node_has(n, 2) ? 2 : 1), n);
}

ov_ref ov_activated(ov_writer *w, const whet_node *n, ov_ref x)
{
    const char *act = whet_node_string(n, "activation", "");
    const ov_output d = *ov_shape_of(w, x);
    if (!*act) return x;
    if (strcmp(act, "Relu") == 0) return ov_unary(w, "ReLU", 1, x);
    if (strcmp(act, "Silu") == 0) return ov_unary(w, "Swish", 4, x);
    if (strcmp(act, "Clip") != 0) {
        ov_refuse(w, "fused activation '%s' has no form in IR; write the graph before it is lowered", act);
        return x;
    }
    ov_begin(w, "Clamp", 1, NULL);
    clamp(w, x, (double)whet_node_float(n, "act_min", 0), (double)whet_node_float(n, "act_max", 0));
    return ov_end1(w, d.dtype, &d.dims, NULL);
}

/* Operators whose parameters are attributes in the graph and scalar inputs in the file. */
static void with_scalars(ov_writer *w, const whet_node *n, int count, const double *x)
{
    ov_ref s[3], in = ov_node_in(w, n, 0);
    const whet_dtype t = ov_v(w, n, 0)->dtype;
    for (int i = 0; i < count; i++) s[i] = ov_put_scalar(w, t, x[i]);
    begin(w, n);
    ov_input(w, in);
    for (int i = 0; i < count; i++) ov_input(w, s[i]);
    ov_end_as(w, n);
}

static double attr(const whet_node *n, const char *name, double otherwise) { return (double)whet_node_float(n, name, (float)otherwise); }

void ov_write_selu(ov_writer *w, const whet_node *n)
{
    with_scalars(w, n, 2, (const double[]){attr(n, "alpha", 1.67326319217681884765625), attr(n, "gamma", 1.05070102214813232421875)});
}

void ov_write_hard_sigmoid(ov_writer *w, const whet_node *n)
{
    with_scalars(w, n, 2, (const double[]){attr(n, "alpha", 0.2), attr(n, "beta", 0.5)});
}

void ov_write_leaky_relu(ov_writer *w, const whet_node *n) { with_scalars(w, n, 1, (const double[]){attr(n, "alpha", 0.01)}); }

void ov_write_swish(ov_writer *w, const whet_node *n)
{
    const double alpha = attr(n, "alpha", 1);
    with_scalars(w, n, alpha != 1, &alpha);
}

void ov_write_elu(ov_writer *w, const whet_node *n)
{
    const ov_ref x = ov_node_in(w, n, 0);
    begin(w, n);
    ov_attr_number(w, "alpha", attr(n, "alpha", 1));
    ov_input(w, x);
    ov_end_as(w, n);
}

/* max(0, x) + min(0, alpha * (exp(x / alpha) - 1)) */
void ov_write_celu(ov_writer *w, const whet_node *n)
{
    const whet_dtype t = ov_v(w, n, 0)->dtype;
    const double alpha = attr(n, "alpha", 1);
    const ov_ref x = ov_node_in(w, n, 0), a = ov_put_scalar(w, t, alpha), zero = ov_put_scalar(w, t, 0);
    const ov_ref e = ov_unary(w, "Exp", 1, ov_binary(w, "Divide", x, a));
    const ov_ref low = ov_binary(w, "Multiply", ov_binary(w, "Subtract", e, ov_put_scalar(w, t, 1)), a);
    ov_binary_as(w, "Add", ov_unary(w, "ReLU", 1, x), ov_binary(w, "Minimum", low, zero), n);
}

void ov_write_thresholded_relu(ov_writer *w, const whet_node *n)
{
    const whet_dtype t = ov_v(w, n, 0)->dtype;
    const ov_ref x = ov_node_in(w, n, 0), over = ov_binary(w, "Greater", x, ov_put_scalar(w, t, attr(n, "alpha", 1)));
    ov_binary_as(w, "Multiply", x, ov_convert(w, over, t), n);
}

void ov_write_gelu(ov_writer *w, const whet_node *n)
{
    const ov_ref x = ov_node_in(w, n, 0);
    begin(w, n);
    ov_attr(w, "approximation_mode", strcmp(whet_node_string(n, "approximate", "none"), "tanh") == 0 ? "TANH" : "ERF");
    ov_input(w, x);
    ov_end_as(w, n);
}

void ov_write_is_inf(ov_writer *w, const whet_node *n)
{
    const ov_ref x = ov_node_in(w, n, 0);
    begin(w, n);
    ov_attr_bool(w, "detect_negative", whet_node_int(n, "detect_negative", 1) != 0);
    ov_attr_bool(w, "detect_positive", whet_node_int(n, "detect_positive", 1) != 0);
    ov_input(w, x);
    ov_end_as(w, n);
}

void ov_write_round(ov_writer *w, const whet_node *n)
{
    const ov_ref x = ov_node_in(w, n, 0);
    begin(w, n);
    ov_attr(w, "mode", "half_to_even");
    ov_input(w, x);
    ov_end_as(w, n);
}

/* A slope of one dimension would be taken for the channels: it gets the rank of x. */
void ov_write_prelu(ov_writer *w, const whet_node *n)
{
    const whet_value *x = ov_v(w, n, 0), *s = ov_v(w, n, 1);
    const ov_ref in = ov_node_in(w, n, 0);
    ov_ref slope = ov_node_in(w, n, 1);
    if (s->dims.rank == 1 && x->dims.rank > 2 && s->dims.dims[0] != 1) {
        int64_t shape[WHET_MAX_RANK];
        for (int i = 0; i < x->dims.rank; i++) shape[i] = i + 1 < x->dims.rank ? 1 : s->dims.dims[0];
        slope = ov_reshaped(w, slope, x->dims.rank, shape);
    }
    begin(w, n);
    ov_input(w, in);
    ov_input(w, slope);
    ov_end_as(w, n);
}

void ov_write_softmax(ov_writer *w, const whet_node *n)
{
    const ov_ref x = ov_node_in(w, n, 0);
    begin(w, n);
    ov_attr_int(w, "axis", whet_node_int(n, "axis", -1));
    ov_input(w, x);
    ov_end_as(w, n);
}

void ov_write_cum_sum(ov_writer *w, const whet_node *n)
{
    const ov_ref x = ov_node_in(w, n, 0), axis = ov_tensor(w, n, 1) ? ov_put_int(w, whet_tensor_get_s64(ov_tensor(w, n, 1), 0)) : ov_node_in(w, n, 1);
    begin(w, n);
    ov_attr_bool(w, "exclusive", whet_node_int(n, "exclusive", 0) != 0);
    ov_attr_bool(w, "reverse", whet_node_int(n, "reverse", 0) != 0);
    ov_input(w, x);
    ov_input(w, axis);
    ov_end_as(w, n);
}

static void convert_to(ov_writer *w, const whet_node *n)
{
    const ov_ref x = ov_node_in(w, n, 0);
    const whet_dtype t = w->g->values[n->out[0]].dtype;
    if (!ov_dtype_element(t)) ov_refuse(w, "type %s has no form in IR", whet_dtype_name(t));
    if (w->status != WHET_OK) return;
    ov_begin(w, "Convert", 1, n->name);
    ov_attr(w, "destination_type", ov_dtype_element(t));
    ov_input(w, x);
    ov_end_as(w, n);
}

/* Weights in half precision: when they are asked for, in the form that is wanted. */
void ov_write_cast(ov_writer *w, const whet_node *n)
{
    if (!ov_half_of(w, n->out[0])) convert_to(w, n);
}
void ov_write_cast_like(ov_writer *w, const whet_node *n) { convert_to(w, n); }

/* Nothing is written: users take the input itself. */
void ov_write_pass(ov_writer *w, const whet_node *n)
{
    if (n->n_out > 1 && n->out[1] >= 0 && w->uses[n->out[1]]) ov_refuse(w, "output 1 has no form in IR");
    if (whet_node_is(n, "Dropout") && ov_node_has(n, 2) && (!ov_tensor(w, n, 2) || whet_tensor_get_f64(ov_tensor(w, n, 2), 0) != 0))
        ov_refuse(w, "dropout in training has no form in IR; freeze the graph");
    const ov_ref x = ov_node_in(w, n, 0);
    if (whet_graph_is_output(w->g, n->out[0])) ov_reshape_as(w, x, n); /* the output keeps its name */
    else ov_is(w, n->out[0], x);
}
