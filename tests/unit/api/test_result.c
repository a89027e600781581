/* SPDX-License-Identifier: Apache-2.0 */
/* What people are shown of a document: names of a file stay on their line, texts that are meant to have lines keep them. */
#include "api/result.h"
#include "support.h"
#include "wire/json.h"

static void render(const json_t *doc, int width, bool color, whet_strbuf *out)
{
    const char *key = NULL;
    json_t *n = NULL;
    (void)width, (void)color;
    whet_strbuf_printf(out, "%s: agrees\n", whet_json_str(json_array_get(json_object_get(doc, "outputs"), 0), "name"));
    json_object_foreach(json_object_get(doc, "ops"), key, n) whet_strbuf_printf(out, "%s %d\n", key, (int)json_integer_value(n));
    whet_strbuf_puts(out, whet_json_str(doc, "text"));
}

static void names_stay_on_their_line(void **state)
{
    static const struct { const char *name, *op, *text, *want; } cases[] = {
        {"y", "Add", "", "y: agrees\nAdd 2\n"},
        {"y\nall is well", "Add\t1", "", "y\\nall is well: agrees\nAdd\\t1 2\n"},
        {"y\x1b[2J", "Add", "one\ntwo\n", "y\\x1b[2J: agrees\nAdd 2\none\ntwo\n"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        whet_result *r = NULL;
        json_t *doc = json_pack("{s:[{s:s}], s:{s:i}, s:s}", "outputs", "name", cases[i].name, "ops", cases[i].op, 2, "text", cases[i].text);
        assert_ok(whet_result_make(&r, "verify", doc, 0, render));
        assert_string_equal(whet_result_text(r, 80, 0), cases[i].want);
        assert_string_equal(whet_json_str(json_array_get(json_object_get(whet_result_doc(r), "outputs"), 0), "name"), cases[i].name);
        whet_result_free(r);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(names_stay_on_their_line)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
