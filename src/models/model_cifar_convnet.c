/* SPDX-License-Identifier: Apache-2.0 */
/* The small convolutional network of many CIFAR-10 tutorials: three 3x3 convolutions without padding (32, 64, 64), 2x2
 * max-pooling after the first two, then 1024-64-10. Parameter names as in such PyTorch state dicts: conv1..3, fc1, fc2. */
#include "models/model_families.h"

whet_status whet_model_cifar_convnet(whet_graph *g, const whet_model_options *o, int arg)
{
    model_builder b = {g, o, MODEL_INIT_TORCH};
    const int64_t h = ((o->height - 2) / 2 - 2) / 2 - 2, w = ((o->width - 2) / 2 - 2) / 2 - 2;
    whet_vid x = WHET_NO_VALUE;
    (void)arg;
    if (h < 1 || w < 1) return WHET_FAIL(WHET_ESHAPE, "cifar-convnet needs pictures of at least 18x18");
    WHET_TRY(model_input(&b, &x));
    WHET_TRY(model_add_conv(&b, "conv1", &(model_conv){o->in_channels, 32, 3, 1, 0, true, 1}, x, &x));
    WHET_TRY(model_add_relu(&b, x, &x));
    WHET_TRY(model_add_max_pool(&b, 2, x, &x));
    WHET_TRY(model_add_conv(&b, "conv2", &(model_conv){32, 64, 3, 1, 0, true, 1}, x, &x));
    WHET_TRY(model_add_relu(&b, x, &x));
    WHET_TRY(model_add_max_pool(&b, 2, x, &x));
    WHET_TRY(model_add_conv(&b, "conv3", &(model_conv){64, 64, 3, 1, 0, true, 1}, x, &x));
    WHET_TRY(model_add_relu(&b, x, &x));
    WHET_TRY(model_add_flatten(&b, x, &x));
    WHET_TRY(model_add_linear(&b, "fc1", 64 * h * w, 64, x, NULL, &x));
    WHET_TRY(model_add_relu(&b, x, &x));
    WHET_TRY(model_add_linear(&b, "fc2", 64, o->classes, x, "output", &x));
    return whet_graph_output(g, x);
}
