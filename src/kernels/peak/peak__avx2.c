/* SPDX-License-Identifier: Apache-2.0 */
/* Peaks of AVX2: multiply-adds of floats; products of bytes, which take three instructions (pair, pair, add). */
#include <immintrin.h>

#include "base/cpu.h"
#include "kernels/peak/peak.h"

#define V __m256
#define R "x"
#define CLEAR(x) __asm__ volatile("vxorps %0, %0, %0" : "=x"(x));
#include "kernels/peak/peak_tmpl.h"

#define FMA(a) __asm__ volatile("vfmadd231ps %1, %2, %0" : "+x"(a) : "x"(b), "x"(c));
#define BYTES(a)                                                                                                    \
    __asm__ volatile("vpmaddubsw %1, %2, %%ymm15\n\tvpmaddwd %2, %%ymm15, %%ymm15\n\tvpaddd %%ymm15, %0, %0"          \
                     : "+x"(a) : "x"(b), "x"(c) : "xmm15");
PEAK_LOOP(floats, FMA)
PEAK_LOOP(bytes, BYTES)

const whet_peak_row whet_peak_f32_avx2 = {"f32", "avx2", WHET_ISA_AVX2, NULL, floats, CHAINS * 8 * 2};
const whet_peak_row whet_peak_int8_avx2 = {"int8", "avx2", WHET_ISA_AVX2, NULL, bytes, CHAINS * 32 * 2};

void whet_peak_read_avx2(const void *src, int64_t n)
{
    const char *p = src;
    for (int64_t i = 0; i < n; i += 256)
        __asm__ volatile("vmovaps (%0), %%ymm0\n\tvmovaps 32(%0), %%ymm1\n\tvmovaps 64(%0), %%ymm2\n\tvmovaps 96(%0), %%ymm3\n\t"
                         "vmovaps 128(%0), %%ymm4\n\tvmovaps 160(%0), %%ymm5\n\tvmovaps 192(%0), %%ymm6\n\tvmovaps 224(%0), %%ymm7"
                         : : "r"(p + i) : "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "memory");
}

void whet_peak_copy_avx2(void *dst, const void *src, int64_t n)
{
    const char *p = src;
    char *q = dst;
    for (int64_t i = 0; i < n; i += 128)
        __asm__ volatile("vmovaps (%0), %%ymm0\n\tvmovaps 32(%0), %%ymm1\n\tvmovaps 64(%0), %%ymm2\n\tvmovaps 96(%0), %%ymm3\n\t"
                         "vmovaps %%ymm0, (%1)\n\tvmovaps %%ymm1, 32(%1)\n\tvmovaps %%ymm2, 64(%1)\n\tvmovaps %%ymm3, 96(%1)"
                         : : "r"(p + i), "r"(q + i) : "xmm0", "xmm1", "xmm2", "xmm3", "memory");
}
