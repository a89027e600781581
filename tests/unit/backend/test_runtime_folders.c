/* SPDX-License-Identifier: Apache-2.0 */
/* Where runtimes lie, which version a name means, which files of a wheel are kept, and that a hostile archive leaves nothing
 * outside. No network and no real wheel is needed. */
#include <sys/wait.h>
#include <unistd.h>

#include "backend/install.h"
#include "backend/runtime_files.h"
#include "backend/unpack.h"
#include "base/scratch.h"
#include "support.h"

static char *scratch;

static void put(const char *rel)
{
    char *path = whet_format("%s/%s", scratch, rel), *parent = whet_strndup(path, (size_t)(whet_path_base(path) - path));
    assert_ok(whet_mkdirs(parent));
    assert_ok(whet_file_write(path, "x", 1));
    whet_free(path);
    whet_free(parent);
}

static int start(void **state)
{
    (void)state;
    scratch = support_tmpdir();
    setenv("WHET_RUNTIMES", scratch, 1);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    whet_runtime_choose("ort", "");
    support_rmtree(scratch);
    unsetenv("WHET_RUNTIMES");
    return 0;
}

static void test_split(void **state)
{
    static const char *const bad[] = {"", "@1.0", "ort@", "ort@../x", "a/b", "ort@."};
    char name[WHET_RUNTIME_NAME], version[WHET_RUNTIME_NAME];
    (void)state;
    assert_ok(whet_runtime_split("ort", name, version));
    assert_string_equal(name, "ort");
    assert_string_equal(version, "");
    assert_ok(whet_runtime_split("ort@1.31.1", name, version));
    assert_string_equal(name, "ort");
    assert_string_equal(version, "1.31.1");
    for (size_t i = 0; i < WHET_COUNT(bad); i++) assert_status(whet_runtime_split(bad[i], name, version), WHET_EINVAL);
}

static void test_versions(void **state)
{
    char dir[WHET_RUNTIME_PATH];
    whet_runtime_installed list[8];
    (void)state;
    assert_status(whet_runtime_dir("ort", dir, sizeof dir), WHET_ENOTFOUND);
    assert_contains(whet_error_message(), "whet runtimes install ort");
    put("ort/1.9.0/libonnxruntime.so.1.9.0");
    put("ort/1.30.0/libonnxruntime.so.1.30.0");
    put("ort/1.4.0/README"); /* no library: not installed */
    put("ort/1.31.1.part-abc/libonnxruntime.so.1.31.1");
    assert_int_equal(whet_runtime_list_installed("ort", NULL, list, 8), 2);
    assert_string_equal(list[0].version, "1.30.0");
    assert_string_equal(list[1].version, "1.9.0");
    assert_ok(whet_runtime_dir("ort", dir, sizeof dir)); /* the newest, as the pinned one is missing */
    assert_string_equal(whet_path_base(dir), "1.30.0");
    put("ort/1.31.1/libonnxruntime.so.1.31.1");
    put("ort/9.0.0/libonnxruntime.so.9.0.0");
    assert_ok(whet_runtime_dir("ort", dir, sizeof dir)); /* the pinned one, although a newer one is there */
    assert_string_equal(whet_path_base(dir), "1.31.1");
    assert_ok(whet_runtime_dir("ort@1.9.0", dir, sizeof dir));
    assert_string_equal(whet_path_base(dir), "1.9.0");
    assert_status(whet_runtime_dir("ort@1.2.3", dir, sizeof dir), WHET_ENOTFOUND);
    assert_contains(whet_error_message(), "there is: 9.0.0, 1.31.1, 1.30.0, 1.9.0");
    assert_contains(whet_error_message(), "no pinned version either (pinned: 1.31.1 1.30.0)"); /* to install it would be refused */
    whet_runtime_choose("ort", "1.30.0");
    assert_ok(whet_runtime_dir("ort", dir, sizeof dir));
    assert_string_equal(whet_path_base(dir), "1.30.0");
    whet_runtime_choose("ort", "");
    assert_status(whet_runtime_dir("nosuch", dir, sizeof dir), WHET_EINVAL);
}

/* Each way in which an installation is spoiled is told apart from a whole one and from one that whet did not make. */
static void test_damage(void **state)
{
    char what[256];
    char *dir = whet_format("%s/ort/1.31.1", scratch), *library = whet_format("%s/libonnxruntime.so.1.31.1", dir), *header = whet_format("%s/include/a.h", dir);
    char *list = whet_format("%s/whet-files.txt", dir);
    (void)state;
    put("ort/1.31.1/libonnxruntime.so.1.31.1");
    put("ort/1.31.1/include/a.h");
    assert_int_equal(whet_runtime_files_check(dir, what, sizeof what), WHET_RUNTIME_UNKNOWN);
    for (int again = 0; again < 2; again++) {
        assert_ok(whet_runtime_files_write(dir));
        assert_int_equal(whet_runtime_files_check(dir, what, sizeof what), WHET_RUNTIME_WHOLE);
        assert_string_equal(what, "");
    }
    assert_ok(whet_file_write(library, "", 0));
    assert_int_equal(whet_runtime_files_check(dir, what, sizeof what), WHET_RUNTIME_DAMAGED);
    assert_string_equal(what, "'libonnxruntime.so.1.31.1' has 0 bytes, not 1");
    const whet_install_spec spec = {.name = "ort", .from = scratch, .arch = "x86_64"};
    whet_install_report r;
    if (whet_runtime_install(&spec, &r) == WHET_OK) fail_msg("a damaged installation passes for a whole one");
    assert_true(whet_file_exists(header) || strcmp(r.folder, dir) != 0); /* nothing is taken away before there is something better */
    assert_ok(whet_file_write(library, "x", 1));
    assert_int_equal(whet_runtime_files_check(dir, what, sizeof what), WHET_RUNTIME_WHOLE);
    assert_int_equal(remove(header), 0);
    assert_int_equal(whet_runtime_files_check(dir, what, sizeof what), WHET_RUNTIME_DAMAGED);
    assert_string_equal(what, "'include/a.h' is missing");
    static const char *const bad[] = {"", "1 libonnxruntime.so.1.31.1\n", "x\nend\n"};
    for (size_t i = 0; i < WHET_COUNT(bad); i++) {
        assert_ok(whet_file_write(list, bad[i], strlen(bad[i])));
        assert_int_equal(whet_runtime_files_check(dir, what, sizeof what), WHET_RUNTIME_DAMAGED);
    }
    whet_free(dir);
    whet_free(library);
    whet_free(header);
    whet_free(list);
}

/* What an installation that was killed left goes with the next one; a folder that only bears such a name does not. */
static void test_left_by_a_killed_one(void **state)
{
    const whet_install_spec spec = {.name = "ort", .from = scratch, .arch = "aarch64"};
    whet_install_report r;
    int ends[2];
    char left[WHET_RUNTIME_PATH] = "";
    (void)state;
    if (whet_runtime_install(&spec, &r) == WHET_OK) fail_msg("there is a wheel in an empty folder");
    char *parent = whet_strndup(r.folder, (size_t)(whet_path_base(r.folder) - r.folder));
    char *prefix = whet_format("%s.part-", whet_path_base(r.folder)), *own = whet_format("%s%sprivat", parent, prefix);
    assert_ok(whet_mkdirs(own));
    assert_int_equal(pipe(ends), 0);
    const pid_t child = fork();
    if (child == 0) {
        whet_scratch s;
        if (whet_scratch_make(&s, parent, prefix) != WHET_OK) _exit(1);
        _exit(write(ends[1], s.path, strlen(s.path)) > 0 ? 0 : 1);
    }
    assert_int_equal(waitpid(child, NULL, 0), child);
    assert_true(read(ends[0], left, sizeof left - 1) > 0);
    close(ends[0]);
    close(ends[1]);
    assert_true(whet_dir_exists(left));
    if (whet_runtime_install(&spec, &r) == WHET_OK) fail_msg("there is a wheel in an empty folder");
    assert_false(whet_dir_exists(left));
    assert_true(whet_dir_exists(own));
    assert_int_equal(rmdir(own), 0);
    whet_free(parent);
    whet_free(prefix);
    whet_free(own);
}

static void test_machines(void **state)
{
    char here[WHET_RUNTIME_NAME], other[WHET_RUNTIME_NAME], dir[WHET_RUNTIME_PATH], want[WHET_RUNTIME_PATH];
    (void)state;
    assert_ok(whet_runtime_machine(NULL, here));
    assert_ok(whet_runtime_machine("arm64", other));
    assert_string_equal(other, "aarch64");
    assert_status(whet_runtime_machine("riscv64", other), WHET_EINVAL);
    assert_ok(whet_runtime_folder("ort", "1.31.1", here, dir, sizeof dir));
    snprintf(want, sizeof want, "%s/ort/1.31.1", scratch);
    assert_string_equal(dir, want);
    const char *foreign = strcmp(here, "aarch64") == 0 ? "x86_64" : "aarch64";
    assert_ok(whet_runtime_folder("ort", "1.31.1", foreign, dir, sizeof dir));
    snprintf(want, sizeof want, "%s/%s/ort/1.31.1", scratch, foreign);
    assert_string_equal(dir, want);
}

static void test_parts(void **state)
{
    static const struct { const char *name, *entry, *to; } rows[] = {
        {"ort", "onnxruntime/capi/libonnxruntime.so.1.31.1", "libonnxruntime.so.1.31.1"},
        {"ort", "onnxruntime/capi/onnxruntime_pybind11_state.cpython-311-x86_64-linux-gnu.so", NULL},
        {"ort", "onnxruntime/capi/", NULL},
        {"openvino", "openvino/libs/libopenvino_intel_cpu_plugin.so", "libopenvino_intel_cpu_plugin.so"},
        {"openvino", "openvino/libs/libopenvino_intel_gpu_plugin.so", NULL},
        {"openvino", "openvino/libs/libtbb.so.12", "libtbb.so.12"},
        {"litert", "ai_edge_litert/libLiteRt.so", "libLiteRt.so"},
        {"litert", "ai_edge_litert/libLiteRtWebGpuAccelerator.so", NULL},
        {"libtorch", "torch/lib/libtorch_cpu.so", "libtorch_cpu.so"},
        {"libtorch", "torch/lib/libtorch_python.so", NULL},
        {"libtorch", "torch/include/c10/core/Device.h", "include/c10/core/Device.h"},
        {"libtorch", "torch/include/ATen/ops/add_ops.h", "include/ATen/ops/add_ops.h"},
        {"libtorch", "torch/include/ATen/ops/add_native.h", NULL},
        {"tensorflow", "tensorflow/libtensorflow_cc.so.2", "libtensorflow_cc.so.2"}};
    (void)state;
    for (size_t i = 0; i < WHET_COUNT(rows); i++) {
        char to[256] = "";
        const char *rest = NULL;
        const whet_runtime_pin *r = whet_runtime_pin_find(rows[i].name, NULL);
        assert_non_null(r);
        const whet_runtime_part *p = whet_runtime_part_of(r, rows[i].entry, &rest);
        if (p != NULL) snprintf(to, sizeof to, "%s%s", p->to, rest);
        if ((p == NULL) != (rows[i].to == NULL) || (p != NULL && strcmp(to, rows[i].to) != 0)) print_error("%s gave '%s'\n", rows[i].entry, to);
        assert_true(p == NULL ? rows[i].to == NULL : rows[i].to != NULL && strcmp(to, rows[i].to) == 0);
    }
}

/* Every pin has a wheel for x86-64 with a whole hash, and no name stands twice. */
static void test_pins(void **state)
{
    static const char *const machines[] = {"x86_64", "aarch64"};
    const whet_runtime_pin *r = NULL;
    (void)state;
    for (size_t i = 0; (r = whet_runtime_pin_at(i)) != NULL; i++) {
        assert_non_null(whet_runtime_wheel_at(r, "x86_64", 0));
        assert_non_null(whet_runtime_part_at(r, 0));
        for (size_t m = 0; m < WHET_COUNT(machines); m++) {
            const whet_runtime_wheel *w = NULL;
            for (size_t k = 0; (w = whet_runtime_wheel_at(r, machines[m], k)) != NULL; k++) {
                assert_int_equal(strlen(w->sha256), 64);
                assert_int_equal(strspn(w->sha256, "0123456789abcdef"), 64);
                assert_contains(w->file, machines[m]);
                assert_contains(w->file, r->version);
                assert_ptr_equal(whet_runtime_wheel_named(r, w->file), w);
            }
        }
    }
}

#ifndef WHET_MINIMAL
/* A ZIP archive of stored entries, written by hand so that its names may be anything. */
static void put16(FILE *f, unsigned v) { fputc((int)(v & 255), f), fputc((int)(v >> 8 & 255), f); }
static void put32(FILE *f, unsigned v) { put16(f, v & 0xffff), put16(f, v >> 16); }

static void write_zip(const char *path, int n, const char *const *names)
{
    unsigned offset[16], at = 0, size = 0;
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    for (int i = 0; i < n; i++) {
        offset[i] = at;
        put32(f, 0x04034b50), put16(f, 20), put16(f, 0), put16(f, 0), put32(f, 0x00210000);
        put32(f, 0x8cdc1683), put32(f, 1), put32(f, 1), put16(f, (unsigned)strlen(names[i])), put16(f, 0); /* CRC-32 of "x" */
        fputs(names[i], f), fputc('x', f);
        at += 31 + (unsigned)strlen(names[i]);
    }
    for (int i = 0; i < n; i++) {
        put32(f, 0x02014b50), put16(f, 0x0314), put16(f, 20), put16(f, 0), put16(f, 0), put32(f, 0x00210000);
        put32(f, 0x8cdc1683), put32(f, 1), put32(f, 1), put16(f, (unsigned)strlen(names[i])), put16(f, 0), put16(f, 0), put16(f, 0), put16(f, 0);
        put32(f, 0100644u << 16), put32(f, offset[i]);
        fputs(names[i], f);
        size += 46 + (unsigned)strlen(names[i]);
    }
    put32(f, 0x06054b50), put16(f, 0), put16(f, 0), put16(f, (unsigned)n), put16(f, (unsigned)n), put32(f, size), put32(f, at), put16(f, 0);
    fclose(f);
}

static bool everything(void *arg, const char *entry, char *to, size_t cap)
{
    (void)arg;
    return snprintf(to, cap, "%s", entry) < (int)cap;
}

static void test_unpack(void **state)
{
    static const char *const good[] = {"a.so", "include/deep/b.h"}, *const evil[] = {"../evil"}, *const twice[] = {"a", "a"};
    char *zip = whet_format("%s/x.zip", scratch), *out = whet_format("%s/out", scratch), *file = whet_format("%s/out/include/deep/b.h", scratch);
    char *outside = whet_format("%s/evil", scratch);
    (void)state;
    assert_ok(whet_mkdirs(out));
    write_zip(zip, 2, good);
    assert_ok(whet_unpack(zip, out, everything, NULL));
    assert_int_equal(whet_file_size(file), 1);
    write_zip(zip, 1, evil);
    assert_status(whet_unpack(zip, out, everything, NULL), WHET_EFORMAT);
    assert_false(whet_file_exists(outside));
    write_zip(zip, 2, twice);
    assert_status(whet_unpack(zip, out, everything, NULL), WHET_EIO);
    assert_ok(whet_file_write(zip, "PK\3\4 this is none", 17));
    assert_true(whet_unpack(zip, out, everything, NULL) != WHET_OK);
    whet_free(zip);
    whet_free(out);
    whet_free(file);
    whet_free(outside);
}
#else
static void test_unpack(void **state) { (void)state; }
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_split), cmocka_unit_test_setup_teardown(test_versions, start, stop),
                                       cmocka_unit_test_setup_teardown(test_damage, start, stop), cmocka_unit_test_setup_teardown(test_left_by_a_killed_one, start, stop),
                                       cmocka_unit_test_setup_teardown(test_machines, start, stop), cmocka_unit_test(test_parts), cmocka_unit_test(test_pins),
                                       cmocka_unit_test_setup_teardown(test_unpack, start, stop)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
