/* SPDX-License-Identifier: Apache-2.0 */
/* Two stored results against each other, row by row: speed from the raw samples, accuracy, size, memory. The first is the
 * base, verdicts are of the second. docs/result-format.md describes the document. */
#ifndef WHET_MEASURE_COMPARE_H
#define WHET_MEASURE_COMPARE_H

#include <jansson.h>
#include <stdint.h>

#include "measure/gates.h"
#include "measure/scenario.h"
#include "stats/stats.h"

typedef struct whet_compare_spec {
    const json_t *base, *now;
    const char *base_name, *now_name; /* as the user gave them */
    const char *by;                   /* "model,runtime,...": what rows must have in common; NULL: model, runtime, precision, batch, threads */
    whet_gates gates;
    uint64_t seed;
} whet_compare_spec;
void whet_compare_spec_init(whet_compare_spec *s);

/* EINVAL if no row of the one has a partner in the other. *failed: a gate failed. */
whet_status whet_compare_documents(json_t **out, bool *failed, const whet_compare_spec *spec);

/* --- shared by the files of this part */
typedef struct whet_pair {
    const json_t *base, *now;
    whet_ratio ratio;     /* of the figure `by`, now / base */
    bool has_ratio, rate; /* rate: of the wall time of a sample (multi, offline), not of latencies */
    whet_judged by;       /* what the scenario is judged by */
    const char *why;      /* no ratio: the reason, such as whet_other_rate; static */
} whet_pair;
extern const char whet_other_rate[];
/* Fills ratio from the samples, the sides resampled apart (they were not measured in turns). */
whet_status whet_pair_speed(whet_pair *p, uint64_t seed);
/* What the ratio is of, on one side: ms of a median, of a p99, or of a picture in wall time. NULL if the row lacks it. */
json_t *whet_pair_time(const whet_pair *p, const json_t *row);
/* The figure's object, or JSON null with *na set to the reason. speed wants its ratio judged. */
json_t *whet_pair_figure(const whet_pair *p, whet_figure f, const whet_gate *g, const char **na);
/* Pictures that only one of two rows got right (fixed: only `now`); false if they did not score the same pictures. */
bool whet_pair_flips(const json_t *base, const json_t *now, int64_t *fixed, int64_t *broken, int64_t *n);
/* Wilson-based interval of a difference of shares (Newcombe 1998, method 10), and of paired ones from the pictures that only one
 * side got right (Agresti & Min 2005). */
whet_interval whet_difference_apart(whet_interval base, whet_interval now);
whet_interval whet_difference_paired(int64_t fixed, int64_t broken, int64_t n);

#endif
