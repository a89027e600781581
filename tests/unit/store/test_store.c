// SPDX-License-Identifier: Apache-2.0
// The results store: round trips, listing, tags, moving between stores, steps, and damaged or foreign files.
#include "support.h"

#include <jansson.h>

#include "store/store.h"
#include "wire/json.h"

static char *dir, *path;
static whet_store *store;

static int set_up(void **state)
{
    (void)state;
    dir = support_tmpdir();
    path = whet_path_join(dir, "sub/r.sqlite");
    assert_ok(whet_store_open(&store, path, false));
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    whet_store_close(store);
    whet_free(path);
    support_rmtree(dir);
    return 0;
}

static json_t *document(const char *name, double p50)
{
    return json_pack("{s:i, s:s, s:s, s:[{s:s, s:s, s:s, s:{s:f}}, {s:s, s:s}]}", "schema_version", 1, "kind", "bench", "summary", name,
                     "rows", "model", name, "runtime", "native", "status", "ok", "latency", "p50", p50, "model", name, "status",
                     "runtime missing: x");
}

static int64_t put(const char *name, double p50, const char *study)
{
    int64_t id = 0;
    json_t *doc = document(name, p50);
    assert_ok(whet_store_put_run(store, doc, study, &id));
    json_decref(doc);
    return id;
}

static void run_comes_back_equal(void **state)
{
    (void)state;
    json_t *doc = document("a", 0.1), *back = NULL, *meta = NULL;
    int64_t id = 0, same = 0;
    assert_ok(whet_store_put_run(store, doc, "s", &id));
    assert_ok(whet_store_put_run(store, doc, "s", &same));
    assert_int_equal(id, same); // one identity, one run
    assert_ok(whet_store_get_run(store, &back, id, &meta));
    assert_true(json_equal(doc, back));
    assert_int_equal(json_integer_value(json_object_get(meta, "n_rows")), 2);
    assert_int_equal(json_integer_value(json_object_get(meta, "n_ok")), 1);
    assert_string_equal(json_string_value(json_object_get(meta, "study")), "s");
    json_decref(doc);
    json_decref(back);
    json_decref(meta);
    assert_status(whet_store_get_run(store, &back, 99, NULL), WHET_ENOTFOUND);
    assert_contains(whet_error_message(), "no stored run 99");
}

static void listing_filters(void **state)
{
    (void)state;
    json_t *list = NULL;
    int64_t a = put("a", 1, "x"), b = put("b", 2, "y"), c = put("c", 3, "y"), got = 0;
    assert_ok(whet_store_tag(store, b, "good", false));
    assert_ok(whet_store_tag(store, b, "good", false));
    assert_ok(whet_store_tag(store, b, "zebra", false));
    assert_ok(whet_store_list(store, &list, NULL));
    assert_int_equal(json_array_size(list), 3);
    assert_int_equal(json_integer_value(json_object_get(json_array_get(list, 0), "id")), c); // newest first
    json_decref(list);
    whet_store_filter f = {.tag = "good"};
    assert_ok(whet_store_list(store, &list, &f));
    assert_int_equal(json_array_size(list), 1);
    assert_int_equal(json_array_size(json_object_get(json_array_get(list, 0), "tags")), 2);
    json_decref(list);
    whet_store_filter g = {.study = "y", .limit = 1};
    assert_ok(whet_store_list(store, &list, &g));
    assert_int_equal(json_array_size(list), 1);
    json_decref(list);
    assert_ok(whet_store_find_run(store, "latest:x", &got));
    assert_int_equal(got, a);
    assert_ok(whet_store_find_run(store, "latest", &got));
    assert_int_equal(got, c);
    assert_status(whet_store_find_run(store, "newest", &got), WHET_ENOTFOUND);
    assert_status(whet_store_find_run(store, "latest:none", &got), WHET_ENOTFOUND);
    assert_ok(whet_store_tag(store, b, "good", true));
    assert_ok(whet_store_remove(store, b));
    assert_status(whet_store_remove(store, b), WHET_ENOTFOUND);
    assert_status(whet_store_tag(store, a, "", false), WHET_EINVAL);
    assert_ok(whet_store_check(store));
}

static void export_moves_runs(void **state)
{
    (void)state;
    json_t *out = NULL, *list = NULL;
    whet_store *other = NULL;
    int added = 0, skipped = 0;
    int64_t a = put("a", 1, "x");
    put("b", 2, NULL);
    assert_ok(whet_store_tag(store, a, "t", false));
    assert_ok(whet_store_export(store, &out, NULL, 0));
    char *other_path = whet_path_join(dir, "other.sqlite");
    assert_ok(whet_store_open(&other, other_path, false));
    assert_ok(whet_store_import(other, out, &added, &skipped));
    assert_int_equal(added, 2);
    assert_ok(whet_store_import(other, out, &added, &skipped));
    assert_int_equal(added, 0);
    assert_int_equal(skipped, 2);
    whet_store_filter f = {.tag = "t"};
    assert_ok(whet_store_list(other, &list, &f));
    assert_string_equal(json_string_value(json_object_get(json_array_get(list, 0), "study")), "x");
    json_decref(list);
    // as a file it says the same
    json_t *read = NULL;
    char *file = whet_path_join(dir, "e.json");
    int count = 0;
    assert_ok(whet_store_export_file(store, file, NULL, 0, &count));
    assert_int_equal(count, 2);
    assert_ok(whet_json_read(&read, file));
    assert_true(json_equal(read, out));
    json_decref(read);
    const int64_t none[] = {a, 77};
    assert_status(whet_store_export_file(store, file, none, 2, &count), WHET_ENOTFOUND);
    assert_ok(whet_json_read(&read, file)); // the older file stays
    assert_true(json_equal(read, out));
    json_decref(read);
    whet_free(file);
    // a broken entry at the end: nothing of the file is taken
    json_array_append_new(json_object_get(out, "runs"), json_object());
    json_object_set_new(json_object_get(json_array_get(json_object_get(out, "runs"), 0), "document"), "new", json_true());
    assert_status(whet_store_import(other, out, &added, &skipped), WHET_EFORMAT);
    assert_ok(whet_store_list(other, &list, NULL));
    assert_int_equal(json_array_size(list), 2);
    json_decref(list);
    json_decref(out);
    whet_store_close(other);
    whet_free(other_path);
}

static void steps_are_found_by_key(void **state)
{
    (void)state;
    whet_store_step step;
    bool found = true;
    json_t *outputs = json_pack("{s:s}", "file", "a.onnx");
    assert_ok(whet_store_get_step(store, "k", &step, &found));
    assert_false(found);
    assert_ok(whet_store_put_step(store, "k", "train", "failed", 1.5, outputs));
    assert_ok(whet_store_put_step(store, "k", "train", "ok", 2.5, outputs));
    assert_ok(whet_store_get_step(store, "k", &step, &found));
    assert_true(found);
    assert_string_equal(step.status, "ok");
    assert_true(step.seconds == 2.5);
    assert_true(json_equal(step.outputs, outputs));
    json_decref(step.outputs);
    json_decref(outputs);
}

static void foreign_files_are_refused(void **state)
{
    (void)state;
    whet_store *s = NULL;
    char *p = whet_path_join(dir, "foreign");
    assert_ok(whet_file_write(p, "this is no database, it is a text of some length\n", 49));
    assert_status(whet_store_open(&s, p, false), WHET_EFORMAT);
    assert_null(s);
    assert_contains(whet_error_message(), "damaged");
    assert_contains(whet_error_message(), p);
    whet_free(p);
    p = whet_path_join(dir, "none");
    assert_status(whet_store_open(&s, p, true), WHET_ENOTFOUND);
    assert_false(whet_file_exists(p));
    whet_free(p);
}

// whet_file_write would refuse: what it is given is a store.
static void spoil(const char *p, const uint8_t *bytes, size_t size)
{
    FILE *f = fopen(p, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, size, f), size);
    assert_int_equal(fclose(f), 0);
}

// Every page overwritten in turn: opening, listing and reading end in an error or in data, never in a crash, and the
// check finds what the others may not have touched.
static void damaged_pages_are_noticed(void **state)
{
    (void)state;
    uint8_t *bytes = NULL;
    size_t size = 0;
    int noticed = 0, pages = 0;
    char *p = whet_path_join(dir, "damaged");
    for (int i = 0; i < 30; i++) put(i % 2 != 0 ? "odd" : "even", i, "s");
    assert_ok(whet_file_read(&bytes, &size, path, 64 << 20));
    for (size_t at = 0; at + 4096 <= size; at += 4096, pages++) {
        uint8_t keep[4096];
        whet_store *s = NULL;
        json_t *list = NULL;
        memcpy(keep, bytes + at, sizeof keep);
        memset(bytes + at, 0xa5, sizeof keep);
        spoil(p, bytes, size);
        memcpy(bytes + at, keep, sizeof keep);
        whet_status status = whet_store_open(&s, p, false);
        if (status == WHET_OK) status = whet_store_list(s, &list, NULL);
        if (status == WHET_OK) status = whet_store_check(s);
        noticed += status == WHET_EFORMAT;
        json_decref(list);
        whet_store_close(s);
    }
    assert_true(pages > 4);
    assert_int_equal(noticed, pages);
    whet_free(bytes);
    whet_free(p);
}

static void newer_files_are_refused(void **state)
{
    (void)state;
    whet_store *s = NULL;
    uint8_t *bytes = NULL;
    size_t size = 0;
    char *p = whet_path_join(dir, "newer");
    assert_ok(whet_file_read(&bytes, &size, path, 64 << 20));
    bytes[63] = 9; // user_version, big-endian at byte 60 of the header
    assert_ok(whet_file_write(p, bytes, size));
    assert_status(whet_store_open(&s, p, false), WHET_EUNSUPPORTED);
    assert_contains(whet_error_message(), "newer whet");
    whet_free(bytes);
    whet_free(p);
}

static whet_status put_and_get(void *arg)
{
    (void)arg;
    json_t *doc = document("a", 0.1), *back = NULL, *meta = NULL, *list = NULL, *moved = NULL;
    whet_store *s = NULL;
    int64_t id = 0;
    int added = 0, skipped = 0;
    whet_status status = whet_store_open(&s, path, false);
    if (status == WHET_OK) status = whet_store_put_run(s, doc, "study", &id);
    if (status == WHET_OK) status = whet_store_tag(s, id, "t", false);
    if (status == WHET_OK) status = whet_store_get_run(s, &back, id, &meta);
    if (status == WHET_OK) status = whet_store_list(s, &list, NULL);
    if (status == WHET_OK) status = whet_store_export(s, &moved, &id, 1);
    if (status == WHET_OK) status = whet_store_import(s, moved, &added, &skipped);
    whet_store_close(s);
    json_decref(doc);
    json_decref(back);
    json_decref(meta);
    json_decref(list);
    json_decref(moved);
    return status;
}

static void allocation_may_fail_anywhere(void **state)
{
    (void)state;
    support_fail_each_allocation(put_and_get, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(run_comes_back_equal, set_up, tear_down),
        cmocka_unit_test_setup_teardown(listing_filters, set_up, tear_down),
        cmocka_unit_test_setup_teardown(export_moves_runs, set_up, tear_down),
        cmocka_unit_test_setup_teardown(steps_are_found_by_key, set_up, tear_down),
        cmocka_unit_test_setup_teardown(foreign_files_are_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(damaged_pages_are_noticed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(newer_files_are_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(allocation_may_fail_anywhere, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
