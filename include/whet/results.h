/* SPDX-License-Identifier: Apache-2.0 */
/* The store of results. Runs are named by their number, "latest", "latest:STUDY", either with "~N" (so many before it), or a
 * tag (the newest run that has it). store NULL: the user's store, $WHET_STORE, else $WHET_HOME/data/results.sqlite, else
 * ~/.local/share/whet/results.sqlite. Callers free *out. */
#ifndef WHET_RESULTS_H
#define WHET_RESULTS_H

#include <stddef.h>

#include "whet/progress.h"
#include "whet/result.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct whet_results_options {
    size_t size;                    /* sizeof(whet_results_options) */
    const char *store;
    const char *kind, *study, *tag; /* list: only these; NULL: any */
    int limit;                      /* list: at most so many, newest first; 0: all */
    const char *model;              /* list: only runs with a row of this model; NULL: any */
    const char *row;                /* audit: only the row with this id; NULL: all */
    const char *program;            /* audit: as in whet_runtimes_options */
    whet_progress_fn progress;      /* audit */
    void *progress_arg;
    int allow_exec;                 /* audit: run the commands that rows name as their runtime (exec:COMMAND); only for files you trust */
} whet_results_options;
void whet_results_options_init(whet_results_options *o);

/* Kind "results": {"store", "runs": [{"id","time","kind","study","tags","n_rows","n_ok","summary"}]}. An empty or missing
 * store is an empty list. */
whet_status whet_results_list(whet_result **out, const whet_results_options *opt);
/* The stored document itself. */
whet_status whet_results_show(whet_result **out, const char *run, const whet_results_options *opt);
whet_status whet_results_tag(whet_result **out, const char *run, const char *tag, int remove, const whet_results_options *opt);
whet_status whet_results_remove(whet_result **out, const char *run, const whet_results_options *opt);
/* runs NULL or n 0: all. The file is replaced atomically. */
whet_status whet_results_export(whet_result **out, const char *file, const char *const *runs, int n, const whet_results_options *opt);
/* An export or a single result file. All or nothing; runs that are there already are skipped. */
whet_status whet_results_import(whet_result **out, const char *file, const whet_results_options *opt);
/* Kind "results-where": {"store","exists","version","bytes","runs"}; a missing store is no error. */
whet_status whet_results_where(whet_result **out, const whet_results_options *opt);
/* Measures the rows of a stored run (or of a result file) again, in the same way: kind "audit", each row `confirmed`, `outputs
 * differ`, `speed differs` (by over 10 %) or `not replayed: why`. The gate is 1 unless all are confirmed. */
whet_status whet_results_audit(whet_result **out, const char *run, const whet_results_options *opt);
/* Checks every page of the store; EFORMAT if it is damaged. */
whet_status whet_results_check(whet_result **out, const whet_results_options *opt);

#ifdef __cplusplus
}
#endif
#endif
