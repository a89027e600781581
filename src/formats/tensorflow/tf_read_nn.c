/* SPDX-License-Identifier: Apache-2.0 */
/* Convolutions, pools, normalisation and resizing. Their image operand is taken channels first; a file whose data_format is NCHW
 * has it that way already. Definitions: tensorflow/core/ops/nn_ops.cc, image_ops.cc and the kernels beside them. */
#include "formats/tensorflow/tf_reader.h"

typedef struct image {
    whet_layout form; /* in which the graph's value is asked for: WHET_NHWC, "as in the file", for NCHW files */
    bool first;       /* the file has channels first */
    int h, w, c;      /* axes in the file */
} image;

static whet_status image_of(const tf_work *w, image *m)
{
    const bool nchw = tf_attr_is(w, "data_format", "NCHW");
    const tf_value *a = tf_attr_of(w, "data_format");
    *m = nchw ? (image){WHET_NHWC, true, 2, 3, 1} : (image){WHET_NCHW, false, 1, 2, 3};
    if (a && a->s.data && !nchw && !tf_attr_is(w, "data_format", "NHWC"))
        return tf_fail(w, WHET_EUNSUPPORTED, "data_format '%.*s' is not handled, NHWC and NCHW are", (int)WHET_MIN(a->s.size, (size_t)20),
                       (const char *)a->s.data);
    return WHET_OK;
}

/* Shape as N, H, W, C. */
static whet_dims nhwc_of(whet_dims d, const image *m)
{
    whet_dims out = d;
    if (d.rank == 4 && m->first) {
        out.dims[1] = d.dims[2];
        out.dims[2] = d.dims[3];
        out.dims[3] = d.dims[1];
    }
    return out;
}

/* h and w of a list with one number an axis; the other two must be 1. */
static whet_status two_of(const tf_work *w, const image *m, const char *key, int64_t out[2])
{
    int64_t x[4] = {1, 1, 1, 1};
    const int n = tf_attr_ints(w, key, x, 4);
    out[0] = out[1] = 1;
    if (n == 0) return WHET_OK;
    if (n != 4) return tf_fail(w, WHET_EFORMAT, "attribute '%s' has %d numbers, 4 are needed", key, n);
    out[0] = x[m->h];
    out[1] = x[m->w];
    if (out[0] < 1 || out[1] < 1 || out[0] > INT32_MAX || out[1] > INT32_MAX)
        return tf_fail(w, WHET_EFORMAT, "attribute '%s' is out of range", key);
    if (x[0] != 1 || x[m->c] != 1) return tf_fail(w, WHET_EUNSUPPORTED, "attribute '%s' over images or channels is not handled", key);
    return WHET_OK;
}

static whet_status padding_of(const tf_work *w, const image *m, whet_nhwc_window *win)
{
    int64_t p[8] = {0};
    win->same = tf_attr_is(w, "padding", "SAME");
    if (win->same || tf_attr_is(w, "padding", "VALID")) return WHET_OK;
    if (!tf_attr_is(w, "padding", "EXPLICIT")) return tf_fail(w, WHET_EFORMAT, "attribute 'padding' is missing or unknown");
    if (tf_attr_ints(w, "explicit_paddings", p, 8) != 8) return tf_fail(w, WHET_EFORMAT, "attribute 'explicit_paddings' needs 8 numbers");
    for (int i = 0; i < 8; i++)
        if (p[i] < 0 || p[i] > INT32_MAX) return tf_fail(w, WHET_EFORMAT, "attribute 'explicit_paddings' is out of range");
    win->pads[0] = p[2 * m->h];
    win->pads[1] = p[2 * m->w];
    win->pads[2] = p[2 * m->h + 1];
    win->pads[3] = p[2 * m->w + 1];
    return WHET_OK;
}

static whet_status window_of(const tf_work *w, const image *m, whet_nhwc_window *win)
{
    *win = (whet_nhwc_window){.kernel = {1, 1}, .dilation = {1, 1}};
    WHET_TRY(two_of(w, m, "strides", win->stride));
    WHET_TRY(two_of(w, m, "dilations", win->dilation));
    return padding_of(w, m, win);
}

/* --- convolutions */

static const int64_t hwio_to_oihw[4] = {3, 2, 0, 1}, hwcm_to_cmhw[4] = {2, 3, 0, 1};

/* [h, w, C, m] -> [C*m, 1, h, w] */
static whet_status depthwise_weight(tf_reader *r, tf_work *w, whet_vid *v)
{
    const whet_dims d = tf_shape_in(r, w, 1);
    int64_t shape[4] = {-1, 1, 0, 0};
    whet_vid p = WHET_NO_VALUE, s = WHET_NO_VALUE;
    tf_val *f = w->in[1];
    whet_tensor t;
    if (d.rank != 4 || d.dims[0] < 1 || d.dims[1] < 1) return tf_fail(w, WHET_EUNSUPPORTED, "the size of the kernel is not known");
    shape[2] = d.dims[0];
    shape[3] = d.dims[1];
    if (!f->lazy || (f->weight >= 0 && f->weight_perm[0] != 2)) {
        WHET_TRY(tf_weight(r, w, 1, hwcm_to_cmhw, true, &p));
        WHET_TRY(whet_graph_const_s64(r->g, NULL, 4, shape, &s));
        return tf_make(r, w, "Reshape", WHET_IN(p, s), WHET_NO_ATTRS, v);
    }
    *v = f->weight;
    if (f->weight >= 0) return WHET_OK;
    WHET_TRY(whet_tensor_permute(&f->data, hwcm_to_cmhw, &t));
    t.shape = WHET_SHAPE(d.dims[2] * d.dims[3], 1, d.dims[0], d.dims[1]);
    whet_status status = r->opt.parameters_as_variables && whet_dtype_is_float(t.dtype) ?
                             whet_graph_variable(r->g, f->name, &t, true, v) : whet_graph_const(r->g, f->name, &t, v);
    whet_tensor_dispose(&t);
    f->weight = *v;
    memcpy(f->weight_perm, hwcm_to_cmhw, sizeof(f->weight_perm));
    return status;
}

/* Of the source and the weights of a node under the name of `w` (its own, or BatchToSpaceND's). */
static whet_status emit_conv(tf_reader *r, tf_work *w, tf_work *conv, whet_nhwc *x, const image *m, whet_nhwc_window *win, bool depthwise)
{
    whet_attr attrs[WHET_NHWC_WINDOW_ATTRS + 1];
    whet_vid v = WHET_NO_VALUE, f = WHET_NO_VALUE;
    const whet_dims d = nhwc_of(whet_nhwc_dims(r->g, x), m), k = tf_shape_in(r, conv, 1);
    int64_t group = 1;
    if (k.rank != 4 || k.dims[0] < 1 || k.dims[1] < 1 || k.dims[2] < 1) return tf_fail(conv, WHET_EFORMAT, "the weights are no kernel of 4 dimensions");
    if (d.rank >= 0 && d.rank != 4) return tf_fail(conv, WHET_EUNSUPPORTED, "the picture has %d dimensions, 4 are needed", d.rank);
    if (depthwise) group = k.dims[2];
    else if (d.rank == 4 && d.dims[3] > 0) {
        if (d.dims[3] % k.dims[2]) return tf_fail(conv, WHET_EFORMAT, "%lld channels do not fit weights for %lld", (long long)d.dims[3], (long long)k.dims[2]);
        group = d.dims[3] / k.dims[2];
    }
    win->kernel[0] = k.dims[0];
    win->kernel[1] = k.dims[1];
    int n = whet_nhwc_window_attrs(win, &d, false, attrs);
    if (group != 1) attrs[n++] = whet_attr_int("group", group);
    WHET_TRY(whet_nhwc_get(r->g, x, m->form, &v));
    WHET_TRY(depthwise ? depthwise_weight(r, conv, &f) : tf_weight(r, conv, 1, hwio_to_oihw, true, &f));
    return tf_emit(r, w, "Conv", WHET_IN(v, f), n, attrs, m->form);
}

static whet_status convolve(tf_reader *r, tf_work *w, bool depthwise)
{
    image m;
    whet_nhwc_window win;
    whet_nhwc *x = NULL;
    WHET_TRY(tf_need(w, 2));
    WHET_TRY(image_of(w, &m));
    WHET_TRY(window_of(w, &m, &win));
    tf_val *in = w->in[0];
    if (in->kind != TF_VAL_BLOCKS) {
        WHET_TRY(tf_nhwc(r, w, 0, &x));
        return emit_conv(r, w, w, x, &m, &win, depthwise);
    }
    if (in->conv || win.same || win.stride[0] != 1 || win.stride[1] != 1 || win.dilation[0] != 1 || win.dilation[1] != 1 || m.first)
        return tf_fail(w, WHET_EUNSUPPORTED, "behind SpaceToBatchND only one convolution without stride and padding is handled");
    tf_val *out = tf_val_new(r, TF_VAL_BLOCKS);
    if (!out) return WHET_ENOMEM;
    memcpy(out->block, in->block, sizeof(out->block));
    memcpy(out->pads, in->pads, sizeof(out->pads));
    out->v = in->v;
    out->conv = w->node;
    out->filter = w->in[1];
    return tf_alias(w, 0, out);
}

whet_status tf_read_conv(tf_reader *r, tf_work *w) { return convolve(r, w, false); }
whet_status tf_read_depthwise(tf_reader *r, tf_work *w) { return convolve(r, w, true); }

/* Two numbers and, for each, a pair: block_shape and paddings or crops. */
static whet_status blocks_of(tf_reader *r, tf_work *w, int64_t block[2], int64_t pads[4])
{
    int64_t p[8];
    int n = 0, np = 0;
    WHET_TRY(tf_ints(r, w, 1, block, 2, &n));
    WHET_TRY(tf_ints(r, w, 2, p, 8, &np));
    if (n != 2 || np != 4) return tf_fail(w, WHET_EUNSUPPORTED, "only two-dimensional blocks are handled");
    for (int i = 0; i < 4; i++)
        if (block[i / 2] < 1 || block[i / 2] > INT32_MAX || p[i] < 0 || p[i] > INT32_MAX)
            return tf_fail(w, WHET_EFORMAT, "block or padding is out of range");
    pads[0] = p[0];
    pads[1] = p[2];
    pads[2] = p[1];
    pads[3] = p[3];
    return WHET_OK;
}

whet_status tf_read_space_to_batch(tf_reader *r, tf_work *w)
{
    whet_nhwc *x = NULL;
    WHET_TRY(tf_nhwc(r, w, 0, &x));
    tf_val *out = tf_val_new(r, TF_VAL_BLOCKS);
    if (!out) return WHET_ENOMEM;
    out->v = *x;
    WHET_TRY(blocks_of(r, w, out->block, out->pads));
    return tf_alias(w, 0, out);
}

/* A convolution of every k-th pixel is one with dilation k; what the blocks pad and crop is its padding. */
whet_status tf_read_batch_to_space(tf_reader *r, tf_work *w)
{
    int64_t block[2], crops[4];
    const image m = {WHET_NCHW, false, 1, 2, 3};
    WHET_TRY(tf_need(w, 3));
    WHET_TRY(blocks_of(r, w, block, crops));
    tf_val *in = w->in[0];
    if (in->kind != TF_VAL_BLOCKS || !in->conv || block[0] != in->block[0] || block[1] != in->block[1])
        return tf_fail(w, WHET_EUNSUPPORTED, "only the pair SpaceToBatchND, BatchToSpaceND around one convolution is handled");
    whet_nhwc_window win = {.kernel = {1, 1}, .stride = {1, 1}, .dilation = {block[0], block[1]}};
    for (int i = 0; i < 4; i++) {
        win.pads[i] = in->pads[i] - crops[i];
        if (win.pads[i] < 0) return tf_fail(w, WHET_EUNSUPPORTED, "more is cropped than SpaceToBatchND padded");
    }
    tf_val *conv_in[2] = {in, in->filter};
    tf_work conv = {.s = w->s, .node = in->conv, .op = in->conv->op, .name = in->conv->name, .n_in = 2, .in = conv_in};
    return emit_conv(r, w, &conv, &in->v, &m, &win, strcmp(in->conv->op, "DepthwiseConv2dNative") == 0);
}

/* With padding in numbers the sizes follow from it, but for what the stride leaves open. */
static whet_status explicit_transposed(const tf_work *w, whet_nhwc_window *win, const int64_t in[2], const int64_t out[2], whet_attr *attrs, int *n)
{
    for (int i = 0; i < 2; i++) {
        const int64_t full = (in[i] - 1) * win->stride[i] + (win->kernel[i] - 1) * win->dilation[i] + 1;
        win->output_padding[i] = out[i] - (full - win->pads[i] - win->pads[i + 2]);
        if (win->output_padding[i] < 0 || win->output_padding[i] >= WHET_MAX(win->stride[i], win->dilation[i]))
            return tf_fail(w, WHET_ESHAPE, "explicit padding does not lead from size %lld to %lld", (long long)in[i], (long long)out[i]);
    }
    *n = 0;
    attrs[(*n)++] = whet_attr_ints("pads", 4, win->pads);
    attrs[(*n)++] = whet_attr_ints("strides", 2, win->stride);
    attrs[(*n)++] = whet_attr_ints("dilations", 2, win->dilation);
    attrs[(*n)++] = whet_attr_ints("output_padding", 2, win->output_padding);
    return WHET_OK;
}

/* Channels of the result, or those of one group if they are not told. */
static int64_t size_channels(const whet_dim *size, int n, const image *m) { return n == 4 && size[m->c] > 0 ? size[m->c] : 1; }

whet_status tf_read_conv_transpose(tf_reader *r, tf_work *w)
{
    static const int64_t hwoi_to_iohw[4] = {3, 2, 0, 1};
    image m;
    whet_nhwc_window win;
    whet_attr attrs[WHET_NHWC_WINDOW_ATTRS + 1];
    whet_dim size[4];
    whet_vid v = WHET_NO_VALUE, f = WHET_NO_VALUE;
    whet_nhwc *x = NULL;
    int n = 0;
    WHET_TRY(tf_need(w, 3));
    WHET_TRY(image_of(w, &m));
    WHET_TRY(window_of(w, &m, &win));
    WHET_TRY(tf_nhwc(r, w, 2, &x));
    WHET_TRY(tf_dims_in(r, w, 0, size, 4, &n));
    const whet_dims d = nhwc_of(whet_nhwc_dims(r->g, x), &m), k = tf_shape_in(r, w, 1);
    const int h = n == 2 ? 0 : m.h, wd = n == 2 ? 1 : m.w, n_size = n;
    if (k.rank != 4 || k.dims[0] < 1 || k.dims[1] < 1 || k.dims[3] < 1) return tf_fail(w, WHET_EFORMAT, "the weights are no kernel of 4 dimensions");
    if ((n != 4 && n != 2) || size[h] < 1 || size[wd] < 1 || d.rank != 4 || d.dims[1] < 1 || d.dims[2] < 1)
        return tf_fail(w, WHET_EUNSUPPORTED, "the size of the picture is not known; fix it when exporting");
    if (d.dims[3] > 0 && d.dims[3] != k.dims[3])
        return tf_fail(w, WHET_EUNSUPPORTED, "%lld channels and weights for %lld", (long long)d.dims[3], (long long)k.dims[3]);
    win.kernel[0] = k.dims[0];
    win.kernel[1] = k.dims[1];
    const int64_t in[2] = {d.dims[1], d.dims[2]}, out[2] = {size[h], size[wd]};
    if (win.pads[0] || win.pads[1] || win.pads[2] || win.pads[3]) WHET_TRY(explicit_transposed(w, &win, in, out, attrs, &n));
    else WHET_TRY(whet_nhwc_transposed_attrs(&win, in, out, attrs, &n));
    const int64_t group = k.dims[3] > 0 && d.dims[3] > 0 ? size_channels(size, n_size, &m) / k.dims[2] : 1;
    if (group > 1) attrs[n++] = whet_attr_int("group", group);
    WHET_TRY(whet_nhwc_get(r->g, x, m.form, &v));
    WHET_TRY(tf_weight(r, w, 1, hwoi_to_iohw, true, &f));
    return tf_emit(r, w, "ConvTranspose", WHET_IN(v, f), n, attrs, m.form);
}

/* --- pools */

whet_status tf_read_pool(tf_reader *r, tf_work *w)
{
    image m;
    whet_nhwc_window win = {.dilation = {1, 1}};
    whet_attr attrs[WHET_NHWC_WINDOW_ATTRS];
    whet_vid v = WHET_NO_VALUE;
    int64_t x[4];
    int n = 0;
    WHET_TRY(image_of(w, &m));
    if (strcmp(w->op, "MaxPoolV2") == 0) { /* ksize and strides are inputs */
        for (int i = 1; i <= 2; i++) {
            WHET_TRY(tf_ints(r, w, i, x, 4, &n));
            if (n != 4 || x[0] != 1 || x[m.c] != 1) return tf_fail(w, WHET_EUNSUPPORTED, "windows over images or channels are not handled");
            int64_t *to = i == 1 ? win.kernel : win.stride;
            to[0] = x[m.h];
            to[1] = x[m.w];
        }
    } else {
        WHET_TRY(two_of(w, &m, "ksize", win.kernel));
        WHET_TRY(two_of(w, &m, "strides", win.stride));
    }
    WHET_TRY(padding_of(w, &m, &win));
    WHET_TRY(tf_in(r, w, 0, m.form, &v));
    const whet_dims d = nhwc_of(tf_shape_in(r, w, 0), &m);
    n = whet_nhwc_window_attrs(&win, &d, true, attrs);
    return tf_emit(r, w, w->line->ir, WHET_IN(v), n, attrs, m.form);
}

/* --- normalisation */

whet_status tf_read_batch_norm(tf_reader *r, tf_work *w)
{
    image m;
    whet_vid in[5];
    WHET_TRY(tf_need(w, 5));
    WHET_TRY(image_of(w, &m));
    if (tf_attr_bool(w, "is_training", true))
        return tf_fail(w, WHET_EUNSUPPORTED, "is in training mode; export the inference graph");
    WHET_TRY(tf_in(r, w, 0, m.form, &in[0]));
    for (int i = 1; i < 5; i++) WHET_TRY(tf_weight(r, w, i, NULL, i < 3, &in[i]));
    const whet_attr eps = whet_attr_float("epsilon", tf_attr_float(w, "epsilon", 1e-4f));
    WHET_TRY(tf_outputs(r, w, 6)); /* only the first is there */
    return tf_emit(r, w, "BatchNormalization", 5, in, 1, &eps, m.form);
}

whet_status tf_read_bias_add(tf_reader *r, tf_work *w)
{
    image m = {WHET_NCHW, false, 1, 2, 3};
    whet_nhwc *x = NULL;
    whet_vid b = WHET_NO_VALUE, v = WHET_NO_VALUE, axes = WHET_NO_VALUE;
    static const int64_t behind[WHET_MAX_RANK] = {1, 2, 3, 4, 5, 6, 7, 8};
    WHET_TRY(tf_need(w, 2));
    WHET_TRY(image_of(w, &m));
    WHET_TRY(tf_nhwc(r, w, 0, &x));
    WHET_TRY(tf_weight(r, w, 1, NULL, true, &b));
    if (!m.first) {
        whet_nhwc bias = whet_nhwc_of(b, WHET_NHWC), *const both[2] = {x, &bias};
        w->out[0] = tf_val_new(r, TF_VAL_TENSOR);
        if (!w->out[0]) return WHET_ENOMEM;
        return whet_nhwc_elementwise(r->g, "Add", w->name, 2, both, 0, NULL, w->name, &w->out[0]->v);
    }
    const int rank = whet_nhwc_dims(r->g, x).rank;
    if (rank < 2) return tf_fail(w, WHET_EUNSUPPORTED, "the number of dimensions is not known");
    WHET_TRY(whet_nhwc_get(r->g, x, WHET_NHWC, &v));
    if (rank > 2) {
        const whet_vid flat = b;
        WHET_TRY(whet_graph_const_s64(r->g, NULL, rank - 2, behind, &axes));
        WHET_TRY(tf_make(r, w, "Unsqueeze", WHET_IN(flat, axes), WHET_NO_ATTRS, &b));
    }
    return tf_emit(r, w, "Add", WHET_IN(v, b), WHET_NO_ATTRS, WHET_NHWC);
}

whet_status tf_read_lrn(tf_reader *r, tf_work *w)
{
    const int64_t size = 2 * tf_attr_int(w, "depth_radius", 5) + 1;
    whet_vid v = WHET_NO_VALUE;
    if (size < 1 || size > INT32_MAX) return tf_fail(w, WHET_EFORMAT, "attribute 'depth_radius' is out of range");
    WHET_TRY(tf_in(r, w, 0, WHET_NCHW, &v));
    return tf_emit(r, w, "LRN", WHET_IN(v),
                   WHET_ATTRS(whet_attr_int("size", size), whet_attr_float("alpha", tf_attr_float(w, "alpha", 1) * (float)size),
                              whet_attr_float("beta", tf_attr_float(w, "beta", 0.5f)), whet_attr_float("bias", tf_attr_float(w, "bias", 1))),
                   WHET_NCHW);
}

/* --- sizes */

static int resize_rule(const tf_work *w, bool corners, bool centers, whet_attr *a)
{
    const bool nearest = strcmp(w->op, "ResizeNearestNeighbor") == 0, cubic = strcmp(w->op, "ResizeBicubic") == 0;
    int n = 0;
    a[n++] = whet_attr_string("mode", nearest ? "nearest" : cubic ? "cubic" : "linear");
    a[n++] = whet_attr_string("coordinate_transformation_mode", corners ? "align_corners" : centers ? "half_pixel" : "asymmetric");
    /* with half_pixel the position has half a pixel taken off, which this rounding gives back */
    if (nearest) a[n++] = whet_attr_string("nearest_mode", corners || centers ? "round_prefer_ceil" : "floor");
    if (cubic) a[n++] = whet_attr_float("cubic_coeff_a", centers ? -0.5f : -0.75f);
    if (cubic && centers) a[n++] = whet_attr_int("exclude_outside", 1);
    return n;
}

/* Sizes of all four axes, which every version of Resize takes, from those of height and width. */
static whet_status all_sizes(tf_reader *r, tf_work *w, whet_vid x, whet_vid pixels, whet_vid *out)
{
    static const int64_t zero = 0, two = 2;
    const whet_dims d = r->g->values[x].dims;
    const whet_tensor *t = whet_graph_const_data(r->g, pixels);
    whet_vid shape = WHET_NO_VALUE, from = WHET_NO_VALUE, to = WHET_NO_VALUE, head = WHET_NO_VALUE;
    if (t && whet_tensor_numel(t) != 2) return tf_fail(w, WHET_EFORMAT, "the size has %lld numbers, 2 are needed", (long long)whet_tensor_numel(t));
    if (t && d.rank == 4 && d.dims[0] >= 0 && d.dims[1] >= 0) {
        const int64_t sizes[4] = {d.dims[0], d.dims[1], whet_tensor_get_s64(t, 0), whet_tensor_get_s64(t, 1)};
        return whet_graph_const_s64(r->g, NULL, 4, sizes, out);
    }
    WHET_TRY(tf_make(r, w, "Shape", WHET_IN(x), WHET_NO_ATTRS, &shape));
    WHET_TRY(whet_graph_const_s64(r->g, NULL, 1, &zero, &from));
    WHET_TRY(whet_graph_const_s64(r->g, NULL, 1, &two, &to));
    WHET_TRY(tf_make(r, w, "Slice", WHET_IN(shape, from, to), WHET_NO_ATTRS, &head));
    return tf_make(r, w, "Concat", WHET_IN(head, pixels), WHET_ATTRS(whet_attr_int("axis", 0)), out);
}

whet_status tf_read_resize(tf_reader *r, tf_work *w)
{
    whet_attr a[8];
    whet_vid x = WHET_NO_VALUE, pixels = WHET_NO_VALUE, size = WHET_NO_VALUE;
    const bool corners = tf_attr_bool(w, "align_corners", false), centers = tf_attr_bool(w, "half_pixel_centers", false);
    WHET_TRY(tf_need(w, 2));
    WHET_TRY(tf_in(r, w, 0, WHET_NCHW, &x));
    WHET_TRY(tf_in_s64(r, w, 1, &pixels));
    WHET_TRY(all_sizes(r, w, x, pixels, &size));
    if (strcmp(w->op, "ResizeNearestNeighbor") != 0 && r->g->values[x].dtype != WHET_F32) {
        const whet_vid small = x;
        WHET_TRY(tf_make(r, w, "Cast", WHET_IN(small), WHET_ATTRS(whet_attr_int("to", whet_dtype_to_onnx(WHET_F32))), &x));
    }
    const int n = resize_rule(w, corners, centers, a);
    return tf_emit(r, w, "Resize", WHET_IN(x, WHET_NO_VALUE, WHET_NO_VALUE, size), n, a, WHET_NCHW);
}

whet_status tf_read_depth_space(tf_reader *r, tf_work *w)
{
    image m;
    whet_vid v = WHET_NO_VALUE;
    whet_attr a[2] = {whet_attr_int("blocksize", tf_attr_int(w, "block_size", 2)), whet_attr_string("mode", "DCR")};
    WHET_TRY(image_of(w, &m));
    WHET_TRY(tf_in(r, w, 0, m.form, &v));
    return tf_emit(r, w, w->line->ir, WHET_IN(v), strcmp(w->op, "DepthToSpace") == 0 ? 2 : 1, a, m.form);
}
