/* SPDX-License-Identifier: Apache-2.0 */
/* Common subexpressions: two nodes of one operator with equal inputs and attributes compute the same, and the later one's
 * readers take the earlier one's results. Equal small constants are joined first. Random operators are left alone. */
#include <string.h>

#include "base/mem.h"
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

static uint64_t hash_tensor(const whet_tensor *t) /* FNV-1a */
{
    uint64_t h = 14695981039346656037u ^ (uint64_t)t->dtype ^ (uint64_t)t->shape.rank << 8;
    const uint8_t *p = t->data;
    for (size_t i = 0, n = whet_tensor_bytes(t); i < n; i++) h = (h ^ p[i]) * 1099511628211u;
    return h ^ h >> 32;
}

static bool is_small_constant(const whet_value *v)
{
    return v->kind == WHET_VALUE_CONST && whet_tensor_bytes(&v->data) <= SMALL;
}

/* The earliest of equal constants stays; found by their contents, as there may be as many as nodes. */
static whet_status join_constants(whet_pass_context *c)
{
    whet_graph *g = c->g;
    size_t cap = 64;
    while (cap < 2 * (size_t)g->n_values + 2) cap *= 2;
    whet_vid *table = whet_calloc(cap, sizeof *table), *first = whet_calloc((size_t)g->n_values + 1, sizeof *first);
    const whet_status status = table && first ? WHET_OK : WHET_ENOMEM;
    for (whet_vid v = 0; status == WHET_OK && v < g->n_values; v++) {
        first[v] = v;
        if (!is_small_constant(&g->values[v])) continue;
        size_t at = (size_t)hash_tensor(&g->values[v].data) & (cap - 1);
        while (table[at] && !same_tensor(&g->values[table[at] - 1].data, &g->values[v].data)) at = (at + 1) & (cap - 1);
        if (!table[at]) table[at] = v + 1;
        else if (!whet_graph_is_output(g, v)) first[v] = table[at] - 1;
    }
    for (whet_nid n = 0; status == WHET_OK && n < g->n_nodes; n++)
        for (int i = 0; g->nodes[n].op != NULL && i < g->nodes[n].n_in; i++) {
            const whet_vid v = g->nodes[n].in[i];
            if (v >= 0 && first[v] != v) whet_graph_set_input(g, n, i, first[v]);
        }
    whet_free(table);
    whet_free(first);
    return status;
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
    WHET_TRY(join_constants(c));
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
