/* SPDX-License-Identifier: Apache-2.0 */
/* One pass over the bytes: each step takes a whole UTF-8 character, or one byte that needs an escape. */
#include "base/printable.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"

/* Bytes of the well-formed UTF-8 character at s (Unicode 15, table 3-7), 0 if there is none. */
static size_t character(const unsigned char *s)
{
    if (s[0] < 0x80) return 1;
    size_t n = s[0] >= 0xc2 && s[0] < 0xe0 ? 2 : s[0] >= 0xe0 && s[0] < 0xf0 ? 3 : s[0] >= 0xf0 && s[0] < 0xf5 ? 4 : 0;
    for (size_t i = 1; i < n; i++)
        if ((s[i] & 0xc0) != 0x80) return 0;
    if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) || (s[0] == 0xf0 && s[1] < 0x90) ||
        (s[0] == 0xf4 && s[1] > 0x8f))
        return 0;
    return n;
}

/* Bytes of a colour sequence at s, 0 if there is none. */
static size_t colour(const unsigned char *s)
{
    size_t n = 2;
    if (s[0] != 0x1b || s[1] != '[') return 0;
    while ((s[n] >= '0' && s[n] <= '9') || s[n] == ';') n++;
    return s[n] == 'm' ? n + 1 : 0;
}

/* Bytes at s that may stand as they are, 0 if the byte must be escaped. */
static size_t harmless(const unsigned char *s, unsigned keep)
{
    size_t n = character(s);
    if ((keep & WHET_KEEP_LINES) != 0 && (s[0] == '\n' || s[0] == '\t')) return 1;
    if ((keep & WHET_KEEP_COLOURS) != 0 && s[0] == 0x1b) return colour(s);
    if (s[0] < 0x20 || s[0] == 0x7f) return 0;
    if (s[0] == 0xc2 && s[1] < 0xa0) return 0;
    /* U+2028..202E and U+2066..2069 break or reorder the line */
    if (s[0] == 0xe2 && ((s[1] == 0x80 && s[2] >= 0xa8 && s[2] <= 0xae) || (s[1] == 0x81 && s[2] >= 0xa6 && s[2] <= 0xa9))) return 0;
    return n;
}

void whet_printable(char *out, size_t cap, const char *text, unsigned keep)
{
    size_t len = 0;
    for (const unsigned char *s = (const unsigned char *)text; *s != '\0';) {
        char piece[8];
        size_t n = harmless(s, keep), size = n;
        if (n != 0) memcpy(piece, s, n);
        else if (*s == '\n' || *s == '\t' || *s == '\r')
            size = (size_t)snprintf(piece, sizeof piece, "\\%c", *s == '\n' ? 'n' : *s == '\t' ? 't' : 'r');
        else
            size = (size_t)snprintf(piece, sizeof piece, "\\x%02x", *s);
        if (size >= cap - len) break;
        memcpy(out + len, piece, size);
        len += size;
        s += n != 0 ? n : 1;
    }
    out[len] = '\0';
}

char *whet_printable_copy(const char *text, unsigned keep)
{
    const size_t cap = strlen(text) * 4 + 1;
    char *out = whet_alloc(cap);
    if (out != NULL) whet_printable(out, cap, text, keep);
    return out;
}

bool whet_is_printable(const char *text, unsigned keep)
{
    for (const unsigned char *s = (const unsigned char *)text; *s != '\0';) {
        size_t n = harmless(s, keep);
        if (n == 0) return false;
        s += n;
    }
    return true;
}

bool whet_is_utf8(const char *text)
{
    for (const unsigned char *s = (const unsigned char *)text; *s != '\0';) {
        size_t n = character(s);
        if (n == 0) return false;
        s += n;
    }
    return true;
}
