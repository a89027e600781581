/* SPDX-License-Identifier: Apache-2.0 */
/* Optimiser steps, the bodies of optim_tmpl.h compiled for avx2. */
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("O3")
#endif
#include "kernels/optim/optim_tmpl.h"

OPTIM_BODY(float, f32_avx2, sqrtf)
