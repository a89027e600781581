/* SPDX-License-Identifier: Apache-2.0 */
/* Reports made of stored results. */
#ifndef WHET_REPORT_H
#define WHET_REPORT_H

#include <stddef.h>

#include "whet/result.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct whet_report_options {
    size_t size;          /* sizeof(whet_report_options) */
    const char *store;    /* where runs are looked up; NULL: the user's */
    const char *html;     /* files to write; NULL: not */
    const char *csv;
    const char *markdown;
    const char *chart_js; /* Chart.js to embed; NULL: looked for (docs/study.md says where) */
    const char *goal;     /* "p95 <= 30 ms, minimise size" in place of the document's own; NULL: that one */
    const char *title;    /* in place of the document's own; NULL: that one */
    const char *latex;    /* folder: tables, methods.tex, whet.bib, report.tex */
    const char *charts;   /* folder: every chart as a picture */
    const char *chart_forms; /* of "svg,png,pdf"; NULL: those that can be had (PNG and PDF need gnuplot) */
} whet_report_options;
void whet_report_options_init(whet_report_options *o);

/* sources: each a result file (JSON of 'whet bench', 'whet study', 'whet results export') or stored runs: "12", "12-15", "latest",
 * "latest:STUDY", "tag:NAME", "study:NAME". Several become one report. Kind "report": the files written, the summary, "of" (the
 * document), "answer" (per machine: the row that meets the goal, the Pareto front) and "warnings". The caller frees *out. */
whet_status whet_report_all(whet_result **out, const char *const *sources, int n, const whet_report_options *opt);

/* The same of one source: a result file (JSON of 'whet bench' or 'whet study'), the number of a stored run, "latest" or "latest:STUDY".
 * Kind "report": the files written and the summary; as text also the table. The caller frees *out. */
whet_status whet_report(whet_result **out, const char *source, const whet_report_options *opt);

#ifdef __cplusplus
}
#endif
#endif
