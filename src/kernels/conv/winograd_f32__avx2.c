/* SPDX-License-Identifier: Apache-2.0 */
/* Winograd transforms for AVX2. */
#include "base/cpu.h"

#define SUFFIX avx2
#define NAME "avx2"
#define ISA WHET_ISA_AVX2
#include "kernels/conv/winograd_f32_tmpl.h"
