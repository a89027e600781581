/* SPDX-License-Identifier: Apache-2.0 */
/* Matrix product row by row in plain C, for both float types and any strides. */
#include "kernels/gemm/matmul_ref.h"

#define ROW(T, suffix)                                                                                              \
    void whet_matmul_row_##suffix(int64_t n, int64_t k, double alpha, const T *a, int64_t ak, const T *b, int64_t bk, \
                                  int64_t bn, double beta, const T *add, int64_t an, T *c)                          \
    {                                                                                                               \
        for (int64_t j = 0; j < n; j++) {                                                                           \
            double sum = 0;                                                                                         \
            for (int64_t i = 0; i < k; i++) sum += (double)a[i * ak] * (double)b[i * bk + j * bn];                  \
            sum *= alpha;                                                                                           \
            if (add != 0) sum += beta * (double)add[j * an];                                                        \
            c[j] = (T)sum;                                                                                          \
        }                                                                                                           \
    }
ROW(float, f32_ref)
ROW(double, f64_ref)
