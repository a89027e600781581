/* SPDX-License-Identifier: Apache-2.0 */
/* Writing OpenVINO IR: the zoo and quantised networks come back as they went, metadata too, no node without need; and what has
 * no form is refused by name. With arguments it converts for check_openvino.py:
 * IN OUT.xml f32|f16 [INPUT.npy OUTPUT.npy], IN a model file or zoo:NAME; OUTPUT is what this engine computes. */
#include <math.h>

#include "support.h"
#include "convert/convert.h"
#include "data/contract.h"
#include "exec/exec.h"
#include "formats/npy/npy_tensor.h"
#include "formats/openvino/openvino.h"
#include "models/models.h"
#include "passes/lower.h"

static whet_status run(const whet_graph *g, const whet_tensor *x, whet_tensor *y)
{
    whet_exec_options o;
    whet_exec *e = NULL;
    whet_exec_options_init(&o);
    o.lower = whet_pass_resolve_shapes;
    for (int i = 0; i < g->n_outputs; i++) whet_tensor_init(&y[i]);
    whet_status status = whet_exec_create(&e, g, &o);
    if (status == WHET_OK) status = whet_exec_run(e, g->n_inputs, x, g->n_outputs, y);
    whet_exec_free(e);
    return status;
}

static whet_status source(whet_graph **g, const char *from)
{
    if (strncmp(from, "zoo:", 4) != 0) return whet_format_read(g, from, NULL);
    whet_model_options o;
    whet_model_options_init(&o);
    o.seed = 1;
    return whet_model_build(from + 4, &o, g);
}

/* Contents for an input: a file, or seeded numbers. */
static whet_status contents(const whet_graph *g, int input, const char *npy, whet_tensor *x)
{
    const whet_value *v = &g->values[g->inputs[input]];
    whet_shape s = {.rank = v->dims.rank};
    if (npy && *npy && access(npy, R_OK) == 0) return whet_npy_read_tensor(x, npy);
    for (int i = 0; i < s.rank; i++) s.dims[i] = v->dims.dims[i] < 0 ? 1 : v->dims.dims[i];
    whet_tensor_init(x);
    WHET_TRY(whet_tensor_alloc(x, v->dtype, &s));
    uint32_t seed = 7;
    for (int64_t i = 0; i < whet_tensor_numel(x); i++) {
        seed = seed * 1664525u + 1013904223u;
        whet_tensor_set_f64(x, i, (double)(seed >> 8) / (1 << 23) - 1);
    }
    return WHET_OK;
}

/* The i-th file of "x.npy": x.npy, x.npy.1.npy, x.npy.2.npy, ... */
static const char *numbered(const char *path, int i)
{
    static char text[1024];
    snprintf(text, sizeof(text), i ? "%s.%d.npy" : "%s", path, i);
    return text;
}

static whet_status computed(const whet_graph *g, const char *in, const char *out)
{
    enum { MANY = 16 };
    whet_tensor x[MANY], y[MANY];
    whet_status status = g->n_inputs <= MANY && g->n_outputs <= MANY ? WHET_OK : WHET_EUNSUPPORTED;
    for (int i = 0; i < MANY; i++) {
        whet_tensor_init(&x[i]);
        whet_tensor_init(&y[i]);
    }
    for (int i = 0; i < g->n_inputs && status == WHET_OK; i++) {
        const char *path = numbered(in, i);
        status = contents(g, i, path, &x[i]);
        if (status == WHET_OK && access(path, R_OK) != 0) status = whet_npy_write_tensor(path, &x[i]);
    }
    if (status == WHET_OK) status = run(g, x, y);
    for (int i = 0; i < g->n_outputs && status == WHET_OK; i++) status = whet_npy_write_tensor(numbered(out, i), &y[i]);
    for (int i = 0; i < MANY; i++) {
        whet_tensor_dispose(&x[i]);
        whet_tensor_dispose(&y[i]);
    }
    return status;
}

static int convert(int argc, char **argv)
{
    whet_graph *g = NULL;
    whet_convert_graph_options o;
    const whet_model_format *f = NULL;
    whet_convert_graph_options_init(&o);
    o.precision = strcmp(argv[3], "f16") == 0 ? WHET_PRECISION_F16 : WHET_PRECISION_KEEP;
    whet_status status = source(&g, argv[1]);
    if (status == WHET_OK) status = whet_format_for_writing("openvino", argv[2], &f);
    if (status == WHET_OK) status = whet_convert_graph(g, f, argv[2], &o, NULL);
    if (status == WHET_OK && argc > 5) status = computed(g, argv[4], argv[5]);
    if (status != WHET_OK) fprintf(stderr, "%s: %s\n", whet_status_name(status), whet_error_message());
    whet_graph_free(g);
    return status != WHET_OK;
}


/* --- tests */

typedef struct written { char *xml; uint8_t *bin; size_t xml_size, bin_size; } written;

static void write_mem(const whet_graph *g, written *w)
{
    assert_ok(whet_openvino_write_mem(g, &w->xml, &w->xml_size, &w->bin, &w->bin_size, NULL));
}

static void write_free(written *w)
{
    whet_free(w->xml);
    whet_free(w->bin);
}

static whet_graph *ready(const whet_graph *g)
{
    const whet_model_format *f = NULL;
    whet_graph *out = NULL;
    assert_ok(whet_format_for_writing("openvino", "x.xml", &f));
    assert_ok(whet_convert_prepare(&out, g, f, NULL, NULL));
    return out;
}

static int count(const whet_graph *g, const char *op)
{
    int n = 0;
    for (int i = 0; i < g->n_nodes; i++) n += whet_node_is(&g->nodes[i], op);
    return n;
}

static int count_text(const char *text, const char *part)
{
    int n = 0;
    for (const char *p = text; (p = strstr(p, part)) != NULL; p++) n++;
    return n;
}

/* Largest difference by the largest value, of first outputs. */
static double difference(const whet_graph *a, const whet_graph *b)
{
    whet_tensor x, y[4], z[4];
    double d = 0, top = 0;
    assert_int_equal(a->n_outputs, b->n_outputs);
    assert_ok(contents(a, 0, NULL, &x));
    assert_ok(run(a, &x, y));
    assert_ok(run(b, &x, z));
    assert_true(whet_shape_equal(&y[0].shape, &z[0].shape));
    for (int64_t i = 0; i < whet_tensor_numel(&y[0]); i++) {
        d = fmax(d, fabs(whet_tensor_get_f64(&y[0], i) - whet_tensor_get_f64(&z[0], i)));
        top = fmax(top, fabs(whet_tensor_get_f64(&y[0], i)));
    }
    for (int i = 0; i < a->n_outputs; i++) {
        whet_tensor_dispose(&y[i]);
        whet_tensor_dispose(&z[i]);
    }
    whet_tensor_dispose(&x);
    return d / top;
}

static void the_zoo_comes_back(void **state)
{
    static const struct { const char *name; int64_t size; } zoo[] = {{"lenet", 0}, {"cifar-convnet", 0}, {"resnet20", 0}, {"mobilenetv2", 64},
                                                                      {"efficientnet-b0", 64}, {"vit-tiny-16", 32}};
    (void)state;
    for (size_t i = 0; i < WHET_COUNT(zoo); i++) {
        whet_graph *g = NULL, *again = NULL;
        whet_model_options o;
        written w;
        whet_model_options_init(&o);
        o.seed = 1;
        o.height = o.width = zoo[i].size;
        assert_ok(whet_model_build(zoo[i].name, &o, &g));
        whet_graph *r = ready(g);
        write_mem(r, &w);
        assert_ok(whet_openvino_read_mem(&again, w.xml, w.xml_size, w.bin, w.bin_size, "zoo.xml"));
        const double d = difference(g, again);
        printf("%s: %zu + %zu bytes, comes back off by %.2g\n", zoo[i].name, w.xml_size, w.bin_size, d);
        assert_true(d <= 1e-5);
        assert_int_equal(count_text(w.xml, "type=\"Transpose\""), count(r, "Transpose"));
        assert_int_equal(count(again, "Transpose"), count(r, "Transpose"));
        assert_int_equal(count_text(w.xml, "BatchNormInference"), 0);
        assert_int_equal(again->values[again->inputs[0]].dims.dims[0] < 0, 1); /* any batch */
        assert_string_equal(again->values[again->inputs[0]].name, "input");
        assert_string_equal(again->values[again->outputs[0]].name, "output");
        write_free(&w);
        whet_graph_free(g);
        whet_graph_free(r);
        whet_graph_free(again);
    }
}

static void quantised_networks_come_back(void **state)
{
    static const char *const nets[] = {"resnet", "mobilenetv2", "vit"};
    (void)state;
    for (size_t i = 0; i < WHET_COUNT(nets); i++) {
        char rel[100];
        whet_graph *g = NULL, *again = NULL;
        written w;
        snprintf(rel, sizeof(rel), "interop/onnx/%s/qdq_u8s8.onnx", nets[i]);
        support_shared(path, rel);
        assert_ok(whet_format_read(&g, path, NULL));
        whet_graph *r = ready(g);
        write_mem(r, &w);
        assert_ok(whet_openvino_read_mem(&again, w.xml, w.xml_size, w.bin, w.bin_size, "q.xml"));
        const double d = difference(g, again);
        printf("%s: comes back off by %.2g, %d FakeQuantize\n", rel, d, count_text(w.xml, "type=\"FakeQuantize\""));
        assert_true(d <= 1e-3);
        assert_true(count_text(w.xml, "element_type=\"i8\"") > 10);
        assert_int_equal(count(again, "QuantizeLinear"), count_text(w.xml, "type=\"FakeQuantize\""));
        write_free(&w);
        whet_graph_free(g);
        whet_graph_free(r);
        whet_graph_free(again);
    }
}

/* Names that XML and IR's lists of names have to escape; two inputs in order, one of them an output as well. */
static whet_graph *small_graph(void)
{
    whet_graph *g = NULL;
    whet_vid a = 0, b = 0, c = 0, y = 0;
    const whet_dims d = {.rank = 2, .dims = {WHET_DIM_UNKNOWN, 3}};
    const char *name = "out,put <&>\"\t'";
    assert_ok(whet_graph_create(&g, "small"));
    assert_ok(whet_graph_input(g, "z,last", WHET_F32, &d, &a));
    assert_ok(whet_graph_input(g, "a first", WHET_F32, &d, &b));
    assert_ok(whet_graph_op1(g, "Add", WHET_IN(a, b), WHET_NO_ATTRS, &c));
    assert_ok(whet_graph_node(g, "Relu", "relu", 1, &c, 0, NULL, 1, &name, &y));
    assert_ok(whet_graph_output(g, y));
    assert_ok(whet_graph_output(g, a));
    return g;
}

static void names_order_and_metadata(void **state)
{
    whet_contract c, back;
    char *json = NULL;
    whet_graph *g = small_graph(), *again = NULL;
    written w;
    (void)state;
    whet_contract_init(&c);
    whet_contract_init(&back);
    c.given = true;
    c.height = c.width = 32;
    c.mean[0] = 0.485f;
    assert_ok(whet_contract_set_labels(&c, 2, (const char *const[]){"great cat", "dog"}));
    assert_ok(whet_contract_to_json(&c, &json));
    assert_ok(whet_graph_set_meta(g, WHET_CONTRACT_META, json));
    assert_ok(whet_graph_set_meta(g, "licence", "CC0\nsecond line"));
    write_mem(g, &w);
    assert_non_null(strstr(w.xml, "<labels value=\"great_cat dog\" />"));
    assert_non_null(strstr(w.xml, "<mean_values value=\"123.67"));
    assert_ok(whet_openvino_read_mem(&again, w.xml, w.xml_size, w.bin, w.bin_size, "m.xml"));
    assert_string_equal(whet_graph_get_meta(again, WHET_CONTRACT_META), json);
    assert_string_equal(whet_graph_get_meta(again, "licence"), "CC0\nsecond line");
    assert_int_equal(again->n_inputs, 2);
    assert_string_equal(again->values[again->inputs[0]].name, "z,last");
    assert_string_equal(again->values[again->inputs[1]].name, "a first");
    assert_string_equal(again->values[again->outputs[0]].name, "out,put <&>\"\t'");
    assert_int_equal(again->outputs[1], again->inputs[0]);
    whet_graph_free(again);
    /* without ours, what OpenVINO's own programs write is understood */
    char *own = strstr(w.xml, "<whet_metadata>");
    memset(own, ' ', (size_t)(strstr(w.xml, "</whet_metadata>") + 16 - own));
    assert_ok(whet_openvino_read_mem(&again, w.xml, w.xml_size, w.bin, w.bin_size, "m.xml"));
    assert_ok(whet_contract_from_json(&back, whet_graph_get_meta(again, WHET_CONTRACT_META)));
    assert_int_equal(back.n_labels, 2);
    assert_string_equal(back.labels[0], "great_cat");
    assert_true(fabsf(whet_contract_level(&back, 100, 0) - whet_contract_level(&c, 100, 0)) < 1e-5f);
    whet_graph_free(again);
    write_free(&w);
    whet_free(json);
    whet_contract_dispose(&c);
    whet_contract_dispose(&back);
    whet_graph_free(g);
}

static void large_constants_are_views(void **state)
{
    char *dir = support_tmpdir(), *path = whet_path_join(dir, "m.xml");
    whet_graph *g = NULL, *again = NULL;
    whet_vid x = 0, c = 0, y = 0;
    whet_tensor t;
    const whet_dims d = {.rank = 2, .dims = {1, 300}};
    const whet_shape s = WHET_SHAPE(300, 300);
    (void)state;
    whet_tensor_init(&t);
    assert_ok(whet_tensor_alloc(&t, WHET_F32, &s));
    for (int64_t i = 0; i < 90000; i++) ((float *)t.data)[i] = (float)i;
    assert_ok(whet_graph_create(&g, "large"));
    assert_ok(whet_graph_input(g, "x", WHET_F32, &d, &x));
    assert_ok(whet_graph_const(g, "w", &t, &c));
    assert_ok(whet_graph_op1(g, "MatMul", WHET_IN(x, c), WHET_NO_ATTRS, &y));
    assert_ok(whet_graph_output(g, y));
    assert_ok(whet_openvino_write(g, path, NULL));
    assert_ok(whet_openvino_read(&again, path, NULL));
    const whet_tensor *back = whet_graph_const_data(again, whet_graph_find(again, "w"));
    assert_memory_equal(back->data, t.data, whet_tensor_bytes(&t));
    assert_status(whet_openvino_write(g, "/tmp/model.ir", NULL), WHET_EINVAL);
    assert_contains(whet_error_message(), "does not end in .xml");
    whet_graph_free(g);
    whet_graph_free(again);
    whet_tensor_dispose(&t);
    whet_free(path);
    support_rmtree(dir);
}

static void what_has_no_form_is_named(void **state)
{
    whet_graph *g = NULL;
    whet_vid x = 0, y = 0;
    written w;
    const whet_dims d = {.rank = 2, .dims = {2, 3}};
    (void)state;
    assert_ok(whet_graph_create(&g, "refused"));
    assert_ok(whet_graph_input(g, "x", WHET_F32, &d, &x));
    assert_ok(whet_graph_node(g, "Trilu", "triangle", 1, &x, 0, NULL, 1, NULL, &y));
    assert_ok(whet_graph_output(g, y));
    assert_status(whet_openvino_write_mem(g, &w.xml, &w.xml_size, &w.bin, &w.bin_size, NULL), WHET_EUNSUPPORTED);
    assert_contains(whet_error_message(), "Trilu: the operator has no form in OpenVINO IR");
    assert_contains(whet_error_message(), "triangle");
    whet_graph_free(g);
}

static whet_status both_ways(void *arg)
{
    written w = {NULL, NULL, 0, 0};
    whet_graph *again = NULL;
    whet_status status = whet_openvino_write_mem(arg, &w.xml, &w.xml_size, &w.bin, &w.bin_size, NULL);
    if (status == WHET_OK) status = whet_openvino_read_mem(&again, w.xml, w.xml_size, w.bin, w.bin_size, "a.xml");
    write_free(&w);
    whet_graph_free(again);
    return status;
}

static void failing_allocations(void **state)
{
    whet_graph *g = NULL;
    whet_model_options o;
    (void)state;
    whet_model_options_init(&o);
    assert_ok(whet_model_build("lenet", &o, &g));
    whet_graph *r = ready(g);
    assert_true(support_fail_each_allocation(both_ways, r) > 100);
    whet_graph_free(g);
    whet_graph_free(r);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_zoo_comes_back), cmocka_unit_test(quantised_networks_come_back), cmocka_unit_test(names_order_and_metadata),
        cmocka_unit_test(large_constants_are_views), cmocka_unit_test(what_has_no_form_is_named), cmocka_unit_test(failing_allocations)};
    if (argc > 3) return convert(argc, argv);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
