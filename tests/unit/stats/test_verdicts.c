/* SPDX-License-Identifier: Apache-2.0 */
/* How often is a verdict wrong? 200 traces drawn from the recordings of tests/data/recorded_latency.csv: real runs in their
 * order, whole processes and blocks drawn anew, sides swapped at random, so that both rows are equally fast in truth. To
 * half of them the disturbances of worse machines are added: spikes, drift, a common slow-down of blocks. Each trace is judged
 * as it is (a false alarm says better or worse) and with one row 5 % slower. */
#include <math.h>

#include "base/rng.h"
#include "stats/stats.h"
#include "support.h"

enum { MAX_RECORDINGS = 12, ROUNDS = 10, BLOCKS = 5, RUNS = 24, TRACES = 200, MOST = 64 };

typedef struct recording { char name[32]; int rounds, n[2][ROUNDS][BLOCKS]; double ns[2][ROUNDS][BLOCKS][RUNS]; } recording;
typedef struct trace { int n; whet_block b[2][MOST]; double x[2][MOST][RUNS]; } trace;

static recording recordings[MAX_RECORDINGS];
static int n_recordings;

static void read_recordings(void)
{
    char line[2048];
    FILE *f = fopen(WHET_SOURCE_DIR "/tests/data/recorded_latency.csv", "r");
    assert_non_null(f);
    assert_non_null(fgets(line, sizeof line, f));
    while (fgets(line, sizeof line, f) != NULL) {
        char *p = strchr(line, ',');
        assert_non_null(p);
        *p++ = '\0';
        int k = 0;
        while (k < n_recordings && strcmp(recordings[k].name, line) != 0) k++;
        assert_true(k < MAX_RECORDINGS);
        if (k == n_recordings) snprintf(recordings[n_recordings++].name, sizeof recordings[k].name, "%.31s", line);
        const int row = *p - 'a';
        const long round = strtol(p + 2, &p, 10), block = strtol(p + 1, &p, 10);
        assert_true((row == 0 || row == 1) && round >= 0 && round < ROUNDS && block >= 0 && block < BLOCKS);
        recordings[k].rounds = (int)WHET_MAX(recordings[k].rounds, round + 1);
        int *n = &recordings[k].n[row][round][block];
        while (*p == ',' && *n < RUNS) recordings[k].ns[row][round][block][(*n)++] = strtod(p + 1, &p);
    }
    fclose(f);
    assert_true(n_recordings >= 4);
}

/* What worse machines do, to both rows alike; `at` is the share of the measurement that has passed. */
static double disturb(whet_rng *rng, int kind, double x, double slow, double at)
{
    if (kind == 1 && whet_rng_uniform(rng) < 0.05) return x * (1 + 4 * whet_rng_uniform(rng)); /* spikes */
    if (kind == 2) return x * (1 + 0.2 * at);                                                     /* drift */
    if (kind == 3) return x * slow;                                                               /* slow blocks */
    return x;
}

static void draw(trace *t, int number)
{
    whet_rng rng = whet_rng_at(20261121, 100 + (uint64_t)number);
    const recording *r = &recordings[number % n_recordings];
    static const struct { int rounds, blocks; } modes[] = {{3, 4}, {5, 5}, {10, 6}}; /* --quick, the default, --publish */
    const int mode = number / n_recordings % 3, rounds = modes[mode].rounds, blocks = modes[mode].blocks, kind = number % 8 < 4 ? 0 : number % 4;
    t->n = 0;
    for (int i = 0; i < rounds; i++) {
        const uint32_t from = whet_rng_below(&rng, (uint32_t)r->rounds), swap = whet_rng_below(&rng, 2);
        for (int k = 0; k < blocks; k++, t->n++) {
            const uint32_t block = whet_rng_below(&rng, BLOCKS);
            const double slow = 1 + 0.4 * whet_rng_uniform(&rng);
            for (uint32_t s = 0; s < 2; s++) {
                const int n = r->n[s ^ swap][from][block];
                const uint32_t first = whet_rng_below(&rng, (uint32_t)n);
                for (int j = 0; j < n; j++) /* in their order, from anywhere on */
                    t->x[s][t->n][j] = disturb(&rng, kind, r->ns[s ^ swap][from][block][(first + (uint32_t)j) % (uint32_t)n], slow,
                                               (double)t->n / (rounds * blocks));
                t->b[s][t->n] = (whet_block){i, k, (size_t)n, t->x[s][t->n]};
            }
        }
    }
}

static whet_ratio judge(const trace *t, int number)
{
    whet_ratio r;
    assert_ok(whet_boot_ratio(t->b[0], t->n, t->b[1], t->n, (uint64_t)number, &r));
    whet_ratio_judge(&r, 1);
    return r;
}

static void test_verdicts(void **state)
{
    static trace t;
    int alarms = 0, narrow = 0, found = 0, told = 0, wrong = 0;
    double covered = 0;
    (void)state;
    read_recordings();
    for (int i = 0; i < TRACES; i++) {
        draw(&t, i);
        const whet_ratio same = judge(&t, i);
        alarms += same.verdict == WHET_BETTER || same.verdict == WHET_WORSE;
        covered += same.low <= 1 && same.high >= 1;
        for (int k = 0; k < t.n; k++)
            for (size_t j = 0; j < t.b[0][k].n; j++) t.x[0][k][j] *= 1.05;
        const whet_ratio slow = judge(&t, i);
        const bool is_narrow = (slow.high - slow.low) / 2 <= 0.02 * slow.ratio;
        narrow += is_narrow;
        found += is_narrow && slow.verdict == WHET_WORSE;
        told += !is_narrow && slow.verdict == WHET_WORSE;
        wrong += slow.verdict == WHET_BETTER || slow.verdict == WHET_SAME;
    }
    print_message("%d traces: %d false alarms, the interval holds the truth in %.0f %%; 5 %% slower: found in %d of %d with an interval within 2 %%; "
                  "of the other %d, %d are told, %d \"cannot tell\"\n", TRACES, alarms, 100 * covered / TRACES, found, narrow, TRACES - narrow, told,
                  TRACES - narrow - told);
    assert_true(alarms <= TRACES / 20);
    assert_true(narrow >= TRACES / 10 && found * 100 >= narrow * 95);
    assert_int_equal(wrong, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_verdicts)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
