/* SPDX-License-Identifier: Apache-2.0 */
/* Writes ZIP archives of stored entries: data on multiples of 64 bytes (so that readers can map it), zip64 where needed, dates
 * of 1980-01-01, no attributes: equal input gives equal bytes. Atomic: the file appears with the commit. */
#ifndef WHET_WIRE_ZIP_WRITE_H
#define WHET_WIRE_ZIP_WRITE_H

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

typedef struct whet_zip_writer whet_zip_writer;
whet_status whet_zip_writer_open(whet_zip_writer **out, const char *path);
/* EINVAL: a name that whet_zip_open would refuse, or longer than 1000 bytes. The first error sticks. */
whet_status whet_zip_writer_add(whet_zip_writer *w, const char *name, const void *data, size_t size);
whet_status whet_zip_writer_commit(whet_zip_writer *w); /* consumes w, also on failure */
void whet_zip_writer_abort(whet_zip_writer *w);         /* accepts NULL */

#endif
