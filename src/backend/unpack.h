/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WHET_BACKEND_UNPACK_H
#define WHET_BACKEND_UNPACK_H

#include <stdbool.h>
#include <stddef.h>

#include "base/status.h"

/* Where a file of the archive goes, relative to the folder it is unpacked into; false: it is not wanted. */
typedef bool (*whet_unpack_fn)(void *arg, const char *entry, char *to, size_t cap);
/* Unpacks the wanted files of the ZIP archive `path` into dir. Links are not made, names that leave dir are refused. */
whet_status whet_unpack(const char *path, const char *dir, whet_unpack_fn wanted, void *arg);

#endif
