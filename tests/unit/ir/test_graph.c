/* SPDX-License-Identifier: Apache-2.0 */
/* The graph: building with inference, undo on failure, symbols, sorting, pruning, cloning, verifying. */
#include "ir/op.h"
#include "support.h"

static whet_graph *chain(whet_vid *x, whet_vid *y)
{
    whet_graph *g = NULL;
    whet_dims d = {.rank = 2};
    whet_vid r = WHET_NO_VALUE;
    assert_ok(whet_graph_create(&g, "g"));
    d.dims[0] = whet_graph_symbol(g, "N");
    d.dims[1] = 3;
    assert_ok(whet_graph_input(g, "x", WHET_F32, &d, x));
    assert_ok(whet_graph_op1(g, "Relu", WHET_IN(*x), WHET_NO_ATTRS, &r));
    assert_ok(whet_graph_op1(g, "Add", WHET_IN(r, *x), WHET_NO_ATTRS, y));
    assert_ok(whet_graph_output(g, *y));
    return g;
}

static void shapes_keep_symbols(void **state)
{
    (void)state;
    whet_vid x, y;
    whet_graph *g = chain(&x, &y);
    char text[64];
    assert_string_equal(whet_dims_text(g, &g->values[y].dims, text, sizeof text), "Nx3");
    whet_shape s = WHET_SHAPE(5, 3), wrong = WHET_SHAPE(5, 4);
    assert_ok(whet_graph_verify(g));
    assert_status(whet_graph_bind_shapes(g, 1, &wrong), WHET_ESHAPE);
    assert_contains(whet_error_message(), "input 'x' wants shape Nx3, but was given 5x4");
    assert_ok(whet_graph_bind_shapes(g, 1, &s));
    assert_string_equal(whet_dims_text(g, &g->values[y].dims, text, sizeof text), "5x3");
    whet_graph_free(g);
}

/* A constant made of another value's own tensor, while the table of values grows and moves. */
static void constants_of_constants(void **state)
{
    (void)state;
    whet_vid x, y, c, first;
    const int64_t three[] = {1, 2, 3};
    whet_graph *g = chain(&x, &y);
    assert_ok(whet_graph_const_s64(g, "c", 3, three, &first));
    c = first;
    for (int i = 0; i < 300; i++) {
        assert_ok(whet_graph_const(g, NULL, &g->values[c].data, &c));
        assert_ptr_equal(g->values[c].data.data, g->values[first].data.data);
        assert_int_equal(g->values[c].dims.dims[0], 3);
    }
    whet_graph_free(g);
}

/* Renaming moves names within their table: each is found under its newest name alone, whatever lies around it. */
static void renamed_values_are_found(void **state)
{
    (void)state;
    enum { N = 700 };
    whet_vid x, y, v[N];
    whet_graph *g = chain(&x, &y);
    char name[32];
    for (int i = 0; i < N; i++) assert_ok(whet_graph_op1(g, "Relu", WHET_IN(i ? v[i - 1] : y), WHET_NO_ATTRS, &v[i]));
    for (int turn = 0; turn < 3; turn++)
        for (int i = 0; i < N; i++) {
            snprintf(name, sizeof name, "t%d.%d", turn, i * 37 % N);
            assert_ok(whet_graph_rename(g, v[i], name));
        }
    for (int i = 0; i < N; i++) {
        for (int turn = 0; turn < 3; turn++) {
            snprintf(name, sizeof name, "t%d.%d", turn, i * 37 % N);
            assert_int_equal(whet_graph_find(g, name), turn == 2 ? v[i] : WHET_NO_VALUE);
        }
        assert_status(whet_graph_rename(g, v[i], "x"), WHET_EINVAL);
    }
    assert_int_equal(whet_graph_find(g, "x"), x);
    assert_ok(whet_graph_verify(g));
    whet_graph_free(g);
}

static void a_failed_node_leaves_no_trace(void **state)
{
    (void)state;
    whet_vid x, y, z = 7;
    whet_graph *g = chain(&x, &y);
    int values = g->n_values, nodes = g->n_nodes;
    whet_vid c;
    int64_t three[] = {1, 2, 3};
    assert_ok(whet_graph_const_s64(g, "c", 3, three, &c));
    assert_status(whet_graph_node(g, "Add", "bad", WHET_IN(x, c), WHET_NO_ATTRS, 1, NULL, &z), whet_error_last()->status);
    assert_int_equal(z, WHET_NO_VALUE);
    assert_string_equal(whet_error_last()->node, "bad");
    assert_int_equal(g->n_nodes, nodes);
    assert_int_equal(g->n_values, values + 1);
    assert_int_equal(whet_graph_find_node(g, "bad"), WHET_NO_NODE);
    assert_status(whet_graph_node(g, "Convv", "c1", WHET_IN(x), WHET_NO_ATTRS, 1, NULL, &z), WHET_EUNSUPPORTED);
    assert_status(whet_graph_node(g, "Relu", "r", WHET_IN(x, x), WHET_NO_ATTRS, 1, NULL, &z), WHET_EFORMAT);
    assert_ok(whet_graph_verify(g));
    whet_graph_free(g);
}

static void names_are_made_unique(void **state)
{
    (void)state;
    whet_vid x, y, a, b;
    whet_graph *g = chain(&x, &y);
    const char *name = "r";
    assert_ok(whet_graph_node(g, "Relu", "n", WHET_IN(x), WHET_NO_ATTRS, 1, &name, &a));
    assert_ok(whet_graph_node(g, "Relu", "n", WHET_IN(x), WHET_NO_ATTRS, 1, &name, &b));
    assert_string_equal(g->values[a].name, "r");
    assert_string_equal(g->values[b].name, "r.1");
    assert_int_equal(whet_graph_find(g, "r.1"), b);
    whet_graph_free(g);
}

static void prune_drops_what_nothing_needs(void **state)
{
    (void)state;
    whet_vid x, y, dead;
    whet_graph *g = chain(&x, &y), *copy = NULL;
    char *before = NULL, *after = NULL, *cloned = NULL;
    assert_ok(whet_graph_dump(g, &before));
    assert_ok(whet_graph_op1(g, "Neg", WHET_IN(y), WHET_NO_ATTRS, &dead));
    assert_ok(whet_graph_const_f32(g, "unused", 1.0f, &dead));
    assert_ok(whet_graph_clone(&copy, g));
    assert_ok(whet_graph_prune(copy));
    assert_ok(whet_graph_verify(copy));
    assert_ok(whet_graph_dump(copy, &after));
    assert_string_equal(before, after);
    assert_int_equal(whet_graph_find(copy, "unused"), WHET_NO_VALUE);
    assert_ok(whet_graph_dump(g, &cloned)); /* the original is untouched */
    assert_contains(cloned, "unused");
    whet_free(before);
    whet_free(after);
    whet_free(cloned);
    whet_graph_free(copy);
    whet_graph_free(g);
}

static void sort_finds_order_and_cycles(void **state)
{
    (void)state;
    whet_vid x, y;
    whet_graph *g = chain(&x, &y);
    whet_vid late;
    assert_ok(whet_graph_op1(g, "Neg", WHET_IN(x), WHET_NO_ATTRS, &late));
    whet_graph_set_input(g, 0, 0, late); /* the first node now reads the last one's result */
    assert_status(whet_graph_verify(g), WHET_EFORMAT);
    assert_ok(whet_graph_sort(g));
    assert_ok(whet_graph_verify(g));
    assert_true(whet_node_is(&g->nodes[0], "Neg"));
    assert_int_equal(g->values[late].producer, 0);
    whet_graph_set_input(g, 0, 0, y);
    assert_status(whet_graph_sort(g), WHET_EFORMAT);
    assert_contains(whet_error_message(), "cycle");
    whet_graph_free(g);
}

static void uses_count_each_use(void **state)
{
    (void)state;
    whet_vid x, y;
    whet_graph *g = chain(&x, &y);
    assert_int_equal(whet_graph_uses(g, x).n, 2);
    assert_int_equal(whet_graph_uses(g, y).n, 0);
    whet_graph_replace_uses(g, x, y);
    assert_int_equal(whet_graph_uses(g, x).n, 0);
    whet_graph_free(g);
}

static void commits_need_equal_shapes(void **state)
{
    (void)state;
    whet_vid x, y, v, w;
    whet_graph *g = chain(&x, &y);
    whet_tensor t = {0};
    whet_shape s = WHET_SHAPE(4);
    assert_ok(whet_tensor_alloc(&t, WHET_F32, &s));
    assert_ok(whet_graph_variable(g, "v", &t, true, &v));
    assert_ok(whet_graph_op1(g, "Neg", WHET_IN(v), WHET_NO_ATTRS, &w));
    assert_ok(whet_graph_commit(g, w, v));
    assert_ok(whet_graph_verify(g));
    assert_status(whet_graph_commit(g, w, x), WHET_EINVAL);
    whet_vid scalar;
    assert_ok(whet_graph_const_f32(g, NULL, 0, &scalar));
    assert_ok(whet_graph_commit(g, scalar, v));
    assert_status(whet_graph_verify(g), WHET_ESHAPE);
    whet_tensor_dispose(&t);
    whet_graph_free(g);
}

static whet_status build(void *arg)
{
    (void)arg;
    whet_graph *g = NULL;
    whet_vid x = WHET_NO_VALUE, y = WHET_NO_VALUE;
    const whet_dims d = {.rank = 1, .dims = {3}};
    whet_status s = whet_graph_create(&g, "g");
    if (s == WHET_OK) s = whet_graph_input(g, "x", WHET_F32, &d, &x);
    if (s == WHET_OK) s = whet_graph_op1(g, "Relu", WHET_IN(x), WHET_NO_ATTRS, &y);
    if (s == WHET_OK) s = whet_graph_output(g, y);
    whet_graph_free(g);
    return s;
}

static void building_survives_every_failed_allocation(void **state)
{
    (void)state;
    support_fail_each_allocation(build, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shapes_keep_symbols), cmocka_unit_test(constants_of_constants),
        cmocka_unit_test(renamed_values_are_found), cmocka_unit_test(a_failed_node_leaves_no_trace),
        cmocka_unit_test(names_are_made_unique),      cmocka_unit_test(prune_drops_what_nothing_needs),
        cmocka_unit_test(sort_finds_order_and_cycles), cmocka_unit_test(uses_count_each_use),
        cmocka_unit_test(commits_need_equal_shapes),  cmocka_unit_test(building_survives_every_failed_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
