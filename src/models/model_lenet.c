/* SPDX-License-Identifier: Apache-2.0 */
/* LeNet-5 (LeCun et al. 1998) as it is built today: ReLU and max-pooling, the first convolution padded by 2, so that
 * 28x28 digits give the 16x5x5 features of the paper's 32x32 ones. */
#include "models/model_families.h"

whet_status whet_model_lenet(whet_graph *g, const whet_model_options *o, int arg)
{
    model_builder b = {g, o, MODEL_INIT_TORCH};
    const int64_t h = (o->height / 2 - 4) / 2, w = (o->width / 2 - 4) / 2;
    whet_vid x = WHET_NO_VALUE;
    (void)arg;
    if (h < 1 || w < 1) return WHET_FAIL(WHET_ESHAPE, "lenet needs pictures of at least 12x12");
    WHET_TRY(model_input(&b, &x));
    WHET_TRY(model_add_conv(&b, "conv1", &(model_conv){o->in_channels, 6, 5, 1, 2, true, 1}, x, &x));
    WHET_TRY(model_add_relu(&b, x, &x));
    WHET_TRY(model_add_max_pool(&b, 2, x, &x));
    WHET_TRY(model_add_conv(&b, "conv2", &(model_conv){6, 16, 5, 1, 0, true, 1}, x, &x));
    WHET_TRY(model_add_relu(&b, x, &x));
    WHET_TRY(model_add_max_pool(&b, 2, x, &x));
    WHET_TRY(model_add_flatten(&b, x, &x));
    WHET_TRY(model_add_linear(&b, "fc1", 16 * h * w, 120, x, NULL, &x));
    WHET_TRY(model_add_relu(&b, x, &x));
    WHET_TRY(model_add_linear(&b, "fc2", 120, 84, x, NULL, &x));
    WHET_TRY(model_add_relu(&b, x, &x));
    WHET_TRY(model_add_linear(&b, "fc3", 84, o->classes, x, "output", &x));
    return whet_graph_output(g, x);
}
