/* SPDX-License-Identifier: Apache-2.0 */
/* What the bindings of the own f32 kernels share. */
#ifndef WHET_EXEC_CPU_OWN_H
#define WHET_EXEC_CPU_OWN_H

#include "base/mem.h"
#include "base/cpu.h"
#include "exec/cpu/cpu.h"
#include "exec/exec.h"
#include "kernels/conv/conv_nhwc.h"
#include "kernels/gemm/gemm_plan.h"

/* NHWC, or a shape for which both layouts are the same bytes. */
bool whet_own_is_nhwc(const whet_cpu_arg *a);
/* Rank 4, f32, NHWC: or the reason why not. */
whet_status whet_own_need_nhwc(whet_cpu_node *k, const whet_cpu_arg *a, const char *what);
whet_status whet_own_need_f32(whet_cpu_node *k);
/* A convolution whose images (input, output and residual; of its data gradient the gradient and the output) are all so. */
whet_status whet_own_need_forward(whet_cpu_node *k);
whet_status whet_own_need_backward(whet_cpu_node *k);
/* Geometry of a 2-D convolution node; kernel from the weights' shape, or from kernel_shape when it is NULL. */
whet_status whet_own_geometry(whet_cpu_node *k, const whet_shape *src, const whet_shape *weights, const whet_shape *dst,
                              whet_conv2d_geom *g);
/* Clip bounds of the attributes activation, act_min, act_max; wide open without them. */
whet_status whet_own_activation(whet_cpu_node *k, float *lo, float *hi);
/* All activations: a clip for the store (wide open for others) and what follows it. *after is residual_after. */
whet_status whet_own_epilogue(whet_cpu_node *k, float *lo, float *hi, whet_finish *finish, bool *after);
/* Workspace floats, rounded so that each piece is aligned; whet_own_reserve returns the piece's offset. */
size_t whet_own_reserve(whet_cpu_node *k, size_t floats);

#endif
