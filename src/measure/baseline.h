/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WHET_MEASURE_BASELINE_H
#define WHET_MEASURE_BASELINE_H

#include <jansson.h>
#include <stdint.h>

#include "base/status.h"

/* Compares each row of `doc` with the row of the same model, runtime, batch and threads in the stored document at `path`, by
 * their raw samples, and puts the list under "baseline" (fields of a COMPARISON, b being the stored row). */
whet_status whet_bench_compare_stored(json_t *doc, const char *path, uint64_t seed);

#endif
