/* SPDX-License-Identifier: Apache-2.0 */
/* The functions that the rows of tflite_ops.def name in the column write, and what they share. */
#ifndef WHET_FORMATS_TFLITE_WRITE_ROWS_H
#define WHET_FORMATS_TFLITE_WRITE_ROWS_H

#include "formats/tflite/tflite_writer.h"

#define tflite_write_none NULL

whet_status tflite_write_conv(tfl_writer *w, const whet_node *n, int code);
whet_status tflite_write_transpose_conv(tfl_writer *w, const whet_node *n, int code);
whet_status tflite_write_pool(tfl_writer *w, const whet_node *n, int code);
whet_status tflite_write_global_pool(tfl_writer *w, const whet_node *n, int code);
whet_status tflite_write_resize(tfl_writer *w, const whet_node *n, int code);
whet_status tflite_write_gemm(tfl_writer *w, const whet_node *n, int code);
whet_status tflite_write_matmul(tfl_writer *w, const whet_node *n, int code);
whet_status tflite_write_layer_norm(tfl_writer *w, const whet_node *n, int code);
whet_status tflite_write_group_norm(tfl_writer *w, const whet_node *n, int code);
whet_status tflite_write_batch_norm(tfl_writer *w, const whet_node *n, int code);
whet_status tflite_write_lrn(tfl_writer *w, const whet_node *n, int code);
whet_status tflite_write_unary(tfl_writer *w, const whet_node *n, int code);
whet_status tflite_write_identity(tfl_writer *w, const whet_node *n, int code);
whet_status tflite_write_binary(tfl_writer *w, const whet_node *n, int code);
whet_status tflite_write_variadic(tfl_writer *w, const whet_node *n, int code);
whet_status tflite_write_clip(tfl_writer *w, const whet_node *n, int code);
whet_status tflite_write_leaky_relu(tfl_writer *w, const whet_node *n, int code);
whet_status tflite_write_prelu(tfl_writer *w, const whet_node *n, int code);
whet_status tflite_write_gelu(tfl_writer *w, const whet_node *n, int code);
whet_status tflite_write_softmax(tfl_writer *w, const whet_node *n, int code);
whet_status tflite_write_cast(tfl_writer *w, const whet_node *n, int code);
whet_status tflite_write_where(tfl_writer *w, const whet_node *n, int code);
whet_status tflite_write_composed(tfl_writer *w, const whet_node *n, int code);
whet_status tflite_write_reshape(tfl_writer *w, const whet_node *n, int code);
whet_status tflite_write_transpose(tfl_writer *w, const whet_node *n, int code);
whet_status tflite_write_concat(tfl_writer *w, const whet_node *n, int code);
whet_status tflite_write_split(tfl_writer *w, const whet_node *n, int code);
whet_status tflite_write_slice(tfl_writer *w, const whet_node *n, int code);
whet_status tflite_write_pad(tfl_writer *w, const whet_node *n, int code);
whet_status tflite_write_tile(tfl_writer *w, const whet_node *n, int code);
whet_status tflite_write_expand(tfl_writer *w, const whet_node *n, int code);
whet_status tflite_write_gather(tfl_writer *w, const whet_node *n, int code);
whet_status tflite_write_gather_nd(tfl_writer *w, const whet_node *n, int code);
whet_status tflite_write_reduce(tfl_writer *w, const whet_node *n, int code);
whet_status tflite_write_arg(tfl_writer *w, const whet_node *n, int code);
whet_status tflite_write_topk(tfl_writer *w, const whet_node *n, int code);
whet_status tflite_write_cumsum(tfl_writer *w, const whet_node *n, int code);
whet_status tflite_write_depth_to_space(tfl_writer *w, const whet_node *n, int code);
whet_status tflite_write_space_to_depth(tfl_writer *w, const whet_node *n, int code);
whet_status tflite_write_shape(tfl_writer *w, const whet_node *n, int code);
whet_status tflite_write_quantize(tfl_writer *w, const whet_node *n, int code);
whet_status tflite_write_dequantize(tfl_writer *w, const whet_node *n, int code);

/* A Relu or Clip that TFLite has on integers. */
bool tflw_clips_in_integers(const tfl_writer *w, const whet_node *n);
/* A Transpose that the products behind it take as a flag: nothing is written for it. */
bool tflw_joins_product(tfl_writer *w, const whet_node *n);
/* Weights of a convolution or product, f32 in the file's order, outputs along `axis` (-1: one scale for all): as they are, or
 * in fewer bits as w->opt->weights asks for. v: the graph's value, whose halves stay halves. */
int tflw_product_weights(tfl_writer *w, whet_vid v, const whet_tensor *file, int axis, const char *name);
/* Weights of bytes stay bytes: in integers, or with float operands that LiteRT rounds itself (dynamic range). Else they are
 * dequantised in front. */
bool tflw_takes_bytes(const tfl_writer *w, const whet_node *n, const tfl_quant *q, whet_dtype t);
/* The window can be an AVERAGE_POOL_2D alone, behind padding with zeros at most. */
bool tflw_counts_all(const whet_node *n, const whet_nhwc_window *win);

/* A Flatten, Squeeze or Reshape to [n, c] behind a global pool, which gives that at once; the value that the pool then makes. */
bool tflw_joins_pool(whet_graph *g, const whet_node *n);
whet_vid tflw_pooled(tfl_writer *w, const whet_node *pool);

#endif
