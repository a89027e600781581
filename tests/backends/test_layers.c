/* SPDX-License-Identifier: Apache-2.0 */
/* Inner tensors of two files: graphs whose answer is known because they were made so. A wrong weight in a known layer is the first
 * that diverges, by names and by position; quantised tensors find their float ones; channels last is compared with channels first. */
#include <jansson.h>
#include <math.h>

#include "convert/convert.h"
#include "formats/onnx/onnx.h"
#include "measure/layer_list.h"
#include "measure/parity.h"
#include "measure/relay.h"
#include "measure/retype.h"
#include "measure/verify.h"
#include "measure/worker.h"
#include "models/models.h"
#include "support.h"

static char *scratch;

static char *in_scratch(const char *name) { return whet_format("%s/%s", scratch, name); }

/* --- files */
/* The n-th convolution of the graph. */
static whet_nid convolution(const whet_graph *g, int n)
{
    for (int i = 0; i < g->n_nodes; i++)
        if (whet_node_is(&g->nodes[i], "Conv") && n-- == 0) return i;
    fail();
    return WHET_NO_NODE;
}

static void spoil_weights(whet_graph *g, int n)
{
    whet_value *w = &g->values[g->nodes[convolution(g, n)].in[1]];
    whet_tensor copy;
    whet_tensor_init(&copy);
    assert_ok(whet_tensor_copy(&copy, &w->data));
    for (int64_t i = 0; i < whet_tensor_numel(&copy); i += 3) ((float *)copy.data)[i] *= -1.5f;
    whet_tensor_dispose(&w->data);
    w->data = copy;
}

/* resnet20 for 32 x 32, with the weights of convolution `wrong` spoiled (-1: none); the name of that node. */
static void write_resnet(const char *path, int wrong, bool other_names, char *node, size_t size)
{
    whet_graph *g = NULL;
    const whet_model_format *format = NULL;
    assert_ok(whet_model_build("resnet20", NULL, &g));
    if (wrong >= 0) {
        spoil_weights(g, wrong);
        snprintf(node, size, "%s", g->nodes[convolution(g, wrong)].name);
    }
    for (int v = 0; other_names && v < g->n_values; v++) {
        char name[32];
        snprintf(name, sizeof name, "t%d", v);
        if (g->values[v].kind == WHET_VALUE_RESULT) assert_ok(whet_graph_rename(g, v, name));
    }
    assert_ok(whet_format_for_writing(NULL, path, &format));
    assert_ok(whet_convert_graph(g, format, path, NULL, NULL));
    whet_graph_free(g);
}

static json_t *compare(const char *a, const char *b, const char *runtime, bool *ok)
{
    whet_verify_spec s = {.a = {a, runtime, "all"}, .b = {b, runtime, "off"}, .samples = 2, .layers = true, .split = WHET_SPLIT_VAL};
    json_t *doc = NULL;
    assert_ok(whet_verify_run(&doc, ok, &s));
    return doc;
}

static const json_t *layers_of(const json_t *doc) { return json_object_get(doc, "layers"); }
static int count(const json_t *o, const char *key) { return (int)json_integer_value(json_object_get(o, key)); }
static const char *text(const json_t *o, const char *key)
{
    const char *s = json_string_value(json_object_get(o, key));
    return s != NULL ? s : "";
}

/* The first that diverges is the convolution itself, and what feeds it agrees. */
static void check_first(const json_t *doc, const char *node)
{
    const json_t *first = json_object_get(layers_of(doc), "first"), *list = json_object_get(layers_of(doc), "list");
    assert_true(json_is_object(first));
    assert_string_equal(text(first, "node"), node);
    assert_string_equal(text(first, "op"), "Conv");
    assert_true(json_real_value(json_object_get(first, "error_before")) < 1e-5);
    assert_true(json_real_value(json_object_get(first, "error")) > 0.1);
    for (size_t i = 1; i < json_array_size(list); i++) /* sorted by error */
        assert_true(json_real_value(json_object_get(json_array_get(list, i), "error")) <= json_real_value(json_object_get(json_array_get(list, i - 1), "error")));
    assert_string_equal(text(json_array_get(json_object_get(layers_of(doc), "steps"), 0), "node"), node);
}

static void test_wrong_weight(void **state)
{
    char *good = in_scratch("good.onnx"), *bad = in_scratch("bad.onnx"), node[128] = "";
    bool ok = true;
    (void)state;
    write_resnet(good, -1, false, NULL, 0);
    json_t *doc = compare(good, good, "native", &ok);
    assert_true(ok);
    assert_true(json_is_null(json_object_get(layers_of(doc), "first")));
    assert_true(count(layers_of(doc), "compared") > 40);
    assert_int_equal(count(layers_of(doc), "diverged"), 0);
    json_decref(doc);
    for (int k = 0; k < 20; k += 6) {
        write_resnet(bad, k, false, node, sizeof node);
        doc = compare(bad, good, "native", &ok);
        assert_false(ok);
        if (k > 0) {
            check_first(doc, node);
        } else { /* fed by the input alone */
            assert_string_equal(text(json_object_get(layers_of(doc), "first"), "node"), node);
            assert_true(json_is_null(json_object_get(json_object_get(layers_of(doc), "first"), "error_before")));
        }
        json_decref(doc);
    }
    whet_free(good);
    whet_free(bad);
}

/* Other names, channels last: only shape and position are left, and the chain that holds the convolution is named. */
static void test_by_position(void **state)
{
    char *good = in_scratch("names.onnx"), *bad = in_scratch("nhwc.tflite"), node[128] = "";
    bool ok = true;
    (void)state;
    write_resnet(good, -1, true, NULL, 0);
    write_resnet(bad, 7, false, node, sizeof node);
    json_t *doc = compare(bad, good, "native", &ok);
    const json_t *rules = json_object_get(layers_of(doc), "rules"), *first = json_object_get(layers_of(doc), "first");
    assert_false(ok);
    assert_true(count(rules, "position and shape") >= 20);
    assert_true(json_real_value(json_object_get(first, "error_before")) < 1e-5);
    /* the chain ends behind the activation; before it come ten chains of the stem and three blocks, and the shortcut's */
    assert_string_equal(text(first, "op"), "Relu");
    assert_string_equal(text(first, "shape"), "1x32x16x16");
    assert_true(count(first, "position") >= 11 && count(first, "position") <= 13);
    json_decref(doc);
    write_resnet(bad, -1, false, NULL, 0);
    doc = compare(bad, good, "native", &ok);
    assert_true(ok);
    assert_int_equal(count(layers_of(doc), "diverged"), 0);
    json_decref(doc);
    whet_free(good);
    whet_free(bad);
}

static void test_on_ort(void **state)
{
    char *good = in_scratch("ort_good.onnx"), *bad = in_scratch("ort_bad.onnx"), node[128] = "";
    whet_verify_spec s = {.a = {bad, "ort", "all"}, .b = {good, "native", "off"}, .samples = 1, .layers = true, .split = WHET_SPLIT_VAL};
    json_t *doc = NULL;
    bool ok = true;
    (void)state;
    write_resnet(good, -1, false, NULL, 0);
    write_resnet(bad, 4, false, node, sizeof node);
    const whet_status status = whet_verify_run(&doc, &ok, &s);
    if (status == WHET_EUNAVAILABLE) support_skip("ort", "%s", whet_error_message());
    assert_ok(status);
    check_first(doc, node);
    json_decref(doc);
    whet_free(good);
    whet_free(bad);
}

/* --- matching alone */
static whet_vid constant(whet_graph *g, const char *name, int n, const int64_t *dims, float x)
{
    whet_tensor t;
    whet_vid v = WHET_NO_VALUE;
    whet_shape shape = whet_shape_of(n, dims);
    whet_tensor_init(&t);
    assert_ok(whet_tensor_alloc(&t, WHET_F32, &shape));
    for (int64_t i = 0; i < whet_tensor_numel(&t); i++) ((float *)t.data)[i] = x;
    assert_ok(whet_graph_const(g, name, &t, &v));
    whet_tensor_dispose(&t);
    return v;
}

static whet_vid node(whet_graph *g, const char *op, const char *name, const char *result, int n, const whet_vid *in)
{
    whet_vid out = WHET_NO_VALUE;
    assert_ok(whet_graph_node(g, op, name, n, in, 0, NULL, 1, &result, &out));
    return out;
}

static whet_vid quantised(whet_graph *g, whet_vid x, whet_vid scale, whet_vid zero, const char *q, const char *d)
{
    const whet_vid stored = node(g, "QuantizeLinear", q, q, 3, (const whet_vid[]){x, scale, zero});
    return node(g, "DequantizeLinear", d, d, 3, (const whet_vid[]){stored, scale, zero});
}

/* x -> conv1 -> relu -> conv2: in float; and quantised, where the relu is left to the range of the integers. */
static void write_pair(const char *path, bool quantise)
{
    whet_graph *g = NULL;
    whet_vid x = WHET_NO_VALUE, zero = WHET_NO_VALUE;
    const whet_shape in = WHET_SHAPE(1, 2, 4, 4);
    const whet_dims dims = whet_dims_of(&in);
    assert_ok(whet_graph_create(&g, "pair"));
    assert_ok(whet_graph_input(g, "x", WHET_F32, &dims, &x));
    assert_ok(whet_graph_const_like(g, WHET_U8, 0, &zero));
    const whet_vid scale = constant(g, "scale", 0, NULL, 0.1f);
    const whet_vid w1 = constant(g, "w1", 4, (const int64_t[]){3, 2, 1, 1}, 0.5f), w2 = constant(g, "w2", 4, (const int64_t[]){2, 3, 1, 1}, 0.25f);
    if (quantise) x = quantised(g, x, scale, zero, "x_quantized", "x_dq");
    whet_vid y = node(g, "Conv", "c1", "c1_out", 2, (const whet_vid[]){x, w1});
    y = quantise ? quantised(g, y, scale, zero, "c1_quantized", "c1_dq") : node(g, "Relu", "r1", "r1_out", 1, &y);
    y = node(g, "Conv", "c2", "c2_out", 2, (const whet_vid[]){y, w2});
    assert_ok(whet_graph_output(g, y));
    assert_ok(whet_onnx_write(g, path, NULL));
    whet_graph_free(g);
}

static const whet_layer *layer(const whet_layer_list *l, const char *name)
{
    for (size_t i = 0; i < l->n; i++)
        if (strcmp(l->v[i].name, name) == 0) return &l->v[i];
    return NULL;
}

static void test_quantised_names(void **state)
{
    char *f = in_scratch("float.onnx"), *q = in_scratch("quant.onnx");
    whet_layer_list a, b;
    const whet_shape in = WHET_SHAPE(1, 2, 4, 4);
    (void)state;
    write_pair(f, false);
    write_pair(q, true);
    assert_ok(whet_layer_list_read(&a, q, 1, &in));
    assert_ok(whet_layer_list_read(&b, f, 1, &in));
    assert_null(layer(&a, "c1_out")); /* reading it would undo the fusion to integers */
    assert_non_null(layer(&a, "c1_dq"));
    assert_ok(whet_layers_match(&a, &b));
    const whet_layer *x = layer(&a, "c1_dq");
    assert_true(x->pair >= 0 && x->rule == WHET_LAYER_QUANTISED);
    assert_string_equal(b.v[x->pair].name, "r1_out"); /* what was quantised has the name c1_out and the range of r1_out */
    assert_string_equal(x->node, "c1");
    assert_true(x->scale > 0.09f && x->scale < 0.11f && x->zero == 0);
    assert_int_equal(layer(&a, "c2_out")->rule, WHET_LAYER_NAME);
    whet_layer_list_dispose(&a);
    whet_layer_list_dispose(&b);
    whet_free(f);
    whet_free(q);
}

static void test_orders(void **state)
{
    const whet_shape nchw = WHET_SHAPE(1, 3, 8, 9), nhwc = WHET_SHAPE(1, 8, 9, 3), flat = WHET_SHAPE(3, 8, 9), other = WHET_SHAPE(1, 3, 9, 8);
    (void)state;
    assert_int_equal(whet_layer_order(&nchw, &nchw), 1);
    assert_int_equal(whet_layer_order(&nchw, &nhwc), 2);
    assert_int_equal(whet_layer_order(&nhwc, &nchw), 3);
    assert_int_equal(whet_layer_order(&nchw, &flat), 1);
    assert_int_equal(whet_layer_order(&nchw, &other), 0);
}

/* The same picture with its channels in the other place is the same; one that only has as many elements is not. */
static void test_turned_pictures(void **state)
{
    float first[24], last[24];
    const whet_tensor a = {.dtype = WHET_F32, .shape = WHET_SHAPE(1, 2, 3, 4), .data = first}, b = {.dtype = WHET_F32, .shape = WHET_SHAPE(1, 3, 4, 2), .data = last};
    const whet_tensor c = {.dtype = WHET_F32, .shape = WHET_SHAPE(1, 4, 3, 2), .data = last};
    whet_accept accept;
    whet_parity p;
    whet_tensor back;
    (void)state;
    for (int i = 0; i < 24; i++) {
        first[i] = (float)i;
        last[i % 12 * 2 + i / 12] = (float)i;
    }
    assert_ok(whet_accept_parse(&accept, "max=0"));
    whet_parity_init(&p);
    whet_parity_add(&p, &accept, &a, &b);
    whet_parity_add(&p, &accept, &b, &a);
    assert_true(p.ok && p.samples == 2);
    whet_tensor_init(&back);
    assert_ok(whet_relay_tensor(&back, &b, true));
    assert_memory_equal(back.data, first, sizeof first);
    whet_tensor_dispose(&back);
    whet_parity_add(&p, &accept, &a, &c);
    assert_false(p.ok);
}

/* Integers for a file that takes real numbers, and back; without a scale nothing is made up. */
static void test_retyped_pictures(void **state)
{
    int8_t bytes[3] = {-128, 0, 127};
    const whet_tensor t = {.dtype = WHET_S8, .shape = WHET_SHAPE(1, 3), .data = bytes};
    const whet_border scaled = {0.5, -128}, none = {0};
    json_t *real = json_pack("[{si}]", "dtype", whet_dtype_to_onnx(WHET_F32)), *byte = json_pack("[{si}]", "dtype", whet_dtype_to_onnx(WHET_S8));
    whet_samples s, f, back;
    whet_tensor x;
    (void)state;
    whet_samples_init(&s);
    assert_ok(whet_samples_take(&s, 1, &t));
    assert_ok(whet_retype_samples(&f, &s, real, &none, &none));
    assert_int_equal(f.count, 0);
    assert_ok(whet_retype_samples(&f, &s, byte, &scaled, &none));
    assert_int_equal(f.count, 0);
    assert_ok(whet_retype_samples(&f, &s, real, &scaled, &none));
    assert_int_equal(f.count, 1);
    assert_int_equal(f.in[0].bytes, 12);
    const float *y = f.memory.data;
    assert_true(y[0] == 0 && y[1] == 64 && y[2] == 127.5f);
    assert_ok(whet_retype_samples(&back, &f, byte, &none, &scaled));
    assert_memory_equal(back.memory.data, bytes, sizeof bytes);
    whet_samples_dispose(&back);
    json_object_set_new(json_array_get(byte, 0), "dtype", json_integer(whet_dtype_to_onnx(WHET_F16)));
    assert_ok(whet_retype_samples(&back, &f, byte, &none, &none));
    assert_int_equal(back.in[0].bytes, 6);
    assert_int_equal(((const uint16_t *)back.memory.data)[1], 0x5400); /* 64 */
    whet_tensor_init(&x);
    assert_ok(whet_retype_real(&x, &t, &scaled));
    assert_memory_equal(x.data, y, 3 * sizeof *y);
    whet_tensor_dispose(&x);
    whet_samples_dispose(&back);
    whet_samples_dispose(&f);
    whet_samples_dispose(&s);
    json_decref(real);
    json_decref(byte);
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "worker") == 0) return whet_worker_main();
    scratch = support_tmpdir();
    char *plugins = whet_format("%s/plugins", WHET_BINARY_DIR);
    setenv("WHET_PLUGINS", plugins, 0);
    whet_free(plugins);
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_orders), cmocka_unit_test(test_turned_pictures), cmocka_unit_test(test_retyped_pictures), cmocka_unit_test(test_quantised_names), cmocka_unit_test(test_wrong_weight),
                                       cmocka_unit_test(test_by_position), cmocka_unit_test(test_on_ort)};
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    support_rmtree(scratch);
    return failed;
}
