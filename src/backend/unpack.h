/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WHET_BACKEND_UNPACK_H
#define WHET_BACKEND_UNPACK_H

#include "base/status.h"

/* Unpacks the files directly below `folder` ("a/b/") of the ZIP archive `path` whose name contains `part` into dir. */
whet_status whet_unpack_folder(const char *path, const char *folder, const char *part, const char *dir);

#endif
