/* SPDX-License-Identifier: Apache-2.0 */
/* Where the vendors' libraries lie: <root>/<name>/<version>/ for this machine's type and <root>/<machine>/<name>/<version>/ for
 * another, so that <root>/aarch64 is a whole root for machines of that type. The root is $WHET_RUNTIMES or, without it,
 * `runtimes` in the user's data folder. Versions lie side by side; NAME means the pinned one, else the newest that is there,
 * NAME@VERSION just that one. */
#ifndef WHET_BACKEND_RUNTIME_FOLDERS_H
#define WHET_BACKEND_RUNTIME_FOLDERS_H

#include <stdbool.h>
#include <stddef.h>

#include "backend/runtime_pins.h"
#include "base/status.h"

enum { WHET_RUNTIME_NAME = 64, WHET_RUNTIME_PATH = 1024 };

/* "ort@1.31.1" into its parts; version is "" where none is named. EINVAL for an empty or overlong part, or a '/' in it. */
whet_status whet_runtime_split(const char *text, char name[WHET_RUNTIME_NAME], char version[WHET_RUNTIME_NAME]);
/* This machine's type ("x86_64"), or what `arch` ("arm64") means. EINVAL for a type that nothing is pinned for. */
whet_status whet_runtime_machine(const char *arch, char out[WHET_RUNTIME_NAME]);
/* The folder of a version, there or not. */
whet_status whet_runtime_folder(const char *name, const char *version, const char *machine, char *out, size_t cap);
/* True if the folder of this pin has its library. */
bool whet_runtime_is_there(const whet_runtime_pin *r, const char *folder);

typedef struct whet_runtime_installed {
    char version[WHET_RUNTIME_NAME], folder[WHET_RUNTIME_PATH];
} whet_runtime_installed;
/* The versions of a runtime that are installed for a machine's type, newest first; how many there are, at most cap given. */
int whet_runtime_list_installed(const char *name, const char *machine, whet_runtime_installed *out, int cap);

/* Folder of "ort" or "ort@1.31.1". Without a version that of whet_runtime_choose, else the pinned, else the newest.
 * ENOTFOUND if it is not installed, naming those that are; EINVAL if whet knows no such runtime. */
whet_status whet_runtime_dir(const char *name, char *out, size_t cap);
/* Which version this process means by `name` from now on ("" : none in particular). It is the process's choice, as a vendor's
 * library is loaded once in a process. */
void whet_runtime_choose(const char *name, const char *version);
/* "1.31.1"; NULL if whet does not know how to install `name`. */
const char *whet_runtime_pinned(const char *name);

#endif
