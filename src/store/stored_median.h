/* SPDX-License-Identifier: Apache-2.0 */
/* Does the figure that a stored row shows follow from the samples that it keeps? Files can be edited. */
#ifndef WHET_STORE_STORED_MEDIAN_H
#define WHET_STORE_STORED_MEDIAN_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/status.h"

/* Both medians in ms. */
typedef struct whet_stored_median { bool differs; double stored, found; } whet_stored_median;

/* differs: latency.p50 is over 1 % off the median of the row's raw samples. A row without one or the other does not differ. */
whet_status whet_stored_median_of(const json_t *row, whet_stored_median *out);
/* "the stored figure and its samples disagree: ..." */
const char *whet_stored_median_text(const whet_stored_median *m, char *text, size_t size);

#endif
