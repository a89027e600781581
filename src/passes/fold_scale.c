/* SPDX-License-Identifier: Apache-2.0 */
/* A multiplication by a constant per channel (LayerScale, a scale that an exporter left over) goes into the weights and biases
 * before it: through Transpose and Add of constants, up to a Conv, Gemm or MatMul with constant weights. Computed in f64 and
 * rounded once. Nobody else may read what lies between. Large weights keep their factors per channel outside: a scaled copy is
 * memory that a mapped file does not cost, and such weights come late in a network, where the values to be multiplied are few
 * (ConvNeXt-T: 53 MB of 187 against 1 % of the time). */
#include "passes/match.h"
#include "passes/passes.h"

enum { MAX_ADDS = 4, MAX_PATH = 8, LARGE_WEIGHTS = 1 << 20 };

typedef struct scale {
    const whet_tensor *c; /* one element, or one per channel */
    int axis;             /* of the value looked at: where the channels are; -1 for a single element */
    int64_t channels;
    whet_nid head;
    int n_adds;
    whet_nid adds[MAX_ADDS];
} scale;

static bool is_float(const whet_tensor *t) { return t != NULL && (t->dtype == WHET_F32 || t->dtype == WHET_F64); }

/* The axis of a value of `rank` along which t varies; -1 if t is one element, -2 if it varies along several. */
static int varying_axis(const whet_tensor *t, int rank)
{
    int axis = -1;
    if (t->shape.rank > rank) return -2;
    for (int i = 0; i < t->shape.rank; i++) {
        if (t->shape.dims[i] == 1) continue;
        if (axis != -1) return -2;
        axis = i + rank - t->shape.rank;
    }
    return axis;
}

/* The constant operand of a two-operand node whose other operand has the result's shape. */
static const whet_tensor *constant_operand(const whet_graph *g, const whet_node *n, whet_vid *other)
{
    for (int i = 0; i < 2; i++) {
        const whet_tensor *t = whet_graph_const_data(g, n->in[i]);
        if (!is_float(t) || !whet_match_dims(&g->values[n->in[1 - i]].dims, &g->values[n->out[0]].dims)) continue;
        *other = n->in[1 - i];
        return t;
    }
    return NULL;
}

static bool good_head(const whet_graph *g, const whet_node *n, int axis, int rank)
{
    const whet_tensor *w = n->n_in > 1 && n->in[1] >= 0 ? whet_graph_const_data(g, n->in[1]) : NULL;
    const bool biased = n->n_in > 2 && n->in[2] >= 0;
    if (!is_float(w) || (axis >= 0 && whet_tensor_bytes(w) > LARGE_WEIGHTS)) return false;
    if (biased && !is_float(whet_graph_const_data(g, n->in[2]))) return false;
    if (whet_node_is(n, "MatMul")) return w->shape.rank == 2 && (axis == -1 || axis == rank - 1);
    if (whet_node_is(n, "Gemm")) return !biased && (axis == -1 || axis == 1);
    return whet_node_is(n, "Conv") && (axis == -1 || axis == 1);
}

static bool find(whet_graph *g, const whet_node *mul, scale *s)
{
    whet_vid v = WHET_NO_VALUE;
    if (!whet_node_is(mul, "Mul") || (s->c = constant_operand(g, mul, &v)) == NULL) return false;
    const int rank = g->values[v].dims.rank;
    s->axis = varying_axis(s->c, rank);
    s->channels = whet_tensor_numel(s->c);
    if (s->axis == -2) return false;
    s->n_adds = 0;
    for (int step = 0; step < MAX_PATH; step++) {
        int64_t perm[WHET_MAX_RANK];
        const whet_nid id = whet_match_producer(g, v, NULL, 1);
        if (id == WHET_NO_NODE) return false;
        const whet_node *n = &g->nodes[id];
        if (good_head(g, n, s->axis, rank)) {
            s->head = id;
            return true;
        }
        if (whet_node_is(n, "Transpose") && whet_node_ints(n, "perm", perm, WHET_MAX_RANK) == rank) {
            if (s->axis >= 0) s->axis = (int)perm[s->axis];
            v = n->in[0];
        } else if (whet_node_is(n, "Add") && s->n_adds < MAX_ADDS) {
            const whet_tensor *t = constant_operand(g, n, &v);
            if (t == NULL) return false;
            const int along = varying_axis(t, rank);
            if (s->axis >= 0 && along != s->axis) return false; /* its shape must not grow */
            s->adds[s->n_adds++] = id;
        } else {
            return false;
        }
    }
    return false;
}

/* dst may not be src; src may lie at any address. */
static void multiply_f32(float *dst, const char *src, int64_t n, const double *factor, int64_t channels, int64_t inner)
{
    int64_t channel = 0, left = inner;
    for (int64_t e = 0; e < n; e++) {
        float x = 0;
        memcpy(&x, src + (size_t)e * sizeof x, sizeof x);
        dst[e] = (float)((double)x * factor[channel]);
        if (--left > 0) continue;
        left = inner;
        channel = channel + 1 < channels ? channel + 1 : 0;
    }
}

/* Input i of node id times the factors; channel of element e: e / inner % channels. */
static whet_status multiply(whet_graph *g, whet_nid id, int i, const double *factor, int64_t channels, int64_t inner)
{
    const whet_vid old = g->nodes[id].in[i];
    const whet_tensor *t = whet_graph_const_data(g, old);
    whet_tensor scaled = {0};
    whet_vid v = WHET_NO_VALUE;
    whet_status status = whet_tensor_alloc(&scaled, t->dtype, &t->shape);
    if (status == WHET_OK && t->dtype == WHET_F32) multiply_f32(scaled.data, t->data, whet_tensor_numel(t), factor, channels, inner);
    for (int64_t e = 0; status == WHET_OK && t->dtype != WHET_F32 && e < whet_tensor_numel(t); e++)
        whet_tensor_set_f64(&scaled, e, whet_tensor_get_f64(t, e) * factor[e / inner % channels]);
    if (status == WHET_OK) whet_tensor_forget(t);
    if (status == WHET_OK) status = whet_graph_const(g, g->values[old].name, &scaled, &v);
    if (status == WHET_OK) whet_graph_set_input(g, id, i, v);
    whet_tensor_dispose(&scaled);
    return status;
}

/* Elements of the weights between neighbouring output channels; 1 where the channel is the last axis. */
static int64_t channel_step(const whet_graph *g, const whet_node *n)
{
    const whet_tensor *w = whet_graph_const_data(g, n->in[1]);
    const bool first = whet_node_is(n, "Conv") || whet_node_int(n, "transB", 0) != 0;
    return first && w->shape.dims[0] > 0 ? whet_tensor_numel(w) / w->shape.dims[0] : 1;
}

static whet_status fold(whet_graph *g, const scale *s, whet_vid product, whet_vid input)
{
    whet_status status = WHET_ENOMEM;
    double *factor = whet_calloc((size_t)s->channels, sizeof *factor);
    if (factor == NULL) return WHET_ENOMEM;
    for (int64_t i = 0; i < s->channels; i++) factor[i] = whet_tensor_get_f64(s->c, i);
    WHET_GOTO(multiply(g, s->head, 1, factor, s->channels, channel_step(g, &g->nodes[s->head])));
    if (g->nodes[s->head].n_in > 2 && g->nodes[s->head].in[2] >= 0) WHET_GOTO(multiply(g, s->head, 2, factor, s->channels, 1));
    for (int i = 0; i < s->n_adds; i++) {
        const whet_node *n = &g->nodes[s->adds[i]];
        WHET_GOTO(multiply(g, s->adds[i], whet_graph_const_data(g, n->in[0]) != NULL ? 0 : 1, factor, s->channels, 1));
    }
    whet_graph_replace_uses(g, product, input);
    status = WHET_OK;
done:
    whet_free(factor);
    return status;
}

whet_status whet_pass_fold_scale(whet_pass_context *c)
{
    whet_graph *g = c->g;
    const int n_nodes = g->n_nodes;
    for (whet_nid id = 0; id < n_nodes; id++) {
        scale s = {.c = NULL};
        whet_vid x = WHET_NO_VALUE;
        if (g->nodes[id].op == NULL || !find(g, &g->nodes[id], &s)) continue;
        constant_operand(g, &g->nodes[id], &x);
        WHET_TRY(fold(g, &s, g->nodes[id].out[0], x));
        c->changes++;
    }
    return c->changes > 0 ? whet_graph_prune(g) : WHET_OK;
}
