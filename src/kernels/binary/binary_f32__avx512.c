/* SPDX-License-Identifier: Apache-2.0 */
/* Elementwise functions of two tensors, the bodies of binary_f32_tmpl.h compiled for avx512. */
#define SUFFIX avx512
#include "kernels/binary/binary_f32_tmpl.h"
