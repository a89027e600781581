/* SPDX-License-Identifier: Apache-2.0 */
/* The executor's handle: constants and variables of a graph, its plans by input shapes, and the run itself.
 *
 * A run goes through the steps in order, then commits. Commits whose value could be written straight into its variable
 * (no reader of the old bytes is left; see exec_memory.c) cost nothing here; after a run that failed half-way such
 * variables may hold new bytes, so a failed training step is never continued but restarted from a checkpoint. */
#include "exec/exec.h"

#include "base/cancel.h"
#include "base/clock.h"
#include "base/cpu.h"
#include "exec/exec_private.h"

void whet_exec_options_init(whet_exec_options *o)
{
    *o = (whet_exec_options){.size = sizeof *o, .isa = whet_isa(), .providers = WHET_PROVIDER_ALL, .passes = true};
#ifndef NDEBUG
    o->poison = true;
#endif
}

/* Kernels may rely on 64-byte alignment; bytes mapped from a file often lack it. Large ones wait until a plan knows whether
 * they are read as they are or only packed (exec_memory.c). */
static whet_status align_constants(whet_graph *g)
{
    for (int v = 0; v < g->n_values; v++) {
        whet_tensor *t = &g->values[v].data;
        if (g->values[v].kind != WHET_VALUE_CONST || (uintptr_t)t->data % ARENA_ALIGN == 0 || whet_tensor_bytes(t) > WHET_TENSOR_VIEW) continue;
        WHET_TRY(whet_tensor_copy(t, t));
    }
    return WHET_OK;
}

static whet_status copy_variables(whet_exec *e)
{
    int n = 0;
    for (int v = 0; v < e->g->n_values; v++) n += e->g->values[v].kind == WHET_VALUE_VARIABLE;
    e->variable_vid = whet_calloc((size_t)n, sizeof *e->variable_vid);
    e->variables = whet_calloc((size_t)n, sizeof *e->variables);
    if (e->variable_vid == NULL || e->variables == NULL) return WHET_ENOMEM;
    for (int v = 0; v < e->g->n_values; v++) {
        if (e->g->values[v].kind != WHET_VALUE_VARIABLE) continue;
        WHET_TRY(whet_tensor_copy(&e->variables[e->n_variables], &e->g->values[v].data));
        e->variable_vid[e->n_variables++] = v;
    }
    return WHET_OK;
}

whet_status whet_exec_create(whet_exec **out, const whet_graph *g, const whet_exec_options *opt)
{
    whet_status status = WHET_ENOMEM;
    whet_exec *e = NULL;
    *out = NULL;
    e = whet_calloc(1, sizeof *e);
    if (e == NULL) goto done;
    whet_exec_options_init(&e->opt);
    if (opt != NULL) {
        memcpy(&e->opt, opt, WHET_MIN(opt->size, sizeof e->opt));
        e->opt.size = sizeof e->opt;
    }
    e->opt.providers |= WHET_PROVIDER_REF;
    if (e->opt.providers & (WHET_PROVIDER_OWN | WHET_PROVIDER_ONEDNN)) e->opt.providers |= WHET_PROVIDER_VEC;
    WHET_GOTO(whet_graph_clone(&e->g, g));
    WHET_GOTO(whet_graph_sort(e->g));
    WHET_GOTO(align_constants(e->g));
    WHET_GOTO(copy_variables(e));
    *out = e;
    e = NULL;
done:
    whet_exec_free(e);
    return status;
}

void whet_exec_free(whet_exec *e)
{
    if (e == NULL) return;
    for (size_t i = 0; i < e->n_plans; i++) whet_plan_free_(e->plans[i]);
    for (size_t i = 0; i < e->n_packs; i++) {
        whet_tensor_dispose(&e->packs[i].source);
        whet_free(e->packs[i].key);
        whet_free_aligned(e->packs[i].packed);
    }
    for (int i = 0; i < e->n_variables; i++) whet_tensor_dispose(&e->variables[i]);
    whet_free(e->plans);
    whet_free(e->packs);
    whet_free(e->variables);
    whet_free(e->variable_vid);
    whet_graph_free(e->g);
    whet_free(e);
}

const whet_graph *whet_exec_graph(const whet_exec *e)
{
    return e->g;
}

whet_status whet_exec_plan(whet_exec *e, int n_inputs, const whet_shape *shapes, whet_plan **out)
{
    whet_plan *p = NULL;
    *out = NULL;
    if (n_inputs != e->g->n_inputs)
        return WHET_FAIL(WHET_ESHAPE, "the graph has %d inputs, but %d were given", e->g->n_inputs, n_inputs);
    for (size_t i = 0; i < e->n_plans; i++) {
        bool same = true;
        for (int k = 0; same && k < n_inputs; k++) same = whet_shape_equal(&e->plans[i]->shapes[k], &shapes[k]);
        if (!same) continue;
        *out = e->plans[i];
        return WHET_OK;
    }
    if (!WHET_GROW(&e->plans, e->n_plans, &e->cap_plans)) return WHET_ENOMEM;
    WHET_TRY(whet_plan_create_(&p, e, n_inputs, shapes));
    e->plans[e->n_plans++] = p;
    *out = p;
    return WHET_OK;
}

whet_tensor *whet_plan_input(whet_plan *p, int i)
{
    return &p->inputs[i];
}

const whet_tensor *whet_plan_output(const whet_plan *p, int i)
{
    return &p->outputs[i];
}

size_t whet_plan_arena_bytes(const whet_plan *p)
{
    return p->arena_bytes;
}

const whet_graph *whet_plan_graph(const whet_plan *p)
{
    return p->g;
}

whet_status whet_plan_bind_input(whet_plan *p, int i, void *data)
{
    if (i < 0 || i >= p->g->n_inputs) return WHET_FAIL(WHET_EINVAL, "there is no input %d", i);
    if ((uintptr_t)data % ARENA_ALIGN != 0) return WHET_FAIL(WHET_EINVAL, "memory of input %d is not 64-byte aligned", i);
    storage *s = &p->storages[p->storage_of[p->g->inputs[i]]];
    s->data = data != NULL ? data : p->arena + s->offset;
    whet_plan_point_(p);
    return WHET_OK;
}

/* All bits set: NaN in every float type. */
static void poison(const plan_step *s, const whet_plan *p)
{
    for (int i = 0; i < s->n_dead; i++)
        memset(p->storages[s->dead[i]].data, 0xff, p->storages[s->dead[i]].bytes);
}

static void poison_before(const plan_step *s)
{
    if (s->k.workspace != NULL) memset(s->k.workspace, 0xff, s->k.workspace_size);
}

static void commit(const whet_plan *p)
{
    for (int i = 0; i < p->g->n_outputs; i++)
        if (p->output_copy[i] >= 0) {
            const storage *to = &p->storages[p->output_copy[i]];
            memcpy(to->data, p->storages[whet_storage_find_(p, p->storage_of[p->g->outputs[i]])].data, to->bytes);
        }
    for (int i = 0; i < p->n_commits; i++) {
        const commit_copy *c = &p->commits[i];
        if (c->staging >= 0 && c->bytes > 0) memcpy(p->storages[c->staging].data, p->storages[c->src].data, c->bytes);
    }
    for (int i = 0; i < p->n_commits; i++) {
        const commit_copy *c = &p->commits[i];
        const void *from = p->storages[c->staging >= 0 ? c->staging : c->src].data;
        void *to = p->e->variables[c->variable].data;
        if (from != to && c->bytes > 0) memcpy(to, from, c->bytes);
    }
}

static whet_status run(whet_plan *p, uint64_t *ns)
{
    const bool poisoned = p->e->opt.poison;
    if (whet_cancelled()) return WHET_FAIL(WHET_ECANCELLED, "interrupted");
    for (int i = 0; i < p->n_steps; i++) {
        plan_step *s = &p->steps[i];
        if (!s->view) {
            const uint64_t from = ns != NULL ? whet_now_ns() : 0;
            if (poisoned) poison_before(s);
            whet_status status = s->k.impl->run(&s->k);
            if (status != WHET_OK) {
                whet_error_at_node(s->k.n->name);
                return status;
            }
            if (ns != NULL) ns[i] += whet_now_ns() - from;
        }
        if (poisoned) poison(s, p);
    }
    commit(p);
    return WHET_OK;
}

whet_status whet_plan_run(whet_plan *p)
{
    return run(p, NULL);
}

whet_status whet_plan_profile(whet_plan *p, uint64_t *ns)
{
    return run(p, ns);
}

int whet_exec_variable_count(const whet_exec *e)
{
    return e->n_variables;
}

const char *whet_exec_variable_name(const whet_exec *e, int i)
{
    return e->g->values[e->variable_vid[i]].name;
}

int whet_exec_variable_index_(const whet_exec *e, const char *name)
{
    whet_vid v = whet_graph_find(e->g, name);
    if (v < 0 || e->g->values[v].kind != WHET_VALUE_VARIABLE) return -1;
    int low = 0, high = e->n_variables - 1; /* variable_vid ascends */
    while (low < high) {
        int mid = (low + high) / 2;
        if (e->variable_vid[mid] < v)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

whet_tensor *whet_exec_variable(whet_exec *e, const char *name)
{
    int i = whet_exec_variable_index_(e, name);
    return i >= 0 ? &e->variables[i] : NULL;
}

whet_tensor *whet_exec_variable_at(whet_exec *e, int i)
{
    return &e->variables[i];
}

void whet_exec_set_step(whet_exec *e, uint64_t step)
{
    e->step = step;
}

whet_status whet_exec_run(whet_exec *e, int n_in, const whet_tensor *inputs, int n_out, whet_tensor *outputs)
{
    whet_status status = WHET_OK;
    whet_plan *p = NULL;
    whet_shape *shapes = whet_calloc((size_t)n_in, sizeof *shapes);
    if (shapes == NULL) return WHET_ENOMEM;
    for (int i = 0; i < n_in; i++) shapes[i] = inputs[i].shape;
    WHET_GOTO(whet_exec_plan(e, n_in, shapes, &p));
    if (n_out != p->g->n_outputs) {
        status = WHET_FAIL(WHET_EINVAL, "the graph has %d outputs, but %d were asked for", p->g->n_outputs, n_out);
        goto done;
    }
    for (int i = 0; i < n_in; i++) {
        const whet_value *v = &p->g->values[p->g->inputs[i]];
        if (inputs[i].dtype != v->dtype) {
            status = WHET_FAIL(WHET_ESHAPE, "input '%s' wants type %s, but was given %s", v->name, whet_dtype_name(v->dtype),
                               whet_dtype_name(inputs[i].dtype));
            goto done;
        }
        size_t bytes = whet_tensor_bytes(&inputs[i]);
        if (bytes > 0) memcpy(p->inputs[i].data, inputs[i].data, bytes);
    }
    WHET_GOTO(whet_plan_run(p));
    for (int i = 0; i < n_out; i++) WHET_GOTO(whet_tensor_copy(&outputs[i], &p->outputs[i]));
done:
    whet_free(shapes);
    return status;
}
