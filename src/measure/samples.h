/* SPDX-License-Identifier: Apache-2.0 */
/* The inputs of a measurement: real pictures through the contract, or seeded images; varied, and the same bytes for every
 * runtime, in one shared memory file. */
#ifndef WHET_MEASURE_SAMPLES_H
#define WHET_MEASURE_SAMPLES_H

#include "data/dataset.h"
#include "measure/launch.h"
#include "measure/model_border.h"
#include "tensor/tensor.h"

enum { WHET_SAMPLES_MAX_INPUTS = 64 };

typedef struct whet_samples_options {
    const char *data;     /* NULL: seeded images */
    whet_split split;
    const whet_dataset_options *opening; /* of data; NULL: as for a given model, seed 0 */
    const char *contract; /* preset or file; NULL: the model's own */
    const char *own;      /* contract JSON of the model, or NULL */
    const char *path;     /* of the model, which is asked what its integers stand for where the runtime does not tell; may be NULL */
    uint64_t seed;
    int count;            /* wanted; fewer if they would take over 256 MiB */
} whet_samples_options;

typedef struct whet_samples {
    int n_inputs, count;
    int64_t different;    /* pictures in the split, or as many as there are */
    struct { char name[256]; whet_dtype dtype; whet_shape shape; size_t bytes; } in[WHET_SAMPLES_MAX_INPUTS];
    size_t sample_bytes;
    whet_shared memory;
    char source[512], sha256[65];
    whet_contract contract;
    whet_border border;   /* of pictures that are given as integers */
    bool pictures;        /* from a data set: the region e2e can be measured */
    int channels, height, width;
} whet_samples;

void whet_samples_init(whet_samples *s);
void whet_samples_dispose(whet_samples *s);
/* inputs: the list that a worker gave for a loaded model. */
whet_status whet_samples_make(whet_samples *s, const json_t *inputs, const whet_samples_options *opt);
/* From given tensors, one sample. */
whet_status whet_samples_take(whet_samples *s, int n, const whet_tensor *tensors);
/* Why outputs of a quantised file may differ on inputs that are no pictures, and what to do; "" if that is not so. */
const char *whet_samples_hint(const whet_samples *s, const char *precision);
json_t *whet_samples_feed(const whet_samples *s); /* the request that tells a worker of them */

#endif
