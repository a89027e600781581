/* SPDX-License-Identifier: Apache-2.0 */
/* Folding of inference batch normalisation into the Conv, ConvTranspose or Gemm before it:
 *
 *   s = scale / sqrt(var + epsilon);  w' = w * s per output channel;  b' = (b - mean) * s + bias
 *
 * computed in f64 and rounded once. Needs constants (see freeze) and that nobody else reads the product. */
#include <math.h>
#include <string.h>

#include "ir/op.h"
#include "passes/passes.h"

typedef struct target {
    whet_nid norm, product;
    whet_vid weights, bias; /* bias: WHET_NO_VALUE if absent */
    int64_t channels;
    int64_t inner, outer;   /* channel of weight element i: see channel_of */
    enum { BY_FIRST, BY_LAST, BY_GROUP } order;
    int64_t group;
} target;

static const whet_tensor *constant(const whet_graph *g, const whet_node *n, int i)
{
    return i < n->n_in && n->in[i] >= 0 ? whet_graph_const_data(g, n->in[i]) : NULL;
}

static int64_t channel_of(const target *t, int64_t i)
{
    if (t->order == BY_LAST) return i % t->channels;
    if (t->order == BY_FIRST) return i / t->inner;
    /* [c, m / group, ...]: rows of one group share its channels */
    const int64_t per_group = t->channels / t->group, row = i / (t->inner * per_group), rows = t->outer / t->group;
    return row / rows * per_group + i / t->inner % per_group;
}

static bool float_constants(const whet_graph *g, const whet_node *norm, int64_t channels)
{
    for (int i = 1; i <= 4; i++) {
        const whet_tensor *t = constant(g, norm, i);
        if (t == NULL || whet_tensor_numel(t) != channels || (t->dtype != WHET_F32 && t->dtype != WHET_F64)) return false;
    }
    return true;
}

static bool match(whet_graph *g, whet_nid id, target *t)
{
    const whet_node *norm = &g->nodes[id];
    if (!whet_node_is(norm, "BatchNormalization") || whet_node_int(norm, "training_mode", 0) != 0) return false;
    const whet_value *x = &g->values[norm->in[0]];
    if (x->producer < 0 || whet_graph_uses(g, norm->in[0]).n != 1 || whet_graph_is_output(g, norm->in[0])) return false;
    const whet_node *p = &g->nodes[x->producer];
    const whet_tensor *w = constant(g, p, 1), *b = constant(g, p, 2);
    if (w == NULL || (w->dtype != WHET_F32 && w->dtype != WHET_F64)) return false;
    *t = (target){.norm = id, .product = x->producer, .weights = p->in[1], .bias = p->n_in > 2 ? p->in[2] : WHET_NO_VALUE};
    t->group = whet_node_int(p, "group", 1);
    const int64_t numel = whet_tensor_numel(w);
    if (whet_node_is(p, "Conv")) {
        t->order = BY_FIRST;
        t->channels = w->shape.dims[0];
    } else if (whet_node_is(p, "ConvTranspose")) {
        t->order = BY_GROUP;
        t->outer = w->shape.dims[0];
        t->channels = w->shape.dims[1] * t->group;
    } else if (whet_node_is(p, "Gemm") && whet_node_float(p, "beta", 1.0f) == 1.0f) {
        t->order = whet_node_int(p, "transB", 0) != 0 ? BY_FIRST : BY_LAST;
        t->channels = w->shape.dims[t->order == BY_FIRST ? 0 : 1];
    } else {
        return false;
    }
    if (t->channels == 0 || numel == 0) return false;
    t->inner = t->order == BY_GROUP ? numel / (t->outer * w->shape.dims[1]) : numel / t->channels;
    if (t->bias >= 0 && (b == NULL || whet_tensor_numel(b) != t->channels)) return false;
    return float_constants(g, norm, t->channels);
}

static whet_status fold(whet_pass_context *c, const target *t)
{
    whet_status status = WHET_ENOMEM;
    whet_graph *g = c->g;
    const whet_node *norm = &g->nodes[t->norm];
    const whet_tensor *scale = constant(g, norm, 1), *shift = constant(g, norm, 2), *mean = constant(g, norm, 3), *var = constant(g, norm, 4);
    const whet_tensor *w = whet_graph_const_data(g, t->weights), *b = t->bias >= 0 ? whet_graph_const_data(g, t->bias) : NULL;
    const double epsilon = (double)whet_node_float(norm, "epsilon", 1e-5f);
    const whet_shape channels = {.rank = 1, .dims = {t->channels}};
    whet_tensor new_w = {0}, new_b = {0};
    whet_vid vw = WHET_NO_VALUE, vb = WHET_NO_VALUE;
    double *s = whet_calloc((size_t)t->channels, sizeof *s);
    if (s == NULL) goto done;
    WHET_GOTO(whet_tensor_alloc(&new_w, w->dtype, &w->shape));
    WHET_GOTO(whet_tensor_alloc(&new_b, w->dtype, &channels));
    for (int64_t k = 0; k < t->channels; k++) {
        s[k] = whet_tensor_get_f64(scale, k) / sqrt(whet_tensor_get_f64(var, k) + epsilon);
        const double old = b != NULL ? whet_tensor_get_f64(b, k) : 0;
        whet_tensor_set_f64(&new_b, k, (old - whet_tensor_get_f64(mean, k)) * s[k] + whet_tensor_get_f64(shift, k));
    }
    for (int64_t i = 0; i < whet_tensor_numel(w); i++) whet_tensor_set_f64(&new_w, i, whet_tensor_get_f64(w, i) * s[channel_of(t, i)]);
    WHET_GOTO(whet_graph_const(g, g->values[t->weights].name, &new_w, &vw));
    WHET_GOTO(whet_graph_const(g, g->values[t->bias >= 0 ? t->bias : norm->in[2]].name, &new_b, &vb));
    /* a new node, because the old one may have no place for a bias */
    const whet_node p = g->nodes[t->product];
    const whet_node old = g->nodes[t->norm];
    whet_vid y = WHET_NO_VALUE;
    WHET_GOTO(whet_graph_node(g, p.op->name, p.name, WHET_IN(p.in[0], vw, vb), p.n_attr, p.attr, 1, NULL, &y));
    whet_graph_replace_uses(g, old.out[0], y);
    c->changes++;
    status = WHET_OK;
done:
    whet_free(s);
    whet_tensor_dispose(&new_w);
    whet_tensor_dispose(&new_b);
    return status;
}

whet_status whet_pass_fold_batchnorm(whet_pass_context *c)
{
    const int n_nodes = c->g->n_nodes;
    for (whet_nid n = 0; n < n_nodes; n++) {
        target t;
        if (c->g->nodes[n].op != NULL && match(c->g, n, &t)) WHET_TRY(fold(c, &t));
    }
    WHET_TRY(whet_graph_sort(c->g));
    return whet_graph_prune(c->g);
}
