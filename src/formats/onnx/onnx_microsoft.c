/* SPDX-License-Identifier: Apache-2.0 */
/* Operators of the domain com.microsoft that ONNX Runtime's quantiser writes: dequantise, compute, quantise. Source:
 * ContribOperators.md of the ONNX Runtime project. All other operators of other domains are refused by name. */
#include "formats/onnx/onnx_expand.h"
#include "formats/onnx/onnx_microsoft.h"

static onnx_builder begin(onnx_reader *r, onnx_work *w, int n_in)
{
    onnx_builder b = {r->g, w, WHET_OK, r};
    for (int i = 0; i < n_in; i++)
        if (onnx_b_in(&b, i) < 0 && i != 2) onnx_b_fail(&b, WHET_EFORMAT, "required input %d is missing", i);
    return b;
}

static whet_vid dequantised(onnx_builder *b, int x, int scale, int zero, int64_t axis)
{
    const whet_attr a = whet_attr_int("axis", axis);
    const whet_vid in[3] = {onnx_b_in(b, x), onnx_b_in(b, scale), onnx_b_in(b, zero)};
    return onnx_b_node(b, "DequantizeLinear", in[2] >= 0 ? 3 : 2, in, 1, &a);
}

/* Without a zero point the result has the type of the first input. */
static whet_vid quantised(onnx_builder *b, whet_vid y, int scale, int zero)
{
    const whet_attr t = whet_attr_int("output_dtype", whet_dtype_to_onnx(onnx_b_dtype(b, onnx_b_in(b, 0))));
    const whet_vid in[3] = {y, onnx_b_in(b, scale), onnx_b_in(b, zero)};
    return onnx_b_node(b, "QuantizeLinear", in[2] >= 0 ? 3 : 2, in, in[2] >= 0 ? 0 : 1, &t);
}

static whet_status two(onnx_reader *r, onnx_work *w, const char *op)
{
    onnx_builder b = begin(r, w, 2);
    onnx_b_attrs(&b, "");
    if (onnx_b_in(&b, 3) < 0 || onnx_b_in(&b, 4) < 0 || onnx_b_in(&b, 6) < 0) onnx_b_fail(&b, WHET_EFORMAT, "an input or a scale is missing");
    const whet_vid y = onnx_b_op2(&b, op, dequantised(&b, 0, 1, 2, 1), dequantised(&b, 3, 4, 5, 1));
    onnx_b_out(&b, 0, quantised(&b, y, 6, 7));
    return onnx_b_done(&b);
}

static whet_status add(onnx_reader *r, onnx_work *w) { return two(r, w, "Add"); }
static whet_status mul(onnx_reader *r, onnx_work *w) { return two(r, w, "Mul"); }

/* (x, scale, zero point, y's scale, y's zero point) with the attributes of the operator in between. */
static whet_status one(onnx_reader *r, onnx_work *w, const char *op, const char *attrs)
{
    onnx_builder b = begin(r, w, 4);
    onnx_b_attrs(&b, attrs);
    const whet_vid x = dequantised(&b, 0, 1, 2, 1);
    onnx_b_out(&b, 0, quantised(&b, onnx_b_node(&b, op, 1, &x, w->n_attr, w->attr), 3, 4));
    return onnx_b_done(&b);
}

static whet_status sigmoid(onnx_reader *r, onnx_work *w) { return one(r, w, "Sigmoid", ""); }
static whet_status leaky_relu(onnx_reader *r, onnx_work *w) { return one(r, w, "LeakyRelu", "alpha"); }

/* Pools may say that their image lies channels-last. */
static whet_status pool(onnx_reader *r, onnx_work *w, const char *op, const char *attrs)
{
    static const int64_t first[4] = {0, 3, 1, 2}, last[4] = {0, 2, 3, 1};
    const bool nhwc = onnx_work_int(w, "channels_last", 0) != 0;
    onnx_builder b = begin(r, w, 4);
    onnx_work_drop(w, "channels_last");
    onnx_b_attrs(&b, attrs);
    whet_vid x = dequantised(&b, 0, 1, 2, 1);
    if (nhwc && onnx_b_rank(&b, x) != 4) onnx_b_fail(&b, WHET_EUNSUPPORTED, "channels_last with rank %d is not handled", onnx_b_rank(&b, x));
    if (nhwc) x = onnx_b_transpose(&b, x, 4, first);
    whet_vid y = onnx_b_node(&b, op, 1, &x, w->n_attr, w->attr);
    if (nhwc) y = onnx_b_transpose(&b, y, 4, last);
    onnx_b_out(&b, 0, quantised(&b, y, 3, 4));
    return onnx_b_done(&b);
}

static whet_status global_average_pool(onnx_reader *r, onnx_work *w) { return pool(r, w, "GlobalAveragePool", ""); }

static whet_status average_pool(onnx_reader *r, onnx_work *w)
{
    return pool(r, w, "AveragePool", "auto_pad ceil_mode count_include_pad kernel_shape pads strides");
}

/* `opset` says which Softmax is meant: before 13 the input is made two-dimensional at `axis`. */
static whet_status softmax(onnx_reader *r, onnx_work *w)
{
    const int64_t opset = onnx_work_int(w, "opset", 13), axis = onnx_work_int(w, "axis", opset < 13 ? 1 : -1);
    onnx_builder b = begin(r, w, 4);
    onnx_b_attrs(&b, "axis opset");
    whet_vid x = dequantised(&b, 0, 1, 2, 1);
    const int rank = onnx_b_rank(&b, x);
    const bool flat = opset < 13 && axis != -1 && axis != rank - 1;
    const whet_attr at = whet_attr_int("axis", flat ? -1 : axis), cut = whet_attr_int("axis", axis);
    const whet_vid shape = flat ? onnx_b_op1(&b, "Shape", x) : WHET_NO_VALUE;
    if (flat) x = onnx_b_node(&b, "Flatten", 1, &x, 1, &cut);
    whet_vid y = onnx_b_node(&b, "Softmax", 1, &x, 1, &at);
    if (flat) y = onnx_b_op2(&b, "Reshape", y, shape);
    onnx_b_out(&b, 0, quantised(&b, y, 3, 4));
    return onnx_b_done(&b);
}

/* (y's scale, y's zero point, then x, scale, zero point of each) */
static whet_status concat(onnx_reader *r, onnx_work *w)
{
    onnx_builder b = {r->g, w, WHET_OK, r};
    const int n = (w->n_in - 2) / 3;
    whet_vid *x = whet_arena_alloc(r->arena, ((size_t)WHET_MAX(n, 0) + 1) * sizeof(*x));
    onnx_b_attrs(&b, "axis");
    if (!x) return WHET_ENOMEM;
    if (n < 1 || w->n_in != 2 + 3 * n) onnx_b_fail(&b, WHET_EFORMAT, "%d inputs; 2 and 3 for each part are wanted", w->n_in);
    for (int i = 0; i < w->n_in; i++)
        if (w->in[i] < 0) onnx_b_fail(&b, WHET_EFORMAT, "required input %d is missing", i);
    for (int i = 0; b.status == WHET_OK && i < n; i++) x[i] = dequantised(&b, 2 + 3 * i, 3 + 3 * i, 4 + 3 * i, 1);
    const whet_vid y = onnx_b_node(&b, "Concat", n, x, w->n_attr, w->attr);
    const whet_vid in[3] = {y, onnx_b_in(&b, 0), onnx_b_in(&b, 1)};
    onnx_b_out(&b, 0, onnx_b_node(&b, "QuantizeLinear", 3, in, 0, NULL));
    return onnx_b_done(&b);
}

/* (a, scale, zero, b, scale, zero [, c: s32 in steps of alpha * both scales] [, y's scale, zero point]): f32 without the last. */
static whet_status gemm(onnx_reader *r, onnx_work *w)
{
    onnx_builder b = begin(r, w, 2);
    const whet_attr *a = onnx_work_attr(w, "alpha");
    const float alpha = a && a->type == WHET_ATTR_FLOAT ? a->f : 1;
    const bool turned = onnx_work_int(w, "transB", 0) != 0;
    onnx_b_attrs(&b, "alpha transA transB");
    if (onnx_b_in(&b, 3) < 0 || onnx_b_in(&b, 4) < 0) onnx_b_fail(&b, WHET_EFORMAT, "the second matrix or its scale is missing");
    whet_vid in[3] = {dequantised(&b, 0, 1, 2, 1), dequantised(&b, 3, 4, 5, turned ? 0 : 1), onnx_b_in(&b, 6)};
    if (in[2] >= 0) {
        whet_vid step = onnx_b_scales(&b, onnx_b_in(&b, 1), onnx_b_in(&b, 4));
        const whet_attr last = whet_attr_int("axis", -1);
        if (alpha != 1) step = onnx_b_op2(&b, "Mul", step, onnx_b_number(&b, step, (double)alpha));
        in[2] = onnx_b_node(&b, "DequantizeLinear", 2, (const whet_vid[]){in[2], step}, 1, &last);
    }
    const whet_vid y = onnx_b_node(&b, "Gemm", in[2] >= 0 ? 3 : 2, in, w->n_attr, w->attr);
    onnx_b_out(&b, 0, onnx_b_in(&b, 7) >= 0 ? quantised(&b, y, 7, 8) : y);
    return onnx_b_done(&b);
}

/* The same as ONNX's own, which took 16 bits later. */
static whet_status linear(onnx_reader *r, onnx_work *w)
{
    onnx_builder b = begin(r, w, 2);
    onnx_b_attrs(&b, "axis");
    onnx_b_out(&b, 0, onnx_b_node(&b, w->op, w->n_in, w->in, w->n_attr, w->attr));
    return onnx_b_done(&b);
}

static const struct { const char *name; onnx_upgrade_fn fn; } table[] = {
#define M(name, fn) {#name, fn},
#include "formats/onnx/onnx_microsoft.def"
#undef M
};

onnx_upgrade_fn onnx_microsoft_find(const char *op)
{
    for (size_t i = 0; i < WHET_COUNT(table); i++)
        if (strcmp(table[i].name, op) == 0) return table[i].fn;
    return NULL;
}
