/* SPDX-License-Identifier: Apache-2.0 */
/* Each pass on a small graph: what it changes, and that the graph still computes the same in f64. */
#include <math.h>

#include "support.h"

#include "base/rng.h"
#include "exec/exec.h"
#include "ir/op.h"
#include "passes/passes.h"

static void random_tensor(whet_tensor *t, const whet_shape *s, double lo, double hi, uint64_t stream)
{
    whet_rng r = whet_rng_at(3, stream);
    assert_ok(whet_tensor_alloc(t, WHET_F64, s));
    for (int64_t i = 0; i < whet_tensor_numel(t); i++) whet_tensor_set_f64(t, i, lo + (hi - lo) * whet_rng_uniform(&r));
}

static whet_vid variable(whet_graph *g, whet_shape s, double lo, double hi)
{
    whet_tensor t = {0};
    whet_vid v = WHET_NO_VALUE;
    random_tensor(&t, &s, lo, hi, (uint64_t)g->n_values);
    assert_ok(whet_graph_variable(g, NULL, &t, true, &v));
    whet_tensor_dispose(&t);
    return v;
}

static void run(const whet_graph *g, const whet_tensor *x, whet_tensor *y)
{
    whet_exec *e = NULL;
    whet_tensor_init(y);
    assert_ok(whet_exec_create(&e, g, NULL));
    assert_ok(whet_exec_run(e, 1, x, 1, y));
    whet_exec_free(e);
}

static int count(const whet_graph *g, const char *op)
{
    int n = 0;
    for (int i = 0; i < g->n_nodes; i++) n += g->nodes[i].op != NULL && whet_node_is(&g->nodes[i], op);
    return n;
}

/* product -> BatchNormalization, before and after folding. */
static void fold_after(const char *op, whet_shape in, whet_shape weights, bool bias, int64_t channels, int n_attr, const whet_attr *attrs)
{
    whet_graph *g = NULL, *h = NULL;
    whet_pass_options opt;
    whet_vid x = 0, y = 0, args[3];
    const whet_dims d = whet_dims_of(&in);
    whet_tensor data = {0}, before, after;
    assert_ok(whet_graph_create(&g, op));
    assert_ok(whet_graph_input(g, "x", WHET_F64, &d, &x));
    args[0] = x;
    args[1] = variable(g, weights, -1, 1);
    args[2] = bias ? variable(g, WHET_SHAPE(channels), -1, 1) : WHET_NO_VALUE;
    assert_ok(whet_graph_op1(g, op, bias ? 3 : 2, args, n_attr, attrs, &y));
    const whet_shape c = WHET_SHAPE(channels);
    assert_ok(whet_graph_op1(g, "BatchNormalization", WHET_IN(y, variable(g, c, 0.5, 2), variable(g, c, -1, 1), variable(g, c, -1, 1), variable(g, c, 0.2, 2)),
                             WHET_NO_ATTRS, &y));
    assert_ok(whet_graph_output(g, y));
    random_tensor(&data, &in, -1, 1, 99);
    run(g, &data, &before);
    assert_ok(whet_graph_clone(&h, g));
    whet_pass_options_init(&opt);
    opt.off = (uint32_t)1 << whet_pass_find("fuse");
    assert_ok(whet_passes_run(h, &opt, NULL));
    assert_int_equal(count(h, "BatchNormalization"), 1); /* variables: nothing may be folded */
    opt.freeze = true;
    whet_strbuf report;
    whet_strbuf_init(&report);
    assert_ok(whet_passes_run(h, &opt, &report));
    assert_contains(report.data, "fold-batchnorm: 1");
    whet_strbuf_dispose(&report);
    assert_int_equal(count(h, "BatchNormalization"), 0);
    assert_int_equal(h->n_nodes, 1);
    assert_string_equal(h->values[h->outputs[0]].name, g->values[g->outputs[0]].name); /* interfaces keep their names */
    run(h, &data, &after);
    assert_true(whet_shape_equal(&before.shape, &after.shape));
    for (int64_t i = 0; i < whet_tensor_numel(&before); i++) {
        const double a = whet_tensor_get_f64(&before, i), b = whet_tensor_get_f64(&after, i);
        if (fabs(a - b) > 1e-12 * fmax(1, fabs(a))) {
            print_error("%s: element %lld is %.17g, wanted %.17g\n", op, (long long)i, b, a);
            fail();
        }
    }
    whet_tensor_dispose(&before);
    whet_tensor_dispose(&after);
    whet_tensor_dispose(&data);
    whet_graph_free(g);
    whet_graph_free(h);
}

static void fold_batchnorm(void **state)
{
    const whet_attr two = whet_attr_int("group", 2), trans = whet_attr_int("transB", 1);
    (void)state;
    fold_after("Conv", WHET_SHAPE(2, 4, 5, 5), WHET_SHAPE(6, 4, 3, 3), false, 6, 0, NULL);
    fold_after("Conv", WHET_SHAPE(2, 4, 5, 5), WHET_SHAPE(6, 2, 3, 3), true, 6, 1, &two);
    fold_after("ConvTranspose", WHET_SHAPE(1, 4, 3, 3), WHET_SHAPE(4, 5, 2, 2), true, 5, 0, NULL);
    fold_after("ConvTranspose", WHET_SHAPE(1, 4, 3, 3), WHET_SHAPE(4, 3, 2, 2), false, 6, 1, &two);
    fold_after("Gemm", WHET_SHAPE(3, 4), WHET_SHAPE(4, 5), true, 5, 0, NULL);
    fold_after("Gemm", WHET_SHAPE(3, 4), WHET_SHAPE(5, 4), false, 5, 1, &trans);
}

static void fold_constants(void **state)
{
    whet_graph *g = NULL;
    whet_pass_context c = {0};
    whet_vid x = 0, a = 0, b = 0, s = 0, y = 0;
    (void)state;
    assert_ok(whet_graph_create(&g, "fold"));
    const whet_dims d = {.rank = 2, .dims = {whet_graph_symbol(g, "N"), 4}};
    assert_ok(whet_graph_input(g, "x", WHET_F32, &d, &x));
    assert_ok(whet_graph_const_f32(g, NULL, 2.0f, &a));
    assert_ok(whet_graph_const_f32(g, NULL, 3.0f, &b));
    assert_ok(whet_graph_op1(g, "Mul", WHET_IN(a, b), WHET_NO_ATTRS, &a));
    assert_ok(whet_graph_op1(g, "Sqrt", WHET_IN(a), WHET_NO_ATTRS, &a));
    assert_ok(whet_graph_op1(g, "Mul", WHET_IN(x, a), WHET_NO_ATTRS, &y));
    assert_ok(whet_graph_op1(g, "Shape", WHET_IN(x), WHET_NO_ATTRS, &s)); /* open: N is not known */
    assert_ok(whet_graph_output(g, y));
    assert_ok(whet_graph_output(g, s));
    c.g = g;
    assert_ok(whet_pass_fold_constants(&c));
    assert_int_equal(count(g, "Sqrt"), 0);
    assert_int_equal(count(g, "Mul"), 1);
    assert_int_equal(count(g, "Shape"), 1);
    const whet_shape bound = WHET_SHAPE(7, 4);
    assert_ok(whet_graph_bind_shapes(g, 1, &bound));
    assert_ok(whet_pass_fold_constants(&c));
    assert_int_equal(count(g, "Shape"), 0);
    const whet_tensor *shape = whet_graph_const_data(g, g->outputs[1]);
    assert_non_null(shape);
    assert_int_equal(whet_tensor_get_s64(shape, 0), 7);
    assert_ok(whet_graph_verify(g));
    whet_graph_free(g);
}

/* Weights of any size: what makes a graph four times as large is computed ahead. Their bits do not depend on the kernels. */
static void fold_weights(void **state)
{
    enum { ROWS = 40, INNER = 20000 };
    whet_graph *g = NULL;
    whet_pass_context c = {0};
    whet_vid x = 0, w = 0, s = 0, z = 0, y = 0;
    whet_tensor weights = {0}, scales = {0}, zeros = {0};
    const whet_shape full = WHET_SHAPE(ROWS, INNER), rows = WHET_SHAPE(ROWS);
    const whet_dims d = {.rank = 2, .dims = {3, INNER}};
    (void)state;
    assert_ok(whet_tensor_alloc(&weights, WHET_S8, &full));
    assert_ok(whet_tensor_alloc(&scales, WHET_F32, &rows));
    assert_ok(whet_tensor_alloc(&zeros, WHET_S8, &rows));
    for (int64_t i = 0; i < (int64_t)ROWS * INNER; i++) ((int8_t *)weights.data)[i] = (int8_t)(i * 37 % 255 - 127);
    for (int64_t i = 0; i < ROWS; i++) ((float *)scales.data)[i] = 0.01f * (float)(i + 1);
    for (int64_t i = 0; i < ROWS; i++) ((int8_t *)zeros.data)[i] = (int8_t)(i % 5 - 2);
    assert_ok(whet_graph_create(&g, "fold"));
    assert_ok(whet_graph_input(g, "x", WHET_F32, &d, &x));
    assert_ok(whet_graph_const(g, "w", &weights, &w));
    assert_ok(whet_graph_const(g, "s", &scales, &s));
    assert_ok(whet_graph_const(g, "z", &zeros, &z));
    assert_ok(whet_graph_op1(g, "DequantizeLinear", WHET_IN(w, s, z), WHET_ATTRS(whet_attr_int("axis", 0)), &w));
    assert_ok(whet_graph_op1(g, "Gemm", WHET_IN(x, w), WHET_ATTRS(whet_attr_int("transB", 1)), &y));
    assert_ok(whet_graph_output(g, y));
    c.g = g;
    assert_ok(whet_pass_fold_constants(&c));
    assert_int_equal(count(g, "DequantizeLinear"), 0);
    const whet_tensor *folded = NULL;
    for (int i = 0; i < g->n_nodes; i++)
        if (whet_node_is(&g->nodes[i], "Gemm")) folded = whet_graph_const_data(g, g->nodes[i].in[1]);
    assert_non_null(folded);
    for (int64_t i = 0; i < (int64_t)ROWS * INNER; i++) {
        const int64_t r = i / INNER;
        const float want = (float)(((int8_t *)weights.data)[i] - (r % 5 - 2)) * ((float *)scales.data)[r];
        if (((float *)folded->data)[i] != want) fail_msg("element %lld is %g, not %g", (long long)i, (double)((float *)folded->data)[i], (double)want);
    }
    whet_tensor_dispose(&weights);
    whet_tensor_dispose(&scales);
    whet_tensor_dispose(&zeros);
    whet_graph_free(g);
}

static void cse(void **state)
{
    whet_graph *g = NULL;
    whet_pass_context c = {0};
    whet_vid x = 0, a[2], k[2], y = 0;
    (void)state;
    assert_ok(whet_graph_create(&g, "cse"));
    const whet_dims d = {.rank = 1, .dims = {4}};
    assert_ok(whet_graph_input(g, "x", WHET_F32, &d, &x));
    for (int i = 0; i < 2; i++) {
        assert_ok(whet_graph_const_f32(g, NULL, 2.0f, &k[i]));
        assert_ok(whet_graph_op1(g, "Mul", WHET_IN(x, k[i]), WHET_NO_ATTRS, &a[i]));
        assert_ok(whet_graph_op1(g, "Exp", WHET_IN(a[i]), WHET_NO_ATTRS, &a[i]));
    }
    assert_ok(whet_graph_op1(g, "Add", WHET_IN(a[0], a[1]), WHET_NO_ATTRS, &y));
    assert_ok(whet_graph_output(g, y));
    c.g = g;
    assert_ok(whet_pass_cse(&c));
    assert_int_equal(c.changes, 2);
    assert_int_equal(count(g, "Exp"), 1);
    assert_int_equal(count(g, "Mul"), 1);
    assert_ok(whet_graph_verify(g));
    whet_graph_free(g);
}

static void names(void **state)
{
    uint32_t mask = 0;
    (void)state;
    assert_ok(whet_pass_mask("cse,fold-constants", &mask));
    assert_int_equal(mask, 1u << whet_pass_find("cse") | 1u << whet_pass_find("fold-constants"));
    assert_ok(whet_pass_mask("", &mask));
    assert_int_equal(mask, 0);
    assert_status(whet_pass_mask("cse,nonsense", &mask), WHET_EINVAL);
    assert_contains(whet_error_message(), "nonsense");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(fold_batchnorm), cmocka_unit_test(fold_constants), cmocka_unit_test(fold_weights), cmocka_unit_test(cse), cmocka_unit_test(names)};
    return cmocka_run_group_tests_name("passes", tests, NULL, NULL);
}
