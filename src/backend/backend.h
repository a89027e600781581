/* SPDX-License-Identifier: Apache-2.0 */
/* Registry of backends: native, and the plug-ins found in $WHET_PLUGINS, in `plugins/` beside the program, and in
 * libdir/whet/plugins. Loading a plug-in does not load its vendor's library; asking its version() or available() does, so
 * those are asked in a worker process only. */
#ifndef WHET_BACKEND_BACKEND_H
#define WHET_BACKEND_BACKEND_H

#include "base/status.h"
#include "whet/sys/backend.h"

typedef struct whet_backend_entry {
    const char *name;          /* "ort"; a plug-in that cannot be used has its file's stem */
    const char *path;          /* of the shared object, "" for native */
    const whet_backend *table; /* NULL: cannot be used */
    const char *reason;        /* then why: cannot be opened, no entry, wrong abi, ... */
} whet_backend_entry;

typedef struct whet_backends whet_backends;
whet_status whet_backends_create(whet_backends **out);
/* Where plug-ins are looked for, for people; heap string. */
char *whet_backends_places(void);
void whet_backends_free(whet_backends *b); /* closes the plug-ins; accepts NULL */
int whet_backends_count(const whet_backends *b);
const whet_backend_entry *whet_backends_at(const whet_backends *b, int i); /* native first, then by name */
/* Also "exec:COMMAND" (external.h). EUNAVAILABLE with the reason and the cure, naming those that are there, if it cannot be used. */
whet_status whet_backends_find(const whet_backends *b, const char *name, const whet_backend **out);
/* NAME@VERSION above takes the version of that folder ("ort@1.31.1"); this says, once the library is loaded, whether `version`
 * is the one that was asked for: EUNAVAILABLE if the process had loaded another before. */
whet_status whet_backend_is_version(const whet_backend *t, const char *asked, const char *version);

/* What the host gives to every backend. */
const whet_backend_host *whet_backend_host_table(void);
const whet_backend *whet_backend_native(const whet_backend_host *host);
/* Checks a table that a plug-in gave: abi, size, required members. */
whet_status whet_backend_check(const whet_backend *t);
/* As the status a backend's function returned: anything unknown becomes ERUNTIME, a missing text is supplied. */
whet_status whet_backend_status(const whet_backend *t, int code, const char *what);
/* True if version matches one of the blank-separated patterns ("1.31.*"); "" matches all. */
int whet_backend_version_ok(const char *patterns, const char *version);

#endif
