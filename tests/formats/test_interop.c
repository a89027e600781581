/* SPDX-License-Identifier: Apache-2.0 */
/* Networks that PyTorch wrote, run on the executor, against the outputs that PyTorch stored: every provider, ISA level and
 * one and two threads; and a second writing and reading in between. */
#include <math.h>

#include "support.h"
#include "base/cpu.h"
#include "exec/exec.h"
#include "formats/npy/npy_tensor.h"
#include "formats/onnx/onnx.h"
#include "passes/lower.h"
#include "passes/passes.h"

static const char *const nets[] = {"resnet", "mobilenetv2", "unet", "efficientnet", "convnext"};
static const char *const kinds[] = {"legacy", "dynamo"};

typedef struct mode { const char *name, *isa; uint32_t providers; int threads; bool optimise; } mode;
static const mode modes[] = {
    {"reference", "ref", WHET_PROVIDER_REF, 1, false},
    {"reference, passes", "ref", WHET_PROVIDER_REF, 2, true},
    {"own kernels, ref isa", "ref", WHET_PROVIDER_REF | WHET_PROVIDER_OWN, 1, true},
    {"own kernels, avx2", "avx2", WHET_PROVIDER_REF | WHET_PROVIDER_OWN, 2, true},
    {"own kernels, avx512", "avx512", WHET_PROVIDER_REF | WHET_PROVIDER_OWN, 1, true},
    {"all", NULL, WHET_PROVIDER_ALL, 1, true},
    {"all, 2 threads", NULL, WHET_PROVIDER_ALL, 2, true},
    {"all, no passes", NULL, WHET_PROVIDER_ALL, 2, false}};

/* Runs the graph on x; *y need not be initialised. */
static void run(const whet_graph *g, const whet_tensor *x, const mode *m, whet_tensor *y)
{
    whet_exec_options o;
    whet_exec *e = NULL;
    whet_graph *copy = NULL;
    whet_tensor_init(y);
    whet_exec_options_init(&o);
    assert_ok(whet_team_create(&o.team, m->threads));
    if (m->isa) {
        uint32_t mask = 0;
        assert_ok(whet_isa_parse(m->isa, &mask));
        o.isa &= mask;
    }
    o.providers = m->providers;
    assert_ok(whet_graph_clone(&copy, g));
    if (m->optimise) {
        whet_pass_options po;
        whet_pass_options_init(&po);
        po.freeze = true;
        assert_ok(whet_passes_run(copy, &po, NULL));
        o.lower = whet_passes_lower;
    }
    assert_ok(whet_exec_create(&e, copy, &o));
    assert_ok(whet_exec_run(e, 1, x, 1, y));
    whet_exec_free(e);
    whet_team_free(o.team);
    whet_graph_free(copy);
}

/* max |a - b| / max |b| */
static double distance(const whet_tensor *a, const whet_tensor *b)
{
    double d = 0, top = 0;
    assert_int_equal(a->dtype, b->dtype);
    assert_true(whet_shape_equal(&a->shape, &b->shape));
    for (int64_t i = 0; i < whet_tensor_numel(b); i++) {
        double x = whet_tensor_get_f64(a, i), y = whet_tensor_get_f64(b, i);
        if (!isfinite(x)) return INFINITY;
        d = fmax(d, fabs(x - y));
        top = fmax(top, fabs(y));
    }
    return d / top;
}

static void check(const whet_graph *g, const char *what, const whet_tensor *x, const whet_tensor *want)
{
    whet_tensor same;
    whet_tensor_init(&same);
    for (size_t k = 0; k < WHET_COUNT(modes); k++) {
        whet_tensor y;
        run(g, x, &modes[k], &y);
        double d = distance(&y, want);
        if (!(d <= 1e-4)) {
            print_error("%s, %s: output differs by %.3g of its maximum\n", what, modes[k].name, d);
            fail();
        }
        if (strcmp(modes[k].name, "all") == 0) whet_tensor_ref(&same, &y);
        if (strcmp(modes[k].name, "all, 2 threads") == 0)
            assert_memory_equal(same.data, y.data, whet_tensor_bytes(&y)); /* the same bits for any number of threads */
        whet_tensor_dispose(&y);
    }
    whet_tensor_dispose(&same);
}

static void read_again(const whet_graph *g, whet_graph **out)
{
    uint8_t *bytes = NULL;
    size_t n = 0;
    assert_ok(whet_onnx_write_mem(g, &bytes, &n, NULL));
    assert_ok(whet_onnx_read_mem(out, bytes, n, "again.onnx", NULL, NULL));
    whet_free(bytes);
}

static void pytorch_networks(void **state)
{
    (void)state;
    for (size_t i = 0; i < WHET_COUNT(nets); i++)
        for (size_t k = 0; k < WHET_COUNT(kinds); k++) {
            char rel[128];
            whet_graph *g = NULL, *again = NULL;
            whet_tensor x, want, y;
            snprintf(rel, sizeof(rel), "interop/pytorch/%s/input.npy", nets[i]);
            support_shared(x_path, rel);
            snprintf(rel, sizeof(rel), "interop/pytorch/%s/output.npy", nets[i]);
            support_shared(y_path, rel);
            snprintf(rel, sizeof(rel), "interop/pytorch/%s/%s.onnx", nets[i], kinds[k]);
            support_shared(path, rel);
            assert_ok(whet_npy_read_tensor(&x, x_path));
            assert_ok(whet_npy_read_tensor(&want, y_path));
            assert_ok(whet_onnx_read(&g, path, NULL));
            check(g, rel, &x, &want);
            read_again(g, &again);
            run(again, &x, &modes[6], &y);
            assert_true(distance(&y, &want) <= 1e-4);
            whet_tensor_dispose(&y);
            whet_tensor_dispose(&x);
            whet_tensor_dispose(&want);
            whet_graph_free(g);
            whet_graph_free(again);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(pytorch_networks)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
