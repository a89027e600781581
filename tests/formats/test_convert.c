/* SPDX-License-Identifier: Apache-2.0 */
/* The converter's steps on graphs in memory and on files of PyTorch: each keeps what is computed, and tells what it did. */
#include <math.h>

#include "support.h"
#include "convert/convert.h"
#include "convert/targets.h"
#include "data/contract.h"
#include "exec/exec.h"
#include "formats/npy/npy_tensor.h"
#include "formats/onnx/onnx.h"
#include "ir/op.h"
#include "passes/lower.h"
#include "passes/passes.h"
#include "distance.h"

static void run(const whet_graph *g, const whet_tensor *x, whet_tensor *y)
{
    whet_tensor_init(y);
    assert_ok(whet_convert_reference(g, x, y));
}

static whet_graph *open_net(const char *net, whet_tensor *x, whet_tensor *y)
{
    char rel[128];
    whet_graph *g = NULL;
    snprintf(rel, sizeof(rel), "interop/pytorch/%s/legacy.onnx", net);
    support_shared(path, rel);
    assert_ok(whet_onnx_read(&g, path, NULL));
    snprintf(rel, sizeof(rel), "interop/pytorch/%s/input.npy", net);
    support_shared(x_path, rel);
    assert_ok(whet_npy_read_tensor(x, x_path));
    run(g, x, y);
    return g;
}

static int count(const whet_graph *g, const char *op)
{
    int n = 0;
    for (int i = 0; i < g->n_nodes; i++) n += whet_node_is(&g->nodes[i], op);
    return n;
}

static int noted(const whet_convert_report *r, const char *what, const char *op)
{
    int n = 0;
    const json_t *o = NULL;
    size_t i = 0;
    json_array_foreach(r->nodes, i, o)
        n += strcmp(json_string_value(json_object_get(o, "what")), what) == 0 && strcmp(json_string_value(json_object_get(o, "op")), op) == 0;
    return n;
}

/* Graphs that the engine's own passes have fused are written too: every fused operator has a way back. */
static void fused_graphs_are_written(void **state)
{
    static const char *const nets[] = {"resnet", "vit", "efficientnet", "convnext"};
    int attention = 0, products = 0;
    (void)state;
    for (size_t i = 0; i < WHET_COUNT(nets); i++)
        for (int opset = 13; opset <= 21; opset += 4) {
            whet_tensor x, y, z;
            whet_pass_options o;
            whet_onnx_write_options wo;
            whet_graph *g = open_net(nets[i], &x, &y), *again = NULL;
            uint8_t *bytes = NULL;
            size_t n = 0;
            whet_pass_options_init(&o);
            o.freeze = true;
            assert_ok(whet_passes_run(g, &o, NULL));
            attention += count(g, "whet.FusedAttention");
            products += count(g, "whet.FusedMatMul") + count(g, "whet.FusedConv");
            whet_onnx_write_options_init(&wo);
            wo.opset = opset;
            assert_ok(whet_onnx_write_mem(g, &bytes, &n, &wo));
            assert_ok(whet_onnx_read_mem(&again, bytes, n, "fused.onnx", NULL, NULL));
            run(again, &x, &z);
            if (!(distance(&z, &y) <= 1e-4)) fail_msg("%s, opset %d: %g", nets[i], opset, distance(&z, &y));
            whet_tensor_dispose(&x);
            whet_tensor_dispose(&y);
            whet_tensor_dispose(&z);
            whet_graph_free(g);
            whet_graph_free(again);
            whet_free(bytes);
        }
    assert_true(attention > 0 && products > 0);
}

static void graphs_are_cut(void **state)
{
    whet_tensor x, y, middle, z;
    whet_graph *g = open_net("resnet", &x, &y), *head = NULL, *tail = NULL;
    const char *const at[] = {"/layer2/layer2.0/act2/Relu"}, *const shaped[] = {"input:2x3x64x64"};
    const char *const wrong[] = {"/layer2/layer2.0/act2/Rel"}, *const weight[] = {"fc.weight"}, *const bad[] = {"input:2x3x64"};
    (void)state;
    whet_graph_set_meta(g, WHET_CONTRACT_META, "{}");
    assert_ok(whet_graph_clone(&head, g));
    assert_ok(whet_convert_cut(head, 0, NULL, 1, at, NULL));
    run(head, &x, &middle);
    assert_non_null(whet_graph_get_meta(head, WHET_CONTRACT_META));
    assert_ok(whet_graph_clone(&tail, g));
    assert_ok(whet_convert_cut(tail, 1, at, 0, NULL, NULL));
    assert_int_equal(tail->n_inputs, 1);
    assert_null(whet_graph_get_meta(tail, WHET_CONTRACT_META));
    run(tail, &middle, &z);
    assert_true(distance(&z, &y) == 0);
    assert_true(tail->n_nodes + head->n_nodes == g->n_nodes);
    assert_ok(whet_convert_cut(g, 1, shaped, 0, NULL, NULL));
    assert_int_equal(g->values[g->outputs[0]].dims.dims[0], 2);
    assert_status(whet_convert_cut(g, 0, NULL, 1, wrong, NULL), WHET_EINVAL);
    assert_contains(whet_error_message(), "did you mean '/layer2/layer2.0/act2/Relu'?");
    assert_status(whet_convert_cut(g, 1, weight, 0, NULL, NULL), WHET_EINVAL);
    assert_contains(whet_error_message(), "that is a constant");
    assert_status(whet_convert_cut(g, 1, bad, 0, NULL, NULL), WHET_EINVAL);
    assert_contains(whet_error_message(), "the graph has 2x3x64x64 there, not 2x3x64");
    whet_graph_free(g);
    whet_graph_free(head);
    whet_graph_free(tail);
    whet_tensor_dispose(&x);
    whet_tensor_dispose(&y);
    whet_tensor_dispose(&z);
    whet_tensor_dispose(&middle);
}

/* Pixels in, the same numbers out: colours in both orders. */
static void contracts_are_baked(void **state)
{
    static const char *const colors[] = {"rgb", "bgr"};
    (void)state;
    for (size_t k = 0; k < WHET_COUNT(colors); k++) {
        whet_tensor x, y, want, pixels = {0};
        whet_graph *g = open_net("resnet", &x, &y);
        whet_contract c, raw;
        whet_image img = {0};
        char *json = NULL;
        const whet_shape shape = WHET_SHAPE(1, 64, 64, 3), one = WHET_SHAPE(1, 3, 64, 64);
        whet_contract_init(&c);
        whet_contract_init(&raw);
        assert_status(whet_convert_bake(g, true, 17, NULL), WHET_EINVAL);
        assert_contains(whet_error_message(), "carries no preprocessing contract to bake");
        assert_ok(whet_contract_load(&c, "imagenet"));
        assert_ok(whet_contract_set(&c, "color", colors[k]));
        assert_ok(whet_contract_set(&c, "size", "64x64"));
        assert_ok(whet_contract_to_json(&c, &json));
        assert_ok(whet_graph_set_meta(g, WHET_CONTRACT_META, json));
        assert_ok(whet_convert_picture(&img, 64, 64, 3, 5));
        assert_ok(whet_tensor_alloc(&pixels, WHET_U8, &shape));
        memcpy(pixels.data, img.data, 64 * 64 * 3);
        whet_tensor_dispose(&x);
        assert_ok(whet_tensor_alloc(&x, WHET_F32, &one));
        assert_ok(whet_contract_apply(&c, &img, 3, 64, 64, x.data));
        run(g, &x, &want);
        whet_tensor_dispose(&y);
        assert_ok(whet_convert_bake(g, true, 17, NULL));
        assert_int_equal(g->values[g->inputs[0]].dtype, WHET_U8);
        assert_string_equal(g->values[g->inputs[0]].name, "input");
        run(g, &pixels, &y);
        assert_true(distance(&y, &want) <= 1e-5);
        assert_ok(whet_contract_from_json(&raw, whet_graph_get_meta(g, WHET_CONTRACT_META)));
        assert_true(raw.nhwc && raw.scale == 1 && raw.mean[0] == 0 && raw.std[2] == 1 && raw.color == WHET_COLOR_RGB);
        whet_free(json);
        whet_image_dispose(&img);
        whet_contract_dispose(&c);
        whet_contract_dispose(&raw);
        whet_tensor_dispose(&x);
        whet_tensor_dispose(&y);
        whet_tensor_dispose(&want);
        whet_tensor_dispose(&pixels);
        whet_graph_free(g);
    }
}

static size_t bytes_of(const whet_graph *g)
{
    size_t n = 0;
    for (int v = 0; v < g->n_values; v++)
        if (g->values[v].data.buffer) n += whet_tensor_bytes(&g->values[v].data);
    return n;
}

static void weights_are_halved(void **state)
{
    whet_tensor x, y, z;
    whet_graph *g = open_net("resnet", &x, &y);
    const size_t before = bytes_of(g);
    (void)state;
    assert_ok(whet_convert_half(g, true, NULL));
    assert_true(bytes_of(g) > before * 9 / 10); /* random weights lose something */
    assert_ok(whet_convert_half(g, false, NULL));
    assert_true(bytes_of(g) < before * 6 / 10);
    run(g, &x, &z);
    assert_true(distance(&z, &y) <= 3e-3 && distance(&z, &y) > 0);
    whet_tensor_dispose(&z);
    assert_ok(whet_convert_widen(g, NULL)); /* and back: nothing is lost twice */
    assert_true(bytes_of(g) > before * 9 / 10);
    assert_ok(whet_convert_half(g, true, NULL));
    assert_true(bytes_of(g) < before * 6 / 10);
    whet_tensor_dispose(&x);
    whet_tensor_dispose(&y);
    whet_graph_free(g);
}

/* What exporters compute from shapes becomes constants, but for the batch: x -> Reshape(x, Concat(Gather(Shape(x), 0), 48)). */
static void shapes_are_fixed(void **state)
{
    const whet_dims dims = {.rank = 4, .dims = {-1, 3, 4, 4}};
    const whet_shape shape = WHET_SHAPE(5, 3, 4, 4);
    const int64_t zero = 0, rest = 48;
    whet_graph *g = NULL;
    whet_vid x, sizes, at, n, more, to, y;
    whet_tensor in = {0}, out = {0};
    (void)state;
    assert_ok(whet_graph_create(&g, "g"));
    assert_ok(whet_graph_input(g, "x", WHET_F32, &dims, &x));
    g->values[x].dims.dims[0] = whet_graph_symbol(g, "N");
    assert_ok(whet_graph_op1(g, "Shape", WHET_IN(x), WHET_NO_ATTRS, &sizes));
    assert_ok(whet_graph_const_s64(g, NULL, 1, &zero, &at));
    assert_ok(whet_graph_op1(g, "Gather", WHET_IN(sizes, at), WHET_NO_ATTRS, &n));
    assert_ok(whet_graph_op1(g, "Mul", WHET_IN(n, at), WHET_NO_ATTRS, &more)); /* beyond what inference follows */
    assert_ok(whet_graph_op1(g, "Add", WHET_IN(n, more), WHET_NO_ATTRS, &n));
    assert_ok(whet_graph_const_s64(g, NULL, 1, &rest, &more));
    assert_ok(whet_graph_op1(g, "Concat", WHET_IN(n, more), WHET_ATTRS(whet_attr_int("axis", 0)), &to));
    assert_ok(whet_graph_op1(g, "Reshape", WHET_IN(x, to), WHET_NO_ATTRS, &y));
    assert_ok(whet_graph_output(g, y));
    assert_ok(whet_convert_static(g, NULL));
    assert_int_equal(g->n_nodes, 1);
    const whet_tensor *fixed = whet_graph_const_data(g, g->nodes[0].in[1]);
    assert_non_null(fixed);
    assert_int_equal(whet_tensor_get_s64(fixed, 0), -1);
    assert_int_equal(whet_tensor_get_s64(fixed, 1), 48);
    assert_ok(whet_tensor_alloc(&in, WHET_F32, &shape));
    run(g, &in, &out);
    assert_int_equal(out.shape.dims[0], 5);
    g->values[g->inputs[0]].dims.dims[2] = whet_graph_symbol(g, "H");
    assert_status(whet_convert_static(g, NULL), WHET_ESHAPE);
    assert_contains(whet_error_message(), "dimension 2 of input 'x' is free, but fixed shapes are wanted: give --cut-input x:SHAPE");
    whet_tensor_dispose(&in);
    whet_tensor_dispose(&out);
    whet_graph_free(g);
}

/* A format of the test: takes what it is given, but no MaxPool and no Add. */
static whet_status picky(const whet_graph *g, const char *path, const whet_format_options *o)
{
    (void)path;
    (void)o;
    for (int i = 0; i < g->n_nodes; i++)
        if (whet_node_is(&g->nodes[i], "MaxPool") || whet_node_is(&g->nodes[i], "Add")) {
            WHET_FAIL(WHET_EUNSUPPORTED, "%s is not wanted", g->nodes[i].op->name);
            whet_error_at_node(g->nodes[i].name);
            return WHET_EUNSUPPORTED;
        }
    return WHET_OK;
}

static void nodes_are_reported(void **state)
{
    const whet_model_format format = {.name = "picky", .ext = ".picky", .title = "Picky", .traits = WHET_FORMAT_FROZEN | WHET_FORMAT_FOLDED, .write = picky};
    whet_format_options ro;
    whet_graph *g = NULL, *ready = NULL;
    whet_convert_report r;
    support_shared(path, "interop/pytorch/resnet/train.onnx");
    (void)state;
    whet_format_options_init(&ro);
    ro.keep_training = false;
    assert_ok(whet_format_read(&g, path, &ro));
    assert_ok(whet_convert_report_init(&r));
    assert_ok(whet_convert_prepare(&ready, g, &format, NULL, &r));
    assert_int_equal(count(ready, "BatchNormalization"), 0);
    assert_int_equal(noted(&r, "folded", "BatchNormalization"), count(g, "BatchNormalization"));
    whet_graph_free(ready);
    assert_status(whet_convert_graph(g, &format, "x.picky", NULL, &r), WHET_EUNSUPPORTED);
    assert_contains(whet_error_message(), "is not wanted");
    assert_int_equal(noted(&r, "refused", "MaxPool"), count(g, "MaxPool"));
    assert_int_equal(noted(&r, "refused", "Add"), count(g, "Add"));
    whet_convert_report_dispose(&r);
    whet_graph_free(g);
}

/* An int8 model stays one; a scale that is computed is written out exactly where it must be. */
static void quantised_graphs_stay_quantised(void **state)
{
    const whet_model_format format = {.name = "any", .ext = ".any", .title = "Any", .traits = WHET_FORMAT_FROZEN | WHET_FORMAT_FOLDED, .write = picky};
    static const char *const kinds[] = {"qdq_u8s8", "dynamic"};
    (void)state;
    for (size_t k = 0; k < WHET_COUNT(kinds); k++) {
        char rel[128];
        whet_tensor x, y, z;
        whet_graph *g = NULL, *ready = NULL;
        int constants = 0;
        snprintf(rel, sizeof(rel), "interop/onnx/resnet/%s.onnx", kinds[k]);
        support_shared(path, rel);
        support_shared(x_path, "interop/onnx/resnet/input.npy");
        assert_ok(whet_onnx_read(&g, path, NULL));
        assert_ok(whet_npy_read_tensor(&x, x_path));
        run(g, &x, &y);
        assert_ok(whet_convert_prepare(&ready, g, &format, NULL, NULL));
        for (int i = 0; i < ready->n_nodes; i++) {
            const whet_node *n = &ready->nodes[i];
            if (!whet_node_is(n, "DequantizeLinear")) continue;
            constants += ready->values[n->in[0]].kind == WHET_VALUE_CONST;
            assert_non_null(whet_graph_const_data(ready, n->in[1]));
        }
        assert_true(constants >= 14);
        run(ready, &x, &z);
        assert_true(distance(&z, &y) <= 1e-6);
        whet_tensor_dispose(&x);
        whet_tensor_dispose(&y);
        whet_tensor_dispose(&z);
        whet_graph_free(g);
        whet_graph_free(ready);
    }
}

static void targets_are_judged(void **state)
{
    static const struct { const char *target; bool runs; } cases[] = {
        {"ort@1.16", true}, {"ort@1.5", false}, {"ort", true}, {"litert@2.3", false}, {"openvino@2024", true}, {"edgetpu", false}};
    static const char *const bad[] = {"ort@2.0", "ort@1.99", "litert@9", "tensorrt", "ort@", "openvino@2031", "edgetpu@1"};
    whet_tensor x, y;
    whet_graph *g = open_net("resnet", &x, &y);
    (void)state;
    for (size_t i = 0; i < WHET_COUNT(cases); i++) {
        json_t *o = NULL;
        assert_ok(whet_target_judge(&o, g, "onnx", cases[i].target));
        if (json_is_true(json_object_get(o, "runs")) != cases[i].runs) fail_msg("%s", cases[i].target);
        json_decref(o);
    }
    for (size_t i = 0; i < WHET_COUNT(bad); i++) {
        json_t *o = NULL;
        assert_status(whet_target_judge(&o, g, "onnx", bad[i]), WHET_EINVAL);
        assert_null(o);
    }
    whet_tensor_dispose(&x);
    whet_tensor_dispose(&y);
    whet_graph_free(g);
}

/* Grey pictures as integers: dequantised, a rectifier, quantised again. */
static whet_graph *integer_net(whet_dtype t, float scale, int zero, const char *preset)
{
    const whet_dims dims = {.rank = 4, .dims = {1, 1, 16, 16}};
    whet_graph *g = NULL;
    whet_contract c;
    whet_vid x, s, z, y;
    char *json = NULL;
    assert_ok(whet_graph_create(&g, "integers"));
    assert_ok(whet_graph_input(g, "x", t, &dims, &x));
    assert_ok(whet_graph_const_f32(g, "scale", scale, &s));
    assert_ok(whet_graph_const_like(g, t, zero, &z));
    assert_ok(whet_graph_op1(g, "DequantizeLinear", WHET_IN(x, s, z), 0, NULL, &y));
    assert_ok(whet_graph_op1(g, "Relu", WHET_IN(y), 0, NULL, &y));
    assert_ok(whet_graph_output(g, y));
    whet_contract_init(&c);
    assert_ok(whet_contract_load(&c, preset));
    c.color = WHET_COLOR_GRAY;
    assert_ok(whet_contract_to_json(&c, &json));
    assert_ok(whet_graph_set_meta(g, WHET_CONTRACT_META, json));
    whet_free(json);
    whet_contract_dispose(&c);
    return g;
}

/* What the model is given for grey level x by what the graph says of itself. */
static int integer_of(const whet_graph *g, const whet_contract *c, int x)
{
    const double low = g->values[g->inputs[0]].dtype == WHET_S8 ? -128 : 0;
    double scale = 1;
    int zero = 0;
    (void)whet_convert_border(g, &scale, &zero);
    return (int)fmax(low, fmin(low + 255, rint((double)whet_contract_level(c, (float)x, 0) / scale) + zero));
}

static void contract_of(const whet_graph *g, whet_contract *c)
{
    const char *json = whet_graph_get_meta(g, WHET_CONTRACT_META);
    assert_non_null(json);
    whet_contract_init(c);
    assert_ok(whet_contract_from_json(c, json));
}

/* Whether or not a format says what the integers of an input stand for: a picture becomes the same integers. */
static void integers_keep_their_contract(void **state)
{
    static const struct { whet_dtype t; float scale; int zero; const char *preset; } cases[] = {
        {WHET_U8, 1.f / 255, 0, "unit"}, {WHET_S8, 1.f / 255, -128, "unit"}, {WHET_U8, 1.f / 128, 128, "pm1"}, {WHET_S8, 0.0186f, -14, "imagenet"}};
#ifdef WHET_MINIMAL
    static const char *const formats[] = {"onnx", "tflite", "saved_model", "tensorflow"};
#else
    static const char *const formats[] = {"onnx", "tflite", "saved_model", "tensorflow", "openvino", "torchscript"};
#endif
    char *dir = support_tmpdir();
    (void)state;
    for (size_t i = 0; i < WHET_COUNT(cases); i++)
        for (size_t k = 0; k < WHET_COUNT(formats); k++) {
            const whet_model_format *f = NULL;
            whet_graph *g = integer_net(cases[i].t, cases[i].scale, cases[i].zero, cases[i].preset), *back = NULL;
            whet_contract a, b;
            char path[512], ext[16];
            assert_ok(whet_format_for_writing(formats[k], NULL, &f));
            snprintf(ext, sizeof(ext), "%.*s", (int)strcspn(f->ext, " "), f->ext);
            snprintf(path, sizeof(path), "%s/integers%zu%s", dir, i, ext);
            assert_ok(whet_convert_graph(g, f, path, NULL, NULL));
            assert_ok(whet_format_read(&back, path, NULL));
            contract_of(g, &a);
            contract_of(back, &b);
            for (int x = 0; x < 256; x++)
                if (integer_of(g, &a, x) != integer_of(back, &b, x))
                    fail_msg("%s, case %zu: grey level %d is %d, was %d", formats[k], i, x, integer_of(back, &b, x), integer_of(g, &a, x));
            whet_contract_dispose(&a);
            whet_contract_dispose(&b);
            whet_graph_free(back);
            whet_graph_free(g);
        }
    support_rmtree(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(fused_graphs_are_written), cmocka_unit_test(graphs_are_cut),
                                       cmocka_unit_test(contracts_are_baked), cmocka_unit_test(weights_are_halved),
                                       cmocka_unit_test(shapes_are_fixed), cmocka_unit_test(nodes_are_reported),
                                       cmocka_unit_test(quantised_graphs_stay_quantised), cmocka_unit_test(integers_keep_their_contract),
                                       cmocka_unit_test(targets_are_judged)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
