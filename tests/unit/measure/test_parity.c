/* SPDX-License-Identifier: Apache-2.0 */
/* The parity gate: each key at both sides of its bound, and what may never pass. */
#include <jansson.h>
#include <math.h>

#include "measure/parity.h"
#include "support.h"

static whet_tensor f32(int n, float *x)
{
    return (whet_tensor){.dtype = WHET_F32, .shape = WHET_SHAPE(1, n), .buffer = NULL, .data = x};
}

static bool agrees(const char *accept, const whet_tensor *ref, const whet_tensor *got)
{
    whet_accept a;
    whet_parity p;
    assert_ok(whet_accept_parse(&a, accept));
    whet_parity_init(&p);
    whet_parity_add(&p, &a, ref, got);
    if (!p.ok) assert_true(p.why[0] != '\0');
    return p.ok;
}

static void test_parse(void **state)
{
    whet_accept a;
    char text[128];
    (void)state;
    assert_ok(whet_accept_parse(&a, "cosine=0.998,max=1e-4,lsb=4"));
    assert_string_equal(whet_accept_text(&a, text, sizeof text), "max=0.0001,cosine=0.998,lsb=4");
    static const char *const bad[] = {"", "max", "max=", "max=x", "max=-1", "best=1", "lsb=1.5", "max=1e-4;atol=1", "=1"};
    for (size_t i = 0; i < WHET_COUNT(bad); i++) assert_status(whet_accept_parse(&a, bad[i]), WHET_EINVAL);
    whet_accept_default(&a, "f32");
    assert_true(a.has_max && a.max == 1e-4 && !a.has_cosine);
    whet_accept_default(&a, "fp16");
    assert_true(a.has_max && a.max == 2e-2);
    whet_accept_default(&a, "int8");
    assert_true(a.has_cosine && a.cosine == 0.998 && !a.has_max);
    static const struct { const char *a, *b, *bounds; } pairs[] = {{"f32", "fp16", "max=0.02"}, {"fp16", "f32", "max=0.02"}, {"bf16", "int8", "cosine=0.998"},
        {"int8", "f32", "cosine=0.998"}, {"f32", "f32", "max=0.0001"}, {"", "f32", "max=0.0001"}, {"mixed", "fp16", "cosine=0.998"}};
    for (size_t i = 0; i < WHET_COUNT(pairs); i++) {
        whet_accept_default(&a, whet_precision_coarser(pairs[i].a, pairs[i].b));
        assert_string_equal(whet_accept_text(&a, text, sizeof text), pairs[i].bounds);
    }
}

/* The sentence is of the worst sample and says the figure of the table. */
static void test_names_the_worst(void **state)
{
    float r[2] = {10, 1}, slight[2] = {10.01f, 1}, bad[2] = {10, 1.5f};
    const whet_shape shape = WHET_SHAPE(1, 2);
    const whet_tensor ref = {.dtype = WHET_F32, .shape = shape, .data = r}, got[3] = {{.dtype = WHET_F32, .shape = shape, .data = slight},
                             {.dtype = WHET_F32, .shape = shape, .data = bad}, {.dtype = WHET_F32, .shape = shape, .data = slight}};
    whet_accept a;
    whet_parity p;
    (void)state;
    assert_ok(whet_accept_parse(&a, "max=1e-4"));
    whet_parity_init(&p);
    for (int i = 0; i < 3; i++) whet_parity_add(&p, &a, &ref, &got[i]);
    assert_false(p.ok);
    assert_true(fabs(p.max - 0.05) < 1e-7);
    assert_int_equal(p.worst_sample, 2);
    assert_string_equal(p.why, "max 0.05 (0.5 of max |reference| 10, at element 1) is over 0.0001");
}

static void test_float_keys(void **state)
{
    float r[4] = {0, 1, -10, 5}, g[4] = {0.0009f, 1, -10, 5};
    (void)state;
    whet_tensor ref = f32(4, r), got = f32(4, g);
    assert_true(agrees("max=1e-4", &ref, &got)); /* 0.0009 <= 1e-4 x 10 */
    g[0] = 0.0011f;
    assert_false(agrees("max=1e-4", &ref, &got));
    assert_true(agrees("atol=0.002", &ref, &got));
    assert_false(agrees("atol=0.001", &ref, &got));
    assert_false(agrees("rtol=0.5", &ref, &got)); /* the reference is 0 there */
    assert_true(agrees("atol=0.0012,rtol=0.1", &ref, &got));
    assert_true(agrees("cosine=0.9999", &ref, &got));
    assert_false(agrees("max=1e-4,cosine=0.9", &ref, &got)); /* all keys given are judged */
    g[2] = 10;
    assert_false(agrees("cosine=0.5", &ref, &got));
}

static void test_never(void **state)
{
    float r[3] = {1, 2, 3}, g[3] = {1, NAN, 3};
    (void)state;
    whet_tensor ref = f32(3, r), got = f32(3, g), shorter = f32(2, g);
    static const char *const all[] = {"max=1e6", "atol=1e30", "rtol=1e30", "cosine=0"};
    for (size_t i = 0; i < WHET_COUNT(all); i++) assert_false(agrees(all[i], &ref, &got));
    assert_false(agrees("max=1", &ref, &shorter));
    whet_accept a;
    whet_parity p;
    assert_ok(whet_accept_parse(&a, "max=1e-4"));
    whet_parity_init(&p);
    whet_parity_add(&p, &a, &ref, &got);
    whet_parity_add(&p, &a, &ref, &ref); /* a good sample afterwards brings no cosine back */
    assert_contains(p.why, "NaN in the output: 1 of 3 elements, the first is 1");
    json_t *o = whet_parity_json(&p, "y");
    assert_true(json_is_null(json_object_get(o, "cosine")) && json_is_null(json_object_get(o, "max")));
    json_decref(o);
    r[1] = NAN;
    assert_true(agrees("max=1e-4", &ref, &got)); /* NaN where a NaN belongs */
    assert_false(agrees("lsb=4", &ref, &ref));   /* floats have no steps */
    float zero[3] = {0, 0, 0}, tiny[3] = {1e-20f, 0, 0};
    whet_tensor rz = f32(3, zero), gz = f32(3, tiny);
    assert_true(agrees("max=1e-4", &rz, &rz));
    assert_false(agrees("max=1e-4", &rz, &gz));
}

static void test_lsb(void **state)
{
    static uint8_t r[1000], g[1000];
    (void)state;
    memset(r, 100, sizeof r);
    memset(g, 101, sizeof g);
    whet_tensor ref = {.dtype = WHET_U8, .shape = WHET_SHAPE(1000), .buffer = NULL, .data = r}, got = ref;
    got.data = g;
    assert_true(agrees("lsb=4", &ref, &got));
    for (int i = 0; i < 20; i++) g[i] = 104;
    assert_true(agrees("lsb=4", &ref, &got)); /* 2 % over one step */
    g[20] = 102;
    assert_false(agrees("lsb=4", &ref, &got));
    g[20] = 101;
    g[0] = 105;
    assert_false(agrees("lsb=4", &ref, &got)); /* over four */
    ref.shape = got.shape = WHET_SHAPE(10);
    memset(g, 101, 10);
    g[3] = 102;
    assert_true(agrees("lsb=4", &ref, &got)); /* under 50 elements: one may be two off */
    g[4] = 102;
    assert_false(agrees("lsb=4", &ref, &got));
    g[4] = 101;
    g[3] = 103;
    assert_false(agrees("lsb=4", &ref, &got));
}

static void test_figures(void **state)
{
    float r[6] = {1, 0, 0, 0, 1, 0}, g[6] = {1, 0, 0, 0, 1, 1.5f};
    whet_accept a;
    whet_parity p;
    (void)state;
    whet_tensor ref = {.dtype = WHET_F32, .shape = WHET_SHAPE(2, 3), .buffer = NULL, .data = r}, got = ref;
    got.data = g;
    assert_ok(whet_accept_parse(&a, "max=1e-4"));
    whet_parity_init(&p);
    whet_parity_add(&p, &a, &ref, &ref);
    assert_true(p.ok && p.max == 0);
    whet_parity_add(&p, &a, &ref, &got);
    assert_false(p.ok);
    assert_int_equal(p.samples, 2);
    assert_true(p.max == 1.5 && p.max_abs == 1.5);
    assert_int_equal(p.top1_same, 3);
    assert_int_equal(p.top1_all, 4);
    json_t *o = whet_parity_json(&p, "y");
    assert_true(json_real_value(json_object_get(o, "top1")) == 0.75);
    json_decref(o);
}

/* Two classifiers whose integers lie 128 below their real values: another class is another direction, not a small angle. */
static void test_zero_point(void **state)
{
    int8_t r[1000], g[1000];
    whet_accept a;
    whet_parity p;
    (void)state;
    memset(r, -128, sizeof r);
    memset(g, -128, sizeof g);
    r[3] = g[7] = 40;
    const whet_tensor ref = {.dtype = WHET_S8, .shape = WHET_SHAPE(1, 1000), .data = r}, got = {.dtype = WHET_S8, .shape = WHET_SHAPE(1, 1000), .data = g};
    whet_accept_default(&a, "int8");
    whet_parity_init(&p);
    p.zero = -128;
    whet_parity_add(&p, &a, &ref, &got);
    assert_false(p.ok);
    assert_true(p.cosine == 0 && p.max == 1 && p.max_abs == 168);
    g[7] = -128;
    g[3] = 38;
    whet_parity_init(&p);
    p.zero = -128;
    whet_parity_add(&p, &a, &ref, &got);
    assert_true(p.ok);
}

/* Maps of class scores: the mean over classes of what both masks share, with the channels first or last. */
static void test_mask_iou(void **state)
{
    enum { H = 4, W = 5, C = 3 };
    float r[2][C * H * W] = {{0}}, g[2][C * H * W] = {{0}};
    (void)state;
    for (int i = 0; i < H * W; i++) { /* reference: 10 positions of class 0, 10 of class 1; the output takes 5 of these for class 0 */
        const int a = i < 10 ? 0 : 1, b = i < 15 ? 0 : 1;
        r[0][a * H * W + i] = g[0][b * H * W + i] = r[1][i * C + a] = g[1][i * C + b] = 1;
    }
    for (int last = 0; last < 2; last++) {
        const whet_shape shape = last ? WHET_SHAPE(1, H, W, C) : WHET_SHAPE(1, C, H, W);
        const whet_tensor ref = {.dtype = WHET_F32, .shape = shape, .data = r[last]}, got = {.dtype = WHET_F32, .shape = shape, .data = g[last]};
        whet_accept a;
        whet_parity p;
        assert_ok(whet_accept_parse(&a, "max=1"));
        whet_parity_init(&p);
        whet_parity_add(&p, &a, &ref, &got);
        assert_int_equal(p.top1_all, H * W);
        assert_int_equal(p.top1_same, 15);
        assert_true(fabs(whet_parity_mask_iou(&p) - (10.0 / 15 + 5.0 / 10) / 2) < 1e-12);
        json_t *o = whet_parity_json(&p, "y");
        assert_true(json_is_real(json_object_get(o, "mask_iou")));
        json_decref(o);
    }
    whet_parity flat;
    whet_accept a;
    const whet_tensor row = {.dtype = WHET_F32, .shape = WHET_SHAPE(1, 8), .data = r[0]};
    assert_ok(whet_accept_parse(&a, "max=1"));
    whet_parity_init(&flat);
    whet_parity_add(&flat, &a, &row, &row);
    assert_true(isnan(whet_parity_mask_iou(&flat)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_names_the_worst), cmocka_unit_test(test_parse), cmocka_unit_test(test_float_keys), cmocka_unit_test(test_never),
                                       cmocka_unit_test(test_lsb), cmocka_unit_test(test_figures), cmocka_unit_test(test_zero_point), cmocka_unit_test(test_mask_iou)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
