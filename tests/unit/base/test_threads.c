/* SPDX-License-Identifier: Apache-2.0 */
/* whet_parallel: every chunk once, nested calls, many teams, denormals, nothing allocated. */
#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/cpu.h"
#include "base/threads.h"

enum { MOST = 1000 };
typedef struct tally {
    whet_team *team;
    _Atomic int hits[MOST];
    _Atomic int bad_worker, nested, denormals;
    volatile float tiny;
} tally;

static void count(void *arg, int chunk, int worker)
{
    tally *t = arg;
    atomic_fetch_add(&t->hits[chunk], 1);
    if (worker < 0 || worker >= whet_team_size(t->team)) atomic_fetch_add(&t->bad_worker, 1);
    if (t->tiny * 0.5f != 0.0f) atomic_fetch_add(&t->denormals, 1);
}

static void check_hits(tally *t, int n, int want)
{
    for (int i = 0; i < n; i++)
        if (t->hits[i] != want) fail_msg("chunk %d of %d ran %d times, not %d", i, n, t->hits[i], want);
    assert_int_equal(t->bad_worker, 0);
}

static void test_each_chunk_once(void **state)
{
    static const int chunks[] = {0, 1, 2, 3, 7, 64, MOST};
    (void)state;
    for (int size = 1; size <= 5; size++) {
        whet_team *team = NULL;
        assert_int_equal(whet_team_create(&team, size), WHET_OK);
        assert_int_equal(whet_team_size(team), size);
        for (size_t k = 0; k < sizeof chunks / sizeof chunks[0]; k++) {
            tally t = {.team = team, .tiny = 1.5e-38f};
            for (int r = 0; r < 20; r++) whet_parallel(team, chunks[k], count, &t);
            check_hits(&t, chunks[k], 20);
            assert_int_equal(t.denormals, 0);
        }
        whet_team_free(team);
    }
}

static void test_no_team(void **state)
{
    tally t = {.team = NULL, .tiny = 1.5e-38f};
    (void)state;
    assert_int_equal(whet_team_size(NULL), 1);
    whet_parallel(NULL, 9, count, &t);
    check_hits(&t, 9, 1);
    assert_int_equal(t.denormals, 0);
    assert_true(t.tiny * 0.5f != 0.0f); /* the caller's own mode came back */
    whet_team_free(NULL);
}

typedef struct inner { tally *t; int outer_worker; } inner;

static void inner_chunk(void *arg, int chunk, int worker)
{
    inner *in = arg;
    if (worker != in->outer_worker) atomic_fetch_add(&in->t->nested, 1);
    count(in->t, chunk, worker);
}

static void outer_chunk(void *arg, int chunk, int worker)
{
    inner in = {arg, worker};
    (void)chunk;
    whet_parallel(in.t->team, 10, inner_chunk, &in);
}

static void test_nested(void **state)
{
    whet_team *team = NULL;
    tally t = {0};
    (void)state;
    assert_int_equal(whet_team_create(&team, 3), WHET_OK);
    t.team = team;
    whet_parallel(team, 40, outer_chunk, &t);
    check_hits(&t, 10, 40);
    assert_int_equal(t.nested, 0); /* an inner chunk runs on its caller's worker: scratch by worker is safe */
    whet_team_free(team);
}

static void test_many_teams(void **state)
{
    whet_team *teams[4] = {0};
    (void)state;
    for (int i = 0; i < 4; i++) assert_int_equal(whet_team_create(&teams[i], 1 + i), WHET_OK);
    for (int r = 0; r < 50; r++) {
        for (int i = 0; i < 4; i++) {
            tally t = {.team = teams[i]};
            whet_parallel(teams[i], 33, count, &t);
            check_hits(&t, 33, 1);
        }
    }
    for (int i = 0; i < 4; i++) whet_team_free(teams[i]);
}

static void test_no_allocation(void **state)
{
    whet_team *team = NULL;
    tally t = {0};
    struct mallinfo2 before, after;
    (void)state;
    assert_int_equal(whet_team_create(&team, 2), WHET_OK);
    t.team = team;
    before = mallinfo2();
    for (int r = 0; r < 200; r++) whet_parallel(team, 17, count, &t);
    after = mallinfo2();
    assert_int_equal(before.uordblks, after.uordblks);
    check_hits(&t, 17, 200);
    whet_team_free(team);
}

static void test_limits(void **state)
{
    whet_team *team = NULL;
    (void)state;
    assert_int_equal(whet_team_create(&team, 100000), WHET_EINVAL);
    assert_null(team);
    assert_int_equal(whet_team_create(&team, 0), WHET_OK);
    assert_int_equal(whet_team_size(team), whet_cpu_count());
    assert_true(whet_cpu_count() >= 1);
    whet_team_free(team);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_chunk_once), cmocka_unit_test(test_no_team),       cmocka_unit_test(test_nested),
        cmocka_unit_test(test_many_teams),      cmocka_unit_test(test_no_allocation), cmocka_unit_test(test_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
