/* SPDX-License-Identifier: Apache-2.0 */
/* Readers of sets and the rules for splits, on files that the test makes, and on the real sets where they are. */
#include <zlib.h>

#include "base/rng.h"
#include "data/dataset_impl.h"
#include "support.h"

static void put_file(const char *dir, const char *name, const void *data, size_t n)
{
    char *path = whet_path_join(dir, name);

    assert_ok(whet_file_write(path, data, n));
    whet_free(path);
}

static size_t make_idx(uint8_t *to, int n, bool labels)
{
    static const uint8_t head3[16] = {0, 0, 8, 3, 0, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 5}, head1[8] = {0, 0, 8, 1, 0, 0, 0, 0};
    size_t at = labels ? 8 : 16;

    memcpy(to, labels ? head1 : head3, at);
    to[7] = (uint8_t)n;
    for (int i = 0; i < n; i++) {
        if (labels) to[at++] = (uint8_t)(i % 3);
        else for (int p = 0; p < 20; p++) to[at++] = (uint8_t)(i * 20 + p);
    }
    return at;
}

static void idx_every_truncation(void **state)
{
    uint8_t file[16 + 6 * 20];
    size_t n = make_idx(file, 6, false);
    whet_idx x;

    (void)state;
    assert_ok(whet_idx_parse(&x, file, n, "f"));
    assert_int_equal(x.rank, 3);
    assert_int_equal(x.dims[0], 6);
    for (size_t cut = 0; cut < n; cut++) {
        uint8_t *part = whet_alloc(cut ? cut : 1);
        memcpy(part, file, cut);
        if (whet_idx_parse(&x, part, cut, "cut.idx") != WHET_EFORMAT || !strstr(whet_error_message(), "cut.idx") ||
            whet_error_last()->offset < 0) {
            print_error("cut at %zu: %s\n", cut, whet_error_message());
            fail();
        }
        whet_free(part);
    }
    for (size_t bit = 0; bit < 16 * 8; bit++) { /* any change of the header is noticed or gives the same size */
        file[bit / 8] ^= (uint8_t)(1u << (bit % 8));
        if (whet_idx_parse(&x, file, n, "f") == WHET_OK) assert_true(x.bytes == n - 4 - 4 * (size_t)x.rank);
        file[bit / 8] ^= (uint8_t)(1u << (bit % 8));
    }
}

static void gzip_damage(void **state)
{
    uint8_t plain[4000], packed[5000], *out = NULL;
    size_t size = 0;
    z_stream z;

    (void)state;
    for (size_t i = 0; i < sizeof plain; i++) plain[i] = (uint8_t)(i * i >> 5);
    memset(&z, 0, sizeof z);
    assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY), Z_OK);
    z.next_in = plain;
    z.avail_in = sizeof plain;
    z.next_out = packed;
    z.avail_out = sizeof packed;
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    assert_ok(whet_gunzip(&out, &size, packed, z.total_out, 1 << 20, "f"));
    assert_int_equal(size, sizeof plain);
    assert_memory_equal(out, plain, size);
    whet_free(out);
    assert_status(whet_gunzip(&out, &size, packed, z.total_out, 3999, "f"), WHET_EFORMAT);
    for (size_t cut = 0; cut < z.total_out; cut++) assert_status(whet_gunzip(&out, &size, packed, cut, 1 << 20, "f"), WHET_EFORMAT);
    deflateEnd(&z);
}

static void mnist_folder_and_splits(void **state)
{
    char *dir = support_tmpdir();
    uint8_t file[16 + 60 * 20];
    whet_dataset *d = NULL;
    whet_dataset_options o;
    whet_image img = {0};
    int seen[3] = {0};

    (void)state;
    whet_dataset_options_init(&o);
    put_file(dir, "train-images-idx3-ubyte", file, make_idx(file, 60, false));
    put_file(dir, "train-labels-idx1-ubyte", file, make_idx(file, 60, true));
    assert_ok(whet_dataset_open(&d, dir, &o));
    assert_int_equal(whet_dataset_count(d, WHET_SPLIT_TRAIN), 54);
    assert_int_equal(whet_dataset_count(d, WHET_SPLIT_VAL), 6);
    assert_int_equal(whet_dataset_count(d, WHET_SPLIT_TEST), 0);
    for (int i = 0; i < 6; i++) seen[whet_dataset_label(d, WHET_SPLIT_VAL, i)]++;
    assert_true(seen[0] == 2 && seen[1] == 2 && seen[2] == 2); /* stratified */
    assert_ok(whet_dataset_image(d, WHET_SPLIT_TRAIN, 0, &img, NULL));
    assert_true(img.width == 5 && img.height == 4 && img.channels == 1);
    whet_image_dispose(&img);
    assert_status(whet_dataset_image(d, WHET_SPLIT_TRAIN, 54, &img, NULL), WHET_EINVAL);
    whet_dataset_close(d);
    o.val = "none";
    assert_ok(whet_dataset_open(&d, dir, &o));
    assert_int_equal(whet_dataset_count(d, WHET_SPLIT_TRAIN), 60);
    assert_int_equal(whet_dataset_count(d, WHET_SPLIT_VAL), 0);
    whet_dataset_close(d);
    o.val = "0.5";
    assert_ok(whet_dataset_open(&d, dir, &o));
    assert_int_equal(whet_dataset_count(d, WHET_SPLIT_VAL), 30);
    whet_dataset_close(d);
    o.val = "7";
    assert_status(whet_dataset_open(&d, dir, &o), WHET_EINVAL);
    o.val = NULL;
    put_file(dir, "train-labels-idx1-ubyte", file, make_idx(file, 59, true));
    assert_status(whet_dataset_open(&d, dir, &o), WHET_EFORMAT);
    assert_contains(whet_error_message(), "60 pictures but 59 labels");
    assert_null(d);
    support_rmtree(dir);
}

static void cifar_binary(void **state)
{
    char *dir = support_tmpdir();
    static uint8_t rec[3 * 3073];
    whet_dataset *d = NULL;
    whet_image img = {0};

    (void)state;
    for (int r = 0; r < 3; r++) {
        rec[r * 3073] = (uint8_t)(r * 4);
        for (int i = 0; i < 3072; i++) rec[r * 3073 + 1 + i] = (uint8_t)(i / 1024 * 100 + r);
    }
    put_file(dir, "data_batch_1.bin", rec, sizeof rec);
    put_file(dir, "test_batch.bin", rec, 3073);
    assert_ok(whet_dataset_open(&d, dir, NULL));
    assert_int_equal(whet_dataset_classes(d), 10);
    assert_string_equal(whet_dataset_class_name(d, 8), "ship");
    assert_int_equal(whet_dataset_count(d, WHET_SPLIT_TEST), 1);
    assert_int_equal(whet_dataset_label(d, WHET_SPLIT_TRAIN, 2), 8);
    assert_ok(whet_dataset_image(d, WHET_SPLIT_TRAIN, 2, &img, NULL));
    assert_true(img.channels == 3 && img.data[0] == 2 && img.data[1] == 102 && img.data[2] == 202);
    whet_image_dispose(&img);
    whet_dataset_close(d);
    put_file(dir, "test_batch.bin", rec, 3000);
    assert_status(whet_dataset_open(&d, dir, NULL), WHET_EFORMAT);
    rec[3073] = 77;
    put_file(dir, "test_batch.bin", rec, sizeof rec);
    assert_status(whet_dataset_open(&d, dir, NULL), WHET_EFORMAT);
    assert_contains(whet_error_message(), "label 77");
    support_rmtree(dir);
}

static void make_pictures(const char *root, const char *sub, int n)
{
    char *dir = whet_path_join(root, sub);

    assert_ok(whet_mkdirs(dir));
    for (int i = 0; i < n; i++) {
        char name[32], *path = NULL;
        whet_image img = {0};
        snprintf(name, sizeof name, "%03d.png", i);
        path = whet_path_join(dir, name);
        assert_ok(whet_image_alloc(&img, 4, 4, 1));
        memset(img.data, i, 16);
        assert_ok(whet_image_write_png(path, &img));
        whet_image_dispose(&img);
        whet_free(path);
    }
    whet_free(dir);
}

static void image_folders(void **state)
{
    char *dir = support_tmpdir(), *own = whet_path_join(dir, "own"), *classes = whet_path_join(dir, "classes"),
         *flat = whet_path_join(dir, "flat"), *none = whet_path_join(dir, "none");
    whet_dataset *d = NULL;
    whet_dataset_options o;

    (void)state;
    whet_dataset_options_init(&o);
    make_pictures(own, "train/zebra", 10);
    make_pictures(own, "train/ant", 20);
    make_pictures(own, "validation/ant", 2);
    make_pictures(own, "test/zebra", 3);
    make_pictures(classes, "b", 20);
    make_pictures(classes, "a", 40);
    make_pictures(flat, ".", 5);
    assert_ok(whet_mkdirs(none));
    assert_ok(whet_dataset_open(&d, own, &o));
    assert_int_equal(whet_dataset_classes(d), 2);
    assert_string_equal(whet_dataset_class_name(d, 0), "ant");
    assert_int_equal(whet_dataset_count(d, WHET_SPLIT_TRAIN), 30);
    assert_int_equal(whet_dataset_count(d, WHET_SPLIT_VAL), 2);
    assert_int_equal(whet_dataset_label(d, WHET_SPLIT_TEST, 0), 1);
    whet_dataset_close(d);
    assert_ok(whet_dataset_open(&d, classes, &o)); /* 80/10/10 */
    assert_int_equal(whet_dataset_count(d, WHET_SPLIT_TRAIN), 48);
    assert_int_equal(whet_dataset_count(d, WHET_SPLIT_VAL), 6);
    assert_int_equal(whet_dataset_count(d, WHET_SPLIT_TEST), 6);
    whet_dataset_close(d);
    o.own_model = true; /* all test, less 10 % for choices */
    assert_ok(whet_dataset_open(&d, classes, &o));
    assert_int_equal(whet_dataset_count(d, WHET_SPLIT_TRAIN), 0);
    assert_int_equal(whet_dataset_count(d, WHET_SPLIT_VAL), 6);
    assert_int_equal(whet_dataset_count(d, WHET_SPLIT_TEST), 54);
    whet_dataset_close(d);
    assert_ok(whet_dataset_open(&d, flat, &o));
    assert_int_equal(whet_dataset_classes(d), 0);
    assert_int_equal(whet_dataset_count(d, WHET_SPLIT_TEST), 5);
    assert_int_equal(whet_dataset_label(d, WHET_SPLIT_TEST, 0), -1);
    whet_dataset_close(d);
    assert_status(whet_dataset_open(&d, none, &o), WHET_EFORMAT);
    assert_status(whet_dataset_open(&d, "/nonexistent", &o), WHET_ENOTFOUND);
    assert_status(whet_dataset_open(&d, "", &o), WHET_EINVAL);
    whet_free(own);
    whet_free(classes);
    whet_free(flat);
    whet_free(none);
    support_rmtree(dir);
}

static void digits_are_fixed(void **state)
{
    whet_dataset *d = NULL;
    whet_image a = {0}, b = {0};
    int seen[10] = {0};
    long ink = 0;
    char h1[65], h2[65];

    (void)state;
    assert_ok(whet_dataset_open(&d, "digits:2000,100", NULL));
    for (int i = 0; i < 100; i++) seen[whet_dataset_label(d, WHET_SPLIT_TEST, i)]++;
    for (int i = 0; i < 10; i++) assert_true(seen[i] > 1);
    assert_ok(whet_dataset_image(d, WHET_SPLIT_TRAIN, 5, &a, NULL));
    assert_ok(whet_dataset_image(d, WHET_SPLIT_TRAIN, 5, &b, NULL));
    assert_memory_equal(a.data, b.data, 784);
    for (int i = 0; i < 784; i++) ink += a.data[i];
    assert_true(ink > 784 * 8 && ink < 784 * 130);
    assert_ok(whet_dataset_hash(d, WHET_SPLIT_TRAIN, h1));
    assert_ok(whet_dataset_hash(d, WHET_SPLIT_VAL, h2));
    assert_string_not_equal(h1, h2);
    whet_image_dispose(&a);
    whet_image_dispose(&b);
    whet_dataset_close(d);
    assert_status(whet_dataset_open(&d, "digits:x", NULL), WHET_ENOTFOUND);
}

static void real_mnist(void **state)
{
    whet_dataset *d = NULL;
    whet_image img = {0};

    support_shared(dir, "data/mnist");
    (void)state;
    assert_ok(whet_dataset_open(&d, dir, NULL));
    assert_int_equal(whet_dataset_count(d, WHET_SPLIT_TRAIN) + whet_dataset_count(d, WHET_SPLIT_VAL), 60000);
    assert_int_equal(whet_dataset_count(d, WHET_SPLIT_TEST), 10000);
    assert_int_equal(whet_dataset_label(d, WHET_SPLIT_TEST, 0), 7);
    assert_ok(whet_dataset_image(d, WHET_SPLIT_TEST, 0, &img, NULL));
    assert_int_equal(img.data[7 * 28 + 6], 84); /* the well-known first test seven */
    whet_image_dispose(&img);
    whet_dataset_close(d);
}

static void real_cifar_archive(void **state)
{
    char *cache = support_tmpdir();
    whet_dataset *d = NULL;

    support_shared(dir, "data/cifar10");
    (void)state;
#ifdef WHET_MINIMAL
    support_skip("archive", "the minimal build reads no archives");
#endif
    setenv("WHET_HOME", cache, 1);
    for (int pass = 0; pass < 2; pass++) { /* unpacked, then from the cache */
        whet_image img = {0};
        const char *name = NULL;
        assert_ok(whet_dataset_open(&d, dir, NULL));
        assert_int_equal(whet_dataset_classes(d), 10);
        assert_string_equal(whet_dataset_class_name(d, 9), "truck");
        assert_int_equal(whet_dataset_count(d, WHET_SPLIT_TRAIN), 45000);
        assert_int_equal(whet_dataset_count(d, WHET_SPLIT_VAL), 5000);
        assert_int_equal(whet_dataset_count(d, WHET_SPLIT_TEST), 10000);
        assert_ok(whet_dataset_image(d, WHET_SPLIT_TEST, 9999, &img, &name));
        assert_true(img.width == 32 && img.height == 32 && img.channels == 3);
        assert_string_equal(name, "test/truck/0999.jpg");
        whet_image_dispose(&img);
        whet_dataset_close(d);
    }
    unsetenv("WHET_HOME");
    support_rmtree(cache);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(idx_every_truncation), cmocka_unit_test(gzip_damage),   cmocka_unit_test(mnist_folder_and_splits),
        cmocka_unit_test(cifar_binary),         cmocka_unit_test(image_folders), cmocka_unit_test(digits_are_fixed),
        cmocka_unit_test(real_mnist),           cmocka_unit_test(real_cifar_archive),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
