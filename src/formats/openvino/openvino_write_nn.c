/* SPDX-License-Identifier: Apache-2.0 */
/* Convolutions, pools, products, normalisations, reductions and resizing, written as layers. A bias is an Add behind its
 * convolution, as IR has it. */
#include "formats/openvino/openvino_readers.h"
#include "ir/window.h"

enum { SPATIAL = WHET_MAX_RANK };

static const whet_value *result(const ov_writer *w, const whet_node *n) { return &w->g->values[n->out[0]]; }

static int spatial(ov_writer *w, const whet_node *n)
{
    const int rank = ov_v(w, n, 0)->dims.rank;
    if (rank < 3) ov_refuse(w, "the rank of the input is not known");
    return WHET_MAX(rank - 2, 0);
}

static void list_attr(ov_writer *w, const whet_node *n, const char *from, const char *to, int nd, int64_t otherwise)
{
    int64_t x[SPATIAL];
    int k = whet_node_ints(n, from, x, SPATIAL);
    if (k == 0)
        for (; k < nd; k++) x[k] = otherwise;
    ov_attr_list(w, to, k, x);
}

static void window(ov_writer *w, const whet_node *n, int nd, bool dilations)
{
    int64_t pads[2 * SPATIAL] = {0};
    static const char *const names[][2] = {{"NOTSET", "explicit"}, {"VALID", "valid"}, {"SAME_UPPER", "same_upper"}, {"SAME_LOWER", "same_lower"}};
    const char *auto_pad = whet_node_string(n, "auto_pad", "NOTSET");
    whet_node_ints(n, "pads", pads, 2 * SPATIAL);
    list_attr(w, n, "strides", "strides", nd, 1);
    if (dilations) list_attr(w, n, "dilations", "dilations", nd, 1);
    ov_attr_list(w, "pads_begin", nd, pads);
    ov_attr_list(w, "pads_end", nd, pads + nd);
    for (size_t i = 0; i < WHET_COUNT(names); i++)
        if (strcmp(auto_pad, names[i][0]) == 0) ov_attr(w, "auto_pad", names[i][1]);
}

/* Input i, one number for each channel, as [1, C, 1, ...]; constants keep their bytes and names. */
static ov_ref channels(ov_writer *w, const whet_node *n, int i, int rank)
{
    const whet_tensor *half = ov_half_of(w, n->in[i]), *t = half ? half : ov_floats(w, n->in[i]);
    whet_tensor view;
    if (!t) {
        int64_t shape[WHET_MAX_RANK];
        for (int k = 0; k < rank; k++) shape[k] = k == 1 ? -1 : 1;
        return ov_reshaped(w, ov_node_in(w, n, i), rank, shape);
    }
    view = *t;
    view.shape.rank = rank;
    for (int k = 0; k < rank; k++) view.shape.dims[k] = k == 1 ? whet_tensor_numel(t) : 1;
    const char *name = ov_v(w, n, i)->name;
    return half ? ov_put_widened(w, name, NULL, &view) : ov_put_const(w, name, NULL, &view);
}

/* Bias, residual and activation behind the layer that stands open; the last of them gives the node's output. */
static void close_with(ov_writer *w, const whet_node *n, int bias, bool per_channel)
{
    const whet_value *y = result(w, n);
    const bool has_bias = ov_node_has(n, bias), has_residual = ov_node_has(n, bias + 1), after = whet_node_int(n, "residual_after", 0) != 0;
    const bool active = *whet_node_string(n, "activation", "") != '\0';
    if (!has_bias && !has_residual && !active) {
        ov_end_as(w, n);
        return;
    }
    ov_ref r = ov_end1(w, y->dtype, &y->dims, NULL);
    if (has_bias) {
        const ov_ref b = per_channel ? channels(w, n, bias, y->dims.rank) : ov_node_in(w, n, bias);
        if (!has_residual && !active) {
            ov_begin(w, "Add", 1, NULL);
            ov_attr(w, "auto_broadcast", "numpy");
            ov_input(w, r);
            ov_input(w, b);
            ov_end_as(w, n);
            return;
        }
        r = ov_binary(w, "Add", r, b);
    }
    if (has_residual && !after) r = ov_binary(w, "Add", r, ov_node_in(w, n, bias + 1));
    r = ov_activated(w, n, r);
    if (has_residual && after) r = ov_binary(w, "Add", r, ov_node_in(w, n, bias + 1));
    if (w->status == WHET_OK) { /* the last layer that was written carries the name */
        ov_is(w, n->out[0], r);
        if (whet_graph_is_output(w->g, n->out[0])) ov_reshape_as(w, r, n);
    }
}

void ov_write_conv(ov_writer *w, const whet_node *n)
{
    const int64_t group = whet_node_int(n, "group", 1);
    const int nd = spatial(w, n);
    const ov_ref x = ov_node_in(w, n, 0), f = ov_filter(w, n->in[1], group > 1 ? group : 0);
    ov_begin(w, group > 1 ? "GroupConvolution" : "Convolution", 1, n->name);
    window(w, n, nd, true);
    ov_input(w, x);
    ov_input(w, f);
    close_with(w, n, 2, true);
}

/* Pads that auto_pad or output_shape leave to be computed: IR would choose others. */
static void transposed_pads(ov_writer *w, const whet_node *n, int nd, int64_t *begin, int64_t *end)
{
    const whet_dims *x = &ov_v(w, n, 0)->dims, *f = &ov_v(w, n, 1)->dims;
    int64_t kernel[SPATIAL], extra[SPATIAL] = {0};
    whet_window v;
    for (int i = 0; i < nd; i++) kernel[i] = f->rank == nd + 2 ? f->dims[2 + i] : -1;
    if (w->status == WHET_OK) w->status = whet_window_read(n, nd, kernel, &v);
    whet_node_ints(n, "output_padding", extra, SPATIAL);
    for (int i = 0; i < nd && w->status == WHET_OK; i++) {
        const int64_t in = x->dims[2 + i], out = whet_window_out_transposed(&v, n, i, in);
        const int64_t full = (in - 1) * v.stride[i] + extra[i] + (v.k[i] - 1) * v.dil[i] + 1;
        const bool plain = !v.same_upper && !v.same_lower && !whet_node_attr(n, "output_shape");
        begin[i] = v.pad[i];
        end[i] = v.pad_end[i];
        if (!plain && (out < 0 || full - begin[i] - end[i] != out)) ov_refuse(w, "the pads that auto_pad or output_shape ask for have no form in IR");
    }
}

void ov_write_conv_transpose(ov_writer *w, const whet_node *n)
{
    const int64_t group = whet_node_int(n, "group", 1);
    const int nd = spatial(w, n);
    int64_t begin[SPATIAL] = {0}, end[SPATIAL] = {0};
    const ov_ref x = ov_node_in(w, n, 0), f = ov_filter(w, n->in[1], group > 1 ? group : 0);
    transposed_pads(w, n, nd, begin, end);
    ov_begin(w, group > 1 ? "GroupConvolutionBackpropData" : "ConvolutionBackpropData", 1, n->name);
    list_attr(w, n, "strides", "strides", nd, 1);
    list_attr(w, n, "dilations", "dilations", nd, 1);
    ov_attr_list(w, "pads_begin", nd, begin);
    ov_attr_list(w, "pads_end", nd, end);
    ov_attr(w, "auto_pad", "explicit");
    list_attr(w, n, "output_padding", "output_padding", nd, 0);
    ov_input(w, x);
    ov_input(w, f);
    close_with(w, n, 2, true);
}

/* ceil_mode as PyTorch and ONNX mean it has a name of its own since opset14. */
static const char *rounding(const whet_node *n) { return whet_node_int(n, "ceil_mode", 0) ? "ceil_torch" : "floor"; }

void ov_write_max_pool(ov_writer *w, const whet_node *n)
{
    const int nd = spatial(w, n);
    const ov_ref x = ov_node_in(w, n, 0);
    const whet_value *y = result(w, n);
    const bool indices = n->n_out > 1 && n->out[1] >= 0;
    if (indices && whet_node_int(n, "storage_order", 0)) ov_refuse(w, "storage_order 1 has no form in IR");
    ov_begin(w, "MaxPool", whet_node_int(n, "ceil_mode", 0) ? 14 : 8, n->name);
    window(w, n, nd, true);
    list_attr(w, n, "kernel_shape", "kernel", nd, 1);
    ov_attr(w, "rounding_type", rounding(n));
    ov_attr(w, "index_element_type", "i64");
    ov_attr_int(w, "axis", 0);
    ov_input(w, x);
    const ov_output out[2] = {{y->dtype, y->dims, y->name}, {WHET_S64, y->dims, indices ? w->g->values[n->out[1]].name : NULL}};
    const ov_ref r = ov_end(w, 2, out);
    ov_is(w, n->out[0], r);
    if (indices) ov_is(w, n->out[1], (ov_ref){r.layer, 1});
}

void ov_write_avg_pool(ov_writer *w, const whet_node *n)
{
    const int nd = spatial(w, n);
    int64_t d[SPATIAL];
    const ov_ref x = ov_node_in(w, n, 0);
    bool dilated = false;
    for (int i = whet_node_ints(n, "dilations", d, SPATIAL); i-- > 0;) dilated |= d[i] != 1;
    ov_begin(w, "AvgPool", dilated ? 16 : whet_node_int(n, "ceil_mode", 0) ? 14 : 1, n->name);
    window(w, n, nd, dilated);
    list_attr(w, n, "kernel_shape", "kernel", nd, 1);
    ov_attr_bool(w, "exclude-pad", whet_node_int(n, "count_include_pad", 0) == 0);
    ov_attr(w, "rounding_type", rounding(n));
    ov_input(w, x);
    ov_end_as(w, n);
}

/* --- reductions */

static void reduce_as(ov_writer *w, const whet_node *n, const char *type, int opset, ov_ref x, int n_axes, const int64_t *axes, bool keep)
{
    const ov_ref a = ov_put_ints(w, n_axes, axes);
    ov_begin(w, type, opset, n->name);
    ov_attr_bool(w, "keep_dims", keep);
    ov_input(w, x);
    ov_input(w, a);
    ov_end_as(w, n);
}

static ov_ref reduced(ov_writer *w, const char *type, ov_ref x, int n_axes, const int64_t *axes, bool keep)
{
    const ov_output d = *ov_shape_of(w, x);
    const ov_ref a = ov_put_ints(w, n_axes, axes);
    whet_dims y = {.rank = 0};
    for (int i = 0; i < d.dims.rank; i++) {
        bool gone = false;
        for (int k = 0; k < n_axes; k++) gone |= (axes[k] < 0 ? axes[k] + d.dims.rank : axes[k]) == i;
        if (!gone || keep) y.dims[y.rank++] = gone ? 1 : d.dims.dims[i];
    }
    ov_begin(w, type, 1, NULL);
    ov_attr_bool(w, "keep_dims", keep);
    ov_input(w, x);
    ov_input(w, a);
    return ov_end1(w, d.dtype, &y, NULL);
}

/* Axes of a reduction; -1: nothing is reduced. */
static int reduced_axes(ov_writer *w, const whet_node *n, int64_t *axes)
{
    const whet_tensor *t = ov_tensor(w, n, 1);
    const int rank = ov_v(w, n, 0)->dims.rank;
    const int64_t given = t ? whet_tensor_numel(t) : 0;
    if (ov_node_has(n, 1) && !t) ov_refuse(w, "axes that are not constant have no form in IR");
    if (rank < 0) ov_refuse(w, "the rank of the input is not known");
    if (w->status != WHET_OK) return 0;
    if (given == 0 && whet_node_int(n, "noop_with_empty_axes", 0)) return -1;
    for (int i = 0; i < rank && given == 0; i++) axes[i] = i;
    for (int64_t i = 0; i < given && i < WHET_MAX_RANK; i++) axes[i] = whet_tensor_get_s64(t, i);
    return given ? (int)given : rank;
}

void ov_write_reduce(ov_writer *w, const whet_node *n)
{
    int64_t axes[WHET_MAX_RANK];
    const int k = reduced_axes(w, n, axes);
    const ov_row *row = ov_row_for_writing(n->op->name);
    const ov_ref x = ov_node_in(w, n, 0);
    if (k < 0) ov_reshape_as(w, x, n);
    else reduce_as(w, n, row->type, row->first, x, k, axes, whet_node_int(n, "keepdims", 1) != 0);
}

void ov_write_reduce_after(ov_writer *w, const whet_node *n)
{
    int64_t axes[WHET_MAX_RANK];
    const int k = reduced_axes(w, n, axes);
    const bool keep = whet_node_int(n, "keepdims", 1) != 0;
    ov_ref x = ov_node_in(w, n, 0);
    if (k < 0) ov_refuse(w, "empty axes have no form in IR");
    if (w->status != WHET_OK) return;
    if (whet_node_is(n, "ReduceSumSquare")) {
        reduce_as(w, n, "ReduceSum", 1, ov_binary(w, "Multiply", x, x), k, axes, keep);
        return;
    }
    if (whet_node_is(n, "ReduceLogSumExp")) x = ov_unary(w, "Exp", 1, x);
    ov_unary_as(w, "Log", 1, reduced(w, "ReduceSum", x, k, axes, keep), n);
}

void ov_write_global_pool(ov_writer *w, const whet_node *n)
{
    int64_t axes[WHET_MAX_RANK];
    const int nd = spatial(w, n);
    for (int i = 0; i < nd; i++) axes[i] = 2 + i;
    reduce_as(w, n, whet_node_is(n, "GlobalMaxPool") ? "ReduceMax" : "ReduceMean", 1, ov_node_in(w, n, 0), nd, axes, true);
}

/* --- products */

void ov_write_matmul(ov_writer *w, const whet_node *n)
{
    const ov_ref a = ov_node_in(w, n, 0), b = ov_node_in(w, n, 1);
    ov_begin(w, "MatMul", 1, n->name);
    ov_attr_bool(w, "transpose_a", false);
    ov_attr_bool(w, "transpose_b", false);
    ov_input(w, a);
    ov_input(w, b);
    ov_end_as(w, n);
}

void ov_write_gemm(ov_writer *w, const whet_node *n)
{
    const whet_value *y = result(w, n);
    const double alpha = (double)whet_node_float(n, "alpha", 1), beta = (double)whet_node_float(n, "beta", 1);
    const ov_ref a = ov_node_in(w, n, 0), b = ov_node_in(w, n, 1);
    const bool plain = alpha == 1 && (beta == 1 || !ov_node_has(n, 2));
    ov_begin(w, "MatMul", 1, n->name);
    ov_attr_bool(w, "transpose_a", whet_node_int(n, "transA", 0) != 0);
    ov_attr_bool(w, "transpose_b", whet_node_int(n, "transB", 0) != 0);
    ov_input(w, a);
    ov_input(w, b);
    if (plain) {
        close_with(w, n, 2, false);
        return;
    }
    ov_ref r = ov_end1(w, y->dtype, &y->dims, NULL);
    if (*whet_node_string(n, "activation", "")) ov_refuse(w, "factors with an activation have no form in IR; write the graph before it is lowered");
    if (!ov_node_has(n, 2)) {
        ov_binary_as(w, "Multiply", r, ov_put_scalar(w, y->dtype, alpha), n);
        return;
    }
    if (alpha != 1) r = ov_binary(w, "Multiply", r, ov_put_scalar(w, y->dtype, alpha));
    ov_ref c = ov_node_in(w, n, 2);
    if (beta != 1) c = ov_binary(w, "Multiply", c, ov_put_scalar(w, y->dtype, beta));
    ov_binary_as(w, "Add", r, c, n);
}

/* --- normalisations */

void ov_write_batch_norm(ov_writer *w, const whet_node *n)
{
    ov_ref in[5];
    if (whet_node_int(n, "training_mode", 0)) ov_refuse(w, "training mode has no form in IR; freeze the graph");
    for (int i = 0; i < 5; i++) in[i] = ov_node_in(w, n, i);
    ov_begin(w, "BatchNormInference", 5, n->name);
    ov_attr_number(w, "epsilon", (double)whet_node_float(n, "epsilon", 1e-5f));
    for (int i = 0; i < 5; i++) ov_input(w, in[i]);
    const whet_value *y = result(w, n);
    ov_is(w, n->out[0], ov_end1(w, y->dtype, &y->dims, y->name));
}

static ov_ref mvn(ov_writer *w, const whet_node *n, ov_ref x, int first)
{
    const whet_value *v = ov_v(w, n, 0);
    int64_t axes[WHET_MAX_RANK];
    int k = 0;
    for (int i = first; i < v->dims.rank; i++) axes[k++] = i;
    const ov_ref a = ov_put_ints(w, k, axes);
    ov_begin(w, "MVN", 6, NULL);
    ov_attr_number(w, "eps", (double)whet_node_float(n, "epsilon", 1e-5f));
    ov_attr_bool(w, "normalize_variance", true);
    ov_attr(w, "eps_mode", "INSIDE_SQRT");
    ov_input(w, x);
    ov_input(w, a);
    return ov_end1(w, v->dtype, &v->dims, NULL);
}

static int norm_axis(ov_writer *w, const whet_node *n)
{
    const int rank = ov_v(w, n, 0)->dims.rank;
    const int64_t axis = whet_node_int(n, "axis", -1);
    if (rank < 1) ov_refuse(w, "the rank of the input is not known");
    for (int i = 1; i < n->n_out; i++)
        if (n->out[i] >= 0 && w->uses[n->out[i]]) ov_refuse(w, "output %d has no form in IR", i);
    return (int)(axis < 0 ? axis + rank : axis);
}

static bool all_ones(const whet_tensor *t)
{
    for (int64_t i = 0; t && i < whet_tensor_numel(t); i++)
        if (whet_tensor_get_f64(t, i) != 1) return false;
    return t != NULL;
}

/* The last of several layers that gives the node's first output. */
static void last(ov_writer *w, const whet_node *n, const char *type, ov_ref a, ov_ref b)
{
    const whet_value *y = result(w, n);
    ov_begin(w, type, 1, NULL);
    ov_attr(w, "auto_broadcast", "numpy");
    ov_input(w, a);
    ov_input(w, b);
    ov_is(w, n->out[0], ov_end1(w, y->dtype, &y->dims, y->name));
}

void ov_write_layer_norm(ov_writer *w, const whet_node *n)
{
    const int axis = norm_axis(w, n);
    ov_ref r = mvn(w, n, ov_node_in(w, n, 0), axis);
    const bool bias = ov_node_has(n, 2);
    if (all_ones(ov_tensor(w, n, 1)) && !bias && !whet_graph_is_output(w->g, n->out[0])) {
        ov_is(w, n->out[0], r);
        return;
    }
    if (!bias) {
        last(w, n, "Multiply", r, ov_node_in(w, n, 1));
        return;
    }
    if (!all_ones(ov_tensor(w, n, 1))) r = ov_binary(w, "Multiply", r, ov_node_in(w, n, 1));
    last(w, n, "Add", r, ov_node_in(w, n, 2));
}

void ov_write_instance_norm(ov_writer *w, const whet_node *n)
{
    const int rank = ov_v(w, n, 0)->dims.rank;
    if (rank < 3) ov_refuse(w, "the rank of the input is not known");
    const ov_ref r = mvn(w, n, ov_node_in(w, n, 0), 2);
    last(w, n, "Add", ov_binary(w, "Multiply", r, channels(w, n, 1, rank)), channels(w, n, 2, rank));
}

void ov_write_rms_norm(ov_writer *w, const whet_node *n)
{
    int64_t axes[WHET_MAX_RANK];
    const int axis = norm_axis(w, n), rank = ov_v(w, n, 0)->dims.rank;
    const whet_dtype t = ov_v(w, n, 0)->dtype;
    const ov_ref x = ov_node_in(w, n, 0);
    for (int i = axis; i < rank; i++) axes[i - axis] = i;
    const ov_ref mean = reduced(w, "ReduceMean", ov_binary(w, "Multiply", x, x), rank - axis, axes, true);
    const ov_ref s = ov_unary(w, "Sqrt", 1, ov_binary(w, "Add", mean, ov_put_scalar(w, t, (double)whet_node_float(n, "epsilon", 1e-5f))));
    last(w, n, "Multiply", ov_binary(w, "Divide", x, s), ov_node_in(w, n, 1));
}

void ov_write_group_norm(ov_writer *w, const whet_node *n)
{
    const ov_ref x = ov_node_in(w, n, 0), s = ov_node_in(w, n, 1), b = ov_node_in(w, n, 2);
    ov_begin(w, "GroupNormalization", 12, n->name);
    ov_attr_int(w, "num_groups", whet_node_int(n, "num_groups", 1));
    ov_attr_number(w, "epsilon", (double)whet_node_float(n, "epsilon", 1e-5f));
    ov_input(w, x);
    ov_input(w, s);
    ov_input(w, b);
    ov_end_as(w, n);
}

void ov_write_lrn(ov_writer *w, const whet_node *n)
{
    const ov_ref x = ov_node_in(w, n, 0), axes = ov_put_ints(w, 1, (const int64_t[]){1});
    ov_begin(w, "LRN", 1, n->name);
    ov_attr_number(w, "alpha", (double)whet_node_float(n, "alpha", 1e-4f));
    ov_attr_number(w, "beta", (double)whet_node_float(n, "beta", 0.75f));
    ov_attr_number(w, "bias", (double)whet_node_float(n, "bias", 1));
    ov_attr_int(w, "size", whet_node_int(n, "size", 1));
    ov_input(w, x);
    ov_input(w, axes);
    ov_end_as(w, n);
}

/* --- resizing */

static bool empty(const whet_value *v) { return !v || (v->dims.rank == 1 && v->dims.dims[0] == 0); }

/* Scales, or sizes, of the axes that change. */
static ov_ref resize_to(ov_writer *w, const whet_node *n, bool sizes, int64_t *axes, int *n_axes)
{
    const whet_dims *x = &ov_v(w, n, 0)->dims, *y = &result(w, n)->dims;
    const whet_tensor *t = ov_tensor(w, n, sizes ? 3 : 2);
    int64_t given[WHET_MAX_RANK], size[WHET_MAX_RANK];
    whet_tensor scales;
    int k = whet_node_ints(n, "axes", given, WHET_MAX_RANK), m = 0;
    if (k == 0)
        for (; k < x->rank; k++) given[k] = k;
    for (int i = 0; i < k; i++) given[i] += given[i] < 0 ? x->rank : 0;
    if (!t) {
        if (!sizes && strcmp(whet_node_string(n, "coordinate_transformation_mode", ""), "align_corners") == 0)
            ov_refuse(w, "align_corners with scales that are computed has no equal form in IR; give sizes");
        for (int i = 0; i < k; i++) axes[i] = given[i];
        *n_axes = k;
        return ov_node_in(w, n, sizes ? 3 : 2);
    }
    const whet_shape all = WHET_SHAPE(k);
    if (ov_new_tensor(w, &scales, WHET_F32, &all) != WHET_OK) return (ov_ref){-1, 0};
    for (int i = 0; i < k; i++) {
        const double s = sizes ? 0 : whet_tensor_get_f64(t, i);
        const int a = (int)given[i];
        const double exact = s * (double)x->dims[a];
        if (!sizes && x->dims[a] > 0 && exact != floor(exact) && strcmp(whet_node_string(n, "coordinate_transformation_mode", ""), "align_corners") == 0)
            ov_refuse(w, "align_corners with a scale that gives no whole size has no equal form in IR; give sizes");
        if (sizes ? x->dims[a] == y->dims[a] && x->dims[a] >= 0 : s == 1) continue;
        axes[m] = a;
        size[m] = sizes ? whet_tensor_get_s64(t, i) : 0;
        ((float *)scales.data)[m++] = (float)s;
    }
    *n_axes = m;
    scales.shape = WHET_SHAPE(m);
    return sizes ? ov_put_ints(w, m, size) : ov_put_const(w, "scales", NULL, &scales);
}

void ov_write_resize(ov_writer *w, const whet_node *n)
{
    const char *mode = whet_node_string(n, "mode", "nearest"), *coords = whet_node_string(n, "coordinate_transformation_mode", "half_pixel");
    const bool sizes = !empty(ov_v(w, n, 3));
    const bool half = w->half;
    int64_t axes[WHET_MAX_RANK];
    int k = 0;
    if (strcmp(coords, "tf_crop_and_resize") == 0 || strcmp(coords, "half_pixel_symmetric") == 0)
        ov_refuse(w, "coordinate_transformation_mode '%s' has no form in IR", coords);
    if (whet_node_int(n, "antialias", 0)) ov_refuse(w, "antialias has no equal form in IR");
    if (whet_node_int(n, "exclude_outside", 0)) ov_refuse(w, "exclude_outside has no form in IR");
    if (strcmp(whet_node_string(n, "keep_aspect_ratio_policy", "stretch"), "stretch") != 0) ov_refuse(w, "keep_aspect_ratio_policy has no form in IR");
    if (w->status != WHET_OK) return;
    const ov_ref x = ov_node_in(w, n, 0);
    w->half = false; /* scales stay exact */
    const ov_ref to = resize_to(w, n, sizes, axes, &k);
    w->half = half;
    if (k == 0 && w->status == WHET_OK) {
        ov_reshape_as(w, x, n);
        return;
    }
    const ov_ref a = ov_put_ints(w, k, axes);
    ov_begin(w, "Interpolate", 11, n->name);
    ov_attr(w, "mode", strcmp(mode, "linear") == 0 ? "linear_onnx" : mode);
    ov_attr(w, "shape_calculation_mode", sizes ? "sizes" : "scales");
    ov_attr(w, "coordinate_transformation_mode", coords);
    ov_attr(w, "nearest_mode", whet_node_string(n, "nearest_mode", "round_prefer_floor"));
    ov_attr_bool(w, "antialias", false);
    ov_attr(w, "pads_begin", "0");
    ov_attr(w, "pads_end", "0");
    ov_attr_number(w, "cube_coeff", (double)whet_node_float(n, "cubic_coeff_a", -0.75f));
    ov_input(w, x);
    ov_input(w, to);
    ov_input(w, a);
    ov_end_as(w, n);
}

void ov_write_grid_sample(ov_writer *w, const whet_node *n)
{
    const char *mode = whet_node_string(n, "mode", "linear");
    const ov_ref x = ov_node_in(w, n, 0), grid = ov_node_in(w, n, 1);
    if (ov_v(w, n, 0)->dims.rank != 4) ov_refuse(w, "what is no image has no form in IR");
    ov_begin(w, "GridSample", 9, n->name);
    ov_attr_bool(w, "align_corners", whet_node_int(n, "align_corners", 0) != 0);
    ov_attr(w, "mode", strcmp(mode, "linear") == 0 ? "bilinear" : strcmp(mode, "cubic") == 0 ? "bicubic" : "nearest");
    ov_attr(w, "padding_mode", whet_node_string(n, "padding_mode", "zeros"));
    ov_input(w, x);
    ov_input(w, grid);
    ov_end_as(w, n);
}
