/* SPDX-License-Identifier: Apache-2.0 */
/* Fusion for training, run before the gradients are made: whet.BatchNormTrain [+ Add residual] [+ Relu, Clip or Swish] becomes one
 * node. Its gradient then masks, sums and scales in two passes over memory, and nothing between norm and activation is kept. */
#include <math.h>

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

/* The activation that alone reads v, as attributes; returns its node. Swish only where no residual stands before it. */
static whet_nid activation(whet_graph *g, whet_vid v, bool residual, whet_attr attrs[3], int *n_attr)
{
    whet_nid id = reader(g, v, "Relu");
    *n_attr = 1;
    attrs[0] = whet_attr_string("activation", "Relu");
    if (id != WHET_NO_NODE) return id;
    id = reader(g, v, "Swish");
    attrs[0] = whet_attr_string("activation", "Silu");
    if (id != WHET_NO_NODE) return !residual && whet_node_float(&g->nodes[id], "alpha", 1) == 1.0f ? id : WHET_NO_NODE;
    id = reader(g, v, "Clip");
    if (id == WHET_NO_NODE) return id;
    const whet_node *n = &g->nodes[id];
    const float none[2] = {-INFINITY, INFINITY};
    attrs[0] = whet_attr_string("activation", "Clip");
    for (int i = 1; i < 3; i++) {
        const bool given = n->n_in > i && n->in[i] != WHET_NO_VALUE;
        const whet_tensor *t = given ? whet_graph_const_data(g, n->in[i]) : NULL;
        if (given && (t == NULL || whet_tensor_numel(t) != 1)) return WHET_NO_NODE;
        attrs[i] = whet_attr_float(i == 1 ? "act_min" : "act_max", given ? (float)whet_tensor_get_f64(t, 0) : none[i - 1]);
    }
    *n_attr = 3;
    return id;
}

static bool plain_batch_norm(const whet_node *n)
{
    return whet_node_is(n, "whet.BatchNormTrain") && whet_node_int(n, "relu", 0) == 0 &&
           whet_node_string(n, "activation", "")[0] == '\0' && (n->n_in < 6 || n->in[5] == WHET_NO_VALUE);
}

static whet_status fuse(whet_graph *g, whet_nid id, whet_vid residual, int n_act, const whet_attr *act, whet_vid last)
{
    const whet_node *n = &g->nodes[id];
    whet_attr attrs[12];
    whet_vid in[6], old[5], out[5];
    int n_attr = 0;
    if (n->n_attr + n_act > (int)WHET_COUNT(attrs) || n->n_out != 5) return WHET_OK;
    for (int i = 0; i < n->n_attr; i++)
        if (strcmp(n->attr[i].name, "relu") != 0 && strcmp(n->attr[i].name, "activation") != 0) attrs[n_attr++] = n->attr[i];
    for (int i = 0; i < n_act; i++) attrs[n_attr++] = act[i];
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
        whet_attr acts[3];
        int n_act = 0;
        const whet_nid add = reader(g, y, "Add");
        if (add != WHET_NO_NODE) {
            const whet_node *a = &g->nodes[add];
            residual = a->in[0] == y ? a->in[1] : a->in[0];
            if (residual == y || !same_dims(&g->values[residual].dims, &g->values[y].dims)) continue;
            last = a->out[0];
        }
        const whet_nid act = activation(g, last, add != WHET_NO_NODE, acts, &n_act);
        if (act == WHET_NO_NODE && add == WHET_NO_NODE) continue;
        if (act == WHET_NO_NODE) n_act = 0;
        WHET_TRY(fuse(g, id, residual, n_act, acts, act != WHET_NO_NODE ? g->nodes[act].out[0] : last));
        changed = true;
    }
    if (!changed) return WHET_OK;
    return whet_graph_prune(g);
}
