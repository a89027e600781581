/* SPDX-License-Identifier: Apache-2.0 */
/* Texts that grow, strings as JSON has them, and whole files. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plugin.h"

void plugin_put(plugin_text *t, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    const int n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    if (n < 0 || t->failed) return;
    if (t->n + (size_t)n + 1 > t->cap) {
        const size_t cap = (t->n + (size_t)n + 1) * 2;
        char *p = realloc(t->data, cap);
        t->failed = p == NULL;
        if (t->failed) return;
        t->data = p;
        t->cap = cap;
    }
    va_start(ap, fmt);
    vsnprintf(t->data + t->n, t->cap - t->n, fmt, ap);
    va_end(ap);
    t->n += (size_t)n;
}

/* Length of the UTF-8 sequence at s (RFC 3629); 0: it is none. */
static size_t sequence(const unsigned char *s, size_t n)
{
    const size_t k = s[0] < 0x80 ? 1 : s[0] < 0xc2 ? 0 : s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : s[0] < 0xf5 ? 4 : 0;
    if (k > n) return 0;
    for (size_t i = 1; i < k; i++)
        if ((s[i] & 0xc0) != 0x80) return 0;
    const bool overlong = (s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xf0 && s[1] < 0x90);
    return overlong || (s[0] == 0xed && s[1] > 0x9f) || (s[0] == 0xf4 && s[1] > 0x8f) ? 0 : k;
}

void plugin_put_bytes(plugin_text *t, const char *text, size_t n)
{
    const unsigned char *s = (const unsigned char *)text;
    plugin_put(t, "\"");
    for (size_t i = 0, k = 0; i < n; i += k > 0 ? k : 1) {
        k = sequence(s + i, n - i);
        if (s[i] == '"' || s[i] == '\\')
            plugin_put(t, "\\%c", s[i]);
        else if (s[i] < 0x20)
            plugin_put(t, "\\u%04x", s[i]);
        else
            plugin_put(t, "%.*s", k > 0 ? (int)k : 1, k > 0 ? text + i : "?");
    }
    plugin_put(t, "\"");
}

void plugin_put_string(plugin_text *t, const char *s) { plugin_put_bytes(t, s, s != NULL ? strlen(s) : 0); }

char *plugin_take(plugin_text *t)
{
    if (!t->failed) return t->data;
    free(t->data);
    return NULL;
}

int plugin_tell(char **json, const char *text)
{
    *json = text != NULL ? plugin_host->alloc(strlen(text) + 1) : NULL;
    if (*json == NULL) return plugin_no_memory();
    strcpy(*json, text);
    return 0;
}

int plugin_give(plugin_text *t, char **json)
{
    char *text = plugin_take(t);
    const int status = plugin_tell(json, text);
    free(text);
    return status;
}

unsigned char *plugin_file_read(const char *path, size_t *size)
{
    FILE *f = fopen(path, "rb");
    unsigned char *data = NULL;
    long n = -1;
    if (f != NULL && fseek(f, 0, SEEK_END) == 0) n = ftell(f);
    if (n >= 0 && fseek(f, 0, SEEK_SET) == 0) data = malloc((size_t)n + 1);
    if (data != NULL && fread(data, 1, (size_t)n, f) != (size_t)n) {
        free(data);
        data = NULL;
    }
    if (data != NULL) data[n] = '\0';
    if (f != NULL) fclose(f);
    *size = data != NULL ? (size_t)n : 0;
    return data;
}
