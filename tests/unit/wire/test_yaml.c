/* SPDX-License-Identifier: Apache-2.0 */
/* YAML: the tree with its marks, typed scalars, everything that a study must not contain. */
#include "support.h"
#include "wire/yaml.h"

static whet_yaml *parse(const char *text)
{
    whet_yaml *y = NULL;
    assert_ok(whet_yaml_parse(&y, text, strlen(text), "s.yaml"));
    return y;
}

static void json_gives_the_same_tree(void **state)
{
    (void)state;
    whet_yaml *y = parse("{\"a\": [1, 2.5, true], \"b\": {\"c\": \"1\"}}");
    const whet_yaml_node *a = whet_yaml_get(whet_yaml_root(y), "a"), *c = whet_yaml_get(whet_yaml_get(whet_yaml_root(y), "b"), "c");
    int64_t i = 0;
    double d = 0;
    bool b = false;
    assert_int_equal(a->n, 3);
    assert_true(whet_yaml_int(a->items[0], &i) && i == 1);
    assert_true(whet_yaml_real(a->items[1], &d) && d == 2.5);
    assert_true(whet_yaml_bool(a->items[2], &b) && b);
    assert_true(c->quoted);
    assert_false(whet_yaml_int(c, &i));
    whet_yaml_free(y);
}

#ifndef WHET_MINIMAL
static void marks(void **state)
{
    (void)state;
    whet_yaml *y = parse("# comment\nname: x\nlist:\n  - 1\n  - two: [a, b]\n");
    const whet_yaml_node *root = whet_yaml_root(y), *list = whet_yaml_get(root, "list");
    assert_int_equal(root->n, 2);
    assert_int_equal(root->key_lines[1], 3);
    assert_int_equal(list->items[0]->line, 4);
    assert_int_equal(list->items[0]->column, 5);
    assert_int_equal(whet_yaml_get(list->items[1], "two")->n, 2);
    assert_status(whet_yaml_fail(y, list->items[0], WHET_EINVAL, "bad %d", 7), WHET_EINVAL);
    assert_string_equal(whet_error_message(), "s.yaml:4: bad 7 (column 5)");
    whet_yaml_free(y);
    y = parse("");
    assert_int_equal(whet_yaml_root(y)->kind, WHET_YAML_MAP);
    whet_yaml_free(y);
}

static void scalars(void **state)
{
    (void)state;
    whet_yaml *y = parse("[1, -7, 0x1F, 1.5, 1e3, .5, 5., true, no, null, ~, '', '3', 1_0, 99999999999999999999, .nan]");
    const whet_yaml_node *l = whet_yaml_root(y);
    int64_t i = 0;
    double d = 0;
    bool b = false;
    assert_true(whet_yaml_int(l->items[1], &i) && i == -7);
    assert_true(whet_yaml_int(l->items[2], &i) && i == 31);
    assert_true(whet_yaml_real(l->items[0], &d) && d == 1);
    assert_true(whet_yaml_real(l->items[4], &d) && d == 1000);
    assert_true(whet_yaml_real(l->items[5], &d) && d == 0.5);
    assert_true(whet_yaml_bool(l->items[7], &b) && b);
    assert_false(whet_yaml_bool(l->items[8], &b));
    assert_true(whet_yaml_is_null(l->items[9]) && whet_yaml_is_null(l->items[10]) && !whet_yaml_is_null(l->items[11]));
    for (int k = 12; k < 16; k++) assert_false(whet_yaml_int(l->items[k], &i));
    assert_false(whet_yaml_real(l->items[15], &d));
    whet_yaml_free(y);
}

static void refusals(void **state)
{
    (void)state;
    static const struct { const char *text; int line; whet_status status; const char *what; } bad[] = {
        {"a: 1\nb: 2\na: 3\n", 3, WHET_EFORMAT, "key 'a' stands twice, first in line 1"},
        {"a: &x 1\n", 1, WHET_EUNSUPPORTED, "anchor"},
        {"a: 1\nb: *x\n", 2, WHET_EUNSUPPORTED, "alias"},
        {"a: !!int 1\n", 1, WHET_EUNSUPPORTED, "tag"},
        {"a: 1\n---\nb: 1\n", 2, WHET_EUNSUPPORTED, "one document"},
        {"? [x]\n: 1\n", 1, WHET_EUNSUPPORTED, "key must be plain text"},
        {"a: [1, 2\nb: 3\n", 2, WHET_EFORMAT, "invalid YAML"},
        {"a: 1\n\tb: 2\n", 2, WHET_EFORMAT, "invalid YAML"},
        {"a: \"\\0\"\n", 1, WHET_EFORMAT, "NUL"}};
    whet_yaml *y = NULL;
    for (size_t i = 0; i < WHET_COUNT(bad); i++) {
        assert_status(whet_yaml_parse(&y, bad[i].text, strlen(bad[i].text), "s.yaml"), bad[i].status);
        assert_contains(whet_error_message(), bad[i].what);
        assert_int_equal(whet_error_last()->line, bad[i].line);
        assert_string_equal(whet_error_last()->file, "s.yaml");
    }
}

static void depth_is_limited(void **state)
{
    (void)state;
    char text[200];
    whet_yaml *y = NULL;
    memset(text, '[', 100);
    memset(text + 100, ']', 100);
    assert_status(whet_yaml_parse(&y, text, 200, "s.yaml"), WHET_EUNSUPPORTED);
    assert_contains(whet_error_message(), "deeper than 32");
}

static void every_truncation_is_clean(void **state)
{
    (void)state;
    static const char text[] = "study: {name: \"demo\", seeds: [1, 2]}\nmodel:\n  - conv: 'a b'\n  - |\n    block\nlast: \xc3\xa4\n";
    for (size_t cut = 0; cut < sizeof(text) - 1; cut++) {
        char *copy = malloc(cut ? cut : 1);
        whet_yaml *y = NULL;
        memcpy(copy, text, cut);
        whet_status s = whet_yaml_parse(&y, copy, cut, "s.yaml");
        assert_true(s == WHET_OK || s == WHET_EFORMAT);
        assert_true((s == WHET_OK) == (y != NULL));
        whet_yaml_free(y);
        free(copy);
    }
}
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(json_gives_the_same_tree),
#ifndef WHET_MINIMAL
        cmocka_unit_test(marks), cmocka_unit_test(scalars), cmocka_unit_test(refusals), cmocka_unit_test(depth_is_limited),
        cmocka_unit_test(every_truncation_is_clean),
#endif
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
