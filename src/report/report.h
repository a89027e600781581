/* SPDX-License-Identifier: Apache-2.0 */
/* Reports made of a result document with rows (kinds "bench" and "study"). */
#ifndef WHET_REPORT_REPORT_H
#define WHET_REPORT_REPORT_H

#include <jansson.h>
#include <stdbool.h>

#include "base/status.h"

/* Files (results, exports) and stored runs ("12", "12-15", "latest", "latest:STUDY", "tag:NAME", "study:NAME") as one document;
 * store_path NULL: the user's. Several runs become kind "selection": rows carry "run", the label of their run, and everything but
 * the rows stands under "runs". Documents of kind "explain" are kept under "explained". The caller owns *doc. */
whet_status whet_report_select(json_t **doc, const char *const *sources, int n, const char *store_path);

/* The same of documents that are at hand; each carries its "label". NULL if memory lacks. */
json_t *whet_report_merge(const json_t *docs);

/* The sentence at the top: what is true and how sure it is. Heap string. */
char *whet_report_summary(const json_t *doc);

/* Every warning: [{"kind": "failed"|"figure"|"verdict"|"machine"|"run"|"data"|"remark"|"missing", "text", "rows": [numbers]}]. Warnings that
 * differ in their numbers alone are one: "text" has each number's range, "texts" every warning as it was given and "own" its
 * numbers, in the order of "rows"; of several runs "runs" has the labels. */
json_t *whet_report_warnings(const json_t *doc);
/* "2 rows: native; ONNX Runtime": where a warning holds; heap string. */
char *whet_report_warning_rows(const json_t *doc, const json_t *warning);

/* One self-contained page: no request leaves it. Where it has curves, Chart.js is embedded from `chart_js` (NULL: looked for, see
 * whet_report_find_chart_js); without it the page draws them as inline SVG and says so. */
whet_status whet_report_html(const json_t *doc, const char *chart_js, char **html);
/* $WHET_CHART_JS, <data folder>/chart.min.js, /usr/share/javascript/chart.js/chart.min.js; heap string, NULL if none. */
char *whet_report_find_chart_js(void);
whet_status whet_report_markdown(const json_t *doc, char **text);
/* Into folder `dir` (made if need be): results.tex, comparisons.tex, parity.tex, classes.tex (booktabs), methods.tex (sentences),
 * whet.bib, and report.tex, which has them all. Paths are added to `files`. */
whet_status whet_report_latex(const json_t *doc, const char *dir, json_t *files);
/* Each chart as DIR/<id>.svg, .png, .pdf and .gp (gnuplot's input). forms: "svg,png", NULL: all that can be had. PNG and PDF are
 * made by gnuplot: without it they are left out with a line in `notes`, and EUNAVAILABLE if `forms` named them. */
whet_status whet_report_pictures(const json_t *doc, const char *dir, const char *forms, json_t *files, json_t *notes);
/* RFC 4180, one line a row, raw numbers (ms, bytes, shares), empty where there is none. */
whet_status whet_report_csv(const json_t *doc, char **text);

/* --- the short table for a terminal: titles and cells of the columns that fit 80 characters */
enum { WHET_REPORT_BRIEF = 8 };
extern const char *const whet_report_brief_titles[WHET_REPORT_BRIEF];
extern const char whet_report_brief_align[]; /* 'l' or 'r' a column */
/* Array of rows * WHET_REPORT_BRIEF strings, row by row. */
json_t *whet_report_brief(const json_t *doc);

#endif
