/* SPDX-License-Identifier: Apache-2.0 */
/* Do two files, or one file on two runtimes, or a file and stored numbers, agree? */
#ifndef WHET_VERIFY_H
#define WHET_VERIFY_H

#include <stddef.h>
#include <stdint.h>

#include "whet/progress.h"
#include "whet/result.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct whet_verify_options {
    size_t size;                 /* sizeof(whet_verify_options) */
    const char *runtime;         /* of the first; NULL: native */
    const char *reference_runtime; /* of the second; NULL: the same as the first, for a lone file that of its format's tool chain or native */
    const char *accept;          /* "max=1e-4,atol=,rtol=,cosine=,lsb="; NULL: by precision */
    int n_inputs;
    const char *const *inputs;   /* .npy per input of the model; none: seeded images or data */
    int n_expected;
    const char *const *expected; /* .npy per output, from the first */
    const char *data, *split, *contract; /* as in whet_bench_options */
    const char *picture_size;
    int64_t samples;             /* inputs tried; 0: 16 */
    uint64_t seed;
    const char *program;
    whet_progress_fn progress;
    void *progress_arg;
    int layers;                  /* compare the inner tensors as well: the document's "layers" */
    const char *picture;         /* with layers: the error along depth as a file, .svg or .png; NULL: none */
} whet_verify_options;
void whet_verify_options_init(whet_verify_options *o);

/* other may be NULL: then stored outputs (opt->expected), or the same file on the other runtime with its optimisation off.
 * Kind "verify"; gate 1 if they do not agree. */
whet_status whet_verify(whet_result **out, const char *model, const char *other, const whet_verify_options *opt);

#ifdef __cplusplus
}
#endif
#endif
