/* SPDX-License-Identifier: Apache-2.0 */
/* Scratch folders. The lock (flock) is on the folder itself and goes with the process, however that ends: a folder whose lock is
 * free belongs to nobody. Only folders of the same user and of the exact form of the name are looked at; where a file system
 * knows no locks nothing is removed. */
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

enum { LETTERS = 6, MOST_TRIES = 16 };

/* Links are removed, not followed. */
static void remove_tree(const char *path)
{
    DIR *d = opendir(path);
    for (struct dirent *e; d && (e = readdir(d)) != NULL;) {
        struct stat st;
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0) continue;
        char *one = whet_path_join(path, e->d_name);
        if (one && lstat(one, &st) == 0 && S_ISDIR(st.st_mode)) remove_tree(one);
        else if (one) unlink(one);
        whet_free(one);
    }
    if (d) closedir(d);
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

/* Removes the folder if its lock is free. */
static void remove_abandoned(const char *path)
{
    struct stat st;
    const int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) return;
    if (fstat(fd, &st) == 0 && st.st_uid == geteuid() && flock(fd, LOCK_EX | LOCK_NB) == 0) remove_tree(path);
    close(fd);
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

/* Takes the lock of a new folder; false: another process took it for abandoned between its making and this. */
static bool hold(const char *path, int *fd)
{
    struct stat there, held;
    *fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (*fd < 0) return errno != ENOENT;
    const bool taken = flock(*fd, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK;
    if (!taken && stat(path, &there) == 0 && fstat(*fd, &held) == 0 && there.st_ino == held.st_ino && there.st_dev == held.st_dev) return true;
    whet_dir_release(fd);
    return false;
}

whet_status whet_scratch_make(whet_scratch *s, const char *parent, const char *prefix)
{
    *s = (whet_scratch){.path = NULL, .lock = -1};
    sweep(parent, prefix);
    for (int tries = 0; tries < MOST_TRIES; tries++) {
        const size_t n = strlen(parent);
        s->path = whet_format("%s%s%sXXXXXX", parent, n > 0 && parent[n - 1] != '/' ? "/" : "", prefix);
        if (!s->path) return WHET_ENOMEM;
        const bool made = mkdtemp(s->path) != NULL;
        const int why = errno;
        if (made && hold(s->path, &s->lock)) return WHET_OK;
        whet_free(s->path);
        s->path = NULL;
        if (!made) return WHET_FAIL(WHET_EIO, "no folder can be made in %s: %s", *parent ? parent : "the working folder", strerror(why));
    }
    return WHET_FAIL(WHET_EIO, "no folder made in %s stays there", *parent ? parent : "the working folder");
}

void whet_scratch_remove(whet_scratch *s)
{
    if (!s->path) return;
    remove_tree(s->path);
    whet_dir_release(&s->lock);
    whet_free(s->path);
    *s = (whet_scratch){.path = NULL, .lock = -1};
}
