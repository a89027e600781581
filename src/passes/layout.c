/* SPDX-License-Identifier: Apache-2.0 */
/* Physical layout of a graph whose shapes are concrete: convolutions, pools and batch normalisations of rank-4 f32 values
 * run in NHWC, where their channels are contiguous; elementwise operators follow their inputs; a Transpose that says the same
 * as the layout moves nothing (exec_bind.c makes it a view); everything else stays in NCHW. Borders get explicit whet.Reorder nodes, one per value and layout, none where both layouts are the same bytes (one
 * channel, or one pixel). Works on inference and training graphs alike: gradient operators are rows of the same table. */
#include "base/cpu.h"
#include "exec/exec.h"
#include "ir/op.h"
#include "passes/lower.h"
#include "passes/match.h"

/* Which inputs and outputs of an operator are images; the others (weights, vectors, shapes) keep NCHW. */
static const struct { const char *op; uint32_t in, out; } anchors[] = {
    {"Conv", 1, 1},
    {"whet.FusedConv", 1 | 8, 1},
    {"ConvTranspose", 1, 1},
    {"whet.ConvGradData", 1, 1},
    {"whet.ConvGradWeights", 1 | 2, 0},
    {"whet.ChannelSum", 1, 0},
    {"MaxPool", 1, 1},
    {"AveragePool", 1, 1},
    {"GlobalAveragePool", 1, 1},
    {"GlobalMaxPool", 1, 1},
    {"whet.MaxPoolGrad", 1 | 2, 1},
    {"whet.AveragePoolGrad", 1, 1},
    {"whet.GlobalAveragePoolGrad", 1, 1},
    {"whet.GlobalMaxPoolGrad", 1 | 2, 1},
    {"BatchNormalization", 1, 1},
    {"whet.BatchNormTrain", 1 | 32, 1},
    {"whet.BatchNormGrad", 1 | 2 | 64, 1 | 8},
    {"whet.ChannelScale", 1, 1},
    {"whet.ChannelDot", 1 | 2, 0},
};

/* Copies by strides: they take images as they come, in the layout of their first input. */
static const struct { const char *op; uint32_t in, out; } movers[] = {
    {"Slice", 1, 1},
    {"Pad", 1, 1}, /* mode constant */
    {"whet.SliceGrad", 1 | 2, 1},
    {"Concat", UINT32_MAX, 1},
};

typedef struct pass {
    whet_graph *g;
    int n_values;        /* before any Reorder */
    whet_vid *other;     /* per value: its Reorder's result, or WHET_NO_VALUE */
} pass;

/* Only such values are ever tagged NHWC: kernels for NCHW take the others as they are. */
static bool layouts_differ(const whet_value *v)
{
    const whet_dim *d = v->dims.dims;
    return v->dims.rank == 4 && d[1] > 1 && d[2] * d[3] > 1;
}

static bool is_image(const whet_value *v) { return v->dtype == WHET_F32 && layouts_differ(v); }

static bool same_shape(const whet_value *a, const whet_value *b)
{
    if (a->dims.rank != b->dims.rank) return false;
    for (int i = 0; i < a->dims.rank; i++)
        if (a->dims.dims[i] != b->dims.dims[i]) return false;
    return true;
}

static bool is_scalar(const whet_value *v)
{
    for (int i = 0; i < v->dims.rank; i++)
        if (v->dims.dims[i] != 1) return false;
    return v->dims.rank >= 0;
}

static bool find_anchor(const whet_graph *g, const whet_node *n, uint32_t *in, uint32_t *out)
{
    for (size_t i = 0; i < WHET_COUNT(anchors); i++) {
        if (!whet_node_is(n, anchors[i].op)) continue;
        *in = anchors[i].in;
        *out = anchors[i].out;
        /* MaxPool's indices count in NCHW order; only 2-D f32 is worth it */
        if (n->n_out > 1 && n->out[1] != WHET_NO_VALUE && whet_node_is(n, "MaxPool")) return false;
        return n->in[0] != WHET_NO_VALUE && g->values[n->in[0]].dtype == WHET_F32 && g->values[n->in[0]].dims.rank == 4;
    }
    return false;
}

/* A broadcast operand whose bytes are the same in both layouts: one position or one channel an image ([C,1,1] included). */
static bool same_in_both(const whet_value *v)
{
    const whet_dim *d = v->dims.dims;
    return (v->dims.rank == 4 && !layouts_differ(v)) || (v->dims.rank == 3 && d[1] == 1 && d[2] == 1);
}

/* An elementwise node runs in NHWC when its images all have its shape, the rest are scalars or have no layout, and not more
 * images would have to be reordered than stay as they are. */
static bool follows(const whet_graph *g, const whet_node *n)
{
    int for_it = 0, against = 0;
    if (!(n->op->flags & WHET_OP_ELEMENTWISE) || n->n_out != 1 || n->out[0] == WHET_NO_VALUE) return false;
    const whet_value *y = &g->values[n->out[0]];
    if (y->dims.rank != 4) return false;
    for (int i = 0; i < n->n_in; i++) {
        if (n->in[i] == WHET_NO_VALUE) continue;
        const whet_value *x = &g->values[n->in[i]];
        if (!same_shape(x, y) && (is_scalar(x) || same_in_both(x))) continue;
        if (!same_shape(x, y) || x->dims.rank != 4) return false;
        if (x->layout == WHET_NHWC) for_it++;
        else against += is_image(x) || x->dtype != WHET_F32;
        if (x->layout == WHET_NCHW && x->dtype != WHET_F32) return false;
    }
    return for_it > 0 && for_it >= against;
}

static bool find_mover(const whet_graph *g, const whet_node *n, uint32_t *in, uint32_t *out)
{
    for (size_t i = 0; i < WHET_COUNT(movers); i++) {
        if (!whet_node_is(n, movers[i].op)) continue;
        *in = movers[i].in;
        *out = movers[i].out;
        if (strcmp(whet_node_string(n, "mode", "constant"), "constant") != 0) return false;
        return n->in[0] != WHET_NO_VALUE && g->values[n->in[0]].layout == WHET_NHWC && is_image(&g->values[n->out[0]]);
    }
    return false;
}

/* Whether some user of v, seen through elementwise operators, works on images. */
static bool feeds_images(whet_graph *g, whet_vid v, int depth)
{
    uint32_t in = 0, out = 0;
    const whet_uses uses = whet_graph_uses(g, v);
    for (int i = 0; i < uses.n; i++) {
        const whet_node *n = &g->nodes[uses.nodes[i]];
        if (find_anchor(g, n, &in, &out) || whet_node_is(n, "Concat") || whet_node_is(n, "Resize")) return true;
        if ((n->op->flags & WHET_OP_ELEMENTWISE) && n->n_out == 1 && depth < 8 && feeds_images(g, n->out[0], depth + 1)) return true;
    }
    return false;
}

/* Resizing is as fast in either layout: it takes what it gets, but an image that grows and is not worked on any further
 * (a segmentation's result) is reordered while it is small. */
static bool find_resize(whet_graph *g, const whet_node *n, uint32_t *in, uint32_t *out)
{
    if (!whet_node_is(n, "Resize") && !whet_node_is(n, "whet.ResizeGrad")) return false;
    const whet_value *x = &g->values[n->in[0]], *y = &g->values[n->out[0]];
    if (x->dtype != WHET_F32 || x->dims.rank != 4 || y->dims.rank != 4) return false;
    const whet_dim *a = x->dims.dims, *b = y->dims.dims;
    const bool grows = a[0] * a[1] * a[2] * a[3] < b[0] * b[1] * b[2] * b[3];
    *in = *out = grows ? feeds_images(g, n->out[0], 0) : x->layout == WHET_NHWC;
    return true;
}

/* One scale for the whole tensor: the operator is elementwise and takes its input as it comes. */
static bool find_quantize(const whet_graph *g, const whet_node *n, uint32_t *in, uint32_t *out)
{
    if (!whet_node_is(n, "QuantizeLinear") && !whet_node_is(n, "DequantizeLinear")) return false;
    *in = *out = g->values[n->in[0]].layout == WHET_NHWC && is_scalar(&g->values[n->in[1]]) && whet_node_int(n, "block_size", 0) == 0;
    return true;
}

static const int64_t to_nhwc[4] = {0, 2, 3, 1}, to_nchw[4] = {0, 3, 1, 2}, swap[3] = {0, 2, 1};

/* A Transpose between an NHWC image and a value whose axes stand in that order. */
static bool find_view(const whet_graph *g, const whet_node *n, uint32_t *in, uint32_t *out)
{
    if (!whet_node_is(n, "Transpose")) return false;
    const bool there = whet_match_perm(n, 4, to_nhwc), back = whet_match_perm(n, 4, to_nchw);
    if (!there && !back) return false;
    *in = there && g->values[n->in[0]].layout == WHET_NHWC ? 1 : 0;
    *out = back && is_image(&g->values[n->out[0]]) ? 1 : 0;
    return *in != 0 || *out != 0;
}

static whet_status reordered(pass *p, whet_vid v, whet_layout to, whet_vid *out)
{
    *out = v < p->n_values ? p->other[v] : WHET_NO_VALUE;
    if (*out != WHET_NO_VALUE) return WHET_OK;
    WHET_TRY(whet_graph_op1(p->g, "whet.Reorder", WHET_IN(v),
                            WHET_ATTRS(whet_attr_string("to", to == WHET_NHWC ? "NHWC" : "NCHW")), out));
    p->g->values[*out].layout = to;
    if (v < p->n_values) p->other[v] = *out;
    return WHET_OK;
}

static bool wrong(const whet_graph *g, whet_vid v, whet_layout want)
{
    return v != WHET_NO_VALUE && g->values[v].layout != want && layouts_differ(&g->values[v]);
}

static whet_status place(pass *p, whet_nid id)
{
    whet_graph *g = p->g;
    uint32_t in = 0, out = 0;
    if (find_anchor(g, &g->nodes[id], &in, &out) || find_mover(g, &g->nodes[id], &in, &out) ||
        find_resize(g, &g->nodes[id], &in, &out) || find_quantize(g, &g->nodes[id], &in, &out) ||
        find_view(g, &g->nodes[id], &in, &out)) {
        /* as the tables say */
    } else if (follows(g, &g->nodes[id])) {
        in = out = UINT32_MAX;
    } else {
        in = out = 0;
    }
    for (int i = 0; i < g->nodes[id].n_in; i++) {
        const whet_vid v = g->nodes[id].in[i];
        const whet_layout want = i < 32 && (in >> i & 1) ? WHET_NHWC : WHET_NCHW;
        whet_vid to = WHET_NO_VALUE;
        if (v != WHET_NO_VALUE && in == UINT32_MAX && is_scalar(&g->values[v])) continue;
        if (!wrong(g, v, want)) continue;
        WHET_TRY(reordered(p, v, want, &to));
        whet_graph_set_input(g, id, i, to);
    }
    for (int o = 0; o < g->nodes[id].n_out; o++) {
        const whet_vid v = g->nodes[id].out[o];
        if (v != WHET_NO_VALUE && o < 32 && (out >> o & 1) && layouts_differ(&g->values[v])) g->values[v].layout = WHET_NHWC;
    }
    return WHET_OK;
}

static whet_status fix_borders(pass *p)
{
    whet_graph *g = p->g;
    for (int i = 0; i < g->n_outputs; i++)
        if (wrong(g, g->outputs[i], WHET_NCHW)) WHET_TRY(reordered(p, g->outputs[i], WHET_NCHW, &g->outputs[i]));
    for (int i = 0; i < g->n_commits; i++)
        if (wrong(g, g->commits[i].src, WHET_NCHW)) WHET_TRY(reordered(p, g->commits[i].src, WHET_NCHW, &g->commits[i].src));
    return WHET_OK;
}

static whet_status reshape_to(whet_graph *g, whet_vid x, int rank, const int64_t *dims, whet_vid *out)
{
    whet_vid shape = WHET_NO_VALUE;
    WHET_TRY(whet_graph_const_s64(g, NULL, rank, dims, &shape));
    return whet_graph_op1(g, "Reshape", WHET_IN(x, shape), WHET_NO_ATTRS, out);
}

/* Image to tokens: [b, c, h, w] -> [b, c, hw] -> [b, hw, c] goes by way of [b, h, w, c] instead, and tokens to image likewise:
 * then the transposition is the layout's own. */
static whet_status turn_tokens(whet_graph *g, whet_nid id, bool *changed)
{
    const bool to_tokens = whet_match_perm(&g->nodes[id], 3, swap);
    const whet_nid before = whet_match_producer(g, g->nodes[id].in[0], NULL, 1);
    whet_vid y = WHET_NO_VALUE;
    if (before == WHET_NO_NODE || g->nodes[id].out[0] < 0 || g->nodes[before].n_in < 1) return WHET_OK;
    const whet_node *n = &g->nodes[id], *b = &g->nodes[before];
    const whet_vid x = b->in[0], out = n->out[0];
    const whet_dims *from = &g->values[x].dims, *to = &g->values[out].dims;
    if (to_tokens) {
        if ((!whet_node_is(b, "Reshape") && !whet_node_is(b, "Flatten")) || from->rank != 4 || !is_image(&g->values[x])) return WHET_OK;
        if (to->rank != 3 || from->dims[0] != to->dims[0] || from->dims[1] != to->dims[2]) return WHET_OK;
        const int64_t dims[3] = {to->dims[0], to->dims[1], to->dims[2]};
        WHET_TRY(whet_graph_op1(g, "Transpose", WHET_IN(x), WHET_ATTRS(whet_attr_ints("perm", 4, to_nhwc)), &y));
        WHET_TRY(reshape_to(g, y, 3, dims, &y));
    } else {
        if (!whet_node_is(n, "Reshape") || !whet_match_perm(b, 3, swap) || to->rank != 4 || !is_image(&g->values[out])) return WHET_OK;
        if (from->dims[0] != to->dims[0] || from->dims[2] != to->dims[1]) return WHET_OK;
        const int64_t dims[4] = {to->dims[0], to->dims[2], to->dims[3], to->dims[1]};
        WHET_TRY(reshape_to(g, x, 4, dims, &y));
        WHET_TRY(whet_graph_op1(g, "Transpose", WHET_IN(y), WHET_ATTRS(whet_attr_ints("perm", 4, to_nchw)), &y));
    }
    whet_graph_replace_uses(g, out, y);
    *changed = true;
    return WHET_OK;
}

static whet_status turn_all_tokens(whet_graph *g)
{
    const int n_nodes = g->n_nodes;
    bool changed = false;
    for (whet_nid id = 0; id < n_nodes; id++)
        if (g->nodes[id].op != NULL && g->nodes[id].n_in > 0 && g->nodes[id].in[0] >= 0 && !whet_graph_is_output(g, g->nodes[id].out[0]))
            WHET_TRY(turn_tokens(g, id, &changed));
    return changed ? whet_graph_prune(g) : WHET_OK;
}

whet_status whet_pass_layout(whet_graph *g)
{
    whet_status status = turn_all_tokens(g);
    if (status != WHET_OK) return status;
    pass p = {g, g->n_values, whet_calloc((size_t)g->n_values, sizeof(whet_vid))};
    const int n_nodes = g->n_nodes;
    if (!p.other) return WHET_ENOMEM;
    for (int i = 0; i < p.n_values; i++) p.other[i] = WHET_NO_VALUE;
    for (whet_nid id = 0; id < n_nodes; id++)
        if (g->nodes[id].op) WHET_GOTO(place(&p, id));
    WHET_GOTO(fix_borders(&p));
    status = whet_graph_sort(g);
done:
    whet_free(p.other);
    return status;
}

whet_status whet_passes_lower(whet_graph *g, const whet_exec_options *opt)
{
    const bool fast = (opt->isa & WHET_ISA_AVX2) && (opt->providers & (WHET_PROVIDER_OWN | WHET_PROVIDER_ONEDNN));
    WHET_TRY(whet_pass_resolve_shapes(g, opt));
    if (!fast) return WHET_OK; /* the references are as fast in either layout */
    WHET_TRY(whet_pass_fuse(g)); /* what a training graph leaves: ReLU behind a convolution, its gradient reads the result */
    return whet_pass_layout(g);
}
