/* SPDX-License-Identifier: Apache-2.0 */
/* Each allocation of loading, compiling, running and training a small network fails once: the call gives ENOMEM, nothing
 * leaks, and what was there before is as good as it was. Leaks are seen by the sanitizer, and without it by the heap in use
 * before and behind all calls. Times out if it takes a minute, so the network has two of everything at most. */
#include <malloc.h>
#include <unistd.h>

#include "support.h"

#include "exec/exec.h"
#include "formats/onnx/onnx.h"
#include "passes/lower.h"
#include "passes/passes.h"
#include "train/optimizer.h"

#if defined(__SANITIZE_ADDRESS__)
#define HAVE_HEAP 0
#elif defined(__GLIBC__)
#define HAVE_HEAP 1
#else
#define HAVE_HEAP 0
#endif

enum { N = 2, SIZE = 8, CLASSES = 3 };

typedef struct world {
    uint8_t *file;           /* the network as ONNX */
    size_t bytes;
    whet_graph *inference, *training; /* read from it */
    whet_exec *exec;
    whet_tensor x, labels, lr;
} world;

static size_t heap_in_use(void)
{
#if HAVE_HEAP
    return mallinfo2().uordblks;
#else
    return 0;
#endif
}

/* --- the network */

static whet_vid parameter(whet_graph *g, const char *name, int rank, const int64_t *dims, double x)
{
    whet_tensor t = {0};
    whet_shape s = {.rank = rank};
    whet_vid v = WHET_NO_VALUE;
    for (int i = 0; i < rank; i++) s.dims[i] = dims[i];
    assert_ok(whet_tensor_alloc(&t, WHET_F32, &s));
    for (int64_t i = 0; i < whet_tensor_numel(&t); i++) whet_tensor_set_f64(&t, i, x + 0.01 * (double)(i % 7));
    assert_ok(whet_graph_variable(g, name, &t, true, &v));
    whet_tensor_dispose(&t);
    return v;
}
#define PARAMETER(g, name, x, ...) parameter(g, name, (int)(sizeof((int64_t[]){__VA_ARGS__}) / 8), (const int64_t[]){__VA_ARGS__}, x)

static whet_vid op(whet_graph *g, const char *name, int n_in, const whet_vid *in, int n_attr, const whet_attr *attr)
{
    whet_vid out = WHET_NO_VALUE;
    assert_ok(whet_graph_op1(g, name, n_in, in, n_attr, attr, &out));
    return out;
}

static whet_vid normalised(whet_graph *g, whet_vid x, int64_t channels, const char *name)
{
    static const char *const parts[4] = {"scale", "bias", "mean", "var"};
    whet_vid in[5] = {x};
    for (int i = 0; i < 4; i++) {
        char full[64];
        snprintf(full, sizeof full, "%s.%s", name, parts[i]);
        in[1 + i] = PARAMETER(g, full, i == 0 || i == 3 ? 1 : 0, channels);
    }
    return op(g, "Relu", 1, (const whet_vid[]){op(g, "BatchNormalization", 5, in, 0, NULL)}, 0, NULL);
}

static void build(world *w)
{
    whet_graph *g = NULL;
    whet_vid x = WHET_NO_VALUE, shape = WHET_NO_VALUE, sizes = WHET_NO_VALUE;
    const int64_t two[2] = {2, 2}, pads[4] = {1, 1, 1, 1};
    const whet_attr window[2] = {whet_attr_ints("kernel_shape", 2, two), whet_attr_ints("strides", 2, two)}, pad = whet_attr_ints("pads", 4, pads);
    const whet_attr axis = whet_attr_int("axis", 1), linear = whet_attr_string("mode", "linear");
    assert_ok(whet_graph_create(&g, "small"));
    const whet_dims dims = {.rank = 4, .dims = {whet_graph_symbol(g, "N"), 3, SIZE, SIZE}};
    assert_ok(whet_graph_input(g, "input", WHET_F32, &dims, &x));
    const whet_vid a = normalised(g, op(g, "Conv", WHET_IN(x, PARAMETER(g, "w1", 0.1, 4, 3, 3, 3)), 1, &pad), 4, "one");
    const whet_vid half = op(g, "MaxPool", WHET_IN(a), 2, window);
    const whet_vid b = normalised(g, op(g, "Conv", WHET_IN(half, PARAMETER(g, "w2", 0.2, 4, 4, 3, 3)), 1, &pad), 4, "two");
    assert_ok(whet_graph_const_s64(g, NULL, 4, (const int64_t[]){0, 0, 0, 0}, &sizes));
    sizes = op(g, "Add", WHET_IN(op(g, "Shape", WHET_IN(a), WHET_NO_ATTRS), sizes), WHET_NO_ATTRS);
    const whet_vid up = op(g, "Resize", 4, (const whet_vid[]){b, WHET_NO_VALUE, WHET_NO_VALUE, sizes}, 1, &linear);
    const whet_vid both = op(g, "GlobalAveragePool", WHET_IN(op(g, "Concat", WHET_IN(a, up), 1, &axis)), WHET_NO_ATTRS);
    assert_ok(whet_graph_const_s64(g, NULL, 2, (const int64_t[]){-1, 8}, &shape));
    const whet_vid flat = op(g, "Reshape", WHET_IN(both, shape), WHET_NO_ATTRS);
    const whet_vid y = op(g, "Gemm", WHET_IN(flat, PARAMETER(g, "w3", 0.3, 8, CLASSES), PARAMETER(g, "b3", 0, CLASSES)), WHET_NO_ATTRS);
    assert_ok(whet_graph_output(g, y));
    assert_ok(whet_onnx_write_mem(g, &w->file, &w->bytes, NULL));
    whet_graph_free(g);
}

/* --- the steps. Each frees what it made. */

static whet_status load(world *w, bool training, whet_graph **out)
{
    whet_onnx_read_options opt;
    whet_onnx_read_options_init(&opt);
    opt.parameters_as_variables = training;
    return whet_onnx_read_mem(out, w->file, w->bytes, "small.onnx", NULL, &opt);
}

static whet_status try_load(void *arg)
{
    whet_graph *g = NULL, *t = NULL;
    whet_status status = load(arg, false, &g);
    if (status == WHET_OK) status = load(arg, true, &t);
    whet_graph_free(g);
    whet_graph_free(t);
    return status;
}

static whet_status try_save(void *arg)
{
    const world *w = arg;
    uint8_t *bytes = NULL;
    size_t n = 0;
    whet_status status = whet_onnx_write_mem(w->inference, &bytes, &n, NULL);
    whet_free(bytes);
    return status;
}

static whet_status compile(const world *w, whet_exec **out, whet_plan **plan)
{
    whet_exec_options opt;
    whet_pass_options passes;
    whet_graph *g = NULL;
    whet_exec_options_init(&opt);
    whet_pass_options_init(&passes);
    passes.freeze = true;
    opt.lower = whet_passes_lower;
    opt.providers = WHET_PROVIDER_REF | WHET_PROVIDER_OWN | WHET_PROVIDER_VEC; /* oneDNN keeps caches of its own */
    whet_status status = whet_graph_clone(&g, w->inference);
    if (status == WHET_OK) status = whet_passes_run(g, &passes, NULL);
    if (status == WHET_OK) status = whet_exec_create(out, g, &opt);
    if (status == WHET_OK) status = whet_exec_plan(*out, 1, &w->x.shape, plan);
    whet_graph_free(g);
    return status;
}

static whet_status try_compile(void *arg)
{
    whet_exec *e = NULL;
    whet_plan *p = NULL;
    const whet_status status = compile(arg, &e, &p);
    whet_exec_free(e);
    return status;
}

static whet_status try_run(void *arg)
{
    world *w = arg;
    whet_tensor y;
    whet_tensor_init(&y);
    const whet_status status = whet_exec_run(w->exec, 1, &w->x, 1, &y);
    whet_tensor_dispose(&y);
    return status;
}

static whet_status make_step(const world *w, whet_exec **out)
{
    whet_exec_options opt;
    whet_train_settings s;
    whet_graph *g = NULL;
    whet_exec_options_init(&opt);
    whet_train_settings_init(&s);
    s.model = "lenet"; /* settings that go with a name; the network is ours */
    s.data = "digits";
    opt.lower = whet_passes_lower;
    opt.providers = WHET_PROVIDER_REF | WHET_PROVIDER_OWN | WHET_PROVIDER_VEC;
    whet_status status = whet_train_settings_resolve(&s);
    if (status == WHET_OK) status = whet_train_graph_create(&g, w->training, &s);
    if (status == WHET_OK) status = whet_exec_create(out, g, &opt);
    whet_graph_free(g);
    return status;
}

static whet_status run_step(const world *w, whet_exec *e)
{
    const whet_tensor in[3] = {w->x, w->labels, w->lr};
    whet_tensor out[2];
    for (int i = 0; i < 2; i++) whet_tensor_init(&out[i]);
    const whet_status status = whet_exec_run(e, 3, in, 2, out);
    for (int i = 0; i < 2; i++) whet_tensor_dispose(&out[i]);
    return status;
}

static whet_status try_step(void *arg)
{
    whet_exec *e = NULL;
    whet_status status = make_step(arg, &e);
    if (status == WHET_OK) status = run_step(arg, e);
    whet_exec_free(e);
    return status;
}

/* --- the tests */

static void each_allocation_fails(world *w, const char *what, whet_status (*fn)(void *arg))
{
    support_fail_each_allocation(fn, w); /* fills tables that are made once, and the allocator's own caches */
    const size_t before = heap_in_use();
    const long n = support_fail_each_allocation(fn, w);
    const size_t behind = heap_in_use();
    if (behind != before) fail_msg("%s: %ld bytes are left on the heap", what, (long)(behind - before));
    assert_ok(fn(w));
    printf("%s: each of %ld allocations failed once\n", what, n);
}

static void setup(world *w)
{
    whet_plan *p = NULL;
    const whet_shape image = WHET_SHAPE(N, 3, SIZE, SIZE), labels = WHET_SHAPE(N), scalar = {.rank = 0};
    *w = (world){0};
    build(w);
    assert_ok(load(w, false, &w->inference));
    assert_ok(load(w, true, &w->training));
    assert_ok(whet_tensor_alloc(&w->x, WHET_F32, &image));
    for (int64_t i = 0; i < whet_tensor_numel(&w->x); i++) whet_tensor_set_f64(&w->x, i, (double)(i % 13) / 13);
    assert_ok(whet_tensor_alloc(&w->labels, WHET_S64, &labels));
    for (int64_t i = 0; i < N; i++) whet_tensor_set_s64(&w->labels, i, i % CLASSES);
    assert_ok(whet_tensor_alloc(&w->lr, WHET_F32, &scalar));
    whet_tensor_set_f64(&w->lr, 0, 0.01);
    assert_ok(compile(w, &w->exec, &p));
}

static void teardown(world *w)
{
    whet_exec_free(w->exec);
    whet_graph_free(w->inference);
    whet_graph_free(w->training);
    whet_tensor_dispose(&w->x);
    whet_tensor_dispose(&w->labels);
    whet_tensor_dispose(&w->lr);
    whet_free(w->file);
}

#define TEST(name, fn)                                                                                              \
    static void name(void **state)                                                                                  \
    {                                                                                                               \
        world w;                                                                                                    \
        (void)state;                                                                                                \
        setup(&w);                                                                                                  \
        each_allocation_fails(&w, #name, fn);                                                                       \
        teardown(&w);                                                                                               \
    }
TEST(loading, try_load)
TEST(saving, try_save)
TEST(compiling, try_compile)
TEST(running, try_run)
TEST(a_training_step, try_step)

int main(int argc, char **argv)
{
    (void)argc;
#if HAVE_HEAP
    if (getenv("GLIBC_TUNABLES") == NULL) { /* what glibc caches a thread counts as in use */
        setenv("GLIBC_TUNABLES", "glibc.malloc.tcache_count=0", 1);
        execv("/proc/self/exe", argv);
    }
#else
    (void)argv;
#endif
    const struct CMUnitTest tests[] = {cmocka_unit_test(loading), cmocka_unit_test(saving), cmocka_unit_test(compiling),
                                       cmocka_unit_test(running), cmocka_unit_test(a_training_step)};
    return cmocka_run_group_tests_name("allocations", tests, NULL, NULL);
}
