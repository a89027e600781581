/* SPDX-License-Identifier: Apache-2.0 */
/* Soft Dice over n positions of n_classes probabilities each; position i, class c stands at probs[c * stride + i]. labels[i] are
 * class numbers or `ignore`, which does not count. The formulas stand in ir/op_loss.c. */
#ifndef WHET_KERNELS_DICE_H
#define WHET_KERNELS_DICE_H

#include <stdint.h>

typedef struct whet_dice_sums { double both, probs, labels; } whet_dice_sums; /* I, P, T of a class */

/* sums[c] takes the positions in. */
void whet_dice_f32_ref(int64_t n, int64_t n_classes, int64_t stride, const float *probs, const int64_t *labels, int64_t ignore,
                       whet_dice_sums *sums);
void whet_dice_f64_ref(int64_t n, int64_t n_classes, int64_t stride, const double *probs, const int64_t *labels, int64_t ignore,
                       whet_dice_sums *sums);
/* Gradient of the logits: diff[c] = p[c] * (s[c] - sum of s p), s[c] = factor * slopes[(label == c) * n_classes + c]. */
void whet_dice_grad_f32_ref(int64_t n, int64_t n_classes, int64_t stride, const float *probs, const float *slopes, const int64_t *labels,
                            int64_t ignore, double factor, float *diff);
void whet_dice_grad_f64_ref(int64_t n, int64_t n_classes, int64_t stride, const double *probs, const double *slopes, const int64_t *labels,
                            int64_t ignore, double factor, double *diff);

#endif
