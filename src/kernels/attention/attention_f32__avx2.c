/* SPDX-License-Identifier: Apache-2.0 */
/* Attention kernels, the bodies of attention_f32_tmpl.h compiled for avx2. */
#define SUFFIX avx2
#define MOST_ROWS 6
#include "kernels/attention/attention_f32_tmpl.h"
