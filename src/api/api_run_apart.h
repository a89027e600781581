/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WHET_API_API_RUN_APART_H
#define WHET_API_API_RUN_APART_H

#include <jansson.h>

#include "tensor/tensor.h"

typedef struct whet_run_apart {
    const char *runtime, *model;
    int threads;
    int n_inputs, n_outputs;
    const whet_tensor *inputs;
    const char *const *outputs; /* .npy files to be written */
    json_t *named[2];           /* lists that get {name, dtype, shape} of every input and output, in order */
} whet_run_apart;

/* The model on raw tensors in a worker process: a crash of the runtime is an error. */
whet_status whet_run_in_worker(const whet_run_apart *r);

#endif
