/* SPDX-License-Identifier: Apache-2.0 */
/* Activations and arithmetic as layers. Constants of one number become a Rescaling; others a BatchNormalization whose statistics
 * do nothing (variance 1 - 2^-10 and epsilon 2^-10 add up to 1 exactly), so that they stay weights. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "formats/keras/keras_writer.h"
#include "ir/op.h"

static whet_status activation(keras_writer *w, const char *base, const char *name, int in, int *out)
{
    return keras_layer(w, "Activation", base, json_pack("{s:s}", "activation", name), 1, &in, out);
}

static json_t *relu_config(bool bounded, double high, double slope)
{
    return json_pack("{s:o,s:f,s:f}", "max_value", bounded ? json_real(high) : json_null(), "negative_slope", slope, "threshold", 0.0);
}

whet_status keras_write_relu(keras_writer *w, const whet_node *n)
{
    return keras_simple(w, n, "ReLU", relu_config(false, 0, 0));
}

whet_status keras_write_leaky_relu(keras_writer *w, const whet_node *n)
{
    return keras_simple(w, n, "ReLU", relu_config(false, 0, (double)whet_node_float(n, "alpha", 0.01f)));
}

static whet_status bound(keras_writer *w, const whet_node *n, int i, double otherwise, double *out)
{
    whet_tensor t;
    WHET_TRY(keras_in_const(w, n, i, &t));
    *out = t.data != NULL && whet_tensor_numel(&t) == 1 ? whet_tensor_get_f64(&t, 0) : otherwise;
    whet_tensor_dispose(&t);
    return WHET_OK;
}

whet_status keras_write_clip(keras_writer *w, const whet_node *n)
{
    double low = -INFINITY, high = INFINITY;
    WHET_TRY(bound(w, n, 1, -INFINITY, &low));
    WHET_TRY(bound(w, n, 2, INFINITY, &high));
    if (low != 0) return keras_refuse(n, "its lower bound is %g, and ReLU's is 0", low);
    return keras_simple(w, n, "ReLU", relu_config(high < 3.4e38, high, 0));
}

whet_status keras_write_elu(keras_writer *w, const whet_node *n)
{
    return keras_simple(w, n, "ELU", json_pack("{s:f}", "alpha", (double)whet_node_float(n, "alpha", 1)));
}

whet_status keras_write_named(keras_writer *w, const whet_node *n)
{
    static const struct { const char *op, *name; } names[] = {{"Sigmoid", "sigmoid"}, {"Tanh", "tanh"}, {"Selu", "selu"}, {"Softplus", "softplus"},
        {"Softsign", "softsign"}, {"Swish", "swish"}, {"Mish", "mish"}, {"Exp", "exponential"}};
    const char *name = "";
    for (size_t i = 0; i < WHET_COUNT(names); i++)
        if (whet_node_is(n, names[i].op)) name = names[i].name;
    if (whet_node_is(n, "Swish") && whet_node_float(n, "alpha", 1) != 1) return keras_refuse(n, "alpha must be 1");
    if (whet_node_is(n, "Selu") && (fabsf(whet_node_float(n, "alpha", 1.67326319f) - 1.67326319f) > 1e-6f || fabsf(whet_node_float(n, "gamma", 1.05070102f) - 1.05070102f) > 1e-6f))
        return keras_refuse(n, "alpha and gamma must be those of the paper");
    return keras_simple(w, n, "Activation", json_pack("{s:s}", "activation", name));
}

whet_status keras_write_softmax(keras_writer *w, const whet_node *n)
{
    const keras_ref *in = NULL;
    WHET_TRY(keras_in(w, n, 0, true, &in));
    const int axis = whet_nhwc_axis(w->g, n->in[0], whet_node_int(n, "axis", -1)), rank = w->g->values[n->in[0]].dims.rank;
    if (axis == 0 || (in->rows && axis != rank - 1)) return keras_refuse(n, "it works across the batch");
    return keras_simple(w, n, "Softmax", json_pack("{s:i}", "axis", in->rows ? in->dims.rank - 1 : axis));
}

/* The result in the dims of the input. */
static whet_status give_like(keras_writer *w, const whet_node *n, const keras_ref *in, int layer)
{
    keras_give(w, n, 0, layer, &in->dims, in->rows);
    return WHET_OK;
}

whet_status keras_write_prelu(keras_writer *w, const whet_node *n)
{
    const keras_ref *in = NULL;
    whet_tensor t;
    int layer = -1;
    json_t *shared = json_array();
    whet_shape shape = {.rank = 0};
    whet_status status = keras_in(w, n, 0, false, &in);
    if (status == WHET_OK) status = keras_in_const(w, n, 1, &t);
    if (status != WHET_OK) {
        json_decref(shared);
        return status;
    }
    shape.rank = in->dims.rank - 1;
    for (int i = 0; i < shape.rank; i++) {
        const int at = i + 1 - (in->dims.rank - t.shape.rank);
        shape.dims[i] = at >= 0 ? t.shape.dims[at] : 1;
        if (shape.dims[i] == 1) json_array_append_new(shared, json_integer(i + 1));
    }
    if (whet_shape_numel(&shape) != whet_tensor_numel(&t)) {
        whet_tensor_dispose(&t);
        json_decref(shared);
        return keras_refuse(n, "its slopes differ from image to image");
    }
    t.shape = shape;
    status = keras_layer(w, "PReLU", n->name, json_pack("{s:o}", "shared_axes", shared), 1, &in->layer, &layer);
    if (status == WHET_OK) status = keras_layer_weight(w, layer, "alpha", &t);
    whet_tensor_dispose(&t);
    return status == WHET_OK ? give_like(w, n, in, layer) : status;
}

static whet_status product(keras_writer *w, const char *base, int a, int b, int *out)
{
    return keras_layer(w, "Multiply", base, json_object(), 2, (const int[]){a, b}, out);
}

/* 0.5 x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) by layers: Keras' own is by name the exact one. */
static whet_status gelu_tanh(keras_writer *w, const whet_node *n, const keras_ref *in)
{
    const double c = sqrt(2 / 3.14159265358979323846);
    int y = -1;
    WHET_TRY(product(w, n->name, in->layer, in->layer, &y));
    WHET_TRY(keras_rescale(w, n->name, 0.044715 * c, c, y, &y));
    WHET_TRY(product(w, n->name, in->layer, y, &y));
    WHET_TRY(activation(w, n->name, "tanh", y, &y));
    WHET_TRY(keras_rescale(w, n->name, 0.5, 0.5, y, &y));
    WHET_TRY(product(w, n->name, in->layer, y, &y));
    return give_like(w, n, in, y);
}

whet_status keras_write_gelu(keras_writer *w, const whet_node *n)
{
    const keras_ref *in = NULL;
    WHET_TRY(keras_in(w, n, 0, true, &in));
    if (strcmp(whet_node_string(n, "approximate", "none"), "tanh") == 0) return gelu_tanh(w, n, in);
    return keras_simple(w, n, "Activation", json_pack("{s:s}", "activation", "gelu"));
}

/* max(0, min(1, alpha x + beta)); Keras 2 and 3 mean different slopes by hard_sigmoid. */
static whet_status hard_sigmoid(keras_writer *w, const whet_node *n, double alpha, double beta, int in, int *out)
{
    WHET_TRY(keras_rescale(w, n->name, alpha, beta, in, out));
    return keras_layer(w, "ReLU", n->name, relu_config(true, 1, 0), 1, (const int[]){*out}, out);
}

whet_status keras_write_hard_sigmoid(keras_writer *w, const whet_node *n)
{
    const keras_ref *in = NULL;
    int y = -1;
    WHET_TRY(keras_in(w, n, 0, true, &in));
    WHET_TRY(hard_sigmoid(w, n, (double)whet_node_float(n, "alpha", 0.2f), (double)whet_node_float(n, "beta", 0.5f), in->layer, &y));
    return give_like(w, n, in, y);
}

whet_status keras_write_hard_swish(keras_writer *w, const whet_node *n)
{
    const keras_ref *in = NULL;
    int y = -1;
    WHET_TRY(keras_in(w, n, 0, true, &in));
    WHET_TRY(hard_sigmoid(w, n, 1.0 / 6, 0.5, in->layer, &y));
    WHET_TRY(product(w, n->name, in->layer, y, &y));
    return give_like(w, n, in, y);
}

whet_status keras_write_neg(keras_writer *w, const whet_node *n)
{
    return keras_simple(w, n, "Rescaling", json_pack("{s:f,s:f}", "scale", -1.0, "offset", 0.0));
}

/* --- by a constant */
static whet_status vector(int64_t n, const float *x, float otherwise, whet_tensor *t)
{
    const whet_shape s = WHET_SHAPE(n);
    whet_tensor_init(t);
    WHET_TRY(whet_tensor_alloc(t, WHET_F32, &s));
    for (int64_t i = 0; i < n; i++) ((float *)t->data)[i] = x != NULL ? x[i] : otherwise;
    return WHET_OK;
}

whet_status keras_affine(keras_writer *w, const char *base, int axis, int64_t n, const float *scale, const float *offset, int in, int *out)
{
    static const char *const roles[] = {"gamma", "beta", "moving_mean", "moving_variance"};
    const float epsilon = 1.0f / 1024, *values[] = {scale, offset, NULL, NULL}, otherwise[] = {1, 0, 0, 1 - epsilon};
    int layer = -1;
    json_t *config = json_pack("{s:i,s:f,s:f,s:b,s:b,s:b}", "axis", axis, "momentum", 0.99, "epsilon", (double)epsilon, "center", offset != NULL, "scale",
                               scale != NULL, "trainable", 0);
    WHET_TRY(keras_layer(w, "BatchNormalization", base, config, 1, &in, &layer));
    for (int i = 0; i < 4; i++) {
        whet_tensor t;
        if (i < 2 && values[i] == NULL) continue;
        WHET_TRY(vector(n, values[i], otherwise[i], &t));
        WHET_TRY(keras_layer_weight(w, layer, roles[i], &t));
    }
    *out = layer;
    return WHET_OK;
}

/* Which axis of d alone the constant runs along; 0: all but the batch (d less the batch, exactly); -1: neither. */
static int runs_along(const whet_dims *d, const whet_tensor *t)
{
    int axis = -1, more = 0;
    for (int i = 0; i < t->shape.rank; i++) {
        const int at = d->rank - t->shape.rank + i;
        if (t->shape.dims[i] == 1) continue;
        if (at <= 0 || t->shape.dims[i] != d->dims[at]) return -1;
        axis = at;
        more++;
    }
    if (more == 1) return axis;
    int64_t all = 1;
    for (int i = 1; i < d->rank; i++) all *= d->dims[i];
    return all == whet_tensor_numel(t) ? 0 : -1;
}

/* in * scale + offset for arrays; one of the two is NULL. */
static whet_status by_array(keras_writer *w, const whet_node *n, const keras_ref *in, const whet_tensor *scale, const whet_tensor *offset)
{
    const whet_tensor *t = scale != NULL ? scale : offset;
    const int axis = runs_along(&in->dims, t);
    const int64_t count = whet_tensor_numel(t);
    const float *s = scale != NULL ? scale->data : NULL, *o = offset != NULL ? offset->data : NULL;
    int y = in->layer;
    if (axis < 0 || (in->rows && axis != in->dims.rank - 1)) return keras_refuse(n, "its constant is neither one number, nor one for each channel, nor one for each element");
    if (axis > 0) {
        WHET_TRY(keras_affine(w, n->name, axis, count, s, o, y, &y));
        return give_like(w, n, in, y);
    }
    const whet_dims flat = {.rank = 2, .dims = {in->dims.dims[0], count}};
    WHET_TRY(keras_reshape_to(w, n->name, &flat, y, &y));
    WHET_TRY(keras_affine(w, n->name, 1, count, s, o, y, &y));
    WHET_TRY(keras_reshape_to(w, n->name, &in->dims, y, &y));
    return give_like(w, n, in, y);
}

static void apply(whet_tensor *t, bool negate, bool invert)
{
    float *x = t->data;
    for (int64_t i = 0; i < whet_tensor_numel(t) && (negate || invert); i++) x[i] = negate ? -x[i] : 1 / x[i];
}

/* The value has the shape of input `side`, not more. */
static whet_status by_constant(keras_writer *w, const whet_node *n, int side)
{
    const bool sum = whet_node_is(n, "Add") || whet_node_is(n, "Sub"), sub = whet_node_is(n, "Sub"), div = whet_node_is(n, "Div");
    const keras_ref *in = NULL;
    keras_ref turned;
    whet_tensor t;
    int y = -1;
    whet_status status = WHET_OK;
    WHET_TRY(keras_in(w, n, side, true, &in));
    if (div && side == 1) return keras_refuse(n, "a constant divided by a tensor is not possible");
    if (w->g->values[n->out[0]].dims.rank != w->g->values[n->in[side]].dims.rank) return keras_refuse(n, "its constant has more dimensions than its tensor");
    WHET_TRY(keras_in_const(w, n, 1 - side, &t));
    turned = *in;
    if (sub && side == 1) status = keras_rescale(w, n->name, -1, 0, in->layer, &turned.layer); /* c - x = -x + c */
    if (status == WHET_OK && whet_tensor_numel(&t) == 1) {
        const double c = whet_tensor_get_f64(&t, 0);
        status = keras_rescale(w, n->name, sum ? 1 : div ? 1 / c : c, sum ? (sub && side == 0 ? -c : c) : 0, turned.layer, &y);
        if (status == WHET_OK) status = give_like(w, n, in, y);
    } else if (status == WHET_OK) {
        whet_tensor own;
        whet_tensor_init(&own);
        status = whet_tensor_copy(&own, &t);
        if (status == WHET_OK) apply(&own, sub && side == 0, div);
        if (status == WHET_OK) status = by_array(w, n, &turned, sum ? NULL : &own, sum ? &own : NULL);
        whet_tensor_dispose(&own);
    }
    whet_tensor_dispose(&t);
    return status;
}

/* --- several tensors */
static whet_status merged(keras_writer *w, const whet_node *n, const char *class_name)
{
    int in[KERAS_OUT_INPUTS], layer = -1;
    const keras_ref *r = NULL, *first = NULL;
    for (int i = 0; i < n->n_in && i < KERAS_OUT_INPUTS; i++) {
        WHET_TRY(keras_in(w, n, i, true, &r));
        if (i == 0) first = r;
        in[i] = r->layer;
        if (r->dims.rank != first->dims.rank || r->rows != first->rows) return keras_refuse(n, "tensors of different ranks are not possible");
    }
    if (n->n_in == 1) {
        keras_alias(w, n, first);
        return WHET_OK;
    }
    WHET_TRY(keras_layer(w, class_name, n->name, json_object(), n->n_in, in, &layer));
    if (first->rows) return give_like(w, n, first, layer);
    const whet_dims d = whet_nhwc_dims(w->g, n->out[0]);
    keras_give(w, n, 0, layer, &d, false);
    return WHET_OK;
}

whet_status keras_write_binary(keras_writer *w, const whet_node *n)
{
    for (int i = 0; i < 2; i++)
        if (keras_is_const(w, n->in[i])) return by_constant(w, n, 1 - i);
    if (whet_node_is(n, "Div")) return keras_refuse(n, "only a constant can be divided by");
    return merged(w, n, whet_node_is(n, "Add") ? "Add" : whet_node_is(n, "Sub") ? "Subtract" : "Multiply");
}

whet_status keras_write_several(keras_writer *w, const whet_node *n)
{
    static const struct { const char *op, *class_name; } names[] = {{"Max", "Maximum"}, {"Min", "Minimum"}, {"Sum", "Add"}, {"Mean", "Average"}};
    for (size_t i = 0; i < WHET_COUNT(names); i++)
        if (whet_node_is(n, names[i].op)) return merged(w, n, names[i].class_name);
    return keras_refuse(n, "there is no such layer");
}

whet_status keras_write_cast(keras_writer *w, const whet_node *n)
{
    if (keras_is_const(w, n->in[0])) return WHET_OK; /* whoever reads it looks through */
    if (w->g->values[n->out[0]].dtype != WHET_F32) return keras_refuse(n, "only to f32 is possible");
    return keras_simple(w, n, "Rescaling", json_pack("{s:f,s:f}", "scale", 1.0, "offset", 0.0));
}

whet_status keras_write_identity(keras_writer *w, const whet_node *n)
{
    const keras_ref *in = NULL;
    if (keras_is_const(w, n->in[0])) return WHET_OK;
    if (n->n_out > 1 && n->out[1] >= 0) return keras_refuse(n, "its mask is read");
    WHET_TRY(keras_in(w, n, 0, true, &in));
    keras_alias(w, n, in);
    return WHET_OK;
}
