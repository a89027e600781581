/* SPDX-License-Identifier: Apache-2.0 */
/* Compute threads over OpenMP: shares libgomp's team with oneDNN, so that the two never fight for the cores. The only
 * file with a parallel pragma. Chunks are taken from counters of our own, which keeps both bodies alike and libgomp from
 * allocating a work share. */
#include <omp.h>

#include "base/mem.h"
#include "base/threads_common.h"

struct whet_team {
    int size;
    whet_job_range *ranges;
};

static void touch(void *arg, int chunk, int worker)
{
    (void)arg;
    (void)chunk;
    (void)worker;
}

whet_status whet_team_create(whet_team **out, int n_threads)
{
    whet_team *team = NULL;
    *out = NULL;
    if (n_threads > 4096) return WHET_FAIL(WHET_EINVAL, "%d threads asked for, at most 4096", n_threads);
    team = whet_calloc(1, sizeof *team);
    if (!team) return WHET_ENOMEM;
    team->size = n_threads > 0 ? n_threads : whet_cpu_count();
    team->ranges = whet_alloc_aligned((size_t)team->size * sizeof *team->ranges, 64);
    if (!team->ranges) {
        whet_team_free(team);
        return WHET_ENOMEM;
    }
    omp_set_dynamic(0);
    whet_parallel(team, team->size, touch, NULL); /* the threads start here and not in the first run */
    *out = team;
    return WHET_OK;
}

void whet_team_free(whet_team *team)
{
    if (!team) return;
    whet_free_aligned(team->ranges);
    whet_free(team);
}

int whet_team_size(const whet_team *team) { return team ? team->size : 1; }

void whet_team_use(const whet_team *team) { omp_set_num_threads(whet_team_size(team)); }

void whet_parallel(whet_team *team, int n_chunks, whet_parallel_fn fn, void *arg)
{
    whet_job job = {.n_ranges = whet_team_size(team), .ranges = team ? team->ranges : NULL};
    if (!team || team->size == 1 || n_chunks <= 1 || whet_threads_inside()) {
        whet_job_serial(team, n_chunks, fn, arg);
        return;
    }
    whet_job_open(&job, n_chunks, fn, arg);
#pragma omp parallel num_threads(team->size) default(none) shared(job)
    whet_job_work(&job, omp_get_thread_num());
}
