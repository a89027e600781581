/* SPDX-License-Identifier: Apache-2.0 */
/* The conformance suite: every backend found must behave as include/whet/sys/backend.h says. Each is tested in a process of
 * its own (this program run again with its name), so that no two vendors' libraries meet. ONNX backends compute
 * y = max(0, x W + b) from a file made here; the fake one y = 2 x + 1. */
#include <errno.h>
#include <math.h>
#include <sys/wait.h>

#include "backend/backend.h"
#include "formats/onnx/onnx.h"
#include "ir/graph.h"
#include "support.h"

enum { IN = 8, OUT = 4, SKIPPED = 77 };

#define CHECK(condition)                                                                                              \
    do {                                                                                                              \
        if (!(condition)) {                                                                                           \
            fprintf(stderr, "%s:%d: %s is false (%s); repro: %s conform %s\n", __FILE__, __LINE__, #condition,        \
                    whet_error_message(), program, t->name);                                                          \
            exit(1);                                                                                                  \
        }                                                                                                             \
    } while (0)

static const char *program;
static const whet_backend *t;
static char dir[256];

static float weight(int i, int o) { return (float)((i * 7 + o * 3) % 11 - 5) / 8; }

static int is_fake(void) { return strcmp(t->name, "fake") == 0; }

static whet_status make_onnx(const char *path)
{
    whet_graph *g = NULL;
    whet_tensor w, b;
    whet_vid x = 0, vw = 0, vb = 0, v = 0;
    whet_dims dims = {.rank = 2};
    whet_tensor_init(&w);
    whet_tensor_init(&b);
    WHET_TRY(whet_graph_create(&g, "conformance"));
    dims.dims[0] = whet_graph_symbol(g, "N");
    dims.dims[1] = IN;
    const whet_shape sw = WHET_SHAPE(IN, OUT), sb = WHET_SHAPE(OUT);
    WHET_TRY(whet_tensor_alloc(&w, WHET_F32, &sw));
    WHET_TRY(whet_tensor_alloc(&b, WHET_F32, &sb));
    for (int i = 0; i < IN; i++)
        for (int o = 0; o < OUT; o++) ((float *)w.data)[i * OUT + o] = weight(i, o);
    for (int o = 0; o < OUT; o++) ((float *)b.data)[o] = 0.5f * (float)o - 0.5f;
    WHET_TRY(whet_graph_input(g, "x", WHET_F32, &dims, &x));
    WHET_TRY(whet_graph_const(g, "w", &w, &vw));
    WHET_TRY(whet_graph_const(g, "b", &b, &vb));
    WHET_TRY(whet_graph_op1(g, "MatMul", WHET_IN(x, vw), WHET_NO_ATTRS, &v));
    WHET_TRY(whet_graph_op1(g, "Add", WHET_IN(v, vb), WHET_NO_ATTRS, &v));
    WHET_TRY(whet_graph_op1(g, "Relu", WHET_IN(v), WHET_NO_ATTRS, &v));
    WHET_TRY(whet_graph_output(g, v));
    const whet_status status = whet_onnx_write(g, path, NULL);
    whet_graph_free(g);
    whet_tensor_dispose(&w);
    whet_tensor_dispose(&b);
    return status;
}

static void make_model(char *path, size_t size)
{
    snprintf(path, size, "%s/%s.%s", dir, t->name, is_fake() ? "fake" : "onnx");
    CHECK((is_fake() ? whet_file_write(path, "fake\ngood\n", 10) : make_onnx(path)) == WHET_OK);
}

static whet_backend_model *open_model(const char *path, const char *threads)
{
    whet_backend_model *m = NULL;
    const whet_backend_setting s[] = {{"threads", threads}};
    CHECK(t->open(&m, path, s, 1) == WHET_OK);
    CHECK(m != NULL);
    return m;
}

static whet_backend_stream *stream_for(whet_backend_model *m, int batch)
{
    whet_backend_stream *s = NULL;
    const int64_t dims[] = {batch, IN};
    CHECK(t->set_shape != NULL && t->set_shape(m, 0, 2, dims) == WHET_OK);
    CHECK(t->stream_create(m, &s) == WHET_OK && s != NULL);
    return s;
}

static void feed_and_check(whet_backend_stream *s, int batch, int seed)
{
    void *data = NULL;
    size_t bytes = 0;
    whet_backend_io io;
    CHECK(t->io_map(s, 0, 0, &data, &bytes, &io) == WHET_OK);
    CHECK(bytes == (size_t)(batch * IN) * sizeof(float) && io.dtype == 1 && io.rank == 2 && io.dims[0] == batch);
    for (int i = 0; i < batch * IN; i++) ((float *)data)[i] = (float)((i * 13 + seed * 5) % 17 - 8) / 4;
    float x[64];
    memcpy(x, data, bytes);
    CHECK(t->io_unmap(s, 0, 0) == WHET_OK);
    CHECK(t->run(s) == WHET_OK);
    CHECK(t->io_map(s, 1, 0, &data, &bytes, &io) == WHET_OK);
    const int width = is_fake() ? IN : OUT;
    CHECK(bytes == (size_t)(batch * width) * sizeof(float) && io.rank == 2 && io.dims[1] == width);
    for (int n = 0; n < batch; n++)
        for (int o = 0; o < width; o++) {
            double want = is_fake() ? 2 * x[n * IN + o] + 1 : 0.5 * o - 0.5;
            for (int i = 0; i < IN && !is_fake(); i++) want += (double)x[n * IN + i] * weight(i, o);
            if (!is_fake() && want < 0) want = 0;
            CHECK(fabs(((const float *)data)[n * width + o] - want) <= 1e-5);
        }
    CHECK(t->io_unmap(s, 1, 0) == WHET_OK);
}

static void check_shapes(const char *path)
{
    whet_backend_model *m = open_model(path, "1");
    whet_backend_io io;
    CHECK(t->io_info(m, 0, 0, &io) == WHET_OK && io.name != NULL && io.name[0] != '\0');
    CHECK(io.dtype == 1 && io.rank == 2 && io.dims[0] == -1 && io.dims[1] == IN);
    CHECK(t->io_info(m, 1, 0, &io) == WHET_OK && io.rank == 2);
    CHECK(t->io_info(m, 0, 1, &io) == WHET_ENOTFOUND && t->io_info(m, 1, 9, &io) == WHET_ENOTFOUND && t->io_info(m, 0, -1, &io) == WHET_ENOTFOUND);
    const int64_t wrong[] = {1, IN, 3};
    whet_error_clear();
    CHECK(t->set_shape(m, 0, 3, wrong) == WHET_ESHAPE);
    CHECK(whet_error_last()->text[0] != '\0');
    CHECK(t->set_shape(m, 5, 2, wrong) != WHET_OK);
    t->close(m);
    t->close(NULL);
}

static void check_runs(const char *path)
{
    whet_backend_model *a = open_model(path, "1"), *b = open_model(path, "2"); /* two instances side by side */
    whet_backend_stream *sa = stream_for(a, 1), *sb = stream_for(b, is_fake() ? 1 : 3), *sa2 = NULL;
    for (int i = 0; i < 3; i++) {
        feed_and_check(sa, 1, i);
        feed_and_check(sb, is_fake() ? 1 : 3, i + 7);
    }
    CHECK(t->stream_create(a, &sa2) == WHET_OK); /* a second stream of the first */
    feed_and_check(sa2, 1, 11);
    feed_and_check(sa, 1, 12);
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

static void check_settings(const char *path)
{
    char *json = NULL;
    whet_backend_model *m = NULL;
    CHECK(t->caps(&json) == WHET_OK && json[0] == '{');
    whet_free(json);
    m = open_model(path, "2");
    if (t->query != NULL && t->query(m, "threads", &json) == WHET_OK) { /* the thread count is honoured */
        CHECK(strstr(json, "\"intra_op\":2") != NULL);
        whet_free(json);
    }
    CHECK(t->query == NULL || t->query(m, "no such key", &json) == WHET_EUNSUPPORTED);
    t->close(m);
    if (is_fake()) return;
    static const whet_backend_setting bad[] = {{"threads", "0"}, {"optimisation", "most"}, {"nonsense", "1"}, {"precision", "int3"}};
    for (size_t i = 0; i < WHET_COUNT(bad); i++) {
        whet_error_clear();
        CHECK(t->open(&m, path, &bad[i], 1) != WHET_OK && m == NULL);
        CHECK(whet_error_last()->text[0] != '\0');
    }
    static const char *const levels[] = {"off", "basic", "all"};
    for (size_t i = 0; i < WHET_COUNT(levels); i++) {
        const whet_backend_setting s = {"optimisation", levels[i]};
        CHECK(t->open(&m, path, &s, 1) == WHET_OK);
        whet_backend_stream *stream = stream_for(m, 2);
        feed_and_check(stream, 2, 3);
        t->stream_free(stream);
        t->close(m);
    }
}

static void check_tap(const char *path)
{
    static const char *const wrong[] = {"no such tensor"};
    whet_backend_model *m = open_model(path, "1");
    if (t->tap != NULL) CHECK(t->tap(m, wrong, 1) == WHET_ENOTFOUND);
    t->close(m);
}

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
        whet_backend_model *m = open_model(path, "1");
        whet_backend_stream *s = stream_for(m, 1);
        feed_and_check(s, 1, i);
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

/* Damaged files: an error with a reason, and no crash (which would end this process). */
static void check_damage(const char *path)
{
    uint8_t *data = NULL;
    size_t size = 0;
    char bad[300];
    whet_backend_model *m = NULL;
    snprintf(bad, sizeof bad, "%s/bad", dir);
    CHECK(whet_file_read(&data, &size, path, 1 << 20) == WHET_OK);
    for (size_t cut = 0; cut < 4; cut++) {
        CHECK(whet_file_write(bad, data, cut) == WHET_OK);
        whet_error_clear();
        CHECK(t->open(&m, bad, NULL, 0) != WHET_OK && m == NULL);
        CHECK(whet_error_last()->text[0] != '\0');
    }
    memset(data, 0xff, size);
    CHECK(whet_file_write(bad, data, size) == WHET_OK);
    CHECK(t->open(&m, bad, NULL, 0) != WHET_OK && m == NULL);
    CHECK(t->open(&m, "/nonexistent/model", NULL, 0) != WHET_OK && m == NULL);
    whet_free(data);
}

static int conform(const char *name)
{
    whet_backends *b = NULL;
    char version[64], reason[512] = "", path[300];
    if (whet_backends_create(&b) != WHET_OK || whet_backends_find(b, name, &t) != WHET_OK) return 1;
    if (t->version(version, sizeof version) != WHET_OK || t->available(reason, sizeof reason) != WHET_OK) {
        printf("%s\n", reason[0] != '\0' ? reason : whet_error_message());
        return SKIPPED;
    }
    char *scratch = support_tmpdir();
    snprintf(dir, sizeof dir, "%s", scratch);
    make_model(path, sizeof path);
    check_shapes(path);
    check_runs(path);
    check_settings(path);
    check_tap(path);
    check_frees(path);
    check_damage(path);
    support_rmtree(scratch);
    whet_backends_free(b);
    return 0;
}

static void run_for(const char *name)
{
    char command[600], line[300] = "";
    snprintf(command, sizeof command, "'%s' conform %s", program, name);
    FILE *f = popen(command, "r");
    assert_non_null(f);
    if (fgets(line, sizeof line, f) == NULL) line[0] = '\0';
    const int code = pclose(f);
    line[strcspn(line, "\n")] = '\0';
    if (WIFEXITED(code) && WEXITSTATUS(code) == SKIPPED) support_skip(name, "%s", line);
    if (code != 0) print_error("%s failed (status %d); repro: %s\n", name, code, command);
    assert_int_equal(code, 0);
}

static void test_native(void **state) { (void)state; run_for("native"); }
static void test_fake(void **state) { (void)state; run_for("fake"); }
static void test_ort(void **state) { (void)state; run_for("ort"); }

/* Whatever else is found must conform too. */
static void test_others(void **state)
{
    whet_backends *b = NULL;
    (void)state;
    assert_ok(whet_backends_create(&b));
    for (int i = 0; i < whet_backends_count(b); i++) {
        const whet_backend_entry *e = whet_backends_at(b, i);
        const int known = strcmp(e->name, "native") == 0 || strncmp(e->name, "fake", 4) == 0 || strcmp(e->name, "ort") == 0;
        if (e->table != NULL && !known) run_for(e->name);
    }
    whet_backends_free(b);
}

int main(int argc, char **argv)
{
    setenv("WHET_PLUGINS", FAKE_PLUGINS, 1);
    program = argv[0];
    if (argc > 2 && strcmp(argv[1], "conform") == 0) return conform(argv[2]);
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_native), cmocka_unit_test(test_fake), cmocka_unit_test(test_ort),
                                       cmocka_unit_test(test_others)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
