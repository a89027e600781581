/* SPDX-License-Identifier: Apache-2.0 */
/* Layer normalisation, the bodies of layer_norm_f32_tmpl.h compiled for avx2. */
#define SUFFIX avx2
#include "kernels/norm/layer_norm_f32_tmpl.h"
