/* SPDX-License-Identifier: Apache-2.0 */
/* Element strides and convolution geometry of a node's arguments, whatever their physical layout. */
#ifndef WHET_EXEC_CPU_CPU_GEOM_H
#define WHET_EXEC_CPU_CPU_GEOM_H

#include "exec/cpu/cpu.h"
#include "ir/window.h"
#include "kernels/conv/conv.h"

/* Of a value [N, C, spatial...]; spatial axes are aligned to the right of size[], absent ones have size 1. */
typedef struct whet_geom {
    int64_t n, c, size[3];
    int64_t sn, sc, ss[3];
} whet_geom;

/* Rank 2 to 5. */
whet_status whet_geom_of(whet_cpu_node *k, const whet_cpu_arg *a, whet_geom *g);
/* The convolution from src to dst with the node's attributes; kernel: spatial sizes of the weights or NULL. */
whet_status whet_geom_conv(whet_cpu_node *k, const whet_cpu_arg *src, const whet_cpu_arg *dst, const int64_t *kernel,
                           whet_conv_geom *g);
/* The window of a pool from src, aligned to the right like whet_geom. */
typedef struct whet_geom_window {
    int64_t k[3], stride[3], dil[3], pad[3], pad_end[3];
} whet_geom_window;
whet_status whet_geom_pool(whet_cpu_node *k, const whet_cpu_arg *src, whet_geom_window *w);
/* Refuses unless arguments are f32, or f64, all alike (s64 and bool ones are left out). */
whet_status whet_need_float(whet_cpu_node *k);
/* Channels innermost: NHWC, or one spatial position, or nothing but channels. */
bool whet_geom_channels_last(const whet_geom *g);

#endif
