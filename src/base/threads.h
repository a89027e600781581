/* SPDX-License-Identifier: Apache-2.0 */
/* The only interface to compute threads. Two bodies give the same chunks: threads_pool.c (the default) and
 * threads_omp.c (-DWHET_THREADS=omp: shares libgomp's team with oneDNN).
 *
 * Chunks are cut by the caller at points fixed by the shape, never by the number of threads, so results have the same
 * bits for any team size. Each worker starts with a range of neighbouring chunks of its own and then helps the others;
 * fn must not depend on which thread runs which chunk.
 * whet_parallel called from inside fn runs its chunks one after the other on the calling thread. */
#ifndef WHET_BASE_THREADS_H
#define WHET_BASE_THREADS_H

#include "base/status.h"

typedef struct whet_team whet_team;

/* n_threads <= 0: the CPUs allowed by affinity and cgroup quota, at most the physical cores. */
whet_status whet_team_create(whet_team **out, int n_threads);
void whet_team_free(whet_team *team); /* accepts NULL */
int whet_team_size(const whet_team *team); /* 1 for NULL */

/* Runs fn(arg, chunk, worker) for chunk = 0 .. n_chunks-1; 0 <= worker < whet_team_size(team). Returns when all are
 * done. team NULL: in order on the calling thread. Does not allocate. One caller at a time per team. */
typedef void (*whet_parallel_fn)(void *arg, int chunk, int worker);
void whet_parallel(whet_team *team, int n_chunks, whet_parallel_fn fn, void *arg);

/* For libraries that share the threads' run time (oneDNN over OpenMP): what they do from now on, called by this thread,
 * takes as many threads as the team has. Does nothing where there is no such library. */
void whet_team_use(const whet_team *team);

/* CPUs usable by this process: affinity mask, cgroup quota (rounded up) and physical cores, whichever is least. */
int whet_cpu_count(void);

#endif
