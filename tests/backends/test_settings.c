/* SPDX-License-Identifier: Apache-2.0 */
/* Benches over the fake plug-in that use what a plain one does not: settings that are refused, scenarios, energy, load over
 * time, best settings, plain numbers. Judged are counts, names and relations, never a speed. */
#include <glob.h>
#include <jansson.h>
#include <math.h>

#include "base/threads.h"
#include "fake_bench.h"
#include "measure/bench.h"
#include "measure/worker.h"
#include "support.h"
#include "wire/json.h"

static char *scratch, *good;

static json_t *bench(const whet_bench_cell *cells, int n, whet_bench_spec *s)
{
    json_t *doc = NULL;
    s->cells = cells;
    s->n_cells = n;
    s->mode = WHET_BENCH_QUICK;
    s->min_runs = s->min_runs > 0 ? s->min_runs : 12;
    s->min_seconds = s->min_seconds > 0 ? s->min_seconds : 0.006;
    s->warmup_seconds = 0.005;
    s->meter_root = s->meter_root != NULL ? s->meter_root : scratch; /* never this machine's own sensors */
    s->meter_nvml = s->meter_nvml != NULL ? s->meter_nvml : "/nonexistent/nvml.so";
    assert_ok(whet_bench_run(&doc, s));
    return doc;
}

static const json_t *row_at(const json_t *doc, size_t i) { return json_array_get(json_object_get(doc, "rows"), i); }

static void test_refusals(void **state)
{
    const whet_bench_cell cells[] = {{.model = good, .runtime = "fake", .threads = 1},
                                     {.model = good, .runtime = "fake", .threads = 1, .precision = "bf16"},
                                     {.model = good, .runtime = "fake", .threads = 1, .arena = "off"},
                                     {.model = good, .runtime = "fake", .threads = 1, .streams = 2},
                                     {.model = good, .runtime = "fake", .threads = 1, .denormals = "keep", .optimisation = "off"}};
    whet_bench_spec s;
    (void)state;
    whet_bench_spec_init(&s);
    json_t *doc = bench(cells, (int)WHET_COUNT(cells), &s);
    assert_string_equal(whet_json_str(row_at(doc, 0), "status"), "ok");
    assert_string_equal(whet_json_str(row_at(doc, 1), "status"), "unsupported: fake computes in f32 alone");
    assert_contains(whet_json_str(row_at(doc, 2), "reason"), "no arena to switch off");
    assert_contains(whet_json_str(row_at(doc, 3), "status"), "unsupported: 2 streams need 2 threads or more, 1 are given");
    assert_string_equal(whet_json_str(row_at(doc, 4), "status"), "ok");
    assert_string_equal(whet_json_str(row_at(doc, 0), "scenario"), "offline"); /* several streams were asked for, and no scenario */
    const json_t *set = json_object_get(row_at(doc, 4), "settings");
    assert_string_equal(whet_json_str(set, "denormals"), "keep");
    assert_string_equal(whet_json_str(set, "optimisation"), "off");
    assert_string_equal(whet_json_str(set, "precision"), "default");
    assert_string_equal(whet_json_str(set, "streams"), "1");
    /* one file on one runtime at two settings: compared, and the difference named */
    assert_int_equal(json_array_size(json_object_get(doc, "comparisons")), 1);
    const char *text = whet_json_str(json_array_get(json_object_get(doc, "comparisons"), 0), "text");
    assert_contains(text, "optimisation off, denormals keep");
    assert_contains(text, "optimisation all, denormals zero");
    json_decref(doc);
}

static void check_rate(const json_t *row, int streams, int batch)
{
    const json_t *sc = json_object_get(row, "load"), *lat = json_object_get(row, "latency");
    assert_string_equal(whet_json_str(row, "status"), "ok");
    assert_true(json_is_true(json_object_get(sc, "loaded")) && json_is_true(json_object_get(lat, "loaded")));
    assert_int_equal(whet_json_real(sc, "streams"), streams);
    assert_true(whet_json_real(lat, "n") == whet_json_real(sc, "queries"));
    /* the rate is samples / wall time, whatever the latency says */
    const double rate = whet_json_real(sc, "samples") * batch / whet_json_real(sc, "seconds");
    assert_true(fabs(whet_json_real(row, "img_per_s") / rate - 1) < 1e-9);
    assert_contains(whet_json_str(row, "img_per_s_from"), "samples / wall time");
}

static void test_streams(void **state)
{
    const whet_bench_cell cells[] = {{.model = good, .runtime = "fake", .threads = 2, .streams = 2}, {.model = good, .runtime = "fake", .threads = 2}};
    whet_bench_spec s;
    (void)state;
    whet_bench_spec_init(&s);
    s.scenario = WHET_SCENARIO_OFFLINE;
    json_t *doc = bench(cells, 2, &s);
    check_rate(row_at(doc, 0), 2, 1);
    check_rate(row_at(doc, 1), 1, 1);
    assert_string_equal(whet_json_str(json_object_get(doc, "settings"), "scenario"), "offline");
    assert_true(whet_json_real(row_at(doc, 0), "img_per_s_low") <= whet_json_real(row_at(doc, 0), "img_per_s_high"));
    assert_string_equal(whet_json_str(row_at(doc, 0), "scenario"), "offline");
    assert_contains(whet_json_str(json_object_get(row_at(doc, 0), "load"), "definition"), "LoadGen Offline");
    json_decref(doc);
    whet_bench_spec_init(&s);
    s.scenario = WHET_SCENARIO_MULTI;
    doc = bench(&cells[1], 1, &s); /* as many streams as threads */
    check_rate(row_at(doc, 0), 2, 1);
    const json_t *sc = json_object_get(row_at(doc, 0), "load");
    assert_true(whet_json_real(sc, "samples") == 2 * whet_json_real(sc, "queries"));
    json_decref(doc);
}

/* A server that falls behind: the slowest arrivals are not among its latencies, so that no tail is printed and nothing is ok. */
static void test_overload(void **state)
{
    char *path = fake_model(scratch, "spin 30000");
    const whet_bench_cell cell = {.model = path, .runtime = "fake", .threads = 1};
    whet_bench_spec s;
    (void)state;
    whet_bench_spec_init(&s);
    s.scenario = WHET_SCENARIO_SERVER;
    s.rate = 5000;
    s.min_runs = 240;
    s.warmup_runs = 1;
    json_t *doc = bench(&cell, 1, &s);
    const json_t *row = row_at(doc, 0), *load = json_object_get(row, "load"), *lat = json_object_get(row, "latency");
    assert_true(whet_json_real(load, "planned") > whet_json_real(load, "queries"));
    assert_string_equal(whet_json_str(row, "verdict"), "INVALID");
    assert_contains(json_string_value(json_array_get(json_object_get(row, "verdict_reasons"), 0)), "it cannot keep up with 5000 arrivals a second: ");
    assert_true(json_is_null(json_object_get(lat, "p90")) && json_is_null(json_object_get(load, "figure_value")));
    assert_contains(whet_json_str(lat, "p90_na"), "n/a (");
    assert_contains(whet_json_str(load, "figure_na"), "arrivals were not begun)");
    assert_contains(whet_json_str(doc, "summary"), "p99 n/a (");
    json_decref(doc);
    whet_free(path);
}

static void test_arrivals(void **state)
{
    const whet_bench_cell cell = {.model = good, .runtime = "fake", .threads = 1};
    whet_bench_spec s;
    json_t *doc[2] = {NULL, NULL};
    (void)state;
    for (int i = 0; i < 2; i++) { /* the same seed: as many arrivals, in as many blocks */
        whet_bench_spec_init(&s);
        s.scenario = WHET_SCENARIO_SERVER;
        s.rate = 2000;
        s.seed = 5;
        s.min_runs = 30;
        doc[i] = bench(&cell, 1, &s);
        check_rate(row_at(doc[i], 0), 1, 1);
    }
    const json_t *sc = json_object_get(row_at(doc[0], 0), "load");
    assert_string_equal(whet_json_str(sc, "arrivals"), "Poisson");
    assert_int_equal(whet_json_real(sc, "seed"), 5);
    assert_int_equal(whet_json_real(sc, "rate"), 2000);
    assert_true(whet_json_real(sc, "planned") >= 30);
    const json_t *lat = json_object_get(row_at(doc[0], 0), "latency"); /* the server's figure is p99, or why there is none */
    assert_true(json_is_null(json_object_get(sc, "figure_value")) ? strstr(whet_json_str(sc, "figure_na"), "662 are needed") != NULL
                                                                 : whet_json_real(sc, "figure_value") == whet_json_real(lat, "p99"));
    assert_contains(whet_json_str(doc[0], "summary"), " at 2000 arrivals a second"); /* a lone server is told by its figure */
    json_decref(doc[0]);
    json_decref(doc[1]);
    whet_bench_spec_init(&s);
    s.scenario = WHET_SCENARIO_PACED;
    s.rate = 1000;
    s.deadline_ms = 1e-6; /* nothing is so fast: all are late */
    doc[0] = bench(&cell, 1, &s);
    sc = json_object_get(row_at(doc[0], 0), "load");
    assert_true(whet_json_real(sc, "late_share") == 1 && whet_json_real(sc, "worst_late_ms") > 0);
    assert_true(whet_json_real(sc, "late") == whet_json_real(sc, "planned"));
    assert_true(whet_json_real(row_at(doc[0], 0), "img_per_s") <= 1000 * (1 + 1e-9)); /* no more is delivered than comes */
    assert_true(whet_json_real(sc, "figure_value") == 1);
    assert_contains(whet_json_str(doc[0], "summary"), "100 % of the frames late at 1000 a second");
    json_decref(doc[0]);
    whet_bench_spec_init(&s);
    s.scenario = WHET_SCENARIO_PACED;
    s.cells = &cell;
    s.n_cells = 1;
    assert_status(whet_bench_run(&doc[0], &s), WHET_EINVAL); /* no rate */
    assert_null(doc[0]);
}

static void test_energy(void **state)
{
    const whet_bench_cell cell = {.model = good, .runtime = "fake", .threads = 1};
    whet_bench_spec s;
    (void)state;
    whet_bench_spec_init(&s);
    json_t *doc = bench(&cell, 1, &s);
    assert_true(json_is_null(json_object_get(row_at(doc, 0), "j_per_img")));
    assert_contains(whet_json_str(row_at(doc, 0), "j_per_img_na"), "n/a: no RAPL");
    json_decref(doc);
    whet_bench_spec_init(&s);
    s.power_cmd = "echo 40";
    s.meter_seconds = 0.3;
    s.meter_nvml = FAKE_LIBRARIES "/fake_nvml.so";
    doc = bench(&cell, 1, &s);
    const json_t *row = row_at(doc, 0), *e = json_object_get(row, "energy"), *sources = json_object_get(e, "sources");
    assert_true(fabs(whet_json_real(e, "watts") - 40) < 1e-6 && fabs(whet_json_real(e, "idle_watts") - 40) < 1e-6);
    assert_true(fabs(whet_json_real(e, "joules") - 40 * whet_json_real(e, "window_seconds")) < 1e-6);
    assert_true(fabs(whet_json_real(row, "j_per_img") * whet_json_real(e, "images") / whet_json_real(e, "joules") - 1) < 1e-9);
    assert_true(fabs(whet_json_real(row, "img_per_s_per_w") * whet_json_real(row, "j_per_img") - 1) < 1e-9);
    assert_true(fabs(whet_json_real(e, "j_per_img_net")) < 1e-6 * whet_json_real(row, "j_per_img") + 1e-12); /* it idles at 40 W too */
    assert_true(json_is_null(json_object_get(row, "j_per_img_net")));
    assert_contains(whet_json_str(row, "j_per_img_net_na"), "n/a: not above idle (40 W under load, 40 W idle)");
    assert_true(fabs(whet_json_real(e, "img_per_s") / whet_json_real(e, "watts") / whet_json_real(row, "img_per_s_per_w") - 1) < 1e-9);
    assert_int_equal(json_array_size(sources), 2); /* the second card has no counter */
    assert_string_equal(whet_json_str(json_array_get(sources, 1), "name"), "NVML 0 fake card 0");
    assert_true(json_is_false(json_object_get(json_array_get(sources, 1), "counts")));
    assert_true(fabs(whet_json_real(json_array_get(sources, 1), "watts") / 50 - 1) < 0.1);
    json_decref(doc);
    whet_bench_spec_init(&s);
    s.power_cmd = "true";
    s.meter_seconds = 0.05;
    doc = bench(&cell, 1, &s);
    assert_contains(whet_json_str(row_at(doc, 0), "j_per_img_na"), "gave no energy");
    json_decref(doc);
}

static void test_sustain_and_plain(void **state)
{
    char *twin = whet_format("%s/twin.fake", scratch);
    assert_ok(whet_file_write(twin, "fake\ngood\n\n\n\n\n\n\n\n\n\n\n", 20));
    const whet_bench_cell cells[] = {{.model = good, .runtime = "fake", .threads = 1}, {.model = twin, .runtime = "fake", .threads = 1}};
    static const double percentiles[] = {25, 90, 75.5};
    whet_bench_spec s;
    (void)state;
    whet_bench_spec_init(&s);
    s.sustain_seconds = 0.2;
    s.percentiles = percentiles;
    s.n_percentiles = 3;
    s.min_runs = 120;
    json_t *doc = bench(cells, 2, &s);
    const json_t *row = row_at(doc, 0), *u = json_object_get(row, "sustain"), *series = json_object_get(u, "series"), *plain = json_object_get(row, "plain");
    assert_true(json_array_size(series) >= 1);
    double last = -1;
    for (size_t i = 0; i < json_array_size(series); i++) {
        const json_t *w = json_array_get(series, i);
        assert_true(whet_json_real(w, "t") > last && whet_json_real(w, "n") >= 1 && whet_json_real(w, "img_per_s") > 0);
        last = whet_json_real(w, "t");
        assert_true(json_is_null(json_object_get(w, "watts")) && json_is_null(json_object_get(w, "celsius")));
    }
    assert_contains(whet_json_str(u, "celsius_na"), "no temperature");
    /* percentiles: beside the usual ones, in order of rank */
    const json_t *lat = json_object_get(row, "latency");
    assert_true(whet_json_real(lat, "p25") > 0 && whet_json_real(lat, "p25") <= whet_json_real(lat, "p50"));
    assert_true(whet_json_real(lat, "p75_5") >= whet_json_real(lat, "p50") && whet_json_real(lat, "p75_5") <= whet_json_real(lat, "p90"));
    /* plain numbers, by their definitions */
    assert_int_equal(whet_json_real(plain, "repeats"), 100);
    assert_true(whet_json_real(plain, "min_ms") <= whet_json_real(plain, "mean_ms"));
    assert_true(fabs(whet_json_real(plain, "img_per_s") * whet_json_real(plain, "ms_per_img") - 1e3) < 1e-6);
    assert_true(whet_json_real(plain, "speed_up") == 1 && whet_json_real(plain, "size_reduction") == 1);
    const json_t *other = json_object_get(row_at(doc, 1), "plain");
    assert_string_equal(whet_json_str(other, "base"), "r0");
    assert_true(fabs(whet_json_real(other, "size_reduction") - 0.5) < 1e-9); /* 10 bytes against 20 */
    assert_true(fabs(whet_json_real(other, "speed_up") * whet_json_real(other, "mean_ms") / whet_json_real(plain, "mean_ms") - 1) < 1e-9);
    const char *key = NULL;
    json_t *v = NULL;
    json_object_foreach(json_object_get(doc, "plain_definitions"), key, v) assert_true(json_object_get(plain, key) != NULL && strlen(json_string_value(v)) > 10);
    json_decref(doc);
    whet_free(twin);
}

static void test_best(void **state)
{
    const whet_bench_cell cells[] = {{.model = good, .runtime = "fake", .threads = 1}, {.model = good, .runtime = "fake", .threads = 1, .best = true}};
    whet_bench_spec s;
    (void)state;
    whet_bench_spec_init(&s);
    json_t *doc = bench(cells, 2, &s);
    const json_t *row = row_at(doc, 1), *tried = json_object_get(row, "best_search");
    assert_true(json_is_false(json_object_get(row_at(doc, 0), "best_settings")) && json_is_true(json_object_get(row, "best_settings")));
    assert_string_equal(whet_json_str(row, "status"), "ok");
    assert_null(json_object_get(row_at(doc, 0), "best_search"));
    assert_true(json_array_size(tried) >= 3);
    bool refused = false;
    for (size_t i = 0; i < json_array_size(tried); i++) {
        const json_t *t = json_array_get(tried, i);
        const bool off = strcmp(whet_json_str(json_object_get(t, "settings"), "arena"), "off") == 0;
        refused |= off;
        assert_true(off == (json_object_get(t, "refused") != NULL)); /* the fake has no arena: no candidate, no failure */
    }
    assert_true(refused);
    assert_string_equal(whet_json_str(json_object_get(row, "settings"), "arena"), "on");
    assert_int_equal(json_array_size(json_object_get(doc, "comparisons")), 1); /* a runtime against itself alone */
    json_decref(doc);
}

/* Both loads are there, and the cold one leaves no folder behind. */
static void test_cold(void **state)
{
    const whet_bench_cell cell = {.model = good, .runtime = "fake", .threads = 1};
    char *tmp = whet_format("%s/tmp", scratch);
    whet_bench_spec s;
    (void)state;
    assert_ok(whet_mkdirs(tmp));
    setenv("TMPDIR", tmp, 1);
    whet_bench_spec_init(&s);
    json_t *doc = bench(&cell, 1, &s);
    unsetenv("TMPDIR");
    assert_true(whet_json_real(row_at(doc, 0), "load_cold_ms") > 0 && whet_json_real(row_at(doc, 0), "first_cold_ms") > 0);
    assert_true(whet_json_real(row_at(doc, 0), "load_ms") > 0 && whet_json_real(row_at(doc, 0), "first_ms") > 0);
    const double share = whet_json_real(row_at(doc, 0), "cold_resident_share");
    assert_true(share >= 0 && share <= 1);
    char *pattern = whet_format("%s/whet-cold-*", tmp);
    glob_t left;
    assert_int_equal(glob(pattern, 0, NULL, &left), GLOB_NOMATCH);
    globfree(&left);
    whet_free(pattern);
    json_decref(doc);
    whet_free(tmp);
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "worker") == 0) return whet_worker_main();
    setenv("WHET_PLUGINS", FAKE_PLUGINS, 1);
    scratch = support_tmpdir();
    good = whet_format("%s/good.fake", scratch);
    if (whet_file_write(good, "fake\ngood\n", 10) != WHET_OK) return 1;
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_refusals), cmocka_unit_test(test_streams), cmocka_unit_test(test_overload), cmocka_unit_test(test_arrivals), cmocka_unit_test(test_energy),
                                       cmocka_unit_test(test_sustain_and_plain), cmocka_unit_test(test_best), cmocka_unit_test(test_cold)};
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    whet_free(good);
    support_rmtree(scratch);
    return failed;
}
