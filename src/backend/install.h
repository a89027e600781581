/* SPDX-License-Identifier: Apache-2.0 */
/* Fetching the vendors' libraries: pinned wheels, checked, of which only the libraries are kept. */
#ifndef WHET_BACKEND_INSTALL_H
#define WHET_BACKEND_INSTALL_H

#include <stdbool.h>
#include <stddef.h>

#include "base/status.h"
#include "whet/progress.h"

/* Folder of the pinned version of a runtime: $WHET_RUNTIMES/<name>/<version> or, without it, below the user's data folder.
 * ENOTFOUND if it is not installed; EINVAL if whet knows no such runtime. */
whet_status whet_runtime_dir(const char *name, char *out, size_t cap);
/* "1.31.1"; NULL if whet does not know how to install `name`. */
const char *whet_runtime_pinned(const char *name);

typedef struct whet_install_report {
    bool already;      /* nothing was to be done */
    char version[32], folder[1024], file[256], sha256[65];
} whet_install_report;
/* from: folder that holds the wheel (no network is used), or NULL: python3 -m pip downloads it. EUNAVAILABLE without
 * python3, pip or network; EFORMAT for a wheel whose hash is not one of the pinned ones, naming file and hash. */
whet_status whet_runtime_install(const char *name, const char *from, whet_progress_fn progress, void *arg, whet_install_report *out);

#endif
