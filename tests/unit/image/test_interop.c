/* SPDX-License-Identifier: Apache-2.0 */
/* Decoding and resizing against what Pillow, OpenCV and TensorFlow gave (../shared/interop/images): lossless decoding
 * exact; JPEG at most 2 levels in 99.9 % of the values; resizing at most 1 level in 99.9 % and 2 everywhere. */
#include <dirent.h>

#include "image/image.h"
#include "support.h"

/* The bytes behind a version 1 header. */
static uint8_t *load_npy(const char *path, size_t expect)
{
    uint8_t *all = NULL;
    size_t size = 0, head = 0;

    if (whet_file_read(&all, &size, path, 1 << 26) != WHET_OK) return NULL;
    head = size > 10 ? 10 + (size_t)(all[8] | all[9] << 8) : 0;
    if (size < head || size - head != expect) {
        printf("%s holds %zu bytes, expected %zu\n", path, size - head, expect);
        whet_free(all);
        return NULL;
    }
    memmove(all, all + head, expect);
    return all;
}

/* Shares of values that differ by more than 0, 1, 2 levels. */
static void compare(const uint8_t *a, const uint8_t *b, size_t n, double over[3])
{
    size_t count[3] = {0, 0, 0};

    for (size_t i = 0; i < n; i++) {
        int d = a[i] > b[i] ? a[i] - b[i] : b[i] - a[i];
        for (int k = 0; k < 3; k++) count[k] += d > k;
    }
    for (int k = 0; k < 3; k++) over[k] = (double)count[k] / (double)n;
}

static void decodes_as_the_real_libraries(void **state)
{
    static const struct { const char *name; int lossless; } files[] = {
        {"q90.jpg", 0}, {"420.jpg", 0}, {"progressive.jpg", 0}, {"grey.jpg", 0}, {"cmyk.jpg", 0}, {"exif2.jpg", 0},
        {"exif3.jpg", 0}, {"exif4.jpg", 0}, {"exif5.jpg", 0}, {"exif6.jpg", 0}, {"exif7.jpg", 0}, {"exif8.jpg", 0},
        {"grey.png", 1}, {"bits1.png", 1}, {"palette.png", 1}, {"rgba.png", 1}, {"grey16.png", 1}, {"rgb.bmp", 1},
        {"anim.gif", 1}, {"lossless.webp", 1}, {"lossy.webp", 0}};
    support_shared(dir, "interop/images");
    int bad = 0;

    (void)state;
    for (size_t i = 0; i < WHET_COUNT(files); i++) {
        char *path = whet_path_join(dir, files[i].name), name[64], *ref_path = NULL;
        whet_image img = {0};
        uint8_t *ref = NULL;
        double over[3] = {1, 1, 1};

#ifdef WHET_MINIMAL
        if (strstr(files[i].name, ".webp")) {
            whet_free(path);
            continue;
        }
#endif
        snprintf(name, sizeof name, "decoded_%s.npy", files[i].name);
        *strchr(name, '.') = '_';
        ref_path = whet_path_join(dir, name);
        if (whet_image_read(&img, path, 3) != WHET_OK) {
            printf("FAIL: %s: %s\n", files[i].name, whet_error_message());
            bad++;
        } else {
            size_t n = (size_t)img.width * (size_t)img.height * 3;
            ref = load_npy(ref_path, n);
            if (ref) compare(img.data, ref, n, over);
            if (files[i].lossless ? over[0] > 0 : over[2] > 0.001) {
                printf("FAIL: %s: %.3f %% differ, %.3f %% by more than 1, %.3f %% by more than 2\n", files[i].name,
                       over[0] * 100, over[1] * 100, over[2] * 100);
                bad++;
            }
        }
        whet_image_dispose(&img);
        whet_free(ref);
        whet_free(ref_path);
        whet_free(path);
    }
    assert_int_equal(bad, 0);
}

/* photo0_33x31_pillow_bilinear.npy -> its parts; false for other names. */
static int parse_name(const char *name, int *photo, int *h, int *w, whet_resize_lib *lib, whet_filter *filter, int *anti)
{
    char lib_name[16], filter_name[32], *dot = NULL;

    if (sscanf(name, "photo%d_%dx%d_%15[a-z]_%31s", photo, h, w, lib_name, filter_name) != 5) return 0;
    dot = strstr(filter_name, ".npy");
    if (!dot) return 0;
    *dot = 0;
    *anti = strstr(filter_name, "_antialias") != NULL;
    if (*anti) *strstr(filter_name, "_antialias") = 0;
    return whet_resize_lib_parse(lib_name, lib) == WHET_OK && whet_filter_parse(filter_name, filter) == WHET_OK;
}

static void resizes_as_the_real_libraries(void **state)
{
    support_shared(dir, "interop/images");
    DIR *d = NULL;
    int bad = 0, ran = 0;

    (void)state;
    d = opendir(dir);
    assert_non_null(d);
    for (struct dirent *e = readdir(d); e; e = readdir(d)) {
        int photo = 0, h = 0, w = 0, anti = 0;
        whet_resize_lib lib = WHET_RESIZE_PILLOW;
        whet_filter filter = WHET_FILTER_NEAREST;
        char png[32], *path = NULL, *ref_path = NULL;
        whet_image src = {0}, dst = {0};
        uint8_t *ref = NULL;
        double over[3] = {1, 1, 1};
        size_t n = 0;

        if (!parse_name(e->d_name, &photo, &h, &w, &lib, &filter, &anti)) continue;
        ran++;
        n = (size_t)h * (size_t)w * 3;
        snprintf(png, sizeof png, "photo%d.png", photo);
        path = whet_path_join(dir, png);
        ref_path = whet_path_join(dir, e->d_name);
        ref = load_npy(ref_path, n);
        if (whet_image_read(&src, path, 3) == WHET_OK && whet_image_resize(&dst, &src, w, h, lib, filter, anti) == WHET_OK && ref)
            compare(dst.data, ref, n, over);
        if (over[1] > 0.001 || over[2] > 0) {
            printf("FAIL: %s: %.3f %% differ, %.3f %% by more than 1, %.3f %% by more than 2\n", e->d_name, over[0] * 100,
                   over[1] * 100, over[2] * 100);
            bad++;
        }
        whet_image_dispose(&src);
        whet_image_dispose(&dst);
        whet_free(ref);
        whet_free(path);
        whet_free(ref_path);
    }
    closedir(d);
    printf("%d resized pictures compared\n", ran);
    assert_true(ran > 100);
    assert_int_equal(bad, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decodes_as_the_real_libraries),
        cmocka_unit_test(resizes_as_the_real_libraries),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
