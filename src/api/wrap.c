/* SPDX-License-Identifier: Apache-2.0 */
/* Breaking lines at blanks and shortening what has none. */
#include "api/wrap.h"

#include <limits.h>
#include <stdbool.h>
#include <string.h>

#include "base/mem.h"

enum { DEEPEST = 32 }; /* columns that a line may be indented by the words before its text */

/* Bytes of the colour at s, 0 if there is none. */
static size_t colour(const char *s, size_t n)
{
    if (n < 3 || s[0] != '\x1b' || s[1] != '[') return 0;
    for (size_t i = 2; i < n && i < 16; i++)
        if (s[i] == 'm') return i + 1;
    return 0;
}

/* Bytes of what stands in the next column: a character, or a colour. */
static size_t step(const char *s, size_t n, int *columns)
{
    size_t k = colour(s, n);
    if (k > 0) return k;
    for (k = 1; k < n && (s[k] & 0xc0) == 0x80;) k++;
    ++*columns;
    return k;
}

int whet_text_columns(const char *s, size_t n)
{
    int columns = 0;
    for (size_t i = 0; i < n;) i += step(s + i, n - i, &columns);
    return columns;
}

void whet_put_shortened(whet_strbuf *out, const char *s, size_t n, int most)
{
    const int all = whet_text_columns(s, n), head = (most - 1) / 2, tail = WHET_MAX(most - 1 - head, 0);
    if (all <= most) {
        whet_strbuf_add(out, s, n);
        return;
    }
    for (size_t i = 0, k = 0; i < n; i += k) {
        int column = whet_text_columns(s, i);
        const bool paints = colour(s + i, n - i) > 0;
        const int before = column;
        k = step(s + i, n - i, &column);
        if (paints || before < head || before >= all - tail) whet_strbuf_add(out, s + i, k);
        if (!paints && before == head) whet_strbuf_puts(out, "\xe2\x80\xa6");
    }
}

/* Up to the next blank; "3 %" is one word. */
static size_t word_length(const char *s, size_t n)
{
    size_t k = 0;
    while (k < n && (s[k] != ' ' || (k > 0 && k + 1 < n && s[k + 1] == '%'))) k++;
    return k;
}

/* Columns of a word: a path, also one within a setting to be given, is there to be copied and stays whole. */
static int most_of(const char *word, size_t n, int line)
{
    return memchr(word, '/', n) != NULL ? INT_MAX : line;
}

void whet_put_wrapped(whet_strbuf *out, const char *text, size_t n, int width, int hang)
{
    const int line = WHET_MAX(width - hang, 8);
    int column = 0;
    bool empty = true; /* nothing but blanks stands in the line yet */
    for (size_t at = 0; at < n;) {
        size_t blanks = 0, word = 0;
        while (at + blanks < n && text[at + blanks] == ' ') blanks++;
        word = word_length(text + at + blanks, n - at - blanks);
        const int most = most_of(text + at + blanks, word, line), wide = WHET_MIN(whet_text_columns(text + at + blanks, word), most);
        if (word == 0) break;
        if (!empty && column + (int)blanks + wide > width) {
            whet_strbuf_printf(out, "\n%*s", hang, "");
            column = hang;
        } else {
            whet_strbuf_printf(out, "%*s", (int)blanks, "");
            column += (int)blanks;
        }
        whet_put_shortened(out, text + at + blanks, word, most);
        column += wide;
        empty = false;
        at += blanks + word;
    }
    whet_strbuf_puts(out, "\n");
}

/* Where the text of "  name      text" begins; else two columns behind the indentation. */
static int text_column(const char *line, size_t n)
{
    const size_t indent = strspn(line, " ");
    int found = 0;
    for (size_t i = indent; i + 2 < n && i < DEEPEST; i++)
        if (line[i] == ' ' && line[i + 1] == ' ' && line[i + 2] != ' ') found = whet_text_columns(line, i + 2);
    return found > 0 && found <= DEEPEST ? found : WHET_MIN((int)indent, DEEPEST) + 2;
}

char *whet_wrapped_lines(const char *text, int width)
{
    whet_strbuf out;
    whet_strbuf_init(&out);
    for (const char *line = text; *line != '\0';) {
        const size_t n = strcspn(line, "\n");
        const bool whole = whet_text_columns(line, n) <= width || memchr(line, ' ', n) == NULL;
        if (whole) {
            whet_strbuf_add(&out, line, n);
            if (line[n] == '\n') whet_strbuf_puts(&out, "\n");
        } else {
            whet_put_wrapped(&out, line, n, width, text_column(line, n));
        }
        line += n + (line[n] == '\n');
    }
    return whet_strbuf_take(&out);
}
