/* SPDX-License-Identifier: Apache-2.0 */
/* Scenarios without a clock: a counter of nanoseconds that only `run` and `until` move, and real threads where only counts
 * and completeness are judged. */
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>

#include "measure/scenario.h"
#include "support.h"

static const uint64_t ms = 1000000;

typedef struct world { uint64_t now, service; int64_t runs; } world;

static uint64_t world_now(void *arg) { return ((world *)arg)->now; }

static void world_until(void *arg, uint64_t ns)
{
    world *w = arg;
    if (ns > w->now) w->now = ns;
}

static whet_status world_run(void *arg, int stream, int64_t sample)
{
    world *w = arg;
    assert_int_equal(stream, 0);
    assert_int_equal(sample, w->runs);
    w->runs++;
    w->now += w->service;
    return WHET_OK;
}

static whet_scenario_result run_in(world *w, whet_scenario_plan p)
{
    const whet_scenario_clock clock = {world_now, world_until, w};
    whet_scenario_result r;
    assert_ok(whet_scenario_run(&p, &clock, world_run, NULL, w, &r));
    return r;
}

static void test_arrivals(void **state)
{
    whet_scenario_plan p = {.kind = WHET_SCENARIO_SERVER, .streams = 1, .runs = 4000, .ns = 1000 * ms, .rate = 100, .seed = 7};
    uint64_t *a = NULL, *b = NULL, *c = NULL, *d = NULL;
    int64_t n = 0, m = 0;
    (void)state;
    assert_ok(whet_scenario_arrivals(&p, &a, &n));
    assert_ok(whet_scenario_arrivals(&p, &b, &m));
    assert_int_equal(n, 4000);
    assert_int_equal(m, n);
    assert_memory_equal(a, b, (size_t)n * sizeof *a);
    p.part = 1;
    assert_ok(whet_scenario_arrivals(&p, &c, &m));
    p.part = 0;
    p.seed = 8;
    assert_ok(whet_scenario_arrivals(&p, &d, &m));
    assert_true(memcmp(a, c, 100 * sizeof *a) != 0 && memcmp(a, d, 100 * sizeof *a) != 0);
    /* gaps of a Poisson process: mean 1/rate, standard deviation the same, the count of short ones 1 - 1/e */
    double sum = 0, squares = 0, last = 0;
    int below = 0;
    for (int64_t i = 0; i < n; i++) {
        const double gap = ((double)a[i] - last) / 1e9;
        assert_true(gap >= 0);
        sum += gap;
        squares += gap * gap;
        below += gap < 0.01;
        last = (double)a[i];
    }
    const double mean = sum / (double)n;
    assert_true(fabs(mean - 0.01) < 0.0005);
    assert_true(fabs(sqrt(squares / (double)n - mean * mean) - 0.01) < 0.001);
    assert_true(fabs((double)below / (double)n - (1 - exp(-1))) < 0.03);
    whet_free(a);
    whet_free(b);
    whet_free(c);
    whet_free(d);
}

/* Both the count and the time hold, and not much more. */
static void test_counts(void **state)
{
    whet_scenario_plan p = {.kind = WHET_SCENARIO_PACED, .streams = 1, .runs = 3, .ns = 1000 * ms, .rate = 30};
    uint64_t *a = NULL;
    int64_t n = 0;
    (void)state;
    assert_ok(whet_scenario_arrivals(&p, &a, &n));
    assert_int_equal(n, 31); /* the first at 0, the last at 1 s */
    for (int64_t i = 0; i < n; i++) assert_true(fabs((double)a[i] - (double)i * 1e9 / 30) <= 2);
    whet_free(a);
    p.runs = 90;
    assert_ok(whet_scenario_arrivals(&p, &a, &n));
    assert_int_equal(n, 90);
    whet_free(a);
    p.rate = 0;
    assert_status(whet_scenario_arrivals(&p, &a, &n), WHET_EINVAL);
    p.rate = 1e9;
    p.ns = 100000 * ms;
    assert_status(whet_scenario_arrivals(&p, &a, &n), WHET_EINVAL);
    assert_null(a);
}

static void test_single_and_offline(void **state)
{
    static const whet_scenario kinds[] = {WHET_SCENARIO_SINGLE, WHET_SCENARIO_OFFLINE, WHET_SCENARIO_MULTI};
    (void)state;
    for (size_t i = 0; i < WHET_COUNT(kinds); i++) {
        world w = {.now = 5, .service = 10 * ms};
        whet_scenario_result r = run_in(&w, (whet_scenario_plan){.kind = kinds[i], .streams = 1, .runs = 7, .ns = 100 * ms});
        assert_int_equal(r.n, 10); /* 7 would do, 100 ms ask for 10 */
        assert_int_equal(r.samples, 10);
        assert_int_equal(r.planned, 10);
        assert_int_equal(r.wall_ns, 100 * ms);
        for (int64_t q = 0; q < r.n; q++) assert_int_equal(r.latency[q], 10 * ms);
        whet_scenario_result_dispose(&r);
        w = (world){.service = 10 * ms};
        r = run_in(&w, (whet_scenario_plan){.kind = kinds[i], .streams = 1, .runs = 20, .ns = 50 * ms});
        assert_int_equal(r.n, 20);
        whet_scenario_result_dispose(&r);
    }
}

/* Service 40 ms, a frame every 25 ms: frame k is done at 40 (k + 1), was due at 25 k. */
static void test_paced_falls_behind(void **state)
{
    world w = {.service = 40 * ms};
    (void)state;
    whet_scenario_result r = run_in(&w, (whet_scenario_plan){.kind = WHET_SCENARIO_PACED, .streams = 1, .runs = 10, .ns = 1, .rate = 40});
    assert_int_equal(r.n, 10);
    for (int64_t k = 0; k < r.n; k++) assert_int_equal(r.latency[k], (uint64_t)(40 * (k + 1) - 25 * k) * ms);
    assert_int_equal(r.wall_ns, 400 * ms);
    whet_scenario_result_dispose(&r);
    /* and keeps up: every latency is the service, the clock waits for the arrivals */
    w = (world){.service = 5 * ms};
    r = run_in(&w, (whet_scenario_plan){.kind = WHET_SCENARIO_PACED, .streams = 1, .runs = 10, .ns = 1, .rate = 40});
    for (int64_t k = 0; k < r.n; k++) assert_int_equal(r.latency[k], 5 * ms);
    assert_int_equal(r.wall_ns, (9 * 25 + 5) * ms);
    whet_scenario_result_dispose(&r);
}

/* A queue simulated by hand: done = max(arrival, last done) + service; the latency runs from the arrival. */
static void test_server_queue(void **state)
{
    const whet_scenario_plan p = {.kind = WHET_SCENARIO_SERVER, .streams = 1, .runs = 200, .ns = 1, .rate = 100, .seed = 3, .part = 2};
    world w = {.service = 9 * ms};
    uint64_t *a = NULL, done = 0;
    int64_t n = 0;
    (void)state;
    assert_ok(whet_scenario_arrivals(&p, &a, &n));
    whet_scenario_result r = run_in(&w, p);
    assert_int_equal(r.n, n);
    for (int64_t q = 0; q < n; q++) {
        done = WHET_MAX(done, a[q]) + w.service;
        assert_int_equal(r.latency[q], done - a[q]);
    }
    assert_int_equal(r.wall_ns, done);
    whet_free(a);
    whet_scenario_result_dispose(&r);
}

static void test_limit(void **state)
{
    world w = {.service = 100 * ms};
    (void)state;
    whet_scenario_result r = run_in(&w, (whet_scenario_plan){.kind = WHET_SCENARIO_PACED, .streams = 1, .runs = 100, .ns = 1, .rate = 1000, .limit_ns = 1000 * ms});
    assert_int_equal(r.planned, 100);
    assert_int_equal(r.n, 11); /* begun at 0, 100, ..., 1000 ms */
    whet_scenario_result_dispose(&r);
}

/* --- real threads: every sample once, whoever ran it */
typedef struct crowd { atomic_int seen[4096]; atomic_int entered; int streams, fail_at; } crowd;

static whet_status crowd_run(void *arg, int stream, int64_t sample)
{
    crowd *c = arg;
    if (stream < 0 || stream >= c->streams || sample >= 4096) return WHET_FAIL(WHET_EINVAL, "stream %d, sample %lld", stream, (long long)sample);
    atomic_fetch_add(&c->seen[sample], 1);
    if (c->fail_at > 0 && sample == c->fail_at) return WHET_FAIL(WHET_ERUNTIME, "sample %d cannot be done", c->fail_at);
    return WHET_OK;
}

static void crowd_enter(void *arg, int stream)
{
    (void)stream;
    atomic_fetch_add(&((crowd *)arg)->entered, 1);
}

static void test_streams(void **state)
{
    static const whet_scenario kinds[] = {WHET_SCENARIO_OFFLINE, WHET_SCENARIO_MULTI, WHET_SCENARIO_SERVER, WHET_SCENARIO_PACED};
    (void)state;
    for (size_t i = 0; i < WHET_COUNT(kinds); i++) {
        crowd *c = whet_calloc(1, sizeof *c);
        whet_scenario_result r;
        c->streams = 3;
        const whet_scenario_plan p = {.kind = kinds[i], .streams = 3, .runs = 150, .rate = 1e6, .seed = 1};
        assert_ok(whet_scenario_run(&p, &whet_scenario_real_clock, crowd_run, crowd_enter, c, &r));
        assert_int_equal(c->entered, 3);
        assert_int_equal(r.n, 150);
        assert_int_equal(r.samples, kinds[i] == WHET_SCENARIO_MULTI ? 450 : 150);
        for (int k = 0; k < 4096; k++) assert_int_equal(c->seen[k], k < r.samples ? 1 : 0);
        whet_scenario_result_dispose(&r);
        whet_free(c);
    }
}

/* The error of a stream's own thread reaches the caller, and nobody waits for ever. */
static void test_failure(void **state)
{
    static const whet_scenario kinds[] = {WHET_SCENARIO_OFFLINE, WHET_SCENARIO_MULTI, WHET_SCENARIO_PACED};
    (void)state;
    for (size_t i = 0; i < WHET_COUNT(kinds); i++) {
        crowd *c = whet_calloc(1, sizeof *c);
        whet_scenario_result r;
        c->streams = 4;
        c->fail_at = 41;
        const whet_scenario_plan p = {.kind = kinds[i], .streams = 4, .runs = 400, .rate = 1e6};
        assert_status(whet_scenario_run(&p, &whet_scenario_real_clock, crowd_run, NULL, c, &r), WHET_ERUNTIME);
        assert_contains(whet_error_message(), "sample 41 cannot be done");
        assert_null(r.latency);
        whet_free(c);
    }
    const whet_scenario_plan none = {.kind = WHET_SCENARIO_OFFLINE, .streams = 0};
    whet_scenario_result r;
    assert_status(whet_scenario_run(&none, &whet_scenario_real_clock, crowd_run, NULL, NULL, &r), WHET_EINVAL);
}

static void test_names(void **state)
{
    whet_scenario s = WHET_SCENARIO_SINGLE;
    (void)state;
    assert_ok(whet_scenario_parse(&s, "server"));
    assert_int_equal(s, WHET_SCENARIO_SERVER);
    assert_string_equal(whet_scenario_name(WHET_SCENARIO_MULTI), "multi");
    assert_status(whet_scenario_parse(&s, "serve"), WHET_EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_arrivals),   cmocka_unit_test(test_counts), cmocka_unit_test(test_single_and_offline),
                                       cmocka_unit_test(test_paced_falls_behind), cmocka_unit_test(test_server_queue), cmocka_unit_test(test_limit),
                                       cmocka_unit_test(test_streams),    cmocka_unit_test(test_failure), cmocka_unit_test(test_names)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
