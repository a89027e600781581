/* SPDX-License-Identifier: Apache-2.0 */
/* Choice of the vector kernels of reductions. */
#include "kernels/reduce/reduce_vec.h"

#include <stddef.h>

#include "base/cpu.h"

const whet_reduce_vec *whet_reduce_vec_for(uint32_t isa, enum whet_reduce_kind kind)
{
#if defined(__x86_64__)
    if (isa & WHET_ISA_AVX512) return &whet_reduce_f32_avx512[kind];
    if (isa & WHET_ISA_AVX2) return &whet_reduce_f32_avx2[kind];
#endif
    (void)isa;
    (void)kind;
    return NULL;
}
