/* SPDX-License-Identifier: Apache-2.0 */
/* What `whet data info` says about a set. */
#ifndef WHET_DATA_SUMMARY_H
#define WHET_DATA_SUMMARY_H

#include <jansson.h>

#include "data/dataset.h"
#include "whet/progress.h"

typedef struct whet_data_summary_options {
    size_t size;
    int max_pictures; /* read at most this many (evenly spread); 0 = all. Counts are always of all */
    whet_progress_fn progress;
    void *progress_arg;
} whet_data_summary_options;

/* JSON: splits with counts per class, imbalance, sizes, mean and deviation per channel, broken files, exact duplicates
 * within and across splits. The caller owns *out. */
whet_status whet_data_summary(whet_dataset *d, const whet_data_summary_options *opt, json_t **out);

#endif
