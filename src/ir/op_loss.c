/* SPDX-License-Identifier: Apache-2.0 */
/* Losses of logits[N, C, ...] against labels[N, ...] of class numbers; the label `ignore_index` does not count. If nothing
 * counts the loss is 0.
 *
 * SoftmaxCrossEntropy: mean over the elements that count, label smoothing e and class weights w[C] (third input, default 1) as
 * PyTorch's CrossEntropyLoss defines them together:
 *   loss = sum over elements of ((1 - e) * w[label] * -log p[label] + e / C * sum_c w[c] * -log p[c]) / sum of w[label]
 * DiceLoss (Milletari et al., "V-Net", 2016, here with plain denominators, over the softmax): sums over all elements that count,
 * I[c] of p[c] where the label is c, P[c] of p[c], T[c] the number of labels c;
 *   loss = 1 - mean over c of (2 I[c] + smooth) / (P[c] + T[c] + smooth), 1 for a class whose denominator is 0.
 * Its other outputs, which the gradient wants: p, and slopes[2, C], the derivative of the loss with respect to p[c] of an element
 * whose label is another class, and of one whose label is c. */
#include "ir/ops.h"

const whet_attr_def attrs_softmax_cross_entropy[] = {ATTR_FLOAT("label_smoothing", 0), ATTR_INT("ignore_index", -100), ATTR_END};
const whet_attr_def attrs_dice_loss[] = {ATTR_FLOAT("smooth", 1), ATTR_INT("ignore_index", -100), ATTR_END};

static whet_status check_labels(const whet_infer *c, const whet_dims *x, const whet_dims *l)
{
    whet_dim d;
    if (x->rank < 0 || l->rank < 0) return WHET_OK;
    bool fits = x->rank >= 2 && l->rank == x->rank - 1;
    for (int i = 0; fits && i < l->rank; i++) fits = infer_same_dim(l->dims[i], x->dims[i == 0 ? 0 : i + 1], &d);
    if (!fits) return whet_infer_fail(c, WHET_ESHAPE, "labels do not have the logits' shape without the class axis");
    return WHET_OK;
}

/* Weights per class, input i. */
static whet_status check_weights(const whet_infer *c, int i, const whet_dims *x, whet_dtype type)
{
    whet_dim d;
    const whet_dims *w = whet_infer_dims(c, i);
    if (!whet_infer_has(c, i)) return WHET_OK;
    if (whet_infer_dtype(c, i) != type) return whet_infer_fail(c, WHET_EINVAL, "the class weights are not of the logits' type");
    if (w->rank >= 0 && (w->rank != 1 || (x->rank >= 2 && !infer_same_dim(w->dims[0], x->dims[1], &d))))
        return whet_infer_fail(c, WHET_ESHAPE, "the class weights are not one number per class");
    return WHET_OK;
}

whet_status infer_softmax_cross_entropy(whet_infer *c)
{
    const whet_dims scalar = {.rank = 0};
    const float e = whet_node_float(c->n, "label_smoothing", 0);
    WHET_TRY(whet_infer_need_dtype(c, 0, "f32 f64"));
    WHET_TRY(whet_infer_need_dtype(c, 1, "s64"));
    if (!(e >= 0 && e <= 1)) return whet_infer_fail(c, WHET_EINVAL, "label_smoothing is %g, but 0 to 1 is needed", (double)e);
    WHET_TRY(check_labels(c, whet_infer_dims(c, 0), whet_infer_dims(c, 1)));
    WHET_TRY(check_weights(c, 2, whet_infer_dims(c, 0), whet_infer_dtype(c, 0)));
    WHET_TRY(whet_infer_set(c, 0, whet_infer_dtype(c, 0), &scalar));
    return whet_infer_set(c, 1, whet_infer_dtype(c, 0), whet_infer_dims(c, 0));
}

whet_status infer_softmax_cross_entropy_grad(whet_infer *c)
{
    WHET_TRY(whet_infer_need_dtype(c, 1, "f32 f64"));
    WHET_TRY(whet_infer_need_dtype(c, 2, "s64"));
    WHET_TRY(check_labels(c, whet_infer_dims(c, 1), whet_infer_dims(c, 2)));
    WHET_TRY(check_weights(c, 3, whet_infer_dims(c, 1), whet_infer_dtype(c, 1)));
    return whet_infer_set(c, 0, whet_infer_dtype(c, 1), whet_infer_dims(c, 1));
}

whet_status grad_softmax_cross_entropy(whet_grad *c)
{
    const whet_node *n = c->n;
    whet_vid log_probs = n->n_out > 1 ? n->out[1] : WHET_NO_VALUE;
    if (!c->need[0]) return WHET_OK;
    if (c->dy[0] == WHET_NO_VALUE || (n->n_out > 1 && c->dy[1] != WHET_NO_VALUE))
        return WHET_FAIL(WHET_EUNSUPPORTED, "gradient through the log-probabilities of SoftmaxCrossEntropy");
    const whet_vid x = n->in[0], labels = n->in[1], weights = n->n_in > 2 ? n->in[2] : WHET_NO_VALUE;
    const int n_attr = n->n_attr;
    const whet_attr *attr = n->attr;
    if (log_probs == WHET_NO_VALUE)
        WHET_TRY(whet_graph_op1(c->g, "LogSoftmax", WHET_IN(x), WHET_ATTRS(whet_attr_int("axis", 1)), &log_probs));
    const whet_vid in[4] = {c->dy[0], log_probs, labels, weights};
    return whet_graph_op1(c->g, "whet.SoftmaxCrossEntropyGrad", weights == WHET_NO_VALUE ? 3 : 4, in, n_attr, attr, &c->dx[0]);
}

whet_status infer_dice_loss(whet_infer *c)
{
    const whet_dims scalar = {.rank = 0}, *x = whet_infer_dims(c, 0);
    const whet_dims slopes = {.rank = 2, .dims = {2, x->rank >= 2 ? x->dims[1] : WHET_DIM_UNKNOWN}};
    const float smooth = whet_node_float(c->n, "smooth", 1);
    WHET_TRY(whet_infer_need_dtype(c, 0, "f32 f64"));
    WHET_TRY(whet_infer_need_dtype(c, 1, "s64"));
    if (!(smooth >= 0)) return whet_infer_fail(c, WHET_EINVAL, "smooth is %g, but at least 0 is needed", (double)smooth);
    WHET_TRY(check_labels(c, x, whet_infer_dims(c, 1)));
    WHET_TRY(whet_infer_set(c, 0, whet_infer_dtype(c, 0), &scalar));
    WHET_TRY(whet_infer_set(c, 1, whet_infer_dtype(c, 0), x));
    return whet_infer_set(c, 2, whet_infer_dtype(c, 0), &slopes);
}

whet_status infer_dice_loss_grad(whet_infer *c)
{
    WHET_TRY(whet_infer_need_dtype(c, 1, "f32 f64"));
    WHET_TRY(whet_infer_need_dtype(c, 2, "f32 f64"));
    WHET_TRY(whet_infer_need_dtype(c, 3, "s64"));
    WHET_TRY(check_labels(c, whet_infer_dims(c, 1), whet_infer_dims(c, 3)));
    return whet_infer_set(c, 0, whet_infer_dtype(c, 1), whet_infer_dims(c, 1));
}

whet_status grad_dice_loss(whet_grad *c)
{
    const whet_node *n = c->n;
    whet_vid made[3] = {WHET_NO_VALUE, WHET_NO_VALUE, WHET_NO_VALUE};
    if (!c->need[0]) return WHET_OK;
    for (int o = 0; o < n->n_out; o++)
        if ((c->dy[o] == WHET_NO_VALUE) != (o > 0)) return WHET_FAIL(WHET_EUNSUPPORTED, "gradient through the probabilities of DiceLoss");
    for (int o = 0; o < n->n_out; o++) made[o] = n->out[o];
    const whet_vid x = n->in[0], labels = n->in[1];
    const int n_attr = n->n_attr;
    const whet_attr *attr = n->attr;
    if (made[2] == WHET_NO_VALUE) WHET_TRY(whet_graph_node(c->g, "whet.DiceLoss", NULL, WHET_IN(x, labels), n_attr, attr, 3, NULL, made));
    return whet_graph_op1(c->g, "whet.DiceLossGrad", WHET_IN(c->dy[0], made[1], made[2], labels), n_attr, attr, &c->dx[0]);
}
