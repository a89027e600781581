/* SPDX-License-Identifier: Apache-2.0 */
/* Parts of the page, for the files of this folder. */
#ifndef WHET_REPORT_HTML_H
#define WHET_REPORT_HTML_H

#include <jansson.h>

#include "base/strbuf.h"

/* Text with & < > " ' made harmless, for content and attributes alike. */
void report_esc(whet_strbuf *b, const char *text);
/* JSON for a <script> element: no '<', '>' or '&' in it. */
void report_embed_json(whet_strbuf *b, const json_t *v);
/* <dt>name</dt><dd>text</dd>, nothing for an empty text. */
void report_fact(whet_strbuf *b, const char *name, const char *text);

/* --- charts: {"id","title","kind":"bar"|"interval"|"line","unit","labels":[],"series":[{"name","values":[],"low":[],"high":[]}],
 * "note","zero_line"}. Lines have {"x","y"} points in values. */
json_t *report_charts(const json_t *doc);
void report_chart_svg(whet_strbuf *b, const json_t *chart);
/* The figure elements of all charts whose id starts with `prefix`. */
void report_figures(whet_strbuf *b, const json_t *charts, const char *prefix);

/* --- sections */
void report_tiles(whet_strbuf *b, const json_t *doc);
void report_results(whet_strbuf *b, const json_t *doc);
void report_comparisons(whet_strbuf *b, const json_t *doc);
void report_parity(whet_strbuf *b, const json_t *doc);
void report_method(whet_strbuf *b, const json_t *doc);
void report_data(whet_strbuf *b, const json_t *doc);
void report_training(whet_strbuf *b, const json_t *doc, const json_t *charts);
void report_machine(whet_strbuf *b, const json_t *doc);
void report_provenance(whet_strbuf *b, const json_t *doc);
void report_reading(whet_strbuf *b, const json_t *doc);

extern const char *const report_css[];    /* lines, NULL at the end */
extern const char *const report_script[];

#endif
