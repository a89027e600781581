/* SPDX-License-Identifier: Apache-2.0 */
/* IEEE 754 binary16 and bfloat16, scalar, round to nearest even; NaN stays NaN. */
#include "base/half.h"

#include <string.h>

static float as_float(uint32_t u)
{
    float f;
    memcpy(&f, &u, sizeof f);
    return f;
}

static uint32_t as_bits(float f)
{
    uint32_t u;
    memcpy(&u, &f, sizeof u);
    return u;
}

float whet_f16_to_f32(uint16_t h)
{
    uint32_t sign = (uint32_t)(h & 0x8000u) << 16, exponent = (h >> 10) & 31u, mantissa = h & 0x3ffu;
    if (exponent == 31) return as_float(sign | 0x7f800000u | mantissa << 13);
    if (exponent != 0) return as_float(sign | (exponent + 112) << 23 | mantissa << 13);
    float f = (float)mantissa * 0x1p-24f; /* zero and subnormals, exact */
    return sign != 0 ? -f : f;
}

uint16_t whet_f32_to_f16(float f)
{
    uint32_t u = as_bits(f), sign = (u >> 16) & 0x8000u, a = u & 0x7fffffffu;
    if (a > 0x7f800000u) return (uint16_t)(sign | 0x7e00u);
    if (a >= 0x477ff000u) return (uint16_t)(sign | 0x7c00u); /* rounds to infinity */
    if (a < 0x38800000u) {                                   /* subnormal: let the adder round */
        float r = as_float(a) + 0.5f;
        return (uint16_t)(sign | (as_bits(r) - as_bits(0.5f)));
    }
    a += 0xc8000fffu + ((a >> 13) & 1u);
    return (uint16_t)(sign | a >> 13);
}

float whet_bf16_to_f32(uint16_t h)
{
    return as_float((uint32_t)h << 16);
}

uint16_t whet_f32_to_bf16(float f)
{
    uint32_t u = as_bits(f);
    if ((u & 0x7fffffffu) > 0x7f800000u) return (uint16_t)(u >> 16 | 0x40u);
    return (uint16_t)((u + 0x7fffu + ((u >> 16) & 1u)) >> 16);
}
