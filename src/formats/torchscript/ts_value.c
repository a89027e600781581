/* SPDX-License-Identifier: Apache-2.0 */
/* The evaluator's values: lists, names, tensors and what shares their bytes, sizes, errors with their place. */
#include <stdarg.h>
#include <stdio.h>

#include "formats/torchscript/ts_eval.h"

ts_value ts_none(void) { return (ts_value){.kind = TSV_NONE}; }
ts_value ts_bool(bool b) { return (ts_value){.kind = TSV_BOOL, .as.b = b}; }
ts_value ts_int(int64_t i) { return (ts_value){.kind = TSV_INT, .as.i = i}; }
ts_value ts_float(double f) { return (ts_value){.kind = TSV_FLOAT, .as.f = f}; }
ts_value ts_text(const char *s) { return (ts_value){.kind = TSV_TEXT, .as.s = s}; }

const char *ts_kind_name(ts_kind k)
{
    static const char *const names[] = {
        [TSV_UNSET] = "nothing", [TSV_NONE] = "None", [TSV_BOOL] = "a bool", [TSV_INT] = "an int", [TSV_FLOAT] = "a float",
        [TSV_TEXT] = "a string", [TSV_TENSOR] = "a tensor", [TSV_SIZE] = "a size", [TSV_COND] = "a condition", [TSV_LIST] = "a list",
        [TSV_TUPLE] = "a tuple", [TSV_DICT] = "a dictionary", [TSV_OBJECT] = "a module", [TSV_METHOD] = "a method", [TSV_PATH] = "a name"};
    return names[k];
}

whet_status ts_fail(ts_eval *e, whet_status s, const char *fmt, ...)
{
    char text[700] = "";
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    return e->frame ? ts_fail_at(e->frame->file, e->frame->line, s, "%s", text) : WHET_FAIL(s, "%s", text);
}

whet_status ts_at(ts_eval *e, whet_status s)
{
    char text[700] = "", node[160] = "";
    const whet_error *last = whet_error_last();
    if (s == WHET_OK || s == WHET_ENOMEM || e->restart || !e->frame) return s;
    snprintf(text, sizeof(text), "%s", last->text);
    snprintf(node, sizeof(node), "%s", last->node);
    ts_fail(e, s, "%s", text);
    if (*node) whet_error_at_node(node);
    return s;
}

/* --- lists and names */

whet_status ts_list_new(ts_eval *e, ts_kind kind, int cap, ts_value *out)
{
    ts_list *l = whet_arena_alloc(e->arena, sizeof(*l));
    if (!l) return WHET_ENOMEM;
    l->cap = cap > 4 ? cap : 4;
    e->steps += cap; /* long lists are work too */
    l->v = whet_arena_alloc(e->arena, (size_t)l->cap * sizeof(*l->v));
    *out = (ts_value){.kind = kind, .as.list = l};
    return l->v ? WHET_OK : WHET_ENOMEM;
}

whet_status ts_list_add(ts_eval *e, ts_list *l, ts_value v)
{
    if (l->n == l->cap) {
        e->steps += l->cap;
        if (l->cap > TS_MAX_STEPS || e->steps > TS_MAX_STEPS) return ts_fail(e, WHET_EFORMAT, "a list is too long");
        ts_value *more = whet_arena_alloc(e->arena, 2 * (size_t)l->cap * sizeof(*more));
        if (!more) return WHET_ENOMEM;
        memcpy(more, l->v, (size_t)l->n * sizeof(*more));
        l->v = more;
        l->cap *= 2;
    }
    l->v[l->n++] = v;
    return WHET_OK;
}

static int names_slot(const ts_names *n, const char *key)
{
    uint32_t h = 2166136261u; /* FNV-1a */
    for (const char *p = key; *p; p++) h = (h ^ (unsigned char)*p) * 16777619u;
    int i = (int)(h & (uint32_t)(n->cap - 1));
    while (n->keys[i] && strcmp(n->keys[i], key) != 0) i = (i + 1) & (n->cap - 1);
    return i;
}

ts_value *ts_names_find(const ts_names *n, const char *key)
{
    int i = n->cap ? names_slot(n, key) : 0;
    return n->cap && n->keys[i] ? &n->values[i] : NULL;
}

whet_status ts_names_set(ts_eval *e, ts_names *n, const char *key, ts_value v)
{
    if (2 * (n->n + 1) > n->cap) {
        ts_names more = {.cap = n->cap ? 2 * n->cap : 16};
        more.keys = whet_arena_alloc(e->arena, (size_t)more.cap * sizeof(*more.keys));
        more.values = whet_arena_alloc(e->arena, (size_t)more.cap * sizeof(*more.values));
        if (!more.keys || !more.values) return WHET_ENOMEM;
        for (int i = 0; i < n->cap; i++) {
            if (!n->keys[i]) continue;
            int k = names_slot(&more, n->keys[i]);
            more.keys[k] = n->keys[i];
            more.values[k] = n->values[i];
        }
        more.n = n->n;
        *n = more;
    }
    int i = names_slot(n, key);
    n->n += n->keys[i] == NULL;
    n->keys[i] = key;
    n->values[i] = v;
    return WHET_OK;
}

/* --- tensors */

static whet_status new_cell(ts_eval *e, whet_vid v, ts_base *base, ts_value *out)
{
    ts_cell *c = whet_arena_alloc(e->arena, sizeof(*c));
    if (!c) return WHET_ENOMEM;
    *c = (ts_cell){.vid = v, .base = base, .version = base->version};
    *out = (ts_value){.kind = TSV_TENSOR, .as.cell = c};
    return WHET_OK;
}

whet_status ts_tensor_new(ts_eval *e, whet_vid v, ts_value *out)
{
    ts_base *base = whet_arena_alloc(e->arena, sizeof(*base));
    return base ? new_cell(e, v, base, out) : WHET_ENOMEM;
}

whet_status ts_tensor_view(ts_eval *e, const ts_cell *of, whet_vid v, ts_value *out) { return new_cell(e, v, of->base, out); }

static whet_status weight_vid(ts_eval *e, ts_cell *c)
{
    const ts_weight *w = c->weight;
    bool variable = e->variables && w->variable && whet_dtype_is_float(w->data.dtype) && w->data.shape.rank > 0;
    return variable ? whet_graph_variable(e->g, w->path, &w->data, w->parameter, &c->vid) :
                      whet_graph_const(e->g, w->path, &w->data, &c->vid);
}

whet_status ts_tensor_vid(ts_eval *e, const ts_value *v, whet_vid *out)
{
    ts_cell *c = v->as.cell;
    if (v->kind != TSV_TENSOR) return ts_fail(e, WHET_EUNSUPPORTED, "%s stands where a tensor is expected", ts_kind_name(v->kind));
    if (c->version != c->base->version)
        return ts_fail(e, WHET_EUNSUPPORTED, "a tensor is read whose bytes were changed in place through another view of them");
    if (c->vid == WHET_NO_VALUE && c->weight) WHET_TRY(weight_vid(e, c));
    *out = c->vid;
    return WHET_OK;
}

static const whet_tensor *one_element(const ts_value *v)
{
    const ts_weight *w = v->kind == TSV_TENSOR ? v->as.cell->weight : NULL;
    return w && v->as.cell->version == 0 && w->base.version == 0 && whet_tensor_numel(&w->data) == 1 && w->data.shape.rank == 0 ? &w->data : NULL;
}

bool ts_whole(const ts_value *v, int64_t *out)
{
    const whet_tensor *t = one_element(v);
    if (v->kind == TSV_BOOL) *out = v->as.b;
    else if (v->kind == TSV_INT) *out = v->as.i;
    else if (t && (whet_dtype_is_int(t->dtype) || t->dtype == WHET_BOOL)) *out = whet_tensor_get_s64(t, 0);
    else return false;
    return true;
}

bool ts_number(const ts_value *v, double *out)
{
    int64_t i = 0;
    const whet_tensor *t = one_element(v);
    if (v->kind == TSV_FLOAT) *out = v->as.f;
    else if (ts_whole(v, &i)) *out = (double)i;
    else if (t) *out = whet_tensor_get_f64(t, 0);
    else return false;
    return true;
}

bool ts_truth(const ts_value *v, bool *out)
{
    double x = 0;
    if (!ts_number(v, &x)) return false;
    *out = x != 0;
    return true;
}

/* --- sizes */

whet_status ts_size_vid(ts_eval *e, const ts_value *v, whet_vid *out)
{
    int64_t i = 0;
    if (v->kind == TSV_SIZE) {
        *out = v->as.size;
        return WHET_OK;
    }
    if (!ts_whole(v, &i)) return ts_fail(e, WHET_EUNSUPPORTED, "%s stands where a size is expected", ts_kind_name(v->kind));
    return whet_graph_const_s64(e->g, NULL, 1, &i, out);
}

ts_value ts_size_value(const ts_eval *e, whet_vid v)
{
    const whet_value *x = &e->g->values[v];
    const whet_tensor *t = whet_graph_const_data(e->g, v);
    if (t && whet_tensor_numel(t) == 1) return ts_int(whet_tensor_get_s64(t, 0));
    if (x->n_known == 1 && x->known[0] >= 0) return ts_int(x->known[0]);
    return (ts_value){.kind = TSV_SIZE, .as.size = v};
}

/* --- what is learnt of the inputs */

static ts_input *input_of(ts_eval *e, whet_vid v)
{
    for (int i = 0; i < e->n_inputs; i++)
        if (e->inputs[i].vid == v) return &e->inputs[i];
    return NULL;
}

bool ts_learn(ts_eval *e, whet_vid v, int axis, int64_t size)
{
    /* Elementwise operators in front (a normalisation of the picture) keep the dimension. */
    for (int hop = 0; hop < 16 && e->g->values[v].producer != WHET_NO_NODE; hop++) {
        const whet_node *n = &e->g->nodes[e->g->values[v].producer];
        static const char *const same[] = {"Sub", "Div", "Mul", "Add", "Identity", "Cast", "Clip"};
        bool ok = false;
        for (size_t i = 0; i < WHET_COUNT(same); i++) ok |= whet_node_is(n, same[i]);
        if (!ok) return false;
        v = n->in[0];
    }
    ts_input *in = input_of(e, v);
    if (!in || size < 0 || axis < 0 || axis >= in->dims.rank || in->dims.dims[axis] >= 0) return false;
    in->dims.dims[axis] = size;
    e->restart = true;
    return true;
}

bool ts_learn_size(ts_eval *e, whet_vid size, int64_t number)
{
    const whet_value *v = &e->g->values[size];
    if (v->producer == WHET_NO_NODE || !whet_node_is(&e->g->nodes[v->producer], "Shape")) return false;
    const whet_node *n = &e->g->nodes[v->producer];
    ts_input *in = input_of(e, n->in[0]);
    return in && ts_learn(e, in->vid, (int)whet_node_int(n, "start", 0), number);
}
