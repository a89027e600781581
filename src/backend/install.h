/* SPDX-License-Identifier: Apache-2.0 */
/* Fetching the vendors' libraries: pinned wheels, checked, of which only what is needed is kept. */
#ifndef WHET_BACKEND_INSTALL_H
#define WHET_BACKEND_INSTALL_H

#include <stdbool.h>
#include <stdint.h>

#include "backend/runtime_folders.h"
#include "whet/progress.h"

typedef struct whet_install_spec {
    const char *name; /* "ort" or "ort@1.31.1" */
    const char *from; /* folder that holds the wheel (no network is used), or NULL: python3 -m pip downloads it */
    const char *arch; /* "aarch64"; NULL: this machine's type */
    whet_progress_fn progress;
    void *arg;
} whet_install_spec;

typedef struct whet_install_report {
    bool already; /* nothing was to be done */
    char name[WHET_RUNTIME_NAME], version[WHET_RUNTIME_NAME], machine[WHET_RUNTIME_NAME];
    char folder[WHET_RUNTIME_PATH], file[256], sha256[65];
    uint64_t bytes; /* of the files unpacked */
} whet_install_report;
/* EUNAVAILABLE without python3, pip or network; EFORMAT for a wheel whose hash is not one of the pinned ones, naming file and
 * hash; EUNSUPPORTED where there is no wheel for that machine. Nothing is left behind on failure. */
whet_status whet_runtime_install(const whet_install_spec *spec, whet_install_report *out);
/* Only whether there is such a thing: EINVAL, EUNSUPPORTED. */
whet_status whet_runtime_install_check(const whet_install_spec *spec);

#endif
