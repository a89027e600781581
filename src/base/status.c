/* SPDX-License-Identifier: Apache-2.0 */
/* Per-thread error detail in fixed buffers: raising an error never allocates. */
#include "base/status.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/printable.h"

typedef struct error_state {
    whet_error e;
    char text[1024];
    char file[512];
    char node[256];
    char message[2080];
    bool full_disk;
} error_state;

static _Thread_local error_state state = {.e = {.text = "", .file = "", .node = "", .offset = -1}};

static const struct { whet_status status; const char *name; int exit_code; } table[] = {
    {WHET_OK, "OK", 0},
    {WHET_EINVAL, "EINVAL", 2},
    {WHET_ENOMEM, "ENOMEM", 3},
    {WHET_EIO, "EIO", 3},
    {WHET_ENOTFOUND, "ENOTFOUND", 3},
    {WHET_EFORMAT, "EFORMAT", 3},
    {WHET_EUNSUPPORTED, "EUNSUPPORTED", 3},
    {WHET_ESHAPE, "ESHAPE", 3},
    {WHET_ENUMERIC, "ENUMERIC", 3},
    {WHET_ERUNTIME, "ERUNTIME", 3},
    {WHET_EUNAVAILABLE, "EUNAVAILABLE", 3},
    {WHET_ECANCELLED, "ECANCELLED", 130},
    {WHET_EGATE, "EGATE", 1},
};

const char *whet_status_name(whet_status status)
{
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
        if (table[i].status == status) return table[i].name;
    return "?";
}

int whet_status_exit_code(whet_status status)
{
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
        if (table[i].status == status) return table[i].exit_code;
    return 3;
}

whet_status whet_error_of_file(whet_status status)
{
    if (status != WHET_EINVAL) return status;
    if (state.e.status == WHET_EINVAL) state.e.status = WHET_EFORMAT;
    return WHET_EFORMAT;
}

void whet_error_clear(void)
{
    error_state *s = &state;
    s->text[0] = s->file[0] = s->node[0] = s->message[0] = '\0';
    s->full_disk = false;
    s->e = (whet_error){.status = WHET_OK, .text = s->text, .file = s->file, .offset = -1, .line = 0, .node = s->node};
}

whet_status whet_fail(whet_status status, const char *fmt, ...)
{
    error_state *s = &state;
    char text[sizeof s->text]; /* the arguments may point into the old detail */
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    whet_error_clear();
    memcpy(s->text, text, sizeof text);
    s->e.status = status;
    return status;
}

static void keep(char *dst, size_t size, const char *src)
{
    if (dst[0] == '\0' && src != NULL) snprintf(dst, size, "%s", src);
}

void whet_error_at_file(const char *path)
{
    keep(state.file, sizeof state.file, path);
    state.e.file = state.file;
}

void whet_error_at_offset(int64_t offset)
{
    if (state.e.offset < 0) state.e.offset = offset;
}

void whet_error_at_line(int64_t line)
{
    if (state.e.line == 0) state.e.line = line;
}

void whet_error_at_node(const char *name)
{
    keep(state.node, sizeof state.node, name);
    state.e.node = state.node;
}

void whet_error_at_full_disk(void) { state.full_disk = true; }
bool whet_error_is_full_disk(void) { return state.full_disk; }

const whet_error *whet_error_last(void)
{
    return &state.e;
}

const char *whet_error_message(void)
{
    error_state *s = &state;
    char place[640] = "", tail[400] = "", raw[2080];
    if (s->file[0] != '\0') {
        if (s->e.line > 0)
            snprintf(place, sizeof place, "%.511s:%lld: ", s->file, (long long)s->e.line);
        else
            snprintf(place, sizeof place, "%.511s: ", s->file);
    }
    if (s->e.offset >= 0 && s->node[0] != '\0')
        snprintf(tail, sizeof tail, " (byte %lld, node '%.255s')", (long long)s->e.offset, s->node);
    else if (s->e.offset >= 0)
        snprintf(tail, sizeof tail, " (byte %lld)", (long long)s->e.offset);
    else if (s->node[0] != '\0' && strstr(s->text, s->node) == NULL)
        snprintf(tail, sizeof tail, " (node '%.255s')", s->node);
    snprintf(raw, sizeof raw, "%.639s%.1023s%.399s", place, s->text, tail);
    whet_printable(s->message, sizeof s->message, raw, 0); /* names come from files: no escape reaches the terminal */
    return s->message;
}
