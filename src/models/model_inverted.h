/* SPDX-License-Identifier: Apache-2.0 */
/* Networks of inverted residuals, described by a table of stages; names of parameters as in timm. */
#ifndef WHET_MODELS_MODEL_INVERTED_H
#define WHET_MODELS_MODEL_INVERTED_H

#include "models/model_parts.h"

/* `expand` 1 in the first stage: depthwise-separable blocks, without the widening convolution. */
typedef struct model_stage { int64_t expand, blocks, kernel, stride, channels; } model_stage;
typedef struct model_inverted {
    model_act act;
    bool squeeze; /* squeeze-and-excite behind each depthwise convolution, a quarter of the block's input channels */
    int n_stages;
    const model_stage *stages;
} model_inverted;

whet_status model_build_inverted(whet_graph *g, const whet_model_options *o, const model_inverted *net);

#endif
