/* SPDX-License-Identifier: Apache-2.0 */
/* Peaks of AVX-512: multiply-adds of floats; products of bytes in three instructions, as without VNNI. */
#include <immintrin.h>

#include "base/cpu.h"
#include "kernels/peak/peak.h"

#define V __m512
#define R "v"
#define CLEAR(x) __asm__ volatile("vpxord %0, %0, %0" : "=v"(x));
#include "kernels/peak/peak_tmpl.h"

#define FMA(a) __asm__ volatile("vfmadd231ps %1, %2, %0" : "+v"(a) : "v"(b), "v"(c));
#define BYTES(a)                                                                                                    \
    __asm__ volatile("vpmaddubsw %1, %2, %%zmm31\n\tvpmaddwd %2, %%zmm31, %%zmm31\n\tvpaddd %%zmm31, %0, %0"          \
                     : "+v"(a) : "v"(b), "v"(c) : "xmm31");
PEAK_LOOP(floats, FMA)
PEAK_LOOP(bytes, BYTES)

const whet_peak_row whet_peak_f32_avx512 = {"f32", "avx512", WHET_ISA_AVX512, NULL, floats, CHAINS * 16 * 2};
const whet_peak_row whet_peak_int8_avx512 = {"int8", "avx512", WHET_ISA_AVX512, NULL, bytes, CHAINS * 64 * 2};

void whet_peak_read_avx512(const void *src, int64_t n)
{
    const char *p = src;
    for (int64_t i = 0; i < n; i += 512)
        __asm__ volatile("vmovaps (%0), %%zmm0\n\tvmovaps 64(%0), %%zmm1\n\tvmovaps 128(%0), %%zmm2\n\tvmovaps 192(%0), %%zmm3\n\t"
                         "vmovaps 256(%0), %%zmm4\n\tvmovaps 320(%0), %%zmm5\n\tvmovaps 384(%0), %%zmm6\n\tvmovaps 448(%0), %%zmm7"
                         : : "r"(p + i) : "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "memory");
}

void whet_peak_copy_avx512(void *dst, const void *src, int64_t n)
{
    const char *p = src;
    char *q = dst;
    for (int64_t i = 0; i < n; i += 256)
        __asm__ volatile("vmovaps (%0), %%zmm0\n\tvmovaps 64(%0), %%zmm1\n\tvmovaps 128(%0), %%zmm2\n\tvmovaps 192(%0), %%zmm3\n\t"
                         "vmovaps %%zmm0, (%1)\n\tvmovaps %%zmm1, 64(%1)\n\tvmovaps %%zmm2, 128(%1)\n\tvmovaps %%zmm3, 192(%1)"
                         : : "r"(p + i), "r"(q + i) : "xmm0", "xmm1", "xmm2", "xmm3", "memory");
}
