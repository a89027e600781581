/* SPDX-License-Identifier: Apache-2.0 */
/* Studies: from a YAML file (or one model) to a report, resumable. */
#ifndef WHET_STUDY_H
#define WHET_STUDY_H

#include <stddef.h>

#include "whet/progress.h"
#include "whet/result.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct whet_study_perform_options {
    size_t size;             /* sizeof(whet_study_perform_options) */
    const char *data;        /* of a study without YAML: set or folder; NULL: seeded images, no accuracy */
    const char *contract;    /* likewise: preset or file; NULL: the model's own, or found on labelled pictures */
    const char *out;         /* folder; NULL: the study's own, runs/NAME */
    const char *const *set;  /* "key=value" texts, NULL-terminated, on top of the file; may be NULL */
    const char *mode;        /* "default", "quick" or "publish" */
    int dry_run;             /* only say what would be done */
    const char *store;       /* store that gets the finished run; NULL: the user's, "": none */
    const char *command;     /* as typed, stands in the report; may be NULL */
    whet_progress_fn progress;
    void *progress_arg;
    const char *baseline;    /* result file or stored run to compare with; a row that is worse fails the gate. NULL: none */
    const char *gate;        /* of the baseline, as in whet_compare_options; NULL: all figures at their own bands */
    const char *hosts;       /* "user@machine,..." or an inventory file: the study runs there, by ssh; NULL: here */
    const char *bundle;      /* of hosts: whet-<machine>.tar.gz files or their folder, separated by commas; NULL: the usual places */
} whet_study_perform_options;
void whet_study_perform_options_init(whet_study_perform_options *o);

/* Runs the study in `file` (*.yaml, *.yml, *.json), or the study of one model (any other file). Steps that are finished are
 * not done again. The gate is 1 if a row failed or is worse than the baseline. Errors: EINVAL (unknown key, wrong value: with line), EFORMAT (damaged file),
 * ERUNTIME (no row could be run; *out tells of each), ECANCELLED (finished steps are kept). The caller frees *out.
 * The document: docs/result-format.md, kind "study". */
whet_status whet_study_perform(whet_result **out, const char *file, const whet_study_perform_options *opt);
/* Writes a commented study for `model` (zoo name or file; NULL: lenet). EINVAL if `file` exists. */
whet_status whet_study_init(whet_result **out, const char *file, const char *model);
/* JSON schema of study files; the text is the schema alone. */
whet_status whet_study_describe(whet_result **out);
/* The keys as Markdown tables, as in docs/study.md. */
whet_status whet_study_keys(whet_result **out);

#ifdef __cplusplus
}
#endif
#endif
