/* SPDX-License-Identifier: Apache-2.0 */
/* Scenarios: how queries come. MLPerf's LoadGen defines
 *   single   the next query starts when the last is done; its figure is the p90 of the latency
 *   multi    a query is one sample for each stream, started together; it is done with its last sample, then the next starts;
 *            its figure is the p99 of the latency
 *   offline  all samples are there from the start, each stream takes the next; its figure is samples per second
 *   server   single samples arrive as a Poisson process of a given rate from a recorded seed, whoever is free takes the next;
 *            the latency runs from the arrival; its figure is the p99 at that rate
 * and beside them
 *   paced    samples arrive at a fixed rate, as frames of a camera do; late is what is not done when the next one arrives.
 *
 * The clock is a parameter, so that tests need none. */
#ifndef WHET_MEASURE_SCENARIO_H
#define WHET_MEASURE_SCENARIO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

typedef enum whet_scenario { WHET_SCENARIO_SINGLE, WHET_SCENARIO_MULTI, WHET_SCENARIO_OFFLINE, WHET_SCENARIO_SERVER, WHET_SCENARIO_PACED } whet_scenario;
enum { WHET_SCENARIO_MAX_STREAMS = 256, WHET_SCENARIO_MAX_QUERIES = 1 << 21 };

const char *whet_scenario_name(whet_scenario s);
const char *whet_scenario_text(whet_scenario s); /* the definition above in one sentence */
/* EINVAL for an unknown name. */
whet_status whet_scenario_parse(whet_scenario *out, const char *name);
/* True if samples arrive by a schedule (server, paced). */
int whet_scenario_open(whet_scenario s);

/* By what two rows of a scenario are compared. */
typedef struct whet_judged {
    const char *figure; /* "p50", "p99", "wall time per sample" */
    double p;           /* its percentile */
    bool unknown;       /* the scenario's own figure cannot be had, so that nothing is decided */
    char by[160];       /* said before the ratio; "": nothing */
} whet_judged;
/* n: latencies of the side that has fewer; undone: arrivals that a side has not begun. */
void whet_scenario_judged(whet_judged *out, whet_scenario s, size_t n, int64_t undone);

typedef struct whet_scenario_clock {
    uint64_t (*now)(void *arg);
    void (*until)(void *arg, uint64_t ns); /* returns at once if it is past */
    void *arg;
} whet_scenario_clock;
extern const whet_scenario_clock whet_scenario_real_clock;

typedef struct whet_scenario_plan {
    whet_scenario kind;
    int streams;
    int64_t runs;      /* queries, at least, and */
    uint64_t ns;       /* time, at least */
    double rate;       /* arrivals per second of an open scenario */
    uint64_t seed;     /* of the arrivals, and */
    uint64_t part;     /* which stretch of them this is */
    uint64_t limit_ns; /* no query starts later than this; 0: no limit */
} whet_scenario_plan;

typedef struct whet_scenario_result {
    int64_t n;         /* queries that were finished */
    int64_t planned;   /* that had arrived by the plan; n where there is no schedule */
    int64_t samples;   /* finished: n, or n x streams for multi */
    uint64_t wall_ns;  /* from the start to the end of the last */
    uint64_t *latency; /* ns, of the finished ones in order of their arrival; owned */
} whet_scenario_result;

/* Runs one sample on a stream; called from the stream's own thread. */
typedef whet_status (*whet_scenario_fn)(void *arg, int stream, int64_t sample);
/* Called at first on the stream's own thread; may be NULL. */
typedef void (*whet_scenario_enter_fn)(void *arg, int stream);

/* Times of arrival in ns from the start, rising; n is the least count that covers both `runs` and `ns`. Heap array. */
whet_status whet_scenario_arrivals(const whet_scenario_plan *p, uint64_t **out, int64_t *n);
whet_status whet_scenario_run(const whet_scenario_plan *p, const whet_scenario_clock *clock, whet_scenario_fn fn, whet_scenario_enter_fn enter,
                              void *arg, whet_scenario_result *out);
void whet_scenario_result_dispose(whet_scenario_result *r);

#endif
