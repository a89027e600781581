/* SPDX-License-Identifier: Apache-2.0 */
/* Running a plan allocates nothing: the allocator is interposed and must not be called meanwhile, with all providers and
 * without oneDNN, on one thread and on two, in inference and in a training step. What oneDNN allocates inside of its own
 * execute call cannot be helped and is told apart by the caller's library. */
#include "count_alloc.h"
#include "graphs.h"

#include "ir/autodiff.h"

static void attach(whet_graph *g, const char *name, const whet_vid *in, int n, int n_attr, const whet_attr *attrs, whet_vid *out)
{
    whet_vid y = WHET_NO_VALUE; /* out may be in */
    assert_ok(whet_graph_op1(g, name, n, in, n_attr, attrs, &y));
    *out = y;
}

/* Conv, Relu, MaxPool, Flatten, Gemm, loss, and with `training` gradients and SGD. */
static whet_graph *network(bool training)
{
    whet_graph *g = NULL;
    whet_vid x, y, lr, labels, w1, w2, out[2], grads[2], v;
    whet_dims d = {.rank = 4, .dims = {0, 3, 12, 12}}, one = {.rank = 1}, scalar = {.rank = 0};
    assert_ok(whet_graph_create(&g, "net"));
    d.dims[0] = one.dims[0] = whet_graph_symbol(g, "N");
    assert_ok(whet_graph_input(g, "x", WHET_F32, &d, &x));
    assert_ok(whet_graph_input(g, "y", WHET_S64, &one, &y));
    assert_ok(whet_graph_input(g, "lr", WHET_F32, &scalar, &lr));
    labels = y;
    const whet_shape s1 = WHET_SHAPE(16, 3, 3, 3), s2 = WHET_SHAPE(400, 10);
    w1 = variable(g, "w1", &s1, 1);
    w2 = variable(g, "w2", &s2, 2);
    attach(g, "Conv", (const whet_vid[]){x, w1}, 2, 0, NULL, &v);
    attach(g, "Relu", &v, 1, 0, NULL, &v);
    const whet_attr pool[] = {whet_attr_ints("kernel_shape", 2, (const int64_t[]){2, 2}),
                              whet_attr_ints("strides", 2, (const int64_t[]){2, 2})};
    attach(g, "MaxPool", &v, 1, 2, pool, &v);
    attach(g, "Flatten", &v, 1, 0, NULL, &v);
    attach(g, "Gemm", (const whet_vid[]){v, w2}, 2, 0, NULL, &v);
    assert_ok(whet_graph_node(g, "whet.SoftmaxCrossEntropy", "loss", WHET_IN(v, labels), 0, NULL, 2, NULL, out));
    assert_ok(whet_graph_output(g, out[0]));
    assert_ok(whet_graph_output(g, v));
    if (!training) return g;
    assert_ok(whet_graph_gradients(g, out[0], 2, (const whet_vid[]){w1, w2}, grads));
    assert_ok(whet_graph_op1(g, "whet.SgdStep", WHET_IN(w1, grads[0], lr), 0, NULL, &v));
    assert_ok(whet_graph_commit(g, v, w1));
    assert_ok(whet_graph_op1(g, "whet.SgdStep", WHET_IN(w2, grads[1], lr), 0, NULL, &v));
    assert_ok(whet_graph_commit(g, v, w2));
    return g;
}

static void noop(void *arg, int chunk, int worker)
{
    (void)arg;
    (void)chunk;
    (void)worker;
}

/* Runs it and gives the loss of the last run. */
static void check(bool training, int threads, uint32_t providers, float *loss, float *weights)
{
    whet_exec_options o;
    whet_exec *e = NULL;
    whet_plan *p = NULL;
    whet_team *team = NULL;
    whet_graph *g = network(training);
    const whet_shape shapes[] = {WHET_SHAPE(4, 3, 12, 12), WHET_SHAPE(4), {.rank = 0}};
    whet_exec_options_init(&o);
    assert_ok(whet_team_create(&team, threads));
    o.team = team;
    o.providers = providers;
    assert_ok(whet_exec_create(&e, g, &o));
    assert_ok(whet_exec_plan(e, 3, shapes, &p));
    whet_tensor x = filled(&shapes[0], 5);
    memcpy(whet_plan_input(p, 0)->data, x.data, whet_tensor_bytes(&x));
    for (int i = 0; i < 4; i++) ((int64_t *)whet_plan_input(p, 1)->data)[i] = i;
    *(float *)whet_plan_input(p, 2)->data = 0.01f;
    whet_parallel(team, 8, noop, NULL); /* the threads themselves may still be started by the first loop */
    atomic_store(&calls, 0);
    atomic_store(&armed, 1);
    whet_status status = WHET_OK;
    for (int i = 0; i < 3 && status == WHET_OK; i++) status = whet_plan_run(p);
    atomic_store(&armed, 0);
    assert_ok(status);
    if (atomic_load(&calls) != 0) {
        print_error("%d calls of the allocator in three runs (training %d, %d threads, providers %u)\n", atomic_load(&calls), training,
                    threads, providers);
        fail();
    }
    *loss = *(const float *)whet_plan_output(p, 0)->data;
    memcpy(weights, whet_exec_variable(e, "w1")->data, 16 * 27 * sizeof(float));
    whet_tensor_dispose(&x);
    whet_exec_free(e);
    whet_team_free(team);
    whet_graph_free(g);
}

static void running_allocates_nothing(void **state)
{
    static const uint32_t providers[] = {WHET_PROVIDER_ALL, WHET_PROVIDER_REF | WHET_PROVIDER_OWN, WHET_PROVIDER_REF};
    (void)state;
    if (!INTERPOSE) support_skip("malloc", "the allocator belongs to the sanitizer in this build");
    for (int training = 0; training < 2; training++)
        for (size_t i = 0; i < WHET_COUNT(providers); i++) {
            float loss[2], weights[2][16 * 27];
            for (int threads = 1; threads <= 2; threads++) check(training, threads, providers[i], &loss[threads - 1], weights[threads - 1]);
            assert_memory_equal(&loss[0], &loss[1], sizeof loss[0]);
            assert_memory_equal(weights[0], weights[1], sizeof weights[0]);
        }
}

/* The interposition itself works: an allocation is seen. */
static void an_allocation_is_seen(void **state)
{
    (void)state;
    if (!INTERPOSE) support_skip("malloc", "the allocator belongs to the sanitizer in this build");
    atomic_store(&calls, 0);
    atomic_store(&armed, 1);
    void *volatile p = whet_alloc(10);
    whet_free(p);
    atomic_store(&armed, 0);
    assert_int_equal(atomic_load(&calls), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(an_allocation_is_seen), cmocka_unit_test(running_allocates_nothing)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
