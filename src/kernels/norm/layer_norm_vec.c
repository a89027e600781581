/* SPDX-License-Identifier: Apache-2.0 */
/* Choice of the vector kernels of layer normalisation. */
#include "kernels/norm/layer_norm_vec.h"

#include <stddef.h>

#include "base/cpu.h"

const whet_layer_norm_vec *whet_layer_norm_vec_for(uint32_t isa)
{
#if defined(__x86_64__)
    if (isa & WHET_ISA_AVX512) return &whet_layer_norm_f32_avx512;
    if (isa & WHET_ISA_AVX2) return &whet_layer_norm_f32_avx2;
#endif
    (void)isa;
    return NULL;
}
