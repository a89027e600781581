/* SPDX-License-Identifier: Apache-2.0 */
/* A runtime may start helpers, and a helper may leave the worker's process group (setsid). They are found in two ways: by
 * parentage while the worker lives, and by a mark in their environment, which lasts when their parent is gone. A number may be
 * given to another process at any time: each one found is held by a descriptor (pidfd), opened before it is looked at for the last
 * time, and ended through that. On kernels without them the number is looked at once more just before. */
#include "measure/strays.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"

enum { MAX_ENVIRONMENT = 256 << 10 };

/* Numbers of system calls that older C libraries do not name; the same on all machines. */
#ifndef SYS_pidfd_send_signal
#define SYS_pidfd_send_signal 424
#endif
#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif

typedef struct process { pid_t pid, parent; unsigned long long start; bool ours; } process;
typedef struct processes { size_t n, cap; process *p; } processes;

/* Bytes read, 0 if it cannot be read. */
static size_t read_proc(pid_t pid, const char *what, char *buf, size_t size)
{
    char path[64];
    size_t n = 0;
    snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, what);
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    for (ssize_t k = 1; fd >= 0 && n < size && k > 0; n += k > 0 ? (size_t)k : 0) k = read(fd, buf + n, size - n);
    if (fd >= 0) close(fd);
    return n;
}

/* When it was started, in ticks since the machine was: with the number it names a process for good. 0: it is gone. `parent` may
 * be NULL. The second field, the name in brackets, may hold anything. */
static unsigned long long start_of(pid_t pid, pid_t *parent)
{
    char text[1024];
    const size_t n = read_proc(pid, "stat", text, sizeof text - 1);
    text[n] = '\0';
    const char *end = strrchr(text, ')');
    unsigned long long start = 0;
    int above = 0;
    const int got = end == NULL ? 0 : sscanf(end + 1, " %*c %d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %llu", &above, &start);
    if (parent != NULL) *parent = got == 2 ? above : 0;
    return got == 2 ? start : 0;
}

static bool has_mark(pid_t pid, const char *mark, char *buf)
{
    const size_t length = strlen(mark), n = read_proc(pid, "environ", buf, MAX_ENVIRONMENT);
    for (size_t at = 0; at + length <= n; at += strnlen(buf + at, n - at) + 1)
        if (memcmp(buf + at, mark, length) == 0 && (at + length == n || buf[at + length] == '\0')) return true;
    return false;
}

/* /proc may show another PID namespace (unshare without --mount-proc): its numbers are those of other processes here. */
static bool proc_is_ours(void)
{
    char text[32];
    const ssize_t n = readlink("/proc/self", text, sizeof text - 1);
    if (n <= 0) return false;
    text[n] = '\0';
    return atoi(text) == (int)getpid();
}

static void list_own(processes *all, const char *mark, char *buf)
{
    DIR *d = proc_is_ours() ? opendir("/proc") : NULL;
    for (struct dirent *e = d != NULL ? readdir(d) : NULL; e != NULL; e = readdir(d)) {
        struct stat st;
        const pid_t pid = isdigit((unsigned char)e->d_name[0]) ? (pid_t)atoi(e->d_name) : 0;
        if (pid <= 1 || pid == getpid() || fstatat(dirfd(d), e->d_name, &st, 0) != 0 || st.st_uid != geteuid()) continue;
        if (!WHET_GROW(&all->p, all->n, &all->cap)) break;
        all->p[all->n++] = (process){pid, 0, 0, false};
        process *x = &all->p[all->n - 1];
        x->start = start_of(pid, &x->parent);
        x->ours = has_mark(pid, mark, buf);
    }
    if (d != NULL) closedir(d);
}

/* Takes hold of a process; .fd -1 where that cannot be. */
static whet_stray hold(pid_t pid)
{
    const int fd = (int)syscall(SYS_pidfd_open, pid, 0U);
    return (whet_stray){.pid = pid, .fd = fd, .start = start_of(pid, NULL)};
}

static void let_go(whet_stray *x)
{
    if (x->fd >= 0) close(x->fd);
    x->fd = -1;
}

/* SIGKILL to the process that was held, and to no other that has its number now. */
static bool end(const whet_stray *x)
{
    if (x->fd >= 0) {
        const long sent = syscall(SYS_pidfd_send_signal, x->fd, SIGKILL, NULL, 0U);
        if (sent == 0 || (errno != ENOSYS && errno != EPERM)) return sent == 0; /* filters of containers say EPERM */
    }
    return x->start != 0 && start_of(x->pid, NULL) == x->start && kill(x->pid, SIGKILL) == 0;
}

static void add(whet_strays *s, whet_stray x)
{
    size_t cap = (size_t)s->cap;
    for (int i = 0; i < s->n; i++)
        if (s->p[i].pid == x.pid && s->p[i].start == x.start) {
            let_go(&x);
            return;
        }
    if (!WHET_GROW(&s->p, (size_t)s->n, &cap)) {
        let_go(&x);
        return;
    }
    s->cap = (int)cap;
    s->p[s->n++] = x;
}

void whet_strays_find(whet_strays *s, const char *mark, pid_t root)
{
    processes all = {0, 0, NULL};
    char *buf = whet_alloc(MAX_ENVIRONMENT);
    if (buf != NULL) list_own(&all, mark, buf);
    for (bool more = true; more;) {
        more = false;
        for (size_t i = 0; i < all.n; i++) {
            bool child = root > 1 && all.p[i].parent == root;
            for (size_t k = 0; k < all.n && !child; k++) child = all.p[k].ours && all.p[k].pid == all.p[i].parent;
            more |= child && !all.p[i].ours;
            all.p[i].ours |= child;
        }
    }
    for (size_t i = 0; i < all.n; i++) {
        if (!all.p[i].ours || all.p[i].pid == root) continue;
        whet_stray x = hold(all.p[i].pid);
        if (x.start != 0 && x.start == all.p[i].start) add(s, x); /* still the one that was looked at */
        else let_go(&x);
    }
    whet_free(all.p);
    whet_free(buf);
}

void whet_strays_kill(whet_strays *s)
{
    for (int i = 0; i < s->n; i++) {
        end(&s->p[i]);
        let_go(&s->p[i]);
    }
    whet_free(s->p);
    *s = (whet_strays){0, 0, NULL};
}

/* The launcher's number in the mark of an environment, 0 without one. */
static pid_t launcher_of(pid_t pid, char *buf)
{
    static const char name[] = WHET_WORKER_MARK "=";
    const size_t n = read_proc(pid, "environ", buf, MAX_ENVIRONMENT - 1);
    buf[n] = '\0';
    for (size_t at = 0; at < n; at += strlen(buf + at) + 1)
        if (strncmp(buf + at, name, sizeof name - 1) == 0) return (pid_t)atoi(buf + at + sizeof name - 1);
    return 0;
}

/* Numbers of processes mean something only among those of one namespace. */
static bool same_numbers(pid_t pid)
{
    struct stat own, other;
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/ns/pid", (int)pid);
    return stat("/proc/self/ns/pid", &own) == 0 && stat(path, &other) == 0 && own.st_dev == other.st_dev && own.st_ino == other.st_ino;
}

void whet_strays_end_orphans(void)
{
    processes all = {0, 0, NULL};
    char *buf = whet_alloc(MAX_ENVIRONMENT);
    const pid_t above = buf != NULL ? launcher_of(getpid(), buf) : 0; /* of a program that runs whet itself */
    if (buf != NULL) list_own(&all, WHET_WORKER_MARK, buf);
    for (size_t i = 0; i < all.n; i++) {
        whet_stray x = hold(all.p[i].pid);
        const pid_t launcher = launcher_of(x.pid, buf);
        const bool left = launcher > 1 && launcher != above && same_numbers(x.pid) && kill(launcher, 0) != 0 && errno == ESRCH;
        if (left && end(&x)) whet_log(WHET_LOG_INFO, "ended process %d, left by a whet that was killed", (int)x.pid);
        let_go(&x);
    }
    whet_free(all.p);
    whet_free(buf);
}
