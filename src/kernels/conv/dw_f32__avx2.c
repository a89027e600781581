/* SPDX-License-Identifier: Apache-2.0 */
/* Depthwise kernels for AVX2 with FMA. */
#include <immintrin.h>

#define V __m256
#define LANES 8
#define LOAD _mm256_loadu_ps
#define STORE _mm256_storeu_ps
#define SET1 _mm256_set1_ps
#define FMA _mm256_fmadd_ps
#define ADD _mm256_add_ps
#define MIN _mm256_min_ps
#define MAX _mm256_max_ps
#define MASK __m256i
#define MASK_OF(live) _mm256_cmpgt_epi32(_mm256_set1_epi32(live), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7))
#define MLOAD(m, p) _mm256_maskload_ps(p, m)
#define MSTORE(p, m, v) _mm256_maskstore_ps(p, m, v)
#define REUSE 0
#define GRAD_SUMS 10
#define SUFFIX avx2
#include "kernels/conv/dw_f32_tmpl.h"
#include "kernels/conv/dw_grad_f32_tmpl.h"
