/* SPDX-License-Identifier: Apache-2.0 */
/* A runtime may start helpers, and a helper may leave the worker's process group (setsid). They are found in two ways: by
 * parentage while the worker lives, and by a mark in their environment, which lasts when their parent is gone. */
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
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"

enum { MAX_ENVIRONMENT = 256 << 10 };

typedef struct process { pid_t pid, parent; bool ours; } process;
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

/* The fourth field; the second, the name in brackets, may hold anything. */
static pid_t parent_of(pid_t pid)
{
    char text[512];
    const size_t n = read_proc(pid, "stat", text, sizeof text - 1);
    text[n] = '\0';
    const char *end = strrchr(text, ')');
    int parent = 0;
    return end != NULL && sscanf(end + 1, " %*c %d", &parent) == 1 ? parent : 0;
}

static bool has_mark(pid_t pid, const char *mark, char *buf)
{
    const size_t length = strlen(mark), n = read_proc(pid, "environ", buf, MAX_ENVIRONMENT);
    for (size_t at = 0; at + length <= n; at += strnlen(buf + at, n - at) + 1)
        if (memcmp(buf + at, mark, length) == 0 && (at + length == n || buf[at + length] == '\0')) return true;
    return false;
}

static void list_own(processes *all, const char *mark, char *buf)
{
    DIR *d = opendir("/proc");
    for (struct dirent *e = d != NULL ? readdir(d) : NULL; e != NULL; e = readdir(d)) {
        struct stat st;
        const pid_t pid = isdigit((unsigned char)e->d_name[0]) ? (pid_t)atoi(e->d_name) : 0;
        if (pid <= 1 || pid == getpid() || fstatat(dirfd(d), e->d_name, &st, 0) != 0 || st.st_uid != geteuid()) continue;
        if (!WHET_GROW(&all->p, all->n, &all->cap)) break;
        all->p[all->n++] = (process){pid, parent_of(pid), has_mark(pid, mark, buf)};
    }
    if (d != NULL) closedir(d);
}

static void add(whet_strays *s, pid_t pid)
{
    size_t cap = (size_t)s->cap;
    for (int i = 0; i < s->n; i++)
        if (s->pid[i] == pid) return;
    if (!WHET_GROW(&s->pid, (size_t)s->n, &cap)) return;
    s->cap = (int)cap;
    s->pid[s->n++] = pid;
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
    for (size_t i = 0; i < all.n; i++)
        if (all.p[i].ours && all.p[i].pid != root) add(s, all.p[i].pid);
    whet_free(all.p);
    whet_free(buf);
}

void whet_strays_kill(whet_strays *s)
{
    for (int i = 0; i < s->n; i++) kill(s->pid[i], SIGKILL);
    whet_free(s->pid);
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
        const pid_t pid = all.p[i].pid, launcher = launcher_of(pid, buf);
        if (launcher <= 1 || launcher == above || !same_numbers(pid) || kill(launcher, 0) == 0 || errno != ESRCH) continue;
        if (kill(pid, SIGKILL) == 0) whet_log(WHET_LOG_INFO, "ended process %d, left by a whet that was killed", (int)pid);
    }
    whet_free(all.p);
    whet_free(buf);
}
