/* SPDX-License-Identifier: Apache-2.0 */
/* Operators whose meaning finite differences cannot check: running statistics, optimiser steps against their published
 * formulas worked out by hand here, dropout's rate and keys, labels that are no class. */
#include <math.h>

#include "support.h"

#include "exec/exec.h"
#include "ir/autodiff.h"

static whet_vid input(whet_graph *g, const char *name, whet_dtype t, int rank, const int64_t *d)
{
    const whet_shape s = whet_shape_of(rank, d);
    const whet_dims dims = whet_dims_of(&s);
    whet_vid v = WHET_NO_VALUE;
    assert_ok(whet_graph_input(g, name, t, &dims, &v));
    return v;
}

static void f32(whet_tensor *t, int rank, const int64_t *d, const float *x)
{
    const whet_shape s = whet_shape_of(rank, d);
    whet_tensor_init(t);
    assert_ok(whet_tensor_alloc(t, WHET_F32, &s));
    memcpy(t->data, x, whet_tensor_bytes(t));
}

static void run(const whet_graph *g, uint64_t seed, uint64_t step, int n_in, whet_tensor *in, int n_out, whet_tensor *out)
{
    whet_exec *e = NULL;
    whet_exec_options opt;
    whet_exec_options_init(&opt);
    opt.seed = seed;
    for (int i = 0; i < n_out; i++) whet_tensor_init(&out[i]);
    assert_ok(whet_exec_create(&e, g, &opt));
    whet_exec_set_step(e, step);
    assert_ok(whet_exec_run(e, n_in, in, n_out, out));
    whet_exec_free(e);
}

static void near(const whet_tensor *t, int64_t i, double want)
{
    const double have = whet_tensor_get_f64(t, i);
    if (!(fabs(have - want) <= 1e-6 * fmax(1, fabs(want)))) fail_msg("element %lld is %.9g, wanted %.9g", (long long)i, have, want);
}

/* x = 1, 2, 3, 6 in one channel: mean 3, biased variance 3.5, unbiased 14 / 3 */
static void check_running(const char *op, int n_out, bool unbiased)
{
    static const float x[4] = {1, 2, 3, 6}, one[1] = {1}, mean[1] = {0.5f}, var[1] = {2};
    const int64_t xd[4] = {1, 1, 2, 2}, cd[1] = {1};
    whet_graph *g = NULL;
    whet_tensor in[5], out[5];
    whet_vid v[5], y[5];
    assert_ok(whet_graph_create(&g, "bn"));
    for (int i = 0; i < 5; i++) v[i] = input(g, NULL, WHET_F32, i == 0 ? 4 : 1, i == 0 ? xd : cd);
    const whet_attr attrs[2] = {whet_attr_float("momentum", 0.9f), whet_attr_int(n_out == 5 ? "unbiased" : "training_mode", n_out == 5 ? unbiased : 1)};
    assert_ok(whet_graph_node(g, op, "bn", 5, v, 2, attrs, n_out, NULL, y));
    for (int i = 0; i < n_out; i++) assert_ok(whet_graph_output(g, y[i]));
    f32(&in[0], 4, xd, x);
    f32(&in[1], 1, cd, one);
    f32(&in[2], 1, cd, one);
    f32(&in[3], 1, cd, mean);
    f32(&in[4], 1, cd, var);
    run(g, 0, 0, 5, in, n_out, out);
    near(&out[0], 3, (6 - 3) / sqrt(3.5 + 1e-5) + 1);
    near(&out[1], 0, 0.5 * 0.9 + 3 * 0.1);
    near(&out[2], 0, 2 * 0.9 + (unbiased ? 14.0 / 3 : 3.5) * 0.1);
    if (n_out == 5) near(&out[3], 0, 3);
    if (n_out == 5) near(&out[4], 0, 1 / sqrt(3.5 + 1e-5));
    for (int i = 0; i < 5; i++) whet_tensor_dispose(&in[i]);
    for (int i = 0; i < n_out; i++) whet_tensor_dispose(&out[i]);
    whet_graph_free(g);
}

static void test_running_statistics(void **state)
{
    (void)state;
    check_running("BatchNormalization", 3, false);
    check_running("whet.BatchNormTrain", 5, true);
    check_running("whet.BatchNormTrain", 5, false);
}

/* Inputs w g lr [m [v step]] of one element each. */
static void step_once(const char *op, int n_in, const float *x, int n_attr, const whet_attr *attrs, int n_out, whet_tensor *out)
{
    const int64_t d[1] = {1};
    whet_graph *g = NULL;
    whet_tensor in[6];
    whet_vid v[6], y[3];
    assert_ok(whet_graph_create(&g, "step"));
    for (int i = 0; i < n_in; i++) v[i] = input(g, NULL, WHET_F32, 1, d);
    for (int i = 0; i < n_in; i++) f32(&in[i], 1, d, &x[i]);
    assert_ok(whet_graph_node(g, op, "step", n_in, v, n_attr, attrs, n_out, NULL, y));
    for (int i = 0; i < n_out; i++) assert_ok(whet_graph_output(g, y[i]));
    run(g, 0, 0, n_in, in, n_out, out);
    for (int i = 0; i < n_in; i++) whet_tensor_dispose(&in[i]);
    whet_graph_free(g);
}

static void test_sgd(void **state)
{
    static const float x[4] = {2, 0.5f, 0.1f, 3};
    const whet_attr attrs[3] = {whet_attr_float("momentum", 0.9f), whet_attr_float("weight_decay", 0.01f), whet_attr_int("nesterov", 1)};
    whet_tensor out[2];
    const double d = 0.5 + 0.01 * 2, m = 0.9 * 3 + d;
    (void)state;
    step_once("whet.SgdStep", 4, x, 3, attrs, 2, out);
    near(&out[0], 0, 2 - 0.1 * (d + 0.9 * m));
    near(&out[1], 0, m);
    for (int i = 0; i < 2; i++) whet_tensor_dispose(&out[i]);
    step_once("whet.SgdStep", 4, x, 2, attrs, 2, out);
    near(&out[0], 0, 2 - 0.1 * m);
    for (int i = 0; i < 2; i++) whet_tensor_dispose(&out[i]);
}

static void check_adam(bool decoupled)
{
    static const float x[6] = {2, 0.5f, 0.1f, 0.3f, 0.04f, 5};
    const whet_attr attrs[2] = {whet_attr_float("weight_decay", 0.01f), whet_attr_int("decoupled", decoupled)};
    whet_tensor out[3];
    const double g = 0.5 + (decoupled ? 0 : 0.02), w = 2 * (decoupled ? 1 - 0.1 * 0.01 : 1);
    const double m = 0.9 * 0.3 + 0.1 * g, v = 0.999 * 0.04 + 0.001 * g * g;
    step_once("whet.AdamStep", 6, x, 2, attrs, 3, out);
    near(&out[0], 0, w - 0.1 / (1 - pow(0.9, 5)) * m / (sqrt(v / (1 - pow(0.999, 5))) + 1e-8));
    near(&out[1], 0, m);
    near(&out[2], 0, v);
    for (int i = 0; i < 3; i++) whet_tensor_dispose(&out[i]);
}

static void test_adam(void **state)
{
    (void)state;
    check_adam(false);
    check_adam(true);
}

static int64_t dropped(uint64_t seed, uint64_t step, uint8_t *mask)
{
    const int64_t d[2] = {100, 100};
    whet_graph *g = NULL;
    whet_tensor in, flag, out[2];
    whet_vid v[3], y[2];
    int64_t count = 0;
    assert_ok(whet_graph_create(&g, "drop"));
    v[0] = input(g, "x", WHET_F32, 2, d);
    assert_ok(whet_graph_const_f32(g, "ratio", 0.25f, &v[1]));
    whet_tensor_init(&flag);
    assert_ok(whet_tensor_alloc(&flag, WHET_BOOL, &(whet_shape){.rank = 0}));
    whet_tensor_set_s64(&flag, 0, 1);
    assert_ok(whet_graph_const(g, "training", &flag, &v[2]));
    whet_tensor_dispose(&flag);
    assert_ok(whet_graph_node(g, "Dropout", "drop", 3, v, 0, NULL, 2, NULL, y));
    for (int i = 0; i < 2; i++) assert_ok(whet_graph_output(g, y[i]));
    whet_tensor_init(&in);
    assert_ok(whet_tensor_alloc(&in, WHET_F32, &(whet_shape){.rank = 2, .dims = {100, 100}}));
    for (int64_t i = 0; i < 10000; i++) whet_tensor_set_f64(&in, i, 3);
    run(g, seed, step, 1, &in, 2, out);
    for (int64_t i = 0; i < 10000; i++) {
        mask[i] = (uint8_t)whet_tensor_get_s64(&out[1], i);
        near(&out[0], i, mask[i] ? 4 : 0);
        count += !mask[i];
    }
    whet_tensor_dispose(&in);
    for (int i = 0; i < 2; i++) whet_tensor_dispose(&out[i]);
    whet_graph_free(g);
    return count;
}

static void test_dropout(void **state)
{
    static uint8_t a[10000], b[10000];
    (void)state;
    const int64_t n = dropped(1, 0, a);
    assert_in_range(n, 2300, 2700);
    dropped(1, 0, b);
    assert_memory_equal(a, b, sizeof a);
    dropped(1, 1, b);
    assert_memory_not_equal(a, b, sizeof a);
    dropped(2, 0, b);
    assert_memory_not_equal(a, b, sizeof a);
}

static void test_wrong_label(void **state)
{
    const int64_t xd[2] = {2, 3}, ld[1] = {2};
    static const float x[6] = {0};
    whet_graph *g = NULL;
    whet_exec *e = NULL;
    whet_exec_options opt;
    whet_tensor in[2], out;
    whet_vid v[2], y;
    (void)state;
    assert_ok(whet_graph_create(&g, "loss"));
    v[0] = input(g, "x", WHET_F32, 2, xd);
    v[1] = input(g, "labels", WHET_S64, 1, ld);
    assert_ok(whet_graph_op1(g, "whet.SoftmaxCrossEntropy", 2, v, 0, NULL, &y));
    assert_ok(whet_graph_output(g, y));
    f32(&in[0], 2, xd, x);
    whet_tensor_init(&in[1]);
    assert_ok(whet_tensor_alloc(&in[1], WHET_S64, &(whet_shape){.rank = 1, .dims = {2}}));
    whet_tensor_set_s64(&in[1], 1, 3);
    whet_tensor_init(&out);
    whet_exec_options_init(&opt);
    assert_ok(whet_exec_create(&e, g, &opt));
    assert_status(whet_exec_run(e, 2, in, 1, &out), WHET_ERUNTIME);
    assert_contains(whet_error_last()->text, "label 3");
    whet_tensor_set_s64(&in[1], 1, 2);
    assert_ok(whet_exec_run(e, 2, in, 1, &out));
    near(&out, 0, log(3));
    whet_tensor_dispose(&out);
    for (int i = 0; i < 2; i++) whet_tensor_dispose(&in[i]);
    whet_exec_free(e);
    whet_graph_free(g);
}

/* Queries, keys and values as columns of one value: its gradient is the sum of those by three values. */
static void test_attention_gradient(void **state)
{
    const int64_t d[3] = {2, 19, 48};
    const whet_attr attrs[5] = {whet_attr_int("heads", 2), whet_attr_int("head_dim", 8), whet_attr_int("k_offset", 16),
                                whet_attr_int("v_offset", 32), whet_attr_float("scale", 0.35f)};
    whet_graph *g = NULL;
    whet_tensor in[4], out[4];
    whet_vid v[4], y[2], loss[2], sum, grads[4];
    float x[2 * 19 * 48];
    (void)state;
    for (size_t i = 0; i < WHET_COUNT(x); i++) x[i] = sinf((float)i);
    assert_ok(whet_graph_create(&g, "attention"));
    for (int i = 0; i < 4; i++) v[i] = input(g, NULL, WHET_F32, 3, d);
    assert_ok(whet_graph_op1(g, "whet.FusedAttention", WHET_IN(v[0], v[0], v[0]), 5, attrs, &y[0]));
    assert_ok(whet_graph_op1(g, "whet.FusedAttention", WHET_IN(v[1], v[2], v[3]), 5, attrs, &y[1]));
    for (int i = 0; i < 2; i++) {
        assert_ok(whet_graph_op1(g, "Mul", WHET_IN(y[i], y[i]), WHET_NO_ATTRS, &y[i]));
        assert_ok(whet_graph_op1(g, "ReduceSum", WHET_IN(y[i]), WHET_ATTRS(whet_attr_int("keepdims", 0)), &loss[i]));
    }
    assert_ok(whet_graph_op1(g, "Add", WHET_IN(loss[0], loss[1]), WHET_NO_ATTRS, &sum));
    assert_ok(whet_graph_gradients(g, sum, 4, v, grads));
    for (int i = 0; i < 4; i++) assert_ok(whet_graph_output(g, grads[i]));
    for (int i = 0; i < 4; i++) f32(&in[i], 3, d, x);
    run(g, 0, 0, 4, in, 4, out);
    for (int64_t i = 0; i < (int64_t)WHET_COUNT(x); i++)
        near(&out[0], i, whet_tensor_get_f64(&out[1], i) + whet_tensor_get_f64(&out[2], i) + whet_tensor_get_f64(&out[3], i));
    for (int i = 0; i < 4; i++) whet_tensor_dispose(&in[i]);
    for (int i = 0; i < 4; i++) whet_tensor_dispose(&out[i]);
    whet_graph_free(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_running_statistics), cmocka_unit_test(test_attention_gradient), cmocka_unit_test(test_sgd), cmocka_unit_test(test_adam),
                                       cmocka_unit_test(test_dropout), cmocka_unit_test(test_wrong_label)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
