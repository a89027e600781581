/* SPDX-License-Identifier: Apache-2.0 */
/* Files bench-<16 hexadecimal digits>.json of a folder, by their age; others are left alone. */
#include "measure/kept.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"

static bool is_kept(const char *name)
{
    static const char front[] = "bench-";
    const size_t n = sizeof front - 1;
    return strncmp(name, front, n) == 0 && strspn(name + n, "0123456789abcdef") == 16 && strcmp(name + n + 16, ".json") == 0;
}

static whet_kept walk(const char *folder, bool remove_old)
{
    whet_kept all = {0, 0, 0};
    DIR *d = opendir(folder);
    for (struct dirent *e = d != NULL ? readdir(d) : NULL; e != NULL; e = readdir(d)) {
        struct stat st;
        if (!is_kept(e->d_name) || fstatat(dirfd(d), e->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(st.st_mode)) continue;
        const bool old = time(NULL) - st.st_mtime > WHET_KEPT_SECONDS;
        if (old && remove_old && unlinkat(dirfd(d), e->d_name, 0) == 0) {
            whet_log(WHET_LOG_INFO, "removed %s/%s, left by a measurement that was interrupted over a day ago", folder, e->d_name);
            continue;
        }
        all.old += old;
        all.fresh += !old;
        all.bytes += st.st_size;
    }
    if (d != NULL) closedir(d);
    return all;
}

whet_kept whet_kept_count(const char *folder) { return walk(folder, false); }

void whet_kept_remove_old(const char *folder) { (void)walk(folder, true); }
