/* SPDX-License-Identifier: Apache-2.0 */
/* Attention as exporters write it becomes whet.FusedAttention; what only looks like it does not. */
#include "build.h"

#include "ir/autodiff.h"

enum { N = 2, L = 6, H = 3, D = 4, C = H * D };

#define BEGIN(name)                                                                                                 \
    small t, *s = &t;                                                                                               \
    small_begin(s, name, WHET_F64, WHET_SHAPE(N, L, C));                                                            \
    const whet_vid x = s->x

static whet_vid linear(small *s, whet_vid x, int n)
{
    return OP("Add", OP("MatMul", x, small_const(s, WHET_SHAPE(C, n))), small_const(s, WHET_SHAPE(n)));
}

static whet_vid heads(small *s, whet_vid x, int rows) { return TRANSPOSE(RESHAPE(x, N, rows, H, D), 0, 2, 1, 3); }
static whet_vid join(small *s, whet_vid o) { return RESHAPE(TRANSPOSE(o, 0, 2, 1, 3), N, L, C); }
static whet_vid softmax(small *s, whet_vid x, int axis) { return small_op(s, "Softmax", WHET_IN(x), WHET_ATTRS(whet_attr_int("axis", axis))); }

static void three_products(void **state)
{
    BEGIN("three products");
    (void)state;
    const whet_vid q = heads(s, linear(s, x, C), L), v = heads(s, linear(s, x, C), L);
    const whet_vid k = TRANSPOSE(RESHAPE(linear(s, x, C), N, L, H, D), 0, 2, 3, 1);
    const whet_vid p = softmax(s, OP("Mul", OP("MatMul", q, k), small_scalar(s, 0.5)), -1);
    whet_graph *g = small_finish(s, join(s, OP("MatMul", p, v)));
    assert_int_equal(small_count(g, "whet.FusedAttention"), 1);
    assert_int_equal(small_count(g, "Transpose") + small_count(g, "Softmax"), 0);
    whet_graph_free(g);
}

/* f32, so that the products are joined. */
static void one_product(void **state)
{
    small t, *s = &t;
    (void)state;
    small_begin(s, "joined products", WHET_F32, WHET_SHAPE(N, L, C));
    const whet_vid x = s->x, k = TRANSPOSE(heads(s, OP("MatMul", x, small_const(s, WHET_SHAPE(C, C))), L), 0, 1, 3, 2);
    const whet_vid q = heads(s, linear(s, x, C), L), v = heads(s, linear(s, x, C), L);
    const whet_vid p = softmax(s, OP("Div", OP("MatMul", q, k), small_scalar(s, 2)), 3);
    small_expect(s, join(s, OP("MatMul", p, v)), "whet.FusedAttention", 2);
}

static whet_vid piece(small *s, whet_vid qkv, int i)
{
    const whet_vid cut = OP("Slice", qkv, SMALL_INTS(s, i), SMALL_INTS(s, i + 1), SMALL_INTS(s, 0));
    return OP("Squeeze", cut, SMALL_INTS(s, 0));
}

/* One product cut by Slice; keys turned by way of [n * heads, positions, size]; both sides scaled. */
static void sliced(void **state)
{
    BEGIN("sliced");
    (void)state;
    const whet_vid qkv = TRANSPOSE(RESHAPE(linear(s, x, 3 * C), N, L, 3, H, D), 2, 0, 3, 1, 4);
    const whet_vid k = RESHAPE(TRANSPOSE(RESHAPE(piece(s, qkv, 1), -1, L, D), 0, 2, 1), N, H, D, L);
    const whet_vid half = small_scalar(s, 0.7);
    const whet_vid p = softmax(s, OP("MatMul", OP("Mul", piece(s, qkv, 0), half), OP("Mul", k, half)), -1);
    small_expect(s, join(s, OP("MatMul", p, piece(s, qkv, 2))), "whet.FusedAttention", 2);
}

/* One product cut by Split, with a mask; the heads are joined to rows of another shape. */
static void split_masked(void **state)
{
    whet_vid part[3];
    BEGIN("split, masked");
    (void)state;
    const whet_vid qkv = TRANSPOSE(RESHAPE(linear(s, x, 3 * C), N, L, 3, H, D), 2, 0, 3, 1, 4);
    assert_ok(whet_graph_node(s->g, "Split", NULL, WHET_IN(qkv, SMALL_INTS(s, 1, 1, 1)), WHET_NO_ATTRS, 3, NULL, part));
    for (int i = 0; i < 3; i++) part[i] = OP("Squeeze", part[i], SMALL_INTS(s, 0));
    const whet_vid scores = OP("MatMul", part[0], TRANSPOSE(part[1], 0, 1, 3, 2));
    const whet_vid p = softmax(s, OP("Add", OP("Mul", scores, small_scalar(s, 0.5)), small_const(s, WHET_SHAPE(L, L))), -1);
    const whet_vid o = TRANSPOSE(OP("MatMul", p, part[2]), 0, 2, 1, 3);
    whet_graph *g = small_finish(s, RESHAPE(o, N * L, C));
    assert_int_equal(small_count(g, "whet.FusedAttention"), 1);
    assert_int_equal(small_count(g, "Softmax"), 0);
    whet_graph_free(g);
}

/* Keys and values from elsewhere, of another number. */
static void crossed(void **state)
{
    BEGIN("crossed");
    (void)state;
    const whet_vid other = small_const(s, WHET_SHAPE(N, 9, C)), plus = OP("Mul", other, OP("ReduceMean", x));
    const whet_vid k = TRANSPOSE(heads(s, linear(s, plus, C), 9), 0, 1, 3, 2), v = heads(s, linear(s, plus, C), 9);
    const whet_vid p = softmax(s, OP("MatMul", heads(s, linear(s, x, C), L), k), -1);
    whet_graph *g = small_finish(s, join(s, OP("MatMul", p, v)));
    assert_int_equal(small_count(g, "whet.FusedAttention"), 1);
    whet_graph_free(g);
}

/* Weights that are an output, a softmax over the other axis, heads that are not the view, a result read twice. */
static void left_alone(void **state)
{
    (void)state;
    for (int kind = 0; kind < 4; kind++) {
        BEGIN("left alone");
        const whet_vid q = heads(s, linear(s, x, C), L), k = TRANSPOSE(heads(s, linear(s, x, C), L), 0, 1, 3, 2);
        whet_vid v = heads(s, linear(s, x, C), L);
        if (kind == 2) v = TRANSPOSE(RESHAPE(linear(s, x, C), N, D, L, H), 0, 3, 2, 1);
        const whet_vid p = softmax(s, OP("MatMul", q, k), kind == 1 ? 2 : 3), o = OP("MatMul", p, v);
        if (kind == 0) assert_ok(whet_graph_output(s->g, p));
        whet_vid y = join(s, o);
        if (kind == 3) y = OP("Add", y, RESHAPE(o, N, L, C));
        assert_ok(whet_graph_output(s->g, y));
        whet_pass_context c = {.g = s->g};
        assert_ok(whet_pass_attention(&c));
        assert_int_equal(c.changes, 0);
        whet_graph_free(s->g);
    }
}

/* One batch of queries for all images: the products broadcast, which the operator does not. */
static void one_query_for_all(void **state)
{
    BEGIN("one query for all");
    (void)state;
    const whet_vid learnt = small_const(s, WHET_SHAPE(1, L, C));
    const whet_vid q = TRANSPOSE(RESHAPE(learnt, 1, L, H, D), 0, 2, 1, 3);
    const whet_vid k = TRANSPOSE(heads(s, linear(s, x, C), L), 0, 1, 3, 2), v = heads(s, linear(s, x, C), L);
    whet_graph *g = small_finish(s, join(s, OP("MatMul", softmax(s, OP("MatMul", q, k), -1), v)));
    assert_int_equal(small_count(g, "whet.FusedAttention"), 0);
    whet_graph_free(g);
}

/* q, k and v are the same columns of one value: their gradients add up, by every row alike. */
static void shared_columns(void **state)
{
    small t, *s = &t;
    whet_vid grad = WHET_NO_VALUE;
    whet_tensor x = {0}, want = {0}, got = {0};
    (void)state;
    small_begin(s, "shared columns", WHET_F32, WHET_SHAPE(N, L, C));
    const whet_vid y = small_op(s, "whet.FusedAttention", WHET_IN(s->x, s->x, s->x), WHET_ATTRS(whet_attr_int("heads", H), whet_attr_int("head_dim", D)));
    const whet_vid loss = small_op(s, "ReduceSum", WHET_IN(OP("Mul", y, small_const(s, WHET_SHAPE(N, L, C)))), WHET_ATTRS(whet_attr_int("keepdims", 0)));
    assert_ok(whet_graph_gradients(s->g, loss, 1, &s->x, &grad));
    assert_ok(whet_graph_output(s->g, grad));
    small_run(s, s->g, &want);
    assert_ok(whet_tensor_alloc(&x, s->type, &s->in));
    small_fill(&x, 99);
    whet_exec *e = NULL;
    assert_ok(whet_exec_create(&e, s->g, NULL));
    assert_ok(whet_exec_run(e, 1, &x, 1, &got));
    small_same(s->g->name, "all rows", &want, &got);
    whet_exec_free(e);
    whet_tensor_dispose(&x);
    whet_tensor_dispose(&want);
    whet_tensor_dispose(&got);
    whet_graph_free(s->g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(three_products), cmocka_unit_test(one_product), cmocka_unit_test(sliced),
                                       cmocka_unit_test(split_masked),   cmocka_unit_test(crossed),     cmocka_unit_test(left_alone),
                                       cmocka_unit_test(one_query_for_all), cmocka_unit_test(shared_columns)};
    return cmocka_run_group_tests_name("attention", tests, NULL, NULL);
}
