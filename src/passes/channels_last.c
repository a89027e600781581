/* SPDX-License-Identifier: Apache-2.0 */
/* The pass: every value of rank 4 and every node that could work in either layout is a variable of a minimum cut (yes =
 * channels-last); a transposition between a value and its readers costs once for each value and direction, however many read
 * it. Constants are free: they are permuted when written. See channels_last.h. */
#include "passes/channels_last.h"

#include "data/contract.h"
#include "ir/op.h"
#include "passes/channels_last_ops.h"
#include "passes/match.h"
#include "passes/min_cut.h"

enum { COST = 4096, COST_RESHAPE = 1 };

typedef struct plan {
    whet_graph *g;
    whet_cut *cut;
    int n_values, n_nodes;   /* before anything was added */
    int *var;                /* per value: its variable, 0 if it has none */
    int *wants_yes, *wants_no; /* per value: what its readers of one kind are tied to, 0 if there is none yet */
    int *node_var;           /* per node that is free */
    bool *flattens;          /* per node: takes either layout, the products behind it are changed */
    whet_vid *other;         /* per value: itself in the other layout, or WHET_NO_VALUE */
} plan;

static bool is_rank4(const whet_graph *g, whet_vid v) { return v >= 0 && g->values[v].dims.rank == 4; }
static bool is_const(const whet_graph *g, whet_vid v) { return v >= 0 && g->values[v].kind == WHET_VALUE_CONST; }

/* A transposition more weighs most; among as many, small ones are better. */
static int cost_of(const whet_graph *g, whet_vid v)
{
    const whet_dims *d = &g->values[v].dims;
    int bits = 0;
    if (whet_cl_same_bytes(d)) return COST_RESHAPE;
    for (int i = 0; i < d->rank; i++)
        for (int64_t x = d->dims[i]; x > 1; x >>= 1) bits++;
    return COST + WHET_MIN(bits, 64);
}

/* Readers of v tied to `side` want v as `side` lies. */
static void wants(plan *p, whet_vid v, int side)
{
    if (!is_rank4(p->g, v) || is_const(p->g, v) || p->var[v] == 0) return;
    const int cost = cost_of(p->g, v);
    if (side != WHET_CUT_NO) {
        if (p->wants_yes[v] == 0) {
            p->wants_yes[v] = whet_cut_var(p->cut);
            whet_cut_edge(p->cut, p->wants_yes[v], p->var[v], cost);
        }
        whet_cut_edge(p->cut, side, p->wants_yes[v], WHET_CUT_FOREVER);
    }
    if (side != WHET_CUT_YES) {
        if (p->wants_no[v] == 0) {
            p->wants_no[v] = whet_cut_var(p->cut);
            whet_cut_edge(p->cut, p->var[v], p->wants_no[v], cost);
        }
        whet_cut_edge(p->cut, p->wants_no[v], side, WHET_CUT_FOREVER);
    }
}

static void gives(plan *p, whet_vid v, int side)
{
    if (!is_rank4(p->g, v)) return;
    whet_cut_edge(p->cut, p->var[v], side, WHET_CUT_FOREVER);
    whet_cut_edge(p->cut, side, p->var[v], WHET_CUT_FOREVER);
}

static bool has_one_element(const whet_graph *g, whet_vid v)
{
    const whet_dims *d = &g->values[v].dims;
    for (int i = 0; i < d->rank; i++)
        if (d->dims[i] != 1) return false;
    return d->rank >= 0;
}

/* v as rank 4, ones in front. */
static whet_dims lifted(const whet_graph *g, whet_vid v)
{
    const whet_dims *d = &g->values[v].dims;
    whet_dims up = {.rank = 4, .dims = {1, 1, 1, 1}};
    for (int i = 0; i < d->rank && d->rank <= 4; i++) up.dims[4 - d->rank + i] = d->dims[i];
    return up;
}

/* An operand of lower rank that broadcasts into an image. */
static bool to_be_lifted(const whet_graph *g, const whet_node *n, int i)
{
    const whet_vid v = n->in[i];
    if (v < 0 || !(n->op->flags & WHET_OP_ELEMENTWISE) || g->values[v].dims.rank < 1 || g->values[v].dims.rank > 3) return false;
    return !has_one_element(g, v);
}

static bool takes(const whet_cl_ask *ask, int i) { return i < 32 && (ask->in >> i & 1); }

static void ask_free(plan *p, whet_nid id, const whet_cl_ask *ask)
{
    const whet_node *n = &p->g->nodes[id];
    const int m = whet_cut_var(p->cut);
    p->node_var[id] = m;
    for (int i = 0; i < n->n_in; i++) {
        wants(p, n->in[i], takes(ask, i) ? m : WHET_CUT_NO);
        if (!takes(ask, i) || is_const(p->g, n->in[i]) || !to_be_lifted(p->g, n, i)) continue;
        const whet_dims up = lifted(p->g, n->in[i]);
        whet_cut_edge(p->cut, m, WHET_CUT_NO, whet_cl_same_bytes(&up) ? COST_RESHAPE : COST);
    }
    for (int i = 0; i < n->n_out; i++) gives(p, n->out[i], m);
    whet_cut_edge(p->cut, m, WHET_CUT_NO, ask->cost_yes * COST);
    whet_cut_edge(p->cut, WHET_CUT_YES, m, ask->cost_no * COST);
}

static void ask_move(plan *p, const whet_node *n)
{
    static const int64_t to_nhwc[4] = {0, 2, 3, 1}, to_nchw[4] = {0, 3, 1, 2};
    const whet_vid x = n->in[0], y = n->out[0];
    const bool there = whet_match_perm(n, 4, to_nhwc), back = whet_match_perm(n, 4, to_nchw);
    if (!there && !back) return;
    const whet_vid image = there ? x : y, plain = there ? y : x;
    const int cost = cost_of(p->g, image);
    if (p->var[image]) whet_cut_edge(p->cut, WHET_CUT_YES, p->var[image], cost);
    if (p->var[plain]) whet_cut_edge(p->cut, p->var[plain], WHET_CUT_NO, cost);
}

static void ask_node(plan *p, whet_nid id)
{
    const whet_graph *g = p->g;
    const whet_node *n = &g->nodes[id];
    const whet_cl_ask ask = whet_cl_ask_of(g, n);
    switch (ask.kind) {
    case WHET_CL_FREE: ask_free(p, id, &ask); break;
    case WHET_CL_MOVE: ask_move(p, n); break;
    case WHET_CL_VIEW:
        p->flattens[id] = whet_cl_can_turn_flatten(p->g, id);
        if (p->flattens[id]) break;
        for (int i = 0; i < n->n_in; i++)
            if (is_rank4(g, n->in[i]) && !whet_cl_same_bytes(&g->values[n->in[i]].dims)) wants(p, n->in[i], WHET_CUT_NO);
        if (is_rank4(g, n->out[0]) && !whet_cl_same_bytes(&g->values[n->out[0]].dims)) gives(p, n->out[0], WHET_CUT_NO);
        break;
    case WHET_CL_IMAGE:
    case WHET_CL_PLAIN:
        for (int i = 0; i < n->n_in; i++)
            wants(p, n->in[i], ask.kind == WHET_CL_IMAGE && takes(&ask, i) ? WHET_CUT_YES : WHET_CUT_NO);
        for (int i = 0; i < n->n_out; i++) gives(p, n->out[i], ask.kind == WHET_CL_IMAGE ? WHET_CUT_YES : WHET_CUT_NO);
        break;
    }
}

/* --- applying it */

static whet_status turned_const(plan *p, whet_vid v, const whet_dims *dims, whet_vid *out)
{
    whet_graph *g = p->g;
    if (g->values[v].dims.rank == 4 && whet_graph_uses(g, v).n == 1 && !whet_graph_is_output(g, v)) {
        *out = v;
    } else {
        whet_tensor t;
        whet_tensor_init(&t);
        whet_tensor_ref(&t, &g->values[v].data);
        t.shape.rank = 4;
        for (int i = 0; i < 4; i++) t.shape.dims[i] = dims->dims[i];
        whet_status status = whet_graph_const(g, g->values[v].name, &t, out);
        whet_tensor_dispose(&t);
        if (status != WHET_OK) return status;
    }
    g->values[*out].layout = WHET_NHWC;
    return WHET_OK;
}

static whet_status lift(plan *p, whet_vid v, whet_vid *out)
{
    whet_graph *g = p->g;
    const whet_dims up = lifted(g, v);
    const int64_t axes[4] = {0, 1, 2, 3};
    whet_vid at = WHET_NO_VALUE;
    if (is_const(g, v)) return turned_const(p, v, &up, out);
    WHET_TRY(whet_graph_const_s64(g, NULL, 4 - g->values[v].dims.rank, axes, &at));
    WHET_TRY(whet_graph_op1(g, "Unsqueeze", WHET_IN(v, at), WHET_NO_ATTRS, out));
    if (whet_cl_same_bytes(&up)) g->values[*out].layout = WHET_NHWC;
    else WHET_TRY(whet_graph_op1(g, "whet.Reorder", WHET_IN(*out), WHET_ATTRS(whet_attr_string("to", "NHWC")), out));
    return WHET_OK;
}

/* Operand i of node id in the layout `yes`. */
static whet_status bring(plan *p, whet_nid id, int i, bool yes)
{
    whet_graph *g = p->g;
    const whet_vid v = g->nodes[id].in[i];
    whet_vid to = WHET_NO_VALUE;
    if (v < 0 || v >= p->n_values) return WHET_OK;
    if (!is_rank4(g, v)) {
        if (!yes || !to_be_lifted(g, &g->nodes[id], i)) return WHET_OK;
        if (p->other[v] == WHET_NO_VALUE) WHET_TRY(lift(p, v, &p->other[v]));
        to = p->other[v];
    } else if ((g->values[v].layout == WHET_NHWC) == yes) {
        return WHET_OK;
    } else if (p->other[v] != WHET_NO_VALUE) {
        to = p->other[v];
    } else {
        if (is_const(g, v)) WHET_TRY(turned_const(p, v, &g->values[v].dims, &to));
        else WHET_TRY(whet_graph_op1(g, "whet.Reorder", WHET_IN(v), WHET_ATTRS(whet_attr_string("to", yes ? "NHWC" : "NCHW")), &to));
        p->other[v] = to;
    }
    if (to != v) whet_graph_set_input(g, id, i, to);
    return WHET_OK;
}

static whet_status apply_node(plan *p, whet_nid id)
{
    const whet_graph *g = p->g;
    const whet_cl_ask ask = whet_cl_ask_of(g, &g->nodes[id]);
    const bool yes = ask.kind == WHET_CL_IMAGE || (ask.kind == WHET_CL_FREE && whet_cut_yes(p->cut, p->node_var[id]));
    if (ask.kind == WHET_CL_MOVE) return WHET_OK;
    if (p->flattens[id]) return g->values[g->nodes[id].in[0]].layout == WHET_NHWC ? whet_cl_turn_flatten(p->g, id) : WHET_OK;
    for (int i = 0; i < g->nodes[id].n_in; i++) {
        const whet_vid v = g->nodes[id].in[i];
        if (ask.kind == WHET_CL_VIEW && (v < 0 || (is_rank4(g, v) && whet_cl_same_bytes(&g->values[v].dims)))) continue;
        WHET_TRY(bring(p, id, i, yes && takes(&ask, i)));
    }
    return WHET_OK;
}

static whet_status decide(plan *p)
{
    whet_graph *g = p->g;
    for (whet_vid v = 0; v < p->n_values; v++)
        if (is_rank4(g, v) && (g->values[v].kind == WHET_VALUE_RESULT || g->values[v].kind == WHET_VALUE_INPUT)) p->var[v] = whet_cut_var(p->cut);
    for (whet_nid id = 0; id < p->n_nodes; id++)
        if (g->nodes[id].op) ask_node(p, id);
    return whet_cut_solve(p->cut);
}

static whet_status apply(plan *p, int *changes)
{
    whet_graph *g = p->g;
    for (whet_vid v = 0; v < p->n_values; v++) {
        if (p->var[v] == 0 || !whet_cut_yes(p->cut, p->var[v])) continue;
        g->values[v].layout = WHET_NHWC;
        *changes += 1;
    }
    for (whet_nid id = 0; id < p->n_nodes; id++)
        if (g->nodes[id].op) WHET_TRY(apply_node(p, id));
    return whet_graph_prune(g);
}

/* The contract in the metadata says how the file's input lies. */
static whet_status change_contract(whet_graph *g)
{
    const char *text = whet_graph_get_meta(g, WHET_CONTRACT_META);
    whet_contract c;
    char *json = NULL;
    bool image = false;
    for (int i = 0; i < g->n_inputs && !image; i++) image = g->values[g->inputs[i]].layout == WHET_NHWC;
    if (!text || !image) return WHET_OK;
    whet_contract_init(&c);
    whet_status status = whet_contract_from_json(&c, text);
    if (status == WHET_OK && !c.nhwc) {
        c.nhwc = true;
        status = whet_contract_to_json(&c, &json);
        if (status == WHET_OK) status = whet_graph_set_meta(g, WHET_CONTRACT_META, json);
    }
    whet_free(json);
    whet_contract_dispose(&c);
    return status;
}

whet_status whet_pass_channels_last(whet_pass_context *c)
{
    whet_graph *g = c->g;
    whet_status status = WHET_ENOMEM;
    plan p = {.g = g};
    WHET_TRY(whet_cl_turn_tokens(g));
    WHET_TRY(whet_graph_sort(g));
    const size_t n = (size_t)g->n_values + 1;
    p.n_values = g->n_values;
    p.n_nodes = g->n_nodes;
    p.var = whet_calloc(n, sizeof(int));
    p.wants_yes = whet_calloc(n, sizeof(int));
    p.wants_no = whet_calloc(n, sizeof(int));
    p.other = whet_calloc(n, sizeof(whet_vid));
    p.node_var = whet_calloc((size_t)g->n_nodes + 1, sizeof(int));
    p.flattens = whet_calloc((size_t)g->n_nodes + 1, sizeof(bool));
    if (!p.var || !p.wants_yes || !p.wants_no || !p.other || !p.node_var || !p.flattens) goto done;
    for (size_t i = 0; i < n; i++) p.other[i] = WHET_NO_VALUE;
    WHET_GOTO(whet_cut_create(&p.cut));
    WHET_GOTO(decide(&p));
    WHET_GOTO(apply(&p, &c->changes));
    status = change_contract(g);
done:
    whet_cut_free(p.cut);
    whet_free(p.var);
    whet_free(p.wants_yes);
    whet_free(p.wants_no);
    whet_free(p.other);
    whet_free(p.node_var);
    whet_free(p.flattens);
    return status;
}

whet_status whet_channels_last_undo(whet_graph *g)
{
    for (whet_nid id = 0; id < g->n_nodes; id++)
        if (whet_node_is(&g->nodes[id], "whet.Reorder")) whet_graph_replace_uses(g, g->nodes[id].out[0], g->nodes[id].in[0]);
    for (whet_vid v = 0; v < g->n_values; v++) g->values[v].layout = WHET_NCHW;
    return whet_graph_prune(g);
}
