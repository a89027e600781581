/* SPDX-License-Identifier: Apache-2.0 */
/* Watts from a command. A command of the user prints a number and ends, and is then started again twice a second, or prints one
 * line after another as long as it runs; the last number of the last whole line holds. The board's command of the Raspberry Pi 5 prints
 * volts and amperes of each rail, whose products are summed: an estimate, because the rails are not all that draws power. */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "measure/energy_sources.h"

extern char **environ;
enum { MOST_RAILS = 32 };
static const uint64_t again_ns = 500000000;

typedef struct command {
    char *text;
    bool board;
    pid_t pid;
    int fd;
    uint64_t started;
    char line[16384];
    size_t n;
    double watts; /* NaN: none yet */
} command;

static void stop(command *c)
{
    int code = 0;
    if (c->fd >= 0) close(c->fd);
    c->fd = -1;
    if (c->pid <= 0) return;
    kill(-c->pid, SIGKILL);
    while (waitpid(c->pid, &code, 0) < 0 && errno == EINTR) {
    }
    c->pid = 0;
}

static void start(command *c)
{
    int ends[2];
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attr;
    char *argv[] = {(char *)"sh", (char *)"-c", c->text, NULL};
    c->started = whet_now_ns();
    c->n = 0;
    if (pipe2(ends, O_CLOEXEC) != 0) return;
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&files, ends[1], 1);
    posix_spawn_file_actions_addopen(&files, 2, "/dev/null", O_WRONLY, 0);
    posix_spawnattr_init(&attr);
    posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETPGROUP); /* a group of its own, so that all of it can be ended */
    posix_spawnattr_setpgroup(&attr, 0);
    if (posix_spawn(&c->pid, "/bin/sh", &files, &attr, argv, environ) != 0) c->pid = 0;
    posix_spawn_file_actions_destroy(&files);
    posix_spawnattr_destroy(&attr);
    close(ends[1]);
    if (c->pid <= 0) {
        close(ends[0]);
        return;
    }
    c->fd = ends[0];
    fcntl(c->fd, F_SETFL, O_NONBLOCK);
}

/* "... 12.5 W" -> 12.5: the last number of the line. */
static double last_number(const char *line)
{
    double x = NAN;
    for (const char *p = line; *p != '\0';) {
        char *end = NULL;
        const double v = strtod(p, &end);
        if (end == p) {
            p++;
            continue;
        }
        if (isfinite(v)) x = v;
        p = end;
    }
    return x;
}

/* " 3V7_WL_SW_A current(0)=0.0029A" and "3V7_WL_SW_V volt(8)=3.7178V": rails by the name before their last letter. */
static double board_watts(const char *text)
{
    struct { char name[48]; double volts, amperes; } rails[MOST_RAILS];
    int n = 0;
    double sum = 0;
    for (const char *p = text; p != NULL && *p != '\0'; p = strchr(p, '\n') != NULL ? strchr(p, '\n') + 1 : NULL) {
        char name[48];
        double x = 0;
        if (sscanf(p, " %47s %*[^=]=%lf", name, &x) != 2) continue;
        const size_t len = strlen(name);
        if (len < 3 || name[len - 2] != '_') continue;
        const char kind = name[len - 1];
        name[len - 2] = '\0';
        int i = 0;
        while (i < n && strcmp(rails[i].name, name) != 0) i++;
        if (i == MOST_RAILS) continue;
        if (i == n) {
            memset(&rails[n], 0, sizeof rails[0]);
            snprintf(rails[n++].name, sizeof rails[0].name, "%s", name);
        }
        if (kind == 'A') rails[i].amperes = x;
        if (kind == 'V') rails[i].volts = x;
    }
    for (int i = 0; i < n; i++) sum += rails[i].volts * rails[i].amperes;
    return sum > 0 ? sum : (double)NAN;
}

/* Takes what has come; true at the end of the output. */
static bool take(command *c)
{
    for (;;) {
        const ssize_t k = read(c->fd, c->line + c->n, sizeof c->line - 1 - c->n);
        if (k < 0 && errno == EINTR) continue;
        if (k < 0) return false;
        if (k == 0) return true;
        c->n += (size_t)k;
        c->line[c->n] = '\0';
        if (c->board) {
            if (c->n + 1 >= sizeof c->line) return true;
            continue;
        }
        for (char *end = strchr(c->line, '\n'); end != NULL; end = strchr(c->line, '\n')) {
            *end = '\0';
            const double x = last_number(c->line);
            if (!isnan(x)) c->watts = x;
            c->n -= (size_t)(end + 1 - c->line);
            memmove(c->line, end + 1, c->n + 1);
        }
        if (c->n + 1 >= sizeof c->line) c->n = 0; /* no line is so long */
    }
}

static double read_command(void *arg)
{
    command *c = arg;
    if (c->pid > 0 && take(c)) {
        const double x = c->board ? board_watts(c->line) : c->n > 0 ? last_number(c->line) : (double)NAN;
        if (!isnan(x)) c->watts = x;
        stop(c);
    }
    if (c->pid <= 0 && whet_now_ns() - c->started >= again_ns) start(c);
    return c->watts;
}

/* The first value is waited for, a second at most, so that a window has one from its beginning. */
static void begin(void *arg)
{
    command *c = arg;
    const uint64_t until = whet_now_ns() + 1000000000u;
    c->watts = NAN;
    start(c);
    while (isnan(c->watts) && whet_now_ns() < until) {
        struct pollfd p = {.fd = c->fd, .events = POLLIN};
        if (c->pid > 0) poll(&p, 1, 50);
        if (c->pid <= 0) whet_sleep_ns(20000000);
        (void)read_command(c);
    }
}

static void end(void *arg) { stop(arg); }

static void dispose(void *arg)
{
    command *c = arg;
    stop(c);
    whet_free(c->text);
    whet_free(c);
}

whet_status whet_sources_command(whet_sources *l, const char *text, bool board)
{
    if (text[strspn(text, " \t")] == '\0') return WHET_FAIL(WHET_EINVAL, "the power command is empty");
    command *c = whet_calloc(1, sizeof *c);
    if (c == NULL) return WHET_ENOMEM;
    c->fd = -1;
    c->board = board;
    c->text = whet_strdup(text);
    whet_source *s = c->text != NULL ? whet_sources_add(l) : NULL;
    if (s == NULL) {
        dispose(c);
        return WHET_ENOMEM;
    }
    s->rank = board ? WHET_SOURCE_BOARD : WHET_SOURCE_COMMAND;
    s->slow = true;
    s->read = read_command;
    s->begin = begin;
    s->end = end;
    s->dispose = dispose;
    s->arg = c;
    snprintf(s->name, sizeof s->name, "%s%.70s", board ? "board: " : "command: ", text);
    return WHET_OK;
}
