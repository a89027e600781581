/* SPDX-License-Identifier: Apache-2.0 */
/* Depthwise kernels for AVX-512. */
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
#define REUSE 1
#define GRAD_SUMS 28
#define SUFFIX avx512
#include "kernels/conv/dw_f32_tmpl.h"
#include "kernels/conv/dw_grad_f32_tmpl.h"
