/* SPDX-License-Identifier: Apache-2.0 */
/* Squeeze-and-excite in training graphs. Before the gradients are made, Mul(x, s) with one s for each image and channel becomes
 * whet.ChannelScale; behind them, the two gradients into x (through the product and through the pooling that s came from)
 * become one node. */
#include "passes/lower.h"

static bool per_image(const whet_dims *s, const whet_dims *x)
{
    if (x->rank != 4 || s->rank != 4 || x->dims[0] == WHET_DIM_UNKNOWN || x->dims[1] < 1) return false;
    return s->dims[0] == x->dims[0] && s->dims[1] == x->dims[1] && s->dims[2] == 1 && s->dims[3] == 1 && x->dims[2] * x->dims[3] > 1;
}

whet_status whet_pass_fuse_excite(whet_graph *g)
{
    const int n_nodes = g->n_nodes;
    bool changed = false;
    for (whet_nid id = 0; id < n_nodes; id++) {
        const whet_node *n = &g->nodes[id];
        if (!whet_node_is(n, "Mul") || !whet_dtype_is_float(g->values[n->in[0]].dtype)) continue;
        const whet_vid a = n->in[0], b = n->in[1], old = n->out[0];
        const bool first = per_image(&g->values[b].dims, &g->values[a].dims), second = per_image(&g->values[a].dims, &g->values[b].dims);
        whet_vid y = WHET_NO_VALUE;
        if ((!first && !second) || whet_graph_is_output(g, old)) continue;
        WHET_TRY(whet_graph_op1(g, "whet.ChannelScale", WHET_IN(first ? a : b, first ? b : a), WHET_NO_ATTRS, &y));
        whet_graph_replace_uses(g, old, y);
        changed = true;
    }
    if (!changed) return WHET_OK;
    return whet_graph_prune(g);
}

/* The producer of v if it is such a node and nobody else reads v. */
static const whet_node *made_by(whet_graph *g, whet_vid v, const char *op)
{
    const whet_nid p = g->values[v].producer;
    if (p < 0 || !whet_node_is(&g->nodes[p], op) || whet_graph_uses(g, v).n != 1 || whet_graph_is_output(g, v)) return NULL;
    return &g->nodes[p];
}

whet_status whet_pass_fuse_excite_grad(whet_graph *g)
{
    const int n_nodes = g->n_nodes;
    bool changed = false;
    for (whet_nid id = 0; id < n_nodes; id++) {
        const whet_node *n = &g->nodes[id];
        if (!whet_node_is(n, "Add")) continue;
        const whet_vid in[2] = {n->in[0], n->in[1]}, old = n->out[0];
        for (int i = 0; i < 2; i++) {
            const whet_node *scale = made_by(g, in[i], "whet.ChannelScale"), *pool = made_by(g, in[1 - i], "whet.GlobalAveragePoolGrad");
            const whet_dims *d = &g->values[old].dims;
            whet_vid y = WHET_NO_VALUE;
            if (scale == NULL || pool == NULL || scale->n_in != 2 || d->rank != 4 || d->dims[2] < 1 || d->dims[3] < 1) continue;
            WHET_TRY(whet_graph_op1(g, "whet.ChannelScale", WHET_IN(scale->in[0], scale->in[1], pool->in[0]),
                                    WHET_ATTRS(whet_attr_float("alpha", 1.0f / (float)(d->dims[2] * d->dims[3]))), &y));
            whet_graph_replace_uses(g, old, y);
            changed = true;
            break;
        }
    }
    if (!changed) return WHET_OK;
    return whet_graph_prune(g);
}
