/* SPDX-License-Identifier: Apache-2.0 */
/* Settings, the training graph against a step worked out by hand, checkpoints, curves. */
#include "support.h"

#include <math.h>

#include "train/checkpoint.h"
#include "train/optimizer.h"
#include "train/train.h"

static whet_train_settings lenet(void)
{
    whet_train_settings s;
    whet_train_settings_init(&s);
    s.model = "lenet";
    s.data = "digits";
    return s;
}

static void settings_come_from_the_models_row(void **state)
{
    whet_train_settings s = lenet();
    (void)state;
    s.batch = 7;
    assert_ok(whet_train_settings_resolve(&s));
    assert_int_equal(s.batch, 7);
    assert_int_equal(s.nesterov, 1);
    assert_string_equal(s.schedule, "onecycle");
    json_t *stored = whet_train_settings_json(&s);
    assert_ok(whet_train_settings_same(&s, stored));
    whet_train_settings again = lenet();
    assert_ok(whet_train_settings_adopt(&again, stored));
    assert_ok(whet_train_settings_resolve(&again));
    assert_ok(whet_train_settings_same(&again, stored));
    again.lr *= 2;
    assert_status(whet_train_settings_same(&again, stored), WHET_EINVAL);
    assert_contains(whet_error_message(), "lr = ");
    json_decref(stored);
}

static void bad_settings_are_named(void **state)
{
    whet_train_settings s = lenet();
    (void)state;
    s.epochs = 0;
    assert_status(whet_train_settings_resolve(&s), WHET_EINVAL);
    assert_contains(whet_error_message(), "'epochs' is 0");
    s = lenet();
    s.optimizer = "lion";
    assert_status(whet_train_settings_resolve(&s), WHET_EINVAL);
    assert_contains(whet_error_message(), "choose sgd, adam, adamw or rmsprop");
    s = lenet();
    s.model = NULL;
    assert_status(whet_train_settings_resolve(&s), WHET_EINVAL);
}

/* One weight per class, no bias: logits = x * w. */
static whet_graph *linear(void)
{
    whet_graph *g = NULL;
    whet_vid x, w, y;
    whet_tensor t = {0};
    const whet_shape shape = WHET_SHAPE(2, 2);
    assert_ok(whet_graph_create(&g, "linear"));
    const whet_dims d = {.rank = 2, .dims = {whet_graph_symbol(g, "N"), 2}};
    assert_ok(whet_graph_input(g, "input", WHET_F32, &d, &x));
    assert_ok(whet_tensor_alloc(&t, WHET_F32, &shape));
    for (int i = 0; i < 4; i++) ((float *)t.data)[i] = 0.1f * (float)(i + 1);
    assert_ok(whet_graph_variable(g, "w", &t, true, &w));
    whet_tensor_dispose(&t);
    assert_ok(whet_graph_op1(g, "MatMul", WHET_IN(x, w), WHET_NO_ATTRS, &y));
    assert_ok(whet_graph_output(g, y));
    return g;
}

/* Two steps of SGD with Nesterov momentum and weight decay on x = (1, 2), label 0, in double precision. */
static void a_step_is_what_the_formulas_say(void **state)
{
    whet_train_settings s = lenet();
    whet_graph *model = linear(), *g = NULL;
    whet_exec *e = NULL;
    whet_plan *p = NULL;
    const whet_shape shapes[] = {WHET_SHAPE(1, 2), WHET_SHAPE(1), {.rank = 0}};
    const double x[2] = {1, 2}, lr = 0.5, decay = 0.01, mu = 0.9;
    double w[4] = {0.1, 0.2, 0.3, 0.4}, m[4] = {0};
    (void)state;
    s.weight_decay = decay;
    assert_ok(whet_train_settings_resolve(&s));
    assert_ok(whet_train_graph_create(&g, model, &s));
    assert_ok(whet_exec_create(&e, g, NULL));
    assert_ok(whet_exec_plan(e, 3, shapes, &p));
    for (int step = 0; step < 2; step++) {
        float *in = whet_plan_input(p, WHET_TRAIN_IN_X)->data;
        in[0] = 1, in[1] = 2;
        *(int64_t *)whet_plan_input(p, WHET_TRAIN_IN_Y)->data = 0;
        *(float *)whet_plan_input(p, WHET_TRAIN_IN_LR)->data = (float)lr;
        assert_ok(whet_plan_run(p));
        const double a = x[0] * w[0] + x[1] * w[2], b = x[0] * w[1] + x[1] * w[3];
        const double pa = 1 / (1 + exp(b - a)), loss = -log(pa), dlogit[2] = {pa - 1, 1 - pa};
        assert_true(fabs((double)*(const float *)whet_plan_output(p, WHET_TRAIN_OUT_LOSS)->data - loss) < 1e-5);
        assert_true(*(const float *)whet_plan_output(p, WHET_TRAIN_OUT_CORRECT)->data == (a > b ? 1 : 0));
        for (int i = 0; i < 4; i++) {
            const double d = x[i / 2] * dlogit[i % 2] + decay * w[i];
            m[i] = mu * m[i] + d;
            w[i] -= lr * (d + mu * m[i]);
            assert_true(fabs((double)((const float *)whet_exec_variable(e, "w")->data)[i] - w[i]) < 1e-5);
        }
    }
    whet_exec_free(e);
    whet_graph_free(g);
    whet_graph_free(model);
}

/* Saved under one table of tuned kernels, gone on with under another or none; checkpoints older than tuning were untuned. */
static void another_tuning_is_refused(void **state)
{
    char *dir = support_tmpdir(), *path = whet_path_join(dir, "t.safetensors");
    whet_graph *model = linear();
    whet_exec *e = NULL;
    const whet_train_state saved = {.best = NAN};
    json_t *nothing = json_object(), *history = json_array();
    json_t *old = json_pack("{s:s}", "version", "1"), *none = json_pack("{s:s, s:s}", "version", "1", WHET_CHECKPOINT_TUNING, WHET_CHECKPOINT_UNTUNED);
    json_t *a = json_pack("{s:s, s:s}", "version", "1", WHET_CHECKPOINT_TUNING, "aaaa"), *b = json_pack("{s:s, s:s}", "version", "1", WHET_CHECKPOINT_TUNING, "bbbb");
    const struct { json_t *then, *now; bool same; } cases[] = {{a, a, true},     {a, b, false},   {a, none, false}, {none, a, false},
                                                               {none, none, true}, {old, none, true}, {old, a, false}};
    (void)state;
    assert_ok(whet_exec_create(&e, model, NULL));
    for (size_t i = 0; i < WHET_COUNT(cases); i++) {
        whet_checkpoint *c = NULL;
        assert_ok(whet_checkpoint_save(path, e, &saved, nothing, cases[i].then, history));
        assert_ok(whet_checkpoint_open(&c, path));
        const whet_status status = whet_checkpoint_same(c, cases[i].now);
        if ((status == WHET_OK) != cases[i].same) {
            print_error("case %zu: %s\n", i, whet_status_name(status));
            fail();
        }
        if (!cases[i].same) assert_contains(whet_error_message(), "--tune");
        whet_checkpoint_close(c);
    }
    json_t *all[] = {nothing, history, old, none, a, b};
    for (size_t i = 0; i < WHET_COUNT(all); i++) json_decref(all[i]);
    whet_exec_free(e);
    whet_graph_free(model);
    whet_free(path);
    support_rmtree(dir);
}

static void a_checkpoint_comes_back(void **state)
{
    char *dir = support_tmpdir(), *path = whet_path_join(dir, "c.safetensors");
    whet_graph *model = linear();
    whet_exec *e = NULL;
    whet_checkpoint *c = NULL;
    const whet_train_state saved = {.epoch = 3, .batch = 5, .step = 77, .loss_sum = 0.1, .correct = 9, .seen = 10, .best = NAN,
                                    .curve_sizes = {1, 2, 3}};
    whet_train_state got = {0};
    json_t *settings = json_pack("{s:i}", "a", 1), *identity = json_pack("{s:s}", "training data", "x"), *history = json_array();
    json_t *other = json_pack("{s:s}", "training data", "y");
    (void)state;
    assert_ok(whet_exec_create(&e, model, NULL));
    assert_ok(whet_checkpoint_save(path, e, &saved, settings, identity, history));
    float *w = whet_exec_variable(e, "w")->data;
    w[0] = 99;
    assert_ok(whet_checkpoint_open(&c, path));
    assert_ok(whet_checkpoint_same(c, identity));
    assert_status(whet_checkpoint_same(c, other), WHET_EINVAL);
    assert_contains(whet_error_message(), "training data");
    assert_ok(whet_checkpoint_load(c, e, &got));
    assert_true(w[0] == 0.1f);
    assert_true(got.epoch == 3 && got.batch == 5 && got.step == 77 && got.loss_sum == 0.1 && got.correct == 9 && isnan(got.best));
    assert_int_equal(got.curve_sizes[2], 3);
    whet_checkpoint_close(c);
    w[1] = NAN; /* weights that are no numbers are not saved */
    assert_status(whet_checkpoint_save(path, e, &saved, settings, identity, history), WHET_ENUMERIC);
    assert_ok(whet_checkpoint_open(&c, path));
    whet_checkpoint_close(c);
    assert_int_equal(truncate(path, 200), 0);
    assert_status(whet_checkpoint_open(&c, path), WHET_EFORMAT);
    assert_null(c);
    json_decref(settings);
    json_decref(identity);
    json_decref(history);
    json_decref(other);
    whet_exec_free(e);
    whet_graph_free(model);
    whet_free(path);
    support_rmtree(dir);
}

static void curves_are_cut_back(void **state)
{
    char *dir = support_tmpdir();
    whet_curves *c = NULL;
    int64_t first[WHET_CURVE_FILES], second[WHET_CURVE_FILES];
    const whet_epoch_record r = {.epoch = 1, .step = 10, .lr = 0.1, .train_loss = 1, .val_loss = NAN, .val_accuracy = NAN};
    (void)state;
    assert_ok(whet_curves_open(&c, dir, NULL));
    assert_ok(whet_curves_step(c, 1, 5, 0.1, 2));
    assert_ok(whet_curves_epoch(c, &r));
    assert_ok(whet_curves_flush(c, first));
    assert_ok(whet_curves_epoch(c, &r));
    assert_ok(whet_curves_flush(c, second));
    whet_curves_close(c);
    assert_true(second[0] > first[0]);
    assert_ok(whet_curves_open(&c, dir, first));
    assert_ok(whet_curves_flush(c, second));
    whet_curves_close(c);
    assert_memory_equal(first, second, sizeof first);
    support_rmtree(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(settings_come_from_the_models_row), cmocka_unit_test(bad_settings_are_named),
        cmocka_unit_test(a_step_is_what_the_formulas_say),   cmocka_unit_test(a_checkpoint_comes_back),
        cmocka_unit_test(another_tuning_is_refused),
        cmocka_unit_test(curves_are_cut_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
