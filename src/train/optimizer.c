/* SPDX-License-Identifier: Apache-2.0 */
/* The optimiser as graph: one update node per parameter, its state in variables, the results committed. Weight decay
 * spares vectors (norms and biases) unless all are asked for: Goyal et al. 2017, He et al., "Bag of tricks" (2019).
 *
 * On the way to the update a gradient passes: the sum over the batches of one step, each by its share of the pictures; then
 * clipping by value or by the norm of all gradients together (Pascanu et al. 2013). Behind the update stands the moving
 * average of the weights (Polyak & Juditsky 1992; its decay's warm-up is TensorFlow's ExponentialMovingAverage). */
#include "train/optimizer.h"

#include "base/mem.h"

#define AVERAGE ".ema"

static whet_status scalar_input(whet_graph *g, const char *name, bool wanted, whet_vid *out)
{
    const whet_dims scalar = {.rank = 0};
    *out = WHET_NO_VALUE;
    return wanted ? whet_graph_input(g, name, WHET_F32, &scalar, out) : WHET_OK;
}

static bool is_adam(const whet_train_settings *s) { return strncmp(s->optimizer, "adam", 4) == 0; }

whet_status whet_step_inputs_add(whet_graph *g, const whet_train_settings *s, whet_step_inputs *in)
{
    WHET_TRY(scalar_input(g, "learning_rate", true, &in->lr));
    WHET_TRY(scalar_input(g, "step", is_adam(s), &in->step));
    WHET_TRY(scalar_input(g, "ema_share", s->ema_decay > 0, &in->ema_share));
    WHET_TRY(scalar_input(g, "batch_share", s->accumulate > 1, &in->batch_share));
    WHET_TRY(scalar_input(g, "keep", s->accumulate > 1, &in->keep));
    return scalar_input(g, "apply", s->accumulate > 1, &in->apply);
}

void whet_step_set(whet_plan *p, const char *name, double x)
{
    const whet_graph *g = whet_plan_graph(p);
    for (int i = WHET_TRAIN_IN_LR; i < g->n_inputs; i++)
        if (strcmp(g->values[g->inputs[i]].name, name) == 0) *(float *)whet_plan_input(p, i)->data = (float)x;
}

/* A variable "<param>.<suffix>" of the parameter's shape: its copy, or filled with one value. */
static whet_status state_variable(whet_graph *g, whet_vid param, const char *suffix, bool copy, float value, whet_vid *out)
{
    whet_tensor t = {0};
    const whet_tensor *of = &g->values[param].data;
    whet_status status = WHET_ENOMEM;
    char *name = whet_format("%s%s", g->values[param].name, suffix);
    *out = WHET_NO_VALUE;
    if (name == NULL) goto done;
    WHET_GOTO(whet_tensor_alloc(&t, of->dtype, &of->shape));
    if (copy) memcpy(t.data, of->data, whet_tensor_bytes(of));
    for (int64_t i = 0; !copy && value != 0 && i < whet_tensor_numel(&t); i++) whet_tensor_set_f64(&t, i, (double)value);
    WHET_GOTO(whet_graph_variable(g, name, &t, false, out));
done:
    whet_free(name);
    whet_tensor_dispose(&t);
    return status;
}

/* --- the gradients on their way */

static whet_status sum_batches(whet_graph *g, const whet_step_inputs *in, int n, const whet_vid *params, whet_vid *grads)
{
    for (int i = 0; in->apply != WHET_NO_VALUE && i < n; i++) {
        whet_vid sum = WHET_NO_VALUE;
        if (grads[i] == WHET_NO_VALUE) continue;
        WHET_TRY(state_variable(g, params[i], ".grad_sum", false, 0, &sum));
        WHET_TRY(whet_graph_op1(g, "whet.AccumulateStep", WHET_IN(sum, grads[i], in->batch_share, in->keep), WHET_NO_ATTRS, &grads[i]));
        WHET_TRY(whet_graph_commit(g, grads[i], sum));
    }
    return WHET_OK;
}

static whet_status clip_by_value(whet_graph *g, float most, int n, whet_vid *grads)
{
    whet_vid lo = WHET_NO_VALUE, hi = WHET_NO_VALUE;
    WHET_TRY(whet_graph_const_f32(g, NULL, -most, &lo));
    WHET_TRY(whet_graph_const_f32(g, NULL, most, &hi));
    for (int i = 0; i < n; i++)
        if (grads[i] != WHET_NO_VALUE) WHET_TRY(whet_graph_op1(g, "Clip", WHET_IN(grads[i], lo, hi), WHET_NO_ATTRS, &grads[i]));
    return WHET_OK;
}

static whet_status clip_by_norm(whet_graph *g, float most, int n, whet_vid *grads)
{
    whet_status status = WHET_ENOMEM;
    whet_vid *all = whet_calloc((size_t)n, sizeof *all), out[2];
    int n_all = 0;
    if (all == NULL) return WHET_ENOMEM;
    for (int i = 0; i < n; i++)
        if (grads[i] != WHET_NO_VALUE) all[n_all++] = grads[i];
    WHET_GOTO(whet_graph_node(g, "whet.GradientScale", "clip", n_all, all, WHET_ATTRS(whet_attr_float("max_norm", most)), 2, NULL, out));
    for (int i = 0; i < n; i++)
        if (grads[i] != WHET_NO_VALUE) WHET_GOTO(whet_graph_op1(g, "Mul", WHET_IN(grads[i], out[0]), WHET_NO_ATTRS, &grads[i]));
done:
    whet_free(all);
    return status;
}

/* --- the updates; *updated: the new weights */

static whet_status add_sgd(whet_graph *g, const whet_train_settings *s, const whet_step_inputs *in, float decay, whet_vid w, whet_vid grad,
                           whet_vid *updated)
{
    whet_vid moment = WHET_NO_VALUE, out[2] = {WHET_NO_VALUE, WHET_NO_VALUE};
    const bool momentum = s->momentum > 0;
    if (momentum) WHET_TRY(state_variable(g, w, ".momentum", false, 0, &moment));
    const whet_vid args[] = {w, grad, in->lr, moment, in->apply};
    const whet_attr attrs[] = {whet_attr_float("momentum", (float)s->momentum), whet_attr_int("nesterov", s->nesterov),
                               whet_attr_float("weight_decay", decay)};
    const int n_args = in->apply != WHET_NO_VALUE ? 5 : momentum ? 4 : 3;
    WHET_TRY(whet_graph_node(g, "whet.SgdStep", NULL, n_args, args, 3, attrs, momentum ? 2 : 1, NULL, out));
    WHET_TRY(whet_graph_commit(g, out[0], w));
    *updated = out[0];
    return momentum ? whet_graph_commit(g, out[1], moment) : WHET_OK;
}

static whet_status add_adam(whet_graph *g, const whet_train_settings *s, const whet_step_inputs *in, float decay, whet_vid w, whet_vid grad,
                            whet_vid *updated)
{
    whet_vid m = WHET_NO_VALUE, v = WHET_NO_VALUE, out[3];
    WHET_TRY(state_variable(g, w, ".adam_m", false, 0, &m));
    WHET_TRY(state_variable(g, w, ".adam_v", false, 0, &v));
    const whet_vid args[] = {w, grad, in->lr, m, v, in->step, in->apply};
    const whet_attr attrs[] = {whet_attr_float("beta1", (float)s->beta1), whet_attr_float("beta2", (float)s->beta2),
                               whet_attr_float("epsilon", (float)s->epsilon), whet_attr_float("weight_decay", decay),
                               whet_attr_int("decoupled", strcmp(s->optimizer, "adamw") == 0)};
    WHET_TRY(whet_graph_node(g, "whet.AdamStep", NULL, in->apply != WHET_NO_VALUE ? 7 : 6, args, 5, attrs, 3, NULL, out));
    WHET_TRY(whet_graph_commit(g, out[0], w));
    *updated = out[0];
    WHET_TRY(whet_graph_commit(g, out[1], m));
    return whet_graph_commit(g, out[2], v);
}

/* With epsilon inside the root the mean square starts at 1, as TensorFlow 1's optimiser of this form starts it. */
static whet_status add_rms_prop(whet_graph *g, const whet_train_settings *s, const whet_step_inputs *in, float decay, whet_vid w, whet_vid grad,
                                whet_vid *updated)
{
    const bool momentum = s->momentum > 0, centered = s->centered == 1;
    whet_vid square = WHET_NO_VALUE, moment = WHET_NO_VALUE, mean = WHET_NO_VALUE, out[4];
    WHET_TRY(state_variable(g, w, ".square", false, s->epsilon_inside == 1 ? 1 : 0, &square));
    if (momentum) WHET_TRY(state_variable(g, w, ".momentum", false, 0, &moment));
    if (centered) WHET_TRY(state_variable(g, w, ".mean_grad", false, 0, &mean));
    const whet_vid args[] = {w, grad, in->lr, square, moment, mean, in->apply};
    const whet_attr attrs[] = {whet_attr_float("alpha", (float)s->alpha), whet_attr_float("epsilon", (float)s->epsilon),
                               whet_attr_float("momentum", (float)s->momentum), whet_attr_float("weight_decay", decay),
                               whet_attr_int("centered", centered), whet_attr_int("epsilon_inside", s->epsilon_inside == 1)};
    const int n_args = in->apply != WHET_NO_VALUE ? 7 : centered ? 6 : momentum ? 5 : 4;
    WHET_TRY(whet_graph_node(g, "whet.RmsPropStep", NULL, n_args, args, 6, attrs, 2 + momentum + centered, NULL, out));
    WHET_TRY(whet_graph_commit(g, out[0], w));
    *updated = out[0];
    WHET_TRY(whet_graph_commit(g, out[1], square));
    if (momentum) WHET_TRY(whet_graph_commit(g, out[2], moment));
    return centered ? whet_graph_commit(g, out[2 + momentum], mean) : WHET_OK;
}

typedef whet_status (*add_fn)(whet_graph *, const whet_train_settings *, const whet_step_inputs *, float, whet_vid, whet_vid, whet_vid *);
static const struct { const char *name; add_fn add; } optimizers[] = {
    {"sgd", add_sgd}, {"adam", add_adam}, {"adamw", add_adam}, {"rmsprop", add_rms_prop}};

/* --- moving averages */

static whet_status add_average(whet_graph *g, const whet_step_inputs *in, whet_vid variable, whet_vid updated)
{
    whet_vid average = WHET_NO_VALUE, out = WHET_NO_VALUE;
    if (in->ema_share == WHET_NO_VALUE || g->values[variable].dtype != WHET_F32) return WHET_OK;
    WHET_TRY(state_variable(g, variable, AVERAGE, true, 0, &average));
    const whet_vid args[] = {average, updated, in->ema_share, in->apply};
    WHET_TRY(whet_graph_op1(g, "whet.EmaStep", in->apply != WHET_NO_VALUE ? 4 : 3, args, WHET_NO_ATTRS, &out));
    return whet_graph_commit(g, out, average);
}

static whet_tensor *average_of(whet_exec *e, const char *name)
{
    char text[512];
    snprintf(text, sizeof text, "%s" AVERAGE, name);
    return whet_exec_variable(e, text);
}

whet_tensor *whet_train_kept(whet_exec *e, const char *name)
{
    whet_tensor *average = average_of(e, name);
    return average != NULL ? average : whet_exec_variable(e, name);
}

void whet_train_averages_start(whet_exec *e)
{
    for (int i = 0; i < whet_exec_variable_count(e); i++) {
        const whet_tensor *t = whet_exec_variable_at(e, i);
        whet_tensor *average = average_of(e, whet_exec_variable_name(e, i));
        if (average != NULL) memcpy(average->data, t->data, whet_tensor_bytes(t));
    }
}

/* --- all of it */

whet_status whet_optimizer_add(whet_graph *g, const whet_train_settings *s, const whet_step_inputs *in, int n, const whet_vid *params,
                               whet_vid *grads)
{
    const int n_statistics = g->n_commits;
    size_t row = 0;
    while (row + 1 < WHET_COUNT(optimizers) && strcmp(optimizers[row].name, s->optimizer) != 0) row++;
    WHET_TRY(sum_batches(g, in, n, params, grads));
    if (s->clip_value > 0) WHET_TRY(clip_by_value(g, (float)s->clip_value, n, grads));
    if (s->clip_norm > 0) WHET_TRY(clip_by_norm(g, (float)s->clip_norm, n, grads));
    for (int i = 0; i < n; i++) {
        whet_vid updated = WHET_NO_VALUE;
        if (grads[i] == WHET_NO_VALUE) continue;
        const bool spared = g->values[params[i]].data.shape.rank < 2 && s->decay_all != 1;
        WHET_TRY(optimizers[row].add(g, s, in, spared ? 0 : (float)s->weight_decay, params[i], grads[i], &updated));
        WHET_TRY(add_average(g, in, params[i], updated));
    }
    for (int i = 0; i < n_statistics; i++) WHET_TRY(add_average(g, in, g->commits[i].variable, g->commits[i].src));
    return WHET_OK;
}
