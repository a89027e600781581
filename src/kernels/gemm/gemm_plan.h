/* SPDX-License-Identifier: Apache-2.0 */
/* A whole matrix product over the rows kernel: how it is cut into chunks for threads and blocks for caches, which follows
 * from the sizes alone and changes no bit (a sum that is cut goes on from what was stored). */
#ifndef WHET_KERNELS_GEMM_PLAN_H
#define WHET_KERNELS_GEMM_PLAN_H

#include "kernels/gemm/gemm.h"
#include "kernels/unary/act.h"

/* What follows the sum and its clip: an activation over the rows just stored, then values added. */
typedef struct whet_finish {
    whet_act_fn act; /* or NULL */
    float lo, hi;    /* its bounds */
} whet_finish;

typedef struct whet_gemm_plan {
    const whet_gemm_kernel *kernel;
    int64_t m, n, k;
    int m_parts, n_parts, kc, nc;
    int group;      /* rows of a tile */
    bool copy;      /* rows of the left operand fall into few cache sets: they are copied */
    size_t scratch; /* floats a worker */
} whet_gemm_plan;

/* src_step: floats from row to row of the left operand. batch: how many such products run beside each other. */
void whet_gemm_plan_init(whet_gemm_plan *p, const whet_gemm_kernel *kernel, int64_t m, int64_t n, int64_t k, int64_t src_step,
                         int64_t batch);
static inline int whet_gemm_chunks(const whet_gemm_plan *p) { return p->m_parts * p->n_parts; }

typedef struct whet_gemm_run {
    const float *src, *weights; /* weights packed */
    const float *bias;          /* n floats or NULL */
    const float *add, *after;   /* m rows of n: added before the clip, or behind the activation; or NULL. add may be dst */
    float *dst, *scratch;
    ptrdiff_t src_step, dst_step; /* add and after have dst's step */
    float lo, hi;
    whet_finish finish;
} whet_gemm_run;
void whet_gemm_chunk(const whet_gemm_plan *p, const whet_gemm_run *r, int chunk);

/* rows rows of n floats, `step` apart: the activation of f, then after (same step) added. */
void whet_finish_rows(const whet_finish *f, float *dst, const float *after, ptrdiff_t step, int64_t rows, int64_t n);

#endif
