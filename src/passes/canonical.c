/* SPDX-License-Identifier: Apache-2.0 */
/* Other spellings of the same thing, brought to the one that has fast rows: a mean over the spatial axes is a
 * GlobalAveragePool (and a Flatten where the axes go). */
#include "passes/match.h"
#include "passes/passes.h"

/* Axes are exactly 2, 3 of rank 4. */
static bool spatial(const whet_graph *g, const whet_node *n)
{
    int64_t axes[2];
    if (!whet_node_is(n, "ReduceMean") || n->n_in < 2 || g->values[n->in[0]].dims.rank != 4 || whet_match_ints(g, n->in[1], axes, 2) != 2) return false;
    for (int i = 0; i < 2; i++) axes[i] += axes[i] < 0 ? 4 : 0;
    return (axes[0] == 2 && axes[1] == 3) || (axes[0] == 3 && axes[1] == 2);
}

whet_status whet_pass_canonical(whet_pass_context *c)
{
    whet_graph *g = c->g;
    const int n_nodes = g->n_nodes;
    for (whet_nid id = 0; id < n_nodes; id++) {
        const whet_node *n = &g->nodes[id];
        whet_vid y = WHET_NO_VALUE;
        if (n->op == NULL || !spatial(g, n) || !whet_dtype_is_float(g->values[n->in[0]].dtype)) continue;
        const bool keep = whet_node_int(n, "keepdims", 1) != 0;
        const whet_vid old = n->out[0];
        WHET_TRY(whet_graph_node(g, "GlobalAveragePool", n->name, WHET_IN(n->in[0]), WHET_NO_ATTRS, 1, NULL, &y));
        if (!keep) WHET_TRY(whet_graph_op1(g, "Flatten", WHET_IN(y), WHET_NO_ATTRS, &y));
        whet_graph_replace_uses(g, old, y);
        c->changes++;
    }
    if (c->changes == 0) return WHET_OK;
    return whet_graph_prune(g);
}
