/* SPDX-License-Identifier: Apache-2.0 */
/* Checks of the conformance suite that load the processor: as many threads compute as were asked for, two callers at once do
 * not disturb each other. Included once, by test_conformance.c. */
#ifndef WHET_TESTS_CONFORM_LOAD_H
#define WHET_TESTS_CONFORM_LOAD_H

#include <dirent.h>
#include <pthread.h>
#include <time.h>

#include "base/threads.h"
#include "conform_drive.h"

static double seconds(clockid_t clock)
{
    struct timespec ts;
    clock_gettime(clock, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

/* --- the CPU time of each thread of this process */
enum { MAX_TASKS = 256 };
typedef struct tasks { int n, id[MAX_TASKS]; double used[MAX_TASKS]; } tasks;

static void look_at_tasks(tasks *now)
{
    DIR *d = opendir("/proc/self/task");
    now->n = 0;
    for (struct dirent *e = d != NULL ? readdir(d) : NULL; e != NULL && now->n < MAX_TASKS; e = readdir(d)) {
        const unsigned id = (unsigned)atoi(e->d_name);
        if (id == 0) continue;
        now->id[now->n] = (int)id;
        now->used[now->n++] = seconds((clockid_t)((~id << 3) | 6u)); /* Linux makes a thread's clock of its number */
    }
    if (d != NULL) closedir(d);
}

/* Threads that used at least half a percent of what the busiest one did: more than a look for work that there is none of, and
 * as little as a helper gets where it is woken late. */
static int busy_tasks(const tasks *before, const tasks *after)
{
    double used[MAX_TASKS], most = 0;
    int n = 0;
    for (int i = 0; i < after->n; i++) {
        used[i] = after->used[i];
        for (int k = 0; k < before->n; k++)
            if (before->id[k] == after->id[i]) used[i] -= before->used[k];
        most = used[i] > most ? used[i] : most;
    }
    for (int i = 0; i < after->n; i++) n += used[i] >= most / 200;
    return n;
}

/* --- threads: with one no more than one processor is used, with two a second one helps (where other programs leave it none for
 * a while, that is waited for) */
enum { PATIENCE = 10 };

static void fill_big(whet_backend_stream *s)
{
    void *data = NULL;
    size_t bytes = 0;
    whet_backend_io io;
    CHECK(t->io_map(s, 0, 0, &data, &bytes, &io) == WHET_OK && bytes == CONFORM_BIG_BATCH * CONFORM_BIG * sizeof(float));
    for (size_t i = 0; i < bytes / sizeof(float); i++) ((float *)data)[i] = (float)(i % 13) / 16;
    CHECK(t->io_unmap(s, 0, 0) == WHET_OK);
}

/* Processors used, over 0.4 s or until `wanted` threads were busy. */
static double load(whet_backend_stream *s, int wanted, int *busy)
{
    tasks before, after;
    for (int i = 0; i < 3; i++) CHECK(t->run(s) == WHET_OK);
    look_at_tasks(&before);
    const double cpu = seconds(CLOCK_PROCESS_CPUTIME_ID), wall = seconds(CLOCK_MONOTONIC);
    double passed = 0;
    for (*busy = 0; passed < 0.4 || (*busy < wanted && passed < PATIENCE);) {
        for (int i = 0; i < 5; i++) CHECK(t->run(s) == WHET_OK);
        look_at_tasks(&after);
        *busy = busy_tasks(&before, &after);
        passed = seconds(CLOCK_MONOTONIC) - wall;
    }
    return (seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu) / passed;
}

static void check_threads(const char *path)
{
    static const char *const asked[] = {"1", "2"};
    const int most = whet_cpu_count() > 1 ? 2 : 1;
    for (int wanted = 1; wanted <= most; wanted++) {
        int busy = 0;
        whet_backend_model *m = open_with(path, "threads", asked[wanted - 1]);
        whet_backend_stream *s = stream_for(m, CONFORM_BIG_BATCH, CONFORM_BIG);
        fill_big(s);
        const double processors = load(s, wanted, &busy);
        if (busy < wanted || processors > wanted + 0.1) fprintf(stderr, "%s with threads=%d: %.2f processors, %d busy threads\n", t->name, wanted, processors, busy);
        CHECK(wanted > 1 || processors <= 1.1);
        CHECK(busy >= wanted);
        t->stream_free(s);
        t->close(m);
    }
}

/* --- two callers at once, each with its own stream and numbers */
typedef struct caller { whet_backend_stream *s; int batch, seed; } caller;

static void *call_again_and_again(void *arg)
{
    const caller *c = arg;
    for (int i = 0; i < 50; i++) feed_and_check(c->s, c->batch, c->seed + i, 1e-5);
    return NULL;
}

static void check_at_once(const char *path)
{
    static const whet_backend_setting two[] = {{"threads", "2"}, {"streams", "2"}};
    whet_backend_model *m = NULL;
    pthread_t thread[2];
    caller c[2];
    whet_error_clear();
    const int status = t->open(&m, path, two, 2);
    if (status == WHET_EUNSUPPORTED) CHECK(m == NULL && whet_error_last()->text[0] != '\0');
    if (status == WHET_EUNSUPPORTED) return;
    CHECK(status == WHET_OK);
    const int batch = is_fake() ? 1 : batch_for(m, 2);
    for (int i = 0; i < 2; i++) c[i] = (caller){.s = stream_for(m, batch, CONFORM_IN), .batch = batch, .seed = 100 * i};
    for (int i = 0; i < 2; i++) CHECK(pthread_create(&thread[i], NULL, call_again_and_again, &c[i]) == 0);
    for (int i = 0; i < 2; i++) CHECK(pthread_join(thread[i], NULL) == 0);
    for (int i = 0; i < 2; i++) t->stream_free(c[i].s);
    t->close(m);
}

#endif
