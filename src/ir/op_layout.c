/* SPDX-License-Identifier: Apache-2.0 */
/* Reorder: the same logical NCHW value in another physical layout. */
#include "ir/ops.h"

/* to: "NCHW" or "NHWC", the layout of the output. */
const whet_attr_def attrs_reorder[] = {{.name = "to", .type = WHET_ATTR_STRING, .required = true, .s = "NHWC"}, ATTR_END};

whet_status infer_reorder(whet_infer *c)
{
    const char *to = whet_node_string(c->n, "to", "");
    const bool nhwc = strcmp(to, "NHWC") == 0;
    if (!nhwc && strcmp(to, "NCHW") != 0) return whet_infer_fail(c, WHET_EINVAL, "layout '%s' is unknown", to);
    if (whet_infer_dims(c, 0)->rank >= 0 && whet_infer_dims(c, 0)->rank != 4)
        return whet_infer_fail(c, WHET_ESHAPE, "input has rank %d, but 4 is needed", whet_infer_dims(c, 0)->rank);
    c->g->values[c->n->out[0]].layout = nhwc ? WHET_NHWC : WHET_NCHW;
    return whet_infer_set(c, 0, whet_infer_dtype(c, 0), whet_infer_dims(c, 0));
}

whet_status grad_reorder(whet_grad *c)
{
    const bool nhwc = c->g->values[c->n->in[0]].layout == WHET_NHWC;
    if (!c->need[0]) return WHET_OK;
    return whet_graph_op1(c->g, "whet.Reorder", WHET_IN(c->dy[0]), WHET_ATTRS(whet_attr_string("to", nhwc ? "NHWC" : "NCHW")), &c->dx[0]);
}
