/* SPDX-License-Identifier: Apache-2.0 */
/* Parity of a model with another file, another runtime, or stored outputs. */
#ifndef WHET_MEASURE_VERIFY_H
#define WHET_MEASURE_VERIFY_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "data/dataset.h"
#include "whet/progress.h"

typedef struct whet_verify_side { const char *model, *runtime, *optimisation; } whet_verify_side;

typedef struct whet_verify_spec {
    whet_verify_side a, b;       /* b.model NULL: stored outputs are the reference */
    const char *accept;          /* NULL: by the coarser precision of the two */
    int n_inputs, n_expected;
    const char *const *inputs, *const *expected; /* .npy files */
    const char *data, *contract;
    whet_split split;
    int sizes[2], samples;       /* samples 0: 16 */
    bool layers;                 /* compare inner tensors too, on at most 4 of the samples */
    uint64_t seed;
    const char *program;
    whet_progress_fn progress;
    void *progress_arg;
} whet_verify_spec;

whet_status whet_verify_run(json_t **out, bool *ok, const whet_verify_spec *spec);

#endif
