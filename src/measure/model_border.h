/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WHET_MEASURE_MODEL_BORDER_H
#define WHET_MEASURE_MODEL_BORDER_H

#include "data/contract.h"
#include "ir/graph.h"
#include "tensor/tensor.h"

typedef struct whet_border {
    double scale; /* 0: the file says none */
    int zero_point;
} whet_border;

/* What the integers of the first input stand for: the scale and zero point of the DequantizeLinear that reads it.
 * A file that cannot be read here, or has none, leaves scale 0. */
void whet_model_border_read(const char *path, whet_border *out);
/* True if the contract's values, rounded, are still pictures: they are meant for an input of integers without a scale. */
bool whet_border_whole(const whet_contract *c);
/* The zero point of the QuantizeLinear that makes output i; 0 if none does. */
int whet_model_output_zero(const whet_graph *g, int i);
/* The same of a file, and what output i's integers stand for: of each of the first n; scale 0: no integers, or not known. */
void whet_model_output_borders(const char *path, int n, whet_border *out);
/* Real values as integers of type t (u8, s8; f32 is copied). */
void whet_border_put(const whet_border *b, whet_dtype t, const float *x, size_t n, void *dst);

#endif
