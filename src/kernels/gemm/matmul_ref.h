/* SPDX-License-Identifier: Apache-2.0 */
/* One row of a matrix product, the definition: c[j] = alpha * sum_k a[k * ak] * b[k * bk + j * bn] + add[j * an], with the
 * sum in double and in order of k; add may be NULL (an may be 0: the same value for all). c is contiguous. */
#ifndef WHET_KERNELS_MATMUL_REF_H
#define WHET_KERNELS_MATMUL_REF_H

#include <stdint.h>

void whet_matmul_row_f32_ref(int64_t n, int64_t k, double alpha, const float *a, int64_t ak, const float *b, int64_t bk,
                             int64_t bn, double beta, const float *add, int64_t an, float *c);
void whet_matmul_row_f64_ref(int64_t n, int64_t k, double alpha, const double *a, int64_t ak, const double *b, int64_t bk,
                             int64_t bn, double beta, const double *add, int64_t an, double *c);

#endif
