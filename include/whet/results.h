/* SPDX-License-Identifier: Apache-2.0 */
/* The store of results. Runs are named by their number, "latest" or "latest:STUDY". store NULL: the user's store,
 * $WHET_HOME/results.sqlite or ~/.local/share/whet/results.sqlite. Callers free *out. */
#ifndef WHET_RESULTS_H
#define WHET_RESULTS_H

#include <stddef.h>

#include "whet/result.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct whet_results_options {
    size_t size;                    /* sizeof(whet_results_options) */
    const char *store;
    const char *kind, *study, *tag; /* list: only these; NULL: any */
    int limit;                      /* list: at most so many, newest first; 0: all */
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
/* All or nothing; runs that are there already are skipped. */
whet_status whet_results_import(whet_result **out, const char *file, const whet_results_options *opt);
/* Checks every page of the store; EFORMAT if it is damaged. */
whet_status whet_results_check(whet_result **out, const whet_results_options *opt);

#ifdef __cplusplus
}
#endif
#endif
