/* SPDX-License-Identifier: Apache-2.0 */
/* ResNet for CIFAR (He et al., "Deep Residual Learning for Image Recognition", section 4.2): 6n + 2 layers of 16, 32, 64
 * channels with shortcuts of option A, which skip every other position and pad the channels with zeros, so they hold no
 * parameters. Names as in the common PyTorch state dicts: conv1, bn1, layer<1-3>.<i>.{conv,bn}<1,2>, linear. */
#include <stdio.h>

#include "models/model_families.h"

static whet_status add_shortcut(model_builder *b, int64_t from, int64_t to, int64_t stride, whet_vid x, whet_vid *out)
{
    const int64_t zeros[2] = {0, 0}, ends[2] = {INT64_MAX, INT64_MAX}, axes[2] = {2, 3}, steps[2] = {stride, stride};
    const int64_t more = (to - from) / 2, pads[8] = {0, more, 0, 0, 0, to - from - more, 0, 0};
    whet_vid v[5] = {x, WHET_NO_VALUE, WHET_NO_VALUE, WHET_NO_VALUE, WHET_NO_VALUE}, pad = WHET_NO_VALUE;
    *out = x;
    if (from == to && stride == 1) return WHET_OK;
    WHET_TRY(whet_graph_const_s64(b->g, NULL, 2, zeros, &v[1]));
    WHET_TRY(whet_graph_const_s64(b->g, NULL, 2, ends, &v[2]));
    WHET_TRY(whet_graph_const_s64(b->g, NULL, 2, axes, &v[3]));
    WHET_TRY(whet_graph_const_s64(b->g, NULL, 2, steps, &v[4]));
    WHET_TRY(whet_graph_const_s64(b->g, NULL, 8, pads, &pad));
    WHET_TRY(whet_graph_op1(b->g, "Slice", 5, v, WHET_NO_ATTRS, out));
    return whet_graph_op1(b->g, "Pad", WHET_IN(*out, pad), WHET_NO_ATTRS, out);
}

static whet_status add_block(model_builder *b, const char *name, int64_t from, int64_t to, int64_t stride, whet_vid *x)
{
    char conv1[64], conv2[64], bn1[64], bn2[64];
    whet_vid y = *x, skip = WHET_NO_VALUE;
    snprintf(conv1, sizeof conv1, "%s.conv1", name);
    snprintf(conv2, sizeof conv2, "%s.conv2", name);
    snprintf(bn1, sizeof bn1, "%s.bn1", name);
    snprintf(bn2, sizeof bn2, "%s.bn2", name);
    WHET_TRY(add_shortcut(b, from, to, stride, *x, &skip));
    WHET_TRY(model_add_conv(b, conv1, &(model_conv){from, to, 3, stride, 1, false, 1}, y, &y));
    WHET_TRY(model_add_norm(b, bn1, to, y, WHET_NO_VALUE, true, &y));
    WHET_TRY(model_add_conv(b, conv2, &(model_conv){to, to, 3, 1, 1, false, 1}, y, &y));
    return model_add_norm(b, bn2, to, y, skip, true, x);
}

whet_status whet_model_resnet_cifar(whet_graph *g, const whet_model_options *o, int depth)
{
    model_builder b = {g, o, MODEL_INIT_HE_NORMAL};
    const int blocks = (depth - 2) / 6;
    int64_t channels = 16;
    whet_vid x = WHET_NO_VALUE;
    char name[32];
    WHET_TRY(model_input(&b, &x));
    WHET_TRY(model_add_conv(&b, "conv1", &(model_conv){o->in_channels, channels, 3, 1, 1, false, 1}, x, &x));
    WHET_TRY(model_add_norm(&b, "bn1", channels, x, WHET_NO_VALUE, true, &x));
    for (int stage = 0; stage < 3; stage++)
        for (int i = 0; i < blocks; i++) {
            const int64_t to = (int64_t)16 << stage;
            snprintf(name, sizeof name, "layer%d.%d", stage + 1, i);
            WHET_TRY(add_block(&b, name, channels, to, stage > 0 && i == 0 ? 2 : 1, &x));
            channels = to;
        }
    WHET_TRY(whet_graph_op1(g, "GlobalAveragePool", WHET_IN(x), WHET_NO_ATTRS, &x));
    WHET_TRY(model_add_flatten(&b, x, &x));
    WHET_TRY(model_add_linear(&b, "linear", channels, o->classes, x, "output", &x));
    return whet_graph_output(g, x);
}
