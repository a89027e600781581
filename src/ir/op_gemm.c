/* SPDX-License-Identifier: Apache-2.0 */
/* Gemm, MatMul and the fused Gemm (ONNX operator specifications, opset 13; numpy.matmul for batches and vectors). */
#include "ir/ops.h"

#define GEMM_ATTRS ATTR_FLOAT("alpha", 1), ATTR_FLOAT("beta", 1), ATTR_INT("transA", 0), ATTR_INT("transB", 0)
const whet_attr_def attrs_gemm[] = {GEMM_ATTRS, ATTR_END};
const whet_attr_def attrs_fused_gemm[] = {GEMM_ATTRS, FUSED_ATTRS, ATTR_END};

static whet_status same_types(const whet_infer *c)
{
    WHET_TRY(whet_infer_need_dtype(c, 0, "f32 f64"));
    for (int i = 1; i < c->n->n_in; i++)
        if (whet_infer_has(c, i) && whet_infer_dtype(c, i) != whet_infer_dtype(c, 0))
            return whet_infer_fail(c, WHET_ESHAPE, "input %d is %s, but input 0 is %s", i,
                                   whet_dtype_name(whet_infer_dtype(c, i)), whet_dtype_name(whet_infer_dtype(c, 0)));
    return WHET_OK;
}

whet_status infer_gemm(whet_infer *c)
{
    const whet_dims *a = whet_infer_dims(c, 0), *b = whet_infer_dims(c, 1);
    const int ta = whet_node_int(c->n, "transA", 0) != 0, tb = whet_node_int(c->n, "transB", 0) != 0;
    whet_dims y = {.rank = 2, .dims = {WHET_DIM_UNKNOWN, WHET_DIM_UNKNOWN}}, all;
    whet_dim k = WHET_DIM_UNKNOWN;
    WHET_TRY(same_types(c));
    if ((a->rank >= 0 && a->rank != 2) || (b->rank >= 0 && b->rank != 2))
        return whet_infer_fail(c, WHET_ESHAPE, "inputs have ranks %d and %d, but 2 is needed", a->rank, b->rank);
    if (a->rank == 2 && b->rank == 2 && !infer_same_dim(a->dims[1 - ta], b->dims[tb], &k))
        return whet_infer_fail(c, WHET_ESHAPE, "inner sizes %lld and %lld differ", (long long)a->dims[1 - ta], (long long)b->dims[tb]);
    if (a->rank == 2) y.dims[0] = a->dims[ta];
    if (b->rank == 2) y.dims[1] = b->dims[1 - tb];
    if (whet_infer_has(c, 2) && whet_infer_dims(c, 2)->rank >= 0) {
        WHET_TRY(whet_infer_broadcast(c, &y, whet_infer_dims(c, 2), &all));
        if (all.rank != 2 || !infer_same_dims(&all, &y, &all))
            return whet_infer_fail(c, WHET_ESHAPE, "input 2 does not broadcast to the output");
    }
    return whet_infer_set(c, 0, whet_infer_dtype(c, 0), &y);
}

whet_status infer_fused_gemm(whet_infer *c)
{
    WHET_TRY(infer_activation(c));
    return infer_gemm(c);
}

whet_status infer_matmul(whet_infer *c)
{
    const whet_dims *a = whet_infer_dims(c, 0), *b = whet_infer_dims(c, 1);
    whet_dims ab, bb, y;
    whet_dim k = WHET_DIM_UNKNOWN;
    WHET_TRY(same_types(c));
    if (a->rank < 0 || b->rank < 0) {
        y = (whet_dims){.rank = -1};
        return whet_infer_set(c, 0, whet_infer_dtype(c, 0), &y);
    }
    if (a->rank == 0 || b->rank == 0) return whet_infer_fail(c, WHET_ESHAPE, "an input is a scalar");
    if (!infer_same_dim(a->dims[a->rank - 1], b->dims[b->rank == 1 ? 0 : b->rank - 2], &k))
        return whet_infer_fail(c, WHET_ESHAPE, "inner sizes %lld and %lld differ", (long long)a->dims[a->rank - 1],
                               (long long)b->dims[b->rank == 1 ? 0 : b->rank - 2]);
    ab = *a;
    bb = *b;
    ab.rank = WHET_MAX(a->rank - 2, 0);
    bb.rank = WHET_MAX(b->rank - 2, 0);
    WHET_TRY(whet_infer_broadcast(c, &ab, &bb, &y));
    if (a->rank > 1) y.dims[y.rank++] = a->dims[a->rank - 2];
    if (b->rank > 1) y.dims[y.rank++] = b->dims[b->rank - 1];
    return whet_infer_set(c, 0, whet_infer_dtype(c, 0), &y);
}

static whet_status gemm_node(whet_graph *g, whet_vid a, bool ta, whet_vid b, bool tb, float alpha, whet_vid *out)
{
    return whet_graph_op1(g, "Gemm", WHET_IN(a, b),
                          WHET_ATTRS(whet_attr_float("alpha", alpha), whet_attr_int("transA", ta), whet_attr_int("transB", tb)), out);
}

whet_status grad_gemm(whet_grad *c)
{
    const whet_node *n = c->n;
    const whet_vid a = n->in[0], b = n->in[1], bias = n->n_in > 2 ? n->in[2] : WHET_NO_VALUE, dy = c->dy[0];
    const bool ta = whet_node_int(n, "transA", 0) != 0, tb = whet_node_int(n, "transB", 0) != 0;
    const float alpha = whet_node_float(n, "alpha", 1), beta = whet_node_float(n, "beta", 1);
    whet_vid sum = WHET_NO_VALUE, factor = WHET_NO_VALUE;
    if (c->need[0])
        WHET_TRY(ta ? gemm_node(c->g, b, tb, dy, true, alpha, &c->dx[0]) : gemm_node(c->g, dy, false, b, !tb, alpha, &c->dx[0]));
    if (c->need[1])
        WHET_TRY(tb ? gemm_node(c->g, dy, true, a, ta, alpha, &c->dx[1]) : gemm_node(c->g, a, !ta, dy, false, alpha, &c->dx[1]));
    if (bias == WHET_NO_VALUE || !c->need[2]) return WHET_OK;
    const whet_dims *bd = &c->g->values[bias].dims, *yd = &c->g->values[dy].dims;
    if (bd->rank == 1 && yd->rank == 2 && bd->dims[0] > 1 && bd->dims[0] == yd->dims[1])
        WHET_TRY(whet_graph_op1(c->g, "whet.ChannelSum", WHET_IN(dy), WHET_NO_ATTRS, &sum));
    else
        WHET_TRY(grad_sum_to(c, dy, bias, &sum));
    c->dx[2] = sum;
    if (beta == 1) return WHET_OK;
    WHET_TRY(grad_scalar(c, c->g->values[bias].dtype, (double)beta, &factor));
    return whet_graph_op1(c->g, "Mul", WHET_IN(sum, factor), WHET_NO_ATTRS, &c->dx[2]);
}

static whet_status swap_last(whet_graph *g, whet_vid x, whet_vid *out)
{
    int64_t perm[WHET_MAX_RANK];
    const int rank = g->values[x].dims.rank;
    for (int i = 0; i < rank; i++) perm[i] = i;
    perm[rank - 1] = rank - 2;
    perm[rank - 2] = rank - 1;
    return whet_graph_op1(g, "Transpose", WHET_IN(x), WHET_ATTRS(whet_attr_ints("perm", rank, perm)), out);
}

static whet_status with_axis(whet_graph *g, const char *op, whet_vid x, int64_t axis, whet_vid *out)
{
    whet_vid axes = WHET_NO_VALUE;
    WHET_TRY(whet_graph_const_s64(g, NULL, 1, &axis, &axes));
    return whet_graph_op1(g, op, WHET_IN(x, axes), WHET_NO_ATTRS, out);
}

/* Vectors are given the axis that numpy.matmul adds, and lose it again at the end. */
whet_status grad_matmul(whet_grad *c)
{
    whet_graph *g = c->g;
    const whet_vid in[2] = {c->n->in[0], c->n->in[1]};
    const int ra = g->values[in[0]].dims.rank, rb = g->values[in[1]].dims.rank;
    whet_vid a = in[0], b = in[1], dy = c->dy[0], t = WHET_NO_VALUE, full = WHET_NO_VALUE;
    if (ra < 1 || rb < 1) return WHET_FAIL(WHET_EUNSUPPORTED, "gradient of MatMul with inputs of unknown rank");
    if (ra == 1) WHET_TRY(with_axis(g, "Unsqueeze", a, 0, &a));
    if (rb == 1) WHET_TRY(with_axis(g, "Unsqueeze", b, 1, &b));
    if (rb == 1) WHET_TRY(with_axis(g, "Unsqueeze", dy, -1, &dy));
    if (ra == 1) WHET_TRY(with_axis(g, "Unsqueeze", dy, -2, &dy));
    if (c->need[0]) {
        WHET_TRY(swap_last(g, b, &t));
        WHET_TRY(whet_graph_op1(g, "MatMul", WHET_IN(dy, t), WHET_NO_ATTRS, &full));
        WHET_TRY(grad_sum_to(c, full, a, &full));
        if (ra == 1) WHET_TRY(with_axis(g, "Squeeze", full, 0, &full));
        c->dx[0] = full;
    }
    if (c->need[1]) {
        WHET_TRY(swap_last(g, a, &t));
        WHET_TRY(whet_graph_op1(g, "MatMul", WHET_IN(t, dy), WHET_NO_ATTRS, &full));
        WHET_TRY(grad_sum_to(c, full, b, &full));
        if (rb == 1) WHET_TRY(with_axis(g, "Squeeze", full, 1, &full));
        c->dx[1] = full;
    }
    return WHET_OK;
}
