/* SPDX-License-Identifier: Apache-2.0 */
/* Building several nodes in the place of one. The first failure sticks: what follows does nothing and gives no value. */
#ifndef WHET_FORMATS_ONNX_EXPAND_H
#define WHET_FORMATS_ONNX_EXPAND_H

#include "formats/onnx/onnx_reader.h"

typedef struct onnx_builder {
    whet_graph *g;
    onnx_work *w;
    whet_status status;
    onnx_reader *r;
} onnx_builder;

/* Input i of the node, or WHET_NO_VALUE. */
whet_vid onnx_b_in(const onnx_builder *b, int i);
whet_vid onnx_b_node(onnx_builder *b, const char *op, int n_in, const whet_vid *in, int n_attr, const whet_attr *attr);
whet_vid onnx_b_op1(onnx_builder *b, const char *op, whet_vid x);
whet_vid onnx_b_op2(onnx_builder *b, const char *op, whet_vid x, whet_vid y);
whet_vid onnx_b_ints(onnx_builder *b, int n, const int64_t *x);
#define ONNX_INTS(b, ...) onnx_b_ints(b, (int)(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t)), (const int64_t[]){__VA_ARGS__})
/* Scalar of the type of `like`. */
whet_vid onnx_b_number(onnx_builder *b, whet_vid like, double x);
whet_vid onnx_b_integer(onnx_builder *b, int64_t x); /* scalar s64 */
whet_vid onnx_b_reshape(onnx_builder *b, whet_vid x, int n, const int64_t *shape);
#define ONNX_RESHAPE(b, x, ...) onnx_b_reshape(b, x, (int)(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t)), (const int64_t[]){__VA_ARGS__})
whet_vid onnx_b_transpose(onnx_builder *b, whet_vid x, int n, const int64_t *perm);
whet_vid onnx_b_cast(onnx_builder *b, whet_vid x, whet_dtype t); /* x itself where the type is right already */
whet_vid onnx_b_slice(onnx_builder *b, whet_vid x, int64_t axis, int64_t start, int64_t end, int64_t step);
/* Size of an axis as a scalar s64: a constant where it is known. */
whet_vid onnx_b_size(onnx_builder *b, whet_vid x, int axis);
whet_dim onnx_b_dim(const onnx_builder *b, whet_vid x, int axis); /* or WHET_DIM_UNKNOWN */
int onnx_b_rank(const onnx_builder *b, whet_vid x);               /* or -1 */
whet_dtype onnx_b_dtype(const onnx_builder *b, whet_vid x);
void onnx_b_fail(onnx_builder *b, whet_status status, const char *fmt, ...) WHET_PRINTF(3, 4);
/* v becomes output o under its name. */
void onnx_b_out(onnx_builder *b, int o, whet_vid v);
/* x * y of scales: a constant where both are. */
whet_vid onnx_b_scales(onnx_builder *b, whet_vid x, whet_vid y);
/* Only these attributes (names separated by spaces) may be there. */
void onnx_b_attrs(onnx_builder *b, const char *names);
/* An attribute that must be a list of integers; NULL if absent. */
const whet_attr *onnx_b_list(onnx_builder *b, const char *name);
whet_status onnx_b_done(onnx_builder *b);

#endif
