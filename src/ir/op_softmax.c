/* SPDX-License-Identifier: Apache-2.0 */
/* Softmax and LogSoftmax along one axis (ONNX, opset 13). Their gradients need the output alone:
 *   Softmax:    dx = y * (dy - sum(dy * y)),   LogSoftmax: dx = dy - exp(y) * sum(dy). */
#include "ir/ops.h"

const whet_attr_def attrs_softmax[] = {ATTR_INT("axis", -1), ATTR_END};

whet_status infer_softmax(whet_infer *c)
{
    const whet_dims *x = whet_infer_dims(c, 0);
    int axis = 0;
    WHET_TRY(whet_infer_need_dtype(c, 0, "f32 f64"));
    if (x->rank > 0 || (x->rank == 0 && whet_node_attr(c->n, "axis") != NULL))
        WHET_TRY(infer_axis(c, whet_node_int(c->n, "axis", -1), WHET_MAX(x->rank, 1), false, &axis));
    return whet_infer_set(c, 0, whet_infer_dtype(c, 0), x);
}

whet_status grad_softmax(whet_grad *c)
{
    const char *op = whet_node_is(c->n, "Softmax") ? "whet.SoftmaxGrad" : "whet.LogSoftmaxGrad";
    if (!c->need[0]) return WHET_OK;
    return whet_graph_op1(c->g, op, WHET_IN(c->dy[0], c->n->out[0]), c->n->n_attr, c->n->attr, &c->dx[0]);
}
