/* SPDX-License-Identifier: Apache-2.0 */
/* Result documents as they are named on a command line: a file, or a run of the store. */
#ifndef WHET_STORE_DOCUMENT_H
#define WHET_STORE_DOCUMENT_H

#include <jansson.h>
#include <stdbool.h>

#include "base/status.h"

enum { WHET_RESULT_SCHEMA = 1 };

/* An object with a kind and a schema that this program knows, else EFORMAT or (newer) EUNSUPPORTED. `name` stands in the
 * message. Fields that are not known are no error. */
whet_status whet_document_check(const json_t *doc, const char *name);
/* True if some row ran: it is ok, or has a latency, a parity or an accuracy. A run without one is a call gone wrong: it is not
 * stored, and its document says so by whet_document_refuse ("not_stored"). */
bool whet_document_measured(const json_t *doc);
void whet_document_refuse(json_t *doc);
/* `source`: a file (a document, or an export of one run), else a run as in whet_store_find_run. store_path NULL: the user's.
 * *meta (may be NULL) gets the listing's object of a stored run, NULL for a file. The caller owns both. */
whet_status whet_document_load(json_t **doc, json_t **meta, const char *source, const char *store_path);

#endif
