/* SPDX-License-Identifier: Apache-2.0 */
/* The optimiser as graph: one update node per parameter, its state in variables, the results committed. Weight decay
 * spares vectors (norms and biases) unless all are asked for: Goyal et al. 2017, He et al., "Bag of tricks" (2019). */
#include "train/optimizer.h"

#include "base/mem.h"

static whet_status state_variable(whet_graph *g, whet_vid param, const char *suffix, whet_vid *out)
{
    whet_tensor t = {0};
    whet_status status = WHET_ENOMEM;
    char *name = whet_format("%s.%s", g->values[param].name, suffix);
    *out = WHET_NO_VALUE;
    if (name == NULL) goto done;
    WHET_GOTO(whet_tensor_alloc(&t, g->values[param].data.dtype, &g->values[param].data.shape));
    WHET_GOTO(whet_graph_variable(g, name, &t, false, out));
done:
    whet_free(name);
    whet_tensor_dispose(&t);
    return status;
}

static whet_status add_sgd(whet_graph *g, const whet_train_settings *s, float decay, whet_vid lr, whet_vid w, whet_vid grad)
{
    whet_vid moment = WHET_NO_VALUE, out[2] = {WHET_NO_VALUE, WHET_NO_VALUE};
    const bool momentum = s->momentum > 0;
    if (momentum) WHET_TRY(state_variable(g, w, "momentum", &moment));
    const whet_vid in[] = {w, grad, lr, moment};
    const whet_attr attrs[] = {whet_attr_float("momentum", (float)s->momentum), whet_attr_int("nesterov", s->nesterov),
                               whet_attr_float("weight_decay", decay)};
    WHET_TRY(whet_graph_node(g, "whet.SgdStep", NULL, momentum ? 4 : 3, in, 3, attrs, momentum ? 2 : 1, NULL, out));
    WHET_TRY(whet_graph_commit(g, out[0], w));
    return momentum ? whet_graph_commit(g, out[1], moment) : WHET_OK;
}

static whet_status add_adam(whet_graph *g, const whet_train_settings *s, float decay, whet_vid lr, whet_vid step, whet_vid w,
                            whet_vid grad)
{
    whet_vid m = WHET_NO_VALUE, v = WHET_NO_VALUE, out[3];
    WHET_TRY(state_variable(g, w, "adam_m", &m));
    WHET_TRY(state_variable(g, w, "adam_v", &v));
    const whet_attr attrs[] = {whet_attr_float("beta1", (float)s->beta1), whet_attr_float("beta2", (float)s->beta2),
                               whet_attr_float("epsilon", (float)s->epsilon), whet_attr_float("weight_decay", decay),
                               whet_attr_int("decoupled", strcmp(s->optimizer, "adamw") == 0)};
    WHET_TRY(whet_graph_node(g, "whet.AdamStep", NULL, WHET_IN(w, grad, lr, m, v, step), 5, attrs, 3, NULL, out));
    WHET_TRY(whet_graph_commit(g, out[0], w));
    WHET_TRY(whet_graph_commit(g, out[1], m));
    return whet_graph_commit(g, out[2], v);
}

whet_status whet_optimizer_add(whet_graph *g, const whet_train_settings *s, whet_vid lr, whet_vid step, int n,
                               const whet_vid *params, const whet_vid *grads)
{
    for (int i = 0; i < n; i++) {
        if (grads[i] == WHET_NO_VALUE) continue;
        const bool spared = g->values[params[i]].data.shape.rank < 2 && s->decay_all != 1;
        const float decay = spared ? 0 : (float)s->weight_decay;
        if (strcmp(s->optimizer, "sgd") == 0)
            WHET_TRY(add_sgd(g, s, decay, lr, params[i], grads[i]));
        else
            WHET_TRY(add_adam(g, s, decay, lr, step, params[i], grads[i]));
    }
    return WHET_OK;
}
