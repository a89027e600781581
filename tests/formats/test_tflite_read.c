/* SPDX-License-Identifier: Apache-2.0 */
/* Reading TFLite: networks that TensorFlow's converter wrote against the outputs that TensorFlow's runtime stored, in every form
 * of quantisation; what is refused, with its message; damage at every place. */
#include <math.h>

#include "data/dataset.h"
#include "exec/exec.h"
#include "formats/npy/npy_tensor.h"
#include "formats/tflite/tflite.h"
#include "passes/lower.h"
#include "passes/passes.h"
#include "tflite_maker.h"

/* --- whole networks */
static whet_exec *exec_of(const whet_graph *g, whet_graph **copy)
{
    whet_exec_options o;
    whet_pass_options po;
    whet_exec *e = NULL;
    whet_exec_options_init(&o);
    o.lower = whet_passes_lower;
    whet_pass_options_init(&po);
    po.freeze = true;
    assert_ok(whet_graph_clone(copy, g));
    assert_ok(whet_passes_run(*copy, &po, NULL));
    assert_ok(whet_exec_create(&e, *copy, &o));
    return e;
}

static void run(const whet_graph *g, const whet_tensor *x, whet_tensor *y)
{
    whet_graph *copy = NULL;
    whet_exec *e = exec_of(g, &copy);
    whet_tensor_init(y);
    assert_ok(whet_exec_run(e, 1, x, 1, y));
    whet_exec_free(e);
    whet_graph_free(copy);
}

typedef struct kind { const char *name; double bound; bool integer; } kind;
static const kind kinds[] = {{"float32", 1e-4, false}, {"float16", 2e-3, false}, {"dynamic", 1e-2, false},
                             {"int16x8", 2e-2, false}, {"int8_floatio", 4e-2, false}, {"int8", 0, true}};

static void compare_floats(const char *what, const kind *k, const whet_tensor *y, const whet_tensor *want)
{
    double d = 0, top = 0;
    for (int64_t i = 0; i < whet_tensor_numel(want); i++) {
        const double a = whet_tensor_get_f64(y, i), b = whet_tensor_get_f64(want, i);
        d = isfinite(a) ? fmax(d, fabs(a - b)) : INFINITY;
        top = fmax(top, fabs(b));
    }
    printf("%s: off by %.2g of the largest output\n", what, d / top);
    if (!(d <= k->bound * top)) fail_msg("%s: output differs by %.3g of its maximum, at most %.3g is allowed", what, d / top, k->bound);
}

/* At most 1 LSB off in 98 % of the elements, never over 4; of fewer than 50 elements one may be 2 off. */
static void compare_integers(const char *what, const whet_tensor *y, const whet_tensor *want)
{
    const int64_t n = whet_tensor_numel(want);
    int64_t over = 0, most = 0;
    for (int64_t i = 0; i < n; i++) {
        const int64_t d = llabs(whet_tensor_get_s64(y, i) - whet_tensor_get_s64(want, i));
        over += d > 1;
        most = WHET_MAX(most, d);
    }
    printf("%s: %lld of %lld elements over 1 LSB, at most %lld\n", what, (long long)over, (long long)n, (long long)most);
    const bool good = n < 50 ? over == 0 || (over == 1 && most <= 2) : over * 50 <= n && most <= 4;
    if (!good) fail_msg("%s: %lld of %lld elements are over 1 LSB, at most %lld", what, (long long)over, (long long)n, (long long)most);
}

static void check_network(const char *net, const kind *k)
{
    char rel[128];
    whet_graph *g = NULL;
    whet_tensor x, want, y;
    snprintf(rel, sizeof(rel), "interop/keras/%s/%s.npy", net, k->integer ? "int8_input" : "input");
    support_shared(x_path, rel);
    snprintf(rel, sizeof(rel), "interop/keras/%s/%s_output.npy", net, k->name);
    support_shared(y_path, rel);
    snprintf(rel, sizeof(rel), "interop/keras/%s/%s.tflite", net, k->name);
    support_shared(path, rel);
    assert_ok(whet_npy_read_tensor(&x, x_path));
    assert_ok(whet_npy_read_tensor(&want, y_path));
    assert_ok(whet_tflite_read(&g, path, NULL));
    run(g, &x, &y);
    assert_int_equal(y.dtype, want.dtype);
    if (!whet_shape_equal(&y.shape, &want.shape)) fail_msg("%s: the output has another shape", rel);
    if (k->integer) compare_integers(rel, &y, &want);
    else compare_floats(rel, k, &y, &want);
    whet_tensor_dispose(&x);
    whet_tensor_dispose(&y);
    whet_tensor_dispose(&want);
    whet_graph_free(g);
}

static void keras_networks(void **state)
{
    static const char *const nets[] = {"convnet", "mobilenet", "efficientnet", "resnet", "deeplab"};
    (void)state;
    for (size_t i = 0; i < WHET_COUNT(nets); i++)
        for (size_t k = 0; k < WHET_COUNT(kinds); k++) check_network(nets[i], &kinds[k]);
}

/* --- accuracy: pixels / 255, which the file does not say */
enum { MNIST = 10000, BATCH = 100, PIXELS = 784 };

static int best(const whet_tensor *y, int64_t row, int64_t n)
{
    int64_t k = 0;
    for (int64_t i = 1; i < n; i++)
        if (whet_tensor_get_f64(y, row * n + i) > whet_tensor_get_f64(y, row * n + k)) k = i;
    return (int)k;
}

/* The scale of an integer input and its zero point, of the DequantizeLinear that reads it; 0 for floats. */
static double input_scale(const whet_graph *g, int64_t *zero)
{
    for (int i = 0; i < g->n_nodes; i++) {
        const whet_node *n = &g->nodes[i];
        if (n->in[0] != g->inputs[0] || !whet_node_is(n, "DequantizeLinear")) continue;
        *zero = whet_tensor_get_s64(whet_graph_const_data(g, n->in[2]), 0);
        return whet_tensor_get_f64(whet_graph_const_data(g, n->in[1]), 0);
    }
    return 0;
}

static void set_pixel(whet_tensor *x, int64_t i, double level, double scale, int64_t zero)
{
    if (x->dtype == WHET_F32) whet_tensor_set_f64(x, i, (double)((float)level / 255.f));
    else whet_tensor_set_s64(x, i, llround(level / 255 / scale) + zero);
}

static double mnist_accuracy(const char *path, whet_dataset *d)
{
    whet_graph *g = NULL, *copy = NULL;
    int right = 0;
    int64_t zero = 0;
    assert_ok(whet_tflite_read(&g, path, NULL));
    const double scale = input_scale(g, &zero);
    whet_exec *e = exec_of(g, &copy);
    const whet_dims *want = &g->values[g->inputs[0]].dims;
    const int batch = want->dims[0] == 1 ? 1 : BATCH;
    whet_shape shape = {.rank = want->rank};
    for (int i = 0; i < want->rank; i++) shape.dims[i] = i == 0 ? batch : want->dims[i];
    whet_tensor x, y;
    whet_tensor_init(&x);
    whet_tensor_init(&y);
    assert_ok(whet_tensor_alloc(&x, g->values[g->inputs[0]].dtype, &shape));
    assert_int_equal(whet_tensor_numel(&x), (int64_t)batch * PIXELS);
    for (int first = 0; first < MNIST; first += batch) {
        for (int i = 0; i < batch; i++) {
            whet_image img;
            assert_ok(whet_dataset_image(d, WHET_SPLIT_TEST, first + i, &img, NULL));
            for (int k = 0; k < PIXELS; k++) set_pixel(&x, i * PIXELS + k, img.data[k * img.channels], scale, zero);
            whet_image_dispose(&img);
        }
        assert_ok(whet_exec_run(e, 1, &x, 1, &y));
        for (int i = 0; i < batch; i++) right += best(&y, i, 10) == whet_dataset_label(d, WHET_SPLIT_TEST, first + i);
    }
    whet_tensor_dispose(&x);
    whet_tensor_dispose(&y);
    whet_exec_free(e);
    whet_graph_free(copy);
    whet_graph_free(g);
    return 100.0 * right / MNIST;
}

static void mnist(void **state)
{
    static const struct { const char *file; double accuracy; } models[] = {
        {"converted_model_f32", 97.95}, {"float16_quantized", 97.95}, {"dynamic_range_quantized", 97.98}, {"int8_quantized", 97.92}};
    whet_dataset *d = NULL;
    (void)state;
    support_shared(first, "data/mnist/t10k-images-idx3-ubyte.gz");
    (void)first;
    for (size_t i = 0; i < WHET_COUNT(models); i++) {
        char rel[128];
        snprintf(rel, sizeof(rel), "models/mnist-keras/%s.tflite", models[i].file);
        support_shared(path, rel);
        if (!d) assert_ok(whet_dataset_open(&d, "mnist", NULL));
        const double a = mnist_accuracy(path, d);
        printf("%s: %.2f %%\n", models[i].file, a);
        if (fabs(a - models[i].accuracy) > 0.05 + 1e-9) fail_msg("%s: %.2f %%, but %.2f %% is known", rel, a, models[i].accuracy);
    }
    whet_dataset_close(d);
}

/* --- classifiers of uint8, made from files of 2018 to 2020 */
static void picture_input(const char *path, const whet_graph *g, whet_tensor *x)
{
    const whet_value *in = &g->values[g->inputs[0]];
    whet_shape shape;
    whet_image img, small;
    assert_true(whet_dims_concrete(&in->dims, &shape));
    assert_ok(whet_image_read(&img, path, 3));
    assert_ok(whet_image_resize(&small, &img, (int)shape.dims[2], (int)shape.dims[1], WHET_RESIZE_PILLOW, WHET_FILTER_BILINEAR, 1));
    whet_tensor_init(x);
    assert_ok(whet_tensor_alloc(x, in->dtype, &shape));
    assert_int_equal(whet_tensor_numel(x), (int64_t)small.width * small.height * 3);
    for (int64_t i = 0; i < whet_tensor_numel(x); i++)
        whet_tensor_set_s64(x, i, in->dtype == WHET_S8 ? small.data[i] - 128 : small.data[i]);
    whet_image_dispose(&img);
    whet_image_dispose(&small);
}

static void coral(void **state)
{
    static const char *const pictures[] = {"cat", "bird", "sunflower", "grace_hopper"};
    static const struct { const char *file; int label[4]; } models[] = {
        {"mobilenet_v1_0.25_128_quant", {286, 20, 986, 401}}, {"mobilenet_v2_1.0_224_quant", {286, 20, 986, 653}},
        {"tf2_mobilenet_v2_1.0_224_ptq", {286, 20, 986, 653}}};
    (void)state;
    for (size_t i = 0; i < WHET_COUNT(models); i++) {
        char rel[128];
        whet_graph *g = NULL;
        snprintf(rel, sizeof(rel), "models/coral/%s.tflite", models[i].file);
        support_shared(path, rel);
        assert_ok(whet_tflite_read(&g, path, NULL));
        for (size_t k = 0; k < WHET_COUNT(pictures); k++) {
            whet_tensor x, y;
            snprintf(rel, sizeof(rel), "models/coral/%s.bmp", pictures[k]);
            support_shared(picture, rel);
            picture_input(picture, g, &x);
            run(g, &x, &y);
            const int label = best(&y, 0, whet_tensor_numel(&y));
            if (label != models[i].label[k]) fail_msg("%s: %s is %d, but %d is known", models[i].file, pictures[k], label, models[i].label[k]);
            whet_tensor_dispose(&x);
            whet_tensor_dispose(&y);
        }
        whet_graph_free(g);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(keras_networks), cmocka_unit_test(mnist), cmocka_unit_test(coral)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
