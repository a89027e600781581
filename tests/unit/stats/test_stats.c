/* SPDX-License-Identifier: Apache-2.0 */
/* Statistics against textbook values, and on the recorded latency traces of tests/data. */
#include <math.h>

#include "base/rng.h"
#include "stats/stats.h"
#include "support.h"

enum { MAX_TRACE_BLOCKS = 12, MAX_RUNS = 25 };

typedef struct trace {
    double ms[2][MAX_TRACE_BLOCKS][MAX_RUNS];
    whet_block b[2][MAX_TRACE_BLOCKS];
} trace;

static void load(trace *t, const char *name)
{
    char path[512], line[1024];
    int n[2] = {0, 0};
    snprintf(path, sizeof path, "%s/tests/data/latency_%s.csv", WHET_SOURCE_DIR, name);
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    assert_non_null(fgets(line, sizeof line, f));
    while (fgets(line, sizeof line, f) != NULL) {
        const int row = line[0] - 'a';
        char *p = line + 2;
        whet_block *b = &t->b[row][n[row]];
        b->round = (int)strtol(p, &p, 10);
        b->block = (int)strtol(p + 1, &p, 10);
        b->x = t->ms[row][n[row]];
        for (b->n = 0; *p == ',' && b->n < MAX_RUNS; b->n++) t->ms[row][n[row]][b->n] = strtod(p + 1, &p) / 1e6;
        n[row]++;
    }
    fclose(f);
    assert_int_equal(n[0], MAX_TRACE_BLOCKS);
    assert_int_equal(n[1], MAX_TRACE_BLOCKS);
}

static void test_percentiles(void **state)
{
    (void)state;
    double x[10];
    for (int i = 0; i < 10; i++) x[i] = i + 1;
    assert_true(whet_percentile(x, 10, 0.5) == 5); /* nearest rank: no averaging */
    assert_true(whet_percentile(x, 10, 0.9) == 9);
    assert_true(whet_percentile(x, 10, 0.91) == 10);
    assert_true(whet_percentile(x, 10, 1) == 10);
    assert_true(whet_percentile(x, 1, 0.5) == 1);
    assert_int_equal(whet_percentile_need(0.9), 64);
    assert_int_equal(whet_percentile_need(0.95), 130);
    assert_int_equal(whet_percentile_need(0.99), 662);
    assert_int_equal(whet_percentile_need(0.999), 6636);
}

static void test_percentile_interval(void **state)
{
    (void)state;
    double x[1000];
    whet_interval w = {0, 0, 0};
    for (int i = 0; i < 1000; i++) x[i] = i + 1;
    assert_false(whet_percentile_interval(x, 63, 0.9, 0.99, &w));
    assert_true(whet_percentile_interval(x, 1000, 0.5, 0.95, &w));
    /* ranks of the exact binomial interval for the median of 1000: 469 and 532 */
    assert_true(w.value == 500 && fabs(w.low - 469) <= 1 && fabs(w.high - 532) <= 1);
    assert_true(whet_percentile_interval(x, 1000, 0.99, 0.99, &w));
    assert_true(w.low < 990 && w.high > 990 && w.low > 975 && w.high <= 1000);
}

/* The interval must hold the true quantile as often as it says (within the noise of 400 draws). */
static void test_interval_coverage(void **state)
{
    (void)state;
    uint64_t seed = 7;
    int held = 0;
    for (int k = 0; k < 400; k++) {
        double x[200];
        whet_interval w = {0, 0, 0};
        for (int i = 0; i < 200; i++) {
            seed = seed * 6364136223846793005u + 1442695040888963407u;
            x[i] = (double)(seed >> 11) / 9007199254740992.0;
        }
        whet_sort_doubles(x, 200);
        assert_true(whet_percentile_interval(x, 200, 0.9, 0.9, &w));
        held += w.low <= 0.9 && w.high >= 0.9;
    }
    assert_true(held >= 350 && held <= 395);
}

static void test_summary(void **state)
{
    (void)state;
    const double x[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 100};
    const whet_summary s = whet_summarise(x, 10);
    assert_true(s.median == 5 && s.min == 1 && s.max == 100);
    assert_true(fabs(s.mean - 14.5) < 1e-12);
    assert_true(fabs(s.stdev - 30.15239) < 1e-3);
    assert_true(s.mad == 2); /* deviations 0 1 1 2 2 3 3 4 4 95: fifth */
    assert_true(s.iqr == 5); /* 8 - 3 */
    assert_int_equal(s.mild, 1);
    assert_int_equal(s.severe, 1);
    assert_int_equal(s.far, 1);
    const double same[] = {3, 3, 3};
    const whet_summary flat = whet_summarise(same, 3);
    assert_true(flat.mad == 0 && flat.cv == 0 && flat.far == 0 && flat.mild == 0);
}

static void test_wilson(void **state)
{
    (void)state;
    const whet_interval w = whet_wilson(9896, 10000, 0.95);
    assert_true(fabs(w.low - 0.987415) < 1e-6 && fabs(w.high - 0.991409) < 1e-5);
    const whet_interval all = whet_wilson(10, 10, 0.95);
    assert_true(all.high == 1 && fabs(all.low - 0.72247) < 1e-4);
    assert_true(fabs(whet_normal_quantile(0.975) - 1.959963985) < 1e-8);
    assert_true(fabs(whet_normal_quantile(0.001) + 3.090232306) < 1e-8);
}

static void check_trace(const char *name, bool wide, bool drifting, double ratio, whet_verdict verdict)
{
    static trace t;
    whet_stability s;
    whet_ratio r;
    load(&t, name);
    assert_ok(whet_stability_of(t.b[1], MAX_TRACE_BLOCKS, 1, &s));
    if (s.wide != wide || s.drifting != drifting)
        print_error("%s: half width %.4f, windows %.4f\n", name, s.half_width, s.window_spread);
    assert_int_equal(s.wide, wide);
    assert_int_equal(s.drifting, drifting);
    assert_ok(whet_boot_ratio(t.b[0], MAX_TRACE_BLOCKS, t.b[1], MAX_TRACE_BLOCKS, 1, &r));
    whet_ratio_judge(&r, 1);
    if (r.verdict != verdict || !(r.low <= ratio && r.high >= ratio))
        print_error("%s: %.4f (%.4f to %.4f) p %.4f: %s\n", name, r.ratio, r.low, r.high, r.p, whet_verdict_name(r.verdict));
    assert_int_equal(r.verdict, verdict);
    assert_true(r.low <= ratio && r.high >= ratio);
}

static void test_traces(void **state)
{
    (void)state;
    check_trace("quiet", false, false, 0.8, WHET_BETTER);
    check_trace("noisy", true, true, 0.8, WHET_BETTER); /* the absolute is UNSTABLE, the ratio holds */
    check_trace("drifting", true, false, 0.8, WHET_BETTER);
    check_trace("stolen", false, false, 1.0, WHET_SAME);
}

static void test_repeatable(void **state)
{
    (void)state;
    static trace t;
    whet_ratio r, q;
    load(&t, "noisy");
    assert_ok(whet_boot_ratio(t.b[0], 12, t.b[1], 12, 5, &r));
    assert_ok(whet_boot_ratio(t.b[0], 12, t.b[1], 12, 5, &q));
    assert_memory_equal(&r, &q, sizeof r);
    assert_ok(whet_boot_ratio(t.b[1], 12, t.b[0], 12, 5, &q)); /* the other way round */
    assert_true(fabs(q.ratio * r.ratio - 1) < 1e-12);
    assert_true(fabs(q.low * r.high - 1) < 0.02);
    /* unpaired: fewer blocks on one side */
    assert_ok(whet_boot_ratio(t.b[0], 12, t.b[1], 8, 5, &q));
    assert_true(q.high - q.low > r.high - r.low);
    assert_status(whet_boot_ratio(t.b[0], 0, t.b[1], 8, 5, &q), WHET_EINVAL);
}

/* Of a high percentile: where the medians are one and the tails are not, and the other way round. */
static void test_ratio_of_tails(void **state)
{
    enum { N = 200, BLOCKS_EACH = 10 };
    static double x[2][BLOCKS_EACH][N];
    whet_block b[2][BLOCKS_EACH];
    whet_ratio half, tail;
    (void)state;
    for (int s = 0; s < 2; s++)
        for (int i = 0; i < BLOCKS_EACH; i++) {
            for (int k = 0; k < N; k++) x[s][i][k] = k < 190 ? (s == 0 ? 0.5 : 1) + 0.001 * i : 4 + 0.001 * i; /* a's median is half, its tail the same */
            b[s][i] = (whet_block){i / 2, i % 2, N, x[s][i]};
        }
    assert_ok(whet_boot_ratio(b[0], BLOCKS_EACH, b[1], BLOCKS_EACH, 1, &half));
    assert_ok(whet_boot_ratio_at(b[0], BLOCKS_EACH, b[1], BLOCKS_EACH, 0.99, 1, &tail));
    whet_ratio_judge(&half, 1);
    whet_ratio_judge(&tail, 1);
    assert_int_equal(half.verdict, WHET_BETTER);
    assert_int_equal(tail.verdict, WHET_SAME);
    assert_true(fabs(tail.ratio - 1) < 1e-9 && tail.low > 0.99 && tail.high < 1.01);
    for (int i = 0; i < BLOCKS_EACH; i++)
        for (int k = 190; k < N; k++) x[0][i][k] *= 2;
    assert_ok(whet_boot_ratio_at(b[0], BLOCKS_EACH, b[1], BLOCKS_EACH, 0.99, 1, &tail));
    whet_ratio_judge(&tail, 1);
    assert_int_equal(tail.verdict, WHET_WORSE);
    assert_true(fabs(tail.ratio - 2) < 0.01);
}

/* Three processes that differ by more than their runs: the interval of the median is as careful as that of a ratio. */
static void test_few_processes(void **state)
{
    enum { TRIALS = 300, ROUNDS = 3, BLOCKS = 4, RUNS = 9 };
    static double x[ROUNDS * BLOCKS][RUNS], one[ROUNDS * BLOCKS][RUNS];
    int held = 0, of_ratio = 0;
    (void)state;
    for (int t = 0; t < TRIALS; t++) {
        whet_rng rng = whet_rng_at(11, (uint64_t)t);
        whet_block b[ROUNDS * BLOCKS], flat[ROUNDS * BLOCKS];
        whet_interval m;
        whet_ratio r;
        for (int i = 0; i < ROUNDS * BLOCKS; i++) {
            static double level;
            if (i % BLOCKS == 0) level = 1 + 0.02 * whet_rng_normal(&rng);
            for (int k = 0; k < RUNS; k++) {
                x[i][k] = level + 0.001 * whet_rng_normal(&rng);
                one[i][k] = 1;
            }
            b[i] = (whet_block){i / BLOCKS, i % BLOCKS, RUNS, x[i]};
            flat[i] = (whet_block){i / BLOCKS, i % BLOCKS, RUNS, one[i]};
        }
        assert_ok(whet_boot_median(b, ROUNDS * BLOCKS, 0.95, 1, &m));
        assert_ok(whet_boot_ratio(b, ROUNDS * BLOCKS, flat, ROUNDS * BLOCKS, 1, &r));
        held += m.low <= 1 && m.high >= 1;
        of_ratio += r.low <= 1 && r.high >= 1;
    }
    print_message("3 processes: the interval of the median holds the truth in %d of %d, that of the ratio in %d\n", held, TRIALS, of_ratio);
    assert_true(abs(held - of_ratio) <= TRIALS / 100);
}

static void test_holm(void **state)
{
    (void)state;
    whet_ratio r[3] = {{.ratio = 0.9, .low = 0.85, .high = 0.95, .p = 0.02},
                       {.ratio = 0.8, .low = 0.75, .high = 0.85, .p = 0.001},
                       {.ratio = 1.1, .low = 1.01, .high = 1.2, .p = 0.04}};
    whet_ratio_judge(r, 3);
    assert_true(fabs(r[1].p_holm - 0.003) < 1e-12 && fabs(r[0].p_holm - 0.04) < 1e-12 && fabs(r[2].p_holm - 0.04) < 1e-12);
    assert_int_equal(r[0].verdict, WHET_BETTER);
    assert_int_equal(r[2].verdict, WHET_WORSE);
    r[0].p = r[2].p = 0.03; /* alone significant, not among three */
    whet_ratio_judge(r, 3);
    assert_int_equal(r[0].verdict, WHET_CANNOT_TELL);
    assert_int_equal(r[1].verdict, WHET_BETTER);
    whet_ratio same = {.ratio = 0.99, .low = 0.985, .high = 0.995, .p = 0.001};
    whet_ratio_judge(&same, 1);
    assert_int_equal(same.verdict, WHET_SAME);
    assert_true(whet_bound_met(&r[1], 0.9) && !whet_bound_met(&r[1], 0.8));
}

static double mean_of(void *arg, const uint32_t *index, int n)
{
    const double *x = arg;
    double sum = 0;
    for (int i = 0; i < n; i++) sum += x[index[i]];
    return sum / n;
}

static void test_items_and_windows(void **state)
{
    (void)state;
    double x[400];
    whet_interval w;
    for (int i = 0; i < 400; i++) x[i] = i % 2;
    assert_ok(whet_boot_items(400, mean_of, x, 0.95, 1, 1000, &w));
    assert_true(w.value == 0.5 && fabs(w.low - 0.45) < 0.015 && fabs(w.high - 0.55) < 0.015);
    assert_true(whet_windows_fall((const double[]){3, 2, 1.5}, 3));
    assert_false(whet_windows_fall((const double[]){3, 2, 1.99}, 3));
    assert_false(whet_windows_fall((const double[]){3}, 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_percentiles), cmocka_unit_test(test_percentile_interval), cmocka_unit_test(test_interval_coverage),
        cmocka_unit_test(test_summary),     cmocka_unit_test(test_wilson),              cmocka_unit_test(test_traces),
        cmocka_unit_test(test_repeatable), cmocka_unit_test(test_ratio_of_tails),  cmocka_unit_test(test_few_processes), cmocka_unit_test(test_holm),                cmocka_unit_test(test_items_and_windows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
