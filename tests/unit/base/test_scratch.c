/* SPDX-License-Identifier: Apache-2.0 */
/* Scratch folders: found abandoned, or held; by a process that is gone, or lives. */
#include <dirent.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/io.h"
#include "base/mem.h"
#include "base/scratch.h"
#include "support.h"

static int entries(const char *path)
{
    int n = 0;
    DIR *d = opendir(path);
    assert_non_null(d);
    for (struct dirent *e; (e = readdir(d)) != NULL;) n += strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0;
    closedir(d);
    return n;
}

/* A process that makes a folder with something in it and ends without a word. */
static void leave_one(const char *parent)
{
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        whet_scratch s;
        if (whet_scratch_make(&s, parent, ".made-") != WHET_OK) _exit(1);
        char *inner = whet_path_join(s.path, "inner"), *file = whet_path_join(inner, "file");
        _exit(mkdir(inner, 0700) == 0 && whet_file_write(file, "x", 1) == WHET_OK ? 0 : 1);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

static void the_abandoned_goes(void **state)
{
    (void)state;
    char *parent = support_tmpdir();
    assert_non_null(parent);
    whet_scratch a, b, none = {.path = NULL};
    leave_one(parent);
    char *own = whet_path_join(parent, ".made-notes"); /* not of our form: five letters */
    assert_int_equal(mkdir(own, 0700), 0);
    assert_int_equal(entries(parent), 2);
    assert_ok(whet_scratch_make(&a, parent, ".made-"));
    assert_int_equal(entries(parent), 2);
    assert_true(whet_dir_exists(a.path) && whet_dir_exists(own));
    assert_ok(whet_scratch_make(&b, parent, ".made-")); /* a is held */
    assert_true(whet_dir_exists(a.path) && whet_dir_exists(b.path));
    whet_scratch_remove(&a);
    whet_scratch_remove(&b);
    whet_scratch_remove(&b);
    whet_scratch_remove(&none);
    assert_int_equal(entries(parent), 1);
    whet_free(own);
    support_rmtree(parent);
}

/* A folder of that name with these rights and this in its mark (NULL: it has none). */
static char *alike(const char *parent, const char *name, mode_t rights, const char *mark)
{
    char *dir = whet_path_join(parent, name), *file = whet_path_join(dir, "precious"), *own = whet_path_join(dir, WHET_SCRATCH_MARK);
    assert_int_equal(mkdir(dir, 0700), 0);
    assert_ok(whet_file_write(file, "x", 1));
    if (mark) assert_ok(whet_file_write(own, mark, strlen(mark)));
    assert_int_equal(chmod(dir, rights), 0);
    whet_free(file);
    whet_free(own);
    return dir;
}

static void what_only_looks_alike_stays(void **state)
{
    (void)state;
    char *parent = support_tmpdir(), *dir[4] = {NULL}, *mark = NULL;
    uint8_t *text = NULL;
    size_t size = 0;
    assert_non_null(parent);
    whet_scratch a;
    assert_ok(whet_scratch_make(&a, parent, ".made-"));
    mark = whet_path_join(a.path, WHET_SCRATCH_MARK);
    assert_ok(whet_file_read(&text, &size, mark, 4096));
    whet_scratch_remove(&a);
    dir[0] = alike(parent, ".made-models", 0700, NULL);
    dir[1] = alike(parent, ".made-Model2", 0700, "mine");
    dir[2] = alike(parent, ".made-sIxsix", 0755, (const char *)text);
    dir[3] = alike(parent, ".made-fourth", 0700, (const char *)text); /* all as whet makes it */
    assert_ok(whet_scratch_make(&a, parent, ".made-"));
    for (int i = 0; i < 4; i++) {
        char *file = whet_path_join(dir[i], "precious");
        if (whet_file_exists(file) != (i < 3)) fail_msg("%s: %s", dir[i], i < 3 ? "somebody's own is gone" : "what is abandoned stayed");
        whet_free(file);
        whet_free(dir[i]);
    }
    whet_scratch_remove(&a);
    whet_free(mark);
    whet_free(text);
    support_rmtree(parent);
}

static void a_place_that_is_none(void **state)
{
    (void)state;
    whet_scratch s;
    assert_int_equal(whet_scratch_make(&s, "/nonexistent", ".made-"), WHET_EIO);
    assert_null(s.path);
    assert_non_null(strstr(whet_error_message(), "no folder can be made in /nonexistent"));
    whet_scratch_remove(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_abandoned_goes), cmocka_unit_test(what_only_looks_alike_stays),
                                       cmocka_unit_test(a_place_that_is_none)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
