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

/* Three rows into triples: an image's colours as the first layer wants them. Lane l of result k is element k * VF + l. */
#define TRIPLES(k)                                                                                                  \
    for (int l = 0; l < VF; l++) {                                                                                  \
        place[k][l] = (k * VF + l) / 3;                                                                             \
        from[k][l] = (k * VF + l) % 3;                                                                              \
    }
enum { AHEAD = 2048 }; /* bytes */
static void triples(int64_t columns, const float *src, int64_t ss, float *dst)
{
    int32_t place[3][VF], from[3][VF];
    vi at[3];
    vm second[3], third[3];
    int64_t j = 0;
    TRIPLES(0)
    TRIPLES(1)
    TRIPLES(2)
    for (int k = 0; k < 3; k++) {
#if VF == 16
        const vi f = _mm512_loadu_si512(from[k]);
        at[k] = _mm512_loadu_si512(place[k]);
        second[k] = _mm512_cmpeq_epi32_mask(f, vi_set(1));
        third[k] = _mm512_cmpeq_epi32_mask(f, vi_set(2));
#else
        const vi f = _mm256_loadu_si256((const __m256i *)(const void *)from[k]);
        at[k] = _mm256_loadu_si256((const __m256i *)(const void *)place[k]);
        second[k] = vf_bits(_mm256_cmpeq_epi32(f, vi_set(1)));
        third[k] = vf_bits(_mm256_cmpeq_epi32(f, vi_set(2)));
#endif
    }
    for (; j + VF <= columns; j += VF) {
        const vf a = vf_load(src + j), b = vf_load(src + ss + j), c = vf_load(src + 2 * ss + j);
        for (int i = 0; i < 3; i++) _mm_prefetch((const char *)(src + i * ss + j) + AHEAD, _MM_HINT_T0); /* pictures come cold */
        UNROLL for (int k = 0; k < 3; k++)
        {
#if VF == 16
            vf x = _mm512_permutexvar_ps(at[k], a);
            x = _mm512_mask_permutexvar_ps(x, second[k], at[k], b);
            x = _mm512_mask_permutexvar_ps(x, third[k], at[k], c);
#else
            vf x = vf_sel(second[k], _mm256_permutevar8x32_ps(b, at[k]), _mm256_permutevar8x32_ps(a, at[k]));
            x = vf_sel(third[k], _mm256_permutevar8x32_ps(c, at[k]), x);
#endif
            vf_store(dst + 3 * j + k * VF, x);
        }
    }
    for (; j < columns; j++)
        for (int i = 0; i < 3; i++) dst[3 * j + i] = src[i * ss + j];
}

void CAT(whet_transpose_f32, SUFFIX)(int64_t rows, int64_t columns, const float *src, int64_t ss, float *dst, int64_t ds)
{
    if (rows == 3 && ds == 3) {
        triples(columns, src, ss, dst);
        return;
    }
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
