/* SPDX-License-Identifier: Apache-2.0 */
/* Optimiser steps in plain C, and the choice of the fastest. */
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("O3")
#endif
#include "base/cpu.h"
#include "kernels/optim/optim_tmpl.h"

OPTIM_BODY(float, f32_ref, sqrtf)
OPTIM_BODY(double, f64_ref, sqrt)

#define TABLE(s) {whet_sgd_##s, whet_adam_##s, whet_rms_prop_##s, whet_ema_##s, whet_accumulate_##s, whet_sum_squares_##s}

const whet_optim_f32 *whet_optim_f32_for(uint32_t isa)
{
    static const whet_optim_f32 plain = TABLE(f32_ref);
#if defined(__x86_64__)
    static const whet_optim_f32 avx2 = TABLE(f32_avx2), avx512 = TABLE(f32_avx512);
    if (isa & WHET_ISA_AVX512) return &avx512;
    if (isa & WHET_ISA_AVX2) return &avx2;
#endif
    (void)isa;
    return &plain;
}
