/* SPDX-License-Identifier: Apache-2.0 */
/* Fused operators of the domain "whet" taken apart: products and convolutions with what follows them, attention; and the
 * activations that they may hold, written out. */
#include <math.h>
#include <string.h>

#include "formats/onnx/onnx_lower.h"

/* x * 0.5 * (1 + erf(x / sqrt 2)), or the tanh form. */
whet_status onnx_low_gelu(onnx_writer *w, const onnx_out *o, const char *x, bool tanh_form)
{
    const char *inner = NULL;
    if (tanh_form) {
        const char *cube = MAKE("Mul", MAKE("Mul", x, x), x);
        const char *sum = MAKE("Add", x, MAKE("Mul", cube, onnx_low_scalar(w, o, 0.044715)));
        inner = MAKE("Tanh", MAKE("Mul", sum, onnx_low_scalar(w, o, sqrt(2 / acos(-1)))));
    } else {
        inner = MAKE("Erf", MAKE("Mul", x, onnx_low_scalar(w, o, sqrt(0.5))));
    }
    const char *half = MAKE("Mul", x, onnx_low_scalar(w, o, 0.5));
    return FINISH("Mul", half, MAKE("Add", inner, onnx_low_scalar(w, o, 1)));
}

whet_status onnx_low_swish(onnx_writer *w, const onnx_out *o, const char *x, double alpha)
{
    const char *scaled = alpha != 1 ? MAKE("Mul", x, onnx_low_scalar(w, o, alpha)) : x;
    return FINISH("Mul", x, MAKE("Sigmoid", scaled));
}

whet_status onnx_low_hard_swish(onnx_writer *w, const onnx_out *o, const char *x)
{
    const char *sum = MAKE("Add", x, onnx_low_scalar(w, o, 3));
    const char *cut = MAKE("Clip", sum, onnx_low_scalar(w, o, 0), onnx_low_scalar(w, o, 6));
    return FINISH("Mul", x, MAKE("Mul", cut, onnx_low_scalar(w, o, 1.0 / 6)));
}

/* o's last node, named after its output. */
static whet_status activate(onnx_writer *w, const onnx_out *o, const char *act, const char *x)
{
    const double low = (double)whet_node_float(o->node, "act_min", 0), high = (double)whet_node_float(o->node, "act_max", 0);
    if (strcmp(act, "Clip") == 0) return FINISH("Clip", x, onnx_low_scalar(w, o, low), onnx_low_scalar(w, o, high));
    if (strcmp(act, "Silu") == 0) return onnx_low_swish(w, o, x, 1);
    if (strcmp(act, "HardSwish") == 0) return w->opset >= 14 ? FINISH("HardSwish", x) : onnx_low_hard_swish(w, o, x);
    if (strcmp(act, "Gelu") == 0 || strcmp(act, "GeluTanh") == 0) return onnx_low_gelu(w, o, x, act[4] != '\0');
    if (strcmp(act, "HardSigmoid") == 0) {
        const double slope = (double)whet_node_float(o->node, "slope", 1.0f / 6), offset = (double)whet_node_float(o->node, "offset", 0.5f);
        const char *line = MAKE("Add", MAKE("Mul", x, onnx_low_scalar(w, o, slope)), onnx_low_scalar(w, o, offset));
        return FINISH("Clip", line, onnx_low_scalar(w, o, 0), onnx_low_scalar(w, o, 1));
    }
    return FINISH(act, x); /* Relu, Sigmoid, Tanh */
}

/* The product with its own name, then bias (where the product takes none), residual and activation, the last of which has the
 * output. n_in: inputs that the product takes. */
static whet_status fused(onnx_writer *w, onnx_out *o, const char *op, int n_in, const char *bias, const char *residual, bool residual_after)
{
    const char *act = whet_node_string(o->node, "activation", "");
    const char *steps[2] = {bias, residual_after ? NULL : residual};
    const bool active = act[0] != '\0', last = residual && residual_after;
    int left = (bias != NULL) + (residual != NULL && !residual_after) + active + last;
    const char *outs[1] = {o->out[0]};
    static const char *const ours[] = {"activation", "act_min", "act_max", "slope", "offset", "residual_after"};
    for (size_t i = 0; i < WHET_COUNT(ours); i++) onnx_out_drop(o, ours[i]);
    onnx_out core = *o, rest = *o; /* the node's own name goes to its core */
    core.op = op;
    core.n_in = WHET_MIN(o->n_in, n_in);
    core.n_out = 1;
    core.out = outs;
    if (left > 0) outs[0] = onnx_writer_fresh(w, o, op);
    rest.name = left > 0 ? onnx_writer_fresh(w, o, "last") : NULL;
    if (!outs[0] || (left > 0 && !rest.name)) return WHET_ENOMEM;
    while (core.n_in > 0 && !core.in[core.n_in - 1][0]) core.n_in--;
    WHET_TRY(onnx_writer_emit(w, &core));
    const char *x = outs[0];
    for (int i = 0; i < 2; i++) {
        if (!steps[i]) continue;
        if (--left == 0) return onnx_low_finish(w, &rest, "Add", ONNX_IN(x, steps[i]), NULL);
        x = MAKE("Add", x, steps[i]);
    }
    if (!active && !last) return WHET_OK;
    if (!last) return x ? activate(w, &rest, act, x) : whet_error_last()->status;
    if (active) { /* act(...) + residual */
        onnx_out middle = rest;
        const char *made[1] = {onnx_writer_fresh(w, o, act)};
        middle.name = onnx_writer_fresh(w, o, act);
        middle.out = made;
        if (!x || !made[0] || !middle.name) return whet_error_last()->status;
        WHET_TRY(activate(w, &middle, act, x));
        x = made[0];
    }
    return onnx_low_finish(w, &rest, "Add", ONNX_IN(x, residual), NULL);
}

static const char *given(const onnx_out *o, int i) { return i < o->n_in && o->in[i][0] ? o->in[i] : NULL; }

static whet_status fused_conv(onnx_writer *w, onnx_out *o)
{
    return fused(w, o, "Conv", 3, NULL, given(o, 3), whet_node_int(o->node, "residual_after", 0) != 0);
}

static whet_status fused_gemm(onnx_writer *w, onnx_out *o) { return fused(w, o, "Gemm", 3, NULL, NULL, false); }

static whet_status fused_matmul(onnx_writer *w, onnx_out *o)
{
    return fused(w, o, "MatMul", 2, given(o, 2), given(o, 3), whet_node_int(o->node, "residual_after", 0) != 0);
}

/* Columns [offset, offset + heads * size) of x as [n, heads, positions, size], or with the last two turned. */
static const char *heads_of(onnx_writer *w, const onnx_out *o, int input, int64_t offset, int64_t heads, int64_t size, bool turned)
{
    static const int64_t order[4] = {0, 2, 1, 3}, turn[4] = {0, 2, 3, 1};
    const whet_dims *d = &w->g->values[o->node->in[input]].dims;
    const int64_t end = offset + heads * size, shape[4] = {0, 0, heads, size}, axis = 2;
    const whet_attr perm = whet_attr_ints("perm", 4, turned ? turn : order);
    const char *x = o->in[input];
    if (offset != 0 || d->rank != 3 || d->dims[2] != end)
        x = MAKE("Slice", x, onnx_low_ints(w, o, 1, &offset), onnx_low_ints(w, o, 1, &end), onnx_low_ints(w, o, 1, &axis));
    x = MAKE("Reshape", x, onnx_low_ints(w, o, 4, shape));
    return onnx_low_make(w, o, "Transpose", ONNX_IN(x), &perm);
}

static whet_status fused_attention(onnx_writer *w, onnx_out *o)
{
    static const int64_t order[4] = {0, 2, 1, 3};
    const whet_node *n = o->node;
    const int64_t heads = whet_node_int(n, "heads", 1), dim = whet_node_int(n, "head_dim", 1), other = whet_node_int(n, "value_dim", 0);
    const int64_t value = other != 0 ? other : dim, shape[3] = {0, 0, heads * value};
    const whet_attr last = whet_attr_int("axis", -1), perm = whet_attr_ints("perm", 4, order);
    const double scale = (double)whet_node_float(n, "scale", 1);
    const char *q = heads_of(w, o, 0, whet_node_int(n, "q_offset", 0), heads, dim, false);
    const char *k = heads_of(w, o, 1, whet_node_int(n, "k_offset", 0), heads, dim, true);
    const char *v = heads_of(w, o, 2, whet_node_int(n, "v_offset", 0), heads, value, false);
    const char *scores = MAKE("MatMul", q, k);
    if (scale != 1) scores = MAKE("Mul", scores, onnx_low_scalar(w, o, scale));
    if (given(o, 3)) scores = MAKE("Add", scores, o->in[3]);
    const char *weights = onnx_low_make(w, o, "Softmax", ONNX_IN(scores), &last);
    const char *y = onnx_low_make(w, o, "Transpose", ONNX_IN(MAKE("MatMul", weights, v)), &perm);
    return FINISH("Reshape", y, onnx_low_ints(w, o, 3, shape));
}

onnx_lower_fn onnx_lower_fused(const char *op)
{
    static const struct { const char *op; onnx_lower_fn fn; } table[] = {
        {"FusedConv", fused_conv}, {"FusedGemm", fused_gemm}, {"FusedMatMul", fused_matmul}, {"FusedAttention", fused_attention}};
    for (size_t i = 0; i < WHET_COUNT(table); i++)
        if (strcmp(op, table[i].op) == 0) return table[i].fn;
    return NULL;
}
