/* SPDX-License-Identifier: Apache-2.0 */
/* Optimiser steps as operators; their outputs are committed to the variables that they read.
 *
 * SgdStep, as PyTorch's SGD: d = g + weight_decay * w; m' = momentum * m + (1 - dampening) * d (unlike PyTorch
 * with dampening, which skips it in the first step); d = nesterov ? d + momentum * m' : m'; w' = w - lr * d.
 * AdamStep (Kingma & Ba 2015; decoupled = 1: AdamW, Loshchilov & Hutter 2019), t = step counted from 1:
 *   m' = beta1 m + (1 - beta1) g, v' = beta2 v + (1 - beta2) g^2,
 *   w' = w - lr / (1 - beta1^t) * m' / (sqrt(v' / (1 - beta2^t)) + epsilon)
 * with g + weight_decay * w for g, or, decoupled, w * (1 - lr * weight_decay) for w.
 * RmsPropStep (Tieleman & Hinton 2012; centered: Graves 2013), as PyTorch's RMSprop, with g + weight_decay * w for g:
 *   s' = alpha s + (1 - alpha) g^2, a' = a + (1 - alpha) (g - a), v = s' - (centered ? a'^2 : 0), not below 0,
 *   r = g / (epsilon_inside ? sqrt(v + epsilon) : sqrt(v) + epsilon), and w' = w - lr r, or with momentum
 *   b' = momentum b + r, w' = w - lr b'. epsilon_inside is TensorFlow's form, which EfficientNet's recipes mean; its state s
 *   starts at 1 there, a matter of who makes the variable. The rate stays outside the momentum's buffer, as in PyTorch.
 * EmaStep: e' = e + share (w - e), share = 1 - decay (as an input it can shrink, and 1 - decay is rounded once).
 * AccumulateStep: a' = (keep ? a : 0) + share * g.
 *
 * lr, step, share and keep are inputs (one value each), so that schedules need no other graph. The optional last input
 * of the others, `apply`: where it is 0 the outputs are what the variables were, bit by bit (a step that only gathers
 * gradients). GradientScale: of all its inputs together the factor min(1, max_norm / (norm + 1e-6)) that brings their
 * Euclidean norm down to max_norm, as PyTorch's clip_grad_norm_, and the norm; squares are summed in double, in a fixed order. */
#include "ir/ops.h"

const whet_attr_def attrs_sgd_step[] = {ATTR_FLOAT("momentum", 0), ATTR_FLOAT("dampening", 0), ATTR_INT("nesterov", 0),
                                        ATTR_FLOAT("weight_decay", 0), ATTR_END};
const whet_attr_def attrs_adam_step[] = {ATTR_FLOAT("beta1", 0.9f), ATTR_FLOAT("beta2", 0.999f), ATTR_FLOAT("epsilon", 1e-8f),
                                         ATTR_FLOAT("weight_decay", 0), ATTR_INT("decoupled", 0), ATTR_END};
const whet_attr_def attrs_rms_prop_step[] = {ATTR_FLOAT("alpha", 0.99f), ATTR_FLOAT("epsilon", 1e-8f), ATTR_INT("epsilon_inside", 0),
                                             ATTR_FLOAT("momentum", 0), ATTR_INT("centered", 0), ATTR_FLOAT("weight_decay", 0),
                                             ATTR_END};
const whet_attr_def attrs_gradient_scale[] = {ATTR_FLOAT("max_norm", 1), ATTR_END};

static whet_status check_like_weights(const whet_infer *c, int i)
{
    whet_dims d;
    if (whet_infer_dtype(c, i) != whet_infer_dtype(c, 0) || !infer_same_dims(whet_infer_dims(c, 0), whet_infer_dims(c, i), &d))
        return whet_infer_fail(c, WHET_ESHAPE, "input %d does not have the weights' type and shape", i);
    return WHET_OK;
}

static whet_status check_single(const whet_infer *c, int i)
{
    const whet_dims *d = whet_infer_dims(c, i);
    WHET_TRY(whet_infer_need_dtype(c, i, "f32 f64"));
    for (int k = 0; k < d->rank; k++)
        if (d->dims[k] != 1) return whet_infer_fail(c, WHET_ESHAPE, "input %d must be one value", i);
    return WHET_OK;
}

/* Optional input `in`, given exactly when `wanted`; its new form is the next output after *out. */
static whet_status check_buffer(whet_infer *c, int in, int *out, bool wanted, const char *what)
{
    if (whet_infer_has(c, in) != wanted) return whet_infer_fail(c, WHET_EINVAL, "the %s goes in exactly when it is asked for", what);
    if (!wanted) return WHET_OK;
    if (c->n->n_out <= *out) return whet_infer_fail(c, WHET_EINVAL, "the new %s has no output", what);
    WHET_TRY(check_like_weights(c, in));
    return whet_infer_set(c, (*out)++, whet_infer_dtype(c, 0), whet_infer_dims(c, 0));
}

static whet_status check_outputs(const whet_infer *c, int n)
{
    return c->n->n_out == n ? WHET_OK : whet_infer_fail(c, WHET_EINVAL, "%d outputs, its attributes want %d", c->n->n_out, n);
}

static whet_status check_apply(const whet_infer *c, int i)
{
    return whet_infer_has(c, i) ? check_single(c, i) : WHET_OK;
}

static whet_status set_like_weights(whet_infer *c, int o)
{
    return whet_infer_set(c, o, whet_infer_dtype(c, 0), whet_infer_dims(c, 0));
}

whet_status infer_sgd_step(whet_infer *c)
{
    int out = 1;
    WHET_TRY(whet_infer_need_dtype(c, 0, "f32 f64"));
    WHET_TRY(check_like_weights(c, 1));
    WHET_TRY(check_single(c, 2));
    WHET_TRY(check_apply(c, 4));
    WHET_TRY(set_like_weights(c, 0));
    WHET_TRY(check_buffer(c, 3, &out, whet_node_float(c->n, "momentum", 0) != 0, "momentum buffer"));
    return check_outputs(c, out);
}

whet_status infer_adam_step(whet_infer *c)
{
    WHET_TRY(whet_infer_need_dtype(c, 0, "f32 f64"));
    WHET_TRY(check_like_weights(c, 1));
    WHET_TRY(check_single(c, 2));
    WHET_TRY(check_like_weights(c, 3));
    WHET_TRY(check_like_weights(c, 4));
    WHET_TRY(check_single(c, 5));
    WHET_TRY(check_apply(c, 6));
    for (int o = 0; o < 3; o++) WHET_TRY(set_like_weights(c, o));
    return WHET_OK;
}

whet_status infer_rms_prop_step(whet_infer *c)
{
    int out = 2;
    WHET_TRY(whet_infer_need_dtype(c, 0, "f32 f64"));
    WHET_TRY(check_like_weights(c, 1));
    WHET_TRY(check_single(c, 2));
    WHET_TRY(check_like_weights(c, 3));
    WHET_TRY(check_apply(c, 6));
    for (int o = 0; o < 2; o++) WHET_TRY(set_like_weights(c, o));
    WHET_TRY(check_buffer(c, 4, &out, whet_node_float(c->n, "momentum", 0) != 0, "momentum buffer"));
    WHET_TRY(check_buffer(c, 5, &out, whet_node_int(c->n, "centered", 0) != 0, "mean gradient"));
    return check_outputs(c, out);
}

whet_status infer_ema_step(whet_infer *c)
{
    WHET_TRY(whet_infer_need_dtype(c, 0, "f32 f64"));
    WHET_TRY(check_like_weights(c, 1));
    WHET_TRY(check_single(c, 2));
    WHET_TRY(check_apply(c, 3));
    return set_like_weights(c, 0);
}

whet_status infer_accumulate_step(whet_infer *c)
{
    WHET_TRY(whet_infer_need_dtype(c, 0, "f32 f64"));
    WHET_TRY(check_like_weights(c, 1));
    WHET_TRY(check_single(c, 2));
    WHET_TRY(check_single(c, 3));
    return set_like_weights(c, 0);
}

whet_status infer_gradient_scale(whet_infer *c)
{
    const whet_dims scalar = {.rank = 0};
    const float most = whet_node_float(c->n, "max_norm", 1);
    if (!(most > 0)) return whet_infer_fail(c, WHET_EINVAL, "max_norm is %g, but more than 0 is needed", (double)most);
    for (int i = 0; i < c->n->n_in; i++) {
        WHET_TRY(whet_infer_need_dtype(c, i, "f32 f64"));
        if (whet_infer_dtype(c, i) != whet_infer_dtype(c, 0)) return whet_infer_fail(c, WHET_EINVAL, "input %d is of another type than the first", i);
    }
    for (int o = 0; o < 2; o++) WHET_TRY(whet_infer_set(c, o, whet_infer_dtype(c, 0), &scalar));
    return WHET_OK;
}
