/* SPDX-License-Identifier: Apache-2.0 */
/* Reverse-mode differentiation as a graph transformation (Griewank & Walther, "Evaluating Derivatives", ch. 3).
 *
 * Marks what depends on `wrt`, walks back from the loss over the nodes that were there at the start, in reverse of their
 * (topological) order, and lets each operator add the nodes of its gradient. Contributions to one value are added in
 * the order in which they arise, which the graph fixes. */
#include "ir/autodiff.h"

#include "ir/ops.h"

typedef struct tape {
    whet_graph *g;
    int n_values, n_nodes; /* of the forward graph */
    bool *reaches;         /* value depends on one of wrt */
    whet_vid *grad;        /* dL/dvalue so far */
    bool *need;            /* scratch: per input of the widest node */
    whet_vid *dx, *dy;
    const int *segment;    /* per node, or NULL */
    int repeated;          /* the segment whose values stand in again[] */
    whet_vid *again;       /* per value of the forward graph: its second computation, or itself */
    whet_vid *in, *out;    /* scratch */
} tape;

static whet_status tape_init(tape *t, whet_graph *g)
{
    int widest = 1;
    for (int i = 0; i < g->n_nodes; i++) widest = WHET_MAX(widest, WHET_MAX(g->nodes[i].n_in, g->nodes[i].n_out));
    *t = (tape){.g = g, .n_values = g->n_values, .n_nodes = g->n_nodes};
    t->reaches = whet_calloc((size_t)g->n_values, sizeof *t->reaches);
    t->grad = whet_calloc((size_t)g->n_values, sizeof *t->grad);
    t->need = whet_calloc((size_t)widest, sizeof *t->need);
    t->dx = whet_calloc((size_t)widest, sizeof *t->dx);
    t->dy = whet_calloc((size_t)widest, sizeof *t->dy);
    t->again = whet_calloc((size_t)g->n_values, sizeof *t->again);
    t->in = whet_calloc((size_t)widest, sizeof *t->in);
    t->out = whet_calloc((size_t)widest, sizeof *t->out);
    t->repeated = -1;
    if (t->again == NULL || t->in == NULL || t->out == NULL) return WHET_ENOMEM;
    if (t->reaches == NULL || t->grad == NULL || t->need == NULL || t->dx == NULL || t->dy == NULL) return WHET_ENOMEM;
    for (int i = 0; i < g->n_values; i++) t->grad[i] = WHET_NO_VALUE;
    for (int i = 0; i < g->n_values; i++) t->again[i] = i;
    return WHET_OK;
}

static void tape_dispose(tape *t)
{
    whet_free(t->reaches);
    whet_free(t->grad);
    whet_free(t->need);
    whet_free(t->dx);
    whet_free(t->dy);
    whet_free(t->again);
    whet_free(t->in);
    whet_free(t->out);
}

static bool carries_gradient(const tape *t, whet_vid v)
{
    return v != WHET_NO_VALUE && t->reaches[v] && whet_dtype_is_float(t->g->values[v].dtype);
}

static void mark_reaching(tape *t)
{
    for (int i = 0; i < t->n_nodes; i++) {
        const whet_node *n = &t->g->nodes[i];
        bool any = false;
        if (n->op == NULL || (n->op->flags & WHET_OP_NO_GRAD) != 0) continue;
        for (int k = 0; k < n->n_in; k++) any = any || carries_gradient(t, n->in[k]);
        for (int k = 0; any && k < n->n_out; k++)
            if (n->out[k] != WHET_NO_VALUE) t->reaches[n->out[k]] = true;
    }
}

static whet_status accumulate(tape *t, whet_vid v, whet_vid dv)
{
    if (dv == WHET_NO_VALUE) return WHET_OK;
    if (t->grad[v] == WHET_NO_VALUE) {
        t->grad[v] = dv;
        return WHET_OK;
    }
    return whet_graph_op1(t->g, "Add", WHET_IN(t->grad[v], dv), WHET_NO_ATTRS, &t->grad[v]);
}

static whet_status node_fails(const tape *t, whet_nid id, whet_status status)
{
    whet_error_at_node(t->g->nodes[id].name);
    return status;
}

/* Adds the nodes of a segment once more; what nobody reads of them goes when the graph is pruned. */
static whet_status repeat(tape *t, int segment)
{
    t->repeated = segment;
    for (whet_nid id = 0; id < t->n_nodes; id++) {
        if (t->segment[id] != segment || t->g->nodes[id].op == NULL || (t->g->nodes[id].op->flags & WHET_OP_RANDOM) != 0) continue;
        const whet_node n = t->g->nodes[id];
        char op[128];
        for (int i = 0; i < n.n_in; i++) t->in[i] = n.in[i] == WHET_NO_VALUE ? n.in[i] : t->again[n.in[i]];
        WHET_TRY(whet_graph_node(t->g, whet_op_text(n.op, op, sizeof op), n.name, n.n_in, t->in, n.n_attr, n.attr, n.n_out, NULL, t->out));
        for (int i = 0; i < n.n_out; i++)
            if (n.out[i] != WHET_NO_VALUE) t->again[n.out[i]] = t->out[i];
    }
    return WHET_OK;
}

static whet_status back_through(tape *t, whet_nid id)
{
    const whet_node n = t->g->nodes[id]; /* the array may move while nodes are added; what n points to stays */
    bool wanted = false, flows = false;
    char text[128];
    if (n.op == NULL || (n.op->flags & WHET_OP_NO_GRAD) != 0) return WHET_OK;
    for (int i = 0; i < n.n_out; i++) {
        t->dy[i] = n.out[i] == WHET_NO_VALUE ? WHET_NO_VALUE : t->grad[n.out[i]];
        flows = flows || t->dy[i] != WHET_NO_VALUE;
    }
    for (int i = 0; i < n.n_in; i++) {
        t->need[i] = carries_gradient(t, n.in[i]);
        t->dx[i] = WHET_NO_VALUE;
        wanted = wanted || t->need[i];
    }
    if (!flows || !wanted) return WHET_OK;
    if (n.op->grad == NULL)
        return node_fails(t, id, WHET_FAIL(WHET_EUNSUPPORTED, "operator '%s' has no gradient", whet_op_text(n.op, text, sizeof text)));
    whet_node seen = n; /* with the values computed again in place of the first ones */
    if (t->segment != NULL && t->segment[id] >= 0) {
        if (t->segment[id] != t->repeated) WHET_TRY(repeat(t, t->segment[id]));
        for (int i = 0; i < n.n_in; i++) t->in[i] = n.in[i] == WHET_NO_VALUE ? n.in[i] : t->again[n.in[i]];
        for (int i = 0; i < n.n_out; i++) t->out[i] = n.out[i] == WHET_NO_VALUE ? n.out[i] : t->again[n.out[i]];
        seen.in = t->in;
        seen.out = t->out;
    }
    whet_grad c = {.g = t->g, .n = &seen, .dy = t->dy, .need = t->need, .dx = t->dx};
    const whet_status status = n.op->grad(&c);
    if (status != WHET_OK) return node_fails(t, id, status);
    for (int i = 0; i < n.n_in; i++)
        if (t->need[i]) WHET_TRY(accumulate(t, n.in[i], t->dx[i]));
    return WHET_OK;
}

static whet_status check_loss(const whet_graph *g, whet_vid loss)
{
    if (loss < 0 || loss >= g->n_values) return WHET_FAIL(WHET_EINVAL, "the loss is no value of the graph");
    const whet_value *v = &g->values[loss];
    bool scalar = v->dims.rank >= 0 && whet_dtype_is_float(v->dtype);
    for (int i = 0; i < v->dims.rank; i++) scalar = scalar && v->dims.dims[i] == 1;
    if (!scalar) return WHET_FAIL(WHET_ESHAPE, "the loss '%s' is not one float value", v->name);
    return WHET_OK;
}

static whet_status seed(tape *t, whet_vid loss)
{
    const whet_value *v = &t->g->values[loss];
    const whet_dims dims = v->dims;
    whet_shape shape;
    whet_tensor one;
    whet_status status = WHET_OK;
    whet_tensor_init(&one);
    whet_dims_concrete(&dims, &shape);
    WHET_TRY(whet_tensor_alloc(&one, v->dtype, &shape));
    whet_tensor_set_f64(&one, 0, 1);
    status = whet_graph_const(t->g, "loss_gradient", &one, &t->grad[loss]);
    whet_tensor_dispose(&one);
    return status;
}

whet_status whet_graph_gradients(whet_graph *g, whet_vid loss, int n, const whet_vid *wrt, whet_vid *grads)
{
    return whet_graph_gradients_recomputing(g, loss, n, wrt, NULL, grads);
}

whet_status whet_graph_gradients_recomputing(whet_graph *g, whet_vid loss, int n, const whet_vid *wrt, const int *segment, whet_vid *grads)
{
    tape t = {0};
    whet_status status = WHET_OK;
    for (int i = 0; i < n; i++) grads[i] = WHET_NO_VALUE;
    WHET_TRY(check_loss(g, loss));
    WHET_GOTO(tape_init(&t, g));
    t.segment = segment;
    for (int i = 0; i < n; i++) {
        if (wrt[i] < 0 || wrt[i] >= g->n_values) {
            status = WHET_FAIL(WHET_EINVAL, "number %d of the values to differentiate by is no value of the graph", i);
            goto done;
        }
        t.reaches[wrt[i]] = true;
    }
    mark_reaching(&t);
    if (!t.reaches[loss]) goto done;
    WHET_GOTO(seed(&t, loss));
    for (whet_nid id = t.n_nodes - 1; id >= 0; id--) WHET_GOTO(back_through(&t, id));
    for (int i = 0; i < n; i++) grads[i] = t.grad[wrt[i]];
done:
    tape_dispose(&t);
    return status;
}
