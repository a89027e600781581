/* SPDX-License-Identifier: Apache-2.0 */
/* The list is text, a file a line: its size, a blank, its path below the folder; the last line is "end", so that a list that
 * was itself cut is not taken for a shorter one. */
#include "backend/runtime_files.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/io.h"
#include "base/mem.h"
#include "base/strbuf.h"

enum { MAX_LIST = 16 << 20 };
static const char list_name[] = "whet-files.txt";

/* Links are not followed: an installation has none. */
static void add_files(whet_strbuf *b, const char *dir, const char *below)
{
    DIR *d = opendir(dir);
    b->failed = b->failed || d == NULL;
    for (struct dirent *e = d != NULL ? readdir(d) : NULL; e != NULL && !b->failed; e = readdir(d)) {
        struct stat st;
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0) continue;
        char *path = whet_path_join(dir, e->d_name), *rel = whet_format("%s%s", below, e->d_name), *deeper = whet_format("%s%s/", below, e->d_name);
        b->failed = path == NULL || rel == NULL || deeper == NULL || lstat(path, &st) != 0;
        if (!b->failed && S_ISDIR(st.st_mode))
            add_files(b, path, deeper);
        else if (!b->failed && S_ISREG(st.st_mode) && strcmp(rel, list_name) != 0)
            whet_strbuf_printf(b, "%lld %s\n", (long long)st.st_size, rel);
        whet_free(path);
        whet_free(rel);
        whet_free(deeper);
    }
    if (d != NULL) closedir(d);
}

whet_status whet_runtime_files_write(const char *folder)
{
    whet_strbuf b;
    whet_strbuf_init(&b);
    add_files(&b, folder, "");
    whet_strbuf_puts(&b, "end\n");
    char *text = whet_strbuf_take(&b), *path = whet_path_join(folder, list_name);
    whet_status status = path == NULL ? WHET_ENOMEM : WHET_OK;
    if (status == WHET_OK && text == NULL) status = WHET_FAIL(WHET_EIO, "the files in '%s' cannot be listed", folder);
    if (status == WHET_OK) status = whet_file_write(path, text, strlen(text));
    whet_free(text);
    whet_free(path);
    return status;
}

/* True if the line's file is as it was. */
static bool check_line(const char *folder, const char *line, char *what, size_t cap)
{
    char *end = NULL;
    const long long size = strtoll(line, &end, 10);
    if (end == line || *end != ' ') {
        snprintf(what, cap, "its list '%s' cannot be read", list_name);
        return false;
    }
    char *path = whet_path_join(folder, end + 1);
    const long long now = path != NULL ? (long long)whet_file_size(path) : size;
    whet_free(path);
    if (now == size) return true;
    if (now < 0)
        snprintf(what, cap, "'%s' is missing", end + 1);
    else
        snprintf(what, cap, "'%s' has %lld bytes, not %lld", end + 1, now, size);
    return false;
}

whet_runtime_state whet_runtime_files_check(const char *folder, char *what, size_t cap)
{
    uint8_t *data = NULL;
    size_t n = 0;
    char *path = whet_path_join(folder, list_name), *rest = NULL;
    bool ended = false, right = true;
    what[0] = '\0';
    if (path == NULL || !whet_file_exists(path)) {
        whet_free(path);
        return WHET_RUNTIME_UNKNOWN;
    }
    const whet_status status = whet_file_read(&data, &n, path, MAX_LIST);
    char *text = status == WHET_OK ? whet_strndup((const char *)data, n) : NULL;
    if (status != WHET_OK) whet_error_clear();
    for (char *line = text != NULL ? strtok_r(text, "\n", &rest) : NULL; line != NULL && right && !ended; line = strtok_r(NULL, "\n", &rest)) {
        ended = strcmp(line, "end") == 0;
        right = ended || check_line(folder, line, what, cap);
    }
    if (right && !ended) snprintf(what, cap, "its list '%s' was cut", list_name);
    whet_free(data);
    whet_free(text);
    whet_free(path);
    return right && ended ? WHET_RUNTIME_WHOLE : WHET_RUNTIME_DAMAGED;
}
