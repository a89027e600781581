/* SPDX-License-Identifier: Apache-2.0 */
/* The lowest version of each operator that fits its operands, and the oldest runtime that knows it (TensorFlow's
 * lite/tools/versioning: op_version.cc, runtime_version.cc). */
#include <stdio.h>

#include "formats/tflite/tflite_writer.h"

/* Versions by the type of the first operand: in float, s8, s16. Operators that are not listed have version 1. */
static const struct { int code; uint8_t f32, s8, s16; } plain[] = {
    {TFL_MAX_POOL_2D, 1, 2, 3},      {TFL_AVERAGE_POOL_2D, 1, 2, 3},  {TFL_MUL, 1, 2, 4},
    {TFL_ADD, 1, 2, 3},              {TFL_SUB, 1, 2, 5},              {TFL_TANH, 1, 2, 3},
    {TFL_LOGISTIC, 1, 2, 3},         {TFL_SOFTMAX, 1, 2, 3},          {TFL_MEAN, 1, 2, 3},
    {TFL_MIRROR_PAD, 1, 2, 3},       {TFL_REDUCE_MAX, 1, 2, 3},       {TFL_REDUCE_MIN, 1, 2, 3},
    {TFL_RELU6, 1, 2, 3},            {TFL_RELU, 1, 2, 3},             {TFL_RSQRT, 1, 2, 3},
    {TFL_CONCATENATION, 1, 2, 3},    {TFL_PAD, 1, 2, 3},              {TFL_PADV2, 1, 2, 3},
    {TFL_MAXIMUM, 1, 2, 4},          {TFL_MINIMUM, 1, 2, 4},          {TFL_LEAKY_RELU, 1, 1, 2},
    {TFL_GATHER, 1, 2, 4},           {TFL_TILE, 1, 3, 3},             {TFL_SPLIT_V, 1, 2, 2},
    {TFL_SUM, 1, 2, 2},              {TFL_LOG_SOFTMAX, 1, 2, 2},      {TFL_DEPTH_TO_SPACE, 1, 2, 2},
    {TFL_SPACE_TO_DEPTH, 1, 2, 2},   {TFL_ARG_MAX, 1, 2, 2},          {TFL_ARG_MIN, 1, 2, 2},
    {TFL_TOPK_V2, 1, 2, 3},          {TFL_EXP, 1, 2, 2},              {TFL_LOG, 1, 2, 2},
    {TFL_REDUCE_PROD, 1, 2, 2},      {TFL_GELU, 1, 2, 2},             {TFL_BROADCAST_TO, 2, 3, 3},
    {TFL_EQUAL, 1, 2, 4},            {TFL_NOT_EQUAL, 1, 2, 2},        {TFL_LESS, 1, 2, 3},
    {TFL_GREATER, 1, 2, 2},          {TFL_GREATER_EQUAL, 1, 2, 3},    {TFL_LESS_EQUAL, 1, 2, 2},
    {TFL_ABS, 1, 2, 3},              {TFL_STRIDED_SLICE, 1, 2, 2},    {TFL_RESIZE_BILINEAR, 1, 2, 4},
    {TFL_RESIZE_NEAREST_NEIGHBOR, 1, 2, 4}, {TFL_TRANSPOSE, 1, 2, 5}, {TFL_SPLIT, 1, 2, 4},
    {TFL_BATCH_MATMUL, 1, 2, 3},     {TFL_CONV_2D, 1, 3, 1},          {TFL_DEPTHWISE_CONV_2D, 1, 3, 1},
    {TFL_FULLY_CONNECTED, 1, 4, 1},  {TFL_TRANSPOSE_CONV, 1, 2, 1},   {TFL_DEQUANTIZE, 1, 2, 3}};

static const tfl_tensor *operand(const tfl_writer *w, const tfl_operation *op, int i)
{
    return tflw_at(w, i < op->n_in ? op->in[i] : -1);
}

static bool is_set(const tfl_operation *op, int field)
{
    for (int i = 0; i < op->n_opt; i++)
        if (op->opt[i].field == field) return op->opt[i].i != op->opt[i].otherwise;
    return false;
}

static int base_version(const tfl_operation *op, whet_dtype t)
{
    for (size_t i = 0; i < WHET_COUNT(plain); i++)
        if (plain[i].code == op->code) return t == WHET_S8 ? plain[i].s8 : t == WHET_S16 ? plain[i].s16 : plain[i].f32;
    return 1;
}

/* Products: float activations with weights of bytes, groups, dilation, operands left out. */
static int product_version(const tfl_writer *w, const tfl_operation *op, int base)
{
    const tfl_tensor *x = operand(w, op, 0), *k = operand(w, op, 1);
    const bool hybrid = x->dtype == WHET_F32 && k->dtype == WHET_S8;
    if (op->code == TFL_CONV_2D) {
        if (x->shape[3] != k->shape[3]) return 6;
        return hybrid ? (k->q.n > 1 ? 5 : 2) : base;
    }
    if (op->code == TFL_DEPTHWISE_CONV_2D) {
        if (hybrid) return k->q.n > 1 ? 6 : 4;
        const bool dilated = is_set(op, TFL_DEPTHWISE_DILATION_W) || is_set(op, TFL_DEPTHWISE_DILATION_H);
        return dilated ? WHET_MAX(base, 2) : base;
    }
    if (hybrid && k->q.n > 1) return 12;
    if (op->n_in == 2) return 6;
    if (hybrid) return is_set(op, TFL_FC_ASYMMETRIC_INPUTS) ? 9 : is_set(op, TFL_FC_KEEP_NUM_DIMS) ? 5 : 3;
    return is_set(op, TFL_FC_KEEP_NUM_DIMS) ? 5 : base;
}

static int cast_version(whet_dtype a, whet_dtype b)
{
    if (a == WHET_U16 || b == WHET_U16) return 4;
    if (a == WHET_S8 || b == WHET_S8) return 3;
    return a == WHET_U32 || b == WHET_U32 ? 2 : 1;
}

int tflw_op_version(const tfl_writer *w, const tfl_operation *op)
{
    const tfl_tensor *x = operand(w, op, 0), *x1 = operand(w, op, 1), *y = tflw_at(w, op->out[0]);
    const bool broadcast = op->n_in > 1 && (x->rank != x1->rank || memcmp(x->shape, x1->shape, (size_t)x->rank * sizeof(*x->shape)) != 0);
    const int rank = WHET_MAX(x->rank, op->n_in > 1 ? x1->rank : 0);
    const int base = base_version(op, op->code == TFL_SPLIT || op->code == TFL_TRANSPOSE_CONV ? x1->dtype : x->dtype);
    switch (op->code) {
    case TFL_CONV_2D:
    case TFL_DEPTHWISE_CONV_2D:
    case TFL_FULLY_CONNECTED: return product_version(w, op, base);
    case TFL_TRANSPOSE_CONV: return op->n_in == 4 ? 3 : base;
    case TFL_CAST: return cast_version(x->dtype, y->dtype);
    case TFL_QUANTIZE: return y->dtype == WHET_S16 ? 2 : 1;
    case TFL_DEQUANTIZE: return x->dtype == WHET_F16 ? 3 : x->q.n > 1 ? 5 : base;
    case TFL_TRANSPOSE: return x->rank > 5 ? 6 : base < 5 && x->rank > 4 ? 4 : base;
    case TFL_PAD:
    case TFL_PADV2: return x->rank > 4 ? 4 : base;
    case TFL_STRIDED_SLICE: return x->rank > 4 ? 4 : base;
    case TFL_SPLIT: return x1->dtype == WHET_S32 ? 3 : base;
    case TFL_MAXIMUM:
    case TFL_MINIMUM: return base < 3 && broadcast && rank > 4 ? 3 : base;
    case TFL_SUB: return x->dtype == WHET_S64 ? 4 : broadcast && rank > 4 ? 3 : base;
    case TFL_DIV: return broadcast && rank > 4 ? 2 : 1;
    case TFL_ADD: return x->dtype == WHET_S64 ? 4 : base;
    case TFL_MUL: {
        if (x->dtype == WHET_S64) return 5;
        const bool scaled = x->q.n == 1 && x1->q.n == 1 && y->q.n == 1;
        if (x->dtype == WHET_S8 && scaled && x->q.scale[0] * x1->q.scale[0] / y->q.scale[0] >= 1) return 3;
        return base;
    }
    case TFL_RESIZE_BILINEAR: return base < 4 && is_set(op, TFL_RESIZE_BILINEAR_HALF_PIXEL) ? 3 : base;
    case TFL_RESIZE_NEAREST_NEIGHBOR:
        return base < 4 && (is_set(op, TFL_RESIZE_NEAREST_HALF_PIXEL) || is_set(op, TFL_RESIZE_NEAREST_ALIGN_CORNERS)) ? 3 : base;
    default: return base;
    }
}

/* The first release that has version 1, 2, ... of an operator; "" where it is older than every other here. */
static const struct { int code; const char *since[6]; } releases[] = {
    {TFL_AVERAGE_POOL_2D, {"1.5.0", "1.14.0", "2.3.0"}}, {TFL_BATCH_MATMUL, {"2.3.0", "2.3.0", "2.4.0", "2.5.0"}},
    {TFL_BROADCAST_TO, {"2.5.0", "2.5.0", "2.5.0"}}, {TFL_CONV_2D, {"1.5.0", "1.14.0", "1.14.0", "2.3.0", "2.4.0", "2.9.0"}},
    {TFL_DEPTHWISE_CONV_2D, {"1.5.0", "1.12.0", "1.14.0", "2.2.0", "2.3.0", "2.3.0"}}, {TFL_ADD, {"1.5.0", "1.14.0", "2.4.0", "2.6.0"}},
    {TFL_SUB, {"1.6.0", "1.14.0", "2.3.0", "2.4.0", "2.4.0"}}, {TFL_DIV, {"1.6.0", "2.3.0"}},
    {TFL_CAST, {"1.5.0", "2.7.0", "2.8.0", "2.9.0"}}, {TFL_CONCATENATION, {"1.5.0", "1.14.0", "2.3.0"}},
    {TFL_DEPTH_TO_SPACE, {"2.1.0", "2.5.0"}}, {TFL_FULLY_CONNECTED, {"1.5.0", "1.10.0", "1.14.0", "1.14.0", "2.0.0", "2.1.0"}},
    {TFL_GATHER, {"1.6.0", "1.14.0", "1.15.0", "2.4.0", "2.5.0"}}, {TFL_GATHER_ND, {"1.14.0", "2.3.0", "2.5.0"}},
    {TFL_LOCAL_RESPONSE_NORMALIZATION, {"1.5.0"}}, {TFL_MAX_POOL_2D, {"1.5.0", "1.14.0", "2.3.0"}},
    {TFL_MAXIMUM, {"1.14.0", "1.14.0", "2.3.0", "2.3.0"}}, {TFL_MINIMUM, {"1.14.0", "1.14.0", "2.3.0", "2.3.0"}},
    {TFL_MUL, {"1.5.0", "1.14.0", "1.15.0", "2.3.0", "2.6.0"}}, {TFL_PAD, {"1.5.0", "1.14.0", "2.4.0", "2.6.0"}},
    {TFL_TILE, {"1.10.1", "2.2.0", "2.8.0"}}, {TFL_PADV2, {"1.9.0", "1.14.0", "2.4.0", "2.6.0"}}, {TFL_RESHAPE, {"1.5.0"}},
    {TFL_SOFTMAX, {"1.5.0", "1.14.0", "2.3.0"}}, {TFL_SPACE_TO_DEPTH, {"1.5.0", "1.14.0"}},
    {TFL_TRANSPOSE, {"1.6.0", "1.14.0", "1.15.0", "2.3.0", "2.4.0"}}, {TFL_MEAN, {"1.6.0", "1.14.0", "2.4.0"}},
    {TFL_SUM, {"1.10.0", "1.15.0"}}, {TFL_REDUCE_MAX, {"1.11.0", "1.14.0", "2.5.0"}}, {TFL_REDUCE_MIN, {"1.11.0", "1.14.0", "2.5.0"}},
    {TFL_REDUCE_PROD, {"1.11.0", "2.6.0"}}, {TFL_RELU6, {"1.5.0", "1.14.0", "2.5.0"}}, {TFL_RELU, {"1.5.0", "2.1.0", "2.5.0"}},
    {TFL_RELU_0_TO_1, {"2.10.0"}}, {TFL_RESIZE_BILINEAR, {"1.7.0", "1.14.0", "2.2.0", "2.5.0"}},
    {TFL_RESIZE_NEAREST_NEIGHBOR, {"1.13.1", "1.14.0", "2.3.0", "2.4.0"}}, {TFL_SPLIT, {"1.5.0", "1.14.0", "1.14.0", "2.3.0"}},
    {TFL_SPLIT_V, {"1.13.1", "2.3.0"}}, {TFL_STRIDED_SLICE, {"1.6.0", "1.14.0", "2.1.0", "2.2.0", "2.5.0", "2.6.0"}},
    {TFL_TOPK_V2, {"1.7.0", "1.14.0"}}, {TFL_ARG_MAX, {"1.9.0", "1.14.0", "2.9.0"}}, {TFL_ARG_MIN, {"1.9.0", "1.14.0", "2.9.0"}},
    {TFL_TRANSPOSE_CONV, {"1.9.0", "2.2.0", "2.3.0"}}, {TFL_SHAPE, {"1.10.0"}}, {TFL_TANH, {"1.14.0", "1.14.0", "2.3.0"}},
    {TFL_LEAKY_RELU, {"1.13.1", "2.3.0"}}, {TFL_LOGISTIC, {"1.14.0", "1.14.0", "2.3.0"}}, {TFL_LOG_SOFTMAX, {"1.14.0", "1.14.0"}},
    {TFL_MIRROR_PAD, {"1.13.1", "2.3.0"}}, {TFL_DEQUANTIZE, {"1.13.1", "1.14.0", "1.15.0", "2.2.0", "2.7.0"}},
    {TFL_EQUAL, {"1.14.0", "1.14.0", "2.3.0"}}, {TFL_LESS, {"1.14.0", "1.14.0"}}, {TFL_GREATER, {"1.14.0", "1.14.0"}},
    {TFL_GREATER_EQUAL, {"1.14.0", "1.14.0"}}, {TFL_LESS_EQUAL, {"1.14.0", "1.14.0"}}, {TFL_SELECT_V2, {"2.2.0"}},
    {TFL_QUANTIZE, {"1.14.0", "1.15.0", "2.7.0"}}, {TFL_ELU, {"1.14.0"}}, {TFL_ROUND, {"1.14.0"}}, {TFL_PRELU, {"1.8.0"}},
    {TFL_EXP, {"1.7.0"}}, {TFL_COS, {"1.14.0"}}, {TFL_NEG, {"1.9.0"}}, {TFL_POW, {"1.10.0"}}, {TFL_LOG, {"1.14.0"}},
    {TFL_FLOOR_MOD, {"1.13.0"}}, {TFL_SQRT, {"1.10.0"}}, {TFL_RSQRT, {"1.10.0", "2.5.0"}}, {TFL_ABS, {"1.13.0", "2.4.0", "2.5.0"}},
    {TFL_HARD_SWISH, {"1.15.0"}}, {TFL_CUMSUM, {"2.4.0"}}, {TFL_GELU, {"2.9.0", "2.9.0"}}, {TFL_SIGN, {"2.12.0"}},
    {TFL_LOGICAL_AND, {"1.11.0"}}, {TFL_LOGICAL_OR, {"1.11.0"}}, {TFL_LOGICAL_NOT, {"1.11.0"}}};

static const char *release_of(const tfl_operation *op)
{
    if (op->code == TFL_FULLY_CONNECTED && op->version > 6) return op->version >= 12 ? "2.17.0" : "2.3.0";
    for (size_t i = 0; i < WHET_COUNT(releases); i++)
        if (releases[i].code == op->code && op->version >= 1 && op->version <= 6 && releases[i].since[op->version - 1])
            return releases[i].since[op->version - 1];
    return "1.5.0";
}

static long release_number(const char *text)
{
    int part[3] = {0, 0, 0};
    if (sscanf(text, "%d.%d.%d", &part[0], &part[1], &part[2]) < 2) return 0;
    return part[0] * 1000000L + part[1] * 1000L + part[2];
}

const char *tflw_min_runtime(const tfl_writer *w)
{
    const char *newest = "1.5.0";
    for (size_t i = 0; i < w->n_ops; i++) {
        const char *r = release_of(&w->ops[i]);
        if (release_number(r) > release_number(newest)) newest = r;
    }
    return newest;
}
