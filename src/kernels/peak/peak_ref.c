/* SPDX-License-Identifier: Apache-2.0 */
/* The table of peaks, the plain loop that every machine has, and plain streams. */
#include <stddef.h>
#include <string.h>

#include "base/cpu.h"
#include "kernels/peak/peak.h"

enum { LANES = 16 };

static void floats(int64_t n)
{
    volatile float sink = 0;
    float x[LANES];
    for (int i = 0; i < LANES; i++) x[i] = (float)i;
    for (int64_t k = 0; k < n; k++)
        for (int i = 0; i < LANES; i++) x[i] = x[i] * 0.999f + 0.001f;
    for (int i = 0; i < LANES; i++) sink = sink + x[i];
}

const whet_peak_row whet_peak_f32_ref = {"f32", "ref", WHET_ISA_REF, NULL, floats, LANES * 2};

static const whet_peak_row *const all[] = {
    &whet_peak_f32_ref,
#if defined(__x86_64__)
    &whet_peak_f32_avx2, &whet_peak_f32_avx512, &whet_peak_int8_avx2, &whet_peak_int8_avx512, &whet_peak_int8_avx512vnni, &whet_peak_int8_amx,
    &whet_peak_bf16_avx512bf16, &whet_peak_bf16_amx, &whet_peak_f16_avx512fp16,
#elif defined(__aarch64__)
    &whet_peak_f32_neon, &whet_peak_int8_neon, &whet_peak_int8_neon_dot,
#endif
};

int whet_peak_rows(const whet_peak_row **rows, int cap)
{
    const uint32_t here = whet_isa();
    int n = 0;
    for (size_t i = 0; i < sizeof all / sizeof all[0] && n < cap; i++) {
        const whet_peak_row *r = all[i];
        if ((here & r->isa) != r->isa || (r->available != NULL && !r->available())) continue;
        rows[n++] = r;
    }
    return n;
}

static void read_plain(const void *src, int64_t n)
{
    const uint64_t *p = src;
    uint64_t sum[8] = {0};
    volatile uint64_t sink = 0;
    for (int64_t i = 0; i < n / 64; i++)
        for (int k = 0; k < 8; k++) sum[k] += p[8 * i + k];
    for (int k = 0; k < 8; k++) sink = sink + sum[k];
}

static void copy_plain(void *dst, const void *src, int64_t n) { memcpy(dst, src, (size_t)n); }

whet_peak_stream whet_peak_streams(void)
{
#if defined(__x86_64__)
    if (whet_isa() & WHET_ISA_AVX512) return (whet_peak_stream){whet_peak_read_avx512, whet_peak_copy_avx512};
    if (whet_isa() & WHET_ISA_AVX2) return (whet_peak_stream){whet_peak_read_avx2, whet_peak_copy_avx2};
#endif
    return (whet_peak_stream){read_plain, copy_plain};
}
