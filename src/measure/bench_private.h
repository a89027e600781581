/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the bench share. */
#ifndef WHET_MEASURE_BENCH_PRIVATE_H
#define WHET_MEASURE_BENCH_PRIVATE_H

#include "base/hash.h"
#include "measure/bench.h"
#include "measure/energy.h"
#include "measure/facts.h"
#include "measure/launch.h"
#include "measure/parity.h"
#include "measure/samples.h"
#include "measure/settings.h"
#include "stats/stats.h"

enum { WHET_REFERENCE_SAMPLES = 16, WHET_BENCH_SAMPLES = 64, WHET_BENCH_MAX_OUTPUTS = 64, WHET_BENCH_KEPT_SAMPLES = 8 };

typedef struct whet_bench_block {
    int round, block, runs_per_sample, repeats;
    bool slow;      /* the probe stayed under 90 % of the best */
    double probe;
    double wall_ns, cpu_ns;
    int busy;       /* threads over 1 % */
    size_t n;
    double *ms;     /* owned */
    int64_t samples, planned; /* of a scenario: samples done, queries that had arrived */
    double busy_ns; /* of a scenario: from its start to the end of the last query */
} whet_bench_block;

typedef struct whet_bench_timing { double read, build_cold, build, first_cold, first; } whet_bench_timing; /* ms, < 0: none */

/* The outputs of a file that is the reference for some rows, for the first samples. */
typedef struct whet_bench_reference {
    const char *path;   /* of the file */
    int batch;
    bool ready;
    char runtime[64];   /* that computed it */
    char name[240], why[300];
    int n_outputs, n_samples;
    int n_different;    /* inputs among them: a small split repeats */
    char *names[WHET_BENCH_MAX_OUTPUTS];
    whet_tensor *t;     /* [sample][output], owned */
} whet_bench_reference;

typedef struct whet_bench_row {
    const whet_bench_cell *cell;
    whet_facts *facts;
    whet_samples *samples;       /* shared by rows that take the same input */
    whet_samples *meant;         /* of the file that the row's was made from, the reference's; else the same */
    whet_bench_reference *reference;
    whet_accept accept;
    whet_worker *worker;
    bool dead;                   /* no more measurements: status says why */
    bool gate_failed, forced;
    bool external;               /* a program behind exec: */
    double round_trip_ms;        /* then: a message to it and back, inside every run */
    char status[24], why[400];   /* "ok" | "runtime missing" ... */
    char version[64], title[64];
    int threads, batch, n_outputs, rechecked;
    whet_settings settings;
    whet_scenario scenario;
    double cold_resident;        /* share of the files that was in memory all the same */
    const char *cache_dir;       /* while the cold load runs */
    json_t *best_search;         /* what was tried; NULL: not a row at best settings */
    json_t *energy, *sustain;    /* NULL: not measured */
    char energy_why[300];
    whet_parity *parity;         /* per output */
    int n_blocks, cap_blocks;
    whet_bench_block *blocks;
    whet_bench_timing t;
    double build_ms[64], first_ms[64], warm_ms[64], warm_runs[64]; /* of each process */
    int n_loads, group;
    bool still_falling;
    double best_probe;
    int n_e2e, cap_e2e;
    whet_bench_block *e2e;
    json_t *memory, *notes;
    char arithmetic[96];         /* that ran, as the runtime tells; "": it does not */
    json_t *shares;              /* of each arithmetic */
    json_t *tuning;              /* what the tuning phase came to; NULL: not tuned */
    char e2e_why[300];
    int n_outputs_kept;          /* samples in the hash */
    whet_sha256 outputs_hash;
    json_t *outputs_kept;        /* numbers of the first */
} whet_bench_row;

typedef struct whet_bench {
    const whet_bench_spec *spec;
    int n_rows, n_references, n_samples, rounds, max_rounds, blocks, round;
    whet_bench_row *rows;
    whet_facts *facts;           /* per row; shared ones are found by path */
    whet_samples *samples;
    whet_bench_reference *references;
    int min_runs;
    double min_seconds, best_probe;
    bool together;
    const whet_bench_row *hinted; /* says why seeded images will not do; NULL: none */
    char *keep;                  /* file of what an interruption left, or will leave; NULL: nothing is kept */
    int first_round;             /* rounds taken from there */
    char extended[480];          /* why there were more rounds than planned; "": there were not */
    double seconds_before;       /* spent on them */
    whet_meter *meter;
    whet_meter_window idle;      /* nothing ran */
    json_t *warnings, *machine;
    uint64_t started_ns;
    char started[21];
} whet_bench;

/* bench_row.c: loading, warming, timing of one row */
whet_status whet_bench_prepare_row(whet_bench *b, whet_bench_row *r);       /* facts, samples, memory run, parity */
whet_status whet_bench_check_row(whet_bench *b, whet_bench_row *r);         /* memory run and parity; a row checked before, anew */
whet_status whet_bench_open_row(whet_bench *b, whet_bench_row *r);         /* a fresh worker, loaded and warm */
whet_status whet_bench_time_block(whet_bench *b, whet_bench_row *r, int block);
whet_status whet_bench_time_e2e(whet_bench *b, whet_bench_row *r);
void whet_bench_close_row(whet_bench_row *r);
void whet_bench_fail_row(whet_bench_row *r, const char *what);             /* with the present error */
void whet_bench_note(whet_bench_row *r, const char *fmt, ...) WHET_PRINTF(2, 3);
whet_status whet_bench_start_worker(const whet_bench *b, const whet_bench_row *r, whet_worker **out); /* pinned, limited */
double whet_bench_limit(const whet_bench *b); /* seconds for loading or one inference */
whet_status whet_bench_start(const whet_bench *b, whet_bench_row *r);      /* a worker, nothing loaded */
whet_status whet_bench_load(const whet_bench *b, whet_bench_row *r, json_t **reply);
whet_status whet_bench_load_with(const whet_bench *b, whet_bench_row *r, const char *tune, json_t **reply);
whet_status whet_bench_take_times(whet_worker *w, const json_t *reply, whet_bench_block *out);
void whet_bench_take_threads(const json_t *reply, whet_bench_block *out);
/* One block of so many seconds outside the rounds, of the row's open worker: energy, sustained load. */
whet_status whet_bench_window(whet_bench *b, whet_bench_row *r, double seconds, whet_bench_block *out);
void whet_bench_tell(const whet_bench *b, const char *what, const char *name, double done, double total, const char *unit);
/* bench_cold.c, bench_best.c, bench_sustain.c */
whet_status whet_bench_cold(whet_bench *b, whet_bench_row *r);
whet_status whet_bench_choose_best(whet_bench *b, whet_bench_row *r);
whet_status whet_bench_sustain(whet_bench *b);
/* bench_scenario.c */
whet_status whet_bench_scenario_try(whet_bench *b, whet_bench_row *r, int block, whet_bench_block *out);
whet_status whet_bench_scenario_window(whet_bench *b, whet_bench_row *r, int block, int64_t runs, double seconds, whet_bench_block *out);
bool whet_bench_by_rate(const whet_bench_row *r);
/* Of a scenario's block: to the end of its last query, of paced frames to the end of the last period. */
double whet_bench_span_ns(const whet_bench *b, const whet_bench_row *r, const whet_bench_block *k);
/* Arrivals that were not begun in their time. */
int64_t whet_bench_undone(const whet_bench_block *b, int n, int64_t *planned);
/* Pictures a second over all blocks: samples / wall time. */
double whet_bench_rate(const whet_bench *b, const whet_bench_row *r);
whet_status whet_bench_judged_blocks(const whet_bench_row *r, whet_block **out, double **own); /* both heap */
whet_status whet_bench_put_scenario(const whet_bench *b, const whet_bench_row *r, json_t *row);
/* bench_energy.c */
whet_status whet_bench_energy_start(whet_bench *b);
double whet_bench_energy_seconds(const whet_bench *b);
whet_status whet_bench_energy_row(whet_bench *b, whet_bench_row *r);
void whet_bench_put_energy(const whet_bench *b, const whet_bench_row *r, json_t *row);
/* bench_plain.c */
json_t *whet_bench_plain_definitions(void);
void whet_bench_put_plain(const whet_bench *b, const whet_bench_row *r, json_t *row);
/* bench_reference.c */
whet_status whet_bench_make_reference(whet_bench *b, whet_bench_row *r);
/* Computes f on a runtime with its optimisation off; what was in f is gone. */
whet_status whet_bench_compute_reference(whet_bench *b, whet_bench_reference *f, const whet_bench_row *r, const char *runtime);
/* bench_agree.c: where native's own kernels are the reference and two or more others agree against them, those are right. */
whet_status whet_bench_agree(whet_bench *b);
void whet_bench_check_outputs(whet_bench_row *r, const json_t *reply, int sample);
void whet_bench_reference_dispose(whet_bench_reference *f);
whet_status whet_outputs_of(whet_worker *w, const json_t *reply, int i, whet_tensor *t); /* borrowed bytes */
json_t *whet_bench_load_request(const char *runtime, const char *path, int threads, const char *optimisation, int batch, const int *sizes);
/* bench_keep.c: going on after an interruption */
whet_status whet_bench_keep_load(whet_bench *b);
whet_status whet_bench_keep_save(const whet_bench *b, int rounds); /* the first so many */
bool whet_bench_keep_due(const whet_bench *b);
void whet_bench_keep_drop(const whet_bench *b);
/* bench_outputs.c: what an audit needs */
void whet_bench_keep_outputs(whet_bench_row *r, const json_t *reply, int sample); /* in the order of samples */
json_t *whet_bench_outputs_json(const whet_bench_row *r);
json_t *whet_bench_replay_json(const whet_bench *b, const whet_bench_row *r);
/* bench_pairs.c: a COMPARISON for each two rows that differ in one thing */
whet_status whet_bench_comparisons(const whet_bench *b, json_t *list);
/* bench_json.c */
whet_status whet_bench_document(whet_bench *b, json_t **out);
whet_status whet_bench_row_stability(const whet_bench_row *r, uint64_t seed, whet_stability *s);
/* Why rounds were added behind the planned ones. */
void whet_bench_extended_text(char *text, size_t size, int rounds, const char *model, const char *runtime, const whet_stability *s);
/* A remark on the coefficient of variation; false: none is due. `ok`: the verdict on the median. */
bool whet_bench_spread_text(char *text, size_t size, double cv, bool ok);
/* The row's blocks in the form of the statistics; heap array. */
whet_status whet_bench_blocks_of(const whet_bench_block *b, int n, whet_block **out);

#endif
