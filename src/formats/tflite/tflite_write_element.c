/* SPDX-License-Identifier: Apache-2.0 */
/* Elementwise operators and activations. What TFLite has not is written as its definition (ONNX operator specifications) in
 * operators that it has. */
#include <float.h>
#include <math.h>

#include "formats/tflite/tflite_write_rows.h"

/* The bounds of a Clip; false if they are no constants. */
static bool clip_bounds(const tfl_writer *w, const whet_node *n, float *lo, float *hi)
{
    float *bounds[2] = {lo, hi};
    *lo = -INFINITY;
    *hi = INFINITY;
    for (int i = 1; i < n->n_in && i < 3; i++) {
        whet_tensor t = {0};
        if (n->in[i] < 0) continue;
        if (!tflw_float_const(w, n->in[i], &t)) return false;
        const bool one = whet_tensor_numel(&t) == 1;
        if (one) *bounds[i - 1] = ((const float *)t.data)[0];
        whet_tensor_dispose(&t);
        if (!one) return false;
    }
    return true;
}

/* The operator for a Relu or Clip; -1: several are needed. */
static int clip_code(const tfl_writer *w, const whet_node *n)
{
    float lo = 0, hi = INFINITY;
    if (whet_node_is(n, "Relu")) return TFL_RELU;
    if (!whet_node_is(n, "Clip") || !clip_bounds(w, n, &lo, &hi)) return -1;
    if (lo == 0 && hi == 6) return TFL_RELU6;
    if (lo == 0 && (hi == INFINITY || hi >= FLT_MAX)) return TFL_RELU;
    if (lo == -1 && hi == 1) return TFL_RELU_N1_TO_1;
    if (lo == 0 && hi == 1) return TFL_RELU_0_TO_1;
    return -1;
}

bool tflw_clips_in_integers(const tfl_writer *w, const whet_node *n)
{
    const int code = clip_code(w, n);
    return code == TFL_RELU || code == TFL_RELU6 || code == TFL_RELU_N1_TO_1;
}

int tflw_fused(tfl_writer *w, whet_vid v, whet_vid *last)
{
    const whet_uses uses = whet_graph_uses(w->g, v);
    *last = v;
    if (uses.n != 1 || whet_graph_is_output(w->g, v)) return TFL_ACT_NONE;
    const whet_node *n = &w->g->nodes[uses.nodes[0]];
    if (!whet_dtype_is_float(w->g->values[v].dtype) || (!whet_node_is(n, "Relu") && !whet_node_is(n, "Clip")) || n->in[0] != v) return TFL_ACT_NONE;
    const int code = clip_code(w, n);
    const int act = code == TFL_RELU ? TFL_ACT_RELU : code == TFL_RELU6 ? TFL_ACT_RELU6 : code == TFL_RELU_N1_TO_1 ? TFL_ACT_RELU_N1_TO_1 : TFL_ACT_NONE;
    if (act != TFL_ACT_NONE) *last = n->out[0];
    return act;
}

int tflw_last_fused(tfl_writer *w, whet_vid v, int *act)
{
    whet_vid last = WHET_NO_VALUE;
    *act = tflw_fused(w, v, &last);
    if (last != v) w->done[w->g->values[last].producer] = 1;
    return w->integer ? tflw_integer_result(w, last) : tflw_result(w, last);
}

int tflw_out_fused(tfl_writer *w, const whet_node *n, int *act) { return tflw_last_fused(w, n->out[0], act); }

whet_status tflite_write_unary(tfl_writer *w, const whet_node *n, int code)
{
    const int x = tflw_in(w, n, 0), y = tflw_out(w, n, 0);
    return tflw_unary_to(w, code, x, y);
}

whet_status tflite_write_identity(tfl_writer *w, const whet_node *n, int code)
{
    (void)code;
    if (n->n_out > 1 && n->out[1] >= 0 && whet_graph_uses(w->g, n->out[1]).n > 0) return tflw_fail(w, "a second result of %s", n->op->name);
    const int x = tflw_value(w, n->in[0]);
    tflw_alias(w, n->out[0], x);
    return w->status;
}

whet_status tflite_write_binary(tfl_writer *w, const whet_node *n, int code)
{
    const bool fuses = code == TFL_ADD || code == TFL_SUB || code == TFL_MUL || code == TFL_DIV;
    int act = TFL_ACT_NONE;
    if (whet_node_is(n, "Mod") && whet_node_int(n, "fmod", 0) != 0) return tflw_fail(w, "Mod with fmod 1; FLOOR_MOD is without");
    const int a = tflw_in(w, n, 0), b = tflw_in(w, n, 1);
    const int y = fuses ? tflw_out_fused(w, n, &act) : tflw_out(w, n, 0);
    return tflw_binary_to(w, code, a, b, act, y);
}

whet_status tflite_write_variadic(tfl_writer *w, const whet_node *n, int code)
{
    const bool mean = whet_node_is(n, "Mean");
    int x = tflw_in(w, n, 0);
    if (n->n_in == 1) {
        tflw_alias(w, n->out[0], x);
        return w->status;
    }
    for (int i = 1; i + (mean ? 0 : 1) < n->n_in; i++) x = tflw_binary(w, code, x, tflw_in(w, n, i));
    const int last = mean ? tflw_const_f32(w, 1.0F / (float)n->n_in) : tflw_in(w, n, n->n_in - 1), y = tflw_out(w, n, 0);
    return tflw_binary_to(w, mean ? TFL_MUL : code, x, last, TFL_ACT_NONE, y);
}

whet_status tflite_write_clip(tfl_writer *w, const whet_node *n, int code)
{
    float lo = 0, hi = 0;
    code = clip_code(w, n);
    if (code >= 0 && whet_dtype_is_float(w->g->values[n->out[0]].dtype)) return tflite_write_unary(w, n, code);
    int x = tflw_in(w, n, 0);
    if (!whet_dtype_is_float(w->g->values[n->out[0]].dtype) || !clip_bounds(w, n, &lo, &hi)) {
        if (n->n_in > 1 && n->in[1] >= 0) x = tflw_binary(w, TFL_MAXIMUM, x, tflw_in(w, n, 1));
        if (n->n_in > 2 && n->in[2] >= 0) x = tflw_binary(w, TFL_MINIMUM, x, tflw_in(w, n, 2));
        tflw_alias(w, n->out[0], x);
        return w->status;
    }
    if (lo > -FLT_MAX) x = tflw_binary(w, TFL_MAXIMUM, x, tflw_const_f32(w, lo));
    if (hi < FLT_MAX) x = tflw_binary(w, TFL_MINIMUM, x, tflw_const_f32(w, hi));
    tflw_alias(w, n->out[0], x);
    return w->status;
}

whet_status tflite_write_leaky_relu(tfl_writer *w, const whet_node *n, int code)
{
    const int x = tflw_in(w, n, 0), y = tflw_out(w, n, 0);
    return tflw_op(w, code, TFL_IO(x), TFL_IO(y), TFL_OPTIONS(TFL_FLOAT(TFL_LEAKY_RELU_ALPHA, whet_node_float(n, "alpha", 0.01F))));
}

/* PRELU's slopes have no batch: one for each channel, or for each element of the image. */
whet_status tflite_write_prelu(tfl_writer *w, const whet_node *n, int code)
{
    const int x = tflw_in(w, n, 0);
    int slope = tflw_in(w, n, 1);
    const tfl_tensor t = *tflw_at(w, slope), xt = *tflw_at(w, x);
    if (t.rank == xt.rank && t.rank > 1 && t.shape[0] == 1) slope = tflw_reshape(w, slope, t.rank - 1, t.shape + 1);
    const int y = tflw_out(w, n, 0);
    return tflw_op(w, code, TFL_IO(x, slope), TFL_IO(y), TFL_NO_OPTIONS);
}

whet_status tflite_write_gelu(tfl_writer *w, const whet_node *n, int code)
{
    const bool tanh_form = strcmp(whet_node_string(n, "approximate", "none"), "tanh") == 0;
    const int x = tflw_in(w, n, 0), y = tflw_out(w, n, 0);
    return tflw_op(w, code, TFL_IO(x), TFL_IO(y), TFL_OPTIONS(TFL_BOOL(TFL_GELU_APPROXIMATE, tanh_form)));
}

/* Over the last axis only; others are brought there. */
whet_status tflite_write_softmax(tfl_writer *w, const whet_node *n, int code)
{
    const tfl_option beta = TFL_FLOAT(TFL_SOFTMAX_BETA, 1);
    const int axis = whet_nhwc_axis(w->g, n->in[0], whet_node_int(n, "axis", -1)), n_opt = code == TFL_SOFTMAX;
    int perm[WHET_MAX_RANK] = {0};
    int x = tflw_in(w, n, 0);
    const int rank = tflw_at(w, x)->rank;
    if (axis == rank - 1) {
        const int y = tflw_out(w, n, 0);
        return tflw_op(w, code, TFL_IO(x), TFL_IO(y), n_opt, &beta);
    }
    for (int i = 0; i < rank; i++) perm[i] = i == axis ? rank - 1 : i == rank - 1 ? axis : i;
    x = tflw_transpose(w, x, perm);
    const tfl_tensor t = *tflw_at(w, x);
    const int mid = tflw_temp_like(w, x, t.rank, t.shape), y = tflw_out(w, n, 0);
    WHET_TRY(tflw_op(w, code, TFL_IO(x), TFL_IO(mid), n_opt, &beta));
    return tflw_transpose_to(w, mid, perm, y);
}

whet_status tflite_write_cast(tfl_writer *w, const whet_node *n, int code)
{
    const whet_dtype from = w->g->values[n->in[0]].dtype, to = w->g->values[n->out[0]].dtype;
    if (whet_dtype_is_float(from) && whet_dtype_is_float(to)) return tflite_write_identity(w, n, code); /* all are f32 here */
    const int x = tflw_in(w, n, 0), y = tflw_out(w, n, 0);
    const int in = tfl_type_of(tflw_at(w, x)->dtype), out = tfl_type_of(tflw_at(w, y)->dtype);
    return tflw_op(w, code, TFL_IO(x), TFL_IO(y), TFL_OPTIONS(TFL_BYTE(TFL_CAST_IN, in), TFL_BYTE(TFL_CAST_OUT, out)));
}

whet_status tflite_write_where(tfl_writer *w, const whet_node *n, int code)
{
    const int c = tflw_in(w, n, 0), a = tflw_in(w, n, 1), b = tflw_in(w, n, 2), y = tflw_out(w, n, 0);
    return tflw_op(w, code, TFL_IO(c, a, b), TFL_IO(y), TFL_NO_OPTIONS);
}

/* --- compositions */

static int plus(tfl_writer *w, int x, float c) { return tflw_binary(w, TFL_ADD, x, tflw_const_f32(w, c)); }
static int times(tfl_writer *w, int x, float c) { return c == 1 ? x : tflw_binary(w, TFL_MUL, x, tflw_const_f32(w, c)); }

/* log(1 + e^x) = max(x, 0) + log(1 + e^-|x|) */
static int softplus(tfl_writer *w, int x)
{
    const int e = tflw_unary(w, TFL_EXP, tflw_unary(w, TFL_NEG, tflw_unary(w, TFL_ABS, x)));
    return tflw_binary(w, TFL_ADD, tflw_unary(w, TFL_RELU, x), tflw_unary(w, TFL_LOG, plus(w, e, 1)));
}

/* scale * (max(x, 0) + alpha * (e^(min(x, 0) / width) - 1)) */
static int elu(tfl_writer *w, int x, float scale, float alpha, float width)
{
    const int low = times(w, tflw_binary(w, TFL_MINIMUM, x, tflw_const_f32(w, 0)), 1 / width);
    const int tail = times(w, plus(w, tflw_unary(w, TFL_EXP, low), -1), alpha);
    return times(w, tflw_binary(w, TFL_ADD, tflw_unary(w, TFL_RELU, x), tail), scale);
}

/* Abramowitz and Stegun, Handbook of Mathematical Functions, 7.1.26: 1.5e-7 at most. */
static int erf_of(tfl_writer *w, int x)
{
    static const float a[] = {1.061405429F, -1.453152027F, 1.421413741F, -0.284496736F, 0.254829592F};
    const int k = tflw_binary(w, TFL_DIV, tflw_const_f32(w, 1), plus(w, times(w, tflw_unary(w, TFL_ABS, x), 0.3275911F), 1));
    int p = times(w, k, a[0]);
    for (size_t i = 1; i < WHET_COUNT(a); i++) p = tflw_binary(w, TFL_MUL, plus(w, p, a[i]), k);
    const int e = tflw_unary(w, TFL_EXP, tflw_unary(w, TFL_NEG, tflw_binary(w, TFL_MUL, x, x)));
    return tflw_binary(w, TFL_MUL, tflw_unary(w, TFL_SIGN, x), tflw_binary(w, TFL_SUB, tflw_const_f32(w, 1), tflw_binary(w, TFL_MUL, p, e)));
}

static int compose(tfl_writer *w, const whet_node *n, int x)
{
    const char *op = n->op->name;
    const float alpha = whet_node_float(n, "alpha", 1);
    if (strcmp(op, "Swish") == 0) return tflw_binary(w, TFL_MUL, x, tflw_unary(w, TFL_LOGISTIC, times(w, x, alpha)));
    if (strcmp(op, "Softplus") == 0) return softplus(w, x);
    if (strcmp(op, "Mish") == 0) return tflw_binary(w, TFL_MUL, x, tflw_unary(w, TFL_TANH, softplus(w, x)));
    if (strcmp(op, "Softsign") == 0) return tflw_binary(w, TFL_DIV, x, plus(w, tflw_unary(w, TFL_ABS, x), 1));
    if (strcmp(op, "HardSigmoid") == 0) {
        const int y = plus(w, times(w, x, whet_node_float(n, "alpha", 0.2F)), whet_node_float(n, "beta", 0.5F));
        return tflw_binary(w, TFL_MINIMUM, tflw_unary(w, TFL_RELU, y), tflw_const_f32(w, 1));
    }
    if (strcmp(op, "Elu") == 0) return alpha == 1 ? tflw_unary(w, TFL_ELU, x) : elu(w, x, 1, alpha, 1);
    if (strcmp(op, "Celu") == 0) return elu(w, x, 1, alpha, alpha);
    if (strcmp(op, "Selu") == 0) return elu(w, x, whet_node_float(n, "gamma", 1.0507009873F), whet_node_float(n, "alpha", 1.6732632423F), 1);
    if (strcmp(op, "Erf") == 0) return erf_of(w, x);
    if (strcmp(op, "Reciprocal") == 0) return tflw_binary(w, TFL_DIV, tflw_const_f32(w, 1), x);
    if (strcmp(op, "Tan") == 0) return tflw_binary(w, TFL_DIV, tflw_unary(w, TFL_SIN, x), tflw_unary(w, TFL_COS, x));
    return tflw_lost(w, tflw_fail(w, "operator %s", op));
}

whet_status tflite_write_composed(tfl_writer *w, const whet_node *n, int code)
{
    (void)code;
    const int x = tflw_in(w, n, 0), y = compose(w, n, x);
    tflw_alias(w, n->out[0], y);
    return w->status;
}
