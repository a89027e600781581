/* SPDX-License-Identifier: Apache-2.0 */
/* Vector kernels of two f32 tensors over rows: dst[r][i] = f(a[r * ra + i * sa], b[r * rb + i * sb]). sa and sb are 0 or 1,
 * the row strides anything; dst rows are rd apart. dst may be an operand that it covers element by element. */
#ifndef WHET_KERNELS_BINARY_VEC_H
#define WHET_KERNELS_BINARY_VEC_H

#include <stdint.h>

typedef struct whet_binary_rows {
    int64_t rows, n;
    const float *a, *b;
    int64_t ra, sa, rb, sb;
    float *dst;
    int64_t rd;
} whet_binary_rows;
typedef void (*whet_binary_rows_fn)(const whet_binary_rows *w);
typedef struct whet_binary_row { const char *op; whet_binary_rows_fn fn; } whet_binary_row;

/* Add Sub Mul Div Max Min PRelu; NULL: none. Bit-equal to the plain kernels. */
whet_binary_rows_fn whet_binary_vec_find(uint32_t isa, const char *op);

#if defined(__x86_64__)
extern const whet_binary_row whet_binary_f32_avx2[], whet_binary_f32_avx512[]; /* end with op NULL */
#endif

#endif
