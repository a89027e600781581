/* SPDX-License-Identifier: Apache-2.0 */
/* Quantising and dequantising in plain C, and the choice. */
#include "kernels/unary/quantize.h"

#include <math.h>

#include "base/cpu.h"

static float rounded(float x, float scale, float zero, float low, float high)
{
    const float q = nearbyintf(x / scale);
    return q != q ? 0 : fmaxf(low, fminf(q + zero, high)); /* whole numbers below 2^24, or far beyond the type */
}

#define TYPE(T, s, low, high)                                                                                       \
    static void to_##s(int64_t n, const float *src, void *dst, float scale, int32_t zero)                           \
    {                                                                                                               \
        for (int64_t i = 0; i < n; i++) ((T *)dst)[i] = (T)rounded(src[i], scale, (float)zero, low, high);          \
    }                                                                                                               \
    static void from_##s(int64_t n, const void *src, float *dst, float scale, int32_t zero)                         \
    {                                                                                                               \
        for (int64_t i = 0; i < n; i++) dst[i] = (float)(((const T *)src)[i] - zero) * scale;                       \
    }
TYPE(int8_t, s8, -128, 127)
TYPE(uint8_t, u8, 0, 255)
TYPE(int16_t, s16, -32768, 32767)
TYPE(uint16_t, u16, 0, 65535)

static int32_t cut(float x)
{
    if (x >= -0x1p31f && x < 0x1p31f) return (int32_t)x;
    if (x >= 0x1p63f || x < -0x1p63f || x != x) return x >= 0 ? -1 : 0; /* the low half of the largest, of the least, of 0 */
    return (int32_t)(uint32_t)(uint64_t)(int64_t)x;
}

static void cut_s32(int64_t n, const float *src, int32_t *dst)
{
    for (int64_t i = 0; i < n; i++) dst[i] = cut(src[i]);
}

static void from_s32(int64_t n, const int32_t *src, float *dst)
{
    for (int64_t i = 0; i < n; i++) dst[i] = (float)src[i];
}

const whet_quantize whet_quantize_ref = {"ref", 0, {to_s8, to_u8, to_s16, to_u16}, {from_s8, from_u8, from_s16, from_u16}, cut_s32, from_s32};

static const whet_quantize *const rows[] = {
#if defined(__x86_64__)
    &whet_quantize_avx512, &whet_quantize_avx2,
#endif
    &whet_quantize_ref};

const whet_quantize *whet_quantize_for(uint32_t isa)
{
    int i = 0;
    while (rows[i]->isa & ~isa) i++;
    return rows[i];
}
