/* SPDX-License-Identifier: Apache-2.0 */
/* From a model's forward graph to the graphs that training runs: the step and the scoring. */
#include "base/mem.h"
#include "ir/autodiff.h"
#include "passes/lower.h"
#include "passes/passes.h"
#include "train/optimizer.h"

static whet_status check_model(const whet_graph *g)
{
    if (g->n_inputs != 1 || g->n_outputs < 1)
        return WHET_FAIL(WHET_EUNSUPPORTED, "a classifier with one input and one output is wanted, '%s' has %d and %d", g->name,
                         g->n_inputs, g->n_outputs);
    return WHET_OK;
}

/* Output 0 before a closing Softmax or LogSoftmax: cross-entropy takes logits. */
static whet_vid logits_of(const whet_graph *g)
{
    whet_vid v = g->outputs[0];
    whet_nid p = g->values[v].producer;
    if (p >= 0 && (whet_node_is(&g->nodes[p], "Softmax") || whet_node_is(&g->nodes[p], "LogSoftmax"))) v = g->nodes[p].in[0];
    return v;
}

/* Normalisation by stored statistics becomes normalisation by the batch's, with the running statistics committed. Where
 * the statistics are constants the layer stays as it is: frozen. */
static whet_status train_batch_norms(whet_graph *g)
{
    const int n_nodes = g->n_nodes;
    for (whet_nid id = 0; id < n_nodes; id++) {
        const whet_node *n = &g->nodes[id];
        if (!whet_node_is(n, "BatchNormalization") || whet_node_int(n, "training_mode", 0) != 0) continue;
        const whet_vid in[5] = {n->in[0], n->in[1], n->in[2], n->in[3], n->in[4]}, y = n->out[0];
        if (g->values[in[3]].kind != WHET_VALUE_VARIABLE || g->values[in[4]].kind != WHET_VALUE_VARIABLE) continue;
        const whet_attr attrs[] = {whet_attr_float("epsilon", whet_node_float(n, "epsilon", 1e-5f)),
                                   whet_attr_float("momentum", whet_node_float(n, "momentum", 0.9f))};
        char *name = whet_format("%s.train", n->name);
        whet_vid out[5];
        if (name == NULL) return WHET_ENOMEM;
        whet_status status = whet_graph_node(g, "whet.BatchNormTrain", name, 5, in, 2, attrs, 5, NULL, out);
        whet_free(name);
        WHET_TRY(status);
        whet_graph_replace_uses(g, y, out[0]);
        whet_graph_remove_node(g, id);
        WHET_TRY(whet_graph_commit(g, out[1], in[3]));
        WHET_TRY(whet_graph_commit(g, out[2], in[4]));
    }
    return whet_graph_sort(g);
}

/* Attention becomes one node where its mask, if there is one, needs no gradient. */
static whet_status fuse_attention(whet_graph **g)
{
    whet_graph *fused = NULL;
    whet_status status = WHET_OK;
    WHET_TRY(whet_graph_clone(&fused, *g));
    whet_pass_context c = {.g = fused};
    WHET_GOTO(whet_pass_attention(&c));
    for (whet_nid id = 0; id < fused->n_nodes && c.changes > 0; id++) {
        const whet_node *n = &fused->nodes[id];
        if (whet_node_is(n, "whet.FusedAttention") && n->n_in > 3 && fused->values[n->in[3]].kind != WHET_VALUE_CONST) c.changes = 0;
    }
    if (c.changes == 0) goto done;
    whet_graph_free(*g);
    *g = fused;
    return WHET_OK;
done:
    whet_graph_free(fused);
    return status;
}

/* The loss and the count take the place of the model's own outputs. */
static whet_status add_loss(whet_graph *g, const whet_train_settings *s, bool plain, whet_vid *loss)
{
    whet_vid correct = WHET_NO_VALUE;
    WHET_TRY(whet_train_loss_add(g, s, plain, logits_of(g), loss, &correct));
    g->n_outputs = 0;
    WHET_TRY(whet_graph_output(g, *loss));
    return whet_graph_output(g, correct);
}

static whet_status add_training(whet_graph *g, const whet_train_settings *s, whet_vid loss)
{
    whet_status status = WHET_ENOMEM;
    whet_step_inputs in;
    whet_vid *params = whet_calloc((size_t)g->n_values, sizeof *params), *grads = whet_calloc((size_t)g->n_values, sizeof *grads);
    int n = 0, *segments = NULL;
    if (params == NULL || grads == NULL) goto done;
    for (whet_vid v = 0; v < g->n_values; v++)
        if (g->values[v].kind == WHET_VALUE_VARIABLE && g->values[v].trainable) params[n++] = v;
    if (n == 0) {
        status = WHET_FAIL(WHET_EUNSUPPORTED, "'%s' has no parameter to train", g->name);
        goto done;
    }
    const int n_forward = g->n_nodes;
    if (s->recompute > 0) WHET_GOTO(whet_train_segments(g, s->batch, s->recompute, &segments));
    WHET_GOTO(whet_graph_gradients_recomputing(g, loss, n, params, segments, grads));
    if (s->store_bf16 == 1) WHET_GOTO(whet_train_store_bf16(g, s->batch, n_forward));
    WHET_GOTO(whet_step_inputs_add(g, s, &in));
    WHET_GOTO(whet_optimizer_add(g, s, &in, n, params, grads));
done:
    whet_free(segments);
    whet_free(params);
    whet_free(grads);
    return status;
}

whet_status whet_train_graph_create(whet_graph **out, const whet_graph *model, const whet_train_settings *s)
{
    whet_status status = WHET_OK;
    whet_graph *g = NULL;
    whet_vid loss = WHET_NO_VALUE;
    *out = NULL;
    WHET_TRY(check_model(model));
    WHET_TRY(whet_graph_clone(&g, model));
    WHET_GOTO(whet_pass_resolve_shapes(g, NULL)); /* gradients need to know them */
    WHET_GOTO(train_batch_norms(g));
    WHET_GOTO(whet_pass_fuse_batchnorm(g));
    WHET_GOTO(whet_pass_fuse_excite(g));
    WHET_GOTO(fuse_attention(&g));
    WHET_GOTO(add_loss(g, s, false, &loss));
    WHET_GOTO(add_training(g, s, loss));
    WHET_GOTO(whet_pass_fuse_excite_grad(g));
    WHET_GOTO(whet_graph_verify(g));
    *out = g;
    g = NULL;
done:
    whet_graph_free(g);
    return status;
}

whet_status whet_train_eval_graph_create(whet_graph **out, const whet_graph *model, const whet_train_settings *s)
{
    whet_status status = WHET_OK;
    whet_graph *g = NULL;
    whet_vid loss = WHET_NO_VALUE;
    *out = NULL;
    WHET_TRY(check_model(model));
    WHET_TRY(whet_graph_clone(&g, model));
    WHET_GOTO(add_loss(g, s, true, &loss));
    *out = g;
    g = NULL;
done:
    whet_graph_free(g);
    return status;
}
