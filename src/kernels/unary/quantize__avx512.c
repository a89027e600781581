/* SPDX-License-Identifier: Apache-2.0 */
/* Quantising and dequantising: the template compiled for this file's ISA. */
#define ROW whet_quantize_avx512
#define NAME "avx512"
#define ISA WHET_ISA_AVX512
#include "kernels/unary/quantize_tmpl.h"
