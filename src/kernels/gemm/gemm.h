/* SPDX-License-Identifier: Apache-2.0 */
/* The f32 matrix kernels behind Conv, Gemm, MatMul and their gradients.
 *
 * One product serves them all: a row of m "pixels" times packed weights. A pixel's input is n_runs runs of run_len
 * consecutive floats, at src + i * src_step + runs[r]; their concatenation is the reduction axis K = n_runs * run_len.
 *
 *   Gemm             one run of K floats, src_step = the row stride
 *   1x1 convolution  one run of ic floats, src_step = stride * ic
 *   kh x kw (NHWC)   kh runs of kw * ic floats over rows that hold their padding; kh * kw runs when dilated or grouped
 *   data gradient    the same over diff_dst with flipped weights, one call per phase of the stride
 *   weight gradient  whet_outer_f32: sums of outer products over pixels
 *
 * Weights are packed in blocks of 16 output channels, [block][K][16], zeros behind the last channel, 64-byte aligned.
 * Each output is one chain of fused multiply-adds in the order of K, starting from the bias; so neither the tile nor
 * the split of m and n changes a bit within one ISA, and f32 error is at most (K + 2) * 2^-24 * sum |a b|. */
#ifndef WHET_KERNELS_GEMM_H
#define WHET_KERNELS_GEMM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { WHET_GEMM_BLOCK = 16 };

typedef struct whet_rows_args {
    const float *src;
    ptrdiff_t src_step;    /* floats from pixel to pixel */
    const ptrdiff_t *runs; /* n_runs offsets in floats */
    int n_runs, run_len;
    const float *weights;  /* packed */
    const float *bias;     /* n floats or NULL */
    const float *add;      /* m rows of n floats, added before the clip, or NULL; may be dst */
    ptrdiff_t add_step;
    float *dst;            /* m rows of n floats */
    ptrdiff_t dst_step;
    int m, n;
    float lo, hi;          /* clip; -INFINITY, INFINITY for none. NaN stays NaN */
    ptrdiff_t w_block;     /* floats from one block of weights to the next; 0: K * 16 */
    bool more;             /* the sum goes on from what dst holds; bias is not read */
    const float *next;     /* weights of a panel to fetch into cache meanwhile, or NULL; part `pass` of `passes` */
    int pass, passes;
} whet_rows_args;
typedef void (*whet_rows_fn)(const whet_rows_args *a);

/* acc[i * acc_step + j] += sum over images q < n_images, rows r < n_rows, pixels p < n_pixels of
 *     a[q * a_image + r * a_row + p * a_step + i] * b[q * b_image + r * b_row + p * b_step + j]   0 <= i < m, 0 <= j < n
 * in that order, one chain of fused multiply-adds per element. */
typedef struct whet_outer_args {
    const float *a, *b;
    ptrdiff_t a_row, a_step, b_row, b_step;
    int n_rows, n_pixels, m, n;
    float *acc;
    ptrdiff_t acc_step;
    int n_images; /* 0: one */
    ptrdiff_t a_image, b_image;
} whet_outer_args;
typedef void (*whet_outer_fn)(const whet_outer_args *a);

/* K(isa bits, symbol, tile, types, tier): `symbol` is the suffix of the functions, `tile` pixels x channels. */
#define K(isa, symbol, tile, types, tier)                                                                           \
    void whet_rows_f32_##symbol(const whet_rows_args *a);                                                           \
    void whet_outer_f32_##symbol(const whet_outer_args *a);
#include "kernels/gemm/gemm.def"
#undef K

typedef struct whet_gemm_kernel {
    uint32_t isa; /* needed bits */
    const char *name, *tile, *types;
    int tier;     /* 1 fast, 0 reference */
    whet_rows_fn rows;
    whet_outer_fn outer;
} whet_gemm_kernel;
int whet_gemm_kernel_count(void);
const whet_gemm_kernel *whet_gemm_kernel_at(int i); /* best first */
const whet_gemm_kernel *whet_gemm_kernel_for(uint32_t isa);

/* Floats of packed weights for n channels. */
size_t whet_pack_size(int64_t n, int64_t k);
/* Packs n channels of K = n_taps * n_ic values found at src + j * s_n + t * s_tap + c * s_ic (K runs over t, then c).
 * taps: the tap of each position, or NULL for 0 .. n_taps-1. Blocks [b0, b1) only, so that it can be cut. */
void whet_pack_weights(float *dst, const float *src, int64_t n, ptrdiff_t s_n, int n_taps, const int *taps,
                       ptrdiff_t s_tap, int64_t n_ic, ptrdiff_t s_ic, int64_t b0, int64_t b1);
/* dst[j][i] = src[i][j]: r rows, c columns, strides in floats. */
void whet_transpose_f32(float *dst, ptrdiff_t d_step, const float *src, ptrdiff_t s_step, int64_t r, int64_t c);

#endif
