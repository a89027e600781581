/* SPDX-License-Identifier: Apache-2.0 */
/* Texts of protocol 0, which stand in a line: byte strings as Python's repr() writes them, texts as raw-unicode-escape. */
#include <string.h>

#include "wire/pickle_private.h"

static size_t put_utf8(uint32_t c, char *out)
{
    if (c < 0x80) return out[0] = (char)c, 1;
    if (c < 0x800) return out[0] = (char)(0xc0 | c >> 6), out[1] = (char)(0x80 | (c & 63)), 2;
    if (c < 0x10000)
        return out[0] = (char)(0xe0 | c >> 12), out[1] = (char)(0x80 | (c >> 6 & 63)), out[2] = (char)(0x80 | (c & 63)), 3;
    return out[0] = (char)(0xf0 | c >> 18), out[1] = (char)(0x80 | (c >> 12 & 63)), out[2] = (char)(0x80 | (c >> 6 & 63)),
           out[3] = (char)(0x80 | (c & 63)), 4;
}

static bool take_hex(const char *s, size_t n, size_t digits, uint32_t *out)
{
    *out = 0;
    if (n < digits) return false;
    for (size_t i = 0; i < digits; i++) {
        const char *d = s[i] ? strchr("0123456789abcdef", s[i] | 32) : NULL;
        if (!d) return false;
        *out = *out << 4 | (uint32_t)(d - "0123456789abcdef");
    }
    return true;
}

/* One escape of a quoted byte string, s behind the backslash; returns how many bytes it took, 0 if it is none. */
static size_t unescape(const char *s, size_t n, char *out)
{
    static const char from[] = "\\'\"ntrabfv", to[] = "\\'\"\n\t\r\a\b\f\v";
    uint32_t c = 0;
    const char *at = n && s[0] ? strchr(from, s[0]) : NULL;
    if (at) return *out = to[at - from], 1;
    if (n && s[0] == 'x' && take_hex(s + 1, n - 1, 2, &c)) return *out = (char)(unsigned char)c, 3;
    return 0;
}

whet_status whet_pickle_unquote(const char *line, size_t n, char *out, size_t *length)
{
    if (n < 2 || (line[0] != '\'' && line[0] != '"') || line[n - 1] != line[0])
        return WHET_FAIL(WHET_EFORMAT, "pickle: a byte string without quotes");
    *length = 0;
    for (size_t i = 1; i < n - 1;) {
        if (line[i] != '\\') {
            out[(*length)++] = line[i++];
            continue;
        }
        const size_t k = unescape(line + i + 1, n - 2 - i, out + *length);
        if (k == 0) return WHET_FAIL(WHET_EFORMAT, "pickle: an unknown escape in a byte string");
        (*length)++;
        i += 1 + k;
    }
    return WHET_OK;
}

whet_status whet_pickle_unescape(const char *line, size_t n, char *out, size_t *length)
{
    *length = 0;
    for (size_t i = 0; i < n;) {
        uint32_t c = (unsigned char)line[i];
        size_t digits = c == '\\' && i + 1 < n ? (line[i + 1] == 'u' ? 4 : line[i + 1] == 'U' ? 8 : 0) : 0;
        if (digits && (!take_hex(line + i + 2, n - i - 2, digits, &c) || c > 0x10ffff))
            return WHET_FAIL(WHET_EFORMAT, "pickle: a damaged \\u escape");
        *length += put_utf8(c, out + *length);
        i += digits ? 2 + digits : 1;
    }
    return WHET_OK;
}
