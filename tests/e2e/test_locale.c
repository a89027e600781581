/* SPDX-License-Identifier: Apache-2.0 */
/* A program that writes decimal commas uses the library: numbers are read and written with a point, and its own stay as they were. */
#include <locale.h>
#include <stdlib.h>

#include "support.h"
#include "whet/whet.h"

/* A locale with a comma, made for this test where the system has none. */
static bool set_comma(const char *folder)
{
    char command[600];
    if (setlocale(LC_ALL, "de_DE.UTF-8") != NULL) return true;
    snprintf(command, sizeof command, "localedef -i de_DE -f UTF-8 '%s/de_DE.UTF-8' >'%s/said' 2>&1", folder, folder);
    if (system(command) != 0) return false;
    setenv("LOCPATH", folder, 1);
    return setlocale(LC_ALL, "de_DE.UTF-8") != NULL;
}

static void test_comma(void **state)
{
    char *folder = support_tmpdir(), *to = whet_format("%s/m.onnx", folder), text[16];
    whet_result *r = NULL;
    whet_contract_fields f;
    (void)state;
    support_shared(model, "models/mnist-pytorch/model.onnx");
    if (!set_comma(folder)) {
        support_rmtree(folder);
        whet_free(to);
        support_skip("locale", "no locale with a decimal comma can be made here");
    }
    whet_contract_fields_init(&f);
    f.base = "unit";
    f.dims = "28x28";
    f.color = "gray";
    f.mean = "0.1307";
    f.std = "0.3081";
    assert_ok(whet_contract_put(&r, model, &f, to));
    whet_result_free(r);
    assert_ok(whet_contract_show(&r, to));
    assert_contains(whet_result_json(r), "0.1307");
    assert_contains(whet_result_text(r, 80, 0), "0.1307)/0.3081");
    whet_result_free(r);
    snprintf(text, sizeof text, "%.1f", 0.5);
    assert_string_equal(text, "0,5");
    setlocale(LC_ALL, "C");
    whet_free(to);
    support_rmtree(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_comma)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
