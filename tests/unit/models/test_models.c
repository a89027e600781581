/* SPDX-License-Identifier: Apache-2.0 */
/* The zoo: published parameter counts, names, shapes, seeds, and what an unknown name says. */
#include "support.h"

#include <math.h>

#include "base/hash.h"
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
            assert_int_equal(y->dims.dims[1], m->classes);
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

static int by_text(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

/* Names and shapes of all variables against timm 1.0's state dicts: SHA-256 over the sorted lines "name 32x1x3x3\n" of
 * create_model(...).state_dict() without num_batches_tracked. */
static void test_timm(void **state)
{
    static const struct { const char *model, *timm; int n; const char *digest; } rows[] = {
        {"mobilenetv2", "mobilenetv2_100", 262, "fdf46492b5cd6c1e1ce3653aa12359623924bf05537bf0c3a0defe4298de8878"},
        {"resnet50", "resnet50", 267, "b45d26910a415c4397e24f424ab1520ec96efc4ecdf466dc4caf2c81d8c46695"},
        {"efficientnet-b0", "efficientnet_b0", 311, "bcdbf674dde03efc861feaabb24a2b83af92f8a6d473407744a52cbb6f36e9c6"},
        {"vit-tiny-16", "vit_tiny_patch16_224", 152, "66f0d300e340e1b8fda3a26e872ec3be7600985a8fe54a4eac2b92cd3738c68d"},
    };
    (void)state;
    for (size_t r = 0; r < WHET_COUNT(rows); r++) {
        whet_graph *g = NULL;
        char *lines[512], dims[64], digest[65];
        whet_sha256 sha;
        int n = 0;
        assert_ok(whet_model_build(rows[r].model, NULL, &g));
        for (whet_vid v = 0; v < g->n_values && n < 512; v++)
            if (g->values[v].kind == WHET_VALUE_VARIABLE)
                lines[n++] = whet_format("%s %s\n", g->values[v].name, whet_dims_text(g, &g->values[v].dims, dims, sizeof dims));
        qsort(lines, (size_t)n, sizeof *lines, by_text);
        whet_sha256_init(&sha);
        for (int i = 0; i < n; i++) whet_sha256_add(&sha, lines[i], strlen(lines[i]));
        whet_sha256_hex(&sha, digest);
        if (n != rows[r].n || strcmp(digest, rows[r].digest) != 0)
            fail_msg("%s: %d names and shapes with digest %s differ from timm's %s: %d, %s; the first is %s", rows[r].model, n, digest,
                     rows[r].timm, rows[r].n, rows[r].digest, n > 0 ? lines[0] : "none");
        for (int i = 0; i < n; i++) whet_free(lines[i]);
        whet_graph_free(g);
    }
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

/* The classifier of the CIFAR ResNets begins near zero: N(0, 0.01), bias 0. With large first logits the hot start of their
 * one-cycle schedule amplifies rounding beyond what can be compared with a peer (bench/train_parity.py). */
static void test_calm_classifier(void **state)
{
    whet_graph *g = NULL;
    double squares = 0;
    (void)state;
    assert_ok(whet_model_build("resnet20", NULL, &g));
    const whet_tensor *w = &g->values[whet_graph_find(g, "linear.weight")].data, *b = &g->values[whet_graph_find(g, "linear.bias")].data;
    for (int64_t i = 0; i < whet_tensor_numel(w); i++) squares += whet_tensor_get_f64(w, i) * whet_tensor_get_f64(w, i);
    const double deviation = sqrt(squares / (double)whet_tensor_numel(w));
    assert_true(deviation > 0.009 && deviation < 0.011);
    for (int64_t i = 0; i < whet_tensor_numel(b); i++) assert_true(whet_tensor_get_f64(b, i) == 0);
    whet_graph_free(g);
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
    o.height = 24;
    assert_status(whet_model_build("vit-tiny-16", &o, &g), WHET_ESHAPE);
    o.height = -1;
    assert_status(whet_model_build("lenet", &o, &g), WHET_EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_counts), cmocka_unit_test(test_published), cmocka_unit_test(test_names),
                                       cmocka_unit_test(test_timm),
                                       cmocka_unit_test(test_seeds),  cmocka_unit_test(test_calm_classifier), cmocka_unit_test(test_commits),   cmocka_unit_test(test_errors)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
