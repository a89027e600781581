/* SPDX-License-Identifier: Apache-2.0 */
/* Softmax along one strided axis of length n, its logarithm, both gradients, and cross-entropy of one position. Sums run
 * in double. dst may be the source. */
#ifndef WHET_KERNELS_SOFTMAX_H
#define WHET_KERNELS_SOFTMAX_H

#include <stdbool.h>
#include <stdint.h>

#define WHET_SOFTMAX_PROTOTYPES(T, suffix)                                                                          \
    void whet_softmax_##suffix(int64_t n, int64_t stride, bool log, const T *src, T *dst);                          \
    /* diff_src from diff_dst and the forward's result. */                                                          \
    void whet_softmax_grad_##suffix(int64_t n, int64_t stride, bool log, const T *diff_dst, const T *dst, T *diff_src); \
    /* -(1 - smooth) * log_probs[label] - smooth / n * sum of log_probs. */                                         \
    double whet_cross_entropy_##suffix(int64_t n, int64_t stride, const T *log_probs, int64_t label, double smooth); \
    /* diff[c] = factor * (p[c] - target[c]), target = smooth / n + (c == label) * (1 - smooth). */                 \
    void whet_cross_entropy_grad_##suffix(int64_t n, int64_t stride, const T *log_probs, int64_t label, double smooth, \
                                          double factor, T *diff);                                                  \
    /* The same with a weight per class: the loss's first term times weights[label], each log_probs[c] times weights[c]. */ \
    double whet_weighted_entropy_##suffix(int64_t n, int64_t stride, const T *log_probs, int64_t label, double smooth, \
                                          const T *weights);                                                        \
    void whet_weighted_entropy_grad_##suffix(int64_t n, int64_t stride, const T *log_probs, int64_t label, double smooth, \
                                             const T *weights, double factor, T *diff);
WHET_SOFTMAX_PROTOTYPES(float, f32_ref)
WHET_SOFTMAX_PROTOTYPES(double, f64_ref)

#endif
