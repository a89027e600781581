/* SPDX-License-Identifier: Apache-2.0 */
/* LaTeX, for the files of this folder. */
#ifndef WHET_REPORT_LATEX_H
#define WHET_REPORT_LATEX_H

#include <jansson.h>

#include "base/strbuf.h"

/* Text in which nothing is a command; signs that pdflatex's standard fonts lack are written as [U+XXXX]. */
void report_tex(whet_strbuf *b, const char *text);
typedef enum report_tex_kind { REPORT_TEX_PLAIN, REPORT_TEX_SHARE, REPORT_TEX_PERCENTILE } report_tex_kind;
/* "$0.231 \pm 0.004$": the interval's wider half, rounded up; "$0.312$ ($0.290$--$0.805$)" for percentiles and where one side is
 * over twice the other. As many digits as the tables for people have (a share, in per cent: two decimals), more where the
 * interval has them; "--" for no value. */
void report_tex_number(whet_strbuf *b, double x, double low, double high, report_tex_kind kind);
/* The sentences of methods.tex; marks in `cited` (an object, key -> true) the entries of whet.bib that they cite. */
void report_methods(whet_strbuf *b, const json_t *doc, json_t *cited);
/* Writes the entries that `cited` names. */
void report_bib(whet_strbuf *b, const json_t *doc, const json_t *cited);
/* Key of the entry for a runtime, data set or network by its name; NULL if there is none. */
const char *report_bib_key(const char *name);

#endif
