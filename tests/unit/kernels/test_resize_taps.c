/* SPDX-License-Identifier: Apache-2.0 */
/* Which input a resize along one axis reads: places where the answer is known without rounding. */
#include "support.h"

#include "kernels/resize/resize.h"

typedef struct pick { whet_resize_coords coords; whet_resize_nearest nearest; int64_t in, out, row, index; } pick;

/* Sizes whose positions fall on an input exactly, though out / in has no exact double. */
static void a_position_on_a_pixel_takes_that_pixel(void **state)
{
    static const pick cases[] = {
        {WHET_COORDS_PYTORCH_HALF_PIXEL, WHET_NEAREST_CEIL, 15, 21, 10, 7}, /* 10.5 * 15 / 21 - 0.5 = 7 */
        {WHET_COORDS_HALF_PIXEL, WHET_NEAREST_CEIL, 15, 21, 10, 7},
        {WHET_COORDS_HALF_PIXEL, WHET_NEAREST_CEIL, 23, 7, 3, 11},
        {WHET_COORDS_ASYMMETRIC, WHET_NEAREST_FLOOR, 30, 16, 8, 15},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const pick *c = &cases[i];
        const whet_resize_rule rule = {.mode = WHET_RESIZE_NEAREST, .coords = c->coords, .nearest = c->nearest};
        const whet_resize_axis axis = {.in = c->in, .out = c->out, .scale = (double)c->out / (double)c->in};
        whet_resize_taps t;
        assert_ok(whet_resize_taps_make(&t, &rule, &axis));
        if (t.index[t.start[c->row]] != c->index)
            fail_msg("case %zu: row %lld of %lld from %lld reads %d, not %lld", i, (long long)c->row, (long long)c->out, (long long)c->in,
                     (int)t.index[t.start[c->row]], (long long)c->index);
        whet_resize_taps_free(&t);
    }
}

/* Asymmetric positions of all sizes up to 64 against whole-number arithmetic. */
static void floor_is_a_division_of_whole_numbers(void **state)
{
    const whet_resize_rule rule = {.mode = WHET_RESIZE_NEAREST, .coords = WHET_COORDS_ASYMMETRIC, .nearest = WHET_NEAREST_FLOOR};
    (void)state;
    for (int64_t in = 1; in <= 64; in++) {
        for (int64_t out = 1; out <= 64; out++) {
            const whet_resize_axis axis = {.in = in, .out = out, .scale = (double)out / (double)in};
            whet_resize_taps t;
            assert_ok(whet_resize_taps_make(&t, &rule, &axis));
            for (int64_t o = 0; o < out; o++)
                if (t.index[t.start[o]] != o * in / out)
                    fail_msg("row %lld of %lld from %lld reads %d", (long long)o, (long long)out, (long long)in, (int)t.index[t.start[o]]);
            whet_resize_taps_free(&t);
        }
    }
}

/* The operator's text: x_original = length_resized > 1 ? (x_resized + 0.5) / scale - 0.5 : 0. */
static void one_output_of_pytorch_half_pixel_is_the_first_input(void **state)
{
    const whet_resize_rule rule = {.mode = WHET_RESIZE_CUBIC, .coords = WHET_COORDS_PYTORCH_HALF_PIXEL, .cubic_a = -0.5};
    const whet_resize_axis axis = {.in = 24, .out = 1, .scale = 1.0 / 24};
    whet_resize_taps t;
    (void)state;
    assert_ok(whet_resize_taps_make(&t, &rule, &axis));
    assert_int_equal(t.start[1], 1);
    assert_int_equal(t.index[0], 0);
    assert_true(t.weight[0] == 1);
    whet_resize_taps_free(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_position_on_a_pixel_takes_that_pixel),
        cmocka_unit_test(floor_is_a_division_of_whole_numbers),
        cmocka_unit_test(one_output_of_pytorch_half_pixel_is_the_first_input),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
