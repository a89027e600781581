/* SPDX-License-Identifier: Apache-2.0 */
/* Batch normalisation in plain C: the definition. */
#include "kernels/norm/batch_norm.h"

#define T float
#define MASK_OF_T int32_t
#define FN(x) whet_bn_##x##_f32_ref
#include "kernels/norm/batch_norm_tmpl.h"
#define T double
#define T_IS_DOUBLE
#define MASK_OF_T int64_t
#define FN(x) whet_bn_##x##_f64_ref
#include "kernels/norm/batch_norm_tmpl.h"
