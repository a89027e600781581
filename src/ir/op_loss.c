/* SPDX-License-Identifier: Apache-2.0 */
/* Softmax cross-entropy, mean over the elements that count, with label smoothing as PyTorch's CrossEntropyLoss defines
 * it: loss = (1 - e) * -log p[label] + e / C * sum_c -log p[c]. logits[N, C, ...], labels[N, ...] of class numbers; the
 * label `ignore_index` does not count. If nothing counts the loss is 0. */
#include "ir/ops.h"

const whet_attr_def attrs_softmax_cross_entropy[] = {ATTR_FLOAT("label_smoothing", 0), ATTR_INT("ignore_index", -100), ATTR_END};

static whet_status check_labels(const whet_infer *c, const whet_dims *x, const whet_dims *l)
{
    whet_dim d;
    if (x->rank < 0 || l->rank < 0) return WHET_OK;
    bool fits = x->rank >= 2 && l->rank == x->rank - 1;
    for (int i = 0; fits && i < l->rank; i++) fits = infer_same_dim(l->dims[i], x->dims[i == 0 ? 0 : i + 1], &d);
    if (!fits) return whet_infer_fail(c, WHET_ESHAPE, "labels do not have the logits' shape without the class axis");
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
    WHET_TRY(whet_infer_set(c, 0, whet_infer_dtype(c, 0), &scalar));
    return whet_infer_set(c, 1, whet_infer_dtype(c, 0), whet_infer_dims(c, 0));
}

whet_status infer_softmax_cross_entropy_grad(whet_infer *c)
{
    WHET_TRY(whet_infer_need_dtype(c, 1, "f32 f64"));
    WHET_TRY(whet_infer_need_dtype(c, 2, "s64"));
    WHET_TRY(check_labels(c, whet_infer_dims(c, 1), whet_infer_dims(c, 2)));
    return whet_infer_set(c, 0, whet_infer_dtype(c, 1), whet_infer_dims(c, 1));
}

whet_status grad_softmax_cross_entropy(whet_grad *c)
{
    const whet_node *n = c->n;
    whet_vid log_probs = n->n_out > 1 ? n->out[1] : WHET_NO_VALUE;
    if (!c->need[0]) return WHET_OK;
    if (c->dy[0] == WHET_NO_VALUE || (n->n_out > 1 && c->dy[1] != WHET_NO_VALUE))
        return WHET_FAIL(WHET_EUNSUPPORTED, "gradient through the log-probabilities of SoftmaxCrossEntropy");
    const whet_vid x = n->in[0], labels = n->in[1];
    const int n_attr = n->n_attr;
    const whet_attr *attr = n->attr;
    if (log_probs == WHET_NO_VALUE)
        WHET_TRY(whet_graph_op1(c->g, "LogSoftmax", WHET_IN(x), WHET_ATTRS(whet_attr_int("axis", 1)), &log_probs));
    return whet_graph_op1(c->g, "whet.SoftmaxCrossEntropyGrad", WHET_IN(c->dy[0], log_probs, labels), n_attr, attr, &c->dx[0]);
}
