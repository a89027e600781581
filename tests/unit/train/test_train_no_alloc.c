/* SPDX-License-Identifier: Apache-2.0 */
/* A training step with every feature allocates nothing, on one thread and on two, and both give the same bits. */
#include "count_alloc.h"
#include "support.h"

#include <jansson.h>

#include "exec/exec.h"
#include "models/models.h"
#include "passes/lower.h"
#include "train/optimizer.h"

enum { BATCH = 6, RUNS = 4 };

static const char *const features[] = {
    "{\"optimizer\": \"sgd\"}",
    "{\"optimizer\": \"rmsprop\", \"centered\": 1, \"momentum\": 0.9, \"clip_norm\": 0.1, \"loss\": \"ce+dice\"}",
    "{\"optimizer\": \"adamw\", \"accumulate\": 2, \"ema_decay\": 0.99, \"clip_norm\": 0.1, \"label_smoothing\": 0.1}",
    "{\"optimizer\": \"sgd\", \"accumulate\": 2, \"ema_decay\": 0.99, \"clip_value\": 0.001, \"loss\": \"dice\"}",
};

static void noop(void *arg, int chunk, int worker)
{
    (void)arg;
    (void)chunk;
    (void)worker;
}

static void set(whet_plan *p, const whet_train_settings *s, int run)
{
    float *x = whet_plan_input(p, WHET_TRAIN_IN_X)->data;
    for (int64_t i = 0; i < whet_tensor_numel(whet_plan_input(p, WHET_TRAIN_IN_X)); i++) x[i] = (float)((i * 7919 + run * 131) % 201 - 100) / 100;
    for (int i = 0; i < BATCH; i++) ((int64_t *)whet_plan_input(p, WHET_TRAIN_IN_Y)->data)[i] = (i + run) % 10;
    whet_step_set(p, "learning_rate", 0.01);
    whet_step_set(p, "step", (double)(run / s->accumulate) + 1);
    whet_step_set(p, "ema_share", 0.01);
    whet_step_set(p, "batch_share", 1 / (double)s->accumulate);
    whet_step_set(p, "keep", run % s->accumulate != 0);
    whet_step_set(p, "apply", (run + 1) % s->accumulate == 0);
}

/* All variables after some batches, one after the other. */
static float *train(const whet_graph *g, const whet_train_settings *s, int threads, size_t *n, const char *what)
{
    whet_exec_options o;
    whet_exec *e = NULL;
    whet_plan *p = NULL;
    whet_team *team = NULL;
    const whet_shape shapes[WHET_TRAIN_MOST_INPUTS] = {WHET_SHAPE(BATCH, 3, 32, 32), WHET_SHAPE(BATCH)};
    whet_exec_options_init(&o);
    assert_ok(whet_team_create(&team, threads));
    o.team = team;
    o.lower = whet_passes_lower;
    assert_ok(whet_exec_create(&e, g, &o));
    assert_ok(whet_exec_plan(e, g->n_inputs, shapes, &p));
    whet_parallel(team, 8, noop, NULL); /* the threads themselves may still be started by the first loop */
    for (int run = 0; run < RUNS; run++) {
        set(p, s, run);
        atomic_store(&calls, 0);
        atomic_store(&armed, 1);
        const whet_status status = whet_plan_run(p);
        atomic_store(&armed, 0);
        assert_ok(status);
        if (atomic_load(&calls) != 0) {
            print_error("%d calls of the allocator in one batch, %d threads: %s\n", atomic_load(&calls), threads, what);
            fail();
        }
    }
    *n = 0;
    for (int i = 0; i < whet_exec_variable_count(e); i++) *n += (size_t)whet_tensor_numel(whet_exec_variable_at(e, i));
    float *all = whet_calloc(*n, sizeof *all), *at = all;
    assert_non_null(all);
    for (int i = 0; i < whet_exec_variable_count(e); i++) {
        const whet_tensor *t = whet_exec_variable_at(e, i);
        assert_int_equal(t->dtype, WHET_F32);
        memcpy(at, t->data, whet_tensor_bytes(t));
        at += whet_tensor_numel(t);
    }
    whet_exec_free(e);
    whet_team_free(team);
    return all;
}

static void a_step_allocates_nothing(void **state)
{
    whet_model_options mo;
    (void)state;
    if (!INTERPOSE) support_skip("malloc", "the allocator belongs to the sanitizer in this build");
    whet_model_options_init(&mo);
    mo.classes = 10;
    for (size_t i = 0; i < WHET_COUNT(features); i++) {
        whet_train_settings s;
        whet_graph *model = NULL, *g = NULL;
        json_t *given = json_loads(features[i], 0, NULL);
        float *bits[2];
        size_t n[2];
        whet_train_settings_init(&s);
        assert_ok(whet_train_settings_adopt(&s, given));
        s.model = "resnet20", s.data = "cifar10";
        assert_ok(whet_train_settings_resolve(&s));
        assert_ok(whet_model_build(s.model, &mo, &model));
        assert_ok(whet_train_graph_create(&g, model, &s));
        for (int threads = 1; threads <= 2; threads++) bits[threads - 1] = train(g, &s, threads, &n[threads - 1], features[i]);
        assert_int_equal(n[0], n[1]);
        if (memcmp(bits[0], bits[1], n[0] * sizeof(float)) != 0) {
            print_error("two threads give other bits than one: %s\n", features[i]);
            fail();
        }
        for (int k = 0; k < 2; k++) whet_free(bits[k]);
        whet_graph_free(model);
        whet_graph_free(g);
        json_decref(given);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_step_allocates_nothing)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
