/* SPDX-License-Identifier: Apache-2.0 */
/* The picture of errors along depth: points in the network's order, the first one outside named, names of a file's author that do no
 * harm, a PNG where gnuplot is. */
#include <jansson.h>

#include "report/report_layers.h"
#include "support.h"

static json_t *document(const char *node)
{
    json_t *list = json_array(), *first = json_pack("{ss, ss, ss, si}", "name", "c", "node", node, "op", "Conv", "position", 3);
    static const struct { const char *name; int depth; double error; bool ok; } rows[] = {
        {"d", 9, 0.5, false}, {"c", 5, 0.1, false}, {"b", 2, 1e-6, true}, {"a", 1, 0, true}};
    for (size_t i = 0; i < WHET_COUNT(rows); i++)
        json_array_append_new(list, json_pack("{ss, si, sf, sb}", "name", rows[i].name, "depth", rows[i].depth, "error", rows[i].error, "ok", rows[i].ok));
    json_array_append_new(list, json_pack("{ss, si, sn, sb}", "name", "nan", "depth", 12, "error", "ok", false));
    return json_pack("{s{ss, ss}, ss, s{ss, so, so}}", "a", "model", "/x/net.onnx", "title", "native", "reference", "other.onnx", "layers", "accept", "max=0.0001",
                     "list", list, "first", first);
}

static int count(const char *text, const char *part)
{
    int n = 0;
    for (const char *p = strstr(text, part); p != NULL; p = strstr(p + 1, part)) n++;
    return n;
}

static void test_svg(void **state)
{
    json_t *doc = document("conv<3>&'x'");
    char *svg = NULL;
    (void)state;
    json_t *sorted = whet_report_layers_sorted(doc);
    assert_string_equal(json_string_value(json_object_get(json_array_get(sorted, 0), "name")), "a");
    assert_string_equal(json_string_value(json_object_get(json_array_get(sorted, 4), "name")), "nan");
    assert_ok(whet_report_layers_svg(doc, &svg));
    assert_contains(svg, "Error of 5 inner tensors along depth");
    assert_contains(svg, "first: conv&lt;3&gt;&amp;");
    assert_int_equal(count(svg, "<circle "), 3); /* two inside the bounds and the legend's */
    assert_int_equal(count(svg, "l5 9h-10z"), 4);
    assert_null(strstr(svg, "nan,")); /* what is not finite stands at the top */
    assert_null(strstr(svg, "inf,"));
    whet_free(svg);
    json_decref(sorted);
    json_decref(doc);
}

static void test_files(void **state)
{
    char *dir = support_tmpdir(), *svg = whet_path_join(dir, "it's.svg"), *png = whet_path_join(dir, "it's.png"), *gif = whet_path_join(dir, "x.gif"),
         *mark = whet_path_join(dir, "mark");
    char *hostile = whet_format("`touch %s`'.system('touch %s').'", mark, mark);
    json_t *doc = document(hostile);
    (void)state;
    assert_ok(whet_report_layers_write(doc, svg));
    assert_true(whet_file_size(svg) > 1000);
    assert_status(whet_report_layers_write(doc, gif), WHET_EINVAL);
    const whet_status status = whet_report_layers_write(doc, png);
    const bool missing = status == WHET_EUNAVAILABLE;
    if (!missing) {
        uint8_t *data = NULL;
        size_t size = 0;
        assert_ok(status);
        assert_ok(whet_file_read(&data, &size, png, 1 << 24));
        assert_true(size > 1000 && memcmp(data, "\x89PNG", 4) == 0);
        assert_false(whet_file_exists(mark)); /* a name is no command */
        whet_free(data);
    }
    json_decref(doc);
    whet_free(svg);
    whet_free(png);
    whet_free(gif);
    whet_free(mark);
    whet_free(hostile);
    support_rmtree(dir);
    if (missing) support_skip("gnuplot", "no PNG is drawn without it");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_svg), cmocka_unit_test(test_files)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
