/* SPDX-License-Identifier: Apache-2.0 */
/* Layers of the builders and the initial weights. A parameter's numbers come from Philox at (seed, hash of its name), so
 * they depend on neither the order of building nor the other layers. */
#include "models/model_parts.h"

#include <math.h>
#include <stdio.h>

#include "base/rng.h"

typedef enum fill { FILL_ZERO, FILL_ONE, FILL_UNIFORM, FILL_NORMAL } fill;

static uint64_t name_key(const char *s)
{
    uint64_t key = 0xcbf29ce484222325u; /* FNV-1a */
    for (; *s != '\0'; s++) key = (key ^ (unsigned char)*s) * 0x100000001b3u;
    return key;
}

static whet_status add_named(model_builder *b, const char *name, whet_shape shape, fill how, double scale, bool trainable, whet_vid *out)
{
    whet_tensor t;
    whet_status status = WHET_OK;
    whet_tensor_init(&t);
    WHET_TRY(whet_tensor_alloc(&t, WHET_F32, &shape));
    whet_rng r = whet_rng_at(b->o->seed, name_key(name));
    float *x = t.data;
    for (int64_t i = 0; i < whet_tensor_numel(&t); i++) {
        if (how == FILL_ONE) x[i] = 1;
        if (how == FILL_UNIFORM) x[i] = (float)((2 * whet_rng_uniform(&r) - 1) * scale);
        if (how == FILL_NORMAL) x[i] = (float)(whet_rng_normal(&r) * scale);
    }
    status = whet_graph_variable(b->g, name, &t, trainable, out);
    whet_tensor_dispose(&t);
    return status;
}

static whet_status add_parameter(model_builder *b, const char *layer, const char *part, whet_shape shape, fill how,
                                 double scale, bool trainable, whet_vid *out)
{
    char name[160];
    snprintf(name, sizeof name, "%s.%s", layer, part);
    return add_named(b, name, shape, how, scale, trainable, out);
}

/* How a layer's numbers are drawn: [rule][0: convolution, 1: linear]; fan_in, fan_out or a fixed deviation. */
static const struct init_row { fill how; double gain; enum { BY_IN, BY_OUT, FIXED } by; bool zero_bias; } inits[][2] = {
    [MODEL_INIT_TORCH] = {{FILL_UNIFORM, 1, BY_IN, false}, {FILL_UNIFORM, 1, BY_IN, false}},
    [MODEL_INIT_HE_NORMAL] = {{FILL_NORMAL, 2, BY_IN, false}, {FILL_NORMAL, 0.01, FIXED, true}},
    [MODEL_INIT_FAN_OUT] = {{FILL_NORMAL, 2, BY_OUT, true}, {FILL_UNIFORM, 1, BY_OUT, true}},
    [MODEL_INIT_NORMAL_02] = {{FILL_UNIFORM, 1, BY_IN, false}, {FILL_NORMAL, 0.02, FIXED, true}},
};

static whet_status add_weight(model_builder *b, const char *layer, whet_shape shape, int64_t fan_in, int64_t fan_out, whet_vid *out)
{
    const struct init_row *i = &inits[b->init][shape.rank == 2];
    const double scale = i->by == FIXED ? i->gain : sqrt(i->gain / (double)(i->by == BY_OUT ? fan_out : fan_in));
    return add_parameter(b, layer, "weight", shape, i->how, scale, true, out);
}

static whet_status add_bias(model_builder *b, const char *layer, int64_t n, int64_t fan_in, bool linear, whet_vid *out)
{
    const fill how = inits[b->init][linear].zero_bias ? FILL_ZERO : FILL_UNIFORM;
    return add_parameter(b, layer, "bias", WHET_SHAPE(n), how, 1 / sqrt((double)fan_in), true, out);
}

whet_status model_add_normal(model_builder *b, const char *name, whet_shape shape, double deviation, whet_vid *out)
{
    return add_named(b, name, shape, deviation == 0 ? FILL_ZERO : FILL_NORMAL, deviation, true, out);
}

whet_status model_input(model_builder *b, whet_vid *out)
{
    const whet_dims d = {.rank = 4, .dims = {whet_graph_symbol(b->g, "N"), b->o->in_channels, b->o->height, b->o->width}};
    return whet_graph_input(b->g, "input", WHET_F32, &d, out);
}

whet_status model_add_conv(model_builder *b, const char *name, const model_conv *c, whet_vid x, whet_vid *out)
{
    const int64_t k[2] = {c->kernel, c->kernel}, s[2] = {c->stride, c->stride}, p[4] = {c->pad, c->pad, c->pad, c->pad};
    const int64_t group = c->group, area = c->kernel * c->kernel, fan_in = c->in / group * area;
    const whet_attr attrs[4] = {whet_attr_ints("kernel_shape", 2, k), whet_attr_ints("strides", 2, s), whet_attr_ints("pads", 4, p),
                                whet_attr_int("group", group)};
    whet_vid in[3] = {x, WHET_NO_VALUE, WHET_NO_VALUE};
    WHET_TRY(add_weight(b, name, WHET_SHAPE(c->out, c->in / group, c->kernel, c->kernel), fan_in, c->out / group * area, &in[1]));
    if (c->bias) WHET_TRY(add_bias(b, name, c->out, fan_in, false, &in[2]));
    return whet_graph_node(b->g, "Conv", name, c->bias ? 3 : 2, in, group > 1 ? 4 : 3, attrs, 1, NULL, out);
}

static whet_status add_norm(model_builder *b, const char *name, int64_t channels, fill scale, whet_vid x, whet_vid residual, bool relu, whet_vid *out)
{
    whet_vid in[6] = {x, WHET_NO_VALUE, WHET_NO_VALUE, WHET_NO_VALUE, WHET_NO_VALUE, residual}, result[5];
    const whet_attr attrs[3] = {whet_attr_float("epsilon", 1e-5f), whet_attr_float("momentum", 0.9f), whet_attr_int("relu", relu)};
    const whet_shape shape = WHET_SHAPE(channels);
    WHET_TRY(add_parameter(b, name, "weight", shape, scale, 0, true, &in[1]));
    WHET_TRY(add_parameter(b, name, "bias", shape, FILL_ZERO, 0, true, &in[2]));
    WHET_TRY(add_parameter(b, name, "running_mean", shape, FILL_ZERO, 0, false, &in[3]));
    WHET_TRY(add_parameter(b, name, "running_var", shape, FILL_ONE, 0, false, &in[4]));
    if (b->o->training) {
        WHET_TRY(whet_graph_node(b->g, "whet.BatchNormTrain", name, residual == WHET_NO_VALUE ? 5 : 6, in, 3, attrs, 5, NULL, result));
        WHET_TRY(whet_graph_commit(b->g, result[1], in[3]));
        WHET_TRY(whet_graph_commit(b->g, result[2], in[4]));
        *out = result[0];
        return WHET_OK;
    }
    WHET_TRY(whet_graph_node(b->g, "BatchNormalization", name, 5, in, 2, attrs, 1, NULL, out));
    if (residual != WHET_NO_VALUE) WHET_TRY(whet_graph_op1(b->g, "Add", WHET_IN(*out, residual), WHET_NO_ATTRS, out));
    return relu ? model_add_relu(b, *out, out) : WHET_OK;
}

whet_status model_add_norm(model_builder *b, const char *name, int64_t channels, whet_vid x, whet_vid residual, bool relu, whet_vid *out)
{
    return add_norm(b, name, channels, FILL_ONE, x, residual, relu, out);
}

whet_status model_add_last_norm(model_builder *b, const char *name, int64_t channels, whet_vid x, whet_vid residual, bool relu, whet_vid *out)
{
    return add_norm(b, name, channels, FILL_ZERO, x, residual, relu, out);
}

whet_status model_add_linear(model_builder *b, const char *name, int64_t in, int64_t out_size, whet_vid x, const char *out_name, whet_vid *out)
{
    whet_vid args[3] = {x, WHET_NO_VALUE, WHET_NO_VALUE};
    const whet_attr trans = whet_attr_int("transB", 1);
    WHET_TRY(add_weight(b, name, WHET_SHAPE(out_size, in), in, out_size, &args[1]));
    WHET_TRY(add_bias(b, name, out_size, in, true, &args[2]));
    return whet_graph_node(b->g, "Gemm", name, 3, args, 1, &trans, 1, out_name != NULL ? &out_name : NULL, out);
}

whet_status model_add_act(model_builder *b, model_act act, whet_vid x, whet_vid *out)
{
    static const char *const ops[] = {[MODEL_ACT_RELU] = "Relu", [MODEL_ACT_SILU] = "Swish", [MODEL_ACT_SIGMOID] = "Sigmoid", [MODEL_ACT_GELU] = "Gelu"};
    whet_vid lo = WHET_NO_VALUE, hi = WHET_NO_VALUE;
    *out = x;
    if (act == MODEL_ACT_NONE) return WHET_OK;
    if (act != MODEL_ACT_RELU6) return whet_graph_op1(b->g, ops[act], WHET_IN(x), WHET_NO_ATTRS, out);
    WHET_TRY(whet_graph_const_f32(b->g, NULL, 0, &lo));
    WHET_TRY(whet_graph_const_f32(b->g, NULL, 6, &hi));
    return whet_graph_op1(b->g, "Clip", WHET_IN(x, lo, hi), WHET_NO_ATTRS, out);
}

whet_status model_add_layer_norm(model_builder *b, const char *name, int64_t size, float epsilon, whet_vid x, whet_vid *out)
{
    whet_vid in[3] = {x, WHET_NO_VALUE, WHET_NO_VALUE};
    const whet_attr attr = whet_attr_float("epsilon", epsilon);
    WHET_TRY(add_parameter(b, name, "weight", WHET_SHAPE(size), FILL_ONE, 0, true, &in[1]));
    WHET_TRY(add_parameter(b, name, "bias", WHET_SHAPE(size), FILL_ZERO, 0, true, &in[2]));
    return whet_graph_node(b->g, "LayerNormalization", name, 3, in, 1, &attr, 1, NULL, out);
}

whet_status model_add_reshape(model_builder *b, whet_vid x, int n, const int64_t *sizes, whet_vid *out)
{
    whet_vid shape = WHET_NO_VALUE;
    WHET_TRY(whet_graph_const_s64(b->g, NULL, n, sizes, &shape));
    return whet_graph_op1(b->g, "Reshape", WHET_IN(x, shape), WHET_NO_ATTRS, out);
}

whet_status model_add_relu(model_builder *b, whet_vid x, whet_vid *out)
{
    return whet_graph_op1(b->g, "Relu", WHET_IN(x), WHET_NO_ATTRS, out);
}

whet_status model_add_max_pool(model_builder *b, int64_t size, whet_vid x, whet_vid *out)
{
    const int64_t k[2] = {size, size};
    return whet_graph_op1(b->g, "MaxPool", WHET_IN(x), WHET_ATTRS(whet_attr_ints("kernel_shape", 2, k), whet_attr_ints("strides", 2, k)), out);
}

whet_status model_add_flatten(model_builder *b, whet_vid x, whet_vid *out)
{
    return whet_graph_op1(b->g, "Flatten", WHET_IN(x), WHET_NO_ATTRS, out);
}
