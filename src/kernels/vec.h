/* SPDX-License-Identifier: Apache-2.0 */
/* One vector of floats for the templates of the vector kernels: AVX-512 or AVX2, whichever the including file is compiled
 * for (its suffix decides). + - * / work on vf as they are; nothing is contracted. vm: result of a comparison; vt: which
 * lanes of a tail are there. Every function is lane by lane, so that an element's bits do not depend on its place. */
#ifndef WHET_KERNELS_VEC_H
#define WHET_KERNELS_VEC_H

#include <immintrin.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compat.h"

#if defined(__AVX512F__)
#define VF 16
typedef __m512 vf;
typedef __m512i vi;
typedef __mmask16 vm, vt;
ALWAYS_INLINE vf vf_set(float x) { return _mm512_set1_ps(x); }
ALWAYS_INLINE vi vi_set(int32_t x) { return _mm512_set1_epi32(x); }
ALWAYS_INLINE vf vf_load(const float *p) { return _mm512_loadu_ps(p); }
ALWAYS_INLINE void vf_store(float *p, vf x) { _mm512_storeu_ps(p, x); }
ALWAYS_INLINE vt vt_first(int64_t n) { return (vt)(n >= 16 ? 0xffffu : (1u << n) - 1u); } /* 0 <= n */
ALWAYS_INLINE vf vf_load_t(vt t, const float *p) { return _mm512_maskz_loadu_ps(t, p); }
ALWAYS_INLINE void vf_store_t(vt t, float *p, vf x) { _mm512_mask_storeu_ps(p, t, x); }
ALWAYS_INLINE vf vf_keep(vt t, vf x, vf other) { return _mm512_mask_blend_ps(t, other, x); } /* other outside of t */
ALWAYS_INLINE vf vf_fma(vf a, vf b, vf c) { return _mm512_fmadd_ps(a, b, c); }   /* a * b + c */
ALWAYS_INLINE vf vf_fnma(vf a, vf b, vf c) { return _mm512_fnmadd_ps(a, b, c); } /* c - a * b */
/* As the instruction: the second argument where one of them is NaN or both are zero. */
ALWAYS_INLINE vf vf_min(vf a, vf b) { return _mm512_min_ps(a, b); }
ALWAYS_INLINE vf vf_max(vf a, vf b) { return _mm512_max_ps(a, b); }
ALWAYS_INLINE vf vf_sqrt(vf x) { return _mm512_sqrt_ps(x); }
ALWAYS_INLINE vf vf_round(vf x) { return _mm512_roundscale_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
ALWAYS_INLINE vi vi_round(vf x) { return _mm512_cvtps_epi32(x); }
ALWAYS_INLINE vf vf_of(vi x) { return _mm512_cvtepi32_ps(x); }
ALWAYS_INLINE vf vf_bits(vi x) { return _mm512_castsi512_ps(x); }
ALWAYS_INLINE vi vi_bits(vf x) { return _mm512_castps_si512(x); }
ALWAYS_INLINE vi vi_add(vi a, vi b) { return _mm512_add_epi32(a, b); }
ALWAYS_INLINE vi vi_sub(vi a, vi b) { return _mm512_sub_epi32(a, b); }
#define vi_left(x, n) _mm512_slli_epi32(x, n)
#define vi_right(x, n) _mm512_srai_epi32(x, n)
ALWAYS_INLINE vi vi_and(vi a, vi b) { return _mm512_and_si512(a, b); }
ALWAYS_INLINE vi vi_or(vi a, vi b) { return _mm512_or_si512(a, b); }
ALWAYS_INLINE vi vi_xor(vi a, vi b) { return _mm512_xor_si512(a, b); }
ALWAYS_INLINE vm vf_lt(vf a, vf b) { return _mm512_cmp_ps_mask(a, b, _CMP_LT_OQ); }
ALWAYS_INLINE vm vf_le(vf a, vf b) { return _mm512_cmp_ps_mask(a, b, _CMP_LE_OQ); }
ALWAYS_INLINE vm vf_eq(vf a, vf b) { return _mm512_cmp_ps_mask(a, b, _CMP_EQ_OQ); }
ALWAYS_INLINE vm vf_nan(vf a) { return _mm512_cmp_ps_mask(a, a, _CMP_UNORD_Q); }
ALWAYS_INLINE vm vm_and(vm a, vm b) { return (vm)(a & b); }
ALWAYS_INLINE vm vm_or(vm a, vm b) { return (vm)(a | b); }
ALWAYS_INLINE vf vf_sel(vm m, vf a, vf b) { return _mm512_mask_blend_ps(m, b, a); } /* m ? a : b */
ALWAYS_INLINE vf vf_exp2_times(vf x, vf n) { return _mm512_scalef_ps(x, n); } /* x * 2^n, n whole */
/* 1 / x to 1 ulp for 2^-126 <= |x| <= 2^126: the estimate of 14 bits and one step of Newton. */
ALWAYS_INLINE vf vf_recip(vf x)
{
    const vf y = _mm512_rcp14_ps(x);
    return vf_fma(vf_fnma(x, y, vf_set(1.0f)), y, y);
}
ALWAYS_INLINE float vf_total(vf x) { return _mm512_reduce_add_ps(x); }
ALWAYS_INLINE float vf_most(vf x) { return _mm512_reduce_max_ps(x); }
#elif defined(__AVX2__)
#define VF 8
typedef __m256 vf, vm;
typedef __m256i vi, vt;
ALWAYS_INLINE vf vf_set(float x) { return _mm256_set1_ps(x); }
ALWAYS_INLINE vi vi_set(int32_t x) { return _mm256_set1_epi32(x); }
ALWAYS_INLINE vf vf_load(const float *p) { return _mm256_loadu_ps(p); }
ALWAYS_INLINE void vf_store(float *p, vf x) { _mm256_storeu_ps(p, x); }
ALWAYS_INLINE vt vt_first(int64_t n)
{
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(n >= 8 ? 8 : (int)n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}
ALWAYS_INLINE vf vf_load_t(vt t, const float *p) { return _mm256_maskload_ps(p, t); }
ALWAYS_INLINE void vf_store_t(vt t, float *p, vf x) { _mm256_maskstore_ps(p, t, x); }
ALWAYS_INLINE vf vf_keep(vt t, vf x, vf other) { return _mm256_blendv_ps(other, x, _mm256_castsi256_ps(t)); }
ALWAYS_INLINE vf vf_fma(vf a, vf b, vf c) { return _mm256_fmadd_ps(a, b, c); }
ALWAYS_INLINE vf vf_fnma(vf a, vf b, vf c) { return _mm256_fnmadd_ps(a, b, c); }
ALWAYS_INLINE vf vf_min(vf a, vf b) { return _mm256_min_ps(a, b); }
ALWAYS_INLINE vf vf_max(vf a, vf b) { return _mm256_max_ps(a, b); }
ALWAYS_INLINE vf vf_sqrt(vf x) { return _mm256_sqrt_ps(x); }
ALWAYS_INLINE vf vf_round(vf x) { return _mm256_round_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
ALWAYS_INLINE vi vi_round(vf x) { return _mm256_cvtps_epi32(x); }
ALWAYS_INLINE vf vf_of(vi x) { return _mm256_cvtepi32_ps(x); }
ALWAYS_INLINE vf vf_bits(vi x) { return _mm256_castsi256_ps(x); }
ALWAYS_INLINE vi vi_bits(vf x) { return _mm256_castps_si256(x); }
ALWAYS_INLINE vi vi_add(vi a, vi b) { return _mm256_add_epi32(a, b); }
ALWAYS_INLINE vi vi_sub(vi a, vi b) { return _mm256_sub_epi32(a, b); }
#define vi_left(x, n) _mm256_slli_epi32(x, n)
#define vi_right(x, n) _mm256_srai_epi32(x, n)
ALWAYS_INLINE vi vi_and(vi a, vi b) { return _mm256_and_si256(a, b); }
ALWAYS_INLINE vi vi_or(vi a, vi b) { return _mm256_or_si256(a, b); }
ALWAYS_INLINE vi vi_xor(vi a, vi b) { return _mm256_xor_si256(a, b); }
ALWAYS_INLINE vm vf_lt(vf a, vf b) { return _mm256_cmp_ps(a, b, _CMP_LT_OQ); }
ALWAYS_INLINE vm vf_le(vf a, vf b) { return _mm256_cmp_ps(a, b, _CMP_LE_OQ); }
ALWAYS_INLINE vm vf_eq(vf a, vf b) { return _mm256_cmp_ps(a, b, _CMP_EQ_OQ); }
ALWAYS_INLINE vm vf_nan(vf a) { return _mm256_cmp_ps(a, a, _CMP_UNORD_Q); }
ALWAYS_INLINE vm vm_and(vm a, vm b) { return _mm256_and_ps(a, b); }
ALWAYS_INLINE vm vm_or(vm a, vm b) { return _mm256_or_ps(a, b); }
ALWAYS_INLINE vf vf_sel(vm m, vf a, vf b) { return _mm256_blendv_ps(b, a, m); }
ALWAYS_INLINE vf vf_exp2_times(vf x, vf n) /* -250 <= n <= 250: in two steps, as 2^n alone may not be a float */
{
    const vi k = vi_round(n), half = vi_right(k, 1);
    const vf a = vf_bits(vi_left(vi_add(half, vi_set(127)), 23)), b = vf_bits(vi_left(vi_add(vi_sub(k, half), vi_set(127)), 23));
    return x * a * b;
}
ALWAYS_INLINE vf vf_recip(vf x) { return vf_set(1.0f) / x; } /* as fast as an estimate in this width */
ALWAYS_INLINE float vf_total(vf x)
{
    __m128 s = _mm_add_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));
    s = _mm_add_ps(s, _mm_movehl_ps(s, s));
    return _mm_cvtss_f32(_mm_add_ss(s, _mm_movehdup_ps(s)));
}
ALWAYS_INLINE float vf_most(vf x)
{
    __m128 s = _mm_max_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));
    s = _mm_max_ps(s, _mm_movehl_ps(s, s));
    return _mm_cvtss_f32(_mm_max_ss(s, _mm_movehdup_ps(s)));
}
#endif

/* A place's lanes: all of them, or those of the tail. `full` is a constant where this is inlined. */
ALWAYS_INLINE vf vf_get(const int full, vt t, const float *p) { return full ? vf_load(p) : vf_load_t(t, p); }
ALWAYS_INLINE void vf_put(const int full, vt t, float *p, vf x)
{
    if (full) vf_store(p, x);
    else vf_store_t(t, p, x);
}
ALWAYS_INLINE vf vf_abs(vf x) { return vf_bits(vi_and(vi_bits(x), vi_set(0x7fffffff))); }
ALWAYS_INLINE vf vf_negated(vf x) { return vf_bits(vi_xor(vi_bits(x), vi_set(INT32_MIN))); }
ALWAYS_INLINE vf vf_signed_as(vf magnitude, vf sign) /* magnitude >= 0 */
{
    return vf_bits(vi_or(vi_bits(magnitude), vi_and(vi_bits(sign), vi_set(INT32_MIN))));
}

/* Runs body for every vector of 0 .. n-1; inside, i is its place, t its lanes, `full` whether it has all. */
#define VEC_EACH(n, ...)                                                                                            \
    do {                                                                                                            \
        const int64_t whole = (n) / VF * VF;                                                                        \
        for (int64_t i = 0; i < whole; i += VF) {                                                                   \
            const int full = 1;                                                                                     \
            const vt t = vt_first(VF);                                                                              \
            (void)t;                                                                                                \
            __VA_ARGS__                                                                                             \
        }                                                                                                           \
        if (whole < (n)) {                                                                                          \
            const int full = 0;                                                                                     \
            const int64_t i = whole;                                                                                \
            const vt t = vt_first((n) - whole);                                                                     \
            __VA_ARGS__                                                                                             \
        }                                                                                                           \
    } while (0)

#endif
