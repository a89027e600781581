/* SPDX-License-Identifier: Apache-2.0 */
/* Fusion, and the passes that run on each plan's graph once its shapes are concrete. */
#ifndef WHET_PASSES_LOWER_H
#define WHET_PASSES_LOWER_H

#include "exec/exec.h"
#include "ir/graph.h"

/* Conv + residual + activation -> whet.FusedConv, Gemm + activation -> whet.FusedGemm. Any graph, symbolic shapes too. */
whet_status whet_pass_fuse(whet_graph *g);
/* whet.BatchNormTrain + residual + activation -> one node; before the gradients are made. */
whet_status whet_pass_fuse_batchnorm(whet_graph *g);
/* Squeeze-and-excite by whet.ChannelScale: before the gradients are made, and what they leave. */
whet_status whet_pass_fuse_excite(whet_graph *g);
whet_status whet_pass_fuse_excite_grad(whet_graph *g);
/* NHWC for rank-4 f32 values around convolutions; concrete shapes only. */
whet_status whet_pass_layout(whet_graph *g);
/* Folds constants if some shape is still open: exporters write sizes as arithmetic on shapes and constants, further than
 * inference follows. Any graph; also for whet_exec_options.lower where nothing else is wanted. opt is not used. */
whet_status whet_pass_resolve_shapes(whet_graph *g, const whet_exec_options *opt);
/* For whet_exec_options.lower. */
whet_status whet_passes_lower(whet_graph *g, const whet_exec_options *opt);

#endif
