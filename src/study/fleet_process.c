/* SPDX-License-Identifier: Apache-2.0 */
/* ssh and tar as processes of their own: posix_spawn, so that nothing runs between fork and exec, each in a process group of its
 * own, so that Ctrl-C reaches this program alone, which then tells the other side to stop. */
#include "study/fleet_process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cancel.h"
#include "base/clock.h"

extern char **environ;
enum { MAX_OUT = 256 << 20, STEP_MS = 100 };

void fleet_quote(whet_strbuf *b, const char *text)
{
    whet_strbuf_puts(b, "'");
    for (const char *p = text; *p != '\0'; p++) {
        if (*p == '\'') whet_strbuf_puts(b, "'\\''");
        else whet_strbuf_add(b, p, 1);
    }
    whet_strbuf_puts(b, "'");
}

/* fds: what becomes its 0, 1 and 2. */
static pid_t start(char *const argv[], const int fds[3])
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attr;
    sigset_t defaults;
    pid_t pid = -1;
    if (posix_spawn_file_actions_init(&actions) != 0) return -1;
    if (posix_spawnattr_init(&attr) != 0) {
        posix_spawn_file_actions_destroy(&actions);
        return -1;
    }
    sigemptyset(&defaults);
    sigaddset(&defaults, SIGPIPE);
    int error = posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF);
    if (error == 0) error = posix_spawnattr_setpgroup(&attr, 0);
    if (error == 0) error = posix_spawnattr_setsigdefault(&attr, &defaults);
    for (int i = 0; i < 3 && error == 0; i++) error = posix_spawn_file_actions_adddup2(&actions, fds[i], i);
    if (error == 0) error = posix_spawnp(&pid, argv[0], &actions, &attr, argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attr);
    return error == 0 ? pid : -1;
}

static void close_fd(int *fd)
{
    if (*fd >= 0) close(*fd);
    *fd = -1;
}

typedef struct ends {
    int in[2], out[2], err[2]; /* pipes: [0] is read */
    int nothing, input;
    pid_t pid, feeder;
} ends;

static bool open_ends(ends *e, const fleet_call *c)
{
    *e = (ends){.in = {-1, -1}, .out = {-1, -1}, .err = {-1, -1}, .nothing = -1, .input = -1, .pid = -1, .feeder = -1};
    e->nothing = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (e->nothing < 0 || pipe2(e->out, O_CLOEXEC) != 0 || pipe2(e->err, O_CLOEXEC) != 0) return false;
    if (c->text != NULL || c->feeder != NULL) return pipe2(e->in, O_CLOEXEC) == 0;
    if (c->file == NULL) return true;
    e->input = open(c->file, O_RDONLY | O_CLOEXEC);
    return e->input >= 0;
}

static void close_ends(ends *e)
{
    int *const all[] = {&e->in[0], &e->in[1], &e->out[0], &e->out[1], &e->err[0], &e->err[1], &e->nothing, &e->input};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) close_fd(all[i]);
}

static bool start_both(ends *e, const fleet_call *c)
{
    const int in = e->in[0] >= 0 ? e->in[0] : e->input >= 0 ? e->input : e->nothing;
    e->pid = start(c->argv, (const int[]){in, e->out[1], e->err[1]});
    if (e->pid > 0 && c->feeder != NULL) e->feeder = start(c->feeder, (const int[]){e->nothing, e->in[1], e->err[1]});
    close_fd(&e->in[0]);
    close_fd(&e->out[1]);
    close_fd(&e->err[1]);
    if (c->feeder != NULL) close_fd(&e->in[1]);
    return e->pid > 0 && (c->feeder == NULL || e->feeder > 0);
}

/* tar's last words are never the reason. */
static bool is_farewell(const char *line)
{
    return strncmp(line, "tar: ", 5) == 0 && (strstr(line, "xiting with failure") != NULL || strstr(line, "exiting now") != NULL || strstr(line, "hild returned status") != NULL);
}

static void keep_last_line(fleet_call *c, whet_strbuf *err)
{
    char line[sizeof c->said];
    const char *p = err->len > 0 ? err->data : "";
    for (size_t left = err->len; left > 0;) {
        const char *end = memchr(p, '\n', left);
        const size_t n = end != NULL ? (size_t)(end - p) : left, take = n < sizeof c->said ? n : sizeof c->said - 1;
        if (strspn(p, " \r\n\t") < n) {
            memcpy(line, p, take);
            line[take] = '\0';
            line[strcspn(line, "\r")] = '\0';
            if (c->said[0] == '\0' || !is_farewell(line)) memcpy(c->said, line, sizeof line);
        }
        left -= end != NULL ? n + 1 : n;
        p += end != NULL ? n + 1 : n;
    }
}

/* One read; false at the end. */
static bool drain(int *fd, whet_strbuf *into, size_t most)
{
    char buf[65536];
    const ssize_t n = read(*fd, buf, sizeof buf);
    if (n > 0 && into->len < most) whet_strbuf_add(into, buf, (size_t)n);
    if (n > 0 || (n < 0 && (errno == EINTR || errno == EAGAIN))) return true;
    close_fd(fd);
    return false;
}

/* Feeds and reads until both of its outputs are closed; false if that took too long or was interrupted. */
static bool converse(ends *e, fleet_call *c, whet_strbuf *err)
{
    const uint64_t until = c->seconds > 0 ? whet_now_ns() + (uint64_t)(c->seconds * 1e9) : 0;
    size_t fed = 0;
    const size_t n_text = c->text != NULL ? strlen(c->text) : 0;
    if (e->in[1] >= 0) (void)fcntl(e->in[1], F_SETFL, O_NONBLOCK);
    while (e->out[0] >= 0 || e->err[0] >= 0) {
        struct pollfd p[3] = {{.fd = e->out[0], .events = POLLIN}, {.fd = e->err[0], .events = POLLIN}, {.fd = e->in[1], .events = POLLOUT}};
        if (!c->deaf && whet_cancelled()) return false;
        if (until != 0 && whet_now_ns() > until) {
            c->timed_out = true;
            return false;
        }
        if (poll(p, 3, STEP_MS) < 0 && errno != EINTR) return false;
        if (p[2].fd >= 0 && p[2].revents != 0) {
            const ssize_t n = fed < n_text ? write(e->in[1], c->text + fed, n_text - fed) : 0;
            if (n > 0) fed += (size_t)n;
            if (fed == n_text || (n < 0 && errno != EAGAIN && errno != EINTR)) close_fd(&e->in[1]);
        }
        if (p[0].fd >= 0 && p[0].revents != 0) (void)drain(&e->out[0], &c->out, MAX_OUT);
        if (p[1].fd >= 0 && p[1].revents != 0) (void)drain(&e->err[0], err, 1 << 16);
    }
    return true;
}

static int wait_for(pid_t pid, bool kill_it)
{
    int state = 0;
    if (pid <= 0) return -1;
    if (kill_it) (void)kill(-pid, SIGKILL);
    while (waitpid(pid, &state, 0) < 0)
        if (errno != EINTR) return -1;
    return WIFEXITED(state) ? WEXITSTATUS(state) : -1;
}

whet_status fleet_process(fleet_call *c)
{
    ends e;
    whet_strbuf err;
    whet_status status = WHET_OK;
    whet_strbuf_init(&c->out);
    whet_strbuf_init(&err);
    c->said[0] = '\0';
    c->code = -1;
    c->timed_out = false;
    const bool ready = open_ends(&e, c), running = ready && start_both(&e, c);
    if (!ready && c->file != NULL && e.input < 0) status = WHET_FAIL(WHET_ENOTFOUND, "'%s' cannot be read: %s", c->file, strerror(errno));
    else if (!running) status = WHET_FAIL(WHET_ERUNTIME, "'%s' cannot be started: is it installed?", e.pid > 0 ? c->feeder[0] : c->argv[0]);
    const bool through = running && converse(&e, c, &err);
    const int fed = wait_for(e.feeder, !through);
    c->fed = c->feeder != NULL ? fed : 0;
    c->code = wait_for(e.pid, !through);
    close_ends(&e);
    keep_last_line(c, &err);
    whet_strbuf_dispose(&err);
    if (status == WHET_OK && !through && !c->timed_out) return WHET_FAIL(WHET_ECANCELLED, "interrupted");
    return status;
}
