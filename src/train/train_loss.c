/* SPDX-License-Identifier: Apache-2.0 */
/* The loss as graph: cross-entropy (with label smoothing and class weights as PyTorch has them), soft Dice, or the sum
 * cross-entropy + dice_weight * Dice that segmentation networks are trained with (Isensee et al., "nnU-Net", 2021). All take
 * logits [N, C] or [N, C, ...] with labels [N] or [N, ...]; the label -100 does not count. */
#include "base/mem.h"
#include "train/optimizer.h"

static whet_status add_correct(whet_graph *g, whet_vid logits, whet_vid labels, whet_vid *out)
{
    whet_vid best, same, number;
    WHET_TRY(whet_graph_op1(g, "ArgMax", WHET_IN(logits), WHET_ATTRS(whet_attr_int("axis", 1), whet_attr_int("keepdims", 0)), &best));
    WHET_TRY(whet_graph_op1(g, "Equal", WHET_IN(best, labels), WHET_NO_ATTRS, &same));
    WHET_TRY(whet_graph_op1(g, "Cast", WHET_IN(same), WHET_ATTRS(whet_attr_int("to", whet_dtype_to_onnx(WHET_F32))), &number));
    return whet_graph_op1(g, "ReduceSum", WHET_IN(number), WHET_ATTRS(whet_attr_int("keepdims", 0)), out);
}

static whet_status add_labels(whet_graph *g, whet_vid logits, whet_vid *labels)
{
    const whet_dims *d = &g->values[logits].dims;
    if (d->rank < 2)
        return WHET_FAIL(WHET_EUNSUPPORTED, "a classifier gives N x classes, '%s' gives rank %d", g->values[logits].name, d->rank);
    whet_dims one = {.rank = d->rank - 1, .dims = {g->values[g->inputs[0]].dims.dims[0]}};
    for (int i = 1; i < one.rank; i++) one.dims[i] = d->dims[i + 1];
    return whet_graph_input(g, "labels", WHET_S64, &one, labels);
}

static whet_status class_weights(whet_graph *g, const whet_train_settings *s, whet_vid logits, whet_vid *out)
{
    const int64_t classes = g->values[logits].dims.dims[1];
    const whet_shape shape = WHET_SHAPE(classes);
    whet_tensor t = {0};
    *out = WHET_NO_VALUE;
    if (s->weight_of_class == NULL) return WHET_OK;
    WHET_TRY(whet_tensor_alloc(&t, WHET_F32, &shape));
    memcpy(t.data, s->weight_of_class, whet_tensor_bytes(&t));
    const whet_status status = whet_graph_const(g, "class_weights", &t, out);
    whet_tensor_dispose(&t);
    return status;
}

static whet_status add_cross_entropy(whet_graph *g, const whet_train_settings *s, bool plain, whet_vid logits, whet_vid labels, whet_vid *out)
{
    whet_vid weights = WHET_NO_VALUE, made[2];
    if (!plain) WHET_TRY(class_weights(g, s, logits, &weights));
    const whet_vid in[] = {logits, labels, weights};
    WHET_TRY(whet_graph_node(g, "whet.SoftmaxCrossEntropy", "loss", weights != WHET_NO_VALUE ? 3 : 2, in,
                             WHET_ATTRS(whet_attr_float("label_smoothing", plain ? 0 : (float)s->label_smoothing)), 2, NULL, made));
    *out = made[0];
    return WHET_OK;
}

static whet_status add_dice(whet_graph *g, const whet_train_settings *s, whet_vid logits, whet_vid labels, whet_vid *out)
{
    whet_vid made[3];
    WHET_TRY(whet_graph_node(g, "whet.DiceLoss", "dice", WHET_IN(logits, labels), WHET_ATTRS(whet_attr_float("smooth", (float)s->dice_smooth)),
                             3, NULL, made));
    *out = made[0];
    return WHET_OK;
}

whet_status whet_train_loss_add(whet_graph *g, const whet_train_settings *s, bool plain, whet_vid logits, whet_vid *loss, whet_vid *correct)
{
    whet_vid labels = WHET_NO_VALUE, dice = WHET_NO_VALUE, weight = WHET_NO_VALUE;
    WHET_TRY(add_labels(g, logits, &labels));
    if (strcmp(s->loss, "dice") == 0) {
        WHET_TRY(add_dice(g, s, logits, labels, loss));
    } else {
        WHET_TRY(add_cross_entropy(g, s, plain, logits, labels, loss));
    }
    if (strcmp(s->loss, "ce+dice") == 0) {
        WHET_TRY(add_dice(g, s, logits, labels, &dice));
        WHET_TRY(whet_graph_const_f32(g, NULL, (float)s->dice_weight, &weight));
        WHET_TRY(whet_graph_op1(g, "Mul", WHET_IN(dice, weight), WHET_NO_ATTRS, &dice));
        WHET_TRY(whet_graph_op1(g, "Add", WHET_IN(*loss, dice), WHET_NO_ATTRS, loss));
    }
    return add_correct(g, logits, labels, correct);
}
