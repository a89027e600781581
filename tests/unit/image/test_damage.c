/* SPDX-License-Identifier: Apache-2.0 */
/* Damaged pictures: cut at many offsets and with bits flipped. Each gives a picture or one message with the file's name,
 * never a crash; what is cut is never taken for whole. */
#include <sys/stat.h>

#include "base/rng.h"
#include "image/image.h"
#include "support.h"

static const char *const names[] = {"q90.jpg", "progressive.jpg", "cmyk.jpg", "exif6.jpg", "grey.png", "bits1.png",
                                    "palette.png", "rgba.png", "grey16.png", "rgb.bmp", "anim.gif", "lossy.webp"};

static void must_fail(const char *name, const uint8_t *data, size_t size, size_t cut)
{
    whet_image img = {0};
    whet_status status = whet_image_decode(&img, data, size, 3, name);

    if (status == WHET_OK || !strstr(whet_error_message(), name) || img.data) {
        print_error("%s cut at byte %zu: %s, '%s'\n", name, cut, whet_status_name(status), whet_error_message());
        fail();
    }
}

static void cut_files_are_refused(void **state)
{
    support_shared(dir, "interop/images");
    (void)state;
    for (size_t f = 0; f < WHET_COUNT(names); f++) {
        char *path = whet_path_join(dir, names[f]);
        uint8_t *data = NULL;
        size_t size = 0, step = 0;

        assert_ok(whet_file_read(&data, &size, path, 1 << 24));
        step = size / 97 + 1;
        for (size_t cut = 0; cut + 16 < size; cut += cut < 64 ? 1 : step) {
            uint8_t *part = whet_alloc(cut ? cut : 1); /* its own block: the sanitizer sees a read behind it */
            memcpy(part, data, cut);
            must_fail(names[f], part, cut, cut);
            whet_free(part);
        }
        whet_free(data);
        whet_free(path);
    }
}

static void flipped_bits_never_crash(void **state)
{
    whet_rng r = whet_rng_at(7, 0);
    int failed = 0, tried = 0;

    support_shared(dir, "interop/images");
    (void)state;
    for (size_t f = 0; f < WHET_COUNT(names); f++) {
        char *path = whet_path_join(dir, names[f]);
        uint8_t *data = NULL;
        size_t size = 0;

        assert_ok(whet_file_read(&data, &size, path, 1 << 24));
        for (int i = 0; i < 60; i++) {
            /* half of the flips in the headers */
            size_t at = whet_rng_below(&r, (uint32_t)(i & 1 ? size : WHET_MIN(size, 200)));
            uint8_t bit = (uint8_t)(1u << whet_rng_below(&r, 8));
            whet_image img = {0};
            data[at] ^= bit;
            if (whet_image_decode(&img, data, size, 3, names[f]) != WHET_OK) failed++;
            tried++;
            whet_image_dispose(&img);
            data[at] ^= bit;
        }
        whet_free(data);
        whet_free(path);
    }
    assert_true(failed > 50 && failed < tried);
}

static void unknown_content_is_named(void **state)
{
    whet_image img = {0};

    (void)state;
    assert_status(whet_image_decode(&img, (const uint8_t *)"hello world, no picture", 23, 0, "a.jpg"), WHET_EFORMAT);
    assert_contains(whet_error_message(), "a.jpg");
    assert_status(whet_image_decode(&img, (const uint8_t *)"", 0, 0, "b.png"), WHET_EFORMAT);
    assert_contains(whet_error_message(), "empty");
    assert_status(whet_image_read(&img, "/nonexistent/c.png", 0), WHET_ENOTFOUND);
}

static void png_round_trip(void **state)
{
    char *dir = support_tmpdir(), *path = whet_path_join(dir, "x.png");

    (void)state;
    for (int channels = 1; channels <= 3; channels += 2) {
        whet_image a = {0}, b = {0};
        assert_ok(whet_image_alloc(&a, 13, 7, channels));
        for (int i = 0; i < 13 * 7 * channels; i++) a.data[i] = (uint8_t)(i * 37);
        assert_ok(whet_image_write_png(path, &a));
        assert_ok(whet_image_read(&b, path, 0));
        assert_int_equal(b.channels, channels);
        assert_memory_equal(a.data, b.data, (size_t)(13 * 7 * channels));
        whet_image_dispose(&a);
        whet_image_dispose(&b);
    }
    assert_status(whet_image_write_png("/nonexistent/dir/x.png", &(whet_image){1, 1, 1, (uint8_t[1]){0}}), WHET_ENOTFOUND);
    whet_free(path);
    support_rmtree(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cut_files_are_refused),
        cmocka_unit_test(flipped_bits_never_crash),
        cmocka_unit_test(unknown_content_is_named),
        cmocka_unit_test(png_round_trip),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
