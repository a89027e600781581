/* SPDX-License-Identifier: Apache-2.0 */
/* What `explain` says of nodes whose answer is known: classes, shares, roofs, what stayed in float and why, and the sentences. */
#include <jansson.h>
#include <math.h>

#include "measure/explain.h"
#include "support.h"

/* 100 and 400 GOP/s; 10 GB/s near for up to 1 MB, 1 GB/s beyond. */
static const whet_roofline roof = {.threads = 1, .n_peaks = 3, .n_levels = 2,
    .peak = {{"f32", "avx2", {100, 100}}, {"int8", "avx2", {80, 80}}, {"int8", "avx512vnni", {400, 400}}},
    .level = {{"L2", 1e6, {10, 10}, {8, 8}}, {"memory", INFINITY, {1, 1}, {0.5, 0.5}}}};

static const char *str(const json_t *o, const char *key)
{
    const char *s = json_string_value(json_object_get(o, key));
    return s != NULL ? s : "";
}
static double num(const json_t *o, const char *key) { return json_number_value(json_object_get(o, key)); }

static bool says(const json_t *list, const char *part)
{
    const json_t *s = NULL;
    size_t i = 0;
    json_array_foreach(list, i, s) {
        if (strstr(json_string_value(s), part) != NULL) return true;
    }
    return false;
}
#define assert_says(list, part)                                                                                     \
    do {                                                                                                            \
        if (!says(list, part)) {                                                                                    \
            char *all = json_dumps(list, JSON_INDENT(1));                                                           \
            print_error("no sentence has '%s': %s\n", part, all);                                                   \
            free(all);                                                                                              \
            fail();                                                                                                 \
        }                                                                                                           \
    } while (0)

#define assert_near(x, want, bound)                                                                                 \
    do {                                                                                                            \
        const double near_x = (x), near_want = (want);                                                              \
        if (!(fabs(near_x - near_want) <= (bound))) {                                                               \
            print_error("%s is %.9g, not %.9g\n", #x, near_x, near_want);                                           \
            fail();                                                                                                 \
        }                                                                                                           \
    } while (0)

static void test_classes(void **state)
{
    static const struct { const char *type; double macs; whet_node_class kind; } cases[] = {
        {"Conv", 5, WHET_NODE_PRODUCT}, {"nchwc.Conv", 5, WHET_NODE_PRODUCT}, {"QLinearConv", 5, WHET_NODE_PRODUCT}, {"QLinearAdd", 0, WHET_NODE_OTHER},
        {"QLinearMatMul", 0, WHET_NODE_PRODUCT}, {"DequantizeLinear", 0, WHET_NODE_QUANTISE}, {"QuantizeLinear", 0, WHET_NODE_QUANTISE},
        {"DynamicQuantizeMatMul", 3, WHET_NODE_PRODUCT}, {"FakeQuantize", 0, WHET_NODE_QUANTISE}, {"Transpose", 0, WHET_NODE_LAYOUT},
        {"whet.Reorder", 0, WHET_NODE_LAYOUT}, {"ReorderOutput", 0, WHET_NODE_LAYOUT}, {"ConvTranspose", 5, WHET_NODE_PRODUCT},
        {"TRANSPOSE_CONV", 5, WHET_NODE_PRODUCT}, {"Convert", 0, WHET_NODE_CAST}, {"Cast", 0, WHET_NODE_CAST}, {"Convolution", 5, WHET_NODE_PRODUCT},
        {"CONV_2D", 5, WHET_NODE_PRODUCT}, {"FULLY_CONNECTED", 5, WHET_NODE_PRODUCT}, {"Softmax", 0, WHET_NODE_OTHER}, {"Delegate", 9, WHET_NODE_PRODUCT}};
    (void)state;
    for (size_t i = 0; i < WHET_COUNT(cases); i++)
        if (whet_node_class_of(cases[i].type, cases[i].macs) != cases[i].kind) {
            print_error("%s is taken for '%s'\n", cases[i].type, whet_node_class_name(whet_node_class_of(cases[i].type, cases[i].macs)));
            fail();
        }
}

static void test_bounds(void **state)
{
    (void)state;
    const whet_roof_work conv = {"f32", 50e6, 0, 1e5, 0}, fast = {"int8", 50e6, 0, 1e5, 0}, winograd = {"f32-winograd", 50e6, 0, 1e5, 0};
    assert_near(whet_roofline_bound(&roof, &conv).compute_ms, 1, 1e-9);
    assert_near(whet_roofline_bound(&roof, &conv).memory_ms, 0.01, 1e-9);
    assert_near(whet_roofline_bound(&roof, &fast).compute_ms, 0.25, 1e-9); /* by the best instruction */
    assert_near(whet_roofline_bound(&roof, &winograd).compute_ms, 0.25, 1e-9);
    const whet_roof_work copy = {"f32", 0, 0, 3e6, 0}, weights = {"f32", 0, 1e6, 0, 4e6};
    assert_near(whet_roofline_bound(&roof, &copy).memory_ms, 0.1 + 2, 1e-6);               /* 1 MB near, 2 MB far */
    assert_near(whet_roofline_bound(&roof, &weights).memory_ms, 0.25 * 0.1 + 0.75 * 1, 1e-6); /* a quarter of all constants is near */
}

/* A quantised file as a runtime executed it: one convolution in integers, one left in float between leftover nodes. */
static json_t *executed(void)
{
    return json_loads("[{\"name\":\"in_q\",\"type\":\"QuantizeLinear\",\"precision\":\"f32\",\"ms\":0.5,\"input_bytes\":400000,\"output_bytes\":100000},"
                      "{\"name\":\"fused_1\",\"type\":\"QLinearConv\",\"precision\":\"int8\",\"ms\":1.0,\"origin\":\"conv1\",\"input_bytes\":100000,\"output_bytes\":100000},"
                      "{\"name\":\"t1\",\"type\":\"Transpose\",\"precision\":\"int8\",\"ms\":0.25},"
                      "{\"name\":\"dq\",\"type\":\"DequantizeLinear\",\"precision\":\"int8\",\"ms\":0.25},"
                      "{\"name\":\"conv2\",\"type\":\"Conv\",\"precision\":\"f32\",\"ms\":2.0,\"origin\":\"conv2\",\"input_bytes\":100000,\"output_bytes\":100000},"
                      "{\"name\":\"t2\",\"type\":\"Transpose\",\"precision\":\"f32\",\"ms\":0.5},"
                      "{\"name\":\"act\",\"type\":\"Sigmoid\",\"precision\":\"f32\",\"ms\":0.5}]", 0, NULL);
}

static json_t *model_of(const json_t *nodes, const char *precision, double p50)
{
    json_t *macs = json_pack("{s{ss, sf}, s{ss, sf}}", "conv1", "node", "conv1", "macs", 30e6, "conv2", "node", "conv2", "macs", 50e6);
    json_t *m = whet_explain_nodes(nodes, macs, NULL, &roof);
    json_object_update_new(m, json_pack("{ss, ss, ss, ss, s{sf, sf, sf}}", "model", "net.onnx", "runtime", "ort", "title", "ONNX Runtime", "file_precision", precision,
                                        "latency", "p50", p50, "p25", p50 * 0.99, "p75", p50 * 1.01));
    json_decref(macs);
    return m;
}

static void test_sums(void **state)
{
    json_t *nodes = executed(), *m = model_of(nodes, "int8", 5);
    const json_t *classes = json_object_get(m, "classes"), *layout = json_object_get(classes, "layout"), *p = json_object_get(m, "precisions");
    (void)state;
    assert_near(num(m, "ms"), 5, 1e-9);
    assert_near(num(m, "macs"), 80e6, 1);
    assert_int_equal(num(layout, "nodes"), 2); /* the leftover Transposes */
    assert_near(num(layout, "share"), 0.15, 1e-9);
    assert_int_equal(num(json_object_get(layout, "types"), "Transpose"), 2);
    assert_int_equal(num(json_object_get(classes, "quantise"), "nodes"), 2);
    assert_near(num(json_object_get(classes, "quantise"), "ms"), 0.75, 1e-9);
    assert_string_equal(str(json_array_get(p, 0), "precision"), "f32");
    assert_near(num(json_array_get(p, 0), "share"), 0.625, 1e-9);
    assert_near(num(json_array_get(p, 1), "share"), 0.375, 1e-9);
    const json_t *conv2 = json_array_get(json_object_get(m, "nodes"), 4);
    assert_near(num(conv2, "compute_ms"), 1, 1e-9);
    assert_near(num(conv2, "of_roof"), 0.5, 1e-9);
    assert_string_equal(str(conv2, "roof"), "compute");
    assert_string_equal(str(json_array_get(json_object_get(m, "nodes"), 1), "label"), "conv1"); /* the file's name for it */
    json_t *words = whet_explain_words(m, &roof);
    assert_says(words, "62.5 % in f32, 37.5 % in int8");
    assert_says(words, "2 nodes do nothing but change the layout (2 Transpose): 15 % of the time");
    assert_says(words, "2 nodes do nothing but quantise or dequantise (1 QuantizeLinear, 1 DequantizeLinear)");
    assert_says(words, "'conv2' (Conv, f32): 40 % of the time; the compute roof would allow 1 ms, it reaches 50 %");
    assert_says(words, "0.8 by avx2, 4 by avx512vnni");
    json_decref(words);
    json_decref(nodes);
    json_decref(m);
}

/* A product under the name of its activation; none named at all, but as many as the file has. */
static void test_work_of_the_file(void **state)
{
    json_t *file = json_loads("{\"c1\":{\"node\":\"c1\",\"macs\":10,\"constant\":6,\"input\":20,\"output\":30,\"reads\":\"\"},"
                              "\"r1\":{\"node\":\"r1\",\"macs\":0,\"constant\":0,\"input\":30,\"output\":30,\"reads\":\"c1\"},"
                              "\"c2\":{\"node\":\"c2\",\"macs\":7,\"constant\":1,\"input\":2,\"output\":3,\"reads\":\"r1\"}}", 0, NULL);
    json_t *order = json_pack("[O, O]", json_object_get(file, "c1"), json_object_get(file, "c2"));
    json_t *named = json_loads("[{\"name\":\"x\",\"type\":\"Conv\",\"origin\":\"r1\",\"precision\":\"int8\",\"ms\":1},"
                               "{\"name\":\"c1\",\"type\":\"Conv\",\"precision\":\"f32\",\"ms\":1}]", 0, NULL);
    json_t *nameless = json_loads("[{\"name\":\"k\",\"type\":\"Fully Connected\",\"precision\":\"f32\",\"ms\":1},{\"name\":\"k\",\"type\":\"Add\",\"ms\":1},"
                                  "{\"name\":\"k\",\"type\":\"Convolution\",\"precision\":\"f16\",\"ms\":1}]", 0, NULL);
    (void)state;
    json_t *m = whet_explain_nodes(named, file, order, &roof);
    const json_t *x = json_array_get(json_object_get(m, "nodes"), 0);
    assert_near(num(x, "macs"), 10, 0);
    assert_near(num(x, "input_bytes"), 20, 0);
    assert_near(num(m, "macs"), 10, 0); /* given once */
    assert_true(json_is_false(json_object_get(m, "matched_by_order")));
    json_decref(m);
    m = whet_explain_nodes(nameless, file, order, &roof);
    assert_true(json_is_true(json_object_get(m, "matched_by_order")));
    assert_near(num(json_array_get(json_object_get(m, "nodes"), 0), "macs"), 10, 0);
    assert_near(num(json_array_get(json_object_get(m, "nodes"), 2), "macs"), 7, 0);
    assert_near(num(json_array_get(json_object_get(m, "nodes"), 2), "output_bytes"), 6, 0);
    assert_string_equal(str(json_array_get(json_object_get(m, "nodes"), 2), "label"), "c2");
    json_decref(m);
    json_decref(named);
    json_decref(nameless);
    json_decref(order);
    json_decref(file);
}

/* Names of its own for some, an attention among them: as many as the file has left, in its order. No more than the file has. */
static void test_rest_by_order(void **state)
{
    json_t *file = json_loads("{\"c1\":{\"node\":\"c1\",\"macs\":10,\"reads\":\"\"},\"qk\":{\"node\":\"qk\",\"macs\":3,\"reads\":\"\"},"
                              "\"av\":{\"node\":\"av\",\"macs\":4,\"reads\":\"\"},\"fc\":{\"node\":\"fc\",\"macs\":7,\"reads\":\"\"}}", 0, NULL);
    json_t *order = json_pack("[O, O, O, O]", json_object_get(file, "c1"), json_object_get(file, "qk"), json_object_get(file, "av"), json_object_get(file, "fc"));
    json_t *nodes = json_loads("[{\"name\":\"c1\",\"type\":\"Conv\",\"precision\":\"f32\",\"macs\":12,\"ms\":1},"
                               "{\"name\":\"s\",\"type\":\"aten::scaled_dot_product_attention\",\"precision\":\"f32\",\"ms\":1},"
                               "{\"name\":\"m\",\"type\":\"aten::matmul\",\"precision\":\"f32\",\"ms\":1}]", 0, NULL);
    (void)state;
    json_t *m = whet_explain_nodes(nodes, file, order, &roof);
    assert_near(num(json_array_get(json_object_get(m, "nodes"), 0), "macs"), 10, 0); /* the file's, not those of padded channels */
    assert_near(num(json_array_get(json_object_get(m, "nodes"), 1), "macs"), 7, 0);
    assert_near(num(json_array_get(json_object_get(m, "nodes"), 2), "macs"), 7, 0);
    assert_string_equal(str(json_array_get(json_object_get(m, "nodes"), 2), "label"), "fc");
    assert_near(num(m, "macs"), 24, 0);
    assert_int_equal(num(m, "matched_nodes"), 2);
    json_decref(m);
    json_object_set_new(json_array_get(nodes, 1), "type", json_string("aten::matmul")); /* two for three: which is which is not known */
    m = whet_explain_nodes(nodes, file, order, &roof);
    assert_int_equal(num(m, "matched_nodes"), 0);
    assert_near(num(m, "macs"), 10, 0);
    json_decref(m);
    json_decref(nodes);
    json_decref(order);
    json_decref(file);
}

/* "1e+02 %" is no figure, and nothing is faster than its roof without a reason. */
static void test_over_the_roof(void **state)
{
    char text[WHET_PERCENT_TEXT];
    (void)state;
    assert_string_equal(whet_explain_percent(text, 0.9999), "100");
    assert_string_equal(whet_explain_percent(text, 1.716), "172");
    assert_string_equal(whet_explain_percent(text, 0.0456), "4.6");
    json_t *nodes = json_loads("[{\"name\":\"conv1\",\"type\":\"Conv\",\"precision\":\"f32\",\"ms\":0.3},"
                               "{\"name\":\"act\",\"type\":\"Sigmoid\",\"precision\":\"f32\",\"ms\":0.7}]", 0, NULL);
    json_t *m = model_of(nodes, "f32", 1), *words = whet_explain_words(m, &roof);
    assert_says(words, "1 node comes out above the roof (most 'conv1', 200 %), which cannot be: the runtime does less arithmetic");
    json_decref(words);
    json_object_set_new(m, "profile_ms", json_real(5));
    words = whet_explain_words(m, &roof);
    assert_says(words, "which cannot be: the profile slowed the nodes unevenly");
    json_decref(words);
    json_object_set_new(m, "profile_ms", json_real(0.5));
    words = whet_explain_words(m, &roof);
    assert_says(words, "The profile adds up to 0.5 ms, the latency without it is 1 ms: the rest is spent between the nodes");
    json_decref(words);
    json_object_set_new(json_array_get(json_object_get(m, "nodes"), 1), "label", json_string("net/relu/Relu6;net/conv/batch_norm/FusedBatchNormV3;net/conv/Conv2D;"
                                                                                            "net/conv/BiasAdd;net/more/of/the/same"));
    words = whet_explain_words(m, &roof);
    assert_says(words, "The slowest node is 'net/relu/Relu6;...' (Sigmoid");
    json_decref(words);
    json_decref(m);
    json_decref(nodes);
}

/* Few bits in the file alone; integers of 16 bits are no floats. */
static void test_storage_only(void **state)
{
    json_t *nodes = json_loads("[{\"name\":\"conv1\",\"type\":\"Conv\",\"precision\":\"f32\",\"ms\":2},{\"name\":\"conv2\",\"type\":\"Conv\",\"precision\":\"f32\",\"ms\":2}]", 0, NULL);
    json_t *m = model_of(nodes, "fp16", 4), *words = whet_explain_words(m, &roof);
    (void)state;
    assert_says(words, "The file is stored in fp16, but ONNX Runtime computes its convolutions and products in f32: 16 bits save size here, not time.");
    json_decref(words);
    json_object_set_new(m, "file_precision", json_string("int8"));
    words = whet_explain_words(m, &roof);
    assert_says(words, "The file is quantised, but ONNX Runtime computes its convolutions and products in f32: int8 saves size here, not time.");
    json_decref(words);
    json_decref(m);
    for (int i = 0; i < 2; i++) json_object_set_new(json_array_get(nodes, (size_t)i), "precision", json_string(i == 0 ? "int16x8" : "f16"));
    m = model_of(nodes, "int8", 4);
    json_object_set_new(m, "left_in_float", json_pack("[{ss, ss, ss}, {ss, ss, ss}, {ss, ss, ss}]", "node", "a", "op", "Conv", "why", "one", "node", "b", "op", "Conv",
                                                      "why", "other", "node", "c", "op", "Conv", "why", "one"));
    words = whet_explain_words(m, &roof);
    assert_false(says(words, "saves size"));
    assert_says(words, "3 convolutions or products stayed in float; for 2 of them (first 'a'): one; for 1 of them (first 'b'): other.");
    json_decref(words);
    json_object_set_new(m, "left_in_float", json_pack("[{ss, ss, ss}, {ss, ss, ss}]", "node", "a", "op", "Conv", "why", "one", "node", "b", "op", "Conv", "why", "one"));
    words = whet_explain_words(m, &roof);
    assert_says(words, "2 convolutions or products stayed in float (the first is 'a'), of each: one.");
    json_decref(words);
    json_decref(m);
    json_decref(nodes);
}

static void test_against(void **state)
{
    json_t *nodes = executed(), *a = model_of(nodes, "int8", 5);
    json_t *plain = json_loads("[{\"name\":\"conv1\",\"type\":\"Conv\",\"precision\":\"f32\",\"ms\":1.0,\"origin\":\"conv1\"},"
                               "{\"name\":\"conv2\",\"type\":\"Conv\",\"precision\":\"f32\",\"ms\":1.5,\"origin\":\"conv2\"},"
                               "{\"name\":\"act\",\"type\":\"Sigmoid\",\"precision\":\"f32\",\"ms\":0.5}]", 0, NULL);
    json_t *b = model_of(plain, "f32", 3), *words = whet_explain_against(a, b, &roof);
    (void)state;
    assert_says(words, "int8 is 1.67 times as slow here (5 ms against 3 ms) because:");
    assert_says(words, "- quantising and dequantising take 0.75 ms against 0 ms");
    assert_says(words, "- changes of layout take 0.75 ms against 0 ms");
    assert_says(words, "- convolutions and products take 3 ms against 2.5 ms");
    assert_says(words, "Only 38 % of the multiply-adds of 'net.onnx' run in int8");
    assert_says(words, "No int8 file can be more than 4 times as fast here");
    json_decref(words);
    words = whet_explain_against(b, a, &roof);
    assert_says(words, "f32 is 1.67 times as fast here");
    json_decref(words);
    json_object_set_new(json_object_get(json_object_get(b, "classes"), "other"), "ms", json_real(1)); /* what is better in the slower one */
    words = whet_explain_against(a, b, &roof);
    assert_says(words, "Against that, all other nodes take 0.5 ms against 1 ms (most of it Sigmoid");
    json_decref(words);
    json_object_set_new(a, "batch", json_integer(2));
    json_object_set_new(b, "batch", json_integer(1));
    words = whet_explain_against(a, b, &roof);
    assert_says(words, "takes 2 inputs at once, 'net.onnx' 1: 5 ms and 3 ms cannot be compared");
    assert_int_equal(json_array_size(words), 1);
    json_decref(words);
    json_decref(a);
    json_decref(b);
    json_decref(nodes);
    json_decref(plain);
}

/* --- why something stayed in float */
static whet_vid node(whet_graph *g, const char *op, const char *name, int n, const whet_vid *in)
{
    whet_vid out = WHET_NO_VALUE;
    assert_ok(whet_graph_node(g, op, name, n, in, 0, NULL, 1, NULL, &out));
    return out;
}

static whet_vid weights(whet_graph *g, whet_vid scale, whet_vid zero, const char *name, bool quantise)
{
    whet_tensor t;
    whet_vid v = WHET_NO_VALUE;
    const whet_shape shape = WHET_SHAPE(2, 2, 1, 1);
    whet_tensor_init(&t);
    assert_ok(whet_tensor_alloc(&t, quantise ? WHET_S8 : WHET_F32, &shape));
    assert_ok(whet_graph_const(g, name, &t, &v));
    whet_tensor_dispose(&t);
    return quantise ? node(g, "DequantizeLinear", NULL, 3, (const whet_vid[]){v, scale, zero}) : v;
}

static void test_left_in_float(void **state)
{
    whet_graph *g = NULL;
    whet_vid x = 0, s = 0, z = 0, zs = 0;
    const whet_shape in = WHET_SHAPE(1, 2, 4, 4);
    const whet_dims dims = whet_dims_of(&in);
    (void)state;
    assert_ok(whet_graph_create(&g, "left"));
    assert_ok(whet_graph_input(g, "x", WHET_F32, &dims, &x));
    assert_ok(whet_graph_const_f32(g, "s", 0.1f, &s));
    assert_ok(whet_graph_const_like(g, WHET_U8, 0, &z));
    assert_ok(whet_graph_const_like(g, WHET_S8, 0, &zs));
    const whet_vid q = node(g, "QuantizeLinear", NULL, 3, (const whet_vid[]){x, s, z}), d = node(g, "DequantizeLinear", NULL, 3, (const whet_vid[]){q, s, z});
    whet_vid y = node(g, "Conv", "activated", 2, (const whet_vid[]){d, weights(g, s, zs, "w1", true)});
    y = node(g, "Sigmoid", NULL, 1, &y);
    y = node(g, "Conv", "unquantised", 2, (const whet_vid[]){y, weights(g, s, zs, "w2", false)});
    y = node(g, "Conv", "half", 2, (const whet_vid[]){y, weights(g, s, zs, "w3", true)});
    const whet_vid fine = node(g, "Conv", "fine", 2, (const whet_vid[]){d, weights(g, s, zs, "w4", true)});
    const whet_vid qf = node(g, "QuantizeLinear", NULL, 3, (const whet_vid[]){fine, s, z}), df = node(g, "DequantizeLinear", NULL, 3, (const whet_vid[]){qf, s, z});
    assert_ok(whet_graph_output(g, y));
    assert_ok(whet_graph_output(g, df));
    json_t *nodes = json_loads("[{\"name\":\"activated\",\"type\":\"Conv\",\"precision\":\"f32\",\"macs\":1},{\"name\":\"unquantised\",\"precision\":\"f32\",\"macs\":1},"
                               "{\"name\":\"x1\",\"origin\":\"half\",\"precision\":\"f32\",\"macs\":1},{\"name\":\"fine\",\"precision\":\"int16x8\",\"macs\":1}]", 0, NULL);
    json_t *left = whet_explain_left_in_float(g, nodes);
    assert_int_equal(json_array_size(left), 3);
    assert_string_equal(str(json_array_get(left, 0), "why"), "its result goes to Sigmoid in float before it is quantised");
    assert_string_equal(str(json_array_get(left, 1), "why"), "the file does not quantise it");
    assert_string_equal(str(json_array_get(left, 2), "why"), "its input is not quantised in the file");
    json_decref(left);
    json_object_set_new(json_array_get(nodes, 3), "precision", json_string("f32"));
    left = whet_explain_left_in_float(g, nodes);
    assert_string_equal(str(json_array_get(left, 3), "why"), "the file quantises it on all sides, the runtime has no integer form of it");
    json_decref(left);
    json_decref(nodes);
    whet_graph_free(g);
}

/* What is measured is in order: more threads and better instructions are not slower by much, nearer bytes not either. */
static void test_measured(void **state)
{
    whet_roofline *r = whet_calloc(1, sizeof *r);
    (void)state;
    assert_ok(whet_roofline_measure(r, 1, true));
    assert_true(r->n_peaks >= 1 && r->n_levels >= 2);
    for (int i = 0; i < r->n_peaks; i++) assert_true(r->peak[i].gops[0] > 0.05 && r->peak[i].gops[0] < 1e6);
    for (int i = 0; i < r->n_levels; i++) assert_true(r->level[i].read[0] > 0.01 && r->level[i].read[0] < 1e5 && r->level[i].copy[1] > 0.01);
    const whet_roof_peak *f32 = whet_roofline_peak(r, "f32");
    assert_non_null(f32);
    assert_null(whet_roofline_peak(r, "f64"));
    json_t *doc = whet_roofline_json(r);
    assert_true(json_is_null(json_object_get(json_array_get(json_object_get(doc, "levels"), (size_t)r->n_levels - 1), "bytes")));
    json_decref(doc);
    whet_free(r);
}

/* A machine that was busy while its roofs were measured: said, and no share stands as a fact. */
static void test_busy_machine(void **state)
{
    whet_roofline r = roof;
    (void)state;
    r.cpu_share = 1;
    whet_roofline_judge(&r, 3e6, 5.8e6, 2, 3.1e6); /* nobody in the way of two threads */
    assert_false(r.unsure);
    whet_roofline_judge(&r, 3e6, 2.4e6, 2, 3.1e6); /* they had 40 % of their time */
    assert_true(r.unsure);
    json_t *doc = whet_roofline_json(&r);
    assert_string_equal(str(doc, "unsure_text"), "roofs unsure: the machine was busy (CPU time was 40 % of wall time)");
    json_decref(doc);
    json_t *nodes = json_loads("[{\"name\": \"a\", \"type\": \"Conv\", \"ms\": 1.0, \"share\": 1.0, \"precision\": \"f32\", \"macs\": 1e6, \"class\": \"product\", "
                               "\"of_roof\": 0.02, \"roof\": \"compute\", \"compute_ms\": 0.02, \"memory_ms\": 0.01, \"label\": \"a\"}]", 0, NULL);
    json_t *model = json_pack("{ss, ss, sf, sf, so, s{sf, sf, sf, sf}}", "title", "ORT", "runtime", "ort", "ms", 1.0, "macs", 1e6, "nodes", nodes, "roof", "of_roof", 0.02,
                              "least_ms", 0.02, "compute_share", 1.0, "memory_share", 0.0);
    json_t *words = whet_explain_words(model, &r);
    assert_says(words, "roofs unsure: the machine was busy (CPU time was 40 % of wall time)");
    assert_says(words, "it reaches 2 % (unsure)");
    assert_says(words, "All nodes together reach 2 % (unsure) of what");
    json_decref(words);
    r = roof;
    r.cpu_share = 1;
    whet_roofline_judge(&r, 3e6, 5.8e6, 2, 6e6); /* one look alone was good */
    assert_true(r.unsure);
    words = whet_explain_words(model, &roof);
    assert_false(says(words, "unsure"));
    json_decref(words);
    json_decref(model);
}

/* LiteRT's own kernels have an origin, the name of their result, as XNNPACK's have: who ran a node is "by". */
static void test_delegated(void **state)
{
    json_t *nodes = json_loads("[{\"name\":\"operator 1\",\"type\":\"SHAPE\",\"ms\":0.1,\"share\":0.25,\"by\":\"LiteRT's kernel\",\"origin\":\"reshape/Shape\"},"
                               "{\"name\":\"conv\",\"type\":\"Convolution\",\"ms\":0.3,\"share\":0.75,\"by\":\"XNNPACK\",\"origin\":\"conv\"}]", 0, NULL);
    json_t *model = json_pack("{ss, ss, sf, sf, sO}", "title", "LiteRT", "runtime", "litert", "ms", 0.4, "macs", 1e6, "nodes", nodes);
    (void)state;
    json_t *words = whet_explain_words(model, &roof);
    assert_says(words, "1 of 2 nodes, 75 % of the time, was delegated to XNNPACK; the other runs in LiteRT's own kernels: 1 SHAPE.");
    json_decref(words);
    json_object_set_new(json_array_get(nodes, 1), "by", json_string("LiteRT's reference kernel"));
    words = whet_explain_words(model, &roof);
    assert_says(words, "No node was delegated: all 2 run in LiteRT's own kernels.");
    json_decref(words);
    json_object_set_new(json_array_get(nodes, 0), "by", json_string("XNNPACK"));
    json_object_set_new(json_array_get(nodes, 1), "by", json_string("XNNPACK"));
    words = whet_explain_words(model, &roof);
    assert_says(words, "All 2 nodes were delegated to XNNPACK.");
    json_decref(words);
    json_decref(model);
    json_decref(nodes);
}

/* Every share of a roof or a peak is of the times that are printed, and of a peak that the machine's list has. */
static void test_one_time_base(void **state)
{
    json_t *nodes = json_loads("[{\"name\":\"conv1\",\"type\":\"Conv\",\"precision\":\"f32-winograd\",\"ms\":4.0},"
                               "{\"name\":\"act\",\"type\":\"Sigmoid\",\"precision\":\"f32\",\"ms\":1.0}]", 0, NULL), *other = json_deep_copy(nodes);
    (void)state;
    json_object_set_new(json_array_get(other, 0), "precision", json_string("f32"));
    assert_near(whet_explain_scale(nodes, 2.5), 5, 1e-9); /* the profile doubled the time */
    assert_near(num(json_array_get(nodes, 0), "ms"), 2, 1e-9);
    assert_near(num(json_array_get(nodes, 0), "profile_ms"), 4, 1e-9);
    assert_near(whet_explain_scale(other, 5), 5, 1e-9);
    json_t *a = model_of(nodes, "f32", 2.5), *b = model_of(other, "f32", 5);
    const json_t *conv = json_array_get(json_object_get(a, "nodes"), 0);
    assert_near(num(conv, "of_roof"), 0.15 / 2, 1e-9); /* 60e6 / 4 operations at 100 GOP/s in 2 ms */
    json_t *words = whet_explain_against(a, b, &roof);
    assert_says(words, "- convolutions and products take 2 ms against 4 ms (at 7.5 % of the peak of f32 avx2, Winograd's sums counted a quarter, "
                       "against 15 % of the peak of f32 avx2)");
    assert_says(words, "- all other nodes take 0.5 ms against 1 ms (most of it Sigmoid, 1 ms)");
    json_decref(words);
    json_object_set_new(a, "profile_ms", json_real(5));
    words = whet_explain_words(a, &roof);
    assert_says(words, "the compute roof would allow 0.15 ms, it reaches 7.5 %");
    assert_says(words, "The profile adds up to 5 ms, the latency without it is 2.5 ms");
    json_decref(words);
    json_decref(a);
    json_decref(b);
    json_decref(nodes);
    json_decref(other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_busy_machine), cmocka_unit_test(test_classes), cmocka_unit_test(test_bounds), cmocka_unit_test(test_sums), cmocka_unit_test(test_work_of_the_file), cmocka_unit_test(test_rest_by_order), cmocka_unit_test(test_over_the_roof), cmocka_unit_test(test_storage_only), cmocka_unit_test(test_against), cmocka_unit_test(test_one_time_base), cmocka_unit_test(test_delegated),
                                       cmocka_unit_test(test_left_in_float), cmocka_unit_test(test_measured)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
