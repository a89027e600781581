/* SPDX-License-Identifier: Apache-2.0 */
/* EfficientNet-B0 (Tan and Le 2019, table 1), SiLU, squeeze-and-excite. Names as in timm's efficientnet_b0; its stochastic
 * depth and dropout are off. */
#include "models/model_families.h"
#include "models/model_inverted.h"

whet_status whet_model_efficientnet(whet_graph *g, const whet_model_options *o, int arg)
{
    static const model_stage stages[] = {{1, 1, 3, 1, 16}, {6, 2, 3, 2, 24}, {6, 2, 5, 2, 40}, {6, 3, 3, 2, 80},
                                         {6, 3, 5, 1, 112}, {6, 4, 5, 2, 192}, {6, 1, 3, 1, 320}};
    (void)arg;
    return model_build_inverted(g, o, &(model_inverted){MODEL_ACT_SILU, true, (int)WHET_COUNT(stages), stages});
}
