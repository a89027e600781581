/* SPDX-License-Identifier: Apache-2.0 */
/* What the TensorFlow reader refuses, each with its own message; damage at every offset and in every byte; graphs made to hurt. */
#include "formats/tensorflow/tensorflow.h"
#include "ir/graph.h"
#include "tf_maker.h"

static const int64_t image[4] = {1, 4, 4, 2}, kernel[4] = {1, 1, 2, 3}, ones[4] = {1, 1, 1, 1};
static const float weights[6] = {1, 2, 3, 4, 5, 6};

static void refused(whet_status want, const char *text, const char *node)
{
    whet_graph *g = NULL;
    uint8_t *data = NULL;
    size_t size = 0;
    tfm_bytes(0, &data, &size);
    assert_status(whet_tf_graph_read_mem(&g, data, size, "t.pb", NULL), want);
    assert_null(g);
    assert_contains(whet_error_last()->text, text);
    assert_string_equal(whet_error_last()->file, "t.pb");
    if (node) assert_string_equal(whet_error_last()->node, node);
    whet_free(data);
}

static void saved_refused(tfm_model *s, whet_status want, const char *text)
{
    whet_graph *g = NULL;
    uint8_t *data = NULL;
    size_t size = 0;
    assert_ok(whet_pb_encode_mem(&tf_saved_model_message, &s->m, &data, &size));
    assert_status(whet_tf_saved_model_read_mem(&g, data, size, NULL, 0, NULL, 0, "saved_model.pb", NULL), want);
    assert_null(g);
    assert_contains(whet_error_last()->text, text);
    whet_free(data);
}

static tf_node *conv_net(void)
{
    tfm_start();
    tfm_input("in", TF_FLOAT, 4, image);
    tfm_floats("w", 4, kernel, 6, weights);
    tf_node *n = tfm_add("Conv2D", "conv", "in", "w", NULL);
    tfm_list(n, "strides", 4, ones);
    tfm_text(n, "padding", "SAME");
    return n;
}

static void operators(void **state)
{
    (void)state;
    static const struct { const char *op, *text; } ops[] = {
        {"Foo", "operator 'Foo' is not handled; cut the graph in front of it (--cut-output), or export without it"},
        {"Reluu", "did you mean 'Relu'?"},
        {"StatelessWhile", "operator 'StatelessWhile' is not handled; export the network without loops"},
        {"If", "operator 'If' is not handled; export the network without branches"},
        {"NonMaxSuppressionV5", "cut the graph in front of it (--cut-output)"},
        {"DecodeJpeg", "cut the graph behind it (--cut-input)"},
        {"Switch", "freeze the graph for inference"}};
    for (size_t i = 0; i < sizeof(ops) / sizeof(*ops); i++) {
        tfm_start();
        tfm_input("in", TF_FLOAT, 4, image);
        tfm_add(ops[i].op, "bad", "in", NULL, NULL);
        refused(WHET_EUNSUPPORTED, ops[i].text, "bad");
    }
}

static void attributes(void **state)
{
    (void)state;
    static const int64_t bad[4] = {2, 1, 1, 1};
    tf_node *n = conv_net();
    tfm_text(n, "data_format", "NDHWC");
    refused(WHET_EUNSUPPORTED, "data_format 'NDHWC' is not handled", "conv");
    n = conv_net();
    n->attr.n--;
    refused(WHET_EFORMAT, "attribute 'padding' is missing or unknown", "conv");
    n = conv_net();
    n->attr.n = 0;
    tfm_list(n, "strides", 4, bad);
    tfm_text(n, "padding", "SAME");
    refused(WHET_EUNSUPPORTED, "attribute 'strides' over images or channels is not handled", "conv");
    n = conv_net();
    n->input.n = 1;
    refused(WHET_EFORMAT, "1 inputs are given, 2 are needed", "conv");
    conv_net();
    tfm_floats("p", 1, (const int64_t[]){3}, 3, weights);
    n = tfm_add("FusedBatchNormV3", "bn", "conv", "p", "p");
    n->input.n = 3;
    refused(WHET_EFORMAT, "3 inputs are given, 5 are needed", "bn");
}

static void shape_of_graph(void **state)
{
    (void)state;
    tfm_start();
    tfm_add("Relu", "a", "b", NULL, NULL);
    tfm_add("Relu", "b", "a", NULL, NULL);
    tfm_add("Neg", "c", "b", NULL, NULL);
    refused(WHET_EFORMAT, "the nodes form a cycle", NULL);
    tfm_start();
    tfm_input("in", TF_FLOAT, 4, image);
    tfm_add("Relu", "in", "in", NULL, NULL);
    refused(WHET_EFORMAT, "two nodes have the same name", "in");
    tfm_start();
    tfm_add("Relu", "a", "nowhere:0", NULL, NULL);
    refused(WHET_EFORMAT, "input 'nowhere:0' is no node of the graph", "a");
    tfm_start();
    tfm_input("in", TF_FLOAT, 4, image);
    tfm_add("Relu", "a", "in:7", NULL, NULL);
    refused(WHET_EFORMAT, "input 'in:7' is an output that its node does not have", "a");
    tfm_start();
    tfm_input("in", TF_FLOAT, 4, image);
    refused(WHET_EFORMAT, "the graph has no output", NULL);
    tfm_start();
    tfm_input("in", TF_STRING, 1, image);
    tfm_add("Relu", "a", "in", NULL, NULL);
    refused(WHET_EUNSUPPORTED, "input 'in' is string; cut the network where pictures are decoded", "in");
    tfm_start();
    tfm_add("VarHandleOp", "v", NULL, NULL, NULL);
    tfm_add("ReadVariableOp", "read", "v", NULL, NULL);
    refused(WHET_EUNSUPPORTED, "freeze the graph, or give the SavedModel's folder", "v");
}

static void constants(void **state)
{
    (void)state;
    static const int64_t big[2] = {1 << 14, 1 << 14}, huge[4] = {1 << 20, 1 << 20, 1 << 20, 1}, two[1] = {2}, minus[1] = {-2};
    tfm_start();
    tfm_floats("c", 2, big, 1, weights);
    tfm_add("Relu", "a", "c", NULL, NULL);
    refused(WHET_ENOMEM, "constants repeat single values to more than 4 times the file and 64 MB", "c");
    tfm_start();
    tfm_floats("c", 4, huge, 1, weights);
    tfm_add("Relu", "a", "c", NULL, NULL);
    refused(WHET_ENOMEM, "", "c");
    tfm_start();
    tfm_floats("c", 1, minus, 1, weights);
    tfm_add("Relu", "a", "c", NULL, NULL);
    refused(WHET_EFORMAT, "dimension 0 of a constant is negative", "c");
    tfm_start();
    tfm_floats("c", 1, two, 6, weights);
    tfm_add("Relu", "a", "c", NULL, NULL);
    refused(WHET_EFORMAT, "a constant has 6 numbers, its shape needs 2", "c");
    tfm_start();
    tfm_floats("c", 1, two, 0, weights)->content = (whet_pb_bytes){(const uint8_t *)weights, 4};
    tfm_add("Relu", "a", "c", NULL, NULL);
    refused(WHET_EFORMAT, "a constant has 4 bytes, its shape needs 8", "c");
    tfm_start();
    tfm_const("c", TF_COMPLEX64, 1, two);
    tfm_add("Relu", "a", "c", NULL, NULL);
    refused(WHET_EUNSUPPORTED, "a constant of type complex64 is not handled", "c");
}

static void functions(void **state)
{
    (void)state;
    char names[24][16];
    tfm_start(); /* f calls f */
    tfm_call("again", "f", "x");
    tfm_function("f", 0, "again:output:0");
    tfm_input("in", TF_FLOAT, 4, image);
    tfm_call("call", "f", "in");
    uint8_t *data = NULL;
    size_t size = 0;
    whet_graph *g = NULL;
    tfm_bytes(1, &data, &size);
    assert_status(whet_tf_graph_read_mem(&g, data, size, "t.pb", NULL), WHET_EUNSUPPORTED);
    assert_contains(whet_error_last()->text, "functions call each other more than 16 deep ('f'); recursion is not handled");
    whet_free(data);
    tfm_start(); /* each of 15 functions calls the next twice */
    for (int i = 0; i < 15; i++) {
        const size_t first = tfm.n;
        snprintf(names[i], sizeof(names[i]), "f%d", i);
        if (i > 0) {
            tfm_call("one", names[i - 1], "x");
            tfm_call("two", names[i - 1], "one:output:0");
        } else {
            tfm_add("Relu", "one", "x", NULL, NULL);
            tfm_add("Relu", "two", "one:activations:0", NULL, NULL);
        }
        tfm_function(names[i], first, i > 0 ? "two:output:0" : "two:activations:0");
    }
    const size_t first = tfm.n;
    tfm_input("in", TF_FLOAT, 4, image);
    tfm_call("call", "f14", "in");
    tfm_bytes(first, &data, &size);
    assert_status(whet_tf_graph_read_mem(&g, data, size, "t.pb", NULL), WHET_ENOMEM);
    assert_contains(whet_error_last()->text, "functions that call functions expand to more than");
    whet_free(data);
    tfm_start();
    tfm_input("in", TF_FLOAT, 4, image);
    tfm_call("call", "nowhere", "in");
    refused(WHET_EFORMAT, "function 'nowhere' is not in the file's library", "call");
}

static void saved_models(void **state)
{
    (void)state;
    tfm_model s;
    conv_net();
    tfm_saved(&s, 0, "in:0", "conv:0");
    s.tags[0] = "train";
    s.m.meta_graph.n = 0;
    saved_refused(&s, WHET_EUNSUPPORTED, "the SavedModel has no graph tagged 'serve'");
    tfm_saved(&s, 0, "in:0", "conv:0");
    s.asset.filename = "../../etc/passwd";
    s.g.asset.n = 1;
    s.g.asset.v = &s.asset;
    saved_refused(&s, WHET_EFORMAT, "asset '../../etc/passwd' is not inside the model's folder");
    s.asset.filename = "/etc/passwd";
    saved_refused(&s, WHET_EFORMAT, "asset '/etc/passwd' is not inside the model's folder");
    tfm_saved(&s, 0, "in:0", "conv:0");
    s.g.signature.n = 0;
    saved_refused(&s, WHET_EUNSUPPORTED, "the SavedModel has no signature");
    tfm_saved(&s, 0, "out:0", "conv:0");
    saved_refused(&s, WHET_EFORMAT, "input 'out:0' of the signature is no node of the graph");
    tfm_saved(&s, 0, "in:0", "nowhere:0");
    saved_refused(&s, WHET_EFORMAT, "output 'nowhere:0' is no node of the graph");
    tfm_saved(&s, 0, "in:0", "conv:0");
    s.m.version = 2;
    saved_refused(&s, WHET_EUNSUPPORTED, "version 2 of SavedModel is not handled, 1 is");
    conv_net();
    tfm_add("VarHandleOp", "v", NULL, NULL, NULL);
    tfm_add("ReadVariableOp", "read", "v", NULL, NULL);
    tfm_saved(&s, 0, "in:0", "read:0");
    saved_refused(&s, WHET_EUNSUPPORTED, "the folder holds no checkpoint (variables/variables.index) for this variable");
}

/* Cut at every offset: an error, or the file ended between two nodes. Every byte changed: whatever it means now, no crash. */
static void damage(void **state)
{
    (void)state;
    uint8_t *data = NULL;
    size_t size = 0;
    conv_net();
    tfm_add("Relu", "relu", "conv", NULL, NULL);
    tfm_bytes(0, &data, &size);
    for (size_t n = 0; n < size; n++) {
        whet_graph *g = NULL;
        uint8_t *cut = whet_alloc(n + 1); /* of exactly that size for the sanitizer */
        memcpy(cut, data, n);
        whet_status s = whet_tf_graph_read_mem(&g, cut, n, "t.pb", NULL);
        if (s == WHET_OK) assert_non_null(g);
        else assert_true(g == NULL && whet_error_last()->text[0]);
        whet_graph_free(g);
        whet_free(cut);
    }
    for (size_t n = 0; n < 8 * size; n++) {
        whet_graph *g = NULL;
        data[n / 8] ^= (uint8_t)(1 << n % 8);
        if (whet_tf_graph_read_mem(&g, data, size, "t.pb", NULL) != WHET_OK) assert_true(g == NULL && whet_error_last()->text[0]);
        whet_graph_free(g);
        data[n / 8] ^= (uint8_t)(1 << n % 8);
    }
    whet_free(data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(operators), cmocka_unit_test(attributes), cmocka_unit_test(shape_of_graph),
                                       cmocka_unit_test(constants), cmocka_unit_test(functions), cmocka_unit_test(saved_models),
                                       cmocka_unit_test(damage)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
