/* SPDX-License-Identifier: Apache-2.0 */
/* What writers of channels-last formats ask of a graph after whet_pass_channels_last: how a value lies in the file (dims, axes,
 * bytes), what a node that moves data comes to there, and the 2-D windows of convolutions and pools in TensorFlow's terms. */
#ifndef WHET_FORMATS_NHWC_EXPORT_H
#define WHET_FORMATS_NHWC_EXPORT_H

#include "ir/graph.h"

/* Readers have functions of these names of their own (nhwc_import.h; no file needs both): the linker is told others. */
#define whet_nhwc_dims whet_nhwc_export_dims
#define whet_nhwc_axis whet_nhwc_export_axis
#define whet_nhwc_const whet_nhwc_export_const

bool whet_nhwc_is(const whet_graph *g, whet_vid v); /* lies channels-last; false for WHET_NO_VALUE */
/* Dims as in the file. */
whet_dims whet_nhwc_dims(const whet_graph *g, whet_vid v);
/* An axis of v in the graph's terms (negative ones count from the end) -> axis in the file. */
int whet_nhwc_axis(const whet_graph *g, whet_vid v, int64_t axis);
/* x[rank of v] in the graph's order of axes -> file[], in the file's: pads' halves, scales, sizes, repeats. */
void whet_nhwc_order(const whet_graph *g, whet_vid v, const int64_t *x, int64_t *file);

/* Bytes of a constant as they lie in the file: a reference to the tensor, or a permuted copy. Dispose. */
whet_status whet_nhwc_const(const whet_graph *g, whet_vid v, whet_tensor *out);
/* out = src with axes perm[], as Transpose does. Own bytes, unless nothing moves. */
whet_status whet_nhwc_permute(const whet_tensor *src, const int *perm, whet_tensor *out);
/* Weights, rank 4: OIHW -> OHWI (TFLite), -> HWIO (TensorFlow, Keras); of depthwise ones [C*m,1,h,w] -> [1,h,w,C*m] (TFLite)
 * and -> [h,w,C,m] (TensorFlow, Keras); of ConvTranspose [I,O,h,w] -> OHWI (TFLite), -> HWOI (TensorFlow, Keras). */
typedef enum whet_nhwc_weights {
    WHET_WEIGHTS_OHWI,
    WHET_WEIGHTS_HWIO,
    WHET_WEIGHTS_1HWC,
    WHET_WEIGHTS_HWCM,
    WHET_WEIGHTS_IO_OHWI,
    WHET_WEIGHTS_IO_HWOI
} whet_nhwc_weights;
whet_status whet_nhwc_conv_weights(const whet_tensor *w, whet_nhwc_weights to, int64_t groups, whet_tensor *out);

/* What a Transpose or whet.Reorder comes to in the file. */
typedef enum whet_nhwc_move {
    WHET_MOVE_NONE,     /* the same tensor under another name */
    WHET_MOVE_RESHAPE,  /* the same bytes with other dims */
    WHET_MOVE_TRANSPOSE /* perm[] in the file's terms */
} whet_nhwc_move;
whet_nhwc_move whet_nhwc_move_of(const whet_graph *g, const whet_node *n, int perm[WHET_MAX_RANK]);
/* How many Transpose and whet.Reorder nodes are transpositions in the file. */
int whet_nhwc_count_transposes(const whet_graph *g);

/* The window of a Conv, ConvTranspose, MaxPool or AveragePool on rank 4, auto_pad resolved. */
typedef struct whet_nhwc_window {
    int64_t kernel[2], stride[2], dilation[2]; /* h, w */
    int64_t before[2], after[2];               /* padding; `after` as far as the outputs reach (ceil_mode counted in) */
    bool valid;  /* no padding at all: TensorFlow's VALID (before = after = 0; rows left over at the end are cut off) */
    bool same;   /* exactly the padding of TensorFlow's SAME */
    int64_t given_after[2];                    /* padding behind as the node says it */
    int64_t in[2], out[2];
    int64_t output_padding[2]; /* ConvTranspose */
} whet_nhwc_window;
/* ESHAPE naming the node if sizes are not known. */
whet_status whet_nhwc_window_of(const whet_graph *g, const whet_node *n, whet_nhwc_window *w);

#endif
