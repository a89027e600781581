/* SPDX-License-Identifier: Apache-2.0 */
/* The table of matrix kernels, and packing, which every ISA shares. */
#include "kernels/gemm/gemm.h"

#include <string.h>
#ifdef __SSE__
#include <xmmintrin.h>
#endif

#include "base/cpu.h"
#include "base/mem.h"

static const whet_gemm_kernel table[] = {
#define K(isa, symbol, tile, types, tier) {isa, #symbol, tile, types, tier, whet_rows_f32_##symbol, whet_outer_f32_##symbol},
#include "kernels/gemm/gemm.def"
#undef K
};

int whet_gemm_kernel_count(void) { return (int)WHET_COUNT(table); }
const whet_gemm_kernel *whet_gemm_kernel_at(int i) { return &table[i]; }

const whet_gemm_kernel *whet_gemm_kernel_for(uint32_t isa)
{
    for (size_t i = 0; i < WHET_COUNT(table); i++)
        if ((table[i].isa & ~isa) == 0) return &table[i];
    return &table[WHET_COUNT(table) - 1];
}

size_t whet_pack_size(int64_t n, int64_t k)
{
    return (size_t)((n + WHET_GEMM_BLOCK - 1) / WHET_GEMM_BLOCK * WHET_GEMM_BLOCK * k);
}

/* A whole block: d[c][j] = s[j * s_n + c * s_ic], by rows where channels are neighbours, by squares of 4 where the sum's axis is. */
static void pack_block(float *d, const float *s, ptrdiff_t s_n, int64_t n, ptrdiff_t s_ic)
{
    enum { B = WHET_GEMM_BLOCK };
    int64_t c = 0;
    for (; s_n == 1 && c < n; c++) memcpy(d + c * B, s + c * s_ic, B * sizeof *d);
#ifdef __SSE__
    for (; s_ic == 1 && c + 4 <= n; c += 4)
        for (int j = 0; j < B; j += 4) {
            const float *from = s + j * s_n + c;
            __m128 r0 = _mm_loadu_ps(from), r1 = _mm_loadu_ps(from + s_n), r2 = _mm_loadu_ps(from + 2 * s_n), r3 = _mm_loadu_ps(from + 3 * s_n);
            _MM_TRANSPOSE4_PS(r0, r1, r2, r3);
            _mm_storeu_ps(d + c * B + j, r0);
            _mm_storeu_ps(d + (c + 1) * B + j, r1);
            _mm_storeu_ps(d + (c + 2) * B + j, r2);
            _mm_storeu_ps(d + (c + 3) * B + j, r3);
        }
#endif
    for (; c < n; c++)
        for (int j = 0; j < B; j++) d[c * B + j] = s[j * s_n + c * s_ic];
}

void whet_pack_weights(float *dst, const float *src, int64_t n, ptrdiff_t s_n, int n_taps, const int *taps,
                       ptrdiff_t s_tap, int64_t n_ic, ptrdiff_t s_ic, int64_t b0, int64_t b1)
{
    const int64_t k = n_taps * n_ic;
    for (int64_t b = b0; b < b1; b++) {
        const int64_t j0 = b * WHET_GEMM_BLOCK;
        const int live = (int)WHET_MIN(n - j0, (int64_t)WHET_GEMM_BLOCK);
        float *d = dst + b * WHET_GEMM_BLOCK * k;
        for (int t = 0; t < n_taps; t++) {
            const float *s = src + j0 * s_n + (taps ? taps[t] : t) * s_tap;
            if (live == WHET_GEMM_BLOCK) {
                pack_block(d, s, s_n, n_ic, s_ic);
                d += n_ic * WHET_GEMM_BLOCK;
                continue;
            }
            for (int64_t c = 0; c < n_ic; c++, d += WHET_GEMM_BLOCK) {
                const float *sc = s + c * s_ic;
                for (int j = 0; j < live; j++) d[j] = sc[j * s_n];
                for (int j = live; j < WHET_GEMM_BLOCK; j++) d[j] = 0.0f;
            }
        }
    }
}

void whet_transpose_f32(float *dst, ptrdiff_t d_step, const float *src, ptrdiff_t s_step, int64_t r, int64_t c)
{
    enum { TILE = 16 };
    for (int64_t i0 = 0; i0 < r; i0 += TILE) {
        const int64_t i1 = WHET_MIN(i0 + TILE, r);
        for (int64_t j0 = 0; j0 < c; j0 += TILE) {
            const int64_t j1 = WHET_MIN(j0 + TILE, c);
            for (int64_t j = j0; j < j1; j++)
                for (int64_t i = i0; i < i1; i++) dst[j * d_step + i] = src[i * s_step + j];
        }
    }
}
