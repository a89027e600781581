/* SPDX-License-Identifier: Apache-2.0 */
/* Writers of convolutions, products, normalisation, pooling and resizing. */
#include "formats/torchscript/ts_writer.h"
#include "ir/window.h"

/* Padding that differs between the two sides becomes an operator of its own in front. */
static const char *pad_first(ts_writer *w, const char *x, whet_window *win, double value)
{
    int64_t pairs[2 * WHET_WINDOW_MAX];
    bool same = true;
    for (int i = 0; i < win->nd; i++) {
        pairs[2 * (win->nd - 1 - i)] = win->pad[i];
        pairs[2 * (win->nd - 1 - i) + 1] = win->pad_end[i];
        same &= win->pad[i] == win->pad_end[i];
    }
    if (same) return x;
    for (int i = 0; i < win->nd; i++) win->pad[i] = win->pad_end[i] = 0;
    return ts_let(w, "torch.constant_pad_nd(%s, %s, %s)", x, ts_ints_text(w, 2 * win->nd, pairs), ts_float_text(w, value));
}

static whet_status read_window(ts_writer *w, const whet_node *n, const int64_t *kernel, whet_window *win)
{
    const whet_dims *d = ts_dims_of(w, n->in[0]);
    if (d->rank < 3 || d->rank > 5) return ts_write_fail(w, n, "rank %d", d->rank);
    WHET_TRY(whet_window_read(n, d->rank - 2, kernel, win));
    for (int i = 0; i < win->nd; i++) {
        if ((win->same_upper || win->same_lower) && d->dims[2 + i] < 0) return ts_write_fail(w, n, "auto_pad on a size that is not known");
        (void)whet_window_out(win, i, d->dims[2 + i]);
    }
    return WHET_OK;
}

whet_status ts_write_conv(ts_writer *w, const whet_node *n)
{
    const whet_dims *d = ts_dims_of(w, n->in[1]);
    whet_window win;
    if (d->rank < 3 || d->rank > 5) return ts_write_fail(w, n, "weights of rank %d", d->rank);
    WHET_TRY(read_window(w, n, d->dims + 2, &win));
    const char *x = pad_first(w, ts_arg(w, n, 0), &win, 0);
    return ts_put(w, n, "torch.conv%dd(%s, %s, %s, %s, %s, %s, %lld)", win.nd, x, ts_arg(w, n, 1), ts_arg(w, n, 2), ts_ints_text(w, win.nd, win.stride),
                  ts_ints_text(w, win.nd, win.pad), ts_ints_text(w, win.nd, win.dil), (long long)whet_node_int(n, "group", 1));
}

whet_status ts_write_conv_transpose(ts_writer *w, const whet_node *n)
{
    const whet_dims *d = ts_dims_of(w, n->in[0]), *k = ts_dims_of(w, n->in[1]);
    int64_t out[WHET_WINDOW_MAX] = {0};
    whet_window win;
    if (d->rank < 3 || d->rank > 5 || k->rank != d->rank) return ts_write_fail(w, n, "rank %d", d->rank);
    WHET_TRY(whet_window_read(n, d->rank - 2, k->dims + 2, &win));
    if (whet_node_attr(n, "output_shape") || win.same_upper || win.same_lower) return ts_write_fail(w, n, "output_shape and auto_pad have no form there");
    (void)whet_node_ints(n, "output_padding", out, WHET_WINDOW_MAX);
    for (int i = 0; i < win.nd; i++) { /* more padding at the end cuts the output like output_padding adds to it */
        out[i] += win.pad[i] - win.pad_end[i];
        if (out[i] < 0 || out[i] >= WHET_MAX(win.stride[i], win.dil[i])) return ts_write_fail(w, n, "padding that differs between the sides");
    }
    return ts_put(w, n, "torch.conv_transpose%dd(%s, %s, %s, %s, %s, %s, %lld, %s)", win.nd, ts_arg(w, n, 0), ts_arg(w, n, 1), ts_arg(w, n, 2),
                  ts_ints_text(w, win.nd, win.stride), ts_ints_text(w, win.nd, win.pad), ts_ints_text(w, win.nd, out),
                  (long long)whet_node_int(n, "group", 1), ts_ints_text(w, win.nd, win.dil));
}

/* --- products */

whet_status ts_write_gemm(ts_writer *w, const whet_node *n)
{
    double alpha = (double)whet_node_float(n, "alpha", 1), beta = (double)whet_node_float(n, "beta", 1);
    const char *a = ts_arg(w, n, 0), *b = ts_arg(w, n, 1), *c = ts_arg(w, n, 2);
    bool bias = ts_has(n, 2), trans_b = whet_node_int(n, "transB", 0) != 0;
    if (whet_node_int(n, "transA", 0) != 0) a = ts_let(w, "torch.t(%s)", a);
    if (trans_b && alpha == 1 && (!bias || (beta == 1 && ts_dims_of(w, n->in[2])->rank == 1)))
        return ts_put(w, n, "torch.linear(%s, %s, %s)", a, b, c);
    if (trans_b) b = ts_let(w, "torch.t(%s)", b);
    if (bias) return ts_put(w, n, "torch.addmm(%s, %s, %s, beta=%s, alpha=%s)", c, a, b, ts_float_text(w, beta), ts_float_text(w, alpha));
    if (alpha == 1) return ts_put(w, n, "torch.matmul(%s, %s)", a, b);
    return ts_put(w, n, "torch.mul(%s, %s)", ts_let(w, "torch.matmul(%s, %s)", a, b), ts_float_text(w, alpha));
}

whet_status ts_write_matmul(ts_writer *w, const whet_node *n) { return ts_put(w, n, "torch.matmul(%s, %s)", ts_arg(w, n, 0), ts_arg(w, n, 1)); }

/* --- normalisation */

static const char *epsilon(ts_writer *w, const whet_node *n) { return ts_float_text(w, (double)whet_node_float(n, "epsilon", 1e-5f)); }

whet_status ts_write_batch_norm(ts_writer *w, const whet_node *n)
{
    if (whet_node_int(n, "training_mode", 0)) return ts_write_fail(w, n, "training mode; write the network for inference");
    return ts_put(w, n, "torch.batch_norm(%s, %s, %s, %s, %s, False, %s, %s, False)", ts_arg(w, n, 0), ts_arg(w, n, 1), ts_arg(w, n, 2), ts_arg(w, n, 3),
                  ts_arg(w, n, 4), ts_float_text(w, (double)(1 - whet_node_float(n, "momentum", 0.9f))), epsilon(w, n));
}

whet_status ts_write_instance_norm(ts_writer *w, const whet_node *n)
{
    return ts_put(w, n, "torch.instance_norm(%s, %s, %s, None, None, True, 0.10000000000000001, %s, False)", ts_arg(w, n, 0), ts_arg(w, n, 1),
                  ts_arg(w, n, 2), epsilon(w, n));
}

/* The dimensions that are normalised: those of the scale, which must have the shape of just these. */
static const char *normalised(ts_writer *w, const whet_node *n)
{
    const whet_dims *d = ts_dims_of(w, n->in[0]), *s = ts_dims_of(w, n->in[1]);
    const int64_t axis = whet_node_int(n, "axis", -1), count = axis < 0 ? -axis : d->rank - axis;
    bool fits = s->rank == count && count > 0;
    for (int i = 0; i < s->rank && fits; i++)
        fits = s->dims[i] > 0 && (d->rank < s->rank || d->dims[d->rank - s->rank + i] < 0 || d->dims[d->rank - s->rank + i] == s->dims[i]);
    if (ts_has(n, 2)) fits &= ts_dims_of(w, n->in[2])->rank == s->rank;
    for (int i = 0; i < s->rank && fits && ts_has(n, 2); i++) fits = ts_dims_of(w, n->in[2])->dims[i] == s->dims[i];
    return fits ? ts_ints_text(w, s->rank, s->dims) : NULL;
}

whet_status ts_write_layer_norm(ts_writer *w, const whet_node *n)
{
    const char *shape = normalised(w, n);
    if (!shape) return ts_write_fail(w, n, "scale or bias of another shape than what is normalised");
    return ts_put(w, n, "torch.layer_norm(%s, %s, %s, %s, %s, False)", ts_arg(w, n, 0), shape, ts_arg(w, n, 1), ts_arg(w, n, 2), epsilon(w, n));
}

whet_status ts_write_rms_norm(ts_writer *w, const whet_node *n)
{
    const whet_dims *d = ts_dims_of(w, n->in[0]);
    int64_t axes[WHET_MAX_RANK];
    int count = 0;
    if (d->rank < 1) return ts_write_fail(w, n, "an input whose rank is not known");
    for (int64_t i = ts_axis_of(n, "axis", -1, d->rank); i < d->rank; i++) axes[count++] = i;
    const char *x = ts_arg(w, n, 0), *mean = ts_let(w, "torch.mean(torch.mul(%s, %s), %s, True)", x, x, ts_ints_text(w, count, axes));
    return ts_put(w, n, "torch.mul(torch.mul(%s, torch.rsqrt(torch.add(%s, %s))), %s)", x, mean, epsilon(w, n), ts_arg(w, n, 1));
}

whet_status ts_write_group_norm(ts_writer *w, const whet_node *n)
{
    return ts_put(w, n, "torch.group_norm(%s, %lld, %s, %s, %s, False)", ts_arg(w, n, 0), (long long)whet_node_int(n, "num_groups", 1), ts_arg(w, n, 1),
                  ts_arg(w, n, 2), epsilon(w, n));
}

/* --- pooling */

whet_status ts_write_max_pool(ts_writer *w, const whet_node *n)
{
    whet_window win;
    WHET_TRY(read_window(w, n, NULL, &win));
    const whet_dtype t = ts_dtype_of(w, n->in[0]);
    const char *x = ts_arg(w, n, 0);
    if (!whet_dtype_is_float(t)) x = ts_let(w, "torch.to(%s, 6, False, False, None)", x); /* old versions pool floats only */
    x = pad_first(w, x, &win, -(double)__builtin_inf());
    for (int i = 0; i < win.nd; i++)
        if (2 * win.pad[i] > win.k[i]) return ts_write_fail(w, n, "padding of more than half the window");
    WHET_TRY(ts_put(w, n, "torch.max_pool%dd(%s, %s, %s, %s, %s, %s)", win.nd, x, ts_ints_text(w, win.nd, win.k), ts_ints_text(w, win.nd, win.stride),
                    ts_ints_text(w, win.nd, win.pad), ts_ints_text(w, win.nd, win.dil), win.ceil ? "True" : "False"));
    if (!whet_dtype_is_float(t)) ts_set(w, n, 0, ts_let(w, "torch.to(%s, %d, False, False, None)", ts_tensor(w, n->out[0]), ts_code_of_dtype(t)));
    return WHET_OK;
}

whet_status ts_write_avg_pool(ts_writer *w, const whet_node *n)
{
    whet_window win;
    bool count = whet_node_int(n, "count_include_pad", 0) != 0;
    const char *x = NULL;
    WHET_TRY(read_window(w, n, NULL, &win));
    for (int i = 0; i < win.nd; i++) {
        if (win.dil[i] != 1) return ts_write_fail(w, n, "dilations");
        if (win.pad[i] != win.pad_end[i] && !count) return ts_write_fail(w, n, "padding that differs between the sides and is not counted");
    }
    x = count ? pad_first(w, ts_arg(w, n, 0), &win, 0) : ts_arg(w, n, 0);
    for (int i = 0; i < win.nd; i++)
        if (2 * win.pad[i] > win.k[i]) return ts_write_fail(w, n, "padding of more than half the window");
    return ts_put(w, n, "torch.avg_pool%dd(%s, %s, %s, %s, %s, %s%s)", win.nd, x, ts_ints_text(w, win.nd, win.k), ts_ints_text(w, win.nd, win.stride),
                  ts_ints_text(w, win.nd, win.pad), win.ceil ? "True" : "False", count ? "True" : "False", win.nd > 1 ? ", None" : "");
}

whet_status ts_write_global_pool(ts_writer *w, const whet_node *n)
{
    const int rank = ts_dims_of(w, n->in[0])->rank;
    int64_t axes[WHET_MAX_RANK];
    if (rank < 3) return ts_write_fail(w, n, "rank %d", rank);
    for (int i = 2; i < rank; i++) axes[i - 2] = i;
    if (!whet_node_is(n, "GlobalAveragePool")) return ts_put(w, n, "torch.amax(%s, %s, True)", ts_arg(w, n, 0), ts_ints_text(w, rank - 2, axes));
    if (rank == 4) return ts_put(w, n, "torch.adaptive_avg_pool2d(%s, [1, 1])", ts_arg(w, n, 0));
    return ts_put(w, n, "torch.mean(%s, %s, True)", ts_arg(w, n, 0), ts_ints_text(w, rank - 2, axes));
}

/* --- resizing */

typedef struct resize { const char *sizes, *scales; } resize;

/* Height and width, the last two of the sizes or scales given; batch and channels must stay. */
static whet_status resize_target(ts_writer *w, const whet_node *n, resize *r)
{
    const whet_dims *x = ts_dims_of(w, n->in[0]), *y = ts_dims_of(w, n->out[0]);
    const whet_tensor *t = ts_has(n, 2) ? whet_graph_const_data(w->g, n->in[2]) : NULL;
    ts_size_list l = ts_has(n, 3) ? ts_sizes_of(w, n->in[3]) : (ts_size_list){.n = -1};
    int64_t count = 0, k = 0;
    if (x->rank != 4) return ts_write_fail(w, n, "rank %d", x->rank);
    for (int i = 0; i < 2; i++)
        if (x->dims[i] >= 0 && y->dims[i] >= 0 && x->dims[i] != y->dims[i]) return ts_write_fail(w, n, "batch or channels change");
    *r = (resize){"None", "None"};
    if (t && (count = whet_tensor_numel(t)) >= 2) {
        k = count - 2;
        const char *s[2] = {ts_float_text(w, whet_tensor_get_f64(t, k)), ts_float_text(w, whet_tensor_get_f64(t, k + 1))};
        r->scales = ts_list_text(w, 2, s);
        return WHET_OK;
    }
    if (y->dims[2] >= 0 && y->dims[3] >= 0) r->sizes = ts_ints_text(w, 2, y->dims + 2);
    else if (l.n >= 2) r->sizes = ts_list_text(w, 2, l.items + l.n - 2);
    else return ts_write_fail(w, n, "sizes that are not known");
    return WHET_OK;
}

whet_status ts_write_resize(ts_writer *w, const whet_node *n)
{
    const char *mode = whet_node_string(n, "mode", "nearest"), *coords = whet_node_string(n, "coordinate_transformation_mode", "half_pixel");
    const char *near = whet_node_string(n, "nearest_mode", "round_prefer_floor"), *name = NULL;
    int64_t axes[WHET_MAX_RANK];
    int n_axes = whet_node_ints(n, "axes", axes, WHET_MAX_RANK);
    bool corners = strcmp(coords, "align_corners") == 0, half = strcmp(coords, "half_pixel") == 0 || strcmp(coords, "pytorch_half_pixel") == 0;
    resize r;
    if (n_axes > 0 && (n_axes != 2 || axes[0] != 2 || axes[1] != 3)) return ts_write_fail(w, n, "axes other than height and width");
    if (whet_node_int(n, "antialias", 0) || whet_node_int(n, "exclude_outside", 0) || strcmp(whet_node_string(n, "keep_aspect_ratio_policy", "stretch"), "stretch") != 0)
        return ts_write_fail(w, n, "antialias, exclude_outside and keep_aspect_ratio_policy have no form there");
    WHET_TRY(resize_target(w, n, &r));
    if (strcmp(mode, "nearest") == 0) {
        if (strcmp(coords, "asymmetric") == 0 && strcmp(near, "floor") == 0) name = "upsample_nearest2d";
        else if (half && strcmp(near, "round_prefer_ceil") == 0) name = "_upsample_nearest_exact2d";
        else return ts_write_fail(w, n, "nearest with %s and %s", coords, near);
        return ts_put(w, n, "torch.%s(%s, %s, %s)", name, ts_arg(w, n, 0), r.sizes, r.scales);
    }
    name = strcmp(mode, "linear") == 0 ? "upsample_bilinear2d" : "upsample_bicubic2d";
    if (!corners && !half) return ts_write_fail(w, n, "%s with %s", mode, coords);
    if (name[9] == 'b' && name[11] == 'c' && whet_node_float(n, "cubic_coeff_a", -0.75f) != -0.75f) return ts_write_fail(w, n, "cubic_coeff_a other than -0.75");
    return ts_put(w, n, "torch.%s(%s, %s, %s, %s)", name, ts_arg(w, n, 0), r.sizes, corners ? "True" : "False", r.scales);
}
