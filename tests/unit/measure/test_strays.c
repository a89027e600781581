/* SPDX-License-Identifier: Apache-2.0 */
/* What a killed whet left is ended by the next one; what belongs to one that lives is not. */
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/clock.h"
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

/* /proc of the outer processes: the numbers that stand there are those of others inside. */
static void test_numbers_of_others(void **state)
{
    int code = 0;
    (void)state;
    const pid_t outer = sleeper(getpid());
    char *mark = whet_format(WHET_WORKER_MARK "=%d-1", (int)getpid());
    const pid_t between = fork();
    assert_true(between >= 0);
    if (between == 0) {
        if (unshare(CLONE_NEWPID) != 0 && unshare(CLONE_NEWUSER | CLONE_NEWPID) != 0) _exit(77);
        const pid_t inner = fork();
        if (inner == 0) {
            whet_strays s = {0, 0, NULL};
            whet_strays_find(&s, mark, 0);
            _exit(s.n == 0 ? 0 : 1);
        }
        _exit(inner > 0 && waitpid(inner, &code, 0) == inner && WIFEXITED(code) ? WEXITSTATUS(code) : 2);
    }
    assert_int_equal(waitpid(between, &code, 0), between);
    assert_int_equal(kill(outer, SIGKILL), 0);
    assert_int_equal(waitpid(outer, NULL, 0), outer);
    whet_free(mark);
    assert_true(WIFEXITED(code));
    if (WEXITSTATUS(code) == 77) support_skip("namespaces", "no process namespace can be made here");
    assert_int_equal(WEXITSTATUS(code), 0);
}

/* Found, ended by itself, and its number given to another before the kill. */
static void test_number_given_again(void **state)
{
    int code = 0;
    (void)state;
    whet_strays s = {0, 0, NULL};
    const pid_t first = sleeper(getpid());
    char *mark = whet_format(WHET_WORKER_MARK "=%d-1", (int)getpid());
    whet_strays_find(&s, mark, 0);
    whet_free(mark);
    assert_int_equal(s.n, 1);
    assert_int_equal(kill(first, SIGKILL), 0);
    assert_int_equal(waitpid(first, &code, 0), first);
    whet_sleep_ns(20000000); /* two ticks: the times of the two differ */
    pid_t wanted = first;
    struct clone_args args = {.exit_signal = SIGCHLD, .set_tid = (uint64_t)(uintptr_t)&wanted, .set_tid_size = 1};
    const pid_t second = (pid_t)syscall(SYS_clone3, &args, sizeof args);
    if (second == 0)
        for (;;) pause();
    whet_strays_kill(&s);
    if (second < 0) support_skip("namespaces", "a process cannot be given a number here");
    assert_int_equal(second, first);
    whet_sleep_ns(20000000);
    assert_int_equal(waitpid(second, &code, WNOHANG), 0); /* it lives */
    assert_int_equal(kill(second, SIGKILL), 0);
    assert_int_equal(waitpid(second, &code, 0), second);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_orphans), cmocka_unit_test(test_numbers_of_others), cmocka_unit_test(test_number_given_again)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
