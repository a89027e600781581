/* SPDX-License-Identifier: Apache-2.0 */
/* Body of transpose.h, included once per ISA with SUFFIX: squares of one vector's width in registers, whose results fill the
 * destination's rows from left to right. */
#include "kernels/move/transpose.h"
#include "kernels/vec.h"

#define CAT_(a, b) a##_##b
#define CAT(a, b) CAT_(a, b)

#if VF == 16
ALWAYS_INLINE void square(vf *x)
{
    vf y[16];
    UNROLL for (int i = 0; i < 16; i += 2)
    {
        y[i] = _mm512_unpacklo_ps(x[i], x[i + 1]);
        y[i + 1] = _mm512_unpackhi_ps(x[i], x[i + 1]);
    }
#define D(v) _mm512_castps_pd(v)
#define S(v) _mm512_castpd_ps(v)
    UNROLL for (int i = 0; i < 16; i += 4)
    {
        x[i] = S(_mm512_unpacklo_pd(D(y[i]), D(y[i + 2])));
        x[i + 1] = S(_mm512_unpackhi_pd(D(y[i]), D(y[i + 2])));
        x[i + 2] = S(_mm512_unpacklo_pd(D(y[i + 1]), D(y[i + 3])));
        x[i + 3] = S(_mm512_unpackhi_pd(D(y[i + 1]), D(y[i + 3])));
    }
#undef D
#undef S
    UNROLL for (int i = 0; i < 4; i++)
    {
        y[i] = _mm512_shuffle_f32x4(x[i], x[i + 4], 0x88);
        y[i + 4] = _mm512_shuffle_f32x4(x[i], x[i + 4], 0xdd);
        y[i + 8] = _mm512_shuffle_f32x4(x[i + 8], x[i + 12], 0x88);
        y[i + 12] = _mm512_shuffle_f32x4(x[i + 8], x[i + 12], 0xdd);
    }
    UNROLL for (int i = 0; i < 8; i++)
    {
        x[i] = _mm512_shuffle_f32x4(y[i], y[i + 8], 0x88);
        x[i + 8] = _mm512_shuffle_f32x4(y[i], y[i + 8], 0xdd);
    }
}
#else
ALWAYS_INLINE void square(vf *x)
{
    vf y[8];
    UNROLL for (int i = 0; i < 8; i += 2)
    {
        y[i] = _mm256_unpacklo_ps(x[i], x[i + 1]);
        y[i + 1] = _mm256_unpackhi_ps(x[i], x[i + 1]);
    }
    UNROLL for (int i = 0; i < 8; i += 4)
    {
        x[i] = _mm256_shuffle_ps(y[i], y[i + 2], 0x44);
        x[i + 1] = _mm256_shuffle_ps(y[i], y[i + 2], 0xee);
        x[i + 2] = _mm256_shuffle_ps(y[i + 1], y[i + 3], 0x44);
        x[i + 3] = _mm256_shuffle_ps(y[i + 1], y[i + 3], 0xee);
    }
    UNROLL for (int i = 0; i < 4; i++)
    {
        y[i] = _mm256_permute2f128_ps(x[i], x[i + 4], 0x20);
        y[i + 4] = _mm256_permute2f128_ps(x[i], x[i + 4], 0x31);
    }
    UNROLL for (int i = 0; i < 8; i++) x[i] = y[i];
}
#endif

/* Up to VF rows and columns, behind masks. */
static void part(int64_t rows, int64_t columns, const float *src, int64_t ss, float *dst, int64_t ds)
{
    const vt tr = vt_first(rows), tc = vt_first(columns);
    vf x[VF];
    for (int i = 0; i < VF; i++) x[i] = i < rows ? vf_load_t(tc, src + i * ss) : vf_set(0.0f);
    square(x);
    for (int64_t j = 0; j < columns; j++) vf_store_t(tr, dst + j * ds, x[j]);
}

void CAT(whet_transpose_f32, SUFFIX)(int64_t rows, int64_t columns, const float *src, int64_t ss, float *dst, int64_t ds)
{
    for (int64_t j = 0; j < columns; j += VF)
        for (int64_t i = 0; i < rows; i += VF) {
            const float *s = src + i * ss + j;
            float *d = dst + j * ds + i;
            if (rows - i < VF || columns - j < VF) {
                part(rows - i < VF ? rows - i : VF, columns - j < VF ? columns - j : VF, s, ss, d, ds);
                continue;
            }
            vf x[VF];
            UNROLL for (int r = 0; r < VF; r++) x[r] = vf_load(s + r * ss);
            square(x);
            UNROLL for (int r = 0; r < VF; r++) vf_store(d + r * ds, x[r]);
        }
}
