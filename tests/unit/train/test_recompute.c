/* SPDX-License-Identifier: Apache-2.0 */
/* Training with activations computed again: the same bits after two steps as without, and less memory. */
#include <math.h>

#include "support.h"

#include "exec/exec.h"
#include "models/models.h"
#include "passes/lower.h"
#include "train/optimizer.h"

enum { BATCH = 3, SIZE = 64 };

static whet_exec *two_steps(const whet_graph *model, bool recompute, whet_plan_memory *m)
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
        whet_exec *a = two_steps(model, false, &plain), *b = two_steps(model, true, &less);
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

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_same_bits)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
