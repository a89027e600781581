/* SPDX-License-Identifier: Apache-2.0 */
/* Shapes that are computed in the graph: lists of whole numbers as source text instead of tensors. */
#include <stdio.h>

#include "formats/torchscript/ts_writer.h"

enum { MAX_SIZES = 64 };
static const ts_size_list no_list = {.n = -1};

static ts_size_list new_list(ts_writer *w, int n)
{
    ts_size_list l = {.n = n, .items = whet_arena_alloc(w->arena, ((size_t)n + 1) * sizeof(*l.items))};
    if (l.items) return l;
    w->failed = true;
    return no_list;
}

ts_size_list ts_sizes_of(ts_writer *w, whet_vid v)
{
    const whet_tensor *t = v >= 0 ? whet_graph_const_data(w->g, v) : NULL;
    if (v < 0) return no_list;
    if (w->sizes[v].n >= 0 || !t || !whet_dtype_is_int(t->dtype) || t->shape.rank > 1 || whet_tensor_numel(t) > MAX_SIZES) return w->sizes[v];
    ts_size_list l = new_list(w, (int)whet_tensor_numel(t));
    for (int i = 0; i < l.n; i++) l.items[i] = ts_text_of(w, "%lld", (long long)whet_tensor_get_s64(t, i));
    return w->sizes[v] = l;
}

static bool shape(ts_writer *w, const whet_node *n, ts_size_list *out)
{
    const whet_dims *d = ts_dims_of(w, n->in[0]);
    int64_t from = whet_node_int(n, "start", 0), to = whet_node_int(n, "end", INT64_MAX);
    if (d->rank < 0) return false;
    if (from < 0) from += d->rank;
    if (to < 0) to += d->rank;
    from = WHET_MAX(from, 0);
    to = WHET_MIN(to, d->rank);
    *out = new_list(w, (int)WHET_MAX(to - from, 0));
    for (int i = 0; i < out->n; i++) {
        int64_t size = d->dims[from + i];
        out->items[i] = size >= 0 ? ts_text_of(w, "%lld", (long long)size) :
                                    ts_text_of(w, "torch.size(%s, %lld)", ts_tensor(w, n->in[0]), (long long)(from + i));
    }
    return true;
}

static bool gather(ts_writer *w, const whet_node *n, ts_size_list *out)
{
    ts_size_list x = ts_sizes_of(w, n->in[0]);
    int64_t at[MAX_SIZES];
    int k = 0;
    if (x.n < 0 || !ts_const_ints(w, n->in[1], MAX_SIZES, at, &k)) return false;
    *out = new_list(w, k);
    for (int i = 0; i < out->n; i++) {
        int64_t p = at[i] < 0 ? at[i] + x.n : at[i];
        if (p < 0 || p >= x.n) return false;
        out->items[i] = x.items[p];
    }
    return true;
}

static bool slice(ts_writer *w, const whet_node *n, ts_size_list *out)
{
    ts_size_list x = ts_sizes_of(w, n->in[0]);
    int64_t from = 0, to = 0, step = 1;
    int k = 0;
    if (x.n < 0 || !ts_const_ints(w, n->in[1], 1, &from, &k) || !ts_const_ints(w, n->in[2], 1, &to, &k)) return false;
    if (ts_has(n, 4) && (!ts_const_ints(w, n->in[4], 1, &step, &k) || step != 1)) return false;
    if (from < 0) from += x.n;
    if (to < 0) to += x.n;
    from = WHET_MIN(WHET_MAX(from, 0), x.n);
    to = WHET_MIN(WHET_MAX(to, from), x.n);
    *out = (ts_size_list){.n = (int)(to - from), .items = x.items + from};
    return true;
}

static bool concat(ts_writer *w, const whet_node *n, ts_size_list *out)
{
    int total = 0;
    for (int i = 0; i < n->n_in; i++) {
        ts_size_list x = ts_sizes_of(w, n->in[i]);
        if (x.n < 0 || total + x.n > MAX_SIZES) return false;
        total += x.n;
    }
    *out = new_list(w, total);
    for (int i = 0, k = 0; i < n->n_in && out->n >= 0; i++) {
        ts_size_list x = ts_sizes_of(w, n->in[i]);
        for (int j = 0; j < x.n; j++) out->items[k++] = x.items[j];
    }
    return true;
}

static bool literal(const char *s, int64_t *x)
{
    char *stop = NULL;
    *x = strtoll(s, &stop, 10);
    return stop != s && *stop == '\0' && *x > INT32_MIN && *x < INT32_MAX;
}

/* op[0]: add, sub, mul, floordiv */
static const char *combine(ts_writer *w, const char *op, const char *a, const char *b)
{
    int64_t x = 0, y = 0;
    if (!literal(a, &x) || !literal(b, &y) || (*op == 'f' && (x < 0 || y <= 0))) return ts_text_of(w, "torch.%s(%s, %s)", op, a, b);
    return ts_text_of(w, "%lld", (long long)(*op == 'a' ? x + y : *op == 's' ? x - y : *op == 'm' ? x * y : x / y));
}

static bool arith(ts_writer *w, const whet_node *n, ts_size_list *out)
{
    static const struct { const char *op, *torch; } ops[] = {{"Add", "add"}, {"Sub", "sub"}, {"Mul", "mul"}, {"Div", "floordiv"}};
    ts_size_list a = ts_sizes_of(w, n->in[0]), b = ts_sizes_of(w, n->in[1]);
    if (a.n < 1 || b.n < 1 || (a.n != b.n && a.n != 1 && b.n != 1)) return false;
    for (size_t i = 0; i < WHET_COUNT(ops); i++) {
        if (!whet_node_is(n, ops[i].op)) continue;
        *out = new_list(w, WHET_MAX(a.n, b.n));
        for (int k = 0; k < out->n; k++)
            out->items[k] = combine(w, ops[i].torch, a.items[a.n == 1 ? 0 : k], b.items[b.n == 1 ? 0 : k]);
        return true;
    }
    return false;
}

/* What exporters make of expand(-1, ...): Where(Equal(sizes, -1), ones, sizes). */
static bool constant_of_shape(ts_writer *w, const whet_node *n, ts_size_list *out)
{
    const whet_attr *value = whet_node_attr(n, "value");
    int64_t size = 0;
    int k = 0;
    if (ts_sizes_of(w, n->in[0]).n != 1 || sscanf(ts_sizes_of(w, n->in[0]).items[0], "%d", &k) != 1 || k < 0 || k > MAX_SIZES) return false;
    if (value) size = whet_tensor_get_s64(&value->t, 0);
    *out = new_list(w, k);
    for (int i = 0; i < out->n; i++) out->items[i] = ts_text_of(w, "%lld", (long long)size);
    return true;
}

/* Literals compare by their text; a computed size is at least 0. */
static bool equal(ts_writer *w, const whet_node *n, ts_size_list *out)
{
    ts_size_list a = ts_sizes_of(w, n->in[0]), b = ts_sizes_of(w, n->in[1]);
    if (a.n < 1 || b.n < 1 || (a.n != b.n && a.n != 1 && b.n != 1)) return false;
    *out = new_list(w, WHET_MAX(a.n, b.n));
    for (int i = 0; i < out->n; i++) {
        const char *x = a.items[a.n == 1 ? 0 : i], *y = b.items[b.n == 1 ? 0 : i];
        bool literals = strncmp(x, "torch.", 6) != 0 && strncmp(y, "torch.", 6) != 0;
        if (!literals && *x != '-' && *y != '-') return false;
        out->items[i] = literals && strcmp(x, y) == 0 ? "1" : "0";
    }
    return true;
}

static bool where(ts_writer *w, const whet_node *n, ts_size_list *out)
{
    ts_size_list c = ts_sizes_of(w, n->in[0]), a = ts_sizes_of(w, n->in[1]), b = ts_sizes_of(w, n->in[2]);
    if (c.n < 1 || a.n != c.n || b.n != c.n) return false;
    *out = new_list(w, c.n);
    for (int i = 0; i < out->n; i++) out->items[i] = strcmp(c.items[i], "1") == 0 ? a.items[i] : b.items[i];
    return true;
}

/* A number, or the symbol of a dimension of an input; NULL if neither. */
static const char *dim_text(ts_writer *w, whet_dim d)
{
    if (d >= 0) return ts_text_of(w, "%lld", (long long)d);
    for (int k = 0; k < w->g->n_inputs && d < WHET_DIM_UNKNOWN; k++) {
        const whet_dims *x = ts_dims_of(w, w->g->inputs[k]);
        for (int axis = 0; axis < x->rank; axis++)
            if (x->dims[axis] == d) return ts_text_of(w, "torch.size(%s, %d)", ts_tensor(w, w->g->inputs[k]), axis);
    }
    return NULL;
}

static bool list_of(ts_writer *w, int n, const whet_dim *d, ts_size_list *out)
{
    *out = n >= 0 ? new_list(w, n) : no_list;
    for (int i = 0; i < out->n; i++)
        if (!(out->items[i] = dim_text(w, d[i]))) return false;
    return out->n >= 0;
}

ts_size_list ts_sizes_or_dims(ts_writer *w, const whet_node *n, int i)
{
    ts_size_list l = ts_sizes_of(w, n->in[i]);
    const whet_dims *d = ts_dims_of(w, n->out[0]);
    if (l.n >= 0 || list_of(w, d->rank, d->dims, &l)) return l;
    return no_list;
}

bool ts_sizes_follow(ts_writer *w, const whet_node *n)
{
    static const char *const same[] = {"Unsqueeze", "Squeeze", "Cast", "Identity", "Reshape"};
    const whet_value *y = n->n_out >= 1 && n->out[0] >= 0 ? &w->g->values[n->out[0]] : NULL;
    ts_size_list l = no_list;
    bool ok = false;
    if (!y || n->n_out != 1 || (!whet_dtype_is_int(y->dtype) && y->dtype != WHET_BOOL) || y->dims.rank < 0 || y->dims.rank > 1) return false;
    if (whet_node_is(n, "Shape")) ok = shape(w, n, &l);
    else if (list_of(w, y->n_known, y->known, &l)) ok = true;
    else if (whet_node_is(n, "Gather")) ok = gather(w, n, &l);
    else if (whet_node_is(n, "Slice")) ok = slice(w, n, &l);
    else if (whet_node_is(n, "Concat")) ok = concat(w, n, &l);
    else if (whet_node_is(n, "ConstantOfShape")) ok = constant_of_shape(w, n, &l);
    else if (whet_node_is(n, "Equal")) ok = equal(w, n, &l);
    else if (whet_node_is(n, "Where")) ok = where(w, n, &l);
    else if (n->n_in == 2) ok = arith(w, n, &l);
    for (size_t i = 0; i < WHET_COUNT(same) && !ok; i++)
        if (whet_node_is(n, same[i])) {
            l = ts_sizes_of(w, n->in[0]);
            ok = l.n >= 0;
        }
    if (ok) w->sizes[n->out[0]] = l;
    return ok && l.n >= 0;
}
