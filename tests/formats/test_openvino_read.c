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

static const char *const nets[] = {"resnet", "mobilenetv2", "unet", "efficientnet", "convnext", "deeplab", "vit"};
static const struct { const char *name; double bound, cosine; } kinds[] = {{"fp32", 1e-4, 1}, {"fp16", 2e-3, 1}, {"int8", 1, 0.998}};

static void run(const whet_graph *g, const whet_tensor *x, whet_tensor *y)
{
    whet_exec_options o;
    whet_exec *e = NULL;
    whet_graph *copy = NULL;
    whet_pass_options po;
    whet_tensor_init(y);
    whet_exec_options_init(&o);
    o.lower = whet_passes_lower;
    whet_pass_options_init(&po);
    po.freeze = true;
    assert_ok(whet_graph_clone(&copy, g));
    assert_ok(whet_passes_run(copy, &po, NULL));
    assert_ok(whet_exec_create(&e, copy, &o));
    assert_ok(whet_exec_run(e, 1, x, 1, y));
    whet_exec_free(e);
    whet_graph_free(copy);
}

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

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(networks)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
