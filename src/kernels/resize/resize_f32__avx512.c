/* SPDX-License-Identifier: Apache-2.0 */
/* The row kernels of resize_tmpl.h compiled for avx512. */
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("O3")
#endif
#include "base/cpu.h"
#include "kernels/resize/resize.h"

#define FN(x) x##_avx512
#include "kernels/resize/resize_tmpl.h"

const whet_resize_kernels whet_resize_f32_avx512 = {"avx512", WHET_ISA_AVX512, mix_rows_avx512, mix_columns_avx512};
