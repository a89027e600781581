/* SPDX-License-Identifier: Apache-2.0 */
/* The row kernels of resize_tmpl.h compiled for avx2. */
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("O3")
#endif
#include "base/cpu.h"
#include "kernels/resize/resize.h"

#define FN(x) x##_avx2
#include "kernels/resize/resize_tmpl.h"

const whet_resize_kernels whet_resize_f32_avx2 = {"avx2", WHET_ISA_AVX2, mix_rows_avx2, mix_columns_avx2};
