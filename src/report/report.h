/* SPDX-License-Identifier: Apache-2.0 */
/* Reports made of a result document with rows (kinds "bench" and "study"). */
#ifndef WHET_REPORT_REPORT_H
#define WHET_REPORT_REPORT_H

#include <jansson.h>
#include <stdbool.h>

#include "base/status.h"

/* The sentence at the top: what is true and how sure it is. Heap string. */
char *whet_report_summary(const json_t *doc);

/* One self-contained page: no request leaves it. Chart.js is embedded from `chart_js` (NULL: looked for, see
 * whet_report_find_chart_js); without it the page draws the same numbers as inline SVG and says so. */
whet_status whet_report_html(const json_t *doc, const char *chart_js, char **html);
/* $WHET_CHART_JS, <data folder>/chart.min.js, /usr/share/javascript/chart.js/chart.min.js; heap string, NULL if none. */
char *whet_report_find_chart_js(void);
whet_status whet_report_markdown(const json_t *doc, char **text);
/* RFC 4180, one line a row, raw numbers (ms, bytes, shares), empty where there is none. */
whet_status whet_report_csv(const json_t *doc, char **text);

/* --- the short table for a terminal: titles and cells of the columns that fit 80 characters */
enum { WHET_REPORT_BRIEF = 8 };
extern const char *const whet_report_brief_titles[WHET_REPORT_BRIEF];
extern const char whet_report_brief_align[]; /* 'l' or 'r' a column */
/* Array of rows * WHET_REPORT_BRIEF strings, row by row. */
json_t *whet_report_brief(const json_t *doc);

#endif
