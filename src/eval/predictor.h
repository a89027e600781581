/* SPDX-License-Identifier: Apache-2.0 */
/* A model as a function from preprocessed pictures to scores. */
#ifndef WHET_EVAL_PREDICTOR_H
#define WHET_EVAL_PREDICTOR_H

#include <stdbool.h>

#include "base/status.h"

/* x: n inputs of channels * height * width floats, n <= batch; y: n rows of `classes` scores. */
typedef whet_status (*whet_predict_fn)(void *arg, const float *x, int n, float *y);

typedef struct whet_predictor {
    whet_predict_fn predict;
    void *arg;
    int channels, height, width;
    bool nhwc;   /* layout of x */
    int classes; /* scores a picture */
    int batch;   /* most pictures a call */
} whet_predictor;

#endif
