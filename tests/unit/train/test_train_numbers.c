/* SPDX-License-Identifier: Apache-2.0 */
/* Optimisers, clipping, accumulation, averages, losses and the polynomial schedule against PyTorch's numbers in
 * tests/data/train_numbers.json (written by make_train_numbers.py beside it; weights and gradients by the same formulas). */
#include "support.h"

#include <jansson.h>
#include <math.h>

#include "exec/exec.h"
#include "ir/autodiff.h"
#include "train/optimizer.h"
#include "train/schedule.h"

enum { ROWS = 3, COLUMNS = 4, NUMBERS = ROWS * COLUMNS };

static json_t *numbers;

static void near(const json_t *want, double got, double bound, const char *what, size_t case_no, size_t i)
{
    const double w = json_number_value(want);
    if (json_is_number(want) && fabs(got - w) <= bound * fmax(1, fabs(w))) return;
    print_error("%s, case %zu, number %zu: got %.9g, PyTorch has %.9g; see tests/data/train_numbers.json\n", what, case_no, i, got, w);
    fail();
}

static whet_train_settings settings_of(const json_t *given)
{
    whet_train_settings s;
    whet_train_settings_init(&s);
    s.model = "lenet", s.data = "digits";
    assert_ok(whet_train_settings_adopt(&s, given));
    assert_ok(whet_train_settings_resolve(&s));
    return s;
}

/* A graph whose only parameter is w and whose gradient is the first input. */
static whet_graph *steps_graph(const whet_train_settings *s)
{
    whet_graph *g = NULL;
    const whet_shape shape = WHET_SHAPE(ROWS, COLUMNS);
    const whet_dims d = whet_dims_of(&shape), one = {.rank = 1, .dims = {1}};
    whet_tensor t = {0};
    whet_step_inputs in;
    whet_vid w, grad, unused;
    assert_ok(whet_graph_create(&g, "steps"));
    assert_ok(whet_graph_input(g, "gradient", WHET_F32, &d, &grad));
    assert_ok(whet_graph_input(g, "labels", WHET_S64, &one, &unused));
    assert_ok(whet_tensor_alloc(&t, WHET_F32, &shape));
    for (int i = 0; i < NUMBERS; i++) ((float *)t.data)[i] = (float)sin(i + 1.0);
    assert_ok(whet_graph_variable(g, "w", &t, true, &w));
    whet_tensor_dispose(&t);
    assert_ok(whet_step_inputs_add(g, s, &in));
    assert_ok(whet_optimizer_add(g, s, &in, 1, &w, &grad));
    assert_ok(whet_graph_verify(g));
    return g;
}

static void one_batch(whet_plan *p, const whet_train_settings *s, int step, int part)
{
    float *grad = whet_plan_input(p, 0)->data;
    const double t = step + 1, decay = s->ema_warmup == 1 ? fmin(s->ema_decay, (1 + t) / (10 + t)) : s->ema_decay;
    for (int i = 0; i < NUMBERS; i++) grad[i] = (float)(1.5 * cos(0.7 * i + 1.3 * (step * (double)s->accumulate + part)));
    whet_step_set(p, "learning_rate", 0.1 / t);
    whet_step_set(p, "step", t);
    whet_step_set(p, "ema_share", 1 - decay);
    whet_step_set(p, "batch_share", 1 / (double)s->accumulate);
    whet_step_set(p, "keep", part > 0);
    whet_step_set(p, "apply", part + 1 == s->accumulate);
    assert_ok(whet_plan_run(p));
}

static void optimizers_are_pytorch_s(void **state)
{
    const json_t *c = NULL;
    size_t k = 0;
    (void)state;
    json_array_foreach(json_object_get(numbers, "optimizers"), k, c) {
        whet_train_settings s = settings_of(json_object_get(c, "settings"));
        whet_graph *g = steps_graph(&s);
        whet_exec *e = NULL;
        whet_plan *p = NULL;
        const json_t *weights = json_object_get(c, "weights"), *averages = json_object_get(c, "averages");
        const whet_shape shapes[WHET_TRAIN_MOST_INPUTS] = {WHET_SHAPE(ROWS, COLUMNS), WHET_SHAPE(1)};
        assert_ok(whet_exec_create(&e, g, NULL));
        assert_ok(whet_exec_plan(e, g->n_inputs, shapes, &p));
        assert_true(json_array_size(weights) == 5 && (averages != NULL) == (s.ema_decay > 0));
        for (int step = 0; step < (int)json_array_size(weights); step++) {
            for (int part = 0; part < (int)s.accumulate; part++) one_batch(p, &s, step, part);
            for (size_t i = 0; i < NUMBERS; i++) {
                near(json_array_get(json_array_get(weights, (size_t)step), i), (double)((float *)whet_exec_variable(e, "w")->data)[i], 2e-6, "weights", k, i);
                if (averages != NULL)
                    near(json_array_get(json_array_get(averages, (size_t)step), i), (double)((float *)whet_train_kept(e, "w")->data)[i], 2e-6, "averages", k, i);
            }
        }
        whet_exec_free(e);
        whet_graph_free(g);
    }
    assert_true(k >= 14);
}

static whet_shape shape_of(const json_t *list)
{
    whet_shape s = {.rank = (int)json_array_size(list)};
    for (int i = 0; i < s.rank; i++) s.dims[i] = json_integer_value(json_array_get(list, (size_t)i));
    return s;
}

static void check_loss(const json_t *c, size_t k)
{
    whet_train_settings s = settings_of(json_object_get(c, "settings"));
    const whet_shape x = shape_of(json_object_get(c, "shape"));
    whet_shape shapes[2] = {x, {.rank = x.rank - 1, .dims = {x.dims[0]}}};
    const whet_dims d = whet_dims_of(&x);
    float weights[8];
    whet_graph *g = NULL;
    whet_exec *e = NULL;
    whet_plan *p = NULL;
    whet_vid logits, loss, correct, grad;
    const json_t *labels = json_object_get(c, "labels"), *given = json_object_get(c, "weights"), *v = NULL;
    size_t i = 0;
    for (int a = 1; a < shapes[1].rank; a++) shapes[1].dims[a] = x.dims[a + 1];
    json_array_foreach(given, i, v) weights[i] = (float)json_number_value(v);
    if (given != NULL) s.weight_of_class = weights;
    assert_ok(whet_graph_create(&g, "loss"));
    assert_ok(whet_graph_input(g, "logits", WHET_F32, &d, &logits));
    assert_ok(whet_train_loss_add(g, &s, false, logits, &loss, &correct));
    assert_ok(whet_graph_gradients(g, loss, 1, &logits, &grad));
    assert_ok(whet_graph_output(g, loss));
    assert_ok(whet_graph_output(g, grad));
    assert_ok(whet_exec_create(&e, g, NULL));
    assert_ok(whet_exec_plan(e, 2, shapes, &p));
    for (i = 0; i < (size_t)whet_tensor_numel(whet_plan_input(p, 0)); i++) ((float *)whet_plan_input(p, 0)->data)[i] = (float)(2 * sin(1.7 * (double)i));
    json_array_foreach(labels, i, v) ((int64_t *)whet_plan_input(p, 1)->data)[i] = json_integer_value(v);
    assert_ok(whet_plan_run(p));
    near(json_object_get(c, "loss"), (double)*(const float *)whet_plan_output(p, 0)->data, 2e-6, "loss", k, 0);
    json_array_foreach(json_object_get(c, "gradient"), i, v) near(v, (double)((const float *)whet_plan_output(p, 1)->data)[i], 1e-6, "gradient", k, i);
    assert_int_equal(i, whet_tensor_numel(whet_plan_input(p, 0)));
    whet_exec_free(e);
    whet_graph_free(g);
}

static void losses_are_pytorch_s(void **state)
{
    const json_t *c = NULL;
    size_t k = 0;
    (void)state;
    json_array_foreach(json_object_get(numbers, "losses"), k, c) check_loss(c, k);
    assert_true(k >= 8);
}

static void polynomial_is_pytorch_s(void **state)
{
    const json_t *c = NULL;
    size_t k = 0;
    (void)state;
    json_array_foreach(json_object_get(numbers, "polynomial"), k, c) {
        const json_t *rates = json_object_get(c, "rates"), *v = NULL;
        whet_schedule s;
        size_t i = 0;
        whet_schedule_init(&s, WHET_SCHEDULE_POLYNOMIAL, json_number_value(json_object_get(c, "lr")), (int64_t)json_array_size(rates), 5);
        s.power = json_number_value(json_object_get(c, "power"));
        json_array_foreach(rates, i, v) near(v, whet_schedule_lr(&s, (int64_t)i), 1e-7, "rate", k, i);
        assert_true(i > 0);
    }
    assert_true(k >= 3);
}

static int open_numbers(void **state)
{
    (void)state;
    numbers = json_load_file(WHET_SOURCE_DIR "/tests/data/train_numbers.json", 0, NULL);
    return numbers != NULL ? 0 : -1;
}

static int close_numbers(void **state)
{
    (void)state;
    json_decref(numbers);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(optimizers_are_pytorch_s), cmocka_unit_test(losses_are_pytorch_s),
                                       cmocka_unit_test(polynomial_is_pytorch_s)};
    return cmocka_run_group_tests(tests, open_numbers, close_numbers);
}
