/* SPDX-License-Identifier: Apache-2.0 */
/* Writing Keras: what whet writes, it reads again with the same weights and numbers; equal graphs give equal bytes; what no layer
 * says is refused by name. Keras itself judges in check_keras.py and check_matrix.py. */
#include <math.h>

#include "convert/convert.h"
#include "exec/exec.h"
#include "formats/npy/npy_tensor.h"
#include "keras_maker.h"
#include "models/models.h"
#include "passes/lower.h"
#include "passes/passes.h"
#include "wire/zip.h"
#include "distance.h"
#include "run_graph.h"

static const char *const forms[] = {"keras", "keras_h5"};

static const whet_model_format *format(const char *name)
{
    const whet_model_format *f = NULL;
    assert_ok(whet_format_for_writing(name, "m", &f));
    return f;
}

/* A picture of seeded numbers for the graph's input; `last`: the same, channels last. */
static void inputs(const whet_graph *g, whet_tensor *x, whet_tensor *last)
{
    const whet_dims *d = &g->values[g->inputs[0]].dims;
    const int64_t c = d->dims[1], area = d->dims[2] * d->dims[3];
    const int64_t n = WHET_MAX(d->dims[0], 1);
    const whet_shape shape = WHET_SHAPE(n, c, d->dims[2], d->dims[3]), turned = WHET_SHAPE(n, d->dims[2], d->dims[3], c);
    whet_tensor_init(x);
    whet_tensor_init(last);
    assert_ok(whet_tensor_alloc(x, WHET_F32, &shape));
    assert_ok(whet_tensor_alloc(last, WHET_F32, &turned));
    for (int64_t i = 0; i < n * c * area; i++) ((float *)x->data)[i] = (float)((i * 7919) % 255) / 255.f;
    for (int64_t i = 0; i < n * area; i++)
        for (int64_t k = 0; k < c; k++) ((float *)last->data)[i * c + k] = ((float *)x->data)[(i / area * c + k) * area + i % area];
}

static void assert_same_bytes(const char *a, const char *b)
{
    uint8_t *p = NULL, *q = NULL;
    size_t n = 0, m = 0;
    assert_ok(whet_file_read(&p, &n, a, (size_t)1 << 30));
    assert_ok(whet_file_read(&q, &m, b, (size_t)1 << 30));
    assert_int_equal(n, m);
    assert_memory_equal(p, q, n);
    whet_free(p);
    whet_free(q);
}

/* BatchNorm's statistics and the biases become lively, so that a mistake shows. */
static void enliven(whet_graph *g)
{
    for (int i = 0; i < g->n_values; i++) {
        whet_value *v = &g->values[i];
        if (v->kind != WHET_VALUE_VARIABLE || v->dims.rank != 1 || v->dtype != WHET_F32) continue;
        float *p = v->data.data;
        for (int64_t k = 0; k < whet_tensor_numel(&v->data); k++) {
            const float r = (float)((k * 31 + i * 17) % 97) / 97.f;
            p[k] = strstr(v->name, "running_var") != NULL ? 0.5f + r : p[k] + 0.3f * (r - 0.5f);
        }
    }
}

static void check_zoo(const char *name)
{
    char *dir = support_tmpdir();
    whet_graph *g = NULL;
    whet_tensor x, last, want;
    assert_ok(whet_model_build(name, NULL, &g));
    enliven(g);
    inputs(g, &x, &last);
    run(g, &x, &want);
    for (size_t i = 0; i < WHET_COUNT(forms); i++) {
        char *path = whet_format("%s/m", dir), *again = whet_format("%s/n", dir);
        whet_graph *back = NULL;
        whet_tensor y;
        assert_ok(whet_convert_graph(g, format(forms[i]), path, NULL, NULL));
        assert_ok(whet_convert_graph(g, format(forms[i]), again, NULL, NULL));
        assert_same_bytes(path, again);
        assert_ok(whet_format_read(&back, path, NULL));
        assert_int_equal(back->values[back->inputs[0]].dims.dims[3], x.shape.dims[1]);
        run(back, &last, &y);
        const double d = distance(&y, &want);
        printf("%s as %s: off by %.2g of the largest output\n", name, forms[i], d);
        if (!(d <= 1e-5)) fail_msg("%s as %s differs by %.3g", name, forms[i], d);
        assert_string_equal(whet_graph_get_meta(back, "model"), name);
        whet_tensor_dispose(&y);
        whet_graph_free(back);
        whet_free(path);
        whet_free(again);
    }
    whet_tensor_dispose(&x);
    whet_tensor_dispose(&last);
    whet_tensor_dispose(&want);
    whet_graph_free(g);
    support_rmtree(dir);
}

static void zoo(void **state)
{
    static const char *const names[] = {"lenet", "cifar-convnet", "resnet20"};
    (void)state;
    for (size_t i = 0; i < WHET_COUNT(names); i++) check_zoo(names[i]);
}

/* Attention in products of heads, a class token, GELU written out; normalised channels with scales. */
static void transformers(void **state)
{
    static const char *const names[] = {"vit", "convnext"};
    char *dir = support_tmpdir();
    (void)state;
    for (size_t i = 0; i < 2 * WHET_COUNT(names); i++) {
        char rel[128], *path = whet_format("%s/m", dir);
        whet_graph *g = NULL, *back = NULL;
        whet_tensor x, last, want, y;
        snprintf(rel, sizeof rel, "interop/pytorch/%s/legacy.onnx", names[i / 2]);
        support_shared(source, rel);
        assert_ok(whet_format_read(&g, source, NULL));
        inputs(g, &x, &last);
        run(g, &x, &want);
        assert_ok(whet_convert_graph(g, format(forms[i % 2]), path, NULL, NULL));
        assert_ok(whet_format_read(&back, path, NULL));
        run(back, &last, &y);
        const double d = distance(&y, &want);
        if (!(d <= 1e-5)) fail_msg("%s as %s differs by %.3g", names[i / 2], forms[i % 2], d);
        whet_tensor_dispose(&x);
        whet_tensor_dispose(&last);
        whet_tensor_dispose(&want);
        whet_tensor_dispose(&y);
        whet_graph_free(g);
        whet_graph_free(back);
        whet_free(path);
    }
    support_rmtree(dir);
}

/* Keras -> whet -> Keras: every parameter with its name and bytes. */
static void round_trip(void **state)
{
    static const char *const files[] = {"convnet/model.h5", "mobilenet/model.keras", "efficientnet/model.keras", "resnet/model.h5", "deeplab/model.keras"};
    char *dir = support_tmpdir();
    (void)state;
    for (size_t i = 0; i < WHET_COUNT(files); i++) {
        char rel[128], *path = whet_format("%s/m", dir);
        whet_graph *g = NULL, *back = NULL;
        int compared = 0;
        snprintf(rel, sizeof rel, "interop/keras/%s", files[i]);
        support_shared(source, rel);
        assert_ok(whet_format_read(&g, source, NULL));
        assert_ok(whet_convert_graph(g, format(forms[i % 2]), path, NULL, NULL));
        assert_ok(whet_format_read(&back, path, NULL));
        for (int v = 0; v < g->n_values; v++) {
            const whet_value *a = &g->values[v];
            if (a->kind != WHET_VALUE_CONST || a->dims.rank == 0 || a->dtype != WHET_F32 || strchr(a->name, '/') == NULL || strstr(a->name, "/scales") != NULL) continue;
            const whet_vid other = whet_graph_find(back, a->name);
            if (other < 0) fail_msg("%s: '%s' is not in the file that was written", rel, a->name);
            assert_true(whet_shape_equal(&a->data.shape, &back->values[other].data.shape));
            assert_memory_equal(a->data.data, back->values[other].data.data, whet_tensor_bytes(&a->data));
            compared++;
        }
        assert_true(compared > 8);
        whet_graph_free(g);
        whet_graph_free(back);
        whet_free(path);
    }
    support_rmtree(dir);
}

/* Keras 3's Resizing makes what is called behind it believe that it is in training: BatchNormalization is told otherwise. */
static void batch_norm_is_told(void **state)
{
    static const struct { const char *file; const char *told; } files[] = {{"deeplab", "\"training\""}, {"resnet", NULL}};
    char *dir = support_tmpdir();
    (void)state;
    for (size_t i = 0; i < WHET_COUNT(files); i++) {
        char rel[128], *path = whet_format("%s/%zu.keras", dir, i);
        whet_graph *g = NULL;
        whet_zip *z = NULL;
        whet_zip_bytes text = {0};
        snprintf(rel, sizeof rel, "interop/pytorch/%s/torchscript.pt", files[i].file);
        support_shared(source, rel);
        assert_ok(whet_format_read(&g, source, NULL));
        assert_ok(whet_convert_graph(g, format("keras"), path, NULL, NULL));
        assert_ok(whet_zip_open(&z, path));
        assert_ok(whet_zip_read(z, whet_zip_find(z, "config.json"), &text));
        char *config = whet_calloc(text.size + 1, 1);
        assert_non_null(config);
        memcpy(config, text.data, text.size);
        whet_zip_bytes_free(&text);
        assert_contains(config, "BatchNormalization");
        if (files[i].told) assert_contains(config, files[i].told);
        else assert_null(strstr(config, "\"training\""));
        whet_free(config);
        whet_zip_close(z);
        whet_graph_free(g);
        whet_free(path);
    }
    support_rmtree(dir);
}

/* --- refusals: one node each */
static void refuse_node(const char *op, int n_attr, const whet_attr *attrs, const float *constant, const char *text)
{
    const whet_dims d = {.rank = 4, .dims = {1, 3, 4, 4}};
    char *dir = support_tmpdir(), *path = whet_format("%s/m.keras", dir);
    whet_graph *g = NULL;
    whet_vid in[3], y = WHET_NO_VALUE;
    int n_in = 1;
    assert_ok(whet_graph_create(&g, "g"));
    assert_ok(whet_graph_input(g, "x", WHET_F32, &d, &in[0]));
    if (constant != NULL) {
        assert_ok(whet_graph_const_f32(g, "low", constant[0], &in[n_in++]));
        assert_ok(whet_graph_const_f32(g, "high", constant[1], &in[n_in++]));
    }
    const char *name = "y";
    assert_ok(whet_graph_node(g, op, "the_node", n_in, in, n_attr, attrs, 1, &name, &y));
    assert_ok(whet_graph_output(g, y));
    assert_status(whet_convert_graph(g, format("keras"), path, NULL, NULL), WHET_EUNSUPPORTED);
    assert_contains(whet_error_message(), text);
    assert_contains(whet_error_message(), "the_node");
    assert_false(whet_file_exists(path));
    whet_graph_free(g);
    whet_free(path);
    support_rmtree(dir);
}

static void refusals(void **state)
{
    static const float bounds[2] = {-1, 1};
    (void)state;
    refuse_node("Erf", 0, NULL, NULL, "Erf cannot be written as a Keras layer: no layer does that");
    refuse_node("Clip", 0, NULL, bounds, "Clip cannot be written as a Keras layer: its lower bound is -1, and ReLU's is 0");
    refuse_node("MaxPool", WHET_ATTRS(whet_attr_ints("kernel_shape", 2, (const int64_t[]){3, 3}), whet_attr_ints("pads", 4, (const int64_t[]){1, 1, 1, 1}),
                whet_attr_ints("strides", 2, (const int64_t[]){2, 2})), NULL, "padding of 1,1 before and 0,0 after is neither none nor TensorFlow's SAME");
    refuse_node("DepthToSpace", WHET_ATTRS(whet_attr_int("blocksize", 1)), NULL, "no layer does that");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(zoo), cmocka_unit_test(transformers), cmocka_unit_test(round_trip),
                                       cmocka_unit_test(batch_norm_is_told), cmocka_unit_test(refusals)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
