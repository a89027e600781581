/* SPDX-License-Identifier: Apache-2.0 */
/* Soft Dice in plain C; sums in double, in the positions' order. */
#include "kernels/softmax/dice.h"

#define BODY(T, suffix)                                                                                             \
    void whet_dice_##suffix(int64_t n, int64_t n_classes, int64_t stride, const T *probs, const int64_t *labels, int64_t ignore, \
                            whet_dice_sums *sums)                                                                   \
    {                                                                                                               \
        for (int64_t c = 0; c < n_classes; c++)                                                                     \
            for (int64_t i = 0; i < n; i++) {                                                                       \
                const double p = (double)probs[c * stride + i];                                                     \
                if (labels[i] == ignore) continue;                                                                  \
                sums[c].probs += p;                                                                                 \
                if (labels[i] != c) continue;                                                                       \
                sums[c].both += p;                                                                                  \
                sums[c].labels += 1;                                                                                \
            }                                                                                                       \
    }                                                                                                               \
    void whet_dice_grad_##suffix(int64_t n, int64_t n_classes, int64_t stride, const T *probs, const T *slopes, const int64_t *labels, \
                                 int64_t ignore, double factor, T *diff)                                            \
    {                                                                                                               \
        for (int64_t i = 0; i < n; i++) {                                                                           \
            double mean = 0;                                                                                        \
            for (int64_t c = 0; c < n_classes; c++)                                                                 \
                mean += (double)probs[c * stride + i] * (double)slopes[(labels[i] == c) * n_classes + c];           \
            for (int64_t c = 0; c < n_classes; c++) {                                                               \
                const double p = (double)probs[c * stride + i], s = (double)slopes[(labels[i] == c) * n_classes + c]; \
                diff[c * stride + i] = labels[i] == ignore ? (T)0 : (T)(factor * p * (s - mean));                   \
            }                                                                                                       \
        }                                                                                                           \
    }
BODY(float, f32_ref)
BODY(double, f64_ref)
