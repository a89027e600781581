/* SPDX-License-Identifier: Apache-2.0 */
/* Making a plan: the graph's copy gets concrete shapes, values whose integers are known become constants, what nobody
 * needs goes, the caller's lowering runs, optimiser steps move up to where their operands are at hand, then kernels are
 * bound and memory is laid out. */
#include "exec/exec_private.h"

/* Shape arithmetic is done once its result is known: the value is replaced by a constant. */
static whet_status freeze_known(whet_graph *g)
{
    const int n_values = g->n_values;
    for (whet_vid v = 0; v < n_values; v++) {
        const whet_value *x = &g->values[v];
        whet_tensor t = {0};
        whet_shape shape;
        whet_vid c = WHET_NO_VALUE;
        bool known = x->kind == WHET_VALUE_RESULT && x->producer >= 0 && x->n_known >= 0 && whet_dtype_is_int(x->dtype) &&
                     whet_dims_concrete(&x->dims, &shape) && whet_shape_numel(&shape) == x->n_known;
        for (int i = 0; known && i < x->n_known; i++) known = x->known[i] >= 0; /* negative: a symbol */
        if (!known) continue;
        WHET_TRY(whet_tensor_alloc(&t, x->dtype, &shape));
        for (int i = 0; i < x->n_known; i++) whet_tensor_set_s64(&t, i, x->known[i]);
        whet_status status = whet_graph_const(g, x->name, &t, &c);
        whet_tensor_dispose(&t);
        WHET_TRY(status);
        whet_graph_replace_uses(g, v, c);
    }
    return WHET_OK;
}

/* The earliest place for a node all of whose outputs are only committed: behind the last producer of its inputs and the
 * last other reader of the variables it replaces, so that its gradient dies early and the new bytes may go straight into
 * the variable. */
static int earliest_place(const whet_graph *g, whet_nid id, const int *uses_left, const int *target)
{
    const whet_node *n = &g->nodes[id];
    int place = -1;
    for (int o = 0; o < n->n_out; o++) {
        whet_vid v = n->out[o];
        if (v < 0) continue;
        if (uses_left[v] != 0 || target[v] < 0) return id;
        for (int k = 0; k < g->n_nodes; k++)
            for (int i = 0; k != id && i < g->nodes[k].n_in; i++)
                if (g->nodes[k].in[i] == target[v]) place = WHET_MAX(place, k);
    }
    for (int i = 0; i < n->n_in; i++)
        if (n->in[i] >= 0) place = WHET_MAX(place, g->values[n->in[i]].producer);
    return WHET_MIN(place, id); /* behind node `place` */
}

static whet_status pull_updates_up(whet_graph *g)
{
    whet_status status = WHET_ENOMEM;
    if (g->n_commits == 0) return WHET_OK;
    int *uses = whet_calloc((size_t)g->n_values, sizeof *uses), *target = whet_calloc((size_t)g->n_values, sizeof *target);
    int *place = whet_calloc((size_t)g->n_nodes, sizeof *place), *moved = whet_calloc((size_t)g->n_nodes, sizeof *moved);
    int *first = whet_calloc((size_t)g->n_nodes + 1, sizeof *first), *next = whet_calloc((size_t)g->n_nodes, sizeof *next); /* by place + 1 */
    whet_node *nodes = whet_calloc((size_t)g->n_nodes, sizeof *nodes);
    if (uses == NULL || target == NULL || place == NULL || moved == NULL || nodes == NULL || first == NULL || next == NULL) goto done;
    for (int v = 0; v < g->n_values; v++) target[v] = -1;
    for (int n = 0; n < g->n_nodes; n++)
        for (int i = 0; i < g->nodes[n].n_in; i++)
            if (g->nodes[n].in[i] >= 0) uses[g->nodes[n].in[i]]++;
    for (int i = 0; i < g->n_outputs; i++) uses[g->outputs[i]]++;
    for (int i = 0; i < g->n_commits; i++) {
        if (target[g->commits[i].src] >= 0) uses[g->commits[i].src]++; /* two targets: leave it */
        target[g->commits[i].src] = g->commits[i].variable;
    }
    for (int n = 0; n < g->n_nodes; n++) place[n] = earliest_place(g, n, uses, target);
    int count = 0;
    for (int k = 0; k <= g->n_nodes; k++) first[k] = -1;
    for (int k = g->n_nodes - 1; k >= 0; k--) {
        if (place[k] == k) continue;
        next[k] = first[place[k] + 1];
        first[place[k] + 1] = k;
    }
    for (int n = -1; n < g->n_nodes; n++) {
        if (n >= 0 && place[n] == n) nodes[count] = g->nodes[n], moved[n] = count++;
        for (int k = first[n + 1]; k >= 0; k = next[k]) nodes[count] = g->nodes[k], moved[k] = count++;
    }
    for (int v = 0; v < g->n_values; v++)
        if (g->values[v].producer >= 0) g->values[v].producer = moved[g->values[v].producer];
    if (count > 0) memcpy(g->nodes, nodes, (size_t)count * sizeof *nodes);
    status = whet_graph_sort(g); /* already in order: rebuilds the name tables */
done:
    whet_free(uses);
    whet_free(target);
    whet_free(place);
    whet_free(moved);
    whet_free(first);
    whet_free(next);
    whet_free(nodes);
    return status;
}

static whet_status prepare_graph(whet_plan *p, int n)
{
    const whet_exec_options *opt = &p->e->opt;
    WHET_TRY(whet_graph_clone(&p->g, p->e->g));
    WHET_TRY(whet_graph_bind_shapes(p->g, n, p->shapes));
    WHET_TRY(freeze_known(p->g));
    WHET_TRY(whet_graph_infer(p->g)); /* more sizes follow from what is constant now */
    WHET_TRY(whet_graph_prune(p->g));
    if (opt->lower != NULL) {
        WHET_TRY(opt->lower(p->g, opt));
        WHET_TRY(whet_graph_prune(p->g));
    }
    WHET_TRY(pull_updates_up(p->g));
    return whet_graph_verify(p->g);
}

static whet_status make_tensors(whet_plan *p)
{
    p->inputs = whet_calloc((size_t)p->g->n_inputs, sizeof *p->inputs);
    p->outputs = whet_calloc((size_t)p->g->n_outputs, sizeof *p->outputs);
    p->output_copy = whet_calloc((size_t)p->g->n_outputs, sizeof *p->output_copy);
    if (p->inputs == NULL || p->outputs == NULL || p->output_copy == NULL) return WHET_ENOMEM;
    for (int i = 0; i < p->g->n_inputs; i++) {
        p->inputs[i].dtype = p->g->values[p->g->inputs[i]].dtype;
        p->inputs[i].shape = p->shapes[i];
    }
    for (int i = 0; i < p->g->n_outputs; i++) {
        const whet_value *v = &p->g->values[p->g->outputs[i]];
        p->output_copy[i] = -1;
        p->outputs[i].dtype = v->dtype;
        if (!whet_dims_concrete(&v->dims, &p->outputs[i].shape)) {
            WHET_FAIL(WHET_EUNSUPPORTED, "the shape of output '%s' depends on data", v->name);
            whet_error_at_node(v->producer >= 0 ? p->g->nodes[v->producer].name : v->name);
            return WHET_EUNSUPPORTED;
        }
    }
    return WHET_OK;
}

static whet_status setup_steps(whet_plan *p)
{
    for (int i = 0; i < p->n_steps; i++) {
        plan_step *s = &p->steps[i];
        if (s->view || s->k.impl->setup == NULL) continue;
        whet_status status = s->k.impl->setup(&s->k);
        if (status == WHET_OK) continue;
        whet_error_at_node(s->k.n->name);
        return status;
    }
    return WHET_OK;
}

whet_status whet_plan_create_(whet_plan **out, whet_exec *e, int n, const whet_shape *shapes)
{
    whet_status status = WHET_ENOMEM;
    whet_plan *p = whet_calloc(1, sizeof *p);
    *out = NULL;
    if (p == NULL) goto done;
    p->e = e;
    p->text = whet_arena_create();
    p->shapes = whet_calloc((size_t)n, sizeof *p->shapes);
    if (p->text == NULL || p->shapes == NULL) goto done;
    if (n > 0) memcpy(p->shapes, shapes, (size_t)n * sizeof *shapes);
    WHET_GOTO(prepare_graph(p, n));
    WHET_GOTO(make_tensors(p));
    WHET_GOTO(whet_plan_bind_(p));
    WHET_GOTO(whet_plan_layout_(p));
    WHET_GOTO(setup_steps(p));
    *out = p;
    p = NULL;
done:
    whet_plan_free_(p);
    return status;
}

void whet_plan_free_(whet_plan *p)
{
    if (p == NULL) return;
    for (int i = 0; i < p->n_steps; i++) whet_step_dispose_(&p->steps[i]);
    whet_free(p->steps);
    whet_free(p->storage_of);
    whet_free(p->storages);
    whet_free(p->commits);
    whet_free(p->output_copy);
    whet_free(p->inputs);
    whet_free(p->outputs);
    for (size_t i = 0; i < p->n_copies; i++) whet_free_aligned(p->copies[i]);
    whet_free(p->copies);
    if (p->e->opt.dry) whet_release_addresses(p->arena, p->arena_bytes);
    else whet_free_aligned(p->arena);
    whet_free(p->shapes);
    whet_arena_free(p->text);
    whet_graph_free(p->g);
    whet_free(p);
}
