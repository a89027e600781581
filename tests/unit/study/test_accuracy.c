// SPDX-License-Identifier: Apache-2.0
// Rows of one model that parity calls equal while their accuracies differ by far are told of; chance is not.
#include "support.h"

#include <jansson.h>

#include "study/study_run.h"

enum { N = 400 };

// The first `right` of N pictures are right.
static json_t *row(const char *id, int right, bool equal)
{
    char hits[N / 4 + 1] = "";
    for (int i = 0; i < N; i += 4) hits[i / 4] = i + 4 <= right ? 'f' : '0';
    const double value = (double)right / N;
    return json_pack("{ss, ss, ss, s{sf, sf, sf}, s{ss, s{si, ss, ss}}, s{sb}}", "id", id, "model", id, "runtime", "native", "accuracy", "value", value, "low",
                     value - 0.03, "high", value + 0.03, "eval", "split_sha256", "s", "hits", "n", N, "pictures", "p", "right", hits, "parity", "ok", equal);
}

static int alarms(int a, int b, bool equal)
{
    json_t *rows[2] = {row("a", a, true), row("b", b, equal)}, *set = json_pack("{ss}", "model", "m.tflite");
    study_cell cells[2] = {{.set = set, .row = rows[0]}, {.set = set, .row = rows[1]}};
    study_run r = {.c = cells, .n_cells = 2, .bench_head = json_pack("{s{s[]}}", "context", "warnings")};
    study_accuracy_alarm(&r);
    const int n = (int)json_array_size(json_object_get(json_object_get(r.bench_head, "context"), "warnings"));
    const json_t *odd = json_object_get(json_object_get(rows[1], "accuracy"), "contradicts");
    assert_int_equal(n, odd != NULL);
    if (odd != NULL) assert_string_equal(json_string_value(odd), "a");
    json_decref(rows[0]);
    json_decref(rows[1]);
    json_decref(set);
    json_decref(r.bench_head);
    return n;
}

static void contradictions_are_told(void **state)
{
    (void)state;
    assert_int_equal(alarms(392, 44, true), 1);
    assert_int_equal(alarms(392, 44, false), 0); // parity told already
    assert_int_equal(alarms(392, 392, true), 0);
    assert_int_equal(alarms(392, 384, true), 0); // 2 points
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(contradictions_are_told)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
