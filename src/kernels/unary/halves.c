/* SPDX-License-Identifier: Apache-2.0 */
/* bf16 in plain C, and the choice. */
#include "kernels/unary/halves.h"

#include "base/cpu.h"
#include "base/half.h"

static void to_bf16(int64_t n, const float *src, uint16_t *dst)
{
    for (int64_t i = 0; i < n; i++) dst[i] = whet_f32_to_bf16(src[i]);
}

static void from_bf16(int64_t n, const uint16_t *src, float *dst)
{
    for (int64_t i = 0; i < n; i++) dst[i] = whet_bf16_to_f32(src[i]);
}

const whet_halves whet_halves_ref = {"ref", 0, to_bf16, from_bf16};

static const whet_halves *const rows[] = {
#if defined(__x86_64__)
    &whet_halves_avx512, &whet_halves_avx2,
#endif
    &whet_halves_ref};

const whet_halves *whet_halves_for(uint32_t isa)
{
    int i = 0;
    while (rows[i]->isa & ~isa) i++;
    return rows[i];
}
