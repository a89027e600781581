/* SPDX-License-Identifier: Apache-2.0 */
/* Elementwise operators of one tensor: types, shapes, gradients. Their gradient is one operator, whet.UnaryGrad, which
 * computes dy * f'(x); for operators whose derivative is cheaper from the result it is given y instead of x, so that x
 * need not be kept. */
#include <string.h>

#include "ir/ops.h"

#define FLOATS "f32 f64 f16 bf16"
#define SIGNED_INTS "s64 s32 s16 s8"
#define INTS "s64 s32 s16 s8 u64 u32 u16 u8"

const whet_attr_def attrs_leaky_relu[] = {ATTR_FLOAT("alpha", 0.01f), ATTR_END};
const whet_attr_def attrs_alpha1[] = {ATTR_FLOAT("alpha", 1.0f), ATTR_END};
const whet_attr_def attrs_selu[] = {ATTR_FLOAT("alpha", 1.67326319217681884765625f), ATTR_FLOAT("gamma", 1.05070102214813232421875f), ATTR_END};
const whet_attr_def attrs_hard_sigmoid[] = {ATTR_FLOAT("alpha", 0.2f), ATTR_FLOAT("beta", 0.5f), ATTR_END};
const whet_attr_def attrs_gelu[] = {ATTR_STRING("approximate", "none"), ATTR_END};
const whet_attr_def attrs_shrink[] = {ATTR_FLOAT("bias", 0.0f), ATTR_FLOAT("lambd", 0.5f), ATTR_END};
const whet_attr_def attrs_is_inf[] = {ATTR_INT("detect_negative", 1), ATTR_INT("detect_positive", 1), ATTR_END};
const whet_attr_def attrs_cast[] = {ATTR_INT_REQUIRED("to"), ATTR_INT("saturate", 1), ATTR_STRING("round_mode", "up"), ATTR_END};
const whet_attr_def attrs_cast_like[] = {ATTR_INT("saturate", 1), ATTR_STRING("round_mode", "up"), ATTR_END};
const whet_attr_def attrs_unary_grad[] = {
    {.name = "of", .type = WHET_ATTR_STRING, .required = true}, ATTR_FLOAT("alpha", 0.0f), ATTR_FLOAT("beta", 0.0f),
    ATTR_FLOAT("gamma", 0.0f), ATTR_FLOAT("lambd", 0.0f), ATTR_FLOAT("bias", 0.0f), ATTR_STRING("approximate", "none"), ATTR_END};

static whet_status same_as_input(whet_infer *c, const char *allowed)
{
    WHET_TRY(whet_infer_need_dtype(c, 0, allowed));
    return whet_infer_set(c, 0, whet_infer_dtype(c, 0), whet_infer_dims(c, 0));
}

whet_status infer_unary(whet_infer *c)
{
    const char *approximate = whet_node_string(c->n, "approximate", "none");
    if (strcmp(approximate, "none") != 0 && strcmp(approximate, "tanh") != 0)
        return whet_infer_fail(c, WHET_EINVAL, "approximate '%s' is unknown, use none or tanh", approximate);
    return same_as_input(c, FLOATS);
}

whet_status infer_unary_signed(whet_infer *c) { return same_as_input(c, FLOATS " " SIGNED_INTS); }
whet_status infer_unary_number(whet_infer *c) { return same_as_input(c, FLOATS " " INTS); }
whet_status infer_unary_not(whet_infer *c) { return same_as_input(c, "bool"); }
whet_status infer_unary_bits(whet_infer *c) { return same_as_input(c, INTS); }

whet_status infer_unary_test(whet_infer *c)
{
    WHET_TRY(whet_infer_need_dtype(c, 0, FLOATS));
    return whet_infer_set(c, 0, WHET_BOOL, whet_infer_dims(c, 0));
}

whet_status infer_clip(whet_infer *c)
{
    whet_dtype t = whet_infer_dtype(c, 0);
    for (int i = 1; i < c->n->n_in; i++) {
        const whet_dims *d = whet_infer_dims(c, i);
        if (!whet_infer_has(c, i)) continue;
        if (whet_infer_dtype(c, i) != t)
            return whet_infer_fail(c, WHET_ESHAPE, "bound %d has type %s, but x has %s", i,
                                   whet_dtype_name(whet_infer_dtype(c, i)), whet_dtype_name(t));
        if (d->rank > 0 && infer_product(d, 0, d->rank) != 1 && infer_product(d, 0, d->rank) >= 0)
            return whet_infer_fail(c, WHET_ESHAPE, "bound %d is not a scalar", i);
    }
    return same_as_input(c, FLOATS " " INTS);
}

whet_status infer_cast(whet_infer *c)
{
    int64_t to = whet_node_int(c->n, "to", 0);
    whet_dtype t = whet_dtype_from_onnx((int)to);
    whet_dim known[WHET_MAX_RANK];
    if (t == WHET_DTYPE_NONE)
        return whet_infer_fail(c, WHET_EUNSUPPORTED, "type %s is not supported", whet_onnx_dtype_name((int)to));
    WHET_TRY(whet_infer_set(c, 0, t, whet_infer_dims(c, 0)));
    int n = infer_content(c, 0, known, WHET_MAX_RANK);
    return t == WHET_S64 || t == WHET_S32 ? whet_infer_set_known(c, 0, n, known) : WHET_OK;
}

whet_status infer_cast_like(whet_infer *c) { return whet_infer_set(c, 0, whet_infer_dtype(c, 1), whet_infer_dims(c, 0)); }

whet_status infer_unary_grad(whet_infer *c)
{
    whet_dims d;
    if (!infer_same_dims(whet_infer_dims(c, 0), whet_infer_dims(c, 1), &d))
        return whet_infer_fail(c, WHET_ESHAPE, "dy and x have different shapes");
    WHET_TRY(whet_infer_need_dtype(c, 0, FLOATS));
    return whet_infer_set(c, 0, whet_infer_dtype(c, 0), &d);
}

/* Operators whose derivative is computed from y (see kernels/unary/unary.def). */
static bool wants_result(const char *op)
{
    static const char *const names[] = {"Relu", "Exp", "Sqrt", "Reciprocal", "Sigmoid", "Tanh"};
    for (size_t i = 0; i < WHET_COUNT(names); i++)
        if (strcmp(names[i], op) == 0) return true;
    return false;
}

whet_status grad_unary(whet_grad *c)
{
    static const char *const carried[] = {"alpha", "beta", "gamma", "lambd", "bias"};
    const whet_node *n = c->n;
    whet_attr attrs[8];
    int count = 0;
    attrs[count++] = whet_attr_string("of", n->op->name);
    for (size_t i = 0; i < WHET_COUNT(carried); i++)
        for (const whet_attr_def *d = n->op->attrs; d->name != NULL; d++)
            if (strcmp(d->name, carried[i]) == 0) attrs[count++] = whet_attr_float(carried[i], whet_node_float(n, carried[i], d->f));
    if (strcmp(n->op->name, "Gelu") == 0) attrs[count++] = whet_attr_string("approximate", whet_node_string(n, "approximate", "none"));
    whet_vid in[2] = {c->dy[0], wants_result(n->op->name) ? n->out[0] : n->in[0]};
    return whet_graph_op1(c->g, "whet.UnaryGrad", 2, in, count, attrs, &c->dx[0]);
}

whet_status grad_clip(whet_grad *c)
{
    whet_vid in[4] = {c->dy[0], c->n->in[0], WHET_NO_VALUE, WHET_NO_VALUE};
    int n = c->n->n_in + 1;
    for (int i = 1; i < c->n->n_in; i++) in[i + 1] = c->n->in[i];
    return c->need[0] ? whet_graph_op1(c->g, "whet.ClipGrad", n, in, WHET_NO_ATTRS, &c->dx[0]) : WHET_OK;
}

whet_status grad_cast(whet_grad *c)
{
    whet_dtype t = grad_dtype(c, 0);
    whet_attr to = whet_attr_int("to", whet_dtype_to_onnx(t));
    if (!c->need[0] || !whet_dtype_is_float(t)) return WHET_OK;
    return whet_graph_op1(c->g, "Cast", WHET_IN(c->dy[0]), 1, &to, &c->dx[0]);
}
