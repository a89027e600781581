/* SPDX-License-Identifier: Apache-2.0 */
/* Scalar conversions between f32 and the 16-bit floats, round to nearest even. */
#ifndef WHET_BASE_HALF_H
#define WHET_BASE_HALF_H

#include <stdint.h>

float whet_f16_to_f32(uint16_t h);
uint16_t whet_f32_to_f16(float f);
float whet_bf16_to_f32(uint16_t h);
uint16_t whet_f32_to_bf16(float f);

#endif
