/* SPDX-License-Identifier: Apache-2.0 */
/* Runtimes that misbehave: each is one row with its reason, the bench goes on, nothing is left running. And a bench that is
 * interrupted: what was whole is kept, the same bench goes on from there. */
#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "fake_bench.h"
#include "measure/bench.h"
#include "measure/launch.h"
#include "measure/worker.h"
#include "support.h"

static char *scratch;

static char *model(const char *trick) { return fake_model(scratch, trick); }
static void fast(whet_bench_spec *s, const whet_bench_cell *cells, int n) { fake_spec(s, cells, n, 24, 0.006, 1); }

static const json_t *row(const json_t *doc, size_t i) { return json_array_get(json_object_get(doc, "rows"), i); }

static const char *text(const json_t *o, const char *key)
{
    const char *s = json_string_value(json_object_get(o, key));
    return s != NULL ? s : "";
}

/* Gone, or dead and waiting for its parent. */
static bool is_gone(long pid)
{
    char line[512] = "";
    char *path = whet_format("/proc/%ld/stat", pid);
    FILE *f = fopen(path, "r");
    whet_free(path);
    if (f == NULL) return true;
    if (fgets(line, sizeof line, f) == NULL) line[0] = '\0';
    fclose(f);
    const char *end = strrchr(line, ')');
    return end == NULL || end[2] == 'Z' || end[2] == 'X';
}

static void assert_nothing_left(const char *pids)
{
    long pid = 0;
    int n = 0;
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    assert_int_equal(errno, ECHILD);
    FILE *f = pids != NULL ? fopen(pids, "r") : NULL;
    while (f != NULL && fscanf(f, "%ld", &pid) == 1) {
        for (int i = 0; i < 100 && !is_gone(pid); i++) whet_sleep_ns(10000000);
        if (!is_gone(pid)) print_error("process %ld is left running\n", pid);
        assert_true(is_gone(pid));
        n++;
    }
    if (f != NULL) fclose(f);
    assert_true(pids == NULL || n > 0);
}

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define NO_MEMORY_LIMIT 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define NO_MEMORY_LIMIT 1
#endif

static void test_rows(void **state)
{
    static const struct { const char *trick, *status; } cases[] = {
        {"good", "ok"},
        {"abort", "runtime failed: crash: signal 6"},
        {"abort-run 1", "runtime failed: crash: signal 6"},
        {"abort-run 40", "runtime failed: "}, /* while it is warmed or timed */
        {"hang-open", "runtime failed: time: no answer within 1 s"},
        {"hang", "runtime failed: time: no answer within 1 s"},
        {"error", "unsupported: operator 'Fake' is not known"},
        {"silent", "runtime failed: Fake: running the model failed (code -77) without saying why"},
        {"cancel", "runtime failed: interrupted, though not by the user"},
        {"garbage 20", "ok"}, /* what it prints disturbs nobody */
        {"link", "runtime failed: the process wrote into the worker's link"},
        {"stray", "ok"},
        {"daemon", "ok"},
        {"wrong-run 60", "parity failed"}, /* right when it was checked, wrong when it was timed */
        {"good", "ok"},
    };
    enum { N = sizeof cases / sizeof cases[0] };
    whet_bench_cell cells[N];
    char *paths[N], *pids = whet_format("%s/pids", scratch);
    whet_bench_spec s;
    json_t *doc = NULL;
    (void)state;
    setenv("WHET_FAKE_PIDS", pids, 1);
    for (int i = 0; i < N; i++) {
        paths[i] = model(cases[i].trick);
        cells[i] = (whet_bench_cell){.model = paths[i], .runtime = "fake", .threads = 1};
    }
    fast(&s, cells, N);
    const uint64_t begin = whet_now_ns();
    assert_ok(whet_bench_run(&doc, &s));
    assert_true(whet_now_ns() - begin < 120000000000u);
    for (int i = 0; i < N; i++) {
        const char *status = text(row(doc, (size_t)i), "status");
        if (strncmp(status, cases[i].status, strlen(cases[i].status)) != 0) print_error("%s: '%s'\n", cases[i].trick, status);
        assert_int_equal(strncmp(status, cases[i].status, strlen(cases[i].status)), 0);
        assert_int_equal(strcmp(cases[i].status, "ok") == 0, json_is_object(json_object_get(row(doc, (size_t)i), "latency")));
    }
    assert_nothing_left(pids);
    unsetenv("WHET_FAKE_PIDS");
    json_decref(doc);
    whet_free(pids);
    for (int i = 0; i < N; i++) whet_free(paths[i]);
}

/* A limit on its memory ends the runtime, not the machine. */
static void test_memory(void **state)
{
#ifdef NO_MEMORY_LIMIT
    support_skip("memory limit", "a sanitizer takes more address space than any limit allows");
#endif
    char *eater = model("eat"), *shared = model("eat-shared 600"), *apart = model("eat-apart 8"), *good = model("good");
    const whet_bench_cell cells[] = {{.model = eater, .runtime = "fake", .threads = 1}, {.model = good, .runtime = "fake", .threads = 1},
                                     {.model = shared, .runtime = "fake", .threads = 1}, {.model = apart, .runtime = "fake", .threads = 1}};
    whet_bench_spec s;
    json_t *doc = NULL;
    (void)state;
    fast(&s, cells, WHET_COUNT(cells));
    s.time_limit = 30;
    s.memory_limit = 200 << 20;
    assert_ok(whet_bench_run(&doc, &s));
    assert_contains(text(row(doc, 0), "status"), "runtime failed: memory: the process ended at its limit of 210 MB");
    assert_contains(text(row(doc, 0), "status"), "out of memory");
    assert_string_equal(text(row(doc, 1), "status"), "ok");
    for (size_t i = 2; i < WHET_COUNT(cells); i++) /* not of the kind that the kernel limits */
        assert_contains(text(row(doc, i), "status"), "runtime failed: memory: the process and what it started held over 210 MB");
    assert_nothing_left(NULL);
    json_decref(doc);
    whet_free(eater);
    whet_free(shared);
    whet_free(apart);
    whet_free(good);
}

/* What a runtime starts computes for it: its threads are the row's, wherever it goes, and it stands still while others are timed. */
static void test_helper(void **state)
{
    char *path = model("helper"), *pids = whet_format("%s/helper", scratch), name[64] = "", text[512] = "";
    whet_shared memory;
    whet_worker_options opt;
    whet_worker *w = NULL;
    json_t *reply = NULL;
    (void)state;
    setenv("WHET_FAKE_PIDS", pids, 1);
    assert_ok(whet_shared_create(&memory, "test", 64));
    whet_worker_options_init(&opt);
    opt.inputs_fd = memory.fd;
    assert_ok(whet_worker_start(&w, &opt));
    assert_ok(whet_worker_call(w, json_pack("{ss, ss, ss, s[[ii]]}", "do", "load", "runtime", "fake", "path", path, "shapes", 1, 4), 60, NULL));
    assert_ok(whet_worker_call(w, json_pack("{ss, si, s[i]}", "do", "feed", "count", 1, "bytes", 16), 60, NULL));
    assert_ok(whet_worker_call(w, json_pack("{ss, si, si, si, si, si}", "do", "block", "runs", 9, "ns", 1000, "warm", 1, "start", 0, "group", 1), 60, &reply));
    assert_int_equal((int)json_array_size(json_object_get(reply, "threads_ns")), 2);
    json_decref(reply);
    whet_worker_pause(w);
    FILE *f = fopen(pids, "r");
    assert_non_null(f);
    int pid = 0;
    assert_int_equal(fscanf(f, "%d", &pid), 1);
    fclose(f);
    snprintf(name, sizeof name, "/proc/%d/stat", pid);
    for (int i = 0; i < 500 && strstr(text, ") T ") == NULL; i++) { /* it is on its way */
        whet_sleep_ns(10000000);
        f = fopen(name, "r");
        assert_non_null(f);
        assert_non_null(fgets(text, sizeof text, f));
        fclose(f);
    }
    assert_contains(text, ") T "); /* stopped */
    whet_worker_continue(w);
    whet_worker_free(w);
    assert_nothing_left(pids);
    unsetenv("WHET_FAKE_PIDS");
    whet_shared_free(&memory);
    whet_free(pids);
    whet_free(path);
}

static void test_wrong_version(void **state)
{
    char *good = model("good");
    const whet_bench_cell cell = {.model = good, .runtime = "fake", .threads = 1};
    whet_bench_spec s;
    json_t *doc = NULL;
    (void)state;
    fast(&s, &cell, 1);
    setenv("WHET_FAKE_VERSION", "9.0", 1);
    assert_ok(whet_bench_run(&doc, &s));
    unsetenv("WHET_FAKE_VERSION");
    assert_string_equal(text(row(doc, 0), "status"), "runtime missing: Fake 9.0 is installed, the plug-in was written for 7.* 8.0.1");
    json_decref(doc);
    whet_free(good);
}

/* Ten pieces of 1 MB each leave little of what is kept of a runtime's talk; the last words are still known. */
static void test_endless_talk(void **state)
{
    char *path = model("garbage 40");
    whet_worker_options opt;
    whet_worker *w = NULL;
    (void)state;
    whet_worker_options_init(&opt);
    assert_ok(whet_worker_start(&w, &opt));
    for (int i = 0; i < 3; i++)
        assert_ok(whet_worker_call(w, json_pack("{ss, ss, ss, si}", "do", "load", "runtime", "fake", "path", path, "batch", 1), 20, NULL));
    assert_true(whet_worker_talk(w) < 60 << 20);
    whet_free(path);
    path = model("abort");
    assert_status(whet_worker_call(w, json_pack("{ss, ss, ss, si}", "do", "load", "runtime", "fake", "path", path, "batch", 1), 20, NULL), WHET_ERUNTIME);
    assert_contains(whet_error_message(), "assertion failed");
    whet_worker_free(w);
    whet_free(path);
}

/* --- interruption */
typedef struct moment { const char *stage; double done; double first; int seen; } moment;

static void watch(void *arg, const char *stage, double done, double total, const char *unit, const char *extra)
{
    moment *m = arg;
    (void)total;
    (void)unit;
    (void)extra;
    if (strncmp(stage, "measure", 7) == 0 && m->seen++ == 0) m->first = done;
    if (m->stage != NULL && strncmp(stage, m->stage, strlen(m->stage)) == 0 && done >= m->done) whet_cancel();
}

static int rounds_of(const json_t *o)
{
    const json_t *samples = json_object_get(o, "samples"), *k = NULL;
    size_t i = 0;
    int most = -1, steps = 0;
    json_array_foreach(samples, i, k)
    {
        const int round = (int)json_integer_value(json_object_get(k, "round"));
        steps += round != most;
        most = round;
    }
    return steps == most + 1 ? steps : -1; /* each round once, in order */
}

static void test_interrupted(void **state)
{
    static const struct { const char *stage; double done; int kept; } moments[] = {
        {"prepare", 0, 0}, {"prepare", 1, 0}, {"measure", 0, 0}, {"measure", 3, 0}, {"measure", 4, 1}, {"measure", 10, 2}};
    char *spin = model("spin 100"), *crash = model("abort"), *keep = whet_format("%s/keep", scratch);
    const whet_bench_cell cells[] = {{.model = spin, .runtime = "fake", .threads = 1}, {.model = crash, .runtime = "fake", .threads = 1}};
    (void)state;
    for (size_t i = 0; i < WHET_COUNT(moments); i++) {
        whet_bench_spec s;
        moment m = {.stage = moments[i].stage, .done = moments[i].done};
        json_t *doc = NULL;
        fast(&s, cells, 2);
        s.min_seconds = 0.05;
        s.seed = i; /* another measurement each time */
        s.keep = keep;
        s.progress = watch;
        s.progress_arg = &m;
        assert_status(whet_bench_run(&doc, &s), WHET_ECANCELLED);
        assert_null(doc);
        if (moments[i].kept > 0) assert_contains(whet_error_message(), "the same command goes on from there");
        assert_nothing_left(NULL);
        whet_cancel_reset();
        m = (moment){.stage = NULL, .first = -1};
        assert_ok(whet_bench_run(&doc, &s));
        assert_int_equal((int)m.first, moments[i].kept * 4); /* goes on with the next round of four blocks */
        assert_true(rounds_of(row(doc, 0)) >= 3);
        assert_true(json_number_value(json_object_get(json_object_get(row(doc, 0), "latency"), "p50")) > 0.1);
        assert_string_equal(text(row(doc, 0), "status"), "ok");
        assert_contains(text(row(doc, 1), "status"), "crash: signal 6");
        json_decref(doc);
        m = (moment){.stage = NULL, .first = -1}; /* once finished, nothing is left to go on with */
        assert_ok(whet_bench_run(&doc, &s));
        assert_int_equal((int)m.first, 0);
        json_decref(doc);
    }
    whet_free(spin);
    whet_free(crash);
    whet_free(keep);
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "worker") == 0) return whet_worker_main();
    setenv("WHET_PLUGINS", FAKE_PLUGINS, 1);
    scratch = support_tmpdir();
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_rows), cmocka_unit_test(test_memory), cmocka_unit_test(test_helper),
                                       cmocka_unit_test(test_wrong_version),
                                       cmocka_unit_test(test_endless_talk), cmocka_unit_test(test_interrupted)};
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    support_rmtree(scratch);
    return failed;
}
