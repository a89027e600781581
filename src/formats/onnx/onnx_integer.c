/* SPDX-License-Identifier: Apache-2.0 */
/* Operators on integers as graphs of others, after their definitions: QLinearMatMul and QLinearConv as dequantise, compute,
 * quantise; MatMulInteger and ConvInteger in f32 where that holds their sums exactly, if need be in parts, else in f64;
 * DynamicQuantizeLinear. */
#include "formats/onnx/onnx_expand.h"
#include "formats/onnx/onnx_upgrade.h"

#define MAX_PARTS 8 /* of a product whose sums are too large for f32 */

static onnx_builder begin(onnx_reader *r, onnx_work *w, int n_in)
{
    onnx_builder b = {r->g, w, WHET_OK, r};
    for (int i = 0; i < n_in; i++)
        if (onnx_b_in(&b, i) < 0) onnx_b_fail(&b, WHET_EFORMAT, "required input %d is missing", i);
    return b;
}

static whet_vid scaled(onnx_builder *b, const char *op, whet_vid x, whet_vid scale, whet_vid zero, int64_t axis)
{
    const whet_attr a = whet_attr_int("axis", axis);
    return onnx_b_node(b, op, zero >= 0 ? 3 : 2, (const whet_vid[]){x, scale, zero}, 1, &a);
}

static whet_vid scale_of(onnx_builder *b, int i) { return onnx_b_cast(b, onnx_b_in(b, i), WHET_F32); }

whet_status onnx_upgrade_qlinear_matmul(onnx_reader *r, onnx_work *w)
{
    onnx_builder b = begin(r, w, 8);
    onnx_b_attrs(&b, "");
    const whet_vid x = scaled(&b, "DequantizeLinear", onnx_b_in(&b, 0), scale_of(&b, 1), onnx_b_in(&b, 2), -2);
    const whet_vid y = scaled(&b, "DequantizeLinear", onnx_b_in(&b, 3), scale_of(&b, 4), onnx_b_in(&b, 5), -1);
    onnx_b_out(&b, 0, scaled(&b, "QuantizeLinear", onnx_b_op2(&b, "MatMul", x, y), scale_of(&b, 6), onnx_b_in(&b, 7), -2));
    return onnx_b_done(&b);
}

whet_status onnx_upgrade_qlinear_conv(onnx_reader *r, onnx_work *w)
{
    onnx_builder b = begin(r, w, 8);
    onnx_b_attrs(&b, "auto_pad dilations group kernel_shape pads strides");
    const whet_vid xs = scale_of(&b, 1), ws = scale_of(&b, 4);
    const whet_vid x = scaled(&b, "DequantizeLinear", onnx_b_in(&b, 0), xs, onnx_b_in(&b, 2), 1);
    const whet_vid v = scaled(&b, "DequantizeLinear", onnx_b_in(&b, 3), ws, onnx_b_in(&b, 5), 0);
    whet_vid in[3] = {x, v, onnx_b_in(&b, 8)};
    if (in[2] >= 0) in[2] = scaled(&b, "DequantizeLinear", in[2], onnx_b_scales(&b, xs, ws), WHET_NO_VALUE, 0);
    const whet_vid y = onnx_b_node(&b, "Conv", in[2] >= 0 ? 3 : 2, in, w->n_attr, w->attr);
    onnx_b_out(&b, 0, scaled(&b, "QuantizeLinear", y, scale_of(&b, 6), onnx_b_in(&b, 7), 1));
    return onnx_b_done(&b);
}

/* Sums of integers are exact in f32 below 2^24: what the largest column or filter of constant weights can come to, from
 * `begin` to `end` of what is summed. */
static bool fits_f32(const whet_tensor *w, const whet_tensor *z, bool filters, int64_t columns, int64_t begin, int64_t end)
{
    const int64_t inner = whet_tensor_numel(w) / columns, points = z != NULL ? whet_tensor_numel(z) : 0;
    for (int64_t c = 0; c < columns; c++) {
        const int64_t point = points == 0 ? 0 : whet_tensor_get_s64(z, points == columns ? c : 0);
        int64_t sum = 0;
        for (int64_t k = begin; k < end; k++) {
            const int64_t x = whet_tensor_get_s64(w, filters ? c * inner + k : k * columns + c) - point;
            sum += x < 0 ? -x : x;
        }
        if (sum >= (1 << 24) / 255) return false;
    }
    return true;
}

/* Into how many parts of the summed axis (channels of the input, rows of the matrix) the product must be cut for f32; 0: f64. */
static int f32_parts(const onnx_builder *b, int weights, int zero, bool filters, bool cut)
{
    const whet_vid zv = onnx_b_in(b, zero), wv = onnx_b_in(b, weights);
    const whet_tensor *w = wv >= 0 ? whet_graph_const_data(b->g, wv) : NULL, *z = zv >= 0 ? whet_graph_const_data(b->g, zv) : NULL;
    if (w == NULL || (zv >= 0 && z == NULL) || w->shape.rank < 2 || whet_tensor_numel(w) == 0) return 0;
    const int64_t columns = filters ? w->shape.dims[0] : w->shape.dims[w->shape.rank - 1], inner = whet_tensor_numel(w) / columns;
    const int64_t length = filters ? w->shape.dims[1] : inner, each = inner / length;
    for (int n = 1; n <= (cut && (filters || w->shape.rank == 2) ? MAX_PARTS : 1) && n <= length; n++) {
        bool fits = true;
        for (int i = 0; i < n && fits; i++) fits = fits_f32(w, z, filters, columns, length * i / n * each, length * (i + 1) / n * each);
        if (fits) return n;
    }
    return 0;
}

/* Input i less its zero point, as a dequantisation by 1. A zero point that is not a single number belongs to `axis`. */
static whet_vid shifted(onnx_builder *b, int i, int zero, int64_t axis, whet_dtype t)
{
    const whet_vid x = onnx_b_in(b, i), z = onnx_b_in(b, zero);
    const whet_dim n = z >= 0 && onnx_b_rank(b, z) == 1 ? onnx_b_dim(b, z, 0) : 1;
    whet_tensor ones;
    whet_vid scale = WHET_NO_VALUE;
    const whet_shape shape = n == 1 ? whet_shape_of(0, NULL) : WHET_SHAPE(n);
    if (n < 1) onnx_b_fail(b, WHET_EUNSUPPORTED, "a zero point of unknown size is not handled");
    if (z >= 0 && onnx_b_rank(b, z) > 1) onnx_b_fail(b, WHET_EUNSUPPORTED, "a zero point of rank %d is not handled", onnx_b_rank(b, z));
    if (b->status != WHET_OK) return WHET_NO_VALUE;
    whet_tensor_init(&ones);
    b->status = whet_tensor_alloc(&ones, t, &shape);
    for (int64_t k = 0; b->status == WHET_OK && k < n; k++) whet_tensor_set_f64(&ones, k, 1);
    if (b->status == WHET_OK) b->status = whet_graph_const(b->g, NULL, &ones, &scale);
    whet_tensor_dispose(&ones);
    return scaled(b, "DequantizeLinear", x, scale, z, axis);
}

/* op(x, w) as s32, in f32 as the sum of `parts` products along axis `ax` of x and `aw` of w, or in f64 (parts 0). */
static whet_vid integer_product(onnx_builder *b, const char *op, whet_vid x, whet_vid w, int parts, int64_t ax, int64_t aw)
{
    const int64_t length = b->status == WHET_OK && parts > 1 ? onnx_b_dim(b, w, (int)aw) : 0;
    whet_vid sum = WHET_NO_VALUE;
    for (int i = 0; i < WHET_MAX(parts, 1); i++) {
        const int64_t from = length * i / WHET_MAX(parts, 1), to = length * (i + 1) / WHET_MAX(parts, 1);
        const whet_vid in[2] = {parts > 1 ? onnx_b_slice(b, x, ax, from, to, 1) : x, parts > 1 ? onnx_b_slice(b, w, aw, from, to, 1) : w};
        const whet_vid y = onnx_b_cast(b, onnx_b_node(b, op, 2, in, b->w->n_attr, b->w->attr), WHET_S32);
        sum = i == 0 ? y : onnx_b_op2(b, "Add", sum, y);
    }
    return sum;
}

whet_status onnx_upgrade_matmul_integer(onnx_reader *r, onnx_work *w)
{
    onnx_builder b = begin(r, w, 2);
    onnx_b_attrs(&b, "");
    const int rank = onnx_b_rank(&b, onnx_b_in(&b, 0)), parts = f32_parts(&b, 1, 3, false, rank > 0);
    const whet_dtype t = parts > 0 ? WHET_F32 : WHET_F64;
    const whet_vid x = shifted(&b, 0, 2, -2, t), y = shifted(&b, 1, 3, -1, t);
    onnx_b_out(&b, 0, integer_product(&b, "MatMul", x, y, parts, rank - 1, 0));
    return onnx_b_done(&b);
}

whet_status onnx_upgrade_conv_integer(onnx_reader *r, onnx_work *w)
{
    onnx_builder b = begin(r, w, 2);
    onnx_b_attrs(&b, "auto_pad dilations group kernel_shape pads strides");
    const int parts = f32_parts(&b, 1, 3, true, onnx_work_int(w, "group", 1) == 1);
    const whet_dtype t = parts > 0 ? WHET_F32 : WHET_F64;
    const whet_vid x = shifted(&b, 0, 2, 1, t), y = shifted(&b, 1, 3, 0, t);
    onnx_b_out(&b, 0, integer_product(&b, "Conv", x, y, parts, 1, 1));
    return onnx_b_done(&b);
}

whet_status onnx_upgrade_dynamic_quantize(onnx_reader *r, onnx_work *w)
{
    onnx_builder b = begin(r, w, 1);
    const whet_attr flat = whet_attr_int("keepdims", 0);
    const whet_vid x = onnx_b_in(&b, 0), zero = onnx_b_number(&b, x, 0), top = onnx_b_number(&b, x, 255);
    onnx_b_attrs(&b, "");
    const whet_vid low = onnx_b_op2(&b, "Min", zero, onnx_b_node(&b, "ReduceMin", 1, &x, 1, &flat));
    const whet_vid high = onnx_b_op2(&b, "Max", zero, onnx_b_node(&b, "ReduceMax", 1, &x, 1, &flat));
    const whet_vid scale = onnx_b_op2(&b, "Div", onnx_b_op2(&b, "Sub", high, low), top);
    const whet_vid at = onnx_b_op1(&b, "Round", onnx_b_op2(&b, "Div", onnx_b_op2(&b, "Sub", zero, low), scale));
    const whet_vid point = onnx_b_cast(&b, onnx_b_node(&b, "Clip", 3, (const whet_vid[]){at, zero, top}, 0, NULL), WHET_U8);
    onnx_b_out(&b, 0, scaled(&b, "QuantizeLinear", x, scale, point, 1));
    if (w->n_out > 1) onnx_b_out(&b, 1, scale);
    if (w->n_out > 2) onnx_b_out(&b, 2, point);
    return onnx_b_done(&b);
}

/* Integers are resized as numbers and cut to whole ones towards zero, as ONNX Runtime does it; cubic filters overshoot. */
whet_status onnx_resize_integers(onnx_reader *r, onnx_work *w)
{
    onnx_builder b = {r->g, w, WHET_OK, r};
    const whet_vid x = onnx_b_in(&b, 0);
    const whet_dtype t = onnx_b_dtype(&b, x);
    const whet_attr *mode = onnx_work_attr(w, "mode");
    if (t != WHET_U8 && t != WHET_S8 && t != WHET_S32) return WHET_OK;
    onnx_b_attrs(&b, "antialias axes coordinate_transformation_mode cubic_coeff_a exclude_outside extrapolation_value keep_aspect_ratio_policy mode nearest_mode");
    w->in[0] = onnx_b_cast(&b, x, WHET_F32);
    whet_vid y = onnx_b_node(&b, "Resize", w->n_in, w->in, w->n_attr, w->attr);
    if (mode && mode->type == WHET_ATTR_STRING && strcmp(mode->s, "cubic") == 0 && t != WHET_S32) {
        const double low = t == WHET_U8 ? 0 : -128;
        const whet_vid in[3] = {y, onnx_b_number(&b, y, low), onnx_b_number(&b, y, low + 255)};
        y = onnx_b_node(&b, "Clip", 3, in, 0, NULL);
    }
    onnx_b_out(&b, 0, onnx_b_cast(&b, y, t));
    return onnx_b_done(&b);
}
