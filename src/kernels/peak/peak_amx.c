/* SPDX-License-Identifier: Apache-2.0 */
/* Peaks of AMX: products of tiles of 16 x 64 bytes. A process must ask the kernel for the tiles' registers first. The
 * instructions are written out, so that no compiler flag is needed. */
#include "kernels/peak/peak.h"

#if defined(__x86_64__) && defined(__linux__)
#include <cpuid.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { REQUEST_PERMISSION = 0x1023, TILE_DATA = 18, BF16 = 1 << 22, TILES = 1 << 24, INT8 = 1 << 25 };

static int has(unsigned bits)
{
    unsigned a = 0, b = 0, c = 0, d = 0;
    if (!__get_cpuid_count(7, 0, &a, &b, &c, &d) || (d & bits) != bits) return 0;
    return syscall(SYS_arch_prctl, REQUEST_PERMISSION, TILE_DATA) == 0;
}

static int has_int8(void) { return has((unsigned)TILES | (unsigned)INT8); }
static int has_bf16(void) { return has((unsigned)TILES | (unsigned)BF16); }

/* Eight tiles of 16 rows of 64 bytes. */
static void configure(void)
{
    struct { uint8_t palette, start, zero[14]; uint16_t bytes[16]; uint8_t rows[16]; } config;
    memset(&config, 0, sizeof config);
    config.palette = 1;
    for (int i = 0; i < 8; i++) {
        config.bytes[i] = 64;
        config.rows[i] = 16;
    }
    __asm__ volatile("ldtilecfg %0" : : "m"(config));
    __asm__ volatile("tilezero %tmm0\n\ttilezero %tmm1\n\ttilezero %tmm2\n\ttilezero %tmm3\n\ttilezero %tmm4\n\ttilezero %tmm5\n\t"
                     "tilezero %tmm6\n\ttilezero %tmm7");
}

static void bytes(int64_t n)
{
    configure();
    for (int64_t i = 0; i < n; i++)
        __asm__ volatile("tdpbusd %tmm6, %tmm7, %tmm0\n\ttdpbusd %tmm6, %tmm7, %tmm1\n\ttdpbusd %tmm6, %tmm7, %tmm2\n\t"
                         "tdpbusd %tmm6, %tmm7, %tmm3\n\ttdpbusd %tmm6, %tmm7, %tmm4\n\ttdpbusd %tmm6, %tmm7, %tmm5");
    __asm__ volatile("tilerelease");
}

static void halves(int64_t n)
{
    configure();
    for (int64_t i = 0; i < n; i++)
        __asm__ volatile("tdpbf16ps %tmm6, %tmm7, %tmm0\n\ttdpbf16ps %tmm6, %tmm7, %tmm1\n\ttdpbf16ps %tmm6, %tmm7, %tmm2\n\t"
                         "tdpbf16ps %tmm6, %tmm7, %tmm3\n\ttdpbf16ps %tmm6, %tmm7, %tmm4\n\ttdpbf16ps %tmm6, %tmm7, %tmm5");
    __asm__ volatile("tilerelease");
}

const whet_peak_row whet_peak_int8_amx = {"int8", "amx", 0, has_int8, bytes, 6.0 * 16 * 16 * 64 * 2};
const whet_peak_row whet_peak_bf16_amx = {"bf16", "amx", 0, has_bf16, halves, 6.0 * 16 * 16 * 32 * 2};
#else
static int never(void) { return 0; }
static void nothing(int64_t n) { (void)n; }
const whet_peak_row whet_peak_int8_amx = {"int8", "amx", 0, never, nothing, 1};
const whet_peak_row whet_peak_bf16_amx = {"bf16", "amx", 0, never, nothing, 1};
#endif
