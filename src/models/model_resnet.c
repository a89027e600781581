/* SPDX-License-Identifier: Apache-2.0 */
/* ResNet-50 of bottlenecks (He et al. 2015, table 1), the stride in the 3x3 convolution ("v1.5"). Names as in timm and
 * torchvision; normal initial weights by fan-out, and the last norm of each block starts at zero (Goyal et al. 2017). */
#include <stdio.h>

#include "models/model_families.h"

static whet_status add_layer(model_builder *b, const char *block, int i, const model_conv *c, whet_vid residual, bool relu, whet_vid *x)
{
    char conv[48], norm[48];
    snprintf(conv, sizeof conv, "%s.conv%d", block, i);
    snprintf(norm, sizeof norm, "%s.bn%d", block, i);
    WHET_TRY(model_add_conv(b, conv, c, *x, x));
    if (residual != WHET_NO_VALUE) return model_add_last_norm(b, norm, c->out, *x, residual, relu, x);
    return model_add_norm(b, norm, c->out, *x, residual, relu, x);
}

static whet_status add_block(model_builder *b, const char *name, int64_t in, int64_t mid, int64_t stride, whet_vid *x)
{
    char conv[48], norm[48];
    const int64_t out = 4 * mid;
    whet_vid skip = *x;
    if (in != out || stride != 1) {
        snprintf(conv, sizeof conv, "%s.downsample.0", name);
        snprintf(norm, sizeof norm, "%s.downsample.1", name);
        WHET_TRY(model_add_conv(b, conv, &(model_conv){in, out, 1, stride, 0, false, 1}, skip, &skip));
        WHET_TRY(model_add_norm(b, norm, out, skip, WHET_NO_VALUE, false, &skip));
    }
    WHET_TRY(add_layer(b, name, 1, &(model_conv){in, mid, 1, 1, 0, false, 1}, WHET_NO_VALUE, true, x));
    WHET_TRY(add_layer(b, name, 2, &(model_conv){mid, mid, 3, stride, 1, false, 1}, WHET_NO_VALUE, true, x));
    return add_layer(b, name, 3, &(model_conv){mid, out, 1, 1, 0, false, 1}, skip, true, x);
}

whet_status whet_model_resnet(whet_graph *g, const whet_model_options *o, int arg)
{
    static const int blocks[] = {3, 4, 6, 3};
    model_builder b = {g, o, MODEL_INIT_FAN_OUT};
    const int64_t k[2] = {3, 3}, s[2] = {2, 2}, p[4] = {1, 1, 1, 1};
    int64_t channels = 64;
    whet_vid x = WHET_NO_VALUE;
    char name[32];
    (void)arg;
    WHET_TRY(model_input(&b, &x));
    WHET_TRY(model_add_conv(&b, "conv1", &(model_conv){o->in_channels, channels, 7, 2, 3, false, 1}, x, &x));
    WHET_TRY(model_add_norm(&b, "bn1", channels, x, WHET_NO_VALUE, true, &x));
    WHET_TRY(whet_graph_op1(g, "MaxPool", WHET_IN(x), WHET_ATTRS(whet_attr_ints("kernel_shape", 2, k), whet_attr_ints("strides", 2, s),
                                                                  whet_attr_ints("pads", 4, p)), &x));
    for (int stage = 0; stage < 4; stage++)
        for (int i = 0; i < blocks[stage]; i++) {
            const int64_t mid = (int64_t)64 << stage;
            snprintf(name, sizeof name, "layer%d.%d", stage + 1, i);
            WHET_TRY(add_block(&b, name, channels, mid, stage > 0 && i == 0 ? 2 : 1, &x));
            channels = 4 * mid;
        }
    WHET_TRY(whet_graph_op1(g, "GlobalAveragePool", WHET_IN(x), WHET_NO_ATTRS, &x));
    WHET_TRY(model_add_flatten(&b, x, &x));
    WHET_TRY(model_add_linear(&b, "fc", channels, o->classes, x, "output", &x));
    return whet_graph_output(g, x);
}
