/* SPDX-License-Identifier: Apache-2.0 */
/* The table of tuned products: measured, stored, read again, left aside when damaged; what it chooses gives the static
 * choice's answers, and the same bits on one thread and on two. */
#include <math.h>
#include <unistd.h>

#include "graphs.h"

#include "base/io.h"
#include "base/log.h"
#include "exec/exec_tune.h"
#include "wire/json.h"

static char path[300];

static whet_shape picture(void)
{
    return WHET_SHAPE(1, 64, 16, 16);
}

/* A convolution that a direct and a Winograd kernel can do, in the layout that the fast rows want. */
static whet_graph *build(void)
{
    whet_graph *g = NULL;
    whet_vid x = 0, w = 0, y = 0;
    const whet_shape xs = picture();
    const whet_dims d = whet_dims_of(&xs);
    const whet_shape ws = WHET_SHAPE(64, 64, 3, 3);
    const whet_attr to = whet_attr_string("to", "NHWC"), back = whet_attr_string("to", "NCHW");
    const int64_t pads[] = {1, 1, 1, 1};
    const whet_attr pad = whet_attr_ints("pads", 4, pads);
    whet_tensor data = filled(&ws, 3);
    assert_ok(whet_graph_create(&g, "tune"));
    assert_ok(whet_graph_input(g, "x", WHET_F32, &d, &x));
    assert_ok(whet_graph_const(g, NULL, &data, &w));
    whet_tensor_dispose(&data);
    assert_ok(whet_graph_op1(g, "whet.Reorder", WHET_IN(x), 1, &to, &x));
    g->values[x].layout = WHET_NHWC;
    assert_ok(whet_graph_op1(g, "Conv", WHET_IN(x, w), 1, &pad, &y));
    g->values[y].layout = WHET_NHWC;
    assert_ok(whet_graph_op1(g, "whet.Reorder", WHET_IN(y), 1, &back, &y));
    assert_ok(whet_graph_output(g, y));
    return g;
}

static void sum_of(bool measure, whet_tuning_summary *s)
{
    whet_exec_options o;
    whet_tuning *t = NULL;
    whet_graph *g = build();
    const whet_shape xs = picture();
    whet_exec_options_init(&o);
    assert_ok(whet_tuning_open(&t, path));
    assert_ok(whet_tuning_graph(t, g, &o, 1, &xs, measure));
    assert_ok(whet_tuning_save(t));
    whet_tuning_sum(t, s);
    whet_tuning_free(t);
    whet_graph_free(g);
}

static bool any_choice(void)
{
    whet_tuning_summary s;
    remove(path);
    sum_of(true, &s);
    return s.products > 0;
}

/* The other choice for every product, as if the measurement had come out the other way round. */
static int turn_round(void)
{
    json_t *doc = NULL, *o = NULL;
    size_t i = 0;
    int n = 0;
    assert_ok(whet_json_read(&doc, path));
    json_array_foreach(json_object_get(doc, "products"), i, o) {
        const char *first = whet_json_str(o, "first"), *rival = whet_json_str(o, "rival");
        if (rival[0] == '\0' || strcmp(whet_json_str(o, "row"), first) != 0) continue;
        json_t *row = json_string(rival);
        json_object_set_new(o, "rival", json_string(first));
        json_object_set_new(o, "row", row);
        json_object_set_new(o, "gain", json_real(1.25));
        n++;
    }
    assert_ok(whet_json_write(path, doc));
    json_decref(doc);
    return n;
}

static void round_trip(void **state)
{
    whet_tuning_summary first, again, turned;
    (void)state;
    remove(path);
    sum_of(true, &first);
    if (first.products == 0) {
        support_skip("avx2", "the CPU, or WHET_ISA, leaves one kernel at most to choose from");
    }
    assert_int_equal(first.measured, first.products);
    sum_of(true, &again); /* all is known: nothing is measured */
    assert_int_equal(again.measured, 0);
    assert_int_equal(again.products, first.products);
    assert_int_equal(again.changed, first.changed);
    assert_string_equal(again.hash, first.hash);
    if (turn_round() == 0) return; /* the measurement preferred the other one by itself */
    sum_of(false, &turned);
    assert_true(turned.changed > first.changed);
    assert_string_not_equal(turned.hash, first.hash);
}

static void run(const whet_tuning *tuning, int threads, whet_tensor *y, char **text)
{
    whet_exec_options o;
    whet_exec *e = NULL;
    whet_plan *p = NULL;
    whet_graph *g = build();
    const whet_shape xs = picture();
    whet_tensor x = filled(&xs, 9);
    whet_exec_options_init(&o);
    assert_ok(whet_team_create(&o.team, threads));
    o.tuning = tuning;
    whet_tensor_init(y);
    assert_ok(whet_exec_create(&e, g, &o));
    assert_ok(whet_exec_run(e, 1, &x, 1, y));
    assert_ok(whet_exec_plan(e, 1, &xs, &p));
    assert_ok(whet_plan_describe(p, text));
    whet_exec_free(e);
    whet_team_free(o.team);
    whet_tensor_dispose(&x);
    whet_graph_free(g);
}

/* Some choice is told with how much it gained; by how much depends on the machine and the build. */
static bool says_gain(const char *text)
{
    for (const char *at = strstr(text, "tuned: "); at != NULL; at = strstr(at + 1, "tuned: "))
        if (at[7] >= '0' && at[7] <= '9') return true;
    return false;
}

static void answers_and_bits(void **state)
{
    whet_exec_options o;
    whet_tuning *t = NULL;
    whet_graph *g = NULL;
    const whet_shape xs = picture();
    whet_tensor plain, one, two;
    char *text[3] = {NULL};
    (void)state;
    if (!any_choice()) {
        support_skip("avx2", "the CPU, or WHET_ISA, leaves one kernel at most to choose from");
    }
    turn_round();
    whet_exec_options_init(&o);
    g = build();
    assert_ok(whet_tuning_open(&t, path));
    assert_ok(whet_tuning_graph(t, g, &o, 1, &xs, false));
    run(NULL, 1, &plain, &text[0]);
    run(t, 1, &one, &text[1]);
    run(t, 2, &two, &text[2]);
    assert_null(strstr(text[0], "tuned"));
    assert_non_null(strstr(text[0], "first that accepts"));
    assert_true(says_gain(text[1]));
    assert_memory_equal(one.data, two.data, whet_tensor_bytes(&one));
    for (int64_t i = 0; i < whet_tensor_numel(&plain); i++) {
        const float a = ((const float *)plain.data)[i], b = ((const float *)one.data)[i];
        if (fabsf(a - b) <= 1e-3f * (1 + fabsf(a))) continue;
        print_error("element %lld: %g by the static choice, %g tuned\n", (long long)i, (double)a, (double)b);
        fail();
    }
    for (int i = 0; i < 3; i++) whet_free(text[i]);
    whet_tensor_dispose(&plain);
    whet_tensor_dispose(&one);
    whet_tensor_dispose(&two);
    whet_tuning_free(t);
    whet_graph_free(g);
}

static void count_warning(void *arg, whet_log_level level, const char *text)
{
    (void)text;
    *(int *)arg += level == WHET_LOG_WARN;
}

static void damaged_is_left(void **state)
{
    static const char *const wrong[] = {
        "", "{", "[1]", "{\"format\": 1, \"version\": \"0\", \"cpu\": \"none\", \"products\": []}",
        "{\"format\": 99}", "{\"format\": 1, \"version\": \"" WHET_VERSION "\", \"cpu\": \"another one\", \"products\": []}"};
    (void)state;
    for (size_t i = 0; i < WHET_COUNT(wrong); i++) {
        whet_tuning_summary s;
        whet_tuning *t = NULL;
        int warnings = 0;
        whet_log_set(count_warning, &warnings);
        assert_ok(whet_file_write(path, wrong[i], strlen(wrong[i])));
        assert_ok(whet_tuning_open(&t, path));
        whet_log_set(NULL, NULL);
        if (warnings != 1) print_error("'%s': %d warnings, not 1\n", wrong[i], warnings);
        assert_int_equal(warnings, 1);
        whet_tuning_free(t);
        sum_of(false, &s);
        assert_int_equal(s.products, 0);
    }
}

/* One broken entry spoils the file: nothing of it is used. */
static void broken_entry(void **state)
{
    whet_tuning_summary s;
    json_t *doc = NULL;
    (void)state;
    if (!any_choice()) {
        support_skip("avx2", "the CPU, or WHET_ISA, leaves one kernel at most to choose from");
    }
    assert_ok(whet_json_read(&doc, path));
    json_array_append_new(json_object_get(doc, "products"), json_pack("{s:s, s:i}", "key", "Conv", "row", 3));
    assert_ok(whet_json_write(path, doc));
    json_decref(doc);
    sum_of(false, &s);
    assert_int_equal(s.products, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(round_trip), cmocka_unit_test(answers_and_bits),
                                       cmocka_unit_test(damaged_is_left), cmocka_unit_test(broken_entry)};
    snprintf(path, sizeof path, WHET_BINARY_DIR "/tune-%ld.json", (long)getpid());
    const int failed = cmocka_run_group_tests_name("tune", tests, NULL, NULL);
    remove(path);
    return failed;
}
