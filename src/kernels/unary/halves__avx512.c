/* SPDX-License-Identifier: Apache-2.0 */
/* bf16 with AVX-512: rounding by integer arithmetic, which keeps subnormal numbers (the instruction of avx512bf16 does not). */
#include <immintrin.h>

#include "base/cpu.h"
#include "kernels/unary/halves.h"

static inline __m256i rounded(__m512 x)
{
    const __m512i u = _mm512_castps_si512(x), half = _mm512_srli_epi32(u, 16);
    const __m512i near = _mm512_srli_epi32(_mm512_add_epi32(_mm512_add_epi32(u, _mm512_set1_epi32(0x7fff)), _mm512_and_si512(half, _mm512_set1_epi32(1))), 16);
    const __mmask16 nan = _mm512_cmp_ps_mask(x, x, _CMP_UNORD_Q);
    return _mm512_cvtepi32_epi16(_mm512_mask_or_epi32(near, nan, half, _mm512_set1_epi32(0x40)));
}

static void to_bf16(int64_t n, const float *src, uint16_t *dst)
{
    int64_t i = 0;
    for (; i + 16 <= n; i += 16) _mm256_storeu_si256((__m256i *)(void *)(dst + i), rounded(_mm512_loadu_ps(src + i)));
    if (i == n) return;
    const __mmask16 tail = (__mmask16)((1u << (n - i)) - 1u);
    _mm256_mask_storeu_epi16(dst + i, tail, rounded(_mm512_maskz_loadu_ps(tail, src + i)));
}

static void from_bf16(int64_t n, const uint16_t *src, float *dst)
{
    int64_t i = 0;
    for (; i + 16 <= n; i += 16) {
        const __m512i wide = _mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i *)(const void *)(src + i)));
        _mm512_storeu_ps(dst + i, _mm512_castsi512_ps(_mm512_slli_epi32(wide, 16)));
    }
    if (i == n) return;
    const __mmask16 tail = (__mmask16)((1u << (n - i)) - 1u);
    const __m512i wide = _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(tail, src + i));
    _mm512_mask_storeu_ps(dst + i, tail, _mm512_castsi512_ps(_mm512_slli_epi32(wide, 16)));
}

const whet_halves whet_halves_avx512 = {"avx512", WHET_ISA_AVX512, to_bf16, from_bf16};
