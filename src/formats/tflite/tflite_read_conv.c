/* SPDX-License-Identifier: Apache-2.0 */
/* Convolutions, products, pools and what else works on channels-first pictures. Weights OHWI and 1HWC become OIHW. */
#include "formats/tflite/tflite_reader.h"

/* Height and width fields are given; width comes first in the option tables. */
static whet_status read_window(const tfl_reader *r, const tfl_node *n, int padding, int stride_w, int stride_h, whet_nhwc_window *w)
{
    const int pad = tfl_s8(n, padding);
    w->stride[0] = tfl_s32(n, stride_h, 0);
    w->stride[1] = tfl_s32(n, stride_w, 0);
    w->same = pad == TFL_PADDING_SAME;
    if (pad != TFL_PADDING_SAME && pad != TFL_PADDING_VALID) return tfl_fail(r, n, WHET_EUNSUPPORTED, "padding %d is not known", pad);
    if (w->stride[0] < 1 || w->stride[1] < 1 || w->dilation[0] < 1 || w->dilation[1] < 1 || w->kernel[0] < 1 || w->kernel[1] < 1)
        return tfl_fail(r, n, WHET_EFORMAT, "window %lldx%lld with strides %lldx%lld and dilations %lldx%lld", (long long)w->kernel[0],
                        (long long)w->kernel[1], (long long)w->stride[0], (long long)w->stride[1], (long long)w->dilation[0],
                        (long long)w->dilation[1]);
    return WHET_OK;
}

static whet_status weight_dims(const tfl_reader *r, const tfl_node *n, whet_dims *d)
{
    whet_shape s;
    *d = tfl_dims(r, tfl_in(r, n, 1));
    if (d->rank != 4 || !whet_dims_concrete(d, &s)) return tfl_fail(r, n, WHET_EFORMAT, "the weights do not have 4 fixed dimensions");
    return WHET_OK;
}

static whet_status input_dims(const tfl_reader *r, const tfl_node *n, int slot, whet_dims *d)
{
    *d = tfl_dims(r, tfl_in(r, n, slot));
    return d->rank == 4 ? WHET_OK : tfl_fail(r, n, WHET_EUNSUPPORTED, "the input has %d dimensions, 4 are handled", d->rank);
}

static whet_status convolve(tfl_reader *r, const tfl_node *n, whet_nhwc_window *w, const whet_dims *x, const int64_t *perm, int64_t group, int act)
{
    whet_attr attrs[WHET_NHWC_WINDOW_ATTRS + 1];
    whet_vid in[3];
    int k = whet_nhwc_window_attrs(w, x, false, attrs);
    if (group != 1) attrs[k++] = whet_attr_int("group", group);
    WHET_TRY(tfl_get(r, n, 0, WHET_NCHW, &in[0]));
    WHET_TRY(tfl_get_weight(r, n, 1, perm, &in[1]));
    WHET_TRY(tfl_get_bias(r, n, 2, &in[2]));
    return tfl_last(r, n, 0, act, WHET_NCHW, "Conv", in[2] >= 0 ? 3 : 2, in, k, attrs);
}

static whet_status conv_dims(const tfl_reader *r, const tfl_node *n, whet_dims *input, whet_dims *weights)
{
    WHET_TRY(tfl_arity(r, n, 2, 3, 1));
    WHET_TRY(input_dims(r, n, 0, input));
    return weight_dims(r, n, weights);
}

TFL_READ(conv)
{
    whet_dims x, d;
    WHET_TRY(conv_dims(r, n, &x, &d));
    whet_nhwc_window w = {.kernel = {d.dims[1], d.dims[2]},
                          .dilation = {tfl_s32(n, TFL_CONV2D_DILATION_H, 1), tfl_s32(n, TFL_CONV2D_DILATION_W, 1)}};
    WHET_TRY(read_window(r, n, TFL_CONV2D_PADDING, TFL_CONV2D_STRIDE_W, TFL_CONV2D_STRIDE_H, &w));
    int64_t group = 1; /* not in the file: the weights have fewer channels than the input */
    if (x.dims[3] > 0 && d.dims[3] > 0 && x.dims[3] % d.dims[3] == 0) group = x.dims[3] / d.dims[3];
    return convolve(r, n, &w, &x, (const int64_t[]){0, 3, 1, 2}, group, tfl_s8(n, TFL_CONV2D_ACTIVATION));
}

TFL_READ(depthwise)
{
    whet_dims x, d;
    WHET_TRY(conv_dims(r, n, &x, &d));
    whet_nhwc_window w = {.kernel = {d.dims[1], d.dims[2]},
                          .dilation = {tfl_s32(n, TFL_DEPTHWISE_DILATION_H, 1), tfl_s32(n, TFL_DEPTHWISE_DILATION_W, 1)}};
    WHET_TRY(read_window(r, n, TFL_DEPTHWISE_PADDING, TFL_DEPTHWISE_STRIDE_W, TFL_DEPTHWISE_STRIDE_H, &w));
    const int64_t channels = x.dims[3];
    if (d.dims[0] != 1 || channels < 1 || d.dims[3] % channels != 0)
        return tfl_fail(r, n, WHET_EFORMAT, "weights for %lld channels do not fit %lld", (long long)d.dims[3], (long long)channels);
    return convolve(r, n, &w, &x, (const int64_t[]){3, 0, 1, 2}, channels, tfl_s8(n, TFL_DEPTHWISE_ACTIVATION));
}

/* Inputs: shape of the output, weights OHWI, source, bias. */
TFL_READ(transpose_conv)
{
    int64_t shape[4], in[2], out[2];
    whet_dims x, d;
    whet_vid v[3];
    whet_attr attrs[WHET_NHWC_WINDOW_ATTRS];
    int count = 0, k = 0;
    WHET_TRY(tfl_arity(r, n, 3, 4, 1));
    WHET_TRY(input_dims(r, n, 2, &x));
    WHET_TRY(weight_dims(r, n, &d));
    if (tfl_is_const(r, n, 0)) WHET_TRY(tfl_ints(r, n, 0, "the shape of the output", 4, shape, &count));
    else { /* computed, as for a free batch: the file's own shape of the output says the rest */
        const whet_dims declared = tfl_out(r, n, 0)->dims;
        for (count = 0; count < declared.rank && count < 4; count++) shape[count] = declared.dims[count];
        if (count != 4 || shape[1] < 1 || shape[2] < 1) return tfl_fail(r, n, WHET_EUNSUPPORTED, "the shape of the output is computed");
    }
    whet_nhwc_window w = {.kernel = {d.dims[1], d.dims[2]}, .dilation = {1, 1}};
    WHET_TRY(read_window(r, n, TFL_TRANSPOSE_CONV_PADDING, TFL_TRANSPOSE_CONV_STRIDE_W, TFL_TRANSPOSE_CONV_STRIDE_H, &w));
    if (count != 4 || x.dims[1] < 1 || x.dims[2] < 1) return tfl_fail(r, n, WHET_EUNSUPPORTED, "height and width must be fixed");
    for (int i = 0; i < 2; i++) {
        in[i] = x.dims[1 + i];
        out[i] = shape[1 + i];
    }
    whet_status status = whet_nhwc_transposed_attrs(&w, in, out, attrs, &k);
    if (status != WHET_OK) whet_error_at_node(n->label);
    WHET_TRY(status);
    WHET_TRY(tfl_get(r, n, 2, WHET_NCHW, &v[0]));
    WHET_TRY(tfl_get_weight(r, n, 1, (const int64_t[]){3, 0, 1, 2}, &v[1]));
    const tfl_tensor *bias = tfl_in(r, n, 3);
    if (bias && bias->scale.n == 0 && whet_dtype_is_int(bias->stored))
        return tfl_fail(r, n, WHET_EUNSUPPORTED, "bias '%s' has no scale", bias->name);
    WHET_TRY(tfl_get_bias(r, n, 3, &v[2]));
    return tfl_last(r, n, 0, tfl_s8(n, TFL_TRANSPOSE_CONV_ACTIVATION), WHET_NCHW, "ConvTranspose", v[2] >= 0 ? 3 : 2, v, k, attrs);
}

/* x W^T on the last axis, for any number of dimensions. */
static whet_status product_kept(tfl_reader *r, const tfl_node *n, int act)
{
    whet_vid x = WHET_NO_VALUE, w = WHET_NO_VALUE, b = WHET_NO_VALUE, y = WHET_NO_VALUE;
    WHET_TRY(tfl_get(r, n, 0, WHET_NHWC, &x));
    WHET_TRY(tfl_get_weight(r, n, 1, (const int64_t[]){1, 0}, &w));
    WHET_TRY(tfl_get_bias(r, n, 2, &b));
    if (b < 0) return tfl_last(r, n, 0, act, WHET_NHWC, "MatMul", WHET_IN(x, w), WHET_NO_ATTRS);
    WHET_TRY(tfl_emit(r, n, "MatMul", WHET_IN(x, w), WHET_NO_ATTRS, &y));
    return tfl_last(r, n, 0, act, WHET_NHWC, "Add", WHET_IN(y, b), WHET_NO_ATTRS);
}

TFL_READ(fully_connected)
{
    whet_vid in[3];
    int rank = 0;
    const int act = tfl_s8(n, TFL_FC_ACTIVATION);
    WHET_TRY(tfl_arity(r, n, 2, 3, 1));
    const whet_dims d = tfl_dims(r, tfl_in(r, n, 1));
    WHET_TRY(tfl_rank(r, n, 0, &rank));
    if (tfl_s8(n, TFL_FC_WEIGHTS_FORMAT) != 0) return tfl_fail(r, n, WHET_EUNSUPPORTED, "shuffled weights are not handled");
    if (d.rank != 2 || d.dims[1] < 0) return tfl_fail(r, n, WHET_EFORMAT, "the weights have %d dimensions, not 2", d.rank);
    if (whet_fb_bool(&n->opt, TFL_FC_KEEP_NUM_DIMS) && rank != 2) return product_kept(r, n, act);
    WHET_TRY(rank == 2 ? tfl_get(r, n, 0, WHET_NHWC, &in[0]) : tfl_get_flat(r, n, 0, &in[0]));
    const whet_dims x = r->g->values[in[0]].dims;
    if (rank != 2 || (x.dims[1] >= 0 && x.dims[1] != d.dims[1])) /* rows of as many numbers as the weights take */
        WHET_TRY(tfl_reshape(r, n, in[0], 2, (const int64_t[]){-1, d.dims[1]}, &in[0]));
    WHET_TRY(tfl_get(r, n, 1, WHET_NHWC, &in[1]));
    WHET_TRY(tfl_get_bias(r, n, 2, &in[2]));
    return tfl_last(r, n, 0, act, WHET_NHWC, "Gemm", in[2] >= 0 ? 3 : 2, in, WHET_ATTRS(whet_attr_int("transB", 1)));
}

static whet_status matrix(tfl_reader *r, const tfl_node *n, int slot, bool turn, whet_vid *out)
{
    int64_t perm[WHET_MAX_RANK];
    int rank = 0;
    WHET_TRY(tfl_rank(r, n, slot, &rank));
    if (rank < 2) return tfl_fail(r, n, WHET_EFORMAT, "input %d has %d dimensions, 2 or more are needed", slot, rank);
    for (int i = 0; i < rank; i++) perm[i] = i < rank - 2 ? i : 2 * rank - 3 - i;
    return turn ? tfl_get_weight(r, n, slot, perm, out) : tfl_get(r, n, slot, WHET_NHWC, out);
}

TFL_READ(batch_matmul)
{
    whet_vid a = WHET_NO_VALUE, b = WHET_NO_VALUE;
    WHET_TRY(tfl_arity(r, n, 2, 2, 1));
    WHET_TRY(matrix(r, n, 0, whet_fb_bool(&n->opt, TFL_BATCH_MATMUL_ADJ_X), &a));
    WHET_TRY(matrix(r, n, 1, whet_fb_bool(&n->opt, TFL_BATCH_MATMUL_ADJ_Y), &b));
    return tfl_last(r, n, 0, TFL_ACT_NONE, WHET_NHWC, "MatMul", WHET_IN(a, b), WHET_NO_ATTRS);
}

static whet_status pool_attrs(tfl_reader *r, const tfl_node *n, whet_nhwc_window *w, whet_attr attrs[WHET_NHWC_WINDOW_ATTRS], int *count)
{
    whet_dims x;
    WHET_TRY(tfl_arity(r, n, 1, 1, 1));
    WHET_TRY(input_dims(r, n, 0, &x));
    *w = (whet_nhwc_window){.kernel = {tfl_s32(n, TFL_POOL_FILTER_H, 0), tfl_s32(n, TFL_POOL_FILTER_W, 0)}, .dilation = {1, 1}};
    WHET_TRY(read_window(r, n, TFL_POOL_PADDING, TFL_POOL_STRIDE_W, TFL_POOL_STRIDE_H, w));
    *count = whet_nhwc_window_attrs(w, &x, true, attrs);
    return WHET_OK;
}

TFL_READ(pool)
{
    whet_nhwc_window w;
    whet_attr attrs[WHET_NHWC_WINDOW_ATTRS];
    whet_vid x = WHET_NO_VALUE;
    int k = 0;
    WHET_TRY(pool_attrs(r, n, &w, attrs, &k));
    WHET_TRY(tfl_get(r, n, 0, WHET_NCHW, &x));
    return tfl_last(r, n, 0, tfl_s8(n, TFL_POOL_ACTIVATION), WHET_NCHW, n->row->ir, 1, &x, k, attrs);
}

TFL_READ(l2_pool)
{
    whet_nhwc_window w;
    whet_attr attrs[WHET_NHWC_WINDOW_ATTRS];
    whet_vid x = WHET_NO_VALUE;
    int k = 0;
    WHET_TRY(pool_attrs(r, n, &w, attrs, &k));
    WHET_TRY(tfl_get(r, n, 0, WHET_NCHW, &x));
    WHET_TRY(tfl_emit(r, n, "Mul", WHET_IN(x, x), WHET_NO_ATTRS, &x));
    WHET_TRY(tfl_emit(r, n, "AveragePool", 1, &x, k, attrs, &x));
    return tfl_last(r, n, 0, tfl_s8(n, TFL_POOL_ACTIVATION), WHET_NCHW, "Sqrt", 1, &x, WHET_NO_ATTRS);
}

/* Nearest: floor(i * scale), floor((i + 0.5) * scale) with half_pixel, round(i * scale) with align_corners. */
TFL_READ(resize)
{
    const bool linear = n->row->code == TFL_RESIZE_BILINEAR;
    const bool align = whet_fb_bool(&n->opt, linear ? TFL_RESIZE_BILINEAR_ALIGN_CORNERS : TFL_RESIZE_NEAREST_ALIGN_CORNERS);
    const bool half = whet_fb_bool(&n->opt, linear ? TFL_RESIZE_BILINEAR_HALF_PIXEL : TFL_RESIZE_NEAREST_HALF_PIXEL);
    const int64_t axes[2] = {2, 3};
    int64_t sizes[4] = {0};
    int count = 0;
    whet_vid in[4] = {WHET_NO_VALUE, WHET_NO_VALUE, WHET_NO_VALUE, WHET_NO_VALUE};
    WHET_TRY(tfl_arity(r, n, 2, 2, 1));
    if (align && half) return tfl_fail(r, n, WHET_EFORMAT, "align_corners and half_pixel_centers exclude each other");
    WHET_TRY(tfl_get(r, n, 0, WHET_NCHW, &in[0]));
    const whet_dims x = r->g->values[in[0]].dims;
    const whet_attr attrs[4] = {
        whet_attr_string("mode", linear ? "linear" : "nearest"),
        whet_attr_string("coordinate_transformation_mode", align ? "align_corners" : half ? "half_pixel" : "asymmetric"),
        whet_attr_string("nearest_mode", align || half ? "round_prefer_ceil" : "floor"), whet_attr_ints("axes", 2, axes)};
    if (!tfl_is_const(r, n, 1) || x.dims[0] < 0 || x.dims[1] < 0) {
        WHET_TRY(tfl_s64(r, n, 1, &in[3]));
        return tfl_last(r, n, 0, TFL_ACT_NONE, WHET_NCHW, "Resize", 4, in, 4, attrs);
    }
    WHET_TRY(tfl_ints(r, n, 1, "the size", 2, sizes + 2, &count)); /* all four where they are known: older opsets have no axes */
    if (count != 2) return tfl_fail(r, n, WHET_EFORMAT, "the size has %d numbers", count);
    sizes[0] = x.dims[0];
    sizes[1] = x.dims[1];
    WHET_TRY(tfl_ints_value(r, 4, sizes, &in[3]));
    return tfl_last(r, n, 0, TFL_ACT_NONE, WHET_NCHW, "Resize", 4, in, 3, attrs);
}

TFL_READ(lrn)
{
    const int64_t size = 2 * tfl_s32(n, TFL_LRN_RADIUS, 0) + 1;
    whet_vid x = WHET_NO_VALUE;
    WHET_TRY(tfl_arity(r, n, 1, 1, 1));
    if (size < 1) return tfl_fail(r, n, WHET_EFORMAT, "the radius is negative");
    WHET_TRY(tfl_get(r, n, 0, WHET_NCHW, &x));
    return tfl_last(r, n, 0, TFL_ACT_NONE, WHET_NCHW, "LRN", 1, &x,
                    WHET_ATTRS(whet_attr_int("size", size), whet_attr_float("alpha", whet_fb_float(&n->opt, TFL_LRN_ALPHA, 0) * (float)size),
                               whet_attr_float("beta", whet_fb_float(&n->opt, TFL_LRN_BETA, 0)),
                               whet_attr_float("bias", whet_fb_float(&n->opt, TFL_LRN_BIAS, 0))));
}

/* x / max(|x|, 1e-6) along the last axis. */
TFL_READ(l2_norm)
{
    whet_vid x = WHET_NO_VALUE, axes = WHET_NO_VALUE, length = WHET_NO_VALUE, least = WHET_NO_VALUE;
    int rank = 0;
    WHET_TRY(tfl_arity(r, n, 1, 1, 1));
    WHET_TRY(tfl_rank(r, n, 0, &rank));
    const whet_layout form = tfl_form(r, n, 0, 0);
    const int64_t axis = whet_nhwc_axis(rank - 1, rank, form);
    WHET_TRY(tfl_get(r, n, 0, form, &x));
    WHET_TRY(tfl_ints_value(r, 1, &axis, &axes));
    WHET_TRY(tfl_emit(r, n, "ReduceL2", WHET_IN(x, axes), WHET_ATTRS(whet_attr_int("keepdims", 1)), &length));
    WHET_TRY(tfl_float_value(r, 1e-6f, &least));
    WHET_TRY(tfl_emit(r, n, "Max", WHET_IN(length, least), WHET_NO_ATTRS, &length));
    return tfl_last(r, n, 0, tfl_s8(n, TFL_L2_NORM_ACTIVATION), form, "Div", WHET_IN(x, length), WHET_NO_ATTRS);
}
