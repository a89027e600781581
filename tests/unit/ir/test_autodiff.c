/* SPDX-License-Identifier: Apache-2.0 */
/* Differentiation as a graph pass: what it adds, what it leaves out, and its refusals. */
#include "support.h"

#include "ir/autodiff.h"
#include "ir/op.h"

static whet_graph *g;
static whet_vid x, y;

static int setup(void **state)
{
    const whet_dims d = {.rank = 2, .dims = {3, 4}};
    (void)state;
    assert_ok(whet_graph_create(&g, "g"));
    assert_ok(whet_graph_input(g, "x", WHET_F32, &d, &x));
    assert_ok(whet_graph_input(g, "y", WHET_F32, &d, &y));
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    whet_graph_free(g);
    return 0;
}

static whet_vid sum_of(whet_vid v)
{
    whet_vid out = WHET_NO_VALUE;
    assert_ok(whet_graph_op1(g, "ReduceSum", WHET_IN(v), WHET_ATTRS(whet_attr_int("keepdims", 0)), &out));
    return out;
}

static int count(const char *op)
{
    int n = 0;
    for (int i = 0; i < g->n_nodes; i++) n += whet_node_is(&g->nodes[i], op);
    return n;
}

static void test_shapes_and_unused(void **state)
{
    whet_vid t, grads[2];
    const whet_vid wrt[2] = {x, y};
    (void)state;
    assert_ok(whet_graph_op1(g, "Relu", WHET_IN(x), WHET_NO_ATTRS, &t));
    assert_ok(whet_graph_gradients(g, sum_of(t), 2, wrt, grads));
    assert_int_not_equal(grads[0], WHET_NO_VALUE);
    assert_int_equal(grads[1], WHET_NO_VALUE);
    assert_int_equal(g->values[grads[0]].dims.rank, 2);
    assert_int_equal(g->values[grads[0]].dims.dims[1], 4);
    assert_ok(whet_graph_verify(g));
}

static void test_contributions_are_added(void **state)
{
    whet_vid t, u, grad;
    (void)state;
    assert_ok(whet_graph_op1(g, "Relu", WHET_IN(x), WHET_NO_ATTRS, &t));
    assert_ok(whet_graph_op1(g, "Mul", WHET_IN(t, x), WHET_NO_ATTRS, &u));
    assert_int_equal(count("Add"), 0);
    assert_ok(whet_graph_gradients(g, sum_of(u), 1, &x, &grad));
    assert_int_equal(count("Add"), 1);
    assert_ok(whet_graph_verify(g));
}

static void test_zero_by_definition(void **state)
{
    whet_vid t, grad;
    (void)state;
    assert_ok(whet_graph_op1(g, "Floor", WHET_IN(x), WHET_NO_ATTRS, &t));
    assert_ok(whet_graph_gradients(g, sum_of(t), 1, &x, &grad));
    assert_int_equal(grad, WHET_NO_VALUE);
}

static void test_refusals(void **state)
{
    whet_vid t, grad, out[1];
    (void)state;
    assert_status(whet_graph_gradients(g, x, 1, &x, &grad), WHET_ESHAPE);
    assert_contains(whet_error_last()->text, "'x'");
    t = WHET_NO_VALUE;
    assert_status(whet_graph_gradients(g, t, 1, &x, &grad), WHET_EINVAL);
    assert_ok(whet_graph_node(g, "whet.SumTo", "best", WHET_IN(x, x), WHET_NO_ATTRS, 1, NULL, out));
    assert_status(whet_graph_gradients(g, sum_of(out[0]), 1, &x, &grad), WHET_EUNSUPPORTED);
    assert_contains(whet_error_last()->text, "SumTo");
    assert_string_equal(whet_error_last()->node, "best");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_shapes_and_unused, setup, teardown),
        cmocka_unit_test_setup_teardown(test_contributions_are_added, setup, teardown),
        cmocka_unit_test_setup_teardown(test_zero_by_definition, setup, teardown),
        cmocka_unit_test_setup_teardown(test_refusals, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
