/* SPDX-License-Identifier: Apache-2.0 */
/* A chain of a thousand additions, of constants whose names collide once they are identifiers and of which every third has the
 * same value: written and read again in each format, the sum is exact. */
#include "base/io.h"
#include "exec/exec.h"
#include "formats/formats.h"
#include "passes/lower.h"
#include "support.h"

enum { N = 1000 };

/* "m.w0", "m_w0", "m/w0", "m.w1", ... */
static whet_graph *chain(double *sum)
{
    static const char marks[3] = {'.', '_', '/'};
    whet_graph *g = NULL;
    whet_vid x = WHET_NO_VALUE;
    const whet_dims d = {.rank = 1, .dims = {4}};
    assert_ok(whet_graph_create(&g, "chain"));
    assert_ok(whet_graph_input(g, "x", WHET_F32, &d, &x));
    for (int i = 0; i < N; i++) {
        const float c = i % 3 == 2 ? 0.5F : (float)i / 1024;
        const whet_shape s = WHET_SHAPE(4);
        whet_tensor t = {0};
        whet_vid v = WHET_NO_VALUE;
        char *name = whet_format("m%cw%d", marks[i % 3], i / 3);
        assert_non_null(name);
        assert_ok(whet_tensor_alloc(&t, WHET_F32, &s));
        for (int k = 0; k < 4; k++) ((float *)t.data)[k] = c;
        assert_ok(whet_graph_const(g, name, &t, &v));
        assert_ok(whet_graph_op1(g, "Add", WHET_IN(x, v), WHET_NO_ATTRS, &x));
        whet_tensor_dispose(&t);
        whet_free(name);
        *sum += (double)c;
    }
    assert_ok(whet_graph_output(g, x));
    return g;
}

static void check_sum(const whet_graph *g, const char *format, double sum)
{
    whet_exec *e = NULL;
    whet_exec_options o;
    whet_tensor x = {0}, y;
    const whet_shape s = WHET_SHAPE(4);
    whet_exec_options_init(&o);
    o.lower = whet_passes_lower;
    whet_tensor_init(&y);
    assert_ok(whet_tensor_alloc(&x, WHET_F32, &s));
    for (int k = 0; k < 4; k++) ((float *)x.data)[k] = (float)k;
    assert_ok(whet_exec_create(&e, g, &o));
    assert_ok(whet_exec_run(e, 1, &x, 1, &y));
    for (int k = 0; k < 4; k++)
        if (whet_tensor_get_f64(&y, k) != sum + k) fail_msg("%s: element %d is %g, not %g", format, k, whet_tensor_get_f64(&y, k), sum + k);
    whet_exec_free(e);
    whet_tensor_dispose(&x);
    whet_tensor_dispose(&y);
}

static void thousand_constants(void **state)
{
    static const struct { const char *format, *file; } kinds[] = {{"onnx", "m.onnx"}, {"tflite", "m.tflite"}, {"openvino", "m.xml"},
                                                                  {"torchscript", "m.pt"}, {"tensorflow", "m.pb"}};
    double sum = 0;
    char *folder = support_tmpdir();
    whet_graph *g = chain(&sum);
    (void)state;
    check_sum(g, "as built", sum);
    for (size_t i = 0; i < WHET_COUNT(kinds); i++) {
        const whet_model_format *f = NULL;
        whet_graph *back = NULL;
        if (whet_format_for_writing(kinds[i].format, NULL, &f) != WHET_OK || !f->write || !f->read) continue; /* not in this build */
        char *path = whet_path_join(folder, kinds[i].file);
        assert_ok(whet_format_write(g, path, kinds[i].format, NULL));
        assert_ok(whet_format_read(&back, path, NULL));
        check_sum(back, kinds[i].format, sum);
        whet_graph_free(back);
        whet_free(path);
    }
    whet_graph_free(g);
    support_rmtree(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(thousand_constants)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
