/* SPDX-License-Identifier: Apache-2.0 */
/* What both bodies of threads.h share: the chunk loop with its floating-point mode, and the nesting mark. */
#ifndef WHET_BASE_THREADS_COMMON_H
#define WHET_BASE_THREADS_COMMON_H

#include <stdatomic.h>
#include <stdbool.h>

#include "base/threads.h"

typedef struct whet_job {
    whet_parallel_fn fn;
    void *arg;
    int n_chunks;
    _Atomic int next; /* first chunk nobody has taken */
} whet_job;

bool whet_threads_inside(void); /* the calling thread is running a chunk */
/* Takes chunks until none is left. Denormals are flushed meanwhile, whichever thread it is, so that a chunk gives the
 * same bits everywhere; the caller's mode comes back afterwards. */
void whet_job_work(whet_job *job, int worker);
void whet_job_serial(const whet_team *team, int n_chunks, whet_parallel_fn fn, void *arg);

#endif
