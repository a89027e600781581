/* SPDX-License-Identifier: Apache-2.0 */
/* The same pictures for files that take integers, f16 and f32. */
#ifndef WHET_MEASURE_RETYPE_H
#define WHET_MEASURE_RETYPE_H

#include "measure/samples.h"
#include "tensor/tensor.h"

/* Samples for a model with these inputs (as a worker lists them), from those made for another; the borders say what the integers of
 * either first input stand for. *out stays empty (count 0) where the types are equal, or a border that it takes is not known. */
whet_status whet_retype_samples(whet_samples *out, const whet_samples *s, const json_t *inputs, const whet_border *from, const whet_border *to);
/* The real numbers of u8 or s8, or of another type of them, as f32. */
whet_status whet_retype_real(whet_tensor *out, const whet_tensor *t, const whet_border *b);

#endif
