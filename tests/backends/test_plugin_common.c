/* SPDX-License-Identifier: Apache-2.0 */
/* What plug-ins have in common, with a plug-in of the test's own whose library is always there. */
#include <jansson.h>

#include "support.h"

#include "plugin.c"
#include "plugin_text.c"

struct whet_backend_model { plugin_ends ends; int threads; };
struct whet_backend_stream { whet_backend_model *m; };

static char heard[MAX_TEXT];
static int freed;

static void listen(int status, const char *text)
{
    (void)status;
    snprintf(heard, sizeof heard, "%s", text);
}

static const whet_backend_host test_host = {.size = sizeof test_host, .alloc = malloc, .release = free, .set_error = listen};

static bool load(void) { return plugin_built_for("7.2"); }
static int set_threads(whet_backend_model *m, const char *v) { return plugin_count("threads", v, &m->threads); }

/* One input of 2 x any, one output without a known rank. */
static int build(whet_backend_model *m, const char *path, const whet_backend_setting *s, int n)
{
    static const plugin_setting table[] = {{"threads", set_threads}, {"profile", plugin_any_model}};
    int status = plugin_apply(m, table, PLUGIN_COUNT(table), s, n);
    for (int o = 0; o < 2 && status == 0; o++) status = plugin_ends_alloc(&m->ends, o, 1, 4);
    if (status != 0) return status;
    m->ends.io[0][0] = (plugin_slot){.dtype = 1, .rank = 2, .file = {2, -1}, .dims = {2, -1}, .scale = 0.5, .zero_point = 3};
    m->ends.io[1][0].rank = -1;
    return plugin_name(&m->ends.io[0][0], path);
}

static void close_model(whet_backend_model *m)
{
    freed++;
    plugin_ends_free(&m->ends);
    free(m);
}

static int begin(whet_backend_stream *s, whet_backend_model *m)
{
    s->m = m;
    return plugin_is_fixed(&m->ends.io[0][0]);
}

static void stream_free(whet_backend_stream *s)
{
    freed++;
    free(s);
}

const plugin_parts plugin_self = {
    .table = {PLUGIN_MEMBERS, .name = "toy", .title = "Toy", .built_for = "6.* 7.*", .close = close_model, .stream_free = stream_free},
    .model_size = sizeof(whet_backend_model), .stream_size = sizeof(whet_backend_stream), .load = load, .build = build, .begin = begin};

static int setup(void **state)
{
    (void)state;
    heard[0] = '\0';
    freed = 0;
    return whet_backend_entry(&test_host) == &plugin_self.table ? 0 : 1;
}

static void test_version(void **state)
{
    char text[MAX_TEXT] = "";
    (void)state;
    assert_int_equal(plugin_available(text, sizeof text), 0);
    assert_int_equal(plugin_version(text, sizeof text), 0);
    assert_string_equal(text, "7.2");
    assert_false(plugin_built_for("8.1"));
    assert_string_equal(rt.why, "version 8.1 is installed, this plug-in was written for 6.* 7.*: run `whet runtimes install toy`");
}

static void test_settings(void **state)
{
    static const struct { whet_backend_setting s; int status; const char *text; } rows[] = {
        {{"threads", "3"}, 0, ""},
        {{"threads", "3x"}, WHET_EINVAL, "'threads' is '3x', must be an integer from 1 to 4096"},
        {{"threads", ""}, WHET_EINVAL, "'threads' is '', must be an integer from 1 to 4096"},
        {{"threads", "0"}, WHET_EINVAL, "'threads' is '0', must be an integer from 1 to 4096"},
        {{"threads", "4097"}, WHET_EINVAL, "'threads' is '4097', must be an integer from 1 to 4096"},
        {{"profile", "on"}, 0, ""},
        {{"profile", "yes"}, WHET_EINVAL, "'executed_graph or profile' is 'yes', must be on or off"},
        {{"colour", "red"}, WHET_EUNSUPPORTED, "Toy has no setting 'colour'"}};
    whet_backend_model *m = NULL;
    (void)state;
    for (size_t i = 0; i < PLUGIN_COUNT(rows); i++) {
        heard[0] = '\0';
        freed = 0;
        assert_int_equal(plugin_open(&m, "x", &rows[i].s, 1), rows[i].status);
        assert_string_equal(heard, rows[i].text);
        assert_int_equal(freed, rows[i].status != 0);
        assert_int_equal(m == NULL, rows[i].status != 0);
        if (m != NULL) close_model(m);
    }
}

static void test_shapes(void **state)
{
    const int64_t fits[] = {2, 5}, again[] = {2, 6}, other[] = {3, 5};
    whet_backend_model *m = NULL;
    whet_backend_stream *s = NULL;
    whet_backend_io info = {0};
    (void)state;
    assert_int_equal(plugin_open(&m, "x", NULL, 0), 0);
    assert_int_equal(plugin_stream_create(m, &s), WHET_ESHAPE);
    assert_string_equal(heard, "dimension 1 of input 'x' is free: set its shape first");
    assert_null(s);
    assert_int_equal(plugin_set_shape(m, 0, 2, other), WHET_ESHAPE);
    assert_int_equal(plugin_set_shape(m, 0, 1, fits), WHET_ESHAPE);
    assert_int_equal(plugin_set_shape(m, 1, 2, fits), WHET_ENOTFOUND);
    assert_int_equal(plugin_set_shape(m, 0, 2, fits), 0);
    assert_int_equal(plugin_set_shape(m, 0, 2, again), 0);
    assert_int_equal(plugin_stream_create(m, &s), 0);
    assert_int_equal(plugin_io_info(m, 0, 0, &info), 0);
    assert_true(info.rank == 2 && info.dims[1] == 6 && info.scale == 0.5 && info.zero_point == 3);
    assert_int_equal(plugin_io_info(m, 1, 0, &info), 0);
    assert_int_equal(info.rank, 0);
    assert_int_equal(plugin_io_info(m, 1, 1, &info), WHET_ENOTFOUND);
    assert_null(plugin_end(&m->ends, 1, -1));
    stream_free(s);
    close_model(m);
}

/* Every string is valid JSON; what is valid UTF-8 comes back as it was. */
static void test_strings(void **state)
{
    static const struct { const char *in, *back; } rows[] = {
        {"a\"b\\c\n\x01", "a\"b\\c\n\x01"}, {"\xc3\xa9\xe2\x82\xac\xf0\x9f\x8e\x9b", "\xc3\xa9\xe2\x82\xac\xf0\x9f\x8e\x9b"},
        {"\xff" "a\xc3", "?a?"}, {"\xc0\x80", "??"}, {"\xe0\x80\x80", "???"}, {"\xed\xa0\x80", "???"}, {"\xf4\x90\x80\x80", "????"}, {NULL, ""}};
    (void)state;
    for (size_t i = 0; i < PLUGIN_COUNT(rows); i++) {
        plugin_text t = {0};
        char *json = NULL;
        plugin_put(&t, "[");
        plugin_put_string(&t, rows[i].in);
        plugin_put(&t, "]");
        assert_int_equal(plugin_give(&t, &json), 0);
        json_t *doc = json_loads(json, 0, NULL);
        assert_string_equal(json_string_value(json_array_get(doc, 0)), rows[i].back);
        json_decref(doc);
        free(json);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test_setup(test_version, setup), cmocka_unit_test_setup(test_settings, setup),
                                       cmocka_unit_test_setup(test_shapes, setup), cmocka_unit_test_setup(test_strings, setup)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
