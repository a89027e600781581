/* SPDX-License-Identifier: Apache-2.0 */
/* Geometry of a whet.FusedAttention node. */
#ifndef WHET_EXEC_CPU_ATTENTION_H
#define WHET_EXEC_CPU_ATTENTION_H

#include "exec/cpu/cpu.h"

typedef struct whet_attention {
    int64_t n, heads, lq, lk, dim, value; /* dim of q and k, value of v */
    int64_t q_row, k_row, v_row;          /* elements from position to position */
    int64_t q_offset, k_offset, v_offset; /* of the first head in a row */
    float scale;
    bool masked;
    int64_t mask[4];                      /* element steps over image, head, query, key; 0: broadcast */
} whet_attention;
whet_status whet_attention_read(whet_cpu_node *k, whet_attention *s);

#endif
