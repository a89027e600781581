/* SPDX-License-Identifier: Apache-2.0 */
/* The pools in plain C: the definition. */
#include "kernels/pool/pool.h"

#define T float
#define ACC double
#define FN(x) whet_pool_##x##_f32_ref
#include "kernels/pool/pool_tmpl.h"
#define T double
#define ACC double
#define FN(x) whet_pool_##x##_f64_ref
#include "kernels/pool/pool_tmpl.h"
#define T int8_t
#define IS_NAN(v) 0
#define ACC double
#define FN(x) whet_pool_##x##_s8_ref
#include "kernels/pool/pool_tmpl.h"
#define T uint8_t
#define IS_NAN(v) 0
#define ACC double
#define FN(x) whet_pool_##x##_u8_ref
#include "kernels/pool/pool_tmpl.h"
