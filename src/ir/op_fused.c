/* SPDX-License-Identifier: Apache-2.0 */
/* Operators that only the passes make: products and convolutions with what follows them, and attention. None but the
 * attention has a gradient: where one is needed, the passes leave the plain operators alone.
 *
 * FusedConv, FusedMatMul: y = act(product + bias + residual), or act(product + bias) + residual with residual_after = 1.
 * FusedAttention: for each image and head, softmax(scale * q k^T [+ mask]) v (Vaswani et al. 2017), all four in the order
 * [n, position, head * head_dim + i], so that no transposition is needed around it. */
#include "ir/ops.h"

static const char *const activations[] = {"", "Relu", "Clip", "Sigmoid", "Silu", "HardSigmoid", "HardSwish", "Gelu", "GeluTanh", "Tanh"};

const whet_attr_def attrs_fused_matmul[] = {FUSED_ATTRS, ATTR_INT("residual_after", 0), ATTR_END};
/* head_dim of q and k, value_dim of v (0: the same); *_offset: where the heads begin in the rows of each, which lets one
 * product's result hold all three. */
const whet_attr_def attrs_fused_attention[] = {ATTR_INT_REQUIRED("heads"), ATTR_INT_REQUIRED("head_dim"), ATTR_INT("value_dim", 0),
                                               ATTR_INT("q_offset", 0), ATTR_INT("k_offset", 0), ATTR_INT("v_offset", 0),
                                               ATTR_FLOAT("scale", 1), ATTR_END};

whet_status infer_activation(const whet_infer *c)
{
    const char *act = whet_node_string(c->n, "activation", "");
    for (size_t i = 0; i < WHET_COUNT(activations); i++)
        if (strcmp(act, activations[i]) == 0) return WHET_OK;
    return whet_infer_fail(c, WHET_EINVAL, "activation is '%s', which is no known one", act);
}

whet_status infer_residual(const whet_infer *c, int i)
{
    const whet_dims *r = whet_infer_dims(c, i), *y = &c->g->values[c->n->out[0]].dims;
    whet_dims both;
    if (!whet_infer_has(c, i)) return WHET_OK;
    if (whet_infer_dtype(c, i) != whet_infer_dtype(c, 0))
        return whet_infer_fail(c, WHET_ESHAPE, "the residual is %s, but input 0 is %s", whet_dtype_name(whet_infer_dtype(c, i)),
                               whet_dtype_name(whet_infer_dtype(c, 0)));
    if (r->rank >= 0 && y->rank >= 0 && !infer_same_dims(r, y, &both))
        return whet_infer_fail(c, WHET_ESHAPE, "the residual's shape differs from the output's");
    return WHET_OK;
}

whet_status infer_fused_matmul(whet_infer *c)
{
    WHET_TRY(infer_activation(c));
    WHET_TRY(infer_matmul(c));
    const whet_dims *bias = whet_infer_dims(c, 2), *y = &c->g->values[c->n->out[0]].dims;
    whet_dim n = 0;
    if (y->rank == 0 || (y->rank > 0 && whet_infer_dims(c, 1)->rank < 2))
        return whet_infer_fail(c, WHET_ESHAPE, "input 1 is no matrix");
    if (whet_infer_has(c, 2) && bias->rank >= 0 && (bias->rank != 1 || (y->rank > 0 && !infer_same_dim(bias->dims[0], y->dims[y->rank - 1], &n))))
        return whet_infer_fail(c, WHET_ESHAPE, "the bias is no vector of the output's last size");
    return infer_residual(c, 3);
}

/* Rows of input i must hold heads * size values from `offset` on. */
static whet_status check_rows(const whet_infer *c, int i, int64_t offset, int64_t width)
{
    const whet_dims *x = whet_infer_dims(c, i);
    if (whet_infer_dtype(c, i) != whet_infer_dtype(c, 0))
        return whet_infer_fail(c, WHET_ESHAPE, "input %d is %s, but input 0 is %s", i, whet_dtype_name(whet_infer_dtype(c, i)),
                               whet_dtype_name(whet_infer_dtype(c, 0)));
    if (x->rank >= 0 && x->rank != 3) return whet_infer_fail(c, WHET_ESHAPE, "input %d has rank %d, but 3 is needed", i, x->rank);
    if (offset < 0 || (x->rank == 3 && x->dims[2] >= 0 && (offset > x->dims[2] || x->dims[2] - offset < width)))
        return whet_infer_fail(c, WHET_ESHAPE, "rows of input %d are too short", i);
    return WHET_OK;
}

whet_status infer_fused_attention(whet_infer *c)
{
    const int64_t most = 1 << 20, heads = whet_node_int(c->n, "heads", 0), dim = whet_node_int(c->n, "head_dim", 0);
    const int64_t given = whet_node_int(c->n, "value_dim", 0), value = given != 0 ? given : dim;
    const whet_dims *q = whet_infer_dims(c, 0), *k = whet_infer_dims(c, 1), *v = whet_infer_dims(c, 2), *mask = whet_infer_dims(c, 3);
    whet_dims y = {.rank = 3, .dims = {WHET_DIM_UNKNOWN, WHET_DIM_UNKNOWN, heads * value}}, all;
    whet_dim same = 0;
    WHET_TRY(whet_infer_need_dtype(c, 0, "f32 f64"));
    if (heads < 1 || dim < 1 || value < 1 || heads > most || dim > most || value > most)
        return whet_infer_fail(c, WHET_EINVAL, "%lld heads of size %lld and %lld", (long long)heads, (long long)dim, (long long)value);
    WHET_TRY(check_rows(c, 0, whet_node_int(c->n, "q_offset", 0), heads * dim));
    WHET_TRY(check_rows(c, 1, whet_node_int(c->n, "k_offset", 0), heads * dim));
    WHET_TRY(check_rows(c, 2, whet_node_int(c->n, "v_offset", 0), heads * value));
    if (k->rank == 3 && v->rank == 3 && (!infer_same_dim(k->dims[1], v->dims[1], &same) || !infer_same_dim(k->dims[0], v->dims[0], &same)))
        return whet_infer_fail(c, WHET_ESHAPE, "keys and values differ in number");
    if (q->rank == 3 && k->rank == 3 && !infer_same_dim(q->dims[0], k->dims[0], &same))
        return whet_infer_fail(c, WHET_ESHAPE, "queries and keys have different batches");
    if (q->rank == 3) {
        y.dims[0] = q->dims[0];
        y.dims[1] = q->dims[1];
    }
    if (whet_infer_has(c, 3) && mask->rank >= 0) {
        const whet_dims scores = {.rank = 4, .dims = {y.dims[0], heads, y.dims[1], k->rank == 3 ? k->dims[1] : WHET_DIM_UNKNOWN}};
        if (whet_infer_dtype(c, 3) != whet_infer_dtype(c, 0)) return whet_infer_fail(c, WHET_ESHAPE, "the mask has another type");
        WHET_TRY(whet_infer_broadcast(c, &scores, mask, &all));
        if (all.rank != 4 || !infer_same_dims(&all, &scores, &all)) return whet_infer_fail(c, WHET_ESHAPE, "the mask does not broadcast to the scores");
    }
    return whet_infer_set(c, 0, whet_infer_dtype(c, 0), &y);
}

/* (dy, q, k, v [, mask]) -> dq, dk, dv; one gradient where q, k and v are columns of one value, none shared. */
whet_status infer_attention_grad(whet_infer *c)
{
    WHET_TRY(whet_infer_need_dtype(c, 0, "f32 f64"));
    for (int i = 0; i < c->n->n_out; i++) WHET_TRY(whet_infer_set(c, i, whet_infer_dtype(c, 0), whet_infer_dims(c, i + 1)));
    return WHET_OK;
}

/* q, k and v are columns of one value, and no column is of two of them: their gradients stand beside each other. */
static bool side_by_side(const whet_node *n)
{
    const int64_t heads = whet_node_int(n, "heads", 0), dim = whet_node_int(n, "head_dim", 0), given = whet_node_int(n, "value_dim", 0);
    const int64_t at[3] = {whet_node_int(n, "q_offset", 0), whet_node_int(n, "k_offset", 0), whet_node_int(n, "v_offset", 0)};
    const int64_t wide[3] = {heads * dim, heads * dim, heads * (given != 0 ? given : dim)};
    for (int i = 0; i < 3; i++)
        for (int j = 0; j < i; j++)
            if (n->in[i] != n->in[j] || (at[i] < at[j] + wide[j] && at[j] < at[i] + wide[i])) return false;
    return true;
}

whet_status grad_fused_attention(whet_grad *c)
{
    const whet_node *n = c->n;
    const bool one = side_by_side(n), masked = n->n_in > 3 && n->in[3] != WHET_NO_VALUE;
    const whet_vid in[5] = {c->dy[0], n->in[0], n->in[1], n->in[2], masked ? n->in[3] : WHET_NO_VALUE};
    whet_vid out[3] = {WHET_NO_VALUE, WHET_NO_VALUE, WHET_NO_VALUE};
    if (masked && c->need[3]) return WHET_FAIL(WHET_EUNSUPPORTED, "gradient of attention by its mask");
    WHET_TRY(whet_graph_node(c->g, "whet.AttentionGrad", NULL, masked ? 5 : 4, in, n->n_attr, n->attr, one ? 1 : 3, NULL, out));
    for (int i = 0; i < (one ? 1 : 3); i++)
        if (c->need[i]) c->dx[i] = out[i];
    return WHET_OK;
}
