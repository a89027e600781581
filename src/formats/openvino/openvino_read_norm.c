/* SPDX-License-Identifier: Apache-2.0 */
/* Normalisations; and what IR writes apart and the graph holds as one: a bias behind a convolution or a product, scale and bias
 * behind MVN. Source: the operation pages of OpenVINO's documentation. */
#include <stdio.h>

#include "formats/openvino/openvino_readers.h"

static void with_epsilon(ov_work *w, int n, const whet_vid *in)
{
    const whet_attr a = whet_attr_float("epsilon", (float)ov_number(w, "epsilon", ov_number(w, "eps", 1e-5)));
    ov_out(w, 0, ov_node(w, w->row->op, n, in, 1, &a));
}

/* data, gamma, beta, mean, variance */
void ov_read_batch_norm(ov_work *w)
{
    const whet_vid in[5] = {ov_in(w, 0), ov_in(w, 1), ov_in(w, 2), ov_in(w, 3), ov_in(w, 4)};
    with_epsilon(w, 5, in);
}

/* gamma, beta, data, mean, variance */
void ov_read_batch_norm_old(ov_work *w)
{
    const whet_vid in[5] = {ov_in(w, 2), ov_in(w, 0), ov_in(w, 1), ov_in(w, 3), ov_in(w, 4)};
    with_epsilon(w, 5, in);
}

void ov_read_group_norm(ov_work *w)
{
    const whet_attr a[2] = {whet_attr_float("epsilon", (float)ov_number(w, "epsilon", 1e-5)), whet_attr_int("num_groups", ov_int(w, "num_groups", 1))};
    const whet_vid in[3] = {ov_in(w, 0), ov_in(w, 1), ov_in(w, 2)};
    ov_out(w, 0, ov_node(w, "GroupNormalization", 3, in, 2, a));
}

void ov_read_lrn(ov_work *w)
{
    const whet_attr a[4] = {whet_attr_float("alpha", (float)ov_number(w, "alpha", 1e-4)), whet_attr_float("beta", (float)ov_number(w, "beta", 0.75)),
                            whet_attr_float("bias", (float)ov_number(w, "bias", 1)), whet_attr_int("size", ov_int(w, "size", 1))};
    const whet_vid x = ov_in(w, 0);
    int64_t axes[WHET_MAX_RANK];
    if (ov_need_ints(w, 1, "axes", axes, WHET_MAX_RANK) != 1 || axes[0] != 1) ov_fail(w, WHET_EUNSUPPORTED, "other axes than 1 are not handled");
    ov_out(w, 0, ov_node(w, "LRN", 1, &x, 4, a));
}

static whet_vid reduced(ov_work *w, const char *op, whet_vid x, int n, const int64_t *axes)
{
    const whet_attr keep = whet_attr_int("keepdims", 1);
    return ov_node(w, op, OV_IN(x, ov_make_ints(w, n, axes)), 1, &keep);
}

static bool outside(ov_work *w)
{
    const char *mode = ov_text(w, "eps_mode", "inside_sqrt");
    if (strcasecmp(mode, "inside_sqrt") == 0) return false;
    if (strcasecmp(mode, "outside_sqrt") != 0) ov_fail(w, WHET_EUNSUPPORTED, "eps_mode '%.40s' is not handled", mode);
    return true;
}

/* Over the last axis, in the usual form: LayerNormalization with a scale of ones, which a Multiply behind it may replace. */
static bool layer_form(ov_work *w, whet_vid x, int n, const int64_t *axes, double eps)
{
    const int rank = ov_rank(w, 0);
    const whet_dim size = ov_dim(w, 0, rank - 1);
    const whet_shape shape = WHET_SHAPE(size);
    whet_tensor ones;
    if (n != 1 || axes[0] != rank - 1 || size < 1 || w->status != WHET_OK) return false;
    whet_tensor_init(&ones);
    w->status = ov_budget(w->r, (size_t)size * 8);
    if (w->status == WHET_OK) w->status = whet_tensor_alloc(&ones, ov_dtype(w, 0), &shape);
    for (int64_t i = 0; i < size && w->status == WHET_OK; i++) whet_tensor_set_f64(&ones, i, 1);
    const whet_attr a[2] = {whet_attr_int("axis", -1), whet_attr_float("epsilon", (float)eps)};
    const whet_vid scale = ov_make_const(w, NULL, &ones);
    ov_out(w, 0, ov_node(w, "LayerNormalization", OV_IN(x, scale), 2, a));
    whet_tensor_dispose(&ones);
    return true;
}

static void normalise(ov_work *w, int n, const int64_t *axes, bool variance, bool outside_sqrt)
{
    const double eps = ov_number(w, "eps", 1e-9);
    const whet_vid x = ov_in(w, 0);
    if (variance && !outside_sqrt && layer_form(w, x, n, axes, eps)) return;
    const whet_vid d = ov_op(w, "Sub", OV_IN(x, reduced(w, "ReduceMean", x, n, axes)));
    if (!variance) {
        ov_out(w, 0, d);
        return;
    }
    whet_vid s = reduced(w, "ReduceMean", ov_op(w, "Mul", OV_IN(d, d)), n, axes);
    const whet_vid e = ov_make_scalar(w, ov_dtype(w, 0), eps);
    s = outside_sqrt ? ov_op(w, "Add", OV_IN(ov_op(w, "Sqrt", OV_IN(s)), e)) : ov_op(w, "Sqrt", OV_IN(ov_op(w, "Add", OV_IN(s, e))));
    ov_out(w, 0, ov_op(w, "Div", OV_IN(d, s)));
}

void ov_read_mvn(ov_work *w)
{
    int64_t axes[WHET_MAX_RANK];
    const int rank = ov_rank(w, 0), n = ov_need_ints(w, 1, "axes", axes, WHET_MAX_RANK);
    for (int i = 0; i < n; i++) axes[i] = ov_axis(w, axes[i], rank);
    normalise(w, n, axes, ov_bool(w, "normalize_variance", true), outside(w));
}

/* Axes by attribute: all behind the batch, or behind the channels. */
void ov_read_mvn_old(ov_work *w)
{
    int64_t axes[WHET_MAX_RANK];
    const int rank = ov_rank(w, 0);
    int n = ov_list(w, "reduction_axes", axes, WHET_MAX_RANK);
    const bool across = ov_bool(w, "across_channels", false);
    if (rank < 0) ov_fail(w, WHET_EUNSUPPORTED, "the rank of the input is not known");
    if (n == 0)
        for (int i = across ? 1 : 2; i < rank; i++) axes[n++] = i;
    normalise(w, n, axes, ov_bool(w, "normalize_variance", true), true);
}

/* x / sqrt(sum of squares + eps), or of the larger of both. */
void ov_read_normalize_l2(ov_work *w)
{
    int64_t axes[WHET_MAX_RANK];
    const char *mode = ov_text(w, "eps_mode", "add");
    const double eps = ov_number(w, "eps", 1e-12);
    const whet_vid x = ov_in(w, 0);
    const int n = ov_need_ints(w, 1, "axes", axes, WHET_MAX_RANK);
    if (strcasecmp(mode, "add") != 0 && strcasecmp(mode, "max") != 0) ov_fail(w, WHET_EUNSUPPORTED, "eps_mode '%.40s' is not handled", mode);
    const whet_vid e = ov_make_scalar(w, ov_dtype(w, 0), eps), sum = reduced(w, "ReduceSumSquare", x, n, axes);
    const whet_vid safe = ov_op(w, strcasecmp(mode, "add") == 0 ? "Add" : "Max", OV_IN(sum, e));
    ov_out(w, 0, ov_op(w, "Div", OV_IN(x, ov_op(w, "Sqrt", OV_IN(safe)))));
}

/* --- bringing together */

/* The constant in half precision behind a Cast, else v itself. */
static whet_vid narrow_of(const whet_graph *g, whet_vid v)
{
    const whet_nid n = g->values[v].producer;
    return n >= 0 && g->nodes[n].op && whet_node_is(&g->nodes[n], "Cast") ? g->nodes[n].in[0] : v;
}

/* Constant i of the node as n values along one axis: [1, n, 1, 1] for axis_from_end 2, [n] or [1, n] for 0. */
static bool vector_at(const whet_graph *g, whet_vid v, int64_t n, int axis_from_end, whet_tensor *out)
{
    const whet_tensor *t = v >= 0 ? whet_graph_const_data(g, narrow_of(g, v)) : NULL;
    if (!t || whet_tensor_numel(t) != n || t->shape.rank <= axis_from_end || t->shape.dims[t->shape.rank - 1 - axis_from_end] != n) return false;
    whet_tensor_init(out);
    whet_tensor_ref(out, t);
    out->shape = WHET_SHAPE(n);
    return true;
}

/* The node with other inputs takes over the output of the node behind it, name included. */
static whet_status replace(whet_graph *g, whet_nid core, whet_nid behind, int n_in, const whet_vid *in)
{
    whet_node n = g->nodes[core];
    whet_vid out = WHET_NO_VALUE, old = g->nodes[behind].out[0];
    char name[256], op[96], aside[288];
    snprintf(name, sizeof(name), "%s", g->values[old].name);
    snprintf(aside, sizeof(aside), "%s/plain", name);
    WHET_TRY(whet_graph_node(g, whet_op_text(n.op, op, sizeof(op)), n.name, n_in, in, n.n_attr, n.attr, 1, NULL, &out));
    whet_graph_replace_uses(g, old, out);
    whet_graph_remove_node(g, behind);
    if (strlen(name) + 1 < sizeof(name) && whet_graph_find(g, aside) < 0) {
        WHET_TRY(whet_graph_rename(g, old, aside));
        WHET_TRY(whet_graph_rename(g, out, name));
    }
    return WHET_OK;
}

/* The constant of dimensions [1, n, 1, 1] as [n], under its name. */
static whet_status as_vector(whet_graph *g, whet_vid v, const whet_tensor *t, whet_vid *out)
{
    whet_status status = WHET_OK;
    const whet_vid narrow = narrow_of(g, v);
    const whet_attr to = whet_attr_int("to", whet_dtype_to_onnx(g->values[v].dtype));
    char name[256], aside[288];
    *out = ov_const_instead(g, narrow, g->values[narrow].name, t, &status);
    if (status != WHET_OK || narrow == v) return status;
    snprintf(name, sizeof(name), "%s", g->values[v].name);
    snprintf(aside, sizeof(aside), "%s/plain", name);
    if (whet_graph_find(g, aside) < 0) WHET_TRY(whet_graph_rename(g, v, aside));
    const char *names[1] = {name};
    const whet_vid in[1] = {*out};
    return whet_graph_node(g, "Cast", NULL, 1, in, 1, &to, 1, names, out);
}

static whet_status with_vector(whet_graph *g, whet_nid core, whet_nid behind, int at, whet_vid vector, const whet_tensor *t)
{
    whet_vid in[3] = {WHET_NO_VALUE, WHET_NO_VALUE, WHET_NO_VALUE};
    for (int i = 0; i < g->nodes[core].n_in && i < 3; i++) in[i] = g->nodes[core].in[i];
    in[at] = vector;
    if (g->values[vector].dims.rank != 1) WHET_TRY(as_vector(g, vector, t, &in[at]));
    return replace(g, core, behind, at == 2 ? 3 : 2, in);
}

static bool all_ones(const whet_tensor *t)
{
    for (int64_t i = 0; i < whet_tensor_numel(t); i++)
        if (whet_tensor_get_f64(t, i) != 1) return false;
    return true;
}

/* What may take the vector in as which of its inputs. */
static int slot(const whet_graph *g, const whet_node *core, bool multiply, int64_t *n, int *axis_from_end)
{
    const whet_dims *y = &g->values[core->out[0]].dims;
    *axis_from_end = 0;
    if (core->n_in > 2 || y->rank < 2) return 0;
    if (whet_node_is(core, "LayerNormalization")) {
        const whet_tensor *scale = whet_graph_const_data(g, core->in[1]);
        *n = y->dims[y->rank - 1];
        return multiply ? (scale && all_ones(scale) ? 1 : 0) : 2;
    }
    if (multiply) return 0;
    if (whet_node_is(core, "Gemm")) {
        *n = y->dims[1];
        return 2;
    }
    if (!whet_node_is(core, "Conv") && !whet_node_is(core, "ConvTranspose")) return 0;
    *n = y->dims[1];
    *axis_from_end = y->rank - 2;
    return 2;
}

whet_status ov_gather_bias(whet_graph *g)
{
    for (whet_nid i = 0; i < g->n_nodes; i++) {
        const whet_node *n = &g->nodes[i];
        const bool multiply = n->op && whet_node_is(n, "Mul");
        if (!n->op || (!multiply && !whet_node_is(n, "Add"))) continue;
        for (int side = 0; side < 2; side++) {
            const whet_vid x = g->nodes[i].in[side], v = g->nodes[i].in[1 - side];
            const whet_nid core = g->values[x].producer;
            int64_t count = 0;
            int from_end = 0;
            whet_tensor t;
            if (core < 0 || whet_graph_uses(g, x).n != 1 || whet_graph_is_output(g, x)) continue;
            const int at = slot(g, &g->nodes[core], multiply, &count, &from_end);
            if (!at || count < 1 || g->values[g->nodes[i].out[0]].dims.rank != g->values[x].dims.rank) continue;
            if (!vector_at(g, v, count, from_end, &t)) continue;
            const whet_status status = with_vector(g, core, i, at, v, &t);
            whet_tensor_dispose(&t);
            WHET_TRY(status);
            break;
        }
    }
    return WHET_OK;
}
