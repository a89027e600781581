/* SPDX-License-Identifier: Apache-2.0 */
/* Lines stay within the width; tables that cannot are told in parts. */
#include <string.h>

#include "api/result.h"
#include "api/wrap.h"
#include "support.h"

static int widest(const char *text)
{
    int most = 0;
    for (const char *line = text; *line != '\0';) {
        const size_t n = strcspn(line, "\n");
        most = WHET_MAX(most, whet_text_columns(line, n));
        line += n + (line[n] == '\n');
    }
    return most;
}

static void expect_lines(const char *text, int width, const char *want)
{
    char *got = whet_wrapped_lines(text, width);
    assert_string_equal(got, want);
    whet_free(got);
}

static void test_columns(void **state)
{
    (void)state;
    assert_int_equal(whet_text_columns("±1 µs", strlen("±1 µs")), 5);
    assert_int_equal(whet_text_columns("\x1b[1mbold\x1b[0m", strlen("\x1b[1mbold\x1b[0m")), 4);
}

static void test_shortened(void **state)
{
    whet_strbuf out;
    (void)state;
    whet_strbuf_init(&out);
    whet_put_shortened(&out, "\x1b[1mabcdefghij\x1b[0m", strlen("\x1b[1mabcdefghij\x1b[0m"), 5);
    whet_put_shortened(&out, "ab", 2, 5);
    char *text = whet_strbuf_take(&out);
    assert_string_equal(text, "\x1b[1mab…ij\x1b[0mab");
    whet_free(text);
}

static void test_lines(void **state)
{
    (void)state;
    expect_lines("short\nalso short", 20, "short\nalso short");
    expect_lines("one two three four five\n", 12, "one two\n  three four\n  five\n");
    expect_lines("name    a text that hangs\n", 16, "name    a text\n        that\n        hangs\n");
    expect_lines("/a/path/that/stands/alone/is/to/be/copied\n", 20, "/a/path/that/stands/alone/is/to/be/copied\n");
    expect_lines("abcdefghijklmnopqrstuvwxyz is long\n", 20, "abcdefgh…rstuvwxyz\n  is long\n");
    expect_lines("sum 0123456789abcdef in all\n", 18, "sum\n  0123456789abcdef\n  in all\n");
    expect_lines("give -DPLACE='/a/path/to/be/copied' to it\n", 20, "give\n  -DPLACE='/a/path/to/be/copied'\n  to it\n");
    expect_lines("it is over 3 % wide\n", 12, "it is over\n  3 % wide\n");
    expect_lines("ä ö ü ß é à\n", 5, "ä ö ü\n  ß é\n  à\n");
}

static void test_wide_table(void **state)
{
    enum { COLUMNS = 12 };
    const char *titles[COLUMNS] = {"model", "runtime"}, *cells[COLUMNS] = {"a_model_of_a_long_name_0001.onnx", "native with settings"};
    whet_strbuf out;
    (void)state;
    for (int c = 2; c < COLUMNS; c++) {
        titles[c] = "figure";
        cells[c] = "0.123456";
    }
    whet_strbuf_init(&out);
    whet_render_table(&out, 60, false, COLUMNS, titles, "llrrrrrrrrrr", 1, cells);
    char *text = whet_strbuf_take(&out);
    int figures = 0;
    for (const char *p = text; (p = strstr(p, "0.123456")) != NULL; p++) figures++;
    assert_int_equal(figures, COLUMNS - 2); /* each once, whatever the parts */
    assert_true(widest(text) <= 60);
    whet_free(text);
    whet_strbuf_init(&out);
    whet_render_table(&out, 24, false, 3, titles, "rlr", 1, cells); /* a number in front names the row */
    text = whet_strbuf_take(&out);
    assert_non_null(strstr(text, "0.123456"));
    whet_free(text);
}

static void test_long_sentence(void **state)
{
    char words[3001];
    whet_strbuf out;
    (void)state;
    memset(words, 'x', sizeof words - 1);
    for (size_t i = 5; i < sizeof words - 1; i += 6) words[i] = ' ';
    words[sizeof words - 3] = 'E';
    words[sizeof words - 1] = '\0';
    whet_strbuf_init(&out);
    whet_render_wrapped(&out, 40, 2, "%s", words);
    char *text = whet_strbuf_take(&out);
    assert_true(widest(text) <= 40);
    assert_non_null(strchr(text, 'E')); /* nothing is cut off */
    whet_free(text);
}

/* Names that are different stay different, dates and figures whole. */
static void test_names_stay_apart(void **state)
{
    static const char *const titles[] = {"time", "name", "figure", "summary"},
                      *const cells[] = {"2026-11-21 22:43", "ort, f32, precision asked default, run 7", "0.0667, now 0.0671", "a long remark on it",
                                        "2026-11-21 22:44", "ort, f32, precision asked default, run 8", "0.0667, now 0.0672", "a long remark on it"};
    whet_strbuf out;
    (void)state;
    whet_strbuf_init(&out);
    whet_render_table(&out, 64, false, 4, titles, "LlLl", 2, cells);
    char *text = whet_strbuf_take(&out);
    static const char *const whole[] = {"2026-11-21 22:43", "2026-11-21 22:44", "0.0667, now 0.0671", "0.0667, now 0.0672", "n 7 ", "n 8 "};
    for (size_t i = 0; i < WHET_COUNT(whole); i++) assert_contains(text, whole[i]);
    assert_true(widest(text) <= 64);
    whet_free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_columns), cmocka_unit_test(test_shortened), cmocka_unit_test(test_lines),
                                       cmocka_unit_test(test_names_stay_apart),
        cmocka_unit_test(test_wide_table), cmocka_unit_test(test_long_sentence)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
