/* SPDX-License-Identifier: Apache-2.0 */
/* ViT-Ti/16 (Dosovitskiy et al. 2020; the tiny size: Touvron et al., "DeiT", 2020): 12 blocks of 192, 3 heads, patches of
 * 16x16, a class token, learned positions. Names as in timm's vit_tiny_patch16_224. Tokens run as rows of one matrix
 * through the linear layers, so that weights keep PyTorch's [out, in]. */
#include <math.h>
#include <stdio.h>

#include "models/model_families.h"

#define PATCH 16
#define WIDTH 192
#define DEPTH 12
#define HEADS 3
#define EPSILON 1e-6f

/* What all blocks share: the number of tokens, and shapes that begin with the batch's size. */
typedef struct sizes { int64_t tokens; whet_vid batch, rows, wide, heads; } sizes;

static whet_status transpose(model_builder *b, whet_vid x, int n, const int64_t *perm, whet_vid *out)
{
    return whet_graph_op1(b->g, "Transpose", WHET_IN(x), WHET_ATTRS(whet_attr_ints("perm", n, perm)), out);
}

/* x [N, tokens, WIDTH] -> [N * tokens, out] */
static whet_status add_linear(model_builder *b, const char *block, const char *part, int64_t in, int64_t out, whet_vid x, whet_vid *y)
{
    char name[48];
    snprintf(name, sizeof name, "%s.%s", block, part);
    WHET_TRY(model_add_reshape(b, x, 2, (const int64_t[]){-1, in}, &x));
    return model_add_linear(b, name, in, out, x, NULL, y);
}

static whet_status add_attention(model_builder *b, const char *block, const sizes *s, whet_vid x, whet_vid *out)
{
    const int64_t head = WIDTH / HEADS, one[1] = {0};
    whet_vid axis = WHET_NO_VALUE, scale = WHET_NO_VALUE, qkv[3], kt = WHET_NO_VALUE, y = WHET_NO_VALUE;
    WHET_TRY(add_linear(b, block, "attn.qkv", WIDTH, 3 * WIDTH, x, &x));
    WHET_TRY(whet_graph_op1(b->g, "Reshape", WHET_IN(x, s->wide), WHET_NO_ATTRS, &x));
    WHET_TRY(whet_graph_op1(b->g, "Reshape", WHET_IN(x, s->heads), WHET_NO_ATTRS, &x));
    WHET_TRY(transpose(b, x, 5, (const int64_t[]){2, 0, 3, 1, 4}, &x));
    WHET_TRY(whet_graph_node(b->g, "Split", NULL, 1, &x, WHET_ATTRS(whet_attr_int("axis", 0), whet_attr_int("num_outputs", 3)), 3, NULL, qkv));
    WHET_TRY(whet_graph_const_s64(b->g, NULL, 1, one, &axis));
    for (int i = 0; i < 3; i++) WHET_TRY(whet_graph_op1(b->g, "Squeeze", WHET_IN(qkv[i], axis), WHET_NO_ATTRS, &qkv[i]));
    WHET_TRY(whet_graph_const_f32(b->g, NULL, 1 / sqrtf((float)head), &scale));
    WHET_TRY(whet_graph_op1(b->g, "Mul", WHET_IN(qkv[0], scale), WHET_NO_ATTRS, &y));
    WHET_TRY(transpose(b, qkv[1], 4, (const int64_t[]){0, 1, 3, 2}, &kt));
    WHET_TRY(whet_graph_op1(b->g, "MatMul", WHET_IN(y, kt), WHET_NO_ATTRS, &y));
    WHET_TRY(whet_graph_op1(b->g, "Softmax", WHET_IN(y), WHET_ATTRS(whet_attr_int("axis", -1)), &y));
    WHET_TRY(whet_graph_op1(b->g, "MatMul", WHET_IN(y, qkv[2]), WHET_NO_ATTRS, &y));
    WHET_TRY(transpose(b, y, 4, (const int64_t[]){0, 2, 1, 3}, &y));
    return add_linear(b, block, "attn.proj", WIDTH, WIDTH, y, out);
}

static whet_status add_residual(model_builder *b, const sizes *s, whet_vid branch, whet_vid *x)
{
    WHET_TRY(whet_graph_op1(b->g, "Reshape", WHET_IN(branch, s->rows), WHET_NO_ATTRS, &branch));
    return whet_graph_op1(b->g, "Add", WHET_IN(*x, branch), WHET_NO_ATTRS, x);
}

static whet_status add_block(model_builder *b, const char *block, const sizes *s, whet_vid *x)
{
    char norm[48];
    whet_vid y = WHET_NO_VALUE;
    snprintf(norm, sizeof norm, "%s.norm1", block);
    WHET_TRY(model_add_layer_norm(b, norm, WIDTH, EPSILON, *x, &y));
    WHET_TRY(add_attention(b, block, s, y, &y));
    WHET_TRY(add_residual(b, s, y, x));
    snprintf(norm, sizeof norm, "%s.norm2", block);
    WHET_TRY(model_add_layer_norm(b, norm, WIDTH, EPSILON, *x, &y));
    WHET_TRY(add_linear(b, block, "mlp.fc1", WIDTH, 4 * WIDTH, y, &y));
    WHET_TRY(model_add_act(b, MODEL_ACT_GELU, y, &y));
    WHET_TRY(add_linear(b, block, "mlp.fc2", 4 * WIDTH, WIDTH, y, &y));
    return add_residual(b, s, y, x);
}

static whet_status add_shape(model_builder *b, whet_vid batch, int n, const int64_t *rest, whet_vid *out)
{
    whet_vid tail = WHET_NO_VALUE;
    WHET_TRY(whet_graph_const_s64(b->g, NULL, n, rest, &tail));
    return whet_graph_op1(b->g, "Concat", WHET_IN(batch, tail), WHET_ATTRS(whet_attr_int("axis", 0)), out);
}

static whet_status add_sizes(model_builder *b, whet_vid x, sizes *s)
{
    WHET_TRY(whet_graph_op1(b->g, "Shape", WHET_IN(x), WHET_ATTRS(whet_attr_int("start", 0), whet_attr_int("end", 1)), &s->batch));
    WHET_TRY(add_shape(b, s->batch, 2, (const int64_t[]){s->tokens, WIDTH}, &s->rows));
    WHET_TRY(add_shape(b, s->batch, 2, (const int64_t[]){s->tokens, 3 * WIDTH}, &s->wide));
    return add_shape(b, s->batch, 4, (const int64_t[]){s->tokens, 3, HEADS, WIDTH / HEADS}, &s->heads);
}

/* The picture's patches as rows, the class token in front, positions added. */
static whet_status add_tokens(model_builder *b, const sizes *s, whet_vid *x)
{
    whet_vid cls = WHET_NO_VALUE, positions = WHET_NO_VALUE, shape = WHET_NO_VALUE;
    WHET_TRY(model_add_normal(b, "cls_token", WHET_SHAPE(1, 1, WIDTH), 1e-6, &cls));
    WHET_TRY(model_add_normal(b, "pos_embed", WHET_SHAPE(1, s->tokens, WIDTH), 0.02, &positions));
    WHET_TRY(model_add_conv(b, "patch_embed.proj", &(model_conv){b->o->in_channels, WIDTH, PATCH, PATCH, 0, true, 1}, *x, x));
    WHET_TRY(model_add_reshape(b, *x, 3, (const int64_t[]){0, WIDTH, -1}, x));
    WHET_TRY(transpose(b, *x, 3, (const int64_t[]){0, 2, 1}, x));
    WHET_TRY(add_shape(b, s->batch, 2, (const int64_t[]){1, WIDTH}, &shape));
    WHET_TRY(whet_graph_op1(b->g, "Expand", WHET_IN(cls, shape), WHET_NO_ATTRS, &cls));
    WHET_TRY(whet_graph_op1(b->g, "Concat", WHET_IN(cls, *x), WHET_ATTRS(whet_attr_int("axis", 1)), x));
    return whet_graph_op1(b->g, "Add", WHET_IN(*x, positions), WHET_NO_ATTRS, x);
}

whet_status whet_model_vit(whet_graph *g, const whet_model_options *o, int arg)
{
    model_builder b = {g, o, MODEL_INIT_NORMAL_02};
    sizes s = {o->height / PATCH * (o->width / PATCH) + 1, WHET_NO_VALUE, WHET_NO_VALUE, WHET_NO_VALUE, WHET_NO_VALUE};
    whet_vid x = WHET_NO_VALUE, first = WHET_NO_VALUE;
    char name[32];
    (void)arg;
    if (o->height % PATCH != 0 || o->width % PATCH != 0)
        return WHET_FAIL(WHET_ESHAPE, "vit-tiny-16 needs a height and width that are multiples of 16");
    WHET_TRY(model_input(&b, &x));
    WHET_TRY(add_sizes(&b, x, &s));
    WHET_TRY(add_tokens(&b, &s, &x));
    for (int i = 0; i < DEPTH; i++) {
        snprintf(name, sizeof name, "blocks.%d", i);
        WHET_TRY(add_block(&b, name, &s, &x));
    }
    /* the norm works on each token alone, and only the class token goes on */
    whet_tensor zero = {0};
    WHET_TRY(whet_tensor_alloc(&zero, WHET_S64, &(whet_shape){.rank = 0}));
    const whet_status status = whet_graph_const(g, NULL, &zero, &first);
    whet_tensor_dispose(&zero);
    WHET_TRY(status);
    WHET_TRY(whet_graph_op1(g, "Gather", WHET_IN(x, first), WHET_ATTRS(whet_attr_int("axis", 1)), &x));
    WHET_TRY(model_add_layer_norm(&b, "norm", WIDTH, EPSILON, x, &x));
    WHET_TRY(model_add_linear(&b, "head", WIDTH, o->classes, x, "output", &x));
    return whet_graph_output(g, x);
}
