/* SPDX-License-Identifier: Apache-2.0 */
/* Optimiser steps as operators; their outputs are committed to the variables that they read.
 *
 * SgdStep, as PyTorch's SGD: d = g + weight_decay * w; m' = momentum * m + (1 - dampening) * d (unlike PyTorch
 * with dampening, which skips it in the first step); d = nesterov ? d + momentum * m' : m'; w' = w - lr * d.
 * AdamStep (Kingma & Ba 2015; decoupled = 1: AdamW, Loshchilov & Hutter 2019), t = step counted from 1:
 *   m' = beta1 m + (1 - beta1) g, v' = beta2 v + (1 - beta2) g^2,
 *   w' = w - lr / (1 - beta1^t) * m' / (sqrt(v' / (1 - beta2^t)) + epsilon)
 * with g + weight_decay * w for g, or, decoupled, w * (1 - lr * weight_decay) for w.
 * lr and step are inputs (one f32 value each), so that schedules need no other graph. */
#include "ir/ops.h"

const whet_attr_def attrs_sgd_step[] = {ATTR_FLOAT("momentum", 0), ATTR_FLOAT("dampening", 0), ATTR_INT("nesterov", 0),
                                        ATTR_FLOAT("weight_decay", 0), ATTR_END};
const whet_attr_def attrs_adam_step[] = {ATTR_FLOAT("beta1", 0.9f), ATTR_FLOAT("beta2", 0.999f), ATTR_FLOAT("epsilon", 1e-8f),
                                         ATTR_FLOAT("weight_decay", 0), ATTR_INT("decoupled", 0), ATTR_END};

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

whet_status infer_sgd_step(whet_infer *c)
{
    WHET_TRY(whet_infer_need_dtype(c, 0, "f32 f64"));
    WHET_TRY(check_like_weights(c, 1));
    WHET_TRY(check_single(c, 2));
    const bool momentum = whet_node_float(c->n, "momentum", 0) != 0;
    if (whet_infer_has(c, 3) != momentum || (c->n->n_out > 1 && whet_infer_wants(c, 1)) != momentum)
        return whet_infer_fail(c, WHET_EINVAL, "the momentum buffer goes in and out exactly when momentum is not 0");
    if (momentum) WHET_TRY(check_like_weights(c, 3));
    WHET_TRY(whet_infer_set(c, 0, whet_infer_dtype(c, 0), whet_infer_dims(c, 0)));
    return momentum ? whet_infer_set(c, 1, whet_infer_dtype(c, 0), whet_infer_dims(c, 0)) : WHET_OK;
}

whet_status infer_adam_step(whet_infer *c)
{
    WHET_TRY(whet_infer_need_dtype(c, 0, "f32 f64"));
    WHET_TRY(check_like_weights(c, 1));
    WHET_TRY(check_single(c, 2));
    WHET_TRY(check_like_weights(c, 3));
    WHET_TRY(check_like_weights(c, 4));
    WHET_TRY(check_single(c, 5));
    for (int o = 0; o < 3; o++) WHET_TRY(whet_infer_set(c, o, whet_infer_dtype(c, 0), whet_infer_dims(c, 0)));
    return WHET_OK;
}
