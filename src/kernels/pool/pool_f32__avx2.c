/* SPDX-License-Identifier: Apache-2.0 */
/* The pools of pool_tmpl.h compiled for avx2, with sums in f32. */
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("O3")
#endif
#include "kernels/pool/pool.h"

#define T float
#define MASK_OF_T int32_t
#define ACC float
#define LANES 8
#define FN(x) whet_pool_##x##_f32_avx2
#include "kernels/pool/pool_tmpl.h"
