/* SPDX-License-Identifier: Apache-2.0 */
/* Archives (tar plain, gzip, xz, bzip2, zstd; zip) over libarchive. */
#ifndef WHET_DATA_ARCHIVE_H
#define WHET_DATA_ARCHIVE_H

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

/* Calls fn for each regular file, in the archive's order, with its bytes (valid during the call). Names that leave their
 * folder ("..", absolute), links and devices are refused; a file over max_file bytes is refused. EUNSUPPORTED in the
 * minimal build. */
typedef whet_status (*whet_archive_fn)(void *arg, const char *name, const uint8_t *data, size_t size);
whet_status whet_archive_each(const char *path, size_t max_file, whet_archive_fn fn, void *arg);

#endif
