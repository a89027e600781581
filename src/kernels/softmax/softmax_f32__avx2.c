/* SPDX-License-Identifier: Apache-2.0 */
/* Softmax, the bodies of softmax_f32_tmpl.h compiled for avx2. */
#define SUFFIX avx2
#include "kernels/softmax/softmax_f32_tmpl.h"
