/* SPDX-License-Identifier: Apache-2.0 */
/* Dropout (ONNX, opset 22) and its gradient. Both draw the same numbers from Philox, keyed by the executor's seed, the
 * step, the forward node's name and the element's index, so no mask is kept: the gradient node carries the name in its
 * attribute `of`. */
#include "ir/ops.h"

const whet_attr_def attrs_dropout[] = {ATTR_INT("seed", 0), ATTR_STRING("of", ""), ATTR_END};

whet_status infer_dropout(whet_infer *c)
{
    WHET_TRY(whet_infer_need_dtype(c, 0, "f32 f64"));
    if (whet_infer_has(c, 1)) WHET_TRY(whet_infer_need_dtype(c, 1, "f32 f64"));
    if (whet_infer_has(c, 2)) WHET_TRY(whet_infer_need_dtype(c, 2, "bool"));
    WHET_TRY(whet_infer_set(c, 0, whet_infer_dtype(c, 0), whet_infer_dims(c, 0)));
    return whet_infer_set(c, 1, WHET_BOOL, whet_infer_dims(c, 0));
}

whet_status grad_dropout(whet_grad *c)
{
    const whet_node *n = c->n;
    if (!c->need[0] || c->dy[0] == WHET_NO_VALUE) return WHET_OK;
    const whet_vid in[3] = {c->dy[0], n->n_in > 1 ? n->in[1] : WHET_NO_VALUE, n->n_in > 2 ? n->in[2] : WHET_NO_VALUE};
    return whet_graph_op1(c->g, "whet.DropoutGrad", 3, in,
                          WHET_ATTRS(whet_attr_int("seed", whet_node_int(n, "seed", 0)), whet_attr_string("of", n->name)), &c->dx[0]);
}
