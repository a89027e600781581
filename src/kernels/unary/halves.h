/* SPDX-License-Identifier: Apache-2.0 */
/* f32 to bf16 and back, the bits of whet_f32_to_bf16 and whet_bf16_to_f32 (base/half.h): to nearest, ties to even; a NaN stays a
 * quiet one. Linear over n elements, any alignment, no overlap. */
#ifndef WHET_KERNELS_HALVES_H
#define WHET_KERNELS_HALVES_H

#include <stdint.h>

typedef struct whet_halves {
    const char *name;
    uint32_t isa; /* needed bits */
    void (*to_bf16)(int64_t n, const float *src, uint16_t *dst);
    void (*from_bf16)(int64_t n, const uint16_t *src, float *dst);
} whet_halves;

const whet_halves *whet_halves_for(uint32_t isa); /* never NULL */
extern const whet_halves whet_halves_ref, whet_halves_avx2, whet_halves_avx512;

#endif
