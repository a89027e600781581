/* SPDX-License-Identifier: Apache-2.0 */
/* Where two files, or one file on two runtimes, part: every inner tensor that both have, compared on the same inputs. */
#ifndef WHET_MEASURE_LAYERS_H
#define WHET_MEASURE_LAYERS_H

#include <jansson.h>

#include "measure/parity.h"
#include "measure/samples.h"
#include "whet/progress.h"

typedef struct whet_layers_side {
    const char *model, *runtime;
    json_t *load;                 /* the request that loads it; borrowed */
    const whet_samples *samples;  /* the same ones for both, each in its own order */
    int n_outputs;                /* of the model, as they are without reading inner tensors, for the first sample */
    const char (*names)[128];
    const whet_tensor *outputs;
} whet_layers_side;

typedef struct whet_layers_spec {
    whet_layers_side a, b;        /* b is the reference */
    int count;                    /* of the samples that are tried */
    const whet_accept *accept;
    const char *program;
    whet_progress_fn progress;
    void *progress_arg;
} whet_layers_spec;

/* The member "layers" of the document "verify" (docs/result-format.md). EUNSUPPORTED: a runtime does not let one read inner
 * tensors, or whet cannot read a file. */
whet_status whet_layers_run(json_t **out, const whet_layers_spec *spec);

#endif
