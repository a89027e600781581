/* SPDX-License-Identifier: Apache-2.0 */
/* One image between channels-first and channels-last, for elements of 1, 2, 4 or 8 bytes. */
#ifndef WHET_KERNELS_REORDER_H
#define WHET_KERNELS_REORDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Positions lo .. hi-1 of `positions`; to_last: dst[position][channel] = src[channel][position], else the other way. */
void whet_reorder_ref(size_t size, int64_t channels, int64_t positions, int64_t lo, int64_t hi, bool to_last, const void *src,
                      void *dst);

#endif
