/* SPDX-License-Identifier: Apache-2.0 */
/* Elementwise functions of one tensor, the bodies of unary_f32_tmpl.h compiled for avx512. */
#define SUFFIX avx512
#include "kernels/unary/unary_f32_tmpl.h"
