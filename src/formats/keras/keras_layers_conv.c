/* SPDX-License-Identifier: Apache-2.0 */
/* Layers with a kernel: convolutions, Dense, normalisations, attention. Sizes follow keras/src/backend/common and TensorFlow's
 * rules of padding (tensorflow.org, "conv2d", "conv2d_transpose"). */
#include <math.h>
#include <string.h>

#include "formats/keras/keras_reader.h"

/* --- convolutions */
static whet_status read_window(keras_call *c, whet_nhwc_window *w)
{
    const char *padding = keras_text(c, "padding", "valid");
    memset(w, 0, sizeof *w);
    WHET_TRY(keras_ints(c, "kernel_size", 2, 0, w->kernel));
    WHET_TRY(keras_ints(c, "strides", 2, 1, w->stride));
    WHET_TRY(keras_ints(c, "dilation_rate", 2, 1, w->dilation));
    for (int i = 0; i < 2; i++)
        if (w->kernel[i] < 1 || w->stride[i] < 1 || w->dilation[i] < 1) return keras_fail(c, WHET_EFORMAT, "kernel_size, strides and dilation_rate must be positive");
    w->same = strcmp(padding, "same") == 0;
    if (!w->same && strcmp(padding, "valid") != 0) return keras_fail(c, WHET_EUNSUPPORTED, "padding '%.30s' is not supported, only valid and same", padding);
    return WHET_OK;
}

/* Sizes of the input, channels last, whatever the file's order. */
static whet_status image_dims(keras_call *c, whet_dims *d)
{
    WHET_TRY(keras_dims(c, c->in[0], 4, d));
    if (!keras_channels_first(c)) return WHET_OK;
    const whet_dims f = *d;
    d->dims[1] = f.dims[2];
    d->dims[2] = f.dims[3];
    d->dims[3] = f.dims[1];
    return WHET_OK;
}

static whet_status channels_of(keras_call *c, const whet_dims *d, int64_t *out)
{
    *out = d->dims[d->rank - 1];
    return *out > 0 ? WHET_OK : keras_fail(c, WHET_EUNSUPPORTED, "the number of its input's channels is not known");
}

static whet_status add_bias(keras_call *c, int i, int64_t n, whet_vid *out)
{
    const keras_weight bias = {.i = i, .sub = "", .at = i, .role = "bias", .rank = 1, .dims = {n}};
    *out = WHET_NO_VALUE;
    return keras_true(c, "use_bias", true) ? keras_param(c, &bias, NULL, NULL, out) : WHET_OK;
}

/* x -> Conv with these weights; bias may be absent. */
static whet_status emit_conv(keras_call *c, whet_nhwc_window *w, const whet_dims *d, int64_t group, whet_vid x, whet_vid kernel, whet_vid bias, whet_vid *out)
{
    whet_attr attrs[WHET_NHWC_WINDOW_ATTRS + 1];
    int n = whet_nhwc_window_attrs(w, d, false, attrs);
    const whet_vid in[3] = {x, kernel, bias};
    if (group != 1) attrs[n++] = whet_attr_int("group", group);
    return keras_emit(c, "Conv", bias != WHET_NO_VALUE ? 3 : 2, in, n, attrs, out);
}

static whet_status finish_image(keras_call *c, whet_vid y)
{
    c->out = keras_of_image(c, y);
    return keras_activate(c, keras_config(c, "activation"), &c->out);
}

static whet_status read_groups(keras_call *c, int64_t channels, int64_t *groups)
{
    WHET_TRY(keras_int(c, "groups", 1, groups));
    if (*groups >= 1 && channels % *groups == 0) return WHET_OK;
    return keras_fail(c, WHET_EFORMAT, "%lld channels cannot be split into %lld groups", (long long)channels, (long long)*groups);
}

static whet_status read_full(keras_call *c)
{
    whet_nhwc_window w;
    whet_dims d;
    int64_t channels = 0, groups = 1, filters = 0;
    whet_vid x = WHET_NO_VALUE, kernel = WHET_NO_VALUE, bias = WHET_NO_VALUE, y = WHET_NO_VALUE;
    WHET_TRY(read_window(c, &w));
    WHET_TRY(image_dims(c, &d));
    WHET_TRY(channels_of(c, &d, &channels));
    WHET_TRY(read_groups(c, channels, &groups));
    WHET_TRY(keras_int(c, "filters", 0, &filters));
    const keras_weight k = {.i = 0, .sub = "", .role = "kernel", .rank = 4, .dims = {w.kernel[0], w.kernel[1], channels / groups, filters}};
    WHET_TRY(keras_param(c, &k, (const int64_t[]){3, 2, 0, 1}, NULL, &kernel));
    WHET_TRY(add_bias(c, 1, filters, &bias));
    WHET_TRY(keras_image(c, c->in[0], &x));
    WHET_TRY(emit_conv(c, &w, &d, groups, x, kernel, bias, &y));
    return finish_image(c, y);
}

/* [h, w, C, m] -> [C*m, 1, h, w]. */
static whet_status depthwise_kernel(keras_call *c, const whet_nhwc_window *w, int64_t channels, int64_t multiplier, const char *role, whet_vid *out)
{
    const keras_weight k = {.i = 0, .sub = "", .role = role, .rank = 4, .dims = {w->kernel[0], w->kernel[1], channels, multiplier}};
    const whet_shape shape = WHET_SHAPE(channels * multiplier, 1, w->kernel[0], w->kernel[1]);
    return keras_param(c, &k, (const int64_t[]){2, 3, 0, 1}, &shape, out);
}

static whet_status read_depthwise(keras_call *c)
{
    whet_nhwc_window w;
    whet_dims d;
    int64_t channels = 0, multiplier = 1;
    whet_vid x = WHET_NO_VALUE, kernel = WHET_NO_VALUE, bias = WHET_NO_VALUE, y = WHET_NO_VALUE;
    WHET_TRY(read_window(c, &w));
    WHET_TRY(image_dims(c, &d));
    WHET_TRY(channels_of(c, &d, &channels));
    WHET_TRY(keras_int(c, "depth_multiplier", 1, &multiplier));
    WHET_TRY(depthwise_kernel(c, &w, channels, multiplier, "depthwise_kernel", &kernel));
    WHET_TRY(add_bias(c, 1, channels * multiplier, &bias));
    WHET_TRY(keras_image(c, c->in[0], &x));
    WHET_TRY(emit_conv(c, &w, &d, channels, x, kernel, bias, &y));
    return finish_image(c, y);
}

whet_status keras_read_conv(keras_call *c)
{
    return strcmp(c->l->class_name, "DepthwiseConv2D") == 0 ? read_depthwise(c) : read_full(c);
}

whet_status keras_read_separable(keras_call *c)
{
    whet_nhwc_window w, one = {.kernel = {1, 1}, .stride = {1, 1}, .dilation = {1, 1}};
    whet_dims d;
    int64_t channels = 0, multiplier = 1, filters = 0;
    whet_vid x = WHET_NO_VALUE, deep = WHET_NO_VALUE, point = WHET_NO_VALUE, bias = WHET_NO_VALUE, y = WHET_NO_VALUE;
    WHET_TRY(read_window(c, &w));
    WHET_TRY(image_dims(c, &d));
    WHET_TRY(channels_of(c, &d, &channels));
    WHET_TRY(keras_int(c, "depth_multiplier", 1, &multiplier));
    WHET_TRY(keras_int(c, "filters", 0, &filters));
    const keras_weight k = {.i = 1, .sub = "", .at = 1, .role = "pointwise_kernel", .rank = 4, .dims = {1, 1, channels * multiplier, filters}};
    WHET_TRY(depthwise_kernel(c, &w, channels, multiplier, "depthwise_kernel", &deep));
    WHET_TRY(keras_param(c, &k, (const int64_t[]){3, 2, 0, 1}, NULL, &point));
    WHET_TRY(add_bias(c, 2, filters, &bias));
    WHET_TRY(keras_image(c, c->in[0], &x));
    WHET_TRY(emit_conv(c, &w, &d, channels, x, deep, WHET_NO_VALUE, &y));
    WHET_TRY(emit_conv(c, &one, &d, 1, y, point, bias, &y));
    return finish_image(c, y);
}

/* The size of the result is Keras' deconv_output_length; what the kernel covers beyond it is cut off, the smaller half in front;
 * what it does not reach is output_padding. Neither depends on the input's size. */
static void transposed_pads(const whet_nhwc_window *w, const int64_t *given, int64_t pads[4], int64_t extra[2])
{
    for (int i = 0; i < 2; i++) {
        const int64_t k = (w->kernel[i] - 1) * w->dilation[i] + 1, s = w->stride[i];
        int64_t over = w->same ? k - s : k - WHET_MAX(k, s);          /* full size less the result's */
        if (given != NULL) over = (w->same ? 2 * (k / 2) : 0) - given[i];
        const int64_t cut = WHET_MAX(over, 0);
        pads[i] = cut / 2;
        pads[2 + i] = cut - cut / 2;
        extra[i] = WHET_MAX(-over, 0);
    }
}

whet_status keras_read_conv_transpose(keras_call *c)
{
    whet_nhwc_window w;
    whet_dims d;
    whet_attr attrs[4];
    int64_t channels = 0, filters = 0, given[2], pads[4], extra[2];
    whet_vid in[3] = {WHET_NO_VALUE, WHET_NO_VALUE, WHET_NO_VALUE}, y = WHET_NO_VALUE;
    WHET_TRY(read_window(c, &w));
    WHET_TRY(image_dims(c, &d));
    WHET_TRY(channels_of(c, &d, &channels));
    WHET_TRY(keras_int(c, "filters", 0, &filters));
    WHET_TRY(keras_ints(c, "output_padding", 2, 0, given));
    transposed_pads(&w, keras_config(c, "output_padding") != NULL ? given : NULL, pads, extra);
    const keras_weight k = {.i = 0, .sub = "", .role = "kernel", .rank = 4, .dims = {w.kernel[0], w.kernel[1], filters, channels}};
    WHET_TRY(keras_param(c, &k, (const int64_t[]){3, 2, 0, 1}, NULL, &in[1]));
    WHET_TRY(add_bias(c, 1, filters, &in[2]));
    WHET_TRY(keras_image(c, c->in[0], &in[0]));
    attrs[0] = whet_attr_ints("strides", 2, w.stride);
    attrs[1] = whet_attr_ints("dilations", 2, w.dilation);
    attrs[2] = whet_attr_ints("pads", 4, pads);
    attrs[3] = whet_attr_ints("output_padding", 2, extra);
    WHET_TRY(keras_emit(c, "ConvTranspose", in[2] != WHET_NO_VALUE ? 3 : 2, in, 4, attrs, &y));
    return finish_image(c, y);
}

/* --- Dense: over the last axis, whatever the rank */
whet_status keras_read_dense(keras_call *c)
{
    whet_dims d;
    int64_t units = 0, features = 0;
    whet_vid x = WHET_NO_VALUE, kernel = WHET_NO_VALUE, bias = WHET_NO_VALUE, y = WHET_NO_VALUE;
    WHET_TRY(keras_dims(c, c->in[0], 0, &d));
    WHET_TRY(channels_of(c, &d, &features));
    WHET_TRY(keras_int(c, "units", 0, &units));
    const keras_weight k = {.i = 0, .sub = "", .role = "kernel", .rank = 2, .dims = {features, units}};
    WHET_TRY(keras_param(c, &k, NULL, NULL, &kernel));
    WHET_TRY(add_bias(c, 1, units, &bias));
    WHET_TRY(whet_nhwc_get(c->r->g, c->in[0], WHET_NHWC, &x));
    if (d.rank == 2 && bias != WHET_NO_VALUE) {
        WHET_TRY(keras_emit(c, "Gemm", WHET_IN(x, kernel, bias), WHET_NO_ATTRS, &y));
    } else {
        WHET_TRY(keras_emit(c, "MatMul", WHET_IN(x, kernel), WHET_NO_ATTRS, &y));
        if (bias != WHET_NO_VALUE) WHET_TRY(keras_emit(c, "Add", WHET_IN(y, bias), WHET_NO_ATTRS, &y));
    }
    c->out = whet_nhwc_of(y, WHET_NHWC);
    return keras_activate(c, keras_config(c, "activation"), &c->out);
}

/* --- normalisation */
static whet_status filled(keras_call *c, const char *role, int64_t n, float x, whet_vid *out)
{
    whet_tensor t;
    const whet_shape s = WHET_SHAPE(n);
    whet_tensor_init(&t);
    WHET_TRY(whet_tensor_alloc(&t, WHET_F32, &s));
    for (int64_t i = 0; i < n; i++) ((float *)t.data)[i] = x;
    return keras_constant(c, role, &t, out);
}

/* gamma and beta, as far as the layer has them, and what follows: numbers 0, 1, ... of the layer. */
static whet_status scale_and_offset(keras_call *c, int64_t n, int *next, whet_vid *gamma, whet_vid *beta)
{
    const struct { const char *key, *role; float otherwise; whet_vid *out; } parts[] = {{"scale", "gamma", 1, gamma}, {"center", "beta", 0, beta}};
    for (size_t i = 0; i < WHET_COUNT(parts); i++) {
        const keras_weight w = {.i = *next, .sub = "", .at = *next, .role = parts[i].role, .rank = 1, .dims = {n}};
        if (!keras_true(c, parts[i].key, true)) {
            WHET_TRY(filled(c, parts[i].role, n, parts[i].otherwise, parts[i].out));
            continue;
        }
        WHET_TRY(keras_param(c, &w, NULL, NULL, parts[i].out));
        ++*next;
    }
    return WHET_OK;
}

/* The one axis that a layer normalises by, counted from 0. */
static whet_status read_axis(keras_call *c, const whet_dims *d, int64_t otherwise, int64_t *axis)
{
    const json_t *v = keras_config(c, "axis");
    if (json_is_array(v) && json_array_size(v) != 1) return keras_fail(c, WHET_EUNSUPPORTED, "several axes are not supported, only one");
    WHET_TRY(keras_int(c, "axis", otherwise, axis));
    if (*axis < 0) *axis += d->rank;
    if (*axis < 0 || *axis >= d->rank) return keras_fail(c, WHET_EFORMAT, "its axis is beyond the %d dimensions of its input", d->rank);
    return WHET_OK;
}

/* A value with the channels at place 1, and back. */
static whet_status to_channels(keras_call *c, const whet_dims *d, int64_t axis, whet_vid *x, bool *moved)
{
    *moved = false;
    if (axis == 1) return whet_nhwc_get(c->r->g, c->in[0], WHET_NHWC, x);
    if (d->rank == 4 && axis == 3) return whet_nhwc_get(c->r->g, c->in[0], WHET_NCHW, x);
    if (d->rank != 3 || axis != 2) return keras_fail(c, WHET_EUNSUPPORTED, "axis %lld of %d dimensions is not supported, only the channels", (long long)axis, d->rank);
    *moved = true;
    WHET_TRY(whet_nhwc_get(c->r->g, c->in[0], WHET_NHWC, x));
    return keras_emit(c, "Transpose", WHET_IN(*x), WHET_ATTRS(whet_attr_ints("perm", 3, (const int64_t[]){0, 2, 1})), x);
}

static whet_status from_channels(keras_call *c, const whet_dims *d, int64_t axis, bool moved, whet_vid y)
{
    if (moved) WHET_TRY(keras_emit(c, "Transpose", WHET_IN(y), WHET_ATTRS(whet_attr_ints("perm", 3, (const int64_t[]){0, 2, 1})), &y));
    c->out = whet_nhwc_of(y, d->rank == 4 && axis == 3 ? WHET_NCHW : WHET_NHWC);
    return WHET_OK;
}

whet_status keras_read_batch_norm(keras_call *c)
{
    whet_dims d;
    whet_vid in[5], y = WHET_NO_VALUE;
    int64_t axis = -1;
    double epsilon = 0.001;
    int next = 0;
    bool moved = false;
    WHET_TRY(keras_dims(c, c->in[0], 0, &d));
    WHET_TRY(read_axis(c, &d, -1, &axis));
    WHET_TRY(keras_real(c, "epsilon", 0.001, &epsilon));
    if (d.dims[axis] <= 0) return keras_fail(c, WHET_EUNSUPPORTED, "the number of its input's channels is not known");
    WHET_TRY(scale_and_offset(c, d.dims[axis], &next, &in[1], &in[2]));
    for (int i = 0; i < 2; i++) {
        const keras_weight w = {.i = next + i, .sub = "", .at = next + i, .role = i == 0 ? "moving_mean" : "moving_variance", .rank = 1, .dims = {d.dims[axis]}};
        WHET_TRY(keras_param(c, &w, NULL, NULL, &in[3 + i]));
    }
    WHET_TRY(to_channels(c, &d, axis, &in[0], &moved));
    WHET_TRY(keras_emit(c, "BatchNormalization", 5, in, WHET_ATTRS(whet_attr_float("epsilon", (float)epsilon)), &y));
    return from_channels(c, &d, axis, moved, y);
}

whet_status keras_read_layer_norm(keras_call *c)
{
    whet_dims d;
    whet_vid in[3], y = WHET_NO_VALUE;
    int64_t axis = -1;
    double epsilon = 0.001;
    int next = 0;
    WHET_TRY(keras_refuse_unless(c, "rms_scaling", ""));
    WHET_TRY(keras_dims(c, c->in[0], 0, &d));
    WHET_TRY(read_axis(c, &d, -1, &axis));
    WHET_TRY(keras_real(c, "epsilon", 0.001, &epsilon));
    if (axis != d.rank - 1 || d.dims[axis] <= 0) return keras_fail(c, WHET_EUNSUPPORTED, "only normalisation over the last axis, of a known size, is supported");
    WHET_TRY(scale_and_offset(c, d.dims[axis], &next, &in[1], &in[2]));
    WHET_TRY(whet_nhwc_get(c->r->g, c->in[0], WHET_NHWC, &in[0]));
    WHET_TRY(keras_emit(c, "LayerNormalization", 3, in, WHET_ATTRS(whet_attr_int("axis", -1), whet_attr_float("epsilon", (float)epsilon)), &y));
    c->out = whet_nhwc_of(y, WHET_NHWC);
    return WHET_OK;
}

whet_status keras_read_group_norm(keras_call *c)
{
    whet_dims d;
    whet_vid in[3], y = WHET_NO_VALUE;
    int64_t axis = -1, groups = 32;
    double epsilon = 0.001;
    int next = 0;
    bool moved = false;
    WHET_TRY(keras_dims(c, c->in[0], 0, &d));
    WHET_TRY(read_axis(c, &d, -1, &axis));
    WHET_TRY(keras_real(c, "epsilon", 0.001, &epsilon));
    WHET_TRY(keras_int(c, "groups", 32, &groups));
    if (d.dims[axis] <= 0) return keras_fail(c, WHET_EUNSUPPORTED, "the number of its input's channels is not known");
    if (groups == -1) groups = d.dims[axis];
    WHET_TRY(scale_and_offset(c, d.dims[axis], &next, &in[1], &in[2]));
    WHET_TRY(to_channels(c, &d, axis, &in[0], &moved));
    WHET_TRY(keras_emit(c, "GroupNormalization", 3, in, WHET_ATTRS(whet_attr_int("num_groups", groups), whet_attr_float("epsilon", (float)epsilon)), &y));
    return from_channels(c, &d, axis, moved, y);
}

/* --- MultiHeadAttention: projections to [heads, size], softmax(q k / sqrt(size)) v, and a projection back */
typedef struct heads { int64_t n, key, value, features; } heads;

/* [features, heads, size] as one product, then [N, tokens, heads, size] with the axes of perm. */
static whet_status project(keras_call *c, int part, const char *sub, whet_nhwc *x, int64_t size, int64_t n, const int64_t *perm, whet_vid *out)
{
    whet_dims d;
    char role[64];
    const bool with_bias = keras_true(c, "use_bias", true);
    const int first = with_bias ? 2 * part : part;
    whet_vid v = WHET_NO_VALUE, kernel = WHET_NO_VALUE, bias = WHET_NO_VALUE, shape = WHET_NO_VALUE;
    WHET_TRY(keras_dims(c, x, 3, &d));
    snprintf(role, sizeof role, "%.5s/kernel", sub);
    const keras_weight k = {.i = first, .sub = sub, .at = 0, .role = role, .rank = 3, .dims = {d.dims[2], n, size}};
    const whet_shape flat = WHET_SHAPE(d.dims[2] > 0 ? d.dims[2] : 0, n * size), row = WHET_SHAPE(n * size);
    if (d.dims[2] <= 0) return keras_fail(c, WHET_EUNSUPPORTED, "the number of its input's features is not known");
    WHET_TRY(whet_nhwc_get(c->r->g, x, WHET_NHWC, &v));
    WHET_TRY(keras_param(c, &k, NULL, &flat, &kernel));
    WHET_TRY(keras_emit(c, "MatMul", WHET_IN(v, kernel), WHET_NO_ATTRS, &v));
    if (with_bias) {
        snprintf(role, sizeof role, "%.5s/bias", sub);
        const keras_weight b = {.i = first + 1, .sub = sub, .at = 1, .role = role, .rank = 2, .dims = {n, size}};
        WHET_TRY(keras_param(c, &b, NULL, &row, &bias));
        WHET_TRY(keras_emit(c, "Add", WHET_IN(v, bias), WHET_NO_ATTRS, &v));
    }
    WHET_TRY(whet_graph_const_s64(c->r->g, NULL, 4, (const int64_t[]){0, d.dims[1] > 0 ? d.dims[1] : -1, n, size}, &shape));
    WHET_TRY(keras_emit(c, "Reshape", WHET_IN(v, shape), WHET_NO_ATTRS, &v));
    return keras_emit(c, "Transpose", WHET_IN(v), WHET_ATTRS(whet_attr_ints("perm", 4, perm)), out);
}

static whet_status project_out(keras_call *c, int64_t n, int64_t size, int64_t features, whet_vid x, whet_vid *out)
{
    const bool with_bias = keras_true(c, "use_bias", true);
    const int first = with_bias ? 6 : 3;
    whet_vid kernel = WHET_NO_VALUE, bias = WHET_NO_VALUE;
    const keras_weight k = {.i = first, .sub = "output_dense", .at = 0, .role = "output/kernel", .rank = 3, .dims = {n, size, features}};
    const keras_weight b = {.i = first + 1, .sub = "output_dense", .at = 1, .role = "output/bias", .rank = 1, .dims = {features}};
    const whet_shape flat = WHET_SHAPE(n * size, features);
    WHET_TRY(keras_param(c, &k, NULL, &flat, &kernel));
    WHET_TRY(keras_emit(c, "MatMul", WHET_IN(x, kernel), WHET_NO_ATTRS, out));
    if (!with_bias) return WHET_OK;
    WHET_TRY(keras_param(c, &b, NULL, NULL, &bias));
    return keras_emit(c, "Add", WHET_IN(*out, bias), WHET_NO_ATTRS, out);
}

static whet_status refuse_masks(keras_call *c)
{
    static const char *const keys[] = {"attention_mask", "query_mask", "value_mask", "key_mask", "use_causal_mask", "return_attention_scores"};
    for (size_t i = 0; i < WHET_COUNT(keys); i++) {
        const json_t *v = json_object_get(c->kwargs, keys[i]);
        if (v != NULL && !json_is_null(v) && !json_is_false(v)) return keras_fail(c, WHET_EUNSUPPORTED, "a call with %s is not supported", keys[i]);
    }
    WHET_TRY(keras_refuse_unless(c, "attention_axes", ""));
    WHET_TRY(keras_refuse_unless(c, "use_gate", ""));
    WHET_TRY(keras_refuse_unless(c, "sliding_window", ""));
    return WHET_OK;
}

whet_status keras_read_attention(keras_call *c)
{
    int64_t n = 0, key = 0, value = 0, features = 0;
    whet_vid q = WHET_NO_VALUE, k = WHET_NO_VALUE, v = WHET_NO_VALUE, scale = WHET_NO_VALUE, shape = WHET_NO_VALUE, y = WHET_NO_VALUE;
    whet_dims d;
    WHET_TRY(refuse_masks(c));
    WHET_TRY(keras_int(c, "num_heads", 0, &n));
    WHET_TRY(keras_int(c, "key_dim", 0, &key));
    WHET_TRY(keras_int(c, "value_dim", key, &value));
    if (c->n_in < 2 || c->n_in > 3) return keras_fail(c, WHET_EFORMAT, "it is called with %zu tensors instead of query, value and perhaps key", c->n_in);
    if (n < 1 || key < 1 || value < 1 || n > 4096 || key > 1 << 16 || value > 1 << 16) return keras_fail(c, WHET_EFORMAT, "num_heads, key_dim and value_dim must be positive");
    whet_nhwc *keys = c->n_in == 3 ? c->in[2] : c->in[1];
    WHET_TRY(keras_dims(c, c->in[0], 3, &d));
    WHET_TRY(keras_int(c, "output_shape", d.dims[2], &features));
    WHET_TRY(project(c, 0, "query_dense", c->in[0], key, n, (const int64_t[]){0, 2, 1, 3}, &q));
    WHET_TRY(project(c, 1, "key_dense", keys, key, n, (const int64_t[]){0, 2, 3, 1}, &k));
    WHET_TRY(project(c, 2, "value_dense", c->in[1], value, n, (const int64_t[]){0, 2, 1, 3}, &v));
    WHET_TRY(whet_graph_const_f32(c->r->g, NULL, 1 / sqrtf((float)key), &scale));
    WHET_TRY(keras_emit(c, "Mul", WHET_IN(q, scale), WHET_NO_ATTRS, &q));
    WHET_TRY(keras_emit(c, "MatMul", WHET_IN(q, k), WHET_NO_ATTRS, &y));
    WHET_TRY(keras_emit(c, "Softmax", WHET_IN(y), WHET_ATTRS(whet_attr_int("axis", -1)), &y));
    WHET_TRY(keras_emit(c, "MatMul", WHET_IN(y, v), WHET_NO_ATTRS, &y));
    WHET_TRY(keras_emit(c, "Transpose", WHET_IN(y), WHET_ATTRS(whet_attr_ints("perm", 4, (const int64_t[]){0, 2, 1, 3})), &y));
    WHET_TRY(whet_graph_const_s64(c->r->g, NULL, 3, (const int64_t[]){0, d.dims[1] > 0 ? d.dims[1] : -1, n * value}, &shape));
    WHET_TRY(keras_emit(c, "Reshape", WHET_IN(y, shape), WHET_NO_ATTRS, &y));
    WHET_TRY(project_out(c, n, value, features, y, &y));
    c->out = whet_nhwc_of(y, WHET_NHWC);
    return WHET_OK;
}
