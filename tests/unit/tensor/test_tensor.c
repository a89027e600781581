/* SPDX-License-Identifier: Apache-2.0 */
/* The dtype table, shapes with overflow, element access, casts by ONNX's rules. */
#include <math.h>

#include "support.h"
#include "tensor/tensor.h"

static void dtype_table_is_consistent(void **state)
{
    (void)state;
    for (int t = 1; t < WHET_DTYPE_COUNT; t++) {
        assert_int_equal(whet_dtype_parse(whet_dtype_name((whet_dtype)t)), t);
        assert_int_equal(whet_dtype_from_onnx(whet_dtype_to_onnx((whet_dtype)t)), t);
    }
    assert_int_equal(whet_dtype_from_onnx(8), WHET_DTYPE_NONE);
    assert_string_equal(whet_onnx_dtype_name(8), "string");
    assert_string_equal(whet_onnx_dtype_name(999), "unknown");
}

static void shapes_refuse_overflow(void **state)
{
    (void)state;
    whet_shape big = WHET_SHAPE((int64_t)1 << 40, (int64_t)1 << 40), empty = WHET_SHAPE(0, (int64_t)1 << 60), s = WHET_SHAPE(2, 3, 4);
    int64_t n = 0;
    size_t bytes = 0;
    char text[64];
    assert_status(whet_shape_count(&big, &n), WHET_ENOMEM);
    assert_int_equal(whet_shape_numel(&big), INT64_MAX);
    assert_int_equal(whet_shape_numel(&empty), 0);
    assert_ok(whet_shape_count(&empty, &n));
    assert_int_equal(n, 0);
    assert_ok(whet_shape_bytes(&s, WHET_U4, &bytes));
    assert_int_equal(bytes, 12);
    assert_string_equal(whet_shape_text(&s, text, sizeof text), "2x3x4");
}

static void four_bits_are_packed(void **state)
{
    (void)state;
    whet_tensor t = {0};
    whet_shape s = WHET_SHAPE(5);
    assert_ok(whet_tensor_alloc(&t, WHET_S4, &s));
    assert_int_equal(whet_tensor_bytes(&t), 3);
    for (int i = 0; i < 5; i++) whet_tensor_set_s64(&t, i, i - 3);
    for (int i = 0; i < 5; i++) assert_int_equal(whet_tensor_get_s64(&t, i), i - 3);
    whet_tensor_dispose(&t);
}

static void casts(void **state)
{
    (void)state;
    static const double values[] = {1.9, -1.9, 300, -1, NAN, 1e30};
    whet_tensor src = {0}, dst = {0};
    whet_shape s = WHET_SHAPE(6);
    assert_ok(whet_tensor_alloc(&src, WHET_F64, &s));
    memcpy(src.data, values, sizeof values);
    assert_ok(whet_tensor_cast(&dst, &src, WHET_S32));
    assert_int_equal(((int32_t *)dst.data)[0], 1);
    assert_int_equal(((int32_t *)dst.data)[1], -1);
    assert_int_equal(((int32_t *)dst.data)[4], 0);
    assert_ok(whet_tensor_cast(&dst, &src, WHET_BOOL));
    assert_int_equal(((uint8_t *)dst.data)[3], 1);
    assert_ok(whet_tensor_cast(&dst, &src, WHET_F16));
    assert_true(isinf(whet_tensor_get_f64(&dst, 5)));
    whet_tensor same = {0};
    whet_tensor_ref(&same, &dst);
    whet_tensor_dispose(&dst);
    assert_true(isnan(whet_tensor_get_f64(&same, 4)));
    whet_tensor_dispose(&same);
    whet_tensor_dispose(&src);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dtype_table_is_consistent),
        cmocka_unit_test(shapes_refuse_overflow),
        cmocka_unit_test(four_bits_are_packed),
        cmocka_unit_test(casts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
