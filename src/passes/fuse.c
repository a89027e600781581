/* SPDX-License-Identifier: Apache-2.0 */
/* Fusion for inference: Conv [+ Add residual] [+ activation] [+ Add residual] becomes whet.FusedConv, Gemm + activation
 * whet.FusedGemm, MatMul [+ Add bias] [+ residual] [+ activation] [+ residual] whet.FusedMatMul. Values that something else
 * reads (a gradient, an output) keep their node, so a training graph is left alone by itself. Run after BatchNorm folding. */
#include <math.h>

#include "passes/lower.h"
#include "passes/match.h"

typedef struct chain {
    whet_nid head; /* Conv, Gemm or MatMul */
    whet_vid last; /* the value that the fused node replaces */
    whet_vid bias, residual;
    bool residual_after;
    const char *activation;
    whet_attr par[2];
    int n_par;
} chain;

static bool bound(const whet_graph *g, const whet_node *n, int i, float *out)
{
    double x = 0;
    if (i >= n->n_in || n->in[i] == WHET_NO_VALUE) return true;
    if (!whet_match_scalar(g, n->in[i], &x)) return false;
    *out = (float)x;
    return true;
}

static bool clip_par(const whet_graph *g, const whet_node *n, chain *c)
{
    float lo = -INFINITY, hi = INFINITY;
    if (!bound(g, n, 1, &lo) || !bound(g, n, 2, &hi) || !(lo <= hi)) return false;
    c->par[c->n_par++] = whet_attr_float("act_min", lo);
    c->par[c->n_par++] = whet_attr_float("act_max", hi);
    return true;
}

static bool hard_sigmoid_par(const whet_graph *g, const whet_node *n, chain *c)
{
    (void)g;
    c->par[c->n_par++] = whet_attr_float("slope", whet_node_float(n, "alpha", 0.2f));
    c->par[c->n_par++] = whet_attr_float("offset", whet_node_float(n, "beta", 0.5f));
    return true;
}

static bool plain_swish(const whet_graph *g, const whet_node *n, chain *c)
{
    (void)g;
    (void)c;
    return whet_node_float(n, "alpha", 1.0f) == 1.0f;
}

static bool gelu_par(const whet_graph *g, const whet_node *n, chain *c)
{
    (void)g;
    if (strcmp(whet_node_string(n, "approximate", "none"), "tanh") == 0) c->activation = "GeluTanh";
    return true;
}

static const struct {
    const char *op, *activation;
    bool (*par)(const whet_graph *g, const whet_node *n, chain *c); /* NULL: none; false: not this one */
} activations[] = {{"Relu", "Relu", NULL},       {"Clip", "Clip", clip_par},      {"Sigmoid", "Sigmoid", NULL},
                   {"Swish", "Silu", plain_swish}, {"HardSwish", "HardSwish", NULL}, {"HardSigmoid", "HardSigmoid", hard_sigmoid_par},
                   {"Gelu", "Gelu", gelu_par},   {"Tanh", "Tanh", NULL}};

static void take_activation(whet_graph *g, chain *c)
{
    const whet_nid id = whet_match_user(g, c->last);
    if (id == WHET_NO_NODE || g->nodes[id].in[0] != c->last) return;
    const whet_node *n = &g->nodes[id];
    for (size_t i = 0; i < WHET_COUNT(activations); i++) {
        if (!whet_node_is(n, activations[i].op)) continue;
        c->activation = activations[i].activation;
        if (activations[i].par == NULL || activations[i].par(g, n, c)) c->last = n->out[0];
        else c->activation = NULL;
        return;
    }
}

static void take_residual(whet_graph *g, chain *c)
{
    const whet_nid id = whet_match_user_is(g, c->last, "Add");
    if (id == WHET_NO_NODE) return;
    const whet_node *n = &g->nodes[id];
    const whet_vid other = n->in[0] == c->last ? n->in[1] : n->in[0];
    if (other == c->last || !whet_match_dims(&g->values[other].dims, &g->values[c->last].dims)) return;
    c->residual = other;
    c->residual_after = c->activation != NULL;
    c->last = n->out[0];
}

/* A bias is a constant or a variable of the length of the last axis; leading axes of 1 are dropped. */
static whet_status take_bias(whet_graph *g, chain *c)
{
    const whet_nid id = whet_match_user_is(g, c->last, "Add");
    const whet_dims *y = &g->values[c->last].dims;
    if (id == WHET_NO_NODE || y->rank < 1) return WHET_OK;
    const whet_vid sum = g->nodes[id].out[0];
    const whet_vid other = g->nodes[id].in[g->nodes[id].in[0] == c->last ? 1 : 0];
    const whet_value *b = &g->values[other];
    if (b->kind == WHET_VALUE_RESULT || b->kind == WHET_VALUE_INPUT || b->dims.rank < 1 || b->dims.rank > y->rank) return WHET_OK;
    for (int i = 0; i < b->dims.rank; i++)
        if (b->dims.dims[i] != (i + 1 < b->dims.rank ? 1 : y->dims[y->rank - 1])) return WHET_OK;
    c->bias = other;
    if (b->dims.rank > 1) {
        if (b->kind != WHET_VALUE_CONST) {
            c->bias = WHET_NO_VALUE;
            return WHET_OK;
        }
        whet_tensor flat = {0};
        whet_tensor_ref(&flat, &b->data);
        flat.shape = (whet_shape){.rank = 1, .dims = {whet_tensor_numel(&flat)}};
        const whet_status status = whet_graph_const(g, b->name, &flat, &c->bias);
        whet_tensor_dispose(&flat);
        WHET_TRY(status);
    }
    c->last = sum;
    return WHET_OK;
}

static whet_status rewrite(whet_graph *g, const chain *c, const char *op)
{
    const whet_node *head = &g->nodes[c->head];
    whet_attr attrs[20];
    whet_vid in[4] = {WHET_NO_VALUE, WHET_NO_VALUE, WHET_NO_VALUE, WHET_NO_VALUE}, out = WHET_NO_VALUE;
    int n_attr = head->n_attr, n_in = head->n_in;
    if (n_attr + 4 > (int)WHET_COUNT(attrs) || n_in > 3) return WHET_OK;
    for (int i = 0; i < n_attr; i++) attrs[i] = head->attr[i];
    for (int i = 0; i < n_in; i++) in[i] = head->in[i];
    if (c->activation != NULL) attrs[n_attr++] = whet_attr_string("activation", c->activation);
    for (int i = 0; i < c->n_par; i++) attrs[n_attr++] = c->par[i];
    if (c->residual_after) attrs[n_attr++] = whet_attr_int("residual_after", 1);
    if (c->bias != WHET_NO_VALUE) {
        in[2] = c->bias;
        n_in = 3;
    }
    if (c->residual != WHET_NO_VALUE) {
        in[3] = c->residual;
        n_in = 4;
    }
    WHET_TRY(whet_graph_node(g, op, head->name, n_in, in, n_attr, attrs, 1, NULL, &out));
    whet_graph_replace_uses(g, c->last, out);
    return WHET_OK;
}

static const struct { const char *op, *fused; bool bias, residual; } heads[] = {
    {"Conv", "whet.FusedConv", false, true}, {"Gemm", "whet.FusedGemm", false, false}, {"MatMul", "whet.FusedMatMul", true, true}};

static whet_status fuse_head(whet_graph *g, whet_nid id, bool *changed)
{
    for (size_t i = 0; i < WHET_COUNT(heads); i++) {
        if (!whet_node_is(&g->nodes[id], heads[i].op)) continue;
        const whet_vid y = g->nodes[id].out[0];
        chain c = {.head = id, .last = y, .bias = WHET_NO_VALUE, .residual = WHET_NO_VALUE};
        if (y == WHET_NO_VALUE || (g->values[y].dtype != WHET_F32 && g->values[y].dtype != WHET_F64)) return WHET_OK;
        if (heads[i].bias) {
            const int rank = g->values[g->nodes[id].in[1]].dims.rank;
            if (rank < 2 || g->values[y].dims.rank < 1) return WHET_OK;
            WHET_TRY(take_bias(g, &c));
        }
        if (heads[i].residual) take_residual(g, &c);
        take_activation(g, &c);
        if (heads[i].residual && c.residual == WHET_NO_VALUE && c.activation != NULL) take_residual(g, &c);
        if (c.last == y) return WHET_OK;
        *changed = true;
        return rewrite(g, &c, heads[i].fused);
    }
    return WHET_OK;
}

whet_status whet_pass_fuse(whet_graph *g)
{
    const int n_nodes = g->n_nodes;
    bool changed = false;
    for (whet_nid id = 0; id < n_nodes; id++)
        if (g->nodes[id].op != NULL) WHET_TRY(fuse_head(g, id, &changed));
    if (!changed) return WHET_OK;
    return whet_graph_prune(g);
}
