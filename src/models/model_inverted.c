/* SPDX-License-Identifier: Apache-2.0 */
/* The networks of inverted residuals (Sandler et al., "MobileNetV2", 2018; squeeze-and-excite: Hu et al. 2018): a stem of
 * 32 channels, stages of blocks 1x1 up, depthwise, 1x1 down with a residual where shapes agree, a head of 1280 channels.
 * Initial weights as TensorFlow's reference: normal by fan-out. Parameter names as in timm's state dicts. */
#include "models/model_inverted.h"

#include <stdio.h>

#define STEM 32
#define HEAD 1280

typedef struct block {
    const model_inverted *net;
    const char *name;
    int64_t in, wide, out, kernel, stride;
    bool separable;
} block;

static whet_status add_conv(model_builder *b, const char *block_name, const char *part, const model_conv *c, whet_vid *x)
{
    char name[96];
    snprintf(name, sizeof name, "%s.%s", block_name, part);
    return model_add_conv(b, name, c, *x, x);
}

static whet_status add_norm(model_builder *b, const char *block_name, const char *part, int64_t channels, model_act act,
                            whet_vid residual, whet_vid *x)
{
    char name[96];
    snprintf(name, sizeof name, "%s.%s", block_name, part);
    WHET_TRY(model_add_norm(b, name, channels, *x, residual, false, x));
    return model_add_act(b, act, *x, x);
}

static whet_status add_squeeze(model_builder *b, const block *k, whet_vid *x)
{
    const int64_t few = k->in / 4;
    whet_vid s = *x;
    WHET_TRY(whet_graph_op1(b->g, "GlobalAveragePool", WHET_IN(s), WHET_NO_ATTRS, &s));
    WHET_TRY(add_conv(b, k->name, "se.conv_reduce", &(model_conv){k->wide, few, 1, 1, 0, true, 1}, &s));
    WHET_TRY(model_add_act(b, k->net->act, s, &s));
    WHET_TRY(add_conv(b, k->name, "se.conv_expand", &(model_conv){few, k->wide, 1, 1, 0, true, 1}, &s));
    WHET_TRY(model_add_act(b, MODEL_ACT_SIGMOID, s, &s));
    return whet_graph_op1(b->g, "Mul", WHET_IN(*x, s), WHET_NO_ATTRS, x);
}

static whet_status add_block(model_builder *b, const block *k, whet_vid *x)
{
    const whet_vid skip = k->stride == 1 && k->in == k->out ? *x : WHET_NO_VALUE;
    const model_act act = k->net->act;
    const char *const down = k->separable ? "conv_pw" : "conv_pwl";
    static const char *const names[] = {"bn0", "bn1", "bn2", "bn3"};
    const char *const *norm = names + (k->separable ? 0 : 1);
    if (!k->separable) {
        WHET_TRY(add_conv(b, k->name, "conv_pw", &(model_conv){k->in, k->wide, 1, 1, 0, false, 1}, x));
        WHET_TRY(add_norm(b, k->name, norm[0], k->wide, act, WHET_NO_VALUE, x));
    }
    WHET_TRY(add_conv(b, k->name, "conv_dw", &(model_conv){k->wide, k->wide, k->kernel, k->stride, k->kernel / 2, false, k->wide}, x));
    WHET_TRY(add_norm(b, k->name, norm[1], k->wide, act, WHET_NO_VALUE, x));
    if (k->net->squeeze) WHET_TRY(add_squeeze(b, k, x));
    WHET_TRY(add_conv(b, k->name, down, &(model_conv){k->wide, k->out, 1, 1, 0, false, 1}, x));
    return add_norm(b, k->name, norm[2], k->out, MODEL_ACT_NONE, skip, x);
}

static whet_status add_ends(model_builder *b, const char *conv, const char *norm, const model_conv *c, model_act act, whet_vid *x)
{
    WHET_TRY(model_add_conv(b, conv, c, *x, x));
    WHET_TRY(model_add_norm(b, norm, c->out, *x, WHET_NO_VALUE, false, x));
    return model_add_act(b, act, *x, x);
}

whet_status model_build_inverted(whet_graph *g, const whet_model_options *o, const model_inverted *net)
{
    model_builder b = {g, o, MODEL_INIT_FAN_OUT};
    int64_t channels = STEM;
    whet_vid x = WHET_NO_VALUE;
    char name[32];
    WHET_TRY(model_input(&b, &x));
    WHET_TRY(add_ends(&b, "conv_stem", "bn1", &(model_conv){o->in_channels, STEM, 3, 2, 1, false, 1}, net->act, &x));
    for (int s = 0; s < net->n_stages; s++)
        for (int64_t i = 0; i < net->stages[s].blocks; i++) {
            const model_stage *t = &net->stages[s];
            snprintf(name, sizeof name, "blocks.%d.%d", s, (int)i);
            const block k = {net, name, channels, channels * t->expand, t->channels, t->kernel, i == 0 ? t->stride : 1, t->expand == 1};
            WHET_TRY(add_block(&b, &k, &x));
            channels = t->channels;
        }
    WHET_TRY(add_ends(&b, "conv_head", "bn2", &(model_conv){channels, HEAD, 1, 1, 0, false, 1}, net->act, &x));
    WHET_TRY(whet_graph_op1(g, "GlobalAveragePool", WHET_IN(x), WHET_NO_ATTRS, &x));
    WHET_TRY(model_add_flatten(&b, x, &x));
    WHET_TRY(model_add_linear(&b, "classifier", HEAD, o->classes, x, "output", &x));
    return whet_graph_output(g, x);
}
