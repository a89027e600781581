/* SPDX-License-Identifier: Apache-2.0 */
/* The zoo: published parameter counts, names, shapes, seeds, and what an unknown name says. */
#include "support.h"

#include "models/models.h"

static void test_counts(void **state)
{
    (void)state;
    for (int i = 0; i < whet_model_count(); i++)
        for (int training = 0; training < 2; training++) {
            const whet_model *m = whet_model_at(i);
            whet_model_options o;
            whet_graph *g = NULL;
            whet_model_options_init(&o);
            o.training = training != 0;
            assert_ok(whet_model_build(m->name, &o, &g));
            assert_ok(whet_graph_verify(g));
            if (whet_model_parameters(g) != m->parameters)
                fail_msg("%s has %lld parameters, published %lld", m->name, (long long)whet_model_parameters(g), (long long)m->parameters);
            assert_int_equal(g->n_outputs, 1);
            const whet_value *y = &g->values[g->outputs[0]];
            assert_string_equal(y->name, "output");
            assert_int_equal(y->dims.rank, 2);
            assert_int_equal(y->dims.dims[0], whet_graph_symbol(g, "N"));
            assert_int_equal(y->dims.dims[1], 10);
            whet_graph_free(g);
        }
}

static void test_published(void **state)
{
    (void)state;
    /* 0.27 M, 0.46 M, 0.66 M, 0.85 M in table 6 of the paper */
    assert_int_equal(whet_model_find("resnet20")->parameters, 269722);
    assert_int_equal(whet_model_find("resnet56")->parameters, 853018);
    assert_int_equal(whet_model_find("lenet")->parameters, 61706);
}

static void test_names(void **state)
{
    static const char *const names[] = {"conv1.weight", "bn1.running_var", "layer1.0.conv1.weight", "layer3.2.bn2.bias", "linear.bias"};
    whet_graph *g = NULL;
    (void)state;
    assert_ok(whet_model_build("resnet20", NULL, &g));
    for (size_t i = 0; i < WHET_COUNT(names); i++) {
        const whet_vid v = whet_graph_find(g, names[i]);
        if (v == WHET_NO_VALUE) fail_msg("resnet20 has no '%s'", names[i]);
        assert_int_equal(g->values[v].kind, WHET_VALUE_VARIABLE);
    }
    whet_graph_free(g);
    assert_ok(whet_model_build("cifar-convnet", NULL, &g));
    assert_int_equal(g->values[whet_graph_find(g, "fc1.weight")].dims.dims[1], 1024);
    whet_graph_free(g);
}

static double first_weight(const char *model, uint64_t seed, bool training)
{
    whet_model_options o;
    whet_graph *g = NULL;
    whet_model_options_init(&o);
    o.seed = seed;
    o.training = training;
    assert_ok(whet_model_build(model, &o, &g));
    const double x = whet_tensor_get_f64(&g->values[whet_graph_find(g, "conv1.weight")].data, 7);
    whet_graph_free(g);
    return x;
}

static void test_seeds(void **state)
{
    (void)state;
    assert_true(first_weight("resnet20", 1, false) == first_weight("resnet20", 1, true));
    assert_true(first_weight("resnet20", 1, false) != first_weight("resnet20", 2, false));
    assert_true(first_weight("resnet20", 1, false) == first_weight("resnet56", 1, false));
}

static void test_commits(void **state)
{
    whet_model_options o;
    whet_graph *g = NULL;
    (void)state;
    whet_model_options_init(&o);
    o.training = true;
    assert_ok(whet_model_build("resnet20", &o, &g));
    assert_int_equal(g->n_commits, 2 * 19);
    whet_graph_free(g);
}

static void test_errors(void **state)
{
    whet_model_options o;
    whet_graph *g = NULL;
    (void)state;
    assert_status(whet_model_build("resnet21", NULL, &g), WHET_EINVAL);
    assert_null(g);
    assert_contains(whet_error_last()->text, "did you mean 'resnet20'");
    assert_contains(whet_error_last()->text, "cifar-convnet");
    whet_model_options_init(&o);
    o.height = 8;
    assert_status(whet_model_build("lenet", &o, &g), WHET_ESHAPE);
    o.height = -1;
    assert_status(whet_model_build("lenet", &o, &g), WHET_EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_counts), cmocka_unit_test(test_published), cmocka_unit_test(test_names),
                                       cmocka_unit_test(test_seeds),  cmocka_unit_test(test_commits),   cmocka_unit_test(test_errors)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
