/* SPDX-License-Identifier: Apache-2.0 */
/* 3x3 convolution of stride 1 in NHWC by Winograd's F(4x4, 3x3) (Lavin and Gray, "Fast Algorithms for Convolutional Neural
 * Networks", CVPR 2016): 36 products of a matrix of tiles and a matrix of channels take the place of 144. A dilated one is
 * one such convolution on each of the dilation's phase images. The data gradient is the same with turned weights.
 *
 * Three steps: tiles of 6 x 6 inputs -> 36 rows of ic; product with the transformed weights; 36 rows of oc -> 4 x 4 outputs
 * with bias, residual and clip. No step's bits depend on the blocks or the threads. In exact arithmetic the result is the
 * convolution; in f32 |error| <= (ic + 32) * 2^-24 * |A'| [(|G| |g| |G'|) x (|B'| |d| |B|)] |A| summed over input channels.
 * Roundings are independent in practice: kcheck asks for a factor of (sqrt(ic) + 6) / 16 in the place of ic + 32. */
#ifndef WHET_KERNELS_WINOGRAD_H
#define WHET_KERNELS_WINOGRAD_H

#include "kernels/conv/conv_nhwc.h"
#include "kernels/gemm/gemm_plan.h"

enum { WHET_WINO_POINTS = 36 };

typedef struct whet_wino_in { /* one tile */
    const float *src;         /* image; pixel (y, x) at src + (y * w + x) * c */
    int64_t h, w, c, y, x, dy, dx; /* the tile's first input, which may lie outside; dilation */
    float *dst;               /* rows of c floats (rounded up to a vector), one for each point */
    ptrdiff_t point;
} whet_wino_in;

typedef struct whet_wino_out {
    const float *src, *bias;
    ptrdiff_t point;
    const float *add;
    float *dst;               /* of the tile; add as well */
    ptrdiff_t row, column;    /* floats */
    int rows, columns;        /* that exist, at most 4 */
    int64_t c;
    float lo, hi;
} whet_wino_out;

typedef struct whet_wino_kernel {
    uint32_t isa;
    const char *name;
    void (*input)(const whet_wino_in *a);
    void (*output)(const whet_wino_out *a);
    /* Transforms `live` <= 16 output channels s_n apart, ic input channels s_c apart, into one block of packed weights a point. */
    void (*weights)(float *dst, ptrdiff_t point, const float *src, ptrdiff_t s_n, ptrdiff_t s_c, bool turn, int live, int64_t ic);
} whet_wino_kernel;
int whet_wino_kernel_count(void);
const whet_wino_kernel *whet_wino_kernel_at(int i); /* best first */

typedef struct whet_wino {
    const whet_gemm_kernel *gemm;
    const whet_wino_kernel *kernel;
    int64_t h, w, ic, oh, ow, oc; /* as computed: read and written */
    int64_t pt, pl, dh, dw, ty, tx, tiles;
    bool backward;
    int64_t block;                /* tiles of a block */
    int64_t parts;                /* of the output channels */
    int64_t most;                 /* output channels of the largest part */
    ptrdiff_t v_step, m_step, v_point, m_point;
} whet_wino;

/* Is it a convolution that this can compute? */
bool whet_wino_fits(const whet_conv2d_geom *g);
/* Is it likely the faster way? Follows from the shape alone; `constant` weights are transformed once. */
bool whet_wino_pays(const whet_conv2d_geom *g, bool backward, bool constant);
void whet_wino_init(whet_wino *p, const whet_gemm_kernel *gemm, const whet_wino_kernel *kernel, const whet_conv2d_geom *g, bool backward);
size_t whet_wino_weights_size(const whet_wino *p);
int64_t whet_wino_blocks(const whet_wino *p); /* of 16 output channels */
void whet_wino_weights(const whet_wino *p, float *dst, const float *weights, int64_t b0, int64_t b1); /* OIHW */
size_t whet_wino_scratch(const whet_wino *p); /* floats a worker */
int64_t whet_wino_chunks(const whet_wino *p);

typedef struct whet_wino_run {
    const float *src, *weights, *bias, *add, *after;
    float *dst, lo, hi;
    whet_finish finish;
} whet_wino_run;
/* A block of tiles, a part of the output channels: all three steps. */
void whet_wino_chunk(const whet_wino *p, const whet_wino_run *r, float *scratch, int64_t chunk);

#endif
