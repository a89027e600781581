/* SPDX-License-Identifier: Apache-2.0 */
/* Importing channels-last networks into the channels-first graph, with as few Transposes as possible.
 *
 * An imported tensor of rank 4 has up to two values in the graph: channels last, as in its file, and channels first. Each is made
 * from the other by a Transpose the first time somebody asks for it, and remembered; a constant is permuted at once. Readers
 * keep one whet_nhwc a tensor:
 *   - convolutions, pools, resizing take and give the channels-first value:  whet_nhwc_get(g, &x, WHET_NCHW, &v)
 *   - elementwise operators stay in the form that their operands have:       whet_nhwc_elementwise(...)
 *   - operators with axes (Concat, Softmax, reductions, Pad, Slice) likewise, with whet_nhwc_form and whet_nhwc_axis
 *   - all others (Reshape, MatMul, Gather, ...) take the channels-last value: whet_nhwc_get(g, &x, WHET_NHWC, &v)
 * Tensors of other ranks have one value, `last`. The graph's own inputs and outputs stay as in the file: whet_nhwc_output. */
#ifndef WHET_FORMATS_NHWC_IMPORT_H
#define WHET_FORMATS_NHWC_IMPORT_H

#include "formats/permute.h"
#include "ir/graph.h"

typedef struct whet_nhwc {
    whet_vid last;  /* as in the file; the only one unless the rank is 4 */
    whet_vid first; /* channels first */
} whet_nhwc;
#define WHET_NHWC_NONE ((whet_nhwc){WHET_NO_VALUE, WHET_NO_VALUE})

/* A value that an operator gave in that form. */
static inline whet_nhwc whet_nhwc_of(whet_vid v, whet_layout form)
{
    return form == WHET_NCHW ? (whet_nhwc){WHET_NO_VALUE, v} : (whet_nhwc){v, WHET_NO_VALUE};
}
static inline bool whet_nhwc_is_none(const whet_nhwc *t) { return t->last < 0 && t->first < 0; }

/* The value in that form, made if it is not there. NCHW of a tensor whose rank is not 4: ESHAPE. */
whet_status whet_nhwc_get(whet_graph *g, whet_nhwc *t, whet_layout form, whet_vid *out);
/* A value with the elements in the order of the file, whatever its shape: that form whose bytes are the same if sizes of 1
 * allow it, else channels last. For Reshape. */
whet_status whet_nhwc_flat(whet_graph *g, whet_nhwc *t, whet_vid *out);
/* Shape as in the file; rank -1 if unknown. */
whet_dims whet_nhwc_dims(const whet_graph *g, const whet_nhwc *t);
whet_dtype whet_nhwc_dtype(const whet_graph *g, const whet_nhwc *t);
/* Shape as in the file, a 1-D s64 value: a constant if it is known, else computed without a Transpose of the data. */
whet_status whet_nhwc_shape(whet_graph *g, const whet_nhwc *t, whet_vid *out);
/* Contents of a constant with the elements in the file's order, or NULL. */
const whet_tensor *whet_nhwc_const(const whet_graph *g, const whet_nhwc *t);

/* The form for an operator that can do with either: channels first if an operand that is no constant has that value already
 * and no operand's rank is over 4, else channels last. */
whet_layout whet_nhwc_form(const whet_graph *g, int n, const whet_nhwc *const *t);
/* Where axis `axis` (0 ... rank-1) of the file stands in that form. */
int whet_nhwc_axis(int axis, int rank, whet_layout form);
/* list[i] of the file's axis i, in the order of the form. In place, for lists with one number an axis (rank 4; others stay). */
void whet_nhwc_permute_list(int rank, whet_layout form, int64_t *list);
/* Reducing without keeping axes: does the channels-first form leave the others in the file's order? bit i: axis i goes. */
bool whet_nhwc_order_kept(int rank, uint32_t removed);
/* An operand of an operator that broadcasts to `rank` dimensions in that form: axes of size 1 are put in front as needed. */
whet_status whet_nhwc_operand(whet_graph *g, whet_nhwc *t, int rank, whet_layout form, whet_vid *out);
/* A broadcasting operator with one result named out_name: operands are brought to one form, the result has it. */
whet_status whet_nhwc_elementwise(whet_graph *g, const char *op, const char *name, int n, whet_nhwc *const *in, int n_attr,
                                  const whet_attr *attrs, const char *out_name, whet_nhwc *out);
/* Makes t an output of the graph, channels last, under exactly that name; other values of that name get another. */
whet_status whet_nhwc_output(whet_graph *g, whet_nhwc *t, const char *name);

/* A weight of the file with its axes permuted as a value: a constant of that name, or, where the bytes are many and in a mapped
 * file, a Transpose of the constant, so that reading a file copies no large weights. */
whet_status whet_nhwc_weight(whet_graph *g, const char *name, const whet_tensor *src, const int64_t *perm, whet_vid *out);

/* Two-dimensional windows; [0] is the height. */
typedef struct whet_nhwc_window {
    int64_t kernel[2], stride[2], dilation[2];
    bool same;          /* else valid, or explicit `pads` */
    int64_t pads[4];    /* top, left, bottom, right */
    int64_t output_padding[2];
} whet_nhwc_window;
#define WHET_NHWC_WINDOW_ATTRS 5
/* Attributes of Conv, MaxPool, AveragePool on the channels-first value of shape NHWC `x`; pool: with kernel_shape and
 * without dilations. SAME becomes numbers where the size is known. They point into *w. Returns how many. */
int whet_nhwc_window_attrs(whet_nhwc_window *w, const whet_dims *x, bool pool, whet_attr attrs[WHET_NHWC_WINDOW_ATTRS]);
/* Attributes of ConvTranspose that undoes such a window: from size in[] to size out[]. ESHAPE if no padding does that. */
whet_status whet_nhwc_transposed_attrs(whet_nhwc_window *w, const int64_t in[2], const int64_t out[2],
                                       whet_attr attrs[WHET_NHWC_WINDOW_ATTRS], int *n);

#endif
