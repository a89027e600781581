/* SPDX-License-Identifier: Apache-2.0 */
/* Fusion for inference: Conv [+ Add residual] [+ Relu or Clip] becomes whet.FusedConv, Gemm + Relu or Clip becomes
 * whet.FusedGemm. Values that something else reads (a gradient, an output) keep their node, so a training graph is left
 * alone by itself. Run after BatchNorm folding. */
#include <math.h>

#include "passes/lower.h"

typedef struct chain {
    whet_nid head;      /* Conv or Gemm */
    whet_vid last;      /* the value that the fused node replaces */
    whet_vid residual;
    const char *activation;
    float lo, hi;
} chain;

/* The only reader of v, or WHET_NO_NODE when there are others. */
static whet_nid only_user(whet_graph *g, whet_vid v)
{
    const whet_uses uses = whet_graph_uses(g, v);
    if (uses.n != 1 || whet_graph_is_output(g, v)) return WHET_NO_NODE;
    for (int i = 0; i < g->n_commits; i++)
        if (g->commits[i].src == v) return WHET_NO_NODE;
    return uses.nodes[0];
}

static bool same_dims(const whet_dims *a, const whet_dims *b)
{
    if (a->rank < 0 || a->rank != b->rank) return false;
    for (int i = 0; i < a->rank; i++)
        if (a->dims[i] == WHET_DIM_UNKNOWN || a->dims[i] != b->dims[i]) return false;
    return true;
}

static bool scalar_bound(const whet_graph *g, const whet_node *n, int i, float *out)
{
    if (i >= n->n_in || n->in[i] == WHET_NO_VALUE) return true;
    const whet_tensor *t = whet_graph_const_data(g, n->in[i]);
    if (!t || whet_tensor_numel(t) != 1) return false;
    *out = (float)whet_tensor_get_f64(t, 0);
    return true;
}

static void take_residual(whet_graph *g, chain *c)
{
    const whet_nid id = only_user(g, c->last);
    if (id == WHET_NO_NODE || !whet_node_is(&g->nodes[id], "Add")) return;
    const whet_node *n = &g->nodes[id];
    const whet_vid other = n->in[0] == c->last ? n->in[1] : n->in[0];
    if (other == c->last || !same_dims(&g->values[other].dims, &g->values[c->last].dims)) return;
    c->residual = other;
    c->last = n->out[0];
}

static void take_activation(whet_graph *g, chain *c)
{
    const whet_nid id = only_user(g, c->last);
    if (id == WHET_NO_NODE) return;
    const whet_node *n = &g->nodes[id];
    if (whet_node_is(n, "Relu")) {
        c->activation = "Relu";
    } else if (whet_node_is(n, "Clip") && n->in[0] == c->last) {
        float lo = -INFINITY, hi = INFINITY;
        if (!scalar_bound(g, n, 1, &lo) || !scalar_bound(g, n, 2, &hi) || !(lo <= hi)) return;
        c->activation = "Clip";
        c->lo = lo;
        c->hi = hi;
    } else {
        return;
    }
    c->last = n->out[0];
}

static whet_status rewrite(whet_graph *g, const chain *c, const char *op)
{
    const whet_node *head = &g->nodes[c->head];
    whet_attr attrs[16];
    whet_vid in[4] = {WHET_NO_VALUE, WHET_NO_VALUE, WHET_NO_VALUE, WHET_NO_VALUE}, out = WHET_NO_VALUE;
    int n_attr = head->n_attr, n_in = head->n_in;
    if (n_attr + 3 > (int)WHET_COUNT(attrs)) return WHET_OK;
    for (int i = 0; i < n_attr; i++) attrs[i] = head->attr[i];
    for (int i = 0; i < n_in; i++) in[i] = head->in[i];
    if (c->activation) {
        attrs[n_attr++] = whet_attr_string("activation", c->activation);
        if (c->activation[0] == 'C') {
            attrs[n_attr++] = whet_attr_float("act_min", c->lo);
            attrs[n_attr++] = whet_attr_float("act_max", c->hi);
        }
    }
    if (c->residual != WHET_NO_VALUE) {
        in[3] = c->residual;
        n_in = 4;
    }
    WHET_TRY(whet_graph_node(g, op, head->name, n_in, in, n_attr, attrs, 1, NULL, &out));
    whet_graph_replace_uses(g, c->last, out);
    return WHET_OK;
}

whet_status whet_pass_fuse(whet_graph *g)
{
    const int n_nodes = g->n_nodes;
    bool changed = false;
    for (whet_nid id = 0; id < n_nodes; id++) {
        const bool conv = whet_node_is(&g->nodes[id], "Conv"), gemm = whet_node_is(&g->nodes[id], "Gemm");
        if ((!conv && !gemm) || g->nodes[id].out[0] == WHET_NO_VALUE) continue;
        chain c = {id, g->nodes[id].out[0], WHET_NO_VALUE, NULL, 0.0f, 0.0f};
        if (g->values[c.last].dtype != WHET_F32 && g->values[c.last].dtype != WHET_F64) continue;
        if (conv) take_residual(g, &c);
        take_activation(g, &c);
        if (c.last == g->nodes[id].out[0]) continue;
        WHET_TRY(rewrite(g, &c, conv ? "whet.FusedConv" : "whet.FusedGemm"));
        changed = true;
    }
    if (!changed) return WHET_OK;
    WHET_TRY(whet_graph_sort(g));
    return whet_graph_prune(g);
}
