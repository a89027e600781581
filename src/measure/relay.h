/* SPDX-License-Identifier: Apache-2.0 */
/* The same pictures for files that want their channels first and for those that want them last. */
#ifndef WHET_MEASURE_RELAY_H
#define WHET_MEASURE_RELAY_H

#include "measure/samples.h"
#include "tensor/tensor.h"

/* 0: b has not a's dimensions in the other order; 1: b is channels last, 2: a is. Rank 4; where height, width and channels are
 * equal both orders look the same, and nothing is moved. */
int whet_relay_order(const whet_shape *a, const whet_shape *b);
/* A copy with channels first (from channels last), or the other way round. */
whet_status whet_relay_tensor(whet_tensor *out, const whet_tensor *t, bool channels_first);
/* Samples for a model with these inputs (as a worker lists them), from those made for another: *out stays empty (count 0) where
 * nothing need be moved. */
whet_status whet_relay_samples(whet_samples *out, const whet_samples *s, const json_t *inputs);

#endif
