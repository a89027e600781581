/* SPDX-License-Identifier: Apache-2.0 */
/* Text from files and arguments made safe for a terminal: what a model calls its nodes must not move the cursor. */
#ifndef WHET_BASE_PRINTABLE_H
#define WHET_BASE_PRINTABLE_H

#include <stdbool.h>
#include <stddef.h>

/* Copies `text` to `out` (cut at a whole character, NUL-terminated, cap > 0) with control characters, C1 controls and bytes
 * that are no UTF-8 written as \n, \t, \xHH. `keep` names what stays. */
enum { WHET_KEEP_LINES = 1, WHET_KEEP_COLOURS = 2 }; /* line breaks and tabs; ESC [ digits m */
void whet_printable(char *out, size_t cap, const char *text, unsigned keep);
/* A whole copy; owned by the caller, NULL without memory. */
char *whet_printable_copy(const char *text, unsigned keep);
/* True if whet_printable would change nothing. */
bool whet_is_printable(const char *text, unsigned keep);
/* True if the text is well-formed UTF-8. */
bool whet_is_utf8(const char *text);

#endif
