/* SPDX-License-Identifier: Apache-2.0 */
/* Compute threads over POSIX threads: workers spin a little for the next job, then sleep. A worker takes part only if it
 * comes while the job is open; the caller waits for nobody who holds no chunk, so on a busy machine a thread that lost its
 * core costs nothing (an OpenMP region waits for all: four times slower there). Gives the same chunks as threads_omp.c. */
#include <pthread.h>
#include <sched.h>

#include "base/mem.h"
#include "base/threads_common.h"

#if defined(__x86_64__)
#include <immintrin.h>
#define RELAX() _mm_pause()
#elif defined(__aarch64__)
#define RELAX() __asm__ volatile("yield")
#else
#define RELAX() ((void)0)
#endif

enum {
    SPINS = 4000,    /* some tens of microseconds: longer than the gap between two operators */
    CLOSED = 1 << 30 /* in gate: nobody may join any more */
};

struct whet_team {
    int size, started;
    whet_job job;
    _Atomic unsigned epoch;   /* one more for each job */
    _Atomic int gate;         /* workers inside the job, and CLOSED */
    _Atomic int sleepers;
    atomic_bool stop;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    pthread_t *threads;
    struct seat { whet_team *team; int worker; } *seats;
};

static unsigned wait_for_epoch(whet_team *team, unsigned old)
{
    unsigned now = old;
    for (int i = 0; i < SPINS; i++) {
        now = atomic_load_explicit(&team->epoch, memory_order_acquire);
        if (now != old) return now;
        RELAX();
    }
    pthread_mutex_lock(&team->lock);
    atomic_fetch_add(&team->sleepers, 1);
    while ((now = atomic_load(&team->epoch)) == old) pthread_cond_wait(&team->wake, &team->lock);
    atomic_fetch_sub(&team->sleepers, 1);
    pthread_mutex_unlock(&team->lock);
    return now;
}

/* The job's fields do not change while somebody is inside. */
static bool enter(whet_team *team)
{
    int gate = atomic_load(&team->gate);
    do {
        if (gate & CLOSED) return false;
    } while (!atomic_compare_exchange_weak(&team->gate, &gate, gate + 1));
    return true;
}

static void *work(void *arg)
{
    const struct seat *seat = arg;
    whet_team *team = seat->team;
    unsigned epoch = 0;
    for (;;) {
        epoch = wait_for_epoch(team, epoch);
        if (atomic_load(&team->stop)) break;
        if (!enter(team)) continue;
        whet_job_work(&team->job, seat->worker);
        atomic_fetch_sub(&team->gate, 1);
    }
    return NULL;
}

static void next_epoch(whet_team *team)
{
    atomic_fetch_add(&team->epoch, 1);
    if (atomic_load(&team->sleepers) > 0) {
        pthread_mutex_lock(&team->lock);
        pthread_cond_broadcast(&team->wake);
        pthread_mutex_unlock(&team->lock);
    }
}

whet_status whet_team_create(whet_team **out, int n_threads)
{
    whet_team *team = NULL;
    *out = NULL;
    if (n_threads > 4096) return WHET_FAIL(WHET_EINVAL, "%d threads asked for, at most 4096", n_threads);
    if (n_threads <= 0) n_threads = whet_cpu_count();
    team = whet_calloc(1, sizeof *team);
    if (!team) return WHET_ENOMEM;
    team->size = n_threads;
    atomic_store(&team->gate, CLOSED);
    pthread_mutex_init(&team->lock, NULL);
    pthread_cond_init(&team->wake, NULL);
    team->threads = whet_calloc((size_t)n_threads, sizeof *team->threads);
    team->seats = whet_calloc((size_t)n_threads, sizeof *team->seats);
    team->job.n_ranges = n_threads;
    team->job.ranges = whet_alloc_aligned((size_t)n_threads * sizeof *team->job.ranges, 64);
    if (!team->threads || !team->seats || !team->job.ranges) {
        whet_team_free(team);
        return WHET_ENOMEM;
    }
    for (int i = 1; i < n_threads; i++) {
        team->seats[i] = (struct seat){team, i};
        if (pthread_create(&team->threads[i], NULL, work, &team->seats[i]) != 0) {
            whet_team_free(team);
            return WHET_FAIL(WHET_EIO, "cannot start compute thread %d of %d", i, n_threads);
        }
        team->started++;
    }
    *out = team;
    return WHET_OK;
}

void whet_team_free(whet_team *team)
{
    if (!team) return;
    atomic_store(&team->stop, true);
    next_epoch(team);
    for (int i = 1; i <= team->started; i++) pthread_join(team->threads[i], NULL);
    pthread_cond_destroy(&team->wake);
    pthread_mutex_destroy(&team->lock);
    whet_free(team->threads);
    whet_free(team->seats);
    whet_free_aligned(team->job.ranges);
    whet_free(team);
}

int whet_team_size(const whet_team *team) { return team ? team->size : 1; }

/* oneDNN brings libgomp along; without it there is nobody to tell. */
extern void omp_set_num_threads(int n) __attribute__((weak));

void whet_team_use(const whet_team *team)
{
    if (omp_set_num_threads) omp_set_num_threads(whet_team_size(team));
}

void whet_parallel(whet_team *team, int n_chunks, whet_parallel_fn fn, void *arg)
{
    int spins = 0;
    if (!team || team->size == 1 || n_chunks <= 1 || whet_threads_inside()) {
        whet_job_serial(team, n_chunks, fn, arg);
        return;
    }
    whet_job_open(&team->job, n_chunks, fn, arg);
    atomic_store(&team->gate, 0);
    next_epoch(team);
    whet_job_work(&team->job, 0);
    atomic_fetch_or(&team->gate, CLOSED);
    while (atomic_load(&team->gate) != CLOSED) {
        if (++spins < SPINS) RELAX();
        else sched_yield(); /* a worker lost its core: do not keep it from coming back */
    }
}
