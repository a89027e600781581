/* SPDX-License-Identifier: Apache-2.0 */
/* Sliding windows of convolutions and pools: kernel, strides, dilations and padding as ONNX writes them, shared by
 * inference and the executor. */
#ifndef WHET_IR_WINDOW_H
#define WHET_IR_WINDOW_H

#include "ir/op.h"

#define WHET_WINDOW_MAX 3

typedef struct whet_window {
    int nd; /* spatial dimensions, 1 to 3 */
    int64_t k[WHET_WINDOW_MAX], stride[WHET_WINDOW_MAX], dil[WHET_WINDOW_MAX];
    int64_t pad[WHET_WINDOW_MAX], pad_end[WHET_WINDOW_MAX]; /* resolved where the input size is known */
    bool same_upper, same_lower, ceil;
} whet_window;

/* Reads kernel_shape, strides, dilations, pads, auto_pad and ceil_mode of a node with nd spatial dimensions. kernel:
 * sizes from the weights, or NULL to need kernel_shape; where both are given they must agree (-1: unknown). */
whet_status whet_window_read(const whet_node *n, int nd, const int64_t *kernel, whet_window *w);
/* Output size of axis d for input size `in` (negative: unknown, gives WHET_DIM_UNKNOWN); fixes w->pad[d] and
 * w->pad_end[d] when auto_pad asks for it. Sizes that leave no output give 0 or less. */
int64_t whet_window_out(whet_window *w, int d, int64_t in);
/* Likewise for the transposed convolution: honours output_padding and output_shape of the node. */
int64_t whet_window_out_transposed(whet_window *w, const whet_node *n, int d, int64_t in);

#endif
