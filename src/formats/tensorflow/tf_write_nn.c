/* SPDX-License-Identifier: Apache-2.0 */
/* Writing convolutions, pools, normalisation and resizing, channels last. */
#include <math.h>

#include "formats/tensorflow/tf_writer.h"
#include "ir/resize_plan.h"

static void four(int64_t x[4], const int64_t hw[2])
{
    x[0] = x[3] = 1;
    x[1] = hw[0];
    x[2] = hw[1];
}

static bool is_image(tf_writer *w, int i)
{
    const whet_vid v = w->node->in[i];
    if (w->g->values[v].dims.rank != 4) tf_refuse(w, WHET_EUNSUPPORTED, "only pictures (4 dimensions) can be written");
    else if (!whet_nhwc_is(w->g, v)) tf_refuse(w, WHET_EINVAL, "the picture does not lie channels last");
    return w->status == WHET_OK;
}

static bool window(tf_writer *w, whet_nhwc_window *win)
{
    if (w->status == WHET_OK) w->status = whet_nhwc_window_of(w->g, w->node, win);
    return w->status == WHET_OK;
}

/* strides, padding and the like; returns how many attributes. */
static int window_attrs(tf_writer *w, const whet_nhwc_window *win, const int64_t after[2], tf_attr *a)
{
    int64_t stride[4];
    int n = 0;
    four(stride, win->stride);
    const bool plain = win->valid || win->same;
    a[n++] = tf_a_type(w, "T", tf_type_of(w, 0));
    a[n++] = tf_a_text(w, "data_format", "NHWC");
    a[n++] = tf_a_ints(w, "strides", 4, stride);
    a[n++] = tf_a_text(w, "padding", win->valid ? "VALID" : win->same ? "SAME" : "EXPLICIT");
    if (!plain) {
        const int64_t p[8] = {0, 0, win->before[0], after[0], win->before[1], after[1], 0, 0};
        a[n++] = tf_a_ints(w, "explicit_paddings", 8, p);
    }
    return n;
}

/* --- convolutions */

/* The picture with zeros around it, for operators that cannot pad by numbers. */
static const char *zero_padded(tf_writer *w, const whet_nhwc_window *win, const int64_t after[2])
{
    const int64_t p[8] = {0, 0, win->before[0], after[0], win->before[1], after[1], 0, 0}, dims[2] = {4, 2};
    whet_tensor t;
    const whet_shape s = whet_shape_of(2, dims);
    whet_tensor_init(&t);
    if (w->status == WHET_OK) w->status = whet_tensor_alloc(&t, WHET_S32, &s);
    for (int i = 0; i < 8 && w->status == WHET_OK; i++) whet_tensor_set_s64(&t, i, p[i]);
    if (w->status != WHET_OK) return NULL;
    const char *pads = tf_const_tensor(w, NULL, &t);
    return tf_put(w, "Pad", TF_IN(tf_in_ref(w, 0), pads), TF_ATTRS(tf_a_type(w, "T", tf_type_of(w, 0)), tf_a_type(w, "Tpaddings", WHET_S32)));
}

/* Weights that are computed (dequantised, say): transposed in the file. */
static const char *moved_weights(tf_writer *w, bool depthwise, bool transposed, const whet_dims *k)
{
    static const int64_t to_hwio[4] = {2, 3, 1, 0}, to_hwcm[4] = {2, 3, 0, 1};
    const whet_dims cm = {.rank = 4, .dims = {k->dims[0], k->dims[1], k->dims[2], k->dims[3]}};
    const whet_dtype t = tf_type_of(w, 1);
    const char *ref = tf_in_ref(w, 1);
    if (depthwise) ref = tf_reshape_to(w, ref, t, &cm, false);
    const int64_t *perm = depthwise ? to_hwcm : to_hwio;
    (void)transposed; /* [I, O, h, w] -> [h, w, O, I] is the same permutation */
    return tf_put(w, "Transpose", TF_IN(ref, tf_const_ints(w, 4, perm)), TF_ATTRS(tf_a_type(w, "T", t), tf_a_type(w, "Tperm", WHET_S32)));
}

static const char *weights(tf_writer *w, whet_nhwc_weights to, int64_t groups)
{
    const whet_vid v = w->node->in[1];
    const whet_tensor *data = whet_graph_const_data(w->g, v);
    whet_tensor t;
    if (w->status != WHET_OK) return NULL;
    if (!data) {
        whet_dims k = w->g->values[v].dims;
        if (to == WHET_WEIGHTS_HWCM) {
            k.dims[1] = k.dims[0] / groups;
            k.dims[0] = groups;
        }
        return moved_weights(w, to == WHET_WEIGHTS_HWCM, to == WHET_WEIGHTS_IO_HWOI, &k);
    }
    w->status = whet_nhwc_conv_weights(data, to, groups, &t);
    return w->status == WHET_OK ? tf_const_tensor(w, w->g->values[v].name, &t) : NULL;
}

static void with_bias(tf_writer *w, const char *op, int n_in, const char *const *in, int n_attr, const tf_attr *a)
{
    if (!tf_has(w->node, 2)) {
        tf_last(w, op, n_in, in, n_attr, a);
        return;
    }
    const char *y = tf_put(w, op, n_in, in, n_attr, a);
    tf_last(w, "BiasAdd", TF_IN(y, tf_in_ref(w, 2)), TF_ATTRS(tf_a_type(w, "T", tf_type_of(w, 0)), tf_a_text(w, "data_format", "NHWC")));
}

void tf_write_conv(tf_writer *w, const whet_node *n)
{
    whet_nhwc_window win;
    tf_attr a[TF_PUT_ATTRS];
    int64_t dilation[4];
    if (!is_image(w, 0) || !window(w, &win)) return;
    const int64_t group = whet_node_int(n, "group", 1), channels = w->g->values[n->in[0]].dims.dims[1];
    const bool depthwise = group > 1 && group == channels;
    const char *x = tf_in_ref(w, 0);
    if (depthwise && !win.valid && !win.same) { /* TensorFlow's inference of shapes ends the program at such a node */
        x = zero_padded(w, &win, win.given_after);
        win.valid = true;
    }
    int k = window_attrs(w, &win, win.given_after, a);
    four(dilation, win.dilation);
    if (win.dilation[0] != 1 || win.dilation[1] != 1) a[k++] = tf_a_ints(w, "dilations", 4, dilation);
    const char *f = weights(w, depthwise ? WHET_WEIGHTS_HWCM : WHET_WEIGHTS_HWIO, group);
    with_bias(w, depthwise ? "DepthwiseConv2dNative" : "Conv2D", TF_IN(x, f), k, a);
}

/* The size of the result: numbers, but for the batch. */
static const char *result_size(tf_writer *w, const char *x)
{
    static const int64_t zero = 0, one = 1;
    const whet_dims d = tf_file_dims(w, w->node->out[0]);
    const char *part[4];
    int64_t sizes[4];
    for (int i = 0; i < 4; i++) sizes[i] = d.dims[i];
    for (int i = 1; i < 4; i++)
        if (d.dims[i] < 0) tf_refuse(w, WHET_EUNSUPPORTED, "the size of the picture is not known; fix it first");
    if (d.dims[0] >= 0 || w->status != WHET_OK) return w->status == WHET_OK ? tf_const_ints(w, 4, sizes) : NULL;
    const char *shape = tf_put(w, "Shape", TF_IN(x), TF_ATTRS(tf_a_type(w, "T", tf_type_of(w, 0)), tf_a_type(w, "out_type", WHET_S32)));
    part[0] = tf_put(w, "StridedSlice", TF_IN(shape, tf_const_ints(w, 1, &zero), tf_const_ints(w, 1, &one), tf_const_ints(w, 1, &one)),
                     TF_ATTRS(tf_a_type(w, "T", WHET_S32), tf_a_type(w, "Index", WHET_S32), tf_a_int(w, "shrink_axis_mask", 1)));
    for (int i = 1; i < 4; i++) part[i] = tf_const_int(w, sizes[i]);
    return tf_put(w, "Pack", 4, part, TF_ATTRS(tf_a_type(w, "T", WHET_S32), tf_a_int(w, "N", 4), tf_a_int(w, "axis", 0)));
}

void tf_write_conv_transpose(tf_writer *w, const whet_node *n)
{
    whet_nhwc_window win;
    tf_attr a[TF_PUT_ATTRS];
    int64_t dilation[4];
    if (!is_image(w, 0) || !window(w, &win)) return;
    int k = window_attrs(w, &win, win.given_after, a);
    four(dilation, win.dilation);
    if (win.dilation[0] != 1 || win.dilation[1] != 1) a[k++] = tf_a_ints(w, "dilations", 4, dilation);
    const char *x = tf_in_ref(w, 0), *f = weights(w, WHET_WEIGHTS_IO_HWOI, whet_node_int(n, "group", 1));
    with_bias(w, "Conv2DBackpropInput", TF_IN(result_size(w, x), f, x), k, a);
}

/* --- pools */

/* How many of a window's elements lie in the picture: kernel size over that, by place. */
static const char *share_of_padding(tf_writer *w, const whet_nhwc_window *win)
{
    const int64_t dims[4] = {1, win->out[0], win->out[1], 1};
    float *map = whet_calloc((size_t)(win->out[0] * win->out[1]), sizeof(*map));
    if (!map && w->status == WHET_OK) w->status = WHET_ENOMEM;
    if (w->status != WHET_OK) return NULL;
    for (int64_t y = 0; y < win->out[0]; y++)
        for (int64_t x = 0; x < win->out[1]; x++) {
            const int64_t at[2] = {y, x};
            int64_t inside = 1;
            for (int i = 0; i < 2; i++) {
                const int64_t begin = at[i] * win->stride[i] - win->before[i], end = begin + win->kernel[i];
                inside *= WHET_MIN(end, win->in[i]) - WHET_MAX(begin, 0);
            }
            map[y * win->out[1] + x] = (float)(win->kernel[0] * win->kernel[1]) / (float)WHET_MAX(inside, 1);
        }
    const char *ref = tf_const_floats(w, 4, dims, map);
    whet_free(map);
    return ref;
}

static void average_pool(tf_writer *w, const whet_node *n, whet_nhwc_window *win, int64_t *kernel)
{
    tf_attr a[TF_PUT_ATTRS];
    const bool counts = whet_node_int(n, "count_include_pad", 0) != 0;
    if (counts && !win->valid && (win->after[0] > win->given_after[0] || win->after[1] > win->given_after[1]))
        tf_refuse(w, WHET_EUNSUPPORTED, "ceil_mode with counted padding cannot be written");
    if (!win->valid && !(win->same && !counts) && (win->out[0] < 1 || win->out[1] < 1 || win->out[0] * win->out[1] > 1 << 24))
        tf_refuse(w, WHET_EUNSUPPORTED, "the size of the picture is not known; fix it first");
    const char *x = tf_in_ref(w, 0), *share = NULL;
    if (!win->valid && (counts || !win->same)) {
        x = zero_padded(w, win, win->after);
        if (!counts) share = share_of_padding(w, win);
        win->valid = true;
    }
    const int k = window_attrs(w, win, win->after, a);
    a[k] = tf_a_ints(w, "ksize", 4, kernel);
    if (!share) {
        tf_last(w, "AvgPool", TF_IN(x), k + 1, a);
        return;
    }
    tf_last1(w, "Mul", tf_type_of(w, 0), TF_IN(tf_put(w, "AvgPool", TF_IN(x), k + 1, a), share));
}

void tf_write_pool(tf_writer *w, const whet_node *n)
{
    whet_nhwc_window win;
    tf_attr a[TF_PUT_ATTRS];
    int64_t kernel[4];
    if (!is_image(w, 0) || !window(w, &win)) return;
    four(kernel, win.kernel);
    if (win.dilation[0] != 1 || win.dilation[1] != 1) tf_refuse(w, WHET_EUNSUPPORTED, "dilations cannot be written");
    if (whet_node_is(n, "AveragePool")) {
        average_pool(w, n, &win, kernel);
        return;
    }
    const int k = window_attrs(w, &win, win.after, a);
    a[k] = tf_a_ints(w, "ksize", 4, kernel);
    tf_last(w, "MaxPool", TF_IN(tf_in_ref(w, 0)), k + 1, a);
}

void tf_write_global_pool(tf_writer *w, const whet_node *n)
{
    static const int64_t pixels[2] = {1, 2};
    if (!is_image(w, 0)) return;
    const char *x = tf_in_ref(w, 0);
    tf_last(w, whet_node_is(n, "GlobalMaxPool") ? "Max" : "Mean", TF_IN(x, tf_const_ints(w, 2, pixels)),
            TF_ATTRS(tf_a_type(w, "T", tf_type_of(w, 0)), tf_a_type(w, "Tidx", WHET_S32), tf_a_bool(w, "keep_dims", true)));
}

/* --- normalisation */

void tf_write_batch_norm(tf_writer *w, const whet_node *n)
{
    const whet_dtype t = tf_type_of(w, 0);
    const int rank = w->g->values[n->in[0]].dims.rank;
    const float eps = whet_node_float(n, "epsilon", 1e-5f);
    const char *in[5];
    if (whet_node_int(n, "training_mode", 0)) tf_refuse(w, WHET_EUNSUPPORTED, "training mode cannot be written");
    for (int i = 0; i < 5; i++) in[i] = tf_in_ref(w, i);
    if (rank == 4 && t == WHET_F32 && is_image(w, 0)) {
        tf_last(w, "FusedBatchNormV3", 5, in, TF_ATTRS(tf_a_type(w, "T", t), tf_a_type(w, "U", t), tf_a_text(w, "data_format", "NHWC"),
                tf_a_float(w, "epsilon", eps), tf_a_float(w, "exponential_avg_factor", 1), tf_a_bool(w, "is_training", false)));
        return;
    }
    if (rank != 2 && w->status == WHET_OK) tf_refuse(w, WHET_EUNSUPPORTED, "%d dimensions cannot be written, 2 and 4 can", rank);
    /* as Keras does: x * f + (bias - mean * f), f = scale / sqrt(variance + epsilon) */
    const char *sum = tf_op1(w, "AddV2", t, TF_IN(in[4], tf_const_scalar(w, t, (double)eps)));
    const char *factor = tf_op1(w, "Mul", t, TF_IN(tf_op1(w, "Rsqrt", t, TF_IN(sum)), in[1]));
    const char *rest = tf_op1(w, "Sub", t, TF_IN(in[2], tf_op1(w, "Mul", t, TF_IN(in[3], factor))));
    tf_last1(w, "AddV2", t, TF_IN(tf_op1(w, "Mul", t, TF_IN(in[0], factor)), rest));
}

static const char *reduced(tf_writer *w, const char *op, whet_dtype t, const char *x, int n, const int64_t *axes)
{
    return tf_put(w, op, TF_IN(x, tf_const_ints(w, n, axes)),
                  TF_ATTRS(tf_a_type(w, "T", t), tf_a_type(w, "Tidx", WHET_S32), tf_a_bool(w, "keep_dims", true)));
}

/* (x - mean) / sqrt(variance + epsilon) over some axes; centred: else without the mean. */
static const char *normalised(tf_writer *w, whet_dtype t, const char *x, int n, const int64_t *axes, float eps, bool centred)
{
    const char *d = x;
    if (centred) d = tf_op1(w, "Sub", t, TF_IN(x, reduced(w, "Mean", t, x, n, axes)));
    const char *var = reduced(w, "Mean", t, tf_op1(w, "Square", t, TF_IN(d)), n, axes);
    const char *f = tf_op1(w, "Rsqrt", t, TF_IN(tf_op1(w, "AddV2", t, TF_IN(var, tf_const_scalar(w, t, (double)eps)))));
    return tf_op1(w, "Mul", t, TF_IN(d, f));
}

static void scaled(tf_writer *w, whet_dtype t, const char *y, const char *scale, const char *bias)
{
    if (!bias) tf_last1(w, "Mul", t, TF_IN(y, scale));
    else tf_last1(w, "AddV2", t, TF_IN(tf_op1(w, "Mul", t, TF_IN(y, scale)), bias));
}

void tf_write_layer_norm(tf_writer *w, const whet_node *n)
{
    const int rank = w->g->values[n->in[0]].dims.rank;
    int64_t axis = whet_node_int(n, "axis", -1), axes[WHET_MAX_RANK];
    const bool centred = whet_node_is(n, "LayerNormalization");
    const whet_dtype t = tf_type_of(w, 0);
    int k = 0;
    if (rank < 1 || whet_nhwc_is(w->g, n->in[0])) tf_refuse(w, WHET_EUNSUPPORTED, "over a picture with its channels last cannot be written");
    for (int64_t i = axis < 0 ? axis + rank : axis; i < rank && i >= 0; i++) axes[k++] = i;
    const char *y = normalised(w, t, tf_in_ref(w, 0), k, axes, whet_node_float(n, "epsilon", 1e-5f), centred);
    scaled(w, t, y, tf_in_ref(w, 1), tf_has(n, 2) ? tf_in_ref(w, 2) : NULL);
}

void tf_write_group_norm(tf_writer *w, const whet_node *n)
{
    static const int64_t pixels[2] = {1, 2}, grouped[3] = {1, 2, 4};
    const whet_dtype t = tf_type_of(w, 0);
    const float eps = whet_node_float(n, "epsilon", 1e-5f);
    if (!is_image(w, 0)) return;
    const char *x = tf_in_ref(w, 0);
    if (whet_node_is(n, "InstanceNormalization")) {
        scaled(w, t, normalised(w, t, x, 2, pixels, eps, true), tf_in_ref(w, 1), tf_in_ref(w, 2));
        return;
    }
    const whet_dims d = tf_file_dims(w, n->in[0]);
    const int64_t groups = whet_node_int(n, "num_groups", 1);
    const whet_dims split = {.rank = 5, .dims = {d.dims[0], d.dims[1], d.dims[2], groups, groups > 0 ? d.dims[3] / groups : 0}};
    const char *y = normalised(w, t, tf_reshape_to(w, x, t, &split, false), 3, grouped, eps, true);
    scaled(w, t, tf_reshape_to(w, y, t, &d, false), tf_in_ref(w, 1), tf_in_ref(w, 2));
}

void tf_write_lrn(tf_writer *w, const whet_node *n)
{
    const int64_t size = whet_node_int(n, "size", 1);
    if (!is_image(w, 0)) return;
    if (size % 2 == 0) tf_refuse(w, WHET_EUNSUPPORTED, "an even size cannot be written");
    const char *x = tf_in_ref(w, 0);
    tf_last(w, "LRN", TF_IN(x), TF_ATTRS(tf_a_type(w, "T", tf_type_of(w, 0)), tf_a_int(w, "depth_radius", size / 2),
            tf_a_float(w, "bias", whet_node_float(n, "bias", 1)), tf_a_float(w, "alpha", whet_node_float(n, "alpha", 1e-4f) / (float)size),
            tf_a_float(w, "beta", whet_node_float(n, "beta", 0.75f))));
}

/* --- sizes */

typedef struct resizing { const char *op; bool corners, centers; } resizing;

/* The rule of TensorFlow that does the same, if there is one. */
static bool resize_rule(const whet_node *n, const whet_dims *x, const whet_dims *y, resizing *r)
{
    const char *mode = whet_node_string(n, "mode", "nearest"), *at = whet_node_string(n, "coordinate_transformation_mode", "half_pixel");
    const char *round = whet_node_string(n, "nearest_mode", "round_prefer_floor");
    const bool up = y->dims[1] % x->dims[1] == 0 && y->dims[2] % x->dims[2] == 0;
    const bool half = strcmp(at, "half_pixel") == 0 || (strcmp(at, "pytorch_half_pixel") == 0 && y->dims[1] > 1 && y->dims[2] > 1);
    r->corners = strcmp(at, "align_corners") == 0;
    r->centers = half;
    if (!half && !r->corners && strcmp(at, "asymmetric") != 0) return false;
    if (whet_node_int(n, "antialias", 0)) return false;
    if (strcmp(mode, "linear") == 0) {
        r->op = "ResizeBilinear";
        return true;
    }
    if (strcmp(mode, "cubic") == 0) {
        r->op = "ResizeBicubic";
        return half && whet_node_float(n, "cubic_coeff_a", -0.75f) == -0.5f && whet_node_int(n, "exclude_outside", 0);
    }
    r->op = "ResizeNearestNeighbor";
    if (r->corners) return strcmp(round, "round_prefer_ceil") == 0;
    if (!half) return strcmp(round, "floor") == 0;
    return strcmp(round, "round_prefer_ceil") == 0 || (up && strncmp(round, "round_prefer", 12) == 0);
}

/* With scales that do not lead to whole sizes positions would be others. */
static bool whole_scales(tf_writer *w, const whet_node *n, const whet_dims *x, const whet_dims *y)
{
    const whet_tensor *s = tf_has(n, 2) ? whet_graph_const_data(w->g, n->in[2]) : NULL;
    if (!s || whet_tensor_numel(s) != 4) return true;
    for (int i = 0; i < 2; i++) {
        const double want = whet_tensor_get_f64(s, 2 + i) * (double)x->dims[1 + i];
        if (fabs(want - (double)y->dims[1 + i]) > 1e-3) return false;
    }
    return true;
}

/* What an axis does, as a dense matrix out x in. */
static const char *matrix(tf_writer *w, const whet_resize_rule *rule, const whet_resize_axis *axis)
{
    whet_resize_taps t;
    const int64_t dims[2] = {axis->out, axis->in};
    const char *ref = NULL;
    float *m = NULL;
    memset(&t, 0, sizeof(t));
    if (axis->in * axis->out > 1 << 24) tf_refuse(w, WHET_EUNSUPPORTED, "a picture of this size cannot be written with such a rule");
    if (w->status == WHET_OK) w->status = whet_resize_taps_make(&t, rule, axis);
    if (w->status == WHET_OK && t.holes) tf_refuse(w, WHET_EUNSUPPORTED, "places outside the picture cannot be written");
    if (w->status == WHET_OK && !(m = whet_calloc((size_t)(axis->in * axis->out), sizeof(*m)))) w->status = WHET_ENOMEM;
    if (w->status == WHET_OK) {
        for (int64_t o = 0; o < axis->out; o++)
            for (int32_t i = t.start[o]; i < t.start[o + 1]; i++) m[o * axis->in + t.index[i]] += (float)t.weight[i];
        ref = tf_const_floats(w, 2, dims, m);
    }
    whet_free(m);
    whet_resize_taps_free(&t);
    return ref;
}

/* Rules that TensorFlow has not: a product with a matrix over the columns, then one over the rows. */
static void resize_by_products(tf_writer *w, const whet_node *n, const whet_dims *x, const whet_dims *y)
{
    whet_shape in = {.rank = 4, .dims = {1, x->dims[3], x->dims[1], x->dims[2]}}, out = {.rank = 4, .dims = {1, y->dims[3], y->dims[1], y->dims[2]}};
    whet_resize_axis axes[WHET_MAX_RANK];
    whet_resize_rule rule;
    const whet_dims rows = {.rank = 3, .dims = {x->dims[0], x->dims[1], y->dims[2] * x->dims[3]}};
    if (tf_type_of(w, 0) != WHET_F32 || x->dims[3] < 1) tf_refuse(w, WHET_EUNSUPPORTED, "this rule can be written for f32 alone");
    if (w->status == WHET_OK) w->status = whet_resize_rule_read(n, &rule);
    if (w->status == WHET_OK) w->status = whet_resize_axes_read(w->g, n, &in, &out, axes);
    if (w->status != WHET_OK) return;
    const char *ref = tf_in_ref(w, 0);
    if (x->dims[2] != y->dims[2]) ref = tf_op1(w, "BatchMatMulV2", WHET_F32, TF_IN(matrix(w, &rule, &axes[3]), ref));
    ref = tf_op1(w, "BatchMatMulV2", WHET_F32, TF_IN(matrix(w, &rule, &axes[2]), tf_reshape_to(w, ref, WHET_F32, &rows, false)));
    tf_reshape_to(w, ref, WHET_F32, y, true);
}

void tf_write_resize(tf_writer *w, const whet_node *n)
{
    resizing r = {NULL, false, false};
    if (!is_image(w, 0)) return;
    const whet_dims x = tf_file_dims(w, n->in[0]), y = tf_file_dims(w, n->out[0]);
    if (x.dims[1] < 1 || x.dims[2] < 1 || y.dims[1] < 1 || y.dims[2] < 1)
        tf_refuse(w, WHET_EUNSUPPORTED, "the size of the picture is not known; fix it first");
    else if (x.dims[3] != y.dims[3] || x.dims[0] != y.dims[0]) tf_refuse(w, WHET_EUNSUPPORTED, "only height and width can be resized");
    if (w->status == WHET_OK && (!resize_rule(n, &x, &y, &r) || !whole_scales(w, n, &x, &y))) {
        resize_by_products(w, n, &x, &y);
        return;
    }
    const char *in[2] = {tf_in_ref(w, 0), tf_const_ints(w, 2, &y.dims[1])};
    tf_last(w, r.op, 2, in, TF_ATTRS(tf_a_type(w, "T", tf_type_of(w, 0)), tf_a_bool(w, "align_corners", r.corners),
            tf_a_bool(w, "half_pixel_centers", r.centers)));
}

void tf_write_depth_space(tf_writer *w, const whet_node *n)
{
    const int64_t b = whet_node_int(n, "blocksize", 1);
    const whet_dtype t = tf_type_of(w, 0);
    if (!is_image(w, 0)) return;
    const char *x = tf_in_ref(w, 0);
    if (whet_node_is(n, "DepthToSpace") && strcmp(whet_node_string(n, "mode", "DCR"), "CRD") == 0) {
        static const int64_t perm[6] = {0, 1, 4, 2, 5, 3}; /* the channel comes before the place in the block */
        const whet_dims d = tf_file_dims(w, n->in[0]), y = tf_file_dims(w, n->out[0]);
        const whet_dims split = {.rank = 6, .dims = {d.dims[0], d.dims[1], d.dims[2], y.dims[3], b, b}};
        const char *parts = tf_reshape_to(w, x, t, &split, false);
        const char *moved = tf_put(w, "Transpose", TF_IN(parts, tf_const_ints(w, 6, perm)), TF_ATTRS(tf_a_type(w, "T", t), tf_a_type(w, "Tperm", WHET_S32)));
        tf_reshape_to(w, moved, t, &y, true);
        return;
    }
    tf_last(w, w->tf_op, TF_IN(x), TF_ATTRS(tf_a_type(w, "T", t), tf_a_int(w, "block_size", b), tf_a_text(w, "data_format", "NHWC")));
}
