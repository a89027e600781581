/* SPDX-License-Identifier: Apache-2.0 */
/* Softmax and cross-entropy in plain C; the largest element is subtracted first, so nothing overflows. */
#include "kernels/softmax/softmax.h"

#include <math.h>

#define BODY(T, suffix)                                                                                             \
    void whet_softmax_##suffix(int64_t n, int64_t stride, bool log_, const T *src, T *dst)                          \
    {                                                                                                               \
        double top = -INFINITY, sum = 0;                                                                            \
        for (int64_t i = 0; i < n; i++) top = (double)src[i * stride] > top || isnan(src[i * stride]) ? (double)src[i * stride] : top; \
        for (int64_t i = 0; i < n; i++) sum += exp((double)src[i * stride] - top);                                  \
        const double shift = top + log(sum);                                                                        \
        for (int64_t i = 0; i < n; i++) {                                                                           \
            const double v = (double)src[i * stride];                                                               \
            dst[i * stride] = (T)(log_ ? v - shift : exp(v - top) / sum);                                           \
        }                                                                                                           \
    }                                                                                                               \
    void whet_softmax_grad_##suffix(int64_t n, int64_t stride, bool log_, const T *diff_dst, const T *dst, T *diff_src) \
    {                                                                                                               \
        double sum = 0;                                                                                             \
        for (int64_t i = 0; i < n; i++)                                                                             \
            sum += (double)diff_dst[i * stride] * (log_ ? 1 : (double)dst[i * stride]);                             \
        for (int64_t i = 0; i < n; i++) {                                                                           \
            const double d = (double)diff_dst[i * stride], y = (double)dst[i * stride];                             \
            diff_src[i * stride] = (T)(log_ ? d - exp(y) * sum : y * (d - sum));                                    \
        }                                                                                                           \
    }                                                                                                               \
    double whet_cross_entropy_##suffix(int64_t n, int64_t stride, const T *log_probs, int64_t label, double smooth) \
    {                                                                                                               \
        double all = 0;                                                                                             \
        for (int64_t i = 0; smooth > 0 && i < n; i++) all += (double)log_probs[i * stride];                         \
        return -(1 - smooth) * (double)log_probs[label * stride] - smooth / (double)n * all;                        \
    }                                                                                                               \
    void whet_cross_entropy_grad_##suffix(int64_t n, int64_t stride, const T *log_probs, int64_t label, double smooth, \
                                          double factor, T *diff)                                                   \
    {                                                                                                               \
        for (int64_t i = 0; i < n; i++) {                                                                           \
            const double target = smooth / (double)n + (i == label ? 1 - smooth : 0);                               \
            diff[i * stride] = (T)(factor * (exp((double)log_probs[i * stride]) - target));                         \
        }                                                                                                           \
    }                                                                                                               \
    double whet_weighted_entropy_##suffix(int64_t n, int64_t stride, const T *log_probs, int64_t label, double smooth, \
                                          const T *weights)                                                         \
    {                                                                                                               \
        double all = 0;                                                                                             \
        for (int64_t i = 0; smooth > 0 && i < n; i++) all += (double)weights[i] * (double)log_probs[i * stride];    \
        return -(1 - smooth) * (double)weights[label] * (double)log_probs[label * stride] - smooth / (double)n * all; \
    }                                                                                                               \
    void whet_weighted_entropy_grad_##suffix(int64_t n, int64_t stride, const T *log_probs, int64_t label, double smooth, \
                                             const T *weights, double factor, T *diff)                              \
    {                                                                                                               \
        double sum = (1 - smooth) * (double)weights[label]; /* of what the targets weigh */                         \
        for (int64_t i = 0; smooth > 0 && i < n; i++) sum += smooth / (double)n * (double)weights[i];               \
        for (int64_t i = 0; i < n; i++) {                                                                           \
            const double target = (smooth / (double)n + (i == label ? 1 - smooth : 0)) * (double)weights[i];        \
            diff[i * stride] = (T)(factor * (exp((double)log_probs[i * stride]) * sum - target));                   \
        }                                                                                                           \
    }
BODY(float, f32_ref)
BODY(double, f64_ref)
