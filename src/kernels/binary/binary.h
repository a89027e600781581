/* SPDX-License-Identifier: Apache-2.0 */
/* Elementwise functions of two tensors, and selection. One row of n elements: a and b advance by sa and sb elements
 * (0: one element for all), dst is contiguous and the same as an input of stride 1 or disjoint from it. */
#ifndef WHET_KERNELS_BINARY_H
#define WHET_KERNELS_BINARY_H

#include <stdint.h>

typedef void (*whet_binary_fn)(int64_t n, const void *a, int64_t sa, const void *b, int64_t sb, void *dst);
typedef void (*whet_where_fn)(int64_t n, const uint8_t *cond, int64_t sc, const void *a, int64_t sa, const void *b, int64_t sb, void *dst);

/* type: of a and b ("f32"). Comparisons and logic write bytes 0 or 1. "Fmod" is Mod with fmod = 1; "ShiftLeft" and
 * "ShiftRight" are BitShift. NULL if there is none. Integer division by zero gives 0. */
whet_binary_fn whet_binary_find(const char *op, const char *type);
whet_where_fn whet_where_find(int element_size); /* 1, 2, 4, 8 bytes */

#endif
