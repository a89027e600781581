/* SPDX-License-Identifier: Apache-2.0 */
/* Data sets: getting, summarising and splitting them. All functions are safe to call from any thread, one call at a time
 * a data set. On failure *out is NULL and whet_error_last says why. */
#ifndef WHET_DATA_H
#define WHET_DATA_H

#include <stddef.h>
#include <stdint.h>

#include "whet/progress.h"
#include "whet/result.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct whet_data_options {
    size_t size;          /* sizeof(whet_data_options) */
    const char *from;     /* get: file or folder instead of the network; NULL: network */
    const char *images;   /* get: also write the set as an image folder there; NULL: do not */
    const char *val;      /* validation split: NULL the set's own, else 10 % of train; "none"; "0.1" */
    int64_t limit;        /* get --images: at most so many pictures of each split; info: at most so many are read; 0: all */
    uint64_t seed;        /* of splits */
    int strict;           /* a broken picture is an error */
    whet_progress_fn progress;
    void *progress_arg;
} whet_data_options;
void whet_data_options_init(whet_data_options *o);

/* "mnist", "cifar10" (kept if already there, else downloaded and checked) or "digits" (drawn). Kind "data get".
 * EUNAVAILABLE without network, EFORMAT for a wrong checksum. */
whet_status whet_data_get(whet_result **out, const char *name, const whet_data_options *opt);
/* Counts, imbalance, sizes, mean and deviation, broken files, exact duplicates. Kind "data info". `spec` is a name or a
 * path, see docs/cli/data.md. */
whet_status whet_data_info(whet_result **out, const char *spec, const whet_data_options *opt);
/* Writes a stratified train/val/test copy of the set to the new folder `dir`. Kind "data split". */
whet_status whet_data_split(whet_result **out, const char *spec, const char *dir, const whet_data_options *opt);

#ifdef __cplusplus
}
#endif
#endif
