/* SPDX-License-Identifier: Apache-2.0 */
/* Moving elements of 1, 2, 4 or 8 bytes. Strides count elements. */
#ifndef WHET_KERNELS_MOVE_H
#define WHET_KERNELS_MOVE_H

#include <stdint.h>

/* dst[i * ds] = src[i * ss] for i < n. src and dst are disjoint. */
typedef void (*whet_copy_fn)(int64_t n, const void *src, int64_t ss, void *dst, int64_t ds);
/* dst[i * ds0 + j * ds1] = src[i * ss0 + j * ss1]: walks in blocks, for transposes. */
typedef void (*whet_copy2_fn)(int64_t n0, int64_t n1, const void *src, int64_t ss0, int64_t ss1, void *dst, int64_t ds0, int64_t ds1);
/* dst[i] = *value */
typedef void (*whet_fill_fn)(int64_t n, const void *value, void *dst);
whet_copy_fn whet_copy_find(int element_size); /* NULL for other sizes */
whet_copy2_fn whet_copy2_find(int element_size);
whet_fill_fn whet_fill_find(int element_size);

#endif
