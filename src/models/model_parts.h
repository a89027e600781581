/* SPDX-License-Identifier: Apache-2.0 */
/* Layers with their parameters, for the builders. Every call appends to the graph and returns the layer's output. */
#ifndef WHET_MODELS_MODEL_PARTS_H
#define WHET_MODELS_MODEL_PARTS_H

#include "models/models.h"

typedef enum model_init {
    MODEL_INIT_TORCH,    /* uniform +- 1 / sqrt(fan_in), PyTorch's default (kaiming_uniform, a = sqrt 5) */
    MODEL_INIT_HE_NORMAL, /* normal, deviation sqrt(2 / fan_in) (He et al. 2015); linear layers 0.01 (Goyal et al. 2017), biases 0 */
    MODEL_INIT_FAN_OUT,  /* the same by fan_out; linear layers uniform +- 1 / sqrt(fan_out), biases 0 */
    MODEL_INIT_NORMAL_02 /* linear layers normal, deviation 0.02, biases 0; convolutions as PyTorch's */
} model_init;

typedef struct model_builder {
    whet_graph *g;
    const whet_model_options *o;
    model_init init;
} model_builder;

typedef struct model_conv { int64_t in, out, kernel, stride, pad; bool bias; int64_t group; } model_conv;

typedef enum model_act { MODEL_ACT_NONE, MODEL_ACT_RELU, MODEL_ACT_RELU6, MODEL_ACT_SILU, MODEL_ACT_SIGMOID, MODEL_ACT_GELU } model_act;

whet_status model_input(model_builder *b, whet_vid *out);
whet_status model_add_conv(model_builder *b, const char *name, const model_conv *c, whet_vid x, whet_vid *out);
/* BatchNorm, then + residual if it is a value, then ReLU if wanted. */
whet_status model_add_norm(model_builder *b, const char *name, int64_t channels, whet_vid x, whet_vid residual, bool relu, whet_vid *out);
/* The same, its scale starting at zero: the block begins as the identity. */
whet_status model_add_last_norm(model_builder *b, const char *name, int64_t channels, whet_vid x, whet_vid residual, bool relu, whet_vid *out);
whet_status model_add_linear(model_builder *b, const char *name, int64_t in, int64_t out_size, whet_vid x, const char *out_name, whet_vid *out);
/* "layer.part" of normal numbers of that deviation; 0: zeros. */
whet_status model_add_normal(model_builder *b, const char *name, whet_shape shape, double deviation, whet_vid *out);
whet_status model_add_act(model_builder *b, model_act act, whet_vid x, whet_vid *out);
whet_status model_add_layer_norm(model_builder *b, const char *name, int64_t size, float epsilon, whet_vid x, whet_vid *out);
/* Some of the sizes may be -1 (one, found from the others) or 0 (as it is). */
whet_status model_add_reshape(model_builder *b, whet_vid x, int n, const int64_t *sizes, whet_vid *out);
whet_status model_add_relu(model_builder *b, whet_vid x, whet_vid *out);
whet_status model_add_max_pool(model_builder *b, int64_t size, whet_vid x, whet_vid *out);
whet_status model_add_flatten(model_builder *b, whet_vid x, whet_vid *out);

#endif
