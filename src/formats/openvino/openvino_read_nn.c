/* SPDX-License-Identifier: Apache-2.0 */
/* Convolutions, pools, products, reductions, resizing. Source: the operation pages of OpenVINO's documentation. */
#include "formats/openvino/openvino_readers.h"

enum { SPATIAL = WHET_MAX_RANK };

/* --- windows: strides, dilations, pads, auto_pad as attributes of the graph's operator */

typedef struct window {
    int64_t strides[SPATIAL], dilations[SPATIAL], kernel[SPATIAL], pads[2 * SPATIAL];
    whet_attr attr[10];
    int n_attr;
} window;

static void add(window *v, whet_attr a) { v->attr[v->n_attr++] = a; }

static void read_window(ov_work *w, window *v, bool pool)
{
    static const char *const names[][2] = {{"explicit", "NOTSET"}, {"notset", "NOTSET"}, {"valid", "VALID"}, {"same_upper", "SAME_UPPER"},
                                           {"same_lower", "SAME_LOWER"}};
    const char *auto_pad = ov_text(w, "auto_pad", "explicit"), *as = NULL;
    int64_t ends[SPATIAL];
    memset(v, 0, sizeof(*v));
    const int ns = ov_list(w, "strides", v->strides, SPATIAL), nd = ov_list(w, "dilations", v->dilations, SPATIAL);
    const int np = ov_list(w, "pads_begin", v->pads, SPATIAL), ne = ov_list(w, "pads_end", ends, SPATIAL);
    const int nk = pool ? ov_list(w, "kernel", v->kernel, SPATIAL) : 0;
    for (size_t i = 0; i < WHET_COUNT(names); i++)
        if (strcasecmp(auto_pad, names[i][0]) == 0) as = names[i][1];
    if (!as) ov_fail(w, WHET_EUNSUPPORTED, "auto_pad '%.40s' is not handled", auto_pad);
    if (np != ne) ov_fail(w, WHET_EFORMAT, "pads_begin and pads_end have different lengths");
    if (w->status != WHET_OK) return;
    memcpy(v->pads + np, ends, (size_t)ne * sizeof(*ends));
    if (ns) add(v, whet_attr_ints("strides", ns, v->strides));
    if (nd) add(v, whet_attr_ints("dilations", nd, v->dilations));
    if (nk) add(v, whet_attr_ints("kernel_shape", nk, v->kernel));
    if (strcmp(as, "NOTSET") != 0) add(v, whet_attr_string("auto_pad", as));
    else if (np) add(v, whet_attr_ints("pads", 2 * np, v->pads));
    if (!pool) return;
    const char *rounding = ov_text(w, "rounding_type", "floor");
    if (strcasecmp(rounding, "ceil") == 0 || strcasecmp(rounding, "ceil_torch") == 0) add(v, whet_attr_int("ceil_mode", 1));
    else if (strcasecmp(rounding, "floor") != 0) ov_fail(w, WHET_EUNSUPPORTED, "rounding_type '%.40s' is not handled", rounding);
}

/* Weights [G, A, B, k...] of a grouped convolution as [G * A, B, k...]; constants keep bytes and name. */
static whet_vid merged_weights(ov_work *w, int64_t *group)
{
    const int rank = ov_rank(w, 1);
    whet_shape s = {.rank = rank - 1};
    whet_tensor t;
    const char *name = NULL;
    bool known = rank >= 4;
    for (int i = 0; i < rank; i++) known = known && ov_dim(w, 1, i) > 0;
    if (!known) {
        ov_fail(w, WHET_EUNSUPPORTED, "the weights' shape is not known");
        return WHET_NO_VALUE;
    }
    for (int i = 1; i < rank; i++) s.dims[i - 1] = ov_dim(w, 1, i);
    *group = ov_dim(w, 1, 0);
    if (!whet_mul_i64(s.dims[0], *group, &s.dims[0])) ov_fail(w, WHET_EFORMAT, "the weights are too large");
    if (w->status == WHET_OK && ov_reshaped_const(w, 1, &s, &t, &name)) {
        const whet_vid v = ov_make_wide(w, name, &t, ov_wide(w, 1));
        whet_tensor_dispose(&t);
        return v;
    }
    const whet_vid v = ov_in(w, 1);
    if (w->status != WHET_OK) return WHET_NO_VALUE;
    const whet_value *value = &w->g->values[v];
    const whet_node *n = value->producer >= 0 ? &w->g->nodes[value->producer] : NULL;
    if (n && whet_node_is(n, "Reshape")) { /* dequantised as one group and then divided */
        whet_shape under;
        if (whet_dims_concrete(&w->g->values[n->in[0]].dims, &under) && whet_shape_equal(&under, &s)) return n->in[0];
    }
    return ov_reshape(w, v, s.rank, s.dims);
}

static bool grouped(const ov_work *w) { return strncmp(w->row->type, "Group", 5) == 0; }

void ov_read_conv(ov_work *w)
{
    window v;
    int64_t group = 1;
    read_window(w, &v, false);
    const whet_vid in[2] = {ov_in(w, 0), grouped(w) ? merged_weights(w, &group) : ov_in(w, 1)};
    if (group != 1 || grouped(w)) add(&v, whet_attr_int("group", group));
    ov_out(w, 0, ov_node(w, "Conv", 2, in, v.n_attr, v.attr));
}

void ov_read_conv_transpose(ov_work *w)
{
    window v;
    int64_t group = 1, extra[SPATIAL], shape[SPATIAL];
    read_window(w, &v, false);
    const int n = ov_list(w, "output_padding", extra, SPATIAL);
    const whet_vid in[2] = {ov_in(w, 0), grouped(w) ? merged_weights(w, &group) : ov_in(w, 1)};
    if (n) add(&v, whet_attr_ints("output_padding", n, extra));
    if (ov_has(w, 2)) {
        const int m = ov_need_ints(w, 2, "output_shape", shape, SPATIAL);
        add(&v, whet_attr_ints("output_shape", m, shape));
        if (strncasecmp(ov_text(w, "auto_pad", "explicit"), "same", 4) != 0)
            ov_fail(w, WHET_EUNSUPPORTED, "output_shape is handled with auto_pad same_upper and same_lower only");
    }
    if (grouped(w)) add(&v, whet_attr_int("group", group));
    ov_out(w, 0, ov_node(w, "ConvTranspose", 2, in, v.n_attr, v.attr));
}

void ov_read_max_pool(ov_work *w)
{
    window v;
    whet_vid out[2] = {WHET_NO_VALUE, WHET_NO_VALUE};
    const bool indices = w->l->n_out > 1 && w->l->out[1].users > 0;
    read_window(w, &v, true);
    const whet_dtype t = ov_type(w, "index_element_type", WHET_S64);
    const int64_t axis = ov_int(w, "axis", 0);
    if (indices && axis != 0) ov_fail(w, WHET_EUNSUPPORTED, "indices from axis %lld on are not handled, from axis 0 are", (long long)axis);
    const whet_vid x = ov_in(w, 0);
    ov_nodes(w, "MaxPool", 1, &x, v.n_attr, v.attr, indices ? 2 : 1, out);
    ov_out(w, 0, out[0]);
    if (indices) ov_out(w, 1, ov_cast(w, out[1], t));
}

void ov_read_avg_pool(ov_work *w)
{
    window v;
    read_window(w, &v, true);
    const bool exclude = ov_bool(w, "exclude-pad", ov_bool(w, "exclude_pad", true));
    add(&v, whet_attr_int("count_include_pad", !exclude));
    const whet_vid x = ov_in(w, 0);
    ov_out(w, 0, ov_node(w, "AveragePool", 1, &x, v.n_attr, v.attr));
}

/* To one position: a global pool; to a divisor of the size: a plain one. */
void ov_read_adaptive_pool(ov_work *w)
{
    int64_t to[SPATIAL], k[SPATIAL];
    const int n = ov_need_ints(w, 1, "output_shape", to, SPATIAL);
    const bool average = strcmp(w->row->op, "GlobalAveragePool") == 0;
    bool one = true;
    ov_type(w, "index_element_type", WHET_S64);
    if (ov_rank(w, 0) != n + 2) ov_fail(w, WHET_EFORMAT, "%d sizes for rank %d", n, ov_rank(w, 0));
    const whet_vid x = ov_in(w, 0);
    for (int i = 0; i < n; i++) one = one && to[i] == 1;
    if (one) {
        ov_out(w, 0, ov_op(w, w->row->op, OV_IN(x)));
        return;
    }
    for (int i = 0; i < n && w->status == WHET_OK; i++) {
        const whet_dim size = ov_dim(w, 0, 2 + i);
        if (size < 1 || to[i] < 1 || size % to[i]) ov_fail(w, WHET_EUNSUPPORTED, "size %lld to %lld is not handled", (long long)size, (long long)to[i]);
        else k[i] = size / to[i];
    }
    if (w->status != WHET_OK) return;
    const whet_attr a[2] = {whet_attr_ints("kernel_shape", n, k), whet_attr_ints("strides", n, k)};
    ov_out(w, 0, ov_node(w, average ? "AveragePool" : "MaxPool", 1, &x, 2, a));
}

/* --- products */

static whet_vid turned(ov_work *w, whet_vid x)
{
    int64_t perm[WHET_MAX_RANK];
    const int rank = ov_rank_of(w, x);
    if (rank < 2) return x;
    for (int i = 0; i < rank; i++) perm[i] = i;
    perm[rank - 1] = rank - 2;
    perm[rank - 2] = rank - 1;
    return ov_transpose(w, x, rank, perm);
}

void ov_read_matmul(ov_work *w)
{
    const bool ta = ov_bool(w, "transpose_a", false), tb = ov_bool(w, "transpose_b", false);
    whet_vid a = ov_in(w, 0), b = ov_in(w, 1);
    if ((ta || tb) && ov_rank(w, 0) == 2 && ov_rank(w, 1) == 2) {
        const whet_attr attr[2] = {whet_attr_int("transA", ta), whet_attr_int("transB", tb)};
        ov_out(w, 0, ov_node(w, "Gemm", OV_IN(a, b), 2, attr));
        return;
    }
    if ((ta && ov_rank(w, 0) < 0) || (tb && ov_rank(w, 1) < 0)) ov_fail(w, WHET_EUNSUPPORTED, "the rank of an input that is turned is not known");
    if (ta) a = turned(w, a);
    if (tb) b = turned(w, b);
    ov_out(w, 0, ov_op(w, "MatMul", OV_IN(a, b)));
}

/* softmax(q kT * scale + mask) v */
void ov_read_attention(ov_work *w)
{
    const bool causal = ov_bool(w, "causal", false);
    const whet_vid q = ov_in(w, 0), k = ov_in(w, 1), v = ov_in(w, 2);
    const int rank = ov_rank(w, 0);
    const whet_dtype t = ov_dtype(w, 0);
    const whet_dim size = ov_dim(w, 0, rank - 1), rows = ov_dim(w, 0, rank - 2), columns = ov_dim(w, 1, ov_rank(w, 1) - 2);
    whet_vid scale = ov_has(w, 4) ? ov_in(w, 4) : WHET_NO_VALUE;
    if (scale < 0 && size < 1) ov_fail(w, WHET_EUNSUPPORTED, "the size of the heads is not known");
    if (scale < 0) scale = ov_make_scalar(w, t, 1 / sqrt((double)size));
    whet_vid s = ov_op(w, "MatMul", OV_IN(ov_op(w, "Mul", OV_IN(q, scale)), turned(w, k)));
    if (causal) {
        const whet_attr lower = whet_attr_int("upper", 0);
        const int64_t shape[2] = {rows, columns};
        if (rows < 1 || columns < 1) ov_fail(w, WHET_EUNSUPPORTED, "causal with lengths that are not known");
        const whet_vid one = ov_make_scalar(w, t, 1);
        const whet_vid ones = ov_op(w, "Expand", OV_IN(one, ov_make_ints(w, 2, shape)));
        const whet_vid keep = ov_op(w, "Greater", OV_IN(ov_node(w, "Trilu", 1, &ones, 1, &lower), ov_make_scalar(w, t, 0.5)));
        s = ov_op(w, "Where", OV_IN(keep, s, ov_make_scalar(w, t, -INFINITY)));
    } else if (ov_has(w, 3)) {
        const whet_vid mask = ov_in(w, 3);
        if (ov_dtype(w, 3) == WHET_BOOL) s = ov_op(w, "Where", OV_IN(mask, s, ov_make_scalar(w, t, -INFINITY)));
        else s = ov_op(w, "Add", OV_IN(s, mask));
    }
    ov_out(w, 0, ov_op(w, "MatMul", OV_IN(ov_op(w, "Softmax", OV_IN(s)), v)));
}

/* --- reductions */

void ov_read_reduce(ov_work *w)
{
    int64_t axes[WHET_MAX_RANK];
    const int rank = ov_rank(w, 0), n = ov_need_ints(w, 1, "axes", axes, WHET_MAX_RANK);
    const whet_attr a[2] = {whet_attr_int("keepdims", ov_bool(w, "keep_dims", false)), whet_attr_int("noop_with_empty_axes", 1)};
    for (int i = 0; i < n && rank >= 0; i++) axes[i] = ov_axis(w, axes[i], rank);
    const whet_vid in[2] = {ov_in(w, 0), ov_make_ints(w, n, axes)};
    ov_out(w, 0, ov_node(w, w->row->op, 2, in, n ? 1 : 2, a));
}

/* --- resizing */

typedef struct words { const char *from, *to; } words;

static const char *translate(ov_work *w, const char *key, const char *otherwise, const words *table)
{
    const char *s = ov_text(w, key, otherwise);
    for (; table->from; table++)
        if (strcasecmp(s, table->from) == 0) return table->to;
    ov_fail(w, WHET_EUNSUPPORTED, "%s '%.40s' is not handled", key, s);
    return "";
}

/* Whether both pads are missing or 0. */
static void no_pads(ov_work *w)
{
    int64_t p[WHET_MAX_RANK];
    for (int k = 0; k < 2; k++)
        for (int n = ov_list(w, k ? "pads_end" : "pads_begin", p, WHET_MAX_RANK), i = 0; i < n; i++)
            if (p[i] != 0) ov_fail(w, WHET_EUNSUPPORTED, "pads are not handled; put a Pad in front");
}

void ov_read_interpolate(ov_work *w)
{
    static const words modes[] = {{"nearest", "nearest"}, {"linear", "linear"}, {"linear_onnx", "linear"}, {"cubic", "cubic"}, {NULL, NULL}};
    static const words coords[] = {{"half_pixel", "half_pixel"}, {"pytorch_half_pixel", "pytorch_half_pixel"}, {"asymmetric", "asymmetric"},
                                   {"align_corners", "align_corners"}, {NULL, NULL}};
    static const words nearest[] = {{"round_prefer_floor", "round_prefer_floor"}, {"round_prefer_ceil", "round_prefer_ceil"},
                                    {"floor", "floor"}, {"ceil", "ceil"}, {NULL, NULL}};
    const bool newest = w->row->first >= 11;
    const int at_axes = newest ? 2 : 3, rank = ov_rank(w, 0);
    const bool sizes = strcasecmp(ov_text(w, "shape_calculation_mode", "sizes"), "sizes") == 0;
    int64_t axes[WHET_MAX_RANK], size[WHET_MAX_RANK];
    int n = 0;
    no_pads(w);
    ov_must_be(w, "antialias", "false 0");
    const whet_attr a[6] = {whet_attr_string("mode", translate(w, "mode", "nearest", modes)),
                            whet_attr_string("coordinate_transformation_mode", translate(w, "coordinate_transformation_mode", "half_pixel", coords)),
                            whet_attr_string("nearest_mode", translate(w, "nearest_mode", "round_prefer_floor", nearest)),
                            whet_attr_float("cubic_coeff_a", (float)ov_number(w, "cube_coeff", -0.75))};
    if (ov_has(w, at_axes)) n = ov_need_ints(w, at_axes, "axes", axes, WHET_MAX_RANK);
    else for (; n < rank; n++) axes[n] = n;
    for (int i = 0; i < n; i++) axes[i] = ov_axis(w, axes[i], rank);
    whet_attr all[6];
    memcpy(all, a, sizeof(all));
    all[4] = whet_attr_ints("axes", n, axes);
    const int n_attr = ov_has(w, at_axes) && !(n == rank) ? 5 : 4;
    whet_vid in[4] = {ov_in(w, 0), WHET_NO_VALUE, WHET_NO_VALUE, WHET_NO_VALUE};
    const int at_scales = newest ? 1 : 2;
    const whet_tensor *scales = !sizes ? ov_const(w, at_scales) : NULL;
    bool whole = scales && strcmp(a[1].s, "align_corners") == 0; /* counts whole sizes here, fractions of them in the graph */
    for (int i = 0; i < n && whole; i++) {
        whole = whet_tensor_numel(scales) == n && ov_dim(w, 0, (int)axes[i]) > 0;
        if (whole) size[i] = (int64_t)floor((double)ov_dim(w, 0, (int)axes[i]) * whet_tensor_get_f64(scales, i));
    }
    if (whole) in[3] = ov_make_ints(w, n, size);
    else if (!sizes) in[2] = ov_in(w, at_scales);
    else if (ov_has(w, 1) && ov_ints(w, 1, &n, size, WHET_MAX_RANK)) in[3] = ov_make_ints(w, n, size);
    else in[3] = ov_cast(w, ov_in(w, 1), WHET_S64);
    ov_out(w, 0, ov_node(w, "Resize", sizes || whole ? 4 : 3, in, n_attr, all));
}

void ov_read_grid_sample(ov_work *w)
{
    static const words modes[] = {{"bilinear", "linear"}, {"nearest", "nearest"}, {"bicubic", "cubic"}, {NULL, NULL}};
    static const words paddings[] = {{"zeros", "zeros"}, {"border", "border"}, {"reflection", "reflection"}, {NULL, NULL}};
    const whet_attr a[3] = {whet_attr_int("align_corners", ov_bool(w, "align_corners", false)),
                            whet_attr_string("mode", translate(w, "mode", "bilinear", modes)),
                            whet_attr_string("padding_mode", translate(w, "padding_mode", "zeros", paddings))};
    const whet_vid in[2] = {ov_in(w, 0), ov_in(w, 1)};
    ov_out(w, 0, ov_node(w, "GridSample", 2, in, 3, a));
}
