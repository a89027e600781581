/* SPDX-License-Identifier: Apache-2.0 */
/* Elementwise operators and Concat on values in physical NHWC give what they give in NCHW: same shapes, per-channel and
 * scalar broadcasts, mixed layouts, one and two threads. */
#include "support.h"

#include "base/rng.h"
#include "base/threads.h"
#include "exec/exec.h"
#include "ir/op.h"

static whet_shape shape_of(int i) /* second operands */
{
    const whet_shape shapes[] = {WHET_SHAPE(2, 5, 3, 4), WHET_SHAPE(5, 1, 1), WHET_SHAPE(1, 5, 1, 1), WHET_SHAPE(1), WHET_SHAPE(4), WHET_SHAPE(2, 1, 3, 4)};
    return shapes[i];
}

static void random_tensor(whet_tensor *t, const whet_shape *s, uint64_t stream)
{
    whet_rng r = whet_rng_at(5, stream);
    assert_ok(whet_tensor_alloc(t, WHET_F32, s));
    for (int64_t i = 0; i < whet_tensor_numel(t); i++) whet_tensor_set_f64(t, i, whet_rng_uniform(&r) * 4 - 2);
}

/* x (reordered if nhwc) op b; the second operand is a constant, or x-shaped and reordered too. */
static void build(whet_graph **out, const char *op, int second, bool nhwc)
{
    whet_graph *g = NULL;
    whet_vid x = 0, b = 0, y = 0;
    const whet_shape s = WHET_SHAPE(2, 5, 3, 4), sb = shape_of(second);
    const whet_dims d = whet_dims_of(&s);
    const whet_attr to = whet_attr_string("to", "NHWC"), back = whet_attr_string("to", "NCHW"), axis = whet_attr_int("axis", 1);
    whet_tensor data = {0};
    const bool concat = strcmp(op, "Concat") == 0, unary = strcmp(op, "Relu") == 0 || strcmp(op, "Sigmoid") == 0;
    assert_ok(whet_graph_create(&g, op));
    assert_ok(whet_graph_input(g, "x", WHET_F32, &d, &x));
    random_tensor(&data, &sb, 11);
    assert_ok(whet_graph_const(g, NULL, &data, &b));
    whet_tensor_dispose(&data);
    if (nhwc) {
        assert_ok(whet_graph_op1(g, "whet.Reorder", WHET_IN(x), 1, &to, &x));
        if (second == 0) assert_ok(whet_graph_op1(g, "whet.Reorder", WHET_IN(b), 1, &to, &b));
    }
    assert_ok(whet_graph_op1(g, op, unary ? 1 : 2, (const whet_vid[]){x, b}, concat ? 1 : 0, &axis, &y));
    if (nhwc) {
        g->values[y].layout = WHET_NHWC;
        assert_ok(whet_graph_op1(g, "whet.Reorder", WHET_IN(y), 1, &back, &y));
    }
    assert_ok(whet_graph_output(g, y));
    *out = g;
}

static void run(const whet_graph *g, whet_team *team, const whet_tensor *x, whet_tensor *y)
{
    whet_exec *e = NULL;
    whet_exec_options opt;
    whet_exec_options_init(&opt);
    opt.team = team;
    whet_tensor_init(y);
    assert_ok(whet_exec_create(&e, g, &opt));
    assert_ok(whet_exec_run(e, 1, x, 1, y));
    whet_exec_free(e);
}

static void layouts_agree(void **state)
{
    static const char *const ops[] = {"Add", "Sub", "Mul", "Max", "Relu", "Sigmoid", "Concat", "PRelu"};
    const whet_shape s = WHET_SHAPE(2, 5, 3, 4);
    whet_tensor x = {0}, plain, got;
    whet_team *team = NULL;
    (void)state;
    assert_ok(whet_team_create(&team, 2));
    random_tensor(&x, &s, 1);
    for (size_t o = 0; o < WHET_COUNT(ops); o++)
        for (int second = 0; second < 6; second++) {
            whet_graph *a = NULL, *b = NULL;
            if (strcmp(ops[o], "Concat") == 0 && second != 0) continue;
            build(&a, ops[o], second, false);
            build(&b, ops[o], second, true);
            run(a, NULL, &x, &plain);
            for (int threads = 1; threads <= 2; threads++) {
                run(b, threads == 1 ? NULL : team, &x, &got);
                assert_true(whet_shape_equal(&plain.shape, &got.shape));
                if (memcmp(plain.data, got.data, whet_tensor_bytes(&plain)) != 0) {
                    print_error("%s, second operand %d, %d threads: NHWC differs from NCHW\n", ops[o], second, threads);
                    fail();
                }
                whet_tensor_dispose(&got);
            }
            whet_tensor_dispose(&plain);
            whet_graph_free(a);
            whet_graph_free(b);
        }
    whet_tensor_dispose(&x);
    whet_team_free(team);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(layouts_agree)};
    return cmocka_run_group_tests_name("nhwc", tests, NULL, NULL);
}
