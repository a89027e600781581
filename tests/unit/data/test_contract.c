/* SPDX-License-Identifier: Apache-2.0 */
/* The preprocessing contract: presets, fields, JSON round trip, and what it makes of pixels. */
#include "data/contract.h"
#include "support.h"

static void presets_and_text(void **state)
{
    static const struct { const char *name, *formula; } want[] = {
        {"unit", "x/255"}, {"pm1", "(x/255-0.5)/0.5"}, {"raw", "x"}, {"caffe", "x-[103.939 116.779 123.68]"},
        {"imagenet", "(x/255-[0.485 0.456 0.406])/[0.229 0.224 0.225]"}};
    whet_contract c;
    char buf[200];

    (void)state;
    whet_contract_init(&c);
    assert_false(c.given);
    for (size_t i = 0; i < WHET_COUNT(want); i++) {
        assert_ok(whet_contract_load(&c, want[i].name));
        assert_true(c.given);
        assert_string_equal(whet_contract_formula(&c, buf, sizeof buf), want[i].formula);
    }
    assert_ok(whet_contract_load(&c, "pm1"));
    assert_ok(whet_contract_set(&c, "size", "32"));
    assert_string_equal(whet_contract_text(&c, buf, sizeof buf), "(x/255-0.5)/0.5, 32x32 RGB, NCHW");
    assert_status(whet_contract_load(&c, "pm2"), WHET_EINVAL);
    assert_status(whet_contract_load(&c, "./none.json"), WHET_ENOTFOUND);
    whet_contract_dispose(&c);
}

static void fields_are_checked(void **state)
{
    static const char *const bad[][2] = {{"size", "a"}, {"size", "3x"}, {"size", "-1"}, {"size", "99999"}, {"mean", "1,,2"},
                                         {"mean", ""}, {"std", "0"}, {"crop", "1.5"}, {"crop", "0"}, {"color", "hsv"},
                                         {"filter", "x"}, {"layout", "chw"}, {"scale", "0"}, {"scale", "1/0"}, {"nope", "1"},
                                         {"antialias", "maybe"}, {"pad", "300"}, {"mean", "1,2,3,4,5"}, {"labels", ""},
                                         {"mean", "1,2"}, {"scale", "1,2"}};
    whet_contract c;

    (void)state;
    whet_contract_init(&c);
    for (size_t i = 0; i < WHET_COUNT(bad); i++)
        if (whet_contract_set(&c, bad[i][0], bad[i][1]) != WHET_EINVAL) {
            print_error("%s=%s was not refused\n", bad[i][0], bad[i][1]);
            fail();
        }
    assert_false(c.given);
    assert_ok(whet_contract_set(&c, "scale", "1/255"));
    assert_true(c.scale == 1.f / 255.f);
    assert_ok(whet_contract_set(&c, "mean", "0.1,0.2,0.3"));
    assert_ok(whet_contract_set(&c, "size", "24x32"));
    assert_int_equal(c.height, 24);
    assert_int_equal(c.width, 32);
    assert_ok(whet_contract_set(&c, "labels", "cat,dog,red car"));
    assert_int_equal(c.n_labels, 3);
    assert_string_equal(c.labels[2], "red car");
    whet_contract_dispose(&c);
}

static void json_round_trip(void **state)
{
    whet_contract a, b;
    char *text = NULL, *again = NULL;

    (void)state;
    whet_contract_init(&a);
    whet_contract_init(&b);
    assert_ok(whet_contract_load(&a, "imagenet"));
    assert_ok(whet_contract_set(&a, "size", "224"));
    assert_ok(whet_contract_set(&a, "crop", "0.875"));
    assert_ok(whet_contract_set(&a, "filter", "bicubic"));
    assert_ok(whet_contract_set(&a, "resize", "tf"));
    assert_ok(whet_contract_set(&a, "antialias", "on"));
    assert_ok(whet_contract_set(&a, "round", "off"));
    assert_ok(whet_contract_set(&a, "layout", "nhwc"));
    assert_ok(whet_contract_set(&a, "labels", "a,b"));
    assert_ok(whet_contract_to_json(&a, &text));
    assert_contains(text, "\"mean\":[0.485,0.456,0.406]");
    assert_ok(whet_contract_from_json(&b, text));
    assert_ok(whet_contract_to_json(&b, &again));
    assert_string_equal(text, again);
    assert_true(b.scale == a.scale && b.std[2] == a.std[2] && b.fit == WHET_FIT_CROP);
    whet_free(text);
    whet_free(again);
    assert_status(whet_contract_from_json(&b, "{\"meen\":[1]}"), WHET_EFORMAT);
    assert_contains(whet_error_message(), "meen");
    assert_status(whet_contract_from_json(&b, "{\"std\":[0,1,1]}"), WHET_EFORMAT);
    assert_status(whet_contract_from_json(&b, "{\"mean\":{}}"), WHET_EFORMAT);
    assert_status(whet_contract_from_json(&b, "[]"), WHET_EFORMAT);
    assert_status(whet_contract_from_json(&b, "{"), WHET_EFORMAT);
    assert_true(b.height == 224); /* untouched by the failures */
    whet_contract_dispose(&a);
    whet_contract_dispose(&b);
}

static void pixels(void **state)
{
    whet_contract c;
    whet_image img = {0}, gray = {0};
    float x[3 * 4 * 4], y[3 * 4 * 4];

    (void)state;
    whet_contract_init(&c);
    assert_ok(whet_image_alloc(&img, 2, 2, 3));
    for (int i = 0; i < 12; i++) img.data[i] = (uint8_t)(i * 20);
    assert_ok(whet_contract_load(&c, "pm1"));
    assert_ok(whet_contract_apply(&c, &img, 3, 2, 2, x));
    for (int k = 0; k < 3; k++)
        for (int p = 0; p < 4; p++) assert_true(x[k * 4 + p] == ((float)img.data[p * 3 + k] / 255.f - .5f) / .5f);
    c.nhwc = true;
    assert_ok(whet_contract_apply(&c, &img, 3, 2, 2, y));
    for (int k = 0; k < 3; k++)
        for (int p = 0; p < 4; p++) assert_true(x[k * 4 + p] == y[p * 3 + k]);
    c.nhwc = false;
    assert_ok(whet_contract_load(&c, "caffe"));
    assert_ok(whet_contract_apply(&c, &img, 3, 2, 2, x));
    assert_true(x[0] == 40.f - 103.939f && x[8] == 0.f - 123.68f); /* blue first */
    /* grey picture into three channels, colour picture into one */
    assert_ok(whet_contract_load(&c, "raw"));
    assert_ok(whet_image_alloc(&gray, 2, 2, 1));
    memset(gray.data, 7, 4);
    assert_ok(whet_contract_apply(&c, &gray, 3, 2, 2, x));
    for (int i = 0; i < 12; i++) assert_true(x[i] == 7.f);
    assert_ok(whet_contract_apply(&c, &img, 1, 2, 2, x));
    assert_true(x[0] == (float)((0 * 19595u + 20 * 38470u + 40 * 7471u + 0x8000u) >> 16));
    /* letterbox: a 2x1 picture in 4x4 lies in the two middle rows */
    assert_ok(whet_contract_set(&c, "fit", "letterbox"));
    assert_ok(whet_contract_set(&c, "pad", "9"));
    gray.height = 1;
    assert_ok(whet_contract_apply(&c, &gray, 1, 4, 4, x));
    assert_true(x[0] == 9.f && x[3] == 9.f && x[4] == 7.f && x[11] == 7.f && x[12] == 9.f);
    assert_status(whet_contract_apply(&c, &gray, 2, 4, 4, x), WHET_ESHAPE);
    whet_image_dispose(&img);
    whet_image_dispose(&gray);
    whet_contract_dispose(&c);
}

/* 6x4 picture, centre crop of 2x2 at fraction 0.5: the shorter side becomes 4, nothing is resized, columns 2 and 3 stay. */
static void centre_crop(void **state)
{
    whet_contract c;
    whet_image img = {0};
    float x[4];

    (void)state;
    whet_contract_init(&c);
    assert_ok(whet_contract_load(&c, "raw"));
    assert_ok(whet_contract_set(&c, "crop", "0.5"));
    assert_ok(whet_image_alloc(&img, 6, 4, 1));
    for (int i = 0; i < 24; i++) img.data[i] = (uint8_t)i;
    assert_ok(whet_contract_apply(&c, &img, 1, 2, 2, x));
    assert_true(x[0] == 8.f && x[1] == 9.f && x[2] == 14.f && x[3] == 15.f);
    whet_image_dispose(&img);
    whet_contract_dispose(&c);
}

static whet_status to_and_from_json(void *arg)
{
    (void)arg;
    whet_contract c, back;
    char *json = NULL;
    whet_contract_init(&c);
    whet_contract_init(&back);
    whet_status status = whet_contract_load(&c, "imagenet");
    if (status == WHET_OK) status = whet_contract_set_labels(&c, 2, (const char *const[]){"cat", "dog"});
    if (status == WHET_OK) status = whet_contract_to_json(&c, &json);
    if (status == WHET_OK) status = whet_contract_from_json(&back, json);
    if (status == WHET_OK) status = whet_contract_copy(&c, &back);
    whet_free(json);
    whet_contract_dispose(&c);
    whet_contract_dispose(&back);
    return status;
}

static void allocation_may_fail_anywhere(void **state)
{
    (void)state;
    support_fail_each_allocation(to_and_from_json, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(presets_and_text), cmocka_unit_test(fields_are_checked), cmocka_unit_test(json_round_trip),
        cmocka_unit_test(pixels),           cmocka_unit_test(centre_crop),
        cmocka_unit_test(allocation_may_fail_anywhere),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
