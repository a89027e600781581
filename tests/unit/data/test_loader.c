/* SPDX-License-Identifier: Apache-2.0 */
/* The batch loader: the same bytes for any number of workers, resume in the middle of an epoch, broken pictures. */
#include "data/dataset.h"
#include "base/hash.h"
#include "support.h"

static whet_contract contract;

static void options(whet_loader_options *o, int workers, bool augment)
{
    whet_loader_options_init(o);
    o->contract = &contract;
    o->channels = 1;
    o->height = o->width = 28;
    o->batch = 37;
    o->shuffle = augment;
    o->drop_last = augment;
    o->seed = 11;
    o->workers = workers;
    if (augment) o->augment = (whet_augment){2, true, 10, .1f};
}

/* Hash of batches first.. of the epoch. */
static void epoch_hash(whet_loader *l, int epoch, int first, char out[65], int *samples)
{
    whet_sha256 sha;
    whet_batch b;

    *samples = 0;
    whet_sha256_init(&sha);
    assert_ok(whet_loader_start(l, epoch, first));
    for (;;) {
        assert_ok(whet_loader_next(l, &b));
        if (b.n == 0) break;
        whet_sha256_add(&sha, b.x, (size_t)b.n * 784 * sizeof(float));
        whet_sha256_add(&sha, b.y, (size_t)b.n * sizeof *b.y);
        *samples += b.n;
        whet_loader_release(l, &b);
    }
    whet_sha256_hex(&sha, out);
}

static void same_for_any_number_of_workers(void **state)
{
    whet_dataset *d = NULL;
    char want[3][65];
    int n = 0;

    (void)state;
    assert_ok(whet_dataset_open(&d, "digits:1000,50", NULL));
    for (int workers = 1; workers <= 3; workers++) {
        whet_loader_options o;
        whet_loader *l = NULL;
        char got[65];
        options(&o, workers, true);
        o.cache = workers != 2;
        assert_ok(whet_loader_create(&l, d, WHET_SPLIT_TRAIN, &o));
        assert_int_equal(whet_loader_batches(l), 900 / 37);
        for (int e = 0; e < 3; e++) {
            epoch_hash(l, e, e == 2 ? 5 : 0, got, &n);
            assert_int_equal(n, (900 / 37 - (e == 2 ? 5 : 0)) * 37);
            if (workers == 1) memcpy(want[e], got, 65);
            assert_string_equal(got, want[e]);
        }
        whet_loader_free(l);
    }
    assert_string_not_equal(want[0], want[1]);
    whet_dataset_close(d);
}

static void stop_in_the_middle_and_start_again(void **state)
{
    whet_dataset *d = NULL;
    whet_loader_options o;
    whet_loader *l = NULL;
    whet_batch b;
    char a[65], c[65];
    int n = 0;

    (void)state;
    assert_ok(whet_dataset_open(&d, "digits:500,50", NULL));
    options(&o, 2, false);
    assert_ok(whet_loader_create(&l, d, WHET_SPLIT_TRAIN, &o));
    epoch_hash(l, 0, 0, a, &n);
    assert_int_equal(n, whet_dataset_count(d, WHET_SPLIT_TRAIN));
    assert_ok(whet_loader_start(l, 0, 0));
    assert_ok(whet_loader_next(l, &b));
    assert_int_equal(b.index[3], 3); /* in order */
    epoch_hash(l, 0, 0, c, &n);
    assert_string_equal(a, c);
    assert_ok(whet_loader_start(l, 0, 0));
    whet_loader_free(l);
    whet_dataset_close(d);
}

static void broken_pictures(void **state)
{
    char *dir = support_tmpdir();
    whet_dataset *d = NULL;
    whet_dataset_options od;
    whet_loader_options o;
    whet_loader *l = NULL;
    whet_batch b;
    const char *first = NULL;
    int n = 0;

    (void)state;
    for (int i = 0; i < 40; i++) {
        char *path = whet_format("%s/train/%c/%02d.png", dir, 'a' + i % 2, i), *folder = whet_format("%s/train/%c", dir, 'a' + i % 2);
        whet_image img = {0};
        assert_ok(whet_mkdirs(folder));
        if (i % 20 == 7) {
            assert_ok(whet_file_write(path, "\x89PNG\r\n\x1a\nbroken", 14));
        } else {
            assert_ok(whet_image_alloc(&img, 28, 28, 1));
            memset(img.data, i, 784);
            assert_ok(whet_image_write_png(path, &img));
            whet_image_dispose(&img);
        }
        whet_free(path);
        whet_free(folder);
    }
    for (int mode = 0; mode < 3; mode++) { /* left out; replaced; strict */
        whet_dataset_options_init(&od);
        od.val = "none";
        od.strict = mode == 2;
        assert_ok(whet_dataset_open(&d, dir, &od));
        options(&o, 2, mode == 1);
        o.drop_last = false;
        assert_ok(whet_loader_create(&l, d, WHET_SPLIT_TRAIN, &o));
        for (int epoch = 0; epoch < 2; epoch++) {
            whet_status status = WHET_OK;
            n = 0;
            assert_ok(whet_loader_start(l, epoch, 0));
            for (;;) {
                status = whet_loader_next(l, &b);
                if (status != WHET_OK || b.n == 0) break;
                for (int k = 0; k < b.n; k++) assert_true(b.index[k] != 3 + 20 && b.y[k] >= 0);
                n += b.n;
                whet_loader_release(l, &b);
            }
            if (mode == 2) {
                assert_int_equal(status, WHET_EFORMAT);
                assert_contains(whet_error_message(), ".png");
            } else {
                assert_ok(status);
                assert_int_equal(n, mode == 0 ? 38 : 40);
                assert_int_equal(whet_dataset_broken(d, &first), 2); /* each is counted once */
                assert_contains(first, "7.png");
            }
        }
        whet_loader_free(l);
        whet_dataset_close(d);
    }
    support_rmtree(dir);
}

static int setup(void **state)
{
    (void)state;
    whet_contract_init(&contract);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(same_for_any_number_of_workers),
        cmocka_unit_test(stop_in_the_middle_and_start_again),
        cmocka_unit_test(broken_pictures),
    };

    return cmocka_run_group_tests(tests, setup, NULL);
}
