/* SPDX-License-Identifier: Apache-2.0 */
/* The tensors of a graph that are worth comparing, and the ends of its chains. A chain is a node that computes (convolution,
 * product, pooling, sum of two tensors, ...) and what follows it alone: bias, normalisation, activation, quantising. Formats
 * differ in what they make of the inside of a chain; its end is the same tensor in all of them. */
#include "measure/layer_list.h"

#include <stdio.h>

#include "base/io.h"
#include "formats/formats.h"
#include "ir/op.h"

static const char *const movers[] = {"Identity", "Reshape", "Flatten", "Squeeze", "Unsqueeze", "Dropout", "Shape", "Expand", "Cast", "Transpose"};

/* Operators that begin a chain under a class of their own; any other one that is not elementwise has its name as class. */
static const struct { const char *op, *kind; } classes[] = {
    {"Conv", "conv"},           {"ConvTranspose", "conv"},  {"Gemm", "product"},          {"MatMul", "product"},
    {"GlobalAveragePool", "mean"}, {"ReduceMean", "mean"},  {"AveragePool", "pool"},      {"MaxPool", "pool"},
    {"LayerNormalization", "norm"}, {"Add", "add"},         {"Sub", "add"},               {"Mul", "mul"},
    {"Sum", "add"},             {"Concat", "concat"},       {"Resize", "resize"},         {"Softmax", "softmax"}};

static bool is_one_of(const whet_node *n, const char *const *list, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (whet_node_is(n, list[i])) return true;
    return false;
}

static bool is_clip(const whet_node *n) { return whet_node_is(n, "Relu") || whet_node_is(n, "Clip"); }
static bool is_gate(const whet_node *n) { return whet_node_is(n, "Sigmoid") || whet_node_is(n, "HardSigmoid"); }

/* The only user of a value; NULL if there are more, or none, or it is an output. */
static const whet_node *only_user(whet_graph *g, whet_vid v)
{
    const whet_uses u = whet_graph_uses(g, v);
    return u.n == 1 && !whet_graph_is_output(g, v) ? &g->nodes[u.nodes[0]] : NULL;
}

static int live_inputs(const whet_node *n, const bool *live)
{
    int count = 0;
    for (int i = 0; i < n->n_in; i++) count += n->in[i] != WHET_NO_VALUE && live[n->in[i]];
    return count;
}

/* --- the list */
/* One scale for the whole tensor, constant. */
static void read_scale(const whet_graph *g, const whet_node *dq, whet_layer *l)
{
    const whet_tensor *s = whet_graph_const_data(g, dq->in[1]);
    const whet_tensor *z = dq->n_in > 2 && dq->in[2] != WHET_NO_VALUE ? whet_graph_const_data(g, dq->in[2]) : NULL;
    const bool has_zero = dq->n_in > 2 && dq->in[2] != WHET_NO_VALUE;
    if (s == NULL || whet_tensor_numel(s) != 1 || (has_zero && (z == NULL || whet_tensor_numel(z) != 1))) return;
    l->scale = (float)whet_tensor_get_f64(s, 0);
    l->zero = z != NULL ? (int32_t)whet_tensor_get_s64(z, 0) : 0;
}

static void cut_ending(char *out, size_t size, const char *name)
{
    static const char *const endings[] = {"_quantized", "_QuantizeLinear_Output", "_QuantizeLinear", "_quantize"};
    const size_t n = strlen(name);
    out[0] = '\0';
    for (size_t i = 0; i < WHET_COUNT(endings); i++) {
        const size_t k = strlen(endings[i]);
        if (n > k && n - k < size && strcmp(name + n - k, endings[i]) == 0) {
            snprintf(out, size, "%.*s", (int)(n - k), name);
            return;
        }
    }
}

/* A tensor that only a quantiser reads, perhaps behind a clip that it swallows: the dequantised one stands for it. */
static bool goes_into_quantiser(whet_graph *g, whet_vid v)
{
    const whet_node *n = only_user(g, v);
    if (n != NULL && is_clip(n)) n = only_user(g, n->out[0]);
    return n != NULL && whet_node_is(n, "QuantizeLinear");
}

static bool wanted(whet_graph *g, const whet_node *n, whet_vid v, const bool *live)
{
    const whet_value *x = &g->values[v];
    whet_shape shape;
    if (!live[v] || !whet_dtype_is_float(x->dtype) || !whet_dims_concrete(&x->dims, &shape)) return false;
    if (whet_shape_numel(&shape) < 1 || whet_node_is(n, "QuantizeLinear")) return false;
    if (whet_graph_is_output(g, v)) return true;
    return !is_one_of(n, movers, WHET_COUNT(movers)) && !goes_into_quantiser(g, v);
}

/* The node that computed what a dequantised tensor holds. */
static const whet_node *computing(const whet_graph *g, const whet_node *n)
{
    while (whet_node_is(n, "DequantizeLinear") || whet_node_is(n, "QuantizeLinear")) {
        const whet_nid p = n->in[0] != WHET_NO_VALUE ? g->values[n->in[0]].producer : WHET_NO_NODE;
        if (p == WHET_NO_NODE) break;
        n = &g->nodes[p];
    }
    return n;
}

static whet_status add_value(whet_layer_list *l, int depth, whet_vid v)
{
    const whet_graph *g = l->g;
    const whet_node *n = &g->nodes[depth], *from = computing(g, n);
    if (!WHET_GROW(&l->v, l->n, &l->cap)) return WHET_ENOMEM;
    whet_layer *x = &l->v[l->n];
    *x = (whet_layer){.name = g->values[v].name, .vid = v, .dtype = g->values[v].dtype, .depth = depth, .pair = -1, .node = from->name};
    x->op = from->op->name;
    (void)whet_dims_concrete(&g->values[v].dims, &x->shape);
    if (whet_node_is(n, "DequantizeLinear")) {
        const whet_nid p = g->values[n->in[0]].producer;
        x->stored = g->values[n->in[0]].name;
        cut_ending(x->stem, sizeof x->stem, x->stored);
        read_scale(g, n, x);
        if (p != WHET_NO_NODE && whet_node_is(&g->nodes[p], "QuantizeLinear")) x->before = g->values[g->nodes[p].in[0]].name;
    }
    l->entry[v] = (int)l->n++;
    return WHET_OK;
}

/* Several dequantisers of one tensor (quantisers give each reader its own) count once: the later values share the entry. */
static int same_integers(const whet_layer_list *l, const whet_node *dq)
{
    const char *stored = l->g->values[dq->in[0]].name;
    for (size_t i = l->n; i > 0; i--)
        if (l->v[i - 1].stored == stored) return (int)i - 1;
    return -1;
}

static whet_status list_values(whet_layer_list *l, bool *live)
{
    whet_graph *g = l->g;
    for (int i = 0; i < g->n_inputs; i++) live[g->inputs[i]] = true;
    for (int i = 0; i < g->n_nodes; i++) {
        const whet_node *n = &g->nodes[i];
        const bool alive = n->op != NULL && live_inputs(n, live) > 0;
        for (int k = 0; alive && k < n->n_out; k++) {
            if (n->out[k] == WHET_NO_VALUE) continue;
            live[n->out[k]] = true;
            const int twin = whet_node_is(n, "DequantizeLinear") ? same_integers(l, n) : -1;
            if (twin >= 0 && !whet_graph_is_output(g, n->out[k])) {
                l->entry[n->out[k]] = twin;
                continue;
            }
            if (wanted(g, n, n->out[k], live)) WHET_TRY(add_value(l, i, n->out[k]));
        }
    }
    return WHET_OK;
}

/* --- chains */
static bool is_quantising(const whet_node *n) { return whet_node_is(n, "QuantizeLinear") || whet_node_is(n, "DequantizeLinear"); }

/* Behind quantisers and dequantisers that alone read it. */
static whet_vid behind_quantising(whet_graph *g, whet_vid v)
{
    for (const whet_node *n = only_user(g, v); n != NULL && is_quantising(n); n = only_user(g, v)) v = n->out[0];
    return v;
}

/* Those that read a value, or the numbers that its integers stand for; how many, at most `cap` of them are listed. */
static int readers_of(whet_graph *g, whet_vid v, const whet_node **list, int cap)
{
    const whet_uses u = whet_graph_uses(g, v);
    int n = 0;
    for (int i = 0; i < u.n; i++) {
        const whet_node *r = &g->nodes[u.nodes[i]];
        const whet_uses inner = whet_node_is(r, "DequantizeLinear") ? whet_graph_uses(g, r->out[0]) : (whet_uses){0};
        for (int k = 0; k < inner.n; k++, n++)
            if (n < cap) list[n] = &g->nodes[inner.nodes[k]];
        if (whet_node_is(r, "DequantizeLinear")) continue;
        if (n < cap) list[n] = r;
        n++;
    }
    return n;
}

/* x -> sigmoid(x) * x: the product, where x is read by these two alone; quantised in between or not. */
static const whet_node *gated(whet_graph *g, whet_vid v)
{
    const whet_node *r[2] = {NULL, NULL};
    if (whet_graph_is_output(g, v) || readers_of(g, v, r, 2) != 2) return NULL;
    for (int i = 0; i < 2; i++) {
        const whet_node *gate = r[i], *mul = r[1 - i];
        if (!is_gate(gate) || !whet_node_is(mul, "Mul")) continue;
        const whet_vid w = behind_quantising(g, gate->out[0]);
        if (mul->in[0] == w || mul->in[1] == w) return mul;
    }
    return NULL;
}

/* The value at the end of the chain; products of a gate on the way are marked, they begin no chain. */
static whet_vid end_of_chain(whet_graph *g, whet_vid v, const bool *live, bool *swallowed)
{
    for (;;) {
        const whet_node *n = only_user(g, v), *mul = gated(g, v);
        if (mul != NULL) {
            swallowed[mul - g->nodes] = true;
            v = mul->out[0];
            continue;
        }
        const whet_uses u = whet_graph_uses(g, v);
        if (n == NULL && u.n > 0 && g->nodes[u.nodes[0]].op != NULL && whet_dtype_is_int(g->values[v].dtype) &&
            whet_node_is(&g->nodes[u.nodes[0]], "DequantizeLinear"))
            return g->nodes[u.nodes[0]].out[0]; /* the first of several readers */
        if (n == NULL || live_inputs(n, live) != 1) return v;
        if (!is_quantising(n) && !whet_node_is(n, "BatchNormalization") && (n->op->flags & WHET_OP_ELEMENTWISE) == 0) return v;
        v = n->out[0];
    }
}

static void make_key(whet_layer *x, const char *kind)
{
    int64_t dims[WHET_MAX_RANK];
    int n = 0;
    for (int d = 0; d < x->shape.rank; d++) {
        int at = n;
        if (x->shape.dims[d] == 1) continue;
        for (; at > 0 && dims[at - 1] > x->shape.dims[d]; at--) dims[at] = dims[at - 1];
        dims[at] = x->shape.dims[d];
        n++;
    }
    size_t used = (size_t)snprintf(x->key, sizeof x->key, "%.20s", kind);
    for (int d = 0; d < n && used < sizeof x->key; d++) used += (size_t)snprintf(x->key + used, sizeof x->key - used, " %lld", (long long)dims[d]);
}

static const char *kind_of(const whet_node *n, const bool *live)
{
    if (is_one_of(n, movers, WHET_COUNT(movers)) || whet_node_is(n, "QuantizeLinear") || whet_node_is(n, "DequantizeLinear")) return NULL;
    if ((n->op->flags & WHET_OP_ELEMENTWISE) != 0 && live_inputs(n, live) < 2) return NULL;
    for (size_t i = 0; i < WHET_COUNT(classes); i++)
        if (whet_node_is(n, classes[i].op)) return classes[i].kind;
    return n->op->name;
}

static whet_status find_chains(whet_layer_list *l, const bool *live)
{
    whet_graph *g = l->g;
    bool *swallowed = whet_calloc((size_t)g->n_nodes + 1, sizeof *swallowed);
    if (swallowed == NULL) return WHET_ENOMEM;
    for (int i = 0; i < g->n_nodes; i++) {
        const whet_node *n = &g->nodes[i];
        if (n->op == NULL || swallowed[i] || n->n_out < 1 || n->out[0] == WHET_NO_VALUE || !live[n->out[0]]) continue;
        const char *kind = kind_of(n, live);
        if (kind == NULL) continue;
        const int at = l->entry[end_of_chain(g, n->out[0], live, swallowed)];
        if (at >= 0 && l->v[at].key[0] == '\0') make_key(&l->v[at], kind);
    }
    whet_free(swallowed);
    return WHET_OK;
}

whet_status whet_layer_list_read(whet_layer_list *l, const char *path, int n_inputs, const whet_shape *shapes)
{
    bool *live = NULL;
    whet_status status = WHET_OK;
    memset(l, 0, sizeof *l);
    WHET_GOTO(whet_format_read(&l->g, path, NULL));
    WHET_GOTO(whet_graph_sort(l->g));
    if (n_inputs != l->g->n_inputs) WHET_GOTO(WHET_FAIL(WHET_ESHAPE, "'%s' has %d inputs, not %d", whet_path_base(path), l->g->n_inputs, n_inputs));
    WHET_GOTO(whet_graph_bind_shapes(l->g, n_inputs, shapes));
    live = whet_calloc((size_t)l->g->n_values + 1, sizeof *live);
    l->entry = whet_calloc((size_t)l->g->n_values + 1, sizeof *l->entry);
    if (live == NULL || l->entry == NULL) WHET_GOTO(WHET_ENOMEM);
    for (int i = 0; i < l->g->n_values; i++) l->entry[i] = -1;
    WHET_GOTO(list_values(l, live));
    WHET_GOTO(find_chains(l, live));
done:
    whet_free(live);
    if (status != WHET_OK) whet_layer_list_dispose(l);
    return status;
}

void whet_layer_list_dispose(whet_layer_list *l)
{
    whet_graph_free(l->g);
    whet_free(l->v);
    whet_free(l->entry);
    memset(l, 0, sizeof *l);
}
