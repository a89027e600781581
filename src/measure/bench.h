/* SPDX-License-Identifier: Apache-2.0 */
/* The measurement of models on runtimes, by the rules of docs/MEASURING.md; its result is described in
 * docs/result-format.md. */
#ifndef WHET_MEASURE_BENCH_H
#define WHET_MEASURE_BENCH_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "data/dataset.h"
#include "measure/scenario.h"
#include "whet/progress.h"

typedef enum whet_bench_mode { WHET_BENCH_DEFAULT, WHET_BENCH_QUICK, WHET_BENCH_PUBLISH } whet_bench_mode;

/* One row. */
typedef struct whet_bench_cell {
    const char *model;        /* path */
    const char *label;        /* NULL: the file's name */
    const char *runtime;      /* "ort" */
    int batch, threads;       /* 0: 1, the usable CPUs */
    const char *optimisation; /* NULL: "all" */
    const char *precision;    /* as in whet_settings (settings.h), NULL: default */
    const char *denormals, *arena;
    int streams;              /* 0: 1, for the scenario multi as many as threads */
    bool best;                /* at the runtime's own best settings, which are searched first */
    const char *original;     /* model whose outputs are the reference; NULL: this one */
    const json_t *accuracy;   /* an ACCURACY object measured elsewhere, or NULL */
} whet_bench_cell;

typedef struct whet_bench_spec {
    int n_cells;
    const whet_bench_cell *cells;
    whet_bench_mode mode;
    const char *data;      /* NULL: seeded images */
    whet_split split;
    const whet_dataset_options *opening; /* how `data` was split; NULL: as for a given model, seed 0 */
    const char *contract;  /* NULL: the model's own */
    const char *accept;    /* NULL: by precision */
    int sizes[2];          /* height, width where the file leaves them free; 0: none */
    uint64_t seed;
    int min_runs;          /* 0: by mode */
    double min_seconds;    /* 0: by mode */
    int warmup_runs;       /* 0: 10 */
    double warmup_seconds; /* < 0: 0.5 */
    int parity_inputs;     /* at least, for models of up to 1 G MACs; 0: 16 samples */
    bool force;            /* time models that fail the parity gate, labelled */
    const char *keep;      /* folder for the whole rounds of an interrupted bench, with which the same bench goes on; NULL: lost */
    double time_limit;     /* seconds that loading, or one inference, may take; 0: 300 */
    uint64_t memory_limit; /* bytes of private memory of a worker; 0: what the machine has */
    bool tune;             /* rows of the native engine: tuned first, a phase of its own that stands in the row */
    whet_scenario scenario; /* single becomes offline where a cell has several streams */
    double rate;           /* arrivals a second: server, paced */
    double deadline_ms;    /* of an arrival; 0: none, paced: until the next one */
    double sustain_seconds; /* load without a pause behind the blocks; 0: none */
    int n_percentiles;     /* beside the usual ones */
    const double *percentiles; /* 0..100 */
    const char *power_cmd; /* prints watts; NULL: none */
    const char *meter_root, *meter_nvml; /* as in whet_meter_options */
    double meter_seconds;  /* of an energy window; 0: by the source */
    const char *program;   /* worker program; NULL: this one */
    const char *command;   /* as it stands in the result */
    whet_progress_fn progress;
    void *progress_arg;
} whet_bench_spec;
void whet_bench_spec_init(whet_bench_spec *s);

/* Fails only for a wrong spec, a lack of memory or an interruption: what goes wrong with a model or a runtime is a row. */
whet_status whet_bench_run(json_t **out, const whet_bench_spec *spec);
/* Of a document's "latency": the wider half of the median's interval as a share of the median, which the verdict judges; 0 without one. */
double whet_bench_half_width(const json_t *latency);

#endif
