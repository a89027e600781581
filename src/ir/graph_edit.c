/* SPDX-License-Identifier: Apache-2.0 */
/* Changing a graph: replacing, removing, sorting, pruning with compaction, cloning. */
#include "ir/graph_private.h"

void whet_graph_replace_uses(whet_graph *g, whet_vid from, whet_vid to)
{
    for (int n = 0; n < g->n_nodes; n++)
        for (int i = 0; g->nodes[n].op != NULL && i < g->nodes[n].n_in; i++)
            if (g->nodes[n].in[i] == from) g->nodes[n].in[i] = to;
    for (int i = 0; i < g->n_outputs; i++)
        if (g->outputs[i] == from) g->outputs[i] = to;
    for (int i = 0; i < g->n_commits; i++)
        if (g->commits[i].src == from) g->commits[i].src = to;
    whet_graph_touch_(g);
}

void whet_graph_set_input(whet_graph *g, whet_nid n, int i, whet_vid v)
{
    g->nodes[n].in[i] = v;
    whet_graph_touch_(g);
}

whet_status whet_graph_rename(whet_graph *g, whet_vid v, const char *name)
{
    const whet_vid taken = whet_graph_find(g, name);
    if (taken == v) return WHET_OK;
    if (name[0] == '\0' || taken != WHET_NO_VALUE) return WHET_FAIL(WHET_EINVAL, "value name '%s' is empty or taken", name);
    const char *copy = whet_arena_strdup(g->priv->arena, name);
    if (copy == NULL) return WHET_ENOMEM;
    whet_graph_renamed_(g, v, copy);
    return WHET_OK;
}

void whet_graph_remove_node(whet_graph *g, whet_nid id)
{
    whet_node *n = &g->nodes[id];
    for (int i = 0; i < n->n_attr; i++) whet_attr_dispose_(&n->attr[i]);
    for (int i = 0; i < n->n_out; i++)
        if (n->out[i] >= 0) g->values[n->out[i]].producer = WHET_NO_NODE;
    n->op = NULL;
    n->n_in = n->n_out = n->n_attr = 0;
    whet_graph_touch_(g);
}

/* order[0 .. count-1]: the nodes that stay. */
static whet_status put_in_order(whet_graph *g, const whet_nid *order, int count)
{
    whet_nid *moved = whet_calloc((size_t)g->n_nodes + 1, sizeof *moved);
    whet_node *nodes = whet_calloc((size_t)g->n_nodes + 1, sizeof *nodes);
    whet_status status = WHET_ENOMEM;
    if (moved == NULL || nodes == NULL) goto done;
    for (int i = 0; i < count; i++) {
        nodes[i] = g->nodes[order[i]];
        moved[order[i]] = i;
    }
    for (int v = 0; v < g->n_values; v++)
        if (g->values[v].producer >= 0) g->values[v].producer = moved[g->values[v].producer];
    if (count > 0) memcpy(g->nodes, nodes, (size_t)count * sizeof *nodes);
    g->n_nodes = count;
    whet_graph_touch_(g);
    status = whet_graph_index_(g);
done:
    whet_free(moved);
    whet_free(nodes);
    return status;
}

typedef struct ranked { int rank; whet_nid id; } ranked;

static int by_rank(const void *a, const void *b)
{
    const ranked *x = a, *y = b;
    return x->rank != y->rank ? (x->rank > y->rank) - (x->rank < y->rank) : (x->id > y->id) - (x->id < y->id);
}

/* Depth-first from each node in the present order: a sorted graph keeps its order. */
whet_status whet_graph_sort(whet_graph *g)
{
    WHET_GRAPH_TRY_MEMORY(g);
    whet_status status = WHET_ENOMEM;
    size_t n = (size_t)g->n_nodes;
    uint8_t *state = whet_calloc(n, 1); /* 0 new, 1 open, 2 done */
    whet_nid *stack = whet_calloc(n, sizeof *stack), *order = whet_calloc(n, sizeof *order);
    int *next = whet_calloc(n, sizeof *next);
    int count = 0;
    if (state == NULL || stack == NULL || order == NULL || next == NULL) goto done;
    for (whet_nid root = 0; root < g->n_nodes; root++) {
        int depth = 0;
        if (g->nodes[root].op == NULL || state[root] != 0) continue;
        stack[depth++] = root;
        state[root] = 1;
        while (depth > 0) {
            whet_nid top = stack[depth - 1];
            const whet_node *node = &g->nodes[top];
            if (next[top] == node->n_in) {
                state[top] = 2;
                order[count++] = top;
                depth--;
                continue;
            }
            whet_vid v = node->in[next[top]++];
            whet_nid p = v >= 0 ? g->values[v].producer : WHET_NO_NODE;
            if (p < 0 || state[p] == 2) continue;
            if (state[p] == 1) {
                status = WHET_FAIL(WHET_EFORMAT, "graph has a cycle");
                whet_error_at_node(node->name);
                goto done;
            }
            state[p] = 1;
            stack[depth++] = p;
        }
    }
    status = put_in_order(g, order, count);
done:
    whet_free(state);
    whet_free(stack);
    whet_free(order);
    whet_free(next);
    return status;
}

whet_status whet_graph_order(whet_graph *g, const int *rank)
{
    WHET_GRAPH_TRY_MEMORY(g);
    whet_status status = WHET_ENOMEM;
    ranked *list = whet_calloc((size_t)g->n_nodes + 1, sizeof *list);
    whet_nid *order = whet_calloc((size_t)g->n_nodes + 1, sizeof *order);
    int count = 0;
    if (list == NULL || order == NULL) goto done;
    for (whet_nid n = 0; n < g->n_nodes; n++)
        if (g->nodes[n].op != NULL) list[count++] = (ranked){rank[n], n};
    qsort(list, (size_t)count, sizeof *list, by_rank);
    for (int i = 0; i < count; i++) order[i] = list[i].id;
    status = put_in_order(g, order, count);
    if (status == WHET_OK) status = whet_graph_sort(g);
done:
    whet_free(list);
    whet_free(order);
    return status;
}

/* Marks what outputs and commits need; nodes must be in topological order. */
static void mark(const whet_graph *g, bool *value, bool *node)
{
    for (int i = 0; i < g->n_outputs; i++) value[g->outputs[i]] = true;
    for (int i = 0; i < g->n_inputs; i++) value[g->inputs[i]] = true;
    for (int i = 0; i < g->n_commits; i++) value[g->commits[i].src] = value[g->commits[i].variable] = true;
    for (int n = g->n_nodes - 1; n >= 0; n--) {
        const whet_node *x = &g->nodes[n];
        for (int i = 0; i < x->n_out; i++) node[n] = node[n] || (x->out[i] >= 0 && value[x->out[i]]);
        if (!node[n]) continue;
        for (int i = 0; i < x->n_in; i++)
            if (x->in[i] >= 0) value[x->in[i]] = true;
        for (int i = 0; i < x->n_out; i++)
            if (x->out[i] >= 0) value[x->out[i]] = true;
    }
}

static void rename_ids(whet_vid *ids, int n, const whet_vid *moved)
{
    for (int i = 0; i < n; i++)
        if (ids[i] >= 0) ids[i] = moved[ids[i]];
}

whet_status whet_graph_prune(whet_graph *g)
{
    WHET_TRY(whet_graph_sort(g));
    whet_status status = WHET_ENOMEM;
    bool *value = whet_calloc((size_t)g->n_values, 1), *node = whet_calloc((size_t)g->n_nodes, 1);
    whet_vid *moved = whet_calloc((size_t)g->n_values, sizeof *moved);
    int n_values = 0, n_nodes = 0;
    if (value == NULL || node == NULL || moved == NULL) goto done;
    mark(g, value, node);
    for (int n = 0; n < g->n_nodes; n++) {
        if (!node[n])
            whet_graph_remove_node(g, n);
        else
            g->nodes[n_nodes++] = g->nodes[n];
    }
    g->n_nodes = n_nodes;
    for (int v = 0; v < g->n_values; v++) {
        moved[v] = WHET_NO_VALUE;
        if (!value[v]) {
            whet_tensor_dispose(&g->values[v].data);
            continue;
        }
        moved[v] = n_values;
        if (n_values != v) {
            g->values[n_values] = g->values[v];
            g->values[v].data = (whet_tensor){0};
        }
        n_values++;
    }
    g->n_values = n_values;
    for (int n = 0; n < g->n_nodes; n++) {
        rename_ids(g->nodes[n].in, g->nodes[n].n_in, moved);
        rename_ids(g->nodes[n].out, g->nodes[n].n_out, moved);
        for (int i = 0; i < g->nodes[n].n_out; i++)
            if (g->nodes[n].out[i] >= 0) g->values[g->nodes[n].out[i]].producer = n;
    }
    rename_ids(g->inputs, g->n_inputs, moved);
    rename_ids(g->outputs, g->n_outputs, moved);
    for (int i = 0; i < g->n_commits; i++) {
        g->commits[i].src = moved[g->commits[i].src];
        g->commits[i].variable = moved[g->commits[i].variable];
    }
    whet_graph_touch_(g);
    status = whet_graph_index_(g);
done:
    whet_free(value);
    whet_free(node);
    whet_free(moved);
    return status;
}

static whet_status clone_values(whet_graph *c, const whet_graph *g)
{
    for (int v = 0; v < g->n_values; v++) {
        const whet_value *src = &g->values[v];
        whet_vid id = WHET_NO_VALUE;
        WHET_TRY(whet_graph_add_value_(c, src->name, "value", src->kind, &id));
        whet_value *dst = &c->values[id];
        const char *name = dst->name;
        *dst = *src;
        dst->name = name;
        dst->data = (whet_tensor){0};
        dst->known = NULL;
        dst->n_known = -1;
        if (src->data.buffer != NULL) whet_tensor_ref(&dst->data, &src->data);
        if (src->n_known >= 0) {
            whet_dim *known = whet_arena_alloc(c->priv->arena, (size_t)src->n_known * sizeof *known);
            if (known == NULL) return WHET_ENOMEM;
            if (src->n_known > 0) memcpy(known, src->known, (size_t)src->n_known * sizeof *known);
            dst->known = known;
            dst->n_known = src->n_known;
        }
    }
    return WHET_OK;
}

static whet_status clone_nodes(whet_graph *c, const whet_graph *g)
{
    for (int n = 0; n < g->n_nodes; n++) {
        const whet_node *src = &g->nodes[n];
        whet_nid id = WHET_NO_NODE;
        if (src->op == NULL) { /* keep ids: a hole for a hole */
            if (!WHET_GROW(&c->nodes, (size_t)c->n_nodes, &c->priv->cap_nodes)) return WHET_ENOMEM;
            c->nodes[c->n_nodes++] = (whet_node){0};
            continue;
        }
        WHET_TRY(whet_graph_add_node_(c, src->op, src->name, src->n_in, src->in, src->n_attr, src->attr, &id));
        c->nodes[id].out = whet_arena_alloc(c->priv->arena, (size_t)src->n_out * sizeof *src->out);
        if (c->nodes[id].out == NULL) return WHET_ENOMEM;
        if (src->n_out > 0) memcpy(c->nodes[id].out, src->out, (size_t)src->n_out * sizeof *src->out);
        c->nodes[id].n_out = src->n_out;
    }
    return WHET_OK;
}

whet_status whet_graph_clone(whet_graph **out, const whet_graph *g)
{
    whet_graph *c = NULL;
    whet_status status = WHET_OK;
    *out = NULL;
    WHET_TRY(whet_graph_create(&c, g->name));
    for (int i = 0; i < g->n_symbols; i++)
        if (whet_graph_symbol(c, g->symbols[i]) == WHET_DIM_UNKNOWN) WHET_GOTO(WHET_ENOMEM);
    c->priv->serial = g->priv->serial;
    WHET_GOTO(clone_values(c, g));
    WHET_GOTO(clone_nodes(c, g));
    for (int i = 0; i < g->n_inputs; i++) {
        if (!WHET_GROW(&c->inputs, (size_t)c->n_inputs, &c->priv->cap_inputs)) WHET_GOTO(WHET_ENOMEM);
        c->inputs[c->n_inputs++] = g->inputs[i];
    }
    for (int i = 0; i < g->n_outputs; i++) WHET_GOTO(whet_graph_output(c, g->outputs[i]));
    for (int i = 0; i < g->n_commits; i++) WHET_GOTO(whet_graph_commit(c, g->commits[i].src, g->commits[i].variable));
    for (int i = 0; i < g->n_meta; i++) WHET_GOTO(whet_graph_set_meta(c, g->meta[i].key, g->meta[i].value));
    *out = c;
    c = NULL;
done:
    whet_graph_free(c);
    return status;
}
