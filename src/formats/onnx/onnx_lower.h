/* SPDX-License-Identifier: Apache-2.0 */
/* Private to the ONNX writer: nodes in the place of one. Names NULL after a failure go through: what is made of them is NULL. */
#ifndef WHET_FORMATS_ONNX_LOWER_H
#define WHET_FORMATS_ONNX_LOWER_H

#include "formats/onnx/onnx_writer.h"

/* A one-output node that belongs to o; attr may be NULL. */
whet_status onnx_low_put(onnx_writer *w, const onnx_out *o, const char *op, const char *name, const char *out, int n_in,
                         const char *const *in, const whet_attr *attr);
/* out = op(in...), under fresh names; NULL on failure. */
const char *onnx_low_make(onnx_writer *w, const onnx_out *o, const char *op, int n_in, const char *const *in, const whet_attr *attr);
/* The last node: it has o's name and first output. */
whet_status onnx_low_finish(onnx_writer *w, const onnx_out *o, const char *op, int n_in, const char *const *in, const whet_attr *attr);
/* A scalar in the type of the node's first input; sizes. */
const char *onnx_low_scalar(onnx_writer *w, const onnx_out *o, double x);
const char *onnx_low_ints(onnx_writer *w, const onnx_out *o, int n, const int64_t *x);

#define ONNX_IN(...) (int)(sizeof((const char *[]){__VA_ARGS__}) / sizeof(char *)), (const char *const[]){__VA_ARGS__}
#define MAKE(op, ...) onnx_low_make(w, o, op, ONNX_IN(__VA_ARGS__), NULL)
#define FINISH(op, ...) onnx_low_finish(w, o, op, ONNX_IN(__VA_ARGS__), NULL)

/* Written-out activations of x. */
whet_status onnx_low_gelu(onnx_writer *w, const onnx_out *o, const char *x, bool tanh_form);
whet_status onnx_low_swish(onnx_writer *w, const onnx_out *o, const char *x, double alpha);
whet_status onnx_low_hard_swish(onnx_writer *w, const onnx_out *o, const char *x);

/* Lowerings of whet's fused operators; NULL: it has none. */
onnx_lower_fn onnx_lower_fused(const char *op);

#endif
