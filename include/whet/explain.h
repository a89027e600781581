/* SPDX-License-Identifier: Apache-2.0 */
/* Why is a model as fast as it is on this machine? */
#ifndef WHET_EXPLAIN_H
#define WHET_EXPLAIN_H

#include <stddef.h>
#include <stdint.h>

#include "whet/progress.h"
#include "whet/result.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct whet_explain_options {
    size_t size;               /* sizeof(whet_explain_options) */
    const char *runtime;       /* NULL: native */
    const char *other_runtime; /* of the second file; NULL: as the first */
    int threads;               /* 0: all that may be used */
    int batch;                 /* size of a free first dimension; 0: 1 */
    const char *picture_size;  /* "HxW" where the file leaves it free */
    int quick;                 /* shorter looks: good enough to see what was executed */
    uint64_t seed;             /* of the images */
    const char *program;       /* the whet program for worker processes; NULL: this one */
    whet_progress_fn progress;
    void *progress_arg;
} whet_explain_options;
void whet_explain_options_init(whet_explain_options *o);

/* What was executed, in which precision, how long each node took against what the machine can do at most (measured), and that in
 * sentences. other may be NULL; else both are explained, and why the first is faster or slower. Kind "explain". opt may be NULL. */
whet_status whet_explain(whet_result **out, const char *model, const char *other, const whet_explain_options *opt);

#ifdef __cplusplus
}
#endif
#endif
