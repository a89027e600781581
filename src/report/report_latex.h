/* SPDX-License-Identifier: Apache-2.0 */
/* LaTeX, for the files of this folder. */
#ifndef WHET_REPORT_LATEX_H
#define WHET_REPORT_LATEX_H

#include <jansson.h>

#include "base/strbuf.h"

/* Text in which nothing is a command; signs that pdflatex's standard fonts lack are written as [U+XXXX]. */
void report_tex(whet_strbuf *b, const char *text);
/* "$0.231 \pm 0.004$": the half width of the interval (its wider side, rounded up) with one digit, two where the first is a 1, and
 * the value with as many decimals. Without an interval three significant digits; "--" for no value. */
void report_tex_number(whet_strbuf *b, double x, double low, double high);
/* The sentences of methods.tex; marks in `cited` (an object, key -> true) the entries of whet.bib that they cite. */
void report_methods(whet_strbuf *b, const json_t *doc, json_t *cited);
/* Writes the entries that `cited` names. */
void report_bib(whet_strbuf *b, const json_t *doc, const json_t *cited);
/* Key of the entry for a runtime, data set or network by its name; NULL if there is none. */
const char *report_bib_key(const char *name);

#endif
