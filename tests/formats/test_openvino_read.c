/* SPDX-License-Identifier: Apache-2.0 */
/* OpenVINO IR: networks that OpenVINO and NNCF wrote, run on the executor against the outputs that OpenVINO stored; written
 * again and read again; constants keep their bits. */
#include <math.h>

#include "support.h"
#include "exec/exec.h"
#include "formats/npy/npy_tensor.h"
#include "formats/openvino/openvino.h"
#include "passes/lower.h"
#include "passes/passes.h"
#include "run_graph.h"

static const char *const nets[] = {"resnet", "mobilenetv2", "unet", "efficientnet", "convnext", "deeplab", "vit"};
static const struct { const char *name; double bound, cosine; } kinds[] = {{"fp32", 1e-4, 1}, {"fp16", 2e-3, 1}, {"int8", 1, 0.998}};

typedef struct agreement { double distance, cosine; } agreement;

static agreement compare(const whet_tensor *a, const whet_tensor *b)
{
    double d = 0, top = 0, aa = 0, bb = 0, ab = 0;
    assert_int_equal(a->dtype, b->dtype);
    assert_true(whet_shape_equal(&a->shape, &b->shape));
    for (int64_t i = 0; i < whet_tensor_numel(b); i++) {
        const double x = whet_tensor_get_f64(a, i), y = whet_tensor_get_f64(b, i);
        d = isfinite(x) ? fmax(d, fabs(x - y)) : INFINITY;
        top = fmax(top, fabs(y));
        aa += x * x;
        bb += y * y;
        ab += x * y;
    }
    return (agreement){d / top, ab / sqrt(aa * bb)};
}

static void written_again(const whet_graph *g, whet_graph **out)
{
    char *xml = NULL, *second = NULL;
    uint8_t *bin = NULL, *second_bin = NULL;
    size_t n = 0, m = 0, n2 = 0, m2 = 0;
    assert_ok(whet_openvino_write_mem(g, &xml, &n, &bin, &m, NULL));
    assert_ok(whet_openvino_write_mem(g, &second, &n2, &second_bin, &m2, NULL));
    assert_true(n == n2 && m == m2 && memcmp(xml, second, n) == 0 && memcmp(bin, second_bin, m) == 0);
    assert_ok(whet_openvino_read_mem(out, xml, n, bin, m, "again.xml"));
    whet_free(xml);
    whet_free(bin);
    whet_free(second);
    whet_free(second_bin);
}

/* Every weight of the first graph stands in the second with the same bits. */
static int equal_constants(const whet_graph *a, const whet_graph *b)
{
    int n = 0;
    for (int i = 0; i < a->n_values; i++) {
        const whet_value *v = &a->values[i];
        if (v->kind != WHET_VALUE_CONST || whet_tensor_numel(&v->data) < 16 || v->data.dtype == WHET_S64) continue;
        bool found = false;
        for (int k = 0; k < b->n_values && !found; k++) {
            const whet_value *u = &b->values[k];
            found = u->kind == WHET_VALUE_CONST && u->data.dtype == v->data.dtype && whet_tensor_bytes(&u->data) == whet_tensor_bytes(&v->data) &&
                    memcmp(u->data.data, v->data.data, whet_tensor_bytes(&v->data)) == 0;
        }
        if (!found) print_error("constant '%s' is missing or has other bits\n", v->name);
        assert_true(found);
        n++;
    }
    return n;
}

static void networks(void **state)
{
    (void)state;
    for (size_t i = 0; i < WHET_COUNT(nets); i++)
        for (size_t k = 0; k < WHET_COUNT(kinds); k++) {
            char rel[128];
            whet_graph *g = NULL, *again = NULL;
            whet_tensor x, want, y, z;
            snprintf(rel, sizeof(rel), "interop/openvino/%s/input.npy", nets[i]);
            support_shared(x_path, rel);
            snprintf(rel, sizeof(rel), "interop/openvino/%s/%s_output.npy", nets[i], kinds[k].name);
            support_shared(y_path, rel);
            snprintf(rel, sizeof(rel), "interop/openvino/%s/%s.xml", nets[i], kinds[k].name);
            support_shared(path, rel);
            assert_ok(whet_npy_read_tensor(&x, x_path));
            assert_ok(whet_npy_read_tensor(&want, y_path));
            assert_ok(whet_openvino_read(&g, path, NULL));
            run(g, &x, &y);
            const agreement a = compare(&y, &want);
            written_again(g, &again);
            run(again, &x, &z);
            const agreement b = compare(&z, &y);
            const int n = equal_constants(g, again);
            printf("%s: %d nodes, off by %.2g of the largest output, cosine %.5f; written again by %.2g, %d weights equal\n", rel, g->n_nodes,
                   a.distance, a.cosine, b.distance, n);
            if (a.distance > kinds[k].bound || a.cosine < kinds[k].cosine - 1e-6) fail_msg("%s: off by %g, cosine %g", rel, a.distance, a.cosine);
            if (b.distance > 1e-5 && (kinds[k].cosine == 1 || b.cosine < 0.9999)) fail_msg("%s: written again it is off by %g", rel, b.distance);
            assert_int_equal(g->n_inputs, again->n_inputs);
            assert_string_equal(g->values[g->inputs[0]].name, again->values[again->inputs[0]].name);
            assert_string_equal(g->values[g->outputs[0]].name, again->values[again->outputs[0]].name);
            whet_tensor_dispose(&x);
            whet_tensor_dispose(&want);
            whet_tensor_dispose(&y);
            whet_tensor_dispose(&z);
            whet_graph_free(g);
            whet_graph_free(again);
        }
}

/* --- refusals */

#define NET(body) "<?xml version=\"1.0\"?>\n<net name=\"n\" version=\"11\">" body "</net>"
#define PARAMETER                                                                                                     \
    "<layer id=\"0\" name=\"x\" type=\"Parameter\" version=\"opset1\"><data shape=\"2,3\" element_type=\"f32\"/>"          \
    "<output><port id=\"0\" precision=\"FP32\"><dim>2</dim><dim>3</dim></port></output></layer>"
#define LAYER(type, version, inside)                                                                                  \
    "<layer id=\"1\" name=\"it\" type=\"" type "\" version=\"" version "\">" inside                                       \
    "<input><port id=\"0\"/></input><output><port id=\"1\" precision=\"FP32\"><dim>2</dim><dim>3</dim></port></output></layer>"
#define RESULT "<layer id=\"2\" name=\"r\" type=\"Result\" version=\"opset1\"><input><port id=\"0\"/></input></layer>"
#define EDGE(a, p, b, q) "<edge from-layer=\"" a "\" from-port=\"" p "\" to-layer=\"" b "\" to-port=\"" q "\"/>"
#define CHAIN EDGE("0", "0", "1", "0") EDGE("1", "1", "2", "0")
#define MODEL(layer) NET("<layers>" PARAMETER layer RESULT "</layers><edges>" CHAIN "</edges>")
#define CONST(data)                                                                                                   \
    NET("<layers><layer id=\"1\" name=\"it\" type=\"Const\" version=\"opset1\"><data " data "/>"                           \
        "<output><port id=\"1\" precision=\"FP32\"><dim>2</dim></port></output></layer>" RESULT "</layers><edges>"            \
        EDGE("1", "1", "2", "0") "</edges>")

static const struct refusal { const char *xml; whet_status status; const char *text; } refusals[] = {
    {"", WHET_EFORMAT, "this is no XML document"},
    {"<net", WHET_EFORMAT, "this is no XML document"},
    {"<model/>", WHET_EFORMAT, "root element 'model' instead of 'net'"},
    {"<net name=\"n\" version=\"9\"/>", WHET_EUNSUPPORTED, "IR version 9 is not handled, 10 and 11 are"},
    {"<!DOCTYPE net [<!ENTITY a \"b\">]><net name=\"&a;\" version=\"11\"/>", WHET_EFORMAT, "a document type ('net') is refused"},
    {NET(""), WHET_EFORMAT, "the model has no Result"},
    {MODEL(LAYER("NonMaxSuppression", "opset9", "")), WHET_EUNSUPPORTED, "operator 'NonMaxSuppression' (opset9) is not handled"},
    {MODEL(LAYER("Relu", "opset1", "")), WHET_EUNSUPPORTED, "did you mean 'ReLU'?"},
    {MODEL(LAYER("ReLU", "opset99", "")), WHET_EUNSUPPORTED, "operator 'ReLU' of opset99 is not handled"},
    {MODEL(LAYER("Foo", "extension", "")), WHET_EUNSUPPORTED, "operator 'Foo' of the set 'extension' is not handled"},
    {MODEL(LAYER("If", "opset8", "<then_body><layers/></then_body>")), WHET_EUNSUPPORTED, "operator 'If' with a graph inside is not handled"},
    {MODEL(LAYER("ReLU", "opset1", "<data color=\"red\"/>")), WHET_EUNSUPPORTED, "ReLU (opset1): attribute 'color' is not handled"},
    {MODEL(LAYER("SoftMax", "opset8", "<data axis=\"4\"/>")), WHET_EFORMAT, "axis 4 of rank 2"},
    {MODEL(LAYER("SoftMax", "opset8", "<data axis=\"one\"/>")), WHET_EFORMAT, "attribute axis = 'one' is no whole number"},
    {MODEL(LAYER("Add", "opset1", "")), WHET_EFORMAT, "Add (opset1): input 1 is not connected"},
    {NET("<layers>" PARAMETER RESULT "</layers><edges>" EDGE("0", "0", "7", "0") "</edges>"), WHET_EFORMAT, "there is no such layer"},
    {NET("<layers>" PARAMETER RESULT "</layers><edges>" EDGE("0", "5", "2", "0") "</edges>"), WHET_EFORMAT, "there is no such output port"},
    {NET("<layers>" PARAMETER PARAMETER "</layers>"), WHET_EFORMAT, "two layers have the id 0"},
    {NET("<layers>" LAYER("ReLU", "opset1", "") RESULT "</layers><edges>" EDGE("1", "1", "1", "0") EDGE("1", "1", "2", "0") "</edges>"), WHET_EFORMAT,
     "the layers form a cycle"},
    {CONST("element_type=\"f32\" shape=\"2\" offset=\"9\" size=\"8\""), WHET_EFORMAT, "8 bytes at 9 are wanted, but the .bin has 16"},
    {CONST("element_type=\"f32\" shape=\"2\" offset=\"18446744073709551615\" size=\"8\""), WHET_EFORMAT, "are wanted, but the .bin has 16"},
    {CONST("element_type=\"f32\" shape=\"2\" offset=\"0\" size=\"4\""), WHET_EFORMAT, "4 bytes at 0 of the .bin; 8 are needed"},
    {CONST("element_type=\"f32\" shape=\"4294967296,4294967296\" offset=\"0\" size=\"8\""), WHET_ENOMEM, ""},
    {CONST("element_type=\"nf4\" shape=\"2\" offset=\"0\" size=\"8\""), WHET_EUNSUPPORTED, "element type 'nf4' is not handled"},
    {CONST("element_type=\"f32\" shape=\"-2\" offset=\"0\" size=\"8\""), WHET_EFORMAT, "dimension 0 is negative"}};

static void refused_by_name(void **state)
{
    static const uint8_t bin[16];
    (void)state;
    for (size_t i = 0; i < WHET_COUNT(refusals); i++) {
        const struct refusal *r = &refusals[i];
        whet_graph *g = NULL;
        const whet_status status = whet_openvino_read_mem(&g, r->xml, strlen(r->xml), bin, sizeof(bin), "r.xml");
        if (status != r->status || !strstr(whet_error_message(), r->text))
            fail_msg("case %zu gave %s '%s', wanted %s '%s'", i, whet_status_name(status), whet_error_message(), whet_status_name(r->status), r->text);
        assert_null(g);
        assert_string_equal(whet_error_last()->file, "r.xml");
    }
}

static void deep_nesting(void **state)
{
    char *xml = whet_calloc(1 << 16, 1); /* 27 bytes, then the elements */
    whet_graph *g = NULL;
    (void)state;
    strcpy(xml, "<net name=\"n\" version=\"11\">");
    for (int i = 0; i < 10000; i++) strcpy(xml + 27 + 3 * (size_t)i, "<a>");
    assert_status(whet_openvino_read_mem(&g, xml, strlen(xml), NULL, 0, "deep.xml"), WHET_EFORMAT);
    assert_contains(whet_error_message(), "nested deeper than 64");
    whet_free(xml);
}

/* A .bin that is too short is told by the layer that misses its bytes. */
static void short_constants(void **state)
{
    support_shared(xml_path, "interop/openvino/resnet/fp32.xml");
    support_shared(bin_path, "interop/openvino/resnet/fp32.bin");
    uint8_t *xml = NULL, *bin = NULL;
    size_t n = 0, m = 0;
    (void)state;
    assert_ok(whet_file_read(&xml, &n, xml_path, 1 << 28));
    assert_ok(whet_file_read(&bin, &m, bin_path, 1 << 28));
    for (size_t cut = 0; cut < m; cut += m / 20 + 1) {
        whet_graph *g = NULL;
        assert_status(whet_openvino_read_mem(&g, xml, n, bin, cut, "cut.xml"), WHET_EFORMAT);
        assert_contains(whet_error_message(), "but the .bin has");
        assert_true(whet_error_last()->node[0] != '\0');
    }
    whet_free(xml);
    whet_free(bin);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(networks), cmocka_unit_test(refused_by_name), cmocka_unit_test(deep_nesting),
                                       cmocka_unit_test(short_constants)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
