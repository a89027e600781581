/* SPDX-License-Identifier: Apache-2.0 */
/* The ONNX reader: what it accepts and normalises, what it refuses and how it says so. */
#include <sys/stat.h>

#include "support.h"
#include "onnx_maker.h"
#include "ir/op.h"

static whet_graph *accept(const maker *m)
{
    whet_graph *g = NULL;
    assert_ok(maker_read(m, NULL, NULL, &g));
    return g;
}

static void refuse(const maker *m, whet_status want, const char *text, const char *node)
{
    whet_graph *g = NULL;
    assert_status(maker_read(m, NULL, NULL, &g), want);
    assert_null(g);
    assert_contains(whet_error_message(), text);
    assert_string_equal(whet_error_last()->file, "m.onnx");
    if (node) assert_string_equal(whet_error_last()->node, node);
}

static void relu(maker *m, int opset)
{
    maker_init(m, opset);
    maker_input(m, "x", 1, MAKER_DIMS(-1, 4));
    maker_output(m, "y", 1, MAKER_DIMS(-1, 4));
}

static void simple_graph(void **state)
{
    (void)state;
    maker m;
    char text[80];
    relu(&m, 13);
    NODE(&m, "Relu", "act", "x", "y");
    m.meta[0].key = "whet.contract";
    m.meta[0].value = "{}";
    m.model.metadata_props.n = 1;
    m.opset[1].domain = "com.microsoft"; /* imported, but not used */
    m.opset[1].version = 1;
    m.model.opset_import.n = 2;
    whet_graph *g = accept(&m);
    assert_int_equal(g->n_nodes, 1);
    assert_string_equal(whet_dims_text(g, &g->values[g->outputs[0]].dims, text, sizeof(text)), "Nx4");
    assert_string_equal(whet_graph_get_meta(g, "whet.contract"), "{}");
    assert_string_equal(whet_graph_get_meta(g, ONNX_META_OPSET), "13");
    whet_graph_free(g);
}

static void unsorted_nodes_are_sorted(void **state)
{
    (void)state;
    maker m;
    relu(&m, 13);
    NODE(&m, "Relu", "last", "b", "y");
    NODE(&m, "Neg", "middle", "a", "b");
    NODE(&m, "Abs", "first", "x", "a");
    whet_graph *g = accept(&m);
    assert_string_equal(g->nodes[0].name, "first");
    assert_string_equal(g->nodes[2].name, "last");
    whet_graph_free(g);
}

static void wrong_structure(void **state)
{
    (void)state;
    maker m;
    relu(&m, 13);
    NODE(&m, "Neg", "one", "b", "a");
    NODE(&m, "Neg", "two", "a", "b");
    NODE(&m, "Relu", "act", "x", "y");
    refuse(&m, WHET_EFORMAT, "cycle", NULL);
    relu(&m, 13);
    NODE(&m, "Neg", "one", "x", "y");
    NODE(&m, "Abs", "two", "x", "y");
    refuse(&m, WHET_EFORMAT, "value 'y' is made twice", "two");
    relu(&m, 13);
    NODE(&m, "Neg", "one", "x", "x");
    refuse(&m, WHET_EFORMAT, "cycle", NULL);
    relu(&m, 13);
    NODE(&m, "Neg", "one", "nothing", "y");
    refuse(&m, WHET_EFORMAT, "input 'nothing' is not defined", "one");
    relu(&m, 13);
    NODE(&m, "Neg", "one", "x", "z");
    refuse(&m, WHET_EFORMAT, "output 'y' is not computed", "y");
    relu(&m, 13);
    NODE(&m, "Add", "one", "x", "y");
    refuse(&m, WHET_EFORMAT, "Add", "one");
    relu(&m, 13);
    NODE(&m, "Add", "one", "x - ", "y");
    refuse(&m, WHET_EFORMAT, "Add", "one");
    relu(&m, 13);
    NODE(&m, "Relu", "one", "x", "y");
    m.outputs[0].type = &m.types[0];
    m.tensor_types[0].elem_type = 1;
    maker_output(&m, "y", 6, MAKER_DIMS(-1, 4));
    refuse(&m, WHET_ESHAPE, "declared as int32, but is computed as f32", "y");
    relu(&m, 13);
    NODE(&m, "Flatten", "one", "x", "y");
    maker_output(&m, "y", 1, MAKER_DIMS(-1, 5));
    refuse(&m, WHET_ESHAPE, "declared as Nx5", "y");
}

static void versions(void **state)
{
    (void)state;
    maker m;
    relu(&m, 6);
    NODE(&m, "Relu", "act", "x", "y");
    refuse(&m, WHET_EUNSUPPORTED, "opset 6 is not handled (operator 'Relu' and others), 7 to 28 are", NULL);
    m.opset[0].version = 29;
    refuse(&m, WHET_EUNSUPPORTED, "opset 29", NULL);
    m.opset[0].version = 28;
    whet_graph_free(accept(&m));
    m.model.ir_version = 14;
    refuse(&m, WHET_EUNSUPPORTED, "IR version 14", NULL);
    m.model.ir_version = 0;
    refuse(&m, WHET_EFORMAT, "no IR version", NULL);
    m.model.ir_version = 13;
    m.model.opset_import.n = 0;
    refuse(&m, WHET_EFORMAT, "imports no operator set", NULL);
}

static void unknown_operators(void **state)
{
    (void)state;
    maker m;
    relu(&m, 13);
    NODE(&m, "Rellu", "act", "x", "y");
    refuse(&m, WHET_EUNSUPPORTED, "unknown operator 'Rellu' (domain ai.onnx, opset 13, input type f32); did you mean 'Relu'?", "act");
    relu(&m, 13);
    NODE(&m, "LSTM", "rnn", "x", "y");
    refuse(&m, WHET_EUNSUPPORTED, "ONNX operator 'LSTM' (opset 13, input type f32) is not handled", "rnn");
    relu(&m, 13);
    NODE(&m, "FusedMatMul", "mm", "x", "y")->domain = "com.microsoft";
    refuse(&m, WHET_EUNSUPPORTED, "operator 'FusedMatMul' of domain 'com.microsoft' is not handled", "mm");
    relu(&m, 17);
    NODE(&m, "Gelu", "act", "x", "y");
    refuse(&m, WHET_EFORMAT, "operator 'Gelu' exists since opset 20, the file is stamped opset 17", "act");
    maker_init(&m, 13);
    maker_input(&m, "x", 8, MAKER_DIMS(2));
    maker_output(&m, "y", 8, MAKER_DIMS(2));
    NODE(&m, "Identity", "id", "x", "y");
    refuse(&m, WHET_EUNSUPPORTED, "type string of input 'x' of operator 'Identity'", "x");
}

static void attributes(void **state)
{
    (void)state;
    maker m;
    relu(&m, 13);
    maker_int(NODE(&m, "Relu", "act", "x", "y"), "alpha", 1);
    refuse(&m, WHET_EUNSUPPORTED, "attribute 'alpha'", "act");
    relu(&m, 13);
    maker_float(NODE(&m, "Flatten", "f", "x", "y"), "axis", 1);
    refuse(&m, WHET_EFORMAT, "attribute 'axis' must be an integer, not a number", "f");
    relu(&m, 13);
    onnx_node *n = NODE(&m, "Flatten", "f", "x", "y");
    maker_int(n, "axis", 1);
    maker_int(n, "axis", 1);
    refuse(&m, WHET_EFORMAT, "attribute 'axis' stands twice", "f");
    relu(&m, 13);
    NODE(&m, "Cast", "c", "x", "y");
    refuse(&m, WHET_EFORMAT, "attribute 'to' is missing", "c");
    relu(&m, 13);
    maker_attr(NODE(&m, "Relu", "act", "x", "y"), "body", ONNX_ATTR_GRAPH);
    refuse(&m, WHET_EUNSUPPORTED, "graph", "act");
}

static void initializers(void **state)
{
    (void)state;
    static const float w[4] = {1, 2, 3, 4};
    static const int64_t four[1] = {4}, five[1] = {5}, negative[1] = {-4}, huge[3] = {1 << 30, 1 << 30, 1 << 30},
                         nine[9] = {1, 1, 1, 1, 1, 1, 1, 1, 1};
    maker m;
    relu(&m, 13);
    NODE(&m, "Add", "add", "x w", "y");
    onnx_tensor *t = maker_floats(&m, "w", 4, w, 1, four);
    whet_graph *g = accept(&m);
    assert_memory_equal(whet_graph_const_data(g, whet_graph_find(g, "w"))->data, w, 16);
    whet_graph_free(g);
    t->float_data = (whet_pb_floats){0, NULL};
    t->raw_data = (whet_pb_bytes){(const uint8_t *)w, 16};
    whet_graph_free(accept(&m));
    t->raw_data.size = 15;
    refuse(&m, WHET_EFORMAT, "15 bytes of data, its shape needs 16", "w");
    assert_true(whet_error_last()->offset > 0);
    t->raw_data = (whet_pb_bytes){NULL, 0};
    refuse(&m, WHET_EFORMAT, "0 elements of data, its shape needs 4", "w");
    t->float_data = (whet_pb_floats){4, w};
    t->dims.v = five;
    refuse(&m, WHET_EFORMAT, "needs 5", "w");
    t->dims.v = negative;
    refuse(&m, WHET_EFORMAT, "negative", "w");
    t->dims = (whet_pb_ints){3, huge};
    refuse(&m, WHET_ENOMEM, "", "w");
    t->dims = (whet_pb_ints){9, nine};
    refuse(&m, WHET_EUNSUPPORTED, "9 dimensions", "w");
    t->dims = (whet_pb_ints){1, four};
    t->data_type = 14;
    refuse(&m, WHET_EUNSUPPORTED, "complex64", "w");
    t->data_type = 1;
    maker_floats(&m, "w", 4, w, 1, four);
    refuse(&m, WHET_EFORMAT, "same name", "w");
}

static void external_model(maker *m, onnx_pair pairs[3], const char *location, const char *offset, const char *length)
{
    static const int64_t dims[1] = {4};
    relu(m, 13);
    NODE(m, "Add", "add", "x w", "y");
    onnx_tensor *t = maker_floats(m, "w", 0, NULL, 1, dims);
    memset(pairs, 0, 3 * sizeof(*pairs));
    pairs[0].key = "location";
    pairs[0].value = location;
    pairs[1].key = "offset";
    pairs[1].value = offset;
    pairs[2].key = "length";
    pairs[2].value = length;
    t->external_data.n = 3;
    t->external_data.v = pairs;
    t->data_location = ONNX_LOCATION_EXTERNAL;
}

static void external_data(void **state)
{
    (void)state;
    static const struct { const char *location, *offset, *length; whet_status status; const char *text; } bad[] = {
        {"../w.bin", "0", "16", WHET_EFORMAT, "not inside the model's folder"},
        {"/etc/passwd", "0", "16", WHET_EFORMAT, "not inside"},
        {"link.bin", "0", "16", WHET_EFORMAT, "symbolic link"},
        {"sub/w.bin", "0", "16", WHET_EFORMAT, "symbolic link"},
        {"none.bin", "0", "16", WHET_ENOTFOUND, "is missing"},
        {"w.bin", "8", "16", WHET_EFORMAT, "needs 16 at offset 8"},
        {"w.bin", "18446744073709551615", "16", WHET_EFORMAT, "needs 16"},
        {"w.bin", "0", "12", WHET_EFORMAT, "needs 16"},
        {"w.bin", "-1", "16", WHET_EFORMAT, "no number"}};
    static const float w[5] = {9, 1, 2, 3, 4};
    char *dir = support_tmpdir(), *file = whet_path_join(dir, "w.bin"), *link = whet_path_join(dir, "link.bin"),
         *sub = whet_path_join(dir, "sub");
    onnx_pair pairs[3];
    whet_graph *g = NULL;
    maker m;
    assert_ok(whet_file_write(file, w, 20));
    assert_int_equal(symlink("w.bin", link), 0);
    assert_int_equal(symlink(".", sub), 0);
    external_model(&m, pairs, "w.bin", "4", "16");
    assert_ok(maker_read(&m, dir, NULL, &g));
    assert_memory_equal(whet_graph_const_data(g, whet_graph_find(g, "w"))->data, w + 1, 16);
    whet_graph_free(g);
    assert_status(maker_read(&m, NULL, NULL, &g), WHET_EUNSUPPORTED);
    for (size_t i = 0; i < WHET_COUNT(bad); i++) {
        external_model(&m, pairs, bad[i].location, bad[i].offset, bad[i].length);
        assert_status(maker_read(&m, dir, NULL, &g), bad[i].status);
        assert_contains(whet_error_message(), bad[i].text);
        assert_string_equal(whet_error_last()->node, "w");
    }
    whet_free(file);
    whet_free(link);
    whet_free(sub);
    support_rmtree(dir);
}

/* Number of values in constant input i of node n, its first value in *first. */
static int64_t const_input(const whet_graph *g, const whet_node *n, int i, double *first)
{
    const whet_tensor *t = i < n->n_in && n->in[i] >= 0 ? whet_graph_const_data(g, n->in[i]) : NULL;
    assert_non_null(t);
    *first = whet_tensor_numel(t) ? whet_tensor_get_f64(t, 0) : 0;
    return whet_tensor_numel(t);
}

static void attributes_become_inputs(void **state)
{
    (void)state;
    maker m;
    double x = 0;
    relu(&m, 7);
    onnx_node *n = NODE(&m, "Clip", "c", "x", "y");
    maker_float(n, "min", -2);
    maker_float(n, "max", 6);
    whet_graph *g = accept(&m);
    assert_int_equal(g->nodes[0].n_in, 3);
    assert_int_equal(const_input(g, &g->nodes[0], 2, &x), 1);
    assert_true(x == 6);
    whet_graph_free(g);
    relu(&m, 10);
    maker_float(NODE(&m, "Clip", "c", "x", "y"), "max", 6);
    g = accept(&m);
    assert_int_equal(g->nodes[0].in[1], WHET_NO_VALUE);
    whet_graph_free(g);

    maker_init(&m, 12);
    maker_input(&m, "x", 1, MAKER_DIMS(-1, 1, 4));
    maker_output(&m, "y", 1, MAKER_DIMS(-1, 4));
    maker_ints(NODE(&m, "Squeeze", "s", "x", "y"), "axes", INTS(1));
    g = accept(&m);
    assert_int_equal(const_input(g, &g->nodes[0], 1, &x), 1);
    whet_graph_free(g);

    maker_init(&m, 17);
    maker_input(&m, "x", 1, MAKER_DIMS(-1, 3, 4));
    maker_output(&m, "y", 1, MAKER_DIMS(-1, 3, 1));
    n = NODE(&m, "ReduceMean", "r", "x", "y");
    maker_ints(n, "axes", INTS(-1));
    maker_int(n, "keepdims", 1);
    g = accept(&m);
    assert_int_equal(const_input(g, &g->nodes[0], 1, &x), 1);
    assert_true(x == -1);
    whet_graph_free(g);

    relu(&m, 9);
    m.graph.output.n = 0;
    maker_output(&m, "y", 1, MAKER_DIMS(-1, 2));
    n = NODE(&m, "Slice", "s", "x", "y");
    maker_ints(n, "starts", INTS(1));
    maker_ints(n, "ends", INTS(3));
    maker_ints(n, "axes", INTS(1));
    g = accept(&m);
    assert_int_equal(g->nodes[0].n_in, 4);
    whet_graph_free(g);

    relu(&m, 11);
    m.graph.output.n = 0;
    maker_output(&m, "a", 1, MAKER_DIMS(-1, 2));
    maker_output(&m, "b", 1, MAKER_DIMS(-1, 2));
    maker_int(NODE(&m, "Split", "s", "x", "a b"), "axis", 1);
    whet_graph_free(accept(&m));
}

static void old_softmax_is_flattened(void **state)
{
    (void)state;
    maker m;
    maker_init(&m, 11);
    maker_input(&m, "x", 1, MAKER_DIMS(-1, 3, 4));
    maker_output(&m, "y", 1, MAKER_DIMS(-1, 3, 4));
    NODE(&m, "Softmax", "s", "x", "y"); /* axis 1 by default: over 3 * 4 */
    whet_graph *g = accept(&m);
    bool flattened = false;
    for (int i = 0; i < g->n_nodes; i++) flattened |= whet_node_is(&g->nodes[i], "Flatten");
    assert_true(flattened);
    assert_string_equal(g->values[g->outputs[0]].name, "y");
    whet_graph_free(g);
    m.opset[0].version = 13;
    maker_int(&m.nodes[0], "axis", 1);
    g = accept(&m);
    assert_int_equal(g->n_nodes, 1);
    whet_graph_free(g);
}

static void batch_norm(maker *m, int opset, const char *outs)
{
    static const float one[4] = {1, 1, 1, 1};
    static const int64_t four[1] = {4};
    maker_init(m, opset);
    maker_input(m, "x", 1, MAKER_DIMS(-1, 4, 2, 2));
    maker_output(m, "y", 1, MAKER_DIMS(-1, 4, 2, 2));
    for (int i = 0; i < 4; i++) maker_floats(m, (const char *[]){"s", "b", "mean", "var"}[i], 4, one, 1, four);
    NODE(m, "BatchNormalization", "bn", "x s b mean var", outs);
}

static void old_batch_norm(void **state)
{
    (void)state;
    maker m;
    batch_norm(&m, 8, "y");
    maker_int(&m.nodes[0], "spatial", 1);
    whet_graph *g = accept(&m);
    assert_int_equal(whet_node_int(&g->nodes[0], "training_mode", 0), 0);
    whet_graph_free(g);
    batch_norm(&m, 8, "y");
    maker_int(&m.nodes[0], "spatial", 0);
    refuse(&m, WHET_EUNSUPPORTED, "spatial = 0", "bn");
    batch_norm(&m, 9, "y m1 v1");
    g = accept(&m);
    assert_int_equal(whet_node_int(&g->nodes[0], "training_mode", 0), 1);
    whet_graph_free(g);
    batch_norm(&m, 9, "y m1 v1 m2 v2");
    refuse(&m, WHET_EUNSUPPORTED, "saved_mean", "bn");
}

static void parameters(void **state)
{
    (void)state;
    maker m;
    whet_graph *g = NULL;
    whet_onnx_read_options opt;
    whet_onnx_read_options_init(&opt);
    opt.parameters_as_variables = true;
    batch_norm(&m, 15, "y");
    maker_int(&m.nodes[0], "training_mode", 1);
    assert_ok(maker_read(&m, NULL, &opt, &g));
    const whet_value *s = &g->values[whet_graph_find(g, "s")], *mean = &g->values[whet_graph_find(g, "mean")];
    assert_int_equal(s->kind, WHET_VALUE_VARIABLE);
    assert_true(s->trainable);
    assert_int_equal(mean->kind, WHET_VALUE_VARIABLE);
    assert_false(mean->trainable);
    assert_int_equal(g->n_commits, 2);
    whet_graph_free(g);
    opt.keep_training = false;
    assert_ok(maker_read(&m, NULL, &opt, &g));
    assert_int_equal(g->n_commits, 0);
    assert_int_equal(whet_node_int(&g->nodes[0], "training_mode", 0), 0);
    whet_graph_free(g);
}

static void functions_are_inlined(void **state)
{
    (void)state;
    static const char *const in[] = {"a"}, *const out[] = {"b"}, *const one[] = {"a"}, *const mid[] = {"t"}, *const names[] = {"axis"};
    maker m;
    onnx_node body[2];
    onnx_attr ref;
    onnx_function f;
    memset(body, 0, sizeof(body));
    memset(&f, 0, sizeof(f));
    memset(&ref, 0, sizeof(ref));
    body[0].op_type = "Neg";
    body[0].input = (whet_pb_strings){1, one};
    body[0].output = (whet_pb_strings){1, mid};
    body[1].op_type = "Flatten";
    body[1].input = (whet_pb_strings){1, mid};
    body[1].output = (whet_pb_strings){1, out};
    ref.name = "axis";
    ref.type = ONNX_ATTR_INT;
    ref.ref_attr_name = "axis";
    body[1].attribute.n = 1;
    body[1].attribute.v = &ref;
    f.name = "NegFlat";
    f.domain = "mine";
    f.input = (whet_pb_strings){1, in};
    f.output = (whet_pb_strings){1, out};
    f.attribute = (whet_pb_strings){1, names};
    f.node.n = 2;
    f.node.v = body;
    relu(&m, 13);
    m.graph.output.n = 0;
    maker_output(&m, "y", 1, MAKER_DIMS(1, -1));
    onnx_node *n = NODE(&m, "NegFlat", "call", "x", "y");
    n->domain = "mine";
    maker_int(n, "axis", 0);
    m.model.functions.n = 1;
    m.model.functions.v = &f;
    whet_graph *g = accept(&m);
    assert_int_equal(g->n_nodes, 2);
    assert_int_equal(whet_node_int(&g->nodes[1], "axis", 9), 0);
    whet_graph_free(g);
    body[0].op_type = "NegFlat"; /* calls itself */
    body[0].domain = "mine";
    refuse(&m, WHET_EUNSUPPORTED, "more than 8 deep", NULL);
}

/* A model with most kinds of fields, for damage. */
static void rich(maker *m)
{
    static const float w[4] = {1, 2, 3, 4};
    static const int64_t four[1] = {4};
    relu(m, 11);
    maker_floats(m, "w", 4, w, 1, four);
    NODE(m, "Add", "add", "x w", "a");
    onnx_node *n = NODE(m, "Clip", "clip", "a", "b");
    (void)n;
    maker_int(NODE(m, "Softmax", "soft", "b", "y"), "axis", 1);
    m->meta[0].key = "k";
    m->meta[0].value = "v";
    m->model.metadata_props.n = 1;
}

static void damage_is_clean(void **state)
{
    (void)state;
    maker m;
    uint8_t *bytes = NULL;
    size_t n = 0, refused = 0;
    rich(&m);
    assert_ok(whet_pb_encode_mem(&onnx_model_message, &m.model, &bytes, &n));
    for (size_t i = 0; i < n + 8 * n; i++) { /* every truncation, then every flipped bit */
        size_t size = i < n ? i : n;
        uint8_t *copy = malloc(size ? size : 1);
        whet_graph *g = NULL;
        memcpy(copy, bytes, size);
        if (i >= n) copy[(i - n) / 8] ^= (uint8_t)(1u << (i - n) % 8);
        whet_status s = whet_onnx_read_mem(&g, copy, size, "d.onnx", NULL, NULL);
        if (s != WHET_OK && (g != NULL || strcmp(whet_error_last()->file, "d.onnx") != 0 || *whet_error_last()->text == '\0')) {
            print_error("case %zu: %s\n", i, whet_error_message());
            fail();
        }
        refused += s != WHET_OK;
        whet_graph_free(g);
        free(copy);
    }
    assert_true(refused > n);
    whet_free(bytes);
}

typedef struct bytes { uint8_t *data; size_t n; } bytes;

static whet_status read_bytes(void *arg)
{
    const bytes *b = arg;
    whet_graph *g = NULL;
    const whet_status s = whet_onnx_read_mem(&g, b->data, b->n, "d.onnx", NULL, NULL);
    whet_graph_free(g);
    return s;
}

static void allocation_may_fail_anywhere(void **state)
{
    (void)state;
    maker m;
    bytes b = {0};
    rich(&m);
    assert_ok(whet_pb_encode_mem(&onnx_model_message, &m.model, &b.data, &b.n));
    support_fail_each_allocation(read_bytes, &b);
    whet_free(b.data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(simple_graph), cmocka_unit_test(unsorted_nodes_are_sorted), cmocka_unit_test(wrong_structure),
        cmocka_unit_test(versions), cmocka_unit_test(unknown_operators), cmocka_unit_test(attributes),
        cmocka_unit_test(initializers), cmocka_unit_test(external_data), cmocka_unit_test(attributes_become_inputs),
        cmocka_unit_test(old_softmax_is_flattened), cmocka_unit_test(old_batch_norm), cmocka_unit_test(parameters),
        cmocka_unit_test(functions_are_inlined), cmocka_unit_test(damage_is_clean),
        cmocka_unit_test(allocation_may_fail_anywhere)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
