/* SPDX-License-Identifier: Apache-2.0 */
/* Random changes of one network input, see whet_augment in dataset.h. */
#ifndef WHET_DATA_AUGMENT_H
#define WHET_DATA_AUGMENT_H

#include "base/rng.h"
#include "data/dataset.h"

bool whet_augment_any(const whet_augment *a);
/* src and dst: channels x h x w floats in the contract's layout, not overlapping. fill[k]: what a pixel of grey level 0 is
 * in channel k. The numbers are taken from r in a fixed order. */
void whet_augment_apply(const whet_augment *a, whet_rng *r, const float *src, float *dst, int channels, int h, int w, bool nhwc,
                        const float *fill);

#endif
