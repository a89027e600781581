/* SPDX-License-Identifier: Apache-2.0 */
/* Fusion for training, run before the gradients are made: whet.BatchNormTrain [+ Add residual] + Relu becomes one node. Its
 * gradient then masks, sums and scales in two passes over memory, and no activation before the ReLU is kept. */
#include "passes/lower.h"

static bool same_dims(const whet_dims *a, const whet_dims *b)
{
    if (a->rank < 0 || a->rank != b->rank) return false;
    for (int i = 0; i < a->rank; i++)
        if (a->dims[i] == WHET_DIM_UNKNOWN || a->dims[i] != b->dims[i]) return false;
    return true;
}

/* The only reader of v if it is a node of this operator. */
static whet_nid reader(whet_graph *g, whet_vid v, const char *op)
{
    const whet_uses uses = whet_graph_uses(g, v);
    if (uses.n != 1 || whet_graph_is_output(g, v) || !whet_node_is(&g->nodes[uses.nodes[0]], op)) return WHET_NO_NODE;
    return uses.nodes[0];
}

static bool plain_batch_norm(const whet_node *n)
{
    return whet_node_is(n, "whet.BatchNormTrain") && whet_node_int(n, "relu", 0) == 0 &&
           (n->n_in < 6 || n->in[5] == WHET_NO_VALUE);
}

static whet_status fuse(whet_graph *g, whet_nid id, whet_vid residual, whet_vid last)
{
    const whet_node *n = &g->nodes[id];
    whet_attr attrs[8];
    whet_vid in[6], old[5], out[5];
    int n_attr = 0;
    if (n->n_attr + 1 > (int)WHET_COUNT(attrs) || n->n_out != 5) return WHET_OK;
    for (int i = 0; i < n->n_attr; i++)
        if (strcmp(n->attr[i].name, "relu") != 0) attrs[n_attr++] = n->attr[i];
    attrs[n_attr++] = whet_attr_int("relu", 1);
    for (int i = 0; i < 5; i++) {
        in[i] = n->in[i];
        old[i] = n->out[i];
    }
    in[5] = residual;
    WHET_TRY(whet_graph_node(g, "whet.BatchNormTrain", n->name, residual == WHET_NO_VALUE ? 5 : 6, in, n_attr, attrs, 5, NULL, out));
    whet_graph_replace_uses(g, last, out[0]);
    for (int i = 1; i < 5; i++)
        if (old[i] != WHET_NO_VALUE) whet_graph_replace_uses(g, old[i], out[i]);
    return WHET_OK;
}

whet_status whet_pass_fuse_batchnorm(whet_graph *g)
{
    const int n_nodes = g->n_nodes;
    bool changed = false;
    for (whet_nid id = 0; id < n_nodes; id++) {
        if (!plain_batch_norm(&g->nodes[id])) continue;
        const whet_vid y = g->nodes[id].out[0];
        whet_vid last = y, residual = WHET_NO_VALUE;
        const whet_nid add = reader(g, y, "Add");
        if (add != WHET_NO_NODE) {
            const whet_node *a = &g->nodes[add];
            residual = a->in[0] == y ? a->in[1] : a->in[0];
            if (residual == y || !same_dims(&g->values[residual].dims, &g->values[y].dims)) continue;
            last = a->out[0];
        }
        const whet_nid relu = reader(g, last, "Relu");
        if (relu == WHET_NO_NODE) continue;
        WHET_TRY(fuse(g, id, residual, g->nodes[relu].out[0]));
        changed = true;
    }
    if (!changed) return WHET_OK;
    WHET_TRY(whet_graph_sort(g));
    return whet_graph_prune(g);
}
