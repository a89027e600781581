/* SPDX-License-Identifier: Apache-2.0 */
/* What a killed whet left is ended by the next one; what belongs to one that lives is not. */
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>

#include "measure/strays.h"
#include "support.h"

/* A process in a session of its own with the mark of that launcher. */
static pid_t sleeper(pid_t launcher)
{
    char *mark = whet_format(WHET_WORKER_MARK "=%d-1", (int)launcher), *const env[] = {mark, NULL}, *const argv[] = {(char *)"sleep", (char *)"60", NULL};
    int ends[2];
    char byte = 0;
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    const pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        setsid();
        execve("/bin/sleep", argv, env);
        _exit(127);
    }
    close(ends[1]);
    assert_int_equal(read(ends[0], &byte, 1), 0); /* closed by exec: the environment is the new one */
    close(ends[0]);
    whet_free(mark);
    return pid;
}

static void test_orphans(void **state)
{
    int code = 0;
    (void)state;
    const pid_t dead = fork();
    assert_true(dead >= 0);
    if (dead == 0) _exit(0);
    assert_int_equal(waitpid(dead, NULL, 0), dead);
    const pid_t orphan = sleeper(dead), other = sleeper(getpid());
    whet_strays_end_orphans();
    assert_int_equal(waitpid(orphan, &code, 0), orphan);
    assert_true(WIFSIGNALED(code) && WTERMSIG(code) == SIGKILL);
    assert_int_equal(waitpid(other, &code, WNOHANG), 0); /* its launcher lives */
    assert_int_equal(kill(other, SIGKILL), 0);
    assert_int_equal(waitpid(other, &code, 0), other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_orphans)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
