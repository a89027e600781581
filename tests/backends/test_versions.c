/* SPDX-License-Identifier: Apache-2.0 */
/* NAME@VERSION, seen from a launcher: the version of that folder or a reason, never another one. The fake plug-in has version
 * 7.1.0 and no folder; ort's folders are made here and hold no library that can be loaded. This program is its own worker. */
#include <jansson.h>

#include "backend/backend.h"
#include "backend/runtime_folders.h"
#include "measure/launch.h"
#include "measure/worker.h"
#include "support.h"

/* What a worker of its own says of a runtime. */
static json_t *probe(const char *name, whet_status *status)
{
    whet_worker_options opt;
    whet_worker *w = NULL;
    json_t *reply = NULL;
    whet_worker_options_init(&opt);
    assert_ok(whet_worker_start(&w, &opt));
    *status = whet_worker_call(w, json_pack("{ss, ss}", "do", "probe", "runtime", name), 20, &reply);
    whet_worker_free(w);
    return reply;
}

static void test_fake(void **state)
{
    static const struct { const char *name; bool good; } rows[] = {{"fake", true}, {"fake@7.1.0", true}, {"fake@8.0.1", false}};
    (void)state;
    for (size_t i = 0; i < WHET_COUNT(rows); i++) {
        whet_status status = WHET_OK;
        json_t *reply = probe(rows[i].name, &status);
        assert_int_equal(status, WHET_OK);
        assert_int_equal(json_is_true(json_object_get(reply, "available")), rows[i].good);
        if (!rows[i].good) assert_contains(json_string_value(json_object_get(reply, "reason")), "8.0.1 was asked for");
        json_decref(reply);
    }
}

static void test_native(void **state)
{
    whet_status status = WHET_OK;
    json_t *reply = probe("native@" WHET_VERSION, &status);
    (void)state;
    assert_int_equal(status, WHET_OK);
    assert_true(json_is_true(json_object_get(reply, "available")));
    json_decref(reply);
    reply = probe("native@0.0.0", &status);
    assert_false(json_is_true(json_object_get(reply, "available")));
    json_decref(reply);
}

/* The registry of this process: which folder the plug-in would be given. */
static void test_folders(void **state)
{
    char *root = support_tmpdir(), dir[WHET_RUNTIME_PATH];
    whet_backends *b = NULL;
    const whet_backend *t = NULL;
    static const char *const versions[] = {"1.31.1", "1.30.0"};
    (void)state;
    setenv("WHET_RUNTIMES", root, 1);
    for (size_t i = 0; i < WHET_COUNT(versions); i++) {
        char *folder = whet_format("%s/ort/%s", root, versions[i]), *file = whet_format("%s/libonnxruntime.so.%s", folder, versions[i]);
        assert_ok(whet_mkdirs(folder));
        assert_ok(whet_file_write(file, "none", 4));
        whet_free(folder);
        whet_free(file);
    }
    assert_ok(whet_backends_create(&b));
    if (whet_backends_find(b, "ort", &t) == WHET_OK) { /* where the plug-in was built */
        assert_ok(whet_backends_find(b, "ort@1.30.0", &t));
        assert_ok(whet_runtime_dir("ort", dir, sizeof dir));
        assert_string_equal(whet_path_base(dir), "1.30.0");
        assert_status(whet_backends_find(b, "ort@1.29.0", &t), WHET_EUNAVAILABLE);
        assert_contains(whet_error_message(), "no pinned version either (pinned: 1.31.1 1.30.0)");
        assert_null(t);
        assert_ok(whet_backend_is_version(whet_backends_at(b, 0)->table, "ort", "anything"));
        assert_status(whet_backend_is_version(whet_backends_at(b, 0)->table, "ort@1.30.0", "1.31.1"), WHET_EUNAVAILABLE);
    }
    assert_status(whet_backends_find(b, "ort@", &t), WHET_EINVAL);
    assert_status(whet_backends_find(b, "ort@../../x", &t), WHET_EINVAL);
    whet_backends_free(b);
    whet_runtime_choose("ort", "");
    unsetenv("WHET_RUNTIMES");
    support_rmtree(root);
}

int main(int argc, char **argv)
{
    setenv("WHET_PLUGINS", FAKE_PLUGINS, 1);
    if (argc > 1 && strcmp(argv[1], "worker") == 0) return whet_worker_main();
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_fake), cmocka_unit_test(test_native), cmocka_unit_test(test_folders)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
