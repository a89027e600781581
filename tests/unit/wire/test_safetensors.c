/* SPDX-License-Identifier: Apache-2.0 */
/* safetensors: round trip, determinism, every rule of the format broken once. */
#include "support.h"
#include "wire/safetensors.h"

static const float weights[6] = {1, 2, 3, 4, 5, 6};
static const int64_t steps[1] = {42};
static const uint8_t flags[3] = {1, 0, 1};
static const whet_safetensors_entry entries[] = {
    {"flags", "BOOL", 1, {3}, flags, 3},
    {"conv.weight", "F32", 2, {2, 3}, weights, 24},
    {"steps", "I64", 0, {0}, steps, 8},
    {"empty", "F32", 2, {0, 4}, weights, 0}};
static const whet_safetensors_pair meta[] = {{"format", "whet"}, {"note", "a\"b"}};

static void round_trip(void **state)
{
    (void)state;
    char *dir = support_tmpdir(), *a = whet_path_join(dir, "a.safetensors"), *b = whet_path_join(dir, "b.safetensors");
    whet_safetensors *s = NULL;
    uint8_t *x = NULL, *y = NULL;
    size_t nx = 0, ny = 0;
    assert_ok(whet_safetensors_write(a, 4, entries, 2, meta));
    assert_ok(whet_safetensors_write(b, 4, entries, 2, meta));
    assert_ok(whet_file_read(&x, &nx, a, 1 << 20));
    assert_ok(whet_file_read(&y, &ny, b, 1 << 20));
    assert_int_equal(nx, ny);
    assert_memory_equal(x, y, nx);
    assert_ok(whet_safetensors_open(&s, a));
    assert_int_equal(whet_safetensors_count(s), 4);
    const whet_safetensors_entry *e = whet_safetensors_find(s, "conv.weight");
    assert_non_null(e);
    assert_string_equal(e->dtype, "F32");
    assert_int_equal(e->dims[1], 3);
    assert_memory_equal(e->data, weights, 24);
    assert_int_equal((uintptr_t)e->data % 4, 0);
    assert_memory_equal(whet_safetensors_find(s, "flags")->data, flags, 3);
    assert_string_equal(whet_safetensors_meta(s, "note"), "a\"b");
    assert_int_equal(whet_safetensors_meta_count(s), 2);
    assert_null(whet_safetensors_find(s, "nothing"));
    whet_safetensors_close(s);
    whet_free(x);
    whet_free(y);
    whet_free(a);
    whet_free(b);
    support_rmtree(dir);
}

static size_t make(uint8_t *out, const char *header, size_t data)
{
    size_t n = strlen(header);
    memset(out, 0, 8);
    out[0] = (uint8_t)n;
    out[1] = (uint8_t)(n >> 8);
    memcpy(out + 8, header, n);
    memset(out + 8 + n, 7, data);
    return 8 + n + data;
}

static void broken_rules(void **state)
{
    (void)state;
    static const struct { const char *header; size_t data; const char *what; } bad[] = {
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,8]}}", 8, "hole"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},\"b\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4, "overlap"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", 5, "behind the last"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,4]}}", 4, "needs 8"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,8]}}", 4, "outside"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[-1],\"data_offsets\":[0,4]}}", 4, "whole number"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[4611686018427387904,4],\"data_offsets\":[0,4]}}", 4, "overflow"},
        {"{\"a\":{\"dtype\":\"X9\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4, "'X9'"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1]}}", 0, "exactly"},
        {"{\"a\":1}", 0, "exactly"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[0,0]},\"a\":{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[0,0]}}", 0, "duplicate"},
        {"{\"__metadata__\":{\"a\":1}}", 0, "not a string"},
        {" {}", 0, "start with"},
        {"{\"a\":", 0, "JSON"}};
    uint8_t file[512];
    whet_safetensors *s = NULL;
    for (size_t i = 0; i < WHET_COUNT(bad); i++) {
        size_t n = make(file, bad[i].header, bad[i].data);
        whet_status status = whet_safetensors_open_mem(&s, file, n, "w.safetensors");
        assert_true(status == WHET_EFORMAT || status == WHET_EUNSUPPORTED);
        assert_null(s);
        assert_contains(whet_error_message(), bad[i].what);
        assert_string_equal(whet_error_last()->file, "w.safetensors");
    }
}

static void every_truncation_is_refused(void **state)
{
    (void)state;
    uint8_t file[256];
    size_t n = make(file, "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4);
    whet_safetensors *s = NULL;
    for (size_t cut = 0; cut < n; cut++) {
        uint8_t *copy = malloc(cut ? cut : 1);
        memcpy(copy, file, cut);
        assert_status(whet_safetensors_open_mem(&s, copy, cut, "w"), WHET_EFORMAT);
        free(copy);
    }
    assert_ok(whet_safetensors_open_mem(&s, file, n, "w"));
    whet_safetensors_close(s);
}

static void writing_refuses(void **state)
{
    (void)state;
    whet_safetensors_entry twice[2] = {entries[1], entries[1]}, wrong = entries[1];
    wrong.bytes = 20;
    char *dir = support_tmpdir(), *path = whet_path_join(dir, "w.safetensors");
    assert_status(whet_safetensors_write(path, 2, twice, 0, NULL), WHET_EINVAL);
    assert_status(whet_safetensors_write(path, 1, &wrong, 0, NULL), WHET_EINVAL);
    assert_false(whet_file_exists(path));
    whet_free(path);
    support_rmtree(dir);
}

/* A small header that would be a large tree. */
static void header_bomb(void **state)
{
    (void)state;
    const size_t n = 300000;
    char *header = whet_alloc(3 * n + 32);
    uint8_t *file = whet_alloc(3 * n + 64);
    whet_safetensors *s = NULL;
    assert_true(header && file);
    size_t at = (size_t)sprintf(header, "{\"a\":[[]");
    for (size_t i = 0; i < n; i++) at += (size_t)sprintf(header + at, ",[]");
    sprintf(header + at, "]}");
    const size_t length = strlen(header);
    for (int i = 0; i < 8; i++) file[i] = (uint8_t)(length >> (8 * i));
    memcpy(file + 8, header, length);
    assert_status(whet_safetensors_open_mem(&s, file, 8 + length, "b"), WHET_EFORMAT);
    assert_contains(whet_error_message(), "the header would take more memory than a file of");
    whet_free(header);
    whet_free(file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(round_trip), cmocka_unit_test(broken_rules), cmocka_unit_test(every_truncation_is_refused),
        cmocka_unit_test(writing_refuses), cmocka_unit_test(header_bomb)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
