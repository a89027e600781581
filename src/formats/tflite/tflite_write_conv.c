/* SPDX-License-Identifier: Apache-2.0 */
/* Windows: convolutions, pools, resizing. TFLite pads by the rules SAME and VALID only; any other padding is an operator of its
 * own in front. Transposed convolutions compute the whole and are cut. */
#include <float.h>
#include <math.h>

#include "formats/tflite/tflite_write_rows.h"
#include "ir/resize_plan.h"

enum { DYNAMIC_FROM = 1024 /* elements: smaller weights are not worth a scale */ };

/* --- weights */

/* Symmetric bytes with one scale for each index along `axis`, or one for all: |q| <= 127. */
static int byte_weights(tfl_writer *w, const whet_tensor *t, int axis, const char *name)
{
    const int64_t n = whet_tensor_numel(t), channels = axis < 0 ? 1 : t->shape.dims[axis];
    int64_t inner = 1;
    whet_tensor q = {0};
    for (int i = axis + 1; axis >= 0 && i < t->shape.rank; i++) inner *= t->shape.dims[i];
    float *scale = whet_arena_alloc(w->arena, (size_t)channels * sizeof(*scale));
    int64_t *zero = whet_arena_alloc(w->arena, (size_t)channels * sizeof(*zero));
    whet_status status = scale && zero ? whet_tensor_alloc(&q, WHET_S8, &t->shape) : WHET_ENOMEM;
    if (status != WHET_OK) return tflw_lost(w, status);
    const float *x = t->data;
    for (int64_t i = 0; i < n; i++) {
        const int64_t c = axis < 0 ? 0 : i / inner % channels;
        scale[c] = fmaxf(scale[c], fabsf(x[i]));
    }
    for (int64_t c = 0; c < channels; c++) scale[c] = scale[c] > 0 ? scale[c] / 127 : 1;
    for (int64_t i = 0; i < n; i++) {
        const float r = rintf(x[i] / scale[axis < 0 ? 0 : i / inner % channels]);
        ((int8_t *)q.data)[i] = (int8_t)fmaxf(-127, fminf(127, r));
    }
    const tfl_quant params = {.n = (int)channels, .axis = WHET_MAX(axis, 0), .scale = scale, .zero = zero};
    const int made = tflw_const(w, &q, name, &params);
    whet_tensor_dispose(&q);
    return made;
}

/* Halves in the graph stay halves. */
static bool was_halves(const tfl_writer *w, whet_vid v)
{
    for (int i = 0; i < 4 && v >= 0; i++) {
        if (w->g->values[v].kind == WHET_VALUE_CONST) return w->g->values[v].dtype == WHET_F16;
        if (w->g->values[v].producer == WHET_NO_NODE) return false;
        const whet_node *n = &w->g->nodes[w->g->values[v].producer];
        if (!whet_node_is(n, "Cast") && !whet_node_is(n, "Identity")) return false;
        v = n->in[0];
    }
    return false;
}

int tflw_product_weights(tfl_writer *w, whet_vid v, const whet_tensor *file, int axis, const char *name)
{
    if (w->opt->weights == WHET_S8 && !w->integer && whet_tensor_numel(file) >= DYNAMIC_FROM) return byte_weights(w, file, axis, name);
    if (!was_halves(w, v)) return tflw_weights(w, file, name);
    whet_tensor half = {0};
    whet_status status = whet_tensor_cast(&half, file, WHET_F16);
    if (status != WHET_OK) return tflw_lost(w, status);
    const int made = tflw_weights(w, &half, name);
    whet_tensor_dispose(&half);
    return made;
}

bool tflw_takes_bytes(const tfl_writer *w, const whet_node *n, const tfl_quant *q, whet_dtype t)
{
    const bool counts = q->n == 1 && q->scale[0] == 1; /* products of integers as floats: rounding them again would be wrong */
    return w->integer || (t == WHET_S8 && !counts && !tflw_is_dequantized(w, n->in[0]));
}

/* The node's weights in the file's order, in integers where they are. */
static int kernel(tfl_writer *w, const whet_node *n, whet_nhwc_weights order, int64_t groups, int axis)
{
    const whet_vid v = n->in[1];
    const char *name = tflw_const_name(w, v);
    whet_tensor t = {0}, file = {0};
    tfl_quant q;
    int made = -1;
    whet_status status = WHET_OK;
    whet_tensor_init(&t);
    whet_tensor_init(&file);
    if (tflw_integer_weights(w, v, &t, &q)) {
        status = whet_nhwc_conv_weights(&t, order, groups, &file);
        q.axis = axis;
        if (status == WHET_OK) made = tflw_const(w, &file, name, &q);
        if (status == WHET_OK && !tflw_takes_bytes(w, n, &q, t.dtype)) made = tflw_dequantized(w, made);
    } else if (tflw_float_const(w, v, &t)) {
        status = whet_nhwc_conv_weights(&t, order, groups, &file);
        if (status == WHET_OK) made = tflw_product_weights(w, v, &file, axis, name);
    } else {
        status = tflw_fail(w, "weights that are no constants");
    }
    whet_tensor_dispose(&t);
    whet_tensor_dispose(&file);
    return status == WHET_OK ? made : tflw_lost(w, status);
}

/* A constant for each channel, or for all, that is added to what n alone gives: it joins the bias. */
static whet_vid added(tfl_writer *w, const whet_node *n, int64_t channels, whet_vid *last)
{
    whet_graph *g = w->g;
    const whet_uses uses = whet_graph_uses(g, n->out[0]);
    whet_tensor t = {0};
    *last = n->out[0];
    if (w->integer || uses.n != 1 || whet_graph_is_output(g, n->out[0]) || !whet_node_is(&g->nodes[uses.nodes[0]], "Add")) return WHET_NO_VALUE;
    const whet_node *a = &g->nodes[uses.nodes[0]];
    const whet_vid other = a->in[0] == n->out[0] ? a->in[1] : a->in[0];
    const whet_dims *d = &g->values[other].dims;
    const bool shape = d->rank == 4 && d->dims[0] == 1 && d->dims[2] == 1 && d->dims[3] == 1 && (d->dims[1] == channels || d->dims[1] == 1);
    if (other == n->out[0] || !(shape || d->rank == 0) || !tflw_float_const(w, other, &t)) return WHET_NO_VALUE;
    whet_tensor_dispose(&t);
    w->done[uses.nodes[0]] = 1;
    *last = a->out[0];
    return other;
}

static bool add_to(const tfl_writer *w, whet_tensor *bias, whet_vid v)
{
    whet_tensor t = {0}, sum = {0};
    const bool ok = tflw_float_const(w, v, &t) && whet_tensor_copy(&sum, bias) == WHET_OK;
    const bool one = ok && whet_tensor_numel(&t) == 1;
    for (int64_t i = 0; ok && i < whet_tensor_numel(&sum); i++) ((float *)sum.data)[i] += ((const float *)t.data)[one ? 0 : i];
    whet_tensor_dispose(&t);
    whet_tensor_dispose(bias);
    *bias = sum;
    return ok;
}

/* A convolution always has a bias. `more` (or WHET_NO_VALUE) is added to it. */
static int bias_of(tfl_writer *w, const whet_node *n, int64_t channels, int x, int weights, whet_vid more)
{
    whet_tensor t = {0};
    const whet_shape shape = WHET_SHAPE(channels);
    const bool given = n->n_in > 2 && n->in[2] >= 0;
    const char *name = given ? tflw_const_name(w, n->in[2]) : NULL;
    whet_tensor_init(&t);
    if (given && !tflw_float_const(w, n->in[2], &t)) return tflw_lost(w, tflw_fail(w, "a bias that is no constant"));
    if (!given) {
        whet_status status = whet_tensor_alloc(&t, WHET_F32, &shape);
        if (status != WHET_OK) return tflw_lost(w, status);
    }
    if (more != WHET_NO_VALUE && !add_to(w, &t, more)) return tflw_lost(w, WHET_ENOMEM);
    int made;
    if (w->integer) made = tflw_integer_bias(w, t.data, channels, x, weights, name);
    else made = given && (was_halves(w, n->in[2]) || w->opt->weights == WHET_F16) ? tflw_product_weights(w, n->in[2], &t, -1, name)
                                                                                   : tflw_const(w, &t, name, NULL);
    whet_tensor_dispose(&t);
    return made;
}

/* --- convolutions */

static int padded(tfl_writer *w, int x, const whet_nhwc_window *win, int value)
{
    const int64_t before[4] = {0, win->before[0], win->before[1], 0}, after[4] = {0, win->after[0], win->after[1], 0};
    return win->valid || win->same ? x : tflw_pad(w, x, before, after, value);
}

static int padding_of(const whet_nhwc_window *win) { return win->same && !win->valid ? TFL_PADDING_SAME : TFL_PADDING_VALID; }

whet_status tflite_write_conv(tfl_writer *w, const whet_node *n, int code)
{
    const whet_dims *xd = &w->g->values[n->in[0]].dims, *wd = &w->g->values[n->in[1]].dims;
    const int64_t groups = whet_node_int(n, "group", 1);
    whet_nhwc_window win;
    int act = TFL_ACT_NONE;
    WHET_TRY(whet_nhwc_window_of(w->g, n, &win));
    const bool depthwise = groups > 1 && groups == xd->dims[1] && wd->dims[1] == 1;
    const int multiplier = (int)(depthwise ? wd->dims[0] / groups : 1);
    const int x = padded(w, tflw_in(w, n, 0), &win, -1);
    const int weights = kernel(w, n, depthwise ? WHET_WEIGHTS_1HWC : WHET_WEIGHTS_OHWI, groups, depthwise ? 3 : 0);
    whet_vid last = n->out[0];
    const whet_vid more = added(w, n, wd->dims[0], &last);
    const int bias = bias_of(w, n, wd->dims[0], x, weights, more), y = tflw_last_fused(w, last, &act);
    code = depthwise ? TFL_DEPTHWISE_CONV_2D : TFL_CONV_2D;
    const tfl_option conv[] = {TFL_BYTE(TFL_CONV2D_PADDING, padding_of(&win)), TFL_INT(TFL_CONV2D_STRIDE_W, win.stride[1]),
                               TFL_INT(TFL_CONV2D_STRIDE_H, win.stride[0]), TFL_BYTE(TFL_CONV2D_ACTIVATION, act),
                               TFL_INT_OR(TFL_CONV2D_DILATION_W, win.dilation[1], 1), TFL_INT_OR(TFL_CONV2D_DILATION_H, win.dilation[0], 1)};
    const tfl_option dw[] = {TFL_BYTE(TFL_DEPTHWISE_PADDING, padding_of(&win)), TFL_INT(TFL_DEPTHWISE_STRIDE_W, win.stride[1]),
                             TFL_INT(TFL_DEPTHWISE_STRIDE_H, win.stride[0]), TFL_INT(TFL_DEPTHWISE_MULTIPLIER, multiplier),
                             TFL_BYTE(TFL_DEPTHWISE_ACTIVATION, act), TFL_INT_OR(TFL_DEPTHWISE_DILATION_W, win.dilation[1], 1),
                             TFL_INT_OR(TFL_DEPTHWISE_DILATION_H, win.dilation[0], 1)};
    return tflw_op(w, code, TFL_IO(x, weights, bias), TFL_IO(y), depthwise ? 7 : 6, depthwise ? dw : conv);
}

/* Weights [I, O/g, h, w] without groups and dilation: zeros between and beside. */
static whet_status plain_kernel(const whet_tensor *t, int64_t groups, const whet_nhwc_window *win, whet_tensor *out)
{
    const int64_t *d = t->shape.dims, kh = (d[2] - 1) * win->dilation[0] + 1, kw = (d[3] - 1) * win->dilation[1] + 1;
    const whet_shape shape = WHET_SHAPE(d[0], d[1] * groups, kh, kw);
    const float *from = t->data;
    WHET_TRY(whet_tensor_alloc(out, WHET_F32, &shape));
    for (int64_t i = 0; i < d[0]; i++)
        for (int64_t o = 0; o < d[1]; o++)
            for (int64_t p = 0; p < d[2] * d[3]; p++) {
                const int64_t at = ((i * shape.dims[1] + i / (d[0] / groups) * d[1] + o) * kh + p / d[3] * win->dilation[0]) * kw;
                ((float *)out->data)[at + p % d[3] * win->dilation[1]] = *from++;
            }
    return WHET_OK;
}

static int transposed_kernel(tfl_writer *w, const whet_node *n, int64_t groups, const whet_nhwc_window *win)
{
    whet_tensor t = {0}, plain = {0}, file = {0};
    int made = -1;
    if ((groups == 1 && win->dilation[0] == 1 && win->dilation[1] == 1)) return kernel(w, n, WHET_WEIGHTS_IO_OHWI, 1, 0);
    if (!tflw_float_const(w, n->in[1], &t)) return tflw_lost(w, tflw_fail(w, "weights that are no constants"));
    whet_tensor_init(&plain);
    whet_tensor_init(&file);
    whet_status status = plain_kernel(&t, groups, win, &plain);
    if (status == WHET_OK) status = whet_nhwc_conv_weights(&plain, WHET_WEIGHTS_IO_OHWI, 1, &file);
    if (status == WHET_OK) made = tflw_product_weights(w, n->in[1], &file, 0, tflw_const_name(w, n->in[1]));
    whet_tensor_dispose(&t);
    whet_tensor_dispose(&plain);
    whet_tensor_dispose(&file);
    return status == WHET_OK ? made : tflw_lost(w, status);
}

/* The output's shape as an operand; with an open batch it is put together when the model runs. */
static int output_shape(tfl_writer *w, int x, const int32_t *shape)
{
    const int64_t sizes[4] = {shape[0], shape[1], shape[2], shape[3]}, zero[1] = {0}, one[1] = {1};
    const int32_t four[1] = {4}, n1[1] = {1};
    if (shape[0] >= 0) return tflw_const_s32(w, 4, sizes);
    const int all = tflw_temp(w, WHET_S32, 1, four), batch = tflw_temp(w, WHET_S32, 1, n1), made = tflw_temp(w, WHET_S32, 1, four);
    const int begin = tflw_const_s32(w, 1, zero), end = tflw_const_s32(w, 1, one), rest = tflw_const_s32(w, 3, sizes + 1);
    (void)tflw_op(w, TFL_SHAPE, TFL_IO(x), TFL_IO(all), TFL_OPTIONS({.field = TFL_SHAPE_OUT_TYPE, .type = 'c', .i = TFL_INT32}));
    (void)tflw_op(w, TFL_STRIDED_SLICE, TFL_IO(all, begin, end, end), TFL_IO(batch), TFL_NO_OPTIONS);
    (void)tflw_op(w, TFL_CONCATENATION, TFL_IO(batch, rest), TFL_IO(made), TFL_NO_OPTIONS);
    return w->status == WHET_OK ? made : -1;
}

/* Rows and columns begin .. begin + size of x, NHWC. */
static whet_status cut(tfl_writer *w, int x, const int64_t *begin, int out)
{
    const tfl_tensor t = *tflw_at(w, out);
    const int64_t from[4] = {0, begin[0], begin[1], 0}, to[4] = {0, begin[0] + t.shape[1], begin[1] + t.shape[2], 0}, ones[4] = {1, 1, 1, 1};
    const int b = tflw_const_s32(w, 4, from), e = tflw_const_s32(w, 4, to), s = tflw_const_s32(w, 4, ones);
    return tflw_op(w, TFL_STRIDED_SLICE, TFL_IO(x, b, e, s), TFL_IO(out),
                  TFL_OPTIONS(TFL_INT(TFL_STRIDED_SLICE_BEGIN_MASK, 9), TFL_INT(TFL_STRIDED_SLICE_END_MASK, 9)));
}

whet_status tflite_write_transpose_conv(tfl_writer *w, const whet_node *n, int code)
{
    const int64_t groups = whet_node_int(n, "group", 1), channels = w->g->values[n->in[1]].dims.dims[1] * groups;
    whet_nhwc_window win;
    int32_t shape[WHET_MAX_RANK];
    int rank = 0;
    WHET_TRY(whet_nhwc_window_of(w->g, n, &win));
    const int x = tflw_in(w, n, 0), weights = transposed_kernel(w, n, groups, &win);
    const int bias = n->n_in > 2 && n->in[2] >= 0 ? bias_of(w, n, channels, x, weights, WHET_NO_VALUE) : TFL_ABSENT;
    tflw_shape_of(w, n->out[0], &rank, shape);
    const bool whole = !win.valid && !win.same;
    if (whole)
        for (int d = 0; d < 2; d++) {
            const int64_t full = (win.in[d] - 1) * win.stride[d] + (win.kernel[d] - 1) * win.dilation[d] + 1;
            shape[1 + d] = (int32_t)WHET_MAX(full, win.before[d] + win.out[d]);
        }
    const int y = tflw_out(w, n, 0), target = output_shape(w, x, shape), result = whole ? tflw_temp_like(w, y, 4, shape) : y;
    const tfl_option options[] = {TFL_BYTE(TFL_TRANSPOSE_CONV_PADDING, win.same && !win.valid ? TFL_PADDING_SAME : TFL_PADDING_VALID),
                                  TFL_INT(TFL_TRANSPOSE_CONV_STRIDE_W, win.stride[1]), TFL_INT(TFL_TRANSPOSE_CONV_STRIDE_H, win.stride[0])};
    WHET_TRY(tflw_op(w, code, bias == TFL_ABSENT ? 3 : 4, (const int[]){target, weights, x, bias}, TFL_IO(result), 3, options));
    return whole ? cut(w, result, win.before, y) : WHET_OK;
}

/* --- pools */

static bool never_negative(const tfl_writer *w, whet_vid v)
{
    for (int i = 0; i < 4; i++) {
        const whet_nid p = w->g->values[v].producer;
        if (p == WHET_NO_NODE) return false;
        const whet_node *n = &w->g->nodes[p];
        if (whet_node_is(n, "Relu") || whet_node_is(n, "Sigmoid")) return true;
        if (whet_node_is(n, "Clip")) return tflw_clips_in_integers(w, n);
        if (!whet_node_is(n, "MaxPool") && !whet_node_is(n, "Identity")) return false;
        v = n->in[0];
    }
    return false;
}

/* What MAX_POOL_2D's padding holds. */
static int lowest(tfl_writer *w, const whet_node *n, int x)
{
    const tfl_tensor t = *tflw_at(w, x);
    whet_tensor low = {0};
    const whet_shape scalar = {.rank = 0};
    if (!w->integer) return never_negative(w, n->in[0]) ? -1 : tflw_const_f32(w, -FLT_MAX);
    whet_status status = whet_tensor_alloc(&low, t.dtype, &scalar);
    if (status != WHET_OK) return tflw_lost(w, status);
    whet_tensor_set_s64(&low, 0, t.dtype == WHET_U8 ? 0 : t.dtype == WHET_S16 ? INT16_MIN : INT8_MIN);
    const int made = tflw_const(w, &low, NULL, &t.q);
    whet_tensor_dispose(&low);
    return made;
}

/* Of how many elements a window of axis d takes the mean. */
static int64_t counted(const whet_node *n, const whet_nhwc_window *win, int d, int64_t o)
{
    const bool padding = whet_node_int(n, "count_include_pad", 0) != 0;
    const int64_t low = padding ? -win->before[d] : 0, high = win->in[d] + (padding ? win->given_after[d] : 0);
    const int64_t begin = o * win->stride[d] - win->before[d], end = begin + win->kernel[d];
    return WHET_MAX(WHET_MIN(end, high) - WHET_MAX(begin, low), 1);
}

bool tflw_counts_all(const whet_node *n, const whet_nhwc_window *win)
{
    for (int d = 0; d < 2; d++)
        for (int64_t o = 0; o < win->out[d]; o++)
            if (counted(n, win, d, o) != win->kernel[d]) return false;
    return true;
}

/* Factors that make means of whole windows means of what counts, [1, h, w, 1]. */
static int corrections(tfl_writer *w, const whet_node *n, const whet_nhwc_window *win)
{
    const int32_t shape[4] = {1, (int32_t)win->out[0], (int32_t)win->out[1], 1};
    float *k = whet_arena_alloc(w->arena, (size_t)(win->out[0] * win->out[1]) * sizeof(*k) + 8), *p = k;
    if (!k) return tflw_lost(w, WHET_ENOMEM);
    for (int64_t i = 0; i < win->out[0]; i++)
        for (int64_t j = 0; j < win->out[1]; j++)
            *p++ = (float)((double)(win->kernel[0] * win->kernel[1]) / (double)(counted(n, win, 0, i) * counted(n, win, 1, j)));
    return tflw_const_f32s(w, 4, shape, k);
}

whet_status tflite_write_pool(tfl_writer *w, const whet_node *n, int code)
{
    const bool max = code == TFL_MAX_POOL_2D;
    whet_nhwc_window win;
    int act = TFL_ACT_NONE;
    WHET_TRY(whet_nhwc_window_of(w->g, n, &win));
    if (win.dilation[0] != 1 || win.dilation[1] != 1) return tflw_fail(w, "a pool with dilations");
    if (n->n_out > 1 && n->out[1] >= 0 && whet_graph_uses(w->g, n->out[1]).n > 0) return tflw_fail(w, "a pool that gives its indices");
    const bool included = whet_node_int(n, "count_include_pad", 0) != 0, all = max || tflw_counts_all(n, &win);
    const int given = tflw_in(w, n, 0);
    /* SAME means of what is there: right where padding does not count */
    if (!max && win.same && !win.valid && included) win.same = false;
    const bool fix = !max && !win.same && !all;
    const int x = max ? padded(w, given, &win, win.valid || win.same ? -1 : lowest(w, n, given)) : padded(w, given, &win, -1);
    const int y = fix ? tflw_out(w, n, 0) : tflw_out_fused(w, n, &act);
    const tfl_tensor t = *tflw_at(w, y);
    const int to = fix ? tflw_temp_like(w, y, t.rank, t.shape) : y;
    const tfl_option options[] = {TFL_BYTE(TFL_POOL_PADDING, padding_of(&win)), TFL_INT(TFL_POOL_STRIDE_W, win.stride[1]),
                                  TFL_INT(TFL_POOL_STRIDE_H, win.stride[0]), TFL_INT(TFL_POOL_FILTER_W, win.kernel[1]),
                                  TFL_INT(TFL_POOL_FILTER_H, win.kernel[0]), TFL_BYTE(TFL_POOL_ACTIVATION, act)};
    WHET_TRY(tflw_op(w, code, TFL_IO(x), TFL_IO(to), 6, options));
    return fix ? tflw_binary_to(w, TFL_MUL, to, corrections(w, n, &win), TFL_ACT_NONE, y) : WHET_OK;
}

bool tflw_joins_pool(whet_graph *g, const whet_node *n)
{
    if (!whet_node_is(n, "Flatten") && !whet_node_is(n, "Squeeze") && !whet_node_is(n, "Reshape")) return false;
    const whet_nid p = n->in[0] >= 0 ? g->values[n->in[0]].producer : WHET_NO_NODE;
    if (p == WHET_NO_NODE || !whet_node_is(&g->nodes[p], "GlobalAveragePool") || g->values[n->in[0]].dims.rank != 4) return false;
    const whet_dims *x = &g->values[n->in[0]].dims, *y = &g->values[n->out[0]].dims;
    if (y->rank != 2 || y->dims[0] != x->dims[0] || y->dims[1] != x->dims[1]) return false;
    return whet_graph_uses(g, n->in[0]).n == 1 && !whet_graph_is_output(g, n->in[0]);
}

whet_vid tflw_pooled(tfl_writer *w, const whet_node *pool)
{
    const whet_uses uses = whet_graph_uses(w->g, pool->out[0]);
    return uses.n == 1 && tflw_joins_pool(w->g, &w->g->nodes[uses.nodes[0]]) ? w->g->nodes[uses.nodes[0]].out[0] : pool->out[0];
}

whet_status tflite_write_global_pool(tfl_writer *w, const whet_node *n, int code)
{
    int64_t axes[WHET_MAX_RANK];
    int n_axes = 0;
    const int channel = whet_nhwc_axis(w->g, n->in[0], 1), x = tflw_in(w, n, 0);
    for (int i = 1; i < tflw_at(w, x)->rank; i++)
        if (i != channel) axes[n_axes++] = i;
    const whet_vid last = tflw_pooled(w, n);
    if (last != n->out[0]) w->done[w->g->values[last].producer] = 1;
    const int at = tflw_const_s32(w, n_axes, axes), y = w->integer ? tflw_integer_result(w, last) : tflw_result(w, last);
    return tflw_op(w, code, TFL_IO(x, at), TFL_IO(y), TFL_OPTIONS(TFL_BOOL(TFL_REDUCER_KEEP_DIMS, last == n->out[0])));
}

/* --- resizing */

/* Where TFLite's nearest takes element o from: kind 0 asymmetric, 1 half pixel, 2 aligned corners. */
static int64_t nearest_source(int kind, int64_t o, int64_t in, int64_t out)
{
    const float scale = kind == 2 && out > 1 ? (float)(in - 1) / (float)(out - 1) : (float)in / (float)out;
    const float at = kind == 2 ? roundf((float)o * scale) : floorf(((float)o + (kind == 1 ? 0.5F : 0)) * scale);
    return WHET_MAX(0, WHET_MIN((int64_t)at, in - 1));
}

static bool nearest_fits(int kind, const whet_resize_taps *t)
{
    for (int64_t o = 0; o < t->out; o++)
        if (t->start[o + 1] - t->start[o] != 1 || t->index[t->start[o]] != nearest_source(kind, o, t->in, t->out)) return false;
    return true;
}

/* TFLite's bilinear row o against the definition's, within rounding. */
static bool linear_fits(int kind, const whet_resize_taps *t)
{
    const double scale = kind == 2 && t->out > 1 ? (double)(t->in - 1) / (double)(t->out - 1) : (double)t->in / (double)t->out;
    for (int64_t o = 0; o < t->out; o++) {
        const double x = kind == 1 ? ((double)o + 0.5) * scale - 0.5 : (double)o * scale;
        double want = WHET_MAX(0, WHET_MIN(x, (double)(t->in - 1))), have = 0, sum = 0;
        for (int32_t k = t->start[o]; k < t->start[o + 1]; k++) {
            have += t->weight[k] * (double)t->index[k];
            sum += t->weight[k];
        }
        if (fabs(have - want) > 1e-4 || fabs(sum - 1) > 1e-6 || t->start[o + 1] - t->start[o] > 2) return false;
    }
    return true;
}

/* One axis of nearest by indices. */
static int gather_axis(tfl_writer *w, int x, int axis, const whet_resize_taps *t, int out)
{
    whet_tensor index = {0};
    const whet_shape shape = WHET_SHAPE(t->out);
    tfl_tensor like = *tflw_at(w, x);
    whet_status status = whet_tensor_alloc(&index, WHET_S32, &shape);
    if (status != WHET_OK) return tflw_lost(w, status);
    for (int64_t o = 0; o < t->out; o++) ((int32_t *)index.data)[o] = t->index[t->start[o]];
    const int at = tflw_const(w, &index, NULL, NULL);
    whet_tensor_dispose(&index);
    like.shape[axis] = (int32_t)t->out;
    if (out < 0) out = tflw_temp_like(w, x, like.rank, like.shape);
    status = tflw_op(w, TFL_GATHER, TFL_IO(x, at), TFL_IO(out), TFL_OPTIONS(TFL_INT(TFL_GATHER_AXIS, axis)));
    return status == WHET_OK ? out : -1;
}

static whet_status resize(tfl_writer *w, const whet_node *n, const whet_resize_rule *rule, const whet_resize_taps *t)
{
    static const int field[2][2] = {{TFL_RESIZE_NEAREST_ALIGN_CORNERS, TFL_RESIZE_NEAREST_HALF_PIXEL},
                                    {TFL_RESIZE_BILINEAR_ALIGN_CORNERS, TFL_RESIZE_BILINEAR_HALF_PIXEL}};
    const bool linear = rule->mode == WHET_RESIZE_LINEAR;
    int kind = 0;
    while (kind < 3 && !(linear ? linear_fits(kind, &t[0]) && linear_fits(kind, &t[1]) : nearest_fits(kind, &t[0]) && nearest_fits(kind, &t[1]))) kind++;
    if (kind == 3 && (linear || t[0].holes || t[1].holes || t[0].most != 1 || t[1].most != 1))
        return tflw_fail(w, "Resize by rules that RESIZE_BILINEAR has not (cubic, antialiasing, cropping)");
    const int x = tflw_in(w, n, 0), y = tflw_out(w, n, 0);
    if (kind == 3) {
        (void)gather_axis(w, gather_axis(w, x, 1, &t[0], -1), 2, &t[1], y);
        return w->status;
    }
    const int64_t size[2] = {t[0].out, t[1].out};
    const int target = tflw_const_s32(w, 2, size);
    return tflw_op(w, linear ? TFL_RESIZE_BILINEAR : TFL_RESIZE_NEAREST_NEIGHBOR, TFL_IO(x, target), TFL_IO(y),
                  TFL_OPTIONS(TFL_BOOL(field[linear][0], kind == 2), TFL_BOOL(field[linear][1], kind == 1)));
}

whet_status tflite_write_resize(tfl_writer *w, const whet_node *n, int code)
{
    const whet_dims *xd = &w->g->values[n->in[0]].dims, *yd = &w->g->values[n->out[0]].dims;
    whet_shape in = {.rank = xd->rank}, out = {.rank = yd->rank};
    whet_resize_rule rule;
    whet_resize_axis axes[WHET_MAX_RANK];
    whet_resize_taps taps[2];
    (void)code;
    memset(taps, 0, sizeof(taps));
    if (xd->rank != 4 || xd->dims[1] != yd->dims[1] || xd->dims[0] != yd->dims[0]) return tflw_fail(w, "Resize of other axes than height and width");
    for (int i = 0; i < 4; i++) {
        in.dims[i] = xd->dims[i] < 0 && i == 0 ? 1 : xd->dims[i];
        out.dims[i] = yd->dims[i] < 0 && i == 0 ? 1 : yd->dims[i];
        if (in.dims[i] < 0 || out.dims[i] < 0) return tflw_fail(w, "Resize of unknown sizes; give the inputs' shapes");
    }
    WHET_TRY(whet_resize_rule_read(n, &rule));
    WHET_TRY(whet_resize_axes_read(w->g, n, &in, &out, axes));
    whet_status status = whet_resize_taps_make(&taps[0], &rule, &axes[2]);
    if (status == WHET_OK) status = whet_resize_taps_make(&taps[1], &rule, &axes[3]);
    if (status == WHET_OK) status = resize(w, n, &rule, taps);
    whet_resize_taps_free(&taps[0]);
    whet_resize_taps_free(&taps[1]);
    return status;
}
