/* SPDX-License-Identifier: Apache-2.0 */
/* What an installation consisted of: a list of its files and their sizes in the version's folder, so that one that was cut or
 * lost later is noticed before a vendor's library is loaded (which would end in a bare signal). */
#ifndef WHET_BACKEND_RUNTIME_FILES_H
#define WHET_BACKEND_RUNTIME_FILES_H

#include <stddef.h>

#include "base/status.h"

typedef enum whet_runtime_state {
    WHET_RUNTIME_WHOLE,   /* every file is there with its size */
    WHET_RUNTIME_UNKNOWN, /* there is no list: not installed by whet, or by an older one */
    WHET_RUNTIME_DAMAGED,
} whet_runtime_state;

/* Writes the list of the files below the folder into it. */
whet_status whet_runtime_files_write(const char *folder);
/* `what` gets the first file that is wrong and how, "" without one. */
whet_runtime_state whet_runtime_files_check(const char *folder, char *what, size_t cap);

#endif
