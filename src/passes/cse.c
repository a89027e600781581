/* SPDX-License-Identifier: Apache-2.0 */
/* Common subexpressions: two nodes of one operator with equal inputs and attributes compute the same, and the later one's
 * readers take the earlier one's results. Equal small constants are joined first. Random operators are left alone. */
#include <string.h>

#include "ir/op.h"
#include "passes/passes.h"

#define SMALL 256 /* bytes up to which equal constants are joined */

static bool same_tensor(const whet_tensor *a, const whet_tensor *b)
{
    return a->dtype == b->dtype && whet_shape_equal(&a->shape, &b->shape) && memcmp(a->data, b->data, whet_tensor_bytes(a)) == 0;
}

static bool same_attr(const whet_attr *a, const whet_attr *b)
{
    if (a->type != b->type || strcmp(a->name, b->name) != 0 || a->n != b->n) return false;
    switch (a->type) {
    case WHET_ATTR_INT: return a->i == b->i;
    case WHET_ATTR_FLOAT: return memcmp(&a->f, &b->f, sizeof a->f) == 0;
    case WHET_ATTR_STRING: return strcmp(a->s, b->s) == 0;
    case WHET_ATTR_TENSOR: return same_tensor(&a->t, &b->t);
    case WHET_ATTR_INTS: return a->n == 0 || memcmp(a->ints, b->ints, sizeof *a->ints * (size_t)a->n) == 0;
    case WHET_ATTR_FLOATS: return a->n == 0 || memcmp(a->floats, b->floats, sizeof *a->floats * (size_t)a->n) == 0;
    default: return false;
    }
}

static bool same_node(const whet_node *a, const whet_node *b)
{
    if (a->op != b->op || a->n_in != b->n_in || a->n_out != b->n_out || a->n_attr != b->n_attr) return false;
    if (a->n_in > 0 && memcmp(a->in, b->in, sizeof *a->in * (size_t)a->n_in) != 0) return false;
    for (int o = 0; o < a->n_out; o++)
        if (a->out[o] < 0 && b->out[o] >= 0) return false;
    for (int i = 0; i < a->n_attr; i++) {
        bool found = false;
        for (int k = 0; k < b->n_attr && !found; k++) found = same_attr(&a->attr[i], &b->attr[k]);
        if (!found) return false;
    }
    return true;
}

static void join_constants(whet_pass_context *c)
{
    whet_graph *g = c->g;
    for (whet_vid a = 0; a < g->n_values; a++) {
        const whet_value *x = &g->values[a];
        if (x->kind != WHET_VALUE_CONST || whet_tensor_bytes(&x->data) > SMALL) continue;
        for (whet_vid b = a + 1; b < g->n_values; b++) {
            const whet_value *y = &g->values[b];
            if (y->kind != WHET_VALUE_CONST || !same_tensor(&x->data, &y->data)) continue;
            if (whet_graph_uses(g, b).n > 0 && !whet_graph_is_output(g, b)) whet_graph_replace_uses(g, b, a);
        }
    }
}

/* Whether every result may be replaced: an output of the graph keeps its name. */
static bool free_results(const whet_graph *g, const whet_node *n)
{
    for (int o = 0; o < n->n_out; o++)
        if (n->out[o] >= 0 && whet_graph_is_output(g, n->out[o])) return false;
    for (int i = 0; i < g->n_commits; i++)
        for (int o = 0; o < n->n_out; o++)
            if (n->out[o] == g->commits[i].src) return false;
    return true;
}

whet_status whet_pass_cse(whet_pass_context *c)
{
    whet_graph *g = c->g;
    join_constants(c);
    for (whet_nid b = 0; b < g->n_nodes; b++) {
        const whet_node *n = &g->nodes[b];
        if (n->op == NULL || (n->op->flags & WHET_OP_RANDOM) != 0 || n->n_in == 0 || n->in[0] < 0 || !free_results(g, n)) continue;
        const whet_uses uses = whet_graph_uses(g, n->in[0]); /* a twin reads the same first input */
        for (int i = 0; i < uses.n; i++) {
            const whet_nid a = uses.nodes[i];
            if (a >= b || !same_node(&g->nodes[a], n)) continue;
            for (int o = 0; o < n->n_out; o++)
                if (n->out[o] >= 0) whet_graph_replace_uses(g, n->out[o], g->nodes[a].out[o]);
            c->changes++;
            break;
        }
    }
    return whet_graph_prune(g);
}
