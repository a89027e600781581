/* SPDX-License-Identifier: Apache-2.0 */
/* f32 to integers of 8 and 16 bits by one scale and one zero point, and back. The quotient is the one that f32 division gives,
 * rounded to the nearest even integer; the zero point is added, the sum clipped to the type; NaN becomes 0. Back: (q - zero) as
 * f32, times the scale. Without a scale, to and from integers of 32 bits: cut towards zero; what does not fit goes by way of
 * 64 bits, as whet_tensor_get_s64 has it. Every row gives the same bits. Linear over n elements, any alignment, no overlap. */
#ifndef WHET_KERNELS_QUANTIZE_H
#define WHET_KERNELS_QUANTIZE_H

#include <stdint.h>

typedef enum whet_quantum { WHET_Q_S8, WHET_Q_U8, WHET_Q_S16, WHET_Q_U16, WHET_Q_COUNT } whet_quantum;

typedef void (*whet_quantize_fn)(int64_t n, const float *src, void *dst, float scale, int32_t zero);
typedef void (*whet_dequantize_fn)(int64_t n, const void *src, float *dst, float scale, int32_t zero);

typedef struct whet_quantize {
    const char *name;
    uint32_t isa; /* needed bits */
    whet_quantize_fn to[WHET_Q_COUNT];
    whet_dequantize_fn from[WHET_Q_COUNT];
    void (*cut_s32)(int64_t n, const float *src, int32_t *dst);
    void (*from_s32)(int64_t n, const int32_t *src, float *dst);
} whet_quantize;

const whet_quantize *whet_quantize_for(uint32_t isa); /* never NULL */
extern const whet_quantize whet_quantize_ref, whet_quantize_avx2, whet_quantize_avx512;

#endif
