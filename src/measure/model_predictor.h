/* SPDX-License-Identifier: Apache-2.0 */
/* A model file on a runtime, as a predictor: the runtime is loaded into this process, one of them at a time, or into a worker
 * process of its own (`apart`), so that a program may use several and outlives a crash of each. */
#ifndef WHET_MEASURE_MODEL_PREDICTOR_H
#define WHET_MEASURE_MODEL_PREDICTOR_H

#include "backend/backend.h"
#include "data/contract.h"
#include "eval/predictor.h"

typedef struct whet_runner_options {
    size_t size;
    const char *runtime;           /* NULL: "native" */
    int threads;                   /* 0: all that may be used */
    const char *optimisation;      /* NULL: the runtime's default; "off", "basic", "all" */
    const char *precision;         /* arithmetic asked of the runtime; NULL, "default": the file's own */
    const char *denormals;         /* NULL: "zero" */
    int batch;                     /* pictures a call; a fixed batch in the file overrules it; 0: 64 */
    bool apart;                    /* in a worker process; `b` of whet_runner_open may be NULL then */
    const whet_contract *contract; /* size for inputs whose height and width are free; may be NULL */
} whet_runner_options;
void whet_runner_options_init(whet_runner_options *o);

typedef struct whet_runner whet_runner;
/* EUNAVAILABLE for a missing runtime, ESHAPE if the input is no picture (rank 4 with 1 or 3 channels, or 3 without; f32, u8, s8). */
whet_status whet_runner_open(whet_runner **out, const whet_backends *b, const char *path, const whet_runner_options *opt);
void whet_runner_close(whet_runner *m); /* accepts NULL */
const whet_predictor *whet_runner_predictor(const whet_runner *m);
const char *whet_runner_runtime(const whet_runner *m); /* "native 0.1.0" */

#endif
