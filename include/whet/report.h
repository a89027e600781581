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
} whet_report_options;
void whet_report_options_init(whet_report_options *o);

/* source: a result file (JSON of 'whet bench' or 'whet study'), the number of a stored run, "latest" or "latest:STUDY".
 * Kind "report": the files written and the summary; as text also the table. The caller frees *out. */
whet_status whet_report(whet_result **out, const char *source, const whet_report_options *opt);

#ifdef __cplusplus
}
#endif
#endif
