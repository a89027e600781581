/* SPDX-License-Identifier: Apache-2.0 */
/* softmax(c q k^T [+ mask]) v on heads that Reshape, Transpose, Split and the like cut out of [n, positions, columns] becomes
 * whet.FusedAttention, which reads and writes that order itself; whatever path the exporter chose, it must amount to the view
 * that the operator takes (heads.h). Three products of one input that feed q, k and v become one product. */
#include "passes/heads.h"
#include "passes/match.h"
#include "passes/passes.h"

typedef struct attention {
    whet_vid out, last, mask; /* out: [n, heads, positions, size]; last: what is replaced, [n, positions, heads, size] */
    whet_view q, k, v;
    whet_dim heads, lq, lk, dim, value;
    double scale;
} attention;

/* v = c * MatMul(...), none of it read by others. */
static whet_nid scores(whet_graph *g, whet_vid v, double *c)
{
    whet_product p;
    if (whet_match_producer(g, v, NULL, 1) == WHET_NO_NODE || !whet_match_product(g, v, &p) || p.n != 1) return WHET_NO_NODE;
    *c = p.c;
    return whet_match_producer(g, p.factor[0], "MatMul", 1);
}

static bool is_view(const whet_view *v, whet_dim heads, whet_dim rows, whet_dim size, int row_axis, const whet_graph *g)
{
    const whet_dim *d = g->values[v->source].dims.dims;
    return v->rank == 4 && v->offset < d[2] && d[1] == rows && whet_view_axis_is(v, 0, d[0], d[1] * d[2]) && whet_view_axis_is(v, 1, heads, size) &&
           whet_view_axis_is(v, row_axis, rows, d[2]) && whet_view_axis_is(v, 5 - row_axis, size, 1);
}

static bool find(whet_graph *g, const whet_node *softmax, attention *a)
{
    static const int64_t perm[4] = {0, 2, 1, 3};
    const whet_vid x = softmax->in[0];
    const int64_t axis = whet_node_int(softmax, "axis", -1);
    if (g->values[x].dims.rank != 4 || (axis != -1 && axis != 3)) return false;
    a->mask = WHET_NO_VALUE;
    whet_nid product = scores(g, x, &a->scale);
    const whet_nid add = whet_match_producer(g, x, "Add", 1);
    for (int i = 0; i < 2 && product == WHET_NO_NODE && add != WHET_NO_NODE; i++) {
        product = scores(g, g->nodes[add].in[i], &a->scale);
        a->mask = g->nodes[add].in[1 - i];
        if (!whet_match_dims(&g->values[g->nodes[add].in[i]].dims, &g->values[x].dims)) product = WHET_NO_NODE;
    }
    const whet_nid weighted = whet_match_user_is(g, softmax->out[0], "MatMul");
    if (product == WHET_NO_NODE || weighted == WHET_NO_NODE || g->nodes[weighted].in[0] != softmax->out[0]) return false;
    const whet_vid q = g->nodes[product].in[0], k = g->nodes[product].in[1], v = g->nodes[weighted].in[1];
    const whet_dims *dq = &g->values[q].dims, *dv = &g->values[v].dims;
    if (dq->rank != 4 || dv->rank != 4 || dq->dims[1] < 1 || dq->dims[2] < 1 || dq->dims[3] < 1 || dv->dims[2] < 1 || dv->dims[3] < 1) return false;
    a->heads = dq->dims[1];
    a->lq = dq->dims[2];
    a->dim = dq->dims[3];
    a->lk = dv->dims[2];
    a->value = dv->dims[3];
    if (!whet_view_trace(g, q, &a->q) || !whet_view_trace(g, k, &a->k) || !whet_view_trace(g, v, &a->v)) return false;
    if (!is_view(&a->q, a->heads, a->lq, a->dim, 2, g) || !is_view(&a->k, a->heads, a->lk, a->dim, 3, g) || !is_view(&a->v, a->heads, a->lk, a->value, 2, g))
        return false;
    const whet_dim n = g->values[a->q.source].dims.dims[0]; /* the operator does not broadcast images */
    if (g->values[a->k.source].dims.dims[0] != n || g->values[a->v.source].dims.dims[0] != n) return false;
    a->scale *= a->q.scale * a->k.scale;
    a->out = g->nodes[weighted].out[0];
    const whet_nid turn = whet_match_user(g, a->out);
    if (turn == WHET_NO_NODE || a->v.scale != 1 || !whet_match_perm(&g->nodes[turn], 4, perm)) return false;
    a->last = g->nodes[turn].out[0];
    return true;
}

/* --- one product for q, k and v */

typedef struct source {
    whet_vid x;
    const whet_tensor *w, *b; /* b NULL: none */
} source;

static bool read_source(whet_graph *g, whet_vid v, source *s)
{
    whet_nid id = whet_match_producer(g, v, "Add", 1);
    s->b = NULL;
    if (id != WHET_NO_NODE) {
        const whet_node *add = &g->nodes[id];
        const int i = whet_graph_const_data(g, add->in[0]) != NULL ? 0 : 1;
        s->b = whet_graph_const_data(g, add->in[i]);
        v = add->in[1 - i];
        if (s->b == NULL || s->b->shape.rank != 1) return false;
    }
    id = whet_match_producer(g, v, "MatMul", 1);
    if (id == WHET_NO_NODE) return false;
    s->x = g->nodes[id].in[0];
    s->w = whet_graph_const_data(g, g->nodes[id].in[1]);
    return s->w != NULL && s->w->shape.rank == 2 && s->w->dtype == WHET_F32 && (s->b == NULL || (s->b->dtype == WHET_F32 && s->b->shape.dims[0] == s->w->shape.dims[1]));
}

static whet_status join(whet_graph *g, const source *s, whet_vid *out)
{
    const int64_t rows = s[0].w->shape.dims[0], columns = s[0].w->shape.dims[1] + s[1].w->shape.dims[1] + s[2].w->shape.dims[1];
    whet_tensor w = {0}, b = {0};
    whet_vid vw = WHET_NO_VALUE, vb = WHET_NO_VALUE;
    whet_status status = whet_tensor_alloc(&w, WHET_F32, &(whet_shape){.rank = 2, .dims = {rows, columns}});
    if (status == WHET_OK) status = whet_tensor_alloc(&b, WHET_F32, &(whet_shape){.rank = 1, .dims = {columns}});
    int64_t at = 0;
    for (int i = 0; status == WHET_OK && i < 3; i++) {
        const int64_t n = s[i].w->shape.dims[1];
        for (int64_t r = 0; r < rows; r++)
            memcpy((float *)w.data + r * columns + at, (const char *)s[i].w->data + (size_t)(r * n) * sizeof(float), (size_t)n * sizeof(float));
        whet_tensor_forget(s[i].w);
        if (s[i].b != NULL) memcpy((float *)b.data + at, s[i].b->data, (size_t)n * sizeof(float));
        else memset((float *)b.data + at, 0, (size_t)n * sizeof(float));
        at += n;
    }
    const whet_vid x = s[0].x;
    if (status == WHET_OK) status = whet_graph_const(g, "qkv.weight", &w, &vw);
    if (status == WHET_OK) status = whet_graph_const(g, "qkv.bias", &b, &vb);
    if (status == WHET_OK) status = whet_graph_op1(g, "MatMul", WHET_IN(x, vw), WHET_NO_ATTRS, out);
    if (status == WHET_OK) status = whet_graph_op1(g, "Add", WHET_IN(*out, vb), WHET_NO_ATTRS, out);
    whet_tensor_dispose(&w);
    whet_tensor_dispose(&b);
    return status;
}

static whet_status join_sources(whet_graph *g, attention *a)
{
    whet_view *const views[3] = {&a->q, &a->k, &a->v};
    source s[3];
    whet_vid all = WHET_NO_VALUE;
    int64_t at = 0, columns[3];
    for (int i = 0; i < 3; i++) {
        if (!read_source(g, views[i]->source, &s[i])) return WHET_OK;
        columns[i] = s[i].w->shape.dims[1];
        if (s[i].x != s[0].x || s[i].w->shape.dims[0] != s[0].w->shape.dims[0]) return WHET_OK;
        for (int k = 0; k < i; k++)
            if (views[k]->source == views[i]->source) return WHET_OK;
    }
    WHET_TRY(join(g, s, &all));
    for (int i = 0; i < 3; i++) {
        views[i]->source = all;
        views[i]->offset += at;
        at += columns[i];
    }
    return WHET_OK;
}

static whet_status rewrite(whet_graph *g, attention *a, const char *name)
{
    whet_vid y = WHET_NO_VALUE, shape = WHET_NO_VALUE;
    const int64_t apart[4] = {0, 0, a->heads, a->value};
    WHET_TRY(join_sources(g, a));
    const whet_vid in[4] = {a->q.source, a->k.source, a->v.source, a->mask};
    WHET_TRY(whet_graph_node(g, "whet.FusedAttention", name, a->mask != WHET_NO_VALUE ? 4 : 3, in,
                             WHET_ATTRS(whet_attr_int("heads", a->heads), whet_attr_int("head_dim", a->dim), whet_attr_int("value_dim", a->value),
                                        whet_attr_int("q_offset", a->q.offset), whet_attr_int("k_offset", a->k.offset),
                                        whet_attr_int("v_offset", a->v.offset), whet_attr_float("scale", (float)a->scale)),
                             1, NULL, &y));
    /* the usual reader joins the heads again: then y itself is its result */
    const whet_nid user = whet_match_user_is(g, a->last, "Reshape");
    if (user != WHET_NO_NODE && whet_match_dims(&g->values[g->nodes[user].out[0]].dims, &g->values[y].dims)) {
        whet_graph_replace_uses(g, g->nodes[user].out[0], y);
        return WHET_OK;
    }
    WHET_TRY(whet_graph_const_s64(g, NULL, 4, apart, &shape));
    WHET_TRY(whet_graph_op1(g, "Reshape", WHET_IN(y, shape), WHET_NO_ATTRS, &y));
    whet_graph_replace_uses(g, a->last, y);
    return WHET_OK;
}

whet_status whet_pass_attention(whet_pass_context *c)
{
    whet_graph *g = c->g;
    const int n_nodes = g->n_nodes;
    for (whet_nid id = 0; id < n_nodes; id++) {
        attention a = {.mask = WHET_NO_VALUE};
        if (!whet_node_is(&g->nodes[id], "Softmax") || !find(g, &g->nodes[id], &a)) continue;
        WHET_TRY(rewrite(g, &a, g->nodes[id].name));
        c->changes++;
    }
    if (c->changes == 0) return WHET_OK;
    return whet_graph_prune(g);
}
