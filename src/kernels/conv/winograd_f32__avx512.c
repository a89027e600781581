/* SPDX-License-Identifier: Apache-2.0 */
/* Winograd transforms for AVX-512. */
#include "base/cpu.h"

#define SUFFIX avx512
#define NAME "avx512"
#define ISA WHET_ISA_AVX512
#include "kernels/conv/winograd_f32_tmpl.h"
