/* SPDX-License-Identifier: Apache-2.0 */
/* Getting the known sets, and writing sets out as image folders. */
#ifndef WHET_DATA_FETCH_H
#define WHET_DATA_FETCH_H

#include "data/dataset.h"
#include "whet/progress.h"

/* Puts "mnist" or "cifar10" into the user's data folder: from the folder or file `from` if given, else from the network.
 * Each file's SHA-256 is checked; nothing is left under its name if it is wrong. *where: heap, the folder. EUNAVAILABLE
 * without network (the text says what else can be done), EFORMAT for a wrong checksum. */
whet_status whet_fetch_set(const char *name, const char *from, whet_progress_fn progress, void *arg, char **where);

/* whet_dataset_open; a known set that is missing is fetched if `download`; if that fails too and `fallback`, digits are
 * drawn instead. whet_dataset_source then says so with the reason. */
whet_status whet_dataset_obtain(whet_dataset **out, const char *spec, const whet_dataset_options *opt, bool download,
                                bool fallback, whet_progress_fn progress, void *arg);

/* Writes the splits as <dir>/<split>/<class>/: PNG for raw pictures, the files' own bytes for others. `limit` > 0: at most
 * that many of each split, spread over it. `dir` must not exist or be empty; it appears only when it is complete. */
whet_status whet_dataset_export(whet_dataset *d, const char *dir, int limit, whet_progress_fn progress, void *arg,
                                int counts[WHET_SPLIT_COUNT]);

#endif
