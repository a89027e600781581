/* SPDX-License-Identifier: Apache-2.0 */
/* What the measured steps (study_bench.c, study_eval.c) share. */
#ifndef WHET_STUDY_MEASURE_H
#define WHET_STUDY_MEASURE_H

#include "study/study_run.h"

/* What the cell's runtime answered when it was asked: {available, version, reason, ...}; NULL before study_find_runtimes. */
const json_t *study_runtime(const study_run *r, const study_cell *c);
/* The key `threads`, 0 being the usable CPUs. */
int study_threads(const study_cell *c);
/* Hash of a split of the cell's pictures; JSON null where there are none. New reference. */
json_t *study_split_hash(const study_cell *c, whet_split split);
/* Puts those of `keys` that are not at their defaults into `o`: the key of a step with the usual settings stays what it was. */
void study_put_unusual(json_t *o, const json_t *set, const char *const *keys, size_t n);

#endif
