/* SPDX-License-Identifier: Apache-2.0 */
/* The runtimes on this machine, and what of the machine disturbs measurements. */
#ifndef WHET_RUNTIME_H
#define WHET_RUNTIME_H

#include <stddef.h>

#include "whet/progress.h"
#include "whet/result.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct whet_runtimes_options {
    size_t size;         /* sizeof(whet_runtimes_options) */
    const char *program; /* path of the `whet` program, which probes each runtime in a process of its own; NULL: $WHET_PROGRAM,
                            else the running program */
} whet_runtimes_options;
void whet_runtimes_options_init(whet_runtimes_options *o);
/* What is installed, which version, what is missing and why. Kind "runtimes". opt may be NULL. */
whet_status whet_runtimes_list(whet_result **out, const whet_runtimes_options *opt);

typedef struct whet_runtime_install_options {
    size_t size;
    const char *from;    /* folder that holds the wheel; NULL: pip downloads it */
    whet_progress_fn progress;
    void *progress_arg;
    const char *arch;    /* type of machine to install for ("aarch64"), in a folder of its own; NULL: this one's */
} whet_runtime_install_options;
void whet_runtime_install_options_init(whet_runtime_install_options *o);
/* Fetches the pinned wheel of a runtime ("ort", or "ort@1.31.1" where several versions are pinned), checks its SHA-256 and keeps
 * its libraries in the user's data folder, each version in its own. Does nothing if it is there. Kind "runtimes-install". EUNAVAILABLE without pip or network; EFORMAT for an unknown hash. */
whet_status whet_runtime_fetch(whet_result **out, const char *name, const whet_runtime_install_options *opt);
/* The same for n of them. EINVAL before anything is fetched if a name is not known. Else each is tried, and *out holds `installs`, an
 * entry each (of the one, its fields stand beside it too); one that failed has `error` there, and the status is that of the first. */
whet_status whet_runtime_fetch_all(whet_result **out, const char *const *names, int n, const whet_runtime_install_options *opt);

/* Machine, virtual machine or container, governor, rights, runtimes, data: what is wrong and which command cures it. Kind
 * "doctor". Never a failure: findings are the result. opt may be NULL. */
whet_status whet_doctor(whet_result **out, const whet_runtimes_options *opt);

/* The body of the hidden command `worker`: a program that links whet and wants to measure by itself calls this when its
 * first argument is "worker", and exits with what it returns. */
int whet_worker_serve(void);

#ifdef __cplusplus
}
#endif
#endif
