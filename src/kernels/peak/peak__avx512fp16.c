/* SPDX-License-Identifier: Apache-2.0 */
/* Peak of multiply-adds of 16-bit floats. */
#include <immintrin.h>

#include "base/cpu.h"
#include "kernels/peak/peak.h"

#define V __m512
#define R "v"
#define CLEAR(x) __asm__ volatile("vpxord %0, %0, %0" : "=v"(x));
#include "kernels/peak/peak_tmpl.h"

#define FMA(a) __asm__ volatile("vfmadd231ph %1, %2, %0" : "+v"(a) : "v"(b), "v"(c));
PEAK_LOOP(halves, FMA)

const whet_peak_row whet_peak_f16_avx512fp16 = {"f16", "avx512fp16", WHET_ISA_AVX512FP16, NULL, halves, CHAINS * 32 * 2};
