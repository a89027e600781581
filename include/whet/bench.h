/* SPDX-License-Identifier: Apache-2.0 */
/* Measuring models on runtimes. */
#ifndef WHET_BENCH_H
#define WHET_BENCH_H

#include <stddef.h>
#include <stdint.h>

#include "whet/progress.h"
#include "whet/result.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct whet_bench_options {
    size_t size;              /* sizeof(whet_bench_options) */
    const char *runtimes;     /* "native,ort"; NULL: all that read the file */
    const char *data;         /* pictures to run on; NULL: seeded images */
    const char *split;        /* NULL: val */
    const char *contract;     /* preset or file; NULL: what the model says */
    const char *batch;        /* "1,8"; NULL: 1 */
    const char *threads;      /* "1,2"; NULL: the usable CPUs */
    const char *optimisation; /* "off,all" of off, basic, all; NULL: all */
    const char *accept;       /* parity bound "max=1e-4,..."; NULL: by precision */
    const char *picture_size; /* "224x224" where the file leaves it free; NULL: none */
    uint64_t seed;
    int quick, publish;       /* fewer or more runs; both set: EINVAL */
    int64_t iterations;       /* runs per row; 0: 100, quick 20, publish 662 */
    double min_time;          /* seconds per row; 0: 5, quick 1, publish 60 */
    int64_t warmup;           /* runs before the clock starts; 0: 10 */
    int force;                /* time models that fail the parity gate, labelled */
    int tune;                 /* native rows run the kernels measured as the fastest here; what is not known is measured first */
    const char *baseline;     /* result file or stored run to compare with; a row that is worse fails the gate. NULL: none */
    const char *command;      /* stored in the result; NULL: "" */
    const char *program;      /* as in whet_runtimes_options */
    whet_progress_fn progress;
    void *progress_arg;
    const char *keep;         /* folder in which an interrupted measurement is kept, with which the same call goes on; NULL: it is lost */
    double time_limit;        /* seconds that loading, or one inference, may take; a runtime that takes longer is a failed row. 0: 300 */
    double memory_limit;      /* MB that a runtime may take for itself; 0: what the machine has */
    const char *gate;         /* of the baseline, as in whet_compare_options; NULL: all figures at their own bands */
    int stored;               /* put the finished run into the store */
    const char *store;        /* where runs lie; NULL: the user's */
    const char *precision;    /* "default,bf16" of default, f32, bf16, f16; NULL: default, the file's own arithmetic */
    const char *streams;      /* "1,2": concurrent callers that share the threads; NULL: 1, for the scenario multi as many as threads */
    const char *denormals;    /* "zero,keep"; NULL: zero */
    const char *arena;        /* "on,off"; NULL: on */
    const char *scenario;     /* single, multi, offline, server, as MLPerf's LoadGen defines them; NULL: single, with several streams offline */
    double rate;              /* arrivals a second: Poisson for server, else at equal distances (frames of a camera); 0: none */
    double deadline;          /* ms from the arrival; 0: none, for equal distances until the next arrival */
    double sustain;           /* seconds of load without a pause behind the blocks: speed, clock, temperature over time; 0: none */
    const char *percentiles;  /* "50,75,99" are printed, and kept beside the usual ones; NULL: "50,90" */
    const char *power_cmd;    /* a command that prints watts, once or line by line; NULL: the machine's own sensors */
    int best;                 /* one more row for each model and runtime, at the runtime's own best settings */
    int plain;                /* print the plain numbers of older studies too */
} whet_bench_options;
void whet_bench_options_init(whet_bench_options *o);

/* Size, load, first inference, latency, throughput, memory and parity of every model on every runtime, each with its
 * uncertainty and verdict. Kind "bench"; see docs/result-format.md. What fails is a row with a reason; the gate is 1 if a
 * row failed its parity gate, broke down or is worse than the baseline, or if nothing ran. Errors: a missing file, wrong options. */
whet_status whet_bench(whet_result **out, int n_models, const char *const *models, const whet_bench_options *opt);

#ifdef __cplusplus
}
#endif
#endif
