/* SPDX-License-Identifier: Apache-2.0 */
/* Quantising and dequantising: the template compiled for this file's ISA. */
#define ROW whet_quantize_avx2
#define NAME "avx2"
#define ISA WHET_ISA_AVX2
#include "kernels/unary/quantize_tmpl.h"
