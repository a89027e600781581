/* SPDX-License-Identifier: Apache-2.0 */
/* Nodes named after their layer; activations by name, as layers and inside layers; sums and products of several tensors; the
 * arithmetic that Keras 2 and 3 put into graphs as operations. */
#include <stdio.h>
#include <string.h>

#include "formats/keras/keras_reader.h"
#include "wire/json.h"

whet_status keras_emit(const keras_call *c, const char *op, int n_in, const whet_vid *in, int n_attr, const whet_attr *attrs, whet_vid *out)
{
    return whet_graph_node(c->r->g, op, c->l->scope, n_in, in, n_attr, attrs, 1, NULL, out);
}

whet_status keras_elementwise(const keras_call *c, const char *op, int n, whet_nhwc *const *in, int n_attr, const whet_attr *attrs, whet_nhwc *out)
{
    return whet_nhwc_elementwise(c->r->g, op, c->l->scope, n, in, n_attr, attrs, NULL, out);
}

whet_status keras_image(const keras_call *c, whet_nhwc *t, whet_vid *out)
{
    whet_dims d;
    WHET_TRY(keras_dims(c, t, 4, &d));
    return whet_nhwc_get(c->r->g, t, keras_channels_first(c) ? WHET_NHWC : WHET_NCHW, out);
}

whet_nhwc keras_of_image(const keras_call *c, whet_vid v)
{
    return whet_nhwc_of(v, keras_channels_first(c) ? WHET_NHWC : WHET_NCHW);
}

whet_status keras_dims(const keras_call *c, whet_nhwc *t, int rank, whet_dims *out)
{
    char text[160];
    *out = whet_nhwc_dims(c->r->g, t);
    if (out->rank < 1) return keras_fail(c, WHET_ESHAPE, "the shape of its input is not known");
    if (rank == 0 || out->rank == rank) return WHET_OK;
    return keras_fail(c, WHET_ESHAPE, "its input should have %d dimensions, but is %s", rank, whet_dims_text(c->r->g, out, text, sizeof text));
}

static whet_status unary(const keras_call *c, const char *op, int n_attr, const whet_attr *attrs, whet_nhwc *t)
{
    whet_nhwc *in = t;
    return keras_elementwise(c, op, 1, &in, n_attr, attrs, t);
}

static whet_status clip(const keras_call *c, float low, float high, whet_nhwc *t)
{
    const whet_layout form = t->first >= 0 ? WHET_NCHW : WHET_NHWC;
    whet_vid in[3] = {form == WHET_NCHW ? t->first : t->last, WHET_NO_VALUE, WHET_NO_VALUE}, y = WHET_NO_VALUE;
    WHET_TRY(whet_graph_const_f32(c->r->g, NULL, low, &in[1]));
    WHET_TRY(whet_graph_const_f32(c->r->g, NULL, high, &in[2]));
    WHET_TRY(keras_emit(c, "Clip", 3, in, WHET_NO_ATTRS, &y));
    *t = whet_nhwc_of(y, form);
    return WHET_OK;
}

/* Softmax over an axis of the file. */
static whet_status softmax(const keras_call *c, const char *op, int64_t axis, whet_nhwc *t)
{
    whet_dims d;
    whet_nhwc *in = t;
    const whet_nhwc *list[1] = {t};
    WHET_TRY(keras_dims(c, t, 0, &d));
    if (axis < 0) axis += d.rank;
    if (axis < 0 || axis >= d.rank) return keras_fail(c, WHET_EFORMAT, "its axis is beyond the %d dimensions of its input", d.rank);
    const int at = whet_nhwc_axis((int)axis, d.rank, whet_nhwc_form(c->r->g, 1, list));
    return keras_elementwise(c, op, 1, &in, WHET_ATTRS(whet_attr_int("axis", at)), t);
}

static whet_status constant_f32(const keras_call *c, double x, whet_nhwc *out)
{
    out->first = WHET_NO_VALUE;
    return whet_graph_const_f32(c->r->g, NULL, (float)x, &out->last);
}

/* --- activations by name. Keras 2's hard_sigmoid is steeper than Keras 3's; leaky_relu as a name has slope 0.2. */
typedef struct named { const char *name, *op, *attr; float x; } named; // attr NULL: the operator has none
static const named simple[] = {
    {"relu", "Relu", NULL, 0}, {"sigmoid", "Sigmoid", NULL, 0}, {"tanh", "Tanh", NULL, 0},
    {"elu", "Elu", "alpha", 1}, {"selu", "Selu", NULL, 0}, {"celu", "Celu", NULL, 0},
    {"softplus", "Softplus", NULL, 0}, {"softsign", "Softsign", NULL, 0},
    {"swish", "Swish", NULL, 0}, {"silu", "Swish", NULL, 0},
    {"exponential", "Exp", NULL, 0}, {"mish", "Mish", NULL, 0}, {"leaky_relu", "LeakyRelu", "alpha", 0.2f},
    {"hard_swish", "HardSwish", NULL, 0}, {"hard_silu", "HardSwish", NULL, 0},
    {"gelu", "Gelu", NULL, 0}, {"sqrt", "Sqrt", NULL, 0}, {"abs", "Abs", NULL, 0}, {"neg", "Neg", NULL, 0}};

whet_status keras_apply_named(const keras_call *c, const char *name, whet_nhwc *t)
{
    if (strcmp(name, "linear") == 0) return WHET_OK;
    if (strcmp(name, "relu6") == 0) return clip(c, 0, 6, t);
    if (strcmp(name, "softmax") == 0) return softmax(c, "Softmax", -1, t);
    if (strcmp(name, "log_softmax") == 0) return softmax(c, "LogSoftmax", -1, t);
    if (strcmp(name, "hard_sigmoid") == 0)
        return unary(c, "HardSigmoid", WHET_ATTRS(whet_attr_float("alpha", c->r->keras3 ? 1.0f / 6 : 0.2f), whet_attr_float("beta", 0.5f)), t);
    for (size_t i = 0; i < WHET_COUNT(simple); i++) {
        if (strcmp(simple[i].name, name) != 0) continue;
        const whet_attr a = whet_attr_float(simple[i].attr != NULL ? simple[i].attr : "alpha", simple[i].x);
        return unary(c, simple[i].op, simple[i].attr != NULL ? 1 : 0, &a, t);
    }
    return keras_fail(c, WHET_EUNSUPPORTED, "the activation '%.60s' is not one of Keras' own, or not supported: use a layer for it", name);
}

/* "relu", {"class_name": "function", "config": "relu"}, or a whole layer as an activation. */
whet_status keras_activate(const keras_call *c, const json_t *activation, whet_nhwc *t)
{
    const char *registered = json_is_object(activation) ? whet_json_str(activation, "registered_name") : "";
    if (activation == NULL) return WHET_OK;
    if (json_is_object(activation) && json_is_string(json_object_get(activation, "config")) && strchr(registered, '>') == NULL)
        activation = json_object_get(activation, "config");
    if (json_is_string(activation)) return keras_apply_named(c, json_string_value(activation), t);
    return keras_fail(c, WHET_EUNSUPPORTED, "an activation of the class '%.60s' is not supported: use a layer for it",
                      json_is_object(activation) ? whet_json_str(activation, "class_name") : "?");
}

static whet_status begin(keras_call *c)
{
    if (c->n_in != 1) return keras_fail(c, WHET_EFORMAT, "it is called with %zu tensors instead of one", c->n_in);
    c->out = *c->in[0];
    return WHET_OK;
}

whet_status keras_read_activation(keras_call *c)
{
    WHET_TRY(begin(c));
    return keras_activate(c, keras_config(c, "activation"), &c->out);
}

whet_status keras_read_nothing(keras_call *c)
{
    return begin(c);
}

/* The negative slope was called alpha in Keras 2. */
static whet_status slope_of(const keras_call *c, double otherwise, double *out)
{
    return keras_real(c, keras_config(c, "alpha") != NULL ? "alpha" : "negative_slope", otherwise, out);
}

whet_status keras_read_relu(keras_call *c)
{
    double high = 0, slope = 0, threshold = 0;
    WHET_TRY(begin(c));
    WHET_TRY(keras_real(c, "max_value", 0, &high));
    WHET_TRY(slope_of(c, 0, &slope));
    WHET_TRY(keras_real(c, "threshold", 0, &threshold));
    const bool bounded = keras_config(c, "max_value") != NULL;
    if (threshold != 0 && (bounded || slope != 0)) return keras_fail(c, WHET_EUNSUPPORTED, "a threshold together with max_value or negative_slope is not supported");
    if (threshold < 0) return keras_fail(c, WHET_EUNSUPPORTED, "a negative threshold is not supported");
    if (threshold != 0) return unary(c, "ThresholdedRelu", WHET_ATTRS(whet_attr_float("alpha", (float)threshold)), &c->out);
    if (slope != 0) {
        WHET_TRY(unary(c, "LeakyRelu", WHET_ATTRS(whet_attr_float("alpha", (float)slope)), &c->out));
        return bounded ? clip(c, -3.402823466e38f, (float)high, &c->out) : WHET_OK;
    }
    return bounded ? clip(c, 0, (float)high, &c->out) : unary(c, "Relu", WHET_NO_ATTRS, &c->out);
}

whet_status keras_read_leaky_relu(keras_call *c)
{
    double slope = 0.3;
    WHET_TRY(begin(c));
    WHET_TRY(slope_of(c, 0.3, &slope));
    return unary(c, "LeakyRelu", WHET_ATTRS(whet_attr_float("alpha", (float)slope)), &c->out);
}

whet_status keras_read_elu(keras_call *c)
{
    double alpha = 1;
    WHET_TRY(begin(c));
    WHET_TRY(keras_real(c, "alpha", 1, &alpha));
    return unary(c, "Elu", WHET_ATTRS(whet_attr_float("alpha", (float)alpha)), &c->out);
}

whet_status keras_read_thresholded_relu(keras_call *c)
{
    double theta = 1;
    WHET_TRY(begin(c));
    WHET_TRY(keras_real(c, "theta", 1, &theta));
    return unary(c, "ThresholdedRelu", WHET_ATTRS(whet_attr_float("alpha", (float)theta)), &c->out);
}

whet_status keras_read_softmax(keras_call *c)
{
    int64_t axis = -1;
    WHET_TRY(begin(c));
    WHET_TRY(keras_int(c, "axis", -1, &axis));
    return softmax(c, "Softmax", axis, &c->out);
}

/* alpha has the shape of the input without the batch, 1 at shared axes. */
whet_status keras_read_prelu(keras_call *c)
{
    whet_dims d;
    whet_nhwc alpha = WHET_NHWC_NONE, *in[2] = {&c->out, &alpha};
    whet_shape shape;
    WHET_TRY(begin(c));
    WHET_TRY(keras_dims(c, &c->out, 0, &d));
    keras_weight w = {.i = 0, .sub = "", .role = "alpha", .rank = d.rank - 1};
    for (int i = 1; i < d.rank; i++) w.dims[i - 1] = -1;
    whet_tensor t;
    WHET_TRY(keras_load(c, &w, &t));
    shape = t.shape;
    whet_tensor_dispose(&t);
    for (int i = shape.rank; i > 0; i--) shape.dims[i] = shape.dims[i - 1];
    shape.dims[0] = 1;
    shape.rank++;
    WHET_TRY(keras_param(c, &w, NULL, &shape, &alpha.last));
    return keras_elementwise(c, "PRelu", 2, in, WHET_NO_ATTRS, &c->out);
}

/* --- several tensors */
whet_status keras_read_merge(keras_call *c)
{
    const int rank = c->n_in > 0 ? whet_nhwc_dims(c->r->g, c->in[0]).rank : 0;
    if (c->n_in < 1 || (strcmp(c->l->class_name, "Subtract") == 0 && c->n_in != 2)) return keras_fail(c, WHET_EFORMAT, "it is called with %zu tensors", c->n_in);
    for (size_t i = 1; i < c->n_in; i++)
        if (whet_nhwc_dims(c->r->g, c->in[i]).rank != rank) return keras_fail(c, WHET_EUNSUPPORTED, "tensors of different ranks are not supported");
    c->out = *c->in[0];
    if (strcmp(c->l->class_name, "Average") == 0) return keras_elementwise(c, "Mean", (int)c->n_in, c->in, WHET_NO_ATTRS, &c->out);
    for (size_t i = 1; i < c->n_in; i++) {
        whet_nhwc *two[2] = {&c->out, c->in[i]};
        WHET_TRY(keras_elementwise(c, c->l->def->ir, 2, two, WHET_NO_ATTRS, &c->out));
    }
    return WHET_OK;
}

/* Matrices of a batch: axes are those that are summed over, 1 or 2 of [N, a, b]. */
whet_status keras_read_dot(keras_call *c)
{
    int64_t axes[2];
    whet_dims d;
    whet_vid v[2], y = WHET_NO_VALUE;
    if (c->n_in != 2) return keras_fail(c, WHET_EFORMAT, "it is called with %zu tensors", c->n_in);
    if (keras_true(c, "normalize", false)) return keras_fail(c, WHET_EUNSUPPORTED, "normalize is not supported");
    WHET_TRY(keras_ints(c, "axes", 2, 0, axes));
    for (int i = 0; i < 2; i++) {
        WHET_TRY(keras_dims(c, c->in[i], 3, &d));
        WHET_TRY(whet_nhwc_get(c->r->g, c->in[i], WHET_NHWC, &v[i]));
        if (axes[i] < 0) axes[i] += 3;
        if (axes[i] != 1 && axes[i] != 2) return keras_fail(c, WHET_EUNSUPPORTED, "only products over axis 1 or 2 of three are supported");
        if (axes[i] != 2 - i) WHET_TRY(keras_emit(c, "Transpose", WHET_IN(v[i]), WHET_ATTRS(whet_attr_ints("perm", 3, (const int64_t[]){0, 2, 1})), &v[i]));
    }
    WHET_TRY(keras_emit(c, "MatMul", 2, v, WHET_NO_ATTRS, &y));
    c->out = whet_nhwc_of(y, WHET_NHWC);
    return WHET_OK;
}

whet_status keras_read_concatenate(keras_call *c)
{
    whet_dims d;
    int64_t axis = -1;
    const whet_nhwc *list[KERAS_MAX_TENSORS];
    whet_vid v[KERAS_MAX_TENSORS], y = WHET_NO_VALUE;
    WHET_TRY(keras_dims(c, c->in[0], 0, &d));
    WHET_TRY(keras_int(c, "axis", -1, &axis));
    if (axis < 0) axis += d.rank;
    if (axis < 0 || axis >= d.rank) return keras_fail(c, WHET_EFORMAT, "its axis is beyond the %d dimensions of its inputs", d.rank);
    for (size_t i = 0; i < c->n_in; i++) list[i] = c->in[i];
    const whet_layout form = d.rank == 4 ? whet_nhwc_form(c->r->g, (int)c->n_in, list) : WHET_NHWC;
    for (size_t i = 0; i < c->n_in; i++) WHET_TRY(whet_nhwc_get(c->r->g, c->in[i], form, &v[i]));
    WHET_TRY(keras_emit(c, "Concat", (int)c->n_in, v, WHET_ATTRS(whet_attr_int("axis", whet_nhwc_axis((int)axis, d.rank, form))), &y));
    c->out = whet_nhwc_of(y, form);
    return WHET_OK;
}

/* --- operations on symbolic tensors: what is not a tensor is a number or an array of numbers */
static whet_status operand(keras_call *c, const keras_arg *a, whet_nhwc *own, whet_nhwc **out)
{
    whet_tensor t;
    *out = a->t;
    if (a->is_tensor) return WHET_OK;
    *out = own;
    *own = WHET_NHWC_NONE;
    if (json_is_number(a->json)) return constant_f32(c, json_number_value(a->json), own);
    WHET_TRY(keras_array(c, a->json, &t));
    return keras_constant(c, "value", &t, &own->last);
}

whet_status keras_read_binary(keras_call *c)
{
    whet_nhwc own[2], *in[2];
    if (c->n_args != 2) return keras_fail(c, WHET_EUNSUPPORTED, "it is called with %zu arguments instead of two", c->n_args);
    for (size_t i = 0; i < 2; i++) WHET_TRY(operand(c, &c->args[i], &own[i], &in[i]));
    return keras_elementwise(c, c->l->def->ir, 2, in, WHET_NO_ATTRS, &c->out);
}

whet_status keras_read_function(keras_call *c)
{
    WHET_TRY(begin(c));
    return keras_apply_named(c, c->l->def->ir, &c->out);
}

/* axis stands in the configuration (Keras 3) or among the arguments. */
whet_status keras_read_reduce(keras_call *c)
{
    whet_dims d;
    int64_t axes[WHET_MAX_RANK];
    whet_vid x = WHET_NO_VALUE, list = WHET_NO_VALUE, y = WHET_NO_VALUE;
    WHET_TRY(keras_dims(c, c->in[0], 0, &d));
    const json_t *v = json_object_get(c->kwargs, "axis"), *keep = json_object_get(c->kwargs, "keepdims");
    if (v == NULL) v = c->n_args > 1 ? c->args[1].json : keras_config(c, "axis");
    if (keep == NULL) keep = keras_config(c, "keepdims");
    v = keras_unwrap(v);
    const size_t n = json_is_array(v) ? json_array_size(v) : 1;
    if (n < 1 || n > WHET_MAX_RANK) return keras_fail(c, WHET_EFORMAT, "its axes cannot be read");
    for (size_t i = 0; i < n; i++) {
        const json_t *a = json_is_array(v) ? json_array_get(v, i) : v;
        if (!json_is_integer(a)) return keras_fail(c, WHET_EUNSUPPORTED, "a reduction over all axes is not supported");
        axes[i] = json_integer_value(a);
    }
    WHET_TRY(whet_nhwc_get(c->r->g, c->in[0], WHET_NHWC, &x));
    WHET_TRY(whet_graph_const_s64(c->r->g, NULL, (int)n, axes, &list));
    WHET_TRY(keras_emit(c, c->l->def->ir, WHET_IN(x, list), WHET_ATTRS(whet_attr_int("keepdims", json_is_true(keep))), &y));
    c->out = whet_nhwc_of(y, WHET_NHWC);
    return WHET_OK;
}
