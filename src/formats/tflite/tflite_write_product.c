/* SPDX-License-Identifier: Apache-2.0 */
/* Products and normalisations. A product with a constant matrix is a FULLY_CONNECTED, with the bias added behind it and an
 * activation; of two values a BATCH_MATMUL. Normalisations are written as their definitions, rounding as the graph's. */
#include <math.h>

#include "formats/tflite/tflite_write_rows.h"

static bool is_constant(const tfl_writer *w, whet_vid v)
{
    whet_tensor t = {0};
    const bool yes = tflw_float_const(w, v, &t);
    whet_tensor_dispose(&t);
    return yes;
}

/* Elements of a constant, 0 if v is none. */
static int64_t constant_size(const tfl_writer *w, whet_vid v)
{
    if (v < 0 || !is_constant(w, v)) return 0;
    int64_t n = 1;
    for (int i = 0; i < w->g->values[v].dims.rank; i++) n *= w->g->values[v].dims.dims[i];
    return n;
}

static bool is_vector(const tfl_writer *w, whet_vid v, int64_t n)
{
    const whet_dims *d = &w->g->values[v].dims;
    return constant_size(w, v) == n && (n == 1 || (d->rank > 0 && d->dims[d->rank - 1] == n));
}

bool tflw_is_fully_connected(const tfl_writer *w, const whet_node *n)
{
    const whet_graph *g = w->g;
    const bool gemm = whet_node_is(n, "Gemm");
    if (g->values[n->in[1]].dims.rank != 2 || g->values[n->in[0]].dims.rank < 2 || !is_constant(w, n->in[1])) return false;
    if (!gemm) return true;
    if (whet_node_int(n, "transA", 0) != 0) return false;
    const whet_dims *b = &g->values[n->in[1]].dims;
    const int64_t outs = b->dims[whet_node_int(n, "transB", 0) != 0 ? 0 : 1];
    return n->n_in < 3 || n->in[2] < 0 || is_vector(w, n->in[2], outs) || is_vector(w, n->in[2], 1);
}

void tflw_product_tail(tfl_writer *w, const whet_node *n, tfl_tail *t, bool mark)
{
    whet_graph *g = w->g;
    const whet_vid y = n->out[0];
    const whet_dims *d = &g->values[y].dims;
    const whet_uses uses = whet_graph_uses(g, y);
    *t = (tfl_tail){.last = y, .bias = WHET_NO_VALUE};
    if (whet_node_is(n, "Gemm")) {
        t->bias = n->n_in > 2 ? n->in[2] : WHET_NO_VALUE;
    } else if (uses.n == 1 && !whet_graph_is_output(g, y) && whet_node_is(&g->nodes[uses.nodes[0]], "Add")) {
        const whet_node *add = &g->nodes[uses.nodes[0]];
        const whet_vid other = add->in[0] == y ? add->in[1] : add->in[0];
        if (other != y && is_vector(w, other, d->dims[d->rank - 1]) && g->values[other].dims.rank <= d->rank) {
            t->bias = other;
            t->last = add->out[0];
            if (mark) w->done[uses.nodes[0]] = 1;
        }
    }
    whet_vid last = t->last;
    t->act = tflw_fused(w, t->last, &last);
    if (last != t->last && mark) w->done[g->values[last].producer] = 1;
    t->last = last;
}

/* Weights [outputs, inputs] of the node as a file tensor; in integers if they are, for integer and float operands alike. */
static int matrix(tfl_writer *w, const whet_node *n, float alpha)
{
    static const int swap[2] = {1, 0}, keep[2] = {0, 1};
    const bool turned = whet_node_is(n, "Gemm") && whet_node_int(n, "transB", 0) != 0;
    const char *name = tflw_const_name(w, n->in[1]);
    const int *perm = turned ? keep : swap;
    whet_tensor t = {0}, file = {0};
    tfl_quant q = {.n = 0};
    int made = -1;
    whet_tensor_init(&t);
    whet_tensor_init(&file);
    if (alpha == 1 && tflw_integer_weights(w, n->in[1], &t, &q)) {
        whet_status status = whet_nhwc_permute(&t, perm, &file);
        if (status != WHET_OK) tflw_lost(w, status);
        q.axis = 0;
        made = tflw_const(w, &file, name, &q);
        if (!tflw_takes_bytes(w, n, &q, t.dtype)) made = tflw_dequantized(w, made);
    } else if (tflw_float_const(w, n->in[1], &t)) {
        whet_status status = whet_nhwc_permute(&t, perm, &file);
        if (status != WHET_OK) return tflw_lost(w, status);
        if (alpha != 1) {
            whet_tensor scaled = {0};
            whet_tensor_init(&scaled);
            if (whet_tensor_copy(&scaled, &file) != WHET_OK) return tflw_lost(w, WHET_ENOMEM);
            for (int64_t i = 0; i < whet_tensor_numel(&scaled); i++) ((float *)scaled.data)[i] *= alpha;
            whet_tensor_dispose(&file);
            file = scaled;
        }
        made = tflw_product_weights(w, n->in[1], &file, -1, name);
    }
    whet_tensor_dispose(&t);
    whet_tensor_dispose(&file);
    return made;
}

/* The bias as a vector of n; TFL_ABSENT if there is none. */
static int bias_vector(tfl_writer *w, whet_vid v, float beta, int64_t n, int x, int weights)
{
    whet_tensor t = {0}, b = {0};
    const whet_shape shape = WHET_SHAPE(n);
    if (v < 0) return TFL_ABSENT;
    if (!tflw_float_const(w, v, &t)) return tflw_lost(w, tflw_fail(w, "the bias is no constant"));
    whet_status status = whet_tensor_alloc(&b, WHET_F32, &shape);
    if (status != WHET_OK) return tflw_lost(w, status);
    const bool one = whet_tensor_numel(&t) == 1;
    for (int64_t i = 0; i < n; i++) ((float *)b.data)[i] = beta * ((const float *)t.data)[one ? 0 : i];
    const char *name = tflw_const_name(w, v);
    const int made = w->integer ? tflw_integer_bias(w, b.data, n, x, weights, name) : tflw_weights(w, &b, name);
    whet_tensor_dispose(&t);
    whet_tensor_dispose(&b);
    return made;
}

static whet_status fully_connected(tfl_writer *w, const whet_node *n)
{
    const bool gemm = whet_node_is(n, "Gemm");
    tfl_tail tail;
    tflw_product_tail(w, n, &tail, true);
    const int x = tflw_in(w, n, 0), weights = matrix(w, n, gemm ? whet_node_float(n, "alpha", 1) : 1);
    if (weights < 0) return w->status != WHET_OK ? w->status : tflw_fail(w, "the weights are no constants");
    const int bias = bias_vector(w, tail.bias, gemm ? whet_node_float(n, "beta", 1) : 1, tflw_at(w, weights)->shape[0], x, weights);
    const int y = w->integer ? tflw_integer_result(w, tail.last) : tflw_result(w, tail.last);
    const tfl_option options[] = {TFL_BYTE(TFL_FC_ACTIVATION, tail.act), TFL_BOOL(TFL_FC_KEEP_NUM_DIMS, tflw_at(w, x)->rank != 2),
                                  TFL_BOOL(TFL_FC_ASYMMETRIC_INPUTS, !w->integer && tflw_at(w, weights)->dtype == WHET_S8)};
    return tflw_op(w, TFL_FULLY_CONNECTED, TFL_IO(x, weights, bias), TFL_IO(y), 3, options);
}

/* A Transpose of the last two axes that only products of two values read: they take it as a flag. */
static bool swaps_last(const tfl_writer *w, const whet_node *n)
{
    int64_t perm[WHET_MAX_RANK];
    const int rank = w->g->values[n->in[0]].dims.rank;
    if (!whet_node_is(n, "Transpose") || rank < 2 || whet_node_ints(n, "perm", perm, WHET_MAX_RANK) != rank) return false;
    if (whet_nhwc_is(w->g, n->in[0]) || whet_nhwc_is(w->g, n->out[0])) return false;
    for (int i = 0; i < rank - 2; i++)
        if (perm[i] != i) return false;
    return perm[rank - 2] == rank - 1;
}

bool tflw_joins_product(tfl_writer *w, const whet_node *n)
{
    if (!swaps_last(w, n) || whet_graph_is_output(w->g, n->out[0])) return false;
    const whet_uses uses = whet_graph_uses(w->g, n->out[0]);
    for (int i = 0; i < uses.n; i++) {
        const whet_node *u = &w->g->nodes[uses.nodes[i]];
        if (!whet_node_is(u, "MatMul") || (u->in[0] == n->out[0] && tflw_is_fully_connected(w, u)) || w->integer_node[uses.nodes[i]]) return false;
    }
    return uses.n > 0;
}

/* Operand i, from in front of a Transpose that joins the product. */
static int operand(tfl_writer *w, const whet_node *n, int i, bool *swapped)
{
    const whet_nid p = w->g->values[n->in[i]].producer;
    *swapped = !w->integer && p != WHET_NO_NODE && tflw_joins_product(w, &w->g->nodes[p]);
    return *swapped ? tflw_value(w, w->g->nodes[p].in[0]) : tflw_in(w, n, i);
}

whet_status tflite_write_matmul(tfl_writer *w, const whet_node *n, int code)
{
    bool swap_a = false, swap_b = false;
    if (tflw_is_fully_connected(w, n)) return fully_connected(w, n);
    if (w->g->values[n->in[0]].dims.rank < 2 || w->g->values[n->in[1]].dims.rank < 2) return tflw_fail(w, "a product of vectors");
    const int a = operand(w, n, 0, &swap_a), b = operand(w, n, 1, &swap_b), y = tflw_out(w, n, 0);
    return tflw_op(w, code, TFL_IO(a, b), TFL_IO(y), TFL_OPTIONS(TFL_BOOL(TFL_BATCH_MATMUL_ADJ_X, swap_a), TFL_BOOL(TFL_BATCH_MATMUL_ADJ_Y, swap_b)));
}

whet_status tflite_write_gemm(tfl_writer *w, const whet_node *n, int code)
{
    const float alpha = whet_node_float(n, "alpha", 1), beta = whet_node_float(n, "beta", 1);
    const bool ta = whet_node_int(n, "transA", 0) != 0, tb = whet_node_int(n, "transB", 0) != 0, biased = n->n_in > 2 && n->in[2] >= 0;
    int32_t shape[WHET_MAX_RANK];
    int rank = 0;
    (void)code;
    if (tflw_is_fully_connected(w, n)) return fully_connected(w, n);
    const int a = tflw_in(w, n, 0), b = tflw_in(w, n, 1);
    tflw_shape_of(w, n->out[0], &rank, shape);
    int y = tflw_temp(w, WHET_F32, rank, shape);
    WHET_TRY(tflw_op(w, TFL_BATCH_MATMUL, TFL_IO(a, b), TFL_IO(y), TFL_OPTIONS(TFL_BOOL(TFL_BATCH_MATMUL_ADJ_X, ta), TFL_BOOL(TFL_BATCH_MATMUL_ADJ_Y, tb))));
    if (alpha != 1) y = tflw_binary(w, TFL_MUL, y, tflw_const_f32(w, alpha));
    if (biased) {
        int c = tflw_in(w, n, 2);
        if (beta != 1) c = tflw_binary(w, TFL_MUL, c, tflw_const_f32(w, beta));
        y = tflw_binary(w, TFL_ADD, y, c);
    }
    tflw_alias(w, n->out[0], y);
    return w->status;
}

/* --- normalisations */

/* A vector over channels so that it broadcasts along the file's axis `axis` of a value of this rank. */
static int along(tfl_writer *w, whet_vid v, int rank, int axis)
{
    int32_t shape[WHET_MAX_RANK];
    const int t = tflw_value(w, v);
    if (t < 0 || axis == rank - 1) return t;
    for (int i = 0; i < rank; i++) shape[i] = i == 0 ? tflw_at(w, t)->shape[0] : 1;
    return tflw_reshape(w, t, rank - axis, shape);
}

/* (x - mean) / sqrt(variance + epsilon) over the axes; without the mean for RMS. */
static int normalized(tfl_writer *w, int x, int n_axes, const int64_t *axes, float epsilon, bool centre)
{
    const int d = centre ? tflw_binary(w, TFL_SUB, x, tflw_mean(w, x, n_axes, axes)) : x;
    const int v = tflw_mean(w, tflw_binary(w, TFL_MUL, d, d), n_axes, axes);
    return tflw_binary(w, TFL_MUL, d, tflw_unary(w, TFL_RSQRT, tflw_binary(w, TFL_ADD, v, tflw_const_f32(w, epsilon))));
}

static whet_status scale_and_shift(tfl_writer *w, const whet_node *n, int y, int scale, int shift)
{
    if (scale != TFL_ABSENT) y = tflw_binary(w, TFL_MUL, y, scale);
    if (shift != TFL_ABSENT) y = tflw_binary(w, TFL_ADD, y, shift);
    tflw_alias(w, n->out[0], y);
    return w->status;
}

whet_status tflite_write_layer_norm(tfl_writer *w, const whet_node *n, int code)
{
    const bool rms = whet_node_is(n, "RMSNormalization");
    int64_t axes[WHET_MAX_RANK];
    int n_axes = 0;
    (void)code;
    for (int o = 1; o < n->n_out; o++)
        if (n->out[o] >= 0) return tflw_fail(w, "%s with its statistics as results", n->op->name);
    const int x = tflw_in(w, n, 0), rank = tflw_at(w, x)->rank;
    int64_t axis = whet_node_int(n, "axis", -1);
    for (axis = axis < 0 ? axis + rank : axis; axis < rank; axis++) axes[n_axes++] = axis;
    const int y = normalized(w, x, n_axes, axes, whet_node_float(n, "epsilon", 1e-5F), !rms);
    return scale_and_shift(w, n, y, tflw_value(w, n->in[1]), n->n_in > 2 ? tflw_value(w, n->in[2]) : TFL_ABSENT);
}

/* Of each channel, or of each group of channels, over the pixels. */
whet_status tflite_write_group_norm(tfl_writer *w, const whet_node *n, int code)
{
    const bool groups = whet_node_is(n, "GroupNormalization");
    const float epsilon = whet_node_float(n, "epsilon", 1e-5F);
    const int x = tflw_in(w, n, 0), channel = whet_nhwc_axis(w->g, n->in[0], 1);
    const tfl_tensor t = *tflw_at(w, x);
    int y = -1;
    (void)code;
    if (groups) {
        const int32_t g = (int32_t)whet_node_int(n, "num_groups", 1);
        int32_t pixels = 1;
        for (int i = 1; i < t.rank; i++) pixels *= i == channel ? 1 : t.shape[i];
        if (channel != t.rank - 1) return tflw_fail(w, "GroupNormalization of rank %d", t.rank);
        const int32_t cut[4] = {t.shape[0], pixels, g, t.shape[channel] / g};
        const int64_t axes[2] = {1, 3};
        y = tflw_reshape(w, normalized(w, tflw_reshape(w, x, 4, cut), 2, axes, epsilon, true), t.rank, t.shape);
    } else {
        int64_t axes[WHET_MAX_RANK];
        int n_axes = 0;
        for (int i = 1; i < t.rank; i++)
            if (i != channel) axes[n_axes++] = i;
        y = normalized(w, x, n_axes, axes, epsilon, true);
    }
    return scale_and_shift(w, n, y, along(w, n->in[1], t.rank, channel), along(w, n->in[2], t.rank, channel));
}

/* One that no convolution took in. */
whet_status tflite_write_batch_norm(tfl_writer *w, const whet_node *n, int code)
{
    const float epsilon = whet_node_float(n, "epsilon", 1e-5F);
    const int channel = whet_nhwc_axis(w->g, n->in[0], 1), rank = w->g->values[n->in[0]].dims.rank;
    whet_tensor p[4] = {{0}};
    int32_t shape[WHET_MAX_RANK];
    bool ok = true;
    (void)code;
    for (int o = 1; o < n->n_out; o++)
        if (n->out[o] >= 0) return tflw_fail(w, "BatchNormalization in training; convert with frozen statistics");
    for (int i = 0; i < 4; i++) ok = tflw_float_const(w, n->in[i + 1], &p[i]) && ok;
    const int64_t c = ok ? whet_tensor_numel(&p[0]) : 0;
    float *k = whet_arena_alloc(w->arena, (size_t)c * 2 * sizeof(*k) + 8);
    for (int64_t i = 0; i < c && k; i++) {
        const double f = ((float *)p[0].data)[i] / sqrt((double)((float *)p[3].data)[i] + (double)epsilon);
        k[i] = (float)f;
        k[c + i] = (float)(((float *)p[1].data)[i] - ((float *)p[2].data)[i] * f);
    }
    for (int i = 0; i < 4; i++) whet_tensor_dispose(&p[i]);
    if (!ok) return tflw_fail(w, "BatchNormalization without constant statistics");
    if (!k) return WHET_ENOMEM;
    for (int i = 0; i < rank; i++) shape[i] = i == 0 ? (int32_t)c : 1;
    const int n_dims = rank - channel;
    return scale_and_shift(w, n, tflw_in(w, n, 0), tflw_const_f32s(w, n_dims, shape, k), tflw_const_f32s(w, n_dims, shape, k + c));
}

whet_status tflite_write_lrn(tfl_writer *w, const whet_node *n, int code)
{
    const int64_t size = whet_node_int(n, "size", 1);
    if (size % 2 == 0) return tflw_fail(w, "LRN of an even size %lld", (long long)size);
    if (whet_nhwc_axis(w->g, n->in[0], 1) != w->g->values[n->in[0]].dims.rank - 1) return tflw_fail(w, "LRN of a value that is no image");
    const int x = tflw_in(w, n, 0), y = tflw_out(w, n, 0);
    const tfl_option options[] = {TFL_INT(TFL_LRN_RADIUS, (size - 1) / 2), TFL_FLOAT(TFL_LRN_BIAS, whet_node_float(n, "bias", 1)),
                                  TFL_FLOAT(TFL_LRN_ALPHA, whet_node_float(n, "alpha", 1e-4F) / (float)size),
                                  TFL_FLOAT(TFL_LRN_BETA, whet_node_float(n, "beta", 0.75F))};
    return tflw_op(w, code, TFL_IO(x), TFL_IO(y), 4, options);
}
