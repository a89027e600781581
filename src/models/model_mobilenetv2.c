/* SPDX-License-Identifier: Apache-2.0 */
/* MobileNetV2 (Sandler et al. 2018, table 2), width 1.0, ReLU6. Names as in timm's mobilenetv2_100. */
#include "models/model_families.h"
#include "models/model_inverted.h"

whet_status whet_model_mobilenetv2(whet_graph *g, const whet_model_options *o, int arg)
{
    static const model_stage stages[] = {{1, 1, 3, 1, 16}, {6, 2, 3, 2, 24}, {6, 3, 3, 2, 32}, {6, 4, 3, 2, 64},
                                         {6, 3, 3, 1, 96}, {6, 3, 3, 2, 160}, {6, 1, 3, 1, 320}};
    (void)arg;
    return model_build_inverted(g, o, &(model_inverted){MODEL_ACT_RELU6, false, (int)WHET_COUNT(stages), stages});
}
