/* SPDX-License-Identifier: Apache-2.0 */
/* Batch normalisation, the bodies of batch_norm_tmpl.h compiled for avx2. */
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("O3")
#endif
#include <immintrin.h>
#include <string.h>

#include "kernels/norm/batch_norm.h"

#define T float
#define MASK_OF_T int32_t
#define STREAM_16(p, v)                                                                                             \
    do {                                                                                                            \
        __m256 half[2];                                                                                             \
        memcpy(half, &(v), sizeof half);                                                                            \
        _mm256_stream_ps(p, half[0]);                                                                               \
        _mm256_stream_ps((p) + 8, half[1]);                                                                         \
    } while (0)
#define STREAM_END _mm_sfence();
#define FN(x) whet_bn_##x##_f32_avx2
#include "kernels/norm/batch_norm_tmpl.h"
