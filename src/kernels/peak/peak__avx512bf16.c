/* SPDX-License-Identifier: Apache-2.0 */
/* Peak of the bf16 dot product: two products and their sum in f32. */
#include <immintrin.h>

#include "base/cpu.h"
#include "kernels/peak/peak.h"

#define V __m512
#define R "v"
#define CLEAR(x) __asm__ volatile("vpxord %0, %0, %0" : "=v"(x));
#include "kernels/peak/peak_tmpl.h"

#define DOT(a) __asm__ volatile("vdpbf16ps %1, %2, %0" : "+v"(a) : "v"(b), "v"(c));
PEAK_LOOP(dots, DOT)

const whet_peak_row whet_peak_bf16_avx512bf16 = {"bf16", "avx512bf16", WHET_ISA_AVX512BF16, NULL, dots, CHAINS * 32 * 2};
