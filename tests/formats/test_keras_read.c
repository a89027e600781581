/* SPDX-License-Identifier: Apache-2.0 */
/* Reading Keras: networks that Keras 3.15 wrote, in both containers, against the outputs that it stored; accuracy on MNIST of a
 * file of Keras 2.4; layers and forms of configuration against numbers worked out by hand; what is refused, with its message. */
#include <math.h>

#include "data/dataset.h"
#include "formats/npy/npy_tensor.h"
#include "keras_maker.h"
#include "run_graph.h"

/* --- whole networks */
static void check_network(const char *net, const char *file)
{
    char rel[128], rel_in[128], rel_out[128];
    whet_graph *g = NULL;
    whet_tensor x, y, want;
    double d = 0, top = 0;
    snprintf(rel, sizeof rel, "interop/keras/%s/%s", net, file);
    snprintf(rel_in, sizeof rel_in, "interop/keras/%s/input.npy", net);
    snprintf(rel_out, sizeof rel_out, "interop/keras/%s/output.npy", net);
    support_shared(path, rel);
    support_shared(in, rel_in);
    support_shared(out, rel_out);
    assert_ok(whet_format_read(&g, path, NULL));
    assert_string_equal(whet_graph_get_meta(g, KERAS_META_VERSION), "3.15.1");
    assert_ok(whet_npy_read_tensor(&x, in));
    assert_ok(whet_npy_read_tensor(&want, out));
    run(g, &x, &y);
    assert_true(whet_shape_equal(&y.shape, &want.shape));
    for (int64_t i = 0; i < whet_tensor_numel(&want); i++) {
        const double a = whet_tensor_get_f64(&y, i), b = whet_tensor_get_f64(&want, i);
        d = isfinite(a) ? fmax(d, fabs(a - b)) : INFINITY;
        top = fmax(top, fabs(b));
    }
    printf("%s/%s: off by %.2g of the largest output\n", net, file, d / top);
    if (!(d <= 1e-4 * top)) fail_msg("%s: output differs by %.3g of its maximum", rel, d / top);
    whet_tensor_dispose(&x);
    whet_tensor_dispose(&y);
    whet_tensor_dispose(&want);
    whet_graph_free(g);
}

static void networks(void **state)
{
    static const char *const nets[] = {"convnet", "mobilenet", "efficientnet", "resnet", "deeplab"};
    (void)state;
    for (size_t i = 0; i < WHET_COUNT(nets); i++) {
        check_network(nets[i], "model.h5");
        check_network(nets[i], "model.keras");
    }
}

/* --- accuracy: pixels / 255, which the file does not say */
enum { MNIST = 10000, BATCH = 100, PIXELS = 784 };

static int best(const float *y, int n)
{
    int k = 0;
    for (int i = 1; i < n; i++)
        if (y[i] > y[k]) k = i;
    return k;
}

static void mnist(void **state)
{
    whet_dataset *d = NULL;
    whet_graph *g = NULL, *copy = NULL;
    whet_tensor x, y;
    int right = 0;
    (void)state;
    support_shared(images, "data/mnist/t10k-images-idx3-ubyte.gz");
    support_shared(path, "models/mnist-keras/model.h5");
    (void)images;
    assert_ok(whet_dataset_open(&d, "mnist", NULL));
    assert_ok(whet_format_read(&g, path, NULL));
    whet_exec *e = exec_of(g, &copy);
    whet_tensor_init(&x);
    whet_tensor_init(&y);
    const whet_shape shape = WHET_SHAPE(BATCH, 28, 28);
    assert_ok(whet_tensor_alloc(&x, WHET_F32, &shape));
    for (int first = 0; first < MNIST; first += BATCH) {
        for (int i = 0; i < BATCH; i++) {
            whet_image img;
            assert_ok(whet_dataset_image(d, WHET_SPLIT_TEST, first + i, &img, NULL));
            for (int k = 0; k < PIXELS; k++) ((float *)x.data)[i * PIXELS + k] = (float)img.data[k * img.channels] / 255.f;
            whet_image_dispose(&img);
        }
        assert_ok(whet_exec_run(e, 1, &x, 1, &y));
        for (int i = 0; i < BATCH; i++) right += best((const float *)y.data + 10 * i, 10) == whet_dataset_label(d, WHET_SPLIT_TEST, first + i);
    }
    printf("model.h5: %.2f %%\n", 100.0 * right / MNIST);
    if (fabs(100.0 * right / MNIST - 97.95) > 0.05 + 1e-9) fail_msg("model.h5: %.2f %%, but 97.95 %% is known", 100.0 * right / MNIST);
    whet_tensor_dispose(&x);
    whet_tensor_dispose(&y);
    whet_exec_free(e);
    whet_graph_free(copy);
    whet_graph_free(g);
    whet_dataset_close(d);
}

/* --- configurations */
static whet_status read_config(whet_graph **g, const char *config, const char *version, size_t n, const km_weight *w)
{
    km_bytes b = km_make(config, version, n, w);
    const whet_status status = whet_keras_read_mem(g, b.data, b.n, "m.h5");
    free(b.data);
    return status;
}

#define IN2 "{\"class_name\":\"InputLayer\",\"name\":\"x\",\"config\":{\"batch_input_shape\":[null,2],\"dtype\":\"float32\",\"name\":\"x\"},\"inbound_nodes\":[]}"
#define IN4 "{\"class_name\":\"InputLayer\",\"name\":\"x\",\"config\":{\"batch_input_shape\":[null,4,4,1],\"dtype\":\"float32\",\"name\":\"x\"},\"inbound_nodes\":[]}"
#define LAYER(cls, name, config, nodes) "{\"class_name\":\"" cls "\",\"name\":\"" name "\",\"config\":{\"name\":\"" name "\"" config "},\"inbound_nodes\":" nodes "}"
#define MODEL(layers, last) "{\"class_name\":\"Functional\",\"config\":{\"name\":\"m\",\"layers\":[" layers "],\"input_layers\":[[\"x\",0,0]],\"output_layers\":[[\"" last "\",0,0]]}}"
#define FROM_X "[[[\"x\",0,0,{}]]]"

static void expect(const char *config, const char *version, size_t n_weights, const km_weight *w, const whet_shape *shape, const float *x, int n, const float *want)
{
    whet_graph *g = NULL;
    whet_tensor in, y;
    assert_ok(read_config(&g, config, version, n_weights, w));
    whet_tensor_init(&in);
    assert_ok(whet_tensor_alloc(&in, WHET_F32, shape));
    memcpy(in.data, x, whet_tensor_bytes(&in));
    run(g, &in, &y);
    assert_int_equal(whet_tensor_numel(&y), n);
    for (int i = 0; i < n; i++)
        if (fabsf(((const float *)y.data)[i] - want[i]) > 1e-5f) fail_msg("element %d is %g, and should be %g, of %.300s", i, (double)((const float *)y.data)[i], (double)want[i], config);
    whet_tensor_dispose(&in);
    whet_tensor_dispose(&y);
    whet_graph_free(g);
}

static const float pair[2] = {1, -2}, sixteen[16] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
static const whet_shape one_by_two = {.rank = 2, .dims = {1, 2}}, picture = {.rank = 4, .dims = {1, 4, 4, 1}};

/* Activations by name; the same name means another slope in Keras 2 and 3. */
static void activations(void **state)
{
    (void)state;
    static const struct { const char *config, *version; float want[2]; } cases[] = {
        {MODEL(IN2 "," LAYER("Activation", "a", ",\"activation\":\"hard_sigmoid\"", FROM_X), "a"), "2.15.0", {0.7f, 0.1f}},
        {MODEL(IN2 "," LAYER("Activation", "a", ",\"activation\":\"hard_sigmoid\"", FROM_X), "a"), "3.0.0", {4.f / 6, 1.f / 6}},
        {MODEL(IN2 "," LAYER("Activation", "a", ",\"activation\":\"relu6\"", FROM_X), "a"), "3.0.0", {1, 0}},
        {MODEL(IN2 "," LAYER("LeakyReLU", "a", ",\"alpha\":0.5", FROM_X), "a"), "2.15.0", {1, -1}},
        {MODEL(IN2 "," LAYER("LeakyReLU", "a", ",\"negative_slope\":0.25", FROM_X), "a"), "3.0.0", {1, -0.5f}},
        {MODEL(IN2 "," LAYER("LeakyReLU", "a", "", FROM_X), "a"), "3.0.0", {1, -0.6f}},
        {MODEL(IN2 "," LAYER("ReLU", "a", ",\"max_value\":0.5,\"negative_slope\":0.5", FROM_X), "a"), "3.0.0", {0.5f, -1}},
        {MODEL(IN2 "," LAYER("Rescaling", "a", ",\"scale\":[2,3],\"offset\":1", FROM_X), "a"), "3.0.0", {3, -5}},
        {MODEL(IN2 "," LAYER("Normalization", "a", ",\"axis\":[-1],\"mean\":[[1,2]],\"variance\":[[4,16]]", FROM_X), "a"), "2.15.0", {0, -1}},
        {MODEL(IN2 "," LAYER("Subtract", "a", "", "[[[\"x\",0,0,{}],[\"x\",0,0,{}]]]"), "a"), "2.15.0", {0, 0}},
        {MODEL(IN2 "," LAYER("TFOpLambda", "a", ",\"function\":\"math.multiply\"", "[[\"x\",0,0,{\"y\":0.5}]]"), "a"), "2.15.0", {0.5f, -1}},
        {MODEL(IN2 "," LAYER("TFOpLambda", "a", ",\"function\":\"__operators__.add\"", "[[\"x\",0,0,{\"y\":[\"x\",0,0]}]]"), "a"), "2.15.0", {2, -4}}};
    for (size_t i = 0; i < WHET_COUNT(cases); i++) expect(cases[i].config, cases[i].version, 0, NULL, &one_by_two, pair, 2, cases[i].want);
}

/* x W + b with W = [[0, 1/8], [2/8, 3/8]] and b = [0, 1/8]: once, twice by the same weights, inside models inside models. */
static void shared_and_nested(void **state)
{
    (void)state;
    static const km_weight dense[] = {{"d", "kernel", 2, {2, 2}}, {"d", "bias", 1, {2}}};
    static const km_weight inner[] = {{"s", "d/kernel", 2, {2, 2}}, {"s", "d/bias", 1, {2}}};
    static const float once[2] = {-0.5f, -0.5f}, twice[2] = {-0.125f, -0.125f};
#define DENSE(nodes) LAYER("Dense", "d", ",\"units\":2,\"activation\":\"linear\",\"use_bias\":true", nodes)
#define SEQUENTIAL "{\"class_name\":\"Sequential\",\"name\":\"s\",\"config\":{\"name\":\"s\",\"layers\":[" IN2 "," DENSE("[]") "]},\"inbound_nodes\":"
    expect(MODEL(IN2 "," DENSE(FROM_X), "d"), "2.15.0", 2, dense, &one_by_two, pair, 2, once);
    expect("{\"class_name\":\"Sequential\",\"config\":[{\"class_name\":\"Dense\",\"config\":{\"name\":\"d\",\"batch_input_shape\":[null,2],\"units\":2}}]}", "1.2.2", 2, dense,
           &one_by_two, pair, 2, once);
    expect("{\"class_name\":\"Model\",\"config\":{\"name\":\"m\",\"layers\":[" DENSE("[[[\"x\",0,0,{}]],[[\"d\",0,0,{}]]]") "," IN2
           "],\"input_layers\":[\"x\",0,0],\"output_layers\":[[\"d\",1,0]]}}", "2.15.0", 2, dense, &one_by_two, pair, 2, twice);
    expect(MODEL(IN2 "," SEQUENTIAL FROM_X "}", "s"), "2.15.0", 2, inner, &one_by_two, pair, 2, once);
    expect("{\"class_name\":\"Functional\",\"config\":{\"name\":\"m\",\"layers\":[" IN2 "," SEQUENTIAL "[[[\"x\",0,0,{}]],[[\"s\",1,0,{}]]]}"
           "],\"input_layers\":[[\"x\",0,0]],\"output_layers\":[[\"s\",2,0]]}}", "2.15.0", 2, inner, &one_by_two, pair, 2, twice);
}

static void pictures(void **state)
{
    (void)state;
    static const km_weight conv[] = {{"c", "kernel", 4, {2, 2, 1, 1}}};
    static const float crop[1] = {9}, up[4] = {0, 3, 12, 15}, pad[4] = {0, 0, 0, 5};
    expect(MODEL(IN4 "," LAYER("Conv2D", "c", ",\"filters\":1,\"kernel_size\":[2,2],\"strides\":[1,1],\"padding\":\"valid\",\"use_bias\":false", FROM_X) ","
                 LAYER("Cropping2D", "k", ",\"cropping\":[[1,0],[1,0]]", "[[[\"c\",0,0,{}]]]"), "k"), "2.15.0", 1, conv, &picture, sixteen, 4,
           (const float[]){5.f * 0 + 6.f / 8 + 9.f * 2 / 8 + 10.f * 3 / 8, 7.f / 8 + 10.f * 2 / 8 + 11.f * 3 / 8, 10.f / 8 + 13.f * 2 / 8 + 14.f * 3 / 8, 11.f / 8 + 14.f * 2 / 8 + 15.f * 3 / 8});
    expect(MODEL(IN4 "," LAYER("AveragePooling2D", "c", ",\"pool_size\":2,\"strides\":[1,2],\"padding\":\"valid\"", FROM_X) ","
                 LAYER("Cropping2D", "k", ",\"cropping\":[[0,1],[0,0]]", "[[[\"c\",0,0,{}]]]"), "k"), "2.15.0", 0, NULL, &picture, sixteen, 4,
           (const float[]){2.5f, 4.5f, 6.5f, 8.5f});
    expect(MODEL(IN4 "," LAYER("Cropping2D", "k", ",\"cropping\":[[2,1],[1,2]]", FROM_X), "k"), "3.0.0", 0, NULL, &picture, sixteen, 1, crop);
    expect(MODEL(IN4 "," LAYER("Resizing", "k", ",\"height\":2,\"width\":2,\"interpolation\":\"nearest\"", FROM_X), "k"), "3.0.0", 0, NULL, &picture, sixteen, 4,
           (const float[]){5, 7, 13, 15});
    expect(MODEL(IN4 "," LAYER("MaxPooling2D", "k", ",\"pool_size\":[1,1],\"strides\":3", FROM_X), "k"), "3.0.0", 0, NULL, &picture, sixteen, 4, up);
    expect(MODEL(IN4 "," LAYER("ZeroPadding2D", "z", ",\"padding\":[[1,0],[1,0]]", FROM_X) "," LAYER("MaxPooling2D", "k", ",\"pool_size\":[1,1],\"strides\":[2,2]", "[[[\"z\",0,0,{}]]]") ","
                 LAYER("Cropping2D", "q", ",\"cropping\":[[0,1],[0,1]]", "[[[\"k\",0,0,{}]]]"), "q"), "3.0.0", 0, NULL, &picture, sixteen, 4, pad);
}

/* The same numbers from a file that lies channels first. */
static void channels_first(void **state)
{
    (void)state;
    static const km_weight bn[] = {{"b", "gamma", 1, {2}}, {"b", "beta", 1, {2}}, {"b", "moving_mean", 1, {2}}, {"b", "moving_variance", 1, {2}}};
    static const whet_shape shape = {.rank = 4, .dims = {1, 2, 1, 2}};
    static const float x[4] = {1, 2, 3, 4}, flat[4] = {1, 3, 2, 4};
    const float s = 0.125f / sqrtf(0.125f + 0.5f);
#define FIRST "{\"class_name\":\"InputLayer\",\"name\":\"x\",\"config\":{\"batch_shape\":[null,2,1,2],\"name\":\"x\"},\"inbound_nodes\":[]}"
    expect(MODEL(FIRST "," LAYER("Flatten", "f", ",\"data_format\":\"channels_first\"", FROM_X), "f"), "3.0.0", 0, NULL, &shape, x, 4, flat);
    expect(MODEL(FIRST "," LAYER("GlobalAveragePooling2D", "f", ",\"data_format\":\"channels_first\"", FROM_X), "f"), "3.0.0", 0, NULL, &shape, x, 2, (const float[]){1.5f, 3.5f});
    expect(MODEL(FIRST "," LAYER("BatchNormalization", "b", ",\"axis\":1,\"epsilon\":0.5", FROM_X), "b"), "3.0.0", 4, bn, &shape, x, 4,
           (const float[]){0, 0, (3 - 0.125f) * s + 0.125f, (4 - 0.125f) * s + 0.125f});
}

/* --- refusals */
static void refusals(void **state)
{
    (void)state;
    static const km_weight wrong[] = {{"d", "kernel", 2, {3, 2}}, {"d", "bias", 1, {2}}};
    static const struct { whet_status status; const char *config, *text; size_t n; } cases[] = {
        {WHET_EUNSUPPORTED, MODEL(IN2 "," LAYER("Lambda", "f", ",\"function\":[\"4wEAAAA=\",null,null]", FROM_X), "f"), "layer 'f' is a Lambda: what it does is code in the file, which is never run", 0},
        {WHET_EUNSUPPORTED, MODEL(IN2 ",{\"class_name\":\"Swish\",\"module\":\"my\",\"registered_name\":\"my>Swish\",\"name\":\"f\",\"config\":{\"name\":\"f\"},\"inbound_nodes\":" FROM_X "}", "f"),
         "layer 'f' is of the custom class 'my>Swish'", 0},
        {WHET_EUNSUPPORTED, MODEL(IN2 "," LAYER("Conv2d", "f", "", FROM_X), "f"), "layer 'f' is a Conv2d, which is not supported (nearest: Conv2D)", 0},
        {WHET_EUNSUPPORTED, MODEL(IN2 "," LAYER("Embedding", "f", "", FROM_X), "f"), "layer 'f' is a Embedding, which is not supported", 0},
        {WHET_EUNSUPPORTED, MODEL(IN2 "," LAYER("TFOpLambda", "f", ",\"function\":\"linalg.matmul\"", FROM_X), "f"), "the TensorFlow function 'linalg.matmul'", 0},
        {WHET_EUNSUPPORTED, MODEL(IN2 "," LAYER("Dense", "d", ",\"units\":2,\"dtype\":{\"class_name\":\"QuantizedDTypePolicy\",\"config\":{}}", FROM_X), "d"), "layer 'd' is quantised", 0},
        {WHET_EUNSUPPORTED, MODEL(IN2 "," LAYER("Activation", "f", ",\"activation\":\"my_act\"", FROM_X), "f"), "the activation 'my_act' is not one of Keras' own", 0},
        {WHET_EUNSUPPORTED, "{\"class_name\":\"MyNet\",\"config\":{\"name\":\"m\"}}", "the model is of the class 'MyNet', whose Python code is not in the file", 0},
        {WHET_EUNSUPPORTED, "{\"class_name\":\"Sequential\",\"config\":{\"name\":\"m\",\"layers\":[" LAYER("Flatten", "f", "", "[]") "]}}", "the input 'input' has no shape", 0},
        {WHET_EFORMAT, MODEL(IN2 "," LAYER("Dense", "d", ",\"units\":2", FROM_X), "d"), "Dense 'd': its kernel is not in the file", 0},
        {WHET_EFORMAT, MODEL(IN2 "," LAYER("Dense", "d", ",\"units\":2", FROM_X), "d"), "its kernel 'model_weights/d/d/kernel:0' is 3x2 and should be 2x2", 2},
        {WHET_EFORMAT, MODEL(IN2 "," LAYER("ReLU", "a", "", "[[[\"b\",0,0,{}]]]") "," LAYER("ReLU", "b", "", "[[[\"a\",0,0,{}]]]"), "b"), "never gets its input: the graph has a loop or a hole", 0},
        {WHET_EFORMAT, MODEL(IN2 "," LAYER("ReLU", "a", "", "[[[\"nix\",0,0,{}]]]"), "a"), "refers to a layer 'nix' that it has not", 0},
        {WHET_EFORMAT, MODEL(IN2 "," IN2, "x"), "two layers of the model 'm' are called 'x'", 0},
        {WHET_EFORMAT, "{\"class_name\":", "", 0},
        {WHET_EUNSUPPORTED, NULL, "holds no model_config", 0}};
    for (size_t i = 0; i < WHET_COUNT(cases); i++) {
        whet_graph *g = NULL;
        assert_status(read_config(&g, cases[i].config, "2.15.0", cases[i].n, wrong), cases[i].status);
        assert_null(g);
        assert_contains(whet_error_message(), cases[i].text);
        assert_string_equal(whet_error_last()->file, "m.h5");
    }
}

static void nesting_is_limited(void **state)
{
    enum { DEEP = 40 };
    char *text = whet_strdup(IN2);
    whet_graph *g = NULL;
    (void)state;
    for (int i = 0; i < DEEP; i++) {
        char *more = whet_format("{\"class_name\":\"Sequential\",\"config\":{\"name\":\"s%d\",\"layers\":[%s]}}", i, text);
        assert_non_null(more);
        whet_free(text);
        text = more;
    }
    assert_status(read_config(&g, text, "3.0.0", 0, NULL), WHET_EFORMAT);
    assert_contains(whet_error_message(), "models are nested over 16 deep");
    whet_free(text);
}

/* A model that calls a model twice that calls a model twice ...: over 2^13 calls. */
static void calls_are_limited(void **state)
{
    char *text = whet_strdup(LAYER("ReLU", "r", "", "[[[\"x\",0,0,{}]],[[\"r\",0,0,{}]],[[\"r\",1,0,{}]],[[\"r\",2,0,{}]]]"));
    const char *last = "r";
    whet_graph *g = NULL;
    (void)state;
    for (int i = 0; i < 14; i++) {
        char *more = whet_format("{\"class_name\":\"Functional\",\"name\":\"f\",\"config\":{\"name\":\"f\",\"layers\":[" IN2 ",%s],\"input_layers\":[[\"x\",0,0]],\"output_layers\":[[\"%s\",%d,0]]},"
                                 "\"inbound_nodes\":[[[\"x\",0,0,{}]],[[\"f\",1,0,{}]],[[\"f\",2,0,{}]],[[\"f\",3,0,{}]]]}", text, last, i == 0 ? 3 : 4);
        assert_non_null(more);
        whet_free(text);
        text = more;
        last = "f";
    }
    assert_status(read_config(&g, text, "2.15.0", 0, NULL), WHET_EFORMAT);
    assert_contains(whet_error_message(), "the models call layers over 8192 times");
    whet_free(text);
}

static whet_status read_small(void *arg)
{
    const km_bytes *b = arg;
    whet_graph *g = NULL;
    const whet_status status = whet_keras_read_mem(&g, b->data, b->n, "m.h5");
    whet_graph_free(g);
    return status;
}

static void every_allocation_may_fail(void **state)
{
    static const km_weight dense[] = {{"d", "kernel", 2, {2, 2}}, {"d", "bias", 1, {2}}};
    km_bytes b = km_make(MODEL(IN2 "," DENSE(FROM_X), "d"), "2.15.0", 2, dense);
    (void)state;
    assert_true(support_fail_each_allocation(read_small, &b) > 20);
    free(b.data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(networks), cmocka_unit_test(mnist), cmocka_unit_test(activations), cmocka_unit_test(shared_and_nested), cmocka_unit_test(pictures),
        cmocka_unit_test(channels_first), cmocka_unit_test(refusals), cmocka_unit_test(nesting_is_limited), cmocka_unit_test(calls_are_limited),
        cmocka_unit_test(every_allocation_may_fail)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
