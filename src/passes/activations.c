/* SPDX-License-Identifier: Apache-2.0 */
/* Activations written out by exporters become one operator each:
 *
 *   x sigmoid(x) -> Swish                      clip(x + 3, 0, 6) / 6 -> HardSigmoid, times x -> HardSwish
 *   x (1 + erf(x / sqrt 2)) / 2 -> Gelu        x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2 -> Gelu, approximate = tanh
 *   x tanh(softplus(x)) -> Mish
 *
 * Products are compared as sets of factors, so that any order and grouping of the multiplications is found. */
#include <math.h>

#include "passes/match.h"
#include "passes/passes.h"

/* The input of the only-once-read result v of a unary operator. */
static bool unary(whet_graph *g, whet_vid v, const char *op, whet_vid *x)
{
    const whet_nid id = whet_match_producer(g, v, op, 1);
    if (id == WHET_NO_NODE) return false;
    *x = g->nodes[id].in[0];
    return true;
}

/* v = c * x */
static bool scaled(whet_graph *g, whet_vid v, whet_vid x, double c)
{
    whet_product p;
    return whet_match_product(g, v, &p) && p.n == 1 && p.factor[0] == x && whet_match_near(p.c, c);
}

/* v = clip(x + 3, 0, 6) */
static bool relu6_shifted(whet_graph *g, whet_vid v, whet_vid *x)
{
    double lo = 0, hi = 0, three = 0;
    const whet_nid id = whet_match_producer(g, v, "Clip", 1);
    if (id == WHET_NO_NODE) return false;
    const whet_node *n = &g->nodes[id];
    return n->n_in == 3 && whet_match_scalar(g, n->in[1], &lo) && whet_match_scalar(g, n->in[2], &hi) && lo == 0 && hi == 6 &&
           whet_match_plus(g, n->in[0], x, &three) && three == 3;
}

/* v = x + 0.044715 x^3 */
static bool cubic(whet_graph *g, whet_vid v, whet_vid x)
{
    const whet_nid id = whet_match_producer(g, v, "Add", 1);
    whet_product p;
    if (id == WHET_NO_NODE) return false;
    const whet_node *n = &g->nodes[id];
    for (int i = 0; i < 2; i++)
        if (n->in[i] == x && whet_match_product(g, n->in[1 - i], &p) && p.n == 3 && p.factor[0] == x && p.factor[1] == x && p.factor[2] == x &&
            whet_match_near(p.c, 0.044715))
            return true;
    return false;
}

/* v = scale * (1 + erf(x / sqrt 2)), or with tanh of the cubic. */
static bool gelu_gate(whet_graph *g, whet_vid v, whet_vid x, double *scale, bool *with_tanh)
{
    whet_vid t = WHET_NO_VALUE, arg = WHET_NO_VALUE;
    whet_product p, q;
    if (!whet_match_plus(g, v, &t, scale) || !whet_match_product(g, t, &p) || p.n != 1 || !whet_match_near(p.c, *scale)) return false;
    if (unary(g, p.factor[0], "Erf", &arg)) {
        *with_tanh = false;
        return scaled(g, arg, x, sqrt(0.5));
    }
    *with_tanh = true;
    return unary(g, p.factor[0], "Tanh", &arg) && whet_match_product(g, arg, &q) && q.n == 1 && whet_match_near(q.c, 0.79788456080286535588) &&
           cubic(g, q.factor[0], x);
}

typedef struct found {
    const char *op;
    whet_vid x;
    whet_attr attr[2];
    int n_attr;
} found;

static bool is_hard_sigmoid(const whet_node *n)
{
    return whet_match_near((double)whet_node_float(n, "alpha", 0.2f), 1.0 / 6) && whet_node_float(n, "beta", 0.5f) == 0.5f;
}

/* x times a gate that depends on x. */
static bool gated(whet_graph *g, whet_vid x, whet_vid gate, double c, found *f)
{
    whet_vid arg = WHET_NO_VALUE;
    double scale = 0;
    bool with_tanh = false;
    f->x = x;
    f->n_attr = 0;
    if (c == 1 && unary(g, gate, "Sigmoid", &arg) && arg == x) {
        f->op = "Swish";
    } else if (c == 1 && unary(g, gate, "HardSigmoid", &arg) && arg == x && is_hard_sigmoid(&g->nodes[g->values[gate].producer])) {
        f->op = "HardSwish";
    } else if (whet_match_near(c, 1.0 / 6) && relu6_shifted(g, gate, &arg) && arg == x) {
        f->op = "HardSwish";
    } else if (c == 1 && unary(g, gate, "Tanh", &arg) && unary(g, arg, "Softplus", &arg) && arg == x) {
        f->op = "Mish";
    } else if (gelu_gate(g, gate, x, &scale, &with_tanh) && whet_match_near(c * scale, 0.5)) {
        f->op = "Gelu";
        if (with_tanh) f->attr[f->n_attr++] = whet_attr_string("approximate", "tanh");
    } else {
        return false;
    }
    return true;
}

static bool find(whet_graph *g, const whet_node *n, found *f)
{
    whet_product p;
    if (!whet_node_is(n, "Mul") && !whet_node_is(n, "Div")) return false;
    if (!whet_dtype_is_float(g->values[n->out[0]].dtype) || !whet_match_product(g, n->out[0], &p)) return false;
    if (p.n == 2) return gated(g, p.factor[0], p.factor[1], p.c, f) || gated(g, p.factor[1], p.factor[0], p.c, f);
    if (p.n != 1 || !whet_match_near(p.c, 1.0 / 6) || !relu6_shifted(g, p.factor[0], &f->x)) return false;
    *f = (found){"HardSigmoid", f->x, {whet_attr_float("alpha", 1.0f / 6), whet_attr_float("beta", 0.5f)}, 2};
    return true;
}

whet_status whet_pass_activations(whet_pass_context *c)
{
    whet_graph *g = c->g;
    const int n_nodes = g->n_nodes;
    for (whet_nid id = 0; id < n_nodes; id++) {
        found f = {.op = NULL};
        whet_vid y = WHET_NO_VALUE;
        if (g->nodes[id].op == NULL || !find(g, &g->nodes[id], &f)) continue;
        const whet_vid old = g->nodes[id].out[0];
        if (g->values[f.x].dims.rank < 0 || g->values[f.x].dims.rank != g->values[old].dims.rank) continue; /* a constant of higher rank */
        WHET_TRY(whet_graph_node(g, f.op, g->nodes[id].name, WHET_IN(f.x), f.n_attr, f.attr, 1, NULL, &y));
        whet_graph_replace_uses(g, old, y);
        c->changes++;
    }
    if (c->changes == 0) return WHET_OK;
    return whet_graph_prune(g);
}
