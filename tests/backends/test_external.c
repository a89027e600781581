/* SPDX-License-Identifier: Apache-2.0 */
/* `exec:COMMAND`: a good program behaves like any runtime, also in a worker; each way in which a program can misbehave is an
 * error that says what it did, in time, and leaves nothing running. */
#include <errno.h>
#include <jansson.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backend/external.h"
#include "base/clock.h"
#include "measure/launch.h"
#include "measure/worker.h"
#include "support.h"

static char *scratch, *model;

static const whet_backend *program(const char *trick)
{
    const whet_backend *t = NULL;
    char *name = whet_format("exec:'%s' %s", EXTERNAL_PROGRAM, trick);
    assert_non_null(name);
    assert_ok(whet_backend_external(name, &t));
    assert_ok(whet_backend_check(t));
    whet_free(name);
    return t;
}

static int running(void)
{
    int pids[64];
    return whet_backend_external_processes(pids, 64);
}

/* Opens, prepares and runs once; what failed is the call's name, "" if nothing did. */
static const char *go(const whet_backend *t, const char *path, int batch)
{
    const whet_backend_setting s[] = {{"threads", "1"}, {"denormals", "zero"}};
    const int64_t dims[] = {batch, 8};
    whet_backend_model *m = NULL;
    whet_backend_stream *stream = NULL;
    void *data = NULL;
    size_t bytes = 0;
    char version[64];
    const char *failed = "";
    whet_error_clear();
    if (t->version(version, sizeof version) != WHET_OK) failed = "version";
    if (!*failed && t->open(&m, path, s, 2) != WHET_OK) failed = "open";
    if (!*failed && t->set_shape(m, 0, 2, dims) != WHET_OK) failed = "shape";
    if (!*failed && t->stream_create(m, &stream) != WHET_OK) failed = "stream";
    if (!*failed && t->io_map(stream, 0, 0, &data, &bytes, NULL) != WHET_OK) failed = "map";
    for (int i = 0; !*failed && i < batch * 8; i++) ((float *)data)[i] = (float)i;
    if (!*failed && t->run(stream) != WHET_OK) failed = "run";
    if (!*failed && t->io_map(stream, 1, 0, &data, &bytes, NULL) != WHET_OK) failed = "map";
    for (int i = 0; !*failed && i < batch * 8; i++)
        if (((float *)data)[i] != 2 * (float)i + 1) failed = "values";
    t->stream_free(stream);
    t->close(m);
    return failed;
}

static void test_good(void **state)
{
    const whet_backend *t = program("good");
    char version[64], *json = NULL;
    whet_backend_io io;
    whet_backend_model *m = NULL;
    (void)state;
    assert_ok(t->version(version, sizeof version));
    assert_string_equal(version, "1.0");
    assert_string_equal(t->title, "Twice (external)");
    assert_ok(t->caps(&json));
    assert_contains(json, "\"external\":true");
    assert_contains(json, "\"twice\"");
    whet_free(json);
    for (int i = 1; i < 4; i++) assert_string_equal(go(t, model, i), "");
    assert_ok(t->open(&m, model, NULL, 0));
    assert_ok(t->io_info(m, 0, 0, &io));
    assert_true(io.dtype == 1 && io.rank == 2 && io.dims[0] == -1 && io.dims[1] == 8);
    assert_status(t->io_info(m, 1, 1, &io), WHET_ENOTFOUND);
    assert_status(t->set_shape(m, 0, 2, (const int64_t[]){1, 9}), WHET_ESHAPE);
    whet_backend_stream *s = NULL;
    assert_status(t->stream_create(m, &s), WHET_ESHAPE);
    t->close(m);
    assert_string_equal(go(t, "/nonexistent/missing", 1), "open");
    assert_int_equal(whet_error_last()->status, WHET_ENOTFOUND);
    assert_contains(whet_error_message(), "there is no such file");
}

/* Two models and two streams of one are programs of their own. */
static void test_instances(void **state)
{
    const whet_backend *t = program("good");
    const int64_t dims[] = {1, 8};
    whet_backend_model *m[2] = {NULL, NULL};
    whet_backend_stream *s[3] = {NULL, NULL, NULL};
    (void)state;
    const int idle = running(); /* one that was started to be asked for the version may be */
    for (int i = 0; i < 2; i++) {
        assert_ok(t->open(&m[i], model, NULL, 0));
        assert_ok(t->set_shape(m[i], 0, 2, dims));
        assert_ok(t->stream_create(m[i], &s[i]));
    }
    assert_ok(t->stream_create(m[1], &s[2]));
    assert_true(running() >= 3);
    for (int k = 0; k < 3; k++) {
        void *x = NULL, *y = NULL;
        size_t bytes = 0;
        assert_ok(t->io_map(s[k], 0, 0, &x, &bytes, NULL));
        assert_int_equal(bytes, 32);
        ((float *)x)[0] = (float)k;
        assert_ok(t->run(s[k]));
        assert_ok(t->io_map(s[k], 1, 0, &y, &bytes, NULL));
        assert_true(((float *)y)[0] == 2 * (float)k + 1);
    }
    char *json = NULL;
    assert_ok(t->query(m[1], "threads", &json));
    assert_contains(json, "\"intra_op\":1");
    whet_free(json);
    assert_status(t->query(m[1], "profile", &json), WHET_EUNSUPPORTED);
    for (int i = 0; i < 3; i++) t->stream_free(s[i]);
    for (int i = 0; i < 2; i++) t->close(m[i]);
    assert_true(running() <= idle);
}

static void test_settings(void **state)
{
    static const struct { const char *key, *value; whet_status want; } cases[] = {
        {"threads", "2", WHET_OK},           {"optimisation", "all", WHET_OK}, {"optimisation", "off", WHET_EUNSUPPORTED},
        {"precision", "default", WHET_OK},   {"precision", "f16", WHET_EUNSUPPORTED}, {"denormals", "zero", WHET_OK},
        {"denormals", "keep", WHET_EUNSUPPORTED}, {"arena", "off", WHET_EUNSUPPORTED}, {"streams", "1", WHET_OK},
        {"streams", "2", WHET_EINVAL}, {"threads", "none", WHET_EINVAL}, {"nonsense", "1", WHET_EUNSUPPORTED}};
    const whet_backend *t = program("good");
    (void)state;
    for (size_t i = 0; i < WHET_COUNT(cases); i++) {
        const whet_backend_setting s = {cases[i].key, cases[i].value};
        whet_backend_model *m = NULL;
        assert_status(t->open(&m, model, &s, 1), cases[i].want);
        if (cases[i].want != WHET_OK) assert_contains(whet_error_message(), cases[i].value);
        t->close(m);
    }
}

/* Bytes of what programs have said, which lie in memory. */
static long long said_bytes(void)
{
    long long sum = 0;
    for (int fd = 3; fd < 256; fd++) {
        char path[64], name[256] = "";
        struct stat st;
        snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
        if (readlink(path, name, sizeof name - 1) > 0 && strstr(name, "whet-said") != NULL && fstat(fd, &st) == 0) sum += (long long)st.st_blocks * 512;
    }
    return sum;
}

/* What a program says on stderr does not fill the memory. */
static void test_talk(void **state)
{
    const whet_backend *t = program("talk");
    whet_backend_model *m = NULL;
    (void)state;
    assert_ok(t->open(&m, model, NULL, 0));
    if (said_bytes() > 16 << 20) fail_msg("%lld bytes of talk are kept", said_bytes());
    t->close(m);
}

static void test_hostile(void **state)
{
    static const struct { const char *trick, *where, *says; } cases[] = {
        {"deaf", "version", "no reply to 'hello' within 0.5 s"},
        {"banner", "version", "no JSON object: 'Loading libraries ...'"},
        {"protocol", "version", "does not speak protocol 1"},
        {"nameless", "version", "tells no name or no version"},
        {"wrong_id", "version", "does not repeat \"id\":1"},
        {"twice", "open", "more than one line"},
        {"exit", "open", "exit code 3 when the reply to 'open' was awaited (it said: the device is away)"},
        {"refuse", "open", "operator 'Foo' is not known"},
        {"close_stdout", "open", "closed its stdout"},
        {"long_line", "open", "over 1 MiB"},
        {"zero_byte", "open", "no JSON object"},
        {"no_list", "open", "no list 'inputs'"},
        {"bad_type", "open", "element type 'f33'"},
        {"bad_rank", "open", "at most 8 dimensions"},
        {"free_output", "stream", "free or out of range"},
        {"huge", "stream", "over 4 GiB"},
        {"more_outputs", "stream", "'open' told 1 outputs, 'prepare' 2"},
        {"resize", "stream", "shared memory"},
        {"leave", "stream", "exit code 0"},
        {"hang", "run", "no reply to 'run' within 3 s"}, /* the same limit for its start, on a busy machine */
        {"crash", "run", "crash: signal 6"},
        {"wrong", "values", ""},
        {"shrink", "", ""}, /* tried in vain */
        {"stubborn", "", ""}, /* killed at the end */
    };
    (void)state;
    for (size_t i = 0; i < WHET_COUNT(cases); i++) {
        const uint64_t t0 = whet_now_ns();
        setenv("WHET_EXEC_SECONDS", strcmp(cases[i].trick, "deaf") == 0 ? "0.5" : strcmp(cases[i].trick, "hang") == 0 ? "3" : "30", 1);
        const char *failed = go(program(cases[i].trick), model, 1);
        if (strcmp(failed, cases[i].where) != 0) print_error("trick '%s' fails at '%s': %s\n", cases[i].trick, failed, whet_error_message());
        assert_string_equal(failed, cases[i].where);
        if (cases[i].says[0] != '\0') assert_contains(whet_error_message(), cases[i].says);
        assert_true(whet_now_ns() - t0 < 60u * 1000000000u);
    }
    unsetenv("WHET_EXEC_SECONDS");
    program("good"); /* ends the last one's idle program */
    assert_int_equal(running(), 0);
}

static void test_commands(void **state)
{
    static const struct { const char *name; whet_status want; const char *says; } cases[] = {
        {"exec:", WHET_EINVAL, "names no command"},
        {"exec:/nonexistent/program --flag", WHET_EUNAVAILABLE, "cannot be executed"},
        {"exec:true", WHET_ERUNTIME, "exit code 0"},
        {"exec:echo hello; sleep 999.5", WHET_ERUNTIME, "no JSON object: 'hello'"}};
    char version[64];
    (void)state;
    for (size_t i = 0; i < WHET_COUNT(cases); i++) {
        const whet_backend *t = NULL;
        whet_status got = whet_backend_external(cases[i].name, &t);
        if (got == WHET_OK) got = (whet_status)t->version(version, sizeof version);
        assert_int_equal(got, cases[i].want);
        assert_contains(whet_error_message(), cases[i].says);
    }
    char *overlong = whet_calloc(1, 5002);
    const whet_backend *t = NULL;
    memset(overlong, 'x', 5000);
    memcpy(overlong, "exec:", 5);
    assert_status(whet_backend_external(overlong, &t), WHET_EINVAL);
    whet_free(overlong);
}

/* --- in a worker */
static json_t *load_request(const char *trick)
{
    char *name = whet_format("exec:'%s' %s", EXTERNAL_PROGRAM, trick);
    json_t *q = json_pack("{ss, ss, ss, si, s{ss, ss}}", "do", "load", "runtime", name, "path", model, "batch", 2, "settings", "threads", "1",
                          "optimisation", "all");
    whet_free(name);
    return q;
}

static whet_worker *start(const whet_shared *memory, uint64_t limit)
{
    whet_worker_options opt;
    whet_worker *w = NULL;
    whet_worker_options_init(&opt);
    opt.inputs_fd = memory->fd;
    opt.memory_limit = limit;
    assert_ok(whet_worker_start(&w, &opt));
    return w;
}

static void test_worker(void **state)
{
    whet_shared memory;
    json_t *reply = NULL;
    (void)state;
    assert_ok(whet_shared_create(&memory, "test", 64));
    for (int i = 0; i < 16; i++) ((float *)memory.data)[i] = (float)i;
    whet_worker *w = start(&memory, 0);
    char *name = whet_format("exec:'%s' good", EXTERNAL_PROGRAM);
    assert_ok(whet_worker_call(w, json_pack("{ss, ss}", "do", "probe", "runtime", name), 20, &reply));
    assert_true(json_is_true(json_object_get(reply, "available")));
    json_decref(reply);
    whet_free(name);
    assert_ok(whet_worker_call(w, load_request("good"), 20, &reply));
    assert_string_equal(json_string_value(json_object_get(reply, "title")), "Twice (external)");
    assert_true(json_number_value(json_object_get(reply, "round_trip_ns")) > 0);
    json_decref(reply);
    assert_ok(whet_worker_call(w, json_pack("{ss, si, s[i]}", "do", "feed", "count", 1, "bytes", 64), 20, NULL));
    assert_ok(whet_worker_call(w, json_pack("{ss, si}", "do", "run", "sample", 0), 20, &reply));
    const json_t *o = json_array_get(json_object_get(reply, "outputs"), 0);
    const float *y = whet_worker_results(w, (uint64_t)json_integer_value(json_object_get(o, "offset")), 64);
    assert_non_null(y);
    for (int i = 0; i < 16; i++) assert_true(y[i] == 2 * (float)i + 1);
    json_decref(reply);
    /* stopped with the worker, and gone with it */
    whet_worker_pause(w);
    whet_worker_continue(w);
    assert_ok(whet_worker_call(w, json_pack("{ss, si, si, si, si, si}", "do", "block", "runs", 200, "ns", 1000, "warm", 1, "start", 0, "group", 1), 20, &reply));
    assert_true(json_array_size(json_object_get(reply, "threads_ns")) == 1); /* the program's; the worker only passes messages */
    json_decref(reply);
    whet_worker_free(w);
    whet_shared_free(&memory);
}

/* A crash of the program is the row's reason, not the end of the worker; a limit on memory holds for the program too. */
static void test_worker_failures(void **state)
{
    static const struct { const char *trick, *says; } cases[] = {{"crash", "crash: signal 6"}, {"eat", "it said: out of memory"}};
    whet_shared memory;
    (void)state;
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    const size_t n = 1; /* no limits there */
#else
    const size_t n = WHET_COUNT(cases);
#endif
    assert_ok(whet_shared_create(&memory, "test", 64));
    for (size_t i = 0; i < n; i++) {
        whet_worker *w = start(&memory, 512u << 20);
        assert_ok(whet_worker_call(w, load_request(cases[i].trick), 20, NULL));
        assert_ok(whet_worker_call(w, json_pack("{ss, si, s[i]}", "do", "feed", "count", 1, "bytes", 64), 20, NULL));
        assert_status(whet_worker_call(w, json_pack("{ss, si}", "do", "run", "sample", 0), 60, NULL), WHET_ERUNTIME);
        assert_contains(whet_error_message(), cases[i].says);
        assert_false(whet_worker_dead(w));
        whet_worker_free(w);
    }
    whet_shared_free(&memory);
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "worker") == 0) return whet_worker_main();
    scratch = support_tmpdir();
    model = whet_format("%s/net.twice", scratch);
    if (whet_file_write(model, "twice", 5) != WHET_OK) return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),    cmocka_unit_test(test_instances), cmocka_unit_test(test_settings),        cmocka_unit_test(test_talk), cmocka_unit_test(test_hostile),
        cmocka_unit_test(test_commands), cmocka_unit_test(test_worker),   cmocka_unit_test(test_worker_failures),
    };
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    support_rmtree(scratch);
    whet_free(model);
    return failed;
}
