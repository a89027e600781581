/* SPDX-License-Identifier: Apache-2.0 */
/* A finished run goes to the store. */
#ifndef WHET_API_KEEP_H
#define WHET_API_KEEP_H

#include <jansson.h>

#include "measure/gates.h"

/* Stores `doc` (with its kind) and puts "stored_in" and "run_id" into it. A store that cannot take it (locked, full, damaged,
 * newer) costs nothing: the document goes to a file instead, under "kept_in", and a warning says how it is taken in later.
 * store_path NULL: the user's store. A run in which no row was measured is not kept at all; "not_stored" says so. */
void whet_keep_run(json_t *doc, const char *study, const char *store_path);

/* For --baseline (a file or a run; NULL: *old NULL) and --gate (NULL: all): both checked. EFORMAT for a document without rows. */
whet_status whet_read_baseline(json_t **old, whet_gates *gates, const char *baseline, const char *gate, const char *store_path);

#endif
