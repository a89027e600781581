/* SPDX-License-Identifier: Apache-2.0 */
/* Scratch folders. A file in the folder says that whet made it, and bears the lock (flock), which goes with the process, however
 * that ends: a folder whose file's lock is free belongs to nobody. A name proves nothing: without that file, or with other rights
 * than it was made with, a folder is somebody's own and stays. Where a file system knows no locks nothing is removed. */
#include "base/scratch.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "base/mem.h"

enum { LETTERS = 6 };

static const char said[] = "This folder is removed once the whet that made it is gone.\n";

static void remove_tree(const char *path, const char *last);

/* All but the entry named `but` (may be NULL). Links are removed, not followed. */
static void empty(const char *path, const char *but)
{
    DIR *d = opendir(path);
    for (struct dirent *e; d && (e = readdir(d)) != NULL;) {
        struct stat st;
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0 || (but && strcmp(e->d_name, but) == 0)) continue;
        char *one = whet_path_join(path, e->d_name);
        if (one && lstat(one, &st) == 0 && S_ISDIR(st.st_mode)) remove_tree(one, NULL);
        else if (one) unlink(one);
        whet_free(one);
    }
    if (d) closedir(d);
}

/* `last` goes last: a removal that is cut short can be taken up again. */
static void remove_tree(const char *path, const char *last)
{
    empty(path, last);
    if (last) empty(path, NULL);
    rmdir(path);
}

static bool is_named_so(const char *name, const char *prefix)
{
    const size_t n = strlen(prefix);
    if (strncmp(name, prefix, n) != 0 || strlen(name) != n + LETTERS) return false;
    for (const char *p = name + n; *p; p++)
        if (!isalnum((unsigned char)*p)) return false;
    return true;
}

static bool says_so(int fd)
{
    char text[sizeof said];
    return pread(fd, text, sizeof text, 0) == (ssize_t)(sizeof said - 1) && memcmp(text, said, sizeof said - 1) == 0;
}

/* Removes the folder if whet made it and its lock is free. */
static void remove_abandoned(const char *path)
{
    struct stat st, mark;
    const int dir = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    const bool own = dir >= 0 && fstat(dir, &st) == 0 && st.st_uid == geteuid() && (st.st_mode & 0777) == S_IRWXU;
    const int fd = own ? openat(dir, WHET_SCRATCH_MARK, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC) : -1;
    if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0 && fstat(fd, &mark) == 0 && S_ISREG(mark.st_mode) && mark.st_uid == geteuid() &&
        mark.st_nlink == 1 && says_so(fd))
        remove_tree(path, WHET_SCRATCH_MARK);
    if (fd >= 0) close(fd);
    if (dir >= 0) close(dir);
}

static void sweep(const char *parent, const char *prefix)
{
    DIR *d = opendir(*parent ? parent : ".");
    for (struct dirent *e; d && (e = readdir(d)) != NULL;) {
        char *path = is_named_so(e->d_name, prefix) ? *parent ? whet_path_join(parent, e->d_name) : whet_strdup(e->d_name) : NULL;
        if (path) remove_abandoned(path);
        whet_free(path);
    }
    if (d) closedir(d);
}

/* The file says what it is only once it is locked: nobody takes a folder for abandoned that is just being made. */
static bool hold(const char *path, int *fd)
{
    bool held = false;
    char *mark = whet_path_join(path, WHET_SCRATCH_MARK);
    *fd = mark ? open(mark, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, S_IRUSR | S_IWUSR) : -1;
    if (*fd >= 0) {
        while (flock(*fd, LOCK_EX) != 0 && errno == EINTR) continue;
        held = write(*fd, said, sizeof said - 1) == (ssize_t)(sizeof said - 1);
    }
    if (!held) {
        const int why = *fd >= 0 || mark ? errno : ENOMEM;
        if (*fd >= 0) close(*fd);
        remove_tree(path, NULL);
        *fd = -1;
        errno = why;
    }
    whet_free(mark);
    return held;
}

whet_status whet_scratch_make(whet_scratch *s, const char *parent, const char *prefix)
{
    *s = (whet_scratch){.path = NULL, .lock = -1};
    sweep(parent, prefix);
    const size_t n = strlen(parent);
    s->path = whet_format("%s%s%sXXXXXX", parent, n > 0 && parent[n - 1] != '/' ? "/" : "", prefix);
    if (!s->path) return WHET_ENOMEM;
    if (mkdtemp(s->path) != NULL && hold(s->path, &s->lock)) return WHET_OK;
    const int why = errno;
    whet_free(s->path);
    s->path = NULL;
    return WHET_FAIL(WHET_EIO, "no folder can be made in %s: %s", *parent ? parent : "the working folder", strerror(why));
}

void whet_scratch_remove(whet_scratch *s)
{
    if (!s->path) return;
    remove_tree(s->path, WHET_SCRATCH_MARK);
    whet_dir_release(&s->lock);
    whet_free(s->path);
    *s = (whet_scratch){.path = NULL, .lock = -1};
}
