/* SPDX-License-Identifier: Apache-2.0 */
/* Choice of the vector kernel that transposes. */
#include "kernels/move/transpose.h"

#include <stddef.h>

#include "base/cpu.h"

whet_transpose_fn whet_transpose_vec(uint32_t isa)
{
#if defined(__x86_64__)
    if (isa & WHET_ISA_AVX512) return whet_transpose_f32_avx512;
    if (isa & WHET_ISA_AVX2) return whet_transpose_f32_avx2;
#endif
    (void)isa;
    return NULL;
}
