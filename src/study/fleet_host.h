/* SPDX-License-Identifier: Apache-2.0 */
/* One machine of a fleet: reached by ssh, it gets the bundle, the runtimes and the files of a study, and runs it.
 *
 * Its folder (~/.cache/whet-fleet unless told): bundles/<hash>/, files/<hash>/, runtimes/, runs/<hash>/. What is named by the hash
 * of its content is sent once; a folder under its final name is complete. The study runs there without the connection; it is asked
 * from time to time, and one that was lost is taken up again. */
#ifndef WHET_STUDY_FLEET_HOST_H
#define WHET_STUDY_FLEET_HOST_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"

typedef struct fleet_host {
    char *name;     /* in rows and messages */
    char *address;  /* user@machine */
    char *ssh;      /* further words for ssh, or NULL */
    char *folder;   /* there; NULL: the default */
    char *machine;  /* type that the bundle is for; NULL: what uname says */
    char *wrapper;  /* what starts programs of that type there, such as an emulator; NULL: nothing */
    char base[512], type[64], glibc[32];
    bool running, ended;
    int code;       /* of the study there */
    int64_t heard;  /* bytes of its talk that were passed on */
    char *error;    /* why it gives no rows; NULL: it does */
    json_t *doc;    /* its document */
} fleet_host;

void fleet_host_dispose(fleet_host *h);
/* All of these: ERUNTIME with the host's name and what it said. Lost connections are tried again for `patience` seconds. */
/* Type, glibc, room, folder. */
whet_status fleet_probe(fleet_host *h, double patience);
/* True if the folder `rel` (below its base) is complete there. */
whet_status fleet_has(fleet_host *h, const char *rel, double patience, bool *there);
/* Unpacks what `feeder` prints, or `file`, with `tar -x<how>f -` as folder `rel`, which is there when all has arrived. EIO if the
 * feeder fails. */
whet_status fleet_send(fleet_host *h, const char *rel, const char *how, char *const *feeder, const char *file, double patience);
/* Starts the study `text` (JSON) in runs/<run> with the program below `bundle`, unless it runs already or has ended. */
whet_status fleet_start(fleet_host *h, const char *run, const char *bundle, const char *text, const char *mode, double patience);
/* Waits at most some seconds; sets ended and code, passes on what it said. */
whet_status fleet_wait(fleet_host *h, const char *run, int seconds, double patience);
/* Interrupts it there and waits for it to have saved its state. Errors are ignored. */
void fleet_stop(fleet_host *h, const char *run);
/* h->doc. */
whet_status fleet_fetch(fleet_host *h, const char *run, double patience);

#endif
