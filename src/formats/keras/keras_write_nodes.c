/* SPDX-License-Identifier: Apache-2.0 */
/* Operators with weights and the pools as layers. Padding that is neither none nor TensorFlow's SAME becomes a ZeroPadding2D in
 * front; in front of a maximum that is the same only where nothing is negative. */
#include <stdio.h>
#include <string.h>

#include "formats/keras/keras_writer.h"
#include "ir/op.h"

/* The image in front of a node, which must lie channels-last. */
static whet_status image_in(keras_writer *w, const whet_node *n, const keras_ref **in)
{
    WHET_TRY(keras_in(w, n, 0, false, in));
    return whet_nhwc_is(w->g, n->in[0]) ? WHET_OK : keras_refuse(n, "its input '%s' does not lie channels-last", w->g->values[n->in[0]].name);
}

/* ZeroPadding2D in front of layer *in. */
static whet_status zeros_in_front(keras_writer *w, const whet_node *n, const int64_t *before, const int64_t *after, const keras_ref *in, int *layer)
{
    char base[256];
    const int64_t b[4] = {0, before[0], before[1], 0}, a[4] = {0, after[0], after[1], 0};
    snprintf(base, sizeof base, "%.240s.pad", n->name);
    return keras_edges(w, base, false, &in->dims, b, a, in->layer, layer);
}

static whet_status give_image(keras_writer *w, const whet_node *n, int layer)
{
    const whet_dims d = whet_nhwc_dims(w->g, n->out[0]);
    keras_give(w, n, 0, layer, &d, false);
    return WHET_OK;
}

/* --- convolutions */
static bool one_stride(const whet_nhwc_window *win)
{
    return (win->stride[0] == 1 && win->stride[1] == 1) || (win->dilation[0] == 1 && win->dilation[1] == 1);
}

static json_t *window_config(const whet_nhwc_window *win, const char *padding, bool bias)
{
    return json_pack("{s:o,s:o,s:s,s:s,s:o,s:s,s:b}", "kernel_size", keras_pair(win->kernel[0], win->kernel[1]), "strides",
                     keras_pair(win->stride[0], win->stride[1]), "padding", padding, "data_format", "channels_last", "dilation_rate",
                     keras_pair(win->dilation[0], win->dilation[1]), "activation", "linear", "use_bias", bias);
}

static whet_status add_weights(keras_writer *w, const whet_node *n, int layer, const char *role, whet_nhwc_weights form, int64_t group)
{
    whet_tensor raw, t, bias;
    whet_tensor_init(&t);
    WHET_TRY(keras_in_const(w, n, 1, &raw));
    const whet_status status = whet_nhwc_conv_weights(&raw, form, group, &t);
    whet_tensor_dispose(&raw);
    WHET_TRY(status);
    WHET_TRY(keras_layer_weight(w, layer, role, &t));
    WHET_TRY(keras_in_const(w, n, 2, &bias));
    return bias.data != NULL ? keras_layer_weight(w, layer, "bias", &bias) : WHET_OK;
}

whet_status keras_write_conv(keras_writer *w, const whet_node *n)
{
    const keras_ref *in = NULL;
    whet_nhwc_window win;
    char name[256];
    int x = -1, layer = -1;
    WHET_TRY(image_in(w, n, &in));
    WHET_TRY(whet_nhwc_window_of(w->g, n, &win));
    const whet_dims *kernel = &w->g->values[n->in[1]].dims;
    const int64_t channels = in->dims.dims[3], group = whet_node_int(n, "group", 1), filters = kernel->dims[0];
    const bool deep = group > 1 && group == channels && kernel->dims[1] == 1, bias = n->n_in > 2 && n->in[2] >= 0;
    const bool plain = win.same || win.valid;
    if (!one_stride(&win)) return keras_refuse(n, "strides and dilations together are not possible");
    if (deep && win.stride[0] != win.stride[1]) return keras_refuse(n, "depthwise strides that differ in height and width are not possible");
    x = in->layer;
    if (!plain) WHET_TRY(zeros_in_front(w, n, win.before, win.given_after, in, &x));
    json_t *config = window_config(&win, win.same && !win.valid ? "same" : "valid", bias);
    if (deep) json_object_set_new(config, "depth_multiplier", json_integer(filters / channels));
    else json_object_update_new(config, json_pack("{s:I,s:I}", "filters", (json_int_t)filters, "groups", (json_int_t)group));
    WHET_TRY(keras_layer(w, deep ? "DepthwiseConv2D" : "Conv2D", keras_base_name(w, n, 1, name, sizeof name), config, 1, &x, &layer));
    WHET_TRY(add_weights(w, n, layer, deep ? "depthwise_kernel" : "kernel", deep ? WHET_WEIGHTS_HWCM : WHET_WEIGHTS_HWIO, group));
    return give_image(w, n, layer);
}

/* Unpadded, then cut: Keras' own padding of transposed convolutions says less. */
whet_status keras_write_conv_transpose(keras_writer *w, const whet_node *n)
{
    const keras_ref *in = NULL;
    whet_nhwc_window win;
    char name[256];
    int layer = -1;
    int64_t extra[2] = {0, 0};
    WHET_TRY(image_in(w, n, &in));
    WHET_TRY(whet_nhwc_window_of(w->g, n, &win));
    const bool bias = n->n_in > 2 && n->in[2] >= 0;
    whet_dims d = whet_nhwc_dims(w->g, n->out[0]);
    const int64_t cut_before[4] = {0, win.before[0], win.before[1], 0};
    int64_t cut_after[4] = {0, 0, 0, 0};
    if (whet_node_int(n, "group", 1) != 1) return keras_refuse(n, "groups are not possible");
    if (win.dilation[0] != 1 || win.dilation[1] != 1) return keras_refuse(n, "dilations are not supported");
    for (int i = 0; i < 2; i++) {
        const int64_t full = (win.in[i] - 1) * win.stride[i] + WHET_MAX(win.kernel[i], win.stride[i]);
        const int64_t wanted = win.before[i] + win.out[i];
        cut_after[1 + i] = full - wanted;
        if (wanted > full) return keras_refuse(n, "output_padding beyond the kernel's reach is not supported");
        d.dims[1 + i] = full;
        extra[i] = WHET_MAX(win.stride[i] - win.kernel[i], 0);
    }
    json_t *config = window_config(&win, "valid", bias);
    json_object_set_new(config, "filters", json_integer(d.dims[3]));
    if (extra[0] > 0 || extra[1] > 0) json_object_set_new(config, "output_padding", json_null());
    WHET_TRY(keras_layer(w, "Conv2DTranspose", keras_base_name(w, n, 1, name, sizeof name), config, 1, &in->layer, &layer));
    WHET_TRY(add_weights(w, n, layer, "kernel", WHET_WEIGHTS_IO_HWOI, 1));
    WHET_TRY(keras_edges(w, n->name, true, &d, cut_before, cut_after, layer, &layer));
    return give_image(w, n, layer);
}

/* --- products */
static void transpose_2d(const whet_tensor *src, whet_tensor *dst)
{
    const int64_t rows = src->shape.dims[0], columns = src->shape.dims[1];
    for (int64_t r = 0; r < rows; r++)
        for (int64_t c = 0; c < columns; c++) ((float *)dst->data)[c * rows + r] = ((const float *)src->data)[r * columns + c];
}

/* [in, units] times alpha. */
static whet_status dense_kernel(keras_writer *w, const whet_node *n, bool turned, float alpha, whet_tensor *out)
{
    whet_tensor raw;
    whet_tensor_init(out);
    WHET_TRY(keras_in_const(w, n, 1, &raw));
    if (raw.shape.rank != 2) {
        whet_tensor_dispose(&raw);
        return keras_refuse(n, "only a matrix of weights is possible");
    }
    if (!turned && alpha == 1) {
        *out = raw;
        return WHET_OK;
    }
    const whet_shape shape = turned ? WHET_SHAPE(raw.shape.dims[1], raw.shape.dims[0]) : raw.shape;
    const whet_status status = whet_tensor_alloc(out, WHET_F32, &shape);
    if (status == WHET_OK && turned) transpose_2d(&raw, out);
    if (status == WHET_OK && !turned) memcpy(out->data, raw.data, whet_tensor_bytes(&raw));
    whet_tensor_dispose(&raw);
    for (int64_t i = 0; status == WHET_OK && alpha != 1 && i < whet_tensor_numel(out); i++) ((float *)out->data)[i] *= alpha;
    return status;
}

/* One number for all units, or one each. False if it is neither. */
static bool spread(const whet_tensor *c, float beta, int64_t units, whet_tensor *out)
{
    const int64_t n = whet_tensor_numel(c);
    const whet_shape shape = WHET_SHAPE(units);
    whet_tensor_init(out);
    if ((n != 1 && n != units) || (n == units && c->shape.rank > 0 && c->shape.dims[c->shape.rank - 1] != units)) return false;
    if (whet_tensor_alloc(out, WHET_F32, &shape) != WHET_OK) return false;
    for (int64_t i = 0; i < units; i++) ((float *)out->data)[i] = ((const float *)c->data)[n == 1 ? 0 : i] * beta;
    return true;
}

/* kernel is taken over; bias may be empty. The result is the output of `last`. */
static whet_status add_dense(keras_writer *w, const whet_node *n, const whet_node *last, whet_tensor *kernel, whet_tensor *bias)
{
    const keras_ref *in = NULL;
    char name[256];
    int layer = -1;
    whet_status status = keras_in(w, n, 0, true, &in);
    const int64_t units = kernel->shape.dims[1];
    json_t *config = json_pack("{s:I,s:s,s:b}", "units", (json_int_t)units, "activation", "linear", "use_bias", bias->data != NULL);
    if (status == WHET_OK) status = keras_layer(w, "Dense", keras_base_name(w, n, 1, name, sizeof name), config, 1, &in->layer, &layer);
    else json_decref(config);
    if (status == WHET_OK) status = keras_layer_weight(w, layer, "kernel", kernel);
    if (status == WHET_OK && bias->data != NULL) status = keras_layer_weight(w, layer, "bias", bias);
    whet_tensor_dispose(kernel);
    whet_tensor_dispose(bias);
    WHET_TRY(status);
    whet_dims d = in->dims;
    d.dims[d.rank - 1] = units;
    keras_give(w, last, 0, layer, &d, in->rows);
    return WHET_OK;
}

whet_status keras_write_gemm(keras_writer *w, const whet_node *n)
{
    whet_tensor kernel, c, bias;
    whet_tensor_init(&bias);
    if (whet_node_int(n, "transA", 0)) return keras_refuse(n, "transA is not possible");
    WHET_TRY(keras_in_const(w, n, 2, &c));
    whet_status status = dense_kernel(w, n, whet_node_int(n, "transB", 0) != 0, whet_node_float(n, "alpha", 1), &kernel);
    if (status == WHET_OK && c.data != NULL && !spread(&c, whet_node_float(n, "beta", 1), kernel.shape.dims[1], &bias)) status = keras_refuse(n, "its bias is not one number for each unit");
    whet_tensor_dispose(&c);
    if (status != WHET_OK) {
        whet_tensor_dispose(&kernel);
        return status;
    }
    return add_dense(w, n, n, &kernel, &bias);
}

/* The Add of a constant behind a product, which is the layer's bias. */
static const whet_node *bias_behind(const keras_writer *w, const whet_node *n, int64_t units, whet_tensor *bias)
{
    whet_tensor c;
    const whet_node *add = keras_only_user(w, n);
    whet_tensor_init(bias);
    if (add == NULL || !whet_node_is(add, "Add")) return n;
    const int side = add->in[0] == n->out[0] ? 1 : 0;
    if (!keras_is_const(w, add->in[side]) || keras_in_const(w, add, side, &c) != WHET_OK) return n;
    const bool fits = spread(&c, 1, units, bias);
    whet_tensor_dispose(&c);
    return fits ? add : n;
}

whet_status keras_write_matmul(keras_writer *w, const whet_node *n)
{
    whet_tensor kernel, bias;
    if (!keras_is_const(w, n->in[0]) && !keras_is_const(w, n->in[1])) return keras_write_product(w, n);
    if (whet_nhwc_is(w->g, n->in[0]) || whet_nhwc_is(w->g, n->out[0])) return keras_refuse(n, "its operands lie channels-last");
    WHET_TRY(dense_kernel(w, n, false, 1, &kernel));
    const whet_node *last = bias_behind(w, n, kernel.shape.dims[1], &bias);
    if (last != n) w->done[last - w->g->nodes] = true;
    return add_dense(w, n, last, &kernel, &bias);
}

/* --- normalisation */
static whet_status add_vectors(keras_writer *w, const whet_node *n, int layer, int count, const char *const *roles)
{
    for (int i = 0; i < count; i++) {
        whet_tensor t;
        WHET_TRY(keras_in_const(w, n, 1 + i, &t));
        if (t.data == NULL) continue;
        t.shape = WHET_SHAPE(whet_tensor_numel(&t));
        WHET_TRY(keras_layer_weight(w, layer, roles[i], &t));
    }
    return WHET_OK;
}

whet_status keras_write_batch_norm(keras_writer *w, const whet_node *n)
{
    static const char *const roles[] = {"gamma", "beta", "moving_mean", "moving_variance"};
    const keras_ref *in = NULL;
    char name[256];
    int layer = -1;
    WHET_TRY(keras_in(w, n, 0, false, &in));
    if (whet_node_int(n, "training_mode", 0)) return keras_refuse(n, "it is in training mode: freeze the graph first");
    const int axis = whet_nhwc_axis(w->g, n->in[0], 1);
    json_t *config = json_pack("{s:i,s:f,s:f,s:b,s:b}", "axis", axis, "momentum", (double)whet_node_float(n, "momentum", 0.9f), "epsilon",
                               (double)whet_node_float(n, "epsilon", 1e-5f), "center", 1, "scale", 1);
    WHET_TRY(keras_layer(w, "BatchNormalization", keras_base_name(w, n, 1, name, sizeof name), config, 1, &in->layer, &layer));
    WHET_TRY(add_vectors(w, n, layer, 4, roles));
    return give_image(w, n, layer);
}

whet_status keras_write_layer_norm(keras_writer *w, const whet_node *n)
{
    static const char *const roles[] = {"gamma", "beta"};
    const keras_ref *in = NULL;
    char name[256];
    int layer = -1;
    WHET_TRY(keras_in(w, n, 0, true, &in));
    const whet_dims *x = &w->g->values[n->in[0]].dims;
    const int64_t axis = whet_node_int(n, "axis", -1);
    const bool bias = n->n_in > 2 && n->in[2] >= 0;
    if (whet_nhwc_axis(w->g, n->in[0], axis) != x->rank - 1 || (axis != -1 && axis != x->rank - 1 && !whet_nhwc_is(w->g, n->in[0]))) return keras_refuse(n, "only the last axis can be normalised");
    json_t *config = json_pack("{s:i,s:f,s:b,s:b}", "axis", in->dims.rank - 1, "epsilon", (double)whet_node_float(n, "epsilon", 1e-5f), "center", bias, "scale", 1);
    const keras_ref from = *in;
    WHET_TRY(keras_layer(w, "LayerNormalization", keras_base_name(w, n, 1, name, sizeof name), config, 1, &from.layer, &layer));
    WHET_TRY(add_vectors(w, n, layer, bias ? 2 : 1, roles));
    keras_give(w, n, 0, layer, &from.dims, from.rows);
    return WHET_OK;
}

/* --- pools */
/* Whether no element can be negative. */
static bool not_negative(const keras_writer *w, whet_vid v, int depth)
{
    static const char *const always[] = {"Relu", "Sigmoid", "Softmax", "HardSigmoid", "Softplus", "Exp", "Abs"};
    static const char *const passing[] = {"MaxPool", "AveragePool", "Concat", "Identity", "Dropout", "Slice", "Reshape", "Transpose", "whet.Reorder", "Add", "Mul", "Resize"};
    if (v < 0 || depth > 8 || w->g->values[v].producer < 0) return false;
    const whet_node *n = &w->g->nodes[w->g->values[v].producer];
    for (size_t i = 0; i < WHET_COUNT(always); i++)
        if (whet_node_is(n, always[i])) return true;
    if (whet_node_is(n, "Clip")) {
        const whet_tensor *low = n->n_in > 1 && n->in[1] >= 0 ? whet_graph_const_data(w->g, n->in[1]) : NULL;
        return low != NULL && whet_tensor_get_f64(low, 0) >= 0;
    }
    for (size_t i = 0; i < WHET_COUNT(passing); i++) {
        if (!whet_node_is(n, passing[i])) continue;
        const bool all = strcmp(passing[i], "Concat") == 0 || strcmp(passing[i], "Add") == 0 || strcmp(passing[i], "Mul") == 0;
        for (int k = 0; k < (all ? n->n_in : 1); k++)
            if (!not_negative(w, n->in[k], depth + 1)) return false;
        return strcmp(passing[i], "Resize") != 0 || strcmp(whet_node_string(n, "mode", "nearest"), "cubic") != 0;
    }
    return false;
}

static whet_status add_pool(keras_writer *w, const whet_node *n, const char *class_name, const whet_nhwc_window *win, bool zeros, const keras_ref *in)
{
    int x = in->layer, layer = -1;
    if (win->dilation[0] != 1 || win->dilation[1] != 1) return keras_refuse(n, "dilations are not possible");
    if (!win->valid && !win->same && !zeros)
        return keras_refuse(n, "padding of %lld,%lld before and %lld,%lld after is neither none nor TensorFlow's SAME", (long long)win->before[0],
                            (long long)win->before[1], (long long)win->after[0], (long long)win->after[1]);
    const bool same = win->same && !win->valid;
    if (!win->valid && !same) WHET_TRY(zeros_in_front(w, n, win->before, win->after, in, &x));
    json_t *config = json_pack("{s:o,s:o,s:s,s:s}", "pool_size", keras_pair(win->kernel[0], win->kernel[1]), "strides", keras_pair(win->stride[0], win->stride[1]),
                               "padding", same ? "same" : "valid", "data_format", "channels_last");
    WHET_TRY(keras_layer(w, class_name, n->name, config, 1, &x, &layer));
    return give_image(w, n, layer);
}

whet_status keras_write_max_pool(keras_writer *w, const whet_node *n)
{
    const keras_ref *in = NULL;
    whet_nhwc_window win;
    WHET_TRY(image_in(w, n, &in));
    if (n->n_out > 1 && n->out[1] >= 0) return keras_refuse(n, "indices as a second output are not possible");
    WHET_TRY(whet_nhwc_window_of(w->g, n, &win));
    const keras_ref from = *in;
    return add_pool(w, n, "MaxPooling2D", &win, not_negative(w, n->in[0], 0), &from);
}

whet_status keras_write_average_pool(keras_writer *w, const whet_node *n)
{
    const keras_ref *in = NULL;
    whet_nhwc_window win;
    WHET_TRY(image_in(w, n, &in));
    WHET_TRY(whet_nhwc_window_of(w->g, n, &win));
    const bool count = whet_node_int(n, "count_include_pad", 0) != 0, ceil = win.after[0] > win.given_after[0] || win.after[1] > win.given_after[1];
    if (count && ceil && !win.valid) return keras_refuse(n, "ceil_mode with counted padding is not possible");
    const keras_ref from = *in;
    if (count) win.same = false; /* SAME does not count what it pads */
    return add_pool(w, n, "AveragePooling2D", &win, count, &from);
}

whet_status keras_write_global_pool(keras_writer *w, const whet_node *n)
{
    const keras_ref *in = NULL;
    WHET_TRY(image_in(w, n, &in));
    return keras_simple(w, n, whet_node_is(n, "GlobalMaxPool") ? "GlobalMaxPooling2D" : "GlobalAveragePooling2D",
                        json_pack("{s:s,s:b}", "data_format", "channels_last", "keepdims", 1));
}

whet_status keras_write_reduce_mean(keras_writer *w, const whet_node *n)
{
    const keras_ref *in = NULL;
    int64_t axes[WHET_MAX_RANK];
    unsigned set = 0;
    WHET_TRY(keras_in(w, n, 0, false, &in));
    const int count = n->n_in > 1 && n->in[1] >= 0 ? keras_in_ints(w, n, 1, axes, WHET_MAX_RANK) : -1;
    for (int i = 0; i < count; i++) set |= 1U << whet_nhwc_axis(w->g, n->in[0], axes[i]);
    json_t *config = json_pack("{s:s,s:b}", "data_format", "channels_last", "keepdims", whet_node_int(n, "keepdims", 1) != 0);
    if (in->dims.rank == 4 && set == 6) return keras_simple(w, n, "GlobalAveragePooling2D", config);
    if (in->dims.rank == 3 && set == 2) return keras_simple(w, n, "GlobalAveragePooling1D", config);
    json_decref(config);
    return keras_refuse(n, "only the mean over all places of an image or over all tokens is possible");
}
