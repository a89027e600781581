// SPDX-License-Identifier: Apache-2.0
// Goals and the Pareto front: reading them, judging rows by the unfavourable end of an interval, and who is named where rows
// cannot be told apart.
#include "support.h"

#include <math.h>

#include "report/goal.h"
#include "report/report.h"
#include "report/report_columns.h"

static void goals_are_read(void **state)
{
    (void)state;
    whet_goal g;
    assert_ok(whet_goal_parse(&g, "accuracy drop <= 1pt, p95 <= 30 ms, size<=10MB , minimise energy"));
    assert_int_equal(g.n, 4);
    assert_string_equal(g.term[0].figure->names[0], "accuracy drop");
    assert_true(fabs(g.term[0].bound - 0.01) < 1e-12);
    assert_string_equal(g.term[1].figure->path, "latency.p95");
    assert_true(fabs(g.term[1].bound - 30) < 1e-9);
    assert_true(fabs(g.term[2].bound - 10e6) < 1e-3);
    assert_int_equal(g.term[3].kind, WHET_GOAL_OBJECTIVE);
    assert_string_equal(g.term[3].figure->path, "j_per_img");
    static const struct { const char *text, *path; double bound; } good[] = {
        {"p50 < 0.5 s", "latency.p50", 500}, {"latency ≤ 250 us", "latency.p50", 0.25}, {"size <= 2 MiB", "size_bytes", 2097152}, {"memory <= 64 mb", "memory.delta_bytes", 64e6}, {"peak memory <= 64 mb", "memory.peak_bytes", 64e6},
        {"accuracy >= 90 %", "accuracy.value", 0.9}, {"accuracy >= 0.9", "accuracy.value", 0.9}, {"throughput >= 30", "img_per_s", 30}, {"fps >= 30 fps", "img_per_s", 30},
        {"energy <= 12 mJ", "j_per_img", 0.012}, {"params <= 5 M", "params", 5e6}, {"accuracy drop <= 1 %", "accuracy.delta", 0.01}, {"MACs<=300M", "macs", 300e6}};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        if (whet_goal_parse(&g, good[i].text) != WHET_OK) print_error("'%s': %s\n", good[i].text, whet_error_message());
        assert_ok(whet_goal_parse(&g, good[i].text));
        assert_string_equal(g.term[0].figure->path, good[i].path);
        assert_true(fabs(g.term[0].bound - good[i].bound) <= 1e-9 * good[i].bound);
    }
    assert_ok(whet_goal_parse(&g, "accuracy drop <= 1 %"));
    assert_string_equal(g.term[0].figure->units, "percent"); // of the original's accuracy
}

static void wrong_goals_are_named(void **state)
{
    (void)state;
    static const struct { const char *text, *says; } bad[] = {
        {"", "names nothing"}, {" , ;", "names nothing"}, {"p59 <= 3 ms", "did you mean 'p50'"}, {"wetness <= 3", "there are: accuracy drop"}, {"p95 <= 30 MB", "'MB' is no unit of 'p95'"},
        {"p95 <= 30", "needs a unit"}, {"p95 <= fast", "is no number"}, {"p95 <= inf ms", "is no number"}, {"p95 >= 30 ms", "less of 'p95' is better"},
        {"accuracy <= 90 %", "write 'accuracy >= 90 %'"}, {"accuracy >= 90", "write 'accuracy >= 90 %'"}, {"p95 = 30 ms", "'=' is no limit"}, {"faster", "neither a limit"},
        {"maximise p95", "write 'minimise p95'"}, {"minimise accuracy", "write 'maximise accuracy'"}, {"minimise", "neither a limit"}, {"minimise luck", "unknown figure 'luck'"}};
    whet_goal g;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        const whet_status status = whet_goal_parse(&g, bad[i].text);
        if (status != WHET_EINVAL || strstr(whet_error_message(), bad[i].says) == NULL) print_error("'%s' gives: %s\n", bad[i].text, whet_error_message());
        assert_status(status, WHET_EINVAL);
        assert_contains(whet_error_message(), bad[i].says);
    }
    char many[2100];
    memset(many, ' ', sizeof many - 1);
    many[sizeof many - 1] = '\0';
    assert_status(whet_goal_parse(&g, many), WHET_EINVAL);
    many[0] = '\0';
    for (int i = 0; i <= WHET_GOAL_MAX; i++) strcat(many, "p50 <= 1 ms,");
    assert_status(whet_goal_parse(&g, many), WHET_EINVAL);
    assert_contains(whet_error_message(), "more than");
}

// --- a document of rows; half is half of the median's interval

static json_t *row(const char *id, const char *runtime, const char *precision, double p50, double half, double accuracy, double size)
{
    json_t *r = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:f}", "id", id, "model", "net", "runtime", runtime, "runtime_title", runtime, "precision", precision, "status", "ok", "verdict", "ok",
                          "size_bytes", size);
    json_object_set_new(r, "latency", json_pack("{s:f, s:f, s:f, s:f, s:f, s:f}", "p50", p50, "p50_low", p50 - half, "p50_high", p50 + half, "p95", p50 * 1.2, "p95_low", p50 * 1.2 - half, "p95_high",
                                                p50 * 1.2 + half));
    if (isfinite(accuracy)) json_object_set_new(r, "accuracy", json_pack("{s:f, s:f, s:f, s:n}", "value", accuracy, "low", accuracy - 0.001, "high", accuracy + 0.001, "delta"));
    return r;
}

static json_t *document(json_t *rows)
{
    return json_pack("{s:s, s:o, s:[], s:{s:{s:s}}}", "kind", "bench", "rows", rows, "comparisons", "context", "machine", "cpu", "one");
}

static json_t *answer_to(const json_t *doc, const char *goal)
{
    whet_goal g;
    if (goal != NULL) assert_ok(whet_goal_parse(&g, goal));
    json_t *list = whet_report_answer(doc, goal != NULL ? &g : NULL);
    assert_int_equal(json_array_size(list), 1);
    json_t *a = json_incref(json_array_get(list, 0));
    json_decref(list);
    return a;
}

static long long number(const json_t *a, const char *key)
{
    const json_t *v = json_object_get(a, key);
    return json_is_integer(v) ? json_integer_value(v) : -1;
}

static void limits_are_met_by_the_unfavourable_end(void **state)
{
    (void)state;
    whet_goal g;
    json_t *doc = document(json_pack("[o, o, o]", row("a", "ort", "f32", 9.0, 0.5, 0.9, 1e6), row("b", "openvino", "f32", 9.8, 0.5, 0.9, 1e6), row("c", "litert", "f32", 10.9, 0.5, 0.9, 1e6)));
    assert_ok(whet_goal_parse(&g, "p50 <= 10 ms"));
    const json_t *rows = json_object_get(doc, "rows");
    assert_int_equal(report_goal_judge(&g.term[0], doc, json_array_get(rows, 0)), WHET_GOAL_MET);
    assert_int_equal(report_goal_judge(&g.term[0], doc, json_array_get(rows, 1)), WHET_GOAL_UNSURE); // 9.3 to 10.3
    assert_int_equal(report_goal_judge(&g.term[0], doc, json_array_get(rows, 2)), WHET_GOAL_MISSED);
    assert_ok(whet_goal_parse(&g, "energy <= 1 J"));
    assert_int_equal(report_goal_judge(&g.term[0], doc, json_array_get(rows, 0)), WHET_GOAL_UNKNOWN);
    json_t *a = answer_to(doc, "p50 <= 10 ms, minimise size");
    assert_int_equal(number(a, "best"), 0);
    assert_int_equal(number(a, "runner_up"), -1); // unsure does not count
    assert_contains(report_str(a, "text"), "no other row meets it");
    json_decref(a);
    json_decref(doc);
}

// A row that is chosen although its timing is not to be quoted is not named without that.
static void flags_stand_in_the_sentence(void **state)
{
    (void)state;
    json_t *doc = document(json_pack("[o, o]", row("a", "ort", "f32", 4.0, 0.1, 0.9, 1e6), row("b", "openvino", "f32", 9.0, 0.1, 0.9, 1e6))), *rows = json_object_get(doc, "rows");
    json_object_set_new(json_array_get(rows, 0), "verdict", json_string("UNSTABLE"));
    json_object_set_new(json_array_get(rows, 0), "verdict_reasons", json_pack("[s]", "the interval is wide"));
    json_object_set_new(json_array_get(rows, 1), "thread_check", json_pack("{s:b}", "ok", 0));
    json_t *a = answer_to(doc, "p50 <= 10 ms, minimise p50");
    assert_int_equal(number(a, "best"), 0);
    assert_contains(report_str(a, "text"), "ort meets the goal: p50 4.00 ms (UNSTABLE: the interval is wide); runner-up: openvino with p50 9.00 ms (more threads than allowed)");
    json_decref(a);
    a = answer_to(doc, "p50 <= 1 ms");
    assert_contains(report_str(a, "text"), "the nearest is ort (UNSTABLE) with 4.00 ms");
    json_decref(a);
    json_decref(doc);
}

static void drops_are_taken_from_the_f32_row(void **state)
{
    (void)state;
    json_t *doc = document(json_pack("[o, o, o]", row("a", "ort", "f32", 9, 0.1, 0.90, 4e6), row("b", "ort", "int8", 4, 0.1, 0.895, 1e6), row("c", "ort", "f16", 8, 0.1, 0.85, 2e6)));
    json_t *a = answer_to(doc, "accuracy drop <= 1pt, minimise p50");
    assert_int_equal(number(a, "best"), 1);
    assert_int_equal(number(a, "runner_up"), 0);
    assert_contains(report_str(a, "text"), "accuracy drop 0.50 pt");
    json_decref(a);
    // a stored paired difference is believed
    json_object_set_new(json_object_get(json_array_get(json_object_get(doc, "rows"), 1), "accuracy"), "delta", json_real(-0.02));
    a = answer_to(doc, "accuracy drop <= 1pt, minimise p50");
    assert_int_equal(number(a, "best"), 0);
    json_decref(a);
    json_decref(doc);
}

static void what_nothing_meets_is_named(void **state)
{
    (void)state;
    json_t *doc = document(json_pack("[o, o]", row("a", "ort", "f32", 9, 0.1, 0.9, 4e6), row("b", "openvino", "int8", 4, 0.1, 0.8, 1e6)));
    json_t *a = answer_to(doc, "p50 <= 2 ms, size <= 2 MB");
    assert_int_equal(number(a, "best"), -1);
    assert_contains(report_str(a, "text"), "no row meets 'p50 <= 2 ms': the nearest is openvino, int8 with 4.00 ms");
    json_decref(a);
    a = answer_to(doc, "accuracy >= 85 %, size <= 2 MB");
    assert_contains(report_str(a, "text"), "each limit is met by some row, all together by none");
    assert_contains(report_str(a, "text"), "without 'size <= 2 MB' 1 would, such as ort, f32");
    json_decref(a);
    json_object_set_new(json_array_get(json_object_get(doc, "rows"), 0), "j_per_img_na", json_string("n/a: no meter"));
    a = answer_to(doc, "energy <= 1 J");
    assert_contains(report_str(a, "text"), "it was not measured, no meter");
    json_decref(a);
    a = answer_to(doc, "p50 <= 20 ms, minimise energy");
    assert_int_equal(number(a, "best"), -1);
    assert_contains(report_str(a, "text"), "2 rows keep every limit");
    assert_contains(report_str(a, "text"), "cannot be ranked by energy, which was not measured: no meter");
    json_decref(a);
    a = answer_to(doc, "p50 <= 20 ms");
    assert_contains(report_str(a, "text"), "so none is preferred");
    json_decref(a);
    json_decref(doc);
}

static void native_wins_no_tie(void **state)
{
    (void)state;
    json_t *doc = document(json_pack("[o, o]", row("a", "native", "f32", 9.0, 0.3, 0.9, 1e6), row("b", "ort", "f32", 9.2, 0.3, 0.9, 1e6)));
    json_t *a = answer_to(doc, "minimise p50"); // the intervals overlap
    assert_int_equal(number(a, "best"), 1);
    assert_int_equal(json_array_size(json_object_get(a, "tied")), 1);
    assert_contains(report_str(a, "text"), "it cannot be told from native (whet's own engine)");
    assert_null(strstr(report_str(a, "text"), "runner-up")); // the only other one has been named
    json_decref(a);
    a = answer_to(doc, NULL); // and it stands behind the other on the front
    assert_int_equal(json_integer_value(json_array_get(json_object_get(a, "pareto"), 0)), 1);
    assert_int_equal(json_array_size(json_object_get(a, "pareto")), 2);
    json_decref(a);
    // the comparison, measured in turns, tells them apart
    json_array_append_new(json_object_get(doc, "comparisons"), json_pack("{s:s, s:s, s:s}", "a", "a", "b", "b", "verdict", "better"));
    a = answer_to(doc, "minimise p50");
    assert_int_equal(number(a, "best"), 0);
    assert_int_equal(number(a, "runner_up"), 1);
    json_decref(a);
    json_decref(doc);
}

static void the_front_is_of_what_is_surely_better(void **state)
{
    (void)state;
    json_t *doc = document(json_pack("[o, o, o, o, o]", row("a", "ort", "f32", 10, 0.1, 0.90, 4e6), row("b", "ort", "int8", 5, 0.1, 0.88, 1e6),
                                     row("c", "litert", "f32", 20, 0.1, 0.90, 4e6), // slower than a, else alike: off
                                     row("d", "openvino", "f32", 10.05, 0.1, 0.90, 4e6), // slower than a by less than the noise: on
                                     row("e", "libtorch", "f32", 4, 0.1, 0.95, 0.5e6))); // best of all, but it failed parity
    json_object_set_new(json_array_get(json_object_get(doc, "rows"), 4), "parity", json_pack("{s:b}", "ok", 0));
    json_t *a = answer_to(doc, NULL);
    const json_t *front = json_object_get(a, "pareto");
    assert_int_equal(json_array_size(front), 3);
    assert_int_equal(json_integer_value(json_array_get(front, 0)), 1); // in the order of latency
    assert_int_equal(json_integer_value(json_array_get(front, 1)), 0);
    assert_int_equal(json_integer_value(json_array_get(front, 2)), 3);
    assert_int_equal(number(a, "best"), -1);
    assert_contains(report_str(a, "text"), "no goal is stated, so none is recommended");
    json_decref(a);
    json_decref(doc);
    // without accuracy the front is of latency and size
    doc = document(json_pack("[o, o]", row("a", "ort", "f32", 10, 0.1, NAN, 4e6), row("b", "ort", "int8", 5, 0.1, NAN, 1e6)));
    a = answer_to(doc, NULL);
    assert_int_equal(json_array_size(json_object_get(a, "pareto")), 1);
    assert_int_equal(json_array_size(json_object_get(a, "pareto_over")), 2);
    json_decref(a);
    json_decref(doc);
}

static void each_machine_has_its_answer(void **state)
{
    (void)state;
    json_t *doc = document(json_pack("[o, o]", row("a", "ort", "f32", 10, 0.1, 0.9, 4e6), row("b", "ort", "f32", 50, 0.1, 0.9, 4e6)));
    json_object_set_new(json_array_get(json_object_get(doc, "rows"), 1), "host", json_string("board"));
    json_t *list = whet_report_answer(doc, NULL);
    assert_int_equal(json_array_size(list), 2);
    assert_string_equal(report_str(json_array_get(list, 1), "machine"), "board");
    assert_int_equal(json_integer_value(json_array_get(json_object_get(json_array_get(list, 1), "pareto"), 0)), 1);
    json_decref(list);
    json_decref(doc);
}

static void empty_and_odd_documents_have_answers(void **state)
{
    (void)state;
    static const char *const odd[] = {"{\"rows\":[]}", "{}", "{\"rows\":[1,null,{}],\"goal\":\"p59 <= 1\"}", "{\"rows\":[{\"status\":\"ok\",\"latency\":{\"p50\":\"x\"}}],\"goal\":\"minimise p50\"}",
                                      "{\"rows\":[{\"status\":\"ok\",\"latency\":{\"p50\":1,\"p50_low\":5,\"p50_high\":0}}],\"comparisons\":[1,{\"a\":\"\"}],\"goal\":\"p50 <= 2 ms\"}"};
    for (size_t i = 0; i < sizeof odd / sizeof odd[0]; i++) {
        json_t *doc = json_loads(odd[i], 0, NULL), *list = whet_report_answer(doc, NULL);
        char *summary = whet_report_summary(doc);
        assert_non_null(list);
        assert_non_null(summary);
        whet_free(summary);
        json_decref(list);
        json_decref(doc);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(goals_are_read), cmocka_unit_test(wrong_goals_are_named), cmocka_unit_test(limits_are_met_by_the_unfavourable_end),
        cmocka_unit_test(flags_stand_in_the_sentence), cmocka_unit_test(drops_are_taken_from_the_f32_row), cmocka_unit_test(what_nothing_meets_is_named), cmocka_unit_test(native_wins_no_tie),
        cmocka_unit_test(the_front_is_of_what_is_surely_better), cmocka_unit_test(each_machine_has_its_answer), cmocka_unit_test(empty_and_odd_documents_have_answers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
