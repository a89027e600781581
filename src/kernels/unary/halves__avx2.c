/* SPDX-License-Identifier: Apache-2.0 */
/* bf16 with AVX2: rounding by integer arithmetic, two vectors packed into one. */
#include <immintrin.h>

#include "base/cpu.h"
#include "kernels/unary/halves.h"

static inline __m256i rounded(__m256 x)
{
    const __m256i u = _mm256_castps_si256(x), half = _mm256_srli_epi32(u, 16);
    const __m256i near = _mm256_srli_epi32(_mm256_add_epi32(_mm256_add_epi32(u, _mm256_set1_epi32(0x7fff)), _mm256_and_si256(half, _mm256_set1_epi32(1))), 16);
    const __m256i quiet = _mm256_or_si256(half, _mm256_set1_epi32(0x40)), nan = _mm256_castps_si256(_mm256_cmp_ps(x, x, _CMP_UNORD_Q));
    return _mm256_blendv_epi8(near, quiet, nan);
}

static void to_bf16(int64_t n, const float *src, uint16_t *dst)
{
    int64_t i = 0;
    for (; i + 16 <= n; i += 16) {
        const __m256i both = _mm256_packus_epi32(rounded(_mm256_loadu_ps(src + i)), rounded(_mm256_loadu_ps(src + i + 8)));
        _mm256_storeu_si256((__m256i *)(void *)(dst + i), _mm256_permute4x64_epi64(both, 0xd8));
    }
    if (i < n) whet_halves_ref.to_bf16(n - i, src + i, dst + i);
}

static void from_bf16(int64_t n, const uint16_t *src, float *dst)
{
    int64_t i = 0;
    for (; i + 8 <= n; i += 8) {
        const __m256i wide = _mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *)(const void *)(src + i)));
        _mm256_storeu_ps(dst + i, _mm256_castsi256_ps(_mm256_slli_epi32(wide, 16)));
    }
    if (i < n) whet_halves_ref.from_bf16(n - i, src + i, dst + i);
}

const whet_halves whet_halves_avx2 = {"avx2", WHET_ISA_AVX2, to_bf16, from_bf16};
