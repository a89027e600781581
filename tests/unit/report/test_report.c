// SPDX-License-Identifier: Apache-2.0
// The report: the verdict in words, tables for programs, escaping, no request, and a page without Chart.js.
#include "support.h"

#include "base/printable.h"
#include "report/report.h"
#include "report/report_axis.h"
#include "report/report_columns.h"
#include "report/report_html.h"
#include "report_sample.h"

static const char hostile[] = "<script>alert(1)</script>'\"&|`.onnx";

static void summary_says_what_is_true(void **state)
{
    (void)state;
    json_t *doc = sample_document("lenet");
    char *s = whet_report_summary(doc);
    assert_contains(s, "lenet gets 98.91 ±0.23 % of the 10,000 mnist test pictures right;");
    assert_contains(s, "the outputs are proven equal on 32 pictures;");
    assert_contains(s, "native is 1.30x as fast as ONNX Runtime (1.25 to 1.35)");
    assert_contains(s, "1 of 3 rows failed (lenet on OpenVINO: runtime missing");
    whet_free(s);
    // the slower one first in the comparison: the sentence is told from the faster one's side
    json_t *c = json_array_get(json_object_get(doc, "comparisons"), 0);
    json_object_set_new(c, "speedup", json_real(0.5));
    json_object_set_new(c, "speedup_low", json_real(0.4));
    json_object_set_new(c, "speedup_high", json_real(0.625));
    json_object_set_new(c, "verdict", json_string("worse"));
    s = whet_report_summary(doc);
    assert_contains(s, "ONNX Runtime is 2.00x as fast as native (1.60 to 2.50)");
    assert_contains(s, "(1.60 to 2.50), 0.154 against 0.118 ms");
    // the numbers beside a ratio are those that it is of
    static const struct { const char *figure, *words; } of[] = {{"p99", ", 0.293 against 0.224 ms at p99"}, {"wall time per sample", ", 0.154 against 0.118 ms a picture"}};
    for (size_t i = 0; i < WHET_COUNT(of); i++) {
        whet_free(s);
        json_object_set_new(c, "figure", json_string(of[i].figure));
        s = whet_report_summary(doc);
        assert_contains(s, of[i].words);
    }
    whet_free(s);
    json_object_set_new(c, "verdict", json_string("cannot tell"));
    s = whet_report_summary(doc);
    assert_contains(s, "cannot be told");
    whet_free(s);
    json_decref(doc);
}

static void numbers_are_written_for_people(void **state)
{
    (void)state;
    char b[40];
    assert_string_equal(report_digits(b, sizeof b, 0.11834), "0.118");
    assert_string_equal(report_digits(b, sizeof b, 12.345), "12.3");
    assert_string_equal(report_digits(b, sizeof b, 12345.6), "12,346");
    assert_string_equal(report_digits(b, sizeof b, 0), "0");
    assert_string_equal(report_digits(b, sizeof b, NAN), "n/a");
    assert_string_equal(report_count(b, sizeof b, -1234567), "-1,234,567");
    assert_string_equal(report_bytes(b, sizeof b, 248312), "248 kB");
}

static void page_escapes_everything(void **state)
{
    (void)state;
    char *html = NULL;
    json_t *doc = sample_document(hostile);
    json_object_set_new(doc, "title", json_string(hostile));
    json_object_set_new(doc, "command", json_string(hostile));
    assert_ok(whet_report_html(doc, "/nonexistent", &html));
    assert_null(strstr(html, "<script>alert"));
    assert_contains(html, "<i class='reach' data-row='0'");
    assert_contains(html, "<i class='reach up' data-row='0'");
    assert_contains(html, "&lt;script&gt;alert(1)&lt;/script&gt;&#39;&quot;&amp;");
    whet_free(html);
    json_decref(doc);
}

// No attribute that loads something, and a policy that forbids it.
static void page_makes_no_request(void **state)
{
    (void)state;
    char *html = NULL;
    json_t *doc = sample_document("lenet");
    static const char *const loads[] = {"src=", "@import", "url(", "http-equiv='refresh'", "fetch(", "XMLHttpRequest"};
    assert_ok(whet_report_html(doc, "/nonexistent", &html));
    for (size_t i = 0; i < sizeof loads / sizeof loads[0]; i++) assert_null(strstr(html, loads[i]));
    assert_contains(html, "default-src 'none'");
    assert_contains(html, "<link rel='icon' href='data:,'>");
    whet_free(html);
    json_decref(doc);
}

static void page_without_library_draws_and_says_so(void **state)
{
    (void)state;
    char *html = NULL;
    json_t *doc = sample_document("lenet");
    assert_ok(whet_report_html(doc, "/nonexistent", &html));
    assert_contains(html, "Chart.js was not found");
    static const char *const figures[] = {"train-loss", "train-accuracy"}, *const lists[] = {"choice-0", "speed-median", "speed-ratio", "speed-spread", "quality-accuracy",
                                                                                             "cost-size", "cost-memory", "cost-start"};
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
        char *figure = whet_format("<figure data-chart='%s'", lists[i]);
        if (strstr(html, figure) == NULL) print_error("no figure %s\n", lists[i]);
        assert_contains(html, figure);
        whet_free(figure);
    }
    for (size_t i = 0; i < sizeof figures / sizeof figures[0]; i++) {
        char *figure = whet_format("<figure data-chart='%s'", figures[i]);
        const char *at = strstr(html, figure);
        if (at == NULL) print_error("no figure %s\n", figures[i]);
        assert_non_null(at);
        assert_contains(at, "<svg viewBox=");
        whet_free(figure);
    }
    whet_free(html);
    json_decref(doc);
}

// The JSON in the page reads back to the document (less the raw samples).
static void page_carries_the_document(void **state)
{
    (void)state;
    char *html = NULL;
    json_t *doc = sample_document(hostile), *row = NULL;
    size_t i = 0;
    assert_ok(whet_report_html(doc, "/nonexistent", &html));
    static const char open[] = "<script type='application/json' id='whet-document'>";
    const char *at = strstr(html, open);
    assert_non_null(at);
    at += sizeof open - 1;
    const char *end = strstr(at, "</script>");
    json_t *back = json_loadb(at, (size_t)(end - at), 0, NULL);
    json_array_foreach(json_object_get(doc, "rows"), i, row) json_object_del(row, "samples");
    assert_true(json_equal(doc, back));
    json_decref(back);
    json_decref(doc);
    whet_free(html);
}

static void csv_is_raw_and_safe(void **state)
{
    (void)state;
    char *csv = NULL;
    json_t *doc = sample_document("=cmd(\"x\"),y");
    assert_ok(whet_report_csv(doc, &csv));
    assert_contains(csv, "model,runtime,runtime_version,precision,");
    assert_contains(csv, "\r\n\"'=cmd(\"\"x\"\"),y\",native,");
    assert_contains(csv, ",0.118,"); // p50 as stored
    assert_contains(csv, ",0.9891,");
    int lines = 0;
    for (const char *p = csv; (p = strstr(p, "\r\n")) != NULL; p += 2) lines++;
    assert_int_equal(lines, 4);
    whet_free(csv);
    json_decref(doc);
}

static void markdown_is_a_table(void **state)
{
    (void)state;
    char *md = NULL;
    json_t *doc = sample_document("a|b<c>");
    assert_ok(whet_report_markdown(doc, &md));
    assert_contains(md, "a\\|b&lt;c>");
    assert_contains(md, "| 0.118 ±");
    assert_contains(md, "98.91 ±0.23");
    assert_contains(md, "| runtime missing |"); // the reason stands among the warnings
    assert_contains(md, "- runtime missing: libopenvino");
    whet_free(md);
    json_decref(doc);
}

/* What a terminal or an editor would obey is written out, in the text and in the JSON of the page alike. */
static void controls_are_written_out(void **state)
{
    (void)state;
    char *text[3] = {NULL, NULL, NULL};
    json_t *doc = sample_document("a\x1b]0;t\x07\tb\xe2\x80\xae" "c\xc2\x9b");
    assert_ok(whet_report_markdown(doc, &text[0]));
    assert_ok(whet_report_html(doc, "/nonexistent", &text[1]));
    assert_contains(text[0], "a\\\\x1b\\]0;t\\\\x07 b\\\\xe2\\\\x80\\\\xaec");
    assert_contains(text[1], "a\\x1b]0;t\\x07\tb\\xe2\\x80\\xaec");
    assert_contains(text[1], "b\\u202ec\\u009b");
    assert_ok(whet_report_csv(doc, &text[2]));
    assert_contains(text[2], "\r\na\\x1b]0;t\\x07\\tb\\xe2\\x80\\xaec\\xc2\\x9b,native,");
    assert_null(strchr(text[2], '\t'));
    for (char *p = text[2]; *p != '\0'; p++) *p = *p == '\r' ? ' ' : *p; // CSV ends its lines so
    for (int i = 0; i < 3; i++) {
        assert_true(whet_is_printable(text[i], WHET_KEEP_LINES));
        whet_free(text[i]);
    }
    json_decref(doc);
}

/* A row that ran but whose timing is not steady is not plainly ok, and neither is the count of the rows that are. */
static void unsteady_rows_are_not_plainly_ok(void **state)
{
    (void)state;
    char *html = NULL;
    json_t *doc = sample_document("lenet"), *rows = json_object_get(doc, "rows");
    assert_string_equal(report_str(json_array_get(rows, 0), "verdict"), "ok");
    assert_string_equal(report_str(json_array_get(rows, 1), "verdict"), "UNSTABLE");
    assert_ok(whet_report_html(doc, "/nonexistent", &html));
    assert_contains(html, "data-row='0' data-col='status' data-t='ok'><span class='chip good'>ok</span>");
    assert_contains(html, "data-row='1' data-col='status' data-t='ok'><span class='chip warn'>ok, UNSTABLE</span>");
    assert_contains(html, "; the timing of 1 not steady");
    whet_free(html);
    json_decref(doc);
}

static void brief_fits(void **state)
{
    (void)state;
    json_t *doc = sample_document("lenet"), *cells = whet_report_brief(doc);
    assert_int_equal(json_array_size(cells), 3 * WHET_REPORT_BRIEF);
    assert_int_equal(strlen(whet_report_brief_align), WHET_REPORT_BRIEF);
    assert_string_equal(json_string_value(json_array_get(cells, WHET_REPORT_BRIEF + 1)), "ort");
    assert_contains(json_string_value(json_array_get(cells, 2 * WHET_REPORT_BRIEF + 7)), "runtime missing");
    json_decref(cells);
    json_decref(doc);
}

/* The command of an exec: runtime may be longer than any buffer; what tells its rows apart still follows its short name. */
static void brief_of_long_titles(void **state)
{
    (void)state;
    json_t *doc = sample_document("lenet");
    char title[2000];
    memset(title, 'a', sizeof title - 1);
    title[sizeof title - 1] = '\0';
    for (size_t i = 0; i < 2; i++) {
        json_t *row = json_array_get(json_object_get(doc, "rows"), i);
        json_object_set_new(row, "runtime", json_string("exec:a"));
        json_object_set_new(row, "runtime_title", json_string(title));
        json_object_set_new(row, "batch", json_integer((json_int_t)(i + 1) * 8));
    }
    json_t *cells = whet_report_brief(doc);
    assert_int_equal(json_array_size(cells), 3 * WHET_REPORT_BRIEF);
    for (size_t i = 0; i < 2; i++) {
        const char *name = json_string_value(json_array_get(cells, i * WHET_REPORT_BRIEF + 1));
        assert_int_equal(strncmp(name, "exec:a, ", 8), 0);
        assert_contains(name, i == 0 ? "batch 8" : "batch 16");
    }
    json_decref(cells);
    json_decref(doc);
}

static void documents_without_rows(void **state)
{
    (void)state;
    char *html = NULL;
    json_t *none = json_pack("{s:s}", "kind", "doctor"), *empty = json_pack("{s:s, s:[]}", "kind", "study", "rows");
    assert_status(whet_report_html(none, "/nonexistent", &html), WHET_EINVAL);
    assert_ok(whet_report_html(empty, "/nonexistent", &html));
    assert_contains(html, "Nothing was measured");
    whet_free(html);
    json_decref(none);
    json_decref(empty);
}

// Rows whose members have the wrong type, as a foreign tool may write them: text in place of numbers and so on.
static void odd_documents_do_not_crash(void **state)
{
    (void)state;
    static const char *const odd[] = {"{\"kind\":\"x\",\"rows\":[1,null,\"a\",[],{}]}",
                                      "{\"kind\":\"x\",\"rows\":[{\"model\":3,\"runtime\":[],\"latency\":\"fast\",\"parity\":{\"ok\":true},\"samples\":[{\"ns\":[\"a\"]}]}]}",
                                      "{\"kind\":\"x\",\"rows\":[{\"latency\":{\"p50\":1,\"min\":2,\"p99\":1},\"samples\":[1]}],\"comparisons\":[{\"speedup\":1}],\"trainings\":[{\"curve\":[{\"epoch\":1,\"train_loss\":1}]}],\"steps\":[1]}"};
    for (size_t i = 0; i < sizeof odd / sizeof odd[0]; i++) {
        char *html = NULL, *csv = NULL, *md = NULL;
        json_t *doc = json_loads(odd[i], 0, NULL);
        assert_non_null(doc);
        assert_ok(whet_report_html(doc, "/nonexistent", &html));
        assert_ok(whet_report_csv(doc, &csv));
        assert_ok(whet_report_markdown(doc, &md));
        whet_free(html);
        whet_free(csv);
        whet_free(md);
        json_decref(doc);
    }
}

// What a figure is made of stands beneath the table; a net energy of noise is no number; a server's p99 is there or its want is.
static void figures_are_defined(void **state)
{
    (void)state;
    char *text[2] = {NULL, NULL};
    json_t *doc = sample_document("lenet"), *rows = json_object_get(doc, "rows");
    for (size_t i = 0; i < 2; i++) {
        json_t *row = json_array_get(rows, i);
        json_object_set_new(row, "img_per_s_from", json_string(i == 0 ? "batch / median latency, one stream" : "samples / wall time, 2 streams"));
        json_object_set_new(row, "scenario", json_string(i == 0 ? "single" : "server"));
        json_object_set_new(row, "load", json_pack("{s:b, s:s}", "loaded", (int)i, "figure", i == 0 ? "p90" : "p99"));
        json_object_set_new(row, "j_per_img", json_real(0.02));
        json_object_set_new(row, "j_per_img_net", json_real(i == 0 ? -1e-19 : 0.012));
        json_object_del(json_object_get(row, "latency"), "p99");
        json_object_set_new(json_object_get(row, "latency"), "p99_na", json_string("n/a (n=90, 662 are needed)"));
    }
    assert_ok(whet_report_markdown(doc, &text[0]));
    assert_ok(whet_report_html(doc, "/nonexistent", &text[1]));
    for (int i = 0; i < 2; i++) {
        assert_contains(text[i], "batch / median latency, one stream");
        assert_contains(text[i], "samples / wall time, 2 streams");
        assert_contains(text[i], "so img/s/W is not img/s");
        assert_contains(text[i], "not above idle");
    }
    assert_contains(text[0], "img/s single");
    assert_contains(text[0], "| p99 |");
    assert_contains(text[0], "p99 n/a: n=90, 662 are needed");
    assert_null(strstr(text[0], "-1.00e-19"));
    assert_contains(text[1], "data-col='p99' title='n/a (n=90, 662 are needed)'>n/a</td>");
    whet_free(text[0]);
    whet_free(text[1]);
    json_decref(doc);
}

static void wide_interval_leaves_bars(void **state)
{
    (void)state;
    json_t *doc = sample_document("lenet"), *latency = json_object_get(json_array_get(json_object_get(doc, "rows"), 0), "latency");
    const double p50 = json_number_value(json_object_get(latency, "p50"));
    json_object_set_new(latency, "p50_high", json_real(100 * p50));
    json_t *p = report_prepared(doc), *charts = report_charts(p, NULL), *c = NULL;
    size_t i = 0;
    json_array_foreach(charts, i, c)
    {
        if (strcmp(report_str(c, "id"), "speed-median") != 0) continue;
        const report_axis a = report_axis_of_chart(c, true, false);
        assert_true(a.high > p50 && a.high < 10 * p50); // thrice the largest, not a hundred times
    }
    char *html = NULL;
    assert_ok(whet_report_html(doc, "/none", &html));
    assert_non_null(strstr(html, "<b class='w beyond'"));
    assert_non_null(strstr(html, "goes on beyond the chart"));
    whet_free(html);
    report_numbers seen = {.n = 0};
    assert_int_equal(report_corner(&seen, 0.1, 0.5), 0);
    assert_int_equal(report_corner(&seen, 0.12, 0.5), 1);
    assert_int_equal(report_corner(&seen, 0.9, 0.5), 0);
    json_decref(charts);
    json_decref(p);
    json_decref(doc);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wide_interval_leaves_bars),
        cmocka_unit_test(summary_says_what_is_true), cmocka_unit_test(numbers_are_written_for_people), cmocka_unit_test(page_escapes_everything),
        cmocka_unit_test(page_makes_no_request), cmocka_unit_test(page_without_library_draws_and_says_so), cmocka_unit_test(page_carries_the_document),
        cmocka_unit_test(csv_is_raw_and_safe), cmocka_unit_test(markdown_is_a_table), cmocka_unit_test(controls_are_written_out), cmocka_unit_test(unsteady_rows_are_not_plainly_ok), cmocka_unit_test(brief_fits), cmocka_unit_test(brief_of_long_titles),
        cmocka_unit_test(documents_without_rows), cmocka_unit_test(figures_are_defined), cmocka_unit_test(odd_documents_do_not_crash),
    };
    if (argc > 1) { // writes the sample's page, to be looked at
        char *html = NULL;
        json_t *doc = sample_document("lenet");
        if (whet_report_html(doc, argc > 2 ? argv[2] : NULL, &html) != WHET_OK || whet_file_write(argv[1], html, strlen(html)) != WHET_OK) return 1;
        whet_free(html);
        json_decref(doc);
        return 0;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
