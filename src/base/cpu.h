/* SPDX-License-Identifier: Apache-2.0 */
/* CPU features as few, cumulative levels with side bits. Detected once; maskable by WHET_ISA= and by
 * whet_isa_set_mask(), so that every level can be tested on one machine. */
#ifndef WHET_BASE_CPU_H
#define WHET_BASE_CPU_H

#include <stdint.h>

#include "base/status.h"

enum { /* bits of an ISA mask */
    WHET_ISA_REF = 0,
    WHET_ISA_AVX2 = 1 << 0,       /* avx2 fma f16c */
    WHET_ISA_AVX512 = 1 << 1,     /* avx512 f bw dq vl */
    WHET_ISA_AVX512VNNI = 1 << 2,
    WHET_ISA_AVX512BF16 = 1 << 3,
    WHET_ISA_AVX512FP16 = 1 << 4,
    WHET_ISA_NEON = 1 << 8,
    WHET_ISA_NEON_DOT = 1 << 9,
    WHET_ISA_NEON_FP16 = 1 << 10
};

uint32_t whet_isa_detect(void); /* what the CPU and the kernel support */
uint32_t whet_isa(void);        /* detected & mask */
void whet_isa_set_mask(uint32_t mask);
/* "ref", "avx2", "avx512", "avx512vnni", ...: that level and everything below it. EINVAL for an unknown name. */
whet_status whet_isa_parse(const char *name, uint32_t *mask);
const char *whet_isa_name(uint32_t isa); /* highest level in isa; static storage */

void whet_cpu_model(char *out, int size);               /* "Intel(R) Xeon(R) ..." */
void whet_cpu_caches(int64_t *l1d, int64_t *l2, int64_t *l3); /* bytes a core sees; 0 unknown */
/* Flush denormals to zero on the calling thread (all compute threads do), as peers are told to. */
void whet_cpu_flush_denormals(void);

#endif
