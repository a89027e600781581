/* SPDX-License-Identifier: Apache-2.0 */
/* Finding, starting, waiting for and judging the HDF5 worker. posix_spawn, so nothing runs between fork and exec; the worker sets
 * its own limits before it looks at the file (they are its arguments), since posix_spawn has no attribute for them. */
#include "wire/hdf5_worker.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/mem.h"

extern char **environ;

#ifndef WHET_LIBEXEC
#define WHET_LIBEXEC "/usr/local/libexec/whet"
#endif

enum { SAFE_FD = 16, MAX_ENV = 16, SAID = 512 };

/* The worker's limits: data 4 times the file and 64 MB; memory that and what libhdf5 and its caches take; 4 seconds of
 * processor time and one for each 32 MB; in wall clock five times that, for a machine that is busy. */
static const uint64_t mega = 1 << 20;
typedef struct limits { uint64_t data, memory, seconds; } limits;

static limits limits_of(uint64_t bytes)
{
    const uint64_t data = (bytes > UINT64_MAX / 16 ? UINT64_MAX / 16 : bytes) * 4 + 64 * mega;
    return (limits){.data = data, .memory = data + data / 2 + 256 * mega, .seconds = 4 + bytes / (32 * mega)};
}

/* --- finding */
static char *look_around(const char *file)
{
    static const char *const rel[] = {"whet-h5", "../whet-h5", "../libexec/whet/whet-h5"};
    for (size_t i = 0; i < WHET_COUNT(rel); i++) {
        char *path = whet_format("%.*s%s", (int)(whet_path_base(file) - file), file, rel[i]);
        if (path != NULL && access(path, X_OK) == 0) return path;
        whet_free(path);
    }
    return NULL;
}

static whet_status find_worker(char **out)
{
    char exe[4096];
    Dl_info self;
    const char *given = getenv("WHET_H5");
    *out = NULL;
    if (given != NULL && given[0] != '\0') {
        *out = whet_strdup(given);
        return *out != NULL ? WHET_OK : WHET_ENOMEM;
    }
    const ssize_t n = readlink("/proc/self/exe", exe, sizeof exe - 1);
    exe[n > 0 ? n : 0] = '\0';
    if (n > 0) *out = look_around(exe);
    if (*out == NULL && dladdr((const void *)&mega, &self) != 0 && self.dli_fname != NULL) *out = look_around(self.dli_fname);
    if (*out == NULL) *out = look_around(WHET_LIBEXEC "/");
    if (*out != NULL) return WHET_OK;
    return WHET_FAIL(WHET_EUNAVAILABLE, "HDF5 files need the program whet-h5, which is neither beside the program nor in ../libexec/whet "
                                        "nor in " WHET_LIBEXEC ": set WHET_H5 to its path");
}

/* --- starting */
/* What the loader and sanitizers need, and nothing that libhdf5 would listen to. */
static void fill_env(char **env)
{
    static const char *const kept[] = {"LD_LIBRARY_PATH=", "ASAN_OPTIONS=", "UBSAN_OPTIONS=", "QEMU_LD_PREFIX="};
    int n = 0;
    env[n++] = (char *)"HDF5_USE_FILE_LOCKING=FALSE"; /* the files are ours or only read; some file systems know no locks */
    for (char **e = environ; e != NULL && *e != NULL && n < MAX_ENV - 1; e++)
        for (size_t i = 0; i < WHET_COUNT(kept); i++)
            if (strncmp(*e, kept[i], strlen(kept[i])) == 0) env[n++] = *e;
    env[n] = NULL;
}

static int fill_actions(posix_spawn_file_actions_t *a, int in, int out, int talk)
{
    int error = posix_spawn_file_actions_adddup2(a, in, 0);
    if (error == 0) error = posix_spawn_file_actions_adddup2(a, out, 1);
    if (error == 0) error = posix_spawn_file_actions_adddup2(a, talk, 2);
    return error;
}

static int fill_attributes(posix_spawnattr_t *a)
{
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    int error = posix_spawnattr_setsigmask(a, &none);
    if (error == 0) error = posix_spawnattr_setsigdefault(a, &all);
    if (error == 0) error = posix_spawnattr_setflags(a, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    return error;
}

static whet_status start(const char *program, const char *mode, const limits *l, const int fds[3], pid_t *pid)
{
    char data[24], memory[24], seconds[24], *env[MAX_ENV];
    char *argv[] = {(char *)"whet-h5", (char *)mode, data, memory, seconds, NULL};
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    snprintf(data, sizeof data, "%llu", (unsigned long long)l->data);
    snprintf(memory, sizeof memory, "%llu", (unsigned long long)l->memory);
    snprintf(seconds, sizeof seconds, "%llu", (unsigned long long)l->seconds);
    fill_env(env);
    if (posix_spawn_file_actions_init(&actions) != 0) return WHET_FAIL(WHET_ENOMEM, "out of memory");
    if (posix_spawnattr_init(&attributes) != 0) {
        posix_spawn_file_actions_destroy(&actions);
        return WHET_FAIL(WHET_ENOMEM, "out of memory");
    }
    int error = fill_actions(&actions, fds[0], fds[1], fds[2]);
    if (error == 0) error = fill_attributes(&attributes);
    if (error == 0) error = posix_spawn(pid, program, &actions, &attributes, argv, env);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    if (error != 0) return WHET_FAIL(WHET_EUNAVAILABLE, "'%s', which handles HDF5 files, cannot be started: %s", program, strerror(error));
    return WHET_OK;
}

/* --- waiting: the worker alone holds the other end of the pipe, so its end is the pipe's end */
static bool listen_until(int fd, uint64_t deadline, char said[SAID])
{
    size_t n = 0;
    said[0] = '\0';
    for (;;) {
        char buf[256];
        const uint64_t now = whet_now_ns();
        struct pollfd p = {.fd = fd, .events = POLLIN};
        if (now >= deadline) return false;
        const int ready = poll(&p, 1, (int)WHET_MIN((deadline - now) / 1000000 + 1, (uint64_t)60000));
        if (ready < 0 && errno != EINTR) return true;
        if (ready <= 0) continue;
        const ssize_t got = read(fd, buf, sizeof buf);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return true;
        const size_t take = WHET_MIN((size_t)got, (size_t)SAID - 1 - n);
        memcpy(said + n, buf, take);
        n += take;
        said[n] = '\0';
    }
}

/* The worker's own word: "F text" and so on, one line. */
static whet_status told(const char *said, int code)
{
    static const struct { char letter; whet_status status; } letters[] = {
        {'F', WHET_EFORMAT}, {'U', WHET_EUNSUPPORTED}, {'M', WHET_ENOMEM}, {'I', WHET_EIO}};
    const int length = (int)strcspn(said, "\n");
    for (size_t i = 0; i < WHET_COUNT(letters); i++)
        if (said[0] == letters[i].letter && said[1] == ' ') return WHET_FAIL(letters[i].status, "%.*s", length - 2, said + 2);
    return WHET_FAIL(WHET_ERUNTIME, "the HDF5 worker ended with code %d: %.*s", code, length, said);
}

static whet_status judge(int code, bool in_time, const char *said, const limits *l)
{
    if (!in_time) return WHET_FAIL(WHET_EFORMAT, "the HDF5 library was not done after %llu s and was stopped: the file is damaged",
                                   (unsigned long long)(5 * l->seconds));
    if (WIFSIGNALED(code) && (WTERMSIG(code) == SIGXCPU || WTERMSIG(code) == SIGKILL))
        return WHET_FAIL(WHET_EFORMAT, "the HDF5 library took over %llu s of processor time and was stopped: the file is damaged",
                         (unsigned long long)l->seconds);
    if (WIFSIGNALED(code) && WTERMSIG(code) == SIGXFSZ)
        return WHET_FAIL(WHET_EFORMAT, "the HDF5 file unpacks to more than %llu bytes, 4 times its size and 64 MB", (unsigned long long)l->data);
    if (WIFSIGNALED(code))
        return WHET_FAIL(WHET_EFORMAT, "the HDF5 library crashed on this file (signal %d, %s): it is damaged", WTERMSIG(code), strsignal(WTERMSIG(code)));
    return code == 0 ? WHET_OK : told(said, WEXITSTATUS(code));
}

static whet_status attend(pid_t pid, int talk, const limits *l)
{
    char said[SAID];
    int code = 0;
    const bool in_time = listen_until(talk, whet_now_ns() + 5 * l->seconds * 1000000000U, said);
    if (!in_time) kill(pid, SIGKILL);
    pid_t got = -1;
    do got = waitpid(pid, &code, 0);
    while (got < 0 && errno == EINTR);
    if (got < 0) code = 0; /* the host reaps all children; the stream's end tells whether it is whole */
    return judge(code, in_time, said, l);
}

/* Out of the way of 0, 1 and 2. */
static int lift(int fd)
{
    return fcntl(fd, F_DUPFD_CLOEXEC, SAFE_FD);
}

whet_status whet_hdf5_worker_run(const char *mode, int in, int out, uint64_t bytes)
{
    whet_status status = WHET_OK;
    char *program = NULL;
    int fds[3] = {-1, -1, -1}, ends[2] = {-1, -1};
    pid_t pid = 0;
    const limits l = limits_of(bytes);
    WHET_GOTO(find_worker(&program));
    if (pipe2(ends, O_CLOEXEC) == 0) {
        fds[0] = lift(in);
        fds[1] = lift(out);
        fds[2] = lift(ends[1]);
    }
    if (fds[0] < 0 || fds[1] < 0 || fds[2] < 0) {
        status = WHET_FAIL(WHET_EIO, "no descriptors for the HDF5 worker: %s", strerror(errno));
        goto done;
    }
    WHET_GOTO(start(program, mode, &l, fds, &pid));
    close(ends[1]);
    close(fds[2]);
    ends[1] = fds[2] = -1;
    status = attend(pid, ends[0], &l);
done:
    for (int i = 0; i < 3; i++)
        if (fds[i] >= 0) close(fds[i]);
    for (int i = 0; i < 2; i++)
        if (ends[i] >= 0) close(ends[i]);
    whet_free(program);
    return status;
}
