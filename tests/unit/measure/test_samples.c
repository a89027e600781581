/* SPDX-License-Identifier: Apache-2.0 */
/* R14: the samples of a measurement are varied pictures, whatever type and rank the model takes them in. */
#include <jansson.h>
#include <math.h>

#include "measure/samples.h"
#include "support.h"

static json_t *inputs(whet_dtype t, int rank, const int *dims, double scale, int zero_point)
{
    json_t *list = json_array(), *d = json_array();
    for (int i = 0; i < rank; i++) json_array_append_new(d, json_integer(dims[i]));
    json_t *o = json_pack("{ss, si, so}", "name", "x", "dtype", whet_dtype_to_onnx(t), "dims", d);
    if (scale > 0) json_object_update_new(o, json_pack("{sf, si}", "scale", scale, "zero_point", zero_point));
    json_array_append_new(list, o);
    return list;
}

static void make(whet_samples *s, json_t *list, const char *data, const char *contract)
{
    const whet_samples_options opt = {.data = data, .split = WHET_SPLIT_VAL, .contract = contract, .count = 4};
    whet_samples_init(s);
    assert_ok(whet_samples_make(s, list, &opt));
    json_decref(list);
}

static int different(const uint8_t *x, size_t n)
{
    bool seen[256] = {false};
    int count = 0;
    for (size_t i = 0; i < n; i++) {
        count += !seen[x[i]];
        seen[x[i]] = true;
    }
    return count;
}

/* Integer pictures without a contract are pictures all the same: whole pixels over the type's range. */
static void test_integers(void **state)
{
    static const int nhwc[] = {1, 32, 40, 3};
    static const whet_dtype types[] = {WHET_U8, WHET_S8};
    uint8_t first[32 * 40 * 3];
    (void)state;
    for (int i = 0; i < 2; i++) {
        whet_samples s;
        make(&s, inputs(types[i], 4, nhwc, 0.5, 3), NULL, NULL);
        const uint8_t *x = s.memory.data;
        assert_int_equal(s.sample_bytes, sizeof first);
        assert_true(different(x, sizeof first) > 64);
        assert_memory_not_equal(x, x + sizeof first, sizeof first);
        for (size_t k = 0; k < sizeof first && i == 1; k++) assert_int_equal(first[k] ^ 128, x[k]); /* -128 is black */
        memcpy(first, x, sizeof first);
        whet_samples_dispose(&s);
    }
}

/* With one, they stand for the contract's values in the scale that the runtime tells. */
static void test_scale(void **state)
{
    static const int nchw[] = {2, 3, 24, 24};
    enum { N = 2 * 3 * 24 * 24 };
    whet_samples f, q;
    (void)state;
    make(&f, inputs(WHET_F32, 4, nchw, 0, 0), NULL, "pm1");
    make(&q, inputs(WHET_S8, 4, nchw, 1.0 / 64, -10), NULL, "pm1");
    const float *x = f.memory.data;
    const int8_t *y = q.memory.data;
    for (int i = 0; i < N; i++) assert_int_equal(y[i], (int)fmax(-128, fmin(127, rint((double)x[i] * 64) - 10)));
    whet_samples_dispose(&f);
    whet_samples_dispose(&q);
}

/* Three dimensions are grey pictures where pictures are given; a layout that the shape tells is not the contract's to say. */
static void test_shapes(void **state)
{
    static const int grey[] = {1, 28, 28}, nchw[] = {1, 1, 28, 28}, nhwc[] = {1, 28, 28, 1};
    whet_samples s, t;
    (void)state;
    make(&s, inputs(WHET_F32, 3, grey, 0, 0), "digits:300,50", "unit");
    make(&t, inputs(WHET_F32, 4, nchw, 0, 0), "digits:300,50", "unit");
    assert_true(s.pictures && s.channels == 1);
    assert_string_equal(s.sha256, t.sha256);
    whet_samples_dispose(&t);
    make(&t, inputs(WHET_F32, 4, nhwc, 0, 0), "digits:300,50", "unit"); /* "unit" says channels first */
    assert_string_equal(s.sha256, t.sha256);
    whet_samples_dispose(&s);
    whet_samples_dispose(&t);
    make(&s, inputs(WHET_F32, 3, grey, 0, 0), NULL, NULL); /* nobody said that these are pictures */
    assert_non_null(strstr(s.source, "random tensors"));
    whet_samples_dispose(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_integers), cmocka_unit_test(test_scale), cmocka_unit_test(test_shapes)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
