/* SPDX-License-Identifier: Apache-2.0 */
/* Matrix kernels for AVX-512: 14 pixels x 32 channels, or 24 x 16 where 16 channels are left. */
#include <immintrin.h>

#define V __m512
#define LANES 16
#define LOAD _mm512_loadu_ps
#define STORE _mm512_storeu_ps
#define SET1 _mm512_set1_ps
#define FMA _mm512_fmadd_ps
#define ADD _mm512_add_ps
#define MIN _mm512_min_ps
#define MAX _mm512_max_ps
#define MASK __mmask16
#define MASK_OF(live) ((__mmask16)((live) >= 16 ? 0xffffu : (live) <= 0 ? 0u : (1u << (live)) - 1u))
#define MLOAD(m, p) _mm512_maskz_loadu_ps(m, p)
#define MSTORE(p, m, v) _mm512_mask_storeu_ps(p, m, v)
#define NARROW 1
#define WIDE 2
#define M_NARROW 24
#define M_WIDE 14
#define SUFFIX avx512
#define ALL_TILES(T)                                                                                                \
    T(1, 1) T(2, 1) T(3, 1) T(4, 1) T(5, 1) T(6, 1) T(7, 1) T(8, 1) T(9, 1) T(10, 1) T(11, 1) T(12, 1) T(13, 1)      \
    T(14, 1) T(15, 1) T(16, 1) T(17, 1) T(18, 1) T(19, 1) T(20, 1) T(21, 1) T(22, 1) T(23, 1) T(24, 1)               \
    T(1, 2) T(2, 2) T(3, 2) T(4, 2) T(5, 2) T(6, 2) T(7, 2) T(8, 2) T(9, 2) T(10, 2) T(11, 2) T(12, 2) T(13, 2) T(14, 2)
#include "kernels/gemm/gemm_f32_tmpl.h"
