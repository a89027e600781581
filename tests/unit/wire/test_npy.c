/* SPDX-License-Identifier: Apache-2.0 */
/* .npy: headers as NumPy writes them, both orders, refusals with a place. */
#include "support.h"
#include "wire/npy.h"

static size_t make(uint8_t *out, const char *header, const void *data, size_t n)
{
    size_t len = strlen(header);
    memcpy(out, "\x93NUMPY\x01\x00", 8);
    out[8] = (uint8_t)len;
    out[9] = (uint8_t)(len >> 8);
    memcpy(out + 10, header, len);
    if (n) memcpy(out + 10 + len, data, n);
    return 10 + len + n;
}

static void round_trip(void **state)
{
    (void)state;
    static const float x[6] = {1, 2, 3, 4, 5, 6};
    static const int64_t dims[2] = {2, 3};
    char *dir = support_tmpdir(), *path = whet_path_join(dir, "x.npy");
    uint8_t *bytes = NULL;
    size_t size = 0;
    whet_npy npy;
    float back[6];
    assert_ok(whet_npy_write(path, 'f', 4, 2, dims, x));
    assert_ok(whet_file_read(&bytes, &size, path, 1 << 20));
    assert_int_equal((size - 24) % 64, 0);
    assert_ok(whet_npy_parse(&npy, bytes, size, path));
    assert_int_equal(npy.kind, 'f');
    assert_int_equal(npy.rank, 2);
    assert_int_equal(npy.dims[1], 3);
    whet_npy_copy(&npy, back);
    assert_memory_equal(back, x, sizeof(x));
    whet_free(bytes);
    whet_free(path);
    support_rmtree(dir);
}

static void scalar_and_vector(void **state)
{
    (void)state;
    char *dir = support_tmpdir(), *path = whet_path_join(dir, "x.npy");
    uint8_t *bytes = NULL, flag = 1;
    size_t size = 0;
    int64_t n = 1;
    whet_npy npy;
    assert_ok(whet_npy_write(path, 'b', 1, 0, NULL, &flag));
    assert_ok(whet_file_read(&bytes, &size, path, 1 << 20));
    assert_ok(whet_npy_parse(&npy, bytes, size, path));
    assert_int_equal(npy.rank, 0);
    assert_int_equal(npy.bytes, 1);
    whet_free(bytes);
    assert_ok(whet_npy_write(path, 'u', 1, 1, &n, &flag));
    assert_ok(whet_file_read(&bytes, &size, path, 1 << 20));
    assert_contains((char *)bytes + 10, "'shape': (1,)");
    assert_ok(whet_npy_parse(&npy, bytes, size, path));
    whet_free(bytes);
    whet_free(path);
    support_rmtree(dir);
}

static void fortran_order_is_turned(void **state)
{
    (void)state;
    static const int32_t columns[6] = {0, 10, 1, 11, 2, 12}, rows[6] = {0, 1, 2, 10, 11, 12};
    uint8_t file[256];
    int32_t back[6];
    whet_npy npy;
    size_t n = make(file, "{'descr': '<i4', 'fortran_order': True, 'shape': (2, 3), }\n", columns, sizeof(columns));
    assert_ok(whet_npy_parse(&npy, file, n, "f.npy"));
    whet_npy_copy(&npy, back);
    assert_memory_equal(back, rows, sizeof(rows));
}

static void wrong_headers(void **state)
{
    (void)state;
    static const struct { const char *header; whet_status status; const char *text; } bad[] = {
        {"{'descr': '>f4', 'fortran_order': False, 'shape': (1,), }", WHET_EUNSUPPORTED, "'>f4'"},
        {"{'descr': '<c8', 'fortran_order': False, 'shape': (1,), }", WHET_EUNSUPPORTED, "'<c8'"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }", WHET_EFORMAT, "4 bytes, its shape needs 8"},
        {"{'descr': '<f4', 'fortran_order': False, }", WHET_EFORMAT, "missing"},
        {"{'descr': '<f4', 'descr': '<f4', }", WHET_EFORMAT, "repeated"},
        {"{'descr': '<f4', 'fortran_order': 1, 'shape': (1,), }", WHET_EFORMAT, "True or False"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (1,), } x", WHET_EFORMAT, "behind"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (1,1,1,1,1,1,1,1,1), }", WHET_EFORMAT, "8 dimensions"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,), }", WHET_EFORMAT, "too large"},
        {"{'descr': '<f8', 'fortran_order': False, 'shape': (4611686018427387904, 4), }", WHET_EFORMAT, "too large"},
        {"", WHET_EFORMAT, "'{' expected"}};
    uint8_t file[512];
    whet_npy npy;
    for (size_t i = 0; i < WHET_COUNT(bad); i++) {
        size_t n = make(file, bad[i].header, "abcd", 4);
        assert_status(whet_npy_parse(&npy, file, n, "f.npy"), bad[i].status);
        assert_contains(whet_error_message(), bad[i].text);
        assert_string_equal(whet_error_last()->file, "f.npy");
    }
}

static void every_truncation_is_refused(void **state)
{
    (void)state;
    uint8_t file[256];
    whet_npy npy;
    size_t n = make(file, "{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }\n", "abcdefgh", 8);
    for (size_t cut = 0; cut < n; cut++) {
        uint8_t *copy = malloc(cut ? cut : 1);
        memcpy(copy, file, cut);
        assert_status(whet_npy_parse(&npy, copy, cut, "f.npy"), WHET_EFORMAT);
        free(copy);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(round_trip), cmocka_unit_test(scalar_and_vector), cmocka_unit_test(fortran_order_is_turned),
        cmocka_unit_test(wrong_headers), cmocka_unit_test(every_truncation_is_refused)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
