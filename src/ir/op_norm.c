/* SPDX-License-Identifier: Apache-2.0 */
/* Normalisations: batch (inference, ONNX's training mode, and the training operator of our own zoo), instance, group,
 * layer, RMS, local response; and their gradients.
 *
 * BatchNormalization, training_mode 1 (ONNX): running = running * momentum + batch * (1 - momentum), with the biased
 * variance. whet.BatchNormTrain has the attribute `unbiased` (default 1): the running variance takes the unbiased one,
 * as PyTorch's does, whose numbers our zoo follows. It also keeps the batch's mean and 1 / sqrt(var + epsilon) for the
 * gradient, can add a residual and can end in an activation: y = act(bn(x) + residual). The attribute is relu = 1, or
 * activation = "Relu", "Clip" (act_min, act_max) or, without a residual, "Silu". */
#include "ir/ops.h"

const whet_attr_def attrs_batch_norm[] = {ATTR_FLOAT("epsilon", 1e-5f), ATTR_FLOAT("momentum", 0.9f),
                                          ATTR_INT("training_mode", 0), ATTR_END};
const whet_attr_def attrs_batch_norm_train[] = {ATTR_FLOAT("epsilon", 1e-5f), ATTR_FLOAT("momentum", 0.9f),
                                                ATTR_INT("unbiased", 1), ATTR_INT("relu", 0), ATTR_STRING("activation", ""),
                                                ATTR_FLOAT("act_min", 0), ATTR_FLOAT("act_max", 0), ATTR_END};
/* mode 0: inputs 4, 5 are the mean and invstd of the batch. 1: fixed mean and variance that do not depend on x (inference).
 * 2: inputs 4, 5 are not read, mean and invstd are computed again from x. dy counts where the activation lets it through;
 * that is known from x, or with a residual from y. */
const whet_attr_def attrs_batch_norm_grad[] = {ATTR_FLOAT("epsilon", 1e-5f), ATTR_INT("mode", 0), ATTR_INT("relu", 0),
                                               ATTR_STRING("activation", ""), ATTR_FLOAT("act_min", 0), ATTR_FLOAT("act_max", 0), ATTR_END};
const whet_attr_def attrs_epsilon[] = {ATTR_FLOAT("epsilon", 1e-5f), ATTR_END};
const whet_attr_def attrs_group_norm[] = {ATTR_FLOAT("epsilon", 1e-5f), ATTR_INT("num_groups", 0), ATTR_INT("stash_type", 1),
                                          ATTR_END};
const whet_attr_def attrs_layer_norm[] = {ATTR_INT("axis", -1), ATTR_FLOAT("epsilon", 1e-5f), ATTR_INT("stash_type", 1), ATTR_END};
const whet_attr_def attrs_rms_norm[] = {ATTR_INT("axis", -1), ATTR_FLOAT("epsilon", 1e-5f), ATTR_INT("stash_type", 1), ATTR_END};
/* center 0: RMS normalisation, nothing is subtracted. */
const whet_attr_def attrs_layer_norm_grad[] = {ATTR_INT("axis", -1), ATTR_FLOAT("epsilon", 1e-5f), ATTR_INT("center", 1), ATTR_END};
const whet_attr_def attrs_lrn[] = {ATTR_FLOAT("alpha", 1e-4f), ATTR_FLOAT("beta", 0.75f), ATTR_FLOAT("bias", 1.0f),
                                   ATTR_INT("size", 0), ATTR_END};

static whet_status same_types(const whet_infer *c, int n)
{
    WHET_TRY(whet_infer_need_dtype(c, 0, "f32 f64"));
    for (int i = 1; i < n; i++)
        if (whet_infer_has(c, i) && whet_infer_dtype(c, i) != whet_infer_dtype(c, 0))
            return whet_infer_fail(c, WHET_EUNSUPPORTED, "input %d is %s, but input 0 is %s; mixed types are not supported", i,
                                   whet_dtype_name(whet_infer_dtype(c, i)), whet_dtype_name(whet_infer_dtype(c, 0)));
    return WHET_OK;
}

/* Inputs first .. last-1 must be [C], C being x's channels. */
static whet_status channel_vectors(const whet_infer *c, int x, int first, int last, whet_dims *vec)
{
    const whet_dims *d = whet_infer_dims(c, x);
    *vec = (whet_dims){.rank = 1, .dims = {WHET_DIM_UNKNOWN}};
    if (d->rank >= 0 && d->rank < 2) return whet_infer_fail(c, WHET_ESHAPE, "input has rank %d, but at least 2 is needed", d->rank);
    if (d->rank >= 2) vec->dims[0] = d->dims[1];
    for (int i = first; i < last; i++) {
        const whet_dims *v = whet_infer_dims(c, i);
        if (!whet_infer_has(c, i) || v->rank < 0) continue;
        if (v->rank != 1 || !infer_same_dim(v->dims[0], vec->dims[0], &vec->dims[0]))
            return whet_infer_fail(c, WHET_ESHAPE, "input %d does not have one value for each channel", i);
    }
    return WHET_OK;
}

whet_status infer_batch_norm(whet_infer *c)
{
    whet_dims vec;
    const bool training = whet_node_int(c->n, "training_mode", 0) != 0;
    WHET_TRY(same_types(c, 5));
    WHET_TRY(channel_vectors(c, 0, 1, 5, &vec));
    if (!training && (whet_infer_wants(c, 1) || whet_infer_wants(c, 2)))
        return whet_infer_fail(c, WHET_EINVAL, "running statistics are outputs in training mode only");
    WHET_TRY(whet_infer_set(c, 0, whet_infer_dtype(c, 0), whet_infer_dims(c, 0)));
    for (int o = 1; training && o < 3; o++) WHET_TRY(whet_infer_set(c, o, whet_infer_dtype(c, 0), &vec));
    return WHET_OK;
}

whet_status infer_batch_norm_train(whet_infer *c)
{
    whet_dims vec, both;
    WHET_TRY(same_types(c, 6));
    WHET_TRY(channel_vectors(c, 0, 1, 5, &vec));
    if (whet_infer_has(c, 5) && !infer_same_dims(whet_infer_dims(c, 0), whet_infer_dims(c, 5), &both))
        return whet_infer_fail(c, WHET_ESHAPE, "the residual's shape differs from the input's");
    if (whet_infer_has(c, 5) && strcmp(whet_node_string(c->n, "activation", ""), "Silu") == 0)
        return whet_infer_fail(c, WHET_EUNSUPPORTED, "a residual before SiLU, whose gradient needs the sum");
    WHET_TRY(whet_infer_set(c, 0, whet_infer_dtype(c, 0), whet_infer_dims(c, 0)));
    for (int o = 1; o < 5; o++) WHET_TRY(whet_infer_set(c, o, whet_infer_dtype(c, 0), &vec));
    return WHET_OK;
}

whet_status infer_batch_norm_grad(whet_infer *c)
{
    whet_dims vec;
    WHET_TRY(same_types(c, 7));
    WHET_TRY(channel_vectors(c, 1, 2, 6, &vec));
    WHET_TRY(whet_infer_set(c, 0, whet_infer_dtype(c, 0), whet_infer_dims(c, 1)));
    for (int o = 1; o < 3; o++) WHET_TRY(whet_infer_set(c, o, whet_infer_dtype(c, 0), &vec));
    return whet_infer_set(c, 3, whet_infer_dtype(c, 0), whet_infer_dims(c, 1));
}

whet_status infer_same_as_first(whet_infer *c)
{
    WHET_TRY(whet_infer_need_dtype(c, 0, "f32 f64"));
    return whet_infer_set(c, 0, whet_infer_dtype(c, 0), whet_infer_dims(c, 0));
}

whet_status infer_instance_norm(whet_infer *c)
{
    whet_dims vec;
    WHET_TRY(same_types(c, 3));
    if (whet_infer_dims(c, 0)->rank == 2) return whet_infer_fail(c, WHET_ESHAPE, "input has no spatial dimensions");
    WHET_TRY(channel_vectors(c, 0, 1, 3, &vec));
    return infer_same_as_first(c);
}

whet_status infer_group_norm(whet_infer *c)
{
    whet_dims vec;
    const int64_t groups = whet_node_int(c->n, "num_groups", 0);
    WHET_TRY(same_types(c, 3));
    WHET_TRY(channel_vectors(c, 0, 1, 3, &vec));
    if (groups < 1 || (vec.dims[0] >= 0 && vec.dims[0] % groups != 0))
        return whet_infer_fail(c, WHET_EINVAL, "%lld channels do not divide into %lld groups", (long long)vec.dims[0], (long long)groups);
    return infer_same_as_first(c);
}

/* y like x, mean and invstd with the normalised axes of size 1. */
whet_status infer_layer_norm(whet_infer *c)
{
    const whet_dims *x = whet_infer_dims(c, 0);
    whet_dims stat = *x, all;
    int axis = 0;
    WHET_TRY(same_types(c, 3));
    if (whet_node_int(c->n, "stash_type", 1) != 1)
        return whet_infer_fail(c, WHET_EUNSUPPORTED, "stash_type %lld; 1 (f32) is supported", (long long)whet_node_int(c->n, "stash_type", 1));
    if (x->rank >= 0) {
        WHET_TRY(infer_axis(c, whet_node_int(c->n, "axis", -1), x->rank, false, &axis));
        for (int i = axis; i < x->rank; i++) stat.dims[i] = 1;
        for (int i = 1; i < 3; i++) {
            if (!whet_infer_has(c, i) || whet_infer_dims(c, i)->rank < 0) continue;
            WHET_TRY(whet_infer_broadcast(c, x, whet_infer_dims(c, i), &all));
            if (!infer_same_dims(&all, x, &all))
                return whet_infer_fail(c, WHET_ESHAPE, "input %d does not broadcast to the input's shape", i);
        }
    }
    WHET_TRY(whet_infer_set(c, 0, whet_infer_dtype(c, 0), x));
    WHET_TRY(whet_infer_set(c, 1, whet_infer_dtype(c, 0), &stat));
    return whet_infer_set(c, 2, whet_infer_dtype(c, 0), &stat);
}

whet_status infer_rms_norm(whet_infer *c) { return infer_layer_norm(c); }

whet_status infer_norm_grad(whet_infer *c)
{
    WHET_TRY(same_types(c, 3));
    WHET_TRY(whet_infer_set(c, 0, whet_infer_dtype(c, 0), whet_infer_dims(c, 1)));
    WHET_TRY(whet_infer_set(c, 1, whet_infer_dtype(c, 0), whet_infer_dims(c, 2)));
    return whet_infer_set(c, 2, whet_infer_dtype(c, 0), whet_infer_dims(c, 2));
}

whet_status infer_lrn(whet_infer *c)
{
    if (whet_node_int(c->n, "size", 0) < 1) return whet_infer_fail(c, WHET_EINVAL, "size is missing or less than 1");
    if (whet_infer_dims(c, 0)->rank >= 0 && whet_infer_dims(c, 0)->rank < 3)
        return whet_infer_fail(c, WHET_ESHAPE, "input has rank %d, but at least 3 is needed", whet_infer_dims(c, 0)->rank);
    return infer_same_as_first(c);
}

/* --- gradients */

static whet_status add_batch_norm_grad(whet_grad *c, int n_in, const whet_vid *in, int mode, int residual)
{
    static const char *const kept[] = {"epsilon", "relu", "activation", "act_min", "act_max"};
    whet_vid out[4];
    whet_attr attrs[1 + WHET_COUNT(kept)] = {whet_attr_int("mode", mode)};
    int n_attr = 1;
    for (size_t i = 0; i < WHET_COUNT(kept); i++) {
        const whet_attr *a = whet_node_attr(c->n, kept[i]);
        if (a != NULL) attrs[n_attr++] = *a;
    }
    WHET_TRY(whet_graph_node(c->g, "whet.BatchNormGrad", NULL, n_in, in, n_attr, attrs, residual >= 0 ? 4 : 3, NULL, out));
    for (int i = 0; i < 3; i++)
        if (c->need[i]) c->dx[i] = out[i];
    if (residual >= 0) c->dx[residual] = out[3];
    return WHET_OK;
}

whet_status grad_batch_norm(whet_grad *c)
{
    const whet_node *n = c->n;
    const bool training = whet_node_int(n, "training_mode", 0) != 0;
    if (c->dy[0] == WHET_NO_VALUE) return WHET_OK; /* running statistics carry no gradient */
    const whet_vid in[6] = {c->dy[0], n->in[0], n->in[1], n->in[2], n->in[3], n->in[4]};
    return add_batch_norm_grad(c, 6, in, training ? 2 : 1, -1);
}

whet_status grad_batch_norm_train(whet_grad *c)
{
    const whet_node *n = c->n;
    if (c->dy[0] == WHET_NO_VALUE) return WHET_OK;
    const bool act = whet_node_int(n, "relu", 0) != 0 || whet_node_string(n, "activation", "")[0] != '\0';
    const bool residual = n->n_in > 5 && n->in[5] != WHET_NO_VALUE;
    const whet_vid in[7] = {c->dy[0], n->in[0], n->in[1], n->in[2], n->out[3], n->out[4], n->out[0]};
    if (residual && !act && c->need[5]) c->dx[5] = c->dy[0];
    return add_batch_norm_grad(c, residual && act ? 7 : 6, in, 0, residual && act && c->need[5] ? 5 : -1);
}

static whet_status add_norm_grad(whet_grad *c, const char *op, int n_attr, const whet_attr *attrs)
{
    whet_vid out[3];
    const int n_in = c->n->n_in;
    if (c->dy[0] == WHET_NO_VALUE) return WHET_FAIL(WHET_EUNSUPPORTED, "gradient through the saved statistics of a normalisation");
    const whet_vid in[3] = {c->dy[0], c->n->in[0], c->n->in[1]};
    WHET_TRY(whet_graph_node(c->g, op, NULL, 3, in, n_attr, attrs, 3, NULL, out));
    for (int i = 0; i < WHET_MIN(n_in, 2); i++)
        if (c->need[i]) c->dx[i] = out[i];
    if (n_in > 2 && c->need[2]) c->dx[2] = out[2];
    return WHET_OK;
}

whet_status grad_instance_norm(whet_grad *c)
{
    const whet_dims *x = &c->g->values[c->n->in[0]].dims;
    if (x->rank < 2 || x->dims[1] < 1) return WHET_FAIL(WHET_EUNSUPPORTED, "gradient of InstanceNormalization with unknown channels");
    const whet_attr attrs[2] = {whet_attr_float("epsilon", whet_node_float(c->n, "epsilon", 1e-5f)),
                                whet_attr_int("num_groups", x->dims[1])};
    return add_norm_grad(c, "whet.GroupNormGrad", 2, attrs);
}

whet_status grad_group_norm(whet_grad *c) { return add_norm_grad(c, "whet.GroupNormGrad", c->n->n_attr, c->n->attr); }

static bool fills(const whet_dims *s, const whet_dims *x, int64_t from)
{
    bool same = s->rank == x->rank - from;
    for (int i = 0; same && i < s->rank; i++) same = s->dims[i] == x->dims[from + i];
    return same;
}

/* A scale or bias that is broadcast: the normalised values with a scale of ones, then product and sum as nodes of their own. */
static whet_status layer_grad_broadcast(whet_grad *c, const whet_shape *normal, int n_attr, const whet_attr *attrs, bool center)
{
    const whet_node *n = c->n;
    const whet_vid x = n->in[0], scale = n->in[1], bias = n->n_in > 2 ? n->in[2] : WHET_NO_VALUE, dy = c->dy[0];
    whet_vid ones = WHET_NO_VALUE, unit = WHET_NO_VALUE, v = WHET_NO_VALUE, out[3];
    whet_tensor t = {0};
    WHET_TRY(whet_tensor_alloc(&t, c->g->values[x].dtype, normal));
    for (int64_t i = 0; i < whet_tensor_numel(&t); i++) whet_tensor_set_f64(&t, i, 1);
    const whet_status status = whet_graph_const(c->g, NULL, &t, &ones);
    whet_tensor_dispose(&t);
    WHET_TRY(status);
    if (bias >= 0 && c->need[2]) WHET_TRY(grad_sum_to(c, dy, bias, &c->dx[2]));
    if (c->need[1]) {
        WHET_TRY(whet_graph_op1(c->g, center ? "LayerNormalization" : "RMSNormalization", WHET_IN(x, ones), 2, attrs, &unit));
        WHET_TRY(grad_op2(c, "Mul", dy, unit, &v));
        WHET_TRY(grad_sum_to(c, v, scale, &c->dx[1]));
    }
    if (!c->need[0]) return WHET_OK;
    WHET_TRY(grad_op2(c, "Mul", dy, scale, &v));
    WHET_TRY(whet_graph_node(c->g, "whet.LayerNormGrad", NULL, WHET_IN(v, x, ones), n_attr, attrs, 3, NULL, out));
    c->dx[0] = out[0];
    return WHET_OK;
}

static whet_status layer_grad(whet_grad *c, bool center)
{
    const whet_node *n = c->n;
    const whet_dims *x = &c->g->values[n->in[0]].dims;
    const int64_t axis = whet_node_int(n, "axis", -1), from = axis < 0 ? axis + x->rank : axis;
    const whet_attr attrs[3] = {whet_attr_int("axis", axis), whet_attr_float("epsilon", whet_node_float(n, "epsilon", 1e-5f)),
                                whet_attr_int("center", center)};
    bool full = x->rank >= 0;
    whet_shape normal = {.rank = 0};
    for (int i = 1; full && i < n->n_in; i++) full = n->in[i] < 0 || fills(&c->g->values[n->in[i]].dims, x, from);
    if (full) return add_norm_grad(c, "whet.LayerNormGrad", 3, attrs);
    if (c->dy[0] == WHET_NO_VALUE) return WHET_FAIL(WHET_EUNSUPPORTED, "gradient through the saved statistics of a normalisation");
    for (int64_t i = WHET_MAX(from, 0); i < x->rank; i++) normal.dims[normal.rank++] = x->dims[i];
    for (int i = 0; i < normal.rank; i++)
        if (normal.dims[i] < 0) full = true;
    if (x->rank < 0 || full) return WHET_FAIL(WHET_EUNSUPPORTED, "gradient of a layer normalisation over axes of unknown size");
    return layer_grad_broadcast(c, &normal, 3, attrs, center);
}

whet_status grad_layer_norm(whet_grad *c) { return layer_grad(c, true); }
whet_status grad_rms_norm(whet_grad *c) { return layer_grad(c, false); }

whet_status grad_lrn(whet_grad *c)
{
    if (!c->need[0]) return WHET_OK;
    return whet_graph_op1(c->g, "whet.LrnGrad", WHET_IN(c->dy[0], c->n->in[0]), c->n->n_attr, c->n->attr, &c->dx[0]);
}
