/* SPDX-License-Identifier: Apache-2.0 */
/* Networks that PyTorch wrote, run on the executor, against the outputs that PyTorch stored: every provider, ISA level,
 * one and two threads, every pass off; and a second writing and reading in between. */
#include <math.h>
#include <stdarg.h>

#include "support.h"
#include "base/cpu.h"
#include "exec/exec.h"
#include "formats/npy/npy_tensor.h"
#include "formats/onnx/onnx.h"
#include "passes/lower.h"
#include "passes/passes.h"
#include "distance.h"

static const char *const nets[] = {"resnet", "mobilenetv2", "unet", "efficientnet", "convnext", "deeplab", "vit"};
static const char *const kinds[] = {"legacy", "dynamo"};

enum { LOWERED = UINT32_MAX - 1, PLAIN = UINT32_MAX };
typedef struct mode {
    char name[80];
    uint32_t isa, providers;
    int threads;
    uint32_t off; /* passes that are off; LOWERED: all but those of a plan; PLAIN: those too */
} mode;

static mode modes[64];
static int n_modes;

static void add_mode(uint32_t isa, uint32_t providers, int threads, uint32_t off, const char *fmt, ...) WHET_PRINTF(5, 6);
static void add_mode(uint32_t isa, uint32_t providers, int threads, uint32_t off, const char *fmt, ...)
{
    mode *m = &modes[n_modes++];
    va_list ap;
    assert_true(n_modes <= (int)WHET_COUNT(modes));
    *m = (mode){.isa = isa, .providers = providers, .threads = threads, .off = off};
    va_start(ap, fmt);
    vsnprintf(m->name, sizeof m->name, fmt, ap);
    va_end(ap);
}

/* Every ISA level with one and two threads (next to each other: the same bits), every provider, every pass off alone and
 * all of them. */
static void make_modes(void)
{
    static const char *const levels[] = {"ref", "avx2", "avx512", "avx512vnni", "avx512bf16", "avx512fp16", "neon"};
    uint32_t seen = UINT32_MAX;
    n_modes = 0;
    for (size_t i = 0; i < WHET_COUNT(levels); i++) {
        uint32_t mask = 0;
        assert_ok(whet_isa_parse(levels[i], &mask));
        if ((mask & whet_isa()) == seen || (i > 0 && (mask & whet_isa()) == 0)) continue;
        seen = mask & whet_isa();
        for (int t = 1; t <= 2; t++) add_mode(seen, WHET_PROVIDER_ALL, t, 0, "%s, %d threads", levels[i], t);
    }
    add_mode(whet_isa(), WHET_PROVIDER_REF, 2, 0, "reference kernels");
    add_mode(whet_isa(), WHET_PROVIDER_REF, 2, PLAIN, "reference kernels, no passes");
    add_mode(whet_isa(), WHET_PROVIDER_REF | WHET_PROVIDER_OWN | WHET_PROVIDER_VEC, 2, 0, "own kernels");
    add_mode(whet_isa(), WHET_PROVIDER_REF | WHET_PROVIDER_ONEDNN | WHET_PROVIDER_VEC, 2, 0, "oneDNN");
    for (int i = 0; i < whet_pass_count(); i++) add_mode(whet_isa(), WHET_PROVIDER_ALL, 2, (uint32_t)1 << i, "pass %d off", i);
    add_mode(whet_isa(), WHET_PROVIDER_ALL, 2, LOWERED, "all passes off but those of a plan");
    add_mode(whet_isa(), WHET_PROVIDER_ALL, 2, PLAIN, "all passes off");
}

/* Runs the graph on x; *y need not be initialised. */
static void run(const whet_graph *g, const whet_tensor *x, const mode *m, whet_tensor *y)
{
    whet_exec_options o;
    whet_exec *e = NULL;
    whet_graph *copy = NULL;
    whet_tensor_init(y);
    whet_exec_options_init(&o);
    assert_ok(whet_team_create(&o.team, m->threads));
    o.isa &= m->isa;
    o.providers = m->providers;
    o.lower = m->off == PLAIN ? whet_pass_resolve_shapes : whet_passes_lower;
    assert_ok(whet_graph_clone(&copy, g));
    if (m->off < LOWERED) {
        whet_pass_options po;
        whet_pass_options_init(&po);
        po.freeze = true;
        po.off = m->off;
        assert_ok(whet_passes_run(copy, &po, NULL));
    }
    assert_ok(whet_exec_create(&e, copy, &o));
    assert_ok(whet_exec_run(e, 1, x, 1, y));
    whet_exec_free(e);
    whet_team_free(o.team);
    whet_graph_free(copy);
}

/* The largest distance of all modes. */
static double check(const whet_graph *g, const char *what, const whet_tensor *x, const whet_tensor *want)
{
    whet_tensor before;
    double worst = 0;
    whet_tensor_init(&before);
    for (int k = 0; k < n_modes; k++) {
        whet_tensor y;
        run(g, x, &modes[k], &y);
        const double d = distance(&y, want);
        worst = fmax(worst, d);
        if (!(d <= 1e-4)) fail_msg("%s, %s: output differs by %.3g of its maximum", what, modes[k].name, d);
        if (k > 0 && modes[k].isa == modes[k - 1].isa && modes[k].threads != modes[k - 1].threads && modes[k].off == 0 &&
            modes[k].providers == modes[k - 1].providers && memcmp(before.data, y.data, whet_tensor_bytes(&y)) != 0)
            fail_msg("%s, %s: another number of threads gives other bits", what, modes[k].name);
        whet_tensor_dispose(&before);
        before = y;
    }
    whet_tensor_dispose(&before);
    return worst;
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
    make_modes();
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
            const double worst = check(g, rel, &x, &want);
            read_again(g, &again);
            run(again, &x, &modes[n_modes - 2], &y);
            assert_true(distance(&y, &want) <= 1e-4);
            printf("%s: off by %.2g of the largest output at most, in %d modes\n", rel, worst, n_modes);
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
