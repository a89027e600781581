/* SPDX-License-Identifier: Apache-2.0 */
/* Peak of VNNI: four products of bytes and their sum in one instruction. */
#include <immintrin.h>

#include "base/cpu.h"
#include "kernels/peak/peak.h"

#define V __m512i
#define R "v"
#define CLEAR(x) __asm__ volatile("vpxord %0, %0, %0" : "=v"(x));
#include "kernels/peak/peak_tmpl.h"

#define DOT(a) __asm__ volatile("vpdpbusd %1, %2, %0" : "+v"(a) : "v"(b), "v"(c));
PEAK_LOOP(dots, DOT)

const whet_peak_row whet_peak_int8_avx512vnni = {"int8", "avx512vnni", WHET_ISA_AVX512VNNI, NULL, dots, CHAINS * 64 * 2};
