/* SPDX-License-Identifier: Apache-2.0 */
/* Attention (opset 23 to 25) and RotaryEmbedding as graphs of plain operators, after their function bodies in the ONNX
 * operator definitions. A pass finds the pattern again and runs it as one kernel; its gradient is that of the parts.
 *
 * Half precision is computed in f32 and rounded where the definition has a value of that type. */
#include <math.h>

#include "formats/onnx/onnx_expand.h"
#include "formats/onnx/onnx_upgrade.h"

typedef struct attention {
    onnx_builder b;
    whet_dtype t;            /* of Q, K and V in the file */
    whet_vid q, k, v;        /* [N, heads, length, size] */
    whet_vid past;           /* its length in front of K, scalar s64; WHET_NO_VALUE: no past */
    whet_vid nonpad;         /* [N]: valid keys of each image */
    whet_vid bias;           /* what is added to the scores, or WHET_NO_VALUE */
    bool three;              /* inputs are [N, length, heads * size] */
    bool may_mask_all;       /* a row of the bias may be -inf throughout */
} attention;

static double number(onnx_work *w, const char *name, double otherwise)
{
    const whet_attr *a = onnx_work_attr(w, name);
    return a != NULL && a->type == WHET_ATTR_FLOAT ? (double)a->f : otherwise;
}

static bool is_half(whet_dtype t) { return t == WHET_F16 || t == WHET_BF16; }

static whet_vid widened(attention *a, whet_vid x) { return is_half(onnx_b_dtype(&a->b, x)) ? onnx_b_cast(&a->b, x, WHET_F32) : x; }

/* As the file's type holds it. */
static whet_vid rounded(attention *a, whet_vid x)
{
    return is_half(a->t) ? onnx_b_cast(&a->b, onnx_b_cast(&a->b, x, a->t), WHET_F32) : x;
}

/* [N, L, heads * size] -> [N, heads, L, size] */
static whet_vid split_heads(attention *a, whet_vid x, int64_t heads)
{
    static const int64_t perm[4] = {0, 2, 1, 3};
    if (!a->three) return x;
    if (heads < 1) onnx_b_fail(&a->b, WHET_EINVAL, "q_num_heads and kv_num_heads are needed for inputs of rank 3");
    return onnx_b_transpose(&a->b, ONNX_RESHAPE(&a->b, x, 0, 0, heads, -1), 4, perm);
}

static whet_vid with_past(attention *a, whet_vid past, whet_vid x)
{
    const whet_attr axis = whet_attr_int("axis", 2);
    if (past < 0) return x;
    a->past = onnx_b_size(&a->b, past, 2);
    return onnx_b_node(&a->b, "Concat", 2, (const whet_vid[]){past, x}, 1, &axis);
}

/* Each head of x `times` times: [h0, h0, h1, h1, ...]. */
static whet_vid repeat_heads(attention *a, whet_vid x, int64_t heads, int64_t times)
{
    const whet_dim size = onnx_b_dim(&a->b, x, 3);
    if (times == 1) return x;
    if (size < 0) onnx_b_fail(&a->b, WHET_EUNSUPPORTED, "the heads' size is not known");
    const whet_vid apart = onnx_b_op2(&a->b, "Unsqueeze", x, ONNX_INTS(&a->b, 2));
    const whet_vid many = onnx_b_op2(&a->b, "Expand", apart, ONNX_INTS(&a->b, 1, 1, times, 1, 1));
    return ONNX_RESHAPE(&a->b, many, 0, heads * times, -1, size);
}

static whet_vid minus_infinity_unless(attention *a, whet_vid allowed)
{
    return onnx_b_node(&a->b, "Where", 3, (const whet_vid[]){allowed, onnx_b_number(&a->b, a->q, 0), onnx_b_number(&a->b, a->q, -INFINITY)}, 0, NULL);
}

static void add_bias(attention *a, whet_vid bias) { a->bias = a->bias < 0 ? bias : onnx_b_op2(&a->b, "Add", a->bias, bias); }

static void add_mask(attention *a, whet_vid mask)
{
    if (mask < 0) return;
    const whet_vid bias = onnx_b_dtype(&a->b, mask) == WHET_BOOL ? minus_infinity_unless(a, mask) : widened(a, mask);
    const whet_dim have = onnx_b_dim(&a->b, mask, -1), want = onnx_b_dim(&a->b, a->k, 2);
    a->may_mask_all = true;
    if (have == want) {
        add_bias(a, bias);
        return;
    }
    if (have < 0 || want < have) onnx_b_fail(&a->b, WHET_EUNSUPPORTED, "the mask's length does not follow from the keys'");
    const whet_vid pads = ONNX_INTS(&a->b, 0, want - have), axis = ONNX_INTS(&a->b, -1);
    add_bias(a, onnx_b_node(&a->b, "Pad", 4, (const whet_vid[]){bias, pads, onnx_b_number(&a->b, a->q, -INFINITY), axis}, 0, NULL));
}

static whet_vid range(attention *a, whet_vid x)
{
    const whet_vid in[3] = {onnx_b_integer(&a->b, 0), onnx_b_size(&a->b, x, 2), onnx_b_integer(&a->b, 1)};
    return onnx_b_node(&a->b, "Range", 3, in, 0, NULL);
}

/* Position of each query among the keys: [L, 1], or [N, 1, L, 1] where images have different numbers of valid keys. */
static whet_vid query_positions(attention *a)
{
    onnx_builder *b = &a->b;
    const whet_vid i = onnx_b_op2(b, "Unsqueeze", range(a, a->q), ONNX_INTS(b, 1));
    if (a->past >= 0) return onnx_b_op2(b, "Add", i, a->past);
    if (a->nonpad < 0) return i;
    const whet_vid before = onnx_b_op2(b, "Sub", a->nonpad, onnx_b_size(b, a->q, 2));
    return onnx_b_op2(b, "Add", ONNX_RESHAPE(b, before, -1, 1, 1, 1), i);
}

static void add_windows(attention *a)
{
    onnx_builder *b = &a->b;
    const int64_t causal = onnx_work_int(b->w, "is_causal", 0), left = onnx_work_int(b->w, "left_window_size", -1);
    const int64_t right = onnx_work_int(b->w, "right_window_size", -1);
    if (left < -1 || right < -1) onnx_b_fail(b, WHET_EINVAL, "a window size is below -1");
    if (a->nonpad >= 0 || left >= 0) a->may_mask_all = true;
    if (causal == 0 && left < 0 && right < 0) return;
    const whet_vid at = query_positions(a), keys = range(a, a->k);
    if (causal != 0) add_bias(a, minus_infinity_unless(a, onnx_b_op2(b, "LessOrEqual", keys, at)));
    if (left >= 0) add_bias(a, minus_infinity_unless(a, onnx_b_op2(b, "LessOrEqual", onnx_b_op2(b, "Sub", at, keys), onnx_b_integer(b, left))));
    if (right >= 0) add_bias(a, minus_infinity_unless(a, onnx_b_op2(b, "LessOrEqual", onnx_b_op2(b, "Sub", keys, at), onnx_b_integer(b, right))));
}

static void add_padding(attention *a)
{
    if (a->nonpad < 0) return;
    const whet_vid valid = ONNX_RESHAPE(&a->b, a->nonpad, -1, 1, 1, 1);
    add_bias(a, minus_infinity_unless(a, onnx_b_op2(&a->b, "Less", range(a, a->k), valid)));
}

/* Rows without any key get zeros instead of the 0 / 0 of their softmax. */
static whet_vid guarded(attention *a, whet_vid p)
{
    onnx_builder *b = &a->b;
    if (!a->may_mask_all || a->bias < 0) return p;
    const whet_vid top = onnx_b_op2(b, "ReduceMax", a->bias, ONNX_INTS(b, -1));
    const whet_vid nothing = onnx_b_op2(b, "Equal", top, onnx_b_number(b, a->q, -INFINITY));
    return onnx_b_node(b, "Where", 3, (const whet_vid[]){nothing, onnx_b_number(b, a->q, 0), p}, 0, NULL);
}

static whet_vid softmax(attention *a, whet_vid scores)
{
    const whet_attr *p = onnx_work_attr(a->b.w, "softmax_precision"), last = whet_attr_int("axis", -1);
    const whet_dtype in = p != NULL && p->i != 0 ? whet_dtype_from_onnx((int)p->i) : a->t;
    if (in != a->t && in != WHET_F32 && in != WHET_F64) onnx_b_fail(&a->b, WHET_EUNSUPPORTED, "softmax_precision %s is not handled", whet_dtype_name(in));
    const whet_vid wide = in == WHET_F64 ? onnx_b_cast(&a->b, scores, in) : scores;
    const whet_vid y = onnx_b_cast(&a->b, onnx_b_node(&a->b, "Softmax", 1, &wide, 1, &last), onnx_b_dtype(&a->b, a->q));
    return rounded(a, guarded(a, y));
}

/* Softcap comes before the mask, so that -inf stays what it is. */
static whet_vid capped(attention *a, whet_vid scores)
{
    const double cap = number(a->b.w, "softcap", 0);
    if (!(cap > 0)) return scores;
    const whet_vid c = onnx_b_number(&a->b, a->q, cap);
    return rounded(a, onnx_b_op2(&a->b, "Mul", onnx_b_op1(&a->b, "Tanh", onnx_b_op2(&a->b, "Div", scores, c)), c));
}

static void score_and_mix(attention *a)
{
    static const int64_t flip[4] = {0, 1, 3, 2}, back[4] = {0, 2, 1, 3};
    onnx_builder *b = &a->b;
    const whet_dim size = onnx_b_dim(b, a->q, 3);
    const int64_t mode = onnx_work_int(b->w, "qk_matmul_output_mode", 0);
    const double scale = number(b->w, "scale", size > 0 ? 1 / sqrt((double)size) : 0);
    if (!(scale > 0)) onnx_b_fail(b, WHET_EUNSUPPORTED, "a scale that is not positive, or heads of unknown size, are not handled");
    const whet_vid root = rounded(a, onnx_b_number(b, a->q, sqrt(scale)));
    const whet_vid keys = onnx_b_transpose(b, a->k, 4, flip);
    const whet_vid q = rounded(a, onnx_b_op2(b, "Mul", a->q, root)), k = rounded(a, onnx_b_op2(b, "Mul", keys, root));
    const whet_vid raw = capped(a, rounded(a, onnx_b_op2(b, "MatMul", q, k)));
    const whet_vid scores = a->bias >= 0 ? rounded(a, onnx_b_op2(b, "Add", raw, a->bias)) : raw;
    const whet_vid p = softmax(a, scores);
    whet_vid y = onnx_b_op2(b, "MatMul", p, a->v);
    if (a->three) y = ONNX_RESHAPE(b, onnx_b_transpose(b, y, 4, back), 0, 0, -1);
    onnx_b_out(b, 0, onnx_b_cast(b, y, a->t));
    if (b->w->n_out > 3) onnx_b_out(b, 3, onnx_b_cast(b, mode == 3 ? p : mode == 2 ? scores : raw, a->t));
}

whet_status onnx_upgrade_attention(onnx_reader *r, onnx_work *w)
{
    attention a = {.b = {r->g, w, WHET_OK, r}, .past = WHET_NO_VALUE, .bias = WHET_NO_VALUE};
    onnx_builder *b = &a.b;
    onnx_b_attrs(b, "is_causal kv_num_heads q_num_heads qk_matmul_output_mode scale softcap softmax_precision left_window_size "
                    "right_window_size");
    for (int i = 0; i < 3; i++)
        if (onnx_b_in(b, i) < 0) onnx_b_fail(b, WHET_EFORMAT, "required input %d is missing", i);
    const int rank = onnx_b_rank(b, onnx_b_in(b, 0));
    if (rank != 3 && rank != 4) onnx_b_fail(b, WHET_EUNSUPPORTED, "Q has rank %d, not 3 or 4", rank);
    if (b->status != WHET_OK) return onnx_b_done(b);
    a.three = rank == 3;
    a.t = onnx_b_dtype(b, onnx_b_in(b, 0));
    a.nonpad = onnx_b_in(b, 6);
    a.q = split_heads(&a, widened(&a, onnx_b_in(b, 0)), onnx_work_int(w, "q_num_heads", 0));
    a.k = split_heads(&a, widened(&a, onnx_b_in(b, 1)), onnx_work_int(w, "kv_num_heads", 0));
    a.v = split_heads(&a, widened(&a, onnx_b_in(b, 2)), onnx_work_int(w, "kv_num_heads", 0));
    a.k = with_past(&a, widened(&a, onnx_b_in(b, 4)), a.k);
    a.v = with_past(&a, widened(&a, onnx_b_in(b, 5)), a.v);
    if (w->n_out > 1) onnx_b_out(b, 1, onnx_b_cast(b, a.k, a.t));
    if (w->n_out > 2) onnx_b_out(b, 2, onnx_b_cast(b, a.v, a.t));
    const whet_dim q_heads = onnx_b_dim(b, a.q, 1), kv_heads = onnx_b_dim(b, a.k, 1);
    if (q_heads < 1 || kv_heads < 1 || q_heads % kv_heads != 0) onnx_b_fail(b, WHET_EUNSUPPORTED, "numbers of heads that are not known or do not divide");
    if (b->status != WHET_OK) return onnx_b_done(b);
    a.k = repeat_heads(&a, a.k, kv_heads, q_heads / kv_heads);
    a.v = repeat_heads(&a, a.v, kv_heads, q_heads / kv_heads);
    add_mask(&a, onnx_b_in(b, 3));
    add_windows(&a);
    add_padding(&a);
    score_and_mix(&a);
    return onnx_b_done(b);
}

/* --- rotary embedding: pairs of features are turned by an angle that grows with the position */

/* [N, L, half] or, by position, rows of [positions, half] -> [N, 1, L, half] */
static whet_vid angles(onnx_builder *b, whet_vid cache, int64_t half)
{
    const whet_vid at = onnx_b_in(b, 3), rows = at < 0 ? cache : onnx_b_op2(b, "Gather", cache, at);
    return onnx_b_op2(b, "Unsqueeze", onnx_b_slice(b, rows, 2, 0, half, 1), ONNX_INTS(b, 1));
}

static whet_vid joined(onnx_builder *b, int64_t axis, whet_vid x, whet_vid y)
{
    const whet_attr a = whet_attr_int("axis", axis);
    return onnx_b_node(b, "Concat", 2, (const whet_vid[]){x, y}, 1, &a);
}

static whet_vid turn(onnx_builder *b, whet_vid x, int64_t n, bool pairs)
{
    const whet_vid one = pairs ? onnx_b_slice(b, x, 3, 0, n, 2) : onnx_b_slice(b, x, 3, 0, n / 2, 1);
    const whet_vid two = pairs ? onnx_b_slice(b, x, 3, 1, n, 2) : onnx_b_slice(b, x, 3, n / 2, n, 1);
    const whet_vid c = angles(b, onnx_b_in(b, 1), n / 2), s = angles(b, onnx_b_in(b, 2), n / 2);
    const whet_vid re = onnx_b_op2(b, "Sub", onnx_b_op2(b, "Mul", c, one), onnx_b_op2(b, "Mul", s, two));
    const whet_vid im = onnx_b_op2(b, "Add", onnx_b_op2(b, "Mul", s, one), onnx_b_op2(b, "Mul", c, two));
    if (!pairs) return joined(b, 3, re, im);
    const whet_vid axis = ONNX_INTS(b, 4);
    const whet_vid both = joined(b, 4, onnx_b_op2(b, "Unsqueeze", re, axis), onnx_b_op2(b, "Unsqueeze", im, axis));
    return onnx_b_node(b, "Reshape", 2, (const whet_vid[]){both, onnx_b_op1(b, "Shape", x)}, 0, NULL);
}

whet_status onnx_upgrade_rotary(onnx_reader *r, onnx_work *w)
{
    static const int64_t perm[4] = {0, 2, 1, 3};
    onnx_builder b = {r->g, w, WHET_OK, r};
    const whet_vid given = onnx_b_in(&b, 0);
    const int rank = onnx_b_rank(&b, given);
    const int64_t heads = onnx_work_int(w, "num_heads", 0);
    whet_vid x = given;
    onnx_b_attrs(&b, "interleaved num_heads rotary_embedding_dim");
    if (rank != 3 && rank != 4) onnx_b_fail(&b, WHET_EUNSUPPORTED, "X has rank %d, not 3 or 4", rank);
    if (rank == 3 && heads < 1) onnx_b_fail(&b, WHET_EINVAL, "num_heads is needed for an input of rank 3");
    if (rank == 3) x = onnx_b_transpose(&b, ONNX_RESHAPE(&b, x, 0, 0, heads, -1), 4, perm);
    const whet_dim size = onnx_b_dim(&b, x, 3);
    const int64_t asked = onnx_work_int(w, "rotary_embedding_dim", 0), n = asked > 0 ? asked : size;
    if (size < 2 || n > size || n % 2 != 0) onnx_b_fail(&b, WHET_EUNSUPPORTED, "heads of unknown or unfit size");
    whet_vid y = turn(&b, onnx_b_slice(&b, x, 3, 0, n, 1), n, onnx_work_int(w, "interleaved", 0) != 0);
    if (n < size) y = joined(&b, 3, y, onnx_b_slice(&b, x, 3, n, size, 1));
    if (rank == 3) y = ONNX_RESHAPE(&b, onnx_b_transpose(&b, y, 4, perm), 0, 0, -1);
    onnx_b_out(&b, 0, y);
    return onnx_b_done(&b);
}
