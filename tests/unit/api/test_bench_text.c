/* SPDX-License-Identifier: Apache-2.0 */
/* The text of a bench from documents that were made up: one interval, rounds that were added, figures of scenarios, lines within
 * the width. */
#include <string.h>

#include "api/bench_text.h"
#include "measure/bench_private.h"
#include "support.h"

static char *text_of(const char *row, const char *settings, int width)
{
    whet_strbuf out;
    char *doc = whet_format("{\"mode\": \"quick\", \"summary\": \"\", \"settings\": %s, \"rows\": [{\"model\": \"%s\", \"runtime\": \"native\", "
                            "\"status\": \"ok\", \"batch\": 1, \"threads\": 1, %s}]}", settings,
                            "a_name_of_a_file_that_is_so_long_that_no_line_of_a_terminal_can_hold_it_together_with_its_figures.onnx", row);
    json_t *o = json_loads(doc, 0, NULL);
    assert_non_null(o);
    whet_strbuf_init(&out);
    whet_bench_render(o, width, false, &out);
    json_decref(o);
    whet_free(doc);
    return whet_strbuf_take(&out);
}

/* Without line breaks, so that words can be looked for wherever they were broken. */
static void expect(char *text, const char *words)
{
    char *flat = whet_strdup(text), *to = flat;
    for (const char *p = flat; *p != '\0'; p++)
        if (to == flat || !(to[-1] == ' ' && (*p == ' ' || *p == '\n'))) *to++ = *p == '\n' ? ' ' : *p;
    *to = '\0';
    if (strstr(flat, words) == NULL) fail_msg("'%s' is not in:\n%s", words, text);
    whet_free(flat);
}

#define QUIET "\"verdict\": \"ok\", \"verdict_reasons\": []"

static void test_one_interval(void **state)
{
    (void)state;
    /* the upper half is the wider one: 8.4 % of the median, as the verdict says */
    json_t *latency = json_loads("{\"p50\": 0.5, \"p50_low\": 0.48, \"p50_high\": 0.542}", 0, NULL);
    assert_true(whet_bench_half_width(latency) > 0.0839 && whet_bench_half_width(latency) < 0.0841);
    json_decref(latency);
    char *text = text_of("\"latency\": {\"p50\": 0.5, \"p50_low\": 0.48, \"p50_high\": 0.542}, " QUIET, "{}", 80);
    expect(text, "0.500 ±8.4%");
    whet_free(text);
}

static void test_added_rounds(void **state)
{
    const whet_stability wide = {.half_width = 0.084, .wide = true}, drift = {.half_width = 0.01, .window_spread = 0.12, .drifting = true};
    char why[400], settings[600];
    (void)state;
    whet_bench_extended_text(why, sizeof why, 3, "m.onnx", "ORT", &drift);
    assert_string_equal(why, "after 3 the median of m.onnx on ORT was not steady: that of the last three windows differed by 12.0 %, over 10 %");
    whet_bench_extended_text(why, sizeof why, 3, "m.onnx", "ORT", &wide);
    snprintf(settings, sizeof settings, "{\"rounds\": 9, \"base_rounds\": 3, \"rounds_why\": \"%s\"}", why);
    char *text = text_of(QUIET, settings, 80);
    expect(text, "rounds: 3 planned, 9 run: after 3 the median of m.onnx on ORT was not steady: its interval was ±8.4 %, over 3 %");
    whet_free(text);
}

static void test_server(void **state)
{
    (void)state;
    char *text = text_of("\"scenario\": \"server\", \"img_per_s\": 29.3, \"latency\": {\"p99_na\": \"n/a (n=157, 662 are needed)\"}, \"load\": {\"definition\": \"d\", "
                         "\"loaded\": true, \"figure\": \"p99\", \"queries\": 157, \"seconds\": 5.4, \"rate\": 30.0}, " QUIET, "{}", 80);
    expect(text, "157 queries in 5.4 s, 29.3 images/s of 30 offered, p99 n/a (n=157, 662 are needed)");
    whet_free(text);
    text = text_of("\"scenario\": \"server\", \"img_per_s\": 29.3, \"latency\": {\"p99\": 12.5, \"p99_low\": 11, \"p99_high\": 14}, \"load\": {\"definition\": \"d\", "
                   "\"loaded\": true, \"figure\": \"p99\", \"queries\": 700, \"seconds\": 24, \"rate\": 30.0}, " QUIET, "{}", 80);
    expect(text, "p99 12.5 ms (11 to 14)");
    whet_free(text);
}

static void test_frames(void **state)
{
    (void)state;
    char *text = text_of("\"scenario\": \"paced\", \"img_per_s\": 28.0, \"load\": {\"definition\": \"d\", \"loaded\": true, \"figure\": \"late_share\", \"queries\": 160, "
                         "\"planned\": 162, \"seconds\": 5.4, \"rate\": 30.0, \"deadline_ms\": 33.3333, \"late\": 5, \"late_share\": 0.03086, \"worst_late_ms\": 7.25, "
                         "\"undone\": 2}, " QUIET, "{}", 80);
    expect(text, "28 images/s of 30 offered, 3.09 % late (5 of 162 took over 33.33 ms), the worst by 7.25 ms, 2 of them not begun in three times the planned time");
    whet_free(text);
}

/* Intervals of percentiles, why one is a dash, and what warns of a figure: told beneath the table. */
static void test_percentiles_and_notes(void **state)
{
    (void)state;
    char *text = text_of("\"latency\": {\"p50\": 0.5, \"p50_low\": 0.49, \"p50_high\": 0.51, \"p90\": 0.6, \"p90_low\": 0.58, \"p90_high\": 0.63, \"p99\": null, \"p99_na\": \"n/a (n=80, 662 are needed)\"}, "
                         "\"notes\": [\"4 threads were busy\", \"coefficient of variation 9.1 %\"], " QUIET, "{\"percentiles\": \"50,90,99\"}", 80);
    expect(text, "on native: p90 0.6 ms (0.58 to 0.63), p99 n/a (n=80, 662 are needed)");
    expect(text, "on native: note: 4 threads were busy; coefficient of variation 9.1 %");
    whet_free(text);
}

static void test_both_regions(void **state)
{
    (void)state;
    char *text = text_of("\"latency\": {\"p50\": 0.5, \"p50_low\": 0.49, \"p50_high\": 0.51}, \"e2e\": {\"p50\": 0.9, \"p50_low\": 0.88, \"p50_high\": 0.95}, " QUIET, "{}", 80);
    expect(text, "on native: e2e (decode, preprocess, infer, postprocess) 0.9 ms (0.88 to 0.95)");
    whet_free(text);
}

/* The net energy of a load that the meter cannot tell from idling is no figure. */
static void test_energy(void **state)
{
    (void)state;
    char *text = text_of("\"j_per_img\": 0.002, \"j_per_img_net\": null, \"j_per_img_net_na\": \"n/a: not above idle (12.5 W under load, 12.5 W idle)\", \"energy\": {"
                         "\"watts\": 12.5, \"idle_watts\": 12.5, \"j_per_img\": 0.002, \"j_per_img_net\": -8.5e-19, \"img_per_s_per_w\": 443.8, \"source\": \"RAPL\"}, " QUIET,
                         "{}", 80);
    expect(text, "0.002 J/img gross, net n/a: not above idle (12.5 W under load, 12.5 W idle), 443.8 img/s/W (RAPL)");
    whet_free(text);
    text = text_of("\"j_per_img\": 0.002, \"j_per_img_net\": 0.001, \"energy\": {\"watts\": 25, \"idle_watts\": 12.5, \"j_per_img\": 0.002, \"j_per_img_net\": 0.001, "
                   "\"img_per_s_per_w\": 443.8, \"source\": \"RAPL\"}, " QUIET, "{}", 80);
    expect(text, "0.002 J/img gross, 0.001 J/img net, 443.8 img/s/W (RAPL)");
    whet_free(text);
}

static void test_rate_has_its_interval(void **state)
{
    (void)state;
    char *text = text_of("\"scenario\": \"offline\", \"img_per_s\": 9089.0, \"img_per_s_median\": 9494.0, \"img_per_s_low\": 7511.0, \"img_per_s_high\": 11560.0, \"load\": {"
                         "\"definition\": \"d\", \"loaded\": true, \"figure\": \"img_per_s\", \"queries\": 28567, \"seconds\": 3.1}, " QUIET, "{}", 80);
    expect(text, "28567 queries in 3.1 s, 9089 images/s (in the median block 9494, 7511 to 11560)");
    whet_free(text);
}

static void test_best_settings_are_named(void **state)
{
    static const char doc[] = "{\"mode\": \"quick\", \"rows\": ["
                              "{\"model\": \"a.onnx\", \"runtime\": \"ort\", \"status\": \"ok\", \"threads\": 2, \"settings\": {\"arena\": \"on\"}},"
                              "{\"model\": \"a.onnx\", \"runtime\": \"ort\", \"status\": \"ok\", \"threads\": 1, \"settings\": {\"threads\": \"1\", \"arena\": \"off\"},"
                              "\"best_settings\": true}]}";
    json_t *o = json_loads(doc, 0, NULL);
    whet_strbuf out;
    (void)state;
    whet_strbuf_init(&out);
    whet_bench_render(o, 80, false, &out);
    char *text = whet_strbuf_take(&out);
    expect(text, "best of ort on a.onnx: threads 1, arena off");
    whet_free(text);
    json_decref(o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_one_interval), cmocka_unit_test(test_added_rounds), cmocka_unit_test(test_server),
                                       cmocka_unit_test(test_percentiles_and_notes), cmocka_unit_test(test_energy), cmocka_unit_test(test_both_regions), cmocka_unit_test(test_rate_has_its_interval),
                                       cmocka_unit_test(test_best_settings_are_named),
        cmocka_unit_test(test_frames)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
