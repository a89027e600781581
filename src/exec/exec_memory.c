/* SPDX-License-Identifier: Apache-2.0 */
/* The memory plan. Values become storages: a view shares its input's, an elementwise result takes over that of an input
 * that dies there, and a committed value is written straight into its variable when nobody reads the old bytes any more.
 * Storages in the arena, workspaces included, get offsets by "greedy by size" (Pisarchyk and Lee, "Efficient memory
 * management for deep neural net inference", 2020): the largest first, each at the smallest gap that fits among those
 * alive at the same time. Ties are broken by position, so that the plan is the same on every run. */
#include "exec/exec_private.h"

int whet_storage_find_(const whet_plan *p, int s)
{
    while (s >= 0 && p->storages[s].merged >= 0) s = p->storages[s].merged;
    return s;
}

static int add_storage(whet_plan *p, storage_kind kind, int index, int begin, int end, size_t bytes)
{
    if (!WHET_GROW(&p->storages, p->n_storages, &p->cap_storages)) return -1;
    p->storages[p->n_storages] = (storage){.kind = kind, .index = index, .merged = -1, .taken = -1,
                                              .begin = begin, .end = end, .bytes = bytes};
    return (int)p->n_storages++;
}

static whet_status value_bytes(const whet_value *v, size_t *bytes)
{
    whet_shape s;
    if (!whet_dims_concrete(&v->dims, &s))
        return WHET_FAIL(WHET_EUNSUPPORTED, "the shape of '%s' depends on data", v->name);
    return whet_shape_bytes(&s, v->dtype, bytes);
}

static int input_index(const whet_graph *g, whet_vid v)
{
    int i = 0;
    while (i < g->n_inputs && g->inputs[i] != v) i++;
    return i;
}

static whet_status outer_storages(whet_plan *p)
{
    const int end = p->n_steps;
    for (whet_vid v = 0; v < p->g->n_values; v++) {
        const whet_value *x = &p->g->values[v];
        size_t bytes = 0;
        int s = -1;
        p->storage_of[v] = -1;
        if (x->kind == WHET_VALUE_RESULT) continue;
        WHET_TRY(value_bytes(x, &bytes));
        if (x->kind == WHET_VALUE_CONST) s = add_storage(p, IN_CONST, v, -1, end, bytes);
        if (x->kind == WHET_VALUE_INPUT) s = add_storage(p, IN_INPUT, input_index(p->g, v), -1, end, bytes);
        if (x->kind == WHET_VALUE_VARIABLE)
            s = add_storage(p, IN_VARIABLE, whet_exec_variable_index_(p->e, x->name), -1, -1, bytes);
        if (s < 0) return WHET_ENOMEM;
        if (x->kind == WHET_VALUE_CONST) p->storages[s].data = x->data.data;
        if (x->kind == WHET_VALUE_VARIABLE && p->storages[s].index < 0)
            return WHET_FAIL(WHET_EINVAL, "lowering added the variable '%s', which cannot be", x->name);
        p->storage_of[v] = s;
    }
    return WHET_OK;
}

static whet_status step_storages(whet_plan *p, int i)
{
    plan_step *s = &p->steps[i];
    const whet_node *n = s->k.n;
    if (s->view) {
        p->storage_of[n->out[0]] = p->storage_of[n->in[0]];
        return WHET_OK;
    }
    for (int o = 0; o < n->n_out; o++) {
        size_t bytes = 0;
        if (n->out[o] < 0) continue;
        WHET_TRY(value_bytes(&p->g->values[n->out[o]], &bytes));
        p->storage_of[n->out[o]] = add_storage(p, IN_ARENA, -1, i, i, bytes);
        if (p->storage_of[n->out[o]] < 0) return WHET_ENOMEM;
    }
    if (s->k.workspace_size > 0) {
        s->workspace = add_storage(p, IN_ARENA, -1, i, i, s->k.workspace_size);
        if (s->workspace < 0) return WHET_ENOMEM;
    }
    return WHET_OK;
}

static void find_last_uses(whet_plan *p)
{
    for (int i = 0; i < p->n_steps; i++)
        for (int k = 0; !p->steps[i].view && k < p->steps[i].k.n_in; k++) {
            whet_vid v = p->steps[i].k.n->in[k];
            if (v < 0) continue;
            storage *s = &p->storages[p->storage_of[v]];
            s->end = WHET_MAX(s->end, i);
        }
    for (int i = 0; i < p->g->n_outputs; i++) p->storages[p->storage_of[p->g->outputs[i]]].end = p->n_steps;
    for (int i = 0; i < p->g->n_commits; i++) p->storages[p->storage_of[p->g->commits[i].src]].end = p->n_steps;
}

/* --- commits */

static int commit_into(const whet_plan *p, int variable)
{
    for (int c = 0; c < p->n_commits; c++)
        if (p->commits[c].variable == variable) return c;
    return -1;
}

static bool shared_by_commits(const whet_plan *p, int s)
{
    int n = 0;
    for (int c = 0; c < p->n_commits; c++) n += p->commits[c].src == s;
    return n > 1;
}

/* May the step that makes storage `s` write it into variable storage `v` at once? Its own reads of the variable must be
 * of the in-place kind. */
static bool can_go_direct(const whet_plan *p, int s, int v)
{
    const storage *from = &p->storages[s], *to = &p->storages[v];
    if (from->kind != IN_ARENA || from->bytes != to->bytes || shared_by_commits(p, s)) return false;
    if (to->end > from->begin) return false;
    if (to->end < from->begin) return true;
    const whet_cpu_node *k = &p->steps[from->begin].k;
    for (int o = 0; o < k->n_out; o++) {
        if (k->out[o].vid < 0 || p->storage_of[k->out[o].vid] != s) continue;
        for (int i = 0; i < k->n_in; i++) {
            if (k->in[i].vid < 0 || p->storage_of[k->in[i].vid] != v) continue;
            if (k->impl->inplace == NULL || !k->impl->inplace(k, o, i)) return false;
        }
    }
    return true;
}

static whet_status plan_commits(whet_plan *p)
{
    const whet_graph *g = p->g;
    p->commits = whet_calloc((size_t)g->n_commits, sizeof *p->commits);
    if (p->commits == NULL) return WHET_ENOMEM;
    for (int i = 0; i < g->n_commits; i++) {
        const int s = p->storage_of[g->commits[i].src], v = p->storage_of[g->commits[i].variable];
        if (v < 0 || p->storages[v].kind != IN_VARIABLE)
            return WHET_FAIL(WHET_EINVAL, "commit into '%s', which is no variable", g->values[g->commits[i].variable].name);
        if (commit_into(p, p->storages[v].index) >= 0)
            return WHET_FAIL(WHET_EINVAL, "two commits into variable '%s'", g->values[g->commits[i].variable].name);
        p->commits[p->n_commits++] = (commit_copy){s, p->storages[v].index, -1, p->storages[v].bytes};
    }
    for (int i = 0; i < g->n_commits; i++) {
        commit_copy *c = &p->commits[i];
        storage *s = &p->storages[c->src];
        if (s->kind == IN_VARIABLE && commit_into(p, s->index) >= 0) {
            c->staging = add_storage(p, IN_ARENA, -1, p->n_steps, p->n_steps, c->bytes);
            if (c->staging < 0) return WHET_ENOMEM;
        } else if (can_go_direct(p, c->src, p->storage_of[g->commits[i].variable])) {
            s->kind = IN_VARIABLE;
            s->index = c->variable;
            p->n_direct++;
        }
    }
    return WHET_OK;
}

/* An output that is a committed variable shows the old bytes: they are saved before the commit. */
static whet_status save_outputs(whet_plan *p)
{
    for (int i = 0; i < p->g->n_outputs; i++) {
        const whet_vid v = p->g->outputs[i];
        const storage *s = &p->storages[p->storage_of[v]];
        if (s->kind != IN_VARIABLE || s->begin >= 0 || commit_into(p, s->index) < 0) continue;
        p->output_copy[i] = add_storage(p, IN_ARENA, -1, p->n_steps, p->n_steps, s->bytes);
        if (p->output_copy[i] < 0) return WHET_ENOMEM;
    }
    return WHET_OK;
}

/* --- in-place reuse */

/* All of the step's inputs in storage `s` must allow it. */
static bool all_inplace(const whet_plan *p, const whet_cpu_node *k, int o, int s)
{
    for (int i = 0; i < k->n_in; i++)
        if (k->in[i].vid >= 0 && whet_storage_find_(p, p->storage_of[k->in[i].vid]) == s && !k->impl->inplace(k, o, i))
            return false;
    return true;
}

static void reuse_in_place(whet_plan *p, int step)
{
    const plan_step *s = &p->steps[step];
    const whet_cpu_node *k = &s->k;
    if (s->view || k->impl->inplace == NULL) return;
    for (int o = 0; o < k->n_out; o++) {
        if (k->out[o].vid < 0) continue;
        storage *to = &p->storages[p->storage_of[k->out[o].vid]];
        for (int i = 0; i < k->n_in && to->kind == IN_ARENA && to->merged < 0; i++) {
            if (k->in[i].vid < 0) continue;
            const int f = whet_storage_find_(p, p->storage_of[k->in[i].vid]);
            storage *from = &p->storages[f];
            if (from->kind != IN_ARENA || from->end != step || from->begin >= step || from->bytes != to->bytes) continue;
            if (from->taken == step || !all_inplace(p, k, o, f)) continue;
            to->merged = f;
            from->taken = step;
            from->end = WHET_MAX(to->end, step);
        }
    }
}

/* --- offsets */

typedef struct interval { int id, begin, end; size_t bytes; } interval;

static int by_size(const void *a, const void *b)
{
    const interval *x = a, *y = b;
    if (x->bytes != y->bytes) return x->bytes < y->bytes ? 1 : -1;
    return (x->id > y->id) - (x->id < y->id);
}

/* The smallest gap of at least `x->bytes` among the placed intervals that live at the same time; placed[] ascends by
 * offset. Returns the offset. */
static size_t best_gap(const whet_plan *p, const interval *x, const int *placed, int n)
{
    size_t best = SIZE_MAX, smallest = SIZE_MAX, top = 0;
    for (int i = 0; i < n; i++) {
        const storage *s = &p->storages[placed[i]];
        if (s->end < x->begin || s->begin > x->end) continue;
        if (s->offset > top && s->offset - top >= x->bytes && s->offset - top < smallest) {
            smallest = s->offset - top;
            best = top;
        }
        top = WHET_MAX(top, s->offset + WHET_ALIGN_UP(s->bytes, ARENA_ALIGN));
    }
    return best != SIZE_MAX ? best : top;
}

static whet_status place(whet_plan *p)
{
    whet_status status = WHET_ENOMEM;
    interval *list = whet_calloc(p->n_storages, sizeof *list);
    int *placed = whet_calloc(p->n_storages, sizeof *placed), n = 0;
    size_t total = 0;
    if (list == NULL || placed == NULL) goto done;
    for (size_t i = 0; i < p->n_storages; i++) {
        const storage *s = &p->storages[i];
        if (s->merged >= 0 || (s->kind != IN_ARENA && s->kind != IN_INPUT)) continue;
        list[n++] = (interval){(int)i, s->begin, s->end, WHET_ALIGN_UP(s->bytes, ARENA_ALIGN)};
    }
    qsort(list, (size_t)n, sizeof *list, by_size);
    for (int i = 0; i < n; i++) {
        storage *s = &p->storages[list[i].id];
        int at = i;
        s->offset = best_gap(p, &list[i], placed, i);
        while (at > 0 && p->storages[placed[at - 1]].offset > s->offset) {
            placed[at] = placed[at - 1];
            at--;
        }
        placed[at] = list[i].id;
        total = WHET_MAX(total, s->offset + list[i].bytes);
    }
    p->arena_bytes = total;
    status = WHET_OK;
done:
    whet_free(list);
    whet_free(placed);
    return status;
}

/* --- poison mode: what dies after each step */

static whet_status list_dead(whet_plan *p)
{
    for (int i = 0; i < p->n_steps; i++) {
        plan_step *s = &p->steps[i];
        for (int pass = 0; pass < 2; pass++) {
            s->n_dead = 0;
            for (size_t k = 0; k < p->n_storages; k++) {
                const storage *x = &p->storages[k];
                if (x->kind != IN_ARENA || x->merged >= 0 || x->end != i) continue;
                if (pass == 1) s->dead[s->n_dead] = (int)k;
                s->n_dead++;
            }
            if (pass == 0) s->dead = whet_calloc((size_t)s->n_dead, sizeof *s->dead);
            if (s->dead == NULL) return WHET_ENOMEM;
        }
    }
    return WHET_OK;
}

/* --- constants */

static bool read_as_it_is(const whet_plan *p, int s)
{
    for (int i = 0; i < p->n_steps; i++) {
        const whet_cpu_node *k = &p->steps[i].k;
        for (int a = 0; !p->steps[i].view && a < k->n_in; a++)
            if (k->in[a].vid >= 0 && p->storage_of[k->in[a].vid] == s && !k->in[a].packed) return true;
    }
    for (int i = 0; i < p->g->n_outputs; i++)
        if (p->storage_of[p->g->outputs[i]] == s) return true;
    for (int c = 0; c < p->n_commits; c++)
        if (p->commits[c].src == s) return true;
    return false;
}

/* Large constants that are views of a file get an aligned copy, unless every row reads a packed form of them. */
static whet_status align_views(whet_plan *p)
{
    for (size_t i = 0; i < p->n_storages; i++) {
        storage *s = &p->storages[i];
        if (s->kind != IN_CONST || (uintptr_t)s->data % ARENA_ALIGN == 0 || !read_as_it_is(p, (int)i)) continue;
        if (!WHET_GROW(&p->copies, p->n_copies, &p->cap_copies)) return WHET_ENOMEM;
        void *copy = whet_alloc_aligned(s->bytes, ARENA_ALIGN);
        if (copy == NULL) return WHET_ENOMEM;
        p->copies[p->n_copies++] = copy;
        memcpy(copy, s->data, s->bytes);
        whet_tensor_forget(&p->g->values[s->index].data);
        s->data = copy;
    }
    return WHET_OK;
}

/* --- pointers */

static void *address(const whet_plan *p, whet_vid v)
{
    return v >= 0 ? p->storages[whet_storage_find_(p, p->storage_of[v])].data : NULL;
}

void whet_plan_point_(whet_plan *p)
{
    for (int i = 0; i < p->n_steps; i++) {
        whet_cpu_node *k = &p->steps[i].k;
        for (int a = 0; a < k->n_in; a++) k->in[a].data = address(p, k->in[a].vid);
        for (int a = 0; a < k->n_out; a++) k->out[a].data = address(p, k->out[a].vid);
        k->workspace = p->steps[i].workspace >= 0 ? p->storages[p->steps[i].workspace].data : NULL;
    }
    for (int i = 0; i < p->g->n_inputs; i++) p->inputs[i].data = address(p, p->g->inputs[i]);
    for (int i = 0; i < p->g->n_outputs; i++)
        p->outputs[i].data = p->output_copy[i] >= 0 ? p->storages[p->output_copy[i]].data : address(p, p->g->outputs[i]);
}

whet_status whet_plan_layout_(whet_plan *p)
{
    p->storage_of = whet_calloc((size_t)p->g->n_values, sizeof *p->storage_of);
    if (p->storage_of == NULL) return WHET_ENOMEM;
    WHET_TRY(outer_storages(p));
    for (int i = 0; i < p->n_steps; i++) WHET_TRY(step_storages(p, i));
    find_last_uses(p);
    WHET_TRY(plan_commits(p));
    WHET_TRY(save_outputs(p));
    for (int i = 0; i < p->n_steps; i++) reuse_in_place(p, i);
    WHET_TRY(align_views(p));
    WHET_TRY(place(p));
    if (p->e->opt.poison) WHET_TRY(list_dead(p));
    p->arena = p->e->opt.dry ? whet_reserve_addresses(p->arena_bytes) : whet_alloc_aligned(p->arena_bytes, ARENA_ALIGN);
    if (p->arena == NULL) return WHET_ENOMEM;
    if (!p->e->opt.dry) memset(p->arena, p->e->opt.poison ? 0xff : 0, p->arena_bytes);
    for (size_t i = 0; i < p->n_storages; i++) {
        storage *s = &p->storages[i];
        if (s->kind == IN_ARENA || s->kind == IN_INPUT) s->data = p->arena + s->offset;
        if (s->kind == IN_VARIABLE) s->data = p->e->variables[s->index].data;
    }
    for (size_t i = 0; i < p->n_storages; i++) p->storages[i].data = p->storages[whet_storage_find_(p, (int)i)].data;
    whet_plan_point_(p);
    return WHET_OK;
}
