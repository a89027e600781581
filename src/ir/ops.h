/* SPDX-License-Identifier: Apache-2.0 */
/* Prototypes of every operator's functions, from ops.def, and small builders for attribute tables and gradients. */
#ifndef WHET_IR_OPS_H
#define WHET_IR_OPS_H

#include "ir/op.h"

extern const whet_attr_def attrs_none[];
#define OP3(d, n, s, mi, xi, mo, xo, f, at, in, gr)                                                                 \
    extern const whet_attr_def attrs_##at[];                                                                        \
    whet_status infer_##in(whet_infer *c);                                                                          \
    whet_status grad_##gr(whet_grad *c);
#include "ir/ops.def"
#undef OP3

/* Attribute tables: const whet_attr_def attrs_x[] = {ATTR_INT("axis", 0), ATTR_END}; */
#define ATTR_INT(name_, value) {.name = name_, .type = WHET_ATTR_INT, .i = value}
#define ATTR_INT_OPT(name_) {.name = name_, .type = WHET_ATTR_INT}
#define ATTR_INT_REQUIRED(name_) {.name = name_, .type = WHET_ATTR_INT, .required = true}
#define ATTR_FLOAT(name_, value) {.name = name_, .type = WHET_ATTR_FLOAT, .f = value}
#define ATTR_STRING(name_, value) {.name = name_, .type = WHET_ATTR_STRING, .s = value}
#define ATTR_INTS(name_) {.name = name_, .type = WHET_ATTR_INTS}
#define ATTR_TENSOR(name_) {.name = name_, .type = WHET_ATTR_TENSOR}
#define ATTR_END {.name = NULL}
/* What whet.Fused* do to a result: activation "", "Relu", "Clip" (act_min, act_max), "Sigmoid", "Silu", "HardSigmoid" (slope,
 * offset), "HardSwish", "Gelu", "GeluTanh" or "Tanh". */
#define FUSED_ATTRS                                                                                                 \
    ATTR_STRING("activation", ""), ATTR_FLOAT("act_min", 0), ATTR_FLOAT("act_max", 0),                               \
        ATTR_FLOAT("slope", 1.0f / 6), ATTR_FLOAT("offset", 0.5f)
whet_status infer_activation(const whet_infer *c);      /* EINVAL for an unknown one */
whet_status infer_residual(const whet_infer *c, int i); /* input i has the shape of output 0, which is set */

/* Axis `axis` of a rank, negative counted from the end, into 0 .. rank-1 (or rank, when `past`); EINVAL otherwise. */
whet_status infer_axis(const whet_infer *c, int64_t axis, int rank, bool past, int *out);
/* Integers of a constant input (s64 or s32) into out[cap]; n = -1 when the input is not a constant. */
whet_status infer_ints(const whet_infer *c, int i, int64_t *out, int cap, int *n);
/* Integers of input i in whet_dim form, constants included (negative numbers become UNKNOWN); -1 if nothing is known. */
int infer_content(const whet_infer *c, int i, whet_dim *out, int cap);
/* Product of dimensions begin .. end-1; UNKNOWN unless all are known, or all but one are 1. */
whet_dim infer_product(const whet_dims *d, int begin, int end);
/* Equal, or WHET_DIM_UNKNOWN on one side: the better known of both into *out; false if they differ. */
bool infer_same_dim(whet_dim a, whet_dim b, whet_dim *out);
bool infer_same_dims(const whet_dims *a, const whet_dims *b, whet_dims *out);

/* Gradient builders. */
whet_dtype grad_dtype(const whet_grad *c, int i);
whet_status grad_op2(whet_grad *c, const char *op, whet_vid a, whet_vid b, whet_vid *out);
whet_status grad_op1(whet_grad *c, const char *op, whet_vid a, whet_vid *out);
whet_status grad_scalar(whet_grad *c, whet_dtype t, double x, whet_vid *out);
/* v summed back to the shape of `like` (which was broadcast to v's shape); v itself if the shapes are known equal. */
whet_status grad_sum_to(whet_grad *c, whet_vid v, whet_vid like, whet_vid *out);
/* The shape of v as a 1-D s64 value: a constant if concrete (one symbolic dimension becomes -1 when `wildcard`), else
 * a Shape node. */
whet_status grad_shape_of(whet_grad *c, whet_vid v, bool wildcard, whet_vid *out);

/* Zeros of v's type and shape. */
whet_status grad_zeros_like(whet_grad *c, whet_vid v, whet_vid *out);

#endif
