/* SPDX-License-Identifier: Apache-2.0 */
/* Accuracy of a model on a labelled set, on any runtime. */
#ifndef WHET_EVAL_H
#define WHET_EVAL_H

#include <stddef.h>
#include <stdint.h>

#include "whet/contract.h"
#include "whet/progress.h"
#include "whet/result.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct whet_eval_options {
    size_t size;            /* sizeof(whet_eval_options) */
    const char *data;       /* name or path of the set */
    const char *split;      /* train, val, test; NULL: test */
    const char *runtime;    /* NULL: "native" */
    const char *val;        /* how the set is split, as for `whet data` */
    const whet_contract_fields *contract; /* may be NULL: what the file says; if it says nothing the usual contracts are
                                             tried on labelled pictures that are not the test split */
    int threads;            /* 0: all that may be used */
    int load_threads;       /* decoding; 0: as threads */
    int batch;              /* pictures a run; a fixed batch in the file overrules it; 0: 64 */
    int64_t limit;          /* a seeded part of the split; 0: all */
    uint64_t seed;
    int strict;             /* a broken picture is an error */
    whet_progress_fn progress;
    void *progress_arg;
    int apart;              /* 1: a runtime other than native runs in a worker process ($WHET_PROGRAM, else the running program), so
                               that its crash is an error */
} whet_eval_options;
void whet_eval_options_init(whet_eval_options *o);

/* Top-1, top-5, precision, recall and F1 per class and averaged, confusion matrix, with 95 % intervals. Kind "eval".
 * EINVAL for unlabelled data or an empty split. */
whet_status whet_eval(whet_result **out, const char *model, const whet_eval_options *opt);

#ifdef __cplusplus
}
#endif
#endif
