/* SPDX-License-Identifier: Apache-2.0 */
/* safetensors as named tensors: views of the mapped file, types that are not handled, weights that fit a graph and such that do
 * not. The bytes themselves are tested in tests/unit/wire. */
#include "support.h"
#include "weights_equal.h"
#include "formats/formats.h"
#include "models/models.h"

static char *dir, *file;

static int make_folder(void **state)
{
    (void)state;
    dir = support_tmpdir();
    file = whet_path_join(dir, "a.safetensors");
    return dir && file ? 0 : -1;
}

static int remove_folder(void **state)
{
    (void)state;
    whet_free(file);
    support_rmtree(dir);
    return 0;
}

/* Kilobytes of memory that this process alone has. */
static long private_memory(void)
{
    FILE *f = fopen("/proc/self/smaps_rollup", "r");
    char line[200];
    long total = 0, kb = 0;
    if (!f) return -1;
    while (fgets(line, sizeof(line), f))
        if (sscanf(line, "Private_Clean: %ld", &kb) == 1 || sscanf(line, "Private_Dirty: %ld", &kb) == 1) total += kb;
    fclose(f);
    return total;
}

/* A header, and behind it zeros that take no disk. */
static void write_sparse(const char *header, size_t data)
{
    const size_t n = strlen(header);
    uint8_t length[8];
    FILE *f = fopen(file, "wb");
    assert_non_null(f);
    for (int i = 0; i < 8; i++) length[i] = (uint8_t)(n >> (8 * i));
    assert_int_equal(fwrite(length, 1, 8, f), 8);
    assert_int_equal(fwrite(header, 1, n, f), n);
    assert_int_equal(fflush(f), 0);
    assert_int_equal(ftruncate(fileno(f), (off_t)(8 + n + data)), 0);
    fclose(f);
}

static void large_files_are_mapped(void **state)
{
    (void)state;
    const size_t bytes = (size_t)100 << 20;
    char header[300];
    whet_weights *w = NULL;
    snprintf(header, sizeof(header), "{\"a\":{\"dtype\":\"F32\",\"shape\":[%zu],\"data_offsets\":[0,%zu]},"
             "\"b\":{\"dtype\":\"F32\",\"shape\":[8],\"data_offsets\":[%zu,%zu]}}    ", bytes / 4, bytes, bytes, bytes + 32);
    write_sparse(header, bytes + 32);
    const long before = private_memory();
    if (before < 0) support_skip("smaps", "this kernel has no /proc/self/smaps_rollup");
    assert_ok(whet_format_read_weights(&w, file));
    const long added = private_memory() - before;
    printf("loading 100 MB added %ld kB of private memory\n", added);
    assert_true(added <= 10 * 1024);
    assert_int_equal(whet_tensor_bytes(whet_weights_find(w, "a")), bytes);
    assert_true(whet_tensor_get_f64(whet_weights_find(w, "a"), (int64_t)(bytes / 4) - 1) == 0); /* the file stays open for the view */
    whet_weights_free(w);
}

static void types_not_handled(void **state)
{
    (void)state;
    whet_weights *w = NULL;
    write_sparse("{\"q\":{\"dtype\":\"F8_E4M3\",\"shape\":[4],\"data_offsets\":[0,4]}}", 4);
    assert_status(whet_format_read_weights(&w, file), WHET_EUNSUPPORTED);
    assert_null(w);
    assert_contains(whet_error_message(), "tensor 'q' is F8_E4M3, a type that is not handled");
    assert_string_equal(whet_error_last()->file, file);
}

/* The zoo's own weights behind a prefix. */
static whet_weights *renamed(const whet_graph *g, const char *prefix)
{
    whet_weights *own = NULL, *w = NULL;
    char name[200];
    assert_ok(whet_weights_of_graph(&own, g));
    assert_ok(whet_weights_create(&w));
    for (size_t i = 0; i < own->n; i++) {
        snprintf(name, sizeof(name), "%s%s", prefix, own->names[i]);
        assert_ok(whet_weights_add(w, name, &own->tensors[i]));
    }
    whet_weights_free(own);
    return w;
}

static void apply(const char *model, const char *prefix)
{
    whet_graph *g = NULL, *fresh = NULL;
    whet_weights *w = NULL, *got = NULL, *want = NULL;
    whet_model_options o;
    whet_model_options_init(&o);
    assert_ok(whet_model_build(model, &o, &g));
    o.seed = 5;
    assert_ok(whet_model_build(model, &o, &fresh));
    w = renamed(g, prefix);
    assert_ok(whet_format_write_weights(w, file, NULL));
    whet_weights_free(w);
    assert_ok(whet_format_read_weights(&w, file));
    assert_ok(whet_weights_apply(w, fresh, NULL));
    assert_ok(whet_weights_of_graph(&want, g));
    assert_ok(whet_weights_of_graph(&got, fresh));
    assert_same_weights(want, got);
    whet_weights_free(w);
    whet_weights_free(want);
    whet_weights_free(got);
    whet_graph_free(g);
    whet_graph_free(fresh);
}

static void into_the_zoo(void **state)
{
    (void)state;
    apply("lenet", "");
    apply("resnet20", "module.");
    apply("lenet", "state_dict.model.");
}

static void misfits(void **state)
{
    (void)state;
    whet_graph *g = NULL;
    whet_weights *w = NULL;
    whet_tensor t, wide;
    whet_strbuf report;
    const whet_shape shape = WHET_SHAPE(2, 3);
    whet_strbuf_init(&report);
    whet_tensor_init(&t);
    whet_tensor_init(&wide);
    assert_ok(whet_tensor_alloc(&t, WHET_F32, &shape));
    assert_ok(whet_model_build("lenet", NULL, &g));
    assert_ok(whet_weights_create(&w)); /* nothing at all */
    assert_status(whet_weights_apply(w, g, NULL), WHET_EINVAL);
    assert_contains(whet_error_message(), "is in the weights: they are of another network");
    assert_ok(whet_weights_add(w, "encoder.block", &t));
    assert_status(whet_weights_apply(w, g, NULL), WHET_EINVAL);
    assert_contains(whet_error_message(), "the file begins with 'encoder.block'");
    whet_weights_free(w);
    w = renamed(g, "");
    assert_ok(whet_weights_add(w, "more", &t));
    assert_ok(whet_weights_apply(w, g, &report));
    assert_string_equal(report.data, "more: in the weights, not in the model: left out\n");
    whet_strbuf_dispose(&report);
    whet_free(w->names[0]); /* the first has a slip in its name */
    w->names[0] = whet_strdup("slip");
    whet_weights *copy = NULL;
    assert_ok(whet_weights_create(&copy));
    for (size_t i = 0; i < w->n; i++) assert_ok(whet_weights_add(copy, w->names[i], &w->tensors[i]));
    assert_status(whet_weights_apply(copy, g, NULL), WHET_EINVAL);
    assert_contains(whet_error_message(), "the weights lack '");
    assert_contains(whet_error_message(), "and 0 more of the model's");
    whet_weights_free(copy);
    whet_weights_free(w);
    w = renamed(g, "");
    whet_tensor_ref(&w->tensors[0], &t);
    assert_status(whet_weights_apply(w, g, NULL), WHET_ESHAPE);
    assert_contains(whet_error_message(), "is 2x3 in the file, the model wants");
    whet_weights_free(w);
    w = renamed(g, "");
    assert_ok(whet_tensor_cast(&wide, &w->tensors[0], WHET_F64));
    whet_tensor_ref(&w->tensors[0], &wide);
    assert_status(whet_weights_apply(w, g, NULL), WHET_ESHAPE);
    assert_contains(whet_error_message(), "is f64 in the file, the model wants f32");
    whet_tensor_dispose(&wide);
    whet_weights_free(w);
    whet_tensor_dispose(&t);
    whet_graph_free(g);
}

static void halves_become_floats(void **state)
{
    (void)state;
    whet_graph *g = NULL;
    whet_weights *own = NULL, *w = NULL;
    assert_ok(whet_model_build("lenet", NULL, &g));
    assert_ok(whet_weights_of_graph(&own, g));
    assert_ok(whet_weights_create(&w));
    for (size_t i = 0; i < own->n; i++) {
        whet_tensor t;
        whet_tensor_init(&t);
        assert_ok(whet_tensor_cast(&t, &own->tensors[i], i % 2 ? WHET_F16 : WHET_BF16));
        assert_ok(whet_weights_add(w, own->names[i], &t));
        whet_tensor_dispose(&t);
    }
    assert_ok(whet_weights_apply(w, g, NULL));
    for (size_t i = 0; i < own->n; i++) {
        const whet_value *v = &g->values[whet_graph_find(g, own->names[i])];
        assert_int_equal(v->data.dtype, WHET_F32);
        for (int64_t k = 0; k < whet_tensor_numel(&v->data); k++)
            assert_true(whet_tensor_get_f64(&v->data, k) == whet_tensor_get_f64(&w->tensors[i], k));
    }
    whet_weights_free(own);
    whet_weights_free(w);
    whet_graph_free(g);
}

/* torchvision's keys, some of each kind of layer, beside timm's. */
static void torchvision_names(void **state)
{
    (void)state;
    static const struct { const char *timm, *torchvision; } mobile[] = {
        {"conv_stem.weight", "features.0.0.weight"}, {"bn1.running_mean", "features.0.1.running_mean"},
        {"blocks.0.0.conv_dw.weight", "features.1.conv.0.0.weight"}, {"blocks.0.0.conv_pw.weight", "features.1.conv.1.weight"},
        {"blocks.0.0.bn2.bias", "features.1.conv.2.bias"}, {"blocks.1.1.conv_pw.weight", "features.3.conv.0.0.weight"},
        {"blocks.3.2.bn2.weight", "features.9.conv.1.1.weight"}, {"blocks.5.2.conv_pwl.weight", "features.16.conv.2.weight"},
        {"blocks.6.0.bn3.running_var", "features.17.conv.3.running_var"}, {"bn2.weight", "features.18.1.weight"},
        {"classifier.bias", "classifier.1.bias"}}, efficient[] = {
        {"conv_stem.weight", "features.0.0.weight"}, {"blocks.0.0.se.conv_reduce.weight", "features.1.0.block.1.fc1.weight"},
        {"blocks.0.0.conv_pw.weight", "features.1.0.block.2.0.weight"}, {"blocks.2.1.conv_dw.weight", "features.3.1.block.1.0.weight"},
        {"blocks.4.2.se.conv_expand.bias", "features.5.2.block.2.fc2.bias"}, {"blocks.6.0.bn3.weight", "features.7.0.block.3.1.weight"},
        {"conv_head.weight", "features.8.0.weight"}, {"classifier.weight", "classifier.1.weight"}};
    const char *names[16];
    int found[16];
    for (int k = 0; k < 2; k++) {
        const int n = (int)(k ? WHET_COUNT(efficient) : WHET_COUNT(mobile));
        whet_weights *w = NULL;
        whet_tensor t;
        const whet_shape one = WHET_SHAPE(1);
        whet_tensor_init(&t);
        assert_ok(whet_tensor_alloc(&t, WHET_F32, &one));
        assert_ok(whet_weights_create(&w));
        for (int i = 0; i < n; i++) {
            names[i] = k ? efficient[i].timm : mobile[i].timm;
            assert_ok(whet_weights_add(w, k ? efficient[n - 1 - i].torchvision : mobile[n - 1 - i].torchvision, &t));
        }
        assert_ok(whet_weights_match(w, n, names, found));
        for (int i = 0; i < n; i++) assert_int_equal(found[i], n - 1 - i);
        whet_tensor_dispose(&t);
        whet_weights_free(w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(large_files_are_mapped), cmocka_unit_test(types_not_handled), cmocka_unit_test(into_the_zoo),
        cmocka_unit_test(misfits), cmocka_unit_test(halves_become_floats), cmocka_unit_test(torchvision_names)};
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
