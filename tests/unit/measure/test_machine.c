/* SPDX-License-Identifier: Apache-2.0 */
/* R12: the machine is recorded and judged. A quiet machine gives no warning, each disturbance its own. */
#include <jansson.h>

#include "measure/machine.h"
#include "support.h"

enum { MOST_CPUS = 256 };

static json_t *quiet(void)
{
    return json_pack("{sf, sf, ss, ss, sf, sf, sf, sf, sf, sf, sf}", "cpus", 8.0, "usable_cpus", 8.0, "governor", "performance", "virtual", "",
                     "frequency_mhz_before", 3000.0, "frequency_mhz_after", 3010.0, "load1_before", 0.3, "psi_cpu", 0.01, "steal_share", 0.0,
                     "throttled", 0.0, "quota_cpus", 8.0);
}

static void test_judgement(void **state)
{
    static const struct { const char *key, *json, *says; } cases[] = {
        {"governor", "\"powersave\"", "governor is 'powersave'"}, {"virtual", "\"Q35\"", "virtual machine (Q35)"},
        {"load1_before", "4.5", "load average 4.5 on 8 CPUs"},    {"psi_cpu", "0.2", "waited for a CPU 20 %"},
        {"steal_share", "0.05", "hypervisor took 5.0 %"},         {"frequency_mhz_after", "2600.0", "from 3000 to 2600 MHz"},
        {"throttled", "3.0", "throttled 3 times"},                {"quota_cpus", "1.5", "1.5 CPUs' worth of time on 8"},
    };
    (void)state;
    json_t *m = quiet(), *w = json_array();
    whet_machine_judge(m, w);
    assert_int_equal(json_array_size(w), 0);
    json_decref(m);
    for (size_t i = 0; i < WHET_COUNT(cases); i++) {
        m = quiet();
        json_array_clear(w);
        json_object_set_new(m, cases[i].key, json_loads(cases[i].json, JSON_DECODE_ANY, NULL));
        whet_machine_judge(m, w);
        assert_int_equal(json_array_size(w), 1);
        assert_contains(json_string_value(json_array_get(w, 0)), cases[i].says);
        json_object_set_new(m, cases[i].key, json_null()); /* what the kernel does not show is not judged */
        json_array_clear(w);
        whet_machine_judge(m, w);
        assert_int_equal(json_array_size(w), 0);
        json_decref(m);
    }
    json_decref(w);
}

static void test_record(void **state)
{
    static const char *const keys[] = {"host", "cpu", "cpus", "usable_cpus", "isa", "governor", "frequency_mhz_before", "frequency_mhz_after",
                                       "boost", "smt", "numa_nodes", "aslr", "load1_before", "load1_after", "psi_cpu", "quota_cpus",
                                       "virtual", "container", "memory_bytes", "kernel", "machine", "throttled", "steal_share"};
    (void)state;
    json_t *m = whet_machine_record(), *w = json_array();
    whet_machine_finish(m, w);
    for (size_t i = 0; i < WHET_COUNT(keys); i++) { /* there, if only as null */
        if (json_object_get(m, keys[i]) == NULL) print_error("'%s' is not in the record\n", keys[i]);
        assert_non_null(json_object_get(m, keys[i]));
    }
    assert_true(json_number_value(json_object_get(m, "cpus")) >= 1);
    json_decref(m);
    json_decref(w);
}

/* One CPU of each core first, never one that the process may not use. */
static void test_cpus(void **state)
{
    int all[MOST_CPUS], one = -1;
    (void)state;
    const int n = whet_machine_pick_cpus(MOST_CPUS, all, MOST_CPUS);
    assert_true(n >= 1);
    for (int i = 0; i < n; i++)
        for (int k = 0; k < i; k++) assert_true(all[i] != all[k]);
    assert_int_equal(whet_machine_pick_cpus(1, &one, 1), 1);
    assert_int_equal(one, all[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_judgement), cmocka_unit_test(test_record), cmocka_unit_test(test_cpus)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
