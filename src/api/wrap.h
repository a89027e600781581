/* SPDX-License-Identifier: Apache-2.0 */
/* Text that stays within the terminal's width. Every character counts as one column, colours as none. */
#ifndef WHET_API_WRAP_H
#define WHET_API_WRAP_H

#include "base/strbuf.h"

/* Columns of the first n bytes. */
int whet_text_columns(const char *s, size_t n);
/* Adds the first n bytes of a name; one of over `most` columns loses its middle to "…", as names often differ at both ends. */
void whet_put_shortened(whet_strbuf *out, const char *s, size_t n, int most);
/* Adds the first n bytes of a text as lines, broken at blanks, those after the first `hang` columns in. A word of more than
 * a line is shortened, but for paths, which are there to be copied. */
void whet_put_wrapped(whet_strbuf *out, const char *text, size_t n, int width, int hang);
/* Copies a text; its lines that are too wide are wrapped below where their text begins. A line that is one word stays whole: it
 * is a path to be copied. Heap, NULL without memory. */
char *whet_wrapped_lines(const char *text, int width);

#endif
