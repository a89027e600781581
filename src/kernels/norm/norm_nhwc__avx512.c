/* SPDX-License-Identifier: Apache-2.0 */
/* Batch normalisation over NHWC rows for AVX-512. */
#include <immintrin.h>

#define V __m512
#define LANES 16
#define LOAD _mm512_loadu_ps
#define STORE _mm512_storeu_ps
#define SET1 _mm512_set1_ps
#define FMA _mm512_fmadd_ps
#define ADD _mm512_add_ps
#define SUB _mm512_sub_ps
#define MUL _mm512_mul_ps
#define MASK __mmask16
#define MASK_OF(live) ((live) >= 16 ? (__mmask16)0xffff : (__mmask16)((1u << (live)) - 1u))
#define MLOAD(m, p) _mm512_maskz_loadu_ps(m, p)
#define MSTORE(p, m, v) _mm512_mask_storeu_ps(p, m, v)
#define GATE(y, g) _mm512_maskz_mov_ps(_mm512_cmp_ps_mask(y, _mm512_setzero_ps(), _CMP_GT_OQ), g)
#define RELU(y) _mm512_max_ps(_mm512_setzero_ps(), y)
#define D __m512d
#define DLANES 8
#define DLOAD _mm512_loadu_pd
#define DSTORE _mm512_storeu_pd
#define DADD _mm512_add_pd
#define DFMA _mm512_fmadd_pd
#define LOW(v) _mm512_cvtps_pd(_mm512_castps512_ps256(v))
#define HIGH(v) _mm512_cvtps_pd(_mm512_extractf32x8_ps(v, 1))
#define SUFFIX avx512
#include "kernels/norm/norm_nhwc_tmpl.h"
