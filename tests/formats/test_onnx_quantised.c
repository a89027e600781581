/* SPDX-License-Identifier: Apache-2.0 */
/* Quantised, dynamic and 16-bit ONNX files that ONNX Runtime's tools wrote, run on the executor with every pass off and all on,
 * against the stored outputs; files of the same kind that are wrong, refused with the reason. */
#include <math.h>

#include "support.h"
#include "exec/exec.h"
#include "formats/npy/npy_tensor.h"
#include "formats/onnx/onnx.h"
#include "onnx_maker.h"
#include "passes/lower.h"
#include "passes/passes.h"
#include "distance.h"

static const char *const nets[] = {"resnet", "mobilenetv2", "unet", "efficientnet", "convnext", "deeplab", "vit"};
/* Largest difference by the largest value. The second is for vit, whose softmax spreads a step of the quantiser. */
static const struct { const char *name; double bound, vit; } kinds[] = {
    {"qdq_u8s8", 2e-2, 5e-2}, {"qoperator", 2e-2, 2e-2}, {"dynamic", 1e-3, 1e-3}, {"fp16", 3e-3, 3e-3}};

static void run(const whet_graph *g, const whet_tensor *x, bool passes, whet_tensor *y)
{
    whet_exec_options o;
    whet_exec *e = NULL;
    whet_graph *copy = NULL;
    whet_tensor_init(y);
    whet_exec_options_init(&o);
    assert_ok(whet_team_create(&o.team, 2));
    o.lower = passes ? whet_passes_lower : whet_pass_resolve_shapes;
    assert_ok(whet_graph_clone(&copy, g));
    if (passes) {
        whet_pass_options po;
        whet_pass_options_init(&po);
        po.freeze = true;
        assert_ok(whet_passes_run(copy, &po, NULL));
    }
    assert_ok(whet_exec_create(&e, copy, &o));
    assert_ok(whet_exec_run(e, 1, x, 1, y));
    whet_exec_free(e);
    whet_team_free(o.team);
    whet_graph_free(copy);
}

/* The quantiser made no valid convnext/qoperator and no vit/fp16. */
static bool exists(const char *net, const char *kind)
{
    return !(strcmp(net, "convnext") == 0 && strcmp(kind, "qoperator") == 0) && !(strcmp(net, "vit") == 0 && strcmp(kind, "fp16") == 0);
}

/* Whatever a file of 16 bits computes in between, its inputs and outputs keep their type. */
static void check_ends(const whet_graph *g, bool half)
{
    const whet_dtype want = half ? WHET_F16 : WHET_F32;
    for (int i = 0; i < g->n_inputs; i++) assert_int_equal(g->values[g->inputs[i]].dtype, want);
    for (int i = 0; i < g->n_outputs; i++) assert_int_equal(g->values[g->outputs[i]].dtype, want);
}

static void one(const char *net, size_t k, const char *path)
{
    const bool half = strcmp(kinds[k].name, "fp16") == 0;
    const double bound = strcmp(net, "vit") == 0 ? kinds[k].vit : kinds[k].bound;
    char rel[160];
    whet_graph *g = NULL, *again = NULL;
    whet_tensor x, want, y;
    uint8_t *bytes = NULL;
    size_t n = 0;
    snprintf(rel, sizeof(rel), "interop/onnx/%s/input.npy", net);
    support_shared(x_path, rel);
    if (half) snprintf(rel, sizeof(rel), "interop/pytorch/%s/output.npy", net);
    else snprintf(rel, sizeof(rel), "interop/onnx/%s/%s_output.npy", net, kinds[k].name);
    support_shared(y_path, rel);
    assert_ok(whet_npy_read_tensor(&x, x_path));
    assert_ok(whet_npy_read_tensor(&want, y_path));
    if (half) assert_ok(whet_tensor_cast(&x, &x, WHET_F16));
    assert_ok(whet_onnx_read(&g, path, NULL));
    check_ends(g, half);
    double worst = 0;
    for (int passes = 0; passes < 2; passes++) {
        run(g, &x, passes != 0, &y);
        const double d = distance_of_numbers(&y, &want);
        if (!(d <= bound)) fail_msg("%s, passes %s: output differs by %.3g, allowed is %.3g", path, passes ? "on" : "off", d, bound);
        worst = fmax(worst, d);
        whet_tensor_dispose(&y);
    }
    assert_ok(whet_onnx_write_mem(g, &bytes, &n, NULL));
    assert_ok(whet_onnx_read_mem(&again, bytes, n, "again.onnx", NULL, NULL));
    check_ends(again, half);
    run(again, &x, true, &y);
    assert_true(distance_of_numbers(&y, &want) <= bound);
    printf("%s/%s: off by %.2g, allowed is %.2g\n", net, kinds[k].name, worst, bound);
    whet_tensor_dispose(&y);
    whet_tensor_dispose(&x);
    whet_tensor_dispose(&want);
    whet_free(bytes);
    whet_graph_free(g);
    whet_graph_free(again);
}

static void interop(void **state)
{
    (void)state;
    int n = 0;
    for (size_t i = 0; i < WHET_COUNT(nets); i++)
        for (size_t k = 0; k < WHET_COUNT(kinds); k++) {
            char rel[160];
            if (!exists(nets[i], kinds[k].name)) continue;
            snprintf(rel, sizeof(rel), "interop/onnx/%s/%s.onnx", nets[i], kinds[k].name);
            support_shared(path, rel);
            one(nets[i], k, path);
            n++;
        }
    assert_int_equal(n, 26);
}

/* Sums beyond 2^24 are exact, and computed in f32: in parts, and not by Winograd's transformations. */
static void large_sums(void **state)
{
    enum { IC = 256, OC = 64, SIZE = 22, K = IC * 9 };
    static uint8_t weights[OC * K];
    static const uint8_t zero = 3;
    static int64_t want[OC * (SIZE - 2) * (SIZE - 2)];
    const int64_t dims[4] = {OC, IC, 3, 3};
    whet_graph *g = NULL;
    whet_tensor x = {0}, y;
    const whet_shape xs = WHET_SHAPE(1, IC, SIZE, SIZE);
    maker m;
    (void)state;
    for (int i = 0; i < OC * K; i++) weights[i] = (uint8_t)(i / K % 2 == 0 ? 131 - i % 4 : i * 7 % 128);
    assert_ok(whet_tensor_alloc(&x, WHET_U8, &xs));
    for (int i = 0; i < IC * SIZE * SIZE; i++) ((uint8_t *)x.data)[i] = (uint8_t)(255 - i * 13 % 64);
    for (int o = 0, i = 0; o < OC; o++)
        for (int r = 0; r < SIZE - 2; r++)
            for (int c = 0; c < SIZE - 2; c++, i++)
                for (int k = 0; k < K; k++)
                    want[i] += (((uint8_t *)x.data)[k / 9 * SIZE * SIZE + (r + k % 9 / 3) * SIZE + c + k % 3]) * (weights[o * K + k] - zero);
    maker_init(&m, 13);
    maker_input(&m, "x", 2, MAKER_DIMS(1, IC, SIZE, SIZE));
    maker_output(&m, "y", 6, MAKER_DIMS(1, OC, SIZE - 2, SIZE - 2));
    m.tensors[0] = (onnx_tensor){.name = "w", .data_type = 2, .dims = {4, dims}, .raw_data = {weights, sizeof weights}};
    m.tensors[1] = (onnx_tensor){.name = "z", .data_type = 2, .raw_data = {&zero, 1}};
    m.graph.initializer.n = 2;
    NODE(&m, "ConvInteger", "conv", "x w - z", "y");
    assert_ok(maker_read(&m, NULL, NULL, &g));
    for (int passes = 0; passes < 2; passes++) {
        run(g, &x, passes != 0, &y);
        assert_int_equal(whet_tensor_numel(&y), WHET_COUNT(want));
        for (size_t i = 0; i < WHET_COUNT(want); i++)
            if (((int32_t *)y.data)[i] != want[i]) fail_msg("passes %d: sum %zu is %d, not %lld", passes, i, ((int32_t *)y.data)[i], (long long)want[i]);
        whet_tensor_dispose(&y);
    }
    for (int i = 0; i < g->n_values; i++) assert_int_not_equal(g->values[i].dtype, WHET_F64);
    whet_tensor_dispose(&x);
    whet_graph_free(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(interop), cmocka_unit_test(large_sums)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
