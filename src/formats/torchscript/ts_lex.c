/* SPDX-License-Identifier: Apache-2.0 */
/* Words of TorchScript source: names, numbers, strings, signs, and the line ends and indentations that count (not those
 * inside brackets). Python's lexical rules, as far as PyTorch's printer uses them. */
#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "formats/torchscript/ts_source.h"

enum { MAX_WORD = 4096 };

whet_status ts_fail_at(const char *file, int line, whet_status s, const char *fmt, ...)
{
    char text[900] = "";
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    return WHET_FAIL(s, "%s:%d: %s", file, line, text);
}

static whet_status fail(const ts_lexer *l, const char *what) { return ts_fail_at(l->file, l->line, WHET_EFORMAT, "%s", what); }

static int peek(const ts_lexer *l, size_t k) { return (size_t)(l->end - l->at) > k ? (unsigned char)l->at[k] : -1; }

/* Blank lines and comments vanish; the indentation of the next real line is compared with the open ones. */
static whet_status line_start(ts_lexer *l)
{
    int width = 0;
    for (;;) {
        const char *start = l->at;
        while (peek(l, 0) == ' ') l->at++;
        width = l->at - start > 1000 ? 1000 : (int)(l->at - start);
        if (peek(l, 0) == '#')
            while (l->at < l->end && *l->at != '\n') l->at++;
        if (peek(l, 0) == '\r') l->at++;
        if (peek(l, 0) != '\n') break;
        l->at++;
        l->line++;
    }
    if (l->at == l->end) width = 0;
    l->fresh_line = false;
    if (width > l->indents[l->n_indents - 1]) {
        if (l->n_indents == TS_MAX_DEPTH) return fail(l, "blocks are nested too deeply");
        l->indents[l->n_indents++] = width;
        l->token.kind = TS_INDENT;
        return WHET_OK;
    }
    while (width < l->indents[l->n_indents - 1]) {
        l->n_indents--;
        l->dedents++;
    }
    return width == l->indents[l->n_indents - 1] ? WHET_OK : fail(l, "the indentation fits no open block");
}

static whet_status read_word(ts_lexer *l)
{
    const char *start = l->at;
    while (isalnum(peek(l, 0)) || peek(l, 0) == '_') l->at++;
    if (l->at - start > MAX_WORD) return fail(l, "a name is too long");
    l->token.kind = TS_WORD;
    l->token.s = whet_arena_strndup(l->arena, start, (size_t)(l->at - start));
    return l->token.s ? WHET_OK : WHET_ENOMEM;
}

static whet_status read_number(ts_lexer *l)
{
    char text[64] = "", *stop = NULL;
    size_t n = 0;
    bool real = false;
    for (;; n++) {
        int c = peek(l, n);
        bool sign = (c == '+' || c == '-') && n > 0 && (peek(l, n - 1) == 'e' || peek(l, n - 1) == 'E');
        if (!isdigit(c) && c != '.' && c != 'e' && c != 'E' && !sign) break;
        real |= !isdigit(c);
        if (n + 1 >= sizeof(text)) return fail(l, "a number is too long");
        text[n] = (char)c;
    }
    l->at += n;
    l->token.kind = real ? TS_NUMBER : TS_INTEGER;
    errno = 0;
    if (real) {
        l->token.f = strtod(text, &stop);
    } else {
        /* the printer writes the smallest integer as -9223372036854775808 */
        unsigned long long u = strtoull(text, &stop, 10);
        if (errno == ERANGE || u > (unsigned long long)INT64_MAX + 1) return fail(l, "a whole number is too large");
        l->token.i = (int64_t)u;
    }
    return stop && *stop == '\0' ? WHET_OK : fail(l, "a number is malformed");
}

static int escape(ts_lexer *l)
{
    static const char from[] = "nrtabfv\\'\"", to[] = "\n\r\t\a\b\f\v\\'\"";
    int c = peek(l, 0), value = 0;
    const char *p = c > 0 ? strchr(from, c) : NULL;
    if (p) {
        l->at++;
        return to[p - from];
    }
    if (c >= '0' && c <= '7') {
        for (int i = 0; i < 3 && peek(l, 0) >= '0' && peek(l, 0) <= '7'; i++) value = value * 8 + (*l->at++ - '0');
        return value & 255;
    }
    if (c == 'x' && isxdigit(peek(l, 1)) && isxdigit(peek(l, 2))) {
        char hex[3] = {l->at[1], l->at[2], '\0'};
        l->at += 3;
        return (int)strtol(hex, NULL, 16);
    }
    return -1;
}

static whet_status read_text(ts_lexer *l)
{
    const char quote = *l->at++;
    char text[MAX_WORD];
    size_t n = 0;
    for (;; n++) {
        int c = peek(l, 0);
        if (c < 0 || c == '\n') return fail(l, "a string has no end");
        if (n == sizeof(text)) return fail(l, "a string is too long");
        l->at++;
        if (c == quote) break;
        if (c == '\\') c = escape(l);
        if (c <= 0) return fail(l, "a string has an escape or a NUL that is not handled");
        text[n] = (char)c;
    }
    l->token.kind = TS_TEXT;
    l->token.s = whet_arena_strndup(l->arena, text, n);
    return l->token.s ? WHET_OK : WHET_ENOMEM;
}

static whet_status read_sign(ts_lexer *l)
{
    static const char *const signs[] = {"->", "(", ")", "[", "]", "{", "}", ",", ":", ".", "=", "-"};
    char what[16] = "";
    for (size_t i = 0; i < WHET_COUNT(signs); i++) {
        size_t n = strlen(signs[i]);
        if ((size_t)(l->end - l->at) < n || memcmp(l->at, signs[i], n) != 0) continue;
        l->at += n;
        l->token.kind = TS_SIGN;
        l->token.s = signs[i];
        if (strchr("([{", signs[i][0])) l->brackets++;
        if (strchr(")]}", signs[i][0]) && l->brackets > 0) l->brackets--;
        return WHET_OK;
    }
    if (isprint((unsigned char)*l->at)) snprintf(what, sizeof(what), "'%c'", *l->at);
    else snprintf(what, sizeof(what), "byte %d", (unsigned char)*l->at);
    return ts_fail_at(l->file, l->line, WHET_EFORMAT, "%s does not occur in TorchScript source", what);
}

whet_status ts_lex_next(ts_lexer *l)
{
    l->token = (ts_token){.kind = TS_END, .line = l->line, .s = ""};
    if (l->fresh_line) {
        WHET_TRY(line_start(l));
        l->token.line = l->line;
        if (l->token.kind == TS_INDENT) return WHET_OK;
    }
    if (l->dedents > 0) {
        l->dedents--;
        l->token.kind = TS_DEDENT;
        return WHET_OK;
    }
    for (int c = peek(l, 0); c == ' ' || c == '\t' || c == '\r' || (c == '\n' && l->brackets > 0) || c == '#'; c = peek(l, 0)) {
        if (c == '#')
            while (l->at < l->end && *l->at != '\n') l->at++;
        else
            l->at++;
        if (c == '\n') l->line++;
    }
    l->token.line = l->line;
    int c = peek(l, 0);
    if (c < 0) {
        if (l->n_indents > 1 && !l->fresh_line) { /* no line end behind the last line */
            l->dedents = l->n_indents - 1;
            l->n_indents = 1;
            l->token.kind = TS_NEWLINE;
        }
        return l->brackets > 0 ? fail(l, "the file ends inside brackets") : WHET_OK;
    }
    if (c == '\n') {
        l->at++;
        l->line++;
        l->fresh_line = true;
        l->token.kind = TS_NEWLINE;
        return WHET_OK;
    }
    if (isalpha(c) || c == '_') return read_word(l);
    if (isdigit(c)) return read_number(l);
    return c == '"' || c == '\'' ? read_text(l) : read_sign(l);
}

whet_status ts_lex_start(ts_lexer *l, const char *file, const char *text, size_t size, whet_arena *arena)
{
    *l = (ts_lexer){.file = file, .at = text, .end = text + size, .arena = arena, .line = 1, .n_indents = 1, .fresh_line = true};
    return ts_lex_next(l);
}
