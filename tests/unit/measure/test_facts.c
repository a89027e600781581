/* SPDX-License-Identifier: Apache-2.0 */
/* What a model file is: its bytes are deflated only for those who want to know how small they become. */
#include "base/io.h"
#include "base/mem.h"
#include "measure/facts.h"
#include "support.h"

static void test_deflated_on_demand(void **state)
{
    static const uint8_t zeros[20000] = {0};
    char *dir = support_tmpdir(), *path = whet_path_join(dir, "weights.bin");
    whet_facts f = {0};
    (void)state;
    assert_ok(whet_file_write(path, zeros, sizeof zeros));
    assert_ok(whet_facts_read(&f, path));
    assert_int_equal(f.size, sizeof zeros);
    assert_int_equal(f.gzip_size, 0); /* 100 MB would take seconds */
    whet_facts_dispose(&f);
    assert_ok(whet_facts_read_deflated(&f, path));
    assert_int_equal(f.size, sizeof zeros);
    assert_in_range(f.gzip_size, 20, 200);
    whet_facts_dispose(&f);
    whet_free(path);
    support_rmtree(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_deflated_on_demand)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
