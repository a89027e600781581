/* SPDX-License-Identifier: Apache-2.0 */
/* Body of the matrix kernels, included once per ISA. The includer defines
 *
 *   V LANES        vector type and its floats          LOAD STORE SET1 FMA ADD MIN MAX
 *   MASK           mask type; MASK_OF(live) of the first `live` lanes; MLOAD(mask, p) MSTORE(p, mask, v)
 *   NARROW WIDE    vectors of a narrow and a wide tile  M_NARROW M_WIDE their pixels
 *   SUFFIX         of the functions
 *
 * A tile of M pixels x NV vectors of channels stays in registers while K goes by. Pixels are M pointers a constant step
 * apart, addressed as every third pointer plus 0, 1 or 2 steps, which x86 addressing does for free: 14 pixels need
 * five pointers and no spill. (Goto and van de Geijn, "Anatomy of High-Performance Matrix Multiplication", 2008;
 * Georganas et al., "Anatomy of high-performance deep learning convolutions", SC 2018.) */
#include <math.h>
#include <stdbool.h>

#include "base/compat.h"
#include "kernels/gemm/gemm.h"

#define BLOCK WHET_GEMM_BLOCK
#define PREFETCH(p) __builtin_prefetch(p, 0, 2)
#define CAT_(a, b) a##b
#define CAT(a, b) CAT_(a, b)
#define VEC_AT(j, block_step) ((j) * LANES / BLOCK * (block_step) + (j) * LANES % BLOCK)

typedef struct tile_args {
    const whet_rows_args *a;
    const float *src, *w, *bias, *add;
    float *dst;
    ptrdiff_t w_block;
    int live; /* channels of this tile */
    const float *next;
    ptrdiff_t next_step; /* floats of each block of `next` to fetch in a step of the sum */
} tile_args;

ALWAYS_INLINE void tile(const tile_args *t, const int M, const int NV)
{
    const whet_rows_args *a = t->a;
    const ptrdiff_t step = a->src_step, w_block = t->w_block;
    const bool full = t->live == NV * LANES;
    const float *w = t->w, *next = t->next;
    const ptrdiff_t next_step = t->next_step;
    V acc[24][2];
    UNROLL for (int j = 0; j < NV; j++) {
        const V b = !t->bias ? SET1(0.0f)
                    : full   ? LOAD(t->bias + j * LANES)
                             : MLOAD(MASK_OF(t->live - j * LANES), t->bias + j * LANES);
        UNROLL for (int i = 0; i < M; i++) acc[i][j] = b;
    }
    if (a->more) {
        UNROLL for (int j = 0; j < NV; j++) {
            UNROLL for (int i = 0; i < M; i++) {
                const float *p = t->dst + i * a->dst_step + j * LANES;
                acc[i][j] = full ? LOAD(p) : MLOAD(MASK_OF(t->live - j * LANES), p);
            }
        }
    }
    for (int r = 0; r < a->n_runs; r++) {
        const float *p = t->src + a->runs[r];
        const float *q[8];
        UNROLL for (int i = 0; i < (M + 2) / 3; i++) q[i] = p + 3 * i * step;
        for (int k = 0; k < a->run_len; k++) {
            V b[2];
            UNROLL for (int j = 0; j < NV; j++) b[j] = LOAD(w + VEC_AT(j, w_block));
            UNROLL for (int j = 0; j < NV * LANES / BLOCK; j++) PREFETCH(next + j * w_block);
            UNROLL for (int i = 0; i < M; i++) {
                const V x = SET1(q[i / 3][i % 3 * step]);
                UNROLL for (int j = 0; j < NV; j++) acc[i][j] = FMA(x, b[j], acc[i][j]);
            }
            UNROLL for (int i = 0; i < (M + 2) / 3; i++) q[i]++;
            w += BLOCK;
            next += next_step;
        }
    }
    const V lo = SET1(a->lo), hi = SET1(a->hi);
    if (full) {
        UNROLL for (int i = 0; i < M; i++) {
            UNROLL for (int j = 0; j < NV; j++) {
                V x = acc[i][j];
                if (t->add) x = ADD(x, LOAD(t->add + i * a->add_step + j * LANES));
                STORE(t->dst + i * a->dst_step + j * LANES, MIN(hi, MAX(lo, x)));
            }
        }
        return;
    }
    UNROLL for (int j = 0; j < NV; j++) {
        const MASK m = MASK_OF(t->live - j * LANES);
        UNROLL for (int i = 0; i < M; i++) {
            V x = acc[i][j];
            if (t->add) x = ADD(x, MLOAD(m, t->add + i * a->add_step + j * LANES));
            MSTORE(t->dst + i * a->dst_step + j * LANES, m, MIN(hi, MAX(lo, x)));
        }
    }
}

ALWAYS_INLINE void outer(const whet_outer_args *a, const float *pa, const float *pb, float *pc, int live, const int M,
                         const int NV)
{
    const bool full = live == NV * LANES;
    V acc[24][2];
    MASK m[2];
    UNROLL for (int j = 0; j < NV; j++) {
        m[j] = MASK_OF(live - j * LANES);
        UNROLL for (int i = 0; i < M; i++)
            acc[i][j] = full ? LOAD(pc + i * a->acc_step + j * LANES) : MLOAD(m[j], pc + i * a->acc_step + j * LANES);
    }
    const int images = a->n_images > 0 ? a->n_images : 1;
    for (int r = 0, image = 0; image < images; r++) {
        if (r == a->n_rows) {
            r = -1;
            image++;
            continue;
        }
        const float *p = pa + image * a->a_image + r * a->a_row, *q = pb + image * a->b_image + r * a->b_row;
        for (int k = 0; k < a->n_pixels; k++) {
            V b[2];
            UNROLL for (int j = 0; j < NV; j++) b[j] = full ? LOAD(q + j * LANES) : MLOAD(m[j], q + j * LANES);
            UNROLL for (int i = 0; i < M; i++) {
                const V x = SET1(p[i]);
                UNROLL for (int j = 0; j < NV; j++) acc[i][j] = FMA(x, b[j], acc[i][j]);
            }
            p += a->a_step;
            q += a->b_step;
        }
    }
    UNROLL for (int j = 0; j < NV; j++) {
        UNROLL for (int i = 0; i < M; i++) {
            if (full) STORE(pc + i * a->acc_step + j * LANES, acc[i][j]);
            else MSTORE(pc + i * a->acc_step + j * LANES, m[j], acc[i][j]);
        }
    }
}

typedef void (*tile_fn)(const tile_args *t);
typedef void (*outer_fn)(const whet_outer_args *a, const float *pa, const float *pb, float *pc, int live);
#define TILE(M, NV)                                                                                                 \
    static void tile_##M##x##NV(const tile_args *t) { tile(t, M, NV); }                                             \
    static void outer_##M##x##NV(const whet_outer_args *a, const float *pa, const float *pb, float *pc, int live)    \
    {                                                                                                               \
        outer(a, pa, pb, pc, live, M, NV);                                                                          \
    }
ALL_TILES(TILE)
#undef TILE

/* The table of tiles: [wide][pixels - 1]. */
#define TILE(M, NV) [NV == WIDE && WIDE != NARROW][M - 1] = tile_##M##x##NV,
static const tile_fn tiles[2][24] = {ALL_TILES(TILE)};
#undef TILE
#define TILE(M, NV) [NV == WIDE && WIDE != NARROW][M - 1] = outer_##M##x##NV,
static const outer_fn outers[2][24] = {ALL_TILES(TILE)};
#undef TILE

/* The next of the near-equal parts of at most `most` that m is cut into. */
static int part(int m, int most)
{
    const int parts = (m + most - 1) / most;
    return (m + parts - 1) / parts;
}

void CAT(whet_rows_f32_, SUFFIX)(const whet_rows_args *a)
{
    const ptrdiff_t w_block = a->w_block ? a->w_block : (ptrdiff_t)a->n_runs * a->run_len * BLOCK;
    for (int j = 0; j < a->n;) {
        const bool wide = WIDE != NARROW && a->n - j > NARROW * LANES;
        const int width = (wide ? WIDE : NARROW) * LANES, most = wide ? M_WIDE : M_NARROW;
        tile_args t = {a, a->src, a->weights + j / BLOCK * w_block, a->bias ? a->bias + j : NULL, NULL, NULL, w_block,
                       a->n - j < width ? a->n - j : width, a->src, 0};
        const int tiles_m = (a->m + most - 1) / most, passes = a->next ? a->passes * tiles_m : 1;
        for (int i = 0, pass = a->pass * tiles_m; i < a->m; pass++) {
            const int rows = part(a->m - i, most);
            if (a->next) {
                t.next = a->next + j / BLOCK * w_block + (ptrdiff_t)pass * a->n_runs * a->run_len * BLOCK / passes;
                t.next_step = (BLOCK + passes - 1) / passes;
            }
            t.src = a->src + i * a->src_step;
            t.add = a->add ? a->add + i * a->add_step + j : NULL;
            t.dst = a->dst + i * a->dst_step + j;
            tiles[wide][rows - 1](&t);
            i += rows;
        }
        j += width;
    }
}

void CAT(whet_outer_f32_, SUFFIX)(const whet_outer_args *a)
{
    for (int j = 0; j < a->n;) {
        const bool wide = WIDE != NARROW && a->n - j > NARROW * LANES;
        const int width = (wide ? WIDE : NARROW) * LANES, most = wide ? M_WIDE : M_NARROW;
        const int live = a->n - j < width ? a->n - j : width;
        for (int i = 0; i < a->m;) {
            const int rows = part(a->m - i, most);
            outers[wide][rows - 1](a, a->a + i, a->b + j, a->acc + i * a->acc_step + j, live);
            i += rows;
        }
        j += width;
    }
}
