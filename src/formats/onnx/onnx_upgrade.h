/* SPDX-License-Identifier: Apache-2.0 */
/* The upgrade functions that onnx_ops.def names. */
#ifndef WHET_FORMATS_ONNX_UPGRADE_H
#define WHET_FORMATS_ONNX_UPGRADE_H

#include "formats/onnx/onnx_reader.h"

whet_status onnx_upgrade_batch_norm(onnx_reader *r, onnx_work *w);
whet_status onnx_upgrade_clip(onnx_reader *r, onnx_work *w);
whet_status onnx_upgrade_dropout(onnx_reader *r, onnx_work *w);
whet_status onnx_upgrade_grid_sample(onnx_reader *r, onnx_work *w);
whet_status onnx_upgrade_group_norm(onnx_reader *r, onnx_work *w);
whet_status onnx_upgrade_pad(onnx_reader *r, onnx_work *w);
whet_status onnx_upgrade_reduce(onnx_reader *r, onnx_work *w);
whet_status onnx_upgrade_reduce_sum(onnx_reader *r, onnx_work *w);
whet_status onnx_upgrade_resize(onnx_reader *r, onnx_work *w);
whet_status onnx_upgrade_scatter(onnx_reader *r, onnx_work *w);
whet_status onnx_upgrade_slice(onnx_reader *r, onnx_work *w);
whet_status onnx_upgrade_softmax(onnx_reader *r, onnx_work *w);
whet_status onnx_upgrade_split(onnx_reader *r, onnx_work *w);
whet_status onnx_upgrade_squeeze(onnx_reader *r, onnx_work *w);
whet_status onnx_upgrade_top_k(onnx_reader *r, onnx_work *w);
whet_status onnx_upgrade_unsqueeze(onnx_reader *r, onnx_work *w);
whet_status onnx_upgrade_upsample(onnx_reader *r, onnx_work *w);

/* Operators that become several nodes: onnx_integer.c */
whet_status onnx_upgrade_conv_integer(onnx_reader *r, onnx_work *w);
whet_status onnx_upgrade_dynamic_quantize(onnx_reader *r, onnx_work *w);
whet_status onnx_upgrade_matmul_integer(onnx_reader *r, onnx_work *w);
whet_status onnx_upgrade_qlinear_conv(onnx_reader *r, onnx_work *w);
whet_status onnx_upgrade_qlinear_matmul(onnx_reader *r, onnx_work *w);
whet_status onnx_resize_integers(onnx_reader *r, onnx_work *w); /* nothing for floats */
/* onnx_einsum.c, onnx_expand.c, onnx_attention.c */
whet_status onnx_upgrade_einsum(onnx_reader *r, onnx_work *w);
whet_status onnx_upgrade_attention(onnx_reader *r, onnx_work *w);
whet_status onnx_upgrade_center_crop_pad(onnx_reader *r, onnx_work *w);
whet_status onnx_upgrade_hardmax(onnx_reader *r, onnx_work *w);
whet_status onnx_upgrade_lp_normalization(onnx_reader *r, onnx_work *w);
whet_status onnx_upgrade_lp_pool(onnx_reader *r, onnx_work *w);
whet_status onnx_upgrade_mean_variance(onnx_reader *r, onnx_work *w);
whet_status onnx_upgrade_rotary(onnx_reader *r, onnx_work *w);
whet_status onnx_upgrade_swiglu(onnx_reader *r, onnx_work *w);

#endif
