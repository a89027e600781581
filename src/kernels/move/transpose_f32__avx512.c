/* SPDX-License-Identifier: Apache-2.0 */
/* Transposition, the body of transpose_f32_tmpl.h compiled for avx512. */
#define SUFFIX avx512
#include "kernels/move/transpose_f32_tmpl.h"
