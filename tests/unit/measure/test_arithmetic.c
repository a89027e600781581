/* SPDX-License-Identifier: Apache-2.0 */
/* R25: the precision column names the arithmetic that ran. */
#include <jansson.h>
#include <math.h>

#include "measure/arithmetic.h"
#include "support.h"

static void test_names(void **state)
{
    static const struct { const char *nodes, *name; int kinds; double first; } cases[] = {
        {"[{'type':'Conv','precision':'f32','macs':900},{'type':'Relu','precision':'f32','macs':0}]", "f32", 1, 1},
        {"[{'type':'Conv','precision':'f32','macs':600,'kernel':'winograd'},{'type':'Conv','precision':'f32','macs':400,'kernel':'direct'}]",
         "f32-winograd", 2, 0.6},
        {"[{'type':'Conv','precision':'int8','macs':995},{'type':'Gemm','precision':'f32','macs':5}]", "int8", 2, 0.995},
        {"[{'type':'Conv','precision':'int8','macs':93},{'type':'Gemm','precision':'f32','macs':7}]", "mixed: int8 93 %, f32 7 %", 2, 0.93},
        {"[{'type':'Conv','precision':'bf16'},{'type':'Conv','precision':'bf16'},{'type':'Softmax','precision':'f32'}]", "bf16", 1, 1},
        {"[{'type':'Conv','precision':'bf16','macs':null},{'type':'MatMul','precision':'f32','macs':null}]", "mixed: bf16 50 %, f32 50 %", 2, 0.5},
        {"[{'type':'Conv','precision':'f32','macs':10,'kernel':'winograd'},{'type':'Conv','precision':'int8','macs':90}]",
         "mixed: int8 90 %, f32-winograd 10 %", 2, 0.9},
    };
    (void)state;
    for (size_t i = 0; i < WHET_COUNT(cases); i++) {
        char *text = whet_strdup(cases[i].nodes), name[64];
        json_t *shares = NULL;
        for (char *p = text; *p != '\0'; p++)
            if (*p == '\'') *p = '"';
        json_t *nodes = json_loads(text, 0, NULL);
        assert_non_null(nodes);
        assert_true(whet_arithmetic_of(nodes, name, sizeof name, &shares));
        assert_string_equal(name, cases[i].name);
        assert_int_equal(json_array_size(shares), cases[i].kinds);
        assert_true(fabs(json_number_value(json_object_get(json_array_get(shares, 0), "share")) - cases[i].first) < 1e-9);
        json_decref(nodes);
        json_decref(shares);
        whet_free(text);
    }
}

static void test_nothing_told(void **state)
{
    char name[64];
    json_t *shares = NULL, *nodes = json_pack("[{ss, ss}]", "type", "Relu", "precision", "f32"), *none = json_array();
    (void)state;
    assert_false(whet_arithmetic_of(nodes, name, sizeof name, &shares));
    assert_false(whet_arithmetic_of(none, name, sizeof name, &shares));
    assert_null(shares);
    json_decref(nodes);
    json_decref(none);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_names), cmocka_unit_test(test_nothing_told)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
