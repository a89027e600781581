/* SPDX-License-Identifier: Apache-2.0 */
/* Errors, memory, files, random numbers, hashes, 16-bit floats. */
#include <math.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/half.h"
#include "base/io.h"
#include "base/printable.h"
#include "base/rng.h"
#include "base/spelling.h"
#include "base/strbuf.h"
#include "support.h"

static void error_detail_is_kept(void **state)
{
    (void)state;
    whet_error_clear();
    assert_int_equal(WHET_FAIL(WHET_EFORMAT, "size %d is wrong", 7), WHET_EFORMAT);
    whet_error_at_file("a.onnx");
    whet_error_at_offset(12);
    whet_error_at_file("b.onnx"); /* the innermost place stays */
    assert_string_equal(whet_error_message(), "a.onnx: size 7 is wrong (byte 12)");
    WHET_FAIL(WHET_EINVAL, "old: %s", whet_error_last()->text); /* may quote the old detail */
    assert_string_equal(whet_error_message(), "old: size 7 is wrong");
    assert_int_equal(whet_error_last()->status, WHET_EINVAL);
    whet_error_at_file("s.yaml");
    whet_error_at_line(3);
    assert_string_equal(whet_error_message(), "s.yaml:3: old: size 7 is wrong");
    assert_int_equal(whet_status_exit_code(WHET_EINVAL), 2);
    assert_int_equal(whet_status_exit_code(WHET_EFORMAT), 3);
    assert_int_equal(whet_status_exit_code(WHET_EGATE), 1);
    assert_int_equal(whet_status_exit_code(WHET_ECANCELLED), 130);
    whet_fail(WHET_EINVAL, "a bad attribute");
    assert_int_equal(whet_error_of_file(WHET_EINVAL), WHET_EFORMAT);
    assert_int_equal(whet_error_last()->status, WHET_EFORMAT);
    whet_fail(WHET_ENOMEM, "no memory");
    assert_int_equal(whet_error_of_file(WHET_ENOMEM), WHET_ENOMEM);
    assert_int_equal(whet_error_last()->status, WHET_ENOMEM);
}

static void messages_hold_no_escapes(void **state)
{
    char cut[8];
    (void)state;
    WHET_FAIL(WHET_EFORMAT, "unknown operator '\x1b[2J\n\xc2\x9b\xff\xc3\xa9'");
    whet_error_at_file("a\x07.onnx");
    whet_error_at_node("red\x1b[31m\xe2\x80\xae");
    assert_string_equal(whet_error_message(), "a\\x07.onnx: unknown operator '\\x1b[2J\\n\\xc2\\x9b\\xff\xc3\xa9' "
                                              "(node 'red\\x1b[31m\\xe2\\x80\\xae')");
    whet_printable(cut, sizeof cut, "abcdef\xc3\xa9", 0);
    assert_string_equal(cut, "abcdef"); /* no half character */
    assert_true(whet_is_printable("a\n\x1b[1;31mb\x1b[0m", WHET_KEEP_LINES | WHET_KEEP_COLOURS));
    assert_false(whet_is_printable("\x1b]0;title\x07", WHET_KEEP_COLOURS));
    assert_false(whet_is_printable("a\nb", 0));
    assert_true(whet_is_utf8("\xc3\xa9\x1b\n\xf0\x9f\x98\x80"));
    assert_false(whet_is_utf8("\xed\xa0\x80")); /* a surrogate */
    assert_false(whet_is_utf8("\xc0\x80"));
    assert_false(whet_is_utf8("a\xf0\x9f"));
}

static void devices_are_written_to_and_folders_refused(void **state)
{
    (void)state;
    char *dir = support_tmpdir(), *pipe = whet_path_join(dir, "pipe");
    struct stat st;
    whet_map *map = NULL;
    assert_status(whet_file_write(dir, "a", 1), WHET_EIO);
    assert_status(whet_map_open(&map, dir), WHET_EIO);
    assert_int_equal(mkfifo(pipe, 0600), 0);
    assert_status(whet_map_open(&map, pipe), WHET_EIO); /* and does not wait for a writer */
    whet_free(pipe);
    char *null = whet_path_join(dir, "null"), *full = whet_path_join(dir, "full");
    assert_int_equal(symlink("/dev/null", null), 0); /* a link, so that a failure here spoils no device */
    assert_int_equal(symlink("/dev/full", full), 0);
    assert_ok(whet_file_write(null, "a", 1));
    assert_int_equal(lstat(null, &st), 0);
    assert_true(S_ISLNK(st.st_mode));
    assert_status(whet_file_write(full, "a", 1), WHET_EIO);
    assert_non_null(strstr(whet_error_message(), "free some space"));
    whet_free(null);
    whet_free(full);
    support_rmtree(dir);
}

static void a_folder_is_held_by_one(void **state)
{
    (void)state;
    char *dir = support_tmpdir();
    int a = -1, b = -1;
    assert_ok(whet_dir_hold(&a, dir));
    assert_status(whet_dir_hold(&b, dir), WHET_EIO);
    assert_int_equal(b, -1);
    whet_dir_release(&a);
    assert_ok(whet_dir_hold(&b, dir));
    whet_dir_release(&b);
    assert_status(whet_dir_hold(&b, "/nonexistent-folder"), WHET_ENOTFOUND);
    support_rmtree(dir);
}

static void allocation_fails_on_request(void **state)
{
    (void)state;
    whet_alloc_fail_after(2);
    void *a = whet_alloc(8), *b = whet_alloc(8), *c = whet_alloc(8);
    whet_alloc_fail_after(0);
    assert_non_null(a);
    assert_null(b);
    assert_non_null(c);
    assert_int_equal(whet_error_last()->status, WHET_ENOMEM);
    whet_free(a);
    whet_free(c);
    assert_null(whet_realloc(NULL, SIZE_MAX / 2, 3)); /* the product overflows */
    assert_null(whet_alloc_aligned(SIZE_MAX - 8, 64));
}

static void arena_gives_zeroed_memory(void **state)
{
    (void)state;
    whet_arena *a = whet_arena_create();
    for (int i = 1; i < 2000; i += 37) {
        unsigned char *p = whet_arena_alloc(a, (size_t)i);
        assert_non_null(p);
        assert_int_equal((uintptr_t)p % 16, 0);
        for (int k = 0; k < i; k++) assert_int_equal(p[k], 0);
        memset(p, 0xff, (size_t)i);
    }
    whet_arena_free(a);
}

static void writer_leaves_all_or_nothing(void **state)
{
    (void)state;
    char *dir = support_tmpdir(), *path = whet_path_join(dir, "x.bin");
    whet_writer *w = NULL;
    uint8_t *data = NULL;
    size_t size = 0;
    assert_ok(whet_writer_open(&w, path));
    assert_ok(whet_writer_write(w, "half", 4));
    assert_false(whet_file_exists(path));
    whet_writer_abort(w);
    assert_false(whet_file_exists(path));
    assert_ok(whet_file_write(path, "whole", 5));
    assert_ok(whet_file_read(&data, &size, path, 100));
    assert_int_equal(size, 5);
    assert_string_equal((char *)data, "whole");
    whet_free(data);
    assert_status(whet_file_read(&data, &size, path, 4), WHET_EFORMAT);
    assert_status(whet_writer_open(&w, "/nonexistent-folder/x"), WHET_ENOTFOUND);
    assert_status(whet_file_write("/dev/full/x", "a", 1), WHET_ENOTFOUND);
    char *sub = whet_path_join(dir, "a/b/c");
    assert_ok(whet_mkdirs(sub));
    assert_ok(whet_mkdirs(sub));
    assert_true(whet_dir_exists(sub));
    whet_free(sub);
    whet_free(path);
    support_rmtree(dir);
}

static void paths(void **state)
{
    (void)state;
    assert_true(whet_path_is_inside("a/b.bin"));
    assert_true(whet_path_is_inside("a..b"));
    assert_false(whet_path_is_inside("../a"));
    assert_false(whet_path_is_inside("a/../../b"));
    assert_false(whet_path_is_inside("/etc/passwd"));
    assert_false(whet_path_is_inside(""));
    assert_string_equal(whet_path_ext("a.b/c.onnx"), ".onnx");
    assert_string_equal(whet_path_ext("a.b/c"), "");
    assert_string_equal(whet_path_base("a/b/c.x"), "c.x");
}

/* Known answers of Philox4x32-10 from the authors' test vectors (Random123, kat_vectors). */
static void philox_known_answers(void **state)
{
    (void)state;
    whet_philox z = whet_rng_block(0, 0, 0);
    assert_int_equal(z.v[0], 0x6627e8d5u);
    assert_int_equal(z.v[1], 0xe169c58du);
    assert_int_equal(z.v[2], 0xbc57ac4cu);
    assert_int_equal(z.v[3], 0x9b00dbd8u);
    whet_philox f = whet_rng_block(UINT64_MAX, UINT64_MAX, UINT64_MAX);
    assert_int_equal(f.v[0], 0x408f276du);
}

static void rng_is_uniform_and_stateless(void **state)
{
    (void)state;
    whet_rng a = whet_rng_at(1, 2), b = whet_rng_at(1, 2);
    double sum = 0, squares = 0;
    int counts[10] = {0};
    for (int i = 0; i < 20000; i++) {
        double x = whet_rng_normal(&a);
        assert_true(x == whet_rng_normal(&b));
        sum += x;
        squares += x * x;
        counts[whet_rng_below(&a, 10)]++;
        (void)whet_rng_below(&b, 10);
    }
    assert_true(fabs(sum / 20000) < 0.03);
    assert_true(fabs(squares / 20000 - 1) < 0.05);
    for (int i = 0; i < 10; i++) assert_in_range(counts[i], 1800, 2200);
    uint32_t index[100];
    bool seen[100] = {false};
    for (uint32_t i = 0; i < 100; i++) index[i] = i;
    whet_rng_shuffle(5, 0, index, 100);
    for (int i = 0; i < 100; i++) seen[index[i]] = true;
    for (int i = 0; i < 100; i++) assert_true(seen[i]);
}

static void hashes_match_published_values(void **state)
{
    (void)state;
    whet_sha256 s;
    char hex[65];
    whet_sha256_init(&s);
    whet_sha256_add(&s, "abc", 3); /* FIPS 180-4 example */
    whet_sha256_hex(&s, hex);
    assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    whet_sha256_init(&s);
    for (int i = 0; i < 1000; i++) whet_sha256_add(&s, "aaaaaaaaaa", 10);
    for (int i = 0; i < 99; i++)
        for (int k = 0; k < 1000; k++) whet_sha256_add(&s, "aaaaaaaaaa", 10);
    whet_sha256_hex(&s, hex); /* one million times "a", also from FIPS */
    assert_string_equal(hex, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
    assert_int_equal(whet_crc32c(0, "123456789", 9), 0xe3069283u); /* RFC 3720's check value */
}

static void halves_round_to_even(void **state)
{
    (void)state;
    for (uint32_t h = 0; h < 65536; h++) {
        float f = whet_f16_to_f32((uint16_t)h), g = whet_bf16_to_f32((uint16_t)h);
        if (f == f) assert_int_equal(whet_f32_to_f16(f), h);
        else assert_true(whet_f16_to_f32(whet_f32_to_f16(f)) != whet_f16_to_f32(whet_f32_to_f16(f)));
        if (g == g) assert_int_equal(whet_f32_to_bf16(g), h);
    }
    assert_int_equal(whet_f32_to_f16(65519.0f), 0x7bff); /* largest that does not round to infinity */
    assert_int_equal(whet_f32_to_f16(65520.0f), 0x7c00);
    assert_int_equal(whet_f32_to_f16(0x1p-25f), 0); /* half of the smallest: to even */
    assert_int_equal(whet_f32_to_f16(0x1.8p-24f), 2);
    assert_int_equal(whet_f32_to_f16(1.0f + 0x1p-11f), 0x3c00);
    assert_int_equal(whet_f32_to_bf16(1.0f + 0x1p-8f), 0x3f80);
}

static void strbuf_grows(void **state)
{
    (void)state;
    whet_strbuf s;
    whet_strbuf_init(&s);
    for (int i = 0; i < 1000; i++) whet_strbuf_printf(&s, "%d,", i);
    char *text = whet_strbuf_take(&s);
    assert_int_equal(strlen(text), 3890);
    whet_free(text);
    whet_alloc_fail_after(1);
    whet_strbuf_puts(&s, "x");
    whet_alloc_fail_after(0);
    assert_null(whet_strbuf_take(&s));
}

static void spelling_finds_the_nearest(void **state)
{
    (void)state;
    static const char *const names[] = {"epochs", "batch", NULL, "seed", "Conv"};
    static const struct { const char *word, *nearest; } cases[] = {
        {"epcohs", "epochs"}, {"bacth", "batch"}, {"SEED", "seed"}, {"cnov", "Conv"}, {"xy", NULL}, {"", NULL}, {"learning_rate", NULL}, {"epo", "epochs"}, {"ep", NULL},
    };
    for (size_t i = 0; i < WHET_COUNT(cases); i++) {
        whet_spelling s = {.word = cases[i].word};
        for (size_t j = 0; j < WHET_COUNT(names); j++) whet_spelling_offer(&s, names[j]);
        if (cases[i].nearest == NULL)
            assert_null(s.nearest);
        else
            assert_string_equal(s.nearest, cases[i].nearest);
    }
    char longest[80] = {0};
    memset(longest, 'a', sizeof longest - 1);
    whet_spelling s = {.word = longest};
    whet_spelling_offer(&s, longest);
    assert_null(s.nearest);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(error_detail_is_kept),   cmocka_unit_test(allocation_fails_on_request),
        cmocka_unit_test(arena_gives_zeroed_memory), cmocka_unit_test(writer_leaves_all_or_nothing),
        cmocka_unit_test(paths),                  cmocka_unit_test(philox_known_answers),
        cmocka_unit_test(rng_is_uniform_and_stateless), cmocka_unit_test(hashes_match_published_values),
        cmocka_unit_test(halves_round_to_even),   cmocka_unit_test(strbuf_grows),
        cmocka_unit_test(spelling_finds_the_nearest),
        cmocka_unit_test(a_folder_is_held_by_one), cmocka_unit_test(messages_hold_no_escapes), cmocka_unit_test(devices_are_written_to_and_folders_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
