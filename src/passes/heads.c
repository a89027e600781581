/* SPDX-License-Identifier: Apache-2.0 */
/* Strided views through chains of moving nodes: see heads.h. */
#include "passes/heads.h"

#include "passes/match.h"

enum { MAX_STEPS = 16 };

static bool push(whet_view *v, whet_dim size, int64_t step)
{
    if (size == 1) return true;
    if (v->n > v->first[v->rank]) { /* joins the factor before it on this axis? */
        whet_view_factor *last = &v->factor[v->n - 1];
        if (last->size > 0 && size > 0 && last->step == size * step) {
            *last = (whet_view_factor){last->size * size, step};
            return true;
        }
    }
    if (v->n == WHET_VIEW_FACTORS) return false;
    v->factor[v->n++] = (whet_view_factor){size, step};
    return true;
}

static void begin(whet_view *to, const whet_view *from)
{
    *to = (whet_view){.source = from->source, .scale = from->scale, .offset = from->offset};
}

static bool end_axis(whet_view *v)
{
    if (v->rank == WHET_MAX_RANK) return false;
    v->first[++v->rank] = v->n;
    return true;
}

static bool copy_axis(whet_view *to, const whet_view *from, int axis)
{
    for (int f = from->first[axis]; f < from->first[axis + 1]; f++)
        if (!push(to, from->factor[f].size, from->factor[f].step)) return false;
    return end_axis(to);
}

static bool transpose(whet_view *v, const whet_node *n)
{
    int64_t perm[WHET_MAX_RANK];
    whet_view to;
    const int count = whet_node_ints(n, "perm", perm, WHET_MAX_RANK);
    begin(&to, v);
    for (int i = 0; i < v->rank; i++)
        if (!copy_axis(&to, v, count == v->rank ? (int)perm[i] : v->rank - 1 - i)) return false;
    *v = to;
    return true;
}

/* The factors from fast to slow are dealt out to the new axes from last to first; the first axis takes what is left. */
static bool reshape(whet_view *v, const whet_dims *d)
{
    whet_view_factor left[WHET_VIEW_FACTORS], out[WHET_VIEW_FACTORS * 2];
    int n_left = v->n, n_out = 0, axis_of[WHET_VIEW_FACTORS * 2];
    whet_view to;
    if (d->rank < 1) return false;
    for (int i = 0; i < v->n; i++) left[i] = v->factor[i];
    for (int axis = d->rank - 1; axis > 0; axis--) {
        whet_dim need = d->dims[axis];
        if (need < 1) return false;
        while (need > 1) {
            if (n_left == 0 || n_out == WHET_VIEW_FACTORS) return false;
            whet_view_factor *f = &left[n_left - 1];
            if (f->size < 1) return false;
            const whet_dim take = f->size <= need ? f->size : need;
            if (need % take != 0 || f->size % take != 0) return false;
            axis_of[n_out] = axis;
            out[n_out++] = (whet_view_factor){take, f->step};
            need /= take;
            f->step *= take;
            f->size /= take;
            if (f->size == 1) n_left--;
        }
    }
    begin(&to, v);
    for (int i = 0; i < n_left; i++)
        if (!push(&to, left[i].size, left[i].step)) return false;
    if (!end_axis(&to)) return false;
    for (int axis = 1; axis < d->rank; axis++) {
        for (int i = n_out - 1; i >= 0; i--)
            if (axis_of[i] == axis && !push(&to, out[i].size, out[i].step)) return false;
        if (!end_axis(&to)) return false;
    }
    *v = to;
    return true;
}

/* Keeps [begin, begin + count) of an axis that is a single factor. */
static bool cut(whet_view *v, int axis, int64_t begin_at, int64_t count)
{
    whet_view to;
    if (v->first[axis + 1] - v->first[axis] != 1) return v->first[axis + 1] == v->first[axis] && begin_at == 0 && count == 1;
    const whet_view_factor f = v->factor[v->first[axis]];
    if (f.size < 1 || begin_at < 0 || count < 1 || begin_at + count > f.size) return false;
    begin(&to, v);
    to.offset += begin_at * f.step;
    for (int i = 0; i < v->rank; i++) {
        if (i != axis) {
            if (!copy_axis(&to, v, i)) return false;
        } else if (!push(&to, count, f.step) || !end_axis(&to)) {
            return false;
        }
    }
    *v = to;
    return true;
}

static bool slice(whet_view *v, const whet_graph *g, const whet_node *n)
{
    int64_t start = 0, stop = 0, axis = 0, step = 1;
    if (n->n_in < 4 || whet_match_ints(g, n->in[1], &start, 1) != 1 || whet_match_ints(g, n->in[2], &stop, 1) != 1 ||
        whet_match_ints(g, n->in[3], &axis, 1) != 1)
        return false;
    if (n->n_in > 4 && n->in[4] >= 0 && (whet_match_ints(g, n->in[4], &step, 1) != 1 || step != 1)) return false;
    if (axis < 0) axis += v->rank;
    const whet_dims *x = &g->values[n->in[0]].dims, *y = &g->values[n->out[0]].dims;
    if (axis < 0 || axis >= v->rank || x->dims[axis] < 0 || y->rank != v->rank || y->dims[axis] < 1) return false;
    if (start < 0) start += x->dims[axis];
    return cut(v, (int)axis, start, y->dims[axis]);
}

static bool split(whet_view *v, const whet_graph *g, const whet_node *n, whet_vid result)
{
    int64_t axis = whet_node_int(n, "axis", 0), at = 0;
    if (axis < 0) axis += v->rank;
    for (int o = 0; o < n->n_out; o++) {
        if (n->out[o] < 0) return false;
        const whet_dims *y = &g->values[n->out[o]].dims;
        if (axis < 0 || axis >= v->rank || y->rank != v->rank || y->dims[axis] < 1) return false;
        if (n->out[o] == result) return cut(v, (int)axis, at, y->dims[axis]);
        at += y->dims[axis];
    }
    return false;
}

/* The index of a Gather that takes one element of an axis, which goes. */
static bool gather(whet_view *v, const whet_graph *g, const whet_node *n)
{
    int64_t axis = whet_node_int(n, "axis", 0), index = 0;
    if (whet_match_ints(g, n->in[1], &index, 1) != 1 || g->values[n->in[1]].dims.rank != 0) return false;
    const whet_dims *x = &g->values[n->in[0]].dims;
    if (axis < 0) axis += v->rank;
    if (axis < 0 || axis >= v->rank || x->dims[axis] < 1) return false;
    return cut(v, (int)axis, index < 0 ? index + x->dims[axis] : index, 1) && reshape(v, &g->values[n->out[0]].dims);
}

static bool is_move(const whet_node *n)
{
    static const char *const ops[] = {"Reshape", "Transpose", "Slice", "Split", "Squeeze", "Unsqueeze", "Flatten", "Identity", "Gather"};
    for (size_t i = 0; i < WHET_COUNT(ops); i++)
        if (whet_node_is(n, ops[i])) return true;
    return false;
}

static bool scaling(const whet_graph *g, const whet_node *n, whet_vid *x, double *c)
{
    const bool div = whet_node_is(n, "Div");
    if (!div && !whet_node_is(n, "Mul")) return false;
    for (int i = div ? 1 : 0; i < 2; i++) {
        if (!whet_match_scalar(g, n->in[i], c) || !whet_match_dims(&g->values[n->in[1 - i]].dims, &g->values[n->out[0]].dims)) continue;
        *x = n->in[1 - i];
        if (div) *c = 1 / *c;
        return true;
    }
    return false;
}

static bool apply(whet_view *v, const whet_graph *g, const whet_node *n, whet_vid result)
{
    if (whet_node_is(n, "Identity")) return true;
    if (whet_node_is(n, "Transpose")) return transpose(v, n);
    if (whet_node_is(n, "Slice")) return slice(v, g, n);
    if (whet_node_is(n, "Split")) return split(v, g, n, result);
    if (whet_node_is(n, "Gather")) return gather(v, g, n);
    return reshape(v, &g->values[result].dims);
}

bool whet_view_trace(whet_graph *g, whet_vid v, whet_view *view)
{
    whet_vid path[MAX_STEPS];
    int n = 0;
    double scale = 1, c = 0, behind[MAX_STEPS]; /* behind: scale between path[i] and v */
    whet_vid at = v, x = WHET_NO_VALUE;
    for (;;) {
        const whet_nid id = whet_match_producer(g, at, NULL, 0);
        if (id == WHET_NO_NODE) break;
        if (scaling(g, &g->nodes[id], &x, &c)) {
            scale *= c;
            at = x;
        } else if (is_move(&g->nodes[id]) && n < MAX_STEPS) {
            behind[n] = scale;
            path[n++] = at;
            at = g->nodes[id].in[0];
        } else {
            break;
        }
    }
    while (n > 0 && g->values[at].dims.rank != 3) { /* too far up: a linear layer's rows, say */
        at = path[--n];
        scale = behind[n];
    }
    const whet_dims *d = &g->values[at].dims;
    if (d->rank != 3 || d->dims[1] < 1 || d->dims[2] < 1 || d->dims[1] > INT32_MAX || d->dims[2] > INT32_MAX) return false;
    *view = (whet_view){.source = at, .scale = scale};
    const int64_t steps[3] = {d->dims[1] * d->dims[2], d->dims[2], 1};
    for (int i = 0; i < 3; i++)
        if (!push(view, d->dims[i], steps[i]) || !end_axis(view)) return false;
    while (n-- > 0)
        if (!apply(view, g, &g->nodes[g->values[path[n]].producer], path[n])) return false;
    return true;
}

bool whet_view_axis_is(const whet_view *view, int i, whet_dim size, int64_t step)
{
    const int count = view->first[i + 1] - view->first[i];
    if (count == 0) return size == 1 || size == WHET_DIM_UNKNOWN;
    if (count != 1 || view->factor[view->first[i]].step != step) return false;
    return size == WHET_DIM_UNKNOWN || view->factor[view->first[i]].size == size;
}
