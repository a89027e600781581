/* SPDX-License-Identifier: Apache-2.0 */
/* Choice of the vector kernels of softmax. */
#include "kernels/softmax/softmax_vec.h"

#include <stddef.h>

#include "base/cpu.h"

const whet_softmax_vec *whet_softmax_vec_for(uint32_t isa)
{
#if defined(__x86_64__)
    if (isa & WHET_ISA_AVX512) return &whet_softmax_f32_avx512;
    if (isa & WHET_ISA_AVX2) return &whet_softmax_f32_avx2;
#endif
    (void)isa;
    return NULL;
}
