/* SPDX-License-Identifier: Apache-2.0 */
/* LiteRT through its plug-in, where it is installed: the files of TensorFlow's converter against the outputs stored with
 * them, at every level of optimisation; the classifiers' answers; damaged files, of which some make LiteRT abort; threads,
 * instances and memory. This program is its own worker: LiteRT is never loaded into it. */
#include <jansson.h>
#include <math.h>

#include "backend/backend.h"
#include "image/image.h"
#include "measure/launch.h"
#include "measure/verify.h"
#include "measure/worker.h"
#include "support.h"

static const char *const nets[] = {"convnet", "mobilenet", "efficientnet", "resnet", "deeplab"};
static const struct { const char *file, *input, *accept; } forms[] = {
    {"float32", "input", "max=1e-4"},      {"float16", "input", "max=2e-3"}, {"dynamic", "input", "max=1e-2"},
    {"int8", "int8_input", "lsb=4"}, {"int8_floatio", "input", "max=4e-2"}, {"int16x8", "input", "max=2e-2"}};
static char *scratch;

static whet_worker *start(int inputs_fd)
{
    whet_worker_options opt;
    whet_worker *w = NULL;
    whet_worker_options_init(&opt);
    opt.inputs_fd = inputs_fd;
    assert_ok(whet_worker_start(&w, &opt));
    return w;
}

static void need_litert(void)
{
    json_t *reply = NULL;
    char why[300] = "";
    whet_worker *w = start(-1);
    const whet_status status = whet_worker_call(w, json_pack("{ss, ss}", "do", "probe", "runtime", "litert"), 60, &reply);
    if (status != WHET_OK) snprintf(why, sizeof why, "%s", whet_error_message());
    if (status == WHET_OK && !json_is_true(json_object_get(reply, "available")))
        snprintf(why, sizeof why, "%s", json_string_value(json_object_get(reply, "reason")));
    json_decref(reply);
    whet_worker_free(w);
    if (why[0] != '\0') support_skip("litert", "%s", why);
}

static const char *shared(const char *fmt, const char *a, const char *b)
{
    char rel[200];
    int missing = 0;
    snprintf(rel, sizeof rel, fmt, a, b);
    const char *path = support_shared_path(rel, &missing);
    if (missing) support_skip("shared", "no '%s'", rel);
    return path;
}

static json_t *load_request(const char *path, const char *threads, const char *key, const char *value)
{
    json_t *q = json_pack("{ss, ss, ss, si, s{ss}}", "do", "load", "runtime", "litert", "path", path, "batch", 1, "settings", "threads", threads);
    if (key != NULL) json_object_set_new(json_object_get(q, "settings"), key, json_string(value));
    return q;
}

static void verify(const char *model, const char *input, const char *expected, const char *accept, const char *optimisation)
{
    json_t *doc = NULL;
    bool ok = false;
    const whet_verify_spec s = {.a = {model, "litert", optimisation}, .accept = accept, .n_inputs = 1, .n_expected = 1, .inputs = &input, .expected = &expected};
    const whet_status status = whet_verify_run(&doc, &ok, &s);
    char *text = json_dumps(json_object_get(doc, "outputs"), JSON_COMPACT);
    if (status != WHET_OK || !ok) print_error("'%s' (optimisation %s): %s %s\n", model, optimisation, whet_error_message(), text != NULL ? text : "");
    free(text);
    json_decref(doc);
    assert_ok(status);
    assert_true(ok);
}

static void test_interop(void **state)
{
    static const char *const levels[] = {"all", "basic", "off"};
    (void)state;
    need_litert();
    for (size_t n = 0; n < WHET_COUNT(nets); n++)
        for (size_t f = 0; f < WHET_COUNT(forms); f++) {
            char model[1024], input[1024], expected[1024];
            snprintf(model, sizeof model, "%s", shared("interop/keras/%s/%s.tflite", nets[n], forms[f].file));
            snprintf(input, sizeof input, "%s", shared("interop/keras/%s/%s.npy", nets[n], forms[f].input));
            snprintf(expected, sizeof expected, "%s", shared("interop/keras/%s/%s_output.npy", nets[n], forms[f].file));
            for (size_t l = 0; l < WHET_COUNT(levels); l++)
                if (l == 0 || n == 0) verify(model, input, expected, forms[f].accept, levels[l]);
        }
}

/* Inputs of zeros; the worker that has run the file once is given. */
static whet_worker *loaded(const char *path, const char *threads, whet_shared *memory, json_t **reply)
{
    assert_ok(whet_shared_create(memory, "test", 1 << 20));
    whet_worker *w = start(memory->fd);
    assert_ok(whet_worker_call(w, load_request(path, threads, NULL, NULL), 60, reply));
    const json_t *in = json_array_get(json_object_get(*reply, "inputs"), 0);
    const json_int_t bytes = json_integer_value(json_object_get(in, "bytes"));
    assert_true(bytes > 0 && bytes <= 1 << 20);
    assert_ok(whet_worker_call(w, json_pack("{ss, si, s[I]}", "do", "feed", "count", 1, "bytes", bytes), 20, NULL));
    return w;
}

/* The picture, resized to the input, into the shared memory: u8 or s8. */
static void put_picture(const char *path, const json_t *input, whet_shared *memory)
{
    const json_t *dims = json_object_get(input, "dims");
    whet_image img, small;
    assert_ok(whet_image_read(&img, path, 3));
    assert_ok(whet_image_resize(&small, &img, (int)json_integer_value(json_array_get(dims, 2)), (int)json_integer_value(json_array_get(dims, 1)),
                                WHET_RESIZE_PILLOW, WHET_FILTER_BILINEAR, 1));
    const bool s8 = json_integer_value(json_object_get(input, "dtype")) == 3;
    for (int i = 0; i < small.width * small.height * 3; i++) ((uint8_t *)memory->data)[i] = (uint8_t)(small.data[i] - (s8 ? 128 : 0));
    whet_image_dispose(&img);
    whet_image_dispose(&small);
}

/* The largest of 1,001 scores, u8 or s8. */
static int answer(whet_worker *w, const json_t *reply)
{
    const json_t *o = json_array_get(json_object_get(reply, "outputs"), 0);
    const json_int_t n = json_integer_value(json_object_get(o, "bytes"));
    const uint8_t *y = whet_worker_results(w, (uint64_t)json_integer_value(json_object_get(o, "offset")), (uint64_t)n);
    const int flip = json_integer_value(json_object_get(o, "dtype")) == 3 ? 128 : 0;
    int best = 0;
    assert_non_null(y);
    assert_int_equal(n, 1001);
    for (int i = 1; i < n; i++)
        if ((y[i] ^ flip) > (y[best] ^ flip)) best = i;
    return best;
}

static void test_coral(void **state)
{
    static const char *const pictures[] = {"cat", "bird", "sunflower", "grace_hopper"};
    static const struct { const char *file; int label[4]; } cases[] = {
        {"mobilenet_v1_0.25_128_quant", {286, 20, 986, 401}}, {"mobilenet_v2_1.0_224_quant", {286, 20, 986, 653}},
        {"tf2_mobilenet_v2_1.0_224_ptq", {286, 20, 986, 653}}, {"deeplabv3_mnv2_dm05_pascal_quant", {-1, -1, -1, -1}}};
    (void)state;
    need_litert();
    for (size_t i = 0; i < WHET_COUNT(cases); i++) {
        whet_shared memory;
        json_t *loads = NULL;
        whet_worker *w = loaded(shared("models/coral/%s%s.tflite", cases[i].file, ""), "2", &memory, &loads);
        for (size_t k = 0; k < WHET_COUNT(pictures); k++) {
            json_t *reply = NULL;
            put_picture(shared("models/coral/%s%s.bmp", pictures[k], ""), json_array_get(json_object_get(loads, "inputs"), 0), &memory);
            assert_ok(whet_worker_call(w, json_pack("{ss, si}", "do", "run", "sample", 0), 60, &reply));
            if (cases[i].label[k] >= 0) assert_int_equal(answer(w, reply), cases[i].label[k]);
            json_decref(reply);
        }
        json_decref(loads);
        whet_worker_free(w);
        whet_shared_free(&memory);
    }
}

/* Threads that used over 1 % of the time. */
static int busy_threads(const char *path, const char *threads)
{
    whet_shared memory;
    json_t *reply = NULL;
    int busy = 0;
    whet_worker *w = loaded(path, threads, &memory, &reply);
    json_decref(reply);
    reply = NULL;
    assert_ok(whet_worker_call(w, json_pack("{ss, si, si, si, si, si}", "do", "block", "runs", 60, "ns", 1000, "warm", 5, "start", 0, "group", 1), 60, &reply));
    const json_t *list = json_object_get(reply, "threads_ns"), *ns = NULL;
    size_t i = 0;
    json_array_foreach(list, i, ns)
        busy += json_number_value(ns) > 0.01 * json_number_value(json_object_get(reply, "wall_ns"));
    json_decref(reply);
    assert_ok(whet_worker_call(w, json_pack("{ss, ss}", "do", "query", "key", "threads"), 20, &reply));
    assert_int_equal(json_integer_value(json_object_get(json_object_get(reply, "json"), "intra_op")), atoi(threads));
    json_decref(reply);
    whet_worker_free(w);
    whet_shared_free(&memory);
    return busy;
}

static void test_threads(void **state)
{
    char path[1024];
    (void)state;
    need_litert();
    snprintf(path, sizeof path, "%s", shared("models/coral/%s%s.tflite", "mobilenet_v2_1.0_224_quant", ""));
    assert_int_equal(busy_threads(path, "1"), 1);
    assert_int_equal(busy_threads(path, "2"), 2);
}

static void test_settings(void **state)
{
    static const struct { const char *key, *value; whet_status want; const char *says; } cases[] = {
        {"optimisation", "all", WHET_OK, ""},      {"optimisation", "most", WHET_EINVAL, "must be off, basic or all"},
        {"precision", "default", WHET_OK, ""},     {"precision", "f32", WHET_OK, ""},
        {"precision", "bf16", WHET_EUNSUPPORTED, "bf16"}, {"denormals", "zero", WHET_OK, ""},
        {"denormals", "keep", WHET_EUNSUPPORTED, "denormals"}, {"arena", "on", WHET_OK, ""},
        {"arena", "off", WHET_EUNSUPPORTED, "arena"}, {"streams", "1", WHET_OK, ""}, {"streams", "3", WHET_EINVAL, "3 streams"},
        {"threads", "0", WHET_EINVAL, "from 1"}, {"nonsense", "1", WHET_EUNSUPPORTED, "nonsense"}};
    char path[1024];
    (void)state;
    need_litert();
    snprintf(path, sizeof path, "%s", shared("interop/keras/%s/%s.tflite", "convnet", "float32"));
    whet_worker *w = start(-1);
    for (size_t i = 0; i < WHET_COUNT(cases); i++) {
        assert_status(whet_worker_call(w, load_request(path, "2", cases[i].key, cases[i].value), 60, NULL), cases[i].want);
        if (cases[i].want != WHET_OK) assert_contains(whet_error_message(), cases[i].says);
    }
    whet_worker_free(w);
}

static json_t *ask(const char *path, const char *key)
{
    whet_shared memory;
    json_t *reply = NULL;
    whet_worker *w = loaded(path, "1", &memory, &reply);
    json_decref(reply);
    reply = NULL;
    assert_ok(whet_worker_call(w, json_pack("{ss, ss}", "do", "query", "key", key), 60, &reply));
    json_t *told = json_incref(json_object_get(reply, "json"));
    json_decref(reply);
    whet_worker_free(w);
    whet_shared_free(&memory);
    return told;
}

/* What was executed: every operator has a time, the delegate's share is told, and int8 files run in int8. */
static void test_query(void **state)
{
    static const struct { const char *file, *precision, *delegated; } cases[] = {{"float32", "f32", "all"}, {"int8", "int8", "in part"}}; /* softmax and mean of integers are LiteRT's own */
    (void)state;
    need_litert();
    for (size_t c = 0; c < WHET_COUNT(cases); c++) {
        char path[1024];
        int right = 0, matched = 0;
        snprintf(path, sizeof path, "%s", shared("interop/keras/%s/%s.tflite", "mobilenet", cases[c].file));
        json_t *told = ask(path, "executed_graph"), *node = NULL;
        size_t i = 0;
        assert_true(json_array_size(json_object_get(told, "nodes")) > 4);
        assert_true(json_integer_value(json_object_get(told, "file_operators")) > 4);
        json_array_foreach(json_object_get(told, "nodes"), i, node) {
            assert_true(json_string_length(json_object_get(node, "name")) > 0 && json_string_length(json_object_get(node, "type")) > 0);
            assert_true(json_number_value(json_object_get(node, "ms")) >= 0);
            matched += json_string_length(json_object_get(node, "origin")) > 0 && json_number_value(json_object_get(node, "constant_bytes")) > 0;
            right += strcmp(json_string_value(json_object_get(node, "precision")), cases[c].precision) == 0;
        }
        assert_true(right > 4);
        assert_true(matched >= 12); /* the file's 11 convolutions and its product */
        assert_string_equal(json_string_value(json_object_get(told, "delegated")), cases[c].delegated);
        json_decref(told);
        told = ask(path, "precision");
        assert_true(json_array_size(json_object_get(told, "shares")) >= 1);
        json_decref(told);
    }
}

/* Cut off and bit-flipped files: an answer each time, at worst that the worker crashed. */
static void test_damage(void **state)
{
    uint8_t *data = NULL;
    size_t size = 0;
    int refused = 0, crashed = 0, taken = 0;
    uint32_t seed = 12345;
    char *bad = whet_format("%s/bad.tflite", scratch);
    whet_worker *w = NULL;
    (void)state;
    need_litert();
    assert_ok(whet_file_read(&data, &size, shared("interop/keras/%s/%s.tflite", "convnet", "float32"), 1 << 20));
    for (int i = 0; i < 40; i++) {
        uint8_t *copy = whet_alloc(size);
        memcpy(copy, data, size);
        const size_t cut = i < 10 ? size * (size_t)i / 10 : size;
        for (int k = 0; i >= 10 && k < 6; k++) {
            seed = seed * 1664525 + 1013904223;
            copy[(seed >> 8) % (i % 2 == 0 ? 2000 : size)] ^= (uint8_t)(1u << (seed & 7));
        }
        assert_ok(whet_file_write(bad, copy, cut));
        whet_free(copy);
        if (w == NULL) w = start(-1);
        whet_error_clear();
        const whet_status status = whet_worker_call(w, load_request(bad, "1", NULL, NULL), 60, NULL);
        taken += status == WHET_OK;
        if (status == WHET_OK) continue;
        assert_true(whet_error_message()[0] != '\0');
        if (whet_worker_dead(w)) {
            crashed++;
            assert_contains(whet_error_message(), "crash");
            whet_worker_free(w);
            w = NULL;
        } else {
            refused++;
        }
    }
    whet_worker_free(w);
    whet_free(data);
    whet_free(bad);
    printf("of 40 damaged files LiteRT took %d, refused %d and crashed on %d\n", taken, refused, crashed);
    assert_true(refused + crashed >= 9);
}

/* Loading again and again in one process: what was closed is freed. */
static void test_frees(void **state)
{
    char path[1024];
    json_int_t before = 0, after = 0;
    (void)state;
    need_litert();
    snprintf(path, sizeof path, "%s", shared("models/coral/%s%s.tflite", "mobilenet_v1_0.25_128_quant", ""));
    whet_worker *w = start(-1);
    for (int i = 0; i < 30; i++) {
        json_t *reply = NULL;
        assert_ok(whet_worker_call(w, load_request(path, "1", NULL, NULL), 60, &reply));
        after = json_integer_value(json_object_get(reply, "base_rss"));
        if (i == 10) before = after;
        json_decref(reply);
    }
    assert_true(after - before < 4 << 20);
    whet_worker_free(w);
}

/* Another library than the one that the plug-in knows is refused before anything of it is called. */
static void test_version(void **state)
{
    json_t *reply = NULL;
    (void)state;
    need_litert();
    setenv("WHET_LITERT_LIBRARY", "/proc/self/exe", 1);
    whet_worker *w = start(-1);
    assert_ok(whet_worker_call(w, json_pack("{ss, ss}", "do", "probe", "runtime", "litert"), 60, &reply));
    unsetenv("WHET_LITERT_LIBRARY");
    assert_false(json_is_true(json_object_get(reply, "available")));
    assert_contains(json_string_value(json_object_get(reply, "reason")), "no LiteRT that this plug-in knows");
    json_decref(reply);
    whet_worker_free(w);
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "worker") == 0) return whet_worker_main();
    scratch = support_tmpdir();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_interop),  cmocka_unit_test(test_coral),  cmocka_unit_test(test_threads), cmocka_unit_test(test_settings),
        cmocka_unit_test(test_query),    cmocka_unit_test(test_damage), cmocka_unit_test(test_frees),   cmocka_unit_test(test_version),
    };
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    support_rmtree(scratch);
    return failed;
}
