/* SPDX-License-Identifier: Apache-2.0 */
/* What squeeze-and-excite does in training, in as few passes over memory as possible:
 *
 *   whet.ChannelScale  y = x * s + alpha * t     x [N, C, ...]; s and t (optional) [N, C, 1, ...]
 *   whet.ChannelDot    z[n, c] = sum of a * b over the positions: the gradient by s
 *
 * t carries the gradient of the pooling that made s: one pass for both ways into x. Made by the passes only. */
#include "ir/ops.h"

const whet_attr_def attrs_channel_scale[] = {ATTR_FLOAT("alpha", 1), ATTR_END};

static whet_status types(const whet_infer *c)
{
    WHET_TRY(whet_infer_need_dtype(c, 0, "f32 f64"));
    for (int i = 1; i < 3; i++)
        if (whet_infer_has(c, i) && whet_infer_dtype(c, i) != whet_infer_dtype(c, 0))
            return whet_infer_fail(c, WHET_ESHAPE, "input %d is %s, but input 0 is %s", i, whet_dtype_name(whet_infer_dtype(c, i)),
                                   whet_dtype_name(whet_infer_dtype(c, 0)));
    return WHET_OK;
}

/* x with the spatial sizes 1 */
static whet_dims per_image(const whet_dims *x)
{
    whet_dims d = *x;
    for (int i = 2; i < d.rank; i++) d.dims[i] = 1;
    return d;
}

whet_status infer_channel_scale(whet_infer *c)
{
    const whet_dims *x = whet_infer_dims(c, 0);
    const whet_dims want = per_image(x);
    whet_dims same;
    WHET_TRY(types(c));
    if (x->rank >= 0 && x->rank < 3) return whet_infer_fail(c, WHET_ESHAPE, "input has rank %d, but at least 3 is needed", x->rank);
    for (int i = 1; i < 3; i++)
        if (whet_infer_has(c, i) && !infer_same_dims(whet_infer_dims(c, i), &want, &same))
            return whet_infer_fail(c, WHET_ESHAPE, "input %d does not have one value for each image and channel", i);
    return whet_infer_set(c, 0, whet_infer_dtype(c, 0), x);
}

whet_status infer_channel_dot(whet_infer *c)
{
    whet_dims same;
    WHET_TRY(types(c));
    if (!infer_same_dims(whet_infer_dims(c, 0), whet_infer_dims(c, 1), &same)) return whet_infer_fail(c, WHET_ESHAPE, "the inputs differ in shape");
    if (same.rank >= 0 && same.rank < 3) return whet_infer_fail(c, WHET_ESHAPE, "input has rank %d, but at least 3 is needed", same.rank);
    same = per_image(&same);
    return whet_infer_set(c, 0, whet_infer_dtype(c, 0), &same);
}

whet_status grad_channel_scale(whet_grad *c)
{
    const whet_vid x = c->n->in[0], s = c->n->in[1], dy = c->dy[0];
    if (c->n->n_in > 2 && c->need[2]) return WHET_FAIL(WHET_EUNSUPPORTED, "gradient of whet.ChannelScale by its summand");
    if (c->need[0]) WHET_TRY(whet_graph_op1(c->g, "whet.ChannelScale", WHET_IN(dy, s), WHET_NO_ATTRS, &c->dx[0]));
    if (c->need[1]) WHET_TRY(whet_graph_op1(c->g, "whet.ChannelDot", WHET_IN(dy, x), WHET_NO_ATTRS, &c->dx[1]));
    return WHET_OK;
}
