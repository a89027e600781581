/* SPDX-License-Identifier: Apache-2.0 */
/* Writing operators that work element by element, reductions and products. */
#include <math.h>

#include "formats/tensorflow/tf_writer.h"

#define T0 tf_type_of(w, 0)
static const char *op1(tf_writer *w, const char *op, const char *x) { return tf_op1(w, op, T0, TF_IN(x)); }
static const char *op2(tf_writer *w, const char *op, const char *x, const char *y) { return tf_op1(w, op, T0, TF_IN(x, y)); }
static const char *number(tf_writer *w, double x) { return tf_const_scalar(w, T0, x); }

void tf_write_unary(tf_writer *w, const whet_node *n)
{
    const char *x = tf_in_ref(w, 0);
    if (whet_node_is(n, "Not")) tf_last(w, "LogicalNot", TF_IN(x), TF_NO_ATTRS);
    else tf_last1(w, w->tf_op, T0, TF_IN(x));
}

void tf_write_leaky_relu(tf_writer *w, const whet_node *n)
{
    const char *x = tf_in_ref(w, 0);
    tf_last(w, "LeakyRelu", TF_IN(x), TF_ATTRS(tf_a_type(w, "T", T0), tf_a_float(w, "alpha", whet_node_float(n, "alpha", 0.01f))));
}

void tf_write_elu(tf_writer *w, const whet_node *n)
{
    const float alpha = whet_node_float(n, "alpha", 1);
    const char *x = tf_in_ref(w, 0);
    if (alpha == 1.0f) {
        tf_last1(w, "Elu", T0, TF_IN(x));
        return;
    }
    const char *below = op1(w, "Expm1", op2(w, "Minimum", x, number(w, 0)));
    tf_last1(w, "AddV2", T0, TF_IN(op1(w, "Relu", x), op2(w, "Mul", below, number(w, (double)alpha))));
}

void tf_write_selu(tf_writer *w, const whet_node *n)
{
    const float alpha = whet_node_float(n, "alpha", 1.67326319f), gamma = whet_node_float(n, "gamma", 1.05070102f);
    if (fabsf(alpha - 1.67326319f) > 1e-5f || fabsf(gamma - 1.05070102f) > 1e-5f)
        tf_refuse(w, WHET_EUNSUPPORTED, "other constants than the usual ones cannot be written");
    tf_last1(w, "Selu", T0, TF_IN(tf_in_ref(w, 0)));
}

static bool bound(const tf_writer *w, int i, double *x)
{
    const whet_tensor *t = tf_has(w->node, i) ? whet_graph_const_data(w->g, w->node->in[i]) : NULL;
    if (!t || whet_tensor_numel(t) != 1) return false;
    *x = whet_tensor_get_f64(t, 0);
    return true;
}

void tf_write_clip(tf_writer *w, const whet_node *n)
{
    double low = 0, high = 0;
    const bool has_low = bound(w, 1, &low), has_high = bound(w, 2, &high);
    const char *x = tf_in_ref(w, 0);
    if ((tf_has(n, 1) && !has_low) || (tf_has(n, 2) && !has_high)) tf_refuse(w, WHET_EUNSUPPORTED, "bounds that are computed cannot be written");
    if (has_low && has_high && low == 0 && high == 6) tf_last1(w, "Relu6", T0, TF_IN(x));
    else if (has_low && has_high && low > high) tf_last1(w, "Minimum", T0, TF_IN(op2(w, "Maximum", x, number(w, low)), number(w, high)));
    else if (has_low && has_high) tf_last1(w, "ClipByValue", T0, TF_IN(x, number(w, low), number(w, high)));
    else if (has_low && low == 0) tf_last1(w, "Relu", T0, TF_IN(x));
    else if (has_low || has_high) tf_last1(w, has_low ? "Maximum" : "Minimum", T0, TF_IN(x, number(w, has_low ? low : high)));
    else tf_last1(w, "Identity", T0, TF_IN(x));
}

void tf_write_cast(tf_writer *w, const whet_node *n)
{
    const char *x = tf_in_ref(w, 0);
    tf_last(w, "Cast", TF_IN(x), TF_ATTRS(tf_a_type(w, "SrcT", T0), tf_a_type(w, "DstT", w->g->values[n->out[0]].dtype)));
}

void tf_write_binary(tf_writer *w, const whet_node *n)
{
    const bool logic = whet_node_is(n, "And") || whet_node_is(n, "Or"), where = whet_node_is(n, "Where");
    const char *in[3] = {tf_in_ref(w, 0), tf_in_ref(w, 1), where ? tf_in_ref(w, 2) : NULL};
    const tf_attr a = tf_a_type(w, "T", tf_type_of(w, where ? 1 : 0));
    if (whet_node_is(n, "Pow") && T0 != tf_type_of(w, 1)) tf_refuse(w, WHET_EUNSUPPORTED, "operands of two types cannot be written");
    tf_last(w, w->tf_op, where ? 3 : 2, in, logic ? 0 : 1, &a);
}

void tf_write_div(tf_writer *w, const whet_node *n)
{
    (void)n;
    const char *in[2] = {tf_in_ref(w, 0), tf_in_ref(w, 1)};
    tf_last1(w, whet_dtype_is_float(T0) ? "RealDiv" : "TruncateDiv", T0, 2, in);
}

void tf_write_mod(tf_writer *w, const whet_node *n)
{
    const char *in[2] = {tf_in_ref(w, 0), tf_in_ref(w, 1)};
    tf_last1(w, whet_node_int(n, "fmod", 0) ? "Mod" : "FloorMod", T0, 2, in);
}

/* Chains of two. */
void tf_write_variadic(tf_writer *w, const whet_node *n)
{
    const bool mean = whet_node_is(n, "Mean");
    const char *op = whet_node_is(n, "Max") ? "Maximum" : whet_node_is(n, "Min") ? "Minimum" : "AddV2";
    const char *x = tf_in_ref(w, 0);
    if (n->n_in == 1) {
        tf_result(w, x);
        return;
    }
    for (int i = 1; i < n->n_in - 1; i++) x = op2(w, op, x, tf_in_ref(w, i));
    const char *y = tf_in_ref(w, n->n_in - 1);
    if (!mean) tf_last1(w, op, T0, TF_IN(x, y));
    else tf_last1(w, "Mul", T0, TF_IN(op2(w, op, x, y), number(w, 1.0 / n->n_in)));
}

/* --- activations */

void tf_write_gelu(tf_writer *w, const whet_node *n)
{
    const char *x = tf_in_ref(w, 0), *inner = NULL;
    if (strcmp(whet_node_string(n, "approximate", "none"), "tanh") == 0) {
        const char *cube = op2(w, "Mul", op2(w, "Mul", x, x), x);
        const char *sum = op2(w, "AddV2", x, op2(w, "Mul", cube, number(w, 0.044715)));
        inner = op1(w, "Tanh", op2(w, "Mul", sum, number(w, sqrt(2 / acos(-1)))));
    } else {
        inner = op1(w, "Erf", op2(w, "Mul", x, number(w, sqrt(0.5))));
    }
    const char *half = op2(w, "Mul", x, number(w, 0.5));
    tf_last1(w, "Mul", T0, TF_IN(half, op2(w, "AddV2", inner, number(w, 1))));
}

void tf_write_swish(tf_writer *w, const whet_node *n)
{
    const double alpha = (double)whet_node_float(n, "alpha", 1);
    const char *x = tf_in_ref(w, 0), *s = x;
    if (alpha != 1) s = op2(w, "Mul", x, number(w, alpha));
    tf_last1(w, "Mul", T0, TF_IN(x, op1(w, "Sigmoid", s)));
}

void tf_write_mish(tf_writer *w, const whet_node *n)
{
    (void)n;
    const char *x = tf_in_ref(w, 0);
    tf_last1(w, "Mul", T0, TF_IN(x, op1(w, "Tanh", op1(w, "Softplus", x))));
}

void tf_write_hard_swish(tf_writer *w, const whet_node *n)
{
    (void)n;
    const char *x = tf_in_ref(w, 0);
    const char *gate = op2(w, "Mul", op1(w, "Relu6", op2(w, "AddV2", x, number(w, 3))), number(w, 1.0 / 6));
    tf_last1(w, "Mul", T0, TF_IN(x, gate));
}

void tf_write_hard_sigmoid(tf_writer *w, const whet_node *n)
{
    const double alpha = (double)whet_node_float(n, "alpha", 0.2f), beta = (double)whet_node_float(n, "beta", 0.5f);
    const char *line = op2(w, "AddV2", op2(w, "Mul", tf_in_ref(w, 0), number(w, alpha)), number(w, beta));
    tf_last1(w, "ClipByValue", T0, TF_IN(line, number(w, 0), number(w, 1)));
}

void tf_write_prelu(tf_writer *w, const whet_node *n)
{
    (void)n;
    const char *x = tf_in_ref(w, 0), *zero = number(w, 0);
    const char *below = op2(w, "Mul", op2(w, "Minimum", x, zero), tf_in_ref(w, 1));
    tf_last1(w, "AddV2", T0, TF_IN(op2(w, "Maximum", x, zero), below));
}

/* --- products */

void tf_write_matmul(tf_writer *w, const whet_node *n)
{
    const int ra = w->g->values[n->in[0]].dims.rank, rb = w->g->values[n->in[1]].dims.rank;
    const char *in[2] = {tf_in_ref(w, 0), tf_in_ref(w, 1)};
    if (ra < 2 || rb < 2) tf_refuse(w, WHET_EUNSUPPORTED, "operands of %d and %d dimensions cannot be written", ra, rb);
    tf_last1(w, ra == 2 && rb == 2 ? "MatMul" : "BatchMatMulV2", T0, 2, in);
}

void tf_write_gemm(tf_writer *w, const whet_node *n)
{
    const double alpha = (double)whet_node_float(n, "alpha", 1), beta = (double)whet_node_float(n, "beta", 1);
    const bool has_c = tf_has(n, 2) && beta != 0;
    const tf_attr a[3] = {tf_a_type(w, "T", T0), tf_a_bool(w, "transpose_a", whet_node_int(n, "transA", 0) != 0),
                          tf_a_bool(w, "transpose_b", whet_node_int(n, "transB", 0) != 0)};
    const char *in[2] = {tf_in_ref(w, 0), tf_in_ref(w, 1)};
    if (!has_c && alpha == 1) {
        tf_last(w, "MatMul", 2, in, 3, a);
        return;
    }
    const char *y = tf_put(w, "MatMul", 2, in, 3, a);
    if (!has_c) {
        tf_last1(w, "Mul", T0, TF_IN(y, number(w, alpha)));
        return;
    }
    if (alpha != 1) y = op2(w, "Mul", y, number(w, alpha));
    const char *c = tf_in_ref(w, 2);
    if (beta != 1) c = op2(w, "Mul", c, number(w, beta));
    if (w->g->values[n->in[2]].dims.rank == 1 && w->g->values[n->in[2]].dims.dims[0] == w->g->values[n->out[0]].dims.dims[1])
        tf_last(w, "BiasAdd", TF_IN(y, c), TF_ATTRS(tf_a_type(w, "T", T0), tf_a_text(w, "data_format", "NHWC")));
    else tf_last1(w, "AddV2", T0, TF_IN(y, c));
}

/* --- along axes */

static const char *transposed(tf_writer *w, const char *x, int rank, const int64_t *perm, bool last)
{
    const char *in[2] = {x, tf_const_ints(w, rank, perm)};
    const tf_attr a[2] = {tf_a_type(w, "T", T0), tf_a_type(w, "Tperm", WHET_S32)};
    return last ? tf_last(w, "Transpose", 2, in, 2, a) : tf_put(w, "Transpose", 2, in, 2, a);
}

void tf_write_softmax(tf_writer *w, const whet_node *n)
{
    const int rank = w->g->values[n->in[0]].dims.rank;
    const int axis = rank > 0 ? tf_file_axis(w, n->in[0], whet_node_int(n, "axis", -1)) : -1;
    const char *x = tf_in_ref(w, 0);
    int64_t perm[WHET_MAX_RANK];
    if (rank < 1) tf_refuse(w, WHET_EUNSUPPORTED, "the number of dimensions is not known");
    if (axis == rank - 1 || w->status != WHET_OK) {
        tf_last1(w, w->tf_op, T0, TF_IN(x));
        return;
    }
    for (int i = 0; i < rank; i++) perm[i] = i == axis ? rank - 1 : i == rank - 1 ? axis : i;
    transposed(w, tf_op1(w, w->tf_op, T0, TF_IN(transposed(w, x, rank, perm, false))), rank, perm, true);
}

/* Axes of a reduction as in the file; false where nothing is reduced. */
static bool axes_of(tf_writer *w, const whet_node *n, int64_t *axes, int *k)
{
    const int rank = w->g->values[n->in[0]].dims.rank;
    *k = 0;
    if (tf_has(n, 1) && !tf_const_s64(w, 1, axes, WHET_MAX_RANK, k)) tf_refuse(w, WHET_EUNSUPPORTED, "axes that are computed cannot be written");
    if (rank < 0) tf_refuse(w, WHET_EUNSUPPORTED, "the number of dimensions is not known");
    if (w->status != WHET_OK) return false;
    if (*k == 0 && whet_node_int(n, "noop_with_empty_axes", 0)) return false;
    if (*k == 0)
        for (; *k < rank; ++*k) axes[*k] = *k;
    for (int i = 0; i < *k; i++) axes[i] = tf_file_axis(w, n->in[0], axes[i]);
    return true;
}

void tf_write_reduce(tf_writer *w, const whet_node *n)
{
    int64_t axes[WHET_MAX_RANK];
    int k = 0;
    const char *x = tf_in_ref(w, 0), *op = w->tf_op;
    if (!axes_of(w, n, axes, &k)) {
        tf_result(w, x);
        return;
    }
    if (whet_node_is(n, "ReduceL1")) x = op1(w, "Abs", x);
    if (whet_node_is(n, "ReduceSumSquare")) x = op1(w, "Square", x);
    if (whet_node_is(n, "ReduceL1") || whet_node_is(n, "ReduceSumSquare")) op = "Sum";
    const tf_attr a[3] = {tf_a_type(w, "Tidx", WHET_S32), tf_a_bool(w, "keep_dims", whet_node_int(n, "keepdims", 1) != 0), tf_a_type(w, "T", T0)};
    if (T0 == WHET_BOOL) op = whet_node_is(n, "ReduceMax") ? "Any" : "All";
    tf_last(w, op, TF_IN(x, tf_const_ints(w, k, axes)), T0 == WHET_BOOL ? 2 : 3, a);
}

void tf_write_arg_extremum(tf_writer *w, const whet_node *n)
{
    const int axis = tf_file_axis(w, n->in[0], whet_node_int(n, "axis", 0));
    const tf_attr a[3] = {tf_a_type(w, "T", T0), tf_a_type(w, "Tidx", WHET_S32), tf_a_type(w, "output_type", WHET_S64)};
    const char *in[2] = {tf_in_ref(w, 0), tf_const_int(w, axis)};
    const whet_dims d = tf_file_dims(w, n->out[0]);
    if (whet_node_int(n, "select_last_index", 0)) tf_refuse(w, WHET_EUNSUPPORTED, "select_last_index cannot be written");
    if (whet_node_int(n, "keepdims", 1)) tf_reshape_to(w, tf_put(w, w->tf_op, 2, in, 3, a), WHET_S64, &d, true);
    else tf_last(w, w->tf_op, 2, in, 3, a);
}

void tf_write_top_k(tf_writer *w, const whet_node *n)
{
    const int rank = w->g->values[n->in[0]].dims.rank;
    int64_t k = 0;
    int count = 0;
    if (rank < 1 || tf_file_axis(w, n->in[0], whet_node_int(n, "axis", -1)) != rank - 1 || !whet_node_int(n, "largest", 1) ||
        !tf_const_s64(w, 1, &k, 1, &count) || count != 1)
        tf_refuse(w, WHET_EUNSUPPORTED, "only the largest along the last axis, their number a constant, can be written");
    const char *in[2] = {tf_in_ref(w, 0), tf_const_int(w, k)};
    const char *name = tf_last(w, "TopKV2", 2, in, TF_ATTRS(tf_a_type(w, "T", T0), tf_a_bool(w, "sorted", true)));
    if (!name || n->out[1] < 0) return;
    char *second = whet_format("%s:1", name);
    const char *ref = second ? whet_arena_strdup(w->arena, second) : NULL;
    whet_free(second);
    if (!ref) w->status = WHET_ENOMEM;
    w->ref[n->out[1]] = tf_put(w, "Cast", TF_IN(ref), TF_ATTRS(tf_a_type(w, "SrcT", WHET_S32), tf_a_type(w, "DstT", WHET_S64)));
}

void tf_write_cum_sum(tf_writer *w, const whet_node *n)
{
    int64_t axis = 0;
    int count = 0;
    if (!tf_const_s64(w, 1, &axis, 1, &count) || count != 1) tf_refuse(w, WHET_EUNSUPPORTED, "an axis that is computed cannot be written");
    const char *in[2] = {tf_in_ref(w, 0), tf_const_int(w, w->status == WHET_OK ? tf_file_axis(w, n->in[0], axis) : 0)};
    tf_last(w, "Cumsum", 2, in, TF_ATTRS(tf_a_type(w, "T", T0), tf_a_type(w, "Tidx", WHET_S32),
            tf_a_bool(w, "exclusive", whet_node_int(n, "exclusive", 0) != 0), tf_a_bool(w, "reverse", whet_node_int(n, "reverse", 0) != 0)));
}

/* --- quantisation, literally: round(x / scale) + zero point, clamped; (x - zero point) * scale */

static bool range_of(whet_dtype t, double *low, double *high)
{
    static const struct { whet_dtype t; double low, high; } ranges[] = {
        {WHET_U8, 0, 255}, {WHET_S8, -128, 127}, {WHET_U16, 0, 65535}, {WHET_S16, -32768, 32767}, {WHET_S32, -2147483648.0, 2147483647.0}};
    for (size_t i = 0; i < WHET_COUNT(ranges); i++)
        if (ranges[i].t == t) {
            *low = ranges[i].low;
            *high = ranges[i].high;
            return true;
        }
    return false;
}

/* Scale or zero point as f32, shaped to broadcast along the axis in the file. */
static const char *parameter(tf_writer *w, int i)
{
    const whet_node *n = w->node;
    const whet_tensor *p = whet_graph_const_data(w->g, n->in[i]);
    const int rank = w->g->values[n->in[0]].dims.rank;
    whet_tensor t;
    whet_tensor_init(&t);
    if (!p || whet_node_int(n, "block_size", 0) != 0 || p->shape.rank > 1) {
        tf_refuse(w, WHET_EUNSUPPORTED, "only constant scales and zero points, one or one a channel, can be written");
        return NULL;
    }
    if (w->status == WHET_OK) w->status = whet_tensor_cast(&t, p, WHET_F32);
    if (w->status != WHET_OK) return NULL;
    if (p->shape.rank == 1 && rank > 1) {
        const int axis = tf_file_axis(w, n->in[0], whet_node_int(n, "axis", 1));
        const int64_t channels = p->shape.dims[0];
        t.shape.rank = rank - axis;
        t.shape.dims[0] = channels;
        for (int k = 1; k < t.shape.rank; k++) t.shape.dims[k] = 1;
    }
    return tf_const_tensor(w, NULL, &t);
}

void tf_write_quantize(tf_writer *w, const whet_node *n)
{
    const whet_dtype to = w->g->values[n->out[0]].dtype;
    double low = 0, high = 0;
    if (T0 != WHET_F32 || !range_of(to, &low, &high)) tf_refuse(w, WHET_EUNSUPPORTED, "from %s to %s cannot be written", whet_dtype_name(T0), whet_dtype_name(to));
    const char *x = tf_op1(w, "RealDiv", WHET_F32, TF_IN(tf_in_ref(w, 0), parameter(w, 1)));
    x = tf_op1(w, "Round", WHET_F32, TF_IN(x));
    if (tf_has(n, 2)) x = tf_op1(w, "AddV2", WHET_F32, TF_IN(x, parameter(w, 2)));
    x = tf_op1(w, "ClipByValue", WHET_F32, TF_IN(x, tf_const_scalar(w, WHET_F32, low), tf_const_scalar(w, WHET_F32, high)));
    tf_last(w, "Cast", TF_IN(x), TF_ATTRS(tf_a_type(w, "SrcT", WHET_F32), tf_a_type(w, "DstT", to)));
}

void tf_write_dequantize(tf_writer *w, const whet_node *n)
{
    const char *x = tf_put(w, "Cast", TF_IN(tf_in_ref(w, 0)), TF_ATTRS(tf_a_type(w, "SrcT", T0), tf_a_type(w, "DstT", WHET_F32)));
    if (tf_has(n, 2)) x = tf_op1(w, "Sub", WHET_F32, TF_IN(x, parameter(w, 2)));
    tf_last1(w, "Mul", WHET_F32, TF_IN(x, parameter(w, 1)));
}
