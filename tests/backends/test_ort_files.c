/* SPDX-License-Identifier: Apache-2.0 */
/* What the ONNX Runtime plug-in reads without the runtime: names and outputs of a file, a saved graph, a session's trace. */
#include <jansson.h>

#include "formats/onnx/onnx.h"
#include "models/models.h"
#include "support.h"

#include "plugin.c"
#include "plugin_text.c"
#include "../../plugins/ort/ort_onnx.c"
#include "../../plugins/ort/ort_profile.c"

const plugin_parts plugin_self = {.table = {.name = "ort", .title = "ONNX Runtime", .built_for = ""}};

static void make_model(uint8_t **data, size_t *size)
{
    whet_graph *g = NULL;
    assert_ok(whet_model_build("lenet", NULL, &g));
    assert_ok(whet_onnx_write_mem(g, data, size, NULL));
    whet_graph_free(g);
}

static const char *str(const json_t *o, const char *key)
{
    const char *s = json_string_value(json_object_get(o, key));
    return s != NULL ? s : "";
}

/* Each tensor that the list names can be made an output, and the file stays readable. */
static void test_outputs(void **state)
{
    uint8_t *data = NULL;
    size_t size = 0, more = 0;
    const char *missing = NULL;
    (void)state;
    make_model(&data, &size);
    char *list = ort_onnx_tensors(data, size);
    json_t *doc = json_loads(list, 0, NULL), *names = json_object_get(doc, "tensors");
    const size_t n = json_array_size(names);
    assert_true(n > 8);
    const char **all = calloc(n, sizeof *all);
    for (size_t i = 0; i < n; i++) all[i] = json_string_value(json_array_get(names, i));
    uint8_t *tapped = ort_onnx_with_outputs(data, size, all, (int)n, &more, &missing);
    assert_non_null(tapped);
    assert_memory_equal(tapped, data, size);
    span_list outputs = graph_fields(tapped, more, GRAPH_OUTPUT);
    assert_int_equal(outputs.n, n); /* the model's own output is one of them and stands once */
    for (size_t i = 0; i < outputs.n; i++) {
        bool known = false;
        for (size_t k = 0; k < n; k++) known |= same(string_field(outputs.v[i], VALUE_NAME), text_of(all[k]));
        assert_true(known);
    }
    free(outputs.v);
    free(tapped);
    assert_null(ort_onnx_with_outputs(data, size, (const char *const[]){all[0], "nosuch"}, 2, &more, &missing));
    assert_string_equal(missing, "nosuch");
    free(all);
    json_decref(doc);
    free(list);
    whet_free(data);
}

/* Any damage gives an answer or none, and touches nothing outside (under the sanitizer). */
static void test_damaged(void **state)
{
    uint8_t *data = NULL;
    size_t size = 0, more = 0;
    const char *missing = NULL;
    (void)state;
    make_model(&data, &size);
    const size_t head = size < 4000 ? size : 4000;
    for (size_t n = 0; n < head; n += 7) {
        uint8_t *cut = malloc(n + 1);
        memcpy(cut, data, n);
        free(ort_onnx_tensors(cut, n));
        free(ort_onnx_nodes(cut, n, data, size));
        free(ort_onnx_with_outputs(cut, n, (const char *const[]){"x"}, 1, &more, &missing));
        free(cut);
    }
    for (size_t i = 0; i < head; i++) {
        const uint8_t was = data[i];
        data[i] ^= 0x80;
        free(ort_onnx_tensors(data, size));
        free(ort_onnx_nodes(data, size, data, size));
        data[i] = was;
    }
    whet_free(data);
}

static void test_saved_graph(void **state)
{
    uint8_t *data = NULL;
    size_t size = 0;
    bool found = false;
    (void)state;
    make_model(&data, &size);
    char *list = ort_onnx_nodes(data, size, data, size);
    json_t *doc = json_loads(list, 0, NULL), *nodes = json_object_get(doc, "nodes"), *o = NULL;
    size_t i = 0;
    json_array_foreach(nodes, i, o) {
        if (strcmp(str(o, "type"), "Conv") != 0) continue;
        assert_string_equal(str(o, "precision"), "f32");
        assert_string_equal(str(o, "origin"), str(o, "name"));
        if (!found) assert_true(json_number_value(json_object_get(o, "constant_bytes")) == (6 * 25 + 6) * 4.0); /* lenet's first convolution */
        found = true;
    }
    assert_true(found);
    json_decref(doc);
    free(list);
    whet_free(data);
}

/* A field of a protobuf message: `bytes` of another one, or a text, behind its key and length. */
static size_t put_field(uint8_t *p, unsigned number, const void *bytes, size_t n)
{
    const size_t at = 1 + put_varint(p + 1, n);
    p[0] = (uint8_t)(number << 3 | 2);
    memcpy(p + at, bytes, n);
    return at + n;
}

static size_t write_node(uint8_t *graph, const char *name, const char *type, const char *const in[3], const char *output)
{
    uint8_t bytes[128];
    size_t n = 0;
    for (int i = 0; i < 3 && in[i] != NULL; i++) n += put_field(bytes + n, NODE_INPUT, in[i], strlen(in[i]));
    n += put_field(bytes + n, NODE_OUTPUT, output, strlen(output));
    n += put_field(bytes + n, NODE_NAME, name, strlen(name));
    n += put_field(bytes + n, NODE_TYPE, type, strlen(type));
    return put_field(graph, GRAPH_NODE, bytes, n);
}

/* Exporters write equal constants once: a bias that several convolutions read tells none of them. */
static void test_shared_bias(void **state)
{
    uint8_t graph[240], file[260], saved[260];
    size_t n = 0, size = 0, saved_size = 0;
    (void)state;
    n = write_node(graph, "one", "Conv", (const char *const[]){"x", "w", "b"}, "c");
    n += write_node(graph + n, "clip", "Clip", (const char *const[]){"c", NULL, NULL}, "r");
    n += write_node(graph + n, "same", "Identity", (const char *const[]){"b", NULL, NULL}, "b2");
    n += write_node(graph + n, "two", "Conv", (const char *const[]){"r", "v", "b2"}, "d");
    size = put_field(file, MODEL_GRAPH, graph, n);
    n = write_node(graph, "r_nchwc", "Conv", (const char *const[]){"x", "w1", "b"}, "s");
    n += write_node(graph + n, "d_nchwc", "Conv", (const char *const[]){"s", "v1", "b"}, "t");
    saved_size = put_field(saved, MODEL_GRAPH, graph, n);
    char *list = ort_onnx_nodes(saved, saved_size, file, size);
    json_t *doc = json_loads(list, 0, NULL), *nodes = json_object_get(doc, "nodes");
    assert_int_equal(json_array_size(nodes), 2);
    assert_string_equal(str(json_array_get(nodes, 0), "origin"), "one"); /* not the Clip that it ends with */
    assert_string_equal(str(json_array_get(nodes, 1), "origin"), "two");
    json_decref(doc);
    free(list);
}

/* Two nodes, one of them three times: the mean of the middle, shapes, multiply-adds; other lines are passed over. */
static void test_trace(void **state)
{
    static const char trace[] =
        "[\n"
        "{\"cat\" : \"Session\",\"pid\" :1,\"tid\" :1,\"dur\" :900,\"ts\" :3,\"ph\" : \"X\",\"name\" :\"model_run\",\"args\" : {}},\n"
        "{\"cat\" : \"Node\",\"dur\" :10,\"ph\" : \"X\",\"name\" :\"a/Conv_kernel_time\",\"args\" : {\"op_name\" : \"Conv\",\"node_index\" : \"4\",\"activation_size\" : "
        "\"96\",\"output_size\" : \"128\",\"input_type_shape\" : [{\"float\":[1,3,4,4]},{\"float\":[8,3,3,3]},{\"float\":[8]}],\"output_type_shape\" : "
        "[{\"float\":[1,8,4,4]}]}},\n"
        "{\"cat\" : \"Node\",\"dur\" :7,\"ph\" : \"X\",\"name\" :\"t_kernel_time\",\"args\" : {\"op_name\" : \"Transpose\",\"node_index\" : \"5\",\"input_type_shape\" : "
        "[{\"uint8\":[1,8,4,4]}],\"output_type_shape\" : [{\"uint8\":[1,4,4,8]}]}},\n"
        "{\"cat\" : \"Node\",\"dur\" :1000,\"ph\" : \"X\",\"name\" :\"a/Conv_kernel_time\",\"args\" : {\"op_name\" : \"Conv\",\"node_index\" : \"4\",\"activation_size\" : "
        "\"96\",\"output_size\" : \"128\",\"input_type_shape\" : [{\"float\":[1,3,4,4]},{\"float\":[8,3,3,3]},{\"float\":[8]}],\"output_type_shape\" : "
        "[{\"float\":[1,8,4,4]}]}},\n"
        "{\"cat\" : \"Node\",\"dur\" :12,\"ph\" : \"X\",\"name\" :\"a/Conv_kernel_time\",\"args\" : {\"op_name\" : \"Conv\",\"node_index\" : \"4\",\"input_type_shape\" : "
        "[{\"float\":[1,3,4,4]},{\"float\":[8,3,3,3]},{\"float\":[]}],\"output_type_shape\" : [{\"float\":[1,8,4,4]}]}},\n"
        "{\"cat\" : \"Node\",\"dur\" :14,\"ph\" : \"X\",\"name\" :\"a/Conv_kernel_time\",\"args\" : {\"op_name\" : \"Conv\",\"node_index\" : \"4\",\"activation_size\" : "
        "\"96\",\"output_size\" : \"128\",\"input_type_shape\" : [{\"float\":[1,3,4,4]},{\"float\":[8,3,3,3]},{\"float\":[8]}],\"output_type_shape\" : "
        "[{\"float\":[1,8,4,4]}]}}\n]\n";
    (void)state;
    char *list = ort_profile_nodes(trace);
    json_t *doc = json_loads(list, 0, NULL), *nodes = json_object_get(doc, "nodes"), *c = json_array_get(nodes, 0), *t = json_array_get(nodes, 1);
    assert_int_equal(json_array_size(nodes), 2);
    assert_string_equal(str(c, "name"), "a/Conv");
    assert_string_equal(str(c, "precision"), "f32");
    assert_string_equal(str(c, "shape"), "1x8x4x4");
    assert_true(json_number_value(json_object_get(c, "ms")) == 0.013); /* of 10, 12, 14, 1000: the mean of 12 and 14 */
    assert_int_equal(json_integer_value(json_object_get(c, "macs")), 8 * 16 * 27);
    assert_int_equal(json_integer_value(json_object_get(c, "output_bytes")), 128);
    assert_string_equal(str(t, "type"), "Transpose");
    assert_string_equal(str(t, "precision"), "int8");
    json_decref(doc);
    free(list);
    for (size_t n = 0; n < sizeof trace; n += 3) { /* cut anywhere */
        char *cut = strndup(trace, n);
        free(ort_profile_nodes(cut));
        free(cut);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_outputs), cmocka_unit_test(test_damaged), cmocka_unit_test(test_saved_graph), cmocka_unit_test(test_shared_bias),
                                       cmocka_unit_test(test_trace)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
