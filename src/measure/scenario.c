/* SPDX-License-Identifier: Apache-2.0 */
/* One driver thread per stream, the caller's own being the first. Closed scenarios count queries with an atomic number; open
 * ones take the next arrival from the schedule and sleep until it is due, so that a query waits only if all streams are busy.
 * Definitions: MLPerf Inference LoadGen; arrivals by inverse transform of uniform numbers. */
#include "measure/scenario.h"

#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/rng.h"
#include "stats/stats.h"

enum { ARRIVALS = 7000 };

static const struct { const char *name, *text; } kinds[] = {
    [WHET_SCENARIO_SINGLE] = {"single", "one stream; the next query starts when the last is done (LoadGen SingleStream, figure: p90 latency)"},
    [WHET_SCENARIO_MULTI] = {"multi", "a query is one sample for each stream, started together, done with the last of them; then the next "
                                      "starts (LoadGen MultiStream, figure: p99 latency)"},
    [WHET_SCENARIO_OFFLINE] = {"offline", "all samples are there from the start, each stream takes the next (LoadGen Offline, figure: samples per second)"},
    [WHET_SCENARIO_SERVER] = {"server", "single samples arrive as a Poisson process, the latency runs from the arrival (LoadGen Server, figure: p99 latency at the rate)"},
    [WHET_SCENARIO_PACED] = {"paced", "frames arrive at a fixed rate; late is what is not done when the next one arrives"}};

const char *whet_scenario_name(whet_scenario s) { return kinds[s].name; }
const char *whet_scenario_text(whet_scenario s) { return kinds[s].text; }
int whet_scenario_open(whet_scenario s) { return s == WHET_SCENARIO_SERVER || s == WHET_SCENARIO_PACED; }

whet_status whet_scenario_parse(whet_scenario *out, const char *name)
{
    for (size_t i = 0; i < WHET_COUNT(kinds); i++)
        if (strcmp(kinds[i].name, name) == 0) {
            *out = (whet_scenario)i;
            return WHET_OK;
        }
    return WHET_FAIL(WHET_EINVAL, "scenario '%s' must be single, multi, offline or server", name);
}

/* A server is judged by its p99. Too few samples for it decide nothing, nor do those of a side that left the slowest undone. */
void whet_scenario_judged(whet_judged *out, whet_scenario s, size_t n, int64_t undone)
{
    const size_t need = whet_percentile_need(0.99);
    *out = (whet_judged){.figure = s == WHET_SCENARIO_MULTI || s == WHET_SCENARIO_OFFLINE ? "wall time per sample" : "p50", .p = 0.5};
    if (s == WHET_SCENARIO_PACED) snprintf(out->by, sizeof out->by, "by the median latency, lateness apart: ");
    if (s != WHET_SCENARIO_SERVER) return;
    out->unknown = undone > 0 || n < need;
    if (undone > 0)
        snprintf(out->by, sizeof out->by, "p99 n/a (a side cannot keep up with the arrivals); by the median latency: ");
    else if (n < need)
        snprintf(out->by, sizeof out->by, "p99 n/a (n=%zu, %zu are needed); by the median latency: ", n, need);
    else
        *out = (whet_judged){.figure = "p99", .p = 0.99, .by = "by the p99 latency at the rate: "};
}

/* --- the real clock */
static uint64_t real_now(void *arg)
{
    (void)arg;
    return whet_now_ns();
}

static void real_until(void *arg, uint64_t ns)
{
    const struct timespec at = {.tv_sec = (time_t)(ns / 1000000000u), .tv_nsec = (long)(ns % 1000000000u)};
    (void)arg;
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL) == EINTR) {
    }
}

const whet_scenario_clock whet_scenario_real_clock = {real_now, real_until, NULL};

/* --- arrivals */
whet_status whet_scenario_arrivals(const whet_scenario_plan *p, uint64_t **out, int64_t *n)
{
    *out = NULL;
    *n = 0;
    if (!(p->rate > 0) || !isfinite(p->rate)) return WHET_FAIL(WHET_EINVAL, "the rate of arrivals must be a positive number");
    const double most = fmax((double)p->runs, (double)p->ns / 1e9 * p->rate * 2 + 100); /* twice what is expected, and more */
    if (most > WHET_SCENARIO_MAX_QUERIES) return WHET_FAIL(WHET_EINVAL, "%.0f arrivals a second for so long are over the %d that are kept", p->rate, WHET_SCENARIO_MAX_QUERIES);
    uint64_t *at = whet_calloc((size_t)most, sizeof *at);
    if (at == NULL) return WHET_ENOMEM;
    whet_rng r = whet_rng_at(p->seed, ARRIVALS + p->part);
    double t = 0;
    int64_t k = 0;
    while (k < (int64_t)most && (k < p->runs || t < (double)p->ns)) {
        const double gap = p->kind == WHET_SCENARIO_SERVER ? -log1p(-whet_rng_uniform(&r)) : k > 0 ? 1 : 0;
        t += gap / p->rate * 1e9;
        at[k++] = (uint64_t)llround(t);
    }
    *out = at;
    *n = k;
    return WHET_OK;
}

/* --- streams */
typedef struct job {
    const whet_scenario_plan *p;
    const whet_scenario_clock *clock;
    whet_scenario_fn fn;
    whet_scenario_enter_fn enter;
    void *arg;
    uint64_t t0;
    const uint64_t *arrivals;
    int64_t planned;
    uint64_t *latency; /* + 1; 0: not finished */
    uint64_t last[WHET_SCENARIO_MAX_STREAMS]; /* end of each stream's last sample */
    atomic_llong next;
    atomic_bool stop, failed;
    pthread_barrier_t meet;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    int go; /* 1: all streams are there; -1: they never will be */
    whet_status status;
    char why[400];
} job;

typedef struct seat { job *j; int stream; } seat;

static void give_up(job *j, whet_status status)
{
    pthread_mutex_lock(&j->lock);
    if (j->status == WHET_OK) {
        j->status = status;
        snprintf(j->why, sizeof j->why, "%s", whet_error_last()->text); /* errors are per thread */
    }
    pthread_mutex_unlock(&j->lock);
    atomic_store(&j->failed, true);
    if (j->p->kind != WHET_SCENARIO_MULTI) atomic_store(&j->stop, true); /* there the first stream alone ends it, where all meet */
}

static uint64_t now(const job *j) { return j->clock->now(j->clock->arg); }

static bool past_limit(const job *j, uint64_t t) { return j->p->limit_ns > 0 && t - j->t0 > j->p->limit_ns; }

/* Runs sample q and notes its end; false: stop. */
static bool one(job *j, int stream, int64_t q, uint64_t from)
{
    const whet_status status = j->fn(j->arg, stream, q);
    const uint64_t end = now(j);
    j->last[stream] = end;
    if (status != WHET_OK) {
        give_up(j, status);
        return false;
    }
    j->latency[q] = end - from + 1;
    return true;
}

static void drive_open(job *j, int stream)
{
    while (!atomic_load(&j->stop)) {
        const int64_t q = atomic_fetch_add(&j->next, 1);
        if (q >= j->planned) return;
        const uint64_t due = j->t0 + j->arrivals[q];
        j->clock->until(j->clock->arg, due);
        if (past_limit(j, now(j)) || !one(j, stream, q, due)) return;
    }
}

static void drive_closed(job *j, int stream)
{
    while (!atomic_load(&j->stop)) {
        const int64_t q = atomic_fetch_add(&j->next, 1);
        const uint64_t start = now(j);
        const bool enough = q >= j->p->runs && start - j->t0 >= j->p->ns;
        if (enough || q >= WHET_SCENARIO_MAX_QUERIES || past_limit(j, start) || !one(j, stream, q, start)) return;
    }
}

/* All streams meet before and after each query; the first one decides whether there is another. */
static void drive_together(job *j, int stream)
{
    const int n = j->p->streams;
    for (int64_t q = 0;; q++) {
        const uint64_t start = now(j);
        if (stream == 0) {
            const bool enough = q >= j->p->runs && start - j->t0 >= j->p->ns;
            if (enough || q >= WHET_SCENARIO_MAX_QUERIES || past_limit(j, start)) atomic_store(&j->stop, true);
        }
        pthread_barrier_wait(&j->meet);
        if (atomic_load(&j->stop)) return;
        const uint64_t from = now(j);
        const whet_status status = j->fn(j->arg, stream, q * n + stream);
        j->last[stream] = now(j);
        if (status != WHET_OK) give_up(j, status);
        pthread_barrier_wait(&j->meet);
        if (atomic_load(&j->failed)) return; /* not `stop`: the first stream may be in its next turn already */
        if (stream != 0) continue;
        uint64_t end = 0;
        for (int i = 0; i < n; i++) end = WHET_MAX(end, j->last[i]);
        j->latency[q] = end - WHET_MIN(from, end) + 1;
        atomic_store(&j->next, q + 1);
    }
}

static void *drive(void *arg)
{
    const seat *s = arg;
    job *j = s->j;
    pthread_mutex_lock(&j->lock);
    while (j->go == 0) pthread_cond_wait(&j->changed, &j->lock);
    const bool go = j->go > 0;
    pthread_mutex_unlock(&j->lock);
    if (!go) return NULL;
    prctl(PR_SET_TIMERSLACK, 1UL); /* wake when it is due, not up to 50 us later */
    if (j->enter != NULL) j->enter(j->arg, s->stream);
    if (whet_scenario_open(j->p->kind))
        drive_open(j, s->stream);
    else if (j->p->kind == WHET_SCENARIO_MULTI)
        drive_together(j, s->stream);
    else
        drive_closed(j, s->stream);
    return NULL;
}

static whet_status drive_all(job *j)
{
    pthread_t threads[WHET_SCENARIO_MAX_STREAMS];
    seat seats[WHET_SCENARIO_MAX_STREAMS];
    const int n = j->p->streams;
    int started = 1;
    if (pthread_barrier_init(&j->meet, NULL, (unsigned)n) != 0) return WHET_FAIL(WHET_ENOMEM, "no barrier for %d streams", n);
    for (int i = 0; i < n; i++) seats[i] = (seat){j, i};
    while (started < n && pthread_create(&threads[started], NULL, drive, &seats[started]) == 0) started++;
    pthread_mutex_lock(&j->lock);
    j->go = started == n ? 1 : -1;
    j->t0 = now(j);
    pthread_cond_broadcast(&j->changed);
    pthread_mutex_unlock(&j->lock);
    drive(&seats[0]);
    for (int i = 1; i < started; i++) pthread_join(threads[i], NULL);
    pthread_barrier_destroy(&j->meet);
    return started == n ? WHET_OK : WHET_FAIL(WHET_ENOMEM, "thread %d of %d could not be started", started + 1, n);
}

static void gather(job *j, whet_scenario_result *out)
{
    const int64_t room = whet_scenario_open(j->p->kind) ? j->planned : WHET_SCENARIO_MAX_QUERIES, taken = atomic_load(&j->next);
    uint64_t end = j->t0;
    for (int i = 0; i < j->p->streams; i++) end = WHET_MAX(end, j->last[i]);
    for (int64_t q = 0; q < WHET_MIN(room, taken); q++)
        if (j->latency[q] > 0) j->latency[out->n++] = j->latency[q] - 1;
    out->samples = out->n * (j->p->kind == WHET_SCENARIO_MULTI ? j->p->streams : 1);
    out->planned = whet_scenario_open(j->p->kind) ? j->planned : out->n;
    out->wall_ns = end - j->t0;
    out->latency = j->latency;
}

whet_status whet_scenario_run(const whet_scenario_plan *p, const whet_scenario_clock *clock, whet_scenario_fn fn, whet_scenario_enter_fn enter,
                              void *arg, whet_scenario_result *out)
{
    uint64_t *arrivals = NULL;
    whet_status status = WHET_OK;
    memset(out, 0, sizeof *out);
    job *j = whet_calloc(1, sizeof *j);
    if (j == NULL) return WHET_ENOMEM;
    *j = (job){.p = p, .clock = clock, .fn = fn, .enter = enter, .arg = arg, .status = WHET_OK};
    pthread_mutex_init(&j->lock, NULL);
    pthread_cond_init(&j->changed, NULL);
    if (p->streams < 1 || p->streams > WHET_SCENARIO_MAX_STREAMS)
        WHET_GOTO(WHET_FAIL(WHET_EINVAL, "%d streams; allowed is 1 to %d", p->streams, WHET_SCENARIO_MAX_STREAMS));
    if (p->runs > WHET_SCENARIO_MAX_QUERIES) WHET_GOTO(WHET_FAIL(WHET_EINVAL, "over %d queries", WHET_SCENARIO_MAX_QUERIES));
    if (whet_scenario_open(p->kind)) WHET_GOTO(whet_scenario_arrivals(p, &arrivals, &j->planned));
    const size_t room = whet_scenario_open(p->kind) ? (size_t)j->planned : WHET_SCENARIO_MAX_QUERIES;
    j->arrivals = arrivals;
    j->latency = whet_calloc(room, sizeof *j->latency);
    if (j->latency == NULL) WHET_GOTO(WHET_ENOMEM);
    WHET_GOTO(drive_all(j));
    if (j->status != WHET_OK) WHET_GOTO(WHET_FAIL(j->status, "%s", j->why));
    gather(j, out);
    j->latency = NULL;
done:
    pthread_cond_destroy(&j->changed);
    pthread_mutex_destroy(&j->lock);
    whet_free(j->latency);
    whet_free(j);
    whet_free(arrivals);
    return status;
}

void whet_scenario_result_dispose(whet_scenario_result *r)
{
    whet_free(r->latency);
    r->latency = NULL;
}
