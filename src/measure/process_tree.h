/* SPDX-License-Identifier: Apache-2.0 */
/* What a worker has started: a runtime may compute, and take memory, in processes of its own. */
#ifndef WHET_MEASURE_PROCESS_TREE_H
#define WHET_MEASURE_PROCESS_TREE_H

#include <stdint.h>
#include <sys/types.h>

/* Numbers of this user's processes below `root`, at most `cap`. A worker is the parent of those that have lost theirs, so that
 * they are among them. Takes some microseconds for every process of the machine. */
int whet_descendants(pid_t root, pid_t *pids, int cap);
/* Bytes of memory that they hold: private memory of all, and the shared memory of the one that has most of it. */
uint64_t whet_memory_held(const pid_t *pids, int n);

#endif
