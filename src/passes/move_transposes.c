/* SPDX-License-Identifier: Apache-2.0 */
/* Transpose(m, to NCHW) + x, where m comes from a product over channels that stand last, becomes
 * Transpose(m + Transpose(x, to NHWC), to NCHW): the sum can then join the product, and both transpositions are views once x
 * is stored in NHWC (layout.c). */
#include "passes/match.h"
#include "passes/passes.h"

static const int64_t to_nhwc[4] = {0, 2, 3, 1}, to_nchw[4] = {0, 3, 1, 2};

/* m ends in a MatMul that nobody else reads, with at most a bias behind it. */
static bool from_product(whet_graph *g, whet_vid m)
{
    whet_nid id = whet_match_producer(g, m, NULL, 1);
    if (id != WHET_NO_NODE && whet_node_is(&g->nodes[id], "Add")) {
        const whet_node *n = &g->nodes[id];
        if (whet_graph_const_data(g, n->in[0]) != NULL) id = whet_match_producer(g, n->in[1], NULL, 1);
        else if (whet_graph_const_data(g, n->in[1]) != NULL) id = whet_match_producer(g, n->in[0], NULL, 1);
    }
    return id != WHET_NO_NODE && whet_node_is(&g->nodes[id], "MatMul");
}

static whet_status move(whet_graph *g, whet_nid id, int *changes)
{
    for (int i = 0; i < 2; i++) {
        const whet_vid a = g->nodes[id].in[i], x = g->nodes[id].in[1 - i];
        const whet_nid turn = whet_match_producer(g, a, "Transpose", 1);
        whet_vid y = WHET_NO_VALUE;
        if (a == x || turn == WHET_NO_NODE || !whet_match_perm(&g->nodes[turn], 4, to_nchw)) continue;
        if (!whet_match_dims(&g->values[a].dims, &g->values[x].dims) || !from_product(g, g->nodes[turn].in[0])) continue;
        const whet_vid m = g->nodes[turn].in[0], old = g->nodes[id].out[0];
        WHET_TRY(whet_graph_op1(g, "Transpose", WHET_IN(x), WHET_ATTRS(whet_attr_ints("perm", 4, to_nhwc)), &y));
        WHET_TRY(whet_graph_node(g, "Add", g->nodes[id].name, WHET_IN(m, y), WHET_NO_ATTRS, 1, NULL, &y));
        WHET_TRY(whet_graph_op1(g, "Transpose", WHET_IN(y), WHET_ATTRS(whet_attr_ints("perm", 4, to_nchw)), &y));
        whet_graph_replace_uses(g, old, y);
        *changes += 1;
        return WHET_OK;
    }
    return WHET_OK;
}

/* Two transpositions that undo each other. */
static void cancel(whet_graph *g, whet_nid id, int *changes)
{
    int64_t one[WHET_MAX_RANK], two[WHET_MAX_RANK];
    const whet_nid before = whet_match_producer(g, g->nodes[id].in[0], "Transpose", 0);
    if (before == WHET_NO_NODE || whet_graph_is_output(g, g->nodes[id].out[0])) return;
    const int rank = whet_node_ints(&g->nodes[id], "perm", two, WHET_MAX_RANK);
    if (rank < 1 || whet_node_ints(&g->nodes[before], "perm", one, WHET_MAX_RANK) != rank) return;
    for (int i = 0; i < rank; i++)
        if (one[two[i]] != i) return;
    if (whet_graph_uses(g, g->nodes[id].out[0]).n == 0) return;
    whet_graph_replace_uses(g, g->nodes[id].out[0], g->nodes[before].in[0]);
    *changes += 1;
}

whet_status whet_pass_move_transposes(whet_pass_context *c)
{
    whet_graph *g = c->g;
    const int n_nodes = g->n_nodes;
    for (whet_nid id = 0; id < n_nodes; id++)
        if (whet_node_is(&g->nodes[id], "Add")) WHET_TRY(move(g, id, &c->changes));
    for (whet_nid id = 0; id < g->n_nodes; id++)
        if (whet_node_is(&g->nodes[id], "Transpose")) cancel(g, id, &c->changes);
    if (c->changes == 0) return WHET_OK;
    return whet_graph_prune(g);
}
