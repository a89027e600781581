/* SPDX-License-Identifier: Apache-2.0 */
/* What a row says of a wide spread of single inferences: nothing, the figure, or why an `ok` stands beside it. */
#include "measure/bench_private.h"
#include "support.h"

static void test_words(void **state)
{
    char text[300];
    (void)state;
    assert_false(whet_bench_spread_text(text, sizeof text, 0.02, true));
    assert_true(whet_bench_spread_text(text, sizeof text, 0.2, true));
    assert_string_equal(text, "coefficient of variation 20.0 %");
    assert_true(whet_bench_spread_text(text, sizeof text, 5.3, false));
    assert_string_equal(text, "coefficient of variation 530.0 %");
    assert_true(whet_bench_spread_text(text, sizeof text, 5.3, true));
    assert_string_equal(text, "single inferences vary much (coefficient of variation 530 %), as when other programs interrupt them; the "
                              "median is steady");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_words)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
