/* SPDX-License-Identifier: Apache-2.0 */
/* Running the operators' inference over a graph, fixing symbolic shapes, and the verifier. */
#include "ir/graph_private.h"

whet_status whet_graph_infer_node_(whet_graph *g, whet_nid id)
{
    const whet_node *n = &g->nodes[id];
    char text[128];
    for (int i = 0; i < n->n_out; i++) {
        if (n->out[i] < 0) continue;
        whet_value *v = &g->values[n->out[i]];
        v->dtype = WHET_DTYPE_NONE;
        v->dims = (whet_dims){.rank = -1};
        v->n_known = -1;
        v->known = NULL;
    }
    whet_infer c = {.g = g, .node = id, .n = n};
    whet_status status = n->op->infer(&c);
    if (status != WHET_OK) {
        whet_error_at_node(g->nodes[id].name);
        return status;
    }
    n = &g->nodes[id];
    for (int i = 0; i < n->n_out; i++)
        if (n->out[i] >= 0 && g->values[n->out[i]].dtype == WHET_DTYPE_NONE) {
            status = WHET_FAIL(WHET_EFORMAT, "%s has no output %d", whet_op_text(n->op, text, sizeof text), i);
            whet_error_at_node(n->name);
            return status;
        }
    return WHET_OK;
}

whet_status whet_graph_infer(whet_graph *g)
{
    WHET_GRAPH_TRY_MEMORY(g);
    for (whet_nid n = 0; n < g->n_nodes; n++)
        if (g->nodes[n].op != NULL) WHET_TRY(whet_graph_infer_node_(g, n));
    return WHET_OK;
}

static whet_status bind_input(whet_graph *g, whet_value *v, const whet_shape *s, int64_t *sizes)
{
    char want[160], have[160];
    bool fits = v->dims.rank < 0 || v->dims.rank == s->rank;
    for (int i = 0; fits && i < v->dims.rank; i++) {
        whet_dim d = v->dims.dims[i];
        if (d >= 0) fits = d == s->dims[i];
        if (d >= WHET_DIM_UNKNOWN) continue;
        int64_t *size = &sizes[WHET_DIM_UNKNOWN - 1 - d];
        if (*size >= 0) fits = *size == s->dims[i];
        *size = s->dims[i];
    }
    if (!fits) {
        WHET_FAIL(WHET_ESHAPE, "input '%s' wants shape %s, but was given %s", v->name,
                  whet_dims_text(g, &v->dims, want, sizeof want), whet_shape_text(s, have, sizeof have));
        return WHET_ESHAPE;
    }
    v->dims = whet_dims_of(s);
    return WHET_OK;
}

whet_status whet_graph_bind_shapes(whet_graph *g, int n, const whet_shape *shapes)
{
    whet_status status = WHET_OK;
    if (n != g->n_inputs) return WHET_FAIL(WHET_ESHAPE, "the graph has %d inputs, but %d were given", g->n_inputs, n);
    int64_t *sizes = whet_calloc((size_t)g->n_symbols, sizeof *sizes);
    if (sizes == NULL) return WHET_ENOMEM;
    for (int i = 0; i < g->n_symbols; i++) sizes[i] = -1;
    for (int i = 0; i < n; i++) WHET_GOTO(bind_input(g, &g->values[g->inputs[i]], &shapes[i], sizes));
    status = whet_graph_infer(g);
done:
    whet_free(sizes);
    return status;
}

static whet_status node_fail(const whet_node *n, whet_status status, const char *what, const char *name)
{
    char text[128];
    WHET_FAIL(status, "%s: %s '%s'", whet_op_text(n->op, text, sizeof text), what, name);
    whet_error_at_node(n->name);
    return status;
}

static whet_status verify_attrs(const whet_node *n)
{
    for (int i = 0; i < n->n_attr; i++) {
        const whet_attr_def *d = n->op->attrs;
        while (d != NULL && d->name != NULL && strcmp(d->name, n->attr[i].name) != 0) d++;
        if (d == NULL || d->name == NULL) return node_fail(n, WHET_EUNSUPPORTED, "unknown attribute", n->attr[i].name);
        if (d->type != n->attr[i].type) return node_fail(n, WHET_EFORMAT, "wrong type of attribute", d->name);
        for (int k = 0; k < i; k++)
            if (strcmp(n->attr[k].name, n->attr[i].name) == 0) return node_fail(n, WHET_EFORMAT, "two attributes", d->name);
    }
    for (const whet_attr_def *d = n->op->attrs; d != NULL && d->name != NULL; d++)
        if (d->required && whet_node_attr(n, d->name) == NULL) return node_fail(n, WHET_EFORMAT, "missing attribute", d->name);
    return WHET_OK;
}

static whet_status verify_node(const whet_graph *g, whet_nid id)
{
    const whet_node *n = &g->nodes[id];
    if (n->n_in < n->op->min_in || (n->op->max_in < 255 && n->n_in > n->op->max_in))
        return node_fail(n, WHET_EFORMAT, "wrong number of inputs at node", n->name);
    for (int i = 0; i < n->n_in; i++) {
        if (n->in[i] < 0) {
            if (i < n->op->min_in) return node_fail(n, WHET_EFORMAT, "a required input is absent at node", n->name);
            continue;
        }
        if (n->in[i] >= g->n_values) return node_fail(n, WHET_EFORMAT, "an input does not exist at node", n->name);
        const whet_value *v = &g->values[n->in[i]];
        if (v->kind == WHET_VALUE_RESULT && (v->producer < 0 || v->producer >= id))
            return node_fail(n, WHET_EFORMAT, "input is used before it is computed:", v->name);
    }
    for (int i = 0; i < n->n_out; i++) {
        if (n->out[i] < 0) continue;
        const whet_value *v = &g->values[n->out[i]];
        if (v->producer != id || v->producer_output != i || v->kind != WHET_VALUE_RESULT)
            return node_fail(n, WHET_EFORMAT, "two nodes make the value", v->name);
        if (v->dtype == WHET_DTYPE_NONE) return node_fail(n, WHET_EFORMAT, "no type is known for", v->name);
    }
    return verify_attrs(n);
}

whet_status whet_graph_verify(const whet_graph *g)
{
    WHET_GRAPH_TRY_MEMORY(g);
    for (whet_nid n = 0; n < g->n_nodes; n++)
        if (g->nodes[n].op != NULL) WHET_TRY(verify_node(g, n));
    for (int v = 0; v < g->n_values; v++) {
        const whet_value *x = &g->values[v];
        if (whet_graph_find(g, x->name) != v) return WHET_FAIL(WHET_EFORMAT, "two values are named '%s'", x->name);
        if (x->layout == WHET_NHWC && x->dims.rank != 4)
            return WHET_FAIL(WHET_EFORMAT, "value '%s' is tagged NHWC, but has rank %d", x->name, x->dims.rank);
    }
    for (int i = 0; i < g->n_outputs; i++) {
        const whet_value *x = &g->values[g->outputs[i]];
        if (x->kind == WHET_VALUE_RESULT && x->producer < 0)
            return WHET_FAIL(WHET_EFORMAT, "graph output '%s' is not computed by any node", x->name);
    }
    for (int i = 0; i < g->n_commits; i++) {
        const whet_value *s = &g->values[g->commits[i].src], *d = &g->values[g->commits[i].variable];
        whet_shape a, b;
        bool known = whet_dims_concrete(&s->dims, &a) && whet_dims_concrete(&d->dims, &b);
        if (s->dtype != d->dtype || (known && !whet_shape_equal(&a, &b)))
            return WHET_FAIL(WHET_ESHAPE, "'%s' cannot be committed to variable '%s': type or shape differ", s->name, d->name);
    }
    return WHET_OK;
}
