/* SPDX-License-Identifier: Apache-2.0 */
/* Layers with their parameters, for the builders. Every call appends to the graph and returns the layer's output. */
#ifndef WHET_MODELS_MODEL_PARTS_H
#define WHET_MODELS_MODEL_PARTS_H

#include "models/models.h"

typedef enum model_init {
    MODEL_INIT_TORCH,    /* uniform +- 1 / sqrt(fan_in), PyTorch's default (kaiming_uniform, a = sqrt 5) */
    MODEL_INIT_HE_NORMAL /* normal, deviation sqrt(2 / fan_in) (He et al. 2015) */
} model_init;

typedef struct model_builder {
    whet_graph *g;
    const whet_model_options *o;
    model_init init;
} model_builder;

typedef struct model_conv { int64_t in, out, kernel, stride, pad; bool bias; } model_conv;

whet_status model_input(model_builder *b, whet_vid *out);
whet_status model_add_conv(model_builder *b, const char *name, const model_conv *c, whet_vid x, whet_vid *out);
/* BatchNorm, then + residual if it is a value, then ReLU if wanted. */
whet_status model_add_norm(model_builder *b, const char *name, int64_t channels, whet_vid x, whet_vid residual, bool relu, whet_vid *out);
whet_status model_add_linear(model_builder *b, const char *name, int64_t in, int64_t out_size, whet_vid x, const char *out_name, whet_vid *out);
whet_status model_add_relu(model_builder *b, whet_vid x, whet_vid *out);
whet_status model_add_max_pool(model_builder *b, int64_t size, whet_vid x, whet_vid *out);
whet_status model_add_flatten(model_builder *b, whet_vid x, whet_vid *out);

#endif
