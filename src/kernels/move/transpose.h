/* SPDX-License-Identifier: Apache-2.0 */
/* Transposition of f32 matrices: dst[j * ds + i] = src[i * ss + j] for i < rows, j < columns; src and dst are disjoint. */
#ifndef WHET_KERNELS_TRANSPOSE_H
#define WHET_KERNELS_TRANSPOSE_H

#include <stdint.h>

typedef void (*whet_transpose_fn)(int64_t rows, int64_t columns, const float *src, int64_t ss, float *dst, int64_t ds);
whet_transpose_fn whet_transpose_vec(uint32_t isa); /* NULL: none */

#if defined(__x86_64__)
void whet_transpose_f32_avx2(int64_t rows, int64_t columns, const float *src, int64_t ss, float *dst, int64_t ds);
void whet_transpose_f32_avx512(int64_t rows, int64_t columns, const float *src, int64_t ss, float *dst, int64_t ds);
#endif

#endif
