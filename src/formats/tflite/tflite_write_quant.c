/* SPDX-License-Identifier: Apache-2.0 */
/* Integers. A value between a QuantizeLinear and its DequantizeLinear is one tensor of 8 or 16 bits in the file, signed inside
 * (u8 is s8 with 128 less; inputs and outputs keep their type and a QUANTIZE moves them
 * over). A node whose operands are
 * dequantised and whose results are quantised works on those tensors, where TFLite has it in integers:
 *   - kernels that rescale (convolutions, products, sums, ...) go straight to the result's scale;
 *   - kernels that move or compare need one scale: theirs is the operand's, a QUANTIZE behind brings the result to its own;
 *   - softmax, logistic, tanh have a fixed scale; with any other they are computed in float: rounding twice adds up;
 *   - products of two values of 8 bits are computed in float: LiteRT's kernel rounds twice; likewise sums that a normalisation,
 *     which is computed in float, reads: XNNPACK's integer sum rounds a few otherwise.
 * Everything else is computed in float between DEQUANTIZE and QUANTIZE. */
#include <math.h>

#include "formats/tflite/tflite_write_rows.h"

typedef enum rule { NONE, RESCALES, SAME_SCALE, FIXED, PRODUCT } rule;

static const struct { const char *op; rule how; } rules[] = {
    {"Conv", PRODUCT},         {"ConvTranspose", PRODUCT}, {"Gemm", PRODUCT},       {"MatMul", PRODUCT},
    {"Add", RESCALES},         {"Sub", RESCALES},          {"Mul", RESCALES},       {"Relu", RESCALES},
    {"Clip", RESCALES},        {"LeakyRelu", RESCALES},    {"PRelu", RESCALES},     {"HardSwish", RESCALES},
    {"Gelu", RESCALES},        {"ReduceMean", RESCALES},   {"GlobalAveragePool", RESCALES},
    {"Concat", RESCALES}, /* its operands are brought to the result's scale */
    {"MaxPool", SAME_SCALE},   {"AveragePool", SAME_SCALE}, {"Reshape", SAME_SCALE}, {"Flatten", SAME_SCALE},
    {"Squeeze", SAME_SCALE},   {"Unsqueeze", SAME_SCALE},  {"Transpose", SAME_SCALE}, {"whet.Reorder", SAME_SCALE},
    {"Split", SAME_SCALE},     {"Slice", SAME_SCALE},      {"Pad", SAME_SCALE},     {"Gather", SAME_SCALE},
    {"Tile", SAME_SCALE},      {"Resize", SAME_SCALE},     {"DepthToSpace", SAME_SCALE}, {"SpaceToDepth", SAME_SCALE},
    {"Softmax", FIXED},        {"Sigmoid", FIXED},         {"Tanh", FIXED}};

static rule rule_of(const whet_node *n)
{
    for (size_t i = 0; i < WHET_COUNT(rules); i++)
        if (whet_node_is(n, rules[i].op)) return rules[i].how;
    return NONE;
}

/* --- parameters */

/* Scale and zero point of a Q or DQ node in the file's terms (u8 as s8, unless it stays); false if they are no constants or blocks. */
static bool params_of(const tfl_writer *w, const whet_node *n, whet_dtype t, whet_vid v, tfl_quant *q)
{
    const whet_tensor *s = whet_graph_const_data(w->g, n->in[1]);
    const whet_tensor *z = n->n_in > 2 && n->in[2] >= 0 ? whet_graph_const_data(w->g, n->in[2]) : NULL;
    const int64_t shift = t == WHET_U8 && !w->keeps_unsigned ? 128 : 0;
    if (!s || (n->n_in > 2 && n->in[2] >= 0 && !z) || whet_node_int(n, "block_size", 0) != 0) return false;
    const int64_t count = whet_tensor_numel(s);
    float *scale = whet_arena_alloc(w->arena, (size_t)count * sizeof(*scale) + 8);
    int64_t *zero = whet_arena_alloc(w->arena, (size_t)count * sizeof(*zero) + 8);
    if (!scale || !zero || count < 1) return false;
    for (int64_t i = 0; i < count; i++) {
        scale[i] = (float)whet_tensor_get_f64(s, i);
        zero[i] = (z ? whet_tensor_get_s64(z, whet_tensor_numel(z) > 1 ? i : 0) : 0) - shift;
    }
    *q = (tfl_quant){.n = (int)count, .axis = count > 1 ? whet_nhwc_axis(w->g, v, whet_node_int(n, "axis", 1)) : 0, .scale = scale, .zero = zero};
    return true;
}

static bool is_small_int(whet_dtype t) { return t == WHET_S8 || t == WHET_U8 || t == WHET_S16; }

/* Parameters of an integer value: its producer's, or its first reader's. */
static bool params_of_value(const tfl_writer *w, whet_vid v, tfl_quant *q)
{
    const whet_value *x = &w->g->values[v];
    if (x->producer != WHET_NO_NODE && whet_node_is(&w->g->nodes[x->producer], "QuantizeLinear"))
        return params_of(w, &w->g->nodes[x->producer], x->dtype, v, q);
    const whet_uses uses = whet_graph_uses(w->g, v);
    for (int i = 0; i < uses.n; i++)
        if (whet_node_is(&w->g->nodes[uses.nodes[i]], "DequantizeLinear")) return params_of(w, &w->g->nodes[uses.nodes[i]], x->dtype, v, q);
    return false;
}

static bool same_params(const tfl_quant *a, const tfl_quant *b) { return a->n == 1 && b->n == 1 && a->scale[0] == b->scale[0] && a->zero[0] == b->zero[0]; }

/* The integer value behind a dequantised one, WHET_NO_VALUE if it is none or has several scales. */
static whet_vid integer_source(const tfl_writer *w, whet_vid v)
{
    tfl_quant q;
    if (v < 0 || w->g->values[v].producer == WHET_NO_NODE) return WHET_NO_VALUE;
    const whet_node *n = &w->g->nodes[w->g->values[v].producer];
    if (!whet_node_is(n, "DequantizeLinear") || !is_small_int(w->g->values[n->in[0]].dtype)) return WHET_NO_VALUE;
    return params_of(w, n, w->g->values[n->in[0]].dtype, n->in[0], &q) && q.n == 1 ? n->in[0] : WHET_NO_VALUE;
}

bool tflw_is_dequantized(const tfl_writer *w, whet_vid v) { return integer_source(w, v) != WHET_NO_VALUE; }

/* The value that all readers of v quantise it to; WHET_NO_VALUE if there is no such one. */
static whet_vid integer_target(const tfl_writer *w, whet_vid v)
{
    const whet_uses uses = whet_graph_uses(w->g, v);
    tfl_quant first = {.n = 0}, q;
    whet_vid target = WHET_NO_VALUE;
    if (whet_graph_is_output(w->g, v)) return WHET_NO_VALUE;
    for (int i = 0; i < uses.n; i++) {
        const whet_node *n = &w->g->nodes[uses.nodes[i]];
        if (!whet_node_is(n, "QuantizeLinear") || !is_small_int(w->g->values[n->out[0]].dtype)) return WHET_NO_VALUE;
        if (!params_of(w, n, w->g->values[n->out[0]].dtype, n->out[0], &q) || q.n != 1) return WHET_NO_VALUE;
        if (i > 0 && !same_params(&first, &q)) return WHET_NO_VALUE;
        if (i == 0) {
            first = q;
            target = n->out[0];
        }
    }
    return target;
}

static whet_dtype inner_dtype(const tfl_writer *w, whet_vid q)
{
    const whet_dtype t = w->g->values[q].dtype;
    return t == WHET_U8 && !w->keeps_unsigned ? WHET_S8 : t;
}

bool tflw_integer_weights(const tfl_writer *w, whet_vid v, whet_tensor *data, tfl_quant *q)
{
    whet_tensor_init(data);
    if (v < 0 || w->g->values[v].producer == WHET_NO_NODE) return false;
    const whet_node *n = &w->g->nodes[w->g->values[v].producer];
    const whet_tensor *t = whet_node_is(n, "DequantizeLinear") ? whet_graph_const_data(w->g, n->in[0]) : NULL;
    if (!t || (t->dtype != WHET_S8 && t->dtype != WHET_U8) || !params_of(w, n, t->dtype, n->in[0], q)) return false;
    const bool as_they_are = t->dtype == WHET_S8 || w->keeps_unsigned;
    if (w->keeps_unsigned && (t->dtype != WHET_U8 || q->n != 1)) return false; /* kernels of u8 have one scale */
    for (int i = 0; i < q->n; i++)
        if (q->zero[i] != 0 && !w->keeps_unsigned) return false;
    if (as_they_are) {
        if (!t->buffer) return whet_tensor_copy(data, t) == WHET_OK;
        whet_tensor_ref(data, t);
        return true;
    }
    if (whet_tensor_alloc(data, WHET_S8, &t->shape) != WHET_OK) return false;
    for (int64_t i = 0; i < whet_tensor_numel(t); i++) ((int8_t *)data->data)[i] = (int8_t)(((const uint8_t *)t->data)[i] - 128);
    return true;
}

/* --- which nodes are written in integers */

/* Weights with one scale for each output, and a constant bias that fits. Of two values of 8 bits LiteRT rounds the sum twice: it
 * is one off in 0.4 to 1.7 % of the elements of an attention, which the blocks behind make ten steps; so they are computed in float. */
static bool product_fits(tfl_writer *w, const whet_node *n, const tfl_tail *tail, whet_vid x)
{
    const bool conv = whet_node_is(n, "Conv") || whet_node_is(n, "ConvTranspose"), turned = whet_node_is(n, "ConvTranspose");
    const bool matrix = !conv && tflw_is_fully_connected(w, n);
    whet_tensor data = {0}, b = {0};
    tfl_quant q, xq;
    if (!conv && !matrix) return whet_node_is(n, "MatMul") && w->g->values[x].dtype == WHET_S16 && integer_source(w, n->in[1]) != WHET_NO_VALUE;
    if (whet_node_is(n, "Gemm") && (whet_node_float(n, "alpha", 1) != 1 || whet_node_float(n, "beta", 1) != 1)) return false;
    if (!params_of_value(w, x, &xq) || !tflw_integer_weights(w, n->in[1], &data, &q)) return false;
    whet_tensor_dispose(&data);
    const int outputs = turned ? 1 : conv || (whet_node_is(n, "Gemm") && whet_node_int(n, "transB", 0) != 0) ? 0 : 1;
    if (q.n > 1 && q.axis != outputs) return false;
    if (turned && whet_node_int(n, "group", 1) != 1) return false;
    const whet_vid bias = conv ? (n->n_in > 2 ? n->in[2] : WHET_NO_VALUE) : tail->bias;
    if (bias < 0) return true;
    if (!tflw_float_const(w, bias, &b)) return false;
    bool fits = true;
    for (int64_t i = 0; i < whet_tensor_numel(&b); i++)
        fits = fits && fabs((double)((float *)b.data)[i] / ((double)xq.scale[0] * (double)q.scale[q.n > 1 && i < q.n ? i : 0])) < 1 << 30;
    whet_tensor_dispose(&b);
    return fits;
}

static bool window_fits(const tfl_writer *w, const whet_node *n)
{
    whet_nhwc_window win;
    if (!whet_node_is(n, "AveragePool")) return true;
    if (whet_nhwc_window_of(w->g, n, &win) != WHET_OK) return false;
    const bool included = whet_node_int(n, "count_include_pad", 0) != 0;
    return tflw_counts_all(n, &win) || (win.same && !included);
}

/* Softmax, logistic and tanh give one scale only: 1/256 from -128, or 1/128 around 0. */
static bool scale_is_fixed(const tfl_writer *w, const whet_node *n, whet_dtype t)
{
    tfl_quant q;
    const whet_vid target = integer_target(w, n->out[0]);
    const bool around = whet_node_is(n, "Tanh") || t == WHET_S16;
    const float scale = t == WHET_S16 ? 1.0F / 32768 : around ? 1.0F / 128 : 1.0F / 256;
    const int64_t zero = t == WHET_U8 ? (around ? 128 : 0) : around ? 0 : -128;
    return params_of_value(w, target, &q) && fabsf(q.scale[0] - scale) < 1e-6F * scale && q.zero[0] == zero;
}

static bool constant_one(const tfl_writer *w, whet_vid v)
{
    whet_tensor t = {0};
    const bool yes = tflw_float_const(w, v, &t) && whet_tensor_numel(&t) == 1 && ((const float *)t.data)[0] != 0;
    whet_tensor_dispose(&t);
    return yes;
}

/* Operands beside the first that carry data. */
static bool operands_fit(tfl_writer *w, const whet_node *n, whet_dtype t)
{
    const bool all = whet_node_is(n, "Add") || whet_node_is(n, "Sub") || whet_node_is(n, "Mul") || whet_node_is(n, "Concat") || whet_node_is(n, "PRelu");
    for (int i = 0; i < (all ? n->n_in : 1); i++) {
        const whet_vid q = integer_source(w, n->in[i]);
        if (q != WHET_NO_VALUE && inner_dtype(w, q) == t) continue;
        if (q != WHET_NO_VALUE || whet_node_is(n, "Concat") || t == WHET_S16 || !constant_one(w, n->in[i])) return false;
    }
    return true;
}

/* Whether a normalisation reads what v is quantised to: it is computed in float. */
static bool is_normalized(const tfl_writer *w, whet_vid v)
{
    const whet_uses q = whet_graph_uses(w->g, v);
    for (int i = 0; i < q.n; i++) {
        const whet_node *quantize = &w->g->nodes[q.nodes[i]];
        const whet_uses dq = whet_graph_uses(w->g, quantize->out[0]);
        for (int k = 0; k < dq.n; k++) {
            const whet_uses readers = whet_graph_uses(w->g, w->g->nodes[dq.nodes[k]].out[0]);
            for (int r = 0; r < readers.n; r++)
                if (whet_node_is(&w->g->nodes[readers.nodes[r]], "LayerNormalization")) return true;
        }
    }
    return false;
}

static bool is_integer(tfl_writer *w, const whet_node *n)
{
    const rule how = rule_of(n);
    tfl_tail tail = {.last = n->n_out > 0 ? n->out[0] : WHET_NO_VALUE, .bias = WHET_NO_VALUE};
    whet_vid x = n->n_in > 0 ? integer_source(w, n->in[0]) : WHET_NO_VALUE;
    if (how == NONE) return false;
    for (int i = 1; x == WHET_NO_VALUE && i < n->n_in && how == RESCALES; i++) x = integer_source(w, n->in[i]); /* c * x */
    if (x == WHET_NO_VALUE) return false;
    const whet_dtype t = inner_dtype(w, x);
    if (whet_node_is(n, "Gemm") || whet_node_is(n, "MatMul")) tflw_product_tail(w, n, &tail, false);
    else if (whet_node_is(n, "Conv") || whet_node_is(n, "Add") || whet_node_is(n, "Sub") || whet_node_is(n, "Mul") || how == SAME_SCALE)
        (void)tflw_fused(w, n->out[0], &tail.last);
    if (how == SAME_SCALE && !whet_node_is(n, "MaxPool") && !whet_node_is(n, "AveragePool")) tail.last = n->out[0];
    if (whet_node_is(n, "GlobalAveragePool")) tail.last = tflw_pooled(w, n);
    for (int o = 0; o < n->n_out; o++) {
        const whet_vid q = n->out[o] < 0 ? WHET_NO_VALUE : integer_target(w, o == 0 ? tail.last : n->out[o]);
        if (q == WHET_NO_VALUE || inner_dtype(w, q) != t) return false;
    }
    if (t == WHET_S16 && (whet_node_is(n, "Gelu") || whet_node_is(n, "HardSwish") || whet_node_is(n, "PRelu"))) return false;
    if (whet_node_is(n, "Add") && t != WHET_S16 && is_normalized(w, tail.last)) return false;
    if (whet_node_is(n, "Clip") && !tflw_clips_in_integers(w, n)) return false;
    if (whet_node_is(n, "Softmax") && whet_nhwc_axis(w->g, n->in[0], whet_node_int(n, "axis", -1)) != w->g->values[n->in[0]].dims.rank - 1) return false;
    if (how == FIXED && !scale_is_fixed(w, n, t)) return false;
    return operands_fit(w, n, t) && window_fits(w, n) && (how != PRODUCT || product_fits(w, n, &tail, x));
}

/* Weights of u8 with a zero point of their own, as the oldest files have them: only kernels of u8 take them, so all stays u8. */
void tflw_look_for_unsigned(tfl_writer *w)
{
    for (whet_nid id = 0; id < w->g->n_nodes; id++) {
        const whet_node *n = &w->g->nodes[id];
        tfl_quant q;
        if (rule_of(n) != PRODUCT || n->in[1] < 0 || w->g->values[n->in[1]].producer == WHET_NO_NODE) continue;
        const whet_node *dq = &w->g->nodes[w->g->values[n->in[1]].producer];
        if (!whet_node_is(dq, "DequantizeLinear") || w->g->values[dq->in[0]].dtype != WHET_U8 || !whet_graph_const_data(w->g, dq->in[0])) continue;
        if (params_of(w, dq, WHET_U8, dq->in[0], &q) && q.n == 1 && q.zero[0] != 0) w->keeps_unsigned = true;
        if (w->keeps_unsigned) return;
    }
}

whet_status tflw_find_integer_nodes(tfl_writer *w)
{
    for (whet_nid id = 0; id < w->g->n_nodes; id++)
        if (w->g->nodes[id].op) w->integer_node[id] = is_integer(w, &w->g->nodes[id]);
    return w->status;
}

/* --- tensors */

static int quantized_temp(tfl_writer *w, whet_dtype t, int rank, const int32_t *shape, const tfl_quant *q)
{
    const int made = tflw_temp(w, t, rank, shape);
    if (made >= 0) w->tensors[made].q = *q;
    return made;
}

static int requantize(tfl_writer *w, int from, int to)
{
    return tflw_op(w, TFL_QUANTIZE, TFL_IO(from), TFL_IO(to), TFL_NO_OPTIONS) == WHET_OK ? to : -1;
}

static int integer_const(tfl_writer *w, whet_vid v, const tfl_quant *q)
{
    whet_tensor t = {0}, s = {0};
    whet_status status = whet_nhwc_const(w->g, v, &t);
    if (status == WHET_OK && t.dtype == WHET_U8 && !w->keeps_unsigned) {
        status = whet_tensor_alloc(&s, WHET_S8, &t.shape);
        for (int64_t i = 0; status == WHET_OK && i < whet_tensor_numel(&t); i++) ((int8_t *)s.data)[i] = (int8_t)(((uint8_t *)t.data)[i] - 128);
        whet_tensor_dispose(&t);
        t = s;
    }
    if (status != WHET_OK) return tflw_lost(w, status);
    const int made = tflw_const(w, &t, w->g->values[v].name, q);
    whet_tensor_dispose(&t);
    return made;
}

/* The signed tensor of an integer value; a copy of what other operators than QuantizeLinear make without a sign. */
int tflw_integer_value(tfl_writer *w, whet_vid v)
{
    const whet_value *x = &w->g->values[v];
    int32_t shape[WHET_MAX_RANK];
    int rank = 0;
    tfl_quant q = {.n = 0};
    if (w->integer_of[v] >= 0) return w->integer_of[v];
    const bool known = params_of_value(w, v, &q);
    if (x->kind == WHET_VALUE_CONST) return w->integer_of[v] = integer_const(w, v, known ? &q : NULL);
    tflw_shape_of(w, v, &rank, shape);
    if (x->kind == WHET_VALUE_INPUT || !whet_node_is(&w->g->nodes[x->producer], "QuantizeLinear")) {
        const int in = tflw_result(w, v);
        if (in < 0) return -1;
        if (x->dtype != WHET_U8 || w->keeps_unsigned) {
            w->tensors[in].q = q;
            return w->integer_of[v] = in;
        }
        int64_t *zero = whet_arena_alloc(w->arena, (size_t)q.n * sizeof(*zero) + 8);
        if (!zero) return tflw_lost(w, WHET_ENOMEM);
        for (int i = 0; i < q.n; i++) zero[i] = q.zero[i] + 128;
        w->tensors[in].q = q;
        w->tensors[in].q.zero = zero;
        const int inner = quantized_temp(w, WHET_S8, rank, shape, &q);
        return w->integer_of[v] = requantize(w, in, inner);
    }
    const int made = quantized_temp(w, inner_dtype(w, v), rank, shape, &q);
    if (made >= 0) w->tensors[made].name = x->name;
    return w->integer_of[v] = made;
}

/* A scalar in integers: +-127 steps of its own size. */
static int integer_scalar(tfl_writer *w, const whet_node *n, whet_vid v)
{
    whet_tensor t = {0}, one = {0};
    if (!tflw_float_const(w, v, &t)) return tflw_lost(w, tflw_fail(w, "operand '%s' of %s is neither quantised nor one number", w->g->values[v].name, n->op->name));
    const float x = ((const float *)t.data)[0];
    float *scale = whet_arena_alloc(w->arena, sizeof(*scale));
    int64_t *zero = whet_arena_alloc(w->arena, sizeof(*zero));
    const bool u8 = w->keeps_unsigned;
    whet_status status = scale && zero ? whet_tensor_alloc(&one, u8 ? WHET_U8 : WHET_S8, &t.shape) : WHET_ENOMEM;
    whet_tensor_dispose(&t);
    if (status != WHET_OK) return tflw_lost(w, status);
    *scale = fabsf(x) / (u8 ? 255 : 127);
    *zero = u8 && x < 0 ? 255 : 0;
    whet_tensor_set_s64(&one, 0, u8 ? (x < 0 ? 0 : 255) : x < 0 ? -127 : 127);
    const tfl_quant q = {.n = 1, .scale = scale, .zero = zero};
    const int made = tflw_const(w, &one, NULL, &q);
    whet_tensor_dispose(&one);
    return made;
}

int tflw_integer_operand(tfl_writer *w, const whet_node *n, whet_vid v)
{
    const whet_vid q = integer_source(w, v);
    return q == WHET_NO_VALUE ? integer_scalar(w, n, v) : tflw_integer_value(w, q);
}

int tflw_integer_result(tfl_writer *w, whet_vid v)
{
    const whet_node *n = w->node;
    const rule how = rule_of(n);
    const whet_vid target = integer_target(w, v);
    int32_t shape[WHET_MAX_RANK];
    int rank = 0;
    if (target == WHET_NO_VALUE) return tflw_lost(w, tflw_fail(w, "a result that is not quantised"));
    const int made = tflw_integer_value(w, target);
    w->fed[target] = 1;
    if (made < 0 || how != SAME_SCALE) return made;
    const tfl_tensor t = *tflw_at(w, made);
    const tfl_quant q = tflw_at(w, tflw_integer_operand(w, n, n->in[0]))->q;
    if (q.n != 1) return tflw_lost(w, WHET_ENOMEM);
    if (same_params(&q, &t.q)) return made;
    tflw_shape_of(w, v, &rank, shape);
    const int own = quantized_temp(w, t.dtype, rank, shape, &q);
    if (w->n_pending == TFL_MAX_IO) return tflw_lost(w, tflw_fail(w, "more than %d results", TFL_MAX_IO));
    w->pending[w->n_pending++] = (tfl_pending){own, made};
    return own;
}

bool tflw_integer_alias(tfl_writer *w, whet_vid v, int x)
{
    const whet_vid target = integer_target(w, v);
    tfl_quant q;
    if (x < 0 || target == WHET_NO_VALUE || w->integer_of[target] >= 0 || !params_of_value(w, target, &q)) return false;
    if (!same_params(&q, &w->tensors[x].q)) return false;
    w->integer_of[target] = x;
    w->fed[target] = 1;
    return true;
}

int tflw_integer_output(tfl_writer *w, whet_vid v)
{
    const whet_value *x = &w->g->values[v];
    const int inner = tflw_integer_value(w, v);
    if (inner < 0 || x->dtype != WHET_U8 || w->keeps_unsigned) return inner;
    const tfl_tensor t = *tflw_at(w, inner);
    int64_t *zero = whet_arena_alloc(w->arena, (size_t)t.q.n * sizeof(*zero) + 8);
    if (!zero) return tflw_lost(w, WHET_ENOMEM);
    for (int i = 0; i < t.q.n; i++) zero[i] = t.q.zero[i] + 128;
    const tfl_quant q = {.n = t.q.n, .axis = t.q.axis, .scale = t.q.scale, .zero = zero};
    return requantize(w, inner, quantized_temp(w, WHET_U8, t.rank, t.shape, &q));
}

whet_status tflw_requantize_pending(tfl_writer *w)
{
    for (int i = 0; i < w->n_pending && w->status == WHET_OK; i++) (void)requantize(w, w->pending[i].from, w->pending[i].to);
    w->n_pending = 0;
    return w->status;
}

int tflw_requantized(tfl_writer *w, int x, int like)
{
    if (x < 0 || like < 0) return -1;
    const tfl_tensor t = *tflw_at(w, x);
    const tfl_quant q = tflw_at(w, like)->q;
    if (same_params(&t.q, &q)) return x;
    const int made = quantized_temp(w, t.dtype, t.rank, t.shape, &q);
    return requantize(w, x, made);
}

int tflw_integer_bias(tfl_writer *w, const float *bias, int64_t n, int x, int weights, const char *name)
{
    const tfl_quant xq = tflw_at(w, x)->q, wq = tflw_at(w, weights)->q;
    const bool wide = tflw_at(w, x)->dtype == WHET_S16;
    float *scale = whet_arena_alloc(w->arena, (size_t)wq.n * sizeof(*scale) + 8);
    int64_t *zero = whet_arena_alloc(w->arena, (size_t)wq.n * sizeof(*zero) + 8);
    const whet_shape shape = WHET_SHAPE(n);
    whet_tensor t = {0};
    if (xq.n != 1 || wq.n < 1) return tflw_lost(w, tflw_fail(w, "a bias without scales"));
    whet_status status = scale && zero ? whet_tensor_alloc(&t, wide ? WHET_S64 : WHET_S32, &shape) : WHET_ENOMEM;
    if (status != WHET_OK) return tflw_lost(w, status);
    for (int i = 0; i < wq.n; i++) scale[i] = xq.scale[0] * wq.scale[i];
    for (int64_t i = 0; i < n; i++) whet_tensor_set_s64(&t, i, (int64_t)llrint((double)bias[i] / (double)scale[wq.n > 1 ? i : 0]));
    const tfl_quant q = {.n = wq.n, .scale = scale, .zero = zero};
    const int made = tflw_const(w, &t, name, &q);
    whet_tensor_dispose(&t);
    return made;
}

/* --- the nodes themselves */

whet_status tflite_write_quantize(tfl_writer *w, const whet_node *n, int code)
{
    const whet_vid x = n->in[0], y = n->out[0];
    tfl_quant q, xq;
    if (!is_small_int(w->g->values[y].dtype)) return tflw_fail(w, "QuantizeLinear to %s", whet_dtype_name(w->g->values[y].dtype));
    if (!params_of(w, n, w->g->values[y].dtype, y, &q)) return tflw_fail(w, "QuantizeLinear with scales that are no constants, or in blocks");
    if (q.n > 1) return tflw_fail(w, "QuantizeLinear with a scale for each channel; an activation has one");
    const whet_vid source = integer_source(w, x), first = integer_target(w, x);
    if (first != WHET_NO_VALUE && w->integer_of[first] >= 0 && w->fed[first]) {
        w->integer_of[y] = w->integer_of[first]; /* the node in front gave it in integers */
        w->fed[y] = 1;
        return WHET_OK;
    }
    if (source != WHET_NO_VALUE && params_of_value(w, source, &xq) && inner_dtype(w, source) == inner_dtype(w, y)) {
        const int from = tflw_integer_value(w, source);
        if (same_params(&xq, &q)) w->integer_of[y] = from;
        else (void)requantize(w, from, tflw_integer_value(w, y));
        return w->status;
    }
    const int from = tflw_value(w, x), to = tflw_integer_value(w, y);
    return tflw_op(w, code, TFL_IO(from), TFL_IO(to), TFL_NO_OPTIONS);
}

/* Written when somebody asks for the floats. */
whet_status tflite_write_dequantize(tfl_writer *w, const whet_node *n, int code)
{
    (void)n;
    (void)code;
    return w->status;
}
