/* SPDX-License-Identifier: Apache-2.0 */
/* What the reference and the vector rows of one-tensor operators share. */
#ifndef WHET_EXEC_CPU_UNARY_H
#define WHET_EXEC_CPU_UNARY_H

#include "exec/cpu/cpu.h"

/* The first two float (or flag) attributes of `op` in table order, values from node n. */
void cpu_unary_parameters(const whet_node *n, const whet_op *op, float *par);

#endif
