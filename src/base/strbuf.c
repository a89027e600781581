/* SPDX-License-Identifier: Apache-2.0 */
#include "base/strbuf.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/mem.h"

void whet_strbuf_init(whet_strbuf *s)
{
    *s = (whet_strbuf){0};
}

void whet_strbuf_dispose(whet_strbuf *s)
{
    whet_free(s->data);
    *s = (whet_strbuf){0};
}

static bool reserve(whet_strbuf *s, size_t extra)
{
    size_t need = 0;
    if (s->failed) return false;
    if (whet_add_size(s->len, extra, &need) && whet_add_size(need, 1, &need)) {
        if (need <= s->cap) return true;
        size_t cap = WHET_MAX(need, s->cap * 2);
        char *p = whet_realloc(s->data, WHET_MAX(cap, 64), 1);
        if (p != NULL) {
            s->data = p;
            s->cap = WHET_MAX(cap, 64);
            return true;
        }
    }
    s->failed = true;
    return false;
}

void whet_strbuf_add(whet_strbuf *s, const void *data, size_t n)
{
    if (!reserve(s, n)) return;
    if (n != 0) memcpy(s->data + s->len, data, n);
    s->len += n;
    s->data[s->len] = '\0';
}

void whet_strbuf_puts(whet_strbuf *s, const char *text)
{
    whet_strbuf_add(s, text, strlen(text));
}

void whet_strbuf_printf(whet_strbuf *s, const char *fmt, ...)
{
    va_list ap, again;
    va_start(ap, fmt);
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    if (n < 0)
        s->failed = true;
    else if (reserve(s, (size_t)n)) {
        vsnprintf(s->data + s->len, (size_t)n + 1, fmt, again);
        s->len += (size_t)n;
    }
    va_end(again);
}

char *whet_strbuf_take(whet_strbuf *s)
{
    char *p = NULL;
    if (!s->failed && reserve(s, 0)) {
        p = s->data;
        p[s->len] = '\0';
        s->data = NULL;
    } else {
        whet_fail(WHET_ENOMEM, "out of memory while building a text");
    }
    whet_strbuf_dispose(s);
    return p;
}
