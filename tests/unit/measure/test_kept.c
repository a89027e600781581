/* SPDX-License-Identifier: Apache-2.0 */
/* What interrupted benches left: counted, and removed when it is too old to be of use. */
#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>

#include "measure/kept.h"
#include "support.h"

static void put(const char *folder, const char *name, bool old)
{
    char *path = whet_format("%s/%s", folder, name);
    const struct timespec when[2] = {{.tv_sec = time(NULL) - (old ? WHET_KEPT_SECONDS + 60 : 60)}, {.tv_sec = time(NULL) - (old ? WHET_KEPT_SECONDS + 60 : 60)}};
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs("{}", f);
    assert_int_equal(fclose(f), 0);
    assert_int_equal(utimensat(AT_FDCWD, path, when, 0), 0);
    whet_free(path);
}

static void test_old_ones_go(void **state)
{
    char folder[] = "/tmp/whet-kept-XXXXXX";
    (void)state;
    assert_non_null(mkdtemp(folder));
    put(folder, "bench-0123456789abcdef.json", true);
    put(folder, "bench-0123456789abcdee.json", false);
    put(folder, "bench-notes.json", true);
    whet_kept k = whet_kept_count(folder);
    assert_int_equal(k.old, 1);
    assert_int_equal(k.fresh, 1);
    assert_int_equal(k.bytes, 4);
    whet_kept_remove_old(folder);
    k = whet_kept_count(folder);
    assert_int_equal(k.old, 0);
    assert_int_equal(k.fresh, 1);
    char *other = whet_format("%s/bench-notes.json", folder), *fresh = whet_format("%s/bench-0123456789abcdee.json", folder);
    assert_int_equal(unlink(other), 0); /* was left alone */
    assert_int_equal(unlink(fresh), 0);
    assert_int_equal(rmdir(folder), 0);
    k = whet_kept_count(folder);
    assert_int_equal(k.fresh + k.old, 0);
    whet_free(other);
    whet_free(fresh);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_old_ones_go)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
