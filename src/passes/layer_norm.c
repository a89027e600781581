/* SPDX-License-Identifier: Apache-2.0 */
/* Layer normalisation written out by exporters becomes LayerNormalization (Ba et al. 2016):
 *
 *   m = ReduceMean(x), d = x - m, v = ReduceMean(d^2), y = d / sqrt(v + epsilon) * scale + bias
 *
 * over the trailing axes. Scale and bias are constants or variables over these axes; a missing bias is allowed. */
#include "passes/match.h"
#include "passes/passes.h"

typedef struct norm {
    whet_vid x, scale, bias, last;
    int axis;
    double epsilon;
} norm;

/* A mean over trailing axes that keeps them: the first of these axes, or -1. */
static int mean_axis(const whet_graph *g, const whet_node *n)
{
    int64_t axes[WHET_MAX_RANK];
    bool seen[WHET_MAX_RANK] = {false};
    const int rank = g->values[n->in[0]].dims.rank;
    int first = rank, count = 0;
    if (!whet_node_is(n, "ReduceMean") || whet_node_int(n, "keepdims", 1) != 1 || n->n_in < 2 || rank < 1) return -1;
    const int n_axes = whet_match_ints(g, n->in[1], axes, WHET_MAX_RANK);
    for (int i = 0; i < n_axes; i++) {
        const int64_t a = axes[i] < 0 ? axes[i] + rank : axes[i];
        if (a < 0 || a >= rank || seen[a]) return -1;
        seen[a] = true;
        count++;
        if (a < first) first = (int)a;
    }
    return count > 0 && first + count == rank ? first : -1;
}

/* Trailing shape of the normalised axes. */
static bool is_parameter(const whet_graph *g, whet_vid v, const whet_dims *x, int axis)
{
    const whet_value *p = &g->values[v];
    if (p->kind == WHET_VALUE_RESULT || p->kind == WHET_VALUE_INPUT || p->dims.rank != x->rank - axis) return false;
    for (int i = 0; i < p->dims.rank; i++)
        if (p->dims.dims[i] != x->dims[axis + i]) return false;
    return true;
}

/* v is d squared, and nobody else reads it. */
static bool is_square(whet_graph *g, whet_vid v, whet_vid d)
{
    whet_product p;
    const whet_nid id = whet_match_producer(g, v, NULL, 1);
    return id != WHET_NO_NODE && whet_match_product(g, v, &p) && p.c == 1 && p.n == 2 && p.factor[0] == d && p.factor[1] == d;
}

static bool find(whet_graph *g, const whet_node *div, norm *f)
{
    whet_vid var = WHET_NO_VALUE;
    if (!whet_node_is(div, "Div")) return false;
    const whet_vid d = div->in[0];
    const whet_nid sub = whet_match_producer(g, d, "Sub", 0), root = whet_match_producer(g, div->in[1], "Sqrt", 1);
    if (sub == WHET_NO_NODE || root == WHET_NO_NODE || !whet_match_plus(g, g->nodes[root].in[0], &var, &f->epsilon)) return false;
    const whet_nid mean2 = whet_match_producer(g, var, "ReduceMean", 1), mean = whet_match_producer(g, g->nodes[sub].in[1], "ReduceMean", 1);
    if (mean == WHET_NO_NODE || mean2 == WHET_NO_NODE || f->epsilon < 0) return false;
    f->x = g->nodes[sub].in[0];
    f->axis = mean_axis(g, &g->nodes[mean]);
    if (f->axis < 0 || g->nodes[mean].in[0] != f->x || mean_axis(g, &g->nodes[mean2]) != f->axis) return false;
    return is_square(g, g->nodes[mean2].in[0], d);
}

/* The Mul and Add behind the quotient v. */
static bool take_parameters(whet_graph *g, whet_vid v, norm *f)
{
    const whet_dims *x = &g->values[f->x].dims;
    const whet_nid mul = whet_match_user_is(g, v, "Mul");
    if (mul == WHET_NO_NODE) return false;
    f->scale = g->nodes[mul].in[g->nodes[mul].in[0] == v ? 1 : 0];
    if (!is_parameter(g, f->scale, x, f->axis)) return false;
    f->last = g->nodes[mul].out[0];
    f->bias = WHET_NO_VALUE;
    const whet_nid add = whet_match_user_is(g, f->last, "Add");
    if (add == WHET_NO_NODE) return true;
    const whet_vid bias = g->nodes[add].in[g->nodes[add].in[0] == f->last ? 1 : 0];
    if (!is_parameter(g, bias, x, f->axis)) return true;
    f->bias = bias;
    f->last = g->nodes[add].out[0];
    return true;
}

whet_status whet_pass_layer_norm(whet_pass_context *c)
{
    whet_graph *g = c->g;
    const int n_nodes = g->n_nodes;
    for (whet_nid id = 0; id < n_nodes; id++) {
        norm f = {0};
        whet_vid y = WHET_NO_VALUE;
        if (g->nodes[id].op == NULL || !find(g, &g->nodes[id], &f) || !take_parameters(g, g->nodes[id].out[0], &f)) continue;
        WHET_TRY(whet_graph_node(g, "LayerNormalization", g->nodes[id].name, f.bias != WHET_NO_VALUE ? 3 : 2,
                                 (const whet_vid[]){f.x, f.scale, f.bias},
                                 WHET_ATTRS(whet_attr_int("axis", f.axis), whet_attr_float("epsilon", (float)f.epsilon)), 1, NULL, &y));
        whet_graph_replace_uses(g, f.last, y);
        c->changes++;
    }
    if (c->changes == 0) return WHET_OK;
    return whet_graph_prune(g);
}
