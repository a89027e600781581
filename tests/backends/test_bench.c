/* SPDX-License-Identifier: Apache-2.0 */
/* A whole bench over the fake plug-in: good rows are timed in turns and compared, a crash and a failure are rows with their
 * reasons, a missing plug-in too. */
#include <jansson.h>
#include <math.h>

#include "measure/bench.h"
#include "measure/worker.h"
#include "support.h"

static char *scratch;

static char *model(const char *name, const char *trick)
{
    char *path = whet_format("%s/%s", scratch, name), *text = whet_format("fake\n%s\n", trick);
    assert_ok(whet_file_write(path, text, strlen(text)));
    whet_free(text);
    return path;
}

static const char *text_at(const json_t *doc, const char *list, size_t i, const char *key)
{
    const char *s = json_string_value(json_object_get(json_array_get(json_object_get(doc, list), i), key));
    return s != NULL ? s : "";
}

static void test_rows(void **state)
{
    char *good = model("good.fake", "good"), *twin = model("twin.fake", "good"), *crash = model("crash.fake", "abort"),
         *silent = model("silent.fake", "silent");
    const whet_bench_cell cells[] = {{.model = good, .runtime = "fake", .threads = 1},
                                     {.model = twin, .runtime = "fake", .threads = 1},
                                     {.model = crash, .runtime = "fake", .threads = 1},
                                     {.model = silent, .runtime = "fake", .threads = 1},
                                     {.model = good, .runtime = "nosuch", .threads = 1}};
    whet_bench_spec s;
    json_t *doc = NULL;
    (void)state;
    whet_bench_spec_init(&s);
    s.cells = cells;
    s.n_cells = (int)WHET_COUNT(cells);
    s.mode = WHET_BENCH_QUICK;
    s.min_runs = 24;
    s.min_seconds = 0.006;
    s.warmup_seconds = 0.005;
    assert_ok(whet_bench_run(&doc, &s));
    const json_t *rows = json_object_get(doc, "rows"), *first = json_array_get(rows, 0), *lat = json_object_get(first, "latency");
    assert_int_equal(json_array_size(rows), 5);
    assert_string_equal(text_at(doc, "rows", 0, "status"), "ok");
    assert_string_equal(text_at(doc, "rows", 1, "status"), "ok");
    assert_contains(text_at(doc, "rows", 2, "status"), "runtime failed: crash: signal 6");
    assert_contains(text_at(doc, "rows", 3, "status"), "runtime failed: Fake: running the model failed");
    assert_contains(text_at(doc, "rows", 4, "status"), "runtime missing: there is no plug-in for the runtime 'nosuch'");
    assert_true(json_is_null(json_object_get(json_array_get(rows, 2), "latency")));
    /* enough runs, over at least three processes, in order of magnitude and interval */
    assert_true(json_number_value(json_object_get(lat, "n")) >= 24);
    assert_true(json_number_value(json_object_get(lat, "p50_low")) <= json_number_value(json_object_get(lat, "p50")));
    assert_true(json_number_value(json_object_get(lat, "p50_high")) >= json_number_value(json_object_get(lat, "p50")));
    assert_true(json_array_size(json_object_get(first, "samples")) >= 12);
    assert_true(json_is_string(json_object_get(lat, "p99_9_na")));
    /* one stream: the rate is that of the median */
    assert_true(fabs(json_number_value(json_object_get(first, "img_per_s")) * json_number_value(json_object_get(lat, "p50")) - 1e3) < 1e-6 * 1e3);
    /* the verdict has no reasons but those of R7: spread, drift, too few runs */
    for (size_t r = 0; r < json_array_size(rows); r++) {
        const json_t *reasons = json_object_get(json_array_get(rows, r), "verdict_reasons");
        for (size_t i = 0; i < json_array_size(reasons); i++) {
            const char *reason = json_string_value(json_array_get(reasons, i));
            assert_true(strstr(reason, "median") != NULL || strstr(reason, "last three windows") != NULL || strstr(reason, "are needed") != NULL);
        }
    }
    /* a run of nanoseconds is timed in groups */
    assert_true(json_integer_value(json_object_get(json_array_get(json_object_get(first, "samples"), 0), "runs_per_sample")) > 1);
    /* a file that only its own runtime can load: compared with that, unoptimised */
    assert_true(json_is_true(json_object_get(json_object_get(first, "parity"), "ok")));
    assert_string_equal(json_string_value(json_object_get(json_object_get(first, "parity"), "reference")), "Fake 7.1.0, optimisation off");
    assert_true(json_is_null(json_object_get(json_array_get(rows, 2), "parity")));
    assert_contains(text_at(doc, "rows", 2, "parity_na"), "did not run");
    assert_int_equal(json_array_size(json_object_get(doc, "comparisons")), 1);
    assert_string_equal(text_at(doc, "comparisons", 0, "a"), "r1");
    assert_true(strlen(json_string_value(json_object_get(doc, "summary"))) > 10);
    json_decref(doc);
    whet_free(good);
    whet_free(twin);
    whet_free(crash);
    whet_free(silent);
}

static void test_bad_specs(void **state)
{
    const whet_bench_cell cell = {.model = "/nonexistent/model.onnx", .runtime = "native"};
    whet_bench_spec s;
    json_t *doc = NULL;
    (void)state;
    whet_bench_spec_init(&s);
    assert_status(whet_bench_run(&doc, &s), WHET_EINVAL);
    s.cells = &cell;
    s.n_cells = 1;
    assert_true(whet_bench_run(&doc, &s) != WHET_OK);
    assert_contains(whet_error_message(), "/nonexistent/model.onnx");
    assert_null(doc);
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "worker") == 0) return whet_worker_main();
    setenv("WHET_PLUGINS", FAKE_PLUGINS, 1);
    scratch = support_tmpdir();
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_rows), cmocka_unit_test(test_bad_specs)};
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    support_rmtree(scratch);
    return failed;
}
