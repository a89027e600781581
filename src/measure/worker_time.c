/* SPDX-License-Identifier: Apache-2.0 */
/* Timing inside the worker: warm-up by count and time, blocks of timed runs with the CPU time of every thread around them and
 * a peak probe before and after. Only run() stands between the two looks at the clock; the next sample is copied in before. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "backend/external.h"
#include "base/clock.h"
#include "base/mem.h"
#include "measure/worker.h"
#include "stats/stats.h"

enum { MAX_RUNS = 1 << 21, MAX_THREADS = 512, WARM_LIMIT = 5 };

/* --- the machine's speed right now: a fixed chain of multiply-adds, eight at a time; iterations per ns */
static double peak_probe(void)
{
    enum { ITERATIONS = 40000, LANES = 8 };
    volatile float sink = 0;
    float x[LANES];
    for (int i = 0; i < LANES; i++) x[i] = 0.5f + (float)i;
    const uint64_t t0 = whet_now_ns();
    for (int k = 0; k < ITERATIONS; k++)
        for (int i = 0; i < LANES; i++) x[i] = x[i] * 0.999f + 0.001f;
    const uint64_t t1 = whet_now_ns();
    for (int i = 0; i < LANES; i++) sink = sink + x[i];
    return t1 > t0 ? (double)ITERATIONS * LANES / (double)(t1 - t0) : 0;
}

/* Cost of one pair of looks at the clock: the least of many. */
static uint64_t clock_cost(void)
{
    uint64_t best = UINT64_MAX;
    for (int i = 0; i < 1000; i++) {
        const uint64_t t0 = whet_now_ns(), t1 = whet_now_ns();
        if (t1 > t0 && t1 - t0 < best) best = t1 - t0;
    }
    return best != UINT64_MAX ? best : 1;
}

/* --- CPU time per thread: Linux gives every thread of the process a clock whose id is made of its number. */
typedef struct thread_times {
    int n, tid[MAX_THREADS];
    uint64_t ns[MAX_THREADS], process_ns; /* of this process */
    int n_pids;
    pid_t pids[WHET_WORKER_MAX_PROGRAMS];
    uint64_t whole[WHET_WORKER_MAX_PROGRAMS]; /* of each of those */
} thread_times;

static uint64_t clock_ns(clockid_t id)
{
    struct timespec ts;
    if (clock_gettime(id, &ts) != 0) return 0;
    return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static uint64_t thread_ns(int tid)
{
    return clock_ns((clockid_t)((~(unsigned)tid << 3) | 6u)); /* CPUCLOCK_PERTHREAD | CPUCLOCK_SCHED */
}

/* Of another process no thread's clock can be read: the first number of its schedstat is the time that it ran. */
static uint64_t foreign_ns(const char *tasks, int tid)
{
    char path[96];
    unsigned long long ns = 0;
    snprintf(path, sizeof path, "%s/%d/schedstat", tasks, tid);
    FILE *f = fopen(path, "r");
    if (f != NULL && fscanf(f, "%llu", &ns) != 1) ns = 0;
    if (f != NULL) fclose(f);
    return ns;
}

static void add_threads(thread_times *t, const char *tasks, bool own)
{
    DIR *d = opendir(tasks);
    for (struct dirent *e = d != NULL ? readdir(d) : NULL; e != NULL && t->n < MAX_THREADS; e = readdir(d)) {
        const int tid = atoi(e->d_name);
        if (tid <= 0) continue;
        t->tid[t->n] = tid;
        t->ns[t->n++] = own ? thread_ns(tid) : foreign_ns(tasks, tid);
    }
    if (d != NULL) closedir(d);
}

/* Processes that the runtime has started: their time is its own. With a program behind exec: this process passes messages only. */
static void find_helpers(thread_times *t)
{
    t->n_pids = whet_worker_helpers(t->pids, WHET_WORKER_MAX_PROGRAMS);
}

static void add_helper(thread_times *t, int i)
{
    char tasks[48];
    clockid_t whole;
    t->whole[i] = clock_getcpuclockid(t->pids[i], &whole) == 0 ? clock_ns(whole) : 0;
    snprintf(tasks, sizeof tasks, "/proc/%d/task", (int)t->pids[i]);
    add_threads(t, tasks, false);
}

static void look_at_threads(thread_times *t)
{
    int program = 0;
    const bool own = whet_backend_external_processes(&program, 1) == 0;
    t->n = 0;
    t->process_ns = own ? clock_ns(CLOCK_PROCESS_CPUTIME_ID) : 0; /* threads that have ended in between are in it */
    if (own) add_threads(t, "/proc/self/task", true);
    for (int i = 0; i < t->n_pids; i++) add_helper(t, i);
}

/* The same processes as before, at once; then those that were started in between. */
static void look_again(thread_times *t, const thread_times *before)
{
    t->n_pids = before->n_pids;
    memcpy(t->pids, before->pids, sizeof t->pids);
    look_at_threads(t);
    pid_t now[WHET_WORKER_MAX_PROGRAMS];
    const int n = whet_worker_helpers(now, WHET_WORKER_MAX_PROGRAMS);
    for (int i = 0; i < n; i++) {
        bool known = t->n_pids == WHET_WORKER_MAX_PROGRAMS;
        for (int k = 0; k < t->n_pids && !known; k++) known = t->pids[k] == now[i];
        if (known) continue;
        t->pids[t->n_pids] = now[i];
        add_helper(t, t->n_pids++);
    }
}

/* CPU time between two looks; of a process that has ended what it took is not known any more. */
static uint64_t cpu_between(const thread_times *before, const thread_times *after)
{
    uint64_t ns = after->process_ns - before->process_ns;
    for (int i = 0; i < after->n_pids; i++) {
        const uint64_t was = i < before->n_pids ? before->whole[i] : 0;
        if (after->whole[i] > was) ns += after->whole[i] - was;
    }
    return ns;
}

static json_t *spent(const thread_times *before, const thread_times *after)
{
    json_t *list = json_array();
    for (int i = 0; i < after->n; i++) {
        uint64_t was = 0;
        for (int j = 0; j < before->n; j++)
            if (before->tid[j] == after->tid[i]) was = before->ns[j];
        json_array_append_new(list, json_integer((json_int_t)(after->ns[i] - was)));
    }
    return list;
}

struct whet_worker_cpu { thread_times before, after; uint64_t t0; double probe; };

whet_status whet_worker_cpu_start(whet_worker_cpu **out)
{
    whet_worker_cpu *c = *out = whet_calloc(1, sizeof *c);
    if (c == NULL) return WHET_ENOMEM;
    c->probe = peak_probe();
    find_helpers(&c->before);
    look_at_threads(&c->before);
    c->t0 = whet_now_ns();
    return WHET_OK;
}

void whet_worker_cpu_stop(whet_worker_cpu *c, json_t *reply)
{
    const uint64_t wall = whet_now_ns() - c->t0;
    look_again(&c->after, &c->before);
    const double probe = peak_probe();
    json_object_set_new(reply, "wall_ns", json_integer((json_int_t)wall));
    json_object_set_new(reply, "threads_ns", spent(&c->before, &c->after));
    json_object_set_new(reply, "cpu_ns", json_integer((json_int_t)cpu_between(&c->before, &c->after)));
    json_object_set_new(reply, "probe", json_real(WHET_MIN(probe, c->probe)));
}

void whet_worker_cpu_free(whet_worker_cpu *c)
{
    whet_free(c);
}

/* --- warm-up */
static double window_median(uint64_t *ns, int n, double *scratch)
{
    for (int i = 0; i < n; i++) scratch[i] = (double)ns[i];
    whet_sort_doubles(scratch, (size_t)n);
    return whet_percentile(scratch, (size_t)n, 0.5);
}

/* At least `runs` and `ns`; then on while the last window is faster than the one before, up to 5 times as long. */
whet_status whet_worker_warm(whet_worker_state *w, const json_t *q, json_t *reply)
{
    const json_int_t runs = json_integer_value(json_object_get(q, "runs")), least = json_integer_value(json_object_get(q, "ns"));
    enum { WINDOW = 16384 };
    uint64_t *ns = whet_calloc(WINDOW, sizeof *ns);
    double *scratch = whet_calloc(WINDOW, sizeof *scratch), windows[2] = {0, 0}; /* the last two */
    whet_status status = WHET_OK;
    int n = 0, in_window = 0, n_windows = 0;
    bool falling = false;
    uint64_t total = 0, in_window_ns = 0;
    const double probe = peak_probe(); /* the lesser of two far apart counts, as in a block */
    if (ns == NULL || scratch == NULL) WHET_GOTO(WHET_ENOMEM);
    for (;;) {
        whet_worker_put_sample(w, n % w->n_samples);
        const uint64_t t0 = whet_now_ns();
        WHET_GOTO(whet_worker_run_once(w));
        const uint64_t took = whet_now_ns() - t0;
        ns[in_window++] = took;
        in_window_ns += took;
        total += took;
        n++;
        if ((in_window >= 5 && in_window_ns >= (uint64_t)least / 5) || in_window == WINDOW) {
            windows[0] = windows[1];
            windows[1] = window_median(ns, in_window, scratch);
            n_windows++;
            in_window = 0;
            in_window_ns = 0;
        }
        const bool enough = n >= runs && total >= (uint64_t)least;
        falling = n_windows >= 2 && whet_windows_fall(windows, 2);
        if (enough && (!falling || total >= WARM_LIMIT * (uint64_t)least)) break;
    }
    const double median = n_windows > 0 ? windows[1] : window_median(ns, in_window, scratch);
    json_object_set_new(reply, "runs", json_integer(n));
    json_object_set_new(reply, "total_ns", json_integer((json_int_t)total));
    json_object_set_new(reply, "median_ns", json_real(median));
    json_object_set_new(reply, "clock_ns", json_integer((json_int_t)clock_cost()));
    const double probe_after = peak_probe();
    json_object_set_new(reply, "probe", json_real(WHET_MIN(probe, probe_after))); /* so that the first blocks have one to be held against */
    json_object_set_new(reply, "falling", json_boolean(falling));
done:
    whet_free(ns);
    whet_free(scratch);
    return status;
}

/* --- blocks */
typedef struct block_plan { json_int_t runs, ns, warm, start, group; } block_plan;

/* times[] holds one number per sample: the mean of `group` runs where a run is too short for the clock. */
static whet_status timed_runs(whet_worker_state *w, const block_plan *p, uint64_t *times, int *count, json_t *reply)
{
    uint64_t total = 0;
    for (*count = 0; *count < MAX_RUNS && (*count * p->group < p->runs || total < (uint64_t)p->ns);) {
        whet_worker_put_sample(w, (int)((p->start + *count) % w->n_samples));
        const uint64_t t0 = whet_now_ns();
        for (json_int_t k = 0; k < p->group; k++) WHET_TRY(whet_worker_run_once(w));
        const uint64_t took = whet_now_ns() - t0;
        times[(*count)++] = took / (uint64_t)p->group;
        total += took;
        if (*count == 1) WHET_TRY(whet_worker_put_outputs(w, reply)); /* checked by the launcher: outputs of the timed run */
    }
    return WHET_OK;
}

static whet_status run_block(whet_worker_state *w, const block_plan *p, uint64_t *times, thread_times *before, thread_times *after,
                             json_t *reply)
{
    int count = 0;
    uint64_t offset = 0;
    find_helpers(before); /* takes a while: before the untimed runs */
    for (json_int_t k = 0; k < p->warm; k++) {
        whet_worker_put_sample(w, (int)((p->start + k) % w->n_samples));
        WHET_TRY(whet_worker_run_once(w));
    }
    double probe = peak_probe();
    look_at_threads(before);
    const uint64_t t0 = whet_now_ns();
    WHET_TRY(timed_runs(w, p, times, &count, reply));
    const uint64_t wall = whet_now_ns() - t0;
    look_again(after, before);
    const double probe_after = peak_probe();
    if (probe_after < probe) probe = probe_after;
    WHET_TRY(whet_worker_put_result(w, times, (size_t)count * sizeof *times, &offset));
    json_object_set_new(reply, "count", json_integer(count));
    json_object_set_new(reply, "offset", json_integer((json_int_t)offset));
    json_object_set_new(reply, "wall_ns", json_integer((json_int_t)wall));
    json_object_set_new(reply, "threads_ns", spent(before, after));
    json_object_set_new(reply, "cpu_ns", json_integer((json_int_t)cpu_between(before, after)));
    json_object_set_new(reply, "probe", json_real(probe));
    json_object_set_new(reply, "sample", json_integer(p->start % w->n_samples));
    return WHET_OK;
}

whet_status whet_worker_block(whet_worker_state *w, const json_t *q, json_t *reply)
{
    const block_plan p = {json_integer_value(json_object_get(q, "runs")), json_integer_value(json_object_get(q, "ns")),
                          json_integer_value(json_object_get(q, "warm")), json_integer_value(json_object_get(q, "start")),
                          WHET_MAX(json_integer_value(json_object_get(q, "group")), 1)};
    uint64_t *times = whet_calloc(MAX_RUNS, sizeof *times); /* untouched pages cost nothing */
    thread_times *t = whet_calloc(2, sizeof *t);
    whet_status status = WHET_ENOMEM;
    if (times != NULL && t != NULL) status = p.start >= 0 ? run_block(w, &p, times, &t[0], &t[1], reply) : WHET_EINVAL;
    whet_free(times);
    whet_free(t);
    return status;
}
