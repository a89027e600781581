/* SPDX-License-Identifier: Apache-2.0 */
/* CPU features: levels are cumulative, masks only take away, names go there and back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/cpu.h"

static const char *const names[] = {"ref",        "avx2", "avx512",   "avx512vnni", "avx512bf16",
                                    "avx512fp16", "neon", "neon_dot", "neon_fp16"};

static void test_levels(void **state)
{
    const uint32_t isa = whet_isa_detect();
    (void)state;
    assert_int_equal(isa, whet_isa_detect());
    if (isa & WHET_ISA_AVX512) assert_true(isa & WHET_ISA_AVX2);
    if (isa & (WHET_ISA_AVX512VNNI | WHET_ISA_AVX512BF16 | WHET_ISA_AVX512FP16)) assert_true(isa & WHET_ISA_AVX512);
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) assert_true(isa & WHET_ISA_AVX2);
    else assert_false(isa & WHET_ISA_AVX2);
#endif
}

static void test_names(void **state)
{
    uint32_t mask = 0;
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        assert_int_equal(whet_isa_parse(names[i], &mask), WHET_OK);
        assert_string_equal(whet_isa_name(mask), names[i]);
    }
    assert_int_equal(whet_isa_parse("avx513", &mask), WHET_EINVAL);
    assert_non_null(strstr(whet_error_message(), "avx513"));
}

static void test_env_and_mask(void **state)
{
    uint32_t avx2 = 0;
    (void)state;
    assert_int_equal(whet_isa() & ~whet_isa_detect(), 0);
    assert_int_equal(whet_isa(), whet_isa_detect() & WHET_ISA_AVX2); /* WHET_ISA=avx2, set in main */
    whet_isa_set_mask(0);
    assert_int_equal(whet_isa(), 0);
    assert_int_equal(whet_isa_parse("avx512", &avx2), WHET_OK);
    whet_isa_set_mask(avx2);
    assert_int_equal(whet_isa(), whet_isa_detect() & avx2);
    whet_isa_set_mask(UINT32_MAX);
    assert_int_equal(whet_isa(), whet_isa_detect());
}

static void test_machine(void **state)
{
    char model[128] = "", tiny[4] = "";
    int64_t l1 = -1, l2 = -1, l3 = -1;
    (void)state;
    whet_cpu_model(model, sizeof model);
    assert_true(strlen(model) > 0);
    whet_cpu_model(tiny, sizeof tiny);
    assert_true(strlen(tiny) < sizeof tiny);
    whet_cpu_caches(&l1, &l2, &l3);
    assert_true(l1 >= 0 && l2 >= 0 && l3 >= 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_levels), cmocka_unit_test(test_names),
                                       cmocka_unit_test(test_env_and_mask), cmocka_unit_test(test_machine)};
    setenv("WHET_ISA", "avx2", 1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
