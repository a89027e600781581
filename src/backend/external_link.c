/* SPDX-License-Identifier: Apache-2.0 */
/* The process behind `exec:COMMAND`: pipes, time limits, and what to say when it misbehaves.
 *
 * Each request carries a number that the reply must repeat, so that a line written too early or too late is found out
 * instead of being taken for the answer to something else. The program's stderr goes to a file of its own, which lies in memory
 * and is cut when it has grown; its last line is part of the reason when the program ends. The memory file is sealed against shrinking: a mapping whose file is cut off
 * would kill the reader. */
#include "backend/external_link.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cancel.h"
#include "base/clock.h"
#include "base/mem.h"

enum { MAX_LINE = 1 << 20, MAX_SAID = 8 << 20, MAX_PROGRAMS = 64, SAFE_FD = 20, SLICE_MS = 200, END_MS = 2000, MAX_DEPTH = 8 };

struct whet_external {
    pid_t pid;             /* 0: has been waited for */
    int to, from;          /* pipes */
    int memory, said;      /* memory file; what it writes on stderr */
    long turn;             /* number of the last request */
    size_t used;           /* of line[] */
    char *line;            /* what has been read and not yet taken */
    void *data;
    size_t size;
    whet_status end;       /* with why */
    char why[700];         /* not empty: it is gone, for this reason */
};

/* --- which programs run: the worker counts their memory and CPU time with its own */
static struct { pthread_mutex_t lock; int n; int pid[MAX_PROGRAMS]; } running = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void enter(int pid)
{
    pthread_mutex_lock(&running.lock);
    if (running.n < MAX_PROGRAMS) running.pid[running.n++] = pid;
    pthread_mutex_unlock(&running.lock);
}

static void leave(int pid)
{
    pthread_mutex_lock(&running.lock);
    for (int i = 0; i < running.n; i++)
        if (running.pid[i] == pid) running.pid[i--] = running.pid[--running.n];
    pthread_mutex_unlock(&running.lock);
}

int whet_external_processes(int *pids, int cap)
{
    pthread_mutex_lock(&running.lock);
    const int n = WHET_MIN(running.n, cap);
    for (int i = 0; i < n; i++) pids[i] = running.pid[i];
    pthread_mutex_unlock(&running.lock);
    return n;
}

/* --- starting */
static void close_all(int *fds, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (fds[i] >= 0) close(fds[i]);
        fds[i] = -1;
    }
}

/* Between fork and exec: only calls that are safe there. */
static void child(char *const argv[], const int fds[4])
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    signal(SIGPIPE, SIG_DFL);
    for (int i = 0; i < 4; i++) dup2(fds[i], i);
    for (int fd = WHET_EXTERNAL_MEMORY_FD + 1; fd < 1024; fd++) close(fd);
    execv(argv[0], argv);
    _exit(127);
}

/* One program takes the shell's place, so that it is the one that is counted, stopped and killed; with several the shell
 * stays. "A=1 program" cannot be given to exec. */
static bool is_one_program(const char *command)
{
    const char *first = command + strspn(command, " \t");
    return strpbrk(command, "|&;()\n") == NULL && memchr(first, '=', strcspn(first, " \t")) == NULL;
}

static whet_status launch(whet_external *e, const char *command)
{
    char *script = whet_format("%s%s", is_one_program(command) ? "exec " : "", command);
    char *const argv[] = {(char *)"/bin/sh", (char *)"-c", script, NULL};
    int ends[4] = {-1, -1, -1, -1}, theirs[4] = {-1, -1, -1, -1};
    whet_status status = WHET_OK;
    e->memory = memfd_create("whet-tensors", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    e->said = memfd_create("whet-said", MFD_CLOEXEC);
    if (script == NULL) WHET_GOTO(WHET_ENOMEM);
    if (e->memory < 0 || e->said < 0 || fcntl(e->said, F_SETFL, O_APPEND) != 0 || pipe2(ends, O_CLOEXEC) != 0 || pipe2(ends + 2, O_CLOEXEC) != 0) {
        status = WHET_FAIL(WHET_ERUNTIME, "an external program cannot be prepared: %s", strerror(errno));
        goto done;
    }
    const int give[4] = {ends[0], ends[3], e->said, e->memory};
    for (int i = 0; i < 4; i++) theirs[i] = fcntl(give[i], F_DUPFD_CLOEXEC, SAFE_FD); /* out of the way of 0 to 3 */
    e->to = fcntl(ends[1], F_DUPFD_CLOEXEC, SAFE_FD);
    e->from = fcntl(ends[2], F_DUPFD_CLOEXEC, SAFE_FD);
    if (e->to >= 0) fcntl(e->to, F_SETFL, O_NONBLOCK);
    e->pid = e->to >= 0 && e->from >= 0 && theirs[3] >= 0 ? fork() : -1;
    if (e->pid == 0) child(argv, theirs);
    if (e->pid < 0) status = WHET_FAIL(WHET_ERUNTIME, "an external program cannot be started: %s", strerror(errno));
    if (e->pid > 0) enter(e->pid);
done:
    close_all(ends, 4);
    close_all(theirs, 4);
    whet_free(script);
    return status;
}

whet_status whet_external_start(whet_external **out, const char *command)
{
    *out = NULL;
    whet_external *e = whet_calloc(1, sizeof *e);
    if (e == NULL) return WHET_ENOMEM;
    e->to = e->from = e->memory = e->said = -1;
    e->line = whet_alloc(MAX_LINE + 1);
    const whet_status status = e->line != NULL ? launch(e, command) : WHET_ENOMEM;
    if (status != WHET_OK) {
        e->pid = WHET_MAX(e->pid, 0);
        whet_external_end(e);
        return status;
    }
    *out = e;
    return WHET_OK;
}

/* --- ending */
/* True when the program has ended within `ms`; it is waited for then. */
static bool reap(whet_external *e, int ms, int *code)
{
    for (int waited = 0;; waited += 5) {
        const pid_t got = e->pid > 0 ? waitpid(e->pid, code, WNOHANG) : 0;
        if (got == e->pid || (got < 0 && errno != EINTR)) {
            leave(e->pid);
            e->pid = 0;
            return true;
        }
        if (waited >= ms) return false;
        whet_sleep_ns(5000000);
    }
}

/* The programs that a program has started, of a shell those of its pipeline, die before it. */
static void kill_tree(int pid, int depth)
{
    char path[64];
    int child = 0;
    snprintf(path, sizeof path, "/proc/%d/task/%d/children", pid, pid);
    FILE *f = depth < MAX_DEPTH ? fopen(path, "r") : NULL;
    while (f != NULL && fscanf(f, "%d", &child) == 1) kill_tree(child, depth + 1);
    if (f != NULL) fclose(f);
    kill(pid, SIGKILL);
    kill(pid, SIGCONT);
}

static void kill_it(whet_external *e)
{
    int code = 0;
    if (e->pid <= 0) return;
    kill_tree(e->pid, 0);
    while (waitpid(e->pid, &code, 0) < 0 && errno == EINTR) {
    }
    leave(e->pid);
    e->pid = 0;
}

/* The last line of stderr that is not empty. */
static void last_words(const whet_external *e, char *out, size_t cap)
{
    char tail[2048], *save = NULL;
    const off_t size = lseek(e->said, 0, SEEK_END), from = size > (off_t)sizeof tail - 1 ? size - (off_t)sizeof tail + 1 : 0;
    const ssize_t n = size > 0 ? pread(e->said, tail, sizeof tail - 1, from) : 0;
    out[0] = '\0';
    if (n <= 0) return;
    tail[n] = '\0';
    for (char *line = strtok_r(tail, "\n", &save); line != NULL; line = strtok_r(NULL, "\n", &save))
        if (line[strspn(line, " \t\r")] != '\0') snprintf(out, cap, " (it said: %.200s)", line);
}

static whet_status gone(const whet_external *e)
{
    return WHET_FAIL(e->end, "%s", e->why);
}

/* The program has misbehaved: it is ended, and why is kept. */
static whet_status give_up(whet_external *e, const char *why)
{
    char said[256];
    kill_it(e);
    last_words(e, said, sizeof said);
    snprintf(e->why, sizeof e->why, "external program: %.400s%s", why, said);
    if (e->end == WHET_OK) e->end = WHET_ERUNTIME;
    return gone(e);
}

/* Its stdout has closed. */
static whet_status bury(whet_external *e, const char *what)
{
    char text[300];
    int code = 0;
    if (!reap(e, END_MS, &code))
        snprintf(text, sizeof text, "it closed its stdout when the reply to '%s' was awaited", what);
    else if (WIFSIGNALED(code))
        snprintf(text, sizeof text, "crash: signal %d, %s, when the reply to '%s' was awaited", WTERMSIG(code), strsignal(WTERMSIG(code)), what);
    else if (WEXITSTATUS(code) == 126 || WEXITSTATUS(code) == 127)
        snprintf(text, sizeof text, "the command cannot be executed");
    else
        snprintf(text, sizeof text, "it ended with exit code %d when the reply to '%s' was awaited", WEXITSTATUS(code), what);
    if (strstr(text, "cannot be executed") != NULL) e->end = WHET_EUNAVAILABLE; /* a runtime that is missing, not one that fails */
    return give_up(e, text);
}

/* --- sending */
/* write() that gives EPIPE without a signal, whatever the process does with SIGPIPE. */
static ssize_t write_quietly(int fd, const char *p, size_t n)
{
    sigset_t pipe_only, before;
    const struct timespec now = {0, 0};
    sigemptyset(&pipe_only);
    sigaddset(&pipe_only, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &pipe_only, &before);
    const ssize_t k = write(fd, p, n);
    const int error = errno;
    if (k < 0 && error == EPIPE && !sigismember(&before, SIGPIPE)) (void)sigtimedwait(&pipe_only, NULL, &now);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    errno = error;
    return k;
}

static void cut_talk(const whet_external *e)
{
    if (lseek(e->said, 0, SEEK_END) > MAX_SAID && ftruncate(e->said, 0) != 0) return; /* the next look tries again */
}

/* Waits until fd can be read or written; EUNAVAILABLE when the time is over. */
static whet_status wait_for(const whet_external *e, int fd, short events, uint64_t deadline)
{
    struct pollfd p = {.fd = fd, .events = events};
    for (;;) {
        const uint64_t now = whet_now_ns();
        cut_talk(e);
        if (whet_cancelled()) return WHET_FAIL(WHET_ECANCELLED, "interrupted");
        if (now >= deadline) return WHET_EUNAVAILABLE;
        const int n = poll(&p, 1, (int)WHET_MIN((deadline - now) / 1000000 + 1, (uint64_t)SLICE_MS));
        if (n > 0) return WHET_OK;
        if (n < 0 && errno != EINTR) return WHET_FAIL(WHET_ERUNTIME, "poll: %s", strerror(errno));
    }
}

static whet_status too_late(whet_external *e, const char *what, double seconds, bool sending)
{
    char text[200];
    snprintf(text, sizeof text, sending ? "time: it did not read '%s' within %g s and was killed" : "time: no reply to '%s' within %g s, it was killed",
             what, seconds);
    return give_up(e, text);
}

static whet_status send_line(whet_external *e, const char *what, const char *line, double seconds, uint64_t deadline)
{
    const size_t n = strlen(line);
    for (size_t done = 0; done < n;) {
        const ssize_t k = write_quietly(e->to, line + done, n - done);
        if (k > 0) {
            done += (size_t)k;
        } else if (k < 0 && errno == EAGAIN) {
            const whet_status status = wait_for(e, e->to, POLLOUT, deadline);
            if (status == WHET_EUNAVAILABLE) return too_late(e, what, seconds, true);
            if (status != WHET_OK) return status;
        } else if (k < 0 && errno != EINTR) {
            return bury(e, what);
        }
    }
    return WHET_OK;
}

/* --- receiving */
static whet_status no_json(whet_external *e, const char *what)
{
    char text[300], shown[81];
    size_t n = 0;
    for (; n < sizeof shown - 1 && e->line[n] != '\0'; n++) shown[n] = e->line[n] >= ' ' && e->line[n] < 127 ? e->line[n] : '?';
    shown[n] = '\0';
    snprintf(text, sizeof text, "its reply to '%s' is no JSON object: '%s'; nothing else may be written on stdout", what, shown);
    return give_up(e, text);
}

/* The first line in the buffer, without its newline; NULL until one is there. */
static char *first_line(whet_external *e, size_t seen, size_t *taken)
{
    char *end = memchr(e->line + seen, '\n', e->used - seen);
    if (end == NULL) return NULL;
    *end = '\0';
    *taken = (size_t)(end - e->line) + 1;
    return e->line;
}

static whet_status receive(whet_external *e, const char *what, double seconds, uint64_t deadline, json_t **out)
{
    size_t seen = 0, taken = 0;
    while (first_line(e, seen, &taken) == NULL) {
        seen = e->used;
        if (e->used == MAX_LINE) return give_up(e, "it wrote a line of over 1 MiB");
        const whet_status status = wait_for(e, e->from, POLLIN, deadline);
        if (status == WHET_EUNAVAILABLE) return too_late(e, what, seconds, false);
        if (status != WHET_OK) return status;
        const ssize_t n = read(e->from, e->line + e->used, MAX_LINE - e->used);
        if (n == 0) return bury(e, what);
        if (n > 0) e->used += (size_t)n;
        if (n < 0 && errno != EINTR) return give_up(e, "its stdout cannot be read");
    }
    *out = strlen(e->line) + 1 == taken ? json_loads(e->line, JSON_REJECT_DUPLICATES, NULL) : NULL; /* a zero byte is no JSON */
    if (!json_is_object(*out)) {
        json_decref(*out);
        *out = NULL;
        return no_json(e, what);
    }
    memmove(e->line, e->line + taken, e->used - taken);
    e->used -= taken;
    return WHET_OK;
}

/* An error that the program tells. */
static whet_status told(const json_t *reply)
{
    static const struct { const char *word; whet_status status; } words[] = {
        {"invalid", WHET_EINVAL},     {"format", WHET_EFORMAT},   {"unsupported", WHET_EUNSUPPORTED}, {"shape", WHET_ESHAPE},
        {"missing", WHET_ENOTFOUND}, {"memory", WHET_ENOMEM},    {"unavailable", WHET_EUNAVAILABLE}};
    const char *text = json_string_value(json_object_get(reply, "error")), *word = json_string_value(json_object_get(reply, "status"));
    whet_status status = WHET_ERUNTIME;
    for (size_t i = 0; word != NULL && i < WHET_COUNT(words); i++)
        if (strcmp(words[i].word, word) == 0) status = words[i].status;
    return WHET_FAIL(status, "external program: %.400s", text != NULL ? text : "an error without a text");
}

static whet_status exchange(whet_external *e, const char *what, const char *line, double seconds, json_t **out)
{
    const uint64_t deadline = whet_now_ns() + (uint64_t)(seconds * 1e9);
    char text[200];
    if (e->used > 0) {
        snprintf(text, sizeof text, "it wrote more than one line before '%s'; nothing but replies may be written on stdout", what);
        return give_up(e, text);
    }
    WHET_TRY(send_line(e, what, line, seconds, deadline));
    WHET_TRY(receive(e, what, seconds, deadline, out));
    cut_talk(e);
    const json_t *id = json_object_get(*out, "id");
    if (json_is_integer(id) && json_integer_value(id) == e->turn) return WHET_OK;
    snprintf(text, sizeof text, "its reply to '%s' does not repeat \"id\":%ld of the request", what, e->turn);
    return give_up(e, text);
}

whet_status whet_external_call(whet_external *e, const char *what, json_t *request, double seconds, json_t **reply)
{
    json_t *got = NULL;
    char *text = NULL, *line = NULL;
    whet_status status = WHET_OK;
    if (reply != NULL) *reply = NULL;
    if (request == NULL) return WHET_FAIL(WHET_ENOMEM, "out of memory");
    if (e->why[0] != '\0') {
        json_decref(request);
        return gone(e);
    }
    json_object_set_new(request, "do", json_string(what));
    json_object_set_new(request, "id", json_integer(++e->turn));
    text = json_dumps(request, JSON_COMPACT);
    json_decref(request);
    line = text != NULL ? whet_format("%s\n", text) : NULL;
    free(text);
    if (line == NULL) return WHET_FAIL(WHET_ENOMEM, "out of memory");
    status = exchange(e, what, line, seconds, &got);
    whet_free(line);
    if (status == WHET_OK && json_object_get(got, "error") != NULL) status = told(got);
    if (status != WHET_OK || reply == NULL)
        json_decref(got);
    else
        *reply = got;
    return status;
}

/* --- memory */
whet_status whet_external_memory(whet_external *e, size_t size, void **data)
{
    struct stat st;
    *data = NULL;
    size = WHET_MAX(size, (size_t)1);
    if (e->data != NULL) return WHET_FAIL(WHET_EINVAL, "the shared memory has its size already");
    if (ftruncate(e->memory, (off_t)size) != 0) return WHET_FAIL(WHET_ENOMEM, "no shared memory of %zu bytes: %s", size, strerror(errno));
    (void)fcntl(e->memory, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL);
    const int seals = fcntl(e->memory, F_GET_SEALS);
    if (seals < 0 || (seals & F_SEAL_SHRINK) == 0 || fstat(e->memory, &st) != 0 || st.st_size != (off_t)size)
        return give_up(e, "it changed the shared memory before it was told its size");
    void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, e->memory, 0);
    if (p == MAP_FAILED) return WHET_FAIL(WHET_ENOMEM, "shared memory of %zu bytes cannot be mapped: %s", size, strerror(errno));
    e->data = p;
    e->size = size;
    *data = p;
    return WHET_OK;
}

int whet_external_alive(const whet_external *e)
{
    return e->why[0] == '\0';
}

void whet_external_end(whet_external *e)
{
    static const char bye[] = "{\"do\":\"bye\",\"id\":0}\n";
    int code = 0;
    if (e == NULL) return;
    if (e->pid > 0 && e->to >= 0) {
        (void)!write_quietly(e->to, bye, sizeof bye - 1);
        close_all(&e->to, 1); /* the end of its stdin */
        if (!reap(e, END_MS, &code)) kill_it(e);
    }
    int fds[] = {e->to, e->from, e->memory, e->said};
    close_all(fds, WHET_COUNT(fds));
    if (e->data != NULL) munmap(e->data, e->size);
    whet_free(e->line);
    whet_free(e);
}
