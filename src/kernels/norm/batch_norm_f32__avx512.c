/* SPDX-License-Identifier: Apache-2.0 */
/* Batch normalisation, the bodies of batch_norm_tmpl.h compiled for avx512. */
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("O3")
#endif
#include <immintrin.h>

#include "kernels/norm/batch_norm.h"

#define T float
#define MASK_OF_T int32_t
#define STREAM(p, v) _mm512_stream_ps(p, (__m512)(v))
#define STREAM_END _mm_sfence();
#define FN(x) whet_bn_##x##_f32_avx512
#include "kernels/norm/batch_norm_tmpl.h"
