/* SPDX-License-Identifier: Apache-2.0 */
/* Text from files and arguments made safe for a terminal: what a model calls its nodes must not move the cursor. */
#ifndef WHET_BASE_PRINTABLE_H
#define WHET_BASE_PRINTABLE_H

#include <stdbool.h>
#include <stddef.h>

/* Copies `text` to `out` (cut at a whole character, NUL-terminated, cap > 0) with control characters, C1 controls and bytes
 * that are no UTF-8 written as \n, \t, \xHH. With `layout` line breaks, tabs and colours (ESC [ digits m) stay. */
void whet_printable(char *out, size_t cap, const char *text, bool layout);
/* True if whet_printable would change nothing. */
bool whet_is_printable(const char *text, bool layout);

#endif
