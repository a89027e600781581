/* SPDX-License-Identifier: Apache-2.0 */
/* Rules of docs/MEASURING.md, each shown by a plug-in whose behaviour is known: R1 and R2 warm-up, R6 outliers, R11 threads, R14 inputs, R15
 * regions, R17 two against native, R19 memory, R25 precision, R26 cold and cached, R29 the probe. Speed itself is not tested:
 * what is compared differs by factors. */
#include <jansson.h>
#include <math.h>
#include <unistd.h>

#include "base/threads.h"
#include "formats/onnx/onnx.h"
#include "ir/graph.h"
#include "fake_bench.h"
#include "measure/bench.h"
#include "measure/worker.h"
#include "support.h"

static char *scratch;

static char *model(const char *trick) { return fake_model(scratch, trick); }
static void fast(whet_bench_spec *s, const whet_bench_cell *cells, int n) { fake_spec(s, cells, n, 60, 0.03, 30); }

static json_t *bench(const whet_bench_spec *s)
{
    json_t *doc = NULL;
    assert_ok(whet_bench_run(&doc, s));
    return doc;
}

/* A bench of one fake model; the document, of which the row is borrowed. */
static json_t *bench_one(const char *trick, const json_t **row)
{
    char *path = model(trick);
    const whet_bench_cell cell = {.model = path, .runtime = "fake", .threads = 1};
    whet_bench_spec s;
    fast(&s, &cell, 1);
    json_t *doc = bench(&s);
    *row = json_array_get(json_object_get(doc, "rows"), 0);
    assert_string_equal(json_string_value(json_object_get(*row, "status")), "ok");
    whet_free(path);
    return doc;
}

static double number(const json_t *o, const char *key)
{
    const json_t *v = json_object_get(o, key);
    if (!json_is_number(v)) print_error("'%s' is no number\n", key);
    assert_true(json_is_number(v));
    return json_number_value(v);
}

static bool noted(const json_t *row, const char *part)
{
    const json_t *list = json_object_get(row, "notes"), *v = NULL;
    size_t i = 0;
    json_array_foreach(list, i, v) if (strstr(json_string_value(v), part) != NULL) return true;
    return false;
}

static size_t samples_of(const json_t *row, double *longest)
{
    const json_t *blocks = json_object_get(row, "samples"), *b = NULL, *x = NULL;
    size_t n = 0, i = 0, k = 0;
    *longest = 0;
    json_array_foreach(blocks, i, b) json_array_foreach(json_object_get(b, "ns"), k, x)
    {
        n++;
        *longest = fmax(*longest, json_number_value(x) / 1e6);
    }
    return n;
}

/* R6: one run in ten takes twenty times as long. All are counted, none is dropped. */
static void test_outliers(void **state)
{
    const json_t *row = NULL;
    double longest = 0;
    (void)state;
    json_t *doc = bench_one("spike 100", &row);
    const json_t *lat = json_object_get(row, "latency");
    const size_t n = samples_of(row, &longest);
    assert_int_equal((size_t)number(lat, "n"), n);
    assert_true(fabs(number(lat, "max") - longest) < 1e-6 && longest > 1.9);
    assert_true(number(lat, "outliers_severe") >= 0.08 * (double)n && number(lat, "outliers_mild") >= number(lat, "outliers_severe"));
    assert_true(number(lat, "outliers_mad") >= 0.08 * (double)n);
    assert_true(number(lat, "p50") < 1 && number(lat, "mean") > 1.5 * number(lat, "p50"));
    json_decref(doc);
}

/* R11: a runtime that was given one thread and uses two is told; one that keeps to it is not. */
static void test_threads(void **state)
{
    const json_t *row = NULL;
    (void)state;
    json_t *doc = bench_one("spin 300", &row);
    const json_t *check = json_object_get(row, "thread_check");
    assert_true(json_is_true(json_object_get(check, "ok")));
    assert_int_equal((int)number(check, "allowed"), 1);
    assert_int_equal((int)number(check, "busy"), 1);
    assert_false(noted(row, "threads were allowed"));
    const json_t *cpus = json_object_get(json_object_get(doc, "settings"), "cpus");
    assert_int_equal(json_array_size(cpus), 1); /* pinned to as many as it has threads */
    json_decref(doc);
    if (whet_cpu_count() < 2) return;
    char *path = model("team 2000");
    const whet_bench_cell cell = {.model = path, .runtime = "fake", .threads = 2};
    whet_bench_spec s;
    fast(&s, &cell, 1);
    doc = bench(&s);
    row = json_array_get(json_object_get(doc, "rows"), 0);
    assert_true(json_is_true(json_object_get(json_object_get(row, "thread_check"), "ok")));
    json_decref(doc);
    whet_free(path);
    doc = bench_one("team 2000", &row); /* one thread given, two work */
    check = json_object_get(row, "thread_check");
    assert_false(json_is_true(json_object_get(check, "ok")));
    assert_int_equal((int)number(check, "busy"), 2);
    assert_true(noted(row, "2 threads were busy"));
    json_decref(doc);
}

/* R14: varied inputs from a seed, the same again for the same seed. */
static void test_inputs(void **state)
{
    char *path = model("good"), seen[3][65] = {"", "", ""};
    const whet_bench_cell cell = {.model = path, .runtime = "fake", .threads = 1};
    (void)state;
    for (int i = 0; i < 3; i++) {
        whet_bench_spec s;
        fast(&s, &cell, 1);
        s.seed = i == 1 ? 5 : 0;
        json_t *doc = bench(&s);
        const json_t *in = json_object_get(doc, "inputs"), *parity = json_object_get(json_array_get(json_object_get(doc, "rows"), 0), "parity");
        assert_int_equal((int)number(in, "count"), 64);
        assert_int_equal((int)number(parity, "inputs"), 16); /* as many different ones as there are samples */
        snprintf(seen[i], sizeof seen[i], "%s", json_string_value(json_object_get(in, "sha256")));
        json_decref(doc);
    }
    assert_string_not_equal(seen[0], seen[1]);
    assert_string_equal(seen[0], seen[2]);
    whet_free(path);
}

/* R15: `infer` is run() alone; `e2e` decodes and preprocesses the picture as well, and takes longer for it. */
static void test_regions(void **state)
{
    char *path = model("picture 100");
    const whet_bench_cell cell = {.model = path, .runtime = "fake", .threads = 1};
    whet_bench_spec s;
    (void)state;
    fast(&s, &cell, 1);
    s.data = "digits:300,50";
    s.contract = "unit";
    json_t *doc = bench(&s);
    const json_t *row = json_array_get(json_object_get(doc, "rows"), 0), *infer = json_object_get(row, "latency"), *e2e = json_object_get(row, "e2e");
    if (!json_is_object(e2e)) print_error("e2e: %s\n", json_string_value(json_object_get(row, "e2e_na")));
    assert_true(json_is_object(infer) && json_is_object(e2e));
    assert_string_equal(json_string_value(json_object_get(infer, "region")), "infer");
    assert_string_equal(json_string_value(json_object_get(e2e, "region")), "e2e");
    assert_true(number(infer, "min") >= 0.1);
    assert_true(number(e2e, "min") > number(infer, "min"));
    assert_true(number(e2e, "n") >= 30);
    json_decref(doc);
    whet_free(path);
}

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define OTHER_MEMORY 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define OTHER_MEMORY 1
#endif

/* R19: what a model of known size takes is found to the megabyte, what it gives back before it runs counts in the peak, and
 * neither the worker itself nor the samples in shared memory (4 MiB each in `wide`) count. */
static void test_memory(void **state)
{
    static const struct { const char *trick; double delta, held; } cases[] = {
        {"good", 0, 0}, {"hold 64", 64, 64}, {"hold 7", 7, 7}, {"passing 48", 48, 0}, {"wide", 8, 0}};
    static const double mib = 1 << 20;
    double none = 0;
    (void)state;
#ifdef OTHER_MEMORY
    support_skip("memory", "a sanitizer takes memory of its own");
#endif
    for (size_t i = 0; i < WHET_COUNT(cases); i++) {
        const json_t *row = NULL;
        json_t *doc = bench_one(cases[i].trick, &row);
        const json_t *m = json_object_get(row, "memory");
        const double delta = number(m, "delta_bytes") / mib, after = (number(m, "after_load_bytes") - number(m, "base_bytes")) / mib;
        if (i == 0) none = delta;
        print_message("%s: peak %.2f MiB over the worker (%.2f without a model), %.2f held\n", cases[i].trick, delta, none, after);
        assert_true(none < 1.5);
        assert_true(fabs(delta - none - cases[i].delta) <= 1);
        assert_true(fabs(after - cases[i].held) <= 1);
        assert_true(number(m, "peak_bytes") - number(m, "base_bytes") == number(m, "delta_bytes"));
        json_decref(doc);
    }
}

/* A product with 64 MiB of weights, as ONNX */
static char *weights_of_64_mib(void)
{
    whet_graph *g = NULL;
    whet_vid x = 0, w = 0, y = 0;
    whet_tensor t;
    const whet_shape shape = WHET_SHAPE(4096, 4096);
    const whet_dims dims = {.rank = 2, .dims = {1, 4096}};
    char *path = whet_format("%s/large.onnx", scratch);
    whet_tensor_init(&t);
    assert_ok(whet_tensor_alloc(&t, WHET_F32, &shape));
    for (int i = 0; i < 4096 * 4096; i++) ((float *)t.data)[i] = (float)(i % 251 - 125) / 4096;
    assert_ok(whet_graph_create(&g, "large"));
    assert_ok(whet_graph_input(g, "x", WHET_F32, &dims, &x));
    assert_ok(whet_graph_const(g, "w", &t, &w));
    assert_ok(whet_graph_op1(g, "MatMul", WHET_IN(x, w), WHET_NO_ATTRS, &y));
    assert_ok(whet_graph_output(g, y));
    assert_ok(whet_onnx_write(g, path, NULL));
    whet_graph_free(g);
    whet_tensor_dispose(&t);
    return path;
}

/* R19 on real engines: the weights once (as they lie in the file or repacked), or twice (file and repacked); never less, and
 * little beside. */
static void test_memory_of_weights(void **state)
{
    static const char *const runtimes[] = {"native", "ort"};
    static const double mib = 1 << 20;
    (void)state;
#ifdef OTHER_MEMORY
    support_skip("memory", "a sanitizer takes memory of its own");
#endif
    char *path = weights_of_64_mib();
    unsetenv("WHET_PLUGINS");
    for (size_t i = 0; i < WHET_COUNT(runtimes); i++) {
        const whet_bench_cell cell = {.model = path, .runtime = runtimes[i], .threads = 1};
        whet_bench_spec s;
        fast(&s, &cell, 1);
        s.accept = "max=1e-3";
        json_t *doc = bench(&s);
        const json_t *row = json_array_get(json_object_get(doc, "rows"), 0);
        const char *status = json_string_value(json_object_get(row, "status"));
        if (strcmp(status, "ok") == 0) {
            const double delta = number(json_object_get(row, "memory"), "delta_bytes") / mib;
            print_message("%s: %.1f MiB for 64 MiB of weights\n", runtimes[i], delta);
            assert_true(delta >= 64 && delta <= 2 * 64 + 32);
        } else {
            print_message("%s: %s\n", runtimes[i], status);
            assert_int_equal(strncmp(status, "runtime missing", 15), 0);
        }
        json_decref(doc);
    }
    setenv("WHET_PLUGINS", FAKE_PLUGINS, 1);
    whet_free(path);
}

/* R26: both are there, and the fresh processes' loads are the cached ones. */
static void test_cold_and_cached(void **state)
{
    static const char *const keys[] = {"read_ms", "load_ms", "first_ms", "load_cold_ms", "first_cold_ms"};
    const json_t *row = NULL;
    (void)state;
    json_t *doc = bench_one("spin 500", &row);
    for (size_t i = 0; i < WHET_COUNT(keys); i++) assert_true(number(row, keys[i]) >= 0);
    assert_true(number(row, "first_ms") >= 0.5 && number(row, "first_cold_ms") >= 0.5);
    json_decref(doc);
}

/* R1, R2: warming up is a phase of its own, by count and by time: neither ends it before the other. */
static void test_warm_up(void **state)
{
    static const struct { int runs; double seconds; } asked[] = {{1500, 0.005}, {10, 0.2}};
    char *path = model("spin 100");
    const whet_bench_cell cell = {.model = path, .runtime = "fake", .threads = 1};
    (void)state;
    for (size_t i = 0; i < WHET_COUNT(asked); i++) {
        whet_bench_spec s;
        fast(&s, &cell, 1);
        s.warmup_runs = asked[i].runs;
        s.warmup_seconds = asked[i].seconds;
        json_t *doc = bench(&s);
        const json_t *row = json_array_get(json_object_get(doc, "rows"), 0);
        assert_true(number(row, "warmup_runs") >= asked[i].runs);
        assert_true(number(row, "warmup_ms") >= 1e3 * asked[i].seconds && number(row, "warmup_ms") >= 0.1 * number(row, "warmup_runs"));
        json_decref(doc);
    }
    whet_free(path);
}

/* R29: a block whose CPU is taken by somebody else shows in the probe, is repeated up to three times, then kept and flagged. */
static void test_probe(void **state)
{
    char *quiet = model("spin 300"), *robbed = model("rob 300");
    const whet_bench_cell cells[] = {{.model = quiet, .runtime = "fake", .threads = 1}, {.model = robbed, .runtime = "fake", .threads = 1}};
    whet_bench_spec s;
    (void)state;
    fast(&s, cells, 2);
    json_t *doc = bench(&s);
    const json_t *rows = json_object_get(doc, "rows"), *probe = json_object_get(json_array_get(rows, 1), "probe");
    const double blocks = (double)json_array_size(json_object_get(json_array_get(rows, 1), "samples"));
    print_message("robbed: %.0f of %.0f blocks flagged, %.0f repeats\n", number(probe, "flagged"), blocks, number(probe, "repeated"));
    assert_true(number(probe, "flagged") >= 0.7 * blocks);
    /* one that the best of later blocks flags was not repeated */
    assert_true(number(probe, "repeated") >= 2 * number(probe, "flagged") && number(probe, "repeated") <= 3 * blocks);
    assert_true(noted(json_array_get(rows, 1), "below 90 % of its best speed"));
    json_decref(doc);
    whet_free(quiet);
    whet_free(robbed);
}

static whet_vid scalar(whet_graph *g, const char *name, whet_dtype type, float value)
{
    whet_tensor t;
    whet_vid v = 0;
    const whet_shape shape = WHET_SHAPE(1);
    whet_tensor_init(&t);
    assert_ok(whet_tensor_alloc(&t, type, &shape));
    if (type == WHET_F32)
        *(float *)t.data = value;
    else
        *(int8_t *)t.data = (int8_t)value;
    assert_ok(whet_graph_const(g, name, &t, &v));
    whet_tensor_dispose(&t);
    return v;
}

/* y = 2 x + 1 on 1 x 8, as ONNX; x goes through eight bits first if it is quantised. */
static char *affine(bool quantised)
{
    whet_graph *g = NULL;
    whet_vid x = 0, v = 0;
    const whet_dims dims = {.rank = 2, .dims = {1, 8}};
    char *path = whet_format("%s/affine%s.onnx", scratch, quantised ? "_int8" : "");
    assert_ok(whet_graph_create(&g, "affine"));
    assert_ok(whet_graph_input(g, "x", WHET_F32, &dims, &x));
    if (quantised) {
        const whet_vid scale = scalar(g, "scale", WHET_F32, 1.0f / 32), zero = scalar(g, "zero", WHET_S8, 0);
        assert_ok(whet_graph_op1(g, "QuantizeLinear", WHET_IN(x, scale, zero), WHET_NO_ATTRS, &x));
        assert_ok(whet_graph_op1(g, "DequantizeLinear", WHET_IN(x, scale, zero), WHET_NO_ATTRS, &x));
    }
    assert_ok(whet_graph_op1(g, "Mul", WHET_IN(x, scalar(g, "two", WHET_F32, 2)), WHET_NO_ATTRS, &v));
    assert_ok(whet_graph_op1(g, "Add", WHET_IN(v, scalar(g, "one", WHET_F32, 1)), WHET_NO_ATTRS, &v));
    assert_ok(whet_graph_output(g, v));
    assert_ok(whet_onnx_write(g, path, NULL));
    whet_graph_free(g);
    return path;
}

/* R25: to ask for f32 does not make an int8 file one; a row that did not run is that of what was asked. */
static void test_precision_named(void **state)
{
    static const struct { bool quantised; const char *asked, *named; } cases[] = {
        {true, "f32", "int8"}, {true, "default", "int8"}, {true, "bf16", "bf16"}, {false, "f32", "f32"}, {false, "default", "f32"}};
    whet_bench_spec s;
    (void)state;
    setenv("WHET_FAKE_ANY", "good", 1);
    for (size_t i = 0; i < WHET_COUNT(cases); i++) {
        char *path = affine(cases[i].quantised);
        const whet_bench_cell cell = {.model = path, .runtime = "fake", .threads = 1, .precision = cases[i].asked};
        fast(&s, &cell, 1);
        json_t *doc = bench(&s);
        const json_t *row = json_array_get(json_object_get(doc, "rows"), 0);
        assert_string_equal(json_string_value(json_object_get(row, "status")),
                            strcmp(cases[i].asked, "bf16") == 0 ? "unsupported: fake computes in f32 alone" : "ok");
        assert_string_equal(json_string_value(json_object_get(row, "precision")), cases[i].named);
        json_decref(doc);
        whet_free(path);
    }
    unsetenv("WHET_FAKE_ANY");
}

static void statuses(const char *trick, const char *const *want, const char *reference)
{
    char *path = affine(false), *plugins = whet_format("%s:%s", FAKE_PLUGINS, FAKE_PLUGINS_B);
    const whet_bench_cell cells[] = {{.model = path, .runtime = "native", .threads = 1},
                                     {.model = path, .runtime = "fake", .threads = 1},
                                     {.model = path, .runtime = "fakeb", .threads = 1}};
    whet_bench_spec s;
    setenv("WHET_PLUGINS", plugins, 1);
    setenv("WHET_HOME", scratch, 1); /* no runtime of a vendor is installed there */
    setenv("WHET_FAKE_ANY", trick, 1);
    fast(&s, cells, 3);
    json_t *doc = bench(&s);
    setenv("WHET_PLUGINS", FAKE_PLUGINS, 1);
    unsetenv("WHET_HOME");
    unsetenv("WHET_FAKE_ANY");
    for (size_t i = 0; i < 3; i++) {
        const json_t *row = json_array_get(json_object_get(doc, "rows"), i);
        const char *status = json_string_value(json_object_get(row, "status"));
        if (strcmp(status, want[i]) != 0) print_error("%s: row %zu: '%s'\n", trick, i, status);
        assert_string_equal(status, want[i]);
        assert_contains(json_string_value(json_object_get(json_object_get(row, "parity"), "reference")), reference);
    }
    json_decref(doc);
    whet_free(path);
    whet_free(plugins);
}

/* R17: native's plain kernels are the reference where there is no other; two others that agree against them are right, two
 * that disagree with them and with each other are not. */
static void test_two_against_native(void **state)
{
    static const char *const all[] = {"ok", "ok", "ok"}, *const native_fails[] = {"parity failed", "ok", "ok"},
                      *const they_fail[] = {"ok", "parity failed", "parity failed"};
    (void)state;
    statuses("good", all, "plain reference kernels");
    statuses("wrong", native_fails, "Fake agrees, native's kernels do not");
    statuses("own-way", they_fail, "plain reference kernels");
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "worker") == 0) return whet_worker_main();
    setenv("WHET_PLUGINS", FAKE_PLUGINS, 1);
    scratch = support_tmpdir();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_precision_named), cmocka_unit_test(test_outliers), cmocka_unit_test(test_threads), cmocka_unit_test(test_inputs),
        cmocka_unit_test(test_regions),  cmocka_unit_test(test_memory),  cmocka_unit_test(test_cold_and_cached),
        cmocka_unit_test(test_warm_up), cmocka_unit_test(test_probe),    cmocka_unit_test(test_two_against_native), cmocka_unit_test(test_memory_of_weights),
    };
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    support_rmtree(scratch);
    return failed;
}
