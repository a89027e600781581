/* SPDX-License-Identifier: Apache-2.0 */
/* Batch normalisation over NHWC rows for AVX2 with FMA. */
#include <immintrin.h>

#define V __m256
#define LANES 8
#define LOAD _mm256_loadu_ps
#define STORE _mm256_storeu_ps
#define SET1 _mm256_set1_ps
#define FMA _mm256_fmadd_ps
#define ADD _mm256_add_ps
#define SUB _mm256_sub_ps
#define MUL _mm256_mul_ps
#define MASK __m256i
#define MASK_OF(live) _mm256_cmpgt_epi32(_mm256_set1_epi32(live), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7))
#define MLOAD(m, p) _mm256_maskload_ps(p, m)
#define MSTORE(p, m, v) _mm256_maskstore_ps(p, m, v)
#define GATE(y, g) _mm256_and_ps(_mm256_cmp_ps(y, _mm256_setzero_ps(), _CMP_GT_OQ), g)
#define RELU(y) _mm256_max_ps(_mm256_setzero_ps(), y)
#define D __m256d
#define DLANES 4
#define DLOAD _mm256_loadu_pd
#define DSTORE _mm256_storeu_pd
#define DADD _mm256_add_pd
#define DFMA _mm256_fmadd_pd
#define LOW(v) _mm256_cvtps_pd(_mm256_castps256_ps128(v))
#define HIGH(v) _mm256_cvtps_pd(_mm256_extractf128_ps(v, 1))
#define SUFFIX avx2
#include "kernels/norm/norm_nhwc_tmpl.h"
