/* SPDX-License-Identifier: Apache-2.0 */
/* Peaks of NEON: multiply-adds of floats; products of bytes by widening (two instructions), and by the dot product. */
#include <arm_neon.h>
#include <stddef.h>

#include "base/cpu.h"
#include "kernels/peak/peak.h"

#define V float32x4_t
#define R "w"
#define CLEAR(x) __asm__ volatile("movi %0.4s, #0" : "=w"(x));
#include "kernels/peak/peak_tmpl.h"

#define FMA(a) __asm__ volatile("fmla %0.4s, %1.4s, %2.4s" : "+w"(a) : "w"(b), "w"(c));
#define BYTES(a) __asm__ volatile("smull v31.8h, %1.8b, %2.8b\n\tsadalp %0.4s, v31.8h" : "+w"(a) : "w"(b), "w"(c) : "v31");
#define DOT(a) __asm__ volatile(".arch armv8.2-a+dotprod\n\tsdot %0.4s, %1.16b, %2.16b" : "+w"(a) : "w"(b), "w"(c));
PEAK_LOOP(floats, FMA)
PEAK_LOOP(bytes, BYTES)
PEAK_LOOP(dots, DOT)

const whet_peak_row whet_peak_f32_neon = {"f32", "neon", WHET_ISA_NEON, NULL, floats, CHAINS * 4 * 2};
const whet_peak_row whet_peak_int8_neon = {"int8", "neon", WHET_ISA_NEON, NULL, bytes, CHAINS * 8 * 2};
const whet_peak_row whet_peak_int8_neon_dot = {"int8", "neon_dot", WHET_ISA_NEON_DOT, NULL, dots, CHAINS * 16 * 2};
