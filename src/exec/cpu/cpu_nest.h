/* SPDX-License-Identifier: Apache-2.0 */
/* Loop nests: which elements of several operands belong together, as few loops as possible, cut into fixed chunks. */
#ifndef WHET_EXEC_CPU_NEST_H
#define WHET_EXEC_CPU_NEST_H

#include "exec/cpu/cpu.h"

#define NEST_OPERANDS 4
#define NEST_RANK 16
#define NEST_GRAIN 16384 /* elements a chunk has at least */
#define NEST_CHUNKS 64

typedef struct cpu_nest {
    int rank, operands; /* rank >= 1; the last loop is the inner one */
    int64_t size[NEST_RANK];
    int64_t stride[NEST_OPERANDS][NEST_RANK]; /* in elements */
    int64_t total;                            /* product of the sizes */
} cpu_nest;

/* Physical strides of an argument in logical dimension order. */
void cpu_strides(const whet_cpu_arg *a, int64_t *stride);
void cpu_nest_begin(cpu_nest *t, int operands);
/* Adds a loop inside the ones before; strides per operand. Loops of size 1 are dropped. */
void cpu_nest_loop(cpu_nest *t, int64_t size, const int64_t *stride);
/* Joins neighbouring loops that are one; call once, last. */
void cpu_nest_finish(cpu_nest *t);
/* Operand 0 is `out` in its physical order, the others are inputs broadcast to it (stride 0 where they have size 1). */
void cpu_nest_broadcast(cpu_nest *t, const whet_cpu_arg *out, int n_in, const whet_cpu_arg *const *in);

/* Calls row(arg, n, offset, stride) for inner rows: offset[operand] in elements, inner strides. Parallel over chunks. */
typedef void (*cpu_row_fn)(void *arg, int64_t n, const int64_t *offset, const int64_t *stride);
void cpu_nest_run(const cpu_nest *t, whet_team *team, cpu_row_fn row, void *arg);

/* Linear work over n elements in the same chunks. */
typedef void (*cpu_range_fn)(void *arg, int64_t begin, int64_t end);
void cpu_range_run(int64_t n, int64_t grain, whet_team *team, cpu_range_fn fn, void *arg);

#endif
