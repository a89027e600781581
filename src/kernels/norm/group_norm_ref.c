/* SPDX-License-Identifier: Apache-2.0 */
/* Run-wise normalisations and local response normalisation in plain C. */
#include "kernels/norm/group_norm.h"

#include <math.h>

#define T float
#define FN(x) whet_##x##_f32_ref
#include "kernels/norm/group_norm_tmpl.h"
#undef T
#undef FN
#define T double
#define FN(x) whet_##x##_f64_ref
#include "kernels/norm/group_norm_tmpl.h"
