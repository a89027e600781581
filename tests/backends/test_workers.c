/* SPDX-License-Identifier: Apache-2.0 */
/* Registry and workers, driven by the fake plug-in: what is refused and why, and that a crash, a hang or a silent failure of a
 * runtime is an answer. This program is its own worker. */
#include <jansson.h>

#include "backend/backend.h"
#include "data/dataset.h"
#include "measure/launch.h"
#include "measure/link.h"
#include "measure/model_predictor.h"
#include "measure/runtimes.h"
#include "measure/worker.h"
#include "support.h"
#include "whet/progress.h"

#define MANNER "WHET_TEST_MANNER" /* how this program behaves as a worker */

static char *scratch;

static const whet_backend_entry *entry(const whet_backends *b, const char *name)
{
    for (int i = 0; i < whet_backends_count(b); i++)
        if (strcmp(whet_backends_at(b, i)->name, name) == 0) return whet_backends_at(b, i);
    return NULL;
}

static void test_registry(void **state)
{
    whet_backends *b = NULL;
    const whet_backend *t = NULL;
    (void)state;
    assert_ok(whet_backends_create(&b));
    assert_string_equal(whet_backends_at(b, 0)->name, "native");
    assert_non_null(entry(b, "fake"));
    assert_non_null(entry(b, "fake")->table);
    static const char *const refused[][2] = {{"fake_abi", "interface version 99"}, {"fake_size", "16 bytes"}, {"fake_norun", "not optional"}};
    for (size_t i = 0; i < WHET_COUNT(refused); i++) {
        assert_non_null(entry(b, refused[i][0]));
        assert_null(entry(b, refused[i][0])->table);
        assert_contains(entry(b, refused[i][0])->reason, refused[i][1]);
        assert_status(whet_backends_find(b, refused[i][0], &t), WHET_EUNAVAILABLE);
    }
    assert_status(whet_backends_find(b, "nosuch", &t), WHET_EUNAVAILABLE);
    assert_contains(whet_error_message(), "native");
    whet_backends_free(b);
}

static void test_versions(void **state)
{
    (void)state;
    assert_true(whet_backend_version_ok("1.31.*", "1.31.1"));
    assert_false(whet_backend_version_ok("1.31.*", "1.32.0"));
    assert_true(whet_backend_version_ok("7.* 8.0.1", "8.0.1"));
    assert_false(whet_backend_version_ok("7.* 8.0.1", "8.0.2"));
    assert_true(whet_backend_version_ok("", "anything"));
}

static whet_worker *start(void)
{
    whet_worker_options opt;
    whet_worker *w = NULL;
    whet_worker_options_init(&opt);
    assert_ok(whet_worker_start(&w, &opt));
    return w;
}

static json_t *load_request(const char *trick)
{
    char *path = whet_format("%s/%s.fake", scratch, trick), *text = whet_format("fake\n%s\n", trick);
    assert_ok(whet_file_write(path, text, strlen(text)));
    json_t *q = json_pack("{ss, ss, ss, si, s{ss}}", "do", "load", "runtime", "fake", "path", path, "batch", 1, "settings", "threads", "3");
    whet_free(path);
    whet_free(text);
    return q;
}

static void test_probe(void **state)
{
    json_t *reply = NULL;
    (void)state;
    whet_worker *w = start();
    assert_ok(whet_worker_call(w, json_pack("{ss, ss}", "do", "probe", "runtime", "fake"), 20, &reply));
    assert_true(json_is_true(json_object_get(reply, "available")));
    assert_string_equal(json_string_value(json_object_get(reply, "version")), "7.1.0");
    assert_true(json_is_object(json_object_get(reply, "caps")));
    json_decref(reply);
    whet_worker_free(w);
    setenv("WHET_FAKE_VERSION", "9.0", 1);
    w = start();
    assert_ok(whet_worker_call(w, json_pack("{ss, ss}", "do", "probe", "runtime", "fake"), 20, &reply));
    assert_false(json_is_true(json_object_get(reply, "available")));
    assert_contains(json_string_value(json_object_get(reply, "reason")), "written for 7.* 8.0.1");
    json_decref(reply);
    unsetenv("WHET_FAKE_VERSION");
    whet_worker_free(w);
}

static void test_run_and_query(void **state)
{
    json_t *reply = NULL;
    whet_shared mem;
    whet_worker_options opt;
    whet_worker *w = NULL;
    (void)state;
    assert_ok(whet_shared_create(&mem, "test", 2 * 8 * sizeof(float)));
    for (int i = 0; i < 16; i++) ((float *)mem.data)[i] = (float)i;
    whet_worker_options_init(&opt);
    opt.inputs_fd = mem.fd;
    assert_ok(whet_worker_start(&w, &opt));
    assert_ok(whet_worker_call(w, load_request("good"), 20, &reply));
    json_decref(reply);
    assert_status(whet_worker_call(w, json_pack("{ss, si, s[i]}", "do", "feed", "count", 2, "bytes", 16), 20, NULL), WHET_ESHAPE);
    assert_ok(whet_worker_call(w, json_pack("{ss, si, s[i]}", "do", "feed", "count", 2, "bytes", 32), 20, NULL));
    assert_ok(whet_worker_call(w, json_pack("{ss, si}", "do", "run", "sample", 1), 20, &reply));
    const json_t *o = json_array_get(json_object_get(reply, "outputs"), 0);
    const float *y = whet_worker_results(w, (uint64_t)json_integer_value(json_object_get(o, "offset")), 32);
    assert_non_null(y);
    for (int i = 0; i < 8; i++) assert_true(y[i] == 2 * (float)(8 + i) + 1);
    json_decref(reply);
    assert_ok(whet_worker_call(w, json_pack("{ss, ss}", "do", "query", "key", "threads"), 20, &reply));
    assert_int_equal(json_integer_value(json_object_get(json_object_get(reply, "json"), "intra_op")), 3);
    json_decref(reply);
    assert_status(whet_worker_call(w, json_pack("{ss, ss}", "do", "query", "key", "profile"), 20, NULL), WHET_EUNSUPPORTED);
    /* a block: counts, times, threads; stopped and continued in between */
    whet_worker_pause(w);
    whet_worker_continue(w);
    assert_ok(whet_worker_call(w, json_pack("{ss, si, si, si, si, si}", "do", "block", "runs", 30, "ns", 1000, "warm", 1, "start", 1, "group", 3), 20, &reply));
    assert_true(json_integer_value(json_object_get(reply, "count")) >= 10);
    assert_true(json_number_value(json_object_get(reply, "probe")) > 0);
    assert_true(json_array_size(json_object_get(reply, "threads_ns")) >= 1);
    json_decref(reply);
    assert_status(whet_worker_call(w, json_pack("{ss}", "do", "nonsense"), 20, NULL), WHET_EINVAL);
    whet_worker_free(w);
    whet_shared_free(&mem);
}

static void test_crash(void **state)
{
    (void)state;
    whet_worker *w = start();
    assert_status(whet_worker_call(w, load_request("abort"), 20, NULL), WHET_ERUNTIME);
    assert_contains(whet_error_message(), "crash: signal 6");
    assert_contains(whet_error_message(), "assertion failed");
    assert_true(whet_worker_dead(w));
    assert_status(whet_worker_call(w, json_pack("{ss}", "do", "hello"), 20, NULL), WHET_ERUNTIME); /* still says why */
    assert_contains(whet_error_message(), "crash");
    whet_worker_free(w);
}

static void test_failures(void **state)
{
    whet_shared mem;
    whet_worker_options opt;
    whet_worker *w = NULL;
    (void)state;
    assert_ok(whet_shared_create(&mem, "test", 32));
    whet_worker_options_init(&opt);
    opt.inputs_fd = mem.fd;
    assert_ok(whet_worker_start(&w, &opt));
    assert_status(whet_worker_call(w, load_request("error"), 20, NULL), WHET_EUNSUPPORTED);
    assert_contains(whet_error_message(), "operator 'Fake'");
    assert_ok(whet_worker_call(w, load_request("silent"), 20, NULL));
    assert_ok(whet_worker_call(w, json_pack("{ss, si, s[i]}", "do", "feed", "count", 1, "bytes", 32), 20, NULL));
    assert_status(whet_worker_call(w, json_pack("{ss, si}", "do", "run", "sample", 0), 20, NULL), WHET_ERUNTIME);
    assert_contains(whet_error_message(), "without saying why");
    assert_ok(whet_worker_call(w, load_request("hang"), 20, NULL));
    assert_ok(whet_worker_call(w, json_pack("{ss, si, s[i]}", "do", "feed", "count", 1, "bytes", 32), 20, NULL));
    assert_status(whet_worker_call(w, json_pack("{ss, si}", "do", "run", "sample", 0), 0.3, NULL), WHET_ERUNTIME);
    assert_contains(whet_error_message(), "time: no answer");
    assert_true(whet_worker_dead(w));
    whet_worker_free(w);
    whet_shared_free(&mem);
}

static void test_no_program(void **state)
{
    whet_worker_options opt;
    whet_worker *w = NULL;
    (void)state;
    whet_worker_options_init(&opt);
    opt.program = "/nonexistent/whet";
    assert_status(whet_worker_start(&w, &opt), WHET_ERUNTIME);
    assert_null(w);
    assert_contains(whet_error_message(), "cannot be executed");
}

/* A predictor in a worker: the runtime's crash is this program's error, and a shape that it does not take too. */
static void test_predictor_apart(void **state)
{
    static const char *const cases[][2] = {{"fake\nabort\n", "crash: signal 6"}, {"fake\ngood\n", "input 'x' takes 1 x n"}};
    whet_runner_options opt;
    whet_runner *m = NULL;
    char *path = whet_format("%s/apart.fake", scratch);
    const whet_contract contract = {.height = 8, .width = 8};
    (void)state;
    whet_runner_options_init(&opt);
    opt.runtime = "fake";
    opt.apart = true;
    opt.contract = &contract;
    for (size_t i = 0; i < WHET_COUNT(cases); i++) {
        assert_ok(whet_file_write(path, cases[i][0], strlen(cases[i][0])));
        assert_true(whet_runner_open(&m, NULL, path, &opt) != WHET_OK);
        assert_contains(whet_error_message(), cases[i][1]);
        assert_null(m);
    }
    whet_free(path);
}

/* The region e2e reads the split that the request describes: with "none" the set has no validation pictures, by default it has. */
static void test_e2e_split(void **state)
{
    whet_contract contract;
    char *text = NULL;
    (void)state;
    whet_contract_init(&contract);
    assert_ok(whet_contract_to_json(&contract, &text));
    for (int given = 0; given < 2; given++) {
        whet_worker *w = start();
        json_t *q = json_pack("{ss, ss, si, ss, si, si, si, si}", "do", "e2e", "data", "digits:200,50", "split", (int)WHET_SPLIT_VAL, "contract",
                              text, "channels", 1, "height", 999, "width", 999, "runs", 1);
        if (given) json_object_set_new(q, "opening", json_pack("{ss, si, sb}", "val", "none", "seed", 0, "own_model", 0));
        assert_ok(whet_worker_call(w, load_request("good"), 20, NULL));
        assert_status(whet_worker_call(w, q, 20, NULL), given ? WHET_ENOTFOUND : WHET_ESHAPE);
        whet_worker_free(w);
    }
    whet_free(text);
    whet_contract_dispose(&contract);
}

/* Ctrl-C while runtimes are asked what they are: the status and a text that says so. */
static void test_probe_interrupted(void **state)
{
    json_t *found = NULL;
    (void)state;
    setenv(MANNER, "silent", 1);
    whet_cancel();
    const whet_status status = whet_runtimes_probe(&found, "/proc/self/exe");
    whet_cancel_reset();
    unsetenv(MANNER);
    assert_status(status, WHET_ECANCELLED);
    assert_null(found);
    assert_string_equal(whet_error_message(), "interrupted");
}
/* What both sides have mapped cannot be cut by the worker: reading it would end this program with SIGBUS. */
static void test_memory_stays(void **state)
{
    whet_worker_options opt;
    whet_worker *w = NULL;
    whet_shared in;
    (void)state;
    assert_ok(whet_shared_create(&in, "whet-test", 8192));
    whet_worker_options_init(&opt);
    opt.inputs_fd = in.fd;
    setenv(MANNER, "cuts", 1);
    assert_status(whet_worker_start(&w, &opt), WHET_ERUNTIME);
    unsetenv(MANNER);
    assert_non_null(strstr(whet_error_message(), "exit code 7"));
    whet_shared_free(&in);
}

/* This program as a worker that behaves badly. */
static int misbehave(const char *how)
{
    if (strcmp(how, "silent") == 0)
        for (;;) pause();
    if (strcmp(how, "cuts") == 0 && ftruncate(WHET_WORKER_RESULTS, 8192) == 0 && ftruncate(WHET_WORKER_RESULTS, 0) != 0 &&
        ftruncate(WHET_WORKER_INPUTS, 0) != 0)
        return 7;
    return 1;
}

int main(int argc, char **argv)
{
    const char *manner = getenv(MANNER);
    if (argc > 1 && strcmp(argv[1], "worker") == 0) return manner != NULL ? misbehave(manner) : whet_worker_main();
    setenv("WHET_PLUGINS", FAKE_PLUGINS, 1);
    scratch = support_tmpdir();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_registry),      cmocka_unit_test(test_versions), cmocka_unit_test(test_probe),
        cmocka_unit_test(test_run_and_query), cmocka_unit_test(test_crash),    cmocka_unit_test(test_failures),
        cmocka_unit_test(test_e2e_split), cmocka_unit_test(test_no_program),      cmocka_unit_test(test_predictor_apart),
        cmocka_unit_test(test_probe_interrupted), cmocka_unit_test(test_memory_stays),
    };
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    support_rmtree(scratch);
    return failed;
}
