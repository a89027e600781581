/* SPDX-License-Identifier: Apache-2.0 */
/* Conv, ConvTranspose, their gradients and the fused convolution (ONNX operator specifications, opset 22).
 *
 * Layouts: x[N, C, spatial...], weights[M, C / group, kernel...]; ConvTranspose's weights are [C, M / group, kernel...],
 * which is the weight of the convolution that it transposes. So
 *   Conv:          diff_x = ConvGradData(dy, w),  diff_w = ConvGradWeights(dy, x)
 *   ConvTranspose: diff_x = Conv(dy, w),          diff_w = ConvGradWeights(x, dy)
 * and the bias gradient is a sum over everything but the channels. */
#include <stdio.h>

#include "ir/ops.h"
#include "ir/window.h"

#define CONV_ATTRS                                                                                                  \
    ATTR_STRING("auto_pad", "NOTSET"), ATTR_INTS("dilations"), ATTR_INT("group", 1), ATTR_INTS("kernel_shape"),     \
        ATTR_INTS("pads"), ATTR_INTS("strides")

const whet_attr_def attrs_conv[] = {CONV_ATTRS, ATTR_END};
const whet_attr_def attrs_conv_transpose[] = {CONV_ATTRS, ATTR_INTS("output_padding"), ATTR_INTS("output_shape"), ATTR_END};
/* The activation is applied to Conv + bias + residual; with residual_after = 1 the residual is added behind it. */
const whet_attr_def attrs_fused_conv[] = {CONV_ATTRS, FUSED_ATTRS, ATTR_INT("residual_after", 0), ATTR_END};

static whet_status fail_plain(const whet_infer *c, whet_status status)
{
    char text[256];
    snprintf(text, sizeof text, "%s", whet_error_last()->text);
    return whet_infer_fail(c, status, "%s", text);
}

/* Window of the node for spatial rank of x and weights' kernel (w_dims may be unknown). */
static whet_status read_window(const whet_infer *c, int rank, const whet_dims *w_dims, whet_window *w)
{
    int64_t kernel[WHET_WINDOW_MAX];
    const int nd = rank - 2;
    const bool known = w_dims != NULL && w_dims->rank == rank && nd >= 1 && nd <= WHET_WINDOW_MAX;
    for (int i = 0; known && i < nd; i++) kernel[i] = w_dims->dims[2 + i] >= 0 ? w_dims->dims[2 + i] : -1;
    const whet_status status = whet_window_read(c->n, nd, known ? kernel : NULL, w);
    return status == WHET_OK ? status : fail_plain(c, status);
}

static whet_status check_types(const whet_infer *c)
{
    WHET_TRY(whet_infer_need_dtype(c, 0, "f32 f64"));
    for (int i = 1; i < c->n->n_in; i++)
        if (whet_infer_has(c, i) && whet_infer_dtype(c, i) != whet_infer_dtype(c, 0) && whet_infer_dtype(c, i) != WHET_S64)
            return whet_infer_fail(c, WHET_ESHAPE, "input %d is %s, but input 0 is %s", i,
                                   whet_dtype_name(whet_infer_dtype(c, i)), whet_dtype_name(whet_infer_dtype(c, 0)));
    return WHET_OK;
}

static whet_status check_channels(const whet_infer *c, whet_dim have, whet_dim want, const char *what)
{
    if (have < 0 || want < 0 || have == want) return WHET_OK;
    return whet_infer_fail(c, WHET_ESHAPE, "%s has %lld channels, but %lld are needed", what, (long long)have, (long long)want);
}

static whet_status check_bias(const whet_infer *c, int i, whet_dim channels)
{
    const whet_dims *b = whet_infer_dims(c, i);
    if (!whet_infer_has(c, i) || b->rank < 0) return WHET_OK;
    if (b->rank != 1) return whet_infer_fail(c, WHET_ESHAPE, "bias has rank %d, but 1 is needed", b->rank);
    return check_channels(c, b->dims[0], channels, "bias");
}

static whet_status positive_group(const whet_infer *c, int64_t *group)
{
    *group = whet_node_int(c->n, "group", 1);
    if (*group < 1) return whet_infer_fail(c, WHET_EINVAL, "group is %lld", (long long)*group);
    return WHET_OK;
}

/* Axis d of the output; ESHAPE when the window is larger than the padded input. */
static whet_status window_dim(const whet_infer *c, whet_window *w, int d, whet_dim in, whet_dim *out)
{
    *out = whet_window_out(w, d, in);
    if (*out >= 1 || *out == WHET_DIM_UNKNOWN) return WHET_OK;
    return whet_infer_fail(c, WHET_ESHAPE, "spatial axis %d of size %lld is smaller than the window", d, (long long)in);
}

whet_status infer_conv(whet_infer *c)
{
    const whet_dims *x = whet_infer_dims(c, 0), *w = whet_infer_dims(c, 1);
    const int rank = x->rank >= 0 ? x->rank : w->rank;
    whet_dims y = {.rank = rank};
    whet_window win;
    int64_t group = 1;
    WHET_TRY(check_types(c));
    WHET_TRY(positive_group(c, &group));
    if (rank < 0) return whet_infer_set(c, 0, whet_infer_dtype(c, 0), &y);
    if ((x->rank >= 0 && x->rank != rank) || (w->rank >= 0 && w->rank != rank) || rank < 3)
        return whet_infer_fail(c, WHET_ESHAPE, "input has rank %d and weights %d", x->rank, w->rank);
    WHET_TRY(read_window(c, rank, w, &win));
    for (int i = 0; i < rank; i++) y.dims[i] = WHET_DIM_UNKNOWN;
    if (w->rank >= 0) {
        y.dims[1] = w->dims[0];
        if (x->rank >= 0 && x->dims[1] >= 0 && w->dims[1] >= 0) {
            WHET_TRY(check_channels(c, x->dims[1], w->dims[1] * group, "input"));
        }
        if (w->dims[0] >= 0 && w->dims[0] % group != 0)
            return whet_infer_fail(c, WHET_ESHAPE, "%lld output channels do not divide into %lld groups",
                                   (long long)w->dims[0], (long long)group);
    }
    if (x->rank >= 0) {
        y.dims[0] = x->dims[0];
        for (int i = 0; i < win.nd; i++) WHET_TRY(window_dim(c, &win, i, x->dims[2 + i], &y.dims[2 + i]));
    }
    WHET_TRY(check_bias(c, 2, y.dims[1]));
    return whet_infer_set(c, 0, whet_infer_dtype(c, 0), &y);
}

whet_status infer_fused_conv(whet_infer *c)
{
    WHET_TRY(infer_activation(c));
    WHET_TRY(infer_conv(c));
    return infer_residual(c, 3);
}

whet_status infer_conv_transpose(whet_infer *c)
{
    const whet_dims *x = whet_infer_dims(c, 0), *w = whet_infer_dims(c, 1);
    whet_dims y = {.rank = x->rank};
    whet_window win;
    int64_t group = 1, list[WHET_MAX_RANK];
    WHET_TRY(check_types(c));
    WHET_TRY(positive_group(c, &group));
    if (x->rank < 0) return whet_infer_set(c, 0, whet_infer_dtype(c, 0), &y);
    if (x->rank < 3 || (w->rank >= 0 && w->rank != x->rank))
        return whet_infer_fail(c, WHET_ESHAPE, "input has rank %d and weights %d", x->rank, w->rank);
    WHET_TRY(read_window(c, x->rank, w, &win));
    const int n_shape = whet_node_ints(c->n, "output_shape", list, WHET_MAX_RANK);
    const int n_extra = whet_node_ints(c->n, "output_padding", list, WHET_MAX_RANK);
    if ((n_shape != 0 && n_shape != win.nd && n_shape != win.nd + 2) || (n_extra != 0 && n_extra != win.nd))
        return whet_infer_fail(c, WHET_ESHAPE, "output_shape or output_padding does not have %d values", win.nd);
    y.dims[0] = x->dims[0];
    y.dims[1] = w->rank >= 0 && w->dims[1] >= 0 ? w->dims[1] * group : WHET_DIM_UNKNOWN;
    if (w->rank >= 0) WHET_TRY(check_channels(c, x->dims[1], w->dims[0], "input"));
    if (w->rank >= 0 && w->dims[0] >= 0 && w->dims[0] % group != 0)
        return whet_infer_fail(c, WHET_ESHAPE, "%lld input channels do not divide into %lld groups", (long long)w->dims[0],
                               (long long)group);
    for (int i = 0; i < win.nd; i++) {
        y.dims[2 + i] = whet_window_out_transposed(&win, c->n, i, x->dims[2 + i]);
        if (y.dims[2 + i] < 1 && y.dims[2 + i] != WHET_DIM_UNKNOWN)
            return whet_infer_fail(c, WHET_ESHAPE, "spatial axis %d of the output is empty", i);
    }
    WHET_TRY(check_bias(c, 2, y.dims[1]));
    return whet_infer_set(c, 0, whet_infer_dtype(c, 0), &y);
}

whet_status infer_conv_grad_data(whet_infer *c)
{
    const whet_dim *known = NULL;
    const whet_dims *dy = whet_infer_dims(c, 0);
    whet_dims out = {.rank = dy->rank};
    whet_window win;
    const int n = whet_infer_known(c, 2, &known);
    WHET_TRY(check_types(c));
    for (int i = 0; i < WHET_MAX_RANK; i++) out.dims[i] = WHET_DIM_UNKNOWN;
    if (n >= 0 && dy->rank >= 0 && n != dy->rank) return whet_infer_fail(c, WHET_ESHAPE, "shape has %d dimensions", n);
    if (n >= 0) out.rank = n;
    for (int i = 0; i < n; i++) out.dims[i] = known[i];
    if (out.rank >= 0) WHET_TRY(read_window(c, out.rank, whet_infer_dims(c, 1), &win));
    return whet_infer_set(c, 0, whet_infer_dtype(c, 0), &out);
}

whet_status infer_conv_grad_weights(whet_infer *c)
{
    const whet_dims *dy = whet_infer_dims(c, 0), *x = whet_infer_dims(c, 1);
    const int rank = dy->rank >= 0 ? dy->rank : x->rank;
    whet_dims out = {.rank = rank};
    whet_window win;
    int64_t group = 1;
    WHET_TRY(check_types(c));
    WHET_TRY(positive_group(c, &group));
    if (rank < 0) return whet_infer_set(c, 0, whet_infer_dtype(c, 0), &out);
    if (rank < 3 || (x->rank >= 0 && x->rank != rank))
        return whet_infer_fail(c, WHET_ESHAPE, "gradient has rank %d and source %d", dy->rank, x->rank);
    WHET_TRY(read_window(c, rank, NULL, &win));
    out.dims[0] = dy->rank >= 0 ? dy->dims[1] : WHET_DIM_UNKNOWN;
    out.dims[1] = x->rank >= 0 && x->dims[1] >= 0 ? x->dims[1] / group : WHET_DIM_UNKNOWN;
    for (int i = 0; i < win.nd; i++) out.dims[2 + i] = win.k[i];
    return whet_infer_set(c, 0, whet_infer_dtype(c, 0), &out);
}

whet_status infer_channel_sum(whet_infer *c)
{
    const whet_dims *x = whet_infer_dims(c, 0);
    WHET_TRY(whet_infer_need_dtype(c, 0, "f32 f64"));
    if (x->rank == 0 || x->rank == 1) return whet_infer_fail(c, WHET_ESHAPE, "input has rank %d", x->rank);
    const whet_dims out = {.rank = 1, .dims = {x->rank >= 2 ? x->dims[1] : WHET_DIM_UNKNOWN}};
    return whet_infer_set(c, 0, whet_infer_dtype(c, 0), &out);
}

/* The node's convolution attributes with kernel_shape written out from the weights. */
typedef struct conv_list {
    whet_attr attr[8];
    int n;
    int64_t kernel[WHET_WINDOW_MAX];
} conv_list;

static whet_status copy_attrs(const whet_grad *c, bool weights_needed, conv_list *out)
{
    const whet_dims *w = &c->g->values[c->n->in[1]].dims;
    out->n = 0;
    for (int i = 0; i < c->n->n_attr; i++) {
        const char *name = c->n->attr[i].name;
        if (strcmp(name, "kernel_shape") == 0 || strcmp(name, "output_padding") == 0 || strcmp(name, "output_shape") == 0) continue;
        out->attr[out->n++] = c->n->attr[i];
    }
    if (w->rank < 3 || w->rank > 2 + WHET_WINDOW_MAX)
        return WHET_FAIL(WHET_EUNSUPPORTED, "gradient of a convolution whose weights have an unknown shape");
    for (int i = 2; i < w->rank; i++) {
        if (weights_needed && w->dims[i] < 1)
            return WHET_FAIL(WHET_EUNSUPPORTED, "gradient of a convolution whose kernel size is unknown");
        out->kernel[i - 2] = w->dims[i];
    }
    if (w->dims[2] >= 1) out->attr[out->n++] = whet_attr_ints("kernel_shape", w->rank - 2, out->kernel);
    return WHET_OK;
}

whet_status grad_conv(whet_grad *c)
{
    const whet_vid x = c->n->in[0], w = c->n->in[1], dy = c->dy[0];
    const int n_in = c->n->n_in;
    conv_list list;
    whet_vid shape = WHET_NO_VALUE;
    WHET_TRY(copy_attrs(c, c->need[1], &list));
    if (n_in > 2 && c->need[2]) WHET_TRY(whet_graph_op1(c->g, "whet.ChannelSum", WHET_IN(dy), WHET_NO_ATTRS, &c->dx[2]));
    if (c->need[1])
        WHET_TRY(whet_graph_op1(c->g, "whet.ConvGradWeights", WHET_IN(dy, x), list.n, list.attr, &c->dx[1]));
    if (!c->need[0]) return WHET_OK;
    WHET_TRY(grad_shape_of(c, x, false, &shape));
    return whet_graph_op1(c->g, "whet.ConvGradData", WHET_IN(dy, w, shape), list.n, list.attr, &c->dx[0]);
}

/* With output_shape or auto_pad the pads follow from the sizes; a convolution back needs them as numbers. */
static whet_status explicit_pads(const whet_grad *c, conv_list *list, int64_t *pads)
{
    const whet_dims *x = &c->g->values[c->n->in[0]].dims;
    const whet_dims *w = &c->g->values[c->n->in[1]].dims;
    whet_window win;
    WHET_TRY(whet_window_read(c->n, w->rank - 2, &w->dims[2], &win));
    int kept = 0;
    for (int i = 0; i < list->n; i++)
        if (strcmp(list->attr[i].name, "pads") != 0 && strcmp(list->attr[i].name, "auto_pad") != 0)
            list->attr[kept++] = list->attr[i];
    list->n = kept;
    for (int i = 0; i < win.nd; i++) {
        const int64_t out = whet_window_out_transposed(&win, c->n, i, x->dims[2 + i]);
        if (out == WHET_DIM_UNKNOWN && (win.same_upper || win.same_lower || whet_node_attr(c->n, "output_shape") != NULL))
            return WHET_FAIL(WHET_EUNSUPPORTED, "gradient of ConvTranspose with sizes that are not known yet");
        pads[i] = win.pad[i];
        pads[win.nd + i] = win.pad_end[i];
    }
    list->attr[list->n++] = whet_attr_ints("pads", 2 * win.nd, pads);
    return WHET_OK;
}

whet_status grad_conv_transpose(whet_grad *c)
{
    const whet_vid x = c->n->in[0], w = c->n->in[1], dy = c->dy[0];
    const int n_in = c->n->n_in;
    int64_t pads[2 * WHET_WINDOW_MAX];
    conv_list list;
    WHET_TRY(copy_attrs(c, true, &list));
    WHET_TRY(explicit_pads(c, &list, pads));
    if (n_in > 2 && c->need[2]) WHET_TRY(whet_graph_op1(c->g, "whet.ChannelSum", WHET_IN(dy), WHET_NO_ATTRS, &c->dx[2]));
    if (c->need[1])
        WHET_TRY(whet_graph_op1(c->g, "whet.ConvGradWeights", WHET_IN(x, dy), list.n, list.attr, &c->dx[1]));
    if (!c->need[0]) return WHET_OK;
    return whet_graph_op1(c->g, "Conv", WHET_IN(dy, w), list.n, list.attr, &c->dx[0]);
}
