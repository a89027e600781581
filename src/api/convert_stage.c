/* SPDX-License-Identifier: Apache-2.0 */
/* Where a converted model stands until it has been read again: in a folder of its own beside its final place, so that what cannot
 * be read never gets the final name, and what had that name before stays. What a killed conversion left goes with the next one
 * into the same place. */
#include "api/convert_stage.h"

#include <dirent.h>
#include <string.h>
#include <sys/stat.h>

#include "base/io.h"
#include "base/mem.h"

/* Pipes, devices and what is in the way are the writer's to judge. */
static bool is_plain(const char *path, bool folder)
{
    struct stat st;
    if (stat(path, &st) != 0) return true;
    return folder ? S_ISDIR(st.st_mode) : S_ISREG(st.st_mode);
}

whet_status whet_convert_stage_open(convert_stage *s, const char *to, const whet_model_format *target)
{
    *s = (convert_stage){.to = to, .path = to, .folder = (target->traits & WHET_FORMAT_FOLDER) != 0};
    size_t n = strlen(to);
    while (n > 1 && to[n - 1] == '/') n--; /* a folder's name may end so */
    if (!is_plain(to, s->folder)) return WHET_OK;
    s->final = whet_strndup(to, n);
    s->parent = s->final ? whet_strndup(s->final, (size_t)(whet_path_base(s->final) - s->final)) : NULL;
    if (!s->parent) return WHET_ENOMEM;
    if (whet_scratch_make(&s->dir, s->parent, ".whet-convert-") != WHET_OK) return WHET_OK; /* the writer fails at the final place, and says why */
    s->inner = whet_path_join(s->dir.path, whet_path_base(s->final));
    if (!s->inner) return WHET_ENOMEM;
    s->path = s->inner;
    return WHET_OK;
}

/* Every file of the folder but the one named `last` (may be NULL) goes to `to`. */
static whet_status move_files(const char *dir, const char *to, const char *last)
{
    whet_status status = WHET_OK;
    DIR *d = opendir(dir);
    for (struct dirent *e; d && status == WHET_OK && (e = readdir(d)) != NULL;) {
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0 || strcmp(e->d_name, WHET_SCRATCH_MARK) == 0 || (last && strcmp(e->d_name, last) == 0)) continue;
        char *from = whet_path_join(dir, e->d_name), *goal = whet_path_join(to, e->d_name);
        status = from && goal ? whet_file_move(from, goal) : WHET_ENOMEM;
        whet_free(from);
        whet_free(goal);
    }
    if (d) closedir(d);
    return status;
}

whet_status whet_convert_stage_keep(convert_stage *s)
{
    if (s->path == s->to) return WHET_OK;
    if (s->folder && !whet_dir_exists(s->final)) return whet_file_move(s->inner, s->final);
    if (s->folder) return move_files(s->inner, s->final, NULL);
    WHET_TRY(move_files(s->dir.path, *s->parent ? s->parent : ".", whet_path_base(s->final)));
    return whet_file_move(s->inner, s->final);
}

/* The text with the folder's name taken out; NULL stays NULL. */
static char *without_folder(const convert_stage *s, const char *text)
{
    const char *at = text ? strstr(text, s->dir.path) : NULL;
    if (!at) return text ? whet_strdup(text) : NULL;
    const char *rest = at + strlen(s->dir.path);
    return whet_format("%.*s%s%s", (int)(at - text), text, s->parent, rest + (*rest == '/'));
}

/* The error speaks of the place that was asked for. */
static void name_final(const convert_stage *s, whet_status status)
{
    const whet_error *e = whet_error_last();
    char *text = without_folder(s, e->text), *file = without_folder(s, e->file), *node = e->node ? whet_strdup(e->node) : NULL;
    const int64_t offset = e->offset, line = e->line;
    if (text && e->status == status) {
        WHET_FAIL(status, "%s", text);
        if (file) whet_error_at_file(file);
        if (node) whet_error_at_node(node);
        if (offset >= 0) whet_error_at_offset(offset);
        if (line > 0) whet_error_at_line(line);
    }
    whet_free(text);
    whet_free(file);
    whet_free(node);
}

void whet_convert_stage_close(convert_stage *s, whet_status status)
{
    const bool made = s->path != s->to;
    if (made && status != WHET_OK) name_final(s, status);
    whet_scratch_remove(&s->dir);
    whet_free(s->parent);
    whet_free(s->inner);
    whet_free(s->final);
    *s = (convert_stage){.to = NULL};
}

whet_status whet_convert_stage_unreadable(whet_status status)
{
    const whet_error *e = whet_error_last();
    char *text = whet_strdup(e->status == status && e->text ? e->text : "");
    char *file = e->file ? whet_strdup(e->file) : NULL;
    if (status != WHET_ENOMEM) WHET_FAIL(status, "what was written cannot be read again and is not kept: %s", text ? text : "");
    if (status != WHET_ENOMEM && file) whet_error_at_file(file);
    whet_free(text);
    whet_free(file);
    return status;
}
