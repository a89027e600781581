/* SPDX-License-Identifier: Apache-2.0 */
/* The zoo: networks built with graph calls alone. Parameters are trainable variables named as in the published PyTorch
 * state dicts; the graph has one input "input" [N, channels, height, width] and one output "output" [N, classes] of raw
 * scores. training: BatchNorm normalises by the batch and commits its running statistics (PyTorch's numbers: unbiased
 * variance, momentum 0.1); otherwise it reads them. Both graphs have the same variables. */
#ifndef WHET_MODELS_MODELS_H
#define WHET_MODELS_MODELS_H

#include "ir/graph.h"

typedef struct whet_model_options {
    size_t size;         /* sizeof(whet_model_options) */
    int64_t in_channels; /* 0: the model's own */
    int64_t height, width, classes;
    bool training;
    uint64_t seed;       /* of the initial weights; each parameter draws from (seed, its name) */
} whet_model_options;
void whet_model_options_init(whet_model_options *o);

typedef struct whet_model {
    const char *name, *about;
    int64_t in_channels, height, width, classes; /* the model's own */
    int64_t parameters;                          /* trainable ones, for its own sizes */
    whet_status (*build)(whet_graph *g, const whet_model_options *o, int arg);
    int arg;
} whet_model;

/* EINVAL for an unknown name (the text lists the nearest and all), ESHAPE for sizes that the network cannot take. The
 * caller frees the graph. opt may be NULL. */
whet_status whet_model_build(const char *name, const whet_model_options *opt, whet_graph **out);
int whet_model_count(void);
const whet_model *whet_model_at(int i);
const whet_model *whet_model_find(const char *name); /* NULL if unknown */
int64_t whet_model_parameters(const whet_graph *g);  /* elements of the trainable variables */

#endif
