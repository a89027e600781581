/* SPDX-License-Identifier: Apache-2.0 */
/* Inference of the plain operators: symbolic sizes through shape arithmetic, broadcasting, and refusals that name the
 * node. */
#include "support.h"

#include "ir/op.h"

typedef struct fixture {
    whet_graph *g;
    whet_dim n;
    whet_vid x; /* N x 3 x 8 x 8 */
} fixture;

static fixture make(void)
{
    fixture f = {0};
    assert_ok(whet_graph_create(&f.g, "test"));
    f.n = whet_graph_symbol(f.g, "N");
    const whet_dims d = {.rank = 4, .dims = {f.n, 3, 8, 8}};
    assert_ok(whet_graph_input(f.g, "x", WHET_F32, &d, &f.x));
    return f;
}

static whet_vid ints(fixture *f, int n, const int64_t *x)
{
    whet_vid v = WHET_NO_VALUE;
    assert_ok(whet_graph_const_s64(f->g, NULL, n, x, &v));
    return v;
}
#define INTS(f, ...) ints(f, (int)(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t)), (const int64_t[]){__VA_ARGS__})

static void expect_dims(const fixture *f, whet_vid v, const char *want)
{
    char text[160];
    assert_string_equal(whet_dims_text(f->g, &f->g->values[v].dims, text, sizeof text), want);
}

/* x.reshape(x.size(0), -1) as exporters write it: Shape, Gather, Unsqueeze, Concat, Reshape. */
static void shape_arithmetic(void **state)
{
    fixture f = make();
    whet_vid shape = 0, at = 0, n = 0, rest = 0, target = 0, y = 0;
    const whet_attr axis = whet_attr_int("axis", 0);
    whet_tensor zero = {0};
    const whet_shape scalar = {0};
    (void)state;
    assert_ok(whet_tensor_alloc(&zero, WHET_S64, &scalar));
    assert_ok(whet_graph_const(f.g, NULL, &zero, &at));
    whet_tensor_dispose(&zero);
    assert_ok(whet_graph_op1(f.g, "Shape", WHET_IN(f.x), WHET_NO_ATTRS, &shape));
    assert_ok(whet_graph_op1(f.g, "Gather", WHET_IN(shape, at), 1, &axis, &n));
    assert_ok(whet_graph_op1(f.g, "Unsqueeze", WHET_IN(n, INTS(&f, 0)), WHET_NO_ATTRS, &n));
    rest = INTS(&f, -1);
    assert_ok(whet_graph_op1(f.g, "Concat", WHET_IN(n, rest), 1, &axis, &target));
    assert_ok(whet_graph_op1(f.g, "Reshape", WHET_IN(f.x, target), WHET_NO_ATTRS, &y));
    expect_dims(&f, y, "Nx192");
    whet_shape bound = WHET_SHAPE(5, 3, 8, 8);
    assert_ok(whet_graph_bind_shapes(f.g, 1, &bound));
    expect_dims(&f, y, "5x192");
    whet_graph_free(f.g);
}

/* x.view(N, 3, 4, 16) with 4 = 8 / 2 and 16 = 8 * 2 computed from the shape. */
static void sizes_through_arithmetic(void **state)
{
    fixture f = make();
    whet_vid shape = 0, last = 0, half = 0, twice = 0, head = 0, target = 0, y = 0;
    const whet_attr axis = whet_attr_int("axis", 0);
    (void)state;
    assert_ok(whet_graph_op1(f.g, "Shape", WHET_IN(f.x), WHET_NO_ATTRS, &shape));
    assert_ok(whet_graph_op1(f.g, "Slice", WHET_IN(shape, INTS(&f, -1), INTS(&f, INT64_MAX)), WHET_NO_ATTRS, &last));
    assert_ok(whet_graph_op1(f.g, "Slice", WHET_IN(shape, INTS(&f, 0), INTS(&f, 2)), WHET_NO_ATTRS, &head));
    assert_ok(whet_graph_op1(f.g, "Div", WHET_IN(last, INTS(&f, 2)), WHET_NO_ATTRS, &half));
    assert_ok(whet_graph_op1(f.g, "Mul", WHET_IN(last, INTS(&f, 2)), WHET_NO_ATTRS, &twice));
    assert_ok(whet_graph_op1(f.g, "Concat", WHET_IN(head, half, twice), 1, &axis, &target));
    assert_ok(whet_graph_op1(f.g, "Reshape", WHET_IN(f.x, target), WHET_NO_ATTRS, &y));
    expect_dims(&f, y, "Nx3x4x16");
    whet_graph_free(f.g);
}

static void plain_shapes(void **state)
{
    fixture f = make();
    whet_vid y = 0, b = 0;
    const int64_t perm[] = {0, 2, 3, 1};
    const whet_attr p = whet_attr_ints("perm", 4, perm), keep = whet_attr_int("keepdims", 0), axis = whet_attr_int("axis", 1);
    const whet_dims c = {.rank = 3, .dims = {3, 1, 1}};
    (void)state;
    assert_ok(whet_graph_input(f.g, "b", WHET_F32, &c, &b));
    assert_ok(whet_graph_op1(f.g, "Add", WHET_IN(f.x, b), WHET_NO_ATTRS, &y));
    expect_dims(&f, y, "Nx3x8x8");
    assert_ok(whet_graph_op1(f.g, "Flatten", WHET_IN(f.x), WHET_NO_ATTRS, &y));
    expect_dims(&f, y, "Nx192");
    assert_ok(whet_graph_op1(f.g, "Transpose", WHET_IN(f.x), 1, &p, &y));
    expect_dims(&f, y, "Nx8x8x3");
    assert_ok(whet_graph_op1(f.g, "ReduceMean", WHET_IN(f.x, INTS(&f, 2, -1)), 1, &keep, &y));
    expect_dims(&f, y, "Nx3");
    assert_ok(whet_graph_op1(f.g, "Concat", WHET_IN(f.x, f.x), 1, &axis, &y));
    expect_dims(&f, y, "Nx6x8x8");
    assert_ok(whet_graph_op1(f.g, "Reshape", WHET_IN(f.x, INTS(&f, 0, 0, -1)), WHET_NO_ATTRS, &y));
    expect_dims(&f, y, "Nx3x64");
    assert_ok(whet_graph_op1(f.g, "Reshape", WHET_IN(y, INTS(&f, -1, 64)), WHET_NO_ATTRS, &y));
    expect_dims(&f, y, "?x64");
    assert_ok(whet_graph_op1(f.g, "Slice", WHET_IN(f.x, INTS(&f, 1), INTS(&f, 8), INTS(&f, 3), INTS(&f, 2)), WHET_NO_ATTRS, &y));
    expect_dims(&f, y, "Nx3x8x4");
    whet_graph_free(f.g);
}

static void refusals(void **state)
{
    fixture f = make();
    whet_vid y = 0, i = 0, b = 0;
    const whet_dims five = {.rank = 1, .dims = {5}};
    const whet_attr axis = whet_attr_int("axis", 7);
    (void)state;
    assert_ok(whet_graph_input(f.g, "five", WHET_F32, &five, &b));
    assert_ok(whet_graph_input(f.g, "i", WHET_S32, &five, &i));
    assert_status(whet_graph_op1(f.g, "Add", WHET_IN(f.x, b), WHET_NO_ATTRS, &y), WHET_ESHAPE);
    assert_contains(whet_error_message(), "Nx3x8x8 and 5");
    assert_status(whet_graph_op1(f.g, "Add", WHET_IN(b, i), WHET_NO_ATTRS, &y), WHET_ESHAPE);
    assert_status(whet_graph_op1(f.g, "Exp", WHET_IN(i), WHET_NO_ATTRS, &y), WHET_EUNSUPPORTED);
    assert_contains(whet_error_message(), "type s32");
    assert_true(whet_error_last()->node[0] != '\0');
    assert_status(whet_graph_op1(f.g, "Concat", WHET_IN(b, b), 1, &axis, &y), WHET_EINVAL);
    assert_status(whet_graph_op1(f.g, "Reshape", WHET_IN(b, INTS(&f, 2, 2)), WHET_NO_ATTRS, &y), WHET_ESHAPE);
    assert_status(whet_graph_op1(f.g, "Reshape", WHET_IN(b, INTS(&f, -1, -1)), WHET_NO_ATTRS, &y), WHET_EINVAL);
    assert_status(whet_graph_op1(f.g, "Squeeze", WHET_IN(b, INTS(&f, 0)), WHET_NO_ATTRS, &y), WHET_ESHAPE);
    assert_status(whet_graph_op1(f.g, "NoSuchOperator", WHET_IN(b), WHET_NO_ATTRS, &y), WHET_EUNSUPPORTED);
    whet_graph_free(f.g);
}

static void registry(void **state)
{
    char text[96];
    (void)state;
    for (int i = 0; i < whet_op_count(); i++) {
        const whet_op *op = whet_op_at(i);
        assert_ptr_equal(whet_op_find(whet_op_text(op, text, sizeof text)), op); /* no name stands twice */
        assert_true(op->min_in <= op->max_in && op->min_out <= op->max_out && op->min_out >= 1);
        assert_true(op->grad == NULL || (op->flags & WHET_OP_NO_GRAD) == 0);
    }
    assert_null(whet_op_find("Nothing"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shape_arithmetic), cmocka_unit_test(sizes_through_arithmetic), cmocka_unit_test(plain_shapes),
        cmocka_unit_test(refusals), cmocka_unit_test(registry),
    };
    return cmocka_run_group_tests_name("infer", tests, NULL, NULL);
}
