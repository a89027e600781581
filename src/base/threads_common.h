/* SPDX-License-Identifier: Apache-2.0 */
/* What both bodies of threads.h share: the chunk loop with its floating-point mode, and the nesting mark. */
#ifndef WHET_BASE_THREADS_COMMON_H
#define WHET_BASE_THREADS_COMMON_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/threads.h"

typedef struct whet_job_range {
    _Alignas(64) _Atomic uint64_t left; /* first chunk that nobody has taken | end << 32 */
} whet_job_range;

typedef struct whet_job {
    whet_parallel_fn fn;
    void *arg;
    int n_chunks, n_ranges;
    whet_job_range *ranges; /* one a worker */
} whet_job;

bool whet_threads_inside(void); /* the calling thread is running a chunk */
/* Cuts the chunks into one range of neighbours a worker. Every job of a run hands the same part of its arrays to the same
 * worker, which finds in its own cache what it wrote a moment ago. */
void whet_job_open(whet_job *job, int n_chunks, whet_parallel_fn fn, void *arg);
/* Takes chunks until none is left: the own range from the front, then the others' from the back. Denormals are flushed meanwhile, whichever thread it is, so that a chunk gives the
 * same bits everywhere; the caller's mode comes back afterwards. */
void whet_job_work(whet_job *job, int worker);
void whet_job_serial(const whet_team *team, int n_chunks, whet_parallel_fn fn, void *arg);

#endif
