/* SPDX-License-Identifier: Apache-2.0 */
/* One training step of networks that PyTorch exported with their gradients: the loss within 1e-4 relative, every
 * parameter's gradient g with max |g - ref| <= 1e-3 * max(max |ref|, 1e-3 * largest gradient of the net), by the f64
 * reference kernels and by the selected f32 kernels in each layout, on every ISA level, with the passes and with each of
 * them off; 1 and 2 threads give the same bits. */
#include <math.h>
#include <stdarg.h>

#include "support.h"

#include "base/cpu.h"
#include "exec/exec.h"
#include "formats/npy/npy_tensor.h"
#include "formats/onnx/onnx.h"
#include "ir/autodiff.h"
#include "passes/lower.h"
#include "passes/passes.h"
#include "wire/safetensors.h"

typedef struct step {
    whet_graph *g;
    int n;             /* parameters */
    const char **name; /* as in the gradient file */
    whet_tensor input, labels;
    whet_tensor *out;  /* loss, then the gradients */
} step;

static void read_input(const char *path, whet_dtype t, whet_tensor *out)
{
    whet_tensor raw;
    assert_ok(whet_npy_read_tensor(&raw, path));
    assert_int_equal(raw.dtype, WHET_F32);
    assert_ok(whet_tensor_cast(out, &raw, t));
    whet_tensor_dispose(&raw);
}

/* Everything that is f32 becomes f64. */
static void widen(whet_graph *g)
{
    const int f32 = whet_dtype_to_onnx(WHET_F32);
    for (int i = 0; i < g->n_nodes; i++)
        for (int k = 0; whet_node_is(&g->nodes[i], "Cast") && k < g->nodes[i].n_attr; k++)
            if (strcmp(g->nodes[i].attr[k].name, "to") == 0 && g->nodes[i].attr[k].i == f32)
                g->nodes[i].attr[k].i = whet_dtype_to_onnx(WHET_F64);
    for (int i = 0; i < g->n_values; i++) {
        whet_value *v = &g->values[i];
        whet_tensor wide;
        if (v->kind == WHET_VALUE_RESULT || v->dtype != WHET_F32) continue;
        v->dtype = WHET_F64;
        if (v->kind == WHET_VALUE_INPUT) continue;
        whet_tensor_init(&wide);
        assert_ok(whet_tensor_cast(&wide, &v->data, WHET_F64));
        whet_tensor_dispose(&v->data);
        v->data = wide;
    }
    assert_ok(whet_graph_infer(g));
}

static void add_loss(step *s, whet_dtype t, const whet_safetensors *ref)
{
    whet_graph *g = s->g;
    whet_vid *wrt = whet_calloc((size_t)whet_safetensors_count(ref) + 1, sizeof *wrt), *grad = NULL, labels, loss[2];
    whet_shape in = s->input.shape, shape;
    assert_ok(whet_graph_bind_shapes(g, 1, &in));
    assert_ok(whet_pass_resolve_shapes(g, NULL));
    const whet_vid logits = g->outputs[0];
    assert_true(whet_dims_concrete(&g->values[logits].dims, &shape));
    const int64_t classes = shape.dims[1];
    for (int i = 2; i < shape.rank; i++) shape.dims[i - 1] = shape.dims[i];
    shape.rank--;
    const whet_dims dims = whet_dims_of(&shape);
    assert_ok(whet_tensor_alloc(&s->labels, WHET_S64, &shape));
    for (int64_t i = 0; i < whet_tensor_numel(&s->labels); i++) whet_tensor_set_s64(&s->labels, i, i % classes);
    assert_ok(whet_graph_input(g, "labels", WHET_S64, &dims, &labels));
    assert_ok(whet_graph_node(g, "whet.SoftmaxCrossEntropy", "loss", WHET_IN(logits, labels), WHET_NO_ATTRS, 2, NULL, loss));
    s->n = whet_safetensors_count(ref);
    s->name = whet_calloc((size_t)s->n, sizeof *s->name);
    grad = whet_calloc((size_t)s->n, sizeof *grad);
    for (int i = 0; i < s->n; i++) {
        s->name[i] = whet_safetensors_at(ref, i)->name;
        wrt[i] = whet_graph_find(g, s->name[i]);
        if (wrt[i] == WHET_NO_VALUE) fail_msg("the graph has no parameter '%s'", s->name[i]);
        assert_int_equal(g->values[wrt[i]].dtype, t);
    }
    assert_ok(whet_graph_gradients(g, loss[0], s->n, wrt, grad));
    g->n_outputs = 0;
    g->n_commits = 0;
    assert_ok(whet_graph_output(g, loss[0]));
    for (int i = 0; i < s->n; i++) {
        if (grad[i] == WHET_NO_VALUE) fail_msg("no gradient for '%s'", s->name[i]);
        assert_ok(whet_graph_output(g, grad[i]));
    }
    assert_ok(whet_graph_verify(g));
    whet_free(wrt);
    whet_free(grad);
}

enum { UNCHANGED = UINT32_MAX, FUSED = UINT32_MAX - 1 };
typedef struct way {
    char how[80];
    whet_dtype t;
    uint32_t isa, providers;
    bool lower;
    uint32_t off; /* passes that are off; UNCHANGED: none runs; FUSED: batch normalisation with what follows */
} way;

static void run(step *s, const way *w, int threads)
{
    whet_exec_options opt;
    whet_exec *e = NULL;
    whet_team *team = NULL;
    const whet_tensor in[2] = {s->input, s->labels};
    whet_exec_options_init(&opt);
    assert_ok(whet_team_create(&team, threads));
    opt.team = team;
    opt.providers = w->providers;
    opt.isa &= w->isa;
    if (w->lower) opt.lower = whet_passes_lower;
    s->out = whet_calloc((size_t)s->n + 1, sizeof *s->out);
    for (int i = 0; i <= s->n; i++) whet_tensor_init(&s->out[i]);
    assert_ok(whet_exec_create(&e, s->g, &opt));
    assert_ok(whet_exec_run(e, 2, in, s->n + 1, s->out));
    whet_exec_free(e);
    whet_team_free(team);
}

static void drop_outputs(step *s)
{
    for (int i = 0; s->out != NULL && i <= s->n; i++) whet_tensor_dispose(&s->out[i]);
    whet_free(s->out);
    s->out = NULL;
}

static double float_at(const whet_safetensors_entry *e, int64_t i)
{
    float x;
    memcpy(&x, (const char *)e->data + i * 4, 4);
    return (double)x;
}

/* How far off the worst gradient is, in parts of what is allowed. */
static double compare(const step *s, const whet_safetensors *ref, const char *net, const char *how)
{
    const double want = strtod(whet_safetensors_meta(ref, "loss"), NULL), have = whet_tensor_get_f64(&s->out[0], 0);
    double largest = 0, worst = 0;
    if (!(fabs(have - want) <= 1e-4 * fabs(want))) fail_msg("%s, %s: loss %.7f, wanted %.7f", net, how, have, want);
    for (int i = 0; i < s->n; i++)
        for (int64_t k = 0; k < whet_tensor_numel(&s->out[1 + i]); k++)
            largest = fmax(largest, fabs(float_at(whet_safetensors_at(ref, i), k)));
    for (int i = 0; i < s->n; i++) {
        const whet_safetensors_entry *e = whet_safetensors_at(ref, i);
        const int64_t n = whet_tensor_numel(&s->out[1 + i]);
        double top = 0, off = 0;
        assert_int_equal((size_t)n * 4, e->bytes);
        for (int64_t k = 0; k < n; k++) {
            top = fmax(top, fabs(float_at(e, k)));
            off = fmax(off, fabs(float_at(e, k) - whet_tensor_get_f64(&s->out[1 + i], k)));
            if (isnan(whet_tensor_get_f64(&s->out[1 + i], k))) off = INFINITY;
        }
        const double bound = 1e-3 * fmax(top, 1e-3 * largest);
        worst = fmax(worst, off / bound);
        if (!(off <= bound)) fail_msg("%s, %s: gradient of '%s' is off by %g, allowed %g", net, how, s->name[i], off, bound);
    }
    return worst;
}

static void check_same_bits(step *s, const way *w, const char *net)
{
    whet_tensor *first = s->out;
    s->out = NULL;
    run(s, w, 2);
    for (int i = 0; i <= s->n; i++) {
        if (memcmp(first[i].data, s->out[i].data, whet_tensor_bytes(&first[i])) != 0)
            fail_msg("%s, %s: 1 and 2 threads differ in '%s'", net, w->how, i == 0 ? "the loss" : s->name[i - 1]);
        whet_tensor_dispose(&first[i]);
    }
    whet_free(first);
}

static way ways[64];
static int n_ways;

static void add_way(whet_dtype t, uint32_t isa, uint32_t providers, bool lower, uint32_t off, const char *fmt, ...) WHET_PRINTF(6, 7);
static void add_way(whet_dtype t, uint32_t isa, uint32_t providers, bool lower, uint32_t off, const char *fmt, ...)
{
    way *w = &ways[n_ways++];
    va_list ap;
    assert_true(n_ways <= (int)WHET_COUNT(ways));
    *w = (way){.t = t, .isa = isa, .providers = providers, .lower = lower, .off = off};
    va_start(ap, fmt);
    vsnprintf(w->how, sizeof w->how, fmt, ap);
    va_end(ap);
}

static void make_ways(void)
{
    static const char *const levels[] = {"ref", "avx2", "avx512", "avx512vnni", "avx512bf16", "avx512fp16", "neon"};
    const uint32_t isa = whet_isa(), all = WHET_PROVIDER_ALL;
    uint32_t seen = UINT32_MAX;
    n_ways = 0;
    add_way(WHET_F64, isa, WHET_PROVIDER_REF, false, UNCHANGED, "f64 reference");
    add_way(WHET_F32, isa, all, false, UNCHANGED, "f32 selected, NCHW");
    for (size_t i = 0; i < WHET_COUNT(levels); i++) {
        uint32_t mask = 0;
        assert_ok(whet_isa_parse(levels[i], &mask));
        if ((mask & isa) == seen || (i > 0 && (mask & isa) == 0)) continue;
        seen = mask & isa;
        add_way(WHET_F32, seen, all, true, FUSED, "f32 %s, lowered", levels[i]);
    }
    add_way(WHET_F32, isa, WHET_PROVIDER_REF | WHET_PROVIDER_OWN, true, UNCHANGED, "f32 own, lowered");
    add_way(WHET_F32, isa, WHET_PROVIDER_REF | WHET_PROVIDER_ONEDNN, true, UNCHANGED, "f32 oneDNN, lowered");
    add_way(WHET_F32, isa, all, true, 0, "f32, all passes");
    for (int i = 0; i < whet_pass_count(); i++) add_way(WHET_F32, isa, all, true, (uint32_t)1 << i, "f32, pass %d off", i);
}

static void apply_passes(step *s, const way *w)
{
    whet_pass_options o;
    if (w->off == UNCHANGED) return;
    if (w->off != FUSED) {
        whet_pass_options_init(&o);
        o.off = w->off;
        assert_ok(whet_passes_run(s->g, &o, NULL));
    }
    assert_ok(whet_pass_fuse_batchnorm(s->g));
}

static void check_net(const char *net)
{
    char rel[3][128];
    double worst = 0;
    snprintf(rel[0], sizeof rel[0], "interop/pytorch/%s/train.onnx", net);
    snprintf(rel[1], sizeof rel[1], "interop/pytorch/%s/input.npy", net);
    snprintf(rel[2], sizeof rel[2], "interop/pytorch/%s/gradients.safetensors", net);
    support_shared(model, rel[0]);
    support_shared(input, rel[1]);
    support_shared(gradients, rel[2]);
    make_ways();
    for (int i = 0; i < n_ways; i++) {
        const way *w = &ways[i];
        step s = {0};
        whet_safetensors *ref = NULL;
        whet_onnx_read_options opt;
        whet_onnx_read_options_init(&opt);
        opt.parameters_as_variables = true;
        whet_tensor_init(&s.input);
        whet_tensor_init(&s.labels);
        assert_ok(whet_safetensors_open(&ref, gradients));
        assert_ok(whet_onnx_read(&s.g, model, &opt));
        read_input(input, w->t, &s.input);
        if (w->t == WHET_F64) widen(s.g);
        apply_passes(&s, w);
        add_loss(&s, w->t, ref);
        run(&s, w, 1);
        worst = fmax(worst, compare(&s, ref, net, w->how));
        check_same_bits(&s, w, net);
        drop_outputs(&s);
        whet_tensor_dispose(&s.input);
        whet_tensor_dispose(&s.labels);
        whet_free(s.name);
        whet_graph_free(s.g);
        whet_safetensors_close(ref);
    }
    printf("%s: worst gradient at %.3f of the bound, in %d ways\n", net, worst, n_ways);
}

static void test_resnet(void **state) { (void)state; check_net("resnet"); }
static void test_mobilenetv2(void **state) { (void)state; check_net("mobilenetv2"); }
static void test_unet(void **state) { (void)state; check_net("unet"); }
static void test_efficientnet(void **state) { (void)state; check_net("efficientnet"); }
static void test_convnext(void **state) { (void)state; check_net("convnext"); }
static void test_deeplab(void **state) { (void)state; check_net("deeplab"); }
static void test_vit(void **state) { (void)state; check_net("vit"); }

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_resnet), cmocka_unit_test(test_mobilenetv2), cmocka_unit_test(test_unet),
                                       cmocka_unit_test(test_efficientnet), cmocka_unit_test(test_convnext),
                                       cmocka_unit_test(test_deeplab), cmocka_unit_test(test_vit)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
