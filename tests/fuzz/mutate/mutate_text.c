/* SPDX-License-Identifier: Apache-2.0 */
/* Texts with tokens (XML, JSON, Python): names, numbers, quoted texts and brackets are removed, doubled, exchanged or
 * replaced; XML elements and JSON groups as a whole too. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mutate.h"

typedef struct token { size_t at, n; char kind; } token; /* 'n' name, '0' number, '"' quoted, 'g' group, 'p' mark */
enum { MAX_TOKENS = 60000 };

static size_t number_end(const bytes *b, size_t i)
{
    while (i < b->n && (isalnum(b->p[i]) || b->p[i] == '.' || b->p[i] == '-' || b->p[i] == '+')) i++;
    return i;
}

static size_t name_end(const bytes *b, size_t i)
{
    while (i < b->n && (isalnum(b->p[i]) || b->p[i] == '_' || b->p[i] == '.')) i++;
    return i;
}

/* From an opening bracket or tag to its end; the start if there is none near. */
static size_t group_end(const bytes *b, size_t i)
{
    const char open = (char)b->p[i], *pairs = "{}[]()<>", *found = strchr(pairs, open);
    const char close = found ? found[1] : 0;
    int depth = 0;
    for (size_t k = i; k < b->n && k < i + 20000; k++) {
        depth += (char)b->p[k] == open;
        depth -= (char)b->p[k] == close;
        if (depth == 0) return k + 1;
    }
    return i;
}

static size_t tokens(const bytes *b, token *t)
{
    size_t n = 0;
    for (size_t i = 0; i < b->n && n + 2 < MAX_TOKENS;) {
        const uint8_t c = b->p[i];
        size_t end = i + 1;
        char kind = 'p';
        if (isspace(c)) {
            i++;
            continue;
        }
        if (c == '"' || c == '\'') {
            while (end < b->n && b->p[end] != c && end < i + 4000) end++;
            kind = '"';
            i++;
        } else if (isdigit(c) || (c == '-' && i + 1 < b->n && isdigit(b->p[i + 1]))) {
            end = number_end(b, i + 1);
            kind = '0';
        } else if (isalpha(c) || c == '_') {
            end = name_end(b, i);
            kind = 'n';
        } else if (strchr("{[(<", c)) {
            const size_t to = group_end(b, i);
            if (to > i) t[n++] = (token){i, to - i, 'g'};
        }
        t[n++] = (token){i, end > i ? end - i : 0, kind};
        i = kind == '"' ? end + 1 : end;
    }
    return n;
}

bool mutate_text(bytes *b, whet_rng *r)
{
    token *t = malloc(MAX_TOKENS * sizeof *t);
    uint8_t text[300];
    if (!t) abort();
    const size_t n = tokens(b, t);
    if (n == 0) {
        free(t);
        return mutate_bytes(b, r);
    }
    const token x = t[pick(r, (uint32_t)n)];
    token y = t[pick(r, (uint32_t)n)];
    for (int i = 0; i < 20 && y.kind != x.kind; i++) y = t[pick(r, (uint32_t)n)]; /* like for like, mostly */
    size_t length = 0;
    switch (pick(r, 6)) {
    case 0: bytes_splice(b, x.at, x.n, NULL, 0); break;
    case 1: bytes_splice(b, x.at, 0, b->p + x.at, x.n); break;
    case 2: bytes_splice(b, x.at, x.n, b->p + y.at, y.n); break;
    case 3:
        for (length = 0; length + x.n < sizeof text && length < 256 && x.kind == 'p'; length += x.n) memcpy(text + length, b->p + x.at, x.n);
        bytes_splice(b, x.at, 0, text, length); /* nesting */
        break;
    default:
        if (x.kind == '0') length = (size_t)snprintf((char *)text, sizeof text, chance(r, 4) ? "%lld.5" : "%lld", (long long)odd_number(r, (uint64_t)atoll((char *)b->p + x.at), b->n));
        else length = odd_text(r, text, sizeof text);
        bytes_splice(b, x.at, x.n, text, length);
    }
    free(t);
    return true;
}
