/* SPDX-License-Identifier: Apache-2.0 */
/* What a result file may ask a replay for, and what it may not: commands, conditions beyond bounds, figures without ground. All
 * are refused before anything runs. */
#include "support.h"

#include <jansson.h>

#include "measure/audit.h"
#include "wire/json.h"

static json_t *row_of(const char *runtime)
{
    return json_pack("{ss, ss, ss, ss, si, si, s{ss}, s{sf}, s{ss, si, sf, si, si, si}, s[{s[i, i, i]}]}", "id", "r0", "model", "a.onnx", "runtime", runtime,
                     "status", "ok", "batch", 1, "threads", 2, "settings", "streams", "1", "latency", "p50", 1.0, "replay", "path", "gone.onnx", "min_runs", 100,
                     "min_seconds", 5.0, "warmup_runs", 0, "parity_inputs", 0, "seed", 0, "samples", "ns", 990000, 1000000, 1010000);
}

/* Consumes the row. */
static void expect_reason(json_t *row, const char *reason, bool allow_exec)
{
    json_t *doc = json_pack("{s[o]}", "rows", row), *out = NULL;
    bool ok = true;
    const whet_audit_spec spec = {.doc = doc, .allow_exec = allow_exec};
    assert_ok(whet_audit_run(&out, &ok, &spec));
    const json_t *entry = json_array_get(json_object_get(out, "rows"), 0);
    assert_false(ok);
    assert_string_equal(whet_json_str(entry, "status"), "not replayed");
    assert_contains(whet_json_str(entry, "reason"), reason);
    json_decref(out);
    json_decref(doc);
}

static void commands_are_not_run(void **state)
{
    (void)state;
    expect_reason(row_of("exec:false"), "its runtime is a command of the file: measure it with whet bench", false);
    expect_reason(row_of("exec:false"), "the model is gone", true);
    expect_reason(row_of("native"), "the model is gone", false);
}

static void figures_follow_from_samples(void **state)
{
    static const struct { double p50; const char *reason; } cases[] = {
        {1.009, "the model is gone"}, {0.991, "the model is gone"}, {1.011, "disagree"}, {0.989, "disagree"}, {-1, "disagree"}, {1e300, "disagree"}};
    (void)state;
    for (size_t i = 0; i < WHET_COUNT(cases); i++) {
        json_t *row = row_of("native");
        json_object_set_new(json_object_get(row, "latency"), "p50", json_real(cases[i].p50));
        expect_reason(row, cases[i].reason, false);
    }
}

static void conditions_have_bounds(void **state)
{
    static const struct { const char *in, *key, *value, *reason; } cases[] = {
        {"replay", "min_seconds", "3600", "the model is gone"},       {"replay", "min_seconds", "3601", "replay.min_seconds is 3601, allowed"},
        {"replay", "min_seconds", "-1", "replay.min_seconds is -1"},  {"replay", "min_seconds", "\"x\"", "replay.min_seconds is no number"},
        {"replay", "min_runs", "1000001", "replay.min_runs"},         {"replay", "min_runs", "1.5", "replay.min_runs is 1.5"},
        {"replay", "warmup_runs", "100001", "replay.warmup_runs"},    {"replay", "warmup_seconds", "1e9", "replay.warmup_seconds"},
        {"replay", "parity_inputs", "9999999", "replay.parity_inputs"}, {"replay", "seed", "-1", "replay.seed is -1"},
        {"replay", "seed", "9007199254740993", "the model is gone"},  {"replay", "rate", "1e12", "replay.rate"},
        {"replay", "deadline_ms", "-5", "replay.deadline_ms"},        {"replay", "time_limit", "86401", "replay.time_limit"},
        {"replay", "memory_limit", "-1", "replay.memory_limit"},      {"replay", "sizes", "[32, 70000]", "replay.sizes"},
        {"replay", "sizes", "[32, 32]", "the model is gone"},         {"replay", "opening", "{\"seed\": -1}", "replay.opening.seed"},
        {NULL, "batch", "0", "batch is 0"},                           {NULL, "batch", "65537", "batch is 65537"},
        {NULL, "threads", "1025", "threads is 1025"},                 {NULL, "threads", "4294967297", "threads is 4294967297"},
        {"settings", "streams", "\"257\"", "settings.streams is 257"}, {"settings", "streams", "\"2x\"", "settings.streams is 2x"},
        {"settings", "streams", "\"256\"", "the model is gone"},
    };
    (void)state;
    for (size_t i = 0; i < WHET_COUNT(cases); i++) {
        json_t *row = row_of("native"), *value = json_loads(cases[i].value, JSON_DECODE_ANY, NULL);
        assert_non_null(value);
        json_object_set_new(cases[i].in != NULL ? json_object_get(row, cases[i].in) : row, cases[i].key, value);
        expect_reason(row, cases[i].reason, false);
    }
}

/* Ten percent off is no finding where the interval reaches back into them, and no ground to confirm anything either. */
static void speed_is_judged_with_its_interval(void **state)
{
    static const struct { whet_ratio r; const char *status; } cases[] = {
        {{.ratio = 1.01, .low = 0.99, .high = 1.03}, "confirmed"},     {{.ratio = 1.09, .low = 1.05, .high = 1.20}, "confirmed"},
        {{.ratio = 1.23, .low = 0.90, .high = 1.43}, "cannot tell"},   {{.ratio = 1.23, .low = 1.12, .high = 1.43}, "speed differs"},
        {{.ratio = 0.80, .low = 0.75, .high = 0.95}, "cannot tell"},   {{.ratio = 0.80, .low = 0.75, .high = 0.85}, "speed differs"}};
    (void)state;
    for (size_t i = 0; i < WHET_COUNT(cases); i++) assert_string_equal(whet_audit_speed_status(&cases[i].r), cases[i].status);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(commands_are_not_run), cmocka_unit_test(figures_follow_from_samples),
                                       cmocka_unit_test(conditions_have_bounds), cmocka_unit_test(speed_is_judged_with_its_interval)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
