/* SPDX-License-Identifier: Apache-2.0 */
/* Looking at a graph for patterns: see match.h. */
#include "passes/match.h"

#include <math.h>

whet_nid whet_match_user(whet_graph *g, whet_vid v)
{
    const whet_uses uses = whet_graph_uses(g, v);
    if (uses.n != 1 || whet_graph_is_output(g, v)) return WHET_NO_NODE;
    for (int i = 0; i < g->n_commits; i++)
        if (g->commits[i].src == v) return WHET_NO_NODE;
    return uses.nodes[0];
}

whet_nid whet_match_user_is(whet_graph *g, whet_vid v, const char *op)
{
    const whet_nid n = whet_match_user(g, v);
    return n != WHET_NO_NODE && whet_node_is(&g->nodes[n], op) ? n : WHET_NO_NODE;
}

whet_nid whet_match_producer(whet_graph *g, whet_vid v, const char *op, int uses)
{
    const whet_nid n = v >= 0 ? g->values[v].producer : WHET_NO_NODE;
    if (n == WHET_NO_NODE || g->nodes[n].op == NULL || (op != NULL && !whet_node_is(&g->nodes[n], op))) return WHET_NO_NODE;
    if (uses > 0 && (whet_graph_uses(g, v).n != uses || whet_graph_is_output(g, v))) return WHET_NO_NODE;
    return n;
}

bool whet_match_dims(const whet_dims *a, const whet_dims *b)
{
    if (a->rank < 0 || a->rank != b->rank) return false;
    for (int i = 0; i < a->rank; i++)
        if (a->dims[i] == WHET_DIM_UNKNOWN || a->dims[i] != b->dims[i]) return false;
    return true;
}

bool whet_match_scalar(const whet_graph *g, whet_vid v, double *out)
{
    const whet_tensor *t = v >= 0 ? whet_graph_const_data(g, v) : NULL;
    if (t == NULL || !whet_dtype_is_float(t->dtype) || whet_tensor_numel(t) != 1) return false;
    *out = whet_tensor_get_f64(t, 0);
    return true;
}

int whet_match_ints(const whet_graph *g, whet_vid v, int64_t *out, int cap)
{
    const whet_tensor *t = v >= 0 ? whet_graph_const_data(g, v) : NULL;
    if (t == NULL || (t->dtype != WHET_S64 && t->dtype != WHET_S32) || whet_tensor_numel(t) > cap) return -1;
    for (int64_t i = 0; i < whet_tensor_numel(t); i++) out[i] = whet_tensor_get_s64(t, i);
    return (int)whet_tensor_numel(t);
}

bool whet_match_near(double a, double b) { return fabs(a - b) <= 1e-3 * fabs(b); }

bool whet_match_perm(const whet_node *n, int rank, const int64_t *perm)
{
    int64_t have[WHET_MAX_RANK];
    if (!whet_node_is(n, "Transpose") || whet_node_ints(n, "perm", have, WHET_MAX_RANK) != rank) return false;
    for (int i = 0; i < rank; i++)
        if (have[i] != perm[i]) return false;
    return true;
}

static bool add_factor(whet_product *p, whet_vid v)
{
    if (p->n == WHET_MATCH_FACTORS) return false;
    p->factor[p->n++] = v;
    return true;
}

static bool multiply(whet_graph *g, whet_vid v, bool top, int depth, whet_product *p)
{
    double c = 0;
    const whet_nid id = whet_match_producer(g, v, NULL, top ? 0 : 1);
    if (whet_match_scalar(g, v, &c)) {
        p->c *= c;
        return true;
    }
    if (id == WHET_NO_NODE || depth == 8) return add_factor(p, v);
    const whet_node *n = &g->nodes[id];
    if (whet_node_is(n, "Mul")) {
        const whet_vid a = n->in[0], b = n->in[1];
        if (a == b) return add_factor(p, a) && add_factor(p, a);
        return multiply(g, a, false, depth + 1, p) && multiply(g, b, false, depth + 1, p);
    }
    if (whet_node_is(n, "Div") && whet_match_scalar(g, n->in[1], &c)) {
        p->c /= c;
        return multiply(g, n->in[0], false, depth + 1, p);
    }
    if (whet_node_is(n, "Pow") && whet_match_scalar(g, n->in[1], &c) && (c == 2 || c == 3)) {
        for (int i = 0; i < (int)c; i++)
            if (!add_factor(p, n->in[0])) return false;
        return true;
    }
    return add_factor(p, v);
}

bool whet_match_product(whet_graph *g, whet_vid v, whet_product *p)
{
    *p = (whet_product){.c = 1};
    return multiply(g, v, true, 0, p);
}

bool whet_match_plus(whet_graph *g, whet_vid v, whet_vid *x, double *c)
{
    const whet_nid id = whet_match_producer(g, v, NULL, 1);
    if (id == WHET_NO_NODE) return false;
    const whet_node *n = &g->nodes[id];
    if (whet_node_is(n, "Sub") && whet_match_scalar(g, n->in[1], c)) {
        *x = n->in[0];
        *c = -*c;
        return true;
    }
    for (int i = 0; whet_node_is(n, "Add") && i < 2; i++) {
        if (!whet_match_scalar(g, n->in[i], c)) continue;
        *x = n->in[1 - i];
        return true;
    }
    return false;
}
