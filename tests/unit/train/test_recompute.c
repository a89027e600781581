/* SPDX-License-Identifier: Apache-2.0 */
/* Training with activations computed again: the same bits after two steps as without, and less memory. Kept in bf16: less
 * memory, and steps that differ by the rounding alone. */
#include <math.h>

#include "support.h"

#include "exec/exec.h"
#include "models/models.h"
#include "passes/lower.h"
#include "train/optimizer.h"

enum { BATCH = 3, SIZE = 64 };

static whet_exec *two_steps(const whet_graph *model, bool recompute, bool store, float *loss, whet_plan_memory *m)
{
    whet_train_settings s;
    whet_exec_options opt;
    whet_graph *step = NULL;
    whet_exec *e = NULL;
    whet_plan *p = NULL;
    const whet_shape shapes[3] = {WHET_SHAPE(BATCH, 3, SIZE, SIZE), WHET_SHAPE(BATCH), {.rank = 0}};
    whet_train_settings_init(&s);
    s.model = model->name;
    s.data = "random";
    s.batch = BATCH;
    s.recompute = recompute;
    s.store_bf16 = store;
    assert_ok(whet_train_settings_resolve(&s));
    assert_ok(whet_train_graph_create(&step, model, &s));
    whet_exec_options_init(&opt);
    opt.lower = whet_passes_lower;
    opt.poison = true;
    assert_ok(whet_exec_create(&e, step, &opt));
    assert_ok(whet_exec_plan(e, 3, shapes, &p));
    assert_ok(whet_plan_memory_of(p, m));
    for (int t = 0; t < 2; t++) {
        float *x = whet_plan_input(p, WHET_TRAIN_IN_X)->data;
        for (int i = 0; i < BATCH * 3 * SIZE * SIZE; i++) x[i] = sinf((float)(i * (t + 2)));
        for (int i = 0; i < BATCH; i++) ((int64_t *)whet_plan_input(p, WHET_TRAIN_IN_Y)->data)[i] = i;
        *(float *)whet_plan_input(p, WHET_TRAIN_IN_LR)->data = 0.05f;
        assert_ok(whet_plan_run(p));
        loss[t] = *(const float *)whet_plan_output(p, 0)->data;
    }
    whet_graph_free(step);
    return e;
}

static void test_same_bits(void **state)
{
    static const char *const names[] = {"resnet20", "mobilenetv2", "efficientnet-b0", "vit-tiny-16"};
    (void)state;
    for (size_t n = 0; n < WHET_COUNT(names); n++) {
        whet_model_options o;
        whet_graph *model = NULL;
        whet_plan_memory plain, less;
        whet_model_options_init(&o);
        o.height = o.width = SIZE;
        o.classes = 10;
        assert_ok(whet_model_build(names[n], &o, &model));
        float loss[4];
        whet_exec *a = two_steps(model, false, false, loss, &plain), *b = two_steps(model, true, false, loss + 2, &less);
        assert_memory_equal(loss, loss + 2, 2 * sizeof *loss);
        if (less.arena >= plain.arena) fail_msg("%s: %zu bytes recomputing, %zu without", names[n], less.arena, plain.arena);
        assert_int_equal(whet_exec_variable_count(a), whet_exec_variable_count(b));
        for (int i = 0; i < whet_exec_variable_count(a); i++) {
            const char *name = whet_exec_variable_name(a, i);
            const whet_tensor *x = whet_exec_variable(a, name), *y = whet_exec_variable(b, name);
            assert_non_null(y);
            if (memcmp(x->data, y->data, whet_tensor_bytes(x)) != 0) fail_msg("%s: '%s' differs after two steps", names[n], name);
        }
        whet_exec_free(a);
        whet_exec_free(b);
        whet_graph_free(model);
    }
}

static double norm_of_difference(const whet_tensor *a, const whet_tensor *b)
{
    double sum = 0;
    for (int64_t i = 0; i < whet_tensor_numel(a); i++) sum += pow(whet_tensor_get_f64(a, i) - whet_tensor_get_f64(b, i), 2);
    return sqrt(sum);
}

static void test_kept_in_bf16(void **state)
{
    /* of the steps' length. With three pictures of 64x64 the last maps have 2x2 pixels, on which BatchNorm's statistics swing: a
     * change of the input by 2^-9 moves the steps of mobilenetv2 by 1.1 and of efficientnet-b0 by 0.66 of their length. */
    static const struct { const char *name; double bound; } nets[] = {{"resnet20", 0.03}, {"mobilenetv2", 0.5}, {"efficientnet-b0", 0.6}, {"vit-tiny-16", 0.01}};
    (void)state;
    for (size_t n = 0; n < WHET_COUNT(nets); n++) {
        whet_model_options o;
        whet_graph *model = NULL;
        whet_plan_memory plain, less;
        float loss[4];
        double change = 0, error = 0;
        whet_model_options_init(&o);
        o.height = o.width = SIZE;
        o.classes = 10;
        assert_ok(whet_model_build(nets[n].name, &o, &model));
        whet_exec *a = two_steps(model, false, false, loss, &plain), *b = two_steps(model, false, true, loss + 2, &less);
        if (less.arena >= plain.arena) fail_msg("%s: %zu bytes in bf16, %zu without", nets[n].name, less.arena, plain.arena);
        if (loss[0] != loss[2]) fail_msg("%s: the first loss is %.9g, not %.9g: forward must not change", nets[n].name, (double)loss[2], (double)loss[0]);
        for (whet_vid v = 0; v < model->n_values; v++) {
            if (model->values[v].kind != WHET_VALUE_VARIABLE || !model->values[v].trainable) continue;
            const whet_tensor *x = whet_exec_variable(a, model->values[v].name), *y = whet_exec_variable(b, model->values[v].name);
            change += pow(norm_of_difference(x, &model->values[v].data), 2);
            error += pow(norm_of_difference(x, y), 2);
        }
        if (!(error > 0) || !(sqrt(error) <= nets[n].bound * sqrt(change)))
            fail_msg("%s: two steps differ by %.3g of their length", nets[n].name, sqrt(error / change));
        whet_exec_free(a);
        whet_exec_free(b);
        whet_graph_free(model);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_same_bits), cmocka_unit_test(test_kept_in_bf16)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
