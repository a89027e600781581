/* SPDX-License-Identifier: Apache-2.0 */
/* Quantising by vectors, for quantize__avx2.c and quantize__avx512.c. The including file defines ROW, NAME and ISA.
 *
 * x / scale is needed as division rounds it, since ties decide; a division is as slow as the rest together, so it is made of
 * multiply-adds: with r = 1 / scale rounded, t = x * r has an error of two units at most, t1 = t + (x - t * scale) * r is one
 * of the two floats around the quotient, and the same step once more gives the nearest (Markstein, "Computation of elementary
 * functions on the IBM RISC System/6000 processor", 1990; Theorem 8). It holds away from overflow and subnormal numbers, so
 * only for scales of ordinary size; others are divided by. x is clipped where the integers end, before anything else: a
 * clipped x gives the last integer exactly, and infinities are gone. */
#include <string.h>

#include "base/cpu.h"
#include "kernels/unary/quantize.h"
#include "kernels/vec.h"

#if VF == 16
ALWAYS_INLINE vi widen_s8(const void *p) { return _mm512_cvtepi8_epi32(_mm_loadu_si128((const __m128i *)p)); }
ALWAYS_INLINE vi widen_u8(const void *p) { return _mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i *)p)); }
ALWAYS_INLINE vi widen_s16(const void *p) { return _mm512_cvtepi16_epi32(_mm256_loadu_si256((const __m256i *)p)); }
ALWAYS_INLINE vi widen_u16(const void *p) { return _mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i *)p)); }
ALWAYS_INLINE void narrow_8(void *p, vi x) { _mm_storeu_si128((__m128i *)p, _mm512_cvtepi32_epi8(x)); }
ALWAYS_INLINE void narrow_16(void *p, vi x) { _mm256_storeu_si256((__m256i *)p, _mm512_cvtepi32_epi16(x)); }
ALWAYS_INLINE vi unless_nan(vf x, vi q) { return _mm512_maskz_mov_epi32(_mm512_cmp_ps_mask(x, x, _CMP_ORD_Q), q); }
ALWAYS_INLINE int all_fit(vf x) { return _mm512_cmp_ps_mask(vf_abs(x), vf_set(0x1p31f), _CMP_LT_OQ) == 0xffff; }
ALWAYS_INLINE vi cut(vf x) { return _mm512_cvttps_epi32(x); }
ALWAYS_INLINE vi load_s32(const int32_t *p) { return _mm512_loadu_si512(p); }
ALWAYS_INLINE void store_s32(int32_t *p, vi x) { _mm512_storeu_si512(p, x); }
#else
ALWAYS_INLINE vi widen_s8(const void *p) { return _mm256_cvtepi8_epi32(_mm_loadl_epi64((const __m128i *)p)); }
ALWAYS_INLINE vi widen_u8(const void *p) { return _mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)p)); }
ALWAYS_INLINE vi widen_s16(const void *p) { return _mm256_cvtepi16_epi32(_mm_loadu_si128((const __m128i *)p)); }
ALWAYS_INLINE vi widen_u16(const void *p) { return _mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *)p)); }
ALWAYS_INLINE void narrow_8(void *p, vi x)
{
    const __m256i bytes = _mm256_shuffle_epi8(x, _mm256_set1_epi32(0x0c080400));
    _mm_storel_epi64((__m128i *)p, _mm_unpacklo_epi32(_mm256_castsi256_si128(bytes), _mm256_extracti128_si256(bytes, 1)));
}
ALWAYS_INLINE void narrow_16(void *p, vi x)
{
    const __m256i pairs = _mm256_shuffle_epi8(x, _mm256_set1_epi64x(0x0d0c090805040100));
    _mm_storeu_si128((__m128i *)p, _mm_unpacklo_epi64(_mm256_castsi256_si128(pairs), _mm256_extracti128_si256(pairs, 1)));
}
ALWAYS_INLINE int all_fit(vf x) { return _mm256_movemask_ps(vf_lt(vf_abs(x), vf_set(0x1p31f))) == 0xff; }
ALWAYS_INLINE vi cut(vf x) { return _mm256_cvttps_epi32(x); }
ALWAYS_INLINE vi load_s32(const int32_t *p) { return _mm256_loadu_si256((const __m256i *)(const void *)p); }
ALWAYS_INLINE void store_s32(int32_t *p, vi x) { _mm256_storeu_si256((__m256i *)(void *)p, x); }
ALWAYS_INLINE vi unless_nan(vf x, vi q) { return _mm256_and_si256(q, _mm256_castps_si256(_mm256_cmp_ps(x, x, _CMP_ORD_Q))); }
#endif

typedef struct quantum {
    float scale, reciprocal, low, high; /* bounds of x */
    int32_t zero;
} quantum;

ALWAYS_INLINE vi quantized(vf x, const quantum *q)
{
    const vf s = vf_set(q->scale), r = vf_set(q->reciprocal);
    x = vf_min(vf_set(q->high), vf_max(vf_set(q->low), x));
    vf t = x * r;
    t = vf_fma(vf_fnma(t, s, x), r, t);
    t = vf_fma(vf_fnma(t, s, x), r, t);
    return unless_nan(t, vi_add(vi_round(t), vi_set(q->zero)));
}

#define TYPE(T, s, bits, lowest, highest)                                                                           \
    static void to_##s(int64_t n, const float *src, void *dst, float scale, int32_t zero)                           \
    {                                                                                                               \
        const quantum q = {scale, 1.0f / scale, (float)(lowest - zero) * scale, (float)(highest - zero) * scale, zero}; \
        T *out = dst;                                                                                               \
        int64_t i = 0;                                                                                              \
        if (!(scale > 0x1p-60f && scale < 0x1p60f)) {                                                               \
            whet_quantize_ref.to[WHET_QUANTUM_##s](n, src, dst, scale, zero);                                       \
            return;                                                                                                 \
        }                                                                                                           \
        for (; i + VF <= n; i += VF) narrow_##bits(out + i, quantized(vf_load(src + i), &q));                       \
        if (i == n) return;                                                                                         \
        T last[VF];                                                                                                 \
        narrow_##bits(last, quantized(vf_load_t(vt_first(n - i), src + i), &q));                                    \
        memcpy(out + i, last, (size_t)(n - i) * sizeof(T));                                                         \
    }                                                                                                               \
    static void from_##s(int64_t n, const void *src, float *dst, float scale, int32_t zero)                         \
    {                                                                                                               \
        const T *in = src;                                                                                          \
        T last[VF] = {0};                                                                                           \
        int64_t i = 0;                                                                                              \
        for (; i + VF <= n; i += VF) vf_store(dst + i, vf_of(vi_sub(widen_##s(in + i), vi_set(zero))) * vf_set(scale)); \
        if (i == n) return;                                                                                         \
        memcpy(last, in + i, (size_t)(n - i) * sizeof(T));                                                          \
        vf_store_t(vt_first(n - i), dst + i, vf_of(vi_sub(widen_##s(last), vi_set(zero))) * vf_set(scale));         \
    }
#define WHET_QUANTUM_s8 WHET_Q_S8
#define WHET_QUANTUM_u8 WHET_Q_U8
#define WHET_QUANTUM_s16 WHET_Q_S16
#define WHET_QUANTUM_u16 WHET_Q_U16
TYPE(int8_t, s8, 8, -128, 127)
TYPE(uint8_t, u8, 8, 0, 255)
TYPE(int16_t, s16, 16, -32768, 32767)
TYPE(uint16_t, u16, 16, 0, 65535)

static void cut_s32(int64_t n, const float *src, int32_t *dst)
{
    int64_t i = 0;
    for (; i + VF <= n; i += VF) {
        const vf x = vf_load(src + i);
        if (all_fit(x)) store_s32(dst + i, cut(x));
        else whet_quantize_ref.cut_s32(VF, src + i, dst + i);
    }
    whet_quantize_ref.cut_s32(n - i, src + i, dst + i);
}

static void from_s32(int64_t n, const int32_t *src, float *dst)
{
    int64_t i = 0;
    for (; i + VF <= n; i += VF) vf_store(dst + i, vf_of(load_s32(src + i)));
    whet_quantize_ref.from_s32(n - i, src + i, dst + i);
}

const whet_quantize ROW = {NAME, ISA, {to_s8, to_u8, to_s16, to_u16}, {from_s8, from_u8, from_s16, from_u16}, cut_s32, from_s32};
