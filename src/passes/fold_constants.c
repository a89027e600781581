/* SPDX-License-Identifier: Apache-2.0 */
/* Constant folding. A node whose inputs are all constants is run once, alone, by the reference kernels; integers that
 * shape inference already knows become constants directly. Sizes that depended on them are then inferred again, in
 * waves, until nothing changes. Results that would make the model much larger stay nodes, but for dequantised weights: read
 * at each run they would be dequantised and packed each time, and convolutions want weights that are constants. */
#include <string.h>

#include "exec/exec.h"
#include "ir/op.h"
#include "passes/lower.h"
#include "passes/passes.h"

#define MAX_GROWTH ((size_t)1 << 20) /* bytes that a folded result may have beyond those of its inputs */
#define MAX_WAVES 32
#define MAX_OUT 64

static bool foldable(const whet_graph *g, const whet_node *n)
{
    if (n->op == NULL || n->n_out > MAX_OUT || (n->op->flags & (WHET_OP_NO_FOLD | WHET_OP_RANDOM)) != 0) return false;
    for (int i = 0; i < n->n_in; i++)
        if (n->in[i] >= 0 && g->values[n->in[i]].kind != WHET_VALUE_CONST) return false;
    return true;
}

static bool used(whet_graph *g, whet_vid v) { return v >= 0 && (whet_graph_is_output(g, v) || whet_graph_uses(g, v).n > 0); }

/* The node alone, its inputs as constants, its present outputs as outputs. */
static whet_status isolate(const whet_graph *g, const whet_node *n, whet_graph **out)
{
    whet_status status = WHET_ENOMEM;
    whet_graph *one = NULL;
    char op[128];
    whet_vid *in = whet_calloc((size_t)n->n_in, sizeof *in), made[MAX_OUT];
    if (in == NULL) goto done;
    WHET_GOTO(whet_graph_create(&one, "fold"));
    for (int i = 0; i < n->n_in; i++) {
        in[i] = WHET_NO_VALUE;
        if (n->in[i] >= 0) WHET_GOTO(whet_graph_const(one, NULL, &g->values[n->in[i]].data, &in[i]));
    }
    whet_op_text(n->op, op, sizeof op);
    WHET_GOTO(whet_graph_node(one, op, n->name, n->n_in, in, n->n_attr, n->attr, n->n_out, NULL, made));
    for (int o = 0; o < n->n_out; o++)
        if (n->out[o] >= 0) WHET_GOTO(whet_graph_output(one, made[o]));
    *out = one;
    one = NULL;
    status = WHET_OK;
done:
    whet_free(in);
    whet_graph_free(one);
    return status;
}

static bool is_weights(const whet_graph *g, const whet_node *n)
{
    return whet_node_is(n, "DequantizeLinear") && g->values[n->in[0]].dims.rank >= 2;
}

static bool small_enough(const whet_graph *g, const whet_node *n, const whet_graph *one)
{
    size_t in = 0, out = 0, bytes = 0;
    for (int i = 0; i < n->n_in; i++)
        if (n->in[i] >= 0) in += whet_tensor_bytes(&g->values[n->in[i]].data);
    for (int o = 0; o < one->n_outputs; o++) {
        const whet_value *v = &one->values[one->outputs[o]];
        whet_shape s;
        if (!whet_dims_concrete(&v->dims, &s) || whet_shape_bytes(&s, v->dtype, &bytes) != WHET_OK) return false;
        out += bytes;
    }
    return out <= in + MAX_GROWTH || is_weights(g, n);
}

/* Dequantising has vector rows with the bits of the reference, and there may be many weights. */
static whet_status evaluate(const whet_graph *one, bool weights, int n, whet_tensor *results)
{
    whet_exec *e = NULL;
    whet_exec_options opt;
    whet_exec_options_init(&opt);
    opt.providers = WHET_PROVIDER_REF | (weights ? WHET_PROVIDER_VEC : 0);
    whet_status status = whet_exec_create(&e, one, &opt);
    if (status == WHET_OK) status = whet_exec_run(e, 0, NULL, n, results);
    whet_exec_free(e);
    return status;
}

/* Puts a constant in the place of value v. */
static whet_status replace(whet_graph *g, whet_vid v, const whet_tensor *data)
{
    whet_vid c = WHET_NO_VALUE;
    WHET_TRY(whet_graph_const(g, g->values[v].name, data, &c));
    whet_graph_replace_uses(g, v, c);
    return WHET_OK;
}

/* A node that cannot be folded (no kernel for its type) stays; its error belongs to whoever runs it. */
static whet_status fold_node(whet_pass_context *c, whet_nid id)
{
    whet_status status = WHET_OK;
    whet_graph *one = NULL, *g = c->g;
    whet_tensor results[MAX_OUT];
    const whet_node n = g->nodes[id]; /* the array may move */
    int k = 0, n_out = 0;
    bool wanted = false;
    for (int o = 0; o < n.n_out; o++) wanted = wanted || used(g, n.out[o]);
    if (!wanted) return WHET_OK;
    status = isolate(g, &n, &one);
    if (status != WHET_OK) return status == WHET_ENOMEM ? status : WHET_OK;
    n_out = one->n_outputs;
    for (int o = 0; o < n_out; o++) whet_tensor_init(&results[o]);
    if (!small_enough(g, &n, one)) goto done;
    status = evaluate(one, is_weights(g, &n), n_out, results);
    if (status != WHET_OK) {
        status = status == WHET_ENOMEM ? status : WHET_OK;
        goto done;
    }
    for (int o = 0; o < n.n_out; o++)
        if (n.out[o] >= 0) WHET_GOTO(replace(g, n.out[o], &results[k++]));
    c->changes++;
done:
    for (int o = 0; o < n_out; o++) whet_tensor_dispose(&results[o]);
    whet_graph_free(one);
    return status;
}

/* Integers known from inference: Shape of a value with known sizes, and what is computed from it. */
static whet_status fold_known(whet_pass_context *c, whet_vid v)
{
    whet_graph *g = c->g;
    const whet_value *x = &g->values[v];
    whet_shape s;
    whet_tensor t = {0};
    if (x->kind != WHET_VALUE_RESULT || x->producer < 0 || x->n_known < 0 || !whet_dtype_is_int(x->dtype)) return WHET_OK;
    if (!whet_dims_concrete(&x->dims, &s) || whet_shape_numel(&s) != x->n_known || !used(g, v)) return WHET_OK;
    for (int i = 0; i < x->n_known; i++)
        if (g->values[v].known[i] < 0) return WHET_OK;
    WHET_TRY(whet_tensor_alloc(&t, x->dtype, &s));
    for (int i = 0; i < g->values[v].n_known; i++) whet_tensor_set_s64(&t, i, g->values[v].known[i]);
    whet_status status = replace(g, v, &t);
    whet_tensor_dispose(&t);
    c->changes++;
    return status;
}

static bool shapes_known(const whet_graph *g)
{
    whet_shape s;
    for (int i = 0; i < g->n_nodes; i++)
        for (int o = 0; g->nodes[i].op != NULL && o < g->nodes[i].n_out; o++)
            if (g->nodes[i].out[o] >= 0 && !whet_dims_concrete(&g->values[g->nodes[i].out[o]].dims, &s)) return false;
    return true;
}

whet_status whet_pass_resolve_shapes(whet_graph *g, const whet_exec_options *opt)
{
    whet_pass_context c = {.g = g};
    (void)opt;
    return shapes_known(g) ? WHET_OK : whet_pass_fold_constants(&c);
}

whet_status whet_pass_fold_constants(whet_pass_context *c)
{
    WHET_TRY(whet_graph_infer(c->g));
    for (int wave = 0; wave < MAX_WAVES; wave++) {
        const int before = c->changes, n_values = c->g->n_values, n_nodes = c->g->n_nodes;
        for (whet_vid v = 0; v < n_values; v++) WHET_TRY(fold_known(c, v));
        for (whet_nid n = 0; n < n_nodes; n++)
            if (foldable(c->g, &c->g->nodes[n])) WHET_TRY(fold_node(c, n));
        if (c->changes == before) break;
        WHET_TRY(whet_graph_prune(c->g));
        WHET_TRY(whet_graph_infer(c->g));
    }
    return WHET_OK;
}
