/* SPDX-License-Identifier: Apache-2.0 */
/* The conformance suite: every backend found must behave as include/whet/sys/backend.h says, on every format that it claims.
 * Each is tested in a process of its own (this program run again with its name), so that no two vendors' libraries meet.
 * Damaged files are opened in further processes, as some vendors' readers abort on them: that is noted, and nothing else of
 * this program depends on it. The models are in conform.h; the fake backend computes y = 2 x + 1. */
#include <signal.h>
#include <sys/wait.h>

#include "base/cpu.h"
#include "conform_load.h"

enum { SKIPPED = 77, BROKEN_FILES = 6, LIMIT_SECONDS = 60 };

#if defined(__SANITIZE_ADDRESS__)
/* OpenVINO's executors leave what belongs to a thread, a few hundred bytes, to the end of the process. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void) { return "leak:libopenvino.so\n"; }
#endif

/* --- what is told of inputs and outputs, and which shapes are refused */
static void check_refused_shape(const char *path, int rank, const int64_t *dims)
{
    whet_backend_stream *s = NULL;
    whet_backend_model *m = open_with(path, NULL, NULL);
    whet_error_clear();
    const int status = t->set_shape(m, 0, rank, dims);
    if (status == WHET_OK) CHECK(t->stream_create(m, &s) != WHET_OK && s == NULL); /* some notice it only then */
    if (status != WHET_OK) CHECK(status == WHET_ESHAPE);
    CHECK(whet_error_last()->text[0] != '\0');
    t->close(m);
}

static void check_shapes(const char *path)
{
    whet_backend_model *m = open_with(path, NULL, NULL);
    whet_backend_io io;
    CHECK(t->io_info(m, 0, 0, &io) == WHET_OK && io.name != NULL && io.name[0] != '\0' && io.layout != NULL);
    CHECK(io.dtype == 1 && io.rank == 2 && (io.dims[0] == -1 || io.dims[0] == 1) && io.dims[1] == CONFORM_IN);
    CHECK(t->io_info(m, 1, 0, &io) == WHET_OK && (io.rank == 2 || io.rank == -1));
    CHECK(t->io_info(m, 0, 1, &io) == WHET_ENOTFOUND && t->io_info(m, 1, 9, &io) == WHET_ENOTFOUND && t->io_info(m, 0, -1, &io) == WHET_ENOTFOUND);
    if (t->set_shape != NULL) {
        static const int64_t wrong[] = {1, CONFORM_IN, 3}, wide[] = {1, CONFORM_IN + 1};
        CHECK(t->set_shape(m, 5, 2, wide) != WHET_OK);
        check_refused_shape(path, 3, wrong);
        if (!is_fake()) check_refused_shape(path, 2, wide); /* the weights have 8 rows */
    }
    t->close(m);
    t->close(NULL);
}

/* --- types: an input of bytes is told and mapped as bytes, never as floats */
static void check_types(const char *path)
{
    whet_backend_model *m = open_with(path, NULL, NULL);
    whet_backend_io io;
    void *data = NULL;
    size_t bytes = 0;
    CHECK(t->io_info(m, 0, 0, &io) == WHET_OK && io.dtype == 2);
    const int batch = batch_for(m, 3);
    whet_backend_stream *s = stream_for(m, batch, CONFORM_IN);
    CHECK(t->io_map(s, 0, 0, &data, &bytes, &io) == WHET_OK);
    CHECK(io.dtype == 2 && bytes == (size_t)(batch * CONFORM_IN));
    for (size_t i = 0; i < bytes; i++) ((uint8_t *)data)[i] = (uint8_t)(i * 37 + 200);
    CHECK(t->io_unmap(s, 0, 0) == WHET_OK && t->run(s) == WHET_OK);
    CHECK(t->io_map(s, 1, 0, &data, &bytes, &io) == WHET_OK && io.dtype == 1 && bytes == (size_t)(batch * CONFORM_IN) * 4);
    for (int i = 0; i < batch * CONFORM_IN; i++) CHECK(((const float *)data)[i] == (float)(uint8_t)(i * 37 + 200));
    CHECK(t->io_unmap(s, 1, 0) == WHET_OK);
    t->stream_free(s);
    t->close(m);
}

/* --- two models side by side, a second stream of one, what cannot be mapped */
static void check_runs(const char *path)
{
    whet_backend_model *a = open_with(path, NULL, NULL), *b = open_with(path, "threads", "2");
    const int n = is_fake() ? 1 : batch_for(b, 3);
    const int one = batch_for(a, 1);
    whet_backend_stream *sa = stream_for(a, one, CONFORM_IN), *sb = stream_for(b, n, CONFORM_IN), *sa2 = NULL;
    for (int i = 0; i < 3; i++) {
        feed_and_check(sa, one, i, exact);
        feed_and_check(sb, n, i + 7, exact);
    }
    CHECK(t->stream_create(a, &sa2) == WHET_OK);
    feed_and_check(sa2, one, 11, exact);
    feed_and_check(sa, one, 12, exact);
    void *data = NULL;
    size_t bytes = 0;
    whet_backend_io io;
    CHECK(t->io_map(sa, 0, 3, &data, &bytes, &io) != WHET_OK && t->io_map(sa, 1, 3, &data, &bytes, &io) != WHET_OK);
    t->stream_free(sa2);
    t->stream_free(sa);
    t->stream_free(sb);
    t->stream_free(NULL);
    t->close(a);
    t->close(b);
}

/* --- settings: every value that `caps` names works or says why not here; any other is refused with a reason */
static void check_value(const char *path, const char *key, const char *value)
{
    whet_backend_model *m = NULL;
    const whet_backend_setting s[] = {{"threads", "1"}, {key, value}};
    whet_error_clear();
    const int status = t->open(&m, path, s, 2);
    if (status != WHET_OK) {
        CHECK(status == WHET_EUNSUPPORTED && m == NULL);
        CHECK(whet_error_last()->text[0] != '\0');
        return;
    }
    const int narrow = strcmp(key, "precision") == 0 && (strcmp(value, "bf16") == 0 || strcmp(value, "f16") == 0);
    const int batch = batch_for(m, 2);
    whet_backend_stream *stream = stream_for(m, batch, CONFORM_IN);
    feed_and_check(stream, batch, 3, narrow ? 0.1 : exact);
    t->stream_free(stream);
    t->close(m);
}

static void check_settings(const char *path)
{
    static const whet_backend_setting bad[] = {{"threads", "0"}, {"threads", "many"}, {"optimisation", "most"}, {"nonsense", "1"}, {"precision", "int3"}};
    char *text = NULL;
    whet_backend_model *m = NULL;
    const char *key = NULL;
    json_t *value = NULL;
    CHECK(t->caps(&text) == WHET_OK && text != NULL);
    json_t *caps = json_loads(text, JSON_REJECT_DUPLICATES, NULL), *settings = json_object_get(caps, "settings");
    whet_free(text);
    CHECK(json_is_object(caps) && json_is_array(json_object_get(caps, "formats")) && json_is_object(settings));
    CHECK(json_object_get(settings, "threads") != NULL);
    json_object_foreach(settings, key, value)
        for (size_t i = 0; json_is_array(value) && i < json_array_size(value); i++) check_value(path, key, json_string_value(json_array_get(value, i)));
    json_decref(caps);
    m = open_with(path, "threads", "2");
    if (t->query != NULL && t->query(m, "threads", &text) == WHET_OK) {
        CHECK(strstr(text, "\"intra_op\":2") != NULL);
        whet_free(text);
    }
    CHECK(t->query == NULL || t->query(m, "no such key", &text) == WHET_EUNSUPPORTED);
    t->close(m);
    for (size_t i = 0; !is_fake() && i < WHET_COUNT(bad); i++) {
        whet_error_clear();
        CHECK(t->open(&m, path, &bad[i], 1) != WHET_OK && m == NULL);
        CHECK(whet_error_last()->text[0] != '\0');
    }
}

/* --- denormals: kept or flushed as asked. 4e-38 x 1/8 is one; the worker flushes in its own threads, too. */
static float denormal_product(const char *path, const char *value)
{
    void *data = NULL;
    size_t bytes = 0;
    whet_backend_io io;
    const float small[CONFORM_IN] = {0, 0, 4e-38f};
    whet_backend_model *m = open_with(path, "denormals", value);
    whet_backend_stream *s = stream_for(m, batch_for(m, 1), CONFORM_IN);
    CHECK(t->io_map(s, 0, 0, &data, &bytes, &io) == WHET_OK && bytes == sizeof small);
    memcpy(data, small, sizeof small);
    CHECK(t->io_unmap(s, 0, 0) == WHET_OK && t->run(s) == WHET_OK);
    CHECK(t->io_map(s, 1, 0, &data, &bytes, &io) == WHET_OK);
    const float y = ((const float *)data)[1]; /* the bias is 0 there */
    CHECK(t->io_unmap(s, 1, 0) == WHET_OK);
    t->stream_free(s);
    t->close(m);
    return y;
}

static bool names_value(const json_t *settings, const char *key, const char *value)
{
    const json_t *list = json_object_get(settings, key);
    for (size_t i = 0; i < json_array_size(list); i++)
        if (strcmp(json_string_value(json_array_get(list, i)), value) == 0) return true;
    return false;
}

static void check_denormals(const char *path)
{
    char *text = NULL;
    CHECK(t->caps(&text) == WHET_OK && text != NULL);
    json_t *caps = json_loads(text, JSON_REJECT_DUPLICATES, NULL), *settings = json_object_get(caps, "settings");
    whet_free(text);
    if (names_value(settings, "denormals", "keep")) CHECK(denormal_product(path, "keep") == 4e-38f / 8);
    if (names_value(settings, "denormals", "zero")) {
        whet_cpu_flush_denormals();
        CHECK(denormal_product(path, "zero") == 0);
    }
    json_decref(caps);
}

/* --- questions: an answer is JSON (graph and profile have nodes with name and type), no answer says why */
static void check_queries(const char *path)
{
    static const char *const keys[] = {"threads", "precision", "memory", "executed_graph", "profile"};
    whet_backend_model *m = open_with(path, NULL, NULL);
    const int batch = batch_for(m, is_fake() ? 1 : 2);
    whet_backend_stream *s = stream_for(m, batch, CONFORM_IN);
    feed_and_check(s, batch, 5, exact);
    for (size_t i = 0; t->query != NULL && i < WHET_COUNT(keys); i++) {
        char *text = NULL;
        whet_error_clear();
        const int status = t->query(m, keys[i], &text);
        if (status != WHET_OK) {
            CHECK(status == WHET_EUNSUPPORTED && whet_error_last()->text[0] != '\0');
            continue;
        }
        json_t *doc = json_loads(text, JSON_REJECT_DUPLICATES, NULL), *nodes = json_object_get(doc, "nodes");
        if (doc == NULL) fprintf(stderr, "%s: '%s' gave %.500s\n", t->name, keys[i], text);
        CHECK(json_is_object(doc) || json_is_array(doc));
        for (size_t k = 0; k < json_array_size(nodes); k++) {
            const json_t *n = json_array_get(nodes, k), *ms = json_object_get(n, "ms");
            CHECK(json_is_string(json_object_get(n, "name")) && json_is_string(json_object_get(n, "type")));
            CHECK(ms == NULL || json_is_null(ms) || json_number_value(ms) >= 0);
        }
        json_decref(doc);
        whet_free(text);
    }
    feed_and_check(s, batch, 6, exact); /* asking changes nothing */
    t->stream_free(s);
    t->close(m);
}

static void check_tap(const char *path)
{
    static const char *const wrong[] = {"no such tensor"};
    whet_backend_model *m = open_with(path, NULL, NULL);
    if (t->tap != NULL) CHECK(t->tap(m, wrong, 1) == WHET_ENOTFOUND);
    t->close(m);
}

/* --- closing frees: the same again and again takes no more memory */
static long resident(void)
{
    long pages = 0, all = 0;
    FILE *f = fopen("/proc/self/statm", "r");
    if (f != NULL && fscanf(f, "%ld %ld", &all, &pages) != 2) pages = 0;
    if (f != NULL) fclose(f);
    return pages * 4096;
}

static void check_frees(const char *path)
{
    long before = 0;
    for (int i = 0; i < 40; i++) {
        whet_backend_model *m = open_with(path, NULL, NULL);
        const int batch = batch_for(m, 1);
        whet_backend_stream *s = stream_for(m, batch, CONFORM_IN);
        feed_and_check(s, batch, i, exact);
        t->stream_free(s);
        t->close(m);
        if (i == 19) before = resident();
    }
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) /* those keep what was freed, and look for leaks themselves */
    CHECK(resident() - before < (8L << 20));
#else
    (void)before, (void)resident;
#endif
}

/* --- damaged files: an error with a reason. 0-3 cut to 0, 1, 3 bytes and half, 4 all 0xff, 5 none at all */
static const char *const body_of_folder[] = {"", "/saved_model.pb"};

static void make_damage(const char *path, int which)
{
    uint8_t *data = NULL;
    size_t size = 0;
    const char *body = body_of_folder[whet_dir_exists(path)];
    char *file = whet_format("%s%s", path, body);
    CHECK(whet_file_read(&data, &size, file, 1 << 20) == WHET_OK);
    const size_t cuts[] = {0, 1, 3, size / 2};
    if (which == 4) memset(data, 0xff, size);
    CHECK(whet_file_write(file, data, which < 4 ? cuts[which] : size) == WHET_OK);
    whet_free(data);
    whet_free(file);
}

static whet_status choose_backend(const char *name, whet_backends **b)
{
    char reason[512] = "", version[64];
    whet_error_clear();
    WHET_TRY(whet_backends_create(b));
    WHET_TRY(whet_backends_find(*b, name, &t));
    if (t->version(version, sizeof version) != WHET_OK) return WHET_EUNAVAILABLE;
    if (t->available(reason, sizeof reason) != WHET_OK) return WHET_FAIL(WHET_EUNAVAILABLE, "%s", reason);
    return WHET_OK;
}

/* This process opens one damaged file and ends. */
static int damage(const char *name, const char *of, int which)
{
    whet_backends *b = NULL;
    whet_backend_model *m = NULL;
    char path[400];
    if (choose_backend(name, &b) != WHET_OK) return 1;
    format = of;
    snprintf(dir, sizeof dir, "%s", getenv("CONFORM_DIR"));
    CHECK(conform_write(dir, of, 's', path, sizeof path) == WHET_OK);
    if (which < 5)
        make_damage(path, which);
    else
        snprintf(path, sizeof path, "/nonexistent/model");
    whet_error_clear();
    CHECK(t->open(&m, path, NULL, 0) != WHET_OK && m == NULL);
    CHECK(whet_error_last()->text[0] != '\0');
    return 0;
}

/* Exit code of this program with these words, -signal if it died of one. */
static int again(const char *verb, const char *name, const char *of, int which)
{
    char number[16];
    int code = 0;
    snprintf(number, sizeof number, "%d", which);
    fflush(NULL);
    const pid_t pid = vfork();
    if (pid == 0) {
        execl("/proc/self/exe", program, verb, name, of, number, (char *)NULL);
        _exit(127);
    }
    if (pid < 0 || waitpid(pid, &code, 0) < 0) return 127;
    return WIFSIGNALED(code) ? -WTERMSIG(code) : WEXITSTATUS(code);
}

static int check_damage(const char *name, const char *of)
{
    for (int i = 0; i < BROKEN_FILES; i++) {
        if (i == 3 && strcmp(of, "fake") == 0) continue; /* half of it is still one */
        const int code = again("damage", name, of, i);
        if (code == -SIGABRT || code == -SIGSEGV || code == -SIGBUS || code == -SIGFPE) {
            printf("NOTE: %s dies of signal %d on a damaged %s file (kind %d)\n", name, -code, of, i);
            if (strcmp(name, "native") != 0 && strcmp(name, "fake") != 0 && i < 5) continue; /* a vendor's reader may; ours may not */
        }
        if (code != 0) {
            fprintf(stderr, "damage of kind %d gave %d; repro: CONFORM_DIR=/tmp %s damage %s %s %d\n", i, code, program, name, of, i);
            return 1;
        }
    }
    return 0;
}

/* --- everything on one backend */
static int is_checked(const char *name, const char *of)
{
    /* whet's own readers have their own tests; of its engine one way in is enough, and HDF5 needs a helper program. */
    return strcmp(name, "native") != 0 || strcmp(of, "onnx") == 0 || strcmp(of, "tflite") == 0 || strcmp(of, "torchscript") == 0;
}

static void check_format(int first)
{
    char small[400], bytes[400], big[400];
    CHECK(conform_write(dir, format, 's', small, sizeof small) == WHET_OK);
    check_shapes(small);
    check_runs(small);
    if (!is_fake()) {
        CHECK(conform_write(dir, format, 'b', bytes, sizeof bytes) == WHET_OK);
        check_types(bytes);
        CHECK(conform_write(dir, format, 'B', big, sizeof big) == WHET_OK);
        check_threads(big);
    }
    if (!first) return;
    check_tap(small);
    check_queries(small);
    check_frees(small);
    check_settings(small);
    check_at_once(small);
    check_denormals(small); /* last: it flushes in this thread from then on */
}

static int conform(const char *name)
{
    whet_backends *b = NULL;
    char formats[CONFORM_MAX_FORMATS][32];
    int n = 0, n_checked = 0, code = 0;
    alarm(LIMIT_SECONDS * 4);
    if (choose_backend(name, &b) != WHET_OK) {
        if (whet_error_last()->status != WHET_EUNAVAILABLE) return 1;
        printf("%s\n", whet_error_message());
        return SKIPPED;
    }
    char *scratch = support_tmpdir();
    snprintf(dir, sizeof dir, "%s", scratch);
    setenv("CONFORM_DIR", dir, 1);
    n = is_fake() ? 1 : conform_formats(t, formats);
    if (is_fake()) snprintf(formats[0], sizeof formats[0], "fake");
    for (int i = 0; i < n && code == 0; i++) {
        const whet_model_format *f = NULL;
        if (!is_checked(name, formats[i])) continue;
        if (!is_fake() && whet_format_for_writing(formats[i], "", &f) != WHET_OK) continue; /* not in this build */
        format = formats[i];
        check_format(n_checked++ == 0);
        code = check_damage(name, formats[i]);
    }
    if (n_checked == 0) code = 1;
    support_rmtree(scratch);
    whet_backends_free(b);
    return code;
}

static void run_for(const char *name)
{
    char command[600], line[300] = "", first[300] = "";
    snprintf(command, sizeof command, "'%s' conform %s", program, name);
    FILE *f = popen(command, "r");
    assert_non_null(f);
    while (fgets(line, sizeof line, f) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        if (first[0] == '\0') snprintf(first, sizeof first, "%s", line);
        if (strncmp(line, "NOTE: ", 6) == 0) print_message("%s\n", line);
    }
    const int code = pclose(f);
    if (WIFEXITED(code) && WEXITSTATUS(code) == SKIPPED) support_skip(name, "%s", first);
    if (code != 0) print_error("%s failed (status %d): %s; repro: %s\n", name, code, first, command);
    assert_int_equal(code, 0);
}

/* A plug-in that is there but cannot be loaded is a failure, one that was not built is a skip. */
static void run_plugin(const char *name)
{
    whet_backends *b = NULL;
    char reason[300] = "the plug-in was not built";
    bool broken = false, found = false;
    assert_ok(whet_backends_create(&b));
    for (int i = 0; i < whet_backends_count(b); i++) {
        const whet_backend_entry *e = whet_backends_at(b, i);
        if (strcmp(e->name, name) != 0) continue;
        found = true;
        broken = e->table == NULL;
        if (broken) snprintf(reason, sizeof reason, "%s", e->reason);
    }
    whet_backends_free(b);
    if (!found) support_skip(name, "%s", reason);
    if (broken) print_error("%s: %s\n", name, reason);
    assert_false(broken);
    run_for(name);
}

static void test_native(void **state) { (void)state; run_for("native"); }
static void test_fake(void **state) { (void)state; run_for("fake"); }
static void test_ort(void **state) { (void)state; run_plugin("ort"); }
static void test_openvino(void **state) { (void)state; run_plugin("openvino"); }
static void test_litert(void **state) { (void)state; run_plugin("litert"); }
static void test_libtorch(void **state) { (void)state; run_plugin("libtorch"); }

static void test_tensorflow(void **state)
{
    (void)state;
    if (!support_required("tensorflow")) support_skip("tensorflow", "only where WHET_REQUIRE names it: it takes long to start");
    run_plugin("tensorflow");
}

/* Whatever else is found must conform too. */
static void test_others(void **state)
{
    static const char *const known[] = {"native", "ort", "openvino", "litert", "libtorch", "tensorflow"};
    whet_backends *b = NULL;
    (void)state;
    assert_ok(whet_backends_create(&b));
    for (int i = 0; i < whet_backends_count(b); i++) {
        const whet_backend_entry *e = whet_backends_at(b, i);
        bool done = strncmp(e->name, "fake", 4) == 0;
        for (size_t k = 0; k < WHET_COUNT(known); k++) done |= strcmp(e->name, known[k]) == 0;
        if (e->table != NULL && !done) run_for(e->name);
    }
    whet_backends_free(b);
}

int main(int argc, char **argv)
{
    setenv("WHET_PLUGINS", FAKE_PLUGINS, 1);
    program = argv[0];
    if (argc > 2 && strcmp(argv[1], "conform") == 0) return conform(argv[2]);
    if (argc > 4 && strcmp(argv[1], "damage") == 0) {
        alarm(LIMIT_SECONDS);
        return damage(argv[2], argv[3], atoi(argv[4]));
    }
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_native),  cmocka_unit_test(test_fake),     cmocka_unit_test(test_ort),
                                       cmocka_unit_test(test_openvino), cmocka_unit_test(test_litert),  cmocka_unit_test(test_libtorch),
                                       cmocka_unit_test(test_tensorflow), cmocka_unit_test(test_others)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
