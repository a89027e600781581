/* SPDX-License-Identifier: Apache-2.0 */
/* Makes whet_result documents. Lower modules produce json_t objects; src/api wraps them with a kind and a text renderer. */
#ifndef WHET_API_RESULT_H
#define WHET_API_RESULT_H

#include <jansson.h>
#include <stdbool.h>

#include "base/strbuf.h"
#include "whet/result.h"

/* Renders the document for people: at most `width` columns, ANSI colours if `color`. The last character is a newline. */
typedef void (*whet_render_fn)(const json_t *doc, int width, bool color, whet_strbuf *out);

/* Steals the reference `doc` (an object), also on failure. Puts "schema_version" (1) and "kind" in front. gate: 0, or 1 if
 * a gate failed. */
whet_status whet_result_make(whet_result **out, const char *kind, json_t *doc, int gate, whet_render_fn render);
/* The document behind it, borrowed. */
const json_t *whet_result_doc(const whet_result *r);
/* Reads a stored document back (its JSON text), to be rendered again. */
whet_status whet_result_from_json(whet_result **out, const char *json, whet_render_fn render);

/* --- rendering helpers */
/* A table with a header line: n_cols titles, n_rows * n_cols cells (NULL = ""), right-aligned where align[c] == 'r', left
 * where it is 'l', or 'L' for what is never shortened (figures, dates).
 * Columns are shortened with "…" from the widest left-aligned one until the line fits `width`. */
void whet_render_table(whet_strbuf *out, int width, bool color, int n_cols, const char *const *titles, const char *align,
                       int n_rows, const char *const *cells);
void whet_render_bold(whet_strbuf *out, bool color, const char *text);
/* Text broken at blanks, or where a word alone is too long; what follows the first line stands `hang` columns in. */
void whet_render_wrapped(whet_strbuf *out, int width, int hang, const char *fmt, ...) WHET_PRINTF(4, 5);
/* The end of a long name behind "…", where names of one network differ; at most `columns` characters. Returns buf. */
const char *whet_render_tail(char *buf, size_t size, const char *name, int columns);
/* "1.2 KB", "3.4 MB" (decimal units) into buf; returns buf. */
const char *whet_render_bytes(char *buf, size_t size, double bytes);
/* 12345678 -> "12,345,678". */
const char *whet_render_count(char *buf, size_t size, int64_t n);

#endif
