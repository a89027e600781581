// SPDX-License-Identifier: Apache-2.0
// The store over time and under stress: a file of version 1 is brought to version 2 or left as it was, newer documents are
// refused whole, runs are found by their names, a lock and a full disk change nothing.
#include "support.h"

#include <jansson.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/resource.h>

#include "store/document.h"
#include "store/store.h"
#include "wire/json.h"

// As version 1 made it. Never changed: files like this are on people's disks.
static const char version_1[] =
    "CREATE TABLE runs(id INTEGER PRIMARY KEY AUTOINCREMENT, sha256 TEXT NOT NULL UNIQUE, time TEXT NOT NULL,"
    " kind TEXT NOT NULL, study TEXT, summary TEXT, document TEXT NOT NULL);"
    "CREATE INDEX runs_study ON runs(study, id);"
    "CREATE TABLE tags(run INTEGER NOT NULL REFERENCES runs(id) ON DELETE CASCADE, tag TEXT NOT NULL,"
    " PRIMARY KEY(run, tag)) WITHOUT ROWID;"
    "CREATE TABLE rows(run INTEGER NOT NULL REFERENCES runs(id) ON DELETE CASCADE, n INTEGER NOT NULL, model TEXT,"
    " runtime TEXT, precision TEXT, status TEXT, verdict TEXT, accuracy REAL, p50_ms REAL, img_s REAL, size_bytes INTEGER,"
    " PRIMARY KEY(run, n)) WITHOUT ROWID;"
    "CREATE TABLE steps(key TEXT PRIMARY KEY, name TEXT NOT NULL, status TEXT NOT NULL, time TEXT NOT NULL,"
    " seconds REAL NOT NULL, outputs TEXT NOT NULL) WITHOUT ROWID;"
    "INSERT INTO runs VALUES(3,'aa','2026-01-02T03:04:05Z','bench',NULL,'first',"
    "'{\"kind\":\"bench\",\"context\":{\"machine\":{\"host\":\"box\"}},\"rows\":[{\"model\":\"m.onnx\",\"runtime\":\"native\",\"status\":\"ok\",\"batch\":8,"
    "\"threads\":2,\"runtime_version\":\"1.2\",\"memory\":{\"delta_bytes\":77},\"sha256\":\"ff\"},{\"model\":\"m.onnx\",\"status\":\"runtime missing: x\"}]}');"
    "INSERT INTO runs VALUES(4,'bb','2026-01-02T03:04:06Z','study','demo','second','this is damaged');"
    "INSERT INTO runs VALUES(9,'cc','2026-01-02T03:04:07Z','bench',NULL,'gone','{}');"
    "DELETE FROM runs WHERE id=9;"
    "INSERT INTO rows(run,n,model,runtime,status) VALUES(3,0,'m.onnx','native','ok'),(3,1,'m.onnx',NULL,'runtime missing: x'),(4,0,'x.onnx','ort','ok');"
    "INSERT INTO tags VALUES(3,'good'),(4,'good');"
    "INSERT INTO steps VALUES('k','train','ok','2026-01-02T03:04:05Z',1.5,'{\"file\":\"a.onnx\"}');"
    "PRAGMA user_version=1;";

static char *dir, *path;

static int set_up(void **state)
{
    (void)state;
    dir = support_tmpdir();
    path = whet_path_join(dir, "r.sqlite");
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    unsetenv("WHET_STORE_WAIT");
    whet_free(path);
    support_rmtree(dir);
    return 0;
}

static void sql(const char *text)
{
    sqlite3 *db = NULL;
    char *error = NULL;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    if (sqlite3_exec(db, text, NULL, NULL, &error) != SQLITE_OK) {
        print_error("%s\n", error);
        fail();
    }
    sqlite3_close(db);
}

static int64_t number(const char *text)
{
    sqlite3 *db = NULL;
    sqlite3_stmt *st = NULL;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, text, -1, &st, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(st), SQLITE_ROW);
    const int64_t n = sqlite3_column_int64(st, 0);
    sqlite3_finalize(st);
    sqlite3_close(db);
    return n;
}

static json_t *document(const char *name)
{
    return json_pack("{s:i, s:s, s:s, s:[{s:s, s:s, s:s}]}", "schema_version", 1, "kind", "bench", "summary", name, "rows", "model", name, "runtime", "native",
                     "status", "ok");
}

static int64_t put(whet_store *s, const char *name, const char *study)
{
    int64_t id = 0;
    json_t *doc = document(name);
    assert_ok(whet_store_put_run(s, doc, study, &id));
    json_decref(doc);
    return id;
}

static void check_migrated(whet_store *s)
{
    json_t *list = NULL, *doc = NULL;
    whet_store_step step;
    bool found = false;
    whet_store_filter by_model = {.model = "m.onnx"}, by_tag = {.tag = "good"};
    assert_ok(whet_store_list(s, &list, NULL));
    assert_int_equal(json_array_size(list), 2);
    const json_t *first = json_array_get(list, 1), *second = json_array_get(list, 0);
    assert_int_equal(json_integer_value(json_object_get(first, "id")), 3);
    assert_string_equal(whet_json_str(first, "host"), "box");
    assert_string_equal(whet_json_str(first, "time"), "2026-01-02T03:04:05Z");
    assert_int_equal(json_integer_value(json_object_get(first, "n_rows")), 2);
    assert_int_equal(json_integer_value(json_object_get(first, "n_ok")), 1);
    assert_string_equal(whet_json_str(second, "study"), "demo"); // its document is damaged: the rest of it stays
    assert_int_equal(json_integer_value(json_object_get(second, "n_ok")), 1);
    json_decref(list);
    assert_ok(whet_store_list(s, &list, &by_model));
    assert_int_equal(json_array_size(list), 1);
    json_decref(list);
    assert_ok(whet_store_list(s, &list, &by_tag));
    assert_int_equal(json_array_size(list), 2);
    json_decref(list);
    assert_ok(whet_store_get_run(s, &doc, 3, NULL));
    assert_int_equal(json_array_size(json_object_get(doc, "rows")), 2);
    json_decref(doc);
    assert_ok(whet_store_get_step(s, "k", &step, &found));
    assert_true(found);
    json_decref(step.outputs);
    assert_ok(whet_store_check(s));
    assert_int_equal(number("SELECT batch FROM rows WHERE run=3 AND n=0"), 8);
    assert_int_equal(number("SELECT memory_bytes FROM rows WHERE run=3 AND n=0"), 77);
    assert_int_equal(number("SELECT count(*) FROM rows WHERE run=4"), 1);
    assert_int_equal(number("PRAGMA user_version"), 2);
    assert_int_equal(number("SELECT count(*) FROM pragma_foreign_key_check"), 0);
}

static void version_1_becomes_2(void **state)
{
    (void)state;
    whet_store *s = NULL;
    sql(version_1);
    assert_ok(whet_store_open(&s, path, false));
    check_migrated(s);
    assert_int_equal(put(s, "new", NULL), 10); // the number of a removed run is not given again
    assert_ok(whet_store_remove(s, 3));        // takes everything of the run along
    assert_int_equal(number("SELECT (SELECT count(*) FROM rows WHERE run=3) + (SELECT count(*) FROM tags WHERE run=3) + (SELECT count(*) FROM documents WHERE run=3)"), 0);
    whet_store_close(s);
}

static void readers_bring_it_along_too(void **state)
{
    (void)state;
    whet_store *s = NULL;
    sql(version_1);
    assert_ok(whet_store_open(&s, path, true));
    check_migrated(s);
    whet_store_close(s);
}

// A name that is taken makes the migration fail in its middle: the file is as it was.
static void failed_migration_changes_nothing(void **state)
{
    (void)state;
    whet_store *s = NULL;
    sql(version_1);
    sql("CREATE TABLE runs_2(x)");
    for (int reader = 0; reader < 2; reader++) {
        assert_true(whet_store_open(&s, path, reader != 0) != WHET_OK);
        assert_contains(whet_error_message(), path);
        assert_int_equal(number("PRAGMA user_version"), 1);
        assert_int_equal(number("SELECT count(*) FROM sqlite_master WHERE name='documents'"), 0);
        assert_int_equal(number("SELECT length(document) > 100 FROM runs WHERE id=3"), 1);
    }
    sql("DROP TABLE runs_2");
    assert_ok(whet_store_open(&s, path, false));
    check_migrated(s);
    whet_store_close(s);
}

static whet_status open_old(void *arg)
{
    whet_store *s = NULL;
    (void)arg;
    unlink(path);
    sql(version_1);
    const whet_status status = whet_store_open(&s, path, false);
    if (status != WHET_OK) assert_int_equal(number("PRAGMA user_version"), 1);
    whet_store_close(s);
    return status;
}

static void allocation_may_fail_while_migrating(void **state)
{
    (void)state;
    support_fail_each_allocation(open_old, NULL);
}

static void runs_have_names(void **state)
{
    (void)state;
    whet_store *s = NULL;
    int64_t id = 0, a = 0, b = 0, c = 0;
    assert_ok(whet_store_open(&s, path, false));
    a = put(s, "a", "x");
    b = put(s, "b", "y");
    c = put(s, "c", "y");
    assert_ok(whet_store_tag(s, a, "release", false));
    assert_ok(whet_store_tag(s, b, "release", false));
    const struct { const char *name; int64_t id; } names[] = {{"latest", c},     {"latest~0", c},  {"latest~2", a}, {"latest:y~1", b},
                                                             {"latest:x", a},   {"release", b},   {"2", b}};
    for (size_t i = 0; i < WHET_COUNT(names); i++) {
        assert_ok(whet_store_find_run(s, names[i].name, &id));
        assert_int_equal(id, names[i].id);
    }
    const char *const bad[] = {"latest~3", "latest:y~2", "none", "", "12345678901234567890", "latestx", "-1", "latest~x"};
    for (size_t i = 0; i < WHET_COUNT(bad); i++) assert_status(whet_store_find_run(s, bad[i], &id), WHET_ENOTFOUND);
    const char *const reserved[] = {"latest", "latest~1", "latest:y", "17"};
    for (size_t i = 0; i < WHET_COUNT(reserved); i++) assert_status(whet_store_tag(s, a, reserved[i], false), WHET_EINVAL);
    whet_store_close(s);
}

static void newer_documents_are_refused_whole(void **state)
{
    (void)state;
    whet_store *s = NULL;
    json_t *out = NULL, *doc = NULL;
    int added = 0, skipped = 0;
    int64_t runs = 0;
    char *file = whet_path_join(dir, "f.json");
    assert_ok(whet_store_open(&s, path, false));
    put(s, "a", NULL);
    assert_ok(whet_store_export(s, &out, NULL, 0));
    json_t *newer = json_pack("{s:s, s:n, s:[], s:{s:i, s:s, s:[]}}", "time", "2030-01-01T00:00:00Z", "study", "tags", "document", "schema_version", 2, "kind",
                              "bench", "rows");
    json_t *fresh = json_pack("{s:s, s:n, s:[], s:{s:i, s:s}}", "time", "2030-01-01T00:00:00Z", "study", "tags", "document", "schema_version", 1, "kind", "bench");
    json_array_append_new(json_object_get(out, "runs"), fresh);
    json_array_append_new(json_object_get(out, "runs"), newer);
    assert_status(whet_store_import(s, out, &added, &skipped), WHET_EUNSUPPORTED);
    assert_contains(whet_error_message(), "run 3 of the file has schema version 2, this program knows up to 1: use a newer whet");
    assert_ok(whet_store_count(s, &runs));
    assert_int_equal(runs, 1);
    json_object_set_new(out, "whet_export", json_integer(2));
    assert_status(whet_store_import(s, out, &added, &skipped), WHET_EUNSUPPORTED);
    // as files
    assert_ok(whet_json_write(file, json_object_get(newer, "document")));
    assert_status(whet_document_load(&doc, NULL, file, path), WHET_EUNSUPPORTED);
    assert_null(doc);
    assert_contains(whet_error_message(), file);
    // a field that nobody knows is no reason
    assert_ok(whet_file_write(file, "{\"kind\":\"bench\",\"future\":[1],\"rows\":[]}", 39));
    assert_ok(whet_document_load(&doc, NULL, file, path));
    json_decref(doc);
    json_decref(out);
    whet_free(file);
    whet_store_close(s);
}

static void single_results_are_imported(void **state)
{
    (void)state;
    whet_store *s = NULL;
    json_t *doc = document("a"), *list = NULL;
    int added = 0, skipped = 0;
    assert_ok(whet_store_open(&s, path, false));
    json_object_set_new(doc, "started", json_string("2026-05-06T07:08:09Z"));
    assert_ok(whet_store_import(s, doc, &added, &skipped));
    assert_int_equal(added, 1);
    json_object_set_new(doc, "run_id", json_integer(1)); // as the command printed it
    assert_ok(whet_store_import(s, doc, &added, &skipped));
    assert_int_equal(skipped, 1);
    assert_ok(whet_store_list(s, &list, NULL));
    assert_string_equal(whet_json_str(json_array_get(list, 0), "time"), "2026-05-06T07:08:09Z");
    json_decref(list);
    json_decref(doc);
    doc = json_pack("{s:s}", "hello", "world");
    assert_status(whet_store_import(s, doc, &added, &skipped), WHET_EFORMAT);
    json_decref(doc);
    whet_store_close(s);
}

static void lock_is_told(void **state)
{
    (void)state;
    whet_store *s = NULL, *other = NULL;
    sqlite3 *db = NULL;
    int64_t runs = 0;
    json_t *doc = document("b");
    setenv("WHET_STORE_WAIT", "0.05", 1);
    assert_ok(whet_store_open(&s, path, false));
    put(s, "a", NULL);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "BEGIN EXCLUSIVE", NULL, NULL, NULL), SQLITE_OK);
    assert_status(whet_store_put_run(s, doc, NULL, NULL), WHET_EIO);
    assert_contains(whet_error_message(), "locked by another program for over 0.05 s");
    assert_contains(whet_error_message(), path);
    assert_status(whet_store_open(&other, path, true), WHET_EIO);
    assert_contains(whet_error_message(), "locked");
    assert_null(other);
    assert_int_equal(sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
    assert_ok(whet_store_put_run(s, doc, NULL, NULL));
    assert_ok(whet_store_count(s, &runs));
    assert_int_equal(runs, 2);
    json_decref(doc);
    whet_store_close(s);
}

// A limit on the size of files stands for a full disk: writing fails in the middle of a transaction.
static void full_disk_changes_nothing(void **state)
{
    (void)state;
    whet_store *s = NULL;
    struct rlimit old, low;
    int64_t runs = 0, id = 0;
    json_t *doc = document("big"), *back = NULL;
    char *filler = whet_calloc(1, 400001);
    memset(filler, 'x', 400000);
    json_object_set_new(doc, "filler", json_string(filler));
    whet_free(filler);
    assert_ok(whet_store_open(&s, path, false));
    id = put(s, "a", NULL);
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
    low = old;
    low.rlim_cur = (rlim_t)whet_file_size(path) + 65536;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &low), 0);
    const whet_status status = whet_store_put_run(s, doc, NULL, NULL);
    char *text = whet_strdup(whet_error_message());
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
    assert_int_equal(status, WHET_EIO);
    assert_contains(text, "disk full");
    assert_contains(text, path);
    whet_free(text);
    assert_ok(whet_store_count(s, &runs));
    assert_int_equal(runs, 1);
    assert_ok(whet_store_get_run(s, &back, id, NULL));
    json_decref(back);
    assert_ok(whet_store_check(s));
    assert_ok(whet_store_put_run(s, doc, NULL, NULL)); // there is room again
    assert_ok(whet_store_check(s));
    json_decref(doc);
    whet_store_close(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(version_1_becomes_2, set_up, tear_down),
        cmocka_unit_test_setup_teardown(readers_bring_it_along_too, set_up, tear_down),
        cmocka_unit_test_setup_teardown(failed_migration_changes_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(allocation_may_fail_while_migrating, set_up, tear_down),
        cmocka_unit_test_setup_teardown(runs_have_names, set_up, tear_down),
        cmocka_unit_test_setup_teardown(newer_documents_are_refused_whole, set_up, tear_down),
        cmocka_unit_test_setup_teardown(single_results_are_imported, set_up, tear_down),
        cmocka_unit_test_setup_teardown(lock_is_told, set_up, tear_down),
        cmocka_unit_test_setup_teardown(full_disk_changes_nothing, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
