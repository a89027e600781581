/* SPDX-License-Identifier: Apache-2.0 */
/* Parts of the page, for the files of this folder. */
#ifndef WHET_REPORT_HTML_H
#define WHET_REPORT_HTML_H

#include <jansson.h>

#include "base/strbuf.h"
#include "report/goal.h"

/* Text with & < > " ' made harmless, for content and attributes alike. */
void report_esc(whet_strbuf *b, const char *text);
/* JSON for a <script> element: no '<', '>' or '&' in it. */
void report_embed_json(whet_strbuf *b, const json_t *v);
/* <dt>name</dt><dd>text</dd>, nothing for an empty text. */
void report_fact(whet_strbuf *b, const char *name, const char *text);
/* <span class='chip ...'>, coloured by the word; what follows a colon is left out. */
void report_chip(whet_strbuf *b, const char *word);

/* --- charts: {"id","title","kind":"bar"|"interval"|"ridge"|"line"|"scatter","unit","labels":[],"series":[{"name","values":[],"low":[],
 * "high":[]}],"note"}; where labels stand for rows "rows" has their numbers and "colours" those of their runtimes. "zero_line": a line
 * at a value. Lines have {"x","y"} points in values; ridges "outlines": [{"bins","ticks"}] between low and high; scatters "points". */
json_t *report_charts(const json_t *doc, const json_t *answers);
/* For the page: HTML, but for curves, which are SVG. */
void report_chart_html(whet_strbuf *b, const json_t *chart);
/* As SVG; alone: with its own title, colours and name space. */
void report_chart_svg(whet_strbuf *b, const json_t *chart, bool in_page);
/* The figure elements of all charts whose id starts with `prefix`. */
void report_figures(whet_strbuf *b, const json_t *charts, const char *prefix);

/* --- sections */
void report_tiles(whet_strbuf *b, const json_t *doc, const json_t *warnings);
void report_choice(whet_strbuf *b, const json_t *doc, const json_t *answers, const whet_goal *goal, const json_t *charts);
void report_results(whet_strbuf *b, const json_t *doc, const json_t *answers);
void report_explained(whet_strbuf *b, const json_t *doc);
void report_comparisons(whet_strbuf *b, const json_t *doc);
void report_parity(whet_strbuf *b, const json_t *doc);
bool report_has_quality(const json_t *doc);
void report_quality(whet_strbuf *b, const json_t *doc);
void report_method(whet_strbuf *b, const json_t *doc);
/* "10,000 pictures (the set's own), 1,000 of them evaluated". */
void report_split_text(const json_t *run, const json_t *split, char *buf, size_t size);
bool report_has_data(const json_t *doc);
void report_data(whet_strbuf *b, const json_t *doc);
void report_training(whet_strbuf *b, const json_t *doc, const json_t *charts);
void report_machine(whet_strbuf *b, const json_t *doc);
void report_provenance(whet_strbuf *b, const json_t *doc);
void report_reading(whet_strbuf *b, const json_t *doc);

/* --- warnings (whet_report_warnings, whet_report_warning_rows) */
void report_warning_list(whet_strbuf *b, const json_t *doc, const json_t *warnings);

/* page.css and page.js as lines, NULL at the end (made of the files by cmake/embed.cmake) */
extern const char *const report_css[];
extern const char *const report_script[];

#endif
