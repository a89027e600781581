/* SPDX-License-Identifier: Apache-2.0 */
/* Reductions, the bodies of reduce_f32_tmpl.h compiled for avx2. */
#define SUFFIX avx2
#include "kernels/reduce/reduce_f32_tmpl.h"
