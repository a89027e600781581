/* SPDX-License-Identifier: Apache-2.0 */
/* Operators by what they ask of layouts. Convolutions and their like exist channels-last only in the formats this is for;
 * products, layer normalisation and whatever is not in the table work on the axes as they stand. */
#include "ir/op.h"
#include "passes/channels_last_ops.h"
#include "passes/match.h"

#define ALL UINT32_MAX

static const struct { const char *op; whet_cl_kind kind; uint32_t in; } table[] = {
    {"Conv", WHET_CL_IMAGE, 1},
    {"ConvTranspose", WHET_CL_IMAGE, 1},
    {"whet.FusedConv", WHET_CL_IMAGE, 1 | 8},
    {"MaxPool", WHET_CL_IMAGE, 1},
    {"AveragePool", WHET_CL_IMAGE, 1},
    {"GlobalAveragePool", WHET_CL_IMAGE, 1},
    {"GlobalMaxPool", WHET_CL_IMAGE, 1},
    {"BatchNormalization", WHET_CL_IMAGE, 1},
    {"InstanceNormalization", WHET_CL_IMAGE, 1},
    {"GroupNormalization", WHET_CL_IMAGE, 1},
    {"whet.ChannelScale", WHET_CL_IMAGE, 1 | 2},
    {"LRN", WHET_CL_IMAGE, 1},
    {"Resize", WHET_CL_IMAGE, 1},
    {"DepthToSpace", WHET_CL_IMAGE, 1},
    {"SpaceToDepth", WHET_CL_IMAGE, 1},
    {"Concat", WHET_CL_FREE, ALL},
    {"Split", WHET_CL_FREE, 1},
    {"Slice", WHET_CL_FREE, 1},
    {"Pad", WHET_CL_FREE, 1},
    {"Expand", WHET_CL_FREE, 1},
    {"Tile", WHET_CL_FREE, 1},
    {"Gather", WHET_CL_FREE, 1},
    {"CumSum", WHET_CL_FREE, 1},
    {"Softmax", WHET_CL_FREE, 1},
    {"LogSoftmax", WHET_CL_FREE, 1},
    {"ReduceSum", WHET_CL_FREE, 1},
    {"ReduceMean", WHET_CL_FREE, 1},
    {"ReduceMax", WHET_CL_FREE, 1},
    {"ReduceMin", WHET_CL_FREE, 1},
    {"ReduceProd", WHET_CL_FREE, 1},
    {"ReduceL1", WHET_CL_FREE, 1},
    {"ReduceL2", WHET_CL_FREE, 1},
    {"ReduceSumSquare", WHET_CL_FREE, 1},
    {"ArgMax", WHET_CL_FREE, 1},
    {"ArgMin", WHET_CL_FREE, 1},
    {"QuantizeLinear", WHET_CL_FREE, 1},
    {"DequantizeLinear", WHET_CL_FREE, 1},
    {"Dropout", WHET_CL_FREE, 1},
    {"Transpose", WHET_CL_MOVE, 1},
    {"Shape", WHET_CL_MOVE, 1}, /* of the axes as the graph says, whatever the layout */
    {"Size", WHET_CL_MOVE, 1},
    {"whet.Reorder", WHET_CL_MOVE, 1},
    {"Reshape", WHET_CL_VIEW, 1},
    {"Flatten", WHET_CL_VIEW, 1},
    {"Squeeze", WHET_CL_VIEW, 1},
    {"Unsqueeze", WHET_CL_VIEW, 1},
};

bool whet_cl_same_bytes(const whet_dims *d)
{
    return d->rank == 4 && (d->dims[1] == 1 || (d->dims[2] == 1 && d->dims[3] == 1));
}

static const whet_dims *dims_of(const whet_graph *g, whet_vid v)
{
    static const whet_dims none = {.rank = -1};
    return v >= 0 ? &g->values[v].dims : &none;
}

/* Axes that a reduction removes, as bits; 0 if unknown or none. */
static uint32_t reduced(const whet_graph *g, const whet_node *n)
{
    int64_t axes[WHET_MAX_RANK];
    uint32_t bits = 0;
    if (whet_node_is(n, "ArgMax") || whet_node_is(n, "ArgMin")) {
        const int64_t a = whet_node_int(n, "axis", 0);
        return (uint32_t)1 << (a < 0 ? a + 4 : a);
    }
    const int k = n->n_in > 1 ? whet_match_ints(g, n->in[1], axes, WHET_MAX_RANK) : 0;
    if (k < 0) return 0;
    if (k == 0) return 15;
    for (int i = 0; i < k; i++) bits |= (uint32_t)1 << ((axes[i] < 0 ? axes[i] + 4 : axes[i]) & 3);
    return bits;
}

/* A result of lower rank has its axes in one order only: channels-last is possible where the channel and the pixels do not
 * both stay. */
static bool loses_order(const whet_graph *g, const whet_node *n)
{
    if (dims_of(g, n->out[0])->rank == 4) return false;
    uint32_t gone;
    if (whet_node_is(n, "Gather")) {
        const int64_t a = whet_node_int(n, "axis", 0);
        if (dims_of(g, n->in[1])->rank != 0) return true;
        gone = (uint32_t)1 << (a < 0 ? a + 4 : a);
    } else {
        gone = reduced(g, n);
    }
    if (gone == 0) return true;
    return (gone & 2) == 0 && (gone & 12) != 12;
}

static whet_cl_ask refine(const whet_graph *g, const whet_node *n, whet_cl_ask a)
{
    const bool blocks = whet_node_int(n, "block_size", 0) != 0;
    const bool soft = whet_node_is(n, "Softmax") || whet_node_is(n, "LogSoftmax");
    if (a.kind == WHET_CL_FREE && (blocks || loses_order(g, n))) a.kind = WHET_CL_PLAIN;
    if (soft && a.kind == WHET_CL_FREE) {
        const int64_t axis = whet_node_int(n, "axis", -1);
        a.cost_no = axis == 1 || axis == -3 ? 2 : 0; /* writers have it over the last axis only */
        a.cost_yes = axis == 3 || axis == -1 ? 2 : 0;
    }
    return a;
}

whet_cl_ask whet_cl_ask_of(const whet_graph *g, const whet_node *n)
{
    whet_cl_ask a = {WHET_CL_PLAIN, 0, 0, 0};
    const whet_dims *x = n->n_in > 0 ? dims_of(g, n->in[0]) : dims_of(g, WHET_NO_VALUE);
    for (size_t i = 0; i < WHET_COUNT(table); i++) {
        if (!whet_node_is(n, table[i].op)) continue;
        a.kind = table[i].kind;
        a.in = table[i].in;
        if (a.kind != WHET_CL_VIEW && x->rank != 4) a.kind = WHET_CL_PLAIN;
        return a.kind == WHET_CL_FREE ? refine(g, n, a) : a;
    }
    if ((n->op->flags & WHET_OP_ELEMENTWISE) && n->n_out == 1 && dims_of(g, n->out[0])->rank == 4)
        a = (whet_cl_ask){WHET_CL_FREE, ALL, 0, 0};
    return a;
}

/* --- rewrites */

static const int64_t to_nhwc[4] = {0, 2, 3, 1}, to_nchw[4] = {0, 3, 1, 2}, swap[3] = {0, 2, 1};

/* The first dimension may be a symbol: 0 takes it over. */
static whet_status reshape_to(whet_graph *g, whet_vid x, int rank, const whet_dim *dims, whet_vid *out)
{
    int64_t sizes[WHET_MAX_RANK];
    whet_vid shape = WHET_NO_VALUE;
    for (int i = 0; i < rank; i++) sizes[i] = dims[i] < 0 && i == 0 ? 0 : dims[i];
    WHET_TRY(whet_graph_const_s64(g, NULL, rank, sizes, &shape));
    return whet_graph_op1(g, "Reshape", WHET_IN(x, shape), WHET_NO_ATTRS, out);
}

static bool is_reshape(const whet_node *n) { return whet_node_is(n, "Reshape") || whet_node_is(n, "Flatten") || whet_node_is(n, "Squeeze"); }

/* Known sizes behind the first, which must be equal in both. */
static bool batched(const whet_dims *a, const whet_dims *b)
{
    if (a->rank < 1 || b->rank < 1 || a->dims[0] != b->dims[0] || a->dims[0] == WHET_DIM_UNKNOWN) return false;
    for (int i = 1; i < a->rank; i++)
        if (a->dims[i] < 0) return false;
    for (int i = 1; i < b->rank; i++)
        if (b->dims[i] < 0) return false;
    return true;
}

static whet_status turn_tokens(whet_graph *g, whet_nid id, bool *changed)
{
    const bool to_tokens = whet_match_perm(&g->nodes[id], 3, swap);
    const whet_nid before = whet_match_producer(g, g->nodes[id].in[0], NULL, 0);
    whet_vid y = WHET_NO_VALUE;
    if (before == WHET_NO_NODE || g->nodes[before].n_in < 1) return WHET_OK;
    const whet_node *n = &g->nodes[id], *b = &g->nodes[before];
    const whet_vid x = b->in[0], out = n->out[0];
    const whet_dims from = g->values[x].dims, to = g->values[out].dims;
    if (!batched(&from, &to)) return WHET_OK;
    if (to_tokens && is_reshape(b)) {
        if (from.rank != 4 || to.rank != 3 || from.dims[1] != to.dims[2] || from.dims[2] * from.dims[3] != to.dims[1]) return WHET_OK;
        WHET_TRY(whet_graph_op1(g, "Transpose", WHET_IN(x), WHET_ATTRS(whet_attr_ints("perm", 4, to_nhwc)), &y));
        WHET_TRY(reshape_to(g, y, 3, to.dims, &y));
    } else if (is_reshape(n) && whet_match_perm(b, 3, swap)) {
        if (from.rank != 3 || to.rank != 4 || from.dims[2] != to.dims[1] || to.dims[2] * to.dims[3] != from.dims[1]) return WHET_OK;
        const whet_dim dims[4] = {to.dims[0], to.dims[2], to.dims[3], to.dims[1]};
        WHET_TRY(reshape_to(g, x, 4, dims, &y));
        WHET_TRY(whet_graph_op1(g, "Transpose", WHET_IN(y), WHET_ATTRS(whet_attr_ints("perm", 4, to_nchw)), &y));
    } else {
        return WHET_OK;
    }
    whet_graph_replace_uses(g, out, y);
    *changed = true;
    return WHET_OK;
}

whet_status whet_cl_turn_tokens(whet_graph *g)
{
    const int n_nodes = g->n_nodes;
    bool changed = false;
    for (whet_nid id = 0; id < n_nodes; id++)
        if (g->nodes[id].op != NULL && g->nodes[id].n_in > 0 && g->nodes[id].in[0] >= 0 && !whet_graph_is_output(g, g->nodes[id].out[0]))
            WHET_TRY(turn_tokens(g, id, &changed));
    return changed ? whet_graph_prune(g) : WHET_OK;
}

/* --- flattened images */

enum { MAX_PRODUCTS = 16 };
typedef struct flat {
    whet_graph *g;
    int64_t c, h, w;
    int n;
    whet_nid products[MAX_PRODUCTS];
} flat;

/* The constant behind a value that is dequantised or widened from it: weights as integers or halves. The parameters must not
 * vary along `axis`. */
static whet_vid stored_weights(const whet_graph *g, whet_vid v, int axis)
{
    for (int depth = 0; depth < 4; depth++) {
        if (v < 0) return WHET_NO_VALUE;
        if (whet_graph_const_data(g, v)) return v;
        if (g->values[v].producer == WHET_NO_NODE) return WHET_NO_VALUE;
        const whet_node *n = &g->nodes[g->values[v].producer];
        const bool dq = whet_node_is(n, "DequantizeLinear");
        if (!dq && !whet_node_is(n, "Cast") && !whet_node_is(n, "Identity")) return WHET_NO_VALUE;
        if (dq && (whet_node_int(n, "block_size", 0) != 0 || g->values[n->in[1]].data.data == NULL)) return WHET_NO_VALUE;
        const int64_t a = dq ? whet_node_int(n, "axis", 1) : 0;
        if (dq && whet_tensor_numel(&g->values[n->in[1]].data) > 1 && (a < 0 ? a + 2 : a) == axis) return WHET_NO_VALUE;
        v = n->in[0];
    }
    return WHET_NO_VALUE;
}

/* Axis of the weights along which n multiplies a flattened operand; -1 if n is no such product. */
static int product_axis(const whet_graph *g, const whet_node *n, whet_vid v)
{
    const bool gemm = whet_node_is(n, "Gemm");
    if ((!gemm && !whet_node_is(n, "MatMul")) || n->in[0] != v || n->in[1] == v || g->values[n->in[1]].dims.rank != 2) return -1;
    if (gemm && whet_node_int(n, "transA", 0) != 0) return -1;
    const int axis = gemm && whet_node_int(n, "transB", 0) != 0 ? 1 : 0;
    return stored_weights(g, n->in[1], axis) == WHET_NO_VALUE ? -1 : axis;
}

static bool one_element(const whet_graph *g, whet_vid v)
{
    if (v < 0) return true;
    for (int i = 0; i < g->values[v].dims.rank; i++)
        if (g->values[v].dims.dims[i] != 1) return false;
    return g->values[v].dims.rank >= 0;
}

/* Gathers the products that read v, seen through what works element by element; false if anything else reads it. */
static bool find_products(flat *f, whet_vid v, int depth)
{
    whet_graph *g = f->g;
    whet_nid users[64];
    const whet_uses uses = whet_graph_uses(g, v);
    if (whet_graph_is_output(g, v) || uses.n > (int)WHET_COUNT(users) || depth > 8 || uses.n == 0) return false;
    const int n_users = uses.n;
    for (int i = 0; i < n_users; i++) users[i] = uses.nodes[i];
    for (int i = 0; i < n_users; i++) {
        const whet_node *n = &g->nodes[users[i]];
        if (product_axis(g, n, v) >= 0) {
            if (f->n == MAX_PRODUCTS) return false;
            f->products[f->n++] = users[i];
            continue;
        }
        const bool element = (n->op->flags & WHET_OP_ELEMENTWISE) || whet_node_is(n, "QuantizeLinear") ||
                             whet_node_is(n, "DequantizeLinear") || whet_node_is(n, "Dropout");
        if (!element || n->n_out != 1 || whet_node_int(n, "block_size", 0) != 0) return false;
        for (int k = 0; k < n->n_in; k++)
            if (n->in[k] != v && !one_element(g, n->in[k])) return false;
        if (!find_products(f, n->out[0], depth + 1)) return false;
    }
    return true;
}

/* Rows (axis 0) or columns (axis 1) of a matrix from the order C, H, W to H, W, C. */
static whet_status permute_weights(const flat *f, const whet_tensor *t, int axis, whet_tensor *out)
{
    const size_t e = whet_dtype_size(t->dtype);
    const int64_t rows = t->shape.dims[0], columns = t->shape.dims[1], pixels = f->h * f->w;
    if (e == 0) return WHET_FAIL(WHET_EUNSUPPORTED, "packed %s weights cannot be permuted", whet_dtype_name(t->dtype));
    WHET_TRY(whet_tensor_alloc(out, t->dtype, &t->shape));
    for (int64_t p = 0; p < pixels; p++)
        for (int64_t c = 0; c < f->c; c++) {
            const int64_t from = c * pixels + p, to = p * f->c + c;
            if (axis == 0) {
                memcpy((char *)out->data + (size_t)(to * columns) * e, (const char *)t->data + (size_t)(from * columns) * e, (size_t)columns * e);
                continue;
            }
            for (int64_t r = 0; r < rows; r++)
                memcpy((char *)out->data + (size_t)(r * columns + to) * e, (const char *)t->data + (size_t)(r * columns + from) * e, e);
        }
    return WHET_OK;
}

/* New weights for one product; what is between the constant and the product is made anew. */
static whet_status change_weights(const flat *f, whet_nid product, int axis)
{
    whet_graph *g = f->g;
    whet_nid chain[4];
    int depth = 0;
    whet_vid v = g->nodes[product].in[1], now = WHET_NO_VALUE;
    whet_tensor t = {0};
    while (!whet_graph_const_data(g, v)) {
        chain[depth++] = g->values[v].producer;
        v = g->nodes[g->values[v].producer].in[0];
    }
    whet_tensor_init(&t);
    whet_status status = permute_weights(f, whet_graph_const_data(g, v), axis, &t);
    if (status == WHET_OK) status = whet_graph_const(g, g->values[v].name, &t, &now);
    whet_tensor_dispose(&t);
    while (status == WHET_OK && depth-- > 0) {
        const whet_node *n = &g->nodes[chain[depth]];
        whet_vid in[3] = {now, n->n_in > 1 ? n->in[1] : WHET_NO_VALUE, n->n_in > 2 ? n->in[2] : WHET_NO_VALUE};
        whet_attr attrs[8];
        char op[64];
        const int n_in = n->n_in, n_attr = WHET_MIN(n->n_attr, 8);
        for (int i = 0; i < n_attr; i++) attrs[i] = n->attr[i];
        whet_op_text(n->op, op, sizeof(op));
        status = whet_graph_op1(g, op, n_in, in, n_attr, attrs, &now);
    }
    if (status == WHET_OK) whet_graph_set_input(g, product, 1, now);
    return status;
}

/* What node id flattens and the products behind; false if it is no such node. */
static bool look_at_flatten(whet_graph *g, whet_nid id, flat *f)
{
    const whet_node *flatten = &g->nodes[id];
    if (!is_reshape(flatten) || flatten->in[0] < 0) return false;
    const whet_dims from = g->values[flatten->in[0]].dims, to = g->values[flatten->out[0]].dims;
    if (from.rank != 4 || to.rank != 2 || !batched(&from, &to) || whet_cl_same_bytes(&from)) return false;
    *f = (flat){.g = g, .c = from.dims[1], .h = from.dims[2], .w = from.dims[3]};
    if (to.dims[1] != f->c * f->h * f->w || !find_products(f, flatten->out[0], 0)) return false;
    for (int i = 0; i < f->n; i++) {
        const whet_node *n = &g->nodes[f->products[i]];
        const int axis = product_axis(g, n, n->in[0]);
        for (int k = 0; k < i; k++)
            if (f->products[k] == f->products[i]) return false; /* both operands come from here */
        if (axis < 0 || g->values[n->in[1]].dims.dims[axis] != to.dims[1]) return false;
    }
    return true;
}

bool whet_cl_can_turn_flatten(whet_graph *g, whet_nid id)
{
    flat f;
    return look_at_flatten(g, id, &f);
}

whet_status whet_cl_turn_flatten(whet_graph *g, whet_nid id)
{
    flat f;
    const whet_vid x = g->nodes[id].in[0], out = g->nodes[id].out[0];
    const whet_dims to = g->values[out].dims;
    whet_vid y = WHET_NO_VALUE;
    if (!look_at_flatten(g, id, &f)) return WHET_OK;
    for (int i = 0; i < f.n; i++) {
        const whet_node *n = &g->nodes[f.products[i]];
        WHET_TRY(change_weights(&f, f.products[i], product_axis(g, n, n->in[0])));
    }
    WHET_TRY(whet_graph_op1(g, "Transpose", WHET_IN(x), WHET_ATTRS(whet_attr_ints("perm", 4, to_nhwc)), &y));
    WHET_TRY(reshape_to(g, y, 2, to.dims, &y));
    whet_graph_replace_uses(g, out, y);
    return WHET_OK;
}
