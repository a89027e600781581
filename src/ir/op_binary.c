/* SPDX-License-Identifier: Apache-2.0 */
/* Elementwise operators of two or more tensors with NumPy broadcasting. Gradients are sums back to each input's shape;
 * integer contents of small values (shapes in the making) are followed through arithmetic. */
#include <string.h>

#include "ir/ops.h"

#define FLOATS "f32 f64 f16 bf16"
#define INTS "s64 s32 s16 s8 u64 u32 u16 u8"
#define NUMBERS FLOATS " " INTS
#define MAX_CONTENT 64

const whet_attr_def attrs_mod[] = {ATTR_INT("fmod", 0), ATTR_END};
const whet_attr_def attrs_bit_shift[] = {{.name = "direction", .type = WHET_ATTR_STRING, .required = true}, ATTR_END};

static whet_dim combine(const char *op, whet_dim a, whet_dim b)
{
    whet_dim r = WHET_DIM_UNKNOWN;
    bool both = a >= 0 && b >= 0;
    if (strcmp(op, "Add") == 0) {
        if (a == 0 || b == 0) return a == 0 ? b : a;
        if (both && !whet_add_i64(a, b, &r)) r = WHET_DIM_UNKNOWN;
    } else if (strcmp(op, "Mul") == 0) {
        if (a == 1 || b == 1) return a == 1 ? b : a;
        if (both && !whet_mul_i64(a, b, &r)) r = WHET_DIM_UNKNOWN;
    } else if (strcmp(op, "Sub") == 0) {
        if (b == 0) return a;
        if (both) r = a >= b ? a - b : WHET_DIM_UNKNOWN;
    } else if (strcmp(op, "Div") == 0) {
        if (b == 1) return a;
        if (both && b != 0) r = a / b;
    } else if (strcmp(op, "Mod") == 0) {
        if (both && b != 0) r = a % b;
    } else if (strcmp(op, "Max") == 0 && both) {
        r = a > b ? a : b;
    } else if (strcmp(op, "Min") == 0 && both) {
        r = a < b ? a : b;
    }
    return r;
}

static whet_status follow_content(whet_infer *c, const whet_dims *d)
{
    whet_dim a[MAX_CONTENT], b[MAX_CONTENT], r[MAX_CONTENT];
    whet_dtype t = whet_infer_dtype(c, 0);
    if ((t != WHET_S64 && t != WHET_S32) || c->n->n_in != 2 || d->rank > 1 || d->rank < 0) return WHET_OK;
    int na = infer_content(c, 0, a, MAX_CONTENT), nb = infer_content(c, 1, b, MAX_CONTENT);
    if (na < 0 || nb < 0 || (na != nb && na != 1 && nb != 1)) return WHET_OK;
    int n = na == 1 ? nb : na;
    for (int i = 0; i < n; i++) r[i] = combine(c->n->op->name, a[na == 1 ? 0 : i], b[nb == 1 ? 0 : i]);
    return whet_infer_set_known(c, 0, n, r);
}

static whet_status same_types(whet_infer *c, int first, int end)
{
    for (int i = first + 1; i < end; i++)
        if (whet_infer_dtype(c, i) != whet_infer_dtype(c, first))
            return whet_infer_fail(c, WHET_ESHAPE, "inputs %d and %d have types %s and %s, they must be equal", first, i,
                                   whet_dtype_name(whet_infer_dtype(c, first)), whet_dtype_name(whet_infer_dtype(c, i)));
    return WHET_OK;
}

static whet_status broadcast_all(whet_infer *c, int first, int end, whet_dims *out)
{
    *out = *whet_infer_dims(c, first);
    for (int i = first + 1; i < end; i++) WHET_TRY(whet_infer_broadcast(c, out, whet_infer_dims(c, i), out));
    return WHET_OK;
}

static whet_status elementwise(whet_infer *c, const char *allowed, whet_dtype result)
{
    whet_dims d;
    for (int i = 0; i < c->n->n_in; i++)
        if (!whet_infer_has(c, i)) return whet_infer_fail(c, WHET_EINVAL, "input %d is absent", i);
    WHET_TRY(whet_infer_need_dtype(c, 0, allowed));
    WHET_TRY(same_types(c, 0, c->n->n_in));
    WHET_TRY(broadcast_all(c, 0, c->n->n_in, &d));
    WHET_TRY(whet_infer_set(c, 0, result == WHET_DTYPE_NONE ? whet_infer_dtype(c, 0) : result, &d));
    return result == WHET_DTYPE_NONE ? follow_content(c, &d) : WHET_OK;
}

whet_status infer_binary(whet_infer *c) { return elementwise(c, NUMBERS, WHET_DTYPE_NONE); }
whet_status infer_variadic(whet_infer *c) { return elementwise(c, NUMBERS, WHET_DTYPE_NONE); }
whet_status infer_compare(whet_infer *c) { return elementwise(c, NUMBERS " bool", WHET_BOOL); }
whet_status infer_logic(whet_infer *c) { return elementwise(c, "bool", WHET_BOOL); }
whet_status infer_bitwise(whet_infer *c) { return elementwise(c, INTS, WHET_DTYPE_NONE); }

/* The exponent may have a type of its own. */
whet_status infer_pow(whet_infer *c)
{
    whet_dims d;
    WHET_TRY(whet_infer_need_dtype(c, 0, NUMBERS));
    WHET_TRY(whet_infer_need_dtype(c, 1, NUMBERS));
    WHET_TRY(broadcast_all(c, 0, 2, &d));
    return whet_infer_set(c, 0, whet_infer_dtype(c, 0), &d);
}

whet_status infer_prelu(whet_infer *c)
{
    whet_dims d;
    WHET_TRY(whet_infer_need_dtype(c, 0, FLOATS));
    WHET_TRY(same_types(c, 0, 2));
    WHET_TRY(broadcast_all(c, 0, 2, &d)); /* the slope is broadcast one way: towards x */
    return whet_infer_set(c, 0, whet_infer_dtype(c, 0), whet_infer_dims(c, 0)->rank < 0 ? &d : whet_infer_dims(c, 0));
}

whet_status infer_where(whet_infer *c)
{
    whet_dims d;
    WHET_TRY(whet_infer_need_dtype(c, 0, "bool"));
    WHET_TRY(same_types(c, 1, 3));
    WHET_TRY(broadcast_all(c, 0, 3, &d));
    return whet_infer_set(c, 0, whet_infer_dtype(c, 1), &d);
}

/* --- gradients */

whet_status grad_add(whet_grad *c)
{
    for (int i = 0; i < 2; i++)
        if (c->need[i]) WHET_TRY(grad_sum_to(c, c->dy[0], c->n->in[i], &c->dx[i]));
    return WHET_OK;
}

whet_status grad_sub(whet_grad *c)
{
    whet_vid neg = WHET_NO_VALUE, a = c->n->in[0], b = c->n->in[1];
    if (c->need[0]) WHET_TRY(grad_sum_to(c, c->dy[0], a, &c->dx[0]));
    if (!c->need[1]) return WHET_OK;
    WHET_TRY(grad_op1(c, "Neg", c->dy[0], &neg));
    return grad_sum_to(c, neg, b, &c->dx[1]);
}

whet_status grad_mul(whet_grad *c)
{
    whet_vid in[2] = {c->n->in[0], c->n->in[1]}, t = WHET_NO_VALUE;
    for (int i = 0; i < 2; i++) {
        if (!c->need[i]) continue;
        WHET_TRY(grad_op2(c, "Mul", c->dy[0], in[1 - i], &t));
        WHET_TRY(grad_sum_to(c, t, in[i], &c->dx[i]));
    }
    return WHET_OK;
}

/* d(a/b) = dy/b, -dy*y/b */
whet_status grad_div(whet_grad *c)
{
    whet_vid a = c->n->in[0], b = c->n->in[1], y = c->n->out[0], q = WHET_NO_VALUE, t = WHET_NO_VALUE;
    WHET_TRY(grad_op2(c, "Div", c->dy[0], b, &q));
    if (c->need[0]) WHET_TRY(grad_sum_to(c, q, a, &c->dx[0]));
    if (!c->need[1]) return WHET_OK;
    WHET_TRY(grad_op2(c, "Mul", q, y, &t));
    WHET_TRY(grad_op1(c, "Neg", t, &t));
    return grad_sum_to(c, t, b, &c->dx[1]);
}

/* d(a^b) = dy*b*a^(b-1), dy*y*log(a) */
whet_status grad_pow(whet_grad *c)
{
    whet_vid a = c->n->in[0], b = c->n->in[1], y = c->n->out[0], one = WHET_NO_VALUE, t = WHET_NO_VALUE, bf = b;
    whet_dtype ta = grad_dtype(c, 0), tb = grad_dtype(c, 1);
    whet_attr to = whet_attr_int("to", whet_dtype_to_onnx(ta));
    if (c->need[0]) {
        if (ta != tb) WHET_TRY(whet_graph_op1(c->g, "Cast", WHET_IN(b), 1, &to, &bf));
        WHET_TRY(grad_scalar(c, ta, 1.0, &one));
        WHET_TRY(grad_op2(c, "Sub", bf, one, &t));
        WHET_TRY(grad_op2(c, "Pow", a, t, &t));
        WHET_TRY(grad_op2(c, "Mul", t, bf, &t));
        WHET_TRY(grad_op2(c, "Mul", c->dy[0], t, &t));
        WHET_TRY(grad_sum_to(c, t, a, &c->dx[0]));
    }
    if (!c->need[1] || ta != tb) return WHET_OK;
    WHET_TRY(grad_op1(c, "Log", a, &t));
    WHET_TRY(grad_op2(c, "Mul", y, t, &t));
    WHET_TRY(grad_op2(c, "Mul", c->dy[0], t, &t));
    return grad_sum_to(c, t, b, &c->dx[1]);
}

static whet_status where(whet_grad *c, whet_vid cond, whet_vid a, whet_vid b, whet_vid *out)
{
    return whet_graph_op1(c->g, "Where", WHET_IN(cond, a, b), WHET_NO_ATTRS, out);
}

whet_status grad_prelu(whet_grad *c)
{
    whet_vid x = c->n->in[0], slope = c->n->in[1], zero = WHET_NO_VALUE, neg = WHET_NO_VALUE, t = WHET_NO_VALUE;
    WHET_TRY(grad_scalar(c, grad_dtype(c, 0), 0.0, &zero));
    WHET_TRY(grad_op2(c, "Less", x, zero, &neg));
    if (c->need[0]) {
        WHET_TRY(grad_op2(c, "Mul", c->dy[0], slope, &t));
        WHET_TRY(where(c, neg, t, c->dy[0], &c->dx[0]));
    }
    if (!c->need[1]) return WHET_OK;
    WHET_TRY(grad_op2(c, "Mul", c->dy[0], x, &t));
    WHET_TRY(where(c, neg, t, zero, &t));
    return grad_sum_to(c, t, slope, &c->dx[1]);
}

/* Sum and Mean of k tensors. */
whet_status grad_sum(whet_grad *c)
{
    int k = c->n->n_in;
    whet_vid dy = c->dy[0], scale = WHET_NO_VALUE;
    if (strcmp(c->n->op->name, "Mean") == 0) {
        WHET_TRY(grad_scalar(c, grad_dtype(c, 0), 1.0 / k, &scale));
        WHET_TRY(grad_op2(c, "Mul", dy, scale, &dy));
    }
    for (int i = 0; i < k; i++)
        if (c->need[i]) WHET_TRY(grad_sum_to(c, dy, c->n->in[i], &c->dx[i]));
    return WHET_OK;
}

/* Max and Min: the gradient goes to the input that equals the result; between equal ones the first takes it all. */
whet_status grad_extremum(whet_grad *c)
{
    int k = c->n->n_in;
    whet_vid y = c->n->out[0], zero = WHET_NO_VALUE, hit = WHET_NO_VALUE, t = WHET_NO_VALUE, left = c->dy[0];
    if (k > 16) return WHET_FAIL(WHET_EUNSUPPORTED, "gradient of %s with %d inputs is not supported", c->n->op->name, k);
    whet_vid in[16];
    memcpy(in, c->n->in, sizeof *in * (size_t)k);
    WHET_TRY(grad_scalar(c, grad_dtype(c, 0), 0.0, &zero));
    for (int i = 0; i < k; i++) {
        WHET_TRY(grad_op2(c, "Equal", in[i], y, &hit));
        if (c->need[i]) {
            WHET_TRY(where(c, hit, left, zero, &t));
            WHET_TRY(grad_sum_to(c, t, in[i], &c->dx[i]));
        }
        if (i + 1 < k) WHET_TRY(where(c, hit, zero, left, &left));
    }
    return WHET_OK;
}

whet_status grad_where(whet_grad *c)
{
    whet_vid cond = c->n->in[0], a = c->n->in[1], b = c->n->in[2], zero = WHET_NO_VALUE, t = WHET_NO_VALUE;
    WHET_TRY(grad_scalar(c, grad_dtype(c, 1), 0.0, &zero));
    if (c->need[1]) {
        WHET_TRY(where(c, cond, c->dy[0], zero, &t));
        WHET_TRY(grad_sum_to(c, t, a, &c->dx[1]));
    }
    if (!c->need[2]) return WHET_OK;
    WHET_TRY(where(c, cond, zero, c->dy[0], &t));
    return grad_sum_to(c, t, b, &c->dx[2]);
}
