/* SPDX-License-Identifier: Apache-2.0 */
/* The executor: plans per batch size, views, commits, in-place reuse against a plain evaluation, failures. */
#include "graphs.h"

#include <math.h>

#include "base/cpu.h"
#include "exec/exec_private.h"

static whet_exec_options options(void)
{
    whet_exec_options o;
    whet_exec_options_init(&o);
    o.poison = true;
    return o;
}

static whet_exec *executor(const whet_graph *g)
{
    const whet_exec_options o = options();
    whet_exec *e = NULL;
    assert_ok(whet_exec_create(&e, g, &o));
    return e;
}

static void one_exec_serves_several_batch_sizes(void **state)
{
    whet_graph *g = NULL;
    (void)state;
    assert_ok(whet_graph_create(&g, "g"));
    const whet_vid x = input2(g, "x", whet_graph_symbol(g, "N"), 3);
    const whet_vid y = op(g, "Mul", WHET_IN(op(g, "Relu", WHET_IN(x)), x));
    assert_ok(whet_graph_output(g, y));
    whet_exec *e = executor(g);
    for (int round = 0; round < 2; round++)
        for (int64_t n = 1; n <= 5; n += 2) {
            const whet_shape shape = WHET_SHAPE(n, 3);
            whet_plan *p = NULL;
            assert_ok(whet_exec_plan(e, 1, &shape, &p));
            float *in = whet_plan_input(p, 0)->data;
            for (int64_t i = 0; i < 3 * n; i++) in[i] = (float)(i - 2);
            assert_ok(whet_plan_run(p));
            const float *out = whet_plan_output(p, 0)->data;
            for (int64_t i = 0; i < 3 * n; i++) assert_true(out[i] == (i > 2 ? (float)((i - 2) * (i - 2)) : 0));
        }
    assert_int_equal(e->n_plans, 3);
    whet_exec_free(e);
    whet_graph_free(g);
}

static void views_share_the_bytes(void **state)
{
    whet_graph *g = NULL;
    whet_plan *p = NULL;
    const whet_shape shape = WHET_SHAPE(4, 6);
    (void)state;
    assert_ok(whet_graph_create(&g, "g"));
    const whet_vid x = input2(g, "x", 4, 6), a = op(g, "Neg", WHET_IN(x));
    assert_ok(whet_graph_output(g, reshaped(g, x, 2, (const int64_t[]){3, 8})));
    assert_ok(whet_graph_output(g, reshaped(g, a, 1, (const int64_t[]){24})));
    assert_ok(whet_graph_output(g, a));
    whet_exec *e = executor(g);
    assert_ok(whet_exec_plan(e, 1, &shape, &p));
    float *in = whet_plan_input(p, 0)->data;
    assert_ptr_equal(whet_plan_output(p, 0)->data, in);
    assert_ptr_equal(whet_plan_output(p, 1)->data, whet_plan_output(p, 2)->data);
    float *own = whet_alloc_aligned(24 * sizeof *own, 64);
    for (int i = 0; i < 24; i++) own[i] = (float)i;
    assert_ok(whet_plan_bind_input(p, 0, own));
    assert_ok(whet_plan_run(p));
    assert_ptr_equal(whet_plan_output(p, 0)->data, own);
    assert_true(((const float *)whet_plan_output(p, 1)->data)[23] == -23);
    assert_status(whet_plan_bind_input(p, 0, own + 1), WHET_EINVAL);
    assert_ok(whet_plan_bind_input(p, 0, NULL));
    assert_ptr_equal(whet_plan_output(p, 0)->data, in);
    whet_free_aligned(own);
    whet_exec_free(e);
    whet_graph_free(g);
}

/* v <- v + x; the output v shows the old bytes, the output v + x the new ones. */
static void a_reader_sees_the_old_bytes(void **state)
{
    whet_graph *g = NULL;
    whet_plan *p = NULL;
    const whet_shape shape = WHET_SHAPE(2, 2);
    (void)state;
    assert_ok(whet_graph_create(&g, "g"));
    const whet_vid x = input2(g, "x", 2, 2), v = variable(g, "v", &shape, 1);
    const whet_vid sum = op(g, "Add", WHET_IN(v, x)), late = op(g, "Neg", WHET_IN(v));
    assert_ok(whet_graph_commit(g, sum, v));
    assert_ok(whet_graph_output(g, v));
    assert_ok(whet_graph_output(g, sum));
    assert_ok(whet_graph_output(g, late));
    whet_exec *e = executor(g);
    assert_ok(whet_exec_plan(e, 1, &shape, &p));
    float *live = whet_exec_variable(e, "v")->data;
    for (int i = 0; i < 4; i++) {
        live[i] = 10;
        ((float *)whet_plan_input(p, 0)->data)[i] = 1;
    }
    for (int run = 0; run < 3; run++) {
        assert_ok(whet_plan_run(p));
        for (int i = 0; i < 4; i++) {
            assert_true(((const float *)whet_plan_output(p, 0)->data)[i] == (float)(10 + run));
            assert_true(((const float *)whet_plan_output(p, 1)->data)[i] == (float)(11 + run));
            assert_true(((const float *)whet_plan_output(p, 2)->data)[i] == (float)(-10 - run));
            assert_true(live[i] == (float)(11 + run));
        }
    }
    whet_exec_free(e);
    whet_graph_free(g);
}

static void two_variables_swap(void **state)
{
    whet_graph *g = NULL;
    whet_plan *p = NULL;
    const whet_shape shape = WHET_SHAPE(3);
    (void)state;
    assert_ok(whet_graph_create(&g, "g"));
    const whet_vid a = variable(g, "a", &shape, 1), b = variable(g, "b", &shape, 2);
    assert_ok(whet_graph_commit(g, a, b));
    assert_ok(whet_graph_commit(g, b, a));
    assert_ok(whet_graph_output(g, op(g, "Add", WHET_IN(a, b))));
    whet_exec *e = executor(g);
    const float first = *(const float *)whet_exec_variable(e, "a")->data, second = *(const float *)whet_exec_variable(e, "b")->data;
    assert_ok(whet_exec_plan(e, 0, NULL, &p));
    assert_ok(whet_plan_run(p));
    assert_true(*(const float *)whet_exec_variable(e, "a")->data == second);
    assert_true(*(const float *)whet_exec_variable(e, "b")->data == first);
    assert_true(first != second);
    whet_exec_free(e);
    whet_graph_free(g);
}

/* An update whose variable has no later reader is written in place; one with a later reader is copied. */
static void updates_go_straight_into_their_variable(void **state)
{
    whet_graph *g = NULL;
    whet_plan *p = NULL;
    const whet_shape shape = WHET_SHAPE(2, 2);
    (void)state;
    assert_ok(whet_graph_create(&g, "g"));
    const whet_vid x = input2(g, "x", 2, 2), v = variable(g, "v", &shape, 1), w = variable(g, "w", &shape, 2);
    const whet_vid v2 = op(g, "Add", WHET_IN(v, x)), w2 = op(g, "Add", WHET_IN(w, x));
    const whet_vid sum = op(g, "Mul", WHET_IN(w2, w)); /* reads w after w2 */
    assert_ok(whet_graph_commit(g, v2, v));
    assert_ok(whet_graph_commit(g, w2, w));
    assert_ok(whet_graph_output(g, sum));
    whet_exec *e = executor(g);
    assert_ok(whet_exec_plan(e, 1, &shape, &p));
    assert_int_equal(p->n_direct, 1);
    float *lv = whet_exec_variable(e, "v")->data, *lw = whet_exec_variable(e, "w")->data;
    for (int i = 0; i < 4; i++) {
        ((float *)whet_plan_input(p, 0)->data)[i] = 2;
        lv[i] = 1;
        lw[i] = 3;
    }
    assert_ok(whet_plan_run(p));
    assert_ok(whet_plan_run(p));
    for (int i = 0; i < 4; i++) {
        assert_true(lv[i] == 5 && lw[i] == 7);
        assert_true(((const float *)whet_plan_output(p, 0)->data)[i] == 35);
    }
    whet_exec_free(e);
    whet_graph_free(g);
}

static void known_shapes_become_constants(void **state)
{
    whet_graph *g = NULL;
    whet_plan *p = NULL;
    whet_vid shape_of = WHET_NO_VALUE;
    const whet_shape shape = WHET_SHAPE(5, 4);
    (void)state;
    assert_ok(whet_graph_create(&g, "g"));
    const whet_vid x = input2(g, "x", whet_graph_symbol(g, "N"), 4), flat = reshaped(g, x, 1, (const int64_t[]){-1});
    shape_of = op(g, "Shape", WHET_IN(x));
    const whet_vid back = op(g, "Reshape", WHET_IN(op(g, "Neg", WHET_IN(flat)), shape_of));
    assert_ok(whet_graph_output(g, back));
    whet_exec *e = executor(g);
    assert_ok(whet_exec_plan(e, 1, &shape, &p));
    for (int i = 0; i < p->n_steps; i++) assert_false(whet_node_is(p->steps[i].k.n, "Shape"));
    assert_int_equal(whet_plan_output(p, 0)->shape.rank, 2);
    assert_int_equal(whet_plan_output(p, 0)->shape.dims[0], 5);
    whet_exec_free(e);
    whet_graph_free(g);
}

/* --- random graphs against a plain evaluation of the same operations */

enum { ROWS = 3, COLS = 8, CELLS = ROWS * COLS, MOST = 40 };
typedef struct recipe { uint32_t op, a, b; } recipe;
static const char *const random_ops[] = {"Add", "Sub", "Mul", "Relu", "Neg", "Identity"};

static uint32_t draw(uint32_t *x, uint32_t n)
{
    *x = *x * 1664525u + 1013904223u;
    return (*x >> 16) % n;
}

static void evaluate(const recipe *how, int n, float (*value)[CELLS])
{
    for (int k = 2; k < n; k++)
        for (int i = 0; i < CELLS; i++) {
            const float p = value[how[k].a][i], q = value[how[k].b][i];
            const float y[] = {p + q, p - q, p * q, p < 0 ? 0 : p, -p, p};
            value[k][i] = y[how[k].op];
        }
}

/* By value: -0 equals 0, NaN equals NaN. */
static bool equal_values(const float *a, const float *b)
{
    for (int i = 0; i < CELLS; i++)
        if (a[i] != b[i] && !(isnan(a[i]) && isnan(b[i]))) return false;
    return true;
}

static void random_graph(uint32_t seed)
{
    static float want[MOST][CELLS];
    recipe how[MOST] = {0};
    whet_graph *g = NULL;
    whet_plan *p = NULL;
    whet_vid v[MOST];
    uint32_t r = seed;
    const int n = 12 + (int)draw(&r, MOST - 12);
    int outputs[4] = {n - 1};
    const whet_shape shape = WHET_SHAPE(ROWS, COLS);
    whet_tensor x = filled(&shape, seed + 7);
    assert_ok(whet_graph_create(&g, "random"));
    v[0] = input2(g, "x", ROWS, COLS);
    v[1] = variable(g, "w", &shape, seed);
    for (int k = 2; k < n; k++) {
        how[k] = (recipe){draw(&r, WHET_COUNT(random_ops)), draw(&r, (uint32_t)k), draw(&r, (uint32_t)k)};
        v[k] = op(g, random_ops[how[k].op], how[k].op < 3 ? 2 : 1, (const whet_vid[]){v[how[k].a], v[how[k].b]});
        if (draw(&r, 4) == 0) v[k] = reshaped(g, reshaped(g, v[k], 1, (const int64_t[]){-1}), 2, (const int64_t[]){ROWS, COLS});
    }
    for (int i = 1; i < 4; i++) outputs[i] = (int)draw(&r, (uint32_t)n);
    for (int i = 0; i < 4; i++) assert_ok(whet_graph_output(g, v[outputs[i]]));
    const int committed = (int)draw(&r, (uint32_t)n);
    assert_ok(whet_graph_commit(g, v[committed], v[1]));
    whet_exec *e = executor(g);
    assert_ok(whet_exec_plan(e, 1, &shape, &p));
    memcpy(whet_plan_input(p, 0)->data, x.data, sizeof want[0]);
    memcpy(want[0], x.data, sizeof want[0]);
    for (int run = 0; run < 3; run++) {
        memcpy(want[1], whet_exec_variable(e, "w")->data, sizeof want[1]);
        evaluate(how, n, want);
        assert_ok(whet_plan_run(p));
        for (int i = 0; i < 4; i++)
            if (!equal_values(whet_plan_output(p, i)->data, want[outputs[i]])) {
                print_error("random graph of seed %u: output %d (value %d) differs in run %d\n", seed, i, outputs[i], run);
                fail();
            }
        if (!equal_values(whet_exec_variable(e, "w")->data, want[committed])) {
            print_error("random graph of seed %u: the commit of value %d differs in run %d\n", seed, committed, run);
            fail();
        }
    }
    whet_tensor_dispose(&x);
    whet_exec_free(e);
    whet_graph_free(g);
}

static void random_graphs_equal_plain_evaluation(void **state)
{
    (void)state;
    for (uint32_t seed = 1; seed <= 300; seed++) random_graph(seed);
}

static void memory_is_reused(void **state)
{
    whet_graph *g = NULL;
    whet_plan *p = NULL;
    const whet_shape shape = WHET_SHAPE(64, 64);
    (void)state;
    assert_ok(whet_graph_create(&g, "chain"));
    whet_vid v = input2(g, "x", 64, 64);
    for (int i = 0; i < 20; i++) v = op(g, "Neg", WHET_IN(v));
    assert_ok(whet_graph_output(g, v));
    whet_exec *e = executor(g);
    assert_ok(whet_exec_plan(e, 1, &shape, &p));
    /* the input, and one buffer that all the negations work in */
    assert_int_equal(whet_plan_arena_bytes(p), 2 * 64 * 64 * sizeof(float));
    whet_exec_free(e);
    whet_graph_free(g);
}

static void wrong_shapes_are_named(void **state)
{
    whet_graph *g = NULL;
    whet_plan *p = NULL;
    const whet_shape wrong = WHET_SHAPE(2, 5);
    (void)state;
    assert_ok(whet_graph_create(&g, "g"));
    assert_ok(whet_graph_output(g, op(g, "Neg", WHET_IN(input2(g, "pixels", 2, 3)))));
    whet_exec *e = executor(g);
    assert_status(whet_exec_plan(e, 1, &wrong, &p), WHET_ESHAPE);
    assert_null(p);
    assert_contains(whet_error_message(), "pixels");
    assert_status(whet_exec_plan(e, 0, NULL, &p), WHET_ESHAPE);
    whet_exec_free(e);
    whet_graph_free(g);
}

static void the_plan_describes_itself(void **state)
{
    whet_graph *g = NULL;
    whet_plan *p = NULL;
    char *json = NULL;
    const whet_shape shape = WHET_SHAPE(2, 3);
    (void)state;
    assert_ok(whet_graph_create(&g, "g"));
    assert_ok(whet_graph_output(g, op(g, "Relu", WHET_IN(op(g, "Neg", WHET_IN(input2(g, "x", 2, 3)))))));
    whet_exec *e = executor(g);
    assert_ok(whet_exec_plan(e, 1, &shape, &p));
    assert_ok(whet_plan_describe(p, &json));
    assert_contains(json, "\"op\":\"Relu\"");
    assert_contains(json, "\"shape\":\"2x3\"");
    whet_free(json);
    whet_exec_free(e);
    whet_graph_free(g);
}

/* Every allocation of making and running fails once: ENOMEM, and nothing leaks (judged under the sanitizer). */
static void allocation_failures_are_clean(void **state)
{
    whet_graph *g = NULL;
    const whet_shape shape = WHET_SHAPE(2, 2);
    const whet_exec_options o = options();
    long n = 1;
    (void)state;
    assert_ok(whet_graph_create(&g, "g"));
    const whet_vid x = input2(g, "x", whet_graph_symbol(g, "N"), 2), v = variable(g, "v", &shape, 1);
    const whet_vid y = op(g, "MatMul", WHET_IN(op(g, "Relu", WHET_IN(x)), v)), z = op(g, "Add", WHET_IN(v, v));
    assert_ok(whet_graph_commit(g, z, v));
    assert_ok(whet_graph_output(g, reshaped(g, y, 1, (const int64_t[]){-1})));
    for (; n < 10000; n++) {
        whet_exec *e = NULL;
        whet_plan *p = NULL;
        whet_alloc_fail_after(n);
        whet_status status = whet_exec_create(&e, g, &o);
        if (status == WHET_OK) status = whet_exec_plan(e, 1, &shape, &p);
        whet_alloc_fail_after(0);
        if (status == WHET_OK) {
            assert_ok(whet_plan_run(p));
            whet_exec_free(e);
            break;
        }
        if (status != WHET_ENOMEM) {
            print_error("allocation %ld failing gave %s: %s\n", n, whet_status_name(status), whet_error_message());
            fail();
        }
        if (e != NULL) { /* the exec is still good */
            assert_ok(whet_exec_plan(e, 1, &shape, &p));
            assert_ok(whet_plan_run(p));
        }
        whet_exec_free(e);
    }
    assert_in_range(n, 20, 9999);
    whet_graph_free(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_exec_serves_several_batch_sizes),
        cmocka_unit_test(views_share_the_bytes),
        cmocka_unit_test(a_reader_sees_the_old_bytes),
        cmocka_unit_test(two_variables_swap),
        cmocka_unit_test(updates_go_straight_into_their_variable),
        cmocka_unit_test(known_shapes_become_constants),
        cmocka_unit_test(random_graphs_equal_plain_evaluation),
        cmocka_unit_test(memory_is_reused),
        cmocka_unit_test(wrong_shapes_are_named),
        cmocka_unit_test(the_plan_describes_itself),
        cmocka_unit_test(allocation_failures_are_clean),
    };
    whet_cpu_flush_denormals(); /* as the kernels do, for the plain evaluation */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
