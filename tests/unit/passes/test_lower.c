/* SPDX-License-Identifier: Apache-2.0 */
/* Layout, fusion and the fast kernels together: a training graph and an inference graph give the reference's numbers with
 * every provider and ISA level, and the same bits for any number of threads. */
#include <math.h>

#include "base/cpu.h"
#include "base/rng.h"
#include "exec/exec.h"
#include "ir/autodiff.h"
#include "passes/lower.h"
#include "passes/passes.h"
#include "support.h"

enum { MAX_OUT = 32 };

typedef struct net {
    whet_graph *g;
    whet_vid x, labels, params[MAX_OUT];
    int n_params;
    uint64_t seed;
} net;

static whet_vid param(net *t, const char *name, const whet_shape *shape, double scale)
{
    whet_tensor data;
    whet_rng r = whet_rng_at(t->seed++, 7);
    whet_vid v = WHET_NO_VALUE;
    whet_tensor_init(&data);
    assert_ok(whet_tensor_alloc(&data, WHET_F32, shape));
    for (int64_t i = 0; i < whet_tensor_numel(&data); i++) whet_tensor_set_f64(&data, i, whet_rng_normal(&r) * scale);
    assert_ok(whet_graph_variable(t->g, name, &data, true, &v));
    whet_tensor_dispose(&data);
    t->params[t->n_params++] = v;
    return v;
}

static whet_vid constant(net *t, const whet_shape *shape, double scale)
{
    const whet_vid v = param(t, "tmp", shape, scale);
    whet_vid c = WHET_NO_VALUE;
    t->n_params--;
    assert_ok(whet_graph_const(t->g, NULL, &t->g->values[v].data, &c));
    return c;
}

static whet_vid op(net *t, const char *name, int n, const whet_vid *in, int n_attr, const whet_attr *attrs)
{
    whet_vid v = WHET_NO_VALUE;
    assert_ok(whet_graph_op1(t->g, name, n, in, n_attr, attrs, &v));
    return v;
}

static whet_vid conv(net *t, whet_vid x, int ic, int oc, int k, int stride, int pad, bool bias, bool variable, int groups)
{
    const int64_t s[2] = {stride, stride}, p[4] = {pad, pad, pad, pad};
    const whet_shape ws = WHET_SHAPE(oc, ic / groups, k, k), bs = WHET_SHAPE(oc);
    const double scale = 1.0 / sqrt((double)(ic / groups * k * k));
    const whet_vid w = variable ? param(t, "w", &ws, scale) : constant(t, &ws, scale);
    const whet_vid b = !bias ? WHET_NO_VALUE : variable ? param(t, "b", &bs, 0.3) : constant(t, &bs, 0.3);
    return op(t, "Conv", bias ? 3 : 2, (const whet_vid[]){x, w, b},
              WHET_ATTRS(whet_attr_ints("strides", 2, s), whet_attr_ints("pads", 4, p), whet_attr_int("group", groups)));
}

static void begin(net *t, const char *name, int n, int c, int size)
{
    const whet_shape shape = WHET_SHAPE(n, c, size, size);
    const whet_dims d = whet_dims_of(&shape);
    *t = (net){.seed = 11};
    assert_ok(whet_graph_create(&t->g, name));
    assert_ok(whet_graph_input(t->g, "x", WHET_F32, &d, &t->x));
}

/* Convolutions of several kinds with residual, pools and products; outputs: loss and all gradients. */
static void training_net(net *t)
{
    const int64_t two[2] = {2, 2};
    whet_vid grads[MAX_OUT], y, shortcut, loss;
    begin(t, "train", 5, 3, 13);
    y = conv(t, t->x, 3, 20, 3, 1, 1, true, true, 1);
    y = op(t, "Relu", WHET_IN(y), WHET_NO_ATTRS);
    shortcut = conv(t, y, 20, 36, 1, 2, 0, false, true, 1);
    y = conv(t, y, 20, 36, 3, 2, 1, true, true, 1);
    y = op(t, "Relu", WHET_IN(y), WHET_NO_ATTRS);
    y = conv(t, y, 36, 36, 3, 1, 1, false, true, 2);
    y = op(t, "Add", WHET_IN(y, shortcut), WHET_NO_ATTRS);
    y = op(t, "Relu", WHET_IN(y), WHET_NO_ATTRS);
    y = op(t, "MaxPool", WHET_IN(y), WHET_ATTRS(whet_attr_ints("kernel_shape", 2, two), whet_attr_ints("strides", 2, two)));
    y = op(t, "Flatten", WHET_IN(y), WHET_NO_ATTRS);
    const whet_shape w1 = WHET_SHAPE(36 * 9, 50), b1 = WHET_SHAPE(50), w2 = WHET_SHAPE(10, 50);
    y = op(t, "Gemm", WHET_IN(y, param(t, "fc1", &w1, 0.06), param(t, "fb1", &b1, 0.1)), WHET_NO_ATTRS);
    y = op(t, "Relu", WHET_IN(y), WHET_NO_ATTRS);
    y = op(t, "Gemm", WHET_IN(y, param(t, "fc2", &w2, 0.14)), WHET_ATTRS(whet_attr_int("transB", 1)));
    y = op(t, "Mul", WHET_IN(y, y), WHET_NO_ATTRS);
    loss = op(t, "ReduceMean", WHET_IN(y), WHET_ATTRS(whet_attr_int("keepdims", 0)));
    assert_ok(whet_graph_gradients(t->g, loss, t->n_params, t->params, grads));
    assert_ok(whet_graph_output(t->g, loss));
    for (int i = 0; i < t->n_params; i++) {
        assert_true(grads[i] != WHET_NO_VALUE);
        assert_ok(whet_graph_output(t->g, grads[i]));
    }
    assert_ok(whet_graph_sort(t->g));
}

static whet_vid batch_norm(net *t, whet_vid x, int c)
{
    const whet_shape s = WHET_SHAPE(c);
    whet_vid out[5];
    const whet_vid scale = param(t, "scale", &s, 1.0), bias = param(t, "bias", &s, 0.3);
    const whet_vid mean = constant(t, &s, 0.1), var = constant(t, &s, 0.1);
    assert_ok(whet_graph_node(t->g, "whet.BatchNormTrain", NULL, WHET_IN(x, scale, bias, mean, var), WHET_NO_ATTRS, 5, NULL, out));
    assert_ok(whet_graph_output(t->g, out[1]));
    return out[0];
}

/* A residual block with batch normalisation; fused or not before the gradients are made. */
static void batch_norm_net(net *t, bool fused)
{
    whet_vid grads[MAX_OUT], y, z, loss;
    begin(t, "bn", 4, 3, 9);
    y = conv(t, t->x, 3, 20, 3, 1, 1, false, true, 1);
    y = op(t, "Relu", WHET_IN(batch_norm(t, y, 20)), WHET_NO_ATTRS);
    z = batch_norm(t, conv(t, y, 20, 20, 3, 1, 1, false, true, 1), 20);
    y = op(t, "Relu", WHET_IN(op(t, "Add", WHET_IN(z, y), WHET_NO_ATTRS)), WHET_NO_ATTRS);
    y = op(t, "Swish", WHET_IN(batch_norm(t, conv(t, y, 20, 20, 3, 1, 1, false, true, 20), 20)), WHET_NO_ATTRS);
    y = batch_norm(t, conv(t, y, 20, 24, 1, 1, 0, false, true, 1), 24);
    y = op(t, "Clip", WHET_IN(y, constant(t, &(whet_shape){0}, 0.01), constant(t, &(whet_shape){0}, 0.9)), WHET_NO_ATTRS);
    y = op(t, "GlobalAveragePool", WHET_IN(y), WHET_NO_ATTRS);
    loss = op(t, "ReduceMean", WHET_IN(op(t, "Mul", WHET_IN(y, y), WHET_NO_ATTRS)), WHET_ATTRS(whet_attr_int("keepdims", 0)));
    assert_ok(whet_graph_output(t->g, loss));
    if (fused) {
        char names[MAX_OUT][64];
        for (int i = 0; i < t->n_params; i++) snprintf(names[i], sizeof names[i], "%s", t->g->values[t->params[i]].name);
        assert_ok(whet_pass_fuse_batchnorm(t->g)); /* ids change */
        for (int i = 0; i < t->n_params; i++) t->params[i] = whet_graph_find(t->g, names[i]);
        loss = t->g->outputs[t->g->n_outputs - 1];
        t->x = t->g->inputs[0];
    }
    assert_ok(whet_graph_gradients(t->g, loss, t->n_params, t->params, grads));
    for (int i = 0; i < t->n_params; i++) assert_ok(whet_graph_output(t->g, grads[i]));
    assert_ok(whet_graph_sort(t->g));
}

static void inference_net(net *t)
{
    whet_vid y, z;
    begin(t, "infer", 2, 3, 17);
    y = conv(t, t->x, 3, 24, 5, 2, 2, true, false, 1);
    y = op(t, "Relu", WHET_IN(y), WHET_NO_ATTRS);
    z = conv(t, y, 24, 24, 3, 1, 1, true, false, 1);
    z = op(t, "Add", WHET_IN(z, y), WHET_NO_ATTRS);
    z = op(t, "Relu", WHET_IN(z), WHET_NO_ATTRS);
    y = conv(t, z, 24, 24, 3, 1, 1, true, false, 24);
    y = op(t, "Clip", WHET_IN(y, constant(t, &(whet_shape){0}, 0.01), constant(t, &(whet_shape){0}, 0.9)), WHET_NO_ATTRS);
    y = conv(t, y, 24, 40, 1, 1, 0, false, false, 1);
    assert_ok(whet_graph_output(t->g, y)); /* an output in the middle: must come out in NCHW */
    y = op(t, "GlobalAveragePool", WHET_IN(y), WHET_NO_ATTRS);
    y = op(t, "Flatten", WHET_IN(y), WHET_NO_ATTRS);
    const whet_shape w = WHET_SHAPE(40, 33), b = WHET_SHAPE(33);
    y = op(t, "Gemm", WHET_IN(y, constant(t, &w, 0.2), constant(t, &b, 0.2)), WHET_NO_ATTRS);
    y = op(t, "Relu", WHET_IN(y), WHET_NO_ATTRS);
    assert_ok(whet_graph_output(t->g, y));
}

typedef struct result { int n; whet_tensor out[MAX_OUT]; } result;

static void run(const net *t, uint32_t providers, uint32_t isa, int threads, result *r)
{
    whet_exec_options opt;
    whet_exec *e = NULL;
    whet_team *team = NULL;
    whet_tensor x;
    whet_shape shape;
    whet_rng rng = whet_rng_at(5, 5);
    assert_ok(whet_team_create(&team, threads));
    whet_exec_options_init(&opt);
    opt.team = team;
    opt.providers = providers;
    opt.isa = isa;
    opt.lower = whet_passes_lower;
    assert_ok(whet_exec_create(&e, t->g, &opt));
    assert_true(whet_dims_concrete(&t->g->values[t->x].dims, &shape));
    whet_tensor_init(&x);
    assert_ok(whet_tensor_alloc(&x, WHET_F32, &shape));
    for (int64_t i = 0; i < whet_tensor_numel(&x); i++) whet_tensor_set_f64(&x, i, whet_rng_normal(&rng));
    r->n = t->g->n_outputs;
    for (int i = 0; i < r->n; i++) whet_tensor_init(&r->out[i]);
    assert_ok(whet_exec_run(e, 1, &x, r->n, r->out));
    whet_tensor_dispose(&x);
    whet_exec_free(e);
    whet_team_free(team);
}

static void dispose(result *r)
{
    for (int i = 0; i < r->n; i++) whet_tensor_dispose(&r->out[i]);
}

static void compare(const net *t, const result *got, const result *want, const char *what, bool bits)
{
    assert_int_equal(got->n, want->n);
    for (int i = 0; i < got->n; i++) {
        double worst = 0.0, most = 0.0;
        assert_true(whet_shape_equal(&got->out[i].shape, &want->out[i].shape));
        if (bits && memcmp(got->out[i].data, want->out[i].data, whet_tensor_bytes(&want->out[i])) != 0)
            fail_msg("%s: output %d '%s': bits differ", what, i, t->g->values[t->g->outputs[i]].name);
        for (int64_t j = 0; j < whet_tensor_numel(&want->out[i]); j++) {
            const double a = whet_tensor_get_f64(&got->out[i], j), b = whet_tensor_get_f64(&want->out[i], j);
            worst = fmax(worst, isnan(a) ? INFINITY : fabs(a - b));
            most = fmax(most, fabs(b));
        }
        if (worst > 3e-5 * fmax(most, 1e-6))
            fail_msg("%s: output %d '%s' differs by %g of %g", what, i, t->g->values[t->g->outputs[i]].name, worst, most);
    }
}

static void check_net(const net *t)
{
    static const struct { const char *name; uint32_t providers; const char *isa; } ways[] = {
        {"own avx512", WHET_PROVIDER_OWN | WHET_PROVIDER_REF, "avx512"},
        {"own avx2", WHET_PROVIDER_OWN | WHET_PROVIDER_REF, "avx2"},
        {"onednn", WHET_PROVIDER_ONEDNN | WHET_PROVIDER_REF, "avx512"},
        {"all", WHET_PROVIDER_ALL, "avx512"},
        {"all without ISA", WHET_PROVIDER_ALL, "ref"},
    };
    result want, one, many;
    run(t, WHET_PROVIDER_REF, 0, 1, &want);
    for (size_t i = 0; i < WHET_COUNT(ways); i++) {
        uint32_t isa = 0;
        assert_ok(whet_isa_parse(ways[i].isa, &isa));
        run(t, ways[i].providers, isa & whet_isa(), 1, &one);
        compare(t, &one, &want, ways[i].name, false);
        for (int threads = 2; threads <= 3; threads++) {
            run(t, ways[i].providers, isa & whet_isa(), threads, &many);
            compare(t, &many, &one, ways[i].name, true);
            dispose(&many);
        }
        dispose(&one);
    }
    dispose(&want);
}

static int count_ops(const whet_graph *g, const char *name)
{
    int n = 0;
    for (int i = 0; i < g->n_nodes; i++) n += whet_node_is(&g->nodes[i], name);
    return n;
}

static void test_training(void **state)
{
    net t;
    (void)state;
    training_net(&t);
    check_net(&t);
    whet_graph_free(t.g);
}

static void test_inference(void **state)
{
    net t;
    (void)state;
    inference_net(&t);
    check_net(&t);
    whet_graph_free(t.g);
}

static void test_fused(void **state)
{
    net t;
    result before, after;
    (void)state;
    inference_net(&t);
    run(&t, WHET_PROVIDER_REF, 0, 1, &before);
    assert_ok(whet_pass_fuse(t.g));
    assert_ok(whet_graph_verify(t.g));
    assert_int_equal(count_ops(t.g, "whet.FusedConv"), 3);
    assert_int_equal(count_ops(t.g, "Conv"), 1);
    assert_int_equal(count_ops(t.g, "whet.FusedGemm"), 1);
    assert_int_equal(count_ops(t.g, "Relu") + count_ops(t.g, "Clip") + count_ops(t.g, "Add"), 0);
    t.x = t.g->inputs[0];
    run(&t, WHET_PROVIDER_REF, 0, 1, &after);
    compare(&t, &after, &before, "fused", false);
    dispose(&after);
    check_net(&t);
    dispose(&before);
    whet_graph_free(t.g);
}

static void test_fused_batchnorm(void **state)
{
    net plain, fused;
    result want, got;
    (void)state;
    batch_norm_net(&plain, false);
    batch_norm_net(&fused, true);
    assert_int_equal(count_ops(plain.g, "Relu"), 2);
    assert_int_equal(count_ops(fused.g, "Relu"), 0);
    assert_int_equal(count_ops(fused.g, "whet.UnaryGrad"), 0);
    run(&plain, WHET_PROVIDER_REF, 0, 1, &want);
    run(&fused, WHET_PROVIDER_REF, 0, 1, &got);
    compare(&fused, &got, &want, "fused batch normalisation", false);
    dispose(&want);
    dispose(&got);
    check_net(&fused);
    whet_graph_free(plain.g);
    whet_graph_free(fused.g);
}

/* As few reorders as possible: one at the way in, one for the output in the middle. */
static void test_reorders(void **state)
{
    net t;
    (void)state;
    inference_net(&t);
    assert_ok(whet_pass_layout(t.g));
    assert_ok(whet_graph_verify(t.g));
    assert_int_equal(count_ops(t.g, "whet.Reorder"), 2);
    whet_graph_free(t.g);
    training_net(&t);
    assert_ok(whet_pass_layout(t.g));
    assert_ok(whet_graph_verify(t.g));
    assert_int_equal(count_ops(t.g, "whet.Reorder"), 3); /* x, before Flatten, behind its gradient */
    whet_graph_free(t.g);
}

static whet_vid turned(net *t, whet_vid x, int a, int b, int c, int d)
{
    const int64_t perm[4] = {a, b, c, d};
    return op(t, "Transpose", WHET_IN(x), WHET_ATTRS(whet_attr_ints("perm", 4, perm)));
}

static whet_vid ints(net *t, int n, const int64_t *x)
{
    whet_vid v = WHET_NO_VALUE;
    assert_ok(whet_graph_const_s64(t->g, NULL, n, x, &v));
    return v;
}

/* A block of ConvNeXt, then the image as tokens and back. */
static void channels_last_net(net *t)
{
    const whet_shape c = WHET_SHAPE(20), in = WHET_SHAPE(20, 70), out = WHET_SHAPE(70, 20), hidden = WHET_SHAPE(70);
    const int64_t rows[3] = {2, 20, 49}, image[4] = {2, 20, 7, 7}, swap[3] = {0, 2, 1};
    whet_vid x, y;
    begin(t, "channels last", 2, 3, 14);
    x = conv(t, t->x, 3, 20, 2, 2, 0, true, false, 1);
    y = turned(t, conv(t, x, 20, 20, 7, 1, 3, true, false, 20), 0, 2, 3, 1);
    y = op(t, "LayerNormalization", WHET_IN(y, constant(t, &c, 1), constant(t, &c, 1)), WHET_NO_ATTRS);
    y = op(t, "Gelu", WHET_IN(op(t, "Add", WHET_IN(op(t, "MatMul", WHET_IN(y, constant(t, &in, 0.2)), WHET_NO_ATTRS), constant(t, &hidden, 0.1)), WHET_NO_ATTRS)), WHET_NO_ATTRS);
    y = op(t, "Add", WHET_IN(op(t, "MatMul", WHET_IN(y, constant(t, &out, 0.2)), WHET_NO_ATTRS), constant(t, &c, 0.1)), WHET_NO_ATTRS);
    y = op(t, "Mul", WHET_IN(y, constant(t, &c, 1)), WHET_NO_ATTRS);
    y = op(t, "Add", WHET_IN(turned(t, y, 0, 3, 1, 2), x), WHET_NO_ATTRS);
    y = op(t, "Reshape", WHET_IN(conv(t, y, 20, 20, 1, 1, 0, true, false, 1), ints(t, 3, rows)), WHET_NO_ATTRS);
    y = op(t, "Transpose", WHET_IN(y), WHET_ATTRS(whet_attr_ints("perm", 3, swap)));
    y = op(t, "LayerNormalization", WHET_IN(y, constant(t, &c, 1), constant(t, &c, 1)), WHET_NO_ATTRS);
    y = op(t, "Transpose", WHET_IN(y), WHET_ATTRS(whet_attr_ints("perm", 3, swap)));
    y = op(t, "Reshape", WHET_IN(y, ints(t, 4, image)), WHET_NO_ATTRS);
    y = op(t, "GlobalAveragePool", WHET_IN(conv(t, y, 20, 24, 3, 1, 1, true, false, 1)), WHET_NO_ATTRS);
    assert_ok(whet_graph_output(t->g, y));
}

static int count_moves(const net *t)
{
    whet_exec_options opt;
    whet_exec *e = NULL;
    whet_plan *p = NULL;
    whet_shape shape;
    char *text = NULL;
    int n = 0;
    whet_exec_options_init(&opt);
    opt.lower = whet_passes_lower;
    assert_true(whet_dims_concrete(&t->g->values[t->x].dims, &shape));
    assert_ok(whet_exec_create(&e, t->g, &opt));
    assert_ok(whet_exec_plan(e, 1, &shape, &p));
    assert_ok(whet_plan_describe(p, &text));
    const whet_graph *g = whet_plan_graph(p);
    for (int i = 0; i < g->n_nodes; i++) { /* each is a view or moves bytes */
        char view[80];
        if (!whet_node_is(&g->nodes[i], "Transpose") && !whet_node_is(&g->nodes[i], "Reshape") && !whet_node_is(&g->nodes[i], "whet.Reorder")) continue;
        const char *at = strstr(text, g->nodes[i].name);
        snprintf(view, sizeof view, "%.79s", at != NULL ? at : "");
        n += strstr(view, "\"view\"") == NULL;
    }
    whet_free(text);
    whet_exec_free(e);
    return n;
}

/* Only the way in moves bytes; the same numbers with and without the passes, for all kernels and threads. */
static void test_views(void **state)
{
    net t;
    result before, after;
    whet_pass_options o;
    (void)state;
    channels_last_net(&t);
    run(&t, WHET_PROVIDER_REF, 0, 1, &before);
    check_net(&t);
    whet_pass_options_init(&o);
    o.freeze = true;
    assert_ok(whet_passes_run(t.g, &o, NULL));
    t.x = t.g->inputs[0];
    run(&t, WHET_PROVIDER_REF, 0, 1, &after);
    compare(&t, &after, &before, "passes", false);
    assert_int_equal(count_ops(t.g, "whet.FusedMatMul"), 2);
    assert_int_equal(count_ops(t.g, "Add") + count_ops(t.g, "Mul"), 0);
    check_net(&t);
    if ((whet_isa() & WHET_ISA_AVX2) != 0) assert_int_equal(count_moves(&t), 1);
    dispose(&before);
    dispose(&after);
    whet_graph_free(t.g);
}

static whet_vid through_integers(net *t, whet_vid x, whet_dtype type, double scale, int64_t zero, whet_vid *q)
{
    whet_tensor s = {0}, z = {0};
    const whet_shape scalar = whet_shape_of(0, NULL);
    whet_vid in[3] = {x, WHET_NO_VALUE, WHET_NO_VALUE};
    assert_ok(whet_tensor_alloc(&s, WHET_F32, &scalar));
    assert_ok(whet_tensor_alloc(&z, type, &scalar));
    whet_tensor_set_f64(&s, 0, scale);
    whet_tensor_set_s64(&z, 0, zero);
    assert_ok(whet_graph_const(t->g, NULL, &s, &in[1]));
    assert_ok(whet_graph_const(t->g, NULL, &z, &in[2]));
    whet_tensor_dispose(&s);
    whet_tensor_dispose(&z);
    in[0] = *q = op(t, "QuantizeLinear", 3, in, 0, NULL);
    return op(t, "DequantizeLinear", 3, in, 0, NULL);
}

/* Integers in either layout, with and without vector rows. All sums are of few small multiples of 2^-7, so exact. */
static void test_quantised(void **state)
{
    net t;
    whet_vid q = WHET_NO_VALUE, w = WHET_NO_VALUE, s = WHET_NO_VALUE;
    const whet_shape ws = WHET_SHAPE(8, 4, 1, 1), us = WHET_SHAPE(4, 8, 1, 1), scalar = whet_shape_of(0, NULL);
    const int64_t two[2] = {2, 2};
    whet_tensor scale = {0};
    (void)state;
    begin(&t, "quantised", 2, 4, 9);
    whet_vid x = through_integers(&t, t.x, WHET_U8, 0.125, 100, &q);
    w = through_integers(&t, constant(&t, &ws, 1), WHET_S8, 0.0625, 0, &q);
    x = op(&t, "Relu", 1, (whet_vid[]){op(&t, "Conv", 2, (whet_vid[]){x, w}, 0, NULL)}, 0, NULL);
    x = through_integers(&t, x, WHET_U8, 0.125, 3, &q);
    assert_ok(whet_graph_output(t.g, x));
    x = op(&t, "MaxPool", 1, &q, WHET_ATTRS(whet_attr_ints("kernel_shape", 2, two), whet_attr_ints("strides", 2, two)));
    assert_ok(whet_graph_output(t.g, x));
    assert_ok(whet_tensor_alloc(&scale, WHET_F64, &scalar)); /* sums too large for f32 are computed in f64 */
    whet_tensor_set_f64(&scale, 0, 0.125);
    assert_ok(whet_graph_const(t.g, NULL, &scale, &s));
    assert_ok(whet_graph_output(t.g, op(&t, "DequantizeLinear", 2, (whet_vid[]){q, s}, 0, NULL)));
    whet_tensor_dispose(&scale);
    assert_ok(whet_graph_const_f32(t.g, NULL, 0.25f, &s));
    x = op(&t, "DequantizeLinear", 2, (whet_vid[]){x, s}, 0, NULL);
    w = through_integers(&t, constant(&t, &us, 1), WHET_S8, 0.0625, 0, &q);
    x = op(&t, "Conv", 2, (whet_vid[]){x, w}, 0, NULL);
    assert_ok(whet_graph_output(t.g, through_integers(&t, x, WHET_S8, 1, -5, &q)));
    check_net(&t);
    whet_graph_free(t.g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_reorders), cmocka_unit_test(test_fused), cmocka_unit_test(test_fused_batchnorm),
                                       cmocka_unit_test(test_inference), cmocka_unit_test(test_training), cmocka_unit_test(test_views),
                                       cmocka_unit_test(test_quantised)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
