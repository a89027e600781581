/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WHET_MEASURE_BASELINE_H
#define WHET_MEASURE_BASELINE_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "measure/gates.h"

/* Compares each row of `doc` with its partner in the stored document `old` (`name` in messages) and puts under "baseline" the
 * list of speeds (fields of a COMPARISON, b being the stored row) and under "baseline_compare" the whole comparison. EINVAL if
 * there are no partners. *failed: a gate failed. */
whet_status whet_bench_compare_stored(json_t *doc, bool *failed, const json_t *old, const char *name, const whet_gates *gates, uint64_t seed);

#endif
