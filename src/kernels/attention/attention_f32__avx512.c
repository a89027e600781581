/* SPDX-License-Identifier: Apache-2.0 */
/* Attention kernels, the bodies of attention_f32_tmpl.h compiled for avx512. */
#define SUFFIX avx512
#define MOST_ROWS 14
#include "kernels/attention/attention_f32_tmpl.h"
