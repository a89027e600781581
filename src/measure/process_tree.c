/* SPDX-License-Identifier: Apache-2.0 */
/* Processes by parentage, read from /proc/PID/stat. Where /proc is that of another namespace nothing below `root` is found. */
#include "measure/process_tree.h"

#include <ctype.h>
#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"

typedef struct process { pid_t pid, parent; bool below; } process;

/* The name, in brackets, may hold anything. */
static pid_t parent_of(pid_t pid)
{
    char path[64], text[512];
    int parent = 0;
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    FILE *f = fopen(path, "re");
    const size_t n = f != NULL ? fread(text, 1, sizeof text - 1, f) : 0;
    if (f != NULL) fclose(f);
    text[n] = '\0';
    const char *end = strrchr(text, ')');
    return end != NULL && sscanf(end + 1, " %*c %d", &parent) == 1 ? parent : 0;
}

static process *list_all(size_t *count)
{
    size_t cap = 0;
    process *all = NULL;
    DIR *d = opendir("/proc");
    *count = 0;
    for (struct dirent *e = d != NULL ? readdir(d) : NULL; e != NULL; e = readdir(d)) {
        struct stat st;
        const pid_t pid = isdigit((unsigned char)e->d_name[0]) ? (pid_t)atoi(e->d_name) : 0;
        if (pid <= 1 || fstatat(dirfd(d), e->d_name, &st, 0) != 0 || st.st_uid != geteuid()) continue;
        if (!WHET_GROW(&all, *count, &cap)) break;
        all[(*count)++] = (process){pid, parent_of(pid), false};
    }
    if (d != NULL) closedir(d);
    return all;
}

static bool is_below(const process *all, size_t n, pid_t root, pid_t parent)
{
    if (parent == root) return true;
    for (size_t i = 0; i < n; i++)
        if (all[i].below && all[i].pid == parent) return true;
    return false;
}

int whet_descendants(pid_t root, pid_t *pids, int cap)
{
    size_t n = 0;
    int found = 0;
    process *all = list_all(&n);
    for (bool more = true; more;) {
        more = false;
        for (size_t i = 0; i < n; i++) {
            if (all[i].below || all[i].pid == root || !is_below(all, n, root, all[i].parent)) continue;
            all[i].below = more = true;
            if (found < cap) pids[found++] = all[i].pid;
        }
    }
    whet_free(all);
    return found;
}

uint64_t whet_memory_held(const pid_t *pids, int n)
{
    uint64_t own = 0, most = 0;
    for (int i = 0; i < n; i++) {
        char path[64], line[256];
        unsigned long long kib = 0;
        snprintf(path, sizeof path, "/proc/%d/status", (int)pids[i]);
        FILE *f = fopen(path, "re");
        while (f != NULL && fgets(line, sizeof line, f) != NULL) {
            if (sscanf(line, "RssAnon: %llu", &kib) == 1) own += kib;
            if (sscanf(line, "RssShmem: %llu", &kib) == 1 && kib > most) most = kib;
        }
        if (f != NULL) fclose(f);
    }
    return (own + most) * 1024;
}
