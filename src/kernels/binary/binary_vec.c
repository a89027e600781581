/* SPDX-License-Identifier: Apache-2.0 */
/* Choice of the vector kernel of two tensors. */
#include "kernels/binary/binary_vec.h"

#include <string.h>

#include "base/cpu.h"

whet_binary_rows_fn whet_binary_vec_find(uint32_t isa, const char *op)
{
    const whet_binary_row *row = NULL;
#if defined(__x86_64__)
    if (isa & WHET_ISA_AVX512) row = whet_binary_f32_avx512;
    else if (isa & WHET_ISA_AVX2) row = whet_binary_f32_avx2;
#endif
    (void)isa;
    for (; row != NULL && row->op != NULL; row++)
        if (strcmp(row->op, op) == 0) return row->fn;
    return NULL;
}
