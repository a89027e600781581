/* SPDX-License-Identifier: Apache-2.0 */
/* Reading TFLite: networks that TensorFlow's converter wrote against the outputs that TensorFlow's runtime stored, in every form
 * of quantisation; what is refused, with its message; damage at every place. */
#include <math.h>

#include "data/dataset.h"
#include "formats/npy/npy_tensor.h"
#include "formats/tflite/tflite.h"
#include "tflite_maker.h"
#include "run_graph.h"

/* --- whole networks */
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

/* --- refusals */
static maker mk;

static whet_status read_maker(whet_graph **g) { return whet_tflite_read_mem(g, mk.p, mk.n, "m.tflite", NULL); }

static void refuse(whet_status want, const char *text)
{
    whet_graph *g = NULL;
    assert_status(read_maker(&g), want);
    assert_null(g);
    assert_contains(whet_error_message(), text);
    assert_string_equal(whet_error_last()->file, "m.tflite");
}

static const float ones[12] = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1};
static const int32_t in0[] = {0}, out1[] = {1};

/* x[1,4,4,3] -> one operator -> y, a third tensor that it may read. */
static void one_op(const mk_op *o, const mk_tensor *x, const mk_tensor *y, const mk_tensor *extra)
{
    const mk_tensor t[3] = {*x, *y, *extra};
    mk_model(&mk, 3, t, 1, o, 1, in0, 1, out1);
}

static const mk_tensor X = {.name = "x", .rank = 4, .shape = {1, 4, 4, 3}}, Y = {.name = "y", .rank = 4, .shape = {1, 4, 4, 3}};
static const mk_tensor W = {.name = "w", .rank = 4, .shape = {3, 1, 1, 3}, .data = ones, .bytes = 36};

static void refusals(void **state)
{
    (void)state;
    one_op(&(mk_op){.code = TFL_CUSTOM, .version = 1, .n_in = 1, .in = {0}, .n_out = 1, .out = {1}, .custom = "TFLite_Detection_PostProcess"}, &X, &Y, &W);
    refuse(WHET_EUNSUPPORTED, "custom operator 'TFLite_Detection_PostProcess' (operator 0) is not handled; cut the network in front of it");
    one_op(&(mk_op){.code = 16, .version = 1, .n_in = 1, .in = {0}, .n_out = 1, .out = {1}}, &X, &Y, &W);
    refuse(WHET_EUNSUPPORTED, "operator LSTM (operator 0) is not handled; convert the network without it or cut it off");
    one_op(&(mk_op){.code = 900, .version = 1, .n_in = 1, .in = {0}, .n_out = 1, .out = {1}}, &X, &Y, &W);
    refuse(WHET_EUNSUPPORTED, "operator 0 has the number 900, which is not known");
    one_op(&(mk_op){.code = TFL_RELU, .version = 99, .n_in = 1, .in = {0}, .n_out = 1, .out = {1}}, &X, &Y, &W);
    refuse(WHET_EUNSUPPORTED, "RELU: version 99 is not handled, 1 to 3 are");
    one_op(&(mk_op){.code = TFL_ADD, .version = 1, .options = TFL_OPT_POOL2D, .n_in = 2, .in = {0, 0}, .n_out = 1, .out = {1}}, &X, &Y, &W);
    refuse(WHET_EFORMAT, "ADD: the options (table 5) are another operator's");
    one_op(&(mk_op){.code = TFL_RELU, .version = 1, .n_in = 1, .in = {7}, .n_out = 1, .out = {1}}, &X, &Y, &W);
    refuse(WHET_EFORMAT, "tensor 7 of 3");
    one_op(&(mk_op){.code = TFL_RELU, .version = 1, .n_in = 1, .in = {1}, .n_out = 1, .out = {1}}, &X, &Y, &W);
    refuse(WHET_EFORMAT, "RELU: tensor 'y' is read, but nothing gives it");
    one_op(&(mk_op){.code = TFL_RELU, .version = 1, .n_in = 1, .in = {0}, .n_out = 1, .out = {0}}, &X, &Y, &W);
    refuse(WHET_EFORMAT, "RELU: tensor 'x' is given twice");
    one_op(&(mk_op){.code = TFL_CONV_2D, .version = 1, .options = TFL_OPT_CONV2D, .n_in = 2, .in = {0, 2}, .n_out = 1, .out = {1}}, &X, &Y, &W);
    refuse(WHET_EFORMAT, "CONV_2D: window 1x1 with strides 0x0 and dilations 1x1");
    const mk_tensor short_w = {.name = "w", .rank = 4, .shape = {3, 1, 1, 3}, .data = ones, .bytes = 32};
    const mk_op conv = {.code = TFL_CONV_2D, .version = 1, .options = TFL_OPT_CONV2D, .n_in = 2, .in = {0, 2}, .n_out = 1, .out = {1},
                        .n_opt = 2, .opt = {{TFL_CONV2D_STRIDE_W, 1}, {TFL_CONV2D_STRIDE_H, 1}}};
    one_op(&conv, &X, &Y, &short_w);
    refuse(WHET_EFORMAT, "constant 'w' has 32 bytes, its shape needs 36");
    const mk_tensor wide_y = {.name = "y", .rank = 4, .shape = {1, 4, 4, 5}};
    one_op(&conv, &X, &wide_y, &W);
    refuse(WHET_ESHAPE, "output 'y' is declared as 1x4x4x5, but is computed as 1x4x4x3");
    const mk_tensor text = {.name = "x", .type = TFL_STRING, .rank = 1, .shape = {2}};
    one_op(&conv, &text, &Y, &W);
    refuse(WHET_EUNSUPPORTED, "type STRING of input 'x' is not handled");
    const mk_tensor nan_scale = {.name = "x", .type = TFL_INT8, .rank = 4, .shape = {1, 4, 4, 3}, .scale = (float)NAN};
    one_op(&conv, &nan_scale, &Y, &W);
    refuse(WHET_EFORMAT, "scale 0 is nan");
    const mk_tensor far_zero = {.name = "x", .type = TFL_INT8, .rank = 4, .shape = {1, 4, 4, 3}, .scale = 1, .zero = 300};
    one_op(&conv, &far_zero, &Y, &W);
    refuse(WHET_EFORMAT, "zero point 0 of tensor 'x' is 300, which its type cannot hold");
    one_op(&conv, &X, &Y, &W);
    uint32_t model = 0;
    memcpy(&model, mk.p, 4);
    mk_int(&mk, model, TFL_MODEL_VERSION, 4);
    refuse(WHET_EUNSUPPORTED, "schema version 4 is not handled, 3 is");
    one_op(&conv, &X, &Y, &W);
    memcpy(mk.p + 4, "TFL9", 4);
    refuse(WHET_EFORMAT, "the identifier 'TFL3' is missing");
}

/* --- what only small files show */
static void run_maker(const whet_tensor *x, whet_tensor *y)
{
    whet_graph *g = NULL;
    assert_ok(read_maker(&g));
    run(g, x, y);
    whet_graph_free(g);
}

/* Weights of four bits, two a byte, in a product of integers. */
static void four_bits(void **state)
{
    static const uint8_t packed[2] = {0x2f, 0x81}; /* -1 2 1 -8 */
    const mk_tensor x = {.name = "x", .rank = 2, .shape = {1, 2}}, y = {.name = "y", .rank = 2, .shape = {1, 2}};
    const mk_tensor w = {.name = "w", .type = TFL_INT4, .rank = 2, .shape = {2, 2}, .data = packed, .bytes = 2, .scale = 0.5f};
    whet_tensor in, out;
    (void)state;
    one_op(&(mk_op){.code = TFL_FULLY_CONNECTED, .version = 1, .options = TFL_OPT_FULLY_CONNECTED, .n_in = 3, .in = {0, 2, -1}, .n_out = 1, .out = {1}}, &x, &y, &w);
    whet_tensor_init(&in);
    const whet_shape row = WHET_SHAPE(1, 2);
    assert_ok(whet_tensor_alloc(&in, WHET_F32, &row));
    whet_tensor_set_f64(&in, 0, 3);
    whet_tensor_set_f64(&in, 1, 4);
    run_maker(&in, &out);
    assert_true(whet_tensor_get_f64(&out, 0) == 0.5 * (-3 + 8));
    assert_true(whet_tensor_get_f64(&out, 1) == 0.5 * (3 - 32));
    whet_tensor_dispose(&in);
    whet_tensor_dispose(&out);
}

/* An output that is an input, and one tensor as two outputs. */
static void outputs(void **state)
{
    const mk_tensor t[3] = {X, Y, W};
    const mk_op o = {.code = TFL_RELU, .version = 1, .n_in = 1, .in = {0}, .n_out = 1, .out = {1}};
    const int32_t outs[3] = {0, 1, 1};
    whet_graph *g = NULL;
    (void)state;
    mk_model(&mk, 3, t, 1, &o, 1, in0, 3, outs);
    assert_ok(read_maker(&g));
    assert_int_equal(g->n_outputs, 3);
    assert_string_equal(g->values[g->inputs[0]].name, "x");
    assert_string_equal(g->values[g->outputs[1]].name, "y");
    assert_ok(whet_graph_verify(g));
    whet_graph_free(g);
}

/* Normalisation and labels of TFLITE_METADATA; the file is a seed of the fuzzer. */
static void metadata(void **state)
{
    const char *path = WHET_BINARY_DIR "/fuzz-seeds/tflite/labels";
    whet_graph *g = NULL;
    whet_contract c;
    (void)state;
    if (access(path, R_OK) != 0) support_skip("seeds", "%s is not made (target fuzz_seeds)", path);
    assert_ok(whet_tflite_read(&g, path, NULL));
    assert_string_equal(whet_graph_get_meta(g, TFLITE_META_SIGNATURE), "serving_default");
    assert_string_equal(whet_graph_get_meta(g, TFLITE_META_INPUT "0"), "in");
    assert_string_equal(whet_graph_get_meta(g, TFLITE_META_OUTPUT "0"), "out");
    whet_contract_init(&c);
    assert_ok(whet_contract_from_json(&c, whet_graph_get_meta(g, WHET_CONTRACT_META)));
    assert_true(c.mean[0] == 127.5f && c.std[0] == 127.5f && c.scale == 1 && c.nhwc && c.height == 4);
#ifndef WHET_MINIMAL /* the labels are in an archive, which libzip reads */
    assert_int_equal(c.n_labels, 2);
    assert_string_equal(c.labels[1], "dog");
#endif
    whet_contract_dispose(&c);
    whet_graph_free(g);
}

/* --- damage: every length that is too short, every byte changed */
static void damage(void **state)
{
    static const uint8_t patterns[] = {0xff, 0x80, 0x01};
    uint8_t *bytes = NULL, *copy = NULL;
    size_t n = 0;
    long failed = 0;
    (void)state;
    support_shared(path, "interop/keras/convnet/int8.tflite");
    assert_ok(whet_file_read(&bytes, &n, path, 1 << 20));
    for (size_t cut = 0; cut < n; cut += cut < 2048 || cut > n - 512 ? 1 : 13) {
        whet_graph *g = NULL;
        copy = malloc(cut + 1); /* of that size, for the sanitizer */
        assert_non_null(copy);
        memcpy(copy, bytes, cut);
        if (whet_tflite_read_mem(&g, copy, cut, "cut.tflite", NULL) != WHET_OK) {
            failed++;
            assert_null(g);
            assert_string_equal(whet_error_last()->file, "cut.tflite");
        }
        whet_graph_free(g);
        free(copy);
    }
    assert_true(failed > 0);
    for (size_t i = 0; i < n; i += 3)
        for (size_t k = 0; k < WHET_COUNT(patterns); k++) {
            whet_graph *g = NULL;
            const uint8_t old = bytes[i];
            bytes[i] ^= patterns[k];
            if (whet_tflite_read_mem(&g, bytes, n, "flip.tflite", NULL) != WHET_OK) assert_null(g);
            whet_graph_free(g);
            bytes[i] = old;
        }
    whet_free(bytes);
}

static whet_status read_for_allocations(void *arg)
{
    whet_graph *g = NULL;
    (void)arg;
    whet_status status = read_maker(&g);
    whet_graph_free(g);
    return status;
}

static void allocations(void **state)
{
    (void)state;
    const mk_tensor q = {.name = "x", .type = TFL_INT8, .rank = 4, .shape = {1, 4, 4, 3}, .scale = 0.5f, .zero = 3};
    one_op(&(mk_op){.code = TFL_CONV_2D, .version = 1, .options = TFL_OPT_CONV2D, .n_in = 2, .in = {0, 2}, .n_out = 1, .out = {1},
                    .n_opt = 3, .opt = {{TFL_CONV2D_STRIDE_W, 1}, {TFL_CONV2D_STRIDE_H, 1}, {TFL_CONV2D_ACTIVATION, TFL_ACT_RELU6}}}, &q, &Y, &W);
    printf("%ld allocations\n", support_fail_each_allocation(read_for_allocations, NULL));
}

/* --- memory: a file of 100 MB is mapped, its weights stay in it */
static long private_bytes(void)
{
    char line[256];
    long sum = 0, kb = 0;
    FILE *f = fopen("/proc/self/smaps_rollup", "r");
    if (!f) support_skip("smaps", "no /proc/self/smaps_rollup");
    while (fgets(line, sizeof(line), f))
        if (sscanf(line, "Private_Clean: %ld", &kb) == 0 && sscanf(line, "Private_Dirty: %ld", &kb) == 1) sum += kb * 1024;
    fclose(f);
    return sum;
}

static void mapped(void **state)
{
    enum { PARTS = 4, ROWS = 2560 };
    const size_t bytes = (size_t)ROWS * ROWS * 4;
    char *dir = support_tmpdir(), *path = whet_path_join(dir, "big.tflite");
    whet_writer *w = NULL;
    whet_graph *g = NULL;
    uint8_t *zeros = calloc(1, bytes);
    const mk_op o = {.code = TFL_ADD_N, .version = 1, .options = TFL_OPT_ADD_N, .n_in = 5, .in = {0, 2, 3, 4, 5}, .n_out = 1, .out = {1}};
    mk_tensor t[2 + PARTS] = {{.name = "x", .rank = 2, .shape = {1, ROWS}}, {.name = "y", .rank = 2, .shape = {ROWS, ROWS}}};
    (void)state;
    /* behind the flatbuffer, as in files of 2 GiB and more */
    for (size_t i = 0; i < PARTS; i++)
        t[2 + i] = (mk_tensor){.name = "w", .rank = 2, .shape = {ROWS, ROWS}, .bytes = bytes, .outside = sizeof(mk.p) + i * bytes};
    mk_model(&mk, 2 + PARTS, t, 1, &o, 1, in0, 1, out1);
    assert_non_null(zeros);
    assert_ok(whet_writer_open(&w, path));
    assert_ok(whet_writer_write(w, mk.p, sizeof(mk.p)));
    for (int i = 0; i < PARTS; i++) assert_ok(whet_writer_write(w, zeros, bytes));
    free(zeros);
    assert_ok(whet_writer_commit(w));
    const long before = private_bytes();
    assert_ok(whet_tflite_read(&g, path, NULL));
    const long added = private_bytes() - before;
    printf("a file of %zu MB: %ld KB of private memory\n", PARTS * bytes >> 20, added >> 10);
    assert_true(added < 10 << 20);
    whet_graph_free(g);
    whet_free(path);
    support_rmtree(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(keras_networks), cmocka_unit_test(mnist), cmocka_unit_test(coral), cmocka_unit_test(refusals),
                                       cmocka_unit_test(four_bits), cmocka_unit_test(outputs), cmocka_unit_test(metadata), cmocka_unit_test(damage),
                                       cmocka_unit_test(allocations), cmocka_unit_test(mapped)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
