/* SPDX-License-Identifier: Apache-2.0 */
/* Which dimensions of its input a reduction takes together. */
#ifndef WHET_EXEC_CPU_REDUCE_H
#define WHET_EXEC_CPU_REDUCE_H

#include "exec/cpu/cpu.h"

/* Of a Reduce* node, into marked, which is all false: by its constant axes, all of them without any. Refuses others. */
whet_status whet_cpu_reduced_axes(whet_cpu_node *k, bool marked[WHET_MAX_RANK]);
/* Of whet.SumTo: those in which the target has size 1 or none. */
void whet_cpu_summed_axes(const whet_cpu_node *k, bool marked[WHET_MAX_RANK]);

#endif
