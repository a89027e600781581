/* SPDX-License-Identifier: Apache-2.0 */
/* JSON: strictness, places, canonical writing. */
#include "support.h"
#include "wire/json.h"

static void writing(void **state)
{
    (void)state;
    json_t *v = json_pack("{s:f, s:[i,b,n], s:s, s:{}, s:[]}", "b", 0.1, "a", 3, 1, "t", "q\"\\\n\x01\xc3\xa4", "o", "l");
    char *text = whet_json_text(v, 0), *sorted = whet_json_canonical(v), *wide = whet_json_text(v, 2);
    assert_string_equal(text, "{\"b\":0.1,\"a\":[3,true,null],\"t\":\"q\\\"\\\\\\n\\u0001\xc3\xa4\",\"o\":{},\"l\":[]}");
    assert_string_equal(sorted, "{\"a\":[3,true,null],\"b\":0.1,\"l\":[],\"o\":{},\"t\":\"q\\\"\\\\\\n\\u0001\xc3\xa4\"}");
    assert_contains(wide, "{\n  \"b\": 0.1,\n  \"a\": [\n    3,");
    whet_free(text);
    whet_free(sorted);
    whet_free(wide);
    json_decref(v);
}

static void numbers_read_back_equal(void **state)
{
    (void)state;
    static const double x[] = {0.1, 1.0 / 3, 1e-300, 123456789.125, -0.0, 3, 1e22, 5e-324, 0.00039215686274509802};
    for (size_t i = 0; i < WHET_COUNT(x); i++) {
        json_t *v = json_real(x[i]), *back = NULL;
        char *text = whet_json_text(v, 0), list[80];
        snprintf(list, sizeof(list), "[%s]", text);
        assert_ok(whet_json_parse(&back, list, strlen(list), ""));
        assert_true(json_is_real(json_array_get(back, 0)));
        assert_true(json_real_value(json_array_get(back, 0)) == x[i]);
        whet_free(text);
        json_decref(v);
        json_decref(back);
    }
}

static void bad_text_has_a_place(void **state)
{
    (void)state;
    static const char *const bad[] = {"", "{", "{\"a\":1,}", "[1,2", "{\"a\":1,\"a\":2}", "[1] x", "\"\xff\"", "nul", "[1e999]"};
    json_t *v = NULL;
    for (size_t i = 0; i < WHET_COUNT(bad); i++) {
        assert_status(whet_json_parse(&v, bad[i], strlen(bad[i]), "f.json"), WHET_EFORMAT);
        assert_null(v);
        assert_string_equal(whet_error_last()->file, "f.json");
    }
    assert_status(whet_json_parse(&v, "{\n \"a\": x}", 10, "f.json"), WHET_EFORMAT);
    assert_int_equal(whet_error_last()->line, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writing), cmocka_unit_test(numbers_read_back_equal), cmocka_unit_test(bad_text_has_a_place)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
