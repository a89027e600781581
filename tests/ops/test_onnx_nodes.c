/* SPDX-License-Identifier: Apache-2.0 */
/* The ONNX project's own operator tests: each folder's model is read and run, and its outputs compared at rtol 1e-3,
 * atol 1e-7, types and shapes exactly. A test passes, or is refused with EUNSUPPORTED and a place; anything else - wrong
 * numbers, another error, a crash, a hang - fails. Each runs in a child process with a time limit.
 *
 * A model whose shapes depend on the contents of its inputs (Reshape's shape, reduction axes, ...) is run a second way:
 * with its inputs of rank 0 and 1 made constants, as they are in models that networks are exported to.
 *
 *   test_onnx_nodes [FOLDER...]     runs single tests and prints their verdicts */
#include <dirent.h>
#include <math.h>
#include <signal.h>
#include <sys/wait.h>

#include "support.h"

#include "exec/exec.h"
#include "formats/onnx/onnx.h"
#include "passes/passes.h"

#define MAX_ARGS 64
#define SECONDS 20
#define TIER1_FLOOR 640

enum { PASS = 'p', REFUSED = 'r', FAILED = 'f' };

typedef struct verdict {
    char what, text[500];
} verdict;

typedef struct tensors {
    int n;
    whet_tensor t[MAX_ARGS];
} tensors;

static void verdict_set(verdict *v, char what, const char *text)
{
    v->what = what;
    snprintf(v->text, sizeof v->text, "%s", text);
}

/* EUNSUPPORTED that says where and why is a refusal; every other error is a failure. */
static void verdict_error(verdict *v, whet_status s, const char *step)
{
    char text[480];
    const whet_error *e = whet_error_last();
    const bool named = e->text[0] != '\0' && (e->node[0] != '\0' || strstr(e->text, "type") != NULL || strstr(e->text, "operator") != NULL);
    snprintf(text, sizeof text, "%s: %s: %s", step, whet_status_name(s), whet_error_message());
    verdict_set(v, s == WHET_EUNSUPPORTED && named ? REFUSED : FAILED, text);
}

static whet_status read_tensors(const char *dir, const char *stem, tensors *out)
{
    out->n = 0;
    for (int i = 0; i < MAX_ARGS; i++) {
        char path[1200];
        snprintf(path, sizeof path, "%s/test_data_set_0/%s_%d.pb", dir, stem, i);
        if (!whet_file_exists(path)) return WHET_OK;
        whet_tensor_init(&out->t[i]);
        WHET_TRY(whet_onnx_read_tensor(&out->t[i], path, NULL));
        out->n++;
    }
    return WHET_OK;
}

static bool close_enough(const whet_tensor *a, const whet_tensor *b, char *text, size_t size)
{
    char sa[100], sb[100];
    if (a->dtype != b->dtype || !whet_shape_equal(&a->shape, &b->shape)) {
        snprintf(text, size, "got %s %s, wanted %s %s", whet_dtype_name(a->dtype), whet_shape_text(&a->shape, sa, sizeof sa),
                 whet_dtype_name(b->dtype), whet_shape_text(&b->shape, sb, sizeof sb));
        return false;
    }
    for (int64_t i = 0; i < whet_tensor_numel(b); i++) {
        const double x = whet_tensor_get_f64(a, i), y = whet_tensor_get_f64(b, i);
        if ((isnan(x) && isnan(y)) || x == y || fabs(x - y) <= 1e-7 + 1e-3 * fabs(y)) continue;
        snprintf(text, size, "element %lld is %.9g, wanted %.9g", (long long)i, x, y);
        return false;
    }
    return true;
}

/* Inputs of rank 0 and 1 become constants. */
static whet_status specialise(whet_graph *g, const tensors *in)
{
    for (int i = 0; i < in->n && i < g->n_inputs; i++) {
        whet_vid c = WHET_NO_VALUE;
        if (in->t[i].shape.rank > 1) continue;
        WHET_TRY(whet_graph_const(g, NULL, &in->t[i], &c));
        whet_graph_replace_uses(g, g->inputs[i], c);
    }
    return whet_graph_infer(g);
}

/* Concrete shapes make more of a graph constant (shapes computed from shapes). */
static whet_status fold(whet_graph *g, const whet_exec_options *opt)
{
    whet_pass_context c = {.g = g};
    (void)opt;
    return whet_pass_fold_constants(&c);
}

static whet_status run_graph(const whet_graph *g, const tensors *in, tensors *out)
{
    whet_exec *e = NULL;
    whet_exec_options opt;
    whet_exec_options_init(&opt);
    opt.lower = fold;
    whet_status status = whet_exec_create(&e, g, &opt);
    out->n = g->n_outputs;
    for (int i = 0; i < out->n; i++) whet_tensor_init(&out->t[i]);
    if (status == WHET_OK) status = whet_exec_run(e, in->n, in->t, out->n, out->t);
    whet_exec_free(e);
    return status;
}

static void judge(const char *dir, verdict *v)
{
    static tensors in, want, got;
    char path[1200], text[400];
    whet_graph *g = NULL;
    whet_status status = WHET_OK;
    snprintf(path, sizeof path, "%s/model.onnx", dir);
    status = whet_onnx_read(&g, path, NULL);
    if (status != WHET_OK) { verdict_error(v, status, "reading the model"); return; }
    status = read_tensors(dir, "input", &in);
    if (status == WHET_OK) status = read_tensors(dir, "output", &want);
    if (status != WHET_OK) { verdict_error(v, status, "reading a tensor"); return; }
    status = run_graph(g, &in, &got);
    if (status == WHET_EUNSUPPORTED) {
        status = specialise(g, &in);
        if (status == WHET_OK) status = run_graph(g, &in, &got);
    }
    if (status != WHET_OK) { verdict_error(v, status, "running"); return; }
    verdict_set(v, PASS, "");
    if (got.n != want.n) verdict_set(v, FAILED, "another number of outputs");
    for (int i = 0; i < want.n && v->what == PASS; i++)
        if (!close_enough(&got.t[i], &want.t[i], text, sizeof text)) verdict_set(v, FAILED, text);
}

static void run_child(const char *dir, verdict *v)
{
    int fd[2], state = 0;
    verdict_set(v, FAILED, "no verdict");
    fflush(stdout);
    assert_int_equal(pipe(fd), 0);
    const pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        verdict mine;
        alarm(SECONDS);
        judge(dir, &mine);
        _exit(write(fd[1], &mine, sizeof mine) == (ssize_t)sizeof mine ? 0 : 1);
    }
    close(fd[1]);
    const bool told = read(fd[0], v, sizeof *v) == (ssize_t)sizeof *v;
    close(fd[0]);
    waitpid(pid, &state, 0);
    if (told) return;
    verdict_set(v, FAILED, WIFSIGNALED(state) && WTERMSIG(state) == SIGALRM ? "hangs" : "crashes");
}

static void unpack(const char *archive, const char *dir)
{
    char mark[1100];
    int state = 0;
    snprintf(mark, sizeof mark, "%s/unpacked", dir);
    if (whet_file_exists(mark)) return;
    assert_ok(whet_mkdirs(dir));
    const pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        execlp("tar", "tar", "-xJf", archive, "-C", dir, (char *)NULL);
        _exit(127);
    }
    waitpid(pid, &state, 0);
    if (!WIFEXITED(state) || WEXITSTATUS(state) != 0) {
        print_error("tar could not unpack %s\n", archive);
        fail();
    }
    assert_ok(whet_file_write(mark, "", 0));
}

static bool listed(const char *list, const char *name)
{
    const size_t n = strlen(name);
    for (const char *p = strstr(list, name); p != NULL; p = strstr(p + 1, name))
        if ((p == list || p[-1] == '\n') && (p[n] == '\n' || p[n] == '\0' || p[n] == ' ' || p[n] == '\t')) return true;
    return false;
}

static char *read_list(const char *name)
{
    uint8_t *text = NULL;
    size_t size = 0;
    support_shared(path, name);
    assert_ok(whet_file_read(&text, &size, path, 1 << 20));
    return (char *)text;
}

static int only_tests(const struct dirent *e) { return strncmp(e->d_name, "test_", 5) == 0; }

static void node_tests(void **arg)
{
    struct dirent **names = NULL;
    char root[1024], dir[1400];
    int passed[3] = {0}, refused[3] = {0}, failed = 0;
    (void)arg;
    support_shared(archive, "onnx-node-tests/node-1.23.0.tar.xz");
    char *tier1 = read_list("onnx-node-tests/tier1.txt"), *tier2 = read_list("onnx-node-tests/tier2.txt");
    snprintf(root, sizeof root, "%s/onnx-nodes", WHET_BINARY_DIR);
    unpack(archive, root);
    snprintf(root, sizeof root, "%s/onnx-nodes/node", WHET_BINARY_DIR);
    FILE *log = fopen(WHET_BINARY_DIR "/onnx-nodes/verdicts.txt", "w");
    const int n = scandir(root, &names, only_tests, alphasort);
    assert_true(n > 0 && log != NULL);
    for (int i = 0; i < n; i++) {
        verdict v;
        const char *name = names[i]->d_name;
        const int tier = listed(tier1, name) ? 0 : listed(tier2, name) ? 1 : 2;
        snprintf(dir, sizeof dir, "%s/%s", root, name);
        run_child(dir, &v);
        fprintf(log, "%c %d %s %s\n", v.what, tier + 1, name, v.text);
        if (v.what == PASS) passed[tier]++;
        if (v.what == REFUSED) refused[tier]++;
        if (v.what == FAILED) {
            failed++;
            print_error("FAIL %s: %s\n  repeat: %s %s\n", name, v.text, "tests/test_onnx_nodes", dir);
        }
        free(names[i]);
    }
    free(names);
    fclose(log);
    printf("onnx node tests: %d in all; passed: tier 1 %d, tier 2 %d, others %d; refused: %d, %d, %d; failed: %d\n", n, passed[0],
           passed[1], passed[2], refused[0], refused[1], refused[2], failed);
    printf("%d passed, %d failed\n", passed[0] + passed[1] + passed[2], failed);
    whet_free(tier1);
    whet_free(tier2);
    assert_int_equal(failed, 0);
    assert_true(passed[0] >= TIER1_FLOOR);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(node_tests)};
    for (int i = 1; i < argc; i++) {
        verdict v;
        judge(argv[i], &v);
        printf("%s: %s %s\n", argv[i], v.what == PASS ? "passes" : v.what == REFUSED ? "is refused:" : "FAILS:", v.text);
    }
    return argc > 1 ? 0 : cmocka_run_group_tests_name("nodes", tests, NULL, NULL);
}
